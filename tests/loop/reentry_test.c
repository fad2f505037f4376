/* SPDX-License-Identifier: MIT */
/* A loop that is called from where one does not expect it: from destroy functions, from handlers,
 * while it closes, and with its last reference given back in its own callback. */
/* TEST: timeout 60 */
#include "base/alloc.h"
#include "base/error.h"

#include <asyncio.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static asyncio_loop *the_loop;
static int ends[2];
static unsigned destroyed, called, reported;

static void count_destroy(void *data)
{
    (void)data;
    destroyed++;
}

static void never(asyncio_loop *loop)
{
    (void)loop;
    called++;
}

static void ready(int descriptor)
{
    (void)descriptor;
    called++;
}

static void stops(int descriptor)
{
    (void)descriptor;
    called++;
    asyncio_loop_stop(the_loop);
}

static int begin(void **state)
{
    (void)state;
    destroyed = called = reported = 0;
    return asyncio_loop_new(&the_loop) < 0 || pipe(ends) < 0;
}

static int finish(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    if (!the_loop)
        return 0;
    int r = asyncio_loop_close(the_loop);
    asyncio_loop_unref(the_loop);
    return r;
}

/* --- replacing what has a destroy --- */

static void removes_the_reader(void *data)
{
    (void)data;
    destroyed++;
    (void)asyncio_loop_remove_reader(the_loop, ends[0]);
}

