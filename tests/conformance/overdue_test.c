/* SPDX-License-Identifier: MIT */
/* Work that blocked the loop, as scenarios_overdue.py: several things are due in one turn, and
 * their order decides. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>

static int cancelling(void)
{
    return asyncio_task_cancelling(asyncio_current_task());
}

static void block_3(void)
{
    block(3);
}

static void block_soon(void)
{
    ok(asyncio_loop_call_soon(running(), block_3, NULL));
}

static void set_result_5(asyncio_loop *loop, void *data)
{
    (void)loop;
    asyncio_future *future = data;
    if (!asyncio_future_done(future))
        ok(asyncio_future_set_result(future, 5));
}

POLLING_SCENARIO(overdue_timers_go_by_deadline_in_one_turn)
{
    say_later(3, "timer 3");
    say_later(1, "timer 1");
    say_later(2, "timer 2");
    say_soon("ready");
    turns(2);
    block(5);
    say("blocked");
    return passes(2);
}

POLLING_SCENARIO(overdue_sleepers_wake_in_order)
{
    asyncio_task *tasks[3] = { start(asyncio_coro(sleeper, "a", TICKS(3), 0)),
                               start(asyncio_coro(sleeper, "b", TICKS(1), 0)),
                               start(asyncio_coro(sleeper, "c", TICKS(2), 0)) };
    ok(passes(1));
    turns(3);
    block(5);
    for (int i = 0; i < 3; i++)
        ok(asyncio_await(tasks[i]));
    say("%s", at());
    return 0;
}

static void cancels_second(asyncio_loop *loop, void *second)
{
    (void)loop;
    say("first cancels second");
    asyncio_handle_cancel(*(asyncio_handle **)second);
}

POLLING_SCENARIO(an_overdue_timer_cancels_another_one)
{
    static asyncio_handle *second; /* the callback outlives a body that ends early */
    later(1, cancels_second, &second);
    ok(asyncio_loop_call_later(running(), 2 * T, say_words, &second, .data = WORDS("second")));
    block(3);
    ok(passes(3));
    asyncio_handle_unref(second);
    return 0;
}

/* ---- limits ---- */

static int limited(double ticks, asyncio_future *future)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, ticks * T);
    block_soon();
    int r = asyncio_await(future);
    return asyncio_timeout_exit(&limit, r);
}

SCENARIO(the_result_was_due_first_the_deadline_wins)
{
    asyncio_future *future = new_future();
    later(1, set_result_5, future);
    say("%s", name(limited(2, future)));
    say("future %s, cancelling %d", name(asyncio_future_result(future)), cancelling());
    return 0;
}

SCENARIO(the_deadline_was_due_first)
{
    asyncio_future *future = new_future();
    later(2, set_result_5, future);
    say("%s", name(limited(1, future)));
    say("future %s, cancelling %d", state(future), cancelling());
    return 0;
}

SCENARIO(wait_for_a_sleep_that_was_over_in_time)
{
    block_soon();
    say("%s", name(asyncio_wait_for(asyncio_coro(sleeper, "a", TICKS(1), 5), 2 * T)));
    return 0;
}

SCENARIO(wait_for_a_task_whose_sleep_was_over_in_time)
{
    asyncio_task *task = start(asyncio_coro(sleeper, "a", TICKS(1), 5));
    ok(passes(1));
    block_soon();
    say("%s", name(asyncio_wait_for(task, 2 * T)));
    say("%s, cancelling %d", state(task), asyncio_task_cancelling(task));
    return 0;
}

/* ---- cancels ---- */

static int sleeper_and_cancel(double sleep, double cancel)
{
    asyncio_task *task = start(asyncio_coro(sleeper, "a", TICKS(sleep), 5));
    later(cancel, cancel_task, task);
    ok(passes(1));
    block(3);
    say("%s", ends(task));
    return 0;
}

SCENARIO(a_cancel_comes_between_a_sleep_and_its_end)
{
    return sleeper_and_cancel(1, 2);
}

SCENARIO(a_cancel_just_before_the_end_of_a_sleep)
{
    return sleeper_and_cancel(2, 1);
}

static void uncancel_and_say(asyncio_loop *loop, void *task)
{
    (void)loop;
    say("uncancel %d", asyncio_task_uncancel((asyncio_task *)task));
}

