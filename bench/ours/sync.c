/* SPDX-License-Identifier: MIT */
/* lock, semaphore, queue, cancel_group, gather. */
#include "ours.h"

/* --- two tasks, of which one has it and the other waits for it ---------------------------- */

static asyncio_lock lock;

static int lock_player(long times)
{
    sure(asyncio_lock_acquire(&lock));
    sure(asyncio_sleep(0));                 /* the other one comes, and waits */
    for (long i = 0; i < times; i++) {
        sure(asyncio_lock_release(&lock));
        sure(asyncio_lock_acquire(&lock));  /* the other one has it now */
    }
    sure(asyncio_lock_release(&lock));
    return 0;
}

static asyncio_semaphore semaphore;

static int semaphore_player(long times)
{
    sure(asyncio_semaphore_acquire(&semaphore));
    sure(asyncio_sleep(0));
    for (long i = 0; i < times; i++) {
        sure(asyncio_semaphore_release(&semaphore));
        sure(asyncio_semaphore_acquire(&semaphore));
    }
    sure(asyncio_semaphore_release(&semaphore));
    return 0;
}

static int two_players(asyncio_coro a, asyncio_coro b, long count)
{
    int64_t begin = wall();
    sure(asyncio_gather(a, b));
    per(wall() - begin, count / 2 * 2);
    return 0;
}

int locking(long count)
{
    asyncio_lock_init(&lock);
    return two_players(asyncio_coro(lock_player, count / 2), asyncio_coro(lock_player, count / 2),
                       count);
}

int semaphores(long count)
{
    sure(asyncio_semaphore_init(&semaphore, 1));
    return two_players(asyncio_coro(semaphore_player, count / 2),
                       asyncio_coro(semaphore_player, count / 2), count);
}

/* --- from one task to another through a queue with room for one ---------------------------- */

static asyncio_queue queue;

static int producer(long count)
{
    for (long i = 0; i < count; i++)
        sure(asyncio_queue_put(&queue, &i));
    return 0;
}

static int consumer(long count)
{
    long item;
    for (long i = 0; i < count; i++)
        sure(asyncio_queue_get(&queue, &item));
    return 0;
}

int queueing(long count)
{
    sure(asyncio_queue_init(&queue, sizeof(long), .maxsize = 1));
    two_players(asyncio_coro(producer, count), asyncio_coro(consumer, count), count);
    return asyncio_queue_fini(&queue);
}

/* --- very many tasks together --------------------------------------------------------------- */

enum { MANY = 100000 };

static int sleeps(long *started)
{
    ++*started;
    return asyncio_sleep(3600);
}

/* From the cancellation to the end of the last of them. */
int cancelling(long count)
{
    long many = count < MANY ? count : MANY, rounds = count / many;
    int64_t spent = 0;
    for (long round = 0; round < rounds; round++) {
        asyncio_task_group group;
        long started = 0;
        sure(asyncio_task_group_enter(&group));
        for (long i = 0; i < many; i++)
            sure(asyncio_task_group_create_task(&group, asyncio_coro(sleeps, &started), NULL));
        while (started < many)
            sure(asyncio_sleep(0));
        int64_t begin = wall();
        sure(asyncio_task_group_cancel(&group));
        sure(asyncio_task_group_exit(&group, 0));
        spent += wall() - begin;
    }
    per(spent, rounds * many);
    return 0;
}

static int nothing(void) { return 0; }

int gathering(long count)
{
    long many = count < MANY ? count : MANY, rounds = count / many;
    asyncio_awaitable *all = calloc((size_t)many, sizeof *all);
    int64_t begin = wall();
    for (long round = 0; round < rounds; round++) {
        for (long i = 0; i < many; i++)
            all[i] = ASYNCIO_AWAITABLE(asyncio_coro(nothing));
        sure(asyncio_gather_all(all, (size_t)many, NULL));
    }
    per(wall() - begin, rounds * many);
    free(all);
    return 0;
}
