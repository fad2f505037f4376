/* SPDX-License-Identifier: MIT */
/* Executors of the user's own: at once, later, in threads; that refuse, give back, are shut down or
 * are gone. */
/* TEST: timeout 120 */
#include "support/failing.h"

#include <asyncio.h>
#include <pthread.h>
#include <stdatomic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Keeps what it is given, and does with it as a test says. */
struct mine {
    asyncio_work *kept[8];
    unsigned count, withdrawn, shutdowns, waited, destroyed;
    int refuses;               /* submit's result when negative */
    bool at_once, in_threads;
};

static void *runs_one(void *work)
{
    asyncio_work_run(work);
    return NULL;
}

static int submit(void *data, asyncio_work *work)
{
    struct mine *mine = data;
    if (mine->refuses < 0)
        return mine->refuses;
    if (mine->at_once) {
        asyncio_work_run(work);
    } else if (mine->in_threads) {
        pthread_t thread;
        int error = pthread_create(&thread, NULL, runs_one, work);
        if (error)
            return -error;
        (void)pthread_detach(thread);
    } else {
        mine->kept[mine->count++] = work;
    }
    return 0;
}

static int withdraw(void *data, asyncio_work *work)
{
    struct mine *mine = data;
    for (unsigned i = 0; i < mine->count; i++) {
        if (mine->kept[i] != work)
            continue;
        mine->kept[i] = mine->kept[--mine->count];
        mine->withdrawn++;
        return 1;
    }
    return 0;
}

static void shut_down(void *data, int wait)
{
    struct mine *mine = data;
    mine->shutdowns++;
    mine->waited += wait != 0;
}

static void destroy(void *data)
{
    ((struct mine *)data)->destroyed++;
}

static const asyncio_executor_type mine_type = { .size = sizeof mine_type,
                                                 .name = "mine",
                                                 .submit = submit,
                                                 .withdraw = withdraw,
                                                 .shutdown = shut_down,
                                                 .destroy = destroy };

static asyncio_executor *executor_of(struct mine *mine)
{
    asyncio_executor *executor;
    assert_return_code(asyncio_executor_new(&mine_type, mine, &executor), 0);
    return executor;
}

static void run(int (*program)(void))
{
    assert_return_code(asyncio_run(asyncio_coro(program)), 0);
}

static atomic_int calls;

static int work(int result)
{
    calls++;
    assert_null(asyncio_current_task());
    assert_int_equal(asyncio_sleep(0), -ASYNCIO_NO_TASK);
    return result < 0 ? asyncio_raise(result, "it failed") : result;
}

static void count(void *number)
{
    ++*(int *)number;
}

static asyncio_future *give(asyncio_executor *executor, int result, int *closed)
{
    asyncio_future *future;
    assert_return_code(asyncio_loop_run_in_executor(
                           asyncio_get_running_loop(), executor,
                           asyncio_coro_on_close(asyncio_coro(work, result), count, closed),
                           &future),
                       0);
    return future;
}

static int at_once(void)
{
    struct mine mine = { .at_once = true };
    asyncio_executor *executor = executor_of(&mine);
    int closed = 0;
    calls = 0;
    asyncio_future *good = give(executor, 5, &closed), *bad = give(executor, -EIO, &closed);
    assert_int_equal(calls, 2);
    assert_false(asyncio_future_done(good)); /* it comes back through the loop */
    assert_int_equal(asyncio_await(good), 5);
    assert_int_equal(asyncio_await(bad), -EIO);
    assert_string_equal(record_of(-EIO)->text, "it failed");
    assert_int_equal(closed, 2);
    asyncio_executor_unref(executor);
    assert_int_equal(mine.shutdowns, 1);
    assert_int_equal(mine.waited, 0);
    assert_int_equal(mine.destroyed, 1);
    asyncio_future_unref(good);
    asyncio_future_unref(bad);
    return 0;
}

static void runs(asyncio_loop *loop, void *data)
{
    struct mine *mine = data;
    (void)loop;
    assert_true(mine->count > 0);
    asyncio_work_run(mine->kept[--mine->count]);
}

