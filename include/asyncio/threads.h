/* SPDX-License-Identifier: MIT */
/* Threads: blocking work from a task, and a loop's work from another thread.
 *
 * MODEL      asyncio_to_thread runs a function in the loop's thread pool (at most min(32,
 *            processors + 4) threads, made when needed) and suspends only the task.
 *            asyncio_run_coroutine_threadsafe gives a loop work from outside; its handle, a
 *            concurrent future, can be waited on by any thread.
 * CANCEL     A running function cannot be stopped. Cancelling to_thread waits for it, since it may
 *            use the caller's memory, then returns -ECANCELED; .abandon = true returns at once, as
 *            Python does. asyncio_thread_cancelled() lets the function ask.
 * SOURCE     CPython's Lib/asyncio/threads.py, Lib/concurrent/futures. */
#pragma once

#include <asyncio/loop.h>

ASYNCIO__BEGIN

typedef struct asyncio_to_thread_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_to_thread_options));
    int abandon ASYNCIO__0;         /* a cancelled call does not wait for its function */
} asyncio_to_thread_options;

/* Calls the coroutine object's function in the thread pool and returns its result. It runs there
 * as plain C: what suspends answers -ASYNCIO_NO_TASK. Its context is a copy of the caller's.
 * -ENOMEM, -EAGAIN (no thread to be had), -ASYNCIO_EXECUTOR_SHUT_DOWN, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_to_thread(asyncio_coro call,
                                                     const asyncio_to_thread_options *options);
#define asyncio_to_thread(...) asyncio__to_thread_m(__VA_ARGS__, )
#define asyncio__to_thread_m(call, ...)                                                            \
    asyncio__to_thread_v(ASYNCIO__CORO(call),                                                      \
                         ASYNCIO__OPTIONS(asyncio_to_thread_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__to_thread_v(asyncio_coro call,
                                                          asyncio_to_thread_options options)
{
    return (asyncio_to_thread)(call, &options);
}

/* In a function that runs in a pool: 1 when its caller has been cancelled. Any thread. */
ASYNCIO_API int asyncio_thread_cancelled(void);

/* A pool of threads, or anything that can run a function somewhere else. */
typedef struct asyncio_executor asyncio_executor;

/* Returns new: a pool of at most `max_workers` threads (0: the default number), started as they
 * are needed. It stays behind in a fork: in the child what is given to it is -ASYNCIO_FORKED, and
 * shutting it down does nothing. -ENOMEM. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_thread_pool_executor_new(
    unsigned max_workers, asyncio_executor **ret_executor);

/* Takes one more reference and returns it. NULL allowed. Any thread. */
ASYNCIO_API asyncio_executor *asyncio_executor_ref(asyncio_executor *executor);

/* Gives a reference back; the last one shuts it down without waiting. NULL allowed. Any thread. */
ASYNCIO_API void asyncio_executor_unref(asyncio_executor *executor);

/* Takes no more work. With `wait`, blocks the thread until all of it is done. Any thread. */
ASYNCIO_API void asyncio_executor_shutdown(asyncio_executor *executor, int wait);

/* A call that an executor of one's own is to make: exactly one of the two below ends it. */
typedef struct asyncio_work asyncio_work;

/* Makes the call: once, in the thread that shall run it. It runs as plain C, as in to_thread. */
ASYNCIO_API void asyncio_work_run(asyncio_work *work);

/* Gives it back without making it: who waits for it gets -ECANCELED. Any thread. */
ASYNCIO_API void asyncio_work_cancel(asyncio_work *work);

/* An executor of one's own, as a table of functions. It lives as long as its executors do; usually
 * static. */
typedef struct asyncio_executor_type {
    size_t size;               /* sizeof(asyncio_executor_type) */
    const char *name;          /* for people; may be NULL */
    /* Takes `work`, on the loop's thread, to run it or cancel it: later, in any thread, or at once.
     * A negative result: it has not taken it, and the caller of the library gets that code. */
    int (*submit)(void *data, asyncio_work *work);
    /* The caller was cancelled: 1 when `work` has not begun and will neither be run nor cancelled
     * any more, else 0. On the loop's thread. NULL: it cannot take one back. */
    int (*withdraw)(void *data, asyncio_work *work);
    /* Takes no more; with `wait`, blocks until all work that was taken has ended. Any thread, also
     * twice; after it `submit` is not called. NULL: nothing to do. */
    void (*shutdown)(void *data, int wait);
    /* The last reference is gone, or the last work ended after that: so perhaps from inside of
     * asyncio_work_run, in the thread that called it. NULL: nothing to do. */
    void (*destroy)(void *data);
} asyncio_executor_type;

