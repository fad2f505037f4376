/* SPDX-License-Identifier: MIT */
/* JSON: what is read and written, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asyncio.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aiohttp/json.h>

static int load(const char *text, json_t **ret_json)
{
    return aiohttp_json_loads(text, strlen(text), ret_json);
}

static void there_and_back(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null", "true", "1", "-2.5", "\"\xc3\xa4\"", "[]", "{}", "[1,[2,{\"a\":[null]}]]",
        "{\"b\":1,\"a\":{\"c\":\"\\u00e4\\n\"}}", " [ 1 , 2 ] ", "\"[[[[\\\"[[[\"",
    };
    static const char *const wanted[] = {
        "null", "true", "1", "-2.5", "\"\xc3\xa4\"", "[]", "{}", "[1,[2,{\"a\":[null]}]]",
        "{\"b\":1,\"a\":{\"c\":\"\xc3\xa4\\n\"}}", "[1,2]", "\"[[[[\\\"[[[\"",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_t *json;
        char *text = NULL;
        size_t size = 0;
        int r = load(texts[i], &json);
        assert_int_equal(r, 0);
        r = aiohttp_json_dumps(json, &text, &size);
        json_decref(json);
        assert_int_equal(r, 0);
        int is_same = strcmp(text, wanted[i]) == 0 && strlen(text) == size;
        asyncio_mem_free(text);
        assert_true(is_same);
    }
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",         " ",          "[",        "]",       "[1,]",      "{\"a\"}",   "{a:1}",
        "nul",      "1 2",        "'a'",      "[1}",     "\"\n\"",    "\"\\x\"",   "\"\\u0000\"",
        "\"\\ud800\"", "\xef\xbb\xbf[]", "\"\xff\"", "01", "+1", "NaN", "9223372036854775808",
        "1e999",    "\"abc",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_t *json = NULL;
        int r = load(texts[i], &json);
        if (r != -EINVAL)
            fail_msg("%s: %d", texts[i], r);
        assert_null(json);
    }
    json_t *json;
    assert_int_equal(aiohttp_json_loads("\"a\0\"", 4, &json), -EINVAL);
    assert_int_equal(load("{\"a\":\n oops}", &json), -EINVAL);
    const asyncio_error *record = asyncio_last_error(-EINVAL);
    if (record)
        assert_non_null(strstr(record->text, "line 2"));
}

static void limits(void **state)
{
    (void)state;
    json_t *json;
    static char deep[200001];
    memset(deep, '[', sizeof deep - 1);
    assert_int_equal(load(deep, &json), -E2BIG);
    for (size_t depth = 99; depth < 102; depth++) {
        memset(deep, '[', depth);
        memset(deep + depth, ']', depth);
        int r = aiohttp_json_loads(deep, depth * 2, &json);
        assert_int_equal(r, depth > 100 ? -E2BIG : 0);
        if (r == 0)
            json_decref(json);
    }
    for (size_t size = 4; size < 7; size++) {
        int r = aiohttp_json_loads("[1,2]   ", size, &json, .max_size = 5);
        assert_int_equal(r, size == 4 ? -EINVAL : size == 6 ? -EMSGSIZE : 0);
        if (r == 0)
            json_decref(json);
    }
    assert_int_equal(aiohttp_json_loads("[]", 2, &json, .max_depth = 0), -E2BIG);
    assert_int_equal(aiohttp_json_loads("{\"a\":1,\"a\":2}", 13, &json, .reject_duplicates = 1),
                     -EINVAL);
    assert_int_equal(load("{\"a\":1,\"a\":2}", &json), 0);
    assert_int_equal(json_integer_value(json_object_get(json, "a")), 2);
    json_decref(json);
}

/* As deep as is allowed, in a task whose stack is the usual one. */
static int in_a_task(void)
{
    char text[200];
    json_t *json;
    char *back = NULL;
    memset(text, '[', 100);
    memset(text + 100, ']', 100);
    int r = aiohttp_json_loads(text, sizeof text, &json);
    if (r < 0)
        return r;
    r = aiohttp_json_dumps(json, &back, NULL);
    json_decref(json);
    if (r >= 0 && strncmp(back, text, sizeof text) != 0)
        r = -EBADMSG;
    asyncio_mem_free(back);
    return r;
}

static void a_task_has_stack_enough(void **state)
{
    (void)state;
    assert_int_equal(asyncio_run(asyncio_coro(in_a_task)), 0);
}

static void how_it_is_written(void **state)
{
    (void)state;
    json_t *json;
    char *sorted = NULL, *ascii = NULL, *lines = NULL;
    assert_int_equal(load("{\"b\":1,\"a\":\"\xc3\xa4\"}", &json), 0);
    int r = aiohttp_json_dumps(json, &sorted, NULL, .sort_keys = 1);
    if (r >= 0)
        r = aiohttp_json_dumps(json, &ascii, NULL, .ensure_ascii = 1);
    if (r >= 0)
        r = aiohttp_json_dumps(json, &lines, NULL, .indent = 2);
    int is_right = r >= 0 && strcmp(sorted, "{\"a\":\"\xc3\xa4\",\"b\":1}") == 0 &&
                   strcmp(ascii, "{\"b\":1,\"a\":\"\\u00E4\"}") == 0 &&
                   strcmp(lines, "{\n  \"b\": 1,\n  \"a\": \"\xc3\xa4\"\n}") == 0;
    asyncio_mem_free(sorted);
    asyncio_mem_free(ascii);
    asyncio_mem_free(lines);
    json_decref(json);
    assert_int_equal(r, 0);
    assert_true(is_right);
}

static void what_cannot_be_written(void **state)
{
    (void)state;
    char *text;
    assert_int_equal(aiohttp_json_dumps(NULL, &text, NULL), -EINVAL);
    json_t *list = json_array();
    json_t *inner = json_array();
    assert_int_equal(json_array_append(list, inner), 0);
    assert_int_equal(json_array_append_new(inner, list), 0);
    assert_int_equal(aiohttp_json_dumps(list, &text, NULL), -EINVAL);
    assert_int_equal(json_array_clear(inner), 0);
    json_decref(inner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),          cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(limits),                  cmocka_unit_test(a_task_has_stack_enough),
        cmocka_unit_test(how_it_is_written),       cmocka_unit_test(what_cannot_be_written),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
