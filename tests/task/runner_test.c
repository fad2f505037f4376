/* SPDX-License-Identifier: MIT */
/* The end of a run: tasks that refuse to end, threads that take too long, the order of closing; and
 * what a runner does with factories and states that are wrong. */
/* TEST: timeout 120 */
#include "base/sanitize.h"
#include "inspect/creation.h"
#include "support/failing.h"

#include <asyncio.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* From the static library only what somebody names is linked. */
__attribute__((used)) static const struct loop_inspector *const wanted = &asyncio__inspector;

static bool on_sim(void)
{
    const char *backend = getenv("ASYNCIO_BACKEND");
    return backend && strcmp(backend, "sim") == 0;
}

static double real_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static char events[1024];
static pthread_mutex_t events_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Also in a thread. */
static void happens(const char *what)
{
    pthread_mutex_lock(&events_mutex);
    size_t length = strlen(events);
    snprintf(events + length, sizeof events - length, "%s;", what);
    pthread_mutex_unlock(&events_mutex);
}

static int reports, stacks;
static char reported[512], function[64];

static void note(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop, (void)data;
    reports++;
    snprintf(reported, sizeof reported, "%s", context->message);
    happens("report");
    for (size_t i = 0; i < context->stack_count; i++)
        if (context->stack[i].function && strstr(context->stack[i].function, "ignores")) {
            stacks++;
            snprintf(function, sizeof function, "%s", context->stack[i].function);
        }
}

static int noted(asyncio_loop **ret_loop, void *data)
{
    (void)data;
    int r = asyncio_loop_new(ret_loop);
    if (r >= 0)
        asyncio_loop_set_exception_handler(*ret_loop, note, NULL);
    return r;
}

static void begin(void)
{
    reports = stacks = 0;
    events[0] = reported[0] = function[0] = 0;
}

/* --- tasks that refuse to end --- */

static unsigned rounds;
static asyncio_future *waited_for;     /* whose task is left behind */

__attribute__((noinline)) static int ignores_by_sleeping(void)
{
    for (;;)
        rounds += asyncio_sleep(1) == -ECANCELED;
    return 0;
}

__attribute__((noinline)) static int ignores_by_yielding(void)
{
    for (;;)
        rounds += asyncio_sleep(0) == -ECANCELED;
    return 0;
}

__attribute__((noinline)) static int ignores_in_a_future(void)
{
    assert_return_code(asyncio_future_new(&waited_for), 0);
    for (;;) {
        rounds += asyncio_await(waited_for) == -ECANCELED;
        if (asyncio_future_done(waited_for)) {
            asyncio_future_unref(waited_for);
            assert_return_code(asyncio_future_new(&waited_for), 0);
        }
    }
    return 0;
}

__attribute__((noinline)) static int ignores_in_a_lock(void)
{
    static asyncio_lock lock;
    asyncio_lock_init(&lock);
    for (;;)
        rounds += asyncio_lock_acquire(&lock) == -ECANCELED;
    return 0;
}

static int starts(int (*one)(void))
{
    int r = asyncio_create_task(asyncio_coro(one), NULL, .name = "refuses");
    return r < 0 ? r : asyncio_sleep(0.01);
}

static void is_left_behind(int (*one)(void))
{
    begin();
    rounds = 0;
    double from = real_time();
    assert_return_code(
        asyncio_run(asyncio_coro(starts, one), .loop_factory = noted, .shutdown_timeout = 0.2), 0);
    assert_true(real_time() - from < 30);
    assert_int_equal(reports, 1);
    assert_non_null(strstr(reported, "left behind"));
    assert_true(rounds > 2);
    assert_int_equal(stacks, 1);
}

static void tasks_that_refuse_to_end(void **state)
{
    (void)state;
    is_left_behind(ignores_by_sleeping);
    is_left_behind(ignores_by_yielding);
    is_left_behind(ignores_in_a_lock);
}

static void a_task_that_refuses_to_end_and_makes_futures(void **state)
{
    (void)state;
    is_left_behind(ignores_in_a_future);
    asyncio_future_unref(waited_for);
}

static int several(void)
{
    int r = 0;
    for (int i = 0; i < 5 && r >= 0; i++)
        r = asyncio_create_task(asyncio_coro(ignores_by_sleeping), NULL);
    return r < 0 ? r : asyncio_sleep(0.01);
}

static void several_that_refuse_are_reported_one_by_one(void **state)
{
    (void)state;
    begin();
    assert_return_code(asyncio_run(asyncio_coro(several), .loop_factory = noted,
                                   .shutdown_timeout = 0), 0);
    assert_int_equal(reports, 5);
}

/* --- the order of closing --- */

static void closes(void *what)
{
    happens(what);
}

static int cleans_up(const char *what)
{
    int r = asyncio_sleep(100);
    happens(what);
    r = r == -ECANCELED ? asyncio_sleep(0) : r; /* level-triggered: at once */
    if (r == -ECANCELED)
        happens("again");
    return r;
}

