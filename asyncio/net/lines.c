/* SPDX-License-Identifier: MIT */
/* Lines and other things that end with a separator. The rules are CPython's readuntil: the limit
 * bounds what stands before the separator, whether it is found or not; readline drops what is too
 * long, readuntil leaves it. */
#include "net/stream.h"

#include <errno.h>
#include <string.h>

enum { PIECE = 1024 };

struct search {
    const struct iovec *separators;
    size_t count;
    size_t shortest, longest;
    size_t before_max;        /* bytes that may stand before the separator */
    size_t end_max;           /* and with it */
    size_t unfinished_max;    /* and be there without one */
    size_t found_at, end;     /* of the one that was found */
};

static const char *find_one(const char *bytes, size_t count, const struct iovec *separator)
{
    return separator->iov_len == 1
               ? memchr(bytes, *(const unsigned char *)separator->iov_base, count)
               : memmem(bytes, count, separator->iov_base, separator->iov_len);
}

/* The one that ends first: the shortest match, whatever the order they were given in. */
static bool find_between(struct search *search, const char *bytes, size_t from, size_t count)
{
    search->found_at = search->end = SIZE_MAX;
    if (count - from < search->shortest)
        return false;
    for (size_t i = 0; i < search->count; i++) {
        const struct iovec *separator = &search->separators[i];
        const char *found = find_one(bytes + from, count - from, separator);
        size_t end = found ? (size_t)(found - bytes) + separator->iov_len : SIZE_MAX;
        if (found && (end < search->end ||
                      (end == search->end && (size_t)(found - bytes) > search->found_at))) {
            search->end = end;
            search->found_at = (size_t)(found - bytes);
        }
    }
    return search->end != SIZE_MAX;
}

/* Of several, one may be rare: it is not looked for in all that is there each time another one is
 * found at its beginning. */
static bool find(asyncio_stream *stream, struct search *search, size_t from)
{
    const char *bytes = buffer_bytes(&stream->in);
    size_t count = stream->in.count, end = from;
    size_t piece = search->count == 1 ? count : search->longest + PIECE;
    bool is_found = false;
    while (end < count && !is_found) {
        end = count - end > piece ? end + piece : count;
        is_found = find_between(search, bytes, from, end);
        if (end - from >= search->longest)
            from = end + 1 - search->longest;
    }
    return is_found;
}

/* 1: found; 0: the stream ended before; -ASYNCIO_LIMIT_OVERRUN, with `found_at` when there is one
 * all the same (else SIZE_MAX); an error. Nothing is taken out. */
static int search_on(asyncio_stream *stream, struct search *search)
{
    size_t scanned = 0, capacity = 2 * stream->limit;
    if (capacity < search->unfinished_max + search->longest)
        capacity = search->unfinished_max + search->longest;
    for (;;) {
        if (stream->in.count && find(stream, search, scanned))
            return search->found_at > search->before_max || search->end > search->end_max
                       ? -ASYNCIO_LIMIT_OVERRUN
                       : 1;
        search->found_at = SIZE_MAX;
        if (stream->in.count >= search->longest)
            scanned = stream->in.count + 1 - search->longest;
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
    static const struct iovec newline = { (void *)(uintptr_t) "\n", 1 };
    struct search search = { .separators = &newline,
                             .count = 1,
                             .shortest = 1,
                             .longest = 1,
                             .end_max = SIZE_MAX };
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

/* A buffer for the result that takes any, for views. */
#define NO_BUFFER SIZE_MAX

static int search_until(asyncio_stream *stream, const struct iovec *separators, size_t count,
                        size_t size, struct search *search)
{
    int r = stream_may_read(stream);
    if (r < 0)
        return r;
    if (count == 0)
        return asyncio_raise(-EINVAL, "Separator should contain at least one element");
    *search = (struct search){ .separators = separators, .count = count, .shortest = SIZE_MAX };
    for (size_t i = 0; i < count; i++) {
        size_t length = separators[i].iov_len;
        search->shortest = length < search->shortest ? length : search->shortest;
        search->longest = length > search->longest ? length : search->longest;
    }
    if (search->shortest == 0)
        return asyncio_raise(-EINVAL, "Separator should be at least one-byte string");
    if (search->longest > PTRDIFF_MAX)
        return -EINVAL;
    if (search->shortest > size)
        return -ASYNCIO_LIMIT_OVERRUN; /* whatever comes, it does not fit */
    search->before_max = stream->limit;
    search->end_max = size;
    search->unfinished_max =
        size - search->shortest < stream->limit ? size - search->shortest : stream->limit;
    r = search_on(stream, search);
    return r == 0 ? -ASYNCIO_INCOMPLETE_READ : r;
}

static int take_until(asyncio_stream *stream, const struct iovec *separators, size_t count,
                      void *buffer, size_t size)
{
    struct search search;
    int r = search_until(stream, separators, count, size, &search);
    if (r < 0)
        return r;
    memcpy(buffer, buffer_bytes(&stream->in), search.end);
    drop(stream, search.end);
    return (int)search.end;
}

static int lend_until(asyncio_stream *stream, const struct iovec *separators, size_t count,
                      const char **ret_data)
{
    struct search search;
    int r = search_until(stream, separators, count, NO_BUFFER, &search);
    if (r < 0)
        return r;
    *ret_data = buffer_bytes(&stream->in);
    buffer_take(&stream->in, search.end);
    return (int)search.end;
}

int asyncio_stream_readuntil(asyncio_stream *stream, const void *separator, size_t separator_size,
                             void *buffer, size_t size)
{
    net_check_scopes(NET_CALLER());
    struct iovec one = { (void *)(uintptr_t)separator, separator_size };
    return take_until(stream, &one, 1, buffer, size);
}

int asyncio_stream_readuntil_view(asyncio_stream *stream, const void *separator,
                                  size_t separator_size, const char **ret_data)
{
    net_check_scopes(NET_CALLER());
    struct iovec one = { (void *)(uintptr_t)separator, separator_size };
    return lend_until(stream, &one, 1, ret_data);
}

int asyncio_stream_readuntil_all(asyncio_stream *stream, const struct iovec *separators,
                                 size_t count, void *buffer, size_t size)
{
    net_check_scopes(NET_CALLER());
    return take_until(stream, separators, count, buffer, size);
}

int asyncio_stream_readuntil_all_view(asyncio_stream *stream, const struct iovec *separators,
                                      size_t count, const char **ret_data)
{
    net_check_scopes(NET_CALLER());
    return lend_until(stream, separators, count, ret_data);
}
