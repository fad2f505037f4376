/* SPDX-License-Identifier: MIT */
/* Debug mode: slow steps by name and place, where objects were made, references not given back. */
/* TEST: timeout 120 */
#include "base/error.h"
#include "inspect/creation.h"

#include "support/failing.h"

#include <asyncio.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Linked statically, who wants names has to say so. */
static const struct loop_inspector *const wanted = &asyncio__inspector;

static char said[1 << 14];
static size_t said_length;
static unsigned reports;

static void note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(said + said_length, sizeof said - said_length, format, arguments);
    va_end(arguments);
    assert_true(length >= 0 && (size_t)length < sizeof said - said_length);
    said_length += (size_t)length;
}

static void handler(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)data;
    reports++;
    note("%s%s%s\n", context->message, context->task ? " task " : "",
         context->task ? asyncio_task_get_name(context->task) : "");
    for (size_t i = 0; i < context->source_traceback_count; i++) {
        const asyncio_frame *frame = &context->source_traceback[i];
        note(" from %s %s\n", frame->function ? frame->function : "?",
             frame->file && frame->line > 0 ? strrchr(frame->file, '/') + 1 : "?");
    }
}

static int make_loop(asyncio_loop **ret_loop, void *data)
{
    (void)data;
    int r = asyncio_loop_new(ret_loop);
    if (r < 0)
        return r;
    asyncio_loop_set_exception_handler(*ret_loop, handler, NULL);
    /* the machine may be slow, too */
    return asyncio_loop_set_slow_callback_duration(*ret_loop, (double)INFINITY);
}

static int in_debug(asyncio_coro coro)
{
    said[0] = 0;
    said_length = 0;
    reports = 0;
    return asyncio_run(coro, .debug = 1, .loop_factory = make_loop);
}

static bool is_sim(void)
{
    const char *backend = getenv("ASYNCIO_BACKEND");
    return backend && !strcmp(backend, "sim");
}

static void block(double seconds)
{
    struct timespec time = { 0, (long)(seconds * 1e9) };
    while (nanosleep(&time, &time) < 0)
        ;
}

/* --- slow steps --- */

static __attribute__((noinline)) int blocks(void)
{
    block(0.04);
    return asyncio_sleep(0);
}

