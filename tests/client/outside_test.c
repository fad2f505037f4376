/* SPDX-License-Identifier: MIT */
/* Sessions and responses where they do not belong: in callbacks and outside of every loop, in the
 * next loop, and in the turn in which their connector closes. */
#include "client/client_test.h"

static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\nabc";
static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";

/* --- in a callback --- */

struct called {
    aiohttp_client_session *session;
    aiohttp_client_response *response;
    const char *url;
    int asked, read, released, line, count;
};

static void call(asyncio_loop *loop, void *data)
{
    struct called *called = data;
    const char *text;
    (void)loop;
    called->asked = aiohttp_client_session_get(called->session, called->url, NULL);
    called->line = aiohttp_client_response_readline(called->response, &text);
    called->read = aiohttp_client_response_read(called->response, &text, NULL);
    called->released = aiohttp_client_response_release(called->response);
    called->count++;
}

static int in_callback(void *data)
{
    struct raw raw = { .answer = half, .keeps = true };
    struct called called = { .count = 0 };
    char text[3];
    (void)data;
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&called.session);
    if (r >= 0) {
        called.url = raw_url(&raw, "/");
        r = aiohttp_client_session_get(called.session, called.url, &called.response);
    }
    if (r >= 0) /* what is there is read, and more would have to be waited for */
        r = aiohttp_client_response_readexactly(called.response, text, 3, NULL);
    if (r >= 0)
        r = asyncio_loop_call_soon(asyncio_get_running_loop(), call, NULL, .data = &called);
    for (int i = 0; i < 3 && r >= 0; i++)
        r = asyncio_sleep(0);
    if (r >= 0) {
        CHECK_IS(called.count, 1);
        CHECK_IS(called.asked, -ASYNCIO_NO_TASK);
        CHECK(called.line == -ASYNCIO_NO_TASK || called.line == -ENOMEM);
        CHECK_IS(called.read, -ASYNCIO_NO_TASK);
        CHECK_IS(called.released, -ASYNCIO_NO_TASK);
    }
    if (called.response)
        aiohttp_client_response_close(called.response);
    aiohttp_client_response_unref(called.response);
    return raw_end(&raw, session_end(called.session, r));
}

static void in_callback_test(void **state)
{
    (void)state;
    run_everywhere(in_callback);
}

/* --- in the next loop --- */

/* The connections are left open, and so are their handlers. */
static int begin(struct called *called)
{
    static struct raw raw;
    raw = (struct raw){ .answer = half, .keeps = true };
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&called->session);
    if (r >= 0)
        r = aiohttp_client_session_get(called->session, raw_url(&raw, "/"), &called->response);
    raw.answer = whole;
    if (r >= 0)
        r = aiohttp_client_session_get(called->session, raw_url(&raw, "/"), NULL);
    if (raw.server)
        asyncio_server_close(raw.server);
    asyncio_server_unref(raw.server);
    return r;
}

static int go_on(struct called *called)
{
    const char *text;
    struct raw raw = { .answer = whole, .keeps = true };
    int r = raw_start(&raw);
    if (r >= 0) {
        called->asked = aiohttp_client_session_get(called->session, raw_url(&raw, "/"), NULL);
        called->read = aiohttp_client_response_read(called->response, &text, NULL);
        called->released = aiohttp_client_response_release(called->response);
    }
    return raw_end(&raw, r);
}

static void in_the_next_loop_test(void **state)
{
    struct called called = { .session = NULL };
    const char *text;
    (void)state;
    enter_world("plain", false, 0);
    assert_return_code(asyncio_run(asyncio_coro(begin, &called), .shutdown_timeout = 5.0), 0);
    asyncio_loop *other; /* so that the next one lies elsewhere */
    assert_return_code(asyncio_new_event_loop(&other), 0);
    assert_return_code(asyncio_run(asyncio_coro(go_on, &called), .shutdown_timeout = 5.0), 0);
    asyncio_loop_close(other);
    asyncio_loop_unref(other);
    assert_true(called.asked < 0);
    assert_true(called.read < 0);
    assert_true(aiohttp_client_response_read(called.response, &text, NULL) < 0);
    aiohttp_client_response_close(called.response);
    aiohttp_client_response_unref(called.response);
    assert_return_code(aiohttp_client_session_close(called.session), 0);
    aiohttp_client_session_unref(called.session);
}

/* --- closed when a place was given --- */

static void count(const aiohttp_trace *trace, void *data)
{
    (void)trace;
    ++*(int *)data;
}

static int ask(aiohttp_client_session *session, const char *url)
{
    return aiohttp_client_session_get(session, url, NULL);
}

static int closed_when_given(void *data)
{
    struct raw raw = { .answer = half, .keeps = true };
    int made = 0, ended = 0;
    const aiohttp_trace_config trace = { .size = sizeof trace,
                                         .data = &made,
                                         .on_connection_create_start = count };
    aiohttp_limits limits = aiohttp_client_limits();
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response = NULL;
    asyncio_task *task = NULL;
    (void)data;
    limits.pool = 1;
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .limits = &limits, .trace = &trace);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &response);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(ask, session, raw_url(&raw, "/")), &task);
    for (int i = 0; i < 3 && r >= 0; i++)
        r = asyncio_sleep(0);
    if (response) {
        aiohttp_client_response_close(response); /* its place is the other's */
        aiohttp_client_response_unref(response);
    }
    int closed = session ? aiohttp_client_session_close(session) : 0;
    if (task) {
        ended = asyncio_await(task);
        asyncio_task_unref(task);
    }
    r = r < 0 ? r : ended == -ENOMEM ? ended : closed;
    if (r >= 0) {
        CHECK_IS(ended, -AIOHTTP_SESSION_CLOSED);
        CHECK_IS(made, 1);
    }
    aiohttp_client_session_unref(session);
    return raw_end(&raw, r);
}

static void closed_when_given_test(void **state)
{
    (void)state;
    run_everywhere(closed_when_given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_callback_test),
        cmocka_unit_test(in_the_next_loop_test),
        cmocka_unit_test(closed_when_given_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
