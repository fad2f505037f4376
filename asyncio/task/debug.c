/* SPDX-License-Identifier: MIT */
/* The table of debug.h. */
#include "task/debug.h"

#include "task/scope.h"

#define LOOP(member) (uint32_t)offsetof(struct asyncio_loop, member)
#define TASK(member) (uint32_t)offsetof(struct asyncio_task, member)
#define FUTURE(member) (uint32_t)offsetof(struct asyncio_future, member)

const struct debug_layout asyncio__debug = {
    .magic = "asyncio",
    .version = DEBUG_VERSION,
    .size = sizeof(struct debug_layout),
    .loops = &asyncio__loops,
    .loop = { LOOP(all), LOOP(tasks), LOOP(running), LOOP(thread) },
    .task = {
        .all = TASK(all),
        .flags = TASK(future.task_flags),
        .extra = TASK(future.extra),
        .number = TASK(number),
        .waiting = TASK(waiting),
        .step_link = TASK(step.handle.link),
        .sp = TASK(coro.sp),
        .fn = TASK(fn),
        .type = TASK(type),
    },
    .future = { FUTURE(type), FUTURE(state), FUTURE(flags) },
    .future_type_name = offsetof(struct future_type, name),
    .future_type_flags = offsetof(struct future_type, flags),
    .extra_name = offsetof(struct future_extra, name),
    .coroutine_type_name = offsetof(struct asyncio_coroutine_type, name),
    .flag_started = TASK_STARTED,
    .flag_foreign = TASK_FOREIGN,
    .flag_real = FUTURE_TYPE_REAL,
    .flag_is_task = FUTURE_IS_TASK,
    .task_prepared = TASK(prepared),
    .task_scopes = TASK(scopes),
    .scope_outer = offsetof(struct scope, outer),
    .scope_type = offsetof(struct scope, type),
    .scope_type_awaits = offsetof(struct scope_type, awaits),
    .future_type_awaits = offsetof(struct future_type, awaits),
    .flag_name_on_stack = TASK_NAME_ON_STACK,
    .name_on_stack = PREPARED_SIZE,
};
