/* SPDX-License-Identifier: MIT */
/* Who a client is: Basic and Digest authentication. aiohttp's encode_basic_auth and
 * DigestAuthMiddleware.
 *
 *     aiohttp_digest_auth_middleware *digest;
 *     int r = aiohttp_digest_auth_middleware_new("me", "secret", &digest);
 *     aiohttp_client_middleware_entry entry = { aiohttp_digest_auth_middleware_call, digest };
 *     r = aiohttp_client_session_new(&session, .middlewares = &entry, .middleware_count = 1);
 *
 * BASIC      The password goes with every request, readable: over https only.
 * DIGEST     A request that is answered 401 with a challenge is sent again, once, with an answer
 *            to it; later ones carry theirs from the beginning (unless not `.preemptive`), within
 *            what the server's domain= names. SHA-512-256, SHA-256 and MD5, the strongest that is
 *            offered; -sess; qop auth-int where the body is in memory, else auth (RFC 7616).
 * ORIGIN     The first origin that is asked through the middleware is the one that it answers, for
 *            good: what a redirect or a hostile server elsewhere asks for, it gets as it was.
 *            (CVE-2026-54276.) So each server has a middleware of its own.
 * REFUSED    When user and password are wrong the second 401 is the response. A challenge without
 *            an algorithm that is known is the response too.
 * OWNERSHIP  Counted; a session borrows it: it lives as long as that.
 * THREADS    The session's loop; requests in any number of its tasks share it.
 * SOURCE     aiohttp's client_middleware_digest_auth.py, helpers.py. */
#pragma once

#include <aiohttp/client_request.h>

ASYNCIO__BEGIN

typedef struct aiohttp_digest_auth_middleware aiohttp_digest_auth_middleware;

#define AIOHTTP__DEFAULT_PREEMPTIVE 1

typedef struct aiohttp_digest_auth_middleware_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_digest_auth_middleware_options));
    int preemptive ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_PREEMPTIVE); /* 0: each request is asked */
} aiohttp_digest_auth_middleware_options;

/* Makes a middleware for a user (without a colon or control characters) and a password, UTF-8, both
 * copied: new, with one reference. -EINVAL, -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_digest_auth_middleware_new(
    const char *login, const char *password, aiohttp_digest_auth_middleware **ret_middleware,
    const aiohttp_digest_auth_middleware_options *options);
#define aiohttp_digest_auth_middleware_new(...)                                                    \
    aiohttp__digest_auth_middleware_new_m(__VA_ARGS__, )
#define aiohttp__digest_auth_middleware_new_m(login, password, ret_middleware, ...)                \
    aiohttp__digest_auth_middleware_new_v(                                                         \
        login, password, ret_middleware,                                                           \
        ASYNCIO__OPTIONS(aiohttp_digest_auth_middleware_options,                                   \
                         (.preemptive = AIOHTTP__DEFAULT_PREEMPTIVE, ), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int
aiohttp__digest_auth_middleware_new_v(const char *login, const char *password,
                                      aiohttp_digest_auth_middleware **ret_middleware,
                                      aiohttp_digest_auth_middleware_options options)
{
    return (aiohttp_digest_auth_middleware_new)(login, password, ret_middleware, &options);
}

/* The middleware itself, for aiohttp_client_middleware_entry; `data` is what _new has made. As
 * aiohttp_client_middleware. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_digest_auth_middleware_call(aiohttp_client_request *request, aiohttp_client_next *next,
                                    aiohttp_client_response **ret_response, void *data);

/* One more reference; returns it. NULL allowed. Does not suspend. */
AIOHTTP_API aiohttp_digest_auth_middleware *
aiohttp_digest_auth_middleware_ref(aiohttp_digest_auth_middleware *middleware);

/* Gives a reference back. NULL allowed. Does not suspend. */
AIOHTTP_API void
aiohttp_digest_auth_middleware_unref(aiohttp_digest_auth_middleware *middleware);

/* "Basic ..." of a user and a password, UTF-8, for `.authorization` or the field Authorization: new
 * (asyncio_mem_free). -EINVAL: a colon in the user, control characters; -ENOMEM. Any thread; does
 * not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_encode_basic_auth(const char *login,
                                                             const char *password,
                                                             char **ret_value);

ASYNCIO__END
