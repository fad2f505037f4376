/* SPDX-License-Identifier: MIT */
/* The queue: items, and the tasks that wait to put and to get. Nothing is handed over: a woken
 * task looks again.
 *
 * `inside` counts the tasks that wait in put and get or have been woken there: they come back to
 * the queue, so it cannot end before. Who waits in join does not look again. */
#include "sync/items.h"
#include "sync/waiters.h"

#include "base/alloc.h"

static void drop(asyncio_future *awaited)
{
    asyncio_queue *queue = waiter_of(awaited)->object;
    queue->inside--;
}

static const struct future_type get_type = { "queue get", 0, asyncio__sync_cancel, drop,
                                             &asyncio__sync_object };
static const struct future_type put_type = { "queue put", 0, asyncio__sync_cancel, drop,
                                             &asyncio__sync_object };
static const struct future_type join_type = { "queue join", 0, asyncio__sync_cancel, NULL,
                                              &asyncio__sync_object };

static int init(asyncio_queue *queue, size_t item_size, enum items_order order,
                asyncio_queue_callback *compare, const asyncio_queue_options *options)
{
    if (item_size == 0)
        return asyncio_raise(-EINVAL, "an item of a queue cannot have the size 0");
    *queue = (asyncio_queue){ .kind = SYNC_QUEUE,
                              .order = (uint8_t)order,
                              .item_size = item_size,
                              .maxsize = options ? options->maxsize : 0,
                              .compare = compare,
                              .destroy = options ? options->destroy : NULL };
    sync_init(&queue->getters);
    sync_init(&queue->putters);
    sync_init(&queue->joiners);
    return 0;
}

int(asyncio_queue_init)(asyncio_queue *queue, size_t item_size,
                        const asyncio_queue_options *options)
{
    return init(queue, item_size, ITEMS_FIFO, NULL, options);
}

int(asyncio_lifo_queue_init)(asyncio_queue *queue, size_t item_size,
                             const asyncio_queue_options *options)
{
    return init(queue, item_size, ITEMS_LIFO, NULL, options);
}

int(asyncio_priority_queue_init)(asyncio_queue *queue, size_t item_size,
                                 asyncio_queue_callback *compare,
                                 const asyncio_queue_options *options)
{
    if (!compare)
        return asyncio_raise(-EINVAL, "a priority queue needs a function that compares");
    return init(queue, item_size, ITEMS_HEAP, compare, options);
}

/* One more item that nobody will get. It lies beyond all others, in a place that stays as it is
 * while destroy runs, whatever that calls. */
static void destroy_one(asyncio_queue *queue)
{
    void *item = items_at(queue, queue->capacity + 1);
    items_pop(queue, item);
    if (queue->destroy)
        queue->destroy(item);
}

int asyncio_queue_fini(asyncio_queue *queue)
{
    if (queue->kind != SYNC_QUEUE)
        return asyncio__sync_ended("queue");
    if (queue->inside || sync_waits(&queue->joiners))
        return asyncio__sync_busy("queue");
    queue->kind = SYNC_ENDED;
    while (queue->count)
        destroy_one(queue);
    asyncio__free(queue->items);
    queue->items = NULL;
    queue->capacity = 0;
    return 0;
}

static inline bool is_full(const asyncio_queue *queue)
{
    return queue->maxsize && queue->count >= queue->maxsize;
}

static int check_slow(const asyncio_queue *queue, size_t item_size)
{
    if (queue->kind != SYNC_QUEUE)
        return asyncio__sync_ended("queue");
    return asyncio_raise(-EINVAL, "an item of %zu bytes for a queue of items of %zu bytes",
                         item_size, queue->item_size);
}

/* 0 when it is a queue for items of that size. */
static inline int check(const asyncio_queue *queue, size_t item_size)
{
    return __builtin_expect(queue->kind != SYNC_QUEUE || queue->item_size != item_size, 0)
               ? check_slow(queue, item_size)
               : 0;
}

/* Waits in `waiting` for another look: 0 or -ECANCELED. What was woken and is cancelled hands its
 * wake-up on when there `is_work` for another. */
static int wait_for_a_look(asyncio_queue *queue, asyncio__waiting *waiting, asyncio_task *task,
                           const struct future_type *type, bool (*is_work)(const asyncio_queue *))
{
    int r = sync_bind(&queue->getters, task->future.loop, "queue"); /* the putters' too */
    if (r < 0 || (r = task_refuses(task)) < 0)
        return r;
    struct waiter waiter = { { type }, task, queue, false };
    queue->inside++;
    r = sync_wait(waiting, task, &waiter);
    queue->inside--;
    if (__builtin_expect(r < 0, 0) && waiter.woken && is_work(queue))
        sync_wake(waiting);
    return r;
}

