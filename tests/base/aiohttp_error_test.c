/* SPDX-License-Identifier: MIT */
/* The errors of libaiohttp are known to libasyncio's functions. (The two libraries' floors are
 * tested in one folder where their names are the same.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../aiohttp/base/error.h"
#include "../aiohttp/base/span.h"

static void unknown_until_added(void **state)
{
    (void)state;
    assert_string_equal(asyncio_error_name(-AIOHTTP_INVALID_URL), "UNKNOWN");
}

static void known_once_added(void **state)
{
    (void)state;
    aiohttp__errors_add();
    aiohttp__errors_add();
    assert_string_equal(asyncio_error_name(-AIOHTTP_INVALID_URL), "AIOHTTP_INVALID_URL");
    assert_string_equal(asyncio_error_class(-AIOHTTP_INVALID_URL), "InvalidURL");
    assert_string_equal(asyncio_error_text(-AIOHTTP_INVALID_URL), "this is no URL");
    assert_string_equal(asyncio_error_name(-ASYNCIO_QUEUE_FULL), "ASYNCIO_QUEUE_FULL");
    assert_string_equal(asyncio_error_name(-8191), "UNKNOWN");
}

static void spans_compare_as_bytes(void **state)
{
    (void)state;
    assert_true(span_is(SPAN("a"), span_of("a")));
    assert_false(span_is(SPAN("a"), SPAN("A")));
    assert_true(span_is((struct span){ NULL, 0 }, SPAN("")));
    assert_true(span_is_case(SPAN("Content-LENGTH"), SPAN("content-length")));
    /* the Kelvin sign and other bytes beyond ASCII are no letters */
    assert_false(span_is_case(SPAN("\xe2\x84\xaa"), SPAN("k  ")));
    assert_false(span_is_case(SPAN("\xc1"), SPAN("\xe1")));
    assert_false(span_is_case(SPAN("["), SPAN("{")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_until_added),
        cmocka_unit_test(known_once_added),
        cmocka_unit_test(spans_compare_as_bytes),
    };
    return cmocka_run_group_tests_name("aiohttp_error", tests, NULL, NULL);
}
