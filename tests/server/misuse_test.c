/* SPDX-License-Identifier: MIT */
/* The server at its worst moments: cancelled for good while it serves, asked to end by two at once,
 * peers that do not take their answers. */
#include "web/web_test.h"

#include <asyncio/timeout.h>

/* --- a watched request of a task that is cancelled for good --- */

static int sleeps_watched(aiohttp_web_request *request, void *data)
{
    asyncio_future *begun = *(asyncio_future **)data;
    int r = aiohttp_web_request_set_handler_cancellation(request, 1);
    if (r < 0)
        return r;
    asyncio_future_set_result(begun, 0);
    return asyncio_sleep(1000.0);
}

struct sticky {
    aiohttp_web_server *server;
    asyncio_future *begun;
    asyncio_task *task;
};

static int accepts(asyncio_stream *stream, void *data)
{
    struct sticky *sticky = data;
    int r = asyncio_create_task(asyncio_coro(aiohttp_web_server_handle, sticky->server, stream),
                                &sticky->task, .sticky_cancel = 1);
    return r < 0 ? r : asyncio_await(sticky->task);
}

static int cancelled_for_good(void *data)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct sticky sticky = { .server = NULL };
    asyncio_server *listener = NULL;
    asyncio_stream *stream = NULL;
    (void)data;
    int r = aiohttp_web_server_new(sleeps_watched, &sticky.server, .data = &sticky.begun);
    if (r >= 0)
        r = asyncio_future_new(&sticky.begun);
    if (r >= 0)
        r = asyncio_start_server(accepts, "127.0.0.1", 0, &listener, .data = &sticky);
    if (r >= 0)
        r = asyncio_open_connection("127.0.0.1", asyncio_server_port(listener), &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, text, sizeof text - 1);
    for (int i = 0; r >= 0 && !asyncio_future_done(sticky.begun) && i < 5000; i++)
        r = asyncio_sleep(0.001);
    if (r >= 0 && !asyncio_future_done(sticky.begun)) /* without memory it never comes */
        r = -ENOMEM;
    if (r >= 0)
        r = settle();
    if (r >= 0)
        asyncio_task_cancel(sticky.task);
    if (r >= 0)
        r = settle();
    if (r >= 0)
        CHECK(asyncio_task_done(sticky.task));
    asyncio_stream_unref(stream);
    asyncio_task_unref(sticky.task);
    int ended = listener ? end_server(listener) : 0;
    asyncio_future_unref(sticky.begun);
    aiohttp_web_server_unref(sticky.server);
    return r < 0 ? r : ended;
}

/* --- two that end one server --- */

static int asleep;

static int sleeps_a_little(aiohttp_web_request *request, void *data)
{
    (void)data;
    asleep++;
    int r = asyncio_sleep(0.05);
    return r < 0 ? r : aiohttp_web_respond(request, "slept");
}

static int end_it(struct live *live)
{
    return aiohttp_web_server_shutdown(live->server, 5.0);
}

static int ended_by_two(void *data)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    char answer[1000] = "";
    struct live live;
    asyncio_stream *stream = NULL;
    asyncio_task *one = NULL, *two = NULL;
    (void)data;
    asleep = 0;
    int r = live_start(&live, sleeps_a_little);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, text, sizeof text - 1);
    for (int i = 0; r >= 0 && !asleep && i < 5000; i++) /* without memory it never comes */
        r = asyncio_sleep(0.001);
    if (r >= 0 && !asleep)
        r = -ETIMEDOUT;
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(end_it, &live), &one);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(end_it, &live), &two);
    if (r >= 0)
        r = read_all(stream, answer, sizeof answer - 1);
    asyncio_stream_unref(stream);
    int first = one ? join(one) : 0, second = two ? join(two) : 0;
    if (r >= 0)
        r = first < 0 ? first : second;
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_HAS(answer, "slept");
    return 0;
}

/* --- peers that do not take their answers, of connections that are at their end --- */

static char large[16000000]; /* more than any kernel keeps for who does not read */

static int says_much(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_respond_bytes(request, large, sizeof large, .is_lent = 1);
}

