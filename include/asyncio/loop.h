/* SPDX-License-Identifier: MIT */
/* The event loop.
 *
 * MODEL      A turn: see what the kernel completed (waiting only when nothing is ready), take what
 *            other threads posted, see which timers are due, then run exactly the callbacks that
 *            are ready now, first in first out; what they add runs in the next turn. asyncio_run
 *            does all that a program needs; this page is for library authors.
 * LOOPS      A thread runs at most one loop at a time; asyncio_get_running_loop gives it.
 *            asyncio_loop_new makes more.
 * OWNERSHIP  A loop is counted: new, ref, unref. Closing it drops what is scheduled, calling each
 *            destroy once.
 * THREADS    A loop belongs to the thread that runs it. From other threads only:
 *            asyncio_loop_call_soon_threadsafe, asyncio_run_coroutine_threadsafe,
 *            asyncio_loop_time, is_running, is_closed, ref and unref.
 * RIGHTS     On io_uring requests are made with the credentials that the process had when the loop
 *            was made: drop privileges before.
 * SOURCE     CPython's Lib/asyncio/base_events.py, one iteration in its exact order. */
#pragma once

#include <asyncio/future.h>
#include <asyncio/task.h>

ASYNCIO__BEGIN

/* A scheduled callback. */
typedef struct asyncio_handle asyncio_handle;

typedef void asyncio_loop_callback(asyncio_loop *loop, void *data);
/* `descriptor` is ready. */
typedef void asyncio_fd_callback(int descriptor, void *data);

/* What went wrong and where; what is not known is NULL or 0. */
typedef struct asyncio_exception_context {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_exception_context));
    const char *message ASYNCIO__0;
    int exception ASYNCIO__0;               /* negative code, 0: none */
    const asyncio_error *error ASYNCIO__0;  /* its record, or NULL */
    asyncio_future *future ASYNCIO__0;      /* borrowed, as all of these */
    asyncio_task *task ASYNCIO__0;
    asyncio_handle *handle ASYNCIO__0;
    const char *where ASYNCIO__0;           /* "file:line (function)" or NULL */
    /* debug mode: where the future, task or handle was made, the innermost frame first */
    const asyncio_frame *source_traceback ASYNCIO__0;
    size_t source_traceback_count ASYNCIO__0;
    /* where the task stands that did not end in time, the innermost frame first */
    const asyncio_frame *stack ASYNCIO__0;
    size_t stack_count ASYNCIO__0;
} asyncio_exception_context;

typedef void asyncio_exception_handler(asyncio_loop *loop, const asyncio_exception_context *context,
                                       void *data);

typedef struct asyncio_loop_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_loop_options));
    /* "io_uring", "epoll", "sim"; NULL: ASYNCIO_BACKEND, else the best there is */
    const char *backend ASYNCIO__0;
    /* sim: the order of things; 0: the plain one, or ASYNCIO_SIM_SEED */
    uint64_t seed ASYNCIO__0;
    /* look at the kernel in each turn, as CPython does; else a busy turn may skip it */
    int poll_every_turn ASYNCIO__0;
    size_t stack_size ASYNCIO__0;      /* of tasks, bytes; 0: ASYNCIO_STACK_SIZE, else 64 KiB */
    /* no read or write moves more bytes at a time, for tests; 0: no limit */
    unsigned max_io_bytes ASYNCIO__0;
} asyncio_loop_options;

typedef struct asyncio_call_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_call_options));
    void *data ASYNCIO__0;
    /* called once, after the callback, or when it is cancelled, or with the loop */
    void (*destroy)(void *data) ASYNCIO__0;
    asyncio_context *context ASYNCIO__0;     /* to run in; NULL: a copy of the current one */
} asyncio_call_options;

typedef struct asyncio_watch_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_watch_options));
    void *data ASYNCIO__0;
    /* called once, when the watch is removed or replaced, or with the loop */
    void (*destroy)(void *data) ASYNCIO__0;
} asyncio_watch_options;

