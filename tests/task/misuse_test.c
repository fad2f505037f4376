/* SPDX-License-Identifier: MIT */
/* Misuse gets an error code with a sentence, and the loop goes on. */
/* TEST: timeout 120 */
#include "base/error.h"

#include "support/failing.h"

#include <asyncio.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int nothing(void)
{
    return 0;
}

static int has_a_sentence(int r)
{
    return r < 0 && asyncio_error_text(r) && strlen(asyncio_error_text(r)) > 10;
}

#define assert_error(call, code)                                                                   \
    do {                                                                                           \
        int got_ = (call);                                                                         \
        assert_string_equal(asyncio_error_name(got_), asyncio_error_name(code));                   \
        assert_true(has_a_sentence(got_));                                                         \
    } while (0)

static void without_a_loop(void **state)
{
    (void)state;
    asyncio_future *future;
    int closed = 0;
    (void)closed;
    assert_error(asyncio_create_task(asyncio_coro(nothing), NULL), -ASYNCIO_NO_RUNNING_LOOP);
    assert_error(asyncio_future_new(&future), -ASYNCIO_NO_RUNNING_LOOP);
    assert_error(asyncio_sleep(0), -ASYNCIO_NO_TASK);
    assert_error(asyncio_gather(asyncio_coro(nothing)), -ASYNCIO_NO_TASK);
    assert_error(asyncio_wait_for(asyncio_coro(nothing), 1), -ASYNCIO_NO_TASK);
    assert_error(asyncio_to_thread(asyncio_coro(nothing)), -ASYNCIO_NO_TASK);
    assert_error(asyncio_shield(asyncio_coro(nothing)), -ASYNCIO_NO_TASK);
    assert_null(asyncio_get_running_loop());
    assert_null(asyncio_alloc(1));
    asyncio_timeout limit;
    assert_error(asyncio_timeout_enter(&limit, 1), -ASYNCIO_NO_TASK);
    assert_error(asyncio_timeout_exit(&limit, 0), -ASYNCIO_NO_TASK);
    asyncio_task_group group;
    assert_error(asyncio_task_group_enter(&group), -ASYNCIO_NO_TASK);
    assert_error(asyncio_task_group_create_task(&group, asyncio_coro(nothing), NULL),
                 -ASYNCIO_NO_TASK);
    assert_error(asyncio_task_group_exit(&group, 0), -ASYNCIO_NO_TASK);
}

static int runs_another(void)
{
    return asyncio_run(asyncio_coro(nothing));
}

static void a_loop_inside_a_loop(void **state)
{
    (void)state;
    assert_error(asyncio_run(asyncio_coro(runs_another)), -ASYNCIO_LOOP_RUNNING);
    assert_return_code(asyncio_run(asyncio_coro(nothing)), 0);
}

static void never(asyncio_loop *loop)
{
    (void)loop;
    fail();
}

static void a_closed_loop(void **state)
{
    (void)state;
    asyncio_loop *loop;
    asyncio_task *task;
    asyncio_future *future;
    assert_return_code(asyncio_loop_new(&loop), 0);
    assert_return_code(asyncio_loop_close(loop), 0);
    assert_return_code(asyncio_loop_close(loop), 0);
    assert_error(asyncio_loop_call_soon(loop, never, NULL), -ASYNCIO_LOOP_CLOSED);
    assert_error(asyncio_loop_call_soon_threadsafe(loop, never, NULL), -ASYNCIO_LOOP_CLOSED);
    assert_error(asyncio_loop_call_later(loop, 1, never, NULL), -ASYNCIO_LOOP_CLOSED);
    assert_error(asyncio_loop_create_future(loop, &future), -ASYNCIO_LOOP_CLOSED);
    assert_error(asyncio_loop_create_task(loop, asyncio_coro(nothing), &task),
                 -ASYNCIO_LOOP_CLOSED);
    assert_error(asyncio_loop_run_forever(loop), -ASYNCIO_LOOP_CLOSED);
    assert_error(asyncio_loop_run_until_complete(loop, asyncio_coro(nothing)),
                 -ASYNCIO_LOOP_CLOSED);
    assert_error(asyncio_loop_add_reader(loop, 0, (asyncio_fd_callback *)NULL),
                 -ASYNCIO_LOOP_CLOSED);
    assert_error(asyncio_run_coroutine_threadsafe(asyncio_coro(nothing), loop, NULL),
                 -ASYNCIO_LOOP_CLOSED);
    asyncio_loop_unref(loop);
}

