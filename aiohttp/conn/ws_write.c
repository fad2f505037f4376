/* SPDX-License-Identifier: MIT */
/* WebSockets: what goes out. Each frame is one write. */
#include "conn/ws.h"

#include <aiohttp/error.h>
#include <aiohttp/json.h>
#include <asyncio/alloc.h>
#include <errno.h>

/* Below SMALL_MAX a payload is copied behind its header. COMPRESS_MIN: what is shorter does not
 * gain by it. */
enum { SMALL_MAX = 2048, COMPRESS_MIN = 32, CONTROL_MAX = 125 };

/* A mask that nobody can foresee (RFC 6455, 5.3). */
static int put_mask(aiohttp_websocket *ws, struct ws_frame *frame)
{
    if (!ws->is_client)
        return 0;
    if (!ws->keys_left) {
        int r = aiohttp__random(ws->keys, sizeof ws->keys);
        if (r < 0)
            return r;
        ws->keys_left = WS_KEYS;
    }
    frame->is_masked = true;
    memcpy(frame->mask, &ws->keys[--ws->keys_left], sizeof frame->mask);
    return 0;
}

/* Header and payload in one piece; at least WS_HEADER_MAX + size bytes. Its size. */
static inline size_t put_frame(char *room, const struct ws_frame *frame, const void *data)
{
    size_t header = 2, size = (size_t)frame->size;
    if (size < 126 && !frame->is_masked) {
        room[0] = (char)(0x80 | frame->opcode);
        room[1] = (char)size;
    } else
        header = aiohttp__ws_write_header(room, frame);
    if (size)
        memcpy(room + header, data, size);
    if (frame->is_masked)
        aiohttp__ws_mask(room + header, size, frame->mask, 0);
    return header + size;
}

int aiohttp__ws_control(aiohttp_websocket *ws, enum ws_opcode opcode, struct span payload)
{
    char room[WS_HEADER_MAX + CONTROL_MAX];
    struct ws_frame frame = { .size = payload.size, .opcode = (uint8_t)opcode, .is_final = true };
    int r = put_mask(ws, &frame);
    if (r < 0)
        return r;
    size_t size = put_frame(room, &frame, payload.data);
    r = asyncio_stream_write_nowait(ws->stream, room, size);
    ws->queued += r < 0 ? 0 : size;
    return r;
}

void aiohttp__ws_answer_ping(aiohttp_websocket *ws, struct span payload)
{
    ws->has_pong = false;
    if (ws_is_closed(ws))
        return;
    if (asyncio_stream_get_write_buffer_size(ws->stream) <= WS_PONG_MAX) {
        (void)!aiohttp__ws_control(ws, WS_PONG, payload);
        return;
    }
    /* The peer does not read: of all its pings only the last is answered (RFC 6455, 5.5.3), behind
     * the message that somebody sends, or when the timer finds room. */
    memmove(ws->pong, payload.data, payload.size);
    ws->pong_size = (uint8_t)payload.size;
    ws->has_pong = true;
    (void)!aiohttp__ws_arm(ws, asyncio_loop_time(ws->loop) + WS_KEEP_SECONDS);
}

/* Must who sends wait, for the peer or for who came before? */
static inline bool must_wait(const aiohttp_websocket *ws)
{
    return ws->has_queue || asyncio_stream_get_write_buffer_size(ws->stream);
}

/* While much is unsent nothing is added to it: so a peer that does not read costs no more than a
 * message. Who has his turn goes on without suspending, so the next one comes behind him. */
static int __attribute__((noinline)) wait_for_room(aiohttp_websocket *ws)
{
    ws->queue++;
    ws->has_queue = true;
    int r = asyncio_lock_acquire(&ws->turn);
    if (r >= 0) {
        r = asyncio_stream_drain(ws->stream);
        (void)asyncio_lock_release(&ws->turn);
    }
    ws->has_queue = --ws->queue > 0;
    if (r < 0)
        return r;
    if (ws->has_pong)
        aiohttp__ws_answer_ping(ws, (struct span){ ws->pong, ws->pong_size });
    return ws_is_closed(ws) ? -ECONNRESET : 0;
}