static void a_reader_replaced_whose_destroy_removes_it(void **state)
{
    (void)state;
    assert_return_code(
        asyncio_loop_add_reader(the_loop, ends[0], ready, .destroy = removes_the_reader), 0);
    assert_return_code(
        asyncio_loop_add_reader(the_loop, ends[0], ready, .destroy = count_destroy), 0);
    assert_int_equal(destroyed, 2); /* the old one's removed the new one */
    assert_int_equal(asyncio_loop_remove_reader(the_loop, ends[0]), 0);
    assert_return_code(asyncio_loop_add_reader(the_loop, ends[0], stops), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_return_code(asyncio_loop_run_forever(the_loop), 0);
    assert_int_equal(called, 1);
    assert_int_equal(asyncio_loop_remove_reader(the_loop, ends[0]), 1);
}

static void adds_the_reader(void *data)
{
    (void)data;
    destroyed++;
    assert_return_code(
        asyncio_loop_add_reader(the_loop, ends[0], stops, .destroy = count_destroy), 0);
}

static void a_reader_removed_whose_destroy_adds_one(void **state)
{
    (void)state;
    assert_return_code(
        asyncio_loop_add_reader(the_loop, ends[0], ready, .destroy = adds_the_reader), 0);
    assert_int_equal(asyncio_loop_remove_reader(the_loop, ends[0]), 1);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_return_code(asyncio_loop_run_forever(the_loop), 0);
    assert_int_equal(called, 1);
    assert_int_equal(asyncio_loop_remove_reader(the_loop, ends[0]), 1);
    assert_int_equal(destroyed, 2);
}

/* Each destroy adds the next: closing must end, and call every one. */
static void adds_the_reader_again(void *data)
{
    (void)data;
    destroyed++;
    int r = asyncio_loop_add_reader(the_loop, ends[0], ready, .destroy = adds_the_reader_again);
    assert_int_equal(r, -ASYNCIO_LOOP_CLOSED);
}

static void a_reader_added_while_the_loop_closes(void **state)
{
    (void)state;
    assert_return_code(
        asyncio_loop_add_reader(the_loop, ends[0], ready, .destroy = adds_the_reader_again), 0);
    assert_return_code(asyncio_loop_close(the_loop), 0);
    assert_int_equal(destroyed, 1);
}

static void on_signal(int number)
{
    (void)number;
    called++;
    asyncio_loop_stop(the_loop);
}

static void removes_the_handler(void *data)
{
    (void)data;
    destroyed += 10;
    (void)asyncio_loop_remove_signal_handler(the_loop, SIGUSR1);
}

static void a_signal_handler_replaced_whose_destroy_removes_it(void **state)
{
    (void)state;
    assert_return_code(asyncio_loop_add_signal_handler(the_loop, SIGUSR1, on_signal,
                                                       .destroy = removes_the_handler),
                       0);
    assert_return_code(asyncio_loop_add_signal_handler(the_loop, SIGUSR1, on_signal,
                                                       .destroy = count_destroy),
                       0);
    assert_int_equal(destroyed, 11);
    assert_int_equal(asyncio_loop_remove_signal_handler(the_loop, SIGUSR1), 0);
    assert_return_code(asyncio_loop_add_signal_handler(the_loop, SIGUSR1, on_signal), 0);
    raise(SIGUSR1);
    assert_return_code(asyncio_loop_run_forever(the_loop), 0);
    assert_int_equal(called, 1);
}

/* --- closing --- */

static void closes_it(void *data)
{
    (void)data;
    destroyed++;
    assert_int_equal(asyncio_loop_close(the_loop), 0);
    assert_int_equal(asyncio_loop_run_forever(the_loop), -ASYNCIO_LOOP_CLOSED);
    assert_int_equal(asyncio_loop_step(the_loop), -ASYNCIO_LOOP_CLOSED);
}

static void closed_again_while_it_closes(void **state)
{
    (void)state;
    assert_return_code(asyncio_loop_call_soon(the_loop, never, NULL, .destroy = closes_it), 0);
    assert_return_code(asyncio_loop_call_later(the_loop, 1, never, NULL, .destroy = closes_it), 0);
    assert_return_code(
        asyncio_loop_add_reader(the_loop, ends[0], ready, .destroy = closes_it), 0);
    assert_return_code(asyncio_loop_add_signal_handler(the_loop, SIGUSR1, on_signal,
                                                       .destroy = closes_it),
                       0);
    assert_return_code(asyncio_loop_call_soon(the_loop, never, NULL, .destroy = closes_it), 0);
    assert_return_code(asyncio_loop_close(the_loop), 0);
    assert_int_equal(destroyed, 5);
    assert_int_equal(called, 0);
}

static void schedules(void *data)
{
    int code = asyncio_loop_call_soon(the_loop, never, NULL, .destroy = count_destroy);
    assert_int_equal(code, -ASYNCIO_LOOP_CLOSED);
    code = asyncio_loop_call_later(the_loop, 1, never, NULL, .destroy = count_destroy);
    assert_int_equal(code, -ASYNCIO_LOOP_CLOSED);
    code = asyncio_loop_call_soon_threadsafe(the_loop, never, NULL, .destroy = count_destroy);
    assert_int_equal(code, -ASYNCIO_LOOP_CLOSED);
    count_destroy(data);
}

static void scheduling_while_it_closes(void **state)
{
    (void)state;
    uint64_t before = asyncio__alloc_live();
    assert_return_code(asyncio_loop_call_soon(the_loop, never, NULL, .destroy = schedules), 0);
    assert_return_code(asyncio_loop_call_later(the_loop, 9, never, NULL, .destroy = schedules), 0);
    assert_return_code(
        asyncio_loop_add_reader(the_loop, ends[0], ready, .destroy = schedules), 0);
    assert_return_code(asyncio_loop_close(the_loop), 0);
    assert_int_equal(destroyed, 3);
    asyncio_loop_unref(the_loop);
    the_loop = NULL;
    assert_true(asyncio__alloc_live() < before);
}

static int forever(void)
{
    return asyncio_sleep(1000);
}

static void makes_a_task(asyncio_loop *loop, const asyncio_exception_context *context)
{
    assert_non_null(context->task);
    reported++;
    assert_int_equal(asyncio_loop_is_closed(loop), 1);
    assert_int_equal(asyncio_loop_create_task(loop, asyncio_coro(forever), NULL),
                     -ASYNCIO_LOOP_CLOSED);
    assert_true(asyncio_loop_time(loop) > 0);
    assert_int_equal(asyncio_all_tasks(loop, NULL, 0), 3 - (int)reported);
}

static void a_handler_that_makes_tasks_of_a_closing_loop(void **state)
{
    (void)state;
    asyncio_loop_set_exception_handler(the_loop, (asyncio_exception_handler *)(void *)makes_a_task,
                                       NULL);
    assert_return_code(asyncio_loop_create_task(the_loop, asyncio_coro(forever), NULL), 0);
    assert_return_code(asyncio_loop_create_task(the_loop, asyncio_coro(forever), NULL), 0);
    assert_return_code(asyncio_loop_step(the_loop), 0);
    assert_return_code(asyncio_loop_close(the_loop), 0);
    assert_int_equal(reported, 2);
}

static void gives_the_last_reference_back(asyncio_loop *loop)
{
    called++;
    asyncio_loop_unref(loop);
    asyncio_loop_stop(loop);
}

static void notes(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)data;
    reported++;
    assert_string_equal(context->message, "the event loop was not closed");
}

