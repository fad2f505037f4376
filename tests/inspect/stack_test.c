/* SPDX-License-Identifier: MIT */
/* asyncio_task_get_stack and asyncio_task_print_stack: whose frames, which of them, and their
 * names. Names and lines need libdw on the machine and a test built with -g; where libdw is not
 * (another processor's libraries), what can be said without it is tested: that there are frames. */
/* TEST: timeout 60 */
#include <asyncio.h>
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "inspect/symbols.h"
#include "task/task.h"

enum { CAPACITY = 64 };

static bool has_names;
static asyncio_frame frames[CAPACITY];
static int count;

/* A call of which the line is noted in `line`. */
static int line_of_wait, line_of_middle, line_of_inlined;
#define NOTED(line, call) (line = __LINE__, call)
/* No tail call, so that the frame is there. */
#define KEEP(r) __asm__ volatile("" : "+r"(r))

__attribute__((noinline)) static void look(asyncio_task *task)
{
    memset(frames, 0, sizeof frames);
    count = asyncio_task_get_stack(task, frames, CAPACITY);
}

/* Frame `i` stands in `function` of this file, at `line` (0: anywhere). */
static void expect(int i, const char *function, int line)
{
    assert_in_range(i, 0, count - 1);
    assert_non_null(frames[i].address);
    if (!has_names)
        return;
    assert_non_null(frames[i].function);
    assert_string_equal(frames[i].function, function);
    assert_non_null(frames[i].object);
    assert_non_null(frames[i].file);
    if (line) {
        assert_non_null(strstr(frames[i].file, "stack_test.c"));
        assert_int_equal(frames[i].line, line);
    }
}

/* The innermost frames are the library's public function, which may have called another. */
static int expect_library(const char *function)
{
    assert_in_range(count, 1, CAPACITY);
    if (has_names)
        assert_string_equal(frames[0].function, function);
    return 1;
}

/* There are no more than `i` frames; without names the runtime's cannot all be told. */
static void expect_end(int i)
{
    if (has_names)
        assert_int_equal(count, i);
    else
        assert_in_range(count, i, CAPACITY);
}

static void run(asyncio_coro coro)
{
    assert_int_equal(asyncio_run(coro), 0);
}

static asyncio_task *start(asyncio_coro coro)
{
    asyncio_task *task;
    assert_int_equal(asyncio_create_task(coro, &task), 0);
    return task;
}

static int end(asyncio_task *task)
{
    asyncio_task_cancel(task);
    int r = asyncio_await(task);
    asyncio_task_unref(task);
    assert_int_equal(r, -ECANCELED);
    return 0;
}

/* --- tasks to look at --- */

__attribute__((noinline)) static int waits(void)
{
    int r = NOTED(line_of_wait, asyncio_sleep(1000));
    KEEP(r);
    return r;
}

__attribute__((noinline)) static int middle(int n)
{
    int r = NOTED(line_of_middle, waits());
    KEEP(r);
    return r + n;
}

static int outer(int n)
{
    int r = middle(n);
    KEEP(r);
    return r - n;
}

__attribute__((always_inline)) static inline int inlined(void)
{
    return NOTED(line_of_inlined, asyncio_sleep(1000));
}

static int calls_inlined(void)
{
    int r = inlined();
    KEEP(r);
    return r;
}

/* --- suspended --- */

static int look_at_suspended(void)
{
    asyncio_task *task = start(asyncio_coro(outer, 7));
    int r = asyncio_sleep(0);
    assert_int_equal(r, 0);
    look(task);
    int i = expect_library("asyncio_sleep");
    expect(i++, "waits", line_of_wait);
    expect(i++, "middle", line_of_middle);
    expect(i++, "outer", 0);
    expect_end(i);
    return end(task);
}

static void test_a_suspended_task(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_suspended));
}

static int look_at_inlined(void)
{
    asyncio_task *task = start(asyncio_coro(calls_inlined));
    int r = asyncio_sleep(0);
    assert_int_equal(r, 0);
    look(task);
    int i = expect_library("asyncio_sleep");
    if (has_names)
        expect(i++, "inlined", line_of_inlined);
    expect(i++, "calls_inlined", 0);
    expect_end(i);
    return end(task);
}

