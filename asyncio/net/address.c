/* SPDX-License-Identifier: MIT */
/* Socket addresses. See address.h. */
#include "net/address.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

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

int asyncio__address_of_path(const char *path, struct address *ret_address)
{
    struct address address = { .name.ss_family = AF_UNIX };
    struct sockaddr_un *name = (struct sockaddr_un *)(void *)&address.name;
    size_t length = strlen(path);
    bool is_abstract = *path == '@';
    if (length <= is_abstract)
        return -EINVAL;
    if (length + !is_abstract > sizeof name->sun_path)
        return -ENAMETOOLONG;
    memcpy(name->sun_path, path, length);
    if (is_abstract)
        name->sun_path[0] = '\0';
    address.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !is_abstract);
    *ret_address = address;
    return 0;
}

uint16_t asyncio__address_port(const struct sockaddr_storage *name)
{
    if (name->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)name)->sin6_port);
    if (name->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)name)->sin_port);
    return 0;
}

void asyncio__address_set_port(struct sockaddr_storage *name, uint16_t port)
{
    if (name->ss_family == AF_INET6)
        six_of(name)->sin6_port = htons(port);
    else if (name->ss_family == AF_INET)
        four_of(name)->sin_port = htons(port);
}

bool asyncio__address_is_equal(const struct address *a, const struct address *b)
{
    return a->size == b->size && memcmp(&a->name, &b->name, a->size) == 0;
}

/* Moves the first one of `family` from `from` to the end of `sorted`, if there is one left. */
static void take_next(struct addresses *from, int family, struct address *sorted, size_t *taken)
{
    for (size_t i = 0; i < from->count; i++) {
        if (!from->items[i].size || from->items[i].name.ss_family != family)
            continue;
        sorted[(*taken)++] = from->items[i];
        from->items[i].size = 0; /* it has been taken */
        return;
    }
}

static bool is_first_of_family(const struct addresses *addresses, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (addresses->items[i].name.ss_family == addresses->items[index].name.ss_family)
            return false;
    return true;
}

/* CPython's _interleave_addrinfos: each round takes the next one of each family. */
int asyncio__addresses_interleave(struct addresses *addresses, size_t first_count)
{
    struct address *from = addresses->items;
    struct address *sorted = asyncio__calloc(addresses->count, sizeof *sorted);
    if (!sorted)
        return -ENOMEM;
    size_t taken = 0;
    for (size_t i = 1; i < first_count && i < addresses->count; i++)
        take_next(addresses, from[0].name.ss_family, sorted, &taken);
    while (taken < addresses->count)
        for (size_t i = 0; i < addresses->count; i++)
            if (is_first_of_family(addresses, i))
                take_next(addresses, from[i].name.ss_family, sorted, &taken);
    asyncio__free(from);
    addresses->items = sorted;
    return 0;
}

static int format_path(const struct address *address, char *text, size_t size)
{
    const struct sockaddr_un *name = (const struct sockaddr_un *)(const void *)&address->name;
    size_t begin = offsetof(struct sockaddr_un, sun_path);
    size_t length = address->size > begin ? address->size - begin : 0;
    if (length && name->sun_path[0])
        length = strnlen(name->sun_path, length);
    if (length >= size)
        return -ENOSPC;
    for (size_t i = 0; i < length; i++)
        text[i] = name->sun_path[i] ? name->sun_path[i] : '@';
    text[length] = '\0';
    return 0;
}

int asyncio__address_format(const struct address *address, char *text, size_t size)
{
    const struct sockaddr_storage *name = &address->name;
    char host[INET6_ADDRSTRLEN], scope[IF_NAMESIZE + 1] = "", whole[ADDRESS_TEXT_SIZE];
    int length;
    if (name->ss_family == AF_UNIX)
        return format_path(address, text, size);
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
