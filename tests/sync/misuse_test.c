/* SPDX-License-Identifier: MIT */
/* Misuse of locks and queues gets a code with a sentence, and changes nothing. */
#include <asyncio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The code, and a sentence of its own that contains `words`. */
#define assert_error(call, code, words)                                                            \
    do {                                                                                           \
        int got_ = (call);                                                                         \
        assert_string_equal(asyncio_error_name(got_), asyncio_error_name(code));                   \
        const asyncio_error *error_ = asyncio_last_error(got_);                                    \
        assert_non_null(error_);                                                                   \
        if (!strstr(error_->text, words))                                                          \
            fail_msg("\"%s\" does not contain \"%s\"", error_->text, words);                       \
    } while (0)

#define assert_ended(call, what)                                                                   \
    assert_error(call, -ASYNCIO_INVALID_STATE,                                                     \
                 "this " what " has not been initialised, or has ended")
#define assert_busy(call, what) assert_error(call, -EBUSY, "waiting for this " what)
#define assert_name(call, code)                                                                    \
    assert_string_equal(asyncio_error_name(call), asyncio_error_name(code))

static int yes(void *data)
{
    (void)data;
    return 1;
}

static int same(const void *a, const void *b)
{
    (void)a;
    (void)b;
    return 0;
}

static void use_of_a_lock(asyncio_lock *lock)
{
    assert_ended(asyncio_lock_acquire(lock), "lock");
    assert_ended(asyncio_lock_release(lock), "lock");
    assert_ended(asyncio_lock_enter(lock), "lock");
    assert_ended(asyncio_lock_exit(lock, 0), "lock");
    assert_ended(asyncio_lock_fini(lock), "lock");
    assert_int_equal(asyncio_lock_locked(lock), 0);
    int r, ran = 0;
    ASYNCIO_LOCK(lock, r)
        ran = 1;
    assert_ended(r, "lock");
    assert_int_equal(ran, 0);
}

static void use_of_an_event(asyncio_event *event)
{
    assert_ended(asyncio_event_set(event), "event");
    assert_ended(asyncio_event_clear(event), "event");
    assert_ended(asyncio_event_wait(event), "event");
    assert_ended(asyncio_event_fini(event), "event");
    assert_int_equal(asyncio_event_is_set(event), 0);
}

static void use_of_a_condition(asyncio_condition *condition)
{
    assert_ended(asyncio_condition_acquire(condition), "condition");
    assert_ended(asyncio_condition_release(condition), "condition");
    assert_ended(asyncio_condition_enter(condition), "condition");
    assert_ended(asyncio_condition_exit(condition, 0), "condition");
    assert_ended(asyncio_condition_wait(condition), "condition");
    assert_ended(asyncio_condition_wait_for(condition, yes, NULL), "condition");
    assert_ended(asyncio_condition_notify(condition, 1), "condition");
    assert_ended(asyncio_condition_notify_all(condition), "condition");
    assert_ended(asyncio_condition_fini(condition), "condition");
    assert_int_equal(asyncio_condition_locked(condition), 0);
}

static void use_of_a_semaphore(asyncio_semaphore *semaphore)
{
    assert_ended(asyncio_semaphore_acquire(semaphore), "semaphore");
    assert_ended(asyncio_semaphore_release(semaphore), "semaphore");
    assert_ended(asyncio_semaphore_enter(semaphore), "semaphore");
    assert_ended(asyncio_semaphore_exit(semaphore, 0), "semaphore");
    assert_ended(asyncio_semaphore_fini(semaphore), "semaphore");
    assert_int_equal(asyncio_semaphore_locked(semaphore), 0);
}

static void use_of_a_barrier(asyncio_barrier *barrier)
{
    assert_ended(asyncio_barrier_wait(barrier), "barrier");
    assert_ended(asyncio_barrier_reset(barrier), "barrier");
    assert_ended(asyncio_barrier_abort(barrier), "barrier");
    assert_ended(asyncio_barrier_fini(barrier), "barrier");
}

static void use_of_a_queue(asyncio_queue *queue)
{
    int item = 5;
    assert_ended(asyncio_queue_put(queue, &item), "queue");
    assert_ended(asyncio_queue_put_nowait(queue, &item), "queue");
    assert_ended(asyncio_queue_get(queue, &item), "queue");
    assert_ended(asyncio_queue_get_nowait(queue, &item), "queue");
    assert_ended(asyncio_queue_join(queue), "queue");
    assert_ended(asyncio_queue_task_done(queue), "queue");
    assert_ended(asyncio_queue_shutdown(queue), "queue");
    assert_ended(asyncio_queue_fini(queue), "queue");
    assert_int_equal(item, 5);
}