SCENARIO(a_cancel_is_taken_back_before_the_sleeper_learns_of_it)
{
    asyncio_task *task = start(asyncio_coro(sleeper, "a", TICKS(1), 5));
    later(2, cancel_task, task);
    later(3, uncancel_and_say, task);
    ok(passes(1));
    block(4);
    say("%s", ends(task));
    return 0;
}

/* ---- wait and as_completed ---- */

static int wait_for_one(double set, double timeout)
{
    asyncio_future *future = new_future();
    size_t done;
    later(set, set_result_5, future);
    block_soon();
    ok(asyncio_wait(&future, 1, &done, .timeout = timeout * T));
    say("%zu done, %zu pending", done, 1 - done);
    return 0;
}

SCENARIO(wait_whose_child_was_done_in_time)
{
    return wait_for_one(1, 2);
}

SCENARIO(wait_whose_child_was_done_too_late)
{
    return wait_for_one(2, 1);
}

SCENARIO(as_completed_whose_child_was_done_in_time)
{
    asyncio_future *future = new_future();
    asyncio_awaitable awaitable = ASYNCIO_AWAITABLE(future);
    asyncio_as_completed all;
    later(1, set_result_5, future);
    block_soon();
    asyncio_as_completed_enter(&all, &awaitable, 1, .timeout = 2 * T);
    int r = asyncio_as_completed_next(&all, NULL, NULL);
    say("%s", r > 0 ? name(asyncio_future_result(future)) : name(r));
    ok(asyncio_as_completed_exit(&all, 0));
    say("%s", name(asyncio_future_result(future)));
    return 0;
}

/* ---- several at once ---- */

SCENARIO(two_limits_are_overdue)
{
    asyncio_timeout outer, inner;
    asyncio_timeout_enter(&outer, 1 * T);
    asyncio_timeout_enter(&inner, 2 * T);
    block_soon();
    int r = wait_for_ever();
    r = asyncio_timeout_exit(&inner, r);
    say("%s", name(asyncio_timeout_exit(&outer, r)));
    say("expired %s %s, cancelling %d", yes(asyncio_timeout_expired(&outer)),
        yes(asyncio_timeout_expired(&inner)), cancelling());
    return 0;
}

static int waits_within_one_tick(void)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 1 * T);
    return asyncio_timeout_exit(&limit, wait_for_ever());
}

SCENARIO(a_limit_and_a_foreign_cancel_are_overdue)
{
    asyncio_task *task = start(asyncio_coro(waits_within_one_tick));
    ok(passes(1));
    later(2, cancel_task, task);
    block(3);
    say("%s", ends(task));
    say("cancelling %d", asyncio_task_cancelling(task));
    return 0;
}

SCENARIO(a_limit_was_left_before_its_overdue_timer_ran)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 1 * T);
    block(3);
    ok(asyncio_timeout_exit(&limit, 0));
    say("left, expired %s", yes(asyncio_timeout_expired(&limit)));
    ok(passes(3));
    say("%d", cancelling());
    return 0;
}

SCENARIO(an_overdue_failure_and_a_sibling_that_is_over_too)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ok(asyncio_task_group_create_task(&group, asyncio_coro(late_failing, "a", TICKS(1), EPIPE),
                                      NULL));
    ok(asyncio_task_group_create_task(&group, asyncio_coro(sleeper, "b", TICKS(2), 0), NULL));
    ok(asyncio_task_group_create_task(&group, asyncio_coro(sleeper, "c", TICKS(9), 0), NULL));
    ok(passes(1));
    block(3);
    say("%s", group_name(asyncio_task_group_exit(&group, 0)));
    return 0;
}

static void block_5(void)
{
    block(5);
}

static void block_5_soon(asyncio_loop *loop)
{
    ok(asyncio_loop_call_soon(loop, block_5, NULL));
}

SCENARIO(gather_of_overdue_sleepers)
{
    ok(asyncio_loop_call_soon(running(), block_5_soon, NULL));
    say("%s", name(asyncio_gather(asyncio_coro(sleeper, "a", TICKS(3), 1),
                                  asyncio_coro(late_failing, "b", TICKS(1), EPIPE),
                                  asyncio_coro(sleeper, "c", TICKS(2), 3))));
    return passes(3);
}

SCENARIO(the_clock_stands_still_for_nobody)
{
    ok(asyncio_sleep(1 * T));
    block(2);
    say("%s", at());
    ok(asyncio_sleep(1 * T));
    say("%s", at());
    return 0;
}

CONFORMANCE("overdue")
