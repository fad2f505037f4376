/* SPDX-License-Identifier: MIT */
/* wait and as_completed, as scenarios_wait.py: three ways to return, no exception of its own,
 * nobody cancelled. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>
#include <string.h>

enum { MOST = 4 };

/* Up to four children; who they are is their place: a, b, c, d. */
struct children {
    asyncio_future *futures[MOST];
    size_t count;
};

static struct children start_all(const asyncio_coro *coros, size_t count)
{
    struct children children = { .count = count };
    for (size_t i = 0; i < count; i++)
        children.futures[i] = ASYNCIO__FUTURE(start(coros[i]));
    return children;
}

#define START(...)                                                                                 \
    start_all((const asyncio_coro[]){ __VA_ARGS__ }, ASYNCIO__COUNT(__VA_ARGS__))
#define CORO(...) asyncio_coro(__VA_ARGS__)

/* "a done, b pending": what wait made of each, in the order they were made. */
static const char *shown(const struct children *children, asyncio_future *const *sorted,
                         size_t done)
{
    const char *list = "";
    for (size_t i = 0; i < children->count; i++) {
        size_t place = 0;
        while (place < children->count && sorted[place] != children->futures[i])
            place++;
        list = text("%s%s%c %s", list, i ? ", " : "", (char)('a' + (int)i),
                    place < done ? "done" : "pending");
    }
    return list;
}

static int wait_shown_with(const struct children *children, double timeout,
                           enum asyncio_return_when when)
{
    asyncio_future *sorted[MOST];
    size_t done = 99;
    memcpy(sorted, children->futures, sizeof sorted);
    int r = asyncio_wait(sorted, children->count, &done, .timeout = timeout, .return_when = when);
    if (r >= 0) {
        const char *list = shown(children, sorted, done);
        say("%s %s", list, at());
    }
    return r;
}

static int wait_shown(const struct children *children)
{
    return wait_shown_with(children, ASYNCIO_NONE, ASYNCIO_ALL_COMPLETED);
}

static int wait_first(const struct children *children)
{
    return wait_shown_with(children, ASYNCIO_NONE, ASYNCIO_FIRST_COMPLETED);
}

static int wait_exception(const struct children *children)
{
    return wait_shown_with(children, ASYNCIO_NONE, ASYNCIO_FIRST_EXCEPTION);
}

static asyncio_task *as_task(asyncio_future *future)
{
    return (asyncio_task *)(void *)future;
}

SCENARIO(wait_for_all)
{
    struct children all = START(CORO(sleeper, "a", TICKS(2), 0), CORO(sleeper, "b", TICKS(1), 0),
                                CORO(sleeper, "c", TICKS(3), 0));
    return wait_shown(&all);
}

SCENARIO(wait_for_the_first)
{
    struct children all = START(CORO(sleeper, "a", TICKS(2), 0), CORO(sleeper, "b", TICKS(1), 0),
                                CORO(sleeper, "c", TICKS(3), 0));
    ok(wait_first(&all));
    return wait_shown(&all);
}

SCENARIO(wait_for_the_first_exception)
{
    struct children all =
        START(CORO(sleeper, "a", TICKS(1), 0), CORO(late_failing, "b", TICKS(2), EPIPE),
              CORO(sleeper, "c", TICKS(3), 0));
    ok(wait_exception(&all));
    ok(wait_shown(&all));
    say("%s", name(asyncio_future_result(all.futures[1])));
    return 0;
}

SCENARIO(first_exception_without_one_waits_for_all)
{
    struct children all = START(CORO(sleeper, "a", TICKS(1), 0), CORO(sleeper, "b", TICKS(2), 0));
    return wait_exception(&all);
}

SCENARIO(a_cancelled_child_is_no_exception)
{
    struct children all = START(CORO(sleeper, "a", TICKS(9), 0), CORO(sleeper, "b", TICKS(2), 0));
    later(1, cancel_task, all.futures[0]);
    return wait_exception(&all);
}

SCENARIO(a_cancelled_child_counts_as_the_first_completed)
{
    struct children all = START(CORO(sleeper, "a", TICKS(9), 0), CORO(sleeper, "b", TICKS(2), 0));
    later(1, cancel_task, all.futures[0]);
    ok(wait_first(&all));
    return asyncio_await(all.futures[1]);
}

