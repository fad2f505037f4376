/* SPDX-License-Identifier: MIT */
/* Names with several values, in their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "message/multi_dict.h"

#include <errno.h>

static aiohttp_multi_dict *filled(const char *const *pairs, size_t count)
{
    aiohttp_multi_dict *dict = aiohttp_multi_dict_new();
    assert_non_null(dict);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(aiohttp_multi_dict_add(dict, pairs[2 * i], pairs[2 * i + 1]), 0);
    return dict;
}

static void holds(const aiohttp_multi_dict *dict, const char *wanted)
{
    char text[256] = "";
    const char *name, *value;
    for (size_t at = 0; aiohttp_multi_dict_next(dict, &at, &name, &value);) {
        size_t size = strlen(text);
        assert_true(size + strlen(name) + strlen(value) + 3 < sizeof text);
        memcpy(text + size, name, strlen(name) + 1);
        memcpy(text + strlen(text), "=", 2);
        memcpy(text + strlen(text), value, strlen(value) + 1);
        memcpy(text + strlen(text), " ", 2);
    }
    assert_string_equal(text, wanted);
}

static void order_and_repetition_stay(void **state)
{
    (void)state;
    aiohttp_multi_dict *dict = filled((const char *[]){ "b", "1", "a", "2", "b", "3" }, 3);
    holds(dict, "b=1 a=2 b=3 ");
    assert_string_equal(aiohttp_multi_dict_get(dict, "b"), "1");
    assert_null(aiohttp_multi_dict_get(dict, "B"));
    assert_int_equal(aiohttp_multi_dict_contains(dict, "a"), 1);
    assert_int_equal(aiohttp_multi_dict_contains(dict, "c"), 0);
    const char *values[3] = { NULL, NULL, NULL };
    assert_int_equal(aiohttp_multi_dict_getall(dict, "b", values, 1), 2);
    assert_string_equal(values[0], "1");
    assert_null(values[1]);
    assert_int_equal(aiohttp_multi_dict_set(dict, "b", "9"), 0);
    holds(dict, "b=9 a=2 ");
    assert_int_equal(aiohttp_multi_dict_set(dict, "c", ""), 0);
    holds(dict, "b=9 a=2 c= ");
    assert_int_equal(aiohttp_multi_dict_remove(dict, "a"), 1);
    assert_int_equal(aiohttp_multi_dict_remove(dict, "a"), 0);
    holds(dict, "b=9 c= ");
    aiohttp_multi_dict *other = filled((const char *[]){ "b", "7" }, 1);
    assert_int_equal(aiohttp_multi_dict_extend(other, dict), 0);
    holds(other, "b=7 b=9 c= ");
    aiohttp_multi_dict_clear(dict);
    assert_int_equal(aiohttp_multi_dict_count(dict), 0);
    assert_int_equal(aiohttp_multi_dict_add(dict, NULL, ""), -EINVAL);
    assert_int_equal(aiohttp_multi_dict_set(dict, "", NULL), -EINVAL);
    aiohttp_multi_dict_unref(dict);
    aiohttp_multi_dict_unref(other);
    aiohttp_multi_dict_unref(NULL);
}

static void what_is_lent_stays_while_it_grows(void **state)
{
    (void)state;
    aiohttp_multi_dict *dict = filled((const char *[]){ "a", "first" }, 1);
    const char *value = aiohttp_multi_dict_get(dict, "a");
    for (int i = 0; i < 100; i++)
        assert_int_equal(aiohttp_multi_dict_add(dict, "x", "y"), 0);
    assert_ptr_equal(aiohttp_multi_dict_get(dict, "a"), value);
    assert_string_equal(value, "first");
    aiohttp_multi_dict_unref(dict);
}

static void values_are_bytes(void **state)
{
    (void)state;
    aiohttp_multi_dict *dict = aiohttp_multi_dict_new();
    assert_non_null(dict);
    assert_int_equal(aiohttp__multi_dict_add(dict, SPAN("n"), SPAN("a\0b")), 0);
    size_t size = 0;
    const char *value = aiohttp_multi_dict_get_view(dict, "n", &size);
    assert_non_null(value);
    assert_int_equal(size, 3);
    assert_memory_equal(value, "a\0b", 4);
    aiohttp_multi_dict_unref(dict);
}

static void a_query_is_decoded(void **state)
{
    (void)state;
    aiohttp_multi_dict *dict = aiohttp_multi_dict_new();
    assert_non_null(dict);
    assert_int_equal(aiohttp__multi_dict_add_query(dict, SPAN("a+b=%3D&c&=%FF&c=%C3%A9")), 0);
    holds(dict, "a b== c= =\xef\xbf\xbd c=\xc3\xa9 ");
    aiohttp_multi_dict_unref(dict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_repetition_stay),
        cmocka_unit_test(what_is_lent_stays_while_it_grows),
        cmocka_unit_test(values_are_bytes),
        cmocka_unit_test(a_query_is_decoded),
    };
    return cmocka_run_group_tests_name("multi_dict", tests, NULL, NULL);
}
