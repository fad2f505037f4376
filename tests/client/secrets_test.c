/* SPDX-License-Identifier: MIT */
/* Who hears what is secret: the origin that it is for, whatever way a request takes, and nobody
 * else; no record of an error either. */
#include "client/farm.h"

#include <aiohttp/client_websocket.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int farm_body(struct farm *farm);

static int with_farm(farm_body *body, const aiohttp_client_session_new_options *options)
{
    static struct farm farm; /* too large for the stack of a task */
    int r = farm_start(&farm);
    if (r >= 0)
        r = (aiohttp_client_session_new)(&farm.session, options);
    if (r >= 0)
        r = body(&farm);
    return farm_end(&farm, r);
}

static int go(struct farm *farm, const char *url)
{
    aiohttp_client_response *response;
    return farm_done(farm, aiohttp_client_session_get(farm->session, url, &response), &response);
}

#define GO(farm, host, path)                                                                       \
    do {                                                                                           \
        int gone_ = go(farm, farm_url(farm, host, "", path));                                      \
        if (gone_ < 0)                                                                             \
            return gone_;                                                                          \
    } while (0)

/* --- a session's authorization --- */

static int without_base(struct farm *farm)
{
    static const char *const ways[] = { "/301/1/x", "/302/1/x", "/303/1/x", "/307/1/x",
                                        "/308/1/x", "/302/1/302/2/302/1/x" };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        GO(farm, 0, ways[i]);
        CHECK(farm_heard(farm, 0, "\r\nAuthorization: Bearer SESSION\r\n"));
        CHECK(!farm_heard(farm, 1, "SESSION"));
    }
    /* back where it began: it was elsewhere meanwhile */
    GO(farm, 0, "/302/1/302/0/x");
    CHECK(farm_heard(farm, 0, "GET /x "));
    CHECK(!farm_heard(farm, 0, "SESSION"));
    GO(farm, 0, "/302/-/302/0/x");
    CHECK(farm_heard(farm, 0, "GET /x "));
    CHECK(farm_heard(farm, 0, "SESSION"));
    GO(farm, 0, "/302/l/x");
    CHECK(farm_heard(farm, 0, "Host: localhost"));
    CHECK(!farm_heard(farm, 0, "SESSION"));
    return 0;
}

static int with_base(struct farm *farm)
{
    aiohttp_client_session_unref(farm->session);
    farm->session = NULL;
    int r = aiohttp_client_session_new(&farm->session, .base_url = farm_url(farm, 0, "", "/"),
                                       .authorization = "Bearer SESSION");
    if (r < 0)
        return r;
    GO(farm, 1, "/x");
    CHECK(!farm_heard(farm, 1, "SESSION"));
    GO(farm, 0, "/302/1/x");
    CHECK(farm_heard(farm, 0, "SESSION"));
    CHECK(!farm_heard(farm, 1, "SESSION"));
    GO(farm, 1, "/302/0/x");
    CHECK(!farm_heard(farm, 1, "SESSION"));
    CHECK(farm_heard(farm, 0, "SESSION"));
    return 0;
}

static int session_authorization(void *data)
{
    (void)data;
    int r = with_farm(without_base, &(aiohttp_client_session_new_options){
                                        .size = sizeof(aiohttp_client_session_new_options),
                                        .authorization = "Bearer SESSION" });
    return r < 0 ? r : with_farm(with_base, NULL);
}

/* --- what middlewares put into a hop --- */

static int for_one_host(aiohttp_client_request *request, aiohttp_client_next *next,
                        aiohttp_client_response **ret_response, void *data)
{
    int r = 0;
    if (aiohttp_url_port(aiohttp_client_request_url(request)) == *(int *)data)
        r = aiohttp_headers_add(aiohttp_client_request_headers(request), "X-Key", "SECRET");
    return r < 0 ? r : next(request, ret_response);
}

static int middlewares_on(struct farm *farm)
{
    static const char *const fields[] = { "X-Plain", "plain", NULL };
    aiohttp_client_response *response;
    int port = farm_port(farm, 0);
    aiohttp_client_middleware_entry entries[] = { { for_one_host, &port } };
    int r = aiohttp_client_session_get(farm->session, farm_url(farm, 0, "", "/302/1/x"), &response,
                                       .middlewares = entries, .middleware_count = 1,
                                       .fields = fields);
    if ((r = farm_done(farm, r, &response)) < 0)
        return r;
    CHECK(farm_heard(farm, 0, "SECRET") && !farm_heard(farm, 1, "SECRET"));
    CHECK(farm_heard(farm, 0, "plain") && farm_heard(farm, 1, "plain"));
    r = aiohttp_client_session_get(farm->session, farm_url(farm, 0, "", "/302/-/x"), &response,
                                   .middlewares = entries, .middleware_count = 1);
    if ((r = farm_done(farm, r, &response)) < 0)
        return r;
    const char *once = strstr(farm->hosts[0].request, "SECRET");
    CHECK(once && !strstr(once + 1, "SECRET"));
    return 0;
}

