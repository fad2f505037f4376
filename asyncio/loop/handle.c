/* SPDX-License-Identifier: MIT */
/* The user's scheduled callbacks: call_soon, call_later, call_at, and what their handles can do.
 *
 * A handle has two owners: the schedule, until it ran or was cancelled, and the user, for each
 * reference. One that may be touched by several threads (posts.c) has its state changed by
 * compare-and-swap and its memory from malloc. */
#include "loop/handle.h"

#include "base/context.h"
#include "base/courier.h"

#include <math.h>

_Static_assert(sizeof(struct asyncio_handle) <= COURIER_BLOCK &&
                   sizeof(struct asyncio_handle) <= LOOP_HANDLE_SIZE,
               "fits what it is allocated from");

/* Only then can another thread touch it at the same time: its poster kept a reference. */
static inline bool is_shared(const asyncio_handle *handle)
{
    return handle->holds_loop;
}

static struct asyncio_handle *of_handle(struct handle *handle)
{
    return container_of(handle, struct asyncio_handle, timed.handle);
}

static void free_handle(asyncio_handle *handle)
{
    if (handle->context)
        asyncio_context_unref(handle->context);
    if (ASYNCIO__DEBUG_MODE && __builtin_expect(handle->origin != 0, 0))
        asyncio__handle_origin_drop(handle->origin);
    if (handle->kind == HANDLE_THREADSAFE) {
        if (handle->holds_loop)
            asyncio_loop_unref(handle->loop);
        asyncio__courier_put(handle);
    } else {
        asyncio__loop_object_free(handle->loop, LOOP_FREELIST_HANDLE, handle);
    }
}

asyncio_handle *asyncio_handle_ref(asyncio_handle *handle)
{
    if (!handle)
        return NULL;
    if (is_shared(handle))
        atomic_fetch_add_explicit(&handle->refs, 1, memory_order_relaxed);
    else
        atomic_store_explicit(&handle->refs,
                              atomic_load_explicit(&handle->refs, memory_order_relaxed) + 1,
                              memory_order_relaxed);
    return handle;
}

void asyncio_handle_unref(asyncio_handle *handle)
{
    if (!handle)
        return;
    unsigned before;
    if (is_shared(handle)) {
        before = atomic_fetch_sub_explicit(&handle->refs, 1, memory_order_acq_rel);
    } else {
        before = atomic_load_explicit(&handle->refs, memory_order_relaxed);
        atomic_store_explicit(&handle->refs, before - 1, memory_order_relaxed);
    }
    if (before == 1)
        free_handle(handle);
}

/* What the schedule held is over: the data goes, and its reference. */
static void finish(asyncio_handle *handle)
{
    if (handle->destroy)
        handle->destroy(handle->data);
    asyncio_handle_unref(handle);
}

/* True for the one caller that may run or drop it. */
static bool claim(asyncio_handle *handle, int state)
{
    if (!is_shared(handle)) {
        if (atomic_load_explicit(&handle->state, memory_order_relaxed) != HANDLE_SCHEDULED)
            return false;
        atomic_store_explicit(&handle->state, state, memory_order_relaxed);
        return true;
    }
    int scheduled = HANDLE_SCHEDULED;
    return atomic_compare_exchange_strong(&handle->state, &scheduled, state);
}

void asyncio__handle_run(struct handle *base, asyncio_loop *loop)
{
    asyncio_handle *handle = of_handle(base);
    /* another thread cancelled, and called destroy */
    if (!claim(handle, loop ? HANDLE_RUN : HANDLE_CANCELLED)) {
        asyncio_handle_unref(handle);
        return;
    }
    if (!loop) {
        finish(handle);
        return;
    }
    struct env env = loop->env;
    loop->env = (struct env){ handle->context, NULL };
    handle->context = NULL;
    handle->running = true;
    handle->callback(loop, handle->data);
    handle->running = false;
    handle->context = loop->env.context; /* what it set is its own */
    if (loop->env.record)
        asyncio__record_put(NULL);
    loop->env = env;
    finish(handle);
}

void asyncio_handle_cancel(asyncio_handle *handle)
{
    if (!handle)
        return;
    if (handle->kind != HANDLE_THREADSAFE && __builtin_expect(loop_debugs(handle->loop), 0) &&
        asyncio__loop_refuses_thread(handle->loop, "asyncio_handle_cancel"))
        return;
    /* also when it ran: as in CPython */
    atomic_store_explicit(&handle->cancelled, true, memory_order_relaxed);
    if (!claim(handle, HANDLE_CANCELLED))
        return;
    /* still linked: the loop drops the reference when it gets there */
    if (handle->kind == HANDLE_THREADSAFE) {
        if (handle->destroy)
            handle->destroy(handle->data);
        return;
    }
    asyncio__loop_uncall(handle->loop, &handle->timed);
    finish(handle);
}

