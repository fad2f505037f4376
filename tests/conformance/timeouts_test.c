/* SPDX-License-Identifier: MIT */
/* timeout and timeout_at, as scenarios_timeouts.py: whose cancel it was decides what comes out. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>
#include <math.h>

static int cancelling(void)
{
    return asyncio_task_cancelling(asyncio_current_task());
}

static asyncio_timeout limit, limits[2];

static int in_time_body(void)
{
    asyncio_timeout_enter(&limit, 2 * T);
    int r = asyncio_timeout_exit(&limit, sleeper("a", TICKS(1), 0));
    say("expired %s", yes(asyncio_timeout_expired(&limit)));
    return r < 0 ? r : 5;
}

SCENARIO(in_time)
{
    const char *how = name(in_time_body());
    say("%s %s", how, at());
    ok(asyncio_sleep(2 * T));
    say("cancelling %d", cancelling());
    return 0;
}

static int too_late_body(void)
{
    asyncio_timeout_enter(&limit, 1 * T);
    int r = sleeper("a", TICKS(3), 0);
    if (r >= 0)
        say("never here");
    return asyncio_timeout_exit(&limit, r);
}

SCENARIO(too_late)
{
    const char *how = name(too_late_body());
    say("%s %s", how, at());
    say("expired %s, cancelling %d", yes(asyncio_timeout_expired(&limit)), cancelling());
    ok(asyncio_sleep(1 * T));
    say("%s", at());
    return 0;
}

SCENARIO(without_a_limit)
{
    asyncio_timeout_enter(&limit, ASYNCIO_NONE);
    int r = asyncio_sleep(3 * T);
    say("%s", yes(asyncio_timeout_when(&limit) == ASYNCIO_NONE));
    r = asyncio_timeout_exit(&limit, r);
    say("expired %s %s", yes(asyncio_timeout_expired(&limit)), at());
    return r;
}

static int does_not_suspend(void)
{
    asyncio_timeout_enter(&limit, 0);
    say("%d", quick(3));
    int r = asyncio_timeout_exit(&limit, 0);
    say("expired %s", yes(asyncio_timeout_expired(&limit)));
    return r < 0 ? r : 5;
}

SCENARIO(zero_does_not_stop_who_does_not_suspend)
{
    say("%s", name(does_not_suspend()));
    say("%s", name(asyncio_sleep(0)));
    say("cancelling %d", cancelling());
    return 0;
}

static int struck_at_the_first_turn(void)
{
    asyncio_timeout_enter(&limit, 0);
    say("inside: %s", name(asyncio_sleep(0)));
    say("again: %s", name(asyncio_sleep(0)));
    return asyncio_timeout_exit(&limit, -ECANCELED);
}

SCENARIO(zero_strikes_at_the_first_turn)
{
    turns(4);
    say("%s", name(struck_at_the_first_turn()));
    say("cancelling %d", cancelling());
    return passes(1);
}

static int yields_within(double delay)
{
    asyncio_timeout_enter(&limit, delay);
    int r = asyncio_sleep(0);
    return asyncio_timeout_exit(&limit, r);
}

SCENARIO(a_negative_limit_is_like_zero)
{
    say("%s", name(yields_within(-1 * T)));
    say("%s", name(yields_within(-INFINITY)));
    return 0;
}

SCENARIO(an_infinite_limit)
{
    asyncio_timeout_enter(&limit, INFINITY);
    int r = asyncio_sleep(2 * T);
    r = asyncio_timeout_exit(&limit, r);
    say("expired %s %s", yes(asyncio_timeout_expired(&limit)), at());
    return r;
}

SCENARIO(zero_and_a_done_future)
{
    asyncio_future *future = new_future();
    ok(asyncio_future_set_result(future, 3));
    asyncio_timeout_enter(&limit, 0);
    say("%s", ends(future));
    int r = asyncio_timeout_exit(&limit, 0);
    say("expired %s", yes(asyncio_timeout_expired(&limit)));
    return r;
}

static int sleeps_until(double begin, int ticks)
{
    asyncio_timeout_at_enter(&limit, begin + ticks * T);
    say("when %.0f", (asyncio_timeout_when(&limit) - begin) / T);
    int r = asyncio_sleep(2 * T);
    r = asyncio_timeout_exit(&limit, r);
    return r < 0 ? r : 5;
}

SCENARIO(timeout_at_a_moment)
{
    static const int moments[] = { 1, 0, 9 };
    double begin = asyncio_loop_time(running());
    for (int i = 0; i < 3; i++) {
        const char *how = name(sleeps_until(begin, moments[i]));
        say("%s %s", how, at());
    }
    return 0;
}

SCENARIO(timeout_knows_its_moment)
{
    double begin = asyncio_loop_time(running());
    asyncio_timeout_enter(&limit, 2 * T);
    say("%.0f", (asyncio_timeout_when(&limit) - begin) / T);
    int r = asyncio_sleep(1 * T);
    say("%.0f", (asyncio_timeout_when(&limit) - begin) / T);
    return asyncio_timeout_exit(&limit, r);
}

/* ---- reschedule ---- */

