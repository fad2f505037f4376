/* SPDX-License-Identifier: MIT */
/* Eager tasks, as scenarios_eager.py: the first step runs inside create_task. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>
#include <stdint.h>

SCENARIO(an_eager_task_may_be_done_at_once)
{
    turns(1);
    asyncio_task *task = start_eager(asyncio_coro(steps, "a", 0, 5));
    say("created: %s", state(task));
    say("%s", ends(task));
    say("in the same turn");
    return passes(1);
}

SCENARIO(an_eager_task_that_suspends_goes_on_as_usual)
{
    turns(4);
    asyncio_task *task = start_eager(asyncio_coro(steps, "a", 2, 5));
    say("created: %s", state(task));
    say("%s", ends(task));
    return 0;
}

SCENARIO(eager_and_lazy_tasks_side_by_side)
{
    asyncio_task *lazy = start(asyncio_coro(steps, "lazy", 2, 0));
    asyncio_task *fast = start_eager(asyncio_coro(steps, "eager", 2, 0));
    say("created");
    ok(asyncio_await(lazy));
    return asyncio_await(fast);
}

SCENARIO(an_eager_task_that_yields_queues_behind)
{
    say_soon("before");
    asyncio_task *task = start_eager(asyncio_coro(steps, "a", 1, 0));
    say_soon("after");
    return asyncio_await(task);
}

static asyncio_task *seen[2];
static int seen_count;

static int sees_itself(void)
{
    seen[seen_count++] = asyncio_current_task();
    int r = asyncio_sleep(0);
    seen[seen_count++] = asyncio_current_task();
    return r;
}

SCENARIO(the_current_task_during_the_eager_step)
{
    asyncio_task *me = asyncio_current_task();
    seen_count = 0;
    asyncio_task *task = start_eager(asyncio_coro(sees_itself));
    say("inside: %s, after: %s", yes(seen_count == 1 && seen[0] == task),
        yes(asyncio_current_task() == me));
    ok(asyncio_await(task));
    say("later: %s", yes(seen_count == 2 && seen[1] == task));
    return 0;
}

static int outer_of_eager(void)
{
    say("outer begins");
    asyncio_task *task = start_eager(asyncio_coro(steps, "inner", 1, 2));
    say("inner %s", state(task));
    int result = asyncio_await(task);
    say("outer ends");
    return result + 1;
}

SCENARIO(eager_inside_eager)
{
    asyncio_task *task = start_eager(asyncio_coro(outer_of_eager));
    say("outer %s", state(task));
    say("%s", ends(task));
    return 0;
}

SCENARIO(an_eager_task_that_fails_at_once)
{
    asyncio_task *task = start_eager(asyncio_coro(failing, "a", 0, EPIPE));
    say("%s", state(task));
    say("%s", ends(task));
    return 0;
}

SCENARIO(an_eager_failure_that_nobody_fetched)
{
    asyncio_task *task = start_eager(asyncio_coro(failing, "a", 0, EPIPE));
    say("dropping");
    drop(task);
    say("dropped");
    return 0;
}

SCENARIO(cancelling_an_eager_task_that_is_done)
{
    asyncio_task *task = start_eager(asyncio_coro(quick, 5));
    int cancelled = asyncio_task_cancel(task);
    say("cancel %s, cancelling %d", yes(cancelled), asyncio_task_cancelling(task));
    say("%s", ends(task));
    return 0;
}

SCENARIO(cancelling_an_eager_task_that_waits)
{
    asyncio_task *task = start_eager(asyncio_coro(sleeper, "a", TICKS(9), 0));
    turns(2);
    say("cancel %s", yes(asyncio_task_cancel(task)));
    say("%s", ends(task));
    return 0;
}

static int cancels_itself_and_yields(void)
{
    asyncio_task_cancel(asyncio_current_task());
    say("goes on");
    int r = asyncio_sleep(0);
    if (r >= 0)
        say("never here");
    return r;
}

SCENARIO(an_eager_task_cancels_itself)
{
    asyncio_task *task = start_eager(asyncio_coro(cancels_itself_and_yields));
    say("%s", state(task));
    say("%s", ends(task));
    return 0;
}

static int cancels_itself_and_returns(void)
{
    asyncio_task_cancel(asyncio_current_task());
    return 3;
}

SCENARIO(an_eager_task_cancels_itself_and_returns)
{
    asyncio_task *task = start_eager(asyncio_coro(cancels_itself_and_returns));
    say("%s", state(task));
    say("%s", ends(task));
    return 0;
}

SCENARIO(an_eager_task_ends_cancelled)
{
    asyncio_task *task = start_eager(asyncio_coro(cancelled_coroutine));
    say("%s, cancelling %d", state(task), asyncio_task_cancelling(task));
    say("%s", ends(task));
    return 0;
}

static int cancels_its_creator(asyncio_task *creator)
{
    say("cancel main %s", yes(asyncio_task_cancel(creator)));
    return 3;
}

SCENARIO(an_eager_step_cannot_cancel_its_creator_at_once)
{
    asyncio_task *me = asyncio_current_task();
    asyncio_task *task = start_eager(asyncio_coro(cancels_its_creator, me));
    say("main goes on, %s", state(task));
    say("%s", name(asyncio_sleep(0)));
    say("uncancel %d", asyncio_task_uncancel(me));
    return 0;
}

static int counts_tasks(void)
{
    return asyncio_all_tasks(NULL, NULL, 0);
}

SCENARIO(all_tasks_holds_an_eager_one_in_its_first_step)
{
    int before = counts_tasks();
    asyncio_task *task = start_eager(asyncio_coro(counts_tasks));
    say("%d %d %d", before, asyncio_task_result(task), counts_tasks());
    return 0;
}

static void says_result(asyncio_task *task)
{
    say("callback %s", name(asyncio_task_result(task)));
}

SCENARIO(a_done_callback_on_an_eager_task_that_is_done)
{
    asyncio_task *task = start_eager(asyncio_coro(quick, 5));
    ok(asyncio_task_add_done_callback(task, says_result));
    say("added");
    return passes(1);
}

SCENARIO(gather_of_eager_tasks_is_done_at_once)
{
    turns(1);
    asyncio_awaitable children[2] = { ASYNCIO_AWAITABLE(start_eager(asyncio_coro(quick, 1))),
                                      ASYNCIO_AWAITABLE(start_eager(asyncio_coro(quick, 2))) };
    asyncio_future *together;
    ok(asyncio_gather_future(children, 2, &together));
    say("%s", state(own(together)));
    ok(asyncio_await(together));
    size_t count;
    const int *results = asyncio_gather_future_results(together, &count);
    say("%s", list_name(results, count));
    say("in the same turn");
    return passes(1);
}

SCENARIO(gather_of_an_eager_failure_is_done_at_once)
{
    turns(1);
    asyncio_task *other = start(asyncio_coro(steps, "b", 1, 0));
    asyncio_awaitable children[2] = { ASYNCIO_AWAITABLE(
                                          start_eager(asyncio_coro(failing, "a", 0, EPIPE))),
                                      ASYNCIO_AWAITABLE(other) };
    asyncio_future *together;
    ok(asyncio_gather_future(children, 2, &together));
    say("%s", state(own(together)));
    say("%s", ends(together));
    say("%s", state(other));
    return asyncio_await(other);
}

static int group_with_an_eager_failure(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_task_group_create_task(&group, asyncio_coro(failing, "a", 0, EPIPE), NULL,
                                           .eager_start = 1);
    say("body goes on");
    if (r >= 0)
        r = asyncio_task_group_create_task(&group, asyncio_coro(sleeper, "b", TICKS(9), 0), NULL,
                                           .eager_start = 1);
    say("first await: %s", name(asyncio_sleep(0)));
    say("second await: %s", name(asyncio_sleep(0)));
    return asyncio_task_group_exit(&group, r);
}

SCENARIO(a_failing_eager_child_of_a_group_aborts_a_turn_later)
{
    say("%s", group_name(group_with_an_eager_failure()));
    say("cancelling %d", asyncio_task_cancelling(asyncio_current_task()));
    return 0;
}

SCENARIO(an_eager_task_in_a_group_that_never_suspends)
{
    turns(3);
    asyncio_task_group group;
    asyncio_task *task;
    asyncio_task_group_enter(&group);
    ok(asyncio_task_group_create_task(&group, asyncio_coro(quick, 4), &task, .eager_start = 1));
    say("%s", state(task));
    ok(asyncio_task_group_exit(&group, 0));
    say("left with %s", name(asyncio_task_result(task)));
    asyncio_task_unref(task);
    return passes(1);
}

/* ---- contexts ---- */

