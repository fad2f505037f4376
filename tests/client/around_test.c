/* SPDX-License-Identifier: MIT */
/* What is around a request: repetitions, stale connections, middlewares, tracing, cookies, status
 * as an error. */
#include "client/client_test.h"

#include <aiohttp/cookie_jar.h>

/* --- servers that fail at first --- */

struct flaky {
    asyncio_server *server;
    int requests, connections;
    int fails;               /* so many answers are bad */
    const char *bad;         /* NULL: the connection is closed */
    int after;               /* so many requests of a connection it is closed, silently */
    const char *behind;      /* written behind each answer, when that has been read */
};

static int serve_flaky(asyncio_stream *stream, void *data)
{
    struct flaky *flaky = data;
    static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
    char text[4096];
    int count = 0;
    flaky->connections++;
    while (read_request(stream, text, sizeof text) > 0) {
        flaky->requests++;
        bool is_bad = flaky->fails-- > 0;
        const char *answer = is_bad ? flaky->bad : good;
        if (!answer)
            break;
        int r = asyncio_stream_write(stream, answer, strlen(answer));
        if (r >= 0 && flaky->behind && (r = asyncio_sleep(0)) >= 0)
            r = asyncio_stream_write(stream, flaky->behind, strlen(flaky->behind));
        if (r < 0 || ++count == flaky->after)
            break;
    }
    return 0;
}

static int flaky_start(struct flaky *flaky, aiohttp_client_session **ret_session, char *url,
                       size_t room)
{
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(serve_flaky, "127.0.0.1", 0, &flaky->server, .data = flaky);
    if (r >= 0)
        snprintf(url, room, "http://127.0.0.1:%d/", asyncio_server_port(flaky->server));
    return r < 0 ? r : aiohttp_client_session_new(ret_session);
}

static int flaky_end(struct flaky *flaky, aiohttp_client_session *session, int r)
{
    struct raw raw = { .server = flaky->server };
    return raw_end(&raw, session_end(session, r));
}

static int ask(aiohttp_client_session *session, const char *method, const char *url,
               const aiohttp_client_retry *retry)
{
    aiohttp_client_response *response;
    const char *text;
    int r = aiohttp_client_session_request(session, method, url, &response, .retry = retry);
    if (r < 0)
        return r;
    int status = aiohttp_client_response_status(response);
    r = aiohttp_client_response_text(response, &text);
    aiohttp_client_response_unref(response);
    return r < 0 ? r : status;
}

static int retries(void *data)
{
    struct flaky flaky = { .fails = 2,
                           .bad =
                               "HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n" };
    aiohttp_client_retry retry = { .size = sizeof retry, .backoff = 0.01 };
    aiohttp_client_session *session = NULL;
    char url[64];
    (void)data;
    if (!world.is_sim) /* a second is long */
        flaky.bad = "HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n";
    int r = flaky_start(&flaky, &session, url, sizeof url);
    double began = asyncio_loop_time(asyncio_get_running_loop());
    if (r >= 0 && (r = ask(session, "GET", url, &retry)) >= 0) {
        CHECK_IS(r, 200);
        CHECK_IS(flaky.requests, 3);
        CHECK(asyncio_loop_time(asyncio_get_running_loop()) - began > 1.99 || !world.is_sim);
        flaky.fails = 3;
        flaky.requests = 0;
        if ((r = ask(session, "GET", url, &retry)) >= 0) {
            CHECK_IS(r, 503);
            CHECK_IS(flaky.requests, 3);
        }
    }
    if (r >= 0) {
        flaky.fails = 1;
        if ((r = ask(session, "POST", url, &retry)) >= 0)
            CHECK_IS(r, 503);
    }
    if (r >= 0) {
        flaky.fails = 1;
        retry.any_method = 1;
        if ((r = ask(session, "POST", url, &retry)) >= 0)
            CHECK_IS(r, 200);
    }
    if (r >= 0) {
        flaky.fails = 2;
        flaky.bad = NULL;
        if ((r = ask(session, "GET", url, &retry)) >= 0)
            CHECK_IS(r, 200);
    }
    return flaky_end(&flaky, session, r < 0 ? r : 0);
}

