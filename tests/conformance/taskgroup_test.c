/* SPDX-License-Identifier: MIT */
/* Task groups, as scenarios_taskgroup.py: nobody outlives the block, the first failure ends the
 * others, cancels are counted. asyncio_task_group_exit returns the first error's code where Python
 * raises an ExceptionGroup; its record lists them all, and group_name spells that as Python
 * does. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>

static int cancelling(void)
{
    return asyncio_task_cancelling(asyncio_current_task());
}

/* Adds a child; its task is the scenario's when wanted. */
#define ADD(group, ...) ok(asyncio_task_group_create_task(group, asyncio_coro(__VA_ARGS__), NULL))

static asyncio_task *add_task(asyncio_task_group *group, asyncio_coro coro)
{
    asyncio_task *task;
    ok(asyncio_task_group_create_task(group, coro, &task));
    own(ASYNCIO__FUTURE(task));
    return task;
}

SCENARIO(it_waits_for_all)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    asyncio_task *a = add_task(&group, asyncio_coro(sleeper, "a", TICKS(2), 1));
    asyncio_task *b = add_task(&group, asyncio_coro(sleeper, "b", TICKS(1), 2));
    say("body ends");
    int r = asyncio_task_group_exit(&group, 0);
    say("%s %s %s", name(asyncio_task_result(a)), name(asyncio_task_result(b)), at());
    return r;
}

SCENARIO(a_group_without_tasks_does_not_suspend)
{
    asyncio_task_group group;
    turns(1);
    asyncio_task_group_enter(&group);
    say("body");
    ok(asyncio_task_group_exit(&group, 0));
    say("in the same turn");
    return passes(1);
}

SCENARIO(a_group_turn_by_turn)
{
    asyncio_task_group group;
    turns(5);
    asyncio_task_group_enter(&group);
    ADD(&group, steps, "a", 1, 0);
    ADD(&group, steps, "b", 2, 0);
    ok(asyncio_task_group_exit(&group, 0));
    say("left");
    return passes(1);
}

SCENARIO(children_that_are_done_before_the_exit)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, steps, "a", 0, 0);
    ok(passes(2));
    turns(1);
    ok(asyncio_task_group_exit(&group, 0));
    say("in the same turn");
    return passes(1);
}

/* ---- a child fails ---- */

SCENARIO(a_child_fails_and_the_siblings_are_cancelled)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    asyncio_task *a = add_task(&group, asyncio_coro(sleeper, "a", TICKS(9), 0));
    ADD(&group, late_failing, "b", TICKS(1), EPIPE);
    const char *how = group_name(asyncio_task_group_exit(&group, 0));
    say("%s %s", how, at());
    say("a %s, cancelling %d", state(a), cancelling());
    return 0;
}

SCENARIO(a_child_fails_and_the_body_is_cancelled)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, late_failing, "a", TICKS(1), EPIPE);
    int r = asyncio_sleep(9 * T);
    say("body: %s %s", name(r), at());
    say("cancelling %d", cancelling());
    const char *how = group_name(asyncio_task_group_exit(&group, r));
    say("%s %s", how, at());
    say("cancelling %d", cancelling());
    say("%s", name(asyncio_sleep(0)));
    return 0;
}

SCENARIO(the_body_swallows_the_cancel_of_its_group)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, failing, "a", 1, EPIPE);
    say("body: %s", name(wait_for_ever()));
    say("again: %s", name(asyncio_sleep(0)));
    say("%s", group_name(asyncio_task_group_exit(&group, 0)));
    say("cancelling %d", cancelling());
    return 0;
}

SCENARIO(a_failure_turn_by_turn)
{
    asyncio_task_group group;
    turns(8);
    asyncio_task_group_enter(&group);
    ADD(&group, failing, "a", 1, EPIPE);
    ADD(&group, cleaning, "b", 1);
    say("%s", group_name(asyncio_task_group_exit(&group, 0)));
    return passes(1);
}

SCENARIO(a_child_fails_while_the_body_yields)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, failing, "a", 0, EPIPE);
    int r = 0;
    for (int i = 1; i < 5 && r >= 0; i++) {
        r = asyncio_sleep(0);
        say("body %d: %s", i, name(r));
    }
    say("%s", group_name(asyncio_task_group_exit(&group, r)));
    return 0;
}

