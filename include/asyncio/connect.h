/* SPDX-License-Identifier: MIT */
/* Opening connections: from a host and a port, a path or a descriptor to a stream.
 *
 * ADDRESSES  A name may have several addresses. They are tried in turn, and the first connection
 *            is the one. With `.happy_eyeballs_delay` (RFC 8305 says 0.25) the next attempt starts
 *            when the one before has not succeeded after so many seconds, and IPv6 and IPv4 take
 *            turns: a network in which one of them is broken costs that much and no more.
 * ERRORS     When all fail, the result is that of the last address, and its record
 *            (asyncio_last_error) has the errors of all of them, in their order.
 * CANCEL     A cancelled call returns at once; a connection that comes later is closed.
 * SOURCE     CPython's Lib/asyncio/streams.py, base_events.py (create_connection), unix_events.py
 *            (create_unix_connection). */
#pragma once

#include <asyncio/ssl.h>
#include <asyncio/stream.h>

ASYNCIO__BEGIN

#define ASYNCIO__DEFAULT_SOCK (-1)
#define ASYNCIO__DEFAULT_INTERLEAVE (-1)

/* Python's tuple of host and port: `.local_addr = { "127.0.0.1", 0 }`. */
typedef struct asyncio_addr {
    const char *host ASYNCIO__0;      /* a name or a literal address; borrowed */
    int port ASYNCIO__0;              /* 0: any */
} asyncio_addr;

typedef struct asyncio_open_connection_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_open_connection_options));
    size_t limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_LIMIT);  /* bytes */
    int family ASYNCIO__0;                                  /* AF_INET, AF_INET6, 0: either */
    int proto ASYNCIO__0;
    int flags ASYNCIO__0;                                   /* AI_..., of getaddrinfo */
    /* a connected stream socket, in place of host and port (NULL and 0); taken on success,
     * with `.ssl` also when the handshake fails */
    int sock ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SOCK);
    asyncio_addr local_addr ASYNCIO__0;                     /* bind to it first */
    double happy_eyeballs_delay ASYNCIO__DEFAULT(ASYNCIO_NONE); /* seconds */
    /* how many addresses of the first family come before families take turns; 0: they do not; by
     * default 1 with a happy_eyeballs_delay, else 0 */
    int interleave ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_INTERLEAVE);
    asyncio_ssl_context *ssl ASYNCIO__0;                    /* TLS from the first byte on */
    const char *server_hostname ASYNCIO__0;                 /* of the certificate; NULL: `host` */
    /* seconds */
    double ssl_handshake_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT);
    double ssl_shutdown_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT);
    int keep_alive ASYNCIO__0;                              /* SO_KEEPALIVE */
} asyncio_open_connection_options;

/* Connects to `host` (a name or a literal address; NULL or "": this host) and `port`. ret_stream
 * returns new. A socket that the kernel connects with itself, on a port of this host where nobody
 * listens, is -ECONNREFUSED. With `.ssl` the handshake is done when it returns; how that can fail
 * is told in ssl.h. -ASYNCIO_RESOLVE, the error of the last address, -EINVAL (options that exclude
 * one another), -ENOTCONN and -EBADF (`.sock`), -ECANCELED, -ENOMEM. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_open_connection(
    const char *host, int port, asyncio_stream **ret_stream,
    const asyncio_open_connection_options *options);
#define asyncio_open_connection(...) asyncio__open_connection_m(__VA_ARGS__, )
#define asyncio__open_connection_m(host, port, ret_stream, ...)                                    \
    asyncio__open_connection_v(host, port, ret_stream,                                             \
                               ASYNCIO__OPTIONS(asyncio_open_connection_options,                   \
                                                (.limit = ASYNCIO__DEFAULT_LIMIT,                  \
                                                 .sock = ASYNCIO__DEFAULT_SOCK,                    \
                                                 .happy_eyeballs_delay = ASYNCIO_NONE,             \
                                                 .interleave = ASYNCIO__DEFAULT_INTERLEAVE,        \
                                                 ASYNCIO__DEFAULT_SSL_TIMEOUTS),                   \
                                                __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__open_connection_v(
    const char *host, int port, asyncio_stream **ret_stream,
    asyncio_open_connection_options options)
{
    return (asyncio_open_connection)(host, port, ret_stream, &options);
}

typedef struct asyncio_open_unix_connection_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_open_unix_connection_options));
    size_t limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_LIMIT);  /* bytes */
    /* a connected AF_UNIX stream socket, in place of a path (NULL); taken on success */
    int sock ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SOCK);
    asyncio_ssl_context *ssl ASYNCIO__0;                    /* TLS from the first byte on */
    /* of the certificate; NULL: it must be said */
    const char *server_hostname ASYNCIO__0;
    /* seconds */
    double ssl_handshake_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT);
    double ssl_shutdown_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT);
} asyncio_open_unix_connection_options;

