/* SPDX-License-Identifier: MIT */
/* Authorization: Basic (RFC 7617). */
#pragma once

#include "base/bytes.h"

/* Appends "Basic ..." of a user and a password. -EINVAL in out->error: a user with a colon, a
 * control character in either. */
void aiohttp__basic_write(struct bytes *out, struct span user, struct span password);

/* Reads the field: user and password as spans of what is appended to `out` (which must not grow
 * after that). 0 or -EINVAL: another scheme, no base64, no colon, a control character. */
int aiohttp__basic_read(struct bytes *out, struct span field, struct span *ret_user,
                        struct span *ret_password);
