/* SPDX-License-Identifier: MIT */
/* Tasks and futures that are called from where one does not expect it: callbacks that remove one
 * another, handlers that keep what they are shown, circles of tasks, exits from inside. */
/* TEST: timeout 60 */
#include "base/alloc.h"
#include "base/error.h"

#include <asyncio.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static unsigned destroyed, called, reported;
static asyncio_future *the_future;
static asyncio_task *kept_task;

static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)context;
    (void)data;
    reported++;
}

static void run(int (*program)(void))
{
    destroyed = called = reported = 0;
    assert_return_code(asyncio_run(asyncio_coro(program)), 0);
}

/* --- done callbacks --- */

static void never(asyncio_future *future)
{
    (void)future;
    fail();
}

static void last(asyncio_future *future)
{
    (void)future;
    called++;
}

static int first_data, second_data;

static void removes_the_other(void *data)
{
    destroyed++;
    void *other = data == &first_data ? &second_data : &first_data;
    destroyed += 10 * (unsigned)asyncio_future_remove_done_callback(the_future, never, other);
}

static void count_destroy(void *data)
{
    (void)data;
    destroyed++;
}

/* Both removed by one call, or the second by the first one's destroy. */
static int callbacks_removed_by_destroy(void)
{
    assert_return_code(asyncio_future_new(&the_future), 0);
    assert_return_code(asyncio_future_add_done_callback(the_future, never, .data = &first_data,
                                                        .destroy = removes_the_other),
                       0);
    assert_return_code(asyncio_future_add_done_callback(the_future, never, .data = &second_data,
                                                        .destroy = count_destroy),
                       0);
    assert_return_code(asyncio_future_add_done_callback(the_future, last), 0);
    assert_int_equal(asyncio_future_remove_done_callback(the_future, never, &first_data), 1);
    assert_int_equal(destroyed, 12);
    assert_return_code(asyncio_future_set_result(the_future, 0), 0);
    assert_return_code(asyncio_sleep(0), 0);
    assert_int_equal(called, 1);
    asyncio_future_unref(the_future);
    return 0;
}

static void unrefs(void *data)
{
    destroyed++;
    asyncio_future_unref((asyncio_future *)data);
}

static void the_same_twice(asyncio_future *future, void *data)
{
    (void)future;
    (void)data;
    fail();
}

/* The callbacks' data holds the future: the last one removed lets it go. */
static int callbacks_hold_the_future(void)
{
    asyncio_future *future;
    assert_return_code(asyncio_future_new(&future), 0);
    for (int i = 0; i < 3; i++)
        assert_return_code(
            asyncio_future_add_done_callback(future, the_same_twice,
                                             .data = asyncio_future_ref(future), .destroy = unrefs),
            0);
    asyncio_future *lent = future;
    asyncio_future_unref(future);
    assert_int_equal(asyncio_future_remove_done_callback(lent, the_same_twice, lent), 3);
    assert_int_equal(destroyed, 3);
    return 0;
}

static void calls(asyncio_future *future, void *data)
{
    (void)future;
    (void)data;
    called++;
}

/* The functions behind the macros, as other languages call them. */
static int a_tasks_callbacks_by_function(void)
{
    int (*add)(asyncio_task *, asyncio_future_callback *,
               const asyncio_add_done_callback_options *) = asyncio_task_add_done_callback;
    int (*remove)(asyncio_task *, asyncio_future_callback *, void *) =
        asyncio_task_remove_done_callback;
    asyncio_task *task;
    assert_return_code(asyncio_create_task(asyncio_coro(asyncio_sleep, 0.0), &task), 0);
    assert_return_code(add(task, calls, NULL), 0);
    assert_return_code(add(task, calls, &(asyncio_add_done_callback_options){ .data = &called }),
                       0);
    assert_int_equal(remove(task, calls, &called), 1);
    assert_return_code(asyncio_await(task), 0);
    assert_int_equal(called, 1);
    asyncio_task_unref(task);
    return 0;
}

