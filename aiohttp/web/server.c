/* SPDX-License-Identifier: MIT */
/* aiohttp.web.Server: options, and the way from an exchange to a handler and back. */
#include "web/server.h"

#include "base/error.h"
#include "wire/write.h"

#include <aiohttp/web_exceptions.h>
#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>


int aiohttp__web_refuse_expectation(aiohttp_web_request *request)
{
    return request->exchange->head.flags & HEAD_EXPECT_OTHER ? -(AIOHTTP_HTTP + 417) : 0;
}

int aiohttp__web_answer_refused(aiohttp_web_request *request)
{
    char text[256];
    int status = request->exchange->refused;
    const char *why = request->exchange->head.why;
    snprintf(text, sizeof text, "%d: %s%s%s\n", status, aiohttp_web_http_reason(status),
             why ? "\n" : "", why ? why : "");
    return aiohttp_web_http_exception(request, status, .text = text);
}

static int finish(aiohttp_web_request *request, int r)
{
    struct web_match *match = request->match; /* an answer in need goes without */
    r = aiohttp__web_request_send(request, r);
    if (match)
        aiohttp__web_match_end(match);
    web_request_end(request);
    return r;
}

/* What is no request, for an application's middlewares. */
static int refuse(struct exchange *exchange, void *data)
{
    struct aiohttp_web_server *server = data;
    aiohttp_web_request *request = aiohttp__web_request_new(exchange, server->max_size);
    return request ? finish(request, aiohttp__web_application_refuse(request, server->data))
                   : -ENOMEM;
}

static int serve(struct exchange *exchange, void *data)
{
    struct aiohttp_web_server *server = data;
    aiohttp_web_request *request = aiohttp__web_request_new(exchange, server->max_size);
    if (!request)
        return -ENOMEM;
    int r = server->cancels ? aiohttp_web_request_set_handler_cancellation(request, 1) : 0;
    /* An application asks its route first. */
    if (r >= 0 && server->handler != aiohttp__web_application_handle)
        r = aiohttp__web_refuse_expectation(request);
    if (r >= 0)
        r = server->handler(request, server->data);
    return finish(request, r);
}

static void free_server(struct server *inner)
{
    struct aiohttp_web_server *server = (struct aiohttp_web_server *)inner;
    if (server->destroy)
        server->destroy(server->data);
    asyncio_mem_free(server);
}

static bool is_time(double seconds)
{
    return seconds == ASYNCIO_NONE || seconds >= 0;
}

static int check_limits(const aiohttp_limits *limits)
{
    if (!is_time(limits->head_time) || !is_time(limits->keep_alive_time) ||
        !is_time(limits->connection_time) || !is_time(limits->lingering_time) ||
        !is_time(limits->write_time) || !is_time(limits->body_grace) ||
        !is_time(limits->tls_time) || !is_time(limits->shutdown_time))
        return asyncio_raise(-EINVAL, "a time of the limits is negative or no number");
    if (limits->write_low_water > limits->write_high_water)
        return asyncio_raise(-EINVAL, "the low-water mark is above the high one");
    if (!limits->line || !limits->field || !limits->headers || !limits->head || !limits->body ||
        !limits->requests || !limits->connections || !limits->connections_per_address)
        return asyncio_raise(-EINVAL, "a limit is 0: nothing would be let in");
    return 0;
}

static const aiohttp_web_server_options usual = { .size = sizeof usual,
                                                  .keepalive_timeout =
                                                      AIOHTTP__DEFAULT_KEEPALIVE_TIMEOUT,
                                                  .tcp_keepalive = AIOHTTP__DEFAULT_TCP_KEEPALIVE };

/* The options that are not simply kept. */
static int set_up(struct aiohttp_web_server *server, const aiohttp_web_server_options *options)
{
    char name[64];
    aiohttp_limits limits = options->limits ? *options->limits : aiohttp_server_limits();
    int r = check_limits(&limits);
    if (r < 0)
        return r;
    if (isnan(options->keepalive_timeout))
        return asyncio_raise(-EINVAL, "keepalive_timeout is no number");
    const char *header = options->server_header;
    if (!header) {
        snprintf(name, sizeof name, "aiohttp/%s", aiohttp_version());
        header = name;
    }
    if (!aiohttp__is_value(span_of(header)) || strlen(header) > 100)
        return asyncio_raise(-EINVAL, "this is no Server header");
    aiohttp__server_init(&server->server, serve, server, &limits, *header ? header : NULL);
    if (options->keepalive_timeout >= 0 || options->keepalive_timeout == ASYNCIO_NONE)
        server->server.keep_alive_time = options->keepalive_timeout;
    return options->access_log
               ? aiohttp__access_log_new(options->access_log_format
                                             ? options->access_log_format
                                             : AIOHTTP__DEFAULT_ACCESS_LOG_FORMAT,
                                         options->access_log, options->access_log_data,
                                         &server->server.log)
               : 0;
}

int(aiohttp_web_server_new)(aiohttp_web_handler *handler, aiohttp_web_server **ret_server,
                            const aiohttp_web_server_options *options)
{
    aiohttp__errors_add();
    if (!options)
        options = &usual;
    if (!handler)
        return asyncio_raise(-EINVAL, "a server needs a handler");
    struct aiohttp_web_server *server = asyncio_mem_calloc(1, sizeof *server);
    if (!server)
        return -ENOMEM;
    int r = set_up(server, options);
    if (r < 0) {
        asyncio_mem_free(server);
        return r;
    }
    server->server.free = free_server;
    if (handler == aiohttp__web_application_handle)
        server->server.refuse = refuse;
    server->handler = handler;
    server->data = options->data;
    server->destroy = options->destroy;
    server->max_size = server->server.limits.body;
    server->stack_size = options->stack_size;
    server->cancels = options->handler_cancellation;
    server->keeps_alive = options->tcp_keepalive;
    *ret_server = server;
    return 0;
}

int aiohttp_web_server_handle(aiohttp_web_server *server, asyncio_stream *stream)
{
    return aiohttp__server_handle(&server->server, stream);
}

void aiohttp_web_server_get_stats(const aiohttp_web_server *server,
                                  aiohttp_web_server_stats *ret_stats)
{
    const struct server_stats *stats = &server->server.stats;
    *ret_stats = (aiohttp_web_server_stats){ .size = sizeof *ret_stats,
                                             .connections = stats->connections,
                                             .active = stats->active,
                                             .requests_count = stats->requests,
                                             .refused = stats->refused,
                                             .timed_out = stats->timed_out };
}

void aiohttp_web_server_pre_shutdown(aiohttp_web_server *server)
{
    aiohttp__server_pre_shutdown(&server->server);
}

int aiohttp_web_server_shutdown_at(aiohttp_web_server *server, double deadline)
{
    return isnan(deadline) ? -EINVAL : aiohttp__server_shutdown_at(&server->server, deadline);
}

int aiohttp_web_server_shutdown(aiohttp_web_server *server, double timeout)
{
    return aiohttp_web_server_shutdown_at(server, asyncio_loop_time(asyncio_get_running_loop()) +
                                                      timeout);
}

aiohttp_web_server *aiohttp_web_server_ref(aiohttp_web_server *server)
{
    if (server)
        server->server.refs++;
    return server;
}

void aiohttp_web_server_unref(aiohttp_web_server *server)
{
    aiohttp__server_unref(server ? &server->server : NULL);
}
