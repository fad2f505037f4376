/* SPDX-License-Identifier: MIT */
/* Accepting: from a listening socket to a handler's task. */
#include "net/server.h"
#include "net/callback.h"

#include "base/alloc.h"

#include <errno.h>

enum {
    RETRY_NS = 100000000,            /* after an accept that failed for want of something */
    REPORT_NS = 1000000000,          /* and no more than one report of that in this time */
};

static struct backend *backend_of(const struct asyncio_server *server)
{
    return server->net->backend;
}

static bool is_full(const struct asyncio_server *server)
{
    return server->options.max_connections &&
           server->connections >= server->options.max_connections;
}

/* Under a flood no more than one report a second. */
static void report(struct asyncio_server *server, const char *message, int error)
{
    asyncio_loop *loop = server->net->loop;
    int64_t now = asyncio__loop_now(loop);
    if (now < server->next_report)
        return;
    server->next_report = now + REPORT_NS;
    asyncio__loop_report(loop, message, error, NULL, NULL, NULL);
}

/* ---- one connection ---- */

/* TLS: whoever does not get through the handshake is dropped, as in Python without a report. */
static bool is_secured(struct asyncio_server *server, asyncio_stream *stream)
{
    struct secure secure = SECURE_SERVER(&server->options);
    return asyncio__stream_secure(stream, &secure) >= 0;
}

/* The body of a connection's task. What it fails with is told here, since nobody awaits it. */
static int handle_client(asyncio_stream *stream, struct asyncio_server *server)
{
    if (server->options.ssl && !is_secured(server, stream))
        return 0;
    int r = server->handler(stream, server->options.data);
    if (r >= 0 || r == -ECANCELED)
        return r < 0 ? r : 0;
    if (r == -ECONNRESET && stream->is_dismissed)
        return 0;
    struct error_record *record = asyncio__record_take(r);
    asyncio__loop_report(server->net->loop, "Unhandled exception in client_connected_cb", r, record,
                         NULL, task_current());
    asyncio__record_unref(record);
    return 0;
}

/* The task has ended, or will never run. */
static void handler_over(void *data)
{
    asyncio_stream *stream = data;
    struct asyncio_server *server = stream->handled_by;
    stream->handled_by = NULL;
    asyncio_stream_unref(stream);
    server->handlers--;
    server->holds--;
    asyncio__server_release(server);
}

/* Runs the handler for a stream of the server. The task inherits the context of who started the
 * server. */
static void start_handler(struct asyncio_server *server, asyncio_stream *stream)
{
    char name[ADDRESS_TEXT_SIZE];
    bool has_name = asyncio_stream_peername(stream, name, sizeof name) >= 0;
    asyncio_create_task_options options = { .size = sizeof options,
                                            .name = has_name ? name : NULL,
                                            .stack_size = server->options.stack_size };
    struct env *env = asyncio__env();
    struct asyncio_context *outer = env->context;
    env->context = server->context;
    stream->handled_by = server;
    server->handlers++;
    server->holds++;
    asyncio_coro coro = asyncio_coro(handle_client, stream, server);
    int r = (asyncio_loop_create_task)(server->net->loop,
                                       asyncio_coro_on_close(coro, handler_over, stream), NULL,
                                       &options);
    server->context = env->context;
    env->context = outer;
    if (r < 0) /* handler_over has been called */
        report(server, "a connection could not be handled", r);
}

static void unpark(struct asyncio_server *server)
{
    struct list *node;
    while (!is_full(server) && (node = list_pop(&server->parked))) {
        asyncio_stream *stream = container_of(node, struct asyncio_stream, link);
        list_append(&server->streams, node);
        stream->is_parked = false;
        server->connections++;
        start_handler(server, stream);
    }
}

/* A protocol's connection, of the factory's making and in the context of who started the server. */
static void new_transport(struct asyncio_server *server, sock socket)
{
    struct net *net = server->net;
    struct secure secure = SECURE_SERVER(&server->options);
    struct env *env = asyncio__env();
    struct asyncio_context *outer = env->context;
    asyncio_transport *transport;
    env->context = server->context;
    int r = server->is_closed
                ? -ECONNABORTED
                : asyncio__transport_new(net, socket, server->factory, server->options.data,
                                         server, &server->transports, &transport);
    server->context = env->context;
    env->context = outer;
    if (r < 0) {
        (void)net->backend->type->close(net->backend, socket);
    } else {
        server->holds++;
        server->connections++;
        r = asyncio__transport_begin(transport, server->options.ssl ? &secure : NULL);
    }
    if (r < 0 && !server->is_closed)
        report(server, "a connection could not be handled", r);
}

void asyncio__server_lost_transport(struct asyncio_server *server, bool is_memory)
{
    if (is_memory)
        server->holds--;
    else
        server->connections--;
    asyncio__server_release(server);
}