static void test_inlined_functions_are_seen(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_inlined));
}

/* A library function that awaits for the user is named by the outermost public function. */
static int waits_for(void)
{
    int r = asyncio_gather(asyncio_coro(outer, 1), asyncio_coro(outer, 2));
    KEEP(r);
    return r;
}

static int look_at_gather(void)
{
    asyncio_task *task = start(asyncio_coro(waits_for));
    int r = asyncio_sleep(0);
    assert_int_equal(r, 0);
    look(task);
    int i = expect_library("asyncio_gather_all");
    expect(i++, "waits_for", 0);
    expect_end(i);
    return end(task);
}

static void test_the_runtime_is_hidden(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_gather));
}

/* --- others --- */

__attribute__((noinline)) static int looks_at_itself(void)
{
    look(asyncio_current_task());
    return count;
}

static int look_at_current(void)
{
    static int line;
    int r = NOTED(line, looks_at_itself());
    KEEP(r);
    expect(0, "look", 0);
    expect(1, "looks_at_itself", 0);
    expect(2, "look_at_current", line);
    assert_int_equal(count, 3);
    return 0;
}

static void test_the_current_task(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_current));
}

static int returns(int r)
{
    return r;
}

static int look_at_those_without(void)
{
    asyncio_task *task = start(asyncio_coro(returns, 0));
    look(task);
    assert_int_equal(count, 0); /* never started */
    assert_int_equal(asyncio_await(task), 0);
    look(task);
    assert_int_equal(count, 0); /* done */
    asyncio_task_unref(task);
    task = start(asyncio_coro(waits));
    int r = asyncio_sleep(0);
    assert_int_equal(r, 0);
    assert_int_equal(asyncio_task_get_stack(task, frames, 0), 0);
    assert_int_equal(asyncio_task_get_stack(task, frames, 1), 1);
    return end(task);
}

static void test_tasks_without_frames(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_those_without));
}

/* --- an eager task looks at its creator, which waits in create_task --- */

static int looks_at(asyncio_task *creator)
{
    asyncio_task *me = asyncio_current_task();
    look(creator);
    assert_ptr_equal(asyncio_current_task(), me);
    int r = asyncio_sleep(0);
    assert_ptr_equal(asyncio_current_task(), me);
    return r;
}

static int creates_eagerly(void)
{
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(looks_at, asyncio_current_task()), &task,
                                .eager_start = 1);
    assert_int_equal(r, 0);
    int i = expect_library("asyncio_create_task");
    expect(i++, "creates_eagerly", 0);
    expect_end(i);
    r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

static void test_the_creator_of_an_eager_task(void **state)
{
    (void)state;
    run(asyncio_coro(creates_eagerly));
}

/* --- a stack that is nearly full: looking needs no room on it --- */

enum { STACK_SIZE = 64 * 1024, GUARD = 16 * 1024, ROOM = 8 * 1024 };

__attribute__((noinline)) static int recurses(uintptr_t top, int depth)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    int r = top - here < STACK_SIZE - GUARD - ROOM ? recurses(top, depth + 1) : waits();
    KEEP(r);
    return r;
}

static int recurses_first(void)
{
    int r = recurses((uintptr_t)__builtin_frame_address(0), 0);
    KEEP(r);
    return r;
}

static int look_at_full(void)
{
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(recurses_first), &task, .stack_size = STACK_SIZE);
    assert_int_equal(r, 0);
    r = asyncio_sleep(0);
    assert_int_equal(r, 0);
    look(task);
    assert_int_equal(count, CAPACITY);
    int i = expect_library("asyncio_sleep");
    expect(i++, "waits", line_of_wait);
    while (i < count)
        expect(i++, "recurses", 0);
    static asyncio_frame all[4096];
    int total = asyncio_task_get_stack(task, all, sizeof all / sizeof *all);
    assert_in_range(total, CAPACITY + 1, sizeof all / sizeof *all - 1);
    if (has_names)
        assert_string_equal(all[total - 1].function, "recurses_first");
    return end(task);
}

static void test_a_stack_that_is_nearly_full(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_full));
}

/* --- coroutines driven by a table --- */

