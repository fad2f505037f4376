/* SPDX-License-Identifier: MIT */
/* asyncio_loop_dump_tasks, by a call and by a signal. */
/* TEST: timeout 60 */
#include <asyncio.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/sweep.h"

#define KEEP(r) __asm__ volatile("" : "+r"(r)) /* no tail call */

static char said[1 << 16];

/* `file` is read into `said` and closed. */
static void take(FILE *file)
{
    rewind(file);
    said[fread(said, 1, sizeof said - 1, file)] = 0;
    fclose(file);
}

static void expect(const char *text)
{
    if (!strstr(said, text))
        fail_msg("'%s' is not in:\n%s", text, said);
}

static int sleeps(void)
{
    int r = asyncio_sleep(1000);
    KEEP(r);
    return r;
}

static int awaits(asyncio_task *task)
{
    int r = asyncio_await(task);
    KEEP(r);
    return r;
}

static int takes_lock(asyncio_lock *lock)
{
    int r = asyncio_lock_acquire(lock);
    KEEP(r);
    return r;
}

static int returns(void)
{
    return 0;
}

/* Four tasks beside the running one; gives one back that is to be unref'ed. */
static int begin(asyncio_task **ret_server)
{
    static asyncio_lock lock;
    asyncio_lock_init(&lock);
    int r = asyncio_lock_acquire(&lock);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(sleeps), ret_server, .name = "the server");
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(awaits, *ret_server), NULL, .name = "client");
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(takes_lock, &lock), NULL, .name = "locked out");
    if (r >= 0)
        r = asyncio_sleep(0);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(returns), NULL, .name = "newcomer");
    return r;
}

static void check(void)
{
    expect("Loop 0x");
    expect(", 5 tasks\n");
    expect("Task 'the server', waits for sleep, awaited by 'client'\n  File \"");
    expect("Task 'client', waits for task 'the server'\n  File \"");
    expect("Task 'locked out', waits for lock 0x");
    expect("Task 'newcomer', not started\n");
}

static int by_call(void)
{
    asyncio_task *server;
    FILE *file = tmpfile();
    int r = begin(&server);
    assert_non_null(file);
    assert_int_equal(r, 0);
    assert_int_equal(asyncio_loop_dump_tasks(NULL, file), 5);
    take(file);
    asyncio_task_unref(server);
    return r;
}

static void test_by_a_call(void **state)
{
    (void)state;
    assert_int_equal(asyncio_run(asyncio_coro(by_call)), 0);
    check();
    expect("Task 'Task-1', running\n  File \"");
}

static int by_signal(void)
{
    asyncio_task *server;
    asyncio_loop *loop = asyncio_get_running_loop();
    int r = begin(&server);
    if (r >= 0)
        r = asyncio_loop_dump_tasks_on_signal(loop, SIGUSR1);
    if (r >= 0)
        raise(SIGUSR1);
    fflush(stderr);
    FILE *file = tmpfile();
    assert_non_null(file);
    int before = dup(2);
    dup2(fileno(file), 2);
    for (int i = 0; i < 20 && r >= 0; i++)
        r = asyncio_sleep(0.001);
    dup2(before, 2);
    close(before);
    take(file);
    assert_int_equal(asyncio_loop_remove_signal_handler(loop, SIGUSR1), 1);
    asyncio_task_unref(server);
    return r;
}

static void test_by_a_signal(void **state)
{
    (void)state;
    assert_int_equal(asyncio_run(asyncio_coro(by_signal)), 0);
    expect("Task 'the server', waits for sleep, awaited by 'client'\n  File \"");
    expect("Task 'Task-1', waits for sleep\n  File \"");
}

/* --- a loop that is stuck --- */

static volatile int is_free;
static int before_stderr;

static void catch_stderr(FILE *file)
{
    fflush(stderr);
    before_stderr = dup(2);
    dup2(fileno(file), 2);
}

static void leave_stderr(void)
{
    dup2(before_stderr, 2);
    close(before_stderr);
}

/* Until the dump is there, or ten seconds have passed. */
__attribute__((noinline)) static int blocks(FILE *file)
{
    char text[8192];
    raise(SIGUSR1);
    for (int i = 0; i < 1000; i++) {
        struct timespec time = { 0, 10 * 1000 * 1000 };
        (void)nanosleep(&time, NULL);
        ssize_t length = pread(fileno(file), text, sizeof text - 1, 0);
        text[length > 0 ? length : 0] = 0;
        if (strstr(text, "Task 'newcomer', not started\n"))
            return 0;
    }
    return -ETIMEDOUT;
}

__attribute__((noinline)) static int culprit(FILE *file)
{
    int r = blocks(file);
    KEEP(r);
    return r;
}

static void is_stuck(asyncio_loop *loop, void *file)
{
    (void)loop;
    is_free = culprit(file);
}

