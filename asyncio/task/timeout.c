/* SPDX-License-Identifier: MIT */
/* asyncio.timeout: a deadline that cancels the task, and an exit that knows its own cancellation
 * from others'. */
#include <asyncio/timeout.h>

#include "task/scope.h"

#include <math.h>

enum { TIMEOUT_ACTIVE, TIMEOUT_EXPIRING, TIMEOUT_EXPIRED, TIMEOUT_FINISHED };

struct timeout_scope {
    struct scope scope;
    struct timed_handle timed;
    int32_t cancelling;            /* requests that were open at enter: not ours */
    int state;
};

_Static_assert(sizeof(struct timeout_scope) <= 192, "fits the loop's freelist of scopes");

static void expire(struct handle *handle, asyncio_loop *loop)
{
    struct timeout_scope *timeout = container_of(handle, struct timeout_scope, timed.handle);
    if (!loop)
        return;
    timeout->state = TIMEOUT_EXPIRING;
    asyncio_task_cancel(timeout->scope.task);
}

static void end(struct timeout_scope *timeout)
{
    asyncio_loop *loop = timeout->scope.task->future.loop;
    asyncio__loop_uncall(loop, &timeout->timed);
    asyncio__loop_object_free(loop, LOOP_FREELIST_SCOPE, timeout);
}

static int abandon(struct scope *scope, int result, bool at_end)
{
    (void)at_end;
    struct timeout_scope *timeout = container_of(scope, struct timeout_scope, scope);
    if (timeout->state == TIMEOUT_EXPIRING)
        asyncio_task_uncancel(scope->task);
    end(timeout);
    return result;
}

static const struct scope_type timeout_type = { "timeout", abandon };

/* A deadline that has passed fires by the next turn, not at once: code that does not suspend is
 * never interrupted. */
static int schedule(asyncio_timeout *user, struct timeout_scope *timeout, double when)
{
    asyncio_loop *loop = timeout->scope.task->future.loop;
    int64_t at = 0;
    if (when != ASYNCIO_NONE && asyncio__loop_deadline(loop, when, true, &at) < 0)
        return -EINVAL;
    asyncio__loop_uncall(loop, &timeout->timed);
    user->when = when;
    if (when == ASYNCIO_NONE)
        return 0;
    if (at <= asyncio__loop_now(loop))
        asyncio__loop_call(loop, &timeout->timed.handle);
    else
        asyncio__loop_call_at(loop, &timeout->timed, at);
    return 0;
}

static int enter(asyncio_timeout *user, double when, const char *file, int line)
{
    asyncio_task *task = task_current();
    int r = task ? asyncio__scope_check_enter(task, user, &user->scope) : 0;
    if (r < 0)
        return user->error = r;
    *user = (asyncio_timeout){ .when = when, .state = TIMEOUT_FINISHED };
    if (!task)
        return user->error = -ASYNCIO_NO_TASK;
    if (isnan(when))
        return user->error = -EINVAL;
    struct timeout_scope *timeout = asyncio__loop_object(task->future.loop, LOOP_FREELIST_SCOPE);
    if (!timeout)
        return user->error = -ENOMEM;
    *timeout = (struct timeout_scope){ .timed.handle.run = expire,
                                       .cancelling = task->future.cancelling,
                                       .state = TIMEOUT_ACTIVE };
    list_init(&timeout->timed.handle.link);
    asyncio__scope_push(&timeout->scope, &timeout_type, task, user, file, line);
    user->scope = timeout;
    user->state = TIMEOUT_ACTIVE;
    return schedule(user, timeout, when);
}

int asyncio__timeout_at_enter(asyncio_timeout *user, double when, const char *file, int line)
{
    return enter(user, when, file, line);
}

int asyncio__timeout_enter(asyncio_timeout *user, double delay, const char *file, int line)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    return enter(user, delay == ASYNCIO_NONE || !loop ? delay : asyncio_loop_time(loop) + delay,
                 file, line);
}

int(asyncio_timeout_at_enter)(asyncio_timeout *user, double when)
{
    return asyncio__timeout_at_enter(user, when, NULL, 0);
}

int(asyncio_timeout_enter)(asyncio_timeout *user, double delay)
{
    return asyncio__timeout_enter(user, delay, NULL, 0);
}

int asyncio_timeout_exit(asyncio_timeout *user, int result)
{
    struct timeout_scope *timeout = user->scope;
    if (!timeout && user->error < 0)
        return user->error;
    if (!timeout || !asyncio__scope_of(user, timeout))
        return asyncio_raise(-ASYNCIO_INVALID_STATE,
                             "this task has not entered the timeout, or has left it");
    int r = asyncio__scope_pop(&timeout->scope);
    if (r < 0)
        return r;
    user->scope = NULL;
    if (timeout->state == TIMEOUT_EXPIRING) {
        user->state = TIMEOUT_EXPIRED;
        if (asyncio_task_uncancel(timeout->scope.task) <= timeout->cancelling &&
            result == -ECANCELED)
            result = asyncio_raise(-ETIMEDOUT, "the deadline passed");
    } else {
        user->state = TIMEOUT_FINISHED;
    }
    end(timeout);
    return result >= 0 && user->error < 0 ? user->error : result; /* entered twice */
}

int asyncio_timeout_reschedule(asyncio_timeout *user, double when)
{
    struct timeout_scope *timeout = user->scope;
    if (!timeout)
        return asyncio_raise(-ASYNCIO_INVALID_STATE,
                             "the timeout has not been entered or is over");
    if (timeout->state != TIMEOUT_ACTIVE)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "the timeout has expired");
    return schedule(user, timeout, when);
}

double asyncio_timeout_when(const asyncio_timeout *user)
{
    return user->when;
}

int asyncio_timeout_expired(const asyncio_timeout *user)
{
    const struct timeout_scope *timeout = user->scope;
    return timeout ? timeout->state == TIMEOUT_EXPIRING : user->state == TIMEOUT_EXPIRED;
}
