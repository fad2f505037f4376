/* SPDX-License-Identifier: MIT */
/* Finding the route of a request: see application.h. The order is that of aiohttp's UrlDispatcher:
 * domains; then, from the longest beginning of the path to the shortest, the resources with that
 * key in the order they were added. */
#include "web/application.h"

#include <asyncio/error.h>

/* --- hashes: of words of eight bytes, the last of which has zeroes behind it --- */

/* Folded first, and taken from above: a product's low bits know nothing of a word's last bytes, and
 * tables go by the low bits of a hash. */
static inline uint32_t hash_step(uint32_t hash, uint64_t word)
{
    uint64_t folded = hash ^ word ^ word >> 32, mixed = folded * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(mixed >> 32 ^ mixed >> 47);
}

/* The first byte is the lowest. */
static inline uint64_t load(const char *at, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, at, size);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap64(word);
}

static inline uint64_t first_bytes(uint64_t word, size_t count)
{
    return count < 8 ? word & ((UINT64_C(1) << 8 * count) - 1) : word;
}

/* What is shorter than a word is the end of the last eight bytes, where there are as many. */
static inline uint64_t word_at(struct span text, size_t at)
{
    size_t left = text.size - at;
    if (left >= 8)
        return load(text.data + at, 8);
    return text.size < 8 ? load(text.data + at, left) :
                           load(text.data + text.size - 8, 8) >> 8 * (8 - left);
}

static uint32_t hash_of(struct span text)
{
    uint32_t hash = 0;
    for (size_t at = 0; at < text.size; at += 8)
        hash = hash_step(hash, word_at(text, at));
    return hash;
}

/* The highest bit of the bytes that are `c`. */
static inline uint64_t equal_bytes(uint64_t word, unsigned char c)
{
    const uint64_t lows = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t differs = word ^ UINT64_C(0x0101010101010101) * c;
    return ~(((differs & lows) + lows) | differs | lows);
}

static struct index_entry *find(const aiohttp_web_application *app, uint32_t hash, struct span key)
{
    if (!app->index_size)
        return NULL;
    for (size_t i = hash & (app->index_size - 1);; i = (i + 1) & (app->index_size - 1)) {
        struct index_entry *entry = &app->index[i];
        if (!entry->first || (entry->hash == hash && span_is(entry->key, key)))
            return entry;
    }
}

static int grow(aiohttp_web_application *app)
{
    size_t old_size = app->index_size, size = old_size ? old_size * 2 : 16;
    struct index_entry *old = app->index;
    struct index_entry *index = aiohttp__arena_calloc(&app->arena, size, sizeof *index);
    if (!index)
        return -ENOMEM;
    app->index = index;
    app->index_size = size;
    for (size_t i = 0; i < old_size; i++)
        if (old[i].first)
            *find(app, old[i].hash, old[i].key) = old[i];
    return 0;
}

int aiohttp__router_add(aiohttp_web_application *app, aiohttp_web_resource *resource)
{
    struct span key = resource->path.key;
    size_t segments = 0;
    for (size_t i = 0; i < key.size; i++)
        segments += key.data[i] == '/';
    if (segments > KEY_SEGMENTS)
        return -EINVAL;
    if ((app->index_count + 1) * 2 > app->index_size && grow(app) < 0)
        return -ENOMEM;
    uint32_t hash = hash_of(key);
    struct index_entry *entry = find(app, hash, key);
    if (!entry->first) {
        *entry = (struct index_entry){ hash, key, resource, resource };
        app->index_count++;
    } else {
        entry->last->next_same = resource;
        entry->last = resource;
    }
    if (segments > app->key_segments)
        app->key_segments = segments;
    if (key.size > app->key_size)
        app->key_size = key.size;
    return 0;
}

/* --- literal paths --- */

static const struct literal *find_literal(const aiohttp_web_application *app, uint32_t hash,
                                          struct span path)
{
    const struct literal *at;
    for (size_t i = hash;; i++) {
        at = &app->literals[i & (app->literals_size - 1)];
        if (!at->resource || (at->hash == hash && span_is(at->path, path)))
            return at;
    }
}