static int fails_in_cleanup(void)
{
    int r = asyncio_sleep(100);
    return r == -ECANCELED ? -EIO : r;
}

static sem_t has_begun, is_abandoned;

static int works(void)
{
    sem_post(&has_begun);
    while (sem_wait(&is_abandoned) < 0)
        continue;
    happens("thread");
    return 0;
}

static int late_thread(void)
{
    int r = asyncio_to_thread(asyncio_coro(works), .abandon = 1);
    happens("task of the thread");
    sem_post(&is_abandoned);
    sem_post(&has_begun); /* or never will */
    return r;
}

static void never(asyncio_loop *loop)
{
    (void)loop;
    happens("never");
}

static int leaves_everything(void)
{
    int r = asyncio_create_task(asyncio_coro(cleans_up, "cleanup"), NULL);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(fails_in_cleanup), NULL);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(late_thread), NULL);
    if (r >= 0)
        r = asyncio_loop_call_later(asyncio_get_running_loop(), 1000, never, NULL,
                                    .data = (void *)(uintptr_t) "handle", .destroy = closes);
    while (r >= 0 && sem_trywait(&has_begun) < 0)
        r = asyncio_sleep(0.001);
    return r;
}

/* Tasks, then what they failed with, then the threads, then the loop. */
static void the_order_of_closing(void **state)
{
    (void)state;
    if (on_sim())
        skip(); /* its threads are no threads */
    begin();
    sem_init(&has_begun, 0, 0);
    sem_init(&is_abandoned, 0, 0);
    assert_return_code(
        asyncio_run(asyncio_coro(leaves_everything), .loop_factory = noted), 0);
    assert_string_equal(events, "cleanup;again;report;task of the thread;thread;handle;");
    assert_non_null(strstr(reported, "unhandled exception during asyncio.run() shutdown"));
}

/* As long as it takes until the test says so, which it does after the run. */
static int takes_long(void)
{
    sem_post(&has_begun);
    while (sem_wait(&is_abandoned) < 0)
        continue;
    return 0;
}

static int leaves_a_thread(void)
{
    asyncio_future *future;
    int r = asyncio_loop_run_in_executor(asyncio_get_running_loop(), NULL,
                                         asyncio_coro(takes_long), &future);
    while (r >= 0 && sem_trywait(&has_begun) < 0)
        r = asyncio_sleep(0.001);
    if (r >= 0)
        asyncio_future_unref(future);
    return r;
}

static void a_thread_that_takes_too_long(void **state)
{
    (void)state;
    if (on_sim())
        skip(); /* as above */
    begin();
    sem_init(&has_begun, 0, 0);
    sem_init(&is_abandoned, 0, 0);
    assert_return_code(asyncio_run(asyncio_coro(leaves_a_thread), .loop_factory = noted,
                                   .shutdown_timeout = 0.1), 0);
    sem_post(&is_abandoned); /* a run that waited for it would never have come here */
    assert_int_equal(reports, 1);
    assert_non_null(strstr(reported, "did not finish joining its threads"));
    struct timespec rest = { 0, 200000000 };
    (void)nanosleep(&rest, NULL); /* so that it is gone when a sanitizer looks */
}

/* --- states and factories --- */

static int nothing(void)
{
    return 0;
}

static int makes_nothing(asyncio_loop **ret_loop, void *data)
{
    (void)ret_loop;
    return *(int *)data;
}

static void a_loop_factory_that_returns_nothing(void **state)
{
    (void)state;
    int result = 0;
    assert_int_equal(asyncio_run(asyncio_coro(nothing), .loop_factory = makes_nothing,
                                 .loop_factory_data = &result), -EINVAL);
    assert_non_null(strstr(record_of(-EINVAL)->text, "returned no loop"));
    result = -EMFILE;
    assert_int_equal(asyncio_run(asyncio_coro(nothing), .loop_factory = makes_nothing,
                                 .loop_factory_data = &result), -EMFILE);
    asyncio_runner runner;
    asyncio_loop *loop;
    result = 0;
    assert_return_code(asyncio_runner_enter(&runner, .loop_factory = makes_nothing,
                                            .loop_factory_data = &result), 0);
    assert_int_equal(asyncio_runner_get_loop(&runner, &loop), -EINVAL);
    assert_int_equal(asyncio_runner_run(&runner, asyncio_coro(nothing)), -EINVAL);
    assert_int_equal(asyncio_runner_exit(&runner, -EINVAL), -EINVAL);
}

static int makes_a_closed_one(asyncio_loop **ret_loop, void *data)
{
    (void)data;
    int r = asyncio_loop_new(ret_loop);
    return r < 0 ? r : asyncio_loop_close(*ret_loop);
}

