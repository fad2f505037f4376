/* SPDX-License-Identifier: MIT */
/* A query to PostgreSQL, spoken on its socket: protocol 3.0, for a server that trusts who connects.
 *
 *     ./postgres [PORT [USER [SQL]]] */
#include <asyncio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct message {
    size_t at, size;         /* at > size: more was taken than there is */
    char body[16384];        /* the last one is 0 */
};

static const char *take(struct message *message, size_t size)
{
    message->at += size;
    return message->at <= message->size ? message->body + message->at - size : "";
}

static const char *take_text(struct message *message)
{
    return take(message, strlen(take(message, 0)) + 1);
}

static unsigned take_number(struct message *message, int size)         /* the high byte first */
{
    unsigned number = 0;
    while (size-- > 0)
        number = number << 8 | (unsigned char)*take(message, 1);
    return number;
}

static int handle(char kind, struct message *message)
{
    if (kind == 'G' || (kind == 'R' && take_number(message, 4) != 0))
        return asyncio_raise(-EOPNOTSUPP, "it asks for %s", kind == 'G' ? "data" : "a password");
    if (kind == 'E') {                                  /* fields: a letter and a text each */
        while (message->at < message->size && *take(message, 1) != 'M')
            take_text(message);
        return asyncio_raise(-EREMOTEIO, "the server says: %s", take_text(message));
    }
    if (kind != 'D')                                    /* others: columns, settings, notices */
        return kind == 'C' ? printf("%s\n", take_text(message)) : 0;
    for (unsigned i = 0, n = take_number(message, 2); i < n && message->at <= message->size; i++) {
        unsigned size = take_number(message, 4);        /* -1: NULL */
        printf("%s%.*s", i ? " | " : "", (int)size, size == ~0u ? "NULL" : take(message, size));
    }
    puts("");
    return message->at == message->size ? 0 : asyncio_raise(-EPROTO, "a row ends elsewhere");
}

/* Sends a message; then handles what comes until the server is ready for another one. */
static int ask(asyncio_stream *stream, const char *kind, const char *body, size_t size)
{
    size_t n = size + 4;
    unsigned char length[] = { n >> 24 & 255, n >> 16 & 255, n >> 8 & 255, n & 255 };
    struct iovec all[] = { { (void *)kind, strlen(kind) }, { length, 4 }, { (void *)body, size } };
    int r = asyncio_stream_writelines(stream, all, 3);
    for (char state = 0; r >= 0 && state != 'Z';) {
        struct message message = { .size = 5 };
        if ((r = asyncio_stream_readexactly(stream, message.body, 5, NULL)) < 0)
            break;
        state = *take(&message, 1);
        message.size = take_number(&message, 4) - 4u;
        if (message.size >= sizeof message.body)
            return asyncio_raise(-EMSGSIZE, "a message of %zu bytes", message.size);
        message.at = 0;
        r = asyncio_stream_readexactly(stream, message.body, message.size, NULL);
        if (r >= 0)
            r = handle(state, &message);
    }
    return r;
}

static int program(int port, const char *user, const char *sql)
{
    asyncio_stream *stream;
    int r = asyncio_open_connection("127.0.0.1", port, &stream);
    if (r < 0)
        return r;
    char hello[128] = "\0\3\0\0user";                   /* the version, 3.0, and settings */
    int n = snprintf(hello + 9, 100, "%.63s%cdatabase%cpostgres%c", user, 0, 0, 0);
    r = ask(stream, "", hello, 9 + (size_t)n + 1);
    if (r >= 0)
        r = ask(stream, "Q", sql, strlen(sql) + 1);
    if (r >= 0)
        r = asyncio_stream_write(stream, "X\0\0\0\4", 5);  /* goodbye */
    asyncio_stream_unref(stream);
    return r;
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 5432;
    const char *user = argc > 2 ? argv[2] : "postgres";
    const char *sql = argc > 3 ? argv[3] : "SELECT version()";
    return asyncio_print_exception(asyncio_run(asyncio_coro(program, port, user, sql)));
}
