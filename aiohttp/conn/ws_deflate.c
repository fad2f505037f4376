/* SPDX-License-Identifier: MIT */
/* permessage-deflate (RFC 7692), by zlib.
 *
 * MODEL    A compressor and a decompressor for each WebSocket, made with the first message that
 *          needs them. Each message ends with an empty block, whose four bytes 00 00 ff ff are not
 *          sent. Without context takeover a compressor begins anew with each message; a
 *          decompressor need not, but does, since it may.
 * BOMBS    What comes out is counted as it does: more than the message may have, or much more than
 *          went in (inflate_ratio, from inflate_ratio_from on), is 1009. So are more than
 *          ENDINGS_MAX last blocks: each is two bytes, and makes zlib begin anew.
 * WINDOWS  One that refers further back than was agreed is 1007, unless what it refers to came out
 *          in the same step: zlib does not look closer.
 * FAILURE  A message that was compressed and not sent is one that the peer's window lacks: the
 *          compressor begins anew, and refers to nothing that was before. */
#include "conn/ws.h"

#include "message/coding.h"

#include <asyncio/alloc.h>
#include <errno.h>
#include <limits.h>
#include <zlib.h>

/* ENDINGS_MAX: of a message, blocks that are marked as the last one. */
enum { INFLATE_STEP = 16384, ENDINGS_MAX = 1024, LEVEL = 6, MEMORY = 8 };

struct ws_coder {
    z_stream stream;
    unsigned endings; /* so far */
};

static void *take(void *data, unsigned count, unsigned size)
{
    (void)data;
    return asyncio_mem_calloc(count, size);
}

static void give(void *data, void *memory)
{
    (void)data;
    asyncio_mem_free(memory);
}

static struct ws_coder *coder_new(void)
{
    struct ws_coder *coder = asyncio_mem_calloc(1, sizeof *coder);
    if (coder) {
        coder->stream.zalloc = take;
        coder->stream.zfree = give;
    }
    return coder;
}

void aiohttp__ws_coders_free(aiohttp_websocket *ws)
{
    if (ws->deflater)
        deflateEnd(&ws->deflater->stream);
    if (ws->inflater)
        inflateEnd(&ws->inflater->stream);
    asyncio_mem_free(ws->deflater);
    asyncio_mem_free(ws->inflater);
    ws->deflater = ws->inflater = NULL;
}

/* --- in --- */

static int inflater_make(aiohttp_websocket *ws)
{
    int bits = ws->is_client ? ws->deflate.server_bits : ws->deflate.client_bits;
    if (ws->inflater)
        return 0;
    struct ws_coder *coder = coder_new();
    if (coder && inflateInit2(&coder->stream, -bits) == Z_OK) {
        ws->inflater = coder;
        return 0;
    }
    asyncio_mem_free(coder);
    return -ENOMEM;
}

/* A block may be marked as the last one; the next refers to what was before all the same (RFC 7692,
 * 7.2.3.4): the window stays. */
static int begin_again(aiohttp_websocket *ws)
{
    if (++ws->inflater->endings > ENDINGS_MAX)
        return -WS_CLOSE_TOO_BIG;
    return inflateResetKeep(&ws->inflater->stream) == Z_OK ? 0 : -WS_CLOSE_INVALID;
}

/* What came out behind what the message has. */
static int judge(aiohttp_websocket *ws, size_t got)
{
    size_t room = ws->message_max - ws->message_size;
    struct span out = { ws->message + ws->message_size, got < room ? got : room };
    ws->message_size += got;
    /* In this order, so that it is the same however the bytes came. */
    if (ws->type == WS_TEXT && !aiohttp__utf8_step(&ws->utf8, out.data, out.size))
        return -WS_CLOSE_INVALID;
    if (got > room)
        return -WS_CLOSE_TOO_BIG;
    return coding_is_bomb(ws->message_size, ws->deflated_size, ws->inflate_ratio,
                          ws->inflate_ratio_from)
               ? -WS_CLOSE_TOO_BIG
               : 0;
}

