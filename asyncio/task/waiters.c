/* SPDX-License-Identifier: MIT */
/* Tasks that wait in a list for something: see waiters.h. The node is the task's own step, and what
 * it waits for is the awaited that each task has for light waiting: so there is nothing to
 * allocate, and nothing on its stack. */
#include "task/waiters.h"

static asyncio_task *task_of(asyncio_future *awaited)
{
    return container_of((struct awaited *)(void *)awaited, struct asyncio_task, sleeping);
}

int asyncio__waiters_cancel(asyncio_future *awaited, const char *message)
{
    asyncio_task *task = task_of(awaited);
    if (task->future.task_flags & TASK_WOKEN)
        return 0;
    list_remove(&task->step.handle.link);
    asyncio__future_keep_message(&task->future, message);
    task_wake(task, -ECANCELED);
    return 1;
}

static const struct future_type waiter_type = { "stream", 0, asyncio__waiters_cancel, NULL };

int asyncio__waiters_wait(struct list *waiters, asyncio_task *task)
{
    return asyncio__waiters_wait_as(waiters, task, &waiter_type);
}

int asyncio__waiters_wait_as(struct list *waiters, asyncio_task *task,
                             const struct future_type *type)
{
    int r = task_refuses(task);
    if (r < 0)
        return r;
    task->sleeping.type = type;
    list_append(waiters, &task->step.handle.link);
    r = asyncio__task_wait(task, &task->sleeping);
    task->sleeping.type = &asyncio__sleep_type; /* which a sleep takes for granted */
    if (task_take_cancel(task))
        return -ECANCELED;
    if (r == -ECANCELED)
        asyncio__task_put_message(task);
    return r;
}

void asyncio__waiters_wake(struct list *waiters, int result)
{
    struct list *node;
    while ((node = list_pop(waiters))) {
        asyncio_task *task = task_of_step(container_of(node, struct handle, link));
        task->waiting = NULL; /* when the loop closes now, it is not found waiting */
        task_wake(task, result);
    }
}

static void wake_ready(struct list *waiters, int result)
{
    asyncio__waiters_wake(waiters, result < 0 ? result : 0);
}

int asyncio__wait_ready(asyncio_loop *loop, int descriptor, bool writes,
                        const struct future_type *type)
{
    struct list *waiters;
    int r = asyncio__loop_watch(loop, descriptor, writes, wake_ready, &waiters);
    if (r < 0)
        return r;
    r = asyncio__waiters_wait_as(waiters, task_current(), type);
    asyncio__loop_unwatch(loop, descriptor, writes);
    return r;
}
