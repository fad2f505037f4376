/* SPDX-License-Identifier: MIT */
/* Context variables, as scenarios_context.py: who sees what was set, and where a callback looks. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <stdint.h>

static asyncio_context_var var = ASYNCIO_CONTEXT_VAR_DEFAULT("var", NULL); /* NULL stands for 0 */
static asyncio_context_var other = ASYNCIO_CONTEXT_VAR("other");

static int get(void)
{
    void *value = (void *)99;
    ok(asyncio_context_var_get(&var, &value));
    return (int)(intptr_t)value;
}

static void set(int value)
{
    ok(asyncio_context_var_set(&var, (void *)(intptr_t)value, NULL));
}

static asyncio_context_token *set_with_token(asyncio_context_var *of, int value)
{
    asyncio_context_token *token;
    ok(asyncio_context_var_set(of, (void *)(intptr_t)value, &token));
    return token;
}

static int get_in(asyncio_context *context)
{
    void *value = (void *)99;
    ok(asyncio_context_get(context, &var, &value));
    return (int)(intptr_t)value;
}

static int setter(int value)
{
    set(value);
    return 0;
}

static int sees(const char *who)
{
    say("%s sees %d", who, get());
    return 0;
}

static void sees_soon(asyncio_loop *loop, void *who)
{
    (void)loop;
    sees(who);
}

static void sees_done(asyncio_future *future, void *who)
{
    (void)future;
    sees(who);
}

static int sees_and_sets_2(void)
{
    sees("child");
    set(2);
    int r = asyncio_sleep(0);
    say("child still sees %d", get());
    return r;
}

SCENARIO(a_task_works_on_a_copy)
{
    set(1);
    asyncio_task *task = start(asyncio_coro(sees_and_sets_2));
    set(3);
    ok(passes(1));
    sees("main");
    set(4);
    ok(asyncio_await(task));
    return sees("main");
}

SCENARIO(the_copy_is_made_when_the_task_is_made)
{
    set(1);
    asyncio_task *first = start(asyncio_coro(sees, "child"));
    set(2);
    asyncio_task *second = start(asyncio_coro(sees, "child"));
    set(3);
    ok(asyncio_await(first));
    return asyncio_await(second);
}

static int sees_inline(void)
{
    sees("inline");
    return setter(2);
}

SCENARIO(a_coroutine_awaited_in_place_shares_the_context)
{
    set(1);
    ok(asyncio_await(asyncio_coro(sees_inline)));
    return sees("main");
}

static int sees_and_sets(int value)
{
    sees("child");
    return setter(value);
}

static void run_task_in(asyncio_context *context, int value)
{
    asyncio_task *task;
    ok(asyncio_create_task(asyncio_coro(sees_and_sets, value), &task, .context = context));
    ok(asyncio_await(task));
    asyncio_task_unref(task);
}

SCENARIO(a_task_in_a_given_context_shares_it)
{
    asyncio_context *context;
    ok(asyncio_copy_context(&context));
    set(1);
    run_task_in(context, 5);
    say("main sees %d, the context has %d", get(), get_in(context));
    run_task_in(context, 6);
    say("the context has %d", get_in(context));
    asyncio_context_unref(context);
    return 0;
}

/* ---- callbacks ---- */

SCENARIO(call_soon_keeps_the_context_of_the_call)
{
    set(1);
    soon(sees_soon, WORDS("first"));
    set(2);
    soon(sees_soon, WORDS("second"));
    later(0, sees_soon, WORDS("timer"));
    ok(asyncio_loop_call_soon_threadsafe(running(), sees_soon, NULL, .data = WORDS("threadsafe")));
    set(3);
    return passes(2);
}

static void sets_9(asyncio_loop *loop)
{
    set(9);
    ok(asyncio_loop_call_soon(loop, sees_soon, NULL, .data = WORDS("its own callback")));
}

SCENARIO(what_a_callback_sets_stays_with_it)
{
    set(1);
    ok(asyncio_loop_call_soon(running(), sets_9, NULL));
    soon(sees_soon, WORDS("another callback"));
    ok(passes(2));
    return sees("main");
}

static void sees_and_counts(void)
{
    sees("callback");
    set(get() + 1);
}

SCENARIO(a_callback_in_a_given_context)
{
    asyncio_context *context;
    ok(asyncio_copy_context(&context));
    set(5);
    ok(asyncio_loop_call_soon(running(), sees_and_counts, NULL, .context = context));
    ok(asyncio_loop_call_soon(running(), sees_and_counts, NULL, .context = context));
    ok(passes(1));
    say("main sees %d, the context has %d", get(), get_in(context));
    asyncio_context_unref(context);
    return 0;
}

