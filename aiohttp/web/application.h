/* SPDX-License-Identifier: MIT */
/* What applications are made of: between application.c (putting together), router.c (finding),
 * signals.c (starting and stopping) and dispatch.c (answering).
 *
 * MODEL      Everything lies in the application's arena and goes with it. Resources are found by a
 *            hash of their key, the literal beginning of their path: a request's path is hashed
 *            once, with the hash of each of its beginnings kept, and these are looked up from the
 *            longest to the shortest. So it costs nothing how many routes there are elsewhere.
 * INVARIANT  An application has one parent at most, which keeps it; so there is no circle. */
#pragma once

#include "base/arena.h"
#include "web/path.h"

#include <aiohttp/web_application.h>

enum { APPLICATION_DEPTH = 16, KEY_SEGMENTS = 32 };

/* A function with its data, in a list; or a sub-application's turn in it. */
struct callback {
    struct callback *next;
    union {
        aiohttp_web_middleware *middleware;
        aiohttp_web_signal *signal;
        aiohttp_web_handler *prepare;
    };
    aiohttp_web_signal *exit; /* of a cleanup context */
    void *data;
    void (*destroy)(void *data);
    aiohttp_web_application *sub;
};

struct callbacks {
    struct callback *first, **last;
    size_t count;
};

struct route {
    struct route *next;
    struct span method; /* "*": any */
    uint8_t method_id;  /* enum method; 0: none of these */
    aiohttp_web_handler *handler;
    aiohttp_web_route_options options;
    bool is_particular; /* about its requests: one of its options but `.expect_handler` says so */
};

struct aiohttp_web_resource {
    aiohttp_web_resource *next;      /* as added */
    aiohttp_web_resource *next_same; /* of the same key */
    aiohttp_web_application *app;
    struct route_path path;
    const char *text; /* as it was given */
    const char *full; /* canonical, with all prefixes; NULL: not made yet (routes.c) */
    const char *name; /* or NULL */
    struct route *routes;
    aiohttp_web_application *sub; /* it is a prefix of this one */
    /* of static files: appends what changes with the file `name`; nothing when there is none. Its
     * data is that of the first route. NULL: they are none */
    void (*version)(void *data, const char *name, struct bytes *out);
};

struct index_entry {
    uint32_t hash;
    struct span key;
    aiohttp_web_resource *first, *last;
};

/* A path without names whose resource comes first of all that could match it. */
struct literal {
    uint32_t hash;
    struct span path;
    const aiohttp_web_resource *resource; /* NULL: a free place */
};

struct domain {
    struct domain *next;
    struct span host; /* lower case; without "*" when it is one */
    bool is_suffix;   /* "*.example.com": ".example.com" */
    bool has_port;
    const char *text; /* as it was given */
    aiohttp_web_application *sub;
};

struct stored {
    struct stored *next;
    const aiohttp_web_app_key *key;
    void *value;
    void (*destroy)(void *value);
};

struct aiohttp_web_application {
    int references;
    bool is_frozen, is_started;
    bool is_starting; /* of the outermost: contexts and on_startup run, which may store */
    int error; /* the first one of putting together */
    char why[200];
    size_t client_max_size;
    struct arena arena;

    aiohttp_web_application *parent; /* borrowed */
    const char *prefix;              /* canonical, of all parents too, once frozen */
    size_t depth;                    /* of sub-applications below */

    aiohttp_web_resource *first, **last, *newest;
    struct index_entry *index; /* a table of index_size, a power of 2, or NULL */
    size_t index_size, index_count;
    size_t key_segments, key_size; /* the most that a key has */
    /* a table of literals_size, a power of 2, once frozen; or NULL */
    struct literal *literals;
    size_t literals_size;
    struct domain *domains, **last_domain;
    bool has_domains; /* it, or one below it; known once frozen */
    bool prepares;    /* on_response_prepare of it or a parent has something; likewise */

    struct callbacks middlewares, on_startup, on_shutdown, on_cleanup, on_prepare, contexts;
    size_t entered; /* so many of the contexts are */
    struct callback **chain; /* middlewares, of all parents too, once frozen */
    size_t chain_count;
    struct stored *stored;
};

/* What a request came to. */
struct router_match {
    aiohttp_web_application *app; /* the innermost */
    const aiohttp_web_resource *resource;
    const struct route *route; /* NULL: 404, or 405 with `allowed` */
    const char *allowed;
    struct span values[PATTERN_NAMES];
};

/* Finds the route. `path` is decoded (UNQUOTE_PATH_SAFE); `host` as the header says, or empty. 0,
 * -ENOMEM. */
int aiohttp__router_resolve(aiohttp_web_application *app, struct span method, struct span host,
                            struct span path, struct arena *arena, struct router_match *ret_match);

/* Makes the table of literals, when all resources are there. -ENOMEM. */
int aiohttp__router_freeze(aiohttp_web_application *app);

/* The route of a path as it was sent, with or without a query, by one look-up; NULL: it has to be
 * resolved. `method` is an enum method; so many bytes behind the target may be read. */
const struct route *aiohttp__router_literal(const aiohttp_web_application *app, unsigned method,
                                            struct span target, size_t behind,
                                            const aiohttp_web_resource **ret_resource);

/* Its place among other applications has changed: paths with prefixes are made anew. */
void aiohttp__routes_forget(aiohttp_web_application *app);

/* Puts a resource into the index. -ENOMEM, or -EINVAL for a key of more than KEY_SEGMENTS. */
int aiohttp__router_add(aiohttp_web_application *app, aiohttp_web_resource *resource);

/* Remembers the first error, and returns `code`. */
int aiohttp__application_failed(aiohttp_web_application *app, int code, const char *format, ...)
    __attribute__((__format__(__printf__, 3, 4)));

/* 0; -ENOMEM for NULL, -ASYNCIO_INVALID_STATE when it is frozen. */
int aiohttp__application_may_change(aiohttp_web_application *app);

/* Adds a callback; on failure data is destroyed. */
int aiohttp__callback_add(aiohttp_web_application *app, struct callbacks *list,
                          struct callback callback, const aiohttp_web_callback_options *options,
                          const char *what);

/* 0 when it and all below it were put together well; else the first error, raised. */
int aiohttp__application_check(aiohttp_web_application *app);

/* Makes what is only known when all is there: prefixes and chains. -ENOMEM. */
int aiohttp__application_freeze(aiohttp_web_application *app);

/* Of storages. */
int aiohttp__stored_set(struct stored **list, struct arena *arena, bool is_frozen,
                        const aiohttp_web_app_key *key, void *value, void (*destroy)(void *));
void *aiohttp__stored_get(const struct stored *list, const aiohttp_web_app_key *key);
void aiohttp__stored_end(struct stored *list);
