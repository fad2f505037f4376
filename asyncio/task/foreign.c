/* SPDX-License-Identifier: MIT */
/* Coroutines that are no C stacks: driven step by step through their table, on the loop's stack,
 * as CPython's Task drives a generator. What they wait for they hand out; the task waits for it in
 * their place. */
#include "base/alloc.h"
#include "task/debug_mode.h"
#include "task/scope.h"
#include "task/step.h"

static int resume(const asyncio_coro *coro, int sent, asyncio_future **ret_awaits)
{
    const asyncio_coroutine_type *type = coro->type;
    void *state = (void *)coro->args[0];
    *ret_awaits = NULL;
    int r = sent < 0 && type->raise ? type->raise(state, sent, ret_awaits)
                                    : type->resume(state, sent, ret_awaits);
    if (r != ASYNCIO_SUSPENDED && *ret_awaits)
        future_unref(*ret_awaits); /* it is over, and waits for nothing */
    return r;
}

static void finish(asyncio_task *task, int result)
{
    result = asyncio__scopes_close(task, result);
    asyncio__closings_run(task->prepared);
    asyncio__task_finish(task, result);
    asyncio__foreign_fini(task);
    future_unref(&task->future);
}

static void go_on_with(asyncio_task *task, int error)
{
    task->wake_result = error;
    task_ready(task);
}

/* As asyncio__task_refuses_slow, without a stack: it goes on with -ECANCELED in the next turn, and
 * every so often a moment later, so that time goes by. */
static bool refuses(asyncio_task *task)
{
    asyncio_loop *loop = task->future.loop;
    if (task->future.cancelling == 0 ||
        (!(task->future.task_flags & TASK_STICKY) && !loop->shutting_down))
        return false;
    task->future.task_flags &= (uint16_t)~TASK_MUST_CANCEL;
    task->wake_result = -ECANCELED;
    if (++loop->refused % REFUSED_AT_ONCE == 0)
        asyncio__loop_call_at(loop, &task->step, asyncio__loop_now(loop) + REFUSED_WAITS_NS);
    else
        task_ready(task);
    return true;
}

/* Waits for `future` (taken), or for one turn. */
static void wait_for(asyncio_task *task, asyncio_future *future)
{
    if (refuses(task)) {
        if (future)
            future_unref(future);
        return;
    }
    int r = 0;
    if (future && (future == &task->future || future->loop != task->future.loop))
        r = asyncio_raise(future == &task->future ? -ASYNCIO_AWAITS_ITSELF : -ASYNCIO_OTHER_LOOP,
                          "the task cannot await this future");
    if (r < 0 || !future) {
        if (future)
            future_unref(future);
        go_on_with(task, r);
        return;
    }
    task->waiting = (struct awaited *)(void *)future;
    future_watch(future, &task->step.handle);
    if ((task->future.task_flags & TASK_MUST_CANCEL) &&
        future->type->cancel(future, task->future.extra ? task->future.extra->message : NULL))
        task->future.task_flags &= (uint16_t)~TASK_MUST_CANCEL;
}

static void step(asyncio_task *task)
{
    asyncio_future *awaited = (asyncio_future *)(void *)task->waiting;
    task->waiting = NULL;
    task->future.task_flags &= (uint16_t)~TASK_WOKEN;
    int sent = task->wake_result;
    task->wake_result = 0;
    if (awaited && awaited->result == -ECANCELED) /* not a second one on top */
        task->future.task_flags &= (uint16_t)~TASK_MUST_CANCEL;
    if (task_take_cancel(task))
        sent = -ECANCELED;
    else if (awaited)
        sent = asyncio__future_outcome(awaited);
    if (sent == -ECANCELED && task->future.cancelling > 0 &&
        (task->future.task_flags & TASK_IN_DEBUG))
        asyncio__debug_cancelled(task);
    if (awaited)
        future_unref(awaited);
    bool never_started = !(task->future.task_flags & TASK_STARTED);
    asyncio_future *awaits = NULL;
    task->future.task_flags |= TASK_STARTED | TASK_RESUMING;
    int r = never_started && sent == -ECANCELED ? -ECANCELED
                                                : resume(&task->prepared->coro, sent, &awaits);
    if (r != ASYNCIO_SUSPENDED) {
        finish(task, r);
        return;
    }
    task->future.task_flags &= (uint16_t)~TASK_RESUMING;
    wait_for(task, awaits);
}

void asyncio__foreign_run(struct handle *handle, asyncio_loop *loop)
{
    asyncio_task *task = task_of_step(handle);
    if (!loop)
        return;
    set_current(task);
    step(task);
    set_no_current(loop);
}

void asyncio__foreign_start(asyncio_task *task)
{
    asyncio_loop *loop = task->future.loop;
    asyncio_task *creator = task_current(), *on_stack = task_on_stack(creator);
    future_ref(&task->future);
    task->eager_return = on_stack ? &on_stack->coro : NULL;
    set_current(task);
    step(task);
    task->eager_return = NULL;
    future_unref(&task->future);
    if (creator)
        set_current(creator);
    else
        set_no_current(loop);
}

int asyncio__foreign_init(asyncio_task *task, const asyncio_coro *coro)
{
    size_t notes = asyncio__coro_extra_size(coro);
    char *memory =
        asyncio__task_floor(task->future.loop) < 0 ? NULL : asyncio__malloc(PREPARED_SIZE + notes);
    if (!memory)
        return -ENOMEM;
    task->prepared = (struct prepared *)(void *)memory;
    asyncio__coro_prepare_notes(coro, memory + PREPARED_SIZE, task->prepared, NULL);
    task->future.task_flags |= TASK_FOREIGN;
    task->step.handle.run = asyncio__foreign_run;
    return 0;
}

void asyncio__foreign_fini(asyncio_task *task)
{
    if (task->type->destroy)
        task->type->destroy((void *)task->prepared->coro.args[0]);
    asyncio__free(task->prepared);
    task->prepared = NULL;
}

/* Waits for what was handed out (taken), or for one turn. */
static int wait_here(asyncio_task *task, asyncio_future *future)
{
    if (!future)
        return asyncio_sleep(0);
    struct held_future held = { .future = future };
    if (task)
        task_hold(task, &held.held, asyncio__held_future_drop);
    int r = asyncio__await_future(future);
    if (task)
        task_let_go(task, &held.held);
    future_unref(future);
    return r;
}

/* Inside a stackful task the stack waits for what the inner one hands out. Also outside of tasks:
 * what wants to wait is told that it cannot. */
int asyncio__foreign_await(const asyncio_coro *coro)
{
    asyncio_task *task = task_current();
    int sent = 0;
    for (;;) {
        asyncio_future *awaits;
        bool inside_another = task && (task->future.task_flags & TASK_RESUMING);
        if (task)
            task->future.task_flags |= TASK_RESUMING;
        int r = resume(coro, sent, &awaits);
        if (task && !inside_another)
            task->future.task_flags &= (uint16_t)~TASK_RESUMING;
        if (r != ASYNCIO_SUSPENDED)
            return r;
        sent = wait_here(task, awaits);
    }
}
