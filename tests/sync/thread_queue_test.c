/* SPDX-License-Identifier: MIT */
/* The queue between threads and loops: each item arrives once and in order, whoever waits, and
 * whatever is cancelled or closed meanwhile. Real threads: not on sim. */
/* TEST: backends io_uring epoll; timeout 120 */
#include "support/failing.h"

#include <asyncio.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS = 5000, THREADS = 4 };

static asyncio_thread_queue *there, *back;

/* A failure in a thread shows as a wrong sum: nobody waits for what it did not put. */
static void *put_many(void *first)
{
    for (int i = 0; i < ITEMS; i++) {
        int item = (int)(intptr_t)first + i;
        if (asyncio_thread_queue_put(there, &item) < 0) {
            asyncio_thread_queue_shutdown(there);
            break;
        }
    }
    return NULL;
}

static void *get_many(void *ret_sum)
{
    int item;
    while (asyncio_thread_queue_get(there, &item) >= 0)
        *(long *)ret_sum += item;
    return NULL;
}

static void *echo(void *unused)
{
    int item;
    while (asyncio_thread_queue_get(there, &item) >= 0)
        if (asyncio_thread_queue_put(back, &item) < 0)
            break;
    asyncio_thread_queue_shutdown(there); /* whoever waits for an answer shall not for ever */
    asyncio_thread_queue_shutdown(back);
    return unused;
}

static pthread_t begin(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, function, argument), 0);
    return thread;
}

static int end(pthread_t thread)
{
    return pthread_join(thread, NULL);
}

static void init(size_t maxsize)
{
    assert_return_code(asyncio_thread_queue_new(sizeof(int), &there, .maxsize = maxsize), 0);
    assert_return_code(asyncio_thread_queue_new(sizeof(int), &back, .maxsize = maxsize), 0);
}

static void fini(void)
{
    asyncio_thread_queue_unref(there);
    asyncio_thread_queue_unref(back);
}

/* Of each thread in its order. */
static int gets_from_threads(void)
{
    int next[THREADS] = { 0 };
    for (int i = 0; i < THREADS * ITEMS; i++) {
        int item;
        int r = asyncio_thread_queue_get(there, &item);
        if (r < 0)
            return r;
        if (item % 10000 != next[item / 10000]++)
            return -EPROTO;
    }
    return 0;
}

