/* SPDX-License-Identifier: MIT */
/* run
 *
 * Callbacks with and without data, of a future and of a task, and what their options take. */
#include <asyncio.h>
#include <signal.h>
#include <unistd.h>
#include "check.h"

static int called, destroyed;

static void plain(asyncio_loop *loop)
{
    (void)loop;
    called |= 1;
}

static void with_data(asyncio_loop *loop, void *data)
{
    CHECK(loop == asyncio_get_running_loop());
    called |= *(int *)data;
}

static void with_nothing(void)
{
    called |= 4;
}

static void destroy(void *data)
{
    destroyed += *(int *)data;
}

static void future_done(asyncio_future *future)
{
    called |= asyncio_future_done(future) ? 8 : 0;
}

static void future_done_data(asyncio_future *future, void *data)
{
    called |= asyncio_future_result(future) == 5 ? *(int *)data : 0;
}

static void task_done(asyncio_task *task)
{
    called |= asyncio_task_done(task) ? 32 : 0;
}

static void task_done_data(asyncio_task *task, void *data)
{
    const asyncio_task *constant = task;
    called |=
        asyncio_future_done(constant) && !asyncio_future_cancelled(constant) ? *(int *)data : 0;
}

static void readable(int descriptor, void *data)
{
    char byte;
    called |= read(descriptor, &byte, 1) == 1 ? *(int *)data : 0;
    asyncio_loop_remove_reader(asyncio_get_running_loop(), descriptor);
}

static void writable(int descriptor)
{
    called |= 256;
    asyncio_loop_remove_writer(asyncio_get_running_loop(), descriptor);
}

static void on_signal(int number)
{
    called |= number == SIGUSR1 ? 512 : 0;
}

static void on_exception(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    called |= context->exception == -EIO ? *(int *)data : 0;
}

static int give(int value)
{
    return value;
}

static int loop_callbacks(asyncio_loop *loop)
{
    int two = 2;
    asyncio_handle *handle;
    asyncio_loop_callback *stored = with_data;
    CHECK(asyncio_loop_call_soon(loop, plain, NULL) == 0);
    CHECK(asyncio_loop_call_soon(loop, with_data, NULL, .data = &two) == 0);
    CHECK(asyncio_loop_call_soon(loop, stored, &handle, .data = &two, .destroy = destroy) == 0);
    asyncio_handle_cancel(handle);
    CHECK(destroyed == 2);
    asyncio_handle_unref(handle);
    CHECK(asyncio_loop_call_soon_threadsafe(loop, with_nothing, NULL) == 0);
    CHECK(asyncio_loop_call_later(loop, 0.001, plain, NULL) == 0);
    CHECK(asyncio_loop_call_later(loop, 100, with_nothing, &handle, .context = NULL) == 0);
    asyncio_handle_cancel(handle);
    asyncio_handle_unref(handle);
    CHECK(asyncio_loop_call_at(loop, asyncio_loop_time(loop), &with_nothing, NULL) == 0);
    CHECK(asyncio_loop_call_soon(loop, with_data, NULL, .data = &(int){ 1 }) == 0);
    CHECK(asyncio_sleep(0.01) == 0);
    CHECK((called & 7) == 7);
    return 0;
}

static int future_callbacks(asyncio_loop *loop)
{
    int sixteen = 16, sixty_four = 64;
    asyncio_future *future;
    asyncio_task *task;
    CHECK(asyncio_loop_create_future(loop, &future) == 0);
    CHECK(asyncio_future_add_done_callback(future, future_done) == 0);
    CHECK(asyncio_future_add_done_callback(future, future_done_data, .data = &sixteen) == 0);
    CHECK(asyncio_future_add_done_callback(future, future_done) == 0);
    CHECK(asyncio_future_remove_done_callback(future, future_done, NULL) == 2);
    CHECK(asyncio_future_add_done_callback(future, &future_done) == 0);
    CHECK(asyncio_future_set_result(future, 5) == 0);
    CHECK(asyncio_create_task(asyncio_coro(give, 3), &task) == 0);
    CHECK(asyncio_task_add_done_callback(task, task_done) == 0);
    CHECK(asyncio_future_add_done_callback(task, task_done_data, .data = &sixty_four,
                                           .destroy = destroy) == 0);
    CHECK(asyncio_future_add_done_callback(task, future_done) == 0);
    CHECK(asyncio_task_remove_done_callback(task, future_done, NULL) == 1);
    CHECK(asyncio_await(task) == 3);
    CHECK(asyncio_sleep(0) == 0);
    CHECK((called & (8 + 16 + 32 + 64)) == 8 + 16 + 32 + 64);
    CHECK(destroyed == 66);
    CHECK(asyncio_future_get_loop(task) == loop && asyncio_future_value(task) == NULL);
    CHECK(asyncio_future_cancel_message(future) == NULL);
    asyncio_future_unref(asyncio_future_ref(future));
    asyncio_future_unref(future);
    asyncio_future_unref(task);
    CHECK(asyncio_loop_create_future(loop, &future) == 0);
    CHECK(asyncio_future_set_result(future, 5, .value = &sixteen, .destroy = NULL) == 0);
    CHECK(asyncio_future_value(future) == &sixteen);
    CHECK(asyncio_future_cancel(future, .message = "late") == 0);
    CHECK(asyncio_future_set_exception(future, -EIO) == -ASYNCIO_INVALID_STATE);
    int code;
    CHECK(asyncio_future_exception(future, &code) == 0 && code == 0);
    asyncio_future_unref(future);
    return 0;
}

static int descriptor_callbacks(asyncio_loop *loop)
{
    int bit = 128, exception_bit = 1024;
    int ends[2];
    CHECK(pipe(ends) == 0);
    CHECK(asyncio_loop_add_reader(loop, ends[0], readable, .data = &bit, .destroy = NULL) == 0);
    CHECK(asyncio_loop_add_writer(loop, ends[1], writable) == 0);
    CHECK(asyncio_loop_add_signal_handler(loop, SIGUSR1, on_signal) == 0);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK(raise(SIGUSR1) == 0);
    for (int i = 0; i < 100 && (called & (128 + 256 + 512)) != 128 + 256 + 512; i++)
        CHECK(asyncio_sleep(0.001) == 0);
    CHECK((called & (128 + 256 + 512)) == 128 + 256 + 512);
    CHECK(asyncio_loop_remove_signal_handler(loop, SIGUSR1) == 1);
    close(ends[0]);
    close(ends[1]);
    asyncio_loop_set_exception_handler(loop, on_exception, &exception_bit);
    asyncio_loop_call_exception_handler(loop, .message = "something", .exception = -EIO);
    CHECK((called & 1024) == 1024);
    asyncio_loop_set_exception_handler(loop, NULL, NULL);
    return 0;
}

static int program(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    int r = loop_callbacks(loop);
    if (r == 0)
        r = future_callbacks(loop);
    return r < 0 ? r : descriptor_callbacks(loop);
}

int main(void)
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return verdict();
}
