/* SPDX-License-Identifier: MIT */
#include "net/peers.h"

#include "base/alloc.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { ROWS_MIN = 64 };

/* False: it is no address of a network. */
static bool is_counted(const struct sockaddr_storage *name, uint64_t *ret_network,
                      uint64_t *ret_host)
{
    *ret_network = *ret_host = 0;
    if (name->ss_family == AF_INET) {
        memcpy(ret_host, &((const struct sockaddr_in *)(const void *)name)->sin_addr, 4);
        return true;
    }
    if (name->ss_family != AF_INET6)
        return false;
    const struct in6_addr *address = &((const struct sockaddr_in6 *)(const void *)name)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        memcpy(ret_host, &address->s6_addr[12], 4);
        return true;
    }
    memcpy(ret_network, address->s6_addr, 8);
    if (IN6_IS_ADDR_LINKLOCAL(address) || IN6_IS_ADDR_LOOPBACK(address))
        memcpy(ret_host, &address->s6_addr[8], 8);
    return true;
}

static struct peer **row_of(const struct peers *peers, uint64_t network, uint64_t host)
{
    uint64_t hash = (network ^ peers->secret[0]) * (peers->secret[1] | 1);
    hash = (hash ^ hash >> 32 ^ host ^ peers->secret[1]) * (peers->secret[0] | 1);
    return &peers->rows[(hash ^ hash >> 32) & (peers->row_count - 1)];
}

/* Without memory the rows are longer, or, at first, there are none. */
static int grow(struct peers *peers)
{
    size_t before = peers->row_count;
    struct peer **rows = peers->rows,
                **more = asyncio__calloc(before ? before * 2 : ROWS_MIN, sizeof *more);
    if (!more)
        return before ? 0 : -ENOMEM;
    if (!before && getrandom(peers->secret, sizeof peers->secret, GRND_NONBLOCK) < 0) {
        struct timespec now; /* early in the life of a machine */
        clock_gettime(CLOCK_MONOTONIC, &now);
        peers->secret[0] = (uint64_t)now.tv_nsec;
        peers->secret[1] = (uint64_t)(uintptr_t)more;
    }
    peers->rows = more;
    peers->row_count = before ? before * 2 : ROWS_MIN;
    for (size_t i = 0; i < before; i++)
        for (struct peer *peer = rows[i], *next; peer; peer = next) {
            next = peer->next;
            struct peer **row = row_of(peers, peer->network, peer->host);
            peer->next = *row;
            *row = peer;
        }
    asyncio__free(rows);
    return 0;
}

int asyncio__peers_add(struct peers *peers, const struct sockaddr_storage *name, unsigned most,
                       struct peer **ret_peer)
{
    uint64_t network, host;
    *ret_peer = NULL;
    if (!is_counted(name, &network, &host))
        return 1;
    if (peers->count >= peers->row_count && grow(peers) < 0)
        return -ENOMEM;
    struct peer **row = row_of(peers, network, host), *peer = *row;
    while (peer && (peer->network != network || peer->host != host))
        peer = peer->next;
    if (peer && peer->connections >= most)
        return 0;
    if (!peer) {
        peer = asyncio__malloc(sizeof *peer);
        if (!peer)
            return -ENOMEM;
        *peer = (struct peer){ .next = *row, .network = network, .host = host };
        *row = peer;
        peers->count++;
    }
    peer->connections++;
    *ret_peer = peer;
    return 1;
}

void asyncio__peers_remove(struct peers *peers, struct peer *peer)
{
    if (!peer || --peer->connections)
        return;
    struct peer **at = row_of(peers, peer->network, peer->host);
    while (*at != peer)
        at = &(*at)->next;
    *at = peer->next;
    peers->count--;
    asyncio__free(peer);
}

void asyncio__peers_fini(struct peers *peers)
{
    asyncio__free(peers->rows);
    peers->rows = NULL;
    peers->row_count = 0;
}
