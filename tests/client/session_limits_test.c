/* SPDX-License-Identifier: MIT */
/* The limits of a session that has a connector of its own: what waits, what ends, and when. Time is
 * exact on the sim backend; elsewhere nothing is claimed that a busy machine could break. */
#include "client/farm.h"

#include <asyncio/lock.h>

/* Answers when it is told to. */
struct gate {
    asyncio_server *servers[2];
    asyncio_semaphore open;
};

static int serve_gate(asyncio_stream *stream, void *data)
{
    struct gate *gate = data;
    char text[2048];
    int r;
    while ((r = read_request(stream, text, sizeof text)) > 0) {
        r = asyncio_semaphore_acquire(&gate->open);
        if (r >= 0)
            r = asyncio_stream_write(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 39);
        if (r < 0)
            break;
    }
    return r == -ECANCELED ? r : 0;
}

static int gate_start(struct gate *gate)
{
    int r = 0;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    asyncio_semaphore_init(&gate->open, 0);
    for (int i = 0; i < 2 && r >= 0; i++)
        r = asyncio_start_server(serve_gate, "127.0.0.1", 0, &gate->servers[i], .data = gate);
    return r;
}

static int gate_end(struct gate *gate, int r)
{
    for (int i = 0; i < 20; i++)
        asyncio_semaphore_release(&gate->open);
    for (int i = 0; i < 2; i++) {
        struct raw raw = { .server = gate->servers[i] };
        r = raw_end(&raw, r);
    }
    asyncio_semaphore_fini(&gate->open);
    return r;
}

static int ask(aiohttp_client_session *session, int port)
{
    aiohttp_client_response *response;
    const char *text;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    int r = aiohttp_client_session_get(session, url, &response);
    if (r < 0)
        return r;
    r = aiohttp_client_response_text(response, &text);
    aiohttp_client_response_unref(response);
    return r;
}

static aiohttp_connector_stats stats_of(const aiohttp_client_session *session)
{
    aiohttp_connector_stats stats;
    aiohttp_connector_get_stats(aiohttp_client_session_connector(session), &stats);
    return stats;
}

enum { ASKERS = 4 };

/* So many requests at once, of which the last goes to the second server: how many may wait. */
static int together(const aiohttp_limits *limits, int askers, int to_second, int waiting)
{
    struct gate gate = { .servers = { NULL, NULL } };
    aiohttp_client_session *session = NULL;
    asyncio_task *tasks[ASKERS] = { NULL };
    int r = gate_start(&gate);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .limits = limits);
    for (int i = 0; i < askers && r >= 0; i++) {
        int port = asyncio_server_port(gate.servers[i >= askers - to_second]);
        r = asyncio_create_task(asyncio_coro(ask, session, port), &tasks[i]);
    }
    for (int i = 0; i < 50 && r >= 0; i++) /* until all have a connection, or wait for one */
        r = stats_of(session).in_use + stats_of(session).waiting < (size_t)askers
                ? asyncio_sleep(0.001)
                : 0;
    aiohttp_connector_stats stats = { .idle = 0 };
    if (session)
        stats = stats_of(session);
    for (int i = 0; i < askers; i++)
        asyncio_semaphore_release(&gate.open);
    for (int i = 0; i < askers; i++)
        if (tasks[i]) {
            int awaited = join(tasks[i]);
            r = r < 0 ? r : awaited;
        }
    r = gate_end(&gate, session_end(session, r));
    if (r < 0)
        return r;
    CHECK_IS((int)stats.waiting, waiting);
    CHECK_IS((int)stats.in_use, askers - waiting);
    return 0;
}

static int pool(void *data)
{
    aiohttp_limits limits = aiohttp_client_limits();
    (void)data;
    limits.pool = 2;
    int r = 0;
    for (int askers = 1; askers <= 3 && r >= 0; askers++)
        r = together(&limits, askers, askers / 2, askers - 2 > 0 ? askers - 2 : 0);
    return r;
}

static int pool_per_host(void *data)
{
    aiohttp_limits limits = aiohttp_client_limits();
    (void)data;
    limits.pool_per_host = 2;
    int r = 0;
    for (int askers = 1; askers <= 3 && r >= 0; askers++)
        r = together(&limits, askers, 0, askers - 2 > 0 ? askers - 2 : 0);
    return r < 0 ? r : together(&limits, 4, 2, 0);
}

static int pool_idle_time(void *data)
{
    static struct farm farm; /* too large for the stack of a task */
    aiohttp_limits limits = aiohttp_client_limits();
    (void)data;
    limits.pool_idle_time = 0.4;
    int r = farm_start(&farm);
    if (r >= 0)
        r = aiohttp_client_session_new(&farm.session, .limits = &limits);
    double asked = asyncio_loop_time(asyncio_get_running_loop());
    if (r >= 0)
        r = ask(farm.session, farm_port(&farm, 0));
    if (r >= 0)
        r = asyncio_sleep(0.39);
    if (r >= 0 && asyncio_loop_time(asyncio_get_running_loop()) - asked < 0.395)
        CHECK_IS((int)stats_of(farm.session).idle, 1);
    if (r >= 0)
        r = asyncio_sleep(0.02);
    for (int i = 0; i < 100 && r >= 0 && !world.is_sim; i++)
        r = stats_of(farm.session).idle ? asyncio_sleep(0.02) : 0;
    if (r >= 0)
        CHECK_IS((int)stats_of(farm.session).idle, 0);
    return farm_end(&farm, r);
}

