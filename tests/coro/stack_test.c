/* SPDX-License-Identifier: MIT */
/* The pool: what a slot is, that guards fault, what it costs in memory and mappings, and what
 * happens without either. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "coro/coro.h"
#include "coro/guard.h"
#include "coro/sanitizer.h"
#include "coro/stack.h"
#include "support/failing.h"

static struct stack get(struct stack_pool *pool)
{
    struct stack stack;
    assert_non_null(pool);
    assert_int_equal(asyncio__stack_get(pool, &stack), 0);
    return stack;
}

/* Whether the kernel, asked to write there, faults. */
static int faults(void *address)
{
    return syscall(SYS_clock_gettime, CLOCK_MONOTONIC, address) < 0 && errno == EFAULT;
}

/* Emulators know neither of these as a kernel does. */
static int is_emulated(void)
{
    return getenv("ASYNCIO_TEST_EMULATED") != NULL || sanitizer_is_valgrind();
}

static size_t resident_pages(const void *bottom, const void *top)
{
    static unsigned char pages[1 << 16];
    uintptr_t page = asyncio__guard_page(), first = (uintptr_t)bottom & ~(page - 1);
    size_t count = ((uintptr_t)top - first + page - 1) / page, resident = 0;
    assert_true(count <= sizeof pages);
    assert_int_equal(mincore((void *)first, count * page, pages), 0);
    for (size_t i = 0; i < count; i++)
        resident += pages[i] & 1;
    return resident;
}

static size_t mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    size_t lines = 0;
    assert_non_null(maps);
    for (int c; (c = getc(maps)) != EOF;)
        lines += c == '\n';
    fclose(maps);
    return lines;
}

/* --- slots --- */

static void test_sizes(void **state)
{
    (void)state;
    const size_t asked[] = { 0, 1, 32768, 32769, 65536, 100000, 1 << 20, (1 << 20) + 1, 1 << 28 };
    const size_t given[] = { 65536, 32768, 32768, 65536, 65536, 131072, 1 << 20, 1 << 21, 1 << 28 };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct stack_pool *pool = asyncio__stack_pool_new(asked[i]);
        assert_non_null(pool);
        assert_int_equal(asyncio__stack_pool_slot_size(pool), given[i]);
        asyncio__stack_pool_free(pool);
    }
    assert_null(asyncio__stack_pool_new((1 << 28) + 1));
    assert_null(asyncio__stack_pool_new(SIZE_MAX));
    asyncio__stack_pool_free(NULL);
}

static void test_slots_are_apart_and_writable(void **state)
{
    (void)state;
    enum { N = 600 };
    static struct stack stacks[N];
    struct stack_pool *pool = asyncio__stack_pool_new(0);
    for (int i = 0; i < N; i++) {
        stacks[i] = get(pool);
        assert_int_equal((uintptr_t)stacks[i].top % 16, 0);
        size_t size = (size_t)((char *)stacks[i].top - (char *)stacks[i].bottom);
        assert_in_range(size, 65536 - 16384 - 4096, 65536 - 16384);
        memset(stacks[i].bottom, i & 0xff, size);
    }
    for (int i = 0; i < N; i++)
        for (unsigned char *p = stacks[i].bottom; p < (unsigned char *)stacks[i].top; p += 512)
            assert_int_equal(*p, i & 0xff);
    asyncio__stack_pool_free(pool);
}

/* Neighbours' tops must not all fall into one set of the caches. */
static void test_tops_are_coloured(void **state)
{
    (void)state;
    struct stack_pool *pool = asyncio__stack_pool_new(0);
    char seen[64] = "";
    int colours = 0;
    for (int i = 0; i < 16; i++)
        seen[(uintptr_t)get(pool).top / 64 % 64] = 1;
    for (int i = 0; i < 64; i++)
        colours += seen[i];
    assert_true(colours >= 8);
    asyncio__stack_pool_free(pool);
}

