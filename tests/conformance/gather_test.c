/* SPDX-License-Identifier: MIT */
/* gather, as scenarios_gather.py: results in order, the first error, who is cancelled, what counts
 * as fetched. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>

enum { MANY = 8 };

/* What awaiting a gather's future gives: the list, or how it failed. */
static const char *gathered(asyncio_future *together)
{
    int r = asyncio_await(together);
    if (r < 0)
        return name(r);
    size_t count = 0;
    const int *results = asyncio_gather_future_results(together, &count);
    return list_name(results, count);
}

static asyncio_future *gather_future(const asyncio_awaitable *children, size_t count,
                                     int return_exceptions)
{
    asyncio_future *together;
    ok(asyncio_gather_future(children, count, &together, .return_exceptions = return_exceptions));
    return own(together);
}

/* asyncio.gather(...) as a future, and awaited. */
#define GATHER(...)                                                                                \
    gather_future((const asyncio_awaitable[]){ ASYNCIO__MAP(ASYNCIO_AWAITABLE, __VA_ARGS__) },     \
                  ASYNCIO__COUNT(__VA_ARGS__), 0)
#define GATHER_EXCEPTIONS(...)                                                                     \
    gather_future((const asyncio_awaitable[]){ ASYNCIO__MAP(ASYNCIO_AWAITABLE, __VA_ARGS__) },     \
                  ASYNCIO__COUNT(__VA_ARGS__), 1)

static const char *gather_all(const asyncio_awaitable *children, size_t count,
                              int return_exceptions)
{
    int results[MANY];
    int r = asyncio_gather_all(children, count, results, .return_exceptions = return_exceptions);
    return r < 0 ? name(r) : list_name(results, count);
}

#define GATHERED(...)                                                                              \
    gather_all((const asyncio_awaitable[]){ ASYNCIO__MAP(ASYNCIO_AWAITABLE, __VA_ARGS__) },        \
               ASYNCIO__COUNT(__VA_ARGS__), 0)
#define GATHERED_EXCEPTIONS(...)                                                                   \
    gather_all((const asyncio_awaitable[]){ ASYNCIO__MAP(ASYNCIO_AWAITABLE, __VA_ARGS__) },        \
               ASYNCIO__COUNT(__VA_ARGS__), 1)

SCENARIO(gather_of_nothing_does_not_suspend)
{
    turns(1);
    say("%s", gather_all(NULL, 0, 0));
    say("in the same turn");
    return passes(1);
}

SCENARIO(results_stand_in_the_order_of_arguments)
{
    say("%s",
        GATHERED(asyncio_coro(sleeper, "a", TICKS(3), 1), asyncio_coro(sleeper, "b", TICKS(1), 2),
                 asyncio_coro(sleeper, "c", TICKS(2), 3)));
    say("%s", at());
    return 0;
}

SCENARIO(gather_turn_by_turn)
{
    turns(6);
    say("%s", GATHERED(asyncio_coro(steps, "a", 2, 1), asyncio_coro(steps, "b", 1, 2)));
    return passes(1);
}

SCENARIO(gather_mixes_futures_tasks_and_coroutines)
{
    asyncio_future *future = new_future();
    asyncio_task *task = start(asyncio_coro(steps, "task", 1, 2));
    later(1, set_result_1, future);
    say("%s", GATHERED(future, task, asyncio_coro(steps, "coroutine", 1, 3)));
    return 0;
}

SCENARIO(the_first_error_ends_gather_and_siblings_go_on)
{
    asyncio_task *slow = start(asyncio_coro(sleeper, "slow", TICKS(3), 1));
    say("%s", name(asyncio_gather(slow, asyncio_coro(late_failing, "bad", TICKS(1), EPIPE))));
    say("%s slow %s", at(), state(slow));
    const char *how = ends(slow);
    say("%s %s", how, at());
    return 0;
}

SCENARIO(the_first_error_in_time_not_in_order)
{
    say("%s", name(asyncio_gather(asyncio_coro(late_failing, "late", TICKS(2), EIO),
                                  asyncio_coro(late_failing, "early", TICKS(1), EPIPE))));
    ok(asyncio_sleep(2 * T));
    say("nothing reported");
    return 0;
}

