/* SPDX-License-Identifier: MIT */
/* The addresses of connections and servers. See resolve.h. */
#include "net/resolve.h"

#include "base/alloc.h"
#include "net/names.h"

#include <errno.h>
#include <netdb.h>

static int resolve_name(struct net *net, const char *host, uint16_t port,
                        const struct resolve_hints *hints, struct addresses *ret_addresses)
{
    struct query query = { .host = host,
                           .family = hints->family,
                           .type = SOCK_STREAM,
                           .protocol = hints->protocol,
                           .flags = hints->flags };
    struct answer *answer;
    int r = asyncio__names_look_up(net, &query, &answer);
    if (r < 0)
        return r;
    struct address *items = answer->count ? asyncio__calloc(answer->count, sizeof *items) : NULL;
    for (size_t i = 0; items && i < answer->count; i++) {
        items[i] = answer->items[i].address;
        asyncio__address_set_port(&items[i].name, port);
    }
    if (items)
        *ret_addresses = (struct addresses){ items, answer->count };
    else
        r = answer->count ? -ENOMEM : asyncio__names_raise(-ASYNCIO_RESOLVE, 0, host);
    asyncio__answer_unref(answer);
    return r;
}

int asyncio__resolve(struct net *net, const char *host, int port,
                     const struct resolve_hints *hints, struct addresses *ret_addresses)
{
    int family = hints->family;
    bool passive = hints->flags & AI_PASSIVE;
    if (port < 0 || port > UINT16_MAX)
        return asyncio_raise(-EINVAL, "port must be 0-65535, not %d", port);
    if (family && family != AF_INET && family != AF_INET6)
        return asyncio_raise(-EINVAL, "address family %d is neither AF_INET nor AF_INET6", family);
    bool is_none = !host || !*host, is_literal = false;
    struct address literal;
    if (!is_none && !asyncio__address_parse(host, (uint16_t)port, family, &literal, &is_literal)) {
        if (is_literal)
            return asyncio_raise(-ASYNCIO_RESOLVE, "%s: Address family for hostname not supported",
                                 host);
        return resolve_name(net, host, (uint16_t)port, hints, ret_addresses);
    }
    struct address *items = asyncio__calloc(2, sizeof *items);
    if (!items)
        return -ENOMEM;
    size_t count = 0;
    if (!is_none)
        items[count++] = literal;
    if (is_none && family != AF_INET6)
        asyncio__address_of_none(AF_INET, passive, (uint16_t)port, &items[count++]);
    if (is_none && family != AF_INET)
        asyncio__address_of_none(AF_INET6, passive, (uint16_t)port, &items[count++]);
    *ret_addresses = (struct addresses){ items, count };
    return 0;
}

void asyncio__path_clear(struct net *net, const struct address *address)
{
    char path[ADDRESS_TEXT_SIZE];
    uint64_t file[2];
    if (asyncio__address_format(address, path, sizeof path) >= 0 && path[0] != '@' &&
        net->backend->type->path_id(net->backend, path, file) >= 0)
        (void)net->backend->type->path_remove(net->backend, path);
}
