/* SPDX-License-Identifier: MIT */
/* Sending: what becomes of a handler's answer and of its result; streams. */
#include "message/coding.h"
#include "web/compress.h"
#include "web/dispatch.h"
#include "web/file.h"
#include "web/websocket.h"

#include <aiohttp/error.h>
#include <aiohttp/web_exceptions.h>
#include <asyncio/alloc.h>
#include <asyncio/file.h>
#include <asyncio/loop.h>
#include <errno.h>
#include <stdio.h>

enum { FILE_PIECE = 65536 };

/* The Set-Cookie fields come last, since a cookie that is set again replaces the one before. */
static int add_cookies(struct aiohttp_web_response *response)
{
    if (!response->cookies)
        return 0;
    struct aiohttp_headers *headers = aiohttp_web_response_headers(response);
    int r = headers ? 0 : -ENOMEM;
    for (struct web_cookie *at = response->cookies; at && r >= 0; at = at->next)
        r = aiohttp__headers_add_lent(headers, SPAN("Set-Cookie"), at->line);
    return r;
}

/* All of the head, or nothing: cookies that were added may be set again before the next attempt. */
static int begin(struct aiohttp_web_response *response, int64_t length)
{
    struct exchange *exchange = response->request->exchange;
    size_t before = response->headers ? aiohttp_headers_count(response->headers) : 0;
    int r = add_cookies(response);
    struct answer answer = { .status = response->status,
                             .headers = response->headers,
                             .length = response->chunks ? -1 : length };
    if (response->reason)
        answer.reason = span_of(response->reason);
    if (response->content_type)
        answer.content_type = span_of(response->content_type);
    if (r >= 0)
        r = exchange->type->begin(exchange, &answer);
    if (r < 0 && response->headers)
        aiohttp__headers_truncate(response->headers, before);
    return r;
}

int aiohttp__web_response_begin(struct aiohttp_web_response *response, int64_t length)
{
    aiohttp_web_request *request = response->request;
    if (response->is_prepared)
        return 0;
    if (response->is_preparing)
        return -ASYNCIO_INVALID_STATE;
    if (!response->status)
        response->status = 200;
    response->is_preparing = true;
    int r = request->match ? aiohttp__web_match_prepare(request, request->match) : 0;
    response->is_preparing = false;
    if (r >= 0)
        r = begin(response, length);
    if (r < 0)
        return r;
    response->is_prepared = true;
    return 0;
}

int aiohttp_web_response_prepare(aiohttp_web_response *response)
{
    if (response->is_prepared)
        return 0;
    if (response->is_preparing)
        return -ASYNCIO_INVALID_STATE;
    if (!response->content_type)
        response->content_type = "application/octet-stream";
    if (!response->status)
        response->status = 200;
    int r = response->compresses ? aiohttp__web_compress_begin(response, -1) : 0;
    if (r >= 0)
        r = aiohttp__web_response_begin(response, r > 0 ? -1 : response->length);
    if (r < 0)
        aiohttp__web_compress_undo(response);
    return r;
}

int aiohttp_web_response_write(aiohttp_web_response *response, const void *data, size_t size)
{
    struct exchange *exchange = response->request->exchange;
    if (!response->is_prepared || response->is_ended)
        return -ASYNCIO_INVALID_STATE;
    if (response->encoder)
        return aiohttp__web_compress_write(response, data, size, ENCODE_MORE);
    return exchange->type->write(exchange, data, size, false);
}

/* What the encoder has kept, and the end. */
static int end_body(struct aiohttp_web_response *response)
{
    struct exchange *exchange = response->request->exchange;
    int r = 0;
    if (response->encoder) {
        r = aiohttp__web_compress_write(response, NULL, 0, ENCODE_FINISH);
        aiohttp__web_compress_end(response);
    }
    return r < 0 ? r : exchange->type->end(exchange);
}

int aiohttp_web_response_write_eof(aiohttp_web_response *response)
{
    struct exchange *exchange = response->request->exchange;
    if (!response->is_prepared)
        return -ASYNCIO_INVALID_STATE;
    if (response->is_ended)
        return 0;
    response->is_ended = true; /* nobody else writes while this waits */
    int r = end_body(response);
    return r < 0 ? r : exchange->type->flush(exchange);
}

