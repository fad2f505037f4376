/* SPDX-License-Identifier: MIT */
/* Futures: a result that is not there yet.
 *
 * MODEL      PENDING, then once and for ever CANCELLED or FINISHED with a result (0 or more, and a
 *            pointer beside it if wanted) or an exception (a negative code). Completing a future
 *            schedules its callbacks by the loop, in the order they were added; it never calls
 *            them. A task is a future too: asyncio_future_* takes an asyncio_task * as well.
 * RETRIEVED  A future that got an exception which nobody looked at (by awaiting, result,
 *            exception, cancel) says so to the loop's exception handler when its last reference
 *            goes.
 * OWNERSHIP  Counted references: what returns new is yours, to be unref'ed. Waiting on a future
 *            keeps it alive.
 * THREADS    Only the loop's thread. asyncio_concurrent_future is the one for several threads.
 * SOURCE     CPython's Lib/asyncio/futures.py. */
#pragma once

#include <asyncio/coroutine.h>

ASYNCIO__BEGIN

/* Called once, by the loop, after the future is done. */
typedef void asyncio_future_callback(asyncio_future *future, void *data);

typedef struct asyncio_future_set_result_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_future_set_result_options));
    void *value ASYNCIO__0;                   /* asyncio_future_value gives it */
    /* called once, when the future goes or when set_result fails */
    void (*destroy)(void *value) ASYNCIO__0;
} asyncio_future_set_result_options;

typedef struct asyncio_cancel_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_cancel_options));
    const char *message ASYNCIO__0;  /* copied; None is NULL */
} asyncio_cancel_options;

typedef struct asyncio_add_done_callback_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_add_done_callback_options));
    void *data ASYNCIO__0;
    /* called once, after the callback, or when it is removed, or with the loop */
    void (*destroy)(void *data) ASYNCIO__0;
    asyncio_context *context ASYNCIO__0;     /* to run in; NULL: a copy of the current one */
} asyncio_add_done_callback_options;

/* Returns new: a pending future of the running loop. -ASYNCIO_NO_RUNNING_LOOP, -ENOMEM. Does not
 * suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_future_new(asyncio_future **ret_future);

/* Takes one more reference and returns it. NULL allowed. Does not suspend. */
ASYNCIO_API asyncio_future *asyncio_future_ref(asyncio_future *future);

/* Gives a reference back; with the last one the future is destroyed. NULL allowed. Does not
 * suspend. */
ASYNCIO_API void asyncio_future_unref(asyncio_future *future);

/* Finishes the future with `result` (0 or more) and schedules its callbacks. Python's set_result.
 * -ASYNCIO_INVALID_STATE when it is done already or is a task, -EINVAL for a negative result; the
 * value is destroyed then. Does not suspend. */
ASYNCIO_API int asyncio_future_set_result(asyncio_future *future, int result,
                                          const asyncio_future_set_result_options *options);

/* Finishes the future with an exception: a negative code, recorded with what asyncio_last_error
 * has for it. -ASYNCIO_INVALID_STATE when it is done already or is a task, -EINVAL for a code that
 * is not negative. Does not suspend. */
ASYNCIO_API int asyncio_future_set_exception(asyncio_future *future, int code);

/* Cancels. 1: the future (or the task: see asyncio_task_cancel) was asked to; 0: it was done
 * already. Does not suspend. */
ASYNCIO_API int asyncio_future_cancel(asyncio_future *future,
                                      const asyncio_cancel_options *options);

/* 1 when it is done: finished or cancelled. Does not suspend. */
ASYNCIO_API int asyncio_future_done(const asyncio_future *future);

/* 1 when it was cancelled. Does not suspend. */
ASYNCIO_API int asyncio_future_cancelled(const asyncio_future *future);

/* The result, or its exception (a negative code); -ECANCELED when it was cancelled;
 * -ASYNCIO_INVALID_STATE while it is pending. Counts as retrieved. Does not suspend. */
ASYNCIO_API int asyncio_future_result(asyncio_future *future);

/* Stores the exception's code in *ret_code, 0 when there is none. -ECANCELED when it was cancelled,
 * -ASYNCIO_INVALID_STATE while it is pending. Counts as retrieved. Does not suspend. */
ASYNCIO_API int asyncio_future_exception(asyncio_future *future, int *ret_code);

/* The pointer given with the result, or a task's own value (asyncio_coro_ret), lent as long as the
 * future lives; else NULL. Does not suspend. */
ASYNCIO_API void *asyncio_future_value(const asyncio_future *future);

