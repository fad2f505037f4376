/* SPDX-License-Identifier: MIT */
/* The connector: limits in all and for a host, who is served first, what is kept and for how long;
 * proxies on the way. */
#include "net/tls_test.h"

#include "client/client_test.h"

#include <aiohttp/connector.h>
#include <asyncio/lock.h>

/* Answers when it is told to. */
struct gate {
    asyncio_server *server;
    asyncio_semaphore open;
    int now, most, connections, requests;
    char order[64]; /* the last letter of each path, as they came */
};

static int serve_gate(asyncio_stream *stream, void *data)
{
    struct gate *gate = data;
    char text[2048];
    int r;
    gate->connections++;
    if (++gate->now > gate->most)
        gate->most = gate->now;
    while ((r = read_request(stream, text, sizeof text)) > 0) {
        gate->order[gate->requests++ % 63] = text[5];
        r = asyncio_semaphore_acquire(&gate->open);
        if (r >= 0)
            r = asyncio_stream_write(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 39);
        if (r < 0)
            break;
    }
    gate->now--;
    return r == -ECANCELED ? r : 0;
}

static int gate_start(struct gate *gate, int open)
{
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    asyncio_semaphore_init(&gate->open, open);
    return asyncio_start_server(serve_gate, "127.0.0.1", 0, &gate->server, .data = gate);
}

static int gate_end(struct gate *gate, int r)
{
    struct raw raw = { .server = gate->server };
    for (int i = 0; i < 20; i++)
        asyncio_semaphore_release(&gate->open);
    r = raw_end(&raw, r);
    asyncio_semaphore_fini(&gate->open);
    return r;
}

static int ask(aiohttp_client_session *session, int port, const char *host, int letter)
{
    aiohttp_client_response *response;
    const char *text;
    char url[64];
    snprintf(url, sizeof url, "http://%s:%d/%c", host, port, letter);
    int r = aiohttp_client_session_get(session, url, &response);
    if (r < 0)
        return r;
    r = aiohttp_client_response_text(response, &text);
    aiohttp_client_response_unref(response);
    return r;
}

enum { ASKERS = 8 };

/* Eight requests over two connections: the first one first; one in the middle is cancelled. */
static int fair(void *data)
{
    struct gate gate = { .now = 0 };
    aiohttp_client_session *session = NULL;
    aiohttp_connector *connector = NULL;
    asyncio_task *tasks[ASKERS] = { NULL };
    (void)data;
    int r = gate_start(&gate, 0);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .limit = 100, .limit_per_host = 2);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .connector = connector);
    for (int i = 0; i < ASKERS && r >= 0; i++)
        r = asyncio_create_task(asyncio_coro(ask, session, asyncio_server_port(gate.server),
                                             "127.0.0.1", 'a' + i), &tasks[i]);
    if (r >= 0)
        r = settle();
    if (r >= 0 && !world.is_seeded && !world.is_chopped) {
        aiohttp_connector_stats stats;
        aiohttp_connector_get_stats(connector, &stats);
        CHECK_IS((int)stats.in_use, 2);
        CHECK_IS((int)stats.waiting, ASKERS - 2);
    }
    if (r >= 0)
        asyncio_task_cancel(tasks[4]);
    for (int i = 0; i < ASKERS; i++)
        asyncio_semaphore_release(&gate.open);
    for (int i = 0; i < ASKERS; i++)
        if (tasks[i]) {
            int awaited = join(tasks[i]);
            if (i == 4 && awaited == -ECANCELED)
                awaited = 0;
            r = r < 0 ? r : awaited;
        }
    aiohttp_connector_stats stats = { .idle = 0 };
    if (connector)
        aiohttp_connector_get_stats(connector, &stats);
    aiohttp_connector_unref(connector);
    r = gate_end(&gate, session_end(session, r));
    if (r < 0)
        return r;
    CHECK(gate.most <= 2);
    CHECK_IS((int)stats.idle, 2);
    CHECK_IS((int)stats.waiting, 0);
    /* On a real clock two who are sent at once, on two connections, may come in any order. */
    if (world.is_sim && !world.is_seeded && !world.is_chopped)
        CHECK_TEXT(gate.order, "abcdfgh");
    return 0;
}

