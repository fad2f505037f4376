/* SPDX-License-Identifier: MIT */
/* The body of a request: in pieces, or as a whole. */
#include "message/charset.h"
#include "message/coding.h"
#include "web/compress.h"
#include "web/websocket.h"
#include "wire/utf8.h"

#include <aiohttp/error.h>
#include <aiohttp/limits.h>
#include <asyncio/alloc.h>
#include <errno.h>

enum { DECODED = 16384 };

int aiohttp_web_request_set_client_max_size(aiohttp_web_request *request, size_t size)
{
    if (size == 0)
        return -EINVAL;
    request->max_size = size;
    return 0;
}

/* What the exchange says, as what a handler may return. */
static int failed(aiohttp_web_request *request, int result)
{
    const struct exchange *exchange = request->exchange;
    if (exchange->refused)
        result = -(AIOHTTP_HTTP + exchange->refused);
    else if (result == -ETIMEDOUT)
        result = -(AIOHTTP_HTTP + 408);
    else if (result == -AIOHTTP_PAYLOAD)
        result = -ECONNRESET; /* it has gone in the middle of it */
    if (result != -ECANCELED && result != -ENOMEM)
        request->error = result;
    return result;
}

/* What decodes the body, if it is encoded. */
static int find_decoder(aiohttp_web_request *request)
{
    struct exchange *exchange = request->exchange;
    const struct head_field *field = head_find(&exchange->head, HEADER_CONTENT_ENCODING, NULL);
    request->has_decoder = true;
    if (!field)
        return 0;
    if (head_find(&exchange->head, HEADER_CONTENT_ENCODING, field))
        return -(AIOHTTP_HTTP + 415);
    int r = aiohttp__decoder_new(head_field_value(exchange->text, field), exchange->limits,
                                 &request->decoder);
    if (r >= 0 && request->decoder && !(request->decoded = asyncio_mem_malloc(DECODED)))
        r = -ENOMEM;
    if (r == -ENOMEM) {
        /* asked again, it is looked for again: what is encoded must not be taken for the body */
        aiohttp__decoder_free(request->decoder);
        request->decoder = NULL;
        request->has_decoder = false;
    }
    return r;
}

static int decode_failed(int result)
{
    return result == -AIOHTTP_CONTENT_ENCODING ? -(AIOHTTP_HTTP + 400)
           : result == -AIOHTTP_BODY_TOO_LARGE ? -(AIOHTTP_HTTP + 413)
                                               : result;
}

/* Reads on until something has been decoded. */
static int next_decoded(aiohttp_web_request *request)
{
    for (;;) {
        int r = aiohttp__decoder_step(request->decoder, &request->encoded, request->decoded,
                                      DECODED);
        if (r != 0) {
            request->piece = request->decoded;
            return r < 0 ? decode_failed(r) : r;
        }
        r = exchange_read(request->exchange, &request->encoded.data);
        if (r < 0)
            return r;
        request->encoded.size = (size_t)r;
        if (r == 0)
            return decode_failed(aiohttp__decoder_finish(request->decoder));
    }
}

/* Gets a piece that is not given out yet: its size, 0 at the end of the body. */
static int next_piece(aiohttp_web_request *request)
{
    if (request->piece_size)
        return (int)request->piece_size;
    if (request->error)
        return request->error;
    int r = request->has_decoder ? 0 : find_decoder(request);
    if (r >= 0)
        r = request->decoder ? next_decoded(request)
                             : exchange_read(request->exchange, &request->piece);
    if (r < 0)
        return failed(request, r);
    request->piece_size = (size_t)r;
    if (r == 0 && request->exchange->wants_watch)
        r = request->exchange->type->watch(request->exchange, true);
    return r;
}

int aiohttp_web_request_can_read_body(const aiohttp_web_request *request)
{
    return request->piece_size || request->encoded.size || !request->exchange->is_body_read;
}

int aiohttp_web_request_content_read_view(aiohttp_web_request *request, const char **ret_data)
{
    int r = next_piece(request);
    request->is_in_pieces = true;
    if (r > 0) {
        *ret_data = request->piece;
        request->piece_size = 0;
    }
    return r;
}

int aiohttp_web_request_content_read(aiohttp_web_request *request, void *buffer, size_t size)
{
    int r = size ? next_piece(request) : 0;
    request->is_in_pieces = true;
    if (r <= 0)
        return r;
    size_t count = size < request->piece_size ? size : request->piece_size;
    memcpy(buffer, request->piece, count);
    request->piece += count;
    request->piece_size -= count;
    return (int)count;
}