/* The loop it belongs to, lent. Does not suspend. */
ASYNCIO_API asyncio_loop *asyncio_future_get_loop(const asyncio_future *future);

/* The message it was cancelled with, lent as long as the future lives, or NULL. Does not
 * suspend. */
ASYNCIO_API const char *asyncio_future_cancel_message(const asyncio_future *future);

/* Calls `callback(future, data)` by the loop when the future is done; at the next turn when it is
 * done already. It may leave out `data`. Callbacks run in the order they were added; the same may
 * be added twice. -ENOMEM, and then destroy is not called. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int
asyncio_future_add_done_callback(asyncio_future *future, asyncio_future_callback *callback,
                                 const asyncio_add_done_callback_options *options);

/* Removes every such callback with such data and returns how many there were. Does not suspend. */
ASYNCIO_API int asyncio_future_remove_done_callback(asyncio_future *future,
                                                    asyncio_future_callback *callback, void *data);

ASYNCIO_MUST_CHECK static inline int
asyncio__add_done_callback_v(asyncio_future *future, asyncio_future_callback *callback,
                             asyncio_add_done_callback_options options)
{
    return asyncio_future_add_done_callback(future, callback, &options);
}

static inline int asyncio__future_set_result_v(asyncio_future *future, int result,
                                               asyncio_future_set_result_options options)
{
    return asyncio_future_set_result(future, result, &options);
}

static inline int asyncio__future_cancel_v(asyncio_future *future, asyncio_cancel_options options)
{
    return asyncio_future_cancel(future, &options);
}

ASYNCIO__END

#define ASYNCIO__FUTURE_CALLBACK(fn)                                                               \
    ASYNCIO__CALLBACK(asyncio_future_callback, fn, void (*)(asyncio_future *, void *),             \
                      void (*)(asyncio_future *), void (*)(asyncio_task *, void *),                \
                      void (*)(asyncio_task *))

#define asyncio_future_ref(f) (asyncio_future_ref)(ASYNCIO__FUTURE(f))
#define asyncio_future_unref(f) (asyncio_future_unref)(ASYNCIO__FUTURE(f))
#define asyncio_future_done(f) (asyncio_future_done)(ASYNCIO__CONST_FUTURE(f))
#define asyncio_future_cancelled(f) (asyncio_future_cancelled)(ASYNCIO__CONST_FUTURE(f))
#define asyncio_future_result(f) (asyncio_future_result)(ASYNCIO__FUTURE(f))
#define asyncio_future_exception(f, ret_code)                                                      \
    (asyncio_future_exception)(ASYNCIO__FUTURE(f), ret_code)
#define asyncio_future_value(f) (asyncio_future_value)(ASYNCIO__CONST_FUTURE(f))
#define asyncio_future_get_loop(f) (asyncio_future_get_loop)(ASYNCIO__CONST_FUTURE(f))
#define asyncio_future_cancel_message(f) (asyncio_future_cancel_message)(ASYNCIO__CONST_FUTURE(f))
#define asyncio_future_set_exception(f, code)                                                      \
    (asyncio_future_set_exception)(ASYNCIO__FUTURE(f), code)
#define asyncio_future_set_result(...) asyncio__future_set_result_m(__VA_ARGS__, )
#define asyncio__future_set_result_m(f, result, ...)                                               \
    asyncio__future_set_result_v(                                                                  \
        ASYNCIO__FUTURE(f), result,                                                                \
        ASYNCIO__OPTIONS(asyncio_future_set_result_options, (), __VA_ARGS__))
#define asyncio_future_cancel(...) asyncio__future_cancel_m(__VA_ARGS__, )
#define asyncio__future_cancel_m(f, ...)                                                           \
    asyncio__future_cancel_v(ASYNCIO__FUTURE(f),                                                   \
                             ASYNCIO__OPTIONS(asyncio_cancel_options, (), __VA_ARGS__))
#define asyncio_future_add_done_callback(...) asyncio__future_add_done_callback_m(__VA_ARGS__, )
#define asyncio__future_add_done_callback_m(f, callback, ...)                                      \
    asyncio__add_done_callback_v(                                                                  \
        ASYNCIO__FUTURE(f), ASYNCIO__FUTURE_CALLBACK(callback),                                    \
        ASYNCIO__OPTIONS(asyncio_add_done_callback_options, (), __VA_ARGS__))
#define asyncio_future_remove_done_callback(f, callback, data)                                     \
    (asyncio_future_remove_done_callback)(ASYNCIO__FUTURE(f),                                      \
                                          ASYNCIO__FUTURE_CALLBACK(callback), data)
