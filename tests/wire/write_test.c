/* SPDX-License-Identifier: MIT */
/* What is written is HTTP, or nothing is written: injection, sizes at each capacity, growth, dates
 * against the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static char memory[400];

static struct out fresh(void)
{
    return out_of(memory, sizeof memory);
}

static void is_written(const struct out *out, const char *expected)
{
    assert_int_equal(out->result, 0);
    assert_int_equal(out->size, strlen(expected));
    assert_memory_equal(out->data, expected, out->size);
}

static void is_refused(const struct out *out)
{
    assert_int_equal(out->result, -EINVAL);
    assert_int_equal(out->size, 0);
}

static void a_request_and_a_response(void **state)
{
    (void)state;
    struct out out = fresh();
    aiohttp__write_request_line(&out, SPAN("GET"), SPAN("/a?b"), 11);
    aiohttp__write_known(&out, HEADER_HOST, SPAN("x"));
    aiohttp__write_known_number(&out, HEADER_CONTENT_LENGTH, 1234567890);
    aiohttp__write_field(&out, SPAN("X-Own"), SPAN("\xc3\xa4\tb"));
    aiohttp__write_field(&out, SPAN("Empty"), SPAN(""));
    aiohttp__write_end(&out);
    is_written(&out, "GET /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 1234567890\r\n"
                     "X-Own: \xc3\xa4\tb\r\nEmpty: \r\n\r\n");
    out = fresh();
    aiohttp__write_status_line(&out, 11, 200, (struct span){ NULL, 0 });
    aiohttp__write_status_line(&out, 10, 404, (struct span){ NULL, 0 });
    aiohttp__write_status_line(&out, 11, 299, (struct span){ NULL, 0 });
    aiohttp__write_status_line(&out, 11, 200, SPAN("Fine"));
    aiohttp__write_status_line(&out, 10, 200, SPAN(""));
    is_written(&out, "HTTP/1.1 200 OK\r\nHTTP/1.0 404 Not Found\r\nHTTP/1.1 299 \r\n"
                     "HTTP/1.1 200 Fine\r\nHTTP/1.0 200 \r\n");
    assert_true(span_is(aiohttp__reason(431), SPAN("Request Header Fields Too Large")));
    assert_int_equal(aiohttp__reason(299).size, 0);
}

static void chunks(void **state)
{
    (void)state;
    struct out out = fresh();
    aiohttp__write_chunk_head(&out, 1);
    aiohttp__write_chunk_head(&out, 0xabcdef);
    aiohttp__write_chunk_head(&out, UINT64_MAX);
    aiohttp__write_last_chunk(&out);
    is_written(&out, "1\r\nabcdef\r\nffffffffffffffff\r\n0\r\n");
    out = fresh();
    aiohttp__write_chunk_head(&out, 0); /* would end the body */
    is_refused(&out);
}

static void numbers(void **state)
{
    (void)state;
    uint64_t number = 0;
    for (int i = 0; i < 40; i++) {
        char expected[24];
        snprintf(expected, sizeof expected, "%" PRIu64, number);
        struct out out = fresh();
        aiohttp__out_number(&out, number);
        is_written(&out, expected);
        number = i % 2 == 0 ? number * 10 + 9 : number + 1; /* 9, 10, 109, 110, ... */
    }
    struct out out = fresh();
    aiohttp__out_number(&out, UINT64_MAX);
    is_written(&out, "18446744073709551615");
}

/* A version is a number of two that there are, no text that could bring more than it. */
static void CVE_2023_49081_a_version_is_a_number(void **state)
{
    (void)state;
    for (int version = -1; version < 300; version++) {
        bool is_one = version == 10 || version == 11;
        struct out out = fresh();
        aiohttp__write_request_line(&out, SPAN("GET"), SPAN("/"), version);
        if (is_one)
            is_written(&out, version == 10 ? "GET / HTTP/1.0\r\n" : "GET / HTTP/1.1\r\n");
        else
            is_refused(&out);
        out = fresh();
        aiohttp__write_status_line(&out, version, 200, SPAN("OK"));
        if (is_one)
            is_written(&out, version == 10 ? "HTTP/1.0 200 OK\r\n" : "HTTP/1.1 200 OK\r\n");
        else
            is_refused(&out);
    }
}

