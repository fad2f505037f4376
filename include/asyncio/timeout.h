/* SPDX-License-Identifier: MIT */
/* Time limits for a part of a program: `async with asyncio.timeout(10):`.
 *
 *     asyncio_timeout limit;
 *     asyncio_timeout_enter(&limit, 10.0);
 *     int r = work();
 *     return asyncio_timeout_exit(&limit, r);      cancelled by this deadline: -ETIMEDOUT
 *
 *     int r;                                       the same as a statement
 *     ASYNCIO_TIMEOUT(10.0, r)
 *         r = work();
 *     return r;
 *
 * MODEL      When the deadline passes, the task is cancelled; exit takes that request back and
 *            turns the -ECANCELED that it led to into -ETIMEDOUT. A cancellation by somebody else
 *            passes through. Code that never suspends is never interrupted.
 * OWNERSHIP  The struct is the caller's; what the loop points to is the task's. A `return` without
 *            exit leaves the scope open: it is found at the next suspension or at the task's end,
 *            closed and reported. A struct that outlives that (static, from malloc) may be entered
 *            anew, or given to exit, which says -ASYNCIO_INVALID_STATE; nothing else.
 * SOURCE     CPython's Lib/asyncio/timeouts.py. */
#pragma once

#include <asyncio/loop.h>

ASYNCIO__BEGIN

/* Its fields are the library's. */
typedef struct asyncio_timeout {
    void *scope;
    double when;
    int error;
    int state;
} asyncio_timeout;

/* Begins a part that may take `delay` seconds (ASYNCIO_NONE: no limit for now). A failure
 * (-ASYNCIO_NO_TASK, -ENOMEM, -EINVAL for NaN; -ASYNCIO_INVALID_STATE when this task has entered
 * *timeout already and not left it) is remembered and returned by exit: until then there is no
 * limit, so who must not wait without one looks at what this returns. Does not suspend. */
ASYNCIO_API int asyncio_timeout_enter(asyncio_timeout *timeout, double delay);
#define asyncio_timeout_enter(timeout, delay)                                                      \
    asyncio__timeout_enter(timeout, delay, __FILE__, __LINE__)
ASYNCIO_API int asyncio__timeout_enter(asyncio_timeout *timeout, double delay, const char *file,
                                       int line);

/* As enter, with the deadline in asyncio_loop_time's seconds. Does not suspend. */
ASYNCIO_API int asyncio_timeout_at_enter(asyncio_timeout *timeout, double when);
#define asyncio_timeout_at_enter(timeout, when)                                                    \
    asyncio__timeout_at_enter(timeout, when, __FILE__, __LINE__)
ASYNCIO_API int asyncio__timeout_at_enter(asyncio_timeout *timeout, double when, const char *file,
                                          int line);

/* Ends it: takes the body's result and returns what the Python statement would raise: -ETIMEDOUT
 * when the body was cancelled by this deadline, else `result`. -ASYNCIO_SCOPE_ORDER when an inner
 * scope is still open, -ASYNCIO_INVALID_STATE when this task has not entered it or has left it.
 * Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_timeout_exit(asyncio_timeout *timeout, int result);

/* Moves the deadline to `when` (ASYNCIO_NONE: none). -ASYNCIO_INVALID_STATE before enter, after
 * exit and once it has expired, -EINVAL for NaN, -ENOMEM. Does not suspend. */
ASYNCIO_API int asyncio_timeout_reschedule(asyncio_timeout *timeout, double when);

/* The deadline, or ASYNCIO_NONE. Does not suspend. */
ASYNCIO_API double asyncio_timeout_when(const asyncio_timeout *timeout);

/* 1 when the deadline passed inside the scope. Valid after exit too. Does not suspend. */
ASYNCIO_API int asyncio_timeout_expired(const asyncio_timeout *timeout);

/* What the scope macros are made of. */
typedef struct asyncio__timeout_scope {
    asyncio_timeout timeout;
    int *result;
    int entered;
} asyncio__timeout_scope;

static inline asyncio__timeout_scope asyncio__timeout_scope_of(int *result)
{
    asyncio__timeout_scope scope;
    __builtin_memset(&scope, 0, sizeof scope);
    scope.result = result;
    return scope;
}

/* NULL when it could not be entered: *result says why, and there is nothing to leave. */
static inline asyncio__timeout_scope *asyncio__timeout_scope_entered(asyncio__timeout_scope *scope,
                                                                     int result)
{
    *scope->result = result;
    scope->entered = result >= 0;
    return result < 0 ? NULL : scope;
}

static inline asyncio__timeout_scope *asyncio__timeout_scope_enter(asyncio__timeout_scope *scope,
                                                                   int is_moment, double when,
                                                                   const char *file, int line)
{
    return asyncio__timeout_scope_entered(
        scope, is_moment ? asyncio__timeout_at_enter(&scope->timeout, when, file, line)
                         : asyncio__timeout_enter(&scope->timeout, when, file, line));
}

static inline void asyncio__timeout_scope_exit(asyncio__timeout_scope *scope)
{
    if (scope->entered)
        *scope->result = asyncio_timeout_exit(&scope->timeout, *scope->result);
}

ASYNCIO__END

/* ASYNCIO_TIMEOUT(delay, r), ASYNCIO_TIMEOUT(delay, r, limit): the statement that follows may take
 * `delay` seconds. `r`, an int variable, is 0 at its beginning, its result at its end, and after it
 * what asyncio_timeout_exit makes of that. When the scope cannot be entered, the statement is
 * skipped, and `r` says why. It is left by its end, by break or continue (which leave it, not a
 * loop around it), by goto or return; but a `return` in it gives what it says, and nobody sees what
 * the exit would have made of it: leave by break, and return `r` after it. `limit` names, inside,
 * a pointer to the asyncio_timeout, to reschedule it. */
#define ASYNCIO_TIMEOUT(...)                                                                       \
    ASYNCIO__CAT(ASYNCIO__TIMEOUT_, ASYNCIO__COUNT(__VA_ARGS__))(0, __VA_ARGS__)

/* ASYNCIO_TIMEOUT_AT(when, r), ASYNCIO_TIMEOUT_AT(when, r, limit): the same with a deadline in
 * asyncio_loop_time's seconds. */
#define ASYNCIO_TIMEOUT_AT(...)                                                                    \
    ASYNCIO__CAT(ASYNCIO__TIMEOUT_, ASYNCIO__COUNT(__VA_ARGS__))(1, __VA_ARGS__)
#define ASYNCIO__TIMEOUT_2(is_moment, when, r)                                                     \
    ASYNCIO__TIMEOUT_3(is_moment, when, r, ASYNCIO__CAT(asyncio__timeout_, __LINE__))
#define ASYNCIO__TIMEOUT_3(is_moment, when, r, name)                                               \
    ASYNCIO__SCOPE(timeout, name, r, is_moment, when, __FILE__, __LINE__)
