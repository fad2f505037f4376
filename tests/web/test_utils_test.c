/* SPDX-License-Identifier: MIT */
/* What users test with. */
#include "web/web_test.h"

#include <aiohttp/test_utils.h>

static int mirror(aiohttp_web_request *request)
{
    const char *data;
    size_t size;
    int r = aiohttp_web_request_read(request, &data, &size);
    if (r >= 0)
        r = aiohttp_web_response_set_header(aiohttp_web_request_response(request), "X-Was",
                                            aiohttp_web_request_method(request));
    return r < 0 ? r : aiohttp_web_respond_bytes(request, data, size);
}

static int stream(aiohttp_web_request *request)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    int r = aiohttp_web_response_prepare(response);
    for (int i = 0; i < 3 && r >= 0; i++)
        r = aiohttp_web_response_write(response, "part", 4);
    return r;
}

static int asks(aiohttp_test_server *server)
{
    static const char *const fields[] = { "X-A", "1", NULL };
    aiohttp_test_response answer;
    int r = aiohttp_test_server_request(server, "POST", "/mirror", &answer, .text = "hello",
                                        .headers = fields);
    if (r < 0)
        return r;
    CHECK_IS(answer.status, 200);
    CHECK_TEXT(answer.reason, "OK");
    CHECK_TEXT(answer.body, "hello");
    CHECK_TEXT(aiohttp_headers_get(answer.headers, "x-was"), "POST");
    if ((r = aiohttp_test_server_request(server, "GET", "/stream", &answer)) < 0)
        return r;
    CHECK_TEXT(answer.body, "partpartpart");
    if ((r = aiohttp_test_server_request(server, "HEAD", "/stream", &answer)) < 0)
        return r;
    CHECK_TEXT(answer.body, "");
    if ((r = aiohttp_test_server_request(server, "GET", "/none", &answer)) < 0)
        return r;
    CHECK_IS(answer.status, 404);
    CHECK_HAS(aiohttp_test_server_make_url(server, "/x"), "http://127.0.0.1:");
    CHECK_IS(aiohttp_test_server_request(server, "G T", "/", &answer), -EINVAL);
    return 0;
}

static int server(void *data)
{
    aiohttp_test_server *started = NULL;
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application_add_post(app, "/mirror", mirror);
    aiohttp_web_application_add_get(app, "/stream", stream);
    int r = aiohttp_test_server_new(app, &started);
    if (r >= 0)
        r = asks(started);
    int ended = aiohttp_test_server_close(started);
    aiohttp_web_application_unref(app);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : ended < 0 ? ended : slept;
}

static int run_mirror(aiohttp_web_request *request, void *data)
{
    (void)data;
    return mirror(request);
}

static int fail_late(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_http_conflict(request, .text = "no");
}

static int mocked(void *data)
{
    aiohttp_mocked_request *request;
    aiohttp_test_response answer;
    (void)data;
    int r = aiohttp_make_mocked_request("PUT", "/a?b=c", &request, .text = "body");
    if (r < 0)
        return r;
    aiohttp_web_request *inner = aiohttp_mocked_request_request(request);
    const char *query = aiohttp_web_request_query(inner, "b");
    r = query && strcmp(query, "c") == 0 ? 0 : -ENOMEM;
    if (r >= 0)
        r = aiohttp_mocked_request_run(request, run_mirror, NULL, &answer);
    if (r >= 0)
        r = answer.status == 200 && strcmp(answer.body, "body") == 0 ? 0 : -EPROTO;
    aiohttp_mocked_request_free(request);
    if (r < 0)
        return r;
    if ((r = aiohttp_make_mocked_request("GET", "/", &request)) < 0)
        return r;
    r = aiohttp_mocked_request_run(request, fail_late, NULL, &answer);
    if (r >= 0)
        r = answer.status == 409 && strcmp(answer.body, "no") == 0 ? 0 : -EPROTO;
    aiohttp_mocked_request_free(request);
    CHECK_IS(aiohttp_make_mocked_request("GET", "no path\r\n", &request), -EINVAL);
    return r;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(server)
CASE(mocked)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server),
        cmocka_unit_test(test_mocked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
