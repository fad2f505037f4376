/* SPDX-License-Identifier: MIT */
/* Applications: aiohttp.web.Application, its router, middlewares, signals and storage.
 *
 *     static int user(aiohttp_web_request *request)
 *     {
 *         return aiohttp_web_respondf(request, "%s\n", aiohttp_web_request_match_info(request,
 *                                                                                    "name"));
 *     }
 *
 *     aiohttp_web_application *app = aiohttp_web_application_new();
 *     aiohttp_web_application_add_get(app, "/users/{name}", user, .name = "user");
 *     return asyncio_print_exception(aiohttp_web_run_app(app, .port = 8080));
 *
 * MODEL      An application is put together, then frozen when it starts; from then on what changes
 *            it is -ASYNCIO_INVALID_STATE. What fails before (a bad path, no memory, a NULL
 *            application) is returned there and then, and also remembered: the first such error,
 *            with its sentence, is what aiohttp_web_run_app and aiohttp_web_runner_setup return.
 *            So nobody has to look at each add.
 * ROUTES     A path is "/", and segments. "{name}" stands for one or more bytes other than '/';
 *            "{name:pattern}" for what the pattern matches, '/' included: see PATTERN. Paths are
 *            compared decoded ("%41" is "A"), but "%2F" is no '/'. What was matched is decoded.
 * ORDER      Domains come first. Then the resource with the longest literal beginning that ends at
 *            a '/', and among those the one that was added first; one that has the path but not the
 *            method lets later ones try. None with the path: 404. None with the method: 405 with
 *            Allow. It is the order of aiohttp's UrlDispatcher.
 * PATTERN    Literal bytes, `.`, classes `[a-z]` `[^/]`, `\d \w \s \D \W \S`, `\` before
 *            punctuation, groups `(...)` `(?:...)`, `|`, and `* + ? {m} {m,} {m,n}`, each also lazy
 *            with a `?` behind. It matches as Python's would, in time linear in the path, whatever
 *            pattern and path are: back references and look-arounds are -EINVAL. ASCII only.
 * MIDDLEWARE A function around the handler: `int f(request, next)`, which may call `next(request)`,
 *            once or again, before or after what it does itself. The first one added is the
 *            outermost; those of an application are around those of its sub-applications. They run
 *            for 404 and 405 too, which are what `next` returns; and for what is no request: its
 *            method is "UNKNOWN", its path "/", it has no headers, and `next` returns 400, 414, 431
 *            and so on. The outermost application's, and not for a head that is too slow.
 * STORAGE    By typed keys, Python's AppKey: see AIOHTTP_WEB_APP_KEY.
 * OWNERSHIP  Counted. Texts are copied; handlers' `.data` is borrowed, unless `.destroy` is given:
 *            then it is called once, when the application goes, or at once when adding fails.
 * THREADS    One at a time; once started, its loop's.
 * SOURCE     aiohttp's web_app.py, web_urldispatcher.py, web_middlewares.py. */
#pragma once

#include <aiohttp/web_request.h>
#include <aiohttp/web_server.h>
#include <asyncio/loop.h>

ASYNCIO__BEGIN

typedef struct aiohttp_web_application aiohttp_web_application;
typedef struct aiohttp_web_resource aiohttp_web_resource;

#define AIOHTTP__DEFAULT_CLIENT_MAX_SIZE 1048576

typedef struct aiohttp_web_application_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_application_options));
    /* the largest body that aiohttp_web_request_read and its kin take, in bytes */
    size_t client_max_size ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_CLIENT_MAX_SIZE);
} aiohttp_web_application_options;

/* Makes an application: new, with one reference, or NULL without memory, which every function here
 * takes and answers with -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK aiohttp_web_application *
aiohttp_web_application_new(const aiohttp_web_application_options *options);

/* One more reference; returns it. NULL allowed. Does not suspend. */
AIOHTTP_API aiohttp_web_application *
aiohttp_web_application_ref(aiohttp_web_application *app);

/* Gives a reference back. NULL allowed. Does not suspend, unless a `.destroy` does. */
AIOHTTP_API void aiohttp_web_application_unref(aiohttp_web_application *app);

