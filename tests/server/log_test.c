/* SPDX-License-Identifier: MIT */
/* The access log; memory that stays flat over many requests of a connection. */
#include "web/web_test.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>

static char logged[4096];

static void log_line(const char *line, size_t size, void *data)
{
    (void)data;
    size_t have = strlen(logged);
    snprintf(logged + have, sizeof logged - have, "%.*s\n", (int)size, line);
}

static int hello(aiohttp_web_request *request, void *data)
{
    static const char *const headers[] = { "X-Out", "o\"ut", NULL };
    (void)data;
    return aiohttp_web_respond(request, "hello", .headers = headers);
}

static int ask_logged(const char *format)
{
    char answer[1024];
    struct live live;
    logged[0] = '\0';
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    options.access_log = log_line;
    options.access_log_format = format;
    int r = live_start_with(&live, hello, &options);
    if (r >= 0)
        r = live_ask(&live,
                     "GET /a?\"b HTTP/1.1\r\nHost: a\r\nUser-Agent: x\"\\y\r\n\r\n"
                     "HEAD /c HTTP/1.1\r\nHost: a\r\n\r\n",
                     answer, sizeof answer);
    return live_end(&live, r);
}

static int lines(void *data)
{
    (void)data;
    int r = ask_logged("%a \"%r\" %s %b \"%{user-agent}i\" %{none}i 100%%");
    if (r < 0)
        return r;
    /* a " in a target makes it no request: nothing of it is believed */
    CHECK_TEXT(logged, "127.0.0.1 \"UNKNOWN / HTTP/1.1\" 400 49 \"-\" - 100%\n");
    CHECK_IS(ask_logged("%q"), -EINVAL);
    CHECK_IS(ask_logged("%{x"), -EINVAL);
    CHECK_IS(ask_logged("%{x}e"), -EINVAL);
    return 0;
}

