/* SPDX-License-Identifier: MIT */
/* TEST: not valgrind */
/* The fault handler. Each case runs in a child that must die, or live, in a certain way; the
 * parent reads what it said. Not under valgrind, which reports the faults, and cannot deliver a
 * signal on a stack that is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coro/coro.h"
#include "coro/guard.h"
#include "coro/stack.h"

static struct coro home, flow;
static struct stack_pool *pool;
static struct stack below, stack; /* `below` is the neighbour an overflow must not reach */
static void *named;

/* The task floor's part: name the task, and here look whether the neighbour is unharmed. */
static void name_task(void *slot_address, char *text, size_t size)
{
    int harmed = 0;
    named = slot_address;
    for (unsigned char *p = below.bottom; p < (unsigned char *)below.top; p++)
        harmed += *p != 0x5a;
    snprintf(text, size, "crawler-7 %s %s", harmed ? "harmed" : "unharmed",
             slot_address == stack.bottom ? "here" : "elsewhere");
}

__attribute__((noinline)) static int recurses(int depth)
{
    volatile char frame[200];
    frame[0] = (char)depth;
    frame[199] = 1;
    return (depth < 0 ? 0 : recurses(depth + 1)) + frame[0] + frame[199];
}

static void deep(void *argument)
{
    (void)argument;
    flow.exceptions = (void *)(uintptr_t)recurses(1);
    asyncio__coro_exit(&flow, &home);
}

__attribute__((noinline)) static int wide_frame(int seed)
{
    char frame[100000];
    frame[0] = (char)seed;
    __asm__ volatile("" : : "r"(frame) : "memory"); /* all of it is needed */
    return frame[0] + frame[99999];
}

static void wide(void *argument)
{
    (void)argument;
    _exit(wide_frame(3)); /* never: the frame does not fit */
}

static volatile uintptr_t near_null = 16;

static void null_pointer(void *argument)
{
    (void)argument;
    *(volatile char *)near_null = 1;
    _exit(0);
}

static void fits(void *argument)
{
    (void)argument;
    volatile char frame[40000];
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = 1;
    asyncio__coro_exit(&flow, &home);
}

/* A neighbour's pointer gone wild: it is in a guard, but nobody's stack is full. */
static void strays_into_a_guard(void *argument)
{
    (void)argument;
    *((volatile char *)below.bottom - 100) = 1;
    _exit(0);
}

static void sends_itself_segv(void *argument)
{
    (void)argument;
    kill(getpid(), SIGSEGV);
    _exit(0);
}

/* Blocks no signal and leaves no room: the kernel cannot put the frame of SIGUSR1's handler
 * anywhere. */
static void on_usr1(int number)
{
    (void)number;
}

__attribute__((noinline)) static int near_the_end(int depth)
{
    volatile char frame[64];
    frame[0] = (char)depth;
    if ((char *)__builtin_frame_address(0) - (char *)stack.bottom < 900)
        syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1); /* raise() would use more stack itself */
    return (depth < 0 ? 0 : near_the_end(depth + 1)) + frame[0];
}

static void signal_without_room(void *argument)
{
    (void)argument;
    _exit(near_the_end(1) > 0);
}

static void run(void (*entry)(void *))
{
    pool = asyncio__stack_pool_new(0);
    asyncio__coro_init_thread(&home);
    if (asyncio__stack_overflow_handler_install() < 0 || asyncio__stack_get(pool, &below) < 0 ||
        asyncio__stack_get(pool, &stack) < 0)
        _exit(3);
    memset(below.bottom, 0x5a, (size_t)((char *)below.top - (char *)below.bottom));
    asyncio__coro_init(&flow, stack.bottom, stack.top, entry, NULL);
    asyncio__coro_switch(&home, &flow);
    asyncio__coro_fini(&flow);
    asyncio__stack_pool_free(pool);
    asyncio__stack_overflow_handler_thread_exit();
}

static char said[16384];

