/* SPDX-License-Identifier: MIT */
/* A client of Redis that sends all its commands at once and then reads the replies, which come in
 * the same order (pipelining). They are looked at where they lie, in the stream's buffer.
 *
 *     ./redis [PORT [HOST]] */
#include <asyncio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const commands[][6] = {                           /* NULL ends each */
    { "SET", "pear", "green", "EX", "60" }, { "SET", "fig", "a\r\nb", "EX", "60" },
    { "GET", "pear" }, { "INCR", "pear" }, { "GET", "plum" }, { "GET", "fig" },
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int send_commands(asyncio_stream *redis)
{
    char text[COMMANDS * 256];
    size_t size = 0;
    for (int i = 0; i < COMMANDS; i++) {
        int words = 0;
        while (commands[i][words])
            words++;
        size += (size_t)snprintf(text + size, sizeof text - size, "*%d\r\n", words);
        for (int j = 0; j < words; j++)
            size += (size_t)snprintf(text + size, sizeof text - size, "$%zu\r\n%s\r\n",
                                     strlen(commands[i][j]), commands[i][j]);
    }
    return asyncio_stream_write(redis, text, size);
}

/* Prints one reply: a line that begins with its kind; if that is '$', so many bytes follow it. */
static int print_reply(asyncio_stream *redis, const char *command, const char *key)
{
    const char *text;
    int n = asyncio_stream_readuntil_view(redis, "\r\n", 2, &text);   /* counts as read */
    if (n < 0)
        return n;
    printf("%s %s: ", command, key);
    if (text[0] == '+' || text[0] == '-' || text[0] == ':')
        return printf("%s%.*s\n", text[0] == '-' ? "error: " : "", n - 3, text + 1);
    char *end, line[24] = "";                                         /* strtol wants a NUL */
    snprintf(line, sizeof line, "%.*s", n - 2, text);
    long size = strtol(line + 1, &end, 10);
    if (line[0] != '$' || line[1] <= ' ' || *end || size < -1 || size > 512 * 1024 * 1024)
        return asyncio_raise(-EPROTO, "that is no reply of Redis: %.*s", n - 2, text);
    if (size < 0)
        return puts("nothing");
    n = asyncio_stream_fill(redis, size + 2);                         /* until all of it is here */
    if (n >= 0 && n < size + 2)
        return asyncio_raise(-ASYNCIO_INCOMPLETE_READ, "%d of %ld bytes came", n, size + 2);
    if (n < 0)
        return n;
    asyncio_stream_peek(redis, &text);
    printf("%ld bytes, %.*s\n", size, (int)size, text);
    asyncio_stream_consume(redis, size + 2);
    return 0;
}

static int program(const char *host, int port)
{
    asyncio_stream *redis;
    int r = asyncio_open_connection(host, port, &redis);
    if (r < 0)
        return r;
    r = send_commands(redis);
    for (int i = 0; i < COMMANDS && r >= 0; i++)
        r = print_reply(redis, commands[i][0], commands[i][1]);
    asyncio_stream_unref(redis);
    return r;
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 6379;
    const char *host = argc > 2 ? argv[2] : "127.0.0.1";
    return asyncio_print_exception(asyncio_run(asyncio_coro(program, host, port)));
}
