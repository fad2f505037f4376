/* SPDX-License-Identifier: MIT */
/* What tasks wait for when their loop is closed under them, or cancellation is level-triggered. */
#include <asyncio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct {
    asyncio_lock lock, handed, left;
    asyncio_event event;
    asyncio_condition condition, wanted;
    asyncio_semaphore semaphore, given;
    asyncio_barrier barrier;
    asyncio_queue getting, putting, joining, woken;
} all;

static int number;

static void quiet(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)context;
    (void)data;
}

static int waits(asyncio_condition *condition)
{
    int r = asyncio_condition_acquire(condition);
    return r < 0 ? r : asyncio_condition_wait(condition);
}

static asyncio_task *tasks[32];
static size_t task_count;

static asyncio_task *start(asyncio_loop *loop, asyncio_coro coro)
{
    asyncio_task **task = &tasks[task_count++];
    assert_return_code(asyncio_loop_create_task(loop, coro, task), 0);
    return *task;
}

#define START(...) start(loop, asyncio_coro(__VA_ARGS__))

static int nothing(void)
{
    return asyncio_sleep(0);
}

static int prepare(void)
{
    int item = 1;
    asyncio_lock_init(&all.lock);
    asyncio_lock_init(&all.handed);
    asyncio_lock_init(&all.left);
    asyncio_event_init(&all.event);
    assert_return_code(asyncio_condition_init(&all.condition), 0);
    assert_return_code(asyncio_condition_init(&all.wanted), 0);
    assert_return_code(asyncio_semaphore_init(&all.semaphore, 0), 0);
    assert_return_code(asyncio_semaphore_init(&all.given, 0), 0);
    assert_return_code(asyncio_barrier_init(&all.barrier, 2), 0);
    assert_return_code(asyncio_queue_init(&all.getting, sizeof(int)), 0);
    assert_return_code(asyncio_queue_init(&all.putting, sizeof(int), .maxsize = 1), 0);
    assert_return_code(asyncio_queue_init(&all.joining, sizeof(int)), 0);
    assert_return_code(asyncio_queue_init(&all.woken, sizeof(int)), 0);
    assert_return_code(asyncio_queue_put(&all.putting, &item), 0);
    assert_return_code(asyncio_queue_put(&all.joining, &item), 0);
    assert_return_code(asyncio_lock_acquire(&all.lock), 0);
    assert_return_code(asyncio_lock_acquire(&all.handed), 0);
    return asyncio_lock_acquire(&all.left);
}

/* Some wait, some have been woken and some cancelled without having run since. */
static void wait_everywhere(asyncio_loop *loop)
{
    assert_return_code(asyncio_loop_run_until_complete(loop, asyncio_coro(prepare)), 0);
    START(asyncio_lock_acquire, &all.lock);
    START(asyncio_lock_acquire, &all.handed);
    asyncio_task *left = START(asyncio_lock_acquire, &all.left);
    START(asyncio_lock_acquire, &all.left);
    START(asyncio_event_wait, &all.event);
    START(waits, &all.condition);
    START(waits, &all.wanted);
    START(asyncio_semaphore_acquire, &all.semaphore);
    START(asyncio_semaphore_acquire, &all.given);
    START(asyncio_barrier_wait, &all.barrier);
    START(asyncio_queue_get, &all.getting, &number, sizeof number);
    START(asyncio_queue_put, &all.putting, &number, sizeof number);
    START(asyncio_queue_join, &all.joining);
    START(asyncio_queue_get, &all.woken, &number, sizeof number);
    assert_return_code(asyncio_loop_run_until_complete(loop, asyncio_coro(nothing)), 0);
    assert_return_code(asyncio_loop_run_until_complete(
                           loop, asyncio_coro(asyncio_condition_acquire, &all.wanted)),
                       0);
    assert_return_code(asyncio_condition_notify_all(&all.wanted), 0);
    assert_return_code(asyncio_loop_run_until_complete(loop, asyncio_coro(nothing)), 0);
    assert_return_code(asyncio_lock_release(&all.handed), 0);
    asyncio_task_cancel(left);
    assert_return_code(asyncio_semaphore_release(&all.given), 0);
    assert_return_code(asyncio_queue_put_nowait(&all.woken, &number), 0);
}

