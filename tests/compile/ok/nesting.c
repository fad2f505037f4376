/* SPDX-License-Identifier: MIT */
/* run
 *
 * The macros inside other macros and inside one another: in tests, in logging, as arguments and as
 * options. */
#include <asyncio.h>
#include <assert.h>
#include "check.h"

#define RETURN_IF_FAILED(expression)                                                               \
    do {                                                                                           \
        int r_ = (expression);                                                                     \
        if (r_ < 0)                                                                                \
            return r_;                                                                             \
    } while (0)
#define SAME(x) SAME_(x, )
#define SAME_(x, ...) (x)
#define asyncio_answer 42

static int give(int value)
{
    return value;
}

static int add(int a, int b)
{
    return a + b;
}

static int program(void)
{
    asyncio_task *task;
    RETURN_IF_FAILED(asyncio_create_task(asyncio_coro(give, 1), &task, .name = "x"));
    assert(asyncio_await(task) == 1);
    CHECK(SAME(asyncio_await(asyncio_coro(give, asyncio_answer))) == 42);
    CHECK(SAME(SAME(asyncio_gather(asyncio_coro(give, 1), asyncio_coro(give, 2)))) == 0);
    CHECK(asyncio_await(asyncio_coro(add, asyncio_await(asyncio_coro(give, 3)),
                                     asyncio_await(asyncio_coro(give, 4)))) == 7);
    CHECK(asyncio_wait_for(asyncio_coro(add, asyncio_wait_for(asyncio_coro(give, 5), 1),
                                        asyncio_shield(asyncio_coro(give, 6))),
                           asyncio_await(asyncio_coro(give, 7))) == 11);
    CHECK(asyncio_wait(&task, 1, NULL, .timeout = asyncio_await(asyncio_coro(give, 1))) == 0);
    CHECK(asyncio_to_thread(asyncio_coro(add, 1, asyncio_to_thread(asyncio_coro(give, 2))),
                            .abandon = asyncio_await(asyncio_coro(give, 0))) == 3);
    CHECK((asyncio_iscoroutine(asyncio_coro(give, 1)) ? 1 : 0) == 1);
    for (int i = 0; i < 3; i++)
        if (asyncio_await(asyncio_coro(give, i)) == 1)
            continue;
        else
            RETURN_IF_FAILED(asyncio_await(asyncio_coro(give, i)));
    asyncio_task_unref(task);
    return asyncio_await(asyncio_coro(
        give, asyncio_await(asyncio_coro(give, asyncio_await(asyncio_coro(give, 0))))));
}

int main(void)
{
    CHECK(SAME(asyncio_run(asyncio_coro(program), .debug = SAME(0), .shutdown_timeout = 1)) == 0);
    return verdict();
}