static int when_stuck(int in_callback)
{
    asyncio_task *server;
    asyncio_loop *loop = asyncio_get_running_loop();
    FILE *file = tmpfile();
    assert_non_null(file);
    int r = begin(&server);
    if (r >= 0)
        r = asyncio_loop_dump_tasks_on_signal(loop, SIGUSR1);
    if (r < 0)
        return r;
    catch_stderr(file);
    is_free = -1;
    if (in_callback) {
        r = asyncio_sleep(0); /* the first newcomer is over */
        if (r >= 0)
            r = asyncio_loop_call_soon(loop, is_stuck, NULL, .data = file);
        if (r >= 0)
            r = asyncio_create_task(asyncio_coro(returns), NULL, .name = "newcomer");
        if (r >= 0)
            r = asyncio_sleep(0);
    } else {
        is_free = culprit(file);
    }
    for (int i = 0; i < 3 && r >= 0; i++)
        r = asyncio_sleep(0.001); /* and not once more by the loop */
    leave_stderr();
    take(file);
    assert_return_code(is_free, 0);
    assert_int_equal(asyncio_loop_remove_signal_handler(loop, SIGUSR1), 1);
    asyncio_task_unref(server);
    return r;
}

static void check_stuck(void)
{
    expect("Task 'the server', waits for sleep\n  File \"");
    expect("in sleeps\n");
    expect("Task 'client', waits for task 'the server'\n  File \"");
    expect("Task 'locked out', waits for lock 0x");
    expect("Task 'newcomer', not started\n");
    assert_ptr_equal(strstr(said, "Loop 0x"), said);
    assert_null(strstr(said + 1, "Loop 0x"));
}

/* Static functions are named by the debug information, which needs libdw on the machine. */
static void expect_frame(const char *text)
{
    static int has_names = -1;
    if (has_names < 0)
        has_names = dlopen("libdw.so.1", RTLD_LAZY) != NULL;
    if (has_names)
        expect(text);
}

static void test_when_a_task_is_stuck(void **state)
{
    (void)state;
    assert_int_equal(asyncio_run(asyncio_coro(when_stuck, 0)), 0);
    expect(", stuck in a task's step, 5 tasks\n");
    expect("Task 'Task-1', running\n  File \"");
    expect_frame("in blocks\n");
    expect_frame("in culprit\n");
    check_stuck();
}

static void test_when_a_callback_is_stuck(void **state)
{
    (void)state;
    assert_int_equal(asyncio_run(asyncio_coro(when_stuck, 1)), 0);
    expect(", stuck in a callback, 5 tasks\n");
    expect("Task 'Task-1', ready\n  File \"");
    expect("Callback\n  File \"");
    expect_frame("in blocks\n");
    check_stuck();
}

static int replaced(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    int r = asyncio_loop_dump_tasks_on_signal(loop, SIGUSR1);
    if (r >= 0)
        r = asyncio_loop_dump_tasks_on_signal(loop, SIGUSR1);
    if (r >= 0)
        r = asyncio_loop_dump_tasks_on_signal(loop, SIGUSR2); /* goes with the loop */
    return r < 0 ? r : asyncio_loop_remove_signal_handler(loop, SIGUSR1);
}

static void test_replaced_and_left(void **state)
{
    (void)state;
    assert_int_equal(asyncio_run(asyncio_coro(replaced)), 1);
}

static void test_misuse(void **state)
{
    (void)state;
    asyncio_loop *loop;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(asyncio_loop_dump_tasks(NULL, file), -ASYNCIO_NO_RUNNING_LOOP);
    assert_int_equal(asyncio_new_event_loop(&loop), 0);
    assert_int_equal(asyncio_loop_dump_tasks(loop, file), 0);
    assert_int_equal(asyncio_loop_dump_tasks_on_signal(loop, SIGKILL), -EINVAL);
    take(file);
    expect(", 0 tasks\n");
    asyncio_loop_close(loop);
    asyncio_loop_unref(loop);
}

static FILE *nowhere;

static int with_little_memory(void)
{
    asyncio_task *task = NULL;
    int r = asyncio_create_task(asyncio_coro(sleeps), &task);
    if (r >= 0)
        r = asyncio_sleep(0);
    if (r >= 0)
        r = asyncio_loop_dump_tasks(NULL, nowhere);
    asyncio_task_unref(task);
    return r < 0 ? r : 0;
}

static void test_no_memory(void **state)
{
    (void)state;
    nowhere = fopen("/dev/null", "we");
    assert_non_null(nowhere);
    assert_true(sweep_allocations("dump", with_little_memory) > 5);
    fclose(nowhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_a_call),
        cmocka_unit_test(test_by_a_signal),
        cmocka_unit_test(test_when_a_task_is_stuck),
        cmocka_unit_test(test_when_a_callback_is_stuck),
        cmocka_unit_test(test_replaced_and_left),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
}