static int sets_4_and_the_future(asyncio_future *future)
{
    set(4);
    return asyncio_future_set_result(future, 0);
}

SCENARIO(a_done_callback_has_the_context_it_was_added_in)
{
    asyncio_future *future = new_future();
    set(1);
    ok(asyncio_future_add_done_callback(future, sees_done, .data = WORDS("first")));
    set(2);
    ok(asyncio_future_add_done_callback(future, sees_done, .data = WORDS("second")));
    set(3);
    ok(asyncio_await(start(asyncio_coro(sets_4_and_the_future, future))));
    ok(asyncio_future_add_done_callback(future, sees_done, .data = WORDS("late")));
    set(5);
    return passes(1);
}

/* ---- variables, tokens, contexts ---- */

static const char *other_value(void)
{
    void *value = NULL;
    int r = asyncio_context_var_get(&other, &value);
    return r < 0 ? name(r) : name((int)(intptr_t)value);
}

SCENARIO(no_value_and_no_default)
{
    say("%s", other_value());
    say("%d", get());
    asyncio_context_token *token = set_with_token(&other, 1);
    say("%s", other_value());
    ok(asyncio_context_var_reset(&other, token));
    say("%s", other_value());
    return 0;
}

SCENARIO(tokens_put_back_what_was)
{
    asyncio_context_token *first = set_with_token(&var, 1), *second = set_with_token(&var, 2);
    say("%d", get());
    ok(asyncio_context_var_reset(&var, second));
    say("%d", get());
    ok(asyncio_context_var_reset(&var, first));
    say("%d", get());
    return 0;
}

SCENARIO(tokens_in_the_wrong_order)
{
    asyncio_context_token *first = set_with_token(&var, 1), *second = set_with_token(&var, 2);
    ok(asyncio_context_var_reset(&var, first));
    say("%d", get());
    ok(asyncio_context_var_reset(&var, second));
    say("%d", get());
    return 0;
}

static int makes_a_token(asyncio_context_token **ret_token)
{
    *ret_token = set_with_token(&var, 1);
    return 0;
}

SCENARIO(a_token_of_another_context)
{
    asyncio_context_token *foreign;
    ok(asyncio_await(start(asyncio_coro(makes_a_token, &foreign))));
    say("%s", name(asyncio_context_var_reset(&var, foreign)));
    asyncio_context_token *mine = set_with_token(&var, 2);
    say("of another variable: %s", name(asyncio_context_var_reset(&other, mine)));
    asyncio_context_token_unref(foreign);
    asyncio_context_token_unref(mine);
    return 0;
}

static int sees_inside_and_sets_7(void)
{
    sees("inside");
    set(7);
    return 3;
}

SCENARIO(context_run)
{
    asyncio_context *context;
    ok(asyncio_copy_context(&context));
    set(1);
    say("%s", name(asyncio_context_run(context, asyncio_coro(sees_inside_and_sets_7))));
    say("main sees %d, the context has %d", get(), get_in(context));
    ok(asyncio_context_run(context, asyncio_coro(sees_inside_and_sets_7)));
    asyncio_context_unref(context);
    return 0;
}

static int runs_again(asyncio_context *context)
{
    say("%s", runtime_error(asyncio_context_run(context, asyncio_coro(quick, 1))));
    return 0;
}

SCENARIO(a_context_is_entered_once_at_a_time)
{
    asyncio_context *context;
    ok(asyncio_copy_context(&context));
    ok(asyncio_context_run(context, asyncio_coro(runs_again, context)));
    say("%s", name(asyncio_context_run(context, asyncio_coro(quick, 2))));
    asyncio_context_unref(context);
    return 0;
}

/* Python's Context.copy, and Context[var]. */
static int copies(asyncio_context **ret_context)
{
    return asyncio_copy_context(ret_context);
}

static int read_var(void)
{
    return get();
}

