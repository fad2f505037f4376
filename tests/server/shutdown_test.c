/* SPDX-License-Identifier: MIT */
/* How a server ends: idle connections at once, those at work after their answer, those that take
 * too long by cancellation; and handlers whose peer has gone. */
#include "web/server.h"
#include "web/web_test.h"

static struct {
    int entered, left, cancelled;
    bool is_ending; /* the server is about to */
} seen;

static int handler(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request);
    (void)data;
    seen.entered++;
    int r = 0;
    if (path && strcmp(path, "/soon") == 0) {
        while (r >= 0 && !seen.is_ending)
            r = asyncio_sleep(0.001);
        r = r < 0 ? r : asyncio_sleep(0.1);
    }
    if (path && strcmp(path, "/never") == 0)
        r = asyncio_sleep(1000);
    if (path && strcmp(path, "/watched") == 0) {
        const char *body;
        size_t size;
        r = aiohttp_web_request_set_handler_cancellation(request, 1);
        if (r >= 0)
            r = aiohttp_web_request_read(request, &body, &size);
        if (r >= 0)
            r = asyncio_sleep(1000);
    }
    seen.left++;
    seen.cancelled += r == -ECANCELED;
    return r < 0 ? r : aiohttp_web_respond(request, "done");
}

static int asking(struct live *live, const char *path, char *answer, size_t room)
{
    char request[128];
    asyncio_stream *stream;
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    r = asyncio_stream_write(stream, request, strlen(request));
    if (r >= 0)
        r = read_all(stream, answer, room - 1);
    if (r >= 0)
        answer[r] = '\0';
    asyncio_stream_unref(stream);
    return r;
}

static int graceful(void *data)
{
    char idle[512], soon[512];
    asyncio_task *a = NULL, *b = NULL;
    struct live live;
    (void)data;
    memset(&seen, 0, sizeof seen);
    int r = live_start(&live, handler);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(asking, &live, "/", idle, sizeof idle), &a);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(asking, &live, "/soon", soon, sizeof soon), &b);
    while (r >= 0 && (seen.entered < 2 || seen.left < 1) && !asyncio_task_done(a) &&
           !asyncio_task_done(b))
        r = asyncio_sleep(0.001);
    seen.is_ending = true;
    r = live_end(&live, r);
    if (r >= 0)
        r = join(a);
    if (r >= 0)
        r = join(b);
    if (r < 0)
        return r;
    CHECK_BEGINS(idle, "HTTP/1.1 200 ");
    CHECK_BEGINS(soon, "HTTP/1.1 200 ");
    CHECK_HAS(soon, "\r\nConnection: close\r\n");
    CHECK_IS(seen.cancelled, 0);
    return 0;
}

static int impatient(void *data)
{
    char answer[512];
    asyncio_task *a = NULL;
    struct live live;
    (void)data;
    memset(&seen, 0, sizeof seen);
    int r = live_start(&live, handler);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(asking, &live, "/never", answer, sizeof answer), &a);
    while (r >= 0 && seen.entered < 1 && !asyncio_task_done(a))
        r = asyncio_sleep(0.001);
    double begin = asyncio_loop_time(asyncio_get_running_loop());
    if (r >= 0)
        r = aiohttp_web_server_shutdown(live.server, 0.1);
    CHECK_IS(r, -ETIMEDOUT);
    CHECK(asyncio_loop_time(asyncio_get_running_loop()) - begin > 0.09);
    CHECK_IS(seen.cancelled, 1);
    r = live_end(&live, 0);
    int asked = join(a);
    CHECK(asked == 0 || asked == -ECONNRESET);
    return r;
}

static struct {
    struct server *server;
    bool is_over, has_come;
} coming;

/* Before the steps of tasks: a request has come, wholly or in part, and its task has not run. */
static void shut_down_when_it_comes(asyncio_loop *loop, void *data)
{
    const char *text;
    struct connection *connection = coming.server->first;
    (void)data;
    coming.has_come = connection && connection->requests == 1 &&
                      connection->state == CONNECTION_IDLE &&
                      (asyncio__stream_has_expected(connection->stream) ||
                       asyncio_stream_peek(connection->stream, &text) > 0);
    if (coming.has_come)
        aiohttp__server_pre_shutdown(coming.server);
    else if (!coming.is_over)
        asyncio_loop_call_soon(loop, shut_down_when_it_comes, NULL);
}

static int ask_twice(struct live *live, char *answer, size_t room)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    asyncio_stream *stream;
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    r = asyncio_stream_write(stream, request, sizeof request - 1);
    if (r >= 0)
        r = asyncio_stream_readuntil(stream, "done", 4, answer, room);
    if (r >= 0)
        r = asyncio_loop_call_soon(asyncio_get_running_loop(), shut_down_when_it_comes, NULL);
    if (r >= 0)
        r = asyncio_stream_write(stream, request, sizeof request - 1);
    if (r >= 0)
        r = read_all(stream, answer, room - 1);
    if (r >= 0)
        answer[r] = '\0';
    coming.is_over = true;
    asyncio_stream_unref(stream);
    return r;
}

