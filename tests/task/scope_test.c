/* SPDX-License-Identifier: MIT */
/* Scopes used wrongly: entered twice, left twice or by another task, left open in memory that is
 * no stack. And a group's errors: the whole tree, walked and printed. */
/* TEST: timeout 120 */
#include "support/failing.h"

#include <asyncio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The error, and that its own sentence has `part`. */
#define assert_raised(call, code, part)                                                            \
    do {                                                                                           \
        int got_ = (call);                                                                         \
        assert_string_equal(asyncio_error_name(got_), asyncio_error_name(code));                   \
        const asyncio_error *error_ = asyncio_last_error(got_);                                    \
        assert_non_null(error_);                                                                   \
        if (!strstr(error_->text, part))                                                           \
            fail_msg("\"%s\" has no \"%s\"", error_->text, part);                                  \
    } while (0)

static int reports;
static char reported[512];

static void note(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop, (void)data;
    reports++;
    snprintf(reported, sizeof reported, "%s", context->message);
}

static void run(int (*program)(void))
{
    reports = 0;
    reported[0] = 0;
    assert_return_code(asyncio_run(asyncio_coro(program)), 0);
}

static void look_at_reports(void)
{
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), note, NULL);
}

static int cancelling(void)
{
    return asyncio_task_cancelling(asyncio_current_task());
}

/* --- entered twice --- */

static int timeout_twice(void)
{
    asyncio_timeout limit;
    assert_return_code(asyncio_timeout_enter(&limit, 100), 0);
    assert_raised(asyncio_timeout_enter(&limit, 0), -ASYNCIO_INVALID_STATE, "scope_test.c:");
    assert_return_code(asyncio_sleep(0.001), 0); /* the first one counts */
    assert_return_code(asyncio_timeout_reschedule(&limit, 1e9), 0);
    assert_int_equal(asyncio_timeout_exit(&limit, 0), -ASYNCIO_INVALID_STATE);
    assert_int_equal(asyncio_timeout_exit(&limit, 0), -ASYNCIO_INVALID_STATE);
    /* an error of the body is what counts */
    assert_return_code(asyncio_timeout_enter(&limit, 100), 0);
    assert_int_equal(asyncio_timeout_at_enter(&limit, 1e9), -ASYNCIO_INVALID_STATE);
    assert_int_equal(asyncio_timeout_exit(&limit, -EIO), -EIO);
    /* and then it may be used again */
    assert_return_code(asyncio_timeout_enter(&limit, 100), 0);
    assert_int_equal(asyncio_timeout_exit(&limit, 5), 5);
    return asyncio_sleep(0);
}

static int group_twice(void)
{
    asyncio_task_group group;
    assert_return_code(asyncio_task_group_enter(&group), 0);
    assert_return_code(
        asyncio_task_group_create_task(&group, asyncio_coro(asyncio_sleep, 0.001), NULL), 0);
    assert_raised(asyncio_task_group_enter(&group), -ASYNCIO_INVALID_STATE,
                  "task group has been entered already");
    assert_return_code(
        asyncio_task_group_create_task(&group, asyncio_coro(asyncio_sleep, 0.001), NULL), 0);
    assert_int_equal(asyncio_all_tasks(NULL, NULL, 0), 3);
    assert_int_equal(asyncio_task_group_exit(&group, 0), -ASYNCIO_INVALID_STATE);
    assert_int_equal(asyncio_all_tasks(NULL, NULL, 0), 1);
    assert_int_equal(asyncio_task_group_exit(&group, 0), -ASYNCIO_INVALID_STATE);
    assert_return_code(asyncio_task_group_enter(&group), 0);
    return asyncio_task_group_exit(&group, 0);
}

static void count(void *number)
{
    ++*(int *)number;
}

static int stack_twice(void)
{
    asyncio_exit_stack stack;
    int deferred = 0;
    assert_return_code(asyncio_exit_stack_enter(&stack), 0);
    assert_return_code(asyncio_defer(count, &deferred), 0);
    assert_raised(asyncio_exit_stack_enter(&stack), -ASYNCIO_INVALID_STATE, "exit stack");
    assert_int_equal(deferred, 0);
    assert_int_equal(asyncio_exit_stack_exit(&stack, 0), -ASYNCIO_INVALID_STATE);
    assert_int_equal(deferred, 1);
    assert_return_code(asyncio_exit_stack_enter(&stack), 0);
    return asyncio_exit_stack_exit(&stack, 0);
}