/* --- time --- */

static int late(aiohttp_client_session *session, const char *url, double limit, const char *which)
{
    aiohttp_client_response *response;
    double began = asyncio_loop_time(asyncio_get_running_loop());
    int r = aiohttp_client_session_get(session, url, &response);
    double took = asyncio_loop_time(asyncio_get_running_loop()) - began;
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -ETIMEDOUT);
    CHECK(took >= limit && (took < limit + 0.11 || !world.is_sim));
    const asyncio_error *error = asyncio_last_error(r);
    if (!allocation_is_failing())
        CHECK(error && strstr(error->text, which));
    return 0;
}

static int answer_after(asyncio_stream *stream, void *data)
{
    struct raw *raw = data;
    int r = read_request(stream, raw->request, sizeof raw->request);
    double seconds = r > 0 && strstr(raw->request, "/late") ? 0.6 : 0.01;
    if (r > 0)
        r = asyncio_sleep(seconds);
    if (r >= 0)
        r = asyncio_stream_write(stream, raw->answer, strlen(raw->answer));
    return r == -ECANCELED ? r : 0;
}

static int total_time(void *data)
{
    struct raw raw = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
    aiohttp_limits limits = aiohttp_client_limits();
    aiohttp_client_session *session = NULL;
    (void)data;
    limits.total_time = 0.5;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(answer_after, "127.0.0.1", 0, &raw.server, .data = &raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .limits = &limits);
    if (r >= 0 && world.is_sim)
        r = ask(session, asyncio_server_port(raw.server));
    if (r >= 0)
        r = late(session, raw_url(&raw, "/late"), 0.5, "total");
    return raw_end(&raw, session_end(session, r));
}

/* Leads elsewhere, by an answer whose body drips for a minute; or not. */
static int drip(asyncio_stream *stream, void *data)
{
    static const char head[] =
        "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 120\r\n\r\n";
    struct raw *raw = data;
    int r = read_request(stream, raw->request, sizeof raw->request);
    raw->requests++;
    if (r > 0 && strstr(raw->request, "/there"))
        return asyncio_stream_write(stream, raw->answer, strlen(raw->answer));
    if (r > 0)
        r = asyncio_stream_write(stream, head, sizeof head - 1);
    for (int i = 0; i < 120 && r >= 0; i++)
        if ((r = asyncio_sleep(0.5)) >= 0)
            r = asyncio_stream_write(stream, "x", 1);
    return 0;
}

/* What nobody reads is read for so long, that the connection may be used again. */
static int lingering_time(void *data)
{
    struct raw raw = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
    aiohttp_limits limits = aiohttp_client_limits();
    aiohttp_client_session *session = NULL;
    (void)data;
    if (!world.is_sim)
        return 0;
    limits.lingering_time = 2;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(drip, "127.0.0.1", 0, &raw.server, .data = &raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .limits = &limits);
    double began = asyncio_loop_time(asyncio_get_running_loop());
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), NULL);
    double took = asyncio_loop_time(asyncio_get_running_loop()) - began;
    r = raw_end(&raw, session_end(session, r));
    if (r < 0)
        return r;
    CHECK_IS(raw.requests, 2);
    CHECK(took >= 2 && took < 2.11);
    return 0;
}

/* In the sim nobody answers at the addresses that are reserved for examples; in reality they are
 * not asked. */
static int connect_time(void *data)
{
    aiohttp_limits limits = aiohttp_client_limits();
    aiohttp_client_session *session = NULL;
    (void)data;
    if (!world.is_sim)
        return 0;
    limits.connect_time = 0.5;
    int r = aiohttp_client_session_new(&session, .limits = &limits);
    if (r >= 0)
        r = late(session, "http://192.0.2.1/", 0.5, "connect");
    return session_end(session, r);
}

/* An address that swallows everything has its time, then the next one its turn. */
static int two_addresses(const char *host, int port, int family, aiohttp_resolved *ret_addresses,
                         size_t capacity, void *data)
{
    int *count = data;
    (void)host, (void)port, (void)family, (void)capacity;
    ++*count;
    snprintf(ret_addresses[0].address, sizeof ret_addresses->address, "192.0.2.1");
    snprintf(ret_addresses[1].address, sizeof ret_addresses->address, "127.0.0.1");
    return 2;
}