static int foreign_resume(void *at, int sent, asyncio_future **ret_awaits)
{
    int *steps = at;
    (void)ret_awaits;
    return sent < 0 ? sent : ++*steps < 3 ? ASYNCIO_SUSPENDED : 0;
}

static void foreign_trace(void *at, char *text, size_t size)
{
    snprintf(text, size, "step %d of a script", *(int *)at);
}

static const asyncio_coroutine_type foreign_type = {
    .size = sizeof foreign_type,
    .name = "script",
    .resume = foreign_resume,
    .trace = foreign_trace,
};

static char printed[8192];

static const char *print_stack(asyncio_task *task)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    asyncio_task_print_stack(task, file);
    rewind(file);
    printed[fread(printed, 1, sizeof printed - 1, file)] = 0;
    fclose(file);
    return printed;
}

static int look_at_foreign(void)
{
    int steps = 0;
    asyncio_coro coro = { .type = &foreign_type, .args = { (uintptr_t)&steps } };
    asyncio_task *task;
    assert_int_equal(asyncio_create_task(coro, &task, .name = "script"), 0);
    int r = asyncio_sleep(0);
    assert_int_equal(r, 0);
    look(task);
    assert_int_equal(count, 1);
    assert_string_equal(frames[0].function, "step 1 of a script");
    assert_string_equal(print_stack(task),
                        "Stack for <Task pending name='script'> (most recent call last):\n"
                        "  step 1 of a script\n");
    r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

static void test_a_coroutine_driven_by_a_table(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_foreign));
}

/* --- printing --- */

static int print(void)
{
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(outer, 1), &task, .name = "it's me");
    assert_int_equal(r, 0);
    assert_string_equal(print_stack(task), "No stack for <Task pending name='it's me'>\n");
    r = asyncio_sleep(0);
    assert_int_equal(r, 0);
    print_stack(task);
    const char *title = "Stack for <Task pending name='it's me'> (most recent call last):\n";
    assert_memory_equal(printed, title, strlen(title));
    if (has_names) {
        char wanted[200];
        look(task);
        snprintf(wanted, sizeof wanted,
                 "  File \"%s\", line %d, in middle\n  File \"%s\", line %d, in waits\n",
                 frames[1].file, line_of_middle, frames[1].file, line_of_wait);
        char *at = strstr(printed, wanted);
        assert_non_null(at);
        assert_non_null(strstr(printed, ", in outer\n"));
        assert_true(strstr(printed, ", in outer\n") < at);
        assert_non_null(strstr(at, ", in asyncio_sleep\n"));
    }
    asyncio_task_cancel(task);
    assert_int_equal(asyncio_await(task), -ECANCELED);
    assert_string_equal(print_stack(task), "No stack for <Task cancelled name='it's me'>\n");
    asyncio_task_unref(task);
    return 0;
}

static void test_printing(void **state)
{
    (void)state;
    run(asyncio_coro(print));
}

/* --- where it is called from --- */

