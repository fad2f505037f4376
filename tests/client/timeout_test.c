/* SPDX-License-Identifier: MIT */
/* Time limits: each phase has its own, and its error says which; cancelled requests lose
 * nothing. */
#include "client/client_test.h"

#include "support/sweep.h"

struct slow {
    asyncio_server *server;
    const char *first;  /* said at once; NULL: nothing */
    bool is_deaf;       /* reads nothing */
};

static int serve_slowly(asyncio_stream *stream, void *data)
{
    struct slow *slow = data;
    char text[4096];
    int r = slow->is_deaf ? 0 : read_request(stream, text, sizeof text);
    if (r >= 0 && slow->first)
        r = asyncio_stream_write(stream, slow->first, strlen(slow->first));
    if (r >= 0)
        r = asyncio_sleep(30.0);
    return r == -ECANCELED ? r : 0;
}

static int resolve_slowly(const char *host, int port, int family, aiohttp_resolved *ret_addresses,
                          size_t capacity, void *data)
{
    (void)host, (void)port, (void)family, (void)capacity, (void)data;
    int r = asyncio_sleep(30.0);
    snprintf(ret_addresses->address, sizeof ret_addresses->address, "127.0.0.1");
    return r < 0 ? r : 1;
}

struct late {
    const char *name, *first, *scheme;
    size_t field; /* of aiohttp_client_timeout */
    aiohttp_client_phase phase;
    bool is_deaf, uploads, resolves, reads, is_pool;
};

#define LIMIT(name) offsetof(aiohttp_client_timeout, name)

static const struct late cases[] = {
    { "head", NULL, "http", LIMIT(head), AIOHTTP_PHASE_HEAD, false, false, false, false, false },
    { "within the head", "HTTP/1.1 200 O", "http", LIMIT(head), AIOHTTP_PHASE_HEAD, false, false,
      false, false, false },
    { "total", NULL, "http", LIMIT(total), AIOHTTP_PHASE_HEAD, false, false, false, false, false },
    { "read", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "http", LIMIT(read),
      AIOHTTP_PHASE_READ, false, false, false, true, false },
    { "total of the body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "http", LIMIT(total),
      AIOHTTP_PHASE_READ, false, false, false, true, false },
    { "write", NULL, "http", LIMIT(write), AIOHTTP_PHASE_WRITE, true, true, false, false, false },
    { "tls", NULL, "https", LIMIT(tls), AIOHTTP_PHASE_TLS, true, false, false, false, false },
    { "dns", NULL, "http", LIMIT(dns), AIOHTTP_PHASE_DNS, false, false, true, false, false },
    { "pool", NULL, "http", LIMIT(pool), AIOHTTP_PHASE_POOL, false, false, false, false, true },
};

static int flood(aiohttp_payload_writer *writer, void *data)
{
    static char much[65536];
    int r = 0;
    (void)data;
    while (r >= 0)
        r = aiohttp_payload_writer_write(writer, much, sizeof much);
    return r;
}

static int ask_late(const struct late *late, aiohttp_client_session *session, const char *url)
{
    aiohttp_client_response *response, *first = NULL;
    aiohttp_client_phase phase = AIOHTTP_PHASE_NONE;
    aiohttp_client_timeout timeout = aiohttp_client_timeout_default();
    const char *body;
    int r = 0;
    if (late->is_pool) {
        r = aiohttp_client_session_get(session, url, &first, .timeout = &timeout);
        if (r < 0)
            return r;
    }
    *(double *)(void *)((char *)&timeout + late->field) = 0.2;
    double began = asyncio_loop_time(asyncio_get_running_loop());
    r = aiohttp_client_session_request(session, late->uploads ? "POST" : "GET", url, &response,
                                       .timeout = &timeout, .ret_phase = &phase,
                                       .generator = late->uploads ? flood : NULL);
    if (r >= 0) {
        r = late->reads ? aiohttp_client_response_read(response, &body, NULL) : -EPROTO;
        phase = AIOHTTP_PHASE_READ;
        aiohttp_client_response_unref(response);
    }
    double took = asyncio_loop_time(asyncio_get_running_loop()) - began;
    if (first) {
        aiohttp_client_response_close(first);
        aiohttp_client_response_unref(first);
    }
    if (r == -ENOMEM)
        return r;
    const asyncio_error *error = asyncio_last_error(r);
    if (r != -ETIMEDOUT || phase != late->phase || took < 0.19)
        print_error("%s after %f in phase %s: ", late->name, took,
                    aiohttp_client_phase_name(phase));
    CHECK_IS(r, -ETIMEDOUT);
    CHECK_IS((int)phase, (int)late->phase);
    CHECK(took > 0.19);
    CHECK(took < 0.6 || !world.is_sim);
    if (!allocation_is_failing()) {
        CHECK(error);
        CHECK_HAS(error->text, late->field == LIMIT(total)
                                   ? "total"
                                   : aiohttp_client_phase_name(late->phase));
    }
    return 0;
}

