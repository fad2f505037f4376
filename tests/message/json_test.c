/* SPDX-License-Identifier: MIT */
/* JSON: what is read and written, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asyncio.h>
#include <jansson.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/any_json.h"
#include "message/json.h"

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

/* --- The same bytes as jansson's --- */

/* Each form that can be asked for. */
static const struct {
    aiohttp_json_dumps_options options;
    size_t flags;
} forms[] = {
    { { 0 }, JSON_COMPACT },
    { { .sort_keys = 1 }, JSON_COMPACT | JSON_SORT_KEYS },
    { { .ensure_ascii = 1 }, JSON_COMPACT | JSON_ENSURE_ASCII },
    { { .indent = 3, .sort_keys = 1 }, JSON_INDENT(3) | JSON_SORT_KEYS },
};

/* 1 when it can be written, 0 when it cannot; -1 when we and jansson do not agree. */
static int agree_as(const json_t *json, char *room, size_t size, size_t form)
{
    struct bytes out = bytes_in(room, size);
    aiohttp_json_dumps_options options = forms[form].options;
    options.size = sizeof options;
    char *wanted = json_dumps(json, JSON_ENCODE_ANY | forms[form].flags);
    int r = aiohttp__json_write(&out, json, &options);
    int is_same = wanted ? r == 0 && out.size == strlen(wanted) &&
                               memcmp(out.data, wanted, out.size) == 0
                         : r == -EINVAL;
    free(wanted);
    return is_same ? r == 0 : -1;
}

static int agree(const json_t *json, char *room, size_t size)
{
    int first = agree_as(json, room, size, 0);
    for (size_t form = 1; form < sizeof forms / sizeof *forms; form++)
        if (agree_as(json, room, size, form) != first)
            return -1;
    return first;
}

static void random_trees_are_written_as_jansson_does(void **state)
{
    (void)state;
    static char room[1 << 20];
    int written = 0, refused = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        seed = i;
        json_t *tree = any_tree(i % 6);
        assert_non_null(tree);
        int r = agree(tree, room, sizeof room);
        json_decref(tree);
        if (r < 0)
            fail_msg("the tree of seed %u is written otherwise", i);
        written += r == 1;
        refused += r == 0;
    }
    assert_in_range(written, 2000, 2990);
    assert_in_range(refused, 10, 1000);
}

/* What is no usual value: each byte alone and at each place of a word, and depth beyond ours. */
static void odd_values_are_written_as_jansson_does(void **state)
{
    (void)state;
    static char room[1 << 16];
    for (int c = 0; c < 256; c++) {
        for (size_t at = 0; at < 20; at++) {
            char text[20];
            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            json_t *string = json_stringn_nocheck(text, at < 10 ? 20 : at + 1);
            int r = agree(string, room, sizeof room);
            json_decref(string);
            assert_int_equal(r, c < 128);
        }
    }
    static const unsigned char edges[] = { 0,    0x1f, ' ',  '!',  '"',  '#', '[',
                                           '\\', ']',  0x7f, 0x80, 0xa0, 0xff };
    for (size_t size = 0; size < 18; size++) {
        for (size_t i = 0; i < size * sizeof edges; i++) {
            char text[18];
            memset(text, 'x', sizeof text);
            text[i / sizeof edges] = (char)edges[i % sizeof edges];
            json_t *string = json_stringn_nocheck(text, size);
            int r = agree(string, room, sizeof room);
            json_decref(string);
            assert_int_equal(r, edges[i % sizeof edges] < 128);
        }
    }
    for (size_t depth = 60; depth < 70; depth++) {
        json_t *tree = json_real(0.5);
        for (size_t i = 0; i < depth; i++)
            tree = i % 2 ? json_pack("{so}", "k", tree) : json_pack("[io]", 7, tree);
        int r = agree(tree, room, sizeof room);
        json_decref(tree);
        assert_int_equal(r, 1);
    }
}

/* Room is short by any number of bytes: that is said, and nothing is written behind it. */
static void room_is_never_exceeded(void **state)
{
    (void)state;
    json_t *json;
    char room[256];
    assert_int_equal(load("{\"a\\nb\":[-12,1.5,null,true,false,\"\\u0001\\u00e4 more\"],\"c\":{}}",
                          &json),
                     0);
    char *wanted = json_dumps(json, JSON_COMPACT);
    size_t size = strlen(wanted);
    int bad = 0;
    for (size_t capacity = 0; capacity <= size + 1 && !bad; capacity++) {
        memset(room, '~', sizeof room);
        struct bytes out = bytes_in(room, capacity);
        int r = aiohttp__json_write(&out, json, NULL);
        bad = r != (capacity < size ? -EMSGSIZE : 0) || room[capacity] != '~' ||
              (r == 0 && (out.size != size || memcmp(room, wanted, size) != 0));
    }
    free(wanted);
    json_decref(json);
    assert_false(bad);
}

/* Far more than fits anywhere at once: each form is right to the last byte. */
static void huge_values_are_written_as_jansson_does(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20, COUNT = 20000 };
    char *text = malloc(SIZE), *room = malloc(16 * SIZE);
    assert_true(text && room);
    memset(text, 'h', SIZE);
    for (size_t at = 0; at < SIZE; at += 4099)
        text[at] = at % 3 ? '\n' : '"';
    json_t *json = json_pack("{s:o,s:o}", "long", json_stringn_nocheck(text, SIZE), "many",
                             json_array());
    json_t *many = json_object_get(json, "many");
    for (int i = 0; i < COUNT; i++)
        json_array_append_new(many, json_pack("{sIsf}", "id", (json_int_t)i * 7919, "of", i / 8.0));
    int r = agree(json, room, 16 * SIZE);
    char *dumped = NULL;
    size_t size = 0;
    int grown = aiohttp_json_dumps(json, &dumped, &size);
    char *wanted = json_dumps(json, JSON_COMPACT);
    int is_same = grown == 0 && strlen(wanted) == size && memcmp(wanted, dumped, size) == 0;
    asyncio_mem_free(dumped);
    free(wanted);
    json_decref(json);
    free(text);
    free(room);
    assert_int_equal(r, 1);
    assert_true(is_same || grown == -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),          cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(limits),                  cmocka_unit_test(a_task_has_stack_enough),
        cmocka_unit_test(how_it_is_written),       cmocka_unit_test(what_cannot_be_written),
        cmocka_unit_test(random_trees_are_written_as_jansson_does),
        cmocka_unit_test(odd_values_are_written_as_jansson_does),
        cmocka_unit_test(room_is_never_exceeded),
        cmocka_unit_test(huge_values_are_written_as_jansson_does),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
