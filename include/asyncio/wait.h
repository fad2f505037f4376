/* SPDX-License-Identifier: MIT */
/* Waiting for several things: gather, wait, as_completed, staggered_race; and around one: shield,
 * wait_for.
 *
 * MODEL   gather makes tasks of coroutines, returns when all are done; the first error is returned
 *         at once, and the others go on; cancelling it cancels all of them. wait cancels nobody,
 *         ever. shield keeps a cancellation of the awaiting one from what it awaits. wait_for
 *         awaits in the caller's own task and cancels what is late. staggered_race starts one after
 *         the other, takes the first that succeeds, and cancels the rest.
 * SOURCE  CPython's Lib/asyncio/tasks.py and staggered.py. */
#pragma once

#include <asyncio/loop.h>

ASYNCIO__BEGIN

typedef struct asyncio_gather_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_gather_options));
    int return_exceptions ASYNCIO__0;  /* errors become results like others */
} asyncio_gather_options;

/* asyncio_gather(awaitable, ...): runs up to 16 awaitables side by side: 0 when all succeeded,
 * else the first error, at once; the others go on. One that ends cancelled counts as the error
 * -ECANCELED, whoever cancelled it. When the caller is cancelled, so are all of them, and the call
 * returns with the first that ends cancelled or fails; -ECANCELED after all have ended when none
 * does. asyncio_gather_all is for any number, and for their results. Suspends. */
#define asyncio_gather(...)                                                                        \
    asyncio__gather_n(ASYNCIO__AWAITABLES(__VA_ARGS__), ASYNCIO__COUNT(__VA_ARGS__))

/* Runs `count` awaitables side by side. ret_results (NULL: not wanted) gets all results in order;
 * with .return_exceptions errors too, and then the call returns 0, but -ECANCELED when the caller
 * was cancelled, whatever the others made of that; in both cases after all of them ended. The
 * array is written when the call succeeds, else not at all. The same future twice fills both
 * places. Errors of asyncio_ensure_future; else as asyncio_gather. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_gather_all(const asyncio_awaitable *awaitables,
                                                      size_t count, int *ret_results,
                                                      const asyncio_gather_options *options);

/* Returns new: the future that gather awaits. Its result is 0; asyncio_gather_future_results gives
 * the list. -ENOMEM and no task made, -ASYNCIO_NO_RUNNING_LOOP. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_gather_future(const asyncio_awaitable *awaitables,
                                                         size_t count, asyncio_future **ret_future,
                                                         const asyncio_gather_options *options);

/* The results of a gather's future that is done, lent as long as it lives; *ret_count (NULL: not
 * wanted) tells how many. NULL when it is no gather's, is not done, or has failed. */
ASYNCIO_API const int *asyncio_gather_future_results(asyncio_future *future, size_t *ret_count);

/* Awaits what cannot be cancelled through this: when the caller is cancelled, `x` goes on. The
 * caller keeps a reference to it. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_shield(asyncio_awaitable awaitable);
#define asyncio_shield(x) (asyncio_shield)(ASYNCIO__AWAITED_NOW(x))

/* Returns new: the outer future of a shield; the inner one itself when that is done already.
 * -ENOMEM. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_shield_future(asyncio_awaitable awaitable,
                                                         asyncio_future **ret_future);
#define asyncio_shield_future(x, ret_future)                                                       \
    (asyncio_shield_future)(ASYNCIO__AWAITED_NOW(x), ret_future)

/* Awaits for at most `timeout` seconds (ASYNCIO_NONE: as long as it takes), in the caller's own
 * task, then cancels it and waits until it has ended: -ETIMEDOUT, or its own result if it went on
 * to return one. A timeout of 0 or less never starts a coroutine. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_wait_for(asyncio_awaitable awaitable, double timeout);
#define asyncio_wait_for(x, timeout) (asyncio_wait_for)(ASYNCIO__AWAITED_NOW(x), timeout)

#define ASYNCIO__DEFAULT_TIMEOUT ASYNCIO_NONE

enum asyncio_return_when {
    ASYNCIO_ALL_COMPLETED,
    ASYNCIO_FIRST_COMPLETED,
    ASYNCIO_FIRST_EXCEPTION,
};

typedef struct asyncio_wait_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_wait_options));
    /* seconds; ASYNCIO_NONE: no limit */
    double timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_TIMEOUT);
    enum asyncio_return_when return_when ASYNCIO__DEFAULT(ASYNCIO_ALL_COMPLETED);
} asyncio_wait_options;

/* Waits for futures or tasks; moves the done ones to the front of the array, keeping their order,
 * and stores their number in *ret_done (NULL: not wanted). Cancels nobody, also when it is
 * cancelled or its time is up: 0 then. -EINVAL for none, for NULLs and for an unknown return_when;
 * -ECANCELED, -ENOMEM. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_wait(asyncio_future **futures, size_t count,
                                                size_t *ret_done,
                                                const asyncio_wait_options *options);

/* Waiting for several, in the order in which they finish, in the caller's memory. */
typedef struct asyncio_as_completed {
    void *scope;
    int error;
} asyncio_as_completed;

typedef struct asyncio_as_completed_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_as_completed_options));
    /* seconds for all; ASYNCIO_NONE: no limit */
    double timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_TIMEOUT);
} asyncio_as_completed_options;

/* Begins: coroutines become tasks. A failure is remembered and returned by next and exit. Does not
 * suspend. */
ASYNCIO_API int asyncio_as_completed_enter(asyncio_as_completed *as_completed,
                                           const asyncio_awaitable *awaitables, size_t count,
                                           const asyncio_as_completed_options *options);

