/* SPDX-License-Identifier: MIT */
/* asyncio.run and its Runner: a loop, a main task, Ctrl-C, and the order of shutting down. */
#include "base/alloc.h"
#include "base/context.h"
#include "task/debug_mode.h"
#include "task/task.h"

#include <asyncio/runner.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

struct runner {
    asyncio_run_options options;
    asyncio_loop *loop;
    asyncio_context *context;
    asyncio_task *main;
    unsigned interrupts;
    bool set_event_loop;
};

enum { RUNNER_ENTERED = 0, RUNNER_CLOSED = -ASYNCIO_INVALID_STATE };
enum { SHOWN_FRAMES = 24 };        /* of a task that is left behind */

int(asyncio_runner_enter)(asyncio_runner *runner, const asyncio_run_options *options)
{
    static const asyncio_run_options defaults = { .size = sizeof defaults,
                                                  .debug = ASYNCIO__DEFAULT_DEBUG,
                                                  .shutdown_timeout =
                                                      ASYNCIO__DEFAULT_SHUTDOWN_TIMEOUT };
    bool is_wrong = options && isnan(options->shutdown_timeout);
    struct runner *state = is_wrong ? NULL : asyncio__calloc(1, sizeof *state);
    runner->state = state;
    runner->error = state ? RUNNER_ENTERED : is_wrong ? -EINVAL : -ENOMEM;
    if (!state)
        return runner->error;
    state->options = options ? *options : defaults;
    asyncio_context_ref(state->options.context);
    return 0;
}

static int make_context(struct runner *state)
{
    if (state->options.context) {
        state->context = asyncio_context_ref(state->options.context);
        return 0;
    }
    return asyncio_copy_context(&state->context);
}

static int make_loop(struct runner *state)
{
    if (state->loop)
        return 0;
    int r = make_context(state);
    if (r < 0)
        return r;
    r = state->options.loop_factory
            ? state->options.loop_factory(&state->loop, state->options.loop_factory_data)
            : asyncio_new_event_loop(&state->loop);
    if (r >= 0 && !state->loop)
        r = asyncio_raise(-EINVAL, "the loop factory returned no loop");
    if (r < 0) {
        asyncio_context_unref(state->context);
        state->context = NULL;
        state->loop = NULL;
        return r;
    }
    if (!state->options.loop_factory) {
        asyncio_set_event_loop(state->loop);
        state->set_event_loop = true;
    }
    if (state->options.debug >= 0)
        asyncio_loop_set_debug(state->loop, state->options.debug);
    return 0;
}

static int raise_closed(void)
{
    return asyncio_raise(RUNNER_CLOSED, "Runner is closed");
}

int asyncio_runner_get_loop(asyncio_runner *runner, asyncio_loop **ret_loop)
{
    if (runner->error == RUNNER_CLOSED)
        return raise_closed();
    if (runner->error < 0)
        return runner->error;
    struct runner *state = runner->state;
    int r = make_loop(state);
    if (r >= 0)
        *ret_loop = state->loop;
    return r;
}

/* Runs as a callback of the loop. The first cancels; the next ends the run as it stands. */
static void on_interrupt(int signal_number, void *data)
{
    (void)signal_number;
    struct runner *state = data;
    if (++state->interrupts == 1 && !asyncio_task_done(state->main)) {
        state->main->future.task_flags |= TASK_MAY_SWALLOW;
        asyncio_task_cancel(state->main);
        return;
    }
    state->loop->interrupted = true;
    asyncio_loop_stop(state->loop);
}

