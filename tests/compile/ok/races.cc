// SPDX-License-Identifier: MIT
// run
//
// Races, eager factories and statistics in C++.
#include <asyncio.h>
#include "check.h"

namespace {

int after(int turns, int result)
{
    int r = 0;
    while (turns-- > 0 && r >= 0)
        r = asyncio_sleep(0);
    return r < 0 ? r : result;
}

int program()
{
    const asyncio_coro runners[] = { asyncio_coro(after, 1 << 30, 1), asyncio_coro(after, 1, 2) };
    size_t winner;
    int errors[2];
    CHECK(asyncio_staggered_race(runners, 2, 0, &winner) == 2 && winner == 1);
    CHECK(asyncio_staggered_race(runners, 2, 0, nullptr, .errors = errors) == 2);
    CHECK(errors[0] == -ECANCELED && errors[1] == 0);
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_eager_task_constructor eager = asyncio_create_eager_task_factory(nullptr, nullptr);
    asyncio_loop_set_task_factory(loop, eager.factory, &eager);
    asyncio_task *task;
    CHECK(asyncio_create_task(asyncio_coro(after, 0, 5), &task) == 0 && asyncio_task_done(task));
    asyncio_task_unref(task);
    asyncio_loop_set_task_factory(loop, nullptr, nullptr);
    asyncio_loop_stats stats;
    CHECK(asyncio_loop_get_stats(loop, &stats) == 0 && stats.size == sizeof stats);
    return 0;
}

}

int main()
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return verdict();
}
