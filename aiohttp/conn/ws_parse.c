/* SPDX-License-Identifier: MIT */
/* WebSockets: messages out of what is buffered. Nothing here suspends. */
#include "conn/ws.h"

#include <asyncio/alloc.h>
#include <errno.h>

/* What the parts below say besides enum PARSE: the next frame. */
enum { PARSE_ON = 3 };

static int frame_is_done(aiohttp_websocket *ws)
{
    ws->in_frame = false;
    ws->wanted = 0;
    return PARSE_ON;
}

/* A message's bytes are complete, at `data`, whose next byte is free for a NUL. */
static int give(aiohttp_websocket *ws, char *data, size_t size, aiohttp_ws_message *ret_message)
{
    if (ws->utf8)
        return -WS_CLOSE_INVALID; /* a character is cut */
    data[size] = '\0';
    *ret_message = (aiohttp_ws_message){ .type = ws->type, .data = data, .size = size };
    return PARSE_MESSAGE;
}

/* Of the frame's payload that is buffered, what is new: unmasked where it lies. */
static inline struct span unmask(aiohttp_websocket *ws, char *payload, size_t size)
{
    struct span piece = { payload + ws->done, size - ws->done };
    if (!ws->is_client)
        aiohttp__ws_mask(payload + ws->done, piece.size, ws->frame.mask, ws->done);
    ws->done = size;
    return piece;
}

static int is_text_good(aiohttp_websocket *ws, struct span piece)
{
    return ws->type != WS_TEXT || aiohttp__utf8_step(&ws->utf8, piece.data, piece.size);
}

/* The message is this frame: it is lent. While a read is under way the byte behind what is buffered
 * is not ours. */
static int whole(aiohttp_websocket *ws, aiohttp_ws_message *ret_message)
{
    size_t size = (size_t)ws->frame.size, have = ws->end - ws->begin;
    char *payload = ws->data + ws->begin;
    struct span piece = unmask(ws, payload, have < size ? have : size);
    if (!is_text_good(ws, piece))
        return -WS_CLOSE_INVALID;
    if (have < size) {
        ws->wanted = size;
        return PARSE_MORE;
    }
    ws->begin += size;
    (void)frame_is_done(ws);
    if (__builtin_expect(ws->is_reading && have == size, 0)) {
        if (aiohttp__ws_message_room(ws, size) < 0)
            return -ENOMEM;
        memcpy(ws->message, payload, size);
        return give(ws, ws->message, size, ret_message);
    }
    ws->nul = payload + size;
    ws->behind = *ws->nul;
    return give(ws, payload, size, ret_message);
}

/* The message has several frames, or is compressed: it is put together. */
static int gather(aiohttp_websocket *ws, aiohttp_ws_message *ret_message)
{
    size_t left = (size_t)ws->frame.size - ws->done, have = ws->end - ws->begin;
    struct span piece = { ws->data + ws->begin, have < left ? have : left };
    if (!ws->is_client)
        aiohttp__ws_mask(ws->data + ws->begin, piece.size, ws->frame.mask, ws->done);
    ws->begin += piece.size;
    ws->done += piece.size;
    bool is_frame_read = ws->done == ws->frame.size;
    bool is_last = is_frame_read && ws->frame.is_final;
    if (ws->is_deflated) {
        int r = aiohttp__ws_inflate(ws, piece, is_last);
        if (r < 0)
            return r;
    } else {
        if (!is_text_good(ws, piece))
            return -WS_CLOSE_INVALID;
        if (aiohttp__ws_message_room(ws, piece.size) < 0)
            return -ENOMEM;
        if (piece.size)
            memcpy(ws->message + ws->message_size, piece.data, piece.size);
        ws->message_size += piece.size;
    }
    if (!is_frame_read)
        return PARSE_MORE;
    (void)frame_is_done(ws);
    return is_last ? give(ws, ws->message, ws->message_size, ret_message) : PARSE_ON;
}