SCENARIO(errors_stand_in_the_order_they_came)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, breaking, "slow", 3, EIO);
    ADD(&group, failing, "first", 1, EPIPE);
    ADD(&group, breaking, "quick", 1, EBADF);
    say("%s", group_name(asyncio_task_group_exit(&group, 0)));
    return 0;
}

SCENARIO(two_children_fail_in_the_same_turn)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, failing, "a", 1, EIO);
    ADD(&group, failing, "b", 1, EPIPE);
    say("%s", group_name(asyncio_task_group_exit(&group, 0)));
    say("cancelling %d", cancelling());
    return 0;
}

/* ---- a child is cancelled ---- */

SCENARIO(a_cancelled_child_disturbs_nobody)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    asyncio_task *a = add_task(&group, asyncio_coro(sleeper, "a", TICKS(9), 0));
    asyncio_task *b = add_task(&group, asyncio_coro(sleeper, "b", TICKS(2), 5));
    later(1, cancel_task, a);
    int r = asyncio_task_group_exit(&group, 0);
    say("a %s, b %s %s", state(a), name(asyncio_task_result(b)), at());
    return r;
}

SCENARIO(a_child_cancelled_before_it_starts)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    asyncio_task *a = add_task(&group, asyncio_coro(steps, "a", 1, 0));
    asyncio_task_cancel(a);
    int r = asyncio_task_group_exit(&group, 0);
    say("a %s", state(a));
    return r;
}

SCENARIO(a_child_that_raises_cancelled_by_itself)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    asyncio_task *a = add_task(&group, asyncio_coro(cancelled_coroutine));
    ADD(&group, steps, "b", 2, 0);
    int r = asyncio_task_group_exit(&group, 0);
    say("a %s", state(a));
    return r;
}

/* ---- the body fails ---- */

SCENARIO(the_body_fails)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, cleaning, "a", 1);
    ok(passes(1));
    say("body raises EPIPE");
    say("%s", group_name(asyncio_task_group_exit(&group, -EPIPE)));
    say("cancelling %d", cancelling());
    return 0;
}

SCENARIO(the_body_fails_and_a_child_in_its_cleanup)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, breaking, "a", 1, EIO);
    ok(passes(1));
    say("%s", group_name(asyncio_task_group_exit(&group, -EPIPE)));
    return 0;
}

SCENARIO(the_body_fails_without_children)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    say("%s", group_name(asyncio_task_group_exit(&group, -EPIPE)));
    return 0;
}

SCENARIO(the_body_ends_cancelled_though_nobody_asked)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, cleaning, "a", 1);
    ok(passes(1));
    say("%s", group_name(asyncio_task_group_exit(&group, -ECANCELED)));
    say("cancelling %d", cancelling());
    return 0;
}

/* ---- the parent is cancelled ---- */

static int waits_in_the_body(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, cleaning, "a", 1);
    int r = wait_for_ever();
    say("body: %s", name(r));
    return asyncio_task_group_exit(&group, r);
}

SCENARIO(the_parent_is_cancelled_in_the_body)
{
    asyncio_task *task = start(asyncio_coro(waits_in_the_body));
    ok(passes(2));
    turns(5);
    asyncio_task_cancel(task);
    say("%s", ends(task));
    say("cancelling %d", asyncio_task_cancelling(task));
    return 0;
}

static int group_of_cleaning(const char *who, int n)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, cleaning, who, n);
    return asyncio_task_group_exit(&group, 0);
}

static int group_of_breaking(const char *who, int code)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, breaking, who, 1, code);
    return asyncio_task_group_exit(&group, 0);
}

SCENARIO(the_parent_is_cancelled_at_the_exit)
{
    asyncio_task *task = start(asyncio_coro(group_of_cleaning, "a", 1));
    ok(passes(2));
    turns(5);
    asyncio_task_cancel(task);
    say("%s", ends(task));
    say("%s, cancelling %d", state(task), asyncio_task_cancelling(task));
    return 0;
}

static int goes_on_after_a_group(void)
{
    say("%s", group_name(group_of_breaking("a", EPIPE)));
    say("cancelling %d", cancelling());
    say("next: %s", name(asyncio_sleep(0)));
    const char *how = name(asyncio_sleep(0));
    say("after: %s, cancelling %d", how, cancelling());
    return 0;
}