/* A connection that the server closes after each answer without having said so. */
static int stale(void *data)
{
    struct flaky flaky = { .after = 1 };
    aiohttp_client_session *session = NULL;
    char url[64];
    (void)data;
    int r = flaky_start(&flaky, &session, url, sizeof url);
    for (int i = 0; i < 5 && r >= 0; i++)
        r = ask(session, "GET", url, NULL);
    if (r >= 0)
        CHECK_IS(flaky.connections, 5);
    /* Idle for a while: it is looked at, also for a POST. */
    for (int i = 0; i < 3 && r >= 0 && !world.is_seeded; i++) {
        r = asyncio_sleep(0.02);
        if (r >= 0)
            r = ask(session, "POST", url, NULL);
    }
    return flaky_end(&flaky, session, r < 0 ? r : 0);
}

/* What comes while it is idle is seen however short that was, and also for a POST, which is not
 * repeated: the end, and bytes that would be taken for the next answer. */
static int at_once(void *data)
{
    (void)data;
    if (world.is_seeded) /* what has come may be told of later there */
        return 0;
    for (int is_end = 0; is_end < 2; is_end++) {
        struct flaky flaky = { .after = is_end };
        aiohttp_client_session *session = NULL;
        char url[64];
        if (!is_end)
            flaky.behind = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
        int r = flaky_start(&flaky, &session, url, sizeof url);
        for (int i = 0; i < 5 && r >= 0; i++) {
            r = ask(session, "POST", url, NULL);
            if (r >= 0)
                r = asyncio_sleep(0.0005);
        }
        if (r >= 0)
            CHECK_IS(flaky.connections, 5);
        r = flaky_end(&flaky, session, r < 0 ? r : 0);
        if (r < 0)
            return r;
    }
    return 0;
}

