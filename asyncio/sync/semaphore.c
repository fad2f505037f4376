/* SPDX-License-Identifier: MIT */
/* The semaphore, and the bounded one.
 *
 * WOKEN      A permit is taken from the value for whom it is handed to. `woken` counts those who
 *            got one and did not run yet: while there are any, nobody who comes may take
 * another. */
#include "sync/waiters.h"

enum { UNBOUNDED = -1 };

static bool wake_next(asyncio_semaphore *semaphore)
{
    if (!sync_wake(&semaphore->waiters))
        return false;
    semaphore->value--;
    semaphore->woken++;
    return true;
}

static void drop(asyncio_future *awaited)
{
    struct waiter *waiter = waiter_of(awaited);
    asyncio_semaphore *semaphore = waiter->object;
    if (!waiter_is_woken(waiter) || waiter->task->wake_result < 0)
        return;
    semaphore->woken--;
    semaphore->value++;
}

static const struct future_type waiter_type = { "semaphore", 0, asyncio__sync_cancel, drop,
                                                &asyncio__sync_object };

static int init(asyncio_semaphore *semaphore, int value, int bound)
{
    if (value < 0)
        return asyncio_raise(-EINVAL, "Semaphore initial value must be >= 0");
    *semaphore = (asyncio_semaphore){ .kind = SYNC_SEMAPHORE, .value = value, .bound = bound };
    sync_init(&semaphore->waiters);
    return 0;
}

int asyncio_semaphore_init(asyncio_semaphore *semaphore, int value)
{
    return init(semaphore, value, UNBOUNDED);
}

int asyncio_bounded_semaphore_init(asyncio_bounded_semaphore *semaphore, int value)
{
    return init(semaphore, value, value);
}

int asyncio_semaphore_fini(asyncio_semaphore *semaphore)
{
    if (semaphore->kind != SYNC_SEMAPHORE)
        return asyncio__sync_ended("semaphore");
    if (sync_waits(&semaphore->waiters) || semaphore->woken)
        return asyncio__sync_busy("semaphore");
    semaphore->kind = SYNC_ENDED;
    return 0;
}

static bool is_locked(const asyncio_semaphore *semaphore)
{
    return semaphore->value == 0 || semaphore->woken || sync_waits(&semaphore->waiters);
}

int asyncio_semaphore_acquire(asyncio_semaphore *semaphore)
{
    asyncio_task *task = SYNC_TASK(semaphore, SYNC_SEMAPHORE, "semaphore");
    if (!is_locked(semaphore)) {
        semaphore->value--;
        return 0;
    }
    int r = sync_bind(&semaphore->waiters, task->future.loop, "semaphore");
    if (r < 0 || (r = task_refuses(task)) < 0)
        return r;
    struct waiter waiter = { { &waiter_type }, task, semaphore, false };
    r = sync_wait(&semaphore->waiters, task, &waiter);
    if (waiter.woken) {
        semaphore->woken--;
        if (r < 0)
            semaphore->value++;
    }
    /* Those who had to wait only because somebody was in front of them. */
    while (semaphore->value > 0 && wake_next(semaphore))
        ;
    return r;
}

int asyncio_semaphore_release(asyncio_semaphore *semaphore)
{
    if (__builtin_expect(semaphore->kind != SYNC_SEMAPHORE, 0))
        return asyncio__sync_ended("semaphore");
    if (__builtin_expect(semaphore->bound != UNBOUNDED && semaphore->value >= semaphore->bound, 0))
        return asyncio_raise(-EINVAL, "BoundedSemaphore released too many times");
    if (__builtin_expect(semaphore->value == INT_MAX, 0))
        return asyncio_raise(-EOVERFLOW, "Semaphore released too many times");
    semaphore->value++;
    wake_next(semaphore);
    return 0;
}

int asyncio_semaphore_locked(const asyncio_semaphore *semaphore)
{
    return semaphore->kind == SYNC_SEMAPHORE && is_locked(semaphore);
}

int asyncio_semaphore_enter(asyncio_semaphore *semaphore)
{
    return asyncio_semaphore_acquire(semaphore);
}

int asyncio_semaphore_exit(asyncio_semaphore *semaphore, int result)
{
    int r = asyncio_semaphore_release(semaphore);
    return r < 0 ? r : result;
}
