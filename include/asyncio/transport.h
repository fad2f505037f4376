/* SPDX-License-Identifier: MIT */
/* Transports: the callback level beneath streams, with protocols (protocol.h) above.
 *
 * MODEL      A transport moves the bytes of one connection, TCP, AF_UNIX or TLS over them. It reads
 *            by itself, unless paused, and calls its protocol. Writing never waits: what cannot go
 *            out now is stored.
 * MARKS      When more than the high-water mark (64 KiB) is unsent the protocol's pause_writing is
 *            called; resume_writing when no more than the low one (16 KiB) is.
 * CLOSED     Calls on a transport that was closed or lost do nothing; those with a result say
 *            -ECONNRESET.
 * OWNERSHIP  It is lent to its protocol until connection_lost has returned. Who keeps it longer
 *            takes a reference.
 * THREADS    It belongs to its loop's thread. Nothing here suspends, but create_connection,
 *            create_unix_connection, connect_accepted_socket, create_server and start_tls.
 * SOURCE     CPython's Lib/asyncio/transports.py, selector_events.py, sslproto.py,
 *            unix_events.py. */
#pragma once

#include <asyncio/connect.h>
#include <asyncio/protocol.h>
#include <asyncio/server.h>

ASYNCIO__BEGIN

typedef struct asyncio_create_connection_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_create_connection_options));
    int family ASYNCIO__0;                                  /* AF_INET, AF_INET6, 0: either */
    int proto ASYNCIO__0;
    int flags ASYNCIO__0;                                   /* AI_..., of getaddrinfo */
    /* a connected stream socket, in place of host and port (NULL and 0); taken on success,
     * with `.ssl` also when the handshake fails */
    int sock ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SOCK);
    asyncio_addr local_addr ASYNCIO__0;                     /* bind to it first */
    double happy_eyeballs_delay ASYNCIO__DEFAULT(ASYNCIO_NONE); /* seconds */
    int interleave ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_INTERLEAVE);
    asyncio_ssl_context *ssl ASYNCIO__0;                    /* TLS from the first byte on */
    const char *server_hostname ASYNCIO__0;                 /* of the certificate; NULL: `host` */
    /* seconds */
    double ssl_handshake_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT);
    double ssl_shutdown_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT);
    int keep_alive ASYNCIO__0;                              /* SO_KEEPALIVE */
    void *data ASYNCIO__0;                                  /* the factory's argument */
} asyncio_create_connection_options;

/* Connects, as asyncio_open_connection does, to what `factory` makes, whose connection_made has
 * been called when it returns. `loop` is the running one. ret_transport (NULL: not wanted) returns
 * new. The errors of asyncio_open_connection; -ASYNCIO_OTHER_LOOP. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_create_connection(
    asyncio_loop *loop, asyncio_protocol_factory *factory, const char *host, int port,
    asyncio_transport **ret_transport, const asyncio_create_connection_options *options);
#define asyncio_loop_create_connection(...) asyncio__create_connection_m(__VA_ARGS__, )
#define asyncio__create_connection_m(loop, factory, host, port, ret_transport, ...)                \
    asyncio__create_connection_v(loop, factory, host, port, ret_transport,                         \
                                 ASYNCIO__OPTIONS(asyncio_create_connection_options,               \
                                                  (.sock = ASYNCIO__DEFAULT_SOCK,                  \
                                                   .happy_eyeballs_delay = ASYNCIO_NONE,           \
                                                   .interleave = ASYNCIO__DEFAULT_INTERLEAVE,      \
                                                   ASYNCIO__DEFAULT_SSL_TIMEOUTS),                 \
                                                  __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__create_connection_v(
    asyncio_loop *loop, asyncio_protocol_factory *factory, const char *host, int port,
    asyncio_transport **ret_transport, asyncio_create_connection_options options)
{
    return (asyncio_loop_create_connection)(loop, factory, host, port, ret_transport, &options);
}

typedef struct asyncio_create_server_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_create_server_options));
    int family ASYNCIO__0;                                  /* AF_INET, AF_INET6, 0: either */
    int flags ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_FLAGS);     /* AI_..., of getaddrinfo */
    /* a bound stream socket, in place of host and port (NULL and 0); taken on success */
    int sock ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SOCK);
    int backlog ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_BACKLOG);
    int reuse_address ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_REUSE_ADDRESS);
    int reuse_port ASYNCIO__0;
    int keep_alive ASYNCIO__0;                              /* SO_KEEPALIVE on each connection */
    int start_serving ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_START_SERVING);
    const char *const *hosts ASYNCIO__0;                    /* several, NULL at the end */
    const char *listen_fds ASYNCIO__0;                      /* as of asyncio_start_server */
    asyncio_ssl_context *ssl ASYNCIO__0;                    /* TLS from the first byte on */
    /* seconds */
    double ssl_handshake_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT);
    double ssl_shutdown_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT);
    void *data ASYNCIO__0;                                  /* the factory's argument */
    void (*destroy)(void *data) ASYNCIO__0;                 /* called once, with the server */
} asyncio_create_server_options;

