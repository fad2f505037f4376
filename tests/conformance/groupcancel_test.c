/* SPDX-License-Identifier: MIT */
/* asyncio_task_group_cancel, as scenarios_groupcancel.py: the rules of Python 3.15's
 * TaskGroup.cancel. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>

static int cancelling(void)
{
    return asyncio_task_cancelling(asyncio_current_task());
}

#define ADD(group, ...) ok(asyncio_task_group_create_task(group, asyncio_coro(__VA_ARGS__), NULL))

static asyncio_task *add_task(asyncio_task_group *group, asyncio_coro coro)
{
    asyncio_task *task;
    ok(asyncio_task_group_create_task(group, coro, &task));
    own(ASYNCIO__FUTURE(task));
    return task;
}

static void cancel_group(asyncio_loop *loop, void *group)
{
    (void)loop;
    ok(asyncio_task_group_cancel(group));
}

SCENARIO(cancelled_by_its_body)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    asyncio_task *a = add_task(&group, asyncio_coro(sleeper, "a", TICKS(9), 0));
    ok(asyncio_sleep(1 * T));
    ok(asyncio_task_group_cancel(&group));
    say("goes on, cancelling %d", cancelling());
    const char *how = name(asyncio_sleep(5 * T));
    say("body: %s %s", how, at());
    ok(asyncio_task_group_exit(&group, 0));
    say("left %s, a %s, cancelling %d", at(), state(a), cancelling());
    say("%s", name(asyncio_sleep(0)));
    return 0;
}

SCENARIO(cancelled_by_its_body_which_leaves_at_once)
{
    asyncio_task_group group;
    turns(4);
    asyncio_task_group_enter(&group);
    ADD(&group, steps, "a", 3, 0);
    ok(passes(1));
    ok(asyncio_task_group_cancel(&group));
    ok(asyncio_task_group_exit(&group, 0));
    say("left, cancelling %d", cancelling());
    return passes(1);
}

SCENARIO(cancelled_without_tasks)
{
    asyncio_task_group group;
    turns(2);
    asyncio_task_group_enter(&group);
    ok(asyncio_task_group_cancel(&group));
    ok(asyncio_task_group_exit(&group, 0));
    say("left in the same turn, cancelling %d", cancelling());
    say("%s", name(asyncio_sleep(0)));
    return 0;
}

SCENARIO(cancelled_before_a_task_has_begun)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    asyncio_task *a = add_task(&group, asyncio_coro(steps, "a", 1, 0));
    ok(asyncio_task_group_cancel(&group));
    ok(asyncio_task_group_exit(&group, 0));
    say("a %s", state(a));
    return 0;
}

static int cancels_and_sleeps(asyncio_task_group *group)
{
    ok(asyncio_sleep(1 * T));
    ok(asyncio_task_group_cancel(group));
    int r = asyncio_sleep(1 * T);
    say("child: %s", name(r));
    return r;
}

SCENARIO(cancelled_by_a_child_while_the_body_waits)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, cancels_and_sleeps, &group);
    ADD(&group, sleeper, "b", TICKS(9), 0);
    const char *how = name(asyncio_sleep(9 * T));
    say("body: %s %s", how, at());
    ok(asyncio_task_group_exit(&group, 0));
    say("left %s, cancelling %d", at(), cancelling());
    return 0;
}

static int cancels_and_returns(asyncio_task_group *group)
{
    ok(asyncio_sleep(1 * T));
    ok(asyncio_task_group_cancel(group));
    return 7;
}

SCENARIO(cancelled_by_a_child_at_the_exit)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    asyncio_task *a = add_task(&group, asyncio_coro(cancels_and_returns, &group));
    ADD(&group, sleeper, "b", TICKS(9), 0);
    ok(asyncio_task_group_exit(&group, 0));
    say("left %s, a %s, cancelling %d", at(), state(a), cancelling());
    say("%s", name(asyncio_sleep(0)));
    return 0;
}

SCENARIO(cancelled_from_outside_turn_by_turn)
{
    static asyncio_task_group group; /* the callback outlives a body that ends early */
    turns(6);
    asyncio_task_group_enter(&group);
    ADD(&group, cleaning, "a", 1);
    soon(cancel_group, &group);
    ok(asyncio_task_group_exit(&group, 0));
    say("left, cancelling %d", cancelling());
    return passes(1);
}

SCENARIO(cancelled_twice_and_after_the_end)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    asyncio_task *a = add_task(&group, asyncio_coro(stubborn, "a", 1, 3));
    ok(passes(1));
    ok(asyncio_task_group_cancel(&group));
    ok(asyncio_task_group_cancel(&group));
    say("cancelling %d, a %d", cancelling(), asyncio_task_cancelling(a));
    ok(asyncio_task_group_exit(&group, 0));
    ok(asyncio_task_group_cancel(&group));
    say("left, cancelling %d, a %s", cancelling(), name(asyncio_task_result(a)));
    say("%s", name(asyncio_sleep(0)));
    return 0;
}

