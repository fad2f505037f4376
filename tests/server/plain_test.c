/* SPDX-License-Identifier: MIT */
/* Requests and their answers on a connection: one after the other, sent ahead, refused. */
#include "web/web_test.h"

static int hello(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_respond(request, "Hello, world\n");
}

static int get(void *data)
{
    char answer[1024];
    struct live live;
    (void)data;
    int r = live_start(&live, hello);
    if (r >= 0)
        r = live_ask(&live, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 200 OK\r\n");
    CHECK_HAS(answer, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
    CHECK_HAS(answer, "\r\nContent-Length: 13\r\n");
    CHECK_HAS(answer, "\r\nDate: ");
    CHECK_HAS(answer, "\r\nServer: aiohttp/");
    CHECK_TEXT(body_of(answer), "Hello, world\n");
    return 0;
}

/* Each answer is read before the next request is sent. */
static int keep_alive_on(asyncio_stream *stream)
{
    char answer[1024];
    for (int i = 0; i < 20; i++) {
        const char *request = i == 19 ? "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                                      : "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        int r = asyncio_stream_write(stream, request, strlen(request));
        if (r >= 0)
            r = asyncio_stream_readuntil(stream, "world\n", 6, answer, sizeof answer - 1);
        if (r < 0)
            return r;
        answer[r] = '\0';
        CHECK_BEGINS(answer, "HTTP/1.1 200 OK\r\n");
        CHECK_IS(strstr(answer, "Connection: close") != NULL, i == 19);
    }
    return asyncio_stream_read(stream, answer, sizeof answer);
}

static int keep_alive(void *data)
{
    struct live live;
    asyncio_stream *stream = NULL;
    (void)data;
    int r = live_start(&live, hello);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = keep_alive_on(stream);
    asyncio_stream_unref(stream);
    if (r >= 0) {
        aiohttp_web_server_stats stats;
        aiohttp_web_server_get_stats(live.server, &stats);
        r = stats.requests_count == 20 ? 0 : -EPROTO;
    }
    return live_end(&live, r);
}

/* Says which it is, after a while that differs. */
static int numbered(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request);
    (void)data;
    if (path && path[1] % 3 == 0) {
        int r = asyncio_sleep(path[1] % 2 ? 0.001 : 0);
        if (r < 0)
            return r;
    }
    return aiohttp_web_respondf(request, "[%s]", path);
}

static int pipelined(void *data)
{
    char request[4096] = "", answer[16384];
    struct live live;
    (void)data;
    for (int i = 0; i < 26; i++)
        snprintf(request + strlen(request), sizeof request - strlen(request),
                 "GET /%c HTTP/1.1\r\nHost: a\r\n\r\n", 'a' + i);
    int r = live_start(&live, numbered);
    if (r >= 0)
        r = live_ask(&live, request, answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_IS(count_of(answer, "HTTP/1.1 200 OK\r\n"), 26);
    const char *at = answer;
    for (int i = 0; i < 26; i++) {
        char part[8];
        snprintf(part, sizeof part, "[/%c]", 'a' + i);
        at = strstr(at, part);
        CHECK(at);
    }
    return 0;
}

static int old_version(void *data)
{
    char answer[1024];
    struct live live;
    (void)data;
    int r = live_start(&live, hello);
    if (r >= 0)
        r = live_ask(&live, "GET / HTTP/1.0\r\n\r\n", answer, sizeof answer);
    if (r >= 0) {
        CHECK_HAS(answer, "\r\nConnection: close\r\n");
        r = live_ask(&live,
                     "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
                     answer, sizeof answer);
    }
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_IS(count_of(answer, "HTTP/1.1 200"), 2);
    CHECK_IS(count_of(answer, "\r\nConnection: keep-alive\r\n"), 1);
    CHECK_IS(count_of(answer, "\r\nConnection: close\r\n"), 1);
    return 0;
}

static int head(void *data)
{
    char answer[1024];
    struct live live;
    (void)data;
    int r = live_start(&live, hello);
    if (r >= 0)
        r = live_ask(&live, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_HAS(answer, "\r\nContent-Length: 13\r\n");
    CHECK_TEXT(body_of(answer), "");
    return 0;
}

/* What is no request: answered, and the connection ends. */
static const struct {
    const char *request, *answer;
} refused[] = {
    { "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 " },
    { "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 " },
    { "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 " },
    { "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "HTTP/1.1 400 " },
    { "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400 " },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 400 " },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "HTTP/1.1 501 " },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 400 " },
    { "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", "HTTP/1.1 400 " },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", "HTTP/1.1 400 " },
    { "GET / HTTP/1.1\nHost: a\n\n", "HTTP/1.1 400 " },
};

static int refuse(void *data)
{
    char answer[2048], request[512];
    struct live live;
    (void)data;
    int r = live_start(&live, hello);
    for (size_t i = 0; i < sizeof refused / sizeof *refused && r >= 0; i++) {
        /* What follows is not looked at. */
        snprintf(request, sizeof request, "%sGET / HTTP/1.1\r\nHost: a\r\n\r\n",
                 refused[i].request);
        r = live_ask(&live, request, answer, sizeof answer);
        if (r < 0)
            break;
        CHECK_BEGINS(answer, refused[i].answer);
        CHECK_HAS(answer, "\r\nConnection: close\r\n");
        CHECK_IS(count_of(answer, "\r\nContent-Length: "), 1);
    }
    return live_end(&live, r);
}

/* Who speaks TLS to a port of HTTP is told so: it stands in what curl -v and a capture show. */
static int tls_here(void *data)
{
    char answer[2048];
    struct live live;
    (void)data;
    int r = live_start(&live, hello);
    if (r >= 0)
        r = live_ask(&live, "\x16\x03\x01\x02\x05\x01", answer, sizeof answer);
    if (r >= 0) {
        CHECK_BEGINS(answer, "HTTP/1.1 400 ");
        CHECK_HAS(answer, "this is TLS");
        CHECK_HAS(answer, "\r\nConnection: close\r\n");
    }
    return live_end(&live, r);
}

static int too_large(void *data)
{
    static char request[200000], answer[2048];
    struct live live;
    (void)data;
    int r = live_start(&live, hello);
    size_t size = (size_t)snprintf(request, sizeof request, "GET /");
    memset(request + size, 'a', 9000);
    snprintf(request + size + 9000, 100, " HTTP/1.1\r\nHost: a\r\n\r\n");
    if (r >= 0 && (r = live_ask(&live, request, answer, sizeof answer)) >= 0) {
        CHECK_BEGINS(answer, "HTTP/1.1 414 ");
        size = (size_t)snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
        memset(request + size, 'a', 9000);
        snprintf(request + size + 9000, 100, "\r\n\r\n");
        r = live_ask(&live, request, answer, sizeof answer);
    }
    if (r >= 0) {
        CHECK_BEGINS(answer, "HTTP/1.1 431 ");
        size = (size_t)snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (int i = 0; i < 200; i++)
            size += (size_t)snprintf(request + size, sizeof request - size, "X%d: 1\r\n", i);
        snprintf(request + size, sizeof request - size, "\r\n");
        r = live_ask(&live, request, answer, sizeof answer);
    }
    if (r >= 0)
        CHECK_BEGINS(answer, "HTTP/1.1 431 ");
    return live_end(&live, r);
}

/* Many fields, though not too many, need more room than there is at first. */
static int many_fields(void *data)
{
    static char request[20000], answer[2048];
    struct live live;
    (void)data;
    int r = live_start(&live, hello);
    size_t size = (size_t)snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 120; i++)
        size += (size_t)snprintf(request + size, sizeof request - size, "X%d: 1\r\n", i);
    snprintf(request + size, sizeof request - size, "\r\n");
    if (r >= 0)
        r = live_ask(&live, request, answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 200 ");
    return 0;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(get)
CASE(keep_alive)
CASE(pipelined)
CASE(old_version)
CASE(head)
CASE(refuse)
CASE(tls_here)
CASE(too_large)
CASE(many_fields)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),         cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_pipelined),   cmocka_unit_test(test_old_version),
        cmocka_unit_test(test_head),        cmocka_unit_test(test_refuse),
        cmocka_unit_test(test_tls_here),    cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_many_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