/* False: its address has enough, or there is no memory to count it. Who has gone already has no
 * address, and is no burden. */
static bool is_welcome(struct asyncio_server *server, sock socket, struct peer **ret_peer)
{
    struct address address;
    unsigned most = server->options.max_connections_per_address;
    *ret_peer = NULL;
    if (__builtin_expect(!most, 1) ||
        net_name_of(server->net, socket, true, &address.name, &address.size) < 0)
        return true;
    int r = asyncio__peers_add(&server->peers, &address.name, most, ret_peer);
    if (r < 0)
        report(server, "a connection could not be handled", r);
    return r > 0;
}

static void new_connection(struct asyncio_server *server, sock socket)
{
    struct net *net = server->net;
    if (atomic_load(&net->loop->closed)) { /* it has looked at the kernel for the last time */
        (void)net->backend->type->close(net->backend, socket);
        return;
    }
    if (server->factory) {
        new_transport(server, socket);
        return;
    }
    struct peer *peer = NULL;
    if (!server->is_closed && !is_welcome(server, socket, &peer)) {
        (void)net->backend->type->close(net->backend, socket);
        return;
    }
    asyncio_stream *stream = NULL;
    bool is_over = is_full(server);
    if (!server->is_closed)
        stream = asyncio__stream_new(net, socket, server->options.limit, server,
                                     is_over ? &server->parked : &server->streams);
    if (!stream) {
        asyncio__peers_remove(&server->peers, peer);
        (void)net->backend->type->close(net->backend, socket);
        if (!server->is_closed)
            report(server, "a connection could not be handled", -ENOMEM);
        return;
    }
    server->holds++;
    stream->peer = peer;
    stream->is_parked = is_over;
    if (is_over)
        return;
    server->connections++;
    if (is_full(server))
        asyncio__server_disarm(server);
    start_handler(server, stream);
}

void asyncio__server_lost(struct asyncio_server *server, asyncio_stream *stream)
{
    server->connections -= !stream->is_parked;
    asyncio__peers_remove(&server->peers, stream->peer);
    stream->peer = NULL;
    server->holds--;
    if (!server->is_closed) {
        unpark(server);
        asyncio__server_arm(server);
    }
    asyncio__server_release(server);
}

/* ---- accepting ---- */

/* Accepting failed for want of descriptors or memory. It would fail again at once, so it rests for
 * a moment. */
static void rest(struct asyncio_server *server, int error)
{
    asyncio_loop *loop = server->net->loop;
    report(server, "accepting connections failed, and goes on in a moment", error);
    if (!server->is_closed && !asyncio__timer_active(&server->retry.timer) &&
        list_empty(&server->retry.handle.link))
        asyncio__loop_call_at(loop, &server->retry, asyncio__loop_now(loop) + RETRY_NS);
}

static void retry(struct handle *handle, asyncio_loop *loop)
{
    (void)loop;
    asyncio__server_arm(container_of(handle, struct asyncio_server, retry.handle));
}

void asyncio__server_init_retry(struct asyncio_server *server)
{
    server->retry.handle.run = retry;
    list_init(&server->retry.handle.link);
}

void asyncio__server_on_accept(struct op *op, int result)
{
    struct listener *listener = container_of(op, struct listener, op);
    struct asyncio_server *server = listener->server;
    if (result >= 0) {
        new_connection(server, op->accepted);
        return;
    }
    bool was_cancelled = listener->is_cancelled;
    listener->is_armed = listener->is_cancelled = false;
    if (!was_cancelled || result != -ECANCELED)
        rest(server, result);
    else
        asyncio__server_arm(server); /* there may be room again by now */
    server->holds--;
    asyncio__server_release(server);
}

static void arm(struct listener *listener)
{
    struct asyncio_server *server = listener->server;
    int r = backend_of(server)->type->submit(backend_of(server), &listener->op);
    if (r == OP_PENDING) {
        listener->is_armed = true;
        server->holds++;
    } else {
        rest(server, r);
    }
}

void asyncio__server_arm(struct asyncio_server *server)
{
    if (!server->is_serving || is_full(server))
        return;
    asyncio__loop_uncall(server->net->loop, &server->retry);
    for (unsigned i = 0; i < server->listener_count; i++)
        if (server->listeners[i].is_open && !server->listeners[i].is_armed)
            arm(&server->listeners[i]);
}

void asyncio__server_disarm(struct asyncio_server *server)
{
    for (unsigned i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        if (!listener->is_armed || listener->is_cancelled)
            continue;
        if (backend_of(server)->type->cancel(backend_of(server), &listener->op) == 1) {
            listener->is_armed = false;
            server->holds--; /* the caller has one of his own */
        } else {
            listener->is_cancelled = true;
        }
    }
}
