/* SPDX-License-Identifier: MIT */
/* Connectors: how they are made and how they end. See <aiohttp/connector.h> and pool.h. */
#include "client/pool.h"

#include "base/error.h"
#include "client/proxies.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <asyncio/task.h>
#include <errno.h>

static bool is_time(double seconds)
{
    return seconds == ASYNCIO_NONE || seconds >= 0;
}

static int make(struct aiohttp_connector **ret_connector, const char *path,
                const aiohttp_connector_options *given)
{
    aiohttp_connector_options options = {
        .size = sizeof options,
        .limit = AIOHTTP__DEFAULT_LIMIT,
        .keepalive_timeout = AIOHTTP__DEFAULT_POOL_IDLE_TIME,
        .happy_eyeballs_delay = AIOHTTP__DEFAULT_HAPPY_EYEBALLS_DELAY,
        .interleave = ASYNCIO__DEFAULT_INTERLEAVE,
        .address_timeout = AIOHTTP__DEFAULT_ADDRESS_TIMEOUT,
    };
    aiohttp__errors_add();
    if (given)
        options = *given;
    if (options.limit == 0)
        return asyncio_raise(-EINVAL, "a connector without a connection is of no use");
    if (!is_time(options.keepalive_timeout) || !is_time(options.happy_eyeballs_delay) ||
        !is_time(options.address_timeout))
        return asyncio_raise(-EINVAL, "times are not negative");
    if (options.resolver && !options.resolver->resolve)
        return asyncio_raise(-EINVAL, "the resolver does not resolve");
    struct aiohttp_connector *connector = asyncio_mem_calloc(1, sizeof *connector);
    if (!connector)
        return -ENOMEM;
    connector->references = connector->held = 1;
    connector->options = options;
    if ((path && !(connector->path = asyncio_mem_strdup(path))) ||
        (options.local_addr.host &&
         !(connector->local_host = asyncio_mem_strdup(options.local_addr.host)))) {
        asyncio_mem_free(connector->path);
        asyncio_mem_free(connector);
        return -ENOMEM;
    }
    connector->options.local_addr.host = connector->local_host;
    connector->ssl = asyncio_ssl_context_ref(options.ssl);
    if (options.resolver)
        connector->resolver = *options.resolver;
    *ret_connector = connector;
    return 0;
}

int(aiohttp_tcp_connector_new)(aiohttp_connector **ret_connector,
                               const aiohttp_connector_options *options)
{
    return make(ret_connector, NULL, options);
}

int(aiohttp_unix_connector_new)(const char *path, aiohttp_connector **ret_connector,
                                const aiohttp_connector_options *options)
{
    if (!path || !*path)
        return asyncio_raise(-EINVAL, "a UnixConnector needs a path");
    return make(ret_connector, path, options);
}

aiohttp_connector *aiohttp_connector_ref(aiohttp_connector *connector)
{
    if (connector)
        connector->references++;
    return connector;
}

void aiohttp_connector_unref(aiohttp_connector *connector)
{
    if (!connector || --connector->references)
        return;
    if (!connector->is_closed)
        aiohttp__pool_end(connector);
    aiohttp__connector_drop(connector);
}

void aiohttp__connector_drop(struct aiohttp_connector *connector)
{
    if (--connector->held)
        return;
    if (connector->resolver.close)
        connector->resolver.close(connector->resolver.data);
    asyncio_ssl_context_unref(connector->ssl);
    asyncio_ssl_context_unref(connector->made_ssl);
    asyncio_ssl_context_unref(connector->pinned_ssl);
    asyncio_mem_free(connector->path);
    asyncio_mem_free(connector->local_host);
    asyncio_mem_free(connector->buckets);
    aiohttp__proxy_auths_free(connector->proxy_auths);
    asyncio_mem_free(connector);
}

static int make_ssl(bool is_verified, asyncio_ssl_context **ret_ssl)
{
    static const char *const protocols[] = { "http/1.1" };
    asyncio_ssl_context *made;
    int r = asyncio_ssl_create_default_context(ASYNCIO_SSL_SERVER_AUTH, &made);
    if (r < 0)
        return r;
    if (!is_verified)
        r = asyncio_ssl_context_set_check_hostname(made, 0);
    if (!is_verified && r >= 0)
        r = asyncio_ssl_context_set_verify_mode(made, ASYNCIO_SSL_CERT_NONE);
    if (r >= 0)
        r = asyncio_ssl_context_set_alpn_protocols(made, protocols, 1);
    if (r < 0) {
        asyncio_ssl_context_unref(made);
        return r;
    }
    *ret_ssl = made;
    return 0;
}

