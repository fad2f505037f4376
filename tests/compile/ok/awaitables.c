/* SPDX-License-Identifier: MIT */
/* run
 *
 * Everything that takes awaitables, with coroutine objects, tasks, futures and awaitables. */
#include <asyncio.h>
#include "check.h"

static int give(int value)
{
    int r = asyncio_sleep(0);
    return r < 0 ? r : value;
}

static int forever(void)
{
    return asyncio_sleep(3600);
}

static int await_all_kinds(void)
{
    asyncio_task *task;
    asyncio_future *future;
    CHECK(asyncio_create_task(asyncio_coro(give, 3), &task) == 0);
    CHECK(asyncio_ensure_future(task, &future) == 0);
    asyncio_coro coro = asyncio_coro(give, 4);
    const asyncio_coro constant = coro;
    asyncio_awaitable awaitable = ASYNCIO_AWAITABLE(future);
    CHECK(asyncio_await(coro) == 4);
    CHECK(asyncio_await(constant) == 4);
    CHECK(asyncio_await(future) == 3);
    CHECK(asyncio_await(task) == 3);
    CHECK(asyncio_await(awaitable) == 3);
    CHECK(asyncio_await(ASYNCIO_AWAITABLE(asyncio_coro(give, 5))) == 5);
    asyncio_future_unref(future);
    CHECK(asyncio_ensure_future(asyncio_coro(give, 6), &future) == 0);
    CHECK(asyncio_wait_for(future, 10) == 6);
    asyncio_future_unref(future);
    asyncio_task_unref(task);
    return 0;
}

static int gathers(void)
{
    asyncio_task *task;
    asyncio_future *future;
    int a = 1;
    CHECK(asyncio_create_task(asyncio_coro(give, 1), &task) == 0);
    CHECK(asyncio_ensure_future(asyncio_coro(give, 2), &future) == 0);
    CHECK(asyncio_gather(task) == 0);
    CHECK(asyncio_gather(asyncio_coro(give, a)) == 0);
    CHECK(asyncio_gather(task, future, asyncio_coro(give, 3), ASYNCIO_AWAITABLE(task),
                         asyncio_coro(give, 5), asyncio_coro(give, 6), asyncio_coro(give, 7),
                         asyncio_coro(give, 8), asyncio_coro(give, 9), asyncio_coro(give, 10),
                         asyncio_coro(give, 11), asyncio_coro(give, 12), asyncio_coro(give, 13),
                         asyncio_coro(give, 14), asyncio_coro(give, 15),
                         asyncio_coro(give, 16)) == 0);
    asyncio_awaitable all[] = { ASYNCIO_AWAITABLE(task), ASYNCIO_AWAITABLE(future),
                                ASYNCIO_AWAITABLE(asyncio_coro(give, -EIO)) };
    int results[3] = { 9, 9, 9 };
    CHECK(asyncio_gather_all(all, 3, results) == -EIO);
    CHECK(results[0] == 9);
    CHECK(asyncio_gather_all(all, 3, results, .return_exceptions = 1) == 0);
    CHECK(results[0] == 1 && results[1] == 2 && results[2] == -EIO);
    asyncio_future *outer;
    CHECK(asyncio_gather_future(all, 2, &outer) == 0);
    CHECK(asyncio_await(outer) == 0);
    size_t count;
    const int *list = asyncio_gather_future_results(outer, &count);
    CHECK(list != NULL && count == 2 && list[1] == 2);
    asyncio_future_unref(outer);
    CHECK(asyncio_gather_future(all, 3, &outer, .return_exceptions = 1) == 0);
    CHECK(asyncio_await(outer) == 0);
    asyncio_future_unref(outer);
    asyncio_future_unref(future);
    asyncio_task_unref(task);
    return 0;
}