/* Connects to the AF_UNIX socket at `path`; one that begins with '@' is an abstract name. Waits
 * while the listener is full. ret_stream returns new. -ENOENT, -ECONNREFUSED, -EACCES,
 * -ENAMETOOLONG, -EINVAL, -ECANCELED, -ENOMEM. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_open_unix_connection(
    const char *path, asyncio_stream **ret_stream,
    const asyncio_open_unix_connection_options *options);
#define asyncio_open_unix_connection(...) asyncio__open_unix_connection_m(__VA_ARGS__, )
#define asyncio__open_unix_connection_m(path, ret_stream, ...)                                     \
    asyncio__open_unix_connection_v(path, ret_stream,                                              \
                                    ASYNCIO__OPTIONS(asyncio_open_unix_connection_options,         \
                                                     (.limit = ASYNCIO__DEFAULT_LIMIT,             \
                                                      .sock = ASYNCIO__DEFAULT_SOCK,               \
                                                      ASYNCIO__DEFAULT_SSL_TIMEOUTS),              \
                                                     __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__open_unix_connection_v(
    const char *path, asyncio_stream **ret_stream, asyncio_open_unix_connection_options options)
{
    return (asyncio_open_unix_connection)(path, ret_stream, &options);
}

typedef struct asyncio_connect_accepted_socket_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_connect_accepted_socket_options));
    size_t limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_LIMIT);  /* bytes */
    asyncio_ssl_context *ssl ASYNCIO__0;                    /* TLS, as its server */
    /* seconds */
    double ssl_handshake_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT);
    double ssl_shutdown_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT);
} asyncio_connect_accepted_socket_options;

/* Makes a stream of a connected stream socket that somebody else has accepted: a library, a parent
 * process. `descriptor` is taken on success; it becomes non-blocking and close-on-exec. ret_stream
 * returns new. -EBADF, -ENOTCONN, -EINVAL (no stream socket), -ENOMEM. Suspends with `.ssl`, until
 * the handshake is done. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_connect_accepted_socket(
    int descriptor, asyncio_stream **ret_stream,
    const asyncio_connect_accepted_socket_options *options);
#define asyncio_connect_accepted_socket(...) asyncio__connect_accepted_socket_m(__VA_ARGS__, )
#define asyncio__connect_accepted_socket_m(descriptor, ret_stream, ...)                            \
    asyncio__connect_accepted_socket_v(                                                            \
        descriptor, ret_stream,                                                                    \
        ASYNCIO__OPTIONS(asyncio_connect_accepted_socket_options,                                  \
                         (.limit = ASYNCIO__DEFAULT_LIMIT, ASYNCIO__DEFAULT_SSL_TIMEOUTS),         \
                         __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__connect_accepted_socket_v(
    int descriptor, asyncio_stream **ret_stream, asyncio_connect_accepted_socket_options options)
{
    return (asyncio_connect_accepted_socket)(descriptor, ret_stream, &options);
}

ASYNCIO__END
