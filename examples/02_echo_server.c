/* SPDX-License-Identifier: MIT */
/* An echo server: each connection is a task of its own, written as if it were the only one.
 *
 *     ./echo_server [PORT]         then, elsewhere: telnet 127.0.0.1 8888
 *
 * Ctrl-C stops listening and waits for the connections that are open; a second Ctrl-C does not
 * wait. */
#include <asyncio.h>
#include <stdio.h>
#include <stdlib.h>

static int echo(asyncio_stream *stream)        /* one task for each; closed when this returns */
{
    char line[256];
    int n;
    while ((n = asyncio_stream_readline(stream, line, sizeof line)) > 0)
        if ((n = asyncio_stream_write(stream, line, n)) < 0)   /* waits while the peer is slow */
            break;
    return n;
}

static int program(int port)
{
    asyncio_server *server;
    int r = asyncio_start_server(echo, "127.0.0.1", port, &server, .backlog = 1024);
    if (r < 0)
        return r;
    printf("listening on 127.0.0.1:%d\n", asyncio_server_port(server));
    r = asyncio_server_serve_forever(server);
    asyncio_server_unref(server);              /* what a call "returns new" is given back */
    return r;
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 8888;
    return asyncio_print_exception(asyncio_run(asyncio_coro(program, port)));
}