static void test_last_in_first_out_by_any_address(void **state)
{
    (void)state;
    struct stack_pool *pool = asyncio__stack_pool_new(0);
    struct stack a = get(pool), b = get(pool), c = get(pool);
    asyncio__stack_put(pool, a.bottom);
    asyncio__stack_put(pool, (char *)b.top - 1);
    asyncio__stack_put(pool, (char *)c.bottom + 20000);
    assert_ptr_equal(get(pool).top, c.top);
    assert_ptr_equal(get(pool).top, b.top);
    assert_ptr_equal(get(pool).top, a.top);
    asyncio__stack_pool_free(pool);
}

/* --- guards --- */

static void check_guard(struct stack stack, int guarded)
{
    char *bottom = stack.bottom, *guard = bottom - asyncio__guard_bytes();
    for (char *p = guard; p < bottom; p += asyncio__guard_page())
        assert_int_equal(faults(p), guarded);
    assert_int_equal(faults(bottom - 16), guarded);
    assert_false(faults(bottom));
}

static void test_every_slot_is_guarded(void **state)
{
    (void)state;
    const size_t sizes[] = { 32768, 65536, 1 << 20 };
    for (size_t k = 0; k < 3; k++) {
        struct stack_pool *pool = asyncio__stack_pool_new(sizes[k]);
        for (int i = 0; i < 1000; i++)
            check_guard(get(pool), 1);
        assert_int_equal(asyncio__stack_pool_unguarded(pool), 0);
        asyncio__stack_pool_free(pool);
    }
}

static void test_fallback_is_bounded(void **state)
{
    (void)state;
    asyncio__guard_force_mprotect(1, 40);
    struct stack_pool *first = asyncio__stack_pool_new(0), *second = asyncio__stack_pool_new(32768);
    for (int i = 0; i < 30; i++)
        check_guard(get(first), i < 40);
    /* The first pool took 16 for its first slab and 16 for its second; 8 are left. */
    assert_int_equal(asyncio__stack_pool_unguarded(first), 0);
    for (int i = 0; i < 16; i++)
        check_guard(get(second), i < 8);
    assert_int_equal(asyncio__stack_pool_unguarded(second), 8);
    asyncio__stack_pool_free(first);
    asyncio__stack_pool_free(second);

    struct stack_pool *third = asyncio__stack_pool_new(0); /* the bound is free again */
    for (int i = 0; i < 32; i++)
        check_guard(get(third), 1);
    asyncio__stack_pool_free(third);
    asyncio__guard_force_mprotect(0, 0);
}

static void test_fallback_stays_below_the_kernels_limit(void **state)
{
    (void)state;
    enum { N = 40000 };
#if defined(ASYNCIO__SANITIZE_FIBERS)
    skip(); /* shadow memory for so many stacks is too much */
#endif
    if (is_emulated())
        skip();
    asyncio__guard_force_mprotect(1, 0);
    struct stack_pool *pool = asyncio__stack_pool_new(32768);
    for (int i = 0; i < N; i++)
        get(pool);
    size_t guarded = N - asyncio__stack_pool_unguarded(pool);
    assert_true(guarded > 10000 || guarded == N); /* 14,744 at the usual limit of 65,530 */
    assert_true(mappings() < 35000);
    asyncio__stack_pool_free(pool);
    asyncio__guard_force_mprotect(0, 0);
}

/* --- costs --- */

static void test_guards_split_no_mapping(void **state)
{
    (void)state;
#if defined(ASYNCIO__SANITIZE_FIBERS)
    skip();
#endif
    if (is_emulated())
        skip();
    struct stack_pool *pool = asyncio__stack_pool_new(0);
    get(pool);
    check_guard(get(pool), 1);
    size_t before = mappings();
    for (int i = 0; i < 100000; i++)
        get(pool);
    size_t after = mappings();
    asyncio__stack_pool_free(pool);
    if (after > before + 10000)
        skip(); /* a kernel before 6.13: guards by mprotect */
    assert_true(after < before + 40);
}

static void entry(void *argument)
{
    (void)argument;
}

