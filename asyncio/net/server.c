/* SPDX-License-Identifier: MIT */
/* A server's life: waiting for its end, closing, what is asked of it. How it is made is in start.c,
 * its sockets are in listen.c, its connections begin in accept.c. */
#include "net/callback.h"
#include "net/server.h"

#include "base/alloc.h"
#include "base/context.h"

#include <asyncio/timeout.h>
#include <errno.h>

/* What shutdown gives to what was written before it closed the connections. */
#define FLUSH_SECONDS 1.0

static void free_server(struct asyncio_server *server)
{
    if (server->options.destroy)
        server->options.destroy(server->options.data);
    asyncio_ssl_context_unref(server->options.ssl);
    asyncio_context_unref(server->context);
    asyncio__peers_fini(&server->peers);
    asyncio__free(server);
}

/* What it holds has become less: perhaps somebody waited for that, perhaps it was the last of
 * it. */
void asyncio__server_release(struct asyncio_server *server)
{
    if (server->is_closed && server->connections == 0)
        asyncio__waiters_wake(&server->waiters, 0);
    if (server->is_closed && server->connections == 0 && server->handlers == 0)
        asyncio__waiters_wake(&server->idlers, 0);
    if (server->holds)
        return;
    if (server->is_closed)
        list_remove(&server->link);
    if (!server->refs)
        free_server(server);
}

void asyncio_server_close(asyncio_server *server)
{
    if (server->is_closed || net_is_other_thread(server->net))
        return;
    server->is_closed = true;
    server->is_serving = false;
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

void asyncio_server_stop_serving(asyncio_server *server)
{
    if (server->is_closed || net_is_other_thread(server->net))
        return;
    server->is_serving = false;
    server->holds++; /* while it is looked at */
    asyncio__loop_uncall(server->net->loop, &server->retry);
    asyncio__server_disarm(server);
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
        asyncio__transports_abort(&server->transports);
        asyncio__waiters_wake(&server->waiters, 0);
        asyncio__waiters_wake(&server->idlers, 0);
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
        if (!list_empty(&server->streams) || !list_empty(&server->transports))
            return true;
        for (unsigned i = 0; i < server->listener_count; i++)
            if (server->listeners[i].is_armed)
                return true;
    }
    return false;
}

/* Outside of tasks; one that is closed may have outlived its loop. */
static int no_task(const asyncio_server *server)
{
    return server->is_closed ? -ASYNCIO_NO_TASK : asyncio__net_refuses(server->net);
}

int asyncio_server_wait_closed(asyncio_server *server)
{
    net_check_scopes(NET_CALLER());
    if (!task_current())
        return no_task(server);
    if (server->is_closed && server->connections == 0)
        return 0;
    int r = net_check_task(server->net);
    return r < 0 ? r : asyncio__waiters_wait(&server->waiters, task_current());
}

int asyncio_server_serve_forever(asyncio_server *server)
{
    net_check_scopes(NET_CALLER());
    if (!task_current())
        return no_task(server);
    if (server->is_closed)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "server is closed");
    int r = net_check_task(server->net);
    if (r < 0)
        return r;
    if (!list_empty(&server->forever))
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "serve_forever() is being awaited already");
    r = asyncio_server_start_serving(server);
    if (r < 0)
        return r;
    r = asyncio__waiters_wait(&server->forever, task_current());
    asyncio_server_close(server);
    int waited = asyncio_server_wait_closed(server);
    return waited < 0 ? waited : r;
}

static void end_clients(asyncio_server *server, void (*end)(asyncio_stream *stream),
                        void (*end_transport)(asyncio_transport *transport))
{
    if (!server->connections || net_is_other_thread(server->net))
        return;
    server->holds++;
    for (struct list *node = server->streams.next, *next; node != &server->streams; node = next) {
        next = node->next;
        asyncio_stream *stream = container_of(node, struct asyncio_stream, link);
        stream->is_dismissed = true;
        end(stream);
    }
    for (struct list *node = server->transports.next, *next; node != &server->transports;
         node = next) {
        next = node->next;
        end_transport(container_of(node, asyncio_transport, link));
    }
    server->holds--;
    asyncio__server_release(server);
}