static int before_init_and_after_fini(void)
{
    asyncio_lock lock = { 0 };
    use_of_a_lock(&lock);
    asyncio_lock_init(&lock);
    assert_return_code(asyncio_lock_fini(&lock), 0);
    use_of_a_lock(&lock);

    asyncio_event event = { 0 };
    use_of_an_event(&event);
    asyncio_event_init(&event);
    assert_return_code(asyncio_event_fini(&event), 0);
    use_of_an_event(&event);

    asyncio_condition condition = { 0 };
    use_of_a_condition(&condition);
    assert_return_code(asyncio_condition_init(&condition), 0);
    assert_return_code(asyncio_condition_fini(&condition), 0);
    use_of_a_condition(&condition);
    assert_ended(asyncio_condition_init(&condition, .lock = &lock), "lock");
    use_of_a_condition(&condition);

    asyncio_semaphore semaphore = { 0 };
    use_of_a_semaphore(&semaphore);
    assert_return_code(asyncio_semaphore_init(&semaphore, 1), 0);
    assert_return_code(asyncio_semaphore_fini(&semaphore), 0);
    use_of_a_semaphore(&semaphore);

    asyncio_barrier barrier = { 0 };
    use_of_a_barrier(&barrier);
    assert_return_code(asyncio_barrier_init(&barrier, 1), 0);
    assert_return_code(asyncio_barrier_fini(&barrier), 0);
    use_of_a_barrier(&barrier);

    asyncio_queue queue = { 0 };
    use_of_a_queue(&queue);
    assert_return_code(asyncio_queue_init(&queue, sizeof(int)), 0);
    assert_return_code(asyncio_queue_fini(&queue), 0);
    use_of_a_queue(&queue);
    return 0;
}

static void not_initialised_or_ended(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(before_init_and_after_fini)), 0);
}

static void outside_of_tasks(void **state)
{
    (void)state;
    asyncio_lock lock;
    asyncio_event event;
    asyncio_condition condition;
    asyncio_semaphore semaphore;
    asyncio_barrier barrier;
    asyncio_queue queue;
    int item = 7;
    asyncio_lock_init(&lock);
    asyncio_event_init(&event);
    assert_return_code(asyncio_condition_init(&condition), 0);
    assert_return_code(asyncio_semaphore_init(&semaphore, 1), 0);
    assert_return_code(asyncio_barrier_init(&barrier, 1), 0);
    assert_return_code(asyncio_queue_init(&queue, sizeof item, .maxsize = 1), 0);
    assert_name(asyncio_lock_acquire(&lock), -ASYNCIO_NO_TASK);
    assert_name(asyncio_event_wait(&event), -ASYNCIO_NO_TASK);
    assert_name(asyncio_condition_acquire(&condition), -ASYNCIO_NO_TASK);
    assert_name(asyncio_condition_wait(&condition), -ASYNCIO_NO_TASK);
    assert_name(asyncio_condition_wait_for(&condition, yes, NULL), -ASYNCIO_NO_TASK);
    assert_name(asyncio_semaphore_acquire(&semaphore), -ASYNCIO_NO_TASK);
    assert_name(asyncio_barrier_wait(&barrier), -ASYNCIO_NO_TASK);
    assert_name(asyncio_barrier_reset(&barrier), -ASYNCIO_NO_TASK);
    assert_name(asyncio_barrier_abort(&barrier), -ASYNCIO_NO_TASK);
    assert_name(asyncio_queue_get(&queue, &item), -ASYNCIO_NO_TASK);
    assert_name(asyncio_queue_put(&queue, &item), -ASYNCIO_NO_TASK);
    assert_name(asyncio_queue_join(&queue), -ASYNCIO_NO_TASK);
    /* what does not wait needs no task */
    assert_return_code(asyncio_event_set(&event), 0);
    assert_return_code(asyncio_semaphore_release(&semaphore), 0);
    assert_name(asyncio_queue_get_nowait(&queue, &item), -ASYNCIO_QUEUE_EMPTY);
    assert_return_code(asyncio_queue_put_nowait(&queue, &item), 0);
    assert_name(asyncio_queue_put_nowait(&queue, &item), -ASYNCIO_QUEUE_FULL);
    item = 0;
    assert_return_code(asyncio_queue_get_nowait(&queue, &item), 0);
    assert_int_equal(item, 7);
    assert_return_code(asyncio_queue_fini(&queue), 0);
}

