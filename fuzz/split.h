/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share: the input's first bytes say how, the rest is what is parsed. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that does not hold is a finding. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            __builtin_trap();                                                                      \
    } while (0)

/* Where the next piece ends, by a sequence that a seed decides: mostly small steps, some large. */
static inline size_t next_split(uint32_t *seed, size_t at, size_t size)
{
    *seed = *seed * 1664525u + 1013904223u;
    uint32_t chance = *seed >> 16;
    size_t step = chance % 4 == 0 ? 1 : chance % 4 == 1 ? chance % 64 : chance % 7;
    return size - at < step ? size : at + step;
}

/* A copy of its own, so that AddressSanitizer sees each byte before and behind it. */
static inline char *exact_copy(const void *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    HOLDS(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}