/* Returns new: a loop. -EINVAL for an unknown backend or an environment variable that is no number
 * but should be, -ENOMEM, or why the backend cannot be had. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_new(asyncio_loop **ret_loop,
                                                    const asyncio_loop_options *options);
#define asyncio_loop_new(...) asyncio__loop_new_m(__VA_ARGS__, )
#define asyncio__loop_new_m(ret_loop, ...)                                                         \
    asyncio__loop_new_v(ret_loop, ASYNCIO__OPTIONS(asyncio_loop_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__loop_new_v(asyncio_loop **ret_loop,
                                                         asyncio_loop_options options)
{
    return (asyncio_loop_new)(ret_loop, &options);
}

/* Python's new_event_loop: asyncio_loop_new with the defaults. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_new_event_loop(asyncio_loop **ret_loop);

/* Takes one more reference and returns it. NULL allowed. Any thread; does not suspend. */
ASYNCIO_API asyncio_loop *asyncio_loop_ref(asyncio_loop *loop);

/* Gives a reference back; the last one closes the loop if that was forgotten, and reports it to its
 * exception handler, with how many tasks are pending, as Python warns of an unclosed loop. Tasks,
 * futures and handles that you have references to outlive it, and do not keep it open. NULL
 * allowed. Any thread when the loop is closed. Does not suspend. */
ASYNCIO_API void asyncio_loop_unref(asyncio_loop *loop);

/* The loop that runs in this thread, lent, or NULL. Python raises where this gives NULL. Does not
 * suspend. */
ASYNCIO_API asyncio_loop *asyncio_get_running_loop(void);

/* The running loop, else the one set for this thread, lent, or NULL: as Python 3.14, it makes
 * none. Does not suspend. */
ASYNCIO_API asyncio_loop *asyncio_get_event_loop(void);

/* Sets the thread's loop (takes a reference, gives the old one's back); NULL: none. Does not
 * suspend. */
ASYNCIO_API void asyncio_set_event_loop(asyncio_loop *loop);

/* The name of the backend, and why it was chosen: "io_uring: the best of this machine". Lent as
 * long as the loop. */
ASYNCIO_API const char *asyncio_loop_backend(const asyncio_loop *loop);

/* Runs turns until asyncio_loop_stop. 0; -EINTR when Ctrl-C came; -ASYNCIO_LOOP_RUNNING,
 * -ASYNCIO_LOOP_CLOSED, -ASYNCIO_FORKED, or the backend's error. Not from inside a task or
 * callback: blocks the thread. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_run_forever(asyncio_loop *loop);

/* Runs turns until the awaitable is done and returns its result. A coroutine becomes a task.
 * -ASYNCIO_LOOP_STOPPED when the loop stopped first, -EINVAL for a future of another loop; else as
 * run_forever. Blocks the thread. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_run_until_complete(asyncio_loop *loop,
                                                                   asyncio_awaitable awaitable);
#define asyncio_loop_run_until_complete(loop, x)                                                   \
    (asyncio_loop_run_until_complete)(loop, ASYNCIO__AWAITED_NOW(x))

/* Stops the loop at the end of the turn under way; before a run: that run makes one turn. Does not
 * suspend. */
ASYNCIO_API void asyncio_loop_stop(asyncio_loop *loop);

/* 1 while it runs. Any thread. */
ASYNCIO_API int asyncio_loop_is_running(const asyncio_loop *loop);

/* 1 once it is closed. Any thread. */
ASYNCIO_API int asyncio_loop_is_closed(const asyncio_loop *loop);

/* Drops all that is scheduled, ends the default executor without waiting, gives its descriptors
 * and memory back. -ASYNCIO_LOOP_RUNNING while it runs; 0 when it is closed already. Tasks still
 * pending are reported and dropped without being run: what the library's calls hold on their stacks
 * is given back, what your own code holds there is lost. Whatever is called on the way finds the
 * loop closed. Does not suspend. */
