/* SPDX-License-Identifier: MIT */
/* Each time of aiohttp_limits that a server looks at: just before it all is well, a tenth after it
 * (deadlines are looked at ten times a second) it is not; and the numbers that count over time:
 * what is lingered for, requests, connections, bytes that wait. On the clock of the sim backend. */
/* TEST: backends sim; timeout 120 */
#include "net/tls_test.h"
#include "web/web_test.h"

#include "../aiohttp/conn/http1.h"
#include "../aiohttp/web/request.h"

#include <aiohttp/limits.h>
#include <asyncio/lock.h>

#define UNIT 1.0
#define LATE (UNIT + 0.15)
#define GOOD "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define LAST "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

static char large[16000000]; /* more than a kernel keeps for who does not read */

static int handler(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request), *body;
    size_t size;
    (void)data;
    if (path && strcmp(path, "/large") == 0)
        return aiohttp_web_respond_bytes(request, large, sizeof large, .is_lent = 1);
    if (path && strcmp(path, "/body") == 0) {
        int r = aiohttp_web_request_read(request, &body, &size);
        return r < 0 ? r : aiohttp_web_respondf(request, "%zu", size);
    }
    if (path && strcmp(path, "/slow") == 0) {
        int r = asyncio_sleep(UNIT);
        return r < 0 ? r : aiohttp_web_respond(request, "slow");
    }
    return aiohttp_web_respond(request, "ok");
}

/* No time but those that a test sets. */
static aiohttp_limits timeless(void)
{
    aiohttp_limits limits = aiohttp_server_limits();
    limits.head_time = limits.keep_alive_time = limits.connection_time = ASYNCIO_NONE;
    limits.lingering_time = limits.write_time = limits.body_grace = ASYNCIO_NONE;
    return limits;
}

static int start(struct live *live, const aiohttp_limits *limits)
{
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    options.limits = limits;
    return live_start_with(live, handler, &options);
}

static double now(void)
{
    return asyncio_loop_time(asyncio_get_running_loop());
}

/* What a peer sends, and when: a pause, a text, a pause, a text; then it reads to the end. */
struct step {
    double pause;
    const char *text;
};

static int play(struct live *live, const struct step *steps, size_t count, char *answer,
                size_t room, double *ret_seconds)
{
    asyncio_stream *stream;
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    double begin = now();
    for (size_t i = 0; i < count && r >= 0; i++) {
        r = asyncio_sleep(steps[i].pause);
        if (r >= 0 && steps[i].text)
            r = asyncio_stream_write(stream, steps[i].text, strlen(steps[i].text));
        r = r == -EPIPE || r == -ECONNRESET ? 0 : r;
    }
    if (r >= 0)
        r = read_all(stream, answer, room - 1);
    answer[r >= 0 ? r : 0] = '\0';
    *ret_seconds = now() - begin;
    asyncio_stream_close(stream);
    asyncio_stream_unref(stream);
    return r;
}

/* One play against a server with these limits: how many answers of that status come. */
struct scene {
    const char *begins;
    int answers;
    double at_least, at_most; /* seconds until the end of the connection */
    struct step steps[4];
};

static int play_all(const aiohttp_limits *limits, const struct scene *scenes, size_t count)
{
    char answer[4096];
    double seconds;
    struct live live;
    int r = start(&live, limits);
    for (size_t i = 0; i < count && r >= 0; i++) {
        r = play(&live, scenes[i].steps, 4, answer, sizeof answer, &seconds);
        if (r < 0)
            print_error("scene %zu: %s\n", i, asyncio_error_name(r));
        if (r < 0)
            break;
        if (strncmp(answer, scenes[i].begins, strlen(scenes[i].begins)) != 0 ||
            count_of(answer, "HTTP/1.1 ") != scenes[i].answers || seconds < scenes[i].at_least ||
            seconds > scenes[i].at_most) {
            print_error("scene %zu: after %.3f seconds: %s\n", i, seconds, answer);
            check_failed();
            r = -EPROTO;
        }
    }
    return live_end(&live, r);
}

