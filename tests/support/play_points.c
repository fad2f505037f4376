/* SPDX-License-Identifier: MIT */
/* Every conformance scenario, cancelled at every suspension of each of its tasks.
 *
 * MODEL      Whatever the scenario then says is its own affair: its calls that "cannot fail" fail,
 *            and it goes on. What must hold is what points.h checks, that it ends, and that it
 *            leaves no more memory behind than when nobody cancels.
 * SHARE      A point is a process of a millisecond or two. The normal suite takes one in
 *            STRIDE, another one for each scenario; tests/conformance/points_test.c all. */
#include "support/play.h"
#include "support/points.h"

#include "base/alloc.h"
#include "base/error.h"
#include "coro/sanitizer.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { STRIDE = 8, STRIDE_EMULATED = 64, SHOWN = 20 };

struct play_of {
    struct scenario *scenario;
    struct points points;
    int64_t left; /* blocks of memory */
};

static struct play_of *new_play(struct scenario *scenario)
{
    /* shared: what a process that died has found is there */
    struct play_of *one =
        mmap(NULL, sizeof *one, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (one == MAP_FAILED)
        fail_msg("no memory");
    one->scenario = scenario;
    return one;
}

static void play_it(void *argument)
{
    struct play_of *one = argument;
    trace_is_swept = true;
    signal(SIGSEGV, SIG_DFL); /* cmocka's would have it tell of a test that failed */
    int64_t before = (int64_t)asyncio__alloc_live();
    points_begin(&one->points);
    play(one->scenario);
    points_end();
    asyncio__record_put(NULL); /* the thread keeps the last error's */
    one->left = (int64_t)asyncio__alloc_live() - before;
    fflush(NULL);
    _exit(0);
}

/* Prints what went wrong; false: nothing. */
static bool is_wrong(const struct play_of *one, const char *fate, int64_t left_before)
{
    const char *why = one->points.broken[0] ? one->points.broken : fate;
    if (!why && one->left > left_before)
        why = text("%d blocks are left", (int)(one->left - left_before));
    if (!why)
        return false;
    if (one->points.nth == 0)
        printf("  %s: %s\n", one->scenario->name, why);
    else
        printf("  %s %u %u: cancelled at suspension %u, %s: %s\n", one->scenario->name,
               one->points.nth, one->points.how, one->points.nth, points_name(one->points.how),
               why);
    return true;
}

static void play_scenario(struct scenario *scenario, unsigned stride, unsigned *points,
                          unsigned *wrong)
{
    struct play_of *counted = new_play(scenario), *one = new_play(scenario);
    const char *fate = apart(play_it, counted);
    if (is_wrong(counted, fate, INT64_MAX))
        ++*wrong;
    /* of all scenarios: where the share begins differs from one to the next */
    static unsigned turn;
    while (*wrong < SHOWN && points_next(&counted->points, &one->points)) {
        if (turn++ % stride != 0)
            continue;
        ++*points;
        fate = apart(play_it, one);
        *wrong += is_wrong(one, fate, counted->left);
    }
    (void)munmap(counted, sizeof *counted);
    (void)munmap(one, sizeof *one);
}

/* What is made once in a process is made before all, or each point would seem to leave it. */
static int warm_up(void)
{
    return asyncio_raise(-EDOM, "warm");
}

void play_points(struct scenario *scenarios)
{
    if (sanitizer_is_valgrind()) /* which would search each process for leaks; the others count */
        skip();
    const char *share = getenv("SWEEP_STRIDE");
    unsigned usual = getenv("ASYNCIO_TEST_EMULATED") ? STRIDE_EMULATED : STRIDE;
    unsigned stride = share ? (unsigned)atoi(share) : usual;
    unsigned points = 0, wrong = 0, count = 0;
    (void)!asyncio_run(asyncio_coro(warm_up));
    asyncio__record_put(NULL);
    for (struct scenario *scenario = scenarios; scenario; scenario = scenario->next)
        if (scenario->body && !scenario->needs_threads && !scenario->outside) {
            play_scenario(scenario, stride ? stride : 1, &points, &wrong);
            count++;
        }
    print_message("sweep: %u scenarios cancelled at %u points%s\n", count, points,
                  stride > 1 ? ", a share" : "");
    if (wrong)
        fail_msg("%u points went wrong", wrong);
}

void play_point(struct scenario *scenario, unsigned nth, unsigned how)
{
    struct play_of *one = new_play(scenario), *counted = new_play(scenario);
    const char *fate = apart(play_it, counted);
    one->points = (struct points){ .nth = nth, .how = (enum points_how)how };
    if (nth) {
        one->points.completed_by = counted->points.seen[nth].completed_by;
        fate = apart(play_it, one);
    }
    if (!is_wrong(nth ? one : counted, fate, nth ? counted->left : 0))
        printf("  nothing went wrong\n");
}
