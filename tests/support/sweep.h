/* SPDX-License-Identifier: MIT */
/* Sweeps: the same scenario again and again, each time with one more thing that goes wrong. */
#pragma once

#include <asyncio.h>
#include <stdbool.h>

/* A program for asyncio_run: it returns what went wrong, gives back what it took, and never
 * exits. */
typedef int scenario(void);

/* Runs `program` with its first allocation failing, its second, ... until all succeed; fails the
 * cmocka test when memory is left, or when a run that lost an allocation hangs. Returns how many
 * points were tried, and prints it. */
unsigned sweep_allocations(const char *name, scenario *program);

/* Runs `program` as a task and cancels it before its first turn, its second, ... once and twice.
 * Memory must be back after each. */
unsigned sweep_cancellations(const char *name, scenario *program);

/* Runs `program` and cancels whichever of its tasks suspends, at the first suspension, the second,
 * ... in each of the ways of support/points.h. Fails the cmocka test when it ends in -EPROTO (what
 * a program returns for what must not be), when memory is left, or with what points.h found.
 * Returns how many points were tried, and prints it. */
unsigned sweep_suspensions(const char *name, scenario *program);

/* For programs whose awaits take real time (a child, a disk), from inside a running one: cancels
 * `program` before its first turn, its second, ... as many as `turns`, then ever one `moment` of
 * seconds later, once and twice, until it was faster. Returns 0, or -EPROTO: it neither ended
 * before nor gave -ECANCELED (`may_win`: or 0, where its last await could not be cancelled).
 * Prints how many points were tried. */
int sweep_moments(const char *name, scenario *program, int turns, double moment, bool may_win);

/* A table of programs, each swept in one of these ways: how many points there were in all. */
struct sweep {
    const char *name;
    scenario *program;
};
unsigned sweep_all(const struct sweep *sweeps, size_t count,
                   unsigned (*sweep)(const char *name, scenario *program));
#define SWEEP_ALL(sweeps, sweep) sweep_all(sweeps, sizeof(sweeps) / sizeof *(sweeps), sweep)
