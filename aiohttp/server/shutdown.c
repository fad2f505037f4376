/* SPDX-License-Identifier: MIT */
/* How a server ends: first those that do nothing, then those that are done, then those that have
 * been asked, then the rest. */
#include "server/server.h"

#include <asyncio/future.h>
#include <asyncio/timeout.h>
#include <errno.h>

/* What cancelled handlers have for their cleanup. */
#define CLEANUP_SECONDS 1.0

void aiohttp__server_is_empty(struct server *server)
{
    aiohttp__server_stop_timer(server);
    for (struct server_waiter *at = server->waiters; at; at = at->next)
        if (!asyncio_future_done(at->gone))
            asyncio_future_set_result(at->gone, 0);
}

void aiohttp__server_pre_shutdown(struct server *server)
{
    server->is_closing = true;
    for (struct connection *at = server->first; at; at = at->after) {
        /* One whose request has come, but not its turn, is served. */
        if (at->state == CONNECTION_IDLE && !asyncio_stream_peek(at->stream, NULL) &&
            !asyncio__stream_has_expected(at->stream))
            asyncio_stream_close(at->stream);
        else if (at->work) {
            struct exchange *exchange = &at->work->http.exchange;
            exchange->closes = true;
            if (exchange->on_shutdown)
                exchange->on_shutdown(exchange->on_shutdown_data);
        }
    }
}

void aiohttp__server_drain(struct server *server)
{
    server->limits.requests = 0; /* the next request of each is one too many already */
    for (struct connection *at = server->first; at; at = at->after)
        /* One whose answer has begun has promised to stay. */
        if (at->is_serving && !at->work->http.exchange.is_begun)
            at->work->http.exchange.closes = true;
}

static void end_now(struct connection *connection)
{
    connection->ends_with_server = false;
    connection->work->http.exchange.was_ended = true;
    connection->work->http.exchange.closes = true;
    asyncio_task_cancel(connection->task);
}

void aiohttp__connection_end_with_server(struct http1 *http)
{
    struct connection *connection = http->owner;
    connection->ends_with_server = true;
    if (connection->server->is_ending)
        end_now(connection);
}

/* What goes on for ever: it is not waited for. */
static void end_endless(struct server *server)
{
    server->is_ending = true;
    for (struct connection *at = server->first; at; at = at->after)
        if (at->is_serving && at->ends_with_server && at->task != asyncio_current_task())
            end_now(at);
}

void aiohttp__server_abort(struct server *server)
{
    server->is_closing = true;
    for (struct connection *at = server->first; at; at = at->after)
        asyncio_stream_abort(at->stream);
}

/* Waits until there is no connection. 0, -ETIMEDOUT, -ECANCELED; -ENOMEM, without waiting. */
static int wait_until(struct server *server, double when)
{
    if (!server->first)
        return 0;
    struct server_waiter own = { .next = server->waiters };
    int r = asyncio_future_new(&own.gone);
    if (r < 0)
        return r;
    server->waiters = &own;
    asyncio_timeout limit;
    r = asyncio_timeout_at_enter(&limit, when);
    if (r >= 0)
        r = asyncio_timeout_exit(&limit, asyncio_await(own.gone));
    struct server_waiter **at = &server->waiters;
    while (*at != &own)
        at = &(*at)->next;
    *at = own.next;
    asyncio_future_unref(own.gone);
    return r;
}

int aiohttp__server_shutdown_at(struct server *server, double deadline)
{
    aiohttp__server_pre_shutdown(server);
    end_endless(server);
    int r = wait_until(server, deadline);
    /* A time that there is no memory to measure is over. */
    if (r != -ETIMEDOUT && r != -ENOMEM) {
        if (r < 0)
            aiohttp__server_abort(server);
        return r;
    }
    for (struct connection *at = server->first; at; at = at->after)
        if (at->task != asyncio_current_task())
            asyncio_task_cancel(at->task);
    int cleaned = wait_until(server,
                             asyncio_loop_time(asyncio_get_running_loop()) + CLEANUP_SECONDS);
    aiohttp__server_abort(server);
    return cleaned == -ECANCELED ? cleaned : r;
}
