/* SPDX-License-Identifier: MIT */
/* run
 *
 * The bare name of a public macro is a function: to delay, to store, to call with its options by
 * address. */
#include <asyncio.h>
#include "check.h"

static int give(int value)
{
    return value;
}

static int call_with_limit(int (*wait_for)(asyncio_awaitable, double), int value)
{
    return wait_for(ASYNCIO_AWAITABLE(asyncio_coro(give, value)), 1.0);
}

static int program(void)
{
    int (*sleep)(double) = asyncio_sleep;
    int (*run)(asyncio_coro, const asyncio_run_options *) = asyncio_run;
    int (*create)(asyncio_coro, asyncio_task **, const asyncio_create_task_options *) =
        asyncio_create_task;
    int (*gather)(const asyncio_awaitable *, size_t, int *, const asyncio_gather_options *) =
        asyncio_gather_all;
    asyncio_create_task_options named = { .size = sizeof named, .name = "named" };
    asyncio_awaitable all[2] = { ASYNCIO_AWAITABLE(asyncio_coro(give, 1)),
                                 ASYNCIO_AWAITABLE(asyncio_coro(give, 2)) };
    int results[2];
    asyncio_task *task;
    size_t done;
    CHECK(sleep(0) == 0);
    CHECK(run(asyncio_coro(give, 1), NULL) == -ASYNCIO_LOOP_RUNNING);
    CHECK(create(asyncio_coro(give, 3), &task, NULL) == 0);
    asyncio_task_unref(task);
    CHECK((asyncio_create_task)(asyncio_coro(give, 3), &task, &named) == 0);
    CHECK(gather(all, 2, results, NULL) == 0 && results[1] == 2);
    CHECK(asyncio_await(asyncio_coro(asyncio_gather_all, all, 2, results, NULL)) == 0);
    CHECK(asyncio_await(asyncio_coro(call_with_limit, asyncio_wait_for, 4)) == 4);
    CHECK(asyncio_await(asyncio_coro(asyncio_sleep, 0.001)) == 0);
    asyncio_future *future = (asyncio_future *)task;
    CHECK(asyncio_await(asyncio_coro(asyncio_wait, &future, 1, &done, NULL)) == 0);
    CHECK(asyncio_wait_for(asyncio_coro(asyncio_sleep, 100), 0.001) == -ETIMEDOUT);
    CHECK(asyncio_gather(asyncio_coro(asyncio_sleep, 0.001),
                         asyncio_coro(asyncio_task_cancel, task, NULL)) == 0);
    asyncio_task_unref(task);
    return 0;
}

int main(void)
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return verdict();
}