static void threads_put_and_a_task_gets(void **state)
{
    (void)state;
    for (size_t maxsize = 0; maxsize < 10; maxsize += 3) {
        pthread_t threads[THREADS];
        init(maxsize);
        for (int i = 0; i < THREADS; i++)
            threads[i] = begin(put_many, (void *)(intptr_t)(i * 10000));
        assert_return_code(asyncio_run(asyncio_coro(gets_from_threads)), 0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(end(threads[i]), 0);
        assert_int_equal(asyncio_thread_queue_qsize(there), 0);
        fini();
    }
}

static int puts_for_threads(void)
{
    for (int i = 1; i <= ITEMS; i++) {
        int r = asyncio_thread_queue_put(there, &i);
        if (r < 0)
            return r;
    }
    asyncio_thread_queue_shutdown(there);
    return 0;
}

static void a_task_puts_and_threads_get(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    long sums[THREADS] = { 0 }, sum = 0;
    init(5);
    for (int i = 0; i < THREADS; i++)
        threads[i] = begin(get_many, &sums[i]);
    assert_return_code(asyncio_run(asyncio_coro(puts_for_threads)), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(end(threads[i]), 0);
        sum += sums[i];
    }
    assert_int_equal(sum, (long)ITEMS * (ITEMS + 1) / 2);
    fini();
}

static int there_and_back(void)
{
    for (int i = 0; i < 500; i++) {
        int item = i;
        int r = asyncio_thread_queue_put(there, &item);
        if (r < 0 || (r = asyncio_thread_queue_get(back, &item)) < 0)
            return r;
        if (item != i)
            return -EPROTO;
    }
    asyncio_thread_queue_shutdown(there);
    return 0;
}

static void to_a_thread_and_back(void **state)
{
    (void)state;
    init(1);
    pthread_t thread = begin(echo, NULL);
    assert_return_code(asyncio_run(asyncio_coro(there_and_back)), 0);
    assert_int_equal(end(thread), 0);
    fini();
}

/* ---- one of the tasks is cancelled while threads put: what it did not get, others do ---- */

static int got_sum;

static int gets_for_ever(void)
{
    int item, r;
    while ((r = asyncio_thread_queue_get(there, &item)) >= 0)
        got_sum++;
    return r == -ASYNCIO_QUEUE_SHUT_DOWN ? 0 : r;
}

static int cancels_some(void)
{
    asyncio_task *stays, *goes;
    int r = asyncio_create_task(asyncio_coro(gets_for_ever), &stays);
    if (r < 0)
        return r;
    for (int i = 0; i < 300; i++) {
        r = asyncio_create_task(asyncio_coro(gets_for_ever), &goes);
        if (r < 0)
            return r;
        for (int turn = 0; turn <= i % 5; turn++)
            if ((r = asyncio_sleep(0)) < 0)
                return r;
        asyncio_task_cancel(goes);
        r = asyncio_await(goes);
        asyncio_task_unref(goes);
        if (r < 0 && r != -ECANCELED)
            return r;
    }
    while (got_sum < THREADS * ITEMS && !asyncio_task_done(stays))
        if ((r = asyncio_sleep(0.001)) < 0)
            return r;
    asyncio_thread_queue_shutdown(there);
    r = asyncio_await(stays);
    asyncio_task_unref(stays);
    return r;
}

static void cancelled_tasks_lose_nothing(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    got_sum = 0;
    init(2);
    for (int i = 0; i < THREADS; i++)
        threads[i] = begin(put_many, NULL);
    int r = asyncio_run(asyncio_coro(cancels_some));
    asyncio_thread_queue_shutdown(there); /* or the threads would wait for ever when it failed */
    assert_return_code(r, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(end(threads[i]), 0);
    assert_int_equal(got_sum, THREADS * ITEMS);
    fini();
}

/* ---- loops that close under waiting tasks ---- */

static void quiet(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)context;
    (void)data;
}

static int ready(void)
{
    return asyncio_sleep(0);
}

static void a_loop_closed_under_waiting_tasks(void **state)
{
    (void)state;
    int item = 1;
    for (int round = 0; round < 50; round++) {
        asyncio_loop *loop;
        asyncio_task *tasks[2];
        init(0);
        assert_return_code(asyncio_loop_new(&loop), 0);
        asyncio_loop_set_exception_handler(loop, quiet, NULL);
        for (int i = 0; i < 2; i++)
            assert_return_code(
                asyncio_loop_create_task(loop, asyncio_coro(gets_for_ever), &tasks[i]), 0);
        assert_return_code(asyncio_loop_run_until_complete(loop, asyncio_coro(ready)), 0);
        pthread_t thread = begin(echo, NULL);
        for (int i = 0; i < round % 3; i++) /* woken, and never run */
            assert_return_code(asyncio_thread_queue_put(there, &item), 0);
        assert_return_code(asyncio_loop_close(loop), 0);
        for (int i = 0; i < 2; i++)
            asyncio_task_unref(tasks[i]);
        asyncio_loop_unref(loop);
        assert_return_code(asyncio_thread_queue_put(there, &item), 0);
        assert_return_code(asyncio_thread_queue_get(back, &item), 0); /* the thread is there */
        asyncio_thread_queue_shutdown(there);
        assert_int_equal(end(thread), 0);
        fini();
    }
}

/* ---- misuse, and the end ---- */

static int destroyed;

static void destroy(void *item)
{
    destroyed += *(int *)item;
}

static int in_callback;

static void waits_in_a_callback(asyncio_loop *loop, void *data)
{
    int item;
    (void)loop;
    (void)data;
    in_callback = asyncio_thread_queue_get(there, &item);
}

static int calls_back(void)
{
    int r = asyncio_loop_call_soon(asyncio_get_running_loop(), waits_in_a_callback, NULL);
    return r < 0 ? r : asyncio_sleep(0.001);
}

static void misuse(void **state)
{
    (void)state;
    int item = 3;
    double other = 1;
    assert_int_equal(asyncio_thread_queue_new(0, &there), -EINVAL);
    init(1);
    assert_int_equal(asyncio_thread_queue_put(there, &other), -EINVAL);
    assert_non_null(strstr(record_of(-EINVAL)->text, "8 bytes"));
    assert_int_equal(asyncio_thread_queue_get_nowait(there, &item), -ASYNCIO_QUEUE_EMPTY);
    assert_return_code(asyncio_run(asyncio_coro(calls_back)), 0);
    assert_int_equal(in_callback, -ASYNCIO_NO_TASK);
    assert_return_code(asyncio_thread_queue_put_nowait(there, &item), 0);
    assert_int_equal(asyncio_thread_queue_put_nowait(there, &item), -ASYNCIO_QUEUE_FULL);
    asyncio_thread_queue_shutdown(there);
    assert_int_equal(asyncio_thread_queue_put(there, &item), -ASYNCIO_QUEUE_SHUT_DOWN);
    assert_return_code(asyncio_thread_queue_get(there, &item), 0);
    assert_int_equal(asyncio_thread_queue_get(there, &item), -ASYNCIO_QUEUE_SHUT_DOWN);
    fini();
}

static void what_nobody_gets_is_destroyed(void **state)
{
    (void)state;
    for (int immediate = 0; immediate < 2; immediate++) {
        destroyed = 0;
        assert_return_code(asyncio_thread_queue_new(sizeof(int), &there, .destroy = destroy), 0);
        for (int i = 1; i < 30; i++)
            assert_return_code(asyncio_thread_queue_put(there, &i), 0);
        if (immediate) {
            asyncio_thread_queue_shutdown(there, .immediate = 1);
            assert_int_equal(destroyed, 435);
        }
        asyncio_thread_queue_unref(asyncio_thread_queue_ref(there));
        asyncio_thread_queue_unref(there);
        assert_int_equal(destroyed, 435);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_put_and_a_task_gets),
        cmocka_unit_test(a_task_puts_and_threads_get),
        cmocka_unit_test(to_a_thread_and_back),
        cmocka_unit_test(cancelled_tasks_lose_nothing),
        cmocka_unit_test(a_loop_closed_under_waiting_tasks),
        cmocka_unit_test(misuse),
        cmocka_unit_test(what_nobody_gets_is_destroyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
