/* SPDX-License-Identifier: MIT */
/* Making a datagram endpoint: names, a socket for each address until one will do, options, groups.
 *
 * Until it begins the transport is the task's (`held`): it goes with a task that is cancelled, or
 * dropped with its loop. */
#include "net/datagram.h"
#include "net/resolve.h"
#include "net/within.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { HIGH = 65536, LOW = 16384 };

typedef asyncio_loop_create_datagram_endpoint_options endpoint_options;

struct opening {
    struct held held;
    asyncio_datagram_transport *transport; /* NULL: it has begun */
    struct addresses locals, remotes;
    sock socket;
    bool is_open;
    /* of the connect under way */
    struct awaited awaited;
    asyncio_task *task;
    bool is_cancelled;
};

static void close_socket(struct opening *opening)
{
    struct net *net = opening->transport->net;
    if (opening->is_open)
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
    static const endpoint_options none = { .size = sizeof none };
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
    r = resolve_both(opening, options);
    if (r >= 0)
        r = try_addresses(opening, options);
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

/* ---- the socket's own ---- */

int asyncio_datagram_transport_sockname(const asyncio_datagram_transport *transport,
                                        struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
    struct address address;
    if (transport->is_shut)
        return -ECONNRESET;
    struct backend *backend = transport->net->backend;
    int r = backend->type->getsockname(backend, transport->socket, &address.name, &address.size);
    if (r < 0)
        return r;
    *ret_address = address.name;
    if (ret_size)
        *ret_size = address.size;
    return 0;
}

static int change_group(asyncio_datagram_transport *transport, const char *group,
                        const char *interface, int name, int name6)
{
    struct backend *backend = transport->net->backend;
    struct ip_mreq four = { .imr_interface.s_addr = htonl(INADDR_ANY) };
    struct ipv6_mreq six = { .ipv6mr_interface = 0 };
    if (transport->is_shut)
        return -ECONNRESET;
    int r = asyncio__loop_check(transport->net->loop);
    if (r < 0)
        return r;
    if (group && inet_pton(AF_INET, group, &four.imr_multiaddr) == 1) {
        if (interface && inet_pton(AF_INET, interface, &four.imr_interface) != 1)
            return -EINVAL;
        return backend->type->setsockopt(backend, transport->socket, IPPROTO_IP, name, &four,
                                         sizeof four);
    }
    if (!group || inet_pton(AF_INET6, group, &six.ipv6mr_multiaddr) != 1)
        return -EINVAL;
    char *end = NULL;
    if (interface) {
        six.ipv6mr_interface = (unsigned)strtoul(interface, &end, 10);
        if (end == interface || *end)
            return -EINVAL;
    }
    return backend->type->setsockopt(backend, transport->socket, IPPROTO_IPV6, name6, &six,
                                     sizeof six);
}

int asyncio_datagram_transport_join_group(asyncio_datagram_transport *transport, const char *group,
                                          const char *interface)
{
    return change_group(transport, group, interface, IP_ADD_MEMBERSHIP, IPV6_JOIN_GROUP);
}

int asyncio_datagram_transport_leave_group(asyncio_datagram_transport *transport, const char *group,
                                           const char *interface)
{
    return change_group(transport, group, interface, IP_DROP_MEMBERSHIP, IPV6_LEAVE_GROUP);
}

int asyncio_datagram_transport_set_multicast(asyncio_datagram_transport *transport, int ttl,
                                             int loop)
{
    struct sockaddr_storage address;
    int r = asyncio_datagram_transport_sockname(transport, &address, NULL);
    if (r >= 0)
        r = asyncio__loop_check(transport->net->loop);
    if (r < 0)
        return r;
    struct backend *backend = transport->net->backend;
    bool six = address.ss_family == AF_INET6;
    int level = six ? IPPROTO_IPV6 : IPPROTO_IP;
    r = backend->type->setsockopt(backend, transport->socket, level,
                                  six ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL, &ttl, sizeof ttl);
    return r < 0 ? r
                 : backend->type->setsockopt(backend, transport->socket, level,
                                             six ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP, &loop,
                                             sizeof loop);
}
