/* SPDX-License-Identifier: MIT */
/* Done callbacks: the user's functions in a future's list. Each is a handle, so completing the
 * future schedules it as it is. */
#include "base/context.h"
#include "task/future.h"

struct done_callback {
    struct handle handle;
    /* a reference from completion on; before, the future owns its list */
    asyncio_future *future;
    asyncio_future_callback *callback;
    void *data;
    void (*destroy)(void *data);
    asyncio_context *context;
};

static void drop(struct done_callback *callback, asyncio_loop *loop)
{
    if (callback->destroy)
        callback->destroy(callback->data);
    asyncio_context_unref(callback->context);
    asyncio__loop_object_free(loop, LOOP_FREELIST_HANDLE, callback);
}

static void run(struct handle *handle, asyncio_loop *loop)
{
    struct done_callback *callback = container_of(handle, struct done_callback, handle);
    asyncio_future *future = callback->future;
    if (!loop) {
        bool holds = future_done(future); /* else it is the future that goes */
        drop(callback, future->loop);
        if (holds)
            future_unref(future);
        return;
    }
    struct env env = loop->env;
    loop->env = (struct env){ callback->context, NULL };
    callback->callback(future, callback->data);
    callback->context = loop->env.context;
    if (loop->env.record)
        asyncio__record_put(NULL);
    loop->env = env;
    drop(callback, loop);
    future_unref(future);
}

const void *asyncio__done_callback_function(const struct handle *handle)
{
    if (handle->run != run)
        return NULL;
    return (const void *)(uintptr_t)container_of(handle, struct done_callback, handle)->callback;
}

int(asyncio_future_add_done_callback)(asyncio_future *future, asyncio_future_callback *function,
                                      const asyncio_add_done_callback_options *options)
{
    asyncio_loop *loop = future->loop;
    int r = asyncio__loop_check(loop);
    if (r < 0)
        return r;
    if (!function)
        return -EINVAL;
    struct done_callback *callback = asyncio__loop_object(loop, LOOP_FREELIST_HANDLE);
    if (!callback)
        return -ENOMEM;
    *callback = (struct done_callback){ .handle.run = run, .future = future, .callback = function };
    if (options && options->context)
        callback->context = asyncio_context_ref(options->context);
    else if ((r = asyncio__context_inherit(&callback->context)) < 0) {
        asyncio__loop_object_free(loop, LOOP_FREELIST_HANDLE, callback);
        return r;
    }
    if (options) {
        callback->data = options->data;
        callback->destroy = options->destroy;
    }
    if (future_done(future))
        future_ref(future);
    else
        future->flags |= FUTURE_WATCHED;
    future_watch(future, &callback->handle);
    return 0;
}

int(asyncio_future_remove_done_callback)(asyncio_future *future, asyncio_future_callback *function,
                                         void *data)
{
    int removed = asyncio__future_check_thread(future, "asyncio_future_remove_done_callback");
    if (removed < 0)
        return removed;
    struct list gone = LIST_INIT(gone), *taken;
    for (struct list *node = future->callbacks.next, *next; node != &future->callbacks;
         node = next) {
        next = node->next;
        struct handle *handle = container_of(node, struct handle, link);
        struct done_callback *callback = container_of(handle, struct done_callback, handle);
        if (handle->run != run || callback->callback != function || callback->data != data)
            continue;
        list_remove(node);
        list_append(&gone, node);
        removed++;
    }
    future_ref(future); /* a destroy may remove others, and let go of the future */
    while ((taken = list_pop(&gone))) {
        struct handle *handle = container_of(taken, struct handle, link);
        drop(container_of(handle, struct done_callback, handle), future->loop);
    }
    future_unref(future);
    return removed;
}

void asyncio__future_hold_for_callbacks(asyncio_future *future)
{
    for (struct list *node = future->callbacks.next; node != &future->callbacks; node = node->next)
        if (container_of(node, struct handle, link)->run == run)
            future_ref(future);
}