#define PLAY_ALL(limits, ...)                                                                      \
    do {                                                                                           \
        static const struct scene scenes[] = { __VA_ARGS__ };                                      \
        return play_all(limits, scenes, sizeof scenes / sizeof *scenes);                           \
    } while (0)

static int head_time(void *data)
{
    (void)data;
    aiohttp_limits limits = timeless();
    limits.head_time = UNIT;
    PLAY_ALL(&limits,
             { "HTTP/1.1 200 ", 1, 0.9, 1.0, { { 0, "GET / HT" }, { 0.95, "TP/1.1\r\nHost: a\r\n"
                                                            "Connection: close\r\n\r\n" } } },
             { "HTTP/1.1 408 ", 1, 1.0, 1.3, { { 0, "GET / HT" }, { LATE, "TP/1.1\r\n\r\n" } } },
             { "HTTP/1.1 408 ", 1, 1.0, 1.3, { { 0, "G" }, { 0.5, "E" }, { 0.49, "T" } } },
             /* of each head by itself, from its first byte on */
             { "HTTP/1.1 200 ", 2, 2.8, 3.0, { { 0, GOOD }, { 2, "GET / HT" },
                                               { 0.9, "TP/1.1\r\nHost: a\r\n"
                                                      "Connection: close\r\n\r\n" } } },
             { "HTTP/1.1 200 ", 2, 3.0, 3.2, { { 0, GOOD }, { 2, "GET / HT" } } },
             /* and for the first byte of a connection */
             { "", 0, 1.0, 1.2, { { 0, NULL } } });
}

