/* SPDX-License-Identifier: MIT */
/* Opening connections: from a host and a port to a stream.
 *
 * SOURCE     CPython's Lib/asyncio/streams.py, base_events.py (create_connection). */
#pragma once

#include <asyncio/ssl.h>
#include <asyncio/stream.h>

ASYNCIO__BEGIN

typedef struct asyncio_open_connection_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_open_connection_options));
    size_t limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_LIMIT);  /* bytes */
    const char *local_host ASYNCIO__0;                      /* bind to it first; None is NULL */
    int local_port ASYNCIO__0;
    int family ASYNCIO__0;                                  /* AF_INET, AF_INET6, 0: either */
    asyncio_ssl_context *ssl ASYNCIO__0;                    /* TLS from the first byte on */
    const char *server_hostname ASYNCIO__0;                 /* of the certificate; NULL: `host` */
    /* seconds */
    double ssl_handshake_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT);
    double ssl_shutdown_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT);
} asyncio_open_connection_options;

/* Connects to `host` (a name or a literal address) and `port`, trying its addresses in turn.
 * ret_stream returns new. A socket that the kernel connects with itself, on a port of this host
 * where nobody listens, is -ECONNREFUSED. With `.ssl` the handshake is done when it returns; how
 * that can fail is told in ssl.h. -ASYNCIO_RESOLVE, the error of the last attempt, -ECANCELED,
 * -ENOMEM. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_open_connection(
    const char *host, int port, asyncio_stream **ret_stream,
    const asyncio_open_connection_options *options);
#define asyncio_open_connection(...) asyncio__open_connection_m(__VA_ARGS__, )
#define asyncio__open_connection_m(host, port, ret_stream, ...)                                    \
    asyncio__open_connection_v(host, port, ret_stream,                                             \
                               ASYNCIO__OPTIONS(asyncio_open_connection_options,                   \
                                                (.limit = ASYNCIO__DEFAULT_LIMIT,                  \
                                                 ASYNCIO__DEFAULT_SSL_TIMEOUTS),                   \
                                                __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__open_connection_v(
    const char *host, int port, asyncio_stream **ret_stream,
    asyncio_open_connection_options options)
{
    return (asyncio_open_connection)(host, port, ret_stream, &options);
}

ASYNCIO__END