static int slow_task(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    assert_return_code(asyncio_loop_set_slow_callback_duration(loop, 0.03), 0);
    asyncio_task *task;
    assert_return_code(asyncio_create_task(asyncio_coro(blocks), &task, .name = "blocker"), 0);
    int r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

static void a_slow_step_is_reported_with_task_and_place(void **state)
{
    (void)state;
    if (is_sim())
        skip(); /* its clock stands while a step runs */
    assert_return_code(in_debug(asyncio_coro(slow_task)), 0);
    assert_non_null(strstr(said, "Executing <Task pending name='blocker' coro="));
    assert_non_null(strstr(said, " took 0."));
    assert_non_null(strstr(said, " seconds task blocker\n"));
    assert_non_null(strstr(said, "coro=blocks() at "));
    assert_non_null(strstr(said, "debug_mode_test.c:"));
}

static void callback(asyncio_loop *loop)
{
    (void)loop;
    block(0.001);
}

static int every_step(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    assert_return_code(asyncio_loop_set_slow_callback_duration(loop, 0), 0);
    assert_return_code(asyncio_loop_call_soon(loop, callback, NULL), 0);
    int r = asyncio_sleep(0);
    assert_return_code(asyncio_loop_set_slow_callback_duration(loop, (double)INFINITY), 0);
    return r < 0 ? r : asyncio_sleep(0);
}

static void a_callback_is_reported_by_its_function(void **state)
{
    (void)state;
    assert_return_code(in_debug(asyncio_coro(every_step)), 0);
    /* the first step of the main task, and the callback; its second step sets no limit */
    assert_int_equal(reports, 2);
    assert_non_null(strstr(said, "Executing <Task pending name='Task-1' coro=every_step() at "));
    assert_non_null(strstr(said, "Executing <Handle callback() at "));
}

static int exact_step(void)
{
    if (!is_sim())
        block(0.02);
    int r = asyncio_sleep(0);
    asyncio_loop_stats stats;
    assert_return_code(asyncio_loop_get_stats(asyncio_get_running_loop(), &stats), 0);
    assert_true(is_sim() || stats.longest_step >= 0.02);
    return r;
}

static void the_longest_step_is_in_the_statistics(void **state)
{
    (void)state;
    assert_return_code(in_debug(asyncio_coro(exact_step)), 0);
    assert_int_equal(reports, 0);
}

static int switches(char *order, int me)
{
    for (int i = 0; i < 3; i++) {
        *strchr(order, 0) = (char)me;
        int r = asyncio_sleep(0);
        if (r < 0)
            return r;
    }
    return 0;
}

static int in_order(char *order)
{
    return asyncio_gather(asyncio_coro(switches, order, 'a'), asyncio_coro(switches, order, 'b'));
}

static void steps_keep_their_order(void **state)
{
    (void)state;
    char order[16] = "";
    assert_return_code(in_debug(asyncio_coro(in_order, order)), 0);
    assert_string_equal(order, "ababab");
    assert_int_equal(reports, 0);
}

/* --- where it was made --- */

static int fails(void)
{
    return asyncio_raise(-EPIPE, "nobody looks at this");
}

static __attribute__((noinline)) int makes_what_fails(void)
{
    return asyncio_create_task(asyncio_coro(fails), NULL, .name = "lost");
}

static int never_retrieved(void)
{
    int r = makes_what_fails();
    return r < 0 ? r : asyncio_sleep(0.001);
}

static void an_error_never_retrieved_tells_where_its_task_was_made(void **state)
{
    (void)state;
    assert_return_code(in_debug(asyncio_coro(never_retrieved)), 0);
    assert_int_equal(reports, 1);
    assert_non_null(strstr(said, "Task exception was never retrieved task lost\n"));
    assert_non_null(strstr(said, " from makes_what_fails debug_mode_test.c\n"));
    assert_non_null(strstr(said, " from never_retrieved debug_mode_test.c\n"));
}

static __attribute__((noinline)) int makes_a_future(asyncio_future **ret_future)
{
    int r = asyncio_future_new(ret_future);
    __asm__(""); /* no jump: this frame is to be seen */
    return r;
}

static int future_never_retrieved(void)
{
    asyncio_future *future;
    int r = makes_a_future(&future);
    if (r < 0)
        return r;
    asyncio_future_set_exception(future, -EPIPE);
    asyncio_future_unref(future);
    return 0;
}

static void an_error_never_retrieved_tells_where_its_future_was_made(void **state)
{
    (void)state;
    assert_return_code(in_debug(asyncio_coro(future_never_retrieved)), 0);
    assert_int_equal(reports, 1);
    assert_non_null(strstr(said, "Future exception was never retrieved\n"));
    assert_non_null(strstr(said, " from makes_a_future debug_mode_test.c\n"));
}

static int waits(void)
{
    return asyncio_sleep(1e6);
}

static __attribute__((noinline)) void makes_a_pending_task(asyncio_loop *loop)
{
    assert_return_code(asyncio_loop_create_task(loop, asyncio_coro(waits), NULL, .name = "left"),
                       0);
}

static void a_task_destroyed_while_pending_tells_where_it_was_made(void **state)
{
    (void)state;
    asyncio_loop *loop;
    said_length = reports = 0;
    assert_return_code(make_loop(&loop, NULL), 0);
    asyncio_loop_set_debug(loop, 1);
    assert_int_equal(asyncio_loop_get_debug(loop), 1);
    makes_a_pending_task(loop);
    (void)asyncio_loop_step(loop);
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
    assert_int_equal(reports, 1);
    assert_non_null(strstr(said, "Task was destroyed but it is pending! task left\n"));
    assert_non_null(strstr(said, " from makes_a_pending_task debug_mode_test.c\n"));
}

static void without_debug_mode_nothing_is_remembered(void **state)
{
    (void)state;
    said[0] = 0;
    said_length = reports = 0;
    assert_return_code(
        asyncio_run(asyncio_coro(never_retrieved), .debug = 0, .loop_factory = make_loop), 0);
    assert_int_equal(reports, 1);
    assert_null(strstr(said, " from "));
}

/* --- references --- */

static asyncio_task *kept_task;
static asyncio_future *kept_future;

static int quick(void)
{
    return 3;
}

static __attribute__((noinline)) int keeps_what_is_done(void)
{
    int r = asyncio_create_task(asyncio_coro(quick), &kept_task, .name = "kept");
    if (r >= 0)
        r = asyncio_future_new(&kept_future);
    if (r < 0)
        return r;
    asyncio_future_set_result(kept_future, 1);
    asyncio_task *given_back;
    r = asyncio_create_task(asyncio_coro(quick), &given_back);
    if (r < 0)
        return r;
    asyncio_task_unref(given_back);
    return asyncio_await(kept_task);
}

static void a_forgotten_unref_is_named_at_the_end_of_the_run(void **state)
{
    (void)state;
    assert_int_equal(in_debug(asyncio_coro(keeps_what_is_done)), 3);
    assert_int_equal(reports, 2);
    assert_non_null(
        strstr(said, "asyncio_task_unref is missing: a task outlives its run task kept"));
    assert_non_null(strstr(said, "asyncio_future_unref is missing: a future outlives its run\n"));
    assert_non_null(strstr(said, " from keeps_what_is_done debug_mode_test.c\n"));
    asyncio_task_unref(kept_task);
    asyncio_future_unref(kept_future);
}

/* --- handles --- */

static char handle_frames[1000];

static void handle_handler(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)data;
    if (!context->handle)
        return; /* a task's step */
    for (size_t i = 0; i < context->source_traceback_count; i++) {
        const char *function = context->source_traceback[i].function;
        size_t length = strlen(handle_frames);
        snprintf(handle_frames + length, sizeof handle_frames - length, "%s ",
                 function ? function : "?");
    }
    handler(loop, context, data);
    asyncio_loop_default_exception_handler(loop, context);
}

