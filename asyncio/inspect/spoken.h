/* SPDX-License-Identifier: MIT */
/* Whose a frame is, told by its function's name, and what a user calls it. For frames.c and for the
 * asyncio command (tools/asyncio/frames.c), so that a stack is the same from within and from
 * outside. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* task_suspend: of task/step.h, where the compiler did not put it into its caller. */
static inline bool is_internal_name(const char *name)
{
    return name && (strncmp(name, "asyncio__", 9) == 0 || strcmp(name, "task_suspend") == 0);
}

static inline bool is_public_name(const char *name)
{
    return name && strncmp(name, "asyncio_", 8) == 0 && name[8] != '_';
}

/* Linked statically, the library's static functions cannot be told from the user's. */
static inline bool is_library_object(const char *path)
{
    const char *name = path ? strrchr(path, '/') : NULL;
    name = name ? name + 1 : path;
    return name && strncmp(name, "libasyncio.so", 13) == 0;
}

/* What public macros call has the name of the macro. */
static inline const char *spoken(const char *name)
{
    static const char *const called[][2] = { { "asyncio__create_task", "asyncio_create_task" },
                                             { "asyncio__await_this", "asyncio_await" } };
    for (size_t i = 0; name && i < sizeof called / sizeof called[0]; i++)
        if (!strcmp(name, called[i][0]))
            return called[i][1];
    return name;
}

/* "work.constprop.0" is work: what the compiler has done to it is no part of its name. */
static inline size_t spoken_length(const char *name)
{
    return name[0] ? 1 + strcspn(name + 1, ".") : 0;
}
