/* SPDX-License-Identifier: MIT */
/* run
 *
 * Races, eager factories and statistics, with and without what is optional. */
#include <asyncio.h>
#include "check.h"

static int after(int milliseconds, int result)
{
    int r = asyncio_sleep(milliseconds / 1000.0);
    return r < 0 ? r : result;
}

static int own_task(asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
                    const asyncio_create_task_options *options, void *made)
{
    ++*(int *)made;
    return asyncio_task_new(loop, coro, ret_task, options);
}

static int program(void)
{
    const asyncio_coro mirrors[] = { asyncio_coro(after, 100000, 1), asyncio_coro(after, 1, 2) };
    size_t winner;
    int errors[2], made = 0;
    CHECK(asyncio_staggered_race(mirrors, 2, 0.001, &winner) == 2 && winner == 1);
    CHECK(asyncio_staggered_race(mirrors, 2, 0, NULL, .errors = errors) == 2);
    CHECK(errors[0] == -ECANCELED && errors[1] == 0);
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_loop_set_task_factory(loop, asyncio_eager_task_factory, NULL);
    asyncio_eager_task_constructor eager = asyncio_create_eager_task_factory(own_task, &made);
    asyncio_loop_set_task_factory(loop, eager.factory, &eager);
    CHECK(asyncio_create_task(asyncio_coro(after, 0, 0), NULL) == 0 && made == 1);
    asyncio_loop_set_task_factory(loop, NULL, NULL);
    asyncio_loop_stats stats;
    CHECK(asyncio_loop_get_stats(loop, &stats) == 0 && stats.tasks_made > 1);
    CHECK(asyncio_loop_set_slow_callback_duration(loop, 0.2) == 0);
    CHECK(asyncio_loop_slow_callback_duration(loop) > 0.19);
    return 0;
}

int main(void)
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return verdict();
}
