/* SPDX-License-Identifier: MIT */
/* A prepare that had no memory has done nothing: called again it sends what the first one would
 * have, and an error in its place says nothing of what was to come. Each of its allocations fails
 * in turn. */
/* TEST: not allocations */
#include "web/web_test.h"

#include <aiohttp/test_utils.h>

enum { COOKIES = 40 };

static struct attempt {
    unsigned nth;    /* of prepare's allocations: the one that fails */
    bool gives_up;   /* returns the error, in place of another attempt */
    bool compresses;
    bool has_failed;
} attempt;

static int set_up(aiohttp_web_response *response)
{
    char name[16];
    int r = aiohttp_web_response_set_header(response, "ETag", "\"tag\"");
    if (r >= 0 && attempt.compresses)
        r = aiohttp_web_response_enable_compression(response);
    for (int i = 0; i < COOKIES && r >= 0; i++) {
        snprintf(name, sizeof name, "cookie%d", i);
        r = aiohttp_web_response_set_cookie(response, name, "value");
    }
    return r;
}

static int handler(aiohttp_web_request *request, void *data)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    (void)data;
    int r = set_up(response);
    if (r < 0)
        return r;
    asyncio__alloc_fail_at(attempt.nth, 0);
    r = aiohttp_web_response_prepare(response);
    asyncio__alloc_fail_at(0, 0);
    attempt.has_failed = r == -ENOMEM;
    if (attempt.has_failed && attempt.gives_up)
        return r;
    if (attempt.has_failed) /* a cookie that is set again replaces the one before, still */
        r = aiohttp_web_response_set_cookie(response, "cookie0", "value");
    if (r >= 0)
        r = aiohttp_web_response_prepare(response);
    return r < 0 ? r : aiohttp_web_response_write(response, "body", 4);
}

static int count_fields(const aiohttp_test_response *answer, const char *name)
{
    return (int)aiohttp_headers_getall(answer->headers, name, NULL, 0);
}

static int check(const aiohttp_test_response *answer)
{
    bool is_error = attempt.has_failed && attempt.gives_up;
    bool is_compressed = attempt.compresses && !is_error;
    CHECK_IS(answer->status, is_error ? 500 : 200);
    CHECK_IS(count_fields(answer, "Set-Cookie"), COOKIES);
    CHECK_IS(count_fields(answer, "Content-Encoding"), is_compressed);
    if (is_compressed) {
        CHECK_TEXT(aiohttp_headers_get(answer->headers, "ETag"), "W/\"tag\"");
        CHECK(answer->body_size > 4);
        CHECK(memcmp(answer->body, "\x1f\x8b", 2) == 0);
    } else {
        CHECK_HAS(answer->body, is_error ? "500: " : "body");
    }
    return 0;
}

static int ask(void)
{
    static const char *const fields[] = { "Accept-Encoding", "gzip", NULL };
    aiohttp_mocked_request *mocked;
    aiohttp_test_response answer;
    int r = aiohttp_make_mocked_request("GET", "/", &mocked, .headers = fields);
    if (r < 0)
        return r;
    r = aiohttp_mocked_request_run(mocked, handler, NULL, &answer);
    if (r >= 0)
        r = check(&answer);
    aiohttp_mocked_request_free(mocked);
    return r;
}

/* Until there is no allocation left to fail. */
static int each_allocation(bool compresses, bool gives_up)
{
    attempt = (struct attempt){ .compresses = compresses, .gives_up = gives_up };
    do {
        attempt.nth++;
        int r = ask();
        if (r < 0)
            return r;
    } while (attempt.has_failed);
    CHECK(attempt.nth > 2);
    return 0;
}

static int prepares(void *data)
{
    int r = 0;
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    for (int i = 0; i < 4 && r >= 0; i++)
        r = each_allocation(i & 1, i & 2);
    return r;
}

static void test_prepares(void **state)
{
    (void)state;
    run_everywhere(prepares);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
