/* SPDX-License-Identifier: MIT */
/* Scopes that a task has open, and those it left open. See scope.h. */
#include "task/scope.h"

#include "coro/sanitizer.h"

#include <stdio.h>

void asyncio__scope_push(struct scope *scope, const struct scope_type *type, asyncio_task *task,
                         void *owner, const char *file, int line)
{
    char *top = (char *)task->prepared;
    char *here = __builtin_frame_address(0);
    bool on_stack = !(task->future.task_flags & TASK_FOREIGN) && (char *)owner >= here &&
                    (char *)owner < top;
    *scope = (struct scope){ .type = type,
                             .outer = task->scopes,
                             .task = task,
                             .owner = owner,
                             .frame_owner = on_stack ? owner : NULL,
                             .file = file,
                             .line = line };
    task->scopes = scope;
}

static void report(struct scope *scope, const char *what)
{
    char message[256];
    snprintf(message, sizeof message, "%s entered at %s:%d %s", scope->type->name,
             scope->file ? scope->file : "?", scope->line, what);
    asyncio_exception_context context = { .size = sizeof context,
                                          .message = message,
                                          .exception = -ASYNCIO_SCOPE_OPEN,
                                          .task = scope->task };
    (asyncio_loop_call_exception_handler)(scope->task->future.loop, &context);
}

int asyncio__scope_pop(struct scope *scope)
{
    asyncio_task *task = scope->task;
    if (task->scopes == scope) {
        task->scopes = scope->outer;
        return 0;
    }
    return asyncio_raise(
        -ASYNCIO_SCOPE_ORDER, "%s entered at %s:%d must be left before the %s entered at %s:%d",
        task->scopes->type->name, task->scopes->file ? task->scopes->file : "?", task->scopes->line,
        scope->type->name, scope->file ? scope->file : "?", scope->line);
}

struct scope *asyncio__scope_of(const void *user, const void *scope)
{
    asyncio_task *task = task_current();
    struct scope *open = task ? task->scopes : NULL;
    while (open && (open != scope || open->owner != user))
        open = open->outer;
    return open;
}

static void close_one(struct scope *scope)
{
    report(scope, "was left without its exit");
    (void)scope->type->abandon(scope, 0, false);
}

int asyncio__scope_check_enter(asyncio_task *task, const void *user, void *const *user_scope)
{
    struct scope **link = &task->scopes, *scope;
    while ((scope = *link) && scope->owner != user)
        link = &scope->outer;
    if (!scope)
        return 0;
    if (*user_scope == scope)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "the %s has been entered already, at %s:%d",
                             scope->type->name, scope->file ? scope->file : "?", scope->line);
    *link = scope->outer;
    close_one(scope);
    return 0;
}

static bool is_gone(const struct scope *scope, const void *frame)
{
    if (scope->frame_owner)
        return (const char *)scope->frame_owner < (const char *)frame;
    return scope->owner && sanitizer_is_gone(scope->owner);
}

void asyncio__scopes_check(asyncio_task *task, void *frame)
{
    for (struct scope *scope = task->scopes; scope; scope = task->scopes) {
        if (!is_gone(scope, frame))
            return;
        task->scopes = scope->outer;
        close_one(scope);
    }
}

int asyncio__scopes_close(asyncio_task *task, int result)
{
    for (struct scope *scope = task->scopes; scope; scope = task->scopes) {
        task->scopes = scope->outer;
        if (scope->owner)
            report(scope, "was left without its exit");
        result = scope->type->abandon(scope, result, true);
    }
    return result;
}

void asyncio__scopes_drop(asyncio_task *task)
{
    for (struct scope *scope = task->scopes; scope; scope = task->scopes) {
        task->scopes = scope->outer;
        (void)scope->type->abandon(scope, -ECANCELED, false);
    }
}
