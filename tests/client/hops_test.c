/* SPDX-License-Identifier: MIT */
/* Each secret of a request through each kind of redirect, to each kind of elsewhere: another port,
 * another name of the same server, https and back, through two of them and home again; of requests,
 * of WebSockets, of requests that are repeated. */
#include "net/tls_test.h"

#include "../aiohttp/base/bytes.h"
#include "client/farm.h"

#include <aiohttp/client_websocket.h>
#include <aiohttp/cookie_jar.h>

static const int statuses[] = { 301, 302, 303, 307, 308 };

/* Ways out of server 0, and where they end: '0' to '2', or 's'. */
static const struct way {
    const char *path; /* %: the status */
    char end;
} ways[] = {
    { "/%/1/end", '1' },
    { "/%/l/end", '0' },           /* localhost: another origin on the same port */
    { "/%/s/end", 's' },           /* https */
    { "/%/-/%/1/end", '1' },    /* first within the origin */
    { "/%/1/%/2/end", '2' },
    { "/%/1/%/-/end", '1' },    /* and on within the other one */
    { "/%/1/%/0/end", '0' },    /* home again: it was out of our hands */
    { "/%/s/%/0/end", '0' },
};

/* Ways that never leave. */
static const char *const inner[] = { "/%/-/end", "/%/0/end", "/%/0/%/-/end" };

static void make_path(char *text, size_t size, const char *way, int status)
{
    struct bytes out = bytes_in(text, size - 1);
    for (; *way; way++)
        if (*way == '%')
            aiohttp__bytes_number(&out, (uint64_t)status);
        else
            bytes_put(&out, *way);
    text[out.size] = '\0';
}

/* What is in the head of the last request at the end of a way. */
static const char *heard_at(const struct farm *farm, char end)
{
    return end == 's' ? farm->tls.request : farm->hosts[end - '0'].request;
}

static int is_clean(const char *request, const char *path)
{
    CHECK(strstr(request, path));
    CHECK(!strstr(request, "SECRET"));
    CHECK(!strstr(request, "Authorization:") && !strstr(request, "Cookie:"));
    CHECK(!strstr(request, "Referer"));
    CHECK(!strstr(request, "c2VjcmV0")); /* Basic of secret:... */
    return 0;
}

/* --- the secrets --- */

static const char *const authorization[] = { "Authorization", "SECRET", NULL };
static const char *const twice[] = { "AUTHORIZATION", "SECRET", "authorization", "SECRET", NULL };
static const char *const cookie[] = { "Cookie", "a=SECRET", NULL };
static const char *const to_proxy[] = { "proxy-authorization", "SECRET", NULL };
static const char *const cookies[] = { "a", "SECRET", NULL };

enum { FIELD, TWICE, COOKIE_FIELD, PROXY_FIELD, COOKIES, OPTION, USER, MIDDLEWARE, KINDS };

static int adds(aiohttp_client_request *request, aiohttp_client_next *next,
                aiohttp_client_response **ret_response, void *data)
{
    const aiohttp_url *url = aiohttp_client_request_url(request);
    bool is_first = aiohttp_url_port(url) == *(int *)data &&
                    strcmp(aiohttp_url_raw_host(url), "127.0.0.1") == 0 &&
                    strcmp(aiohttp_url_raw_path(url), "/end") != 0;
    int r = is_first ? aiohttp_headers_set(aiohttp_client_request_headers(request),
                                           "Authorization", "SECRET")
                     : 0;
    return r < 0 ? r : next(request, ret_response);
}

static int send_secret(struct farm *farm, int kind, bool is_post, const char *path,
                asyncio_ssl_context *ssl)
{
    static const char *const *const fields[KINDS] = { authorization, twice, cookie, to_proxy };
    aiohttp_client_response *response;
    int port = farm_port(farm, 0);
    aiohttp_client_middleware_entry entry = { adds, &port };
    const aiohttp_client_retry retry = { .size = sizeof retry, .attempts = 2 };
    const char *url = farm_url(farm, 0, kind == USER ? "secret:SECRET@" : "", path);
    int r = aiohttp_client_session_request(
        farm->session, is_post ? "POST" : "GET", url, &response, .ssl = ssl,
        .fields = fields[kind], .cookies = kind == COOKIES ? cookies : NULL,
        .authorization = kind == OPTION ? "SECRET" : NULL, .text = is_post ? "body" : NULL,
        .middlewares = kind == MIDDLEWARE ? &entry : NULL, .middleware_count = kind == MIDDLEWARE,
        .retry = kind == OPTION ? &retry : NULL);
    return farm_done(farm, r, &response);
}

static int through_all(struct farm *farm, asyncio_ssl_context *ssl, int status, int kind)
{
    char path[128];
    bool is_post = (status + kind) % 2;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        make_path(path, sizeof path, ways[i].path, status);
        int r = send_secret(farm, kind, is_post, path, ssl);
        if (r >= 0)
            r = is_clean(heard_at(farm, ways[i].end), " /end ");
        if (r < 0) {
            if (!allocation_is_failing())
                print_error("%s, secret %d: ", path, kind);
            return r;
        }
    }
    for (size_t i = 0; i < sizeof inner / sizeof *inner && kind != MIDDLEWARE; i++) {
        make_path(path, sizeof path, inner[i], status);
        int r = send_secret(farm, kind, is_post, path, ssl);
        if (r < 0)
            return r;
        CHECK(farm_heard(farm, 0, " /end "));
        CHECK(farm_heard(farm, 0, kind == USER ? "c2VjcmV0OlNFQ1JFVA==" : "SECRET"));
    }
    return 0;
}

