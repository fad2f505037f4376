/* SPDX-License-Identifier: MIT */
/* What a request and its answer say of themselves, before, while and after they are read and sent;
 * and the methods that have a function of their own. */
#include "web/web_test.h"

#include <aiohttp/test_utils.h>

/* ---- a request ---- */

/* Whether there is a body, and more of it to read, at each step. */
static int body_states(aiohttp_web_request *request)
{
    char text[8];
    int exists = aiohttp_web_request_body_exists(request);
    int before = aiohttp_web_request_can_read_body(request), r = 1, between = -1;
    long long length = aiohttp_web_request_content_length(request);
    for (int i = 0; r > 0; i++) {
        r = aiohttp_web_request_content_read(request, text, 2);
        if (i == 0)
            between = aiohttp_web_request_can_read_body(request);
    }
    if (r < 0)
        return r;
    return aiohttp_web_respondf(request, "%d %lld %d %d %d %d %d", exists, length, before, between,
                                aiohttp_web_request_can_read_body(request),
                                aiohttp_web_request_body_exists(request),
                                aiohttp_web_request_keep_alive(request));
}

static int connection_says(aiohttp_web_request *request)
{
    char peer[64], none[64];
    int r = aiohttp_web_request_get_extra_info(request, "peername", peer, sizeof peer);
    const char *remote = aiohttp_web_request_remote(request);
    if (r < 0 || !remote)
        return r < 0 ? r : -ENOMEM;
    int unknown = aiohttp_web_request_get_extra_info(request, "no such thing", none, sizeof none);
    return aiohttp_web_respondf(request, "%s %d %d", remote, strncmp(peer, remote, strlen(remote)),
                                unknown < 0);
}

static int asked(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request);
    (void)data;
    if (!path)
        return -ENOMEM;
    return strcmp(path, "/body") == 0 ? body_states(request) : connection_says(request);
}

static const struct talk {
    const char *request, *body;
} talks[] = {
    { "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "1 5 1 1 0 1 1" },
    { "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhe", "1 2 1 1 0 1 1" },
    { "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "0 0 0 0 0 0 1" },
    { "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n0\r\n\r\n", "1 -1 1 1 0 1 1" },
    { "GET /body HTTP/1.1\r\nHost: a\r\n\r\n", "0 -1 0 0 0 0 1" },
    { "GET /body HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "0 -1 0 0 0 0 0" },
    { "GET /body HTTP/1.0\r\n\r\n", "0 -1 0 0 0 0 0" },
    { "GET /body HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "0 -1 0 0 0 0 1" },
    { "GET /connection HTTP/1.1\r\nHost: a\r\n\r\n", "127.0.0.1 0 1" },
};

static int requests(void *data)
{
    char answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, asked);
    for (size_t i = 0; i < sizeof talks / sizeof *talks && r >= 0; i++) {
        r = live_ask(&live, talks[i].request, answer, sizeof answer);
        if (r >= 0)
            CHECK_TEXT(body_of(answer), talks[i].body);
    }
    return live_end(&live, r);
}

/* ---- an answer ---- */

static int set_and_change(aiohttp_web_request *request)
{
    size_t size = 99;
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    CHECK_IS(aiohttp_web_response_status(response), 0);
    CHECK(!aiohttp_web_response_body(response, &size));
    int r = aiohttp_web_respond(request, "hello", .status = 201);
    if (r < 0)
        return r;
    CHECK(!aiohttp_web_response_prepared(response));
    CHECK_IS(aiohttp_web_response_status(response), 201);
    CHECK_TEXT(aiohttp_web_response_reason(response), "Created");
    const char *body = aiohttp_web_response_body(response, &size);
    CHECK(body && size == 5 && memcmp(body, "hello", 5) == 0);
    r = aiohttp_web_response_set_status(response, 202, "Taken");
    if (r < 0)
        return r;
    CHECK_TEXT(aiohttp_web_response_reason(response), "Taken");
    return 0;
}

/* What is sent, and when: flush does not wait for the end. */
static int in_parts(aiohttp_web_request *request)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    CHECK(!aiohttp_web_response_prepared(response));
    int r = aiohttp_web_response_prepare(response);
    if (r >= 0) {
        CHECK(aiohttp_web_response_prepared(response));
        CHECK_IS(aiohttp_web_response_status(response), 200);
        CHECK(aiohttp_web_response_body_length(response) == 0);
        r = aiohttp_web_response_write(response, "part", 4);
    }
    if (r >= 0)
        r = aiohttp_web_response_flush(response);
    if (r >= 0)
        r = asyncio_sleep(100);
    if (r >= 0)
        r = aiohttp_web_response_write(response, "rest", 4);
    if (r >= 0)
        r = aiohttp_web_response_write_eof(response);
    if (r >= 0)
        CHECK(aiohttp_web_response_body_length(response) == 8);
    return r;
}

static int answered(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request);
    (void)data;
    if (!path)
        return -ENOMEM;
    if (strcmp(path, "/parts") == 0)
        return in_parts(request);
    if (strcmp(path, "/sized") == 0) { /* how large it would be, without making it */
        int r = aiohttp_web_response_set_content_length(aiohttp_web_request_response(request),
                                                        1000);
        return r < 0 ? r : aiohttp_web_respond_bytes(request, NULL, 0);
    }
    if (strcmp(path, "/last") == 0)
        aiohttp_web_response_force_close(aiohttp_web_request_response(request));
    return set_and_change(request);
}

static int answers(void *data)
{
    char answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, answered);
    if (r >= 0)
        r = live_ask(&live,
                     "HEAD /sized HTTP/1.1\r\nHost: a\r\n\r\n"
                     "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /last HTTP/1.1\r\nHost: a\r\n\r\n"
                     "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                     answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_IS(count_of(answer, "\r\nContent-Length: 1000\r\n"), 1);
    CHECK_IS(count_of(answer, "HTTP/1.1 202 Taken\r\n"), 2); /* none behind the last */
    CHECK_IS(count_of(answer, "\r\nConnection: close\r\n"), 1);
    return 0;
}

/* On the clock of sim: the first part is there long before the last. */
static int flushed(void *data)
{
    char answer[4096];
    struct live live;
    asyncio_stream *stream = NULL;
    const char *request = "GET /parts HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    (void)data;
    if (!world.is_sim)
        return 0;
    double began = asyncio_loop_time(asyncio_get_running_loop());
    int r = live_start(&live, answered);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, request, strlen(request));
    if (r >= 0)
        r = asyncio_stream_readuntil(stream, "part", 4, answer, sizeof answer);
    if (r >= 0) {
        CHECK(asyncio_loop_time(asyncio_get_running_loop()) < began + 50);
        r = read_all(stream, answer, sizeof answer - 1);
    }
    asyncio_stream_unref(stream);
    if ((r = live_end(&live, r < 0 ? r : 0)) < 0)
        return r;
    CHECK(asyncio_loop_time(asyncio_get_running_loop()) >= began + 100);
    return 0;
}

