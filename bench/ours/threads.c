/* SPDX-License-Identifier: MIT */
/* threadsafe_post, threadsafe_roundtrip: call_soon_threadsafe from one other thread. offload_post,
 * offload_roundtrip: to_thread. */
#include "ours.h"

#include <pthread.h>
#include <semaphore.h>

static asyncio_loop *loop;
static asyncio_future *finished;
static sem_t answered;
static int64_t begun, *trips;
static long total, seen;

/* --- from another thread ----------------------------------------------------------------- */

static void one_post(asyncio_loop *unused)
{
    (void)unused;
    if (++seen == total)
        sure(asyncio_future_set_result(finished, 0));
}

static void *produce(void *unused)
{
    long count = total; /* `seen`, beside it, belongs to the other thread */
    begun = wall();
    for (long i = 0; i < count; i++)
        sure(asyncio_loop_call_soon_threadsafe(loop, one_post, NULL));
    return unused;
}

static void answer(asyncio_loop *unused)
{
    (void)unused;
    sem_post(&answered);
    if (++seen == total)
        sure(asyncio_future_set_result(finished, 0));
}

static void *ping(void *unused)
{
    for (long i = 0; i < total; i++) {
        int64_t begin = wall();
        sure(asyncio_loop_call_soon_threadsafe(loop, answer, NULL));
        sem_wait(&answered);
        trips[i] = wall() - begin;
    }
    return unused;
}

static int64_t with_thread(void *(*producer)(void *), long count)
{
    pthread_t thread;
    loop = asyncio_get_running_loop();
    total = count;
    trips = calloc((size_t)count, sizeof *trips);
    sem_init(&answered, 0, 0);
    sure(asyncio_future_new(&finished));
    sure(-pthread_create(&thread, NULL, producer, NULL));
    sure(asyncio_await(finished));
    int64_t end = wall();
    pthread_join(thread, NULL);
    asyncio_future_unref(finished);
    return end;
}

int threadsafe_post(long count)
{
    per(with_thread(produce, count) - begun, count);
    free(trips);
    return 0;
}

int threadsafe_roundtrip(long count)
{
    with_thread(ping, count);
    print_median(trips, count);
    free(trips);
    return 0;
}

/* --- to another thread ------------------------------------------------------------------- */

static int nothing(void) { return 0; }

static int caller(long times)
{
    for (long i = 0; i < times; i++)
        sure(asyncio_to_thread(asyncio_coro(nothing)));
    return 0;
}

int offload_post(long count)
{
    static asyncio_task *callers[1000];
    int64_t begin = wall();
    for (int i = 0; i < 1000; i++)
        sure(asyncio_create_task(asyncio_coro(caller, count / 1000), &callers[i]));
    for (int i = 0; i < 1000; i++) {
        sure(asyncio_await(callers[i]));
        asyncio_task_unref(callers[i]);
    }
    per(wall() - begin, count / 1000 * 1000);
    return 0;
}

int offload_roundtrip(long count)
{
    trips = calloc((size_t)count, sizeof *trips);
    for (long i = 0; i < count; i++) {
        int64_t begin = wall();
        sure(asyncio_to_thread(asyncio_coro(nothing)));
        trips[i] = wall() - begin;
    }
    print_median(trips, count);
    free(trips);
    return 0;
}
