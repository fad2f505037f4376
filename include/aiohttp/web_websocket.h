/* SPDX-License-Identifier: MIT */
/* A request that becomes a WebSocket: aiohttp.web.WebSocketResponse.
 *
 *     static int echo(aiohttp_web_request *request)
 *     {
 *         aiohttp_websocket *ws;
 *         aiohttp_ws_message message;
 *         int r = aiohttp_web_websocket_prepare(request, &ws, .heartbeat = 30);
 *         while (r >= 0 && (r = aiohttp_websocket_receive(ws, &message)) > 0)
 *             r = aiohttp_websocket_send_frame(ws, message.data, message.size, message.type);
 *         return r;
 *     }
 *
 * MODEL      prepare answers the handshake; from then on the connection is the WebSocket's, and
 *            there is no other answer. All that is done with it is in <aiohttp/websocket.h>.
 * END        When the handler returns, what is still open is closed: with 1000, or 1011 and a
 *            report when it returned an error of its own. A server that shuts down closes each with
 *            1001: who receives gets 0 and returns.
 * OWNERSHIP  The WebSocket is lent, until the handler returns; other tasks take a reference, and
 *            find it closed afterwards.
 * SOURCE     RFC 6455, 4.2; RFC 7692; aiohttp's web_ws.py. */
#pragma once

#include <aiohttp/web_request.h>
#include <aiohttp/websocket.h>

ASYNCIO__BEGIN

#define AIOHTTP__DEFAULT_WS_ON 1

typedef struct aiohttp_web_websocket_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_websocket_options));
    /* subprotocols that are spoken, NULL at the end: the first that the client names and that is
     * among them is agreed upon; NULL: none */
    const char *const *protocols ASYNCIO__0;
    /* permessage-deflate for who offers it: 1, 0 (never), or 8 to 15: how far back we look */
    int compress ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_WS_ON);
    size_t max_msg_size ASYNCIO__0;   /* 0: the limits' message (4 MiB) */
    double heartbeat ASYNCIO__0;      /* seconds; 0: none */
    int autoping ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_WS_ON);  /* 0: pings and pongs are received */
    int autoclose ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_WS_ON); /* 0: the peer's close waits for ours */
    double receive_timeout ASYNCIO__0; /* seconds for each message; 0: any */
    double timeout ASYNCIO__0;         /* seconds for the peer's close; 0: the limits' (10) */
} aiohttp_web_websocket_options;

/* Answers the handshake: *ret_ws is lent. What is none sets the answer and returns its code: 400,
 * or 426 for a version other than 13, 8 and 7. -ASYNCIO_INVALID_STATE when the answer has begun;
 * -ECONNRESET, -ECANCELED, -ENOMEM, and what a signal on_response_prepare returned. Headers and
 * cookies that were set go with it. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_websocket_prepare(aiohttp_web_request *request, aiohttp_websocket **ret_ws,
                              const aiohttp_web_websocket_options *options);

/* 1 when prepare would agree, and *ret_protocol (NULL: not wanted) what it would speak: one of
 * `protocols` (as in the options), or NULL. 0 otherwise. Changes nothing. Does not suspend. */
AIOHTTP_API int aiohttp_web_websocket_can_prepare(aiohttp_web_request *request,
                                                  const char *const *protocols,
                                                  const char **ret_protocol);

ASYNCIO_MUST_CHECK static inline int
aiohttp__web_websocket_prepare_v(aiohttp_web_request *request, aiohttp_websocket **ret_ws,
                                 aiohttp_web_websocket_options options)
{
    return aiohttp_web_websocket_prepare(request, ret_ws, &options);
}

ASYNCIO__END

#define aiohttp_web_websocket_prepare(...) aiohttp__web_websocket_prepare_m(__VA_ARGS__, )
#define aiohttp__web_websocket_prepare_m(request, ret_ws, ...)                                     \
    aiohttp__web_websocket_prepare_v(                                                              \
        request, ret_ws,                                                                           \
        ASYNCIO__OPTIONS(aiohttp_web_websocket_options,                                            \
                         (.compress = AIOHTTP__DEFAULT_WS_ON, .autoping = AIOHTTP__DEFAULT_WS_ON,  \
                          .autoclose = AIOHTTP__DEFAULT_WS_ON, ),                                  \
                         __VA_ARGS__))