/* Runs body(argument) in a child; returns its wait status, with its stderr in `said`. */
static int in_child(void (*body)(void (*entry)(void *)), void (*entry)(void *))
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = { 0, 0 };
        struct sigaction standard = { .sa_handler = SIG_DFL };
        setrlimit(RLIMIT_CORE, &none);
        sigaction(SIGSEGV, &standard, NULL); /* the test framework's */
        sigaction(SIGBUS, &standard, NULL);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        body(entry);
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t n; (n = read(ends[0], said + length, sizeof said - 1 - length)) > 0;)
        length += (size_t)n;
    said[length] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void with_name(void (*entry)(void *))
{
    asyncio__stack_set_namer(name_task);
    run(entry);
}

static void assert_reported(int status, int number, const char *name)
{
    char expected[400];
    snprintf(expected, sizeof expected,
             "asyncio: stack overflow in %s: its 48 KiB of stack are used up; give it more with "
             ".stack_size, or all tasks with the environment variable ASYNCIO_STACK_SIZE\n",
             name);
    if (!strstr(said, expected) || !WIFSIGNALED(status))
        fprintf(stderr, "status %d, said: %s\n", status, said);
    assert_non_null(strstr(said, expected));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), number);
}

static void assert_foreign(int status, int number)
{
    assert_null(strstr(said, "stack overflow"));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), number);
}

/* --- overflows --- */

static void test_deep_recursion(void **state)
{
    (void)state;
    assert_reported(in_child(with_name, deep), SIGSEGV, "task 'crawler-7 unharmed here'");
}

static void test_one_frame_of_100000_bytes(void **state)
{
    (void)state;
    assert_reported(in_child(with_name, wide), SIGSEGV, "task 'crawler-7 unharmed here'");
}

static void test_without_namer(void **state)
{
    (void)state;
    assert_reported(in_child(run, deep), SIGSEGV, "a task");
}

static void without_marks(void (*entry)(void *))
{
    asyncio__guard_force_mprotect(1, 0);
    with_name(entry);
}

static void test_guard_by_mprotect(void **state)
{
    (void)state;
    assert_reported(in_child(without_marks, deep), SIGSEGV, "task 'crawler-7 unharmed here'");
}

static void *thread_runs(void *entry)
{
    with_name((void (*)(void *))(uintptr_t)entry);
    return NULL;
}

/* The main thread has a loop, too; the overflow is another thread's. */
static void in_a_thread(void (*entry)(void *))
{
    with_name(fits);
    struct stack_pool *mine = asyncio__stack_pool_new(0);
    struct stack unused;
    pthread_t thread;
    if (asyncio__stack_get(mine, &unused) < 0 || asyncio__stack_overflow_handler_install() < 0 ||
        pthread_create(&thread, NULL, thread_runs, (void *)(uintptr_t)entry) != 0)
        _exit(3);
    pthread_join(thread, NULL);
}

static void test_in_a_second_thread(void **state)
{
    (void)state;
    assert_reported(in_child(in_a_thread, deep), SIGSEGV, "task 'crawler-7 unharmed here'");
}

static void with_usr1(void (*entry)(void *))
{
    struct sigaction action = { .sa_handler = on_usr1 };
    sigaction(SIGUSR1, &action, NULL);
    with_name(entry);
}

static void test_no_room_for_a_signal(void **state)
{
    (void)state;
    if (getenv("ASYNCIO_TEST_EMULATED"))
        skip();
    assert_reported(in_child(with_usr1, signal_without_room), SIGSEGV,
                    "task 'crawler-7 unharmed here'");
}

/* --- foreign faults --- */

static void test_null_pointer_is_not_ours(void **state)
{
    (void)state;
    assert_foreign(in_child(with_name, null_pointer), SIGSEGV);
}

static void test_wild_pointer_into_a_guard_is_not_an_overflow(void **state)
{
    (void)state;
    assert_foreign(in_child(with_name, strays_into_a_guard), SIGSEGV);
}

static void test_signal_from_kill(void **state)
{
    (void)state;
    assert_foreign(in_child(with_name, sends_itself_segv), SIGSEGV);
}

