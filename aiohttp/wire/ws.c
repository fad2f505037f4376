/* SPDX-License-Identifier: MIT */
/* WebSocket frames: see ws.h. */
#include "wire/ws.h"

#include "wire/utf8.h"

#include <string.h>

void aiohttp__ws_reader_init(struct ws_reader *reader, const aiohttp_limits *limits,
                             bool from_client, bool has_deflate)
{
    *reader = (struct ws_reader){
        .frame_max = limits->frame,
        .message_max = limits->message,
        .fragments_max = limits->fragments,
        .from_client = from_client,
        .has_deflate = has_deflate,
    };
}

/* The two bytes that every frame has: 0, or the code to close with. */
static int judge(const struct ws_reader *reader, uint8_t first, uint8_t second)
{
    unsigned opcode = first & 15;
    bool is_final = (first & 0x80) != 0, is_control = opcode >= 8;
    if ((first & 0x30) != 0 || opcode > WS_PONG || (opcode > WS_BINARY && !is_control))
        return WS_CLOSE_PROTOCOL;
    bool may_deflate = reader->has_deflate && (opcode == WS_TEXT || opcode == WS_BINARY);
    if ((first & 0x40) != 0 && !may_deflate)
        return WS_CLOSE_PROTOCOL;
    if (((second & 0x80) != 0) != reader->from_client)
        return WS_CLOSE_PROTOCOL;
    if (is_control)
        return is_final && (second & 0x7f) <= 125 ? 0 : WS_CLOSE_PROTOCOL;
    return (opcode == WS_CONTINUATION) == reader->in_message ? 0 : WS_CLOSE_PROTOCOL;
}

static uint64_t big_endian(const uint8_t *at, int size)
{
    uint64_t number = 0;
    for (int i = 0; i < size; i++)
        number = number << 8 | at[i];
    return number;
}

/* As much, or what it may be compressed: zlib adds five bytes to each 16 KiB, and some. */
static uint64_t most(uint64_t limit, bool is_deflated)
{
    uint64_t more = limit / 1024 + 64;
    return is_deflated && limit < UINT64_MAX - more ? limit + more : limit;
}

int aiohttp__ws_read_header(struct ws_reader *reader, const void *data, size_t size,
                            struct ws_frame *ret_frame)
{
    const uint8_t *at = data;
    if (size < 2)
        return 0;
    int code = judge(reader, at[0], at[1]);
    if (code != 0)
        return -code;
    uint64_t length = at[1] & 0x7f;
    int more = length == 126 ? 2 : length == 127 ? 8 : 0;
    size_t header = 2 + (size_t)more + (reader->from_client ? 4 : 0);
    if (size < 2 + (size_t)more)
        return 0;
    if (more > 0) {
        length = big_endian(at + 2, more);
        if (length < (more == 2 ? 126 : 65536) || length > (uint64_t)INT64_MAX)
            return -WS_CLOSE_PROTOCOL;
    }
    bool is_control = (at[0] & 8) != 0;
    if (!is_control) {
        bool is_first = !reader->in_message;
        uint64_t before = is_first ? 0 : reader->message;
        size_t fragments = is_first ? 0 : reader->fragments;
        bool is_deflated = is_first ? (at[0] & 0x40) != 0 : reader->is_deflated;
        uint64_t message_max = most(reader->message_max, is_deflated);
        if (length > most(reader->frame_max, is_deflated) || before > message_max ||
            length > message_max - before || fragments >= reader->fragments_max)
            return -WS_CLOSE_TOO_BIG;
        if (size < header)
            return 0;
        reader->is_deflated = is_deflated;
        reader->message = before + length;
        reader->fragments = fragments + 1;
        reader->in_message = (at[0] & 0x80) == 0;
    }
    if (size < header)
        return 0;
    *ret_frame = (struct ws_frame){
        .size = length,
        .opcode = at[0] & 15,
        .is_final = (at[0] & 0x80) != 0,
        .is_deflated = (at[0] & 0x40) != 0,
        .is_masked = reader->from_client,
    };
    if (reader->from_client)
        memcpy(ret_frame->mask, at + header - 4, 4);
    return (int)header;
}

size_t aiohttp__ws_write_header(char header[WS_HEADER_MAX], const struct ws_frame *frame)
{
    uint8_t text[WS_HEADER_MAX];
    size_t size = 2;
    int more = frame->size < 126 ? 0 : frame->size < 65536 ? 2 : 8;
    text[0] = (uint8_t)((frame->is_final ? 0x80 : 0) | (frame->is_deflated ? 0x40 : 0) |
                        (frame->opcode & 15));
    text[1] = (uint8_t)((frame->is_masked ? 0x80 : 0) |
                        (more == 0 ? (uint8_t)frame->size : more == 2 ? 126 : 127));
    for (int i = more - 1; i >= 0; i--)
        text[size++] = (uint8_t)(frame->size >> 8 * i);
    if (frame->is_masked) {
        memcpy(text + size, frame->mask, 4);
        size += 4;
    }
    memcpy(header, text, size);
    return size;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a mask is turned as a number");

/* Sixteen bytes at once, wherever they lie: SSE2 and NEON are always there. */
typedef uint64_t wide __attribute__((vector_size(16), aligned(1), may_alias));

void aiohttp__ws_mask(char *data, size_t size, const uint8_t mask[4], uint64_t at)
{
    const unsigned turn = 8 * (unsigned)(at & 3);
    uint32_t key;
    memcpy(&key, mask, sizeof key);
    key = turn ? key >> turn | key << (32 - turn) : key;
    uint64_t eight = key | (uint64_t)key << 32;
    const wide sixteen = { eight, eight };
    for (; size >= 64; data += 64, size -= 64) {
        wide *to = (wide *)(void *)data;
        to[0] ^= sixteen;
        to[1] ^= sixteen;
        to[2] ^= sixteen;
        to[3] ^= sixteen;
    }
    for (; size >= 16; data += 16, size -= 16)
        *(wide *)(void *)data ^= sixteen;
    if (size >= 8) {
        uint64_t word;
        memcpy(&word, data, sizeof word);
        word ^= eight;
        memcpy(data, &word, sizeof word);
        data += 8;
        size -= 8;
    }
    for (; size > 0; data++, size--, eight >>= 8)
        *data = (char)((uint8_t)*data ^ (uint8_t)eight);
}

bool aiohttp__ws_close_code_is_valid(unsigned code)
{
    if (code >= 3000 && code <= 4999)
        return true;
    return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

int aiohttp__ws_read_close(const char *data, size_t size, struct span *ret_reason)
{
    if (size == 1)
        return -WS_CLOSE_PROTOCOL;
    if (size == 0) {
        *ret_reason = (struct span){ data, 0 };
        return WS_CLOSE_NO_CODE;
    }
    unsigned code = (unsigned)big_endian((const uint8_t *)data, 2);
    if (!aiohttp__ws_close_code_is_valid(code))
        return -WS_CLOSE_PROTOCOL;
    struct span reason = { data + 2, size - 2 };
    if (!aiohttp__is_utf8(reason))
        return -WS_CLOSE_INVALID;
    *ret_reason = reason;
    return (int)code;
}
