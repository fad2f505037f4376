/* SPDX-License-Identifier: MIT */
/* Plain sockets, and files sent through them, through streams and through transports.
 *
 * MODEL      asyncio_loop_sock_recv and its like are recv(2) and its like, on a socket of the
 *            caller's: tried at once, and when that would wait, the task waits until it does not.
 *            Nothing is buffered here. Several tasks may wait for one socket, also beside
 *            add_reader and add_writer; each gets what it finds.
 * DESCRIPTOR stays the caller's. It may be blocking or not; connecting, accepting and sending a
 *            file make it non-blocking. Not one that a stream or server has: -EBUSY. It is not
 *            closed while somebody waits for it.
 * CANCEL     leaves the socket as it is: what has come is there for the next one. What sendall had
 *            sent by then is not known, as in Python; a connection attempt goes on by itself, and
 *            the socket is of no use but to be closed.
 * SOURCE     CPython's Lib/asyncio/selector_events.py. */
#pragma once

#include <asyncio/protocol.h>
#include <asyncio/stream.h>
#include <sys/socket.h>

ASYNCIO__BEGIN

/* Receives at most `size` bytes, and returns how many: at least one, or 0 at the end of the stream.
 * Python's sock_recv and sock_recv_into are one call in C. -ECONNRESET and so on, -ENOTSOCK,
 * -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_sock_recv(asyncio_loop *loop, int descriptor,
                                                          void *buffer, size_t size);

/* Receives a datagram: its length, and who has sent it in *ret_address and *ret_address_size
 * (NULL: not wanted). Of one longer than `size` the rest is lost. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_sock_recvfrom(
    asyncio_loop *loop, int descriptor, void *buffer, size_t size,
    struct sockaddr_storage *ret_address, socklen_t *ret_address_size);

/* Sends all of `data`. 0; -EPIPE, -ECONNRESET and so on, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_sock_sendall(asyncio_loop *loop, int descriptor,
                                                             const void *data, size_t size);

/* Sends a datagram to `address` (NULL: who the socket is connected with), and returns its length.
 * -EMSGSIZE, -ECONNREFUSED and so on, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_sock_sendto(asyncio_loop *loop, int descriptor,
                                                            const void *data, size_t size,
                                                            const struct sockaddr *address,
                                                            socklen_t address_size);

/* Connects the socket with `address`. 0; -ECONNREFUSED and so on, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_sock_connect(asyncio_loop *loop, int descriptor,
                                                             const struct sockaddr *address,
                                                             socklen_t address_size);

/* Takes a connection of a listening socket, and returns its descriptor, the caller's, non-blocking
 * and close-on-exec; who it is from in *ret_address and *ret_address_size (NULL: not wanted).
 * -EMFILE and so on, -EINVAL, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_sock_accept(asyncio_loop *loop, int descriptor,
                                                            struct sockaddr_storage *ret_address,
                                                            socklen_t *ret_address_size);

#define ASYNCIO__DEFAULT_COUNT (-1)
#define ASYNCIO__DEFAULT_FALLBACK 1

/* How a file is sent. */
typedef struct asyncio_sendfile_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_sendfile_options));
    int64_t offset ASYNCIO__0;                      /* bytes: where to begin */
    int64_t count ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_COUNT); /* bytes; -1: to the end of the file */
    /* by reading and writing where the system cannot, as over TLS; 0: then it is
     * -ASYNCIO_SENDFILE_NOT_AVAILABLE */
    int fallback ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_FALLBACK);
    /* bytes that go out before the file and do not count as sent, in one packet with its beginning
     * where that is possible: the head of an answer. Borrowed. Where only the file turns out to be
     * one that the system cannot send, and .fallback is 0, they have gone out. */
    const void *before ASYNCIO__0;
    size_t before_size ASYNCIO__0;
    /* the caller knows that it is a regular file, and does not care where it stands afterwards: it
     * is not asked, and stays where it was: two system calls less */
    int leaves_place ASYNCIO__0;
} asyncio_sendfile_options;

