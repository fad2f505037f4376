/* SPDX-License-Identifier: MIT */
/* Connections, servers and names with all their keyword arguments, and as coroutines. */
#define _POSIX_C_SOURCE 200809L /* struct addrinfo, under -std=c11 */
#include <asyncio.h>

static int handler(asyncio_stream *stream)
{
    const char *line;
    struct iovec ends[] = { { (char[]){ '\n' }, 1 }, { (char[]){ '\r' }, 1 } };
    int r = asyncio_stream_readuntil_all_view(stream, ends, 2, &line);
    return r < 0 ? r : asyncio_stream_write(stream, line, r);
}

static int connections(const char *host)
{
    asyncio_stream *stream;
    int r = asyncio_open_connection(host, 80, &stream, .family = AF_INET, .proto = 0, .flags = 0,
                                    .local_addr = { "127.0.0.1", 0 },
                                    .happy_eyeballs_delay = 0.25, .interleave = 1,
                                    .keep_alive = 1);
    if (r >= 0)
        r = asyncio_open_connection(NULL, 0, &stream, .sock = 7);
    if (r >= 0)
        r = asyncio_open_unix_connection("@name", &stream);
    if (r >= 0)
        r = asyncio_open_unix_connection(NULL, &stream, .limit = 100, .sock = 7);
    if (r >= 0)
        r = asyncio_connect_accepted_socket(7, &stream);
    if (r >= 0)
        r = asyncio_connect_accepted_socket(7, &stream, .limit = 100);
    return r < 0 ? r
                 : asyncio_await(asyncio_coro(asyncio_open_unix_connection, "x", &stream, NULL));
}

static int servers(void)
{
    static const char *const hosts[] = { "127.0.0.1", "::1", NULL };
    asyncio_server *server;
    int numbers[2];
    char name[100];
    int r = asyncio_start_server(handler, NULL, 80, &server, .reuse_port = 1, .keep_alive = 1,
                                 .start_serving = 0, .hosts = hosts);
    if (r >= 0)
        r = asyncio_start_server(handler, NULL, 0, &server, .listen_fds = "http");
    if (r >= 0)
        r = asyncio_start_unix_server(handler, "/run/x", &server);
    if (r >= 0)
        r = asyncio_start_unix_server(handler, NULL, &server, .sock = 7, .backlog = 5,
                                      .cleanup_socket = 0, .max_connections = 5);
    if (r >= 0)
        r = asyncio_server_start_serving(server);
    if (r >= 0)
        r = asyncio_server_sockets(server, numbers, 2);
    if (r >= 0)
        r = asyncio_server_sockname(server, 0, name, sizeof name);
    return r < 0 ? r : asyncio_server_shutdown(server, 10.0);
}

static int names(asyncio_loop *loop)
{
    struct addrinfo *infos;
    asyncio_nameinfo info;
    int r = asyncio_loop_getaddrinfo(loop, "localhost", "http", &infos, .family = AF_INET,
                                     .type = SOCK_STREAM);
    if (r >= 0)
        r = asyncio_loop_getaddrinfo(loop, "localhost", NULL, &infos);
    if (r >= 0)
        r = asyncio_loop_getnameinfo(loop, infos->ai_addr, infos->ai_addrlen, &info);
    if (r >= 0)
        r = asyncio_loop_getnameinfo(loop, infos->ai_addr, infos->ai_addrlen, &info,
                                     .flags = NI_NUMERICHOST);
    if (r >= 0)
        r = asyncio_loop_set_resolver(loop, .timeout = 5.0, .cache_size = 0);
    return r < 0 ? r : asyncio_loop_set_resolver(loop);
}

int main(void)
{
    int r = asyncio_run(asyncio_coro(connections, "localhost"));
    if (r >= 0)
        r = asyncio_run(asyncio_coro(servers));
    return r < 0 ? r : asyncio_run(asyncio_coro(names, asyncio_get_running_loop()));
}
