/* SPDX-License-Identifier: MIT */
/* Between a loop and other threads: run_coroutine_threadsafe, and wrap_future for the way back.
 *
 * A submission carries two posts: one that takes the coroutine to the loop, one that takes a
 * cancellation there, so that cancelling allocates nothing. It begins with the concurrent future
 * that the other thread holds, and lives as long as that; the loop's side holds a reference until
 * the task is done. */
#include "base/alloc.h"
#include "base/context.h"
#include "offload/concurrent.h"
#include "offload/executor.h"
#include "task/task.h"

#include <stdio.h>

struct submission {
    asyncio_concurrent_future future;
    struct post start, stop;
    struct handle on_done;                 /* among the task's callbacks */
    struct prepared prepared;
    void *notes;
    asyncio_task *task;                    /* loop's thread only: a reference, while it runs */
    bool started;                          /* loop's thread only */
};

static void close_notes(void *data)
{
    struct submission *submission = data;
    asyncio__closings_run(&submission->prepared);
    asyncio__free(submission->notes);
    submission->notes = NULL;
}

/* It will not begin: what ends a coroutine of the user's own kind is due, too. */
static void close_coroutine(struct submission *submission)
{
    asyncio__closings_run(&submission->prepared);
    asyncio__coro_close(&submission->prepared.coro);
    close_notes(submission);
}

static void release(struct submission *submission)
{
    asyncio_concurrent_future_unref(&submission->future);
}

static void task_done(struct handle *handle, asyncio_loop *loop)
{
    struct submission *submission = container_of(handle, struct submission, on_done);
    asyncio_future *task = &submission->task->future;
    if (loop) {
        task->flags &= (uint8_t)~FUTURE_LOG;
        (void)asyncio__concurrent_finish(&submission->future, task->state, task->result);
    } else { /* dropped with its loop */
        (void)asyncio__concurrent_finish(&submission->future, FUTURE_CANCELLED, -ECANCELED);
    }
    submission->task = NULL;
    future_unref(task);
    release(submission);
}

static void start(struct handle *handle, asyncio_loop *loop)
{
    struct submission *submission =
        container_of(container_of(handle, struct post, handle), struct submission, start);
    submission->started = true;
    int r = -ECANCELED;
    asyncio__coro_note note = { .inner = submission->prepared.coro,
                                .on_close = close_notes,
                                .on_close_data = submission };
    asyncio_coro coro = { .type = &asyncio__noted, .args = { (uintptr_t)&note } };
    if (loop && !asyncio_concurrent_future_cancelled(&submission->future))
        r = asyncio_loop_create_task(loop, coro, &submission->task);
    else
        close_coroutine(submission);
    if (r < 0) {
        (void)asyncio__concurrent_finish(&submission->future,
                                         r == -ECANCELED ? FUTURE_CANCELLED : FUTURE_FINISHED, r);
        release(submission);
        return;
    }
    future_watch(&submission->task->future, &submission->on_done);
}

static void stop(struct handle *handle, asyncio_loop *loop)
{
    struct submission *submission =
        container_of(container_of(handle, struct post, handle), struct submission, stop);
    if (loop && submission->task)
        asyncio_task_cancel(submission->task);
    release(submission);
}

/* The future is cancelled already: the task hears of it when the loop comes round. */
static void cancel(asyncio_concurrent_future *future)
{
    struct submission *submission = container_of(future, struct submission, future);
    asyncio_concurrent_future_ref(future);
    if (asyncio__loop_post(future->loop, &submission->stop) < 0)
        release(submission);
}

int asyncio_run_coroutine_threadsafe(asyncio_coro coro, asyncio_loop *loop,
                                     asyncio_concurrent_future **ret_future)
{
    struct submission *submission = NULL;
    size_t size = asyncio__coro_extra_size(&coro), value = asyncio__coro_ret_size(&coro);
    void *notes = NULL;
    int r = 0;
    if (!asyncio__coro_is_one(&coro))
        r = asyncio_raise(-EINVAL, "a null function is no coroutine");
    else if (!(submission = asyncio__calloc(1, sizeof *submission)) ||
             (size + value && !(notes = asyncio__calloc(1, size + value))))
        r = -ENOMEM;
    if (r < 0 || (r = asyncio__concurrent_init(&submission->future)) < 0) {
        asyncio__free(submission);
        asyncio__free(notes);
        asyncio__coro_close(&coro);
        return r;
    }
    submission->future.loop = asyncio_loop_ref(loop);
    submission->future.cancel = cancel;
    submission->notes = notes;
    submission->start.handle.run = start;
    submission->stop.handle.run = stop;
    submission->on_done.run = task_done;
    list_init(&submission->start.handle.link);
    list_init(&submission->stop.handle.link);
    list_init(&submission->on_done.link);
    asyncio__coro_prepare_notes(&coro, notes, &submission->prepared,
                                value ? (char *)notes + size : NULL);
    asyncio_concurrent_future *future =
        ret_future ? asyncio_concurrent_future_ref(&submission->future) : NULL;
    r = asyncio__loop_post(loop, &submission->start);
    if (r < 0) {
        close_coroutine(submission);
        asyncio_concurrent_future_unref(future);
        release(submission);
    } else if (ret_future) {
        *ret_future = future;
    }
    return r;
}

