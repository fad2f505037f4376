/* SPDX-License-Identifier: MIT */
/* run
 *
 * Locks and queues: the scope macros, nested and left in every way, keyword arguments, sizes, and
 * the functions behind the macros. */
#include <asyncio.h>
#include "check.h"

static asyncio_lock lock, other;
static asyncio_condition condition;
static asyncio_semaphore semaphore;

static int returns(int value)
{
    int r;
    ASYNCIO_LOCK(&lock, r)
        return value;
    return r;
}

static int nested(void)
{
    int r, inner = -1;
    ASYNCIO_LOCK(&lock, r)
    {
        ASYNCIO_LOCK(&other, inner)
        {
            ASYNCIO_SEMAPHORE(&semaphore, inner)
                CHECK(asyncio_lock_locked(&lock) && asyncio_lock_locked(&other) &&
                      asyncio_semaphore_locked(&semaphore));
            r = 5;
        }
        CHECK(inner == 0 && !asyncio_lock_locked(&other));
    }
    CHECK(!asyncio_lock_locked(&lock) && !asyncio_semaphore_locked(&semaphore));
    return r;
}

static int breaks(void)
{
    int r, rounds = 0;
    for (int i = 0; i < 3; i++) {
        ASYNCIO_CONDITION(&condition, r)
        {
            if (i == 1)
                break;
            if (i == 2)
                goto out;
            rounds++;
            continue;
        }
        CHECK(r == 0 && !asyncio_condition_locked(&condition));
        rounds++;
    }
out:
    CHECK(!asyncio_condition_locked(&condition));
    return rounds;
}

struct job {
    int rank;
    const char *name;
};

static int by_rank(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

static int dropped;

static void drop(void *item)
{
    dropped += ((struct job *)item)->rank;
}

static int queues(void)
{
    asyncio_queue jobs, numbers, texts;
    struct job job = { 3, "three" };
    int number = 5, numbers_in[2] = { 1, 2 };
    const char *text = "text";
    CHECK(asyncio_priority_queue_init(&jobs, sizeof(struct job), by_rank, .destroy = drop,
                                      .maxsize = 9) == 0);
    CHECK(asyncio_queue_init(&numbers, sizeof(int)) == 0);
    CHECK(asyncio_lifo_queue_init(&texts, sizeof text, .maxsize = 2) == 0);
    CHECK(asyncio_queue_put(&jobs, &job) == 0);
    int r = asyncio_queue_put(&jobs, &(struct job){ 1, "one" });
    CHECK(r == 0);
    r = asyncio_queue_put_nowait(&jobs, &(struct job){ .rank = 4, .name = "four" });
    CHECK(r == 0);
    CHECK(asyncio_queue_put(&numbers, &number) == 0);
    CHECK(asyncio_queue_put_nowait(&numbers, &numbers_in[1]) == 0);
    CHECK(asyncio_queue_put(&texts, &text) == 0);
    CHECK(asyncio_queue_put(&numbers, &job) == -EINVAL);
    CHECK(asyncio_queue_get(&jobs, &job) == 0 && job.rank == 1);
    CHECK(asyncio_queue_get_nowait(&numbers, &number) == 0 && number == 5);
    CHECK(asyncio_await(asyncio_coro(asyncio_queue_get, &numbers, &number, sizeof number)) == 0);
    CHECK(number == 2);
    CHECK((asyncio_queue_put)(&numbers, &number, sizeof number) == 0);
    CHECK(asyncio_queue_shutdown(&numbers) == 0);
    CHECK(asyncio_queue_shutdown(&jobs, .immediate = 1) == 0 && dropped == 7);
    CHECK((asyncio_queue_shutdown)(&texts, NULL) == 0);
    CHECK(asyncio_queue_fini(&jobs) == 0 && asyncio_queue_fini(&numbers) == 0);
    return asyncio_queue_fini(&texts);
}

static int between_threads(void)
{
    asyncio_thread_queue *queue;
    int item = 3;
    CHECK(asyncio_thread_queue_new(sizeof(int), &queue, .maxsize = 2) == 0);
    CHECK(asyncio_thread_queue_put(queue, &item) == 0);
    CHECK(asyncio_thread_queue_put_nowait(queue, &item) == 0);
    CHECK(asyncio_thread_queue_get(queue, &item) == 0);
    asyncio_thread_queue_shutdown(queue);
    asyncio_thread_queue_shutdown(queue, .immediate = 1);
    CHECK((asyncio_thread_queue_get_nowait)(queue, &item, sizeof item) == -ASYNCIO_QUEUE_SHUT_DOWN);
    asyncio_thread_queue_unref(queue);
    return 0;
}

static int five(void *data)
{
    return *(int *)data;
}

static int program(void)
{
    int value = 5;
    asyncio_lock_init(&lock);
    asyncio_lock_init(&other);
    CHECK(asyncio_condition_init(&condition) == 0);
    CHECK(asyncio_condition_init(&condition, .lock = &lock) == 0);
    CHECK((asyncio_condition_init)(&condition, NULL) == 0);
    CHECK(asyncio_semaphore_init(&semaphore, 1) == 0);
    CHECK(returns(7) == 7 && !asyncio_lock_locked(&lock));
    CHECK(nested() == 5);
    CHECK(breaks() == 3);
    CHECK(asyncio_wait_for(asyncio_coro(asyncio_lock_acquire, &lock), 1.0) == 0);
    CHECK(asyncio_lock_release(&lock) == 0);
    CHECK(asyncio_condition_enter(&condition) == 0);
    CHECK(asyncio_condition_wait_for(&condition, five, &value) == 5);
    CHECK(asyncio_condition_exit(&condition, 3) == 3);
    CHECK(queues() == 0);
    CHECK(between_threads() == 0);
    return 0;
}

int main(void)
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return verdict();
}
