/* SPDX-License-Identifier: MIT */
/* Cancellation, as scenarios_cancel.py: edge-triggered and counted. Each scenario is a rule that
 * is easily got wrong. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>

static int cancelling(void)
{
    return asyncio_task_cancelling(asyncio_current_task());
}

SCENARIO(a_task_cancelled_before_its_first_step_never_runs)
{
    turns(3);
    asyncio_task *task = start(asyncio_coro(steps, "a", 1, 0));
    int cancelled = asyncio_task_cancel(task);
    say("cancel %s, %s, cancelling %d", yes(cancelled), state(task), asyncio_task_cancelling(task));
    say("%s", ends(task));
    say("%s, cancelling %d", state(task), asyncio_task_cancelling(task));
    return 0;
}

static void cancel_what_it_points_to(asyncio_loop *loop, void *data)
{
    cancel_and_say(loop, *(asyncio_task **)data);
}

SCENARIO(cancelled_by_a_callback_just_before_its_first_step)
{
    static asyncio_task *task; /* the callback outlives a body that ends early */
    soon(cancel_what_it_points_to, &task);
    task = start(asyncio_coro(steps, "a", 1, 0));
    say("%s", ends(task));
    return 0;
}

SCENARIO(cancelled_and_uncancelled_before_its_first_step_it_runs)
{
    asyncio_task *task = start(asyncio_coro(steps, "a", 1, 4));
    asyncio_task_cancel(task);
    say("uncancel %d", asyncio_task_uncancel(task));
    say("%s", ends(task));
    return 0;
}

SCENARIO(cancelled_twice_uncancelled_once_before_its_first_step)
{
    asyncio_task *task = start(asyncio_coro(steps, "a", 1, 4));
    asyncio_task_cancel(task);
    asyncio_task_cancel(task);
    say("uncancel %d", asyncio_task_uncancel(task));
    say("%s", ends(task));
    say("cancelling %d", asyncio_task_cancelling(task));
    return 0;
}

SCENARIO(a_sleeping_task_is_woken_by_cancel)
{
    asyncio_task *task = start(asyncio_coro(sleeper, "a", TICKS(9), 0));
    ok(passes(1));
    turns(3);
    say("cancel %s", yes(asyncio_task_cancel(task)));
    say("%s", state(task));
    say("%s", ends(task));
    say("%s %s", state(task), at());
    return 0;
}

SCENARIO(cancel_at_a_bare_yield)
{
    asyncio_task *task = start(asyncio_coro(steps, "a", 3, 0));
    ok(passes(1));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    return 0;
}

static int waits_twice(asyncio_future *future)
{
    say("wait 1: %s", ends(future));
    say("wait 2: %s", name(asyncio_sleep(0)));
    return cancelling();
}

SCENARIO(two_cancels_in_one_turn_are_counted_but_come_once)
{
    asyncio_task *task = start(asyncio_coro(waits_twice, new_future()));
    ok(passes(1));
    int first = asyncio_task_cancel(task), second = asyncio_task_cancel(task);
    say("%s %s cancelling %d", yes(first), yes(second), asyncio_task_cancelling(task));
    say("%s", ends(task));
    return 0;
}

SCENARIO(two_cancels_in_two_turns_come_twice)
{
    asyncio_task *task = start(asyncio_coro(stubborn, "a", 2, 5));
    ok(passes(1));
    asyncio_task_cancel(task);
    ok(passes(1));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    say("%s, cancelling %d", state(task), asyncio_task_cancelling(task));
    return 0;
}

SCENARIO(cancelling_what_is_done)
{
    asyncio_task *task = start(asyncio_coro(quick, 5));
    ok(asyncio_await(task));
    int cancelled = asyncio_task_cancel(task);
    say("cancel %s, cancelling %d, %s", yes(cancelled), asyncio_task_cancelling(task), state(task));
    asyncio_task *gone = start(asyncio_coro(sleeper, "a", TICKS(1), 0));
    asyncio_task_cancel(gone);
    (void)ends(gone);
    cancelled = asyncio_task_cancel(gone);
    say("cancel %s, cancelling %d, %s", yes(cancelled), asyncio_task_cancelling(gone), state(gone));
    return 0;
}

SCENARIO(cancelling_what_failed_fetches_its_exception)
{
    asyncio_task *task = start(asyncio_coro(failing, "a", 0, EPIPE));
    ok(passes(2));
    say("cancel %s", yes(asyncio_task_cancel(task)));
    drop(task);
    say("dropped");
    return 0;
}

