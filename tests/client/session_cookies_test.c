/* SPDX-License-Identifier: MIT */
/* Who says nothing of cookies has a session that keeps them, as Python's; a dummy jar keeps
 * none. What a session takes is limited. */
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

/* How many cookies are there after an answer with these. */
static int set_by(const aiohttp_limits *limits, const char *cookies, int *ret_count)
{
    char text[512], url[64];
    struct raw raw = { .answer = text };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n%s\r\n", cookies);
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .limits = limits);
    if (r >= 0) { /* a host with a name: an address has no cookies */
        snprintf(url, sizeof url, "http://localhost:%d/", asyncio_server_port(raw.server));
        r = aiohttp_client_session_get(session, url, &response);
    }
    if (r >= 0) {
        *ret_count = (int)aiohttp_cookie_jar_count(aiohttp_client_session_cookie_jar(session));
        aiohttp_client_response_unref(response);
    }
    return raw_end(&raw, session_end(session, r));
}

/* One below, at, and one above what a response may set, and how long one may be. */
static int limited(void *data)
{
    static const struct {
        const char *cookies;
        int count;
    } rows[] = {
        { "Set-Cookie: a=1\r\n", 1 },
        { "Set-Cookie: a=1\r\nSet-Cookie: b=1\r\n", 2 },
        { "Set-Cookie: a=1\r\nSet-Cookie: b=1\r\nSet-Cookie: c=1\r\n", 2 },
        { "Set-Cookie: a=23456789\r\n", 1 },
        { "Set-Cookie: a=234567890; Path=/\r\n", 1 },
        { "Set-Cookie: a=2345678901\r\n", 0 },
    };
    aiohttp_limits limits = aiohttp_client_limits();
    int count = -1;
    (void)data;
    limits.cookies = 2;
    limits.cookie = 10;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int r = set_by(&limits, rows[i].cookies, &count);
        if (r < 0)
            return r;
        CHECK_IS(count, rows[i].count);
    }
    return 0;
}

static void cookies_are_limited(void **state)
{
    (void)state;
    run_everywhere(limited);
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
        cmocka_unit_test(cookies_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
