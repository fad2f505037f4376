/* SPDX-License-Identifier: MIT */
/* Steps of tasks: begun, suspended, ended. How a task switches is in step.h. */
#include "task/step.h"

#include "task/scope.h"

void asyncio__task_reap(asyncio_loop *loop)
{
    if (loop->after_switch)
        free_ended(loop);
}

bool asyncio__step_run_in_place(asyncio_loop *loop, struct handle *handle)
{
    if (handle->run != asyncio__sleep_over)
        return false;
    asyncio__loop_take(loop, handle);
    asyncio__sleep_over(handle, loop);
    return true;
}

struct coro *asyncio__step_eager_creator(asyncio_task *self)
{
    struct coro *creator = self->eager_return;
    self->eager_return = NULL;
    return creator;
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
    task_suspend(task);
}

void asyncio__task_start_eagerly(asyncio_task *task)
{
    asyncio_loop *loop = task->future.loop;
    asyncio_task *creator = task_current();
    if (task->future.task_flags & TASK_FOREIGN) {
        asyncio__foreign_start(task);
        return;
    }
    asyncio_task *on_stack = task_on_stack(creator);
    struct coro *from = on_stack ? &on_stack->coro : &loop->stack;
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
