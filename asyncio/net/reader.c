/* SPDX-License-Identifier: MIT */
/* The reading side of streams: plain reads, and the buffer that is lent. Lines and separators are
 * in lines.c. */
#include "net/stream.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Takes bytes out of the buffer for good. An empty one is given back, since nothing is lent from
 * it. */
static void take_out(asyncio_stream *stream, void *data, size_t size)
{
    memcpy(data, buffer_bytes(&stream->in), size);
    buffer_take(&stream->in, size);
    if (!stream->in.count)
        asyncio__buffer_release(&stream->in, &stream->tcp.net->blocks);
}

/* All that is not: nothing buffered, receive. */
static int __attribute__((noinline)) read_slowly(asyncio_stream *stream, void *buffer, size_t size,
                                                  void *caller)
{
    net_check_scopes(caller);
    int r = stream_may_read(stream);
    if (r < 0)
        return r;
    if (size > PTRDIFF_MAX)
        return -EINVAL;
    if (size > INT_MAX)
        size = INT_MAX;
    if (stream->in.count) {
        if (size > stream->in.count)
            size = stream->in.count;
        take_out(stream, buffer, size);
        return (int)size;
    }
    if (stream->has_eof || size == 0)
        return 0;
    asyncio__buffer_release(&stream->in, &stream->tcp.net->blocks);
    return stream_receive(stream, buffer, size);
}

int asyncio_stream_read(asyncio_stream *stream, void *buffer, size_t size)
{
    asyncio_task *task = task_current();
    if (__builtin_expect(stream->gone || stream->reader || stream->in.data || stream->has_eof ||
                             !task || task->scopes || task->future.loop != stream->tcp.net->loop ||
                             size - 1 >= INT_MAX, 0))
        return read_slowly(stream, buffer, size, NET_CALLER());
    return stream_receive(stream, buffer, size);
}

/* A read that consumes nothing when it is cancelled or fails, yet went into the caller's memory:
 * what came is put back. Without memory for that the stream has a hole, and is no longer of use. */
static void put_back(asyncio_stream *stream, const void *data, size_t size)
{
    if (!size)
        return;
    if (asyncio__buffer_reserve(&stream->in, &stream->tcp.net->blocks, size) < 0)
        (void)stream_has_a_hole(stream);
    else
        asyncio__buffer_add(&stream->in, data, size);
}

/* Large reads go straight to where they belong. */
static int read_directly(asyncio_stream *stream, char *buffer, size_t size, size_t *ret_got)
{
    size_t got = stream->in.count;
    if (got)
        take_out(stream, buffer, got);
    while (got < size) {
        size_t left = size - got < INT_MAX ? size - got : INT_MAX;
        int n = stream_receive(stream, buffer + got, left);
        if (n < 0) {
            put_back(stream, buffer, got);
            return n;
        }
        if (n == 0) {
            if (ret_got)
                *ret_got = got;
            return -ASYNCIO_INCOMPLETE_READ;
        }
        got += (size_t)n;
    }
    return 0;
}

int asyncio_stream_readexactly(asyncio_stream *stream, void *buffer, size_t size, size_t *ret_got)
{
    net_check_scopes(NET_CALLER());
    int r = stream_may_read(stream);
    if (r < 0)
        return r;
    if (size > PTRDIFF_MAX)
        return -EINVAL;
    while (stream->in.count < size) {
        if (!stream->has_eof && size - stream->in.count >= BLOCK_MIN)
            return read_directly(stream, buffer, size, ret_got);
        r = stream->has_eof ? 0
                            : asyncio__stream_fill_more(
                                  stream, 2 * stream->limit > size ? 2 * stream->limit : size);
        if (r < 0)
            return r;
        if (r == 0) {
            size_t got = stream->in.count;
            if (got)
                take_out(stream, buffer, got);
            if (ret_got)
                *ret_got = got;
            return -ASYNCIO_INCOMPLETE_READ;
        }
    }
    if (size)
        take_out(stream, buffer, size);
    return 0;
}

int asyncio_stream_fill(asyncio_stream *stream, size_t size)
{
    net_check_scopes(NET_CALLER());
    int r = stream_may_read(stream);
    if (r < 0)
        return r;
    if (size > PTRDIFF_MAX)
        return -EINVAL;
    if (size > 2 * stream->limit)
        return -ASYNCIO_LIMIT_OVERRUN;
    size_t chunk = size < SCRATCH_SIZE ? size : SCRATCH_SIZE;
    if (stream->chunk < chunk)
        stream->chunk = (uint32_t)chunk;
    while (stream->in.count < size && !stream->has_eof)
        if ((r = asyncio__stream_fill_more(stream, 2 * stream->limit)) < 0)
            return r;
    return (int)stream->in.count;
}

size_t asyncio_stream_peek(asyncio_stream *stream, const char **ret_data)
{
    size_t count = stream->gone && !stream->lost_by ? 0 : stream->in.count;
    if (ret_data)
        *ret_data = count ? buffer_bytes(&stream->in) : "";
    return count;
}

void asyncio_stream_consume(asyncio_stream *stream, size_t size)
{
    buffer_take(&stream->in, size < stream->in.count ? size : stream->in.count);
}

int asyncio_stream_at_eof(const asyncio_stream *stream)
{
    return stream_is_unreadable(stream) || (stream->has_eof && !stream->in.count);
}

int asyncio_stream_is_readable(const asyncio_stream *stream)
{
    return stream->in.count || stream->has_eof || stream_is_unreadable(stream) ||
           stream->transport->type->is_readable(stream->transport);
}
