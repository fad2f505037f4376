/* SPDX-License-Identifier: MIT */
/* Tasks: coroutines that run side by side.
 *
 * MODEL         A task drives a coroutine on a stack of its own. It first runs in the next turn of
 *               the loop after its making (unless eager); whatever would block suspends only it. A
 *               task is a future: its result is the coroutine's.
 * CANCELLATION  asyncio_task_cancel asks; the coroutine learns of it as -ECANCELED from what it
 *               awaits, once, and may await in its cleanup. It ends cancelled when it returns
 *               -ECANCELED. Requests are counted: cancelling, uncancel.
 * OWNERSHIP     The loop keeps running tasks alive. ret_task returns new; NULL is fire and forget.
 * THREADS       A task never leaves its loop's thread.
 * SOURCE        CPython's Lib/asyncio/tasks.py; the cancellation rules of 3.13. */
#pragma once

#include <asyncio/context.h>
#include <asyncio/future.h>
#include <stdio.h>

ASYNCIO__BEGIN

typedef struct asyncio_create_task_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_create_task_options));
    const char *name ASYNCIO__0;          /* copied; None is NULL: "Task-1", "Task-2", ... */
    asyncio_context *context ASYNCIO__0;  /* to run in, borrowed; NULL: a copy of the current one */
    /* above 0: run it now, until it first suspends; 0: as the loop's factory does, which is later
     * when it has none; below 0: later in any case */
    int eager_start ASYNCIO__0;
    /* bytes, guard included; 0: ASYNCIO_STACK_SIZE, else 64 KiB */
    size_t stack_size ASYNCIO__0;
    /* once cancelled, each later suspension returns -ECANCELED at once, until uncancel */
    int sticky_cancel ASYNCIO__0;
} asyncio_create_task_options;

/* Makes a task of the running loop that runs `coro`. ret_task (NULL: not wanted) returns new.
 * -ASYNCIO_NO_RUNNING_LOOP, -EINVAL for a null function, -ENOMEM: the coroutine is closed then
 * (its on_close runs); -EINVAL also when the loop's task factory returns no task. Does not suspend,
 * but runs the coroutine's first step when it starts eagerly. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_create_task(asyncio_coro coro, asyncio_task **ret_task,
                                                       const asyncio_create_task_options *options);
#define asyncio_create_task(...) asyncio__create_task_m(__VA_ARGS__, )
#define asyncio__create_task_m(coro, ret_task, ...)                                                \
    asyncio__create_task_v(ASYNCIO__CORO(coro), ret_task,                                          \
                           ASYNCIO__OPTIONS(asyncio_create_task_options, (), __VA_ARGS__))
/* The same, by reference: what is written in words had better not be read in pairs at once. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio__create_task(const asyncio_coro *coro,
                                                        asyncio_task **ret_task,
                                                        const asyncio_create_task_options *options);
ASYNCIO_MUST_CHECK static inline int asyncio__create_task_v(asyncio_coro coro,
                                                            asyncio_task **ret_task,
                                                            asyncio_create_task_options options)
{
    int none = !options.name && !options.context && !options.eager_start && !options.stack_size &&
               !options.sticky_cancel;
    return asyncio__create_task(&coro, ret_task,
                                __builtin_constant_p(none) && none ? NULL : &options);
}

/* Suspends the running task for `delay` seconds. 0 and less: for exactly one turn of the loop;
 * infinity: until cancelled; NaN: -EINVAL. 0, or -ECANCELED. -ASYNCIO_NO_TASK outside of tasks.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_sleep(double delay);

/* Awaits a coroutine (in the running task), a task or a future, and returns its result. A future
 * that is done already does not suspend. -ASYNCIO_AWAITS_ITSELF, -ASYNCIO_OTHER_LOOP,
 * -ASYNCIO_NO_TASK, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_await(asyncio_awaitable awaitable);
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio__await_this(asyncio_future *future);
#if defined(__cplusplus)
#define asyncio_await(x) (asyncio_await)(ASYNCIO__AWAITED_NOW(x))
#else
#define asyncio_await(x)                                                                           \
    _Generic((x),                                                                                  \
        asyncio_task *: asyncio__await_a_task,                                                     \
        asyncio_future *: asyncio__await_a_future,                                                 \
        asyncio_coro: asyncio__await_a_coro,                                                       \
        asyncio_awaitable: asyncio__await_it,                                                      \
        int: asyncio__await_an_int,                                                                \
        default: asyncio__await_nothing)(ASYNCIO__NOT_AWAITED(x), x)
ASYNCIO_MUST_CHECK static inline int asyncio__await_a_task(int zero, asyncio_task *task)
{
    (void)zero;
    return asyncio__await_this((asyncio_future *)(void *)task);
}
ASYNCIO_MUST_CHECK static inline int asyncio__await_a_future(int zero, asyncio_future *future)
{
    (void)zero;
    return asyncio__await_this(future);
}
ASYNCIO_MUST_CHECK static inline int asyncio__await_it(int zero, asyncio_awaitable awaitable)
{
    (void)zero;
    return (asyncio_await)(awaitable);
}
ASYNCIO_MUST_CHECK static inline int asyncio__await_a_coro(int zero, asyncio_coro coro)
{
    return asyncio__await_it(zero, asyncio__awaitable_of_coro(coro));
}
int asyncio__await_an_int(int zero, int result); /* never called */
int asyncio__await_nothing(int zero, asyncio__a_coroutine_object_a_task_or_a_future not_awaitable);
#endif

