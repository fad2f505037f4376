/* SPDX-License-Identifier: MIT */
/* The network in memory. See simnet.h. */
#include "backend/simnet.h"

#include "backend/simnet_address.h"
#include "base/alloc.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum {
    BUFFER_DEFAULT = 32768,
    BUFFER_MIN = 256,
    BUFFER_MAX = 1 << 24
};

/* What has arrived at one end. */
struct end {
    /* NULL: closed, or not yet accepted (then the connection is in a backlog) */
    struct simnet_socket *socket;
    bool is_closed;
    bool has_fin; /* the peer sends no more */
    bool has_sent_fin;
    bool is_broken; /* reset: nothing can be sent or will arrive */
    int error;      /* told once */
    char *data;
    size_t head, count, capacity;
};

struct simnet_connection {
    struct end ends[2];
    struct list link; /* in a backlog */
    struct sockaddr_storage address[2];
};

static _Thread_local struct list bound = { NULL, NULL };
static _Thread_local uint16_t port_next;
static _Thread_local uint64_t path_ids;

static struct list *network(void)
{
    if (!bound.next)
        list_init(&bound);
    return &bound;
}

/* ---- addresses ---- */

static int copy_address(const struct simnet_socket *socket, const struct sockaddr *address,
                        socklen_t size, struct sockaddr_storage *copy)
{
    if (size < sizeof address->sa_family)
        return -EINVAL;
    if (address->sa_family != socket->family)
        return -EAFNOSUPPORT;
    bool is_unix = socket->family == AF_UNIX;
    if (is_unix
            ? size <= offsetof(struct sockaddr_un, sun_path) || size > sizeof(struct sockaddr_un)
            : size < socket->address_size)
        return -EINVAL;
    memset(copy, 0, sizeof *copy);
    memcpy(copy, address, is_unix ? size : socket->address_size);
    return 0;
}

/* Addresses that nobody answers, as where a firewall drops what comes: those that are reserved for
 * examples, 192.0.2.0/24 and 2001:db8::/32. */
static bool is_hole(const struct sockaddr_storage *address)
{
    static const unsigned char six[] = { 0x20, 0x01, 0x0d, 0xb8 };
    if (address->ss_family == AF_INET6)
        return memcmp(&((const struct sockaddr_in6 *)address)->sin6_addr, six, sizeof six) == 0;
    return address->ss_family == AF_INET &&
           ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 8 == 0xc00002;
}

/* The bound socket in the way of `address`, or NULL. */
static struct simnet_socket *find_bound(const struct sockaddr_storage *address)
{
    for (struct list *link = network()->next; link != network(); link = link->next) {
        struct simnet_socket *socket = container_of(link, struct simnet_socket, bound_link);
        if (is_in_the_way(&socket->local, address))
            return socket;
    }
    return NULL;
}

static int pick_port(struct sockaddr_storage *address)
{
    for (int tries = 0; tries <= PORT_LAST - PORT_FIRST; tries++) {
        set_port(address, take_port(&port_next));
        if (!find_bound(address))
            return 0;
    }
    return -EADDRINUSE;
}

/* ---- ends ---- */

static struct end *end_of(const struct simnet_socket *socket)
{
    return &socket->connection->ends[socket->end];
}

static struct end *peer_of(const struct simnet_socket *socket)
{
    return &socket->connection->ends[!socket->end];
}

static void tell(struct simnet_socket *socket)
{
    if (socket)
        socket->changed(socket);
}

/* All of them: the first may have lost interest by now. Who comes too late waits again. */
static void tell_waiters(struct simnet_socket *listener)
{
    for (struct list *link; (link = list_pop(&listener->waiters));)
        tell(container_of(link, struct simnet_socket, waiter_link));
}

static void break_end(struct end *end, int error)
{
    end->is_broken = end->has_fin = true;
    if (!end->is_closed)
        end->error = error;
    tell(end->socket);
}

static void close_end(struct simnet_connection *connection, int which, bool resets)
{
    struct end *end = &connection->ends[which], *peer = &connection->ends[!which];
    end->is_closed = true;
    end->socket = NULL;
    if (peer->is_closed) {
        asyncio__free(connection);
        return;
    }
    if (resets || end->count > 0) {
        break_end(peer, ECONNRESET);
    } else if (!end->is_broken) {
        peer->has_fin = true;
        tell(peer->socket);
    }
}

static struct simnet_connection *connection_new(const struct simnet_socket *socket,
                                                const struct simnet_socket *listener)
{
    /* of what arrives at each end: the sender's and the receiver's buffer together */
    size_t sizes[2];
    sizes[0] = (socket->receive_size ? socket->receive_size : BUFFER_DEFAULT) +
               (listener->send_size ? listener->send_size : BUFFER_DEFAULT);
    sizes[1] = (socket->send_size ? socket->send_size : BUFFER_DEFAULT) +
               (listener->receive_size ? listener->receive_size : BUFFER_DEFAULT);
    struct simnet_connection *connection =
        asyncio__malloc(sizeof *connection + sizes[0] + sizes[1]);
    if (!connection)
        return NULL;
    memset(connection, 0, sizeof *connection);
    char *data = (char *)(connection + 1);
    for (int i = 0; i < 2; i++) {
        connection->ends[i].data = data;
        connection->ends[i].capacity = sizes[i];
        data += sizes[i];
    }
    return connection;
}