static void test_idle_slot_costs_one_page(void **state)
{
    (void)state;
#if defined(ASYNCIO__SANITIZE_FIBERS)
    skip();
#endif
    if (is_emulated())
        skip();
    struct stack_pool *pool = asyncio__stack_pool_new(0);
    for (int i = 0; i < 100; i++) {
        struct stack stack = get(pool);
        assert_int_equal(resident_pages(stack.bottom, stack.top), 0);
        struct coro coro;
        asyncio__coro_init(&coro, stack.bottom, stack.top, entry, NULL);
        memset((char *)stack.top - 2500, 0, 2000); /* the frames of a task that waits */
        assert_int_equal(resident_pages(stack.bottom, stack.top), 1);
        asyncio__coro_fini(&coro);
    }
    asyncio__stack_pool_free(pool);
}

static void test_warm_slots_make_no_fault(void **state)
{
    (void)state;
    if (allocation_is_failing())
        skip(); /* a process that was forked faults when it first touches anything */
    struct stack_pool *pool = asyncio__stack_pool_new(0);
    struct rusage before, after;
    memset((char *)get(pool).top - 256, 1, 256);
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < 10000; i++) {
        struct stack stack = get(pool);
        memset((char *)stack.top - 256, i & 0xff, 256);
        asyncio__stack_put(pool, stack.bottom);
    }
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_minflt - before.ru_minflt < 200);
    asyncio__stack_pool_free(pool);
}

static void test_trim_drops_what_is_below(void **state)
{
    (void)state;
    if (is_emulated())
        skip();
    struct stack_pool *pool = asyncio__stack_pool_new(0);
    struct stack stack = get(pool);
    size_t page = asyncio__guard_page();
    memset(stack.bottom, 7, (size_t)((char *)stack.top - (char *)stack.bottom));
    char *sp = (char *)stack.top - 5000;
    size_t above = resident_pages(sp, stack.top);
    asyncio__stack_trim(pool, sp);
    assert_in_range(resident_pages(stack.bottom, stack.top), above, above + 1);
    for (char *p = sp - 128; p < (char *)stack.top; p++)
        assert_int_equal(*p, 7);
    assert_int_equal(*(char *)stack.bottom, 0);
    check_guard(stack, 1);
    asyncio__stack_trim(pool, (char *)stack.bottom + page / 2); /* nothing below: does nothing */
    assert_int_equal(*((char *)stack.top - 1), 7);
    asyncio__stack_pool_free(pool);
}

static void test_relax_drops_slots_not_needed_lately(void **state)
{
    (void)state;
    enum { N = 700 };
    static struct stack stacks[N];
    if (is_emulated())
        skip();
    struct stack_pool *pool = asyncio__stack_pool_new(0);
    size_t page = asyncio__guard_page(), resident = 0;
    for (int i = 0; i < N; i++) {
        stacks[i] = get(pool);
        memset((char *)stacks[i].top - 100, 9, 100);
        memset(stacks[i].bottom, 9, page);
    }
    for (int i = 0; i < N; i++)
        asyncio__stack_put(pool, stacks[i].bottom);
    asyncio__stack_pool_relax(pool); /* all were needed in the period that ends here */
    assert_int_equal(*((char *)stacks[0].top - 1), 9);
    assert_int_equal(*((char *)stacks[N - 1].top - 1), 9);
    for (int i = 0; i < 6; i++)
        asyncio__stack_pool_relax(pool);
    assert_int_equal(resident_pages(stacks[0].bottom, stacks[0].top), 0); /* the coldest is gone */
    assert_int_equal(*((char *)stacks[N - 1].top - 1), 9); /* the warmest is kept for now */
    for (int i = 0; i < 100; i++)
        asyncio__stack_pool_relax(pool);
    for (int i = 0; i < N; i++)
        resident += resident_pages(stacks[i].bottom, stacks[i].top);
    assert_int_equal(resident, 0);
    for (int i = 0; i < N; i++)
        check_guard(get(pool), 1); /* the guards are still there, the slots usable */
    asyncio__stack_pool_free(pool);
}

