/* SPDX-License-Identifier: MIT */
/* WebSockets: what happens by itself. The timer, the heartbeat, and who answers pings while nobody
 * receives. */
#include "conn/ws.h"

#include <asyncio/error.h>
#include <asyncio/task.h>
#include <errno.h>
#include <math.h>

/* --- pings behind what is not received yet --- */

/* Where the next frame's header is that parsing has not come to. */
static size_t next_header(const aiohttp_websocket *ws)
{
    if (!ws->in_frame)
        return ws->begin;
    bool is_whole = ws->frame.opcode >= WS_CLOSE ||
                    (ws->frame.opcode != WS_CONTINUATION && ws->frame.is_final && !ws->is_deflated);
    uint64_t left = ws->frame.size - (is_whole ? 0 : ws->done);
    return left < SIZE_MAX / 2 ? ws->begin + (size_t)left : SIZE_MAX;
}

/* Header bytes as they came: the first of them may be a NUL for now. */
static size_t peek_header(const aiohttp_websocket *ws, size_t at, uint8_t header[WS_HEADER_MAX])
{
    size_t size = ws->end - at < WS_HEADER_MAX ? ws->end - at : WS_HEADER_MAX;
    memcpy(header, ws->data + at, size);
    if (size && ws->nul == ws->data + at)
        header[0] = (uint8_t)ws->behind;
    return size;
}

/* Answers a ping that is all there. Whether bytes are good is not judged here, but when they are
 * received. */
static void answer(aiohttp_websocket *ws, size_t at, const uint8_t *header, size_t header_size,
                   size_t size)
{
    char payload[125];
    memcpy(payload, ws->data + at + header_size, size);
    if (!ws->is_client)
        aiohttp__ws_mask(payload, size, header + header_size - 4, 0);
    aiohttp__ws_answer_ping(ws, (struct span){ payload, size });
    /* What receive comes to is a pong, which it passes over. */
    char pong = (char)(0x80 | WS_PONG);
    if (ws->nul == ws->data + at)
        ws->behind = pong;
    else
        ws->data[at] = pong;
}

static void scan(aiohttp_websocket *ws)
{
    size_t at = next_header(ws);
    if (ws->scanned > at)
        at = ws->scanned;
    while (at < ws->end) {
        uint8_t header[WS_HEADER_MAX];
        size_t have = peek_header(ws, at, header);
        if (have < 2)
            break;
        uint64_t size = header[1] & 0x7f;
        size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
        size_t header_size = 2 + more + (ws->is_client ? 0 : 4);
        if (have < header_size)
            break;
        if (more) {
            size = 0;
            for (size_t i = 0; i < more; i++)
                size = size << 8 | header[2 + i];
        }
        bool is_ping = header[0] == (0x80 | WS_PING) && size <= 125;
        if (size > SIZE_MAX / 4)
            break;
        if (is_ping && ws->end - at < header_size + size)
            break;
        if (is_ping)
            answer(ws, at, header, header_size, (size_t)size);
        at += header_size + (size_t)size;
    }
    ws->scanned = at;
}

static bool has_room(const aiohttp_websocket *ws)
{
    return ws->end - ws->begin < WS_KEEP_MAX;
}

static int keep(aiohttp_websocket *ws)
{
    int r = 1;
    while (r > 0 && !ws->is_receiving && !ws_is_closed(ws) && has_room(ws)) {
        if (ws->autoping)
            scan(ws);
        r = ws_more(ws);
    }
    if (ws->autoping && !ws->is_receiving && !ws_is_closed(ws))
        scan(ws);
    return r == -ECANCELED ? r : 0;
}

/* Also when it never ran. */
static void kept(void *data)
{
    aiohttp_websocket *ws = data;
    ws->has_keeper = false;
    if (!ws->refs)
        aiohttp__ws_release(ws);
}

static void start_keeper(aiohttp_websocket *ws)
{
    if (ws->has_keeper || ws->is_reading || !has_room(ws))
        return;
    ws->has_keeper = true;
    /* Without memory there is none; the timer tries again. */
    (void)!asyncio_create_task(asyncio_coro_on_close(asyncio_coro(keep, ws), kept, ws), NULL,
                               .name = "websocket");
}

/* --- the timer --- */

void aiohttp__ws_disarm(aiohttp_websocket *ws)
{
    if (!ws->timer)
        return;
    asyncio_handle_cancel(ws->timer);
    asyncio_handle_unref(ws->timer);
    ws->timer = NULL;
}

