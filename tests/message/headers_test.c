/* SPDX-License-Identifier: MIT */
/* Headers: multidict's rules, and that nothing gets out that could be taken for another header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "message/headers.h"

#include <asyncio/error.h>

/* "name: value|name: value" */
static void expect(const aiohttp_headers *headers, const char *wanted)
{
    char text[4096] = "";
    const char *name, *value;
    size_t used = 0;
    for (size_t i = 0; aiohttp_headers_next(headers, &i, &name, &value);)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s: %s", used ? "|" : "", name,
                                 value);
    assert_string_equal(text, wanted);
}

static aiohttp_headers *three(void)
{
    aiohttp_headers *headers = aiohttp_headers_new();
    assert_non_null(headers);
    int r = aiohttp_headers_add(headers, "Accept", "a");
    if (r >= 0)
        r = aiohttp_headers_add(headers, "Host", "h");
    if (r >= 0)
        r = aiohttp_headers_add(headers, "ACCEPT", "b");
    if (r < 0)
        aiohttp_headers_unref(headers);
    assert_int_equal(r, 0);
    return headers;
}

static void looked_up_whatever_the_case(void **state)
{
    (void)state;
    aiohttp_headers *headers = three();
    const char *all[3] = { "", "", "untouched" };
    assert_string_equal(aiohttp_headers_get(headers, "accept"), "a");
    assert_string_equal(aiohttp_headers_get(headers, "hOST"), "h");
    assert_null(aiohttp_headers_get(headers, "Hos"));
    assert_null(aiohttp_headers_get(headers, ""));
    assert_int_equal(aiohttp_headers_contains(headers, "HOST"), 1);
    assert_int_equal(aiohttp_headers_contains(headers, "Date"), 0);
    assert_int_equal(aiohttp_headers_getall(headers, "Accept", all, 3), 2);
    assert_string_equal(all[0], "a");
    assert_string_equal(all[1], "b");
    assert_string_equal(all[2], "untouched");
    all[1] = "untouched";
    assert_int_equal(aiohttp_headers_getall(headers, "Accept", all, 1), 2);
    assert_string_equal(all[1], "untouched");
    assert_int_equal(aiohttp_headers_getall(headers, "Accept", NULL, 0), 2);
    assert_int_equal(aiohttp_headers_count(headers), 3);
    expect(headers, "Accept: a|Host: h|ACCEPT: b");
    aiohttp_headers_unref(headers);
}

static void set_replaces_in_place(void **state)
{
    (void)state;
    aiohttp_headers *headers = three();
    const char *old = aiohttp_headers_get(headers, "accept");
    int r = aiohttp_headers_set(headers, "accept", "c");
    int added = r < 0 ? r : aiohttp_headers_setdefault(headers, "HOST", "other");
    int more = added < 0 ? added : aiohttp_headers_setdefault(headers, "Date", "now");
    if (more < 0) {
        aiohttp_headers_unref(headers);
        assert_int_equal(more, 1);
    }
    assert_int_equal(added, 0);
    assert_string_equal(old, "a"); /* stays valid */
    expect(headers, "accept: c|Host: h|Date: now");
    aiohttp_headers_unref(headers);
}

static void removing(void **state)
{
    (void)state;
    aiohttp_headers *headers = three();
    assert_string_equal(aiohttp_headers_pop(headers, "accept"), "a");
    expect(headers, "Host: h|ACCEPT: b");
    assert_int_equal(aiohttp_headers_remove(headers, "accept"), 1);
    assert_int_equal(aiohttp_headers_remove(headers, "accept"), 0);
    assert_null(aiohttp_headers_pop(headers, "accept"));
    expect(headers, "Host: h");
    aiohttp_headers_clear(headers);
    assert_int_equal(aiohttp_headers_count(headers), 0);
    aiohttp_headers_unref(headers);
}

static void extend_and_update(void **state)
{
    (void)state;
    aiohttp_headers *headers = three(), *other = aiohttp_headers_copy(headers);
    int r = other ? aiohttp_headers_add(other, "Date", "d") : -ENOMEM;
    if (r >= 0)
        r = aiohttp_headers_set(other, "accept", "x");
    if (r >= 0)
        r = aiohttp_headers_add(other, "date", "e");
    if (r >= 0)
        r = aiohttp_headers_update(headers, other);
    if (r >= 0) {
        expect(headers, "accept: x|Host: h|Date: d|date: e");
        r = aiohttp_headers_extend(headers, headers);
    }
    if (r >= 0)
        expect(headers, "accept: x|Host: h|Date: d|date: e|accept: x|Host: h|Date: d|date: e");
    if (r >= 0)
        r = aiohttp_headers_update(headers, other);
    if (r >= 0)
        expect(headers, "accept: x|Host: h|Date: d|date: e");
    aiohttp_headers_unref(other);
    aiohttp_headers_unref(headers);
    assert_int_equal(r, 0);
}

