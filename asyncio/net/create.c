/* SPDX-License-Identifier: MIT */
/* asyncio_loop_create_connection, asyncio_loop_create_server, their like for AF_UNIX,
 * asyncio_loop_start_tls: as for streams, but a protocol is what the connection is for. */
#include "net/callback.h"
#include "net/dial.h"
#include "net/server.h"

#include <errno.h>

struct held_transport {
    struct held held;
    asyncio_transport *transport;
};

static void drop(struct held *held)
{
    asyncio_transport_unref(container_of(held, struct held_transport, held)->transport);
}

int asyncio__transport_wait_open(asyncio_transport *transport, transport_begin *begin,
                                 const struct secure *secure)
{
    asyncio_task *task = task_current();
    struct held_transport held = { .transport = transport };
    task_hold(task, &held.held, drop);
    int r = begin(transport, secure);
    if (r >= 0 && transport->opened != OP_PENDING)
        r = transport->opened;
    if (r >= 0 && transport->opened == OP_PENDING)
        r = asyncio__waiters_wait(&transport->waiters, task);
    task_let_go(task, &held.held);
    if (r >= 0)
        return r;
    r = asyncio__raise_reason(transport->top, r);
    if (r == -ECANCELED)
        asyncio_transport_abort(transport);
    asyncio_transport_unref(transport);
    return r;
}

static int check(asyncio_protocol_factory *factory, const char *host, struct secure *secure)
{
    if (!factory)
        return asyncio_raise(-EINVAL, "a connection needs a factory of protocols");
    return asyncio__secure_check_for(secure, host, true);
}

/* A transport on the socket, which is given back unless it could be made. */
static int connect_protocol(struct net *net, struct connected connected,
                            asyncio_protocol_factory *factory, void *data,
                            const struct secure *secure, asyncio_transport **ret_transport)
{
    asyncio_transport *transport;
    int r = asyncio__transport_new(net, connected.socket, factory, data, NULL, &net->transports,
                                   &transport);
    if (r < 0) {
        asyncio__connected_give_back(net, connected);
        return r;
    }
    r = asyncio__transport_wait_open(asyncio_transport_ref(transport), asyncio__transport_begin,
                                     secure->context ? secure : NULL);
    if (r < 0)
        return r;
    transport_hand_over(transport, ret_transport);
    return 0;
}

int(asyncio_loop_create_connection)(asyncio_loop *loop, asyncio_protocol_factory *factory,
                                    const char *host, int port, asyncio_transport **ret_transport,
                                    const asyncio_create_connection_options *options)
{
    static const asyncio_create_connection_options defaults = {
        .size = sizeof defaults,
        .sock = ASYNCIO__DEFAULT_SOCK,
        .happy_eyeballs_delay = ASYNCIO_NONE,
        .interleave = ASYNCIO__DEFAULT_INTERLEAVE,
        ASYNCIO__DEFAULT_SSL_TIMEOUTS
    };
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &defaults;
    struct net *net;
    struct secure secure = SECURE_CLIENT(options);
    struct dial_options how = DIAL_OPTIONS(options);
    struct connected connected;
    int r = asyncio__net_of_running(loop, &net);
    if (r >= 0)
        r = asyncio__host_or_sock(host || port, options->sock);
    if (r >= 0)
        r = check(factory, host, &secure);
    if (r >= 0)
        r = asyncio__connect_host(net, host, port, options->sock, ADOPT_ANY, &how, &connected);
    return r < 0 ? r
                 : connect_protocol(net, connected, factory, options->data, &secure, ret_transport);
}

int(asyncio_loop_create_unix_connection)(asyncio_loop *loop, asyncio_protocol_factory *factory,
                                         const char *path, asyncio_transport **ret_transport,
                                         const asyncio_create_unix_connection_options *options)
{
    static const asyncio_create_unix_connection_options defaults = {
        .size = sizeof defaults, .sock = ASYNCIO__DEFAULT_SOCK, ASYNCIO__DEFAULT_SSL_TIMEOUTS
    };
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &defaults;
    struct net *net;
    struct secure secure = SECURE_CLIENT(options);
    struct connected connected;
    int r = asyncio__net_of_running(loop, &net);
    if (r >= 0)
        r = check(factory, NULL, &secure);
    if (r >= 0)
        r = asyncio__connect_path(net, path, options->sock, &connected);
    return r < 0 ? r
                 : connect_protocol(net, connected, factory, options->data, &secure, ret_transport);
}

