/* SPDX-License-Identifier: MIT */
/* Futures, as scenarios_futures.py: states, who may set what, callbacks and their order,
 * exceptions that nobody fetched. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>
#include <string.h>

static void speak(asyncio_future *future, void *who)
{
    say("%s %s", (const char *)who, state(future));
}

#define add_speaker(future, who)                                                                   \
    ok(asyncio_future_add_done_callback(future, speak, .data = WORDS(who)))

static int set_result(asyncio_future *future, int result)
{
    return asyncio_future_set_result(future, result);
}

SCENARIO(callbacks_go_through_the_loop_in_order)
{
    asyncio_future *future = new_future();
    add_speaker(future, "first");
    add_speaker(future, "second");
    add_speaker(future, "third");
    ok(set_result(future, 1));
    say("set");
    say_soon("queued behind");
    int r = asyncio_sleep(0);
    say("main");
    return r;
}

SCENARIO(a_callback_on_a_done_future_waits_a_turn)
{
    asyncio_future *future = new_future();
    ok(set_result(future, 1));
    add_speaker(future, "late");
    say("added");
    int r = asyncio_sleep(0);
    say("main");
    return r;
}

static void adds_another(asyncio_future *future)
{
    say("first");
    add_speaker(future, "added by first");
}

SCENARIO(a_callback_added_by_a_callback)
{
    asyncio_future *future = new_future();
    turns(3);
    ok(asyncio_future_add_done_callback(future, adds_another));
    add_speaker(future, "second");
    ok(set_result(future, 1));
    return passes(3);
}

static void removes_second(asyncio_future *future, void *second)
{
    say("first removes %d", asyncio_future_remove_done_callback(future, speak, second));
}

SCENARIO(a_callback_removed_by_a_callback_runs_all_the_same)
{
    static char second[] = "second";
    asyncio_future *future = new_future();
    ok(asyncio_future_add_done_callback(future, removes_second, .data = second));
    ok(asyncio_future_add_done_callback(future, speak, .data = second));
    ok(set_result(future, 1));
    return passes(2);
}

SCENARIO(removing_a_callback_removes_all_its_equals)
{
    static char twice[] = "twice", once[] = "once";
    asyncio_future *future = new_future();
    ok(asyncio_future_add_done_callback(future, speak, .data = twice));
    ok(asyncio_future_add_done_callback(future, speak, .data = once));
    ok(asyncio_future_add_done_callback(future, speak, .data = twice));
    say("removed %d", asyncio_future_remove_done_callback(future, speak, twice));
    say("removed %d", asyncio_future_remove_done_callback(future, speak, twice));
    ok(set_result(future, 1));
    int r = passes(1);
    say("removed %d", asyncio_future_remove_done_callback(future, speak, once));
    return r;
}

SCENARIO(the_same_callback_twice_runs_twice)
{
    static char same[] = "same";
    asyncio_future *future = new_future();
    ok(asyncio_future_add_done_callback(future, speak, .data = same));
    add_speaker(future, "other");
    ok(asyncio_future_add_done_callback(future, speak, .data = same));
    ok(set_result(future, 1));
    return passes(1);
}

static void say_result(asyncio_future *future)
{
    const char *result = name(asyncio_future_result(future));
    say("%s %s", result, state(future));
}

SCENARIO(a_callback_reads_the_result)
{
    for (int how = 0; how < 3; how++) {
        asyncio_future *future = new_future();
        ok(asyncio_future_add_done_callback(future, say_result));
        if (how == 0)
            ok(set_result(future, 5));
        else if (how == 1)
            ok(asyncio_future_set_exception(future, -EPIPE));
        else
            ok(asyncio_future_cancel(future));
        ok(passes(1));
    }
    return 0;
}

static void sets_the_second(asyncio_future *future, void *second)
{
    say("first done");
    ok(asyncio_future_set_result((asyncio_future *)second, asyncio_future_result(future) + 1));
}

static void second_says(asyncio_future *future)
{
    say("second %d", asyncio_future_result(future));
}

SCENARIO(a_callback_sets_another_future)
{
    asyncio_future *first = new_future(), *second = new_future();
    ok(asyncio_future_add_done_callback(first, sets_the_second, .data = second));
    ok(asyncio_future_add_done_callback(second, second_says));
    turns(4);
    ok(set_result(first, 1));
    say("%s", ends(second));
    return passes(1);
}

SCENARIO(what_is_done_cannot_be_set)
{
    asyncio_future *futures[3] = { new_future(), new_future(), new_future() };
    ok(set_result(futures[0], 1));
    ok(asyncio_future_set_exception(futures[1], -EPIPE));
    say("cancel %s", yes(asyncio_future_cancel(futures[2])));
    for (int i = 0; i < 3; i++) {
        asyncio_future *future = futures[i];
        const char *again = name(set_result(future, 2));
        const char *error = name(asyncio_future_set_exception(future, -EIO));
        say("%s: set_result %s, set_exception %s, cancel %s", state(future), again, error,
            yes(asyncio_future_cancel(future)));
        say("%s", name(asyncio_future_result(future)));
    }
    return 0;
}

/* Python's f.exception(): None is 0. */
static const char *exception_of(asyncio_future *future)
{
    int code = 0;
    int r = asyncio_future_exception(future, &code);
    return name(r < 0 ? r : code);
}

