/* SPDX-License-Identifier: MIT */
/* The table of slabs. Slabs grow geometrically up to 256 MiB, so 8192 of them are two TiB of
 * stacks. Written seldom (a slab is made, a pool is freed), read by the fault handler of any
 * thread at any instant. */
#include "coro/slab.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>

enum { SLABS = 8192 };

/* base | log2 of the slot size << 6 | log2 of the number of slots; 0: free. The base has 12 zero
 * bits at least. */
static _Atomic uintptr_t table[SLABS];
static atomic_size_t used; /* entries from here on were never used */

int asyncio__slab_add(void *base, size_t slot_size, size_t slots)
{
    uintptr_t entry = (uintptr_t)base | (uintptr_t)__builtin_ctzl(slot_size) << 6 |
                      (uintptr_t)__builtin_ctzl(slots);
    for (size_t i = 0; i < SLABS; i++) {
        uintptr_t empty = 0;
        if (!atomic_compare_exchange_strong(&table[i], &empty, entry))
            continue;
        size_t seen = atomic_load(&used);
        while (seen <= i && !atomic_compare_exchange_weak(&used, &seen, i + 1))
            ;
        return 0;
    }
    return -ENOMEM;
}

void asyncio__slab_remove(void *base)
{
    size_t n = atomic_load(&used);
    for (size_t i = 0; i < n; i++)
        if ((atomic_load(&table[i]) & ~(uintptr_t)0xfff) == (uintptr_t)base) {
            atomic_store(&table[i], 0);
            return;
        }
}

int asyncio__slab_find(const void *address, char **ret_slab, char **ret_slot, size_t *ret_slot_size)
{
    size_t n = atomic_load(&used);
    for (size_t i = 0; i < n; i++) {
        uintptr_t entry = atomic_load(&table[i]);
        uintptr_t base = entry & ~(uintptr_t)0xfff;
        size_t slot_size = (size_t)1 << (entry >> 6 & 63), slots = (size_t)1 << (entry & 63);
        if (!entry || (uintptr_t)address < base || (uintptr_t)address - base >= slot_size * slots)
            continue;
        *ret_slab = (char *)base;
        *ret_slot = (char *)((uintptr_t)address & ~(slot_size - 1));
        *ret_slot_size = slot_size;
        return 1;
    }
    return 0;
}
