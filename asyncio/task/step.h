/* SPDX-License-Identifier: MIT */
/* The one place that switches between tasks.
 *
 *      loop's stack                 task A                  task B
 *      turn: run(step of A) ------> ...
 *                                   suspend: next is B ----> ...
 *                                                            suspend: next is no task
 *      run(a callback) <---------------------------------------
 *
 * A task that ended cannot free the stack it stands on: loop->after_switch names it, and whoever
 * runs next frees it.
 *
 * Inline, for the two that suspend most: asyncio_sleep(0) and awaiting a future. Others call
 * asyncio__task_suspend. */
#pragma once

#include "task/stacks.h"
#include "task/task.h"

/* The next handle is no task's step. True: it was a sleep's end, and done with. */
bool asyncio__step_run_in_place(asyncio_loop *loop, struct handle *handle);
/* The creator of an eager task gets the processor back; it makes itself current
 * (asyncio__task_start_eagerly). */
struct coro *asyncio__step_eager_creator(asyncio_task *self);
static inline void free_ended(asyncio_loop *loop)
{
    asyncio_task *task = loop->after_switch;
    loop->after_switch = NULL;
    asyncio__coro_fini(&task->coro);
    task_stack_put(task);
    future_unref(&task->future);
}

/* After each switch, on the stack that was switched to. */
static inline void arrived(asyncio_loop *loop)
{
    if (__builtin_expect(loop->after_switch != NULL, 0))
        free_ended(loop);
}

/* from a task's step to its future, which lies in the line before */
enum { FUTURE_BEFORE_STEP = offsetof(struct asyncio_task, step.handle) };

static inline void set_current(asyncio_task *task)
{
    asyncio__thread.task = task;
    asyncio__thread.env = &task->env;
}

static inline void set_no_current(asyncio_loop *loop)
{
    asyncio__thread.task = NULL;
    asyncio__thread.env = &loop->env;
}

/* The flow that runs next, made current: the next task of the turn, the first of the turn after
 * it, or the loop's. */
static inline struct coro *next_flow(asyncio_loop *loop)
{
    do {
        struct handle *handle;
        while ((handle = asyncio__loop_peek(loop))) {
            if (__builtin_expect(handle->run != asyncio__task_run, 0)) {
                if (asyncio__step_run_in_place(loop, handle))
                    continue;
                set_no_current(loop);
                return &loop->stack;
            }
            asyncio__loop_take(loop, handle);
            asyncio_task *task = task_of_step(handle);
            /* Fetch what the next two switches will touch: with thousands of ready tasks nothing
             * of them is in the cache. */
            struct handle *after = container_of(loop->batch.next, struct handle, link);
            if (after->run == asyncio__task_run)
                asyncio__coro_prefetch(&task_of_step(after)->coro);
            __builtin_prefetch(after->link.next);
            __builtin_prefetch((char *)after->link.next - FUTURE_BEFORE_STEP);
            set_current(task);
            return &task->coro;
        }
    } while (asyncio__loop_turn_in_place(loop));
    set_no_current(loop);
    return &loop->stack;
}

static inline struct coro *flow_after(asyncio_loop *loop, asyncio_task *self)
{
    return __builtin_expect(self->eager_return != NULL, 0) ? asyncio__step_eager_creator(self)
                                                           : next_flow(loop);
}

static inline void task_suspend(asyncio_task *task)
{
    asyncio_loop *loop = task->future.loop;
    struct coro *to = flow_after(loop, task);
    if (to != &task->coro) {
        asyncio__coro_switch(&task->coro, to);
        arrived(loop);
    }
}