int(asyncio_loop_start_tls)(asyncio_loop *loop, asyncio_transport *transport,
                            asyncio_ssl_context *context,
                            const asyncio_loop_start_tls_options *options)
{
    static const asyncio_loop_start_tls_options defaults = { .size = sizeof defaults,
                                                             ASYNCIO__DEFAULT_SSL_TIMEOUTS };
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &defaults;
    struct net *net;
    struct secure secure = { .context = context,
                             .server_hostname = options->server_hostname,
                             .is_server = options->server_side != 0,
                             .handshake_timeout = options->ssl_handshake_timeout,
                             .shutdown_timeout = options->ssl_shutdown_timeout };
    int r = asyncio__net_of_running(loop, &net);
    if (r < 0)
        return r;
    if (!context)
        return asyncio_raise(-EINVAL, "sslcontext is expected to be an instance of ssl.SSLContext");
    if (transport->is_closing)
        return -ECONNRESET;
    r = net_check_task(transport->tcp.net); /* it may be another loop's */
    if (r < 0)
        return r;
    if (transport->is_shaking_hands || transport->drainers)
        return -EBUSY;
    if (transport->has_sent_eof)
        return -EPIPE;
    r = asyncio__secure_check(&secure);
    if (r < 0)
        return r;
    r = asyncio__transport_wait_open(asyncio_transport_ref(transport), asyncio__transport_secure,
                                     &secure);
    if (r >= 0)
        asyncio_transport_unref(transport);
    return r;
}

int(asyncio_loop_connect_accepted_socket)(
    asyncio_loop *loop, asyncio_protocol_factory *factory, int descriptor,
    asyncio_transport **ret_transport, const asyncio_loop_connect_accepted_socket_options *options)
{
    static const asyncio_loop_connect_accepted_socket_options defaults = {
        .size = sizeof defaults, ASYNCIO__DEFAULT_SSL_TIMEOUTS
    };
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &defaults;
    struct net *net;
    struct secure secure = SECURE_SERVER(options);
    struct connected connected;
    int r = asyncio__net_of_running(loop, &net);
    if (r >= 0 && !factory)
        r = asyncio_raise(-EINVAL, "a connection needs a factory of protocols");
    if (r >= 0 && secure.context)
        r = asyncio__secure_check(&secure);
    if (r >= 0)
        r = asyncio__connect_adopt(net, descriptor, ADOPT_ANY, &connected);
    return r < 0 ? r
                 : connect_protocol(net, connected, factory, options->data, &secure, ret_transport);
}

static int check_server(asyncio_loop *loop, asyncio_protocol_factory *factory)
{
    struct net *net;
    int r = asyncio__net_of_running(loop, &net);
    if (r >= 0 && !factory)
        r = asyncio_raise(-EINVAL, "a server needs a factory of protocols");
    return r;
}

int(asyncio_loop_create_server)(asyncio_loop *loop, asyncio_protocol_factory *factory,
                                const char *host, int port, asyncio_server **ret_server,
                                const asyncio_create_server_options *options)
{
    static const asyncio_create_server_options defaults = {
        .size = sizeof defaults,
        .flags = ASYNCIO__DEFAULT_FLAGS,
        .reuse_address = ASYNCIO__DEFAULT_REUSE_ADDRESS,
        SERVER_DEFAULTS
    };
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &defaults;
    int r = check_server(loop, factory);
    if (r < 0)
        return r;
    const asyncio_start_server_options common = {
        .size = sizeof common,
        .limit = ASYNCIO__DEFAULT_LIMIT,
        .family = options->family,
        .flags = options->flags,
        .reuse_address = options->reuse_address,
        .reuse_port = options->reuse_port,
        .keep_alive = options->keep_alive,
        .hosts = options->hosts,
        .listen_fds = options->listen_fds,
        SERVER_OPTIONS(options),
    };
    return asyncio__server_start(NULL, factory, host, port, ret_server, &common);
}

int(asyncio_loop_create_unix_server)(asyncio_loop *loop, asyncio_protocol_factory *factory,
                                     const char *path, asyncio_server **ret_server,
                                     const asyncio_create_unix_server_options *options)
{
    static const asyncio_create_unix_server_options defaults = {
        .size = sizeof defaults,
        .cleanup_socket = ASYNCIO__DEFAULT_CLEANUP_SOCKET,
        SERVER_DEFAULTS
    };
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &defaults;
    int r = check_server(loop, factory);
    if (r < 0)
        return r;
    const asyncio_start_unix_server_options common = {
        .size = sizeof common,
        .limit = ASYNCIO__DEFAULT_LIMIT,
        .cleanup_socket = options->cleanup_socket,
        SERVER_OPTIONS(options),
    };
    return asyncio__unix_server_start(NULL, factory, path, ret_server, &common);
}
