/* SPDX-License-Identifier: MIT */
/* A session whose requests go through a proxy: which target is asked for how, who hears which
 * secret, and what the environment says, anew for each hop. */
#include "client/client_test.h"

#include <stdlib.h>

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
    ASK(session, "http://target.invalid/x?y", raw_url(raw, ""), NULL, 200);
    CHECK_BEGINS(raw->request, "GET http://target.invalid/x?y HTTP/1.1\r\n");
    CHECK_HAS(raw->request, "\r\nHost: target.invalid\r\n");
    CHECK(!strstr(raw->request, "Authorization"));
    ASK(session, "http://target.invalid:81/", with_user(raw), NULL, 200);
    CHECK_BEGINS(raw->request, "GET http://target.invalid:81/ HTTP/1.1\r\n");
    CHECK_HAS(raw->request, "\r\nProxy-Authorization: Basic bWU6cHc=\r\n");
    /* the user of the target is another one, and in no target */
    ASK(session, "http://you:secret@target.invalid/", with_user(raw), NULL, 200);
    CHECK_BEGINS(raw->request, "GET http://target.invalid/ HTTP/1.1\r\n");
    CHECK_HAS(raw->request, "\r\nAuthorization: Basic eW91OnNlY3JldA==\r\n");
    CHECK_HAS(raw->request, "\r\nProxy-Authorization: Basic bWU6cHc=\r\n");
    ASK(session, "http://target.invalid/", "ftp://127.0.0.1/", NULL, -EINVAL);
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
    ASK(session, "https://you:secret@target.invalid/x", with_user(raw), NULL, -AIOHTTP_PROXY);
    CHECK_BEGINS(raw->request, "CONNECT target.invalid:443 HTTP/1.1\r\n");
    CHECK_HAS(raw->request, "\r\nProxy-Authorization: Basic bWU6cHc=\r\n");
    CHECK(!strstr(raw->request, "eW91OnNlY3JldA=="));
    const asyncio_error *error = asyncio_last_error(-AIOHTTP_PROXY);
    CHECK(error && strstr(error->text, "407"));
    return 0;
}

/* What is for the proxy goes with CONNECT, and with nothing else. */
static int proxy_fields(aiohttp_client_session *session, struct raw *raw)
{
    aiohttp_client_response *response;
    aiohttp_headers *headers = aiohttp_headers_new();
    int r = headers ? aiohttp_headers_add(headers, "X-For-Proxy", "secret") : -ENOMEM;
    if (r >= 0)
        r = aiohttp_client_session_get(session, "https://target.invalid/", &response,
                                       .proxy = raw_url(raw, ""), .proxy_headers = headers);
    aiohttp_headers_unref(headers);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -AIOHTTP_PROXY);
    CHECK_BEGINS(raw->request, "CONNECT target.invalid:443 HTTP/1.1\r\n");
    CHECK_HAS(raw->request, "\r\nX-For-Proxy: secret\r\n");
    return 0;
}

static int fields(void *data)
{
    (void)data;
    return with_raw("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", proxy_fields, 0);
}

static void a_proxy_has_fields_of_its_own(void **state)
{
    (void)state;
    run_everywhere(fields);
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
    r = ask_status(session, "http://target.invalid/", NULL, NULL);
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

/* A SOCKS proxy that says no to whatever it is asked for: what it was asked for is in `asked`. */
struct socks {
    asyncio_server *server;
    char asked[300];
};

static int refuse(asyncio_stream *stream, void *data)
{
    struct socks *socks = data;
    int r = asyncio_stream_readexactly(stream, socks->asked, 3, NULL);
    if (r >= 0)
        r = asyncio_stream_write(stream, "\5\0", 2);
    if (r >= 0)
        r = asyncio_stream_readexactly(stream, socks->asked, 5, NULL);
    if (r >= 0) { /* an address, or a name and its length */
        size_t left = socks->asked[3] == 1 ? 3 + 2 : (size_t)socks->asked[4] + 2;
        r = asyncio_stream_readexactly(stream, socks->asked + 5, left, NULL);
    }
    if (r >= 0)
        r = asyncio_stream_write(stream, "\5\2\0\1\0\0\0\0\0\0", 10);
    return r == -ECANCELED ? r : 0;
}

static int resolve(const char *host, int port, int family, aiohttp_resolved *ret_addresses,
                   size_t capacity, void *data)
{
    (void)port, (void)family, (void)capacity, (void)data;
    if (strcmp(host, "known.test") != 0)
        return -ASYNCIO_RESOLVE;
    snprintf(ret_addresses[0].address, sizeof ret_addresses->address, "192.0.2.7");
    return 1;
}

static int ask_socks(aiohttp_client_session *session, struct socks *socks)
{
    char proxy[64];
    int port = asyncio_server_port(socks->server);
    snprintf(proxy, sizeof proxy, "socks5h://127.0.0.1:%d", port);
    ASK(session, "http://known.test:80/", proxy, NULL, -AIOHTTP_SOCKS_NOT_ALLOWED);
    CHECK(memcmp(socks->asked, "\5\1\0\3\x0aknown.test\0\x50", 17) == 0);
    snprintf(proxy, sizeof proxy, "socks5://127.0.0.1:%d", port);
    ASK(session, "http://known.test:80/", proxy, NULL, -AIOHTTP_SOCKS_NOT_ALLOWED);
    CHECK(memcmp(socks->asked, "\5\1\0\1\xc0\0\2\7\0\x50", 10) == 0);
    ASK(session, "http://unknown.test:80/", proxy, NULL, -ASYNCIO_RESOLVE);
    return 0;
}

static int who_looks_up(void *data)
{
    struct socks socks = { .server = NULL };
    aiohttp_client_session *session = NULL;
    aiohttp_connector *connector = NULL;
    aiohttp_resolver resolver = { .size = sizeof resolver, .resolve = resolve };
    (void)data;
    int r = asyncio_start_server(refuse, "127.0.0.1", 0, &socks.server, .data = &socks);
    if (r < 0)
        return r;
    r = aiohttp_tcp_connector_new(&connector, .resolver = &resolver);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .connector = connector);
    aiohttp_connector_unref(connector);
    if (r >= 0)
        r = ask_socks(session, &socks);
    r = session_end(session, r);
    asyncio_server_close(socks.server);
    int closed = asyncio_server_wait_closed(socks.server);
    asyncio_server_unref(socks.server);
    return r < 0 ? r : closed;
}

static void a_name_is_looked_up_where_the_scheme_says(void **state)
{
    (void)state;
    run_everywhere(who_looks_up);
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
        cmocka_unit_test(a_proxy_has_fields_of_its_own),
        cmocka_unit_test(a_name_is_looked_up_where_the_scheme_says),
        cmocka_unit_test(the_environment_is_asked_for_each_hop),
    };
    return cmocka_run_group_tests_name("session_proxy", tests, NULL, NULL);
}