static int shields_and_limits(void)
{
    asyncio_task *task;
    asyncio_future *outer;
    CHECK(asyncio_create_task(asyncio_coro(give, 1), &task) == 0);
    CHECK(asyncio_shield(task) == 1);
    CHECK(asyncio_shield(asyncio_coro(give, 2)) == 2);
    CHECK(asyncio_shield_future(asyncio_coro(give, 3), &outer) == 0);
    CHECK(asyncio_await(outer) == 3);
    asyncio_future_unref(outer);
    CHECK(asyncio_wait_for(task, 1) == 1);
    CHECK(asyncio_wait_for(asyncio_coro(give, 4), ASYNCIO_NONE) == 4);
    CHECK(asyncio_wait_for(asyncio_coro(forever), 0.001) == -ETIMEDOUT);
    CHECK(asyncio_wait_for(asyncio_coro(asyncio_sleep, 0.0), 0.5f) == 0);
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 0.001);
    int r = asyncio_timeout_exit(&limit, forever());
    CHECK(r == -ETIMEDOUT);
    asyncio_timeout_at_enter(&limit, asyncio_loop_time(asyncio_get_running_loop()) + 100);
    CHECK(asyncio_timeout_exit(&limit, 5) == 5);
    asyncio_task_unref(task);
    return 0;
}

static int waits(void)
{
    asyncio_task *tasks[3] = { NULL, NULL, NULL };
    asyncio_future *futures[2] = { NULL, NULL };
    size_t done = 0, index = 9;
    CHECK(asyncio_create_task(asyncio_coro(give, 0), &tasks[0]) == 0);
    CHECK(asyncio_create_task(asyncio_coro(give, 1), tasks + 1) == 0);
    CHECK(asyncio_create_task(asyncio_coro(forever), &tasks[2]) == 0);
    CHECK(asyncio_wait(tasks, 2, &done) == 0);
    CHECK(done == 2);
    CHECK(asyncio_wait(tasks, 3, &done, .return_when = ASYNCIO_FIRST_COMPLETED, .timeout = 5) == 0);
    CHECK(done == 2);
    CHECK(asyncio_wait(tasks, 3, NULL, .timeout = 0.001) == 0);
    CHECK(asyncio_ensure_future(tasks[0], &futures[0]) == 0);
    CHECK(asyncio_ensure_future(tasks[1], &futures[1]) == 0);
    CHECK(asyncio_wait(futures, 2, &done, .timeout = ASYNCIO_NONE,
                       .return_when = ASYNCIO_FIRST_EXCEPTION) == 0);
    CHECK(done == 2);
    asyncio_awaitable all[] = { ASYNCIO_AWAITABLE(tasks[1]), ASYNCIO_AWAITABLE(futures[0]) };
    asyncio_as_completed each;
    asyncio_future *which;
    asyncio_as_completed_enter(&each, all, 2);
    CHECK(asyncio_as_completed_next(&each, &which, &index) == 1);
    CHECK(index < 2 && which != NULL);
    CHECK(asyncio_as_completed_exit(&each, 0) == 0);
    asyncio_as_completed_enter(&each, all, 2, .timeout = 10.0);
    CHECK(asyncio_as_completed_exit(&each, 7) == 7);
    for (int i = 0; i < 2; i++)
        asyncio_future_unref(futures[i]);
    asyncio_task_cancel(tasks[2], .message = "enough");
    CHECK(asyncio_await(tasks[2]) == -ECANCELED);
    for (int i = 0; i < 3; i++)
        asyncio_task_unref(tasks[i]);
    return 0;
}

static int groups(void)
{
    asyncio_task *task = NULL;
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_task_group_create_task(&group, asyncio_coro(give, 1), NULL);
    if (r >= 0)
        r = asyncio_task_group_create_task(&group, asyncio_coro(give, 2), &task, .name = "second",
                                           .sticky_cancel = 1);
    CHECK(r == 0);
    asyncio_task_unref(task);
    CHECK(asyncio_task_group_exit(&group, r) == 0);
    return 0;
}

static int program(void)
{
    int (*parts[])(void) = { await_all_kinds, gathers, shields_and_limits, waits, groups };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int r = asyncio_await(asyncio_coro(parts[i]));
        if (r < 0)
            return r;
    }
    return 0;
}

int main(void)
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return verdict();
}
