/* SPDX-License-Identifier: MIT */
/* Where a tool from outside (tools/gdb/asyncio-gdb.py, tool/) finds loops and tasks: one exported,
 * constant table with the list of loops and the offsets of what is worth reading, so that a
 * stripped program and a core file can be looked into as well. Who changes what a field means, or
 * takes one away, raises `version`; new ones go to the end, and `size` tells whether they are
 * there. */
#pragma once

#include "base/list.h"

#include <stdint.h>

enum { DEBUG_VERSION = 1 };

struct debug_layout {
    char magic[8]; /* "asyncio" */
    uint32_t version, size;
    const struct list *loops;
    struct {
        uint32_t all, tasks, running, thread;
    } loop;
    struct {
        uint32_t all, flags, extra, number, waiting, step_link, sp, fn, type;
    } task;
    struct {
        uint32_t type, state, is; /* `is`: what kind of future, see flag_is_task */
    } future;
    uint32_t future_type_name, future_type_flags, extra_name;
    uint32_t coroutine_type_name;
    uint32_t flag_started, flag_foreign; /* of a task */
    uint32_t flag_real;                  /* of a future's type: without it something lighter */
    uint32_t flag_is_task;               /* of a future */
    /* What awaits what: see struct awaits in task/future.h, five int32_t. */
    uint32_t task_prepared;              /* a pointer to the end of its stack */
    uint32_t task_scopes, scope_outer, scope_type, scope_type_awaits, future_type_awaits;
    uint32_t flag_name_on_stack, name_on_stack; /* of a task; the latter from task_prepared */
};

__attribute__((visibility("default"))) extern const struct debug_layout asyncio__debug;
