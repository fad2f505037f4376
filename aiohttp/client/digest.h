/* SPDX-License-Identifier: MIT */
/* Digest authentication (RFC 7616), without any I/O: from the challenge of a 401 to the value of
 * Authorization; or, for a proxy, from a 407 to Proxy-Authorization.
 *
 * MODEL      A digest begins empty (zeroed). It learns a challenge (aiohttp__digest_learn), of
 *            several the strongest, and from then on writes the field for any request in its
 *            protection space (aiohttp__digest_write), with a count for the nonce that goes up. It
 *            belongs to the origin it learnt from first, for good, and writes nothing for another:
 *            what a redirect leads to, and what domain= names elsewhere, never gets an answer
 *            (CVE-2026-54276).
 * STRENGTH   SHA-512-256, SHA-256, MD5, each with -sess; qop auth-int (with a body that is
 *            known) before auth; without qop as RFC 2069 has it.
 * ERRORS     -EACCES: the challenge was refused again, so user or password are wrong (and not: the
 *            nonce is stale). -ENOTSUP: none of its algorithms, or qops, is known here. */
#pragma once

#include "base/bytes.h"
#include "base/hash.h"
#include "wire/challenge.h"

#include <aiohttp/headers.h>
#include <aiohttp/url.h>

struct digest {
    aiohttp_url *origin;  /* NULL: nothing was learnt, ever */
    char *text;           /* that the next lie in; NULL: there is no challenge */
    struct span realm, nonce, opaque, domain, algorithm; /* unquoted; data NULL: not given */
    enum hash hash;
    bool is_session;      /* -sess */
    bool has_qop, has_auth, has_auth_int, has_userhash, has_utf8;
    char session_cnonce[65]; /* of -sess: that the session began with; or "" */
    uint32_t count;       /* requests with this nonce */
};

/* A request that is to be authorized. */
struct digest_request {
    const char *user, *password;
    const char *method;
    const aiohttp_url *url; /* of the server, or the proxy: whom it goes to */
    struct span body;     /* of auth-int; data NULL: not known, then auth-int is not used */
    const char *cnonce;   /* for tests; NULL: random */
    const char *target;   /* what is asked for, as the request line has it; NULL: the URL's path */
};

void aiohttp__digest_fini(struct digest *digest);

/* Takes the strongest challenge of the fields `field` (WWW-Authenticate, Proxy-Authenticate) of a
 * response of `url`; `was_sent`: the request had an answer of ours. 1: the request is worth sending
 * again. 0: there is no digest challenge, or it is of another origin. -EACCES, -ENOTSUP, -EINVAL
 * (broken), -ENOMEM. */
int aiohttp__digest_learn(struct digest *digest, const aiohttp_headers *headers,
                          const char *field, const aiohttp_url *url,
                          bool was_sent) ASYNCIO_MUST_CHECK;

/* Whether `url` has the origin that the digest belongs to; true when it has none yet. */
bool aiohttp__digest_is_ours(const struct digest *digest, const aiohttp_url *url);

/* Whether a request to `url` may be answered before it is asked: same origin, within domain=. */
bool aiohttp__digest_covers(const struct digest *digest, const aiohttp_url *url);

/* Appends the value of Authorization. 0; -EINVAL: nothing was learnt, another origin, a user with a
 * colon or control character; -ENOTSUP: auth-int is wanted, and the body is not known; -ENOMEM,
 * -EIO (no randomness). */
int aiohttp__digest_write(struct digest *digest, const struct digest_request *request,
                          struct bytes *out) ASYNCIO_MUST_CHECK;
