/* SPDX-License-Identifier: MIT */
/* Buffers and blocks: growth, moving to the front, lending, reserving, and what is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buffer.h"

#include <errno.h>
#include <string.h>

static char pattern(size_t i)
{
    return (char)(i * 31 + i / 97);
}

static void add(struct buffer *buffer, struct blocks *blocks, size_t from, size_t size)
{
    assert_int_equal(asyncio__buffer_reserve(buffer, blocks, size), 0);
    assert_true(buffer_room(buffer) >= size);
    for (size_t i = 0; i < size; i++) {
        char byte = pattern(from + i);
        asyncio__buffer_add(buffer, &byte, 1);
    }
}

static void check(const struct buffer *buffer, size_t from, size_t size)
{
    assert_int_equal(buffer->count, size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(buffer_bytes(buffer)[i], pattern(from + i));
}

/* Adds and takes in uneven pieces: what comes out is what went in. */
static void test_in_and_out(void **state)
{
    (void)state;
    uint64_t live = asyncio__alloc_live();
    struct blocks blocks = { .large = NULL };
    struct buffer buffer = { .data = NULL };
    size_t in = 0, out = 0;
    for (size_t step = 1; step < 400; step++) {
        size_t size = step * 37 % 5000;
        add(&buffer, &blocks, in, size);
        in += size;
        check(&buffer, out, in - out);
        size_t taken = step * 53 % (in - out + 1);
        buffer_take(&buffer, taken);
        out += taken;
    }
    check(&buffer, out, in - out);
    asyncio__buffer_release(&buffer, &blocks);
    assert_null(buffer.data);
    asyncio__blocks_fini(&blocks);
    assert_int_equal(asyncio__alloc_live(), live);
}

static void test_room_comes_from_the_front(void **state)
{
    (void)state;
    struct blocks blocks = { .large = NULL };
    struct buffer buffer = { .data = NULL };
    add(&buffer, &blocks, 0, BLOCK_MIN);
    assert_int_equal(buffer.capacity, BLOCK_MIN);
    buffer_take(&buffer, BLOCK_MIN - 10);
    char *data = buffer.data;
    add(&buffer, &blocks, BLOCK_MIN, 100);
    assert_ptr_equal(buffer.data, data); /* no new block */
    check(&buffer, BLOCK_MIN - 10, 110);
    buffer_take(&buffer, 110);
    assert_int_equal(buffer.count, 0);
    asyncio__buffer_release(&buffer, &blocks);
    asyncio__blocks_fini(&blocks);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct blocks blocks = { .large = NULL };
    struct buffer buffer = { .data = NULL };
    asyncio__alloc_fail_at(1, 1);
    assert_int_equal(asyncio__buffer_reserve(&buffer, &blocks, 10), -ENOMEM);
    asyncio__alloc_fail_at(0, 0);
    add(&buffer, &blocks, 0, 4000);
    asyncio__alloc_fail_at(1, 1);
    assert_int_equal(asyncio__buffer_reserve(&buffer, &blocks, 5000), -ENOMEM);
    assert_int_equal(asyncio__buffer_reserve(&buffer, &blocks, SIZE_MAX), -ENOMEM);
    asyncio__alloc_fail_at(0, 0);
    check(&buffer, 0, 4000);
    /* twice as much is not to be had, but enough is */
    asyncio__alloc_fail_at(1, 0);
    assert_int_equal(asyncio__buffer_reserve(&buffer, &blocks, 100), 0);
    asyncio__alloc_fail_at(0, 0);
    check(&buffer, 0, 4000);
    asyncio__buffer_release(&buffer, NULL);
    asyncio__blocks_fini(&blocks);
}

static void test_reserve_makes_get_sure(void **state)
{
    (void)state;
    uint64_t live = asyncio__alloc_live();
    static const size_t sizes[] = { 1,         BLOCK_MIN,     BLOCK_MIN + 1, 20000,
                                    BLOCK_MAX, BLOCK_MAX + 1, 1000000 };
    struct blocks blocks = { .large = NULL };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t capacity = 0;
        assert_int_equal(blocks_reserve(&blocks, sizes[i]), 0);
        asyncio__alloc_fail_at(1, 1);
        assert_int_equal(blocks_reserve(&blocks, sizes[i]), 0);
        void *block = asyncio__blocks_get(&blocks, sizes[i], &capacity);
        asyncio__alloc_fail_at(0, 0);
        assert_non_null(block);
        assert_true(capacity >= sizes[i]);
        memset(block, 1, capacity);
        asyncio__blocks_put(&blocks, block, capacity);
    }
    assert_int_equal(blocks_reserve(&blocks, 100000), 0);
    assert_int_equal(blocks_reserve(&blocks, 200000), 0); /* in place of the smaller one */
    asyncio__alloc_fail_at(1, 1);
    assert_int_equal(blocks_reserve(&blocks, 300000), -ENOMEM);
    asyncio__alloc_fail_at(0, 0);
    asyncio__blocks_unreserve(&blocks);
    assert_null(blocks.large);
    asyncio__blocks_fini(&blocks);
    assert_int_equal(asyncio__alloc_live(), live);
}

/* However many come back at once, what is kept is bounded. */
static void test_bounded(void **state)
{
    (void)state;
    enum { MANY = 500 };
    uint64_t live = asyncio__alloc_live();
    static void *taken[MANY];
    struct blocks blocks = { .large = NULL };
    size_t capacity;
    for (int i = 0; i < MANY; i++)
        assert_non_null(taken[i] = asyncio__blocks_get(&blocks, BLOCK_MAX, &capacity));
    for (int i = 0; i < MANY; i++)
        asyncio__blocks_put(&blocks, taken[i], capacity);
    assert_in_range(asyncio__alloc_live() - live, 1, 4);
    asyncio__blocks_fini(&blocks);
    assert_int_equal(asyncio__alloc_live(), live);
}

/* The short way to the smallest block is taken when there is one, and it is enough. */
static void test_begin(void **state)
{
    (void)state;
    uint64_t live = asyncio__alloc_live();
    struct blocks blocks = { .large = NULL };
    struct buffer buffer = { .data = NULL };
    assert_false(buffer_begin(&buffer, &blocks, 1));
    assert_null(buffer.data);
    assert_int_equal(blocks_reserve(&blocks, 1), 0);
    void *block = blocks.free[0];
    assert_non_null(block);
    assert_false(buffer_begin(&buffer, &blocks, BLOCK_MIN + 1));
    assert_null(buffer.data);
    assert_true(buffer_begin(&buffer, &blocks, BLOCK_MIN));
    assert_ptr_equal(buffer.data, block);
    assert_int_equal(buffer_room(&buffer), BLOCK_MIN);
    assert_null(blocks.free[0]);
    assert_int_equal(blocks.count[0], 0);
    assert_int_equal(asyncio__blocks_reserve_slowly(&blocks, 1), 0);
    assert_false(buffer_begin(&buffer, &blocks, 1)); /* it has a block */
    assert_ptr_equal(buffer.data, block);
    asyncio__buffer_release(&buffer, &blocks);
    asyncio__blocks_fini(&blocks);
    assert_int_equal(asyncio__alloc_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_and_out), cmocka_unit_test(test_room_comes_from_the_front),
        cmocka_unit_test(test_no_memory),  cmocka_unit_test(test_reserve_makes_get_sure),
        cmocka_unit_test(test_bounded),    cmocka_unit_test(test_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