static int as_completed_twice(void)
{
    asyncio_as_completed done;
    int closed = 0;
    const asyncio_awaitable one[] = { ASYNCIO_AWAITABLE(asyncio_coro(asyncio_sleep, 0.001)) };
    const asyncio_awaitable another[] = { ASYNCIO_AWAITABLE(
        asyncio_coro_on_close(asyncio_coro(asyncio_sleep, 0.001), count, &closed)) };
    assert_return_code(asyncio_as_completed_enter(&done, one, 1), 0);
    assert_raised(asyncio_as_completed_enter(&done, another, 1), -ASYNCIO_INVALID_STATE,
                  "as_completed has been entered already");
    assert_int_equal(closed, 1);
    assert_int_equal(asyncio_as_completed_next(&done, NULL, NULL), 1);
    assert_int_equal(asyncio_as_completed_exit(&done, 0), -ASYNCIO_INVALID_STATE);
    assert_int_equal(asyncio_as_completed_exit(&done, 0), -ASYNCIO_INVALID_STATE);
    return 0;
}

static void entered_twice(void **state)
{
    (void)state;
    run(timeout_twice);
    run(group_twice);
    run(stack_twice);
    run(as_completed_twice);
}

/* --- used before and after, and by others --- */

static int nothing(void)
{
    return 0;
}

static int before_and_after(void)
{
    asyncio_task_group group = { 0 };
    asyncio_timeout limit = { 0 };
    asyncio_exit_stack stack = { 0 };
    asyncio_coro coro = asyncio_coro(nothing);
    assert_raised(asyncio_task_group_create_task(&group, coro, NULL), -ASYNCIO_GROUP_CLOSED,
                  "has not been entered");
    assert_raised(asyncio_task_group_cancel(&group), -ASYNCIO_INVALID_STATE,
                  "has not been entered");
    assert_raised(asyncio_task_group_exit(&group, 0), -ASYNCIO_INVALID_STATE, "not entered");
    assert_raised(asyncio_timeout_reschedule(&limit, 1), -ASYNCIO_INVALID_STATE,
                  "has not been entered");
    assert_raised(asyncio_timeout_exit(&limit, 0), -ASYNCIO_INVALID_STATE, "not entered");
    assert_int_equal(asyncio_exit_stack_exit(&stack, 0), -ASYNCIO_INVALID_STATE);
    asyncio_task_group_enter(&group);
    assert_return_code(asyncio_task_group_exit(&group, 0), 0);
    assert_raised(asyncio_task_group_create_task(&group, coro, NULL), -ASYNCIO_GROUP_CLOSED,
                  "is finished");
    assert_raised(asyncio_task_group_exit(&group, 0), -ASYNCIO_INVALID_STATE, "has left it");
    assert_return_code(asyncio_task_group_cancel(&group), 0);
    return 0;
}

struct all {
    asyncio_timeout limit;
    asyncio_task_group group;
    asyncio_exit_stack stack;
};

static int another_task_leaves(struct all *all)
{
    assert_raised(asyncio_exit_stack_exit(&all->stack, 0), -ASYNCIO_INVALID_STATE,
                  "this task has not entered");
    assert_raised(asyncio_task_group_exit(&all->group, 0), -ASYNCIO_INVALID_STATE,
                  "this task has not entered");
    assert_raised(asyncio_timeout_exit(&all->limit, 0), -ASYNCIO_INVALID_STATE,
                  "this task has not entered");
    return 0;
}

static void callback_leaves(asyncio_loop *loop, void *data)
{
    (void)loop;
    (void)another_task_leaves(data);
}

static int left_by_another(void)
{
    struct all all;
    asyncio_timeout_enter(&all.limit, 100);
    asyncio_task_group_enter(&all.group);
    asyncio_exit_stack_enter(&all.stack);
    asyncio_task *task;
    assert_return_code(asyncio_create_task(asyncio_coro(another_task_leaves, &all), &task), 0);
    assert_return_code(asyncio_await(task), 0);
    asyncio_task_unref(task);
    assert_return_code(asyncio_loop_call_soon(asyncio_get_running_loop(), callback_leaves, NULL,
                                              .data = &all),
                       0);
    assert_return_code(asyncio_sleep(0.001), 0);
    assert_return_code(asyncio_exit_stack_exit(&all.stack, 0), 0);
    assert_return_code(asyncio_task_group_exit(&all.group, 0), 0);
    return asyncio_timeout_exit(&all.limit, 0);
}

