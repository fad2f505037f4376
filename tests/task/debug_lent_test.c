/* SPDX-License-Identifier: MIT */
/* Debug mode: arguments that point into frames that are gone; and all those that point into frames
 * that are not. */
/* TEST: timeout 120 */
#include "inspect/creation.h"

#include <asyncio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/sweep.h"

/* Linked statically, who wants places has to say so. */
static const struct loop_inspector *const wanted = &asyncio__inspector;

#define KEEP(r) __asm__ volatile("" : "+r"(r)) /* no tail call */
#define APART __attribute__((noinline))

static char said[1 << 14];
static unsigned told;

static void handler(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)data;
    if (!strstr(context->message, "argument"))
        return; /* destroyed while pending, and the like */
    told++;
    size_t length = strlen(said);
    snprintf(said + length, sizeof said - length, "%s: %s\n",
             context->task ? asyncio_task_get_name(context->task) : "?", context->message);
    for (size_t i = 0; i < context->source_traceback_count; i++) {
        length = strlen(said);
        snprintf(said + length, sizeof said - length, " from %s\n",
                 context->source_traceback[i].function ? context->source_traceback[i].function
                                                       : "?");
    }
}

static int make_loop(asyncio_loop **ret_loop, void *data)
{
    (void)data;
    int r = asyncio_loop_new(ret_loop);
    if (r >= 0)
        asyncio_loop_set_exception_handler(*ret_loop, handler, NULL);
    return r;
}

/* ASan may keep variables apart from the stack, and then finds such uses itself. */
static APART int is_on_stack(const void *variable)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), there = (uintptr_t)variable;
    return there > here && there - here < 60000;
}

static int can_tell;

static int finds_out(void)
{
    volatile int variable = 1;
    can_tell = is_on_stack((const void *)&variable);
    return 0;
}

static int in_debug(asyncio_coro coro)
{
    int r = asyncio_run(asyncio_coro(finds_out));
    assert_return_code(r, 0);
    said[0] = 0;
    told = 0;
    return asyncio_run(coro, .debug = 1, .loop_factory = make_loop);
}

/* --- the task --- */

static int uses(const int *number)
{
    (void)number; /* what it would find there is anything */
    int r = asyncio_sleep(0.05);
    KEEP(r);
    return r;
}

static int uses_second(int first, const int *number)
{
    (void)first;
    return uses(number);
}

static APART int makes(asyncio_task **ret_task)
{
    volatile int number = 7;
    int r = asyncio_create_task(asyncio_coro(uses, (const int *)&number), ret_task, .name = "user");
    KEEP(r);
    number = 8;
    return r;
}

/* --- gone --- */

static int lets_go(void)
{
    asyncio_task *task;
    int r = makes(&task);
    if (r < 0)
        return r;
    r = asyncio_sleep(0);
    if (r >= 0)
        r = asyncio_sleep(0); /* told once */
    int ended = asyncio_await(task);
    asyncio_task_unref(task);
    return r < 0 ? r : ended;
}

static void a_frame_that_returned(void **state)
{
    (void)state;
    assert_return_code(in_debug(asyncio_coro(lets_go)), 0);
    if (!can_tell)
        skip();
    assert_int_equal(told, 1);
    assert_non_null(strstr(said, "user: An argument points into a frame that is gone while the "
                                 "task lives: argument 1, into a variable of makes() at "));
    assert_non_null(strstr(said, "debug_lent_test.c:"));
    assert_non_null(strstr(said, " from makes\n from lets_go\n"));
}

static APART int covers(int depth, asyncio_task **ret_task)
{
    volatile char room[200];
    room[0] = (char)depth;
    int r = depth > 0 ? covers(depth - 1, ret_task) : ret_task ? makes(ret_task) : asyncio_sleep(0);
    KEEP(r);
    return room[0] == (char)depth ? r : -EIO;
}

/* When it suspends next, its stack is deeper than the frame that is gone. */
static int stands_deeper(void)
{
    asyncio_task *task;
    int r = covers(2, &task);
    assert_return_code(r, 0);
    r = covers(9, NULL);
    assert_int_equal(told, can_tell);
    int ended = asyncio_await(task);
    asyncio_task_unref(task);
    return r < 0 ? r : ended;
}

static void a_frame_that_others_cover(void **state)
{
    (void)state;
    assert_return_code(in_debug(asyncio_coro(stands_deeper)), 0);
    assert_int_equal(told, can_tell);
}

static int ends_before(asyncio_task **ret_task)
{
    volatile int number = 7;
    int r = asyncio_create_task(asyncio_coro(uses_second, 3, (const int *)&number), ret_task,
                                .name = "orphan");
    if (r >= 0)
        r = asyncio_sleep(0);
    return r < 0 ? r : number;
}