static int wrong_values(void)
{
    asyncio_lock lock;
    asyncio_lock_init(&lock);
    assert_error(asyncio_lock_release(&lock), -ASYNCIO_NOT_LOCKED, "Lock is not acquired");
    assert_error(asyncio_lock_exit(&lock, 0), -ASYNCIO_NOT_LOCKED, "Lock is not acquired");

    asyncio_condition condition;
    assert_return_code(asyncio_condition_init(&condition), 0);
    assert_error(asyncio_condition_wait(&condition), -ASYNCIO_NOT_LOCKED, "cannot wait");
    assert_error(asyncio_condition_notify(&condition, 1), -ASYNCIO_NOT_LOCKED, "cannot notify");
    assert_error(asyncio_condition_notify_all(&condition), -ASYNCIO_NOT_LOCKED, "cannot notify");
    assert_error(asyncio_condition_release(&condition), -ASYNCIO_NOT_LOCKED, "not acquired");
    assert_error(asyncio_condition_wait_for(&condition, NULL, NULL), -EINVAL, "no predicate");

    asyncio_semaphore semaphore;
    assert_error(asyncio_semaphore_init(&semaphore, -1), -EINVAL, "must be >= 0");
    assert_error(asyncio_bounded_semaphore_init(&semaphore, -5), -EINVAL, "must be >= 0");
    assert_return_code(asyncio_bounded_semaphore_init(&semaphore, 1), 0);
    assert_error(asyncio_semaphore_release(&semaphore), -EINVAL, "too many times");
    assert_return_code(asyncio_semaphore_init(&semaphore, INT32_MAX), 0);
    assert_error(asyncio_semaphore_release(&semaphore), -EOVERFLOW, "too many times");

    asyncio_barrier barrier;
    assert_error(asyncio_barrier_init(&barrier, 0), -EINVAL, "parties must be >= 1");
    assert_return_code(asyncio_barrier_init(&barrier, 1), 0);
    assert_return_code(asyncio_barrier_abort(&barrier), 0);
    assert_error(asyncio_barrier_wait(&barrier), -ASYNCIO_BROKEN_BARRIER, "Barrier aborted");

    asyncio_queue queue;
    assert_error(asyncio_queue_init(&queue, 0), -EINVAL, "size 0");
    assert_error(asyncio_lifo_queue_init(&queue, 0), -EINVAL, "size 0");
    assert_error(asyncio_priority_queue_init(&queue, 0, same), -EINVAL, "size 0");
    assert_error(asyncio_priority_queue_init(&queue, 4, NULL), -EINVAL, "compares");
    assert_return_code(asyncio_queue_init(&queue, sizeof(int)), 0);
    assert_error(asyncio_queue_task_done(&queue), -EINVAL, "too many times");
    return asyncio_queue_fini(&queue);
}

static void values_that_cannot_be(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(wrong_values)), 0);
}

static int other_sizes(void)
{
    asyncio_queue queue;
    short small = 1;
    int right = 2;
    double large = 3;
    assert_return_code(asyncio_queue_init(&queue, sizeof right), 0);
    assert_error(asyncio_queue_put(&queue, &small), -EINVAL, "2 bytes for a queue of items of 4");
    assert_error(asyncio_queue_put_nowait(&queue, &large), -EINVAL, "8 bytes");
    assert_int_equal(asyncio_queue_qsize(&queue), 0);
    assert_return_code(asyncio_queue_put(&queue, &right), 0);
    assert_error(asyncio_queue_get(&queue, &small), -EINVAL, "2 bytes");
    assert_error(asyncio_queue_get_nowait(&queue, &large), -EINVAL, "8 bytes");
    assert_int_equal(asyncio_queue_qsize(&queue), 1);
    assert_int_equal(small, 1);
    return asyncio_queue_fini(&queue);
}

static void an_item_of_another_size(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(other_sizes)), 0);
}

/* ---- ended while tasks wait ---- */

static asyncio_task *started(asyncio_coro coro)
{
    asyncio_task *task;
    assert_return_code(asyncio_create_task(coro, &task), 0);
    assert_return_code(asyncio_sleep(0), 0);
    return task;
}