SCENARIO(a_cancel_that_is_swallowed)
{
    asyncio_task *task = start(asyncio_coro(stubborn, "a", 1, 5));
    ok(passes(1));
    say("cancel %s", yes(asyncio_task_cancel(task)));
    say("%s", ends(task));
    say("cancelled %s, cancelling %d", yes(asyncio_task_cancelled(task)),
        asyncio_task_cancelling(task));
    return 0;
}

SCENARIO(a_cancel_comes_once_then_cleanup_may_await)
{
    turns(6);
    asyncio_task *task = start(asyncio_coro(cleaning, "a", 2));
    ok(passes(1));
    asyncio_task_cancel(task);
    say("cancelled %s", yes(asyncio_task_cancelled(task)));
    ok(passes(1));
    say("cancelled %s", yes(asyncio_task_cancelled(task)));
    say("%s", ends(task));
    say("cancelled %s", yes(asyncio_task_cancelled(task)));
    return 0;
}

static int cleans_by_sleeping(void)
{
    if (wait_for_ever() == -ECANCELED) {
        say("cleans");
        say("cleanup: %s", name(asyncio_sleep(9 * T)));
    }
    return 7;
}

SCENARIO(a_second_cancel_hits_the_cleanup)
{
    asyncio_task *task = start(asyncio_coro(cleans_by_sleeping));
    ok(passes(1));
    asyncio_task_cancel(task);
    ok(passes(2));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    say("cancelling %d %s", asyncio_task_cancelling(task), at());
    return 0;
}

static int cancels_itself(void)
{
    int cancelled = asyncio_task_cancel(asyncio_current_task());
    say("cancel %s, cancelling %d", yes(cancelled), cancelling());
    say("goes on");
    say("%s", name(asyncio_sleep(0)));
    say("%s", name(asyncio_sleep(0)));
    return 3;
}

SCENARIO(a_task_cancels_itself)
{
    turns(4);
    say("%s", ends(start(asyncio_coro(cancels_itself))));
    return 0;
}

static int cancels_itself_and_returns(int result)
{
    asyncio_task_cancel(asyncio_current_task());
    return result;
}

SCENARIO(cancelled_while_it_returns_the_value_is_lost)
{
    asyncio_task *task = start(asyncio_coro(cancels_itself_and_returns, 3));
    say("%s", ends(task));
    say("%s", state(task));
    return 0;
}

SCENARIO(cancelled_while_it_fails_the_error_wins)
{
    asyncio_task *task = start(asyncio_coro(cancels_itself_and_returns, -EPIPE));
    say("%s", ends(task));
    say("%s, cancelling %d", state(task), asyncio_task_cancelling(task));
    return 0;
}

static int takes_its_cancel_back(void)
{
    asyncio_task *me = asyncio_current_task();
    asyncio_task_cancel(me);
    say("uncancel %d", asyncio_task_uncancel(me));
    say("%s", name(asyncio_sleep(0)));
    asyncio_task_cancel(me);
    asyncio_task_uncancel(me);
    return 3;
}

SCENARIO(uncancel_takes_a_cancel_of_itself_back)
{
    say("%s", ends(start(asyncio_coro(takes_its_cancel_back))));
    return 0;
}

static int takes_one_of_two_back(void)
{
    asyncio_task *me = asyncio_current_task();
    asyncio_task_cancel(me);
    asyncio_task_cancel(me);
    say("uncancel %d", asyncio_task_uncancel(me));
    say("%s", name(asyncio_sleep(0)));
    say("uncancel %d", asyncio_task_uncancel(me));
    return 3;
}

SCENARIO(uncancel_of_one_of_two_takes_nothing_back)
{
    say("%s", ends(start(asyncio_coro(takes_one_of_two_back))));
    return 0;
}

SCENARIO(uncancel_stops_at_zero)
{
    asyncio_task *me = asyncio_current_task();
    int before = cancelling(), once = asyncio_task_uncancel(me), twice = asyncio_task_uncancel(me);
    say("%d %d %d %d", before, once, twice, cancelling());
    asyncio_task_cancel(me);
    say("%s", name(asyncio_sleep(0)));
    before = cancelling();
    once = asyncio_task_uncancel(me);
    say("%d %d %d", before, once, cancelling());
    return 0;
}

SCENARIO(uncancel_does_not_stop_a_cancel_under_way)
{
    asyncio_task *task = start(asyncio_coro(waiter, "a", new_future()));
    ok(passes(1));
    asyncio_task_cancel(task);
    say("uncancel %d", asyncio_task_uncancel(task));
    say("%s", ends(task));
    return 0;
}

