/* SPDX-License-Identifier: MIT */
/* Answers that are files: conditions, ranges, siblings, what is no file; cookies. */
#include "web/old_file.h"

#include <asyncio/exit_stack.h>
#include <stdlib.h>

static char folder[] = "/tmp/aiohttp-files-XXXXXX";

static void put(const char *name, const char *text, size_t size)
{
    put_old_file(folder, name, text, size);
}

static char large[300000];

static int make_files(void **state)
{
    char path[128];
    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)('a' + i % 23);
    put("a.txt", "0123456789", 10);
    put("empty.html", "", 0);
    put("large.bin", large, sizeof large);
    put("c.css", "plain", 5);
    put("c.css.gz", "gzipped", 7);
    put("c.css.br", "brotli", 6);
    snprintf(path, sizeof path, "%s/sub", folder);
    assert_int_equal(mkdir(path, 0755), 0);
    put("sub/b.txt", "below", 5);
    put("sub/<b>", "strange", 7);
    put(".hidden", "secret", 6);
    snprintf(path, sizeof path, "%s/out", folder);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    snprintf(path, sizeof path, "%s/in", folder);
    assert_int_equal(symlink("a.txt", path), 0);
    return 0;
}

static int remove_files(void **state)
{
    char command[160];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? 0 : -1;
}

static int handler(aiohttp_web_request *request, void *data)
{
    (void)data;
    const char *path = aiohttp_web_request_path(request);
    char *file = asyncio_printf("%s%s", folder, path ? path : "");
    if (!file)
        return -ENOMEM;
    if (path && strcmp(path, "/both") == 0) {
        /* What is set later counts, and the file is closed. */
        file = asyncio_printf("%s/a.txt", folder);
        int r = file ? aiohttp_web_file_response(request, file) : -ENOMEM;
        return r < 0 ? r : aiohttp_web_respond(request, "other");
    }
    return aiohttp_web_file_response(request, file, .precompressed = 1);
}

struct talk {
    const char *path, *fields, *begins, *has, *body;
};

#define TAG "\"15e59a35b98a0000-a\"" /* of 1577836800 seconds and 10 bytes */

