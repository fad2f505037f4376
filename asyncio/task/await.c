/* SPDX-License-Identifier: MIT */
/* Awaiting: how a task waits for a future, or for something lighter, and what it gets. */
#include "task/debug_mode.h"
#include "task/step.h"

/* A cancellation that is due when the task begins to wait goes to what it waits for, at once
 * (CPython's __step). */
static void pass_cancel_on(asyncio_task *task)
{
    if (!(task->future.task_flags & TASK_MUST_CANCEL))
        return;
    const char *message = task->future.extra ? task->future.extra->message : NULL;
    if (!task->waiting->type->cancel((asyncio_future *)(void *)task->waiting, message))
        return;
    task->future.task_flags &= (uint16_t)~TASK_MUST_CANCEL;
    if (task->future.task_flags & TASK_IN_DEBUG)
        asyncio__debug_cancelled(task);
}

int asyncio__task_wait(asyncio_task *task, struct awaited *awaited)
{
    task->waiting = awaited;
    pass_cancel_on(task);
    task_suspend(task);
    task->waiting = NULL;
    task->future.task_flags &= (uint16_t)~TASK_WOKEN;
    return task->wake_result;
}

int asyncio__task_refuses_slow(asyncio_task *task)
{
    if (task->future.task_flags & TASK_RESUMING)
        return asyncio_raise(-ASYNCIO_NO_TASK,
                             "a %s has no stack to wait on: its functions return ASYNCIO_SUSPENDED "
                             "with what they wait for",
                             task->type->name ? task->type->name : "coroutine");
    asyncio_loop *loop = task->future.loop;
    if (!(task->future.task_flags & TASK_STICKY) && !loop->shutting_down)
        return 0;
    task->future.task_flags &= (uint16_t)~TASK_MUST_CANCEL;
    if (++loop->refused % REFUSED_AT_ONCE == 0) {
        asyncio__sleep_a_moment(task);
        task->future.task_flags &= (uint16_t)~TASK_MUST_CANCEL;
    }
    return -ECANCELED;
}

/* What cannot be awaited is told by the task's next step, as in CPython. */
static int refuse(asyncio_task *task, asyncio_future *future)
{
    task_ready(task);
    asyncio__task_suspend(task);
    if (task_take_cancel(task))
        return -ECANCELED;
    if (future == &task->future)
        return asyncio_raise(-ASYNCIO_AWAITS_ITSELF, "Task cannot await on itself: %s",
                             asyncio_task_get_name(task));
    return asyncio_raise(-ASYNCIO_OTHER_LOOP, "Task %s got Future attached to a different loop",
                         asyncio_task_get_name(task));
}

void asyncio__held_future_drop(struct held *held)
{
    future_unref(container_of(held, struct held_future, held)->future);
}

int asyncio__await_future(asyncio_future *future)
{
    asyncio_task *task = task_current();
    if (!task)
        return -ASYNCIO_NO_TASK;
    if (future_done(future))
        return asyncio__future_outcome(future);
    int r = task_refuses(task);
    if (r < 0)
        return r;
    if (future == &task->future || future->loop != task->future.loop)
        return refuse(task, future);
    future_ref(future);
    list_append(&future->callbacks, &task->step.handle.link);
    task->waiting = (struct awaited *)(void *)future;
    pass_cancel_on(task);
    task_suspend(task);
    task->waiting = NULL;
    if (future->result == -ECANCELED) { /* not a second cancellation on top: CPython's __step */
        task->future.task_flags &= (uint16_t)~TASK_MUST_CANCEL;
        if (task->future.cancelling > 0 && (task->future.task_flags & TASK_IN_DEBUG))
            asyncio__debug_cancelled(task);
    }
    r = task_take_cancel(task) ? -ECANCELED : asyncio__future_outcome(future);
    future_unref(future);
    return r;
}

int asyncio__await_this(asyncio_future *future)
{
    TASK_CHECK_CALLER();
    return asyncio__await_future(future);
}

int(asyncio_await)(asyncio_awaitable awaitable)
{
    TASK_CHECK_CALLER();
    if (awaitable.future)
        return asyncio__await_future(awaitable.future);
    if (!task_current()) {
        asyncio__coro_close(&awaitable.coro);
        return -ASYNCIO_NO_TASK;
    }
    return asyncio__coro_await(&awaitable.coro);
}

int(asyncio_ensure_future)(asyncio_awaitable awaitable, asyncio_future **ret_future)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    if (awaitable.future) {
        if (loop && awaitable.future->loop != loop)
            return asyncio_raise(-EINVAL, "the future belongs to a different loop");
        *ret_future = (asyncio_future_ref)(awaitable.future);
        return 0;
    }
    asyncio_task *task;
    int r = (asyncio_create_task)(awaitable.coro, &task, NULL);
    if (r >= 0)
        *ret_future = &task->future;
    return r;
}
