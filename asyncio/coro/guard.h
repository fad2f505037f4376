/* SPDX-License-Identifier: MIT */
/* Memory for stack.c: aligned reservations, guards in them, pages given back. Linux only; knows
 * nothing of slots but that they are of equal size with the guard at the low end. */
#pragma once

#include <stddef.h>

size_t asyncio__guard_page(void);  /* bytes of a page */
size_t asyncio__guard_bytes(void); /* bytes of a guard: 16 KiB, or a page where pages are larger */

/* Returns new zeroed memory of `size` bytes, reserved not committed, aligned to `alignment` (a
 * power of two), or NULL. */
void *asyncio__guard_map(size_t size, size_t alignment);
void asyncio__guard_unmap(void *memory, size_t size);

/* Makes the low end of each of `count` slots from `slots` on fault. Returns how many, counted from
 * the first, are guarded now; less than `count` when the kernel refuses or the limit of mappings
 * is near. */
size_t asyncio__guard_install(char *slots, size_t slot_size, size_t count);

/* To be told before unmapping: `count` slots of these had their guards from
 * asyncio__guard_install. */
void asyncio__guard_forget(size_t count);

/* Gives the pages of [ranges[i], ranges[i] + size) back to the kernel, for `count` of them; they
 * read as zero again. */
void asyncio__guard_drop(char *const *ranges, size_t size, size_t count);

/* Tests: 1: as on a kernel without MADV_GUARD_INSTALL; 0: as the probe finds. `guards_max`
 * replaces the bound on mprotect guards when not 0. */
void asyncio__guard_force_mprotect(int force, size_t guards_max);
