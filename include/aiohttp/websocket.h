/* SPDX-License-Identifier: MIT */
/* WebSockets, of a server (web_websocket.h) and of a client (client_websocket.h): messages in both
 * directions. aiohttp's WebSocketResponse, ClientWebSocketResponse, WSMessage, WSMsgType,
 * WSCloseCode.
 *
 *     aiohttp_ws_message message;
 *     int r;
 *     while ((r = aiohttp_websocket_receive(ws, &message)) > 0)
 *         if ((r = aiohttp_websocket_send_frame(ws, message.data, message.size, message.type)) < 0)
 *             break;
 *     return r;
 *
 * MODEL      One task receives at a time. Any number may send: a message goes out whole, in the
 *            order in which the calls were made, and a call waits while too much is unsent. Pings
 *            are answered by themselves (`.autoping`), also while nobody receives. A loop as above
 *            ends with 0 when the WebSocket is closed, by whichever side.
 * LENT       A message's bytes are the WebSocket's, valid until the next receive or close, and end
 *            with a NUL that is not counted. They may be written to.
 * CHECKED    What the peer sends is held to RFC 6455 and 7692: what it may not send closes the
 *            WebSocket with the code that the RFC asks for, and receive returns
 *            -AIOHTTP_WEBSOCKET. Text is UTF-8, judged as it comes. Messages are at most
 *            `.max_msg_size`, after decompression.
 * HEARTBEAT  After `.heartbeat` seconds without a byte from the peer it is sent a ping; with none
 *            in half of that again, the connection is cut: code 1006, and receive returns
 *            -ETIMEDOUT.
 * SLOW PEER  One that takes no byte of what is sent to it for the limits' write_time is cut: code
 *            1006, exception -ETIMEDOUT. What is unsent when both have closed is still sent for the
 *            time limit of close.
 * CLOSE      close sends our close frame and waits for the peer's. A peer's is answered at once
 *            (`.autoclose`). Whoever receives meanwhile gets 0. Calls on a closed one are legal:
 *            sending is -ECONNRESET, receiving gives 0, and -ASYNCIO_INVALID_STATE from the fifth
 *            time on.
 * CANCEL     A cancelled receive loses nothing. A cancelled send has sent all of its message, or
 *            nothing of it.
 * OWNERSHIP  See where it was made; _ref and _unref count. The last reference ends the connection;
 *            a call that is under way has one, too.
 * THREADS    The thread of its loop.
 * SOURCE     RFC 6455, RFC 7692; aiohttp's web_ws.py, client_ws.py, http_websocket.py. */
#pragma once

#include <aiohttp/macros.h>
#include <stdint.h>

ASYNCIO__BEGIN

struct json_t;

typedef struct aiohttp_websocket aiohttp_websocket;

/* aiohttp.WSMsgType. */
enum aiohttp_ws_msg_type {
    AIOHTTP_WS_TEXT = 1,
    AIOHTTP_WS_BINARY = 2,
    AIOHTTP_WS_CLOSE = 8,      /* the peer has closed: receive returns 0 */
    AIOHTTP_WS_PING = 9,       /* without .autoping only */
    AIOHTTP_WS_PONG = 10,      /* likewise */
    AIOHTTP_WS_CLOSING = 256,  /* we are closing: receive returns 0 */
    AIOHTTP_WS_CLOSED = 257    /* it is closed: receive returns 0 */
};

/* aiohttp.WSCloseCode. */
enum aiohttp_ws_close_code {
    AIOHTTP_WS_CLOSE_OK = 1000,
    AIOHTTP_WS_CLOSE_GOING_AWAY = 1001,
    AIOHTTP_WS_CLOSE_PROTOCOL_ERROR = 1002,
    AIOHTTP_WS_CLOSE_UNSUPPORTED_DATA = 1003,
    AIOHTTP_WS_CLOSE_NO_CODE = 1005,          /* the peer said none; never sent */
    AIOHTTP_WS_CLOSE_ABNORMAL_CLOSURE = 1006, /* the connection was lost; never sent */
    AIOHTTP_WS_CLOSE_INVALID_TEXT = 1007,
    AIOHTTP_WS_CLOSE_POLICY_VIOLATION = 1008,
    AIOHTTP_WS_CLOSE_MESSAGE_TOO_BIG = 1009,
    AIOHTTP_WS_CLOSE_MANDATORY_EXTENSION = 1010,
    AIOHTTP_WS_CLOSE_INTERNAL_ERROR = 1011,
    AIOHTTP_WS_CLOSE_SERVICE_RESTART = 1012,
    AIOHTTP_WS_CLOSE_TRY_AGAIN_LATER = 1013,
    AIOHTTP_WS_CLOSE_BAD_GATEWAY = 1014
};

