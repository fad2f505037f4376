/* SPDX-License-Identifier: MIT */
/* The queue between threads and loops: items and two lists of visitors behind a mutex.
 *
 * VISITOR    Whoever waits, on its own stack: a thread with a condition variable, or a task with a
 *            post to its loop. It is in its list until it is woken or leaves; both under the mutex.
 * POSTS      are sent under the mutex. So a task that finds itself woken knows that its post is on
 *            the way or has come, and does not leave before it: a cancellation is delivered by it.
 *            When a loop closes, what was posted lies in its ready queue before its tasks are
 *            dropped; and once a post is refused, the task will never run: the next is woken. */
#include <asyncio/thread_queue.h>

#include "base/alloc.h"
#include "sync/items.h"
#include "sync/waiters.h"

struct asyncio_thread_queue {
    pthread_mutex_t mutex;
    atomic_uint refs;
    asyncio_queue items;              /* only what items.h knows of it */
    struct list getters, putters;     /* of struct visitor */
};

struct visitor {
    struct waiter waiter;             /* a task's */
    struct list link;
    asyncio_thread_queue *queue;
    asyncio_loop *loop;               /* NULL: a thread */
    struct post post;
    pthread_cond_t signal;
    bool woken;
};

static struct visitor *visitor_of(asyncio_future *awaited)
{
    return container_of(waiter_of(awaited), struct visitor, waiter);
}

static void lock(asyncio_thread_queue *queue)
{
    (void)pthread_mutex_lock(&queue->mutex);
}

static void unlock(asyncio_thread_queue *queue)
{
    (void)pthread_mutex_unlock(&queue->mutex);
}

/* The post has come, on the loop's thread. */
static void arrive(struct handle *handle, asyncio_loop *loop)
{
    struct post *post = container_of(handle, struct post, handle);
    if (loop)
        task_wake(container_of(post, struct visitor, post)->waiter.task, 0);
}

static int cancel(asyncio_future *awaited, const char *message)
{
    struct visitor *visitor = visitor_of(awaited);
    asyncio_task *task = visitor->waiter.task;
    if (waiter_is_woken(&visitor->waiter))
        return 0;
    lock(visitor->queue);
    bool leaves = !visitor->woken;
    list_remove(&visitor->link);
    unlock(visitor->queue);
    if (!leaves)
        return 0;
    asyncio__future_keep_message(&task->future, message);
    task_wake(task, -ECANCELED);
    return 1;
}

static void drop(asyncio_future *awaited)
{
    struct visitor *visitor = visitor_of(awaited);
    lock(visitor->queue);
    list_remove(&visitor->link);
    unlock(visitor->queue);
    list_remove(&visitor->post.handle.link);
}

static const struct future_type waiter_type = { "thread queue", 0, cancel, drop,
                                                &asyncio__sync_object };

static void wake_one(struct list *visitors)
{
    struct list *node;
    while ((node = list_pop(visitors))) {
        struct visitor *visitor = container_of(node, struct visitor, link);
        visitor->woken = true;
        if (!visitor->loop)
            (void)pthread_cond_signal(&visitor->signal);
        else if (asyncio__loop_post(visitor->loop, &visitor->post) < 0)
            continue;
        return;
    }
}

/* Both are called with the mutex held, and return so. */
static int wait_as_task(asyncio_thread_queue *queue, struct list *visitors, asyncio_task *task)
{
    int r = task_refuses(task);
    if (r < 0)
        return r;
    struct visitor visitor = { .waiter = { { &waiter_type }, task, queue, false },
                               .queue = queue,
                               .loop = task->future.loop,
                               .post.handle.run = arrive };
    list_init(&visitor.post.handle.link);
    list_append(visitors, &visitor.link);
    unlock(queue);
    r = asyncio__task_wait(task, &visitor.waiter.awaited);
    if (task_take_cancel(task))
        r = -ECANCELED;
    else if (r < 0)
        asyncio__task_put_message(task);
    lock(queue);
    if (r < 0 && visitor.woken)
        wake_one(visitors);
    return r;
}

static int wait_as_thread(asyncio_thread_queue *queue, struct list *visitors)
{
    struct visitor visitor = { .queue = queue };
    int error = pthread_cond_init(&visitor.signal, NULL);
    if (error)
        return -error;
    list_append(visitors, &visitor.link);
    while (!visitor.woken)
        (void)pthread_cond_wait(&visitor.signal, &queue->mutex);
    (void)pthread_cond_destroy(&visitor.signal);
    return 0;
}

static int wait_for_a_look(asyncio_thread_queue *queue, struct list *visitors)
{
    asyncio_task *task = task_current();
    if (queue->items.is_shut_down)
        return -ASYNCIO_QUEUE_SHUT_DOWN;
    if (task)
        return wait_as_task(queue, visitors, task);
    if (asyncio__thread.loop)
        return -ASYNCIO_NO_TASK; /* in a callback: nobody may block the loop */
    return wait_as_thread(queue, visitors);
}

