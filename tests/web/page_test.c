/* SPDX-License-Identifier: MIT */
/* Pages that the library writes: of errors, for those who want HTML. */
#include "web/web_test.h"

#include <aiohttp/html.h>
#include <aiohttp/test_utils.h>
#include <asyncio/exit_stack.h>

static int missing(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_http_not_found(request);
}

static int strange(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_http_conflict(request, .reason = "<b>\"it's\" & so on");
}

static int own(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_http_not_found(request, .text = "own");
}

static int wordy(aiohttp_web_request *request, void *data)
{
    char reason[3000];
    (void)data;
    memset(reason, '<', sizeof reason);
    reason[sizeof reason - 1] = '\0';
    return aiohttp_web_http_conflict(request, .reason = reason);
}

static int breaks(aiohttp_web_request *request, void *data)
{
    (void)request;
    (void)data;
    return -EBADMSG;
}

#define CHROMIUM                                                                                   \
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8,"                  \
    "application/signed-exchange;v=b3;q=0.7"

static const struct row {
    aiohttp_web_handler *handler;
    const char *accept;
    int status;
    const char *type, *has;
} rows[] = {
    { missing, CHROMIUM, 404, "text/html; charset=utf-8", "<h1>404</h1>\n<p>Not Found</p>" },
    { missing, "text/html", 404, "text/html; charset=utf-8", "<title>404 Not Found</title>" },
    { missing, "*/*", 404, "text/plain; charset=utf-8", "404: Not Found" },
    { missing, "text/plain, text/html;q=0.5", 404, "text/plain; charset=utf-8", "404: " },
    { missing, "application/json", 404, "text/plain; charset=utf-8", "404: Not Found" },
    { missing, "text/html;q=0", 404, "text/plain; charset=utf-8", "404: Not Found" },
    { missing, NULL, 404, "text/plain; charset=utf-8", "404: Not Found" },
    { own, CHROMIUM, 404, "text/plain; charset=utf-8", "own" },
    { strange, CHROMIUM, 409, "text/html; charset=utf-8",
      "<p>&lt;b&gt;&quot;it&#x27;s&quot; &amp; so on</p>" },
    { wordy, CHROMIUM, 409, "text/plain; charset=utf-8", "<<<" },
    { breaks, CHROMIUM, 500, "text/html; charset=utf-8", "<p>Internal Server Error</p>" },
};

static int pages(void *data)
{
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const headers[] = { rows[i].accept ? "Accept" : NULL, rows[i].accept, NULL };
        aiohttp_mocked_request *mocked;
        aiohttp_test_response answer;
        int r = aiohttp_make_mocked_request("GET", "/", &mocked, .headers = headers);
        if (r < 0)
            return r;
        r = aiohttp_mocked_request_run(mocked, rows[i].handler, NULL, &answer);
        if (r >= 0) {
            CHECK_IS(answer.status, rows[i].status);
            CHECK_TEXT(aiohttp_headers_get(answer.headers, "Content-Type"), rows[i].type);
            CHECK_HAS(answer.body, rows[i].has);
            CHECK(!strstr(answer.body, "<b>"));
            if (strncmp(rows[i].type, "text/html", 9) == 0)
                CHECK_TEXT(aiohttp_headers_get(answer.headers, "Vary"), "Accept");
        }
        aiohttp_mocked_request_free(mocked);
        if (r < 0)
            return r;
    }
    return 0;
}

static int escaped(void *data)
{
    asyncio_exit_stack stack;
    (void)data;
    int r = asyncio_exit_stack_enter(&stack);
    const char *all = r < 0 ? NULL : aiohttp_html_escape("<a href=\"x\">'&amp;' \xc3\xa4</a>");
    const char *none = r < 0 ? "?" : aiohttp_html_escape(NULL);
    const char *empty = r < 0 ? NULL : aiohttp_html_escape("");
    if (r >= 0 && (!all || !empty))
        r = -ENOMEM;
    if (r >= 0) {
        CHECK_TEXT(all, "&lt;a href=&quot;x&quot;&gt;&#x27;&amp;amp;&#x27; \xc3\xa4&lt;/a&gt;");
        CHECK_TEXT(empty, "");
        CHECK(!none);
    }
    return asyncio_exit_stack_exit(&stack, r);
}

static void test_escaped(void **state)
{
    (void)state;
    run_everywhere(escaped);
}

static void test_pages(void **state)
{
    (void)state;
    run_everywhere(pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
