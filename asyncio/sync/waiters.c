/* SPDX-License-Identifier: MIT */
/* What waiting on this floor seldom needs: cancellation, and the sentences for misuse. */
#include "sync/waiters.h"

const struct awaits asyncio__sync_object = { AWAITS_OBJECT, offsetof(struct waiter, object), 0, 0,
                                             0 };

int asyncio__sync_cancel(asyncio_future *awaited, const char *message)
{
    struct waiter *waiter = waiter_of(awaited);
    asyncio_task *task = waiter->task;
    if (waiter_is_woken(waiter))
        return 0;
    list_remove(&task->step.handle.link);
    asyncio__future_keep_message(&task->future, message);
    task_wake(task, -ECANCELED);
    return 1;
}

int asyncio__sync_ended(const char *what)
{
    return asyncio_raise(-ASYNCIO_INVALID_STATE, "this %s has not been initialised, or has ended",
                         what);
}

int asyncio__sync_busy(const char *what)
{
    return asyncio_raise(-EBUSY, "tasks are waiting for this %s: it cannot be ended", what);
}

int asyncio__sync_other_loop(const char *what)
{
    return asyncio_raise(-ASYNCIO_OTHER_LOOP, "this %s is bound to a different event loop", what);
}
