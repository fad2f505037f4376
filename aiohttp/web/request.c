/* SPDX-License-Identifier: MIT */
/* What a handler can ask of a request's head. */
#include "web/request.h"

#include "base/bytes.h"
#include "wire/cookie.h"
#include "wire/query.h"
#include "wire/quote.h"

#include <errno.h>

aiohttp_web_request *aiohttp__web_request_new(struct exchange *exchange, size_t max_size)
{
    aiohttp_web_request *request = arena_alloc(&exchange->arena, sizeof *request);
    if (!request)
        return NULL;
    aiohttp__zero(request, sizeof *request);
    request->exchange = exchange;
    request->max_size = max_size;
    request->response.request = request;
    request->response.length = -1;
    request->response.file = -1;
    return request;
}

struct web_match **aiohttp__web_request_match(const aiohttp_web_request *request)
{
    return &((aiohttp_web_request *)(uintptr_t)request)->match;
}

/* Path and query, as they were sent. */
static struct span target_of(const aiohttp_web_request *request)
{
    const struct head *head = &request->exchange->head;
    if (head->target_form == TARGET_ABSOLUTE && head->path.size == 0)
        return SPAN("/");
    if (head->path.size == 0)
        return exchange_text(request->exchange, head->target);
    return exchange_text(request->exchange, head->path);
}

struct span aiohttp__web_request_target(const aiohttp_web_request *request)
{
    struct span target = target_of(request);
    const char *mark = target.size ? memchr(target.data, '?', target.size) : NULL;
    if (mark)
        target.size = (size_t)(mark - target.data);
    /* Of http://host?query the path is '/'. */
    return target.size ? target : SPAN("/");
}

struct arena *aiohttp__web_request_arena(aiohttp_web_request *request)
{
    return &request->exchange->arena;
}

/* A text that is made when it is first asked for. */
static const char *kept(aiohttp_web_request *request, const char **place, struct span text)
{
    if (!*place)
        *place = aiohttp__arena_text(&request->exchange->arena, text);
    return *place;
}

const char *aiohttp_web_request_method(aiohttp_web_request *request)
{
    const struct head *head = &request->exchange->head;
    struct span text = aiohttp__method_text(head->method);
    if (text.size)
        return text.data;
    const char *method =
        kept(request, &request->method, exchange_text(request->exchange, head->method_at));
    return method ? method : "";
}

int aiohttp_web_request_version(const aiohttp_web_request *request)
{
    return request->exchange->head.version;
}

static const char *unquoted(aiohttp_web_request *request, struct span text, enum unquote_kind kind)
{
    char *room = aiohttp__arena_alloc(&request->exchange->arena, text.size * 3 + 1);
    if (!room)
        return NULL;
    struct bytes out = bytes_in(room, text.size * 3);
    aiohttp__unquote(&out, text, kind);
    room[out.size] = '\0';
    return room;
}

const char *aiohttp_web_request_path(aiohttp_web_request *request)
{
    if (!request->path)
        request->path =
            unquoted(request, aiohttp__web_request_target(request), UNQUOTE_PATH_SAFE);
    return request->path;
}

const char *aiohttp_web_request_raw_path(aiohttp_web_request *request)
{
    return kept(request, &request->raw_path, aiohttp__web_request_target(request));
}

const char *aiohttp_web_request_path_qs(aiohttp_web_request *request)
{
    return kept(request, &request->path_qs, target_of(request));
}

static struct span query_of(const aiohttp_web_request *request)
{
    struct span target = target_of(request);
    const char *mark = target.size ? memchr(target.data, '?', target.size) : NULL;
    if (!mark)
        return (struct span){ "", 0 };
    return (struct span){ mark + 1, target.size - (size_t)(mark + 1 - target.data) };
}

const char *aiohttp_web_request_query_string(aiohttp_web_request *request)
{
    return kept(request, &request->query_string, query_of(request));
}

