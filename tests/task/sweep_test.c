/* SPDX-License-Identifier: MIT */
/* Every allocation failed in turn, and a cancellation at every turn and at every suspension,
 * through everything the task and offload floors offer. */
/* TEST: timeout 300; not allocations */
#include "support/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static int sleeper(int turns, int result)
{
    for (int i = 0; i < turns; i++) {
        int r = asyncio_sleep(0);
        if (r < 0)
            return r;
    }
    return result;
}

static int failing(int turns)
{
    int r = sleeper(turns, 0);
    return r < 0 ? r : asyncio_raise(-EDOM, "failing after %d turns", turns);
}

static int expect(int r, int expected)
{
    return r == expected ? 0 : r < 0 ? r : -EPROTO;
}

static int tasks(void)
{
    asyncio_task *named, *plain;
    int r = asyncio_create_task(asyncio_coro(sleeper, 2, 5), &named, .name = "named");
    if (r < 0)
        return r;
    r = asyncio_create_task(asyncio_coro(failing, 1), &plain, .stack_size = 1 << 18);
    if (r >= 0) {
        r = expect(asyncio_await(plain), -EDOM);
        asyncio_task_unref(plain);
    }
    if (r >= 0)
        r = expect(asyncio_await(named), 5);
    asyncio_task_unref(named);
    return r;
}

static int timed(void)
{
    int r = asyncio_sleep(0.001);
    if (r >= 0)
        r = asyncio_wait_for(asyncio_coro(sleeper, 3, 4), 1.0);
    if (r < 0)
        return r;
    r = asyncio_wait_for(asyncio_coro(asyncio_sleep, 10.0), 0.001);
    if (r != -ETIMEDOUT)
        return r < 0 ? r : -EPROTO;
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 5.0);
    return asyncio_timeout_exit(&limit, sleeper(1, 0));
}

static int gathers(void)
{
    int results[3];
    asyncio_awaitable all[] = { ASYNCIO_AWAITABLE(asyncio_coro(sleeper, 1, 1)),
                                ASYNCIO_AWAITABLE(asyncio_coro(failing, 2)),
                                ASYNCIO_AWAITABLE(asyncio_coro(sleeper, 3, 3)) };
    int r = asyncio_gather_all(all, 3, results, .return_exceptions = 1);
    if (r < 0)
        return r;
    if (results[0] != 1 || results[2] != 3)
        return results[0] < 0 ? results[0] : results[2] < 0 ? results[2] : -EPROTO;
    r = asyncio_gather(asyncio_coro(sleeper, 1, 1), asyncio_coro(failing, 2));
    return expect(r, -EDOM);
}

static int shields(void)
{
    asyncio_task *inner;
    int r = asyncio_create_task(asyncio_coro(sleeper, 3, 7), &inner);
    if (r < 0)
        return r;
    r = expect(asyncio_shield(inner), 7);
    asyncio_task_unref(inner);
    return r;
}

static int waits(void)
{
    asyncio_task *all[3] = { NULL, NULL, NULL };
    int r = 0;
    for (int i = 0; i < 3 && r >= 0; i++)
        r = asyncio_create_task(asyncio_coro(sleeper, i, i), &all[i]);
    size_t done;
    if (r >= 0)
        r = asyncio_wait(all, 3, &done, .return_when = ASYNCIO_FIRST_COMPLETED);
    if (r >= 0)
        r = asyncio_wait(all, 3, &done, .timeout = 5);
    for (int i = 0; i < 3; i++) {
        if (all[i])
            asyncio_task_cancel(all[i]);
        asyncio_task_unref(all[i]);
    }
    return r;
}

static int completions(void)
{
    asyncio_as_completed those;
    asyncio_awaitable all[] = { ASYNCIO_AWAITABLE(asyncio_coro(sleeper, 3, 1)),
                                ASYNCIO_AWAITABLE(asyncio_coro(sleeper, 1, 2)) };
    asyncio_as_completed_enter(&those, all, 2, .timeout = 5);
    asyncio_future *future;
    int r, count = 0;
    while ((r = asyncio_as_completed_next(&those, &future, NULL)) > 0)
        count++;
    r = asyncio_as_completed_exit(&those, r);
    return r < 0 ? r : expect(count, 2);
}

