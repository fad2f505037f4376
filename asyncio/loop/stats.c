/* SPDX-License-Identifier: MIT */
/* What a loop has done so far: asyncio_loop_get_stats.
 *
 *      poll     run     poll     run                 poll     run
 *      ----|------------|---|-----------|~~~~~~~~~~~~~~~~|------------
 *           busy: lag        busy: lag       waited           busy: lag
 *
 * A loop reads its clock after each look at the kernel, and before one in which it will sleep.
 * What lies between is known from that, and nothing more is measured: no step has a clock of its
 * own (but in debug mode, where longest_ns is a step's).
 *
 * So a turn that sleeps pays for it with 26 instructions (callgrind, x86-64, gcc -O2), and, where
 * no timer is armed, with the reading before the sleep: nothing that the loop knows then is fresh.
 * One that does not look at the kernel pays nothing. */
#include "loop/loop.h"

#include <string.h>

int(asyncio_loop_get_stats)(asyncio_loop *loop, asyncio_loop_stats *ret_stats, size_t size)
{
    if (!loop || !ret_stats || size < sizeof ret_stats->size)
        return asyncio_raise(-EINVAL,
                             "statistics need a loop, and memory that is told the size of");
    if (atomic_load(&loop->running) && !pthread_equal(loop->thread, pthread_self()))
        return asyncio_raise(-ASYNCIO_WRONG_THREAD,
                             "the statistics of a loop that runs are for its own thread");
    const struct loop_stats *stats = &loop->stats;
    uint64_t polls = 0;
    for (size_t i = 0; i < ASYNCIO_LAG_BUCKETS; i++)
        polls += stats->lag[i];
    int64_t ran = stats->ran_ns;
    if (atomic_load(&loop->running))
        ran += loop->now_at_poll - stats->entered_at;
    asyncio_loop_stats known = {
        .size = size < sizeof known ? size : sizeof known,
        .turns = polls + stats->turns_without_poll + loop->turns_since_poll,
        .polls = polls,
        .steps = loop->ran,
        .tasks_made = loop->next_task_number + stats->named_tasks,
        .timers = loop->timers.count,
        .busy_time = asyncio__seconds(ran - stats->waited_ns),
        .poll_time = asyncio__seconds(stats->waited_ns),
        .longest_step = asyncio__seconds(stats->longest_ns),
    };
    known.tasks_alive = known.tasks_made - stats->tasks_ended;
    memcpy(known.lag, stats->lag, sizeof known.lag);
    memcpy(ret_stats, &known, known.size);
    return 0;
}
