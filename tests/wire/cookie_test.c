/* SPDX-License-Identifier: MIT */
/* Cookie and Set-Cookie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "wire/cookie.h"

#include <errno.h>

static void holds(struct span field, const char *wanted)
{
    char memory[512];
    struct bytes out = bytes_in(memory, sizeof memory);
    const char *copy = guarded(field.data, field.size);
    struct span name, value;
    for (size_t at = 0;
         aiohttp__cookie_next((struct span){ copy, field.size }, &at, &name, &value);) {
        bytes_put(&out, '[');
        bytes_add(&out, name);
        bytes_put(&out, '=');
        aiohttp__cookie_value_read(&out, value);
        bytes_put(&out, ']');
    }
    guarded_free(copy, field.size);
    if (!span_is(bytes_span(&out), span_of(wanted)))
        fail_msg("%s: %.*s", field.data, (int)out.size, out.data);
}

static void cookies_of_a_request(void **state)
{
    (void)state;
    holds(SPAN("a=b; c=d"), "[a=b][c=d]");
    holds(SPAN("a=b;c=d ;; e=f;"), "[a=b][c=d][e=f]");
    holds(SPAN("a=b=c; d="), "[a=b=c][d=]");
    holds(SPAN(" a = b "), "[a=b]");
    holds(SPAN("a"), "");
    holds(SPAN("=b; c=d"), "[c=d]");
    holds(SPAN(""), "");
    holds(SPAN("a={\"x\": 1}; b[]=2"), "[a={\"x\": 1}][b[]=2]");
    holds(SPAN("a=1; a=2"), "[a=1][a=2]");
    holds(SPAN("a=\"x\\\"y\\073\\200\"; b=\"open"), "[a=x\"y;\x80][b=\"open]");
    holds(SPAN("$Version=1; a=b"), "[$Version=1][a=b]");
    holds(SPAN("a=\xc3\xa9"), "[a=\xc3\xa9]");
    holds(SPAN("na me=1; b,=2; c=3"), "[c=3]");
}

/* Quotes hide no semicolon: what a proxy saw as a cookie of its own stays one. */
static void a_semicolon_always_divides(void **state)
{
    (void)state;
    holds(SPAN("a=\"x; secret=1; y\""), "[a=\"x][secret=1]");
}

static void controls_are_left_out(void **state)
{
    (void)state;
    holds(SPAN("a=x\ty; b=1"), "[b=1]");
    holds(SPAN("a=x\0y; b=1"), "[b=1]");
    holds(SPAN("a=x\r\nz: 1; b=1"), "[b=1]");
}

static void writes(struct span name, struct span value, bool is_raw, const char *wanted)
{
    char memory[256];
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp__cookie_write(&out, name, value, is_raw);
    if (!wanted) {
        assert_int_equal(out.error, -EINVAL);
        return;
    }
    assert_int_equal(out.error, 0);
    assert_true(span_is(bytes_span(&out), span_of(wanted)));
    struct span read_name, read_value;
    size_t at = 0;
    assert_true(aiohttp__cookie_next(bytes_span(&out), &at, &read_name, &read_value));
    char back[256];
    struct bytes text = bytes_in(back, sizeof back);
    aiohttp__cookie_value_read(&text, read_value);
    assert_true(span_is(read_name, name) && span_is(bytes_span(&text), value));
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    writes(SPAN("a"), SPAN("b"), false, "a=b");
    writes(SPAN("a"), SPAN(""), false, "a=");
    writes(SPAN("a"), SPAN("x y"), false, "a=\"x y\"");
    writes(SPAN("a"), SPAN("x;\r\n\"\\,\0"), false, "a=\"x\\073\\015\\012\\\"\\\\\\054\\000\"");
    writes(SPAN("a"), SPAN("\xc3\xa9"), false, "a=\"\\303\\251\"");
    writes(SPAN("a"), SPAN("\xc3\xa9,"), true, "a=\xc3\xa9,");
    writes(SPAN("a"), SPAN("x;y"), true, NULL);
    writes(SPAN("a"), SPAN("x\r\ny"), true, NULL);
    writes(SPAN(""), SPAN("b"), false, NULL);
    writes(SPAN("a b"), SPAN("b"), false, NULL);
    writes(SPAN("a=b"), SPAN("b"), false, NULL);
    writes(SPAN("a\r\nSet-Cookie: x"), SPAN("b"), false, NULL);
}

static void all_attributes_there_and_back(void **state)
{
    (void)state;
    struct set_cookie made = { .name = SPAN("id"),
                               .value = SPAN("1"),
                               .domain = SPAN("example.com"),
                               .path = SPAN("/x"),
                               .max_age = 3600,
                               .expires = 784111777,
                               .has_max_age = true,
                               .has_expires = true,
                               .secure = true,
                               .httponly = true,
                               .partitioned = true,
                               .same_site = SAME_SITE_LAX };
    char memory[512];
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp__set_cookie_write(&out, &made);
    assert_int_equal(out.error, 0);
    assert_true(
        span_is(bytes_span(&out),
                SPAN("id=1; Domain=example.com; Expires=Sun, 06 Nov 1994 08:49:37 GMT; HttpOnly; "
                     "Max-Age=3600; Partitioned; Path=/x; SameSite=Lax; Secure")));
    struct set_cookie back;
    assert_int_equal(aiohttp__set_cookie_parse(bytes_span(&out), &back), 0);
    assert_true(span_is(back.name, made.name) && span_is(back.value, made.value));
    assert_true(span_is(back.domain, made.domain) && span_is(back.path, made.path));
    assert_true(back.max_age == made.max_age && back.expires == made.expires);
    assert_true(back.secure && back.httponly && back.partitioned && back.has_expires);
    assert_int_equal(back.same_site, SAME_SITE_LAX);
}