/* --- routes --- */

/* What a handler is given besides. */
typedef struct aiohttp_web_route_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_route_options));
    /* of the resource, for aiohttp_web_application_url_for */
    const char *name ASYNCIO__0;
    void *data ASYNCIO__0;                 /* the handler's second argument */
    void (*destroy)(void *data) ASYNCIO__0;
    /* add_get: HEAD is not answered too; Python's allow_head=False */
    int no_head ASYNCIO__0;
    /* asked before the middlewares when the request says Expect: 0 goes on, an answer and an error
     * refuses. NULL: 100-continue, and 417 for anything else */
    aiohttp_web_handler *expect_handler ASYNCIO__0;
    /* see aiohttp_web_request_set_handler_cancellation */
    int handler_cancellation ASYNCIO__0;
    /* a body whose length is not said beforehand (it comes in chunks) is answered 411 in place of
     * the handler, and so is a POST, PUT or PATCH without Content-Length; middlewares see it */
    int length_required ASYNCIO__0;
} aiohttp_web_route_options;

/* Adds a route: `method` "GET" (a token, case counts) or "*" for all that have no route of their
 * own. A path that the last added resource has joins it. 0; -EINVAL for a bad path, pattern, method
 * or a NULL handler; -EEXIST when the resource has the method, or another one the name; -ENOMEM,
 * -ASYNCIO_INVALID_STATE. Does not suspend. */
AIOHTTP_API int aiohttp_web_application_add_route(aiohttp_web_application *app, const char *method,
                                                  const char *path, aiohttp_web_handler *handler,
                                                  const aiohttp_web_route_options *options);

/* As aiohttp_web_application_add_route, for GET and, unless `.no_head`, HEAD. Does not suspend. */
AIOHTTP_API int aiohttp_web_application_add_get(aiohttp_web_application *app, const char *path,
                                                aiohttp_web_handler *handler,
                                                const aiohttp_web_route_options *options);

/* As aiohttp_web_application_add_route, for the method of their name. They do not suspend. */
AIOHTTP_API int aiohttp_web_application_add_head(aiohttp_web_application *app, const char *path,
                                                 aiohttp_web_handler *handler,
                                                 const aiohttp_web_route_options *options);
AIOHTTP_API int aiohttp_web_application_add_post(aiohttp_web_application *app, const char *path,
                                                 aiohttp_web_handler *handler,
                                                 const aiohttp_web_route_options *options);
AIOHTTP_API int aiohttp_web_application_add_put(aiohttp_web_application *app, const char *path,
                                                aiohttp_web_handler *handler,
                                                const aiohttp_web_route_options *options);
AIOHTTP_API int aiohttp_web_application_add_patch(aiohttp_web_application *app, const char *path,
                                                  aiohttp_web_handler *handler,
                                                  const aiohttp_web_route_options *options);
AIOHTTP_API int aiohttp_web_application_add_delete(aiohttp_web_application *app, const char *path,
                                                   aiohttp_web_handler *handler,
                                                   const aiohttp_web_route_options *options);
AIOHTTP_API int aiohttp_web_application_add_options(aiohttp_web_application *app, const char *path,
                                                    aiohttp_web_handler *handler,
                                                    const aiohttp_web_route_options *options);

/* Adds a resource (a path) without a route. ret_resource is lent as long as the application. As
 * aiohttp_web_application_add_route; of the options only `.name` counts. Does not suspend. */
AIOHTTP_API int aiohttp_web_application_add_resource(aiohttp_web_application *app,
                                                     const char *path,
                                                     aiohttp_web_resource **ret_resource,
                                                     const aiohttp_web_route_options *options);

/* Adds a route to it (NULL allowed: -EINVAL). As aiohttp_web_application_add_route; `.name` does
 * not count. Does not suspend. */
AIOHTTP_API int aiohttp_web_resource_add_route(aiohttp_web_resource *resource, const char *method,
                                               aiohttp_web_handler *handler,
                                               const aiohttp_web_route_options *options);