/* Returns new: the future itself (one more reference), or a task made for a coroutine. Python's
 * ensure_future. -ENOMEM, -ASYNCIO_NO_RUNNING_LOOP, -EINVAL for a future of another loop. Does not
 * suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_ensure_future(asyncio_awaitable awaitable,
                                                         asyncio_future **ret_future);
#define asyncio_ensure_future(x, ret_future)                                                       \
    (asyncio_ensure_future)(ASYNCIO__AWAITED_NOW(x), ret_future)

/* The running task, lent, or NULL outside of tasks. Does not suspend. */
ASYNCIO_API asyncio_task *asyncio_current_task(void);

/* Stores references to the tasks of `loop` (NULL: the running one) that are not done into
 * ret_tasks, at most `capacity`, in the order of their making, and returns how many there are in
 * all. With capacity 0 it only counts. Each stored one is new: unref it. -ASYNCIO_NO_RUNNING_LOOP.
 * Does not suspend. */
ASYNCIO_API int asyncio_all_tasks(asyncio_loop *loop, asyncio_task **ret_tasks, size_t capacity);

/* Takes one more reference and returns it. NULL allowed. Does not suspend. */
ASYNCIO_API asyncio_task *asyncio_task_ref(asyncio_task *task);

/* Gives a reference back. NULL allowed. Does not suspend. */
ASYNCIO_API void asyncio_task_unref(asyncio_task *task);

/* Asks the task to cancel itself: counts one request, and delivers -ECANCELED at its next step, in
 * place of whatever it would have got. 1, or 0 when it was done already. A promise of nothing: the
 * coroutine may go on. Does not suspend. */
ASYNCIO_API int asyncio_task_cancel(asyncio_task *task, const asyncio_cancel_options *options);
#define asyncio_task_cancel(...) asyncio__task_cancel_m(__VA_ARGS__, )
#define asyncio__task_cancel_m(task, ...)                                                          \
    asyncio__task_cancel_v(task, ASYNCIO__OPTIONS(asyncio_cancel_options, (), __VA_ARGS__))
static inline int asyncio__task_cancel_v(asyncio_task *task, asyncio_cancel_options options)
{
    return (asyncio_task_cancel)(task, &options);
}

/* How many requests to cancel are open. Does not suspend. */
ASYNCIO_API int asyncio_task_cancelling(const asyncio_task *task);

/* Takes one request back and returns how many remain; at 0 a cancellation that was not delivered
 * yet is dropped. Does not suspend. */
ASYNCIO_API int asyncio_task_uncancel(asyncio_task *task);

/* 1 when it ended cancelled. Does not suspend. */
ASYNCIO_API int asyncio_task_cancelled(const asyncio_task *task);

/* 1 when it has ended. Does not suspend. */
ASYNCIO_API int asyncio_task_done(const asyncio_task *task);

/* What the coroutine returned: see asyncio_future_result. Does not suspend. */
ASYNCIO_API int asyncio_task_result(asyncio_task *task);

/* The T of asyncio_coro_ret, lent as long as the task lives; NULL for other coroutines. Does not
 * suspend. */
ASYNCIO_API void *asyncio_task_value(const asyncio_task *task);

/* The negative code it ended with: see asyncio_future_exception. Does not suspend. */
ASYNCIO_API int asyncio_task_exception(asyncio_task *task, int *ret_code);

/* See asyncio_future_add_done_callback. */
ASYNCIO_API ASYNCIO_MUST_CHECK int
asyncio_task_add_done_callback(asyncio_task *task, asyncio_future_callback *callback,
                               const asyncio_add_done_callback_options *options);
#define asyncio_task_add_done_callback(...) asyncio_future_add_done_callback(__VA_ARGS__)
/* See asyncio_future_remove_done_callback. */
ASYNCIO_API int asyncio_task_remove_done_callback(asyncio_task *task,
                                                  asyncio_future_callback *callback, void *data);
#define asyncio_task_remove_done_callback(task, callback, data)                                    \
    asyncio_future_remove_done_callback(task, callback, data)

/* Its name, lent until it is set anew or the task goes. Does not suspend. */
ASYNCIO_API const char *asyncio_task_get_name(asyncio_task *task);

/* Copies `name`. -ENOMEM leaves the old one. Does not suspend. */
ASYNCIO_API int asyncio_task_set_name(asyncio_task *task, const char *name);

/* The coroutine object it runs; of use for its function and for telling tasks apart. Does not
 * suspend. */
ASYNCIO_API asyncio_coro asyncio_task_get_coro(const asyncio_task *task);

/* The context it runs in, lent. Does not suspend. */
ASYNCIO_API asyncio_context *asyncio_task_get_context(const asyncio_task *task);

/* One C frame of a task. Lent texts, valid until the thread's next asyncio_task_get_stack. */
typedef struct asyncio_frame {
    void *address;              /* of the instruction it will go on with */
    const char *function;       /* or NULL when there is no symbol for it */
    const char *file;           /* or NULL without debug information */
    int line;                   /* 0 likewise */
    const char *object;         /* the executable or library it lies in */
} asyncio_frame;

/* Stores the task's C frames, the innermost first, at most `capacity`, and returns how many were
 * stored: those of the coroutine's own code, without the runtime's beneath it. A task that is done
 * or never started has none. -ENOMEM, -ASYNCIO_WRONG_THREAD while its loop runs in another thread.
 * Does not suspend the caller. */
ASYNCIO_API int asyncio_task_get_stack(asyncio_task *task, asyncio_frame *ret_frames,
                                       size_t capacity);

/* Prints the task's name, state and C frames to `file` (NULL: standard error). Does not suspend. */
ASYNCIO_API void asyncio_task_print_stack(asyncio_task *task, FILE *file);

ASYNCIO__END
