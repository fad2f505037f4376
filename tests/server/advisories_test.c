/* SPDX-License-Identifier: MIT */
/* Advisories on aiohttp and other servers that are about requests on a connection, each by its
 * name, against a whole server. tests/advisories.md says what each demands. */
/* TEST: timeout 120 */
#include "server/advisories.h"

#include "../aiohttp/message/coding.h"

#include <asyncio/lock.h>

static int handler(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request), *body;
    size_t size;
    (void)data;
    if (path && strcmp(path, "/unread") == 0)
        return aiohttp_web_respond(request, "unread");
    if (path && strcmp(path, "/cookies") == 0) {
        const char *cookie = aiohttp_web_request_cookie(request, "a");
        return aiohttp_web_respond(request, cookie ? cookie : "none");
    }
    if (path && strcmp(path, "/reason") == 0)
        return aiohttp_web_respond(request, "x", .reason = "O\r\nK: 1");
    int r = aiohttp_web_request_read(request, &body, &size);
    return r < 0 ? r : aiohttp_web_respondf(request, "%s %zu", path, size);
}

static int advise(const struct advice *advice, size_t count)
{
    struct live live;
    int r = live_start(&live, handler);
    if (r >= 0)
        r = advised(&live, advice, count);
    return live_end(&live, r);
}

#define ADVISORY(name, ...)                                                                        \
    static int name(void *data)                                                                    \
    {                                                                                              \
        static const struct advice advice[] = { __VA_ARGS__ };                                     \
        (void)data;                                                                                \
        return advise(advice, sizeof advice / sizeof *advice);                                     \
    }

#define HEAD "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define END "\r\n\r\n"

ADVISORY(CVE_2022_33124, REFUSED(400, "GET http://[::1/ HTTP/1.1\r\nHost: a" END SMUGGLED),
         REFUSED(400, "GET http://[1:2:3/ HTTP/1.1\r\nHost: a" END SMUGGLED),
         REFUSED(400, "GET / HTTP/1.1\r\nHost: [::1" END SMUGGLED))

ADVISORY(CVE_2023_37276, REFUSED(400, HEAD "A: b\rContent-Length: 35" END SMUGGLED),
         REFUSED(400, HEAD "A: b\nContent-Length: 35" END SMUGGLED),
         REFUSED(400, HEAD "A: b\0c" END SMUGGLED), REFUSED(400, HEAD "A\rB: c" END SMUGGLED),
         REFUSED(400, HEAD "A: \x01" END SMUGGLED), REFUSED(400, HEAD "A: \x7f" END SMUGGLED),
         ANSWERED(1, 200, HEAD "A: \tb\t" END))

ADVISORY(CVE_2023_47627, REFUSED(400, POST "Content-Length: +36" END SMUGGLED),
         REFUSED(400, POST "Content-Length: -36" END SMUGGLED),
         REFUSED(400, POST "Content-Length: 3_6" END SMUGGLED),
         REFUSED(400, POST "Content-Length: 3 6" END SMUGGLED),
         REFUSED(400, POST "Content-Length: 0x24" END SMUGGLED),
         REFUSED(400, POST "Content-Length: 35, 36" END SMUGGLED),
         REFUSED(400, POST "Content-Length: 9223372036854775808" END SMUGGLED),
         REFUSED(400, POST "Content-Length : 36" END SMUGGLED),
         REFUSED(400, POST "Content-Length:" END SMUGGLED))

