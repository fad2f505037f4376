/* SPDX-License-Identifier: MIT */
/* Answers that are payloads; how a body is sent: compressed by force, in chunks; conditions;
 * options of printf's form. */
#include "web/web_test.h"

#include <aiohttp/form.h>
#include <aiohttp/payload.h>
#include <aiohttp/test_utils.h>
#include <jansson.h>

static int count_up(aiohttp_payload_writer *writer, void *data)
{
    char text[16];
    int r = 0;
    (void)data;
    for (int i = 0; i < 5 && r >= 0; i++) {
        int size = snprintf(text, sizeof text, "%d,", i);
        r = aiohttp_payload_writer_write(writer, text, (size_t)size);
    }
    return r;
}

static int fails(aiohttp_payload_writer *writer, void *data)
{
    (void)data;
    int r = aiohttp_payload_writer_write(writer, "half", 4);
    return r < 0 ? r : -EBADMSG;
}

static int make(const char *path, aiohttp_payload **ret_payload)
{
    if (strcmp(path, "/generator") == 0)
        return aiohttp_generator_payload_new(count_up, ret_payload, .content_type = "text/csv");
    if (strcmp(path, "/known") == 0)
        return aiohttp_generator_payload_new(count_up, ret_payload, .length = 10);
    if (strcmp(path, "/short") == 0)
        return aiohttp_generator_payload_new(count_up, ret_payload, .length = 11);
    if (strcmp(path, "/fails") == 0)
        return aiohttp_generator_payload_new(fails, ret_payload);
    if (strcmp(path, "/text") == 0 || strcmp(path, "/typed") == 0 || strcmp(path, "/replaced") == 0)
        return aiohttp_string_payload_new("text", ret_payload);
    return aiohttp_file_payload_new("/proc/self/no/such/file", ret_payload);
}

static int payloads(aiohttp_web_request *request, void *data)
{
    aiohttp_payload *payload = NULL;
    const char *path = aiohttp_web_request_path(request);
    (void)data;
    int r = path ? make(path, &payload) : -ENOMEM;
    if (r < 0)
        return r == -ENOENT || r == -ENOTDIR ? aiohttp_web_http_gone(request) : r;
    r = strcmp(path, "/typed") == 0
            ? aiohttp_web_respond_payload(request, payload, .status = 201, .content_type = "a/b")
            : aiohttp_web_respond_payload(request, payload);
    aiohttp_payload_unref(payload);
    if (r >= 0 && strcmp(path, "/replaced") == 0)
        r = aiohttp_web_response_set_body(aiohttp_web_request_response(request), "other", 5);
    return r;
}

static int answers(void *data)
{
    static const struct {
        const char *path, *begins, *has, *body;
        int reported;
    } talks[] = {
        { "GET /generator", "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n",
          "\r\nTransfer-Encoding: chunked\r\n",
          "2\r\n0,\r\n2\r\n1,\r\n2\r\n2,\r\n2\r\n3,\r\n2\r\n4,\r\n0\r\n\r\n", 0 },
        { "GET /known", "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 10\r\n", "0,1,2,3,4,", 0 },
        { "HEAD /known", "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 10\r\n", "", 0 },
        { "HEAD /fails", "HTTP/1.1 200 OK\r\n", "\r\n", "", 0 },
        { "GET /text", "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n",
          "\r\nContent-Length: 4\r\n", "text", 0 },
        { "GET /typed", "HTTP/1.1 201 Created\r\nContent-Type: a/b\r\n", "\r\n", "text", 0 },
        { "GET /replaced", "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n",
          "\r\n", "other", 0 },
        { "GET /none", "HTTP/1.1 410 Gone\r\n", "\r\n", NULL, 0 },
        { "GET /short", "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 11\r\n", "0,1,2,3,4,", 1 },
        { "GET /fails", "HTTP/1.1 200 OK\r\n", "\r\nTransfer-Encoding: chunked\r\n",
          "4\r\nhalf\r\n", 1 },
    };
    char request[128], answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, payloads);
    for (size_t i = 0; r >= 0 && i < sizeof talks / sizeof *talks; i++) {
        int before = (int)reports.count;
        snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: a\r\n\r\n", talks[i].path);
        if ((r = live_ask(&live, request, answer, sizeof answer)) < 0)
            break;
        CHECK_BEGINS(answer, talks[i].begins);
        CHECK_HAS(answer, talks[i].has);
        if (talks[i].body)
            CHECK_TEXT(body_of(answer), talks[i].body);
        CHECK_IS((int)reports.count - before, talks[i].reported);
    }
    return live_end(&live, r);
}

/* --- how it is sent --- */

static int conditional(aiohttp_web_request *request, void *data)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    (void)data;
    if (aiohttp_web_response_set_etag(response, "a\"b", 0) != -EINVAL ||
        aiohttp_web_response_set_last_modified(response, -1) != -EINVAL)
        return -EPROTO;
    int r = aiohttp_web_response_set_etag(response, "v1", 0);
    if (r >= 0)
        r = aiohttp_web_response_set_last_modified(response, 99.5);
    if (r >= 0)
        r = aiohttp_web_response_check_conditions(response);
    return r < 0 ? r : aiohttp_web_respond(request, "made");
}

