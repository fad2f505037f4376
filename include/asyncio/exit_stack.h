/* SPDX-License-Identifier: MIT */
/* Exit stacks: memory and deferred calls that end with a scope.
 *
 * MODEL      A task has one around its body; asyncio_exit_stack_enter opens an inner one.
 *            asyncio_alloc and its kin take from the innermost scope's arena; asyncio_defer calls
 *            a function at its end, in reverse order. What has to outlive the scope is malloc'ed
 *            or belongs to an object.
 * OWNERSHIP  All of it belongs to the task. In debug builds an arena is poisoned at its end. */
#pragma once

#include <asyncio/coroutine.h>
#include <stdarg.h>

ASYNCIO__BEGIN

typedef struct asyncio_exit_stack {
    void *scope;
    int error;
    int state;
} asyncio_exit_stack;

/* Opens a scope. A failure (-ASYNCIO_NO_TASK, -ENOMEM) is remembered and returned by exit. Does
 * not suspend. */
ASYNCIO_API int asyncio_exit_stack_enter(asyncio_exit_stack *stack);
#define asyncio_exit_stack_enter(stack) asyncio__exit_stack_enter(stack, __FILE__, __LINE__)
ASYNCIO_API int asyncio__exit_stack_enter(asyncio_exit_stack *stack, const char *file, int line);

/* Calls what was deferred in it, last first, frees its arena, and returns `result`.
 * -ASYNCIO_SCOPE_ORDER when an inner scope is still open, -ASYNCIO_INVALID_STATE when it was left
 * already or one of its deferred functions calls this. Suspends when a deferred function does. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_exit_stack_exit(asyncio_exit_stack *stack, int result);

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

ASYNCIO__END
