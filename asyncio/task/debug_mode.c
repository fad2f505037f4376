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
    future->flags |= FUTURE_IN_DEBUG;
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

/* The user's function that a handle calls, or NULL: the library's own. */
static const void *function_of(const struct handle *handle)
{
    const void *function = asyncio__watch_function(handle);
    function = function ? function : asyncio__signal_function(handle);
    return function ? function : asyncio__done_callback_function(handle);
}

static void describe_callback(const asyncio_handle *handle, const void *function, char *text,
                              size_t size)
{
    char name[256], place[256];
    asyncio__place_text(handle ? asyncio__handle_origin(handle) : NULL, place, sizeof place);
    if (!function)
        (void)snprintf(name, sizeof name, "of the library");
    else if (!asyncio__loop_inspector ||
             !asyncio__loop_inspector->describe(function, name, sizeof name))
        (void)snprintf(name, sizeof name, "%p", (void *)(uintptr_t)function);
    (void)snprintf(text, size, "<Handle %s%s%s>", name, place[0] ? " created at " : "", place);
}

/* What runs, held so that it can be told of afterwards. */
struct step {
    asyncio_task *task;
    asyncio_handle *handle;
    const void *function;
};

static void report_slow(asyncio_loop *loop, const struct step *step, int64_t took)
{
    char what[768], message[1024];
    asyncio_frame frames[FRAMES];
    asyncio_exception_context context = { .size = sizeof context, .message = message };
    if (step->task) {
        asyncio__describe(&step->task->future, step->task, what, sizeof what);
        context.future = &step->task->future;
        context.task = step->task;
    } else {
        describe_callback(step->handle, step->function, what, sizeof what);
        context.handle = step->handle;
    }
    const void *origin = step->handle ? asyncio__handle_origin(step->handle) : NULL;
    if (step->task)
        context.source_traceback_count = created(&step->task->future, frames, FRAMES);
    else if (origin)
        context.source_traceback_count = asyncio__loop_inspector->name(origin, frames, FRAMES);
    context.source_traceback = context.source_traceback_count ? frames : NULL;
    (void)snprintf(message, sizeof message, "Executing %s took %.3f seconds", what,
                   asyncio__seconds(took));
    (asyncio_loop_call_exception_handler)(loop, &context);
}

static void run_timed(struct handle *handle, asyncio_loop *loop)
{
    struct step step = { .task = asyncio_task_ref(task_of(handle)) };
    if (handle->run == asyncio__handle_run) {
        step.handle =
            asyncio_handle_ref(container_of(handle, struct asyncio_handle, timed.handle));
        step.function = (const void *)(uintptr_t)step.handle->callback;
    } else if (!step.task) {
        step.function = function_of(handle);
    }
    int64_t began = asyncio__loop_now(loop);
    handle->run(handle, loop);
    int64_t took = asyncio__loop_now(loop) - began;
    if (took > loop->stats.longest_ns)
        loop->stats.longest_ns = took;
    if (took >= loop->slow_ns)
        report_slow(loop, &step, took);
    if (step.task && !future_done(&step.task->future))
        asyncio__debug_frames_left(step.task, false);
    if (!list_empty(&loop->lent_frames))
        asyncio__debug_stack_left(loop, false);
    asyncio_task_unref(step.task);
    asyncio_handle_unref(step.handle);
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
