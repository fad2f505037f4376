/* SPDX-License-Identifier: MIT */
/* A future that several threads share: a mutex, a condition, callbacks in the completing thread. */
#include "offload/concurrent.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "task/future.h"

#include <math.h>
#include <stdio.h>

int asyncio__concurrent_init(asyncio_concurrent_future *future)
{
    *future = (asyncio_concurrent_future){ .state = FUTURE_PENDING };
    atomic_init(&future->refs, 1);
    int error = pthread_mutex_init(&future->mutex, NULL);
    if (error)
        return -error;
    error = pthread_cond_init(&future->done_or_not, NULL);
    if (error)
        pthread_mutex_destroy(&future->mutex);
    return -error;
}

int asyncio_concurrent_future_new(asyncio_concurrent_future **ret_future)
{
    asyncio_concurrent_future *future = asyncio__malloc(sizeof *future);
    int r = future ? asyncio__concurrent_init(future) : -ENOMEM;
    if (r < 0) {
        asyncio__free(future);
        return r;
    }
    *ret_future = future;
    return 0;
}

asyncio_concurrent_future *asyncio_concurrent_future_ref(asyncio_concurrent_future *future)
{
    if (future)
        atomic_fetch_add_explicit(&future->refs, 1, memory_order_relaxed);
    return future;
}

void asyncio_concurrent_future_unref(asyncio_concurrent_future *future)
{
    if (!future || atomic_fetch_sub_explicit(&future->refs, 1, memory_order_acq_rel) != 1)
        return;
    while (future->callbacks) {
        struct concurrent_callback *callback = future->callbacks;
        future->callbacks = callback->next;
        if (callback->allocated)
            asyncio__free(callback);
    }
    asyncio_loop_unref(future->loop);
    pthread_cond_destroy(&future->done_or_not);
    pthread_mutex_destroy(&future->mutex);
    asyncio__free(future);
}

/* In the order they were added. */
static void run_callbacks(asyncio_concurrent_future *future, struct concurrent_callback *newest)
{
    struct concurrent_callback *first = NULL;
    while (newest) {
        struct concurrent_callback *next = newest->next;
        newest->next = first;
        first = newest;
        newest = next;
    }
    while (first) {
        struct concurrent_callback callback = *first;
        if (callback.allocated)
            asyncio__free(first);
        callback.function(future, callback.data);
        first = callback.next;
    }
}

bool asyncio__concurrent_finish(asyncio_concurrent_future *future, int state, int result)
{
    pthread_mutex_lock(&future->mutex);
    bool first = future->state == FUTURE_PENDING;
    struct concurrent_callback *callbacks = NULL;
    if (first) {
        future->state = state;
        future->result = result;
        callbacks = future->callbacks;
        future->callbacks = NULL;
        asyncio_concurrent_future_ref(future); /* a waiter may drop the last one */
        pthread_cond_broadcast(&future->done_or_not);
    }
    pthread_mutex_unlock(&future->mutex);
    if (!first)
        return false;
    run_callbacks(future, callbacks);
    asyncio_concurrent_future_unref(future);
    return true;
}

void asyncio__concurrent_watch(asyncio_concurrent_future *future,
                               struct concurrent_callback *callback)
{
    pthread_mutex_lock(&future->mutex);
    bool done = future->state != FUTURE_PENDING;
    if (!done) {
        callback->next = future->callbacks;
        future->callbacks = callback;
    }
    pthread_mutex_unlock(&future->mutex);
    if (done) {
        callback->next = NULL;
        run_callbacks(future, callback);
    }
}

bool asyncio__concurrent_unwatch(asyncio_concurrent_future *future,
                                 struct concurrent_callback *callback)
{
    pthread_mutex_lock(&future->mutex);
    struct concurrent_callback **link = &future->callbacks;
    while (*link && *link != callback)
        link = &(*link)->next;
    bool found = *link != NULL;
    if (found)
        *link = callback->next;
    pthread_mutex_unlock(&future->mutex);
    return found;
}

int asyncio_concurrent_future_add_done_callback(asyncio_concurrent_future *future,
                                                asyncio_concurrent_future_callback *function,
                                                void *data)
{
    if (!function)
        return -EINVAL;
    struct concurrent_callback *callback = asyncio__malloc(sizeof *callback);
    if (!callback)
        return -ENOMEM;
    *callback =
        (struct concurrent_callback){ .function = function, .data = data, .allocated = true };
    asyncio__concurrent_watch(future, callback);
    return 0;
}

int asyncio_concurrent_future_cancel(asyncio_concurrent_future *future)
{
    asyncio_concurrent_future_ref(future);
    bool cancelled = asyncio__concurrent_finish(future, FUTURE_CANCELLED, -ECANCELED);
    if (cancelled && future->cancel)
        future->cancel(future);
    asyncio_concurrent_future_unref(future);
    return cancelled;
}

static int state_of(asyncio_concurrent_future *future)
{
    pthread_mutex_lock(&future->mutex);
    int state = future->state;
    pthread_mutex_unlock(&future->mutex);
    return state;
}

int asyncio_concurrent_future_done(asyncio_concurrent_future *future)
{
    return state_of(future) != FUTURE_PENDING;
}

int asyncio_concurrent_future_cancelled(asyncio_concurrent_future *future)
{
    return state_of(future) == FUTURE_CANCELLED;
}

int asyncio_concurrent_future_set_result(asyncio_concurrent_future *future, int result)
{
    if (result < 0)
        return -EINVAL;
    return asyncio__concurrent_finish(future, FUTURE_FINISHED, result) ? 0 : -ASYNCIO_INVALID_STATE;
}

int asyncio_concurrent_future_set_exception(asyncio_concurrent_future *future, int code)
{
    if (code >= 0)
        return -EINVAL;
    return asyncio__concurrent_finish(future, FUTURE_FINISHED, code) ? 0 : -ASYNCIO_INVALID_STATE;
}

static struct timespec deadline_of(double timeout)
{
    return clock_deadline((int64_t)(fmin(fmax(timeout, 0), 1e9) * (double)NS_PER_SECOND));
}

int asyncio_concurrent_future_result(asyncio_concurrent_future *future, double timeout)
{
    if (isnan(timeout))
        return -EINVAL;
    struct timespec deadline = deadline_of(timeout == ASYNCIO_NONE ? 0 : timeout);
    int r = 0;
    pthread_mutex_lock(&future->mutex);
    if (future->state == FUTURE_PENDING && future->loop && asyncio__thread.loop == future->loop)
        r = -EDEADLK;
    while (future->state == FUTURE_PENDING && r == 0) {
        if (timeout == ASYNCIO_NONE)
            r = -pthread_cond_wait(&future->done_or_not, &future->mutex);
        else
            r = -pthread_cond_clockwait(&future->done_or_not, &future->mutex, CLOCK_MONOTONIC,
                                        &deadline);
    }
    if (future->state != FUTURE_PENDING)
        r = future->result;
    pthread_mutex_unlock(&future->mutex);
    return r;
}
