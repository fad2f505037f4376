/* SPDX-License-Identifier: MIT */
/* Connectors: how a client's connections are made, and kept for the next request. aiohttp's
 * TCPConnector and UnixConnector.
 *
 *     aiohttp_connector *connector;
 *     int r = aiohttp_tcp_connector_new(&connector, .limit = 20, .limit_per_host = 4);
 *     if (r >= 0)
 *         r = aiohttp_client_session_new(&session, .connector = connector);
 *     aiohttp_connector_unref(connector);
 *
 * POOL       A connection that can be used again is kept for `keepalive_timeout` seconds and taken
 *            by the next request that wants the same: scheme, host, port, TLS context, verified
 *            name, fingerprint, proxy and its headers. The one that was used last comes first.
 *            Before it is used it is looked at: one that the server has closed meanwhile, or has
 *            sent something on, is dropped.
 * LIMITS     `limit` counts what is open: in use, idle, or being made; `limit_per_host` the same
 *            of what can take each other's place (all of the above is the same: as aiohttp counts,
 *            a host through a proxy is another one than without). At the limit an idle connection
 *            to elsewhere makes room; without one requests wait, the first one first. A wait that
 *            is cancelled costs nobody a place.
 * NAMES      A literal address is used as it is; names are asked of `.resolver`, or else of the
 *            loop, which keeps them and asks once for who want the same (<asyncio/names.h>).
 *            IPv4 and IPv6 take turns (RFC 8305); what a resolver gives is tried in its order. So
 *            this remembers no name itself.
 * PROXIES    The user and password of a proxy's URL are sent as Basic, in clear, until the proxy
 *            asks for Digest (407): then the request is sent once more, with an answer to that, and
 *            so are later ones. With `.proxy_digest` the password is never sent itself: a proxy
 *            that wants Basic is refused it.
 * TLS        Certificates are verified unless `.ssl` is a context that does not. The default
 *            context is made when it is first wanted. Only http/1.1 is offered by ALPN.
 * CLOSE      aiohttp_connector_close returns when all its connections are closed.
 * OWNERSHIP  Counted. A session closes the connector that it was given, unless told not to.
 * THREADS    The loop of its first request.
 * SOURCE     aiohttp's connector.py and resolver.py. */
#pragma once

#include <aiohttp/macros.h>
#include <asyncio/connect.h>

ASYNCIO__BEGIN

typedef struct aiohttp_connector aiohttp_connector;

/* --- resolvers --- */

/* An address that a resolver has found, as a literal: "192.0.2.1", "2001:db8::1". */
typedef struct aiohttp_resolved {
    char address[64];
} aiohttp_resolved;

enum { AIOHTTP_RESOLVED_MAX = 16 };

/* aiohttp's AbstractResolver. */
typedef struct aiohttp_resolver {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_resolver));
    /* The addresses of `host`, which is no literal one; at most `capacity`, in the order in which
     * they are tried. How many; -ASYNCIO_RESOLVE and others. May suspend; the time limit is the
     * caller's. */
    int (*resolve)(const char *host, int port, int family, aiohttp_resolved *ret_addresses,
                   size_t capacity, void *data) ASYNCIO__0;
    void (*close)(void *data) ASYNCIO__0; /* NULL, or called once, with the connector's end */
    void *data ASYNCIO__0;
} aiohttp_resolver;

/* --- connectors --- */

#define AIOHTTP__DEFAULT_LIMIT 100
#define AIOHTTP__DEFAULT_POOL_IDLE_TIME 15.0
#define AIOHTTP__DEFAULT_HAPPY_EYEBALLS_DELAY 0.25
#define AIOHTTP__DEFAULT_ADDRESS_TIMEOUT 10.0

typedef struct aiohttp_connector_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_connector_options));
    /* connections, in all and to one host, see LIMITS; AIOHTTP_UNLIMITED; 0 is -EINVAL for `limit`,
     * and no limit of its own for a host */
    size_t limit ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_LIMIT);
    size_t limit_per_host ASYNCIO__0;
    double keepalive_timeout ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_POOL_IDLE_TIME); /* seconds */
    int force_close ASYNCIO__0; /* 1: each connection serves one request */
    int family ASYNCIO__0;      /* AF_INET, AF_INET6, 0: either */
    asyncio_addr local_addr ASYNCIO__0; /* bind to it first; borrowed for good */
    /* seconds; ASYNCIO_NONE: one address after the other */
    double happy_eyeballs_delay ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_HAPPY_EYEBALLS_DELAY);
    int interleave ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_INTERLEAVE); /* see <asyncio/connect.h> */
    /* seconds for one of several addresses, then the next one has its turn; ASYNCIO_NONE: any */
    double address_timeout ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_ADDRESS_TIMEOUT);
    asyncio_ssl_context *ssl ASYNCIO__0; /* of https (one more reference); NULL: the default one */
    const aiohttp_resolver *resolver ASYNCIO__0; /* copied; NULL: the loop's own */
    /* 1: user and password of a proxy's URL are for Digest alone, and never sent as Basic */
    int proxy_digest ASYNCIO__0;
} aiohttp_connector_options;

