/* SPDX-License-Identifier: MIT */
/* Debug mode: each call that is not thread-safe, made from another thread than the loop's, is
 * refused; what returns nothing is reported by the loop. */
/* TEST: timeout 120 */
#include <asyncio.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char said[1 << 13];

static void handler(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)data;
    size_t length = strlen(said);
    snprintf(said + length, sizeof said - length, "%s\n", context->message);
    assert_int_equal(context->exception, -ASYNCIO_WRONG_THREAD);
}

static int make_loop(asyncio_loop **ret_loop, void *data)
{
    (void)data;
    int r = asyncio_loop_new(ret_loop);
    if (r < 0)
        return r;
    asyncio_loop_set_exception_handler(*ret_loop, handler, NULL);
    return asyncio_loop_set_slow_callback_duration(*ret_loop, 1e9); /* the machine may be slow */
}

static struct {
    asyncio_loop *loop;
    asyncio_task *task;
    asyncio_future *future;
    asyncio_handle *handle;
    asyncio_event event;
    int ends[2];
    unsigned wrong;
    int sentences;
} all;

static void callback(asyncio_loop *loop)
{
    (void)loop;
    all.wrong++;
}

static void on_descriptor(int descriptor)
{
    (void)descriptor;
}

static void on_done(asyncio_future *future)
{
    (void)future;
}

static unsigned destroyed;

static void destroy(void *value)
{
    (void)value;
    destroyed++;
}

static int sleeps(void)
{
    return asyncio_sleep(100);
}

static void expect(const char *what, int r)
{
    if (r == -ASYNCIO_WRONG_THREAD) {
        const asyncio_error *error = asyncio_last_error(r);
        all.sentences += error && error->text && strstr(error->text, "thread") != NULL;
        return;
    }
    fprintf(stderr, "%s: %d\n", what, r);
    all.wrong++;
}
#define EXPECT(call) (expect(#call, (call)), made++)

static unsigned calls_that_return(void)
{
    unsigned made = 0;
    asyncio_future *future;
    asyncio_task *task;
    EXPECT(asyncio_loop_call_soon(all.loop, callback, NULL));
    EXPECT(asyncio_loop_call_later(all.loop, 0, callback, NULL));
    EXPECT(asyncio_loop_call_at(all.loop, 0, callback, NULL));
    EXPECT(asyncio_loop_add_reader(all.loop, all.ends[0], on_descriptor));
    EXPECT(asyncio_loop_add_writer(all.loop, all.ends[1], on_descriptor));
    EXPECT(asyncio_loop_remove_reader(all.loop, all.ends[0]));
    EXPECT(asyncio_loop_remove_writer(all.loop, all.ends[1]));
    EXPECT(asyncio_loop_add_signal_handler(all.loop, SIGUSR2, on_descriptor));
    EXPECT(asyncio_loop_remove_signal_handler(all.loop, SIGUSR2));
    EXPECT(asyncio_loop_create_future(all.loop, &future));
    EXPECT(asyncio_loop_create_task(all.loop, asyncio_coro(sleeps), &task));
    EXPECT(asyncio_task_new(all.loop, asyncio_coro(sleeps), &task, NULL));
    EXPECT(asyncio_all_tasks(all.loop, NULL, 0));
    EXPECT(asyncio_loop_dump_tasks(all.loop, NULL));
    EXPECT(asyncio_future_set_result(all.future, 1, .value = &all, .destroy = destroy));
    EXPECT(asyncio_future_set_exception(all.future, -EPIPE));
    EXPECT(asyncio_future_cancel(all.future));
    EXPECT(asyncio_future_add_done_callback(all.future, on_done));
    EXPECT(asyncio_future_remove_done_callback(all.future, on_done, NULL));
    EXPECT(asyncio_task_cancel(all.task));
    EXPECT(asyncio_task_uncancel(all.task));
    EXPECT(asyncio_task_set_name(all.task, "stolen"));
    EXPECT(asyncio_task_add_done_callback(all.task, on_done));
    EXPECT(asyncio_task_remove_done_callback(all.task, on_done, NULL));
    return made;
}

static void calls_that_return_nothing(void)
{
    asyncio_loop_stop(all.loop);
    asyncio_handle_cancel(all.handle);
    asyncio_task_unref(all.task);
    asyncio_future_unref(all.future);
    (void)asyncio_task_ref(all.task);
    (void)asyncio_future_ref(all.future);
    (void)asyncio_event_set(&all.event);
}

static void *elsewhere(void *made)
{
    *(unsigned *)made = calls_that_return();
    calls_that_return_nothing();
    return NULL;
}

