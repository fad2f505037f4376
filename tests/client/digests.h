/* SPDX-License-Identifier: MIT */
/* What the servers and proxies of the tests know of Digest: by SHA-256, with qop "auth" and
 * "auth-int". */
#pragma once

#include "client/client_test.h"

#include "../aiohttp/base/hash.h"

/* The value of a parameter, named with what stands before it: " nonce=\"", "nc=". Lent for a
 * while. */
static inline const char *digest_parameter(const char *field, const char *name)
{
    static char text[8][512];
    static unsigned turn;
    char *out = text[turn++ % 8];
    const char *at = strstr(field, name);
    out[0] = '\0';
    if (at)
        snprintf(out, sizeof text[0], "%.*s", (int)strcspn(at + strlen(name), "\","),
                 at + strlen(name));
    return out;
}

static inline void digest_hash(const char *text, char out[65])
{
    unsigned char hash[HASH_MOST];
    struct span span = span_of(text);
    int size = aiohttp__hash(HASH_SHA256, &span, 1, hash);
    aiohttp__hex(out, hash, size > 0 ? (size_t)size : 0);
    out[size > 0 ? 2 * size : 0] = '\0';
}

/* Whether the field answers for this request; `user` is "name:realm:password". With a body it does
 * so by auth-int. */
static inline bool digest_is_right(const char *field, const char *user, const char *method,
                                   const char *target, const char *body)
{
    char one[65], two[65], hashed[65], text[1024], response[65];
    digest_hash(user, one);
    digest_hash(body ? body : "", hashed);
    snprintf(text, sizeof text, "%s:%s%s%s", method, target, body ? ":" : "", body ? hashed : "");
    digest_hash(text, two);
    snprintf(text, sizeof text, "%s:%s:%s:%s:%s:%s", one, digest_parameter(field, " nonce=\""),
             digest_parameter(field, "nc="), digest_parameter(field, "cnonce=\""),
             body ? "auth-int" : "auth", two);
    digest_hash(text, response);
    return strcmp(digest_parameter(field, "uri=\""), target) == 0 &&
           strcmp(digest_parameter(field, "response=\""), response) == 0;
}