SCENARIO(a_pending_future_has_no_result)
{
    asyncio_future *future = new_future();
    say("%s: result %s, exception %s", state(future), name(asyncio_future_result(future)),
        exception_of(future));
    ok(set_result(future, 3));
    say("%s: result %s, exception %s", state(future), name(asyncio_future_result(future)),
        exception_of(future));
    return 0;
}

SCENARIO(a_cancelled_future_raises_from_both)
{
    asyncio_future *future = new_future();
    ok(asyncio_future_cancel(future));
    say("done %s, cancelled %s", yes(asyncio_future_done(future)),
        yes(asyncio_future_cancelled(future)));
    say("result %s, exception %s", name(asyncio_future_result(future)), exception_of(future));
    return 0;
}

SCENARIO(a_failed_future_is_not_cancelled)
{
    asyncio_future *future = new_future();
    ok(asyncio_future_set_exception(future, -EPIPE));
    say("done %s, cancelled %s", yes(asyncio_future_done(future)),
        yes(asyncio_future_cancelled(future)));
    say("result %s, exception %s", name(asyncio_future_result(future)), exception_of(future));
    say("again %s", name(asyncio_future_result(future)));
    return 0;
}

SCENARIO(awaiting_a_done_future_does_not_suspend)
{
    asyncio_future *future = new_future();
    ok(set_result(future, 4));
    turns(1);
    say("%s", ends(future));
    say("%s", ends(future));
    say("still the first turn");
    return passes(1);
}

SCENARIO(awaiting_a_failed_future_does_not_suspend)
{
    asyncio_future *failed = new_future(), *cancelled = new_future();
    ok(asyncio_future_set_exception(failed, -EPIPE));
    ok(asyncio_future_cancel(cancelled));
    turns(1);
    say("%s", ends(failed));
    say("%s", ends(failed));
    say("%s", ends(cancelled));
    say("still the first turn");
    return passes(1);
}

static void set_result_6(asyncio_loop *loop, void *future)
{
    (void)loop;
    ok(asyncio_future_set_result((asyncio_future *)future, 6));
}

SCENARIO(waking_costs_one_turn)
{
    asyncio_future *future = new_future();
    turns(4);
    soon(set_result_6, future);
    say("%s", ends(future));
    int r = passes(1);
    say("main");
    return r;
}

SCENARIO(waiters_wake_in_the_order_they_came)
{
    asyncio_future *future = new_future();
    asyncio_task *a = start(asyncio_coro(waiter, "a", future));
    asyncio_task *b = start(asyncio_coro(waiter, "b", future));
    asyncio_task *c = start(asyncio_coro(waiter, "c", future));
    ok(passes(1));
    ok(set_result(future, 1));
    say("set");
    ok(asyncio_await(c));
    ok(asyncio_await(b));
    ok(asyncio_await(a));
    return 0;
}

SCENARIO(callbacks_and_waiters_share_one_list)
{
    asyncio_future *future = new_future();
    add_speaker(future, "callback 1");
    asyncio_task *task = start(asyncio_coro(waiter, "a", future));
    ok(passes(1));
    add_speaker(future, "callback 2");
    ok(set_result(future, 1));
    ok(asyncio_await(task));
    return 0;
}

SCENARIO(two_futures_wake_in_the_order_they_were_set)
{
    asyncio_future *first = new_future(), *second = new_future();
    asyncio_task *a = start(asyncio_coro(waiter, "a", first));
    asyncio_task *b = start(asyncio_coro(waiter, "b", second));
    ok(passes(1));
    ok(set_result(second, 2));
    ok(set_result(first, 1));
    ok(asyncio_await(a));
    ok(asyncio_await(b));
    return 0;
}

SCENARIO(an_exception_reaches_all_who_wait)
{
    asyncio_future *future = new_future();
    asyncio_task *a = start(asyncio_coro(waiter, "a", future));
    asyncio_task *b = start(asyncio_coro(waiter, "b", future));
    ok(passes(1));
    ok(asyncio_future_set_exception(future, -EPIPE));
    say("%s", ends(a));
    say("%s", ends(b));
    return 0;
}

SCENARIO(cancelling_a_future_cancels_all_who_wait)
{
    asyncio_future *future = new_future();
    asyncio_task *tasks[2] = { start(asyncio_coro(waiter, "a", future)),
                               start(asyncio_coro(waiter, "b", future)) };
    ok(passes(1));
    say("cancel %s", yes(asyncio_future_cancel(future)));
    ok(passes(1));
    for (int i = 0; i < 2; i++) {
        say("%s, cancelling %d", state(tasks[i]), asyncio_task_cancelling(tasks[i]));
        say("%s", ends(tasks[i]));
    }
    return 0;
}

static int swallows_then_goes_on(asyncio_future *future)
{
    say("%s", ends(future));
    int r = asyncio_sleep(0);
    say("goes on");
    return r < 0 ? r : 1;
}