static asyncio_context_var var = ASYNCIO_CONTEXT_VAR_DEFAULT("var", (void *)1);

static int get(void)
{
    void *value = NULL;
    ok(asyncio_context_var_get(&var, &value));
    return (int)(intptr_t)value;
}

static void set(int value)
{
    ok(asyncio_context_var_set(&var, (void *)(intptr_t)value, NULL));
}

static int works_in_its_context(void)
{
    say("inside %d", get());
    set(3);
    int r = asyncio_sleep(0);
    say("later %d", get());
    return r;
}

SCENARIO(an_eager_step_has_its_own_context)
{
    set(2);
    asyncio_task *task = start_eager(asyncio_coro(works_in_its_context));
    say("outside %d", get());
    set(4);
    ok(asyncio_await(task));
    say("outside %d", get());
    return 0;
}

static int counts_in_its_context(void)
{
    set(get() + 1);
    int r = asyncio_sleep(0);
    set(get() + 1);
    return r;
}

static int get_in(asyncio_context *context)
{
    void *value = NULL;
    ok(asyncio_context_get(context, &var, &value));
    return (int)(intptr_t)value;
}

SCENARIO(an_eager_step_in_a_given_context)
{
    asyncio_context *context;
    asyncio_task *task;
    ok(asyncio_copy_context(&context));
    ok(asyncio_create_task(asyncio_coro(counts_in_its_context), &task, .eager_start = 1,
                           .context = context));
    say("given %d, outside %d", get_in(context), get());
    ok(asyncio_await(task));
    say("given %d, outside %d", get_in(context), get());
    asyncio_task_unref(task);
    asyncio_context_unref(context);
    return 0;
}

