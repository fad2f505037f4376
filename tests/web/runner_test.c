/* SPDX-License-Identifier: MIT */
/* Runners and sites as objects: several sites of one runner, their names and ports, stopping one,
 * draining all; what a server counts and calls itself; each reference. */
#include "web/web_test.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

static int hello(aiohttp_web_request *request)
{
    const char *remote = aiohttp_web_request_remote(request);
    return remote ? aiohttp_web_respondf(request, "hello %s", remote) : -ENOMEM;
}

static int slow(aiohttp_web_request *request)
{
    int r = asyncio_sleep(0.3);
    return r < 0 ? r : aiohttp_web_respond(request, "slow");
}

static int begin(aiohttp_web_runner **ret_runner, const char *server_header)
{
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_server_options server = AIOHTTP_WEB_SERVER(.server_header = server_header);
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    (void)aiohttp_web_application_add_get(app, "/", hello);
    (void)aiohttp_web_application_add_get(app, "/slow", slow);
    int r = aiohttp_web_app_runner_new(app, ret_runner, .server = &server,
                                       .shutdown_timeout = 5.0);
    aiohttp_web_application_unref(app);
    if (r < 0)
        return r;
    CHECK(!aiohttp_web_runner_server(*ret_runner)); /* not before it is set up */
    r = aiohttp_web_runner_setup(*ret_runner);
    if (r >= 0)
        CHECK(aiohttp_web_runner_server(*ret_runner));
    return r;
}

static int end(aiohttp_web_runner *runner, int result)
{
    int r = runner ? aiohttp_web_runner_cleanup(runner) : 0;
    aiohttp_web_runner_unref(runner);
    int slept = asyncio_sleep(0);
    return result < 0 ? result : r < 0 ? r : slept;
}

/* One question by a stream that was opened. */
static int ask(asyncio_stream *stream, const char *path, char *answer, size_t room)
{
    char request[128];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
             path);
    int r = asyncio_stream_write(stream, request, strlen(request));
    if (r >= 0)
        r = read_all(stream, answer, room - 1);
    if (r >= 0)
        answer[r] = '\0';
    return r;
}

static int ask_port(int port, char *answer, size_t room)
{
    asyncio_stream *stream;
    int r = asyncio_open_connection("127.0.0.1", port, &stream);
    if (r < 0)
        return r;
    r = ask(stream, "/", answer, room);
    asyncio_stream_unref(stream);
    return r;
}

/* ---- several sites ---- */

static int stops_one(aiohttp_web_runner *runner, aiohttp_web_site *first, aiohttp_web_site *second)
{
    char answer[1024], name[64];
    aiohttp_web_site *sites[3] = { NULL };
    asyncio_stream *stream = NULL;
    int port = aiohttp_web_site_port(first);
    CHECK(aiohttp_web_runner_sites(runner, sites, 1) == 2);
    CHECK(sites[0] == first && !sites[1]);
    CHECK(aiohttp_web_runner_sites(runner, sites, 3) == 2);
    CHECK(sites[1] == second);
    CHECK_IS(aiohttp_web_site_start(first), -ASYNCIO_INVALID_STATE);
    snprintf(name, sizeof name, "http://127.0.0.1:%d", port);
    CHECK_TEXT(aiohttp_web_site_name(first), name);
    CHECK(port > 0 && aiohttp_web_site_port(second) != port);
    int r = asyncio_open_connection("127.0.0.1", port, &stream);
    if (r >= 0)
        r = asyncio_sleep(world.is_sim ? 5 : 0.05); /* it has been accepted */
    if (r < 0)
        return r;
    aiohttp_web_site_stop(first);
    aiohttp_web_site_stop(first);
    CHECK_IS(aiohttp_web_site_port(first), -ASYNCIO_INVALID_STATE);
    CHECK(aiohttp_web_runner_sites(runner, sites, 3) == 1);
    CHECK_IS(aiohttp_web_site_start(first), -ASYNCIO_INVALID_STATE);
    r = ask(stream, "/", answer, sizeof answer); /* its connections live on */
    asyncio_stream_unref(stream);
    if (r < 0)
        return r;
    CHECK_TEXT(body_of(answer), "hello 127.0.0.1");
    r = ask_port(port, answer, sizeof answer);
    CHECK(r < 0);
    return ask_port(aiohttp_web_site_port(second), answer, sizeof answer);
}

