/* SPDX-License-Identifier: MIT */
/* The start and end of applications: who is called, in which order, and who is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asyncio.h>
#include <math.h>
#include <stdio.h>

#include "web/application.h"
#include "web/dispatch.h"

static char trace[400];

static void note(const char *what, const char *data)
{
    size_t used = strlen(trace);
    snprintf(trace + used, sizeof trace - used, "%s%s%s", used ? " " : "", what, data);
}

/* data: a name; "!" at its end fails, "~" waits first */
static int call(const char *what, const char *data)
{
    note(what, data);
    if (strchr(data, '~')) {
        int r = asyncio_sleep(0.001);
        if (r < 0)
            return r;
    }
    return strchr(data, '!') ? -EIO : 0;
}

static int enter(aiohttp_web_application *app, void *data)
{
    (void)app;
    return call("+", data);
}

static int leave(aiohttp_web_application *app, void *data)
{
    (void)app;
    return call("-", data);
}

static int leave_badly(aiohttp_web_application *app, void *data)
{
    (void)app;
    int r = call("-", data);
    return r < 0 ? r : -EPIPE;
}

static int start(aiohttp_web_application *app, void *data)
{
    (void)app;
    return call("start:", data);
}

static int shut(aiohttp_web_application *app, void *data)
{
    (void)app;
    return call("shut:", data);
}

static int clean(aiohttp_web_application *app, void *data)
{
    (void)app;
    return call("clean:", data);
}

#define DATA(text) .data = (void *)(uintptr_t)(text)

static aiohttp_web_application *made(const char *second_context, const char *sub_start)
{
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application *sub = aiohttp_web_application_new();
    (void)aiohttp_web_application_on_startup(app, start, DATA("a"));
    (void)aiohttp_web_application_cleanup_ctx(sub, enter, leave, DATA("s1"));
    (void)aiohttp_web_application_on_startup(sub, start, DATA(sub_start));
    (void)aiohttp_web_application_on_shutdown(sub, shut, DATA("s"));
    (void)aiohttp_web_application_on_cleanup(sub, clean, DATA("s"));
    (void)aiohttp_web_application_add_subapp(app, "/sub", sub);
    (void)aiohttp_web_application_cleanup_ctx(app, enter, leave, DATA("c1~"));
    (void)aiohttp_web_application_cleanup_ctx(app, enter, leave, DATA(second_context));
    (void)aiohttp_web_application_cleanup_ctx(app, enter, (aiohttp_web_signal *)0, DATA("c3"));
    (void)aiohttp_web_application_on_startup(app, start, DATA("b"));
    (void)aiohttp_web_application_on_shutdown(app, shut, DATA("a"));
    (void)aiohttp_web_application_on_cleanup(app, clean, DATA("a"));
    return app;
}

static int cycle(aiohttp_web_application *app)
{
    int r = aiohttp__web_application_startup(app);
    if (r >= 0) {
        note("|", "");
        r = aiohttp__web_application_shutdown(app, HUGE_VAL);
    }
    int cleaned = aiohttp__web_application_cleanup(app);
    return r < 0 ? r : cleaned;
}

static void runs(aiohttp_web_application *app, int times, int result, const char *wanted)
{
    trace[0] = '\0';
    int r = 0;
    for (int i = 0; i < times; i++)
        r = asyncio_run(asyncio_coro(cycle, app));
    aiohttp_web_application_unref(app);
    assert_int_equal(r, result);
    assert_string_equal(trace, wanted);
}

static void in_their_order(void **state)
{
    (void)state;
    runs(made("c2", "s"), 1, 0,
         "+c1~ +c2 +c3 start:a +s1 start:s start:b | shut:s shut:a -c2 -c1~ -s1 clean:s clean:a");
}

/* Started again after its end: once more the same. */
static void again(void **state)
{
    (void)state;
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_cleanup_ctx(app, enter, leave, DATA("c"));
    runs(app, 2, 0, "+c | -c +c | -c");
}

static void only_those_that_entered_are_left(void **state)
{
    (void)state;
    runs(made("c2!", "s"), 1, -EIO, "+c1~ +c2! -c1~");
}

static void a_start_that_failed_below_is_unwound(void **state)
{
    (void)state;
    runs(made("c2", "s!"), 1, -EIO, "+c1~ +c2 +c3 start:a +s1 start:s! -s1 -c2 -c1~");
}

static unsigned reports;
static int reported;

static void handler(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)data;
    reports++;
    reported = context->exception;
}

static int cycle_reported(aiohttp_web_application *app)
{
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), handler, NULL);
    return cycle(app);
}