/* As asyncio_start_server, with a protocol that `factory` makes for each connection instead of a
 * handler. `loop` is the running one. ret_server returns new. The errors of asyncio_start_server;
 * -ASYNCIO_OTHER_LOOP. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_create_server(
    asyncio_loop *loop, asyncio_protocol_factory *factory, const char *host, int port,
    asyncio_server **ret_server, const asyncio_create_server_options *options);
#define asyncio_loop_create_server(...) asyncio__create_server_m(__VA_ARGS__, )
#define asyncio__create_server_m(loop, factory, host, port, ret_server, ...)                       \
    asyncio__create_server_v(loop, factory, host, port, ret_server,                                \
                             ASYNCIO__OPTIONS(asyncio_create_server_options,                       \
                                              (.flags = ASYNCIO__DEFAULT_FLAGS,                    \
                                               .sock = ASYNCIO__DEFAULT_SOCK,                      \
                                               .backlog = ASYNCIO__DEFAULT_BACKLOG,                \
                                               .reuse_address = ASYNCIO__DEFAULT_REUSE_ADDRESS,    \
                                               .start_serving = ASYNCIO__DEFAULT_START_SERVING,    \
                                               ASYNCIO__DEFAULT_SSL_TIMEOUTS),                     \
                                              __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__create_server_v(asyncio_loop *loop,
                                                              asyncio_protocol_factory *factory,
                                                              const char *host, int port,
                                                              asyncio_server **ret_server,
                                                              asyncio_create_server_options options)
{
    return (asyncio_loop_create_server)(loop, factory, host, port, ret_server, &options);
}

typedef struct asyncio_create_unix_connection_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_create_unix_connection_options));
    /* a connected AF_UNIX stream socket, in place of a path (NULL); taken on success, with `.ssl`
     * also when the handshake fails */
    int sock ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SOCK);
    asyncio_ssl_context *ssl ASYNCIO__0;                    /* TLS from the first byte on */
    /* of the certificate; NULL: it must be said */
    const char *server_hostname ASYNCIO__0;
    /* seconds */
    double ssl_handshake_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT);
    double ssl_shutdown_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT);
    void *data ASYNCIO__0;                                  /* the factory's argument */
} asyncio_create_unix_connection_options;

/* As asyncio_open_unix_connection, to what `factory` makes; see asyncio_loop_create_connection.
 * The errors of both. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_create_unix_connection(
    asyncio_loop *loop, asyncio_protocol_factory *factory, const char *path,
    asyncio_transport **ret_transport, const asyncio_create_unix_connection_options *options);
#define asyncio_loop_create_unix_connection(...) asyncio__create_unix_connection_m(__VA_ARGS__, )
#define asyncio__create_unix_connection_m(loop, factory, path, ret_transport, ...)                 \
    asyncio__create_unix_connection_v(                                                             \
        loop, factory, path, ret_transport,                                                        \
        ASYNCIO__OPTIONS(asyncio_create_unix_connection_options,                                   \
                         (.sock = ASYNCIO__DEFAULT_SOCK, ASYNCIO__DEFAULT_SSL_TIMEOUTS),           \
                         __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__create_unix_connection_v(
    asyncio_loop *loop, asyncio_protocol_factory *factory, const char *path,
    asyncio_transport **ret_transport, asyncio_create_unix_connection_options options)
{
    return (asyncio_loop_create_unix_connection)(loop, factory, path, ret_transport, &options);
}

typedef struct asyncio_create_unix_server_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_create_unix_server_options));
    /* a bound AF_UNIX stream socket, in place of a path (NULL); taken on success */
    int sock ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SOCK);
    int backlog ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_BACKLOG);
    int start_serving ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_START_SERVING);
    /* the file goes with the server, if it is still its own */
    int cleanup_socket ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_CLEANUP_SOCKET);
    asyncio_ssl_context *ssl ASYNCIO__0;                    /* TLS from the first byte on */
    /* seconds */
    double ssl_handshake_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT);
    double ssl_shutdown_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT);
    void *data ASYNCIO__0;                                  /* the factory's argument */
    void (*destroy)(void *data) ASYNCIO__0;                 /* called once, with the server */
} asyncio_create_unix_server_options;

