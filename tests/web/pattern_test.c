/* SPDX-License-Identifier: MIT */
/* Patterns of routes find what Python's re.fullmatch finds, and never take long. The expected
 * values are CPython 3.13's. */
/* TEST: backends none */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "web/path.h"

#include <asyncio/error.h>

/* "a|b": the values; NULL: no match; "?": no memory. Paths are given as they are compared. */
static const char *match(const char *route, const char *path, char *text, size_t size)
{
    struct arena arena = { .at = NULL };
    struct route_path made;
    struct span values[PATTERN_NAMES];
    const char *why = NULL;
    int r = aiohttp__path_make(&arena, route, &made, &why);
    if (r == -EINVAL)
        fail_msg("%s: %s", route, why);
    if (r >= 0)
        r = aiohttp__path_match(&made, span_of(path), &arena, values);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; r == 1 && i < made.names; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%.*s", i ? "|" : "",
                                 (int)values[i].size, values[i].data);
    aiohttp__arena_fini(&arena);
    return r == 1 ? text : r == 0 ? NULL : "?";
}

struct row {
    const char *route, *path, *values;
};

static void expect(const struct row *rows, size_t count)
{
    char text[1000];
    for (size_t i = 0; i < count; i++) {
        const char *got = match(rows[i].route, rows[i].path, text, sizeof text);
        bool is_refused = got && got[0] == '?';
        assert_false(is_refused);
        bool is_same = got && rows[i].values ? strcmp(got, rows[i].values) == 0 :
                                               !got && !rows[i].values;
        if (!is_same)
            fail_msg("%s on %s: %s and not %s", rows[i].route, rows[i].path, got ? got : "nothing",
                     rows[i].values ? rows[i].values : "nothing");
    }
}

static void names_of_segments(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "/", "/", "" },
        { "/", "//", NULL },
        { "", "", "" },
        { "/a", "/a", "" },
        { "/a", "/a/", NULL },
        { "/{name}", "/x", "x" },
        { "/{name}", "/", NULL },
        { "/{name}", "/x/y", NULL },
        { "/{name}", "/x/", NULL },
        { "/{name}", "/{x}", NULL },
        { "/{name}", "/a%2Fb", "a%2Fb" },
        { "/{a}/{b}", "/x/y", "x|y" },
        { "/{a}/{b}/", "/x/y/", "x|y" },
        { "/{a}/{b}/", "/x/y", NULL },
        { "/u/{a}/p/{b}", "/u/1/p/2", "1|2" },
        { "/u/{a}/p/{b}", "/u/1/q/2", NULL },
        { "/v{a}", "/v1", "1" },
        { "/v{a}", "/v", NULL },
        { "/{a}.json", "/x.json", "x" },
        { "/{a}.json", "/x.y.json", "x.y" },
        { "/{a}-{b}", "/x-y-z", "x-y|z" },
        { "/{a}{b}", "/xyz", "xy|z" },
        { "/{a}{b}", "/x", NULL },
        { "/caf%C3%A9/{a}", "/caf\xc3\xa9/x", "x" },
        { "/caf\xc3\xa9", "/caf\xc3\xa9", "" },
        { "/100%25", "/100%25", "" },
        { "/100%", "/100%25", "" },
        { "/a%2Fb", "/a%2Fb", "" },
        { "/a%2Fb", "/a/b", NULL },
    };
    expect(rows, sizeof rows / sizeof *rows);
}

