/* SPDX-License-Identifier: MIT */
/* Streams on descriptors that bytes go through in one direction: see pipe.c. */
#pragma once

#include "net/net.h"

#include <asyncio/pipe.h>

/* Returns new: a stream that owns the descriptor. On failure it stays the caller's. -EBADF,
 * -ENOMEM. */
int asyncio__pipe_stream(struct net *net, int descriptor, bool reads, size_t limit,
                         asyncio_stream **ret_stream);
