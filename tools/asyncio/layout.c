/* SPDX-License-Identifier: MIT */
/* See layout.h. */
#include "layout.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 20, SIZE_MIN = 24, SIZE_MAX_KNOWN = 4096 };

static const char mark[8] = "asyncio";

/* Its list of loops must be one: a piece of data that only looks like it is not. */
static bool is_layout(struct process *process, uint64_t address, struct debug_layout *layout)
{
    *layout = (struct debug_layout){ .version = 0 };
    if (!process_read(process, address, layout, SIZE_MIN) || layout->size < SIZE_MIN ||
        layout->size > SIZE_MAX_KNOWN)
        return false;
    size_t size = layout->size < sizeof *layout ? layout->size : sizeof *layout;
    if (!process_read(process, address, layout, size))
        return false;
    uint64_t head = (uint64_t)(uintptr_t)layout->loops;
    uint64_t first = process_pointer(process, head);
    return first && process_pointer(process, first + sizeof(uint64_t)) == head;
}

static bool search(struct process *process, const struct mapping *mapping, char *chunk,
                   struct debug_layout *layout)
{
    for (uint64_t at = mapping->begin; at < mapping->end; at += CHUNK) {
        size_t size = mapping->end - at < CHUNK ? (size_t)(mapping->end - at) : CHUNK;
        if (!process_read(process, at, chunk, size))
            continue;
        for (size_t i = 0; i + sizeof mark <= size; i += sizeof(uint64_t))
            if (!memcmp(chunk + i, mark, sizeof mark) && is_layout(process, at + i, layout))
                return true;
    }
    return false;
}

/* Where it is looked for, in this order: the library, the program, everything else. */
enum { LIBRARY, PROGRAM, OTHERS, KINDS };

static int kind_of(const struct process *process, const struct mapping *mapping)
{
    const char *name = strrchr(mapping->path, '/') + 1;
    if (!strncmp(name, "libasyncio.so", 13))
        return LIBRARY;
    return process->program && !strcmp(mapping->path, process->program) ? PROGRAM : OTHERS;
}

int layout_find(struct process *process, struct debug_layout *ret_layout)
{
    char *chunk = grow(NULL, CHUNK, 1);
    bool found = false;
    for (int kind = 0; kind < KINDS && !found; kind++)
        for (size_t i = 0; i < process->mapping_count && !found; i++) {
            const struct mapping *mapping = &process->mappings[i];
            if (mapping->path && mapping->is_readable && !mapping->is_code &&
                kind_of(process, mapping) == kind)
                found = search(process, mapping, chunk, ret_layout);
        }
    free(chunk);
    if (!found)
        return complain(STATUS_FOREIGN, "process %d (%s) does not use libasyncio",
                        (int)process->pid, process->program ? process->program : "?");
    if (ret_layout->version != DEBUG_VERSION || ret_layout->size < sizeof *ret_layout)
        return complain(STATUS_VERSION,
                        "the libasyncio of process %d (%s) is not of the version that this command "
                        "is for",
                        (int)process->pid, process->program ? process->program : "?");
    return STATUS_OK;
}
