/* SPDX-License-Identifier: MIT */
/* Putting applications together: see application.h and <aiohttp/web_application.h>. Every error is
 * returned and remembered; what failed is not there, and its data is destroyed. */
#include "web/application.h"

#include "wire/head.h"

#include "base/error.h"
#include "message/headers.h"
#include "wire/query.h"
#include "wire/quote.h"

#include <asyncio/alloc.h>
#include <asyncio/exit_stack.h>
#include <asyncio/task.h>
#include <stdarg.h>
#include <stdio.h>

static void list_init(struct callbacks *list)
{
    list->last = &list->first;
}

aiohttp_web_application *(aiohttp_web_application_new)(
    const aiohttp_web_application_options *options)
{
    aiohttp__errors_add();
    aiohttp_web_application *app = asyncio_mem_calloc(1, sizeof *app);
    if (!app)
        return NULL;
    app->references = 1;
    app->client_max_size = options ? options->client_max_size : AIOHTTP__DEFAULT_CLIENT_MAX_SIZE;
    app->last = &app->first;
    app->last_domain = &app->domains;
    list_init(&app->middlewares);
    list_init(&app->on_startup);
    list_init(&app->on_shutdown);
    list_init(&app->on_cleanup);
    list_init(&app->on_prepare);
    list_init(&app->contexts);
    if (!app->client_max_size)
        (void)aiohttp__application_failed(app, -EINVAL, "client_max_size is 0");
    return app;
}

aiohttp_web_application *aiohttp_web_application_ref(aiohttp_web_application *app)
{
    if (app)
        app->references++;
    return app;
}

static void callbacks_end(struct callbacks *list)
{
    for (struct callback *callback = list->first; callback; callback = callback->next)
        if (callback->destroy)
            callback->destroy(callback->data);
}

static void application_free(aiohttp_web_application *app)
{
    aiohttp__stored_end(app->stored);
    for (aiohttp_web_resource *resource = app->first; resource; resource = resource->next) {
        for (struct route *route = resource->routes; route; route = route->next)
            if (route->options.destroy)
                route->options.destroy(route->options.data);
        if (resource->sub) {
            resource->sub->parent = NULL;
            aiohttp__routes_forget(resource->sub);
            aiohttp_web_application_unref(resource->sub);
        }
    }
    for (struct domain *domain = app->domains; domain; domain = domain->next) {
        domain->sub->parent = NULL;
        aiohttp__routes_forget(domain->sub);
        aiohttp_web_application_unref(domain->sub);
    }
    callbacks_end(&app->middlewares);
    callbacks_end(&app->on_startup);
    callbacks_end(&app->on_shutdown);
    callbacks_end(&app->on_cleanup);
    callbacks_end(&app->on_prepare);
    callbacks_end(&app->contexts);
    aiohttp__arena_fini(&app->arena);
    asyncio_mem_free(app);
}

void aiohttp_web_application_unref(aiohttp_web_application *app)
{
    if (app && --app->references == 0)
        application_free(app);
}

int aiohttp__application_failed(aiohttp_web_application *app, int code, const char *format, ...)
{
    if (!app->error) {
        va_list list;
        va_start(list, format);
        (void)vsnprintf(app->why, sizeof app->why, format, list);
        va_end(list);
        app->error = code;
    }
    return code;
}

int aiohttp__application_may_change(aiohttp_web_application *app)
{
    return !app ? -ENOMEM : app->is_frozen ? -ASYNCIO_INVALID_STATE : 0;
}

int aiohttp_web_application_frozen(const aiohttp_web_application *app)
{
    return app && app->is_frozen;
}

/* --- resources --- */

static aiohttp_web_resource *resource_find(aiohttp_web_application *app, const char *name)
{
    for (aiohttp_web_resource *resource = app->first; name && resource; resource = resource->next)
        if (resource->name && strcmp(resource->name, name) == 0)
            return resource;
    return NULL;
}

/* A new resource, or the newest one when it has this path. */
static int resource_get(aiohttp_web_application *app, const char *path, const char *name,
                        aiohttp_web_resource **ret_resource)
{
    aiohttp_web_resource *newest = app->newest;
    if (newest && strcmp(newest->text, path) == 0 &&
        (!name || (newest->name && strcmp(newest->name, name) == 0))) {
        *ret_resource = newest;
        return 0;
    }
    if (resource_find(app, name))
        return aiohttp__application_failed(app, -EEXIST, "the name \"%s\" is taken", name);
    aiohttp_web_resource *resource =
        aiohttp__arena_calloc(&app->arena, 1, sizeof *resource);
    const char *why = "no memory";
    int r = resource ? 0 : -ENOMEM;
    if (r >= 0)
        r = aiohttp__path_make(&app->arena, path, &resource->path, &why);
    if (r >= 0 && (!(resource->text = aiohttp__arena_text(&app->arena, span_of(path))) ||
                   (name && !(resource->name = aiohttp__arena_text(&app->arena, span_of(name))))))
        r = -ENOMEM;
    if (r >= 0 && (r = aiohttp__router_add(app, resource)) == -EINVAL)
        why = "there are too many literal segments";
    if (r < 0)
        return aiohttp__application_failed(app, r, "the path \"%s\": %s", path, why);
    resource->app = app;
    *app->last = resource;
    app->last = &resource->next;
    app->newest = resource;
    *ret_resource = resource;
    return 0;
}