static const struct talk talks[] = {
    { "/a.txt", "", "HTTP/1.1 200 ", "\r\nContent-Length: 10\r\n", "0123456789" },
    { "/a.txt", "", "HTTP/1.1 200 ", "\r\nContent-Type: text/plain; charset=utf-8\r\n", NULL },
    { "/a.txt", "", "HTTP/1.1 200 ", "\r\nLast-Modified: Wed, 01 Jan 2020 00:00:00 GMT\r\n",
      NULL },
    { "/a.txt", "", "HTTP/1.1 200 ", "\r\nETag: " TAG "\r\n", NULL },
    { "/empty.html", "", "HTTP/1.1 200 ", "\r\nContent-Length: 0\r\n", "" },
    { "/both", "", "HTTP/1.1 200 ", "\r\nContent-Length: 5\r\n", "other" },
    { "/none", "", "HTTP/1.1 404 ", "", "404: Not Found" },
    { "/sub", "", "HTTP/1.1 403 ", "", "403: Forbidden" },
    { "/a.txt/x", "", "HTTP/1.1 404 ", "", NULL },
    /* conditions */
    { "/a.txt", "If-None-Match: " TAG "\r\n", "HTTP/1.1 304 ", "\r\nETag: ", "" },
    { "/a.txt", "If-None-Match: W/" TAG "\r\n", "HTTP/1.1 304 ", "", "" },
    { "/a.txt", "If-None-Match: \"x\", *\r\n", "HTTP/1.1 ", "", NULL },
    { "/a.txt", "If-None-Match: \"x\"\r\n", "HTTP/1.1 200 ", "", "0123456789" },
    { "/a.txt", "If-Match: \"x\"\r\n", "HTTP/1.1 412 ", "", NULL },
    { "/a.txt", "If-Match: W/" TAG "\r\n", "HTTP/1.1 412 ", "", NULL },
    { "/a.txt", "If-Match: " TAG "\r\n", "HTTP/1.1 200 ", "", "0123456789" },
    { "/a.txt", "If-Modified-Since: Wed, 01 Jan 2020 00:00:00 GMT\r\n", "HTTP/1.1 304 ", "", "" },
    { "/a.txt", "If-Modified-Since: Tue, 31 Dec 2019 23:59:59 GMT\r\n", "HTTP/1.1 200 ", "",
      NULL },
    { "/a.txt", "If-Modified-Since: yesterday\r\n", "HTTP/1.1 200 ", "", NULL },
    { "/a.txt", "If-Unmodified-Since: Tue, 31 Dec 2019 23:59:59 GMT\r\n", "HTTP/1.1 412 ", "",
      NULL },
    /* ranges */
    { "/a.txt", "Range: bytes=2-4\r\n", "HTTP/1.1 206 ", "\r\nContent-Range: bytes 2-4/10\r\n",
      "234" },
    { "/a.txt", "Range: bytes=-3\r\n", "HTTP/1.1 206 ", "\r\nContent-Range: bytes 7-9/10\r\n",
      "789" },
    { "/a.txt", "Range: bytes=8-\r\n", "HTTP/1.1 206 ", "\r\nContent-Length: 2\r\n", "89" },
    { "/a.txt", "Range: bytes=10-\r\n", "HTTP/1.1 416 ", "\r\nContent-Range: bytes */10\r\n",
      NULL },
    { "/a.txt", "Range: bytes=-0\r\n", "HTTP/1.1 416 ", "", NULL },
    { "/a.txt", "Range: lines=1-2\r\n", "HTTP/1.1 200 ", "", "0123456789" },
    { "/a.txt", "Range: bytes=2-4\r\nIf-Range: " TAG "\r\n", "HTTP/1.1 206 ", "", "234" },
    { "/a.txt", "Range: bytes=2-4\r\nIf-Range: \"x\"\r\n", "HTTP/1.1 200 ", "", "0123456789" },
    { "/a.txt", "Range: bytes=2-4\r\nIf-Range: Wed, 01 Jan 2020 00:00:00 GMT\r\n",
      "HTTP/1.1 206 ", "", "234" },
    /* another date, also a later one, is that of another file (RFC 9110, 13.1.5) */
    { "/a.txt", "Range: bytes=2-4\r\nIf-Range: Wed, 01 Jan 2020 00:00:01 GMT\r\n",
      "HTTP/1.1 200 ", "", "0123456789" },
    { "/a.txt", "Range: bytes=2-4\r\nIf-Range: Tue, 31 Dec 2019 23:59:59 GMT\r\n",
      "HTTP/1.1 200 ", "", "0123456789" },
    { "/a.txt", "Range: bytes=0-1,5-6\r\n", "HTTP/1.1 206 ",
      "\r\nContent-Type: multipart/byteranges; boundary=", NULL },
    /* siblings */
    { "/c.css", "", "HTTP/1.1 200 ", "\r\nVary: Accept-Encoding\r\n", "plain" },
    { "/c.css", "Accept-Encoding: gzip\r\n", "HTTP/1.1 200 ", "\r\nContent-Encoding: gzip\r\n",
      "gzipped" },
    { "/c.css", "Accept-Encoding: gzip, br\r\n", "HTTP/1.1 200 ", "\r\nContent-Encoding: br\r\n",
      "brotli" },
    { "/c.css", "Accept-Encoding: gzip, br;q=0.5\r\n", "HTTP/1.1 200 ",
      "\r\nContent-Type: text/css; charset=utf-8\r\n", "gzipped" },
    { "/c.css", "Accept-Encoding: br;q=0\r\n", "HTTP/1.1 200 ", "", "plain" },
};

