/* SPDX-License-Identifier: MIT */
/* The one way to allocate. Nothing in the library calls malloc but this file.
 *
 * Two users need the seam: a program that brings its own allocator (asyncio_set_allocator), and
 * the tests, which make the Nth allocation fail for every N. What must not fail (wake, cancel,
 * close, exit, call_soon of a task) therefore has no business here: its nodes are embedded in what
 * it acts on, or were reserved when that was made. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void *asyncio__malloc(size_t size) __attribute__((malloc, warn_unused_result));
void *asyncio__calloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));
void *asyncio__realloc(void *old, size_t size) __attribute__((warn_unused_result));
void asyncio__free(void *memory);
char *asyncio__strdup(const char *text) __attribute__((malloc, warn_unused_result));

/* Fault injection, for tests. The `nth` allocation from now (1: the very next) fails, and with
 * `sticky` all after it too; 0 turns it off. Counting is over all threads. Stack slots and other
 * mappings ask asyncio__alloc_fails() first, so they fail in the same sequence. */
void asyncio__alloc_fail_at(uint64_t nth, int sticky);
int asyncio__alloc_tracked(void);      /* 1 when that is on */
/* turns all this on; before the first allocation, or the counts start wrong */
void asyncio__alloc_track(void);
/* allocations asked for since the last asyncio__alloc_fail_at */
uint64_t asyncio__alloc_count(void);
uint64_t asyncio__alloc_live(void);    /* blocks allocated and not freed, over the whole process */
int asyncio__alloc_fails(void);        /* counts one allocation made elsewhere; 1: it has to fail */