ASYNCIO_API int asyncio_loop_close(asyncio_loop *loop);

/* Seconds on the loop's clock, which never goes back; it stands when the loop is closed. Any
 * thread. */
ASYNCIO_API double asyncio_loop_time(const asyncio_loop *loop);

/* Calls `callback(loop, data)` in the next turn, after all that was scheduled before; it may leave
 * out `data`. ret_handle (NULL: not wanted) returns new. -ASYNCIO_LOOP_CLOSED, -ENOMEM, -EINVAL
 * for a null callback, -ASYNCIO_WRONG_THREAD in debug mode; destroy is not called then. Does not
 * suspend. */
ASYNCIO_API int asyncio_loop_call_soon(asyncio_loop *loop, asyncio_loop_callback *callback,
                                       asyncio_handle **ret_handle,
                                       const asyncio_call_options *options);

/* As call_soon, from any thread or from a signal's loop callback: and wakes the loop. The calls of
 * one thread keep their order. Not async-signal-safe: it allocates. Does not suspend. */
ASYNCIO_API int asyncio_loop_call_soon_threadsafe(asyncio_loop *loop,
                                                  asyncio_loop_callback *callback,
                                                  asyncio_handle **ret_handle,
                                                  const asyncio_call_options *options);

/* Calls `callback(loop, data)` once `delay` seconds have passed; negative acts as 0, infinity
 * never comes. -EINVAL for NaN; else as call_soon. Does not suspend. */
ASYNCIO_API int asyncio_loop_call_later(asyncio_loop *loop, double delay,
                                        asyncio_loop_callback *callback,
                                        asyncio_handle **ret_handle,
                                        const asyncio_call_options *options);

/* Calls `callback(loop, data)` when asyncio_loop_time reaches `when`; else as call_later. Does not
 * suspend. */
ASYNCIO_API int asyncio_loop_call_at(asyncio_loop *loop, double when,
                                     asyncio_loop_callback *callback, asyncio_handle **ret_handle,
                                     const asyncio_call_options *options);

/* Cancels: the callback will not be called; its destroy is called now. Harmless when it ran or was
 * cancelled. Loop's thread; any thread for one from call_soon_threadsafe. Does not suspend. */
ASYNCIO_API void asyncio_handle_cancel(asyncio_handle *handle);

/* 1 when it was cancelled. */
ASYNCIO_API int asyncio_handle_cancelled(const asyncio_handle *handle);

/* The time, in asyncio_loop_time's seconds, for which it was scheduled; ASYNCIO_NONE for
 * call_soon. */
ASYNCIO_API double asyncio_handle_when(const asyncio_handle *handle);

/* The context it runs in, lent. */
ASYNCIO_API asyncio_context *asyncio_handle_get_context(const asyncio_handle *handle);

/* Takes one more reference and returns it. NULL allowed. */
ASYNCIO_API asyncio_handle *asyncio_handle_ref(asyncio_handle *handle);

/* Gives a reference back; what is scheduled stays scheduled. NULL allowed. */
ASYNCIO_API void asyncio_handle_unref(asyncio_handle *handle);

/* Returns new: a pending future of `loop`. -ENOMEM. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_create_future(asyncio_loop *loop,
                                                              asyncio_future **ret_future);

/* As asyncio_create_task, on `loop`, which need not run yet; through its task factory. Does not
 * suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_create_task(
    asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
    const asyncio_create_task_options *options);

/* Makes a task in place of asyncio_task_new, by which it usually does; stores it in *ret_task,
 * which is never NULL. It takes the coroutine: also when it fails, that is closed. */
typedef int asyncio_task_factory(asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
                                 const asyncio_create_task_options *options, void *data);

/* Sets the function that create_task calls (NULL: asyncio_task_new). Does not suspend. */
ASYNCIO_API void asyncio_loop_set_task_factory(asyncio_loop *loop, asyncio_task_factory *factory,
                                               void *data);

