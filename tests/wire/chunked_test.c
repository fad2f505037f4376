/* SPDX-License-Identifier: MIT */
/* Bodies: by length, in chunks, until the end; each in every split in two, byte by byte, copied and
 * compacted, with the same bytes and the same end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/chunked.h"

#include <aiohttp/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a body came to. */
struct decoded {
    int event;   /* the last: BODY_MORE, _TRAILERS, _END or an error */
    size_t used; /* of the text, up to the offending byte */
    size_t size;
    size_t pieces;
    char bytes[20000];
};

static aiohttp_limits limits;

static void begin(struct body *body, enum body_kind kind, uint64_t length)
{
    struct head head = { .body = (uint8_t)kind, .content_length = length };
    aiohttp__body_begin(body, &head, &limits);
}

static void give(struct body *body, struct decoded *to, const char *text, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1), *at = copy;
    assert_non_null(copy);
    memcpy(copy, text, size);
    do {
        struct span piece = { NULL, 0 };
        size_t used = SIZE_MAX;
        to->event = aiohttp__body_next(body, at, size, &used, &piece);
        assert_true(used <= size);
        assert_true(to->event != BODY_DATA || used > 0); /* CVE-2024-30251: always forward */
        if (to->event == BODY_MORE)
            assert_int_equal(used, size);
        if (to->event == BODY_DATA) {
            assert_true(piece.size > 0 && piece.data + piece.size == at + used);
            memcpy(to->bytes + to->size, piece.data, piece.size);
            to->size += piece.size;
            to->pieces++;
        }
        at += used;
        size -= used;
        to->used += used;
    } while (to->event == BODY_DATA);
    free(copy);
}

static void same(const struct decoded *a, const struct decoded *b)
{
    assert_int_equal(a->event, b->event);
    assert_int_equal(a->used, b->used);
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->bytes, b->bytes, a->size);
}

/* By aiohttp__body_read, `room` bytes at once, into memory of its own or where the text lies. */
static void read_all(enum body_kind kind, uint64_t length, const char *text, size_t size,
                     size_t room, bool is_in_place, struct decoded *to)
{
    struct body body;
    char *copy = malloc(size + 1), *out = malloc(room);
    memcpy(copy, text, size);
    begin(&body, kind, length);
    memset(to, 0, sizeof *to);
    do {
        size_t used, got, left = size - to->used;
        char *from = copy + to->used;
        char *into = is_in_place ? from : out;
        to->event = aiohttp__body_read(&body, from, left, &used, into,
                                       is_in_place ? left + 1 : room, &got);
        assert_true(got <= (is_in_place ? left : room));
        memcpy(to->bytes + to->size, into, got);
        to->size += got;
        to->used += used;
        to->pieces++;
        if (to->event < 0)
            assert_int_equal(got, 0);
    } while (to->event == BODY_DATA);
    free(copy);
    free(out);
}

static struct decoded *decode(enum body_kind kind, uint64_t length, const char *text, size_t size)
{
    static struct decoded whole, other;
    struct body body;
    begin(&body, kind, length);
    memset(&whole, 0, sizeof whole);
    give(&body, &whole, text, size);
    assert_int_equal(body.total, whole.size);
    if (size > 3000)
        return &whole;
    for (size_t split = 0; split <= size; split++) {
        begin(&body, kind, length);
        memset(&other, 0, sizeof other);
        give(&body, &other, text, split);
        if (other.event == BODY_MORE)
            give(&body, &other, text + split, size - split);
        same(&other, &whole);
    }
    begin(&body, kind, length);
    memset(&other, 0, sizeof other);
    for (size_t i = 0; i < size && other.event == BODY_MORE; i++)
        give(&body, &other, text + i, 1);
    if (whole.event != BODY_END || size > 0) {
        assert_int_equal(other.size, whole.size);
        assert_memory_equal(other.bytes, whole.bytes, whole.size);
    }
    for (size_t room = 1; room < 9; room++) {
        read_all(kind, length, text, size, room, false, &other);
        same(&other, &whole);
    }
    read_all(kind, length, text, size, 1, true, &other);
    same(&other, &whole);
    return &whole;
}

static void chunks_are(const char *text, const char *body, int event, size_t used)
{
    struct decoded *at = decode(BODY_CHUNKED, 0, text, strlen(text));
    if (at->event != event || at->used != used)
        fprintf(stderr, "%s: %d, %zu bytes used\n", text, at->event, at->used);
    assert_int_equal(at->event, event);
    assert_int_equal(at->used, used);
    assert_int_equal(at->size, strlen(body));
    assert_memory_equal(at->bytes, body, at->size);
}

static void is_good(const char *text, const char *body)
{
    chunks_are(text, body, BODY_TRAILERS, strlen(text));
}

