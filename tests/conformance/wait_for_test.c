/* SPDX-License-Identifier: MIT */
/* wait_for, as scenarios_wait_for.py: in the caller's own task, and right in every race. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>

/* wait_for with a limit in ticks, and how it ended. */
#define limited(x, ticks) name(asyncio_wait_for(x, (ticks) * T))

static int cancelling(void)
{
    return asyncio_task_cancelling(asyncio_current_task());
}

SCENARIO(in_time)
{
    const char *how = limited(asyncio_coro(sleeper, "a", TICKS(1), 5), 2);
    say("%s %s", how, at());
    ok(asyncio_sleep(2 * T));
    say("cancelling %d %s", cancelling(), at());
    return 0;
}

SCENARIO(too_late)
{
    const char *how = limited(asyncio_coro(sleeper, "a", TICKS(3), 5), 2);
    say("%s %s", how, at());
    say("cancelling %d", cancelling());
    ok(asyncio_sleep(2 * T));
    say("%s", at());
    return 0;
}

SCENARIO(without_a_limit)
{
    const char *how = name(asyncio_wait_for(asyncio_coro(sleeper, "a", TICKS(3), 5), ASYNCIO_NONE));
    say("%s %s", how, at());
    return 0;
}

static int compares_tasks(asyncio_task *caller)
{
    say("the caller's task: %s", yes(asyncio_current_task() == caller));
    return 5;
}

SCENARIO(a_coroutine_runs_in_the_callers_task)
{
    turns(1);
    say("%s", limited(asyncio_coro(compares_tasks, asyncio_current_task()), 2));
    say("without a turn");
    return passes(1);
}

SCENARIO(an_error_in_time)
{
    const char *how = limited(asyncio_coro(late_failing, "a", TICKS(1), EPIPE), 2);
    say("%s %s", how, at());
    return 0;
}

SCENARIO(a_timeout_error_of_its_own)
{
    const char *how = limited(asyncio_coro(quick, -ETIMEDOUT), 2);
    say("%s %s", how, at());
    return 0;
}

SCENARIO(the_task_is_cancelled_and_awaited)
{
    asyncio_task *task = start(asyncio_coro(sleeper, "a", TICKS(9), 0));
    const char *how = limited(task, 1);
    say("%s %s", how, at());
    say("%s, cancelling %d", state(task), asyncio_task_cancelling(task));
    return 0;
}

static int cleans_slowly(void)
{
    int r = asyncio_sleep(9 * T);
    if (r == -ECANCELED) {
        say("cleans %s", at());
        ok(asyncio_sleep(3 * T));
    }
    return r;
}

SCENARIO(the_cleanup_may_exceed_the_limit)
{
    asyncio_task *task = start(asyncio_coro(cleans_slowly));
    const char *how = limited(task, 1);
    say("%s %s", how, at());
    how = limited(asyncio_coro(cleans_slowly), 1);
    say("inline: %s %s", how, at());
    return 0;
}

SCENARIO(a_task_that_swallows_gives_its_value)
{
    asyncio_task *task = start(asyncio_coro(stubborn, "a", 1, 5));
    const char *how = limited(task, 1);
    say("%s %s", how, at());
    say("main cancelling %d", cancelling());
    return 0;
}

SCENARIO(a_coroutine_that_swallows_gives_its_value)
{
    const char *how = limited(asyncio_coro(stubborn, "a", 1, 5), 1);
    say("%s %s", how, at());
    say("main cancelling %d", cancelling());
    return 0;
}

SCENARIO(an_error_in_the_cleanup_is_raised)
{
    asyncio_task *task = start(asyncio_coro(breaking, "a", 1, EPIPE));
    say("%s", limited(task, 1));
    say("%s", limited(asyncio_coro(breaking, "b", 1, EIO), 1));
    say("main cancelling %d", cancelling());
    return 0;
}

SCENARIO(a_future_that_is_late_is_cancelled)
{
    asyncio_future *future = new_future();
    const char *how = limited(future, 1);
    say("%s %s", how, at());
    say("%s", state(future));
    return 0;
}

/* ---- a limit of zero ---- */

SCENARIO(zero_with_a_coroutine_never_starts_it)
{
    turns(3);
    say("%s", limited(asyncio_coro(steps, "a", 1, 0), 0));
    return passes(1);
}

