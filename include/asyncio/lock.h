/* SPDX-License-Identifier: MIT */
/* Locks: what several tasks of a loop share without getting in each other's way.
 *
 *     static asyncio_lock lock;                          asyncio_lock_init(&lock), once
 *
 *     int r;
 *     ASYNCIO_LOCK(&lock, r)                             async with lock:
 *         r = update();                                  left by its end, break or return: released
 *     return r;
 *
 * MODEL      lock: one task at a time. event: a flag that tasks wait for. condition: a lock, and a
 *            place to wait while somebody else has it. semaphore: so many at a time. bounded
 *            semaphore: one that reports a release too many. barrier: so many tasks meet, and go
 *            on together.
 * FAIR       First come, first served: nobody overtakes a task that waits, also not while the one
 *            whose turn it is has been woken and did not run yet. What a woken task cannot use
 *            because it was cancelled goes to the next: no wake-up is lost.
 * CANCEL     A task that is cancelled while it waits leaves, with -ECANCELED and without the lock.
 * OWNERSHIP  All of them lie in the caller's memory and stay where they are. None allocates. `init`
 *            before the first use; `fini` after the last, which is refused (-EBUSY) while tasks
 *            wait. What was not made with init, or has been ended, answers -ASYNCIO_INVALID_STATE.
 *            The lock belongs to no task: another one may release it.
 * THREADS    For the tasks and callbacks of one loop: the first on whose tasks it makes wait.
 *            Another loop's then get -ASYNCIO_OTHER_LOOP. Nothing here is for other threads.
 * SOURCE     CPython's Lib/asyncio/locks.py. */
#pragma once

#include <asyncio/loop.h>

ASYNCIO__BEGIN

/* Tasks that wait, and for which loop. The library's. */
typedef struct asyncio__waiting {
    void *first, *last;
    uint64_t loop;
} asyncio__waiting;

/* ---- lock ---- */

typedef struct asyncio_lock {
    asyncio__waiting waiters;
    uint32_t kind, state, leaving;
} asyncio_lock;

/* Makes a lock that is free, in the caller's memory. Cannot fail; any thread; does not suspend. */
ASYNCIO_API void asyncio_lock_init(asyncio_lock *lock);

/* Ends it. -EBUSY, and nothing has changed, while tasks wait for it. Does not suspend. */
ASYNCIO_API int asyncio_lock_fini(asyncio_lock *lock);

/* Waits until the lock is free and nobody waits in front, and takes it: 0. -ECANCELED,
 * -ASYNCIO_NO_TASK, -ASYNCIO_OTHER_LOOP, -ASYNCIO_INVALID_STATE: then it is not taken. Suspends,
 * but not when it is free. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_lock_acquire(asyncio_lock *lock);

/* Gives it back and wakes the first that waits. -ASYNCIO_NOT_LOCKED when nobody has it. Does not
 * suspend. */
ASYNCIO_API int asyncio_lock_release(asyncio_lock *lock);

/* 1 while somebody has it. Does not suspend. */
ASYNCIO_API int asyncio_lock_locked(const asyncio_lock *lock);

/* `async with lock:`. The same as acquire; when it fails, there is nothing to exit. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_lock_enter(asyncio_lock *lock);

/* The end of `async with lock:`. Releases, and returns the body's `result`; -ASYNCIO_NOT_LOCKED
 * when nobody has it. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_lock_exit(asyncio_lock *lock, int result);

/* ASYNCIO_LOCK(lock, r): the statement that follows runs with the lock held, and the lock is
 * released when it is left: by its end, by break or continue (which leave it, not a loop around
 * it), by return or goto. `r`, an int variable, gets the result of acquire; when that is an error,
 * the statement is skipped. */
#define ASYNCIO_LOCK(object, r) ASYNCIO__HOLDING(lock, object, r)

/* ---- event ---- */

