/* SPDX-License-Identifier: MIT */
/* as_completed: the same futures, in the order in which they finish. Rules as CPython's
 * _AsCompletedIterator.
 *
 * Each input has a node: among its future's callbacks first, then in `done`. It is a scope of the
 * task, so that one left without its exit is found. */
#include <asyncio/wait.h>

#include "base/alloc.h"
#include "task/scope.h"
#include "task/unique.h"

#include <math.h>

struct completion {
    struct handle handle;
    struct list link;               /* in state->done */
    struct state *state;
    asyncio_future *future;         /* a reference */
    size_t index;                   /* in the caller's array */
};

struct state {
    struct scope scope;
    struct awaited awaited;
    struct timed_handle timed;
    asyncio_task *waiting;          /* the task in next, or NULL */
    struct list done;
    size_t count, left;             /* inputs; not yet given out */
    unsigned inside;                /* tasks in next: the last one frees when it is over */
    bool timed_out, over;
    struct completion completions[];
};

static void wake(struct state *state, int result)
{
    asyncio_task *task = state->waiting;
    state->waiting = NULL;
    if (task)
        task_wake(task, result);
}

static int cancel(asyncio_future *awaited, const char *message)
{
    struct state *state = container_of((struct awaited *)(void *)awaited, struct state, awaited);
    if (!state->waiting)
        return 0;
    asyncio__future_keep_message(&state->waiting->future, message);
    wake(state, -ECANCELED);
    return 1;
}

/* From where `awaited` lies. */
#define OF_STATE(member)                                                                           \
    ((int32_t)offsetof(struct state, member) - (int32_t)offsetof(struct state, awaited))
static const struct awaits all_inputs = { AWAITS_INLINE, OF_STATE(completions),
                                          OF_STATE(count), sizeof(struct completion),
                                          offsetof(struct completion, future) };

static const struct future_type as_completed_wait_type = { "as_completed", 0, cancel, NULL,
                                                           &all_inputs };

static void one_done(struct handle *handle, asyncio_loop *loop)
{
    struct completion *completion = container_of(handle, struct completion, handle);
    if (!loop)
        return;
    list_append(&completion->state->done, &completion->link);
    wake(completion->state, 0);
}

static void time_is_up(struct handle *handle, asyncio_loop *loop)
{
    struct state *state = container_of(handle, struct state, timed.handle);
    if (!loop)
        return;
    state->timed_out = true;
    for (size_t i = 0; i < state->count; i++)
        list_remove(&state->completions[i].handle.link);
    wake(state, 0);
}

static void end(struct state *state)
{
    asyncio_loop *loop = state->scope.task->future.loop;
    asyncio__loop_uncall(loop, &state->timed);
    for (size_t i = 0; i < state->count; i++) {
        list_remove(&state->completions[i].handle.link);
        future_unref(state->completions[i].future);
    }
    state->over = true;
    if (state->inside)
        wake(state, -ASYNCIO_INVALID_STATE);
    else
        asyncio__free(state);
}

static void leave(struct state *state)
{
    if (--state->inside == 0 && state->over)
        asyncio__free(state);
}

/* A task that is in next. */
struct waiting {
    struct held held;
    struct state *state;
    asyncio_task *task;
};

static void drop(struct held *held)
{
    struct waiting *waiting = container_of(held, struct waiting, held);
    if (waiting->state->waiting == waiting->task)
        waiting->state->waiting = NULL;
    leave(waiting->state);
}

static int wait_for_one(struct state *state, asyncio_task *task)
{
    int r = task_refuses(task);
    if (r < 0)
        return r;
    struct waiting waiting = { .state = state, .task = task };
    state->waiting = task;
    state->inside++;
    task_hold(task, &waiting.held, drop);
    r = asyncio__task_wait(task, &state->awaited);
    task_let_go(task, &waiting.held);
    if (state->waiting == task)
        state->waiting = NULL;
    if (r == -ECANCELED)
        asyncio__task_put_message(task);
    bool is_over = state->over;
    leave(state);
    if (task_take_cancel(task))
        return -ECANCELED;
    if (is_over)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "as_completed was left meanwhile");
    return r;
}

static int abandon(struct scope *scope, int result, bool at_end)
{
    (void)at_end;
    end(container_of(scope, struct state, scope));
    return result;
}

static const struct scope_type as_completed_type = { "as_completed", abandon };

static int add(struct state *state, const asyncio_awaitable *awaitable, struct unique *unique,
               size_t index)
{
    size_t seen = index;
    if (awaitable->future && asyncio__unique_add(unique, awaitable->future, &seen) == 0)
        return 0;
    struct completion *completion = &state->completions[state->count];
    int r = (asyncio_ensure_future)(*awaitable, &completion->future);
    if (r < 0)
        return r;
    completion->handle.run = one_done;
    completion->state = state;
    completion->index = index;
    list_init(&completion->handle.link);
    list_init(&completion->link);
    state->count++;
    return 0;
}