SCENARIO(a_waiter_may_swallow_the_cancellation_of_its_future)
{
    asyncio_future *future = new_future();
    asyncio_task *task = start(asyncio_coro(swallows_then_goes_on, future));
    ok(passes(1));
    ok(asyncio_future_cancel(future));
    say("%s", ends(task));
    return 0;
}

SCENARIO(cancelling_one_waiter_cancels_the_future_of_both)
{
    asyncio_future *future = new_future();
    asyncio_task *a = start(asyncio_coro(waiter, "a", future));
    asyncio_task *b = start(asyncio_coro(waiter, "b", future));
    ok(passes(1));
    asyncio_task_cancel(a);
    say("future %s", state(future));
    say("set_result %s", name(set_result(future, 1)));
    say("%s", ends(b));
    say("b: cancelling %d", asyncio_task_cancelling(b));
    return 0;
}

/* ---- never retrieved ---- */

static asyncio_future *failed_future(void)
{
    asyncio_future *future = new_future();
    ok(asyncio_future_set_exception(future, -EPIPE));
    return future;
}

SCENARIO(an_exception_that_nobody_fetched)
{
    asyncio_future *future = failed_future();
    say("dropping");
    drop(future);
    say("dropped");
    return 0;
}

SCENARIO(result_fetches_the_exception)
{
    asyncio_future *future = failed_future();
    say("%s", name(asyncio_future_result(future)));
    drop(future);
    say("dropped");
    return 0;
}

SCENARIO(exception_fetches_the_exception)
{
    asyncio_future *future = failed_future();
    say("%s", exception_of(future));
    drop(future);
    say("dropped");
    return 0;
}

SCENARIO(awaiting_fetches_the_exception)
{
    asyncio_future *future = failed_future();
    say("%s", ends(future));
    drop(future);
    say("dropped");
    return 0;
}

SCENARIO(even_a_late_cancel_counts_as_fetching)
{
    asyncio_future *future = failed_future();
    say("cancel %s", yes(asyncio_future_cancel(future)));
    drop(future);
    say("dropped");
    return 0;
}

SCENARIO(asking_whether_it_is_done_does_not_fetch)
{
    asyncio_future *future = failed_future();
    say("%s %s", yes(asyncio_future_done(future)), yes(asyncio_future_cancelled(future)));
    drop(future);
    say("dropped");
    return 0;
}

static void says_called(asyncio_future *future)
{
    (void)future;
    say("called");
}

SCENARIO(a_callback_that_does_not_look_does_not_fetch)
{
    asyncio_future *future = new_future();
    ok(asyncio_future_add_done_callback(future, says_called));
    ok(asyncio_future_set_exception(future, -EPIPE));
    ok(passes(1));
    say("dropping");
    drop(future);
    say("dropped");
    return 0;
}

SCENARIO(a_pending_or_cancelled_future_is_dropped_in_silence)
{
    asyncio_future *waits = new_future(), *cancelled = new_future();
    ok(asyncio_future_cancel(cancelled));
    drop(waits);
    drop(cancelled);
    say("dropped");
    return 0;
}

SCENARIO(the_message_of_a_cancel)
{
    asyncio_future *future = new_future();
    ok(asyncio_future_cancel(future, .message = "because"));
    int r = asyncio_await(future);
    const asyncio_error *error = asyncio_last_error(r);
    say("%s: %s", name(r), error ? error->text : "no record");
    return 0;
}

SCENARIO(ensure_future_takes_what_it_gets)
{
    asyncio_future *future = new_future(), *same_future, *same_task, *made;
    asyncio_task *task = start(asyncio_coro(quick, 1));
    ok(asyncio_ensure_future(future, &same_future));
    ok(asyncio_ensure_future(task, &same_task));
    say("future: itself %s", yes(own(same_future) == future));
    say("task: itself %s", yes(own(same_task) == ASYNCIO__FUTURE(task)));
    ok(asyncio_ensure_future(asyncio_coro(quick, 2), &made));
    say("coroutine: %s", state(own(made)));
    const char *of_made = ends(made);
    say("%s %s", of_made, ends(task));
    return 0;
}

SCENARIO(a_future_knows_its_loop)
{
    asyncio_future *future = new_future();
    asyncio_task *task = start(asyncio_coro(quick, 1));
    say("%s", yes(asyncio_future_get_loop(future) == running()));
    say("%s", yes(asyncio_future_get_loop(task) == running()));
    ok(asyncio_await(task));
    return 0;
}

SCENARIO(set_and_cancel_in_the_same_turn_the_first_wins)
{
    asyncio_future *first = new_future(), *second = new_future();
    asyncio_task *a = start(asyncio_coro(waiter, "a", first));
    asyncio_task *b = start(asyncio_coro(waiter, "b", second));
    ok(passes(1));
    ok(set_result(first, 1));
    say("cancel after set %s", yes(asyncio_future_cancel(first)));
    ok(asyncio_future_cancel(second));
    say("set after cancel %s", name(set_result(second, 2)));
    const char *of_a = ends(a);
    say("%s %s", of_a, ends(b));
    return 0;
}

CONFORMANCE("futures")
