/* SPDX-License-Identifier: MIT */
/* timers_cancel, timers_fire: call_later, as the callback libraries it is compared with have
 * nothing else. */
#include "ours.h"

static long fired, expected;
static asyncio_future *all_fired;

static void on_timer(asyncio_loop *loop)
{
    (void)loop;
    if (++fired == expected)
        sure(asyncio_future_set_result(all_fired, 0));
}

/* Spread over a second, in scrambled order. */
static double delay(long i) { return (double)(i * 7919 % 1000) / 1000; }

int timers_cancel(long count)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_handle **handles = calloc((size_t)count, sizeof(asyncio_handle *));
    int64_t begin = wall();
    for (long i = 0; i < count; i++)
        sure(asyncio_loop_call_later(loop, 3600 + delay(i), on_timer, &handles[i]));
    for (long i = 0; i < count; i++) {
        asyncio_handle_cancel(handles[i]);
        asyncio_handle_unref(handles[i]);
    }
    per(wall() - begin, count);
    free(handles);
    return 0;
}

int timers_fire(long count)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    expected = count;
    sure(asyncio_future_new(&all_fired));
    int64_t begin = cpu();
    for (long i = 0; i < count; i++)
        sure(asyncio_loop_call_later(loop, delay(i), on_timer, NULL));
    sure(asyncio_await(all_fired));
    per(cpu() - begin, count);
    asyncio_future_unref(all_fired);
    return 0;
}
