/* SPDX-License-Identifier: MIT */
/* A TCP proxy: for each connection one to the target, and a task for each direction. When a side
 * has said all it has to say, only that direction ends (half-close); the answer still comes.
 *
 *     ./proxy TARGET_HOST TARGET_PORT [PORT] */
#include <asyncio.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct target {
    const char *host;
    int port;
};

static int pump(asyncio_stream *from, asyncio_stream *to)
{
    char buffer[16384];
    int n;
    while ((n = asyncio_stream_read(from, buffer, sizeof buffer)) > 0)
        if ((n = asyncio_stream_write(to, buffer, n)) < 0)   /* so a slow side slows the other */
            break;
    return n < 0 ? n : asyncio_stream_write_eof(to);
}

static int proxy(asyncio_stream *client, void *data)
{
    const struct target *target = data;
    asyncio_stream *server;
    int r = asyncio_open_connection(target->host, target->port, &server);
    if (r < 0)
        return r;
    asyncio_task_group group;                                /* a direction that fails ends both */
    asyncio_task_group_enter(&group);
    r = asyncio_task_group_create_task(&group, asyncio_coro(pump, client, server), NULL,
                                       .name = "up");
    if (r >= 0)
        r = asyncio_task_group_create_task(&group, asyncio_coro(pump, server, client), NULL,
                                           .name = "down");
    r = asyncio_task_group_exit(&group, r);
    asyncio_stream_unref(server);
    return r == -ECONNRESET || r == -EPIPE ? 0 : r;          /* they hung up: nothing to report */
}

static int program(struct target *target, int port)
{
    asyncio_server *server;
    int r = asyncio_start_server(proxy, "127.0.0.1", port, &server, .data = target);
    if (r < 0)
        return r;
    printf("127.0.0.1:%d leads to %s:%d\n", asyncio_server_port(server), target->host,
           target->port);
    r = asyncio_sleep(INFINITY);     /* until Ctrl-C; the tasks that are left are cancelled then */
    asyncio_server_unref(server);
    return r;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s TARGET_HOST TARGET_PORT [PORT]\n", argv[0]);
        return 2;
    }
    struct target target = { argv[1], (int)strtol(argv[2], NULL, 10) };
    int port = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 8889;
    return asyncio_print_exception(asyncio_run(asyncio_coro(program, &target, port)));
}
