/* SPDX-License-Identifier: MIT */
/* Bodies of requests: whole and in pieces, by length and in chunks, too large, not read at all,
 * cut off; Expect. */
#include "web/web_test.h"

#include "../aiohttp/message/coding.h"

#include <jansson.h>

static void add_to(char *all, size_t size, const char *piece, int count)
{
    size_t have = strlen(all);
    snprintf(all + have, size - have, "%.*s", count, piece);
}

/* Answers with what it got, in the way that the path says. */
static int mirror(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request), *body;
    size_t size;
    char buffer[64], all[4096] = "";
    (void)data;
    if (!path)
        return -ENOMEM;
    if (strcmp(path, "/read") == 0) {
        int r = aiohttp_web_request_read(request, &body, &size);
        if (r >= 0)
            r = aiohttp_web_request_read(request, &body, &size); /* again: the same */
        return r < 0 ? r : aiohttp_web_respond_bytes(request, body, size);
    }
    if (strcmp(path, "/text") == 0) {
        int r = aiohttp_web_request_text(request, &body);
        return r < 0 ? r : aiohttp_web_respond(request, body);
    }
    if (strcmp(path, "/json") == 0) {
        json_t *json, *answer;
        int r = aiohttp_web_request_json(request, &json);
        if (r >= 0)
            r = aiohttp_web_request_json(request, &json); /* again: the same */
        if (r < 0)
            return r;
        answer = json_pack("{s:O}", "got", json);
        r = answer ? aiohttp_web_respond_json(request, answer) : -ENOMEM;
        json_decref(answer);
        return r;
    }
    if (strcmp(path, "/pieces") == 0) {
        int n;
        while ((n = aiohttp_web_request_content_read(request, buffer, 7)) > 0)
            add_to(all, sizeof all, buffer, n);
        return n < 0 ? n : aiohttp_web_respond(request, all);
    }
    if (strcmp(path, "/view") == 0) {
        int n;
        while ((n = aiohttp_web_request_content_read_view(request, &body)) > 0)
            add_to(all, sizeof all, body, n);
        return n < 0 ? n : aiohttp_web_respond(request, all);
    }
    if (strcmp(path, "/first") == 0) {
        int n = aiohttp_web_request_content_read(request, buffer, 1);
        return n < 0 ? n : aiohttp_web_respond_bytes(request, buffer, (size_t)n);
    }
    return aiohttp_web_respond(request, "unread");
}

/* What is asked, and what comes. */
struct talk {
    const char *request, *begins, *body;
};

static int talk_all(struct live *live, const struct talk *talks, size_t count)
{
    char answer[8192];
    for (size_t i = 0; i < count; i++) {
        int r = live_ask(live, talks[i].request, answer, sizeof answer);
        if (r < 0)
            return r;
        CHECK_BEGINS(answer, talks[i].begins);
        if (talks[i].body)
            CHECK_TEXT(body_of(answer), talks[i].body);
    }
    return 0;
}

#define POST "POST "
#define HOST " HTTP/1.1\r\nHost: a\r\n"
#define LENGTH(n) "Content-Length: " #n "\r\n\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n"

