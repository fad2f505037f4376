/* SPDX-License-Identifier: MIT */
/* echo: a task for each connection, straight-line code. In two ways: read into a buffer of the
 * task's own, as every peer does it, and the stream's own buffer lent. */
#include "ours.h"

enum { BUFFER = 64 * 1024 };

/* How a connection ended: the load hangs up with messages in flight, and that is no error here. */
static int ended(int r)
{
    return r == -ECONNRESET || r == -EPIPE || r == -ASYNCIO_SSL_EOF ? 0 : r;
}

static int echo(asyncio_stream *stream)
{
    int n, r = 0;
    char *buffer = malloc(BUFFER);
    connections(1);
    while ((n = asyncio_stream_read(stream, buffer, BUFFER)) > 0)
        if ((r = asyncio_stream_write(stream, buffer, (size_t)n)) < 0)
            break;
    free(buffer);
    connections(-1);
    return ended(n < 0 ? n : r);
}

static int echo_view(asyncio_stream *stream)
{
    const char *data;
    int n, r = 0;
    connections(1);
    while ((n = asyncio_stream_fill(stream, 1)) > 0) {
        size_t size = asyncio_stream_peek(stream, &data);
        if ((r = asyncio_stream_write(stream, data, size)) < 0)
            break;
        asyncio_stream_consume(stream, size);
    }
    connections(-1);
    return ended(n < 0 ? n : r);
}

int serve_echo(asyncio_server *server)
{
    printf("port %d\n", asyncio_server_port(server));
    fflush(stdout);
    return asyncio_server_serve_forever(server);
}

int echo_server(void)
{
    asyncio_server *server;
    sure(asyncio_start_server(echo, "127.0.0.1", 0, &server, .backlog = 4096));
    return serve_echo(server);
}

/* The certificate lies where BENCH_TLS says. */
int tls_server(void)
{
    char certificate[512], key[512];
    asyncio_ssl_context *context;
    asyncio_server *server;
    snprintf(certificate, sizeof certificate, "%s/cert.pem", getenv("BENCH_TLS"));
    snprintf(key, sizeof key, "%s/key.pem", getenv("BENCH_TLS"));
    sure(asyncio_ssl_create_default_context(ASYNCIO_SSL_CLIENT_AUTH, &context));
    sure(asyncio_ssl_context_load_cert_chain(context, certificate, key, NULL));
    sure(asyncio_start_server(echo, "127.0.0.1", 0, &server, .backlog = 4096, .ssl = context));
    return serve_echo(server);
}

/* Its handler wants little, and a hundred thousand of them are to be idle. */
int echo_view_server(void)
{
    asyncio_server *server;
    sure(asyncio_start_server(echo_view, "127.0.0.1", 0, &server, .backlog = 4096,
                              .stack_size = 16 * 1024));
    return serve_echo(server);
}