static int waits(void)
{
    return asyncio_event_wait(&all.event);
}

static int program(unsigned *ret_made)
{
    asyncio_task *waiter;
    pthread_t thread;
    all.loop = asyncio_get_running_loop();
    asyncio_event_init(&all.event);
    int r = asyncio_create_task(asyncio_coro(sleeps), &all.task, .name = "mine");
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(waits), &waiter);
    if (r >= 0)
        r = asyncio_future_new(&all.future);
    if (r >= 0)
        r = asyncio_loop_call_later(all.loop, 100, callback, &all.handle);
    if (r >= 0)
        r = asyncio_sleep(0);
    assert_return_code(r, 0);
    assert_int_equal(pthread_create(&thread, NULL, elsewhere, ret_made), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_return_code(asyncio_sleep(0.001), 0);
    assert_false(asyncio_future_done(all.future));
    assert_int_equal(asyncio_task_cancelling(all.task), 0);
    assert_string_equal(asyncio_task_get_name(all.task), "mine");
    assert_false(asyncio_handle_cancelled(all.handle));
    assert_false(asyncio_task_done(waiter));
    asyncio_handle_cancel(all.handle);
    asyncio_handle_unref(all.handle);
    asyncio_task_cancel(waiter);
    asyncio_task_cancel(all.task);
    r = asyncio_await(waiter);
    assert_int_equal(r, -ECANCELED);
    r = asyncio_await(all.task);
    assert_int_equal(r, -ECANCELED);
    asyncio_task_unref(waiter);
    asyncio_task_unref(all.task);
    asyncio_future_unref(all.future);
    return asyncio_event_fini(&all.event);
}

static void every_call_that_is_not_thread_safe(void **state)
{
    (void)state;
    unsigned made = 0;
    memset(&all, 0, sizeof all);
    said[0] = 0;
    assert_int_equal(pipe(all.ends), 0);
    assert_return_code(
        asyncio_run(asyncio_coro(program, &made), .debug = 1, .loop_factory = make_loop), 0);
    close(all.ends[0]);
    close(all.ends[1]);
    assert_int_equal(all.wrong, 0);
    assert_int_equal(made, 24);
    assert_true(all.sentences >= 22);
    assert_int_equal(destroyed, 1); /* the value of a result that was refused */
    static const char *const names[] = { "asyncio_loop_stop", "asyncio_handle_cancel",
                                         "asyncio_task_unref", "asyncio_future_unref",
                                         "asyncio_task_ref", "asyncio_future_ref",
                                         "waking who waits for a lock or a queue" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char line[200];
        snprintf(line, sizeof line,
                 "%s is not thread-safe, and was called from another thread than the loop's\n",
                 names[i]);
        if (!strstr(said, line))
            fail_msg("'%s' is not in: %s", line, said);
    }
}

/* --- what is allowed --- */

static void stops(asyncio_loop *loop)
{
    asyncio_loop_stop(loop);
}

static int returns(void)
{
    return 4;
}

static void *thread_safe_calls(void *loop)
{
    asyncio_concurrent_future *future;
    int r = asyncio_run_coroutine_threadsafe(asyncio_coro(returns), loop, &future);
    assert_return_code(r, 0);
    assert_int_equal(asyncio_concurrent_future_result(future, ASYNCIO_NONE), 4);
    asyncio_concurrent_future_unref(future);
    assert_int_equal(asyncio_loop_is_running(loop), 1);
    assert_true(asyncio_loop_time(loop) > 0);
    assert_return_code(asyncio_loop_call_soon_threadsafe(loop, stops, NULL), 0);
    return NULL;
}

static void thread_safe_calls_and_a_loop_that_does_not_run(void **state)
{
    (void)state;
    asyncio_loop *loop;
    pthread_t thread;
    said[0] = 0;
    assert_return_code(make_loop(&loop, NULL), 0);
    asyncio_loop_set_debug(loop, 1);
    assert_int_equal(pthread_create(&thread, NULL, thread_safe_calls, loop), 0);
    assert_return_code(asyncio_loop_run_forever(loop), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    /* made here, before a run in another thread */
    asyncio_future *future;
    assert_return_code(asyncio_loop_create_future(loop, &future), 0);
    assert_return_code(asyncio_future_set_result(future, 1), 0);
    asyncio_future_unref(future);
    assert_string_equal(said, "");
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_that_is_not_thread_safe),
        cmocka_unit_test(thread_safe_calls_and_a_loop_that_does_not_run),
    };
    return cmocka_run_group_tests_name("wrong thread", tests, NULL, NULL);
}