int asyncio_handle_cancelled(const asyncio_handle *handle)
{
    return atomic_load(&((asyncio_handle *)handle)->cancelled);
}

double asyncio_handle_when(const asyncio_handle *handle)
{
    return handle->kind == HANDLE_TIMER ? handle->when : ASYNCIO_NONE;
}

asyncio_context *asyncio_handle_get_context(const asyncio_handle *handle)
{
    asyncio_handle *mutable_handle = (asyncio_handle *)handle;
    asyncio_context **slot =
        handle->running ? &handle->loop->env.context : &mutable_handle->context;
    return asyncio__context_pin(slot) < 0 ? NULL : *slot;
}

static int make(asyncio_loop *loop, int kind, asyncio_loop_callback *callback,
                const asyncio_call_options *options, asyncio_handle **ret_handle)
{
    if (!callback)
        return -EINVAL;
    asyncio_handle *handle = kind == HANDLE_THREADSAFE
                                 ? asyncio__courier_get()
                                 : asyncio__loop_object(loop, LOOP_FREELIST_HANDLE);
    if (!handle)
        return -ENOMEM;
    *handle = (asyncio_handle){ .loop = loop, .kind = (uint8_t)kind, .callback = callback };
    list_init(&handle->timed.handle.link);
    handle->timed.handle.run = asyncio__handle_run;
    atomic_init(&handle->refs, 1);
    atomic_init(&handle->state, HANDLE_SCHEDULED);
    int r = 0;
    if (options && options->context)
        handle->context = asyncio_context_ref(options->context);
    else if (context_has_any(asyncio__env()->context))
        r = asyncio__context_inherit(&handle->context);
    if (r < 0) {
        asyncio_handle_unref(handle);
        return r;
    }
    if (options) {
        handle->data = options->data;
        handle->destroy = options->destroy;
    }
    if (__builtin_expect(loop_debugs(loop), 0))
        handle->origin = asyncio__handle_origin_keep();
    *ret_handle = handle;
    return 0;
}

static void give(asyncio_handle *handle, asyncio_handle **ret_handle)
{
    if (!ret_handle)
        return;
    *ret_handle = asyncio_handle_ref(handle);
    if (handle->kind == HANDLE_THREADSAFE) { /* it may outlive what the freelists count */
        handle->holds_loop = true;
        asyncio_loop_ref(handle->loop);
    }
}

int(asyncio_loop_call_soon)(asyncio_loop *loop, asyncio_loop_callback *callback,
                            asyncio_handle **ret_handle, const asyncio_call_options *options)
{
    int r = asyncio__loop_check(loop);
    asyncio_handle *handle;
    if (r < 0 || (r = make(loop, HANDLE_SOON, callback, options, &handle)) < 0)
        return r;
    asyncio__loop_call(loop, &handle->timed.handle);
    give(handle, ret_handle);
    return 0;
}

int(asyncio_loop_call_soon_threadsafe)(asyncio_loop *loop, asyncio_loop_callback *callback,
                                       asyncio_handle **ret_handle,
                                       const asyncio_call_options *options)
{
    asyncio_handle *handle;
    int r = make(loop, HANDLE_THREADSAFE, callback, options, &handle);
    if (r < 0)
        return r;
    give(handle, ret_handle); /* before the loop can run and free it */
    r = asyncio__loop_post(loop, &handle->post);
    if (r < 0) {
        if (ret_handle)
            asyncio_handle_unref(handle);
        asyncio_handle_unref(handle);
    }
    return r;
}

static int call_at(asyncio_loop *loop, double seconds, bool absolute,
                   asyncio_loop_callback *callback, asyncio_handle **ret_handle,
                   const asyncio_call_options *options)
{
    int r = asyncio__loop_check(loop);
    int64_t when;
    asyncio_handle *handle;
    if (r < 0 || (r = asyncio__loop_deadline(loop, seconds, absolute, &when)) < 0 ||
        (r = make(loop, HANDLE_TIMER, callback, options, &handle)) < 0)
        return r;
    handle->when = absolute            ? seconds
                   : when == INT64_MAX ? (double)INFINITY
                                       : asyncio__seconds(when);
    asyncio__loop_call_at(loop, &handle->timed, when);
    give(handle, ret_handle);
    return 0;
}

int(asyncio_loop_call_later)(asyncio_loop *loop, double delay, asyncio_loop_callback *callback,
                             asyncio_handle **ret_handle, const asyncio_call_options *options)
{
    return call_at(loop, delay, false, callback, ret_handle, options);
}

int(asyncio_loop_call_at)(asyncio_loop *loop, double when, asyncio_loop_callback *callback,
                          asyncio_handle **ret_handle, const asyncio_call_options *options)
{
    return call_at(loop, when, true, callback, ret_handle, options);
}
