/* SPDX-License-Identifier: MIT */
/* Answering a request: route, middlewares, handler, and what handlers can ask about it. See
 * dispatch.h. */
#include "web/dispatch.h"

#include "web/application.h"
#include "web/request.h"
#include "wire/quote.h"

#include <aiohttp/web_exceptions.h>
#include <aiohttp/web_response.h>
#include <asyncio/error.h>

struct web_match {
    struct router_match found;
    size_t position; /* in the chain of middlewares */
    bool is_refused; /* it is no request */
    struct stored *stored;
    const char *canonical;            /* worked out when asked for */
    const char *texts[PATTERN_NAMES]; /* likewise, the values */
};

static struct web_match *match_of(const aiohttp_web_request *request)
{
    return request->match;
}

/* The path as routes are compared with it, in the arena, with NUL behind it: what is found in it is
 * asked for later, when the stream's buffer has moved. .data NULL without memory. */
static struct span decoded(struct span path, struct arena *arena)
{
    if (!path.size)
        return SPAN("");
    if (!memchr(path.data, '%', path.size))
        return (struct span){ aiohttp__arena_text(arena, path), path.size };
    size_t most = path.size * 3 + 1; /* a lone % becomes %25 */
    char *memory = aiohttp__arena_alloc(arena, most);
    struct bytes out = bytes_in(memory, memory ? most : 0);
    aiohttp__unquote(&out, path, UNQUOTE_PATH_SAFE);
    bytes_put(&out, '\0');
    return out.error ? (struct span){ NULL, 0 } : (struct span){ out.data, out.size - 1 };
}

int aiohttp__web_resolve(aiohttp_web_request *request, aiohttp_web_application *app,
                         struct span path, struct router_match *ret_match)
{
    struct arena *arena = aiohttp__web_request_arena(request);
    struct span host = { "", 0 };
    path = decoded(path, arena);
    if (app->has_domains) {
        const char *text = aiohttp_web_request_host(request);
        host = text ? span_of(text) : (struct span){ NULL, 0 };
    }
    if (!path.data || !host.data)
        return -ENOMEM;
    struct exchange *exchange = request->exchange;
    struct span method = exchange_text(exchange, exchange->head.method_at);
    return aiohttp__router_resolve(app, method, host, path, arena, ret_match);
}

static int next_one(aiohttp_web_request *request)
{
    struct web_match *match = match_of(request);
    const aiohttp_web_application *app = match->found.app;
    size_t position = match->position;
    if (position < app->chain_count) {
        const struct callback *callback = app->chain[position];
        match->position = position + 1;
        int r = callback->middleware(request, next_one, callback->data);
        match->position = position; /* so that it may be called again */
        return r;
    }
    const struct route *route = match->found.route;
    if (route)
        return route->handler(request, route->options.data);
    if (match->is_refused)
        return aiohttp__web_answer_refused(request);
    if (match->found.allowed)
        return aiohttp_web_http_method_not_allowed(request, match->found.allowed);
    return aiohttp_web_http_not_found(request);
}

/* Whether a length had to be said, and was not (RFC 9112, 6.3; RFC 9110, 8.6). */
static bool lacks_length(const struct head *head)
{
    return !(head->flags & HEAD_CONTENT_LENGTH) &&
           (head->body != BODY_NONE || head->method == METHOD_POST || head->method == METHOD_PUT ||
            head->method == METHOD_PATCH);
}

static int refuse_lengthless(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_http_length_required(request);
}

/* Does as the options of a particular route say; a route that refuses may take its place. */
static int heed(aiohttp_web_request *request, struct router_match *found)
{
    static const struct route lengthless = { .handler = refuse_lengthless };
    const aiohttp_web_route_options *options = &found->route->options;
    if (options->length_required && lacks_length(&request->exchange->head))
        found->route = &lengthless;
    return options->handler_cancellation ? aiohttp_web_request_set_handler_cancellation(request, 1)
                                         : 0;
}

/* What the route says about requests: 0, 1 when an expect handler has answered, or an error. */
static int prepare(aiohttp_web_request *request, const aiohttp_web_application *app,
                   struct router_match *found)
{
    int r = 0;
    if (app->client_max_size != AIOHTTP__DEFAULT_CLIENT_MAX_SIZE)
        r = aiohttp_web_request_set_client_max_size(request, app->client_max_size);
    if (r >= 0 && found->route && found->route->is_particular)
        r = heed(request, found);
    if (r < 0)
        return r;
    const struct route *route = found->route;
    aiohttp_web_handler *expect = route ? route->options.expect_handler : NULL;
    if (!expect)
        return aiohttp__web_refuse_expectation(request);
    if (!head_has(&request->exchange->head, HEADER_EXPECT))
        return 0;
    r = expect(request, route->options.data);
    return r < 0 ? r : aiohttp_web_response_status(aiohttp_web_request_response(request)) != 0;
}

/* The route of a plain path: true, and the match; false: it has to be looked for. */
static bool resolve_literal(const struct exchange *exchange, aiohttp_web_application *app,
                            struct router_match *match)
{
    const struct head *head = &exchange->head;
    size_t end = (size_t)head->path.at + head->path.size;
    match->route = aiohttp__router_literal(
        app, head->method, exchange_text(exchange, head->path),
        exchange->head_size > end ? exchange->head_size - end : 0, &match->resource);
    match->app = app;
    match->allowed = NULL;
    return match->route != NULL;
}

