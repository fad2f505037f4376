/* SPDX-License-Identifier: MIT */
/* Range and Content-Range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "wire/range.h"

#include <errno.h>

static void asks(const char *text, uint64_t size, const char *wanted)
{
    struct range ranges[16];
    char memory[512];
    struct bytes out = bytes_in(memory, sizeof memory);
    const char *copy = guarded(text, strlen(text));
    int count = aiohttp__ranges_parse((struct span){ copy, strlen(text) }, size, ranges, 16);
    guarded_free(copy, strlen(text));
    for (int i = 0; i < count; i++) {
        aiohttp__bytes_number(&out, ranges[i].first);
        bytes_put(&out, '-');
        aiohttp__bytes_number(&out, ranges[i].last);
        bytes_put(&out, ' ');
    }
    bytes_text(&out, count == -EINVAL   ? "wrong"
                     : count == -ERANGE ? "416"
                     : count == 0       ? "all"
                                        : "");
    if (!span_is(bytes_span(&out), span_of(wanted)))
        fail_msg("%s of %d: %.*s", text, (int)size, (int)out.size, out.data);
}

static void one_range(void **state)
{
    (void)state;
    asks("bytes=0-0", 10, "0-0 ");
    asks("bytes=0-9", 10, "0-9 ");
    asks("bytes=0-10", 10, "0-9 ");
    asks("bytes=9-", 10, "9-9 ");
    asks("bytes=10-", 10, "416");
    asks("bytes=-1", 10, "9-9 ");
    asks("bytes=-10", 10, "0-9 ");
    asks("bytes=-11", 10, "0-9 ");
    asks("bytes=-0", 10, "416");
    asks("BYTES=1-2", 10, "1-2 ");
    asks("bytes=0-", 0, "416");
    asks("bytes=-1", 0, "416");
    asks("items=0-1", 10, "all");
    asks("bytes=9223372036854775807-", 10, "416");
    asks("bytes=0-9223372036854775807", 10, "0-9 ");
    asks("bytes=-9223372036854775807", 10, "0-9 ");
    /* however large: they are numbers (RFC 9110, 14.1.1, 17.6) */
    asks("bytes=9223372036854775808-", 10, "416");
    asks("bytes=99999999999999999999-99999999999999999999", 10, "416");
    asks("bytes=99999999999999999999-9", 10, "wrong");
    asks("bytes=0-99999999999999999999", 10, "0-9 ");
    asks("bytes=-99999999999999999999", 10, "0-9 ");
    asks("bytes=2-9223372036854775808,0-0", 10, "2-9 0-0 ");
}

static void what_is_no_range(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", "bytes", "bytes=", "bytes=-", "bytes=1", "bytes=2-1", "bytes=a-b", "bytes=0x1-2",
        "bytes=+1-2", "bytes=1-+2", "bytes=1--2", "bytes= 1 - 2", "bytes=1-2x", "bytes=1-2;3",
        "=1-2", "by tes=1-2",
        "bytes=1-2,x", "bytes=,",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        asks(rows[i], 100, "wrong");
}

/* CVE-2025-69225 */
static void digits_of_other_alphabets_are_none(void **state)
{
    (void)state;
    asks("bytes=\xd9\xa0-\xd9\xa9", 100, "wrong");
    asks("bytes=\xef\xbc\x90-\xef\xbc\x99", 100, "wrong");
}

static void several_ranges_are_taken_together(void **state)
{
    (void)state;
    asks("bytes=0-1,4-5", 10, "0-1 4-5 ");
    asks("bytes=4-5, 0-1", 10, "4-5 0-1 ");
    asks("bytes=0-3,2-5", 10, "0-5 ");
    asks("bytes=0-1,2-3", 10, "0-3 ");
    asks("bytes=0-1,4-5,1-4", 10, "0-5 ");
    asks("bytes=8-9,0-1,4-5,1-4", 10, "8-9 0-5 ");
    asks("bytes=0-0,50-60", 10, "0-0 ");
    asks("bytes=20-,30-", 10, "416");
}

/* nginx's CVE-2017-7529, and Apache's CVE-2011-3192: many ranges are not more than the resource. */
static void many_ranges_are_the_whole(void **state)
{
    (void)state;
    char text[2048] = "bytes=0-";
    for (int i = 0; i < 15; i++)
        memcpy(text + strlen(text), ",0-", 4);
    asks(text, 10, "0-9 ");
    memcpy(text + strlen(text), ",0-", 4);
    asks(text, 10, "all");
}

static void without_a_size(void **state)
{
    (void)state;
    int64_t first = 7, last = 7;
    assert_int_equal(aiohttp__range_parse(SPAN("bytes=1-2"), &first, &last), 1);
    assert_true(first == 1 && last == 2);
    assert_int_equal(aiohttp__range_parse(SPAN("bytes=-2"), &first, &last), 1);
    assert_true(first == -1 && last == 2);
    assert_int_equal(aiohttp__range_parse(SPAN("bytes=3-"), &first, &last), 1);
    assert_true(first == 3 && last == -1);
    assert_int_equal(aiohttp__range_parse(SPAN("bytes=0-1,2-3"), &first, &last), 0);
    assert_int_equal(aiohttp__range_parse(SPAN("bytes=x"), &first, &last), -EINVAL);
    assert_true(first == 3 && last == -1);
}

static void content_ranges(void **state)
{
    (void)state;
    struct content_range range;
    assert_int_equal(aiohttp__content_range_parse(SPAN("bytes 0-4/10"), &range), 0);
    assert_true(range.range.first == 0 && range.range.last == 4 && range.size == 10);
    assert_int_equal(aiohttp__content_range_parse(SPAN("bytes */10"), &range), 0);
    assert_true(!range.has_range && range.has_size && range.size == 10);
    assert_int_equal(aiohttp__content_range_parse(SPAN("bytes 1-2/*"), &range), 0);
    assert_true(range.has_range && !range.has_size);
    static const char *const wrong[] = {
        "",          "bytes",       "bytes 0-4",    "bytes 4-0/10", "bytes 0-10/10",
        "bytes */*", "bytes -1/10", "items 0-4/10", "bytes 0-4/ 10"
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(aiohttp__content_range_parse(span_of(wrong[i]), &range), -EINVAL);
    char memory[64];
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp__content_range_write(&out, &(struct range){ 1, 2 }, 3);
    aiohttp__content_range_write(&out, NULL, 3);
    assert_true(span_is(bytes_span(&out), SPAN("bytes 1-2/3bytes */3")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_range),
        cmocka_unit_test(what_is_no_range),
        cmocka_unit_test(digits_of_other_alphabets_are_none),
        cmocka_unit_test(several_ranges_are_taken_together),
        cmocka_unit_test(many_ranges_are_the_whole),
        cmocka_unit_test(without_a_size),
        cmocka_unit_test(content_ranges),
    };
    return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