/* Room for `more` bytes and a NUL. */
static int make_room(aiohttp_web_request *request, size_t more)
{
    size_t wanted = request->body_size + more + 1;
    if (wanted <= request->body_capacity)
        return 0;
    size_t capacity = request->body_capacity * 2 > wanted ? request->body_capacity * 2 : wanted;
    char *body = asyncio_mem_realloc(request->body, capacity);
    if (!body)
        return -ENOMEM;
    request->body = body;
    request->body_capacity = capacity;
    return 0;
}

int aiohttp_web_request_read(aiohttp_web_request *request, const char **ret_data, size_t *ret_size)
{
    const struct head *head = &request->exchange->head;
    if (!request->is_read && head->body == BODY_LENGTH && head->content_length > request->max_size)
        return -(AIOHTTP_HTTP + 413);
    int r = 0;
    while (!request->is_read) {
        if ((r = next_piece(request)) < 0)
            return r;
        if (r == 0) {
            if ((r = make_room(request, 0)) < 0)
                return r;
            request->is_read = true;
            break;
        }
        if (request->body_size > request->max_size ||
            request->piece_size > request->max_size - request->body_size)
            return -(AIOHTTP_HTTP + 413);
        if ((r = make_room(request, request->piece_size)) < 0)
            return r;
        memcpy(request->body + request->body_size, request->piece, request->piece_size);
        request->body_size += request->piece_size;
        request->piece_size = 0;
    }
    request->body[request->body_size] = '\0';
    if (ret_data)
        *ret_data = request->body;
    if (ret_size)
        *ret_size = request->body_size;
    return 0;
}

static bool has_nul(struct span text)
{
    return text.size && memchr(text.data, '\0', text.size);
}

static int to_utf8(struct arena *arena, const struct charset *charset, struct span text,
                   struct span *ret_text)
{
    struct charset_decoder decoder;
    struct bytes out = bytes_up_to(text.size < SIZE_MAX / 8 ? text.size * 4 : SIZE_MAX);
    int r = aiohttp__charset_begin(&decoder, charset);
    if (r < 0)
        return r == -EINVAL ? -(AIOHTTP_HTTP + 415) : r;
    r = aiohttp__charset_decode(&decoder, text, false, &out);
    aiohttp__charset_end(&decoder);
    struct span made = bytes_since(&out, 0);
    if (r == -EILSEQ || (r >= 0 && has_nul(made)))
        r = -(AIOHTTP_HTTP + 400);
    if (r >= 0 && !(made.data = aiohttp__arena_text(arena, made)))
        r = -ENOMEM;
    aiohttp__bytes_fini(&out);
    if (r >= 0)
        *ret_text = made;
    return r;
}

int aiohttp__web_text(struct arena *arena, struct span label, struct span text,
                      struct span *ret_text)
{
    if (!span_is_case(label, SPAN("utf-8"))) {
        const struct charset *charset = aiohttp__charset_find(label);
        if (!charset)
            return -(AIOHTTP_HTTP + 415);
        if (!aiohttp__charset_is_utf8(charset))
            return to_utf8(arena, charset, text, ret_text);
    }
    *ret_text = text;
    return has_nul(text) || !aiohttp__is_utf8(text) ? -(AIOHTTP_HTTP + 400) : 0;
}

int aiohttp_web_request_text(aiohttp_web_request *request, const char **ret_text)
{
    struct span text;
    int r = aiohttp_web_request_read(request, &text.data, &text.size);
    if (r >= 0 && !request->text) {
        const char *charset = aiohttp_web_request_charset(request);
        r = aiohttp__web_text(&request->exchange->arena, span_of(charset ? charset : "utf-8"),
                              text, &text);
        if (r >= 0)
            request->text = text.data;
    }
    if (r < 0)
        return r;
    *ret_text = request->text;
    return 0;
}

int aiohttp_web_request_continue(aiohttp_web_request *request)
{
    return request->exchange->type->go_on(request->exchange);
}

static void end_body(aiohttp_web_request *request)
{
    aiohttp__decoder_free(request->decoder);
    asyncio_mem_free(request->decoded);
    asyncio_mem_free(request->body);
    request->decoder = NULL;
    request->decoded = request->body = NULL;
}

void aiohttp__web_request_give_back(aiohttp_web_request *request)
{
    if (request->websocket)
        aiohttp__web_websocket_free(request);
    web_response_drop_file(&request->response);
    if (request->response.encoder)
        aiohttp__web_compress_end(&request->response);
    if (request->json)
        aiohttp__web_json_end(request);
    if (request->form)
        aiohttp__web_form_end(request->form);
    if (request->decoder || request->decoded || request->body)
        end_body(request);
}