static void test_relax_keeps_what_is_in_use(void **state)
{
    (void)state;
    enum { N = 200 };
    static struct stack stacks[N];
    struct stack_pool *pool = asyncio__stack_pool_new(0);
    unsigned random = 1;
    int in_use = 0;
    for (int round = 0; round < 2000; round++) {
        random = random * 1103515245U + 12345U;
        int want = (int)(random >> 16) % N;
        for (; in_use < want; in_use++) {
            stacks[in_use] = get(pool);
            memset(stacks[in_use].bottom, in_use, 64);
        }
        for (; in_use > want; in_use--)
            asyncio__stack_put(pool, stacks[in_use - 1].bottom);
        if (random & 0x8000)
            asyncio__stack_pool_relax(pool);
        for (int i = 0; i < in_use; i++)
            assert_int_equal(*(unsigned char *)stacks[i].bottom, i);
    }
    asyncio__stack_pool_free(pool);
}

/* --- no memory --- */

static void test_every_allocation_failed_in_turn(void **state)
{
    (void)state;
    uint64_t live = asyncio__alloc_live();
    int points = 0, failures = 0;
    for (int sticky = 0; sticky < 2; sticky++)
        for (uint64_t nth = 1;; nth++) {
            asyncio__alloc_fail_at(nth, sticky);
            struct stack_pool *pool = asyncio__stack_pool_new(0);
            int got = 0, refused = 0;
            for (int i = 0; pool && i < 40; i++) {
                struct stack stack;
                int r = asyncio__stack_get(pool, &stack);
                assert_true(r == 0 || r == -ENOMEM);
                got += r == 0;
                refused += r < 0;
            }
            uint64_t asked = asyncio__alloc_count();
            asyncio__alloc_fail_at(0, 0);
            for (; pool && got < 40; got++) /* the pool is as before: it can go on */
                memset(get(pool).bottom, 1, 64);
            asyncio__stack_pool_free(pool);
            assert_int_equal(asyncio__alloc_live(), live);
            points++;
            failures += !pool || refused > 0;
            if (asked < nth)
                break;
        }
    printf("sweep: %d allocations failed in turn, %d times to the caller\n", points, failures);
    assert_true(failures > 0);
}

static void test_short_address_space(void **state)
{
    (void)state;
#if defined(ASYNCIO__SANITIZE_FIBERS)
    skip(); /* needs the address space for itself */
#endif
    if (is_emulated())
        skip();
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = { 400U << 20, 400U << 20 };
        struct stack stack;
        struct stack_pool *pool = asyncio__stack_pool_new(0);
        int got = 0, r = setrlimit(RLIMIT_AS, &limit);
        while (r == 0 && (r = asyncio__stack_get(pool, &stack)) == 0) {
            memset((char *)stack.top - 64, 1, 64);
            got++;
        }
        if (r == -ENOMEM) { /* and it lives on */
            asyncio__stack_put(pool, stack.bottom);
            r = asyncio__stack_get(pool, &stack) == 0 ? 0 : 3;
        }
        _exit(r                          ? 1
              : got > 5000 && got < 6400 ? 42
                                         : 2); /* most of the space is used: 6,400 fill it */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_slots_are_apart_and_writable),
        cmocka_unit_test(test_tops_are_coloured),
        cmocka_unit_test(test_last_in_first_out_by_any_address),
        cmocka_unit_test(test_every_slot_is_guarded),
        cmocka_unit_test(test_fallback_is_bounded),
        cmocka_unit_test(test_fallback_stays_below_the_kernels_limit),
        cmocka_unit_test(test_guards_split_no_mapping),
        cmocka_unit_test(test_idle_slot_costs_one_page),
        cmocka_unit_test(test_warm_slots_make_no_fault),
        cmocka_unit_test(test_trim_drops_what_is_below),
        cmocka_unit_test(test_relax_drops_slots_not_needed_lately),
        cmocka_unit_test(test_relax_keeps_what_is_in_use),
        cmocka_unit_test(test_every_allocation_failed_in_turn),
        cmocka_unit_test(test_short_address_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