int aiohttp__connector_ssl(struct aiohttp_connector *connector, bool is_pinned,
                           asyncio_ssl_context **ret_ssl)
{
    asyncio_ssl_context **made = is_pinned ? &connector->pinned_ssl : &connector->made_ssl;
    if (!connector->ssl && !*made) {
        int r = make_ssl(!is_pinned, made);
        if (r < 0)
            return r;
    }
    *ret_ssl = connector->ssl ? connector->ssl : *made;
    return 0;
}

int aiohttp_connector_closed(const aiohttp_connector *connector)
{
    return connector->is_closed;
}

/* --- connections that are being made --- */

void aiohttp__making_begin(struct aiohttp_connector *connector, struct making *making,
                           struct wait *wait)
{
    aiohttp__wait_until(wait, NEVER); /* whoever ends it has to know the task */
    making->wait = wait;
    making->before = NULL;
    making->after = connector->makings;
    if (making->after)
        making->after->before = making;
    connector->makings = making;
}

void aiohttp__making_end(struct aiohttp_connector *connector, struct making *making)
{
    if (making->before)
        making->before->after = making->after;
    else
        connector->makings = making->after;
    if (making->after)
        making->after->before = making->before;
    for (struct closer *at = connector->closers; at; at = at->next)
        if (!asyncio_future_done(at->woken))
            asyncio_future_set_result(at->woken, 0);
}

/* By another task than the running one, which may be making one itself. */
static struct making *next_making(struct making *at)
{
    while (at && at->wait->task == asyncio_current_task())
        at = at->after;
    return at;
}

static int wait_for_makings(struct aiohttp_connector *connector)
{
    int r = 0;
    while (r >= 0 && next_making(connector->makings)) {
        struct closer closer = { .next = connector->closers };
        if (asyncio_future_new(&closer.woken) < 0)
            return 0; /* they end without being waited for */
        connector->closers = &closer;
        r = asyncio_await(closer.woken);
        struct closer **at = &connector->closers;
        while (*at != &closer)
            at = &(*at)->next;
        *at = closer.next;
        asyncio_future_unref(closer.woken);
    }
    return r;
}

/* --- the end --- */

/* References of all streams there are: those in use are ended by who uses them. */
static size_t all_streams(struct aiohttp_connector *connector, asyncio_stream **streams)
{
    size_t count = 0;
    for (struct connection *at = connector->used; at; at = at->after, count++)
        if (streams)
            streams[count] = asyncio_stream_ref(at->stream);
    for (struct connection *at = connector->idle; at; at = at->after, count++)
        if (streams)
            streams[count] = asyncio_stream_ref(at->stream);
    for (struct making *at = next_making(connector->makings); at; at = next_making(at->after))
        if (at->stream) {
            if (streams)
                streams[count] = asyncio_stream_ref(at->stream);
            count++;
        }
    return count;
}

int aiohttp_connector_close(aiohttp_connector *connector)
{
    size_t count = all_streams(connector, NULL);
    asyncio_stream **streams = count ? asyncio_mem_calloc(count, sizeof(void *)) : NULL;
    if (streams)
        all_streams(connector, streams);
    for (struct connection *at = connector->used; at; at = at->after)
        asyncio_stream_abort(at->stream);
    for (struct making *at = next_making(connector->makings); at; at = next_making(at->after))
        aiohttp__wait_end(at->wait, -AIOHTTP_SESSION_CLOSED);
    aiohttp_connector_ref(connector);
    aiohttp__pool_end(connector);
    int r = wait_for_makings(connector);
    for (size_t i = 0; streams && i < count; i++) {
        if (r >= 0) {
            int closed = asyncio_stream_wait_closed(streams[i]);
            r = closed == -ECANCELED ? closed : 0;
        }
        asyncio_stream_unref(streams[i]);
    }
    asyncio_mem_free(streams);
    aiohttp_connector_unref(connector);
    return r;
}

void(aiohttp_connector_get_stats)(const aiohttp_connector *connector,
                                  aiohttp_connector_stats *ret_stats, size_t size)
{
    aiohttp_connector_stats stats = connector->stats;
    stats.size = size < sizeof stats ? size : sizeof stats;
    memcpy(ret_stats, &stats, stats.size);
}
