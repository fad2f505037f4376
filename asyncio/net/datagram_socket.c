/* SPDX-License-Identifier: MIT */
/* What an endpoint's socket is asked for and told: names, groups. It is not asked by its number but
 * through the backend, as everything is. */
#include "net/address.h"
#include "net/datagram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int asyncio_datagram_transport_sockname(const asyncio_datagram_transport *transport,
                                        struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
    struct address address;
    if (transport->is_shut)
        return -ECONNRESET;
    int r = net_name_of(transport->net, transport->socket, false, &address.name, &address.size);
    if (r < 0)
        return r;
    *ret_address = address.name;
    if (ret_size)
        *ret_size = address.size;
    return 0;
}

static int address_text(const asyncio_datagram_transport *transport, bool of_peer, char *text,
                        size_t size)
{
    struct address address;
    int r = net_name_of(transport->net, transport->socket, of_peer, &address.name, &address.size);
    if (r >= 0)
        r = asyncio__address_format(&address, text, size);
    return r < 0 ? r : (int)strlen(text);
}

int asyncio_datagram_transport_get_extra_info(const asyncio_datagram_transport *transport,
                                              const char *name, char *data, size_t size)
{
    if (transport->is_shut)
        return -ECONNRESET;
    bool of_peer = strcmp(name, "peername") == 0;
    if (of_peer || strcmp(name, "sockname") == 0)
        return address_text(transport, of_peer, data, size);
    struct backend *backend = transport->net->backend;
    int number = strcmp(name, "socket") == 0
                     ? backend->type->descriptor(backend, transport->socket)
                     : -ENOENT;
    int length = number < 0 ? -ENOENT : snprintf(data, size, "%d", number);
    return length >= 0 && (size_t)length >= size ? -ENOSPC : length;
}

static int change_group(asyncio_datagram_transport *transport, const char *group,
                        const char *interface, int name, int name6)
{
    struct ip_mreq four = { .imr_interface.s_addr = htonl(INADDR_ANY) };
    struct ipv6_mreq six = { .ipv6mr_interface = 0 };
    if (transport->is_shut) /* it may have outlived its loop */
        return -ECONNRESET;
    struct backend *backend = transport->net->backend;
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
