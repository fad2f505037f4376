/* SPDX-License-Identifier: MIT */
/* Requests that say what they mean in an unusual way: lists over several lines, escapes within
 * escapes, lists of thousands, an expectation when there is no memory. */
#include "web/old_file.h"

#include <aiohttp/payload.h>
#include <aiohttp/test_utils.h>
#include <aiohttp/web_exceptions.h>
#include <aiohttp/web_file.h>
#include <asyncio/exit_stack.h>

struct talk {
    const char *path, *fields, *begins, *has;
};

static int talk_all(struct live *live, const struct talk *talks, size_t count)
{
    char answer[8192];
    for (size_t i = 0; i < count; i++) {
        int r = live_get(live, talks[i].path, talks[i].fields, answer, sizeof answer);
        if (r < 0)
            return r;
        CHECK_BEGINS(answer, talks[i].begins);
        CHECK_HAS(answer, talks[i].has);
    }
    return 0;
}

static int run_talks(aiohttp_web_handler *handler, const struct talk *talks, size_t count)
{
    struct live live;
    int r = live_start(&live, handler);
    if (r >= 0)
        r = talk_all(&live, talks, count);
    return live_end(&live, r);
}

/* --- lists over several lines (RFC 9110, 5.3) --- */

static char folder[] = "/tmp/aiohttp-disguised-XXXXXX";

static void put(const char *name, const char *text)
{
    put_old_file(folder, name, text, strlen(text));
}

static int make_files(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    put("a.txt", "0123456789");
    put("a.txt.br", "brotli");
    put("a.txt.gz", "gzipped");
    return 0;
}