SCENARIO(a_timeout_cancels_nobody)
{
    struct children all = START(CORO(sleeper, "a", TICKS(1), 0), CORO(sleeper, "b", TICKS(3), 5));
    ok(wait_shown_with(&all, 2 * T, ASYNCIO_ALL_COMPLETED));
    say("b cancelling %d", asyncio_task_cancelling(as_task(all.futures[1])));
    const char *how = ends(all.futures[1]);
    say("%s %s", how, at());
    return 0;
}

SCENARIO(a_timeout_with_nothing_done)
{
    struct children all = START(CORO(sleeper, "a", TICKS(3), 0));
    ok(wait_shown_with(&all, 1 * T, ASYNCIO_FIRST_COMPLETED));
    return asyncio_await(all.futures[0]);
}

SCENARIO(a_timeout_that_is_not_needed)
{
    struct children all = START(CORO(sleeper, "a", TICKS(1), 0));
    return wait_shown_with(&all, 5 * T, ASYNCIO_ALL_COMPLETED);
}

SCENARIO(a_timeout_of_zero)
{
    turns(3);
    struct children all = START(CORO(steps, "a", 0, 0), CORO(steps, "b", 3, 0));
    ok(wait_shown_with(&all, 0, ASYNCIO_ALL_COMPLETED));
    return asyncio_await(all.futures[1]);
}

SCENARIO(a_negative_timeout)
{
    struct children all = START(CORO(steps, "a", 5, 0));
    ok(wait_shown_with(&all, -1 * T, ASYNCIO_ALL_COMPLETED));
    return asyncio_await(all.futures[0]);
}

SCENARIO(wait_turn_by_turn)
{
    turns(6);
    struct children all = START(CORO(steps, "a", 1, 0), CORO(steps, "b", 2, 0));
    ok(wait_shown(&all));
    return passes(1);
}

SCENARIO(wait_suspends_even_when_all_are_done)
{
    struct children all = START(CORO(quick, 1), CORO(quick, 2));
    ok(passes(1));
    say("%s %s", state_of(all.futures[0]), state_of(all.futures[1]));
    turns(3);
    ok(wait_shown(&all));
    return passes(1);
}

SCENARIO(all_that_are_done_at_the_return_are_in_done)
{
    struct children all = START(CORO(steps, "a", 1, 0), CORO(steps, "b", 1, 0),
                                CORO(steps, "c", 2, 0), CORO(steps, "d", 9, 0));
    ok(wait_first(&all));
    for (size_t i = 0; i < all.count; i++)
        ok(asyncio_await(all.futures[i]));
    return 0;
}

static void set_result_1_soon(asyncio_loop *loop, void *future)
{
    ok(asyncio_loop_call_soon(loop, set_result_1, NULL, .data = future));
}

SCENARIO(done_before_the_return_though_later_than_the_first)
{
    struct children all = { { new_future(), new_future() }, 2 };
    soon(set_result_1, all.futures[0]);
    soon(set_result_1_soon, all.futures[1]);
    return wait_first(&all);
}

static int waits_for(struct children *children)
{
    return asyncio_wait(children->futures, children->count, NULL);
}

SCENARIO(wait_is_cancelled_the_children_are_not)
{
    struct children all = START(CORO(sleeper, "a", TICKS(2), 5));
    asyncio_task *task = start(asyncio_coro(waits_for, &all));
    ok(asyncio_sleep(1 * T));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    say("a %s, cancelling %d", state_of(all.futures[0]),
        asyncio_task_cancelling(as_task(all.futures[0])));
    say("%s", ends(all.futures[0]));
    return 0;
}

static int says_how_wait_ended(struct children *children)
{
    int r = waits_for(children);
    say("wait: %s", r < 0 ? name(r) : "returned");
    return asyncio_task_cancelling(asyncio_current_task());
}

struct pair {
    asyncio_future *inner;
    asyncio_task *outer;
};

static void say_inner_cancel_outer(asyncio_loop *loop, void *data)
{
    (void)loop;
    struct pair *pair = data;
    say("a %s, cancel %s", state(pair->inner), yes(asyncio_task_cancel(pair->outer)));
}