static int cancels_itself_and_awaits_what_is_done(asyncio_future *done)
{
    asyncio_task_cancel(asyncio_current_task());
    say("done future: %s", ends(done));
    say("coroutine: %s", ends(asyncio_coro(quick, 5)));
    say("bare yield: %s", name(asyncio_sleep(0)));
    return 3;
}

SCENARIO(a_cancel_waits_for_a_suspension)
{
    asyncio_future *done = new_future();
    ok(asyncio_future_set_result(done, 4));
    say("%s", ends(start(asyncio_coro(cancels_itself_and_awaits_what_is_done, done))));
    return 0;
}

static int cancels_itself_and_awaits(asyncio_future *future)
{
    asyncio_task_cancel(asyncio_current_task());
    say("awaited: %s", ends(future));
    return 3;
}

static void say_future(asyncio_loop *loop, void *future)
{
    (void)loop;
    say("future %s", state_of((asyncio_future *)future));
}

SCENARIO(a_pending_cancel_kills_the_next_future_at_once)
{
    asyncio_future *future = new_future();
    turns(4);
    asyncio_task *task = start(asyncio_coro(cancels_itself_and_awaits, future));
    soon(say_future, future);
    say("%s", ends(task));
    return 0;
}

SCENARIO(cancel_beats_a_result_that_is_already_there)
{
    asyncio_future *future = new_future();
    asyncio_task *task = start(asyncio_coro(waiter, "a", future));
    ok(passes(1));
    ok(asyncio_future_set_result(future, 5));
    say("cancel %s", yes(asyncio_task_cancel(task)));
    say("%s", ends(task));
    say("future %s %s", state(future), name(asyncio_future_result(future)));
    return 0;
}

SCENARIO(cancel_beats_an_exception_that_is_already_there)
{
    asyncio_future *future = new_future();
    asyncio_task *task = start(asyncio_coro(waiter, "a", future));
    ok(passes(1));
    ok(asyncio_future_set_exception(future, -EPIPE));
    say("cancel %s", yes(asyncio_task_cancel(task)));
    say("%s", ends(task));
    drop(future);
    say("dropped");
    return 0;
}

SCENARIO(a_result_comes_too_late_for_a_cancel)
{
    asyncio_future *future = new_future();
    asyncio_task *task = start(asyncio_coro(waiter, "a", future));
    ok(passes(1));
    say("cancel %s", yes(asyncio_task_cancel(task)));
    say("set_result %s", name(asyncio_future_set_result(future, 5)));
    say("%s", ends(task));
    return 0;
}

/* ---- a task that waits for a task ---- */

SCENARIO(cancelling_the_outer_cancels_the_inner_first)
{
    asyncio_task *inner = start(asyncio_coro(cleaning, "inner", 2));
    asyncio_task *outer = start(asyncio_coro(task_waiter, "outer", inner));
    ok(passes(2));
    turns(5);
    say("cancel %s", yes(asyncio_task_cancel(outer)));
    say("inner cancelling %d, outer cancelling %d", asyncio_task_cancelling(inner),
        asyncio_task_cancelling(outer));
    say("%s", ends(outer));
    say("inner %s, outer %s", state(inner), state(outer));
    return 0;
}

SCENARIO(the_inner_swallows_and_the_outer_goes_on)
{
    asyncio_task *inner = start(asyncio_coro(stubborn, "inner", 1, 8));
    asyncio_task *outer = start(asyncio_coro(task_waiter, "outer", inner));
    ok(passes(2));
    asyncio_task_cancel(outer);
    say("%s", ends(outer));
    say("outer %s, cancelling %d", state(outer), asyncio_task_cancelling(outer));
    return 0;
}

SCENARIO(a_second_cancel_hits_the_inner_again)
{
    asyncio_task *inner = start(asyncio_coro(stubborn, "inner", 2, 8));
    asyncio_task *outer = start(asyncio_coro(task_waiter, "outer", inner));
    ok(passes(2));
    asyncio_task_cancel(outer);
    ok(passes(1));
    say("outer %s", state(outer));
    asyncio_task_cancel(outer);
    say("%s", ends(outer));
    say("inner cancelling %d, outer cancelling %d", asyncio_task_cancelling(inner),
        asyncio_task_cancelling(outer));
    return 0;
}

SCENARIO(the_inner_fails_in_its_cleanup)
{
    asyncio_task *inner = start(asyncio_coro(breaking, "inner", 1, EPIPE));
    asyncio_task *outer = start(asyncio_coro(task_waiter, "outer", inner));
    ok(passes(2));
    asyncio_task_cancel(outer);
    say("%s", ends(outer));
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
    say("inner %s, cancel %s", state(pair->inner), yes(asyncio_task_cancel(pair->outer)));
}