SCENARIO(copies_are_independent)
{
    asyncio_context *copy, *copy_of_copy, *empty;
    set(1);
    ok(asyncio_copy_context(&copy));
    set(2);
    ok(asyncio_context_run(copy, asyncio_coro(copies, &copy_of_copy)));
    ok(asyncio_context_run(copy, asyncio_coro(setter, 3)));
    say("main %d, copy %d, its copy %d", get(), get_in(copy), get_in(copy_of_copy));
    ok(asyncio_context_new(&empty));
    /* asyncio_context_get falls back on the default, where Python's Context.get gives None */
    say("empty: %s, %d", get_in(empty) == 0 ? "nothing" : "something",
        asyncio_context_run(empty, asyncio_coro(read_var)));
    asyncio_context_unref(copy);
    asyncio_context_unref(copy_of_copy);
    asyncio_context_unref(empty);
    return 0;
}

/* ---- what runs in whose context ---- */

static int numbered_child(int n)
{
    say("child %d sees %d", n, get());
    set(n);
    int r = asyncio_sleep(0);
    say("child %d sees %d", n, get());
    return r;
}

SCENARIO(gather_gives_each_coroutine_its_copy)
{
    set(9);
    ok(asyncio_gather(asyncio_coro(numbered_child, 1), asyncio_coro(numbered_child, 2)));
    return sees("main");
}

SCENARIO(wait_for_keeps_the_callers_context)
{
    set(1);
    ok(asyncio_wait_for(asyncio_coro(setter, 2), 5 * T));
    return sees("main");
}

static int sees_inside_and_sets_2(void)
{
    sees("inside");
    return setter(2);
}

SCENARIO(shield_makes_a_copy)
{
    set(1);
    ok(asyncio_shield(asyncio_coro(sees_inside_and_sets_2)));
    return sees("main");
}

static int gets_and_sets_2(void)
{
    int seen = get();
    set(2);
    return seen;
}

SCENARIO(to_thread_takes_a_copy_along)
{
    set(1);
    say("the thread sees %s", name(asyncio_to_thread(asyncio_coro(gets_and_sets_2))));
    return sees("main");
}

static int grouped_child(int n)
{
    say("child %d sees %d", n, get());
    return setter(n);
}

SCENARIO(a_group_gives_each_child_its_copy)
{
    asyncio_task_group group;
    set(9);
    asyncio_task_group_enter(&group);
    ok(asyncio_task_group_create_task(&group, asyncio_coro(grouped_child, 1), NULL));
    set(8);
    ok(asyncio_task_group_create_task(&group, asyncio_coro(grouped_child, 2), NULL));
    ok(asyncio_task_group_exit(&group, 0));
    return sees("main");
}

static int child_with_a_child(void)
{
    set(2);
    asyncio_task *task = start(asyncio_coro(sees, "grandchild"));
    set(3);
    return asyncio_await(task);
}

SCENARIO(a_grandchild_sees_what_the_child_had_set)
{
    set(1);
    return asyncio_await(start(asyncio_coro(child_with_a_child)));
}

static int sees_and_adds(void)
{
    say("sees %d", get());
    set(get() + 1);
    return 0;
}

PLAIN_SCENARIO(the_runs_of_a_runner_share_a_context)
{
    asyncio_runner runner;
    asyncio_context *mine;
    set(1);
    ok(asyncio_runner_enter(&runner, .loop_factory = make_loop));
    ok(asyncio_runner_run(&runner, asyncio_coro(sees_and_adds)));
    ok(asyncio_runner_run(&runner, asyncio_coro(sees_and_adds)));
    ok(asyncio_copy_context(&mine));
    ok(asyncio_context_run(mine, asyncio_coro(setter, 7)));
    ok(asyncio_runner_run(&runner, asyncio_coro(sees_and_adds), .context = mine));
    ok(asyncio_runner_run(&runner, asyncio_coro(sees_and_adds)));
    ok(asyncio_runner_exit(&runner, 0));
    say("outside sees %d, mine has %d", get(), get_in(mine));
    asyncio_context_unref(mine);
    set(0);
    return 0;
}

SCENARIO(the_task_knows_its_context)
{
    asyncio_context *context;
    asyncio_task *task;
    ok(asyncio_copy_context(&context));
    ok(asyncio_context_run(context, asyncio_coro(setter, 4)));
    ok(asyncio_create_task(asyncio_coro(quick, 0), &task, .context = context));
    say("the given one: %s", yes(asyncio_task_get_context(task) == context));
    ok(asyncio_await(task));
    asyncio_task *plain = start(asyncio_coro(quick, 0));
    say("a copy: %s, %d", yes(asyncio_task_get_context(plain) != context),
        get_in(asyncio_task_get_context(plain)));
    ok(asyncio_await(plain));
    asyncio_task_unref(task);
    asyncio_context_unref(context);
    return 0;
}

CONFORMANCE("context")