static void read_as_browsers_do(void **state)
{
    (void)state;
    struct set_cookie cookie;
    assert_int_equal(
        aiohttp__set_cookie_parse(SPAN("a=b; DOMAIN=.Example.com; path=x; max-age=-5; "
                                       "samesite=LAX; secure=no; unknown; =; ;expires=x"),
                                  &cookie),
        0);
    assert_true(span_is(cookie.domain, SPAN("Example.com")));
    assert_int_equal(cookie.path.size, 0);
    assert_true(cookie.has_max_age && cookie.max_age == 0);
    assert_true(cookie.secure && !cookie.has_expires && !cookie.httponly);
    assert_int_equal(cookie.same_site, SAME_SITE_LAX);
    assert_int_equal(aiohttp__set_cookie_parse(SPAN("a=b; max-age=99999999999999999999"), &cookie),
                     0);
    assert_true(cookie.has_max_age && cookie.max_age == (int64_t)INT32_MAX * 2);
    assert_int_equal(aiohttp__set_cookie_parse(SPAN("a=b; max-age=1x; Max-Age=+1"), &cookie), 0);
    assert_false(cookie.has_max_age);
    assert_int_equal(aiohttp__set_cookie_parse(SPAN("a=b; path=/x; path=/y"), &cookie), 0);
    assert_true(span_is(cookie.path, SPAN("/y")));
    static const char *const wrong[] = {
        "", ";", "a", "=b", "a=\x01", "a=b; path=/\r\nx", "a b=c"
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(aiohttp__set_cookie_parse(span_of(wrong[i]), &cookie), -EINVAL);
}

static int parse_of_size(size_t size)
{
    static char text[COOKIE_MAX + 64];
    memset(text, 'x', sizeof text);
    text[1] = '=';
    struct set_cookie cookie;
    return aiohttp__set_cookie_parse((struct span){ text, size + 1 }, &cookie);
}

static void sizes(void **state)
{
    (void)state;
    assert_int_equal(parse_of_size(COOKIE_MAX - 1), 0);
    assert_int_equal(parse_of_size(COOKIE_MAX), 0);
    assert_int_equal(parse_of_size(COOKIE_MAX + 1), -EINVAL);
    static char text[COOKIE_ATTRIBUTE_MAX + 32] = "a=b; path=/";
    memset(text + 11, 'x', COOKIE_ATTRIBUTE_MAX);
    struct set_cookie cookie;
    assert_int_equal(
        aiohttp__set_cookie_parse((struct span){ text, 10 + COOKIE_ATTRIBUTE_MAX }, &cookie), 0);
    assert_int_equal(cookie.path.size, COOKIE_ATTRIBUTE_MAX);
    assert_int_equal(
        aiohttp__set_cookie_parse((struct span){ text, 11 + COOKIE_ATTRIBUTE_MAX }, &cookie), 0);
    assert_int_equal(cookie.path.size, 0);
}

static void prefixes_are_promises(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        bool keeps;
    } rows[] = {
        { "__Secure-a=b", false },          { "__Secure-a=b; Secure", true },
        { "__Host-a=b; Secure", false },    { "__Host-a=b; Secure; Path=/", true },
        { "__Host-a=b; Path=/", false },    { "__Host-a=b; Secure; Path=/; Domain=x", false },
        { "__host-a=b; Secure; Path=/y", false }, { "__SECURE-a=b", false },
        { "_Secure-a=b", true },            { "a=b", true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct set_cookie cookie;
        char memory[256];
        struct bytes out = bytes_in(memory, sizeof memory);
        assert_int_equal(aiohttp__set_cookie_parse(span_of(rows[i].field), &cookie), 0);
        assert_int_equal(aiohttp__set_cookie_keeps_prefix(&cookie), rows[i].keeps);
        aiohttp__set_cookie_write(&out, &cookie);
        assert_int_equal(out.error, rows[i].keeps ? 0 : -EINVAL);
    }
}

static void nothing_gets_out_by_an_attribute(void **state)
{
    (void)state;
    static const struct span wrong[] = { { "/;x", 3 }, { "/\r\nX: y", 7 }, { "/\0", 2 } };
    for (size_t i = 0; i < 6; i++) {
        struct set_cookie cookie = { .name = SPAN("a"), .value = SPAN("b") };
        char memory[256];
        struct bytes out = bytes_in(memory, sizeof memory);
        *(i % 2 ? &cookie.path : &cookie.domain) = wrong[i / 2];
        aiohttp__set_cookie_write(&out, &cookie);
        assert_int_equal(out.error, -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookies_of_a_request),
        cmocka_unit_test(a_semicolon_always_divides),
        cmocka_unit_test(controls_are_left_out),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(all_attributes_there_and_back),
        cmocka_unit_test(read_as_browsers_do),
        cmocka_unit_test(sizes),
        cmocka_unit_test(prefixes_are_promises),
        cmocka_unit_test(nothing_gets_out_by_an_attribute),
    };
    return cmocka_run_group_tests_name("cookie", tests, NULL, NULL);
}