/* At the limit an idle connection to elsewhere makes room; what is idle too long goes. */
static int room(void *data)
{
    struct gate gates[2] = { { .now = 0 }, { .now = 0 } };
    aiohttp_client_session *session = NULL;
    aiohttp_connector *connector = NULL;
    aiohttp_connector_stats stats = { .idle = 0 };
    (void)data;
    int r = gate_start(&gates[0], 100);
    if (r >= 0)
        r = gate_start(&gates[1], 100);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .limit = 1, .keepalive_timeout = 0.5);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .connector = connector);
    for (int i = 0; i < 6 && r >= 0; i++)
        r = ask(session, asyncio_server_port(gates[i / 2 % 2].server), "127.0.0.1", 'a');
    if (r >= 0) {
        aiohttp_connector_get_stats(connector, &stats);
        CHECK_IS((int)stats.created, 3);
        CHECK_IS((int)stats.reused, 3);
        CHECK_IS((int)stats.idle, 1);
        r = asyncio_sleep(0.7);
        aiohttp_connector_get_stats(connector, &stats);
        CHECK_IS((int)stats.idle, 0);
        CHECK_IS((int)stats.in_use, 0);
    }
    aiohttp_connector_unref(connector);
    r = session_end(session, r);
    if (gates[0].server)
        r = gate_end(&gates[0], r);
    if (gates[1].server)
        r = gate_end(&gates[1], r);
    return r;
}

/* --- resolvers --- */

static int resolve(const char *host, int port, int family, aiohttp_resolved *ret_addresses,
                   size_t capacity, void *data)
{
    int *count = data;
    (void)port, (void)family;
    ++*count;
    if (strcmp(host, "known.test") != 0 && strcmp(host, "node1") != 0)
        return -ASYNCIO_RESOLVE;
    /* The first one refuses: the next is tried. */
    snprintf(ret_addresses[0].address, sizeof ret_addresses->address, "127.0.0.2");
    if (capacity > 1)
        snprintf(ret_addresses[1].address, sizeof ret_addresses->address, "127.0.0.1");
    return capacity > 1 ? 2 : 1;
}

static void closed(void *data)
{
    int *count = data;
    *count += 100;
}

static int names(void *data)
{
    struct gate gate = { .now = 0 };
    aiohttp_client_session *session = NULL;
    aiohttp_connector *connector = NULL;
    int count = 0;
    aiohttp_resolver resolver = { .size = sizeof resolver,
                                  .resolve = resolve,
                                  .close = closed,
                                  .data = &count };
    (void)data;
    int r = gate_start(&gate, 100);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .resolver = &resolver);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .connector = connector);
    aiohttp_connector_unref(connector);
    if (r >= 0)
        r = ask(session, asyncio_server_port(gate.server), "known.test", 'a');
    if (r >= 0)
        r = ask(session, asyncio_server_port(gate.server), "127.0.0.1", 'a');
    if (r >= 0) /* a name all the same */
        r = ask(session, asyncio_server_port(gate.server), "node1", 'a');
    if (r >= 0) {
        CHECK_IS(count, 2);
        r = ask(session, 80, "unknown.test", 'a');
        if (r != -ENOMEM)
            CHECK_IS(r, -ASYNCIO_RESOLVE);
        r = r == -ENOMEM ? r : 0;
    }
    r = gate_end(&gate, session_end(session, r));
    CHECK(r < 0 || count == 103);
    return r;
}

/* --- proxies --- */

struct proxy {
    asyncio_server *server;
    char first[2048];  /* what was asked for, the last time */
    int count;
};

static int copy_all(asyncio_stream *from, asyncio_stream *to)
{
    char text[4096];
    int n;
    while ((n = asyncio_stream_read(from, text, sizeof text)) > 0)
        if ((n = asyncio_stream_write(to, text, (size_t)n)) < 0)
            break;
    asyncio_stream_close(to);
    return 0;
}

static int tunnel(asyncio_stream *stream, int port)
{
    asyncio_stream *target;
    asyncio_task *task;
    int r = asyncio_open_connection("127.0.0.1", port, &target);
    if (r < 0)
        return 0;
    r = asyncio_stream_write(stream, "HTTP/1.1 200 Go\r\n\r\n", 19);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(copy_all, target, stream), &task);
    if (r >= 0) {
        r = copy_all(stream, target);
        int awaited = asyncio_await(task);
        asyncio_task_unref(task);
        r = r < 0 ? r : awaited;
    }
    asyncio_stream_unref(target);
    return r == -ECANCELED ? r : 0;
}

static int serve_proxy(asyncio_stream *stream, void *data)
{
    struct proxy *proxy = data;
    int port, r;
    while ((r = read_request(stream, proxy->first, sizeof proxy->first)) > 0) {
        proxy->count++;
        if (sscanf(proxy->first, "CONNECT 127.0.0.1:%d HTTP/1.1", &port) == 1)
            return tunnel(stream, port);
        const char *answer = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nproxied";
        if (strncmp(proxy->first, "CONNECT", 7) == 0)
            answer = "HTTP/1.1 403 Never\r\nContent-Length: 0\r\n\r\n";
        if ((r = asyncio_stream_write(stream, answer, strlen(answer))) < 0)
            break;
    }
    return 0;
}