typedef struct asyncio_event {
    asyncio__waiting waiters;
    uint32_t kind, is_set;
} asyncio_event;

/* Makes an event that is not set, in the caller's memory. Cannot fail; any thread; does not
 * suspend. */
ASYNCIO_API void asyncio_event_init(asyncio_event *event);

/* Ends it. -EBUSY, and nothing has changed, while tasks wait for it. Those that `set` has woken do
 * not count: to set and end it in one go is right. Does not suspend. */
ASYNCIO_API int asyncio_event_fini(asyncio_event *event);

/* Sets it and wakes all who wait. Who waits later does not wait. 0. Does not suspend. */
ASYNCIO_API int asyncio_event_set(asyncio_event *event);

/* Unsets it. Who has been woken before goes on all the same. 0. Does not suspend. */
ASYNCIO_API int asyncio_event_clear(asyncio_event *event);

/* 1 while it is set. Does not suspend. */
ASYNCIO_API int asyncio_event_is_set(const asyncio_event *event);

/* Waits until it is set: 0. -ECANCELED, -ASYNCIO_NO_TASK, -ASYNCIO_OTHER_LOOP,
 * -ASYNCIO_INVALID_STATE. Suspends, but not when it is set. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_event_wait(asyncio_event *event);

/* ---- condition ---- */

typedef struct asyncio_condition {
    asyncio__waiting waiters;
    uint32_t kind, inside;
    asyncio_lock *lock;
    asyncio_lock own;
} asyncio_condition;

typedef struct asyncio_condition_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_condition_options));
    /* borrowed as long as the condition lives; NULL: one of its own */
    asyncio_lock *lock ASYNCIO__0;
} asyncio_condition_options;

/* Makes a condition in the caller's memory, with a lock of its own or with .lock, which several may
 * share. -ASYNCIO_INVALID_STATE when that lock is none. Any thread; does not suspend. */
ASYNCIO_API int asyncio_condition_init(asyncio_condition *condition,
                                       const asyncio_condition_options *options);
#define asyncio_condition_init(...) asyncio__condition_init_m(__VA_ARGS__, )
#define asyncio__condition_init_m(condition, ...)                                                  \
    asyncio__condition_init_v(condition,                                                           \
                              ASYNCIO__OPTIONS(asyncio_condition_options, (), __VA_ARGS__))
static inline int asyncio__condition_init_v(asyncio_condition *condition,
                                            asyncio_condition_options options)
{
    return (asyncio_condition_init)(condition, &options);
}

/* Ends it. -EBUSY, and nothing has changed, while tasks wait for it, or for its own lock. Does not
 * suspend. */
ASYNCIO_API int asyncio_condition_fini(asyncio_condition *condition);

/* As asyncio_lock_acquire, of its lock. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_condition_acquire(asyncio_condition *condition);

/* As asyncio_lock_release, of its lock. Does not suspend. */
ASYNCIO_API int asyncio_condition_release(asyncio_condition *condition);

/* As asyncio_lock_locked, of its lock. Does not suspend. */
ASYNCIO_API int asyncio_condition_locked(const asyncio_condition *condition);

/* `async with condition:`. The same as acquire; when it fails, there is nothing to exit.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_condition_enter(asyncio_condition *condition);

/* The end of `async with condition:`. Releases, and returns the body's `result`;
 * -ASYNCIO_NOT_LOCKED when nobody has the lock. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_condition_exit(asyncio_condition *condition,
                                                          int result);

/* Releases the lock, waits until it is notified, and takes the lock again, also when it was
 * cancelled: the lock is held when this returns. 0, perhaps without cause: look again at what you
 * wait for. -ECANCELED; a notification that came meanwhile goes to another task.
 * -ASYNCIO_NOT_LOCKED when nobody has the lock, -ASYNCIO_NO_TASK, -ASYNCIO_OTHER_LOOP,
 * -ASYNCIO_INVALID_STATE: then nothing was released. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_condition_wait(asyncio_condition *condition);

/* Tells whether what is waited for is true: more than 0 for yes, 0 for no, negative for an error.
 * Does not suspend. */