/* ---- methods ---- */

static int name_it(aiohttp_web_request *request, void *data)
{
    return aiohttp_web_respondf(request, "%s %s", aiohttp_web_request_method(request),
                                (const char *)data);
}

static int methods(void *data)
{
    static char one[] = "one", row[] = "row";
    static const aiohttp_web_route_def rows[] = {
        aiohttp_web_get("/row", name_it, .data = row, .no_head = 1),
        aiohttp_web_head("/row", name_it, .data = row),
        aiohttp_web_post("/row", name_it, .data = row),
        aiohttp_web_put("/row", name_it, .data = row),
        aiohttp_web_patch("/row", name_it, .data = row),
        aiohttp_web_delete("/row", name_it, .data = row),
        aiohttp_web_route("OPTIONS", "/row", name_it, .data = row),
    };
    static const char *const names[] = { "GET",   "HEAD",   "POST",   "PUT",
                                         "PATCH", "DELETE", "OPTIONS" };
    aiohttp_test_server *server = NULL;
    aiohttp_test_response answer;
    (void)data;
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_get(app, "/one", name_it, .data = one, .no_head = 1);
    (void)aiohttp_web_application_add_head(app, "/one", name_it, .data = one);
    (void)aiohttp_web_application_add_post(app, "/one", name_it, .data = one);
    (void)aiohttp_web_application_add_put(app, "/one", name_it, .data = one);
    (void)aiohttp_web_application_add_patch(app, "/one", name_it, .data = one);
    (void)aiohttp_web_application_add_delete(app, "/one", name_it, .data = one);
    (void)aiohttp_web_application_add_options(app, "/one", name_it, .data = one);
    (void)aiohttp_web_application_add_routes(app, rows, sizeof rows / sizeof *rows);
    int r = aiohttp_test_server_new(app, &server);
    aiohttp_web_application_unref(app);
    for (size_t i = 0; i < 2 * sizeof names / sizeof *names && r >= 0; i++) {
        const char *name = names[i / 2], *which = i % 2 ? row : one;
        char wanted[32], path[8];
        snprintf(wanted, sizeof wanted, "%s %s", name, which);
        snprintf(path, sizeof path, "/%s", which);
        r = aiohttp_test_server_request(server, name, path, &answer);
        if (r < 0)
            break;
        CHECK_IS(answer.status, 200);
        CHECK_TEXT(answer.body, strcmp(name, "HEAD") == 0 ? "" : wanted);
    }
    if (r >= 0)
        r = aiohttp_test_server_request(server, "TRACE", "/one", &answer);
    if (r >= 0) {
        CHECK_IS(answer.status, 405);
        const char *allow = aiohttp_headers_get(answer.headers, "Allow");
        CHECK_TEXT(allow, "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
    }
    int ended = aiohttp_test_server_close(server);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : ended < 0 ? ended : slept;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(requests)
CASE(answers)
CASE(flushed)
CASE(methods)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_flushed),
        cmocka_unit_test(test_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