SCENARIO(the_parent_is_cancelled_and_a_child_fails_in_its_cleanup)
{
    asyncio_task *task = start(asyncio_coro(goes_on_after_a_group));
    ok(passes(2));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    return 0;
}

SCENARIO(further_cancels_are_absorbed_while_it_aborts)
{
    asyncio_task *task = start(asyncio_coro(group_of_cleaning, "a", 4));
    ok(passes(2));
    asyncio_task_cancel(task);
    ok(passes(2));
    say("cancel %s", yes(asyncio_task_cancel(task)));
    ok(passes(1));
    int cancelled = asyncio_task_cancel(task);
    say("cancel %s, %s", yes(cancelled), state(task));
    say("%s", ends(task));
    say("cancelling %d", asyncio_task_cancelling(task));
    return 0;
}

static int failing_and_cleaning(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, failing, "a", 1, EPIPE);
    ADD(&group, cleaning, "b", 3);
    say("%s", group_name(asyncio_task_group_exit(&group, 0)));
    say("cancelling %d", cancelling());
    say("next: %s", name(asyncio_sleep(0)));
    return 0;
}

SCENARIO(a_child_fails_and_the_parent_is_cancelled_beside)
{
    asyncio_task *task = start(asyncio_coro(failing_and_cleaning));
    ok(passes(5));
    say("cancel %s", yes(asyncio_task_cancel(task)));
    say("%s", ends(task));
    say("cancelling %d", asyncio_task_cancelling(task));
    return 0;
}

/* ---- who may add tasks, and when ---- */

SCENARIO(the_group_takes_no_tasks_before_and_after)
{
    asyncio_task_group group = { 0 };
    say("before: %s", name(asyncio_task_group_create_task(&group, asyncio_coro(quick, 1), NULL)));
    asyncio_task_group_enter(&group);
    ADD(&group, quick, 2);
    ok(asyncio_task_group_exit(&group, 0));
    say("after: %s", name(asyncio_task_group_create_task(&group, asyncio_coro(quick, 3), NULL)));
    return 0;
}

static int adds_a_sibling(asyncio_task_group *group, int n)
{
    say("child %d", n);
    int r = asyncio_sleep(0);
    if (r >= 0 && n < 3)
        ADD(group, adds_a_sibling, group, n + 1);
    return r;
}

SCENARIO(a_child_may_add_siblings_while_the_group_exits)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, adds_a_sibling, &group, 1);
    say("body ends");
    ok(asyncio_task_group_exit(&group, 0));
    say("left");
    return 0;
}

static int adds_when_cancelled(asyncio_task_group *group)
{
    int r = wait_for_ever();
    say("create_task %s",
        name(asyncio_task_group_create_task(group, asyncio_coro(quick, 1), NULL)));
    return r;
}

SCENARIO(no_siblings_while_the_group_aborts)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, adds_when_cancelled, &group);
    ADD(&group, failing, "a", 1, EPIPE);
    say("%s", group_name(asyncio_task_group_exit(&group, 0)));
    return 0;
}

LEFT_OUT(entered_twice,
         "asyncio_task_group_enter is the constructor too: a struct may be used again")

static int stays(void)
{
    say("%s", name(wait_for_ever()));
    int r = asyncio_sleep(2 * T);
    say("ends when it likes %s", at());
    return r < 0 ? r : 5;
}

SCENARIO(a_sibling_that_swallows_keeps_the_group_waiting)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, stays);
    ADD(&group, failing, "a", 1, EPIPE);
    const char *how = group_name(asyncio_task_group_exit(&group, 0));
    say("%s %s", how, at());
    return 0;
}

/* ---- groups in groups ---- */

static int failing_and_cleaning_inner(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, failing, "a", 1, EPIPE);
    ADD(&group, cleaning, "b", 1);
    return asyncio_task_group_exit(&group, 0);
}

SCENARIO(the_inner_group_fails)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, cleaning, "c", 1);
    const char *how = group_name(failing_and_cleaning_inner());
    say("inner: %s, cancelling %d", how, cancelling());
    say("outer: %s", group_name(asyncio_task_group_exit(&group, -EIO)));
    say("cancelling %d", cancelling());
    return 0;
}

