/* SPDX-License-Identifier: MIT */
/* Datagrams in the network in memory: sockets over the loopback addresses, each with an inbox.
 *
 * UDP      as far as programs see it: nobody there is told to a connected sender, later, and to no
 *          other; an inbox that is full loses what comes; a connected socket hears nobody else. */
#pragma once

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct asyncio_datagram;

struct simnet_datagrams {
    void (*changed)(void *owner);
    void *owner;
    int family, error; /* told once */
    bool is_bound, is_connected;
    struct list link; /* in the thread's network */
    struct list inbox;
    size_t inbox_size;
    struct sockaddr_storage local, peer;
    socklen_t address_size;
};

/* NULL without memory. */
struct simnet_datagrams *asyncio__simnet_datagrams_open(int family, void (*changed)(void *owner),
                                                        void *owner);
void asyncio__simnet_datagrams_close(struct simnet_datagrams *socket);
int asyncio__simnet_datagrams_bind(struct simnet_datagrams *socket, const struct sockaddr *address,
                                   socklen_t size);
int asyncio__simnet_datagrams_connect(struct simnet_datagrams *socket,
                                      const struct sockaddr *address, socklen_t size);
/* Fills in *datagram: 1. -EAGAIN: there is none. An error of an earlier send. */
int asyncio__simnet_datagrams_receive(struct simnet_datagrams *socket,
                                      struct asyncio_datagram *datagram);
/* What came first comes last. */
void asyncio__simnet_datagrams_shuffle(struct simnet_datagrams *socket);
/* 0: it is on its way, or lost. */
int asyncio__simnet_datagrams_send(struct simnet_datagrams *socket,
                                   const struct asyncio_datagram *datagram);