static void done_callbacks(void **state)
{
    (void)state;
    run(callbacks_removed_by_destroy);
    run(callbacks_hold_the_future);
    run(a_tasks_callbacks_by_function);
}

static void a_future_finished_after_its_loop(void **state)
{
    (void)state;
    asyncio_loop *loop;
    asyncio_future *future;
    destroyed = 0;
    assert_return_code(asyncio_loop_new(&loop), 0);
    assert_return_code(asyncio_loop_create_future(loop, &future), 0);
    for (int i = 0; i < 2; i++)
        assert_return_code(
            asyncio_future_add_done_callback(future, never, .destroy = count_destroy), 0);
    assert_return_code(asyncio_loop_close(loop), 0);
    assert_int_equal(destroyed, 0);
    assert_return_code(asyncio_future_set_result(future, 1), 0);
    assert_int_equal(destroyed, 2);
    assert_int_equal(asyncio_future_result(future), 1);
    asyncio_future_unref(future);
    asyncio_loop_unref(loop);
}

/* --- what a handler is shown --- */

static void keeps_it(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)data;
    reported++;
    kept_task = asyncio_task_ref(context->task);
    the_future = asyncio_future_ref(context->future);
}

static int fails(void)
{
    return asyncio_raise(-EIO, "nobody will ask");
}

static int reported_and_kept(void)
{
    asyncio_future *future;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), keeps_it, NULL);
    assert_return_code(asyncio_create_task(asyncio_coro(fails), NULL, .name = "lost"), 0);
    assert_return_code(asyncio_sleep(0), 0);
    assert_return_code(asyncio_sleep(0), 0);
    assert_int_equal(reported, 1);
    assert_string_equal(asyncio_task_get_name(kept_task), "lost");
    assert_int_equal(asyncio_task_result(kept_task), -EIO);
    asyncio_task_unref(kept_task);
    asyncio_future_unref(the_future);
    assert_return_code(asyncio_future_new(&future), 0);
    assert_return_code(asyncio_future_set_exception(future, -EPERM), 0);
    asyncio_future_unref(future);
    assert_int_equal(reported, 2); /* once: it was told */
    assert_null(kept_task);
    assert_int_equal(asyncio_future_result(the_future), -EPERM);
    asyncio_future_unref(the_future);
    assert_int_equal(reported, 2);
    return 0;
}

static void a_handler_that_keeps_what_it_is_shown(void **state)
{
    (void)state;
    run(reported_and_kept);
}

/* --- who awaits whom --- */

static asyncio_task *circle[3];

static int awaits_the_next(uintptr_t place)
{
    return asyncio_await(circle[(place + 1) % 3]);
}

static int a_circle_of_tasks(void)
{
    for (uintptr_t i = 0; i < 3; i++)
        assert_return_code(asyncio_create_task(asyncio_coro(awaits_the_next, i), &circle[i]), 0);
    assert_return_code(asyncio_sleep(0), 0);
    assert_int_equal(asyncio_task_cancel(circle[0], .message = "enough"), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(asyncio_await(circle[i]), -ECANCELED);
        assert_string_equal(asyncio_future_cancel_message(circle[i]), "enough");
        assert_int_equal(asyncio_task_cancelling(circle[i]), 1);
        asyncio_task_unref(circle[i]);
    }
    return 0;
}

static int gathers_the_next(uintptr_t place)
{
    return asyncio_gather(circle[(place + 1) % 3]);
}

/* Left to the shutdown, which must end. */
static int a_circle_of_gathers(void)
{
    for (uintptr_t i = 0; i < 3; i++)
        assert_return_code(asyncio_create_task(asyncio_coro(gathers_the_next, i), &circle[i]), 0);
    assert_return_code(asyncio_sleep(0), 0);
    for (int i = 0; i < 3; i++)
        asyncio_task_unref(circle[i]);
    return 0;
}