/* ---- sockets ---- */

void asyncio__simnet_open(struct simnet_socket *socket, int family,
                          void (*changed)(struct simnet_socket *))
{
    *socket = (struct simnet_socket){ .changed = changed, .family = family };
    socket->address_size = family == AF_INET6  ? sizeof(struct sockaddr_in6)
                           : family == AF_UNIX ? sizeof(struct sockaddr_un)
                                               : sizeof(struct sockaddr_in);
    socket->local.ss_family = socket->peer.ss_family = (sa_family_t)family;
    list_init(&socket->bound_link);
    list_init(&socket->backlog);
    list_init(&socket->waiters);
    list_init(&socket->waiter_link);
}

void asyncio__simnet_unbind(struct simnet_socket *socket)
{
    list_remove(&socket->bound_link);
    list_remove(&socket->waiter_link);
    socket->is_listening = false;
}

void asyncio__simnet_close(struct simnet_socket *socket)
{
    asyncio__simnet_unbind(socket);
    for (struct list *link; (link = list_pop(&socket->backlog));)
        close_end(container_of(link, struct simnet_connection, link), 1, true);
    tell_waiters(socket); /* they try again, and are refused */
    if (socket->connection)
        close_end(socket->connection, socket->end, socket->is_linger_zero);
    socket->connection = NULL;
}

int asyncio__simnet_bind(struct simnet_socket *socket, const struct sockaddr *address,
                         socklen_t size)
{
    struct sockaddr_storage local;
    int r = copy_address(socket, address, size, &local);
    if (r < 0)
        return r;
    if (socket->is_bound || socket->connection)
        return -EINVAL;
    if (!is_wildcard(&local) && !is_loopback(&local))
        return -EADDRNOTAVAIL;
    if (!is_path(&local) && port_of(&local) == 0)
        r = pick_port(&local);
    else if (find_bound(&local))
        r = -EADDRINUSE;
    if (r < 0)
        return r;
    socket->local = local;
    socket->is_bound = true;
    if (is_path(&local))
        socket->path_id = ++path_ids;
    list_append(network(), &socket->bound_link);
    return 0;
}

/* The socket that a path names, or NULL. */
static struct simnet_socket *find_path(const char *path)
{
    for (struct list *link = network()->next; link != network(); link = link->next) {
        struct simnet_socket *socket = container_of(link, struct simnet_socket, bound_link);
        if (is_path(&socket->local) && strcmp(path_of(&socket->local), path) == 0)
            return socket;
    }
    return NULL;
}

int asyncio__simnet_path_id(const char *path, uint64_t *ret_id)
{
    const struct simnet_socket *socket = find_path(path);
    if (!socket)
        return -ENOENT;
    *ret_id = socket->path_id;
    return 0;
}

int asyncio__simnet_path_remove(const char *path)
{
    struct simnet_socket *socket = find_path(path);
    if (!socket)
        return -ENOENT;
    list_remove(&socket->bound_link); /* it listens on, and nobody finds it */
    return 0;
}

int asyncio__simnet_listen(struct simnet_socket *socket, int backlog)
{
    if (socket->connection)
        return -EINVAL;
    if (!socket->is_bound && socket->family == AF_UNIX)
        return -EINVAL;
    if (!socket->is_bound) {
        int r = pick_port(&socket->local);
        if (r < 0)
            return r;
        socket->is_bound = true;
        list_append(network(), &socket->bound_link);
    }
    socket->is_listening = true;
    /* Linux holds one more than asked for */
    socket->backlog_limit = backlog < 0 ? 4096 : (unsigned)backlog + 1;
    return 0;
}

int asyncio__simnet_connect(struct simnet_socket *socket, const struct sockaddr *address,
                            socklen_t size)
{
    struct sockaddr_storage target;
    int r = copy_address(socket, address, size, &target);
    if (r < 0)
        return r;
    if (socket->connection)
        return -EISCONN;
    if (socket->is_listening)
        return -EINVAL;
    if (is_wildcard(&target))
        set_loopback(&target);
    if (is_hole(&target))
        return -EAGAIN; /* for ever */
    if (!is_loopback(&target))
        return -ENETUNREACH;
    struct simnet_socket *listener = find_bound(&target);
    if (!listener && is_path(&target) && *path_of(&target))
        return -ENOENT;
    if (!listener || !listener->is_listening)
        return -ECONNREFUSED;
    if (listener->backlog_count >= listener->backlog_limit) {
        if (list_empty(&socket->waiter_link))
            list_append(&listener->waiters, &socket->waiter_link);
        return -EAGAIN;
    }
    list_remove(&socket->waiter_link);
    if (!socket->is_bound && !is_path(&target)) {
        r = pick_port(&socket->local);
        if (r < 0)
            return r;
    }
    struct simnet_connection *connection = connection_new(socket, listener);
    if (!connection)
        return -ENOMEM;
    if (!is_path(&target) && (!socket->is_bound || is_wildcard(&socket->local)))
        set_loopback(&socket->local);
    socket->peer = target;
    socket->connection = connection;
    socket->end = 0;
    connection->ends[0].socket = socket;
    connection->address[0] = socket->local;
    connection->address[1] = target;
    list_append(&listener->backlog, &connection->link);
    listener->backlog_count++;
    tell(listener);
    return 0;
}

