/* SPDX-License-Identifier: MIT */
/* wait: until all, one, or the first failure of several futures. It cancels nobody. Rules as
 * CPython's _wait. */
#include <asyncio/wait.h>

#include "base/alloc.h"
#include "task/task.h"

#include <math.h>

struct waiter {
    struct awaited awaited; /* first: all_waited counts from here */
    struct held held;
    struct timed_handle timed;
    asyncio_task *task;
    size_t count, pending;
    enum asyncio_return_when return_when;
    bool waiting;
    struct waited *waited;
};

struct waited {
    struct handle handle;
    struct waiter *waiter;
    asyncio_future *future;
};

static void wake(struct waiter *waiter, int result)
{
    if (!waiter->waiting)
        return;
    waiter->waiting = false;
    asyncio__loop_uncall(waiter->task->future.loop, &waiter->timed);
    task_wake(waiter->task, result);
}

static int cancel(asyncio_future *awaited, const char *message)
{
    struct waiter *waiter = container_of((struct awaited *)(void *)awaited, struct waiter, awaited);
    if (!waiter->waiting)
        return 0;
    asyncio__future_keep_message(&waiter->task->future, message);
    wake(waiter, -ECANCELED);
    return 1;
}

static const struct awaits all_waited = { AWAITS_ARRAY, offsetof(struct waiter, waited),
                                          offsetof(struct waiter, count), sizeof(struct waited),
                                          offsetof(struct waited, future) };

static const struct future_type wait_type = { "wait", 0, cancel, NULL, &all_waited };

static void time_is_up(struct handle *handle, asyncio_loop *loop)
{
    if (loop)
        wake(container_of(handle, struct waiter, timed.handle), 0);
}

static void one_done(struct handle *handle, asyncio_loop *loop)
{
    if (!loop)
        return;
    struct waited *waited = container_of(handle, struct waited, handle);
    struct waiter *waiter = waited->waiter;
    asyncio_future *future = waited->future;
    waiter->pending--;
    bool failed = false;
    if (waiter->return_when == ASYNCIO_FIRST_EXCEPTION && future->state == FUTURE_FINISHED &&
        future->result < 0) {
        future->flags &= (uint8_t)~FUTURE_LOG;
        failed = true;
    }
    if (waiter->pending == 0 || waiter->return_when == ASYNCIO_FIRST_COMPLETED || failed)
        wake(waiter, 0);
}

static void free_waiter(struct waiter *waiter)
{
    asyncio__loop_uncall(waiter->task->future.loop, &waiter->timed);
    for (size_t i = 0; i < waiter->count; i++) {
        list_remove(&waiter->waited[i].handle.link);
        future_unref(waiter->waited[i].future);
    }
    asyncio__free(waiter);
}

static void drop(struct held *held)
{
    free_waiter(container_of(held, struct waiter, held));
}

/* The done ones to the front, both halves in their order. `order` is room for `count` pointers. */
static size_t partition(asyncio_future **futures, size_t count, asyncio_future **order)
{
    size_t done = 0, pending = 0;
    for (size_t i = 0; i < count; i++) {
        if (future_done(futures[i]))
            futures[done++] = futures[i];
        else
            order[pending++] = futures[i];
    }
    for (size_t i = 0; i < pending; i++)
        futures[done + i] = order[i];
    return done;
}

static int check(asyncio_future **futures, size_t count, const asyncio_wait_options *options)
{
    if (!task_current())
        return -ASYNCIO_NO_TASK;
    if (count == 0)
        return asyncio_raise(-EINVAL, "Set of Tasks/Futures is empty.");
    if ((unsigned)options->return_when > ASYNCIO_FIRST_EXCEPTION)
        return asyncio_raise(-EINVAL, "Invalid return_when value: %d", (int)options->return_when);
    if (isnan(options->timeout))
        return -EINVAL;
    for (size_t i = 0; i < count; i++)
        if (!futures[i])
            return -EINVAL;
        else if (futures[i]->loop != task_current()->future.loop)
            return asyncio_raise(-ASYNCIO_OTHER_LOOP,
                                 "a future to wait for belongs to a different loop");
    return task_refuses(task_current());
}

int(asyncio_wait)(asyncio_future **futures, size_t count, size_t *ret_done,
                  const asyncio_wait_options *options)
{
    TASK_CHECK_CALLER();
    static const asyncio_wait_options defaults = { .size = sizeof defaults,
                                                   .timeout = ASYNCIO_NONE };
    if (!options)
        options = &defaults;
    int r = check(futures, count, options);
    if (r < 0)
        return r;
    asyncio_task *task = task_current();
    asyncio_loop *loop = task->future.loop;
    size_t size;
    if (__builtin_mul_overflow(count, sizeof(struct waited) + sizeof(asyncio_future *), &size))
        return -ENOMEM;
    struct waiter *waiter = asyncio__malloc(sizeof *waiter + size);
    if (!waiter)
        return -ENOMEM;
    struct waited *waited = (struct waited *)(waiter + 1);
    *waiter = (struct waiter){ .awaited.type = &wait_type,
                               .timed.handle.run = time_is_up,
                               .task = task,
                               .count = count,
                               .pending = count,
                               .return_when = options->return_when,
                               .waiting = true,
                               .waited = waited };
    list_init(&waiter->timed.handle.link);
    int64_t when;
    if (options->timeout != ASYNCIO_NONE &&
        asyncio__loop_deadline(loop, options->timeout, false, &when) >= 0)
        asyncio__loop_call_at(loop, &waiter->timed, when);
    for (size_t i = 0; i < count; i++) {
        waited[i] =
            (struct waited){ .handle.run = one_done, .waiter = waiter, .future = futures[i] };
        list_init(&waited[i].handle.link);
        future_ref(futures[i]);
        future_watch(futures[i], &waited[i].handle);
    }
    task_hold(task, &waiter->held, drop);
    r = asyncio__task_wait(task, &waiter->awaited);
    task_let_go(task, &waiter->held);
    waiter->waiting = false;
    if (task_take_cancel(task))
        r = -ECANCELED;
    else if (r == -ECANCELED)
        asyncio__task_put_message(task);
    if (r >= 0) {
        size_t done = partition(futures, count, (asyncio_future **)(waited + count));
        if (ret_done)
            *ret_done = done;
    }
    free_waiter(waiter);
    return r;
}
