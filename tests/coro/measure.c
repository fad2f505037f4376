/* SPDX-License-Identifier: MIT */
/* Measures the floor by itself, without a loop: not a test. What it says decides the slot size,
 * the colouring and the batches in coro/stack.c.
 *
 *   measure switch                 two flows to and fro, ns a switch measure fifo N [SLOT [AHEAD]]
 *   N flows in a ring, each switching to the next, with or without prefetching measure many N
 *   [SLOT]          N sleeping flows: time and memory measure bare N [SLOT]          the same
 *   pages mapped, guarded and touched by a program without anything else */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "coro/coro.h"
#include "coro/stack.h"

struct flow {
    struct coro coro;
    struct flow *next;
    void *bottom;
    char rest[256 - sizeof(struct coro) -
              2 * sizeof(void *)]; /* a control block of the size allowed */
};

static struct coro home;
static struct flow *ready; /* the ring of flows, from the next one to run: what a loop's queue is */
static size_t ahead;       /* how many flows ahead of their turn their stacks are prefetched */
static struct flow *soon;
static long left;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Three frames deep, as a task that sleeps. */
__attribute__((noinline)) static void yields(struct flow *flow)
{
    char locals[100];
    __asm__ volatile("" : : "r"(locals) : "memory");
    if (--left <= 0)
        asyncio__coro_switch(&flow->coro, &home);
    else {
        struct flow *next = ready;
        ready = next->next;
        if (ahead) {
            soon = soon->next;
            asyncio__coro_prefetch(&soon->coro);
        }
        asyncio__coro_switch(&flow->coro, &next->coro);
    }
    __asm__ volatile("" : : "r"(locals) : "memory");
}

__attribute__((noinline)) static void body(struct flow *flow)
{
    char locals[60];
    __asm__ volatile("" : : "r"(locals) : "memory");
    for (;;)
        yields(flow);
}

static void entry(void *argument)
{
    body(argument);
}

static struct flow *make(struct stack_pool *pool, size_t count)
{
    struct flow *flows = mmap(NULL, count * sizeof *flows, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (size_t i = 0; i < count; i++) {
        struct stack stack;
        if (asyncio__stack_get(pool, &stack) < 0) {
            fprintf(stderr, "no memory at %zu\n", i);
            exit(1);
        }
        asyncio__coro_init(&flows[i].coro, stack.bottom, stack.top, entry, &flows[i]);
        flows[i].bottom = stack.bottom;
        flows[i].next = &flows[(i + 1) % count];
    }
    return flows;
}

static void measure_fifo(size_t count, size_t slot_size)
{
    struct stack_pool *pool = asyncio__stack_pool_new(slot_size);
    asyncio__coro_init_thread(&home);
    struct flow *flows = make(pool, count);
    double best = 1e9;
    for (int round = 0; round < 12; round++) {
        long switches = 2000000;
        left = switches;
        ready = flows[0].next;
        soon = flows;
        for (size_t i = 0; i < ahead; i++)
            soon = soon->next;
        double start = now();
        asyncio__coro_switch(&home, &flows[0].coro);
        double ns = (now() - start) * 1e9 / (double)switches;
        if (ns < best)
            best = ns;
        printf("%6.2f", ns);
    }
    printf("\n%zu flows, slots of %zu: best %.2f ns a switch\n", count, slot_size, best);
}

static long status_kib(const char *key)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    long value = 0;
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0)
            value = strtol(line + strlen(key), NULL, 10);
    if (file)
        fclose(file);
    return value;
}

static void bare(size_t count, size_t slot)
{
    double start = now();
    size_t slab = 1024 * slot;
    for (size_t i = 0; i < count; i++) {
        static char *memory;
        if (i % 1024 == 0) {
            memory = mmap(NULL, slab, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
            madvise(memory, slab, MADV_NOHUGEPAGE);
        }
        char *own = memory + i % 1024 * slot;
        madvise(own, 16384, 102);
        own[slot - 100] = 1;
    }
    printf("bare: %.3f s, %.0f ns each\n", now() - start, (now() - start) * 1e9 / (double)count);
}

static void measure_many(size_t count, size_t slot)
{
    asyncio__coro_init_thread(&home);
    struct stack_pool *pool = asyncio__stack_pool_new(slot);
    long before = status_kib("VmRSS:") + status_kib("VmPTE:");
    double start = now();
    struct flow *flows = make(pool, count);
    double made = now() - start;
    left = (long)count + 1;
    ready = flows[0].next;
    asyncio__coro_switch(&home, &flows[0].coro); /* each runs once, sleeps */
    double ran = now() - start;
    long after = status_kib("VmRSS:") + status_kib("VmPTE:");
    printf("ours: made %.3f s, %.0f ns each; and run once %.3f s, %.0f ns each\n", made,
           made * 1e9 / (double)count, ran, ran * 1e9 / (double)count);
    printf("%.0f bytes each, block of 256 and page tables (%ld KiB) included; %zu unguarded\n",
           (double)(after - before) * 1024 / (double)count, status_kib("VmPTE:"),
           asyncio__stack_pool_unguarded(pool));
    start = now();
    for (size_t i = 0; i < count; i++)
        asyncio__stack_put(pool, flows[i].bottom);
    printf("put back: %.0f ns each\n", (now() - start) * 1e9 / (double)count);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "switch";
    size_t count = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
    size_t slot = argc > 3 ? strtoul(argv[3], NULL, 0) : 65536;
    ahead = argc > 4 ? strtoul(argv[4], NULL, 0) : 0;
    if (strcmp(what, "switch") == 0)
        measure_fifo(2, 65536);
    else if (strcmp(what, "fifo") == 0 && count)
        measure_fifo(count, slot);
    else if (strcmp(what, "bare") == 0 && count)
        bare(count, slot);
    else if (strcmp(what, "many") == 0 && count)
        measure_many(count, slot);
    else
        return fprintf(stderr,
                       "measure switch | fifo N [SLOT [AHEAD]] | many N [SLOT] | bare N [SLOT]\n"),
               2;
    return 0;
}
