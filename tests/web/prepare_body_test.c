/* SPDX-License-Identifier: MIT */
/* A signal on_response_prepare comes when the size of the body is fixed already: each call that
 * would set another one is refused there, whatever was to be sent, and that is sent. */
#include "web/web_test.h"

#include <aiohttp/payload.h>
#include <aiohttp/test_utils.h>

static char file_name[64];
static int refused; /* what the signal's call said */

static int respond_payload(aiohttp_web_request *request, const char *text)
{
    aiohttp_payload *payload;
    int r = aiohttp_string_payload_new(text, &payload);
    if (r < 0)
        return r;
    r = aiohttp_web_respond_payload(request, payload);
    aiohttp_payload_unref(payload);
    return r;
}

static int respond_by(char what, aiohttp_web_request *request, const char *text)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    switch (what) {
    case 't':
        return aiohttp_web_respond(request, text);
    case 'o':
        return aiohttp_web_respond(request, text, .status = 202, .reason = "Other");
    case 'b':
        return aiohttp_web_response_set_body(response, text, strlen(text));
    case 'f':
        return aiohttp_web_file_response(request, file_name);
    default:
        return respond_payload(request, text);
    }
}

/* The path is what to answer with, and what the signal tries. */
static int answer_first(aiohttp_web_request *request)
{
    const char *path = aiohttp_web_request_path(request);
    return path ? respond_by(path[1], request, "the first") : -ENOMEM;
}

static int answer_again(aiohttp_web_request *request)
{
    const char *path = aiohttp_web_request_path(request);
    refused = path ? respond_by(path[2], request, "another one") : -ENOMEM;
    if (refused == -ENOMEM)
        return refused;
    return aiohttp_web_response_set_header(aiohttp_web_request_response(request), "X-Signal",
                                           "was here");
}

static int ask_once(struct live *live, char first, char again)
{
    char answer[2048], path[] = { '/', first, again, '\0' };
    refused = 0;
    int r = live_get(live, path, "", answer, sizeof answer);
    if (r < 0)
        return r;
    CHECK_IS(refused, -ASYNCIO_INVALID_STATE);
    CHECK_BEGINS(answer, "HTTP/1.1 200 OK\r\n");
    CHECK_HAS(answer, "X-Signal: was here\r\n");
    CHECK_TEXT(body_of(answer), "the first");
    return 0;
}

static int ask_all(aiohttp_web_application *app)
{
    aiohttp_test_server *server;
    int r = aiohttp_test_server_new(app, &server);
    if (r < 0)
        return r;
    struct live live = { .port = aiohttp_test_server_port(server) };
    for (const char *first = "tfp"; *first; first++)
        for (const char *again = "tobfp"; *again && r >= 0; again++)
            r = ask_once(&live, *first, *again);
    int closed = aiohttp_test_server_close(server);
    return r < 0 ? r : closed;
}

static int replaced(void *data)
{
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application_add_get(app, "/{how}", answer_first);
    aiohttp_web_application_on_response_prepare(app, answer_again);
    int r = ask_all(app);
    aiohttp_web_application_unref(app);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : slept;
}

static void test_replaced(void **state)
{
    (void)state;
    snprintf(file_name, sizeof file_name, "/tmp/asyncio-prepare-body-%d", (int)getpid());
    FILE *file = fopen(file_name, "w");
    assert_non_null(file);
    fputs("the first", file);
    fclose(file);
    run_everywhere(replaced);
    unlink(file_name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
