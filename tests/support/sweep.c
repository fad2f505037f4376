/* SPDX-License-Identifier: MIT */
/* Sweeps: see sweep.h. */
#include "support/sweep.h"

#include "base/alloc.h"
#include "base/error.h"
#include "support/points.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

enum { TRIES_MAX = 5000, SECONDS_A_POINT = 60, ONE_BY_ONE = 600 };

static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)context;
    (void)data;
}

static int quiet_factory(asyncio_loop **ret_loop, void *data)
{
    (void)data;
    int r = asyncio_new_event_loop(ret_loop);
    if (r >= 0)
        asyncio_loop_set_exception_handler(*ret_loop, ignore, NULL);
    return r;
}

static int run(asyncio_coro coro)
{
    (void)alarm(SECONDS_A_POINT); /* a hang ends the test program */
    int r = asyncio_run(coro, .loop_factory = quiet_factory, .shutdown_timeout = 5.0);
    (void)alarm(0);
    asyncio__record_put(NULL); /* the thread keeps the last error's: not a leak */
    return r;
}

unsigned sweep_allocations(const char *name, scenario *program)
{
    /* it has to when nothing fails; and fills what is made once */
    int passes = run(asyncio_coro(program));
    if (passes < 0)
        fail_msg("%s: %s", name, asyncio_error_name(passes));
    uint64_t before = asyncio__alloc_live();
    for (unsigned nth = 1; nth < TRIES_MAX; nth++) {
        asyncio__alloc_fail_at(nth, 0);
        int r = run(asyncio_coro(program));
        uint64_t asked = asyncio__alloc_count();
        asyncio__alloc_fail_at(0, 0);
        if (asyncio__alloc_live() != before)
            fail_msg("%s: %d blocks left after allocation %u failed (result %s)", name,
                     (int)(asyncio__alloc_live() - before), nth, asyncio_error_name(r));
        if (asked < nth) {
            assert_return_code(r, 0);
            print_message("sweep: %s: %u allocations failed in turn\n", name, nth - 1);
            return nth - 1;
        }
    }
    fail_msg("%s: more than %d allocations", name, (int)TRIES_MAX);
    return 0;
}

/* The victim's suspensions are counted by the turns in which it has not ended: between two of them
 * it has been resumed at most once. */
static int cancel_after(scenario *program, int turns, int times, int *ret_ended)
{
    asyncio_task *victim;
    int r = asyncio_create_task(asyncio_coro(program), &victim);
    if (r < 0)
        return r;
    for (int i = 0; i < turns && !asyncio_task_done(victim); i++)
        if ((r = asyncio_sleep(0)) < 0)
            break;
    *ret_ended = asyncio_task_done(victim);
    for (int i = 0; i < times; i++)
        asyncio_task_cancel(victim);
    int outcome = asyncio_await(victim);
    asyncio_task_unref(victim);
    return outcome == -ECANCELED || outcome >= 0 ? 0 : outcome;
}

unsigned sweep_cancellations(const char *name, scenario *program)
{
    assert_return_code(run(asyncio_coro(program)), 0);
    uint64_t before = asyncio__alloc_live();
    unsigned points = 0;
    /* Who waits for a kernel has thousands of turns, in nearly all of which nothing happens. */
    for (int turns = 0, ended = 0; turns < TRIES_MAX && !ended;
         turns += turns < ONE_BY_ONE ? 1 : turns / 32) {
        for (int times = 1; times <= 2; times++, points++) {
            int r = run(asyncio_coro(cancel_after, program, turns, times, &ended));
            if (r < 0)
                fail_msg("%s: cancelled %d times after %d turns: %s", name, times, turns,
                         asyncio_error_name(r));
            if (asyncio__alloc_live() != before)
                fail_msg("%s: %d blocks left after %d cancellations after %d turns", name,
                         (int)(asyncio__alloc_live() - before), times, turns);
        }
    }
    print_message("sweep: %s: cancelled in turns, at %u points\n", name, points);
    return points;
}

static void run_point(const char *name, scenario *program, struct points *points, uint64_t before)
{
    points_begin(points);
    int r = run(asyncio_coro(program));
    points_end();
    char where[128];
    (void)snprintf(where, sizeof where, "%s, cancelled at suspension %u, %s", name, points->nth,
                   points->nth ? points_name(points->how) : "no");
    if (points->broken[0])
        fail_msg("%s: %s", where, points->broken);
    if (r == -EPROTO || (r < 0 && points->nth == 0))
        fail_msg("%s: %s", where, asyncio_error_name(r));
    if (asyncio__alloc_live() != before)
        fail_msg("%s: %d blocks are left", where, (int)(asyncio__alloc_live() - before));
}

unsigned sweep_suspensions(const char *name, scenario *program)
{
    static struct points counted, point;
    unsigned points = 0;
    assert_return_code(run(asyncio_coro(program)), 0);
    uint64_t before = asyncio__alloc_live();
    counted.nth = point.nth = 0;
    run_point(name, program, &counted, before);
    for (; points_next(&counted, &point); points++)
        run_point(name, program, &point, before);
    print_message("sweep: %s: %u suspensions, cancelled at %u points\n", name,
                  counted.suspensions, points);
    return points;
}

static int cancel_at_moment(scenario *program, int turns, double seconds, int times, bool may_win,
                            bool *ret_ended)
{
    asyncio_task *victim;
    int r = asyncio_create_task(asyncio_coro(program), &victim);
    if (r < 0)
        return r;
    for (int i = 0; i < turns && r >= 0; i++)
        r = asyncio_sleep(0);
    if (r >= 0 && seconds > 0)
        r = asyncio_sleep(seconds);
    if (r < 0) {
        asyncio_task_unref(victim);
        return r;
    }
    *ret_ended = asyncio_task_done(victim);
    for (int i = 0; i < times; i++)
        asyncio_task_cancel(victim);
    r = asyncio_await(victim);
    asyncio_task_unref(victim);
    if (*ret_ended ? r == 0 : r == -ECANCELED || (may_win && r == 0))
        return 0;
    print_error("cancelled %d times after %d turns and %g s: %s\n", times, turns, seconds,
                asyncio_error_name(r));
    return -EPROTO;
}

int sweep_moments(const char *name, scenario *program, int turns, double moment, bool may_win)
{
    enum { MOMENTS = 300 };
    bool ended = false;
    unsigned points = 0;
    for (int i = 0; i < turns + MOMENTS && !ended; i++)
        for (int times = 1; times <= 2; times++, points++) {
            double seconds = i > turns ? moment * (i - turns) : 0;
            int r = cancel_at_moment(program, i < turns ? i : turns, seconds, times, may_win,
                                     &ended);
            if (r < 0)
                return r;
        }
    print_message("sweep: %s: cancelled in turns and moments, at %u points\n", name, points);
    return ended ? 0 : -EPROTO;
}

unsigned sweep_all(const struct sweep *sweeps, size_t count,
                   unsigned (*sweep)(const char *name, scenario *program))
{
    unsigned points = 0;
    for (size_t i = 0; i < count; i++)
        points += sweep(sweeps[i].name, sweeps[i].program);
    print_message("sweep: %u points in all\n", points);
    return points;
}
