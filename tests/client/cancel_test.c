/* SPDX-License-Identifier: MIT */
/* Cancelled at every await: an upload in a task of its own, a redirect, a body read in pieces, a
 * repetition, the closing of a session. Nothing may be left, and the pool has all its places. */
#include "client/client_test.h"

#include "support/sweep.h"

static int echo_or_move(aiohttp_web_request *request, void *data)
{
    const char *body;
    size_t size;
    (void)data;
    int r = aiohttp_web_request_read(request, &body, &size);
    if (r < 0)
        return r;
    if (strcmp(aiohttp_web_request_path(request), "/move") == 0)
        return aiohttp_web_respond(request, "moved", .status = 307,
                                   .headers = (const char *[]){ "Location", "/", NULL });
    return aiohttp_web_respondf(request, "first line\nsecond of %zu\n", size);
}

static int slow_body(aiohttp_payload_writer *writer, void *data)
{
    int r = 0;
    (void)data;
    for (int i = 0; i < 3 && r >= 0; i++)
        if ((r = asyncio_sleep(0)) >= 0)
            r = aiohttp_payload_writer_write(writer, "piece\n", 6);
    return r;
}

static int again(void *data)
{
    (void)data;
    return 0;
}

/* What begins is ended, whatever happens in between. */
static int finish(struct both *both, int r)
{
    if (both->session) {
        aiohttp_connector_stats stats;
        aiohttp_connector_get_stats(aiohttp_client_session_connector(both->session), &stats);
        if (stats.in_use || stats.waiting)
            r = -EPROTO;
    }
    return both_end(both, r);
}

static int read_lines(aiohttp_client_response *response, const char *second)
{
    const char *line;
    /* The server's task may be the one that is cancelled: then the answer is another. */
    bool is_answered = aiohttp_client_response_status(response) == 200;
    int r = is_answered ? aiohttp_client_response_readline(response, &line) : 0;
    if (r >= 0 && is_answered)
        r = aiohttp_client_response_readline(response, &line);
    if (r >= 0 && is_answered && strcmp(line, second) != 0)
        r = -EPROTO;
    if (r >= 0 && is_answered)
        r = aiohttp_client_response_readline(response, &line);
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    return r;
}

static int upload(void)
{
    struct both both;
    aiohttp_client_response *response;
    int r = both_start(&both, echo_or_move);
    if (r >= 0)
        r = aiohttp_client_session_post(both.session, at(&both, "/"), &response,
                                        .generator = slow_body);
    if (r >= 0)
        r = read_lines(response, "second of 18\n");
    return finish(&both, r);
}

static int redirect(void)
{
    struct both both;
    aiohttp_client_response *response;
    int r = both_start(&both, echo_or_move);
    if (r >= 0)
        r = aiohttp_client_session_post(both.session, at(&both, "/move"), &response,
                                        .generator = slow_body, .rewind = again, .expect100 = 1);
    if (r >= 0)
        r = read_lines(response, "second of 18\n");
    return finish(&both, r);
}

static int repetition(void)
{
    static struct raw raw; /* the server's task may outlive a program whose end was cancelled */
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    const char *backend = getenv("ASYNCIO_BACKEND");
    /* Who really sleeps a while is quiet, and would be cancelled for that. */
    bool is_sim = backend && strcmp(backend, "sim") == 0;
    aiohttp_client_retry retry = { .size = sizeof retry, .backoff = is_sim ? 0.001 : 0.0 };
    raw = (struct raw){ .answer = "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno",
                        .keeps = true };
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &response, .retry = &retry);
    if (r >= 0) {
        r = aiohttp_client_response_release(response);
        if (r >= 0 && raw.requests < 2) /* the server may be cancelled, too */
            r = -EPROTO;
        aiohttp_client_response_unref(response);
    }
    return raw_end(&raw, session_end(session, r));
}

/* A connection that was idle is looked at before it is used: at once, with whatever memory. */
static int idle(void)
{
    struct both both;
    aiohttp_client_response *response;
    const char *backend = getenv("ASYNCIO_BACKEND");
    bool is_sim = backend && strcmp(backend, "sim") == 0;
    double began = 0, slept = is_sim ? 0.01 : 0.0;
    int r = both_start(&both, echo_or_move);
    for (int i = 0; i < 2 && r >= 0; i++) {
        r = asyncio_sleep(slept);
        began = asyncio_loop_time(asyncio_get_running_loop());
        if (r >= 0)
            r = aiohttp_client_session_get(both.session, at(&both, "/"), &response);
        if (is_sim && asyncio_loop_time(asyncio_get_running_loop()) - began > 1.0)
            r = -EPROTO;
        if (r >= 0)
            r = read_lines(response, "second of 0\n");
    }
    return finish(&both, r);
}

static const struct sweep sweeps[] = {
    { "an upload by a task of its own", upload },
    { "an upload that is expected, and moved", redirect },
    { "a request that is repeated", repetition },
    { "a connection that was idle", idle },
};

static void cancelled_in_turns(void **state)
{
    (void)state;
    /* The last two sleep, which takes more turns than anybody wants to count. */
    sweep_all(sweeps, 2, sweep_cancellations);
}

static void cancelled_where_they_suspend(void **state)
{
    (void)state;
    SWEEP_ALL(sweeps, sweep_suspensions);
}

static void without_memory(void **state)
{
    (void)state;
    SWEEP_ALL(sweeps, sweep_allocations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelled_in_turns),
        cmocka_unit_test(cancelled_where_they_suspend),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
