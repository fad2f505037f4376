/* SPDX-License-Identifier: MIT */
/* Telling what is routed: resources and routes, one after the other. See
 * <aiohttp/web_application.h>.
 *
 * MODEL      A place is a resource or a domain of one application: what the caller's struct keeps
 *            in `at`. From it the next one is found by itself: the next of the list; below it, the
 *            first of its sub-application; behind the last one, what follows in the parent. So
 *            nothing is kept here while somebody lists.
 * PATHS      A path with its prefixes is made once and kept in the arena, until the application
 *            gets, or loses, a parent: then aiohttp__routes_forget. */
#include "web/application.h"

#include <asyncio/error.h>

/* A place: exactly one of both; none: behind the last one. */
struct place {
    aiohttp_web_resource *resource;
    struct domain *domain;
};

static struct place first_of(const aiohttp_web_application *app)
{
    return app->domains ? (struct place){ .domain = app->domains } :
                          (struct place){ .resource = app->first };
}

static struct place next_of(const aiohttp_web_application *app, struct place place)
{
    if (!place.domain)
        return (struct place){ .resource = place.resource->next };
    return place.domain->next ? (struct place){ .domain = place.domain->next } :
                                (struct place){ .resource = app->first };
}

static bool is_any(struct place place)
{
    return place.resource || place.domain;
}

static aiohttp_web_application *sub_of(struct place place)
{
    return place.domain ? place.domain->sub : place.resource->sub;
}

void aiohttp__routes_forget(aiohttp_web_application *app)
{
    for (struct place at = first_of(app); is_any(at); at = next_of(app, at)) {
        if (at.resource)
            at.resource->full = NULL;
        if (sub_of(at))
            aiohttp__routes_forget(sub_of(at)); /* APPLICATION_DEPTH at most */
    }
}

/* Where an application is in its parent. */
static struct place place_of(const aiohttp_web_application *app)
{
    struct place at = first_of(app->parent);
    while (is_any(at) && sub_of(at) != app)
        at = next_of(app->parent, at);
    return at;
}

/* With the prefixes of all parents; NULL without memory. */
static const char *full_path(aiohttp_web_resource *resource)
{
    const char *text = resource->full ? resource->full : resource->path.canonical;
    const aiohttp_web_application *app = resource->app;
    for (; !resource->full && text && app->parent; app = app->parent)
        if (place_of(app).resource)
            text = aiohttp__arena_printf(&resource->app->arena, "%s%s", app->prefix, text);
    return resource->full = text;
}

static const char *domain_of(const aiohttp_web_application *app)
{
    for (; app->parent; app = app->parent) {
        struct place at = place_of(app);
        if (at.domain)
            return at.domain->text;
    }
    return NULL;
}

static int tell(aiohttp_web_application *app, struct place place,
                aiohttp_web_resource_info *ret_info)
{
    aiohttp_web_resource_info info = { .app = app };
    info.sub_app = sub_of(place);
    if (place.domain) {
        info.domain = place.domain->text;
        info.at = place.domain;
        info.is_domain = 1;
    } else {
        info.path = full_path(place.resource);
        info.pattern = place.resource->text;
        info.name = place.resource->name;
        info.resource = place.resource;
        info.domain = domain_of(app);
        info.at = place.resource;
        if (!info.path)
            return -ENOMEM;
    }
    *ret_info = info;
    return 1;
}

static struct place told(const aiohttp_web_resource_info *info)
{
    if (info->is_domain)
        return (struct place){ .domain = (struct domain *)(uintptr_t)info->at };
    return (struct place){ .resource = (aiohttp_web_resource *)(uintptr_t)info->at };
}

int aiohttp_web_application_resource_next(aiohttp_web_application *app,
                                          aiohttp_web_resource_info *info)
{
    if (!app)
        return -ENOMEM;
    struct place next = info->at ? next_of(app, told(info)) : first_of(app);
    return is_any(next) ? tell(app, next, info) : 0;
}

int aiohttp_web_application_named_resource(aiohttp_web_application *app, const char *name,
                                           aiohttp_web_resource_info *ret_info)
{
    if (!app)
        return -ENOMEM;
    for (aiohttp_web_resource *at = app->first; name && at; at = at->next)
        if (at->name && strcmp(at->name, name) == 0) {
            int r = tell(app, (struct place){ .resource = at }, ret_info);
            return r < 0 ? r : 0;
        }
    return -ENOENT;
}

/* The resource with a route that follows `at` (none: the first one), down and up again; none below
 * `root` is left: none. */
static struct place next_routed(const aiohttp_web_application *root, struct place at,
                                aiohttp_web_application **app)
{
    at = is_any(at) ? next_of(*app, at) : first_of(root);
    for (;;) {
        if (!is_any(at)) {
            if (*app == root)
                return at;
            at = place_of(*app);
            *app = (*app)->parent;
        } else if (sub_of(at)) {
            *app = sub_of(at);
            at = first_of(*app);
            continue;
        } else if (at.resource->routes) {
            return at;
        }
        at = next_of(*app, at);
    }
}

int aiohttp_web_application_route_next(aiohttp_web_application *app,
                                       aiohttp_web_route_info *info)
{
    if (!app)
        return -ENOMEM;
    const struct route *route = info->at ? ((const struct route *)info->at)->next : NULL;
    aiohttp_web_resource_info resource = info->resource;
    if (!route) {
        aiohttp_web_application *of = info->at ? resource.app : app;
        struct place at = { .resource = info->at ? told(&resource).resource : NULL };
        at = next_routed(app, at, &of);
        if (!is_any(at))
            return 0;
        int r = tell(of, at, &resource);
        if (r < 0)
            return r;
        route = at.resource->routes;
    }
    *info = (aiohttp_web_route_info){ .method = route->method.data,
                                      .handler = route->handler,
                                      .data = route->options.data,
                                      .resource = resource,
                                      .at = route };
    return 1;
}