static int middlewares(void *data)
{
    (void)data;
    return with_farm(middlewares_on, NULL);
}

/* --- users in URLs --- */

static int users_on(struct farm *farm)
{
    static const char basic[] = "\r\nAuthorization: Basic dXM6cHc=\r\n"; /* us:pw */
    int r = go(farm, farm_url(farm, 0, "us:pw@", "/302/-/x"));
    if (r < 0)
        return r;
    CHECK(farm_heard(farm, 0, "GET /x ") && farm_heard(farm, 0, basic));
    if ((r = go(farm, farm_url(farm, 0, "us:pw@", "/301/0/x"))) < 0)
        return r;
    CHECK(farm_heard(farm, 0, "GET /x ") && farm_heard(farm, 0, basic));
    if ((r = go(farm, farm_url(farm, 0, "us:pw@", "/302/1/302/0/x"))) < 0)
        return r;
    CHECK(!farm_heard(farm, 1, "Authorization"));
    CHECK(farm_heard(farm, 0, "GET /x ") && !farm_heard(farm, 0, "Authorization"));
    if ((r = go(farm, farm_url(farm, 0, "us:pw@", "/302/l/x"))) < 0)
        return r;
    CHECK(farm_heard(farm, 0, "GET /x ") && !farm_heard(farm, 0, "Authorization"));
    return 0;
}

static int users(void *data)
{
    (void)data;
    return with_farm(users_on, NULL);
}

/* --- records of errors --- */

#define SAYS_NO_PASSWORD(result, code)                                                             \
    do {                                                                                           \
        int result_ = (result);                                                                    \
        if (result_ == -ENOMEM)                                                                    \
            return result_;                                                                        \
        CHECK_IS(result_, code);                                                                   \
        const asyncio_error *error_ = asyncio_last_error(result_);                                 \
        CHECK(error_ && *error_->text);                                                            \
        CHECK(!strstr(error_->text, "TOPSECRET"));                                                 \
    } while (0)

static int records_on(struct farm *farm)
{
    aiohttp_client_response *response;
    aiohttp_client_session *session = farm->session;
    struct raw raw = { .answer = "HTTP/1.1 404 Nope\r\nContent-Length: 0\r\n\r\n" };
    char url[128];
    int r = raw_start(&raw);
    if (r < 0)
        return r;
    farm->tls.server = raw.server; /* ends with the others */
    snprintf(url, sizeof url, "http://us:TOPSECRET@127.0.0.1:%d/x",
             asyncio_server_port(raw.server));
    SAYS_NO_PASSWORD(aiohttp_client_session_get(session, url, &response, .raise_for_status = 1),
                     -(AIOHTTP_HTTP + 404));
    raw.answer = "nonsense\r\n\r\n";
    SAYS_NO_PASSWORD(aiohttp_client_session_get(session, url, &response),
                     -AIOHTTP_BAD_HTTP_MESSAGE);
    raw.answer = "HTTP/1.1 200 OK\r\n";
    SAYS_NO_PASSWORD(aiohttp_client_session_get(session, url, &response),
                     -AIOHTTP_SERVER_DISCONNECTED);
    raw.answer = "HTTP/1.1 302 Go\r\nLocation: http://[x/\r\n\r\n";
    SAYS_NO_PASSWORD(aiohttp_client_session_get(session, url, &response),
                     -AIOHTTP_INVALID_URL_REDIRECT);
    raw.answer = "HTTP/1.1 302 Go\r\nLocation: ftp://us:TOPSECRET@x/\r\n\r\n";
    SAYS_NO_PASSWORD(aiohttp_client_session_get(session, url, &response),
                     -AIOHTTP_NON_HTTP_URL_REDIRECT);
    raw.answer = "HTTP/1.1 302 Go\r\nLocation: /y\r\n\r\n";
    SAYS_NO_PASSWORD(aiohttp_client_session_get(session, url, &response, .max_redirects = 0),
                     -AIOHTTP_TOO_MANY_REDIRECTS);
    aiohttp_client_timeout timeout = aiohttp_client_timeout_default();
    timeout.head = 0.02;
    raw.answer = "";
    raw.keeps = true;
    SAYS_NO_PASSWORD(aiohttp_client_session_get(session, url, &response, .timeout = &timeout),
                     -ETIMEDOUT);
    SAYS_NO_PASSWORD(aiohttp_client_session_get(session, "//us:TOPSECRET@x/", &response),
                     -AIOHTTP_INVALID_URL);
    SAYS_NO_PASSWORD(aiohttp_client_session_get(session, "http://us:TOPSECRET@[/", &response),
                     -AIOHTTP_INVALID_URL);
    SAYS_NO_PASSWORD(aiohttp_client_session_get(session, "ftp://us:TOPSECRET@x/", &response),
                     -AIOHTTP_NON_HTTP_URL);
    SAYS_NO_PASSWORD(aiohttp_client_session_get(session, "http://127.0.0.1:1/", &response,
                                                .proxy = "ftp://us:TOPSECRET@x/"),
                     -EINVAL);
    return 0;
}

