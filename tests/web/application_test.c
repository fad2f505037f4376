/* SPDX-License-Identifier: MIT */
/* Applications behind a real connection: routes, middlewares, storage, redirects, signals. */
#include "web/web_test.h"

#include <jansson.h>

struct counter {
    int requests, destroyed, prepared;
};

static AIOHTTP_WEB_APP_KEY(counter_key, struct counter);
static AIOHTTP_WEB_APP_KEY(user_key, char);

static int user(aiohttp_web_request *request)
{
    return aiohttp_web_respondf(request, "%s of %s",
                                aiohttp_web_request_match_info(request, "name"),
                                aiohttp_web_request_canonical(request));
}

static int tail(aiohttp_web_request *request, void *data)
{
    const char *none = aiohttp_web_request_match_info(request, "none");
    return aiohttp_web_respondf(request, "%s:%s%s", (const char *)data,
                                aiohttp_web_request_match_info(request, "tail"), none ? none : "");
}

static int inner(aiohttp_web_request *request)
{
    struct counter *counter = aiohttp_web_request_config(request, &counter_key);
    const char *name = aiohttp_web_request_get(request, &user_key);
    bool is_own = aiohttp_web_application_get(aiohttp_web_request_app(request), &counter_key);
    return aiohttp_web_respondf(request, "%s %s %s", counter ? "config" : "-", name ? name : "-",
                                is_own ? "own" : "-");
}

static int fails(aiohttp_web_request *request)
{
    return aiohttp_web_http_conflict(request, .text = "no");
}

static int waits(aiohttp_web_request *request)
{
    int r = asyncio_sleep(0.001);
    return r < 0 ? r : aiohttp_web_respond(request, "waited");
}

static int waits_long(aiohttp_web_request *request)
{
    int r = asyncio_sleep(30);
    return r < 0 ? r : aiohttp_web_respond(request, "waited");
}

static int reads(aiohttp_web_request *request)
{
    const char *data;
    size_t size;
    int r = aiohttp_web_request_read(request, &data, &size);
    return r < 0 ? r : aiohttp_web_respondf(request, "%zu", size);
}

static int echoes_json(aiohttp_web_request *request)
{
    json_t *json, *again;
    int r = aiohttp_web_request_json(request, &json);
    if (r >= 0)
        r = aiohttp_web_request_json(request, &again);
    if (r < 0)
        return r;
    return json == again ? aiohttp_web_respond_json(request, json, .status = 201) : -EPROTO;
}

static int expects(aiohttp_web_request *request)
{
    const char *what = aiohttp_web_request_header(request, "Expect");
    return what && strcmp(what, "a cookie") == 0 ? 0 : aiohttp_web_http_expectation_failed(request);
}

/* --- middlewares: what they see is told in a header --- */

static int tell(aiohttp_web_request *request, const char *who, int r)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    char text[40];
    snprintf(text, sizeof text, "%s %d %d", who, aiohttp_web_response_status(response), r);
    aiohttp_headers *headers = aiohttp_web_response_headers(response);
    return headers ? aiohttp_headers_add(headers, "X-Saw", text) : -ENOMEM;
}

static int outer_one(aiohttp_web_request *request, aiohttp_web_next *next)
{
    int r = next(request);
    int told = tell(request, "outer", r);
    return told < 0 ? told : r;
}

static int twice(aiohttp_web_request *request, aiohttp_web_next *next, void *data)
{
    struct counter *counter = data;
    counter->requests++;
    if (!aiohttp_web_request_query(request, "twice"))
        return next(request);
    int r = next(request);
    return r < 0 ? r : next(request);
}

static int swallows(aiohttp_web_request *request, aiohttp_web_next *next)
{
    int r = next(request);
    if (r == -(AIOHTTP_HTTP + 409) && aiohttp_web_request_query(request, "swallow"))
        return 0; /* the answer goes out all the same */
    if (aiohttp_web_request_query(request, "other"))
        return aiohttp_web_respond(request, "other");
    return r;
}

static void forget(void *value)
{
    (void)value;
    ((struct counter *)value)->destroyed++;
}

static int named(aiohttp_web_request *request, aiohttp_web_next *next)
{
    static char name[] = "joe";
    int r = aiohttp_web_request_set(request, &user_key, name, NULL);
    return r < 0 ? r : next(request);
}

static int prepared(aiohttp_web_request *request, void *data)
{
    struct counter *counter = data;
    counter->prepared++;
    return aiohttp_web_response_set_header(aiohttp_web_request_response(request), "X-Prepared",
                                           "yes");
}

