/* SPDX-License-Identifier: MIT */
/* One connection: requests one after the other, and the end. */
#include "server/server.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <asyncio/exit_stack.h>
#include <errno.h>
#include <stdio.h>

enum { POOL_MAX = 64 };

struct connection *aiohttp__connection_of(struct exchange *exchange)
{
    return exchange->type == &aiohttp__http1_type ? http1_of(exchange)->owner : NULL;
}

static int take_work(struct connection *connection)
{
    struct server *server = connection->server;
    struct work *work = server->pool;
    if (work) {
        server->pool = work->next;
        server->pooled--;
    } else if (!(work = asyncio_mem_malloc(sizeof *work)))
        return -ENOMEM;
    struct http1 *http = &work->http;
    aiohttp__http1_init(http, connection->stream, &server->limits);
    http->on_wait = aiohttp__connection_wait;
    http->on_watch = aiohttp__connection_watch;
    http->on_end_with_server = aiohttp__connection_end_with_server;
    http->owner = connection;
    http->kept = work->kept;
    http->date = &server->date;
    http->plain = &server->plain;
    http->server = (struct span){ server->field, server->field_size };
    connection->work = work;
    return 0;
}

static void give_work(struct connection *connection)
{
    struct server *server = connection->server;
    struct work *work = connection->work;
    if (!work)
        return;
    connection->work = NULL;
    aiohttp__http1_fini(&work->http);
    if (server->pooled < POOL_MAX) {
        work->next = server->pool;
        server->pool = work;
        server->pooled++;
    } else
        asyncio_mem_free(work);
}

/* Without a request, and able to take one, it is idle. Waits for the first byte: 1; 0 at the end
 * of the connection. */
static int wait_idle(struct connection *connection)
{
    struct server *server = connection->server;
    if (asyncio_stream_peek(connection->stream, NULL))
        return 1;
    if (connection->work) {
        struct http1 *http = &connection->work->http;
        bool is_done = !http->out.size && !http->exchange.is_broken;
        int r = is_done ? 0 : aiohttp__http1_flush(&http->exchange);
        /* As many as the pool would keep stay where they are. */
        if (server->stats.connections > POOL_MAX)
            give_work(connection);
        if (r < 0)
            return r;
    }
    if (server->is_closing)
        return 0;
    server->stats.active--;
    aiohttp__connection_deadline(connection, CONNECTION_IDLE,
                                 connection->requests ? server->keep_alive_time
                                                      : server->limits.head_time);
    int r = connection->work ? aiohttp__http1_await_request(&connection->work->http)
                             : asyncio_stream_fill(connection->stream, 1);
    connection_goes_on(connection);
    server->stats.active++;
    return r > 0 ? 1 : r;
}

/* What the loop calls when a handler waits while answers are held back. */
static void flush_now(asyncio_loop *loop, void *data)
{
    struct http1 *http = data;
    (void)loop;
    asyncio_handle_unref(http->flush);
    http->flush = NULL;
    if (!http->out.size || http->exchange.is_broken)
        return;
    if (asyncio_stream_write_nowait(http->exchange.stream, http->out.data, http->out.size) < 0)
        http->exchange.is_broken = true;
    http->out.size = 0;
}

/* While there are more requests in the buffer their answers go out together. */
static int flush_or_hold(struct connection *connection)
{
    struct http1 *http = &connection->work->http;
    if (!http->exchange.closes && http->out.size && http->out.size < HTTP1_HELD &&
        ++http->held < http->limits->pipelined && aiohttp__http1_is_ahead(http)) {
        if (http->flush || asyncio_loop_call_soon(connection->server->loop, flush_now,
                                                  &http->flush, .data = http) >= 0)
            return 0;
        http->flush = NULL;
    }
    return aiohttp__http1_flush(&http->exchange);
}

static void log_answer(struct connection *connection, int status, double began)
{
    struct server *server = connection->server;
    aiohttp__access_log_write(server->log, &connection->work->http.exchange, status,
                              asyncio_loop_time(server->loop) - began);
}

/* Reads and drops what the peer still sends, so that it gets to read our answer. What is there
 * already costs nothing and does not count. */