/* A row of a route table: RouteDef. Made by aiohttp_web_route, aiohttp_web_get and so on. */
typedef struct aiohttp_web_route_def {
    const char *method, *path;
    aiohttp_web_handler *handler;
    aiohttp_web_route_options options;
} aiohttp_web_route_def;

/* Adds all of a table, copied: `static const aiohttp_web_route_def routes[] = {
 * aiohttp_web_get("/", index), aiohttp_web_post("/users", add_user, .name = "users") };`. The first
 * error; those behind it are not added. Does not suspend. */
AIOHTTP_API int aiohttp_web_application_add_routes(aiohttp_web_application *app,
                                                   const aiohttp_web_route_def *routes,
                                                   size_t count);

/* Adds an application under a prefix ("/admin": without a '/' at its end, not "/"): all paths that
 * are it or go on behind it with a '/' are answered by `sub`, its 404 included. Takes the reference
 * of `sub`, also when it fails. -EINVAL; -EBUSY when `sub` is part of another or of itself;
 * -ENOMEM, -ASYNCIO_INVALID_STATE. What was remembered as wrong in `sub` counts here. Does not
 * suspend. */
AIOHTTP_API int aiohttp_web_application_add_subapp(aiohttp_web_application *app, const char *prefix,
                                                   aiohttp_web_application *sub);

/* As add_subapp, for all requests to a host: "example.com", "example.com:8080", "*.example.com"
 * (any number of labels in place of the star). Without a port any port will do. Does not
 * suspend. */
AIOHTTP_API int aiohttp_web_application_add_domain(aiohttp_web_application *app, const char *domain,
                                                   aiohttp_web_application *sub);

typedef struct aiohttp_web_url_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_url_options));
    const char *const *match_info ASYNCIO__0; /* name, value, name, value, ..., NULL */
    const char *const *query ASYNCIO__0;      /* likewise: "?name=value&..." */
    /* of add_static's resource, and its part "filename": "?v=..." that changes when the file does,
     * so that it can be cached for ever. Python's is a hash of the content, this one of time and
     * size */
    int append_version ASYNCIO__0;
} aiohttp_web_url_options;

/* Builds the path of the resource of that name, prefixes included: *ret_url lies in the innermost
 * scope, as what asyncio_alloc gives. Values are percent-encoded, '/' too, but for patterns that
 * match one. -ENOENT for a name that is not known, -EINVAL for a part without a value or with one
 * that would not match, -ENOMEM, -ASYNCIO_NO_TASK. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_application_url_for(aiohttp_web_application *app, const char *name,
                                const char **ret_url, const aiohttp_web_url_options *options);

/* --- what is routed: aiohttp's router.resources(), routes() and named_resources() --- */

/* A resource, or the application of a domain. Zeros at first. Its texts are lent as long as the
 * application, and no application is put into another or given back. */
typedef struct aiohttp_web_resource_info {
    const char *path;    /* with the prefixes of all applications around it, names without their
                          * patterns: "/api/users/{name}". NULL: a domain */
    const char *pattern; /* as it was added: "/users/{name:[a-z]+}". NULL: a domain */
    const char *name;    /* NULL: it has none */
    const char *domain;  /* "*.example.com", the innermost; NULL: any */
    aiohttp_web_resource *resource;   /* NULL: a domain */
    aiohttp_web_application *app;     /* it was added to this one */
    aiohttp_web_application *sub_app; /* that answers all of it; NULL: its routes do */
    int is_domain;
    const void *at; /* the library's */
} aiohttp_web_resource_info;

/* A route, with its resource. Zeros at first. */
typedef struct aiohttp_web_route_info {
    const char *method; /* "*": all that have no route of their own */
    aiohttp_web_handler *handler;
    void *data; /* the handler's second argument */
    aiohttp_web_resource_info resource;
    const void *at; /* the library's */
} aiohttp_web_route_info;

/* Goes through the resources of `app`, the domains first, then paths as they were added; it does
 * not look into sub-applications, as Python's. 1 and the next one; 0 after the last; -ENOMEM. Does
 * not suspend. */
