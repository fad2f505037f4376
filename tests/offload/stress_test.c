/* SPDX-License-Identifier: MIT */
/* Eight threads that hand a loop work as fast as they can, while it closes under them.
 *
 * Each round has a loop of its own. Of what a thread hands over, seven of eight are callbacks, the
 * others coroutines, whose results it waits for, cancels, or lets go. Whatever the moment of the
 * close: a thread's callbacks run in their order; what was accepted is destroyed exactly once,
 * what was refused never; each future gets an outcome; nothing is left. ThreadSanitizer watches. */
/* TEST: backends io_uring epoll; timeout 120 */
#include "base/alloc.h"
#include "base/error.h"

#include <asyncio.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { THREADS = 8, ROUNDS = 40, WAIT = 30 };

/* One of the threads. What the loop's thread writes is read when the loop has closed. */
struct producer {
    pthread_t thread;
    asyncio_loop *loop;
    unsigned number;
    long next_seen;                /* of the callbacks, on the loop's thread */
    bool out_of_order;
    atomic_long ran, destroyed;
    long accepted, coroutines;
    long results, cancelled, closed, strange;
};

/* A callback's data: gone with its destroy. */
struct item {
    struct producer *producer;
    long number;
};

static atomic_long items_left, bodies_closed;

static void see(asyncio_loop *loop, void *data)
{
    struct item *item = data;
    struct producer *producer = item->producer;
    (void)loop;
    if (item->number < producer->next_seen)
        producer->out_of_order = true;
    producer->next_seen = item->number + 1;
    atomic_fetch_add(&producer->ran, 1);
}

static void destroy_item(void *data)
{
    struct item *item = data;
    atomic_fetch_add(&item->producer->destroyed, 1);
    atomic_fetch_sub(&items_left, 1);
    asyncio__free(item);
}

static bool posts_callback(struct producer *producer, long number)
{
    struct item *item = asyncio__malloc(sizeof *item);
    if (!item) {
        producer->strange++;
        return false;
    }
    *item = (struct item){ producer, number };
    atomic_fetch_add(&items_left, 1);
    int r = asyncio_loop_call_soon_threadsafe(producer->loop, see, NULL, .data = item,
                                              .destroy = destroy_item);
    if (r >= 0) {
        producer->accepted++;
        return true;
    }
    if (r != -ASYNCIO_LOOP_CLOSED)
        producer->strange++;
    atomic_fetch_sub(&items_left, 1); /* refused: it is still ours */
    asyncio__free(item);
    return false;
}

static int works(int turns, int result)
{
    for (int i = 0; i < turns; i++) {
        int r = asyncio_sleep(0);
        if (r < 0)
            return r;
    }
    return result;
}

static void count_close(void *data)
{
    (void)data;
    atomic_fetch_add(&bodies_closed, 1);
}

static void count_outcome(struct producer *producer, int r, int wanted)
{
    if (r == wanted)
        producer->results++;
    else if (r == -ECANCELED)
        producer->cancelled++;
    else if (r == -ASYNCIO_LOOP_CLOSED)
        producer->closed++;
    else
        producer->strange++;
}

static bool runs_coroutine(struct producer *producer, long number)
{
    asyncio_concurrent_future *future;
    int wanted = (int)(number % 1000);
    producer->coroutines++; /* its note is closed in any case */
    int r = asyncio_run_coroutine_threadsafe(
        asyncio_coro_on_close(asyncio_coro(works, (int)(number % 3), wanted), count_close, NULL),
        producer->loop, &future);
    if (r < 0) {
        producer->strange += r != -ASYNCIO_LOOP_CLOSED;
        return false;
    }
    switch (number % 4) {
    case 0:
        break; /* nobody wants to know */
    case 1:
        asyncio_concurrent_future_cancel(future);
        __attribute__((fallthrough));
    default:
        count_outcome(producer, asyncio_concurrent_future_result(future, WAIT), wanted);
    }
    asyncio_concurrent_future_unref(future);
    return true;
}

static void *produce(void *data)
{
    struct producer *producer = data;
    bool goes_on = true;
    for (long i = 0; goes_on; i++)
        goes_on = i % 8 ? posts_callback(producer, i) : runs_coroutine(producer, i / 8);
    /* and it stays closed */
    if (posts_callback(producer, 0) || runs_coroutine(producer, 0))
        producer->strange++;
    asyncio__record_put(NULL);
    asyncio_loop_unref(producer->loop);
    return NULL;
}

static struct producer producers[THREADS];

static int program(int milliseconds)
{
    for (unsigned i = 0; i < THREADS; i++) {
        producers[i] = (struct producer){ .number = i };
        producers[i].loop = asyncio_loop_ref(asyncio_get_running_loop());
        assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
    }
    return asyncio_sleep(milliseconds / 1000.0);
}

static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)context; /* tasks that are cancelled while it shuts down */
    (void)data;
}

static int quiet_loop(asyncio_loop **ret_loop, void *data)
{
    (void)data;
    int r = asyncio_new_event_loop(ret_loop);
    if (r >= 0)
        asyncio_loop_set_exception_handler(*ret_loop, ignore, NULL);
    return r;
}

static void check_producer(const struct producer *producer)
{
    assert_int_equal(producer->strange, 0);
    assert_false(producer->out_of_order);
    assert_int_equal(atomic_load(&producer->destroyed), producer->accepted);
    assert_true(atomic_load(&producer->ran) <= producer->accepted);
}

static void a_loop_closes_while_threads_hand_it_work(void **state)
{
    (void)state;
    long ran = 0, results = 0, cancelled = 0, dropped = 0;
    uint64_t live = 0;
    for (int round = 0; round < ROUNDS; round++) {
        atomic_store(&bodies_closed, 0);
        assert_return_code(
            asyncio_run(asyncio_coro(program, round % 8), .loop_factory = quiet_loop), 0);
        long coroutines = 0;
        for (unsigned i = 0; i < THREADS; i++) {
            struct producer *producer = &producers[i];
            assert_int_equal(pthread_join(producer->thread, NULL), 0);
            check_producer(producer);
            coroutines += producer->coroutines;
            ran += atomic_load(&producer->ran);
            dropped += producer->accepted - atomic_load(&producer->ran);
            results += producer->results;
            cancelled += producer->cancelled + producer->closed;
        }
        assert_int_equal(atomic_load(&items_left), 0);
        assert_int_equal(atomic_load(&bodies_closed), coroutines);
        asyncio__record_put(NULL);
        if (round == 0)
            live = asyncio__alloc_live(); /* what is made once is there */
        assert_int_equal(asyncio__alloc_live(), live);
    }
    assert_true(ran > 0 && results > 0);
    print_message("stress: %ld callbacks ran, %ld were dropped; %ld results, %ld cancelled\n", ran,
                  dropped, results, cancelled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_closes_while_threads_hand_it_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