SCENARIO(cancelled_and_a_child_fails_in_its_cleanup)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, breaking, "a", 1, EPIPE);
    ok(passes(1));
    ok(asyncio_task_group_cancel(&group));
    int r = asyncio_task_group_exit(&group, asyncio_sleep(9 * T));
    say("%s, cancelling %d", group_name(r), cancelling());
    say("%s", name(asyncio_sleep(0)));
    return 0;
}

SCENARIO(cancelled_after_a_child_has_failed)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, failing, "a", 0, EPIPE);
    ADD(&group, cleaning, "b", 2);
    say("body: %s", name(asyncio_sleep(9 * T)));
    ok(asyncio_task_group_cancel(&group));
    say("cancelling %d", cancelling());
    int r = asyncio_task_group_exit(&group, 0);
    say("%s, cancelling %d", group_name(r), cancelling());
    return 0;
}

SCENARIO(cancelled_and_the_body_goes_on)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, steps, "a", 9, 0);
    ok(passes(1));
    ok(asyncio_task_group_cancel(&group));
    say("body: %s", name(asyncio_sleep(0)));
    say("again: %s", name(asyncio_sleep(1 * T)));
    ok(asyncio_task_group_exit(&group, 0));
    say("left %s, cancelling %d", at(), cancelling());
    return 0;
}

SCENARIO(cancelled_and_the_body_fails)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, steps, "a", 9, 0);
    ok(asyncio_task_group_cancel(&group));
    (void)name(asyncio_sleep(0));
    int r = asyncio_task_group_exit(&group, -ENOENT);
    say("%s, cancelling %d", group_name(r), cancelling());
    return 0;
}

SCENARIO(a_cancelled_group_takes_no_tasks)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, cleaning, "a", 1);
    ok(passes(1));
    ok(asyncio_task_group_cancel(&group));
    int r = asyncio_task_group_create_task(&group, asyncio_coro(steps, "b", 1, 0), NULL);
    r = asyncio_task_group_exit(&group, r);
    say("%s, cancelling %d", group_name(r), cancelling());
    return 0;
}

static int cancels_and_waits(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, cleaning, "a", 3);
    ok(passes(1));
    ok(asyncio_task_group_cancel(&group));
    say("body: %s", name(asyncio_sleep(0)));
    return asyncio_task_group_exit(&group, 0);
}

SCENARIO(the_parent_is_cancelled_too_while_it_waits)
{
    asyncio_task *task = start(asyncio_coro(cancels_and_waits));
    ok(passes(3));
    asyncio_task_cancel(task);
    const char *how = ends(task);
    say("%s, cancelling %d", how, asyncio_task_cancelling(task));
    return 0;
}

static int is_cancelled_and_cancels(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, cleaning, "a", 3);
    ok(passes(1));
    asyncio_task_cancel(asyncio_current_task());
    say("body: %s", name(asyncio_sleep(0)));
    ok(asyncio_task_group_cancel(&group));
    say("cancelling %d", cancelling());
    return asyncio_task_group_exit(&group, asyncio_sleep(0));
}

SCENARIO(the_parent_is_cancelled_and_then_its_group)
{
    asyncio_task *task = start(asyncio_coro(is_cancelled_and_cancels));
    const char *how = ends(task);
    say("%s, cancelling %d", how, asyncio_task_cancelling(task));
    return 0;
}

static int swallowed_before(void)
{
    asyncio_task_cancel(asyncio_current_task());
    (void)name(asyncio_sleep(0));
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, cleaning, "a", 1);
    ok(passes(1));
    ok(asyncio_task_group_cancel(&group));
    int r = asyncio_task_group_exit(&group, 0);
    if (r >= 0)
        say("left");
    return r;
}

SCENARIO(an_earlier_cancel_was_swallowed_before_the_group)
{
    asyncio_task *task = start(asyncio_coro(swallowed_before));
    const char *how = ends(task);
    say("%s, cancelling %d", how, asyncio_task_cancelling(task));
    return 0;
}

static int swallowed_and_leaves(void)
{
    asyncio_task_cancel(asyncio_current_task());
    (void)name(asyncio_sleep(0));
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ok(asyncio_task_group_cancel(&group));
    ok(asyncio_task_group_exit(&group, 0));
    say("left, cancelling %d", cancelling());
    say("%s", name(asyncio_sleep(0)));
    return 0;
}

SCENARIO(an_earlier_cancel_was_swallowed_and_the_body_leaves_without_waiting)
{
    asyncio_task *task = start(asyncio_coro(swallowed_and_leaves));
    const char *how = ends(task);
    say("%s, cancelling %d", how, asyncio_task_cancelling(task));
    return 0;
}

/* ---- groups in groups, and limits around them ---- */