SCENARIO(two_errors_in_one_turn_the_first_finished_wins)
{
    say("%s", name(asyncio_gather(asyncio_coro(failing, "a", 1, EIO),
                                  asyncio_coro(failing, "b", 1, EPIPE))));
    ok(passes(1));
    say("nothing reported");
    return 0;
}

SCENARIO(a_siblings_later_error_is_fetched)
{
    asyncio_task *bad = start(asyncio_coro(late_failing, "bad", TICKS(2), EIO));
    say("%s", name(asyncio_gather(bad, asyncio_coro(late_failing, "first", TICKS(1), EPIPE))));
    ok(asyncio_sleep(2 * T));
    say("bad %s", state(bad));
    drop(bad);
    say("dropped");
    return 0;
}

SCENARIO(a_cancelled_child_counts_as_an_error)
{
    asyncio_task *child = start(asyncio_coro(sleeper, "child", TICKS(9), 0));
    asyncio_task *other = start(asyncio_coro(sleeper, "other", TICKS(1), 2));
    asyncio_future *together = GATHER(child, other);
    ok(passes(1));
    asyncio_task_cancel(child);
    say("%s", gathered(together));
    say("gather %s, main cancelling %d", state(together),
        asyncio_task_cancelling(asyncio_current_task()));
    say("other %s", ends(other));
    return 0;
}

SCENARIO(return_exceptions_collects_all)
{
    asyncio_task *child = start(asyncio_coro(sleeper, "child", TICKS(9), 0));
    later(1, cancel_task, child);
    say("%s", GATHERED_EXCEPTIONS(asyncio_coro(quick, 1),
                                  asyncio_coro(late_failing, "bad", TICKS(2), EPIPE), child,
                                  asyncio_coro(sleeper, "slow", TICKS(3), 4)));
    say("%s", at());
    return 0;
}

SCENARIO(return_exceptions_fetches_them)
{
    asyncio_task *bad = start(asyncio_coro(failing, "bad", 1, EPIPE));
    say("%s", GATHERED_EXCEPTIONS(bad));
    drop(bad);
    say("nothing reported");
    return 0;
}

/* ---- gather is cancelled ---- */

static int parent_of_three_sleepers(void)
{
    return asyncio_gather(asyncio_coro(sleeper, "a", TICKS(9), 0),
                          asyncio_coro(sleeper, "b", TICKS(9), 0),
                          asyncio_coro(sleeper, "c", TICKS(9), 0));
}

SCENARIO(cancelling_gather_cancels_every_child)
{
    asyncio_task *task = start(asyncio_coro(parent_of_three_sleepers));
    ok(passes(2));
    turns(4);
    say("cancel %s", yes(asyncio_task_cancel(task)));
    say("%s", ends(task));
    say("%s %s", state(task), at());
    return 0;
}

static int parent_of_two(asyncio_task *a, asyncio_task *b, int return_exceptions)
{
    asyncio_awaitable children[2] = { ASYNCIO_AWAITABLE(a), ASYNCIO_AWAITABLE(b) };
    return asyncio_gather_all(children, 2, NULL, .return_exceptions = return_exceptions);
}

SCENARIO(cancelled_gather_leaves_with_the_first_cancelled_child)
{
    asyncio_task *a = start(asyncio_coro(cleaning, "a", 6)),
                 *b = start(asyncio_coro(cleaning, "b", 1));
    asyncio_task *task = start(asyncio_coro(parent_of_two, a, b, 0));
    ok(passes(2));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    say("a %s, b %s", state(a), state(b));
    say("%s", ends(a));
    return 0;
}

SCENARIO(cancelled_gather_with_return_exceptions_waits_for_all)
{
    asyncio_task *a = start(asyncio_coro(cleaning, "a", 3)),
                 *b = start(asyncio_coro(cleaning, "b", 1));
    asyncio_task *task = start(asyncio_coro(parent_of_two, a, b, 1));
    ok(passes(2));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    say("a %s, b %s, %s", state(a), state(b), state(task));
    return 0;
}

SCENARIO(cancelled_gather_whose_children_swallow)
{
    for (int collect = 0; collect < 2; collect++) {
        asyncio_awaitable children[2] = { ASYNCIO_AWAITABLE(asyncio_coro(stubborn, "a", 1, 1)),
                                          ASYNCIO_AWAITABLE(asyncio_coro(stubborn, "b", 1, 2)) };
        asyncio_future *together = gather_future(children, 2, collect);
        ok(passes(1));
        int cancelled = asyncio_future_cancel(together);
        say("cancel %s, %s", yes(cancelled), state(together));
        say("%s", gathered(together));
    }
    return 0;
}

