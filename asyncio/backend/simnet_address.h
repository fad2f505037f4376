/* SPDX-License-Identifier: MIT */
/* Addresses in the simulated network: what stream and datagram sockets of simnet.h and
 * simnet_datagram.h ask of them. IPv4, IPv6, and paths. */
#pragma once

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static inline bool is_path(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_UNIX;
}

static inline const char *path_of(const struct sockaddr_storage *address)
{
    return ((const struct sockaddr_un *)address)->sun_path;
}

static inline uint16_t port_of(const struct sockaddr_storage *address)
{
    return is_path(address) ? 0
           : address->ss_family == AF_INET6
               ? ntohs(((const struct sockaddr_in6 *)address)->sin6_port)
               : ntohs(((const struct sockaddr_in *)address)->sin_port);
}

static inline void set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons(port);
}

static inline bool is_wildcard(const struct sockaddr_storage *address)
{
    if (is_path(address))
        return false;
    return address->ss_family == AF_INET6
               ? IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr)
               : ((const struct sockaddr_in *)address)->sin_addr.s_addr == INADDR_ANY;
}

static inline bool is_loopback(const struct sockaddr_storage *address)
{
    if (is_path(address))
        return true; /* of this host */
    return address->ss_family == AF_INET6
               ? IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr)
               : ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
}

static inline bool is_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (is_path(a)) /* what is behind the name is zero */
        return memcmp(a, b, sizeof(struct sockaddr_un)) == 0;
    if (a->ss_family == AF_INET6)
        return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                      &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
    return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
           ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

static inline void set_loopback(struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_addr = in6addr_loopback;
    else
        ((struct sockaddr_in *)address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

/* Two sockets of one port are in each other's way on the same host, or where one has all. */
static inline bool is_in_the_way(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    return a->ss_family == b->ss_family && port_of(a) == port_of(b) &&
           (is_wildcard(a) || is_wildcard(b) || is_same_host(a, b));
}

enum { PORT_FIRST = 49152, PORT_LAST = 65535 };

/* The next of the ports that are handed out, in turn. */
static inline uint16_t take_port(uint16_t *next)
{
    if (*next < PORT_FIRST) /* also after 65535 */
        *next = PORT_FIRST;
    return (*next)++;
}