SCENARIO(the_outer_group_fails_while_the_inner_runs)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, failing, "a", 1, EPIPE);
    int r = group_of_cleaning("b", 1);
    say("inner: %s, cancelling %d", group_name(r), cancelling());
    say("outer: %s", group_name(asyncio_task_group_exit(&group, r)));
    say("cancelling %d", cancelling());
    return 0;
}

SCENARIO(the_outer_group_fails_and_the_inner_too)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, failing, "a", 1, EPIPE);
    const char *how = group_name(group_of_breaking("b", EIO));
    say("inner: %s, cancelling %d", how, cancelling());
    int r = asyncio_sleep(0);
    say("next: %s", name(r));
    say("outer: %s", group_name(asyncio_task_group_exit(&group, r)));
    say("cancelling %d", cancelling());
    return 0;
}

static int cleaning_in_both(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, cleaning, "a", 3);
    return asyncio_task_group_exit(&group, group_of_cleaning("b", 1));
}

SCENARIO(a_cancel_through_two_groups)
{
    asyncio_task *task = start(asyncio_coro(cleaning_in_both));
    ok(passes(2));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    say("cancelling %d", asyncio_task_cancelling(task));
    return 0;
}

static int group_in_a_child(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, steps, "b", 2, 0);
    ADD(&group, cleaning, "c", 1);
    return asyncio_task_group_exit(&group, 0);
}

SCENARIO(a_group_in_a_task_of_a_group)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, group_in_a_child);
    ADD(&group, failing, "a", 4, EPIPE);
    say("%s", group_name(asyncio_task_group_exit(&group, 0)));
    return 0;
}

static int swallows_then_a_group_fails(void)
{
    say("%s", name(wait_for_ever()));
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, failing, "a", 1, EPIPE);
    say("%s", group_name(asyncio_task_group_exit(&group, 0)));
    say("cancelling %d", cancelling());
    say("next: %s", name(asyncio_sleep(0)));
    return 0;
}

SCENARIO(an_earlier_cancel_that_was_swallowed)
{
    asyncio_task *task = start(asyncio_coro(swallows_then_a_group_fails));
    ok(passes(1));
    asyncio_task_cancel(task);
    return asyncio_await(task);
}

/* ---- groups and limits ---- */

SCENARIO(a_limit_around_a_group)
{
    asyncio_timeout limit;
    asyncio_task_group group;
    asyncio_timeout_enter(&limit, 1 * T);
    asyncio_task_group_enter(&group);
    ADD(&group, cleaning, "a", 1);
    ADD(&group, sleeper, "b", TICKS(0.5), 0);
    int r = asyncio_task_group_exit(&group, 0);
    const char *how = name(asyncio_timeout_exit(&limit, r));
    say("%s %s", how, at());
    say("cancelling %d", cancelling());
    return 0;
}

static int limited(void)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 1 * T);
    int r = asyncio_sleep(9 * T);
    return asyncio_timeout_exit(&limit, r);
}

SCENARIO(a_limit_inside_a_group)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, limited);
    ADD(&group, cleaning, "a", 1);
    const char *how = group_name(asyncio_task_group_exit(&group, 0));
    say("%s %s", how, at());
    return 0;
}

SCENARIO(a_group_error_counts_as_fetched)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, failing, "a", 1, EPIPE);
    ADD(&group, breaking, "b", 1, EIO);
    say("%s", group_name(asyncio_task_group_exit(&group, 0)));
    say("nothing reported");
    return 0;
}

SCENARIO(leaving_the_body_early_still_waits)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, sleeper, "a", TICKS(1), 0);
    const char *how = name(asyncio_task_group_exit(&group, 7));
    say("%s %s", how, at());
    return 0;
}

SCENARIO(the_body_awaits_a_child_that_fails)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_await(add_task(&group, asyncio_coro(failing, "a", 1, EPIPE)));
    say("%s", group_name(asyncio_task_group_exit(&group, r)));
    say("cancelling %d", cancelling());
    return 0;
}