/* As asyncio_start_unix_server, with a protocol that `factory` makes for each connection instead of
 * a handler. `loop` is the running one. ret_server returns new. The errors of
 * asyncio_start_unix_server; -ASYNCIO_OTHER_LOOP. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_create_unix_server(
    asyncio_loop *loop, asyncio_protocol_factory *factory, const char *path,
    asyncio_server **ret_server, const asyncio_create_unix_server_options *options);
#define asyncio_loop_create_unix_server(...) asyncio__create_unix_server_m(__VA_ARGS__, )
#define asyncio__create_unix_server_m(loop, factory, path, ret_server, ...)                        \
    asyncio__create_unix_server_v(loop, factory, path, ret_server,                                 \
                                  ASYNCIO__OPTIONS(asyncio_create_unix_server_options,             \
                                                   (.sock = ASYNCIO__DEFAULT_SOCK,                 \
                                                    .backlog = ASYNCIO__DEFAULT_BACKLOG,           \
                                                    .start_serving =                               \
                                                        ASYNCIO__DEFAULT_START_SERVING,            \
                                                    .cleanup_socket =                              \
                                                        ASYNCIO__DEFAULT_CLEANUP_SOCKET,           \
                                                    ASYNCIO__DEFAULT_SSL_TIMEOUTS),                \
                                                   __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__create_unix_server_v(
    asyncio_loop *loop, asyncio_protocol_factory *factory, const char *path,
    asyncio_server **ret_server, asyncio_create_unix_server_options options)
{
    return (asyncio_loop_create_unix_server)(loop, factory, path, ret_server, &options);
}

typedef struct asyncio_loop_connect_accepted_socket_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_loop_connect_accepted_socket_options));
    asyncio_ssl_context *ssl ASYNCIO__0;                    /* TLS, as its server */
    /* seconds */
    double ssl_handshake_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT);
    double ssl_shutdown_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT);
    void *data ASYNCIO__0;                                  /* the factory's argument */
} asyncio_loop_connect_accepted_socket_options;

/* As asyncio_connect_accepted_socket, with a protocol that `factory` makes; see
 * asyncio_loop_create_connection. `descriptor` is taken on success, with `.ssl` also when the
 * handshake fails. The errors of both. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_connect_accepted_socket(
    asyncio_loop *loop, asyncio_protocol_factory *factory, int descriptor,
    asyncio_transport **ret_transport,
    const asyncio_loop_connect_accepted_socket_options *options);
#define asyncio_loop_connect_accepted_socket(...) asyncio__loop_accepted_socket_m(__VA_ARGS__, )
#define asyncio__loop_accepted_socket_m(loop, factory, descriptor, ret_transport, ...)             \
    asyncio__loop_accepted_socket_v(loop, factory, descriptor, ret_transport,                      \
                                    ASYNCIO__OPTIONS(asyncio_loop_connect_accepted_socket_options, \
                                                     (ASYNCIO__DEFAULT_SSL_TIMEOUTS),              \
                                                     __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__loop_accepted_socket_v(
    asyncio_loop *loop, asyncio_protocol_factory *factory, int descriptor,
    asyncio_transport **ret_transport, asyncio_loop_connect_accepted_socket_options options)
{
    return (asyncio_loop_connect_accepted_socket)(loop, factory, descriptor, ret_transport,
                                                  &options);
}

typedef struct asyncio_loop_start_tls_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_loop_start_tls_options));
    int server_side ASYNCIO__0;
    const char *server_hostname ASYNCIO__0;     /* whom a client wants; NULL: it is not checked */
    /* seconds */
    double ssl_handshake_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT);
    double ssl_shutdown_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT);
} asyncio_loop_start_tls_options;

