/* SPDX-License-Identifier: MIT */
/* WebSockets: their making, their end, and what can be asked of them. */
#include "conn/ws.h"

#include "base/error.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <errno.h>

static void set_limits(aiohttp_websocket *ws, const struct ws_setup *setup)
{
    const aiohttp_limits *limits = setup->limits;
    size_t most = setup->message_max ? setup->message_max : limits->message;
    ws->message_max = most;
    ws->inflate_ratio = limits->inflate_ratio;
    ws->inflate_ratio_from = limits->inflate_ratio_from;
    aiohttp_limits own = *limits;
    own.message = most;
    /* Who allows larger messages allows larger frames. */
    if (setup->message_max > own.frame)
        own.frame = setup->message_max;
    aiohttp__ws_reader_init(&ws->reader, &own, !setup->is_client, setup->deflate.is_on);
    size_t quick = own.message < own.frame ? own.message : own.frame;
    ws->quick_end = own.fragments == 0 ? 0 : quick < 126 ? quick + 1 : 126;
}

static double limit_of(double seconds)
{
    return seconds == ASYNCIO_NONE ? __builtin_inf() : seconds;
}

int aiohttp__ws_prepare(const struct ws_setup *setup, aiohttp_websocket **ret_ws)
{
    aiohttp_websocket *ws = asyncio_mem_calloc(1, sizeof *ws);
    if (!ws)
        return -ENOMEM;
    ws->refs = 1;
    ws->chunk = WS_CHUNK_MIN;
    ws->is_client = setup->is_client;
    ws->autoping = setup->autoping;
    ws->autoclose = setup->autoclose;
    ws->heartbeat = setup->heartbeat;
    ws->has_heartbeat = setup->heartbeat > 0;
    ws->receive_timeout = setup->receive_timeout;
    ws->has_time_limit = setup->receive_timeout > 0;
    ws->close_time =
        limit_of(setup->close_time != 0 ? setup->close_time : setup->limits->close_time);
    ws->write_time = limit_of(setup->limits->write_time);
    ws->deflate = setup->deflate;
    ws->has_deflate = ws->deflate.is_on;
    ws->is_unwatched = true;
    set_limits(ws, setup);
    asyncio_event_init(&ws->arrived);
    asyncio_event_init(&ws->over);
    asyncio_lock_init(&ws->turn);
    if (setup->protocol.data) {
        ws->protocol = asyncio_mem_malloc(setup->protocol.size + 1);
        if (!ws->protocol) {
            asyncio_mem_free(ws);
            return -ENOMEM;
        }
        memcpy(ws->protocol, setup->protocol.data, setup->protocol.size);
        ws->protocol[setup->protocol.size] = '\0';
    }
    aiohttp__errors_add();
    *ret_ws = ws;
    return 0;
}

void aiohttp__ws_start(aiohttp_websocket *ws, asyncio_stream *stream)
{
    ws->stream = asyncio_stream_ref(stream);
    ws->loop = asyncio_get_running_loop();
    ws->heard_at = asyncio_loop_time(ws->loop);
    if (ws->heartbeat > 0 && aiohttp__ws_arm(ws, ws->heard_at + ws->heartbeat) < 0)
        aiohttp__ws_lost(ws, -ENOMEM);
    /* Nobody may ever receive: then the keeper does. */
    ws->is_check_due = aiohttp__ws_arm(ws, ws->heard_at + WS_KEEP_SECONDS) >= 0;
}

int aiohttp__ws_new(const struct ws_setup *setup, asyncio_stream *stream,
                    aiohttp_websocket **ret_ws)
{
    int r = aiohttp__ws_prepare(setup, ret_ws);
    if (r >= 0)
        aiohttp__ws_start(*ret_ws, stream);
    return r;
}

void aiohttp__ws_lost(aiohttp_websocket *ws, int error)
{
    if (ws->is_over)
        return;
    ws->is_over = true;
    aiohttp__ws_disarm(ws);
    /* A code of ours that the peer has not answered is none (RFC 6455, 7.1.5), but for a fault. */
    if (!ws->close_code || (ws->sent_close && !ws->got_close && !ws->is_broken))
        ws->close_code = AIOHTTP_WS_CLOSE_ABNORMAL_CLOSURE;
    if (!ws->exception && ws->close_code == AIOHTTP_WS_CLOSE_ABNORMAL_CLOSURE)
        ws->exception = error ? error : -ECONNRESET;
    if (error)
        asyncio_stream_abort(ws->stream);
    else {
        bool has_unsent = asyncio_stream_get_write_buffer_size(ws->stream) > 0;
        asyncio_stream_close(ws->stream);
        if (has_unsent)
            aiohttp__ws_linger(ws->stream, ws->close_time);
    }
    (void)asyncio_event_set(&ws->arrived);
    (void)asyncio_event_set(&ws->over);
}

aiohttp_websocket *aiohttp_websocket_ref(aiohttp_websocket *ws)
{
    if (ws)
        ws->refs++;
    return ws;
}

void aiohttp_websocket_unref(aiohttp_websocket *ws)
{
    if (ws)
        ws_unref(ws);
}

void aiohttp__ws_release(aiohttp_websocket *ws)
{
    if (ws->stream && !ws->is_over)
        aiohttp__ws_lost(ws, ws->sent_close ? 0 : -ECONNABORTED);
    if (ws->has_keeper)
        return; /* it ends now */
    aiohttp__ws_disarm(ws);
    asyncio_stream_unref(ws->stream);
    aiohttp__ws_coders_free(ws);
    asyncio_mem_free(ws->data);
    asyncio_mem_free(ws->held);
    asyncio_mem_free(ws->message);
    asyncio_mem_free(ws->protocol);
    asyncio_mem_free(ws);
}

int aiohttp_websocket_closed(const aiohttp_websocket *ws)
{
    return ws_is_closed(ws);
}

int aiohttp_websocket_close_code(const aiohttp_websocket *ws)
{
    return ws->close_code;
}

int aiohttp_websocket_exception(const aiohttp_websocket *ws)
{
    return ws->exception;
}

const char *aiohttp_websocket_protocol(const aiohttp_websocket *ws)
{
    return ws->protocol;
}

int aiohttp_websocket_compress(const aiohttp_websocket *ws)
{
    if (!ws->deflate.is_on)
        return 0;
    return ws->is_client ? ws->deflate.client_bits : ws->deflate.server_bits;
}

int aiohttp_websocket_get_extra_info(const aiohttp_websocket *ws, const char *name, char *data,
                                     size_t size)
{
    return ws->stream ? asyncio_stream_get_extra_info(ws->stream, name, data, size) : -ENOENT;
}