typedef int asyncio_condition_callback(void *data);

/* Waits until predicate(data) gives something other than 0, and returns that; an error of its own
 * too. Asks before the first wait, and with the lock held. Errors of asyncio_condition_wait.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_condition_wait_for(asyncio_condition *condition,
                                                              asyncio_condition_callback *predicate,
                                                              void *data);

/* Wakes the first `n` that wait, or as many as there are. They go on when they have got the lock.
 * -ASYNCIO_NOT_LOCKED when nobody has the lock. Does not suspend. */
ASYNCIO_API int asyncio_condition_notify(asyncio_condition *condition, int n);

/* As notify, for all that wait. Does not suspend. */
ASYNCIO_API int asyncio_condition_notify_all(asyncio_condition *condition);

/* ASYNCIO_CONDITION(condition, r): as ASYNCIO_LOCK, with the condition's lock. */
#define ASYNCIO_CONDITION(object, r) ASYNCIO__HOLDING(condition, object, r)

/* ---- semaphore, bounded semaphore ---- */

typedef struct asyncio_semaphore {
    asyncio__waiting waiters;
    uint32_t kind, woken;
    int value, bound;
} asyncio_semaphore;

/* A semaphore that asyncio_bounded_semaphore_init has made: the same calls are for both. */
typedef asyncio_semaphore asyncio_bounded_semaphore;

/* Makes a semaphore that `value` tasks can acquire, in the caller's memory. -EINVAL for a negative
 * value. Any thread; does not suspend. */
ASYNCIO_API int asyncio_semaphore_init(asyncio_semaphore *semaphore, int value);

/* As asyncio_semaphore_init, and a release that would raise it above `value` is -EINVAL. Does not
 * suspend. */
ASYNCIO_API int asyncio_bounded_semaphore_init(asyncio_bounded_semaphore *semaphore, int value);

/* Ends it. -EBUSY, and nothing has changed, while tasks wait for it. Does not suspend. */
ASYNCIO_API int asyncio_semaphore_fini(asyncio_semaphore *semaphore);

/* Waits until the value is above 0 and nobody waits in front, and lowers it by one: 0. -ECANCELED,
 * -ASYNCIO_NO_TASK, -ASYNCIO_OTHER_LOOP, -ASYNCIO_INVALID_STATE. Suspends, but not when it need not
 * wait. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_semaphore_acquire(asyncio_semaphore *semaphore);

/* Raises the value by one, and hands it to the first that waits. -EINVAL above the bound of a
 * bounded one; -EOVERFLOW. Does not suspend. */
ASYNCIO_API int asyncio_semaphore_release(asyncio_semaphore *semaphore);

/* 1 when acquire would wait: the value is 0, or somebody waits already. Does not suspend. */
ASYNCIO_API int asyncio_semaphore_locked(const asyncio_semaphore *semaphore);

/* `async with semaphore:`. The same as acquire; when it fails, there is nothing to exit.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_semaphore_enter(asyncio_semaphore *semaphore);

/* The end of `async with semaphore:`. Releases, and returns the body's `result`, or the error of
 * release. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_semaphore_exit(asyncio_semaphore *semaphore,
                                                          int result);

/* ASYNCIO_SEMAPHORE(semaphore, r): as ASYNCIO_LOCK, with a semaphore. */
#define ASYNCIO_SEMAPHORE(object, r) ASYNCIO__HOLDING(semaphore, object, r)

/* ---- barrier ---- */

typedef struct asyncio_barrier {
    uint32_t kind, state;
    int parties, count;
    asyncio_condition condition;
} asyncio_barrier;

/* Makes a barrier for `parties` tasks, in the caller's memory. -EINVAL for less than one. Any
 * thread; does not suspend. */
