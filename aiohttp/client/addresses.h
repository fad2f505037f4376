/* SPDX-License-Identifier: MIT */
/* The addresses of a name: in which order they are tried, and how.
 *
 * MODEL      They race as RFC 8305 has it: the next one is begun when the one before has failed, or
 *            has had the connector's happy_eyeballs_delay; the first that connects wins, the others
 *            end. Of several none may take longer than address_timeout, so that one that swallows
 *            everything does not cost the whole limit of connecting.
 * OWNERSHIP  The stream is the caller's. */
#pragma once

#include <aiohttp/connector.h>
#include <asyncio/stream.h>

struct addrinfo;

/* Those of a list, as text, at most AIOHTTP_RESOLVED_MAX: how many. Families take turns, after
 * `interleave` of the first one; 0: as they are. */
int aiohttp__addresses_of(const struct addrinfo *infos, int interleave,
                          aiohttp_resolved *ret_addresses);

/* Connects to one of them. 0; the error of the first, and a record of all; -ECANCELED, -ENOMEM.
 * Suspends. */
int aiohttp__addresses_connect(const aiohttp_connector_options *options, size_t limit,
                               aiohttp_resolved *addresses, int count, int port,
                               asyncio_stream **ret_stream) ASYNCIO_MUST_CHECK;