SCENARIO(zero_with_what_is_done)
{
    asyncio_future *future = new_future();
    ok(asyncio_future_set_result(future, 5));
    asyncio_task *task = start(asyncio_coro(failing, "a", 0, EPIPE));
    ok(passes(1));
    turns(1);
    const char *first = limited(future, 0), *second = limited(task, 0);
    say("%s %s %s", first, second, limited(future, -1));
    say("without a turn");
    return passes(1);
}

SCENARIO(zero_with_a_task_that_waits)
{
    asyncio_task *task = start(asyncio_coro(cleaning, "a", 1));
    ok(passes(1));
    turns(5);
    say("%s", limited(task, 0));
    say("%s", state(task));
    return 0;
}

SCENARIO(zero_with_a_task_that_swallows)
{
    asyncio_task *task = start(asyncio_coro(stubborn, "a", 1, 5));
    ok(passes(1));
    say("%s", limited(task, 0));
    return 0;
}

SCENARIO(zero_with_a_task_that_fails_in_cleanup)
{
    asyncio_task *task = start(asyncio_coro(breaking, "a", 1, EPIPE));
    ok(passes(1));
    say("%s", limited(task, -1));
    return 0;
}

SCENARIO(zero_with_a_pending_future)
{
    asyncio_future *future = new_future();
    turns(3);
    say("%s", limited(future, 0));
    say("%s", state(future));
    return passes(1);
}

static int waits_for_zero(asyncio_task *task)
{
    return asyncio_wait_for(task, 0);
}

SCENARIO(zero_and_the_caller_is_cancelled_while_it_waits)
{
    asyncio_task *task = start(asyncio_coro(cleaning, "a", 3));
    ok(passes(1));
    asyncio_task *outer = start(asyncio_coro(waits_for_zero, task));
    ok(passes(2));
    say("cancel %s", yes(asyncio_task_cancel(outer)));
    say("%s", ends(outer));
    say("a %s", state(task));
    say("%s", ends(task));
    return 0;
}

/* ---- the caller is cancelled ---- */

static int waits_long(asyncio_task *task)
{
    return asyncio_wait_for(task, 9 * T);
}

static int waits_long_for_future(asyncio_future *future)
{
    return asyncio_wait_for(future, 9 * T);
}

SCENARIO(the_caller_is_cancelled_so_is_the_task)
{
    asyncio_task *task = start(asyncio_coro(cleaning, "a", 1));
    asyncio_task *outer = start(asyncio_coro(waits_long, task));
    ok(asyncio_sleep(1 * T));
    turns(4);
    asyncio_task_cancel(outer);
    const char *how = ends(outer);
    say("%s %s", how, at());
    say("a %s, outer %s", state(task), state(outer));
    return 0;
}

SCENARIO(the_caller_is_cancelled_and_the_task_swallows)
{
    asyncio_task *task = start(asyncio_coro(stubborn, "a", 1, 5));
    asyncio_task *outer = start(asyncio_coro(waits_long, task));
    ok(asyncio_sleep(1 * T));
    asyncio_task_cancel(outer);
    const char *how = ends(outer);
    say("%s %s", how, at());
    say("outer %s, cancelling %d", state(outer), asyncio_task_cancelling(outer));
    return 0;
}

struct pair {
    asyncio_task *inner, *outer;
};

static void say_inner_cancel_outer(asyncio_loop *loop, void *data)
{
    (void)loop;
    struct pair *pair = data;
    say("a %s, cancel %s", state(pair->inner), yes(asyncio_task_cancel(pair->outer)));
}

SCENARIO(the_caller_is_cancelled_in_the_turn_the_task_ends)
{
    static struct pair pair; /* the callback outlives a body that ends early */
    pair.inner = start(asyncio_coro(steps, "a", 1, 5));
    pair.outer = start(asyncio_coro(waits_long, pair.inner));
    ok(passes(1));
    soon(say_inner_cancel_outer, &pair);
    say("%s", ends(pair.outer));
    say("%s", ends(pair.inner));
    return 0;
}

SCENARIO(the_caller_is_cancelled_in_the_turn_the_future_is_set)
{
    asyncio_future *future = new_future();
    asyncio_task *outer = start(asyncio_coro(waits_long_for_future, future));
    ok(passes(1));
    asyncio_task_cancel(outer);
    say("%s", name(asyncio_future_set_result(future, 5)));
    say("%s", ends(outer));
    return 0;
}

