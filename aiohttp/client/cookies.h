/* SPDX-License-Identifier: MIT */
/* The cookie jar inside the library: what the session asks of it. The model is in
 * <aiohttp/cookie_jar.h>. */
#pragma once

#include "base/bytes.h"

#include <aiohttp/cookie_jar.h>

/* Takes one field Set-Cookie of a response to `url` (absolute; the hop's own). 1 when the jar has
 * changed, 0 when it is to be ignored, -ENOMEM. */
int aiohttp__cookie_jar_receive(aiohttp_cookie_jar *jar, struct span set_cookie,
                                const aiohttp_url *url);

/* Appends the value of a field Cookie for a request to `url`: what the jar has for it, in the
 * order of RFC 6265, 5.4, then `own` (NULL: none), the request's own cookies, which replace the
 * jar's of their names. Nothing is appended when there are none. A jar of NULL has none. -EINVAL in
 * out->error for a name or value of `own` that cannot be sent, -ENOMEM, -EMSGSIZE. */
void aiohttp__cookie_jar_write(aiohttp_cookie_jar *jar, const aiohttp_url *url,
                               const aiohttp_multi_dict *own, struct bytes *out);

/* 1 when `domain` (lower case, ASCII) is one under which anybody registers: nobody's cookie may be
 * for all of it. Without libpsl: a name without a dot. */
bool aiohttp__is_public_suffix(const char *domain);

/* For tests: seconds since 1970, in place of the system's. NULL: the system's. */
void aiohttp__cookie_jar_clock(aiohttp_cookie_jar *jar, int64_t (*now)(void));