static int line(void *data)
{
    char answer[1024];
    struct live live;
    (void)data;
    logged[0] = '\0';
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    options.access_log = log_line;
    options.access_log_format = "%a \"%r\" %s %b \"%{user-agent}i\" %{none}i "
                                "%{x-out}o %{none}o 100%%";
    int r = live_start_with(&live, hello, &options);
    if (r >= 0)
        r = live_ask(&live,
                     "GET /a?b HTTP/1.1\r\nHost: a\r\nUser-Agent: x\"\\y\x9b\xc2\x85\r\n\r\n"
                     "HEAD /c HTTP/1.0\r\n\r\n",
                     answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_TEXT(
        logged,
        "127.0.0.1 \"GET /a?b HTTP/1.1\" 200 5 \"x\\x22\\x5cy\\x9b\\xc2\\x85\" - o\\x22ut - 100%\n"
        "127.0.0.1 \"HEAD /c HTTP/1.0\" 200 0 \"-\" - o\\x22ut - 100%\n");
    return 0;
}

static int sleepy(aiohttp_web_request *request, void *data)
{
    int r = asyncio_sleep(*(double *)data);
    return r < 0 ? r : aiohttp_web_respond(request, "slept");
}

static int ask_sleepy(const char *format, double seconds)
{
    char answer[1024];
    struct live live;
    logged[0] = '\0';
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    options.access_log = log_line;
    options.access_log_format = format;
    options.data = &seconds;
    int r = live_start_with(&live, sleepy, &options);
    if (r >= 0)
        r = live_get(&live, "/x", "User-Agent: me\r\n", answer, sizeof answer);
    return live_end(&live, r);
}

/* How long it took, three ways; which process; when. */
static int numbers(void *data)
{
    double seconds = world.is_sim ? 1.5 : 0.02, fraction;
    long long rounded, microseconds, process;
    char when[64];
    struct tm parts = { .tm_year = 0 };
    (void)data;
    int r = ask_sleepy("%T %Tf %D %P %t", seconds);
    if (r < 0)
        return r;
    CHECK_IS(sscanf(logged, "%lld %lf %lld <%lld> [%60[^]]]", &rounded, &fraction, &microseconds,
                    &process, when), 5);
    CHECK(fraction >= seconds && fraction < seconds + 10);
    CHECK_IS(rounded, llrint(fraction));
    CHECK(llabs(microseconds - llrint(fraction * 1e6)) <= 1);
    CHECK_IS(process, getpid());
    const char *end = strptime(when, "%d/%b/%Y:%H:%M:%S +0000", &parts);
    CHECK(end && !*end);
    CHECK(llabs(timegm(&parts) - time(NULL)) < 60);
    return 0;
}

/* Python's: `%a %t "%r" %s %b "%{Referer}i" "%{User-Agent}i"`. */
static int usual_format(void *data)
{
    (void)data;
    int r = ask_sleepy(NULL, 0);
    if (r < 0)
        return r;
    CHECK_BEGINS(logged, "127.0.0.1 [");
    CHECK_TEXT(strchr(logged, ']'), "] \"GET /x HTTP/1.1\" 200 5 \"-\" \"me\"\n");
    return 0;
}

/* What the peer has by the time that its line is written. */
static struct {
    int peer;
    ssize_t size;
    char text[512];
} seen;

static void look(const char *line, size_t size, void *data)
{
    (void)line;
    (void)size;
    (void)data;
    seen.size = recv(seen.peer, seen.text, sizeof seen.text - 1, MSG_DONTWAIT);
}

/* A line is made when its answer is on its way: no peer waits for it. A peer by hand, whose socket
 * can be looked into; io_uring sends at the end of a turn. */
static int behind_its_answer(void *data)
{
    const char *request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", *backend = getenv("ASYNCIO_BACKEND");
    struct live live;
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    (void)data;
    if (world.is_sim || world.is_chopped || (backend && strcmp(backend, "epoll") != 0))
        return 0;
    options.access_log = look;
    seen.size = -2;
    int r = live_start_with(&live, hello, &options);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)live.port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    seen.peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (r >= 0 && (connect(seen.peer, (struct sockaddr *)&address, sizeof address) < 0 ||
                   write(seen.peer, request, strlen(request)) < 0))
        r = -errno;
    for (int i = 0; i < 1000 && r >= 0 && seen.size == -2; i++)
        r = asyncio_sleep(0.001);
    close(seen.peer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK(seen.size > 0);
    seen.text[seen.size] = '\0';
    CHECK_BEGINS(seen.text, "HTTP/1.1 200 ");
    return 0;
}

/* Each answer is told, also those to what is no request, and those that nobody waited for. */
static int refusals(void *data)
{
    char answer[1024];
    struct live live;
    asyncio_stream *stream = NULL;
    (void)data;
    logged[0] = '\0';
    aiohttp_limits limits = aiohttp_server_limits();
    limits.head_time = 0.1;
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    options.access_log = log_line;
    options.access_log_format = "%r %s";
    options.limits = &limits;
    int r = live_start_with(&live, hello, &options);
    if (r >= 0)
        r = live_ask(
            &live, "GET /a HTTP/1.1\r\nHost: a\r\n\r\nHEAD /bad HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            answer, sizeof answer);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, "GET /slow", 9);
    if (r >= 0)
        r = read_all(stream, answer, sizeof answer);
    if (r >= 0 && strncmp(answer, "HTTP/1.1 408 ", 13) != 0)
        r = -EPROTO;
    asyncio_stream_unref(stream);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_TEXT(logged, "GET /a HTTP/1.1 200\nUNKNOWN / HTTP/1.1 400\nUNKNOWN / HTTP/1.1 408\n");
    return 0;
}

static int flat_on(asyncio_stream *stream)
{
    const char *request = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    char answer[512];
    uint64_t live = 0;
    int count = world.is_chopped || world.is_seeded ? 50 : 5000;
    for (int i = 0; i < count; i++) {
        int r = asyncio_stream_write(stream, request, strlen(request));
        if (r >= 0)
            r = asyncio_stream_readuntil(stream, "hello", 5, answer, sizeof answer);
        if (r < 0)
            return r;
        if (i == count / 2)
            live = asyncio__alloc_live();
    }
    CHECK(asyncio__alloc_live() <= live + 8); /* what is under way, and a timer */
    return 0;
}

static int flat(void *data)
{
    struct live live;
    asyncio_stream *stream = NULL;
    (void)data;
    int r = live_start(&live, hello);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = flat_on(stream);
    asyncio_stream_unref(stream);
    return live_end(&live, r);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(line)
CASE(lines)
CASE(numbers)
CASE(usual_format)
CASE(behind_its_answer)
CASE(refusals)
CASE(flat)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_usual_format),
        cmocka_unit_test(test_behind_its_answer),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_flat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