/* Returns new: an executor that is driven by `type`, with `data` for its functions. -EINVAL for a
 * type of another size or without `submit`, -ENOMEM: then `data` is still the caller's. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_executor_new(const asyncio_executor_type *type,
                                                        void *data,
                                                        asyncio_executor **ret_executor);

/* Returns new: a future for a call in `executor` (NULL: the loop's default one). Cancelling it
 * does not stop a running function. The arguments are borrowed until the function has returned.
 * -ASYNCIO_EXECUTOR_SHUT_DOWN of one that was shut down, and errors as to_thread. Does not
 * suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_run_in_executor(asyncio_loop *loop,
                                                                asyncio_executor *executor,
                                                                asyncio_coro call,
                                                                asyncio_future **ret_future);
#if !defined(ASYNCIO__BUILD)
#define asyncio_loop_run_in_executor(loop, executor, call, ret_future)                             \
    (asyncio_loop_run_in_executor)(loop, executor, ASYNCIO__CORO(call), ret_future)
#endif

/* Sets what NULL stands for in run_in_executor, and what to_thread uses; takes a reference, shuts
 * nothing down. Any executor will do, where Python wants one of threads. */
ASYNCIO_API void asyncio_loop_set_default_executor(asyncio_loop *loop, asyncio_executor *executor);

/* Takes no more work in the default executor and waits until its work is done, at most `timeout`
 * seconds (ASYNCIO_NONE: no limit): 0, or -ETIMEDOUT after a report to the exception handler.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_shutdown_default_executor(asyncio_loop *loop,
                                                                          double timeout);

/* A future that several threads share: concurrent.futures.Future. All calls on it are for any
 * thread. */
typedef struct asyncio_concurrent_future asyncio_concurrent_future;

typedef void asyncio_concurrent_future_callback(asyncio_concurrent_future *future, void *data);

/* Runs `coro` as a task of `loop`, from any other thread. ret_future (NULL: not wanted) returns
 * new. -ASYNCIO_LOOP_CLOSED, -ENOMEM: the coroutine is closed then. Pointer arguments are borrowed
 * until it is done. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_run_coroutine_threadsafe(
    asyncio_coro coro, asyncio_loop *loop, asyncio_concurrent_future **ret_future);
#if !defined(ASYNCIO__BUILD)
#define asyncio_run_coroutine_threadsafe(coro, loop, ret_future)                                   \
    (asyncio_run_coroutine_threadsafe)(ASYNCIO__CORO(coro), loop, ret_future)
#endif

/* Returns new: a pending one, for a producer of one's own. -ENOMEM. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_concurrent_future_new(
    asyncio_concurrent_future **ret_future);

/* Takes one more reference and returns it. NULL allowed. */
ASYNCIO_API asyncio_concurrent_future *asyncio_concurrent_future_ref(
    asyncio_concurrent_future *future);

/* Gives a reference back. NULL allowed. */
ASYNCIO_API void asyncio_concurrent_future_unref(asyncio_concurrent_future *future);

/* Blocks the thread until it is done, at most `timeout` seconds (ASYNCIO_NONE: no limit), and
 * returns its result or exception: -ETIMEDOUT when the time is up first, -ECANCELED when it was
 * cancelled; -EDEADLK, at once, on the thread of the loop that would have to complete it. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_concurrent_future_result(
    asyncio_concurrent_future *future, double timeout);

/* Cancels: a task behind it is asked to cancel itself. 1, or 0 when it was done already. */
ASYNCIO_API int asyncio_concurrent_future_cancel(asyncio_concurrent_future *future);

/* 1 when it is done. */
ASYNCIO_API int asyncio_concurrent_future_done(asyncio_concurrent_future *future);

/* 1 when it was cancelled. */
ASYNCIO_API int asyncio_concurrent_future_cancelled(asyncio_concurrent_future *future);

/* Finishes it. -ASYNCIO_INVALID_STATE when it is done already, -EINVAL for a negative result. */
ASYNCIO_API int asyncio_concurrent_future_set_result(asyncio_concurrent_future *future, int result);

/* Fails it with a negative code. -ASYNCIO_INVALID_STATE, -EINVAL. */
ASYNCIO_API int asyncio_concurrent_future_set_exception(asyncio_concurrent_future *future,
                                                        int code);

/* Calls `callback(future, data)` once it is done, in the thread that completes it; now, in this
 * one, when it is done already. -ENOMEM. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_concurrent_future_add_done_callback(
    asyncio_concurrent_future *future, asyncio_concurrent_future_callback *callback, void *data);

/* Returns new: a future of the running loop that follows `future`, and whose cancellation cancels
 * it. -ENOMEM, -ASYNCIO_NO_RUNNING_LOOP. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_wrap_future(asyncio_concurrent_future *future,
                                                       asyncio_future **ret_future);

ASYNCIO__END