/* aiohttp.WSMessage. */
typedef struct aiohttp_ws_message {
    int type;         /* enum aiohttp_ws_msg_type */
    int code;         /* of a close */
    const char *data; /* lent; of a close the reason; never NULL */
    size_t size;
} aiohttp_ws_message;

typedef struct aiohttp_websocket_receive_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_websocket_receive_options));
    double timeout ASYNCIO__0; /* seconds; 0: the WebSocket's .receive_timeout */
} aiohttp_websocket_receive_options;

/* Waits for the next message. 1: *ret_message is it. 0: there are no more, and *ret_message says
 * which end it was; after a close of the peer, its code and reason. -AIOHTTP_WEBSOCKET: the peer
 * broke the rules, and was told so; -ETIMEDOUT: by .timeout (it stays open), or by the heartbeat
 * or a peer that takes nothing (it is closed); -EBUSY: another task receives;
 * -ASYNCIO_INVALID_STATE: it is closed, and that was said before, again and again;
 * -ASYNCIO_NO_TASK, -ASYNCIO_OTHER_LOOP; -ECANCELED, -ENOMEM (it is closed, unless it was .timeout
 * that could not be had). Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_websocket_receive(aiohttp_websocket *ws, aiohttp_ws_message *ret_message,
                          const aiohttp_websocket_receive_options *options);

/* Waits for the next message, which has to be text: lends it, ended with NUL (there may be others
 * within). 1, 0 at the end. -EPROTO: it is another, and is lost; else as receive. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_websocket_receive_str(aiohttp_websocket *ws, const char **ret_text, size_t *ret_size,
                              const aiohttp_websocket_receive_options *options);

/* Waits for the next message, which has to be binary. As receive_str. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_websocket_receive_bytes(aiohttp_websocket *ws, const void **ret_data, size_t *ret_size,
                                const aiohttp_websocket_receive_options *options);

/* Waits for the next message, which has to be JSON as text: *ret_json is a new reference. 1, 0 at
 * the end. -EINVAL: it is no JSON, and is lost; else as receive_str. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_websocket_receive_json(aiohttp_websocket *ws, struct json_t **ret_json,
                               const aiohttp_websocket_receive_options *options);

#define AIOHTTP__DEFAULT_WS_COMPRESS (-1)

typedef struct aiohttp_websocket_send_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_websocket_send_options));
    /* 0: this message is not compressed; -1: it is when that was agreed upon, and it may gain */
    int compress ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_WS_COMPRESS);
} aiohttp_websocket_send_options;

/* Sends `text` as a text message. As send_frame. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_websocket_send_str(aiohttp_websocket *ws, const char *text,
                           const aiohttp_websocket_send_options *options);

/* Sends a binary message. As send_frame. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_websocket_send_bytes(aiohttp_websocket *ws, const void *data, size_t size,
                             const aiohttp_websocket_send_options *options);

/* Sends `json`, which is borrowed, as text. -EINVAL when it cannot be written; else as send_frame.
 * Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_websocket_send_json(aiohttp_websocket *ws, const struct json_t *json,
                            const aiohttp_websocket_send_options *options);

/* Sends a message of `type`, AIOHTTP_WS_TEXT or AIOHTTP_WS_BINARY, in one frame; then waits while
 * too much is unsent. `data` is the caller's again when it returns. 0. -EINVAL: text that is no
 * UTF-8, another type; -ECONNRESET: it is closing or closed; -ENOMEM: nothing was sent;
 * -ECANCELED: all of it was, or nothing. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_websocket_send_frame(aiohttp_websocket *ws, const void *data, size_t size, int type,
                             const aiohttp_websocket_send_options *options);

/* Sends a ping (pong) of at most 125 bytes. -EMSGSIZE for more; else as send_frame. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_websocket_ping(aiohttp_websocket *ws, const void *data,
                                                          size_t size);
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_websocket_pong(aiohttp_websocket *ws, const void *data,
                                                          size_t size);

#define AIOHTTP__DEFAULT_WS_CODE 1000

typedef struct aiohttp_websocket_close_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_websocket_close_options));
    int code ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_WS_CODE); /* 1000 to 1014 as RFC 6455 has them,
                                                          * 3000 to 4999 */
    const char *message ASYNCIO__0;                      /* UTF-8, up to 123 bytes; NULL: none */
} aiohttp_websocket_close_options;

