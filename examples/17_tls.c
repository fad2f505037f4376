/* SPDX-License-Identifier: MIT */
/* TLS: an echo server, and a client that knows whom it talks to.
 *
 *     openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext \
 *         subjectAltName=DNS:localhost -keyout key.pem -out cert.pem
 *     ./tls server cert.pem key.pem [PORT]
 *     ./tls client localhost PORT [cert.pem]     (whom to trust; else those that the system
 * does) */
#include <asyncio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int echo(asyncio_stream *stream)        /* called when the handshake is done */
{
    char line[256];
    int n;
    while ((n = asyncio_stream_readline(stream, line, sizeof line)) > 0)
        if ((n = asyncio_stream_write(stream, line, n)) < 0)
            break;
    return n;
}

static int server(const char *certificate, const char *key, int port)
{
    asyncio_ssl_context *context;
    int r = asyncio_ssl_create_default_context(ASYNCIO_SSL_CLIENT_AUTH, &context);
    if (r < 0)
        return r;
    asyncio_server *server = NULL;
    r = asyncio_ssl_context_load_cert_chain(context, certificate, key, NULL);
    if (r >= 0)
        r = asyncio_start_server(echo, "127.0.0.1", port, &server, .ssl = context);
    asyncio_ssl_context_unref(context);        /* the server holds its own reference */
    if (r < 0)
        return r;
    printf("listening on 127.0.0.1:%d\n", asyncio_server_port(server));
    r = asyncio_server_serve_forever(server);
    asyncio_server_unref(server);
    return r;
}

static int talk(asyncio_stream *stream)
{
    char version[16] = "", subject[256] = "", line[256];
    asyncio_stream_get_extra_info(stream, "version", version, sizeof version);
    asyncio_stream_get_extra_info(stream, "peercert.subject", subject, sizeof subject);
    printf("%s with %s\n", version, subject);

    int r = asyncio_stream_write(stream, "nobody else reads this\n", 23);
    if (r >= 0)
        r = asyncio_stream_readline(stream, line, sizeof line);
    if (r < 0)
        return r;
    printf("%s", line);
    asyncio_stream_close(stream);
    return asyncio_stream_wait_closed(stream); /* the goodbyes of TLS, ours and theirs */
}

static int client(const char *host, int port, const char *trusted)
{
    asyncio_ssl_context *context;
    int r = asyncio_ssl_create_default_context(ASYNCIO_SSL_SERVER_AUTH, &context,
                                               .cafile = trusted);
    if (r < 0)
        return r;
    asyncio_stream *stream;
    r = asyncio_open_connection(host, port, &stream, .ssl = context);
    asyncio_ssl_context_unref(context);
    if (r < 0)
        return r;
    r = talk(stream);
    asyncio_stream_unref(stream);
    return r;
}

int main(int argc, char **argv)
{
    int r;
    if (argc > 3 && strcmp(argv[1], "server") == 0) {
        int port = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 8443;
        r = asyncio_run(asyncio_coro(server, argv[2], argv[3], port));
    } else if (argc > 3 && strcmp(argv[1], "client") == 0) {
        int port = (int)strtol(argv[3], NULL, 10);
        r = asyncio_run(asyncio_coro(client, argv[2], port, argc > 4 ? argv[4] : NULL));
    } else {
        fprintf(stderr, "tls server CERTIFICATE KEY [PORT], or tls client HOST PORT [TRUSTED]\n");
        return 2;
    }
    return asyncio_print_exception(r);
}