int aiohttp_web_response_flush(aiohttp_web_response *response)
{
    struct exchange *exchange = response->request->exchange;
    int r = response->encoder
                ? aiohttp__web_compress_write(response, NULL, 0, ENCODE_FLUSH)
                : 0;
    return r < 0 ? r : exchange->type->flush(exchange);
}

/* A piece of the file; where the system cannot send it, in chunks, it is read and written. */
static int send_piece(struct aiohttp_web_response *response, int64_t offset, int64_t size)
{
    struct exchange *exchange = response->request->exchange;
    int r = exchange->type->send_file(exchange, response->file, offset, size);
    if (r != -ASYNCIO_SENDFILE_NOT_AVAILABLE)
        return r;
    char *room = asyncio_mem_malloc(FILE_PIECE);
    for (r = room ? 0 : -ENOMEM; r >= 0 && size > 0;) {
        size_t most = size < FILE_PIECE ? (size_t)size : FILE_PIECE;
        int count = asyncio_pread(response->file, room, most, offset);
        r = count > 0 ? exchange->type->write(exchange, room, (size_t)count, false)
                      : count < 0 ? count : -EMSGSIZE; /* it has become shorter */
        offset += count;
        size -= count;
    }
    asyncio_mem_free(room);
    return r < 0 ? r : 0;
}

/* Text and bytes of the file, in turns. */
static int send_parts(struct aiohttp_web_response *response)
{
    struct exchange *exchange = response->request->exchange;
    int r = 0;
    for (struct web_part *at = response->parts; at && r >= 0; at = at->next) {
        r = exchange->type->write(exchange, at->text.data, at->text.size, true);
        if (r >= 0 && at->size)
            r = send_piece(response, at->offset, at->size);
    }
    return r;
}

static int send_body(struct aiohttp_web_response *response)
{
    struct exchange *exchange = response->request->exchange;
    int r = 0;
    if (response->parts)
        r = send_parts(response);
    else if (response->file >= 0)
        r = send_piece(response, response->file_offset, response->file_size);
    else if (response->body_size)
        r = exchange->type->write(exchange, response->body, response->body_size, true);
    if (r < 0)
        return r;
    response->is_ended = true;
    return exchange->type->end(exchange);
}

/* Without the query: that may have secrets. The parser lets no control character in. */
void aiohttp__web_report(const aiohttp_web_request *request, int result, const char *what)
{
    enum { METHOD = 32, PATH = 160 };
    char message[256];
    struct span method = exchange_text(request->exchange, request->exchange->head.method_at);
    struct span path = aiohttp__web_request_target(request);
    snprintf(message, sizeof message, "%s: %.*s %.*s%s", what,
             (int)(method.size < METHOD ? method.size : METHOD), method.data,
             (int)(path.size < PATH ? path.size : PATH), path.data,
             path.size > PATH ? "..." : "");
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_exception_context context = { .size = sizeof context };
    context.message = message;
    context.exception = result;
    context.error = asyncio_last_error(result);
    context.task = asyncio_current_task();
    (asyncio_loop_call_exception_handler)(loop, &context);
}

/* A stream that was begun: it can only be ended, or cut off. */
static int end_stream(struct aiohttp_web_response *response, int result)
{
    struct exchange *exchange = response->request->exchange;
    if (result >= 0 && (response->is_ended || (result = end_body(response)) >= 0)) {
        response->is_ended = true;
        return 0;
    }
    /* Cut off: the peer sees that the end is missing. */
    exchange->is_ended = exchange->closes = true;
    if (result != -ECONNRESET && result != -EPIPE && !aiohttp_web_http_status(result))
        aiohttp__web_report(response->request, result, "Error in a stream response");
    return 0;
}

/* What it fails with, once it has begun, cuts it off. */
static int send_payload(struct aiohttp_web_response *response)
{
    int r = aiohttp__web_send_payload(response);
    return r < 0 && r != -ECANCELED && response->is_prepared ? end_stream(response, r) : r;
}

/* The most usual answer: a body, and nothing that says more of it. False: there is more to it. */
static inline bool send_at_once(struct aiohttp_web_response *response)
{
    const aiohttp_web_request *request = response->request;
    struct exchange *exchange = request->exchange;
    bool is_more = response->headers || response->cookies || response->reason ||
                   response->payload || response->file >= 0 || response->parts ||
                   !response->has_body || response->compresses || response->chunks ||
                   response->is_prepared || !response->has_static_type || !response->content_type;
    if (is_more || !exchange->type->respond ||
        (request->match && aiohttp__web_match_prepares(request->match)) ||
        !exchange->type->respond(exchange, response->status, response->content_type,
                                 response->body, response->body_size))
        return false;
    response->is_prepared = response->is_ended = true;
    return true;
}