/* Waits for the next one that is done: 1, and *ret_future lends it (the very task or future),
 * *ret_index its place in the array; 0 when there are no more; -ETIMEDOUT when the time is up,
 * -ECANCELED. Either pointer may be NULL. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_as_completed_next(asyncio_as_completed *as_completed,
                                                             asyncio_future **ret_future,
                                                             size_t *ret_index);

/* Ends it, whether or not all were taken; cancels nobody. Returns `result`, or what enter failed
 * with. Does not suspend. */
ASYNCIO_API int asyncio_as_completed_exit(asyncio_as_completed *as_completed, int result);

typedef struct asyncio_staggered_race_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_staggered_race_options));
    /* of the caller, one for each coroutine: what it failed with; 0: the winner; 1: was never
     * started. Filled in whenever the race was run, also when it is lost or cancelled. */
    int *errors ASYNCIO__0;
} asyncio_staggered_race_options;

/* Starts the first coroutine, and each later one when the one before it has failed or `delay`
 * seconds have passed (ASYNCIO_NONE: only when it has failed), until one succeeds: returns its
 * result, and *ret_winner (NULL: not wanted) is its place in the array. The others are cancelled;
 * the call returns when all that were started have ended. When none succeeds, it returns the first
 * one's error, and asyncio_last_error lists them all. Each runs in a task of its own; one that has
 * lost and returns a result all the same should have given back what it got. -EINVAL for no
 * coroutine and for a delay of NaN, -ASYNCIO_NO_TASK, -ENOMEM; -ECANCELED when the caller was
 * cancelled, also when somebody has won meanwhile, and when the task of the first was cancelled
 * before that began. Those that are not started are closed.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int
asyncio_staggered_race(const asyncio_coro *coros, size_t count, double delay, size_t *ret_winner,
                       const asyncio_staggered_race_options *options);

ASYNCIO_MUST_CHECK static inline int asyncio__gather_n(const asyncio_awaitable *awaitables,
                                                       size_t count)
{
    return asyncio_gather_all(awaitables, count, NULL, NULL);
}

ASYNCIO_MUST_CHECK static inline int asyncio__gather_all_v(const asyncio_awaitable *awaitables,
                                                           size_t count, int *ret_results,
                                                           asyncio_gather_options options)
{
    return asyncio_gather_all(awaitables, count, ret_results, &options);
}

ASYNCIO_MUST_CHECK static inline int asyncio__gather_future_v(const asyncio_awaitable *awaitables,
                                                              size_t count,
                                                              asyncio_future **ret_future,
                                                              asyncio_gather_options options)
{
    return asyncio_gather_future(awaitables, count, ret_future, &options);
}

ASYNCIO_MUST_CHECK static inline int asyncio__wait_futures_v(asyncio_future **futures, size_t count,
                                                             size_t *ret_done,
                                                             asyncio_wait_options options)
{
    return asyncio_wait(futures, count, ret_done, &options);
}

static inline int asyncio__as_completed_enter_v(asyncio_as_completed *as_completed,
                                                const asyncio_awaitable *awaitables, size_t count,
                                                asyncio_as_completed_options options)
{
    return asyncio_as_completed_enter(as_completed, awaitables, count, &options);
}

ASYNCIO_MUST_CHECK static inline int asyncio__staggered_race_v(
    const asyncio_coro *coros, size_t count, double delay, size_t *ret_winner,
    asyncio_staggered_race_options options)
{
    return asyncio_staggered_race(coros, count, delay, ret_winner, &options);
}

ASYNCIO__END

#define asyncio_gather_all(...) asyncio__gather_all_m(__VA_ARGS__, )
#define asyncio__gather_all_m(awaitables, count, ret_results, ...)                                 \
    asyncio__gather_all_v(awaitables, count, ret_results,                                          \
                          ASYNCIO__OPTIONS(asyncio_gather_options, (), __VA_ARGS__))
#define asyncio_gather_future(...) asyncio__gather_future_m(__VA_ARGS__, )
#define asyncio__gather_future_m(awaitables, count, ret_future, ...)                               \
    asyncio__gather_future_v(awaitables, count, ret_future,                                        \
                             ASYNCIO__OPTIONS(asyncio_gather_options, (), __VA_ARGS__))
#define asyncio_wait(...) asyncio__wait_m(__VA_ARGS__, )
#define asyncio__wait_m(futures, count, ret_done, ...)                                             \
    asyncio__wait_futures_v(                                                                       \
        ASYNCIO__FUTURES(futures), count, ret_done,                                                \
        ASYNCIO__OPTIONS(asyncio_wait_options, (.timeout = ASYNCIO__DEFAULT_TIMEOUT, ),            \
                         __VA_ARGS__))
#define asyncio_as_completed_enter(...) asyncio__as_completed_enter_m(__VA_ARGS__, )
#define asyncio__as_completed_enter_m(as_completed, awaitables, count, ...)                        \
    asyncio__as_completed_enter_v(                                                                 \
        as_completed, awaitables, count,                                                           \
        ASYNCIO__OPTIONS(asyncio_as_completed_options, (.timeout = ASYNCIO__DEFAULT_TIMEOUT, ),    \
                         __VA_ARGS__))
#define asyncio_staggered_race(...) asyncio__staggered_race_m(__VA_ARGS__, )
#define asyncio__staggered_race_m(coros, count, delay, ret_winner, ...)                            \
    asyncio__staggered_race_v(coros, count, delay, ret_winner,                                     \
                              ASYNCIO__OPTIONS(asyncio_staggered_race_options, (), __VA_ARGS__))
