/* SPDX-License-Identifier: MIT */
/* Making a datagram endpoint: names, a socket for each address until one will do, options, groups.
 *
 * Until it begins the transport is the task's (`held`): it goes with a task that is cancelled, or
 * dropped with its loop. */
#include "net/datagram.h"
#include "net/resolve.h"
#include "net/within.h"

#include "base/alloc.h"

#include <errno.h>
#include <netdb.h>

enum { HIGH = 65536, LOW = 16384 };

typedef asyncio_loop_create_datagram_endpoint_options endpoint_options;

struct opening {
    struct held held;
    asyncio_datagram_transport *transport; /* NULL: it has begun */
    struct addresses locals, remotes;
    sock socket;
    bool is_open, is_adopted;
    /* of the connect under way */
    struct awaited awaited;
    asyncio_task *task;
    bool is_cancelled;
};

static void close_socket(struct opening *opening)
{
    struct net *net = opening->transport->net;
    int number;
    if (opening->is_open && opening->is_adopted) /* it is the caller's again */
        (void)net->backend->type->detach(net->backend, opening->socket, &number);
    else if (opening->is_open)
        (void)net->backend->type->close(net->backend, opening->socket);
    opening->is_open = false;
}

static void drop(struct held *held)
{
    struct opening *opening = container_of(held, struct opening, held);
    if (opening->transport) {
        struct net *net = opening->transport->net;
        if (opening->task)
            (void)net->backend->type->cancel(net->backend, &opening->transport->out);
        close_socket(opening);
        asyncio_context_unref(opening->transport->context);
        asyncio__free(opening->transport->batch);
        asyncio__free(opening->transport);
    }
    asyncio__free(opening->locals.items);
    asyncio__free(opening->remotes.items);
    asyncio__free(opening);
}

/* ---- connecting, which for datagrams is only writing down ---- */

static void on_connected(struct op *op, int result)
{
    asyncio_datagram_transport *transport =
        container_of(op, struct asyncio_datagram_transport, out);
    struct opening *opening = transport->opening;
    asyncio_task *task = opening->task;
    opening->task = NULL;
    net_wake(task, result);
}

static int cancel_connect(asyncio_future *awaited, const char *message)
{
    struct opening *opening =
        container_of((struct awaited *)(void *)awaited, struct opening, awaited);
    asyncio_task *task = opening->task;
    if (!task)
        return 0;
    struct net *net = opening->transport->net;
    asyncio__future_keep_message(&task->future, message);
    opening->is_cancelled = true;
    if (net->backend->type->cancel(net->backend, &opening->transport->out) == 1) {
        opening->task = NULL;
        task_wake(task, -ECANCELED);
    }
    return 1;
}

static const struct future_type connect_type = { "connect", 0, cancel_connect, NULL };

static int connect_to(struct opening *opening, struct address *address)
{
    asyncio_datagram_transport *transport = opening->transport;
    struct backend *backend = transport->net->backend;
    asyncio_task *task = task_current();
    int r = task_refuses(task);
    if (r < 0)
        return r;
    transport->out = (struct op){ .complete = on_connected,
                                  .socket = opening->socket,
                                  .kind = OP_CONNECT };
    list_init(&transport->out.link);
    transport->out.address = &address->name;
    transport->out.address_size = address->size;
    transport->opening = opening;
    r = backend->type->submit(backend, &transport->out);
    if (r != OP_PENDING)
        return r;
    opening->task = task;
    opening->awaited.type = &connect_type;
    r = asyncio__task_wait(task, &opening->awaited);
    if (task_take_cancel(task))
        return -ECANCELED;
    if (opening->is_cancelled) {
        asyncio__task_put_message(task);
        return -ECANCELED;
    }
    return r;
}

/* ---- one address ---- */

static int set_flag(struct opening *opening, int name)
{
    struct backend *backend = opening->transport->net->backend;
    return backend->type->setsockopt(backend, opening->socket, SOL_SOCKET, name, &(int){ 1 },
                                     sizeof(int));
}

