/* SPDX-License-Identifier: MIT */
/* HTTP/1, what comes in: heads and bodies. */
#include "conn/http1.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <errno.h>

void aiohttp__http1_init(struct http1 *http, asyncio_stream *stream, const aiohttp_limits *limits)
{
    memset(http, 0, offsetof(struct http1, fields));
    http->exchange.type = &aiohttp__http1_type;
    http->exchange.stream = stream;
    http->limits = http->exchange.limits = limits;
    http->out = out_of(http->room, sizeof http->room);
    aiohttp__arena_init(&http->exchange.arena, http->arena, sizeof http->arena);
}

void aiohttp__http1_fini(struct http1 *http)
{
    if (http->flush) {
        asyncio_handle_cancel(http->flush);
        asyncio_handle_unref(http->flush);
        http->flush = NULL;
    }
    if (http->out.data != http->room)
        asyncio_mem_free(http->out.data);
    http->out = out_of(http->room, 0);
    asyncio_mem_free(http->more_fields);
    http->more_fields = NULL;
    aiohttp__arena_fini(&http->exchange.arena);
}

static int failed(struct http1 *http, int result, unsigned status)
{
    http->exchange.is_broken |= result == -ECONNRESET;
    http->exchange.closes = true;
    http->exchange.refused = (uint16_t)status;
    return result;
}

/* What is held back goes out before anything is waited for. Where that cannot be a request is not
 * worth reading; an answer is, which may have come before its request met a reset. */
static int flush_first(struct http1 *http)
{
    struct exchange *exchange = &http->exchange;
    bool is_answer = exchange->head.kind == HEAD_RESPONSE;
    if (exchange->is_broken)
        return is_answer ? 0 : -ECONNRESET;
    return http->out.size ? aiohttp__http1_flush(exchange) : 0;
}

/* Waits until more than `have` bytes are buffered: how many are, or as many as before at the
 * end. */
static int fill(struct http1 *http, size_t have, enum http1_wait what)
{
    int r = flush_first(http);
    if (r < 0)
        return r;
    if (http->on_wait)
        http->on_wait(http, what);
    r = asyncio_stream_fill(http->exchange.stream, have + 1);
    if (http->on_wait)
        http->on_wait(http, WAIT_OVER);
    if (r >= 0 && (size_t)r <= have)
        http->is_eof = true;
    return r == -ASYNCIO_LIMIT_OVERRUN ? -AIOHTTP_HEADERS_TOO_LARGE : r;
}

int aiohttp__http1_grow_fields(struct http1 *http)
{
    struct head *head = &http->exchange.head;
    size_t count = (size_t)head->field_capacity * 4;
    struct head_field *fields = asyncio_mem_malloc(count * sizeof *fields);
    if (!fields)
        return -ENOMEM;
    memcpy(fields, head->fields, head->field_count * sizeof *fields);
    asyncio_mem_free(http->more_fields);
    head->fields = http->more_fields = fields;
    head->field_capacity = (uint32_t)count;
    return 0;
}

/* What has come of a head. The first time it is compared with the one before, if that is known. */
static inline int parse_head(struct http1 *http, struct head *head, const char *data, size_t size)
{
    bool is_known = http->kept_size > 0;
    http->kept_size = 0;
    return is_known ? aiohttp__head_parse_after(head, http->kept, data, size)
                    : aiohttp__head_parse(head, data, size);
}

static int read_head(struct http1 *http, struct head *head)
{
    struct exchange *exchange = &http->exchange;
    for (;;) {
        const char *data;
        size_t size = asyncio_stream_peek(exchange->stream, &data);
        int r = size ? parse_head(http, head, data, size) : 0;
        if (r == -ENOBUFS) {
            r = aiohttp__http1_grow_fields(http);
            if (r >= 0)
                continue;
            return failed(http, r, 503);
        }
        if (r < 0)
            return failed(http, r, head->status);
        if (r > 0) {
            exchange->text = data;
            return r;
        }
        if ((r = fill(http, size, WAIT_HEAD)) < 0)
            return failed(http, r, r == -AIOHTTP_HEADERS_TOO_LARGE ? 431 : 0);
        if (http->is_eof)
            return size == 0 ? 0 : failed(http, -AIOHTTP_PAYLOAD, 0);
    }
}