static int all_ways(struct farm *farm, asyncio_ssl_context *ssl)
{
    int r = 0;
    /* The rest takes too long byte by byte, and says nothing more. */
    size_t count = world.is_chopped || world.is_seeded ? 1 : sizeof statuses / sizeof *statuses;
    for (size_t i = 0; i < count && r >= 0; i++)
        for (int kind = 0; kind < KINDS && r >= 0; kind++)
            r = through_all(farm, ssl, statuses[i], kind);
    return r;
}

/* --- WebSockets --- */

static int ws_ways(struct farm *farm, asyncio_ssl_context *ssl)
{
    char path[128], url[256];
    aiohttp_websocket *ws;
    (void)ssl;
    for (int i = 0; i < 3; i++) {
        aiohttp_client_request_options request = AIOHTTP__REQUEST_OPTIONS();
        request.authorization = i == 0 ? "SECRET" : NULL;
        request.cookies = i == 1 ? cookies : NULL;
        make_path(path, sizeof path, ways[4].path, 302);
        snprintf(url, sizeof url, "ws://%s127.0.0.1:%d%s", i == 2 ? "secret:SECRET@" : "",
                 farm_port(farm, 0), path);
        int r = aiohttp_client_session_ws_connect(farm->session, url, &ws, .request = &request);
        if (r == -ENOMEM)
            return r;
        CHECK_IS(r, -AIOHTTP_WS_HANDSHAKE); /* these servers speak no WebSocket */
        if ((r = is_clean(farm->hosts[1].request, " /302/2/end ")) < 0 ||
            (r = is_clean(farm->hosts[2].request, " /end ")) < 0)
            return r;
    }
    return 0;
}

/* --- the jar --- */

static int jar_ways(struct farm *farm, asyncio_ssl_context *ssl)
{
    aiohttp_cookie_jar *jar = aiohttp_client_session_cookie_jar(farm->session);
    aiohttp_url *where = NULL;
    aiohttp_multi_dict *own = aiohttp_multi_dict_new();
    (void)ssl;
    /* of a name: with all its ports, as in browsers, and with no other name */
    char text[64];
    snprintf(text, sizeof text, "http://localhost:%d/", farm_port(farm, 0));
    int r = own ? aiohttp_multi_dict_add(own, "a", "SECRET") : -ENOMEM;
    if (r >= 0)
        r = aiohttp_url_new(text, &where);
    if (r >= 0)
        r = aiohttp_cookie_jar_update_cookies(jar, own, where);
    aiohttp_url_unref(where);
    aiohttp_multi_dict_unref(own);
    if (r >= 0)
        r = send_secret(farm, MIDDLEWARE, false, "/302/l/302/1/end", NULL);
    if (r < 0)
        return r;
    CHECK(farm_heard(farm, 0, "GET /302/1/end ") && farm_heard(farm, 0, "Cookie: a=SECRET"));
    return is_clean(farm->hosts[1].request, " /end ");
}

/* --- all --- */

typedef int farm_body(struct farm *farm, asyncio_ssl_context *ssl);

static int with_tls(void *data)
{
    static struct farm farm; /* too large for the stack of a task */
    asyncio_ssl_context *server = NULL, *client = NULL;
    farm_body *const *body = data;
    int r = farm_start(&farm);
    if (r >= 0)
        r = server_context(certificates()->server, &server);
    if (r >= 0)
        r = client_context(&client);
    if (r >= 0)
        r = asyncio_start_server(farm_serve, "127.0.0.1", 0, &farm.tls.server, .data = &farm.tls,
                                 .ssl = server);
    if (r >= 0)
        r = aiohttp_client_session_new(&farm.session, .ssl = client);
    if (r >= 0)
        r = (*body)(&farm, client);
    r = farm_end(&farm, r);
    asyncio_ssl_context_unref(server);
    asyncio_ssl_context_unref(client);
    return r;
}

#define CASE(name, what)                                                                           \
    static void name(void **state)                                                                 \
    {                                                                                              \
        farm_body *body = what;                                                                    \
        (void)state;                                                                               \
        run_everywhere_with(with_tls, &body);                                                      \
    }
CASE(no_secret_leaves_its_origin, all_ways)
CASE(nor_do_those_of_websockets, ws_ways)
CASE(cookies_stay_with_their_names, jar_ways)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_secret_leaves_its_origin),
        cmocka_unit_test(nor_do_those_of_websockets),
        cmocka_unit_test(cookies_stay_with_their_names),
    };
    signal(SIGPIPE, SIG_DFL);
    certificates();
    warm_up();
    return cmocka_run_group_tests_name("hops", tests, NULL, NULL);
}
