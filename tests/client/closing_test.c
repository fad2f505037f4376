/* SPDX-License-Identifier: MIT */
/* A session that is closed while connections are being made: they are given up, in whatever phase,
 * and closing returns when they have gone. */
#include "client/client_test.h"

#include "support/sweep.h"

/* Takes what comes, and says nothing. */
static int serve_silence(asyncio_stream *stream, void *data)
{
    char text[1000];
    int r;
    (void)data;
    while ((r = asyncio_stream_read(stream, text, sizeof text)) > 0)
        continue;
    return r == -ECANCELED ? r : 0;
}

struct place {
    asyncio_server *server;
    aiohttp_client_session *session;
    char url[64], proxy[64];
    bool closes_itself;
    int asked;
};

static int resolve(const char *host, int port, int family, aiohttp_resolved *ret_addresses,
                   size_t capacity, void *data)
{
    struct place *place = data;
    (void)host, (void)port, (void)family, (void)capacity, (void)ret_addresses;
    place->asked++;
    int r = place->closes_itself ? aiohttp_client_session_close(place->session)
                                 : asyncio_sleep(100.0);
    snprintf(ret_addresses->address, sizeof ret_addresses->address, "127.0.0.1");
    return r < 0 ? r : 1;
}

static int place_start(struct place *place, const char *scheme, const char *host)
{
    aiohttp_connector *connector = NULL;
    const aiohttp_resolver resolver = { .size = sizeof resolver,
                                        .resolve = resolve,
                                        .data = place };
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(serve_silence, "127.0.0.1", 0, &place->server);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .resolver = &resolver);
    if (r >= 0)
        r = aiohttp_client_session_new(&place->session, .connector = connector);
    aiohttp_connector_unref(connector);
    if (r < 0)
        return r;
    int port = asyncio_server_port(place->server);
    snprintf(place->url, sizeof place->url, "%s://%s:%d/", scheme, host, port);
    snprintf(place->proxy, sizeof place->proxy, "http://127.0.0.1:%d", port);
    return 0;
}

/* Nothing may be left in use by the time closing has returned. */
static int place_end(struct place *place, int r)
{
    aiohttp_connector_stats stats = { .in_use = 0 };
    if (place->session)
        aiohttp_connector_get_stats(aiohttp_client_session_connector(place->session), &stats);
    r = session_end(place->session, r);
    struct raw raw = { .server = place->server };
    r = raw_end(&raw, r);
    if (r >= 0)
        CHECK_IS((int)(stats.in_use + stats.idle + stats.waiting), 0);
    return r;
}

static int ask(struct place *place, int by_proxy)
{
    aiohttp_client_response *response;
    const aiohttp_client_timeout timeout = {
        sizeof timeout, ASYNCIO_NONE, ASYNCIO_NONE, ASYNCIO_NONE, ASYNCIO_NONE,
        ASYNCIO_NONE,   ASYNCIO_NONE, ASYNCIO_NONE, ASYNCIO_NONE, ASYNCIO_NONE, 1.0
    };
    int r = aiohttp_client_session_get(place->session, place->url, &response, .timeout = &timeout,
                                       .proxy = by_proxy ? place->proxy : NULL);
    if (r >= 0)
        aiohttp_client_response_unref(response);
    return r;
}

