/* SPDX-License-Identifier: MIT */
/* The event. Who has been woken does not look at it again. */
#include "sync/waiters.h"

static const struct future_type waiter_type = { "event", 0, asyncio__sync_cancel, NULL,
                                                &asyncio__sync_object };

void asyncio_event_init(asyncio_event *event)
{
    *event = (asyncio_event){ .kind = SYNC_EVENT };
    sync_init(&event->waiters);
}

int asyncio_event_fini(asyncio_event *event)
{
    if (event->kind != SYNC_EVENT)
        return asyncio__sync_ended("event");
    if (sync_waits(&event->waiters))
        return asyncio__sync_busy("event");
    event->kind = SYNC_ENDED;
    return 0;
}

int asyncio_event_set(asyncio_event *event)
{
    if (event->kind != SYNC_EVENT)
        return asyncio__sync_ended("event");
    event->is_set = 1;
    while (sync_wake(&event->waiters))
        ;
    return 0;
}

int asyncio_event_clear(asyncio_event *event)
{
    if (event->kind != SYNC_EVENT)
        return asyncio__sync_ended("event");
    event->is_set = 0;
    return 0;
}

int asyncio_event_is_set(const asyncio_event *event)
{
    return event->kind == SYNC_EVENT && event->is_set;
}

int asyncio_event_wait(asyncio_event *event)
{
    asyncio_task *task = SYNC_TASK(event, SYNC_EVENT, "event");
    if (event->is_set)
        return 0;
    int r = sync_bind(&event->waiters, task->future.loop, "event");
    if (r < 0 || (r = task_refuses(task)) < 0)
        return r;
    struct waiter waiter = { { &waiter_type }, task, event, false };
    return sync_wait(&event->waiters, task, &waiter);
}