SCENARIO(cancelled_gather_with_one_child_that_swallows)
{
    asyncio_task *a = start(asyncio_coro(stubborn, "a", 1, 1)),
                 *b = start(asyncio_coro(cleaning, "b", 2));
    asyncio_future *together = GATHER(a, b);
    ok(passes(1));
    asyncio_future_cancel(together);
    say("%s", gathered(together));
    say("%s, a %s, b %s", state(together), state(a), state(b));
    return 0;
}

SCENARIO(cancelled_gather_with_a_child_that_fails_in_cleanup)
{
    for (int collect = 0; collect < 2; collect++) {
        asyncio_awaitable children[2] = { ASYNCIO_AWAITABLE(asyncio_coro(breaking, "a", 1, EPIPE)),
                                          ASYNCIO_AWAITABLE(asyncio_coro(cleaning, "b", 2)) };
        asyncio_future *together = gather_future(children, 2, collect);
        ok(passes(1));
        asyncio_future_cancel(together);
        say("%s", gathered(together));
        ok(passes(2));
    }
    return 0;
}

static void set_both(asyncio_future **futures)
{
    ok(asyncio_future_set_result(futures[0], 0));
    ok(asyncio_future_set_result(futures[1], 1));
}

SCENARIO(cancelling_gather_when_all_children_are_done)
{
    asyncio_future *futures[2] = { new_future(), new_future() };
    asyncio_future *together = GATHER(futures[0], futures[1]);
    set_both(futures);
    const char *before = state(together);
    say("%s, cancel %s", before, yes(asyncio_future_cancel(together)));
    say("%s", gathered(together));
    return 0;
}

static int says_what_gather_gave(asyncio_future **futures)
{
    say("gather: %s", name(asyncio_gather(futures[0], futures[1])));
    return asyncio_task_cancelling(asyncio_current_task());
}

SCENARIO(cancelling_who_awaits_gather_when_all_children_are_done)
{
    asyncio_future *futures[2] = { new_future(), new_future() };
    asyncio_task *task = start(asyncio_coro(says_what_gather_gave, futures));
    ok(passes(1));
    set_both(futures);
    say("cancel %s", yes(asyncio_task_cancel(task)));
    say("%s", ends(task));
    return 0;
}

SCENARIO(cancelling_gather_that_has_ended_touches_nobody)
{
    asyncio_task *slow = start(asyncio_coro(sleeper, "slow", TICKS(2), 1));
    asyncio_future *together = GATHER(slow, asyncio_coro(failing, "bad", 1, EPIPE));
    say("%s", gathered(together));
    int cancelled = asyncio_future_cancel(together);
    say("cancel %s, slow cancelling %d", yes(cancelled), asyncio_task_cancelling(slow));
    say("%s", ends(slow));
    return 0;
}

SCENARIO(cancelling_gather_spares_the_children_that_are_done)
{
    asyncio_task *done = start(asyncio_coro(quick, 1));
    asyncio_task *slow = start(asyncio_coro(sleeper, "slow", TICKS(9), 0));
    asyncio_future *together = GATHER(done, slow);
    ok(passes(2));
    say("cancel %s", yes(asyncio_future_cancel(together)));
    say("%s", gathered(together));
    say("done %s %d, slow %s", state(done), asyncio_task_cancelling(done), state(slow));
    return 0;
}

SCENARIO(cancelling_gather_cancels_its_futures)
{
    asyncio_future *future = new_future();
    asyncio_future *together = GATHER(future);
    asyncio_future_cancel(together);
    say("future %s, gather %s", state(future), state(together));
    say("%s", gathered(together));
    return 0;
}

/* ---- what is done already ---- */

SCENARIO(one_task_twice_fills_both_slots)
{
    asyncio_task *task = start(asyncio_coro(steps, "a", 1, 5));
    say("%s", GATHERED(task, asyncio_coro(quick, 6), task));
    return 0;
}