static bool has_room(const asyncio_queue *queue)
{
    return !is_full(queue);
}

static bool has_items(const asyncio_queue *queue)
{
    return queue->count > 0;
}

/* There is room for it. */
static inline int put_now(asyncio_queue *queue, const void *item)
{
    if (queue->is_shut_down)
        return -ASYNCIO_QUEUE_SHUT_DOWN;
    int r = items_reserve(queue);
    if (r < 0)
        return r;
    items_push(queue, item);
    queue->unfinished++;
    sync_wake(&queue->getters);
    return 0;
}

static inline void get_now(asyncio_queue *queue, void *ret_item)
{
    items_pop(queue, ret_item);
    sync_wake(&queue->putters);
}

int(asyncio_queue_put)(asyncio_queue *queue, const void *item, size_t item_size)
{
    asyncio_task *task = task_current();
    int r = check(queue, item_size);
    if (r < 0)
        return r;
    if (!task)
        return -ASYNCIO_NO_TASK;
    TASK_CHECK_SCOPES(task);
    while (is_full(queue)) {
        if (queue->is_shut_down)
            return -ASYNCIO_QUEUE_SHUT_DOWN;
        if ((r = wait_for_a_look(queue, &queue->putters, task, &put_type, has_room)) < 0)
            return r;
    }
    return put_now(queue, item);
}

int(asyncio_queue_put_nowait)(asyncio_queue *queue, const void *item, size_t item_size)
{
    int r = check(queue, item_size);
    if (r < 0)
        return r;
    return is_full(queue) && !queue->is_shut_down ? -ASYNCIO_QUEUE_FULL : put_now(queue, item);
}

int(asyncio_queue_get)(asyncio_queue *queue, void *ret_item, size_t item_size)
{
    asyncio_task *task = task_current();
    int r = check(queue, item_size);
    if (r < 0)
        return r;
    if (!task)
        return -ASYNCIO_NO_TASK;
    TASK_CHECK_SCOPES(task);
    while (queue->count == 0) {
        if (queue->is_shut_down)
            return -ASYNCIO_QUEUE_SHUT_DOWN;
        if ((r = wait_for_a_look(queue, &queue->getters, task, &get_type, has_items)) < 0)
            return r;
    }
    get_now(queue, ret_item);
    return 0;
}

int(asyncio_queue_get_nowait)(asyncio_queue *queue, void *ret_item, size_t item_size)
{
    int r = check(queue, item_size);
    if (r < 0)
        return r;
    if (queue->count == 0)
        return queue->is_shut_down ? -ASYNCIO_QUEUE_SHUT_DOWN : -ASYNCIO_QUEUE_EMPTY;
    get_now(queue, ret_item);
    return 0;
}

static void all_done(asyncio_queue *queue)
{
    while (sync_wake(&queue->joiners))
        ;
}

int asyncio_queue_task_done(asyncio_queue *queue)
{
    if (queue->kind != SYNC_QUEUE)
        return asyncio__sync_ended("queue");
    if (queue->unfinished == 0)
        return asyncio_raise(-EINVAL, "task_done() called too many times");
    if (--queue->unfinished == 0)
        all_done(queue);
    return 0;
}

int asyncio_queue_join(asyncio_queue *queue)
{
    asyncio_task *task = SYNC_TASK(queue, SYNC_QUEUE, "queue");
    if (queue->unfinished == 0)
        return 0;
    int r = sync_bind(&queue->joiners, task->future.loop, "queue");
    if (r < 0 || (r = task_refuses(task)) < 0)
        return r;
    struct waiter waiter = { { &join_type }, task, queue, false };
    return sync_wait(&queue->joiners, task, &waiter);
}

int(asyncio_queue_shutdown)(asyncio_queue *queue, const asyncio_queue_shutdown_options *options)
{
    if (queue->kind != SYNC_QUEUE)
        return asyncio__sync_ended("queue");
    queue->is_shut_down = true;
    if (options && options->immediate) {
        while (queue->count) {
            destroy_one(queue);
            if (queue->unfinished > 0)
                queue->unfinished--;
        }
        if (queue->unfinished == 0)
            all_done(queue);
    }
    while (sync_wake(&queue->getters))
        ;
    while (sync_wake(&queue->putters))
        ;
    return 0;
}

size_t asyncio_queue_qsize(const asyncio_queue *queue)
{
    return queue->count;
}

size_t asyncio_queue_maxsize(const asyncio_queue *queue)
{
    return queue->maxsize;
}

int asyncio_queue_empty(const asyncio_queue *queue)
{
    return queue->count == 0;
}

int asyncio_queue_full(const asyncio_queue *queue)
{
    return is_full(queue);
}
