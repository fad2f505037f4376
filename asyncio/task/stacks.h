/* SPDX-License-Identifier: MIT */
/* What the task floor keeps for a loop: the stack pools, one for each power of two that was asked
 * for, and the duty to drop pending tasks when the loop closes. */
#pragma once

#include "coro/stack.h"
#include "task/task.h"

enum { STACK_CLASS_MIN = 15, STACK_CLASSES = 16 };     /* 32 KiB to 1 GiB */

struct task_floor {
    struct closer closer;
    struct stack_pool *usual;              /* of the loop's stack size, once it is there */
    uint8_t usual_class;
    uint8_t class_end;                     /* behind the largest class that has a pool */
    struct stack_pool *pools[STACK_CLASSES];
    int64_t relax_at;                      /* the time for the next asyncio__stack_pool_relax */
};

/* `size` 0: the loop's. `extra`: what has to lie on it above the first frame. 0 or -ENOMEM. */
/* Made when first needed: it drops the loop's tasks when that closes, also those without a
 * stack. */
int asyncio__task_floor(asyncio_loop *loop);
int asyncio__task_stack_get(asyncio_loop *loop, size_t size, size_t extra, struct stack *ret_stack,
                            uint8_t *ret_class);
static inline int task_stack_get(asyncio_loop *loop, size_t size, size_t extra,
                                 struct stack *ret_stack, uint8_t *ret_class)
{
    struct task_floor *floor = loop->task_floor;
    if (__builtin_expect(!floor || !floor->usual || (size | extra), 0))
        return asyncio__task_stack_get(loop, size, extra, ret_stack, ret_class);
    *ret_class = floor->usual_class;
    return asyncio__stack_get(floor->usual, ret_stack);
}

static inline void task_stack_put(asyncio_task *task)
{
    struct task_floor *floor = task->future.loop->task_floor;
    asyncio__stack_put(floor->pools[task->stack_class], task->prepared);
    task->prepared = NULL;
}
