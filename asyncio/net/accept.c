/* SPDX-License-Identifier: MIT */
/* Listening and accepting: from a socket to a handler's task. */
#include "net/server.h"
#include "net/start_tls.h"

#include "base/alloc.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

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

static void new_connection(struct asyncio_server *server, sock socket)
{
    struct net *net = server->net;
    asyncio_stream *stream = NULL;
    bool is_over = is_full(server);
    if (!server->is_closed)
        stream = asyncio__stream_new(net, socket, server->options.limit, server,
                                     is_over ? &server->parked : &server->streams);
    if (!stream) {
        (void)net->backend->type->close(net->backend, socket);
        if (!server->is_closed)
            report(server, "a connection could not be handled", -ENOMEM);
        return;
    }
    server->holds++;
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

static void on_accept(struct op *op, int result)
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
    if (server->is_closed || is_full(server))
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

/* ---- listening ---- */

void asyncio__server_close_listeners(struct asyncio_server *server)
{
    asyncio__loop_uncall(server->net->loop, &server->retry);
    asyncio__server_disarm(server);
    for (unsigned i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].is_open)
            (void)backend_of(server)->type->close(backend_of(server),
                                                  server->listeners[i].op.socket);
        server->listeners[i].is_open = false;
    }
}

static int set_options(struct asyncio_server *server, sock socket, int family)
{
    const struct backend_type *type = backend_of(server)->type;
    struct backend *backend = backend_of(server);
    int one = 1, r = 0;
    if (server->options.reuse_address)
        r = type->setsockopt(backend, socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (r >= 0 && server->options.reuse_port)
        r = type->setsockopt(backend, socket, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (r >= 0 && family == AF_INET6)
        r = type->setsockopt(backend, socket, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (r >= 0) /* the accepted sockets inherit it */
        (void)type->setsockopt(backend, socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return r;
}

/* Binds to `address`. A second address of a server that may have any port gets that of the first,
 * if it is free there. */
static int bind_to(struct asyncio_server *server, sock socket, struct address *address)
{
    const struct backend_type *type = backend_of(server)->type;
    bool is_any = asyncio__address_port(&address->name) == 0;
    if (is_any && server->port) {
        struct address same = *address;
        asyncio__address_set_port(&same.name, server->port);
        if (type->bind(backend_of(server), socket, (const struct sockaddr *)&same.name,
                       same.size) >= 0)
            return 0;
    }
    return type->bind(backend_of(server), socket, (const struct sockaddr *)&address->name,
                      address->size);
}

static int listen_on(struct asyncio_server *server, struct address *address, sock *ret_socket)
{
    const struct backend_type *type = backend_of(server)->type;
    struct backend *backend = backend_of(server);
    sock socket;
    int family = address->name.ss_family;
    int r = type->socket(backend, family, SOCK_STREAM, 0, &socket);
    if (r < 0)
        return r;
    r = set_options(server, socket, family);
    if (r >= 0)
        r = bind_to(server, socket, address);
    if (r >= 0)
        r = type->listen(backend, socket, server->options.backlog);
    struct address bound;
    if (r >= 0)
        r = type->getsockname(backend, socket, &bound.name, &bound.size);
    if (r < 0) {
        (void)type->close(backend, socket);
        return r;
    }
    if (!server->port)
        server->port = asyncio__address_port(&bound.name);
    *ret_socket = socket;
    return 0;
}

static bool is_repeated(const struct addresses *addresses, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (asyncio__address_is_equal(&addresses->items[i], &addresses->items[index]))
            return true;
    return false;
}

/* A host that has no IPv6, or no IPv4, still has the other. */
static bool is_missing_family(int error)
{
    return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

static int cannot_bind(int error, const struct addresses *addresses, size_t index)
{
    char text[ADDRESS_TEXT_SIZE] = "?";
    (void)asyncio__address_format(&addresses->items[index].name, text, sizeof text);
    return asyncio_raise(error, "error while attempting to bind on address %s: %s", text,
                         asyncio_error_text(error));
}

int asyncio__server_listen(struct asyncio_server *server, const struct addresses *addresses)
{
    int r = -EADDRNOTAVAIL;
    server->retry.handle.run = retry;
    list_init(&server->retry.handle.link);
    for (size_t i = 0; i < addresses->count; i++) {
        if (is_repeated(addresses, i))
            continue;
        struct listener *listener = &server->listeners[server->listener_count];
        sock socket;
        r = listen_on(server, &addresses->items[i], &socket);
        if (r < 0 && is_missing_family(r))
            continue;
        if (r < 0) {
            r = cannot_bind(r, addresses, i);
            break;
        }
        *listener =
            (struct listener){ .op = { .complete = on_accept, .socket = socket, .kind = OP_ACCEPT },
                               .server = server,
                               .is_open = true };
        list_init(&listener->op.link);
        server->listener_count++;
    }
    if (is_missing_family(r) && server->listener_count)
        r = 0;
    else if (is_missing_family(r) && addresses->count)
        r = cannot_bind(r, addresses, addresses->count - 1);
    if (r < 0)
        asyncio__server_close_listeners(server);
    return r;
}
