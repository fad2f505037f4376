/* SPDX-License-Identifier: MIT */
/* Which futures of an array are the same one: gather and as_completed take duplicates. */
#pragma once

#include <stddef.h>

struct unique {
    struct unique_entry {
        const void *pointer;
        size_t index;
    } *entries;
    size_t mask;
    struct unique_entry small[32];
};

/* For up to `count` pointers. -ENOMEM. */
int asyncio__unique_init(struct unique *unique, size_t count);
void asyncio__unique_fini(struct unique *unique);
/* 1: new, and remembered with *index; 0: seen before, and *index is what it was remembered with. */
int asyncio__unique_add(struct unique *unique, const void *pointer, size_t *index);