SCENARIO(wait_is_cancelled_in_the_turn_a_child_ends)
{
    struct children all = START(CORO(steps, "a", 1, 5));
    static struct pair pair; /* the callback outlives a body that ends early */
    pair = (struct pair){ all.futures[0], start(asyncio_coro(says_how_wait_ended, &all)) };
    ok(passes(1));
    soon(say_inner_cancel_outer, &pair);
    say("%s", ends(pair.outer));
    say("%s", ends(all.futures[0]));
    return 0;
}

SCENARIO(wait_does_not_raise_what_the_children_raise)
{
    struct children all = START(CORO(failing, "a", 1, EPIPE), CORO(failing, "b", 2, EIO));
    int code;
    ok(wait_shown(&all));
    ok(asyncio_future_exception(all.futures[1], &code));
    say("%s %s", name(asyncio_future_result(all.futures[0])), name(code));
    return 0;
}

SCENARIO(wait_does_not_fetch_the_exceptions)
{
    struct children all = START(CORO(failing, "a", 1, EPIPE));
    ok(wait_shown(&all));
    drop(all.futures[0]);
    say("dropped");
    return 0;
}

SCENARIO(first_exception_fetches_all_but_the_last)
{
    struct children all = START(CORO(failing, "a", 1, EPIPE), CORO(steps, "b", 3, 0));
    ok(wait_exception(&all));
    ok(asyncio_await(all.futures[1]));
    drop(all.futures[0]);
    drop(all.futures[1]);
    say("dropped");
    return 0;
}

SCENARIO(wait_refuses_nonsense)
{
    asyncio_task *task = start(asyncio_coro(quick, 1));
    say("nothing %s", name(asyncio_wait(&task, 0, NULL)));
    say("return_when %s",
        name(asyncio_wait(&task, 1, NULL, .return_when = (enum asyncio_return_when)99)));
    return ok(asyncio_await(task)) - 1;
}

SCENARIO(the_same_task_twice_counts_once)
{
    asyncio_task *task = start(asyncio_coro(steps, "a", 1, 0));
    asyncio_task *tasks[2] = { task, task };
    size_t done = 0;
    ok(asyncio_wait(tasks, 2, &done));
    /* An array has two places where Python's set has one: both are moved to the front. */
    say("%d done, 0 pending", done == 2 ? 1 : (int)done);
    return 0;
}

static void set_exception_epipe(asyncio_loop *loop, void *future)
{
    (void)loop;
    ok(asyncio_future_set_exception((asyncio_future *)future, -EPIPE));
}

static void cancel_future(asyncio_loop *loop, void *future)
{
    (void)loop;
    asyncio_future_cancel((asyncio_future *)future);
}

SCENARIO(wait_for_plain_futures)
{
    struct children all = { { new_future(), new_future(), new_future() }, 3 };
    later(1, set_result_1, all.futures[1]);
    later(2, cancel_future, all.futures[0]);
    later(3, set_exception_epipe, all.futures[2]);
    ok(wait_first(&all));
    ok(wait_exception(&all));
    int code;
    ok(asyncio_future_exception(all.futures[2], &code));
    say("%s", name(code));
    return 0;
}

SCENARIO(wait_in_a_loop_until_all_are_done)
{
    struct children all = START(CORO(sleeper, "a", TICKS(3), 0), CORO(sleeper, "b", TICKS(1), 0),
                                CORO(sleeper, "c", TICKS(2), 0));
    asyncio_future **rest = all.futures;
    size_t left = all.count, done;
    while (left > 0) {
        ok(asyncio_wait(rest, left, &done, .return_when = ASYNCIO_FIRST_COMPLETED));
        say("%zu done, %zu pending %s", done, left - done, at());
        rest += done;
        left -= done;
    }
    return 0;
}

static int watcher(const char *who, asyncio_future *future)
{
    int r = asyncio_wait(&future, 1, NULL);
    say("%s returns", who);
    return r;
}

SCENARIO(two_wait_for_the_same_tasks)
{
    struct children all = START(CORO(steps, "a", 2, 0));
    asyncio_task *first = start(asyncio_coro(watcher, "first", all.futures[0]));
    asyncio_task *second = start(asyncio_coro(watcher, "second", all.futures[0]));
    ok(asyncio_await(first));
    return asyncio_await(second);
}