static int talk_all(struct live *live, const struct talk *all, size_t count)
{
    static char answer[65536];
    for (size_t i = 0; i < count; i++) {
        int r = live_get(live, all[i].path, all[i].fields, answer, sizeof answer);
        if (r < 0)
            return r;
        CHECK_BEGINS(answer, all[i].begins);
        CHECK_HAS(answer, all[i].has);
        if (all[i].body)
            CHECK_TEXT(body_of(answer), all[i].body);
    }
    return 0;
}

static int files(void *data)
{
    struct live live;
    (void)data;
    int r = live_start(&live, handler);
    if (r >= 0)
        r = talk_all(&live, talks, sizeof talks / sizeof *talks);
    return live_end(&live, r);
}

/* ---- add_static ---- */

static const struct talk statics[] = {
    { "/s/a.txt", "", "HTTP/1.1 200 ", "\r\nX-Own: 1\r\n", "0123456789" },
    { "/s/sub/b.txt", "", "HTTP/1.1 200 ", "", "below" },
    { "/s/c.css", "Accept-Encoding: br\r\n", "HTTP/1.1 200 ", "", "brotli" },
    { "/s/none", "", "HTTP/1.1 404 ", "", NULL },
    { "/s/.hidden", "", "HTTP/1.1 404 ", "", NULL },
    { "/s/../files_test.c", "", "HTTP/1.1 40", "", NULL },
    { "/s/%2e%2e/%2e%2e/etc/passwd", "", "HTTP/1.1 40", "", NULL },
    { "/s/..%2f..%2fetc/passwd", "", "HTTP/1.1 40", "", NULL },
    { "/s//etc/passwd", "", "HTTP/1.1 404 ", "", NULL },
    { "/s/out", "", "HTTP/1.1 403 ", "", NULL },
    { "/s/in", "", "HTTP/1.1 200 ", "", "0123456789" },
    { "/s/sub", "", "HTTP/1.1 302 ", "\r\nLocation: /s/sub/\r\n", NULL },
    { "/s/sub/", "", "HTTP/1.1 200 ", "<a href=\"./%3Cb%3E\">&lt;b&gt;</a>", NULL },
    { "/i/", "", "HTTP/1.1 200 ", "", "0123456789" },
    { "/i/sub/", "", "HTTP/1.1 404 ", "", NULL },
    { "/p/", "", "HTTP/1.1 403 ", "", NULL },
    { "/p/out", "", "HTTP/1.1 200 ", "", NULL },
    { "/p/.hidden", "", "HTTP/1.1 200 ", "", "secret" },
};

static int statics_of(aiohttp_web_application *app)
{
    static const char *const own[] = { "X-Own", "1", NULL };
    int r = aiohttp_web_application_add_static(app, "/s", folder, .show_index = 1, .name = "files",
                                               .precompressed = 1, .headers = own);
    if (r >= 0)
        r = aiohttp_web_application_add_static(app, "/i/", folder, .index = "a.txt");
    return r < 0 ? r
                 : aiohttp_web_application_add_static(app, "/p", folder,
                                                      .break_symlink_sandbox = 1, .dot_files = 1);
}

/* What url_for says of a file, in *ret_url (room for 128). */
static int url_of(aiohttp_web_application *app, const char *name, const char *const *query,
                  char *ret_url)
{
    const char *const info[] = { "filename", name, NULL };
    const char *url;
    asyncio_exit_stack stack;
    int r = asyncio_exit_stack_enter(&stack);
    if (r >= 0)
        r = aiohttp_web_application_url_for(app, "files", &url, .match_info = info,
                                            .query = query, .append_version = 1);
    if (r >= 0)
        snprintf(ret_url, 128, "%s", url);
    return asyncio_exit_stack_exit(&stack, r);
}