static int ends(asyncio_task *task)
{
    int r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

static int busy_lock(void)
{
    asyncio_lock lock;
    asyncio_lock_init(&lock);
    assert_return_code(asyncio_lock_acquire(&lock), 0);
    asyncio_task *task = started(asyncio_coro(asyncio_lock_acquire, &lock));
    assert_busy(asyncio_lock_fini(&lock), "lock");
    assert_return_code(asyncio_lock_release(&lock), 0);
    assert_busy(asyncio_lock_fini(&lock), "lock"); /* woken, and did not run yet */
    assert_return_code(ends(task), 0);
    task = started(asyncio_coro(asyncio_lock_acquire, &lock));
    asyncio_task_cancel(task);
    assert_busy(asyncio_lock_fini(&lock), "lock"); /* it still has to leave */
    assert_name(ends(task), -ECANCELED);
    return asyncio_lock_fini(&lock);
}

static int busy_event(void)
{
    asyncio_event event;
    asyncio_event_init(&event);
    asyncio_task *task = started(asyncio_coro(asyncio_event_wait, &event));
    assert_busy(asyncio_event_fini(&event), "event");
    assert_return_code(asyncio_event_set(&event), 0);
    assert_return_code(asyncio_event_fini(&event), 0); /* it does not look again */
    return ends(task);
}

static int waits(asyncio_condition *condition)
{
    int r;
    ASYNCIO_CONDITION(condition, r)
        r = asyncio_condition_wait(condition);
    return r;
}

static int busy_condition(void)
{
    asyncio_condition condition;
    assert_return_code(asyncio_condition_init(&condition), 0);
    asyncio_task *task = started(asyncio_coro(waits, &condition));
    assert_busy(asyncio_condition_fini(&condition), "condition");
    assert_return_code(asyncio_condition_acquire(&condition), 0);
    assert_return_code(asyncio_condition_notify(&condition, 1), 0);
    assert_busy(asyncio_condition_fini(&condition), "condition");
    assert_return_code(asyncio_sleep(0), 0);
    assert_busy(asyncio_condition_fini(&condition), "condition"); /* it wants the lock back */
    assert_return_code(asyncio_condition_release(&condition), 0);
    assert_return_code(ends(task), 0);
    return asyncio_condition_fini(&condition);
}

static int busy_semaphore(void)
{
    asyncio_semaphore semaphore;
    assert_return_code(asyncio_semaphore_init(&semaphore, 0), 0);
    asyncio_task *task = started(asyncio_coro(asyncio_semaphore_acquire, &semaphore));
    assert_busy(asyncio_semaphore_fini(&semaphore), "semaphore");
    assert_return_code(asyncio_semaphore_release(&semaphore), 0);
    assert_busy(asyncio_semaphore_fini(&semaphore), "semaphore");
    assert_return_code(ends(task), 0);
    return asyncio_semaphore_fini(&semaphore);
}

static int busy_barrier(void)
{
    asyncio_barrier barrier;
    assert_return_code(asyncio_barrier_init(&barrier, 2), 0);
    asyncio_task *task = started(asyncio_coro(asyncio_barrier_wait, &barrier));
    assert_busy(asyncio_barrier_fini(&barrier), "barrier");
    assert_int_equal(asyncio_barrier_wait(&barrier), 1);
    assert_busy(asyncio_barrier_fini(&barrier), "barrier");
    assert_int_equal(ends(task), 0);
    return asyncio_barrier_fini(&barrier);
}

static int busy_queue(void)
{
    asyncio_queue queue;
    int item = 1, got = 0;
    assert_return_code(asyncio_queue_init(&queue, sizeof item, .maxsize = 1), 0);
    asyncio_task *task = started(asyncio_coro(asyncio_queue_get, &queue, &got, sizeof got));
    assert_busy(asyncio_queue_fini(&queue), "queue");
    assert_return_code(asyncio_queue_put(&queue, &item), 0);
    assert_busy(asyncio_queue_fini(&queue), "queue");
    assert_return_code(ends(task), 0);
    assert_int_equal(got, 1);
    assert_return_code(asyncio_queue_put(&queue, &item), 0);
    task = started(asyncio_coro(asyncio_queue_put, &queue, &item, sizeof item));
    assert_busy(asyncio_queue_fini(&queue), "queue");
    asyncio_task_cancel(task);
    assert_name(ends(task), -ECANCELED);
    task = started(asyncio_coro(asyncio_queue_join, &queue));
    assert_busy(asyncio_queue_fini(&queue), "queue");
    assert_return_code(asyncio_queue_task_done(&queue), 0);
    assert_return_code(asyncio_queue_task_done(&queue), 0);
    assert_return_code(asyncio_queue_fini(&queue), 0); /* who joins does not look again */
    return ends(task);
}

static void ended_while_tasks_wait(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(busy_lock)), 0);
    assert_return_code(asyncio_run(asyncio_coro(busy_event)), 0);
    assert_return_code(asyncio_run(asyncio_coro(busy_condition)), 0);
    assert_return_code(asyncio_run(asyncio_coro(busy_semaphore)), 0);
    assert_return_code(asyncio_run(asyncio_coro(busy_barrier)), 0);
    assert_return_code(asyncio_run(asyncio_coro(busy_queue)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_initialised_or_ended), cmocka_unit_test(outside_of_tasks),
        cmocka_unit_test(values_that_cannot_be),    cmocka_unit_test(an_item_of_another_size),
        cmocka_unit_test(ended_while_tasks_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