/* CVE-2023-37276, 2023-49082, 2026-34514, 2026-34519: nothing is emitted that ends a field. */
static void what_could_split_is_refused(void **state)
{
    (void)state;
    aiohttp_headers *headers = three();
    static const char *const bad_names[] = { "",    "a b",  "a:", "a\r",  "a\n",    "\xc3\xa4",
                                             "a\t", "a\"b", "a;", "(a)", "a\x7f", "a/b" };
    for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++) {
        assert_int_equal(aiohttp_headers_add(headers, bad_names[i], "v"), -EINVAL);
        assert_int_equal(aiohttp_headers_set(headers, bad_names[i], "v"), -EINVAL);
        assert_int_equal(aiohttp_headers_setdefault(headers, bad_names[i], "v"), -EINVAL);
    }
    for (int c = 1; c < 256; c++) {
        char value[] = { 'a', (char)c, 'b', '\0' };
        int r = aiohttp_headers_set(headers, "Accept", value);
        bool is_bad = (c < 32 && c != '\t') || c == 127;
        if (r == -ENOMEM)
            aiohttp_headers_unref(headers);
        assert_int_equal(r, is_bad ? -EINVAL : 0);
    }
    assert_int_equal(aiohttp__headers_add(headers, SPAN("X"), SPAN("a\0b")), -EINVAL);
    assert_int_equal(aiohttp__headers_add(headers, SPAN("X\0"), SPAN("a")), -EINVAL);
    expect(headers, "Accept: a\xff"
                    "b|Host: h");
    aiohttp_headers_unref(headers);
}

static void fills(struct aiohttp_headers *headers, void *data)
{
    char *head = data;
    aiohttp__headers_lend(headers, head, 4, head + 6, 1);
    aiohttp__headers_lend(headers, head + 9, 6, head + 16, 2);
}

static void a_head_is_lent_when_first_looked_at(void **state)
{
    (void)state;
    char head[] = "Host: h\r\nAccept:ab \r\n\r\n";
    struct arena arena;
    struct aiohttp_headers headers;
    aiohttp__arena_init(&arena, NULL, 0);
    aiohttp__headers_init(&headers, &arena);
    headers.fill = fills;
    headers.fill_data = head;
    assert_int_equal(head[4], ':');
    assert_string_equal(aiohttp_headers_get(&headers, "accept"), "ab");
    expect(&headers, "Host: h|Accept: ab");
    assert_ptr_equal(aiohttp_headers_ref(&headers), &headers); /* embedded: neither does a thing */
    aiohttp_headers_unref(&headers);
    aiohttp__headers_init(&headers, &arena);
    headers.fill = fills;
    headers.fill_data = head;
    aiohttp_headers_clear(&headers);
    assert_int_equal(aiohttp_headers_count(&headers), 0);
    aiohttp__arena_fini(&arena);
}

static void many(void **state)
{
    (void)state;
    aiohttp_headers *headers = aiohttp_headers_new();
    assert_non_null(headers);
    int r = 0;
    char name[32], value[3000];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (int i = 0; r >= 0 && i < 300; i++) {
        snprintf(name, sizeof name, "X-%d", i);
        r = aiohttp_headers_add(headers, name, i % 10 ? name : value);
    }
    for (int i = 0; r >= 0 && i < 300; i++) {
        snprintf(name, sizeof name, "x-%d", i);
        assert_int_equal(strlen(aiohttp_headers_get(headers, name)), i % 10 ? strlen(name) : 2999);
    }
    aiohttp_headers_unref(headers);
    assert_int_equal(r, 0);
}

static void every_allocation_leaves_them_as_they_were(void **state)
{
    (void)state;
    aiohttp_headers_unref(NULL);
    assert_null(aiohttp_headers_ref(NULL));
    aiohttp_headers *headers = three();
    assert_ptr_equal(aiohttp_headers_ref(headers), headers);
    aiohttp_headers_unref(headers);
    char value[2000];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    int r = aiohttp_headers_set(headers, "accept", value);
    if (r == -ENOMEM)
        expect(headers, "Accept: a|Host: h|ACCEPT: b");
    aiohttp_headers_unref(headers);
    assert_int_equal(r, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looked_up_whatever_the_case),
        cmocka_unit_test(set_replaces_in_place),
        cmocka_unit_test(removing),
        cmocka_unit_test(extend_and_update),
        cmocka_unit_test(what_could_split_is_refused),
        cmocka_unit_test(a_head_is_lent_when_first_looked_at),
        cmocka_unit_test(many),
        cmocka_unit_test(every_allocation_leaves_them_as_they_were),
    };
    return cmocka_run_group_tests_name("headers", tests, NULL, NULL);
}
