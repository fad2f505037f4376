/* SPDX-License-Identifier: MIT */
/* The access log; memory that stays flat over many requests of a connection. */
#include "web/web_test.h"

static char logged[4096];

static void log_line(const char *line, size_t size, void *data)
{
    (void)data;
    size_t have = strlen(logged);
    snprintf(logged + have, sizeof logged - have, "%.*s\n", (int)size, line);
}

static int hello(aiohttp_web_request *request, void *data)
{
    static const char *const headers[] = { "X-Out", "o\"ut", NULL };
    (void)data;
    return aiohttp_web_respond(request, "hello", .headers = headers);
}

static int ask_logged(const char *format)
{
    char answer[1024];
    struct live live;
    logged[0] = '\0';
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    options.access_log = log_line;
    options.access_log_format = format;
    int r = live_start_with(&live, hello, &options);
    if (r >= 0)
        r = live_ask(&live,
                     "GET /a?\"b HTTP/1.1\r\nHost: a\r\nUser-Agent: x\"\\y\r\n\r\n"
                     "HEAD /c HTTP/1.1\r\nHost: a\r\n\r\n",
                     answer, sizeof answer);
    return live_end(&live, r);
}

static int lines(void *data)
{
    (void)data;
    int r = ask_logged("%a \"%r\" %s %b \"%{user-agent}i\" %{none}i 100%%");
    if (r < 0)
        return r;
    /* a " in a target makes it no request: nothing of it is believed */
    CHECK_TEXT(logged, "127.0.0.1 \"UNKNOWN / HTTP/1.1\" 400 49 \"-\" - 100%\n");
    r = ask_logged("%s %Tf %T %D %t %P");
    if (r < 0)
        return r;
    CHECK_IS(ask_logged("%q"), -EINVAL);
    CHECK_IS(ask_logged("%{x"), -EINVAL);
    CHECK_IS(ask_logged("%{x}e"), -EINVAL);
    return 0;
}

static int line(void *data)
{
    char answer[1024];
    struct live live;
    (void)data;
    logged[0] = '\0';
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    options.access_log = log_line;
    options.access_log_format = "%a \"%r\" %s %b \"%{user-agent}i\" %{none}i "
                                "%{x-out}o %{none}o 100%%";
    int r = live_start_with(&live, hello, &options);
    if (r >= 0)
        r = live_ask(&live,
                     "GET /a?b HTTP/1.1\r\nHost: a\r\nUser-Agent: x\"\\y\x9b\xc2\x85\r\n\r\n"
                     "HEAD /c HTTP/1.0\r\n\r\n",
                     answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_TEXT(
        logged,
        "127.0.0.1 \"GET /a?b HTTP/1.1\" 200 5 \"x\\x22\\x5cy\\x9b\\xc2\\x85\" - o\\x22ut - 100%\n"
        "127.0.0.1 \"HEAD /c HTTP/1.0\" 200 0 \"-\" - o\\x22ut - 100%\n");
    return 0;
}

/* Each answer is told, also those to what is no request, and those that nobody waited for. */
static int refusals(void *data)
{
    char answer[1024];
    struct live live;
    asyncio_stream *stream = NULL;
    (void)data;
    logged[0] = '\0';
    aiohttp_limits limits = aiohttp_server_limits();
    limits.head_time = 0.1;
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    options.access_log = log_line;
    options.access_log_format = "%r %s";
    options.limits = &limits;
    int r = live_start_with(&live, hello, &options);
    if (r >= 0)
        r = live_ask(
            &live, "GET /a HTTP/1.1\r\nHost: a\r\n\r\nHEAD /bad HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            answer, sizeof answer);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, "GET /slow", 9);
    if (r >= 0)
        r = read_all(stream, answer, sizeof answer);
    if (r >= 0 && strncmp(answer, "HTTP/1.1 408 ", 13) != 0)
        r = -EPROTO;
    asyncio_stream_unref(stream);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_TEXT(logged, "GET /a HTTP/1.1 200\nUNKNOWN / HTTP/1.1 400\nUNKNOWN / HTTP/1.1 408\n");
    return 0;
}

static int flat_on(asyncio_stream *stream)
{
    const char *request = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    char answer[512];
    uint64_t live = 0;
    int count = world.is_chopped || world.is_seeded ? 50 : 5000;
    for (int i = 0; i < count; i++) {
        int r = asyncio_stream_write(stream, request, strlen(request));
        if (r >= 0)
            r = asyncio_stream_readuntil(stream, "hello", 5, answer, sizeof answer);
        if (r < 0)
            return r;
        if (i == count / 2)
            live = asyncio__alloc_live();
    }
    CHECK(asyncio__alloc_live() <= live + 8); /* what is under way, and a timer */
    return 0;
}

static int flat(void *data)
{
    struct live live;
    asyncio_stream *stream = NULL;
    (void)data;
    int r = live_start(&live, hello);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = flat_on(stream);
    asyncio_stream_unref(stream);
    return live_end(&live, r);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(line)
CASE(lines)
CASE(refusals)
CASE(flat)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_flat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