static int check(const asyncio_thread_queue *queue, size_t item_size)
{
    if (__builtin_expect(item_size == queue->items.item_size, 1))
        return 0;
    return asyncio_raise(-EINVAL, "an item of %zu bytes for a queue of items of %zu bytes",
                         item_size, queue->items.item_size);
}

static bool is_full(const asyncio_queue *items)
{
    return items->maxsize && items->count >= items->maxsize;
}

static int put(asyncio_thread_queue *queue, const void *item, bool waits)
{
    int r = 0;
    while (r >= 0 && is_full(&queue->items) && !queue->items.is_shut_down)
        r = waits ? wait_for_a_look(queue, &queue->putters) : -ASYNCIO_QUEUE_FULL;
    if (r >= 0 && queue->items.is_shut_down)
        r = -ASYNCIO_QUEUE_SHUT_DOWN;
    if (r < 0 || (r = items_reserve(&queue->items)) < 0)
        return r;
    items_push(&queue->items, item);
    wake_one(&queue->getters);
    return 0;
}

static int get(asyncio_thread_queue *queue, void *ret_item, bool waits)
{
    int r = 0;
    while (r >= 0 && queue->items.count == 0) {
        if (queue->items.is_shut_down)
            return -ASYNCIO_QUEUE_SHUT_DOWN;
        r = waits ? wait_for_a_look(queue, &queue->getters) : -ASYNCIO_QUEUE_EMPTY;
    }
    if (r < 0)
        return r;
    items_pop(&queue->items, ret_item);
    wake_one(&queue->putters);
    return 0;
}

int(asyncio_thread_queue_put)(asyncio_thread_queue *queue, const void *item, size_t item_size)
{
    int r = check(queue, item_size);
    if (r < 0)
        return r;
    TASK_CHECK_CALLER();
    lock(queue);
    r = put(queue, item, true);
    unlock(queue);
    return r;
}

int(asyncio_thread_queue_put_nowait)(asyncio_thread_queue *queue, const void *item,
                                     size_t item_size)
{
    int r = check(queue, item_size);
    if (r < 0)
        return r;
    lock(queue);
    r = put(queue, item, false);
    unlock(queue);
    return r;
}

int(asyncio_thread_queue_get)(asyncio_thread_queue *queue, void *ret_item, size_t item_size)
{
    int r = check(queue, item_size);
    if (r < 0)
        return r;
    TASK_CHECK_CALLER();
    lock(queue);
    r = get(queue, ret_item, true);
    unlock(queue);
    return r;
}

int(asyncio_thread_queue_get_nowait)(asyncio_thread_queue *queue, void *ret_item, size_t item_size)
{
    int r = check(queue, item_size);
    if (r < 0)
        return r;
    lock(queue);
    r = get(queue, ret_item, false);
    unlock(queue);
    return r;
}

void(asyncio_thread_queue_shutdown)(asyncio_thread_queue *queue,
                                    const asyncio_queue_shutdown_options *options)
{
    asyncio_queue dropped;
    asyncio_queue *items = &queue->items;
    /* cannot fail: the size is not 0 */
    (void)asyncio_queue_init(&dropped, items->item_size, .destroy = items->destroy);
    lock(queue);
    items->is_shut_down = true;
    if (options && options->immediate) {
        dropped.items = items->items;
        dropped.count = items->count;
        dropped.first = items->first;
        dropped.capacity = items->capacity;
        items->items = NULL;
        items->count = items->first = items->capacity = 0;
    }
    while (!list_empty(&queue->getters))
        wake_one(&queue->getters);
    while (!list_empty(&queue->putters))
        wake_one(&queue->putters);
    unlock(queue);
    (void)asyncio_queue_fini(&dropped); /* destroy may call what it likes: the mutex is free */
}

size_t asyncio_thread_queue_qsize(asyncio_thread_queue *queue)
{
    lock(queue);
    size_t count = queue->items.count;
    unlock(queue);
    return count;
}

int(asyncio_thread_queue_new)(size_t item_size, asyncio_thread_queue **ret_queue,
                              const asyncio_queue_options *options)
{
    asyncio_thread_queue *queue = asyncio__calloc(1, sizeof *queue);
    if (!queue)
        return -ENOMEM;
    int r = (asyncio_queue_init)(&queue->items, item_size, options);
    if (r >= 0)
        r = -pthread_mutex_init(&queue->mutex, NULL);
    if (r < 0) {
        asyncio__free(queue);
        return r;
    }
    atomic_init(&queue->refs, 1);
    list_init(&queue->getters);
    list_init(&queue->putters);
    *ret_queue = queue;
    return 0;
}

asyncio_thread_queue *asyncio_thread_queue_ref(asyncio_thread_queue *queue)
{
    if (queue)
        atomic_fetch_add_explicit(&queue->refs, 1, memory_order_relaxed);
    return queue;
}

void asyncio_thread_queue_unref(asyncio_thread_queue *queue)
{
    if (!queue || atomic_fetch_sub(&queue->refs, 1) > 1)
        return;
    (void)asyncio_queue_fini(&queue->items);
    (void)pthread_mutex_destroy(&queue->mutex);
    asyncio__free(queue);
}
