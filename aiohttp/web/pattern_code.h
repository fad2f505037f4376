/* SPDX-License-Identifier: MIT */
/* What patterns are made of: between pattern.c, which makes programs, and pattern_match.c, which
 * runs them. */
#pragma once

#include "web/pattern.h"

enum operation {
    BYTE,  /* this byte */
    ANY,   /* any byte but a newline */
    SET,   /* a byte of *set */
    SPLIT, /* x first, then y */
    JUMP,  /* to x */
    SAVE,  /* where we are, in slot x */
    MATCH,
};

struct byte_set {
    uint64_t bits[4];
};

struct instruction {
    uint8_t op, byte;
    uint32_t x, y;
    const struct byte_set *set;
};

struct pattern {
    const struct instruction *code;
    size_t count, slots;
};

/* A pattern by itself, without a name around it. */
void aiohttp__pattern_inside(struct pattern_maker *maker, struct span text);