/* Sends what was set. */
static int send_set(struct aiohttp_web_response *response)
{
    if (send_at_once(response))
        return 0;
    if (response->payload)
        return send_payload(response);
    int compressed = response->compresses && response->has_body && response->file < 0
                         ? aiohttp__web_compress_body(response)
                         : 0;
    if (compressed < 0)
        return compressed;
    size_t size = response->has_body ? response->body_size : 0;
    int64_t length = response->file >= 0 ? response->file_size : (int64_t)size;
    /* HEAD: how large it would be. */
    if (!size && response->file < 0 && response->length >= 0 &&
        response->request->exchange->head.method == METHOD_HEAD)
        length = response->length;
    int r = aiohttp__web_response_begin(response, length);
    return r < 0 ? r : send_body(response);
}

/* The answer when there is no other, of what is there without memory. */
static int send_plain(struct aiohttp_web_response *response, int status)
{
    response->compresses = false;
    response->headers = NULL;
    response->cookies = NULL;
    response->reason = NULL;
    response->status = status;
    response->content_type = "text/plain; charset=utf-8";
    aiohttp__web_response_drop_file(response);
    response->has_body = true;
    response->body = status == 500 ? "500: Internal Server Error\n" : "503: Service Unavailable\n";
    response->body_size = strlen(response->body);
    response->request->match = NULL;
    return send_set(response);
}

/* An error, and what it means to the peer. */
static void set_error(aiohttp_web_request *request, int result)
{
    struct aiohttp_web_response *response = &request->response;
    int status = aiohttp_web_http_status(result);
    if (result == -ETIMEDOUT)
        status = 504;
    if (status && response->status == status)
        return;
    if (!status) {
        aiohttp__web_report(request, result, "Error handling request");
        status = 500;
    }
    int r = aiohttp_web_http_exception(request, status);
    if (r == -ENOMEM)
        response->status = 0;
}

/* The end of the server has cancelled the handler: what it has sent is ended as it should be. */
static int uncancelled(struct exchange *exchange, int result)
{
    exchange->was_ended = false;
    return asyncio_task_uncancel(asyncio_current_task()) == 0 && result == -ECANCELED ? 0 : result;
}

static int __attribute__((noinline)) send_slowly(aiohttp_web_request *request, int result)
{
    struct aiohttp_web_response *response = &request->response;
    struct exchange *exchange = request->exchange;
    if (exchange->was_ended)
        result = uncancelled(exchange, result);
    if (result == -ECANCELED && asyncio_task_cancelling(asyncio_current_task()) > 0)
        return result;
    if (request->websocket)
        return aiohttp__web_websocket_end(request, result);
    if (response->is_prepared)
        return end_stream(response, result);
    if (exchange->is_broken)
        return 0; /* nobody is there to be answered */
    if (result < 0)
        set_error(request, result);
    else if (!response->status) {
        aiohttp__web_report(request, -ASYNCIO_INVALID_STATE,
                            "a handler returned without an answer");
        set_error(request, -(AIOHTTP_HTTP + 500));
    }
    if (exchange->refused)
        exchange->closes = true;
    int r = response->status ? send_set(response) : -ENOMEM;
    if (r == -ECANCELED || exchange->is_broken)
        return r == -ECANCELED ? r : 0;
    if (r < 0 && !response->is_prepared) {
        aiohttp__web_report(request, r, "Error sending an answer");
        r = send_plain(response, 500);
    }
    if (r < 0)
        exchange->is_broken = exchange->closes = true;
    return r == -ECANCELED ? r : 0;
}

int aiohttp__web_request_send(aiohttp_web_request *request, int result)
{
    struct aiohttp_web_response *response = &request->response;
    const struct exchange *exchange = request->exchange;
    bool is_usual = result >= 0 && response->status && !request->websocket &&
                    !exchange->was_ended && !exchange->refused;
    return is_usual && send_at_once(response) ? 0 : send_slowly(request, result);
}
