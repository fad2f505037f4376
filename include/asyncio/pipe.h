/* SPDX-License-Identifier: MIT */
/* Pipes: descriptors that bytes go through in one direction, standard input among them; as streams,
 * and as transports with protocols.
 *
 *     asyncio_stream *input;
 *     int r = asyncio_connect_read_pipe(0, &input);
 *
 * STREAMS    A pipe's stream is as every other, but the other direction is over from the
 *            beginning: reading one that is written to gives 0, writing to one that is read is
 *            -EPIPE. asyncio_stream_write_eof closes, as Python's does.
 * PROTOCOLS  A pipe's transport is as every other (transport.h), but when a pipe that is read ends,
 *            eof_received is told and then it is closed, whatever that returns; and
 *            asyncio_transport_write_eof closes. One that is read cannot be written to: -EPIPE.
 * END        A pipe that is written to is closed when its reader is gone, also while nobody writes:
 *            asyncio_stream_wait_closed and connection_lost tell, 0 when all had been taken by the
 *            pipe, -EPIPE when something was unsent. Who writes before the loop has noticed gets
 *            -EPIPE, later -ECONNRESET.
 * TAKES      pipes, FIFOs, sockets and terminals, as Python does, and regular files, as which a
 *            shell may give standard input: these are always ready, and the loop waits for the
 *            disk. asyncio_open and its family, for files, do not.
 * BLOCKING   The descriptor becomes non-blocking when it is first used, and with it every
 *            duplicate: those that a terminal has given to standard input, output and error are
 *            one.
 * SOURCE     CPython's Lib/asyncio/unix_events.py. */
#pragma once

#include <asyncio/stream.h>
#include <asyncio/transport.h>

ASYNCIO__BEGIN

typedef struct asyncio_connect_pipe_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_connect_pipe_options));
    size_t limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_LIMIT); /* bytes, as of any stream */
} asyncio_connect_pipe_options;

/* Makes a stream, of the running task's loop, to read from `descriptor`, which it takes: closing
 * the stream closes it. On failure it stays the caller's. ret_stream returns new. -EBADF, -EINVAL
 * (a limit of 0), -ENOMEM, -ASYNCIO_NO_TASK. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_connect_read_pipe(
    int descriptor, asyncio_stream **ret_stream, const asyncio_connect_pipe_options *options);

/* As asyncio_connect_read_pipe, to write to it. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_connect_write_pipe(
    int descriptor, asyncio_stream **ret_stream, const asyncio_connect_pipe_options *options);

#define asyncio_connect_read_pipe(...) asyncio__connect_read_pipe_m(__VA_ARGS__, )
#define asyncio__connect_read_pipe_m(descriptor, ret_stream, ...)                                  \
    asyncio__connect_read_pipe_v(descriptor, ret_stream,                                           \
                                 ASYNCIO__OPTIONS(asyncio_connect_pipe_options,                    \
                                                  (.limit = ASYNCIO__DEFAULT_LIMIT, ),             \
                                                  __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__connect_read_pipe_v(
    int descriptor, asyncio_stream **ret_stream, asyncio_connect_pipe_options options)
{
    return (asyncio_connect_read_pipe)(descriptor, ret_stream, &options);
}
#define asyncio_connect_write_pipe(...) asyncio__connect_write_pipe_m(__VA_ARGS__, )
#define asyncio__connect_write_pipe_m(descriptor, ret_stream, ...)                                 \
    asyncio__connect_write_pipe_v(descriptor, ret_stream,                                          \
                                  ASYNCIO__OPTIONS(asyncio_connect_pipe_options,                   \
                                                   (.limit = ASYNCIO__DEFAULT_LIMIT, ),            \
                                                   __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__connect_write_pipe_v(
    int descriptor, asyncio_stream **ret_stream, asyncio_connect_pipe_options options)
{
    return (asyncio_connect_write_pipe)(descriptor, ret_stream, &options);
}

/* ---- with protocols ---- */

typedef struct asyncio_loop_connect_pipe_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_loop_connect_pipe_options));
    void *data ASYNCIO__0; /* the factory's argument */
} asyncio_loop_connect_pipe_options;

/* Reads from `descriptor` for what `factory` makes, whose connection_made has been called when it
 * returns. `loop` is the running one. The descriptor is taken, unless this fails before there is a
 * transport: by -EBADF, -EINVAL, -ENOMEM, -ASYNCIO_OTHER_LOOP, -ASYNCIO_NO_TASK. Who is cancelled
 * (-ECANCELED) meanwhile leaves it closed. ret_transport (NULL: not wanted) returns new.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_connect_read_pipe(
    asyncio_loop *loop, asyncio_protocol_factory *factory, int descriptor,
    asyncio_transport **ret_transport, const asyncio_loop_connect_pipe_options *options);

/* As asyncio_loop_connect_read_pipe, to write to it. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_connect_write_pipe(
    asyncio_loop *loop, asyncio_protocol_factory *factory, int descriptor,
    asyncio_transport **ret_transport, const asyncio_loop_connect_pipe_options *options);

#define asyncio_loop_connect_read_pipe(...) asyncio__loop_connect_read_pipe_m(__VA_ARGS__, )
#define asyncio__loop_connect_read_pipe_m(loop, factory, descriptor, ret_transport, ...)           \
    asyncio__loop_connect_read_pipe_v(                                                             \
        loop, factory, descriptor, ret_transport,                                                  \
        ASYNCIO__OPTIONS(asyncio_loop_connect_pipe_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__loop_connect_read_pipe_v(
    asyncio_loop *loop, asyncio_protocol_factory *factory, int descriptor,
    asyncio_transport **ret_transport, asyncio_loop_connect_pipe_options options)
{
    return (asyncio_loop_connect_read_pipe)(loop, factory, descriptor, ret_transport, &options);
}
#define asyncio_loop_connect_write_pipe(...) asyncio__loop_connect_write_pipe_m(__VA_ARGS__, )
#define asyncio__loop_connect_write_pipe_m(loop, factory, descriptor, ret_transport, ...)          \
    asyncio__loop_connect_write_pipe_v(                                                            \
        loop, factory, descriptor, ret_transport,                                                  \
        ASYNCIO__OPTIONS(asyncio_loop_connect_pipe_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__loop_connect_write_pipe_v(
    asyncio_loop *loop, asyncio_protocol_factory *factory, int descriptor,
    asyncio_transport **ret_transport, asyncio_loop_connect_pipe_options options)
{
    return (asyncio_loop_connect_write_pipe)(loop, factory, descriptor, ret_transport, &options);
}

ASYNCIO__END
