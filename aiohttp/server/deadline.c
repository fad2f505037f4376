/* SPDX-License-Identifier: MIT */
/* Deadlines of connections: one timer for all of a server. */
#include "server/server.h"

#include <asyncio/stream.h>

/* Seconds between two looks: who is late by that much is not noticed. */
#define REST 0.1
/* How many looks there are, at least, in the time that a write may wait. */
#define WRITE_LOOKS 8
/* Seconds that a peer has behind the last answer of a server that ends. */
#define CLOSING_LINGER 1.0

static void check(asyncio_loop *loop, void *data);

void aiohttp__server_stop_timer(struct server *server)
{
    if (!server->timer)
        return;
    asyncio_handle_cancel(server->timer);
    asyncio_handle_unref(server->timer);
    server->timer = NULL;
    server->next_check = __builtin_inf();
}

/* Without memory what was armed before stays so: false. */
static bool arm(struct server *server, double when)
{
    asyncio_handle *timer;
    if (asyncio_loop_call_at(server->loop, when, check, &timer, .data = server) < 0)
        return false;
    aiohttp__server_stop_timer(server);
    server->timer = timer;
    server->next_check = when;
    return true;
}

/* It would wait without a limit. */
static void __attribute__((cold)) give_up(struct connection *connection)
{
    connection->deadline = __builtin_inf();
    if (connection->state == CONNECTION_IDLE)
        asyncio_stream_close(connection->stream);
    else
        asyncio_stream_abort(connection->stream);
}

/* Who writes has no deadline of its own before somebody looks: that is often enough. */
static double no_later(const struct server *server, double when, double now)
{
    double look = now + server->limits.write_time / WRITE_LOOKS;
    return server->limits.write_time == ASYNCIO_NONE || when < look ? when : look;
}

static void set_deadline(struct connection *connection, double when, double now)
{
    connection->deadline = when;
    if (when < connection->server->next_check &&
        !arm(connection->server, no_later(connection->server, when, now)))
        give_up(connection);
}

void aiohttp__connection_deadline(struct connection *connection, enum connection_state state,
                                  double seconds)
{
    bool is_idle = state == CONNECTION_IDLE;
    connection->state = (uint8_t)state;
    if (seconds == ASYNCIO_NONE && !(is_idle && connection->ends != __builtin_inf())) {
        connection->deadline = __builtin_inf();
        return;
    }
    double now = asyncio_loop_time(connection->server->loop);
    double when = seconds == ASYNCIO_NONE ? __builtin_inf() : now + seconds;
    set_deadline(connection, is_idle && connection->ends < when ? connection->ends : when, now);
}

/* How long the body may have taken by now. */
static double body_budget(const struct connection *connection)
{
    const aiohttp_limits *limits = &connection->server->limits;
    const struct body *body = &connection->work->http.body;
    if (limits->body_grace == ASYNCIO_NONE || limits->body_rate == 0)
        return __builtin_inf();
    return limits->body_grace + (double)body->total / (double)limits->body_rate;
}

static double lingering_time(const struct server *server)
{
    double seconds = server->limits.lingering_time;
    bool is_short = server->is_closing && (seconds > CLOSING_LINGER || seconds == ASYNCIO_NONE);
    return is_short ? CLOSING_LINGER : seconds;
}

void aiohttp__connection_linger(struct connection *connection)
{
    connection->unsent = asyncio_stream_get_write_buffer_size(connection->stream);
    connection->file_sent = connection->work ? connection->work->http.file_sent : 0;
    connection->taken = asyncio_loop_time(connection->server->loop);
    aiohttp__connection_deadline(connection, CONNECTION_LINGERS,
                                 lingering_time(connection->server));
}