/* The function set, or NULL. */
ASYNCIO_API asyncio_task_factory *asyncio_loop_get_task_factory(const asyncio_loop *loop);

/* A task factory for asyncio_loop_set_task_factory that runs the first step of a task inside
 * create_task, until it suspends: one that never does is done before create_task returns, and costs
 * no turn of the loop. During it asyncio_current_task is the new task, afterwards the creator
 * again. Not eager are tasks made while the loop does not run, and those with a negative
 * .eager_start. `data` is not used. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_eager_task_factory(
    asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
    const asyncio_create_task_options *options, void *data);

/* An eager factory around a function of one's own: `factory` is for asyncio_loop_set_task_factory,
 * with the address of this struct as its data. It has to live as long as it is set. */
typedef struct asyncio_eager_task_constructor {
    asyncio_task_factory *factory;
    asyncio_task_factory *constructor;
    void *data;
} asyncio_eager_task_constructor;

/* Makes an eager factory of a function that makes tasks (NULL: asyncio_task_new); it is called
 * with `data` and with .eager_start set. Does not suspend. */
ASYNCIO_API asyncio_eager_task_constructor
asyncio_create_eager_task_factory(asyncio_task_factory *constructor, void *data);

/* Python's Task(coro, loop=loop): makes a task without asking the factory. As asyncio_create_task
 * else. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_task_new(asyncio_loop *loop, asyncio_coro coro,
                                                    asyncio_task **ret_task,
                                                    const asyncio_create_task_options *options);
#if !defined(ASYNCIO__BUILD)
#define asyncio_task_new(loop, coro, ret_task, options)                                            \
    (asyncio_task_new)(loop, ASYNCIO__CORO(coro), ret_task, options)
#endif

/* Sets the function that hears of errors nobody awaits (NULL: the default one, which writes to
 * standard error). Does not suspend. */
ASYNCIO_API void asyncio_loop_set_exception_handler(asyncio_loop *loop,
                                                    asyncio_exception_handler *handler, void *data);

/* The function set, or NULL. */
ASYNCIO_API asyncio_exception_handler *asyncio_loop_get_exception_handler(const asyncio_loop *loop);

/* Reports to the handler. Does not suspend. */
ASYNCIO_API void asyncio_loop_call_exception_handler(asyncio_loop *loop,
                                                     const asyncio_exception_context *context);

/* What is called when no handler is set: writes the message, the objects and the error to standard
 * error. */
ASYNCIO_API void asyncio_loop_default_exception_handler(asyncio_loop *loop,
                                                        const asyncio_exception_context *context);

/* Calls `callback(descriptor, data)` in each turn in which `descriptor` can be read without
 * blocking (level-triggered), until removed; replaces an earlier reader. The descriptor is
 * borrowed: remove before you close it. -EPERM for one that cannot be polled (a regular file),
 * -EBUSY for one that a stream, transport or server has, -EBADF, -ENOMEM. Does not suspend. */
ASYNCIO_API int asyncio_loop_add_reader(asyncio_loop *loop, int descriptor,
                                        asyncio_fd_callback *callback,
                                        const asyncio_watch_options *options);

/* As add_reader, for writing. */
ASYNCIO_API int asyncio_loop_add_writer(asyncio_loop *loop, int descriptor,
                                        asyncio_fd_callback *callback,
                                        const asyncio_watch_options *options);

/* 1 when there was a reader, else 0. Does not suspend. */
ASYNCIO_API int asyncio_loop_remove_reader(asyncio_loop *loop, int descriptor);

/* 1 when there was a writer, else 0. Does not suspend. */
ASYNCIO_API int asyncio_loop_remove_writer(asyncio_loop *loop, int descriptor);

typedef void asyncio_signal_callback(int signal_number, void *data);

/* Calls `callback(signal_number, data)` by the loop when the signal arrives; several arrivals may
 * become one call. One loop at a time may handle a signal: -EBUSY. -EINVAL for SIGKILL, SIGSTOP
 * and numbers that are none. Does not suspend. */
