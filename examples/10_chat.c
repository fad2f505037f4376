/* SPDX-License-Identifier: MIT */
/* A chat server: what one says goes to all. Nobody waits for anybody: who does not read what was
 * sent to him is dropped once too much of it has piled up.
 *
 *     ./chat [PORT]                then, elsewhere, several times: telnet 127.0.0.1 8890 */
#include <asyncio.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { UNSENT_MAX = 64 * 1024 };     /* bytes for one client */

struct client {
    struct client *next;
    asyncio_stream *stream;
    char name[32];
};

static struct client *clients;       /* between two awaits only one task runs: no lock */

static void broadcast(const char *text, int length)
{
    for (struct client *client = clients; client; client = client->next) {
        if (asyncio_stream_is_closing(client->stream))
            continue;
        if (asyncio_stream_get_write_buffer_size(client->stream) > UNSENT_MAX) {
            printf("%s is too slow: dropped\n", client->name);
            asyncio_stream_abort(client->stream);    /* its task hears of it as -ECONNRESET */
        } else if (asyncio_stream_write_nowait(client->stream, text, length) < 0) {
            asyncio_stream_abort(client->stream);
        }
    }
}

static int chat(asyncio_stream *stream)
{
    struct client self = { .next = clients, .stream = stream };
    int r = asyncio_stream_peername(stream, self.name, sizeof self.name);
    if (r < 0)
        return 0;                                    /* it has gone already */
    clients = &self;
    char line[512], text[sizeof self.name + sizeof line + 8];
    broadcast(text, snprintf(text, sizeof text, "* %s joined\n", self.name));
    while ((r = asyncio_stream_readline(stream, line, sizeof line)) > 0)
        broadcast(text, snprintf(text, sizeof text, "%s: %s", self.name, line));
    struct client **link = &clients;
    while (*link != &self)
        link = &(*link)->next;
    *link = self.next;
    broadcast(text, snprintf(text, sizeof text, "* %s left\n", self.name));
    return r == -ECONNRESET ? 0 : r;
}

static int program(int port)
{
    asyncio_server *server;
    int r = asyncio_start_server(chat, "127.0.0.1", port, &server);
    if (r < 0)
        return r;
    printf("chat on 127.0.0.1:%d\n", asyncio_server_port(server));
    r = asyncio_sleep(INFINITY);     /* until Ctrl-C; who is still connected is cancelled then */
    asyncio_server_unref(server);
    return r;
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 8890;
    return asyncio_print_exception(asyncio_run(asyncio_coro(program, port)));
}