/* Sends a regular file through a stream, or through a protocol's transport, after what was written
 * before. *ret_sent (NULL: not wanted) tells how many bytes were, also on failure, and from time to
 * time while it runs: who watches sees it grow. The file then stands behind them. While it runs
 * other writes are -EBUSY. -EPIPE, -ECONNRESET and so on, -EINVAL for what is no regular file,
 * -ASYNCIO_SENDFILE_NOT_AVAILABLE, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_sendfile(asyncio_loop *loop, asyncio_stream *stream,
                                                         int file, int64_t *ret_sent,
                                                         const asyncio_sendfile_options *options);

/* What asyncio_loop_sendfile(loop, transport, ...) calls. While the file is sent the transport
 * reads nothing: what comes waits until it is over, also where resume_reading is called. Writing,
 * write_eof, start_tls and another file are -EBUSY. The protocol may be replaced, and is told of
 * the end as ever; but neither pause_writing nor, when it was paused, resume_writing is called
 * before the file is over. -ECONNRESET for a transport that is closing, or is closed meanwhile.
 * Borrows the transport. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_transport_sendfile(
    asyncio_loop *loop, asyncio_transport *transport, int file, int64_t *ret_sent,
    const asyncio_sendfile_options *options);

/* As asyncio_loop_sendfile, through a plain stream socket. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_sock_sendfile(
    asyncio_loop *loop, int descriptor, int file, int64_t *ret_sent,
    const asyncio_sendfile_options *options);

#define ASYNCIO__SENDFILE_DEFAULTS                                                                 \
    (.count = ASYNCIO__DEFAULT_COUNT, .fallback = ASYNCIO__DEFAULT_FALLBACK, )
#define asyncio_loop_sendfile(...) asyncio__sendfile_m(__VA_ARGS__, )
#define asyncio__sendfile_m(loop, through, file, ret_sent, ...)                                    \
    ASYNCIO__SENDFILE(through)(                                                                    \
        loop, through, file, ret_sent,                                                             \
        ASYNCIO__OPTIONS(asyncio_sendfile_options, ASYNCIO__SENDFILE_DEFAULTS, __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__sendfile_v(asyncio_loop *loop, asyncio_stream *stream,
                                                         int file, int64_t *ret_sent,
                                                         asyncio_sendfile_options options)
{
    return (asyncio_loop_sendfile)(loop, stream, file, ret_sent, &options);
}
ASYNCIO_MUST_CHECK static inline int
asyncio__transport_sendfile_v(asyncio_loop *loop, asyncio_transport *transport, int file,
                              int64_t *ret_sent, asyncio_sendfile_options options)
{
    return asyncio_transport_sendfile(loop, transport, file, ret_sent, &options);
}
#if defined(__cplusplus)
extern "C++" ASYNCIO_MUST_CHECK inline int
asyncio__sendfile_v(asyncio_loop *loop, asyncio_transport *transport, int file, int64_t *ret_sent,
                    const asyncio_sendfile_options &options)
{
    return asyncio_transport_sendfile(loop, transport, file, ret_sent, &options);
}
#define ASYNCIO__SENDFILE(through) asyncio__sendfile_v
#else
#define ASYNCIO__SENDFILE(through)                                                                 \
    _Generic((through),                                                                            \
        asyncio_transport *: asyncio__transport_sendfile_v,                                        \
        default: asyncio__sendfile_v)
#endif
#define asyncio_loop_sock_sendfile(...) asyncio__sock_sendfile_m(__VA_ARGS__, )
#define asyncio__sock_sendfile_m(loop, descriptor, file, ret_sent, ...)                            \
    asyncio__sock_sendfile_v(                                                                      \
        loop, descriptor, file, ret_sent,                                                          \
        ASYNCIO__OPTIONS(asyncio_sendfile_options, ASYNCIO__SENDFILE_DEFAULTS, __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__sock_sendfile_v(asyncio_loop *loop, int descriptor,
                                                              int file, int64_t *ret_sent,
                                                              asyncio_sendfile_options options)
{
    return (asyncio_loop_sock_sendfile)(loop, descriptor, file, ret_sent, &options);
}

ASYNCIO__END