static int futures(void)
{
    asyncio_future *future;
    int code = 5;
    assert_return_code(asyncio_future_new(&future), 0);
    assert_error(asyncio_future_result(future), -ASYNCIO_INVALID_STATE);
    assert_error(asyncio_future_exception(future, &code), -ASYNCIO_INVALID_STATE);
    assert_int_equal(code, 5);
    assert_error(asyncio_future_set_result(future, -1), -EINVAL);
    assert_error(asyncio_future_set_exception(future, 1), -EINVAL);
    assert_return_code(asyncio_future_set_result(future, 3), 0);
    assert_error(asyncio_future_set_result(future, 4), -ASYNCIO_INVALID_STATE);
    assert_error(asyncio_future_set_exception(future, -EIO), -ASYNCIO_INVALID_STATE);
    assert_int_equal(asyncio_future_cancel(future), 0);
    assert_int_equal(asyncio_await(future), 3);
    asyncio_future_unref(future);
    return 0;
}

static void a_future_set_twice_or_asked_too_early(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(futures)), 0);
}

static int numbers(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    assert_error(asyncio_sleep(NAN), -EINVAL);
    assert_error(asyncio_loop_call_later(loop, NAN, never, NULL), -EINVAL);
    assert_error(asyncio_wait_for(asyncio_coro(nothing), NAN), -EINVAL);
    asyncio_timeout limit;
    assert_error(asyncio_timeout_enter(&limit, NAN), -EINVAL);
    assert_error(asyncio_timeout_exit(&limit, 0), -EINVAL);
    assert_return_code(asyncio_sleep(-5), 0);
    assert_error(asyncio_wait_for(asyncio_coro(asyncio_sleep, INFINITY), 0.001), -ETIMEDOUT);
    assert_error(asyncio_wait((asyncio_future **)NULL, 0, NULL), -EINVAL);
    return 0;
}

static void no_number_and_no_end(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(numbers)), 0);
}

static int null_functions(void)
{
    int (*function)(void) = NULL;
    assert_error(asyncio_create_task(asyncio_coro(function), NULL), -EINVAL);
    assert_error(asyncio_await(asyncio_coro(function)), -EINVAL);
    assert_error(asyncio_to_thread(asyncio_coro(function)), -EINVAL);
    asyncio_loop_callback *callback = NULL;
    assert_error(asyncio_loop_call_soon(asyncio_get_running_loop(), callback, NULL), -EINVAL);
    return 0;
}

static void a_null_function(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(null_functions)), 0);
}

/* --- races --- */

static int starts;

static void closes(void *count)
{
    ++*(int *)count;
}

static int counts_start(int result)
{
    starts++;
    return result;
}

static int wrong_races(void)
{
    size_t winner = 7;
    int closed = 0;
    const asyncio_coro one[] = { asyncio_coro_on_close(asyncio_coro(nothing), closes, &closed) };
    assert_error(asyncio_staggered_race(one, 1, NAN, &winner), -EINVAL);
    assert_int_equal(closed, 1);
    assert_error(asyncio_staggered_race(one, 0, 1, &winner), -EINVAL);
    assert_error(asyncio_staggered_race((const asyncio_coro *)NULL, 1, 1, &winner), -EINVAL);
    assert_int_equal(closed, 1);
    assert_int_equal(winner, 7);
    /* a null function has failed, and the next is started */
    int (*function)(void) = NULL;
    int errors[2];
    const asyncio_coro two[] = { asyncio_coro(function), asyncio_coro(counts_start, 4) };
    assert_int_equal(asyncio_staggered_race(two, 2, 100, &winner, .errors = errors), 4);
    assert_int_equal(winner, 1);
    assert_int_equal(errors[0], -EINVAL);
    assert_int_equal(errors[1], 0);
    return 0;
}

