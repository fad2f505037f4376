/* SPDX-License-Identifier: MIT */
/* asyncio_loop_dump_tasks: see <asyncio/dump.h>. */
#include <asyncio/dump.h>

#include "base/alloc.h"
#include "inspect/dump_stuck.h"
#include "inspect/edges.h"
#include "inspect/frames.h"
#include "task/debug_mode.h"

#include <limits.h>
#include <stdio.h>

enum { DUMP_FRAMES = 200, AWAITERS_SHOWN = 8 };

static void print_waiting(asyncio_task *task, FILE *file)
{
    const struct awaited *waiting = task->waiting;
    const struct future_type *type = waiting->type;
    asyncio_future *future = (asyncio_future *)(void *)task->waiting;
    bool is_real = type->flags & FUTURE_TYPE_REAL;
    if (is_real && future_done(future))
        (void)fprintf(file, "ready: %s %p is done", type->name, (void *)future);
    else if (is_real && (future->flags & FUTURE_IS_TASK))
        (void)fprintf(file, "waits for task '%s'",
                      asyncio_task_get_name((asyncio_task *)(void *)future));
    else if (is_real)
        (void)fprintf(file, "waits for %s %p", type->name, (void *)future);
    else if (type->awaits && type->awaits->kind == AWAITS_OBJECT)
        (void)fprintf(file, "waits for %s %p", type->name,
                      *(void *const *)(const void *)((const char *)waiting + type->awaits->at));
    else
        (void)fprintf(file, "waits for %s", type->name);
}

static void print_state(asyncio_task *task, FILE *file)
{
    if (!(task->future.task_flags & TASK_STARTED))
        (void)fputs("not started", file);
    else if (task->waiting)
        print_waiting(task, file);
    else
        (void)fputs(task == task_current() ? "running" : "ready", file);
}

/* In debug mode. */
static void print_creation(const asyncio_task *task, FILE *file)
{
    char created[256];
    const struct creation *creation = creation_of(&task->future);
    asyncio__place_text(creation ? creation->stack : NULL, created, sizeof created);
    if (created[0])
        (void)fprintf(file, ", created at %s", created);
}

static void print_awaiters(const struct edges *edges, const asyncio_task *task, FILE *file)
{
    size_t count;
    const struct edge *edge = asyncio__edges_to(edges, &task->future, &count);
    for (size_t i = 0; i < count && i < AWAITERS_SHOWN; i++)
        (void)fprintf(file, "%s'%s'", i ? ", " : ", awaited by ",
                      asyncio_task_get_name(edges->tasks[edge[i].waiter]));
    if (count > AWAITERS_SHOWN)
        (void)fprintf(file, " and %zu more", count - AWAITERS_SHOWN);
}

/* The innermost last, as tracebacks have it. */
static int print_frames(asyncio_task *task, const void *from, asyncio_frame *frames, FILE *file)
{
    char text[FRAME_TEXT_MAX];
    int count = asyncio__stack_of(task, from, frames, DUMP_FRAMES);
    for (int i = count; i-- > 0;) {
        if (task->future.task_flags & TASK_FOREIGN)
            (void)fprintf(file, "  %s\n", frames[i].function);
        else {
            asyncio__frame_text(&frames[i], text, sizeof text);
            (void)fputs(text, file);
        }
    }
    return count < 0 ? count : 0;
}

static int dump(asyncio_loop *loop, const void *from, FILE *file)
{
    struct edges edges;
    int r = asyncio__edges_collect(loop, &edges);
    if (r < 0)
        return r;
    asyncio_frame *frames = asyncio__malloc(DUMP_FRAMES * sizeof *frames);
    r = frames ? 0 : -ENOMEM;
    if (r >= 0)
        (void)fprintf(file, "Loop %p, %zu task%s\n", (void *)loop, edges.task_count,
                      edges.task_count == 1 ? "" : "s");
    for (size_t i = 0; i < edges.task_count && r >= 0; i++) {
        asyncio_task *task = edges.tasks[i];
        (void)fprintf(file, "Task '%s', ", asyncio_task_get_name(task));
        print_state(task, file);
        print_awaiters(&edges, task, file);
        print_creation(task, file);
        (void)fputs("\n", file);
        r = print_frames(task, from, frames, file);
    }
    if (r >= 0)
        r = edges.task_count > INT_MAX ? INT_MAX : (int)edges.task_count;
    asyncio__free(frames);
    asyncio__edges_fini(&edges);
    return r;
}

__attribute__((noinline)) int asyncio_loop_dump_tasks(asyncio_loop *loop, FILE *file)
{
    const void *from = __builtin_extract_return_addr(__builtin_return_address(0));
    loop = loop ? loop : asyncio__thread.loop;
    if (!loop)
        return -ASYNCIO_NO_RUNNING_LOOP;
    if (asyncio__thread.loop != loop && atomic_load(&loop->running))
        return -ASYNCIO_WRONG_THREAD;
    file = file ? file : stderr;
    flockfile(file);
    int r = dump(loop, from, file);
    funlockfile(file);
    return r;
}

static void on_signal(int signal_number, void *data)
{
    struct dumper *dumper = data;
    (void)signal_number;
    if (!asyncio__dumper_answer(dumper))
        return; /* this loop was stuck when it arrived */
    int r = asyncio_loop_dump_tasks(NULL, NULL);
    (void)r; /* nobody is there to be told */
}

int asyncio_loop_dump_tasks_on_signal(asyncio_loop *loop, int signal_number)
{
    struct dumper *dumper;
    int r = asyncio__loop_check(loop);
    if (r < 0 || (r = asyncio__dumper_new(loop, &dumper)) < 0)
        return r;
    const asyncio_watch_options options = { .size = sizeof options,
                                            .data = dumper,
                                            .destroy = asyncio__dumper_free };
    r = (asyncio_loop_add_signal_handler)(loop, signal_number, on_signal, &options);
    if (r < 0)
        asyncio__dumper_free(dumper);
    else
        asyncio__loop_notice_signal(loop, signal_number, asyncio__dumper_notice);
    return r;
}
