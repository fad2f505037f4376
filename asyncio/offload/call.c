/* SPDX-License-Identifier: MIT */
/* A call on its way: see call.h. */
#include "offload/call.h"

#include "base/alloc.h"
#include "base/context.h"
#include "offload/executor.h"

static _Thread_local struct call *running __attribute__((tls_model("initial-exec")));

int asyncio_thread_cancelled(void)
{
    return running ? atomic_load_explicit(&running->cancelled, memory_order_relaxed) : 0;
}

/* The function runs as plain C: no loop, no task, a context of its own. */
static void run(struct call *call)
{
    struct thread_state outer = asyncio__thread;
    asyncio__thread = (struct thread_state){ .own = { .context = call->context } };
    struct call *outer_running = running;
    running = call;
    call->result = asyncio__coro_call_words(&call->prepared.coro);
    running = outer_running;
    call->record = call->result < 0 ? asyncio__record_take(call->result) : NULL;
    asyncio__record_unref(asyncio__thread.own.record);
    call->context = asyncio__thread.own.context;
    asyncio__thread = outer;
}

static void come_back(struct call *call)
{
    /* The call may be freed by the loop as soon as it is posted: the reference is kept here until
     * nothing is touched any more. */
    asyncio_loop *loop = asyncio_loop_ref(call->loop);
    if (asyncio__loop_post(loop, &call->post) < 0)
        asyncio__call_unref(call);
    asyncio_loop_unref(loop);
}

static void run_work(struct work *work)
{
    struct call *call = container_of(work, struct call, work);
    run(call);
    come_back(call);
}

/* An asyncio_work is a call. */
static struct call *call_of(asyncio_work *work)
{
    return (struct call *)(void *)work;
}

void asyncio_work_run(asyncio_work *work)
{
    run(call_of(work));
    come_back(call_of(work));
}

void asyncio_work_cancel(asyncio_work *work)
{
    call_of(work)->result = -ECANCELED;
    call_of(work)->given_back = true;
    come_back(call_of(work));
}

static void run_job(struct job *job)
{
    run(container_of(job, struct call, job));
}

static void complete_job(struct job *job)
{
    struct call *call = container_of(job, struct call, job);
    asyncio__loop_call(call->loop, &call->post.handle);
}

static void arrived(struct handle *handle, asyncio_loop *loop)
{
    struct post *post = container_of(handle, struct post, handle);
    struct call *call = container_of(post, struct call, post);
    if (loop) {
        list_remove(&call->link);
        call->finished(call);
    }
    asyncio__call_unref(call);
}

static void fini(struct call *call)
{
    asyncio__closings_run(&call->prepared);
    asyncio__free(call->notes);
    asyncio_context_unref(call->context);
    asyncio__record_unref(call->record);
    asyncio__pool_unref(call->pool);
    asyncio_executor_unref(call->executor);
    if (call->holds_loop)
        asyncio_loop_unref(call->loop);
    else
        asyncio__loop_let_go(call->loop); /* we are its thread: it has not closed */
}

static int submit(struct call *call, asyncio_executor *executor)
{
    struct backend *backend = call->loop->backend;
    if (executor && atomic_load(&executor->shut_down))
        return asyncio_raise(-ASYNCIO_EXECUTOR_SHUT_DOWN,
                             "cannot schedule new calls after the executor was shut down");
    if (executor && !executor->pool) {
        call->executor = asyncio_executor_ref(executor);
        int r = executor->type->submit(executor->data, (asyncio_work *)(void *)call);
        return r < 0 ? r : 0;
    }
    if (backend->type->job) {
        call->job = (struct job){ .run = run_job, .complete = complete_job };
        list_init(&call->job.link);
        return backend->type->job(backend, &call->job);
    }
    call->pool = asyncio__pool_ref(executor->pool);
    int r = asyncio__pool_submit(call->pool, &call->work);
    if (r == -ECHILD)
        return asyncio_raise(-ASYNCIO_FORKED,
                             "the executor belongs to the parent of this process");
    return r == -ESHUTDOWN ? -ASYNCIO_EXECUTOR_SHUT_DOWN : r;
}

int asyncio__call_start(struct call *call, asyncio_loop *loop, asyncio_executor *executor,
                        const asyncio_coro *coro)
{
    asyncio_executor *used = NULL;
    int r = asyncio__loop_check(loop);
    if (r >= 0 && (!asyncio__coro_is_one(coro) || asyncio__coro_innermost(coro)->type->resume))
        r = asyncio_raise(-EINVAL, "a thread runs a C function");
    struct offload_floor *floor = r >= 0 ? asyncio__offload_floor(loop) : NULL;
    if (r >= 0)
        r = floor ? asyncio__executor_for(loop, executor, &used) : -ENOMEM;
    size_t size = asyncio__coro_extra_size(coro), value = asyncio__coro_ret_size(coro);
    void *notes = NULL;
    if (r >= 0 && size + value && !(notes = asyncio__calloc(1, size + value)))
        r = -ENOMEM;
    asyncio_context *context = NULL;
    if (r >= 0)
        r = asyncio__context_inherit(&context);
    if (r < 0) {
        asyncio__free(notes);
        asyncio__coro_close(coro);
        return r;
    }
    call->work = (struct work){ .run = run_work };
    asyncio__loop_hold(loop);
    call->loop = loop;
    call->executor = NULL;
    call->given_back = false;
    call->holds_loop = false;
    call->notes = notes;
    call->context = context;
    list_init(&call->post.handle.link);
    call->post.handle.run = arrived;
    asyncio__coro_prepare_notes(coro, notes, &call->prepared, value ? (char *)notes + size : NULL);
    atomic_init(&call->refs, 2);
    list_append(&floor->calls, &call->link);
    r = submit(call, used);
    if (r < 0) {
        list_remove(&call->link);
        fini(call);
    }
    return r;
}

bool asyncio__call_withdraw(struct call *call)
{
    asyncio_executor *executor = call->executor;
    if (executor) {
        if (!executor->type->withdraw ||
            executor->type->withdraw(executor->data, (asyncio_work *)(void *)call) <= 0)
            return false;
    } else if (!call->pool || !asyncio__pool_cancel(call->pool, &call->work)) {
        return false;
    }
    list_remove(&call->link);
    asyncio__call_unref(call);
    return true;
}

void asyncio__call_leave(struct call *call)
{
    if (call->pool)
        asyncio__pool_leave(call->pool, &call->work);
}

void asyncio__call_unref(struct call *call)
{
    if (atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) != 1)
        return;
    fini(call);
    call->free(call);
}

void asyncio__calls_detach(struct list *calls)
{
    struct list *node;
    while ((node = list_pop(calls))) {
        struct call *call = container_of(node, struct call, link);
        atomic_store(&call->cancelled, true);
        call->holds_loop = true;
        asyncio_loop_ref(call->loop);
        asyncio__loop_let_go(call->loop);
        /* sim: its job goes with the backend, so nothing comes back */
        if (!call->pool && !call->executor) {
            list_remove(&call->job.link);
            asyncio__call_unref(call);
        }
        call->detach(call);
    }
}