static int rescheduled(double first, double ticks, int sleeps)
{
    asyncio_timeout_enter(&limit, first * T);
    ok(asyncio_timeout_reschedule(
        &limit, ticks == ASYNCIO_NONE ? ASYNCIO_NONE : asyncio_loop_time(running()) + ticks * T));
    return asyncio_sleep(sleeps * T);
}

static int rescheduled_to_later_body(void)
{
    int r = rescheduled(1, 3, 2);
    if (r >= 0) {
        say("still here %s", at());
        r = asyncio_sleep(2 * T);
    }
    return asyncio_timeout_exit(&limit, r);
}

SCENARIO(rescheduled_to_later)
{
    const char *how = name(rescheduled_to_later_body());
    say("%s %s", how, at());
    return 0;
}

static int rescheduled_body(double first, double ticks, int sleeps)
{
    int r = asyncio_timeout_exit(&limit, rescheduled(first, ticks, sleeps));
    return r < 0 ? r : 5;
}

SCENARIO(rescheduled_to_sooner)
{
    const char *how = name(rescheduled_body(5, 1, 9));
    say("%s %s", how, at());
    return 0;
}

SCENARIO(rescheduled_to_never)
{
    const char *how = name(rescheduled_body(1, ASYNCIO_NONE, 3));
    say("%s %s", how, at());
    return 0;
}

static int rescheduled_to_the_past(void)
{
    asyncio_timeout_enter(&limit, 5 * T);
    ok(asyncio_timeout_reschedule(&limit, asyncio_loop_time(running()) - 1 * T));
    say("not at once");
    int r = asyncio_sleep(0);
    if (r >= 0)
        say("never here");
    return asyncio_timeout_exit(&limit, r);
}

SCENARIO(rescheduled_to_the_past_strikes_at_the_next_turn)
{
    const char *how = name(rescheduled_to_the_past());
    say("%s %s", how, at());
    return 0;
}

static void reschedule_two_ticks(asyncio_loop *loop)
{
    ok(asyncio_timeout_reschedule(&limit, asyncio_loop_time(loop) + 2 * T));
}

static int sleeps_long_within(double ticks)
{
    asyncio_timeout_enter(&limit, ticks * T);
    int r = asyncio_sleep(9 * T);
    return asyncio_timeout_exit(&limit, r);
}

SCENARIO(rescheduled_by_someone_else)
{
    ok(asyncio_loop_call_later(running(), 0.5 * T, reschedule_two_ticks, NULL));
    const char *how = name(sleeps_long_within(1));
    say("%s %s", how, at());
    return 0;
}

static const char *reschedule(asyncio_timeout *timeout)
{
    return runtime_error(asyncio_timeout_reschedule(timeout, 5));
}

