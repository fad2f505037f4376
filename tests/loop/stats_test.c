/* SPDX-License-Identifier: MIT */
/* What a loop tells of what it has done: exact counts, times that cannot be too short. */
/* TEST: timeout 60 */
#include "base/error.h"

#include "support/failing.h"

#include <asyncio.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static bool is_sim(void)
{
    const char *backend = getenv("ASYNCIO_BACKEND");
    return backend && !strcmp(backend, "sim");
}

/* Blocks the thread: on sim that takes no time of the loop's. */
static void block(double seconds)
{
    struct timespec time = { 0, (long)(seconds * 1e9) };
    while (nanosleep(&time, &time) < 0)
        ;
}

static asyncio_loop_stats now(void)
{
    asyncio_loop_stats stats;
    assert_return_code(asyncio_loop_get_stats(asyncio_get_running_loop(), &stats), 0);
    assert_int_equal(stats.size, sizeof stats);
    return stats;
}

static uint64_t looks(const asyncio_loop_stats *stats)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < ASYNCIO_LAG_BUCKETS; i++)
        sum += stats->lag[i];
    return sum;
}

static int sleeps_for_nothing(int times)
{
    int r = 0;
    while (times-- > 0 && r >= 0)
        r = asyncio_sleep(0);
    return r;
}

static int turns_and_steps(void)
{
    asyncio_loop_stats before = now();
    int r = sleeps_for_nothing(5000);
    asyncio_loop_stats after = now();
    assert_int_equal(after.turns - before.turns, 5000);
    assert_int_equal(after.steps - before.steps, 5000);
    assert_true(after.polls > before.polls);
    assert_true(after.polls <= after.turns);
    assert_true(after.busy_time >= before.busy_time);
    return r;
}

static void each_turn_and_step_is_counted(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(turns_and_steps)), 0);
}

static int polling_loop(asyncio_loop **ret_loop, void *data)
{
    (void)data;
    return asyncio_loop_new(ret_loop, .poll_every_turn = 1);
}

static int turns_that_poll(void)
{
    asyncio_loop_stats before = now();
    int r = sleeps_for_nothing(100);
    asyncio_loop_stats after = now();
    assert_int_equal(after.turns - before.turns, 100);
    assert_int_equal(after.polls - before.polls, 100);
    assert_int_equal(looks(&after) - looks(&before), 100);
    return r;
}

static void a_loop_that_polls_in_every_turn(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(turns_that_poll), .loop_factory = polling_loop), 0);
}

static int counts_tasks(void)
{
    asyncio_loop_stats stats = now();
    assert_int_equal(stats.tasks_made, 1);
    assert_int_equal(stats.tasks_alive, 1);
    asyncio_task *tasks[10];
    for (int i = 0; i < 10; i++) {
        assert_return_code(asyncio_create_task(asyncio_coro(sleeps_for_nothing, 2), &tasks[i],
                                               .name = i % 2 ? "named" : NULL,
                                               .eager_start = i == 3),
                           0);
        stats = now();
        assert_int_equal(stats.tasks_made, i + 2);
        assert_int_equal(stats.tasks_alive, i + 2);
    }
    asyncio_task_cancel(tasks[9]);
    assert_return_code(asyncio_create_task(asyncio_coro(sleeps_for_nothing, 0), NULL,
                                           .eager_start = 1),
                       0);
    stats = now();
    assert_int_equal(stats.tasks_made, 12);
    assert_int_equal(stats.tasks_alive, 11);
    for (int i = 0; i < 10; i++) {
        int r = asyncio_await(tasks[i]);
        assert_true(r == 0 || r == -ECANCELED);
        asyncio_task_unref(tasks[i]);
    }
    stats = now();
    assert_int_equal(stats.tasks_made, 12);
    assert_int_equal(stats.tasks_alive, 1);
    return 0;
}

static void tasks_made_and_alive(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(counts_tasks)), 0);
}

static void nothing(asyncio_loop *loop)
{
    (void)loop;
}

static int counts_timers(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_handle *handle;
    assert_return_code(asyncio_loop_call_later(loop, 100, nothing, &handle), 0);
    assert_int_equal(now().timers, 1);
    asyncio_handle_cancel(handle);
    asyncio_handle_unref(handle);
    assert_int_equal(now().timers, 0);
    return 0;
}

static void timers_that_are_armed(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(counts_timers)), 0);
}

static int sleeps_then_blocks(void)
{
    asyncio_loop_stats before = now();
    assert_return_code(asyncio_sleep(0.05), 0);
    asyncio_loop_stats slept = now();
    assert_true(slept.poll_time - before.poll_time >= 0.04);
    assert_true(slept.timers == 0);
    if (is_sim())
        return 0;
    block(0.03);
    assert_return_code(asyncio_sleep(0.001), 0);
    asyncio_loop_stats blocked = now();
    assert_true(blocked.busy_time - slept.busy_time >= 0.03);
    assert_true(blocked.longest_step >= 0.03);
    uint64_t long_ones = 0;
    for (size_t i = 15; i < ASYNCIO_LAG_BUCKETS; i++) /* from 16.4 ms on */
        long_ones += blocked.lag[i] - slept.lag[i];
    assert_true(long_ones >= 1);
    return 0;
}