PLAIN_SCENARIO(not_eager_before_the_loop_runs)
{
    asyncio_loop *loop = new_loop();
    asyncio_task *task;
    ok(asyncio_loop_create_task(loop, asyncio_coro(steps, "a", 1, 5), &task, .eager_start = 1));
    say("created: %s", state(task));
    say("%s", name(asyncio_loop_run_until_complete(loop, task)));
    asyncio_task_unref(task);
    int r = asyncio_loop_close(loop);
    asyncio_loop_unref(loop);
    return r;
}

static int parent_of_a_quick_one(void)
{
    int r = asyncio_await(start_eager(asyncio_coro(quick, 4)));
    return r < 0 ? r : r + 1;
}

SCENARIO(waiting_for_an_eager_child_that_is_done)
{
    turns(1);
    asyncio_task *task = start_eager(asyncio_coro(parent_of_a_quick_one));
    const char *before = state(task);
    say("%s %s", before, ends(task));
    return passes(1);
}

SCENARIO(an_eager_task_waits_for_a_future_of_its_creator)
{
    asyncio_future *future = new_future();
    asyncio_task *task = start_eager(asyncio_coro(waiter, "a", future));
    ok(asyncio_future_set_result(future, 3));
    say("set");
    say("%s", ends(task));
    return 0;
}

static int sees_itself_then_says(void)
{
    seen[0] = asyncio_current_task();
    int r = asyncio_sleep(0);
    say("later");
    return r;
}

static void starts_an_eager_task(void)
{
    seen[1] = start_eager(asyncio_coro(sees_itself_then_says));
    say("inside %s, after %s", yes(seen[0] == seen[1]), yes(asyncio_current_task() == NULL));
}

SCENARIO(an_eager_task_from_a_callback)
{
    ok(asyncio_loop_call_soon(running(), starts_an_eager_task, NULL));
    ok(passes(2));
    return asyncio_await(seen[1]);
}

static int cancels_and_awaits(asyncio_task *sibling)
{
    say("cancel %s", yes(asyncio_task_cancel(sibling)));
    return asyncio_await(sibling) == -ECANCELED ? 0 : 1;
}

SCENARIO(an_eager_task_that_cancels_a_sibling)
{
    asyncio_task *sibling = start(asyncio_coro(sleeper, "sibling", TICKS(9), 0));
    ok(passes(1));
    asyncio_task *task = start_eager(asyncio_coro(cancels_and_awaits, sibling));
    say("created: %s", state(task));
    say("%s", ok(asyncio_await(task)) == 0 ? "CancelledError" : "something else");
    return 0;
}

/* ---- by the loop's factory ---- */

static void make_eager(void)
{
    asyncio_loop_set_task_factory(running(), asyncio_eager_task_factory, NULL);
}

SCENARIO(the_eager_factory_is_a_factory)
{
    make_eager();
    say("%s", yes(asyncio_loop_get_task_factory(running()) == asyncio_eager_task_factory));
    asyncio_task *task = start(asyncio_coro(steps, "a", 0, 5));
    say("created: %s", state(task));
    asyncio_loop_set_task_factory(running(), NULL, NULL);
    task = start(asyncio_coro(steps, "b", 0, 6));
    say("created: %s", state(task));
    say("%s", ends(task));
    return 0;
}

SCENARIO(by_the_factory_one_that_suspends)
{
    make_eager();
    turns(4);
    asyncio_task *task = start(asyncio_coro(steps, "a", 2, 5));
    say("created: %s", state(task));
    say("%s", ends(task));
    return 0;
}

