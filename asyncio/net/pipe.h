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

/* A transport for what `factory` makes, which is told nothing until asyncio__transport_begin. Takes
 * the descriptor, also when it fails. *ret_transport, a reference, is set as soon as there is one:
 * it may be there, and ending, when this fails. */
int asyncio__pipe_transport(struct net *net, int descriptor, bool reads,
                            asyncio_protocol_factory *factory, void *data,
                            asyncio_transport **ret_transport);