/* Closes: says so to the peer, and waits until it has said so too and the connection is closed, at
 * most the time limit of close (10 s; then the code is 1006). 0 also when it was closed before.
 * Where the peer has said so (without .autoclose) it is answered: 1000 without a message is its
 * own code. -EINVAL for a code or message that cannot be sent, -ASYNCIO_NO_TASK,
 * -ASYNCIO_OTHER_LOOP: nothing was said; -ECANCELED: the connection is cut. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_websocket_close(aiohttp_websocket *ws, const aiohttp_websocket_close_options *options);

/* 1 once it is closing or closed. Does not suspend. */
AIOHTTP_API int aiohttp_websocket_closed(const aiohttp_websocket *ws);

/* The code it was closed with: the peer's, or the one that the peer was told; 1006 when the
 * connection was lost, also before the peer had answered a close; 0 while it is open. Does not
 * suspend. */
AIOHTTP_API int aiohttp_websocket_close_code(const aiohttp_websocket *ws);

/* What it has failed with (-AIOHTTP_WEBSOCKET, -ETIMEDOUT, -ECONNRESET, ...), or 0. Does not
 * suspend. */
AIOHTTP_API int aiohttp_websocket_exception(const aiohttp_websocket *ws);

/* The subprotocol agreed upon, lent; NULL: none. aiohttp's ws_protocol, protocol. Does not
 * suspend. */
AIOHTTP_API const char *aiohttp_websocket_protocol(const aiohttp_websocket *ws);

/* How far back compression looks, 8 to 15 bits; 0: messages are not compressed. Does not
 * suspend. */
AIOHTTP_API int aiohttp_websocket_compress(const aiohttp_websocket *ws);

/* What is known of the connection: as asyncio_stream_get_extra_info. Does not suspend. */
AIOHTTP_API int aiohttp_websocket_get_extra_info(const aiohttp_websocket *ws, const char *name,
                                                 char *data, size_t size);

/* Takes one more reference and returns it. NULL allowed. Does not suspend. */
AIOHTTP_API aiohttp_websocket *aiohttp_websocket_ref(aiohttp_websocket *ws);

/* Gives a reference back; the last one cuts the connection if it is open. NULL allowed. Does not
 * suspend. */
AIOHTTP_API void aiohttp_websocket_unref(aiohttp_websocket *ws);

