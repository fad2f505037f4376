/* SPDX-License-Identifier: MIT */
/* Task groups. The rules are CPython's taskgroups.py of 3.15, in its order.
 *
 * A group lives as long as its scope or one of its children's callbacks: `refs`. Each child is
 * watched by a node, from the same freelist, that is made before the task, so that a task never
 * runs unwatched. */
#include <asyncio/task_group.h>

#include "base/alloc.h"
#include "base/context.h"
#include "task/scope.h"

#include <stdio.h>

struct group {
    struct scope scope;
    asyncio_loop *loop;
    struct awaited awaited;            /* what exit waits for: the last child */
    struct list children;
    struct error_record **records;     /* of the errors, in the order they came */
    struct error_record *body_record;
    int *codes;
    size_t error_count, error_capacity;
    unsigned refs;
    int first_error;                   /* also when there was no memory for the list */
    bool aborting, exiting, waiting, over, parent_cancel_requested;
};

/* Of the caller's struct: it has been entered once, and is over. */
enum { GROUP_OVER = 1 };

struct child {
    struct handle handle;
    struct list link;                  /* in group->children */
    struct group *group;
    asyncio_task *task;                /* a reference */
};

_Static_assert(sizeof(struct group) <= 192 && sizeof(struct child) <= 192,
               "fit the loop's freelist of scopes");

static void unref(struct group *group)
{
    if (--group->refs)
        return;
    for (size_t i = 0; i < group->error_count; i++)
        asyncio__record_unref(group->records[i]);
    asyncio__record_unref(group->body_record);
    asyncio__free(group->records);
    asyncio__free(group->codes);
    asyncio__loop_object_free(group->loop, LOOP_FREELIST_SCOPE, group);
}

static int cancel_waiting(asyncio_future *awaited, const char *message)
{
    struct group *group = container_of((struct awaited *)(void *)awaited, struct group, awaited);
    if (!group->waiting)
        return 0;
    group->waiting = false;
    asyncio__future_keep_message(&group->scope.task->future, message);
    task_wake(group->scope.task, -ECANCELED);
    return 1;
}

static const struct future_type group_wait_type = { "task group", 0, cancel_waiting, NULL };

static void abort_group(struct group *group)
{
    group->aborting = true;
    for (struct list *node = group->children.next, *next; node != &group->children; node = next) {
        next = node->next;
        asyncio_task_cancel(container_of(node, struct child, link)->task);
    }
}

/* Takes the record. Without memory for the list, the first error still stands. */
static void add_error(struct group *group, int code, struct error_record *record)
{
    if (!group->first_error)
        group->first_error = code;
    if (group->error_count == group->error_capacity) {
        size_t capacity = group->error_capacity ? group->error_capacity * 2 : 4;
        struct error_record **records =
            asyncio__realloc(group->records, capacity * sizeof *records);
        if (records)
            group->records = records;
        int *codes = records ? asyncio__realloc(group->codes, capacity * sizeof *codes) : NULL;
        if (!codes) {
            asyncio__record_unref(record);
            return;
        }
        group->codes = codes;
        group->error_capacity = capacity;
    }
    group->records[group->error_count] = record;
    group->codes[group->error_count++] = code;
}

static void report_orphan(struct group *group, asyncio_task *task, asyncio_future *future)
{
    asyncio__loop_report(group->loop, "a task of a group failed, but the group's task is over",
                         future->result, future->extra ? future->extra->record : NULL, future,
                         task);
}

static void child_done(struct handle *handle, asyncio_loop *loop)
{
    struct child *child = container_of(handle, struct child, handle);
    struct group *group = child->group;
    asyncio_future *future = &child->task->future;
    list_remove(&child->link);
    if (loop && group->waiting && list_empty(&group->children)) {
        group->waiting = false;
        task_wake(group->scope.task, 0);
    }
    if (loop && future->state == FUTURE_FINISHED && future->result < 0) {
        future->flags &= (uint8_t)~FUTURE_LOG;
        add_error(group, future->result,
                  asyncio__record_ref(future->extra ? future->extra->record : NULL));
        if (group->over || future_done(&group->scope.task->future)) {
            report_orphan(group, child->task, future);
        } else if (!group->aborting && !group->parent_cancel_requested) {
            abort_group(group);
            group->parent_cancel_requested = true;
            asyncio_task_cancel(group->scope.task);
        }
    }
    asyncio_task_unref(child->task);
    asyncio__loop_object_free(group->loop, LOOP_FREELIST_SCOPE, child);
    unref(group);
}

