/* SPDX-License-Identifier: MIT */
/* Who says nothing of cookies has a session that keeps them, as Python's; a dummy jar keeps
 * none. */
#include "client/client_test.h"

#include <aiohttp/cookie_jar.h>

static int telling(aiohttp_web_request *request, void *data)
{
    (void)data;
    const char *cookie = aiohttp_web_request_header(request, "Cookie");
    return aiohttp_web_respond(request, cookie ? cookie : "none",
                               .headers = (const char *[]){ "Set-Cookie", "a=1", NULL });
}

static int ask(struct both *both, const char *wanted)
{
    aiohttp_client_response *response;
    const char *text;
    char url[64];
    snprintf(url, sizeof url, "http://localhost:%d/", both->live.port);
    int r = aiohttp_client_session_get(both->session, url, &response);
    if (r < 0)
        return r;
    r = aiohttp_client_response_text(response, &text);
    if (r >= 0)
        CHECK_TEXT(text, wanted);
    aiohttp_client_response_unref(response);
    return r;
}

static int kept(void *data)
{
    struct both both;
    (void)data;
    int r = both_start(&both, telling);
    if (r >= 0)
        r = ask(&both, "none");
    if (r >= 0)
        r = ask(&both, "a=1");
    if (r >= 0)
        CHECK_IS(
            (int)aiohttp_cookie_jar_count(aiohttp_client_session_cookie_jar(both.session)), 1);
    return both_end(&both, r);
}

static int not_kept(void *data)
{
    struct both both = { .session = NULL };
    (void)data;
    int r = live_start(&both.live, telling);
    aiohttp_cookie_jar *jar = aiohttp_dummy_cookie_jar_new();
    if (r >= 0)
        r = jar ? aiohttp_client_session_new(&both.session, .cookie_jar = jar) : -ENOMEM;
    aiohttp_cookie_jar_unref(jar);
    if (r >= 0)
        r = ask(&both, "none");
    if (r >= 0)
        r = ask(&both, "none");
    return both_end(&both, r);
}

static void cookies_are_kept(void **state)
{
    (void)state;
    run_everywhere(kept);
}

static void a_dummy_jar_keeps_none(void **state)
{
    (void)state;
    run_everywhere(not_kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookies_are_kept),
        cmocka_unit_test(a_dummy_jar_keeps_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