/* Goes on by TLS from here, with the same transport, where Python returns a new one, and the same
 * protocol, whose connection_made is not called again. Meanwhile nothing is read for it, and
 * writing is -EBUSY. `loop` is the running one. When it fails or is cancelled the connection is
 * over; but not before anything was said: by -EINVAL, -EBUSY, -EPIPE (writing has been ended),
 * -ENOMEM, -ASYNCIO_OTHER_LOOP. -ECONNRESET; see ssl.h for the rest of its errors. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_start_tls(
    asyncio_loop *loop, asyncio_transport *transport, asyncio_ssl_context *context,
    const asyncio_loop_start_tls_options *options);
#define asyncio_loop_start_tls(...) asyncio__loop_start_tls_m(__VA_ARGS__, )
#define asyncio__loop_start_tls_m(loop, transport, context, ...)                                   \
    asyncio__loop_start_tls_v(loop, transport, context,                                            \
                              ASYNCIO__OPTIONS(asyncio_loop_start_tls_options,                     \
                                               (ASYNCIO__DEFAULT_SSL_TIMEOUTS), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__loop_start_tls_v(
    asyncio_loop *loop, asyncio_transport *transport, asyncio_ssl_context *context,
    asyncio_loop_start_tls_options options)
{
    return (asyncio_loop_start_tls)(loop, transport, context, &options);
}

/* Writes all of `data` or none, and never waits. It may call pause_writing. -EPIPE after
 * write_eof, -ECONNRESET, -EINVAL (a size that is negative), -ENOMEM (nothing was written). */
ASYNCIO_API int asyncio_transport_write(asyncio_transport *transport, const void *data,
                                        size_t size);

/* As write, of several pieces at once. */
ASYNCIO_API int asyncio_transport_writelines(asyncio_transport *transport,
                                             const struct iovec *pieces, size_t count);

/* Ends the writing side after what is unsent. -ENOSYS over TLS, -ECONNRESET. */
ASYNCIO_API int asyncio_transport_write_eof(asyncio_transport *transport);

/* 0 for TLS, else 1. */
ASYNCIO_API int asyncio_transport_can_write_eof(const asyncio_transport *transport);

/* Closes: reading ends now, what is unsent goes out, then connection_lost(0). */
ASYNCIO_API void asyncio_transport_close(asyncio_transport *transport);

/* Ends it now; what is unsent is lost. Then connection_lost(0). */
ASYNCIO_API void asyncio_transport_abort(asyncio_transport *transport);

/* 1 once it was closed or lost. */
ASYNCIO_API int asyncio_transport_is_closing(const asyncio_transport *transport);

/* Calls neither data_received nor eof_received any more, until resume_reading. Twice is
 * harmless. */
ASYNCIO_API void asyncio_transport_pause_reading(asyncio_transport *transport);

/* Reads on, from the next turn of the loop. Harmless when it was not paused. */
ASYNCIO_API void asyncio_transport_resume_reading(asyncio_transport *transport);

/* 1 while it reads: not paused, not closing. */
ASYNCIO_API int asyncio_transport_is_reading(const asyncio_transport *transport);

/* Bytes accepted and not sent yet. */
ASYNCIO_API size_t asyncio_transport_get_write_buffer_size(const asyncio_transport *transport);

/* The water marks, in bytes: either pointer may be NULL. */
ASYNCIO_API void asyncio_transport_get_write_buffer_limits(const asyncio_transport *transport,
                                                           size_t *ret_low, size_t *ret_high);

/* Sets the water marks in bytes: pause_writing above `high`, at once if that is so now;
 * resume_writing at `low`. Both 0: every stored byte pauses. -EINVAL unless high >= low. */
ASYNCIO_API int asyncio_transport_set_write_buffer_limits(asyncio_transport *transport, size_t high,
                                                          size_t low);

/* Calls another protocol from now on, which becomes the transport's; the one before is the
 * caller's again. Returns it; NULL, and nothing was done, when it is over, and for the pipes of a
 * subprocess. */
ASYNCIO_API asyncio_protocol *asyncio_transport_set_protocol(asyncio_transport *transport,
                                                             asyncio_protocol *protocol);

/* The protocol, lent; NULL when it is gone. */
ASYNCIO_API asyncio_protocol *asyncio_transport_get_protocol(const asyncio_transport *transport);

/* As asyncio_stream_get_extra_info. */
ASYNCIO_API int asyncio_transport_get_extra_info(const asyncio_transport *transport,
                                                 const char *name, char *data, size_t size);

/* Takes one more reference and returns it. NULL allowed. */
ASYNCIO_API asyncio_transport *asyncio_transport_ref(asyncio_transport *transport);

/* Gives a reference back. The last one does not close: the loop holds an open transport. NULL
 * allowed. */
ASYNCIO_API void asyncio_transport_unref(asyncio_transport *transport);

ASYNCIO__END
