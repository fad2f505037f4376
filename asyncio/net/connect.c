/* SPDX-License-Identifier: MIT */
/* asyncio_open_connection and its like: a connected socket, however it is got (dial.h), becomes a
 * stream, and TLS if that is wanted. */
#include "net/dial.h"
#include "net/start_tls.h"
#include "net/stream.h"

#include <asyncio/connect.h>

/* What is the same for all of them. */
struct opening {
    struct net *net;
    size_t limit;
    struct secure secure;            /* with a context when TLS is wanted */
    asyncio_stream *stream;
};

static int begin(struct opening *opening, const char *host, bool needs_name)
{
    int r = asyncio__net_of_task(&opening->net);
    if (r < 0)
        return r;
    if (opening->limit == 0)
        return asyncio_raise(-EINVAL, "Limit cannot be <= 0");
    return asyncio__secure_check_for(&opening->secure, host, needs_name);
}

/* Takes the socket. */
static int make_stream(struct opening *opening, sock socket)
{
    struct net *net = opening->net;
    opening->stream = asyncio__stream_new(net, socket, opening->limit, NULL, &net->streams);
    if (opening->stream)
        return 0;
    (void)net->backend->type->close(net->backend, socket);
    return -ENOMEM;
}

/* As make_stream, but on failure the descriptor is the caller's. */
static int adopt_stream(struct opening *opening, int descriptor, enum adopt wanted)
{
    struct net *net = opening->net;
    sock socket;
    int r = asyncio__adopt_connected(net, descriptor, wanted, &socket);
    if (r < 0)
        return r;
    opening->stream = asyncio__stream_new(net, socket, opening->limit, NULL, &net->streams);
    if (opening->stream)
        return 0;
    (void)net->backend->type->detach(net->backend, socket, &descriptor);
    return -ENOMEM;
}

/* The handshake of a connection that is to be TLS. */
static int finish(struct opening *opening, int result, asyncio_stream **ret_stream)
{
    if (result >= 0 && opening->secure.context) {
        struct held_stream held;
        asyncio__hold_stream(&held, opening->stream);
        result = asyncio__stream_secure(opening->stream, &opening->secure);
        asyncio__let_stream_go(&held);
        if (result < 0)
            asyncio_stream_unref(opening->stream);
    }
    if (result >= 0)
        *ret_stream = opening->stream;
    return result;
}

static int dial(struct opening *opening, const char *host, int port,
                const asyncio_open_connection_options *options)
{
    struct dial_options how = DIAL_OPTIONS(options);
    sock socket;
    int r = asyncio__dial(opening->net, host, port, &how, &socket);
    return r < 0 ? r : make_stream(opening, socket);
}

int(asyncio_open_connection)(const char *host, int port, asyncio_stream **ret_stream,
                             const asyncio_open_connection_options *options)
{
    static const asyncio_open_connection_options defaults = {
        .size = sizeof defaults,
        .limit = ASYNCIO__DEFAULT_LIMIT,
        .sock = ASYNCIO__DEFAULT_SOCK,
        .happy_eyeballs_delay = ASYNCIO_NONE,
        .interleave = ASYNCIO__DEFAULT_INTERLEAVE,
        ASYNCIO__DEFAULT_SSL_TIMEOUTS
    };
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &defaults;
    struct opening opening = { .limit = options->limit, .secure = SECURE_CLIENT(options) };
    int r = begin(&opening, host, options->sock >= 0);
    if (r < 0)
        return r;
    if (options->sock >= 0 && (host || port))
        return asyncio_raise(-EINVAL, "host/port and sock can not be specified at the same time");
    r = options->sock >= 0 ? adopt_stream(&opening, options->sock, ADOPT_NOT_UNIX)
                           : dial(&opening, host, port, options);
    return finish(&opening, r, ret_stream);
}

int(asyncio_open_unix_connection)(const char *path, asyncio_stream **ret_stream,
                                  const asyncio_open_unix_connection_options *options)
{
    static const asyncio_open_unix_connection_options defaults = {
        .size = sizeof defaults,
        .limit = ASYNCIO__DEFAULT_LIMIT,
        .sock = ASYNCIO__DEFAULT_SOCK,
        ASYNCIO__DEFAULT_SSL_TIMEOUTS
    };
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &defaults;
    struct opening opening = { .limit = options->limit, .secure = SECURE_CLIENT(options) };
    int r = begin(&opening, NULL, true);
    if (r < 0)
        return r;
    if (path && options->sock >= 0)
        return asyncio_raise(-EINVAL, "path and sock can not be specified at the same time");
    if (!path && options->sock < 0)
        return asyncio_raise(-EINVAL, "no path and sock were specified");
    sock socket;
    if (!path)
        r = adopt_stream(&opening, options->sock, ADOPT_UNIX);
    else if ((r = asyncio__dial_path(opening.net, path, &socket)) >= 0)
        r = make_stream(&opening, socket);
    return finish(&opening, r, ret_stream);
}

int(asyncio_connect_accepted_socket)(int descriptor, asyncio_stream **ret_stream,
                                     const asyncio_connect_accepted_socket_options *options)
{
    static const asyncio_connect_accepted_socket_options defaults = {
        .size = sizeof defaults, .limit = ASYNCIO__DEFAULT_LIMIT, ASYNCIO__DEFAULT_SSL_TIMEOUTS
    };
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &defaults;
    struct opening opening = { .limit = options->limit, .secure = SECURE_SERVER(options) };
    int r = begin(&opening, NULL, false);
    if (r >= 0)
        r = adopt_stream(&opening, descriptor, ADOPT_ANY);
    if (r >= 0)
        opening.stream->is_accepted = true;
    return finish(&opening, r, ret_stream);
}
