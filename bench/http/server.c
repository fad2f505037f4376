/* SPDX-License-Identifier: MIT */
/* libaiohttp's servers of the http_ works: one handler without a router for what is plain, an
 * application of twenty routes for JSON and for files, and a WebSocket that echoes. Prints "port
 * N" and serves until it is killed; with BENCH_ONCE in the environment until its last connection
 * has ended.
 *
 *     http http_plain | http_pipelined | http_idle... | http_json | http_static... 0
 *     http ws */
#include <aiohttp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int plain(aiohttp_web_request *request)
{
    return aiohttp_web_respond(request, "Hello, World!");
}

static int user(aiohttp_web_request *request)
{
    const char *id = aiohttp_web_request_match_info(request, "id");
    return aiohttp_web_respond_json_pack(request, "{si ss sb s[sss]}", "id", atoi(id), "name",
                                         "Ada Lovelace", "active", 1, "roles", "admin", "author",
                                         "reader");
}

static int echo(aiohttp_web_request *request)
{
    aiohttp_websocket *ws;
    aiohttp_ws_message message;
    int r = aiohttp_web_websocket_prepare(request, &ws);
    while (r >= 0 && (r = aiohttp_websocket_receive(ws, &message)) > 0)
        r = aiohttp_websocket_send_frame(ws, message.data, message.size, message.type);
    return r;
}

static const char *const tables[] = { "users",    "posts",  "comments", "albums", "photos",
                                      "todos",    "tags",   "teams",    "orders", "invoices" };

/* Of each table a list and an item: twenty routes. */
static aiohttp_web_application *new_api(void)
{
    char path[64];
    aiohttp_web_application *app = aiohttp_web_application_new();
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        snprintf(path, sizeof path, "/api/%s", tables[i]);
        aiohttp_web_application_add_get(app, path, plain);
        snprintf(path, sizeof path, "/api/%s/{id}", tables[i]);
        aiohttp_web_application_add_get(app, path, user);
    }
    return app;
}

static aiohttp_web_application *new_files(void)
{
    const char *folder = getenv("BENCH_WWW");
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application_add_static(app, "/static/", folder ? folder : ".");
    return app;
}

static int serve(const char *work)
{
    aiohttp_limits limits = aiohttp_server_limits();
    limits.requests = AIOHTTP_UNLIMITED;
    limits.connections = AIOHTTP_UNLIMITED;
    limits.connection_time = ASYNCIO_NONE;
    aiohttp_web_server_options options = { .size = sizeof options,
                                           .limits = &limits,
                                           .keepalive_timeout = -1,
                                           .tcp_keepalive = 1 };
    aiohttp_web_server *server = NULL;
    aiohttp_web_runner *runner = NULL;
    aiohttp_web_application *app = NULL;
    aiohttp_web_site *site;
    int r;
    if (strcmp(work, "http_json") == 0)
        app = new_api();
    else if (strncmp(work, "http_static", 11) == 0)
        app = new_files();
    if (app)
        r = aiohttp_web_app_runner_new(app, &runner, .server = &options);
    else if ((r = aiohttp_web_server_new(strcmp(work, "ws") == 0 ? echo : plain, &server,
                                         .limits = &limits)) >= 0)
        r = aiohttp_web_server_runner_new(server, &runner);
    if (r >= 0)
        r = aiohttp_web_runner_setup(runner);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(runner, "127.0.0.1", 0, &site);
    if (r >= 0)
        r = aiohttp_web_site_start(site);
    if (r < 0)
        return r;
    printf("port %d\n", aiohttp_web_site_port(site));
    fflush(stdout);
    aiohttp_web_server_stats stats = { .connections = 0 };
    bool has_begun = false;
    while (r >= 0 && (!has_begun || stats.connections || !getenv("BENCH_ONCE"))) {
        r = asyncio_sleep(getenv("BENCH_ONCE") ? 0.1 : 3600);
        aiohttp_web_server_get_stats(aiohttp_web_runner_server(runner), &stats);
        has_begun |= stats.requests_count > 0;
    }
    return r;
}

int main(int count, char **arguments)
{
    if (count < 2)
        return 2;
    return asyncio_print_exception(asyncio_run(asyncio_coro(serve, arguments[1])));
}