AIOHTTP_API int aiohttp_web_application_resource_next(aiohttp_web_application *app,
                                                      aiohttp_web_resource_info *info);

/* Goes through all routes of `app` and, each in its place, its sub-applications:
 * `for (aiohttp_web_route_info at = { 0 }; aiohttp_web_application_route_next(app, &at) > 0;)
 * printf("%s %s\n", at.method, at.resource.path);`. 1 and the next one; 0 after the last; -ENOMEM.
 * Does not suspend. */
AIOHTTP_API int aiohttp_web_application_route_next(aiohttp_web_application *app,
                                                   aiohttp_web_route_info *info);

/* The resource that was added to `app` under a name. 0; -ENOENT, -ENOMEM. Does not suspend. */
AIOHTTP_API int aiohttp_web_application_named_resource(aiohttp_web_application *app,
                                                       const char *name,
                                                       aiohttp_web_resource_info *ret_info);

/* --- middlewares --- */

/* Goes on to the next middleware, or the handler. */
typedef int aiohttp_web_next(aiohttp_web_request *request);
typedef int aiohttp_web_middleware(aiohttp_web_request *request, aiohttp_web_next *next,
                                   void *data);

/* What is called later takes this. */
typedef struct aiohttp_web_callback_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_callback_options));
    void *data ASYNCIO__0;                 /* the last argument */
    void (*destroy)(void *data) ASYNCIO__0;
} aiohttp_web_callback_options;

/* Adds a middleware inside those that are there. It may leave out `data`. -EINVAL, -ENOMEM,
 * -ASYNCIO_INVALID_STATE. Does not suspend. */
AIOHTTP_API int
aiohttp_web_application_add_middleware(aiohttp_web_application *app,
                                       aiohttp_web_middleware *middleware,
                                       const aiohttp_web_callback_options *options);

#define AIOHTTP__DEFAULT_REDIRECT 308

typedef struct aiohttp_web_normalize_path_options {
    size_t size;
    int keep_missing_slash; /* 1: Python's append_slash=False */
    /* 1: a path that ends with '/' is tried without; not beside the first */
    int remove_slash;
    int keep_slashes;       /* 1: "//" is not made "/": Python's merge_slashes=False */
    int status;             /* of the redirect; 0: 308 */
} aiohttp_web_normalize_path_options;

/* A middleware that redirects a request without a route to the path that has one: with a '/' at its
 * end, with "//" made "/". `data`: aiohttp_web_normalize_path_options, or NULL. Where it redirects
 * to never begins with "//" (CVE-2021-21330). Suspends when the handler does. */
AIOHTTP_API int aiohttp_web_normalize_path_middleware(aiohttp_web_request *request,
                                                      aiohttp_web_next *next, void *data);

/* --- signals --- */

typedef int aiohttp_web_signal(aiohttp_web_application *app, void *data);

/* Calls `function(app, data)` in a task when the application starts, before it listens: in the
 * order they were added, cleanup contexts first; a sub-application's in the place where it was
 * added. The first error ends the start. `function` may leave out `data`, and suspend.
 * -EINVAL, -ENOMEM, -ASYNCIO_INVALID_STATE. Does not suspend. */
AIOHTTP_API int aiohttp_web_application_on_startup(aiohttp_web_application *app,
                                                   aiohttp_web_signal *function,
                                                   const aiohttp_web_callback_options *options);

/* As on_startup, when it stops: idle connections are closed, handlers still run. All are called;
 * the first error counts, others go to the loop's exception handler. Does not suspend. */
AIOHTTP_API int aiohttp_web_application_on_shutdown(aiohttp_web_application *app,
                                                    aiohttp_web_signal *function,
                                                    const aiohttp_web_callback_options *options);

/* As on_shutdown, when all connections are closed; cleanup contexts are left before. Does not
 * suspend. */
AIOHTTP_API int aiohttp_web_application_on_cleanup(aiohttp_web_application *app,
                                                   aiohttp_web_signal *function,
                                                   const aiohttp_web_callback_options *options);