static int one(const struct late *late)
{
    struct slow slow = { .first = late->is_pool ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
                                                : late->first,
                         .is_deaf = late->is_deaf };
    aiohttp_client_session *session = NULL;
    aiohttp_connector *connector = NULL;
    aiohttp_resolver resolver = { .size = sizeof resolver, .resolve = resolve_slowly };
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(serve_slowly, "127.0.0.1", 0, &slow.server, .data = &slow);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .limit = 1,
                                      .resolver = late->resolves ? &resolver : NULL);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .connector = connector);
    aiohttp_connector_unref(connector);
    if (r >= 0) {
        char url[64];
        snprintf(url, sizeof url, "%s://%s:%d/", late->scheme,
                 late->resolves ? "name.test" : "127.0.0.1", asyncio_server_port(slow.server));
        r = ask_late(late, session, url);
    }
    aiohttp_connector_stats stats = { .in_use = 0 };
    if (session)
        aiohttp_connector_get_stats(aiohttp_client_session_connector(session), &stats);
    r = session_end(session, r);
    if (slow.server) {
        asyncio_server_close(slow.server);
        asyncio_server_abort_clients(slow.server);
        asyncio_server_unref(slow.server);
        int slept = asyncio_sleep(0.01);
        r = r < 0 ? r : slept;
    }
    CHECK_IS((int)(stats.in_use + stats.idle + stats.waiting), 0);
    return r;
}

static int phases(void *data)
{
    (void)data;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int r = one(&cases[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

static void every_phase_has_its_limit(void **state)
{
    (void)state;
    run_everywhere(phases);
}

/* --- cancelled at every await --- */

static int tell(aiohttp_web_request *request, void *data)
{
    const char *body;
    size_t size;
    (void)data;
    int r = aiohttp_web_request_read(request, &body, &size);
    return r < 0 ? r : aiohttp_web_respondf(request, "%zu", size);
}

static int work(aiohttp_client_session *session, const char *url, const char *expected)
{
    static const char large[30000] = "a";
    aiohttp_client_response *response;
    const char *text;
    int r = *expected == '0'
                ? aiohttp_client_session_get(session, url, &response)
                : aiohttp_client_session_post(session, url, &response, .body = large,
                                              .body_size = sizeof large);
    if (r < 0)
        return r;
    r = aiohttp_client_response_text(response, &text);
    if (r >= 0)
        r = strcmp(text, expected) == 0 ? 0 : -EPROTO;
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    return r;
}

/* Two tasks share one connection. */
static int two_tasks(void)
{
    struct both both = { .session = NULL };
    aiohttp_connector *connector = NULL;
    asyncio_task *other = NULL;
    char url[64];
    int r = live_start(&both.live, tell);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .limit = 1);
    if (r >= 0)
        r = aiohttp_client_session_new(&both.session, .connector = connector);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", both.live.port);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(work, both.session, url, "0"), &other);
    if (r >= 0)
        r = work(both.session, url, "30000");
    if (other) {
        if (r < 0)
            asyncio_task_cancel(other);
        int awaited = asyncio_await(other);
        r = r < 0 ? r : awaited;
        while (!asyncio_task_done(other))
            if (asyncio_sleep(0) < 0)
                continue;
        asyncio_task_unref(other);
    }
    if (connector) {
        aiohttp_connector_stats stats;
        aiohttp_connector_get_stats(connector, &stats);
        if (stats.in_use || stats.waiting || stats.idle > 1)
            r = -EPROTO;
    }
    aiohttp_connector_unref(connector);
    return both_end(&both, r);
}

static void cancelled_anywhere(void **state)
{
    (void)state;
    sweep_cancellations("two requests over one connection", two_tasks);
}

static void suspended_anywhere(void **state)
{
    (void)state;
    sweep_suspensions("two requests over one connection", two_tasks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_phase_has_its_limit),
        cmocka_unit_test(cancelled_anywhere),
        cmocka_unit_test(suspended_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
