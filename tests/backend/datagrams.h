/* SPDX-License-Identifier: MIT */
/* What the tests of datagrams under the contract share. */
#pragma once

#include "backend/contract.h"

#include <asyncio/datagram.h>

static inline sock open_bound(struct world *world, struct sockaddr_storage *ret_address)
{
    sock made = SOCK_NONE;
    struct sockaddr_storage address = loopback(0);
    socklen_t size = 0;
    assert_int_equal(world->type->socket(world->it, AF_INET, SOCK_DGRAM, 0, &made), 0);
    assert_int_equal(world->type->bind(world->it, made, (struct sockaddr *)&address,
                                       sizeof(struct sockaddr_in)),
                     0);
    assert_int_equal(world->type->getsockname(world->it, made, ret_address, &size), 0);
    assert_int_equal(size, sizeof(struct sockaddr_in));
    return made;
}

static inline void submit_datagrams(struct world *world, struct probe *probe, enum op_kind kind,
                             sock socket, asyncio_datagram *datagrams, unsigned count)
{
    probe->op.datagrams = datagrams;
    probe->op.datagram_count = count;
    submit(world, probe, kind, socket);
}

static inline int send_one(struct world *world, sock from, const struct sockaddr_storage *to,
                           char *text)
{
    struct probe send = { 0 };
    asyncio_datagram datagram = { .data = text, .size = strlen(text) };
    if (to) {
        datagram.address = *to;
        datagram.address_size = sizeof(struct sockaddr_in);
    }
    submit_datagrams(world, &send, OP_SEND_DATAGRAMS, from, &datagram, 1);
    return await(&send);
}
