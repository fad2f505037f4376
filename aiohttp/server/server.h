/* SPDX-License-Identifier: MIT */
/* A server, below what a handler sees of it: connections, their deadlines, their end.
 *
 * MODEL      Each connection is a task, which takes one request after the other out of its stream
 *            and has it served by `serve`, which sends the answer. A connection at work has a
 *            struct work, out of the server's pool; an idle one has only what is in struct
 *            connection.
 * DEADLINES  A connection has one, at most, and what it waits for. The server has one timer, at
 *            the earliest of them or before: setting a deadline that is not earlier costs a
 *            comparison. When it fires, it looks through all connections, and no more than ten
 *            times a second.
 * SHUTDOWN   `is_closing`: no further request is taken. Idle connections are closed, the others
 *            end after the answer under way.
 * LIFE       `refs` are the user's and one of each connection. */
#pragma once

#include "conn/http1.h"

#include <asyncio/loop.h>
#include <asyncio/task.h>

struct server;
struct connection;

/* Serves one request: sends an answer, whatever happened. 0, or an error that ends the
 * connection. */
typedef int serve_function(struct exchange *exchange, void *data);

struct server_stats {
    size_t connections, active;
    uint64_t requests, refused, timed_out;
};

/* In the frame of who waits. */
struct server_waiter {
    struct server_waiter *next;
    asyncio_future *gone;
};

struct server {
    serve_function *serve;
    serve_function *refuse;          /* answers what is no request; NULL: connection.c does */
    void *data;
    void (*free)(struct server *server);
    aiohttp_limits limits;
    double keep_alive_time;
    uint32_t refs;
    bool is_closing;
    bool is_ending;                  /* what goes on for ever has been told to end */
    struct connection *first, *last;
    struct work *pool;
    unsigned pooled;
    struct server_stats stats;
    asyncio_loop *loop;              /* of the connections; borrowed while there are some */
    asyncio_handle *timer;
    double next_check;               /* when it fires; INFINITY: never */
    struct server_waiter *waiters;   /* for the last connection to go */
    struct date_line date;
    struct plain_head plain;
    char field[128];                 /* "Server: ...\r\n" */
    size_t field_size;
    struct access_log *log;          /* NULL: none */
};

/* What a connection at work needs. */
struct work {
    struct work *next;
    struct http1 http;
    char kept[HTTP1_KEPT]; /* http1.h: AGAIN */
};

enum connection_state {
    CONNECTION_WORKS,   /* nothing is waited for, or the handler waits */
    CONNECTION_IDLE,
    CONNECTION_HEAD,
    CONNECTION_BODY,
    CONNECTION_WRITE,
    CONNECTION_LINGERS,
};

struct connection {
    struct connection *before, *after;
    struct server *server;
    asyncio_stream *stream;
    asyncio_task *task;
    struct work *work;          /* NULL while it is idle */
    asyncio_task *watcher;
    uint8_t state;              /* enum connection_state */
    bool has_expired;
    bool is_peer_gone;          /* and the handler was cancelled for it */
    bool is_serving;
    bool ends_with_server;      /* the request under way does */
    size_t requests;
    double deadline;            /* INFINITY: none */
    double ends;                /* no request is begun after it; INFINITY: never */
    double head_deadline;
    bool awaits_body;           /* also while it writes */
    double body_deadline, body_since, body_waited;
    size_t unsent;              /* when the deadline was set */
    int64_t file_sent;          /* likewise */
    double taken;               /* when the peer took some of it, while it lingers */
};

/* Makes *server ready, with one reference; `name` is the value of its Server field (NULL: none). */
void aiohttp__server_init(struct server *server, serve_function *serve, void *data,
                          const aiohttp_limits *limits, const char *name);
void aiohttp__server_unref(struct server *server);

/* connection.c: serves a connection to its end, in the running task. 0, -ECANCELED, -ENOMEM.
 * Suspends. */
int aiohttp__server_handle(struct server *server, asyncio_stream *stream);

/* The connection of an exchange. */
struct connection *aiohttp__connection_of(struct exchange *exchange);

/* deadline.c */
void aiohttp__connection_deadline(struct connection *connection, enum connection_state state,
                                  double seconds);
/* As aiohttp__connection_deadline, for lingering: its time begins when all of the answer was
 * taken. */
void aiohttp__connection_linger(struct connection *connection);
void aiohttp__connection_wait(struct http1 *http, enum http1_wait what);
void aiohttp__server_stop_timer(struct server *server);

static inline void connection_goes_on(struct connection *connection)
{
    connection->state = CONNECTION_WORKS;
    connection->deadline = __builtin_inf();
}

/* watch.c: cancels the task when the peer goes, while a handler runs. */
int aiohttp__connection_watch(struct http1 *http, bool is_on);
/* Ends the watch; -ECANCELED when the task was cancelled by somebody else meanwhile. Suspends. */
int aiohttp__connection_unwatch(struct connection *connection);

/* shutdown.c: see exchange.h's end_with_server. */
void aiohttp__connection_end_with_server(struct http1 *http);

/* See <aiohttp/web_server.h>. */
void aiohttp__server_pre_shutdown(struct server *server);
int aiohttp__server_shutdown_at(struct server *server, double deadline);
/* Each answer is its connection's last from now on; idle connections stay. */
void aiohttp__server_drain(struct server *server);
/* Ends all connections at once. */
void aiohttp__server_abort(struct server *server);
/* The last connection has gone. */
void aiohttp__server_is_empty(struct server *server);

/* access_log.c */
typedef void access_logger(const char *line, size_t size, void *data);
int aiohttp__access_log_new(const char *format, access_logger *logger, void *data,
                            struct access_log **ret_log);
void aiohttp__access_log_free(struct access_log *log);
void aiohttp__access_log_write(struct access_log *log, struct exchange *exchange, int status,
                               double seconds);
