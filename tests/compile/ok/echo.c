/* SPDX-License-Identifier: MIT */
/* An echo server, and what else is written with streams: a size is often an int that was
 * returned. */
#include <asyncio.h>

/* one task for each connection; closed when this returns */
static int echo(asyncio_stream *stream)
{
    char line[256];
    int n;
    while ((n = asyncio_stream_readline(stream, line, sizeof line)) > 0)
        if ((n = asyncio_stream_write(stream, line, n)) < 0) /* waits while the peer is slow */
            break;
    return n;
}

static int program(void)
{
    asyncio_server *server;
    int r = asyncio_start_server(echo, "127.0.0.1", 8888, &server, .backlog = 1024);
    return r < 0 ? r : asyncio_server_serve_forever(server);
}

static int counted(asyncio_stream *stream, void *data)
{
    unsigned *count = data;
    ++*count;
    char head[4];
    long wanted = 4;
    size_t got;
    int r = asyncio_stream_readexactly(stream, head, wanted, &got);
    if (r < 0)
        return r;
    const char *view;
    r = asyncio_stream_readuntil_view(stream, "\r\n", 2, &view);
    if (r > 0)
        r = asyncio_stream_write_nowait(stream, view, r);
    if (r == 0 && (r = asyncio_stream_fill(stream, 1)) > 0)
        asyncio_stream_consume(stream, r);
    if (r >= 0)
        r = asyncio_stream_read(stream, head, wanted);
    if (r > 0) {
        struct iovec pieces[2] = { { head, (size_t)r }, { head, 1 } };
        r = asyncio_stream_writelines(stream, pieces, 2);
    }
    return r < 0 ? r : asyncio_stream_write(stream, "done\n", sizeof "done\n" - 1);
}

struct place {
    long row, column;
};

/* Arguments with commas of their own, and sizes of every integer type. */
static int literals(asyncio_stream *stream, char *text, short size)
{
    const unsigned char few = 2;
    unsigned long long many = 3;
    int r = asyncio_stream_writelines(stream, &(struct iovec){ text, 4 }, 1);
    if (r >= 0)
        r = asyncio_stream_writelines(stream, (struct iovec[]){ { text, 1 }, { text, 2 } }, 2);
    if (r >= 0)
        r = asyncio_stream_write(stream, &(struct place){ 1, 2 }, sizeof(struct place));
    if (r >= 0)
        r = asyncio_stream_write(stream, (char[]){ 'a', 'b' }, few);
    if (r >= 0)
        r = asyncio_stream_write_nowait(stream, (char[]){ 'a', 'b', 'c' }, many);
    if (r >= 0)
        r = asyncio_stream_read(stream, (char[]){ 0, 0 }, 2);
    if (r >= 0)
        r = asyncio_stream_readexactly(stream, text, size, &(size_t){ 0 });
    if (r >= 0)
        r = asyncio_stream_fill(stream, (struct place){ 1, 2 }.column);
    if (r >= 0)
        asyncio_stream_consume(stream, (struct place){ 1, 2 }.column);
    asyncio_server *server = NULL;
    return r < 0 ? r : asyncio_start_server(counted, NULL, 0, &server,
                                            .data = &(struct place){ 1, 2 });
}

static int client(const char *host, int port)
{
    unsigned count = 0;
    asyncio_stream *stream;
    asyncio_server *server;
    int r = asyncio_open_connection(host, port, &stream);
    if (r < 0)
        return r;
    asyncio_stream_unref(stream);
    r = asyncio_open_connection(host, port, &stream, .limit = 1 << 20,
                                .local_addr = { "127.0.0.2", 0 }, .family = AF_INET);
    if (r < 0)
        return r;
    char text[4] = "abc";
    r = literals(stream, text, sizeof text);
    asyncio_stream_unref(stream);
    if (r < 0)
        return r;
    asyncio_client_connected *handler = counted;
    r = asyncio_start_server(handler, NULL, 0, &server);
    if (r >= 0)
        r = asyncio_start_server(counted, NULL, 0, &server, .data = &count, .destroy = NULL,
                                 .stack_size = 1 << 16, .max_connections = 10,
                                 .max_connections_per_address = 2, .reuse_port = 1,
                                 .reuse_address = 0, .limit = 100, .family = AF_UNSPEC);
    asyncio_server_unref(server);
    return r;
}

int main(void)
{
    int r = asyncio_run(asyncio_coro(client, "127.0.0.1", 8888));
    return r < 0 ? asyncio_print_exception(r)
                 : asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
