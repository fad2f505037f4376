/* SPDX-License-Identifier: MIT */
/* A request that takes its connection over: what WebSockets begin with. */
#pragma once

#include <aiohttp/client.h>

/* Sends a request whose headers ask for an upgrade (GET; `options->headers` or `fields` have
 * Upgrade, and whatever belongs to it; Connection: Upgrade is added when it is not there), follows
 * no redirect unless told to, and gives the connection away when the answer is 101: *ret_stream is
 * a new reference of it, which begins with what the server has sent behind its head; closing it is
 * the caller's, its place in the connector's limit is free already. ws and wss are http and https
 * here. *ret_response returns new in either case: it is the answer, and *ret_stream is untouched
 * when that is not 101 (then it has a body, as any). 0, 1 when there is a stream, or an error of a
 * request. Suspends. */
int aiohttp__client_upgrade(aiohttp_client_session *session, const char *url,
                            const aiohttp_client_request_options *options,
                            asyncio_stream **ret_stream, aiohttp_client_response **ret_response)
    ASYNCIO_MUST_CHECK;
