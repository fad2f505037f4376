/* SPDX-License-Identifier: MIT */
/* Connections and who waits for them: see pool.h. */
#include "client/pool.h"

#include "base/error.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <errno.h>

/* --- lists --- */

static void link_in(struct connection **first, struct connection **last, struct connection *at)
{
    at->before = NULL;
    at->after = *first;
    if (*first)
        (*first)->before = at;
    else if (last)
        *last = at;
    *first = at;
}

static void unlink_from(struct connection **first, struct connection **last, struct connection *at)
{
    if (at->before)
        at->before->after = at->after;
    else
        *first = at->after;
    if (at->after)
        at->after->before = at->before;
    else if (last)
        *last = at->before;
}

static void unqueue(struct aiohttp_connector *connector, struct waiter *waiter)
{
    if (waiter->before)
        waiter->before->after = waiter->after;
    else
        connector->first_waiter = waiter->after;
    if (waiter->after)
        waiter->after->before = waiter->before;
    else
        connector->last_waiter = waiter->before;
    waiter->is_queued = false;
    connector->stats.waiting--;
}

static void push_idle(struct connection *connection)
{
    struct aiohttp_connector *connector = connection->route->connector;
    connection->is_idle = true;
    connection->above = NULL;
    connection->below = connection->route->idle;
    if (connection->below)
        connection->below->above = connection;
    connection->route->idle = connection;
    link_in(&connector->idle, &connector->idle_last, connection);
    connector->stats.idle++;
    connector->stats.in_use--;
}

/* Out of the idle ones: nobody's. */
static void pull_idle(struct connection *connection)
{
    struct aiohttp_connector *connector = connection->route->connector;
    connection->is_idle = false;
    if (connection->above)
        connection->above->below = connection->below;
    else
        connection->route->idle = connection->below;
    if (connection->below)
        connection->below->above = connection->above;
    unlink_from(&connector->idle, &connector->idle_last, connection);
    connector->stats.idle--;
    connector->stats.in_use++;
}

/* --- places --- */

static bool has_place(const struct route *route)
{
    const struct aiohttp_connector *connector = route->connector;
    size_t per_host = connector->options.limit_per_host;
    return connector->open < connector->options.limit &&
           (per_host == 0 || route->open < per_host);
}

static void take_place(struct route *route)
{
    route->open++;
    route->connector->open++;
    route->connector->stats.in_use++;
}

/* The end of a connection whose place has been given back, or is about to be. */
static void end(struct connection *connection)
{
    struct route *route = connection->route;
    /* Over TLS a goodbye would wait for the peer's. */
    if (route->is_tls)
        asyncio_stream_abort(connection->stream);
    else
        asyncio_stream_close(connection->stream);
    asyncio_stream_unref(connection->stream);
    asyncio_mem_free(connection);
    aiohttp__route_unref(route);
}

static void leave_place(struct route *route)
{
    route->open--;
    route->connector->open--;
    route->connector->stats.in_use--;
}

/* The oldest idle connection makes room. */
static void evict(struct aiohttp_connector *connector)
{
    struct connection *oldest = connector->idle_last;
    pull_idle(oldest);
    leave_place(oldest->route);
    end(oldest);
}

static void wake(struct waiter *waiter, struct connection *connection)
{
    unqueue(waiter->route->connector, waiter);
    waiter->connection = connection;
    waiter->has_place = connection == NULL;
    asyncio_future_set_result(waiter->woken, 0);
}

/* Places are free: those who wait and can use one get it, the first one first. */
static void serve_waiters(struct aiohttp_connector *connector)
{
    for (struct waiter *at = connector->first_waiter, *next; at; at = next) {
        next = at->after;
        if (connector->open >= connector->options.limit && !connector->idle)
            return;
        size_t per_host = connector->options.limit_per_host;
        if (per_host && at->route->open >= per_host)
            continue;
        if (connector->open >= connector->options.limit)
            evict(connector);
        take_place(at->route);
        wake(at, NULL);
    }
}

void aiohttp__pool_give_place(struct route *route)
{
    struct aiohttp_connector *connector = route->connector;
    leave_place(route);
    serve_waiters(connector);
}

/* --- idle ones --- */

static void sweep(asyncio_loop *loop, void *data);

static void arm_sweeper(struct aiohttp_connector *connector)
{
    if (connector->sweeper || !connector->idle_last ||
        connector->options.keepalive_timeout == ASYNCIO_NONE)
        return;
    double when = connector->idle_last->idle_since + connector->options.keepalive_timeout;
    /* Without memory the next one that becomes idle tries again. */
    if (asyncio_loop_call_at(connector->loop, when, sweep, &connector->sweeper,
                             .data = connector) < 0)
        connector->sweeper = NULL;
}

static void sweep(asyncio_loop *loop, void *data)
{
    struct aiohttp_connector *connector = data;
    double now = asyncio_loop_time(loop), keep = connector->options.keepalive_timeout;
    asyncio_handle_unref(connector->sweeper);
    connector->sweeper = NULL;
    aiohttp__connector_hold(connector); /* the last route may go */
    while (connector->idle_last && connector->idle_last->idle_since + keep <= now + 1e-6)
        evict(connector);
    serve_waiters(connector);
    arm_sweeper(connector);
    aiohttp__connector_drop(connector);
}

