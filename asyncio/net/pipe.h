/* SPDX-License-Identifier: MIT */
/* Streams, and transports, on descriptors that bytes go through in one direction: see pipe.c. */
#pragma once

#include "net/net.h"

#include <asyncio/pipe.h>
#include <asyncio/transport.h>

/* Returns new: a stream that owns the descriptor. On failure it stays the caller's. -EBADF,
 * -ENOMEM. */
int asyncio__pipe_stream(struct net *net, int descriptor, bool reads, size_t limit,
                         asyncio_stream **ret_stream);

/* Returns new: a transport, which owns the descriptor, for what `factory` makes, which is told
 * nothing until asyncio__transport_begin. On failure the descriptor stays the caller's. */
int asyncio__pipe_transport(struct net *net, int descriptor, bool reads,
                            asyncio_protocol_factory *factory, void *data,
                            asyncio_transport **ret_transport);