/* How long it waits at most: before each attempt, and for what the server wants. */
static int at_most(void *data)
{
    struct flaky flaky = { .fails = 3, .bad = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n" };
    aiohttp_client_retry retry = { .size = sizeof retry, .attempts = 4, .backoff = 0.4,
                                   .max_backoff = 0.5 };
    aiohttp_client_session *session = NULL;
    char url[64];
    (void)data;
    if (!world.is_sim)
        return 0;
    int r = flaky_start(&flaky, &session, url, sizeof url);
    double began = asyncio_loop_time(asyncio_get_running_loop());
    if (r >= 0 && (r = ask(session, "GET", url, &retry)) >= 0) {
        double took = asyncio_loop_time(asyncio_get_running_loop()) - began;
        CHECK_IS(r, 200);
        CHECK(took > 1.39 && took < 1.5); /* 0.4 + 0.5 + 0.5 */
        static const char *const later[] = {
            "HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n",
            "HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 20000000000\r\n\r\n",
        };
        for (int i = 0; i < 2 && r >= 0; i++) {
            flaky.requests = 0;
            flaky.fails = 1;
            flaky.bad = later[i];
            if ((r = ask(session, "GET", url, &retry)) >= 0) {
                CHECK_IS(r, 503);
                CHECK_IS(flaky.requests, 1);
            }
        }
    }
    return flaky_end(&flaky, session, r < 0 ? r : 0);
}

/* Not even what went stale is asked again: the server closes instead of answering. */
static int never_again(void *data)
{
    struct flaky flaky = { .fails = 0 };
    aiohttp_client_retry retry = { .size = sizeof retry, .attempts = 1 };
    aiohttp_client_session *session = NULL;
    char url[64];
    (void)data;
    int r = flaky_start(&flaky, &session, url, sizeof url);
    for (int i = 0; i < 2 && r >= 0; i++) {
        retry.no_stale = i;
        if ((r = ask(session, "GET", url, NULL)) < 0)
            break;
        flaky.fails = 1;
        r = ask(session, "GET", url, &retry);
        if (r == -ENOMEM)
            break;
        CHECK_IS(r, i == 0 ? 200 : -AIOHTTP_SERVER_DISCONNECTED);
        r = 0;
    }
    return flaky_end(&flaky, session, r < 0 ? r : 0);
}

/* --- middlewares, tracing --- */

struct seen {
    int starts, ends, created, reused, chunks, calls;
};

static void on_start(const aiohttp_trace *trace, void *data)
{
    struct seen *seen = data;
    seen->starts += trace->context == seen && strcmp(trace->method, "GET") == 0;
}

static void on_end(const aiohttp_trace *trace, void *data)
{
    struct seen *seen = data;
    seen->ends += trace->response && aiohttp_client_response_status(trace->response) == 200;
}

static void on_created(const aiohttp_trace *trace, void *data)
{
    struct seen *seen = data;
    seen->created += trace->host != NULL;
}

static void on_reused(const aiohttp_trace *trace, void *data)
{
    struct seen *seen = data;
    seen->reused += trace->host != NULL;
}

static void on_chunk(const aiohttp_trace *trace, void *data)
{
    struct seen *seen = data;
    seen->chunks += trace->bytes > 0;
}

static int add_header(aiohttp_client_request *request, aiohttp_client_next *next,
                      aiohttp_client_response **ret_response, void *data)
{
    struct seen *seen = data;
    seen->calls++;
    int r = aiohttp_headers_set(aiohttp_client_request_headers(request), "X-Token", "t");
    return r < 0 ? r : next(request, ret_response);
}

/* As an authentication does it: asks, looks, asks again. */
static int ask_twice(aiohttp_client_request *request, aiohttp_client_next *next,
                     aiohttp_client_response **ret_response, void *data)
{
    aiohttp_client_response *response;
    struct seen *seen = data;
    seen->calls++;
    int r = next(request, &response);
    if (r < 0)
        return r;
    r = aiohttp_client_response_release(response);
    aiohttp_client_response_unref(response);
    return r < 0 ? r : next(request, ret_response);
}

static int token(aiohttp_web_request *request, void *data)
{
    int *count = data;
    const char *value = aiohttp_web_request_header(request, "X-Token");
    const char *cookie = aiohttp_web_request_header(request, "Cookie");
    ++*count;
    if (strcmp(aiohttp_web_request_path(request), "/set") == 0)
        return aiohttp_web_respond(request, "set", .headers = (const char *[]){
                                                       "Set-Cookie", "k=v; Path=/", NULL });
    if (strcmp(aiohttp_web_request_path(request), "/bad") == 0)
        return aiohttp_web_respond(request, "bad", .status = 418);
    return aiohttp_web_respondf(request, "%s %s", value ? value : "-", cookie ? cookie : "-");
}

static int around_on(struct both *both, struct seen *seen, int *count)
{
    aiohttp_client_response *response;
    int r = text_is(aiohttp_client_session_get(both->session, at(both, "/"), &response,
                                               .trace_context = seen),
                    &response, "t -");
    if (r < 0)
        return r;
    CHECK_IS(*count, 2);
    CHECK_IS(seen->calls, 2);
    CHECK_IS(seen->starts, 1);
    CHECK_IS(seen->ends, 1);
    CHECK_IS(seen->created, 1);
    CHECK_IS(seen->reused, 1);
    CHECK(seen->chunks >= 1);
    r = text_is(aiohttp_client_session_get(both->session, at(both, "/set"), &response), &response,
                "set");
    if (r >= 0)
        r = text_is(aiohttp_client_session_get(both->session, at(both, "/"), &response), &response,
                    "t k=v");
    if (r < 0)
        return r;
    r = aiohttp_client_session_get(both->session, at(both, "/bad"), &response,
                                   .raise_for_status = 1);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -(AIOHTTP_HTTP + 418));
    const asyncio_error *error = record_of(r);
    if (error)
        CHECK_HAS(error->text, "/bad: 418");
    return 0;
}