static void tasks_that_await_one_another(void **state)
{
    (void)state;
    run(a_circle_of_tasks);
    run(a_circle_of_gathers);
}

enum { LINKS = 4000 };

static int link_of_a_chain(asyncio_task *next)
{
    return next ? asyncio_await(next) : asyncio_sleep(1000);
}

/* Cancelling from a task's small stack must not go as deep as the chain is long. */
static int cancels_a_long_chain(void)
{
    static asyncio_task *links[LINKS];
    asyncio_task *next = NULL;
    for (int i = 0; i < LINKS; i++) {
        assert_return_code(asyncio_create_task(asyncio_coro(link_of_a_chain, next), &links[i]), 0);
        next = links[i];
    }
    assert_return_code(asyncio_sleep(0), 0);
    assert_int_equal(asyncio_task_cancel(links[LINKS - 1]), 1);
    assert_int_equal(asyncio_await(links[LINKS - 1]), -ECANCELED);
    for (int i = 0; i < LINKS; i++) {
        assert_int_equal(asyncio_task_cancelled(links[i]), 1);
        asyncio_task_unref(links[i]);
    }
    return 0;
}

static void a_long_chain_cancelled(void **state)
{
    (void)state;
    run(cancels_a_long_chain);
}

/* --- leaving from inside --- */

static asyncio_exit_stack the_stack;

#define gather_into(ret_future, ...)                                                               \
    do {                                                                                           \
        const asyncio_awaitable all_[] = { ASYNCIO__MAP(ASYNCIO_AWAITABLE, __VA_ARGS__) };         \
        assert_return_code(asyncio_gather_future(all_, sizeof all_ / sizeof *all_, ret_future),    \
                           0);                                                                     \
    } while (0)

/* Gathers of gathers, deeper than a stack: cancelled, and given back, from the outermost. */
static int nested_gathers(void)
{
    enum { DEPTH = 20000 };
    asyncio_future *leaf, *beside, *future;
    assert_return_code(asyncio_future_new(&leaf), 0);
    assert_return_code(asyncio_future_new(&beside), 0);
    future = asyncio_future_ref(leaf);
    for (int i = 0; i < DEPTH; i++) {
        asyncio_future *outer;
        gather_into(&outer, future, beside);
        asyncio_future_unref(future);
        future = outer;
    }
    assert_int_equal(asyncio_future_cancel(future), 1);
    assert_true(asyncio_future_cancelled(leaf));
    assert_true(asyncio_future_cancelled(beside));
    assert_int_equal(asyncio_await(future), -ECANCELED);
    assert_int_equal(asyncio_future_cancel(future), 0);
    asyncio_future_unref(future);
    asyncio_future_unref(beside);
    asyncio_future_unref(leaf);
    return 0;
}

enum { LEVELS = 2000 };

static int gathers_below(int level)
{
    return level ? asyncio_gather(asyncio_coro(gathers_below, level - 1),
                                  asyncio_coro(asyncio_sleep, 1000.0))
                 : asyncio_sleep(1000);
}

/* A task that waits for a gather of tasks, one of which waits for a gather ... */
static int nested_tasks(void)
{
    asyncio_task *task;
    assert_return_code(asyncio_create_task(asyncio_coro(gathers_below, LEVELS), &task), 0);
    for (int i = 0; i < LEVELS + 2; i++)
        assert_return_code(asyncio_sleep(0), 0);
    assert_int_equal(asyncio_all_tasks(NULL, NULL, 0), 2 + 2 * LEVELS);
    assert_int_equal(asyncio_task_cancel(task), 1);
    assert_int_equal(asyncio_task_cancelling(task), 1);
    assert_int_equal(asyncio_await(task), -ECANCELED);
    asyncio_task_unref(task);
    assert_return_code(asyncio_sleep(0), 0);
    assert_int_equal(asyncio_all_tasks(NULL, NULL, 0), 1);
    return 0;
}

