/* SPDX-License-Identifier: MIT */
/* Nothing of this floor allocates to wait, to wake or to be cancelled: from the moment when all
 * tasks are made there is no memory, and everything works. */
#include "base/alloc.h"

#include <asyncio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { WORKERS = 6, ROUNDS = 5 };

static asyncio_lock lock;
static asyncio_event event;
static asyncio_condition condition;
static asyncio_semaphore semaphore;
static asyncio_barrier barrier;
static asyncio_queue queue;

static int arrived;

static int have_arrived(void *all)
{
    return arrived >= *(int *)all;
}

static int one_round(int number)
{
    int r, item = number;
    ASYNCIO_LOCK(&lock, r)
        r = asyncio_sleep(0);
    if (r >= 0)
        ASYNCIO_SEMAPHORE(&semaphore, r)
            r = asyncio_sleep(0);
    if (r >= 0)
        r = asyncio_barrier_wait(&barrier);
    if (r >= 0)
        ASYNCIO_CONDITION(&condition, r)
        {
            int all = (arrived / WORKERS + 1) * WORKERS;
            if (++arrived == all)
                r = asyncio_condition_notify_all(&condition);
            else
                r = asyncio_condition_wait_for(&condition, have_arrived, &all);
        }
    if (r >= 0)
        r = number % 2 ? asyncio_queue_put(&queue, &item) : asyncio_queue_get(&queue, &item);
    if (r >= 0 && number % 2 == 0)
        r = asyncio_queue_task_done(&queue);
    return r;
}

static int worker(int number)
{
    int r = asyncio_event_wait(&event);
    for (int i = 0; i < ROUNDS && r >= 0; i++)
        r = one_round(number);
    return r < 0 ? r : asyncio_queue_join(&queue);
}

static int victim(int what)
{
    int item;
    switch (what) {
    case 0:
        return asyncio_lock_acquire(&lock);
    case 1:
        return asyncio_semaphore_acquire(&semaphore);
    case 2:
        return asyncio_queue_get(&queue, &item);
    default:
        return asyncio_event_wait(&event);
    }
}

enum { VICTIMS = 4 };

static int program(void)
{
    asyncio_task *tasks[WORKERS], *victims[VICTIMS];
    int item = 0;
    asyncio_lock_init(&lock);
    asyncio_event_init(&event);
    assert_return_code(asyncio_condition_init(&condition), 0);
    assert_return_code(asyncio_semaphore_init(&semaphore, 2), 0);
    assert_return_code(asyncio_barrier_init(&barrier, WORKERS), 0);
    assert_return_code(asyncio_queue_init(&queue, sizeof(int), .maxsize = 1), 0);
    assert_return_code(asyncio_queue_put(&queue, &item), 0); /* the room for items, once */
    assert_return_code(asyncio_queue_get(&queue, &item), 0);
    assert_return_code(asyncio_queue_task_done(&queue), 0);
    for (int i = 0; i < WORKERS; i++)
        assert_return_code(asyncio_create_task(asyncio_coro(worker, i), &tasks[i]), 0);
    for (int i = 0; i < VICTIMS; i++)
        assert_return_code(asyncio_create_task(asyncio_coro(victim, i), &victims[i]), 0);
    assert_return_code(asyncio_lock_acquire(&lock), 0);
    assert_return_code(asyncio_semaphore_acquire(&semaphore), 0);
    assert_return_code(asyncio_semaphore_acquire(&semaphore), 0);
    assert_return_code(asyncio_sleep(0), 0);

    asyncio__alloc_fail_at(1, 1);
    int failed = 0;
    for (int i = 0; i < VICTIMS; i++) {
        asyncio_task_cancel(victims[i]);
        failed += asyncio_await(victims[i]) != -ECANCELED;
    }
    failed += asyncio_lock_release(&lock) < 0;
    failed += asyncio_semaphore_release(&semaphore) < 0;
    failed += asyncio_semaphore_release(&semaphore) < 0;
    failed += asyncio_event_set(&event) < 0;
    for (int i = 0; i < WORKERS; i++)
        failed += asyncio_await(tasks[i]) < 0;
    failed += asyncio_lock_fini(&lock) < 0 || asyncio_event_fini(&event) < 0 ||
              asyncio_condition_fini(&condition) < 0 || asyncio_semaphore_fini(&semaphore) < 0 ||
              asyncio_barrier_fini(&barrier) < 0 || asyncio_queue_fini(&queue) < 0;
    uint64_t asked = asyncio__alloc_count();
    asyncio__alloc_fail_at(0, 0);

    assert_int_equal(failed, 0);
    /* the record that goes with each cancellation, and nothing else */
    assert_in_range(asked, 0, VICTIMS);
    for (int i = 0; i < WORKERS; i++)
        asyncio_task_unref(tasks[i]);
    for (int i = 0; i < VICTIMS; i++)
        asyncio_task_unref(victims[i]);
    return 0;
}

static void all_works_without_memory(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(program)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_works_without_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
