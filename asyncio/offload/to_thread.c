/* SPDX-License-Identifier: MIT */
/* to_thread and run_in_executor: a call in a thread, awaited or as a future. */
#include "base/alloc.h"
#include "offload/call.h"

struct to_thread {
    struct call call;
    struct held held;                /* the task's reference */
    struct awaited awaited;
    asyncio_task *task;              /* waits; NULL: woken, or gone */
    bool abandon, cancelled;
};

static void wake(struct to_thread *thread, int result)
{
    asyncio_task *task = thread->task;
    thread->task = NULL;
    task_wake(task, result);
}

static int cancel(asyncio_future *awaited, const char *message)
{
    struct to_thread *thread =
        container_of((struct awaited *)(void *)awaited, struct to_thread, awaited);
    if (!thread->task)
        return 0;
    asyncio__future_keep_message(&thread->task->future, message);
    atomic_store(&thread->call.cancelled, true);
    thread->cancelled = true;
    if (asyncio__call_withdraw(&thread->call)) {
        wake(thread, -ECANCELED);
    } else if (thread->abandon) {
        wake(thread, -ECANCELED);
    }
    return 1; /* else the function still uses the caller's memory: its end is waited for */
}

static const struct future_type to_thread_type = { "to_thread", 0, cancel, NULL };

static void free_thread(struct call *call)
{
    asyncio__free(container_of(call, struct to_thread, call));
}

static void finished(struct call *call)
{
    struct to_thread *thread = container_of(call, struct to_thread, call);
    if (thread->task)
        wake(thread, thread->cancelled ? -ECANCELED : call->result);
}

/* The task is dropped with its loop, right after this: it waits for nothing any more. */
static void detach(struct call *call)
{
    struct to_thread *thread = container_of(call, struct to_thread, call);
    if (thread->task)
        thread->task->waiting = NULL;
    thread->task = NULL;
}

/* Also when the call came back, and the task had no time to see it. */
static void drop(struct held *held)
{
    struct to_thread *thread = container_of(held, struct to_thread, held);
    thread->task = NULL;
    list_remove(&thread->call.link);
    asyncio__call_unref(&thread->call);
}

int(asyncio_to_thread)(asyncio_coro coro, const asyncio_to_thread_options *options)
{
    TASK_CHECK_CALLER();
    asyncio_task *task = task_current();
    int r = task ? task_refuses(task) : -ASYNCIO_NO_TASK;
    struct to_thread *thread = NULL;
    if (r >= 0 && !(thread = asyncio__calloc(1, sizeof *thread)))
        r = -ENOMEM;
    if (r < 0) {
        asyncio__coro_close(&coro);
        return r;
    }
    thread->awaited.type = &to_thread_type;
    thread->task = task;
    thread->abandon = options && options->abandon;
    thread->call.finished = finished;
    thread->call.detach = detach;
    thread->call.free = free_thread;
    r = asyncio__call_start(&thread->call, task->future.loop, NULL, &coro);
    if (r < 0) {
        asyncio__free(thread);
        return r;
    }
    task_hold(task, &thread->held, drop);
    r = asyncio__task_wait(task, &thread->awaited);
    task_let_go(task, &thread->held);
    bool cancelled = thread->cancelled;
    if (!cancelled && r < 0 && thread->call.record) {
        asyncio__record_put(thread->call.record);
        thread->call.record = NULL;
    }
    drop(&thread->held);
    if (task_take_cancel(task))
        return -ECANCELED;
    if (cancelled)
        asyncio__task_put_message(task);
    return r;
}

struct executor_call {
    struct call call;
    struct handle on_done;           /* among the future's callbacks */
    asyncio_future *future;          /* a reference */
};

static void free_executor_call(struct call *call)
{
    asyncio__free(container_of(call, struct executor_call, call));
}

/* The loop's side is over. */
static void release(struct executor_call *call)
{
    list_remove(&call->on_done.link);
    future_unref(call->future);
    asyncio__call_unref(&call->call);
}

static void executor_finished(struct call *base)
{
    struct executor_call *call = container_of(base, struct executor_call, call);
    asyncio_future *future = call->future;
    list_remove(&call->on_done.link);
    if (!future_done(future) && base->given_back) {
        asyncio__future_set_cancelled(future, NULL);
    } else if (!future_done(future)) {
        asyncio__future_finish(future, base->result, base->record);
        base->record = NULL;
    }
    release(call);
}

static void executor_detach(struct call *base)
{
    release(container_of(base, struct executor_call, call));
}

/* Cancelled by the user: a function that has not begun will not. */
static void future_done_first(struct handle *handle, asyncio_loop *loop)
{
    struct executor_call *call = container_of(handle, struct executor_call, on_done);
    if (!loop || call->future->state != FUTURE_CANCELLED)
        return;
    atomic_store(&call->call.cancelled, true);
    if (asyncio__call_withdraw(&call->call))
        release(call);
}

int asyncio_loop_run_in_executor(asyncio_loop *loop, asyncio_executor *executor, asyncio_coro coro,
                                 asyncio_future **ret_future)
{
    asyncio_future *future;
    int r = asyncio_loop_create_future(loop, &future);
    struct executor_call *call = r >= 0 ? asyncio__calloc(1, sizeof *call) : NULL;
    if (r >= 0 && !call) {
        future_unref(future);
        r = -ENOMEM;
    }
    if (r < 0) {
        asyncio__coro_close(&coro);
        return r;
    }
    call->future = future;
    call->on_done.run = future_done_first;
    list_init(&call->on_done.link);
    call->call.finished = executor_finished;
    call->call.detach = executor_detach;
    call->call.free = free_executor_call;
    r = asyncio__call_start(&call->call, loop, executor, &coro);
    if (r < 0) {
        future_unref(future);
        asyncio__free(call);
        return r;
    }
    future_watch(future, &call->on_done);
    future_ref(future);
    *ret_future = future;
    return 0;
}