static void a_race_of_nobody_and_wrong_delays(void **state)
{
    (void)state;
    int closed = 0;
    const asyncio_coro one[] = { asyncio_coro_on_close(asyncio_coro(nothing), closes, &closed) };
    assert_error(asyncio_staggered_race(one, 1, 1, NULL), -ASYNCIO_NO_TASK);
    assert_int_equal(closed, 1);
    assert_return_code(asyncio_run(asyncio_coro(wrong_races)), 0);
}

static int told_failure(int number)
{
    return asyncio_raise(-ENOENT - number, "number %d failed", number);
}

static int lost_race(void)
{
    size_t winner = 7;
    int closed = 0, errors[3] = { 5, 5, 5 };
    starts = 0;
    const asyncio_coro all[] = { asyncio_coro(told_failure, 0), asyncio_coro(told_failure, 1),
                                 asyncio_coro(told_failure, 2) };
    assert_int_equal(asyncio_staggered_race(all, 3, 9, &winner, .errors = errors), -ENOENT);
    assert_int_equal(winner, 7);
    assert_int_equal(errors[2], -ENOENT - 2);
    const asyncio_error *error = asyncio_last_error(-ENOENT);
    assert_non_null(error);
    assert_int_equal(error->error_count, 3);
    assert_string_equal(error->errors[1]->text, "number 1 failed");
    assert_int_equal(asyncio_staggered_race(all, 1, 9, &winner), -ENOENT);
    assert_string_equal(record_of(-ENOENT)->text, "number 0 failed");
    /* what is not started is closed, and never starts */
    const asyncio_coro first_wins[] = {
        asyncio_coro(counts_start, 3),
        asyncio_coro_on_close(asyncio_coro(counts_start, 4), closes, &closed),
    };
    assert_int_equal(asyncio_staggered_race(first_wins, 2, 9, &winner, .errors = errors), 3);
    assert_int_equal(starts, 1);
    assert_int_equal(closed, 1);
    assert_int_equal(errors[1], 1);
    return 0;
}

/* Whoever cancels all tasks cancels the race's, too: one that never began has no winner. */
static int cancels_all_others(void)
{
    asyncio_task *all[8];
    int count = asyncio_all_tasks(NULL, all, 8);
    assert_in_range(count, 3, 8);
    for (int i = 0; i < count; i++) {
        if (i > 0 && all[i] != asyncio_current_task())
            asyncio_task_cancel(all[i]);
        asyncio_task_unref(all[i]);
    }
    return 0;
}

static int race_that_never_began(void)
{
    asyncio_task *canceller;
    size_t winner = 7;
    int errors[1] = { 5 };
    const asyncio_coro one[] = { asyncio_coro(counts_start, 3) };
    starts = 0;
    assert_return_code(asyncio_create_task(asyncio_coro(cancels_all_others), &canceller), 0);
    assert_int_equal(asyncio_staggered_race(one, 1, 9, &winner, .errors = errors), -ECANCELED);
    assert_int_equal(winner, 7);
    assert_int_equal(errors[0], 1);
    assert_int_equal(starts, 0);
    assert_return_code(asyncio_await(canceller), 0);
    asyncio_task_unref(canceller);
    return 0;
}

static void a_race_whose_runner_is_cancelled_before_it_begins(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(race_that_never_began)), 0);
}

static void a_race_that_nobody_wins(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(lost_race)), 0);
}

static int never_gives_up(int turns)
{
    for (int i = 0; i < turns; i++) {
        int r = asyncio_sleep(0);
        (void)r;
    }
    return 8;
}