SCENARIO(wait_is_cancelled_when_it_was_about_to_return)
{
    struct children all = START(CORO(steps, "a", 1, 5));
    static struct pair pair; /* the callback outlives a body that ends early */
    pair = (struct pair){ all.futures[0], start(asyncio_coro(says_how_wait_ended, &all)) };
    ok(passes(2));
    soon(say_inner_cancel_outer, &pair);
    say("%s", ends(pair.outer));
    say("%s", ends(all.futures[0]));
    return 0;
}

/* ---- as_completed ---- */

#define NAMED(who, ...) ASYNCIO_AWAITABLE(start_named(asyncio_coro(__VA_ARGS__), who))

static const char *task_name(asyncio_future *future)
{
    return future ? asyncio_task_get_name(as_task(future)) : "nobody";
}

static int drain(const asyncio_awaitable *awaitables, size_t count, double timeout)
{
    asyncio_as_completed all;
    asyncio_future *future;
    asyncio_as_completed_enter(&all, awaitables, count, .timeout = timeout);
    int r;
    while ((r = asyncio_as_completed_next(&all, &future, NULL)) > 0) {
        const char *how = name(asyncio_future_result(future));
        say("%s: %s %s", task_name(future), how, at());
    }
    if (r == 0)
        say("no more");
    return asyncio_as_completed_exit(&all, r);
}

SCENARIO(as_completed_by_time)
{
    asyncio_awaitable tasks[3] = { NAMED("a", sleeper, "a", TICKS(3), 1),
                                   NAMED("b", sleeper, "b", TICKS(1), 2),
                                   NAMED("c", sleeper, "c", TICKS(2), 3) };
    return drain(tasks, 3, ASYNCIO_NONE);
}

SCENARIO(as_completed_hands_out_the_very_tasks)
{
    asyncio_task *a = start(asyncio_coro(steps, "a", 2, 1)),
                 *b = start(asyncio_coro(steps, "b", 1, 2));
    asyncio_awaitable tasks[2] = { ASYNCIO_AWAITABLE(a), ASYNCIO_AWAITABLE(b) };
    asyncio_as_completed all;
    asyncio_future *got[2] = { NULL, NULL };
    size_t index[2] = { 9, 9 };
    asyncio_as_completed_enter(&all, tasks, 2);
    ok(asyncio_as_completed_next(&all, &got[0], &index[0]));
    ok(asyncio_as_completed_next(&all, &got[1], &index[1]));
    say("%s", yes(got[0] == ASYNCIO__FUTURE(b) && got[1] == ASYNCIO__FUTURE(a) && index[0] == 1 &&
                  index[1] == 0));
    return asyncio_as_completed_exit(&all, 0);
}

SCENARIO(as_completed_with_errors_and_cancels)
{
    asyncio_task *b;
    asyncio_awaitable tasks[3] = { NAMED("a", late_failing, "a", TICKS(1), EPIPE),
                                   ASYNCIO_AWAITABLE(
                                       b = start_named(CORO(sleeper, "b", TICKS(9), 0), "b")),
                                   NAMED("c", sleeper, "c", TICKS(3), 5) };
    later(2, cancel_task, b);
    return drain(tasks, 3, ASYNCIO_NONE);
}

SCENARIO(as_completed_of_nothing)
{
    turns(1);
    ok(drain(NULL, 0, ASYNCIO_NONE));
    say("in the same turn");
    return passes(1);
}

SCENARIO(as_completed_turn_by_turn)
{
    turns(6);
    asyncio_awaitable tasks[2] = { NAMED("a", steps, "a", 2, 0), NAMED("b", steps, "b", 1, 0) };
    ok(drain(tasks, 2, ASYNCIO_NONE));
    return passes(1);
}

