/* SPDX-License-Identifier: MIT */
/* The condition: a list of tasks that wait, beside a lock.
 *
 * `inside` counts the tasks between the release and the taking back of the lock in wait: they come
 * back to the condition, so it cannot end before. */
#include "sync/waiters.h"

static void drop(asyncio_future *awaited)
{
    asyncio_condition *condition = waiter_of(awaited)->object;
    condition->inside--;
}

static const struct future_type waiter_type = { "condition", 0, asyncio__sync_cancel, drop,
                                                &asyncio__sync_object };

int(asyncio_condition_init)(asyncio_condition *condition, const asyncio_condition_options *options)
{
    asyncio_lock *lock = options && options->lock ? options->lock : &condition->own;
    if (lock != &condition->own && lock->kind != SYNC_LOCK)
        return asyncio__sync_ended("lock");
    *condition = (asyncio_condition){ .kind = SYNC_CONDITION, .lock = lock };
    sync_init(&condition->waiters);
    if (lock == &condition->own)
        asyncio_lock_init(lock);
    return 0;
}

int asyncio_condition_fini(asyncio_condition *condition)
{
    if (condition->kind != SYNC_CONDITION)
        return asyncio__sync_ended("condition");
    if (condition->inside ||
        (condition->lock == &condition->own && asyncio_lock_fini(condition->lock) < 0))
        return asyncio__sync_busy("condition");
    condition->kind = SYNC_ENDED;
    return 0;
}

int asyncio_condition_acquire(asyncio_condition *condition)
{
    asyncio_task *task = SYNC_TASK(condition, SYNC_CONDITION, "condition");
    if (condition->lock->kind != SYNC_LOCK)
        return asyncio__sync_ended("lock");
    return asyncio__lock_take(condition->lock, task, NULL);
}

int asyncio_condition_release(asyncio_condition *condition)
{
    if (condition->kind != SYNC_CONDITION)
        return asyncio__sync_ended("condition");
    return asyncio_lock_release(condition->lock);
}

int asyncio_condition_locked(const asyncio_condition *condition)
{
    return condition->kind == SYNC_CONDITION && asyncio_lock_locked(condition->lock);
}

int asyncio_condition_enter(asyncio_condition *condition)
{
    asyncio_task *task = SYNC_TASK(condition, SYNC_CONDITION, "condition");
    if (condition->lock->kind != SYNC_LOCK)
        return asyncio__sync_ended("lock");
    return asyncio__lock_take(condition->lock, task, NULL);
}

int asyncio_condition_exit(asyncio_condition *condition, int result)
{
    int r = asyncio_condition_release(condition);
    return r < 0 ? r : result;
}

static void wake(asyncio_condition *condition, int n)
{
    while (n-- > 0 && sync_wake(&condition->waiters))
        ;
}

/* The lock is taken again whatever comes, and by queueing anew after each cancellation, as in
 * Python; the last of them is returned. Whoever fails may have been notified before: then another
 * has to be. */
int asyncio__condition_wait(asyncio_condition *condition, asyncio_task *task)
{
    asyncio_lock *lock = condition->lock;
    if (!asyncio_lock_locked(lock))
        return asyncio_raise(-ASYNCIO_NOT_LOCKED, "cannot wait on un-acquired lock");
    int r = sync_bind(&condition->waiters, task->future.loop, "condition");
    if (r < 0 || (r = sync_bind(&lock->waiters, task->future.loop, "lock")) < 0 ||
        (r = task_refuses(task)) < 0)
        return r;
    (void)asyncio_lock_release(lock);
    condition->inside++;
    struct waiter waiter = { { &waiter_type }, task, condition, false };
    r = sync_wait(&condition->waiters, task, &waiter);
    int taken;
    while ((taken = asyncio__lock_take(lock, task, condition)) < 0)
        r = taken;
    condition->inside--;
    if (r < 0)
        wake(condition, 1);
    return r;
}

int asyncio_condition_wait(asyncio_condition *condition)
{
    asyncio_task *task = SYNC_TASK(condition, SYNC_CONDITION, "condition");
    return asyncio__condition_wait(condition, task);
}

int asyncio_condition_wait_for(asyncio_condition *condition, asyncio_condition_callback *predicate,
                               void *data)
{
    asyncio_task *task = SYNC_TASK(condition, SYNC_CONDITION, "condition");
    if (!predicate)
        return asyncio_raise(-EINVAL, "a null function is no predicate");
    int result, r;
    while ((result = predicate(data)) == 0)
        if ((r = asyncio__condition_wait(condition, task)) < 0)
            return r;
    return result;
}

int asyncio_condition_notify(asyncio_condition *condition, int n)
{
    if (condition->kind != SYNC_CONDITION)
        return asyncio__sync_ended("condition");
    if (!asyncio_lock_locked(condition->lock))
        return asyncio_raise(-ASYNCIO_NOT_LOCKED, "cannot notify on un-acquired lock");
    wake(condition, n);
    return 0;
}

int asyncio_condition_notify_all(asyncio_condition *condition)
{
    return asyncio_condition_notify(condition, INT_MAX);
}
