/* SPDX-License-Identifier: MIT */
/* Advisories on aiohttp that are about applications and files, each by its name, against a whole
 * server. tests/advisories.md says what each demands. */
/* Valgrind 3.19 does not know openat2, and what takes its place follows no link at all. */
/* TEST: timeout 120; not valgrind */
#include "server/advisories.h"

#include <aiohttp/web_file.h>
#include <fcntl.h>
#include <sys/stat.h>

/* root/ is served; outside/ and what is in it lies beside it. */
static char folder[] = "/tmp/aiohttp-advisories-XXXXXX";
static char root[64];

static void put(const char *name, size_t size, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    for (size_t at = 0; at < size; at += strlen(text))
        assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

static void make(const char *name, const char *link)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(link ? symlink(link, path) : mkdir(path, 0755), 0);
}

static int make_files(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(root, sizeof root, "%s/root", folder);
    make("root", NULL);
    make("outside", NULL);
    make("root/sub", NULL);
    put("root/a.txt", 10, "0123456789");
    put("root/large", 4000000, "0123456789");
    put("root/sub/<img src=x onerror=alert(1)>", 1, "x");
    put("root/sub/\" onmouseover=\"x", 1, "x");
    put("root/c.css", 5, "plain");
    put("outside/secret", 6, "secret");
    make("root/link", "../outside");
    make("root/way", "../outside/secret");
    make("root/inside", "a.txt");
    make("root/absolute", "/etc");
    /* the siblings of a file lead out of the root */
    make("root/c.css.gz", "../outside/secret");
    make("root/c.css.br", "/etc/hostname");
    return 0;
}

static int remove_files(void **state)
{
    char command[160];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? 0 : -1;
}

static int page(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_respond(request, "a page");
}

static int around(aiohttp_web_request *request, aiohttp_web_next *next, void *data)
{
    (void)data;
    return next(request);
}

static int start(struct live *live)
{
    *live = (struct live){ .port = 0 };
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_middleware(app, aiohttp_web_normalize_path_middleware);
    (void)aiohttp_web_application_add_middleware(app, around);
    (void)aiohttp_web_application_add_get(app, "/page/", page);
    (void)aiohttp_web_application_add_static(app, "/s", root, .show_index = 1, .precompressed = 1);
    int r = aiohttp_web_app_runner_new(app, &live->runner, .shutdown_timeout = 5.0);
    aiohttp_web_application_unref(app);
    if (r >= 0)
        r = aiohttp_web_runner_setup(live->runner);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(live->runner, "127.0.0.1", 0, &live->site);
    if (r >= 0)
        r = aiohttp_web_site_start(live->site);
    return r < 0 ? r : (live->port = aiohttp_web_site_port(live->site));
}

