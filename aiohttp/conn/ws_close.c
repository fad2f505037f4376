/* SPDX-License-Identifier: MIT */
/* WebSockets: their end, in every state. */
#include "conn/ws.h"

#include <asyncio/error.h>
#include <asyncio/task.h>
#include <asyncio/timeout.h>
#include <errno.h>

/* Our close frame; what cannot even be told is lost. */
static void say_close(aiohttp_websocket *ws, int code, struct span reason)
{
    char payload[125];
    size_t size = 0;
    if (ws->sent_close || ws->is_over)
        return;
    if (code != WS_CLOSE_NO_CODE) {
        payload[0] = (char)(code >> 8);
        payload[1] = (char)code;
        if (reason.size)
            memcpy(payload + 2, reason.data, reason.size);
        size = 2 + reason.size;
    }
    int r = aiohttp__ws_control(ws, WS_CLOSE, (struct span){ payload, size });
    ws->sent_close = true;
    if (r < 0)
        aiohttp__ws_lost(ws, r);
}

void aiohttp__ws_begin_close(aiohttp_websocket *ws, int code, struct span reason)
{
    say_close(ws, code, reason);
    if (ws->is_over)
        return;
    ws->close_at = asyncio_loop_time(ws->loop) + ws->close_time;
    if (ws->close_at < __builtin_inf() && aiohttp__ws_arm(ws, ws->close_at) < 0)
        aiohttp__ws_lost(ws, -ENOMEM);
}

void aiohttp__ws_fail(aiohttp_websocket *ws, int code)
{
    if (!ws->close_code)
        ws->close_code = code;
    ws->is_broken = true;
    aiohttp__ws_begin_close(ws, code, (struct span){ NULL, 0 });
    /* It gets to read why, though it may be in the midst of sending. */
    if (!ws->is_over && asyncio_stream_can_write_eof(ws->stream) &&
        asyncio_stream_write_eof(ws->stream) < 0)
        aiohttp__ws_lost(ws, -ECONNRESET);
}

void aiohttp__ws_finish(aiohttp_websocket *ws)
{
    say_close(ws, ws->close_code, (struct span){ NULL, 0 });
    if (!ws->is_over)
        aiohttp__ws_lost(ws, 0);
}

static int linger(asyncio_stream *stream, int64_t milliseconds)
{
    asyncio_timeout limit;
    int r = asyncio_timeout_enter(&limit, (double)milliseconds / 1000);
    if (r >= 0)
        r = asyncio_timeout_exit(&limit, asyncio_stream_wait_closed(stream));
    return r == -ECANCELED ? r : 0;
}

/* Also when it never ran. */
static void lingered(void *data)
{
    asyncio_stream_abort(data);
    asyncio_stream_unref(data);
}

void aiohttp__ws_linger(asyncio_stream *stream, double seconds)
{
    if (!(seconds < 1e12))
        return; /* as long as it takes */
    int64_t milliseconds = (int64_t)(seconds * 1000);
    asyncio_stream_ref(stream);
    /* Without memory for it the bytes are lost at once. */
    (void)!asyncio_create_task(asyncio_coro_on_close(asyncio_coro(linger, stream, milliseconds),
                                                     lingered, stream),
                               NULL, .name = "websocket's end");
}

/* Somebody else is in receive, or closes: what he reads ends it. */
static int wait_for_other(aiohttp_websocket *ws)
{
    while (!ws->is_over && ws->is_receiving) {
        int r = asyncio_event_wait(&ws->over);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Reads until the peer has closed, or the timer has. Messages are dropped. */
static int read_to_end(aiohttp_websocket *ws)
{
    int r = 0;
    aiohttp_ws_message message;
    ws->is_receiving = true;
    aiohttp__ws_take_back(ws);
    while (r >= 0 && !ws->is_over && !ws->got_close) {
        if (ws->is_broken)
            ws->begin = ws->end;
        else if ((r = aiohttp__ws_parse(ws, &message)) == PARSE_CLOSE) {
            ws->got_close = true;
            ws->close_code = message.code;
            break;
        } else if (r < 0) { /* nobody is told any more */
            ws->is_broken = true;
            continue;
        } else if (r == PARSE_MESSAGE) {
            aiohttp__ws_take_back(ws);
            continue;
        }
        r = ws_more(ws);
    }
    ws->is_receiving = false;
    return r == -ECANCELED ? r : 0;
}

static int check(int code, const char *message)
{
    if (!aiohttp__ws_close_code_is_valid(code < 0 ? 0 : (unsigned)code))
        return asyncio_raise(-EINVAL, "%d is no code to close a WebSocket with", code);
    struct span reason = span_of(message ? message : "");
    if (reason.size > 123 || !aiohttp__is_utf8(reason))
        return asyncio_raise(-EINVAL, "a close's message is UTF-8, and at most 123 bytes");
    return 0;
}

int(aiohttp_websocket_close)(aiohttp_websocket *ws, const aiohttp_websocket_close_options *options)
{
    int code = options ? options->code : AIOHTTP__DEFAULT_WS_CODE;
    const char *message = options ? options->message : NULL;
    int r = check(code, message);
    if (r < 0 || !ws->stream)
        return r;
    if (!ws->is_over && !asyncio_current_task())
        return -ASYNCIO_NO_TASK;
    if (!ws->is_over && asyncio_get_running_loop() != ws->loop)
        return -ASYNCIO_OTHER_LOOP;
    aiohttp_websocket_ref(ws);
    if (!ws->is_over && !ws->sent_close) {
        struct span reason = message ? span_of(message) : (struct span){ NULL, 0 };
        if (ws->got_close) { /* without autoclose: the answer is the caller's, if he has one */
            if (code != AIOHTTP__DEFAULT_WS_CODE || message)
                say_close(ws, code, reason);
            aiohttp__ws_finish(ws);
        } else {
            ws->close_code = code;
            aiohttp__ws_begin_close(ws, code, reason);
        }
    }
    while (r >= 0 && !ws->is_over && !ws->got_close)
        r = ws->is_receiving ? wait_for_other(ws) : read_to_end(ws);
    if (r < 0)
        aiohttp__ws_lost(ws, r);
    else if (!ws->is_over)
        aiohttp__ws_finish(ws);
    if (r >= 0 && asyncio_stream_wait_closed(ws->stream) == -ECANCELED) {
        asyncio_stream_abort(ws->stream);
        r = -ECANCELED;
    }
    aiohttp_websocket_unref(ws);
    return r == -ECANCELED ? r : 0;
}
