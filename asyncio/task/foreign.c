/* SPDX-License-Identifier: MIT */
/* Coroutines that are no C stacks: driven step by step through their table, on the loop's stack,
 * as CPython's Task drives a generator. What they wait for they hand out; the task waits for it in
 * their place. */
#include "task/task.h"

#include "base/alloc.h"
#include "task/debug_mode.h"
#include "task/scope.h"

static void finish(asyncio_task *task, int result)
{
    result = asyncio__scopes_close(task, result);
    asyncio__closings_run(task->prepared);
    asyncio__task_finish(task, result);
    asyncio__foreign_fini(task);
    future_unref(&task->future);
}

/* Waits for `future` (taken), or for one turn. */
static void wait_for(asyncio_task *task, asyncio_future *future)
{
    if (!future) {
        task_ready(task);
        return;
    }
    if (future == &task->future || future->loop != task->future.loop) {
        task->wake_result =
            asyncio_raise(future == &task->future ? -ASYNCIO_AWAITS_ITSELF : -ASYNCIO_OTHER_LOOP,
                          "the task cannot await this future");
        future_unref(future);
        task_ready(task);
        return;
    }
    task->waiting = (struct awaited *)(void *)future;
    future_watch(future, &task->step.handle);
    if ((task->future.task_flags & TASK_MUST_CANCEL) &&
        future->type->cancel(future, task->future.extra ? task->future.extra->message : NULL))
        task->future.task_flags &= (uint16_t)~TASK_MUST_CANCEL;
}

void asyncio__foreign_run(struct handle *handle, asyncio_loop *loop)
{
    asyncio_task *task = task_of_step(handle);
    if (!loop)
        return;
    asyncio_future *awaited = (asyncio_future *)(void *)task->waiting;
    asyncio__thread.task = task;
    asyncio__thread.env = &task->env;
    task->waiting = NULL;
    task->future.task_flags &= (uint16_t)~TASK_WOKEN;
    int sent = task->wake_result;
    task->wake_result = 0;
    if (awaited)
        sent = asyncio__future_outcome(awaited);
    if (sent == -ECANCELED && task->future.cancelling > 0 &&
        (task->future.task_flags & TASK_IN_DEBUG))
        asyncio__debug_cancelled(task);
    if (task_take_cancel(task))
        sent = -ECANCELED;
    if (awaited)
        future_unref(awaited);
    bool never_started = !(task->future.task_flags & TASK_STARTED);
    asyncio_future *awaits = NULL;
    task->future.task_flags |= TASK_STARTED;
    int r = never_started && sent == -ECANCELED
                ? -ECANCELED
                : task->type->resume((void *)task->prepared->coro.args[0], sent, &awaits);
    if (r == ASYNCIO__SUSPENDED)
        wait_for(task, awaits);
    else
        finish(task, r);
    asyncio__thread.task = NULL;
    asyncio__thread.env = &loop->env;
}

int asyncio__foreign_init(asyncio_task *task, const asyncio_coro *coro)
{
    size_t notes = asyncio__coro_extra_size(coro);
    size_t size = (sizeof(struct prepared) + 15) & ~(size_t)15;
    char *memory = asyncio__malloc(size + notes);
    if (!memory)
        return -ENOMEM;
    task->prepared = (struct prepared *)(void *)memory;
    asyncio__coro_prepare_notes(coro, memory + size, task->prepared, NULL);
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

/* Inside a stackful task the stack waits for what the inner one hands out. */
int asyncio__foreign_await(const asyncio_coro *coro)
{
    void *state = (void *)coro->args[0];
    int sent = 0, r;
    for (;;) {
        struct held_future awaits = { .future = NULL };
        r = coro->type->resume(state, sent, &awaits.future);
        if (r != ASYNCIO__SUSPENDED)
            break;
        if (!awaits.future) {
            sent = asyncio_sleep(0);
            continue;
        }
        task_hold(task_current(), &awaits.held, asyncio__held_future_drop);
        sent = asyncio__await_future(awaits.future);
        task_let_go(task_current(), &awaits.held);
        future_unref(awaits.future);
    }
    return r;
}
