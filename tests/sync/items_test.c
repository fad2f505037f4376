/* SPDX-License-Identifier: MIT */
/* What lies in a queue: order against a model, destroy once for each item that nobody gets, and a
 * put that finds no memory. */
#include "base/alloc.h"

#include <asyncio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 3000 };

/* A generator of one's own: the same on every machine. */
static uint32_t seed;

static uint32_t next_random(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static int ascending(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return x < y ? -1 : x > y;
}

struct model {
    int items[MANY];
    size_t count;
};

/* Takes out what should come next. */
static int model_take(struct model *model, char order)
{
    size_t at = order == 'l' ? model->count - 1 : 0;
    if (order == 'p')
        for (size_t i = 1; i < model->count; i++)
            if (model->items[i] < model->items[at])
                at = i;
    int item = model->items[at];
    memmove(&model->items[at], &model->items[at + 1], (--model->count - at) * sizeof(int));
    return item;
}

static void as_the_model(char order, size_t maxsize)
{
    static struct model model;
    asyncio_queue queue;
    model.count = 0;
    if (order == 'p')
        assert_return_code(
            asyncio_priority_queue_init(&queue, sizeof(int), ascending, .maxsize = maxsize), 0);
    else if (order == 'l')
        assert_return_code(asyncio_lifo_queue_init(&queue, sizeof(int), .maxsize = maxsize), 0);
    else
        assert_return_code(asyncio_queue_init(&queue, sizeof(int), .maxsize = maxsize), 0);
    for (int i = 0; i < 20000; i++) {
        /* long stretches in which it grows, and in which it shrinks */
        if (next_random() % 8 < (i / 500 % 2 ? 3 : 5) && model.count < MANY) {
            int item = (int)(next_random() % 100);
            int r = asyncio_queue_put_nowait(&queue, &item);
            if (maxsize && model.count == maxsize)
                assert_int_equal(r, -ASYNCIO_QUEUE_FULL);
            else {
                assert_return_code(r, 0);
                model.items[model.count++] = item;
            }
        } else {
            int item = -1;
            int r = asyncio_queue_get_nowait(&queue, &item);
            assert_int_equal(r, model.count ? 0 : -ASYNCIO_QUEUE_EMPTY);
            assert_int_equal(item, model.count ? model_take(&model, order) : -1);
        }
        assert_int_equal(asyncio_queue_qsize(&queue), model.count);
    }
    assert_return_code(asyncio_queue_fini(&queue), 0);
}

static void items_come_out_as_a_model_says(void **state)
{
    (void)state;
    for (const char *order = "flp"; *order; order++)
        for (size_t maxsize = 0; maxsize < 40; maxsize += 13) {
            seed = (uint32_t)maxsize + (uint32_t)*order;
            as_the_model(*order, maxsize);
        }
}

struct large {
    char name[24];
    int number;
};

static int by_number(const void *a, const void *b)
{
    return ((const struct large *)a)->number - ((const struct large *)b)->number;
}

static void items_of_an_odd_size(void **state)
{
    (void)state;
    asyncio_queue queue;
    struct large item = { "item", 0 };
    assert_return_code(asyncio_priority_queue_init(&queue, sizeof item, by_number), 0);
    for (item.number = 100; item.number > 0; item.number--)
        assert_return_code(asyncio_queue_put_nowait(&queue, &item), 0);
    for (int i = 1; i <= 100; i++) {
        assert_return_code(asyncio_queue_get_nowait(&queue, &item), 0);
        assert_int_equal(item.number, i);
        assert_string_equal(item.name, "item");
    }
    assert_return_code(asyncio_queue_fini(&queue), 0);
}

static int destroyed[8];

static void destroy(void *item)
{
    char **text = item;
    destroyed[**text - '0']++;
    free(*text);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void init_texts(asyncio_queue *queue, char order)
{
    memset(destroyed, 0, sizeof destroyed);
    if (order == 'p')
        assert_return_code(
            asyncio_priority_queue_init(queue, sizeof(char *), by_text, .destroy = destroy), 0);
    else if (order == 'l')
        assert_return_code(asyncio_lifo_queue_init(queue, sizeof(char *), .destroy = destroy), 0);
    else
        assert_return_code(asyncio_queue_init(queue, sizeof(char *), .destroy = destroy), 0);
    for (int i = 0; i < 4; i++) {
        char digits[2] = { (char)('0' + i), 0 };
        char *text = strdup(digits);
        assert_return_code(asyncio_queue_put_nowait(queue, &text), 0);
    }
    char *first;
    assert_return_code(asyncio_queue_get_nowait(queue, &first), 0);
    assert_int_equal(*first, order == 'l' ? '3' : '0');
    free(first);
}

static void dropped_once(char order)
{
    int got = order == 'l' ? 3 : 0;
    for (int i = 0; i < 8; i++)
        assert_int_equal(destroyed[i], i < 4 && i != got);
}

static void what_nobody_gets_is_destroyed_once(void **state)
{
    (void)state;
    for (const char *order = "flp"; *order; order++) {
        asyncio_queue queue;
        init_texts(&queue, *order);
        assert_return_code(asyncio_queue_fini(&queue), 0);
        dropped_once(*order);
        init_texts(&queue, *order);
        assert_return_code(asyncio_queue_shutdown(&queue), 0);
        assert_int_equal(asyncio_queue_qsize(&queue), 3);
        assert_return_code(asyncio_queue_shutdown(&queue, .immediate = 1), 0);
        dropped_once(*order);
        assert_return_code(asyncio_queue_fini(&queue), 0);
        dropped_once(*order);
    }
}

static asyncio_queue *reentered;

static void takes_another(void *item)
{
    (void)item;
    char *text = NULL, *one = "1";
    destroyed[0]++;
    assert_int_equal(asyncio_queue_put_nowait(reentered, &one), -ASYNCIO_QUEUE_SHUT_DOWN);
    if (asyncio_queue_get_nowait(reentered, &text) >= 0)
        destroyed[1]++;
}

static void destroy_may_use_the_queue(void **state)
{
    (void)state;
    for (int heap = 0; heap < 2; heap++) {
        asyncio_queue queue;
        char *text = "0";
        memset(destroyed, 0, sizeof destroyed);
        reentered = &queue;
        if (heap)
            assert_return_code(asyncio_priority_queue_init(&queue, sizeof text, by_text,
                                                           .destroy = takes_another),
                               0);
        else
            assert_return_code(asyncio_queue_init(&queue, sizeof text, .destroy = takes_another),
                               0);
        for (int i = 0; i < 6; i++)
            assert_return_code(asyncio_queue_put_nowait(&queue, &text), 0);
        assert_return_code(asyncio_queue_shutdown(&queue, .immediate = 1), 0);
        assert_int_equal(destroyed[0], 3);
        assert_int_equal(destroyed[1], 3);
        assert_return_code(asyncio_queue_fini(&queue), 0);
    }
}

static void a_put_without_memory_leaves_all_as_it_was(void **state)
{
    (void)state;
    asyncio_queue queue;
    assert_return_code(asyncio_queue_init(&queue, sizeof(int)), 0);
    int failed = 0;
    for (int i = 0; i < 100; i++) {
        asyncio__alloc_fail_at(1, 0);
        int r = asyncio_queue_put_nowait(&queue, &i);
        asyncio__alloc_fail_at(0, 0);
        if (r == -ENOMEM) {
            failed++;
            assert_int_equal(asyncio_queue_qsize(&queue), i);
            r = asyncio_queue_put_nowait(&queue, &i);
        }
        assert_return_code(r, 0);
    }
    assert_int_equal(failed, 4); /* 16, 32, 64, 128 */
    for (int i = 0; i < 100; i++) {
        int item;
        assert_return_code(asyncio_queue_get_nowait(&queue, &item), 0);
        assert_int_equal(item, i);
    }
    assert_return_code(asyncio_queue_fini(&queue), 0);
    assert_return_code(asyncio_queue_init(&queue, (size_t)1 << 62), 0);
    assert_int_equal((asyncio_queue_put_nowait)(&queue, "x", (size_t)1 << 62), -ENOMEM);
    assert_return_code(asyncio_queue_fini(&queue), 0);
}

static void a_queue_that_was_full_once_allocates_no_more(void **state)
{
    (void)state;
    asyncio_queue queue;
    assert_return_code(asyncio_queue_init(&queue, sizeof(int)), 0);
    for (int round = 0; round < 3; round++) {
        if (round)
            asyncio__alloc_fail_at(1, 1);
        for (int i = 0; i < 1000; i++)
            assert_return_code(asyncio_queue_put_nowait(&queue, &i), 0);
        int item;
        while (asyncio_queue_get_nowait(&queue, &item) >= 0)
            ;
        asyncio__alloc_fail_at(0, 0);
    }
    assert_return_code(asyncio_queue_fini(&queue), 0);
}

static int back_to_zero(void **state)
{
    static uint64_t before;
    if (!*state) {
        before = asyncio__alloc_live();
        *state = &before;
        return 0;
    }
    return asyncio__alloc_live() == before ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_as_a_model_says),
        cmocka_unit_test(items_of_an_odd_size),
        cmocka_unit_test(what_nobody_gets_is_destroyed_once),
        cmocka_unit_test(destroy_may_use_the_queue),
        cmocka_unit_test(a_put_without_memory_leaves_all_as_it_was),
        cmocka_unit_test(a_queue_that_was_full_once_allocates_no_more),
    };
    return cmocka_run_group_tests(tests, back_to_zero, back_to_zero);
}
