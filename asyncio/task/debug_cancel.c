/* SPDX-License-Identifier: MIT */
/* Debug mode: cancellations that were swallowed. C ignores an int easily; so a task that was told
 * to end, went on, and at its end returns a result, is reported with the place where it was told.
 *
 * TOLD       A cancellation counts when it got to the task's code: what it waited for was
 *            cancelled, or the next suspension returned -ECANCELED (TASK_CANCEL_SEEN). One that was
 *            still due is no swallowed one: the task ends cancelled. Nor is one that an awaited
 *            task swallowed: that is reported of the awaited one.
 * ABSORBED   Who takes a cancellation back counts it down (asyncio_task_uncancel): a timeout that
 *            expired, a group that fails, the user. Down to zero, all is forgotten.
 * ERRORS     An error in place of -ECANCELED reaches who awaits the task: not reported. Nor is a
 *            result after Ctrl-C or in a loop that shuts down: ending is what was asked for. */
#include "task/debug_mode.h"

#include "base/alloc.h"
#include "task/task.h"

#include <stdio.h>

void asyncio__debug_cancelled(asyncio_task *task)
{
    struct creation *creation = creation_of(&task->future);
    const struct loop_inspector *inspector = asyncio__loop_inspector;
    task->future.task_flags |= TASK_CANCEL_SEEN;
    if (!creation || !inspector)
        return;
    bool is_suspended = task != task_current() && !(task->future.task_flags & TASK_FOREIGN);
    asyncio__free(creation->cancelled_at);
    creation->cancelled_at =
        is_suspended ? inspector->capture_of(&task->coro) : inspector->capture();
}

void asyncio__debug_swallowed(asyncio_task *task, int result)
{
    const asyncio_future *future = &task->future;
    if (result < 0 || future->cancelling <= 0 || future->loop->shutting_down ||
        !(future->task_flags & TASK_CANCEL_SEEN) ||
        (future->task_flags & (TASK_MUST_CANCEL | TASK_MAY_SWALLOW)))
        return;
    char message[160], place[512];
    const struct creation *creation = creation_of(future);
    asyncio__place_text(creation ? creation->cancelled_at : NULL, place, sizeof place);
    (void)snprintf(message, sizeof message,
                   "A cancellation was swallowed: the task went on and returned %d "
                   "without asyncio_task_uncancel",
                   result);
    asyncio__loop_report_at(future->loop, message, place[0] ? place : NULL, &task->future, task);
}
