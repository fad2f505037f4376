/* SPDX-License-Identifier: MIT */
/* Servers: a task for each connection.
 *
 * MODEL      A server listens on one socket for each address, and runs its handler as a task for
 *            each connection.
 * OWNERSHIP  A handler owns nothing: its stream is flushed and closed when it returns.
 * SOURCE     CPython's Lib/asyncio/streams.py, base_events.py (create_server, Server). */
#pragma once

#include <asyncio/ssl.h>
#include <asyncio/stream.h>

ASYNCIO__BEGIN

typedef struct asyncio_server asyncio_server;

#define ASYNCIO__DEFAULT_BACKLOG 100
#define ASYNCIO__DEFAULT_REUSE_ADDRESS 1

/* Handles one connection, in a task of its own. */
typedef int asyncio_client_connected(asyncio_stream *stream, void *data);

typedef struct asyncio_start_server_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_start_server_options));
    size_t limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_LIMIT);  /* bytes, of each stream */
    int backlog ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_BACKLOG);
    int family ASYNCIO__0;                                  /* AF_INET, AF_INET6, 0: either */
    int reuse_address ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_REUSE_ADDRESS);
    int reuse_port ASYNCIO__0;
    size_t stack_size ASYNCIO__0;                           /* of the handlers' tasks */
    /* accepts no more than this at a time; 0: no limit */
    unsigned max_connections ASYNCIO__0;
    /* TLS from the first byte on: the handler is called when the handshake is done */
    asyncio_ssl_context *ssl ASYNCIO__0;
    /* seconds */
    double ssl_handshake_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT);
    double ssl_shutdown_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT);
    void *data ASYNCIO__0;                                  /* the handler's second argument */
    void (*destroy)(void *data) ASYNCIO__0;                 /* called once, with the server */
} asyncio_start_server_options;

/* Listens on `host` (NULL or "": all interfaces) and `port` (0: one that is free), and runs
 * `handler(stream, data)` as a task for each connection; it may leave out `data`. A handler's
 * negative result, but -ECANCELED, goes to the exception handler. ret_server returns new. A client
 * whose TLS handshake fails is dropped without a word, as in Python. -EADDRINUSE, -EACCES,
 * -ASYNCIO_RESOLVE, -ENOMEM, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_start_server(
    asyncio_client_connected *handler, const char *host, int port, asyncio_server **ret_server,
    const asyncio_start_server_options *options);

/* Serves until cancelled, then closes and waits for the connections. -ECANCELED;
 * -ASYNCIO_INVALID_STATE when it is closed or served by another task. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_server_serve_forever(asyncio_server *server);

/* Stops listening; connections live on. Twice is harmless. Does not suspend. */
ASYNCIO_API void asyncio_server_close(asyncio_server *server);

/* Waits until it is closed and the last connection has ended. -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_server_wait_closed(asyncio_server *server);

/* Closes every connection: what is unsent goes out first. Does not suspend. */
ASYNCIO_API void asyncio_server_close_clients(asyncio_server *server);

/* Ends every connection at once. Does not suspend. */
ASYNCIO_API void asyncio_server_abort_clients(asyncio_server *server);

/* 1 while it listens. */
ASYNCIO_API int asyncio_server_is_serving(const asyncio_server *server);

/* The port it listens on, of its first socket. -ASYNCIO_INVALID_STATE when it is closed. */
ASYNCIO_API int asyncio_server_port(const asyncio_server *server);

/* How many connections are open. */
ASYNCIO_API size_t asyncio_server_connections(const asyncio_server *server);

/* Takes one more reference and returns it. NULL allowed. */
ASYNCIO_API asyncio_server *asyncio_server_ref(asyncio_server *server);

/* Gives a reference back; the last one closes it. NULL allowed. */
ASYNCIO_API void asyncio_server_unref(asyncio_server *server);

ASYNCIO_MUST_CHECK static inline int asyncio__start_server_v(asyncio_client_connected *handler,
                                                             const char *host, int port,
                                                             asyncio_server **ret_server,
                                                             asyncio_start_server_options options)
{
    return asyncio_start_server(handler, host, port, ret_server, &options);
}

ASYNCIO__END

#define ASYNCIO__CLIENT_CONNECTED(fn)                                                              \
    ASYNCIO__CALLBACK(asyncio_client_connected, fn, int (*)(asyncio_stream *, void *),             \
                      int (*)(asyncio_stream *))

#define asyncio_start_server(...) asyncio__start_server_m(__VA_ARGS__, )
#define asyncio__start_server_m(handler, host, port, ret_server, ...)                              \
    asyncio__start_server_v(ASYNCIO__CLIENT_CONNECTED(handler), host, port, ret_server,            \
                            ASYNCIO__OPTIONS(asyncio_start_server_options,                         \
                                             (.limit = ASYNCIO__DEFAULT_LIMIT,                     \
                                              .backlog = ASYNCIO__DEFAULT_BACKLOG,                 \
                                              .reuse_address = ASYNCIO__DEFAULT_REUSE_ADDRESS,     \
                                              ASYNCIO__DEFAULT_SSL_TIMEOUTS),                      \
                                             __VA_ARGS__))