int aiohttp__http1_await_request(struct http1 *http)
{
    asyncio_stream *stream = http->exchange.stream;
    if (!http->kept_size)
        return asyncio_stream_fill(stream, 1);
    int r = asyncio__stream_expect(stream, http->kept, http->kept_size);
    http->is_again = r > 0;
    return r ? r : asyncio_stream_peek(stream, NULL) > 0;
}

/* Whether the head that comes is the one that came before, and known to be: then it is consumed. */
static inline bool is_again(struct http1 *http)
{
    const char *data;
    size_t size;
    if (http->is_again) {
        http->is_again = false;
        return true;
    }
    if (!http->kept_size ||
        (size = asyncio_stream_peek(http->exchange.stream, &data)) < http->kept_size ||
        memcmp(data, http->kept, http->kept_size) != 0)
        return false;
    asyncio_stream_consume(http->exchange.stream, http->kept_size);
    return true;
}

static int __attribute__((noinline)) next_head(struct http1 *http)
{
    struct exchange *exchange = &http->exchange;
    /* A struct http1 is zeroed first; `more_fields` have gone by now. */
    if (exchange->head.fields != http->fields)
        aiohttp__head_begin(&exchange->head, HEAD_REQUEST, http->limits, 0, http->fields,
                            HTTP1_FIELDS);
    else if (!http->kept_size)
        aiohttp__head_again(&exchange->head);
    int r = read_head(http, &exchange->head);
    if (r > 0 && r <= HTTP1_KEPT && http->kept && exchange->head.fields == http->fields) {
        memcpy(http->kept, exchange->text, (size_t)r);
        http->kept_size = (uint32_t)r;
    }
    return r;
}

int aiohttp__http1_read_request(struct http1 *http)
{
    struct exchange *exchange = &http->exchange;
    if (is_again(http)) {
        exchange->text = http->kept;
        exchange->head_size = http->kept_size;
        http->used = 0;
    } else {
        int r = next_head(http);
        if (r <= 0)
            return r;
        exchange->head_size = (uint32_t)r;
        http->used = (size_t)r;
    }
    const struct head *head = &exchange->head;
    exchange->is_body_read = head->body == BODY_NONE;
    exchange->closes = !(head->flags & HEAD_KEEP_ALIVE);
    exchange->awaits_continue = (head->flags & HEAD_EXPECT_CONTINUE) && !exchange->is_body_read;
    if (!exchange->is_body_read)
        aiohttp__body_begin(&http->body, head, http->limits);
    return 1;
}

bool aiohttp__http1_is_ahead(const struct http1 *http)
{
    return asyncio_stream_peek(http->exchange.stream, NULL) > http->used;
}

/* More trailer fields than usual: room for them ends with the exchange. */
static int grow_trailers(struct http1 *http, struct head *trailers)
{
    size_t count = (size_t)trailers->field_capacity * 2;
    struct head_field *fields =
        aiohttp__arena_alloc(&http->exchange.arena, count * sizeof *fields);
    if (!fields)
        return -ENOMEM;
    memcpy(fields, trailers->fields, trailers->field_count * sizeof *fields);
    trailers->fields = fields;
    trailers->field_capacity = (uint32_t)count;
    return 0;
}

/* Kept for whoever asks. */
static int keep_trailers(struct http1 *http, const struct head *trailers, const char *data,
                         size_t size)
{
    struct arena *arena = &http->exchange.arena;
    struct trailers *kept = aiohttp__arena_alloc(arena, sizeof *kept);
    size_t room = trailers->field_count * sizeof *kept->fields;
    if (!kept || !(kept->fields = aiohttp__arena_alloc(arena, room)) ||
        !(kept->text = aiohttp__arena_text(arena, (struct span){ data, size })))
        return -ENOMEM;
    memcpy(kept->fields, trailers->fields, room);
    kept->count = trailers->field_count;
    http->exchange.trailers = kept;
    return 0;
}