SCENARIO(the_inner_ends_in_the_turn_of_the_cancel)
{
    static struct pair pair; /* the callback outlives a body that ends early */
    pair.inner = start(asyncio_coro(steps, "inner", 1, 5));
    pair.outer = start(asyncio_coro(task_waiter, "outer", pair.inner));
    ok(passes(1));
    soon(say_inner_cancel_outer, &pair);
    say("%s", ends(pair.outer));
    say("inner %s", name(asyncio_task_result(pair.inner)));
    return 0;
}

SCENARIO(the_inner_is_cancelled_by_someone_else)
{
    asyncio_task *inner = start(asyncio_coro(sleeper, "inner", TICKS(9), 0));
    asyncio_task *outer = start(asyncio_coro(task_waiter, "outer", inner));
    ok(passes(2));
    asyncio_task_cancel(inner);
    say("%s", ends(outer));
    say("outer %s, cancelling %d", state(outer), asyncio_task_cancelling(outer));
    return 0;
}

SCENARIO(a_chain_of_three_unwinds_from_the_inside)
{
    asyncio_task *a = start(asyncio_coro(cleaning, "a", 1));
    asyncio_task *b = start(asyncio_coro(task_waiter, "b", a));
    asyncio_task *c = start(asyncio_coro(task_waiter, "c", b));
    ok(passes(2));
    turns(6);
    asyncio_task_cancel(c);
    say("cancelling %d %d %d", asyncio_task_cancelling(a), asyncio_task_cancelling(b),
        asyncio_task_cancelling(c));
    say("%s", ends(c));
    return 0;
}

SCENARIO(two_wait_for_a_task_and_one_is_cancelled)
{
    asyncio_task *inner = start(asyncio_coro(sleeper, "inner", TICKS(9), 0));
    asyncio_task *b = start(asyncio_coro(task_waiter, "b", inner));
    asyncio_task *c = start(asyncio_coro(task_waiter, "c", inner));
    ok(passes(2));
    asyncio_task_cancel(b);
    const char *of_c = ends(c);
    say("%s %s", of_c, ends(b));
    say("cancelling %d %d", asyncio_task_cancelling(b), asyncio_task_cancelling(c));
    return 0;
}

static const char *message(int r)
{
    const asyncio_error *error = asyncio_last_error(r);
    return error ? error->text : "no record";
}

static int says_the_message(void)
{
    int r = wait_for_ever();
    say("task: %s", message(r));
    return r;
}

SCENARIO(the_message_reaches_the_task_and_who_awaits_it)
{
    asyncio_task *task = start(asyncio_coro(says_the_message));
    ok(passes(1));
    asyncio_task_cancel(task, .message = "enough");
    int r = asyncio_await(task);
    say("main: %s", message(r));
    return 0;
}

SCENARIO(the_message_travels_through_an_inner_task)
{
    asyncio_task *inner = start(asyncio_coro(sleeper, "inner", TICKS(9), 0));
    asyncio_task *outer = start(asyncio_coro(task_waiter, "outer", inner));
    ok(passes(2));
    asyncio_task_cancel(outer, .message = "enough");
    int r = asyncio_await(outer);
    say("main: %s", message(r));
    return 0;
}

SCENARIO(the_exception_of_a_cancelled_task)
{
    asyncio_task *task = start(asyncio_coro(sleeper, "a", TICKS(9), 0));
    asyncio_task_cancel(task);
    (void)ends(task);
    int code;
    const char *result = name(asyncio_task_result(task));
    say("result %s, exception %s", result, name(asyncio_task_exception(task, &code)));
    say("%s", ends(task));
    return 0;
}

SCENARIO(cancelled_tasks_are_dropped_in_silence)
{
    asyncio_task *task = start(asyncio_coro(sleeper, "a", TICKS(9), 0));
    ok(passes(1));
    asyncio_task_cancel(task);
    ok(passes(2));
    say("%s", state(task));
    drop(task);
    say("dropped");
    return 0;
}

SCENARIO(awaiting_a_cancelled_task_does_not_cancel_the_waiter)
{
    asyncio_task *gone = start(asyncio_coro(sleeper, "a", TICKS(9), 0));
    asyncio_task_cancel(gone);
    const char *how = ends(gone);
    say("%s, cancelling %d", how, cancelling());
    say("%s", name(asyncio_sleep(0)));
    return 0;
}

static void says_state(asyncio_task *task)
{
    say("callback: %s", state(task));
}

