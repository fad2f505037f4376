/* SPDX-License-Identifier: MIT */
/* Of a request that became a WebSocket: what happens when its handler has returned. */
#pragma once

#include <aiohttp/web_request.h>

/* Closes it, if need be, and waits for that. 0, -ECANCELED. Suspends. */
int aiohttp__web_websocket_end(aiohttp_web_request *request, int result);

/* Gives it back; what is still open is cut. NULL allowed. */
void aiohttp__web_websocket_free(aiohttp_web_request *request);