/* Calls `function(request, data)` before an answer's head is fixed: it may change headers and
 * status, but no longer the body: aiohttp_web_respond and its kin are -ASYNCIO_INVALID_STATE there.
 * Those of the outermost application first. An error is what aiohttp_web_response_prepare returns;
 * of an answer that goes out behind the handler it is 500. Does not suspend. */
AIOHTTP_API int
aiohttp_web_application_on_response_prepare(aiohttp_web_application *app,
                                            aiohttp_web_handler *function,
                                            const aiohttp_web_callback_options *options);

/* A cleanup context: `enter(app, data)` at the start, in the order they were added; `exit(app,
 * data)` at the end, in the reverse order, for those that entered and for nothing else, also when
 * the start failed half-way. `exit` may be NULL. All are left; the first error counts, others go to
 * the loop's exception handler. As on_startup. Does not suspend. */
AIOHTTP_API int aiohttp_web_application_cleanup_ctx(aiohttp_web_application *app,
                                                    aiohttp_web_signal *enter,
                                                    aiohttp_web_signal *exit,
                                                    const aiohttp_web_callback_options *options);

/* 1 once it has been started. Does not suspend. */
AIOHTTP_API int aiohttp_web_application_frozen(const aiohttp_web_application *app);

/* --- storage --- */

/* Identifies a value by its address; `type` is never looked at. */
typedef struct aiohttp_web_app_key {
    const char *name;
    const void *type;
} aiohttp_web_app_key;

/* Defines a key for pointers to T: `static AIOHTTP_WEB_APP_KEY(pool_key, struct pool);`. The
 * compiler then checks what is put in and knows what comes out. T may be opaque. */
#define AIOHTTP_WEB_APP_KEY(key, T)                                                                \
    const struct {                                                                                 \
        const char *name;                                                                          \
        T **type;                                                                                  \
    } key = { #key, 0 }

/* Stores `value` (NULL: removes it) under a key. `destroy(value)` (NULL: nothing) is called once:
 * when it is replaced, when the application goes, or at once when this fails. -ENOMEM;
 * -ASYNCIO_INVALID_STATE once it has started, unless something is stored under the key: what is
 * only there while it runs (a pool, a task) is stored by a cleanup context or on_startup, as in
 * Python. Does not suspend. */
AIOHTTP_API int aiohttp_web_application_set(aiohttp_web_application *app,
                                            const aiohttp_web_app_key *key, void *value,
                                            void (*destroy)(void *value));

/* What is stored under a key, lent, or NULL. Does not suspend. */
AIOHTTP_API void *aiohttp_web_application_get(const aiohttp_web_application *app,
                                              const aiohttp_web_app_key *key);

/* The application whose handler this is: the innermost; NULL for a server without one. Lent. Does
 * not suspend. */
AIOHTTP_API aiohttp_web_application *aiohttp_web_request_app(const aiohttp_web_request *request);

/* What is stored under a key in the request's application, else in the one around it and so on:
 * Python's request.config_dict. Does not suspend. */
AIOHTTP_API void *aiohttp_web_request_config(const aiohttp_web_request *request,
                                             const aiohttp_web_app_key *key);

/* As aiohttp_web_application_set and _get, for the time of a request: middlewares leave there what
 * handlers use. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_set(aiohttp_web_request *request,
                                        const aiohttp_web_app_key *key, void *value,
                                        void (*destroy)(void *value));
AIOHTTP_API void *aiohttp_web_request_get(const aiohttp_web_request *request,
                                          const aiohttp_web_app_key *key);

/* The path of the request's route as it was added, with prefixes: "/users/{name}", for logs and
 * measures; NULL when there is none (404, 405). Lent. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_canonical(const aiohttp_web_request *request);

/* --- what the macros are made of --- */

ASYNCIO_MUST_CHECK static inline aiohttp_web_application *
aiohttp__web_application_new_v(aiohttp_web_application_options options)
{
    return aiohttp_web_application_new(&options);
}
#define AIOHTTP__ADD(verb)                                                                         \
    static inline int aiohttp__web_add_##verb##_v(                                                 \
        aiohttp_web_application *app, const char *path, aiohttp_web_handler *handler,              \
        aiohttp_web_route_options options)                                                         \
    {                                                                                              \
        return aiohttp_web_application_add_##verb(app, path, handler, &options);                   \
    }
