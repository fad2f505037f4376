/* SPDX-License-Identifier: MIT */
/* wait_for: `async with timeout(t): return await x`, in the caller's own task; and its form for no
 * time at all. */
#include <asyncio/timeout.h>
#include <asyncio/wait.h>

#include "task/task.h"

#include <math.h>

/* Waits for the end of a future without its outcome: CPython's _cancel_and_wait. The
 * node lies in this frame, which stays while the task waits. */
struct end_waiter {
    struct awaited awaited; /* first: end_of counts from here */
    struct held held;
    struct handle handle;
    asyncio_future *future;               /* a reference */
    asyncio_task *task;
    bool waiting;
};

static int cancel(asyncio_future *awaited, const char *message)
{
    struct end_waiter *waiter =
        container_of((struct awaited *)(void *)awaited, struct end_waiter, awaited);
    if (!waiter->waiting)
        return 0;
    waiter->waiting = false;
    asyncio__future_keep_message(&waiter->task->future, message);
    task_wake(waiter->task, -ECANCELED);
    return 1;
}

static const struct awaits end_of = { AWAITS_ONE, offsetof(struct end_waiter, future), 0, 0, 0 };

static const struct future_type end_wait_type = { "wait_for", 0, cancel, NULL, &end_of };

static void ended(struct handle *handle, asyncio_loop *loop)
{
    struct end_waiter *waiter = container_of(handle, struct end_waiter, handle);
    if (!loop || !waiter->waiting)
        return;
    waiter->waiting = false;
    task_wake(waiter->task, 0);
}

static void drop(struct held *held)
{
    struct end_waiter *waiter = container_of(held, struct end_waiter, held);
    list_remove(&waiter->handle.link);
    future_unref(waiter->future);
}

/* The caller's reference goes with the task when that is dropped meanwhile. */
static int cancel_and_wait(asyncio_future *future)
{
    asyncio_task *task = task_current();
    struct end_waiter waiter = { .awaited.type = &end_wait_type,
                                 .handle.run = ended,
                                 .future = future,
                                 .task = task,
                                 .waiting = true };
    list_init(&waiter.handle.link);
    future_watch(future, &waiter.handle);
    (void)future->type->cancel(future, NULL);
    task_hold(task, &waiter.held, drop);
    int r = asyncio__task_wait(task, &waiter.awaited);
    task_let_go(task, &waiter.held);
    list_remove(&waiter.handle.link);
    if (task_take_cancel(task))
        return -ECANCELED;
    return r;
}

static int without_time(asyncio_awaitable awaitable)
{
    asyncio_future *future;
    int r = (asyncio_ensure_future)(awaitable, &future);
    if (r < 0)
        return r;
    if (task_current()->future.task_flags & TASK_RESUMING)
        r = asyncio__task_refuses_slow(task_current());
    else if (!future_done(future))
        r = cancel_and_wait(future);
    if (r >= 0) {
        r = asyncio__future_outcome(future);
        if (r == -ECANCELED)
            r = asyncio_raise(-ETIMEDOUT, "there was no time to wait");
    }
    future_unref(future);
    return r;
}

int(asyncio_wait_for)(asyncio_awaitable awaitable, double timeout)
{
    TASK_CHECK_CALLER();
    int r = 0;
    if (!task_current())
        r = -ASYNCIO_NO_TASK;
    else if (isnan(timeout))
        r = -EINVAL;
    if (r < 0) {
        if (!awaitable.future)
            asyncio__coro_close(&awaitable.coro);
        return r;
    }
    if (timeout == ASYNCIO_NONE)
        return (asyncio_await)(awaitable);
    if (timeout <= 0)
        return without_time(awaitable);
    asyncio_timeout limit;
    r = (asyncio_timeout_enter)(&limit, timeout);
    if (r < 0) {
        if (!awaitable.future)
            asyncio__coro_close(&awaitable.coro);
        return asyncio_timeout_exit(&limit, r);
    }
    return asyncio_timeout_exit(&limit, (asyncio_await)(awaitable));
}