static int groups(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_task_group_create_task(&group, asyncio_coro(sleeper, 2, 1), NULL);
    if (r >= 0)
        r = asyncio_task_group_create_task(&group, asyncio_coro(sleeper, 4, 1), NULL,
                                           .name = "second");
    r = asyncio_task_group_exit(&group, r);
    if (r < 0)
        return r;
    asyncio_task_group_enter(&group);
    r = asyncio_task_group_create_task(&group, asyncio_coro(failing, 1), NULL);
    if (r >= 0)
        r = asyncio_task_group_create_task(&group, asyncio_coro(failing, 1), NULL);
    return expect(asyncio_task_group_exit(&group, r), -EDOM);
}

struct pair {
    int a, b;
};

static int closed;

static void count_close(void *data)
{
    (void)data;
    closed++;
}

static int copied(struct pair *pair, struct pair *ret_pair)
{
    int r = asyncio_sleep(0);
    if (r < 0)
        return r;
    ret_pair->a = pair->b;
    return pair->a;
}

/* Whatever fails, what was given to on_close is called exactly once. */
static int notes(void)
{
    struct pair pair = { 3, 4 };
    asyncio_task *task;
    closed = 0;
    int r = asyncio_create_task(
        asyncio_coro_on_close(asyncio_coro_ret(copied, struct pair, &pair), count_close, NULL),
        &task);
    if (r < 0)
        return closed == 1 ? r : -EPROTO;
    r = expect(asyncio_await(task), 3);
    if (r >= 0 && ((struct pair *)asyncio_task_value(task))->a != 4)
        r = -EPROTO;
    asyncio_task_cancel(task);
    int ended = asyncio_task_done(task);
    asyncio_task_unref(task);
    return ended && closed != 1 ? -EPROTO : r;
}

static asyncio_context_var user = ASYNCIO_CONTEXT_VAR("user");

static int reads_context(void)
{
    void *value = NULL;
    int r = asyncio_context_var_get(&user, &value);
    return r < 0 ? r : value == &user ? 0 : -EPROTO;
}

static int contexts(void)
{
    asyncio_context_token *token;
    int r = asyncio_context_var_set(&user, &user, &token);
    if (r < 0)
        return r;
    asyncio_task *task;
    r = asyncio_create_task(asyncio_coro(reads_context), &task);
    if (r >= 0) {
        r = asyncio_await(task);
        asyncio_task_unref(task);
    }
    asyncio_context *copy;
    if (r >= 0 && (r = asyncio_copy_context(&copy)) >= 0) {
        r = asyncio_context_run(copy, asyncio_coro(reads_context));
        asyncio_context_unref(copy);
    }
    int reset = asyncio_context_var_reset(&user, token);
    return r < 0 ? r : reset;
}

static void call(asyncio_loop *loop, void *data)
{
    (void)loop;
    ++*(int *)data;
}

static void free_count(void *data)
{
    *(int *)data += 100;
}

static void seen(asyncio_future *future, void *data)
{
    (void)future;
    ++*(int *)data;
}

static int callbacks(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    int calls = 0;
    asyncio_handle *handle;
    int r = asyncio_loop_call_soon(loop, call, NULL, .data = &calls);
    if (r >= 0)
        r = asyncio_loop_call_later(loop, 1000, call, &handle, .data = &calls,
                                    .destroy = free_count);
    if (r < 0) { /* the frame goes: what is scheduled must have run */
        int waited = asyncio_sleep(0);
        return waited < 0 ? waited : r;
    }
    asyncio_handle_cancel(handle);
    asyncio_handle_unref(handle);
    asyncio_future *future;
    r = asyncio_future_new(&future);
    int added = r >= 0 ? asyncio_future_add_done_callback(future, seen, .data = &calls) : r;
    if (r >= 0) {
        asyncio_future_set_result(future, 5);
        r = asyncio_await(future);
        asyncio_future_unref(future);
    }
    int waited = sleeper(2, 0);
    if (waited < 0 || r < 0 || added < 0)
        return waited < 0 ? waited : r < 0 ? r : added;
    return expect(calls, 102);
}

