/* SPDX-License-Identifier: MIT */
/* The writing side of streams. The transport accepts all or nothing; what is added here is
 * waiting. */
#include "net/stream.h"

#include <errno.h>

static inline int may_write(const asyncio_stream *stream)
{
    if (__builtin_expect(stream->gone != 0, 0))
        return stream->gone;
    return stream->has_sent_eof ? -EPIPE : 0;
}

/* After bytes were accepted: waits while too much is unsent, or lets others run. */
static int __attribute__((noinline)) wait_after_write(asyncio_stream *stream)
{
    stream->tcp.net->streak = 0;
    if (stream->transport->is_paused)
        return asyncio__waiters_wait(&stream->drainers, task_current());
    return asyncio_sleep(0);
}

static int write_pieces(asyncio_stream *stream, const struct iovec *pieces, size_t count)
{
    int r = may_write(stream);
    if (r < 0)
        return r;
    struct transport *transport = stream->transport;
    r = transport->type->write(transport, pieces, count);
    if (r < 0)
        return r;
    if (transport->is_paused || ++stream->tcp.net->streak > STREAK_MAX)
        return wait_after_write(stream);
    return 0;
}

int asyncio_stream_write(asyncio_stream *stream, const void *data, size_t size)
{
    if (__builtin_expect(!task_current(), 0))
        return -ASYNCIO_NO_TASK;
    struct iovec piece = { (void *)(uintptr_t)data, size };
    int r;
    if (__builtin_expect(stream->gone || stream->has_sent_eof ||
                             stream->transport != &stream->tcp.base ||
                             !tcp_write_little(&stream->tcp, &piece, &r), 0))
        return write_pieces(stream, &piece, 1);
    if (__builtin_expect(r < 0, 0))
        return r;
    if (__builtin_expect(stream->tcp.base.is_paused || ++stream->tcp.net->streak > STREAK_MAX, 0))
        return wait_after_write(stream);
    return 0;
}

int asyncio_stream_writelines(asyncio_stream *stream, const struct iovec *pieces, size_t count)
{
    if (!task_current())
        return -ASYNCIO_NO_TASK;
    return count ? write_pieces(stream, pieces, count) : asyncio_stream_drain(stream);
}

int asyncio_stream_write_nowait(asyncio_stream *stream, const void *data, size_t size)
{
    int r = may_write(stream);
    if (r < 0)
        return r;
    struct iovec piece = { (void *)(uintptr_t)data, size };
    return stream->transport->type->write(stream->transport, &piece, 1);
}

int asyncio_stream_drain(asyncio_stream *stream)
{
    if (stream->gone)
        return stream->gone;
    asyncio_task *task = task_current();
    if (!task)
        return -ASYNCIO_NO_TASK;
    return stream->transport->is_paused ? asyncio__waiters_wait(&stream->drainers, task) : 0;
}

int asyncio_stream_write_eof(asyncio_stream *stream)
{
    if (stream->gone)
        return stream->gone;
    if (stream->has_sent_eof)
        return 0;
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
    stream->transport->high = high;
    stream->transport->low = low;
    if (stream->is_open)
        stream->transport->type->limits_changed(stream->transport);
    return 0;
}