static void a_loop_factory_that_returns_a_closed_loop(void **state)
{
    (void)state;
    assert_int_equal(asyncio_run(asyncio_coro(nothing), .loop_factory = makes_a_closed_one),
                     -ASYNCIO_LOOP_CLOSED);
}

static void a_runner_before_and_after(void **state)
{
    (void)state;
    asyncio_runner runner;
    asyncio_loop *loop, *again;
    assert_return_code(asyncio_runner_enter(&runner), 0);
    assert_int_equal(asyncio_runner_exit(&runner, 3), 3); /* never used: nothing to end */
    assert_int_equal(asyncio_runner_exit(&runner, 4), 4); /* twice is harmless */
    assert_int_equal(asyncio_runner_run(&runner, asyncio_coro(nothing)), -ASYNCIO_INVALID_STATE);
    assert_string_equal(record_of(-ASYNCIO_INVALID_STATE)->text, "Runner is closed");
    assert_int_equal(asyncio_runner_get_loop(&runner, &loop), -ASYNCIO_INVALID_STATE);
    assert_return_code(asyncio_runner_enter(&runner), 0); /* and it may be used again */
    assert_return_code(asyncio_runner_get_loop(&runner, &loop), 0);
    assert_return_code(asyncio_runner_run(&runner, asyncio_coro(nothing)), 0);
    assert_return_code(asyncio_runner_get_loop(&runner, &again), 0);
    assert_ptr_equal(loop, again);
    assert_ptr_equal(asyncio_get_event_loop(), loop);
    assert_int_equal(asyncio_runner_exit(&runner, -EIO), -EIO);
    assert_null(asyncio_get_event_loop());
}

static asyncio_context_var variable = ASYNCIO_CONTEXT_VAR("variable");

static int sets(void *value)
{
    return asyncio_context_var_set(&variable, value, NULL);
}

static int is_set_to(void *value)
{
    void *got = NULL;
    int r = asyncio_context_var_get(&variable, &got);
    return r < 0 ? r : got == value;
}

/* One context for all runs, a copy of the one of the first use; another by .context. */
static void one_context_for_all_runs(void **state)
{
    (void)state;
    int a, b;
    asyncio_runner runner;
    assert_return_code(asyncio_runner_enter(&runner), 0);
    assert_return_code(asyncio_runner_run(&runner, asyncio_coro(sets, &a)), 0);
    assert_int_equal(asyncio_runner_run(&runner, asyncio_coro(is_set_to, &a)), 1);
    asyncio_context *context;
    assert_return_code(asyncio_context_new(&context), 0);
    assert_int_equal(asyncio_runner_run(&runner, asyncio_coro(is_set_to, &a), .context = context),
                     -ASYNCIO_LOOKUP);
    assert_return_code(asyncio_runner_run(&runner, asyncio_coro(sets, &b), .context = context), 0);
    assert_int_equal(asyncio_runner_run(&runner, asyncio_coro(is_set_to, &b), .context = context),
                     1);
    assert_int_equal(asyncio_runner_run(&runner, asyncio_coro(is_set_to, &a)), 1);
    assert_int_equal(is_set_to(&a), -ASYNCIO_LOOKUP); /* not the thread's */
    asyncio_context_unref(context);
    assert_return_code(asyncio_runner_exit(&runner, 0), 0);
}

static int sleeps_long(void)
{
    return asyncio_sleep(3600);
}

static void silent(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop, (void)context, (void)data;
}

/* In a child nothing of the parent's loop can run: what is pending is left behind at once. */
static void a_runner_left_in_a_forked_child(void **state)
{
    (void)state;
#if defined(ASYNCIO__SANITIZE_THREAD)
    skip(); /* it lets no child of a process with threads have threads of its own */
#endif
    asyncio_runner runner;
    asyncio_loop *loop;
    assert_return_code(asyncio_runner_enter(&runner), 0);
    assert_return_code(asyncio_runner_get_loop(&runner, &loop), 0);
    asyncio_loop_set_exception_handler(loop, silent, NULL);
    assert_return_code(asyncio_loop_create_task(loop, asyncio_coro(sleeps_long), NULL), 0);
    assert_return_code(asyncio_runner_run(&runner, asyncio_coro(nothing)), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(20); /* a hang ends it */
        _exit(asyncio_runner_exit(&runner, 7));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_return_code(asyncio_runner_exit(&runner, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_that_refuse_to_end),
        cmocka_unit_test(a_task_that_refuses_to_end_and_makes_futures),
        cmocka_unit_test(several_that_refuse_are_reported_one_by_one),
        cmocka_unit_test(the_order_of_closing),
        cmocka_unit_test(a_thread_that_takes_too_long),
        cmocka_unit_test(a_loop_factory_that_returns_nothing),
        cmocka_unit_test(a_loop_factory_that_returns_a_closed_loop),
        cmocka_unit_test(a_runner_before_and_after),
        cmocka_unit_test(one_context_for_all_runs),
        cmocka_unit_test(a_runner_left_in_a_forked_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