static int late_winner(void)
{
    size_t winner = 7;
    int errors[2];
    const asyncio_coro both[] = { asyncio_coro(never_gives_up, 20), asyncio_coro(counts_start, 2) };
    assert_int_equal(asyncio_staggered_race(both, 2, 0, &winner, .errors = errors), 2);
    assert_int_equal(winner, 1);
    assert_int_equal(errors[0], -ECANCELED);
    return 0;
}

static void who_goes_on_after_the_race_has_lost_all_the_same(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(late_winner)), 0);
}

/* --- task factories --- */

static int no_task_factory(asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
                           const asyncio_create_task_options *options, void *data)
{
    (void)loop;
    (void)coro;
    (void)ret_task;
    (void)options;
    (void)data;
    return 0;
}

static int factories(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_task *task = NULL;
    asyncio_loop_set_task_factory(loop, no_task_factory, NULL);
    assert_error(asyncio_create_task(asyncio_coro(nothing), &task), -EINVAL);
    assert_error(asyncio_create_task(asyncio_coro(nothing), NULL), -EINVAL);
    assert_error(asyncio_gather(asyncio_coro(nothing), asyncio_coro(nothing)), -EINVAL);
    assert_string_equal(record_of(-EINVAL)->text, "the task factory returned no task");
    const asyncio_coro one[] = { asyncio_coro(nothing) };
    assert_error(asyncio_staggered_race(one, 1, 1, NULL), -EINVAL);
    assert_null(task);
    /* no constructor: the usual one */
    asyncio_eager_task_constructor made = asyncio_create_eager_task_factory(NULL, NULL);
    asyncio_loop_set_task_factory(loop, made.factory, &made);
    assert_return_code(asyncio_create_task(asyncio_coro(counts_start, 5), &task), 0);
    assert_int_equal(asyncio_task_done(task), 1);
    asyncio_task_unref(task);
    /* not this one */
    assert_return_code(asyncio_create_task(asyncio_coro(counts_start, 5), &task, .eager_start = -1),
                       0);
    assert_int_equal(asyncio_task_done(task), 0);
    assert_int_equal(asyncio_await(task), 5);
    asyncio_task_unref(task);
    asyncio_loop_set_task_factory(loop, NULL, NULL);
    assert_return_code(asyncio_create_task(asyncio_coro(counts_start, 5), &task, .eager_start = -1),
                       0);
    assert_int_equal(asyncio_await(task), 5);
    asyncio_task_unref(task);
    /* the bare function, as another language calls it */
    assert_return_code((asyncio_eager_task_factory)(loop, asyncio_coro(counts_start, 6), &task,
                                                    NULL, NULL),
                       0);
    assert_int_equal(asyncio_task_result(task), 6);
    asyncio_task_unref(task);
    return 0;
}

static void factories_that_make_nothing_and_eager_ones(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(factories)), 0);
}

struct reports {
    int count;
    int last;
    char message[256];
};

static void note(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    struct reports *reports = data;
    (void)loop;
    reports->count++;
    reports->last = context->exception;
    snprintf(reports->message, sizeof reports->message, "%s", context->message);
}

static __attribute__((noinline)) int leaves_a_timeout(void)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 0.002);
    return 0;
}

static __attribute__((noinline)) int leaves_a_group(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    return asyncio_task_group_create_task(&group, asyncio_coro(asyncio_sleep, 100.0), NULL);
}

static int left_open(struct reports *reports)
{
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), note, reports);
    assert_return_code(leaves_a_timeout(), 0);
    assert_return_code(asyncio_sleep(0.01), 0); /* the deadline is gone with the scope */
    assert_int_equal(reports->count, 1);
    assert_int_equal(reports->last, -ASYNCIO_SCOPE_OPEN);
    assert_non_null(strstr(reports->message, "misuse_test.c"));
    assert_return_code(leaves_a_group(), 0);
    assert_return_code(asyncio_sleep(0.01), 0);
    assert_int_equal(reports->count, 2);
    assert_non_null(strstr(reports->message, "task group"));
    asyncio_timeout at_the_end;
    asyncio_timeout_enter(&at_the_end, 100);
    return 0;
}