static int stacks(void)
{
    int deferred = 0;
    asyncio_exit_stack stack;
    asyncio_exit_stack_enter(&stack);
    int r = 0;
    if (!asyncio_alloc(5000) || !asyncio_printf("%d", 5) || !asyncio_strdup("text"))
        r = -ENOMEM;
    asyncio_defer(free_count, &deferred);
    if (r >= 0)
        r = asyncio_sleep(0);
    r = asyncio_exit_stack_exit(&stack, r);
    return r < 0 ? r : expect(deferred, 100);
}

static int plain(int result)
{
    return result;
}

static int threads(void)
{
    int r = expect(asyncio_to_thread(asyncio_coro(plain, 6)), 6);
    if (r < 0)
        return r;
    asyncio_future *future;
    r = asyncio_loop_run_in_executor(asyncio_get_running_loop(), NULL, asyncio_coro(plain, 7),
                                     &future);
    if (r < 0)
        return r;
    r = expect(asyncio_await(future), 7);
    asyncio_future_unref(future);
    return r;
}

static int submissions(void)
{
    asyncio_concurrent_future *submitted;
    int r = asyncio_run_coroutine_threadsafe(asyncio_coro(sleeper, 2, 8),
                                             asyncio_get_running_loop(), &submitted);
    if (r < 0)
        return r;
    asyncio_future *future;
    r = asyncio_wrap_future(submitted, &future);
    if (r >= 0) {
        r = expect(asyncio_await(future), 8);
        asyncio_future_unref(future);
    }
    asyncio_concurrent_future_unref(submitted);
    return r;
}

static int eager(void)
{
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(sleeper, 0, 4), &task, .eager_start = 1);
    if (r < 0)
        return r;
    r = asyncio_task_done(task) ? expect(asyncio_await(task), 4) : -EPROTO;
    asyncio_task_unref(task);
    return r;
}

static int races(void)
{
    const asyncio_coro coros[] = { asyncio_coro(failing, 1), asyncio_coro(sleeper, 40, 6),
                                   asyncio_coro(sleeper, 5, 7) };
    int errors[3];
    size_t winner = 9;
    int r = asyncio_staggered_race(coros, 3, 0.0, &winner, .errors = errors);
    if (r < 0)
        return r;
    return winner < 3 && errors[winner] == 0 ? expect(r, 5 + (int)winner) : -EPROTO;
}

static int lost_races(void)
{
    const asyncio_coro coros[] = { asyncio_coro(failing, 1), asyncio_coro(failing, 0) };
    int r = asyncio_staggered_race(coros, 2, ASYNCIO_NONE, NULL);
    return r == -EDOM ? 0 : r < 0 ? r : -EPROTO;
}

static int eager_by_factory(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_loop_set_task_factory(loop, asyncio_eager_task_factory, NULL);
    int r = expect(asyncio_gather(asyncio_coro(sleeper, 0, 4), asyncio_coro(sleeper, 1, 4)), 0);
    if (r >= 0)
        r = races();
    asyncio_loop_set_task_factory(loop, NULL, NULL);
    return r;
}

static const struct sweep scenarios[] = {
    { "tasks", tasks },
    { "timed", timed },
    { "gathers", gathers },
    { "shields", shields },
    { "waits", waits },
    { "completions", completions },
    { "groups", groups },
    { "notes", notes },
    { "contexts", contexts },
    { "callbacks", callbacks },
    { "stacks", stacks },
    { "threads", threads },
    { "submissions", submissions },
    { "eager", eager },
    { "races", races },
    { "lost races", lost_races },
    { "eager by factory", eager_by_factory },
};

static void every_allocation_fails_in_turn(void **state)
{
    (void)state;
    assert_true(SWEEP_ALL(scenarios, sweep_allocations) > 100);
}

static void cancelled_at_every_turn(void **state)
{
    (void)state;
    assert_true(SWEEP_ALL(scenarios, sweep_cancellations) > 50);
}

static void cancelled_at_every_suspension(void **state)
{
    (void)state;
    assert_true(SWEEP_ALL(scenarios, sweep_suspensions) > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails_in_turn),
        cmocka_unit_test(cancelled_at_every_turn),
        cmocka_unit_test(cancelled_at_every_suspension),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
