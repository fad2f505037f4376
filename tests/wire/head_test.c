/* SPDX-License-Identifier: MIT */
/* Good heads: what is found in them. Each is parsed in every way that its bytes may come
 * (support/heads.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/heads.h"

#include <errno.h>
#include <stdio.h>

static struct outcome *parse_as(struct heads how, const char *text)
{
    static struct outcome outcome;
    aiohttp_limits limits = how.kind == HEAD_RESPONSE ? aiohttp_client_limits()
                                                      : aiohttp_server_limits();
    how.limits = &limits;
    heads_parse(&how, text, strlen(text), &outcome);
    return &outcome;
}

static struct head *good(enum head_kind kind, const char *text)
{
    struct outcome *outcome = parse_as((struct heads){ .kind = kind }, text);
    if (outcome->result <= 0)
        fprintf(stderr, "%s: at %u: %s\n", text, outcome->head.error_at, outcome->head.why);
    assert_int_equal(outcome->result, strlen(text));
    return &outcome->head;
}

static void is_text(const char *data, struct place place, const char *expected)
{
    assert_int_equal(place.size, strlen(expected));
    assert_memory_equal(data + place.at, expected, place.size);
}

static void a_request(void **state)
{
    (void)state;
    const char *text =
        "POST /a/b?c=d HTTP/1.1\r\nHost: example.com:8080\r\nX-Own:\t two words \t\r\n"
        "content-length: 13\r\nEmpty:\r\n\r\n";
    struct head *head = good(HEAD_REQUEST, text);
    assert_int_equal(head->method, METHOD_POST);
    is_text(text, head->method_at, "POST");
    is_text(text, head->target, "/a/b?c=d");
    is_text(text, head->path, "/a/b?c=d");
    is_text(text, head->authority, "example.com:8080");
    assert_int_equal(head->target_form, TARGET_ORIGIN);
    assert_int_equal(head->version, 11);
    assert_int_equal(head->field_count, 4);
    assert_int_equal(head->body, BODY_LENGTH);
    assert_int_equal(head->content_length, 13);
    assert_int_equal(head->flags, HEAD_KEEP_ALIVE | HEAD_CONTENT_LENGTH);
    assert_true(span_is(head_field_name(text, &head->fields[1]), SPAN("X-Own")));
    assert_true(span_is(head_field_value(text, &head->fields[1]), SPAN("two words")));
    assert_int_equal(head->fields[1].id, HEADER_OTHER);
    assert_int_equal(head->fields[3].value_size, 0);
    assert_true(head_has(head, HEADER_HOST));
    assert_false(head_has(head, HEADER_COOKIE));
    assert_ptr_equal(head_find(head, HEADER_CONTENT_LENGTH, NULL), &head->fields[2]);
    assert_null(head_find(head, HEADER_COOKIE, NULL));
}

static void what_follows_the_head_is_not_its(void **state)
{
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /second";
    aiohttp_limits limits = aiohttp_server_limits();
    struct outcome at;
    heads_parse(&(struct heads){ .limits = &limits }, text, sizeof text - 1, &at);
    assert_int_equal(at.result, strlen(text) - strlen("GET /second"));
    assert_int_equal(aiohttp__head_parse(&at.head, text, sizeof text - 1), at.result); /* again */
}

static void every_method(void **state)
{
    (void)state;
    for (unsigned i = METHOD_OTHER + 1; i < METHOD_COUNT; i++) {
        char text[80];
        struct span method = aiohttp__method_text((enum method)i);
        snprintf(text, sizeof text, "%.*s %s HTTP/1.1\r\nHost: a\r\n\r\n", (int)method.size,
                 method.data, i == METHOD_CONNECT ? "a:1" : "/");
        assert_int_equal(good(HEAD_REQUEST, text)->method, i);
        assert_int_equal(aiohttp__method_of(method.data, method.size - 1), METHOD_OTHER);
    }
    assert_int_equal(good(HEAD_REQUEST, "get / HTTP/1.1\r\nHost: a\r\n\r\n")->method, METHOD_OTHER);
    assert_int_equal(good(HEAD_REQUEST, "X!#$ / HTTP/1.0\r\n\r\n")->method, METHOD_OTHER);
    assert_int_equal(aiohttp__method_text(METHOD_OTHER).size, 0);
}

