/* SPDX-License-Identifier: MIT */
/* UTF-8 (RFC 3629): one character at a time, and whether bytes are that. */
#pragma once

#include "base/span.h"

#include <asyncio/macros.h>
#include <stdint.h>

/* How many bytes the character at the beginning of `text` takes, 1 to 4. When it is none: 0, and
 * the length (1 to 3) of what a decoder replaces by one U+FFFD, the longest beginning of a
 * character. `text` is not empty. */
static inline size_t utf8_next(struct span text, size_t *ret_bad)
{
    const unsigned char *s = (const unsigned char *)text.data;
    *ret_bad = 1;
    if (s[0] < 0x80)
        return 1;
    size_t size = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 :
                  s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    if (size == 0 || text.size < 2)
        return 0;
    unsigned char least = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char most = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < least || s[1] > most)
        return 0;
    for (size_t i = 2; i < size; i++) {
        *ret_bad = i;
        if (i >= text.size || (s[i] & 0xc0) != 0x80)
            return 0;
    }
    return size;
}

/* The character of utf8_next, of `size` bytes. */
static inline uint32_t utf8_value(const char *text, size_t size)
{
    const unsigned char *s = (const unsigned char *)text;
    static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t value = s[0] & first[size];
    for (size_t i = 1; i < size; i++)
        value = value << 6 | (s[i] & 0x3fu);
    return value;
}

/* UTF-8 in pieces: zero the state first. False as soon as it cannot become UTF-8; at the end the
 * state must be 0, else a character is cut. */
bool aiohttp__utf8_step(uint32_t *state, const char *data, size_t size) ASYNCIO_MUST_CHECK;

/* Is all of it UTF-8? */
bool aiohttp__is_utf8(struct span text);
