/* SPDX-License-Identifier: MIT */
/* Heads that must be refused, each with the place of the byte that is wrong (where the second text
 * begins) and the status to answer, in every way that their bytes may come. Rows that are named for
 * an advisory are what it was about; the others are classes of mistakes that HTTP servers made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/heads.h"

#include <aiohttp/error.h>
#include <stdio.h>

struct row {
    const char *name;
    enum head_kind kind;
    int status;
    const char *good;
    size_t good_size;
    const char *rest;
    size_t rest_size;
};

#define ROW(name, kind, status, good, rest)                                                        \
    { name, kind, status, good, sizeof(good) - 1, rest, sizeof(rest) - 1 },
#define REQUEST(name, status, good, rest) ROW(name, HEAD_REQUEST, status, good, rest)
#define RESPONSE(name, good, rest) ROW(name, HEAD_RESPONSE, 0, good, rest)
#define TRAILER(name, good, rest) ROW(name, HEAD_TRAILERS, 400, good, rest)
/* Behind a request line and Host. */
#define FIELD(name, status, good, rest)                                                            \
    REQUEST(name, status, "GET / HTTP/1.1\r\nHost: a\r\n" good, rest "\r\n\r\n")

static const struct row rows[] = {
    /* --- advisories --- */
    FIELD("CVE-2023-37276: CR in a value begins a header", 400, "A: b", "\rC: d")
    FIELD("CVE-2023-37276: NUL in a value", 400, "A: b", "\0c")
    FIELD("CVE-2023-37276: LF in a value", 400, "A: b", "\nC: d")
    FIELD("CVE-2023-37276: NUL in a name", 400, "A", "\0b: c")
    FIELD("CVE-2023-37276: DEL in a value", 400, "A: b", "\x7f")
    RESPONSE("CVE-2023-37276: CR in a response", "HTTP/1.1 200 OK\r\nA: b", "\rC: d\r\n\r\n")
    FIELD("CVE-2023-47627: Content-Length with a sign", 400, "Content-Length: ", "+5")
    FIELD("CVE-2023-47627: Content-Length below 0", 400, "Content-Length: ", "-5")
    FIELD("CVE-2023-47627: Content-Length with an underscore", 400, "Content-Length: 1", "_0")
    FIELD("CVE-2023-47627: Content-Length with a space", 400, "Content-Length: 1", " 0")
    FIELD("CVE-2023-47627: Content-Length in hexadecimal", 400, "Content-Length: 0", "x10")
    FIELD("CVE-2023-47627: empty Content-Length", 400, "Content-Length: ", "")
    FIELD("CVE-2023-47627: a space before the colon", 400, "Content-Length", " : 5")
    FIELD("CVE-2023-47641: length, then chunked", 400, "Content-Length: 5\r\n",
          "Transfer-Encoding: chunked")
    FIELD("CVE-2023-47641: chunked, then length", 400, "Transfer-Encoding: chunked\r\n",
          "Content-Length: 5")
    RESPONSE("CVE-2023-47641: both in a response", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
             "Transfer-Encoding: chunked\r\n\r\n")
    FIELD("CVE-2024-23829: a folded line", 400, "A: b\r\n", " c")
    FIELD("CVE-2024-23829: a line folded by a tab", 400, "A: b\r\n", "\tc")
    REQUEST("CVE-2024-23829: two spaces before the target", 400, "GET ", " / HTTP/1.1\r\n\r\n")
    REQUEST("CVE-2024-23829: a tab as separator", 400, "GET", "\t/ HTTP/1.1\r\n\r\n")
    REQUEST("CVE-2024-23829: two spaces before the version", 400, "GET / ", " HTTP/1.1\r\n\r\n")
    REQUEST("CVE-2024-23829: a space before the method", 400, "", " GET / HTTP/1.1\r\n\r\n")
    REQUEST("CVE-2023-49082: CR LF in the method", 400, "GE", "\r\nT / HTTP/1.1\r\n\r\n")
    REQUEST("CVE-2023-49081: more behind the version", 400, "GET / HTTP/1.1", " X\r\n\r\n")
    FIELD("CVE-2025-69224: digits beyond ASCII", 400, "Content-Length: ", "\xd9\xa1")
    REQUEST("CVE-2025-69224: a version beyond ASCII", 400, "GET / HTTP/1.", "\xd9\xa1\r\n\r\n")
    RESPONSE("CVE-2026-34519: CR in a reason", "HTTP/1.1 200 O", "\rK\r\n\r\n")
    RESPONSE("CVE-2026-34520: NUL in a reason", "HTTP/1.1 200 O", "\0K\r\n\r\n")
    RESPONSE("CVE-2026-34520: NUL in a response's value", "HTTP/1.1 200 OK\r\nA: b",
             "\0c\r\n\r\n")
    RESPONSE("CVE-2026-34520: a control in a response's value", "HTTP/1.1 200 OK\r\nA: b",
             "\x01\r\n\r\n")
    FIELD("CVE-2026-34525: Host twice", 400, "", "Host: b")
    FIELD("CVE-2026-34525: Host twice, the same", 400, "", "host: a")
    FIELD("CVE-2026-34525: Content-Type twice", 400, "Content-Type: a\r\n", "Content-Type: b")
    FIELD("CVE-2026-34525: Content-Length twice, the same", 400, "Content-Length: 5\r\n",
          "Content-Length: 5")
    FIELD("CVE-2026-34525: Transfer-Encoding twice", 400, "Transfer-Encoding: chunked\r\n",
          "Transfer-Encoding: chunked")
    TRAILER("CVE-2025-53643: trailers are read as strictly", "A: b\r\nC", " : d\r\n\r\n")
    TRAILER("CVE-2025-53643: no CR LF in a trailer", "A: b", "\nC: d\r\n\r\n")
    TRAILER("CVE-2025-53643: Content-Length as a trailer", "A: b\r\n",
            "Content-Length: 5\r\n\r\n")
    TRAILER("CVE-2025-53643: Transfer-Encoding as a trailer", "",
            "Transfer-Encoding: chunked\r\n\r\n")
    TRAILER("CVE-2025-53643: Host as a trailer", "", "Host: a\r\n\r\n")

    /* --- lengths and codings --- */
    FIELD("CVE-2023-34188: a length of 2^63", 400, "Content-Length: 922337203685477580", "8")
    FIELD("CVE-2013-2028: a length beyond 64 bits", 400, "Content-Length: 9223372036854775807",
          "9999999999")
    FIELD("a list of lengths", 400, "Content-Length: 5", ", 5")
    RESPONSE("Content-Length twice in a response",
             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", "Content-Length: 6\r\n\r\n")
    FIELD("a coding that nobody knows", 501, "Transfer-Encoding: ", "gzip, chunked")
    FIELD("only a coding that nobody knows", 501, "Transfer-Encoding: ", "xchunked")
    FIELD("a coding with something behind", 501, "Transfer-Encoding: ", "chunked;a=b")
    FIELD("chunked is not the last", 400, "Transfer-Encoding: ", "chunked, gzip")
    FIELD("chunked twice", 400, "Transfer-Encoding: ", "chunked, chunked")
    FIELD("no coding at all", 400, "Transfer-Encoding: ", "")
    FIELD("an empty element among codings", 400, "Transfer-Encoding: ", ",chunked")
    FIELD("CVE-2022-32213: a control before chunked", 400, "Transfer-Encoding: ", "\vchunked")
    REQUEST("chunked in HTTP/1.0", 400, "POST / HTTP/1.0\r\n",
            "Transfer-Encoding: chunked\r\n\r\n")
    RESPONSE("gzip as transfer coding of a response", "HTTP/1.1 200 OK\r\nTransfer-Encoding: ",
             "gzip\r\n\r\n")

    /* --- versions --- */
    REQUEST("HTTP/0.9", 400, "GET /", "\r\n\r\n")
    REQUEST("HTTP/2", 505, "PRI * HTTP/", "2.0\r\n\r\nSM\r\n\r\n")
    REQUEST("HTTP/1.2", 505, "GET / HTTP/1.", "2\r\n\r\n")
    REQUEST("HTTP/0.1", 505, "GET / HTTP/", "0.1\r\n\r\n")
    REQUEST("HTTP/1.10", 400, "GET / HTTP/1.1", "0\r\n\r\n")
    REQUEST("HTTP/01.1", 505, "GET / HTTP/", "01.1\r\n\r\n")
    REQUEST("another protocol", 400, "GET / ", "ICAP/1.0\r\n\r\n")
    REQUEST("a version in small letters", 400, "GET / ", "http/1.1\r\n\r\n")
    RESPONSE("a response of HTTP/2", "HTTP/", "2 200 OK\r\n\r\n")
    RESPONSE("Shoutcast", "", "ICY 200 OK\r\n\r\n")

    /* --- request lines --- */
    REQUEST("TLS on this port", 400, "", "\x16\x03\x01\x02")
    REQUEST("no name for a method", 400, "", "(GET) / HTTP/1.1\r\n\r\n")
    REQUEST("no method", 400, "", ":GET / HTTP/1.1\r\n\r\n")
    REQUEST("CR before the request", 400, "", "\rGET / HTTP/1.1\r\n\r\n")
    REQUEST("LF before the request", 400, "", "\nGET / HTTP/1.1\r\n\r\n")
    REQUEST("LF behind the request line", 400, "GET / HTTP/1.1", "\nHost: a\r\n\r\n")
    REQUEST("CR behind the request line", 400, "GET / HTTP/1.1", "\rHost: a\r\n\r\n")
    REQUEST("NUL in the target", 400, "GET /", "\0 HTTP/1.1\r\n\r\n")
    REQUEST("a fragment", 400, "GET /a", "#b HTTP/1.1\r\n\r\n")
    REQUEST("a quote in the target", 400, "GET /a", "\"b HTTP/1.1\r\n\r\n")
    REQUEST("UTF-8 in the target", 400, "GET /", "\xc3\xa4 HTTP/1.1\r\n\r\n")
    REQUEST("a target that is no path", 400, "GET ", "a HTTP/1.1\r\n\r\n")
    REQUEST("a target in another scheme", 400, "GET ", "ftp://a/ HTTP/1.1\r\n\r\n")
    REQUEST("* for another method than OPTIONS", 400, "GET ", "* HTTP/1.1\r\n\r\n")
    REQUEST("CONNECT to a path", 400, "CONNECT ", "/ HTTP/1.1\r\n\r\n")
    REQUEST("CONNECT without a port", 400, "CONNECT a", " HTTP/1.1\r\n\r\n")
    REQUEST("CONNECT without a host", 400, "CONNECT :1", " HTTP/1.1\r\n\r\n")
    REQUEST("a target without a host", 400, "GET http://", "/ HTTP/1.1\r\n\r\n")
    REQUEST("a user in the target", 400, "GET http://a", "@b/ HTTP/1.1\r\n\r\n")

    /* --- Host --- */
    REQUEST("no Host", 400, "GET / HTTP/1.1\r\n\r\n", "")
    REQUEST("no Host beside a whole URL", 400, "GET http://a/ HTTP/1.1\r\n\r\n", "")
    REQUEST("a user in Host", 400, "GET / HTTP/1.1\r\nHost: a", "@b\r\n\r\n")
    REQUEST("a path in Host", 400, "GET / HTTP/1.1\r\nHost: a", "/b\r\n\r\n")
    REQUEST("two hosts in Host", 400, "GET / HTTP/1.1\r\nHost: a", " b\r\n\r\n")
    REQUEST("a port that is none", 400, "GET / HTTP/1.1\r\nHost: a:8", "o\r\n\r\n")
    REQUEST("a port beyond 65535", 400, "GET / HTTP/1.1\r\nHost: a:6553", "6\r\n\r\n")
    REQUEST("a port of six digits", 400, "GET / HTTP/1.1\r\nHost: a:40000", "0\r\n\r\n")
    REQUEST("a port with a fifth that is none", 400, "GET / HTTP/1.1\r\nHost: a:4000", "o\r\n\r\n")
    REQUEST("an open bracket", 400, "GET / HTTP/1.1\r\nHost: [::", "1\r\n\r\n")
    REQUEST("nothing in brackets", 400, "GET / HTTP/1.1\r\nHost: [", "]\r\n\r\n")
    REQUEST("an address without brackets", 400, "GET / HTTP/1.1\r\nHost: :", ":1\r\n\r\n")
    REQUEST("a broken escape in Host", 400, "GET / HTTP/1.1\r\nHost: a", "%4\r\n\r\n")

    /* --- fields --- */
    FIELD("no colon", 400, "A", "")
    FIELD("no name", 400, "", ": b")
    FIELD("a space in a name", 400, "A", " b: c")
    FIELD("an 8-bit name", 400, "A", "\xe4: c")
    REQUEST("a folded first line", 400, "GET / HTTP/1.1\r\n", " Host: a\r\n\r\n")
    REQUEST("CR at the head's end", 400, "GET / HTTP/1.1\r\nHost: a\r\n", "\rX\r\n")
    FIELD("no token in Connection", 400, "Connection: close, a", " b")

    /* --- status lines --- */
    RESPONSE("an empty line before a response", "", "\r\nHTTP/1.1 200 OK\r\n\r\n")
    RESPONSE("a status of two digits", "HTTP/1.1 20", " OK\r\n\r\n")
    RESPONSE("a status of four digits", "HTTP/1.1 200", "0 OK\r\n\r\n")
    RESPONSE("a status below 100", "HTTP/1.1 ", "099 OK\r\n\r\n")
    RESPONSE("a status with a sign", "HTTP/1.1 ", "+20 OK\r\n\r\n")
    RESPONSE("two spaces before the status", "HTTP/1.1 ", " 200 OK\r\n\r\n")
    RESPONSE("no space behind the status", "HTTP/1.1 200", "\r\n\r\n")
    RESPONSE("a request", "", "GET / HTTP/1.1\r\n\r\n")
};

static void each_is_refused_at_its_place(void **state)
{
    (void)state;
    static struct outcome at;
    aiohttp_limits limits = aiohttp_server_limits();
    int wrong = 0;
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof *rows; row++) {
        char text[300];
        memcpy(text, row->good, row->good_size);
        memcpy(text + row->good_size, row->rest, row->rest_size);
        heads_parse(&(struct heads){ .kind = row->kind, .limits = &limits }, text,
                    row->good_size + row->rest_size, &at);
        if (at.result != -AIOHTTP_BAD_HTTP_MESSAGE || at.head.status != row->status ||
            at.head.error_at != row->good_size) {
            fprintf(stderr, "%s: %d, status %d, at %u (%s); should be status %d at %zu\n",
                    row->name, at.result, at.head.status, at.head.error_at,
                    at.head.why != NULL ? at.head.why : "", row->status, row->good_size);
            wrong++;
        }
        assert_int_equal(aiohttp__head_parse(&at.head, text, row->good_size), at.result);
    }
    assert_int_equal(wrong, 0);
}

