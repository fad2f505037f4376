/* SPDX-License-Identifier: MIT */
/* Blocks between threads: see courier.h. */
#include "base/courier.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { BATCH = 32, BATCHES_MAX = 256 };

/* A chain of BATCH free blocks: the first word of each links the chain, the second of the first
 * links the chains. */
struct block {
    struct block *next;
    struct block *next_batch;
};

static _Atomic(struct block *) shared;      /* batches; taken only as a whole, so there is no ABA */
static atomic_int shared_count;             /* about how many: a bound, not a tally */

struct cache {
    struct block *mine, *batches;           /* to give out */
    struct block *freed;                    /* collected, `count` of them */
    unsigned count;
    bool registered;
};

static _Thread_local struct cache cache __attribute__((tls_model("initial-exec")));
static pthread_key_t at_exit;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_chain(struct block *block)
{
    while (block) {
        struct block *next = block->next;
        asyncio__free(block);
        block = next;
    }
}

static void thread_ends(void *value)
{
    struct cache *own = value;
    free_chain(own->mine);
    free_chain(own->freed);
    while (own->batches) {
        struct block *batch = own->batches;
        own->batches = batch->next_batch;
        free_chain(batch);
    }
    *own = (struct cache){ .registered = false };
}

static void make_key(void)
{
    (void)pthread_key_create(&at_exit, thread_ends);
}

static void register_thread(struct cache *own)
{
    (void)pthread_once(&once, make_key);
    own->registered = pthread_setspecific(at_exit, own) == 0;
}

void *asyncio__courier_get(void)
{
    struct cache *own = &cache;
    if (!own->mine) {
        if (!own->batches && atomic_load_explicit(&shared, memory_order_relaxed)) {
            own->batches = atomic_exchange_explicit(&shared, NULL, memory_order_acquire);
            atomic_store_explicit(&shared_count, 0, memory_order_relaxed);
        }
        own->mine = own->batches;
        if (own->mine)
            own->batches = own->mine->next_batch;
    }
    struct block *block = own->mine;
    if (!block || asyncio__alloc_tracked())
        return asyncio__malloc(COURIER_BLOCK);
    own->mine = block->next;
    __builtin_prefetch(own->mine, 1); /* another core had it last */
    if (!own->registered)
        register_thread(own);
    return block;
}

static void share(struct cache *own)
{
    struct block *batch = own->freed;
    own->freed = NULL;
    own->count = 0;
    if (atomic_fetch_add_explicit(&shared_count, 1, memory_order_relaxed) >= BATCHES_MAX) {
        free_chain(batch);
        return;
    }
    batch->next_batch = atomic_load_explicit(&shared, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&shared, &batch->next_batch, batch,
                                                  memory_order_release, memory_order_relaxed))
        continue;
}

void asyncio__courier_put(void *memory)
{
    struct cache *own = &cache;
    struct block *block = memory;
    if (!own->registered)
        register_thread(own);
    if (!own->registered || asyncio__alloc_tracked()) {
        asyncio__free(block);
        return;
    }
    block->next = own->freed;
    own->freed = block;
    if (++own->count == BATCH)
        share(own);
}
