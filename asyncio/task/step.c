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
 * runs next frees it. */
#include "task/scope.h"
#include "task/stacks.h"
#include "task/task.h"

static inline void free_ended(asyncio_loop *loop)
{
    asyncio_task *task = loop->after_switch;
    loop->after_switch = NULL;
    asyncio__coro_fini(&task->coro);
    task_stack_put(task);
    future_unref(&task->future);
}

void asyncio__task_reap(asyncio_loop *loop)
{
    if (loop->after_switch)
        free_ended(loop);
}

/* After each switch, on the stack that was switched to. */
static inline void arrived(asyncio_loop *loop)
{
    if (__builtin_expect(loop->after_switch != NULL, 0))
        free_ended(loop);
}

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

/* The next handle is no task's step. True: it was a sleep's end, and done with. */
static __attribute__((noinline)) bool run_in_place(asyncio_loop *loop, struct handle *handle)
{
    if (handle->run != asyncio__sleep_over)
        return false;
    asyncio__loop_take(loop, handle);
    asyncio__sleep_over(handle, loop);
    return true;
}

/* The flow that runs next, made current: the next task of the turn, the first of the turn after
 * it, or the loop's. */
static inline struct coro *next_flow(asyncio_loop *loop)
{
    do {
        struct handle *handle;
        while ((handle = asyncio__loop_peek(loop))) {
            if (__builtin_expect(handle->run != asyncio__task_run, 0)) {
                if (run_in_place(loop, handle))
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
                __builtin_prefetch(task_of_step(after)->coro.sp);
            __builtin_prefetch(after->link.next);
            set_current(task);
            return &task->coro;
        }
    } while (asyncio__loop_turn_in_place(loop));
    set_no_current(loop);
    return &loop->stack;
}

/* The creator of an eager task gets the processor back; it makes itself current
 * (asyncio__task_start_eagerly). */
static __attribute__((noinline)) struct coro *eager_creator(asyncio_task *self)
{
    struct coro *creator = self->eager_return;
    self->eager_return = NULL;
    return creator;
}

static inline struct coro *flow_after(asyncio_loop *loop, asyncio_task *self)
{
    return __builtin_expect(self->eager_return != NULL, 0) ? eager_creator(self) : next_flow(loop);
}

void asyncio__task_run(struct handle *handle, asyncio_loop *loop)
{
    asyncio_task *task = task_of_step(handle);
    if (!loop)
        return; /* the task floor drops tasks by its own list */
    set_current(task);
    asyncio__coro_switch(&loop->stack, &task->coro);
    set_no_current(loop);
    arrived(loop);
}

void asyncio__task_suspend(asyncio_task *task)
{
    asyncio_loop *loop = task->future.loop;
    struct coro *to = flow_after(loop, task);
    if (to != &task->coro) {
        asyncio__coro_switch(&task->coro, to);
        arrived(loop);
    }
}

void asyncio__task_start_eagerly(asyncio_task *task)
{
    asyncio_loop *loop = task->future.loop;
    asyncio_task *creator = task_current();
    /* A creator that is driven by its table runs on the loop's stack. */
    bool on_own_stack = creator && !(creator->future.task_flags & TASK_FOREIGN);
    struct coro *from = on_own_stack ? &creator->coro : &loop->stack;
    task->eager_return = from;
    set_current(task);
    asyncio__coro_switch(from, &task->coro);
    if (creator)
        set_current(creator);
    else
        set_no_current(loop);
    arrived(loop);
}

/* The first frame of a task. */
void asyncio__task_entry(void *argument)
{
    asyncio_task *task = argument;
    asyncio_loop *loop = task->future.loop;
    arrived(loop);
    struct prepared *prepared = task->prepared;
    int result;
    if (task_take_cancel(task)) {
        result = -ECANCELED;
    } else {
        task->future.task_flags |= TASK_STARTED;
        result = asyncio__coro_call_words(&prepared->coro);
    }
    if (__builtin_expect(task->scopes != NULL, 0))
        result = asyncio__scopes_close(task, result);
    if (__builtin_expect(prepared->closings != NULL, 0))
        asyncio__closings_run(prepared);
    asyncio__task_finish(task, result);
    struct coro *to = flow_after(loop, task);
    loop->after_switch = task;
    asyncio__coro_exit(&task->coro, to);
}
