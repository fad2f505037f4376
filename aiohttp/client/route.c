/* SPDX-License-Identifier: MIT */
/* Routes: the table of a connector's keys. See pool.h. */
#include "client/pool.h"

#include <asyncio/alloc.h>
#include <asyncio/ssl.h>

static uint32_t hash_bytes(uint32_t hash, const void *data, size_t size)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 16777619u;
    return hash;
}

static uint32_t hash_of(const struct route_key *key)
{
    uint32_t hash = hash_bytes(2166136261u, key->host.data, key->host.size);
    hash = hash_bytes(hash, &key->port, sizeof key->port);
    return (hash ^ key->is_tls) * 16777619u;
}

static bool are_same_headers(const aiohttp_headers *one, const aiohttp_headers *other)
{
    size_t a = 0, b = 0;
    const char *name, *value, *other_name, *other_value;
    if (!one || !other)
        return (one ? aiohttp_headers_count(one) : 0) == (other ? aiohttp_headers_count(other) : 0);
    if (aiohttp_headers_count(one) != aiohttp_headers_count(other))
        return false;
    while (aiohttp_headers_next(one, &a, &name, &value))
        if (!aiohttp_headers_next(other, &b, &other_name, &other_value) ||
            !span_is_case(span_of(name), span_of(other_name)) || strcmp(value, other_value) != 0)
            return false;
    return true;
}

static bool are_same_proxies(const aiohttp_url *one, const aiohttp_url *other)
{
    return one == other || (one && other && aiohttp_url_eq(one, other));
}

bool aiohttp__route_is(const struct route *route, const struct route_key *key)
{
    struct span hostname = { route->server_hostname,
                             route->server_hostname ? strlen(route->server_hostname) : 0 };
    return route->port == key->port && route->is_tls == key->is_tls && route->ssl == key->ssl &&
           span_is(span_of(route->host), key->host) && span_is(hostname, key->server_hostname) &&
           route->has_fingerprint == (key->fingerprint != NULL) &&
           (!key->fingerprint ||
            memcmp(&route->fingerprint, key->fingerprint, sizeof route->fingerprint) == 0) &&
           are_same_proxies(route->proxy, key->proxy) &&
           are_same_headers(route->proxy_headers, key->proxy_headers);
}

static int grow(struct aiohttp_connector *connector)
{
    size_t count = connector->bucket_count ? connector->bucket_count * 2 : ROUTE_BUCKETS_MIN;
    struct route **buckets = asyncio_mem_calloc(count, sizeof *buckets);
    if (!buckets)
        return connector->bucket_count ? 0 : -ENOMEM;
    for (size_t i = 0; i < connector->bucket_count; i++)
        for (struct route *route = connector->buckets[i], *next; route; route = next) {
            next = route->next;
            route->next = buckets[route->hash & (count - 1)];
            buckets[route->hash & (count - 1)] = route;
        }
    asyncio_mem_free(connector->buckets);
    connector->buckets = buckets;
    connector->bucket_count = count;
    return 0;
}

static struct route *make(struct aiohttp_connector *connector, const struct route_key *key)
{
    size_t size = key->host.size + 1 + key->server_hostname.size + 1;
    struct route *route = asyncio_mem_calloc(1, sizeof *route + size);
    if (!route)
        return NULL;
    if (key->proxy_headers && aiohttp_headers_count(key->proxy_headers) &&
        !(route->proxy_headers = aiohttp_headers_copy(key->proxy_headers))) {
        asyncio_mem_free(route);
        return NULL;
    }
    route->host = (char *)(route + 1);
    memcpy(route->host, key->host.data, key->host.size);
    if (key->server_hostname.size) {
        route->server_hostname = route->host + key->host.size + 1;
        memcpy(route->server_hostname, key->server_hostname.data, key->server_hostname.size);
    }
    route->port = key->port;
    route->is_tls = key->is_tls;
    route->ssl = asyncio_ssl_context_ref(key->ssl);
    route->proxy = aiohttp_url_ref((aiohttp_url *)(uintptr_t)key->proxy);
    if (key->fingerprint) {
        route->has_fingerprint = true;
        route->fingerprint = *key->fingerprint;
    }
    route->connector = connector;
    return route;
}

struct route *aiohttp__route_get(struct aiohttp_connector *connector, const struct route_key *key)
{
    uint32_t hash = hash_of(key);
    if (connector->bucket_count)
        for (struct route *at = connector->buckets[hash & (connector->bucket_count - 1)]; at;
             at = at->next)
            if (at->hash == hash && aiohttp__route_is(at, key))
                return aiohttp__route_ref(at);
    if (connector->route_count >= connector->bucket_count && grow(connector) < 0)
        return NULL;
    struct route *route = make(connector, key);
    if (!route)
        return NULL;
    route->hash = hash;
    route->references = 1;
    struct route **bucket = &connector->buckets[hash & (connector->bucket_count - 1)];
    route->next = *bucket;
    *bucket = route;
    connector->route_count++;
    aiohttp__connector_hold(connector); /* a route is not without its connector */
    return route;
}

struct route *aiohttp__route_ref(struct route *route)
{
    route->references++;
    return route;
}

void aiohttp__route_unref(struct route *route)
{
    if (!route || --route->references)
        return;
    struct aiohttp_connector *connector = route->connector;
    struct route **at = &connector->buckets[route->hash & (connector->bucket_count - 1)];
    while (*at != route)
        at = &(*at)->next;
    *at = route->next;
    connector->route_count--;
    asyncio_ssl_context_unref(route->ssl);
    aiohttp_url_unref(route->proxy);
    aiohttp_headers_unref(route->proxy_headers);
    asyncio_mem_free(route);
    aiohttp__connector_drop(connector);
}
