/* SPDX-License-Identifier: MIT */
/* CONNECT: see proxies.h. */
#include "client/proxies.h"

#include "base/error.h"
#include "wire/ascii.h"
#include "wire/head.h"

#include <asyncio/alloc.h>
#include <errno.h>

enum { REQUEST_MOST = 1 << 16, FIELDS = 16, INTERIM_MOST = 16, REASON_MOST = 200 };

bool aiohttp__proxy_hung_up(int error)
{
    return error == -EPIPE || error == -ECONNRESET;
}

/* What may stand in a request line as a host: no byte that ends it, or the line. */
static bool is_host(struct span host)
{
    for (size_t i = 0; i < host.size; i++)
        if ((unsigned char)host.data[i] <= ' ' || (unsigned char)host.data[i] >= 127 ||
            memchr("/?#@\\[]", host.data[i], 7))
            return false;
    return host.size > 0;
}

void aiohttp__proxy_target(struct bytes *out, const char *host, int port)
{
    bool is_ipv6 = strchr(host, ':') != NULL;
    if (is_ipv6)
        bytes_put(out, '[');
    bytes_text(out, host);
    if (is_ipv6)
        bytes_put(out, ']');
    bytes_put(out, ':');
    aiohttp__bytes_number(out, (uint64_t)port);
}

static int put_request(struct bytes *out, const struct proxy_connect *connect)
{
    const char *name, *value;
    if (!connect->host || !is_host(span_of(connect->host)) || connect->port < 1 ||
        connect->port > 65535)
        return asyncio_raise(-EINVAL, "that is no host and port to connect to");
    if (connect->authorization && ascii_has_control(span_of(connect->authorization)))
        return asyncio_raise(-EINVAL, "the proxy's authorization has a control character");
    bytes_text(out, "CONNECT ");
    aiohttp__proxy_target(out, connect->host, connect->port);
    bytes_text(out, " HTTP/1.1\r\nHost: ");
    aiohttp__proxy_target(out, connect->host, connect->port);
    bytes_text(out, "\r\n");
    if (connect->authorization) {
        bytes_text(out, "Proxy-Authorization: ");
        bytes_text(out, connect->authorization);
        bytes_text(out, "\r\n");
    }
    for (size_t at = 0;
         connect->headers && aiohttp_headers_next(connect->headers, &at, &name, &value);) {
        bytes_text(out, name);
        bytes_text(out, ": ");
        bytes_text(out, value);
        bytes_text(out, "\r\n");
    }
    bytes_text(out, "\r\n");
    return out->error;
}

/* Twice as many fields as there are. */
static int more_fields(struct head *head)
{
    uint32_t capacity = head->field_capacity ? 2 * head->field_capacity : FIELDS;
    struct head_field *fields =
        asyncio_mem_realloc(head->fields, capacity * sizeof(struct head_field));
    if (!fields)
        return -ENOMEM;
    head->fields = fields;
    head->field_capacity = capacity;
    return 0;
}

/* One head: its size. It stays in the stream's buffer. */
static int read_head(asyncio_stream *stream, struct head *head)
{
    const char *data;
    size_t have = asyncio_stream_peek(stream, &data);
    for (;;) {
        int r = have > 0 ? aiohttp__head_parse(head, data, have) : 0;
        if (r == -ENOBUFS && (r = more_fields(head)) == 0)
            continue;
        if (r == -AIOHTTP_BAD_HTTP_MESSAGE)
            return asyncio_raise(r, "the proxy's answer, byte %u: %s", head->error_at,
                                 head->why ? head->why : "it is no HTTP");
        if (r != 0)
            return r;
        r = asyncio_stream_fill(stream, have + 1);
        if (r == -ASYNCIO_LIMIT_OVERRUN)
            return -AIOHTTP_HEADERS_TOO_LARGE;
        if (r < 0 && !aiohttp__proxy_hung_up(r))
            return r;
        if (r < 0 || (size_t)r <= have)
            return asyncio_raise(-AIOHTTP_PROXY_CLOSED, "after %zu bytes of its answer", have);
        have = asyncio_stream_peek(stream, &data);
    }
}

static int refused(const struct head *head, const char *data)
{
    struct span reason = head_text(data, head->reason);
    int size = reason.size < REASON_MOST ? (int)reason.size : REASON_MOST;
    return asyncio_raise(-AIOHTTP_PROXY, "it answered %d %.*s", head->status_code, size,
                         reason.size > 0 ? reason.data : "");
}

static int keep_challenges(const struct head *head, const char *data, aiohttp_headers *challenges)
{
    const struct head_field *field = NULL;
    int r = 0;
    while (r >= 0 && (field = head_find(head, HEADER_PROXY_AUTHENTICATE, field))) {
        struct span value = head_field_value(data, field);
        char *text = asyncio_mem_malloc(value.size + 1);
        if (!text)
            return -ENOMEM;
        memcpy(text, value.data, value.size);
        text[value.size] = '\0';
        r = aiohttp_headers_add(challenges, "Proxy-Authenticate", text);
        asyncio_mem_free(text);
        r = r == -EINVAL ? 0 : r; /* one that is none */
    }
    return r;
}

static int read_answer(asyncio_stream *stream, const struct proxy_connect *connect, int *ret_status)
{
    struct head_field *fields = NULL;
    uint32_t capacity = 0;
    int r = 0, status = 100;
    for (int i = 0; r >= 0 && status < 200; i++) {
        const char *data;
        struct head head;
        if (i == INTERIM_MOST) {
            r = asyncio_raise(-AIOHTTP_BAD_HTTP_MESSAGE, "the proxy only sends 1xx");
            break;
        }
        aiohttp__head_begin(&head, HEAD_RESPONSE, connect->limits, 0, fields, capacity);
        aiohttp__head_answers(&head, METHOD_CONNECT);
        r = read_head(stream, &head);
        fields = head.fields;
        capacity = head.field_capacity;
        if (r < 0)
            break;
        status = *ret_status = head.status_code;
        asyncio_stream_peek(stream, &data);
        int size = r;
        if (status == 407 && connect->challenges)
            r = keep_challenges(&head, data, connect->challenges);
        if (r >= 0 && (status == 101 || status >= 300))
            r = refused(&head, data);
        asyncio_stream_consume(stream, (size_t)size);
    }
    asyncio_mem_free(fields);
    return r < 0 ? r : 0;
}

int aiohttp__proxy_connect(asyncio_stream *stream, const struct proxy_connect *connect,
                           int *ret_status)
{
    int status = 0;
    struct bytes request = bytes_up_to(REQUEST_MOST);
    aiohttp__errors_add();
    int r = put_request(&request, connect);
    if (r >= 0)
        r = asyncio_stream_write(stream, request.data, request.size);
    aiohttp__bytes_fini(&request);
    /* A proxy may answer, and hang up, before it has read all. */
    if (r >= 0 || aiohttp__proxy_hung_up(r))
        r = read_answer(stream, connect, &status);
    if (ret_status)
        *ret_status = status;
    return r;
}
