/* SPDX-License-Identifier: MIT */
/* The client's direction of HTTP/1: see http1_client.h. */
#include "conn/http1_client.h"

#include "wire/fields.h"

#include <aiohttp/error.h>
#include <errno.h>

/* Which fields the caller's headers have; what is not among them is added. */
struct given {
    bool host, accept, accept_encoding, user_agent, content_type, content_encoding, authorization,
        proxy_authorization, cookie, connection, expect;
};

static void write_headers(struct http1 *http, const struct asking *asking, struct given *given)
{
    struct out *out = &http->out;
    for (uint32_t i = 0; i < asking->headers->count; i++) {
        const struct headers_field *field = &asking->headers->fields[i];
        struct span name = { field->name, field->name_size };
        struct span value = { field->value, field->value_size };
        switch (aiohttp__header_id(name.data, name.size)) {
        case HEADER_CONTENT_LENGTH:
        case HEADER_TRANSFER_ENCODING:
            out->result = -EINVAL; /* the length is said otherwise, and only once */
            return;
        case HEADER_HOST:
            if (given->host)
                out->result = -EINVAL;
            given->host = true;
            break;
        case HEADER_ACCEPT:
            given->accept = true;
            break;
        case HEADER_ACCEPT_ENCODING:
            given->accept_encoding = true;
            break;
        case HEADER_USER_AGENT:
            given->user_agent = true;
            break;
        case HEADER_CONTENT_TYPE:
            given->content_type = true;
            break;
        case HEADER_CONTENT_ENCODING:
            given->content_encoding = true;
            break;
        case HEADER_AUTHORIZATION:
            given->authorization = true;
            break;
        case HEADER_PROXY_AUTHORIZATION:
            given->proxy_authorization = true;
            break;
        case HEADER_COOKIE:
            given->cookie = true;
            break;
        case HEADER_EXPECT:
            given->expect = true;
            break;
        case HEADER_CONNECTION:
            given->connection = true;
            http->exchange.closes |= aiohttp__list_has(value, SPAN("close"));
            break;
        default:
            break;
        }
        aiohttp__write_field(out, name, value);
    }
}

static void write_unless(struct out *out, bool is_given, enum header_id id, struct span value)
{
    if (!is_given && value.size)
        aiohttp__write_known(out, id, value);
}

/* What every request says, unless the caller has said it. */
static void write_usual(struct out *out, const struct asking *asking, const struct given *given)
{
    bool has_all = asking->accept.size && asking->accept_encoding.size && asking->user_agent.size;
    if (has_all && !given->accept && !given->accept_encoding && !given->user_agent) {
        struct span all = { asking->accept.data, asking->accept.size +
                                                     asking->accept_encoding.size +
                                                     asking->user_agent.size };
        out_add(out, all);
        return;
    }
    if (!given->accept)
        out_add(out, asking->accept);
    if (!given->accept_encoding)
        out_add(out, asking->accept_encoding);
    if (!given->user_agent)
        out_add(out, asking->user_agent);
}

static void write_body_fields(struct out *out, const struct asking *asking,
                              const struct given *given)
{
    write_unless(out, given->content_type, HEADER_CONTENT_TYPE, asking->content_type);
    if (asking->content_encoding.size && given->content_encoding)
        out->result = -EINVAL; /* compressed by us, and by the caller too? */
    write_unless(out, false, HEADER_CONTENT_ENCODING, asking->content_encoding);
    if (asking->length >= 0)
        aiohttp__write_known_number(out, HEADER_CONTENT_LENGTH, (uint64_t)asking->length);
    else if (asking->length == ASKS_CHUNKS)
        out_add(out, SPAN("Transfer-Encoding: chunked\r\n"));
    if (asking->expects && !given->expect)
        out_add(out, SPAN("Expect: 100-continue\r\n"));
}