static int by_name(aiohttp_client_session *session, const char *host, int port)
{
    aiohttp_client_response *response;
    aiohttp_url *url;
    char text[96];
    snprintf(text, sizeof text, "http://%s:%d/x", host, port);
    int r = aiohttp_url_new(text, &url);
    if (r < 0)
        return r;
    r = aiohttp_client_session_request_url(session, "GET", url, &response);
    aiohttp_url_unref(url); /* sessions keep a few texts of URLs, and none of these */
    if (r < 0)
        return r;
    r = aiohttp_client_response_status(response) == 200 ? 0 : -EPROTO;
    aiohttp_client_response_unref(response);
    return r;
}

static int address_time(void *data)
{
    static struct farm farm; /* too large for the stack of a task */
    aiohttp_connector *connector = NULL;
    int count = 0;
    aiohttp_resolver resolver = { .size = sizeof resolver, .resolve = two_addresses,
                                  .data = &count };
    (void)data;
    if (!world.is_sim) /* see connect_time */
        return 0;
    for (int i = 0; i < 2; i++) { /* one after the other; and the usual way, which is faster */
        double delay = i == 0 ? ASYNCIO_NONE : 0.25;
        int r = farm_start(&farm);
        if (r >= 0)
            r = aiohttp_tcp_connector_new(&connector, .resolver = &resolver,
                                          .happy_eyeballs_delay = delay, .address_timeout = 0.5,
                                          .force_close = 1);
        if (r >= 0)
            r = aiohttp_client_session_new(&farm.session, .connector = connector);
        aiohttp_connector_unref(connector);
        connector = NULL;
        double began = asyncio_loop_time(asyncio_get_running_loop());
        if (r >= 0)
            r = by_name(farm.session, "two.test", farm_port(&farm, 0));
        double took = asyncio_loop_time(asyncio_get_running_loop()) - began;
        if (r >= 0)
            CHECK(i == 0 ? took >= 0.5 && took < 0.6 : took >= 0.25 && took < 0.35);
        if ((r = farm_end(&farm, r)) < 0)
            return r;
    }
    return 0;
}

/* Nothing that a resolver has said is kept: it is asked for each connection. What the loop keeps of
 * its own answers has limits, too: net/names_test.c. */
static int CVE_2026_34513(void *data)
{
    static struct farm farm;
    aiohttp_connector *connector = NULL;
    int count = 0;
    aiohttp_resolver resolver = { .size = sizeof resolver, .resolve = two_addresses,
                                  .data = &count };
    (void)data;
    if (!world.is_sim)
        return 0;
    int r = farm_start(&farm);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .resolver = &resolver, .force_close = 1,
                                      .happy_eyeballs_delay = 0.01);
    if (r >= 0)
        r = aiohttp_client_session_new(&farm.session, .connector = connector);
    aiohttp_connector_unref(connector);
    uint64_t before = 0;
    for (int i = 0; i < 40 && r >= 0; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%d.test", i);
        r = by_name(farm.session, name, farm_port(&farm, 0));
        if (i == 19)
            before = asyncio__alloc_live();
    }
    if (r >= 0) {
        CHECK_IS(count, 40);
        CHECK((int64_t)(asyncio__alloc_live() - before) < 20);
    }
    return farm_end(&farm, r);
}

static int redirects(void *data)
{
    static struct farm farm; /* too large for the stack of a task */
    aiohttp_limits limits = aiohttp_client_limits();
    aiohttp_client_response *response;
    (void)data;
    limits.redirects = 2;
    int r = farm_start(&farm);
    if (r >= 0)
        r = aiohttp_client_session_new(&farm.session, .limits = &limits);
    for (int i = 0; i < 2 && r >= 0; i++) {
        const char *path = i == 0 ? "/302/-/x" : "/302/-/302/-/x";
        r = aiohttp_client_session_get(farm.session, farm_url(&farm, 0, "", path), &response);
        if (r >= 0)
            r = farm_done(&farm, r, &response);
    }
    if (r >= 0) {
        r = aiohttp_client_session_get(farm.session,
                                       farm_url(&farm, 0, "", "/302/-/302/-/302/-/x"), &response);
        if (r != -ENOMEM)
            CHECK_IS(r, -AIOHTTP_TOO_MANY_REDIRECTS);
        r = r == -ENOMEM ? r : 0;
    }
    return farm_end(&farm, r);
}

#define CASE(name)                                                                                 \
    static void name##_test(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(pool)
CASE(pool_per_host)
CASE(pool_idle_time)
CASE(total_time)
CASE(lingering_time)
CASE(connect_time)
CASE(redirects)
CASE(address_time)
CASE(CVE_2026_34513)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_test),           cmocka_unit_test(pool_per_host_test),
        cmocka_unit_test(pool_idle_time_test), cmocka_unit_test(total_time_test),
        cmocka_unit_test(connect_time_test),   cmocka_unit_test(redirects_test),
        cmocka_unit_test(address_time_test),   cmocka_unit_test(CVE_2026_34513_test),
        cmocka_unit_test(lingering_time_test),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
