/* SPDX-License-Identifier: MIT */
/* A response in two hands: closed by one task, or a callback, while another reads; asked for events
 * by two. What is lent of a stream ends with it. */
#include "client/client_test.h"

/* Says its answer, keeps the connection, and is silent from then on. */
struct silent {
    asyncio_server *server;
    const char *answer;
    aiohttp_client_session *session;
    aiohttp_client_response *response;
};

static int serve_silence(asyncio_stream *stream, void *data)
{
    struct silent *silent = data;
    char text[4096];
    int r = read_request(stream, text, sizeof text);
    if (r > 0)
        r = asyncio_stream_write(stream, silent->answer, strlen(silent->answer));
    while (r > 0 || (r == 0 && !asyncio_stream_at_eof(stream)))
        r = asyncio_stream_read(stream, text, sizeof text);
    return r == -ECANCELED ? r : 0;
}

static int silent_start(struct silent *silent, const aiohttp_client_session_new_options *options)
{
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(serve_silence, "127.0.0.1", 0, &silent->server, .data = silent);
    if (r >= 0)
        r = (aiohttp_client_session_new)(&silent->session, options);
    char url[64];
    if (r >= 0) {
        snprintf(url, sizeof url, "http://127.0.0.1:%d/", asyncio_server_port(silent->server));
        r = aiohttp_client_session_get(silent->session, url, &silent->response, .max_body = 100);
    }
    return r;
}

/* No place of the pool may be left in use. */
static int silent_end(struct silent *silent, int r)
{
    aiohttp_connector_stats stats = { .in_use = 0 };
    aiohttp_client_response_unref(silent->response);
    if (silent->session)
        aiohttp_connector_get_stats(aiohttp_client_session_connector(silent->session), &stats);
    r = session_end(silent->session, r);
    struct raw raw = { .server = silent->server };
    r = raw_end(&raw, r);
    if (r >= 0)
        CHECK_IS((int)stats.in_use, 0);
    return r;
}

/* --- closed by another task --- */

static int read_all_of(aiohttp_client_response *response)
{
    const char *body;
    return aiohttp_client_response_read(response, &body, NULL);
}

static int read_a_line(aiohttp_client_response *response)
{
    const char *line;
    return aiohttp_client_response_readline(response, &line);
}

static int drop_it(aiohttp_client_response *response)
{
    return aiohttp_client_response_release(response);
}

static int close_beneath(int reader(aiohttp_client_response *response), const char *answer,
                         int expected)
{
    struct silent silent = { .answer = answer };
    asyncio_task *task = NULL;
    int r = silent_start(&silent, NULL), ended = 0;
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(reader, silent.response), &task);
    if (r >= 0) {
        r = settle();
        aiohttp_client_response_close(silent.response);
        aiohttp_client_response_close(silent.response);
        ended = join(task);
    }
    if (r >= 0 && ended != -ENOMEM) {
        CHECK_IS(ended, expected);
        CHECK_IS(read_a_line(silent.response), expected ? -ECONNRESET : 0);
        CHECK_IS(aiohttp_client_response_status(silent.response), 200);
    }
    return silent_end(&silent, r < 0 ? r : ended == -ENOMEM ? ended : 0);
}

static int closed_beneath(void *data)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n",
        "HTTP/1.1 200 OK\r\n\r\nabc",
    };
    (void)data;
    int r = 0;
    for (size_t i = 0; i < 4 && r >= 0; i++) {
        r = close_beneath(read_all_of, answers[i], -ECONNRESET);
        if (r >= 0)
            r = close_beneath(read_a_line, answers[i], -ECONNRESET);
    }
    /* Release says of nothing but a cancellation. */
    struct silent silent = { .answer = answers[0] };
    asyncio_task *task = NULL;
    if (r >= 0)
        r = silent_start(&silent, NULL);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(drop_it, silent.response), &task);
    if (r >= 0) {
        r = settle();
        aiohttp_client_response_close(silent.response);
        int ended = join(task);
        r = r < 0 ? r : ended;
    }
    return silent.server ? silent_end(&silent, r) : r;
}

/* --- closed by a callback that is told of a piece --- */

static void close_it(const aiohttp_trace *trace, void *data)
{
    ++*(int *)data;
    aiohttp_client_response_close((aiohttp_client_response *)(uintptr_t)trace->response);
}