/* Cuts what has no answer to its ping; else when to look again. */
static double check_heartbeat(aiohttp_websocket *ws, double now)
{
    if (!(ws->heartbeat > 0) || ws->got_close)
        return __builtin_inf();
    /* While nothing is read the peer's silence is ours. */
    if (!ws->is_reading) {
        ws->heard_at = now;
        start_keeper(ws);
    }
    if (ws->pinged_at > 0 && ws->heard_at >= ws->pinged_at)
        ws->pinged_at = 0;
    if (ws->pinged_at > 0) {
        double until = ws->pinged_at + ws->heartbeat / 2;
        if (now < until)
            return until;
        ws->exception = asyncio_raise(-ETIMEDOUT, "no PONG received after %g seconds",
                                      ws->heartbeat / 2);
        ws->close_code = AIOHTTP_WS_CLOSE_ABNORMAL_CLOSURE;
        aiohttp__ws_lost(ws, -ETIMEDOUT);
        return __builtin_inf();
    }
    double due = ws->heard_at + ws->heartbeat;
    if (now < due)
        return due;
    ws->pinged_at = now;
    (void)!aiohttp__ws_control(ws, WS_PING, (struct span){ "", 0 });
    if (!ws->is_receiving)
        start_keeper(ws);
    return now + ws->heartbeat / 2;
}

/* Does anybody receive? */
static double check_receiver(aiohttp_websocket *ws, double now)
{
    if (!ws->is_check_due)
        return __builtin_inf();
    ws->is_check_due = false;
    if (ws->is_receiving || ws->has_keeper || ws_is_closed(ws))
        return __builtin_inf();
    if (!ws->was_used)
        start_keeper(ws);
    ws->was_used = false;
    ws->is_check_due = true;
    return now + WS_KEEP_SECONDS;
}

/* Does the peer take what it is sent? */
static double check_unsent(aiohttp_websocket *ws, double now)
{
    size_t unsent = ws->is_unwatched ? 0 : asyncio_stream_get_write_buffer_size(ws->stream);
    ws->is_unwatched = unsent == 0;
    if (ws->is_unwatched)
        return __builtin_inf();
    if (ws->queued - unsent > ws->taken)
        ws->taken_at = now;
    ws->taken = ws->queued - unsent;
    if (now < ws->taken_at + ws->write_time)
        return fmin(ws->taken_at + ws->write_time, now + ws->write_time / WS_WRITE_LOOKS);
    ws->is_stuck = true;
    ws->exception = asyncio_raise(-ETIMEDOUT, "the peer took no byte for %g seconds",
                                  ws->write_time);
    ws->close_code = AIOHTTP_WS_CLOSE_ABNORMAL_CLOSURE;
    aiohttp__ws_lost(ws, -ETIMEDOUT);
    return __builtin_inf();
}

int aiohttp__ws_watch(aiohttp_websocket *ws)
{
    double now = asyncio_loop_time(ws->loop);
    if (ws->write_time < __builtin_inf() &&
        aiohttp__ws_arm(ws, now + ws->write_time / WS_WRITE_LOOKS) < 0)
        return -ENOMEM;
    ws->is_unwatched = false;
    ws->taken = ws->queued - asyncio_stream_get_write_buffer_size(ws->stream);
    ws->taken_at = now;
    return 0;
}

/* Is there room for a pong now? */
static double check_pong(aiohttp_websocket *ws, double now)
{
    if (ws->has_pong)
        aiohttp__ws_answer_ping(ws, (struct span){ ws->pong, ws->pong_size });
    return ws->has_pong ? now + WS_KEEP_SECONDS : __builtin_inf();
}

/* Closing, only its end counts. */
static double check_all(aiohttp_websocket *ws, double now)
{
    if (ws->sent_close)
        return ws->close_at;
    double next = fmin(check_heartbeat(ws, now), check_receiver(ws, now));
    if (!ws->is_over)
        next = fmin(next, check_unsent(ws, now));
    return ws->is_over ? __builtin_inf() : fmin(next, check_pong(ws, now));
}

static void tick(asyncio_loop *loop, void *data)
{
    aiohttp_websocket *ws = data;
    asyncio_handle_unref(ws->timer);
    ws->timer = NULL;
    if (ws->is_over)
        return;
    aiohttp_websocket_ref(ws);
    double now = asyncio_loop_time(loop);
    if (ws->sent_close && now >= ws->close_at) {
        if (!ws->got_close)
            ws->close_code = AIOHTTP_WS_CLOSE_ABNORMAL_CLOSURE;
        ws->exception = ws->exception ? ws->exception : -ETIMEDOUT;
        aiohttp__ws_lost(ws, -ETIMEDOUT);
    }
    double next = check_all(ws, now);
    if (!ws->is_over && next < __builtin_inf() && aiohttp__ws_arm(ws, next) < 0) {
        ws->is_check_due = false;
        if (ws->sent_close || ws->heartbeat > 0 || !ws->is_unwatched) /* it would never end */
            aiohttp__ws_lost(ws, -ENOMEM);
    }
    aiohttp_websocket_unref(ws);
}

int aiohttp__ws_arm(aiohttp_websocket *ws, double when)
{
    if (ws->timer && ws->timer_at <= when)
        return 0;
    asyncio_handle *timer;
    int r = asyncio_loop_call_at(ws->loop, when, tick, &timer, .data = ws);
    if (r < 0)
        return r;
    aiohttp__ws_disarm(ws);
    ws->timer = timer;
    ws->timer_at = when;
    return 0;
}
