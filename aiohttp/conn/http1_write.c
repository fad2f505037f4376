/* SPDX-License-Identifier: MIT */
/* HTTP/1, what goes out: heads, and bodies by length, in chunks or until the end. */
#include "conn/http1.h"

#include "wire/fields.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <asyncio/file.h>
#include <asyncio/socket.h>
#include <errno.h>
#include <time.h>

static void told(struct http1 *http, enum http1_wait what)
{
    if (http->on_wait)
        http->on_wait(http, what);
}

/* What the stream did not take is lost: nothing that is sent later would make sense. */
static int sent(struct http1 *http, int result)
{
    told(http, WAIT_NONE);
    if (result < 0 && result != -ECANCELED)
        http->exchange.is_broken = http->exchange.closes = true;
    return result;
}

int aiohttp__http1_grow(struct out *out, size_t wanted)
{
    struct http1 *http = (struct http1 *)(void *)((char *)out - offsetof(struct http1, out));
    size_t capacity = out->capacity * 2 > wanted ? out->capacity * 2 : wanted;
    char *data = asyncio_mem_malloc(capacity);
    if (!data)
        return -ENOMEM;
    memcpy(data, out->data, out->size);
    if (out->data != http->room)
        asyncio_mem_free(out->data);
    out->data = data;
    out->capacity = capacity;
    return 0;
}

static void give_back(struct http1 *http, char *data)
{
    if (data != http->room)
        asyncio_mem_free(data);
}

/* What was held back is going out: the next begins in the room. */
static inline void empty(struct http1 *http)
{
    if (http->out.data == http->room) {
        http->out.size = 0;
        http->out.result = 0;
        http->out.grow = NULL;
    } else
        http->out = out_of(http->room, sizeof http->room);
    http->held = 0;
}

/* What is held back goes out, with `pieces` behind it (the first is left free for it). */
static int send_pieces(struct http1 *http, struct iovec *pieces, size_t count)
{
    if (http->exchange.is_broken)
        return -ECONNRESET;
    char *data = http->out.data;
    pieces[0] = (struct iovec){ data, http->out.size };
    empty(http);
    told(http, WAIT_WRITE);
    int r = asyncio_stream_writelines(http->exchange.stream, pieces, count);
    give_back(http, data);
    return sent(http, r);
}

/* What was written in one piece has to be waited for, or has failed. */
static int __attribute__((noinline)) flush_on(struct http1 *http, int result)
{
    told(http, WAIT_WRITE);
    if (result > 0)
        result = asyncio__stream_write_end(http->exchange.stream);
    return sent(http, result);
}

/* What the socket takes at once needs no deadline. */
int aiohttp__http1_flush(struct exchange *exchange)
{
    struct http1 *http = http1_of(exchange);
    if (exchange->is_broken || !http->out.size)
        return exchange->is_broken ? -ECONNRESET : 0;
    char *data = http->out.data;
    size_t size = http->out.size;
    empty(http);
    int r = asyncio__stream_write_begin(exchange->stream, data, size);
    give_back(http, data);
    return __builtin_expect(r == 0, 1) ? 0 : flush_on(http, r);
}