static void stops_being_slow(asyncio_loop *loop)
{
    (void)asyncio_loop_set_slow_callback_duration(loop, (double)INFINITY);
    block(0.001);
}

static __attribute__((noinline)) int schedules(asyncio_loop *loop)
{
    int r = asyncio_loop_call_later(loop, 0, callback, NULL);
    if (r >= 0)
        r = asyncio_loop_call_soon_threadsafe(loop, callback, NULL);
    if (r >= 0)
        r = asyncio_loop_call_soon(loop, callback, NULL);
    return r;
}

static int has_handles(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_handle *cancelled;
    int r = asyncio_loop_call_later(loop, 100, callback, &cancelled);
    if (r < 0)
        return r;
    asyncio_handle_cancel(cancelled);
    asyncio_handle_unref(cancelled);
    if ((r = schedules(loop)) < 0 ||
        (r = asyncio_loop_call_later(loop, 100, callback, NULL)) < 0) /* dropped */
        return r;
    asyncio_loop_set_exception_handler(loop, handle_handler, NULL);
    (void)asyncio_loop_set_slow_callback_duration(loop, 0);
    r = asyncio_loop_call_later(loop, 0.001, stops_being_slow, NULL);
    return r < 0 ? r : asyncio_sleep(0.01);
}

static int leads_handles(void)
{
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(has_handles), &task);
    if (r < 0)
        return r;
    r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

static void a_callback_tells_where_it_was_scheduled(void **state)
{
    (void)state;
    handle_frames[0] = 0;
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stderr);
    int before = dup(2);
    dup2(fileno(file), 2);
    int r = in_debug(asyncio_coro(leads_handles));
    dup2(before, 2);
    close(before);
    rewind(file);
    static char printed[1 << 14];
    printed[fread(printed, 1, sizeof printed - 1, file)] = 0;
    fclose(file);
    assert_return_code(r, 0);
    assert_true(reports >= 3);
    assert_non_null(strstr(said, "Executing <Handle callback() at "));
    assert_non_null(strstr(said, " (schedules)> took "));
    assert_non_null(strstr(handle_frames, "schedules has_handles "));
    assert_non_null(strstr(printed, "Handle created at (most recent call last):\n"));
}

