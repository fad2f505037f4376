/* SPDX-License-Identifier: MIT */
/* Executors and threads' futures where they do not belong: in a forked child, after the loop, on
 * another loop; and futures of threads that outlive the loop that follows them. */
/* TEST: timeout 60 */
#include "base/alloc.h"
#include "base/error.h"
#include "coro/coro.h"
#include "coro/sanitizer.h"

#include <asyncio.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int nothing(void)
{
    return 0;
}

static int five(void)
{
    return 5;
}

static int in_executor(asyncio_executor *executor)
{
    asyncio_future *future;
    int r = asyncio_loop_run_in_executor(asyncio_get_running_loop(), executor, asyncio_coro(five),
                                         &future);
    if (r < 0)
        return r;
    r = asyncio_await(future);
    asyncio_future_unref(future);
    return r;
}

/* On a backend with threads of its own there is nothing to see. */
static int on_epoll(asyncio_loop **ret_loop, void *data)
{
    (void)data;
    return asyncio_loop_new(ret_loop, .backend = "epoll");
}

static int child_uses(asyncio_executor *executor)
{
    (void)alarm(20); /* a hang ends it */
    int r = asyncio_run(asyncio_coro(in_executor, executor), .loop_factory = on_epoll);
    if (r != -ASYNCIO_FORKED)
        return 1;
    asyncio_executor_shutdown(executor, 1);
    asyncio_executor_unref(asyncio_executor_ref(executor));
    /* one of its own works */
    asyncio_executor *own;
    if (asyncio_thread_pool_executor_new(1, &own) < 0)
        return 2;
    r = asyncio_run(asyncio_coro(in_executor, own), .loop_factory = on_epoll);
    asyncio_executor_unref(own);
    return r == 5 ? 0 : 3;
}

static int status_of(pid_t child)
{
    int status = -1;
    while (waitpid(child, &status, 0) < 0)
        continue;
    return status;
}

static int uses_and_forks(asyncio_executor *executor)
{
    int r = in_executor(executor);
    if (r != 5)
        return -EIO;
    pid_t child = fork();
    if (child == 0)
        _exit(child_uses(executor));
    return status_of(child);
}

static void an_executor_in_a_forked_child(void **state)
{
    (void)state;
#if defined(ASYNCIO__SANITIZE_THREAD)
    skip(); /* it lets no child of a process with threads have threads of its own */
#endif
    if (getenv("ASYNCIO_TEST_EMULATED"))
        skip(); /* nor does qemu */
    asyncio_executor *executor;
    assert_return_code(asyncio_thread_pool_executor_new(2, &executor), 0);
    assert_int_equal(
        asyncio_run(asyncio_coro(uses_and_forks, executor), .loop_factory = on_epoll), 0);
    asyncio_executor_unref(executor);
}

static sem_t begun, may_end;

static int blocks(void)
{
    sem_post(&begun);
    while (sem_wait(&may_end) < 0)
        continue;
    return 0;
}

/* Its pool's lock and threads are the parent's: closing must not wait for them. */
static void a_loop_with_busy_threads_closed_in_a_child(void **state)
{
    (void)state;
#if defined(ASYNCIO__SANITIZE_THREAD)
    skip(); /* it lets no child of a process with threads have threads of its own */
#endif
    if (sanitizer_is_valgrind())
        skip(); /* what the parent's thread works on is nobody's in the child, and found lost */
    asyncio_loop *loop;
    asyncio_future *future;
    sem_init(&begun, 0, 0);
    sem_init(&may_end, 0, 0);
    assert_return_code(asyncio_loop_new(&loop, .backend = "epoll"), 0);
    assert_return_code(asyncio_loop_run_in_executor(loop, NULL, asyncio_coro(blocks), &future), 0);
    while (sem_wait(&begun) < 0)
        continue;
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(20);
        int r = asyncio_loop_close(loop);
        asyncio_future_unref(future);
        asyncio_loop_unref(loop);
        _exit(r < 0);
    }
    assert_int_equal(status_of(child), 0);
    sem_post(&may_end);
    assert_int_equal(asyncio_loop_run_until_complete(loop, future), 0);
    asyncio_future_unref(future);
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
}

static void a_null_function_from_another_thread(void **state)
{
    (void)state;
    asyncio_loop *loop;
    asyncio_coro none = { .type = NULL };
    assert_return_code(asyncio_loop_new(&loop), 0);
    assert_int_equal(asyncio_run_coroutine_threadsafe(none, loop, NULL), -EINVAL);
    none.type = &asyncio__stackful;
    assert_int_equal(asyncio_run_coroutine_threadsafe(none, loop, NULL), -EINVAL);
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
}

static int never_resumed(void *state, int sent, asyncio_future **ret_awaits)
{
    (void)state, (void)sent, (void)ret_awaits;
    return -EIO;
}

static void count_one(void *state)
{
    ++*(int *)state;
}

