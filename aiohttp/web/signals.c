/* SPDX-License-Identifier: MIT */
/* Middlewares, signals, cleanup contexts and sub-applications: how they are added, and the start
 * and end of an application.
 *
 * START      Frozen, root first; then contexts and on_startup, where a sub-application starts in
 *            the place where it was added.
 * END        Each application remembers how many of its contexts are entered; whatever fails,
 *            these are left in the reverse order, and no other. */
#include "web/application.h"

#include "web/dispatch.h"

#include <asyncio/error.h>
#include <asyncio/loop.h>
#include <asyncio/task.h>
#include <asyncio/timeout.h>
#include <errno.h>

static void destroy_data(const aiohttp_web_callback_options *options)
{
    if (options && options->destroy)
        options->destroy(options->data);
}

int aiohttp__callback_add(aiohttp_web_application *app, struct callbacks *list,
                          struct callback callback, const aiohttp_web_callback_options *options,
                          const char *what)
{
    int r = aiohttp__application_may_change(app);
    if (r >= 0 && !callback.signal && !callback.sub)
        r = aiohttp__application_failed(app, -EINVAL, "there is no function for %s", what);
    struct callback *place = r < 0 ? NULL : aiohttp__arena_alloc(&app->arena, sizeof *place);
    if (r >= 0 && !place)
        r = aiohttp__application_failed(app, -ENOMEM, "no memory for %s", what);
    if (r < 0) {
        destroy_data(options);
        return r;
    }
    callback.data = options ? options->data : NULL;
    callback.destroy = options ? options->destroy : NULL;
    *place = callback;
    *list->last = place;
    list->last = &place->next;
    list->count++;
    return 0;
}

int(aiohttp_web_application_add_middleware)(aiohttp_web_application *app,
                                            aiohttp_web_middleware *middleware,
                                            const aiohttp_web_callback_options *options)
{
    return aiohttp__callback_add(app, app ? &app->middlewares : NULL,
                                 (struct callback){ .middleware = middleware }, options,
                                 "a middleware");
}