void asyncio__simnet_connect_cancel(struct simnet_socket *socket)
{
    list_remove(&socket->waiter_link);
}

static struct simnet_connection *take_from_backlog(struct simnet_socket *listener)
{
    struct list *link = list_pop(&listener->backlog);
    if (!link)
        return NULL;
    listener->backlog_count--;
    tell_waiters(listener);
    return container_of(link, struct simnet_connection, link);
}

int asyncio__simnet_accept(struct simnet_socket *listener, struct simnet_socket *socket,
                           void (*changed)(struct simnet_socket *))
{
    if (!listener->is_listening)
        return -EINVAL;
    struct simnet_connection *connection = take_from_backlog(listener);
    if (!connection)
        return -EAGAIN;
    asyncio__simnet_open(socket, listener->family, changed);
    socket->connection = connection;
    socket->end = 1;
    socket->local = connection->address[1];
    socket->peer = connection->address[0];
    connection->ends[1].socket = socket;
    return 0;
}

int asyncio__simnet_recv(struct simnet_socket *socket, void *data, size_t size)
{
    if (!socket->connection)
        return -ENOTCONN;
    struct end *end = end_of(socket);
    if (end->count == 0) {
        int error = end->error;
        end->error = 0;
        return error ? -error : end->has_fin ? 0 : -EAGAIN;
    }
    if (size > end->count)
        size = end->count;
    size_t first = end->capacity - end->head < size ? end->capacity - end->head : size;
    memcpy(data, end->data + end->head, first);
    memcpy((char *)data + first, end->data, size - first);
    end->head = (end->head + size) % end->capacity;
    end->count -= size;
    tell(peer_of(socket)->socket);
    return (int)size;
}

int asyncio__simnet_send(struct simnet_socket *socket, const void *data, size_t size)
{
    if (!socket->connection)
        return -ENOTCONN;
    struct end *end = end_of(socket), *peer = peer_of(socket);
    int error = end->error;
    end->error = 0;
    if (error)
        return -error;
    if (end->is_broken || end->has_sent_fin)
        return -EPIPE;
    if (peer->is_closed) { /* these bytes go out; the answer to them is a reset */
        break_end(end, 0);
        return (int)size;
    }
    size_t space = peer->capacity - peer->count;
    if (space == 0)
        return -EAGAIN;
    if (size > space)
        size = space;
    size_t tail = (peer->head + peer->count) % peer->capacity;
    size_t first = peer->capacity - tail < size ? peer->capacity - tail : size;
    memcpy(peer->data + tail, data, first);
    memcpy(peer->data, (const char *)data + first, size - first);
    peer->count += size;
    tell(peer->socket);
    return (int)size;
}

int asyncio__simnet_shutdown(struct simnet_socket *socket, int how)
{
    if (!socket->connection)
        return -ENOTCONN;
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    struct end *end = end_of(socket), *peer = peer_of(socket);
    if (end->is_broken && peer->is_closed)
        return -ENOTCONN;
    if (how != SHUT_WR) {
        end->has_fin = true;
        tell(socket);
    }
    if (how != SHUT_RD) {
        end->has_sent_fin = true;
        if (!peer->is_closed && !peer->is_broken)
            peer->has_fin = true;
        tell(peer->socket);
        tell(socket);
    }
    return 0;
}

void asyncio__simnet_reset(struct simnet_socket *socket)
{
    struct simnet_connection *connection = socket->connection;
    if (!connection) {
        connection = take_from_backlog(socket);
        if (connection)
            close_end(connection, 1, true);
        return;
    }
    break_end(&connection->ends[0], ECONNRESET);
    break_end(&connection->ends[1], ECONNRESET);
}

bool asyncio__simnet_is_readable(const struct simnet_socket *socket)
{
    if (socket->is_listening)
        return socket->backlog_count > 0;
    return !socket->connection || end_of(socket)->count > 0 || end_of(socket)->has_fin ||
           end_of(socket)->error;
}

bool asyncio__simnet_is_writable(const struct simnet_socket *socket)
{
    if (!socket->connection)
        return !socket->is_listening;
    const struct end *peer = peer_of(socket);
    return end_of(socket)->is_broken || peer->is_closed || peer->count < peer->capacity;
}