static int bind_local(struct opening *opening, int family)
{
    struct backend *backend = opening->transport->net->backend;
    int r = -EADDRNOTAVAIL;
    for (size_t i = 0; i < opening->locals.count && r < 0; i++) {
        const struct address *local = &opening->locals.items[i];
        if (family == AF_UNIX)
            asyncio__path_clear(opening->transport->net, local);
        if (local->name.ss_family == family)
            r = backend->type->bind(backend, opening->socket, (const struct sockaddr *)&local->name,
                                    local->size);
    }
    return r;
}

static int try_address(struct opening *opening, struct address *remote, int family,
                       const endpoint_options *options)
{
    struct backend *backend = opening->transport->net->backend;
    int r = backend->type->socket(backend, family, SOCK_DGRAM, 0, &opening->socket);
    if (r < 0)
        return r;
    opening->is_open = true;
    if (options->reuse_port)
        r = set_flag(opening, SO_REUSEPORT);
    if (r >= 0 && options->allow_broadcast)
        r = set_flag(opening, SO_BROADCAST);
    if (r >= 0 && opening->locals.count)
        r = bind_local(opening, family);
    if (r >= 0 && remote)
        r = connect_to(opening, remote);
    if (r < 0)
        close_socket(opening);
    return r;
}

static int try_addresses(struct opening *opening, const endpoint_options *options)
{
    struct addresses *list = opening->remotes.count ? &opening->remotes : &opening->locals;
    bool connects = opening->remotes.count;
    if (!list->count)
        return try_address(opening, NULL, options->family ? options->family : AF_INET, options);
    int r = -EADDRNOTAVAIL;
    for (size_t i = 0; i < list->count; i++) {
        struct address *address = &list->items[i];
        r = try_address(opening, connects ? address : NULL, address->name.ss_family, options);
        if (r >= 0 || r == -ECANCELED || r == -ENOMEM)
            break;
    }
    return r;
}

/* The one address that a path is; none for NULL. */
static int find_path(const char *path, int port, struct addresses *addresses)
{
    if (port)
        return asyncio_raise(-EINVAL, "a path has no port");
    if (!path)
        return 0;
    addresses->items = asyncio__calloc(1, sizeof *addresses->items);
    if (!addresses->items)
        return -ENOMEM;
    addresses->count = 1;
    int r = asyncio__address_of_path(path, addresses->items);
    return r < 0 ? asyncio_raise(r, "%s is no path of a socket: %s", path, asyncio_error_text(r))
                 : r;
}

static int find_paths(struct opening *opening, const endpoint_options *options)
{
    int r = find_path(options->local_host, options->local_port, &opening->locals);
    return r < 0 ? r : find_path(options->remote_host, options->remote_port, &opening->remotes);
}

static int resolve_both(struct opening *opening, const endpoint_options *options)
{
    struct net *net = opening->transport->net;
    struct resolve_hints hints = { .family = options->family, .flags = AI_PASSIVE };
    int r = 0;
    if (options->local_host || options->local_port)
        r = asyncio__resolve(net, options->local_host, options->local_port, &hints,
                             &opening->locals);
    hints.flags = 0;
    if (r >= 0 && (options->remote_host || options->remote_port))
        r = asyncio__resolve(net, options->remote_host, options->remote_port, &hints,
                             &opening->remotes);
    return r;
}

static int open_socket(struct opening *opening, const endpoint_options *options)
{
    int r = options->family == AF_UNIX ? find_paths(opening, options)
                                       : resolve_both(opening, options);
    return r < 0 ? r : try_addresses(opening, options);
}

/* One that the caller has made. */
static int adopt_socket(struct opening *opening, const endpoint_options *options)
{
    struct backend *backend = opening->transport->net->backend;
    if (options->local_host || options->local_port || options->remote_host ||
        options->remote_port || options->family || options->reuse_port || options->allow_broadcast)
        return asyncio_raise(-EINVAL, "options for a socket of its own, and sock, can not be "
                                      "specified at the same time");
    int type = 0, r = backend->type->adopt(backend, options->sock, &opening->socket);
    if (r < 0)
        return r;
    opening->is_open = opening->is_adopted = true;
    r = backend->type->getsockopt(backend, opening->socket, SOL_SOCKET, SO_TYPE, &type,
                                  &(socklen_t){ sizeof type });
    return r >= 0 && type != SOCK_DGRAM ? asyncio_raise(-EINVAL, "A datagram socket was expected")
                                        : r;
}

