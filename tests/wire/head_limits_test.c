/* SPDX-License-Identifier: MIT */
/* Each limit of a head at one below, at, and one above it, in every way that the bytes may come;
 * that a line fails with the very byte that is too much; and that time is linear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/heads.h"

#include <aiohttp/error.h>
#include <stdio.h>
#include <time.h>

static char text[400000];
static size_t text_size;

static void add(const char *what)
{
    size_t size = strlen(what);
    assert_true(text_size + size <= sizeof text);
    memcpy(text + text_size, what, size);
    text_size += size;
}

static void add_many(char c, size_t count)
{
    assert_true(text_size + count <= sizeof text);
    memset(text + text_size, c, count);
    text_size += count;
}

static struct outcome *parse(enum head_kind kind, const aiohttp_limits *limits)
{
    static struct outcome outcome;
    heads_parse(&(struct heads){ .kind = kind, .limits = limits }, text, text_size, &outcome);
    return &outcome;
}

static void is_good(enum head_kind kind, const aiohttp_limits *limits)
{
    assert_int_equal(parse(kind, limits)->result, text_size);
}

static void is_refused(enum head_kind kind, const aiohttp_limits *limits, int code, int status,
                       size_t at)
{
    struct outcome *outcome = parse(kind, limits);
    assert_int_equal(outcome->result, -code);
    assert_int_equal(outcome->head.status, kind == HEAD_RESPONSE ? 0 : status);
    assert_int_equal(outcome->head.error_at, at);
}

/* A request line of that many bytes. */
static void request_line(size_t size)
{
    text_size = 0;
    add("GET /");
    add_many('x', size - strlen("GET / HTTP/1.1"));
    add(" HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void the_request_line(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    assert_int_equal(limits.line, 8190);
    for (int big = 0; big < 2; big++) {
        limits.line = big ? 8190 : 40;
        request_line(limits.line - 1);
        is_good(HEAD_REQUEST, &limits);
        request_line(limits.line);
        is_good(HEAD_REQUEST, &limits);
        request_line(limits.line + 1);
        is_refused(HEAD_REQUEST, &limits, AIOHTTP_LINE_TOO_LONG, 414, limits.line);
        request_line(limits.line + 2);
        is_refused(HEAD_REQUEST, &limits, AIOHTTP_LINE_TOO_LONG, 414, limits.line);
    }
    /* it fails with the byte that is too much, without its end, and without a method it is no
     * URI */
    text_size = 0;
    add_many('x', 8191);
    is_refused(HEAD_REQUEST, &limits, AIOHTTP_LINE_TOO_LONG, 400, 8190);
    text_size = 8190;
    assert_int_equal(parse(HEAD_REQUEST, &limits)->result, 0);
    /* what is wrong before the limit is wrong, limit or not; behind it, it is too late */
    request_line(9000);
    text[100] = '\0';
    is_refused(HEAD_REQUEST, &limits, AIOHTTP_BAD_HTTP_MESSAGE, 400, 100);
    request_line(9000);
    text[8190] = '\0';
    is_refused(HEAD_REQUEST, &limits, AIOHTTP_LINE_TOO_LONG, 414, 8190);
    request_line(9000);
    text[8189] = '\0';
    is_refused(HEAD_REQUEST, &limits, AIOHTTP_BAD_HTTP_MESSAGE, 400, 8189);
}

static void the_status_line(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_client_limits();
    for (size_t more = 0; more < 3; more++) {
        limits.line = 50;
        text_size = 0;
        add("HTTP/1.1 200 ");
        add_many('x', limits.line - 1 + more - text_size);
        add("\r\n\r\n");
        if (more < 2)
            is_good(HEAD_RESPONSE, &limits);
        else
            is_refused(HEAD_RESPONSE, &limits, AIOHTTP_LINE_TOO_LONG, 0, limits.line);
    }
}

static void field(enum head_kind kind, size_t size)
{
    text_size = 0;
    add(kind == HEAD_REQUEST ? "GET / HTTP/1.1\r\nHost: a\r\n" : "");
    add("Name: ");
    add_many('v', size - 6);
    add("\r\n\r\n");
}

static void CVE_2026_54277_one_field_in_fragments(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    assert_int_equal(limits.field, 8190);
    size_t begin = strlen("GET / HTTP/1.1\r\nHost: a\r\n");
    for (int big = 0; big < 2; big++) {
        limits.field = big ? 8190 : 70;
        field(HEAD_REQUEST, limits.field - 1);
        is_good(HEAD_REQUEST, &limits);
        field(HEAD_REQUEST, limits.field);
        is_good(HEAD_REQUEST, &limits);
        field(HEAD_REQUEST, limits.field + 1);
        is_refused(HEAD_REQUEST, &limits, AIOHTTP_LINE_TOO_LONG, 431, begin + limits.field);
        text_size -= 4; /* without its end */
        is_refused(HEAD_REQUEST, &limits, AIOHTTP_LINE_TOO_LONG, 431, begin + limits.field);
        text_size--;
        assert_int_equal(parse(HEAD_REQUEST, &limits)->result, 0);
    }
    /* CR at the limit may be the end's, and is not */
    field(HEAD_REQUEST, limits.field);
    text_size -= 2;
    text[text_size - 1] = '\r';
    add("\r\n\r\n");
    is_refused(HEAD_REQUEST, &limits, AIOHTTP_LINE_TOO_LONG, 431, begin + limits.field);
    limits.field = 70;
    field(HEAD_TRAILERS, 70);
    is_good(HEAD_TRAILERS, &limits);
    field(HEAD_TRAILERS, 71);
    is_refused(HEAD_TRAILERS, &limits, AIOHTTP_LINE_TOO_LONG, 431, 70);
}

static void fields(enum head_kind kind, size_t count)
{
    text_size = 0;
    add(kind == HEAD_REQUEST    ? "GET / HTTP/1.0\r\n"
        : kind == HEAD_RESPONSE ? "HTTP/1.1 200 OK\r\n"
                                : "");
    for (size_t i = 0; i < count; i++)
        add("A: b\r\n");
    add("\r\n");
}

static void CVE_2026_22815_how_many_fields(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    assert_int_equal(limits.headers, 128);
    assert_int_equal(limits.trailers, 64);
    for (enum head_kind kind = HEAD_REQUEST; kind <= HEAD_TRAILERS; kind++) {
        size_t limit = kind == HEAD_TRAILERS ? limits.trailers : limits.headers;
        fields(kind, limit - 1);
        is_good(kind, &limits);
        fields(kind, limit);
        is_good(kind, &limits);
        fields(kind, limit + 1);
        is_refused(kind, &limits, AIOHTTP_HEADERS_TOO_LARGE, 431, text_size - 8);
        limits.headers = limits.trailers = 3;
        fields(kind, 3);
        is_good(kind, &limits);
        fields(kind, 4);
        is_refused(kind, &limits, AIOHTTP_HEADERS_TOO_LARGE, 431, text_size - 8);
        limits = aiohttp_server_limits();
    }
    limits.headers = 0;
    fields(HEAD_REQUEST, 0);
    is_good(HEAD_REQUEST, &limits);
}

/* A head of that size, made of fields below their own limit. */
static void head_of(enum head_kind kind, size_t size)
{
    text_size = 0;
    add(kind == HEAD_REQUEST    ? "GET / HTTP/1.0\r\n"
        : kind == HEAD_RESPONSE ? "HTTP/1.1 200 O\r\n"
                                : "");
    while (size - text_size > 2) {
        size_t step = size - text_size - 2;
        step = step > 8000 ? 7000 : step;
        add("N: ");
        add_many('v', step - 5);
        add("\r\n");
    }
    add("\r\n");
    assert_int_equal(text_size, size);
}

static void CVE_2026_22815_the_whole_head(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    assert_int_equal(limits.head, 65536);
    assert_int_equal(limits.trailer, 16384);
    assert_int_equal(aiohttp_client_limits().head, 262144);
    for (enum head_kind kind = HEAD_REQUEST; kind <= HEAD_TRAILERS; kind++)
        for (int big = 0; big < 2; big++) {
            limits.head = big ? 20000 : 64;
            limits.trailer = big ? 16384 : 64;
            size_t limit = kind == HEAD_TRAILERS ? limits.trailer : limits.head;
            head_of(kind, limit - 1);
            is_good(kind, &limits);
            head_of(kind, limit);
            is_good(kind, &limits);
            head_of(kind, limit + 1);
            is_refused(kind, &limits, AIOHTTP_HEADERS_TOO_LARGE, 431, limit);
            head_of(kind, limit + 20);
            is_refused(kind, &limits, AIOHTTP_HEADERS_TOO_LARGE, 431, limit);
        }
}

/* Whichever limit comes first, for all pairs around each other. */
static void two_limits_at_once(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    for (limits.field = 10; limits.field < 30; limits.field++)
        for (limits.head = 22; limits.head < 50; limits.head++)
            for (int bad = 0; bad < 3; bad++) {
                text_size = 0;
                add("GET / HTTP/1.0\r\nName: ");
                add_many('v', 15);
                add("\r\n\r\n");
                if (bad > 0)
                    text[30] = bad == 1 ? '\r' : '\0';
                size_t end = text_size - 4 - strlen("GET / HTTP/1.0\r\n");
                int r = parse(HEAD_REQUEST, &limits)->result;
                assert_true((r > 0) ==
                            (limits.field >= end && limits.head >= text_size && bad == 0));
            }
}

static void empty_lines(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    assert_int_equal(limits.empty_lines, 4);
    for (size_t lines = 3; lines <= 5; lines++) {
        text_size = 0;
        for (size_t i = 0; i < lines; i++)
            add("\r\n");
        add("GET / HTTP/1.0\r\n\r\n");
        limits.head = 18; /* they do not count for it */
        if (lines <= 4)
            is_good(HEAD_REQUEST, &limits);
        else
            is_refused(HEAD_REQUEST, &limits, AIOHTTP_BAD_HTTP_MESSAGE, 400, 8);
    }
    limits.empty_lines = 0;
    is_refused(HEAD_REQUEST, &limits, AIOHTTP_BAD_HTTP_MESSAGE, 400, 0);
}

static void unlimited_has_no_limit(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    limits.line = limits.field = limits.head = limits.headers = AIOHTTP_UNLIMITED;
    text_size = 0;
    add("GET / HTTP/1.0\r\nName: ");
    add_many('v', 200000);
    add("\r\n\r\n");
    is_good(HEAD_REQUEST, &limits);
    /* but a name has a size that 16 bits hold */
    for (size_t size = 65535; size <= 65536; size++) {
        text_size = 0;
        add("GET / HTTP/1.0\r\n");
        add_many('n', size);
        add(": v\r\n\r\n");
        if (size == 65535)
            is_good(HEAD_REQUEST, &limits);
        else
            is_refused(HEAD_REQUEST, &limits, AIOHTTP_LINE_TOO_LONG, 431, 16);
    }
}

/* --- time --- */

static double cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* CPU seconds to parse what is in `text` as it comes in steps of so many bytes, the least of some
 * tries. */
static double time_of(const aiohttp_limits *limits, size_t step)
{
    double least = 1e9;
    for (int i = 0; i < 7; i++) {
        static struct head_field room[40000];
        struct head head;
        int r = 0;
        double begin = cpu();
        aiohttp__head_begin(&head, HEAD_REQUEST, limits, 0, room, 40000);
        for (size_t known = step; r == 0 && known < text_size; known += step)
            r = aiohttp__head_parse(&head, text, known);
        double took = cpu() - begin;
        least = took < least ? took : least;
        assert_int_equal(r, 0);
    }
    return least;
}

static void fill(int shape, size_t size)
{
    text_size = 0;
    add("GET / HTTP/1.0\r\n");
    if (shape == 0) /* one line without an end */
        add("A: ");
    while (shape == 1 && text_size < size) /* many lines */
        add("A: b\r\n");
    while (shape == 2 && text_size < size) /* values of blanks */
        add("A:                                    \r\n");
    if (shape == 3) /* a name without a colon */
        add_many('n', size - text_size);
    if (text_size < size)
        add_many(' ', size - text_size);
}

/* CVE-2021-32640, CVE-2020-7663 and their kin: twice the bytes take about twice the time. */
static void time_is_linear(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    limits.line = limits.field = limits.head = limits.headers = AIOHTTP_UNLIMITED;
    static const size_t steps[] = { 1, 7, 1000 };
    for (int shape = 0; shape < 4; shape++)
        for (size_t i = 0; i < 3; i++) {
            double ratio = 0;
            for (int tries = 0; tries < 20; tries++) {
                fill(shape, 50000);
                double one = time_of(&limits, steps[i]);
                fill(shape, 100000);
                ratio = time_of(&limits, steps[i]) / one;
                if (ratio < 2.3)
                    break;
            }
            if (ratio >= 2.3)
                fprintf(stderr, "shape %d, %zu bytes a step: %.2f\n", shape, steps[i], ratio);
            assert_true(ratio < 2.3);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_line),
        cmocka_unit_test(the_status_line),
        cmocka_unit_test(CVE_2026_54277_one_field_in_fragments),
        cmocka_unit_test(CVE_2026_22815_how_many_fields),
        cmocka_unit_test(CVE_2026_22815_the_whole_head),
        cmocka_unit_test(two_limits_at_once),
        cmocka_unit_test(empty_lines),
        cmocka_unit_test(unlimited_has_no_limit),
        cmocka_unit_test(time_is_linear),
    };
    return cmocka_run_group_tests_name("wire_head_limits", tests, NULL, NULL);
}
