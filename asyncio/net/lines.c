/* SPDX-License-Identifier: MIT */
/* Lines and other things that end with a separator. The rules are CPython's readuntil: the limit
 * bounds what stands before the separator, whether it is found or not; readline drops what is too
 * long, readuntil leaves it. */
#include "net/stream.h"

#include <errno.h>
#include <string.h>

struct search {
    const char *separator;
    size_t separator_size;
    size_t before_max;        /* bytes that may stand before the separator */
    size_t unfinished_max;    /* and be there without one */
    size_t found_at;          /* where it begins */
};

static bool find(asyncio_stream *stream, struct search *search, size_t from)
{
    const char *bytes = buffer_bytes(&stream->in);
    size_t count = stream->in.count;
    const char *found;
    if (count - from < search->separator_size)
        return false;
    if (search->separator_size == 1)
        found = memchr(bytes + from, search->separator[0], count - from);
    else
        found = memmem(bytes + from, count - from, search->separator, search->separator_size);
    if (!found)
        return false;
    search->found_at = (size_t)(found - bytes);
    return true;
}

/* 1: found; 0: the stream ended before; -ASYNCIO_LIMIT_OVERRUN, with `found_at` when there is one
 * all the same (else SIZE_MAX); an error. Nothing is taken out. */
static int search_on(asyncio_stream *stream, struct search *search)
{
    size_t scanned = 0, separator_size = search->separator_size;
    size_t capacity = 2 * stream->limit;
    if (capacity < search->unfinished_max + separator_size)
        capacity = search->unfinished_max + separator_size;
    for (;;) {
        if (stream->in.count && find(stream, search, scanned))
            return search->found_at > search->before_max ? -ASYNCIO_LIMIT_OVERRUN : 1;
        search->found_at = SIZE_MAX;
        if (stream->in.count >= separator_size)
            scanned = stream->in.count + 1 - separator_size;
        if (scanned > search->unfinished_max)
            return -ASYNCIO_LIMIT_OVERRUN;
        if (stream->has_eof)
            return 0;
        int r = asyncio__stream_fill_more(stream, capacity);
        if (r < 0)
            return r;
    }
}

static void drop(asyncio_stream *stream, size_t size)
{
    buffer_take(&stream->in, size);
    if (!stream->in.count)
        asyncio__buffer_release(&stream->in, &stream->tcp.net->blocks);
}

static int take_line(asyncio_stream *stream, char *buffer, size_t size)
{
    if (size)
        memcpy(buffer, buffer_bytes(&stream->in), size);
    buffer[size] = '\0';
    drop(stream, size);
    return (int)size;
}

int asyncio_stream_readline(asyncio_stream *stream, char *buffer, size_t size)
{
    net_check_scopes(NET_CALLER());
    int r = stream_may_read(stream);
    if (r < 0)
        return r;
    if (size < 2)
        return asyncio_raise(-EINVAL, "a line and its end do not fit into %zu bytes", size);
    size_t text_max = size - 1; /* the NUL */
    struct search search = { .separator = "\n", .separator_size = 1 };
    search.unfinished_max = text_max < stream->limit ? text_max : stream->limit;
    search.before_max = text_max - 1 < stream->limit ? text_max - 1 : stream->limit;
    r = search_on(stream, &search);
    if (r == 1)
        return take_line(stream, buffer, search.found_at + 1);
    if (r == 0)
        return take_line(stream, buffer, stream->in.count);
    if (r == -ASYNCIO_LIMIT_OVERRUN)
        drop(stream, search.found_at == SIZE_MAX ? stream->in.count : search.found_at + 1);
    return r;
}

static int search_until(asyncio_stream *stream, const void *separator, size_t separator_size,
                        size_t size, struct search *search)
{
    int r = stream_may_read(stream);
    if (r < 0)
        return r;
    if (separator_size == 0)
        return asyncio_raise(-EINVAL, "Separator should be at least one-byte string");
    if (separator_size > size)
        return -ASYNCIO_LIMIT_OVERRUN; /* whatever comes, it does not fit */
    size_t most = size - separator_size < stream->limit ? size - separator_size : stream->limit;
    *search = (struct search){ .separator = separator,
                               .separator_size = separator_size,
                               .before_max = most,
                               .unfinished_max = most };
    r = search_on(stream, search);
    return r == 0 ? -ASYNCIO_INCOMPLETE_READ : r;
}

int asyncio_stream_readuntil(asyncio_stream *stream, const void *separator, size_t separator_size,
                             void *buffer, size_t size)
{
    net_check_scopes(NET_CALLER());
    struct search search;
    int r = search_until(stream, separator, separator_size, size, &search);
    if (r < 0)
        return r;
    size_t length = search.found_at + separator_size;
    memcpy(buffer, buffer_bytes(&stream->in), length);
    drop(stream, length);
    return (int)length;
}

int asyncio_stream_readuntil_view(asyncio_stream *stream, const void *separator,
                                  size_t separator_size, const char **ret_data)
{
    net_check_scopes(NET_CALLER());
    struct search search;
    int r = search_until(stream, separator, separator_size, SIZE_MAX, &search);
    if (r < 0)
        return r;
    *ret_data = buffer_bytes(&stream->in);
    buffer_take(&stream->in, search.found_at + separator_size);
    return (int)(search.found_at + separator_size);
}
