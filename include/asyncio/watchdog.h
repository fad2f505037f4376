/* SPDX-License-Identifier: MIT */
/* The watchdog: tells who blocks the loop.
 *
 * MODEL    A thread of the library looks at the loop now and then. When one callback or task step
 *          has run for longer than the limit, the report says which task it is, for how long, and
 *          by which C frames, taken while it still blocks. Once for each step. Cheap enough for
 *          production: the loop itself only counts, and while it waits the watchdog sleeps.
 * CERTAIN  A step that takes less than the limit is never reported, one that takes 1.25 of it
 *          always is, unless it ends before its frames could be taken, or the watchdog is still
 *          busy with the report before.
 * SIGNAL   The frames are taken by a signal to the loop's thread, a real-time one that the program
 *          has no handler for; given back with the last watchdog. A sleep that blocks the loop
 *          ends with EINTR by it, as by any signal. To a thread that has blocked all signals the
 *          report comes without frames and name.
 * REPORTS  To `.report`, in the watchdog's thread; by default to standard error.
 * ALWAYS   The environment variable ASYNCIO_WATCHDOG=SECONDS starts one for each loop of a
 *          program, with this limit; a program that is linked statically has to use this header
 *          for that. */
#pragma once

#include <asyncio/loop.h>

ASYNCIO__BEGIN

/* All of it is lent for the call. */
typedef struct asyncio_watchdog_report {
    const char *task;               /* its name; NULL: a plain callback */
    double blocked;                 /* seconds so far */
    const asyncio_frame *frames;    /* innermost first */
    size_t frame_count;
} asyncio_watchdog_report;

#define ASYNCIO__DEFAULT_WATCHDOG_LIMIT 0.1

typedef struct asyncio_watchdog_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_watchdog_options));
    /* seconds that one step may take */
    double limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_WATCHDOG_LIMIT);
    void (*report)(const asyncio_watchdog_report *report, void *data) ASYNCIO__0;
    void *data ASYNCIO__0;
} asyncio_watchdog_options;

/* Watches `loop`. -EALREADY when it is watched, -EINVAL for a limit that is not above 0, -ENOMEM,
 * -EAGAIN without a thread or a free signal, -ASYNCIO_LOOP_CLOSED. Loop's thread. Does not
 * suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_start_watchdog(
    asyncio_loop *loop, const asyncio_watchdog_options *options);
#define asyncio_loop_start_watchdog(...) asyncio__loop_start_watchdog_m(__VA_ARGS__, )
#define asyncio__loop_start_watchdog_m(loop, ...)                                                  \
    asyncio__loop_start_watchdog_v(                                                                \
        loop, ASYNCIO__OPTIONS(asyncio_watchdog_options,                                           \
                               (.limit = ASYNCIO__DEFAULT_WATCHDOG_LIMIT, ), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__loop_start_watchdog_v(
    asyncio_loop *loop, asyncio_watchdog_options options)
{
    return (asyncio_loop_start_watchdog)(loop, &options);
}

/* Ends it; closing the loop does too. Loop's thread. Does not suspend. */
ASYNCIO_API void asyncio_loop_stop_watchdog(asyncio_loop *loop);

ASYNCIO__END
