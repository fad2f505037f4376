/* SPDX-License-Identifier: MIT */
/* WebSockets: receive, and its kin. */
#include "conn/ws.h"

#include <aiohttp/error.h>
#include <aiohttp/json.h>
#include <asyncio/timeout.h>
#include <errno.h>

/* So often it may be asked after the end. */
enum { CLOSED_READS_MAX = 5 };

static int tell_end(aiohttp_websocket *ws, int type, aiohttp_ws_message *ret_message)
{
    *ret_message = (aiohttp_ws_message){ .type = type, .code = ws->close_code, .data = "" };
    return 0;
}

/* It was closed before. What the keeper has read until the connection was lost is still given. */
static int __attribute__((cold)) again(aiohttp_websocket *ws, aiohttp_ws_message *ret_message)
{
    if (!ws->is_receiving && !ws->sent_close && !ws->got_close && ws->begin < ws->end) {
        int r = aiohttp__ws_parse(ws, ret_message);
        if (r == PARSE_MESSAGE)
            return 1;
        ws->got_close = r == PARSE_CLOSE;
        if (ws->got_close) {
            ws->close_code = ret_message->code;
            return 0;
        }
        ws->begin = ws->end;
    }
    if (++ws->closed_reads >= CLOSED_READS_MAX) {
        ws->closed_reads = CLOSED_READS_MAX;
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "the WebSocket is closed");
    }
    return tell_end(ws, ws->is_over ? AIOHTTP_WS_CLOSED : AIOHTTP_WS_CLOSING, ret_message);
}

/* The connection went while we waited. */
static int __attribute__((cold)) lost(aiohttp_websocket *ws, bool was_closing,
                                      aiohttp_ws_message *ret_message)
{
    if (ws->exception == -ETIMEDOUT && !was_closing)
        return ws->is_stuck ? asyncio_raise(-ETIMEDOUT, "the peer took no byte for %g seconds",
                                            ws->write_time)
                            : asyncio_raise(-ETIMEDOUT, "no PONG received after %g seconds",
                                            ws->heartbeat / 2);
    if (ws->exception == -ENOMEM)
        return -ENOMEM;
    return tell_end(ws, AIOHTTP_WS_CLOSED, ret_message);
}

/* The peer's close frame. */
static int __attribute__((cold)) closed(aiohttp_websocket *ws, aiohttp_ws_message *ret_message)
{
    bool was_closing = ws->sent_close;
    ws->got_close = true;
    ws->close_code = ret_message->code;
    if (was_closing || ws->autoclose)
        aiohttp__ws_finish(ws);
    if (was_closing)
        ret_message->type = AIOHTTP_WS_CLOSING;
    return 0;
}

static int __attribute__((cold)) failed(aiohttp_websocket *ws, int result)
{
    if (result == -ENOMEM) {
        ws->exception = -ENOMEM;
        aiohttp__ws_fail(ws, AIOHTTP_WS_CLOSE_INTERNAL_ERROR);
        return result;
    }
    ws->exception = -AIOHTTP_WEBSOCKET;
    aiohttp__ws_fail(ws, -result);
    const char *why = result == -WS_CLOSE_TOO_BIG   ? "a message larger than allowed"
                      : result == -WS_CLOSE_INVALID ? "text that is no UTF-8, or bad compression"
                                                    : "a frame that RFC 6455 does not allow";
    return asyncio_raise(-AIOHTTP_WEBSOCKET, "the peer sent %s (%d)", why, -result);
}

static inline __attribute__((always_inline)) int next(aiohttp_websocket *ws,
                                                      aiohttp_ws_message *ret_message)
{
    for (;;) {
        int r = ws->begin == ws->end && !ws->in_frame ? PARSE_MORE
                                                      : aiohttp__ws_parse(ws, ret_message);
        if (__builtin_expect(r == PARSE_MESSAGE, 1)) {
            if (__builtin_expect(!ws->sent_close, 1))
                return 1;
            aiohttp__ws_take_back(ws); /* we are closing: it is dropped */
            continue;
        }
        if (r == PARSE_CLOSE)
            return closed(ws, ret_message);
        if (r < 0)
            return failed(ws, r);
        bool was_closing = ws->sent_close;
        if ((r = ws_more(ws)) > 0)
            continue;
        return r < 0 && (r == -ECANCELED || !ws->is_over) ? r
                                                           : lost(ws, was_closing, ret_message);
    }
}