static int sees_its_context(void)
{
    say("sees %d", get());
    set(7);
    return 0;
}

SCENARIO(the_factory_keeps_name_and_context)
{
    asyncio_context *context;
    asyncio_task *task;
    ok(asyncio_copy_context(&context));
    make_eager();
    ok(asyncio_create_task(asyncio_coro(sees_its_context), &task, .name = "worker",
                           .context = context));
    say("%s %s", asyncio_task_get_name(task), state(task));
    ok(asyncio_await(task));
    say("given %d, outside %d", get_in(context), get());
    asyncio_task_unref(task);
    asyncio_context_unref(context);
    return 0;
}

PLAIN_SCENARIO(run_until_complete_with_an_eager_factory)
{
    asyncio_loop *loop = new_loop();
    asyncio_task *task;
    asyncio_loop_set_task_factory(loop, asyncio_eager_task_factory, NULL);
    ok(asyncio_loop_create_task(loop, asyncio_coro(steps, "a", 0, 5), &task));
    say("created: %s", state(task));
    say("%s", name(asyncio_loop_run_until_complete(loop, task)));
    asyncio_task_unref(task);
    say("%s", name(asyncio_loop_run_until_complete(loop, asyncio_coro(steps, "b", 1, 6))));
    int r = asyncio_loop_close(loop);
    asyncio_loop_unref(loop);
    return r;
}

static const char *gathered(asyncio_coro a, asyncio_coro b)
{
    int results[2];
    asyncio_awaitable both[] = { ASYNCIO_AWAITABLE(a), ASYNCIO_AWAITABLE(b) };
    int r = asyncio_gather_all(both, 2, results);
    return r < 0 ? name(r) : list_name(results, 2);
}

SCENARIO(gather_makes_its_tasks_eagerly)
{
    make_eager();
    turns(2);
    say("%s", gathered(asyncio_coro(steps, "a", 0, 1), asyncio_coro(steps, "b", 0, 2)));
    say("in the same turn");
    say("%s", gathered(asyncio_coro(steps, "c", 1, 3), asyncio_coro(steps, "d", 0, 4)));
    return 0;
}

SCENARIO(gather_of_an_eager_coroutine_that_fails_runs_the_others)
{
    make_eager();
    turns(2);
    say("%s", gathered(asyncio_coro(failing, "a", 0, EPIPE), asyncio_coro(steps, "b", 0, 2)));
    say("in the same turn");
    return 0;
}

SCENARIO(no_time_to_wait_for_an_eager_coroutine)
{
    make_eager();
    say("%s", name(asyncio_wait_for(asyncio_coro(steps, "a", 0, 5), 0)));
    say("%s", name(asyncio_wait_for(asyncio_coro(steps, "b", 1, 5), 0)));
    return 0;
}

SCENARIO(shield_of_an_eager_coroutine)
{
    make_eager();
    turns(2);
    say("%s", name(asyncio_shield(asyncio_coro(steps, "a", 0, 5))));
    say("in the same turn");
    say("%s", name(asyncio_shield(asyncio_coro(steps, "b", 1, 6))));
    return 0;
}

SCENARIO(ensure_future_of_an_eager_coroutine)
{
    make_eager();
    asyncio_future *future;
    ok(asyncio_ensure_future(asyncio_coro(steps, "a", 0, 5), &future));
    const char *now = state(own(future));
    say("%s %s", now, ends(future));
    return 0;
}

static int nested(int depth)
{
    say("begins %d", depth);
    int result = depth ? ok(asyncio_await(start(asyncio_coro(nested, depth - 1)))) : 0;
    ok(asyncio_sleep(0));
    say("ends %d", depth);
    return result + depth;
}

SCENARIO(eager_children_of_eager_children)
{
    make_eager();
    turns(6);
    asyncio_task *task = start(asyncio_coro(nested, 3));
    say("created: %s", state(task));
    say("%s", ends(task));
    return 0;
}

static int constructor(asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
                       const asyncio_create_task_options *options, void *data)
{
    say("%s eagerly: %s", (const char *)data, yes(options->eager_start));
    return asyncio_task_new(loop, coro, ret_task, options);
}

/* As long as it is set. */
static asyncio_eager_task_constructor made;

static void make_eager_by(asyncio_task_factory *function, void *data)
{
    made = asyncio_create_eager_task_factory(function, data);
    asyncio_loop_set_task_factory(running(), made.factory, &made);
}