/* The fields behind the last chunk. */
static int read_trailers(struct http1 *http)
{
    struct head trailers;
    struct head_field fields[16];
    aiohttp__head_begin(&trailers, HEAD_TRAILERS, http->limits, 0, fields, 16);
    int r = exchange_settle(&http->exchange);
    if (r < 0)
        return failed(http, r, 503);
    asyncio_stream_consume(http->exchange.stream, http->used);
    http->used = 0;
    for (;;) {
        const char *data;
        size_t size = asyncio_stream_peek(http->exchange.stream, &data);
        r = size ? aiohttp__head_parse(&trailers, data, size) : 0;
        if (r == -ENOBUFS) {
            if ((r = grow_trailers(http, &trailers)) < 0)
                return failed(http, r, 503);
            continue;
        }
        if (r < 0)
            return failed(http, r, trailers.status);
        if (r > 0) {
            http->used = (size_t)r;
            r = trailers.field_count ? keep_trailers(http, &trailers, data, http->used) : 0;
            return r < 0 ? failed(http, r, 503) : 0;
        }
        if ((r = fill(http, size, WAIT_BODY)) < 0)
            return failed(http, r, 0);
        if (http->is_eof)
            return failed(http, -AIOHTTP_PAYLOAD, 400);
    }
}

/* Before the buffer moves: what is lent of it is given back. */
static int read_on(struct http1 *http)
{
    int r = exchange_settle(&http->exchange);
    if (r < 0)
        return failed(http, r, 503);
    r = http->exchange.awaits_continue ? aiohttp__http1_go_on(&http->exchange) : 0;
    if (r < 0)
        return r;
    asyncio_stream_consume(http->exchange.stream, http->used);
    http->used = 0;
    if ((r = fill(http, 0, WAIT_BODY)) < 0)
        return failed(http, r, 0);
    return r > 0 ? 0 : failed(http, aiohttp__body_eof(&http->body), 400);
}

int aiohttp__http1_read(struct exchange *exchange, const char **ret_data)
{
    struct http1 *http = http1_of(exchange);
    if (exchange->refused || http->is_eof)
        return exchange->is_broken ? -ECONNRESET : -AIOHTTP_PAYLOAD;
    for (;;) {
        const char *data;
        struct span piece;
        size_t size = asyncio_stream_peek(exchange->stream, &data), used = 0;
        int r = BODY_MORE;
        if (size > http->used || body_is_complete(&http->body))
            r = aiohttp__body_next(&http->body, data + http->used, size - http->used, &used,
                                   &piece);
        if (r < 0)
            return failed(http, r, http->body.status ? http->body.status : 400);
        http->used += used;
        if (r == BODY_END) {
            exchange->is_body_read = true;
            return 0;
        }
        if (r == BODY_DATA) {
            *ret_data = piece.data;
            return (int)piece.size;
        }
        r = r == BODY_TRAILERS ? read_trailers(http) : read_on(http);
        if (r < 0)
            return r;
    }
}

int aiohttp__http1_drop_body(struct http1 *http)
{
    uint64_t begin = http->body.total;
    http->exchange.awaits_continue = false;
    while (!http->exchange.is_body_read) {
        const char *data;
        int r = aiohttp__http1_read(&http->exchange, &data);
        if (r < 0)
            return r;
        if (http->body.total - begin > http->limits->lingering)
            return -EMSGSIZE;
    }
    return 0;
}

void aiohttp__http1_finish(struct http1 *http)
{
    struct exchange *exchange = &http->exchange;
    if (http->used)
        asyncio_stream_consume(exchange->stream, http->used);
    http->used = 0;
    if (http->more_fields)
        asyncio_mem_free(http->more_fields);
    http->more_fields = NULL;
    arena_reset(&exchange->arena);
    exchange->is_settled = exchange->is_begun = exchange->is_ended = exchange->is_bodyless = false;
    exchange->awaits_continue = exchange->is_upgraded = exchange->wants_watch = false;
    exchange->was_ended = false;
    exchange->refused = exchange->status = 0;
    exchange->sent = 0;
    exchange->trailers = NULL;
    exchange->answered = exchange->trailing = NULL;
}

/* What follows the request stays in the stream for its new owner. */
int aiohttp__http1_upgrade(struct exchange *exchange, asyncio_stream **ret_stream)
{
    struct http1 *http = http1_of(exchange);
    if (!exchange->is_begun || !exchange->is_body_read)
        return -EINVAL;
    int r = exchange_settle(exchange);
    if (r >= 0)
        r = aiohttp__http1_flush(exchange);
    if (r < 0)
        return r;
    asyncio_stream_consume(exchange->stream, http->used);
    http->used = 0;
    exchange->is_upgraded = exchange->closes = true;
    *ret_stream = exchange->stream;
    return 0;
}