/* Its loop is closed, closes before it begins, or it is cancelled before that. */
static void a_coroutine_of_ones_own_kind_that_never_begins(void **state)
{
    (void)state;
    static const asyncio_coroutine_type type = {
        .size = sizeof type, .name = "own", .resume = never_resumed, .destroy = count_one
    };
    for (int way = 0; way < 3; way++) {
        int destroyed = 0, closed = 0;
        asyncio_loop *loop;
        asyncio_concurrent_future *future = NULL;
        asyncio_coro coro = asyncio_coro_of(&type, &destroyed);
        assert_return_code(asyncio_loop_new(&loop), 0);
        if (way == 0)
            assert_return_code(asyncio_loop_close(loop), 0);
        int r = asyncio_run_coroutine_threadsafe(
            asyncio_coro_on_close(coro, count_one, &closed), loop, &future);
        assert_int_equal(r, way == 0 ? -ASYNCIO_LOOP_CLOSED : 0);
        if (way == 0)
            assert_null(future); /* untouched */
        if (way == 2) {
            assert_int_equal(asyncio_concurrent_future_cancel(future), 1);
            assert_return_code(asyncio_loop_run_until_complete(loop, asyncio_coro(nothing)), 0);
        }
        assert_return_code(asyncio_loop_close(loop), 0);
        assert_int_equal(destroyed, 1);
        assert_int_equal(closed, 1);
        if (way > 0) {
            assert_int_equal(asyncio_concurrent_future_cancelled(future), 1);
            asyncio_concurrent_future_unref(future);
        }
        asyncio_loop_unref(loop);
    }
}

/* An executor's threads end after their loop has closed, and give back what they have then. */
static bool comes_down_to(uint64_t blocks)
{
    for (int i = 0; i < 10000 && asyncio__alloc_live() > blocks; i++)
        usleep(1000);
    return asyncio__alloc_live() <= blocks;
}

static int follows(asyncio_concurrent_future *source, asyncio_future **ret_future)
{
    return asyncio_wrap_future(source, ret_future);
}

/* The loop that follows is closed before the source is done, after it, or it never is. */
static void followed_by_a_loop_that_is_gone(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        uint64_t before = asyncio__alloc_live();
        asyncio_loop *loop;
        asyncio_concurrent_future *source;
        asyncio_future *future;
        assert_return_code(asyncio_loop_new(&loop), 0);
        assert_return_code(asyncio_concurrent_future_new(&source), 0);
        assert_return_code(
            asyncio_loop_run_until_complete(loop, asyncio_coro(follows, source, &future)), 0);
        if (way == 0)
            assert_return_code(asyncio_concurrent_future_set_result(source, 1), 0);
        assert_return_code(asyncio_loop_close(loop), 0);
        if (way == 1)
            assert_return_code(asyncio_concurrent_future_set_result(source, 1), 0);
        if (way == 2)
            assert_int_equal(asyncio_concurrent_future_cancel(source), 1);
        assert_int_equal(asyncio_future_done(future), 0);
        asyncio_future_unref(future);
        asyncio_loop_unref(loop);
        asyncio_concurrent_future_unref(source);
        if (!comes_down_to(before))
            fail_msg("way %d: %d blocks left", way, (int)(asyncio__alloc_live() - before));
    }
}

static int keeps_calling(void)
{
    int r;
    do
        r = asyncio_to_thread(asyncio_coro(nothing));
    while (r >= 0);
    return r;
}

static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)context;
    (void)data;
}

/* The call has come back, and its task has not seen it yet; or is still under way. */
static void a_loop_closed_around_a_call(void **state)
{
    (void)state;
    uint64_t before = 0;
    for (unsigned turns = 1; turns < 12; turns++) {
        asyncio_loop *loop;
        assert_return_code(asyncio_loop_new(&loop, .backend = "sim"), 0);
        asyncio_loop_set_exception_handler(loop, ignore, NULL);
        assert_return_code(asyncio_loop_create_task(loop, asyncio_coro(keeps_calling), NULL), 0);
        for (unsigned i = 0; i < turns; i++)
            assert_return_code(asyncio_loop_step(loop), 0);
        assert_return_code(asyncio_loop_close(loop), 0);
        asyncio_loop_unref(loop);
        if (turns == 1)
            usleep(100000); /* what is cached from now on, once the thread has ended */
        else if (!comes_down_to(before))
            fail_msg("%u turns: %d blocks left", turns, (int)(asyncio__alloc_live() - before));
        before = asyncio__alloc_live();
    }
}

static void a_default_executor_for_a_closed_loop(void **state)
{
    (void)state;
    uint64_t before = asyncio__alloc_live();
    asyncio_loop *loop;
    asyncio_executor *executor;
    assert_return_code(asyncio_loop_new(&loop), 0);
    assert_return_code(asyncio_thread_pool_executor_new(1, &executor), 0);
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_loop_set_default_executor(loop, executor);
    assert_int_equal(asyncio_loop_shutdown_default_executor(loop, 1), -ASYNCIO_LOOP_CLOSED);
    asyncio_executor_unref(executor);
    asyncio_loop_unref(loop);
    assert_true(comes_down_to(before));
}

static int shuts_down_anothers(asyncio_loop *other)
{
    return asyncio_loop_shutdown_default_executor(other, 1);
}

static void the_default_executor_of_another_loop(void **state)
{
    (void)state;
    asyncio_loop *other;
    assert_return_code(asyncio_loop_new(&other), 0);
    assert_int_equal(asyncio_run(asyncio_coro(shuts_down_anothers, other)), -ASYNCIO_OTHER_LOOP);
    assert_return_code(asyncio_loop_run_until_complete(other, asyncio_coro(nothing)), 0);
    assert_return_code(asyncio_loop_close(other), 0);
    asyncio_loop_unref(other);
    asyncio__record_put(NULL);
}

int main(void)
{
    asyncio__alloc_track();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_executor_in_a_forked_child),
        cmocka_unit_test(a_loop_with_busy_threads_closed_in_a_child),
        cmocka_unit_test(a_null_function_from_another_thread),
        cmocka_unit_test(a_coroutine_of_ones_own_kind_that_never_begins),
        cmocka_unit_test(followed_by_a_loop_that_is_gone),
        cmocka_unit_test(a_loop_closed_around_a_call),
        cmocka_unit_test(a_default_executor_for_a_closed_loop),
        cmocka_unit_test(the_default_executor_of_another_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