ASYNCIO_API int asyncio_loop_add_signal_handler(asyncio_loop *loop, int signal_number,
                                                asyncio_signal_callback *callback,
                                                const asyncio_watch_options *options);

/* 1 when there was one, else 0; the signal gets back the disposition it had before. Does not
 * suspend. */
ASYNCIO_API int asyncio_loop_remove_signal_handler(asyncio_loop *loop, int signal_number);

/* Turns debug mode on or off, from the next turn on; its start value is that of ASYNCIO_DEBUG. It
 * slows the loop down, and tells its exception handler
 * - of each step that took asyncio_loop_slow_callback_duration: "Executing <Task ...> took 0.123
 *   seconds", with the task, or the callback's name and place;
 * - where an object was made of which it reports: an error that was never retrieved, a task that
 *   was destroyed while it was pending, a callback that took too long (.source_traceback; the
 *   default handler prints it). asyncio_task_print_stack and a dump tell it, too;
 * - of a task that was cancelled, went on and returned a result, without asyncio_task_uncancel,
 *   with the place where the cancellation got to it (.where). What timeouts and groups take back,
 *   an error in its place, and what ends with Ctrl-C or with the loop is none;
 * - of a task with an argument that points into a frame of who made it, when that frame is gone
 *   before the task is done;
 * - at the end of asyncio_run, of tasks and futures that are done and that somebody still has
 *   references to: an asyncio_task_unref is missing.
 * Calls of the loop, its tasks, futures and handles from another thread than the loop's are
 * -ASYNCIO_WRONG_THREAD; those that return nothing do nothing then, and are reported. What was made
 * before debug mode was on has no place, and is not watched. Names and places are known, and frames
 * watched, where inspect's functions are linked: always with the shared library. Does not
 * suspend. */
ASYNCIO_API void asyncio_loop_set_debug(asyncio_loop *loop, int enabled);

/* 1 in debug mode. */
ASYNCIO_API int asyncio_loop_get_debug(const asyncio_loop *loop);

enum { ASYNCIO_LAG_BUCKETS = 32 };

/* What a loop has done since it was made. */
typedef struct asyncio_loop_stats {
    size_t size;               /* of what was filled in */
    uint64_t turns;
    uint64_t polls;            /* looks at the kernel: a busy turn may go without */
    uint64_t steps;            /* callbacks called, and times a task went on */
    uint64_t tasks_made;
    uint64_t tasks_alive;      /* not done */
    uint64_t timers;           /* armed now: call_later, sleeps, timeouts */
    double busy_time;          /* seconds between looks at the kernel */
    double poll_time;          /* seconds in which it slept */
    double longest_step;       /* seconds; see below */
    /* lag[0]: how often less than 1024 ns passed between two looks at the kernel; lag[i]: from
     * 2^(i+9) to 2^(i+10) ns; the last one: and more */
    uint64_t lag[ASYNCIO_LAG_BUCKETS];
} asyncio_loop_stats;

/* Stores what `loop` has done so far: of `size` bytes, which the macro takes from *ret_stats. The
 * counting costs nothing in the turns and steps themselves, since no clock is read for it but where
 * the loop goes to sleep. So `lag` is how long a completion or a timer had to wait at most because
 * the loop was busy, and longest_step the longest time in which it did not look: one step that
 * blocks, or, up to 50 us, several; in debug mode each step is timed by itself. -EINVAL for no loop
 * or no memory, -ASYNCIO_WRONG_THREAD while it runs in another thread. Also of a loop that is
 * closed. Does not suspend. */
ASYNCIO_API int asyncio_loop_get_stats(asyncio_loop *loop, asyncio_loop_stats *ret_stats,
                                       size_t size);
#if !defined(ASYNCIO__BUILD)
#define asyncio_loop_get_stats(loop, ret_stats)                                                    \
    (asyncio_loop_get_stats)(loop, ret_stats, sizeof *(ret_stats))
#endif

