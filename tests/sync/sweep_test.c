/* SPDX-License-Identifier: MIT */
/* Every allocation failed in turn, and a cancellation at every turn and at every suspension,
 * through all of the floor: whatever happens, the objects can be ended and nothing is left. */
/* TEST: timeout 300; not allocations */
#include "support/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static int twice(asyncio_lock *lock)
{
    for (int i = 0; i < 2; i++) {
        int r = asyncio_lock_enter(lock);
        if (r < 0)
            return r;
        r = asyncio_lock_exit(lock, asyncio_sleep(0));
        if (r < 0)
            return r;
    }
    return 0;
}

static int locks(void)
{
    asyncio_lock lock;
    asyncio_lock_init(&lock);
    int results[3] = { 0, 0, 0 };
    asyncio_awaitable all[] = { ASYNCIO_AWAITABLE(asyncio_coro(twice, &lock)),
                                ASYNCIO_AWAITABLE(asyncio_coro(twice, &lock)),
                                ASYNCIO_AWAITABLE(asyncio_coro(twice, &lock)) };
    /* it returns when all have ended: the lock lies here */
    int r = asyncio_gather_all(all, 3, results, .return_exceptions = 1);
    for (int i = 0; i < 3 && r >= 0; i++)
        r = results[i];
    if (r < 0) /* without memory for one, the others have been cancelled, but may not have run */
        (void)!asyncio_sleep(0);
    int ended = asyncio_lock_fini(&lock);
    return ended < 0 ? -EPROTO : r;
}

static int waits_and_sets(asyncio_event *first, asyncio_event *second)
{
    int r = asyncio_event_wait(first);
    asyncio_event_set(second);
    return r;
}

static int events(void)
{
    asyncio_event first, second;
    asyncio_event_init(&first);
    asyncio_event_init(&second);
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_task_group_create_task(&group, asyncio_coro(waits_and_sets, &first, &second),
                                           NULL);
    if (r >= 0)
        r = asyncio_sleep(0);
    asyncio_event_set(&first);
    if (r >= 0)
        r = asyncio_event_wait(&second);
    r = asyncio_task_group_exit(&group, r);
    int ended = asyncio_event_fini(&first), also = asyncio_event_fini(&second);
    return ended < 0 || also < 0 ? -EPROTO : r;
}

static int waits(asyncio_condition *condition)
{
    int r;
    ASYNCIO_CONDITION(condition, r)
        r = asyncio_condition_wait(condition);
    return r;
}

static int conditions(void)
{
    asyncio_condition condition;
    int r = asyncio_condition_init(&condition);
    if (r < 0)
        return r;
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    for (int i = 0; i < 2 && r >= 0; i++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(waits, &condition), NULL);
    if (r >= 0)
        r = asyncio_sleep(0);
    if (r >= 0)
        ASYNCIO_CONDITION(&condition, r)
            r = asyncio_condition_notify_all(&condition);
    r = asyncio_task_group_exit(&group, r);
    return asyncio_condition_fini(&condition) < 0 ? -EPROTO : r;
}

static int takes(asyncio_semaphore *semaphore)
{
    int r;
    ASYNCIO_SEMAPHORE(semaphore, r)
        r = asyncio_sleep(0);
    return r;
}

static int semaphores(void)
{
    asyncio_semaphore semaphore;
    int r = asyncio_bounded_semaphore_init(&semaphore, 2);
    if (r < 0)
        return r;
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    for (int i = 0; i < 4 && r >= 0; i++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(takes, &semaphore), NULL);
    r = asyncio_task_group_exit(&group, r);
    return asyncio_semaphore_release(&semaphore) != -EINVAL ||
                   asyncio_semaphore_fini(&semaphore) < 0
               ? -EPROTO
               : r;
}

static int meets(asyncio_barrier *barrier)
{
    int r = asyncio_barrier_wait(barrier);
    return r < 0 ? r : 0;
}

static int barriers(void)
{
    asyncio_barrier barrier;
    int r = asyncio_barrier_init(&barrier, 3);
    if (r < 0)
        return r;
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    for (int i = 0; i < 3 && r >= 0; i++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(meets, &barrier), NULL);
    r = asyncio_task_group_exit(&group, r);
    return asyncio_barrier_fini(&barrier) < 0 ? -EPROTO : r;
}

enum { ITEMS = 40 };

static int produces(asyncio_queue *queue)
{
    for (int i = 0; i < ITEMS; i++) {
        int r = asyncio_queue_put(queue, &i);
        if (r < 0)
            return r;
    }
    return 0;
}

static int consumes(asyncio_queue *queue)
{
    for (int i = 0; i < ITEMS; i++) {
        int item;
        int r = asyncio_queue_get(queue, &item);
        if (r < 0)
            return r;
        if (item != i)
            return -EPROTO;
        asyncio_queue_task_done(queue);
        if (i % 8 == 0 && (r = asyncio_sleep(0)) < 0)
            return r;
    }
    return 0;
}

static int exchange(size_t maxsize)
{
    asyncio_queue queue;
    int r = asyncio_queue_init(&queue, sizeof(int), .maxsize = maxsize);
    if (r < 0)
        return r;
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    r = asyncio_task_group_create_task(&group, asyncio_coro(produces, &queue), NULL);
    if (r >= 0)
        r = asyncio_task_group_create_task(&group, asyncio_coro(consumes, &queue), NULL);
    if (r >= 0 && (r = asyncio_sleep(0)) >= 0)
        r = asyncio_queue_join(&queue);
    r = asyncio_task_group_exit(&group, r);
    return asyncio_queue_fini(&queue) < 0 ? -EPROTO : r;
}

static int queues(void)
{
    int r = exchange(0);
    return r < 0 ? r : exchange(3);
}

static const struct sweep scenarios[] = {
    { "locks", locks },           { "events", events },     { "conditions", conditions },
    { "semaphores", semaphores }, { "barriers", barriers }, { "queues", queues },
};

static void every_allocation_fails_in_turn(void **state)
{
    (void)state;
    assert_true(SWEEP_ALL(scenarios, sweep_allocations) > 30);
}

static void cancelled_at_every_turn(void **state)
{
    (void)state;
    assert_true(SWEEP_ALL(scenarios, sweep_cancellations) > 50);
}

static void cancelled_at_every_suspension(void **state)
{
    (void)state;
    assert_true(SWEEP_ALL(scenarios, sweep_suspensions) > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails_in_turn),
        cmocka_unit_test(cancelled_at_every_turn),
        cmocka_unit_test(cancelled_at_every_suspension),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