static void a_scope_left_without_its_exit(void **state)
{
    (void)state;
    struct reports reports = { 0 };
    assert_return_code(asyncio_run(asyncio_coro(left_open, &reports)), 0);
    assert_int_equal(reports.count, 3);
}

static int out_of_order(void)
{
    asyncio_timeout outer;
    asyncio_task_group inner;
    asyncio_timeout_enter(&outer, 10);
    asyncio_task_group_enter(&inner);
    assert_error(asyncio_timeout_exit(&outer, 0), -ASYNCIO_SCOPE_ORDER);
    assert_non_null(strstr(record_of(-ASYNCIO_SCOPE_ORDER)->text, "task group"));
    assert_return_code(asyncio_task_group_exit(&inner, 0), 0);
    assert_return_code(asyncio_timeout_exit(&outer, 0), 0);
    assert_error(asyncio_timeout_exit(&outer, 0), -ASYNCIO_INVALID_STATE);
    assert_error(asyncio_task_group_exit(&inner, 0), -ASYNCIO_INVALID_STATE);
    assert_error(asyncio_timeout_reschedule(&outer, 1), -ASYNCIO_INVALID_STATE);
    return asyncio_sleep(0);
}

static void exits_out_of_order(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(out_of_order)), 0);
}

static void *calls_from_a_thread(void *loop)
{
    int r = asyncio_loop_call_soon(loop, never, NULL);
    return (void *)(intptr_t)r;
}

static int join(pthread_t *thread, void **ret_value)
{
    return -pthread_join(*thread, ret_value);
}

static int wrong_thread(void)
{
    pthread_t thread;
    void *value = NULL;
    assert_int_equal(pthread_create(&thread, NULL, calls_from_a_thread, asyncio_get_running_loop()),
                     0);
    int r = join(&thread, &value);
    assert_error((int)(intptr_t)value, -ASYNCIO_WRONG_THREAD);
    return r;
}

static void a_call_from_the_wrong_thread_in_debug_mode(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(wrong_thread), .debug = 1), 0);
}

static int too_large(void)
{
    assert_error(asyncio_create_task(asyncio_coro(nothing), NULL, .stack_size = (size_t)1 << 60),
                 -ENOMEM);
    return asyncio_wait_for(asyncio_coro(nothing), 1);
}

static void a_task_too_large_for_memory(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(too_large)), 0);
}

static int in_the_child(asyncio_loop *loop)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(asyncio_get_running_loop() == NULL &&
                      asyncio_loop_run_forever(loop) == -ASYNCIO_FORKED
                  ? 7
                  : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    return asyncio_sleep(0.001); /* the parent's goes on */
}

static int forks(void)
{
    return in_the_child(asyncio_get_running_loop());
}

static void a_loop_after_fork(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(forks)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_loop),
        cmocka_unit_test(a_loop_inside_a_loop),
        cmocka_unit_test(a_closed_loop),
        cmocka_unit_test(a_future_set_twice_or_asked_too_early),
        cmocka_unit_test(no_number_and_no_end),
        cmocka_unit_test(a_null_function),
        cmocka_unit_test(a_scope_left_without_its_exit),
        cmocka_unit_test(exits_out_of_order),
        cmocka_unit_test(a_race_whose_runner_is_cancelled_before_it_begins),
        cmocka_unit_test(a_race_of_nobody_and_wrong_delays),
        cmocka_unit_test(a_race_that_nobody_wins),
        cmocka_unit_test(who_goes_on_after_the_race_has_lost_all_the_same),
        cmocka_unit_test(factories_that_make_nothing_and_eager_ones),
        cmocka_unit_test(a_call_from_the_wrong_thread_in_debug_mode),
        cmocka_unit_test(a_task_too_large_for_memory),
        cmocka_unit_test(a_loop_after_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