/* Waits until the server has no connection. */
static int until_gone(struct live *live)
{
    aiohttp_web_server_stats stats = { .connections = 1 };
    int r = asyncio_sleep(1.0);
    for (int i = 0; i < 600 && r >= 0 && stats.connections; i++) {
        r = asyncio_sleep(0.1);
        aiohttp_web_server_get_stats(live->server, &stats);
    }
    return r;
}

static int takes_nothing(void *data)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    struct live live;
    int cut_off = 0;
    asyncio_stream *streams[10] = { NULL };
    aiohttp_limits limits = aiohttp_server_limits();
    (void)data;
    limits.write_time = 0.2;
    limits.lingering_time = 0.2;
    limits.write_high_water = 1 << 26; /* so the write itself does not wait */
    limits.write_low_water = 1 << 25;
    if (world.is_chopped)
        return 0;
    aiohttp_web_server_options options = { .size = sizeof options,
                                           .limits = &limits,
                                           .keepalive_timeout = 0.5,
                                           .tcp_keepalive = 1 };
    int r = live_start_with(&live, says_much, &options);
    for (int i = 0; i < 10 && r >= 0; i++) {
        r = live_open(&live, &streams[i]);
        if (r >= 0)
            r = asyncio_stream_write(streams[i], text, sizeof text - 1);
    }
    if (r >= 0)
        r = until_gone(&live);
    for (int i = 0; i < 10 && r >= 0; i++) {
        /* what was sent is there, and then it is cut off */
        static char piece[65536];
        int64_t got = 0;
        asyncio_timeout limit;
        asyncio_timeout_enter(&limit, 1.0);
        while ((r = asyncio_stream_read(streams[i], piece, sizeof piece)) > 0)
            got += r;
        r = asyncio_timeout_exit(&limit, r);
        cut_off += (r == 0 || r == -ECONNRESET) && got < (int64_t)sizeof large;
        r = 0;
    }
    for (int i = 0; i < 10; i++)
        asyncio_stream_unref(streams[i]);
    if ((r = live_end(&live, r)) >= 0)
        CHECK_IS(cut_off, 10);
    return r;
}

/* --- a body that stalls, of a handler that writes meanwhile --- */

static int reading_ended;

static int reads_on(aiohttp_web_request *request)
{
    char piece[100];
    int r;
    while ((r = aiohttp_web_request_content_read(request, piece, sizeof piece)) > 0)
        ;
    reading_ended = r;
    return r;
}

static int reads_and_writes(aiohttp_web_request *request, void *data)
{
    asyncio_task *reader;
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    (void)data;
    int r = aiohttp_web_response_prepare(response);
    if (r < 0)
        return r;
    START(reader, reads_on, request);
    for (int i = 0; i < 3 && r >= 0; i++) {
        r = asyncio_sleep(0.01);
        if (r >= 0)
            r = aiohttp_web_response_write(response, "tick", 4);
    }
    int read = join(reader);
    return r < 0 ? r : read;
}

static int stalls_meanwhile(void *data)
{
    static const char text[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe";
    char answer[4096];
    struct live live;
    asyncio_stream *stream = NULL;
    aiohttp_limits limits = aiohttp_server_limits();
    (void)data;
    reading_ended = 1;
    limits.body_grace = 0.3;
    aiohttp_web_server_options options = { .size = sizeof options,
                                           .limits = &limits,
                                           .keepalive_timeout = 1000,
                                           .tcp_keepalive = 1 };
    int r = live_start_with(&live, reads_and_writes, &options);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, text, sizeof text - 1);
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, world.is_sim ? 500.0 : 20.0);
    while (r >= 0 && (r = asyncio_stream_read(stream, answer, sizeof answer)) > 0)
        ;
    r = asyncio_timeout_exit(&limit, r);
    bool is_late = r == -ETIMEDOUT;
    asyncio_stream_unref(stream);
    r = live_end(&live, r == -ECONNRESET || is_late ? 0 : r);
    CHECK(!is_late);
    CHECK(r < 0 || reading_ended < 0);
    return r;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(cancelled_for_good)
CASE(ended_by_two)
CASE(takes_nothing)
CASE(stalls_meanwhile)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancelled_for_good),
        cmocka_unit_test(test_ended_by_two),
        cmocka_unit_test(test_takes_nothing),
        cmocka_unit_test(test_stalls_meanwhile),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
