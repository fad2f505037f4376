/* SPDX-License-Identifier: MIT */
/* TLS on a stream: from its first byte, or from some point on. The TLS transport is put on top of
 * the one that the stream has, as often as one likes, and lives as long as the stream.
 *
 * A handshake that fails or is cancelled leaves nothing to talk over: the stream is closed. While
 * it is under way the waiting frame holds a reference, off its task: also where the loop closes
 * and the task never goes on. */
#include "net/start_tls.h"
#include "net/address.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void drop(struct held *held)
{
    asyncio_stream_unref(container_of(held, struct held_stream, held)->stream);
}

void asyncio__hold_stream(struct held_stream *held, asyncio_stream *stream)
{
    held->stream = stream;
    task_hold(task_current(), &held->held, drop);
}

static void on_open(struct tls *tls, int result)
{
    tls->opened = result;
    asyncio__waiters_wake(&tls->waiters, result);
}

/* Seconds of Python's kind: None is the default. */
static int limit_of(const char *name, double seconds, double unless_given, int64_t *ret_ns)
{
    if (seconds == ASYNCIO_NONE)
        seconds = unless_given;
    if (!(seconds > 0))
        return asyncio_raise(-EINVAL, "%s should be a positive number, got %g", name, seconds);
    *ret_ns = seconds < 9e9 ? (int64_t)(seconds * 1e9) : INT64_MAX;
    return 0;
}

int asyncio__secure_options(const struct secure *secure, struct tls_options *options)
{
    *options = (struct tls_options){ .context = secure->context,
                                     .server_hostname = secure->server_hostname,
                                     .is_server = secure->is_server };
    int r = limit_of("ssl_handshake_timeout", secure->handshake_timeout,
                     ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT, &options->handshake_ns);
    return r < 0 ? r : limit_of("ssl_shutdown_timeout", secure->shutdown_timeout,
                                ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT, &options->shutdown_ns);
}

int asyncio__secure_check(const struct secure *secure)
{
    struct tls_options options;
    int r = asyncio__secure_options(secure, &options);
    return r < 0 ? r : asyncio__tls_check(secure->context, secure->is_server,
                                          secure->server_hostname);
}

int asyncio__secure_check_for(struct secure *secure, const char *host, bool needs_name)
{
    if (!secure->context)
        return secure->server_hostname
                   ? asyncio_raise(-EINVAL, "server_hostname is only meaningful with ssl")
                   : 0;
    if (!secure->server_hostname)
        secure->server_hostname = host;
    if (!secure->server_hostname && needs_name)
        return asyncio_raise(-EINVAL,
                             "You must set server_hostname when using ssl without a host");
    return asyncio__secure_check(secure);
}

int asyncio__raise_reason(const struct transport *transport, int error)
{
    const char *text = error < 0 && error != -ECANCELED && transport->type->reason
                           ? transport->type->reason(transport, error)
                           : NULL;
    return text ? asyncio_raise(error, "%s", text) : error;
}

static int shake_hands(asyncio_stream *stream, struct tls *tls)
{
    asyncio_task *task = task_current();
    struct held_stream held;
    asyncio__hold_stream(&held, asyncio_stream_ref(stream));
    tls->opened = OP_PENDING;
    asyncio__tls_start(tls);
    int r = tls->opened;
    if (r == OP_PENDING)
        r = asyncio__waiters_wait(&tls->waiters, task);
    asyncio__let_stream_go(&held);
    if (r < 0) {
        r = asyncio__raise_reason(&tls->base, r);
        if (r == -ECANCELED)
            asyncio_stream_abort(stream);
        else
            asyncio_stream_close(stream); /* the alert still goes out */
    }
    asyncio_stream_unref(stream);
    return r;
}

int asyncio__stream_secure(asyncio_stream *stream, const struct secure *secure)
{
    struct tls_options options;
    struct tls *tls;
    int r = stream_may_read(stream);
    if (r >= 0)
        r = asyncio__secure_options(secure, &options);
    options.on_open = on_open;
    if (r >= 0)
        r = asyncio__tls_new(stream->tcp.net, stream->transport, &stream->in, &options, &tls);
    if (r < 0)
        return r;
    stream->transport = &tls->base;
    return shake_hands(stream, tls);
}

void asyncio__stream_free_tls(asyncio_stream *stream)
{
    struct tls *tls;
    while ((tls = asyncio__tls_of(stream->transport))) {
        stream->transport = tls->lower;
        asyncio__tls_free(tls);
    }
}

/* 0 when a handshake may begin: no other one is under way, and no file. */
static int may_begin(const asyncio_stream *stream)
{
    const struct tls *tls = asyncio__tls_of(stream->transport);
    if (stream->is_sending_file || (tls && tls->state == TLS_HANDSHAKE))
        return -EBUSY;
    return stream->has_sent_eof ? -EPIPE : 0;
}

int(asyncio_stream_start_tls)(asyncio_stream *stream, asyncio_ssl_context *context,
                              const asyncio_stream_start_tls_options *options)
{
    static const asyncio_stream_start_tls_options defaults = {
        .size = sizeof defaults,
        .server_side = ASYNCIO__DEFAULT_SERVER_SIDE,
        .ssl_handshake_timeout = ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT,
        .ssl_shutdown_timeout = ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT,
    };
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &defaults;
    if (!context)
        return asyncio_raise(-EINVAL, "sslcontext is expected to be an instance of ssl.SSLContext");
    int r = may_begin(stream);
    if (r >= 0)
        r = asyncio_stream_drain(stream);
    if (r >= 0)
        r = may_begin(stream); /* others had their turn */
    if (r < 0)
        return r;
    struct secure secure = { .context = context,
                             .server_hostname = options->server_hostname,
                             .is_server = options->server_side < 0 ? stream->is_accepted
                                                                   : options->server_side != 0,
                             .handshake_timeout = options->ssl_handshake_timeout,
                             .shutdown_timeout = options->ssl_shutdown_timeout };
    return asyncio__stream_secure(stream, &secure);
}

static int address_text(const struct transport *transport, bool of_peer, char *text, size_t size)
{
    struct address address;
    int r = transport->type->address(transport, of_peer, &address.name, &address.size);
    if (r >= 0)
        r = asyncio__address_format(&address, text, size);
    return r < 0 ? r : (int)strlen(text);
}

static int descriptor_of(const struct tcp *tcp, char *data, size_t size)
{
    int number = tcp->net->backend->type->descriptor(tcp->net->backend, tcp->in.socket);
    int length = number < 0 ? -ENOENT : snprintf(data, size, "%d", number);
    return length >= 0 && (size_t)length >= size ? -ENOSPC : length;
}

int asyncio__extra_info(const struct transport *transport, const struct tcp *tcp, const char *name,
                        char *data, size_t size)
{
    bool of_peer = strcmp(name, "peername") == 0;
    if (of_peer || strcmp(name, "sockname") == 0)
        return tcp ? address_text(transport, of_peer, data, size) : -ENOTCONN;
    if (strcmp(name, "socket") == 0)
        return tcp ? descriptor_of(tcp, data, size) : -ENOENT;
    return transport->type->info ? transport->type->info(transport, name, data, size) : -ENOENT;
}

int asyncio_stream_get_extra_info(const asyncio_stream *stream, const char *name, char *data,
                                  size_t size)
{
    return asyncio__extra_info(stream->transport, stream->is_open ? &stream->tcp : NULL, name, data,
                               size);
}
