/* SPDX-License-Identifier: MIT */
/* Entity tags and what they are compared with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "wire/etag.h"

#include <errno.h>

static bool matches(const char *list, const char *value, bool is_weak, bool weakly)
{
    struct etag tag = { span_of(value), is_weak, false };
    const char *copy = guarded(list, strlen(list));
    bool answer = aiohttp__etag_matches((struct span){ copy, strlen(list) }, &tag, weakly);
    guarded_free(copy, strlen(list));
    return answer;
}

static void weak_and_strong(void **state)
{
    (void)state;
    /* RFC 9110, 8.8.3.2 */
    assert_false(matches("W/\"1\"", "1", true, false));
    assert_true(matches("W/\"1\"", "1", true, true));
    assert_false(matches("W/\"1\"", "2", true, true));
    assert_false(matches("W/\"1\"", "1", false, false));
    assert_true(matches("W/\"1\"", "1", false, true));
    assert_true(matches("\"1\"", "1", false, false));
    assert_true(matches("\"a\", W/\"b\" ,\"c,d\"", "c,d", false, false));
    assert_true(matches("*", "x", true, false));
    assert_true(matches("\"\"", "", false, false));
    assert_false(matches("", "", false, true));
    assert_false(matches("1", "1", false, true));
    assert_false(matches("w/\"1\"", "1", false, true));
    assert_false(matches("\"1", "1", false, true));
    assert_false(matches("\"a\" \"1\"", "1", false, true));
    assert_false(matches("W/", "1", false, true));
    assert_false(matches("\"a b\"", "a b", false, true));
}

static void written(void **state)
{
    (void)state;
    char memory[64];
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp__etag_write(&out, &(struct etag){ SPAN("a"), true, false });
    aiohttp__etag_write(&out, &(struct etag){ SPAN("b"), false, false });
    aiohttp__etag_write(&out, &(struct etag){ SPAN(""), false, true });
    assert_true(span_is(bytes_span(&out), SPAN("W/\"a\"\"b\"*")));
    aiohttp__etag_write(&out, &(struct etag){ SPAN("a\"b"), false, false });
    assert_int_equal(out.error, -EINVAL);
    out = bytes_in(memory, sizeof memory);
    aiohttp__etag_write(&out, &(struct etag){ SPAN("a\r\n"), false, false });
    assert_int_equal(out.error, -EINVAL);
}

static void if_range(void **state)
{
    (void)state;
    struct etag tag;
    assert_int_equal(aiohttp__if_range_parse(SPAN("\"x\""), &tag), IF_RANGE_ETAG);
    assert_true(span_is(tag.value, SPAN("x")) && !tag.is_weak);
    assert_int_equal(aiohttp__if_range_parse(SPAN("W/\"x\""), &tag), IF_RANGE_ETAG);
    assert_true(tag.is_weak);
    assert_int_equal(aiohttp__if_range_parse(SPAN("Wed, 21"), &tag), IF_RANGE_DATE);
    assert_int_equal(aiohttp__if_range_parse(SPAN("\"x\", \"y\""), &tag), IF_RANGE_NEVER);
    assert_int_equal(aiohttp__if_range_parse(SPAN("\"x"), &tag), IF_RANGE_NEVER);
    assert_int_equal(aiohttp__if_range_parse(SPAN(""), &tag), IF_RANGE_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weak_and_strong),
        cmocka_unit_test(written),
        cmocka_unit_test(if_range),
    };
    return cmocka_run_group_tests_name("etag", tests, NULL, NULL);
}
