/* SPDX-License-Identifier: MIT */
/* Time limits: around a part of a function, around one call, and a deadline that moves while there
 * is progress. */
#include <asyncio.h>
#include <stdio.h>

static int work(const char *what, double seconds)
{
    int r = asyncio_sleep(seconds);          /* the deadline arrives here, as -ECANCELED... */
    printf("%s: %s\n", what, r < 0 ? asyncio_error_name(r) : "done");
    return r;
}

static int slow_work(void)
{
    return work("slow work", 3600);
}

static int around_a_part(void)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 0.2);      /* async with asyncio.timeout(0.2): */
    int r = work("quick work", 0.05);
    if (r >= 0)
        r = slow_work();
    return asyncio_timeout_exit(&limit, r);  /* ...and leaves the scope as -ETIMEDOUT */
}

static int around_a_call(void)
{
    return asyncio_wait_for(asyncio_coro(slow_work), 0.1);
}

/* Each step may take 0.35 seconds, all of them as long as they need. */
static int around_each_step(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 0.35);
    int r = 0;
    for (int step = 1; step <= 4 && r >= 0; step++) {
        r = work("step", 0.1);
        if (r >= 0)
            r = asyncio_timeout_reschedule(&limit, asyncio_loop_time(loop) + 0.35);
    }
    return asyncio_timeout_exit(&limit, r);
}

static int program(void)
{
    printf("around a part: %s\n", asyncio_error_name(around_a_part()));
    printf("around a call: %s\n", asyncio_error_name(around_a_call()));
    printf("around each step: %s\n", asyncio_error_name(around_each_step()));
    return 0;
}

int main(void)
{
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