SCENARIO(done_callbacks_run_when_the_cleanup_is_over)
{
    turns(5);
    asyncio_task *task = start(asyncio_coro(cleaning, "a", 1));
    ok(asyncio_task_add_done_callback(task, says_state));
    ok(passes(1));
    asyncio_task_cancel(task);
    (void)ends(task);
    say("main");
    return 0;
}

SCENARIO(cancel_in_a_loop_until_it_gives_in)
{
    asyncio_task *task = start(asyncio_coro(stubborn, "a", 3, 5));
    ok(passes(1));
    int count = 0;
    while (!asyncio_task_done(task)) {
        asyncio_task_cancel(task);
        count++;
        ok(asyncio_sleep(0));
    }
    const char *how = ends(task);
    say("%d cancels, %s, cancelling %d", count, how, asyncio_task_cancelling(task));
    return 0;
}

SCENARIO(cancelling_main_reaches_what_main_awaits)
{
    asyncio_task *inner = start(asyncio_coro(sleeper, "inner", TICKS(9), 0));
    later(1, cancel_task, asyncio_current_task());
    const char *how = ends(inner);
    say("%s %s", how, at());
    say("inner %s, cancelling %d", state(inner), cancelling());
    ok(asyncio_sleep(1 * T));
    say("main goes on %s", at());
    return 0;
}

static int killer(asyncio_task **victim)
{
    say("killer cancels %s", yes(asyncio_task_cancel(*victim)));
    return 0;
}

SCENARIO(a_sibling_cancels_in_the_same_turn_before_the_step)
{
    asyncio_task *victim;
    asyncio_task *first = start(asyncio_coro(killer, &victim));
    victim = start(asyncio_coro(steps, "victim", 2, 0));
    say("%s", ends(victim));
    return asyncio_await(first);
}

SCENARIO(a_sibling_cancels_in_the_same_turn_after_the_step)
{
    asyncio_task *victim = start(asyncio_coro(steps, "victim", 2, 0));
    asyncio_task *second = start(asyncio_coro(killer, &victim));
    say("%s", ends(victim));
    return asyncio_await(second);
}

static int three_yields(void)
{
    for (int i = 1; i < 4; i++)
        say("step %d: %s", i, name(asyncio_sleep(0)));
    return cancelling();
}

SCENARIO(a_yielding_task_swallows_and_is_cancelled_again)
{
    asyncio_task *task = start(asyncio_coro(three_yields));
    ok(passes(1));
    asyncio_task_cancel(task);
    ok(passes(1));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    return 0;
}

static int sleeps_then_yields(void)
{
    say("sleep: %s", name(asyncio_sleep(9 * T)));
    say("yield: %s", name(asyncio_sleep(0)));
    return cancelling();
}

SCENARIO(two_cancels_of_a_sleep_in_one_turn)
{
    asyncio_task *task = start(asyncio_coro(sleeps_then_yields));
    ok(passes(1));
    int first = asyncio_task_cancel(task), second = asyncio_task_cancel(task);
    say("%s %s", yes(first), yes(second));
    say("%s", ends(task));
    return 0;
}

static int waits_then_yields(asyncio_task *inner)
{
    if (asyncio_wait(&inner, 1, NULL) == -ECANCELED)
        say("wait: CancelledError");
    say("yield: %s", name(asyncio_sleep(0)));
    return cancelling();
}

SCENARIO(two_cancels_of_a_wait_in_one_turn)
{
    asyncio_task *inner = start(asyncio_coro(sleeper, "inner", TICKS(1), 0));
    asyncio_task *task = start(asyncio_coro(waits_then_yields, inner));
    ok(passes(2));
    int first = asyncio_task_cancel(task), second = asyncio_task_cancel(task);
    say("%s %s", yes(first), yes(second));
    say("%s", ends(task));
    return asyncio_await(inner);
}

SCENARIO(uncancel_of_one_of_two_under_way)
{
    asyncio_task *task = start(asyncio_coro(stubborn, "a", 1, 5));
    ok(passes(1));
    asyncio_task_cancel(task);
    asyncio_task_cancel(task);
    int first = asyncio_task_uncancel(task), second = asyncio_task_uncancel(task);
    say("uncancel %d %d", first, second);
    say("%s", ends(task));
    say("%s, cancelling %d", state(task), asyncio_task_cancelling(task));
    return 0;
}

static int awaits_twice(asyncio_future *future)
{
    say("first: %s", ends(future));
    say("again: %s", ends(future));
    return 3;
}

SCENARIO(a_future_may_be_cancelled_twice_by_its_waiter)
{
    asyncio_task *task = start(asyncio_coro(awaits_twice, new_future()));
    ok(passes(1));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    return 0;
}

CONFORMANCE("cancel")