SCENARIO(the_body_awaits_a_child_that_is_cancelled)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    asyncio_task *child = add_task(&group, asyncio_coro(sleeper, "a", TICKS(9), 0));
    ADD(&group, cleaning, "b", 1);
    ok(passes(1));
    asyncio_task_cancel(child);
    int r = asyncio_await(child);
    say("%s", group_name(asyncio_task_group_exit(&group, r)));
    say("cancelling %d", cancelling());
    return 0;
}

SCENARIO(a_sibling_is_cancelled_once_though_two_fail)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    asyncio_task *slow = add_task(&group, asyncio_coro(cleaning, "slow", 4));
    ADD(&group, breaking, "a", 1, EIO);
    ok(passes(1));
    say("%s", group_name(asyncio_task_group_exit(&group, -EPIPE)));
    say("slow cancelling %d, main cancelling %d", asyncio_task_cancelling(slow), cancelling());
    return 0;
}

SCENARIO(two_cancels_in_one_turn_at_the_exit)
{
    asyncio_task *task = start(asyncio_coro(group_of_cleaning, "a", 2));
    ok(passes(2));
    int first = asyncio_task_cancel(task), second = asyncio_task_cancel(task);
    say("%s %s", yes(first), yes(second));
    say("%s", ends(task));
    say("cancelling %d", asyncio_task_cancelling(task));
    return 0;
}

struct family {
    asyncio_task *parent, *child;
};

static int group_of_one(struct family *family)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    family->child = add_task(&group, asyncio_coro(steps, "a", 1, 5));
    int r = asyncio_task_group_exit(&group, 0);
    if (r >= 0)
        say("never here");
    return r;
}

static void say_child_cancel_parent(asyncio_loop *loop, void *data)
{
    (void)loop;
    struct family *family = data;
    say("a %s, cancel %s", state(family->child), yes(asyncio_task_cancel(family->parent)));
}

static int cancelled_after(int turns_later)
{
    static struct family family; /* the callback outlives a body that ends early */
    family.parent = start(asyncio_coro(group_of_one, &family));
    ok(passes(turns_later));
    soon(say_child_cancel_parent, &family);
    say("%s", ends(family.parent));
    say("cancelling %d", asyncio_task_cancelling(family.parent));
    return 0;
}

SCENARIO(the_parent_is_cancelled_when_all_children_have_ended)
{
    return cancelled_after(3);
}

SCENARIO(the_parent_is_cancelled_in_the_turn_the_last_child_ends)
{
    return cancelled_after(2);
}

static int group_at(int level);

static int group_caught_at(int level)
{
    say("level %d: %s", level, group_name(group_at(level)));
    return asyncio_raise(-EIO, "scenario"); /* not the group's, which is of that code, too */
}

static int group_at(int level)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, cleaning, text("beside %d", level), level);
    if (level == 0)
        ADD(&group, failing, "deep", 2, EPIPE);
    else
        ADD(&group, group_caught_at, level - 1);
    return asyncio_task_group_exit(&group, 0);
}

SCENARIO(three_groups_deep_an_error_comes_up)
{
    say("level 2: %s", group_name(group_at(2)));
    return 0;
}

static int two_fail(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, failing, "b", 1, EPIPE);
    ADD(&group, failing, "c", 1, EIO);
    return asyncio_task_group_exit(&group, 0);
}

SCENARIO(a_group_of_groups)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ADD(&group, two_fail);
    ADD(&group, breaking, "a", 1, ENOENT);
    say("%s", group_name(asyncio_task_group_exit(&group, 0)));
    return 0;
}

static int only_child_at(int level)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    if (level)
        ADD(&group, only_child_at, level - 1);
    else
        ADD(&group, failing, "deep", 1, EPIPE);
    return asyncio_task_group_exit(&group, 0);
}

SCENARIO(one_error_three_groups_deep)
{
    say("%s", group_name(only_child_at(2)));
    return 0;
}

SCENARIO(the_body_raises_the_group_of_an_inner_one)
{
    asyncio_task_group outer, inner;
    asyncio_task_group_enter(&outer);
    ADD(&outer, cleaning, "a", 1);
    asyncio_task_group_enter(&inner);
    ADD(&inner, failing, "b", 1, EPIPE);
    int r = asyncio_task_group_exit(&inner, 0);
    say("%s", group_name(asyncio_task_group_exit(&outer, r)));
    return 0;
}

CONFORMANCE("taskgroup")