SCENARIO(gather_of_what_is_done_is_done_at_once)
{
    asyncio_future *futures[2] = { new_future(), new_future() };
    set_both(futures);
    turns(1);
    asyncio_future *together = GATHER(futures[0], futures[1]);
    say("%s", state(together));
    say("%s", gathered(together));
    say("in the same turn");
    return passes(1);
}

SCENARIO(gather_of_what_failed_is_done_at_once)
{
    asyncio_future *failed = new_future(), *waits = new_future();
    ok(asyncio_future_set_exception(failed, -EPIPE));
    asyncio_future *together = GATHER(waits, failed);
    say("%s, pending %s", state(together), state(waits));
    say("%s", gathered(together));
    return asyncio_future_set_result(waits, 1);
}

SCENARIO(gather_of_what_is_cancelled)
{
    asyncio_future *cancelled = new_future(), *waits = new_future();
    asyncio_future_cancel(cancelled);
    asyncio_future *together = GATHER(cancelled, waits);
    say("%s", state(together));
    say("%s", gathered(together));
    asyncio_future *collected = GATHER_EXCEPTIONS(cancelled, waits);
    say("%s", state(collected));
    ok(asyncio_future_set_result(waits, 1));
    say("%s", gathered(collected));
    return 0;
}

SCENARIO(gathers_error_that_nobody_fetched)
{
    asyncio_future *together = GATHER(asyncio_coro(failing, "bad", 0, EPIPE));
    ok(passes(3));
    say("dropping");
    drop(together);
    say("dropped");
    return 0;
}

/* ---- gather in gather ---- */

static int two_sleepers(void)
{
    return asyncio_await(GATHER(
        GATHER(asyncio_coro(sleeper, "a", TICKS(9), 0), asyncio_coro(sleeper, "b", TICKS(9), 0)),
        GATHER(asyncio_coro(sleeper, "c", TICKS(9), 0))));
}

SCENARIO(gather_in_gather_is_cancelled_to_the_leaves)
{
    asyncio_task *task = start(asyncio_coro(two_sleepers));
    ok(passes(2));
    turns(5);
    asyncio_task_cancel(task);
    say("%s", ends(task));
    return 0;
}

SCENARIO(gather_in_gather_results)
{
    asyncio_future *inner = GATHER(asyncio_coro(quick, 1), asyncio_coro(quick, 2));
    int results[2];
    asyncio_awaitable children[2] = { ASYNCIO_AWAITABLE(inner),
                                      ASYNCIO_AWAITABLE(asyncio_coro(quick, 3)) };
    ok(asyncio_gather_all(children, 2, results));
    size_t count;
    const int *inner_results = asyncio_gather_future_results(inner, &count);
    say("[%s, %d]", list_name(inner_results, count), results[1]);
    return 0;
}

static void says_list(asyncio_future *together)
{
    size_t count;
    const int *results = asyncio_gather_future_results(together, &count);
    ok(asyncio_future_result(together));
    say("callback %s", list_name(results, count));
}

SCENARIO(gather_as_a_future_with_a_callback)
{
    asyncio_future *together =
        GATHER(asyncio_coro(steps, "a", 1, 1), asyncio_coro(steps, "b", 0, 2));
    ok(asyncio_future_add_done_callback(together, says_list));
    say("%s", state(together));
    ok(passes(3));
    say("%s", state(together));
    return passes(1);
}

SCENARIO(gather_that_nobody_awaits_still_runs_its_children)
{
    drop(GATHER(asyncio_coro(steps, "a", 1, 0), asyncio_coro(steps, "b", 1, 0)));
    ok(passes(4));
    say("main");
    return 0;
}

SCENARIO(gather_cancelled_before_its_children_began)
{
    asyncio_task *a = start(asyncio_coro(steps, "a", 1, 0));
    asyncio_future *together = GATHER(a, asyncio_coro(steps, "b", 1, 0));
    say("cancel %s", yes(asyncio_future_cancel(together)));
    say("%s", gathered(together));
    say("a %s", state(a));
    return 0;
}

SCENARIO(gather_with_children_that_end_in_different_turns)
{
    turns(7);
    say("%s", GATHERED(asyncio_coro(steps, "a", 0, 1), asyncio_coro(steps, "b", 3, 2),
                       asyncio_coro(steps, "c", 1, 3)));
    return 0;
}

CONFORMANCE("gather")
