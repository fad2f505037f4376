/* SPDX-License-Identifier: MIT */
/* A session whose requests go through a proxy: which target is asked for how, who hears which
 * secret, and what the environment says, anew for each hop. */
#include "client/client_test.h"

#include <stdlib.h>

static int ask(aiohttp_client_session *session, const char *url, const char *proxy)
{
    aiohttp_client_response *response;
    int r = aiohttp_client_session_get(session, url, &response, .proxy = proxy);
    if (r < 0)
        return r;
    r = aiohttp_client_response_status(response);
    int released = aiohttp_client_response_release(response);
    aiohttp_client_response_unref(response);
    return released < 0 ? released : r;
}

#define ASK(session, url, proxy, expected)                                                         \
    do {                                                                                           \
        int asked_ = ask(session, url, proxy);                                                     \
        if (asked_ == -ENOMEM)                                                                     \
            return asked_;                                                                         \
        CHECK_IS(asked_, expected);                                                                \
    } while (0)

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* The played proxy's URL, with a user. */
static const char *with_user(const struct raw *raw)
{
    static char text[128];
    snprintf(text, sizeof text, "http://me:pw@127.0.0.1:%d", asyncio_server_port(raw->server));
    return text;
}

static int plain_through(aiohttp_client_session *session, struct raw *raw)
{
    ASK(session, "http://target.invalid/x?y", raw_url(raw, ""), 200);
    CHECK_BEGINS(raw->request, "GET http://target.invalid/x?y HTTP/1.1\r\n");
    CHECK_HAS(raw->request, "\r\nHost: target.invalid\r\n");
    CHECK(!strstr(raw->request, "Authorization"));
    ASK(session, "http://target.invalid:81/", with_user(raw), 200);
    CHECK_BEGINS(raw->request, "GET http://target.invalid:81/ HTTP/1.1\r\n");
    CHECK_HAS(raw->request, "\r\nProxy-Authorization: Basic bWU6cHc=\r\n");
    /* the user of the target is another one, and in no target */
    ASK(session, "http://you:secret@target.invalid/", with_user(raw), 200);
    CHECK_BEGINS(raw->request, "GET http://target.invalid/ HTTP/1.1\r\n");
    CHECK_HAS(raw->request, "\r\nAuthorization: Basic eW91OnNlY3JldA==\r\n");
    CHECK_HAS(raw->request, "\r\nProxy-Authorization: Basic bWU6cHc=\r\n");
    ASK(session, "http://target.invalid/", "ftp://127.0.0.1/", -EINVAL);
    return 0;
}

static int with_raw(const char *says, int (*body)(aiohttp_client_session *, struct raw *),
                    int trust_env)
{
    struct raw raw = { .answer = says };
    aiohttp_client_session *session = NULL;
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .trust_env = trust_env);
    if (r >= 0)
        r = body(session, &raw);
    return raw_end(&raw, session_end(session, r));
}

static int plain(void *data)
{
    (void)data;
    return with_raw(answer, plain_through, 0);
}

static void http_is_asked_of_the_proxy(void **state)
{
    (void)state;
    run_everywhere(plain);
}

static int tunnel_through(aiohttp_client_session *session, struct raw *raw)
{
    ASK(session, "https://you:secret@target.invalid/x", with_user(raw), -AIOHTTP_PROXY);
    CHECK_BEGINS(raw->request, "CONNECT target.invalid:443 HTTP/1.1\r\n");
    CHECK_HAS(raw->request, "\r\nProxy-Authorization: Basic bWU6cHc=\r\n");
    CHECK(!strstr(raw->request, "eW91OnNlY3JldA=="));
    const asyncio_error *error = asyncio_last_error(-AIOHTTP_PROXY);
    CHECK(error && strstr(error->text, "407"));
    return 0;
}

static int tunnel(void *data)
{
    (void)data;
    return with_raw("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", tunnel_through, 0);
}

static void https_is_a_tunnel(void **state)
{
    (void)state;
    run_everywhere(tunnel);
}

static int leaves_the_proxy(aiohttp_client_session *session, struct raw *proxy)
{
    char moved[256];
    struct raw target = { .answer = answer };
    int r = raw_start(&target);
    if (r < 0)
        return r;
    snprintf(moved, sizeof moved, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             raw_url(&target, "/there"));
    proxy->answer = moved;
    setenv("http_proxy", with_user(proxy), 1);
    setenv("no_proxy", "127.0.0.1", 1);
    r = ask(session, "http://target.invalid/", NULL);
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    if (r == 200) {
        CHECK_BEGINS(proxy->request, "GET http://target.invalid/ HTTP/1.1\r\n");
        CHECK_HAS(proxy->request, "Proxy-Authorization: ");
        CHECK_BEGINS(target.request, "GET /there HTTP/1.1\r\n");
        CHECK(!strstr(target.request, "Authorization"));
    }
    return raw_end(&target, r < 0 ? r : r == 200 ? 0 : -EPROTO);
}

static int environment(void *data)
{
    (void)data;
    return with_raw(answer, leaves_the_proxy, 1);
}

static void the_environment_is_asked_for_each_hop(void **state)
{
    (void)state;
    unsetenv("all_proxy");
    run_everywhere(environment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_is_asked_of_the_proxy),
        cmocka_unit_test(https_is_a_tunnel),
        cmocka_unit_test(the_environment_is_asked_for_each_hop),
    };
    return cmocka_run_group_tests_name("session_proxy", tests, NULL, NULL);
}
