/* SPDX-License-Identifier: MIT */
/* Dates, in the three forms of HTTP and in that of cookies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "wire/date.h"

#include <errno.h>

#include <time.h>

enum { NOW = 1700000000 }; /* 14 November 2023 */

static void reads(const char *text, int64_t wanted)
{
    const char *copy = guarded(text, strlen(text));
    int64_t seconds = -7;
    int r = aiohttp__date_parse((struct span){ copy, strlen(text) }, NOW, &seconds);
    guarded_free(copy, strlen(text));
    if (r != 0 || seconds != wanted)
        fail_msg("%s: %d, %lld", text, r, (long long)seconds);
}

static void three_forms(void **state)
{
    (void)state;
    reads("Sun, 06 Nov 1994 08:49:37 GMT", 784111777);
    reads("Sunday, 06-Nov-94 08:49:37 GMT", 784111777);
    reads("Sun Nov  6 08:49:37 1994", 784111777);
    reads("Thu, 01 Jan 1970 00:00:00 GMT", 0);
    reads("Wed, 31 Dec 1969 23:59:59 GMT", -1);
    reads("Thu, 29 Feb 2024 00:00:00 GMT", 1709164800);
    reads("Tue, 29 Feb 2000 00:00:00 GMT", 951782400);
    reads("Fri, 31 Dec 9999 23:59:59 GMT", 253402300799);
    /* two digits: within 50 years from now */
    reads("Monday, 01-Jan-73 00:00:00 GMT", 3250454400);
    reads("Tuesday, 01-Jan-74 00:00:00 GMT", 126230400);
}

static void nothing_else(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "S",
        "Sun",
        "Sun,",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 00:00:00 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 +8:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMTx",
        "1994-11-06T08:49:37Z",
        "784111777",
        "Sun Nov 6 08:49:37 1994",
        "Xxx, 06 Nov 1994 08:49:37 GMT",
        "Sun, \xd9\xa0\xd9\xa6 Nov 1994 08:49:37 GMT",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t seconds = -7;
        const char *copy = guarded(rows[i], strlen(rows[i]));
        if (aiohttp__date_parse((struct span){ copy, strlen(copy ? rows[i] : "") }, NOW,
                                &seconds) != -EINVAL)
            fail_msg("%s", rows[i]);
        assert_int_equal(seconds, -7);
        guarded_free(copy, strlen(rows[i]));
    }
}

static void as_the_c_library_counts(void **state)
{
    (void)state;
    for (int64_t day = -150000; day < 3000000; day += 9973) {
        time_t seconds = (time_t)(day * 86400 + day % 86400);
        struct tm tm;
        char text[64];
        assert_non_null(gmtime_r(&seconds, &tm));
        if (tm.tm_year < -900)
            continue;
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        if (tm.tm_year < 8100)
            reads(text, seconds);
    }
}

static void dates_of_cookies(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t wanted;
    } rows[] = {
        { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
        { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
        { "Sun Nov  6 08:49:37 1994", 784111777 },
        { "6 november 94 8:49:37", 784111777 },
        { "08:49:37 1994 nov 06 +0000 (whatever)", 784111777 },
        { "Fri, 01-Jan-70 00:00:00 GMT", 0 },
        { "Thu, 01 Jan 69 00:00:00 GMT", 3124224000 },
        { "Mon, 1601-Jan-01 00:00:00", -11644473600 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t seconds = -7;
        assert_int_equal(aiohttp__date_parse_cookie(span_of(rows[i].text), &seconds), 0);
        assert_true(seconds == rows[i].wanted);
    }
    static const char *const wrong[] = { "",
                                         "Nov 6 1994",
                                         "08:49:37",
                                         "6 Nov 08:49:37",
                                         "6 Nov 1600 0:0:0",
                                         "32 Nov 1994 0:0:0",
                                         "6 Nov 1994 24:0:0",
                                         "6 Nov 1994 0:0:60",
                                         "6 Nov 1994 0:0",
                                         "31 Feb 1994 0:0:0" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t seconds;
        if (aiohttp__date_parse_cookie(span_of(wrong[i]), &seconds) != -EINVAL)
            fail_msg("%s", wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_forms),
        cmocka_unit_test(nothing_else),
        cmocka_unit_test(as_the_c_library_counts),
        cmocka_unit_test(dates_of_cookies),
    };
    return cmocka_run_group_tests_name("date", tests, NULL, NULL);
}
