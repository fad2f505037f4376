/* SPDX-License-Identifier: MIT */
/* Cancellation at a chosen suspension of whatever runs.
 *
 * MODEL      A point is the nth suspension of a run, of whichever task, and what is done to that
 *            task there. A run between points_begin and points_end is in the loop's debug mode, in
 *            which each step comes back to the loop through asyncio__loop_run_timed; this takes
 *            that hook's place, so the library carries nothing for it. A run with nth 0 only
 *            counts, and finds out which points there are.
 * HELD       After each step: a task is resumed only when what it waited for is done (nobody is
 *            woken twice), the ready queue is whole.
 * QUIET      What then waits for what the cancelled task would have done waits for ever, in CPython
 *            as here. So when nothing has happened for an hour of the loop's clock, first it is
 *            looked whether a wake-up got lost (support/overlooked.c), then every task is
 *            cancelled. A run that needs that more than ROUNDS_MAX times does not end.
 * THREADS    What other threads' loops do is not counted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum points_how {
    POINTS_ONCE,   /* as soon as it has suspended */
    POINTS_TWICE,  /* the same, twice */
    POINTS_AGAIN,  /* and once more when it suspends next */
    POINTS_BEFORE, /* in the turn that completes what it waits for: just before that */
    POINTS_AFTER,  /* just before it would have gone on */
    POINTS_HOWS
};

enum { POINTS_MAX = 4096, POINTS_ROUNDS_MAX = 40 };

struct points {
    unsigned nth;         /* 0: only counts */
    enum points_how how;
    unsigned completed_by; /* POINTS_BEFORE: the number of the step that does it */
    /* ---- what came of it ---- */
    unsigned suspensions, steps;
    bool cancelled;       /* it came that far, and the task could be cancelled */
    unsigned rounds;      /* of cancelling every task */
    char broken[512];     /* "": nothing */
    struct {
        bool is_ready;         /* from the beginning: a bare yield */
        unsigned completed_by; /* the step that woke it, or 0: none did (a timer, I/O) */
    } seen[POINTS_MAX + 1];
};

/* `points`: its first three fields are set, the rest is overwritten. One at a time. */
void points_begin(struct points *points);
void points_end(void);

/* Turns the next point into `points` that `counted` has, beginning with nth 0; false: there is
 * none. */
bool points_next(const struct points *counted, struct points *points);
const char *points_name(enum points_how how);

/* overlooked.c: writes what a task of the quiet loop waits for though it is there; false: nothing
 * of that kind. */
struct asyncio_loop;
bool points_overlooked(struct asyncio_loop *loop, char *text, size_t size);
/* "'Task-3', which waits for a lock" */
struct asyncio_task;
const char *points_waits(struct asyncio_task *task, char *text, size_t size);
