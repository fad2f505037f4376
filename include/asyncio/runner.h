/* SPDX-License-Identifier: MIT */
/* Running a program: asyncio.run and its Runner.
 *
 * MODEL     asyncio_run makes a loop, runs the coroutine as its main task, cancels what is left,
 *           reports what failed on the way out, ends the thread pool and closes the loop. A runner
 *           does the same in parts: several runs on one loop and in one context.
 * CTRL-C    In the main thread, and where SIGINT has its default disposition, the first Ctrl-C
 *           cancels the main task, and the run returns -EINTR when that went through; the second
 *           ends the run at once with -EINTR; one more, while the loop does not react, ends the
 *           process.
 * SHUTDOWN  Tasks left over are cancelled and awaited. From then on cancellation is
 *           level-triggered: each later suspension returns -ECANCELED at once. Who goes on
 *           nevertheless is reported with its stack and left behind after `.shutdown_timeout`
 *           seconds.
 * SOURCE    CPython's Lib/asyncio/runners.py. */
#pragma once

#include <asyncio/loop.h>

ASYNCIO__BEGIN

#define ASYNCIO__DEFAULT_DEBUG (-1)
#define ASYNCIO__DEFAULT_SHUTDOWN_TIMEOUT 300.0
#define ASYNCIO__RUN_DEFAULTS                                                                      \
    (.debug = ASYNCIO__DEFAULT_DEBUG, .shutdown_timeout = ASYNCIO__DEFAULT_SHUTDOWN_TIMEOUT, )

typedef struct asyncio_run_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_run_options));
    /* 1 on, 0 off, -1: None, as ASYNCIO_DEBUG says */
    int debug ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_DEBUG);
    int (*loop_factory)(asyncio_loop **ret_loop, void *data) ASYNCIO__0;
    void *loop_factory_data ASYNCIO__0;
    /* seconds for leftover tasks, and again for the thread pool; ASYNCIO_NONE: no limit */
    double shutdown_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SHUTDOWN_TIMEOUT);
    /* the context of all runs; NULL: a copy of the current one */
    asyncio_context *context ASYNCIO__0;
} asyncio_run_options;

/* Runs `coro` as a program and returns its result. -ASYNCIO_LOOP_RUNNING inside a running loop
 * (the coroutine is closed), -EINTR for Ctrl-C. Blocks the thread. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_run(asyncio_coro coro,
                                               const asyncio_run_options *options);
#define asyncio_run(...) asyncio__run_m(__VA_ARGS__, )
#define asyncio__run_m(coro, ...)                                                                  \
    asyncio__run_v(ASYNCIO__CORO(coro),                                                            \
                   ASYNCIO__OPTIONS(asyncio_run_options, ASYNCIO__RUN_DEFAULTS, __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__run_v(asyncio_coro coro, asyncio_run_options options)
{
    return (asyncio_run)(coro, &options);
}

/* A runner, in the caller's memory. */
typedef struct asyncio_runner {
    void *state;
    int error;
} asyncio_runner;

/* Prepares *runner; the loop is made by the first use. A failure (-ENOMEM, -EINVAL for a
 * shutdown_timeout that is NaN) is remembered and returned by run. Does not suspend. */
ASYNCIO_API int asyncio_runner_enter(asyncio_runner *runner, const asyncio_run_options *options);
#define asyncio_runner_enter(...) asyncio__runner_enter_m(__VA_ARGS__, )
#define asyncio__runner_enter_m(runner, ...)                                                       \
    asyncio__runner_enter_v(                                                                       \
        runner, ASYNCIO__OPTIONS(asyncio_run_options, ASYNCIO__RUN_DEFAULTS, __VA_ARGS__))
static inline int asyncio__runner_enter_v(asyncio_runner *runner, asyncio_run_options options)
{
    return (asyncio_runner_enter)(runner, &options);
}

typedef struct asyncio_runner_run_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_runner_run_options));
    asyncio_context *context ASYNCIO__0;  /* borrowed; NULL: the runner's own */
} asyncio_runner_run_options;

/* Runs `coro` on the runner's loop and returns its result. -ASYNCIO_LOOP_RUNNING,
 * -ASYNCIO_INVALID_STATE after exit, -EINTR. Blocks the thread. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_runner_run(asyncio_runner *runner, asyncio_coro coro,
                                                      const asyncio_runner_run_options *options);
#define asyncio_runner_run(...) asyncio__runner_run_m(__VA_ARGS__, )
#define asyncio__runner_run_m(runner, coro, ...)                                                   \
    asyncio__runner_run_v(runner, ASYNCIO__CORO(coro),                                             \
                          ASYNCIO__OPTIONS(asyncio_runner_run_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__runner_run_v(asyncio_runner *runner,
                                                           asyncio_coro coro,
                                                           asyncio_runner_run_options options)
{
    return (asyncio_runner_run)(runner, coro, &options);
}

/* The runner's loop, lent, made if need be. -ASYNCIO_INVALID_STATE after exit, or why it cannot be
 * made. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_runner_get_loop(asyncio_runner *runner,
                                                           asyncio_loop **ret_loop);

/* Shuts down in the order above and returns `result`. Twice, or before the first run, it does
 * nothing. -ASYNCIO_LOOP_RUNNING inside a running loop: the runner stays as it is then. */
ASYNCIO_API int asyncio_runner_exit(asyncio_runner *runner, int result);

ASYNCIO__END