/* Left without its exit: the children are told to end, and the errors they still have go to the
 * exception handler. */
static int abandon(struct scope *scope, int result, bool at_end)
{
    (void)at_end;
    struct group *group = container_of(scope, struct group, scope);
    group->over = true;
    abort_group(group);
    if (group->parent_cancel_requested)
        asyncio_task_uncancel(scope->task);
    asyncio_task_unref(scope->task);
    unref(group);
    return result;
}

/* From the beginning to the exit, as CPython has it: so what exit waits for need not say it. */
static const struct awaits children_of_group = { AWAITS_LIST, offsetof(struct group, children), 0,
                                                 offsetof(struct child, link),
                                                 offsetof(struct child, task) };

static const struct scope_type group_type = { "task group", abandon, &children_of_group };

int asyncio__task_group_enter(asyncio_task_group *user, const char *file, int line)
{
    asyncio_task *task = task_current();
    int r = task ? asyncio__scope_check_enter(task, user, &user->scope) : 0;
    if (r < 0)
        return user->error = r;
    *user = (asyncio_task_group){ .scope = NULL };
    if (!task)
        return user->error = -ASYNCIO_NO_TASK;
    struct group *group = asyncio__loop_object(task->future.loop, LOOP_FREELIST_SCOPE);
    if (!group)
        return user->error = -ENOMEM;
    *group =
        (struct group){ .loop = task->future.loop, .awaited.type = &group_wait_type, .refs = 1 };
    list_init(&group->children);
    asyncio__scope_push(&group->scope, &group_type, asyncio_task_ref(task), user, file, line);
    user->scope = group;
    return 0;
}

int(asyncio_task_group_enter)(asyncio_task_group *user)
{
    return asyncio__task_group_enter(user, NULL, 0);
}

static int check_open(asyncio_task_group *user, struct group *group)
{
    if (!group && user->error < 0)
        return user->error;
    if (!group && user->state != GROUP_OVER)
        return asyncio_raise(-ASYNCIO_GROUP_CLOSED, "the task group has not been entered");
    if (!group)
        return asyncio_raise(-ASYNCIO_GROUP_CLOSED, "the task group is finished");
    if (group->exiting && list_empty(&group->children))
        return asyncio_raise(-ASYNCIO_GROUP_CLOSED, "the task group is finished");
    if (group->aborting)
        return asyncio_raise(-ASYNCIO_GROUP_CLOSED, "the task group is shutting down");
    return 0;
}

int(asyncio_task_group_create_task)(asyncio_task_group *user, asyncio_coro coro,
                                    asyncio_task **ret_task,
                                    const asyncio_create_task_options *options)
{
    struct group *group = user->scope;
    int r = check_open(user, group);
    struct child *child = NULL;
    if (r >= 0 && !(child = asyncio__loop_object(group->loop, LOOP_FREELIST_SCOPE)))
        r = -ENOMEM;
    if (r < 0) {
        asyncio__coro_close(&coro);
        return r;
    }
    *child = (struct child){ .handle.run = child_done, .group = group };
    list_init(&child->handle.link);
    group->refs++; /* an eager child may end the group's scope */
    r = (asyncio_loop_create_task)(group->loop, coro, &child->task, options);
    if (r < 0) {
        asyncio__loop_object_free(group->loop, LOOP_FREELIST_SCOPE, child);
        unref(group);
        return r;
    }
    list_append(&group->children, &child->link);
    if (ret_task)
        *ret_task = asyncio_task_ref(child->task);
    /* an eager one may have cancelled the group before it was among the children */
    if (group->aborting && !future_done(&child->task->future))
        asyncio_task_cancel(child->task);
    future_watch(&child->task->future, &child->handle);
    return 0;
}