/* In debug mode, a step that takes `seconds` or longer is reported; 0.1 when nothing is set.
 * Infinity: none is. -EINVAL for NaN. Does not suspend. */
ASYNCIO_API int asyncio_loop_set_slow_callback_duration(asyncio_loop *loop, double seconds);

/* The seconds set. */
ASYNCIO_API double asyncio_loop_slow_callback_duration(const asyncio_loop *loop);

/* A descriptor that becomes readable when asyncio_loop_step has something to do, for a foreign
 * loop (GTK, Qt, epoll) that drives this one; lent. Watch it level-triggered, and call step after
 * asyncio_loop_timeout seconds at the latest. -ASYNCIO_LOOP_CLOSED, -ENOSYS; -EPERM when io_uring
 * has been forbidden to the process meanwhile: the loop goes on, but cannot be waited for. */
ASYNCIO_API int asyncio_loop_fileno(asyncio_loop *loop);

/* Seconds until step has something to do by the clock: 0 now, ASYNCIO_NONE never. */
ASYNCIO_API double asyncio_loop_timeout(asyncio_loop *loop);

/* Makes one turn without waiting. 1 when more is ready, 0 when not; errors as run_forever. */
ASYNCIO_API int asyncio_loop_step(asyncio_loop *loop);

static inline int asyncio__call_soon_v(asyncio_loop *loop, asyncio_loop_callback *callback,
                                       asyncio_handle **ret_handle, asyncio_call_options options)
{
    return asyncio_loop_call_soon(loop, callback, ret_handle, &options);
}

static inline int asyncio__call_soon_threadsafe_v(asyncio_loop *loop,
                                                  asyncio_loop_callback *callback,
                                                  asyncio_handle **ret_handle,
                                                  asyncio_call_options options)
{
    return asyncio_loop_call_soon_threadsafe(loop, callback, ret_handle, &options);
}

static inline int asyncio__call_later_v(asyncio_loop *loop, double delay,
                                        asyncio_loop_callback *callback,
                                        asyncio_handle **ret_handle, asyncio_call_options options)
{
    return asyncio_loop_call_later(loop, delay, callback, ret_handle, &options);
}

static inline int asyncio__call_at_v(asyncio_loop *loop, double when,
                                     asyncio_loop_callback *callback, asyncio_handle **ret_handle,
                                     asyncio_call_options options)
{
    return asyncio_loop_call_at(loop, when, callback, ret_handle, &options);
}

static inline int asyncio__add_reader_v(asyncio_loop *loop, int descriptor,
                                        asyncio_fd_callback *callback,
                                        asyncio_watch_options options)
{
    return asyncio_loop_add_reader(loop, descriptor, callback, &options);
}

static inline int asyncio__add_writer_v(asyncio_loop *loop, int descriptor,
                                        asyncio_fd_callback *callback,
                                        asyncio_watch_options options)
{
    return asyncio_loop_add_writer(loop, descriptor, callback, &options);
}

static inline int asyncio__add_signal_handler_v(asyncio_loop *loop, int signal_number,
                                                asyncio_signal_callback *callback,
                                                asyncio_watch_options options)
{
    return asyncio_loop_add_signal_handler(loop, signal_number, callback, &options);
}

ASYNCIO_MUST_CHECK static inline int asyncio__loop_create_task_v(
    asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
    asyncio_create_task_options options)
{
    return asyncio_loop_create_task(loop, coro, ret_task, &options);
}

static inline void asyncio__call_exception_handler_v(asyncio_loop *loop,
                                                     asyncio_exception_context context)
{
    asyncio_loop_call_exception_handler(loop, &context);
}

ASYNCIO__END

#define ASYNCIO__LOOP_CALLBACK(fn)                                                                 \
    ASYNCIO__CALLBACK(asyncio_loop_callback, fn, void (*)(asyncio_loop *, void *),                 \
                      void (*)(asyncio_loop *), void (*)(void))