/* Of the resources with one key the first comes first; a longer key than the whole path there is
 * none. */
int aiohttp__router_freeze(aiohttp_web_application *app)
{
    if (!app->index_count)
        return 0;
    struct literal *literals =
        aiohttp__arena_calloc(&app->arena, app->index_size, sizeof *literals);
    if (!literals)
        return -ENOMEM;
    app->literals = literals;
    app->literals_size = app->index_size;
    for (size_t i = 0; i < app->index_size; i++) {
        const aiohttp_web_resource *first = app->index[i].first;
        struct span path = app->index[i].key;
        if (!first || first->sub || !first->path.is_key || !path.size || path.data[0] != '/')
            continue;
        uint32_t hash = hash_of(path);
        *(struct literal *)(uintptr_t)find_literal(app, hash, path) =
            (struct literal){ hash, path, first };
    }
    return 0;
}

const struct route *aiohttp__router_literal(const aiohttp_web_application *app, unsigned method,
                                            struct span target, size_t behind,
                                            const aiohttp_web_resource **ret_resource)
{
    struct span path = target;
    uint64_t odd = 0;
    size_t size = target.size, i = 0;
    if (!app->literals || app->has_domains || !method || !size || target.size > app->key_size ||
        behind < 8)
        return NULL;
    uint32_t hash = 0;
    for (; i < size; i += 8) {
        uint64_t word = first_bytes(load(target.data + i, 8), size - i);
        odd |= equal_bytes(word, '%') | equal_bytes(word, '?');
        hash = hash_step(hash, word);
    }
    if (odd)
        return NULL;
    const aiohttp_web_resource *resource = find_literal(app, hash, path)->resource;
    const struct route *route = resource ? resource->routes : NULL;
    for (; route; route = route->next)
        if (route->method_id == method) {
            *ret_resource = resource;
            return route;
        }
    return NULL;
}

/* --- methods --- */

struct search {
    struct span method, host, path;
    struct arena *arena;
    struct router_match *match;
    const aiohttp_web_resource *other[32]; /* have the path and not the method */
    size_t others;
};

static const struct route *route_of(const aiohttp_web_resource *resource, struct span method)
{
    const struct route *any = NULL;
    if (!method.size)
        return NULL;
    for (const struct route *route = resource->routes; route; route = route->next) {
        if (route->method.size == method.size && route->method.data[0] == method.data[0] &&
            memcmp(route->method.data, method.data, method.size) == 0)
            return route;
        if (route->method.data[0] == '*')
            any = route;
    }
    return any;
}

/* The methods of those that have the path, sorted, each once: "GET, HEAD". */
static const char *allowed_methods(const struct search *search)
{
    char text[1024];
    struct bytes out = bytes_in(text, sizeof text);
    struct span last = { "", 0 };
    for (;;) {
        struct span least = { NULL, 0 };
        for (size_t i = 0; i < search->others; i++)
            for (const struct route *route = search->other[i]->routes; route; route = route->next)
                if (strcmp(route->method.data, last.data) > 0 &&
                    (!least.data || strcmp(route->method.data, least.data) < 0))
                    least = route->method;
        if (!least.data)
            break;
        if (out.size)
            bytes_text(&out, ", ");
        bytes_add(&out, least);
        last = least;
    }
    return aiohttp__arena_text(search->arena, (struct span){ text, out.size });
}

/* --- paths --- */

static int resolve(aiohttp_web_application *app, struct search *search);

/* 1: found, or nothing else may answer; 0: look on. */
static int try_resource(const aiohttp_web_resource *resource, struct search *search)
{
    struct span path = search->path;
    if (resource->sub) {
        size_t size = resource->path.parts[0].literal.size;
        if (path.size > size && path.data[size] != '/')
            return 0;
        /* its beginning is the key, which was equal */
        search->path = (struct span){ path.data + size, path.size - size };
        int r = resolve(resource->sub, search);
        return r < 0 ? r : 1;
    }
    /* a literal path that was found by all of it is equal already ("/" is tried for every path) */
    bool is_equal = resource->path.is_key && path.size == resource->path.key.size &&
                    path.data[0] == '/';
    bool is_other = resource->path.is_key && path.size != resource->path.key.size;
    int r = is_equal   ? 1 :
            is_other ? 0 :
                       aiohttp__path_match(&resource->path, path, search->arena,
                                           search->match->values);
    if (r <= 0)
        return r;
    const struct route *route = route_of(resource, search->method);
    if (route) {
        search->match->resource = resource;
        search->match->route = route;
        return 1;
    }
    if (search->others < sizeof search->other / sizeof *search->other)
        search->other[search->others++] = resource;
    return 0;
}

