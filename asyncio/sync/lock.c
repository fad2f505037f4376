/* SPDX-License-Identifier: MIT */
/* The lock.
 *
 * HANDED     Between release and the step of the task that release woke, the lock is free and
 *            nobody but that task can take it. Python sees that by the done future that is still
 *            first in its deque.
 * LEAVING    Waiters that were cancelled when they were first, and did not run yet. While there
 *            are any, a release wakes nobody: the last of them does, when it runs. So it is in
 *            Python, whose release looks at the first future only. One that was cancelled further
 *            behind is gone before those in front of it have run, and needs no counting. */
#include "sync/waiters.h"

enum { LOCK_FREE, LOCK_HELD, LOCK_HANDED };

struct lock_waiter {
    struct waiter waiter;
    asyncio_condition *back_to;    /* whose wait takes the lock again, or NULL */
    bool leaving;
};

static void wake_first(asyncio_lock *lock)
{
    if (lock->state == LOCK_FREE && !lock->leaving && sync_wake(&lock->waiters))
        lock->state = LOCK_HANDED;
}

static int cancel(asyncio_future *awaited, const char *message)
{
    struct lock_waiter *self = container_of(waiter_of(awaited), struct lock_waiter, waiter);
    asyncio_lock *lock = self->waiter.object;
    if (lock->waiters.first == &self->waiter.task->step.handle.link &&
        !waiter_is_woken(&self->waiter)) {
        self->leaving = true;
        lock->leaving++;
    }
    return asyncio__sync_cancel(awaited, message);
}

/* It waits no longer, and does not take the lock. */
static void leave(struct lock_waiter *self, bool woken)
{
    asyncio_lock *lock = self->waiter.object;
    if (woken)
        lock->state = LOCK_FREE;
    else if (self->leaving)
        lock->leaving--;
}

static void drop(asyncio_future *awaited)
{
    struct lock_waiter *self = container_of(waiter_of(awaited), struct lock_waiter, waiter);
    leave(self, waiter_is_woken(&self->waiter) && self->waiter.task->wake_result == 0);
    if (self->back_to)
        self->back_to->inside--;
}

static const struct future_type waiter_type = { "lock", 0, cancel, drop, &asyncio__sync_object };

void asyncio_lock_init(asyncio_lock *lock)
{
    *lock = (asyncio_lock){ .kind = SYNC_LOCK, .state = LOCK_FREE };
    sync_init(&lock->waiters);
}

int asyncio_lock_fini(asyncio_lock *lock)
{
    if (lock->kind != SYNC_LOCK)
        return asyncio__sync_ended("lock");
    if (sync_waits(&lock->waiters) || lock->state == LOCK_HANDED || lock->leaving)
        return asyncio__sync_busy("lock");
    lock->kind = SYNC_ENDED;
    return 0;
}

int asyncio__lock_take(asyncio_lock *lock, asyncio_task *task, asyncio_condition *back_to)
{
    if (lock->state == LOCK_FREE && !sync_waits(&lock->waiters)) {
        lock->state = LOCK_HELD;
        return 0;
    }
    int r = sync_bind(&lock->waiters, task->future.loop, "lock");
    if (r < 0 || (!back_to && (r = task_refuses(task)) < 0))
        return r;
    struct lock_waiter self = { .waiter = { { &waiter_type }, task, lock, false },
                                .back_to = back_to };
    r = sync_wait(&lock->waiters, task, &self.waiter);
    if (__builtin_expect(r >= 0, 1)) {
        lock->state = LOCK_HELD;
        return 0;
    }
    leave(&self, self.waiter.woken);
    wake_first(lock);
    return r;
}

int asyncio_lock_acquire(asyncio_lock *lock)
{
    return asyncio__lock_take(lock, SYNC_TASK(lock, SYNC_LOCK, "lock"), NULL);
}

int asyncio_lock_release(asyncio_lock *lock)
{
    if (__builtin_expect(lock->kind != SYNC_LOCK, 0))
        return asyncio__sync_ended("lock");
    if (__builtin_expect(lock->state != LOCK_HELD, 0))
        return asyncio_raise(-ASYNCIO_NOT_LOCKED, "Lock is not acquired");
    lock->state = LOCK_FREE;
    wake_first(lock);
    return 0;
}

int asyncio_lock_locked(const asyncio_lock *lock)
{
    return lock->kind == SYNC_LOCK && lock->state == LOCK_HELD;
}

int asyncio_lock_enter(asyncio_lock *lock)
{
    return asyncio__lock_take(lock, SYNC_TASK(lock, SYNC_LOCK, "lock"), NULL);
}

int asyncio_lock_exit(asyncio_lock *lock, int result)
{
    int r = asyncio_lock_release(lock);
    return r < 0 ? r : result;
}
