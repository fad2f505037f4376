/* SPDX-License-Identifier: MIT */
/* The process's slabs of stacks, readable from a signal handler: which slot does an address lie
 * in? One word a slab in a fixed table, so a look-up takes no lock and never meets half an
 * entry. */
#pragma once

#include <stddef.h>

/* `base` is aligned to `slot_size`, a power of two from 4 KiB up; `slots` is a power of two. 0, or
 * -ENOMEM: the table is full. */
int asyncio__slab_add(void *base, size_t slot_size, size_t slots);
void asyncio__slab_remove(void *base);

/* 1 and where, or 0. Async-signal-safe. */
int asyncio__slab_find(const void *address, char **ret_slab, char **ret_slot,
                       size_t *ret_slot_size);