SCENARIO(an_inner_group_is_cancelled)
{
    asyncio_task_group outer, inner;
    asyncio_task_group_enter(&outer);
    asyncio_task *a = add_task(&outer, asyncio_coro(sleeper, "a", TICKS(2), 4));
    asyncio_task_group_enter(&inner);
    ADD(&inner, sleeper, "b", TICKS(9), 0);
    ok(asyncio_sleep(1 * T));
    ok(asyncio_task_group_cancel(&inner));
    ok(asyncio_task_group_exit(&inner, asyncio_sleep(9 * T)));
    say("left the inner one %s, cancelling %d", at(), cancelling());
    ok(asyncio_task_group_exit(&outer, 0));
    say("left %s, a %s", at(), name(asyncio_task_result(a)));
    return 0;
}

SCENARIO(the_outer_group_is_cancelled_within_the_inner)
{
    asyncio_task_group outer, inner;
    asyncio_task_group_enter(&outer);
    ADD(&outer, sleeper, "a", TICKS(9), 0);
    asyncio_task_group_enter(&inner);
    ADD(&inner, sleeper, "b", TICKS(9), 0);
    ok(asyncio_sleep(1 * T));
    ok(asyncio_task_group_cancel(&outer));
    int r = asyncio_task_group_exit(&inner, asyncio_sleep(9 * T));
    if (r >= 0)
        say("not here");
    ok(asyncio_task_group_exit(&outer, r));
    say("left %s, cancelling %d", at(), cancelling());
    return 0;
}

SCENARIO(both_groups_are_cancelled)
{
    asyncio_task_group outer, inner;
    asyncio_task_group_enter(&outer);
    asyncio_task_group_enter(&inner);
    ADD(&inner, sleeper, "a", TICKS(9), 0);
    ok(asyncio_sleep(1 * T));
    ok(asyncio_task_group_cancel(&inner));
    ok(asyncio_task_group_cancel(&outer));
    say("cancelling %d", cancelling());
    int r = asyncio_task_group_exit(&inner, asyncio_sleep(9 * T));
    if (r >= 0)
        say("not here");
    ok(asyncio_task_group_exit(&outer, r));
    say("left %s, cancelling %d", at(), cancelling());
    return 0;
}

SCENARIO(a_limit_around_a_group_that_is_cancelled)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 5 * T);
    static asyncio_task_group group; /* the callback outlives a body that ends early */
    asyncio_task_group_enter(&group);
    ADD(&group, sleeper, "a", TICKS(9), 0);
    later(1, cancel_group, &group);
    ok(asyncio_task_group_exit(&group, 0));
    say("left %s, cancelling %d", at(), cancelling());
    ok(asyncio_timeout_exit(&limit, 0));
    say("expired %s", yes(asyncio_timeout_expired(&limit)));
    return 0;
}

static int cleans_long(void)
{
    int r = asyncio_sleep(9 * T);
    if (r == -ECANCELED)
        say("cleans: %s", name(asyncio_sleep(3 * T)));
    return r;
}

SCENARIO(the_limit_strikes_while_the_cancelled_group_cleans_up)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 2 * T);
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, cleans_long);
    ok(asyncio_sleep(1 * T));
    ok(asyncio_task_group_cancel(&group));
    int r = asyncio_task_group_exit(&group, 0);
    r = asyncio_timeout_exit(&limit, r);
    const char *how = name(r);
    say("%s %s, cancelling %d", how, at(), cancelling());
    return 0;
}

static void cancel_its_group(asyncio_future *task, void *group)
{
    (void)task;
    ok(asyncio_task_group_cancel(group));
}

SCENARIO(cancelled_in_the_turn_in_which_the_last_child_ends)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    asyncio_task *a = add_task(&group, asyncio_coro(steps, "a", 1, 5));
    ok(asyncio_task_add_done_callback(a, cancel_its_group, .data = &group));
    ok(asyncio_task_group_exit(&group, 0));
    say("left, cancelling %d, a %s", cancelling(), name(asyncio_task_result(a)));
    say("%s", name(asyncio_sleep(0)));
    return 0;
}

static int cancels_eagerly(asyncio_task_group *group)
{
    ok(asyncio_task_group_cancel(group));
    int r = asyncio_sleep(3 * T);
    const char *how = name(r);
    say("child: %s %s", how, at());
    return r;
}

SCENARIO(an_eager_child_cancels_its_group)
{
    asyncio_loop_set_task_factory(running(), asyncio_eager_task_factory, NULL);
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    asyncio_task *a = add_task(&group, asyncio_coro(cancels_eagerly, &group));
    say("body goes on");
    ok(asyncio_task_group_exit(&group, 0));
    say("left %s, a %s, cancelling %d", at(), state(a), cancelling());
    return 0;
}

LEFT_OUT(cancelled_before_it_is_entered,
         "there is no group before asyncio_task_group_enter has made one of the caller's memory")

CONFORMANCE("groupcancel")
