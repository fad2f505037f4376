/* SPDX-License-Identifier: MIT */
/* What a burst of tasks needed goes back to the kernel while the loop rests, also one that has
 * nothing else to do. */
/* TEST: backends io_uring epoll */
#include "loop/loop.h"
#include "task/stacks.h"

#include <asyncio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { BURST = 1000 };

static int one(void)
{
    return asyncio_sleep(0);
}

static size_t warm_slots(void)
{
    return stack_pool_warm(((struct task_floor *)asyncio_get_running_loop()->task_floor)->usual);
}

static int burst(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = 0;
    for (int i = 0; i < BURST && r >= 0; i++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(one), NULL);
    return asyncio_task_group_exit(&group, r);
}

/* Half a second: an eighth of what is not needed goes each tenth of a second, after the first. */
static int rest(void)
{
    int r = burst();
    if (r < 0)
        return r;
    assert_true(warm_slots() >= BURST);
    r = asyncio_sleep(0.55);
    if (r < 0)
        return r;
    assert_in_range(warm_slots(), BURST / 10, BURST * 3 / 4);
    return burst();
}

static void test_memory_of_a_burst_goes_back(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(rest)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_memory_of_a_burst_goes_back) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