static aiohttp_web_application *made(struct counter *counter)
{
    aiohttp_web_application *app = aiohttp_web_application_new(.client_max_size = 5);
    aiohttp_web_application *sub = aiohttp_web_application_new();
    static char data[] = "data";
    (void)aiohttp_web_application_add_get(sub, "/in", inner);
    (void)aiohttp_web_application_add_get(sub, "/u/{name}", user);
    (void)aiohttp_web_application_add_middleware(sub, named);
    (void)aiohttp_web_application_add_get(app, "/users/{name}", user);
    (void)aiohttp_web_application_add_get(app, "/tail/{tail:.*}", tail, .data = data);
    (void)aiohttp_web_application_add_get(app, "/in", inner);
    (void)aiohttp_web_application_add_get(app, "/fails", fails);
    (void)aiohttp_web_application_add_get(app, "/waits", waits);
    (void)aiohttp_web_application_add_get(app, "/gone", waits_long, .handler_cancellation = 1);
    (void)aiohttp_web_application_add_post(app, "/reads", reads);
    (void)aiohttp_web_application_add_post(app, "/sized", reads, .length_required = 1,
                                           .handler_cancellation = 1);
    (void)aiohttp_web_application_add_post(app, "/json", echoes_json);
    (void)aiohttp_web_application_add_get(app, "/slash/", waits);
    (void)aiohttp_web_application_add_get(app, "/a/b", waits);
    (void)aiohttp_web_application_add_get(app, "/evil.com/", waits);
    (void)aiohttp_web_application_add_get(app, "/expects", waits, .expect_handler = NULL);
    (void)aiohttp_web_application_add_post(app, "/cookie", reads,
                                           .expect_handler = AIOHTTP__HANDLER(expects));
    (void)aiohttp_web_application_add_subapp(app, "/sub", sub);
    (void)aiohttp_web_application_add_middleware(app, outer_one);
    (void)aiohttp_web_application_add_middleware(app, twice, .data = counter);
    (void)aiohttp_web_application_add_middleware(app, swallows);
    (void)aiohttp_web_application_add_middleware(app, aiohttp_web_normalize_path_middleware);
    (void)aiohttp_web_application_on_response_prepare(app, prepared, .data = counter);
    (void)aiohttp_web_application_set(app, &counter_key, counter, forget);
    return app;
}

struct talk {
    const char *request, *begins, *has, *body;
};

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

static const struct talk talks[] = {
    { GET("/users/joe"), "HTTP/1.1 200 ", "X-Saw: outer 200 0\r\n", "joe of /users/{name}" },
    { GET("/users/a%2Fb%20%25"), "HTTP/1.1 200 ", "X-Prepared: yes\r\n", "a/b % of /users/{name}" },
    { GET("/users/%00"), "HTTP/1.1 200 ", "\r\n", "%00 of /users/{name}" },
    { GET("/tail/"), "HTTP/1.1 200 ", "\r\n", "data:" },
    { GET("/tail/a/b%2Fc"), "HTTP/1.1 200 ", "\r\n", "data:a/b/c" },
    { GET("/in"), "HTTP/1.1 200 ", "\r\n", "config - own" },
    { GET("/sub/in"), "HTTP/1.1 200 ", "X-Saw: outer 200 0\r\n", "config joe -" },
    { GET("/sub/u/x"), "HTTP/1.1 200 ", "\r\n", "x of /sub/u/{name}" },
    { GET("/nothing"), "HTTP/1.1 404 ", "X-Saw: outer 404 -16788\r\n", "404: Not Found" },
    { GET("/sub/nothing"), "HTTP/1.1 404 ", "X-Saw: outer 404 -16788\r\n", "404: Not Found" },
    { GET("/reads"), "HTTP/1.1 405 ", "Allow: POST\r\n", "405: Method Not Allowed" },
    { GET("/fails"), "HTTP/1.1 409 ", "X-Saw: outer 409 -16793\r\n", "no" },
    { GET("/fails?swallow=1"), "HTTP/1.1 409 ", "X-Saw: outer 409 0\r\n", "no" },
    { GET("/nothing?other=1"), "HTTP/1.1 200 ", "X-Saw: outer 200 0\r\n", "other" },
    { GET("/waits?twice=1"), "HTTP/1.1 200 ", "\r\n", "waited" },
    /* the peer has ended its side: it counts as gone */
    { GET("/gone"), "", "", "" },
    { "HEAD /waits HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 ", "Content-Length: 6\r\n", "" },
    { "POST /reads HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 ", "\r\n",
      "5" },
    { "POST /reads HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhello!", "HTTP/1.1 413 ", "\r\n",
      NULL },
    { "POST /sized HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 ", "\r\n",
      "5" },
    { "POST /sized HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 411 ", "X-Saw: outer 411 -16795\r\n", "411: Length Required" },
    { "POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n[ 1]", "HTTP/1.1 201 ",
      "Content-Type: application/json; charset=utf-8\r\n", "[1]" },
    { "POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n[1,]", "HTTP/1.1 400 ", "\r\n",
      NULL },
    { "POST /json HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", "\r\n", NULL },
    /* as normalize_path_middleware of aiohttp does */
    { GET("/slash"), "HTTP/1.1 308 ", "Location: /slash/\r\n", NULL },
    { GET("/slash?a=%20b"), "HTTP/1.1 308 ", "Location: /slash/?a=%20b\r\n", NULL },
    { GET("//a///b"), "HTTP/1.1 308 ", "Location: /a/b\r\n", NULL },
    { GET("/slash//"), "HTTP/1.1 308 ", "Location: /slash/\r\n", NULL },
    { GET("//slash"), "HTTP/1.1 308 ", "Location: /slash/\r\n", NULL },
    /* CVE-2021-21330: not to another host */
    { GET("//evil.com"), "HTTP/1.1 308 ", "Location: /evil.com/\r\n", NULL },
    { GET("////evil.com"), "HTTP/1.1 308 ", "Location: /evil.com/\r\n", NULL },
    { GET("/%5Cevil.com"), "HTTP/1.1 404 ", "\r\n", NULL },
    /* Expect, per route */
    { "POST /cookie HTTP/1.1\r\nHost: a\r\nExpect: a cookie\r\nContent-Length: 1\r\n\r\nx",
      "HTTP/1.1 200 ", "\r\n", "1" },
    { "POST /cookie HTTP/1.1\r\nHost: a\r\nExpect: money\r\nContent-Length: 1\r\n\r\nx",
      "HTTP/1.1 417 ", "\r\n", NULL },
    { "POST /reads HTTP/1.1\r\nHost: a\r\nExpect: money\r\nContent-Length: 1\r\n\r\nx",
      "HTTP/1.1 417 ", "\r\n", NULL },
};

