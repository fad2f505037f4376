/* SPDX-License-Identifier: MIT */
/* Socket addresses. See address.h. */
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static struct sockaddr_in *four_of(struct sockaddr_storage *name)
{
    return (struct sockaddr_in *)(void *)name;
}

static struct sockaddr_in6 *six_of(struct sockaddr_storage *name)
{
    return (struct sockaddr_in6 *)(void *)name;
}

static struct address make(int family, uint16_t port)
{
    struct address address = { .name.ss_family = (sa_family_t)family };
    address.size = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    asyncio__address_set_port(&address.name, port);
    return address;
}

/* Scopes are names of interfaces, which libc knows to look up. With AI_NUMERICHOST it asks no
 * server. */
static bool parse_scoped(const char *host, struct address *address)
{
    struct addrinfo hints = { .ai_family = AF_INET6,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICHOST };
    struct addrinfo *found;
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    bool fits = found->ai_addrlen == sizeof(struct sockaddr_in6);
    uint16_t port = asyncio__address_port(&address->name);
    if (fits)
        memcpy(&address->name, found->ai_addr, sizeof(struct sockaddr_in6));
    asyncio__address_set_port(&address->name, port);
    freeaddrinfo(found);
    return fits;
}

bool asyncio__address_parse(const char *host, uint16_t port, int family,
                            struct address *ret_address, bool *ret_is_literal)
{
    struct address address = make(AF_INET, port);
    bool is_literal = inet_pton(AF_INET, host, &four_of(&address.name)->sin_addr) == 1;
    if (!is_literal && strchr(host, ':')) {
        address = make(AF_INET6, port);
        is_literal = strchr(host, '%')
                         ? parse_scoped(host, &address)
                         : inet_pton(AF_INET6, host, &six_of(&address.name)->sin6_addr) == 1;
    }
    *ret_is_literal = is_literal;
    if (!is_literal || (family && family != address.name.ss_family))
        return false;
    *ret_address = address;
    return true;
}

void asyncio__address_of_none(int family, bool passive, uint16_t port, struct address *ret_address)
{
    *ret_address = make(family, port);
    if (family == AF_INET6)
        six_of(&ret_address->name)->sin6_addr = passive ? in6addr_any : in6addr_loopback;
    else
        four_of(&ret_address->name)->sin_addr.s_addr =
            htonl(passive ? INADDR_ANY : INADDR_LOOPBACK);
}

uint16_t asyncio__address_port(const struct sockaddr_storage *name)
{
    return ntohs(name->ss_family == AF_INET6
                     ? ((const struct sockaddr_in6 *)(const void *)name)->sin6_port
                     : ((const struct sockaddr_in *)(const void *)name)->sin_port);
}

void asyncio__address_set_port(struct sockaddr_storage *name, uint16_t port)
{
    if (name->ss_family == AF_INET6)
        six_of(name)->sin6_port = htons(port);
    else
        four_of(name)->sin_port = htons(port);
}

bool asyncio__address_is_equal(const struct address *a, const struct address *b)
{
    return a->size == b->size && memcmp(&a->name, &b->name, a->size) == 0;
}

int asyncio__address_format(const struct sockaddr_storage *name, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN], scope[IF_NAMESIZE + 1] = "", whole[ADDRESS_TEXT_SIZE];
    int length;
    if (name->ss_family == AF_INET) {
        const unsigned char *byte =
            (const unsigned char *)&((const struct sockaddr_in *)(const void *)name)->sin_addr;
        length = snprintf(whole, sizeof whole, "%u.%u.%u.%u:%u", byte[0], byte[1], byte[2], byte[3],
                          asyncio__address_port(name));
    } else if (name->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)name;
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
        if (six->sin6_scope_id)
            snprintf(scope, sizeof scope, "%%%u", six->sin6_scope_id);
        length =
            snprintf(whole, sizeof whole, "[%s%s]:%u", host, scope, asyncio__address_port(name));
    } else {
        return -EAFNOSUPPORT;
    }
    if ((size_t)length >= size)
        return -ENOSPC;
    memcpy(text, whole, (size_t)length + 1);
    return 0;
}