AIOHTTP__ADD(get)
AIOHTTP__ADD(head)
AIOHTTP__ADD(post)
AIOHTTP__ADD(put)
AIOHTTP__ADD(patch)
AIOHTTP__ADD(delete)
AIOHTTP__ADD(options)
#undef AIOHTTP__ADD
static inline int aiohttp__web_add_route_v(aiohttp_web_application *app, const char *method,
                                           const char *path, aiohttp_web_handler *handler,
                                           aiohttp_web_route_options options)
{
    return aiohttp_web_application_add_route(app, method, path, handler, &options);
}
static inline int aiohttp__web_add_resource_v(aiohttp_web_application *app, const char *path,
                                              aiohttp_web_resource **ret_resource,
                                              aiohttp_web_route_options options)
{
    return aiohttp_web_application_add_resource(app, path, ret_resource, &options);
}
static inline int aiohttp__web_resource_add_route_v(aiohttp_web_resource *resource,
                                                    const char *method,
                                                    aiohttp_web_handler *handler,
                                                    aiohttp_web_route_options options)
{
    return aiohttp_web_resource_add_route(resource, method, handler, &options);
}
ASYNCIO_MUST_CHECK static inline int aiohttp__web_url_for_v(aiohttp_web_application *app,
                                                            const char *name, const char **ret_url,
                                                            aiohttp_web_url_options options)
{
    return aiohttp_web_application_url_for(app, name, ret_url, &options);
}
static inline int aiohttp__web_add_middleware_v(aiohttp_web_application *app,
                                                aiohttp_web_middleware *middleware,
                                                aiohttp_web_callback_options options)
{
    return aiohttp_web_application_add_middleware(app, middleware, &options);
}
#define AIOHTTP__ON(signal, type)                                                                  \
    static inline int aiohttp__web_on_##signal##_v(aiohttp_web_application *app, type *function,   \
                                                   aiohttp_web_callback_options options)           \
    {                                                                                              \
        return aiohttp_web_application_on_##signal(app, function, &options);                       \
    }
AIOHTTP__ON(startup, aiohttp_web_signal)
AIOHTTP__ON(shutdown, aiohttp_web_signal)
AIOHTTP__ON(cleanup, aiohttp_web_signal)
AIOHTTP__ON(response_prepare, aiohttp_web_handler)
#undef AIOHTTP__ON
static inline int aiohttp__web_cleanup_ctx_v(aiohttp_web_application *app,
                                             aiohttp_web_signal *enter, aiohttp_web_signal *leave,
                                             aiohttp_web_callback_options options)
{
    return aiohttp_web_application_cleanup_ctx(app, enter, leave, &options);
}

ASYNCIO__END

#define aiohttp_web_application_new(...)                                                           \
    aiohttp__web_application_new_v(                                                                \
        ASYNCIO__OPTIONS(aiohttp_web_application_options,                                          \
                         (.client_max_size = AIOHTTP__DEFAULT_CLIENT_MAX_SIZE, ), __VA_ARGS__))

#define AIOHTTP__ROUTE_OPTIONS(...) ASYNCIO__OPTIONS(aiohttp_web_route_options, (), __VA_ARGS__)
#define aiohttp__web_add_m(verb, app, path, handler, ...)                                          \
    aiohttp__web_add_##verb##_v(app, path, AIOHTTP__HANDLER(handler),                              \
                                AIOHTTP__ROUTE_OPTIONS(__VA_ARGS__))