static void time_asleep_and_time_busy(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(sleeps_then_blocks)), 0);
}

static int blocks(void)
{
    block(0.02);
    return 0;
}

/* It ends before the loop looks at the kernel even once. */
static void a_run_of_one_step_is_counted(void **state)
{
    (void)state;
    asyncio_loop *loop;
    asyncio_loop_stats stats;
    assert_return_code(asyncio_loop_new(&loop), 0);
    assert_return_code(asyncio_loop_get_stats(loop, &stats), 0);
    assert_int_equal(stats.turns + stats.polls + stats.steps + stats.tasks_made, 0);
    assert_return_code(asyncio_loop_run_until_complete(loop, asyncio_coro(blocks)), 0);
    block(0.03); /* nobody's */
    assert_return_code(asyncio_loop_run_until_complete(loop, asyncio_coro(blocks)), 0);
    assert_return_code(asyncio_loop_close(loop), 0);
    assert_return_code(asyncio_loop_get_stats(loop, &stats), 0);
    assert_int_equal(stats.tasks_made, 2);
    assert_int_equal(stats.tasks_alive, 0);
    assert_true(stats.turns >= 2);
    if (!is_sim()) {
        assert_true(stats.busy_time >= 0.04);
        assert_true(stats.longest_step >= 0.02);
    }
    asyncio_loop_unref(loop);
}

static void quiet(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)context;
    (void)data;
}

static int waits_for_ever(void)
{
    return asyncio_sleep(1e6);
}

static void a_task_that_goes_with_its_loop_is_not_alive(void **state)
{
    (void)state;
    asyncio_loop *loop;
    asyncio_loop_stats stats;
    assert_return_code(asyncio_loop_new(&loop), 0);
    asyncio_loop_set_exception_handler(loop, quiet, NULL);
    assert_return_code(asyncio_loop_create_task(loop, asyncio_coro(waits_for_ever), NULL), 0);
    assert_return_code(asyncio_loop_get_stats(loop, &stats), 0);
    assert_int_equal(stats.tasks_alive, 1);
    assert_return_code(asyncio_loop_close(loop), 0);
    assert_return_code(asyncio_loop_get_stats(loop, &stats), 0);
    assert_int_equal(stats.tasks_alive, 0);
    asyncio_loop_unref(loop);
}

static void a_foreign_loop_steps_it(void **state)
{
    (void)state;
    asyncio_loop *loop;
    asyncio_loop_stats stats;
    assert_return_code(asyncio_loop_new(&loop), 0);
    for (int i = 0; i < 600; i++) {
        assert_return_code(asyncio_loop_call_soon(loop, nothing, NULL), 0);
        assert_int_equal(asyncio_loop_step(loop), 0);
    }
    assert_return_code(asyncio_loop_get_stats(loop, &stats), 0);
    assert_int_equal(stats.turns, 600);
    assert_int_equal(stats.polls, 600);
    assert_int_equal(stats.steps, 600);
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
}

static void *asks(void *loop)
{
    asyncio_loop_stats stats = { .turns = 77 };
    int r = asyncio_loop_get_stats((asyncio_loop *)loop, &stats);
    assert_int_equal(stats.turns, 77);
    return (void *)(intptr_t)r;
}

static int asked_from_elsewhere(void)
{
    pthread_t thread;
    void *result;
    assert_int_equal(pthread_create(&thread, NULL, asks, asyncio_get_running_loop()), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    return (int)(intptr_t)result;
}

static void misuse(void **state)
{
    (void)state;
    asyncio_loop *loop;
    asyncio_loop_stats stats = { .turns = 77 };
    assert_int_equal(asyncio_run(asyncio_coro(asked_from_elsewhere)), -ASYNCIO_WRONG_THREAD);
    assert_int_equal(asyncio_loop_get_stats(NULL, &stats), -EINVAL);
    assert_true(strlen(record_of(-EINVAL)->text) > 10);
    assert_return_code(asyncio_loop_new(&loop), 0);
    assert_int_equal(asyncio_loop_get_stats(loop, (asyncio_loop_stats *)NULL), -EINVAL);
    assert_int_equal((asyncio_loop_get_stats)(loop, &stats, 0), -EINVAL);
    assert_int_equal(stats.turns, 77);
    /* of an older program's size: what lies beyond is left alone */
    assert_return_code((asyncio_loop_get_stats)(loop, &stats, offsetof(asyncio_loop_stats, turns)),
                       0);
    assert_int_equal(stats.turns, 77);
    assert_int_equal(stats.size, offsetof(asyncio_loop_stats, turns));
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_turn_and_step_is_counted),
        cmocka_unit_test(a_loop_that_polls_in_every_turn),
        cmocka_unit_test(tasks_made_and_alive),
        cmocka_unit_test(timers_that_are_armed),
        cmocka_unit_test(time_asleep_and_time_busy),
        cmocka_unit_test(a_run_of_one_step_is_counted),
        cmocka_unit_test(a_task_that_goes_with_its_loop_is_not_alive),
        cmocka_unit_test(a_foreign_loop_steps_it),
        cmocka_unit_test(misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