int(aiohttp_web_application_add_resource)(aiohttp_web_application *app, const char *path,
                                          aiohttp_web_resource **ret_resource,
                                          const aiohttp_web_route_options *options)
{
    aiohttp_web_resource *resource = NULL;
    int r = aiohttp__application_may_change(app);
    if (r < 0)
        return r;
    if (!path)
        return aiohttp__application_failed(app, -EINVAL, "there is no path");
    r = resource_get(app, path, options ? options->name : NULL, &resource);
    if (r >= 0 && ret_resource)
        *ret_resource = resource;
    return r;
}

static int route_add(aiohttp_web_resource *resource, const char *method,
                     aiohttp_web_handler *handler, const aiohttp_web_route_options *options)
{
    aiohttp_web_application *app = resource->app;
    const char *path = resource->text;
    if (!method || !handler)
        return aiohttp__application_failed(app, -EINVAL, "the path \"%s\": no %s", path,
                                           method ? "handler" : "method");
    if (!aiohttp__headers_is_name(span_of(method)))
        return aiohttp__application_failed(app, -EINVAL, "the path \"%s\": no such method", path);
    struct route **last = &resource->routes;
    for (; *last; last = &(*last)->next)
        if (strcmp((*last)->method.data, method) == 0)
            return aiohttp__application_failed(app, -EEXIST, "the path \"%s\" has a %s already",
                                               path, method);
    struct route *route = aiohttp__arena_calloc(&app->arena, 1, sizeof *route);
    char *text = route ? aiohttp__arena_text(&app->arena, span_of(method)) : NULL;
    if (!text)
        return aiohttp__application_failed(app, -ENOMEM, "the path \"%s\": no memory", path);
    route->method = span_of(text);
    route->method_id = (uint8_t)aiohttp__method_of(text, route->method.size);
    route->handler = handler;
    if (options)
        route->options = *options;
    route->is_particular = route->options.handler_cancellation || route->options.length_required;
    *last = route;
    return 0;
}

/* Whoever fails destroys. */
static int ended(int r, const aiohttp_web_route_options *options)
{
    if (r < 0 && options && options->destroy)
        options->destroy(options->data);
    return r;
}

int(aiohttp_web_resource_add_route)(aiohttp_web_resource *resource, const char *method,
                                    aiohttp_web_handler *handler,
                                    const aiohttp_web_route_options *options)
{
    int r = resource ? aiohttp__application_may_change(resource->app) : -EINVAL;
    return ended(r < 0 ? r : route_add(resource, method, handler, options), options);
}

static int add_route(aiohttp_web_application *app, const char *method, const char *path,
                     aiohttp_web_handler *handler, const aiohttp_web_route_options *options,
                     aiohttp_web_resource **ret_resource)
{
    int r = (aiohttp_web_application_add_resource)(app, path, ret_resource, options);
    return ended(r < 0 ? r : route_add(*ret_resource, method, handler, options), options);
}

int(aiohttp_web_application_add_route)(aiohttp_web_application *app, const char *method,
                                       const char *path, aiohttp_web_handler *handler,
                                       const aiohttp_web_route_options *options)
{
    aiohttp_web_resource *resource;
    return add_route(app, method, path, handler, options, &resource);
}

int(aiohttp_web_application_add_get)(aiohttp_web_application *app, const char *path,
                                     aiohttp_web_handler *handler,
                                     const aiohttp_web_route_options *options)
{
    aiohttp_web_resource *resource;
    int r = add_route(app, "GET", path, handler, options, &resource);
    if (r < 0 || (options && options->no_head))
        return r;
    aiohttp_web_route_options same = { .size = sizeof same };
    if (options)
        same = *options;
    same.destroy = NULL; /* GET does */
    return route_add(resource, "HEAD", handler, &same);
}

#define ADD(verb, method)                                                                          \
    int(aiohttp_web_application_add_##verb)(aiohttp_web_application * app, const char *path,       \
                                            aiohttp_web_handler *handler,                          \
                                            const aiohttp_web_route_options *options)              \
    {                                                                                              \
        aiohttp_web_resource *resource;                                                            \
        return add_route(app, method, path, handler, options, &resource);                          \
    }
ADD(head, "HEAD")
ADD(post, "POST")
ADD(put, "PUT")
ADD(patch, "PATCH")
ADD(delete, "DELETE")
ADD(options, "OPTIONS")