static void the_last_reference_given_back_inside(void **state)
{
    (void)state;
    asyncio_loop_set_exception_handler(the_loop, notes, NULL);
    assert_return_code(asyncio_loop_call_soon(the_loop, gives_the_last_reference_back, NULL), 0);
    assert_return_code(asyncio_loop_run_forever(the_loop), 0);
    the_loop = NULL;
    assert_int_equal(called, 1);
    assert_int_equal(reported, 1);
}

static atomic_bool is_over;

static void *sends_signals(void *data)
{
    (void)data;
    while (!atomic_load(&is_over)) {
        kill(getpid(), SIGUSR1);
        usleep(20);
    }
    return NULL;
}

static void hears(int number)
{
    (void)number;
    called++;
}

static int a_moment(void)
{
    return asyncio_sleep(0.0002);
}

/* Handlers run in the other thread, too, while loops come and go. */
static void signals_that_another_thread_gets(void **state)
{
    (void)state;
    pthread_t thread;
    struct sigaction before, none = { .sa_handler = SIG_IGN };
    sigaction(SIGUSR1, &none, &before);
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&thread, NULL, sends_signals, NULL), 0);
    for (int i = 0; i < 100; i++) {
        asyncio_loop *loop;
        assert_return_code(asyncio_loop_new(&loop), 0);
        assert_return_code(asyncio_loop_add_signal_handler(loop, SIGUSR1, hears), 0);
        assert_return_code(asyncio_loop_run_until_complete(loop, asyncio_coro(a_moment)), 0);
        assert_return_code(asyncio_loop_close(loop), 0);
        asyncio_loop_unref(loop);
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &before, NULL);
}

static void what_a_closed_loop_answers(void **state)
{
    (void)state;
    double before = asyncio_loop_time(the_loop);
    assert_return_code(asyncio_loop_close(the_loop), 0);
    assert_true(asyncio_loop_time(the_loop) >= before); /* the clock never goes back */
    assert_int_equal(asyncio_loop_fileno(the_loop), -ASYNCIO_LOOP_CLOSED);
    assert_int_equal(asyncio_loop_remove_reader(the_loop, ends[0]), -ASYNCIO_LOOP_CLOSED);
    assert_int_equal(asyncio_loop_remove_signal_handler(the_loop, SIGUSR1), 0);
    assert_int_equal(asyncio_loop_is_running(the_loop), 0);
    assert_int_equal(asyncio_all_tasks(the_loop, NULL, 0), 0);
    asyncio_loop_stop(the_loop);
    (void)asyncio_loop_timeout(the_loop);
    assert_non_null(asyncio_loop_backend(the_loop));
}

int main(void)
{
    asyncio__alloc_track();
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        TEST(a_reader_replaced_whose_destroy_removes_it),
        TEST(a_reader_removed_whose_destroy_adds_one),
        TEST(a_reader_added_while_the_loop_closes),
        TEST(a_signal_handler_replaced_whose_destroy_removes_it),
        TEST(closed_again_while_it_closes),
        TEST(scheduling_while_it_closes),
        TEST(a_handler_that_makes_tasks_of_a_closing_loop),
        TEST(the_last_reference_given_back_inside),
        TEST(signals_that_another_thread_gets),
        TEST(what_a_closed_loop_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