static void linger(struct connection *connection)
{
    const char *data;
    const aiohttp_limits *limits = &connection->server->limits;
    size_t size = asyncio_stream_peek(connection->stream, &data), dropped = 0;
    if (asyncio_stream_can_write_eof(connection->stream) &&
        asyncio_stream_write_eof(connection->stream) < 0)
        return;
    aiohttp__connection_linger(connection);
    while (dropped <= limits->lingering_close) {
        asyncio_stream_consume(connection->stream, size);
        int r = asyncio_stream_fill(connection->stream, 1);
        if (r <= 0)
            break;
        size = (size_t)r;
        dropped += size;
    }
    connection_goes_on(connection);
}

/* What is no request, as one that has nothing in it: "UNKNOWN /". */
static void make_empty(struct exchange *exchange)
{
    struct head *head = &exchange->head;
    exchange->text = "UNKNOWN /";
    exchange->is_settled = exchange->is_body_read = exchange->closes = true;
    head->method = METHOD_OTHER;
    head->method_at = (struct place){ 0, 7 };
    head->path = head->target = (struct place){ 8, 1 };
    head->authority = (struct place){ 0, 0 };
    head->target_form = TARGET_ORIGIN;
    head->body = BODY_NONE;
    head->version = 11;
    head->flags = head->field_count = 0;
    head->seen = (struct header_set){ { 0, 0 } };
}

/* The owner answers it, as he does a request. */
static int refuse_by_owner(struct connection *connection)
{
    struct server *server = connection->server;
    struct exchange *exchange = &connection->work->http.exchange;
    asyncio_exit_stack stack;
    make_empty(exchange);
    int r = asyncio_exit_stack_enter(&stack);
    connection->is_serving = true;
    if (r >= 0)
        r = server->refuse(exchange, server->data);
    connection->is_serving = connection->ends_with_server = false;
    if (connection->watcher) {
        int watched = aiohttp__connection_unwatch(connection);
        r = watched < 0 ? watched : r;
    }
    r = asyncio_exit_stack_exit(&stack, r);
    return r < 0 ? r : aiohttp__http1_flush(exchange);
}

/* Answers what is no request. */
static int refuse(struct connection *connection)
{
    struct exchange *exchange = &connection->work->http.exchange;
    int status = exchange->refused;
    if (!status || exchange->is_begun)
        return 0;
    connection->server->stats.refused++;
    if (connection->server->refuse && status != 503)
        return refuse_by_owner(connection);
    char text[160];
    struct span reason = aiohttp__reason(status);
    int size =
        snprintf(text, sizeof text, "%d: %.*s%s%s\n", status, (int)reason.size, reason.data,
                 exchange->head.why ? "\n" : "", exchange->head.why ? exchange->head.why : "");
    struct answer answer = { .status = status,
                             .content_type = SPAN("text/plain; charset=utf-8"),
                             .length = size };
    exchange->closes = true;
    int r = exchange->type->begin(exchange, &answer);
    if (r >= 0)
        r = exchange->type->write(exchange, text, (size_t)size, true);
    if (r >= 0)
        r = exchange->type->end(exchange);
    return r >= 0 ? exchange->type->flush(exchange) : r;
}

/* The answer to what is no request, if it was answered. */
static void log_refusal(struct connection *connection)
{
    struct server *server = connection->server;
    struct exchange *exchange = &connection->work->http.exchange;
    if (!server->log || !exchange->status)
        return;
    make_empty(exchange);
    log_answer(connection, exchange->status, asyncio_loop_time(server->loop));
}

/* One request, from behind its head to behind its answer. */
static int serve_one(struct connection *connection)
{
    struct server *server = connection->server;
    struct exchange *exchange = &connection->work->http.exchange;
    double began = server->log ? asyncio_loop_time(server->loop) : 0;
    connection->requests++;
    connection->body_waited = 0;
    connection->awaits_body = false;
    server->stats.requests++;
    if (server->is_closing || connection->requests >= server->limits.requests)
        exchange->closes = true;
    else if (connection->requests % 64 == 0 && connection->ends != __builtin_inf() &&
             asyncio_loop_time(server->loop) > connection->ends)
        exchange->closes = true;

    /* A scope of its own: the task's, unless that is open already. */
    asyncio_exit_stack stack;
    bool is_alone = asyncio__scopes_are_none();
    int r = is_alone ? 0 : asyncio_exit_stack_enter(&stack);
    connection->is_serving = true;
    if (r >= 0)
        r = server->serve(exchange, server->data);
    connection->is_serving = connection->ends_with_server = false;
    if (connection->watcher) {
        int watched = aiohttp__connection_unwatch(connection);
        r = watched < 0 ? watched : r;
    }
    r = is_alone ? asyncio__scopes_end(r) : asyncio_exit_stack_exit(&stack, r);
    if (r >= 0 && !exchange->is_upgraded)
        r = flush_or_hold(connection);
    if (server->log) /* nobody waits for a line of it */
        log_answer(connection, exchange->status, began);
    if (r < 0 || exchange->is_upgraded)
        return r;
    if (!exchange->is_body_read && !exchange->closes) {
        aiohttp__connection_linger(connection);
        r = aiohttp__http1_drop_body(&connection->work->http);
        connection_goes_on(connection);
        if (r < 0) {
            exchange->closes = true;
            return r == -ECANCELED ? r : aiohttp__http1_flush(exchange); /* what was held back */
        }
    }
    return 0;
}

