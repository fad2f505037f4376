/* SPDX-License-Identifier: MIT */
/* Task groups: tasks that end before the code that started them goes on.
 *
 *     asyncio_task_group group;
 *     asyncio_task_group_enter(&group);
 *     int r = asyncio_task_group_create_task(&group, asyncio_coro(work, 1), NULL);
 *     return asyncio_task_group_exit(&group, r);
 *
 * MODEL      Exit waits for all tasks. The first that fails cancels the others and the body. Exit
 *            returns the first error; with several, asyncio_last_error lists them all. A task that
 *            is only cancelled disturbs nobody.
 * OWNERSHIP  As with timeouts: the struct is the caller's, what the loop points to is the task's.
 * SOURCE     CPython's Lib/asyncio/taskgroups.py (3.13). */
#pragma once

#include <asyncio/loop.h>

ASYNCIO__BEGIN

typedef struct asyncio_task_group {
    void *scope;
    int error;
    int state;
} asyncio_task_group;

/* Begins. A failure (-ASYNCIO_NO_TASK, -ENOMEM) is remembered and returned by exit. Does not
 * suspend. */
ASYNCIO_API int asyncio_task_group_enter(asyncio_task_group *group);
#define asyncio_task_group_enter(group) asyncio__task_group_enter(group, __FILE__, __LINE__)
ASYNCIO_API int asyncio__task_group_enter(asyncio_task_group *group, const char *file, int line);

/* As asyncio_create_task, in the group. -ASYNCIO_GROUP_CLOSED when it was not entered, has ended
 * or is shutting down: the coroutine is closed then. Any task of the loop may add while the group
 * has tasks. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_task_group_create_task(
    asyncio_task_group *group, asyncio_coro coro, asyncio_task **ret_task,
    const asyncio_create_task_options *options);
#define asyncio_task_group_create_task(...) asyncio__task_group_create_task_m(__VA_ARGS__, )
#define asyncio__task_group_create_task_m(group, coro, ret_task, ...)                              \
    asyncio__task_group_create_task_v(                                                             \
        group, ASYNCIO__CORO(coro), ret_task,                                                      \
        ASYNCIO__OPTIONS(asyncio_create_task_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__task_group_create_task_v(
    asyncio_task_group *group, asyncio_coro coro, asyncio_task **ret_task,
    asyncio_create_task_options options)
{
    return (asyncio_task_group_create_task)(group, coro, ret_task, &options);
}

/* Cancels what is in the group and makes exit return without an error of its own (Python 3.15's
 * TaskGroup.cancel). Harmless twice and after exit. Does not suspend. */
ASYNCIO_API int asyncio_task_group_cancel(asyncio_task_group *group);

/* Ends it: a negative `result` (the body's) cancels the tasks; waits for all of them; returns the
 * first error, else -ECANCELED when the caller was cancelled, else `result`. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_task_group_exit(asyncio_task_group *group, int result);

ASYNCIO__END
