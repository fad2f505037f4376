/* SPDX-License-Identifier: MIT */
/* asyncio_task_get_stack, asyncio_task_print_stack: where a task stands, for people. */
#include "base/alloc.h"
#include "inspect/frames.h"
#include "task/debug_mode.h"
#include "task/task.h"

#include <stdio.h>

enum { PRINTED_FRAMES = 200, RUNTIME_FRAMES = 32 };

/* What a table-driven coroutine says of itself: valid until the thread's next
 * asyncio_task_get_stack. */
static _Thread_local char trace_text[FRAME_TEXT_MAX];

static int foreign_stack(asyncio_task *task, asyncio_frame *ret_frames)
{
    void *state = (void *)task->prepared->coro.args[0];
    trace_text[0] = 0;
    if (task->type->trace)
        task->type->trace(state, trace_text, sizeof trace_text);
    *ret_frames = (asyncio_frame){ .address = (void *)(uintptr_t)task->type->resume,
                                   .function = trace_text[0] ? trace_text : task->type->name };
    return 1;
}

int asyncio__stack_of(asyncio_task *task, const void *from, asyncio_frame *ret_frames,
                      size_t capacity)
{
    asyncio_loop *loop = task->future.loop;
    bool is_started = task->future.task_flags & TASK_STARTED;
    if (future_done(&task->future) || !is_started || capacity == 0)
        return 0;
    if (asyncio__thread.loop != loop && atomic_load(&loop->running))
        return -ASYNCIO_WRONG_THREAD;
    if (task->future.task_flags & TASK_FOREIGN)
        return foreign_stack(task, ret_frames);
    size_t raw_capacity = (capacity < 1U << 16 ? capacity : 1U << 16) + RUNTIME_FRAMES;
    struct raw_frame *raw = asyncio__malloc(raw_capacity * sizeof *raw);
    if (!raw)
        return -ENOMEM;
    bool is_waiting = task != task_on_stack(task_current());
    size_t count = is_waiting ? asyncio__frames_of(&task->coro, raw, raw_capacity)
                              : asyncio__frames_here(raw, raw_capacity, from);
    count = asyncio__frames_of_step(raw, count);
    int r = asyncio__frames_name(raw, count, is_waiting, ret_frames, capacity);
    asyncio__free(raw);
    return r;
}

__attribute__((noinline)) int asyncio_task_get_stack(asyncio_task *task, asyncio_frame *ret_frames,
                                                     size_t capacity)
{
    return asyncio__stack_of(task, __builtin_extract_return_addr(__builtin_return_address(0)),
                             ret_frames, capacity);
}

__attribute__((noinline)) void asyncio_task_print_stack(asyncio_task *task, FILE *file)
{
    const void *from = __builtin_extract_return_addr(__builtin_return_address(0));
    asyncio_frame *frames = asyncio__malloc(PRINTED_FRAMES * sizeof *frames);
    char text[FRAME_TEXT_MAX];
    int count = frames ? asyncio__stack_of(task, from, frames, PRINTED_FRAMES) : 0;
    if (!file)
        file = stderr;
    static const char *const states[] = { "pending", "cancelled", "finished" };
    const struct creation *creation = creation_of(&task->future);
    char created[256];
    asyncio__place_text(creation ? creation->stack : NULL, created, sizeof created);
    (void)fprintf(file, "%s for <Task %s name='%s'%s%s>%s\n", count > 0 ? "Stack" : "No stack",
                  states[task->future.state], asyncio_task_get_name(task),
                  created[0] ? " created at " : "", created,
                  count > 0 ? " (most recent call last):" : "");
    bool is_foreign = task->future.task_flags & TASK_FOREIGN;
    for (int i = count; i-- > 0;) {
        if (is_foreign)
            (void)snprintf(text, sizeof text, "  %s\n", frames[i].function);
        else
            asyncio__frame_text(&frames[i], text, sizeof text);
        (void)fputs(text, file);
    }
    asyncio__free(frames);
}
