/* SPDX-License-Identifier: MIT */
/* How many connections each address has, for a server that gives one address no more than some.
 *
 * MODEL      An entry for each address that has a connection; it goes with the last of them. IPv4
 *            counts by address, also where it comes by an IPv6 socket; IPv6 by the first 64 bits,
 *            which is what one subscriber has, but for link-local addresses, whose first 64 bits
 *            are everybody's on the link, and the loopback address. AF_UNIX has no addresses:
 *            nothing is counted.
 * FLOODS     Addresses are the peers' choice, so the hash has a secret of its own. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct peer {
    struct peer *next;
    uint64_t network, host; /* the address, and 0, or its second half */
    unsigned connections;
};

struct peers {
    struct peer **rows;
    size_t row_count, count;
    uint64_t secret[2];
};

/* One connection more of that address. 1: counted, *ret_peer is its entry, for remove (NULL: there
 * is no address to count by). 0: it has `most` already. -ENOMEM. */
int asyncio__peers_add(struct peers *peers, const struct sockaddr_storage *name, unsigned most,
                       struct peer **ret_peer);
/* One less. NULL allowed. */
void asyncio__peers_remove(struct peers *peers, struct peer *peer);
/* There are no connections any more. */
void asyncio__peers_fini(struct peers *peers);