static void gives_back(asyncio_loop *loop, void *data)
{
    struct mine *mine = data;
    (void)loop;
    asyncio_work_cancel(mine->kept[--mine->count]);
}

static int later(void)
{
    struct mine mine = { .count = 0 };
    asyncio_executor *executor = executor_of(&mine);
    asyncio_loop *loop = asyncio_get_running_loop();
    int closed = 0;
    calls = 0;
    asyncio_future *future = give(executor, 6, &closed);
    assert_return_code(asyncio_loop_call_later(loop, 0.001, runs, NULL, .data = &mine), 0);
    assert_int_equal(asyncio_await(future), 6);
    asyncio_future_unref(future);
    /* cancelled while it waits: withdrawn, and never run */
    future = give(executor, 7, &closed);
    asyncio_future_cancel(future);
    assert_int_equal(asyncio_await(future), -ECANCELED);
    assert_return_code(asyncio_sleep(0), 0);
    assert_int_equal(mine.withdrawn, 1);
    asyncio_future_unref(future);
    /* given back */
    future = give(executor, 8, &closed);
    assert_return_code(asyncio_loop_call_soon(loop, gives_back, NULL, .data = &mine), 0);
    assert_int_equal(asyncio_await(future), -ECANCELED);
    assert_true(asyncio_future_cancelled(future));
    asyncio_future_unref(future);
    assert_int_equal(calls, 1);
    assert_int_equal(closed, 3);
    /* the last reference while work is under way: it ends after that */
    future = give(executor, 9, &closed);
    asyncio_executor_unref(executor);
    assert_int_equal(mine.destroyed, 0);
    runs(loop, &mine);
    assert_int_equal(asyncio_await(future), 9);
    assert_return_code(asyncio_sleep(0), 0);
    assert_int_equal(mine.destroyed, 1);
    asyncio_future_unref(future);
    return 0;
}

static int in_threads(void)
{
    struct mine mine = { .in_threads = true };
    asyncio_executor *executor = executor_of(&mine);
    asyncio_future *futures[4];
    int closed[4] = { 0 }, results[4];
    asyncio_awaitable all[4];
    for (int i = 0; i < 4; i++) {
        futures[i] = give(executor, i, &closed[i]);
        all[i] = ASYNCIO_AWAITABLE(futures[i]);
    }
    assert_return_code(asyncio_gather_all(all, 4, results), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(results[i], i);
        asyncio_future_unref(futures[i]);
    }
    asyncio_executor_unref(executor);
    return asyncio_sleep(0.01);
}

static void of_ones_own(void **state)
{
    (void)state;
    run(at_once);
    run(later);
}

static void of_ones_own_with_threads(void **state)
{
    (void)state;
    const char *backend = getenv("ASYNCIO_BACKEND");
    if (backend && strcmp(backend, "sim") == 0)
        skip(); /* its clock does not wait for them */
    run(in_threads);
}

/* --- that refuse, or are gone --- */

static int try_it(asyncio_executor *executor, int *closed)
{
    asyncio_future *future;
    int r = asyncio_loop_run_in_executor(
        asyncio_get_running_loop(), executor,
        asyncio_coro_on_close(asyncio_coro(work, 1), count, closed), &future);
    if (r >= 0) {
        r = asyncio_await(future);
        asyncio_future_unref(future);
    }
    return r;
}

static void is_gone(asyncio_executor *executor)
{
    int closed = 0;
    assert_int_equal(try_it(executor, &closed), -ASYNCIO_EXECUTOR_SHUT_DOWN);
    assert_non_null(strstr(record_of(-ASYNCIO_EXECUTOR_SHUT_DOWN)->text, "shut"));
    assert_int_equal(closed, 1);
}

