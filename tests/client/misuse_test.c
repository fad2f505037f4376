/* SPDX-License-Identifier: MIT */
/* What a program gets wrong, or is told by others to: each mistake has its error, with words that
 * say which one it was, and nothing is sent. */
#include "client/client_test.h"

#include <aiohttp/cookie_jar.h>
#include <aiohttp/digest_auth.h>

#define CHECK_ERROR(call, error, words)                                                            \
    do {                                                                                           \
        int r_ = (call);                                                                           \
        if (r_ == -ENOMEM)                                                                         \
            return r_;                                                                             \
        CHECK_IS(r_, error);                                                                       \
        CHECK_HAS(asyncio_last_error(r_) ? asyncio_last_error(r_)->text : "(no record)", words);   \
    } while (0)

static const char empty_answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

struct asked {
    struct raw raw;
    aiohttp_client_session *session;
    aiohttp_client_response *response;
    const char *url;
};

static int asked_run(int ask(struct asked *asked))
{
    struct asked asked = { .raw = { .answer = empty_answer, .keeps = true } };
    int r = raw_start(&asked.raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&asked.session);
    if (r >= 0) {
        asked.url = raw_url(&asked.raw, "/");
        r = ask(&asked);
    }
    aiohttp_client_response_unref(asked.response);
    return raw_end(&asked.raw, session_end(asked.session, r));
}

#define RUN(name, ask)                                                                             \
    static int name(void *data)                                                                    \
    {                                                                                              \
        (void)data;                                                                                \
        return asked_run(ask);                                                                     \
    }                                                                                              \
    static void name##_test(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }

static int ask_proxies(struct asked *asked)
{
    static const char *const wrong[] = { "socks5:", "https:x", "foo", "socks4://127.0.0.1:1" };
    for (size_t i = 0; i < 4; i++) {
        aiohttp_client_session *session = NULL;
        int r = aiohttp_client_session_get(asked->session, asked->url, &asked->response,
                                           .proxy = wrong[i]);
        if (r == -ENOMEM)
            return r;
        CHECK(r == -EINVAL || r == -AIOHTTP_INVALID_URL);
        r = aiohttp_client_session_new(&session, .proxy = wrong[i]);
        aiohttp_client_session_unref(session);
        if (r == -ENOMEM)
            return r;
        CHECK_IS(r, -AIOHTTP_INVALID_URL);
    }
    CHECK_IS(asked->raw.requests, 0);
    return 0;
}

static int ask_bodies(struct asked *asked)
{
    CHECK_ERROR(aiohttp_client_session_post(asked->session, asked->url, &asked->response,
                                            .body_size = 5),
                -EINVAL, "5 bytes is NULL");
    CHECK_ERROR(aiohttp_client_session_post(asked->session, asked->url, &asked->response,
                                            .file = "/nonexistent/file"),
                -ENOENT, "/nonexistent/file");
    return 0;
}

static int ask_cookies(struct asked *asked)
{
    const char *const odd[] = { "name", NULL, NULL }, *const wrong[] = { "na;me", "value", NULL };
    CHECK_ERROR(aiohttp_client_session_get(asked->session, asked->url, &asked->response,
                                           .cookies = odd),
                -EINVAL, "cookies");
    CHECK_ERROR(aiohttp_client_session_get(asked->session, asked->url, &asked->response,
                                           .cookies = wrong),
                -EINVAL, "cookies");
    return 0;
}

static int ask_nothing(struct asked *asked)
{
    const char *volatile none = NULL; /* not known before it runs */
    CHECK_ERROR(aiohttp_client_session_get(asked->session, none, &asked->response), -EINVAL,
                "URL");
    CHECK_ERROR(aiohttp_client_session_request(asked->session, none, asked->url,
                                               &asked->response),
                -EINVAL, "method");
    /* An answer that nobody wants gives its connection back. */
    for (int i = 0; i < 2; i++) {
        int r = aiohttp_client_session_get(asked->session, asked->url, NULL);
        if (r < 0)
            return r;
    }
    CHECK_IS(asked->raw.connections, 1);
    return 0;
}