static const struct talk good[] = {
    { POST "/read" HOST LENGTH(5) "hello", "HTTP/1.1 200 ", "hello" },
    { POST "/read" HOST LENGTH(0), "HTTP/1.1 200 ", "" },
    { POST "/read" HOST "\r\n", "HTTP/1.1 200 ", "" },
    { POST "/text" HOST LENGTH(5) "hello", "HTTP/1.1 200 ", "hello" },
    { POST "/pieces" HOST LENGTH(20) "abcdefghijklmnopqrst", "HTTP/1.1 200 ",
      "abcdefghijklmnopqrst" },
    { POST "/view" HOST LENGTH(20) "abcdefghijklmnopqrst", "HTTP/1.1 200 ",
      "abcdefghijklmnopqrst" },
    { POST "/read" HOST CHUNKED "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "HTTP/1.1 200 ", "hello!" },
    { POST "/pieces" HOST CHUNKED "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n", "HTTP/1.1 200 ",
      "hello!" },
    { POST "/text" HOST "Content-Type: text/plain; charset=iso-8859-1\r\n" LENGTH(2) "\xe4!",
      "HTTP/1.1 200 ", "\xc3\xa4!" },
    { POST "/text" HOST LENGTH(2) "\xe4!", "HTTP/1.1 400 ", NULL },
    { POST "/text" HOST "Content-Type: text/plain; charset=koi8-r\r\n" LENGTH(2) "\xc1!",
      "HTTP/1.1 200 ", "\xd0\xb0!" },
    { POST "/text" HOST "Content-Type: text/plain; charset=Latin1\r\n" LENGTH(2) "\xe4!",
      "HTTP/1.1 200 ", "\xc3\xa4!" },
    { POST "/text" HOST "Content-Type: text/plain; charset=SHIFT_JIS\r\n" LENGTH(3) "\x8a\xbf\\",
      "HTTP/1.1 200 ", "\xe6\xbc\xa2\\" },
    { POST "/text" HOST "Content-Type: text/plain; charset=gbk\r\n" LENGTH(2) "\xba\xba",
      "HTTP/1.1 200 ", "\xe6\xb1\x89" },
    { POST "/text" HOST "Content-Type: text/plain; charset=windows-1252\r\n" LENGTH(2) "\x80!",
      "HTTP/1.1 200 ", "\xe2\x82\xac!" },
    { POST "/text" HOST "Content-Type: text/plain; charset=utf-16\r\n" LENGTH(4)
      "\xff\xfe\x22\x6f", "HTTP/1.1 200 ", "\xe6\xbc\xa2" },
    { POST "/text" HOST "Content-Type: text/plain; charset=windows-1252\r\n" LENGTH(2) "\x81!",
      "HTTP/1.1 400 ", NULL },
    { POST "/text" HOST "Content-Type: text/plain; charset=gbk\r\n" LENGTH(1) "\xba",
      "HTTP/1.1 400 ", NULL },
    { POST "/text" HOST "Content-Type: text/plain; charset=utf-16le\r\n" LENGTH(3)
      "\x22\x6f\x22", "HTTP/1.1 400 ", NULL },
    { POST "/text" HOST "Content-Type: text/plain; charset=utf-7\r\n" LENGTH(2) "a!",
      "HTTP/1.1 415 ", NULL },
    { POST "/text" HOST "Content-Type: text/plain; charset=\"koi8-r//IGNORE\"\r\n" LENGTH(2) "a!",
      "HTTP/1.1 415 ", NULL },
    { POST "/text" HOST "Content-Type: text/plain; charset=iso-2022-kr\r\n" LENGTH(2) "a!",
      "HTTP/1.1 415 ", NULL },
    { POST "/text" HOST "Content-Type: text/plain; charset=ibm037\r\n" LENGTH(2) "a!",
      "HTTP/1.1 415 ", NULL },
    { POST "/text" HOST "Content-Type: text/plain; charset=\"../a\"\r\n" LENGTH(2) "a!",
      "HTTP/1.1 415 ", NULL },
    { POST "/text" HOST "Content-Type: text/plain; charset=\"\"\r\n" LENGTH(2) "a!",
      "HTTP/1.1 415 ", NULL },
    { POST "/json" HOST LENGTH(7) "[1,{}] ", "HTTP/1.1 200 ", "{\"got\":[1,{}]}" },
    { POST "/json" HOST LENGTH(3) "[1,", "HTTP/1.1 400 ", NULL },
    { POST "/read" HOST "Content-Encoding: rot13\r\n" LENGTH(3) "abc", "HTTP/1.1 415 ", NULL },
    { POST "/read" HOST "Content-Encoding: gzip\r\n" LENGTH(3) "abc", "HTTP/1.1 400 ", NULL },
    { POST "/read" HOST "Content-Encoding: identity\r\n" LENGTH(3) "abc", "HTTP/1.1 200 ", "abc" },
    { POST "/read" HOST CHUNKED "x\r\nhello\r\n", "HTTP/1.1 400 ", NULL },
    { POST "/read" HOST CHUNKED "5\r\nhelloX\r\n0\r\n\r\n", "HTTP/1.1 400 ", NULL },
    { POST "/read" HOST CHUNKED "5\r\nhello\r\n0\r\nX Y: z\r\n\r\n", "HTTP/1.1 400 ", NULL },
};

static int bodies(void *data)
{
    struct live live;
    (void)data;
    int r = live_start(&live, mirror);
    if (r >= 0)
        r = talk_all(&live, good, sizeof good / sizeof *good);
    return live_end(&live, r);
}

/* Compressed bodies are decoded as they are read; bombs are not. */
static int encoded(void *data)
{
    static char plain[100000], packed[2048], request[4096], answer[4096];
    struct encoder *encoder;
    struct live live;
    (void)data;
    struct span in = { plain, 500 };
    memset(plain, 'a', sizeof plain);
    int r = aiohttp__encoder_new(CODING_GZIP, -1, &encoder);
    if (r < 0)
        return r;
    int size = aiohttp__encoder_step(encoder, &in, ENCODE_FINISH, packed, sizeof packed);
    aiohttp__encoder_free(encoder);
    int head = snprintf(request, sizeof request,
                        POST "/read" HOST "Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n",
                        size);
    memcpy(request + head, packed, (size_t)size);
    r = live_start(&live, mirror);
    if (r >= 0)
        r = live_ask_bytes(&live, request, (size_t)(head + size), answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 200 ");
    plain[500] = '\0';
    CHECK_TEXT(body_of(answer), plain);
    return 0;
}

/* What was not read is dropped, and the next request is found behind it. */
static int unread(void *data)
{
    char answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, mirror);
    if (r >= 0)
        r = live_ask(&live,
                     POST "/no" HOST LENGTH(5) "hello" POST "/first" HOST CHUNKED
                          "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" POST "/read" HOST LENGTH(3) "end",
                     answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_IS(count_of(answer, "HTTP/1.1 200 "), 3);
    CHECK_HAS(answer, "unread");
    CHECK_TEXT(body_of(strstr(strstr(answer, "unread"), "HTTP/1.1")) + 1,
               strstr(answer, "aHTTP") + 1);
    CHECK_TEXT(strrchr(answer, '\n') + 1, "end");
    return 0;
}

static aiohttp_web_server_options small(aiohttp_limits *limits)
{
    *limits = aiohttp_server_limits();
    limits->body = 10;
    limits->lingering = 100;
    aiohttp_web_server_options options = { .size = sizeof options };
    options.limits = limits;
    options.keepalive_timeout = -1;
    return options;
}

/* What nobody reads turns out to be no body: the answer to it, and those before it that were held
 * back to go out with it, are sent all the same. */
static int unread_and_bad(void *data)
{
    char answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, mirror);
    if (r >= 0)
        r = live_ask(&live,
                     POST "/read" HOST LENGTH(5) "first" POST "/no" HOST CHUNKED "no chunk\r\n",
                     answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_IS(count_of(answer, "HTTP/1.1 200 "), 2);
    CHECK_HAS(answer, "first");
    CHECK_HAS(answer, "unread");
    return 0;
}

/* The same, where more of it has come than is dropped for the sake of the next request. */
static int unread_and_large(void *data)
{
    char request[8192], answer[4096];
    aiohttp_limits limits;
    struct live live;
    (void)data;
    aiohttp_web_server_options options = small(&limits);
    int size = snprintf(request, sizeof request,
                        "GET /no HTTP/1.1\r\nHost: a\r\n\r\n" POST "/no" HOST CHUNKED "400\r\n");
    memset(request + size, 'x', 1024);
    int r = live_start_with(&live, mirror, &options);
    if (r >= 0)
        r = live_ask_bytes(&live, request, (size_t)size + 1024, answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_IS(count_of(answer, "HTTP/1.1 200 "), 2);
    return 0;
}

static const struct talk large[] = {
    { POST "/read" HOST LENGTH(10) "0123456789", "HTTP/1.1 200 ", "0123456789" },
    { POST "/read" HOST LENGTH(11) "0123456789a", "HTTP/1.1 413 ", NULL },
    { POST "/read" HOST CHUNKED "a\r\n0123456789\r\n0\r\n\r\n", "HTTP/1.1 200 ", "0123456789" },
    { POST "/read" HOST CHUNKED "a\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n", "HTTP/1.1 413 ", NULL },
    { POST "/read" HOST LENGTH(99999999999) "01", "HTTP/1.1 413 ", NULL },
    { POST "/no" HOST LENGTH(99999999999) "01", "HTTP/1.1 200 OK\r\n", NULL },
};

static int too_large(void *data)
{
    aiohttp_limits limits;
    struct live live;
    (void)data;
    aiohttp_web_server_options options = small(&limits);
    int r = live_start_with(&live, mirror, &options);
    if (r >= 0)
        r = talk_all(&live, large, sizeof large / sizeof *large);
    return live_end(&live, r);
}

/* A peer that sends three megabytes so many times before it reads gets its 413, and not a reset. */
static int sent_before_read(struct live *live, const char *head, int times)
{
    static char body[3000000];
    char answer[4096];
    asyncio_stream *stream;
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    memset(body, 'b', sizeof body);
    r = asyncio_stream_write(stream, head, strlen(head));
    for (int i = 0; i < times && r >= 0; i++)
        r = asyncio_stream_write(stream, body, sizeof body);
    if (r >= 0)
        r = asyncio_stream_write_eof(stream);
    if (r >= 0)
        r = read_all(stream, answer, sizeof answer - 1);
    asyncio_stream_unref(stream);
    if (r < 0)
        return r;
    answer[r] = '\0';
    CHECK_BEGINS(answer, "HTTP/1.1 413 ");
    return 0;
}

static int refused_late(void *data)
{
    struct live live;
    (void)data;
    if (world.is_chopped || world.is_seeded)
        return 0; /* a byte at a time it takes more than lingering_time */
    int r = live_start(&live, mirror);
    if (r >= 0)
        r = sent_before_read(&live, POST "/read" HOST LENGTH(3000000), 1);
    if (r >= 0) /* a chunk of 3,000,000 */
        r = sent_before_read(&live, POST "/read" HOST CHUNKED "2dc6c0\r\n", 1);
    if (r >= 0) /* it ends by time alone */
        r = sent_before_read(&live, POST "/read" HOST LENGTH(24000000), 8);
    return live_end(&live, r);
}

/* A peer that goes in the middle of it. */
static int cut_off(void *data)
{
    char answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, mirror);
    if (r >= 0)
        r = live_ask(&live, POST "/read" HOST LENGTH(5) "hel", answer, sizeof answer);
    if (r >= 0) {
        CHECK(strstr(answer, " 200 ") == NULL);
        r = live_ask(&live, POST "/read" HOST CHUNKED "5\r\nhello\r\n", answer, sizeof answer);
    }
    if (r >= 0)
        CHECK(strstr(answer, " 200 ") == NULL);
    r = live_end(&live, r);
    CHECK_IS(reports.count, 0); /* it is not our fault */
    return r;
}

/* 100 Continue comes when the body is wanted, and not before. */
static int expecting(struct live *live)
{
    char answer[4096];
    asyncio_stream *stream;
    const char *head = POST "/read" HOST "Expect: 100-continue\r\n" LENGTH(5);
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    r = asyncio_stream_write(stream, head, strlen(head));
    if (r >= 0)
        r = asyncio_stream_readuntil(stream, "\r\n\r\n", 4, answer, sizeof answer - 1);
    if (r >= 0) {
        answer[r] = '\0';
        CHECK_TEXT(answer, "HTTP/1.1 100 Continue\r\n\r\n");
        r = asyncio_stream_write(stream, "hello", 5);
    }
    if (r >= 0)
        r = asyncio_stream_readuntil(stream, "hello", 5, answer, sizeof answer - 1);
    if (r >= 0) {
        answer[r] = '\0';
        CHECK_BEGINS(answer, "HTTP/1.1 200 ");
        CHECK(!strstr(answer, "Connection: close"));
    }
    asyncio_stream_unref(stream);
    return r;
}

static int expect(void *data)
{
    char answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, mirror);
    if (r >= 0)
        r = expecting(&live);
    /* Not wanted: the answer at once, and nobody waits for the body. */
    if (r >= 0)
        r = live_ask(&live, POST "/no" HOST "Expect: 100-continue\r\n" LENGTH(5), answer,
                     sizeof answer);
    if (r >= 0) {
        CHECK_BEGINS(answer, "HTTP/1.1 200 ");
        CHECK_HAS(answer, "Connection: close");
        r = live_ask(&live, POST "/no" HOST "Expect: wonders\r\n" LENGTH(5) "hello", answer,
                     sizeof answer);
    }
    if (r >= 0)
        CHECK_BEGINS(answer, "HTTP/1.1 417 ");
    return live_end(&live, r);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(bodies)
CASE(unread)
CASE(unread_and_bad)
CASE(unread_and_large)
CASE(encoded)
CASE(too_large)
CASE(refused_late)
CASE(cut_off)
CASE(expect)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),  cmocka_unit_test(test_unread),
        cmocka_unit_test(test_unread_and_bad), cmocka_unit_test(test_unread_and_large),
        cmocka_unit_test(test_encoded),
        cmocka_unit_test(test_too_large), cmocka_unit_test(test_refused_late),
        cmocka_unit_test(test_cut_off), cmocka_unit_test(test_expect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