/* A version changes with its file and with nothing else. */
static int versions(aiohttp_web_application *app)
{
    static const char *const query[] = { "a", "b", NULL };
    char first[128], again[128], changed[128], none[128], more[128];
    put("v.txt", "one", 3);
    int r = url_of(app, "v.txt", NULL, first);
    if (r >= 0)
        r = url_of(app, "v.txt", NULL, again);
    if (r >= 0)
        r = url_of(app, "v.txt", query, more);
    put("v.txt", "other", 5);
    if (r >= 0)
        r = url_of(app, "v.txt", NULL, changed);
    if (r >= 0)
        r = url_of(app, "none", NULL, none);
    if (r < 0)
        return r;
    CHECK_BEGINS(first, "/s/v.txt?v=");
    CHECK_IS((int)strlen(first), (int)strlen("/s/v.txt?v=") + 16);
    CHECK_TEXT(again, first);
    CHECK(strcmp(changed, first) != 0);
    CHECK_TEXT(none, "/s/none");
    CHECK_BEGINS(more, first);
    CHECK_TEXT(more + strlen(first), "&a=b");
    CHECK_IS(url_of(app, "../files_test.c", NULL, none), 0); /* nothing outside has one */
    CHECK(!strchr(none, '?'));
    return 0;
}

static int add_static(void *data)
{
    (void)data;
    aiohttp_web_runner *runner = NULL;
    aiohttp_web_site *site = NULL;
    aiohttp_web_application *app = aiohttp_web_application_new();
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = statics_of(app);
    int wrong = aiohttp_web_application_add_static(NULL, "/x", folder);
    if (wrong == -ENOMEM)
        wrong = aiohttp_web_application_add_static(NULL, "/x", "/nowhere");
    if (r >= 0)
        r = aiohttp_web_app_runner_new(app, &runner);
    if (r >= 0)
        r = aiohttp_web_runner_setup(runner);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(runner, "127.0.0.1", 0, &site);
    if (r >= 0)
        r = aiohttp_web_site_start(site);
    if (r >= 0) {
        struct live live = { .port = aiohttp_web_site_port(site) };
        r = talk_all(&live, statics, sizeof statics / sizeof *statics);
    }
    if (r >= 0)
        r = versions(app);
    int ended = runner ? aiohttp_web_runner_cleanup(runner) : 0;
    aiohttp_web_site_unref(site);
    aiohttp_web_runner_unref(runner);
    aiohttp_web_application_unref(app);
    int slept = asyncio_sleep(0);
    if (r >= 0)
        CHECK_IS(wrong, -ENOMEM); /* no application */
    return r < 0 ? r : ended < 0 ? ended : slept;
}

/* What does not fit is refused, not cut. */
static int long_prefix(void *data)
{
    char prefix[512];
    (void)data;
    aiohttp_web_application *app = aiohttp_web_application_new();
    memset(prefix, 'a', sizeof prefix);
    prefix[0] = '/';
    int all = 0;
    for (size_t size = sizeof prefix - 1; size > sizeof prefix - 15; size--) {
        prefix[size] = '\0';
        int r = aiohttp_web_application_add_static(app, prefix, folder);
        all = r == -EINVAL || r == -ENOMEM ? all : -EPROTO;
    }
    aiohttp_web_application_unref(app);
    return all;
}