int aiohttp__web_application_handle(aiohttp_web_request *request, void *data)
{
    aiohttp_web_application *app = data;
    struct web_match *match = arena_alloc(&request->exchange->arena, sizeof *match);
    if (!match)
        return -ENOMEM;
    match->position = 0;
    match->is_refused = false;
    match->stored = NULL;
    match->canonical = NULL;
    if (!resolve_literal(request->exchange, app, &match->found)) {
        int r = aiohttp__web_resolve(request, app, aiohttp__web_request_target(request),
                                     &match->found);
        if (r < 0)
            return r;
        memset(match->texts, 0, sizeof match->texts);
    }
    request->match = match;
    int r = prepare(request, app, &match->found);
    return r < 0 ? r : r > 0 ? 0 : next_one(request);
}

int aiohttp__web_application_refuse(aiohttp_web_request *request, void *data)
{
    struct web_match *match =
        aiohttp__arena_calloc(aiohttp__web_request_arena(request), 1, sizeof *match);
    if (!match)
        return -ENOMEM;
    match->found.app = data;
    match->is_refused = true;
    *aiohttp__web_request_match(request) = match;
    return next_one(request);
}

/* The applications it came through, the outermost first. */
static size_t applications(const struct web_match *match,
                           aiohttp_web_application *apps[APPLICATION_DEPTH + 1])
{
    size_t count = 0;
    for (aiohttp_web_application *app = match->found.app; app; app = app->parent)
        count++;
    size_t i = count;
    for (aiohttp_web_application *app = match->found.app; app; app = app->parent)
        apps[--i] = app;
    return count;
}

int aiohttp__web_match_prepare(aiohttp_web_request *request, struct web_match *match)
{
    aiohttp_web_application *apps[APPLICATION_DEPTH + 1];
    size_t count = applications(match, apps);
    int r = 0;
    for (size_t i = 0; i < count && r >= 0; i++)
        for (const struct callback *at = apps[i]->on_prepare.first; at && r >= 0; at = at->next)
            r = at->prepare(request, at->data);
    return r < 0 ? r : 0;
}

bool aiohttp__web_match_prepares(const struct web_match *match)
{
    return match->found.app->prepares;
}

void aiohttp__web_match_end(struct web_match *match)
{
    aiohttp__stored_end(match->stored);
    match->stored = NULL;
}

const char *aiohttp_web_request_match_info(aiohttp_web_request *request, const char *name)
{
    struct web_match *match = match_of(request);
    if (!match || !match->found.resource)
        return NULL;
    int which = aiohttp__path_name(&match->found.resource->path, name);
    if (which < 0 || match->texts[which])
        return which < 0 ? NULL : match->texts[which];
    struct span value = match->found.values[which];
    /* At the end of the path its text is there already. */
    if (!value.data[value.size] && !memchr(value.data, '%', value.size))
        return match->texts[which] = value.data;
    struct arena *arena = aiohttp__web_request_arena(request);
    char *memory = aiohttp__arena_alloc(arena, value.size + 1);
    struct bytes out = bytes_in(memory, memory ? value.size + 1 : 0);
    aiohttp__unquote(&out, value, UNQUOTE_REST);
    bytes_put(&out, '\0');
    return match->texts[which] = out.error ? NULL : memory;
}

const char *aiohttp_web_request_canonical(const aiohttp_web_request *request)
{
    struct web_match *match = match_of(request);
    if (!match || !match->found.resource || match->canonical)
        return match ? match->canonical : NULL;
    aiohttp_web_application *apps[APPLICATION_DEPTH + 1];
    size_t count = applications(match, apps);
    struct arena *arena =
        aiohttp__web_request_arena((aiohttp_web_request *)(uintptr_t)request);
    const char *text = "";
    for (size_t i = 0; i <= count && text; i++) {
        const char *more = i == count ? match->found.resource->path.canonical : apps[i]->prefix;
        if (more)
            text = aiohttp__arena_printf(arena, "%s%s", text, more);
    }
    return match->canonical = text;
}

aiohttp_web_application *aiohttp_web_request_app(const aiohttp_web_request *request)
{
    const struct web_match *match = match_of(request);
    return match ? match->found.app : NULL;
}

void *(aiohttp_web_request_config)(const aiohttp_web_request *request,
                                   const aiohttp_web_app_key *key)
{
    void *value = NULL;
    for (const aiohttp_web_application *app = aiohttp_web_request_app(request); app && !value;
         app = app->parent)
        value = aiohttp__stored_get(app->stored, key);
    return value;
}

int(aiohttp_web_request_set)(aiohttp_web_request *request, const aiohttp_web_app_key *key,
                             void *value, void (*destroy)(void *value))
{
    struct web_match *match = match_of(request);
    if (!match) {
        if (destroy && value)
            destroy(value);
        return -ASYNCIO_INVALID_STATE;
    }
    return aiohttp__stored_set(&match->stored, aiohttp__web_request_arena(request), false, key,
                               value, destroy);
}

void *(aiohttp_web_request_get)(const aiohttp_web_request *request, const aiohttp_web_app_key *key)
{
    const struct web_match *match = match_of(request);
    return match ? aiohttp__stored_get(match->stored, key) : NULL;
}

bool aiohttp__web_has_route(const aiohttp_web_request *request)
{
    const struct web_match *match = match_of(request);
    return match && (match->found.route || match->is_refused);
}
