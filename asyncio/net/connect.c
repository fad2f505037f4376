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

/* Takes the socket, if it succeeds. */
static int make_stream(struct opening *opening, struct connected connected)
{
    struct net *net = opening->net;
    opening->stream =
        asyncio__stream_new(net, connected.socket, opening->limit, NULL, &net->streams);
    if (opening->stream)
        return 0;
    asyncio__connected_give_back(net, connected);
    return -ENOMEM;
}

/* A stream of what was connected, with its handshake when it is to be TLS. */
static int finish(struct opening *opening, int result, struct connected connected,
                  bool is_accepted, asyncio_stream **ret_stream)
{
    if (result >= 0)
        result = make_stream(opening, connected);
    if (result < 0)
        return result;
    opening->stream->is_accepted = is_accepted;
    if (opening->secure.context) {
        struct held_stream held;
        asyncio__hold_stream(&held, opening->stream);
        result = asyncio__stream_secure(opening->stream, &opening->secure);
        asyncio__let_stream_go(&held);
        if (result < 0) {
            asyncio_stream_unref(opening->stream);
            return result;
        }
    }
    *ret_stream = opening->stream;
    return 0;
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
    struct dial_options how = DIAL_OPTIONS(options);
    struct connected connected = { .is_adopted = false };
    int r = begin(&opening, host, options->sock >= 0);
    if (r >= 0)
        r = asyncio__host_or_sock(host || port, options->sock);
    if (r >= 0)
        r = asyncio__connect_host(opening.net, host, port, options->sock, ADOPT_NOT_UNIX, &how,
                                  &connected);
    return finish(&opening, r, connected, false, ret_stream);
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
    struct connected connected = { .is_adopted = false };
    int r = begin(&opening, NULL, true);
    if (r >= 0)
        r = asyncio__connect_path(opening.net, path, options->sock, &connected);
    return finish(&opening, r, connected, false, ret_stream);
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
    struct connected connected = { .is_adopted = false };
    int r = begin(&opening, NULL, false);
    if (r >= 0)
        r = asyncio__connect_adopt(opening.net, descriptor, ADOPT_ANY, &connected);
    return finish(&opening, r, connected, true, ret_stream);
}