static void every_form_of_target(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *authority;
        enum target_form form;
    } rows[] = {
        { "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "/", "h", TARGET_ORIGIN },
        { "GET //evil.com/x HTTP/1.1\r\nHost: h\r\n\r\n", "//evil.com/x", "h", TARGET_ORIGIN },
        { "GET /a|b^{}[]\\'? HTTP/1.1\r\nHost:\r\n\r\n", "/a|b^{}[]\\'?", "", TARGET_ORIGIN },
        { "GET http://t:1/a?b HTTP/1.1\r\nHost: h\r\n\r\n", "/a?b", "t:1", TARGET_ABSOLUTE },
        { "GET HTTPS://t HTTP/1.1\r\nHost: h\r\n\r\n", "", "t", TARGET_ABSOLUTE },
        { "GET http://t?b HTTP/1.0\r\n\r\n", "?b", "t", TARGET_ABSOLUTE },
        { "GET http://[::1]:80/ HTTP/1.0\r\n\r\n", "/", "[::1]:80", TARGET_ABSOLUTE },
        { "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "*", "h", TARGET_ASTERISK },
        { "CONNECT t:443 HTTP/1.1\r\nHost: h:1\r\n\r\n", "", "t:443", TARGET_AUTHORITY },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct head *head = good(HEAD_REQUEST, rows[i].text);
        is_text(rows[i].text, head->path, rows[i].path);
        is_text(rows[i].text, head->authority, rows[i].authority);
        assert_int_equal(head->target_form, rows[i].form);
    }
}

static void every_host(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "a",
        "a:",
        "a:0",
        "a:65535",
        "a:59999",
        "127.0.0.1:40000",
        "xn--bcher-kva.example",
        "127.0.0.1:80",
        "[::1]",
        "[fe80::1]:1",
        "a_b.c~d",
        "%41b",
        "",
        ":80",
        "a-very-long-name-that-is-longer-than-one-vector.example.com",
    };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        char text[160];
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
        is_text(text, good(HEAD_REQUEST, text)->authority, hosts[i]);
    }
}

static void flags_of(const char *first, const char *fields, unsigned flags)
{
    char text[300];
    snprintf(text, sizeof text, "%s\r\nHost: a\r\n%s\r\n", first, fields);
    assert_int_equal(good(HEAD_REQUEST, text)->flags, flags);
}

static void connections_stay_or_not(void **state)
{
    (void)state;
    const char *now = "GET / HTTP/1.1", *old = "GET / HTTP/1.0";
    flags_of(now, "", HEAD_KEEP_ALIVE);
    flags_of(now, "Connection: close\r\n", HEAD_CLOSE);
    flags_of(now, "Connection: CLOSE , foo\r\n", HEAD_CLOSE);
    flags_of(now, "Connection: foo\r\nConnection: close\r\n", HEAD_CLOSE);
    flags_of(now, "Connection: keep-alive\r\n", HEAD_KEEP_ALIVE | HEAD_SAID_KEEP_ALIVE);
    flags_of(now, "Connection: keep-alive, close\r\n", HEAD_CLOSE | HEAD_SAID_KEEP_ALIVE);
    flags_of(now, "Connection: ,, close-not\r\n", HEAD_KEEP_ALIVE);
    flags_of(old, "", 0);
    flags_of(old, "Connection: Keep-Alive\r\n", HEAD_KEEP_ALIVE | HEAD_SAID_KEEP_ALIVE);
    flags_of(now, "Connection: upgrade\r\nUpgrade: websocket\r\n", HEAD_KEEP_ALIVE | HEAD_UPGRADE);
    flags_of(now, "Connection: upgrade\r\n", HEAD_KEEP_ALIVE);
    flags_of(now, "Upgrade: websocket\r\n", HEAD_KEEP_ALIVE);
    flags_of(old, "Connection: upgrade\r\nUpgrade: websocket\r\n", 0);
    flags_of(now, "Expect: 100-Continue\r\n", HEAD_KEEP_ALIVE | HEAD_EXPECT_CONTINUE);
    flags_of(now, "Expect: tea\r\n", HEAD_KEEP_ALIVE | HEAD_EXPECT_OTHER);
    flags_of(old, "Expect: 100-continue\r\n", 0);
}

