/* SPDX-License-Identifier: MIT */
/* How long a connection lives, and how many there are: the limits `requests`, `connection_time` and
 * `connections`, each one below it, at it and one above it. */
#include "web/web_test.h"

#include <aiohttp/limits.h>
#include <asyncio/timeout.h>

static int handler(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_respond(request, "ok");
}

static aiohttp_web_server_options with(aiohttp_limits *limits)
{
    *limits = aiohttp_server_limits();
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    options.limits = limits;
    return options;
}

/* Sends a request and reads its answer: 1 when it is the connection's last, 0 when not,
 * -ECONNRESET when the connection has ended instead. */
static int ask(asyncio_stream *stream)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    char answer[1024];
    size_t size = 0;
    int r = asyncio_stream_write(stream, request, sizeof request - 1);
    for (answer[0] = '\0'; r >= 0 && !strstr(answer, "\r\n\r\nok"); answer[size] = '\0') {
        r = asyncio_stream_read(stream, answer + size, sizeof answer - 1 - size);
        if (r == 0)
            r = -ECONNRESET;
        size += r > 0 ? (size_t)r : 0;
    }
    if (r == -EPIPE)
        return -ECONNRESET;
    return r < 0 ? r : strstr(answer, "\r\nConnection: close\r\n") ? 1 : 0;
}

/* ---- requests ---- */

static const size_t counts[] = { 1, 2, 5, 64, 65 };

static int live_requests(size_t limit)
{
    aiohttp_limits limits;
    aiohttp_web_server_options options = with(&limits);
    limits.requests = limit;
    asyncio_stream *stream = NULL;
    struct live live;
    int r = live_start_with(&live, handler, &options);
    if (r >= 0)
        r = live_open(&live, &stream);
    for (size_t i = 1; r >= 0 && i <= limit; i++) {
        r = ask(stream);
        if (r >= 0)
            CHECK_IS(r, i == limit);
    }
    if (r >= 0)
        CHECK_IS(ask(stream), -ECONNRESET);
    asyncio_stream_unref(stream);
    return live_end(&live, r < 0 ? r : 0);
}

static int requests(void *data)
{
    (void)data;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        int r = live_requests(counts[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Those that were sent ahead: the last that is allowed is answered, and none after it. */
static int requests_ahead(void *data)
{
#define ONE "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    char answer[4096];
    aiohttp_limits limits;
    aiohttp_web_server_options options = with(&limits);
    (void)data;
    limits.requests = 3;
    struct live live;
    int r = live_start_with(&live, handler, &options);
    if (r >= 0)
        r = live_ask(&live, ONE ONE ONE ONE, answer, sizeof answer);
    if (r >= 0) {
        CHECK_IS(count_of(answer, "HTTP/1.1 200 "), 3);
        CHECK_IS(count_of(answer, "Connection: close"), 1);
    }
    return live_end(&live, r < 0 ? r : 0);
}

/* ---- their age ---- */

#define AGE 0.5

/* A connection that is asked every so many seconds: how often until it is told that the answer is
 * the last, or has ended. */
static int age_asked_every(double seconds, double *ret_age)
{
    aiohttp_limits limits;
    aiohttp_web_server_options options = with(&limits);
    limits.connection_time = AGE;
    asyncio_stream *stream = NULL;
    struct live live;
    asyncio_loop *loop = asyncio_get_running_loop();
    int r = live_start_with(&live, handler, &options);
    double began = asyncio_loop_time(loop); /* not later than the server begins to count */
    if (r >= 0)
        r = live_open(&live, &stream);
    while (r == 0 && asyncio_loop_time(loop) < began + 20 * AGE) {
        r = ask(stream);
        if (r == 0)
            r = asyncio_sleep(seconds);
    }
    *ret_age = asyncio_loop_time(loop) - began;
    asyncio_stream_unref(stream);
    r = live_end(&live, r > 0 || r == -ECONNRESET ? 0 : r);
    return r < 0 ? r : reports.count ? -EPROTO : 0;
}

static int age(void *data)
{
    static const double steps[] = { AGE / 250, AGE / 4, AGE * 3 };
    double seconds;
    (void)data;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        int r = age_asked_every(steps[i], &seconds);
        if (r < 0)
            return r;
        CHECK(seconds >= AGE - 0.02);
        CHECK(!world.is_sim || seconds < AGE + steps[i] + 0.5);
    }
    return 0;
}

/* An idle connection ends when its time is up, though it might be idle for longer. */
static int idle_age(void *data)
{
    char answer[64];
    aiohttp_limits limits;
    aiohttp_web_server_options options = with(&limits);
    (void)data;
    limits.connection_time = AGE;
    asyncio_stream *stream = NULL;
    struct live live;
    asyncio_loop *loop = asyncio_get_running_loop();
    int r = live_start_with(&live, handler, &options);
    double began = asyncio_loop_time(loop); /* not later than the server begins to count */
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = ask(stream);
    CHECK_IS(r, 0);
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 10 * AGE);
    r = asyncio_timeout_exit(&limit, asyncio_stream_read(stream, answer, sizeof answer));
    CHECK_IS(r, 0); /* its end */
    double seconds = asyncio_loop_time(loop) - began;
    CHECK(seconds >= AGE - 0.02);
    CHECK(!world.is_sim || seconds < AGE + 0.5);
    asyncio_stream_unref(stream);
    return live_end(&live, r);
}

/* ---- how many ---- */

enum { MOST = 3 };

static int ask_and_tell(asyncio_stream *stream, int *ret)
{
    *ret = ask(stream);
    return 0;
}

static int connections(void *data)
{
    aiohttp_limits limits;
    aiohttp_web_server_options options = with(&limits);
    (void)data;
    limits.connections = MOST;
    asyncio_stream *streams[MOST + 1] = { NULL };
    asyncio_task *task = NULL;
    aiohttp_web_server_stats stats;
    struct live live;
    int late = 1000;
    int r = live_start_with(&live, handler, &options);
    for (int i = 0; r >= 0 && i < MOST; i++) {
        r = live_open(&live, &streams[i]);
        if (r >= 0)
            r = ask(streams[i]);
        if (r >= 0)
            CHECK_IS(r, 0);
    }
    /* One more is connected by the kernel, and waits. */
    if (r >= 0)
        r = live_open(&live, &streams[MOST]);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(ask_and_tell, streams[MOST], &late), &task);
    if (r >= 0)
        r = asyncio_sleep(0.2);
    if (r >= 0) {
        CHECK_IS(late, 1000);
        aiohttp_web_server_get_stats(live.server, &stats);
        CHECK_IS((int)stats.connections, MOST);
    }
    /* Those that were there are served all the while. */
    for (int i = 0; r >= 0 && i < MOST; i++)
        r = ask(streams[i]);
    if (r >= 0) {
        asyncio_stream_close(streams[0]);
        r = join(task);
        CHECK_IS(late, 0);
    } else if (task) {
        asyncio_task_cancel(task);
        (void)join(task);
    }
    for (int i = 0; i <= MOST; i++)
        asyncio_stream_unref(streams[i]);
    return live_end(&live, r);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(requests)
CASE(requests_ahead)
CASE(age)
CASE(idle_age)
CASE(connections)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests), cmocka_unit_test(test_requests_ahead),
        cmocka_unit_test(test_age),      cmocka_unit_test(test_idle_age),
        cmocka_unit_test(test_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