ASYNCIO_API int asyncio_barrier_init(asyncio_barrier *barrier, int parties);

/* Ends it. -EBUSY, and nothing has changed, while tasks are in it. Does not suspend. */
ASYNCIO_API int asyncio_barrier_fini(asyncio_barrier *barrier);

/* Waits until `parties` tasks wait; then all go on, and each gets a number of its own, from 0 to
 * parties - 1. Who comes while the others are still leaving waits for the next round.
 * -ASYNCIO_BROKEN_BARRIER when it is reset or aborted meanwhile, or is broken; -ECANCELED (one who
 * is cancelled just leaves), -ASYNCIO_NO_TASK, -ASYNCIO_OTHER_LOOP, -ASYNCIO_INVALID_STATE.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_barrier_wait(asyncio_barrier *barrier);

/* Back to the beginning: who waits gets -ASYNCIO_BROKEN_BARRIER, and a broken one is whole again.
 * 0, -ECANCELED (nothing has changed). Suspends when tasks are just entering or leaving. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_barrier_reset(asyncio_barrier *barrier);

/* Breaks it: who waits and who comes gets -ASYNCIO_BROKEN_BARRIER, until it is reset. 0, -ECANCELED
 * (nothing has changed). Suspends when tasks are just entering or leaving. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_barrier_abort(asyncio_barrier *barrier);

/* How many tasks it takes. Does not suspend. */
ASYNCIO_API int asyncio_barrier_parties(const asyncio_barrier *barrier);

/* How many tasks wait in it; 0 while they leave. Does not suspend. */
ASYNCIO_API int asyncio_barrier_n_waiting(const asyncio_barrier *barrier);

/* 1 while it is broken. Does not suspend. */
ASYNCIO_API int asyncio_barrier_broken(const asyncio_barrier *barrier);

/* What the scope macros are made of. `held` is NULL when there is nothing to release. */
typedef struct asyncio__holding {
    void *held;
    int once;
} asyncio__holding;

static inline asyncio__holding asyncio__hold(void *what, int result, int *ret_result)
{
    asyncio__holding holding = { result < 0 ? NULL : what, result >= 0 };
    *ret_result = result;
    return holding;
}

static inline asyncio__holding asyncio__hold_lock(asyncio_lock *lock, int *ret_result)
{
    return asyncio__hold(lock, asyncio_lock_acquire(lock), ret_result);
}

static inline void asyncio__drop_lock(asyncio__holding *holding)
{
    if (holding->held)
        (void)asyncio_lock_release((asyncio_lock *)holding->held);
}

static inline asyncio__holding asyncio__hold_condition(asyncio_condition *condition,
                                                       int *ret_result)
{
    return asyncio__hold(condition, asyncio_condition_acquire(condition), ret_result);
}

static inline void asyncio__drop_condition(asyncio__holding *holding)
{
    if (holding->held)
        (void)asyncio_condition_release((asyncio_condition *)holding->held);
}

static inline asyncio__holding asyncio__hold_semaphore(asyncio_semaphore *semaphore,
                                                       int *ret_result)
{
    return asyncio__hold(semaphore, asyncio_semaphore_acquire(semaphore), ret_result);
}

static inline void asyncio__drop_semaphore(asyncio__holding *holding)
{
    if (holding->held)
        (void)asyncio_semaphore_release((asyncio_semaphore *)holding->held);
}

ASYNCIO__END

/* A loop that runs once, over a variable that releases when it goes out of scope. */
#define ASYNCIO__HOLDING(what, object, r)                                                          \
    for (asyncio__holding ASYNCIO__CAT(asyncio__holding_, __LINE__)                                \
             __attribute__((__cleanup__(asyncio__drop_##what))) =                                  \
                 asyncio__hold_##what(object, &(r));                                               \
         ASYNCIO__CAT(asyncio__holding_, __LINE__).once;                                           \
         ASYNCIO__CAT(asyncio__holding_, __LINE__).once = 0)
