/* SPDX-License-Identifier: MIT */
/* Sweeps: the same scenario again and again, each time with one more thing that goes wrong. */
#pragma once

#include <asyncio.h>

/* A program for asyncio_run: it returns what went wrong, gives back what it took, and never
 * exits. */
typedef int scenario(void);

/* Runs `program` with its first allocation failing, its second, ... until all succeed; fails the
 * cmocka test when memory is left, or when a run that lost an allocation hangs. Returns how many
 * points were tried, and prints it. */
unsigned sweep_allocations(const char *name, scenario *program);

/* Runs `program` as a task and cancels it at its first suspension, its second, ... once and twice.
 * Memory must be back after each. */
unsigned sweep_cancellations(const char *name, scenario *program);