#define ON(name, list)                                                                             \
    int(aiohttp_web_application_on_##name)(aiohttp_web_application * app,                          \
                                           aiohttp_web_signal * function,                          \
                                           const aiohttp_web_callback_options *options)            \
    {                                                                                              \
        return aiohttp__callback_add(app, app ? &app->list : NULL,                                 \
                                     (struct callback){ .signal = function }, options, #list);     \
    }
ON(startup, on_startup)
ON(shutdown, on_shutdown)
ON(cleanup, on_cleanup)

int(aiohttp_web_application_on_response_prepare)(aiohttp_web_application *app,
                                                 aiohttp_web_handler *function,
                                                 const aiohttp_web_callback_options *options)
{
    return aiohttp__callback_add(app, app ? &app->on_prepare : NULL,
                                 (struct callback){ .prepare = function }, options,
                                 "on_response_prepare");
}

int(aiohttp_web_application_cleanup_ctx)(aiohttp_web_application *app, aiohttp_web_signal *enter,
                                         aiohttp_web_signal *leave,
                                         const aiohttp_web_callback_options *options)
{
    return aiohttp__callback_add(app, app ? &app->contexts : NULL,
                                 (struct callback){ .signal = enter, .exit = leave }, options,
                                 "a cleanup context");
}

/* --- sub-applications --- */

/* 0 when `sub` can become part of `app`. */
static int may_join(aiohttp_web_application *app, aiohttp_web_application *sub)
{
    size_t above = 1;
    int r = aiohttp__application_may_change(app);
    if (r < 0)
        return r;
    if (!sub)
        return aiohttp__application_failed(app, -ENOMEM, "the sub-application is NULL");
    for (const aiohttp_web_application *at = app; at; at = at->parent, above++)
        if (at == sub)
            return aiohttp__application_failed(app, -EBUSY, "an application is part of itself");
    if (sub->parent || sub->is_frozen)
        return aiohttp__application_failed(app, -EBUSY, "the sub-application is %s already",
                                           sub->is_frozen ? "started" : "part of another");
    if (above + sub->depth > APPLICATION_DEPTH)
        return aiohttp__application_failed(app, -EINVAL, "too many applications in one another");
    return 0;
}

/* Its turn in the signals; then it belongs to `app`. */
static int join(aiohttp_web_application *app, aiohttp_web_application *sub)
{
    struct callback callback = { .sub = sub };
    int r = aiohttp__callback_add(app, &app->on_startup, callback, NULL, "a sub-application");
    if (r >= 0)
        r = aiohttp__callback_add(app, &app->on_shutdown, callback, NULL, "a sub-application");
    if (r >= 0)
        r = aiohttp__callback_add(app, &app->on_cleanup, callback, NULL, "a sub-application");
    if (r < 0)
        return r;
    sub->parent = app;
    aiohttp__routes_forget(sub);
    size_t depth = sub->depth + 1;
    for (aiohttp_web_application *at = app; at; at = at->parent, depth++)
        if (at->depth < depth)
            at->depth = depth;
    if (sub->error)
        return aiohttp__application_failed(app, sub->error, "%s", sub->why);
    return 0;
}

int aiohttp_web_application_add_subapp(aiohttp_web_application *app, const char *prefix,
                                       aiohttp_web_application *sub)
{
    aiohttp_web_resource *resource;
    int r = may_join(app, sub);
    size_t size = r >= 0 && prefix ? strlen(prefix) : 0;
    if (r >= 0 && (size < 2 || prefix[size - 1] == '/' || strpbrk(prefix, "{}")))
        r = aiohttp__application_failed(app, -EINVAL,
                                        "the prefix \"%s\": it is \"/\" and segments, without "
                                        "names or a '/' at its end",
                                        prefix ? prefix : "");
    if (r >= 0) {
        app->newest = NULL; /* no route joins a prefix, and it joins none */
        r = (aiohttp_web_application_add_resource)(app, prefix, &resource, NULL);
        app->newest = NULL;
    }
    if (r >= 0) {
        resource->sub = aiohttp_web_application_ref(sub);
        sub->prefix = resource->path.canonical;
        r = join(app, sub);
    }
    aiohttp_web_application_unref(sub);
    return r;
}

/* "*.example.com:8080" */
static int domain_make(aiohttp_web_application *app, const char *text, struct domain *domain)
{
    struct span host = span_of(text ? text : "");
    domain->is_suffix = host.size > 2 && host.data[0] == '*' && host.data[1] == '.';
    if (domain->is_suffix)
        host = (struct span){ host.data + 1, host.size - 1 };
    const char *colon = memchr(host.data, ':', host.size);
    domain->has_port = colon != NULL;
    size_t name = colon ? (size_t)(colon - host.data) : host.size;
    bool is_right = name && name <= 254 && (!colon || (colon[1] && strlen(colon + 1) <= 5));
    for (size_t i = 0; i < host.size; i++) {
        unsigned char lower = ascii_lower(host.data[i]);
        bool is_digit = lower >= '0' && lower <= '9';
        if (!is_digit && (i > name || !((lower >= 'a' && lower <= 'z') || lower == '-' ||
                                        lower == '.' || i == name)))
            is_right = false;
    }
    if (!is_right)
        return aiohttp__application_failed(app, -EINVAL, "\"%s\" is no domain", text ? text : "");
    char *copy = aiohttp__arena_text(&app->arena, host);
    if (!copy || !(domain->text = aiohttp__arena_text(&app->arena, span_of(text))))
        return aiohttp__application_failed(app, -ENOMEM, "no memory for the domain \"%s\"", text);
    domain->host = (struct span){ copy, host.size };
    return 0;
}

int aiohttp_web_application_add_domain(aiohttp_web_application *app, const char *domain,
                                       aiohttp_web_application *sub)
{
    int r = may_join(app, sub);
    struct domain *place = NULL;
    if (r >= 0) {
        place = aiohttp__arena_calloc(&app->arena, 1, sizeof *place);
        r = place ? domain_make(app, domain, place) :
                    aiohttp__application_failed(app, -ENOMEM, "no memory for a domain");
    }
    if (r >= 0) {
        place->sub = aiohttp_web_application_ref(sub);
        *app->last_domain = place;
        app->last_domain = &place->next;
        r = join(app, sub);
    }
    aiohttp_web_application_unref(sub);
    return r;
}

/* --- start and end --- */

int aiohttp__application_check(aiohttp_web_application *app)
{
    if (app->error)
        return asyncio_raise(app->error, "%s", app->why);
    for (struct callback *callback = app->on_startup.first; callback; callback = callback->next)
        if (callback->sub) {
            int r = aiohttp__application_check(callback->sub);
            if (r < 0)
                return r;
        }
    return 0;
}

int aiohttp__application_freeze(aiohttp_web_application *app)
{
    const aiohttp_web_application *parent = app->parent;
    size_t outer = parent ? parent->chain_count : 0, count = outer;
    if (!app->is_frozen) {
        app->chain = aiohttp__arena_calloc(&app->arena, outer + app->middlewares.count,
                                           sizeof *app->chain);
        if (!app->chain)
            return -ENOMEM;
        if (outer)
            memcpy(app->chain, parent->chain, outer * sizeof *app->chain);
        for (struct callback *at = app->middlewares.first; at; at = at->next)
            app->chain[count++] = at;
        app->chain_count = count;
        if (aiohttp__router_freeze(app) < 0)
            return -ENOMEM;
        app->is_frozen = true;
    }
    app->has_domains = app->domains != NULL;
    app->prepares = app->on_prepare.first || (parent && parent->prepares);
    for (struct callback *callback = app->on_startup.first; callback; callback = callback->next) {
        if (callback->sub && aiohttp__application_freeze(callback->sub) < 0)
            return -ENOMEM;
        app->has_domains |= callback->sub && callback->sub->has_domains;
    }
    return 0;
}

static void report(int r)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    if (loop)
        asyncio_loop_call_exception_handler(
            loop, .message = "an error while an application stops, behind another one",
            .exception = r, .error = asyncio_last_error(r));
}

