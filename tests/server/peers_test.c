/* SPDX-License-Identifier: MIT */
/* Peers that do not do their part: that never read, that end only their side, that go at any byte
 * of a request or of its answer; and requests that come while the server stops. */
#include "web/web_test.h"

#include <aiohttp/limits.h>

static char large[8000000];
static int running;

static int handler(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request), *body;
    size_t size;
    (void)data;
    running++;
    int r = 0;
    if (path && strcmp(path, "/slow") == 0)
        r = asyncio_sleep(0.05);
    running--;
    if (r < 0)
        return r;
    if (path && strcmp(path, "/large") == 0)
        return aiohttp_web_respond_bytes(request, large, sizeof large, .is_lent = 1);
    r = aiohttp_web_request_read(request, &body, &size);
    return r < 0 ? r : aiohttp_web_respond_bytes(request, body, size);
}

/* Waits until there is no connection: nobody keeps a place. */
static int until_empty(struct live *live)
{
    aiohttp_web_server_stats stats = { .connections = 1 };
    for (int i = 0; stats.connections && i < 2000; i++) {
        int r = asyncio_sleep(0.001);
        if (r < 0)
            return r;
        aiohttp_web_server_get_stats(live->server, &stats);
    }
    return stats.connections ? -EPROTO : 0;
}

#define CHUNKED                                                                                    \
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n"

/* Sends so many bytes and goes: by a reset, or with its side ended. */
static int goes_at(struct live *live, size_t size, bool is_reset)
{
    asyncio_stream *stream;
    char answer[1000];
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    r = size ? asyncio_stream_write(stream, CHUNKED, size) : 0;
    if (r >= 0 && is_reset)
        asyncio_stream_abort(stream);
    else if (r >= 0 && (r = asyncio_stream_write_eof(stream)) >= 0)
        r = read_all(stream, answer, sizeof answer);
    asyncio_stream_unref(stream);
    return r;
}

static int gone_at_every_byte(void *data)
{
    struct live live;
    (void)data;
    size_t step = world.is_sim && !world.is_seeded && !world.is_chopped ? 1 : 13;
    int r = live_start(&live, handler);
    for (size_t size = 0; size < sizeof CHUNKED && r >= 0; size += step)
        for (int is_reset = 0; is_reset < 2 && r >= 0; is_reset++)
            r = goes_at(&live, size, is_reset);
    if (r >= 0)
        r = until_empty(&live);
    r = live_end(&live, r);
    if (r >= 0)
        CHECK_IS(reports.count, 0);
    return r;
}

/* It goes when it has read so much of a large answer. */
static int gone_in_an_answer(void *data)
{
    static const size_t sizes[] = { 1, 100, 5000, 70000, 300000 };
    static const char text[] = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    static char piece[300000];
    struct live live;
    (void)data;
    if (world.is_chopped)
        return 0;
    int r = live_start(&live, handler);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && r >= 0; i++) {
        asyncio_stream *stream;
        size_t got;
        r = live_open(&live, &stream);
        if (r < 0)
            break;
        r = asyncio_stream_write(stream, text, strlen(text));
        if (r >= 0)
            r = asyncio_stream_readexactly(stream, piece, sizes[i], &got);
        asyncio_stream_abort(stream);
        asyncio_stream_unref(stream);
    }
    if (r >= 0)
        r = until_empty(&live);
    r = live_end(&live, r);
    if (r >= 0)
        CHECK_IS(reports.count, 0);
    return r;
}

/* One that reads nothing does not keep others, nor the end, from going on. */
static int never_reads(void *data)
{
    static const char text[] = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"
                               "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    char answer[1000];
    asyncio_stream *stream = NULL;
    struct live live;
    (void)data;
    if (world.is_chopped)
        return 0;
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_open_small(&live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, text, strlen(text));
    if (r >= 0)
        r = asyncio_sleep(0.02);
    for (int i = 0; i < 5 && r >= 0; i++) {
        r = live_ask(&live, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
        if (r >= 0)
            CHECK_BEGINS(answer, "HTTP/1.1 200 ");
    }
    if (r >= 0)
        r = aiohttp_web_server_shutdown(live.server, 0.05);
    bool is_late = r == -ETIMEDOUT;
    asyncio_stream_unref(stream);
    r = live_end(&live, is_late ? 0 : r);
    if (r >= 0)
        CHECK(is_late);
    return r;
}

/* What is under way when a server stops is answered, with the word that it is the last; what comes
 * behind it on the same connection is not begun. */
static int while_it_stops(void *data)
{
    static const char slow[] = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char more[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    char answer[2000];
    asyncio_stream *stream = NULL;
    struct live live;
    (void)data;
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, slow, strlen(slow));
    for (int i = 0; r >= 0 && !running && i < 1000; i++)
        r = asyncio_sleep(0.001);
    if (r >= 0)
        aiohttp_web_server_pre_shutdown(live.server);
    if (r >= 0)
        r = asyncio_stream_write(stream, more, strlen(more));
    if (r >= 0)
        r = read_all(stream, answer, sizeof answer - 1);
    if (r >= 0)
        answer[r] = '\0';
    asyncio_stream_unref(stream);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 200 ");
    CHECK_HAS(answer, "\r\nConnection: close\r\n");
    CHECK_IS(count_of(answer, "HTTP/1.1 "), 1);
    return 0;
}

#define TESTS(X) X(gone_at_every_byte) X(gone_in_an_answer) X(never_reads) X(while_it_stops)
#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
TESTS(CASE)

int main(void)
{
#define UNIT(name) cmocka_unit_test(test_##name),
    const struct CMUnitTest tests[] = { TESTS(UNIT) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
