/* SPDX-License-Identifier: MIT */
/* Time limits while memory is short: who cannot have his limit does not wait without one. */
/* TEST: backends sim */
#include "client/client_test.h"

enum { NTH_MAX = 400 };

/* The allocation that fails, and whether there was none any more that could. */
static unsigned failing;
static bool is_beyond;

/* Says a piece of an answer, or nothing, and then no more. */
static int says_little(asyncio_stream *stream, void *data)
{
    const char *text = *(const char **)data;
    char request[4096];
    int r = read_request(stream, request, sizeof request);
    if (r >= 0 && *text)
        r = asyncio_stream_write(stream, text, strlen(text));
    if (r >= 0)
        r = asyncio_sleep(1000.0);
    return r == -ECANCELED ? r : 0;
}

/* Nobody answers at these. */
static int resolve_silent(const char *host, int port, int family, aiohttp_resolved *ret_addresses,
                          size_t capacity, void *data)
{
    (void)host, (void)port, (void)family, (void)capacity, (void)data;
    snprintf(ret_addresses[0].address, sizeof ret_addresses->address, "192.0.2.1");
    snprintf(ret_addresses[1].address, sizeof ret_addresses->address, "192.0.2.2");
    return 2;
}

static int resolve_slowly(const char *host, int port, int family, aiohttp_resolved *ret_addresses,
                          size_t capacity, void *data)
{
    (void)host, (void)port, (void)family, (void)ret_addresses, (void)capacity, (void)data;
    int r = asyncio_sleep(1000.0);
    return r < 0 ? r : -ASYNCIO_RESOLVE;
}

#define LIMIT(name) offsetof(aiohttp_client_timeout, name)

static const struct late {
    const char *name, *text;
    size_t field; /* of aiohttp_client_timeout; SIZE_MAX: only that of an address */
    int (*resolve)(const char *host, int port, int family, aiohttp_resolved *ret_addresses,
                   size_t capacity, void *data);
} cases[] = {
    { "head", "", LIMIT(head), NULL },
    { "within the head", "HTTP/1.1 200 O", LIMIT(head), NULL },
    { "total", "", LIMIT(total), NULL },
    { "read", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", LIMIT(read), NULL },
    { "dns", "", LIMIT(dns), resolve_slowly },
    { "connect", "", LIMIT(connect), resolve_silent },
    { "one of several addresses", "", SIZE_MAX, resolve_silent },
};

static aiohttp_client_timeout patient(void)
{
    aiohttp_client_timeout timeout = aiohttp_client_timeout_default();
    timeout.total = timeout.dns = timeout.connect = timeout.write = ASYNCIO_NONE;
    return timeout;
}

struct world_of_one {
    asyncio_server *server;
    aiohttp_client_session *session;
    const char *text;
    char url[64];
};

static int begin(struct world_of_one *one, const struct late *late)
{
    aiohttp_connector *connector = NULL;
    aiohttp_resolver resolver = { .size = sizeof resolver, .resolve = late->resolve };
    *one = (struct world_of_one){ .text = late->text };
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(says_little, "127.0.0.1", 0, &one->server, .data = &one->text);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .resolver = late->resolve ? &resolver : NULL,
                                      .address_timeout = late->field == SIZE_MAX ? 0.2
                                                                                 : ASYNCIO_NONE);
    if (r >= 0)
        r = aiohttp_client_session_new(&one->session, .connector = connector);
    aiohttp_connector_unref(connector);
    if (r >= 0)
        snprintf(one->url, sizeof one->url, "http://%s:%d/",
                 late->resolve ? "name.test" : "127.0.0.1", asyncio_server_port(one->server));
    return r;
}

static int end(struct world_of_one *one, int r)
{
    r = session_end(one->session, r);
    if (one->server) {
        asyncio_server_abort_clients(one->server);
        asyncio_server_close(one->server);
        asyncio_server_unref(one->server);
    }
    int slept = asyncio_sleep(0.01);
    return r < 0 ? r : slept;
}

/* Asks and reads; what came of it. */
static int ask(struct world_of_one *one, const aiohttp_client_timeout *timeout)
{
    aiohttp_client_response *response;
    const char *body;
    int r = aiohttp_client_session_get(one->session, one->url, &response, .timeout = timeout);
    if (r < 0)
        return r;
    r = aiohttp_client_response_read(response, &body, NULL);
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    return r;
}

static int one_limit(void *data)
{
    const struct late *late = data;
    aiohttp_client_timeout timeout = patient();
    struct world_of_one one;
    if (late->field != SIZE_MAX)
        *(double *)(void *)((char *)&timeout + late->field) = 0.2;
    int r = begin(&one, late);
    if (r < 0)
        return end(&one, r);
    double began = asyncio_loop_time(asyncio_get_running_loop());
    asyncio__alloc_fail_at(failing, 0);
    r = ask(&one, &timeout);
    is_beyond = asyncio__alloc_count() < failing;
    asyncio__alloc_fail_at(0, 0);
    double took = asyncio_loop_time(asyncio_get_running_loop()) - began;
    if (took > 2.0 || r >= 0)
        print_error("%s: %s after %f without allocation %u\n", late->name, asyncio_error_name(r),
                    took, failing);
    CHECK(took < 2.0);
    CHECK(r < 0);
    CHECK(!is_beyond || r == -ETIMEDOUT);
    return end(&one, 0);
}

static void each_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases && !allocation_is_failing(); i++) {
        is_beyond = false;
        for (failing = 1; !is_beyond && failing < NTH_MAX; failing++)
            assert_int_equal(run_once(one_limit, (void *)(uintptr_t)&cases[i]), 0);
        assert_true(is_beyond);
    }
}

static int ask_within(struct world_of_one *one, int seconds)
{
    aiohttp_client_timeout timeout = patient();
    timeout.head = seconds;
    return ask(one, &timeout);
}

/* One that cannot have the earlier limit does not take that of another with it; and a timer that
 * fires for the one is armed anew for the other, or that one ends. */
static int two_limits(void *data)
{
    bool fails_late = *(bool *)data;
    struct world_of_one one;
    asyncio_task *tasks[2];
    int r = begin(&one, &cases[0]);
    if (r < 0)
        return end(&one, r);
    START(tasks[0], ask_within, &one, 2);
    CHECK_IS(asyncio_sleep(0.1), 0);
    START(tasks[1], ask_within, &one, 1);
    if (fails_late)
        CHECK_IS(asyncio_sleep(0.5), 0);
    asyncio__alloc_fail_at(failing, fails_late);
    r = asyncio_sleep(fails_late ? 5.0 : 0.5);
    is_beyond = asyncio__alloc_count() < failing;
    asyncio__alloc_fail_at(0, 0);
    CHECK_IS(r, 0);
    CHECK_IS(asyncio_sleep(5.0), 0);
    for (int i = 0; i < 2; i++) {
        CHECK(asyncio_task_done(tasks[i]));
        r = join(tasks[i]);
        CHECK(r == -ETIMEDOUT || r == -ENOMEM || r == -ECONNRESET);
    }
    return end(&one, 0);
}

static void a_limit_beside_another(void **state)
{
    (void)state;
    for (int i = 0; i < 2 && !allocation_is_failing(); i++) {
        bool fails_late = i;
        is_beyond = false;
        for (failing = 1; !is_beyond && failing < NTH_MAX; failing++)
            assert_int_equal(run_once(two_limits, &fails_late), 0);
        assert_true(is_beyond);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit),
        cmocka_unit_test(a_limit_beside_another),
    };
    enter_world("plain", false, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
