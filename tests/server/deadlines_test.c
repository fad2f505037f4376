/* SPDX-License-Identifier: MIT */
/* Deadlines of a connection: idle, head, body, an answer that nobody takes, lingering. */
#include "web/web_test.h"

#include <aiohttp/limits.h>
#include <asyncio/timeout.h>

#define UNIT 0.2 /* seconds: a deadline is noticed at most a tenth later */

static aiohttp_web_server_options quick(aiohttp_limits *limits)
{
    *limits = aiohttp_server_limits();
    limits->head_time = UNIT;
    limits->keep_alive_time = UNIT;
    limits->body_grace = UNIT;
    limits->body_rate = 100;
    limits->write_time = UNIT;
    limits->lingering_time = UNIT;
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    options.limits = limits;
    return options;
}

static int handler(aiohttp_web_request *request, void *data)
{
    static char large[8000000];
    const char *path = aiohttp_web_request_path(request);
    (void)data;
    if (path && strcmp(path, "/body") == 0) {
        const char *body;
        size_t size;
        int r = aiohttp_web_request_read(request, &body, &size);
        return r < 0 ? r : aiohttp_web_respond_bytes(request, body, size);
    }
    if (path && strcmp(path, "/slow") == 0) {
        int r = asyncio_sleep(4 * UNIT); /* a handler may take its time */
        return r < 0 ? r : aiohttp_web_respond(request, "slow");
    }
    if (path && strcmp(path, "/large") == 0)
        return aiohttp_web_respond_bytes(request, large, sizeof large, .is_lent = 1);
    return aiohttp_web_respond(request, "ok");
}

static double now(void)
{
    return asyncio_loop_time(asyncio_get_running_loop());
}

/* Sends a text and reads until the server ends the connection: how long that took. */
static int wait_for_end(struct live *live, const char *text, char *answer, size_t room,
                        double *ret_seconds)
{
    asyncio_stream *stream;
    double begin = now(); /* not later than the server begins to count */
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    r = *text ? asyncio_stream_write(stream, text, strlen(text)) : 0;
    if (r >= 0)
        r = read_all(stream, answer, room - 1);
    if (r >= 0)
        answer[r] = '\0';
    *ret_seconds = now() - begin;
    asyncio_stream_unref(stream);
    return r;
}

/* Not before its time, and not long after. */
static bool is_about(double seconds, double expected)
{
    return seconds > expected - 0.05 && (!world.is_sim || seconds < expected + 0.5);
}

