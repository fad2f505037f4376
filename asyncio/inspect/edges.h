/* SPDX-License-Identifier: MIT */
/* Who awaits whom, among all tasks of a loop.
 *
 * MODEL    Nobody registers anything: what a task waits for says itself what lies behind it (struct
 *          awaits, task/future.h), so the edges are found by following that, from each task through
 *          gathers, shields and what else is no task, down to tasks and plain futures. The same
 *          way the asyncio tool goes from outside (tool/). An edge leads from a pending future to
 *          a task; futures in between have theirs too.
 * GROUPS   A group's task awaits its children from their making to its exit, also while it waits
 *          for something else: CPython's rule.
 * THREADS  The loop's, or any while it does not run. */
#pragma once

#include "task/task.h"

struct edge {
    asyncio_future *awaited; /* pending */
    size_t waiter;           /* index of the task */
};

struct edges {
    struct edge *all; /* by `awaited`, then by waiter; none twice */
    size_t count, capacity;
    asyncio_task **tasks; /* the loop's pending ones, in the order of their making; borrowed */
    size_t task_count;
};

/* -ENOMEM. Ended by asyncio__edges_fini. */
int asyncio__edges_collect(asyncio_loop *loop, struct edges *ret_edges);
void asyncio__edges_fini(struct edges *edges);

/* Those that lead to `awaited`: the first of them, and how many. */
const struct edge *asyncio__edges_to(const struct edges *edges, const asyncio_future *awaited,
                                     size_t *ret_count);