static int waits_for_a_sleeper(void)
{
    return asyncio_wait_for(asyncio_coro(sleeper, "a", TICKS(1), 0), 9 * T);
}

SCENARIO(the_caller_is_cancelled_before_it_began)
{
    asyncio_task *outer = start(asyncio_coro(waits_for_a_sleeper));
    asyncio_task_cancel(outer);
    const char *how = ends(outer);
    say("%s %s", how, at());
    return 0;
}

SCENARIO(the_task_is_cancelled_by_someone_else)
{
    asyncio_task *task = start(asyncio_coro(sleeper, "a", TICKS(9), 0));
    later(1, cancel_task, task);
    const char *how = limited(task, 5);
    say("%s %s", how, at());
    say("main cancelling %d", cancelling());
    return 0;
}

static int cleans_and_says(void)
{
    int r = wait_for_ever();
    say("cleans %s", at());
    const char *how = name(asyncio_sleep(2 * T));
    say("cleanup: %s %s", how, at());
    return r;
}

static int waits_one_tick(asyncio_task *task)
{
    return asyncio_wait_for(task, 1 * T);
}

SCENARIO(the_caller_is_cancelled_while_a_late_task_cleans_up)
{
    asyncio_task *task = start(asyncio_coro(cleans_and_says));
    asyncio_task *outer = start(asyncio_coro(waits_one_tick, task));
    ok(asyncio_sleep(2 * T));
    asyncio_task_cancel(outer);
    const char *how = ends(outer);
    say("%s %s", how, at());
    say("outer cancelling %d, task cancelling %d", asyncio_task_cancelling(outer),
        asyncio_task_cancelling(task));
    return 0;
}

/* ---- several limits ---- */

static int says_how_limited(int ticks, int result)
{
    int r = asyncio_wait_for(asyncio_coro(sleeper, "a", TICKS(9), 0), ticks * T);
    say("inner %s %s", name(r), at());
    return r == -ECANCELED ? r : result;
}

SCENARIO(inner_limit_first)
{
    const char *how = limited(asyncio_coro(says_how_limited, 1, 5), 2);
    say("outer %s %s", how, at());
    return 0;
}

SCENARIO(outer_limit_first)
{
    const char *how = limited(asyncio_coro(says_how_limited, 2, 0), 1);
    say("outer %s %s", how, at());
    return 0;
}

static int limits_task(asyncio_task *task, int ticks)
{
    return asyncio_wait_for(task, ticks * T);
}

SCENARIO(two_limits_around_one_task)
{
    asyncio_task *task = start(asyncio_coro(sleeper, "a", TICKS(9), 0));
    asyncio_task *one = start(asyncio_coro(limits_task, task, 1));
    asyncio_task *two = start(asyncio_coro(limits_task, task, 2));
    const char *first = ends(one), *second = ends(two);
    say("%s %s %s", first, second, at());
    say("a cancelling %d", asyncio_task_cancelling(task));
    return 0;
}

SCENARIO(a_limit_does_not_slow_things_down)
{
    turns(4);
    asyncio_task *task = start(asyncio_coro(steps, "a", 1, 5));
    say("%s", limited(task, 5));
    return passes(1);
}

SCENARIO(limits_in_a_row)
{
    static const int ticks[] = { 1, 3, 2 };
    for (int i = 0; i < 3; i++) {
        const char *how = limited(asyncio_coro(sleeper, "a", TICKS(ticks[i]), ticks[i]), 2.5);
        say("%s %s", how, at());
    }
    return 0;
}

SCENARIO(zero_and_the_caller_is_cancelled_as_the_task_has_ended)
{
    static struct pair pair; /* the callback outlives a body that ends early */
    pair.inner = start(asyncio_coro(stubborn, "a", 1, 5));
    ok(passes(1));
    pair.outer = start(asyncio_coro(waits_for_zero, pair.inner));
    ok(passes(2));
    soon(say_inner_cancel_outer, &pair);
    say("%s", ends(pair.outer));
    say("%s", ends(pair.inner));
    return 0;
}

CONFORMANCE("wait_for")
