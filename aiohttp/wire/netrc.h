/* SPDX-License-Identifier: MIT */
/* The text of a netrc file, as Python's netrc and ftp(1) read it.
 *
 * MODEL  Words: `machine NAME` or `default`, then `login`, `account` (or `user`) and `password`
 *        with a word each. A word may stand in quotes, and \ takes the next byte as it is. A #
 *        that begins a word where a keyword could be is a comment to the end of the line. `macdef
 *        NAME` is skipped, to the next empty line. */
#pragma once

#include "base/bytes.h"

struct netrc {
    struct span login, password; /* of `out`; empty when it was not said */
    size_t line;                 /* of an error: the first is 1 */
};

/* What it says of a host: 1, the first entry of that name (any case), or else the default's. What
 * is found is appended to `out`, which must not grow while it is used. 0: nothing. -EINVAL: it is
 * none, *ret_netrc has the line. -ENOMEM, -EMSGSIZE. */
int aiohttp__netrc_read(struct bytes *out, struct span text, struct span host,
                        struct netrc *ret_netrc);