static int conditions(void *data)
{
    static const struct {
        const char *method, *headers[5];
        int status;
    } rows[] = {
        { "GET", { NULL }, 200 },
        { "GET", { "If-None-Match", "\"v1\"" }, 304 },
        { "GET", { "If-None-Match", "W/\"v1\"" }, 304 },
        { "GET", { "If-None-Match", "\"v0\"" }, 200 },
        { "GET", { "If-None-Match", "*" }, 304 },
        { "PUT", { "If-None-Match", "*" }, 412 },
        { "PUT", { "If-Match", "\"v1\"" }, 200 },
        { "PUT", { "If-Match", "W/\"v1\"" }, 412 },
        { "PUT", { "If-Match", "\"v0\"" }, 412 },
        { "PUT", { "If-Match", "*" }, 200 },
        { "GET", { "If-Modified-Since", "Thu, 01 Jan 1970 00:01:40 GMT" }, 304 },
        { "GET", { "If-Modified-Since", "Thu, 01 Jan 1970 00:01:39 GMT" }, 200 },
        { "GET", { "If-Modified-Since", "yesterday" }, 200 },
        { "POST", { "If-Modified-Since", "Thu, 01 Jan 1970 00:01:40 GMT" }, 200 },
        { "PUT", { "If-Unmodified-Since", "Thu, 01 Jan 1970 00:01:39 GMT" }, 412 },
        { "PUT", { "If-Unmodified-Since", "Thu, 01 Jan 1970 00:01:40 GMT" }, 200 },
        /* tags count more than dates */
        { "GET",
          { "If-None-Match", "\"v0\"", "If-Modified-Since", "Thu, 01 Jan 1970 00:01:40 GMT" },
          200 },
    };
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        aiohttp_mocked_request *mocked;
        aiohttp_test_response answer;
        int r = aiohttp_make_mocked_request(rows[i].method, "/", &mocked,
                                            .headers = rows[i].headers);
        if (r < 0)
            return r;
        r = aiohttp_mocked_request_run(mocked, conditional, NULL, &answer);
        if (r >= 0) {
            CHECK_IS(answer.status, rows[i].status);
            CHECK_TEXT(aiohttp_headers_get(answer.headers, "ETag"), "\"v1\"");
            CHECK_TEXT(aiohttp_headers_get(answer.headers, "Last-Modified"),
                       "Thu, 01 Jan 1970 00:01:40 GMT");
        }
        aiohttp_mocked_request_free(mocked);
        if (r < 0)
            return r;
    }
    return 0;
}

static int ways(aiohttp_web_request *request, void *data)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    const char *path = aiohttp_web_request_path(request), *missing = NULL;
    int r = 0;
    (void)data;
    if (!path)
        return -ENOMEM;
    if (strcmp(path, "/chunks") == 0)
        r = aiohttp_web_response_enable_chunked_encoding(response);
    else if (strcmp(path, "/gzip") == 0)
        r = aiohttp_web_response_enable_compression(response, .force = "gzip", .level = 9);
    else if (strcmp(path, "/none") == 0)
        r = aiohttp_web_response_enable_compression(response, .force = "rot13");
    else if (strcmp(path, "/nothing") == 0)
        return aiohttp_web_respond(request, missing);
    else
        return aiohttp_web_respondf_with(
            request, AIOHTTP_WEB_RESPONSE(.status = 201, .content_type = "text/html"),
            "<b>%d</b>", 42);
    if (r == -EINVAL)
        return aiohttp_web_respondf_with(request, AIOHTTP_WEB_RESPONSE(), "no such way");
    return r < 0 ? r
                 : aiohttp_web_respond(request, "a text that is a text that is a text that is a "
                                                "text that is a text that is a text");
}

static int sent(void *data)
{
    static const struct {
        const char *path, *begins, *has;
    } talks[] = {
        { "/chunks", "HTTP/1.1 200 OK\r\n", "\r\nTransfer-Encoding: chunked\r\n" },
        { "/gzip", "HTTP/1.1 200 OK\r\n", "\r\nContent-Encoding: gzip\r\n" },
        { "/none", "HTTP/1.1 200 OK\r\n", "no such way" },
        { "/nothing", "HTTP/1.1 500 ", "\r\n" },
        { "/", "HTTP/1.1 201 Created\r\nContent-Type: text/html\r\n", "<b>42</b>" },
    };
    char request[128], answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, ways);
    for (size_t i = 0; r >= 0 && i < sizeof talks / sizeof *talks; i++) {
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", talks[i].path);
        if ((r = live_ask(&live, request, answer, sizeof answer)) < 0)
            break;
        CHECK_BEGINS(answer, talks[i].begins);
        CHECK_HAS(answer, talks[i].has);
    }
    return live_end(&live, r);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(answers)
CASE(conditions)
CASE(sent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
