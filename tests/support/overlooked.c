/* SPDX-License-Identifier: MIT */
/* Wake-ups that got lost: a loop has been quiet, and a task of it waits for what is there. Each
 * kind of waiting has its own rule of what cannot be while somebody waits. */
#include "support/points.h"

#include "sync/waiters.h"
#include "task/scope.h"

#include <asyncio/queue.h>
#include <asyncio/lock.h>
#include <stdio.h>
#include <string.h>

const char *points_waits(asyncio_task *task, char *text, size_t size)
{
    (void)snprintf(text, size, "'%s', which waits for %s", asyncio_task_get_name(task),
                   task->waiting ? task->waiting->type->name : "its turn");
    return text;
}

static const void *at(const void *base, int32_t offset)
{
    return (const char *)base + offset;
}

static bool is_done(const void *item, int32_t offset)
{
    return future_done(*(asyncio_future *const *)at(item, offset));
}

/* There is nothing to wait for behind `base`: all of it is done. */
static bool all_done(const void *base, const struct awaits *awaits)
{
    if (!awaits || awaits->kind == AWAITS_OBJECT)
        return false;
    if (awaits->kind == AWAITS_ONE)
        return is_done(base, awaits->at);
    if (awaits->kind == AWAITS_LIST) {
        const struct list *head = at(base, awaits->at), *node = head->next;
        for (; node != head; node = node->next)
            if (!is_done((const char *)node - awaits->item, awaits->future))
                return false;
        return true;
    }
    const char *items =
        awaits->kind == AWAITS_ARRAY ? *(char *const *)at(base, awaits->at) : at(base, awaits->at);
    size_t count = *(const size_t *)at(base, awaits->count);
    for (size_t i = 0; i < count; i++)
        if (!is_done(items + i * (size_t)awaits->item, awaits->future))
            return false;
    return count > 0;
}

static bool is_there(const char *what, const void *object)
{
    if (strcmp(what, "lock") == 0) {
        const asyncio_lock *lock = object;
        return !asyncio_lock_locked(lock);
    }
    if (strcmp(what, "event") == 0)
        return asyncio_event_is_set(object);
    if (strcmp(what, "semaphore") == 0)
        return ((const asyncio_semaphore *)object)->value > 0;
    const asyncio_queue *queue = object;
    if (strcmp(what, "queue get") == 0)
        return !asyncio_queue_empty(queue) || queue->is_shut_down;
    if (strcmp(what, "queue put") == 0)
        return !asyncio_queue_full(queue) || queue->is_shut_down;
    if (strcmp(what, "queue join") == 0)
        return queue->unfinished == 0;
    return false;
}

static bool is_overlooked(asyncio_task *task)
{
    const struct awaited *waiting = task->waiting;
    if (!list_empty(&task->step.handle.link) && !waiting)
        return false; /* queued */
    if (!waiting || (task->future.task_flags & TASK_WOKEN))
        return list_empty(&task->step.handle.link);
    const struct future_type *type = waiting->type;
    if (type->flags & FUTURE_TYPE_REAL) {
        const asyncio_future *future = (const asyncio_future *)(const void *)waiting;
        return future_done(future) ? list_empty(&task->step.handle.link)
                                   : all_done(future, type->awaits);
    }
    if (type == &asyncio__sleep_type)
        return !task->step.timer.place && list_empty(&task->step.handle.link);
    if (type->awaits == &asyncio__sync_object)
        return is_there(type->name, ((const struct waiter *)(const void *)waiting)->object);
    if (strcmp(type->name, "task group") == 0 && task->scopes &&
        strcmp(task->scopes->type->name, "task group") == 0)
        return all_done(task->scopes, task->scopes->type->awaits);
    return all_done(waiting, type->awaits);
}

bool points_overlooked(asyncio_loop *loop, char *text, size_t size)
{
    for (struct list *node = loop->tasks.next; node != &loop->tasks; node = node->next) {
        asyncio_task *task = container_of(node, struct asyncio_task, all);
        char whom[200];
        if ((task->future.task_flags & TASK_STARTED) && is_overlooked(task)) {
            (void)snprintf(text, size, "a wake-up is lost: %s",
                           points_waits(task, whom, sizeof whom));
            return true;
        }
    }
    return false;
}
