/* SPDX-License-Identifier: MIT */
/* Exit stacks: memory and deferred calls that end with a scope.
 *
 * MODEL      A task has one around its body; asyncio_exit_stack_enter opens an inner one.
 *            asyncio_alloc and its kin take from the innermost scope's arena; asyncio_defer calls
 *            a function at its end, in reverse order. What has to outlive the scope is malloc'ed
 *            or belongs to an object.
 * OWNERSHIP  All of it belongs to the task. An arena is poisoned at its end in debug mode, and
 *            in builds that are not optimised. */
#pragma once

#include <asyncio/coroutine.h>
#include <stdarg.h>

ASYNCIO__BEGIN

/* Its fields are the library's. */
typedef struct asyncio_exit_stack {
    void *scope;
    int error;
    int state;
} asyncio_exit_stack;

/* Opens a scope. A failure (-ASYNCIO_NO_TASK, -ENOMEM; -ASYNCIO_INVALID_STATE when this task has
 * entered *stack already and not left it) is remembered and returned by exit. Does not suspend. */
ASYNCIO_API int asyncio_exit_stack_enter(asyncio_exit_stack *stack);
#define asyncio_exit_stack_enter(stack) asyncio__exit_stack_enter(stack, __FILE__, __LINE__)
ASYNCIO_API int asyncio__exit_stack_enter(asyncio_exit_stack *stack, const char *file, int line);

/* Calls what was deferred in it, last first, frees its arena, and returns `result`.
 * -ASYNCIO_SCOPE_ORDER when an inner scope is still open, -ASYNCIO_INVALID_STATE when it was left
 * already or one of its deferred functions calls this. Suspends when a deferred function does. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_exit_stack_exit(asyncio_exit_stack *stack, int result);

/* For who runs one thing after the other in a task, each with a scope of its own, and would not pay
 * for the scopes that nobody uses: while asyncio__scopes_are_none() is true, the task's own scope
 * is made by its first use, and asyncio__scopes_end ends it, and all that were left open, as the
 * task's end would: `result`, or what they make of it. Suspends when a deferred function does. */
ASYNCIO_API int asyncio__scopes_are_none(void);
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio__scopes_end(int result);

/* Memory of the innermost scope, aligned for anything, not zeroed; NULL without memory or outside
 * of tasks. Does not suspend. */
ASYNCIO_API void *asyncio_alloc(size_t size) __attribute__((malloc, warn_unused_result));

/* A copy of `text` in the innermost scope; NULL as asyncio_alloc. Does not suspend. */
ASYNCIO_API char *asyncio_strdup(const char *text) __attribute__((malloc, warn_unused_result));

/* Text of printf's form in the innermost scope; NULL as asyncio_alloc. Does not suspend. */
ASYNCIO_API char *asyncio_printf(const char *format, ...) ASYNCIO_PRINTF(1, 2)
    __attribute__((warn_unused_result));

/* Calls `function(data)` when the innermost scope ends. -ENOMEM or -ASYNCIO_NO_TASK, and then it
 * has been called already. Does not suspend. */
ASYNCIO_API int asyncio_defer(void (*function)(void *data), void *data);

/* What the scope macro is made of. */
typedef struct asyncio__exit_stack_scope {
    asyncio_exit_stack exit_stack;
    int *result;
    int entered;
} asyncio__exit_stack_scope;

static inline asyncio__exit_stack_scope asyncio__exit_stack_scope_of(int *result)
{
    asyncio__exit_stack_scope scope;
    __builtin_memset(&scope, 0, sizeof scope);
    scope.result = result;
    return scope;
}

static inline asyncio__exit_stack_scope *
asyncio__exit_stack_scope_enter(asyncio__exit_stack_scope *scope, const char *file, int line)
{
    *scope->result = asyncio__exit_stack_enter(&scope->exit_stack, file, line);
    scope->entered = 1; /* also when it failed: exit takes that back */
    return *scope->result < 0 ? NULL : scope;
}

static inline void asyncio__exit_stack_scope_exit(asyncio__exit_stack_scope *scope)
{
    if (scope->entered)
        *scope->result = asyncio_exit_stack_exit(&scope->exit_stack, *scope->result);
}

ASYNCIO__END

/* ASYNCIO_EXIT_STACK(r): the statement that follows runs in a scope of its own, which ends when it
 * is left: by its end, by break or continue (which leave it, not a loop around it), by goto or
 * return. `r`, an int variable, is 0 at its beginning, its result at its end, and after it what
 * asyncio_exit_stack_exit makes of that. When the scope cannot be opened, the statement is skipped,
 * and `r` says why. */
#define ASYNCIO_EXIT_STACK(r)                                                                      \
    ASYNCIO__SCOPE(exit_stack, ASYNCIO__CAT(asyncio__exit_stack_, __LINE__), r, __FILE__, __LINE__)