static int several(void *data)
{
    char answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_ask(&live,
                     "GET /a.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1,5-6\r\n\r\n"
                     "GET /none HTTP/1.1\r\nHost: a\r\n\r\n",
                     answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_HAS(answer, "\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n--");
    CHECK_HAS(answer, "\r\nContent-Range: bytes 5-6/10\r\n\r\n56\r\n--");
    CHECK_HAS(answer, "--\r\nHTTP/1.1 404 "); /* its length was right */
    return 0;
}

static int whole(void *data)
{
    static char answer[sizeof large + 4096];
    struct live live;
    (void)data;
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_ask(&live, "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_HAS(answer, "\r\nContent-Length: 300000\r\n");
    CHECK(memcmp(body_of(answer), large, sizeof large) == 0);
    return 0;
}

/* What is small goes out with its head, what is not by itself: at the edge, and behind one
 * another. */
static int edges(void *data)
{
    static const size_t sizes[] = { 1, 1023, 3400, 3800, 3850, 3900, 4096, 4097, 9000 };
    static char answer[3 * 16384];
    const char *request = "GET /edge.bin HTTP/1.1\r\nHost: a\r\n\r\n"
                          "GET /edge.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\n\r\n"
                          "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    struct live live;
    (void)data;
    int r = live_start(&live, handler);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && r >= 0; i++) {
        put("edge.bin", large, sizes[i]);
        if ((r = live_ask(&live, request, answer, sizeof answer)) < 0)
            break;
        const char *body = body_of(answer);
        CHECK(memcmp(body, large, sizes[i]) == 0);
        CHECK_BEGINS(body + sizes[i], "HTTP/1.1 206 ");
        body = body_of(body + sizes[i]);
        CHECK(memcmp(body, large, sizes[i]) == 0);
        CHECK_BEGINS(body + sizes[i], "HTTP/1.1 200 ");
        CHECK_TEXT(body_of(body + sizes[i]), "0123456789");
    }
    return live_end(&live, r);
}

static int shortener(aiohttp_web_request *request, void *data)
{
    char path[128];
    const char *asked = aiohttp_web_request_path(request);
    if (!asked)
        return -ENOMEM;
    int r = handler(request, data);
    snprintf(path, sizeof path, "%s/short.txt", folder);
    if (r >= 0 && strcmp(asked, "/short.txt") == 0)
        r = truncate(path, 3) < 0 ? -errno : 0;
    return r;
}

/* A file that becomes shorter ends the connection; what was answered before arrives. */
static int shorter(void *data)
{
    static const size_t sizes[] = { 10, 100000 };
    static char answer[sizeof large];
    struct live live;
    (void)data;
    int r = live_start(&live, shortener);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && r >= 0; i++) {
        put("short.txt", large, sizes[i]);
        r = live_ask(&live,
                     "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"
                     "GET /short.txt HTTP/1.1\r\nHost: a\r\n\r\n"
                     "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
                     answer, sizeof answer);
        if (r == -ECONNRESET) /* cut off with requests unread */
            r = 0;
        else if (r >= 0) {
            CHECK_BEGINS(body_of(answer), "0123456789HTTP/1.1 200 ");
            CHECK(strlen(body_of(body_of(answer))) <= 3);
        }
    }
    return live_end(&live, r);
}

static int baker(aiohttp_web_request *request, void *data)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    (void)data;
    int r = aiohttp_web_response_set_cookie(response, "a", "1");
    if (r >= 0)
        r = aiohttp_web_response_set_cookie(response, "b", "2", .max_age = 60, .httponly = 1,
                                            .samesite = "Lax");
    if (r >= 0)
        r = aiohttp_web_response_set_cookie(response, "a", "3", .path = "/x", .secure = 1);
    if (r >= 0)
        r = aiohttp_web_response_del_cookie(response, "c");
    if (r >= 0)
        r = aiohttp_web_response_set_cookie(response, "d", "1;\r\nX: y"); /* in quotes */
    if (r >= 0 && aiohttp_web_response_set_cookie(response, "e f", "1") >= 0)
        r = -EPROTO;
    return r < 0 ? r : aiohttp_web_respond(request, "baked");
}

static int cookies(void *data)
{
    char answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, baker);
    if (r >= 0)
        r = live_ask(&live, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 200 ");
    CHECK_HAS(answer, "\r\nSet-Cookie: a=3;");
    CHECK_HAS(answer, "\r\nSet-Cookie: b=2;");
    CHECK_HAS(answer, "\r\nSet-Cookie: c=");
    CHECK_HAS(answer, "Max-Age=0");
    CHECK_HAS(answer, "SameSite=Lax");
    CHECK(!strstr(answer, "a=1"));
    CHECK(!strstr(answer, "\r\nX: y"));
    return 0;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(files)
CASE(long_prefix)
CASE(several)
CASE(whole)
CASE(edges)
CASE(shorter)
CASE(cookies)
CASE(add_static)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_long_prefix),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_shorter),
        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_add_static),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
