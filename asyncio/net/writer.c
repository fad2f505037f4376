/* SPDX-License-Identifier: MIT */
/* The writing side of streams. The transport accepts all or nothing; what is added here is
 * waiting. */
#include "net/stream.h"

#include <errno.h>

static inline int may_write(const asyncio_stream *stream)
{
    if (__builtin_expect(stream->gone != 0, 0))
        return asyncio__stream_error(stream, stream->gone);
    return !stream->has_sent_eof ? 0 : stream->is_sending_file ? -EBUSY : -EPIPE;
}

/* After bytes were accepted: waits while too much is unsent, or lets others run. */
static int __attribute__((noinline)) wait_after_write(asyncio_stream *stream)
{
    stream->tcp.net->streak = 0;
    if (stream->transport->is_paused)
        return asyncio__stream_error(stream, asyncio__waiters_wait(&stream->drainers,
                                                                   task_current()));
    return asyncio_sleep(0);
}

/* 1: accepted, and wait_after_write is due. */
static int accept_pieces(asyncio_stream *stream, const struct iovec *pieces, size_t count)
{
    int r = may_write(stream);
    if (r >= 0)
        r = net_check_task(stream->tcp.net);
    if (r < 0)
        return r;
    struct transport *transport = stream->transport;
    r = transport->type->write(transport, pieces, count);
    if (r < 0)
        return asyncio__stream_error(stream, r);
    return transport->is_paused || ++stream->tcp.net->streak > STREAK_MAX;
}

static int __attribute__((noinline)) write_slowly(asyncio_stream *stream, const void *data,
                                                   size_t size, void *caller)
{
    net_check_scopes(caller);
    struct iovec piece = { (void *)(uintptr_t)data, size };
    return accept_pieces(stream, &piece, 1);
}

/* The socket did not take all of it, or it is time to let others run. */
static int __attribute__((noinline)) write_on(asyncio_stream *stream, const struct iovec *piece,
                                              int sent)
{
    int r = (size_t)(unsigned)sent == piece->iov_len
                ? 0
                : asyncio__tcp_sent_partly(&stream->tcp, piece, 1, piece->iov_len, sent);
    return r < 0 ? r : stream->transport->is_paused || stream->tcp.net->streak > STREAK_MAX;
}

/* 0, 1: accepted, and wait_after_write is due, or an error. */
static inline int write_now(asyncio_stream *stream, const void *data, size_t size, void *caller)
{
    asyncio_task *task = task_current();
    if (__builtin_expect(stream->gone || stream->has_sent_eof || !task || task->scopes ||
                             task->future.loop != stream->tcp.net->loop ||
                             stream->transport != &stream->tcp.base ||
                             !tcp_writes_little(&stream->tcp, size), 0))
        return write_slowly(stream, data, size, caller);
    struct iovec piece = { (void *)(uintptr_t)data, size };
    int n = tcp_send_little(&stream->tcp, &piece);
    bool is_turn_over = ++stream->tcp.net->streak > STREAK_MAX;
    /* while nothing is unsent it is not paused */
    return __builtin_expect((size_t)(unsigned)n == piece.iov_len && !is_turn_over, 1)
               ? 0
               : write_on(stream, &piece, n);
}

int asyncio_stream_write(asyncio_stream *stream, const void *data, size_t size)
{
    int r = write_now(stream, data, size, NET_CALLER());
    return __builtin_expect(r > 0, 0) ? wait_after_write(stream) : r;
}

int asyncio__stream_write_begin(asyncio_stream *stream, const void *data, size_t size)
{
    return write_now(stream, data, size, NET_CALLER());
}

int asyncio__stream_write_end(asyncio_stream *stream)
{
    return wait_after_write(stream);
}

int asyncio_stream_writelines(asyncio_stream *stream, const struct iovec *pieces, size_t count)
{
    net_check_scopes(NET_CALLER());
    if (count > PTRDIFF_MAX / sizeof *pieces)
        return -EINVAL;
    if (!count)
        return asyncio_stream_drain(stream);
    int r = accept_pieces(stream, pieces, count);
    return r > 0 ? wait_after_write(stream) : r;
}

int asyncio_stream_write_nowait(asyncio_stream *stream, const void *data, size_t size)
{
    int r = may_write(stream);
    if (r >= 0)
        r = asyncio__loop_check(stream->tcp.net->loop);
    if (r < 0)
        return r;
    struct iovec piece = { (void *)(uintptr_t)data, size };
    return asyncio__stream_error(stream,
                                 stream->transport->type->write(stream->transport, &piece, 1));
}

int asyncio_stream_drain(asyncio_stream *stream)
{
    net_check_scopes(NET_CALLER());
    int r = stream->gone ? stream->gone : net_check_task(stream->tcp.net);
    if (r < 0)
        return asyncio__stream_error(stream, r);
    if (stream->transport->is_paused)
        r = asyncio__waiters_wait(&stream->drainers, task_current());
    return asyncio__stream_error(stream, r);
}

int asyncio_stream_write_eof(asyncio_stream *stream)
{
    int r = stream->gone ? stream->gone : asyncio__loop_check(stream->tcp.net->loop);
    if (r >= 0 && stream->is_sending_file)
        return -EBUSY;
    if (r < 0 || stream->has_sent_eof)
        return r;
    if (!stream->transport->type->write_eof)
        return asyncio_raise(-ENOSYS, "TLS cannot end one direction alone");
    stream->has_sent_eof = true;
    return stream->transport->type->write_eof(stream->transport);
}

int asyncio_stream_can_write_eof(const asyncio_stream *stream)
{
    return stream->transport->type->write_eof != NULL;
}

size_t asyncio_stream_get_write_buffer_size(const asyncio_stream *stream)
{
    return stream->is_open ? stream->transport->type->unsent(stream->transport) : 0;
}

int asyncio_stream_set_write_buffer_limits(asyncio_stream *stream, size_t high, size_t low)
{
    if (low > high)
        return asyncio_raise(-EINVAL, "high (%zu) must be >= low (%zu)", high, low);
    int r = stream->is_open ? asyncio__loop_check(stream->tcp.net->loop) : 0;
    if (r < 0)
        return r;
    stream->transport->high = high;
    stream->transport->low = low;
    if (stream->is_open)
        stream->transport->type->limits_changed(stream->transport);
    return 0;
}
