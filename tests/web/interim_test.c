/* SPDX-License-Identifier: MIT */
/* What is not simply a request and its answer: 103, upgrades, CONNECT, trailers, what is no request
 * and goes through the middlewares, streams that end with the server. */
#include "web/web_test.h"

#include <aiohttp/test_utils.h>

/* --- before an answer, and in place of it --- */

static int early(aiohttp_web_request *request, void *data)
{
    static const char *const links[] = { "Link", "</style.css>; rel=preload; as=style", "Link",
                                         "</x.js>; rel=preload", NULL };
    static const char *const bad[] = { "Content-Length", "1", NULL };
    static const char *const split[] = { "X", "a\r\nb", NULL };
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    (void)data;
    int r = aiohttp_web_response_informational(response, 103, links);
    if (r < 0)
        return r;
    if (aiohttp_web_response_informational(response, 103, bad) != -EINVAL ||
        aiohttp_web_response_informational(response, 103, split) != -EINVAL ||
        aiohttp_web_response_informational(response, 101, NULL) != -EINVAL ||
        aiohttp_web_response_informational(response, 200, NULL) != -EINVAL)
        return -EPROTO;
    if ((r = aiohttp_web_response_prepare(response)) < 0)
        return r;
    if (aiohttp_web_response_informational(response, 103, NULL) != -ASYNCIO_INVALID_STATE)
        return -EPROTO;
    return aiohttp_web_response_write(response, "page", 4);
}

static int hints(void *data)
{
    char answer[2048];
    struct live live;
    (void)data;
    int r = live_start(&live, early);
    if (r >= 0)
        r = live_ask(&live, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
    if (r >= 0) {
        CHECK_BEGINS(answer, "HTTP/1.1 103 Early Hints\r\n"
                             "Link: </style.css>; rel=preload; as=style\r\n"
                             "Link: </x.js>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n");
        CHECK_IS(count_of(answer, "HTTP/1.1 "), 2);
        r = live_ask(&live, "GET / HTTP/1.0\r\n\r\n", answer, sizeof answer);
    }
    if (r >= 0)
        CHECK_BEGINS(answer, "HTTP/1.1 200 OK\r\n");
    return live_end(&live, r);
}

/* Gives back in capitals what comes, after an upgrade or CONNECT. */
static int shout(aiohttp_web_request *request, void *data)
{
    char line[64];
    asyncio_stream *stream;
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    bool is_connect = strcmp(aiohttp_web_request_method(request), "CONNECT") == 0;
    (void)data;
    int r = aiohttp_web_response_upgrade(response, is_connect ? NULL : "shout", &stream);
    if (r == -ASYNCIO_INVALID_STATE) {
        if ((r = aiohttp_web_request_read(request, NULL, NULL)) >= 0)
            r = aiohttp_web_response_upgrade(response, "shout", &stream);
    }
    if (r == -EINVAL)
        return aiohttp_web_http_upgrade_required(request);
    while (r >= 0 && (r = asyncio_stream_readline(stream, line, sizeof line)) > 0) {
        for (int i = 0; i < r; i++)
            line[i] = line[i] >= 'a' && line[i] <= 'z' ? (char)(line[i] - 32) : line[i];
        r = asyncio_stream_write(stream, line, (size_t)r);
    }
    return r;
}

static int upgrades(void *data)
{
    static const struct {
        const char *request, *begins, *body;
    } talks[] = {
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x, Shout\r\n\r\nhe\nho\n",
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: shout\r\nConnection: Upgrade\r\n",
          "HE\nHO\n" },
        { "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\n"
          "Content-Length: 3\r\n\r\nabchey\n",
          "HTTP/1.1 101 ", "HEY\n" },
        { "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nhe\n", "HTTP/1.1 200 OK\r\nDate", "HE\n" },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n",
          "HTTP/1.1 426 ", NULL },
        { "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: shout\r\n\r\n", "HTTP/1.1 426 ", NULL },
        { "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n", "HTTP/1.1 426 ",
          NULL },
    };
    char answer[2048];
    struct live live;
    (void)data;
    int r = live_start(&live, shout);
    for (size_t i = 0; r >= 0 && i < sizeof talks / sizeof *talks; i++)
        if ((r = live_ask(&live, talks[i].request, answer, sizeof answer)) >= 0) {
            CHECK_BEGINS(answer, talks[i].begins);
            if (talks[i].body) {
                CHECK_TEXT(body_of(answer), talks[i].body);
                CHECK(!strstr(answer, "Content-Length"));
                CHECK(!strstr(answer, "chunked"));
            }
        }
    return live_end(&live, r);
}

/* --- trailers --- */

static int tell_trailers(aiohttp_web_request *request, void *data)
{
    char all[1024] = "";
    const char *name, *value;
    (void)data;
    bool early = aiohttp_web_request_trailers(request) != NULL;
    int r = aiohttp_web_request_read(request, NULL, NULL);
    if (r < 0)
        return r;
    const aiohttp_headers *trailers = aiohttp_web_request_trailers(request);
    if (trailers != aiohttp_web_request_trailers(request) || early)
        return -EPROTO;
    for (size_t at = 0; trailers && aiohttp_headers_next(trailers, &at, &name, &value) > 0;)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s=%s;", name, value);
    return aiohttp_web_respondf(request, "%s %s",
                                aiohttp_web_request_header(request, "X-A") ? "?" : "-", all);
}