static int ask_password(struct asked *asked)
{
    char url[128];
    snprintf(url, sizeof url, "http://:secret@127.0.0.1:%d/",
             asyncio_server_port(asked->raw.server));
    int r = aiohttp_client_session_get(asked->session, url, NULL);
    if (r < 0)
        return r;
    CHECK_HAS(asked->raw.request, "\r\nAuthorization: Basic OnNlY3JldA==\r\n");
    return 0;
}

static int give_nothing(aiohttp_client_request *request, aiohttp_client_next *next,
                        aiohttp_client_response **ret_response, void *data)
{
    (void)request;
    (void)next;
    (void)ret_response;
    (void)data;
    return 0;
}

static int look_at(aiohttp_client_request *request, aiohttp_client_next *next,
                   aiohttp_client_response **ret_response, void *data)
{
    aiohttp_client_response *response;
    (void)data;
    int r = next(request, &response);
    if (r < 0)
        return r;
    r = aiohttp_client_response_status(response);
    *ret_response = response;
    return r;
}

static int ask_around(struct asked *asked)
{
    aiohttp_digest_auth_middleware *digest;
    int r = aiohttp_digest_auth_middleware_new("user", "password", &digest);
    if (r < 0)
        return r;
    const aiohttp_client_middleware_entry entries[] = {
        { look_at, NULL },
        { aiohttp_digest_auth_middleware_call, digest },
        { give_nothing, NULL },
    };
    r = aiohttp_client_session_get(asked->session, asked->url, &asked->response,
                                   .middlewares = entries, .middleware_count = 3);
    aiohttp_digest_auth_middleware_unref(digest);
    CHECK_ERROR(r, -EINVAL, "neither");
    return 0;
}

RUN(proxies, ask_proxies)
RUN(bodies, ask_bodies)
RUN(cookies, ask_cookies)
RUN(nothing, ask_nothing)
RUN(password, ask_password)
RUN(around, ask_around)

/* --- cookies that are too many --- */

enum { COOKIES = 20, COOKIE = 4000 };

/* A server that anybody might be, who shares a domain with the one that is asked next. */
static int ask_much(void *data)
{
    static char answer[COOKIES * (COOKIE + 32)];
    size_t size =
        (size_t)snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    (void)data;
    for (int i = 0; i < COOKIES; i++) {
        size += (size_t)snprintf(answer + size, sizeof answer - size, "Set-Cookie: c%02d=", i);
        memset(answer + size, 'x', COOKIE);
        size += COOKIE;
        size += (size_t)snprintf(answer + size, sizeof answer - size, "\r\n");
    }
    snprintf(answer + size, sizeof answer - size, "\r\n");
    struct raw raw = { .answer = answer, .keeps = true };
    aiohttp_cookie_jar *jar = NULL;
    aiohttp_client_session *session = NULL;
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_cookie_jar_new(&jar, .unsafe = 1);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .cookie_jar = jar);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), NULL);
    if (r >= 0)
        CHECK_IS((int)aiohttp_cookie_jar_count(jar), COOKIES);
    /* A raw server reads a head of 8 KiB, and hangs up behind it. */
    aiohttp_multi_dict *own = NULL;
    aiohttp_url *url = NULL;
    if (r >= 0)
        r = aiohttp_url_new(raw_url(&raw, "/"), &url);
    if (r >= 0)
        r = aiohttp_cookie_jar_filter_cookies(jar, url, &own);
    if (r >= 0)
        CHECK_IS((int)aiohttp_multi_dict_count(own), COOKIES);
    aiohttp_multi_dict_unref(own);
    aiohttp_url_unref(url);
    if (r >= 0) {
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), NULL);
        if (r != -ENOMEM && r < 0) {
            CHECK(r != -EMSGSIZE);
            r = 0;
        }
    }
    aiohttp_cookie_jar_unref(jar);
    return raw_end(&raw, session_end(session, r));
}

static void ask_much_test(void **state)
{
    (void)state;
    run_everywhere(ask_much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proxies_test), cmocka_unit_test(bodies_test),
        cmocka_unit_test(cookies_test), cmocka_unit_test(nothing_test),
        cmocka_unit_test(password_test), cmocka_unit_test(around_test),
        cmocka_unit_test(ask_much_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