/* Bad, and the offending byte is where `rest` begins. */
static void is_bad(const char *good, const char *rest, const char *body)
{
    char text[200];
    snprintf(text, sizeof text, "%s%s", good, rest);
    chunks_are(text, body, -AIOHTTP_BAD_HTTP_MESSAGE, strlen(good));
}

static void good_chunks(void **state)
{
    (void)state;
    is_good("0\r\n", "");
    is_good("5\r\nhello\r\n0\r\n", "hello");
    is_good("5\r\nhello\r\n6\r\n world\r\n000\r\n", "hello world");
    is_good("00000000000000aB\r\n"
            "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
            "5678901234567890123456789012345678901234567890123456789012345678901234567890123456789x"
            "\r\n0\r\n",
            "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
            "5678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
            "x");
    is_good("1;a\r\nx\r\n0;b=c;d=\"e;\\\" \xc3\xa4\"\r\n", "x");
    is_good("1 \t; a = b ; c\r\nx\r\n0\r\n", "x");
    /* the trailer section, and what follows, is not the body's */
    chunks_are("1\r\nx\r\n0\r\nA: b\r\n\r\n", "x", BODY_TRAILERS, 9);
    /* not complete */
    chunks_are("", "", BODY_MORE, 0);
    chunks_are("1\r\nx\r\n0\r", "x", BODY_MORE, 8);
    chunks_are("ff\r\nabc", "abc", BODY_MORE, 7);
}

static void bad_chunks(void **state)
{
    (void)state;
    is_bad("", "\r\n", "");
    is_bad("", ";a\r\n", "");
    is_bad("", "g\r\n", "");
    is_bad("", "-1\r\n", ""); /* CVE-2023-38697: signs and prefixes */
    is_bad("", "+1\r\nx\r\n", "");
    is_bad("0", "x1\r\nx\r\n", "");
    is_bad("1", "_0\r\n", "");
    is_bad("", " 1\r\nx\r\n", "");
    is_bad("1 ", "\r\nx\r\n", "");
    is_bad("1", "\n", "");          /* CVE-2025-22871: LF alone */
    is_bad("1\r", "x\r\n", "");
    is_bad("1\r\nx", "\n0\r\n", "x");
    is_bad("1\r\nx", "yz\r\n0\r\n", "x"); /* longer than it said */
    is_bad("1\r\nx\r", "\r\n", "x");
    is_bad("1;a", "\n\r\nx", ""); /* CVE-2024-52304: LF in an extension */
    is_bad("1;a=\"b", "\nc\"\r\nx", "");
    is_bad("1;a=b\r", "\rx", "");
    is_bad("1;", "\r\nx", "");
    is_bad("1;a=", "\r\nx", "");
    is_bad("1;a=\"b\"", "c\r\nx", "");
    is_bad("1;a=\"\\", "\x01\"\r\nx", "");
    is_bad("1;a=b", "\x7f\r\nx", "");
    is_bad("1; a ", "b\r\nx", "");
    is_bad("1;a ", "\r\nx", "");
    /* sizes: 2^63 and beyond, 17 digits */
    is_bad("800000000000000", "0\r\n", "");
    is_bad("0000000000000001", "0\r\n", "");
    chunks_are("7fffffffffffffff\r\nabc", "abc", BODY_MORE, 21);
}

/* The advisory itself: a chunk that is wrong, of a response too, and what the error then shows of
 * it. Ours is static text, whatever came and wherever it ended. */
static void CVE_2026_69244_a_bad_chunk_is_told_by_static_text(void **state)
{
    (void)state;
    static const char *const bad[] = { "g", "1\r\nxy", "1;a\n", "1\rx", "ffffffffffffffffff", "-" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *first = NULL;
        for (int fill = 0; fill < 2; fill++) {
            size_t size = strlen(bad[i]), used = 0;
            char *text = malloc(size), *at = text;
            assert_non_null(text);
            memcpy(text, bad[i], size);
            struct body body;
            struct span piece;
            int r;
            begin(&body, BODY_CHUNKED, 0);
            while ((r = aiohttp__body_next(&body, at, size - (size_t)(at - text), &used, &piece)) ==
                   BODY_DATA)
                at += used;
            assert_int_equal(r, -AIOHTTP_BAD_HTTP_MESSAGE);
            assert_true((size_t)(at - text) + used < size);
            memset(text, fill, size);
            free(text);
            assert_true(body.why != NULL && strlen(body.why) > 0);
            first = first ? first : body.why;
            assert_ptr_equal(body.why, first);
        }
    }
}

