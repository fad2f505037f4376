/* SPDX-License-Identifier: MIT */
/* Tasks, as scenarios_tasks.py: when they step, in which order, how they end, what they know about
 * themselves. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

SCENARIO(a_task_first_runs_in_the_next_turn)
{
    turns(2);
    asyncio_task *task = start(asyncio_coro(steps, "a", 1, 0));
    say("created");
    say_soon("queued behind");
    say("%s", ends(task));
    return 0;
}

SCENARIO(tasks_take_turns)
{
    asyncio_task *tasks[3] = { start(asyncio_coro(steps, "a", 3, 0)),
                               start(asyncio_coro(steps, "b", 1, 0)),
                               start(asyncio_coro(steps, "c", 2, 0)) };
    for (int i = 0; i < 3; i++)
        ok(asyncio_await(tasks[i]));
    return 0;
}

SCENARIO(sleep_zero_is_one_turn)
{
    turns(4);
    for (int i = 1; i < 4; i++) {
        ok(asyncio_sleep(0));
        say("main %d", i);
    }
    return 0;
}

SCENARIO(a_negative_sleep_is_one_turn)
{
    turns(3);
    ok(asyncio_sleep(-1 * T));
    say("minus one");
    ok(asyncio_sleep(-INFINITY));
    say("minus infinity");
    say("%s", at());
    return 0;
}

SCENARIO(sleeping_for_nan_is_an_error)
{
    turns(1);
    say("%s", name(asyncio_sleep(NAN)));
    say("without a turn");
    return passes(1);
}

SCENARIO(an_infinite_sleep_can_be_cancelled)
{
    asyncio_task *task = start(asyncio_coro(sleeper, "a", FOR_EVER, 0));
    ok(asyncio_sleep(5 * T));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    say("%s", at());
    return 0;
}

SCENARIO(sleepers_wake_by_deadline)
{
    asyncio_task *tasks[3] = { start(asyncio_coro(sleeper, "a", TICKS(3), 0)),
                               start(asyncio_coro(sleeper, "b", TICKS(1), 0)),
                               start(asyncio_coro(sleeper, "c", TICKS(2), 0)) };
    for (int i = 0; i < 3; i++)
        ok(asyncio_await(tasks[i]));
    say("%s", at());
    return 0;
}

static void together(asyncio_loop *loop)
{
    say("timer");
    ok(asyncio_loop_call_soon(loop, say_words, NULL, .data = WORDS("posted by the timer")));
}

SCENARIO(a_sleep_that_is_over_needs_a_turn_to_wake)
{
    asyncio_task *task = start(asyncio_coro(sleeper, "a", TICKS(1), 0));
    ok(passes(1));
    ok(asyncio_loop_call_later(running(), 0.5 * T, together, NULL));
    ok(asyncio_await(task));
    say("%s", at());
    return 0;
}

SCENARIO(awaiting_a_coroutine_takes_no_turn)
{
    turns(2);
    say("%s", ends(asyncio_coro(quick, 3)));
    say("inline");
    ok(asyncio_sleep(0));
    say("%s", ends(asyncio_coro(steps, "a", 1, 4)));
    return 0;
}

SCENARIO(a_tasks_end_wakes_its_waiter_a_turn_later)
{
    turns(5);
    ok(asyncio_await(start(asyncio_coro(steps, "a", 2, 0))));
    say("main");
    ok(asyncio_sleep(0));
    say("main again");
    return 0;
}

SCENARIO(awaiting_a_done_task_takes_no_turn)
{
    asyncio_task *task = start(asyncio_coro(quick, 3));
    ok(passes(1));
    turns(1);
    const char *before = state(task), *once = ends(task);
    say("%s %s %s", before, once, ends(task));
    say("in the same turn");
    return passes(1);
}

SCENARIO(two_wait_for_one_task)
{
    asyncio_task *task = start(asyncio_coro(steps, "a", 1, 5));
    asyncio_task *b = start(asyncio_coro(task_waiter, "b", task));
    asyncio_task *c = start(asyncio_coro(task_waiter, "c", task));
    say("%s", ends(b));
    say("%s", ends(c));
    return 0;
}

SCENARIO(two_wait_for_one_that_fails)
{
    asyncio_task *task = start(asyncio_coro(failing, "a", 1, EPIPE));
    asyncio_task *b = start(asyncio_coro(task_waiter, "b", task));
    asyncio_task *c = start(asyncio_coro(task_waiter, "c", task));
    say("%s", ends(b));
    say("%s", ends(c));
    return 0;
}

static int link_of_chain(int n)
{
    if (n == 0)
        return steps("end of the chain", 1, 9);
    int r = asyncio_await(start(asyncio_coro(link_of_chain, n - 1)));
    say("link %d", n);
    return r;
}

SCENARIO(a_chain_of_tasks_unwinds_one_a_turn)
{
    turns(10);
    say("%s", ends(start(asyncio_coro(link_of_chain, 3))));
    return 0;
}

static int failing_link(int n)
{
    int r =
        n == 0 ? failing("end", 1, EPIPE) : asyncio_await(start(asyncio_coro(failing_link, n - 1)));
    say("link %d", n);
    return r;
}

SCENARIO(an_error_travels_up_a_chain)
{
    say("%s", ends(start(asyncio_coro(failing_link, 3))));
    return 0;
}

static int tree(const char *who, int depth)
{
    say("%s", who);
    if (depth == 0)
        return 1;
    asyncio_task *left = start(asyncio_coro(tree, text("%s.1", who), depth - 1));
    asyncio_task *right = start(asyncio_coro(tree, text("%s.2", who), depth - 1));
    return ok(asyncio_await(left)) + ok(asyncio_await(right));
}

SCENARIO(tasks_born_in_tasks_run_breadth_first)
{
    say("%s", ends(start(asyncio_coro(tree, "t", 2))));
    return 0;
}

static int order[2000], order_count;

static int one_of_a_thousand(int i)
{
    order[order_count++] = i;
    int r = asyncio_sleep(0);
    order[order_count++] = 1000 + i;
    return r;
}

SCENARIO(a_thousand_tasks_in_order)
{
    asyncio_task *tasks[1000];
    order_count = 0;
    for (int i = 0; i < 1000; i++)
        tasks[i] = start(asyncio_coro(one_of_a_thousand, i));
    for (int i = 0; i < 1000; i++)
        ok(asyncio_await(tasks[i]));
    bool in_order = order_count == 2000;
    for (int i = 0; i < order_count; i++)
        in_order = in_order && order[i] == i;
    say(in_order ? "in order" : "not in order");
    return 0;
}

static int player(asyncio_future **ball, int me, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        int got = asyncio_await(ball[me]);
        if (got < 0)
            return got;
        ball[me] = new_future();
        say("player %d has %d", me, got);
        if (!asyncio_future_done(ball[1 - me]))
            ok(asyncio_future_set_result(ball[1 - me], got + 1));
    }
    return 0;
}

SCENARIO(two_tasks_hand_a_value_to_and_fro)
{
    asyncio_future *ball[2] = { new_future(), new_future() };
    turns(8);
    asyncio_task *tasks[2] = { start(asyncio_coro(player, ball, 0, 2)),
                               start(asyncio_coro(player, ball, 1, 2)) };
    ok(asyncio_future_set_result(ball[0], 1));
    ok(asyncio_await(tasks[0]));
    return asyncio_await(tasks[1]);
}

static const char *exception_of(asyncio_task *task)
{
    int code = 0;
    int r = asyncio_task_exception(task, &code);
    return name(r < 0 ? r : code);
}

SCENARIO(an_exception_is_kept_for_everyone)
{
    asyncio_task *task = start(asyncio_coro(failing, "a", 0, EPIPE));
    ok(passes(1));
    say("%s, cancelled %s", state(task), yes(asyncio_task_cancelled(task)));
    const char *exception = exception_of(task), *result = name(asyncio_task_result(task)),
               *once = ends(task);
    say("%s %s %s %s", exception, result, once, ends(task));
    return 0;
}

SCENARIO(a_task_that_runs_has_no_result_yet)
{
    asyncio_task *task = start(asyncio_coro(quick, 3));
    say("%s: result %s, exception %s", state(task), name(asyncio_task_result(task)),
        exception_of(task));
    ok(asyncio_await(task));
    say("%s: result %s, exception %s", state(task), name(asyncio_task_result(task)),
        exception_of(task));
    return 0;
}

SCENARIO(a_tasks_exception_that_nobody_fetched)
{
    asyncio_task *task = start(asyncio_coro(failing, "a", 1, EPIPE));
    ok(passes(3));
    say("dropping");
    drop(task);
    say("dropped");
    return 0;
}

SCENARIO(fire_and_forget_failing)
{
    ok(asyncio_create_task(asyncio_coro(failing, "a", 1, EPIPE), NULL));
    ok(passes(2));
    say("main");
    return passes(2);
}

SCENARIO(fire_and_forget_goes_on)
{
    ok(asyncio_create_task(asyncio_coro(sleeper, "a", TICKS(2), 0), NULL));
    ok(asyncio_sleep(3 * T));
    say("main");
    return 0;
}

static void say_exception(asyncio_task *task)
{
    say("%s", exception_of(task));
}

SCENARIO(a_tasks_exception_fetched_by_a_callback)
{
    asyncio_task *task = start(asyncio_coro(failing, "a", 1, EPIPE));
    ok(asyncio_task_add_done_callback(task, say_exception));
    ok(passes(3));
    drop(task);
    say("dropped");
    return 0;
}

static void say_result(asyncio_task *task, void *who)
{
    say("%s %s", (const char *)who, name(asyncio_task_result(task)));
}

static void say_late(asyncio_task *task)
{
    (void)task;
    say("late");
}

SCENARIO(done_callbacks_of_a_task_run_in_order_a_turn_later)
{
    turns(3);
    asyncio_task *task = start(asyncio_coro(steps, "a", 1, 5));
    ok(asyncio_task_add_done_callback(task, say_result, .data = WORDS("first")));
    ok(asyncio_task_add_done_callback(task, say_result, .data = WORDS("second")));
    ok(asyncio_await(task));
    say("main");
    ok(asyncio_task_add_done_callback(task, say_late));
    return passes(1);
}

SCENARIO(a_done_callback_of_a_task_can_be_removed)
{
    asyncio_task *task = start(asyncio_coro(quick, 5));
    ok(asyncio_task_add_done_callback(task, say_late));
    ok(asyncio_task_add_done_callback(task, say_late));
    say("removed %d", asyncio_task_remove_done_callback(task, say_late, NULL));
    ok(asyncio_await(task));
    say("main");
    return 0;
}

SCENARIO(a_task_cannot_be_set_from_outside)
{
    asyncio_task *task = start(asyncio_coro(steps, "a", 1, 2));
    say("set_result %s", runtime_error(asyncio_future_set_result(task, 1)));
    say("set_exception %s", runtime_error(asyncio_future_set_exception(task, -EPIPE)));
    say("%s", ends(task));
    return 0;
}

static int awaits(asyncio_task **task)
{
    say("%s", ends(*task));
    say("goes on");
    return 3;
}

SCENARIO(a_task_that_awaits_itself)
{
    asyncio_task *task;
    turns(4);
    task = start(asyncio_coro(awaits, &task));
    say("%s", ends(task));
    return 0;
}

SCENARIO(a_future_of_another_loop)
{
    asyncio_loop *other = NULL;
    asyncio_future *waits, *done;
    ok(asyncio_loop_new(&other));
    ok(asyncio_loop_create_future(other, &waits));
    ok(asyncio_loop_create_future(other, &done));
    ok(asyncio_future_set_result(done, 4));
    turns(2);
    say("pending: %s", ends(waits));
    say("main");
    say("done: %s", ends(done));
    asyncio_future_unref(waits);
    asyncio_future_unref(done);
    ok(asyncio_loop_close(other));
    asyncio_loop_unref(other);
    return 0;
}

static asyncio_task *seen[2];

static int sees_itself(void)
{
    seen[0] = asyncio_current_task();
    int r = asyncio_sleep(0);
    seen[1] = asyncio_current_task();
    return r;
}

static void sees_none(void)
{
    say("in a callback: %s", yes(asyncio_current_task() == NULL));
}

SCENARIO(who_is_the_current_task)
{
    asyncio_task *me = asyncio_current_task();
    asyncio_task *task = start(asyncio_coro(sees_itself));
    say("main: %s", yes(asyncio_current_task() == me));
    ok(asyncio_await(task));
    say("child: %s", yes(seen[0] == task && seen[1] == task));
    say("main again: %s", yes(asyncio_current_task() == me));
    ok(asyncio_loop_call_soon(running(), sees_none, NULL));
    return passes(1);
}

static bool is_among_all(const asyncio_task *task)
{
    asyncio_task *tasks[8];
    bool found = false;
    int count = asyncio_all_tasks(NULL, tasks, 8);
    for (int i = 0; i < count && i < 8; i++) {
        found = found || tasks[i] == task;
        asyncio_task_unref(tasks[i]);
    }
    return found;
}

SCENARIO(all_tasks_are_those_not_done)
{
    say("%d", asyncio_all_tasks(NULL, NULL, 0));
    asyncio_task *a = start(asyncio_coro(steps, "a", 1, 0));
    asyncio_task *b = start(asyncio_coro(steps, "b", 3, 0));
    say("%d", asyncio_all_tasks(NULL, NULL, 0));
    ok(asyncio_await(a));
    say("%d", asyncio_all_tasks(NULL, NULL, 0));
    say("b %s, a %s", yes(is_among_all(b)), yes(is_among_all(a)));
    asyncio_task_cancel(b);
    say("%d", asyncio_all_tasks(NULL, NULL, 0));
    (void)ends(b);
    say("%d", asyncio_all_tasks(NULL, NULL, 0));
    return 0;
}

static int number_of(asyncio_task *task)
{
    int number = 0;
    return sscanf(asyncio_task_get_name(task), "Task-%d", &number) == 1 ? number : 0;
}

SCENARIO(names)
{
    asyncio_task *named = start_named(asyncio_coro(quick, 0), "crawler");
    asyncio_task *numbered = start(asyncio_coro(quick, 0)), *next = start(asyncio_coro(quick, 0));
    say("%s", asyncio_task_get_name(named));
    say("%s", yes(strncmp(asyncio_task_get_name(numbered), "Task-", 5) == 0));
    say("%d", number_of(next) - number_of(numbered));
    ok(asyncio_task_set_name(numbered, "renamed"));
    say("%s", asyncio_task_get_name(numbered));
    ok(asyncio_gather(named, numbered, next));
    say("%s %s", asyncio_task_get_name(named), asyncio_task_get_name(numbered));
    return 0;
}

SCENARIO(a_task_that_ends_cancelled_though_nobody_asked)
{
    asyncio_task *task = start(asyncio_coro(cancelled_coroutine));
    say("%s", ends(task));
    say("%s, cancelling %d", state(task), asyncio_task_cancelling(task));
    say("main: cancelling %d", asyncio_task_cancelling(asyncio_current_task()));
    return 0;
}

SCENARIO(two_tasks_that_end_in_one_turn_wake_in_order)
{
    asyncio_task *a = start(asyncio_coro(steps, "a", 2, 0));
    asyncio_task *b = start(asyncio_coro(steps, "b", 2, 0));
    asyncio_task *d = start(asyncio_coro(task_waiter, "d", b));
    asyncio_task *c = start(asyncio_coro(task_waiter, "c", a));
    ok(asyncio_await(d));
    return asyncio_await(c);
}

static int three_steps(void)
{
    for (int i = 1; i < 4; i++) {
        say("child %d", i);
        int r = asyncio_sleep(0);
        if (r < 0)
            return r;
    }
    return 0;
}

SCENARIO(main_and_child_share_the_turns)
{
    ok(asyncio_create_task(asyncio_coro(three_steps), NULL));
    for (int i = 1; i < 5; i++) {
        say("main %d", i);
        ok(asyncio_sleep(0));
    }
    return 0;
}

SCENARIO(a_task_is_born_while_the_creator_never_suspends)
{
    asyncio_task *task = start(asyncio_coro(steps, "a", 1, 0));
    say("busy");
    say("%s", state(task));
    ok(asyncio_await(asyncio_coro(quick, 1)));
    say("no turn yet");
    return asyncio_await(task);
}

static int box;

static void put_in_box(void)
{
    box++;
}

static int box_reader(void)
{
    for (int i = 0; i < 3; i++) {
        say("reader sees %d", box);
        int r = asyncio_sleep(0);
        if (r < 0)
            return r;
    }
    return 0;
}

SCENARIO(work_done_in_a_callback_is_seen_before_the_next_step)
{
    box = 0;
    asyncio_task *task = start(asyncio_coro(box_reader));
    ok(asyncio_loop_call_soon(running(), put_in_box, NULL));
    ok(asyncio_sleep(0));
    ok(asyncio_loop_call_soon(running(), put_in_box, NULL));
    return asyncio_await(task);
}

PLAIN_SCENARIO(a_task_before_the_loop_runs)
{
    asyncio_loop *loop = new_loop();
    asyncio_task *task;
    ok(asyncio_loop_create_task(loop, asyncio_coro(steps, "a", 1, 6), &task));
    say("%s", state(task));
    say("%d task", asyncio_all_tasks(loop, NULL, 0));
    say("%s", name(asyncio_loop_run_until_complete(loop, task)));
    say("%d tasks", asyncio_all_tasks(loop, NULL, 0));
    asyncio_task_unref(task);
    int r = asyncio_loop_close(loop);
    asyncio_loop_unref(loop);
    return r;
}

CONFORMANCE("tasks")