static int advise(const struct advice *advice, size_t count)
{
    struct live live;
    int r = start(&live);
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

#define FILE_OF(path, fields) "GET /s" path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
/* One answer, in which a text is not. */
#define HIDDEN(status, hidden, path, fields)                                                       \
    { FILE_OF(path, fields), sizeof(FILE_OF(path, fields)) - 1, 1, "HTTP/1.1 " #status, hidden,    \
      false }

#define ELSEWHERE(begins, text) { text, sizeof(text) - 1, 1, begins, "Location: //", false }
ADVISORY(CVE_2021_21330,
         ELSEWHERE("HTTP/1.1 ", "GET //evil.com/.. HTTP/1.1\r\nHost: a\r\n\r\n"),
         ELSEWHERE("HTTP/1.1 ", "GET //evil.com/page HTTP/1.1\r\nHost: a\r\n\r\n"),
         ELSEWHERE("HTTP/1.1 308 ", "GET ///page// HTTP/1.1\r\nHost: a\r\n\r\n"),
         ELSEWHERE("HTTP/1.1 308 ", "GET //page HTTP/1.1\r\nHost: a\r\n\r\n"))

/* No way out of the root, by dots or by a link. */
ADVISORY(CVE_2024_23334, HIDDEN(40, "secret", "/../outside/secret", ""),
         HIDDEN(40, "secret", "/%2e%2e/outside/secret", ""),
         HIDDEN(40, "secret", "/..%2foutside%2fsecret", ""),
         HIDDEN(40, "secret", "/sub/../../outside/secret", ""),
         HIDDEN(40, "secret", "/link/secret", ""), HIDDEN(40, "secret", "/way", ""),
         HIDDEN(40, "root:", "/absolute/passwd", ""), HIDDEN(40, "secret", "/link/", ""),
         HIDDEN(200, "secret", "/inside", ""))

ADVISORY(CVE_2024_27306, HIDDEN(200, "<img src", "/sub/", ""),
         HIDDEN(200, "onmouseover=\"x", "/sub/", ""))

/* Siblings are opened as their file is. */
ADVISORY(CVE_2024_42367, HIDDEN(200, "secret", "/c.css", "Accept-Encoding: gzip\r\n"),
         HIDDEN(200, "Content-Encoding", "/c.css", "Accept-Encoding: br, gzip\r\n"))

/* Digits of another alphabet are no range. */
ADVISORY(CVE_2025_69225, HIDDEN(416, "bytes 1-2", "/a.txt", "Range: bytes=\xd9\xa1-2\r\n"),
         HIDDEN(206, "secret", "/a.txt", "Range: bytes=1-2\r\n"))

/* Backslashes, drives and hosts are names like others; NUL is in none. */
ADVISORY(CVE_2026_34515, HIDDEN(404, "secret", "/..%5coutside%5csecret", ""),
         HIDDEN(404, "secret", "/%5c%5chost%5cshare", ""), HIDDEN(404, "secret", "/C:%5cx", ""),
         HIDDEN(40, "0123", "/a.txt%00.html", ""))

/* What is outside and there is answered as what is outside and not there. */
static int CVE_2025_69226(void *data)
{
    static const char *const pairs[][2] = {
        { FILE_OF("/../../etc/passwd", ""), FILE_OF("/../../etc/no-such", "") },
        { FILE_OF("/%2e%2e/%2e%2e/etc/passwd", ""), FILE_OF("/%2e%2e/%2e%2e/etc/no-such", "") },
        { FILE_OF("//etc/passwd", ""), FILE_OF("//etc/no-such", "") },
        { FILE_OF("/link/secret", ""), FILE_OF("/link/no-such", "") },
        { FILE_OF("/absolute/passwd", ""), FILE_OF("/absolute/no-such", "") },
    };
    char answers[2][4096];
    struct live live;
    (void)data;
    int r = start(&live);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs && r >= 0; i++) {
        for (int k = 0; k < 2 && r >= 0; k++)
            r = live_ask(&live, pairs[i][k], answers[k], sizeof answers[k]);
        if (r < 0)
            break;
        for (int k = 0; k < 2; k++)
            answers[k][strcspn(answers[k], "\r")] = '\0';
        CHECK_TEXT(answers[0], answers[1]);
        CHECK_BEGINS(answers[0], "HTTP/1.1 4");
    }
    return live_end(&live, r);
}

static int ask_for_nothing(asyncio_stream *stream, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char text[200], answer[1000];
        int size = snprintf(text, sizeof text, "%s /none-%d/%d HTTP/1.1\r\nHost: h%d\r\n\r\n",
                            i % 2 ? "GET" : "PUT", i, i, i);
        int r = asyncio_stream_write(stream, text, (size_t)size);
        if (r >= 0)
            r = asyncio_stream_readuntil(stream, "Not Found", 9, answer, sizeof answer);
        if (r >= 0)
            r = asyncio_stream_readuntil(stream, ": Not Found", 11, answer, sizeof answer);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Nothing is kept of paths that are not there. */
static int CVE_2024_52303(void *data)
{
    int count = world.is_chopped || world.is_seeded ? 20 : 1000;
    asyncio_stream *stream = NULL;
    struct live live;
    (void)data;
    int r = start(&live);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = ask_for_nothing(stream, 0, count);
    uint64_t blocks = asyncio__alloc_live();
    if (r >= 0)
        r = ask_for_nothing(stream, count, count);
    bool is_flat = asyncio__alloc_live() <= blocks + 8;
    asyncio_stream_unref(stream);
    r = live_end(&live, r);
    if (r >= 0)
        CHECK(is_flat);
    return r;
}

/* A peer that goes in the middle of a file: run_once finds a descriptor that is left. */
static int CVE_2026_54280(void *data)
{
    const char *text = FILE_OF("/large", "");
    char piece[1000];
    asyncio_stream *stream = NULL;
    struct live live;
    (void)data;
    int r = start(&live);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, text, strlen(text));
    if (r >= 0)
        r = asyncio_stream_read(stream, piece, sizeof piece);
    if (r >= 0)
        CHECK(r > 0);
    if (stream)
        asyncio_stream_abort(stream);
    asyncio_stream_unref(stream);
    r = live_end(&live, r);
    if (r >= 0)
        CHECK_IS(reports.count, 0);
    return r;
}

#define TESTS(X)                                                                                   \
    X(CVE_2021_21330) X(CVE_2024_23334) X(CVE_2024_27306) X(CVE_2024_42367) X(CVE_2025_69225)      \
    X(CVE_2026_34515) X(CVE_2025_69226) X(CVE_2024_52303) X(CVE_2026_54280)

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
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
