/* SPDX-License-Identifier: MIT */
/* The user's ~/.netrc: who one is on which host.
 *
 * MODEL   The file that $NETRC names, or ~/.netrc, is read anew each time, without blocking the
 *         loop. It has passwords: one that belongs to somebody else, or that others may read or
 *         write, is refused. */
#pragma once

#include <asyncio/macros.h>

/* What the file says of a host (lower case): 1, and both are new (asyncio_mem_free); 0: nothing, or
 * there is no file. -EPERM: it is not safe to use; -EINVAL: it is no netrc, the record says which
 * line; -EFBIG, -EACCES and so on, -ENOMEM, -ECANCELED. Suspends. */
int aiohttp__netrc_find(const char *host, char **ret_user, char **ret_password)
    ASYNCIO_MUST_CHECK;