static int closed_by_callback(void *data)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc\ndef",
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nabc\ndef",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nabc\ndef\r\n0\r\n\r\n",
    };
    (void)data;
    for (size_t i = 0; i < 3; i++) {
        struct silent silent = { .answer = answers[i] };
        int calls = 0;
        const aiohttp_trace_config trace = { .size = sizeof trace,
                                             .on_response_chunk_received = close_it,
                                             .data = &calls };
        aiohttp_client_session_new_options options = { .size = sizeof options, .trace = &trace };
        int r = silent_start(&silent, &options);
        if (r >= 0) {
            r = read_all_of(silent.response);
            if (r != -ENOMEM) {
                CHECK(r == -ECONNRESET || (r == 0 && i > 0));
                CHECK_IS(calls, 1);
                r = 0;
            }
        }
        if ((r = silent_end(&silent, r)) < 0)
            return r;
    }
    return 0;
}

/* --- what lies in the stream ends with it --- */

static int rest_of_closed(void *data)
{
    struct silent silent = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc\ndef" };
    const char *text;
    (void)data;
    int r = silent_start(&silent, NULL);
    if (r >= 0)
        r = read_a_line(silent.response);
    if (r >= 0) {
        CHECK_IS(r, 4);
        aiohttp_client_response_close(silent.response);
        r = settle();
        CHECK_IS(aiohttp_client_response_readany(silent.response, &text), -ECONNRESET);
        CHECK_IS(aiohttp_client_response_read(silent.response, &text, NULL), -ECONNRESET);
    }
    return silent_end(&silent, r);
}

/* The line is too long: that ends the connection, and what followed is not given. */
static int rest_of_failed(void *data)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n"
        "short\n"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
        "what follows";
    struct silent silent = { .answer = answer };
    const char *text;
    (void)data;
    int r = silent_start(&silent, NULL);
    if (r >= 0)
        r = read_a_line(silent.response);
    if (r >= 0) {
        r = read_a_line(silent.response);
        if (r != -ENOMEM) {
            CHECK_IS(r, -AIOHTTP_BODY_TOO_LARGE);
            r = settle();
            CHECK_IS(aiohttp_client_response_readany(silent.response, &text),
                     -AIOHTTP_BODY_TOO_LARGE);
            CHECK_IS(read_a_line(silent.response), -AIOHTTP_BODY_TOO_LARGE);
        }
    }
    return silent_end(&silent, r);
}

static int session_closed(void *data)
{
    struct silent silent = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc\ndef" };
    const char *text;
    (void)data;
    int r = silent_start(&silent, NULL);
    if (r >= 0)
        r = read_a_line(silent.response);
    if (r >= 0)
        r = aiohttp_client_session_close(silent.session);
    if (r >= 0) {
        /* What had come may be given, more cannot. */
        while ((r = aiohttp_client_response_readany(silent.response, &text)) > 0)
            CHECK(memcmp(text, "def", (size_t)r) == 0 || world.is_chopped || world.is_seeded);
        CHECK(r == -ECONNRESET || r == -ENOMEM);
        r = r == -ENOMEM ? r : 0;
    }
    return silent_end(&silent, r);
}

/* --- events --- */

static int next_event(aiohttp_client_response *response)
{
    aiohttp_client_event event;
    return aiohttp_client_response_read_event(response, &event);
}

static int asked_by_two(void *data)
{
    struct silent silent = {
        .answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: a\n\ndata: b"
    };
    asyncio_task *task = NULL;
    (void)data;
    int r = silent_start(&silent, NULL), first = 0;
    if (r >= 0)
        r = next_event(silent.response);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(next_event, silent.response), &task);
    if (r >= 0) {
        r = settle();
        /* The second one is refused, and the first does not notice. */
        int second = asyncio_task_done(task) ? -EBUSY : next_event(silent.response);
        bool is_waiting = !asyncio_task_done(task);
        aiohttp_client_response_close(silent.response);
        first = join(task);
        if (first != -ENOMEM && second != -ENOMEM) {
            CHECK_IS(second, -EBUSY);
            CHECK(is_waiting);
            CHECK_IS(first, -ECONNRESET);
        } else
            r = -ENOMEM;
    }
    return silent_end(&silent, r);
}

#define CASE(name)                                                                                 \
    static void name##_test(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(closed_beneath)
CASE(closed_by_callback)
CASE(rest_of_closed)
CASE(rest_of_failed)
CASE(session_closed)
CASE(asked_by_two)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_beneath_test), cmocka_unit_test(closed_by_callback_test),
        cmocka_unit_test(rest_of_closed_test), cmocka_unit_test(rest_of_failed_test),
        cmocka_unit_test(session_closed_test), cmocka_unit_test(asked_by_two_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