static const struct {
    const char *text, *begins;
    double seconds;
} waits[] = {
    { "", "", UNIT },
    { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 ", UNIT },
    { "GET / HT", "HTTP/1.1 408 ", UNIT },
    { "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe", "HTTP/1.1 408 ", UNIT },
    { "HEAD /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe", "HTTP/1.1 408 ", UNIT },
    { "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 ", UNIT },
    { "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 ", 5 * UNIT },
    /* Refused: our side is ended at once, and theirs is waited for. */
    { "NONSENSE\r\n\r\n", "HTTP/1.1 400 ", 0 },
};

static int deadlines(void *data)
{
    char answer[4096];
    aiohttp_limits limits;
    struct live live;
    double seconds;
    (void)data;
    aiohttp_web_server_options options = quick(&limits);
    int r = live_start_with(&live, handler, &options);
    for (size_t i = 0; i < sizeof waits / sizeof *waits && r >= 0; i++) {
        r = wait_for_end(&live, waits[i].text, answer, sizeof answer, &seconds);
        if (r < 0)
            break;
        CHECK_BEGINS(answer, waits[i].begins);
        const char *end = strstr(answer, "\r\n\r\n");
        CHECK(!end || (end[4] == '\0') == (waits[i].text[0] == 'H'));
        if (!world.is_chopped && !is_about(seconds, waits[i].seconds)) {
            print_error("\"%s\" took %.3f seconds\n", waits[i].text, seconds);
            r = -EPROTO;
        }
    }
    return live_end(&live, r);
}

/* A head that never stops coming, byte by byte, has a deadline from its first byte on. */
static int trickle(void *data)
{
    char answer[4096];
    aiohttp_limits limits;
    struct live live;
    asyncio_stream *stream = NULL;
    (void)data;
    aiohttp_web_server_options options = quick(&limits);
    int r = live_start_with(&live, handler, &options);
    if (r >= 0)
        r = live_open(&live, &stream);
    double begin = now();
    for (int i = 0; r >= 0 && i < 100; i++) {
        r = asyncio_stream_write(stream, "G", 1);
        if (r >= 0)
            r = asyncio_sleep(UNIT / 8);
    }
    /* It has gone on for 100/8 of the time, unless the connection was ended. */
    bool is_late = now() - begin > 6 * UNIT && !world.is_chopped;
    if (r == -EPIPE || r == -ECONNRESET)
        r = 0;
    if (r >= 0 && is_late)
        r = -ETIME;
    if (r >= 0 && read_all(stream, answer, sizeof answer) < 0)
        answer[0] = '\0'; /* its answer may be lost by our writing on */
    asyncio_stream_unref(stream);
    CHECK(live.server);
    aiohttp_web_server_stats stats;
    aiohttp_web_server_get_stats(live.server, &stats);
    if (r >= 0)
        r = stats.timed_out == 1 ? 0 : -EPROTO;
    return live_end(&live, r);
}

/* A peer that takes nothing of a large answer does not keep it for ever. */
static int stuck(void *data)
{
    const char *request = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    aiohttp_limits limits;
    struct live live;
    asyncio_stream *stream = NULL;
    aiohttp_web_server_stats stats = { .connections = 1 };
    (void)data;
    if (world.is_chopped)
        return 0; /* four million writes */
    aiohttp_web_server_options options = quick(&limits);
    int r = live_start_with(&live, handler, &options);
    if (r >= 0)
        r = live_open_small(&live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, request, strlen(request));
    for (int i = 0; r >= 0 && (stats.connections || !stats.requests_count) && i < 50; i++) {
        r = asyncio_sleep(UNIT / 2);
        aiohttp_web_server_get_stats(live.server, &stats);
    }
    if (r >= 0 && (stats.connections || stats.timed_out != 1))
        r = -EPROTO;
    if (stream)
        asyncio_stream_abort(stream);
    asyncio_stream_unref(stream);
    return live_end(&live, r);
}

/* The allocation that fails, and whether there was none any more that could. */
static unsigned failing;
static bool is_beyond;

/* Whose deadline has no memory for its timer ends: nobody waits without one. */
static int without_memory(void *data)
{
    char answer[4096];
    aiohttp_limits limits;
    if (!world.is_sim || world.is_chopped || world.is_seeded)
        return 0;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        struct live live;
        double seconds;
        asyncio_timeout limit;
        aiohttp_web_server_options options = quick(&limits);
        int r = live_start_with(&live, handler, &options);
        (void)data;
        if (r < 0)
            return live_end(&live, r);
        asyncio_timeout_enter(&limit, 10.0);
        asyncio__alloc_fail_at(failing, 0);
        r = wait_for_end(&live, waits[i].text, answer, sizeof answer, &seconds);
        is_beyond = is_beyond && asyncio__alloc_count() < failing;
        asyncio__alloc_fail_at(0, 0);
        r = asyncio_timeout_exit(&limit, r);
        if (r == -ETIMEDOUT)
            print_error("\"%s\" without allocation %u\n", waits[i].text, failing);
        CHECK(r != -ETIMEDOUT);
        if ((r = live_end(&live, 0)) < 0)
            return r;
    }
    return 0;
}

/* A deadline that is not the last: the timer that fires cannot be armed anew for the others. */
static int two_without_memory(void *data)
{
    char answer[4096] = "";
    aiohttp_limits limits;
    asyncio_stream *streams[2] = { NULL };
    asyncio_timeout limit;
    struct live live;
    (void)data;
    if (!world.is_sim || world.is_chopped || world.is_seeded)
        return 0;
    aiohttp_web_server_options options = quick(&limits);
    int r = live_start_with(&live, handler, &options);
    for (int i = 0; i < 2 && r >= 0; i++) {
        r = live_open(&live, &streams[i]);
        if (r >= 0)
            r = asyncio_stream_write(streams[i], "GET / HT", 8);
        if (r >= 0)
            r = asyncio_sleep(0.75 * UNIT);
    }
    if (r < 0)
        return live_end(&live, r);
    asyncio_timeout_enter(&limit, 10.0);
    asyncio__alloc_fail_at(failing, 1);
    r = asyncio_sleep(5 * UNIT);
    asyncio__alloc_fail_at(0, 0);
    for (int i = 0; i < 2; i++) {
        if (r >= 0)
            r = read_all(streams[i], answer, sizeof answer - 1);
        r = r == -ECONNRESET ? 0 : r;
        asyncio_stream_unref(streams[i]);
    }
    r = asyncio_timeout_exit(&limit, r);
    CHECK(r != -ETIMEDOUT);
    return live_end(&live, r);
}

static void test_without_memory(void **state)
{
    (void)state;
    is_beyond = false;
    for (failing = 1; !is_beyond && failing < 200 && !allocation_is_failing(); failing++) {
        is_beyond = true;
        run_everywhere(without_memory);
    }
    for (failing = 1; failing < 4 && !allocation_is_failing(); failing++)
        run_everywhere(two_without_memory);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(deadlines)
CASE(trickle)
CASE(stuck)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_trickle),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