static void used_before_after_and_by_others(void **state)
{
    (void)state;
    run(before_and_after);
    run(left_by_another);
}

/* --- left open in memory that is no stack --- */

static struct all kept;

static __attribute__((noinline)) int leaves(struct all *all)
{
    asyncio_timeout_enter(&all->limit, 0.01);
    asyncio_task_group_enter(&all->group);
    return asyncio_exit_stack_enter(&all->stack);
}

static int leaves_and_ends(struct all *all)
{
    look_at_reports();
    return leaves(all);
}

/* What was static or allocated is found at the task's end, and its struct may be gone by then. */
static int static_and_allocated(void)
{
    asyncio_task *task;
    assert_return_code(asyncio_create_task(asyncio_coro(leaves_and_ends, &kept), &task), 0);
    assert_return_code(asyncio_await(task), 0);
    asyncio_task_unref(task);
    assert_int_equal(reports, 3);
    assert_non_null(strstr(reported, "timeout entered at"));
    assert_raised(asyncio_timeout_exit(&kept.limit, 0), -ASYNCIO_INVALID_STATE, "has left it");
    assert_raised(asyncio_task_group_exit(&kept.group, 0), -ASYNCIO_INVALID_STATE, "has left it");
    assert_raised(asyncio_exit_stack_exit(&kept.stack, 0), -ASYNCIO_INVALID_STATE, "has left it");
    assert_return_code(leaves(&kept), 0); /* again, by another task */
    assert_return_code(asyncio_exit_stack_exit(&kept.stack, 0), 0);
    assert_return_code(asyncio_task_group_exit(&kept.group, 0), 0);
    assert_return_code(asyncio_timeout_exit(&kept.limit, 0), 0);
    assert_int_equal(reports, 3);
    struct all *allocated = malloc(sizeof *allocated);
    assert_non_null(allocated);
    assert_return_code(leaves(allocated), 0);
    free(allocated);
    int r = asyncio_sleep(0.05); /* the deadline of what is still open; ASan sees that it is gone */
    assert_int_equal(r, cancelling() ? -ECANCELED : 0);
    return 0;
}

/* Memory that was given back and is another struct now. */
static int entered_over_a_lost_one(void)
{
    look_at_reports();
    static struct all all;
    assert_return_code(leaves(&all), 0);
    memset(&all, 0xA5, sizeof all);
    assert_return_code(leaves(&all), 0);
    assert_int_equal(reports, 3);
    assert_non_null(strstr(reported, "left without its exit"));
    assert_return_code(asyncio_exit_stack_exit(&all.stack, 0), 0);
    assert_return_code(asyncio_task_group_exit(&all.group, 0), 0);
    return asyncio_timeout_exit(&all.limit, 0);
}

static void left_open_in_memory_that_is_no_stack(void **state)
{
    (void)state;
    run(static_and_allocated);
    assert_int_equal(reports, 6);
    run(entered_over_a_lost_one);
    assert_int_equal(reports, 3);
}

/* --- the tree of a group's errors --- */

static int fails(int code, const char *why)
{
    return asyncio_raise(code, "%s", why);
}

static int inner_group(void)
{
    int r;
    ASYNCIO_TASK_GROUP(group, r) {
        r = asyncio_task_group_create_task(group, asyncio_coro(fails, -ENOENT, "no file"), NULL);
        if (r >= 0)
            r = asyncio_task_group_create_task(group, asyncio_coro(fails, -EACCES, "no right"),
                                               NULL);
    }
    return r;
}

static int fails_when_cancelled(void)
{
    int r = asyncio_sleep(100);
    return r == -ECANCELED ? -EPIPE : r;
}

static int outer_group(void)
{
    int r;
    ASYNCIO_TASK_GROUP(group, r) {
        r = asyncio_task_group_create_task(group, asyncio_coro(inner_group), NULL);
        if (r >= 0)
            r = asyncio_task_group_create_task(group, asyncio_coro(fails_when_cancelled), NULL);
        if (r >= 0 && asyncio_sleep(100) == -ECANCELED)
            r = asyncio_raise(-EBUSY, "the body, too");
    }
    return r;
}