SCENARIO(as_completed_of_what_is_done_still_suspends)
{
    asyncio_awaitable tasks[2] = { NAMED("a", quick, 1), NAMED("b", quick, 2) };
    ok(passes(1));
    turns(4);
    asyncio_as_completed all;
    asyncio_future *future;
    int step = 0, r, sum = 0;
    asyncio_as_completed_enter(&all, tasks, 2);
    while ((r = asyncio_as_completed_next(&all, &future, NULL)) > 0) {
        say("step %d", ++step);
        sum += asyncio_future_result(future);
    }
    say("%s", yes(sum == 3));
    ok(asyncio_as_completed_exit(&all, r));
    return passes(1);
}

SCENARIO(as_completed_with_a_timeout)
{
    asyncio_task *a = start_named(CORO(sleeper, "a", TICKS(1), 1), "a");
    asyncio_task *b = start_named(CORO(sleeper, "b", TICKS(3), 2), "b");
    asyncio_task *c = start_named(CORO(sleeper, "c", TICKS(4), 3), "c");
    asyncio_awaitable tasks[3] = { ASYNCIO_AWAITABLE(a), ASYNCIO_AWAITABLE(b),
                                   ASYNCIO_AWAITABLE(c) };
    asyncio_as_completed all;
    asyncio_future *future;
    asyncio_as_completed_enter(&all, tasks, 3, .timeout = 2 * T);
    for (int i = 0; i < 3; i++) {
        int r = asyncio_as_completed_next(&all, &future, NULL);
        say("%s %s", r > 0 ? task_name(future) : name(r), at());
    }
    say("b %s %d, c %s", state(b), asyncio_task_cancelling(b), state(c));
    ok(asyncio_as_completed_exit(&all, 0));
    const char *how = ends(b);
    say("%s %s", how, ends(c));
    return 0;
}

SCENARIO(as_completed_ends_after_its_timeouts)
{
    asyncio_awaitable tasks[2] = { NAMED("a", sleeper, "a", TICKS(3), 0),
                                   NAMED("b", sleeper, "b", TICKS(4), 0) };
    asyncio_as_completed all;
    asyncio_as_completed_enter(&all, tasks, 2, .timeout = 1 * T);
    for (int i = 0; i < 4; i++) {
        int r = asyncio_as_completed_next(&all, NULL, NULL);
        say("%s", r == 0 ? "no more" : name(r));
    }
    ok(asyncio_as_completed_exit(&all, 0));
    ok((asyncio_await)(tasks[0]));
    return (asyncio_await)(tasks[1]);
}

SCENARIO(as_completed_with_a_timeout_it_does_not_need)
{
    asyncio_awaitable tasks[1] = { NAMED("a", sleeper, "a", TICKS(1), 1) };
    ok(drain(tasks, 1, 2 * T));
    ok(asyncio_sleep(2 * T));
    say("%s", at());
    return 0;
}

SCENARIO(leaving_as_completed_early_cancels_nobody)
{
    asyncio_awaitable tasks[2] = { NAMED("a", sleeper, "a", TICKS(1), 1),
                                   NAMED("b", sleeper, "b", TICKS(2), 2) };
    asyncio_as_completed all;
    asyncio_future *future = NULL;
    asyncio_as_completed_enter(&all, tasks, 2);
    ok(asyncio_as_completed_next(&all, &future, NULL));
    say("%s is enough", task_name(future));
    ok(asyncio_as_completed_exit(&all, 0));
    say("%s", name((asyncio_await)(tasks[1])));
    return 0;
}

static int drains_one(asyncio_task *task)
{
    asyncio_awaitable awaitable = ASYNCIO_AWAITABLE(task);
    return drain(&awaitable, 1, ASYNCIO_NONE);
}

SCENARIO(cancelled_in_as_completed_the_tasks_go_on)
{
    asyncio_task *task = start_named(CORO(sleeper, "a", TICKS(2), 1), "a");
    asyncio_task *outer = start(asyncio_coro(drains_one, task));
    ok(asyncio_sleep(1 * T));
    asyncio_task_cancel(outer);
    say("%s", ends(outer));
    int asked = asyncio_task_cancelling(task);
    say("a cancelling %d, %s", asked, ends(task));
    return 0;
}

SCENARIO(the_same_task_twice_is_handed_out_once)
{
    asyncio_awaitable once = NAMED("a", steps, "a", 1, 1);
    asyncio_awaitable tasks[2] = { once, once };
    return drain(tasks, 2, ASYNCIO_NONE);
}