static int sites(void *data)
{
    aiohttp_web_runner *runner = NULL;
    aiohttp_web_site *first = NULL, *second = NULL, *early = NULL;
    aiohttp_web_runner *bare = NULL;
    (void)data;
    int r = begin(&runner, NULL);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(runner, "127.0.0.1", 0, &first);
    if (r >= 0) {
        CHECK_TEXT(aiohttp_web_site_name(first), "");
        CHECK_IS(aiohttp_web_site_port(first), -ASYNCIO_INVALID_STATE);
        r = aiohttp_web_site_start(first);
    }
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(runner, "127.0.0.1", 0, &second);
    if (r >= 0)
        r = aiohttp_web_site_start(second);
    if (r >= 0)
        r = stops_one(runner, first, second);
    if (r >= 0)
        r = aiohttp_web_app_runner_new(NULL, &bare);
    if (r >= 0)
        CHECK_IS(aiohttp_web_tcp_site_new(bare, NULL, 0, &early), -ASYNCIO_INVALID_STATE);
    aiohttp_web_runner_unref(bare);
    aiohttp_web_site_unref(aiohttp_web_site_ref(first));
    aiohttp_web_site_unref(first);
    aiohttp_web_site_unref(second);
    return end(runner, r);
}

/* Several hosts, by one site; a path; a socket that somebody else has bound. */
static int places(void *data)
{
    static const char *const hosts[] = { "127.0.0.1", "127.0.0.2", NULL };
    char answer[1024];
    const char *path = abstract("runner");
    aiohttp_web_runner *runner = NULL;
    aiohttp_web_site *tcp = NULL, *local = NULL, *given = NULL;
    asyncio_stream *stream = NULL;
    (void)data;
    if (world.is_sim)
        return 0; /* it has no other addresses, and no sockets of others */
    int r = begin(&runner, NULL), bound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (r >= 0 && bind(bound, (struct sockaddr *)&address, sizeof address) < 0)
        r = -errno;
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(runner, NULL, 0, &tcp, .hosts = hosts);
    if (r >= 0)
        r = aiohttp_web_site_start(tcp);
    if (r >= 0)
        r = aiohttp_web_unix_site_new(runner, path, &local);
    if (r >= 0)
        r = aiohttp_web_site_start(local);
    if (r >= 0)
        r = aiohttp_web_sock_site_new(runner, bound, &given);
    if (r >= 0)
        r = aiohttp_web_site_start(given);
    if (r >= 0) {
        CHECK_IS(aiohttp_web_site_port(local), -EAFNOSUPPORT);
        r = ask_port(aiohttp_web_site_port(given), answer, sizeof answer);
    }
    if (r >= 0) {
        CHECK_TEXT(body_of(answer), "hello 127.0.0.1");
        CHECK_BEGINS(aiohttp_web_site_name(local), "http://unix:");
        r = asyncio_open_unix_connection(path, &stream);
    }
    if (r >= 0)
        r = ask(stream, "/", answer, sizeof answer);
    asyncio_stream_unref(stream);
    stream = NULL;
    if (r >= 0) {
        CHECK_TEXT(body_of(answer), "hello ");
        r = asyncio_open_connection("127.0.0.2", aiohttp_web_site_port(tcp), &stream);
    }
    if (r >= 0)
        r = ask(stream, "/", answer, sizeof answer);
    asyncio_stream_unref(stream);
    if (r >= 0)
        CHECK_BEGINS(answer, "HTTP/1.1 200 ");
    aiohttp_web_site_unref(tcp);
    aiohttp_web_site_unref(local);
    aiohttp_web_site_unref(given);
    return end(runner, r);
}

/* ---- draining ---- */

