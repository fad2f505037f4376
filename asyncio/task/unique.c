/* SPDX-License-Identifier: MIT */
/* A set of pointers for the length of a call: open addressing, twice as many places as pointers. */
#include "task/unique.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

int asyncio__unique_init(struct unique *unique, size_t count)
{
    size_t places = 32;
    while (places < count * 2)
        places *= 2;
    unique->mask = places - 1;
    unique->entries = unique->small;
    if (places > 32)
        unique->entries = asyncio__malloc(places * sizeof *unique->entries);
    if (!unique->entries)
        return -ENOMEM;
    memset(unique->entries, 0, places * sizeof *unique->entries);
    return 0;
}

void asyncio__unique_fini(struct unique *unique)
{
    if (unique->entries != unique->small)
        asyncio__free(unique->entries);
}

int asyncio__unique_add(struct unique *unique, const void *pointer, size_t *index)
{
    size_t at = (size_t)(((uintptr_t)pointer >> 4) * 0x9E3779B97F4A7C15u >> 20) & unique->mask;
    for (; unique->entries[at].pointer; at = (at + 1) & unique->mask) {
        if (unique->entries[at].pointer == pointer) {
            *index = unique->entries[at].index;
            return 0;
        }
    }
    unique->entries[at].pointer = pointer;
    unique->entries[at].index = *index;
    return 1;
}