/* The next message has to come until then. */
static int __attribute__((noinline)) next_within(aiohttp_websocket *ws, double seconds,
                                                 aiohttp_ws_message *ret_message)
{
    asyncio_timeout limit;
    int r = asyncio_timeout_enter(&limit, seconds);
    /* Without memory it would be waited for without a limit. */
    return r < 0 ? r : asyncio_timeout_exit(&limit, next(ws, ret_message));
}

/* Another receives, or closes. */
static int __attribute__((cold)) refuse(aiohttp_websocket *ws, aiohttp_ws_message *ret_message)
{
    if (!ws->stream)
        return -ENOTCONN;
    return ws_is_closed(ws) ? again(ws, ret_message)
                            : asyncio_raise(-EBUSY, "another task receives");
}

int(aiohttp_websocket_receive)(aiohttp_websocket *ws, aiohttp_ws_message *ret_message,
                               const aiohttp_websocket_receive_options *options)
{
    if (__builtin_expect(!ws->stream || ws->is_receiving, 0))
        return refuse(ws, ret_message);
    aiohttp__ws_take_back(ws);
    if (__builtin_expect(ws_is_closed(ws), 0))
        return again(ws, ret_message);
    bool has_own_limit = options && options->timeout > 0;
    ws->refs++;
    ws->is_receiving = true;
    int r = __builtin_expect(has_own_limit || ws->has_time_limit, 0)
                ? next_within(ws, has_own_limit ? options->timeout : ws->receive_timeout,
                              ret_message)
                : next(ws, ret_message);
    ws->is_receiving = false;
    ws->was_used = true;
    if (__builtin_expect(!ws->is_check_due && !ws_is_closed(ws), 0))
        ws->is_check_due =
            aiohttp__ws_arm(ws, asyncio_loop_time(ws->loop) + WS_KEEP_SECONDS) >= 0;
    if (__builtin_expect(r <= 0 && !ws->is_over, 0))
        (void)asyncio_event_set(&ws->over), (void)asyncio_event_clear(&ws->over);
    ws_unref(ws);
    return r;
}

/* A message of that type: 1, 0, or an error. */
static int receive_type(aiohttp_websocket *ws, int type, aiohttp_ws_message *ret_message,
                        const aiohttp_websocket_receive_options *options)
{
    int r = (aiohttp_websocket_receive)(ws, ret_message, options);
    if (r > 0 && ret_message->type != type)
        return asyncio_raise(-EPROTO, "received a message of type %d, not %d", ret_message->type,
                             type);
    return r;
}

int(aiohttp_websocket_receive_str)(aiohttp_websocket *ws, const char **ret_text, size_t *ret_size,
                                   const aiohttp_websocket_receive_options *options)
{
    aiohttp_ws_message message;
    int r = receive_type(ws, AIOHTTP_WS_TEXT, &message, options);
    if (r > 0) {
        *ret_text = message.data;
        if (ret_size)
            *ret_size = message.size;
    }
    return r;
}

int(aiohttp_websocket_receive_bytes)(aiohttp_websocket *ws, const void **ret_data,
                                     size_t *ret_size,
                                     const aiohttp_websocket_receive_options *options)
{
    aiohttp_ws_message message;
    int r = receive_type(ws, AIOHTTP_WS_BINARY, &message, options);
    if (r > 0) {
        *ret_data = message.data;
        if (ret_size)
            *ret_size = message.size;
    }
    return r;
}

int(aiohttp_websocket_receive_json)(aiohttp_websocket *ws, struct json_t **ret_json,
                                    const aiohttp_websocket_receive_options *options)
{
    aiohttp_ws_message message;
    int r = receive_type(ws, AIOHTTP_WS_TEXT, &message, options);
    if (r <= 0)
        return r;
    r = aiohttp_json_loads(message.data, message.size, ret_json);
    return r < 0 ? r : 1;
}