static int close_beneath(const char *scheme, const char *host, int by_proxy)
{
    struct place place = { .server = NULL };
    asyncio_task *tasks[2] = { NULL };
    int r = place_start(&place, scheme, host), ended = 0;
    for (int i = 0; i < 2 && r >= 0; i++)
        r = asyncio_create_task(asyncio_coro(ask, &place, by_proxy), &tasks[i]);
    if (r >= 0)
        r = settle();
    if (r >= 0)
        r = aiohttp_client_session_close(place.session);
    bool are_over = tasks[0] && tasks[1] && asyncio_task_done(tasks[0]) &&
                    asyncio_task_done(tasks[1]);
    for (int i = 0; i < 2; i++)
        if (tasks[i]) {
            if (r < 0)
                asyncio_task_cancel(tasks[i]);
            int one = join(tasks[i]);
            ended = one == -ENOMEM ? one : ended ? ended : one;
        }
    r = place_end(&place, r);
    if (r >= 0 && ended != -ENOMEM) {
        CHECK_IS(ended, -AIOHTTP_SESSION_CLOSED);
        CHECK(are_over || allocation_is_failing());
    }
    return r < 0 ? r : ended == -ENOMEM ? ended : 0;
}

static int in_each_phase(void *data)
{
    (void)data;
    int r = close_beneath("https", "127.0.0.1", 0);
    if (r >= 0)
        r = close_beneath("http", "name.test", 0);
    return r < 0 ? r : close_beneath("https", "127.0.0.1", 1);
}

/* Who closes is the one that connects. */
static int by_itself(void *data)
{
    struct place place = { .closes_itself = true };
    asyncio_task *task = NULL;
    (void)data;
    int r = place_start(&place, "http", "name.test"), other = 0;
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(ask, &place, 0), &task);
    if (r >= 0)
        r = ask(&place, 0);
    if (task) {
        if (r == -ENOMEM)
            asyncio_task_cancel(task);
        other = join(task);
    }
    if (r != -ENOMEM && other != -ENOMEM) {
        CHECK_IS(r, -AIOHTTP_SESSION_CLOSED);
        CHECK_IS(other, -AIOHTTP_SESSION_CLOSED);
    }
    return place_end(&place, r == -ENOMEM || other == -ENOMEM ? -ENOMEM : 0);
}

static void close_session(const aiohttp_trace *trace, void *data)
{
    (void)trace;
    (void)aiohttp_client_session_close(*(aiohttp_client_session **)data);
}

/* A callback closes when there is no place for a request, whose task has the only connection. */
static int by_callback(void *data)
{
    static aiohttp_client_session *session;
    static const aiohttp_trace_config trace = { .size = sizeof trace,
                                                .on_connection_queued_start = close_session,
                                                .data = &session };
    struct raw raw = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .keeps = true };
    aiohttp_connector *connector = NULL;
    aiohttp_client_response *first = NULL, *second;
    (void)data;
    session = NULL;
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .limit = 1);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .connector = connector, .trace = &trace);
    aiohttp_connector_unref(connector);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &first);
    if (r >= 0) {
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &second);
        if (r != -ENOMEM) {
            CHECK_IS(r, -AIOHTTP_SESSION_CLOSED);
            r = 0;
        }
        aiohttp_client_response_close(first);
    }
    aiohttp_client_response_unref(first);
    return raw_end(&raw, session_end(session, r));
}

/* Cancelled wherever it waits. */
static int cancelled(void)
{
    struct place place = { .server = NULL };
    asyncio_task *task = NULL;
    int r = place_start(&place, "https", "127.0.0.1");
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(ask, &place, 0), &task);
    for (int i = 0; i < 5 && r >= 0; i++)
        r = asyncio_sleep(0);
    if (r >= 0)
        r = aiohttp_client_session_close(place.session);
    if (task) {
        asyncio_task_cancel(task);
        while (!asyncio_task_done(task))
            if (asyncio_sleep(0) < 0)
                continue;
        asyncio_task_unref(task);
    }
    return place_end(&place, r);
}

static void cancelled_anywhere(void **state)
{
    (void)state;
    sweep_suspensions("closing while a connection is made", cancelled);
}

#define CASE(name)                                                                                 \
    static void name##_test(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(in_each_phase)
CASE(by_itself)
CASE(by_callback)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_each_phase_test),
        cmocka_unit_test(by_itself_test),
        cmocka_unit_test(by_callback_test),
        cmocka_unit_test(cancelled_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
