/* SPDX-License-Identifier: MIT */
/* A loop whose last reference goes before it was closed: closed, and reported with its tasks, also
 * when tasks and futures of it are still referred to. */
#include <asyncio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char said[1000];

static void handler(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)data;
    assert_non_null(asyncio_loop_ref(loop)); /* it may look at it */
    asyncio_loop_unref(loop);
    size_t length = strlen(said);
    snprintf(said + length, sizeof said - length, "%s%s%s\n", context->message,
             context->task ? " " : "", context->task ? asyncio_task_get_name(context->task) : "");
}

static asyncio_loop *loop_with_a_handler(void)
{
    asyncio_loop *loop;
    said[0] = 0;
    assert_return_code(asyncio_loop_new(&loop), 0);
    asyncio_loop_set_exception_handler(loop, handler, NULL);
    return loop;
}

static int forever(void)
{
    return asyncio_sleep(1e6);
}

static void without_tasks(void **state)
{
    (void)state;
    asyncio_loop_unref(loop_with_a_handler());
    assert_string_equal(said, "the event loop was not closed\n");
}

static void with_pending_tasks(void **state)
{
    (void)state;
    asyncio_loop *loop = loop_with_a_handler();
    assert_return_code(asyncio_loop_create_task(loop, asyncio_coro(forever), NULL, .name = "a"), 0);
    assert_return_code(asyncio_loop_create_task(loop, asyncio_coro(forever), NULL, .name = "b"), 0);
    (void)asyncio_loop_step(loop);
    asyncio_loop_unref(loop);
    assert_string_equal(said, "the event loop was not closed: 2 tasks are pending\n"
                              "Task was destroyed but it is pending! a\n"
                              "Task was destroyed but it is pending! b\n");
}

static void with_a_task_somebody_has(void **state)
{
    (void)state;
    asyncio_loop *loop = loop_with_a_handler();
    asyncio_task *task;
    asyncio_future *future;
    assert_return_code(asyncio_loop_create_task(loop, asyncio_coro(forever), &task, .name = "c"),
                       0);
    assert_return_code(asyncio_loop_create_future(loop, &future), 0);
    asyncio_loop_unref(loop);
    assert_string_equal(said, "the event loop was not closed: 1 task is pending\n"
                              "Task was destroyed but it is pending! c\n");
    assert_int_equal(asyncio_task_done(task), 0);
    assert_int_equal(asyncio_loop_is_closed(asyncio_future_get_loop(future)), 1);
    assert_return_code(asyncio_future_set_result(future, 1), 0);
    asyncio_task_unref(task);
    asyncio_future_unref(future); /* the loop's memory goes with it */
}

static void one_that_was_closed(void **state)
{
    (void)state;
    asyncio_loop *loop = loop_with_a_handler();
    asyncio_future *future;
    assert_return_code(asyncio_loop_create_future(loop, &future), 0);
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
    assert_int_equal(asyncio_future_done(future), 0);
    asyncio_future_unref(future);
    assert_string_equal(said, "");
}

static void one_that_others_refer_to(void **state)
{
    (void)state;
    asyncio_loop *loop = loop_with_a_handler();
    asyncio_task *task;
    asyncio_set_event_loop(loop);
    assert_return_code(asyncio_loop_create_task(loop, asyncio_coro(forever), &task), 0);
    asyncio_loop_unref(loop);
    assert_string_equal(said, "");
    asyncio_task_cancel(task);
    assert_int_equal(asyncio_loop_run_until_complete(asyncio_get_event_loop(), task), -ECANCELED);
    asyncio_task_unref(task);
    asyncio_set_event_loop(NULL);
    assert_string_equal(said, "the event loop was not closed\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_tasks),
        cmocka_unit_test(with_pending_tasks),
        cmocka_unit_test(with_a_task_somebody_has),
        cmocka_unit_test(one_that_was_closed),
        cmocka_unit_test(one_that_others_refer_to),
    };
    return cmocka_run_group_tests_name("unclosed", tests, NULL, NULL);
}
