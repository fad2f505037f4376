/* SPDX-License-Identifier: MIT */
/* asyncio_loop_create_connection, asyncio_loop_create_server, their like for AF_UNIX,
 * asyncio_loop_start_tls: as for streams, but a protocol is what the connection is for. */
#include "net/callback.h"
#include "net/dial.h"
#include "net/server.h"

#include <errno.h>

/* The floor of `loop`, which has to be the running one. */
static int floor_of(asyncio_loop *loop, struct net **ret_net)
{
    int r = asyncio__net_of_task(ret_net);
    if (r < 0)
        return r;
    if ((*ret_net)->loop != loop)
        return asyncio_raise(-ASYNCIO_OTHER_LOOP, "this is not the running loop");
    return 0;
}

struct held_transport {
    struct held held;
    asyncio_transport *transport;
};

static void drop(struct held *held)
{
    asyncio_transport_unref(container_of(held, struct held_transport, held)->transport);
}

typedef int begin_function(asyncio_transport *transport, const struct secure *secure);

/* Begins, and waits for connection_made or the handshake. Takes a reference, which is the caller's
 * when it succeeds. */
static int wait_open(asyncio_transport *transport, begin_function *begin,
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
    struct tls *tls = asyncio__tls_of(transport->top);
    if (r != -ECANCELED && tls && tls->engine.reason[0])
        r = asyncio_raise(r, "%s", tls->engine.reason);
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

static int get_socket(struct net *net, const char *host, int port,
                      const asyncio_create_connection_options *options, sock *ret_socket)
{
    if (options->sock >= 0)
        return asyncio__adopt_connected(net, options->sock, ADOPT_ANY, ret_socket);
    struct dial_options how = DIAL_OPTIONS(options);
    return asyncio__dial(net, host, port, &how, ret_socket);
}

/* A transport on the socket, which is the caller's again (by its descriptor, when it was adopted)
 * unless it could be made. */
static int connect_protocol(struct net *net, sock socket, asyncio_protocol_factory *factory,
                            void *data, bool is_adopted, const struct secure *secure,
                            asyncio_transport **ret_transport)
{
    asyncio_transport *transport;
    int descriptor, r = asyncio__transport_new(net, socket, factory, data, NULL, &net->transports,
                                               &transport);
    if (r < 0) {
        if (is_adopted)
            (void)net->backend->type->detach(net->backend, socket, &descriptor);
        else
            (void)net->backend->type->close(net->backend, socket);
        return r;
    }
    r = wait_open(asyncio_transport_ref(transport), asyncio__transport_begin,
                  secure->context ? secure : NULL);
    if (r < 0)
        return r;
    if (ret_transport)
        *ret_transport = transport;
    else
        asyncio_transport_unref(transport);
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
    sock socket;
    int r = floor_of(loop, &net);
    if (r >= 0 && options->sock >= 0 && (host || port))
        r = asyncio_raise(-EINVAL, "host/port and sock can not be specified at the same time");
    if (r >= 0)
        r = check(factory, host, &secure);
    if (r >= 0)
        r = get_socket(net, host, port, options, &socket);
    if (r < 0)
        return r;
    return connect_protocol(net, socket, factory, options->data, options->sock >= 0, &secure,
                            ret_transport);
}

static int get_unix_socket(struct net *net, const char *path, int descriptor, sock *ret_socket)
{
    if (path && descriptor >= 0)
        return asyncio_raise(-EINVAL, "path and sock can not be specified at the same time");
    if (!path && descriptor < 0)
        return asyncio_raise(-EINVAL, "no path and sock were specified");
    return path ? asyncio__dial_path(net, path, ret_socket)
                : asyncio__adopt_connected(net, descriptor, ADOPT_UNIX, ret_socket);
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
    sock socket;
    int r = floor_of(loop, &net);
    if (r >= 0)
        r = check(factory, NULL, &secure);
    if (r >= 0)
        r = get_unix_socket(net, path, options->sock, &socket);
    return r < 0 ? r
                 : connect_protocol(net, socket, factory, options->data, options->sock >= 0,
                                    &secure, ret_transport);
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
    int r = floor_of(loop, &net);
    if (r < 0)
        return r;
    if (!context)
        return asyncio_raise(-EINVAL, "sslcontext is expected to be an instance of ssl.SSLContext");
    if (transport->is_closing)
        return -ECONNRESET;
    if (transport->has_sent_eof)
        return -EPIPE;
    if (transport->is_shaking_hands)
        return -EBUSY;
    r = asyncio__secure_check(&secure);
    if (r < 0)
        return r;
    r = wait_open(asyncio_transport_ref(transport), asyncio__transport_secure, &secure);
    if (r >= 0)
        asyncio_transport_unref(transport);
    return r;
}

int(asyncio_loop_create_server)(asyncio_loop *loop, asyncio_protocol_factory *factory,
                                const char *host, int port, asyncio_server **ret_server,
                                const asyncio_create_server_options *options)
{
    static const asyncio_create_server_options defaults = {
        .size = sizeof defaults,
        .flags = ASYNCIO__DEFAULT_FLAGS,
        .sock = ASYNCIO__DEFAULT_SOCK,
        .backlog = ASYNCIO__DEFAULT_BACKLOG,
        .reuse_address = ASYNCIO__DEFAULT_REUSE_ADDRESS,
        .start_serving = ASYNCIO__DEFAULT_START_SERVING,
        ASYNCIO__DEFAULT_SSL_TIMEOUTS
    };
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &defaults;
    struct net *net;
    int r = floor_of(loop, &net);
    if (r < 0)
        return r;
    if (!factory)
        return asyncio_raise(-EINVAL, "a server needs a factory of protocols");
    const asyncio_start_server_options common = {
        .size = sizeof common,
        .limit = ASYNCIO__DEFAULT_LIMIT,
        .family = options->family,
        .flags = options->flags,
        .sock = options->sock,
        .backlog = options->backlog,
        .reuse_address = options->reuse_address,
        .reuse_port = options->reuse_port,
        .keep_alive = options->keep_alive,
        .start_serving = options->start_serving,
        .hosts = options->hosts,
        .listen_fds = options->listen_fds,
        .ssl = options->ssl,
        .ssl_handshake_timeout = options->ssl_handshake_timeout,
        .ssl_shutdown_timeout = options->ssl_shutdown_timeout,
        .data = options->data,
        .destroy = options->destroy,
    };
    return asyncio__server_start(NULL, factory, host, port, ret_server, &common);
}

int(asyncio_loop_create_unix_server)(asyncio_loop *loop, asyncio_protocol_factory *factory,
                                     const char *path, asyncio_server **ret_server,
                                     const asyncio_create_unix_server_options *options)
{
    static const asyncio_create_unix_server_options defaults = {
        .size = sizeof defaults,
        .sock = ASYNCIO__DEFAULT_SOCK,
        .backlog = ASYNCIO__DEFAULT_BACKLOG,
        .start_serving = ASYNCIO__DEFAULT_START_SERVING,
        .cleanup_socket = ASYNCIO__DEFAULT_CLEANUP_SOCKET,
        ASYNCIO__DEFAULT_SSL_TIMEOUTS
    };
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &defaults;
    struct net *net;
    int r = floor_of(loop, &net);
    if (r < 0)
        return r;
    if (!factory)
        return asyncio_raise(-EINVAL, "a server needs a factory of protocols");
    const asyncio_start_unix_server_options common = {
        .size = sizeof common,
        .limit = ASYNCIO__DEFAULT_LIMIT,
        .sock = options->sock,
        .backlog = options->backlog,
        .start_serving = options->start_serving,
        .cleanup_socket = options->cleanup_socket,
        .ssl = options->ssl,
        .ssl_handshake_timeout = options->ssl_handshake_timeout,
        .ssl_shutdown_timeout = options->ssl_shutdown_timeout,
        .data = options->data,
        .destroy = options->destroy,
    };
    return asyncio__unix_server_start(NULL, factory, path, ret_server, &common);
}
