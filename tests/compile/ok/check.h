/* SPDX-License-Identifier: MIT */
/* For the programs here that also run: what a check says, and the exit status. */
#pragma once

#include <stdio.h>

static int checks, failures;

static inline void check(int holds, const char *what, const char *file, int line)
{
    checks++;
    if (!holds) {
        failures++;
        printf("%s:%d: does not hold: %s\n", file, line, what);
    }
}

#define CHECK(condition) check((condition) ? 1 : 0, #condition, __FILE__, __LINE__)

/* A program without a single check has not run. */
static inline int verdict(void)
{
    return failures > 0 || checks == 0;
}
