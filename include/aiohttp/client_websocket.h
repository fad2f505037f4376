/* SPDX-License-Identifier: MIT */
/* A client's WebSockets: aiohttp's ClientSession.ws_connect, ClientWebSocketResponse.
 *
 *     aiohttp_websocket *ws;
 *     int r = aiohttp_client_session_ws_connect(session, "wss://example.com/feed", &ws,
 *                                               .heartbeat = 30);
 *     if (r >= 0) {
 *         ...
 *         r = aiohttp_websocket_close(ws);
 *         aiohttp_websocket_unref(ws);
 *     }
 *
 * MODEL      A request of the session that asks for a WebSocket: with its headers, cookies, proxy
 *            and TLS. When the server agrees, the connection is the WebSocket's, and no longer
 *            counts in the connector. All that is done with it is in <aiohttp/websocket.h>.
 * CHECKED    The answer is 101; Upgrade, Connection and Sec-WebSocket-Accept are right; the
 *            subprotocol is one of those offered, the extension one that was offered so. Anything
 *            else is -AIOHTTP_WS_HANDSHAKE, and the record says what.
 * OWNERSHIP  The WebSocket is the caller's, who gives it back by aiohttp_websocket_unref; it does
 *            not need the session.
 * SOURCE     RFC 6455, 4.1; RFC 7692; aiohttp's client.py (_ws_connect), client_ws.py. */
#pragma once

#include <aiohttp/client.h>
#include <aiohttp/websocket.h>

ASYNCIO__BEGIN

#define AIOHTTP__DEFAULT_CLIENT_WS 1

typedef struct aiohttp_client_ws_connect_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_client_ws_connect_options));
    const char *const *protocols ASYNCIO__0; /* subprotocols offered, the best first, then NULL */
    const char *origin ASYNCIO__0;           /* the header Origin; NULL: none */
    const char *const *fields ASYNCIO__0;    /* headers: name, value, ..., NULL */
    /* permessage-deflate: 0 is not offered, 1 is, or 8 to 15: how far back we look */
    int compress ASYNCIO__0;
    int no_context_takeover ASYNCIO__0;      /* 1: both sides begin each message anew */
    size_t max_msg_size ASYNCIO__0;          /* 0: the session's limit (4 MiB) */
    double heartbeat ASYNCIO__0;             /* seconds; 0: none */
    int autoping ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_CLIENT_WS);  /* 0: pings are received */
    int autoclose ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_CLIENT_WS); /* 0: a close waits for ours */
    double receive_timeout ASYNCIO__0;       /* seconds for each message; 0: any */
    double timeout ASYNCIO__0; /* seconds for the peer's close; 0: the session's limit (10) */
    /* all else of the request, its time limits too; NULL: as usual. Its `fields` are not used. */
    const aiohttp_client_request_options *request ASYNCIO__0;
} aiohttp_client_ws_connect_options;

/* Connects to `url`, ws or wss (http and https are the same). *ret_ws returns new.
 * -AIOHTTP_WS_HANDSHAKE; -EINVAL for a subprotocol that is no token; else as
 * aiohttp_client_session_request. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_session_ws_connect(aiohttp_client_session *session, const char *url,
                                  aiohttp_websocket **ret_ws,
                                  const aiohttp_client_ws_connect_options *options);

ASYNCIO_MUST_CHECK static inline int
aiohttp__client_session_ws_connect_v(aiohttp_client_session *session, const char *url,
                                     aiohttp_websocket **ret_ws,
                                     aiohttp_client_ws_connect_options options)
{
    return aiohttp_client_session_ws_connect(session, url, ret_ws, &options);
}

ASYNCIO__END

#define aiohttp_client_session_ws_connect(...) aiohttp__client_session_ws_connect_m(__VA_ARGS__, )
#define aiohttp__client_session_ws_connect_m(session, url, ret_ws, ...)                            \
    aiohttp__client_session_ws_connect_v(                                                          \
        session, url, ret_ws,                                                                      \
        ASYNCIO__OPTIONS(aiohttp_client_ws_connect_options,                                        \
                         (.autoping = AIOHTTP__DEFAULT_CLIENT_WS,                                  \
                          .autoclose = AIOHTTP__DEFAULT_CLIENT_WS, ),                              \
                         __VA_ARGS__))
