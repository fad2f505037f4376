/* SPDX-License-Identifier: MIT */
/* Queues between threads and loops: our extension, Python's asyncio has none.
 *
 *     asyncio_thread_queue *lines;
 *     int r = asyncio_thread_queue_new(sizeof(char *), &lines, .maxsize = 100);
 *     r = asyncio_thread_queue_put(lines, &line);     in a thread: blocks it while there are 100
 *     r = asyncio_thread_queue_get(lines, &line);     in a task: suspends it while there are none
 *
 * MODEL      As asyncio_queue, first in first out, but for any number of threads, and for the tasks
 *            of any number of loops: a task that has to wait is suspended, a thread that runs no
 *            loop is blocked. Where neither is possible, in a loop's callback, waiting is
 *            -ASYNCIO_NO_TASK, and the nowait forms are right.
 * FAIR       Tasks and threads are woken in the order in which they began to wait, and look again.
 *            A woken task that is cancelled wakes the next in its place: nothing is lost.
 * ITEMS      as asyncio_queue's: copied by value, of the size that new was given, which the macros
 *            compare. `.destroy` is called with the address of each that nobody will get, in the
 *            thread that gives the last reference back or shuts down.
 * OWNERSHIP  Counted references, since threads end when they like. A task that waits in it does so
 *            on its caller's reference.
 * THREADS    All calls are for any thread. */
#pragma once

#include <asyncio/queue.h>

ASYNCIO__BEGIN

typedef struct asyncio_thread_queue asyncio_thread_queue;

/* Returns new: a queue for items of `item_size` bytes. -EINVAL for a size of 0, -ENOMEM. Any
 * thread; does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_thread_queue_new(size_t item_size,
                                                            asyncio_thread_queue **ret_queue,
                                                            const asyncio_queue_options *options);
#define asyncio_thread_queue_new(...) asyncio__thread_queue_new_m(__VA_ARGS__, )
#define asyncio__thread_queue_new_m(item_size, ret_queue, ...)                                     \
    asyncio__thread_queue_new_v(item_size, ret_queue,                                              \
                                ASYNCIO__OPTIONS(asyncio_queue_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__thread_queue_new_v(size_t item_size,
                                                                 asyncio_thread_queue **ret_queue,
                                                                 asyncio_queue_options options)
{
    return (asyncio_thread_queue_new)(item_size, ret_queue, &options);
}

/* Takes one more reference and returns it. NULL allowed. Any thread; does not suspend. */
ASYNCIO_API asyncio_thread_queue *asyncio_thread_queue_ref(asyncio_thread_queue *queue);

/* Gives a reference back; the last one destroys the items left. NULL allowed. Any thread; does not
 * suspend. */
ASYNCIO_API void asyncio_thread_queue_unref(asyncio_thread_queue *queue);

/* Puts a copy of *item in, when there is room: 0. -ASYNCIO_QUEUE_SHUT_DOWN, -ECANCELED, -ENOMEM,
 * -EINVAL for an item of another size, -ASYNCIO_NO_TASK in a loop's callback: then the item is
 * still the caller's. Any thread. Suspends the task, or blocks the thread, but not when there is
 * room. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_thread_queue_put(asyncio_thread_queue *queue,
                                                            const void *item, size_t item_size);
#define asyncio_thread_queue_put(queue, ...)                                                       \
    (asyncio_thread_queue_put)(queue, __VA_ARGS__, sizeof *(__VA_ARGS__))

/* As put, but -ASYNCIO_QUEUE_FULL where that would wait. Any thread; does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_thread_queue_put_nowait(asyncio_thread_queue *queue,
                                                                   const void *item,
                                                                   size_t item_size);
#define asyncio_thread_queue_put_nowait(queue, ...)                                                \
    (asyncio_thread_queue_put_nowait)(queue, __VA_ARGS__, sizeof *(__VA_ARGS__))

/* Takes the first item out, when there is one, into *ret_item: 0. -ASYNCIO_QUEUE_SHUT_DOWN when it
 * has been shut down and is empty, -ECANCELED, -EINVAL for an item of another size,
 * -ASYNCIO_NO_TASK in a loop's callback: then *ret_item is untouched. Any thread. Suspends the
 * task, or blocks the thread, but not when there is an item. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_thread_queue_get(asyncio_thread_queue *queue,
                                                            void *ret_item, size_t item_size);
#define asyncio_thread_queue_get(queue, ret_item)                                                  \
    (asyncio_thread_queue_get)(queue, ret_item, sizeof *(ret_item))

/* As get, but -ASYNCIO_QUEUE_EMPTY where that would wait. Any thread; does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_thread_queue_get_nowait(asyncio_thread_queue *queue,
                                                                   void *ret_item,
                                                                   size_t item_size);
#define asyncio_thread_queue_get_nowait(queue, ret_item)                                           \
    (asyncio_thread_queue_get_nowait)(queue, ret_item, sizeof *(ret_item))

/* Lets nothing in any more, for good, and wakes all who wait; get goes on until the queue is empty.
 * .immediate drops what is in. Any thread; does not suspend. */
ASYNCIO_API void asyncio_thread_queue_shutdown(asyncio_thread_queue *queue,
                                               const asyncio_queue_shutdown_options *options);
#define asyncio_thread_queue_shutdown(...) asyncio__thread_queue_shutdown_m(__VA_ARGS__, )
#define asyncio__thread_queue_shutdown_m(queue, ...)                                               \
    asyncio__thread_queue_shutdown_v(                                                              \
        queue, ASYNCIO__OPTIONS(asyncio_queue_shutdown_options, (), __VA_ARGS__))
static inline void asyncio__thread_queue_shutdown_v(asyncio_thread_queue *queue,
                                                    asyncio_queue_shutdown_options options)
{
    (asyncio_thread_queue_shutdown)(queue, &options);
}

/* How many items are in; with other threads at work, how many were. Any thread; does not
 * suspend. */
ASYNCIO_API size_t asyncio_thread_queue_qsize(asyncio_thread_queue *queue);

ASYNCIO__END