/* Each error that is no group, in order, to the end of `text`; how deep the tree is. */
static unsigned walk(const asyncio_error *error, char *text, size_t size)
{
    size_t length = strlen(text);
    if (!error->error_count) {
        snprintf(text + length, size - length, "%s;", error->text);
        return 0;
    }
    unsigned deepest = 0;
    for (size_t i = 0; i < error->error_count; i++) {
        unsigned depth = walk(error->errors[i], text, size);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

static const char *printed(int result)
{
    static char text[4096];
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    int status = asyncio_print_exception(result);
    fflush(stderr);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    assert_int_equal(status, 1);
    return text;
}

/* The lines of Python, without our places. */
static void expect_lines(const char *text, const char *expected)
{
    char lines[4096];
    size_t length = 0;
    for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
        if (!memmem(line, (size_t)(end - line), "scope_test.c", 12) &&
            !memmem(line, (size_t)(end - line), "Traceback", 9))
            length += (size_t)snprintf(lines + length, sizeof lines - length, "%.*s\n",
                                       (int)(end - line), line);
    assert_string_equal(lines, expected);
}

static int the_tree(void)
{
    int r = outer_group();
    assert_int_equal(r, -ENOENT); /* the first one */
    const asyncio_error *error = asyncio_last_error(r);
    assert_non_null(error);
    assert_int_equal(error->error_count, 3);
    char leaves_of_it[512] = "";
    assert_int_equal(walk(error, leaves_of_it, sizeof leaves_of_it), 2);
    assert_string_equal(leaves_of_it, "no file;no right;broken pipe;the body, too;");
    assert_int_equal(error->errors[0]->code, -ENOENT);
    assert_string_equal(error->errors[0]->text, "unhandled errors in a TaskGroup");
    assert_int_equal(error->errors[1]->code, -EPIPE);
    expect_lines(
        printed(r),
        "  | ExceptionGroup: unhandled errors in a TaskGroup (3 sub-exceptions) [ENOENT]\n"
        "  +-+---------------- 1 ----------------\n"
        "    | ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions) [ENOENT]\n"
        "    +-+---------------- 1 ----------------\n"
        "      | FileNotFoundError: no file [ENOENT]\n"
        "      +---------------- 2 ----------------\n"
        "      | PermissionError: no right [EACCES]\n"
        "      +------------------------------------\n"
        "    +---------------- 2 ----------------\n"
        "    | BrokenPipeError: broken pipe [EPIPE]\n"
        "    +---------------- 3 ----------------\n"
        "    | OSError: the body, too [EBUSY]\n"
        "    +------------------------------------\n");
    return 0;
}

static void a_groups_errors_walked_and_printed(void **state)
{
    (void)state;
    run(the_tree);
    /* the tree travels with the result of a run */
    int r = asyncio_run(asyncio_coro(outer_group));
    assert_int_equal(r, -ENOENT);
    assert_int_equal(record_of(r)->error_count, 3);
}

/* --- an inner one left by a return, then the group's exit, which suspends --- */

__attribute__((noinline)) static int forgets_to_leave(void)
{
    asyncio_timeout limit;
    return asyncio_timeout_enter(&limit, 100);
}

static int counts_after(int *number)
{
    int r = asyncio_sleep(0.001);
    ++*number;
    return r;
}

static int group_around_one_left_open(void)
{
    look_at_reports();
    int number = 0, r;
    ASYNCIO_TASK_GROUP(group, r)
    {
        r = asyncio_task_group_create_task(group, asyncio_coro(counts_after, &number), NULL);
        assert_return_code(forgets_to_leave(), 0);
    }
    assert_int_equal(r, 0);
    assert_int_equal(number, 1); /* it has been waited for */
    assert_int_equal(reports, 1);
    assert_non_null(strstr(reported, "timeout entered at"));
    /* one that is still there is in the way, as before */
    asyncio_task_group group;
    asyncio_timeout limit;
    assert_return_code(asyncio_task_group_enter(&group), 0);
    assert_return_code(asyncio_timeout_enter(&limit, 100), 0);
    assert_int_equal(asyncio_task_group_exit(&group, 0), -ASYNCIO_SCOPE_ORDER);
    assert_return_code(asyncio_timeout_exit(&limit, 0), 0);
    assert_int_equal(reports, 1);
    return asyncio_task_group_exit(&group, 0);
}

static void a_groups_exit_finds_what_was_left_open(void **state)
{
    (void)state;
    run(group_around_one_left_open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entered_twice),
        cmocka_unit_test(used_before_after_and_by_others),
        cmocka_unit_test(left_open_in_memory_that_is_no_stack),
        cmocka_unit_test(a_groups_errors_walked_and_printed),
        cmocka_unit_test(a_groups_exit_finds_what_was_left_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