static void exits_42(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    _exit(info->si_addr == (void *)(uintptr_t)16 ? 42 : 43);
}

static void with_previous_handler(void (*entry)(void *))
{
    struct sigaction action = { .sa_sigaction = exits_42, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &action, NULL);
    with_name(entry);
}

static void test_previous_handler_gets_foreign_faults(void **state)
{
    (void)state;
    int status = in_child(with_previous_handler, null_pointer);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
    assert_reported(in_child(with_previous_handler, deep), SIGSEGV,
                    "task 'crawler-7 unharmed here'");
}

static sigjmp_buf recovered;

static void jumps_back(int number)
{
    siglongjmp(recovered, number);
}

/* Programs that probe memory and jump out of their handler must go on to do so. */
static void probes_memory(void (*entry)(void *))
{
    struct sigaction action = { .sa_handler = jumps_back };
    sigaction(SIGSEGV, &action, NULL);
    with_name(entry);
    for (int i = 0; i < 3; i++)
        if (sigsetjmp(recovered, 1) == 0)
            null_pointer(NULL);
    with_name(entry);
    _exit(7);
}

static void test_previous_handler_may_jump(void **state)
{
    (void)state;
    int status = in_child(probes_memory, fits);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void ignores(void (*entry)(void *))
{
    struct sigaction action = { .sa_handler = SIG_IGN };
    sigaction(SIGSEGV, &action, NULL);
    with_name(entry);
}

static void test_ignored_signal(void **state)
{
    (void)state;
    int status = in_child(ignores, sends_itself_segv); /* sent: stays ignored */
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_foreign(in_child(ignores, null_pointer), SIGSEGV); /* a fault: never */
}

/* --- the alternate stack --- */

static void keeps_its_own(void (*entry)(void *))
{
    static char mine[65536];
    stack_t own = { .ss_sp = mine, .ss_size = sizeof mine }, now;
    sigaltstack(&own, NULL);
    with_name(entry);
    sigaltstack(NULL, &now);
    _exit(now.ss_sp == mine && now.ss_size == sizeof mine ? 9 : 1);
}

static void test_alternate_stack_of_the_program_is_kept(void **state)
{
    (void)state;
    int status = in_child(keeps_its_own, fits);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 9);
}

static void comes_and_goes(void (*entry)(void *))
{
    stack_t before, during, after, off = { .ss_flags = SS_DISABLE };
    sigaltstack(&off, NULL); /* a sanitizer's */
    sigaltstack(NULL, &before);
    asyncio__stack_overflow_handler_install();
    asyncio__stack_overflow_handler_install();
    sigaltstack(NULL, &during);
    asyncio__stack_overflow_handler_thread_exit();
    asyncio__stack_overflow_handler_thread_exit();
    sigaltstack(NULL, &after);
    with_name(entry);
    _exit(before.ss_flags == SS_DISABLE && during.ss_flags == 0 && after.ss_flags == SS_DISABLE
              ? 9
              : 1);
}

static void test_alternate_stack_comes_and_goes(void **state)
{
    (void)state;
    int status = in_child(comes_and_goes, fits);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deep_recursion),
        cmocka_unit_test(test_one_frame_of_100000_bytes),
        cmocka_unit_test(test_without_namer),
        cmocka_unit_test(test_guard_by_mprotect),
        cmocka_unit_test(test_in_a_second_thread),
        cmocka_unit_test(test_no_room_for_a_signal),
        cmocka_unit_test(test_null_pointer_is_not_ours),
        cmocka_unit_test(test_wild_pointer_into_a_guard_is_not_an_overflow),
        cmocka_unit_test(test_signal_from_kill),
        cmocka_unit_test(test_previous_handler_gets_foreign_faults),
        cmocka_unit_test(test_previous_handler_may_jump),
        cmocka_unit_test(test_ignored_signal),
        cmocka_unit_test(test_alternate_stack_of_the_program_is_kept),
        cmocka_unit_test(test_alternate_stack_comes_and_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
