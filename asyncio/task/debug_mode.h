/* SPDX-License-Identifier: MIT */
/* What debug mode adds to tasks and futures.
 *
 * MODEL      Objects made in debug mode have a `creation` in their extra, and are in
 *            loop->creations as long as they live; a task has TASK_IN_DEBUG as well, which leads
 *            its end into the slow path. So with debug mode off nothing of this is reached, and
 *            what is checked for it was checked before.
 * FILES      debug_mode.c: steps that take too long, what was made where, references not given
 *            back. debug_cancel.c: cancellations that were swallowed. debug_lent.c: arguments that
 *            point into frames. */
#pragma once

#include "task/future.h"

struct lent;

struct creation {
    struct list link;          /* in loop->creations */
    asyncio_future *future;
    void *stack;               /* the inspector's, or NULL */
    /* A task's. */
    void *cancelled_at;        /* where it was when it was last told to end: the inspector's */
    struct list lent_frames;   /* its frames, that arguments of others point into */
    struct lent *arguments;    /* its own that point into frames; NULL: none */
};

static inline struct creation *creation_of(const asyncio_future *future)
{
    return future->extra ? future->extra->creation : NULL;
}

/* For an object that is made while its loop is in debug mode: remembers where. */
void asyncio__creation_remember(asyncio_future *future);
void asyncio__creation_forget(struct creation *creation);   /* NULL allowed */

/* The run is over and its loop closed: names what is done and still referenced. */
void asyncio__creations_report(asyncio_loop *loop);

/* "work.c:12 (work)", of the innermost frame of the user's in what the inspector gave; or "". */
void asyncio__place_text(const void *stack, char *text, size_t size);

/* Gives the loop floor what it calls in debug mode. */
void asyncio__debug_mode_install(void);

/* A task is made; one with TASK_IN_DEBUG: its body is over, with `result`; or it is dropped with
 * its loop. */
void asyncio__debug_task_made(asyncio_task *task);
void asyncio__debug_task_over(asyncio_task *task, int result);
void asyncio__debug_task_dropped(asyncio_task *task);

/* debug_cancel.c. The task will get, or now gets, a cancellation: it stands where it waits, or in
 * the running code. */
void asyncio__debug_cancelled(asyncio_task *task);
void asyncio__debug_swallowed(asyncio_task *task, int result);

/* debug_lent.c */
void asyncio__debug_lend(asyncio_task *task);
/* The frames of `task` that are no more: all of them when it is over. */
void asyncio__debug_frames_left(asyncio_task *task, bool is_over);
/* As that, of the loop's thread outside of tasks. */
void asyncio__debug_stack_left(asyncio_loop *loop, bool has_entered);
void asyncio__debug_lent_end(struct creation *creation);
void asyncio__debug_forget_frames(struct creation *creation);
