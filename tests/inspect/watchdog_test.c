/* SPDX-License-Identifier: MIT */
/* The watchdog: who blocks is reported with its name and its frames, once; who does not is not. The
 * blocking is real, on every backend: it is the thread that stands still, not the loop's clock. */
/* TEST: timeout 120 */
#include <asyncio.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
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

#include "base/alloc.h"
#include "coro/coro.h"
#include "inspect/symbols.h"

#define LIMIT 0.05
#define HIGH_LIMIT 0.4 /* which a loaded machine does not reach by itself */

enum { REPORTS = 64, FUNCTIONS = 2048 };

/* What was reported: written in the watchdog's thread. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int report_count, all_reports;
static struct {
    char task[64]; /* "": a callback */
    double blocked;
    size_t frame_count;
    char functions[FUNCTIONS]; /* "inner outer " */
} reports[REPORTS];
static bool has_names;

/* On a loaded machine the loop's thread may stand still anywhere; that is not what is tested. */
static bool is_noise(const char *functions)
{
    return has_names && *functions && !strstr(functions, "burns") && !strstr(functions, "dozes");
}

static void keep(const asyncio_watchdog_report *report, void *data)
{
    assert_ptr_equal(data, &report_count);
    char functions[FUNCTIONS] = "";
    for (size_t i = 0; i < report->frame_count; i++) {
        size_t length = strlen(functions);
        snprintf(functions + length, FUNCTIONS - length, "%s ",
                 report->frames[i].function ? report->frames[i].function : "?");
    }
    pthread_mutex_lock(&mutex);
    all_reports++;
    if (report_count < REPORTS && !is_noise(functions)) {
        snprintf(reports[report_count].task, sizeof reports->task, "%s",
                 report->task ? report->task : "");
        snprintf(reports[report_count].functions, FUNCTIONS, "%s", functions);
        reports[report_count].blocked = report->blocked;
        reports[report_count].frame_count = report->frame_count;
        report_count++;
    }
    pthread_mutex_unlock(&mutex);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static bool was_reported(int n)
{
    pthread_mutex_lock(&mutex);
    bool is = report_count >= n;
    pthread_mutex_unlock(&mutex);
    return is;
}

/* Spins for `seconds`, or until there are `n` reports if that takes longer: on a loaded machine the
 * watchdog may be late. */
__attribute__((noinline)) static void burns(double seconds, int n)
{
    double begin = now();
    while (now() < begin + seconds || (!was_reported(n) && now() < begin + 20))
        __asm__ volatile("");
}

__attribute__((noinline)) static void dozes(double seconds, int n)
{
    double begin = now();
    while (now() < begin + seconds || (!was_reported(n) && now() < begin + 20))
        usleep((useconds_t)(seconds * 1e6));
}

static void start_watching(double limit)
{
    report_count = all_reports = 0;
    memset(reports, 0, sizeof reports);
    int r = asyncio_loop_start_watchdog(asyncio_get_running_loop(), .limit = limit, .report = keep,
                                        .data = &report_count);
    assert_int_equal(r, 0);
}

static void expect(int i, const char *task, const char *functions)
{
    assert_in_range(i, 0, report_count - 1);
    assert_string_equal(reports[i].task, task);
    assert_true(reports[i].blocked >= LIMIT);
    assert_true(reports[i].blocked < 20);
    assert_true(reports[i].frame_count > 0);
    if (has_names && !strstr(reports[i].functions, functions)) {
        fprintf(stderr, "frames: %s\n", reports[i].functions);
        fail();
    }
}

static void run(asyncio_coro coro)
{
    assert_int_equal(asyncio_run(coro), 0);
}

static int run_task(asyncio_coro coro, const char *name)
{
    asyncio_task *task;
    int r = asyncio_create_task(coro, &task, .name = name);
    assert_int_equal(r, 0);
    r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

/* --- who blocks --- */

static int calculates(int n)
{
    burns(3 * LIMIT, n);
    __asm__ volatile("");
    return 0;
}

static int sleeps(int n)
{
    dozes(3 * LIMIT, n);
    __asm__ volatile("");
    return 0;
}

static int watch_two(void)
{
    start_watching(LIMIT);
    int r = run_task(asyncio_coro(calculates, 1), "calculator");
    assert_int_equal(r, 0);
    assert_int_equal(report_count, 1);
    expect(0, "calculator", "burns calculates ");
    r = run_task(asyncio_coro(sleeps, 2), NULL);
    assert_int_equal(r, 0);
    assert_int_equal(report_count, 2);
    expect(1, "Task-2", "dozes sleeps ");
    if (has_names)
        assert_non_null(strstr(reports[1].functions, "sleep"));
    return 0;
}

static void test_tasks_that_block(void **state)
{
    (void)state;
    run(asyncio_coro(watch_two));
}

static void blocks(asyncio_loop *loop, void *data)
{
    (void)loop;
    burns(3 * LIMIT, 1);
    asyncio_future *future = data;
    assert_int_equal(asyncio_future_set_result(future, 0), 0);
}

static int watch_callback(void)
{
    asyncio_future *future;
    assert_int_equal(asyncio_future_new(&future), 0);
    start_watching(LIMIT);
    asyncio_loop *loop = asyncio_get_running_loop();
    assert_int_equal(asyncio_loop_call_soon(loop, blocks, NULL, .data = future), 0);
    assert_int_equal(asyncio_await(future), 0);
    asyncio_future_unref(future);
    assert_int_equal(report_count, 1);
    expect(0, "", "burns blocks ");
    return 0;
}

static void test_a_callback_that_blocks(void **state)
{
    (void)state;
    run(asyncio_coro(watch_callback));
}

/* The task that blocks goes on blocking: one report. Then it does so again: another one. */
static int watch_episodes(void)
{
    start_watching(LIMIT);
    for (int i = 1; i <= 3; i++) {
        burns(6 * LIMIT, i);
        assert_int_equal(report_count, i);
        expect(i - 1, "Task-1", "burns ");
        int r = asyncio_sleep(0);
        assert_int_equal(r, 0);
    }
    return 0;
}

static void test_one_report_an_episode(void **state)
{
    (void)state;
    run(asyncio_coro(watch_episodes));
}

/* --- who does not --- */

static int is_good(void)
{
    double end = now() + 2 * HIGH_LIMIT;
    for (int i = 0; now() < end; i++) {
        int r = asyncio_sleep(i % 3 ? 0 : 0.001);
        if (r < 0)
            return r;
    }
    return 0;
}

static void finishes(asyncio_loop *loop, void *future)
{
    (void)loop;
    assert_int_equal(asyncio_future_set_result((asyncio_future *)future, 0), 0);
}

static void *wakes(void *future)
{
    usleep((useconds_t)(2 * HIGH_LIMIT * 1e6));
    asyncio_loop *loop = asyncio_future_get_loop((asyncio_future *)future);
    int r = asyncio_loop_call_soon_threadsafe(loop, finishes, NULL, .data = future);
    assert_int_equal(r, 0);
    return NULL;
}

/* On the sim backend the clock jumps, so a wait in real time is one for another thread. */
static int stays_idle(void)
{
    asyncio_future *future;
    pthread_t thread;
    assert_int_equal(asyncio_future_new(&future), 0);
    assert_int_equal(pthread_create(&thread, NULL, wakes, future), 0);
    int r = asyncio_await(future);
    assert_int_equal(pthread_join(thread, NULL), 0);
    asyncio_future_unref(future);
    return r;
}

static int watch_nobody(void)
{
    start_watching(HIGH_LIMIT);
    int r = run_task(asyncio_coro(is_good), NULL);
    assert_int_equal(r, 0);
    r = run_task(asyncio_coro(stays_idle), NULL);
    assert_int_equal(r, 0);
    return all_reports;
}

/* A machine that stops for HIGH_LIMIT makes any loop late: who is wrongly reported always is. */
static void test_no_report_of_a_good_or_idle_loop(void **state)
{
    (void)state;
    int wrong = 1;
    for (int i = 0; i < 5 && wrong; i++)
        wrong = asyncio_run(asyncio_coro(watch_nobody));
    assert_int_equal(wrong, 0);
}

/* Between runs a loop does not block, however long; in the next run it is watched again. */
static int watches(void)
{
    start_watching(LIMIT);
    return 0;
}

static void test_between_runs(void **state)
{
    (void)state;
    asyncio_loop *loop;
    assert_int_equal(asyncio_new_event_loop(&loop), 0);
    assert_int_equal(asyncio_loop_run_until_complete(loop, asyncio_coro(watches)), 0);
    usleep((useconds_t)(4 * LIMIT * 1e6));
    assert_int_equal(report_count, 0);
    assert_int_equal(asyncio_loop_run_until_complete(loop, asyncio_coro(calculates, 1)), 0);
    assert_int_equal(report_count, 1);
    expect(0, "Task-2", "burns calculates ");
    assert_int_equal(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
}

/* --- beginning and end --- */

static struct sigaction actions[NSIG];

static int handlers_changed(bool save)
{
    int changed = 0;
    for (int i = 1; i < NSIG; i++) {
        struct sigaction action;
        if (sigaction(i, NULL, &action) < 0)
            continue;
        if (save)
            actions[i] = action;
        else
            changed += actions[i].sa_handler != action.sa_handler;
    }
    return changed;
}

static int starts_and_stops(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_loop_stop_watchdog(loop);
    handlers_changed(true);
    for (int i = 0; i < 100; i++) {
        start_watching(LIMIT);
        int r = asyncio_loop_start_watchdog(loop);
        assert_int_equal(r, -EALREADY);
        assert_int_equal(handlers_changed(false), 1);
        if (i % 10 == 0) {
            r = asyncio_sleep(0.001);
            assert_int_equal(r, 0);
        }
        if (i == 50) {
            burns(2 * LIMIT, 1);
            assert_int_equal(report_count, 1);
        }
        asyncio_loop_stop_watchdog(loop);
        asyncio_loop_stop_watchdog(loop);
        assert_int_equal(handlers_changed(false), 0);
    }
    report_count = 0;
    burns(3 * LIMIT, 0);
    assert_int_equal(report_count, 0);
    return 0;
}

static void test_starting_and_stopping(void **state)
{
    (void)state;
    run(asyncio_coro(starts_and_stops));
}

static int misuses(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    const double bad[] = { 0, -1, 0.0 / 0.0 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int r = asyncio_loop_start_watchdog(loop, .limit = bad[i]);
        assert_int_equal(r, -EINVAL);
    }
    int r = (asyncio_loop_start_watchdog)(loop, NULL);
    assert_int_equal(r, 0);
    asyncio_loop_stop_watchdog(loop);
    return 0;
}

static void test_misuse(void **state)
{
    (void)state;
    run(asyncio_coro(misuses));
    asyncio_loop *loop;
    assert_int_equal(asyncio_new_event_loop(&loop), 0);
    assert_int_equal(asyncio_loop_close(loop), 0);
    int r = asyncio_loop_start_watchdog(loop);
    assert_int_equal(r, -ASYNCIO_LOOP_CLOSED);
    asyncio_loop_unref(loop);
}

static void test_no_memory_is_lost(void **state)
{
    (void)state;
    asyncio__symbols_forget();
    uint64_t live = asyncio__alloc_live();
    asyncio_loop *loop;
    assert_int_equal(asyncio_new_event_loop(&loop), 0);
    asyncio__alloc_fail_at(1, 0);
    int r = asyncio_loop_start_watchdog(loop);
    asyncio__alloc_fail_at(0, 0);
    assert_int_equal(r, -ENOMEM);
    assert_int_equal(asyncio_loop_run_until_complete(loop, asyncio_coro(watch_two)), 0);
    assert_int_equal(asyncio_loop_close(loop), 0); /* ends the watching */
    asyncio_loop_unref(loop);
    asyncio__symbols_forget();
    assert_int_equal(asyncio__alloc_live(), live);
}

/* --- several loops, each in its thread --- */

static int blocks_in_thread(int number)
{
    int r = asyncio_loop_start_watchdog(asyncio_get_running_loop(), .limit = LIMIT, .report = keep,
                                        .data = &report_count);
    if (r < 0)
        return r;
    r = asyncio_sleep(0);
    if (r < 0)
        return r;
    burns(3 * LIMIT, 4);
    return number * 0;
}

static void *runs_loop(void *number)
{
    int r = asyncio_run(asyncio_coro(blocks_in_thread, (int)(intptr_t)number));
    return (void *)(intptr_t)r;
}

static void test_four_loops(void **state)
{
    (void)state;
    pthread_t threads[4];
    report_count = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, runs_loop, (void *)(intptr_t)i), 0);
    for (int i = 0; i < 4; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_int_equal((intptr_t)result, 0);
    }
    assert_int_equal(report_count, 4);
    for (int i = 0; i < 4; i++)
        expect(i, "Task-1", "burns blocks_in_thread ");
}

/* --- a thread that does not take the signal --- */

static int blocks_all_signals(void)
{
    sigset_t all, before;
    start_watching(LIMIT);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    burns(LIMIT, 1);
    asyncio_loop_stop_watchdog(asyncio_get_running_loop());
    pthread_sigmask(SIG_SETMASK, &before, NULL); /* the signal comes now, and finds nobody */
    assert_int_equal(report_count, 1);
    assert_string_equal(reports[0].task, "");
    assert_int_equal(reports[0].frame_count, 0);
    start_watching(LIMIT);
    burns(LIMIT, 1);
    assert_int_equal(report_count, 1);
    expect(0, "Task-1", "burns ");
    return 0;
}

static void test_a_thread_that_takes_no_signals(void **state)
{
    (void)state;
    run(asyncio_coro(blocks_all_signals));
}

/* --- the default report, the environment, a fork: in processes of their own --- */

static char said[1 << 16];

/* Runs this program with `word`; what it says on standard error is in `said`. Returns its
 * status. */
static int child(const char *word, const char *setting)
{
    char self[512], command[1024];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = 0;
    snprintf(command, sizeof command, "%s %s %s %s 2>&1 >/dev/null", setting,
             getenv("TEST_RUNNER") ? getenv("TEST_RUNNER") : "", self, word);
    FILE *pipe = popen(command, "re");
    assert_non_null(pipe);
    said[fread(said, 1, sizeof said - 1, pipe)] = 0;
    return pclose(pipe);
}

static int blocks_unknowingly(void)
{
    dozes(12 * LIMIT, 0);
    __asm__ volatile("");
    return 0;
}

static int asks_for_default(void)
{
    int r = asyncio_loop_start_watchdog(asyncio_get_running_loop(), .limit = LIMIT);
    if (r < 0)
        return r;
    return run_task(asyncio_coro(blocks_unknowingly), "the worker");
}

static void test_the_default_report(void **state)
{
    (void)state;
    assert_int_equal(child("--default", ""), 0);
    assert_non_null(strstr(said, "asyncio: the task 'the worker' has been blocking its loop for "));
    if (has_names) {
        char *outer = strstr(said, ", in blocks_unknowingly\n"),
             *inner = strstr(said, ", in dozes\n");
        assert_non_null(outer);
        assert_non_null(inner);
        assert_true(outer < inner); /* most recent call last */
        assert_non_null(strstr(said, "watchdog_test.c\", line "));
    }
    char *again = strstr(strstr(said, "asyncio: ") + 1, "asyncio: ");
    assert_null(again);
}

static void test_the_environment(void **state)
{
    (void)state;
    assert_int_equal(child("--plain", "ASYNCIO_WATCHDOG=0.05"), 0);
    assert_non_null(strstr(said, "asyncio: the task 'Task-1' has been blocking its loop for "));
    assert_int_equal(child("--plain", "ASYNCIO_WATCHDOG=0"), 0);
    assert_null(strstr(said, "asyncio:"));
    assert_int_equal(child("--plain", "ASYNCIO_WATCHDOG="), 0);
    assert_null(strstr(said, "asyncio:"));
}

/* In the child the watchdog's thread does not exist: closing the loop there must not wait for it,
 * and a loop of its own can be watched. */
static int forks(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    int r = asyncio_loop_start_watchdog(loop, .limit = LIMIT);
    /* its thread is up by then, also where sleeping takes no time: under ASan one that is being
     * made may hold the heap's lock */
    for (int i = 0; i < 10 && r >= 0; i++) {
        (void)usleep(10000);
        r = asyncio_sleep(0);
    }
    if (r < 0)
        return r;
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        asyncio_loop_stop_watchdog(loop);
        r = asyncio_run(asyncio_coro(asks_for_default));
        _exit(r < 0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return status == 0 ? 0 : -EIO;
}

static void test_a_fork(void **state)
{
    (void)state;
#if defined(ASYNCIO__SANITIZE_THREAD)
    skip();
#endif
    /* Neither TSan nor qemu can have new threads in the child of a process with threads. */
    if (getenv("ASYNCIO_TEST_EMULATED"))
        skip();
    assert_int_equal(child("--fork", ""), 0);
    assert_non_null(strstr(said, "the task 'the worker' has been blocking"));
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        int r = asyncio_run(strcmp(argv[1], "--default") == 0 ? asyncio_coro(asks_for_default)
                            : strcmp(argv[1], "--fork") == 0  ? asyncio_coro(forks)
                                                              : asyncio_coro(blocks_unknowingly));
        return r < 0;
    }
    asyncio__alloc_track();
    has_names = dlopen("libdw.so.1", RTLD_LAZY) != NULL;
    if (!has_names)
        fprintf(stderr, "no libdw.so.1: names are not looked at\n");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasks_that_block),
        cmocka_unit_test(test_a_callback_that_blocks),
        cmocka_unit_test(test_one_report_an_episode),
        cmocka_unit_test(test_no_report_of_a_good_or_idle_loop),
        cmocka_unit_test(test_between_runs),
        cmocka_unit_test(test_starting_and_stopping),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_no_memory_is_lost),
        cmocka_unit_test(test_four_loops),
        cmocka_unit_test(test_a_thread_that_takes_no_signals),
        cmocka_unit_test(test_the_default_report),
        cmocka_unit_test(test_the_environment),
        cmocka_unit_test(test_a_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
