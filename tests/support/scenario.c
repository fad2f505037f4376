/* SPDX-License-Identifier: MIT */
/* The coroutines that many scenarios share, as in tests/conformance/support.py. */
#include "support/trace.h"

#include "backend/sim.h"
#include "loop/loop.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

bool trace_over;

static double seconds(int quarters)
{
    return quarters == FOR_EVER ? (double)INFINITY : quarters / 4.0 * T;
}

int steps(const char *who, int n, int result)
{
    for (int i = 1; i <= n; i++) {
        say("%s %d", who, i);
        int r = asyncio_sleep(0);
        if (r < 0) {
            say("%s cancelled", who);
            return r;
        }
    }
    say("%s ends", who);
    return result;
}

int sleeper(const char *who, int quarters, int result)
{
    say("%s sleeps", who);
    int r = asyncio_sleep(seconds(quarters));
    if (r < 0) {
        say("%s cancelled", who);
        return r;
    }
    say("%s wakes", who);
    return result;
}

int failing(const char *who, int n, int code)
{
    for (int i = 0; i < n; i++) {
        int r = asyncio_sleep(0);
        if (r < 0)
            return r;
    }
    say("%s raises %s", who, name(-code));
    return -code;
}

int late_failing(const char *who, int quarters, int code)
{
    int r = asyncio_sleep(seconds(quarters));
    if (r < 0)
        return r;
    say("%s raises %s", who, name(-code));
    return -code;
}

int wait_for_ever(void)
{
    asyncio_future *future;
    int r = asyncio_loop_create_future(running(), &future);
    if (r < 0)
        return r;
    r = asyncio_await(future);
    asyncio_future_unref(future);
    return r;
}

int stubborn(const char *who, int n, int result)
{
    say("%s waits", who);
    for (int i = 1; i <= n; i++)
        if (wait_for_ever() == -ECANCELED)
            say("%s swallows %d", who, i);
    return result;
}

int cleaning(const char *who, int n)
{
    say("%s waits", who);
    int r = wait_for_ever();
    if (r == -ECANCELED) {
        say("%s cleans", who);
        for (int i = 0; i < n; i++) {
            int again = asyncio_sleep(0);
            if (again < 0)
                return again;
        }
        say("%s is clean", who);
    }
    return r;
}

int breaking(const char *who, int n, int code)
{
    say("%s waits", who);
    int r = wait_for_ever();
    if (r != -ECANCELED)
        return r;
    for (int i = 0; i < n; i++) {
        r = asyncio_sleep(0);
        if (r < 0)
            return r;
    }
    say("%s raises %s", who, name(-code));
    return -code;
}

int waiter(const char *who, asyncio_future *future)
{
    say("%s waits", who);
    int r = asyncio_await(future);
    say("%s got %s", who, name(r));
    return r;
}

int task_waiter(const char *who, asyncio_task *task)
{
    return waiter(who, ASYNCIO__FUTURE(task));
}

int quick(int result)
{
    return result;
}

int passes(int n)
{
    for (int i = 0; i < n; i++) {
        int r = asyncio_sleep(0);
        if (r < 0)
            return r;
    }
    return 0;
}

int cancelled_coroutine(void)
{
    return -ECANCELED;
}

static void turn(asyncio_loop *loop, void *data)
{
    int *counter = data; /* this turn, and the last one */
    if (trace_over)
        return;
    say("turn %d", counter[0]);
    if (counter[0]++ < counter[1])
        ok(asyncio_loop_call_soon(loop, turn, NULL, .data = counter));
}

void turns(int n)
{
    static int counters[16][2];
    static unsigned next;
    int *counter = counters[next++ % 16];
    counter[0] = 1;
    counter[1] = n;
    soon(turn, counter);
}

void block(int ticks)
{
    asyncio_loop *loop = running();
    if (strncmp(asyncio_loop_backend(loop), "sim", 3) == 0) {
        sim_of(loop->backend)->now += (int64_t)(ticks * T * 1e9);
        return;
    }
    struct timespec time = { .tv_nsec = (long)(ticks * T * 1e9) % 1000000000 };
    time.tv_sec = (time_t)(ticks * T);
    nanosleep(&time, NULL);
}