/* Every byte, at every place of a head that is good without it: a control is never taken in. */
static void controls_are_nowhere(void **state)
{
    (void)state;
    static const char good[] = "GET /x HTTP/1.1\r\nHost: a\r\nB: c d\r\n\r\n";
    aiohttp_limits limits = aiohttp_server_limits();
    for (size_t place = 0; place + 4 < sizeof good; place++)
        for (int c = 0; c < 256; c++) {
            struct head head;
            struct head_field fields[8];
            char text[sizeof good];
            memcpy(text, good, place);
            text[place] = (char)c;
            memcpy(text + place + 1, good + place, sizeof good - 1 - place);
            aiohttp__head_begin(&head, HEAD_REQUEST, &limits, 0, fields, 8);
            int r = aiohttp__head_parse(&head, text, sizeof text);
            if (r <= 0)
                continue;
            assert_true((c >= 0x20 && c != 0x7f) || c == '\t');
            for (uint32_t i = 0; i < head.field_count; i++) {
                struct span value = head_field_value(text, &head.fields[i]);
                for (size_t k = 0; k < value.size; k++)
                    assert_true((unsigned char)value.data[k] >= 0x20 || value.data[k] == '\t');
            }
        }
}

static const char of_response[] = "HTTP/1.1 200 Fine\r\nA: b c\r\nEmpty:\r\n\r\n";