static int refused(void)
{
    struct mine mine = { .refuses = -EAGAIN };
    asyncio_executor *executor = executor_of(&mine);
    int closed = 0;
    calls = 0;
    assert_int_equal(try_it(executor, &closed), -EAGAIN);
    assert_int_equal(closed, 1);
    mine.refuses = 0;
    asyncio_executor_shutdown(executor, 0);
    is_gone(executor);
    assert_int_equal(mine.count, 0);
    asyncio_executor_unref(executor);
    asyncio_executor *pool;
    assert_return_code(asyncio_thread_pool_executor_new(1, &pool), 0);
    closed = 0;
    assert_int_equal(try_it(pool, &closed), 1);
    asyncio_executor_shutdown(pool, 1);
    is_gone(pool);
    asyncio_executor_unref(pool);
    assert_int_equal(calls, 1);
    return 0;
}

static void that_refuse_or_are_gone(void **state)
{
    (void)state;
    run(refused);
}

/* --- the default one --- */

static struct mine as_default;

static int by_default(void)
{
    as_default = (struct mine){ .at_once = true };
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_executor *executor = executor_of(&as_default);
    asyncio_loop_set_default_executor(loop, executor);
    asyncio_executor_unref(executor); /* the loop has its own reference */
    calls = 0;
    assert_int_equal(asyncio_to_thread(asyncio_coro(work, 3)), 3);
    assert_int_equal(asyncio_to_thread(asyncio_coro(work, -EIO)), -EIO);
    int closed = 0;
    assert_int_equal(try_it(NULL, &closed), 1);
    assert_int_equal(calls, 3);
    assert_int_equal(as_default.shutdowns, 0);
    return 0;
}

static int ended_by_hand(void)
{
    int r = by_default();
    if (r >= 0)
        r = asyncio_loop_shutdown_default_executor(asyncio_get_running_loop(), 1e6);
    assert_int_equal(as_default.waited, 1);
    is_gone(NULL);
    assert_int_equal(asyncio_to_thread(asyncio_coro(work, 3)), -ASYNCIO_EXECUTOR_SHUT_DOWN);
    return r;
}

static void as_the_default_one(void **state)
{
    (void)state;
    run(by_default);
    assert_int_equal(as_default.waited, 1); /* by the runner */
    assert_int_equal(as_default.destroyed, 1);
    const char *backend = getenv("ASYNCIO_BACKEND");
    if (backend && strcmp(backend, "sim") == 0)
        return; /* the thread that waits is none that its clock waits for */
    run(ended_by_hand);
    assert_int_equal(as_default.destroyed, 1);
}

/* --- loops that close first, wrong types --- */

static int leaves(asyncio_executor *executor, int *closed)
{
    asyncio_future *future = give(executor, 4, closed);
    asyncio_future_unref(future);
    return 0;
}

static void run_after_the_loop_has_closed(void **state)
{
    (void)state;
    struct mine mine = { .count = 0 };
    asyncio_executor *executor = executor_of(&mine);
    int closed = 0;
    calls = 0;
    assert_return_code(asyncio_run(asyncio_coro(leaves, executor, &closed)), 0);
    assert_return_code(asyncio_run(asyncio_coro(leaves, executor, &closed)), 0);
    assert_int_equal(mine.count, 2);
    asyncio_work_run(mine.kept[0]); /* nobody hears of it */
    asyncio_work_cancel(mine.kept[1]);
    assert_int_equal(calls, 1);
    assert_int_equal(closed, 2);
    asyncio_executor_unref(executor);
    assert_int_equal(mine.destroyed, 1);
}

static void wrong_types(void **state)
{
    (void)state;
    static const asyncio_executor_type none = { .size = sizeof none },
                                       no_size = { .submit = submit };
    asyncio_executor *executor;
    assert_int_equal(asyncio_executor_new(NULL, NULL, &executor), -EINVAL);
    assert_int_equal(asyncio_executor_new(&no_size, NULL, &executor), -EINVAL);
    assert_non_null(strstr(record_of(-EINVAL)->text, "sizeof"));
    assert_int_equal(asyncio_executor_new(&none, NULL, &executor), -EINVAL);
    assert_non_null(strstr(record_of(-EINVAL)->text, "submit"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_ones_own),
        cmocka_unit_test(of_ones_own_with_threads),
        cmocka_unit_test(that_refuse_or_are_gone),
        cmocka_unit_test(as_the_default_one),
        cmocka_unit_test(run_after_the_loop_has_closed),
        cmocka_unit_test(wrong_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
