/* SPDX-License-Identifier: MIT */
/* The same head again, and nearly the same: what a connection remembers of the head before must
 * not show. Every request follows every other one, and that one follows it. */
/* TEST: timeout 120 */
#include "web/web_test.h"

#define MANY_8(x) x x x x x x x x
#define MANY_40(x) MANY_8(x) MANY_8(x) MANY_8(x) MANY_8(x) MANY_8(x)
#define HOST " HTTP/1.1\r\nHost: h\r\n"

/* What is sent, and what the handler makes of it. */
static const struct {
    const char *request, *told;
} rows[] = {
    { "GET /a" HOST "X: 1\r\n\r\n", "<GET /a h 1 >" },
    { "GET /b" HOST "X: 1\r\n\r\n", "<GET /b h 1 >" },
    { "PUT /a" HOST "X: 1\r\n\r\n", "<PUT /a h 1 >" },
    { "GET /a" HOST "X: 2\r\n\r\n", "<GET /a h 2 >" },
    { "GET /a" HOST "Y: 1\r\n\r\n", "<GET /a h - >" },
    { "GET /a" HOST "\r\n", "<GET /a h - >" },
    { "GET /a" HOST "X: 1\r\nY: 1\r\n\r\n", "<GET /a h 1 >" },
    { "GET /a/longer?q" HOST "X: 1\r\n\r\n", "<GET /a/longer h 1 >" },
    { "GET /a HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", "<GET /a h - >" },
    { "GET /bb HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", "<GET /bb h - >" },
    { "GET /a" HOST "Connection: keep-alive\r\n\r\n", "<GET /a h - >" },
    { "\r\nGET /a" HOST "X: 1\r\n\r\n", "<GET /a h 1 >" },
    { "GET http://i/a" HOST "X: 1\r\n\r\n", "<GET /a i 1 >" },
    { "PUT /a" HOST "Content-Length: 3\r\n\r\nabc", "<PUT /a h - abc>" },
    { "PUT /a" HOST "Content-Length: 3\r\n\r\nGET", "<PUT /a h - GET>" },
    { "PUT /abc" HOST "Content-Length: 3\r\n\r\nabc", "<PUT /abc h - abc>" },
    { "PUT /a" HOST "Content-Length: 4\r\n\r\nabcd", "<PUT /a h - abcd>" },
    { "PUT /a" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nT: 1\r\n\r\n",
      "<PUT /a h - ab>" },
    { "GET /many" HOST MANY_40("M: 1\r\n") "X: 3\r\n\r\n", "<GET /many h 3 >" },
    { "GET /long" HOST MANY_8("L: " MANY_40("1234") "\r\n") "\r\n", "<GET /long h - >" },
};

enum { ROWS = sizeof rows / sizeof *rows, IN_PIECES = 7, AHEAD = 16384 };

static const char last[] = "GET /last" HOST "Connection: close\r\n\r\n";

static int tell(aiohttp_web_request *request, void *data)
{
    const char *body;
    size_t size;
    (void)data;
    int r = aiohttp_web_request_read(request, &body, &size);
    if (r < 0)
        return r;
    const char *method = aiohttp_web_request_method(request);
    const char *path = aiohttp_web_request_path(request);
    const char *host = aiohttp_web_request_host(request);
    const aiohttp_headers *headers = aiohttp_web_request_headers(request);
    if (!method || !path || !host || !headers)
        return -ENOMEM;
    const char *x = aiohttp_headers_get(headers, "X");
    return aiohttp_web_respondf(request, "<%s %s %s %s %.*s>", method, path, host, x ? x : "-",
                                (int)size, body);
}

/* In steps of so many bytes; each step is answered, as far as that can be, before the next. */
static int converse(struct live *live, const char *text, size_t step, char *answer, size_t room)
{
    asyncio_stream *stream;
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    for (size_t at = 0, size = strlen(text); at < size && r >= 0; at += step) {
        r = asyncio_stream_write(stream, text + at, size - at < step ? size - at : step);
        if (r >= 0)
            r = asyncio_sleep(world.is_sim ? 0.001 : 0);
    }
    if (r >= 0)
        r = read_all(stream, answer, room - 1);
    if (r >= 0)
        answer[r] = '\0';
    asyncio_stream_close(stream);
    asyncio_stream_unref(stream);
    return r;
}

static int in_order(struct live *live, const size_t *which, size_t count, size_t step)
{
    static char text[16384], answer[16384];
    size_t size = 0;
    for (size_t i = 0; i <= count; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s",
                                 i < count ? rows[which[i]].request : last);
    CHECK(size < sizeof text);
    int r = converse(live, text, step ? step : strlen(rows[which[0]].request), answer,
                     sizeof answer);
    if (r < 0)
        return r;
    CHECK_IS(count_of(answer, "HTTP/1.1 200 OK\r\n"), (int)count + 1);
    const char *at = answer;
    for (size_t i = 0; i < count; i++) {
        at = strstr(at, rows[which[i]].told);
        CHECK(at);
        at++;
    }
    CHECK(strstr(at, "<GET /last h - >"));
    return 0;
}

static int pairs(size_t step)
{
    struct live live;
    int r = live_start(&live, tell);
    for (size_t i = 0; i < ROWS && r >= 0; i++)
        for (size_t k = 0; k < ROWS && r >= 0; k++) {
            const size_t which[] = { i, i, k, i, k, k };
            bool is_next = k == (i + 1) % ROWS || i == k;
            /* the others, elsewhere or in many pieces, would take long */
            if (is_next || (world.is_sim && !world.is_chopped && step == AHEAD))
                r = in_order(&live, which, 6, step);
        }
    return live_end(&live, r);
}

static int sent_ahead(void *data)
{
    (void)data;
    return pairs(AHEAD);
}

static int one_by_one(void *data)
{
    (void)data;
    return pairs(0);
}

static int in_pieces(void *data)
{
    (void)data;
    return pairs(IN_PIECES);
}

/* A limit is the connection's, and the head that is remembered has kept to it: the next one has to
 * as well. */
static int too_long(void *data)
{
    static char text[4096], answer[4096];
    aiohttp_limits limits = aiohttp_server_limits();
    limits.line = 64;
    struct live live;
    (void)data;
    snprintf(text, sizeof text, "%s%sGET /%.*s%s", rows[0].request, rows[0].request, 60,
             MANY_40("aa"), HOST "\r\n");
    int r = live_start_with(&live, tell,
                            &(aiohttp_web_server_options){ .size =
                                                               sizeof(aiohttp_web_server_options),
                                                           .limits = &limits,
                                                           .keepalive_timeout = -1 });
    if (r >= 0)
        r = live_ask(&live, text, answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_IS(count_of(answer, "<GET /a h 1 >"), 2);
    CHECK_HAS(answer, "HTTP/1.1 414 ");
    return 0;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(sent_ahead)
CASE(one_by_one)
CASE(in_pieces)
CASE(too_long)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sent_ahead),
        cmocka_unit_test(test_one_by_one),
        cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
