/* SPDX-License-Identifier: MIT */
/* WebSocket frames: headers whole and byte by byte, texts checked whole and in pieces, masks
 * twice. */
#include "split.h"

#include "wire/utf8.h"
#include "wire/ws.h"

static void text_in_pieces(const char *text, size_t size, uint32_t seed)
{
    uint32_t whole = 0, now = 0;
    bool good = aiohttp__utf8_step(&whole, text, size), again = true;
    for (size_t at = 0; at < size && again;) {
        size_t next = next_split(&seed, at, size);
        again = aiohttp__utf8_step(&now, text + at, next - at);
        at = next;
    }
    HOLDS(good == again && (!good || whole == now));
}

static void masked_twice(const char *text, size_t size, const uint8_t mask[4], uint32_t seed)
{
    char *copy = exact_copy(text, size);
    aiohttp__ws_mask(copy, size, mask, 0);
    for (size_t at = 0; at < size;) {
        size_t next = next_split(&seed, at, size);
        aiohttp__ws_mask(copy + at, next - at, mask, at);
        at = next;
    }
    HOLDS(size == 0 || memcmp(copy, text, size) == 0);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ws_reader whole, bytes;
    struct ws_frame frame = { .size = 0 }, again = frame;
    if (size < 2)
        return 0;
    aiohttp_limits limits = aiohttp_server_limits();
    if ((data[0] & 4) != 0)
        limits.message = 300, limits.frame = 200, limits.fragments = 3;
    aiohttp__ws_reader_init(&whole, &limits, data[0] & 1, data[0] & 2);
    uint32_t seed = (uint32_t)data[0] << 8 | data[1] | 0x10000u;
    const char *at = (const char *)data + 2;
    size -= 2;
    for (int r = 1; r > 0;) {
        bytes = whole;
        char *copy = exact_copy(at, size);
        r = aiohttp__ws_read_header(&whole, copy, size, &frame);
        free(copy);
        int other = 0;
        for (size_t known = 0; known <= size && known <= WS_HEADER_MAX && other == 0; known++)
            other = aiohttp__ws_read_header(&bytes, at, known, &again);
        HOLDS(r == other && (r <= 0 || frame.size == again.size));
        HOLDS(r <= WS_HEADER_MAX && r <= (int)size);
        if (r <= 0)
            break;
        char header[WS_HEADER_MAX];
        HOLDS(aiohttp__ws_write_header(header, &frame) == (size_t)r);
        HOLDS(memcmp(header, at, (size_t)r) == 0);
        at += r;
        size -= (size_t)r;
        size_t payload = size < frame.size ? size : (size_t)frame.size;
        struct span reason;
        text_in_pieces(at, payload, seed);
        masked_twice(at, payload, frame.mask, seed);
        (void)!aiohttp__ws_read_close(at, payload, &reason);
        at += payload;
        size -= payload;
    }
    return 0;
}