static void a_loop_closed_under_waiting_tasks(void **state)
{
    (void)state;
    asyncio_loop *loop;
    task_count = 0;
    assert_return_code(asyncio_loop_new(&loop), 0);
    asyncio_loop_set_exception_handler(loop, quiet, NULL);
    wait_everywhere(loop);
    assert_return_code(asyncio_loop_close(loop), 0);
    for (size_t i = 0; i < task_count; i++)
        asyncio_task_unref(tasks[i]);
    asyncio_loop_unref(loop);
    /* nobody is in any of them any more */
    assert_return_code(asyncio_lock_fini(&all.lock), 0);
    assert_return_code(asyncio_lock_fini(&all.handed), 0);
    assert_return_code(asyncio_lock_fini(&all.left), 0);
    assert_return_code(asyncio_event_fini(&all.event), 0);
    assert_return_code(asyncio_condition_fini(&all.condition), 0);
    assert_return_code(asyncio_condition_fini(&all.wanted), 0);
    assert_return_code(asyncio_semaphore_fini(&all.semaphore), 0);
    assert_int_equal(all.given.value, 1);
    assert_return_code(asyncio_semaphore_fini(&all.given), 0);
    assert_return_code(asyncio_barrier_fini(&all.barrier), 0);
    assert_return_code(asyncio_queue_fini(&all.getting), 0);
    assert_return_code(asyncio_queue_fini(&all.putting), 0);
    assert_return_code(asyncio_queue_fini(&all.joining), 0);
    assert_return_code(asyncio_queue_fini(&all.woken), 0);
}

/* ---- cancellation that is level-triggered ---- */

struct sticky {
    asyncio_condition condition;
    int got_back, refused;
};

static int sticky(struct sticky *sticky)
{
    asyncio_lock lock;
    asyncio_lock_init(&lock);
    int r = asyncio_condition_acquire(&sticky->condition);
    if (r < 0)
        return r;
    r = asyncio_condition_wait(&sticky->condition);
    sticky->got_back = asyncio_condition_locked(&sticky->condition) && r == -ECANCELED;
    /* a free lock can still be had; what would wait fails at once, and changes nothing */
    sticky->refused = asyncio_lock_acquire(&lock) == 0 &&
                      asyncio_lock_acquire(&lock) == -ECANCELED &&
                      asyncio_condition_wait(&sticky->condition) == -ECANCELED &&
                      asyncio_condition_locked(&sticky->condition);
    asyncio_condition_release(&sticky->condition);
    return r;
}

static int cancels_a_sticky_one(void)
{
    struct sticky data = { .refused = 0 };
    asyncio_task *task;
    assert_return_code(asyncio_condition_init(&data.condition), 0);
    assert_return_code(
        asyncio_create_task(asyncio_coro(sticky, &data), &task, .sticky_cancel = 1), 0);
    assert_return_code(asyncio_sleep(0), 0);
    assert_return_code(asyncio_condition_acquire(&data.condition), 0);
    asyncio_task_cancel(task);
    for (int i = 0; i < 5; i++)
        assert_return_code(asyncio_sleep(0), 0);
    assert_int_equal(asyncio_task_done(task), 0); /* it waits for the lock, in spite of all */
    asyncio_condition_release(&data.condition);
    assert_int_equal(asyncio_await(task), -ECANCELED);
    asyncio_task_unref(task);
    assert_int_equal(data.got_back, 1);
    assert_int_equal(data.refused, 1);
    return asyncio_condition_fini(&data.condition);
}

static void a_condition_takes_its_lock_back_though_cancellation_stays(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(cancels_a_sticky_one)), 0);
}

static int holds_for_ever(asyncio_lock *lock)
{
    int r = asyncio_lock_enter(lock);
    if (r < 0)
        return r;
    return asyncio_lock_exit(lock, asyncio_sleep(1000));
}

static int leaves_waiters(asyncio_lock *lock)
{
    for (int i = 0; i < 5; i++)
        assert_return_code(asyncio_create_task(asyncio_coro(holds_for_ever, lock), NULL), 0);
    return asyncio_sleep(0);
}

static void a_run_that_ends_while_tasks_wait(void **state)
{
    (void)state;
    asyncio_lock lock;
    asyncio_lock_init(&lock);
    assert_return_code(asyncio_run(asyncio_coro(leaves_waiters, &lock)), 0);
    assert_int_equal(asyncio_lock_locked(&lock), 0);
    assert_return_code(asyncio_lock_fini(&lock), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_closed_under_waiting_tasks),
        cmocka_unit_test(a_condition_takes_its_lock_back_though_cancellation_stays),
        cmocka_unit_test(a_run_that_ends_while_tasks_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