static void bodies_of_requests(void **state)
{
    (void)state;
    struct head *head = good(HEAD_REQUEST, "PUT / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(head->body, BODY_NONE);
    head = good(HEAD_REQUEST, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(head->body, BODY_NONE);
    assert_int_equal(head->flags, HEAD_KEEP_ALIVE | HEAD_CONTENT_LENGTH);
    head = good(HEAD_REQUEST, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:Chunked\r\n\r\n");
    assert_int_equal(head->body, BODY_CHUNKED);
    head = good(HEAD_REQUEST,
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 009223372036854775807\r\n\r\n");
    assert_true(head->content_length == INT64_MAX);
}

static void a_response(void **state)
{
    (void)state;
    const char *text = "HTTP/1.1 404 Not Found, \xc3\xa4\r\nServer: x\r\nServer: y\r\n"
                       "Set-Cookie: a\r\nSet-Cookie: b\r\n\r\n";
    struct head *head = good(HEAD_RESPONSE, text);
    assert_int_equal(head->status_code, 404);
    is_text(text, head->reason, "Not Found, \xc3\xa4");
    assert_int_equal(head->body, BODY_CLOSE);
    assert_int_equal(head->flags, 0);
    const struct head_field *first = head_find(head, HEADER_SET_COOKIE, NULL);
    assert_ptr_equal(first, &head->fields[2]);
    assert_ptr_equal(head_find(head, HEADER_SET_COOKIE, first), &head->fields[3]);
    assert_null(head_find(head, HEADER_SET_COOKIE, &head->fields[3]));
    assert_int_equal(good(HEAD_RESPONSE, "HTTP/1.0 200 \r\n\r\n")->version, 10);
}

static void bodies_of_responses(void **state)
{
    (void)state;
    static const struct {
        enum method method;
        int status;
        const char *field;
        enum body_kind body;
    } rows[] = {
        { METHOD_GET, 200, "Content-Length: 5", BODY_LENGTH },
        { METHOD_GET, 200, "Content-Length: 0", BODY_NONE },
        { METHOD_GET, 200, "Transfer-Encoding: chunked", BODY_CHUNKED },
        { METHOD_GET, 200, "X: y", BODY_CLOSE },
        { METHOD_HEAD, 200, "Content-Length: 5", BODY_NONE },
        { METHOD_HEAD, 404, "Transfer-Encoding: chunked", BODY_NONE },
        { METHOD_GET, 100, "X: y", BODY_NONE },
        { METHOD_GET, 101, "Connection: upgrade", BODY_NONE },
        { METHOD_GET, 204, "Content-Length: 5", BODY_NONE },
        { METHOD_GET, 304, "Transfer-Encoding: chunked", BODY_NONE },
        { METHOD_GET, 304, "Content-Length: 5", BODY_NONE },
        { METHOD_GET, 205, "Content-Length: 5", BODY_LENGTH },
        { METHOD_CONNECT, 200, "Content-Length: 5", BODY_NONE },
        { METHOD_CONNECT, 299, "Transfer-Encoding: chunked", BODY_NONE },
        { METHOD_CONNECT, 407, "Content-Length: 5", BODY_LENGTH },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[100];
        snprintf(text, sizeof text, "HTTP/1.1 %d x\r\n%s\r\n\r\n", rows[i].status, rows[i].field);
        struct outcome *outcome =
            parse_as((struct heads){ .kind = HEAD_RESPONSE, .answers = rows[i].method }, text);
        assert_int_equal(outcome->result, strlen(text));
        assert_int_equal(outcome->head.body, rows[i].body);
    }
}

static void trailers(void **state)
{
    (void)state;
    assert_int_equal(good(HEAD_TRAILERS, "\r\n")->field_count, 0);
    struct head *head = good(HEAD_TRAILERS, "Digest: x\r\nETag: y\r\n\r\n");
    assert_int_equal(head->field_count, 2);
    assert_int_equal(head->fields[1].id, HEADER_ETAG);
}

static void empty_lines_before_a_request(void **state)
{
    (void)state;
    const char *text = "\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    is_text(text, good(HEAD_REQUEST, text)->target, "/x");
}

static void each_leniency_is_its_own(void **state)
{
    (void)state;
    static const struct {
        enum head_kind kind;
        unsigned lenient;
        const char *text;
    } rows[] = {
        { HEAD_REQUEST, LENIENT_BARE_LF, "\nGET / HTTP/1.1\nHost: a\n\n" },
        { HEAD_RESPONSE, LENIENT_BARE_LF, "HTTP/1.1 200 OK\nA: b\r\nC: d\n\n" },
        { HEAD_RESPONSE, LENIENT_NO_REASON, "HTTP/1.1 200\r\n\r\n" },
        { HEAD_RESPONSE, LENIENT_SPACE_BEFORE_COLON, "HTTP/1.1 200 OK\r\nA \t: b\r\n\r\n" },
        { HEAD_REQUEST, LENIENT_TARGET, "GET /\"<\xc3\xa4> HTTP/1.1\r\nHost: a\r\n\r\n" },
        { HEAD_REQUEST, LENIENT_SAME_LENGTH,
          "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 05\r\n\r\n" },
        { HEAD_RESPONSE, LENIENT_LENGTH_AND_CODING,
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" },
        { HEAD_RESPONSE, LENIENT_LENGTH_AND_CODING,
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (unsigned bit = 0; bit < 64; bit = bit > 0 ? bit * 2 : 1) {
            struct outcome *at =
                parse_as((struct heads){ .kind = rows[i].kind, .lenient = bit }, rows[i].text);
            if (bit == rows[i].lenient)
                assert_int_equal(at->result, strlen(rows[i].text));
            else
                assert_true(at->result < 0);
            if (bit == LENIENT_LENGTH_AND_CODING && at->result > 0) {
                assert_int_equal(at->head.body, BODY_CHUNKED);
                assert_int_equal(at->head.content_length, 0);
            }
        }
}

/* Too few places for the fields: the caller makes more and goes on. */
static void more_room_for_fields(void **state)
{
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
    aiohttp_limits limits = aiohttp_server_limits();
    struct head head;
    struct head_field fields[4];
    for (uint32_t first = 0; first < 4; first++) {
        aiohttp__head_begin(&head, HEAD_REQUEST, &limits, 0, NULL, 0);
        head.fields = fields;
        head.field_capacity = first;
        int r, times = 0;
        while ((r = aiohttp__head_parse(&head, text, sizeof text - 1)) == -ENOBUFS) {
            head.field_capacity++;
            times++;
        }
        assert_int_equal(r, sizeof text - 1);
        assert_int_equal(times, 4 - first);
        assert_int_equal(head.field_count, 4);
        assert_memory_equal(text + fields[3].value, "3", 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request),
        cmocka_unit_test(what_follows_the_head_is_not_its),
        cmocka_unit_test(every_method),
        cmocka_unit_test(every_form_of_target),
        cmocka_unit_test(every_host),
        cmocka_unit_test(connections_stay_or_not),
        cmocka_unit_test(bodies_of_requests),
        cmocka_unit_test(a_response),
        cmocka_unit_test(bodies_of_responses),
        cmocka_unit_test(trailers),
        cmocka_unit_test(empty_lines_before_a_request),
        cmocka_unit_test(each_leniency_is_its_own),
        cmocka_unit_test(more_room_for_fields),
    };
    return cmocka_run_group_tests_name("wire_head", tests, NULL, NULL);
}
