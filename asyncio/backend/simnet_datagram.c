/* SPDX-License-Identifier: MIT */
/* Datagrams in the network in memory. See simnet_datagram.h. */
#include "backend/simnet_datagram.h"

#include "backend/simnet_address.h"
#include "base/alloc.h"

#include <asyncio/datagram.h>
#include <errno.h>
#include <string.h>

enum {
    INBOX_MAX = 212992, /* bytes: Linux's default */
    LENGTH_MAX = 65507,
};

struct packet {
    struct list link;
    struct sockaddr_storage from;
    size_t size;
    char bytes[];
};

static _Thread_local struct list bound = { NULL, NULL };
static _Thread_local uint16_t port_next;

static struct list *network(void)
{
    if (!bound.next)
        list_init(&bound);
    return &bound;
}

static struct simnet_datagrams *find_bound(const struct sockaddr_storage *address)
{
    for (struct list *link = network()->next; link != network(); link = link->next) {
        struct simnet_datagrams *socket = container_of(link, struct simnet_datagrams, link);
        if (is_in_the_way(&socket->local, address))
            return socket;
    }
    return NULL;
}

struct simnet_datagrams *asyncio__simnet_datagrams_open(int family, void (*changed)(void *owner),
                                                        void *owner)
{
    struct simnet_datagrams *socket = asyncio__calloc(1, sizeof *socket);
    if (!socket)
        return NULL;
    socket->changed = changed;
    socket->owner = owner;
    socket->family = family;
    socket->local.ss_family = (sa_family_t)family;
    socket->address_size =
        family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    list_init(&socket->link);
    list_init(&socket->inbox);
    return socket;
}

void asyncio__simnet_datagrams_close(struct simnet_datagrams *socket)
{
    list_remove(&socket->link);
    for (struct list *link; (link = list_pop(&socket->inbox));)
        asyncio__free(container_of(link, struct packet, link));
    asyncio__free(socket);
}

static int copy_address(const struct simnet_datagrams *socket, const struct sockaddr *address,
                        socklen_t size, struct sockaddr_storage *copy)
{
    if (size < sizeof address->sa_family || size < socket->address_size)
        return -EINVAL;
    if (address->sa_family != socket->family)
        return -EAFNOSUPPORT;
    memset(copy, 0, sizeof *copy);
    memcpy(copy, address, socket->address_size);
    return 0;
}

int asyncio__simnet_datagrams_bind(struct simnet_datagrams *socket, const struct sockaddr *address,
                                   socklen_t size)
{
    struct sockaddr_storage copy;
    int r = copy_address(socket, address, size, &copy);
    if (r < 0)
        return r;
    if (socket->is_bound)
        return -EINVAL;
    bool picks = port_of(&copy) == 0;
    for (int tries = 0; picks && tries <= PORT_LAST - PORT_FIRST; tries++) {
        set_port(&copy, take_port(&port_next));
        if (!find_bound(&copy))
            break;
    }
    if (find_bound(&copy))
        return -EADDRINUSE;
    socket->local = copy;
    socket->is_bound = true;
    list_append(network(), &socket->link);
    return 0;
}

/* Who sends has an address of his own. */
static int bind_if_not(struct simnet_datagrams *socket)
{
    if (socket->is_bound)
        return 0;
    struct sockaddr_storage any = { .ss_family = (sa_family_t)socket->family };
    set_loopback(&any);
    return asyncio__simnet_datagrams_bind(socket, (struct sockaddr *)&any, socket->address_size);
}

int asyncio__simnet_datagrams_connect(struct simnet_datagrams *socket,
                                      const struct sockaddr *address, socklen_t size)
{
    int r = copy_address(socket, address, size, &socket->peer);
    if (r >= 0)
        r = bind_if_not(socket);
    socket->is_connected = r >= 0;
    return r;
}

int asyncio__simnet_datagrams_receive(struct simnet_datagrams *socket,
                                      struct asyncio_datagram *datagram)
{
    if (socket->error) {
        int error = socket->error;
        socket->error = 0;
        return error;
    }
    struct list *link = list_pop(&socket->inbox);
    if (!link)
        return -EAGAIN;
    struct packet *packet = container_of(link, struct packet, link);
    datagram->length = packet->size < datagram->size ? packet->size : datagram->size;
    datagram->is_truncated = packet->size > datagram->size;
    datagram->address = packet->from;
    datagram->address_size = socket->address_size;
    if (datagram->length)
        memcpy(datagram->data, packet->bytes, datagram->length);
    socket->inbox_size -= packet->size;
    asyncio__free(packet);
    return 1;
}

void asyncio__simnet_datagrams_shuffle(struct simnet_datagrams *socket)
{
    struct list *first = list_pop(&socket->inbox);
    if (first)
        list_append(&socket->inbox, first);
}

static void deliver(struct simnet_datagrams *from, struct simnet_datagrams *to,
                    const struct asyncio_datagram *datagram)
{
    bool is_deaf = to->is_connected && (!is_same_host(&to->peer, &from->local) ||
                                        port_of(&to->peer) != port_of(&from->local));
    if (is_deaf || to->inbox_size + datagram->size > INBOX_MAX)
        return;
    struct packet *packet = asyncio__malloc(sizeof *packet + datagram->size);
    if (!packet)
        return; /* lost, as datagrams are */
    packet->from = from->local;
    packet->size = datagram->size;
    if (packet->size)
        memcpy(packet->bytes, datagram->data, packet->size);
    to->inbox_size += packet->size;
    list_append(&to->inbox, &packet->link);
    to->changed(to->owner);
}

int asyncio__simnet_datagrams_send(struct simnet_datagrams *socket,
                                   const struct asyncio_datagram *datagram)
{
    struct sockaddr_storage to = socket->peer;
    int r = 0;
    if (socket->error) {
        r = socket->error;
        socket->error = 0;
        return r;
    }
    if (datagram->size > LENGTH_MAX)
        return -EMSGSIZE;
    if (datagram->address_size)
        r = copy_address(socket, (const struct sockaddr *)&datagram->address,
                         datagram->address_size, &to);
    else if (!socket->is_connected)
        r = -EDESTADDRREQ;
    if (r >= 0)
        r = bind_if_not(socket);
    if (r < 0)
        return r;
    struct simnet_datagrams *receiver = find_bound(&to);
    if (receiver)
        deliver(socket, receiver, datagram);
    else if (socket->is_connected) {
        socket->error = -ECONNREFUSED;
        socket->changed(socket->owner);
    }
    return 0;
}