void aiohttp__connection_wait(struct http1 *http, enum http1_wait what)
{
    struct connection *connection = http->owner;
    const aiohttp_limits *limits = &connection->server->limits;
    double now;
    switch (what) {
    case WAIT_NONE:
        if (connection->awaits_body) {
            /* One task writes while another one reads: that one's time goes on. */
            connection->state = CONNECTION_BODY;
            set_deadline(connection, connection->body_deadline,
                         asyncio_loop_time(connection->server->loop));
        } else if (connection->state != CONNECTION_LINGERS)
            connection_goes_on(connection);
        break;
    case WAIT_OVER:
        if (connection->awaits_body)
            connection->body_waited +=
                asyncio_loop_time(connection->server->loop) - connection->body_since;
        connection->awaits_body = false;
        if (connection->state != CONNECTION_LINGERS && connection->state != CONNECTION_WRITE)
            connection_goes_on(connection);
        break;
    case WAIT_HEAD:
        if (limits->head_time == ASYNCIO_NONE)
            break;
        if (connection->head_deadline == 0)
            connection->head_deadline =
                asyncio_loop_time(connection->server->loop) + limits->head_time;
        connection->state = CONNECTION_HEAD;
        set_deadline(connection, connection->head_deadline,
                     connection->head_deadline - limits->head_time);
        break;
    case WAIT_BODY:
        if (connection->state == CONNECTION_LINGERS)
            break;
        connection->awaits_body = true;
        connection->body_since = now = asyncio_loop_time(connection->server->loop);
        connection->body_deadline = now + body_budget(connection) - connection->body_waited;
        if (connection->state == CONNECTION_WRITE)
            break; /* another task's; then it is ours */
        connection->state = CONNECTION_BODY;
        set_deadline(connection, connection->body_deadline, now);
        break;
    case WAIT_WRITE:
        if (connection->state == CONNECTION_LINGERS || limits->write_time == ASYNCIO_NONE)
            break;
        connection->state = CONNECTION_WRITE;
        connection->unsent = SIZE_MAX;
        /* A write that does not wait needs no clock: the first look begins the time. */
        connection->deadline = connection->server->next_check;
        if (connection->deadline == __builtin_inf())
            aiohttp__connection_deadline(connection, CONNECTION_WRITE, limits->write_time);
        break;
    }
}

#define TOO_LATE "408: Request Timeout"

static void refuse(struct connection *connection, bool with_body)
{
    static const char text[] = "HTTP/1.1 408 Request Timeout\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Length: 20\r\n"
                               "Connection: close\r\n"
                               "\r\n"
                               TOO_LATE;
    size_t size = sizeof text - 1 - (with_body ? 0 : sizeof TOO_LATE - 1);
    /* Whether it arrives is all the same. */
    int r = asyncio_stream_write_nowait(connection->stream, text, size);
    (void)r;
    connection->work->http.exchange.status = 408;
    asyncio_stream_close(connection->stream);
}

/* Whether the peer has taken anything since the last look. A file goes piece by piece through what
 * is unsent, so that alone may be the same, or more, though many pieces have gone. */
static bool is_taking(struct connection *connection)
{
    size_t unsent = asyncio_stream_get_write_buffer_size(connection->stream);
    int64_t file_sent = connection->work ? connection->work->http.file_sent : 0;
    bool is_less = unsent < connection->unsent || file_sent != connection->file_sent;
    connection->unsent = unsent;
    connection->file_sent = file_sent;
    return is_less;
}

/* A peer that has not got all of its answer has the time of any write; behind it, as long as any
 * other lingers. */
static bool lingers_on(struct connection *connection, double now)
{
    double write_time = connection->server->limits.write_time;
    if (is_taking(connection))
        connection->taken = now;
    else if (!connection->unsent ||
             (write_time != ASYNCIO_NONE && now - connection->taken >= write_time))
        return false;
    connection->deadline = now + lingering_time(connection->server);
    return true;
}

/* A deadline has passed: it is moved, or the connection ends. */
static void expire(struct connection *connection, double now)
{
    switch (connection->state) {
    case CONNECTION_WRITE:
        if (is_taking(connection)) {
            connection->deadline = now + connection->server->limits.write_time;
            return;
        }
        asyncio_stream_abort(connection->stream);
        break;
    case CONNECTION_HEAD:
        refuse(connection, true);
        break;
    case CONNECTION_BODY:
        if (!connection->work->http.exchange.is_begun)
            refuse(connection, connection->work->http.exchange.head.method != METHOD_HEAD);
        else
            asyncio_stream_abort(connection->stream);
        break;
    case CONNECTION_LINGERS:
        if (lingers_on(connection, now))
            return;
        if (connection->unsent)
            asyncio_stream_abort(connection->stream);
        else /* and what the kernel has still to send arrives */
            asyncio_stream_close(connection->stream);
        break;
    default:
        asyncio_stream_close(connection->stream);
        break;
    }
    connection->deadline = __builtin_inf();
    connection->has_expired = true;
    connection->server->stats.timed_out += connection->state != CONNECTION_IDLE;
}

static void check(asyncio_loop *loop, void *data)
{
    struct server *server = data;
    double now = asyncio_loop_time(loop), next = __builtin_inf();
    asyncio_handle_unref(server->timer);
    server->timer = NULL;
    server->next_check = __builtin_inf();
    for (struct connection *at = server->first; at; at = at->after) {
        if (at->deadline <= now)
            expire(at, now);
        if (at->deadline < next)
            next = at->deadline;
    }
    if (next == __builtin_inf())
        return;
    next = next > now + REST ? no_later(server, next, now) : now + REST;
    /* Each that ends gives memory back. */
    for (struct connection *at = server->first; at && !arm(server, next); at = at->after)
        if (at->deadline != __builtin_inf())
            give_up(at);
}
