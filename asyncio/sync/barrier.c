/* SPDX-License-Identifier: MIT */
/* The barrier: a count behind a condition, as in Python.
 *
 *      filling            --- the last party comes --->   draining
 *      draining           --- the last one leaves --->    filling
 *      filling, draining  --- reset, with tasks in it --> resetting
 *      resetting          --- the last one leaves --->    filling
 *      any                --- abort --->                  broken
 *      broken             --- reset --->                  filling; resetting while tasks are in it
 *
 * `count` is how many are in it. Draining and resetting let nobody in. */
#include "sync/waiters.h"

enum { FILLING, DRAINING, RESETTING, BROKEN };

int asyncio_barrier_init(asyncio_barrier *barrier, int parties)
{
    if (parties < 1)
        return asyncio_raise(-EINVAL, "parties must be >= 1");
    *barrier = (asyncio_barrier){ .kind = SYNC_BARRIER, .state = FILLING, .parties = parties };
    return (asyncio_condition_init)(&barrier->condition, NULL);
}

int asyncio_barrier_fini(asyncio_barrier *barrier)
{
    if (barrier->kind != SYNC_BARRIER)
        return asyncio__sync_ended("barrier");
    if (asyncio_condition_fini(&barrier->condition) < 0)
        return asyncio__sync_busy("barrier");
    barrier->kind = SYNC_ENDED;
    return 0;
}

static int broken(const char *why)
{
    return asyncio_raise(-ASYNCIO_BROKEN_BARRIER, "%s", why);
}

static int enter(asyncio_barrier *barrier, asyncio_task *task)
{
    while (barrier->state == DRAINING || barrier->state == RESETTING) {
        int r = asyncio__condition_wait(&barrier->condition, task);
        if (r < 0)
            return r;
    }
    return barrier->state == BROKEN ? broken("Barrier aborted") : 0;
}

static int wait_inside(asyncio_barrier *barrier, asyncio_task *task)
{
    while (barrier->state == FILLING) {
        int r = asyncio__condition_wait(&barrier->condition, task);
        if (r < 0)
            return r;
    }
    return barrier->state == DRAINING ? 0 : broken("Abort or reset of barrier");
}

static void leave(asyncio_barrier *barrier)
{
    if (--barrier->count > 0)
        return;
    if (barrier->state == RESETTING || barrier->state == DRAINING)
        barrier->state = FILLING;
    (void)asyncio_condition_notify_all(&barrier->condition);
}

/* The condition's lock is held. */
static int wait_locked(asyncio_barrier *barrier, asyncio_task *task)
{
    int r = enter(barrier, task);
    if (r < 0)
        return r;
    int index = barrier->count++;
    if (index + 1 == barrier->parties) {
        barrier->state = DRAINING;
        (void)asyncio_condition_notify_all(&barrier->condition);
    } else {
        r = wait_inside(barrier, task);
    }
    leave(barrier);
    return r < 0 ? r : index;
}

int asyncio_barrier_wait(asyncio_barrier *barrier)
{
    asyncio_task *task = SYNC_TASK(barrier, SYNC_BARRIER, "barrier");
    int r = asyncio__lock_take(barrier->condition.lock, task, NULL);
    return r < 0 ? r : asyncio_condition_exit(&barrier->condition, wait_locked(barrier, task));
}

int asyncio_barrier_reset(asyncio_barrier *barrier)
{
    asyncio_task *task = SYNC_TASK(barrier, SYNC_BARRIER, "barrier");
    int r = asyncio__lock_take(barrier->condition.lock, task, NULL);
    if (r < 0)
        return r;
    barrier->state = barrier->count > 0 ? RESETTING : FILLING;
    (void)asyncio_condition_notify_all(&barrier->condition);
    return asyncio_condition_release(&barrier->condition);
}

int asyncio_barrier_abort(asyncio_barrier *barrier)
{
    asyncio_task *task = SYNC_TASK(barrier, SYNC_BARRIER, "barrier");
    int r = asyncio__lock_take(barrier->condition.lock, task, NULL);
    if (r < 0)
        return r;
    barrier->state = BROKEN;
    (void)asyncio_condition_notify_all(&barrier->condition);
    return asyncio_condition_release(&barrier->condition);
}

int asyncio_barrier_parties(const asyncio_barrier *barrier)
{
    return barrier->parties;
}

int asyncio_barrier_n_waiting(const asyncio_barrier *barrier)
{
    return barrier->state == FILLING ? barrier->count : 0;
}

int asyncio_barrier_broken(const asyncio_barrier *barrier)
{
    return barrier->state == BROKEN;
}