static int outlived(void)
{
    asyncio_task *creator, *orphan = NULL;
    int r = asyncio_create_task(asyncio_coro(ends_before, &orphan), &creator);
    if (r < 0)
        return r;
    r = asyncio_await(creator);
    assert_int_equal(r, 7);
    assert_int_equal(told, can_tell);
    int ended = asyncio_await(orphan);
    asyncio_task_unref(creator);
    asyncio_task_unref(orphan);
    return ended;
}

static void a_creator_that_ended(void **state)
{
    (void)state;
    assert_return_code(in_debug(asyncio_coro(outlived)), 0);
    assert_int_equal(told, can_tell);
    if (can_tell)
        assert_non_null(strstr(said, "orphan: An argument points into a frame that is gone while "
                                     "the task lives: argument 2, "));
}

static int main_returns(void)
{
    volatile int number = 7;
    int r = asyncio_create_task(asyncio_coro(uses, (const int *)&number), NULL, .name = "left");
    if (r >= 0)
        r = asyncio_sleep(0);
    return r < 0 ? r : number;
}

/* It still runs, to its end, when the runner cancels it. */
static void what_the_main_task_leaves_behind(void **state)
{
    (void)state;
    assert_int_equal(in_debug(asyncio_coro(main_returns)), 7);
    assert_int_equal(told, can_tell);
}

static int failing_gather_leaves_siblings(void)
{
    volatile int number = 7;
    asyncio_task *failing;
    int r = asyncio_create_task(asyncio_coro(asyncio_sleep, -1.0), &failing);
    if (r < 0)
        return r;
    asyncio_task_cancel(failing);
    r = asyncio_gather(failing, asyncio_coro(uses, (const int *)&number));
    asyncio_task_unref(failing);
    return r == -ECANCELED ? number : -EIO;
}

static void siblings_of_what_failed(void **state)
{
    (void)state;
    assert_int_equal(in_debug(asyncio_coro(failing_gather_leaves_siblings)), 7);
    assert_int_equal(told, can_tell);
}

static void makes_in_callback(asyncio_loop *loop)
{
    volatile int number = 7;
    int r = asyncio_loop_create_task(loop, asyncio_coro(uses, (const int *)&number), NULL,
                                     .name = "of a callback");
    assert_return_code(r, 0);
    number = 8;
}

static int has_a_callback(void)
{
    int r = asyncio_loop_call_soon(asyncio_get_running_loop(), makes_in_callback, NULL);
    return r < 0 ? r : asyncio_sleep(0.1);
}

static void a_callback_that_returned(void **state)
{
    (void)state;
    assert_return_code(in_debug(asyncio_coro(has_a_callback)), 0);
    assert_int_equal(told, can_tell);
    if (can_tell)
        assert_non_null(strstr(said, "of a callback: "));
}

static APART void makes_before_the_run(asyncio_loop *loop, asyncio_task **ret_task)
{
    volatile int number = 7;
    assert_return_code(
        asyncio_loop_create_task(loop, asyncio_coro(uses, (const int *)&number), ret_task), 0);
    number = 8;
}

static void mains_function_that_returned(void **state)
{
    (void)state;
    asyncio_loop *loop;
    asyncio_task *task;
    said[0] = 0;
    told = 0;
    assert_return_code(asyncio_run(asyncio_coro(finds_out)), 0);
    assert_return_code(make_loop(&loop, NULL), 0);
    asyncio_loop_set_debug(loop, 1);
    makes_before_the_run(loop, &task);
    assert_int_equal(told, 0);
    assert_return_code(asyncio_loop_run_until_complete(loop, task), 0);
    assert_int_equal(told, can_tell);
    asyncio_task_unref(task);
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
}

/* --- not gone: no false alarms --- */

struct application {
    int number;
    char rest[500];
};

static int works_for(struct application *application)
{
    int r = asyncio_sleep(0.01);
    return r < 0 ? r : application->number;
}

static APART int three_of(struct application *application)
{
    int r = asyncio_gather(asyncio_coro(works_for, application),
                           asyncio_coro(works_for, application),
                           asyncio_coro(uses, &application->number));
    KEEP(r);
    return r;
}

static int program(struct application *application)
{
    struct application own = { .number = 2 };
    int r = three_of(application);
    if (r >= 0)
        r = three_of(&own);
    if (r >= 0)
        r = covers(9, NULL);
    return r;
}

static void variables_of_main_and_of_a_task(void **state)
{
    (void)state;
    struct application application = { .number = 1 };
    assert_return_code(in_debug(asyncio_coro(program, &application)), 0);
    if (told)
        fail_msg("%s", said);
}

static APART int in_a_scope(void)
{
    struct application shared = { .number = 3 };
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = 0;
    for (int i = 0; i < 20 && r >= 0; i++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(works_for, &shared), NULL);
    if (r >= 0)
        r = covers(5, NULL);
    return asyncio_task_group_exit(&group, r);
}

static int scopes(void)
{
    int r = in_a_scope();
    return r < 0 ? r : in_a_scope();
}

