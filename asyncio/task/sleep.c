/* SPDX-License-Identifier: MIT */
/* asyncio_sleep: the task's own step handle, armed as a timer.
 *
 * In CPython the timer completes a future in one turn and the task wakes in the next. So here: the
 * timer makes the step ready with asyncio__sleep_over as its function, and that puts it into the
 * queue once more. */
#include "task/step.h"

#include <math.h>

static asyncio_task *task_of(asyncio_future *awaited)
{
    return container_of((struct awaited *)(void *)awaited, struct asyncio_task, sleeping);
}

static int cancel(asyncio_future *awaited, const char *message)
{
    asyncio_task *task = task_of(awaited);
    if (task->future.task_flags & TASK_WOKEN)
        return 0;
    asyncio__loop_uncall(task->future.loop, &task->step);
    task->step.handle.run = asyncio__task_run;
    asyncio__future_keep_message(&task->future, message);
    task_wake(task, -ECANCELED);
    return 1;
}

const struct future_type asyncio__sleep_type = { "sleep", 0, cancel, NULL };

void asyncio__sleep_over(struct handle *handle, asyncio_loop *loop)
{
    asyncio_task *task = task_of_step(handle);
    handle->run = asyncio__task_run;
    if (!loop)
        return;
    task_wake(task, 0);
}

/* A bare yield: the step goes to the end of the queue, and nothing is waited for that a cancel
 * could reach. */
static inline int yield(asyncio_task *task)
{
    task_ready(task);
    task_suspend(task);
    return task_take_cancel(task) ? -ECANCELED : 0;
}

static __attribute__((noinline)) int sleep_for(asyncio_task *task, double delay)
{
    int64_t when;
    if (asyncio__loop_deadline(task->future.loop, delay, false, &when) < 0)
        return asyncio_raise(-EINVAL, "Invalid delay: NaN (not a number)");
    task->step.handle.run = asyncio__sleep_over;
    asyncio__loop_call_at(task->future.loop, &task->step, when);
    int r = asyncio__task_wait(task, &task->sleeping);
    if (task_take_cancel(task))
        return -ECANCELED;
    if (r == -ECANCELED)
        asyncio__task_put_message(task);
    return r;
}

void asyncio__sleep_a_moment(asyncio_task *task)
{
    task->step.handle.run = asyncio__sleep_over;
    asyncio__loop_call_at(task->future.loop, &task->step,
                          asyncio__loop_now(task->future.loop) + REFUSED_WAITS_NS);
    (void)asyncio__task_wait(task, &task->sleeping);
}

int asyncio_sleep(double delay)
{
    asyncio_task *task = task_current();
    if (__builtin_expect(!task, 0))
        return -ASYNCIO_NO_TASK;
    TASK_CHECK_SCOPES(task);
    int r = task_refuses(task);
    if (r >= 0)
        r = delay <= 0 ? yield(task) : sleep_for(task, delay);
    __asm__(""); /* not a jump: stack traces show this frame */
    return r;
}