int aiohttp_web_application_add_routes(aiohttp_web_application *app,
                                       const aiohttp_web_route_def *routes, size_t count)
{
    int r = aiohttp__application_may_change(app);
    for (size_t i = 0; i < count && r >= 0; i++) {
        const aiohttp_web_route_def *def = &routes[i];
        bool is_get = def->method && strcmp(def->method, "GET") == 0;
        r = is_get ? (aiohttp_web_application_add_get)(app, def->path, def->handler,
                                                        &def->options) :
                     (aiohttp_web_application_add_route)(app, def->method, def->path,
                                                          def->handler, &def->options);
    }
    return r;
}

/* "v=...", of a static file. */
static int add_version(const aiohttp_web_resource *resource, const aiohttp_web_url_options *options,
                       struct bytes *out)
{
    const char *const *info = options->match_info;
    while (info && info[0] && strcmp(info[0], "filename") != 0)
        info += 2;
    if (!resource->version || !info || !info[0] || !info[1])
        return -EINVAL;
    resource->version(resource->routes->options.data, info[1], out);
    return 0;
}

int(aiohttp_web_application_url_for)(aiohttp_web_application *app, const char *name,
                                     const char **ret_url, const aiohttp_web_url_options *options)
{
    const aiohttp_web_resource *resource = app ? resource_find(app, name) : NULL;
    if (!resource)
        return app ? -ENOENT : -ENOMEM;
    struct bytes out = bytes_up_to(65536);
    const aiohttp_web_application *outer[APPLICATION_DEPTH + 1];
    size_t count = 0;
    for (; app->parent && count <= APPLICATION_DEPTH; app = app->parent)
        outer[count++] = app;
    while (count--)
        aiohttp__requote(&out, span_of(outer[count]->prefix ? outer[count]->prefix : ""),
                         QUOTE_PATH);
    int r = aiohttp__path_build(&resource->path, options ? options->match_info : NULL, &out);
    const char *const *query = options ? options->query : NULL;
    bool has_version = options && options->append_version;
    size_t end = out.size;
    if ((query && query[0]) || has_version)
        bytes_put(&out, '?');
    size_t from = out.size;
    if (r >= 0 && has_version)
        r = add_version(resource, options, &out);
    if (!(query && query[0]) && out.size == from)
        out.size = end; /* a file that is not there has no version */
    for (; query && query[0] && query[1]; query += 2)
        aiohttp__query_write(&out, from, span_of(query[0]), span_of(query[1]));
    if (r >= 0)
        r = out.error;
    char *url = r < 0 ? NULL : asyncio_alloc(out.size + 1);
    if (url) {
        memcpy(url, out.data ? out.data : "", out.size);
        url[out.size] = '\0';
        *ret_url = url;
    } else if (r >= 0) {
        r = asyncio_current_task() ? -ENOMEM : -ASYNCIO_NO_TASK;
    }
    aiohttp__bytes_fini(&out);
    return r;
}

/* --- storage --- */

int aiohttp__stored_set(struct stored **list, struct arena *arena, bool is_frozen,
                        const aiohttp_web_app_key *key, void *value, void (*destroy)(void *))
{
    struct stored *found = *list;
    while (found && found->key != key)
        found = found->next;
    if (!found) {
        int r = is_frozen ? -ASYNCIO_INVALID_STATE : 0;
        if (r >= 0 && !(found = aiohttp__arena_alloc(arena, sizeof *found)))
            r = -ENOMEM;
        if (r < 0) {
            if (destroy && value)
                destroy(value);
            return r;
        }
        *found = (struct stored){ .next = *list, .key = key };
        *list = found;
    }
    struct stored old = *found;
    found->value = value;
    found->destroy = destroy;
    if (old.destroy && old.value && old.value != value)
        old.destroy(old.value);
    return 0;
}

void *aiohttp__stored_get(const struct stored *list, const aiohttp_web_app_key *key)
{
    while (list && list->key != key)
        list = list->next;
    return list ? list->value : NULL;
}

void aiohttp__stored_end(struct stored *list)
{
    for (; list; list = list->next)
        if (list->destroy && list->value)
            list->destroy(list->value);
}

int(aiohttp_web_application_set)(aiohttp_web_application *app, const aiohttp_web_app_key *key,
                                 void *value, void (*destroy)(void *value))
{
    if (!app) {
        if (destroy && value)
            destroy(value);
        return -ENOMEM;
    }
    const aiohttp_web_application *root = app;
    while (root->parent)
        root = root->parent;
    bool is_fixed = app->is_frozen && !root->is_starting;
    int r = aiohttp__stored_set(&app->stored, &app->arena, is_fixed, key, value, destroy);
    return r == -ENOMEM ? aiohttp__application_failed(app, r, "no memory for \"%s\"", key->name) :
                          r;
}

void *(aiohttp_web_application_get)(const aiohttp_web_application *app,
                                    const aiohttp_web_app_key *key)
{
    return app ? aiohttp__stored_get(app->stored, key) : NULL;
}