/* A request that has come when the server begins to end is answered, also the same once more. */
static int has_come(void *data)
{
    char answer[512];
    struct live live;
    (void)data;
    int r = live_start(&live, handler);
    if (r >= 0) {
        coming = (typeof(coming)){ .server = &live.server->server };
        r = ask_twice(&live, answer, sizeof answer);
    }
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK(coming.has_come);
    CHECK_BEGINS(answer, "HTTP/1.1 200 ");
    CHECK_HAS(answer, "\r\nConnection: close\r\n");
    CHECK_TEXT(body_of(answer), "done");
    return 0;
}

/* The allocation of a shutdown that fails, alone or with all behind it. */
static unsigned failing;
static bool is_for_good;

static int shut_down(struct live *live)
{
    asyncio__alloc_fail_at(failing, is_for_good);
    int r = aiohttp_web_server_shutdown(live->server, 0.05);
    asyncio__alloc_fail_at(0, 0);
    return r;
}

/* A limit that there is no memory for has passed: nobody waits without one. */
static int without_memory(void *data)
{
    char answer[512];
    asyncio_task *asker = NULL, *task = NULL;
    struct live live;
    (void)data;
    memset(&seen, 0, sizeof seen);
    int r = live_start(&live, handler);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(asking, &live, "/never", answer, sizeof answer),
                                &asker);
    while (r >= 0 && seen.entered < 1 && !asyncio_task_done(asker))
        r = asyncio_sleep(0.001);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(shut_down, &live), &task);
    for (int i = 0; r >= 0 && i < 500 && !asyncio_task_done(task); i++)
        r = asyncio_sleep(0.01);
    asyncio__alloc_fail_at(0, 0);
    CHECK_IS(r, 0);
    CHECK(asyncio_task_done(task));
    r = join(task);
    CHECK(r == -ETIMEDOUT || r == -ENOMEM);
    r = live_end(&live, 0);
    CHECK_IS(seen.cancelled, 1);
    int asked = join(asker);
    CHECK(asked >= 0 || asked == -ECONNRESET);
    return r;
}

static void test_without_memory(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12 && !allocation_is_failing(); i++) {
        failing = 1 + i / 2;
        is_for_good = i % 2;
        run_everywhere(without_memory);
    }
}

static int goes(const char *request)
{
    asyncio_stream *stream = NULL;
    struct live live;
    memset(&seen, 0, sizeof seen);
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, request, strlen(request));
    for (int i = 0; r >= 0 && seen.entered < 1 && i < 1000; i++)
        r = asyncio_sleep(0.001);
    if (r >= 0)
        r = asyncio_sleep(0.01);
    CHECK_IS(seen.left, 0);
    CHECK(stream);
    asyncio_stream_close(stream);
    asyncio_stream_unref(stream);
    for (int i = 0; r >= 0 && !seen.left && i < 1000; i++)
        r = asyncio_sleep(0.001);
    r = live_end(&live, r);
    CHECK_IS(seen.cancelled, 1);
    CHECK_IS(reports.count, 0);
    return r;
}

static int peer_goes(void *data)
{
    (void)data;
    int r = goes("GET /watched HTTP/1.1\r\nHost: a\r\n\r\n");
    return r < 0 ? r
                 : goes("POST /watched HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
}

/* What is sent ahead while a handler is watched is answered after it. */
static int watched_ahead(aiohttp_web_request *request, void *data)
{
    (void)data;
    int r = aiohttp_web_request_set_handler_cancellation(request, 1);
    if (r >= 0)
        r = asyncio_sleep(0.02);
    return r < 0 ? r : aiohttp_web_respondf(request, "[%s]", aiohttp_web_request_path(request));
}

static int ahead(void *data)
{
    const char *request = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
                          "GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    char answer[1024];
    asyncio_stream *stream = NULL;
    struct live live;
    (void)data;
    int r = live_start(&live, watched_ahead);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, request, strlen(request));
    if (r >= 0)
        r = read_all(stream, answer, sizeof answer - 1);
    if (r >= 0)
        answer[r] = '\0';
    asyncio_stream_unref(stream);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_HAS(answer, "[/a]");
    CHECK_HAS(answer, "[/b]");
    return 0;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(graceful)
CASE(impatient)
CASE(has_come)
CASE(peer_goes)
CASE(ahead)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graceful),
        cmocka_unit_test(test_impatient),
        cmocka_unit_test(test_has_come),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_peer_goes),
        cmocka_unit_test(test_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