/* A request under way is answered, and its connection's last; idle ones stay for one more. */
static int drained(asyncio_stream *idle, asyncio_stream *busy, aiohttp_web_runner *runner)
{
    char answer[1024];
    aiohttp_web_server_stats stats = { .size = sizeof stats };
    const char *request = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    int r = asyncio_stream_write(busy, request, strlen(request));
    if (r >= 0)
        r = asyncio_sleep(0.1);
    if (r < 0)
        return r;
    aiohttp_web_server_get_stats(aiohttp_web_runner_server(runner), &stats);
    CHECK(stats.connections == 2 && stats.requests_count == 1);
    CHECK(stats.active == 1);
    aiohttp_web_runner_drain(runner);
    r = read_all(busy, answer, sizeof answer - 1);
    if (r < 0)
        return r;
    answer[r] = '\0';
    CHECK_HAS(answer, "\r\nConnection: close\r\n");
    CHECK_TEXT(body_of(answer), "slow");
    request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    r = asyncio_stream_write(idle, request, strlen(request));
    if (r >= 0)
        r = read_all(idle, answer, sizeof answer - 1);
    if (r < 0)
        return r;
    answer[r] = '\0';
    CHECK_HAS(answer, "\r\nConnection: close\r\n");
    CHECK_TEXT(body_of(answer), "hello 127.0.0.1");
    return 0;
}

static int drain(void *data)
{
    aiohttp_web_runner *runner = NULL;
    aiohttp_web_site *site = NULL;
    asyncio_stream *idle = NULL, *busy = NULL;
    (void)data;
    if (world.is_chopped || world.is_seeded)
        return 0; /* a byte at a time it takes longer than the handler */
    int r = begin(&runner, NULL);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(runner, "127.0.0.1", 0, &site);
    if (r >= 0)
        r = aiohttp_web_site_start(site);
    if (r >= 0)
        r = asyncio_open_connection("127.0.0.1", aiohttp_web_site_port(site), &idle);
    if (r >= 0)
        r = asyncio_open_connection("127.0.0.1", aiohttp_web_site_port(site), &busy);
    if (r >= 0)
        r = drained(idle, busy, runner);
    asyncio_stream_unref(idle);
    asyncio_stream_unref(busy);
    aiohttp_web_site_unref(site);
    return end(runner, r);
}

/* ---- a server ---- */

static int called(const char *server_header, const char *wanted)
{
    char answer[1024];
    aiohttp_web_runner *runner = NULL;
    aiohttp_web_site *site = NULL;
    int r = begin(&runner, server_header);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(runner, "127.0.0.1", 0, &site);
    if (r >= 0)
        r = aiohttp_web_site_start(site);
    if (r >= 0)
        r = ask_port(aiohttp_web_site_port(site), answer, sizeof answer);
    aiohttp_web_site_unref(site);
    aiohttp_web_runner_unref(aiohttp_web_runner_ref(runner));
    if ((r = end(runner, r)) < 0)
        return r;
    if (wanted)
        CHECK_HAS(answer, wanted);
    else
        CHECK(!strstr(answer, "\r\nServer:"));
    return 0;
}

static int headers(void *data)
{
    (void)data;
    int r = called(NULL, "\r\nServer: aiohttp/");
    if (r >= 0)
        r = called("mine/1", "\r\nServer: mine/1\r\n");
    return r < 0 ? r : called("", NULL);
}

/* It outlives its runner for who has a reference; and ends by a time of the loop's clock. */
static int references(void *data)
{
    aiohttp_web_runner *runner = NULL;
    (void)data;
    int r = begin(&runner, NULL);
    aiohttp_web_server *server =
        aiohttp_web_server_ref(r < 0 ? NULL : aiohttp_web_runner_server(runner));
    if (r >= 0)
        r = aiohttp_web_server_shutdown_at(server,
                                           asyncio_loop_time(asyncio_get_running_loop()) + 1);
    r = end(runner, r);
    if (r >= 0) {
        aiohttp_web_server_stats stats = { .size = sizeof stats, .connections = 9 };
        aiohttp_web_server_get_stats(server, &stats);
        CHECK(stats.connections == 0);
    }
    aiohttp_web_server_unref(server);
    return r;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(sites)
CASE(places)
CASE(drain)
CASE(headers)
CASE(references)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sites),   cmocka_unit_test(test_places),
        cmocka_unit_test(test_drain),   cmocka_unit_test(test_headers),
        cmocka_unit_test(test_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