#define aiohttp_web_application_add_get(...) aiohttp__web_add_m(get, __VA_ARGS__, )
#define aiohttp_web_application_add_head(...) aiohttp__web_add_m(head, __VA_ARGS__, )
#define aiohttp_web_application_add_post(...) aiohttp__web_add_m(post, __VA_ARGS__, )
#define aiohttp_web_application_add_put(...) aiohttp__web_add_m(put, __VA_ARGS__, )
#define aiohttp_web_application_add_patch(...) aiohttp__web_add_m(patch, __VA_ARGS__, )
#define aiohttp_web_application_add_delete(...) aiohttp__web_add_m(delete, __VA_ARGS__, )
#define aiohttp_web_application_add_options(...) aiohttp__web_add_m(options, __VA_ARGS__, )
#define aiohttp_web_application_add_route(...) aiohttp__web_add_route_m(__VA_ARGS__, )
#define aiohttp__web_add_route_m(app, method, path, handler, ...)                                  \
    aiohttp__web_add_route_v(app, method, path, AIOHTTP__HANDLER(handler),                         \
                             AIOHTTP__ROUTE_OPTIONS(__VA_ARGS__))
#define aiohttp_web_application_add_resource(...) aiohttp__web_add_resource_m(__VA_ARGS__, )
#define aiohttp__web_add_resource_m(app, path, ret_resource, ...)                                  \
    aiohttp__web_add_resource_v(app, path, ret_resource, AIOHTTP__ROUTE_OPTIONS(__VA_ARGS__))
#define aiohttp_web_resource_add_route(...) aiohttp__web_resource_add_route_m(__VA_ARGS__, )
#define aiohttp__web_resource_add_route_m(resource, method, handler, ...)                          \
    aiohttp__web_resource_add_route_v(resource, method, AIOHTTP__HANDLER(handler),                 \
                                      AIOHTTP__ROUTE_OPTIONS(__VA_ARGS__))

/* Rows of a table; constants, where handlers are functions. */
#define aiohttp_web_route(...) aiohttp__web_route_m(__VA_ARGS__, )
#define aiohttp_web_get(...) aiohttp__web_route_m("GET", __VA_ARGS__, )
#define aiohttp_web_head(...) aiohttp__web_route_m("HEAD", __VA_ARGS__, )
#define aiohttp_web_post(...) aiohttp__web_route_m("POST", __VA_ARGS__, )
#define aiohttp_web_put(...) aiohttp__web_route_m("PUT", __VA_ARGS__, )
#define aiohttp_web_patch(...) aiohttp__web_route_m("PATCH", __VA_ARGS__, )
#define aiohttp_web_delete(...) aiohttp__web_route_m("DELETE", __VA_ARGS__, )
#if defined(__cplusplus)
#define aiohttp__web_route_m(method_, path_, handler_, ...)                                        \
    {                                                                                              \
        method_, path_, AIOHTTP__HANDLER(handler_),                                                \
            ASYNCIO__OPTIONS(aiohttp_web_route_options, (), __VA_ARGS__)                           \
    }
#else
#define aiohttp__web_route_m(method_, path_, handler_, ...)                                        \
    {                                                                                              \
        method_, path_, AIOHTTP__HANDLER(handler_),                                                \
        {                                                                                          \
            .size = sizeof(aiohttp_web_route_options), __VA_ARGS__                                 \
        }                                                                                          \
    }
#endif

#define aiohttp_web_application_url_for(...) aiohttp__web_url_for_m(__VA_ARGS__, )
#define aiohttp__web_url_for_m(app, name, ret_url, ...)                                            \
    aiohttp__web_url_for_v(app, name, ret_url,                                                     \
                           ASYNCIO__OPTIONS(aiohttp_web_url_options, (), __VA_ARGS__))

#define AIOHTTP__CALLBACK_OPTIONS(...)                                                             \
    ASYNCIO__OPTIONS(aiohttp_web_callback_options, (), __VA_ARGS__)
#define AIOHTTP__SIGNAL(fn)                                                                        \
    ASYNCIO__CALLBACK(aiohttp_web_signal, fn, int (*)(aiohttp_web_application *, void *),          \
                      int (*)(aiohttp_web_application *))
/* NULL, too. */
#define AIOHTTP__EXIT_SIGNAL(fn)                                                                   \
    ASYNCIO__CALLBACK(aiohttp_web_signal, fn, int (*)(aiohttp_web_application *, void *),          \
                      int (*)(aiohttp_web_application *), void *)
