/* SPDX-License-Identifier: MIT */
/* What a future or task is called in a report: "<Task pending name='fetch' fn=0x...>". */
#include "task/task.h"

#include <stdio.h>

static const char *state_of(const asyncio_future *future)
{
    static const char *const names[] = { "pending", "cancelled", "finished" };
    return names[future->state];
}

void asyncio__describe(asyncio_future *future, asyncio_task *task, char *text, size_t size)
{
    char place[256];
    const void *function = task ? (const void *)(uintptr_t)task->fn : NULL;
    if (task && task->future.loop->debug && asyncio__loop_inspector &&
        asyncio__loop_inspector->describe(function, place, sizeof place))
        snprintf(text, size, "<Task %s name='%s' coro=%s>", state_of(&task->future),
                 asyncio_task_get_name(task), place);
    else if (task)
        snprintf(text, size, "<Task %s name='%s' coro=%p>", state_of(&task->future),
                 asyncio_task_get_name(task), (void *)(uintptr_t)task->fn);
    else
        snprintf(text, size, "<%s %s at %p>", future->type->name, state_of(future), (void *)future);
}