void asyncio_server_close_clients(asyncio_server *server)
{
    end_clients(server, asyncio_stream_close, asyncio_transport_close);
}

void asyncio_server_abort_clients(asyncio_server *server)
{
    end_clients(server, asyncio_stream_abort, asyncio_transport_abort);
}

/* ---- shutting down ---- */

static bool is_idle(const asyncio_server *server)
{
    return server->connections == 0 && server->handlers == 0;
}

static int wait_idle(asyncio_server *server, double seconds)
{
    if (is_idle(server))
        return 0;
    asyncio_timeout limit;
    int r = asyncio_timeout_enter(&limit, seconds);
    if (r < 0)
        return r; /* without memory it would wait without a limit */
    r = asyncio__waiters_wait(&server->idlers, task_current());
    return asyncio_timeout_exit(&limit, r);
}

/* The time is over, or cannot be measured. */
static bool is_over(int r)
{
    return r == -ETIMEDOUT || r == -ENOMEM;
}

int asyncio_server_shutdown(asyncio_server *server, double timeout)
{
    net_check_scopes(NET_CALLER());
    if (!task_current())
        return no_task(server);
    if (timeout != timeout)
        return asyncio_raise(-EINVAL, "Invalid delay: NaN (not a number)");
    if (server->is_closed && is_idle(server)) /* it may have outlived its loop */
        return 0;
    int r = net_check_task(server->net);
    if (r < 0)
        return r;
    asyncio_server_ref(server);
    asyncio_server_close(server);
    r = wait_idle(server, timeout);
    if (r == -ETIMEDOUT) {
        asyncio_server_close_clients(server);
        int flushed = wait_idle(server, timeout < FLUSH_SECONDS ? timeout : FLUSH_SECONDS);
        r = flushed < 0 && flushed != -ETIMEDOUT ? flushed : r;
    }
    asyncio_server_abort_clients(server); /* also when this is cancelled */
    if (is_over(r)) {
        int closed = wait_idle(server, 0); /* handlers hear of it */
        if (is_over(closed))
            closed = asyncio_server_wait_closed(server);
        if (closed < 0)
            r = closed;
        else if (r == -ETIMEDOUT)
            r = asyncio_raise(r, "connections that did not end by themselves were ended");
    }
    asyncio_server_unref(server);
    return r;
}

/* ---- asking it ---- */

int asyncio_server_is_serving(const asyncio_server *server)
{
    return server->is_serving;
}

int asyncio_server_port(const asyncio_server *server)
{
    if (server->is_closed)
        return -ASYNCIO_INVALID_STATE;
    return server->port ? server->port : -EAFNOSUPPORT;
}

int asyncio_server_sockets(const asyncio_server *server, int *ret_descriptors, size_t size)
{
    if (server->is_closed) /* it may have outlived its loop */
        return 0;
    struct backend *backend = server->net->backend;
    for (unsigned i = 0; i < server->listener_count && i < size; i++)
        ret_descriptors[i] = backend->type->descriptor(backend, server->listeners[i].op.socket);
    return (int)server->listener_count;
}

int asyncio_server_sockname(const asyncio_server *server, size_t index, char *text, size_t size)
{
    struct address address;
    if (server->is_closed)
        return -ASYNCIO_INVALID_STATE;
    if (index >= server->listener_count)
        return -EINVAL;
    int r = net_name_of(server->net, server->listeners[index].op.socket, false, &address.name,
                        &address.size);
    return r < 0 ? r : asyncio__address_format(&address, text, size);
}

size_t asyncio_server_connections(const asyncio_server *server)
{
    return server->connections;
}