static int trailers(void *data)
{
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    char answer[2048];
    struct live live;
    (void)data;
    int r = live_start(&live, tell_trailers);
    if (r >= 0)
        r = live_ask(&live, CHUNKED "X-A: 1\r\nX-B:  two  \r\nX-A: \r\n\r\n" CHUNKED "\r\n", answer,
                     sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_IS(count_of(answer, "HTTP/1.1 200 "), 2);
    CHECK_HAS(answer, "\r\n\r\n- X-A=1;X-B=two;X-A=;HTTP");
    CHECK_TEXT(strrchr(answer, '\n') + 1, "- ");
    return 0;
}

/* --- what is no request --- */

static char seen[512];

static int witness(aiohttp_web_request *request, aiohttp_web_next *next)
{
    int r = next(request);
    size_t have = strlen(seen);
    snprintf(seen + have, sizeof seen - have, "%s %s %d;", aiohttp_web_request_method(request),
             aiohttp_web_request_path(request), aiohttp_web_http_status(r));
    if (aiohttp_web_request_header(request, "Host") == NULL) {
        int set = aiohttp_web_response_set_header(aiohttp_web_request_response(request), "X-Seen",
                                                  "yes");
        r = set < 0 ? set : r;
    }
    return r;
}

static int index_page(aiohttp_web_request *request)
{
    return aiohttp_web_respond(request, "index");
}

static int refused(void *data)
{
    static const struct {
        const char *request, *begins, *seen;
    } talks[] = {
        { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 ", "GET / 0;" },
        { "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\nX-Seen: yes\r\n",
          "UNKNOWN / 400;" },
        { "GET / HTTP/3.0\r\nHost: a\r\nX: y\r\n\r\n", "HTTP/1.1 505 ", "UNKNOWN / 505;" },
        { "GET / HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n", "HTTP/1.1 200 ",
          "GET / 0;UNKNOWN / 400;" },
        { "\x16\x03\x01 hello", "HTTP/1.1 400 ", "UNKNOWN / 400;" },
    };
    char answer[4096];
    (void)data;
    aiohttp_test_server *server = NULL;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application_add_middleware(app, witness);
    aiohttp_web_application_add_middleware(app, aiohttp_web_normalize_path_middleware);
    aiohttp_web_application_add_get(app, "/", index_page);
    int r = aiohttp_test_server_new(app, &server);
    for (size_t i = 0; r >= 0 && i < sizeof talks / sizeof *talks; i++) {
        struct live live = { .port = aiohttp_test_server_port(server) };
        seen[0] = '\0';
        if ((r = live_ask(&live, talks[i].request, answer, sizeof answer)) < 0)
            break;
        CHECK_BEGINS(answer, talks[i].begins);
        CHECK_TEXT(seen, talks[i].seen);
    }
    int ended = aiohttp_test_server_close(server);
    aiohttp_web_application_unref(app);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : ended < 0 ? ended : slept;
}

/* --- streams without an end --- */

static int left_with;

static int forever(aiohttp_web_request *request, void *data)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    (void)data;
    int r = aiohttp_web_event_source_prepare(response);
    for (int i = 0; r >= 0; i++)
        if ((r = aiohttp_web_event_source_send(response, "tick")) >= 0)
            r = asyncio_sleep(1000.0);
    return left_with = r;
}

static char rest[2048];

static int read_rest(asyncio_stream *stream)
{
    int r = read_all(stream, rest, sizeof rest - 1);
    if (r >= 0)
        rest[r] = '\0';
    return r;
}

/* The server ends at once, the peer gets a whole answer, and nobody is told of an error. */
static int endless(void *data)
{
    char answer[2048];
    struct live live;
    asyncio_stream *stream = NULL;
    asyncio_task *reader = NULL;
    (void)data;
    left_with = 0;
    int r = live_start(&live, forever);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
    if (r >= 0)
        r = asyncio_stream_readuntil(stream, "tick\n\n", 6, answer, sizeof answer);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(read_rest, stream), &reader);
    double before = asyncio_loop_time(asyncio_get_running_loop());
    r = live_end(&live, r);
    double took = asyncio_loop_time(asyncio_get_running_loop()) - before;
    if (reader) {
        int read = asyncio_await(reader);
        r = r < 0 ? r : read;
    }
    asyncio_task_unref(reader);
    if (r >= 0) {
        CHECK_IS(left_with, -ECANCELED);
        CHECK_TEXT(rest, "\r\n0\r\n\r\n");
        CHECK(took < 4.0);
        CHECK_IS(reports.count, 0);
    }
    if (stream)
        asyncio_stream_close(stream);
    asyncio_stream_unref(stream);
    return r < 0 ? r : 0;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(hints)
CASE(upgrades)
CASE(trailers)
CASE(refused)
CASE(endless)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hints),   cmocka_unit_test(test_upgrades),
        cmocka_unit_test(test_trailers), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_endless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
