/* SPDX-License-Identifier: MIT */
/* Queues: items that tasks hand to one another, or to themselves for later.
 *
 *     asyncio_queue jobs;
 *     int r = asyncio_queue_init(&jobs, sizeof(struct job), .maxsize = 100);
 *     r = asyncio_queue_put(&jobs, &job);          waits while there are 100
 *     r = asyncio_queue_get(&jobs, &job);          waits while there are none
 *
 * MODEL      One type, made in three ways: asyncio_queue_init gives items back in the order they
 *            came, asyncio_priority_queue_init the smallest first, asyncio_lifo_queue_init the
 *            newest first. All other calls are for all three.
 * ITEMS      are copied by value, in and out, and have the size that init was given. The macros
 *            compare it with that of what the pointer points to; the functions behind them, for a
 *            void * and for asyncio_coro(asyncio_queue_get, &jobs, &job, sizeof job), take it
 *            last. An item that could not be put is still the caller's. What an item points to is
 *            not looked at; `.destroy` is called with the address of each item that nobody will
 *            get: at fini, and at an immediate shutdown.
 * FAIR       Tasks are woken in the order in which they began to wait. A woken one looks again,
 *            and waits anew, behind the others, when somebody was quicker. No item and no wake-up
 *            is lost when one that was woken is cancelled.
 * DONE       Each item that is put counts as work until task_done is called for it; join waits
 *            until nothing is left of it.
 * END        After shutdown nothing can be put; what is in can be got, then
 *            -ASYNCIO_QUEUE_SHUT_DOWN. Immediate: what is in is dropped.
 * OWNERSHIP  The queue lies in the caller's memory and stays where it is; the room for its items
 *            is allocated as it fills, and kept. `fini` gives it back, and is refused (-EBUSY)
 *            while tasks wait. What was not made with init, or has been ended, answers
 *            -ASYNCIO_INVALID_STATE.
 * THREADS    For the tasks and callbacks of one loop: the first on whose tasks it makes wait.
 *            Another loop's then get -ASYNCIO_OTHER_LOOP. Between threads: asyncio_thread_queue.
 * SOURCE     CPython's Lib/asyncio/queues.py. */
#pragma once

#include <asyncio/lock.h>

ASYNCIO__BEGIN

/* Negative, 0 or positive as `a` comes before, with or after `b`: as for qsort. */
typedef int asyncio_queue_callback(const void *a, const void *b);

typedef struct asyncio_queue {
    asyncio__waiting getters;
    asyncio__waiting putters;
    asyncio__waiting joiners;
    uint32_t kind, inside;
    uint8_t order, is_shut_down;
    size_t item_size, maxsize, count, first, capacity, unfinished;
    char *items;
    asyncio_queue_callback *compare;
    void (*destroy)(void *item);
} asyncio_queue;

typedef struct asyncio_queue_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_queue_options));
    size_t maxsize ASYNCIO__0;               /* put waits while it has so many items; 0: never */
    /* called with the address of each item that nobody will get */
    void (*destroy)(void *item) ASYNCIO__0;
} asyncio_queue_options;

/* Makes a queue, first in first out, for items of `item_size` bytes, in the caller's memory.
 * -EINVAL for a size of 0. Any thread; does not suspend. */
ASYNCIO_API int asyncio_queue_init(asyncio_queue *queue, size_t item_size,
                                   const asyncio_queue_options *options);
#define asyncio_queue_init(...) asyncio__queue_init_m(__VA_ARGS__, )
#define asyncio__queue_init_m(queue, item_size, ...)                                               \
    asyncio__queue_init_v(queue, item_size,                                                        \
                          ASYNCIO__OPTIONS(asyncio_queue_options, (), __VA_ARGS__))
static inline int asyncio__queue_init_v(asyncio_queue *queue, size_t item_size,
                                        asyncio_queue_options options)
{
    return (asyncio_queue_init)(queue, item_size, &options);
}

/* Makes a queue that gives the smallest item first. Of equal ones the order is open. -EINVAL for a
 * size of 0 or no `compare`. Any thread; does not suspend. */
ASYNCIO_API int asyncio_priority_queue_init(asyncio_queue *queue, size_t item_size,
                                            asyncio_queue_callback *compare,
                                            const asyncio_queue_options *options);
#define asyncio_priority_queue_init(...) asyncio__priority_queue_init_m(__VA_ARGS__, )
#define asyncio__priority_queue_init_m(queue, item_size, compare, ...)                             \
    asyncio__priority_queue_init_v(queue, item_size, compare,                                      \
                                   ASYNCIO__OPTIONS(asyncio_queue_options, (), __VA_ARGS__))
static inline int asyncio__priority_queue_init_v(asyncio_queue *queue, size_t item_size,
                                                 asyncio_queue_callback *compare,
                                                 asyncio_queue_options options)
{
    return (asyncio_priority_queue_init)(queue, item_size, compare, &options);
}

/* Makes a queue that gives the newest item first. -EINVAL for a size of 0. Any thread; does not
 * suspend. */