int asyncio_task_group_cancel(asyncio_task_group *user)
{
    struct group *group = user->scope;
    if (!group && user->error >= 0 && user->state != GROUP_OVER)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "the task group has not been entered");
    if (!group)
        return user->error;
    if (group->aborting || (group->exiting && list_empty(&group->children)))
        return 0;
    abort_group(group);
    if (!group->parent_cancel_requested) {
        group->parent_cancel_requested = true;
        asyncio_task_cancel(group->scope.task);
    }
    return 0;
}

/* Waits for the children, through any number of cancellations. `cancelled`: the one that is to be
 * told; `*ret_pending`: one that came while it waited, told when somebody else asked for it. */
static bool join(struct group *group, asyncio_task *task, int result, bool *ret_pending)
{
    bool cancelled = result == -ECANCELED;
    *ret_pending = false;
    if (result < 0 && !group->aborting)
        abort_group(group);
    while (!list_empty(&group->children)) {
        group->waiting = true;
        int r = asyncio__task_wait(task, &group->awaited);
        group->waiting = false;
        if (!task_take_cancel(task) && r != -ECANCELED)
            continue;
        *ret_pending = true;
        if (r == -ECANCELED)
            asyncio__task_put_message(task);
        if (!group->aborting) {
            cancelled = true;
            abort_group(group);
        }
    }
    return cancelled;
}

/* Python raises the list; here its first error is the result, and the list is the record. */
static int raise_group(struct group *group)
{
    int code = group->first_error;
    struct error_record *record =
        group->error_count
            ? asyncio__record_group(code, "unhandled errors in a TaskGroup", group->records,
                                    group->codes, group->error_count)
            : NULL;
    if (!record && group->error_count)
        record = asyncio__record_ref(group->records[0]);
    /* no memory: an older one does not answer for this */
    if (!record)
        asyncio__record_unref(asyncio__record_take(code));
    else
        asyncio__record_put(record);
    return code;
}

/* What the statement raises, when all children have ended. */
static int conclude(struct group *group, asyncio_task *task, int result, bool cancelled)
{
    if (cancelled && !group->first_error) {
        if (group->body_record)
            asyncio__record_put(group->body_record);
        group->body_record = NULL;
        return -ECANCELED;
    }
    if (result < 0 && result != -ECANCELED) {
        add_error(group, result, group->body_record);
        group->body_record = NULL;
    }
    if (!group->first_error)
        return result < 0 ? 0 : result;
    /* the outside's request is delivered at the next suspension */
    if (asyncio_task_cancelling(task)) {
        asyncio_task_uncancel(task);
        asyncio_task_cancel(task);
    }
    return raise_group(group);
}

int asyncio_task_group_exit(asyncio_task_group *user, int result)
{
    struct group *group = user->scope;
    if (!group && user->error < 0)
        return user->error;
    if (!group || !asyncio__scope_of(user, group))
        return asyncio_raise(-ASYNCIO_INVALID_STATE,
                             "this task has not entered the task group, or has left it");
    asyncio_task *task = group->scope.task;
    if (__builtin_expect(task->scopes != &group->scope, 0)) {
        TASK_CHECK_SCOPES(task); /* an inner one that was left without its exit? */
        if (task->scopes != &group->scope)
            return asyncio__scope_pop(&group->scope);
    }
    if (!list_empty(&group->children) && (task->future.task_flags & TASK_RESUMING))
        return asyncio__task_refuses_slow(task);
    asyncio__record_unref(group->body_record);
    group->body_record = result < 0 ? asyncio__record_take(result) : NULL;
    group->exiting = true;
    bool pending, cancelled = join(group, task, result, &pending);
    (void)asyncio__scope_pop(&group->scope);
    group->over = true;
    user->scope = NULL;
    user->state = GROUP_OVER;
    if (group->parent_cancel_requested) {
        if (asyncio_task_uncancel(task) == 0)
            cancelled = false;
        else if (!cancelled)
            cancelled = pending; /* what is left is not ours to drop */
    }
    int r = conclude(group, task, result, cancelled);
    if (r >= 0 && user->error < 0)
        r = user->error; /* it was entered twice */
    asyncio_task_unref(task);
    unref(group);
    return r;
}