static int keep_alive_time(void *data)
{
    (void)data;
    aiohttp_limits limits = timeless();
    limits.keep_alive_time = UNIT;
    PLAY_ALL(&limits,
             { "HTTP/1.1 200 ", 2, 0.9, 1.0, { { 0, GOOD }, { 0.95, LAST } } },
             { "HTTP/1.1 200 ", 1, 1.0, 1.3, { { 0, GOOD }, { LATE, LAST } } },
             { "HTTP/1.1 200 ", 3, 2.8, 3.2, { { 0, GOOD }, { 0.95, GOOD }, { 0.95, GOOD } } },
             /* a handler may take its time */
             { "HTTP/1.1 200 ", 1, 2.0, 2.2, { { 0, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" } } });
}

/* No request is begun after it. */
static int connection_time(void *data)
{
    (void)data;
    aiohttp_limits limits = timeless();
    limits.connection_time = 2 * UNIT;
    PLAY_ALL(&limits,
             { "HTTP/1.1 200 ", 3, 1.9, 2.0, { { 0, GOOD }, { 1, GOOD }, { 0.95, LAST } } },
             { "HTTP/1.1 200 ", 2, 2.0, 2.3, { { 0, GOOD }, { 1, GOOD }, { LATE, LAST } } },
             { "HTTP/1.1 200 ", 1, 2.0, 2.2, { { 0, GOOD } } },
             /* one that was begun is answered */
             { "HTTP/1.1 200 ", 2, 2.8, 3.1, { { 0, GOOD },
                                             { 1.9, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" } } });
}

/* A busy connection ends within 64 requests of its time. */
static int connection_time_when_busy(void *data)
{
    char answer[512];
    asyncio_stream *stream = NULL;
    struct live live;
    aiohttp_limits limits = timeless();
    (void)data;
    limits.connection_time = UNIT;
    int r = start(&live, &limits), count = 0;
    if (r >= 0)
        r = live_open(&live, &stream);
    double begin = now();
    while (r >= 0 && now() - begin < 5) {
        r = asyncio_stream_write(stream, GOOD, strlen(GOOD));
        if (r >= 0)
            r = asyncio_stream_readuntil(stream, "\r\n\r\nok", 6, answer, sizeof answer);
        count++;
        if (r >= 0)
            r = asyncio_sleep(0.01);
    }
    double seconds = now() - begin;
    bool has_ended = r == -ASYNCIO_INCOMPLETE_READ || r == -EPIPE || r == -ECONNRESET;
    asyncio_stream_unref(stream);
    r = live_end(&live, has_ended ? 0 : r);
    if (r >= 0)
        CHECK(has_ended && seconds > 0.95 && seconds < 1.8 && count > 60);
    return r;
}

static int body_grace_and_rate(void *data)
{
    (void)data;
    aiohttp_limits limits = timeless();
    limits.body_grace = UNIT;
    limits.body_rate = 10;
#define BODY(n)                                                                                    \
    "POST /body HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " #n "\r\n\r\n"
    PLAY_ALL(&limits,
             { "HTTP/1.1 200 ", 1, 0.9, 1.0, { { 0, BODY(4) }, { 0.95, "body" } } },
             { "HTTP/1.1 408 ", 1, 1.0, 1.3, { { 0, BODY(4) }, { LATE, "body" } } },
             { "HTTP/1.1 408 ", 1, 1.0, 1.4, { { 0, BODY(4) }, { 0.5, "b" } } },
             /* ten bytes are worth a second */
             { "HTTP/1.1 200 ", 1, 1.9, 2.0, { { 0, BODY(12) }, { 0.5, "0123456789" },
                                               { 1.45, "ab" } } },
             { "HTTP/1.1 408 ", 1, 2.0, 2.3, { { 0, BODY(12) }, { 0.5, "0123456789" },
                                               { 1.65, "ab" } } });
}

/* Sends what is refused, ends nothing, and looks how long the server listens on. */
static int lingering_time(void *data)
{
    aiohttp_limits limits = timeless();
    struct live live;
    asyncio_stream *stream = NULL;
    aiohttp_web_server_stats stats = { .connections = 1 };
    (void)data;
    limits.lingering_time = UNIT;
    int r = start(&live, &limits);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, "NONSENSE\r\n\r\n", 12);
    if (r >= 0)
        r = asyncio_sleep(0.95 * UNIT);
    if (r >= 0) {
        aiohttp_web_server_get_stats(live.server, &stats);
        r = stats.connections == 1 ? asyncio_sleep(0.2 * UNIT) : -EPROTO;
    }
    if (r >= 0) {
        aiohttp_web_server_get_stats(live.server, &stats);
        r = stats.connections == 0 && stats.timed_out == 1 ? 0 : -EPROTO;
    }
    asyncio_stream_unref(stream);
    return live_end(&live, r);
}

/* So many bytes are read of a peer that was refused, whole or a byte at a time: is it still
 * there? */
static int lingers(struct live *live, size_t size, size_t step, bool *ret_is_there)
{
    asyncio_stream *stream;
    aiohttp_web_server_stats stats;
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    r = asyncio_stream_write(stream, "NONSENSE\r\n\r\n", 12);
    if (r >= 0)
        r = asyncio_sleep(0.01);
    for (size_t at = 0; at < size && r >= 0; at += step) {
        r = asyncio_stream_write(stream, large, size - at < step ? size - at : step);
        if (r >= 0)
            r = asyncio_sleep(0.001);
    }
    if (r >= 0)
        r = asyncio_sleep(0.05);
    aiohttp_web_server_get_stats(live->server, &stats);
    *ret_is_there = stats.connections == 1;
    asyncio_stream_abort(stream);
    asyncio_stream_unref(stream);
    return r < 0 ? r : asyncio_sleep(0.05);
}

static int lingering_close(void *data)
{
    aiohttp_limits limits = timeless();
    struct live live;
    (void)data;
    limits.lingering_close = 100;
    int r = start(&live, &limits);
    for (size_t size = 99; size <= 101 && r >= 0; size++)
        for (size_t step = 1; step <= size && r >= 0; step++) {
            bool is_there;
            r = lingers(&live, size, step, &is_there);
            if (r >= 0)
                CHECK_IS(is_there, size <= 100);
        }
    return live_end(&live, r);
}

/* A peer that takes nothing of an answer for so long, and then all of it: how much that is. */
static int takes_after(struct live *live, double pause, size_t *ret_size)
{
    static char answer[sizeof large + 1000];
    asyncio_stream *stream;
    const char *text = "GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    r = asyncio_stream_write(stream, text, strlen(text));
    if (r >= 0)
        r = asyncio_sleep(pause);
    *ret_size = 0;
    while (r >= 0 && (r = asyncio_stream_read(stream, answer, sizeof answer)) > 0)
        *ret_size += (size_t)r;
    asyncio_stream_abort(stream);
    asyncio_stream_unref(stream);
    return r == -ECONNRESET ? 0 : r;
}

static int write_time(void *data)
{
    aiohttp_limits limits = timeless();
    struct live live;
    asyncio_stream *other = NULL;
    size_t size = 0;
    (void)data;
    limits.write_time = UNIT;
    limits.keep_alive_time = limits.head_time = 1000; /* what another one waits for */
    int r = start(&live, &limits);
    for (int others = 0; others < 2 && r >= 0; others++) {
        if (others)
            r = live_open(&live, &other);
        if (r >= 0 && others)
            r = asyncio_sleep(10.03);
        if (r >= 0)
            r = takes_after(&live, 0.95, &size);
        if (r >= 0) {
            CHECK(size > sizeof large);
            r = takes_after(&live, 1.4, &size);
        }
        if (r >= 0)
            CHECK(size < sizeof large);
    }
    asyncio_stream_unref(other);
    return live_end(&live, r);
}

/* The handshake has its own. */
static int tls_time(void *data)
{
    aiohttp_limits limits = timeless();
    asyncio_ssl_context *context = NULL;
    aiohttp_web_site *site = NULL;
    asyncio_stream *stream = NULL;
    struct live live;
    char answer[100];
    (void)data;
    limits.tls_time = UNIT;
    int r = start(&live, &limits);
    if (r >= 0)
        r = server_context(certificates()->server, &context);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(live.runner, "127.0.0.1", 0, &site, .ssl_context = context);
    if (r >= 0)
        r = aiohttp_web_site_start(site);
    double begin = now();
    if (r >= 0)
        r = asyncio_open_connection("127.0.0.1", aiohttp_web_site_port(site), &stream);
    if (r >= 0)
        r = read_all(stream, answer, sizeof answer);
    double seconds = now() - begin;
    asyncio_stream_unref(stream);
    aiohttp_web_site_unref(site);
    asyncio_ssl_context_unref(context);
    r = live_end(&live, r == -ECONNRESET ? 0 : r);
    if (r >= 0)
        CHECK(seconds > 0.99 * UNIT && seconds < LATE);
    return r;
}

/* Takes all that comes, and goes. */
static int take(asyncio_stream *stream)
{
    char answer[1000];
    int r = read_all(stream, answer, sizeof answer);
    asyncio_stream_close(stream);
    return r;
}

/* What a runner waits for requests under way when it is not told otherwise. */
static int ends_in(double slow, double shutdown_time, int *ret_result)
{
    aiohttp_limits limits = timeless();
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    aiohttp_web_server *server = NULL;
    aiohttp_web_runner *runner = NULL;
    aiohttp_web_site *site = NULL;
    asyncio_stream *stream = NULL;
    asyncio_task *task = NULL;
    options.limits = &limits;
    limits.shutdown_time = shutdown_time;
    int r = (aiohttp_web_server_new)(handler, &server, &options);
    if (r >= 0)
        r = aiohttp_web_server_runner_new(server, &runner);
    if (r >= 0)
        r = aiohttp_web_runner_setup(runner);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(runner, "127.0.0.1", 0, &site);
    if (r >= 0)
        r = aiohttp_web_site_start(site);
    if (r >= 0)
        r = asyncio_open_connection("127.0.0.1", aiohttp_web_site_port(site), &stream);
    const char *text = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    if (r >= 0)
        r = asyncio_stream_write(stream, text, strlen(text));
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(take, stream), &task);
    if (r >= 0)
        r = asyncio_sleep(UNIT - slow); /* so much is left of it */
    *ret_result = runner ? aiohttp_web_runner_cleanup(runner) : 0;
    if (task)
        (void)join(task);
    asyncio_stream_unref(stream);
    aiohttp_web_site_unref(site);
    aiohttp_web_runner_unref(runner);
    aiohttp_web_server_unref(server);
    return r;
}

static int shutdown_time(void *data)
{
    int result;
    (void)data;
    int r = ends_in(0.5, 0.55, &result);
    if (r >= 0) {
        CHECK_IS(result, 0);
        r = ends_in(0.5, 0.45, &result);
    }
    if (r >= 0)
        CHECK_IS(result, -ETIMEDOUT);
    return r < 0 ? r : asyncio_sleep(5);
}

/* The last request that a connection may make is told so. */
static int requests(void *data)
{
    char text[1000] = "", answer[4096];
    aiohttp_limits limits = timeless();
    struct live live;
    (void)data;
    limits.requests = 5;
    for (int i = 0; i < 7; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), GOOD);
    int r = start(&live, &limits);
    for (int count = 4; count <= 6 && r >= 0; count++) {
        r = live_ask_bytes(&live, text, (size_t)count * strlen(GOOD), answer, sizeof answer);
        if (r < 0)
            break;
        CHECK_IS(count_of(answer, "HTTP/1.1 200 "), count < 5 ? count : 5);
        CHECK_IS(count_of(answer, "\r\nConnection: close\r\n"), count >= 5);
    }
    return live_end(&live, r);
}

/* How many are served at once. */
static int connections(void *data)
{
    enum { MOST = 3 };
    aiohttp_limits limits = timeless();
    asyncio_stream *streams[MOST + 1] = { NULL };
    aiohttp_web_server_stats stats;
    struct live live;
    (void)data;
    limits.connections = MOST;
    int r = start(&live, &limits);
    for (int i = 0; i <= MOST && r >= 0; i++) {
        r = live_open(&live, &streams[i]);
        if (r >= 0)
            r = asyncio_stream_write(streams[i], GOOD, strlen(GOOD));
        if (r >= 0)
            r = asyncio_sleep(0.1);
        if (r < 0)
            break;
        aiohttp_web_server_get_stats(live.server, &stats);
        CHECK_IS((int)stats.connections, i < MOST ? i + 1 : MOST);
        CHECK_IS((int)stats.requests_count, i < MOST ? i + 1 : MOST);
    }
    /* One goes: the next is served. */
    asyncio_stream_unref(streams[0]);
    streams[0] = NULL;
    if (r >= 0)
        r = asyncio_sleep(0.1);
    if (r >= 0) {
        aiohttp_web_server_get_stats(live.server, &stats);
        CHECK_IS((int)stats.requests_count, MOST + 1);
    }
    for (int i = 1; i <= MOST; i++)
        asyncio_stream_unref(streams[i]);
    return live_end(&live, r);
}

/* How many of one address are. What is more is closed at once; others have their own. */
static int connections_per_address(void *data)
{
    enum { MOST = 3 };
    aiohttp_limits limits = timeless();
    asyncio_stream *streams[MOST + 2] = { NULL };
    struct live live;
    (void)data;
    limits.connections_per_address = MOST;
    int r = start(&live, &limits);
    for (int i = 0; i < MOST + 2 && r >= 0; i++) {
        char answer[200];
        r = asyncio_open_connection("127.0.0.1", live.port, &streams[i],
                                    .local_addr = { i <= MOST ? "127.0.0.1" : "127.0.0.2", 0 });
        if (r >= 0)
            r = asyncio_stream_write(streams[i], GOOD, strlen(GOOD));
        if (r < 0 && !(i == MOST && r == -ECONNRESET))
            break;
        r = asyncio_stream_read(streams[i], answer, sizeof answer);
        bool is_served = r > 0;
        r = r == -ECONNRESET ? 0 : r;
        CHECK_IS(is_served, i != MOST);
    }
    for (int i = 0; i < MOST + 2; i++)
        asyncio_stream_unref(streams[i]);
    return live_end(&live, r);
}

static struct {
    unsigned count, held[8];
} seen;

static int looker(aiohttp_web_request *request, void *data)
{
    (void)data;
    if (seen.count < 8)
        seen.held[seen.count++] = http1_of(request->exchange)->held;
    return aiohttp_web_respond(request, "ok");
}

/* Answers to requests that were sent ahead go out together: up to so many, and no more. */
static int pipelined(void *data)
{
    char text[1000] = "", answer[4000];
    (void)data;
    for (int i = 0; i < 7; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), GOOD);
    for (unsigned limit = 3; limit <= 5; limit++) {
        aiohttp_limits limits = timeless();
        aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
        struct live live;
        options.limits = &limits;
        limits.pipelined = limit;
        seen.count = 0;
        int r = live_start_with(&live, looker, &options);
        if (r >= 0)
            r = live_ask(&live, text, answer, sizeof answer);
        if ((r = live_end(&live, r)) < 0)
            return r;
        CHECK_IS(count_of(answer, "HTTP/1.1 200 "), 7);
        for (unsigned i = 0; i < 7; i++)
            CHECK_IS((int)seen.held[i], (int)(i % limit));
    }
    return 0;
}

static struct {
    size_t most, written;
} stuck;

/* Writes as long as it may, and looks how much is waiting. */
static int writer(aiohttp_web_request *request, void *data)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    (void)data;
    stuck.most = stuck.written = 0;
    int r = aiohttp_web_response_prepare(response);
    while (r >= 0) {
        stuck.written++;
        r = aiohttp_web_response_write(response, large, 100);
        size_t waits = asyncio_stream_get_write_buffer_size(request->exchange->stream);
        stuck.most = waits > stuck.most ? waits : stuck.most;
    }
    return r;
}

/* Above the high mark writing waits; when the low one is reached it goes on. */
static int write_waters(void *data)
{
    (void)data;
    if (world.is_chopped || world.is_seeded)
        return 0;
    for (size_t high = 999; high <= 3001; high += high == 1001 ? 1998 : 1) {
        aiohttp_limits limits = timeless();
        struct live live;
        asyncio_stream *stream = NULL;
        static char some[70000];
        limits.write_high_water = high;
        limits.write_low_water = 500;
        aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
        options.limits = &limits;
        int r = live_start_with(&live, writer, &options);
        if (r >= 0)
            r = live_open(&live, &stream);
        if (r >= 0)
            r = asyncio_stream_write(stream, GOOD, strlen(GOOD));
        /* how much the kernel takes, and how long that takes, is its own matter */
        size_t before = SIZE_MAX;
        for (int i = 0; i < 60 && r >= 0 && stuck.written != before; i++) {
            before = stuck.written;
            r = asyncio_sleep(1);
        }
        bool has_waited = before == stuck.written && before > 5;
        bool is_bounded = stuck.most <= high + 2 * 106 && stuck.most + 106 > high;
        for (int i = 0; i < 1000 && r >= 0 && stuck.written == before; i++) {
            r = asyncio_stream_read(stream, some, sizeof some);
            if (r >= 0)
                r = asyncio_sleep(0.01);
        }
        bool goes_on = stuck.written > before;
        if (stream)
            asyncio_stream_abort(stream);
        asyncio_stream_unref(stream);
        if ((r = live_end(&live, r)) < 0)
            return r;
        if (!is_bounded)
            print_error("high %zu: %zu were waiting\n", high, stuck.most);
        CHECK(has_waited && is_bounded && goes_on);
    }
    return 0;
}

#define TESTS(X)                                                                                   \
    X(head_time) X(keep_alive_time) X(connection_time) X(connection_time_when_busy)                \
    X(body_grace_and_rate) X(lingering_time) X(lingering_close) X(write_time) X(tls_time)          \
    X(shutdown_time) X(requests) X(connections)                  \
    X(connections_per_address) X(pipelined) X(write_waters)

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        enter_world("plain", false, 0);                                                            \
        int r = run_once(name, NULL);                                                              \
        if (r != 0)                                                                                \
            fail_msg("%s", asyncio_error_name(r));                                                 \
    }
TESTS(CASE)

int main(void)
{
#define UNIT_TEST(name) cmocka_unit_test(test_##name),
    const struct CMUnitTest tests[] = { TESTS(UNIT_TEST) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