static int reschedules_while_expiring(asyncio_timeout *late)
{
    asyncio_timeout_enter(late, 0);
    int r = asyncio_sleep(0);
    const char *how = reschedule(late);
    say("expiring: %s, expired %s", how, yes(asyncio_timeout_expired(late)));
    return asyncio_timeout_exit(late, r);
}

SCENARIO(reschedule_only_while_active)
{
    asyncio_timeout once = { 0 }, late = { 0 };
    const char *how = reschedule(&once);
    say("before: %s, expired %s", how, yes(asyncio_timeout_expired(&once)));
    asyncio_timeout_enter(&once, 1 * T);
    ok(passes(1));
    ok(asyncio_timeout_exit(&once, 0));
    how = reschedule(&once);
    say("after: %s, expired %s", how, yes(asyncio_timeout_expired(&once)));
    say("%s", name(reschedules_while_expiring(&late)));
    how = reschedule(&late);
    say("expired: %s, expired %s", how, yes(asyncio_timeout_expired(&late)));
    return 0;
}

LEFT_OUT(entered_twice, "asyncio_timeout_enter is the constructor too: a struct may be used again")

/* ---- nested ---- */

static int outer_around_inner(void)
{
    asyncio_timeout outer;
    asyncio_timeout_enter(&outer, 3 * T);
    const char *how = name(sleeps_long_within(1));
    say("inner: %s %s", how, at());
    int r = asyncio_sleep(1 * T);
    r = asyncio_timeout_exit(&outer, r);
    say("outer expired %s", yes(asyncio_timeout_expired(&outer)));
    return r < 0 ? r : 5;
}

SCENARIO(nested_the_inner_strikes_first)
{
    const char *how = name(outer_around_inner());
    say("outer: %s %s", how, at());
    say("cancelling %d", cancelling());
    return 0;
}

static int sleeper_within(asyncio_timeout *inner, double ticks)
{
    asyncio_timeout_enter(inner, ticks * T);
    return asyncio_timeout_exit(inner, sleeper("a", TICKS(9), 0));
}

static int struck_through_the_inner(asyncio_timeout *inner)
{
    asyncio_timeout outer;
    asyncio_timeout_enter(&outer, 1 * T);
    int r = sleeper_within(inner, 3);
    if (r == -ECANCELED)
        say("through the inner: CancelledError %s", at());
    return asyncio_timeout_exit(&outer, r);
}

SCENARIO(nested_the_outer_strikes_first)
{
    asyncio_timeout inner;
    const char *how = name(struck_through_the_inner(&inner));
    say("outer: %s %s", how, at());
    say("inner expired %s, cancelling %d", yes(asyncio_timeout_expired(&inner)), cancelling());
    return 0;
}

static int inner_at(double when)
{
    asyncio_timeout_at_enter(&limits[1], when);
    int r = asyncio_sleep(9 * T);
    say("struck, cancelling %d", cancelling());
    return asyncio_timeout_exit(&limits[1], r);
}

static int outer_at(double when)
{
    asyncio_timeout_at_enter(&limits[0], when);
    int r = inner_at(when);
    say("inner: %s, cancelling %d", name(r), cancelling());
    return asyncio_timeout_exit(&limits[0], r);
}

SCENARIO(nested_with_equal_deadlines)
{
    const char *how = name(outer_at(asyncio_loop_time(running()) + 1 * T));
    say("outer: %s %s", how, at());
    say("expired %s %s, cancelling %d", yes(asyncio_timeout_expired(&limits[0])),
        yes(asyncio_timeout_expired(&limits[1])), cancelling());
    return 0;
}

SCENARIO(nested_zero_in_zero)
{
    asyncio_timeout_enter(&limits[0], 0);
    asyncio_timeout_enter(&limits[1], 0);
    int r = asyncio_sleep(0);
    r = asyncio_timeout_exit(&limits[1], r);
    r = asyncio_timeout_exit(&limits[0], r);
    say("%s", name(r));
    say("expired %s %s, cancelling %d", yes(asyncio_timeout_expired(&limits[0])),
        yes(asyncio_timeout_expired(&limits[1])), cancelling());
    return 0;
}

