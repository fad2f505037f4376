/* SPDX-License-Identifier: MIT */
/* A request's head behind another one, whose fields it may have: what is found in it is what is
 * found in it alone, however its bytes come (support/heads.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/heads.h"

#include <aiohttp/error.h>
#include <stdio.h>

/* All that the meaning of fields could depend on is in one of these, and each is short. */
static const char *const lines[] = {
    "GET / HTTP/1.1\r\n",          "GET /a HTTP/1.1\r\n",        "GET /a/longer HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",          "HEAD / HTTP/1.1\r\n",        "PUT /a HTTP/1.1\r\n",
    "X /a HTTP/1.0\r\n",           "OPTIONS * HTTP/1.1\r\n",     "OPTIONS * HTTP/1.0\r\n",
    "CONNECT h:1 HTTP/1.1\r\n",    "GET http://i/ HTTP/1.1\r\n", "GET http://i HTTP/1.0\r\n",
    "\r\nGET /a HTTP/1.1\r\n",     "\r\n\r\nPUT /b HTTP/1.1\r\n", "GET / HTTP/1.2\r\n",
    "GET / HTTP/1.1\n",            "GET  / HTTP/1.1\r\n",        "GET a HTTP/1.1\r\n",
    "CONNECT / HTTP/1.1\r\n",      "GET /\x80 HTTP/1.1\r\n",
};

static const char *const blocks[] = {
    "Host: h\r\n\r\n",
    "Host:\r\n\r\n",
    "Host: h:99\r\nX: 1\r\n\r\n",
    "X: 1\r\nHost: h\r\n\r\n",
    "X: 1\r\n\r\n",
    "\r\n",
    "Host: h\r\nConnection: close\r\n\r\n",
    "Host: h\r\nConnection: keep-alive\r\n\r\n",
    "Host: h\r\nContent-Length: 3\r\n\r\nabc",
    "Host: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
    "Host: h\r\nTransfer-Encoding: chunked\r\n\r\n",
    "Host: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "Host: h\r\nX: 1\r\nY: 2\r\nZ: 3\r\n\r\n",
    "Host: h\nX:1\n\n",
    "Host: h\r\n\n",
    "Host: h\r\nX: 1\r\n Y\r\n\r\n",
    "Host: h\r\nHost: h\r\n\r\n",
    "Host: h\r\nX 1\r\n\r\n",
    "Host: h\r\n",
    "",
};

enum { LINES = sizeof lines / sizeof *lines, BLOCKS = sizeof blocks / sizeof *blocks };

static uint32_t seed;

static uint32_t any(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 16) % below;
}

/* In memory that ends where it ends. */
static char *make(uint32_t line, uint32_t block)
{
    size_t size = strlen(lines[line]) + strlen(blocks[block]) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    snprintf(text, size, "%s%s", lines[line], blocks[block]);
    return text;
}

/* `first` is cut to its head when it is good; else nothing can be behind it. */
static bool is_good(const struct heads *how, char *first)
{
    static struct outcome at;
    heads_begin(how, &at);
    int r = aiohttp__head_parse(&at.head, first, strlen(first));
    if (r > 0)
        first[r] = '\0';
    return r > 0;
}

/* How many of the second heads were good; most have the fields of the first. */
static unsigned long behind(struct heads how, uint32_t pairs)
{
    static struct outcome alone;
    unsigned long good = 0;
    for (uint32_t i = 0; i < pairs; i++) {
        uint32_t block = any(BLOCKS);
        char *first = make(any(LINES), block);
        char *second = make(any(LINES), any(4) ? block : any(BLOCKS));
        if (is_good(&how, first)) {
            struct heads after = how;
            struct outcome whole;
            after.after = first;
            heads_parse(&how, second, strlen(second), &alone);
            heads_parse(&after, second, strlen(second), &whole);
            heads_same(&whole, &alone);
            good += alone.result > 0;
        }
        free(first);
        free(second);
    }
    return good;
}

static void pairs_at_random(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    limits.empty_lines = 2;
    seed = 1;
    unsigned long good = behind((struct heads){ .limits = &limits }, 6000);
    assert_true(good > 600);
    good = behind((struct heads){ .limits = &limits,
                                  .lenient = LENIENT_BARE_LF | LENIENT_TARGET },
                  1000);
    assert_true(good > 100);
}

static void pairs_at_the_limits(void **state)
{
    (void)state;
    unsigned long good = 0;
    seed = 2;
    for (size_t size = 20; size < 80; size++) {
        aiohttp_limits limits = aiohttp_server_limits();
        limits.head = size;
        limits.line = 12 + size % 12;
        limits.headers = 2 + size % 3;
        limits.empty_lines = size % 3;
        good += behind((struct heads){ .limits = &limits }, 60);
    }
    assert_true(good > 60);
}

/* The longest line that the limit of the whole head leaves room for, and one byte more. */
static void the_whole_head_is_counted_anew(void **state)
{
    (void)state;
    static const char first[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    static const char second[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    for (int more = 0; more < 2; more++) {
        struct outcome at;
        aiohttp_limits limits = aiohttp_server_limits();
        limits.head = sizeof first - 1 + (size_t)more;
        heads_parse(&(struct heads){ .limits = &limits, .after = first }, second,
                    sizeof second - 1, &at);
        assert_int_equal(at.result,
                         more ? (int)sizeof second - 1 : -AIOHTTP_HEADERS_TOO_LARGE);
    }
}

/* That the fields are compared shows in what is made of the ones before. */
static void fields_that_are_the_same_are_not_read(void **state)
{
    (void)state;
    static const char first[] = "GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\n";
    static const struct {
        const char *text;
        bool is_same;
    } rows[] = {
        { "GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\n", true },
        { "\r\nPUT /a?b HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\nmore", true },
        { "GET / HTTP/1.1\r\nHost: h\r\nX: 2\r\n\r\n", false },
        { "GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\nY: 1\r\n\r\n", false },
        { "GET / HTTP/1.0\r\nHost: h\r\nX: 1\r\n\r\n", false },
        { "GET http://h/ HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\n", false },
        { "CONNECT h:1 HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\n", false },
    };
    aiohttp_limits limits = aiohttp_server_limits();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct outcome at;
        heads_begin(&(struct heads){ .limits = &limits, .after = first }, &at);
        at.head.content_length = 77;
        assert_true(heads_give(&at, rows[i].text, strlen(rows[i].text)) > 0);
        assert_int_equal(at.head.content_length, rows[i].is_same ? 77 : 0);
        assert_true(span_is(head_field_value(rows[i].text, &at.fields[1]),
                            i == 2 ? SPAN("2") : SPAN("1")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_at_random),
        cmocka_unit_test(pairs_at_the_limits),
        cmocka_unit_test(the_whole_head_is_counted_anew),
        cmocka_unit_test(fields_that_are_the_same_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
