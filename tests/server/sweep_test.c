/* SPDX-License-Identifier: MIT */
/* A whole exchange with a server, with each suspension of each task cancelled in turn, and each
 * allocation failed. */
/* TEST: timeout 120; not allocations */
#include "web/web_test.h"

#include "support/sweep.h"

static int handler(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request), *body;
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    size_t size;
    (void)data;
    if (path && strcmp(path, "/stream") == 0) {
        int r = aiohttp_web_response_prepare(response);
        if (r >= 0)
            r = aiohttp_web_response_write(response, "a", 1);
        if (r >= 0)
            r = asyncio_sleep(0);
        return r < 0 ? r : aiohttp_web_response_write(response, "b", 1);
    }
    if (path && strcmp(path, "/watched") == 0) {
        int r = aiohttp_web_request_set_handler_cancellation(request, 1);
        if (r >= 0)
            r = asyncio_sleep(0.001);
        return r < 0 ? r : aiohttp_web_respond(request, "watched");
    }
    int r = aiohttp_web_request_read(request, &body, &size);
    return r < 0 ? r : aiohttp_web_respond_bytes(request, body, size);
}

/* Whatever is cancelled or fails: it ends, and nothing is left. */
static int exchange(void)
{
    const char *requests = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
                           "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"
                           "GET /watched HTTP/1.1\r\nHost: a\r\n\r\n"
                           "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "1\r\nx\r\n0\r\nA: b\r\n\r\n";
    char answer[4096];
    struct live live;
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_ask(&live, requests, answer, sizeof answer);
    r = live_end(&live, r);
    return r > 0 ? 0 : r;
}

static void test_allocations(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_true(sweep_allocations("exchange", exchange) > 20);
}

static void test_cancellations(void **state)
{
    (void)state;
    assert_true(sweep_cancellations("exchange", exchange) > 5);
}

static void test_suspensions(void **state)
{
    (void)state;
    assert_true(sweep_suspensions("exchange", exchange) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_cancellations),
        cmocka_unit_test(test_suspensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