int aiohttp__http1_begin_request(struct http1 *http, const struct asking *asking)
{
    struct exchange *exchange = &http->exchange;
    struct out *out = &http->out;
    struct given given = { .host = false };
    out->grow = aiohttp__http1_grow;
    exchange->closes = asking->closes;
    aiohttp__write_request_line(out, asking->method, asking->target, 11);
    /* Without one the caller's headers have it. */
    write_unless(out, false, HEADER_HOST, asking->host);
    given.host = asking->host.size != 0;
    if (asking->headers)
        write_headers(http, asking, &given);
    if (!given.host && out->result == 0)
        out->result = -EINVAL;
    write_usual(out, asking, &given);
    write_unless(out, given.authorization, HEADER_AUTHORIZATION, asking->authorization);
    write_unless(out, given.proxy_authorization, HEADER_PROXY_AUTHORIZATION,
                 asking->proxy_authorization);
    write_unless(out, given.cookie, HEADER_COOKIE, asking->cookie);
    write_body_fields(out, asking, &given);
    if (!given.connection && asking->upgrades)
        out_add(out, SPAN("Connection: Upgrade\r\n"));
    else if (!given.connection && exchange->closes)
        out_add(out, SPAN("Connection: close\r\n"));
    aiohttp__write_end(out);
    if (out->result < 0) {
        int r = out->result;
        out->result = 0;
        out->size = 0;
        return r;
    }
    http->sends = asking->length >= 0            ? SENDS_LENGTH
                  : asking->length == ASKS_CHUNKS ? SENDS_CHUNKS
                                                  : SENDS_NOTHING;
    http->left = asking->length > 0 ? (uint64_t)asking->length : 0;
    exchange->is_begun = true;
    return 0;
}

/* Behind this head nothing is HTTP, or another's. */
static bool is_tunnel(const struct head *head, enum method method)
{
    return head->status_code == 101 || (method == METHOD_CONNECT && head->status_code < 300);
}

/* Waits for more than `have` bytes. */
static int fill(struct http1 *http, size_t have)
{
    if (http->on_wait)
        http->on_wait(http, WAIT_HEAD);
    int r = asyncio_stream_fill(http->exchange.stream, have + 1);
    if (http->on_wait)
        http->on_wait(http, WAIT_OVER);
    if (r == -ASYNCIO_LIMIT_OVERRUN)
        return -AIOHTTP_HEADERS_TOO_LARGE;
    if (r >= 0 && (size_t)r <= have) {
        http->is_eof = true;
        return -AIOHTTP_SERVER_DISCONNECTED;
    }
    return r;
}

static int read_head(struct http1 *http, struct answering *answering)
{
    struct exchange *exchange = &http->exchange;
    for (;;) {
        const char *data;
        size_t size = asyncio_stream_peek(exchange->stream, &data);
        int r = size ? aiohttp__head_parse(&exchange->head, data, size) : 0;
        if (r == -ENOBUFS) {
            if ((r = aiohttp__http1_grow_fields(http)) < 0)
                return r;
            continue;
        }
        if (r) {
            exchange->text = data;
            answering->has_bytes = true;
            return r;
        }
        answering->has_bytes |= size > 0;
        if ((r = fill(http, size)) < 0)
            return r;
    }
}

int aiohttp__http1_read_response(struct http1 *http, enum method method,
                                 struct answering *answering)
{
    struct exchange *exchange = &http->exchange;
    struct head *head = &exchange->head;
    for (;;) {
        if (!answering->is_begun) {
            aiohttp__head_begin(head, HEAD_RESPONSE, http->limits, 0,
                                http->more_fields ? http->more_fields : http->fields,
                                http->more_fields ? head->field_capacity : HTTP1_FIELDS);
            aiohttp__head_answers(head, method);
            answering->is_begun = true;
        }
        int r = read_head(http, answering);
        if (r < 0) {
            exchange->closes |= r != -ECANCELED;
            return r;
        }
        answering->is_begun = false;
        if (head->status_code >= 200 || head->status_code == 101) {
            exchange->head_size = (uint32_t)r;
            http->used = (size_t)r;
            break;
        }
        asyncio_stream_consume(exchange->stream, (size_t)r);
        answering->spent += head->field_count + 1;
        if (answering->spent > http->limits->response_headers)
            return -AIOHTTP_HEADERS_TOO_LARGE;
        if (head->status_code == 100 && answering->wants_continue && !answering->was_continued) {
            answering->was_continued = true;
            return 0;
        }
    }
    exchange->status = head->status_code;
    exchange->is_body_read = head->body == BODY_NONE;
    exchange->closes |= !(head->flags & HEAD_KEEP_ALIVE) || head->body == BODY_CLOSE ||
                        is_tunnel(head, method);
    if (!exchange->is_body_read)
        aiohttp__body_begin(&http->body, head, http->limits);
    return 1;
}