ASYNCIO_API int asyncio_lifo_queue_init(asyncio_queue *queue, size_t item_size,
                                        const asyncio_queue_options *options);
#define asyncio_lifo_queue_init(...) asyncio__lifo_queue_init_m(__VA_ARGS__, )
#define asyncio__lifo_queue_init_m(queue, item_size, ...)                                          \
    asyncio__lifo_queue_init_v(queue, item_size,                                                   \
                               ASYNCIO__OPTIONS(asyncio_queue_options, (), __VA_ARGS__))
static inline int asyncio__lifo_queue_init_v(asyncio_queue *queue, size_t item_size,
                                             asyncio_queue_options options)
{
    return (asyncio_lifo_queue_init)(queue, item_size, &options);
}

/* Ends it: destroys the items left, and gives its memory back. -EBUSY, and nothing has changed,
 * while tasks wait in put, get or join. Does not suspend. */
ASYNCIO_API int asyncio_queue_fini(asyncio_queue *queue);

/* Puts a copy of *item in, when there is room: 0. -ASYNCIO_QUEUE_SHUT_DOWN, -ECANCELED, -ENOMEM,
 * -EINVAL for an item of another size, -ASYNCIO_NO_TASK, -ASYNCIO_OTHER_LOOP,
 * -ASYNCIO_INVALID_STATE: then the item is still the caller's. Suspends, but not when there is
 * room. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_queue_put(asyncio_queue *queue, const void *item,
                                                     size_t item_size);
#define asyncio_queue_put(queue, ...)                                                              \
    (asyncio_queue_put)(queue, __VA_ARGS__, sizeof *(__VA_ARGS__))

/* As put, but -ASYNCIO_QUEUE_FULL where that would wait. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_queue_put_nowait(asyncio_queue *queue, const void *item,
                                                            size_t item_size);
#define asyncio_queue_put_nowait(queue, ...)                                                       \
    (asyncio_queue_put_nowait)(queue, __VA_ARGS__, sizeof *(__VA_ARGS__))

/* Takes an item out, when there is one, into *ret_item: 0. -ASYNCIO_QUEUE_SHUT_DOWN when it has
 * been shut down and is empty, -ECANCELED, -EINVAL for an item of another size, -ASYNCIO_NO_TASK,
 * -ASYNCIO_OTHER_LOOP, -ASYNCIO_INVALID_STATE: then *ret_item is untouched. Suspends, but not when
 * there is an item. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_queue_get(asyncio_queue *queue, void *ret_item,
                                                     size_t item_size);
#define asyncio_queue_get(queue, ret_item) (asyncio_queue_get)(queue, ret_item, sizeof *(ret_item))

/* As get, but -ASYNCIO_QUEUE_EMPTY where that would wait. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_queue_get_nowait(asyncio_queue *queue, void *ret_item,
                                                            size_t item_size);
#define asyncio_queue_get_nowait(queue, ret_item)                                                  \
    (asyncio_queue_get_nowait)(queue, ret_item, sizeof *(ret_item))

/* Says that the work on an item that was got is done. -EINVAL when it was said for all already.
 * Does not suspend. */
ASYNCIO_API int asyncio_queue_task_done(asyncio_queue *queue);

/* Waits until task_done has been called for every item that was put: 0. -ECANCELED,
 * -ASYNCIO_NO_TASK, -ASYNCIO_OTHER_LOOP, -ASYNCIO_INVALID_STATE. Suspends, but not when nothing is
 * left. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_queue_join(asyncio_queue *queue);

typedef struct asyncio_queue_shutdown_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_queue_shutdown_options));
    int immediate ASYNCIO__0;                /* drops the items that are in, as done */
} asyncio_queue_shutdown_options;

/* Lets nothing in any more, for good, and wakes all who wait in put and get, to see it; get goes on
 * until the queue is empty. 0; twice is harmless. Does not suspend. */
ASYNCIO_API int asyncio_queue_shutdown(asyncio_queue *queue,
                                       const asyncio_queue_shutdown_options *options);
#define asyncio_queue_shutdown(...) asyncio__queue_shutdown_m(__VA_ARGS__, )
#define asyncio__queue_shutdown_m(queue, ...)                                                      \
    asyncio__queue_shutdown_v(queue,                                                               \
                              ASYNCIO__OPTIONS(asyncio_queue_shutdown_options, (), __VA_ARGS__))
static inline int asyncio__queue_shutdown_v(asyncio_queue *queue,
                                            asyncio_queue_shutdown_options options)
{
    return (asyncio_queue_shutdown)(queue, &options);
}

/* How many items are in. Does not suspend. */
ASYNCIO_API size_t asyncio_queue_qsize(const asyncio_queue *queue);

/* How many may be in; 0: as many as there is memory for. Does not suspend. */
ASYNCIO_API size_t asyncio_queue_maxsize(const asyncio_queue *queue);

/* 1 when no item is in. Does not suspend. */
ASYNCIO_API int asyncio_queue_empty(const asyncio_queue *queue);

/* 1 when maxsize items are in. Does not suspend. */
ASYNCIO_API int asyncio_queue_full(const asyncio_queue *queue);

ASYNCIO__END