static void a_scope_that_outlives(void **state)
{
    (void)state;
    assert_return_code(in_debug(asyncio_coro(scopes)), 0);
    if (told)
        fail_msg("%s", said);
}

static int has_a_copy(struct application *mine)
{
    int r = asyncio_wait_for(asyncio_coro(works_for, mine), 10);
    asyncio_task *task;
    if (r == mine->number)
        r = asyncio_create_task(asyncio_coro(works_for, mine), &task);
    if (r < 0)
        return r;
    r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

static APART int copies(asyncio_task **ret_task)
{
    struct application gone = { .number = 5 };
    int r = asyncio_create_task(asyncio_coro_copy(has_a_copy, &gone), ret_task);
    KEEP(r);
    return r;
}

static int with_a_copy(void)
{
    asyncio_task *task;
    int r = copies(&task);
    if (r < 0)
        return r;
    r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

static void a_copy_of_the_tasks_own(void **state)
{
    (void)state;
    assert_int_equal(in_debug(asyncio_coro(with_a_copy)), 5);
    if (told)
        fail_msg("%s", said);
}

static int cancels_in_time(void)
{
    volatile int number = 7;
    asyncio_task *task, *never;
    int r = asyncio_create_task(asyncio_coro(uses, (const int *)&number), &task);
    if (r >= 0)
        r = asyncio_sleep(0);
    if (r < 0)
        return r;
    asyncio_task_cancel(task);
    r = asyncio_await(task);
    assert_int_equal(r, -ECANCELED);
    asyncio_task_unref(task);
    /* its body will not run */
    r = asyncio_create_task(asyncio_coro(uses, (const int *)&number), &never);
    if (r < 0)
        return r;
    asyncio_task_cancel(never);
    asyncio_task_unref(never);
    return number;
}

static void tasks_that_were_ended_in_time(void **state)
{
    (void)state;
    assert_int_equal(in_debug(asyncio_coro(cancels_in_time)), 7);
    if (told)
        fail_msg("%s", said);
}

static int number_only(int number)
{
    int r = asyncio_sleep(0.01);
    return r < 0 ? r : number;
}

static int with_memory(int *number)
{
    int r = number_only(*number);
    free(number);
    return r;
}

static APART int gives_memory(asyncio_task **ret_task)
{
    int *number = malloc(sizeof *number);
    assert_non_null(number);
    *number = 9;
    int r = asyncio_create_task(asyncio_coro(with_memory, number), ret_task);
    KEEP(r);
    return r;
}

static int what_is_no_frame(void)
{
    asyncio_task *task;
    int r = gives_memory(&task);
    assert_return_code(r, 0);
    r = asyncio_gather(asyncio_coro(number_only, 1), asyncio_coro(number_only, 2));
    int ended = asyncio_await(task);
    asyncio_task_unref(task);
    return r < 0 ? r : ended;
}

static void memory_and_numbers(void **state)
{
    (void)state;
    assert_int_equal(in_debug(asyncio_coro(what_is_no_frame)), 9);
    if (told)
        fail_msg("%s", said);
}

/* --- what is left when a loop closes; no memory --- */

static void a_loop_that_closes_over_it(void **state)
{
    (void)state;
    asyncio_loop *loop;
    asyncio_task *creator = NULL, *orphan = NULL;
    said[0] = 0;
    told = 0;
    assert_return_code(make_loop(&loop, NULL), 0);
    asyncio_loop_set_debug(loop, 1);
    assert_return_code(
        asyncio_loop_create_task(loop, asyncio_coro(ends_before, &orphan), &creator), 0);
    (void)asyncio_loop_step(loop);
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_task_unref(orphan);
    asyncio_task_unref(creator);
    asyncio_loop_unref(loop);
    assert_int_equal(told, 0); /* none of them will run */
}

static int with_little_memory(void)
{
    asyncio_loop_set_debug(asyncio_get_running_loop(), 1);
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), handler, NULL);
    int r = lets_go();
    asyncio_loop_set_debug(asyncio_get_running_loop(), 0);
    return r;
}

static void no_memory(void **state)
{
    (void)state;
    assert_true(sweep_allocations("lent", with_little_memory) > 2);
}

int main(void)
{
    assert_non_null(wanted);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_that_returned),
        cmocka_unit_test(a_frame_that_others_cover),
        cmocka_unit_test(a_creator_that_ended),
        cmocka_unit_test(what_the_main_task_leaves_behind),
        cmocka_unit_test(siblings_of_what_failed),
        cmocka_unit_test(a_callback_that_returned),
        cmocka_unit_test(mains_function_that_returned),
        cmocka_unit_test(variables_of_main_and_of_a_task),
        cmocka_unit_test(a_scope_that_outlives),
        cmocka_unit_test(a_copy_of_the_tasks_own),
        cmocka_unit_test(tasks_that_were_ended_in_time),
        cmocka_unit_test(memory_and_numbers),
        cmocka_unit_test(a_loop_that_closes_over_it),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests_name("lent", tests, NULL, NULL);
}
