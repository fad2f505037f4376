/* SPDX-License-Identifier: MIT */
/* Arenas of libaiohttp. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../aiohttp/base/arena.h"

static void lent_memory_first(void **state)
{
    (void)state;
    _Alignas(ARENA_ALIGN) char memory[64];
    struct arena arena;
    aiohttp__arena_init(&arena, memory, sizeof memory);
    char *text = aiohttp__arena_text(&arena, SPAN("abc"));
    assert_ptr_equal(text, memory);
    assert_string_equal(text, "abc");
    assert_ptr_equal(aiohttp__arena_alloc(&arena, 48), memory + 16);
    void *more = aiohttp__arena_alloc(&arena, 1);
    assert_true(!more || (char *)more < memory || (char *)more >= memory + sizeof memory);
    for (int i = 0; i < 2; i++) { /* with a block more, and without */
        arena_reset(&arena);
        assert_ptr_equal(aiohttp__arena_alloc(&arena, sizeof memory), memory);
    }
    arena_reset(&arena);
    assert_ptr_equal(aiohttp__arena_alloc(&arena, 1), memory);
    aiohttp__arena_fini(&arena);
    memset(memory, 1, sizeof memory);
    assert_non_null(more);
}

static void aligned_and_apart(void **state)
{
    (void)state;
    struct arena arena = { .at = NULL };
    bool is_refused = false;
    char *before[200];
    size_t size[200];
    for (size_t i = 0; i < 200; i++) {
        size[i] = i * i % 700;
        before[i] = aiohttp__arena_alloc(&arena, size[i]);
        is_refused |= !before[i];
        if (before[i]) {
            assert_int_equal((uintptr_t)before[i] % ARENA_ALIGN, 0);
            memset(before[i], (int)i, size[i]);
        }
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t k = 0; before[i] && k < size[i]; k++)
            assert_int_equal((unsigned char)before[i][k], i);
    aiohttp__arena_fini(&arena);
    assert_false(is_refused);
}

static void reset_keeps_one_block(void **state)
{
    (void)state;
    struct arena arena = { .at = NULL };
    void *large = aiohttp__arena_alloc(&arena, 5000);
    void *first = aiohttp__arena_alloc(&arena, 100);
    bool is_refused = !large || !first;
    for (int i = 0; i < 3; i++) {
        aiohttp__arena_reset(&arena);
        if (first)
            assert_ptr_equal(aiohttp__arena_alloc(&arena, 100), first);
        is_refused |= !aiohttp__arena_alloc(&arena, 3000);
    }
    aiohttp__arena_fini(&arena);
    assert_false(is_refused);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    struct arena arena = { .at = NULL };
    assert_null(aiohttp__arena_alloc(&arena, SIZE_MAX));
    assert_null(aiohttp__arena_alloc(&arena, SIZE_MAX - 8));
    assert_null(aiohttp__arena_calloc(&arena, SIZE_MAX / 2, 3));
    assert_null(aiohttp__arena_text(&arena, (struct span){ "", SIZE_MAX }));
    aiohttp__arena_fini(&arena);
}

static void text_of_a_form(void **state)
{
    (void)state;
    struct arena arena = { .at = NULL };
    char *few = aiohttp__arena_printf(&arena, "%d-%s", 7, "x");
    char *many = aiohttp__arena_printf(&arena, "%300d|%400s", 7, "x");
    if (few)
        assert_string_equal(few, "7-x");
    if (many)
        assert_int_equal(strlen(many), 701);
    bool is_refused = !few || !many;
    aiohttp__arena_fini(&arena);
    assert_false(is_refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lent_memory_first),     cmocka_unit_test(aligned_and_apart),
        cmocka_unit_test(reset_keeps_one_block), cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(text_of_a_form),
    };
    return cmocka_run_group_tests_name("aiohttp_arena", tests, NULL, NULL);
}