static void all_are_left_whatever_fails(void **state)
{
    (void)state;
    trace[0] = '\0';
    reports = 0;
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_cleanup_ctx(app, enter, leave_badly, DATA("c1"));
    (void)aiohttp_web_application_cleanup_ctx(app, enter, leave, DATA("c2"));
    (void)aiohttp_web_application_on_startup(app, start, DATA("a"));
    (void)aiohttp_web_application_on_cleanup(app, clean, DATA("a!"));
    (void)aiohttp_web_application_on_cleanup(app, clean, DATA("b"));
    int r = asyncio_run(asyncio_coro(cycle_reported, app));
    aiohttp_web_application_unref(app);
    assert_int_equal(r, -EPIPE);
    assert_string_equal(trace, "+c1 +c2 start:a | -c2 -c1 clean:a! clean:b");
    assert_int_equal(reports, 1);
    assert_int_equal(reported, -EIO);
}

/* Cancelled while a context enters: what was entered is left. */
static int cancelled(aiohttp_web_application *app)
{
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(cycle, app), &task);
    if (r >= 0)
        r = asyncio_sleep(0);
    if (r < 0)
        return r;
    asyncio_task_cancel(task);
    r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

static void cancelled_while_it_starts(void **state)
{
    (void)state;
    trace[0] = '\0';
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_cleanup_ctx(app, enter, leave, DATA("c1"));
    (void)aiohttp_web_application_cleanup_ctx(app, enter, leave, DATA("c2~"));
    int r = asyncio_run(asyncio_coro(cancelled, app));
    aiohttp_web_application_unref(app);
    assert_int_equal(r, -ECANCELED);
    assert_string_equal(trace, "+c1 +c2~ -c1");
}

static int twice(aiohttp_web_application *app, aiohttp_web_application *sub)
{
    int r = aiohttp__web_application_startup(app);
    if (r < 0)
        return r;
    int second = aiohttp__web_application_startup(app);
    int part = aiohttp__web_application_startup(sub);
    int late = aiohttp_web_application_on_startup(app, start, DATA("x"));
    int frozen = aiohttp_web_application_frozen(app) + aiohttp_web_application_frozen(sub);
    r = aiohttp__web_application_cleanup(app);
    return r < 0 ? r :
           second == -ASYNCIO_INVALID_STATE && part == second && late == second && frozen == 2 ?
                   0 :
                   -EBADMSG;
}

static void frozen_once_it_runs(void **state)
{
    (void)state;
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application *sub = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_subapp(app, "/s", sub);
    int r = asyncio_run(asyncio_coro(twice, app, sub));
    aiohttp_web_application_unref(app);
    assert_int_equal(r, 0);
    assert_int_equal(asyncio_run(asyncio_coro(aiohttp__web_application_startup, NULL)), -ENOMEM);
}

static AIOHTTP_WEB_APP_KEY(pool_key, char);
static AIOHTTP_WEB_APP_KEY(late_key, struct nowhere_defined); /* opaque types are usual */

static int store(aiohttp_web_application *app, void *data)
{
    return aiohttp_web_application_set(app, &pool_key, (char *)data, NULL);
}

static int storing(aiohttp_web_application *app, aiohttp_web_application *sub)
{
    int r = aiohttp__web_application_startup(app);
    if (r < 0)
        return r;
    const char *outer = aiohttp_web_application_get(app, &pool_key);
    const char *inner = aiohttp_web_application_get(sub, &pool_key);
    int late = aiohttp_web_application_set(sub, &late_key, (struct nowhere_defined *)app, NULL);
    r = aiohttp__web_application_cleanup(app);
    bool is_right = outer && inner && !strcmp(outer, "a") && !strcmp(inner, "b") &&
                    late == -ASYNCIO_INVALID_STATE &&
                    aiohttp_web_application_get(sub, &late_key) == NULL;
    return r < 0 ? r : is_right ? 0 : -EBADMSG;
}

/* A pool is made where a loop runs, and handlers find it in the application. */
static void stores_while_it_starts(void **state)
{
    (void)state;
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application *sub = aiohttp_web_application_new();
    (void)aiohttp_web_application_cleanup_ctx(app, store, NULL, DATA("a"));
    (void)aiohttp_web_application_on_startup(sub, store, DATA("b"));
    (void)aiohttp_web_application_add_subapp(app, "/s", sub);
    int r = asyncio_run(asyncio_coro(storing, app, sub));
    aiohttp_web_application_unref(app);
    assert_int_equal(r, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_their_order),
        cmocka_unit_test(again),
        cmocka_unit_test(only_those_that_entered_are_left),
        cmocka_unit_test(a_start_that_failed_below_is_unwound),
        cmocka_unit_test(all_are_left_whatever_fails),
        cmocka_unit_test(cancelled_while_it_starts),
        cmocka_unit_test(frozen_once_it_runs),
        cmocka_unit_test(stores_while_it_starts),
    };
    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