int aiohttp__pool_take(struct route *route, bool is_fresh, struct connection **ret_connection)
{
    struct aiohttp_connector *connector = route->connector;
    struct connection *idle;
    while (!is_fresh && (idle = route->idle)) {
        pull_idle(idle);
        if (asyncio_stream_is_closing(idle->stream) || asyncio_stream_at_eof(idle->stream)) {
            connector->stats.stale++;
            leave_place(route);
            end(idle); /* a route of the caller's */
            continue;
        }
        link_in(&connector->used, NULL, idle);
        connector->stats.reused++;
        *ret_connection = idle;
        return 1;
    }
    size_t per_host = connector->options.limit_per_host;
    if (is_fresh && per_host && route->open >= per_host && route->idle) {
        struct connection *stale = route->idle;
        pull_idle(stale);
        leave_place(route);
        end(stale);
    }
    if (per_host && route->open >= per_host)
        return 0;
    if (connector->open >= connector->options.limit && connector->idle)
        evict(connector);
    if (!has_place(route))
        return 0;
    take_place(route);
    return 2;
}

int aiohttp__pool_wait(struct route *route, struct connection **ret_connection)
{
    struct aiohttp_connector *connector = route->connector;
    struct waiter waiter = { .route = route, .before = connector->last_waiter };
    if (connector->is_closed) /* by a callback, just now */
        return -AIOHTTP_SESSION_CLOSED;
    int r = asyncio_future_new(&waiter.woken);
    if (r < 0)
        return r;
    if (connector->last_waiter)
        connector->last_waiter->after = &waiter;
    else
        connector->first_waiter = &waiter;
    connector->last_waiter = &waiter;
    connector->stats.waiting++;
    waiter.is_queued = true;
    r = asyncio_await(waiter.woken);
    if (waiter.is_queued)
        unqueue(connector, &waiter);
    else if (r >= 0 && connector->is_closed) /* also of what was given before that */
        r = -AIOHTTP_SESSION_CLOSED;
    asyncio_future_unref(waiter.woken);
    if (r < 0) {
        if (waiter.connection)
            aiohttp__pool_give(waiter.connection, true);
        else if (waiter.has_place)
            aiohttp__pool_give_place(route);
        return r;
    }
    *ret_connection = waiter.connection;
    return waiter.connection ? 1 : 2;
}

struct connection *aiohttp__pool_add(struct route *route, asyncio_stream *stream)
{
    struct connection *connection = asyncio_mem_calloc(1, sizeof *connection);
    if (!connection)
        return NULL;
    connection->route = aiohttp__route_ref(route);
    connection->stream = stream;
    link_in(&route->connector->used, NULL, connection);
    route->connector->stats.created++;
    return connection;
}

void aiohttp__pool_give(struct connection *connection, bool is_reusable)
{
    struct route *route = connection->route;
    struct aiohttp_connector *connector = route->connector;
    const char *data;
    unlink_from(&connector->used, NULL, connection);
    if (!is_reusable || connector->is_closed || connector->options.force_close ||
        asyncio_stream_is_closing(connection->stream) ||
        asyncio_stream_peek(connection->stream, &data)) {
        aiohttp__connector_hold(connector);
        leave_place(route);
        if (!is_reusable)
            asyncio_stream_abort(connection->stream);
        end(connection);
        serve_waiters(connector);
        aiohttp__connector_drop(connector);
        return;
    }
    size_t per_host = connector->options.limit_per_host;
    struct waiter *at = connector->first_waiter;
    /* Also where it goes on at once: who gets it need not ask whether it still lives. */
    connection->idle_since = asyncio_loop_time(connector->loop);
    while (at && at->route != route && per_host && at->route->open >= per_host)
        at = at->after;
    if (at && at->route == route) {
        link_in(&connector->used, NULL, connection);
        connector->stats.reused++;
        wake(at, connection);
        return;
    }
    push_idle(connection);
    if (connector->first_waiter) /* one to elsewhere: this one makes room */
        serve_waiters(connector);
    arm_sweeper(connector);
}

asyncio_stream *aiohttp__pool_give_away(struct connection *connection)
{
    struct route *route = connection->route;
    struct aiohttp_connector *connector = route->connector;
    asyncio_stream *stream = connection->stream;
    unlink_from(&connector->used, NULL, connection);
    aiohttp__connector_hold(connector);
    leave_place(route);
    asyncio_mem_free(connection);
    aiohttp__route_unref(route);
    serve_waiters(connector);
    aiohttp__connector_drop(connector);
    return stream;
}

void aiohttp__pool_end(struct aiohttp_connector *connector)
{
    connector->is_closed = true;
    while (connector->first_waiter) {
        struct waiter *waiter = connector->first_waiter;
        unqueue(connector, waiter);
        asyncio_future_set_result(waiter->woken, 0);
    }
    if (connector->sweeper) {
        asyncio_handle_cancel(connector->sweeper);
        asyncio_handle_unref(connector->sweeper);
        connector->sweeper = NULL;
    }
    while (connector->idle)
        evict(connector);
}
