/* SPDX-License-Identifier: MIT */
/* asyncio_start_server: a server's life. How it listens and accepts is in accept.c. */
#include "net/server.h"
#include "net/start_tls.h"

#include "base/alloc.h"
#include "base/context.h"

#include <errno.h>

static const asyncio_start_server_options defaults = { .size = sizeof defaults,
                                                       .limit = ASYNCIO__DEFAULT_LIMIT,
                                                       .backlog = ASYNCIO__DEFAULT_BACKLOG,
                                                       ASYNCIO__DEFAULT_SSL_TIMEOUTS
                                                       .reuse_address =
                                                           ASYNCIO__DEFAULT_REUSE_ADDRESS };

static void free_server(struct asyncio_server *server)
{
    if (server->options.destroy)
        server->options.destroy(server->options.data);
    asyncio_ssl_context_unref(server->options.ssl);
    asyncio_context_unref(server->context);
    asyncio__free(server);
}

/* What it holds has become less: perhaps somebody waited for that, perhaps it was the last of
 * it. */
void asyncio__server_release(struct asyncio_server *server)
{
    if (server->is_closed && server->connections == 0)
        asyncio__waiters_wake(&server->waiters, 0);
    if (server->holds)
        return;
    if (server->is_closed)
        list_remove(&server->link);
    if (!server->refs)
        free_server(server);
}

static struct asyncio_server *make(struct net *net, asyncio_client_connected *handler,
                                   const asyncio_start_server_options *options, size_t listeners)
{
    struct asyncio_server *server =
        asyncio__calloc(1, sizeof *server + listeners * sizeof server->listeners[0]);
    if (!server)
        return NULL;
    server->net = net;
    server->handler = handler;
    server->options = *options;
    list_init(&server->link);
    list_init(&server->streams);
    list_init(&server->parked);
    list_init(&server->waiters);
    list_init(&server->forever);
    server->refs = 1;
    if (asyncio__context_inherit(&server->context) < 0) {
        asyncio__free(server);
        return NULL;
    }
    return server;
}

int(asyncio_start_server)(asyncio_client_connected *handler, const char *host, int port,
                          asyncio_server **ret_server, const asyncio_start_server_options *options)
{
    net_check_scopes(NET_CALLER());
    struct net *net;
    int r = asyncio__net_of_task(&net);
    if (r < 0)
        return r;
    if (!options)
        options = &defaults;
    if (!handler)
        return asyncio_raise(-EINVAL, "a server needs a function that handles its connections");
    if (options->limit == 0)
        return asyncio_raise(-EINVAL, "Limit cannot be <= 0");
    r = options->ssl ? asyncio__secure_check(&(struct secure)SECURE_SERVER(options)) : 0;
    if (r < 0)
        return r;
    struct addresses addresses;
    r = asyncio__resolve(net, host, port, options->family, true, &addresses);
    if (r < 0)
        return r;
    struct asyncio_server *server = make(net, handler, options, addresses.count);
    r = server ? asyncio__server_listen(server, &addresses) : -ENOMEM;
    asyncio__free(addresses.items);
    if (r < 0) {
        if (server) {
            asyncio_context_unref(server->context);
            asyncio__free(server);
        }
        return r;
    }
    asyncio_ssl_context_ref(server->options.ssl);
    list_append(&net->servers, &server->link);
    asyncio__server_arm(server);
    *ret_server = server;
    return 0;
}

void asyncio_server_close(asyncio_server *server)
{
    if (server->is_closed || net_is_other_thread(server->net))
        return;
    server->is_closed = true;
    server->holds++; /* while it is looked at */
    asyncio__server_close_listeners(server);
    while (!list_empty(&server->parked)) {
        asyncio_stream *stream = container_of(server->parked.next, struct asyncio_stream, link);
        asyncio_stream_abort(stream); /* leaves the list */
        asyncio_stream_unref(stream);
    }
    asyncio__waiters_wake(&server->forever, -ECANCELED);
    server->holds--;
    asyncio__server_release(server);
}

asyncio_server *asyncio_server_ref(asyncio_server *server)
{
    if (server)
        server->refs++;
    return server;
}

void asyncio_server_unref(asyncio_server *server)
{
    if (!server)
        return;
    if (server->refs == 1)
        asyncio_server_close(server); /* holding the last reference: it is not freed beneath us */
    server->refs--;
    if (!server->refs && !server->holds)
        free_server(server);
}

/* When the loop closes. */
void asyncio__servers_abort(struct net *net)
{
    for (struct list *node = net->servers.next, *next; node != &net->servers; node = next) {
        next = node->next;
        struct asyncio_server *server = container_of(node, struct asyncio_server, link);
        server->holds++;
        asyncio_server_close(server);
        asyncio__streams_abort(&server->streams);
        asyncio__waiters_wake(&server->waiters, 0);
        server->holds--;
        asyncio__server_release(server);
    }
}

/* Servers whose accepts the kernel still has. Those that only wait for their handlers' tasks are
 * not among them. */
bool asyncio__servers_are_pending(const struct net *net)
{
    for (const struct list *node = net->servers.next; node != &net->servers; node = node->next) {
        const struct asyncio_server *server = container_of(node, struct asyncio_server, link);
        if (!list_empty(&server->streams))
            return true;
        for (unsigned i = 0; i < server->listener_count; i++)
            if (server->listeners[i].is_armed)
                return true;
    }
    return false;
}

int asyncio_server_wait_closed(asyncio_server *server)
{
    net_check_scopes(NET_CALLER());
    if (!task_current())
        return -ASYNCIO_NO_TASK;
    if (server->is_closed && server->connections == 0)
        return 0;
    int r = net_check_task(server->net);
    return r < 0 ? r : asyncio__waiters_wait(&server->waiters, task_current());
}

int asyncio_server_serve_forever(asyncio_server *server)
{
    net_check_scopes(NET_CALLER());
    if (!task_current())
        return -ASYNCIO_NO_TASK;
    if (server->is_closed)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "server is closed");
    int r = net_check_task(server->net);
    if (r < 0)
        return r;
    if (!list_empty(&server->forever))
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "serve_forever() is being awaited already");
    r = asyncio__waiters_wait(&server->forever, task_current());
    asyncio_server_close(server);
    int waited = asyncio_server_wait_closed(server);
    return waited < 0 ? waited : r;
}

void asyncio_server_close_clients(asyncio_server *server)
{
    if (list_empty(&server->streams) || net_is_other_thread(server->net))
        return;
    server->holds++;
    for (struct list *node = server->streams.next, *next; node != &server->streams; node = next) {
        next = node->next;
        asyncio_stream_close(container_of(node, struct asyncio_stream, link));
    }
    server->holds--;
    asyncio__server_release(server);
}

void asyncio_server_abort_clients(asyncio_server *server)
{
    if (list_empty(&server->streams) || net_is_other_thread(server->net))
        return;
    server->holds++;
    for (struct list *node = server->streams.next, *next; node != &server->streams; node = next) {
        next = node->next;
        asyncio_stream_abort(container_of(node, struct asyncio_stream, link));
    }
    server->holds--;
    asyncio__server_release(server);
}

int asyncio_server_is_serving(const asyncio_server *server)
{
    return !server->is_closed;
}

int asyncio_server_port(const asyncio_server *server)
{
    return server->is_closed ? -ASYNCIO_INVALID_STATE : server->port;
}

size_t asyncio_server_connections(const asyncio_server *server)
{
    return server->connections;
}