static void test_between_two_runs(void **state)
{
    (void)state;
    asyncio_loop *loop;
    asyncio_task *task;
    assert_int_equal(asyncio_new_event_loop(&loop), 0);
    assert_int_equal(asyncio_loop_create_task(loop, asyncio_coro(outer, 1), &task), 0);
    assert_int_equal(asyncio_loop_run_until_complete(loop, asyncio_coro(asyncio_sleep, 0.0)), 0);
    look(task);
    int i = expect_library("asyncio_sleep");
    expect(i++, "waits", line_of_wait);
    expect(i++, "middle", line_of_middle);
    expect(i++, "outer", 0);
    expect_end(i);
    asyncio_task_cancel(task);
    assert_int_equal(asyncio_loop_run_until_complete(loop, task), -ECANCELED);
    asyncio_task_unref(task);
    assert_int_equal(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
}

static void *look_from_thread(void *task)
{
    asyncio_frame frame;
    return (void *)(intptr_t)asyncio_task_get_stack(task, &frame, 1);
}

static int is_looked_at_from_elsewhere(void)
{
    pthread_t thread;
    void *result;
    assert_int_equal(pthread_create(&thread, NULL, look_from_thread, asyncio_current_task()), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal((intptr_t)result, -ASYNCIO_WRONG_THREAD);
    return 0;
}

static void test_from_another_thread(void **state)
{
    (void)state;
    run(asyncio_coro(is_looked_at_from_elsewhere));
}

static void look_from_callback(asyncio_loop *loop, void *task)
{
    (void)loop;
    look(task);
}

static int is_looked_at_from_a_callback(void)
{
    asyncio_task *task = start(asyncio_coro(waits));
    int r = asyncio_sleep(0);
    assert_int_equal(r, 0);
    asyncio_loop *loop = asyncio_get_running_loop();
    count = 0;
    assert_int_equal(asyncio_loop_call_soon(loop, look_from_callback, NULL, .data = task), 0);
    r = asyncio_sleep(0);
    assert_int_equal(r, 0);
    int i = expect_library("asyncio_sleep");
    expect(i++, "waits", line_of_wait);
    expect_end(i);
    return end(task);
}

static void test_from_a_callback(void **state)
{
    (void)state;
    run(asyncio_coro(is_looked_at_from_a_callback));
}

/* --- many, and no memory --- */

static int counts(int *sum)
{
    for (int i = 0; i < 5; i++) {
        int r = asyncio_sleep(0);
        if (r < 0)
            return r;
        ++*sum;
    }
    return 0;
}

/* A look leaves no trace: everybody goes on as if it had not been. */
static int look_at_many(void)
{
    enum { MANY = 200 };
    static asyncio_task *tasks[MANY];
    static int sums[MANY];
    for (int i = 0; i < MANY; i++) {
        sums[i] = 0;
        tasks[i] = start(asyncio_coro(counts, &sums[i]));
    }
    for (int turn = 0; turn < 3; turn++) {
        int r = asyncio_sleep(0);
        assert_int_equal(r, 0);
        for (int i = 0; i < MANY; i++) {
            look(tasks[i]);
            int at = expect_library("asyncio_sleep");
            expect(at++, "counts", 0);
            expect_end(at);
        }
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(asyncio_await(tasks[i]), 0);
        assert_int_equal(sums[i], 5);
        asyncio_task_unref(tasks[i]);
    }
    return 0;
}

static void test_many_tasks(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_many));
}

static int look_without_memory(void)
{
    asyncio_task *task = start(asyncio_coro(outer, 1));
    int r = asyncio_sleep(0);
    assert_int_equal(r, 0);
    asyncio__symbols_forget();
    uint64_t live = asyncio__alloc_live();
    asyncio__alloc_fail_at(UINT64_C(1) << 40, 0);
    look(task);
    uint64_t points = asyncio__alloc_count();
    asyncio__symbols_forget();
    for (uint64_t nth = 1; nth <= points; nth++) {
        asyncio__alloc_fail_at(nth, 0);
        look(task);
        asyncio__alloc_fail_at(0, 0);
        assert_true(count == -ENOMEM || count > 0);
        for (int i = 0; i < count; i++)
            assert_non_null(frames[i].address);
        asyncio__symbols_forget();
        assert_int_equal(asyncio__alloc_live(), live);
    }
    assert_in_range(points, 3, 1000);
    printf("sweep: %d points\n", (int)points);
    return end(task);
}

static void test_every_allocation_fails_in_turn(void **state)
{
    (void)state;
    run(asyncio_coro(look_without_memory));
}

int main(void)
{
    asyncio__alloc_track();
    has_names = dlopen("libdw.so.1", RTLD_LAZY) != NULL;
    if (!has_names)
        fprintf(stderr, "no libdw.so.1: names are not looked at\n");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_suspended_task),
        cmocka_unit_test(test_inlined_functions_are_seen),
        cmocka_unit_test(test_the_runtime_is_hidden),
        cmocka_unit_test(test_the_current_task),
        cmocka_unit_test(test_tasks_without_frames),
        cmocka_unit_test(test_the_creator_of_an_eager_task),
        cmocka_unit_test(test_a_stack_that_is_nearly_full),
        cmocka_unit_test(test_a_coroutine_driven_by_a_table),
        cmocka_unit_test(test_printing),
        cmocka_unit_test(test_between_two_runs),
        cmocka_unit_test(test_from_another_thread),
        cmocka_unit_test(test_from_a_callback),
        cmocka_unit_test(test_many_tasks),
        cmocka_unit_test(test_every_allocation_fails_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