/* Responses are read by the rules of requests: every byte, put at every place of a good one, and in
 * place of every byte of it. What is taken has no control in its reason or in any value. */
static void CVE_2026_34520_responses_are_read_as_strictly(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    for (size_t place = 0; place + 3 < sizeof of_response; place++)
        for (int c = 0; c < 512; c++) {
            struct head head;
            struct head_field fields[8];
            char text[sizeof of_response] = "";
            size_t left_out = c >= 256; /* replaced */
            memcpy(text, of_response, place);
            text[place] = (char)c;
            memcpy(text + place + 1, of_response + place + left_out,
                   sizeof of_response - 1 - place - left_out);
            aiohttp__head_begin(&head, HEAD_RESPONSE, &limits, 0, fields, 8);
            if (aiohttp__head_parse(&head, text, sizeof text - left_out) <= 0)
                continue;
            /* CR and LF can be taken only where a line ends with both of them */
            int byte = c & 255;
            assert_true((byte >= 0x20 && byte != 0x7f) || byte == '\t' || byte == '\r' ||
                        byte == '\n');
            if (byte == '\r' || byte == '\n')
                assert_memory_equal(text, of_response, sizeof of_response - 1);
            for (uint32_t i = 0; i < head.field_count; i++) {
                struct span value = head_field_value(text, &head.fields[i]);
                for (size_t k = 0; k < value.size; k++)
                    assert_true((unsigned char)value.data[k] >= 0x20 || value.data[k] == '\t');
            }
        }
}

