/* SPDX-License-Identifier: MIT */
/* Patterns of routes: what stands in {name:pattern}.
 *
 * MODEL      A whole path becomes one program of a few instructions, with a pair of slots for each
 *            name. It runs over the path once, with all the ways it could go on side by side, in
 *            the order in which a backtracking matcher would try them (Thompson's and Pike's way).
 *            So it finds what Python's re.fullmatch finds (20,000 random patterns: all but those
 *            that repeat what may be empty, now and then), in time that is linear in the path:
 *            patterns are the program's, but paths come from outside, and no path may cost more
 *            than its length (a library's backtracking matcher has limits instead).
 * LIMITS     PATTERN_SIZE instructions, PATTERN_NAMES names, PATTERN_DEPTH groups in one another:
 *            -EINVAL beyond.
 * OWNERSHIP  Programs lie in the arena they were made in. */
#pragma once

#include "base/arena.h"

enum {
    PATTERN_SIZE = 1024,
    PATTERN_NAMES = 16,
    PATTERN_DEPTH = 16,
    PATTERN_REPEAT = 255,
};

struct pattern;

/* A program while it is made. Zeroed memory, and the arena, to begin with. */
struct pattern_maker {
    struct arena *arena;
    struct instruction *code;
    size_t count, capacity;
    size_t names, depth, atoms;
    int error;       /* 0 or the first one; the rest is nothing then */
    const char *why; /* a sentence, for -EINVAL */
};

/* These add to it. Slots are numbered in the order of names. */
void aiohttp__pattern_literal(struct pattern_maker *maker, struct span text);
void aiohttp__pattern_segment(struct pattern_maker *maker);                   /* {name} */
void aiohttp__pattern_regex(struct pattern_maker *maker, struct span text);   /* {name:text} */

/* Ends it: 0 and the program, -EINVAL (maker->why), -ENOMEM. */
int aiohttp__pattern_make(struct pattern_maker *maker, struct pattern **ret_pattern);

/* Whether it matches all of `path`: 1, and values[0 ...] are what the names stand for; 0; -ENOMEM.
 * The arena lends what it needs meanwhile, when that is much. */
int aiohttp__pattern_match(const struct pattern *pattern, struct span path, struct arena *arena,
                           struct span *values);