#define ASYNCIO__FD_CALLBACK(fn)                                                                   \
    ASYNCIO__CALLBACK(asyncio_fd_callback, fn, void (*)(int, void *), void (*)(int))

#define asyncio_loop_call_soon(...) asyncio__loop_call_soon_m(__VA_ARGS__, )
#define asyncio__loop_call_soon_m(loop, callback, ret_handle, ...)                                 \
    asyncio__call_soon_v(loop, ASYNCIO__LOOP_CALLBACK(callback), ret_handle,                       \
                         ASYNCIO__OPTIONS(asyncio_call_options, (), __VA_ARGS__))
#define asyncio_loop_call_soon_threadsafe(...) asyncio__loop_call_soon_threadsafe_m(__VA_ARGS__, )
#define asyncio__loop_call_soon_threadsafe_m(loop, callback, ret_handle, ...)                      \
    asyncio__call_soon_threadsafe_v(loop, ASYNCIO__LOOP_CALLBACK(callback), ret_handle,            \
                                    ASYNCIO__OPTIONS(asyncio_call_options, (), __VA_ARGS__))
#define asyncio_loop_call_later(...) asyncio__loop_call_later_m(__VA_ARGS__, )
#define asyncio__loop_call_later_m(loop, delay, callback, ret_handle, ...)                         \
    asyncio__call_later_v(loop, delay, ASYNCIO__LOOP_CALLBACK(callback), ret_handle,               \
                          ASYNCIO__OPTIONS(asyncio_call_options, (), __VA_ARGS__))
#define asyncio_loop_call_at(...) asyncio__loop_call_at_m(__VA_ARGS__, )
#define asyncio__loop_call_at_m(loop, when, callback, ret_handle, ...)                             \
    asyncio__call_at_v(loop, when, ASYNCIO__LOOP_CALLBACK(callback), ret_handle,                   \
                       ASYNCIO__OPTIONS(asyncio_call_options, (), __VA_ARGS__))
#define asyncio_loop_add_reader(...) asyncio__loop_add_reader_m(__VA_ARGS__, )
#define asyncio__loop_add_reader_m(loop, descriptor, callback, ...)                                \
    asyncio__add_reader_v(loop, descriptor, ASYNCIO__FD_CALLBACK(callback),                        \
                          ASYNCIO__OPTIONS(asyncio_watch_options, (), __VA_ARGS__))
#define asyncio_loop_add_writer(...) asyncio__loop_add_writer_m(__VA_ARGS__, )
#define asyncio__loop_add_writer_m(loop, descriptor, callback, ...)                                \
    asyncio__add_writer_v(loop, descriptor, ASYNCIO__FD_CALLBACK(callback),                        \
                          ASYNCIO__OPTIONS(asyncio_watch_options, (), __VA_ARGS__))
#define asyncio_loop_add_signal_handler(...) asyncio__loop_add_signal_handler_m(__VA_ARGS__, )
#define asyncio__loop_add_signal_handler_m(loop, signal_number, callback, ...)                     \
    asyncio__add_signal_handler_v(loop, signal_number, ASYNCIO__FD_CALLBACK(callback),             \
                                  ASYNCIO__OPTIONS(asyncio_watch_options, (), __VA_ARGS__))
#define asyncio_loop_create_task(...) asyncio__loop_create_task_m(__VA_ARGS__, )
#define asyncio__loop_create_task_m(loop, coro, ret_task, ...)                                     \
    asyncio__loop_create_task_v(loop, ASYNCIO__CORO(coro), ret_task,                               \
                                ASYNCIO__OPTIONS(asyncio_create_task_options, (), __VA_ARGS__))
#define asyncio_loop_call_exception_handler(...)                                                   \
    asyncio__loop_call_exception_handler_m(__VA_ARGS__, )
#define asyncio__loop_call_exception_handler_m(loop, ...)                                          \
    asyncio__call_exception_handler_v(                                                             \
        loop, ASYNCIO__OPTIONS(asyncio_exception_context, (), __VA_ARGS__))
