/* SPDX-License-Identifier: MIT */
/* The last answer of a connection, whoever ends it, and a peer that is slow to take it: it gets all
 * of it, while it takes some from time to time; the time of lingering is for what is behind it. */
/* TEST: backends sim */
#include "web/web_test.h"

enum { SIZE = 200000 };

static char large[SIZE];

static int handler(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_respond_bytes(request, large, sizeof large, .is_lent = 1);
}

static int start(struct live *live, size_t requests)
{
    static aiohttp_limits limits;
    memset(large, 'l', sizeof large);
    limits = aiohttp_server_limits();
    limits.requests = requests;
    limits.lingering_time = 1.0;
    limits.write_time = 10.0;
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    options.limits = &limits;
    return live_start_with(live, handler, &options);
}

/* Asks without a word of closing. */
static int ask(struct live *live, asyncio_stream **ret_stream)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    int r = asyncio_open_connection("127.0.0.1", live->port, ret_stream, .limit = 4096);
    return r < 0 ? r : asyncio_stream_write(*ret_stream, text, sizeof text - 1);
}

/* Takes up to 8 KiB and rests, again and again; how many came. */
static int take(asyncio_stream *stream, double rest, size_t *ret_size)
{
    char some[8192];
    int r;
    while ((r = asyncio_stream_read(stream, some, sizeof some)) > 0) {
        *ret_size += (size_t)r;
        if ((r = asyncio_sleep(rest)) < 0)
            break;
    }
    return r;
}

/* By the server's limit on requests. */
static int last_of_many(void *data)
{
    struct live live;
    asyncio_stream *stream = NULL;
    size_t size = 0;
    (void)data;
    int r = start(&live, 1);
    if (r >= 0)
        r = ask(&live, &stream);
    if (r >= 0)
        r = take(stream, 0.4, &size);
    asyncio_stream_unref(stream);
    if (r >= 0)
        CHECK(size > SIZE);
    return live_end(&live, r);
}

static int cleans_up(struct live *live)
{
    return aiohttp_web_runner_cleanup(live->runner);
}

/* By the end of the server, which waits for it. */
static int at_the_end(void *data)
{
    struct live live;
    asyncio_stream *stream = NULL;
    asyncio_task *task = NULL;
    size_t size = 0;
    (void)data;
    int r = start(&live, 100);
    if (r >= 0)
        r = ask(&live, &stream);
    if (r >= 0)
        r = asyncio_sleep(5);
    if (r < 0)
        return r;
    START(task, cleans_up, &live);
    r = take(stream, 0.15, &size);
    asyncio_stream_unref(stream);
    int ended = asyncio_await(task);
    asyncio_task_unref(task);
    if (r >= 0) {
        CHECK(size > SIZE);
        CHECK_IS(ended, 0);
    }
    return live_end(&live, r);
}

/* Who takes nothing has the time of any write. */
static int takes_nothing(void *data)
{
    struct live live;
    asyncio_stream *stream = NULL;
    aiohttp_web_server_stats stats = { .size = sizeof stats };
    (void)data;
    int r = start(&live, 1);
    if (r >= 0)
        r = ask(&live, &stream);
    if (r >= 0)
        r = asyncio_sleep(8);
    aiohttp_web_server_get_stats(live.server, &stats);
    if (r >= 0) {
        CHECK(stats.connections == 1);
        r = asyncio_sleep(8);
    }
    aiohttp_web_server_get_stats(live.server, &stats);
    asyncio_stream_unref(stream);
    if (r >= 0)
        CHECK(stats.connections == 0);
    return live_end(&live, r);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        enter_world("plain", false, 0);                                                            \
        assert_int_equal(run_once(name, NULL), 0);                                                 \
    }
CASE(last_of_many)
CASE(at_the_end)
CASE(takes_nothing)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_of_many),
        cmocka_unit_test(test_at_the_end),
        cmocka_unit_test(test_takes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
