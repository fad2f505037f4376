/* SPDX-License-Identifier: MIT */
/* Task groups: tasks that end before the code that started them goes on.
 *
 *     asyncio_task_group group;
 *     asyncio_task_group_enter(&group);
 *     int r = asyncio_task_group_create_task(&group, asyncio_coro(work, 1), NULL);
 *     return asyncio_task_group_exit(&group, r);
 *
 *     int r;                                       the same as a statement
 *     ASYNCIO_TASK_GROUP(group, r)
 *         r = asyncio_task_group_create_task(group, asyncio_coro(work, 1), NULL);
 *     return r;
 *
 * MODEL      Exit waits for all tasks. The first that fails cancels the others and the body. Exit
 *            returns the first error. Its record, asyncio_last_error's, is the list: a group
 *            whose `errors` are those of the tasks and, last, of the body, in the order in which
 *            they came; one of them may be a group again. asyncio_print_exception shows the tree.
 *            A task that is only cancelled disturbs nobody.
 * OWNERSHIP  As with timeouts: the struct is the caller's, what the loop points to is the task's.
 * SOURCE     CPython's Lib/asyncio/taskgroups.py (3.15). */
#pragma once

#include <asyncio/loop.h>

ASYNCIO__BEGIN

/* Its fields are the library's. */
typedef struct asyncio_task_group {
    void *scope;
    int error;
    int state;
} asyncio_task_group;

/* Begins. A failure (-ASYNCIO_NO_TASK, -ENOMEM; -ASYNCIO_INVALID_STATE when this task has entered
 * *group already and not left it) is remembered and returned by exit. Does not suspend. */
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

/* Cancels what is in the group and its body, and makes exit return without an error of its own
 * (Python 3.15's TaskGroup.cancel); an error of a task, and a cancellation that somebody else asked
 * for, are told. 0, also twice and after exit. -ASYNCIO_INVALID_STATE for a zeroed struct that was
 * not entered, where Python would cancel the group as it is entered: do it right after entering.
 * Does not suspend. */
ASYNCIO_API int asyncio_task_group_cancel(asyncio_task_group *group);

/* Ends it: a negative `result` (the body's) cancels the tasks; waits for all of them; returns the
 * first error, else -ECANCELED when the caller was cancelled, else `result`. -ASYNCIO_SCOPE_ORDER
 * when an inner scope is still open, -ASYNCIO_INVALID_STATE when this task has not entered it or
 * has left it. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_task_group_exit(asyncio_task_group *group, int result);

/* What the scope macro is made of. */
typedef struct asyncio__task_group_scope {
    asyncio_task_group task_group;
    int *result;
    int entered;
} asyncio__task_group_scope;

static inline asyncio__task_group_scope asyncio__task_group_scope_of(int *result)
{
    asyncio__task_group_scope scope;
    __builtin_memset(&scope, 0, sizeof scope);
    scope.result = result;
    return scope;
}

static inline asyncio__task_group_scope *
asyncio__task_group_scope_enter(asyncio__task_group_scope *scope, const char *file, int line)
{
    *scope->result = asyncio__task_group_enter(&scope->task_group, file, line);
    scope->entered = *scope->result >= 0;
    return scope->entered ? scope : NULL;
}

static inline void asyncio__task_group_scope_exit(asyncio__task_group_scope *scope)
{
    if (scope->entered)
        *scope->result = asyncio_task_group_exit(&scope->task_group, *scope->result);
}

ASYNCIO__END

/* ASYNCIO_TASK_GROUP(group, r): `async with TaskGroup() as group:`. The statement that follows runs
 * in a group, which it knows by the pointer `group`; when it is left, by its end, by break or
 * continue (which leave it, not a loop around it), by goto or return, all tasks of the group are
 * waited for. `r`, an int variable, is 0 at its beginning, its result at its end, and after it what
 * asyncio_task_group_exit makes of that. When the group cannot be entered, the statement is
 * skipped, and `r` says why. A `return` in it waits, too, but gives what it says, and nobody hears
 * of the tasks' errors: leave by break, and return `r` after it. */
#define ASYNCIO_TASK_GROUP(group, r)                                                               \
    ASYNCIO__SCOPE(task_group, group, r, __FILE__, __LINE__)