/* No byte at any place of a method is written but those of a token. */
static void CVE_2023_49082_a_method_is_a_token(void **state)
{
    (void)state;
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t at = 0; at < 4; at++)
        for (int c = 0; c < 256; c++) {
            char method[] = "POST";
            method[at] = (char)c;
            bool is_good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                           (c >= 'a' && c <= 'z') || (c && strchr(others, c));
            struct out out = fresh();
            aiohttp__write_request_line(&out, (struct span){ method, 4 }, SPAN("/"), 11);
            if (!is_good)
                is_refused(&out);
            else
                assert_memory_equal(out.data, method, 4);
        }
    struct out out = fresh();
    aiohttp__write_request_line(&out, SPAN("GET / HTTP/1.1\r\nHost: b\r\n\r\nGET"), SPAN("/"), 11);
    is_refused(&out);
}

/* CVE-2026-34519, CVE-2026-34514, CVE-2026-50269, CVE-2020-26116, CVE-2019-9740. */
static void nothing_is_injected(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char bytes[40] = "abcdefghijklmnopqrstuvwxyzabcdefghijkl";
        struct span text = { bytes, 38 };
        bool is_control = (c < 0x20 && c != '\t') || c == 0x7f;
        for (size_t at = 0; at < text.size; at += 37) {
            memcpy(bytes, "abcdefghijklmnopqrstuvwxyzabcdefghijkl", 38);
            bytes[at] = (char)c;
            struct out out = fresh();
            aiohttp__write_field(&out, SPAN("A"), text);
            assert_int_equal(out.result, is_control ? -EINVAL : 0);
            assert_int_equal(out.size > 0, !is_control);
            assert_int_equal(aiohttp__is_value(text), !is_control);
            out = fresh();
            aiohttp__write_known(&out, HEADER_SERVER, text);
            assert_int_equal(out.result, is_control ? -EINVAL : 0);
            out = fresh();
            aiohttp__write_status_line(&out, 11, 200, text);
            assert_int_equal(out.result, is_control ? -EINVAL : 0);
            out = fresh();
            aiohttp__write_field(&out, text, SPAN("b"));
            assert_int_equal(out.result == 0, aiohttp__is_token(text));
            out = fresh();
            aiohttp__write_request_line(&out, text, SPAN("/"), 11);
            assert_int_equal(out.result == 0, aiohttp__is_token(text));
            out = fresh();
            aiohttp__write_request_line(&out, SPAN("GET"), text, 11);
            assert_int_equal(out.result == 0, c > 0x20 && c != 0x7f && c != '#');
        }
    }
}

static void what_is_no_line(void **state)
{
    (void)state;
    struct out out = fresh();
    aiohttp__write_request_line(&out, SPAN(""), SPAN("/"), 11);
    is_refused(&out);
    out = fresh();
    aiohttp__write_request_line(&out, SPAN("GET"), SPAN(""), 11);
    is_refused(&out);
    out = fresh();
    aiohttp__write_status_line(&out, 9, 200, SPAN(""));
    is_refused(&out);
    static const int statuses[] = { -1, 0, 99, 1000 };
    for (int i = 0; i < 4; i++) {
        out = fresh();
        aiohttp__write_status_line(&out, 11, statuses[i], SPAN("x"));
        is_refused(&out);
    }
    out = fresh();
    aiohttp__write_field(&out, SPAN(""), SPAN("x"));
    is_refused(&out);
    out = fresh();
    aiohttp__write_known(&out, HEADER_OTHER, SPAN("x"));
    is_refused(&out);
    /* what follows a failure is nothing, and the failure stays */
    out_add(&out, SPAN("x"));
    aiohttp__write_end(&out);
    is_refused(&out);
}