/* An asyncio future that follows a concurrent one. Two references: the loop's side, until the
 * result has arrived or the loop closes; the source's, until it is done. */
struct follower {
    struct concurrent_callback callback;
    struct post arrived;
    struct handle on_done;
    asyncio_concurrent_future *source;
    asyncio_future *future;                /* loop's thread only: a reference */
    asyncio_loop *loop;
    struct list link;                      /* in the offload floor: loop's thread only */
    atomic_uint refs;
};

static void follower_unref(struct follower *follower)
{
    if (atomic_fetch_sub_explicit(&follower->refs, 1, memory_order_acq_rel) != 1)
        return;
    asyncio_concurrent_future_unref(follower->source);
    asyncio_loop_unref(follower->loop);
    asyncio__free(follower);
}

static void end_loops_side(struct follower *follower)
{
    if (!follower->future)
        return;
    list_remove(&follower->link);
    list_remove(&follower->on_done.link);
    future_unref(follower->future);
    follower->future = NULL;
    follower_unref(follower);
}

void asyncio__followers_detach(struct list *followers)
{
    while (!list_empty(followers)) {
        struct follower *follower = container_of(followers->next, struct follower, link);
        bool unwatched = asyncio__concurrent_unwatch(follower->source, &follower->callback);
        end_loops_side(follower);
        if (unwatched)
            follower_unref(follower);
    }
}

static void source_done(asyncio_concurrent_future *source, void *data)
{
    struct follower *follower = data;
    (void)source;
    asyncio_loop *loop = asyncio_loop_ref(follower->loop);
    /* closed: dropped silently, as CPython does */
    if (asyncio__loop_post(loop, &follower->arrived) < 0)
        follower_unref(follower);
    asyncio_loop_unref(loop);
}

static void arrive(struct handle *handle, asyncio_loop *loop)
{
    struct follower *follower =
        container_of(container_of(handle, struct post, handle), struct follower, arrived);
    asyncio_future *future = follower->future;
    if (loop && future && !future_done(future)) {
        list_remove(&follower->on_done.link);
        if (asyncio_concurrent_future_cancelled(follower->source))
            asyncio__future_set_cancelled(future, NULL);
        else
            asyncio__future_finish(future, asyncio_concurrent_future_result(follower->source, 0),
                                   NULL);
    }
    end_loops_side(follower);
    follower_unref(follower);
}

static void follower_done(struct handle *handle, asyncio_loop *loop)
{
    struct follower *follower = container_of(handle, struct follower, on_done);
    if (loop && follower->future->state == FUTURE_CANCELLED)
        asyncio_concurrent_future_cancel(follower->source);
}

int asyncio_wrap_future(asyncio_concurrent_future *source, asyncio_future **ret_future)
{
    asyncio_future *future;
    int r = asyncio_future_new(&future);
    if (r < 0)
        return r;
    struct offload_floor *floor = asyncio__offload_floor(future->loop);
    struct follower *follower = floor ? asyncio__calloc(1, sizeof *follower) : NULL;
    if (!follower) {
        future_unref(future);
        return -ENOMEM;
    }
    follower->callback = (struct concurrent_callback){ .function = source_done, .data = follower };
    follower->arrived.handle.run = arrive;
    follower->on_done.run = follower_done;
    list_init(&follower->arrived.handle.link);
    list_init(&follower->on_done.link);
    follower->source = asyncio_concurrent_future_ref(source);
    follower->future = future;
    follower->loop = asyncio_loop_ref(future->loop);
    atomic_init(&follower->refs, 2);
    list_append(&floor->followers, &follower->link);
    future_ref(future);
    future_watch(future, &follower->on_done);
    asyncio__concurrent_watch(source, &follower->callback);
    *ret_future = future;
    return 0;
}