SCENARIO(as_completed_does_not_fetch_for_you)
{
    asyncio_task *task = start_named(CORO(failing, "a", 1, EPIPE), "a");
    asyncio_awaitable awaitable = ASYNCIO_AWAITABLE(task);
    asyncio_as_completed all;
    asyncio_future *future = NULL;
    asyncio_as_completed_enter(&all, &awaitable, 1);
    if (ok(asyncio_as_completed_next(&all, &future, NULL)) > 0)
        say("%s %s", task_name(future), state(future));
    ok(asyncio_as_completed_exit(&all, 0));
    drop(task);
    say("dropped");
    return 0;
}

SCENARIO(as_completed_of_tasks_that_end_together)
{
    asyncio_awaitable tasks[3] = { NAMED("a", steps, "a", 1, 0), NAMED("b", steps, "b", 1, 0),
                                   NAMED("c", steps, "c", 1, 0) };
    return drain(tasks, 3, ASYNCIO_NONE);
}

SCENARIO(slow_consumer_of_as_completed)
{
    asyncio_awaitable tasks[3] = { NAMED("a", sleeper, "a", TICKS(1), 0),
                                   NAMED("b", sleeper, "b", TICKS(2), 0),
                                   NAMED("c", sleeper, "c", TICKS(4), 0) };
    asyncio_as_completed all;
    asyncio_future *future;
    int r;
    asyncio_as_completed_enter(&all, tasks, 3);
    while ((r = asyncio_as_completed_next(&all, &future, NULL)) > 0) {
        say("%s %s", task_name(future), at());
        ok(asyncio_sleep(2 * T));
    }
    say("%s", at());
    return asyncio_as_completed_exit(&all, r);
}

SCENARIO(what_ends_after_the_timeout_is_not_handed_out)
{
    asyncio_task *a = start_named(CORO(sleeper, "a", TICKS(2), 1), "a");
    asyncio_task *b = start_named(CORO(sleeper, "b", TICKS(3), 2), "b");
    asyncio_awaitable tasks[2] = { ASYNCIO_AWAITABLE(a), ASYNCIO_AWAITABLE(b) };
    asyncio_as_completed all;
    asyncio_future *future;
    asyncio_as_completed_enter(&all, tasks, 2, .timeout = 1 * T);
    ok(asyncio_sleep(4 * T));
    for (int i = 0; i < 2; i++) {
        int r = asyncio_as_completed_next(&all, &future, NULL);
        say("%s", r > 0 ? task_name(future) : name(r));
    }
    ok(asyncio_as_completed_exit(&all, 0));
    say("%s %s", name(asyncio_task_result(a)), name(asyncio_task_result(b)));
    return 0;
}

SCENARIO(cancelled_in_as_completed_when_it_was_about_to_return)
{
    asyncio_task *task = start_named(CORO(steps, "a", 1, 5), "a");
    static struct pair pair; /* the callback outlives a body that ends early */
    pair = (struct pair){ ASYNCIO__FUTURE(task), start(asyncio_coro(drains_one, task)) };
    ok(passes(2));
    soon(say_inner_cancel_outer, &pair);
    say("%s", ends(pair.outer));
    say("%s", ends(task));
    return 0;
}

SCENARIO(as_completed_of_an_error_and_a_timeout)
{
    asyncio_task *b;
    asyncio_awaitable tasks[2] = {
        NAMED("a", late_failing, "a", TICKS(1), EPIPE),
        ASYNCIO_AWAITABLE(b = start_named(CORO(sleeper, "b", TICKS(3), 0), "b")),
    };
    asyncio_as_completed all;
    asyncio_future *future = NULL;
    asyncio_as_completed_enter(&all, tasks, 2, .timeout = 2 * T);
    const char *how = "";
    if (ok(asyncio_as_completed_next(&all, &future, NULL)) > 0)
        how = name(asyncio_future_result(future));
    say("%s: %s %s", task_name(future), how, at());
    how = name(asyncio_as_completed_next(&all, &future, NULL));
    say("%s %s", how, at());
    ok(asyncio_as_completed_exit(&all, 0));
    return asyncio_await(b);
}

CONFORMANCE("wait")
