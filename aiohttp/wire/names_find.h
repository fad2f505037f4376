/* SPDX-License-Identifier: MIT */
/* The look-up of a header name, inline for the parser's loops: see names.h. */
#pragma once

#include "wire/names.h"
#include "wire/names_table.h"

#include <string.h>

struct names {
    uint8_t slots[NAMES_SLOTS];
    uint8_t size[HEADER_COUNT];
    char text[HEADER_COUNT][NAMES_LONGEST];
};

extern const struct names aiohttp__names;

static inline __attribute__((always_inline)) uint64_t names_load(const char *at, size_t size)
{
    uint64_t eight = 0;
    uint32_t four = 0;
    uint16_t two = 0;
    switch (size) {
    case 8: return memcpy(&eight, at, 8), eight | 0x2020202020202020u;
    case 4: return memcpy(&four, at, 4), four | 0x20202020u;
    default: return memcpy(&two, at, 2), two | 0x2020u;
    }
}

/* Whether two texts of a size above 1 differ in more than case. Setting bit 5 makes a letter small
 * and leaves digits and hyphens as they are; no other byte of a token becomes one of those. */
static inline __attribute__((always_inline)) bool names_differ(const char *a, const char *b,
                                                                size_t size)
{
    size_t step = size >= 8 ? 8 : size >= 4 ? 4 : 2;
    uint64_t all = 0;
    if (step == 8) {
        for (size_t i = 0; i + 8 < size; i += 8)
            all |= names_load(a + i, 8) ^ names_load(b + i, 8);
        return (all | (names_load(a + size - 8, 8) ^ names_load(b + size - 8, 8))) != 0;
    }
    if (step == 4)
        return ((names_load(a, 4) ^ names_load(b, 4)) |
                (names_load(a + size - 4, 4) ^ names_load(b + size - 4, 4))) != 0;
    return ((names_load(a, 2) ^ names_load(b, 2)) |
            (names_load(a + size - 2, 2) ^ names_load(b + size - 2, 2))) != 0;
}

/* The only known name that it can be. */
static inline __attribute__((always_inline)) unsigned names_guess(const char *name, size_t size)
{
    if (size < 2 || size > NAMES_LONGEST)
        return HEADER_OTHER;
    const unsigned char *at = (const unsigned char *)name;
    uint32_t first = ((uint32_t)at[0] | (uint32_t)at[1] << 8) | 0x2020u;
    uint32_t last = ((uint32_t)at[size - 2] | (uint32_t)at[size - 1] << 8) | 0x2020u;
    uint32_t hash = (uint32_t)size * NAMES_SIZE + first * NAMES_FIRST + last * NAMES_LAST;
    unsigned id = aiohttp__names.slots[hash >> NAMES_SHIFT & (NAMES_SLOTS - 1)];
    return aiohttp__names.size[id] == size ? id : HEADER_OTHER;
}
