/* SPDX-License-Identifier: MIT */
/* Blocks of one size that are made in one thread and freed in another.
 *
 * malloc is at its worst there: each block goes back to the arena of the thread that made it,
 * under that arena's lock. Here the freeing thread collects a batch and puts it on a shared stack
 * with one compare-and-swap; the making thread takes the whole stack with one exchange and serves
 * itself. The blocks are plain allocations, so a thread that ends gives its own back. While tests
 * count allocations, every block is an allocation of its own. */
#pragma once

enum { COURIER_BLOCK = 256 };

/* COURIER_BLOCK bytes, or NULL without memory. Any thread. */
void *asyncio__courier_get(void);
/* Any thread. */
void asyncio__courier_put(void *block);
