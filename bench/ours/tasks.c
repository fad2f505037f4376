/* SPDX-License-Identifier: MIT */
/* switch2, switch10k, spawn, spawn_batch, memory, handover. */
#include "ours.h"

/* --- tasks that yield -------------------------------------------------------------------- */

static int yielder(asyncio_future *gate, long times)
{
    sure(asyncio_await(gate));
    for (long i = 0; i < times; i++)
        sure(asyncio_sleep(0));
    return 0;
}

int yielding(long tasks, long count)
{
    asyncio_task **all = calloc((size_t)tasks, sizeof(asyncio_task *));
    asyncio_future *gate;
    long each = count / tasks;
    sure(asyncio_future_new(&gate));
    for (long i = 0; i < tasks; i++)
        sure(asyncio_create_task(asyncio_coro(yielder, gate, each), &all[i]));
    sure(asyncio_sleep(0));                 /* all have started, and wait */
    int64_t begin = wall();
    sure(asyncio_future_set_result(gate, 0));
    for (long i = 0; i < tasks; i++) {
        sure(asyncio_await(all[i]));
        asyncio_task_unref(all[i]);
    }
    per(wall() - begin, each * tasks);
    asyncio_future_unref(gate);
    free(all);
    return 0;
}

/* --- tasks that return at once ----------------------------------------------------------- */

static int nothing(void) { return 0; }

int spawning(long batch, long count)
{
    asyncio_task **all = calloc((size_t)batch, sizeof(asyncio_task *));
    int64_t begin = wall();
    for (long i = 0; i < count; i += batch) {
        for (long j = 0; j < batch; j++)
            sure(asyncio_create_task(asyncio_coro(nothing), &all[j]));
        for (long j = 0; j < batch; j++) {
            sure(asyncio_await(all[j]));
            asyncio_task_unref(all[j]);
        }
    }
    per(wall() - begin, (count + batch - 1) / batch * batch);
    free(all);
    return 0;
}

/* --- tasks that sleep -------------------------------------------------------------------- */

static long asleep;

static int sleeper(void)
{
    asleep++;
    return asyncio_sleep(3600);
}

int sleeping(long count)
{
    int64_t before = memory(), begin = wall();
    for (long i = 0; i < count; i++)
        sure(asyncio_create_task(asyncio_coro(sleeper), NULL));
    while (asleep < count)
        sure(asyncio_sleep(0));
    per(wall() - begin, count);
    figure("bytes", (double)(memory() - before) / (double)count);
    _exit(0);                               /* cancelling them all is not what is measured */
}

/* --- a value from one task to another, and back ------------------------------------------ */

static asyncio_future *inbox[2];

static int renew(int index)
{
    asyncio_future_unref(inbox[index]);
    return asyncio_future_new(&inbox[index]);
}

static int partner(void)
{
    int value;
    while ((value = sure(asyncio_await(inbox[1]))) > 0) {
        sure(renew(1));
        sure(asyncio_future_set_result(inbox[0], value));
    }
    return 0;
}

int handover(long count)
{
    asyncio_task *task;
    sure(asyncio_future_new(&inbox[0]));
    sure(asyncio_future_new(&inbox[1]));
    sure(asyncio_create_task(asyncio_coro(partner), &task));
    int64_t begin = wall();
    for (long i = 0; i < count; i += 2) {
        sure(asyncio_future_set_result(inbox[1], 1));
        sure(asyncio_await(inbox[0]));
        sure(renew(0));
    }
    per(wall() - begin, count);
    sure(asyncio_future_set_result(inbox[1], 0));
    sure(asyncio_await(task));
    asyncio_task_unref(task);
    asyncio_future_unref(inbox[0]);
    asyncio_future_unref(inbox[1]);
    return 0;
}