static void patterns(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "/{id:\\d+}", "/42", "42" },
        { "/{id:\\d+}", "/4x", NULL },
        { "/{id:\\d+}", "/", NULL },
        { "/{id:\\d{2}}", "/42", "42" },
        { "/{id:\\d{2}}", "/421", NULL },
        { "/{id:\\d{2,3}}", "/421", "421" },
        { "/{id:\\d{2,3}}", "/4212", NULL },
        { "/{id:\\d{2,}}", "/4", NULL },
        { "/{id:\\d{2,}}", "/42345", "42345" },
        { "/{id:x{0}}", "/", "" },
        { "/{id:x{0,2}}", "/xx", "xx" },
        { "/{tail:.*}", "/", "" },
        { "/{tail:.*}", "/a/b/c", "a/b/c" },
        { "/{tail:.*}", "/a\nb", NULL },
        { "/s/{file:.+\\.css}", "/s/a/b.css", "a/b.css" },
        { "/s/{file:.+\\.css}", "/s/.css", NULL },
        { "/{a:[a-z]+}/{b:[^/]*}", "/ab/", "ab|" },
        { "/{a:[a-z]+}/{b:[^/]*}", "/ab/C", "ab|C" },
        { "/{a:[a-z]+}/{b:[^/]*}", "/aB/C", NULL },
        { "/{a:x*?}{b:x*}", "/xxx", "|xxx" },
        { "/{a:x*}{b:x*}", "/xxx", "xxx|" },
        { "/{a:x+?}{b:x*}", "/xxx", "x|xx" },
        { "/{a:x{1,2}?}{b:x*}", "/xxx", "x|xx" },
        { "/{a:x??}{b:x?}", "/x", "|x" },
        { "/{a:a|ab}{b:c|bcd}", "/abcd", "a|bcd" },
        { "/{a:ab|a}{b:c|bcd}", "/abcd", "a|bcd" },
        { "/{a:ab|a}{b:c|bcd}", "/abc", "ab|c" },
        { "/{l:en|de|fr|it|es|pt|nl|sv|da|fi|nb|pl|cs|sk|hu|ro|bg|el|et|lv}", "/lv", "lv" },
        { "/{l:en|de|fr}", "/e", NULL },
        { "/{a:(ab)+}", "/abab", "abab" },
        { "/{a:(?:a|b)*c}", "/abbac", "abbac" },
        { "/{a:(a*)*}", "/aaa", "aaa" },
        { "/{a:(a*)+b}", "/b", "b" },
        { "/{a:(a|)+}", "/aa", "aa" },
        { "/{a:((a|b)(c|d))*}", "/acbd", "acbd" },
        { "/{a:[]a]+}", "/]a", "]a" },
        { "/{a:[^]]+}", "/a]", NULL },
        { "/{a:[a\\-z]+}", "/a-z", "a-z" },
        { "/{a:[a-]+}", "/-a", "-a" },
        { "/{a:[\\d_-]+}", "/1_-", "1_-" },
        { "/{a:\\w+}", "/aZ_9", "aZ_9" },
        { "/{a:\\w+}", "/a-", NULL },
        { "/{a:\\W}", "/-", "-" },
        { "/{a:\\S+}", "/a b", NULL },
        { "/{a:\\.}", "/.", "." },
        { "/{a:\\{x\\}}", "/{x}", "{x}" },
        { "/{a:\\d+}-{b:\\d+}.{c}", "/1-22.x", "1|22|x" },
        { "/{id:[0-9a-f]{8}-[0-9a-f]{4}}", "/0123abcd-ffff", "0123abcd-ffff" },
        /* CVE-2025-69224: \d is no digit of another alphabet */
        { "/{id:\\d+}", "/\xd9\xa1", NULL },
    };
    expect(rows, sizeof rows / sizeof *rows);
}

static void what_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a",           "a/{b}",       "/{",         "/{}",         "/}",          "/a}b",
        "/{a",         "/{1a}",       "/{a-b}",     "/{a}{a}",     "/{a:}",       "/{a:(}",
        "/{a:)}",      "/{a:[}",      "/{a:[a}",    "/{a:*}",      "/{a:x**}",    "/{a:x{2,1}}",
        "/{a:x{256}}", "/{a:\\}",     "/{a:\\b}",   "/{a:[\\q]}",  "/{a:[z-a]}",  "/{a:(?=x)}",
        "/{a:(?P<x>y)}", "/{a:^x}",   "/{a:x$}",    "/{a:\\1}",    "/?a",         "/#a",
        "/\x01",       "/{a:x{,2}}",  "/{a:x{a}}",  "/{a:{2}}",    "/{a:[\\d-z]}", "/{a:+}",
        "/{a:(x{255}){255}}", "/{a:((){255}){255}}",
        "/{a:((((((((((((((((((x))))))))))))))))))}",
        "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/{q}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena arena = { .at = NULL };
        struct route_path path;
        const char *why = NULL;
        int r = aiohttp__path_make(&arena, bad[i], &path, &why);
        aiohttp__arena_fini(&arena);
        if (r != -ENOMEM && r != -EINVAL)
            fail_msg("%s is taken", bad[i]);
        assert_int_equal(r, -EINVAL);
        assert_non_null(why);
    }
}

static double seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* (a+)+b on aaaa... takes a backtracking matcher 2^n steps. */
static void no_path_takes_long(void **state)
{
    (void)state;
    static char path[8002];
    static const char *const routes[] = { "/{x:(a+)+b}", "/{x:(a|a)*b}", "/{x:(a*)*b}",
                                          "/{x:a{0,50}a{0,50}b}" };
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    double began = seconds();
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        char text[10];
        const char *got = match(routes[i], path, text, sizeof text);
        assert_true(!got);
    }
    assert_true(seconds() - began < 10); /* of the processor, also under valgrind */
}

static void what_it_is_found_by(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        { "/", "/", "/" },
        { "", "/", "" },
        { "/a/b", "/a/b", "/a/b" },
        { "/a/b/", "/a/b", "/a/b/" },
        { "/{x}", "/", "/{x}" },
        { "/a/{x}/b", "/a", "/a/{x}/b" },
        { "/a/b{x:\\d{2}}c/{y}", "/a", "/a/b{x}c/{y}" },
        { "/a/b/{x:.*}", "/a/b", "/a/b/{x}" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = { .at = NULL };
        struct route_path path;
        const char *why;
        char key[64] = "", canonical[64] = "";
        int r = aiohttp__path_make(&arena, rows[i][0], &path, &why);
        if (r >= 0) {
            snprintf(key, sizeof key, "%.*s", (int)path.key.size, path.key.data);
            snprintf(canonical, sizeof canonical, "%s", path.canonical);
        }
        aiohttp__arena_fini(&arena);
        assert_int_equal(r, 0);
        assert_string_equal(key, rows[i][1]);
        assert_string_equal(canonical, rows[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_segments),  cmocka_unit_test(patterns),
        cmocka_unit_test(what_is_none),       cmocka_unit_test(no_path_takes_long),
        cmocka_unit_test(what_it_is_found_by),
    };
    return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