/* A connector for TCP. ret_connector returns new. -EINVAL for options that make no sense, -ENOMEM.
 * Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_tcp_connector_new(
    aiohttp_connector **ret_connector, const aiohttp_connector_options *options);

/* A connector whose connections all go to the AF_UNIX socket at `path` (copied; '@': an abstract
 * name), whatever the host of the URL is. As tcp_connector_new. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_unix_connector_new(const char *path, aiohttp_connector **ret_connector,
                           const aiohttp_connector_options *options);

/* One more reference; returns it. NULL allowed. Does not suspend. */
AIOHTTP_API aiohttp_connector *aiohttp_connector_ref(aiohttp_connector *connector);

/* Gives a reference back; the last one of a connector that is not closed ends its idle connections
 * at once. NULL allowed. Does not suspend. */
AIOHTTP_API void aiohttp_connector_unref(aiohttp_connector *connector);

/* Ends all connections, also those in use, whose requests fail with -ECONNRESET, and returns when
 * their descriptors are closed; waiting requests fail with -AIOHTTP_SESSION_CLOSED. 0; -ECANCELED:
 * they are closed without being waited for. A second call waits too. Suspends. */
AIOHTTP_API int aiohttp_connector_close(aiohttp_connector *connector);

/* 1 once it is closed. Does not suspend. */
AIOHTTP_API int aiohttp_connector_closed(const aiohttp_connector *connector);

/* What a connector has. */
typedef struct aiohttp_connector_stats {
    size_t size;      /* of what was filled in */
    size_t in_use;    /* connections that carry a request, or are being made */
    size_t idle;
    size_t waiting;   /* requests without a connection */
    uint64_t created; /* connections in all */
    uint64_t reused;  /* requests on one that had been used */
    uint64_t stale;   /* that were found to be closed when they were wanted */
} aiohttp_connector_stats;

/* Stores them. Does not suspend. */
AIOHTTP_API void aiohttp_connector_get_stats(const aiohttp_connector *connector,
                                             aiohttp_connector_stats *ret_stats, size_t size);

ASYNCIO_MUST_CHECK static inline int
aiohttp__tcp_connector_new_v(aiohttp_connector **ret_connector, aiohttp_connector_options options)
{
    return aiohttp_tcp_connector_new(ret_connector, &options);
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__unix_connector_new_v(const char *path, aiohttp_connector **ret_connector,
                              aiohttp_connector_options options)
{
    return aiohttp_unix_connector_new(path, ret_connector, &options);
}

ASYNCIO__END

#define AIOHTTP__CONNECTOR_DEFAULTS                                                                \
    (.limit = AIOHTTP__DEFAULT_LIMIT, .keepalive_timeout = AIOHTTP__DEFAULT_POOL_IDLE_TIME,     \
     .happy_eyeballs_delay = AIOHTTP__DEFAULT_HAPPY_EYEBALLS_DELAY,                                \
     .interleave = ASYNCIO__DEFAULT_INTERLEAVE,                                                    \
     .address_timeout = AIOHTTP__DEFAULT_ADDRESS_TIMEOUT, )
#define aiohttp_tcp_connector_new(...) aiohttp__tcp_connector_new_m(__VA_ARGS__, )
#define aiohttp__tcp_connector_new_m(ret_connector, ...)                                           \
    aiohttp__tcp_connector_new_v(ret_connector,                                                    \
                                 ASYNCIO__OPTIONS(aiohttp_connector_options,                       \
                                                  AIOHTTP__CONNECTOR_DEFAULTS, __VA_ARGS__))
#define aiohttp_unix_connector_new(...) aiohttp__unix_connector_new_m(__VA_ARGS__, )
#define aiohttp__unix_connector_new_m(path, ret_connector, ...)                                    \
    aiohttp__unix_connector_new_v(path, ret_connector,                                             \
                                  ASYNCIO__OPTIONS(aiohttp_connector_options,                      \
                                                   AIOHTTP__CONNECTOR_DEFAULTS, __VA_ARGS__))
#if !defined(AIOHTTP__BUILD)
#define aiohttp_connector_get_stats(connector, ret_stats)                                          \
    (aiohttp_connector_get_stats)(connector, ret_stats, sizeof *(ret_stats))
#endif