static bool may_handle_interrupts(void)
{
    struct sigaction action;
    return syscall(SYS_gettid) == getpid() && sigaction(SIGINT, NULL, &action) == 0 &&
           !(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_DFL;
}

int(asyncio_runner_run)(asyncio_runner *runner, asyncio_coro coro,
                        const asyncio_runner_run_options *options)
{
    struct runner *state = runner->state;
    int r = runner->error == RUNNER_CLOSED ? raise_closed() : runner->error;
    if (r >= 0 && asyncio_get_running_loop())
        r = asyncio_raise(-ASYNCIO_LOOP_RUNNING,
                          "asyncio_run cannot be called from a running event loop");
    if (r >= 0)
        r = make_loop(state);
    if (r < 0) {
        asyncio__coro_close(&coro);
        return r;
    }
    asyncio_context *context = options && options->context ? options->context : state->context;
    r = asyncio_loop_create_task(state->loop, coro, &state->main, .context = context);
    if (r < 0)
        return r;
    state->main->future.task_flags |= TASK_QUIET;
    state->interrupts = 0;
    bool handles = may_handle_interrupts() &&
                   asyncio__loop_watch_interrupt(state->loop, on_interrupt, state) >= 0;
    r = asyncio__run_until_done(state->loop, &state->main->future);
    if (handles && asyncio__loop_watches_interrupt(state->loop, on_interrupt))
        (void)asyncio_loop_remove_signal_handler(state->loop, SIGINT);
    if (r == -ECANCELED && state->interrupts > 0 && asyncio_task_uncancel(state->main) == 0)
        r = -EINTR;
    asyncio_task_unref(state->main);
    state->main = NULL;
    return r;
}

struct alarm {
    struct timed_handle timed;
    bool rang;
};

static void ring(struct handle *handle, asyncio_loop *loop)
{
    (void)loop;
    container_of(handle, struct alarm, timed.handle)->rang = true;
}

/* Asks every task to end. Level-triggered from here on: who swallows a cancellation gets the next
 * one at once. */
static void cancel_all(asyncio_loop *loop)
{
    loop->shutting_down = true;
    loop->leftover = 0;
    for (struct list *node = loop->tasks.next; node != &loop->tasks; node = node->next) {
        asyncio_task *task = container_of(node, struct asyncio_task, all);
        task->future.task_flags |= TASK_LEFTOVER;
        loop->leftover++;
        asyncio_task_cancel(task);
    }
}

static void wait_for_leftover(asyncio_loop *loop, double timeout)
{
    struct alarm alarm = { .timed.handle.run = ring };
    list_init(&alarm.timed.handle.link);
    if (asyncio__loop_enter(loop) < 0)
        return; /* in a forked child */
    int64_t when;
    if (timeout != ASYNCIO_NONE && asyncio__loop_deadline(loop, timeout, false, &when) >= 0)
        asyncio__loop_call_at(loop, &alarm.timed, when);
    int r = 0;
    while (loop->leftover && !alarm.rang && !loop->interrupted && r >= 0)
        r = asyncio__loop_turn(loop, true);
    asyncio__task_reap(loop);
    asyncio__loop_leave(loop);
    loop->interrupted = false;
    asyncio__loop_uncall(loop, &alarm.timed);
}

static void report_left_behind(asyncio_loop *loop)
{
    for (struct list *node = loop->tasks.next; node != &loop->tasks; node = node->next) {
        asyncio_task *task = container_of(node, struct asyncio_task, all);
        if (!(task->future.task_flags & TASK_LEFTOVER))
            continue;
        task->future.task_flags |= TASK_QUIET;
        asyncio_frame frames[SHOWN_FRAMES];
        asyncio_exception_context context = {
            .size = sizeof context,
            .message = "a task did not end within the shutdown timeout and is left behind",
            .future = &task->future,
            .task = task,
            .stack = frames,
        };
        if (asyncio__loop_inspector)
            context.stack_count = asyncio__loop_inspector->stack(task, frames, SHOWN_FRAMES);
        (asyncio_loop_call_exception_handler)(loop, &context);
    }
}

static void shut_down(struct runner *state)
{
    asyncio_loop *loop = state->loop;
    cancel_all(loop);
    if (loop->leftover)
        wait_for_leftover(loop, state->options.shutdown_timeout);
    if (loop->leftover)
        report_left_behind(loop);
    int64_t timeout = state->options.shutdown_timeout == ASYNCIO_NONE
                          ? -1
                          : (int64_t)(fmin(fmax(state->options.shutdown_timeout, 0), 9e9) * 1e9);
    for (struct list *node = loop->closers.next; node != &loop->closers; node = node->next) {
        struct closer *closer = container_of(node, struct closer, link);
        if (closer->shutdown)
            closer->shutdown(closer, loop, timeout);
    }
}

int asyncio_runner_exit(asyncio_runner *runner, int result)
{
    struct runner *state = runner->state;
    int error = runner->error;
    if (state && state->loop &&
        (asyncio_get_running_loop() || asyncio_loop_is_running(state->loop)))
        return asyncio_raise(-ASYNCIO_LOOP_RUNNING,
                             "a runner cannot be left inside a running loop");
    runner->state = NULL;
    if (!state)
        return error == RUNNER_CLOSED || result < 0 ? result : error;
    runner->error = RUNNER_CLOSED;
    if (state->loop) {
        shut_down(state);
        if (state->set_event_loop && asyncio__thread.set_loop == state->loop)
            asyncio_set_event_loop(NULL);
        (void)asyncio_loop_close(state->loop);
        asyncio__creations_report(state->loop);
        asyncio_loop_unref(state->loop);
    }
    asyncio_context_unref(state->context);
    asyncio_context_unref(state->options.context);
    asyncio__free(state);
    return result;
}

int(asyncio_run)(asyncio_coro coro, const asyncio_run_options *options)
{
    asyncio_runner runner;
    if (asyncio_get_running_loop()) {
        asyncio__coro_close(&coro);
        return asyncio_raise(-ASYNCIO_LOOP_RUNNING,
                             "asyncio_run cannot be called from a running event loop");
    }
    int r = (asyncio_runner_enter)(&runner, options);
    if (r < 0) {
        asyncio__coro_close(&coro);
        return r;
    }
    r = asyncio_runner_run(&runner, coro);
    return asyncio_runner_exit(&runner, r);
}