static int inflate_piece(aiohttp_websocket *ws, struct span piece)
{
    z_stream *stream = &ws->inflater->stream;
    stream->next_in = (Bytef *)(uintptr_t)piece.data;
    stream->avail_in = (uInt)piece.size;
    for (;;) {
        size_t most = ws->message_max - ws->message_size;
        size_t room = 256 + 4 * (size_t)stream->avail_in + ws->message_size / 2;
        room = room < INFLATE_STEP ? room : INFLATE_STEP;
        room = room <= most ? room : most + 1;
        size_t free_room = ws->message_capacity - ws->message_size;
        if (free_room < 2 || stream->avail_in > free_room * 2) {
            if (aiohttp__ws_message_room(ws, room) < 0)
                return -ENOMEM;
            free_room = ws->message_capacity - ws->message_size;
        }
        room = free_room - 1 < INFLATE_STEP ? free_room - 1 : INFLATE_STEP;
        stream->next_out = (Bytef *)ws->message + ws->message_size;
        stream->avail_out = (uInt)room;
        int state = inflate(stream, Z_SYNC_FLUSH);
        int r = judge(ws, room - stream->avail_out);
        if (r < 0)
            return r;
        if (state == Z_STREAM_END) {
            if ((r = begin_again(ws)) < 0)
                return r;
        } else if (state == Z_BUF_ERROR || (state == Z_OK && stream->avail_out > 0))
            return stream->avail_in ? -WS_CLOSE_INVALID : 0;
        else if (state != Z_OK)
            return state == Z_MEM_ERROR ? -ENOMEM : -WS_CLOSE_INVALID;
    }
}

int aiohttp__ws_inflate(aiohttp_websocket *ws, struct span piece, bool is_last)
{
    int r = inflater_make(ws);
    ws->deflated_size += piece.size;
    while (r >= 0 && piece.size > 0) {
        size_t size = piece.size < INT_MAX ? piece.size : INT_MAX;
        r = inflate_piece(ws, (struct span){ piece.data, size });
        piece = (struct span){ piece.data + size, piece.size - size };
    }
    if (r < 0 || !is_last)
        return r;
    static const char tail[] = { 0, 0, (char)0xff, (char)0xff };
    r = inflate_piece(ws, (struct span){ tail, sizeof tail });
    ws->inflater->endings = 0;
    if (r >= 0)
        r = aiohttp__ws_message_room(ws, 0);
    bool forgets = ws->is_client ? ws->deflate.server_forgets : ws->deflate.client_forgets;
    if (r >= 0 && forgets && inflateReset(&ws->inflater->stream) != Z_OK)
        r = -ENOMEM;
    return r;
}

/* --- out --- */

static int deflater_make(aiohttp_websocket *ws)
{
    int bits = ws->is_client ? ws->deflate.client_bits : ws->deflate.server_bits;
    if (ws->deflater)
        return 0;
    struct ws_coder *coder = coder_new();
    /* zlib has no window of 8 bits; with 9 it refers to no more than 250 bytes back. */
    if (coder && deflateInit2(&coder->stream, LEVEL, Z_DEFLATED, -(bits < 9 ? 9 : bits), MEMORY,
                              Z_DEFAULT_STRATEGY) == Z_OK) {
        ws->deflater = coder;
        return 0;
    }
    asyncio_mem_free(coder);
    return -ENOMEM;
}

void aiohttp__ws_deflate_again(aiohttp_websocket *ws)
{
    deflateReset(&ws->deflater->stream);
}

/* All that the stream gives, behind *size. */
static int deflate_piece(z_stream *stream, char **room, size_t *size, size_t *capacity, int flush)
{
    do {
        if (*capacity - *size < 64) {
            size_t larger = *capacity + *capacity / 2;
            char *grown = asyncio_mem_realloc(*room, larger);
            if (!grown)
                return -ENOMEM;
            *room = grown;
            *capacity = larger;
        }
        size_t free_room = *capacity - *size < INT_MAX ? *capacity - *size : INT_MAX;
        stream->next_out = (Bytef *)*room + *size;
        stream->avail_out = (uInt)free_room;
        int state = deflate(stream, flush);
        if (state != Z_OK && state != Z_BUF_ERROR)
            return -ENOMEM;
        *size += free_room - stream->avail_out;
    } while (stream->avail_out == 0 || stream->avail_in > 0);
    return 0;
}

int64_t aiohttp__ws_deflate(aiohttp_websocket *ws, struct span message, char **ret_room)
{
    int r = deflater_make(ws);
    if (r < 0)
        return r;
    z_stream *stream = &ws->deflater->stream;
    size_t size = WS_HEADER_MAX, capacity = 256 + message.size / 2;
    char *room = asyncio_mem_malloc(capacity);
    if (!room)
        return -ENOMEM;
    do {
        size_t piece = message.size < INT_MAX ? message.size : INT_MAX;
        stream->next_in = (Bytef *)(uintptr_t)message.data;
        stream->avail_in = (uInt)piece;
        message = (struct span){ message.data + piece, message.size - piece };
        r = deflate_piece(stream, &room, &size, &capacity,
                          message.size ? Z_NO_FLUSH : Z_SYNC_FLUSH);
    } while (r >= 0 && message.size > 0);
    bool forgets = ws->is_client ? ws->deflate.client_forgets : ws->deflate.server_forgets;
    if (r < 0 || forgets)
        deflateReset(stream);
    if (r < 0) {
        asyncio_mem_free(room);
        return r;
    }
    *ret_room = room;
    return (int64_t)(size - WS_HEADER_MAX - 4);
}
