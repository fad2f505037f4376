/* SPDX-License-Identifier: MIT */
/* The middleware that redirects to the path that was meant: aiohttp's normalize_path_middleware,
 * which tries the same paths in the same order. */
#include "web/application.h"
#include "web/dispatch.h"

#include <aiohttp/web_exceptions.h>
#include <asyncio/error.h>

struct attempt {
    aiohttp_web_request *request;
    aiohttp_web_application *app;
    const aiohttp_web_normalize_path_options *options;
    struct span path;
    char *text; /* room for the path, a '/', '?', the query and NUL */
    size_t size;
};

/* Makes "//" "/": all of them, or (CVE-2021-21330: "//evil.com" is another host) those at the
 * beginning. */
static void merge(struct attempt *attempt, bool is_all)
{
    size_t size = 0;
    for (size_t i = 0; i < attempt->size; i++)
        if (!(size && attempt->text[i] == '/' && attempt->text[size - 1] == '/' &&
              (is_all || size == 1)))
            attempt->text[size++] = attempt->text[i];
    attempt->size = size;
}

/* 1 when a route has this path; then it is in `text`. */
static int try_path(struct attempt *attempt, bool is_merged, bool is_appended, bool is_shortened)
{
    struct router_match match;
    memcpy(attempt->text, attempt->path.data, attempt->path.size);
    attempt->size = attempt->path.size;
    if (is_appended)
        attempt->text[attempt->size++] = '/';
    if (is_merged)
        merge(attempt, true);
    if (is_shortened)
        attempt->size--;
    merge(attempt, false);
    /* browsers take '\' for '/' */
    if (!attempt->size || attempt->text[0] != '/' ||
        (attempt->size > 1 && attempt->text[1] == '\\'))
        return 0;
    struct span text = { attempt->text, attempt->size };
    if (span_is(text, attempt->path))
        return 0;
    int r = aiohttp__web_resolve(attempt->request, attempt->app, text, &match);
    return r < 0 ? r : match.route != NULL;
}

static int try_all(struct attempt *attempt)
{
    const aiohttp_web_normalize_path_options *options = attempt->options;
    bool merges = !options->keep_slashes, removes = options->remove_slash != 0;
    bool appends = !removes && !options->keep_missing_slash;
    bool has_end = attempt->path.data[attempt->path.size - 1] == '/';
    int r = merges ? try_path(attempt, true, false, false) : 0;
    if (r == 0 && appends && !has_end)
        r = try_path(attempt, false, true, false);
    if (r == 0 && removes && has_end)
        r = try_path(attempt, false, false, true);
    if (r == 0 && merges && appends)
        r = try_path(attempt, true, true, false);
    if (r == 0 && merges && removes && has_end)
        r = try_path(attempt, true, false, true);
    return r;
}

static int redirect(aiohttp_web_request *request, int status, const char *location)
{
    switch (status) {
    case 301: return aiohttp_web_http_moved_permanently(request, location);
    case 302: return aiohttp_web_http_found(request, location);
    case 303: return aiohttp_web_http_see_other(request, location);
    case 307: return aiohttp_web_http_temporary_redirect(request, location);
    default: return aiohttp_web_http_permanent_redirect(request, location);
    }
}

int aiohttp_web_normalize_path_middleware(aiohttp_web_request *request, aiohttp_web_next *next,
                                          void *data)
{
    static const aiohttp_web_normalize_path_options defaults = { .size = sizeof defaults };
    struct attempt attempt = {
        .request = request,
        .app = aiohttp_web_request_app(request),
        .options = data ? data : &defaults,
        .path = aiohttp__web_request_target(request),
    };
    if (aiohttp__web_has_route(request) || !attempt.app || !attempt.path.size)
        return next(request);
    while (attempt.app->parent)
        attempt.app = attempt.app->parent;
    const char *query = aiohttp_web_request_query_string(request);
    size_t query_size = query ? strlen(query) : 0;
    if (query)
        attempt.text = aiohttp__arena_alloc(aiohttp__web_request_arena(request),
                                            attempt.path.size + query_size + 3);
    if (!attempt.text)
        return -ENOMEM;
    int r = try_all(&attempt);
    if (r <= 0)
        return r < 0 ? r : next(request);
    if (query_size) {
        attempt.text[attempt.size++] = '?';
        memcpy(attempt.text + attempt.size, query, query_size);
    }
    attempt.text[attempt.size + query_size] = '\0';
    return redirect(request, attempt.options->status, attempt.text);
}