/* The first error counts. */
static int first_of(int first, int r)
{
    if (first < 0 && r < 0)
        report(r);
    return first < 0 ? first : r < 0 ? r : 0;
}

static struct callback *nth(const struct callbacks *list, size_t n)
{
    struct callback *callback = list->first;
    while (n--)
        callback = callback->next;
    return callback;
}

static int leave_contexts(aiohttp_web_application *app)
{
    int result = 0;
    while (app->entered) {
        struct callback *context = nth(&app->contexts, --app->entered);
        if (context->exit)
            result = first_of(result, context->exit(app, context->data));
    }
    return result;
}

/* After a start that failed: what is below first. */
static void unwind(aiohttp_web_application *app)
{
    for (size_t i = app->on_startup.count; i--;) {
        struct callback *callback = nth(&app->on_startup, i);
        if (callback->sub)
            unwind(callback->sub);
    }
    int r = leave_contexts(app);
    if (r < 0)
        report(r);
    app->is_started = false;
}

static int start(aiohttp_web_application *app)
{
    int r = 0;
    app->is_started = true;
    for (struct callback *context = app->contexts.first; context && r >= 0;
         context = context->next) {
        r = context->signal(app, context->data);
        app->entered += r >= 0;
    }
    for (struct callback *at = app->on_startup.first; at && r >= 0; at = at->next)
        r = at->sub ? start(at->sub) : at->signal(app, at->data);
    return r < 0 ? r : 0;
}

int aiohttp__web_application_startup(aiohttp_web_application *app)
{
    if (!app)
        return asyncio_raise(-ENOMEM, "there is no application: no memory for it");
    if (app->is_started || app->parent)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "the application is %s",
                             app->parent ? "part of another" : "started already");
    int r = aiohttp__application_check(app);
    if (r >= 0)
        r = aiohttp__application_freeze(app);
    if (r >= 0) {
        app->is_starting = true;
        r = start(app);
        app->is_starting = false;
        if (r < 0)
            unwind(app);
    }
    return r;
}

/* Without memory for the deadline it has passed: the first wait is cancelled. */
static int __attribute__((cold)) shut_late(aiohttp_web_application *app, const struct callback *at)
{
    asyncio_task *task = asyncio_current_task();
    int cancelling = asyncio_task_cancelling(task);
    asyncio_task_cancel(task);
    int r = at->signal(app, at->data);
    bool is_ours = asyncio_task_uncancel(task) <= cancelling;
    return r == -ECANCELED && is_ours ? -ENOMEM : r;
}

/* Each has what is left of the time: one that hangs does not keep the others from being called. */
static int shut(aiohttp_web_application *app, double deadline)
{
    int result = 0;
    if (!app->is_started)
        return 0;
    for (struct callback *at = app->on_shutdown.first; at; at = at->next) {
        asyncio_timeout limit;
        if (at->sub) {
            result = first_of(result, shut(at->sub, deadline));
            continue;
        }
        int r = asyncio_timeout_at_enter(&limit, deadline);
        r = r < 0 ? shut_late(app, at) : asyncio_timeout_exit(&limit, at->signal(app, at->data));
        result = first_of(result, r);
    }
    return result;
}

int aiohttp__web_application_shutdown(aiohttp_web_application *app, double deadline)
{
    return app ? shut(app, deadline) : 0;
}

static int clean(aiohttp_web_application *app)
{
    if (!app->is_started)
        return 0;
    int result = leave_contexts(app);
    for (struct callback *at = app->on_cleanup.first; at; at = at->next)
        result = first_of(result, at->sub ? clean(at->sub) : at->signal(app, at->data));
    app->is_started = false;
    return result;
}

int aiohttp__web_application_cleanup(aiohttp_web_application *app)
{
    return app ? clean(app) : 0;
}