static int send_deflated(aiohttp_websocket *ws, struct ws_frame *frame, struct span message)
{
    char *room, header[WS_HEADER_MAX];
    int64_t size = aiohttp__ws_deflate(ws, message, &room);
    if (size < 0)
        return (int)size;
    frame->size = (uint64_t)size;
    frame->is_deflated = true;
    size_t before = aiohttp__ws_write_header(header, frame);
    char *at = room + WS_HEADER_MAX - before;
    memcpy(at, header, before);
    if (frame->is_masked)
        aiohttp__ws_mask(room + WS_HEADER_MAX, (size_t)size, frame->mask, 0);
    ws->queued += before + (size_t)size;
    int r = asyncio_stream_write(ws->stream, at, before + (size_t)size);
    if (r < 0 && r != -ECANCELED)
        aiohttp__ws_deflate_again(ws);
    asyncio_mem_free(room);
    return r;
}

/* A payload that is too large to be copied for its header's sake. */
static int send_large(aiohttp_websocket *ws, const struct ws_frame *frame, struct span message)
{
    if (!frame->is_masked) {
        char header[WS_HEADER_MAX];
        struct iovec pieces[2] = { { header, aiohttp__ws_write_header(header, frame) },
                                   { (void *)(uintptr_t)message.data, message.size } };
        ws->queued += pieces[0].iov_len + message.size;
        return asyncio_stream_writelines(ws->stream, pieces, 2);
    }
    char *room = asyncio_mem_malloc(WS_HEADER_MAX + message.size);
    if (!room)
        return -ENOMEM;
    size_t size = put_frame(room, frame, message.data);
    ws->queued += size;
    int r = asyncio_stream_write(ws->stream, room, size);
    asyncio_mem_free(room);
    return r;
}

static int send_small(aiohttp_websocket *ws, const struct ws_frame *frame, struct span message)
{
    char room[WS_HEADER_MAX + SMALL_MAX];
    size_t size = put_frame(room, frame, message.data);
    ws->queued += size;
    return asyncio_stream_write(ws->stream, room, size);
}

static int send_now(aiohttp_websocket *ws, enum ws_opcode opcode, struct span message,
                    bool may_compress)
{
    int r = ws->is_unwatched ? aiohttp__ws_watch(ws) : 0;
    if (r >= 0 && must_wait(ws)) {
        r = wait_for_room(ws);
        if (r >= 0 && ws->is_unwatched) /* meanwhile all was sent, and the timer saw it */
            r = aiohttp__ws_watch(ws);
    }
    if (r < 0)
        return r;
    struct ws_frame frame = { .size = message.size, .opcode = (uint8_t)opcode, .is_final = true };
    if ((r = put_mask(ws, &frame)) < 0)
        return r;
    if (may_compress && ws->deflate.is_on && message.size >= COMPRESS_MIN)
        r = send_deflated(ws, &frame, message);
    else
        r = message.size > SMALL_MAX ? send_large(ws, &frame, message)
                                     : send_small(ws, &frame, message);
    if (__builtin_expect(ws->has_pong, 0)) /* a ping came while this waited for the peer */
        aiohttp__ws_answer_ping(ws, (struct span){ ws->pong, ws->pong_size });
    return r;
}

static int send_message(aiohttp_websocket *ws, enum ws_opcode opcode, struct span message,
                        bool may_compress)
{
    if (__builtin_expect(!ws->stream || ws_is_closed(ws), 0))
        return -ECONNRESET;
    if (opcode == WS_TEXT && !aiohttp__is_utf8(message))
        return asyncio_raise(-EINVAL, "a text message is UTF-8");
    ws->refs++;
    int r = send_now(ws, opcode, message, may_compress);
    ws_unref(ws);
    return r;
}