ADVISORY(CVE_2023_47641,
         REFUSED(400, POST "Content-Length: 35\r\nTransfer-Encoding: chunked" END "0" END SMUGGLED),
         REFUSED(400, POST "Transfer-Encoding: chunked\r\nContent-Length: 35" END "0" END SMUGGLED),
         REFUSED(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked" END "0" END SMUGGLED),
         REFUSED(501, POST "Transfer-Encoding: xchunked" END "0" END SMUGGLED),
         REFUSED(400, POST "Transfer-Encoding: \vchunked" END "0" END SMUGGLED),
         REFUSED(400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked" END SMUGGLED))

ADVISORY(CVE_2024_23829, REFUSED(400, HEAD "A: b\r\n c" END SMUGGLED),
         REFUSED(400, HEAD "A: b\r\n\tContent-Length: 35" END SMUGGLED),
         REFUSED(400, HEAD "Content-Length : 36" END SMUGGLED),
         REFUSED(400, "GET  / HTTP/1.1\r\nHost: a" END SMUGGLED),
         REFUSED(400, "GET / HTTP/1.1 \r\nHost: a" END SMUGGLED),
         REFUSED(400, "GET\t/ HTTP/1.1\r\nHost: a" END SMUGGLED),
         REFUSED(505, "GET / HTTP/2.0\r\nHost: a" END SMUGGLED),
         REFUSED(400, "GET / HTTP/1.10\r\nHost: a" END SMUGGLED))

ADVISORY(CVE_2024_52304, REFUSED(400, CHUNKED "0;a\n\r\n\r\n" SMUGGLED),
         REFUSED(400, CHUNKED "1;\ra\r\nx\r\n0" END SMUGGLED),
         REFUSED(400, CHUNKED "1;a=\"\n\"\r\nx\r\n0" END SMUGGLED),
         REFUSED(400, CHUNKED "1;\x80\0\r\nx\r\n0" END SMUGGLED),
         ANSWERED(2, 200, CHUNKED "1;a=b\r\nx\r\n0" END HEAD "Connection: close" END))

ADVISORY(CVE_2025_53643, REFUSED(400, CHUNKED "0\r\nA: b\nC: d" END SMUGGLED),
         REFUSED(400, CHUNKED "0\r\nA : b" END SMUGGLED),
         REFUSED(400, CHUNKED "0\r\nContent-Length: 35" END SMUGGLED),
         REFUSED(400, CHUNKED "0\r\nTransfer-Encoding: chunked" END SMUGGLED),
         REFUSED(400, CHUNKED "0\r\nA: b\r\n c" END SMUGGLED),
         ANSWERED(2, 200, CHUNKED "0\r\nA: b" END HEAD "Connection: close" END))

ADVISORY(CVE_2025_69224, REFUSED(400, POST "Content-Length: \xd9\xa1" END SMUGGLED),
         REFUSED(400, POST "Content-Length: \xef\xbc\x91" END SMUGGLED),
         REFUSED(400, "GET / HTTP/1.\xd9\xa1\r\nHost: a" END SMUGGLED),
         REFUSED(400, CHUNKED "\xd9\xa1\r\nx\r\n0" END SMUGGLED))

ADVISORY(CVE_2026_34525, REFUSED(400, HEAD "Host: b" END SMUGGLED),
         REFUSED(400, HEAD "host: a" END SMUGGLED),
         REFUSED(400, POST "Content-Length: 1\r\nContent-Length: 1" END "x" SMUGGLED),
         REFUSED(400, POST "Content-Type: a/b\r\nContent-Type: c/d" END SMUGGLED))

ADVISORY(CVE_2026_69243,
         ANSWERED(2, 200, POST "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 35"
                  END SMUGGLED HEAD "Connection: close" END),
         ANSWERED(2, 200, POST "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Transfer-Encoding: chunked" END "23\r\n" SMUGGLED "\r\n0" END
                  HEAD "Connection: close" END),
         /* not read by its handler either */
         ANSWERED(2, 200, "POST /unread HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                  "Upgrade: websocket\r\nContent-Length: 35" END SMUGGLED
                  HEAD "Connection: close" END))

/* protocol-http1's, Go's and Node's */
ADVISORY(CVE_2023_38697, REFUSED(400, CHUNKED "0x1\r\nx\r\n0" END SMUGGLED),
         REFUSED(400, CHUNKED "+1\r\nx\r\n0" END SMUGGLED),
         REFUSED(400, CHUNKED "-1\r\nx\r\n0" END SMUGGLED),
         REFUSED(400, CHUNKED " 1\r\nx\r\n0" END SMUGGLED),
         REFUSED(400, CHUNKED "1_0\r\nx\r\n0" END SMUGGLED),
         REFUSED(400, CHUNKED "\r\nx\r\n0" END SMUGGLED))
ADVISORY(CVE_2025_22871, REFUSED(400, CHUNKED "1\nx\r\n0" END SMUGGLED),
         REFUSED(400, CHUNKED "1\r\nx\n0" END SMUGGLED),
         REFUSED(400, CHUNKED "1\r\nx\r\n0\n\n" SMUGGLED),
         REFUSED(400, CHUNKED "1\r\nxy\r\n0" END SMUGGLED))
ADVISORY(CVE_2022_32213, REFUSED(400, POST "Transfer-Encoding: chunked, identity" END SMUGGLED),
         REFUSED(400, POST "Transfer-Encoding:" END SMUGGLED),
         REFUSED(501, POST "Transfer-Encoding: \"chunked\"" END SMUGGLED))

/* nginx's, Mongoose's: lengths that are more than there is room for in a signed number. */
ADVISORY(CVE_2013_2028, REFUSED(400, CHUNKED "ffffffffffffffff\r\nx\r\n0" END SMUGGLED),
         REFUSED(400, CHUNKED "8000000000000000\r\nx\r\n0" END SMUGGLED),
         REFUSED(400, CHUNKED "10000000000000001\r\nx\r\n0" END SMUGGLED),
         REFUSED(400, CHUNKED "7fffffffffffffff\r\nx\r\n0" END SMUGGLED),
         REFUSED(400, POST "Content-Length: 18446744073709551615" END SMUGGLED))

/* What follows a body is the next request, and nothing else. */
ADVISORY(bytes_behind_a_body,
         ANSWERED(2, 200, POST "Content-Length: 1" END "x" HEAD "Connection: close" END),
         ANSWERED(2, 200, POST "Content-Length: 1" END "xyz" SMUGGLED),
         LAST(200, POST "Content-Length: 1\r\nConnection: close" END "x" SMUGGLED),
         LAST(200, "POST / HTTP/1.0\r\nContent-Length: 1" END "x" SMUGGLED))

/* A reason is a value like another. */
static int CVE_2026_34519(void *data)
{
    char answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_ask(&live, "GET /reason HTTP/1.1\r\nHost: a" END, answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 500 ");
    CHECK(!strstr(answer, "\nK: 1"));
    CHECK_IS(count_answers(answer), 1);
    return 0;
}

/* Cookies that are none: no word to anybody, and the others are read. */
static int CVE_2025_69230(void *data)
{
    static char request[8000], answer[4096];
    struct live live;
    (void)data;
    size_t size = (size_t)snprintf(request, sizeof request,
                                   "GET /cookies HTTP/1.1\r\nHost: a\r\nCookie: ");
    while (size < 7000)
        size += (size_t)snprintf(request + size, sizeof request - size, "=; b ad=\"; (=x; ;;");
    snprintf(request + size, sizeof request - size, "; a=found" END);
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_ask(&live, request, answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 200 ");
    CHECK_TEXT(body_of(answer), "found");
    CHECK_IS(reports.count, 0);
    return 0;
}

/* So many zeros, packed. */
static int packed_zeros(size_t size, char *out, size_t room)
{
    static const char zeros[65536];
    struct encoder *encoder;
    size_t used = 0;
    int r = aiohttp__encoder_new(CODING_GZIP, 9, &encoder);
    while (r >= 0) {
        struct span in = { zeros, size < sizeof zeros ? size : sizeof zeros };
        size_t given = in.size;
        enum encode how = size > given ? ENCODE_MORE : ENCODE_FINISH;
        r = aiohttp__encoder_step(encoder, &in, how, out + used, room - used);
        used += r > 0 ? (size_t)r : 0;
        size -= given - in.size;
        if (how == ENCODE_FINISH && !in.size)
            break;
    }
    if (r != -ENOMEM)
        aiohttp__encoder_free(encoder);
    return r < 0 ? r : (int)used;
}

/* Sends a bomb of 40 MB to a path, and a request behind it; the most memory that was taken. */
static int bombed(const char *path, char *answer, size_t room)
{
    static char bomb[60000], request[62000];
    struct live live;
    int size = packed_zeros(40000000, bomb, sizeof bomb);
    if (size < 0)
        return size;
    int head = snprintf(request, sizeof request,
                        "POST %s HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n"
                        "Content-Length: %d\r\n\r\n",
                        path, size);
    memcpy(request + head, bomb, (size_t)size);
    int behind = snprintf(request + head + size, 100, HEAD "Connection: close" END);
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_ask_bytes(&live, request, (size_t)(head + size + behind), answer, room);
    return live_end(&live, r);
}

/* 40 MB of 40 KB: refused when its limit is reached, not when it is unpacked. */
static int CVE_2025_69223(void *data)
{
    char answer[4096];
    (void)data;
    if (world.is_chopped)
        return 0; /* 40,000 reads */
    int r = bombed("/", answer, sizeof answer);
    if (r < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 413 ");
    return 0;
}

/* A body that nobody reads is dropped as it came: nothing makes a decoder for it. */
static int CVE_2026_54278(void *data)
{
    char answer[4096];
    (void)data;
    if (world.is_chopped)
        return 0;
    int r = bombed("/unread", answer, sizeof answer);
    if (r < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 200 ");
    CHECK_IS(count_of(answer, "HTTP/1.1 200 "), 2);
    return 0;
}

static struct {
    asyncio_event goes_on;
    int begun;
} held;

static int holding(aiohttp_web_request *request, void *data)
{
    (void)data;
    held.begun++;
    int r = asyncio_event_wait(&held.goes_on);
    return r < 0 ? r : aiohttp_web_respond(request, "held");
}

/* Sends requests for as long as they are taken, and counts the bytes. */
static int flood(asyncio_stream *stream, size_t *ret_size)
{
    static const char request[] = HEAD "\r\n";
    for (*ret_size = 0; *ret_size < 100000000;) {
        static char many[(sizeof request - 1) * 1000];
        for (size_t i = 0; i < 1000; i++)
            memcpy(many + i * (sizeof request - 1), request, sizeof request - 1);
        int r = asyncio_stream_write(stream, many, sizeof many);
        if (r < 0)
            return r;
        *ret_size += sizeof many;
    }
    return 0;
}

/* While a handler works, requests that are sent ahead are not read: the peer has to wait. */
static int flooded(struct live *live, asyncio_stream *stream)
{
    asyncio_task *task;
    size_t size = 0;
    int r = asyncio_create_task(asyncio_coro(flood, stream, &size), &task);
    if (r < 0)
        return r;
    r = asyncio_sleep(world.is_sim ? 5 : 0.3);
    asyncio_task_cancel(task);
    (void)join(task);
    CHECK(r >= 0);
    CHECK(held.begun == 1 && size < 30000000); /* the buffers of both ends */
    aiohttp_web_server_stats stats;
    aiohttp_web_server_get_stats(live->server, &stats);
    CHECK_IS((int)stats.requests_count, 1);
    asyncio_event_set(&held.goes_on);
    return 0;
}

static int CVE_2026_54273(void *data)
{
    struct live live;
    asyncio_stream *stream = NULL;
    (void)data;
    if (world.is_chopped)
        return 0;
    held.begun = 0;
    asyncio_event_init(&held.goes_on);
    int r = live_start(&live, holding);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = flooded(&live, stream);
    if (stream)
        asyncio_stream_abort(stream);
    asyncio_stream_unref(stream);
    r = live_end(&live, r);
    int busy = asyncio_event_fini(&held.goes_on);
    return r < 0 ? r : busy;
}

/* lighttpd's: a peer that has ended its side keeps no place once it was answered; one that has gone
 * in the middle of a request neither. */
static int CVE_2022_41556(void *data)
{
    static const char *const texts[] = { "", HEAD "\r\n", "GET / HT", POST "Content-Length: 5" END
                                                                      "ab",
                                         CHUNKED "5\r\nab" };
    char answer[4096];
    struct live live;
    aiohttp_web_server_stats stats = { .connections = 1 };
    (void)data;
    int r = live_start(&live, handler);
    for (size_t i = 0; i < sizeof texts / sizeof *texts && r >= 0; i++)
        r = live_ask(&live, texts[i], answer, sizeof answer);
    for (int i = 0; r >= 0 && stats.connections && i < 1000; i++) {
        r = asyncio_sleep(0.001);
        aiohttp_web_server_get_stats(live.server, &stats);
    }
    if (r >= 0 && stats.connections)
        r = -EPROTO;
    return live_end(&live, r);
}

/* ws's: more fields than are allowed, beside an upgrade. */
static int CVE_2024_37890(void *data)
{
    static char request[30000], answer[4096];
    struct live live;
    (void)data;
    size_t size = (size_t)snprintf(request, sizeof request,
                                   HEAD "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    for (int i = 0; i < 2000; i++)
        size += (size_t)snprintf(request + size, sizeof request - size, "x%d: 1\r\n", i);
    snprintf(request + size, sizeof request - size, "\r\n" SMUGGLED);
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_ask(&live, request, answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 431 ");
    CHECK_IS(count_answers(answer), 1);
    return 0;
}

#define TESTS(X)                                                                                   \
    X(CVE_2022_33124) X(CVE_2023_37276) X(CVE_2023_47627) X(CVE_2023_47641) X(CVE_2024_23829)      \
    X(CVE_2024_52304) X(CVE_2025_53643) X(CVE_2025_69224) X(CVE_2026_34525) X(CVE_2026_69243)      \
    X(CVE_2023_38697) X(CVE_2025_22871) X(CVE_2022_32213) X(CVE_2013_2028) X(bytes_behind_a_body)  \
    X(CVE_2026_34519) X(CVE_2025_69230) X(CVE_2025_69223) X(CVE_2026_54278) X(CVE_2026_54273)      \
    X(CVE_2022_41556) X(CVE_2024_37890)

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
TESTS(CASE)

int main(void)
{
#define UNIT(name) cmocka_unit_test(test_##name),
    const struct CMUnitTest tests[] = { TESTS(UNIT) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