static void is_done(asyncio_future *future)
{
    (void)future;
    block(0.001);
}

static int other_callbacks(void)
{
    asyncio_future *future;
    asyncio_loop *loop = asyncio_get_running_loop();
    int r = asyncio_future_new(&future);
    if (r < 0)
        return r;
    r = asyncio_future_add_done_callback(future, is_done);
    asyncio_future_set_result(future, 0);
    asyncio_future_unref(future);
    (void)asyncio_loop_set_slow_callback_duration(loop, 0);
    if (r >= 0)
        r = asyncio_sleep(0);
    (void)asyncio_loop_set_slow_callback_duration(loop, (double)INFINITY);
    return r;
}

static void a_done_callback_has_its_name(void **state)
{
    (void)state;
    assert_return_code(in_debug(asyncio_coro(other_callbacks)), 0);
    assert_non_null(strstr(said, "Executing <Handle is_done() at "));
}

static __attribute__((noinline)) int prints_itself(FILE *file)
{
    asyncio_task_print_stack(asyncio_current_task(), file);
    int r = asyncio_loop_dump_tasks(NULL, file);
    return r;
}

static int made_here(FILE *file)
{
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(prints_itself, file), &task, .name = "printer");
    if (r < 0)
        return r;
    r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

static void a_printed_stack_and_a_dump_tell_where_it_was_made(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(in_debug(asyncio_coro(made_here, file)), 2);
    rewind(file);
    static char printed[1 << 14];
    printed[fread(printed, 1, sizeof printed - 1, file)] = 0;
    fclose(file);
    const char *stack = strstr(printed, "Stack for <Task pending name='printer' created at ");
    const char *dump = strstr(printed, "Task 'printer', running, awaited by 'Task-1', created at ");
    assert_non_null(stack);
    assert_non_null(dump);
    assert_non_null(strstr(stack, "debug_mode_test.c:"));
    assert_non_null(strstr(stack, " (made_here)> (most recent call last):"));
    assert_non_null(strstr(dump, " (made_here)\n"));
}

/* --- misuse --- */

static void a_duration_that_is_none(void **state)
{
    (void)state;
    asyncio_loop *loop;
    assert_return_code(asyncio_loop_new(&loop), 0);
    assert_true(fabs(asyncio_loop_slow_callback_duration(loop) - 0.1) < 1e-9);
    assert_int_equal(asyncio_loop_set_slow_callback_duration(loop, (double)NAN), -EINVAL);
    assert_true(strlen(record_of(-EINVAL)->text) > 10);
    assert_true(fabs(asyncio_loop_slow_callback_duration(loop) - 0.1) < 1e-9);
    assert_return_code(asyncio_loop_set_slow_callback_duration(loop, 2.5), 0);
    assert_true(fabs(asyncio_loop_slow_callback_duration(loop) - 2.5) < 1e-9);
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
}

int main(void)
{
    assert_non_null(wanted);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_step_is_reported_with_task_and_place),
        cmocka_unit_test(a_callback_is_reported_by_its_function),
        cmocka_unit_test(the_longest_step_is_in_the_statistics),
        cmocka_unit_test(steps_keep_their_order),
        cmocka_unit_test(an_error_never_retrieved_tells_where_its_task_was_made),
        cmocka_unit_test(an_error_never_retrieved_tells_where_its_future_was_made),
        cmocka_unit_test(a_task_destroyed_while_pending_tells_where_it_was_made),
        cmocka_unit_test(without_debug_mode_nothing_is_remembered),
        cmocka_unit_test(a_forgotten_unref_is_named_at_the_end_of_the_run),
        cmocka_unit_test(a_callback_tells_where_it_was_scheduled),
        cmocka_unit_test(a_done_callback_has_its_name),
        cmocka_unit_test(a_printed_stack_and_a_dump_tell_where_it_was_made),
        cmocka_unit_test(a_duration_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