static int remove_files(void **state)
{
    static const char *const names[] = { "a.txt", "a.txt.br", "a.txt.gz" };
    char path[128];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static int a_file(aiohttp_web_request *request, void *data)
{
    (void)data;
    char path[128];
    const char *what = aiohttp_web_request_path(request);
    if (!what || strcmp(what, "/none") == 0)
        return what ? aiohttp_web_http_not_found(request) : -ENOMEM;
    snprintf(path, sizeof path, "%s/a.txt", folder);
    return aiohttp_web_file_response(request, path, .precompressed = 1);
}

#define TAG "\"15e59a35b98a0000-a\"" /* of 1577836800 seconds and 10 bytes */

static int lists(void *data)
{
    static const struct talk talks[] = {
        { "/", "If-None-Match: \"x\"\r\nIf-None-Match: " TAG "\r\n", "HTTP/1.1 304 ", "" },
        { "/", "If-None-Match: \"x\"\r\nIf-None-Match: *\r\n", "HTTP/1.1 304 ", "" },
        { "/", "If-None-Match: \"x\"\r\nIf-None-Match: \"y\"\r\n", "HTTP/1.1 200 ", "" },
        { "/", "If-Match: \"x\"\r\nIf-Match: \"y\", " TAG "\r\n", "HTTP/1.1 200 ", "" },
        { "/", "If-Match: \"x\"\r\nIf-Match: \"y\"\r\n", "HTTP/1.1 412 ", "" },
        { "/", "Accept-Encoding: gzip;q=0.5\r\nAccept-Encoding: br\r\n", "HTTP/1.1 200 ",
          "\r\nContent-Encoding: br\r\n" },
        { "/", "Accept-Encoding: deflate\r\nAccept-Encoding: gzip\r\n", "HTTP/1.1 200 ",
          "\r\nContent-Encoding: gzip\r\n" },
        { "/none", "Accept: text/plain;q=0.1\r\nAccept: text/html\r\n", "HTTP/1.1 404 ",
          "<!DOCTYPE html>" },
    };
    (void)data;
    return run_talks(a_file, talks, sizeof talks / sizeof *talks);
}

static void test_lists(void **state)
{
    (void)state;
    run_everywhere(lists);
}

/* The tags as a handler sees them. */
static int tags(aiohttp_web_request *request, void *data)
{
    (void)data;
    char text[256] = "";
    size_t position = 0, size = 0;
    aiohttp_etag tag;
    int r;
    while ((r = aiohttp_web_request_if_match_next(request, &position, &tag)) > 0)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s|", tag.value);
    return r < 0 ? r : aiohttp_web_respond(request, text);
}

static int all_tags(void *data)
{
    static const struct talk talks[] = {
        { "/", "If-Match: \"a\", W/\"b\"\r\nX: y\r\nIf-Match: \"c\"\r\nIf-Match: *\r\n",
          "HTTP/1.1 200 ", "\r\n\r\na|b|c|*|" },
        { "/", "If-Match: \"a\", b\r\nIf-Match: \"c\"\r\n", "HTTP/1.1 200 ", "\r\n\r\na|c|" },
    };
    (void)data;
    return run_talks(tags, talks, sizeof talks / sizeof *talks);
}

static void test_all_tags(void **state)
{
    (void)state;
    run_everywhere(all_tags);
}

/* An upgrade whose protocol is in the second line. */
static int upgrades(aiohttp_web_request *request, void *data)
{
    (void)data;
    asyncio_stream *stream;
    int r = aiohttp_web_response_upgrade(aiohttp_web_request_response(request), "echo", &stream);
    return r < 0 ? r : asyncio_stream_write(stream, "hello", 5);
}

static int second_upgrade(void *data)
{
    static const struct talk talks[] = {
        { "/", "Connection: upgrade\r\nUpgrade: other\r\nUpgrade: echo\r\n", "HTTP/1.1 101 ",
          "\r\n\r\nhello" },
    };
    (void)data;
    return run_talks(upgrades, talks, 1);
}

static void test_second_upgrade(void **state)
{
    (void)state;
    run_everywhere(second_upgrade);
}

/* --- thousands, and two who go through them at the same time --- */

enum { MANY = 2000 };

static int count_all(aiohttp_web_request *request, void *data)
{
    (void)data;
    const char *name, *value, *other;
    size_t fast = 0, slow = 0, cookie = 0;
    int count = 0, cookies = 0, forwarded = 0, r;
    while ((r = aiohttp_web_request_query_next(request, &fast, &name, &value)) > 0) {
        if (atoi(value) != count++)
            return -EPROTO;
        if (count % 2 == 0)
            continue;
        r = aiohttp_web_request_query_next(request, &slow, NULL, &other);
        if (r <= 0 || atoi(other) != count / 2)
            return r < 0 ? r : -EPROTO;
    }
    while (r >= 0 && (r = aiohttp_web_request_cookie_next(request, &cookie, &name, &value)) > 0)
        if (atoi(value) != cookies++)
            return -EPROTO;
    aiohttp_web_forwarded element;
    for (size_t at = 0; r >= 0 &&
                        (r = aiohttp_web_request_forwarded_next(request, &at, &element)) > 0;
         forwarded++)
        if (element.for_ && atoi(element.for_) != forwarded)
            return -EPROTO;
    return r < 0 ? r : aiohttp_web_respondf(request, "%d %d %d", count, cookies, forwarded);
}

static int add_list(char *out, size_t room, int from, int to, const char *form)
{
    size_t size = 0;
    for (int i = from; i < to; i++)
        size += (size_t)snprintf(out + size, room - size, form, i);
    return (int)size;
}

static int many(void *data)
{
    static char request[4 * 8192];
    char answer[4096];
    struct live live;
    (void)data;
    int size = snprintf(request, sizeof request, "GET /?");
    size += add_list(request + size, sizeof request - (size_t)size, 0, 1000, "a=%d&");
    size += snprintf(request + size, sizeof request - (size_t)size, " HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 4; i++) {
        size += snprintf(request + size, sizeof request - (size_t)size, "Cookie: ");
        size += add_list(request + size, sizeof request - (size_t)size, i * MANY / 8,
                         (i + 1) * MANY / 8, "a=%d; ");
        size += snprintf(request + size, sizeof request - (size_t)size, "\r\nForwarded: ");
        size += add_list(request + size, sizeof request - (size_t)size, i * MANY / 8,
                         (i + 1) * MANY / 8, i == 3 ? "for=%d;by=b," : "for=%d,");
        size += snprintf(request + size, sizeof request - (size_t)size, "\r\n");
    }
    size += snprintf(request + size, sizeof request - (size_t)size, "\r\n");
    assert_true((size_t)size < sizeof request - 1);
    int r = live_start(&live, count_all);
    if (r >= 0)
        r = live_ask(&live, request, answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_TEXT(body_of(answer), "1000 1000 1000");
    return 0;
}

static void test_many(void **state)
{
    (void)state;
    if (allocation_is_failing())
        return; /* they are as many as its pairs */
    run_everywhere(many);
}

/* --- what stands between the parts says nothing of the server --- */

static int boundaries(void *data)
{
    static const char ask[] = "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1,5-6\r\n\r\n";
    static const char mark[] = "boundary=";
    char answer[8192], first[32], again[sizeof ask * 2];
    struct live live;
    (void)data;
    int r = live_start(&live, a_file);
    snprintf(again, sizeof again, "%s%s", ask, ask);
    if (r >= 0)
        r = live_ask(&live, again, answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    const char *at = strstr(answer, mark);
    CHECK(at != NULL);
    snprintf(first, sizeof first, "%.16s", at + sizeof mark - 1);
    CHECK_IS((int)strspn(first, "0123456789abcdef"), 16);
    at = strstr(at + 1, mark);
    CHECK(at != NULL);
    CHECK(strncmp(at + sizeof mark - 1, first, 16) != 0); /* of the same place in memory */
    return 0;
}

static void test_boundaries(void **state)
{
    (void)state;
    run_everywhere(boundaries);
}

/* --- applications --- */

static int run_app_talks(aiohttp_web_application *app, int made, const struct talk *talks,
                         size_t count)
{
    aiohttp_test_server *server = NULL;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = made < 0 ? made : aiohttp_test_server_new(app, &server);
    aiohttp_web_application_unref(app);
    struct live live = { .port = r < 0 ? 0 : aiohttp_test_server_port(server) };
    if (r >= 0)
        r = talk_all(&live, talks, count);
    int closed = server ? aiohttp_test_server_close(server) : 0;
    int slept = asyncio_sleep(0);
    return r < 0 ? r : closed < 0 ? closed : slept;
}

/* --- what is decoded is not decoded again --- */

static int say_name(aiohttp_web_request *request, void *data)
{
    (void)data;
    const char *name = aiohttp_web_request_match_info(request, "name");
    const char *path = aiohttp_web_request_path(request);
    return name && path ? aiohttp_web_respondf(request, "%s %s", name, path) : -ENOMEM;
}

static int decoded_once(void *data)
{
    static const struct talk talks[] = {
        { "/n/%2e%2E", "", "HTTP/1.1 200 ", "\r\n\r\n.. /n/.." },
        { "/n/a%2fb", "", "HTTP/1.1 200 ", "\r\n\r\na/b /n/a%2fb" },
        { "/n/%252e", "", "HTTP/1.1 200 ", "\r\n\r\n%2e /n/%252e" },
        { "/n/%2%65", "", "HTTP/1.1 200 ", "\r\n\r\n%2e /n/%252e" },
        { "/n/%%32e", "", "HTTP/1.1 200 ", "\r\n\r\n%2e /n/%252e" },
        { "/n/%%32%65", "", "HTTP/1.1 200 ", "\r\n\r\n%2e /n/%252e" },
        { "/n/%%32%46", "", "HTTP/1.1 200 ", "\r\n\r\n%2F /n/%252F" },
        { "/n/%%30%30", "", "HTTP/1.1 200 ", "\r\n\r\n%00 /n/%2500" },
        { "/n/%00", "", "HTTP/1.1 200 ", "\r\n\r\n%00 /n/%00" },
        { "/n/100%", "", "HTTP/1.1 200 ", "\r\n\r\n100% /n/100%25" },
        { "/n/%C3%%41%39", "", "HTTP/1.1 200 ", "\r\n\r\n%C3%A9 /n/%C3%25A9" },
        { "/n/%C3%A9", "", "HTTP/1.1 200 ", "\r\n\r\n\xc3\xa9 /n/\xc3\xa9" },
    };
    (void)data;
    aiohttp_web_application *app = aiohttp_web_application_new();
    int r = aiohttp_web_application_add_get(app, "/n/{name}", say_name);
    return run_app_talks(app, r, talks, sizeof talks / sizeof *talks);
}

static void test_decoded_once(void **state)
{
    (void)state;
    run_everywhere(decoded_once);
}

/* --- an expect handler is asked, or nobody is: also when there is no memory --- */

static int asked, served;

static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)context;
    (void)data;
}

static int on_expect(aiohttp_web_request *request, void *data)
{
    (void)request;
    (void)data;
    asked++;
    return 0;
}

static int on_served(aiohttp_web_request *request, void *data)
{
    (void)data;
    served++;
    return aiohttp_web_respond(request, "served");
}

static int expectation(void *data)
{
    static char request[4096];
    char answer[4096];
    aiohttp_test_server *server = NULL;
    (void)data;
    asked = served = 0;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), ignore, NULL);
    /* too large for the memory that is there already */
    snprintf(request, sizeof request,
             "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nX-Large: %03000d\r\n\r\n", 1);
    aiohttp_web_application *app = aiohttp_web_application_new();
    int r = aiohttp_web_application_add_get(app, "/", on_served, .expect_handler = on_expect);
    r = r < 0 ? r : aiohttp_test_server_new(app, &server);
    aiohttp_web_application_unref(app);
    struct live live = { .port = r < 0 ? 0 : aiohttp_test_server_port(server) };
    for (unsigned nth = 0; nth < 50 && r >= 0; nth++) {
        asyncio__alloc_fail_at(nth, 0);
        int refused = live_ask(&live, request, answer, sizeof answer);
        asyncio__alloc_fail_at(0, 0);
        r = nth || refused >= 0 ? r : refused;
        r = served > asked ? -EPROTO : r;
    }
    int closed = server ? aiohttp_test_server_close(server) : 0;
    int slept = asyncio_sleep(0);
    CHECK(r < 0 || served > 1);
    return r < 0 ? r : closed < 0 ? closed : slept;
}

