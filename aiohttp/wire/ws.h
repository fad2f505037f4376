/* SPDX-License-Identifier: MIT */
/* WebSocket frames (RFC 6455): headers in and out, masks, UTF-8 as it streams, close codes.
 *
 * MODEL      A frame's header is read when all of it is there; its payload is the caller's matter,
 *            in any pieces, since a mask and the UTF-8 of a text go on where they stopped.
 * STRICT     What the other side may not send fails with the close code that the RFC asks for, as
 *            soon as the header's bytes tell: 1002 for reserved bits that no extension has,
 *            unknown opcodes, control frames that are long or in fragments, a continuation of
 *            nothing, a new message within another, a length not in its shortest form or from 2^63
 *            on, a client's frame without a mask or a server's with one; 1009 for more than the
 *            limits allow, by the length that is announced, before a byte of it has come.
 * OWNERSHIP  All memory is the caller's. */
#pragma once

#include "base/span.h"

#include <aiohttp/limits.h>
#include <stdint.h>

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

enum ws_close {
    WS_CLOSE_OK = 1000,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_NO_CODE = 1005, /* of a close frame without one; never sent */
    WS_CLOSE_INVALID = 1007, /* text that is no UTF-8 */
    WS_CLOSE_TOO_BIG = 1009,
};

#define WS_HEADER_MAX 14

/* What must be known to judge a frame, and what of earlier ones counts. */
struct ws_reader {
    uint64_t frame_max, message_max;
    uint64_t message;                /* payload of the message so far */
    size_t fragments_max, fragments;
    bool from_client;                /* what is read is masked */
    bool has_deflate;                /* negotiated: RSV1 on a message's first frame */
    bool in_message;                 /* more frames of it will come */
    bool is_deflated;                /* the message: what does not shrink grows by a little */
};

struct ws_frame {
    uint64_t size;
    uint8_t opcode; /* enum ws_opcode */
    bool is_final;
    bool is_deflated; /* RSV1 */
    bool is_masked;
    uint8_t mask[4];
};

void aiohttp__ws_reader_init(struct ws_reader *reader, const aiohttp_limits *limits,
                             bool from_client, bool has_deflate);

/* Reads the header at data[0..size): its size, above 0; 0 when more is wanted; -(enum ws_close)
 * when the connection must be closed with that code. The reader goes on behind the frame. */
int aiohttp__ws_read_header(struct ws_reader *reader, const void *data, size_t size,
                            struct ws_frame *ret_frame) ASYNCIO_MUST_CHECK;

/* Writes a header, masked where frame->is_masked says so. Returns its size. */
size_t aiohttp__ws_write_header(char header[WS_HEADER_MAX], const struct ws_frame *frame);

/* Masks or unmasks where it lies; `at`: how many bytes of the payload came before. */
void aiohttp__ws_mask(char *data, size_t size, const uint8_t mask[4], uint64_t at);

static inline void ws_mask_part(char *data, const uint64_t *mask, size_t size)
{
    uint64_t part = 0;
    __builtin_memcpy(&part, data, size);
    part ^= *mask;
    __builtin_memcpy(data, &part, size);
}

/* The same of a short payload from its beginning; calls nothing. */
static inline void ws_mask_short(char *data, size_t size, const uint8_t mask[4])
{
    typedef uint64_t wide __attribute__((vector_size(16), aligned(1), may_alias));
    uint32_t key;
    __builtin_memcpy(&key, mask, sizeof key);
    uint64_t eight = key | (uint64_t)key << 32;
    const wide sixteen = { eight, eight };
    for (; size >= 32; data += 32, size -= 32) {
        ((wide *)(void *)data)[0] ^= sixteen;
        ((wide *)(void *)data)[1] ^= sixteen;
    }
    if (size == 0)
        return;
    if (size & 16) {
        *(wide *)(void *)data ^= sixteen;
        data += 16;
    }
    if (size & 8) {
        ws_mask_part(data, &eight, 8);
        data += 8;
    }
    if (size & 4) {
        ws_mask_part(data, &eight, 4);
        data += 4;
    }
    if (size & 2) {
        ws_mask_part(data, &eight, 2);
        data += 2;
        eight >>= 16;
    }
    if (size & 1)
        ws_mask_part(data, &eight, 1);
}

/* May a close frame carry it? */
bool aiohttp__ws_close_code_is_valid(unsigned code);

/* The payload of a close frame, unmasked: its code (WS_CLOSE_NO_CODE without one) and the text
 * behind it; -(enum ws_close) when it is bad. */
int aiohttp__ws_read_close(const char *data, size_t size, struct span *ret_reason)
    ASYNCIO_MUST_CHECK;
