/* SPDX-License-Identifier: MIT */
/* How tasks wait on this floor.
 *
 * MODEL      A task that waits lies in the object's list by the link of its own step, so that
 *            waking it is moving that link to the ready queue. It is in the list exactly while
 *            nobody has woken and nobody has cancelled it: CPython's "future that is not done".
 *            What Python looks up among its done futures (is somebody woken who did not run yet?)
 *            each object counts.
 * WAITER     What the task waits for while it does: on its stack, read only by who cancels it,
 *            looks at it, or drops it with its loop.
 * LOOP       Objects are bound to the first loop they make somebody wait on, by its number: a
 *            pointer could be a later loop's. */
#pragma once

#include "task/task.h"

#include <asyncio/lock.h>
#include <limits.h>

struct waiter {
    struct awaited awaited;        /* first: the task floor sees this */
    asyncio_task *task;
    void *object;
    bool woken;                    /* by wake, not by a cancellation: valid when it is over */
};

/* What stands in `kind` of an object between init and fini, so that neither zeroes nor rubbish
 * pass for one. */
enum sync_kind {
    SYNC_ENDED = 0,
    SYNC_LOCK = 0x6c6f636b,
    SYNC_EVENT = 0x65766e74,
    SYNC_CONDITION = 0x636f6e64,
    SYNC_SEMAPHORE = 0x73656d61,
    SYNC_BARRIER = 0x62617272,
    SYNC_QUEUE = 0x71756575,
};

static inline struct list *sync_list(asyncio__waiting *waiting)
{
    _Static_assert(offsetof(asyncio__waiting, first) == offsetof(struct list, next) &&
                       offsetof(asyncio__waiting, last) == offsetof(struct list, prev),
                   "the public view of a list");
    return (struct list *)(void *)waiting;
}

static inline void sync_init(asyncio__waiting *waiting)
{
    list_init(sync_list(waiting));
    waiting->loop = 0;
}

/* waiters.c */
extern const struct awaits asyncio__sync_object;
int asyncio__sync_ended(const char *what);
int asyncio__sync_busy(const char *what);
int asyncio__sync_other_loop(const char *what);
/* The cancel function of most waiters. */
int asyncio__sync_cancel(asyncio_future *awaited, const char *message);

/* 0 when a task of `loop` may wait there: the first one binds it. */
static inline int sync_bind(asyncio__waiting *waiting, const asyncio_loop *loop, const char *what)
{
    if (__builtin_expect(waiting->loop != loop->number, 0)) {
        if (waiting->loop)
            return asyncio__sync_other_loop(what);
        waiting->loop = loop->number;
    }
    return 0;
}

/* The task that runs, when it may use an object of `kind_`: for the beginning of functions that
 * suspend. */
#define SYNC_TASK(object, kind_, what)                                                             \
    ({                                                                                             \
        asyncio_task *task_ = task_current();                                                      \
        if (__builtin_expect(!task_, 0))                                                           \
            return -ASYNCIO_NO_TASK;                                                               \
        if (__builtin_expect((object)->kind != (kind_), 0))                                        \
            return asyncio__sync_ended(what);                                                      \
        TASK_CHECK_SCOPES(task_);                                                                  \
        task_;                                                                                     \
    })

/* Suspends until somebody wakes or cancels it: 0, or -ECANCELED. waiter->woken tells whether it got
 * what it waited for; with -ECANCELED too, when the cancellation came later. */
static inline int sync_wait(asyncio__waiting *waiting, asyncio_task *task, struct waiter *waiter)
{
    list_append(sync_list(waiting), &task->step.handle.link);
    int r = asyncio__task_wait(task, &waiter->awaited);
    waiter->woken = r == 0;
    if (task_take_cancel(task))
        return -ECANCELED;
    if (r < 0)
        asyncio__task_put_message(task);
    return r;
}

/* Wakes the first that waits; false: nobody does. */
static inline bool sync_wake(asyncio__waiting *waiting)
{
    struct list *node = sync_list(waiting)->next;
    if (node == sync_list(waiting))
        return false;
    asyncio_task *task = task_of_step(container_of(node, struct handle, link));
    if (asyncio__future_refuses_thread(&task->future, "waking who waits for a lock or a queue"))
        return false;
    list_remove(node);
    task_wake(task, 0);
    return true;
}

static inline bool sync_waits(const asyncio__waiting *waiting)
{
    return waiting->first != (const void *)waiting;
}

static inline struct waiter *waiter_of(asyncio_future *awaited)
{
    return container_of((struct awaited *)(void *)awaited, struct waiter, awaited);
}

static inline bool waiter_is_woken(const struct waiter *waiter)
{
    return waiter->task->future.task_flags & TASK_WOKEN;
}

/* lock.c: takes the lock. `back_to`: for a condition's wait, which must have it back, also where
 * cancellation is level-triggered; else NULL. */
int asyncio__lock_take(asyncio_lock *lock, asyncio_task *task, asyncio_condition *back_to);
/* condition.c: without looking whether there is a condition. */
int asyncio__condition_wait(asyncio_condition *condition, asyncio_task *task);