/* Where nothing was asked for there is nothing to build, and to look at: the compiler sees that. */
static inline const aiohttp_websocket_receive_options *
aiohttp__ws_receive_said(const aiohttp_websocket_receive_options *options)
{
    return options->timeout > 0 ? options : NULL;
}
static inline const aiohttp_websocket_send_options *
aiohttp__ws_send_said(const aiohttp_websocket_send_options *options)
{
    return options->compress ? NULL : options;
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__websocket_receive_v(aiohttp_websocket *ws, aiohttp_ws_message *ret_message,
                             aiohttp_websocket_receive_options options)
{
    return aiohttp_websocket_receive(ws, ret_message, aiohttp__ws_receive_said(&options));
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__websocket_receive_str_v(aiohttp_websocket *ws, const char **ret_text, size_t *ret_size,
                                 aiohttp_websocket_receive_options options)
{
    return aiohttp_websocket_receive_str(ws, ret_text, ret_size,
                                         aiohttp__ws_receive_said(&options));
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__websocket_receive_bytes_v(aiohttp_websocket *ws, const void **ret_data, size_t *ret_size,
                                   aiohttp_websocket_receive_options options)
{
    return aiohttp_websocket_receive_bytes(ws, ret_data, ret_size,
                                           aiohttp__ws_receive_said(&options));
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__websocket_receive_json_v(aiohttp_websocket *ws, struct json_t **ret_json,
                                  aiohttp_websocket_receive_options options)
{
    return aiohttp_websocket_receive_json(ws, ret_json, aiohttp__ws_receive_said(&options));
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__websocket_send_str_v(aiohttp_websocket *ws, const char *text,
                              aiohttp_websocket_send_options options)
{
    return aiohttp_websocket_send_str(ws, text, aiohttp__ws_send_said(&options));
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__websocket_send_bytes_v(aiohttp_websocket *ws, const void *data, size_t size,
                                aiohttp_websocket_send_options options)
{
    return aiohttp_websocket_send_bytes(ws, data, size, aiohttp__ws_send_said(&options));
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__websocket_send_json_v(aiohttp_websocket *ws, const struct json_t *json,
                               aiohttp_websocket_send_options options)
{
    return aiohttp_websocket_send_json(ws, json, aiohttp__ws_send_said(&options));
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__websocket_send_frame_v(aiohttp_websocket *ws, const void *data, size_t size, int type,
                                aiohttp_websocket_send_options options)
{
    return aiohttp_websocket_send_frame(ws, data, size, type, aiohttp__ws_send_said(&options));
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__websocket_close_v(aiohttp_websocket *ws, aiohttp_websocket_close_options options)
{
    return aiohttp_websocket_close(ws, &options);
}

ASYNCIO__END

#define AIOHTTP__WS_RECEIVE(...)                                                                   \
    ASYNCIO__OPTIONS(aiohttp_websocket_receive_options, (), __VA_ARGS__)
#define AIOHTTP__WS_SEND(...)                                                                      \
    ASYNCIO__OPTIONS(aiohttp_websocket_send_options,                                               \
                     (.compress = AIOHTTP__DEFAULT_WS_COMPRESS, ), __VA_ARGS__)

#define aiohttp_websocket_receive(...) aiohttp__websocket_receive_m(__VA_ARGS__, )
#define aiohttp__websocket_receive_m(ws, ret_message, ...)                                         \
    aiohttp__websocket_receive_v(ws, ret_message, AIOHTTP__WS_RECEIVE(__VA_ARGS__))
#define aiohttp_websocket_receive_str(...) aiohttp__websocket_receive_str_m(__VA_ARGS__, )
#define aiohttp__websocket_receive_str_m(ws, ret_text, ret_size, ...)                              \
    aiohttp__websocket_receive_str_v(ws, ret_text, ret_size, AIOHTTP__WS_RECEIVE(__VA_ARGS__))
#define aiohttp_websocket_receive_bytes(...) aiohttp__websocket_receive_bytes_m(__VA_ARGS__, )
#define aiohttp__websocket_receive_bytes_m(ws, ret_data, ret_size, ...)                            \
    aiohttp__websocket_receive_bytes_v(ws, ret_data, ret_size, AIOHTTP__WS_RECEIVE(__VA_ARGS__))
#define aiohttp_websocket_receive_json(...) aiohttp__websocket_receive_json_m(__VA_ARGS__, )
#define aiohttp__websocket_receive_json_m(ws, ret_json, ...)                                       \
    aiohttp__websocket_receive_json_v(ws, ret_json, AIOHTTP__WS_RECEIVE(__VA_ARGS__))
#define aiohttp_websocket_send_str(...) aiohttp__websocket_send_str_m(__VA_ARGS__, )
#define aiohttp__websocket_send_str_m(ws, text, ...)                                               \
    aiohttp__websocket_send_str_v(ws, text, AIOHTTP__WS_SEND(__VA_ARGS__))
#define aiohttp_websocket_send_bytes(...) aiohttp__websocket_send_bytes_m(__VA_ARGS__, )
#define aiohttp__websocket_send_bytes_m(ws, data, data_size, ...)                                  \
    aiohttp__websocket_send_bytes_v(ws, data, data_size, AIOHTTP__WS_SEND(__VA_ARGS__))
#define aiohttp_websocket_send_json(...) aiohttp__websocket_send_json_m(__VA_ARGS__, )
#define aiohttp__websocket_send_json_m(ws, json, ...)                                              \
    aiohttp__websocket_send_json_v(ws, json, AIOHTTP__WS_SEND(__VA_ARGS__))
#define aiohttp_websocket_send_frame(...) aiohttp__websocket_send_frame_m(__VA_ARGS__, )
#define aiohttp__websocket_send_frame_m(ws, data, data_size, type, ...)                            \
    aiohttp__websocket_send_frame_v(ws, data, data_size, type, AIOHTTP__WS_SEND(__VA_ARGS__))
#define aiohttp_websocket_close(...) aiohttp__websocket_close_m(__VA_ARGS__, )
#define aiohttp__websocket_close_m(ws, ...)                                                        \
    aiohttp__websocket_close_v(ws,                                                                 \
                               ASYNCIO__OPTIONS(aiohttp_websocket_close_options,                   \
                                                (.code = AIOHTTP__DEFAULT_WS_CODE, ),              \
                                                __VA_ARGS__))