#define AIOHTTP__MIDDLEWARE(fn)                                                                    \
    ASYNCIO__CALLBACK(aiohttp_web_middleware, fn,                                                  \
                      int (*)(aiohttp_web_request *, aiohttp_web_next *, void *),                  \
                      int (*)(aiohttp_web_request *, aiohttp_web_next *))
#define aiohttp_web_application_add_middleware(...) aiohttp__web_add_middleware_m(__VA_ARGS__, )
#define aiohttp__web_add_middleware_m(app, middleware, ...)                                        \
    aiohttp__web_add_middleware_v(app, AIOHTTP__MIDDLEWARE(middleware),                            \
                                  AIOHTTP__CALLBACK_OPTIONS(__VA_ARGS__))
#define aiohttp__web_on_m(signal, app, function, ...)                                              \
    aiohttp__web_on_##signal##_v(app, function, AIOHTTP__CALLBACK_OPTIONS(__VA_ARGS__))
#define aiohttp__web_signal_m(signal, app, function, ...)                                          \
    aiohttp__web_on_m(signal, app, AIOHTTP__SIGNAL(function), __VA_ARGS__)
#define aiohttp__web_prepare_m(app, function, ...)                                                 \
    aiohttp__web_on_m(response_prepare, app, AIOHTTP__HANDLER(function), __VA_ARGS__)
#define aiohttp_web_application_on_startup(...) aiohttp__web_signal_m(startup, __VA_ARGS__, )
#define aiohttp_web_application_on_shutdown(...) aiohttp__web_signal_m(shutdown, __VA_ARGS__, )
#define aiohttp_web_application_on_cleanup(...) aiohttp__web_signal_m(cleanup, __VA_ARGS__, )
#define aiohttp_web_application_on_response_prepare(...) aiohttp__web_prepare_m(__VA_ARGS__, )
#define aiohttp_web_application_cleanup_ctx(...) aiohttp__web_cleanup_ctx_m(__VA_ARGS__, )
#define aiohttp__web_cleanup_ctx_m(app, enter, leave, ...)                                         \
    aiohttp__web_cleanup_ctx_v(app, AIOHTTP__SIGNAL(enter), AIOHTTP__EXIT_SIGNAL(leave),           \
                               AIOHTTP__CALLBACK_OPTIONS(__VA_ARGS__))

/* The value is of the key's type, or the compiler says so. */
#define AIOHTTP__KEY(key) ((const aiohttp_web_app_key *)(const void *)(key))
#if defined(__cplusplus)
#define AIOHTTP__TYPED(key, value) ((void)sizeof((value) == *(key)->type), (value))
#else
/* Qualifiers that are added do not matter. */
#define AIOHTTP__TYPED(key, value)                                                                 \
    ((void)sizeof(struct {                                                                         \
         _Static_assert(                                                                           \
             __builtin_types_compatible_p(__typeof__(value), void *) ||                            \
                 __builtin_types_compatible_p(__typeof__(*(value)), __typeof__(**(key)->type)),    \
             "the value is not of the key's type");                                                \
         int nothing;                                                                              \
     }),                                                                                           \
     (value))
#endif
#define AIOHTTP__AS(key, value) ((__typeof__(*(key)->type))(value))
#define aiohttp_web_application_set(app, key, value, destroy)                                      \
    aiohttp_web_application_set(app, AIOHTTP__KEY(key), AIOHTTP__TYPED(key, value), destroy)
#define aiohttp_web_application_get(app, key)                                                      \
    AIOHTTP__AS(key, aiohttp_web_application_get(app, AIOHTTP__KEY(key)))
#define aiohttp_web_request_set(request, key, value, destroy)                                      \
    aiohttp_web_request_set(request, AIOHTTP__KEY(key), AIOHTTP__TYPED(key, value), destroy)
#define aiohttp_web_request_get(request, key)                                                      \
    AIOHTTP__AS(key, aiohttp_web_request_get(request, AIOHTTP__KEY(key)))
#define aiohttp_web_request_config(request, key)                                                   \
    AIOHTTP__AS(key, aiohttp_web_request_config(request, AIOHTTP__KEY(key)))
