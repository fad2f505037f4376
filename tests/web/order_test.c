/* SPDX-License-Identifier: MIT */
/* Who is called in which order around a request: middlewares and on_response_prepare, of an
 * application and those in it; and around the end: what still listens, answers and is open when
 * on_shutdown and on_cleanup are called. */
#include "web/web_test.h"

#include <stdarg.h>
#include <stdlib.h>

static char trace[512];

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
    size_t size = strlen(trace);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(trace + size, sizeof trace - size, format, arguments);
    va_end(arguments);
}

static int begin(struct live *live, aiohttp_web_application *app)
{
    *live = (struct live){ .port = 0 };
    trace[0] = '\0';
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = aiohttp_web_app_runner_new(app, &live->runner, .shutdown_timeout = 50.0);
    aiohttp_web_application_unref(app);
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

/* ---- around a request ---- */

static int around(aiohttp_web_request *request, aiohttp_web_next *next, void *data)
{
    const char *name = data;
    note("%s(", name);
    int r = next(request);
    note(")%s", name);
    return r;
}

static int prepares(aiohttp_web_request *request, void *data)
{
    (void)request;
    note(" %s", (const char *)data);
    return 0;
}

static int handler(aiohttp_web_request *request)
{
    note("handler");
    return aiohttp_web_respond(request, "answer");
}

static aiohttp_web_application *nested(void)
{
    static char a[] = "a", b[] = "b", c[] = "c", d[] = "d";
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application *sub = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_middleware(sub, around, .data = c);
    (void)aiohttp_web_application_add_middleware(sub, around, .data = d);
    (void)aiohttp_web_application_add_get(sub, "/in", handler);
    (void)aiohttp_web_application_on_response_prepare(sub, prepares, .data = c);
    (void)aiohttp_web_application_on_response_prepare(sub, prepares, .data = d);
    (void)aiohttp_web_application_add_subapp(app, "/sub", sub);
    (void)aiohttp_web_application_add_middleware(app, around, .data = a);
    (void)aiohttp_web_application_add_middleware(app, around, .data = b);
    (void)aiohttp_web_application_add_get(app, "/out", handler);
    (void)aiohttp_web_application_on_response_prepare(app, prepares, .data = a);
    (void)aiohttp_web_application_on_response_prepare(app, prepares, .data = b);
    return app;
}

static int requests(void *data)
{
    static const struct {
        const char *path, *wanted;
    } talks[] = {
        { "/sub/in", "a(b(c(d(handler)d)c)b)a a b c d" },
        { "/out", "a(b(handler)b)a a b" },
        { "/sub/none", "a(b(c(d()d)c)b)a a b c d" },
        { "/none", "a(b()b)a a b" },
    };
    char answer[1024];
    struct live live;
    (void)data;
    int r = begin(&live, nested());
    for (size_t i = 0; i < sizeof talks / sizeof *talks && r >= 0; i++) {
        trace[0] = '\0';
        r = live_get(&live, talks[i].path, "", answer, sizeof answer);
        if (r >= 0)
            CHECK_TEXT(trace, talks[i].wanted);
    }
    return live_end(&live, r);
}

/* ---- around the end ---- */

static struct live *ending;

/* How many are connected, and whether somebody new would be. */
static void look(const char *when)
{
    aiohttp_web_server_stats stats = { .size = sizeof stats };
    aiohttp_web_site *site;
    aiohttp_web_server_get_stats(aiohttp_web_runner_server(ending->runner), &stats);
    note("%s:%zu/%zu%s ", when, stats.active, stats.connections,
         aiohttp_web_runner_sites(ending->runner, &site, 1) ? " listens" : "");
}

static int on_shutdown(aiohttp_web_application *app)
{
    (void)app;
    int r = asyncio_sleep(1); /* those that are idle have gone meanwhile */
    look("shutdown");
    return r;
}

static int on_cleanup(aiohttp_web_application *app)
{
    (void)app;
    look("cleanup");
    return 0;
}

static int enters(aiohttp_web_application *app)
{
    (void)app;
    return 0;
}

static int leaves(aiohttp_web_application *app)
{
    (void)app;
    look("context");
    return 0;
}

static int busy(aiohttp_web_request *request)
{
    int r = asyncio_sleep(20);
    note("answered ");
    return r < 0 ? r : aiohttp_web_respond(request, "busy");
}

static int ends(struct live *live, asyncio_stream *busy_one)
{
    char answer[1024];
    const char *request = "GET /busy HTTP/1.1\r\nHost: a\r\n\r\n";
    int r = asyncio_stream_write(busy_one, request, strlen(request));
    if (r >= 0)
        r = asyncio_sleep(10);
    if (r < 0)
        return r;
    look("before");
    r = aiohttp_web_runner_cleanup(live->runner);
    if (r < 0)
        return r;
    CHECK_TEXT(trace, "before:1/2 listens shutdown:1/1 answered context:0/0 cleanup:0/0 ");
    r = read_all(busy_one, answer, sizeof answer - 1);
    if (r < 0)
        return r;
    answer[r] = '\0';
    CHECK_TEXT(body_of(answer), "busy"); /* nobody who was being answered is lost */
    return 0;
}

static int end(void *data)
{
    struct live live;
    asyncio_stream *idle = NULL, *busy_one = NULL;
    (void)data;
    if (!world.is_sim)
        return 0; /* its times are long */
    ending = &live;
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_get(app, "/busy", busy);
    (void)aiohttp_web_application_on_shutdown(app, on_shutdown);
    (void)aiohttp_web_application_on_cleanup(app, on_cleanup);
    (void)aiohttp_web_application_cleanup_ctx(app, enters, leaves);
    int r = begin(&live, app);
    if (r >= 0)
        r = live_open(&live, &idle);
    if (r >= 0)
        r = live_open(&live, &busy_one);
    if (r >= 0)
        r = ends(&live, busy_one);
    asyncio_stream_unref(idle);
    asyncio_stream_unref(busy_one);
    return live_end(&live, r);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(requests)
CASE(end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
