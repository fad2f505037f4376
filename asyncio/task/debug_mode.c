/* SPDX-License-Identifier: MIT */
/* Debug mode, as far as it is about tasks: steps that take too long, where an object was made, and
 * references that nobody gave back. See debug_mode.h.
 *
 * In debug mode each step comes back to the loop (loop/turn.c), which calls it through
 * `run_timed`. */
#include "task/debug_mode.h"

#include "base/alloc.h"
#include "loop/handle.h"
#include "task/task.h"

#include <stdio.h>
#include <string.h>

enum { FRAMES = 24 };

void asyncio__creation_remember(asyncio_future *future)
{
    struct future_extra *extra = asyncio__future_extra(future);
    struct creation *creation = extra ? asyncio__malloc(sizeof *creation) : NULL;
    if (!creation)
        return;
    const struct loop_inspector *inspector = asyncio__loop_inspector;
    *creation = (struct creation){ .future = future,
                                   .stack = inspector ? inspector->capture() : NULL };
    list_append(&future->loop->creations, &creation->link);
    list_init(&creation->lent_frames);
    extra->creation = creation;
}

void asyncio__creation_forget(struct creation *creation)
{
    if (!creation)
        return;
    list_remove(&creation->link);
    asyncio__debug_lent_end(creation);
    asyncio__debug_forget_frames(creation);
    asyncio__free(creation->stack);
    asyncio__free(creation->cancelled_at);
    asyncio__free(creation);
}

static size_t created(asyncio_future *future, asyncio_frame *ret_frames, size_t capacity)
{
    const struct creation *creation = creation_of(future);
    const struct loop_inspector *inspector = asyncio__loop_inspector;
    return creation && creation->stack && inspector
               ? inspector->name(creation->stack, ret_frames, capacity)
               : 0;
}

void asyncio__place_text(const void *stack, char *text, size_t size)
{
    asyncio_frame frames[FRAMES];
    size_t i = 0, count = stack ? asyncio__loop_inspector->name(stack, frames, FRAMES) : 0;
    while (i < count && frames[i].function && !strncmp(frames[i].function, "asyncio_", 8))
        i++;
    if (size)
        text[0] = 0;
    if (i == count)
        return;
    const char *function = frames[i].function ? frames[i].function : "?";
    if (frames[i].file)
        (void)snprintf(text, size, "%s:%d (%s)", frames[i].file, frames[i].line, function);
    else
        (void)snprintf(text, size, "%p (%s)", frames[i].address, function);
}

void asyncio__debug_task_made(asyncio_task *task)
{
    task->future.task_flags |= TASK_IN_DEBUG;
    asyncio__creation_remember(&task->future);
    asyncio__debug_lend(task);
}

/* What a handler of reports puts into the env is not the task's. */
void asyncio__debug_task_over(asyncio_task *task, int result)
{
    struct env *env = asyncio__thread.env;
    struct creation *creation = creation_of(&task->future);
    asyncio__thread.env = &task->future.loop->env;
    if (creation)
        asyncio__debug_lent_end(creation);
    asyncio__debug_frames_left(task, true);
    asyncio__debug_swallowed(task, result);
    asyncio__thread.env = env;
}

void asyncio__debug_task_dropped(asyncio_task *task)
{
    struct creation *creation = creation_of(&task->future);
    if (!creation)
        return;
    asyncio__debug_lent_end(creation);
    asyncio__debug_forget_frames(creation);
}

/* Only what is done: a task that was left behind has been reported as that. */
void asyncio__creations_report(asyncio_loop *loop)
{
    struct list *node;
    while (loop->debug && (node = list_pop(&loop->creations))) {
        asyncio_future *future = container_of(node, struct creation, link)->future;
        bool is_task = future->flags & FUTURE_IS_TASK;
        if (!future_done(future))
            continue;
        future_ref(future);
        asyncio__loop_report(loop,
                             is_task ? "asyncio_task_unref is missing: a task outlives its run"
                                     : "asyncio_future_unref is missing: a future outlives its run",
                             0, NULL, future, is_task ? (asyncio_task *)(void *)future : NULL);
        future_unref(future);
    }
}

/* The task whose step this is, or NULL. */
static asyncio_task *task_of(struct handle *handle)
{
    return handle->run == asyncio__task_run || handle->run == asyncio__sleep_over ||
                   handle->run == asyncio__foreign_run
               ? task_of_step(handle)
               : NULL;
}

static void describe_callback(const void *function, char *text, size_t size)
{
    char name[256];
    if (!function)
        (void)snprintf(text, size, "<a callback of the library>");
    else if (asyncio__loop_inspector &&
             asyncio__loop_inspector->describe(function, name, sizeof name))
        (void)snprintf(text, size, "<Handle %s>", name);
    else
        (void)snprintf(text, size, "<Handle %p>", (void *)(uintptr_t)function);
}

static void report_slow(asyncio_loop *loop, asyncio_task *task, const void *function, int64_t took)
{
    char what[384], message[512];
    if (task)
        asyncio__describe(&task->future, task, what, sizeof what);
    else
        describe_callback(function, what, sizeof what);
    (void)snprintf(message, sizeof message, "Executing %s took %.3f seconds", what,
                   asyncio__seconds(took));
    asyncio__loop_report(loop, message, 0, NULL, task ? &task->future : NULL, task);
}

static void run_timed(struct handle *handle, asyncio_loop *loop)
{
    asyncio_task *task = asyncio_task_ref(task_of(handle));
    const void *function =
        handle->run == asyncio__handle_run
            ? (const void *)(uintptr_t)container_of(handle, struct asyncio_handle, timed.handle)
                  ->callback
            : NULL;
    int64_t began = asyncio__loop_now(loop);
    handle->run(handle, loop);
    int64_t took = asyncio__loop_now(loop) - began;
    if (took > loop->stats.longest_ns)
        loop->stats.longest_ns = took;
    if (took >= loop->slow_ns)
        report_slow(loop, task, function, took);
    if (task && !future_done(&task->future))
        asyncio__debug_frames_left(task, false);
    if (!list_empty(&loop->lent_frames))
        asyncio__debug_stack_left(loop, false);
    asyncio_task_unref(task);
}

static void entered(asyncio_loop *loop)
{
    if (!list_empty(&loop->lent_frames))
        asyncio__debug_stack_left(loop, true);
}

void asyncio__debug_mode_install(void)
{
    asyncio__loop_entered = entered;
    asyncio__loop_run_timed = run_timed;
    asyncio__loop_created = created;
}
