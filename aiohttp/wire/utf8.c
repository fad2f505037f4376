/* SPDX-License-Identifier: MIT */
/* Whether bytes are UTF-8 (RFC 3629), in pieces or whole: see utf8.h. */
#include "wire/utf8.h"

/* The state holds how many bytes of a character are still to come (low byte), and the least and the
 * greatest that the next one may be: only the second byte is ever bounded more than 80 to BF, which
 * keeps out overlong forms, surrogates, and what is beyond U+10FFFF. */
#define UTF8(left, least, greatest)                                                                \
    ((uint32_t)(left) | (uint32_t)(least) << 8 | (uint32_t)(greatest) << 16)

static uint32_t utf8_first(uint8_t byte)
{
    if (byte < 0xc2 || byte > 0xf4)
        return 0;
    if (byte < 0xe0)
        return UTF8(1, 0x80, 0xbf);
    if (byte < 0xf0)
        return UTF8(2, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf);
    return UTF8(3, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf);
}

bool aiohttp__utf8_step(uint32_t *state, const char *data, size_t size)
{
    uint32_t now = *state;
    size_t i = 0;
    if (now == 0)
        while (size - i >= 32) { /* texts are ASCII, mostly */
            uint64_t four[4];
            memcpy(four, data + i, sizeof four);
            if (((four[0] | four[1] | four[2] | four[3]) & 0x8080808080808080u) != 0)
                break;
            i += sizeof four;
        }
    for (; i < size; i++) {
        uint64_t eight;
        if (now == 0 && size - i >= 8) { /* ASCII, eight at once */
            memcpy(&eight, data + i, 8);
            if ((eight & 0x8080808080808080u) == 0) {
                i += 7;
                continue;
            }
        }
        uint8_t byte = (uint8_t)data[i];
        if (now == 0) {
            if (byte >= 0x80 && (now = utf8_first(byte)) == 0)
                return false;
            continue;
        }
        if (byte < (now >> 8 & 255) || byte > (now >> 16 & 255))
            return false;
        now = (now & 255) > 1 ? UTF8((now & 255) - 1, 0x80, 0xbf) : 0;
    }
    *state = now;
    return true;
}

bool aiohttp__is_utf8(struct span text)
{
    uint32_t state = 0;
    return aiohttp__utf8_step(&state, text.data, text.size) && state == 0;
}
