/* SPDX-License-Identifier: MIT */
/* Media types and negotiation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "wire/media.h"

#include <errno.h>

static void types(void **state)
{
    (void)state;
    struct media_type type;
    struct parameter parameter;
    static const char text[] = " text/HTML ; Charset=\"utf-8\"; a=b";
    const char *copy = guarded(text, strlen(text));
    assert_int_equal(aiohttp__media_type_parse((struct span){ copy, strlen(text) }, &type), 0);
    assert_true(span_is(type.type, SPAN("text")));
    assert_true(span_is_case(type.subtype, SPAN("html")));
    assert_true(aiohttp__media_type_parameter(&type, SPAN("charset"), &parameter));
    assert_true(span_is(parameter.value, SPAN("utf-8")));
    assert_false(aiohttp__media_type_parameter(&type, SPAN("b"), &parameter));
    guarded_free(copy, strlen(text));
    static const char *const wrong[] = { "", "text", "text/", "/html", "text/html x", "text/html;=",
                                         "text/html; a=\"", "te xt/html", "text/h\xc3\xa9" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(aiohttp__media_type_parse(span_of(wrong[i]), &type), -EINVAL);
}

static int quality(const char *accept, const char *name)
{
    struct media_type type;
    assert_int_equal(aiohttp__media_type_parse(span_of(name), &type), 0);
    return aiohttp__accept_quality(span_of(accept), &type);
}

static void the_most_specific_wish_counts(void **state)
{
    (void)state;
    /* RFC 9110, 12.5.1 */
    static const char accept[] = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, "
                                 "text/plain;format=fixed;q=0.4, */*;q=0.5";
    assert_int_equal(quality(accept, "text/plain;format=flowed"), 1000);
    assert_int_equal(quality(accept, "text/plain"), 700);
    assert_int_equal(quality(accept, "text/html"), 300);
    assert_int_equal(quality(accept, "image/jpeg"), 500);
    assert_int_equal(quality(accept, "text/plain;format=fixed"), 400);
    assert_int_equal(quality(accept, "text/html;level=3"), 300);
    assert_int_equal(quality("", "text/html"), 1000);
    assert_int_equal(quality("text/html;q=0", "text/html"), 0);
    assert_int_equal(quality("text/html;q=2, */*;q=0.1", "text/html"), 100);
    assert_int_equal(quality("*/html", "text/html"), 0);
    assert_int_equal(quality("garbage, text/html", "text/html"), 1000);
}

static void the_best_of_several(void **state)
{
    (void)state;
    static const struct span offers[] = { { "text/html", 9 }, { "application/json", 16 } };
    assert_int_equal(aiohttp__accept_best(SPAN("application/json, text/html;q=0.9"), offers, 2), 1);
    assert_int_equal(aiohttp__accept_best(SPAN("*/*"), offers, 2), 0);
    assert_int_equal(aiohttp__accept_best(SPAN(""), offers, 2), 0);
    assert_int_equal(aiohttp__accept_best(SPAN("image/png"), offers, 2), -1);
}

static void codings_by_their_weights(void **state)
{
    (void)state;
    static const struct span offers[] = { { "br", 2 }, { "gzip", 4 }, { "identity", 8 } };
    static const struct {
        const char *accept;
        int best;
    } rows[] = {
        { "gzip, deflate, br", 0 },
        { "gzip", 1 },
        { "gzip;q=0", 2 },
        { "br;q=0.5, gzip;q=0.8", 1 },
        { "*", 0 },
        { "*;q=0", -1 },
        { "identity;q=0", -1 },
        { "", 2 },
        { "identity;q=0, gzip;q=0.001", 1 },
        { "xgzipx", 2 },
        { "gzip;q=x, br;q=0", 2 },
        { "GZIP", 1 },
        { "br;q=0, *", 1 },
        { "gzip;level=1", 2 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int best = aiohttp__accept_coding_best(span_of(rows[i].accept), offers, 3);
        if (best != rows[i].best)
            fail_msg("%s: %d", rows[i].accept, best);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
        cmocka_unit_test(the_most_specific_wish_counts),
        cmocka_unit_test(the_best_of_several),
        cmocka_unit_test(codings_by_their_weights),
    };
    return cmocka_run_group_tests_name("media", tests, NULL, NULL);
}