/* One that is reached in two ways is cancelled twice, as in CPython. */
static int reached_twice(void)
{
    asyncio_task *task;
    assert_return_code(asyncio_create_task(asyncio_coro(asyncio_sleep, 1000.0), &task), 0);
    asyncio_future *inner, *one, *two, *outer;
    gather_into(&inner, task);
    gather_into(&one, inner);
    gather_into(&two, inner);
    gather_into(&outer, one, two);
    assert_int_equal(asyncio_future_cancel(outer), 1);
    assert_int_equal(asyncio_task_cancelling(task), 2);
    assert_int_equal(asyncio_await(outer), -ECANCELED);
    asyncio_future_unref(outer);
    asyncio_future_unref(two);
    asyncio_future_unref(one);
    asyncio_future_unref(inner);
    asyncio_task_unref(task);
    return 0;
}

/* A gather of a task that waits for that very gather. */
static int waits_for_its_gather(asyncio_future **gather)
{
    int r = asyncio_sleep(0);
    return r < 0 ? r : asyncio_await(*gather);
}

static int gather_in_a_circle(void)
{
    asyncio_future *gather;
    asyncio_task *task, *beside;
    assert_return_code(asyncio_create_task(asyncio_coro(waits_for_its_gather, &gather), &task), 0);
    assert_return_code(asyncio_create_task(asyncio_coro(asyncio_sleep, 1000.0), &beside), 0);
    gather_into(&gather, task, beside);
    assert_return_code(asyncio_sleep(0), 0);
    assert_return_code(asyncio_sleep(0), 0);
    assert_int_equal(asyncio_future_cancel(gather), 1);
    assert_int_equal(asyncio_await(task), -ECANCELED);
    assert_int_equal(asyncio_await(gather), -ECANCELED);
    assert_int_equal(asyncio_task_cancelling(beside), 1);
    asyncio_future_unref(gather);
    asyncio_task_unref(beside);
    asyncio_task_unref(task);
    return 0;
}

/* The same, with a gather of the gather in between. */
static int waits_for_a_gather_of_its_gather(asyncio_future **gather)
{
    int r = asyncio_sleep(0);
    asyncio_future *outer;
    if (r < 0)
        return r;
    gather_into(&outer, *gather);
    r = asyncio_await(outer);
    asyncio_future_unref(outer);
    return r;
}

static int gather_of_a_gather_in_a_circle(void)
{
    asyncio_future *gather;
    asyncio_task *task;
    assert_return_code(
        asyncio_create_task(asyncio_coro(waits_for_a_gather_of_its_gather, &gather), &task), 0);
    gather_into(&gather, task);
    assert_return_code(asyncio_sleep(0), 0);
    assert_return_code(asyncio_sleep(0), 0);
    assert_int_equal(asyncio_future_cancel(gather), 1);
    assert_int_equal(asyncio_await(task), -ECANCELED);
    assert_int_equal(asyncio_await(gather), -ECANCELED);
    asyncio_future_unref(gather);
    asyncio_task_unref(task);
    return asyncio_sleep(0);
}

static void gathers_of_gathers_cancelled(void **state)
{
    (void)state;
    run(reached_twice);
    run(gather_in_a_circle);
    run(gather_of_a_gather_in_a_circle);
    run(nested_gathers);
    run(nested_tasks);
}

static void exits_again(void *data)
{
    (void)data;
    called++;
    assert_int_equal(asyncio_exit_stack_exit(&the_stack, 5), -ASYNCIO_INVALID_STATE);
}

static int an_exit_stack_left_by_its_own_call(void)
{
    asyncio_exit_stack_enter(&the_stack);
    for (int i = 0; i < 3; i++)
        assert_return_code(asyncio_defer(exits_again, NULL), 0);
    assert_int_equal(asyncio_exit_stack_exit(&the_stack, 5), 5);
    assert_int_equal(called, 3);
    assert_int_equal(asyncio_exit_stack_exit(&the_stack, 5), -ASYNCIO_INVALID_STATE);
    /* and when the task's end leaves it */
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), ignore, NULL);
    asyncio_exit_stack_enter(&the_stack);
    return asyncio_defer(exits_again, NULL);
}

