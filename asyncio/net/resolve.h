/* SPDX-License-Identifier: MIT */
/* Names to addresses.
 *
 * Literal addresses are answered at once. Names go to getaddrinfo on a pool of threads of their
 * own, so that slow name servers and thread jobs do not wait for one another; in the sim backend
 * to its own table. The look-up owns copies of all it uses: a cancelled one returns at once, and
 * its result is dropped when it comes. */
#pragma once

#include "net/address.h"
#include "net/net.h"

struct resolve_hints {
    int family, protocol, flags;      /* as getaddrinfo takes them; 0: any */
};

/* `host` NULL or "": any address of this host with AI_PASSIVE, else its loopback. ret_addresses: at
 * least one; its items are the caller's. -ASYNCIO_RESOLVE, -EINVAL for a port that is none,
 * -ENOMEM, -ECANCELED. Suspends. */
int asyncio__resolve(struct net *net, const char *host, int port,
                     const struct resolve_hints *hints, struct addresses *ret_addresses);