static int add_pair(aiohttp_web_request *request, struct web_pairs *pairs, const char *name,
                    const char *value)
{
    if (!name || !value)
        return -ENOMEM;
    if (pairs->count == pairs->capacity) {
        size_t capacity = pairs->capacity ? pairs->capacity * 2 : 8;
        struct web_pair *at =
            aiohttp__arena_alloc(&request->exchange->arena, capacity * sizeof *at);
        if (!at)
            return -ENOMEM;
        if (pairs->count)
            memcpy(at, pairs->at, pairs->count * sizeof *at);
        pairs->at = at;
        pairs->capacity = capacity;
    }
    pairs->at[pairs->count++] = (struct web_pair){ name, value };
    return 0;
}

static int parse_query(aiohttp_web_request *request)
{
    if (request->has_query)
        return 0;
    struct span query = query_of(request), name, value;
    struct web_pairs pairs = { .at = NULL };
    size_t position = 0;
    while (aiohttp__query_next(query, &position, &name, &value)) {
        int r = add_pair(request, &pairs, unquoted(request, name, UNQUOTE_FORM),
                         unquoted(request, value, UNQUOTE_FORM));
        if (r < 0)
            return r;
    }
    request->query = pairs;
    request->has_query = true;
    return 0;
}

static const char *value_of(const struct web_pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->at[i].name, name) == 0)
            return pairs->at[i].value;
    return NULL;
}

static int next_of(const struct web_pairs *pairs, size_t *position, const char **ret_name,
                   const char **ret_value)
{
    if (*position >= pairs->count)
        return 0;
    const struct web_pair *pair = &pairs->at[(*position)++];
    if (ret_name)
        *ret_name = pair->name;
    if (ret_value)
        *ret_value = pair->value;
    return 1;
}

const char *aiohttp_web_request_query(aiohttp_web_request *request, const char *name)
{
    return parse_query(request) < 0 ? NULL : value_of(&request->query, name);
}

int aiohttp_web_request_query_next(aiohttp_web_request *request, size_t *position,
                                   const char **ret_name, const char **ret_value)
{
    int r = parse_query(request);
    return r < 0 ? r : next_of(&request->query, position, ret_name, ret_value);
}

const aiohttp_headers *aiohttp_web_request_headers(aiohttp_web_request *request)
{
    struct exchange *exchange = request->exchange;
    const struct head *head = &exchange->head;
    if (request->headers)
        return request->headers;
    if (exchange_settle(exchange) < 0)
        return NULL;
    return request->headers = aiohttp__exchange_headers(
               exchange, head->fields, head->field_count, (char *)(uintptr_t)exchange->text);
}

const aiohttp_headers *aiohttp_web_request_trailers(aiohttp_web_request *request)
{
    const struct trailers *trailers = request->exchange->trailers;
    if (trailers && !request->trailers)
        request->trailers = aiohttp__exchange_headers(request->exchange, trailers->fields,
                                                      trailers->count, trailers->text);
    return request->trailers;
}

const char *aiohttp_web_request_header(aiohttp_web_request *request, const char *name)
{
    const aiohttp_headers *headers = aiohttp_web_request_headers(request);
    return headers ? aiohttp_headers_get(headers, name) : NULL;
}

static int parse_cookies(aiohttp_web_request *request)
{
    if (request->has_cookies)
        return 0;
    struct arena *arena = &request->exchange->arena;
    struct web_pairs pairs = { .at = NULL };
    struct span field, name, value;
    for (const struct head_field *at = NULL;
         (at = head_find(&request->exchange->head, HEADER_COOKIE, at));) {
        field = head_field_value(request->exchange->text, at);
        for (size_t position = 0; aiohttp__cookie_next(field, &position, &name, &value);) {
            /* What it stands for is never longer than what was sent. */
            char *room = aiohttp__arena_alloc(arena, value.size + 1);
            struct bytes out = bytes_in(room, room ? value.size + 1 : 0);
            aiohttp__cookie_value_read(&out, value);
            if (out.size && memchr(room, '\0', out.size))
                continue; /* no text */
            bytes_put(&out, '\0');
            int r = add_pair(request, &pairs, aiohttp__arena_text(arena, name),
                             out.error ? NULL : room);
            if (r < 0)
                return r;
        }
    }
    request->cookies = pairs;
    request->has_cookies = true;
    return 0;
}