static int records(void *data)
{
    (void)data;
    return with_farm(records_on, NULL);
}

/* --- the netrc --- */

/* What cannot be used is not an error of every request, as it is none for aiohttp. */
static int netrc_on(struct farm *farm)
{
    char path[] = "/tmp/aiohttp-secrets-XXXXXX";
    static const char text[] = "machine 127.0.0.1 login us password pw\n";
    int r = 0, file = mkstemp(path);
    if (file < 0 || write(file, text, sizeof text - 1) < 0)
        r = -errno;
    setenv("NETRC", path, 1);
    if (r >= 0)
        r = go(farm, farm_url(farm, 0, "", "/x"));
    bool was_used = farm_heard(farm, 0, "Authorization: Basic dXM6cHc=");
    unsigned before = reports.count;
    for (int i = 0; i < 2 && r >= 0; i++) {
        r = fchmod(file, 0640) < 0 ? -errno : go(farm, farm_url(farm, 0, "", "/x"));
        if (r >= 0 && farm_heard(farm, 0, "Authorization"))
            r = -EPROTO;
    }
    unsetenv("NETRC");
    unlink(path);
    close(file);
    if (r < 0)
        return r;
    CHECK(was_used);
    CHECK_IS(reports.count - before, 1);
    CHECK_HAS(reports.message, "netrc");
    return 0;
}

static int netrc(void *data)
{
    (void)data;
    return with_farm(netrc_on, &(aiohttp_client_session_new_options){
                                   .size = sizeof(aiohttp_client_session_new_options),
                                   .trust_env = 1 });
}

/* --- one only --- */

static int two_on(struct farm *farm)
{
    static const char *const fields[] = { "Authorization", "a", NULL };
    aiohttp_client_response *response;
    const char *url = farm_url(farm, 0, "us:pw@", "/");
    int r = aiohttp_client_session_get(farm->session, url, &response, .authorization = "b");
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -EINVAL);
    r = aiohttp_client_session_get(farm->session, url, &response, .fields = fields);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -EINVAL);
    r = aiohttp_client_session_get(farm->session, farm_url(farm, 0, "", "/"), &response,
                                   .fields = fields, .authorization = "b");
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -EINVAL);
    CHECK_IS(farm->hosts[0].requests, 0);
    return 0;
}

static int two(void *data)
{
    (void)data;
    return with_farm(two_on, NULL);
}

#define CASE(name, what)                                                                           \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(what);                                                                      \
    }
CASE(the_authorization_of_a_session_stays, session_authorization)
CASE(what_a_middleware_adds_is_the_hops, middlewares)
CASE(a_user_stays_with_the_origin, users)
CASE(records_have_no_password, records)
CASE(a_netrc_that_cannot_be_used_is_not, netrc)
CASE(two_authorizations_are_refused, two)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_authorization_of_a_session_stays),
        cmocka_unit_test(what_a_middleware_adds_is_the_hops),
        cmocka_unit_test(a_user_stays_with_the_origin),
        cmocka_unit_test(records_have_no_password),
        cmocka_unit_test(a_netrc_that_cannot_be_used_is_not),
        cmocka_unit_test(two_authorizations_are_refused),
    };
    return cmocka_run_group_tests_name("secrets", tests, NULL, NULL);
}
