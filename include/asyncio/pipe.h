/* SPDX-License-Identifier: MIT */
/* Pipes: streams on descriptors that bytes go through in one direction, standard input among them.
 *
 *     asyncio_stream *input;
 *     int r = asyncio_loop_connect_read_pipe(asyncio_get_running_loop(), 0, &input);
 *
 * MODEL      A pipe's stream is as every other, but the other direction is over from the
 *            beginning: reading one that is written to gives 0, writing to one that is read is
 *            -EPIPE. asyncio_stream_write_eof closes, as Python's does.
 * END        A pipe that is written to is closed when its reader is gone, also while nobody writes:
 *            asyncio_stream_wait_closed tells, 0 when all had been taken by the pipe, -EPIPE when
 *            something was unsent. Who writes before the loop has noticed gets -EPIPE, later
 *            -ECONNRESET.
 * TAKES      pipes, FIFOs, sockets and terminals, as Python does, and regular files, as which a
 *            shell may give standard input: these are always ready, and the loop waits for the
 *            disk. asyncio_open and its family, for files, do not.
 * BLOCKING   The descriptor becomes non-blocking when it is first used, and with it every
 *            duplicate: those that a terminal has given to standard input, output and error are
 *            one.
 * SOURCE     CPython's Lib/asyncio/unix_events.py. */
#pragma once

#include <asyncio/stream.h>

ASYNCIO__BEGIN

typedef struct asyncio_connect_pipe_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_connect_pipe_options));
    size_t limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_LIMIT); /* bytes, as of any stream */
} asyncio_connect_pipe_options;

/* Makes a stream to read from `descriptor`, which it takes: closing the stream closes it. On
 * failure it stays the caller's. ret_stream returns new. -EBADF, -EINVAL (a limit of 0), -ENOMEM,
 * -ASYNCIO_LOOP_CLOSED. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_connect_read_pipe(
    asyncio_loop *loop, int descriptor, asyncio_stream **ret_stream,
    const asyncio_connect_pipe_options *options);

/* As connect_read_pipe, to write to it. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_connect_write_pipe(
    asyncio_loop *loop, int descriptor, asyncio_stream **ret_stream,
    const asyncio_connect_pipe_options *options);

#define asyncio_loop_connect_read_pipe(...) asyncio__connect_read_pipe_m(__VA_ARGS__, )
#define asyncio__connect_read_pipe_m(loop, descriptor, ret_stream, ...)                            \
    asyncio__connect_read_pipe_v(loop, descriptor, ret_stream,                                     \
                                 ASYNCIO__OPTIONS(asyncio_connect_pipe_options,                    \
                                                  (.limit = ASYNCIO__DEFAULT_LIMIT, ),             \
                                                  __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__connect_read_pipe_v(
    asyncio_loop *loop, int descriptor, asyncio_stream **ret_stream,
    asyncio_connect_pipe_options options)
{
    return (asyncio_loop_connect_read_pipe)(loop, descriptor, ret_stream, &options);
}
#define asyncio_loop_connect_write_pipe(...) asyncio__connect_write_pipe_m(__VA_ARGS__, )
#define asyncio__connect_write_pipe_m(loop, descriptor, ret_stream, ...)                           \
    asyncio__connect_write_pipe_v(loop, descriptor, ret_stream,                                    \
                                  ASYNCIO__OPTIONS(asyncio_connect_pipe_options,                   \
                                                   (.limit = ASYNCIO__DEFAULT_LIMIT, ),            \
                                                   __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__connect_write_pipe_v(
    asyncio_loop *loop, int descriptor, asyncio_stream **ret_stream,
    asyncio_connect_pipe_options options)
{
    return (asyncio_loop_connect_write_pipe)(loop, descriptor, ret_stream, &options);
}

ASYNCIO__END