SCENARIO(a_factory_of_ones_own_constructor)
{
    make_eager_by(constructor, WORDS("constructs"));
    asyncio_task *task = start_named(asyncio_coro(steps, "a", 0, 5), "worker");
    say("%s %s", asyncio_task_get_name(task), state(task));
    int results[2];
    asyncio_awaitable both[] = { ASYNCIO_AWAITABLE(asyncio_coro(steps, "b", 1, 6)),
                                 ASYNCIO_AWAITABLE(task) };
    ok(asyncio_gather_all(both, 2, results));
    say("%s", list_name(results, 2));
    return 0;
}

static int lazy_constructor(asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
                            const asyncio_create_task_options *options, void *data)
{
    (void)data;
    asyncio_create_task_options lazy = *options;
    lazy.eager_start = 0;
    return asyncio_task_new(loop, coro, ret_task, &lazy);
}

SCENARIO(a_constructor_that_makes_lazy_tasks)
{
    make_eager_by(lazy_constructor, NULL);
    asyncio_task *task = start(asyncio_coro(steps, "a", 0, 5));
    say("created: %s", state(task));
    say("%s", ends(task));
    return 0;
}

static int failing_constructor(asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
                               const asyncio_create_task_options *options, void *data)
{
    (void)loop;
    (void)coro;
    (void)ret_task;
    (void)options;
    (void)data;
    return -EMFILE;
}

SCENARIO(a_constructor_that_fails)
{
    make_eager_by(failing_constructor, NULL);
    asyncio_task *task = NULL;
    say("%s", name(asyncio_create_task(asyncio_coro(steps, "a", 0, 5), &task)));
    say("goes on");
    return task ? -EPROTO : 0;
}

static int limited_child(void)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 1 * T);
    int r = asyncio_await(start(asyncio_coro(sleeper, "a", TICKS(9), 0)));
    return asyncio_timeout_exit(&limit, r);
}

SCENARIO(a_deadline_reaches_an_eager_child)
{
    make_eager();
    say("%s", name(limited_child()));
    return 0;
}

static int child_with_a_sibling(asyncio_task_group *group)
{
    say("child");
    ok(asyncio_task_group_create_task(group, asyncio_coro(steps, "sibling", 1, 0), NULL));
    say("child ends");
    return 0;
}

SCENARIO(eager_tasks_of_a_group_add_siblings)
{
    make_eager();
    turns(4);
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ok(asyncio_task_group_create_task(&group, asyncio_coro(child_with_a_sibling, &group), NULL));
    say("body ends");
    int r = asyncio_task_group_exit(&group, 0);
    say("left");
    return r;
}

SCENARIO(waiting_for_eager_tasks_that_are_done)
{
    make_eager();
    turns(3);
    asyncio_task *tasks[] = { start(asyncio_coro(quick, 1)),
                              start(asyncio_coro(steps, "b", 9, 0)) };
    asyncio_task *first = tasks[0], *second = tasks[1];
    size_t done;
    ok(asyncio_wait(tasks, 2, &done, .return_when = ASYNCIO_FIRST_COMPLETED));
    say("%zu done, %zu pending, first %s", done, 2 - done, yes(tasks[0] == first));
    asyncio_task_cancel(second);
    say("%s", ends(second));
    return 0;
}

static void all_completed(const asyncio_awaitable *awaitables, size_t count)
{
    asyncio_as_completed those;
    asyncio_future *future;
    ok(asyncio_as_completed_enter(&those, awaitables, count));
    while (ok(asyncio_as_completed_next(&those, &future, NULL)) > 0)
        say("%s", name(asyncio_future_result(future)));
    ok(asyncio_as_completed_exit(&those, 0));
}

SCENARIO(as_completed_of_eager_coroutines)
{
    make_eager();
    all_completed((asyncio_awaitable[]){ ASYNCIO_AWAITABLE(asyncio_coro(steps, "a", 0, 1)) }, 1);
    all_completed((asyncio_awaitable[]){ ASYNCIO_AWAITABLE(asyncio_coro(steps, "b", 2, 2)) }, 1);
    return 0;
}

static asyncio_task *made_by_callback;

static void makes_a_task(asyncio_loop *loop, void *data)
{
    (void)data;
    ok(asyncio_loop_create_task(loop, asyncio_coro(steps, "a", 1, 5), &made_by_callback));
    say("callback goes on, current %s", yes(asyncio_current_task() != NULL));
}

SCENARIO(a_callback_makes_an_eager_task)
{
    make_eager();
    soon(makes_a_task, NULL);
    say_soon("behind");
    ok(passes(1));
    own(ASYNCIO__FUTURE(made_by_callback));
    say("%s", ends(made_by_callback));
    return 0;
}

CONFORMANCE("eager")
