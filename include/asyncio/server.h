/* SPDX-License-Identifier: MIT */
/* Servers: a task for each connection.
 *
 * MODEL      A server is bound to one socket for each address, all or none, and runs its handler
 *            as a task for each connection. Closed, it takes no more; connections live on.
 * OWNERSHIP  A handler owns nothing: its stream is flushed and closed when it returns.
 * FULL       When descriptors or memory run out (-EMFILE and its like), accepting rests for a tenth
 *            of a second, is reported no more than once a second, and goes on.
 * FILES      A socket that is in the way of an AF_UNIX server is removed, as CPython does. Its own
 *            file goes when the server closes, if it is still the one it has made; not in a child
 *            that was forked off.
 * SOURCE     CPython's Lib/asyncio/streams.py, base_events.py (create_server, Server),
 *            unix_events.py (create_unix_server); sd_listen_fds(3). */
#pragma once

#include <asyncio/connect.h>

ASYNCIO__BEGIN

typedef struct asyncio_server asyncio_server;

#define ASYNCIO__DEFAULT_BACKLOG 100
#define ASYNCIO__DEFAULT_REUSE_ADDRESS 1
#define ASYNCIO__DEFAULT_START_SERVING 1
#define ASYNCIO__DEFAULT_CLEANUP_SOCKET 1
#define ASYNCIO__DEFAULT_FLAGS 1 /* AI_PASSIVE */

/* Handles one connection, in a task of its own. */
typedef int asyncio_client_connected(asyncio_stream *stream, void *data);

typedef struct asyncio_start_server_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_start_server_options));
    size_t limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_LIMIT);  /* bytes, of each stream */
    int family ASYNCIO__0;                                  /* AF_INET, AF_INET6, 0: either */
    int flags ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_FLAGS);     /* AI_..., of getaddrinfo */
    /* a bound stream socket, in place of host and port (NULL and 0); taken on success */
    int sock ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SOCK);
    int backlog ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_BACKLOG);
    int reuse_address ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_REUSE_ADDRESS);
    int reuse_port ASYNCIO__0;
    int keep_alive ASYNCIO__0;                              /* SO_KEEPALIVE on each connection */
    /* 0: it is bound, and refuses connections until asyncio_server_start_serving */
    int start_serving ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_START_SERVING);
    /* several, NULL at the end; host is NULL */
    const char *const *hosts ASYNCIO__0;
    /* in place of host and port: the sockets that systemd, or whoever speaks its protocol, has
     * passed to this process under this name; "": all that were not taken yet */
    const char *listen_fds ASYNCIO__0;
    size_t stack_size ASYNCIO__0;                           /* of the handlers' tasks */
    /* accepts no more than this at a time; 0: no limit */
    unsigned max_connections ASYNCIO__0;
    /* of one IPv4 address, or one IPv6 network of 64 bits; what is more is accepted and closed at
     * once, before TLS; 0: no limit. Behind a proxy all are the proxy's */
    unsigned max_connections_per_address ASYNCIO__0;
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
 * negative result, but -ECANCELED, goes to the exception handler; so does not the -ECONNRESET of
 * one whose connection the server itself has ended. A client whose TLS handshake fails is dropped
 * without a word, as in Python. ret_server returns new. -EADDRINUSE, -EACCES,
 * -EADDRNOTAVAIL, -ASYNCIO_RESOLVE, -EINVAL (options that exclude one another), -EBADF (`.sock`),
 * -ENOENT (`.listen_fds`), -ENOMEM, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_start_server(
    asyncio_client_connected *handler, const char *host, int port, asyncio_server **ret_server,
    const asyncio_start_server_options *options);

typedef struct asyncio_start_unix_server_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_start_unix_server_options));
    size_t limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_LIMIT);  /* bytes, of each stream */
    /* a bound AF_UNIX stream socket, in place of a path (NULL); taken on success */
    int sock ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SOCK);
    int backlog ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_BACKLOG);
    int start_serving ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_START_SERVING);
    /* remove the file at close */
    int cleanup_socket ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_CLEANUP_SOCKET);
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
} asyncio_start_unix_server_options;