static int app_start(struct live *live, aiohttp_web_application *app)
{
    *live = (struct live){ .port = 0 };
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = aiohttp_web_app_runner_new(app, &live->runner, .shutdown_timeout = 5.0);
    if (r >= 0)
        r = aiohttp_web_runner_setup(live->runner);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(live->runner, "127.0.0.1", 0, &live->site);
    if (r >= 0)
        r = aiohttp_web_site_start(live->site);
    if (r >= 0)
        r = live->port = aiohttp_web_site_port(live->site);
    return r;
}

static int talk_all(struct live *live)
{
    static char answer[4096];
    for (size_t i = 0; i < sizeof talks / sizeof *talks; i++) {
        int r = live_ask(live, talks[i].request, answer, sizeof answer);
        if (r < 0)
            return r;
        CHECK_BEGINS(answer, talks[i].begins);
        CHECK_HAS(answer, talks[i].has);
        if (talks[i].body)
            CHECK_TEXT(body_of(answer), talks[i].body);
    }
    return 0;
}

static int application(void *data)
{
    struct counter counter = { 0 };
    struct live live;
    (void)data;
    aiohttp_web_application *app = made(&counter);
    if (!app)
        return -ENOMEM;
    int r = app_start(&live, app);
    if (r >= 0)
        r = talk_all(&live);
    r = live_end(&live, r);
    aiohttp_web_application_unref(app);
    /* connections that end keep it a little longer */
    for (int i = 0; r >= 0 && i < 1000 && !counter.destroyed; i++)
        r = asyncio_sleep(0.001);
    if (r < 0)
        return r;
    CHECK(counter.destroyed == 1);
    CHECK(counter.prepared == (int)(sizeof talks / sizeof *talks) - 1); /* not /gone */
    CHECK(counter.requests > 0 && counter.requests <= counter.prepared);
    return 0;
}

static int bad_application(void *data)
{
    struct live live;
    (void)data;
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_get(app, "/{x", user);
    int r = app_start(&live, app);
    const asyncio_error *record = asyncio_last_error(r); /* NULL without memory for it */
    bool is_named = r != -EINVAL || !record || strstr(record->text, "/{x");
    int ended = live_end(&live, 0);
    aiohttp_web_application_unref(app);
    CHECK(is_named);
    return r == -EINVAL ? ended : r < 0 ? r : -EPROTO;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(application)
CASE(bad_application)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_application),
        cmocka_unit_test(test_bad_application),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