static int begin(struct state *state, const asyncio_awaitable *awaitables, size_t count,
                 double timeout)
{
    struct unique unique;
    int r = asyncio__unique_init(&unique, count);
    size_t i = 0;
    for (; i < count && r >= 0; i++)
        r = add(state, &awaitables[i], &unique, i);
    if (r < 0) { /* as if it had never begun */
        for (; i < count; i++)
            if (!awaitables[i].future)
                asyncio__coro_close(&awaitables[i].coro);
        for (size_t k = 0; k < state->count; k++)
            if (!awaitables[state->completions[k].index].future)
                (void)state->completions[k].future->type->cancel(state->completions[k].future,
                                                                 NULL);
        asyncio__unique_fini(&unique);
        return r;
    }
    asyncio__unique_fini(&unique);
    state->left = state->count;
    for (i = 0; i < state->count; i++)
        future_watch(state->completions[i].future, &state->completions[i].handle);
    asyncio_loop *loop = state->scope.task->future.loop;
    int64_t when;
    if (timeout != ASYNCIO_NONE && asyncio__loop_deadline(loop, timeout, false, &when) >= 0)
        asyncio__loop_call_at(loop, &state->timed, when);
    return 0;
}

int(asyncio_as_completed_enter)(asyncio_as_completed *user, const asyncio_awaitable *awaitables,
                                size_t count, const asyncio_as_completed_options *options)
{
    asyncio_task *task = task_current();
    double timeout = options ? options->timeout : ASYNCIO_NONE;
    int again = task ? asyncio__scope_check_enter(task, user, &user->scope) : 0;
    if (again >= 0)
        *user = (asyncio_as_completed){ NULL, 0 };
    struct state *state = NULL;
    size_t size;
    if (again < 0)
        user->error = again;
    else if (!task)
        user->error = -ASYNCIO_NO_TASK;
    else if (isnan(timeout))
        user->error = -EINVAL;
    else if (__builtin_mul_overflow(count, sizeof(struct completion), &size) ||
             !(state = asyncio__calloc(1, sizeof *state + size)))
        user->error = -ENOMEM;
    if (user->error < 0) {
        for (size_t i = 0; i < count; i++)
            if (!awaitables[i].future)
                asyncio__coro_close(&awaitables[i].coro);
        return user->error;
    }
    state->awaited.type = &as_completed_wait_type;
    state->timed.handle.run = time_is_up;
    list_init(&state->timed.handle.link);
    list_init(&state->done);
    asyncio__scope_push(&state->scope, &as_completed_type, task, user, NULL, 0);
    int r = begin(state, awaitables, count, timeout);
    if (r < 0) {
        (void)asyncio__scope_pop(&state->scope);
        end(state);
        return user->error = r;
    }
    user->scope = state;
    return 0;
}

int asyncio_as_completed_next(asyncio_as_completed *user, asyncio_future **ret_future,
                              size_t *ret_index)
{
    TASK_CHECK_CALLER();
    struct state *state = user->scope;
    asyncio_task *task = task_current();
    if (!state)
        return user->error < 0 ? user->error : -ASYNCIO_INVALID_STATE;
    if (!task)
        return -ASYNCIO_NO_TASK;
    if (state->left == 0)
        return 0;
    while (list_empty(&state->done) && !state->timed_out) {
        if (state->waiting)
            return -EBUSY;
        int r = wait_for_one(state, task);
        if (r < 0)
            return r;
    }
    struct list *node = list_pop(&state->done);
    state->left--;
    if (!node)
        return asyncio_raise(-ETIMEDOUT, "not all were completed in time");
    struct completion *completion = container_of(node, struct completion, link);
    if (ret_future)
        *ret_future = completion->future;
    if (ret_index)
        *ret_index = completion->index;
    if (state->left == 0)
        asyncio__loop_uncall(task->future.loop, &state->timed);
    return 1;
}

int asyncio_as_completed_exit(asyncio_as_completed *user, int result)
{
    struct state *state = user->scope;
    if (!state && user->error < 0)
        return user->error;
    if (!state || !asyncio__scope_of(user, state))
        return asyncio_raise(-ASYNCIO_INVALID_STATE,
                             "this task has not entered as_completed, or has left it");
    int r = asyncio__scope_pop(&state->scope);
    if (r < 0)
        return r;
    user->scope = NULL;
    end(state);
    return result >= 0 && user->error < 0 ? user->error : result; /* entered twice */
}
