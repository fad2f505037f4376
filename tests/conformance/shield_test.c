/* SPDX-License-Identifier: MIT */
/* shield, as scenarios_shield.py: the outer may be cancelled, the inner is not touched. Where 3.14
 * reports an error behind a cancelled shield otherwise than 3.13, C follows 3.14. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>

static asyncio_future *shield_of(asyncio_awaitable inner)
{
    asyncio_future *outer;
    ok((asyncio_shield_future)(inner, &outer));
    return own(outer);
}

#define SHIELD(x) shield_of(ASYNCIO_AWAITABLE(x))

static int says_shielded(asyncio_task *inner)
{
    say("%s", name(asyncio_shield(inner)));
    return asyncio_task_cancelling(asyncio_current_task());
}

SCENARIO(the_waiter_is_cancelled_the_inner_goes_on)
{
    asyncio_task *inner = start(asyncio_coro(sleeper, "inner", TICKS(2), 7));
    asyncio_task *task = start(asyncio_coro(says_shielded, inner));
    ok(asyncio_sleep(1 * T));
    asyncio_task_cancel(task);
    say("inner cancelling %d", asyncio_task_cancelling(inner));
    say("%s", ends(task));
    say("inner %s %s", state(inner), at());
    const char *how = ends(inner);
    say("%s %s", how, at());
    return 0;
}

SCENARIO(shield_hands_on_the_result)
{
    turns(5);
    say("%s", name(asyncio_shield(asyncio_coro(steps, "inner", 1, 7))));
    return passes(1);
}

SCENARIO(shield_hands_on_the_error)
{
    asyncio_task *inner = start(asyncio_coro(failing, "inner", 1, EPIPE));
    say("%s", name(asyncio_shield(inner)));
    say("%s", ends(inner));
    return 0;
}

SCENARIO(the_inner_is_cancelled_so_is_the_outer)
{
    asyncio_task *inner = start(asyncio_coro(sleeper, "inner", TICKS(9), 0));
    asyncio_future *outer = SHIELD(inner);
    ok(passes(1));
    asyncio_task_cancel(inner);
    say("%s", ends(outer));
    say("outer %s, main cancelling %d", state(outer),
        asyncio_task_cancelling(asyncio_current_task()));
    return 0;
}

SCENARIO(shield_of_what_is_done_is_the_thing_itself)
{
    asyncio_task *inner = start(asyncio_coro(quick, 7));
    ok(passes(1));
    turns(1);
    asyncio_future *shielded = SHIELD(inner);
    say("itself %s", yes(shielded == ASYNCIO__FUTURE(inner)));
    say("%s", ends(shielded));
    say("in the same turn");
    return passes(1);
}

SCENARIO(cancelling_the_outer_future)
{
    asyncio_task *inner = start(asyncio_coro(sleeper, "inner", TICKS(1), 7));
    asyncio_future *outer = SHIELD(inner);
    int cancelled = asyncio_future_cancel(outer);
    say("cancel %s, outer %s, inner cancelling %d", yes(cancelled), state(outer),
        asyncio_task_cancelling(inner));
    say("again %s", yes(asyncio_future_cancel(outer)));
    say("%s", ends(outer));
    say("%s", ends(inner));
    return 0;
}

SCENARIO(the_inner_fails_after_the_outer_was_cancelled)
{
    asyncio_task *inner = start(asyncio_coro(late_failing, "inner", TICKS(1), EPIPE));
    asyncio_future *outer = SHIELD(inner);
    ok(passes(1));
    asyncio_future_cancel(outer);
    ok(asyncio_sleep(2 * T));
    say("inner %s, outer %s", state(inner), state(outer));
    drop(inner);
    say("dropped");
    return 0;
}

SCENARIO(two_shields_are_cancelled_and_the_inner_fails)
{
    asyncio_task *inner = start(asyncio_coro(late_failing, "inner", TICKS(1), EPIPE));
    asyncio_future *shields[2] = { SHIELD(inner), SHIELD(inner) };
    ok(passes(1));
    asyncio_future_cancel(shields[0]);
    asyncio_future_cancel(shields[1]);
    ok(asyncio_sleep(2 * T));
    say("%s", ends(inner));
    return 0;
}

SCENARIO(one_of_two_shields_is_cancelled_and_the_inner_fails)
{
    asyncio_task *inner = start(asyncio_coro(late_failing, "inner", TICKS(1), EPIPE));
    asyncio_future *first = SHIELD(inner), *second = SHIELD(inner);
    ok(passes(1));
    asyncio_future_cancel(first);
    say("first %s", ends(first));
    say("second %s", ends(second));
    drop(inner);
    say("dropped");
    return 0;
}

SCENARIO(a_cancelled_shield_and_an_inner_that_is_cancelled_too)
{
    asyncio_task *inner = start(asyncio_coro(sleeper, "inner", TICKS(9), 0));
    asyncio_future *outer = SHIELD(inner);
    ok(passes(1));
    asyncio_future_cancel(outer);
    asyncio_task_cancel(inner);
    const char *how = ends(outer);
    say("%s %s", how, ends(inner));
    return 0;
}

static int gathers_shields(asyncio_task **inners)
{
    return asyncio_gather(SHIELD(inners[0]), SHIELD(inners[1]));
}

SCENARIO(gather_of_shields_cancels_the_shields_only)
{
    asyncio_task *inners[2] = { start(asyncio_coro(sleeper, "a", TICKS(2), 0)),
                                start(asyncio_coro(sleeper, "b", TICKS(2.5), 1)) };
    asyncio_task *task = start(asyncio_coro(gathers_shields, inners));
    ok(asyncio_sleep(1 * T));
    asyncio_task_cancel(task);
    const char *how = ends(task);
    say("%s %s", how, at());
    say("%s %s", state(inners[0]), state(inners[1]));
    say("%s", ends(inners[0]));
    say("%s", ends(inners[1]));
    return 0;
}

static int shields(asyncio_future *inner)
{
    return asyncio_shield(inner);
}

static int shields_task(asyncio_task *inner)
{
    return asyncio_shield(inner);
}

SCENARIO(shield_of_gather_leaves_gather_alone)
{
    asyncio_awaitable children[2] = { ASYNCIO_AWAITABLE(asyncio_coro(sleeper, "a", TICKS(2), 1)),
                                      ASYNCIO_AWAITABLE(
                                          asyncio_coro(sleeper, "b", TICKS(2.5), 2)) };
    asyncio_future *together;
    ok(asyncio_gather_future(children, 2, &together));
    asyncio_task *task = start(asyncio_coro(shields, own(together)));
    ok(asyncio_sleep(1 * T));
    asyncio_task_cancel(task);
    const char *how = ends(task);
    say("%s %s", how, at());
    ok(asyncio_await(together));
    size_t count;
    const int *results = asyncio_gather_future_results(together, &count);
    say("%s", list_name(results, count));
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
    pair.inner = start(asyncio_coro(steps, "inner", 1, 7));
    pair.outer = start(asyncio_coro(shields_task, pair.inner));
    ok(passes(1));
    soon(say_inner_cancel_outer, &pair);
    say("%s", ends(pair.outer));
    say("%s", ends(pair.inner));
    return 0;
}

SCENARIO(wait_for_around_a_shield)
{
    asyncio_task *inner = start(asyncio_coro(sleeper, "inner", TICKS(2), 7));
    const char *how = name(asyncio_wait_for(SHIELD(inner), 1 * T));
    say("%s %s", how, at());
    how = ends(inner);
    say("%s %s", how, at());
    return 0;
}

static int limited_shield(asyncio_task *inner)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 1 * T);
    int r = asyncio_shield(inner);
    return asyncio_timeout_exit(&limit, r);
}

SCENARIO(timeout_around_a_shield)
{
    asyncio_task *inner = start(asyncio_coro(sleeper, "inner", TICKS(2), 7));
    const char *how = name(limited_shield(inner));
    say("%s %s", how, at());
    how = ends(inner);
    say("%s %s", how, at());
    return 0;
}

SCENARIO(shield_of_a_future)
{
    asyncio_future *future = new_future();
    asyncio_future *outer = SHIELD(future);
    asyncio_task *task = start(asyncio_coro(waiter, "a", outer));
    ok(passes(1));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    say("future %s, outer %s", state(future), state(outer));
    return asyncio_future_set_result(future, 1);
}

static int cleans_behind_a_shield(void)
{
    int r = wait_for_ever();
    say("cleans");
    say("cleanup: %s", name(asyncio_shield(asyncio_coro(sleeper, "last words", TICKS(1), 1))));
    return r;
}

SCENARIO(cleanup_behind_a_shield)
{
    asyncio_task *task = start(asyncio_coro(cleans_behind_a_shield));
    ok(passes(1));
    asyncio_task_cancel(task);
    ok(passes(3));
    asyncio_task_cancel(task);
    const char *how = ends(task);
    say("%s %s", how, at());
    ok(asyncio_sleep(2 * T));
    say("%s", at());
    return 0;
}

SCENARIO(an_error_that_shield_hands_on_counts_as_fetched)
{
    asyncio_task *inner = start(asyncio_coro(failing, "inner", 1, EPIPE));
    say("%s", name(asyncio_shield(inner)));
    drop(inner);
    say("dropped");
    return 0;
}

SCENARIO(an_error_that_nobody_fetched_from_shield)
{
    asyncio_task *inner = start(asyncio_coro(failing, "inner", 1, EPIPE));
    asyncio_future *outer = SHIELD(inner);
    ok(passes(4));
    drop(inner);
    say("dropped the inner");
    drop(outer);
    say("dropped the outer");
    return 0;
}

CONFORMANCE("shield")