/* All requests of a connection. */
static int serve_all(struct connection *connection)
{
    for (;;) {
        int r = wait_idle(connection);
        if (r <= 0)
            return r;
        if (!connection->work && (r = take_work(connection)) < 0)
            return r;
        struct http1 *http = &connection->work->http;
        connection->head_deadline = 0;
        r = aiohttp__http1_read_request(http);
        if (r == 0)
            return aiohttp__http1_flush(&http->exchange);
        bool is_refused = r < 0;
        if (is_refused) {
            r = http->exchange.refused ? refuse(connection) : r;
            log_refusal(connection);
            if (r < 0)
                return r;
        }
        if (!is_refused && (r = serve_one(connection)) < 0)
            return r;
        if (http->exchange.is_upgraded || http->exchange.is_broken)
            return 0;
        if (http->exchange.closes) {
            if (is_refused || http->exchange.head.flags & HEAD_KEEP_ALIVE ||
                !http->exchange.is_body_read || aiohttp__http1_is_ahead(http))
                linger(connection);
            return 0;
        }
        aiohttp__http1_finish(http);
    }
}

static void link_in(struct connection *connection)
{
    struct server *server = connection->server;
    connection->before = server->last;
    if (server->last)
        server->last->after = connection;
    else
        server->first = connection;
    server->last = connection;
    server->stats.connections++;
    server->stats.active++;
    server->refs++;
}

static void unlink_from(struct connection *connection)
{
    struct server *server = connection->server;
    if (connection->before)
        connection->before->after = connection->after;
    else
        server->first = connection->after;
    if (connection->after)
        connection->after->before = connection->before;
    else
        server->last = connection->before;
    server->stats.active--;
    if (--server->stats.connections == 0)
        aiohttp__server_is_empty(server);
    aiohttp__server_unref(server);
}

/* What is unsent at the end has the time of any write: a peer that does not take it must not keep
 * the connection for ever. */
static void leave(struct connection *connection)
{
    asyncio_stream *stream = connection->stream;
    if (connection->server->limits.write_time == ASYNCIO_NONE ||
        !asyncio_stream_get_write_buffer_size(stream))
        return;
    asyncio_stream_close(stream);
    connection->unsent = SIZE_MAX;
    aiohttp__connection_deadline(connection, CONNECTION_WRITE,
                                 connection->server->limits.write_time);
    if (asyncio_stream_wait_closed(stream) == -ECANCELED)
        asyncio_stream_abort(stream);
    connection_goes_on(connection);
}

int aiohttp__server_handle(struct server *server, asyncio_stream *stream)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    if (server->first && server->loop != loop)
        return -ASYNCIO_OTHER_LOOP;
    struct connection *connection = asyncio_mem_calloc(1, sizeof *connection);
    if (!connection)
        return -ENOMEM;
    server->loop = loop;
    connection->server = server;
    connection->stream = stream;
    connection->task = asyncio_current_task();
    connection->ends = server->limits.connection_time == ASYNCIO_NONE
                           ? __builtin_inf()
                           : asyncio_loop_time(loop) + server->limits.connection_time;
    (void)asyncio_stream_set_write_buffer_limits(stream, server->limits.write_high_water,
                                                 server->limits.write_low_water);
    connection_goes_on(connection);
    link_in(connection);
    int r = serve_all(connection);
    give_work(connection);
    if (r != -ECANCELED)
        leave(connection);
    unlink_from(connection);
    asyncio_mem_free(connection);
    /* That a peer has gone, or was too slow, or sent nonsense is no error of the server's. */
    return r == -ECANCELED || r == -ENOMEM ? r : 0;
}