static int control(aiohttp_websocket *ws, aiohttp_ws_message *ret_message)
{
    size_t size = (size_t)ws->frame.size;
    char *payload = ws->data + ws->begin;
    if (ws->end - ws->begin < size) {
        ws->wanted = size;
        return PARSE_MORE;
    }
    struct span data = unmask(ws, payload, size);
    unsigned opcode = ws->frame.opcode;
    ws->begin += size;
    (void)frame_is_done(ws);
    if (opcode != WS_CLOSE && ws->autoping) {
        if (opcode == WS_PING)
            aiohttp__ws_answer_ping(ws, data);
        return PARSE_ON;
    }
    /* Copied: behind it there may be no room for a NUL, and a message may be under way. */
    struct span reason = data;
    int code = opcode == WS_CLOSE ? aiohttp__ws_read_close(data.data, size, &reason) : 0;
    if (code < 0)
        return code;
    memcpy(ws->pong, reason.data, reason.size);
    ws->has_pong = 0;
    *ret_message = (aiohttp_ws_message){ .type = (int)opcode,
                                         .code = code,
                                         .data = ws->pong,
                                         .size = reason.size };
    ws->pong[reason.size] = '\0';
    return opcode == WS_CLOSE ? PARSE_CLOSE : PARSE_MESSAGE;
}

static int begin_frame(aiohttp_websocket *ws)
{
    if (ws->end - ws->begin < 2)
        return 0;
    int r = aiohttp__ws_read_header(&ws->reader, ws->data + ws->begin, ws->end - ws->begin,
                                    &ws->frame);
    if (r <= 0)
        return r;
    ws->begin += (size_t)r;
    ws->in_frame = true;
    ws->done = 0;
    unsigned opcode = ws->frame.opcode;
    if (opcode == WS_TEXT || opcode == WS_BINARY) {
        ws->type = (uint8_t)opcode;
        ws->is_deflated = ws->frame.is_deflated;
        ws->utf8 = 0;
        ws->message_size = 0;
        ws->deflated_size = 0;
    }
    return r;
}

static int __attribute__((noinline)) parse_slowly(aiohttp_websocket *ws,
                                                  aiohttp_ws_message *ret_message)
{
    int r = PARSE_ON;
    while (r == PARSE_ON) {
        if (!ws->in_frame && (r = begin_frame(ws)) <= 0)
            return r;
        unsigned opcode = ws->frame.opcode;
        if (opcode >= WS_CLOSE)
            r = control(ws, ret_message);
        else if (opcode != WS_CONTINUATION && ws->frame.is_final && !ws->is_deflated)
            r = whole(ws, ret_message);
        else
            r = gather(ws, ret_message);
    }
    return r;
}

/* A short message, unmasked: it lies at `payload`, and with its header has `whole` bytes. */
static inline int lend(aiohttp_websocket *ws, uint8_t type, char *payload, size_t size,
                       size_t whole, aiohttp_ws_message *ret_message)
{
    ws->begin += whole;
    ws->nul = payload + size;
    ws->behind = payload[size];
    payload[size] = '\0';
    ret_message->type = type;
    ret_message->code = 0;
    ret_message->data = payload;
    ret_message->size = size;
    return PARSE_MESSAGE;
}

static int __attribute__((noinline)) lend_text(aiohttp_websocket *ws, char *payload, size_t size,
                                               size_t whole, aiohttp_ws_message *ret_message)
{
    if (!aiohttp__is_utf8((struct span){ payload, size }))
        return -WS_CLOSE_INVALID;
    return lend(ws, WS_TEXT, payload, size, whole, ret_message);
}

/* What most are: a short message in one frame, all of it there. The same as `whole`, with the same
 * result. All calls are the last thing done, so that nothing is saved for them. */
int aiohttp__ws_parse(aiohttp_websocket *ws, aiohttp_ws_message *ret_message)
{
    size_t have = ws->end - ws->begin;
    if (ws->in_frame || have < 2)
        return parse_slowly(ws, ret_message);
    char *at = ws->data + ws->begin;
    uint8_t type = (uint8_t)at[0] & 0x7f;
    size_t size = (uint8_t)at[1] ^ (ws->is_client ? 0 : 0x80), header = ws->is_client ? 2 : 6;
    if ((uint8_t)((uint8_t)at[0] - 0x81) > 1 || size >= ws->quick_end || have < header + size ||
        ws->reader.in_message || ws->is_reading)
        return parse_slowly(ws, ret_message);
    char *payload = at + header;
    if (!ws->is_client)
        ws_mask_short(payload, size, (const uint8_t *)at + 2);
    return type == WS_TEXT ? lend_text(ws, payload, size, header + size, ret_message)
                           : lend(ws, type, payload, size, header + size, ret_message);
}