static int hello(aiohttp_web_request *request, void *data)
{
    const char *authorization = aiohttp_web_request_header(request, "Proxy-Authorization");
    (void)data;
    return aiohttp_web_respondf(request, "direct %s", authorization ? authorization : "-");
}

static int proxied_on(struct proxy *proxy, aiohttp_client_session *session, int port)
{
    aiohttp_client_response *response;
    char through[64], url[64];
    snprintf(through, sizeof through, "http://u:p@127.0.0.1:%d",
             asyncio_server_port(proxy->server));
    int r = text_is(aiohttp_client_session_get(session, "http://example.test/a?b", &response,
                                               .proxy = through),
                    &response, "proxied");
    if (r < 0)
        return r;
    CHECK_BEGINS(proxy->first, "GET http://example.test/a?b HTTP/1.1\r\nHost: example.test\r\n");
    CHECK_HAS(proxy->first, "\r\nProxy-Authorization: Basic dTpw\r\n");
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", port);
    for (int i = 0; i < 2 && r >= 0; i++)
        r = text_is(aiohttp_client_session_get(session, url, &response, .proxy = through),
                    &response, "direct -");
    if (r < 0)
        return r;
    CHECK_HAS(proxy->first, "CONNECT 127.0.0.1:");
    CHECK_HAS(proxy->first, "\r\nProxy-Authorization: Basic dTpw\r\n");
    CHECK_IS(proxy->count, 2);
    r = text_is(aiohttp_client_session_get(session, url, &response, .proxy = ""), &response,
                "direct -");
    if (r < 0)
        return r;
    r = aiohttp_client_session_get(session, "https://refused.test/", &response, .proxy = through);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -AIOHTTP_PROXY);
    const asyncio_error *error = record_of(r);
    if (error)
        CHECK_HAS(error->text, "403");
    return 0;
}

static int proxied(void *data)
{
    struct proxy proxy = { .count = 0 };
    struct live live;
    aiohttp_client_session *session = NULL;
    aiohttp_web_site *site = NULL;
    asyncio_ssl_context *server = NULL, *client = NULL;
    (void)data;
    int r = live_start(&live, hello);
    if (r >= 0)
        r = server_context(certificates()->server, &server);
    if (r >= 0)
        r = client_context(&client);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(live.runner, "127.0.0.1", 0, &site, .ssl_context = server);
    if (r >= 0)
        r = aiohttp_web_site_start(site);
    if (r >= 0)
        r = asyncio_start_server(serve_proxy, "127.0.0.1", 0, &proxy.server, .data = &proxy);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .ssl = client);
    if (r >= 0)
        r = proxied_on(&proxy, session, aiohttp_web_site_port(site));
    r = session_end(session, r);
    r = live_end(&live, r);
    struct raw raw = { .server = proxy.server };
    r = raw_end(&raw, r);
    aiohttp_web_site_unref(site);
    asyncio_ssl_context_unref(server);
    asyncio_ssl_context_unref(client);
    return r;
}

/* limit_per_host counts what can take each other's place: another way to a host is another one. */
static int routes_on(struct raw *raw, aiohttp_client_session *session)
{
    aiohttp_client_response *responses[2] = { NULL, NULL }, *third;
    aiohttp_client_timeout timeout = aiohttp_client_timeout_default();
    char proxy[64];
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", asyncio_server_port(raw->server));
    timeout.pool = 0.02;
    int r = aiohttp_client_session_get(session, raw_url(raw, "/"), &responses[0]);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(raw, "/"), &responses[1], .proxy = proxy,
                                       .timeout = &timeout);
    if (r >= 0) {
        r = aiohttp_client_session_get(session, raw_url(raw, "/"), &third, .timeout = &timeout);
        r = r == -ETIMEDOUT ? 0 : r < 0 ? r : -EPROTO;
    }
    for (int i = 0; i < 2; i++)
        if (responses[i]) {
            aiohttp_client_response_close(responses[i]);
            aiohttp_client_response_unref(responses[i]);
        }
    return r;
}

static int routes(void *data)
{
    struct raw raw = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", .keeps = true };
    aiohttp_client_session *session = NULL;
    aiohttp_connector *connector = NULL;
    (void)data;
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .limit_per_host = 1);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .connector = connector);
    aiohttp_connector_unref(connector);
    if (r >= 0)
        r = routes_on(&raw, session);
    return raw_end(&raw, session_end(session, r));
}

#define CASE(name)                                                                                 \
    static void name##_test(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(fair)
CASE(room)
CASE(names)
CASE(proxied)
CASE(routes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fair_test),
        cmocka_unit_test(room_test),
        cmocka_unit_test(names_test),
        cmocka_unit_test(proxied_test),
        cmocka_unit_test(routes_test),
    };
    signal(SIGPIPE, SIG_DFL);
    certificates();
    warm_up();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