const char *aiohttp_web_request_cookie(aiohttp_web_request *request, const char *name)
{
    return parse_cookies(request) < 0 ? NULL : value_of(&request->cookies, name);
}

int aiohttp_web_request_cookie_next(aiohttp_web_request *request, size_t *position,
                                    const char **ret_name, const char **ret_value)
{
    int r = parse_cookies(request);
    return r < 0 ? r : next_of(&request->cookies, position, ret_name, ret_value);
}

const char *aiohttp_web_request_host(aiohttp_web_request *request)
{
    struct exchange *exchange = request->exchange;
    struct span host = exchange_text(exchange, exchange->head.authority);
    char own[128] = "";
    if (!request->host && !host.size && exchange->stream &&
        asyncio_stream_sockname(exchange->stream, own, sizeof own) >= 0)
        host = span_of(own);
    return kept(request, &request->host, host);
}

const char *aiohttp_web_request_remote(aiohttp_web_request *request)
{
    char text[128] = "";
    struct span peer = { text, 0 };
    if (!request->remote && request->exchange->stream &&
        asyncio_stream_peername(request->exchange->stream, text, sizeof text) >= 0) {
        const char *colon = strrchr(text, ':');
        peer.size = colon ? (size_t)(colon - text) : strlen(text);
        if (peer.size > 2 && text[0] == '[')
            peer = (struct span){ text + 1, peer.size - 2 };
    }
    return kept(request, &request->remote, peer);
}

int aiohttp_web_request_secure(const aiohttp_web_request *request)
{
    char text[16];
    if (request->scheme)
        return strcmp(request->scheme, "https") == 0;
    return request->exchange->stream &&
           asyncio_stream_get_extra_info(request->exchange->stream, "version", text,
                                         sizeof text) >= 0;
}

const char *aiohttp_web_request_scheme(const aiohttp_web_request *request)
{
    if (request->scheme)
        return request->scheme;
    return aiohttp_web_request_secure(request) ? "https" : "http";
}

int(aiohttp_web_request_override)(aiohttp_web_request *request,
                                  const aiohttp_web_override_options *options)
{
    struct arena *arena = &request->exchange->arena;
    static const aiohttp_web_override_options none = { .size = sizeof none };
    if (!options)
        options = &none;
    const char *scheme = options->scheme ? aiohttp__arena_text(arena, span_of(options->scheme))
                                         : request->scheme;
    const char *host = options->host ? aiohttp__arena_text(arena, span_of(options->host))
                                     : request->host;
    const char *remote = options->remote ? aiohttp__arena_text(arena, span_of(options->remote))
                                         : request->remote;
    if ((options->scheme && !scheme) || (options->host && !host) || (options->remote && !remote))
        return -ENOMEM;
    request->scheme = scheme;
    request->host = host;
    request->remote = remote;
    return 0;
}

int aiohttp_web_request_keep_alive(const aiohttp_web_request *request)
{
    return !request->exchange->closes;
}

int64_t aiohttp_web_request_content_length(const aiohttp_web_request *request)
{
    const struct head *head = &request->exchange->head;
    if (head->flags & HEAD_CONTENT_LENGTH)
        return head->content_length > INT64_MAX ? INT64_MAX : (int64_t)head->content_length;
    return -1;
}

int aiohttp_web_request_body_exists(const aiohttp_web_request *request)
{
    return request->exchange->head.body != BODY_NONE;
}

int aiohttp_web_request_get_extra_info(const aiohttp_web_request *request, const char *name,
                                       char *data, size_t size)
{
    return request->exchange->stream
               ? asyncio_stream_get_extra_info(request->exchange->stream, name, data, size)
               : -ENOENT;
}

int aiohttp_web_request_set_handler_cancellation(aiohttp_web_request *request, int enabled)
{
    request->exchange->wants_watch = enabled;
    return request->exchange->type->watch(request->exchange, enabled != 0);
}

aiohttp_web_response *aiohttp_web_request_response(aiohttp_web_request *request)
{
    return &request->response;
}
