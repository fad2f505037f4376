/* SPDX-License-Identifier: MIT */
/* run_until_complete: a run that ends with a future. It stands above the loop, which knows no
 * futures. */
#include "task/task.h"

struct until {
    struct handle handle;
    bool reached;
};

static void reached(struct handle *handle, asyncio_loop *loop)
{
    if (!loop)
        return;
    container_of(handle, struct until, handle)->reached = true;
    asyncio_loop_stop(loop);
}

int asyncio__run_until_done(asyncio_loop *loop, asyncio_future *future)
{
    struct until until = { .handle.run = reached };
    list_init(&until.handle.link);
    future_watch(future, &until.handle);
    int r = asyncio_loop_run_forever(loop);
    list_remove(&until.handle.link);
    if (r < 0)
        return r;
    return future_done(future) ? asyncio__future_outcome(future) : -ASYNCIO_LOOP_STOPPED;
}

int(asyncio_loop_run_until_complete)(asyncio_loop *loop, asyncio_awaitable awaitable)
{
    asyncio_future *future = awaitable.future;
    int r = 0;
    if (asyncio_loop_is_closed(loop))
        r = -ASYNCIO_LOOP_CLOSED;
    else if (asyncio_loop_is_running(loop) || asyncio_get_running_loop())
        r = -ASYNCIO_LOOP_RUNNING;
    else if (future && future->loop != loop)
        r = asyncio_raise(-EINVAL, "the future belongs to a different loop");
    if (r < 0) {
        if (!future)
            asyncio__coro_close(&awaitable.coro);
        return r;
    }
    if (future) {
        future_ref(future);
    } else {
        asyncio_task *task;
        r = asyncio_loop_create_task(loop, awaitable.coro, &task);
        if (r < 0)
            return r;
        task->future.task_flags |= TASK_QUIET;
        future = &task->future;
    }
    r = asyncio__run_until_done(loop, future);
    future_unref(future);
    return r;
}