static void an_exit_from_inside(void **state)
{
    (void)state;
    run(an_exit_stack_left_by_its_own_call);
    assert_int_equal(called, 4);
    assert_int_equal(reported, 1);
}

static asyncio_runner the_runner;

static int exits_its_runner(void)
{
    assert_int_equal(asyncio_runner_exit(&the_runner, 3), -ASYNCIO_LOOP_RUNNING);
    return asyncio_sleep(0) < 0 ? -1 : 4;
}

static void a_runner_left_from_inside(void **state)
{
    (void)state;
    asyncio_runner_enter(&the_runner);
    assert_int_equal(asyncio_runner_run(&the_runner, asyncio_coro(exits_its_runner)), 4);
    assert_int_equal(asyncio_runner_exit(&the_runner, 3), 3);
    assert_int_equal(asyncio_runner_exit(&the_runner, 3), 3);
}

static int nothing(void)
{
    return 0;
}

static void a_shutdown_timeout_that_is_no_number(void **state)
{
    (void)state;
    assert_int_equal(asyncio_run(asyncio_coro(nothing), .shutdown_timeout = NAN), -EINVAL);
    asyncio_runner runner;
    assert_int_equal(asyncio_runner_enter(&runner, .shutdown_timeout = NAN), -EINVAL);
    assert_int_equal(asyncio_runner_run(&runner, asyncio_coro(nothing)), -EINVAL);
    assert_int_equal(asyncio_runner_exit(&runner, 0), -EINVAL);
}

static void a_future_of_another_loop(void **state)
{
    (void)state;
    asyncio_loop *loops[2];
    asyncio_future *future;
    for (int i = 0; i < 2; i++)
        assert_return_code(asyncio_loop_new(&loops[i]), 0);
    assert_return_code(asyncio_loop_create_future(loops[1], &future), 0);
    assert_int_equal(asyncio_loop_run_until_complete(loops[0], future), -EINVAL);
    assert_int_equal(asyncio_loop_run_until_complete(loops[0], (asyncio_future *)NULL), -EINVAL);
    asyncio_future_unref(future);
    for (int i = 0; i < 2; i++) {
        assert_return_code(asyncio_loop_close(loops[i]), 0);
        asyncio_loop_unref(loops[i]);
    }
}

struct large {
    char bytes[(1 << 15) + 16];
};

static int takes_large(struct large *large)
{
    return large->bytes[sizeof large->bytes - 1];
}

static int a_stack_that_is_beyond_all_size(void)
{
    static struct large large;
    asyncio_task *task = NULL;
    large.bytes[sizeof large.bytes - 1] = 7;
    assert_int_equal(asyncio_create_task(asyncio_coro_copy(takes_large, &large), &task,
                                         .stack_size = SIZE_MAX - 7),
                     -ENOMEM);
    assert_null(task);
    return 0;
}

static void a_size_that_overflows(void **state)
{
    (void)state;
    run(a_stack_that_is_beyond_all_size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(done_callbacks),
        cmocka_unit_test(a_future_finished_after_its_loop),
        cmocka_unit_test(a_handler_that_keeps_what_it_is_shown),
        cmocka_unit_test(tasks_that_await_one_another),
        cmocka_unit_test(a_long_chain_cancelled),
        cmocka_unit_test(gathers_of_gathers_cancelled),
        cmocka_unit_test(an_exit_from_inside),
        cmocka_unit_test(a_runner_left_from_inside),
        cmocka_unit_test(a_shutdown_timeout_that_is_no_number),
        cmocka_unit_test(a_future_of_another_loop),
        cmocka_unit_test(a_size_that_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
