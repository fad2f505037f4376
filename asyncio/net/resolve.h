/* SPDX-License-Identifier: MIT */
/* The addresses of connections and servers: of names by names.h, of literals and of none at
 * once. */
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

/* Removes what is left, at a path that is wanted now, of a socket that has ended: any socket that
 * is there, as CPython does. */
void asyncio__path_clear(struct net *net, const struct address *address);