int aiohttp__http1_go_on(struct exchange *exchange)
{
    if (!exchange->awaits_continue)
        return 0;
    exchange->awaits_continue = false;
    if (exchange->is_begun)
        return 0; /* the peer would take it for a part of the answer */
    out_add(&http1_of(exchange)->out, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
    return aiohttp__http1_flush(exchange);
}

static int inform(struct exchange *exchange, int status, const struct aiohttp_headers *headers)
{
    struct out *out = &http1_of(exchange)->out;
    size_t before = out->size;
    if (exchange->is_begun || status < 102 || status > 199)
        return -EINVAL;
    if (exchange->head.version == 10)
        return 0;
    out->grow = aiohttp__http1_grow;
    aiohttp__write_status_line(out, 11, status, (struct span){ NULL, 0 });
    for (uint32_t i = 0; headers && i < headers->count; i++) {
        const struct headers_field *field = &headers->fields[i];
        aiohttp__write_field(out, (struct span){ field->name, field->name_size },
                             (struct span){ field->value, field->value_size });
    }
    aiohttp__write_end(out);
    if (out->result < 0) {
        int r = out->result;
        out->result = 0;
        out->size = before;
        return r;
    }
    return aiohttp__http1_flush(exchange);
}

/* Whether what the client still sends is worth waiting for. */
static bool is_rest_small(const struct http1 *http)
{
    const struct exchange *exchange = &http->exchange;
    if (exchange->is_body_read)
        return true;
    return !exchange->awaits_continue && !exchange->refused &&
           (http->body.kind != BODY_LENGTH || http->body.left <= http->limits->lingering);
}

/* What follows belongs to somebody else. */
static bool is_tunnel(const struct head *head, int status)
{
    return head->method == METHOD_CONNECT && status < 300;
}

/* How the end of the body is told. */
static void choose(struct http1 *http, const struct answer *answer)
{
    struct exchange *exchange = &http->exchange;
    const struct head *head = &exchange->head;
    http->left = 0;
    exchange->is_bodyless = head->method == METHOD_HEAD || answer->status < 200 ||
                            answer->status == 204 || answer->status == 205 ||
                            answer->status == 304 || is_tunnel(head, answer->status);
    if (exchange->is_bodyless)
        http->sends = SENDS_NOTHING;
    else if (answer->length >= 0) {
        http->sends = SENDS_LENGTH;
        http->left = (uint64_t)answer->length;
    } else
        http->sends = head->version == 10 ? SENDS_UNTIL_CLOSE : SENDS_CHUNKS;
    if (http->sends == SENDS_UNTIL_CLOSE || !is_rest_small(http) || answer->status == 101 ||
        is_tunnel(head, answer->status))
        exchange->closes = true;
}

struct written {
    bool date, server, content_type, connection;
};

/* Whether the user's value says all: not when it closes and that is not said. */
static bool says_enough(struct http1 *http, const struct answer *answer, struct span value)
{
    bool says_close = aiohttp__list_has(value, SPAN("close"));
    http->exchange.closes |= says_close;
    return !http->exchange.closes || says_close || answer->status == 101;
}

static void write_fields(struct http1 *http, const struct answer *answer, struct written *written)
{
    struct out *out = &http->out;
    for (uint32_t i = 0; answer->headers && i < answer->headers->count; i++) {
        const struct headers_field *field = &answer->headers->fields[i];
        struct span name = { field->name, field->name_size };
        struct span value = { field->value, field->value_size };
        switch (aiohttp__header_id(name.data, name.size)) {
        case HEADER_CONTENT_LENGTH:
        case HEADER_TRANSFER_ENCODING:
            out->result = -EINVAL; /* the length is said otherwise, and only once */
            return;
        case HEADER_DATE:
            written->date = true;
            break;
        case HEADER_SERVER:
            written->server = true;
            break;
        case HEADER_CONTENT_TYPE:
            written->content_type = true;
            break;
        case HEADER_CONNECTION:
            written->connection = says_enough(http, answer, value);
            if (!written->connection && span_is_case(value, SPAN("keep-alive")))
                continue;
            break;
        default:
            break;
        }
        aiohttp__write_field(out, name, value);
    }
}

/* Bytes whose room has been made. */
static char *put(char *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

#define PUT(at, literal) put(at, literal, sizeof(literal) - 1)

static char *put_number(char *at, uint64_t number)
{
    char digits[20], *begin = digits + sizeof digits;
    do
        *--begin = (char)('0' + number % 10);
    while (number /= 10);
    return put(at, begin, (size_t)(digits + sizeof digits - begin));
}

/* What says how large the body is. */
static char *put_length(const struct http1 *http, const struct answer *answer, char *at)
{
    if (answer->status == 205) /* RFC 9110, 15.3.6 */
        return PUT(at, "Content-Length: 0\r\n");
    if (answer->length >= 0 && answer->status >= 200 && answer->status != 204 &&
        answer->status != 304 && !is_tunnel(&http->exchange.head, answer->status)) {
        at = PUT(at, "Content-Length: ");
        at = put_number(at, (uint64_t)answer->length);
        return PUT(at, "\r\n");
    }
    return http->sends == SENDS_CHUNKS ? PUT(at, "Transfer-Encoding: chunked\r\n") : at;
}

/* Room for the fields of our own, but the content type. */
enum { OWN_FIELDS = 512 };

/* The last fields and the end of the head. Nothing here has to be checked: the content type was
 * when it was set. */
static void write_own_fields(struct http1 *http, const struct answer *answer,
                             const struct written *written)
{
    struct out *out = &http->out;
    const struct head *head = &http->exchange.head;
    char *begin = out_room(out, OWN_FIELDS + answer->content_type.size), *at = begin;
    if (!begin)
        return;
    if (answer->content_type.data && !written->content_type) {
        at = PUT(at, "Content-Type: ");
        at = put(at, answer->content_type.data, answer->content_type.size);
        at = PUT(at, "\r\n");
    }
    at = put_length(http, answer, at);
    if (http->date && !written->date) {
        int64_t now = (int64_t)time(NULL);
        if (!http->date->is_valid || http->date->seconds != now)
            aiohttp__date_line_set(http->date, now);
        at = put(at, http->date->text, sizeof http->date->text);
    }
    if (!written->server)
        at = put(at, http->server.data, http->server.size);
    if (!written->connection && answer->status >= 200 && !is_tunnel(head, answer->status)) {
        if (http->exchange.closes)
            at = PUT(at, "Connection: close\r\n");
        else if (head->flags & HEAD_SAID_KEEP_ALIVE && head->version == 10)
            at = PUT(at, "Connection: keep-alive\r\n");
    }
    at = PUT(at, "\r\n");
    out->size += (size_t)(at - begin);
}

static int begin(struct exchange *exchange, const struct answer *answer)
{
    struct http1 *http = http1_of(exchange);
    if (exchange->is_begun)
        return 0;
    struct out *out = &http->out;
    size_t before = out->size;
    bool closes = exchange->closes;
    struct written written = { .date = false };
    choose(http, answer);
    out->grow = aiohttp__http1_grow;
    /* 1.1 whatever was asked: it is what we speak. */
    aiohttp__write_status_line(out, 11, answer->status, answer->reason);
    write_fields(http, answer, &written);
    write_own_fields(http, answer, &written);
    if (out->result < 0) {
        int r = out->result;
        out->result = 0;
        out->size = before;
        exchange->closes = closes;
        return r;
    }
    exchange->is_begun = true;
    exchange->answered = answer->headers;
    exchange->status = (uint16_t)answer->status;
    return 0;
}

static int write_part(struct exchange *exchange, const void *data, size_t size, bool may_hold)
{
    struct http1 *http = http1_of(exchange);
    if (!exchange->is_begun || exchange->is_ended)
        return -ASYNCIO_INVALID_STATE;
    if (exchange->is_broken)
        return -ECONNRESET;
    if (http->sends == SENDS_NOTHING || size == 0)
        return may_hold ? 0 : aiohttp__http1_flush(exchange);
    if (http->sends == SENDS_LENGTH && size > http->left)
        return -EMSGSIZE;
    http->left -= http->sends == SENDS_LENGTH ? size : 0;
    exchange->sent += size;
    bool is_chunk = http->sends == SENDS_CHUNKS;
    if (is_chunk)
        aiohttp__write_chunk_head(&http->out, size);
    struct span body = { data, size };
    if (may_hold && http->out.capacity - http->out.size >= size + 2) {
        out_add(&http->out, body);
        if (is_chunk)
            out_add(&http->out, SPAN("\r\n"));
        return http->out.result;
    }
    if (http->out.result < 0)
        return sent(http, http->out.result);
    struct iovec pieces[3] = { { NULL, 0 },
                               { (void *)(uintptr_t)data, size },
                               { (void *)(uintptr_t) "\r\n", 2 } };
    return send_pieces(http, pieces, is_chunk ? 3 : 2);
}

/* A little of a file goes out with what is before it, so it is read to behind that. While it is,
 * the loop may send what is before it. */
static int read_file(struct http1 *http, int file, int64_t offset, size_t size)
{
    struct out *out = &http->out;
    char *at = out->data + out->size;
    size_t done = 0;
    while (done < size) {
        int r = asyncio_pread(file, at + done, size - done, offset + (int64_t)done);
        if (r <= 0)
            return r < 0 ? r : -EMSGSIZE; /* it has become shorter */
        done += (size_t)r;
    }
    if (at != out->data + out->size)
        memmove(out->data + out->size, at, size);
    out->size += size;
    http->left -= size;
    http->exchange.sent += size;
    return 0;
}

static int copy_file(struct http1 *http, int file, int64_t offset, int64_t size)
{
    int r = read_file(http, file, offset, (size_t)size);
    if (r < 0 && r != -ECANCELED)
        (void)aiohttp__http1_flush(&http->exchange); /* the answers before this one are whole */
    if (r < 0)
        http->exchange.is_broken = http->exchange.closes = true;
    return r;
}

/* What is held back goes out with the beginning. Who watches sees `file_sent` grow. */
static int send_by_stream(struct http1 *http, int file, int64_t offset, int64_t size)
{
    struct exchange *exchange = &http->exchange;
    char *before = http->out.data;
    size_t before_size = http->out.size;
    if (exchange->is_broken)
        return -ECONNRESET;
    empty(http);
    http->file_sent = 0;
    told(http, WAIT_WRITE);
    int r = asyncio_loop_sendfile(asyncio_get_running_loop(), exchange->stream, file,
                                  &http->file_sent, .offset = offset, .count = size,
                                  .before = before, .before_size = before_size,
                                  .leaves_place = 1);
    told(http, WAIT_NONE);
    http->left -= (uint64_t)http->file_sent;
    exchange->sent += (uint64_t)http->file_sent;
    give_back(http, before);
    return r >= 0 && http->file_sent < size ? -EMSGSIZE : r; /* it has become shorter */
}

static int send_file(struct exchange *exchange, int file, int64_t offset, int64_t size)
{
    struct http1 *http = http1_of(exchange);
    if (!exchange->is_begun || exchange->is_ended)
        return -ASYNCIO_INVALID_STATE;
    if (http->sends == SENDS_NOTHING || size <= 0)
        return 0;
    if (http->sends != SENDS_LENGTH)
        return -ASYNCIO_SENDFILE_NOT_AVAILABLE;
    if ((uint64_t)size > http->left)
        return -EMSGSIZE;
    if (!exchange->is_broken && (uint64_t)size <= http->out.capacity - http->out.size)
        return copy_file(http, file, offset, size);
    int r = send_by_stream(http, file, offset, size);
    if (r < 0)
        exchange->is_broken = exchange->closes = true;
    return r < 0 ? r : 0;
}

/* The last chunk, and what is to be said behind it. */
static void end_chunks(struct http1 *http)
{
    const struct aiohttp_headers *trailing = http->exchange.trailing;
    struct out *out = &http->out;
    if (!trailing) {
        out_add(out, SPAN("0\r\n\r\n"));
        return;
    }
    out->grow = aiohttp__http1_grow;
    out_add(out, SPAN("0\r\n"));
    for (uint32_t i = 0; i < trailing->count; i++) {
        const struct headers_field *field = &trailing->fields[i];
        if (!aiohttp__may_trail(aiohttp__header_id(field->name, field->name_size)))
            out->result = -EINVAL;
        aiohttp__write_field(out, (struct span){ field->name, field->name_size },
                             (struct span){ field->value, field->value_size });
    }
    aiohttp__write_end(out);
}

static int end(struct exchange *exchange)
{
    struct http1 *http = http1_of(exchange);
    if (exchange->is_ended)
        return 0;
    if (!exchange->is_begun)
        return -ASYNCIO_INVALID_STATE;
    if (http->left) {
        /* The peer would take the next answer for the rest of this one. */
        exchange->is_ended = exchange->closes = true;
        return -EMSGSIZE;
    }
    if (http->sends == SENDS_CHUNKS)
        end_chunks(http);
    exchange->is_ended = true;
    return http->out.result < 0 ? sent(http, http->out.result) : 0;
}

static int watch(struct exchange *exchange, bool is_on)
{
    struct http1 *http = http1_of(exchange);
    return http->on_watch ? http->on_watch(http, is_on) : 0;
}

static void end_with_server(struct exchange *exchange)
{
    struct http1 *http = http1_of(exchange);
    if (http->on_end_with_server)
        http->on_end_with_server(http);
}

const struct exchange_type aiohttp__http1_type = {
    .name = "HTTP/1",
    .read = aiohttp__http1_read,
    .begin = begin,
    .write = write_part,
    .respond = aiohttp__http1_respond,
    .send_file = send_file,
    .end = end,
    .flush = aiohttp__http1_flush,
    .go_on = aiohttp__http1_go_on,
    .inform = inform,
    .upgrade = aiohttp__http1_upgrade,
    .watch = watch,
    .end_with_server = end_with_server,
};