/* ---- the whole ---- */

static int make(struct net *net, bool has_protocol, struct opening **ret_opening)
{
    struct opening *opening = asyncio__calloc(1, sizeof *opening);
    asyncio_datagram_transport *transport =
        opening ? asyncio__calloc(1, sizeof *transport) : NULL;
    /* the buffers behind the batch: only the pages that are used cost anything */
    char *memory = transport && has_protocol
                       ? asyncio__malloc(DATAGRAM_BATCH * (sizeof(asyncio_datagram) + DATAGRAM_MAX))
                       : NULL;
    if (!transport || (has_protocol && !memory) ||
        asyncio__context_inherit(&transport->context) < 0) {
        asyncio__free(memory);
        asyncio__free(transport);
        asyncio__free(opening);
        return -ENOMEM;
    }
    if (memory) {
        transport->batch = (asyncio_datagram *)(void *)memory;
        char *bytes = memory + DATAGRAM_BATCH * sizeof(asyncio_datagram);
        for (size_t i = 0; i < DATAGRAM_BATCH; i++)
            transport->batch[i] = (asyncio_datagram){ .data = bytes + i * DATAGRAM_MAX,
                                                      .size = DATAGRAM_MAX };
    }
    transport->net = net;
    transport->refs = transport->holds = 1;
    transport->high = HIGH;
    transport->low = LOW;
    list_init(&transport->link);
    list_init(&transport->delivery.link);
    list_init(&transport->starting.link);
    list_init(&transport->waiters);
    list_init(&transport->senders);
    list_init(&transport->queue);
    opening->transport = transport;
    *ret_opening = opening;
    return 0;
}

/* Last, when there is a socket for it. */
static int make_protocol(asyncio_datagram_transport *transport,
                         asyncio_datagram_protocol_factory *factory, void *data)
{
    struct within within = within_enter(&transport->context);
    transport->protocol = factory(data);
    within_exit(within);
    return transport->protocol ? 0 : -ENOMEM;
}

struct held_endpoint {
    struct held held;
    asyncio_datagram_transport *transport;
};

static void drop_endpoint(struct held *held)
{
    asyncio_datagram_transport_unref(container_of(held, struct held_endpoint, held)->transport);
}

/* Until connection_made has been called. Who is cancelled leaves nothing. */
static int wait_made(asyncio_datagram_transport *transport)
{
    asyncio_task *task = task_current();
    struct held_endpoint held = { .transport = transport };
    task_hold(task, &held.held, drop_endpoint);
    int r = asyncio__waiters_wait(&transport->waiters, task);
    task_let_go(task, &held.held);
    if (r < 0)
        asyncio_datagram_transport_unref(transport);
    return r;
}

int(asyncio_loop_create_datagram_endpoint)(asyncio_loop *loop,
                                           asyncio_datagram_protocol_factory *factory,
                                           asyncio_datagram_transport **ret_transport,
                                           const endpoint_options *options)
{
    static const endpoint_options none = { .size = sizeof none, .sock = ASYNCIO__DEFAULT_SOCK };
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &none;
    struct net *net;
    struct opening *opening;
    int r = asyncio__loop_check(loop);
    if (r >= 0)
        r = asyncio__net_of_task(&net);
    if (r >= 0 && net->loop != loop)
        r = -ASYNCIO_OTHER_LOOP;
    if (r >= 0)
        r = make(net, factory != NULL, &opening);
    if (r < 0)
        return r;
    asyncio_task *task = task_current();
    task_hold(task, &opening->held, drop);
    r = options->sock >= 0 ? adopt_socket(opening, options) : open_socket(opening, options);
    if (r >= 0 && factory)
        r = make_protocol(opening->transport, factory, options->data);
    task_let_go(task, &opening->held);
    asyncio_datagram_transport *transport = NULL;
    if (r >= 0) {
        transport = opening->transport;
        opening->transport = NULL;
        asyncio__datagram_begin(transport, opening->socket);
    }
    drop(&opening->held);
    if (r >= 0 && factory)
        r = wait_made(transport);
    if (r < 0)
        return r;
    *ret_transport = transport;
    return 0;
}
