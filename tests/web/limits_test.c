/* SPDX-License-Identifier: MIT */
/* Limits that applications' answers and sites have: ranges of a request at one below, at, and one
 * above it; the backlog of a listening socket, as the system tells it. */
#include "web/web_test.h"

#include "../aiohttp/web/runner.h"

#include <aiohttp/limits.h>
#include <aiohttp/web_file.h>
#include <asyncio/server.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static char path[] = "/tmp/aiohttp-limits-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int file = mkstemp(path);
    assert_true(file >= 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(write(file, "0123456789", 10), 10);
    close(file);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static int handler(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_file_response(request, path);
}

/* So many ranges, of a byte each. */
static int ask_ranges(struct live *live, size_t count, char *answer, size_t room)
{
    char request[1000] = "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=";
    size_t size = strlen(request);
    for (size_t i = 0; i < count; i++)
        size += (size_t)snprintf(request + size, sizeof request - size, "%s%zu-%zu",
                                 i ? "," : "", i * 3, i * 3);
    snprintf(request + size, sizeof request - size, "\r\n\r\n");
    return live_ask(live, request, answer, room);
}

static int ranges(void *data)
{
    static const size_t most[] = { 1, 2, 16, 17, 40, 0, AIOHTTP_UNLIMITED };
    static char answer[20000];
    (void)data;
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        aiohttp_limits limits = aiohttp_server_limits();
        aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
        struct live live;
        limits.ranges = most[i];
        options.limits = &limits;
        size_t middle = most[i] == AIOHTTP_UNLIMITED ? 50 : most[i];
        int r = live_start_with(&live, handler, &options);
        for (size_t count = middle > 1 ? middle - 1 : 1; count <= middle + 1 && r >= 0; count++) {
            r = ask_ranges(&live, count, answer, sizeof answer);
            if (r < 0)
                break;
            /* more: all of it */
            CHECK_BEGINS(answer, count <= most[i] ? "HTTP/1.1 206 " : "HTTP/1.1 200 ");
            if (count > most[i])
                CHECK_HAS(answer, "\r\nContent-Length: 200\r\n");
            else if (count > 1)
                CHECK_IS(count_of(answer, "\r\nContent-Range: bytes "), (int)count);
        }
        if ((r = live_end(&live, r)) < 0)
            return r;
    }
    return 0;
}

/* How long the queue of a listening socket may be, says Linux. */
static int backlog_of(const asyncio_server *server)
{
    int descriptor = -1;
    struct tcp_info info;
    socklen_t size = sizeof info;
    int count = asyncio_server_sockets(server, &descriptor, 1);
    if (count < 1 || getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return -errno;
    return (int)info.tcpi_sacked;
}

static int backlog(void *data)
{
    (void)data;
    if (world.is_sim)
        return 0;
    for (size_t most = 9; most <= 11; most++) {
        aiohttp_limits limits = aiohttp_server_limits();
        aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
        aiohttp_web_site *other = NULL;
        struct live live;
        limits.backlog = most;
        options.limits = &limits;
        int r = live_start_with(&live, handler, &options);
        int found = r < 0 ? 0 : backlog_of(live.site->server);
        if (r >= 0)
            r = aiohttp_web_tcp_site_new(live.runner, "127.0.0.1", 0, &other, .backlog = 20);
        if (r >= 0)
            r = aiohttp_web_site_start(other);
        int said = r < 0 ? 0 : backlog_of(other->server);
        aiohttp_web_site_unref(other);
        if ((r = live_end(&live, r)) < 0)
            return r;
        CHECK_IS(found, (int)most);
        CHECK_IS(said, 20);
    }
    return 0;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(ranges)
CASE(backlog)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_backlog),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
