/* SPDX-License-Identifier: MIT */
/* Stacks of tasks, and what becomes of pending tasks when the loop closes: see stacks.h. */
#include "task/stacks.h"

#include "base/alloc.h"
#include "base/context.h"
#include "task/debug_mode.h"
#include "task/scope.h"

#include <stdio.h>
#include <string.h>

enum { WARM_SLOTS = 64, RELAX_NS = 100000000 };

/* The task's slot is named by an address in it: its prepared block. Signal-safe: only reads. */
static void name_for_overflow(void *slot_address, char *text, size_t size)
{
    asyncio_task *task = asyncio__thread.task;
    (void)slot_address;
    if (!task || !size)
        return;
    const char *name = task_name(task);
    if (name) {
        size_t length = strnlen(name, size - 1);
        memcpy(text, name, length);
        text[length] = 0;
        return;
    }
    char digits[12];
    size_t count = 0;
    for (uint32_t number = task->number; count == 0 || number; number /= 10)
        digits[count++] = (char)('0' + number % 10);
    static const char prefix[] = "Task-";
    if (size < sizeof prefix + count)
        return;
    memcpy(text, prefix, sizeof prefix - 1);
    for (size_t i = 0; i < count; i++)
        text[sizeof prefix - 1 + i] = digits[count - 1 - i];
    text[sizeof prefix - 1 + count] = 0;
}

static void drop_task(asyncio_task *task)
{
    asyncio_loop *loop = task->future.loop;
    if (!(task->future.task_flags & TASK_QUIET))
        asyncio__loop_report(loop, "Task was destroyed but it is pending!", 0, NULL, &task->future,
                             task);
    if (task->future.task_flags & TASK_IN_DEBUG)
        asyncio__debug_task_dropped(task);
    list_remove(&task->all);
    loop->stats.tasks_ended++;
    struct awaited *waiting = task->waiting;
    bool is_future = waiting && (waiting->type->flags & FUTURE_TYPE_REAL);
    if (waiting && !is_future && waiting->type->destroy)
        waiting->type->destroy((asyncio_future *)(void *)waiting);
    task->waiting = NULL;
    asyncio__scopes_drop(task);
    while (task->held) {
        struct held *held = task->held;
        task->held = held->outer;
        held->drop(held);
    }
    if (task->prepared)
        asyncio__closings_run(task->prepared);
    asyncio__loop_uncall(loop, &task->step);
    if (task->type->resume)
        asyncio__foreign_fini(task);
    if (task->prepared && !task->type->resume) {
        asyncio__task_keep_name(task, false);
        asyncio__coro_fini(&task->coro);
        task_stack_put(task);
    }
    if (is_future)
        future_unref((asyncio_future *)(void *)waiting);
    asyncio__handles_drop(&task->future.callbacks);
    future_unref(&task->future);
}

static void close_floor(struct closer *closer, asyncio_loop *loop)
{
    struct task_floor *floor = container_of(closer, struct task_floor, closer);
    asyncio__task_reap(loop);
    while (!list_empty(&loop->tasks))
        drop_task(container_of(loop->tasks.next, struct asyncio_task, all));
    asyncio__handles_drop(&loop->ready);
    for (int i = 0; i < STACK_CLASSES; i++)
        if (floor->pools[i])
            asyncio__stack_pool_free(floor->pools[i]);
    loop->task_floor = NULL;
    loop->give_back = NULL;
    asyncio__free(floor);
}

/* What a burst of tasks needed goes back bit by bit, while nobody waits for the loop. A few slots
 * are not worth waking up for. */
static int64_t give_back(asyncio_loop *loop, int64_t now)
{
    struct task_floor *floor = loop->task_floor;
    size_t warm = 0;
    for (int i = 0; i < floor->class_end; i++)
        if (floor->pools[i])
            warm += stack_pool_warm(floor->pools[i]);
    if (warm <= WARM_SLOTS)
        return -1;
    if (now >= floor->relax_at) {
        floor->relax_at = now + RELAX_NS;
        for (int i = 0; i < floor->class_end; i++)
            if (floor->pools[i])
                asyncio__stack_pool_relax(floor->pools[i]);
    }
    return floor->relax_at - now;
}

static struct task_floor *floor_of(asyncio_loop *loop)
{
    if (loop->task_floor)
        return loop->task_floor;
    struct task_floor *floor = asyncio__calloc(1, sizeof *floor);
    if (!floor)
        return NULL;
    asyncio__stack_set_namer(name_for_overflow);
    floor->closer.close = close_floor;
    /* the lowest of those that close: goes last */
    list_append(&loop->closers, &floor->closer.link);
    loop->task_floor = floor;
    loop->give_back = give_back;
    return floor;
}

int asyncio__task_floor(asyncio_loop *loop)
{
    return floor_of(loop) ? 0 : -ENOMEM;
}

int asyncio__task_stack_get(asyncio_loop *loop, size_t size, size_t extra, struct stack *ret_stack,
                            uint8_t *ret_class)
{
    struct task_floor *floor = floor_of(loop);
    if (!floor)
        return -ENOMEM;
    const size_t least = (size_t)1 << STACK_CLASS_MIN, most = least << (STACK_CLASSES - 1);
    size_t usual = loop->stack_size, wanted = size ? size : usual;
    if (extra > most || wanted > most || (wanted += extra > 256 ? extra : 0) > most)
        return -ENOMEM;
    int class = wanted <= least ? 0 : 64 - __builtin_clzll(wanted - 1) - STACK_CLASS_MIN;
    if (!floor->pools[class] &&
        !(floor->pools[class] = asyncio__stack_pool_new((size_t)1 << (class + STACK_CLASS_MIN))))
        return -ENOMEM;
    if (class >= floor->class_end)
        floor->class_end = (uint8_t)(class + 1);
    if (wanted == usual) {
        floor->usual = floor->pools[class];
        floor->usual_class = (uint8_t)class;
    }
    *ret_class = (uint8_t)class;
    return asyncio__stack_get(floor->pools[class], ret_stack);
}
