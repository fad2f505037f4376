// SPDX-License-Identifier: MIT
// run
//
// Locks and queues in C++: the scope macros release when an exception passes, too.
#include <asyncio.h>
#include "check.h"

namespace {

asyncio_lock lock;
asyncio_condition condition;
asyncio_semaphore semaphore;

struct job {
    int rank;
    const char *name;
};

int returns(int value)
{
    int r;
    ASYNCIO_LOCK(&lock, r)
    {
        int inner;
        ASYNCIO_SEMAPHORE(&semaphore, inner)
            CHECK(asyncio_semaphore_locked(&semaphore));
        return inner < 0 ? inner : value;
    }
    return r;
}

void throws()
{
    int r;
    ASYNCIO_CONDITION(&condition, r)
        throw r;
}

int by_rank(const void *a, const void *b)
{
    return static_cast<const job *>(a)->rank - static_cast<const job *>(b)->rank;
}

int queues()
{
    asyncio_queue jobs, numbers;
    job one = { 1, "one" }, two = { 2, "two" };
    CHECK(asyncio_priority_queue_init(&jobs, sizeof(job), by_rank, .maxsize = 5,
                                      .destroy = [](void *) {}) == 0);
    CHECK(asyncio_queue_init(&numbers, sizeof(int)) == 0);
    CHECK(asyncio_queue_put(&jobs, &two) == 0 && asyncio_queue_put_nowait(&jobs, &one) == 0);
    CHECK(asyncio_queue_get(&jobs, &two) == 0 && two.rank == 1);
    CHECK(asyncio_queue_put(&numbers, &two) == -EINVAL);
    CHECK(asyncio_await(asyncio_coro(asyncio_queue_get, &jobs, &one, sizeof one)) == 0);
    CHECK(one.rank == 2);
    CHECK(asyncio_queue_shutdown(&jobs, .immediate = 1) == 0);
    CHECK(asyncio_queue_shutdown(&numbers) == 0);
    return asyncio_queue_fini(&jobs) + asyncio_queue_fini(&numbers);
}

int between_threads()
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

int program()
{
    asyncio_lock_init(&lock);
    CHECK(asyncio_condition_init(&condition) == 0);
    CHECK(asyncio_condition_init(&condition, .lock = &lock) == 0);
    CHECK(asyncio_semaphore_init(&semaphore, 1) == 0);
    CHECK(returns(7) == 7 && !asyncio_lock_locked(&lock));
    bool caught = false;
    try {
        throws();
    } catch (int) {
        caught = true;
    }
    CHECK(caught && !asyncio_condition_locked(&condition));
    CHECK(asyncio_condition_enter(&condition) == 0);
    CHECK(asyncio_condition_wait_for(&condition, [](void *) { return 4; }, nullptr) == 4);
    CHECK(asyncio_condition_exit(&condition, 3) == 3);
    return queues() + between_threads();
}

} // namespace

int main()
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return verdict();
}
