/* SPDX-License-Identifier: MIT */
/* What a task can be asked: its name, its coroutine, its result as a future's. */
#include "base/alloc.h"
#include "base/context.h"
#include "task/task.h"

#include <stdio.h>

asyncio_task *asyncio_task_ref(asyncio_task *task)
{
    if (task && !asyncio__future_refuses_thread(&task->future, "asyncio_task_ref"))
        future_ref(&task->future);
    return task;
}

/* Apart, and jumped to: as asyncio_future_unref. */
static __attribute__((noinline, cold)) void unref_in_debug(asyncio_task *task)
{
    if (!asyncio__loop_refuses_thread(task->future.loop, "asyncio_task_unref"))
        future_unref(&task->future);
}

void asyncio_task_unref(asyncio_task *task)
{
    if (!task)
        return;
    if (__builtin_expect(task->future.flags & FUTURE_IN_DEBUG, 0))
        unref_in_debug(task);
    else
        future_unref(&task->future);
}

int asyncio_task_cancelled(const asyncio_task *task)
{
    return task->future.state == FUTURE_CANCELLED;
}

int asyncio_task_done(const asyncio_task *task)
{
    return future_done(&task->future);
}

int asyncio_task_result(asyncio_task *task)
{
    return (asyncio_future_result)(&task->future);
}

void *asyncio_task_value(const asyncio_task *task)
{
    return task->future.value;
}

int asyncio_task_exception(asyncio_task *task, int *ret_code)
{
    return (asyncio_future_exception)(&task->future, ret_code);
}

int(asyncio_task_add_done_callback)(asyncio_task *task, asyncio_future_callback *callback,
                                    const asyncio_add_done_callback_options *options)
{
    return (asyncio_future_add_done_callback)(&task->future, callback, options);
}

int(asyncio_task_remove_done_callback)(asyncio_task *task, asyncio_future_callback *callback,
                                       void *data)
{
    return (asyncio_future_remove_done_callback)(&task->future, callback, data);
}

asyncio_context *asyncio_task_get_context(const asyncio_task *task)
{
    asyncio_task *mutable_task = (asyncio_task *)task;
    return asyncio__context_pin(&mutable_task->env.context) < 0 ? NULL : task->env.context;
}

asyncio_coro asyncio_task_get_coro(const asyncio_task *task)
{
    if (task->prepared)
        return task->prepared->coro;
    return (asyncio_coro){ .type = task->type, .fn = task->fn };
}

/* A numbered name is only written out when somebody asks, and one on the stack only copied then: it
 * is lent for longer than that is there. */
const char *asyncio_task_get_name(asyncio_task *task)
{
    struct future_extra *extra = asyncio__future_extra(&task->future);
    if (extra && !extra->name) {
        char numbered[32];
        const char *name = task_name_on_stack(task);
        if (!name && (task->future.task_flags & TASK_NUMBERED_NAME)) {
            snprintf(numbered, sizeof numbered, "Task-%u", task->number);
            name = numbered;
        }
        extra->name = name ? asyncio__strdup(name) : NULL;
    }
    return extra && extra->name ? extra->name : "Task";
}

void asyncio__task_keep_name(asyncio_task *task, bool is_told)
{
    bool may_be_asked = is_told || task->future.refs > 1 || !list_empty(&task->future.callbacks);
    if (task_name_on_stack(task) && may_be_asked)
        (void)asyncio_task_get_name(task);
    task->future.task_flags &= (uint16_t)~TASK_NAME_ON_STACK;
}

int asyncio_task_set_name(asyncio_task *task, const char *name)
{
    if (!name)
        return -EINVAL;
    int r = asyncio__future_check_thread(&task->future, "asyncio_task_set_name");
    if (r < 0)
        return r;
    struct future_extra *extra = asyncio__future_extra(&task->future);
    char *copy = extra ? asyncio__strdup(name) : NULL;
    if (!copy)
        return -ENOMEM;
    char *old = extra->name;
    extra->name = copy;
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* signal handlers read the name */
    asyncio__free(old);
    return 0;
}