/* ---- a foreign cancel ---- */

static int sleeper_in_limit(void)
{
    return sleeper_within(&limit, 5);
}

SCENARIO(a_foreign_cancel_is_not_converted)
{
    asyncio_task *task = start(asyncio_coro(sleeper_in_limit));
    ok(asyncio_sleep(1 * T));
    asyncio_task_cancel(task);
    const char *how = ends(task);
    say("%s %s", how, at());
    say("expired %s, cancelling %d", yes(asyncio_timeout_expired(&limit)),
        asyncio_task_cancelling(task));
    return 0;
}

static int waits_in_zero(void)
{
    asyncio_timeout_enter(&limit, 0);
    return asyncio_timeout_exit(&limit, wait_for_ever());
}

SCENARIO(a_foreign_cancel_beside_the_deadline)
{
    asyncio_task *task = start(asyncio_coro(waits_in_zero));
    ok(passes(1));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    say("expired %s, cancelling %d", yes(asyncio_timeout_expired(&limit)),
        asyncio_task_cancelling(task));
    return 0;
}

static int cleans_slowly_in_limit(void)
{
    asyncio_timeout_enter(&limit, 1 * T);
    int r = wait_for_ever();
    say("cleans %s", at());
    int again = asyncio_sleep(1 * T);
    return asyncio_timeout_exit(&limit, again < 0 ? again : r);
}

SCENARIO(a_foreign_cancel_in_the_cleanup_after_the_deadline)
{
    asyncio_task *other = start(asyncio_coro(cleans_slowly_in_limit));
    ok(asyncio_sleep(1.5 * T));
    asyncio_task_cancel(other);
    const char *how = ends(other);
    say("%s %s", how, at());
    say("cancelling %d", asyncio_task_cancelling(other));
    return 0;
}

static int swallows_then_limited(void)
{
    say("%s", name(wait_for_ever()));
    say("%s", name(sleeps_long_within(1)));
    return cancelling();
}

SCENARIO(an_earlier_cancel_that_was_swallowed_is_not_counted)
{
    asyncio_task *task = start(asyncio_coro(swallows_then_limited));
    ok(passes(1));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    return 0;
}

static int cancels_itself_before_zero(void)
{
    asyncio_task_cancel(asyncio_current_task());
    say("%s", name(yields_within(0)));
    return cancelling();
}

/* A known wart of CPython (gh-134471): the older cancel is eaten. */
SCENARIO(a_pending_cancel_is_converted_by_zero)
{
    say("%s", ends(start(asyncio_coro(cancels_itself_before_zero))));
    return 0;
}

/* ---- what the body makes of it ---- */

static int swallows_the_deadline(void)
{
    asyncio_timeout_enter(&limit, 1 * T);
    const char *how = name(asyncio_sleep(9 * T));
    say("%s %s", how, at());
    say("expired %s, cancelling %d", yes(asyncio_timeout_expired(&limit)), cancelling());
    int r = asyncio_sleep(1 * T);
    r = asyncio_timeout_exit(&limit, r);
    say("left %s, cancelling %d", at(), cancelling());
    return r < 0 ? r : 5;
}

SCENARIO(the_body_swallows_the_deadline)
{
    say("%s", name(swallows_the_deadline()));
    return 0;
}

SCENARIO(the_body_fails_after_the_deadline)
{
    asyncio_timeout_enter(&limit, 1 * T);
    const char *how = name(asyncio_timeout_exit(&limit, breaking("a", 1, EPIPE)));
    say("%s %s", how, at());
    say("cancelling %d", cancelling());
    return 0;
}

SCENARIO(the_body_fails_in_time)
{
    asyncio_timeout_enter(&limit, 1 * T);
    const char *how = name(asyncio_timeout_exit(&limit, -EPIPE));
    say("%s, cancelling %d", how, cancelling());
    ok(asyncio_sleep(2 * T));
    say("%s", at());
    return 0;
}