/* As asyncio_start_server, on an AF_UNIX socket at `path`; one that begins with '@' is an abstract
 * name, which has no file. ret_server returns new. -EADDRINUSE, -EACCES, -ENOENT (its folder),
 * -ENAMETOOLONG, -EINVAL, -ENOMEM. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_start_unix_server(
    asyncio_client_connected *handler, const char *path, asyncio_server **ret_server,
    const asyncio_start_unix_server_options *options);

/* Begins to listen and to accept. 0, also when it does already. -ASYNCIO_INVALID_STATE: it is
 * closed; -EADDRINUSE. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_server_start_serving(asyncio_server *server);

/* Accepts no more until start_serving: what the kernel has accepted by then is still handled, and
 * who connects after it waits for whoever accepts from the same sockets. They stay open. Closed: it
 * does nothing. Python has it for itself (loop._stop_serving), and closes. Does not suspend. */
ASYNCIO_API void asyncio_server_stop_serving(asyncio_server *server);

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

/* Ends it with patience: accepts no more, waits for as much as `timeout` seconds until every
 * connection and every handler has ended, then closes the connections that are left, gives what was
 * written `timeout` seconds more, but one at most, and ends the rest. 0 when all ended by
 * themselves; -ETIMEDOUT when some had to be ended. A handler that then still runs is left alone;
 * one that calls this waits for itself. Cancelled it ends all connections at once: -ECANCELED; so
 * it does without memory for its limit: -ENOMEM. -EINVAL (NaN). Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_server_shutdown(asyncio_server *server, double timeout);

/* 1 while it accepts connections. */
ASYNCIO_API int asyncio_server_is_serving(const asyncio_server *server);

/* The port it is bound to, of its first socket. -ASYNCIO_INVALID_STATE when it is closed,
 * -EAFNOSUPPORT when it has none: a `.sock` that was not bound gets one when it serves. */
ASYNCIO_API int asyncio_server_port(const asyncio_server *server);

/* Stores the descriptors of its sockets, at most `size` of them, and returns how many it has: 0
 * once it is closed. They stay the server's: not to be read, accepted from or closed. A simulated
 * one is negative. Does not suspend. */
ASYNCIO_API int asyncio_server_sockets(const asyncio_server *server, int *ret_descriptors,
                                       size_t size);

/* Stores the address of its `index`th socket in `text`, as asyncio_stream_sockname does. 0,
 * -ENOSPC, -EINVAL: it has no so many; -ASYNCIO_INVALID_STATE: it is closed. */
ASYNCIO_API int asyncio_server_sockname(const asyncio_server *server, size_t index, char *text,
                                        size_t size);

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

ASYNCIO_MUST_CHECK static inline int asyncio__start_unix_server_v(
    asyncio_client_connected *handler, const char *path, asyncio_server **ret_server,
    asyncio_start_unix_server_options options)
{
    return asyncio_start_unix_server(handler, path, ret_server, &options);
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
                                              .flags = ASYNCIO__DEFAULT_FLAGS,                     \
                                              .sock = ASYNCIO__DEFAULT_SOCK,                       \
                                              .backlog = ASYNCIO__DEFAULT_BACKLOG,                 \
                                              .reuse_address = ASYNCIO__DEFAULT_REUSE_ADDRESS,     \
                                              .start_serving = ASYNCIO__DEFAULT_START_SERVING,     \
                                              ASYNCIO__DEFAULT_SSL_TIMEOUTS),                      \
                                             __VA_ARGS__))

#define asyncio_start_unix_server(...) asyncio__start_unix_server_m(__VA_ARGS__, )
#define asyncio__start_unix_server_m(handler, path, ret_server, ...)                               \
    asyncio__start_unix_server_v(ASYNCIO__CLIENT_CONNECTED(handler), path, ret_server,             \
                                 ASYNCIO__OPTIONS(asyncio_start_unix_server_options,               \
                                                  (.limit = ASYNCIO__DEFAULT_LIMIT,                \
                                                   .sock = ASYNCIO__DEFAULT_SOCK,                  \
                                                   .backlog = ASYNCIO__DEFAULT_BACKLOG,            \
                                                   .start_serving =                                \
                                                       ASYNCIO__DEFAULT_START_SERVING,             \
                                                   .cleanup_socket =                               \
                                                       ASYNCIO__DEFAULT_CLEANUP_SOCKET,            \
                                                   ASYNCIO__DEFAULT_SSL_TIMEOUTS),                 \
                                                  __VA_ARGS__))
