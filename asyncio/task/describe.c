/* SPDX-License-Identifier: MIT */
/* What a future or task is called in a report: "<Task pending name='fetch' coro=0x...>". */
#include "task/debug_mode.h"
#include "task/task.h"

#include <stdio.h>

static const char *state_of(const asyncio_future *future)
{
    static const char *const names[] = { "pending", "cancelled", "finished" };
    return names[future->state];
}

void asyncio__describe(asyncio_future *future, asyncio_task *task, char *text, size_t size)
{
    char place[256], created[256];
    const struct creation *creation = creation_of(future ? future : &task->future);
    const void *function = task ? (const void *)(uintptr_t)task->fn : NULL;
    asyncio__place_text(creation ? creation->stack : NULL, created, sizeof created);
    const char *separator = created[0] ? " created at " : "";
    if (task && task->future.loop->debug && asyncio__loop_inspector &&
        asyncio__loop_inspector->describe(function, place, sizeof place))
        snprintf(text, size, "<Task %s name='%s' coro=%s%s%s>", state_of(&task->future),
                 asyncio_task_get_name(task), place, separator, created);
    else if (task)
        snprintf(text, size, "<Task %s name='%s' coro=%p%s%s>", state_of(&task->future),
                 asyncio_task_get_name(task), (void *)(uintptr_t)task->fn, separator, created);
    else
        snprintf(text, size, "<%s %s at %p%s%s>", future->type->name, state_of(future),
                 (void *)future, separator, created);
}