SCENARIO(the_body_ends_cancelled_in_time)
{
    asyncio_timeout_enter(&limit, 1 * T);
    const char *how = name(asyncio_timeout_exit(&limit, -ECANCELED));
    say("%s, cancelling %d", how, cancelling());
    return 0;
}

static int cleans_longer(void)
{
    asyncio_timeout_enter(&limit, 1 * T);
    int r = asyncio_sleep(9 * T);
    say("cleans %s", at());
    ok(asyncio_sleep(2 * T));
    return asyncio_timeout_exit(&limit, r);
}

SCENARIO(the_cleanup_takes_longer)
{
    const char *how = name(cleans_longer());
    say("%s %s", how, at());
    return 0;
}

static int limited_cleanup(void)
{
    int r = wait_for_ever();
    const char *how = name(sleeps_long_within(1));
    say("last words: %s %s", how, at());
    say("cancelling %d", cancelling());
    return r;
}

SCENARIO(a_limit_inside_the_cleanup)
{
    asyncio_task *task = start(asyncio_coro(limited_cleanup));
    ok(passes(1));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    return 0;
}

static void set_result_5(asyncio_loop *loop, void *future)
{
    (void)loop;
    ok(asyncio_future_set_result((asyncio_future *)future, 5));
}

SCENARIO(the_deadline_beats_a_result_that_is_already_there)
{
    asyncio_future *future = new_future();
    soon(set_result_5, future);
    asyncio_timeout_enter(&limit, 0);
    int r = asyncio_await(future);
    say("%s", name(asyncio_timeout_exit(&limit, r)));
    say("future %s, cancelling %d", name(asyncio_future_result(future)), cancelling());
    return 0;
}

SCENARIO(a_limit_around_gather)
{
    asyncio_timeout_enter(&limit, 1 * T);
    int r = asyncio_gather(asyncio_coro(sleeper, "a", TICKS(9), 0),
                           asyncio_coro(sleeper, "b", TICKS(9), 0));
    const char *how = name(asyncio_timeout_exit(&limit, r));
    say("%s %s", how, at());
    return 0;
}

SCENARIO(a_limit_around_a_task)
{
    asyncio_task *task = start(asyncio_coro(cleaning, "a", 2));
    asyncio_timeout_enter(&limit, 1 * T);
    int r = asyncio_await(task);
    const char *how = name(asyncio_timeout_exit(&limit, r));
    say("%s %s", how, at());
    say("%s", state(task));
    return 0;
}

static void enters_outside_a_task(void)
{
    asyncio_timeout_enter(&limit, 1 * T);
    say("%s", name(asyncio_timeout_exit(&limit, 0)));
}

SCENARIO(a_limit_outside_a_task)
{
    ok(asyncio_loop_call_soon(running(), enters_outside_a_task, NULL));
    return passes(1);
}

static int limited_sleeper(const char *who, int ticks)
{
    asyncio_timeout_enter(&limit, 1.5 * T);
    return asyncio_timeout_exit(&limit, sleeper(who, TICKS(ticks), ticks));
}

SCENARIO(two_limits_one_after_the_other)
{
    static const int ticks[] = { 1, 2, 1 };
    for (int i = 0; i < 3; i++) {
        const char *how = name(limited_sleeper(text("a%d", ticks[i]), ticks[i]));
        say("%s %s", how, at());
    }
    say("cancelling %d", cancelling());
    return 0;
}

static int limited_task(const char *who, int ticks)
{
    asyncio_timeout own_limit;
    asyncio_timeout_enter(&own_limit, ticks * T);
    return asyncio_timeout_exit(&own_limit, sleeper(who, TICKS(2), 0));
}

SCENARIO(a_limit_hits_only_its_own_task)
{
    asyncio_task *a = start(asyncio_coro(limited_task, "a", 1));
    asyncio_task *b = start(asyncio_coro(limited_task, "b", 3));
    const char *of_a = ends(a), *of_b = ends(b);
    say("%s %s %s", of_a, of_b, at());
    return 0;
}

CONFORMANCE("timeouts")