static int around(void *data)
{
    struct both both = { .session = NULL };
    struct seen seen = { .calls = 0 };
    int count = 0;
    (void)data;
    aiohttp_trace_config trace = { .size = sizeof trace,
                                   .data = &seen,
                                   .on_request_start = on_start,
                                   .on_request_end = on_end,
                                   .on_connection_create_end = on_created,
                                   .on_connection_reuseconn = on_reused,
                                   .on_response_chunk_received = on_chunk };
    aiohttp_client_middleware_entry entries[] = { { add_header, &seen }, { ask_twice, &seen } };
    aiohttp_cookie_jar *jar = NULL;
    int r = live_start_with(&both.live, token,
                            &(aiohttp_web_server_options){
                                .size = sizeof(aiohttp_web_server_options),
                                .data = &count,
                                .keepalive_timeout = -1,
                                .tcp_keepalive = 1 });
    if (r >= 0)
        r = aiohttp_cookie_jar_new(&jar, .unsafe = 1);
    if (r >= 0)
        r = aiohttp_client_session_new(&both.session, .middlewares = entries,
                                       .middleware_count = 2, .trace = &trace, .cookie_jar = jar);
    aiohttp_cookie_jar_unref(jar);
    if (r >= 0)
        r = around_on(&both, &seen, &count);
    return both_end(&both, r);
}

/* --- the end --- */

static int wait_for_it(aiohttp_client_session *session, const char *url)
{
    aiohttp_client_response *response;
    return aiohttp_client_session_get(session, url, &response);
}

static int silent(asyncio_stream *stream)
{
    char text[64];
    int r;
    while ((r = asyncio_stream_read(stream, text, sizeof text)) > 0)
        ;
    return 0;
}

/* Close ends requests, also those that wait for a connection. */
static int closing(void *data)
{
    struct raw raw = { .server = NULL };
    aiohttp_client_session *session = NULL;
    aiohttp_connector *connector = NULL;
    asyncio_task *tasks[2] = { NULL, NULL };
    char url[64] = "";
    (void)data;
    int r = asyncio_start_server(silent, "127.0.0.1", 0, &raw.server);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .limit = 1);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .connector = connector);
    aiohttp_connector_unref(connector);
    if (r >= 0)
        snprintf(url, sizeof url, "http://127.0.0.1:%d/", asyncio_server_port(raw.server));
    for (int i = 0; i < 2 && r >= 0; i++)
        r = asyncio_create_task(asyncio_coro(wait_for_it, session, url), &tasks[i]);
    if (r >= 0)
        r = settle();
    int closed = session ? aiohttp_client_session_close(session) : 0;
    int results[2] = { 0, 0 };
    for (int i = 0; i < 2; i++)
        if (tasks[i])
            results[i] = join(tasks[i]);
    if (r >= 0 && results[0] != -ENOMEM && results[1] != -ENOMEM) {
        CHECK_IS(closed, 0);
        CHECK_IS(results[0], -ECONNRESET);
        CHECK_IS(results[1], -AIOHTTP_SESSION_CLOSED);
        aiohttp_client_response *response;
        CHECK_IS(aiohttp_client_session_get(session, url, &response), -AIOHTTP_SESSION_CLOSED);
    }
    aiohttp_client_session_unref(session);
    return raw_end(&raw, r);
}

#define CASE(name)                                                                                 \
    static void name##_test(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(retries)
CASE(stale)
CASE(at_once)
CASE(at_most)
CASE(never_again)
CASE(around)
CASE(closing)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retries_test),
        cmocka_unit_test(stale_test),
        cmocka_unit_test(at_once_test),
        cmocka_unit_test(at_most_test),
        cmocka_unit_test(never_again_test),
        cmocka_unit_test(around_test),
        cmocka_unit_test(closing_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