static int try_key(const aiohttp_web_application *app, uint32_t hash, struct span key,
                   struct search *search)
{
    const struct index_entry *entry = find(app, hash, key);
    const aiohttp_web_resource *resource = entry ? entry->first : NULL;
    int r = 0;
    for (; resource && r == 0; resource = resource->next_same)
        r = try_resource(resource, search);
    return r;
}

/* From the longest beginning that can be a key to the shortest. */
static int try_keys(const aiohttp_web_application *app, struct search *search)
{
    struct {
        uint32_t hash;
        size_t size;
    } keys[KEY_SEGMENTS + 2];
    struct span path = search->path;
    const bool is_whole = path.size <= app->key_size; /* it may be a key itself */
    const size_t end = is_whole ? path.size : app->key_size + 1, most = app->key_segments;
    size_t count = 0;
    uint32_t hash = 0;
    for (size_t at = 0; at < end && count <= most; at += 8) {
        uint64_t word = word_at(path, at), slashes = equal_bytes(word, '/');
        if (at == 0)
            slashes &= ~UINT64_C(0xff); /* before it there is nothing */
        for (; slashes && count <= most; slashes &= slashes - 1) {
            size_t before = (size_t)__builtin_ctzll(slashes) / 8;
            if (at + before >= end)
                break;
            keys[count].hash = before ? hash_step(hash, first_bytes(word, before)) : hash;
            keys[count++].size = at + before;
        }
        hash = hash_step(hash, word);
    }
    if (is_whole && end > 1 && count <= most) {
        keys[count].hash = hash;
        keys[count++].size = end;
    }
    int r = 0;
    while (count-- && r == 0)
        r = try_key(app, keys[count].hash, (struct span){ path.data, keys[count].size }, search);
    return r ? r : try_key(app, hash_step(0, '/'), SPAN("/"), search);
}

/* --- domains --- */

static bool is_domain(const struct domain *domain, struct span host)
{
    if (!domain->has_port) {
        /* the port goes, but not the inside of "[::1]" */
        size_t size = host.size;
        while (size && host.data[size - 1] >= '0' && host.data[size - 1] <= '9')
            size--;
        if (size && host.data[size - 1] == ':')
            host.size = size - 1;
    }
    if (!domain->is_suffix)
        return span_is_case(host, domain->host);
    return host.size > domain->host.size &&
           span_is_case((struct span){ host.data + host.size - domain->host.size,
                                       domain->host.size },
                        domain->host);
}

static int resolve(aiohttp_web_application *app, struct search *search)
{
    search->match->app = app;
    search->others = 0;
    for (const struct domain *domain = app->domains; domain; domain = domain->next)
        if (is_domain(domain, search->host))
            return resolve(domain->sub, search);
    int r = try_keys(app, search);
    if (r < 0)
        return r;
    if (r == 0 && search->others) {
        const char *allowed = allowed_methods(search);
        if (!allowed)
            return -ENOMEM;
        search->match->allowed = *allowed ? allowed : NULL; /* a resource without a route is none */
    }
    return 0;
}

int aiohttp__router_resolve(aiohttp_web_application *app, struct span method, struct span host,
                            struct span path, struct arena *arena, struct router_match *ret_match)
{
    struct search search;
    search.method = method;
    search.host = host;
    search.path = path;
    search.arena = arena;
    search.match = ret_match;
    search.others = 0;
    ret_match->app = app;
    ret_match->resource = NULL;
    ret_match->route = NULL;
    ret_match->allowed = NULL;
    return resolve(app, &search);
}