/* What most are: a short message of a server's, with nothing in its way. */
static inline bool is_quick(const aiohttp_websocket *ws, size_t size)
{
    return size < 126 && ws->states == 0 &&
           !asyncio_stream_get_write_buffer_size(ws->stream);
}

static inline __attribute__((always_inline)) int send_quick(aiohttp_websocket *ws,
                                                            enum ws_opcode opcode,
                                                            struct span message)
{
    char room[128];
    if (opcode == WS_TEXT && !aiohttp__is_utf8(message))
        return asyncio_raise(-EINVAL, "a text message is UTF-8");
    room[0] = (char)(0x80 | opcode);
    room[1] = (char)message.size;
    if (message.size)
        memcpy(room + 2, message.data, message.size);
    ws->queued += message.size + 2;
    ws->refs++;
    int r = asyncio_stream_write(ws->stream, room, message.size + 2);
    ws_unref(ws);
    return r;
}

static bool may_compress(const aiohttp_websocket_send_options *options)
{
    return !options || options->compress;
}

int(aiohttp_websocket_send_frame)(aiohttp_websocket *ws, const void *data, size_t size, int type,
                                  const aiohttp_websocket_send_options *options)
{
    if ((type != AIOHTTP_WS_TEXT && type != AIOHTTP_WS_BINARY) || size > PTRDIFF_MAX)
        return asyncio_raise(-EINVAL, "a message is text or binary");
    struct span message = { data, size };
    return is_quick(ws, size) ? send_quick(ws, (enum ws_opcode)type, message)
                              : send_message(ws, (enum ws_opcode)type, message,
                                             may_compress(options));
}

int(aiohttp_websocket_send_str)(aiohttp_websocket *ws, const char *text,
                                const aiohttp_websocket_send_options *options)
{
    struct span message = span_of(text);
    return is_quick(ws, message.size) ? send_quick(ws, WS_TEXT, message)
                                      : send_message(ws, WS_TEXT, message, may_compress(options));
}

int(aiohttp_websocket_send_bytes)(aiohttp_websocket *ws, const void *data, size_t size,
                                  const aiohttp_websocket_send_options *options)
{
    if (size > PTRDIFF_MAX)
        return asyncio_raise(-EINVAL, "a message has no negative size");
    struct span message = { data, size };
    return is_quick(ws, size) ? send_quick(ws, WS_BINARY, message)
                              : send_message(ws, WS_BINARY, message, may_compress(options));
}

int(aiohttp_websocket_send_json)(aiohttp_websocket *ws, const struct json_t *json,
                                 const aiohttp_websocket_send_options *options)
{
    char *text;
    size_t size;
    int r = aiohttp_json_dumps(json, &text, &size);
    if (r < 0)
        return r;
    r = send_message(ws, WS_TEXT, (struct span){ text, size }, may_compress(options));
    asyncio_mem_free(text);
    return r;
}

static int send_control(aiohttp_websocket *ws, enum ws_opcode opcode, const void *data, size_t size)
{
    if (size > CONTROL_MAX)
        return asyncio_raise(-EMSGSIZE, "a ping or pong has at most 125 bytes");
    if (!ws->stream || ws_is_closed(ws))
        return -ECONNRESET;
    ws->refs++;
    int r = must_wait(ws) ? wait_for_room(ws) : 0;
    if (r >= 0)
        r = aiohttp__ws_control(ws, opcode, (struct span){ data, size });
    ws_unref(ws);
    return r;
}

int aiohttp_websocket_ping(aiohttp_websocket *ws, const void *data, size_t size)
{
    return send_control(ws, WS_PING, data, size);
}

int aiohttp_websocket_pong(aiohttp_websocket *ws, const void *data, size_t size)
{
    return send_control(ws, WS_PONG, data, size);
}
