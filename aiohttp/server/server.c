/* SPDX-License-Identifier: MIT */
/* A server's life. */
#include "server/server.h"

#include <asyncio/alloc.h>
#include <stdio.h>

void aiohttp__server_init(struct server *server, serve_function *serve, void *data,
                          const aiohttp_limits *limits, const char *name)
{
    *server = (struct server){ .serve = serve,
                               .data = data,
                               .limits = *limits,
                               .keep_alive_time = limits->keep_alive_time,
                               .refs = 1,
                               .next_check = __builtin_inf() };
    int size = name ? snprintf(server->field, sizeof server->field, "Server: %s\r\n", name) : 0;
    server->field_size = size > 0 && (size_t)size < sizeof server->field ? (size_t)size : 0;
}

void aiohttp__server_unref(struct server *server)
{
    if (!server || --server->refs)
        return;
    aiohttp__server_stop_timer(server);
    while (server->pool) {
        struct work *work = server->pool;
        server->pool = work->next;
        asyncio_mem_free(work);
    }
    aiohttp__access_log_free(server->log);
    if (server->free)
        server->free(server);
}
