/* SPDX-License-Identifier: MIT */
/* The time limits of what a client waits for: one timer for all of a session.
 *
 * MODEL      Whoever may have to wait has a struct wait in the session's list, as long as its
 *            request lives. Before it waits it says until when (wait_until), afterwards what came
 *            of it (wait_over). When the moment passes the task is cancelled; wait_over takes that
 *            request back and makes of the -ECANCELED an -ETIMEDOUT, as asyncio_timeout does. A
 *            cancellation by somebody else passes through. Another task may move the deadline of
 *            one that waits, or end the wait with an error. Without memory for the timer a wait
 *            with a deadline ends with -ENOMEM: it would wait without one.
 * COST       Two stores for each wait. The timer looks at all waits when the first moment that it
 *            knows of comes, and is armed anew only for an earlier one.
 * OWNERSHIP  The wait is the request's or response's, the task is borrowed while it waits. */
#pragma once

#include <aiohttp/client_timeout.h>
#include <asyncio/loop.h>
#include <stdbool.h>

struct waits {
    struct wait *first;
    asyncio_loop *loop;    /* borrowed while there are waits */
    asyncio_handle *timer; /* or NULL */
    double next_look;      /* when it fires; INFINITY: never */
};

struct wait {
    struct wait *before, *after;
    struct waits *waits;   /* NULL: not in a list */
    asyncio_task *task;
    double deadline;       /* INFINITY: it does not wait, or for ever */
    int reason;            /* the task was cancelled for it: -ETIMEDOUT, or what it was ended by */
    int cancelling;        /* of the task, when it began */
    bool is_late;          /* the last -ETIMEDOUT was the deadline's, and not the network's */
};

#define NEVER __builtin_inf()

/* The list has to have its loop. */
void aiohttp__wait_add(struct waits *waits, struct wait *wait);
void aiohttp__wait_remove(struct wait *wait);

/* The running task is going to wait until `deadline` (NEVER: for ever). May be called again before
 * wait_over, for the next of several waits. By this one, and not the inline one, where the next two
 * may be called. */
void aiohttp__wait_until(struct wait *wait, double deadline);

/* For a task that waits, by another one: until `deadline` now. */
void aiohttp__wait_move(struct wait *wait, double deadline);

/* For a task that waits, by another one: its wait ends with `reason`, a negative error. */
void aiohttp__wait_end(struct wait *wait, int reason);

/* The wait is over with `result`: what it comes to. */
int aiohttp__wait_over(struct wait *wait, int result);

/* Ends the timer: nobody waits any more. */
void aiohttp__waits_fini(struct waits *waits);

static inline void wait_until(struct wait *wait, double deadline)
{
    if (deadline != NEVER || wait->deadline != NEVER)
        aiohttp__wait_until(wait, deadline);
}

static inline int wait_over(struct wait *wait, int result)
{
    return __builtin_expect(wait->deadline != NEVER || wait->reason, 0)
               ? aiohttp__wait_over(wait, result)
               : result;
}
