/* SPDX-License-Identifier: MIT */
/* Time limits for a part of a program: `async with asyncio.timeout(10):`.
 *
 *     asyncio_timeout limit;
 *     asyncio_timeout_enter(&limit, 10.0);
 *     int r = work();
 *     return asyncio_timeout_exit(&limit, r);      cancelled by this deadline: -ETIMEDOUT
 *
 * MODEL      When the deadline passes, the task is cancelled; exit takes that request back and
 *            turns the -ECANCELED that it led to into -ETIMEDOUT. A cancellation by somebody else
 *            passes through. Code that never suspends is never interrupted.
 * OWNERSHIP  The struct is the caller's; what the loop points to is the task's. A `return` without
 *            exit leaves the scope open: it is found at the next suspension or at the task's end,
 *            closed and reported.
 * SOURCE     CPython's Lib/asyncio/timeouts.py. */
#pragma once

#include <asyncio/loop.h>

ASYNCIO__BEGIN

typedef struct asyncio_timeout {
    void *scope;
    double when;
    int error;
    int state;
} asyncio_timeout;

/* Begins a part that may take `delay` seconds (ASYNCIO_NONE: no limit for now). A failure
 * (-ASYNCIO_NO_TASK, -ENOMEM, -EINVAL for NaN) is remembered and returned by exit. Does not
 * suspend. */
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
 * scope is still open. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_timeout_exit(asyncio_timeout *timeout, int result);

/* Moves the deadline to `when` (ASYNCIO_NONE: none). -ASYNCIO_INVALID_STATE before enter, after
 * exit and once it has expired, -EINVAL for NaN, -ENOMEM. Does not suspend. */
ASYNCIO_API int asyncio_timeout_reschedule(asyncio_timeout *timeout, double when);

/* The deadline, or ASYNCIO_NONE. Does not suspend. */
ASYNCIO_API double asyncio_timeout_when(const asyncio_timeout *timeout);

/* 1 when the deadline passed inside the scope. Valid after exit too. Does not suspend. */
ASYNCIO_API int asyncio_timeout_expired(const asyncio_timeout *timeout);

ASYNCIO__END