static void CVE_2024_52304_bounds_on_extensions(void **state)
{
    (void)state;
    char text[200];
    for (size_t limit = 4; limit < 12; limit++)
        for (size_t extra = 0; extra < 3; extra++) {
            limits.chunk_extensions = limit;
            size_t size = limit - 1 + extra, half = size / 2; /* over two chunks, with their ';' */
            snprintf(text, sizeof text, "1;%.*s\r\nx\r\n1;%.*s\r\ny\r\n0\r\n", (int)half - 1,
                     "aaaaaaaaaaaaaaa", (int)(size - half) - 1, "aaaaaaaaaaaaaaa");
            if (half < 2)
                continue;
            if (extra < 2)
                is_good(text, "xy");
            else
                chunks_are(text, "x", -AIOHTTP_BAD_HTTP_MESSAGE, 1 + size + 2 + 3 + 1 - 1);
        }
    limits.chunk_extensions = AIOHTTP_UNLIMITED;
    is_good("1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n0\r\n", "x");
    limits = aiohttp_server_limits();
    assert_int_equal(limits.chunk_extensions, 4096);
}

static void lengths(void **state)
{
    (void)state;
    struct decoded *at = decode(BODY_LENGTH, 5, "helloGET /", 10);
    assert_int_equal(at->event, BODY_END);
    assert_int_equal(at->used, 5);
    assert_int_equal(at->size, 5);
    at = decode(BODY_LENGTH, 5, "hell", 4);
    assert_int_equal(at->event, BODY_MORE);
    assert_int_equal(at->size, 4);
    at = decode(BODY_NONE, 0, "GET /", 5);
    assert_int_equal(at->event, BODY_END);
    assert_int_equal(at->used, 0);
    at = decode(BODY_CLOSE, 0, "anything", 8);
    assert_int_equal(at->event, BODY_MORE);
    assert_int_equal(at->size, 8);
}

static int eof_after(enum body_kind kind, uint64_t length, const char *text)
{
    struct body body;
    struct span piece;
    size_t used, at = 0;
    begin(&body, kind, length);
    int r;
    while ((r = aiohttp__body_next(&body, text + at, strlen(text + at), &used, &piece)) ==
           BODY_DATA)
        at += used;
    assert_true(r >= 0);
    r = aiohttp__body_eof(&body);
    assert_true(r < 0 || body_is_complete(&body));
    return r;
}

static void the_end_of_the_connection(void **state)
{
    (void)state;
    assert_int_equal(eof_after(BODY_CLOSE, 0, "abc"), 0);
    assert_int_equal(eof_after(BODY_NONE, 0, ""), 0);
    assert_int_equal(eof_after(BODY_LENGTH, 3, "abc"), 0);
    assert_int_equal(eof_after(BODY_LENGTH, 4, "abc"), -AIOHTTP_PAYLOAD);
    assert_int_equal(eof_after(BODY_CHUNKED, 0, ""), -AIOHTTP_PAYLOAD);
    assert_int_equal(eof_after(BODY_CHUNKED, 0, "3\r\nabc\r\n"), -AIOHTTP_PAYLOAD);
    assert_int_equal(eof_after(BODY_CHUNKED, 0, "3\r\nabc\r\n0\r\n"), 0);
}

static void errors_stay(void **state)
{
    (void)state;
    struct body body;
    struct span piece;
    size_t used;
    begin(&body, BODY_CHUNKED, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(aiohttp__body_next(&body, "x", 1, &used, &piece),
                         -AIOHTTP_BAD_HTTP_MESSAGE);
        assert_int_equal(body.status, 400);
        assert_non_null(body.why);
    }
}

static double cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double time_of(const char *text, size_t size)
{
    static char out[400000];
    double least = 1e9;
    for (int i = 0; i < 7; i++) {
        struct body body;
        size_t used, got;
        begin(&body, BODY_CHUNKED, 0);
        double start = cpu();
        assert_int_equal(aiohttp__body_read(&body, text, size, &used, out, sizeof out, &got),
                         BODY_MORE);
        double took = cpu() - start;
        least = took < least ? took : least;
    }
    return least;
}

static void CVE_2025_69229_tiny_chunks_take_linear_time(void **state)
{
    (void)state;
    static char text[400000];
    for (size_t i = 0; i + 6 <= sizeof text; i += 6)
        memcpy(text + i, "1\r\nx\r\n", 6);
    double ratio = 3;
    for (int tries = 0; tries < 20 && ratio >= 2.3; tries++)
        ratio = time_of(text, 399996) / time_of(text, 199998);
    assert_true(ratio < 2.3);
}

int main(void)
{
    limits = aiohttp_server_limits();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_chunks),
        cmocka_unit_test(bad_chunks),
        cmocka_unit_test(CVE_2024_52304_bounds_on_extensions),
        cmocka_unit_test(CVE_2026_69244_a_bad_chunk_is_told_by_static_text),
        cmocka_unit_test(lengths),
        cmocka_unit_test(the_end_of_the_connection),
        cmocka_unit_test(errors_stay),
        cmocka_unit_test(CVE_2025_69229_tiny_chunks_take_linear_time),
    };
    return cmocka_run_group_tests_name("wire_chunked", tests, NULL, NULL);
}