/* What an error says is static text and a place within what came: it is still there, and the same,
 * when the bytes that it is about are gone; and nothing behind them was read (each row lies in
 * memory that ends where it ends). */
static void CVE_2026_69244_an_error_keeps_none_of_the_bytes(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof *rows; row++) {
        const char *first = NULL;
        for (int fill = 0; fill < 2; fill++) {
            size_t size = row->good_size + row->rest_size;
            struct head head;
            struct head_field fields[16];
            char *text = malloc(size);
            assert_non_null(text);
            memcpy(text, row->good, row->good_size);
            memcpy(text + row->good_size, row->rest, row->rest_size);
            aiohttp__head_begin(&head, row->kind, &limits, 0, fields, 16);
            assert_int_equal(aiohttp__head_parse(&head, text, size), -AIOHTTP_BAD_HTTP_MESSAGE);
            memset(text, fill, size);
            free(text);
            assert_true(head.error_at <= size);
            assert_true(head.why != NULL && strlen(head.why) > 0);
            first = first ? first : head.why;
            assert_ptr_equal(head.why, first);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_refused_at_its_place),
        cmocka_unit_test(controls_are_nowhere),
        cmocka_unit_test(CVE_2026_34520_responses_are_read_as_strictly),
        cmocka_unit_test(CVE_2026_69244_an_error_keeps_none_of_the_bytes),
    };
    return cmocka_run_group_tests_name("wire_head_bad", tests, NULL, NULL);
}
