/* SPDX-License-Identifier: MIT */
/* A cookie jar: what its files share. The rules are in cookie_jar.c, where cookies lie in
 * cookie_store.c, what is sent in cookie_send.c, the file in cookie_file.c. */
#pragma once

#include "client/cookie_store.h"
#include "client/cookies.h"

struct aiohttp_cookie_jar {
    unsigned references;
    bool is_dummy, is_unsafe, quotes;
    aiohttp_url **secure_origins; /* NULL behind the last; or NULL */
    int64_t (*now)(void);
    aiohttp_limits limits;
    struct cookie_store store;
};

/* The host and the path of a URL that cookies come from or go to. */
struct cookie_place {
    struct span host, path; /* host: lower case, ASCII */
    bool is_address;        /* the host is an IP address */
    bool is_secure;
};

/* False: it has no host, so there are no cookies. */
bool aiohttp__cookie_place(const aiohttp_cookie_jar *jar, const aiohttp_url *url,
                           struct cookie_place *ret_place);

/* Whether `host` is `domain` or below it (RFC 6265, 5.1.3); addresses are below nothing. */
bool aiohttp__cookie_domain_matches(struct span host, struct span domain, bool is_address);

/* Whether `path` is `folder` or below it (RFC 6265, 5.1.4). */
bool aiohttp__cookie_path_matches(struct span path, struct span folder);