static void all_of_it(struct out *out)
{
    aiohttp__write_status_line(out, 10, 200, SPAN("Fine"));
    aiohttp__write_known_number(out, HEADER_CONTENT_LENGTH, 0);
    aiohttp__write_field(out, SPAN("A"), SPAN("b"));
    aiohttp__write_end(out);
    aiohttp__write_chunk_head(out, 255);
    aiohttp__write_request_line(out, SPAN("GET"), SPAN("/"), 10);
}

/* At every capacity: each item is there as a whole, or not at all. */
static void too_little_room(void **state)
{
    (void)state;
    struct out full = fresh();
    all_of_it(&full);
    assert_int_equal(full.result, 0);
    for (size_t capacity = 0; capacity <= full.size; capacity++) {
        char *exact = malloc(capacity > 0 ? capacity : 1);
        struct out out = out_of(exact, capacity);
        all_of_it(&out);
        assert_int_equal(out.result, capacity < full.size ? -ENOBUFS : 0);
        assert_true(out.size <= capacity);
        assert_memory_equal(exact, memory, out.size);
        assert_true(out.size == 0 || exact[out.size - 1] == '\n');
        free(exact);
    }
    struct out out = fresh();
    assert_null(aiohttp__out_room(&out, SIZE_MAX));
    assert_int_equal(out.result, -ENOBUFS);
}

static int grow_some(struct out *out, size_t wanted)
{
    if (wanted > 60)
        return -ENOMEM;
    out->data = realloc(out->data, wanted);
    out->capacity = wanted;
    return 0;
}

static int grow_falsely(struct out *out, size_t wanted)
{
    (void)out, (void)wanted;
    return 0;
}

static void room_that_grows(void **state)
{
    (void)state;
    struct out out = { .grow = grow_some };
    all_of_it(&out);
    assert_int_equal(out.result, -ENOMEM);
    assert_true(out.size > 0 && out.size <= 60);
    assert_memory_equal(out.data, "HTTP/1.0 200 Fine\r\nContent-Length: 0\r\n", 38);
    free(out.data);
    out = (struct out){ .grow = grow_falsely };
    out_add(&out, SPAN("a"));
    assert_int_equal(out.result, -ENOBUFS);
}

static void dates(void **state)
{
    (void)state;
    static const int64_t edges[] = { 0,          784111777,   951782400,   951868799, 951868800,
                                     4107542399, 4107542400,  -1,          -86400,    -86401,
                                     1709164800, -2208988800, -62167219200 };
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t seconds = i < 13 ? edges[i] : (int64_t)(seed >> 24) % 253402300800;
        char text[DATE_SIZE + 1] = "", expected[64];
        struct tm tm;
        time_t when = (time_t)seconds;
        gmtime_r(&when, &tm);
        static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
        static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
        snprintf(expected, sizeof expected, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
                 tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                 tm.tm_sec);
        aiohttp__date_text(seconds, text);
        assert_string_equal(text, expected);
    }
    char text[DATE_SIZE + 1] = "";
    aiohttp__date_text(784111777, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    aiohttp__date_text(INT64_MAX, text);
    assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
    aiohttp__date_text(INT64_MIN, text);
    assert_string_equal(text, "Sat, 01 Jan 0000 00:00:00 GMT");
}

static void the_line_of_a_second(void **state)
{
    (void)state;
    struct date_line line = { .is_valid = false };
    struct out out = fresh();
    out_date(&out, &line, 0);
    out_date(&out, &line, 0);
    out_date(&out, &line, 1);
    is_written(&out,
               "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
               "Date: Thu, 01 Jan 1970 00:00:01 GMT\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_and_a_response),
        cmocka_unit_test(chunks),
        cmocka_unit_test(numbers),
        cmocka_unit_test(CVE_2023_49081_a_version_is_a_number),
        cmocka_unit_test(CVE_2023_49082_a_method_is_a_token),
        cmocka_unit_test(nothing_is_injected),
        cmocka_unit_test(what_is_no_line),
        cmocka_unit_test(too_little_room),
        cmocka_unit_test(room_that_grows),
        cmocka_unit_test(dates),
        cmocka_unit_test(the_line_of_a_second),
    };
    return cmocka_run_group_tests_name("wire_write", tests, NULL, NULL);
}
