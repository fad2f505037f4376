/* SPDX-License-Identifier: MIT */
/* The low-level server: aiohttp.web.Server. One handler for all requests, no application.
 *
 * MODEL      A handler answers one request: it sets the answer and returns 0, or returns an error
 *            (web_response.h says what becomes of each). Each connection is a task that runs the
 *            handler for one request after the other; requests that were sent ahead are answered in
 *            their order.
 * DEADLINES  All in limits.h: the head of a request has `head_time` from its first byte on; an idle
 *            connection `keep_alive_time`; a body moves at `body_rate` at least, after
 *            `body_grace`; a peer that takes nothing of an answer has `write_time`. They are looked
 *            at a few times a second.
 * BAD INPUT  What is no HTTP is answered by the library (400, 408, 413, 414, 431, 501, 505) and the
 *            connection closed; the handler does not see it (an application's middlewares do).
 * OWNERSHIP  Counted: new, ref, unref. Connections hold a reference.
 * THREADS    The loop it is first used in.
 * SOURCE     aiohttp's web_server.py, web_protocol.py. */
#pragma once

#include <aiohttp/limits.h>
#include <aiohttp/web_request.h>

ASYNCIO__BEGIN

/* Answers a request. */
typedef int aiohttp_web_handler(aiohttp_web_request *request, void *data);

typedef struct aiohttp_web_server aiohttp_web_server;

/* One line of the access log. Lent texts, valid during the call, which does not suspend. */
typedef void aiohttp_web_access_logger(const char *line, size_t size, void *data);

#define AIOHTTP__DEFAULT_KEEPALIVE_TIMEOUT (-1.0)
#define AIOHTTP__DEFAULT_TCP_KEEPALIVE 1
#define AIOHTTP__DEFAULT_ACCESS_LOG_FORMAT                                                         \
    "%a %t \"%r\" %s %b \"%{Referer}i\" \"%{User-Agent}i\""

typedef struct aiohttp_web_server_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_server_options));
    /* seconds; below 0: `keep_alive_time` of the limits */
    double keepalive_timeout ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_KEEPALIVE_TIMEOUT);
    int tcp_keepalive ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_TCP_KEEPALIVE);
    /* handlers are cancelled when their peer goes: see
     * aiohttp_web_request_set_handler_cancellation */
    int handler_cancellation ASYNCIO__0;
    const aiohttp_limits *limits ASYNCIO__0;        /* copied; NULL: the defaults */
    /* called for each answer, also those to what is no request ("UNKNOWN / HTTP/1.1"); NULL: no
     * access log, and no time spent on it */
    aiohttp_web_access_logger *access_log ASYNCIO__0;
    void *access_log_data ASYNCIO__0;
    const char *access_log_format ASYNCIO__0;       /* copied; NULL: the usual one */
    const char *server_header ASYNCIO__0;           /* copied; NULL: "aiohttp/VERSION"; "": none */
    size_t stack_size ASYNCIO__0;                   /* of the connections' tasks */
    void *data ASYNCIO__0;                          /* the handler's second argument */
    void (*destroy)(void *data) ASYNCIO__0;         /* called once, with the server */
} aiohttp_web_server_options;

/* Options with their defaults, for a runner's or run_app's `.server`:
 * `aiohttp_web_server_options server = AIOHTTP_WEB_SERVER(.access_log = log_line);` */
#define AIOHTTP_WEB_SERVER(...)                                                                    \
    ASYNCIO__OPTIONS(aiohttp_web_server_options, (AIOHTTP__SERVER_DEFAULTS, ), __VA_ARGS__)

/* Makes a server of `handler(request, data)`, which may leave out `data`. ret_server returns new.
 * -EINVAL for times that are NaN or negative, limits of 0 or a format that is none; -ENOMEM. Does
 * not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_server_new(aiohttp_web_handler *handler, aiohttp_web_server **ret_server,
                       const aiohttp_web_server_options *options);

/* Serves one connection until it ends, in the running task: what asyncio_start_server may be given
 * a function for. 0, -ECANCELED, -ENOMEM. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_server_handle(aiohttp_web_server *server,
                                                             asyncio_stream *stream);

/* What it has done so far. */
typedef struct aiohttp_web_server_stats {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_server_stats));
    size_t connections ASYNCIO__0;      /* open */
    size_t active ASYNCIO__0;           /* of them, with a request under way */
    uint64_t requests_count ASYNCIO__0; /* begun, Python's requests_count */
    uint64_t refused ASYNCIO__0;        /* bad input that the library has answered */
    uint64_t timed_out ASYNCIO__0;      /* connections that a deadline has ended */
} aiohttp_web_server_stats;

/* Does not suspend. */
AIOHTTP_API void aiohttp_web_server_get_stats(const aiohttp_web_server *server,
                                              aiohttp_web_server_stats *ret_stats);

/* Closes connections that are idle, now; others close after the answer under way. Does not
 * suspend. */
AIOHTTP_API void aiohttp_web_server_pre_shutdown(aiohttp_web_server *server);

/* As pre_shutdown; waits until `deadline` (asyncio_loop_time's seconds) for the requests under
 * way, then cancels their handlers, gives them a second (as much as is left of it) for their
 * cleanup and closes what is left. 0 when all ended by themselves, -ETIMEDOUT when not,
 * -ENOMEM: likewise, but at once, without memory to wait until `deadline`; -ECANCELED.
 * Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_server_shutdown_at(aiohttp_web_server *server,
                                                                  double deadline);

/* As shutdown_at, `timeout` seconds from now. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_server_shutdown(aiohttp_web_server *server,
                                                               double timeout);

/* One more reference; returns it. NULL allowed. Does not suspend. */
AIOHTTP_API aiohttp_web_server *aiohttp_web_server_ref(aiohttp_web_server *server);

/* Gives a reference back. NULL allowed. Does not suspend. */
AIOHTTP_API void aiohttp_web_server_unref(aiohttp_web_server *server);

ASYNCIO_MUST_CHECK static inline int
aiohttp__web_server_new_v(aiohttp_web_handler *handler, aiohttp_web_server **ret_server,
                          aiohttp_web_server_options options)
{
    return aiohttp_web_server_new(handler, ret_server, &options);
}

ASYNCIO__END

/* A handler with or without `data`, as the function that is called. */
#define AIOHTTP__HANDLER(fn)                                                                       \
    ASYNCIO__CALLBACK(aiohttp_web_handler, fn, int (*)(aiohttp_web_request *, void *),             \
                      int (*)(aiohttp_web_request *))

#define AIOHTTP__SERVER_DEFAULTS                                                                   \
    .keepalive_timeout = AIOHTTP__DEFAULT_KEEPALIVE_TIMEOUT,                                       \
    .tcp_keepalive = AIOHTTP__DEFAULT_TCP_KEEPALIVE
#define aiohttp_web_server_new(...) aiohttp__web_server_new_m(__VA_ARGS__, )
#define aiohttp__web_server_new_m(handler, ret_server, ...)                                        \
    aiohttp__web_server_new_v(AIOHTTP__HANDLER(handler), ret_server,                               \
                              ASYNCIO__OPTIONS(aiohttp_web_server_options,                         \
                                               (AIOHTTP__SERVER_DEFAULTS, ), __VA_ARGS__))