static void test_expectation(void **state)
{
    (void)state;
    if (allocation_is_failing())
        return; /* it is its own sweep */
    run_everywhere(expectation);
}

/* --- a peer that has sent more than is read ahead has not gone --- */

static int waits(aiohttp_web_request *request, void *data)
{
    (void)data;
    int r = asyncio_sleep(0.05);
    return r < 0 ? r : aiohttp_web_respond(request, "waited");
}

static int far_ahead(void *data)
{
    static char request[40000];
    char answer[4096];
    struct live live;
    (void)data;
    aiohttp_limits limits = aiohttp_server_limits();
    limits.line = limits.field = 1024;
    limits.head = limits.read_buffer_max = 2048;
    aiohttp_web_server_options options = { .size = sizeof options,
                                           .keepalive_timeout = 5.0,
                                           .handler_cancellation = 1,
                                           .limits = &limits };
    int size = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    memset(request + size, 'x', sizeof request - (size_t)size);
    int r = live_start_with(&live, waits, &options);
    if (r >= 0)
        r = live_ask_bytes(&live, request, sizeof request, answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 200 ");
    CHECK_HAS(answer, "waited");
    return 0;
}

static void test_far_ahead(void **state)
{
    (void)state;
    run_everywhere(far_ahead);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),          cmocka_unit_test(test_all_tags),
        cmocka_unit_test(test_second_upgrade), cmocka_unit_test(test_many),
        cmocka_unit_test(test_boundaries),     cmocka_unit_test(test_decoded_once),
        cmocka_unit_test(test_expectation),    cmocka_unit_test(test_far_ahead),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
