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

/* --- values that are none, nothing, or without a limit --- */

static int mirror(aiohttp_web_request *request, void *data)
{
    const char *body;
    size_t size;
    (void)data;
    int r = aiohttp_web_request_read(request, &body, &size);
    return r < 0 ? r : aiohttp_web_respond_bytes(request, body, size);
}

/* The status that a request gets; or the error of making the server. */
static int status_with(const aiohttp_limits *limits, const char *request)
{
    char answer[4096];
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    struct live live;
    options.limits = limits;
    int r = live_start_with(&live, mirror, &options);
    if (r >= 0)
        r = live_ask(&live, request, answer, sizeof answer);
    r = live_end(&live, r);
    return r < 0 ? r : (int)strtol(answer + 9, NULL, 10);
}

#define FIELD(name) { #name, offsetof(aiohttp_limits, name) }
struct field {
    const char *name;
    size_t at;
};

static const struct field times[] = {
    FIELD(head_time),      FIELD(tls_time),   FIELD(keep_alive_time), FIELD(connection_time),
    FIELD(lingering_time), FIELD(write_time), FIELD(body_grace),      FIELD(shutdown_time),
};

/* No number, or below 0: refused. Without a limit: served. */
static int strange_times(void *data)
{
    (void)data;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        aiohttp_limits limits = aiohttp_server_limits();
        double *time = (double *)(void *)((char *)&limits + times[i].at);
        const double wrong[] = { __builtin_nan(""), -1, -__builtin_inf() };
        for (size_t k = 0; k < 3; k++) {
            *time = wrong[k];
            int r = status_with(&limits, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            if (r != -EINVAL) {
                print_error("%s of %g: %d\n", times[i].name, wrong[k], r);
                return r < 0 ? r : -EPROTO;
            }
        }
        *time = ASYNCIO_NONE;
        int r = status_with(&limits, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        if (r != 200) {
            print_error("%s without a limit: %d\n", times[i].name, r);
            return r < 0 ? r : -EPROTO;
        }
    }
    return 0;
}

static const struct field amounts[] = {
    FIELD(line),          FIELD(field),          FIELD(headers),          FIELD(head),
    FIELD(empty_lines),   FIELD(body),           FIELD(chunk_extensions), FIELD(trailers),
    FIELD(trailer),       FIELD(parts),          FIELD(part_headers),     FIELD(part_head),
    FIELD(part_depth),    FIELD(inflate_step),   FIELD(inflate_ratio),    FIELD(inflate_ratio_from),
    FIELD(codings),       FIELD(gzip_members),   FIELD(pipelined),        FIELD(read_buffer_max),
    FIELD(requests),      FIELD(write_low_water), FIELD(connections),     FIELD(backlog),
    FIELD(lingering),     FIELD(lingering_close), FIELD(body_rate),       FIELD(ranges),
};

/* 0 is never "without a limit": refused, or a request that needs nothing of it is served; and what
 * is without a limit is served. */
static int strange_amounts(void *data)
{
    static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char chunked[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3\r\nabc\r\n0\r\n\r\n";
    (void)data;
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        aiohttp_limits limits = aiohttp_server_limits();
        size_t *amount = (size_t *)(void *)((char *)&limits + amounts[i].at);
        *amount = 0;
        int a = status_with(&limits, get);
        int b = status_with(&limits, chunked);
        bool is_low = amount == &limits.write_low_water;
        *amount = AIOHTTP_UNLIMITED;
        int c = is_low ? 200 : status_with(&limits, chunked);
        if (a == -ENOMEM || b == -ENOMEM || c == -ENOMEM)
            return -ENOMEM;
        if ((a != 200 || b != 200) && (a != -EINVAL || b != -EINVAL)) {
            print_error("%s of 0: %d %d\n", amounts[i].name, a, b);
            return -EPROTO;
        }
        if (c != 200) {
            print_error("%s without a limit: %d\n", amounts[i].name, c);
            return -EPROTO;
        }
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
CASE(strange_times)
CASE(strange_amounts)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_backlog),
        cmocka_unit_test(test_strange_times),
        cmocka_unit_test(test_strange_amounts),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
