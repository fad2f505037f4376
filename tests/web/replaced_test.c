/* SPDX-License-Identifier: MIT */
/* Answers that take the place of others: what was said of a body goes with it, whoever replaces it
 * and why, and what is said to caches is said of all of it. */
#include "web/old_file.h"

#include <aiohttp/limits.h>
#include <aiohttp/payload.h>
#include <aiohttp/web_exceptions.h>
#include <aiohttp/web_file.h>
#include <asyncio/exit_stack.h>

static int ask(aiohttp_web_handler *handler, const char *request, char *answer, size_t room)
{
    struct live live;
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_ask(&live, request, answer, room);
    return live_end(&live, r);
}

static char much[2000];

static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)context;
    (void)data;
}

/* --- the type of a payload that something else took the place of --- */

static int own_type(aiohttp_web_request *request, void *data)
{
    (void)data;
    aiohttp_payload *payload;
    const char *type = aiohttp_web_request_query(request, "type");
    if (!type)
        return aiohttp_web_respond(request, "no type");
    int r = aiohttp_bytes_payload_new("payload", 7, &payload, .content_type = type);
    if (r < 0)
        return r;
    r = aiohttp_web_respond_payload(request, payload);
    aiohttp_payload_unref(payload);
    /* as a middleware would */
    return r < 0 ? r : aiohttp_web_response_set_body(aiohttp_web_request_response(request),
                                                      "other", 5);
}

static int payload_types(void *data)
{
    char answer[4096];
    (void)data;
    int r = ask(own_type,
                "GET /?type=text%2Faaaa HTTP/1.1\r\nHost: a\r\n\r\n"
                "GET /?type=text%2Fbbbb HTTP/1.1\r\nHost: a\r\n\r\n"
                "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                "GET /?type=text%2Fcccc HTTP/1.1\r\nHost: a\r\n\r\n",
                answer, sizeof answer);
    if (r < 0)
        return r;
    CHECK_IS(count_of(answer, "\r\nContent-Type: text/aaaa\r\n"), 1);
    CHECK_IS(count_of(answer, "\r\nContent-Type: text/bbbb\r\n"), 1);
    CHECK_IS(count_of(answer, "\r\nContent-Type: text/plain; charset=utf-8\r\n"), 1);
    CHECK_IS(count_of(answer, "\r\nContent-Type: text/cccc\r\n"), 1);
    return 0;
}

static void test_payload_types(void **state)
{
    (void)state;
    run_everywhere(payload_types);
}

/* --- a payload that could not be set is no answer --- */

static int bad_header(aiohttp_web_request *request, void *data)
{
    static const char *const headers[] = { "X-Bad", "a\nb", NULL };
    (void)data;
    aiohttp_payload *payload;
    int r = aiohttp_bytes_payload_new("payload", 7, &payload);
    if (r < 0)
        return r;
    r = aiohttp_web_respond_payload(request, payload, .headers = headers);
    aiohttp_payload_unref(payload);
    return r == -EINVAL ? 0 : r < 0 ? r : -EPROTO; /* it does not look at it */
}

static int failed_payload(void *data)
{
    char answer[4096];
    (void)data;
    int r = ask(bad_header, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
    if (r < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 500 ");
    return 0;
}

static void test_failed_payload(void **state)
{
    (void)state;
    run_everywhere(failed_payload);
}

/* --- an upgrade that could not be made is none --- */

static unsigned failing, filler;

static int half_upgrade(aiohttp_web_request *request, void *data)
{
    (void)data;
    asyncio_stream *stream;
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    /* the memory that is there already ends everywhere, so that more is needed everywhere */
    int r = aiohttp_web_response_set_header(response, "X", much + sizeof much - 1 - filler);
    asyncio__alloc_fail_at(failing, 0);
    if (r >= 0)
        r = aiohttp_web_response_upgrade(response, "echo", &stream);
    asyncio__alloc_fail_at(0, 0);
    return r == -ENOMEM ? 0 : r; /* it does not look at it */
}

static int failed_upgrade(void *data)
{
    char answer[8192];
    struct live live;
    int refused = 0, r = live_start(&live, half_upgrade);
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), ignore, NULL);
    memset(much, 'a', sizeof much - 1);
    for (unsigned i = 0; i < 120 && r >= 0; i++) {
        failing = i % 3;
        filler = 400 + i * 8;
        r = live_ask(&live,
                     "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
                     answer, sizeof answer);
        bool is_made = r >= 0 && strncmp(answer, "HTTP/1.1 101 ", 13) == 0;
        refused += !is_made;
        if (r >= 0 && !*answer)
            continue; /* there was not even memory to send it */
        /* the one says so and is it, the other neither */
        if (r >= 0 && (strncmp(answer, "HTTP/1.1 500 ", 13) != 0) != is_made)
            r = -EPROTO;
        if (r >= 0 && count_of(answer, "pgrade") != (is_made ? 2 : 0))
            r = -EBADMSG;
    }
    r = live_end(&live, r);
    CHECK(r < 0 || refused > 0);
    return r;
}

static void test_failed_upgrade(void **state)
{
    (void)state;
    if (allocation_is_failing())
        return; /* it is its own sweep */
    run_everywhere(failed_upgrade);
}

/* --- a limit that was made smaller than what was read already --- */

static int smaller_limit(aiohttp_web_request *request, void *data)
{
    (void)data;
    size_t size;
    const char *body;
    int r = aiohttp_web_request_set_client_max_size(request, 1000);
    if (r >= 0 && (r = aiohttp_web_request_read(request, &body, &size)) != -(AIOHTTP_HTTP + 413))
        return r < 0 ? r : -EPROTO;
    if ((r = aiohttp_web_request_set_client_max_size(request, 10)) < 0)
        return r;
    r = aiohttp_web_request_read(request, &body, &size);
    return r < 0 ? r : aiohttp_web_respond(request, "all of it");
}

static int limits(void *data)
{
    char answer[4096], request[4096], piece[601];
    (void)data;
    memset(piece, 'x', sizeof piece - 1);
    piece[600] = '\0';
    snprintf(request, sizeof request,
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
             "258\r\n%s\r\n258\r\n%s\r\n258\r\n%s\r\n0\r\n\r\n",
             piece, piece, piece);
    int r = ask(smaller_limit, request, answer, sizeof answer);
    if (r < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 413 ");
    return 0;
}

static void test_limits(void **state)
{
    (void)state;
    run_everywhere(limits);
}

/* --- files that others took the place of --- */

static char folder[] = "/tmp/aiohttp-replaced-XXXXXX";

static void put(const char *name, const char *text)
{
    put_old_file(folder, name, text, strlen(text));
}

static int make_files(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    put("c.css", "plain");
    put("c.css.gz", "gzipped");
    return 0;
}

static int remove_files(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/c.css", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/c.css.gz", folder);
    unlink(path);
    return rmdir(folder);
}

static int then_fails(aiohttp_web_request *request, void *data)
{
    (void)data;
    char path[128];
    snprintf(path, sizeof path, "%s/c.css", folder);
    int r = aiohttp_web_file_response(request, path, .precompressed = 1);
    const char *how = aiohttp_web_request_path(request);
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    if (r < 0 || !how)
        return r < 0 ? r : -ENOMEM;
    switch (how[1]) {
    case 'e': return -EIO;
    case 'n': return aiohttp_web_http_not_found(request);
    case 'b': return aiohttp_web_response_set_body(response, "body", 4);
    case 'r': return aiohttp_web_respond(request, "text");
    case 'o': /* what somebody else has said stays */
        r = aiohttp_web_response_set_header(response, "ETag", "\"own\"");
        if (r >= 0)
            r = aiohttp_web_response_set_header(response, "Content-Encoding", "own");
        return r < 0 ? r : aiohttp_web_response_set_body(response, "body", 4);
    default: return 0;
    }
}


static int replaced_files(void *data)
{
    static const struct {
        const char *path, *begins;
        bool is_file, is_own;
    } all[] = {
        { "/file", "HTTP/1.1 206 ", true, false },  { "/error", "HTTP/1.1 500 ", false, false },
        { "/none", "HTTP/1.1 404 ", false, false }, { "/body", "HTTP/1.1 206 ", false, false },
        { "/respond", "HTTP/1.1 200 ", false, false }, { "/own", "HTTP/1.1 206 ", false, true },
    };
    char answer[4096], request[256];
    struct live live;
    (void)data;
    int r = live_start(&live, then_fails);
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), ignore, NULL);
    for (size_t i = 0; i < sizeof all / sizeof *all && r >= 0; i++) {
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nRange: bytes=0-3\r\n\r\n",
                 all[i].path);
        if ((r = live_ask(&live, request, answer, sizeof answer)) < 0)
            break;
        CHECK_BEGINS(answer, all[i].begins);
        CHECK_IS(count_of(answer, "Content-Encoding: gzip"), all[i].is_file);
        CHECK_IS(count_of(answer, "Content-Range: "), all[i].is_file);
        CHECK_IS(count_of(answer, "Last-Modified: "), all[i].is_file);
        CHECK_IS(count_of(answer, "Accept-Ranges: "), all[i].is_file);
        CHECK_IS(count_of(answer, "ETag: \"15"), all[i].is_file);
        CHECK_IS(count_of(answer, "ETag: \"own\""), all[i].is_own);
        CHECK_IS(count_of(answer, "Content-Encoding: own"), all[i].is_own);
    }
    return live_end(&live, r);
}

static void test_replaced_files(void **state)
{
    (void)state;
    if (allocation_is_failing())
        return; /* its reports are many */
    run_everywhere(replaced_files);
}

/* --- Vary is said of all that the answer depends on --- */

static int vary(aiohttp_web_request *request, void *data)
{
    (void)data;
    char path[128];
    const char *what = aiohttp_web_request_path(request);
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    int r = what ? aiohttp_web_response_set_header(
                       response, "Vary",
                       what[1] == 'a' ? "*" : what[1] == 's' ? "accept-encoding, ACCEPT" : "Origin")
                 : -ENOMEM;
    if (r < 0)
        return r;
    if (what[2] == 'e')
        return aiohttp_web_http_not_found(request);
    if (what[2] == 'f') {
        snprintf(path, sizeof path, "%s/c.css", folder);
        return aiohttp_web_file_response(request, path, .precompressed = 1);
    }
    r = aiohttp_web_response_enable_compression(response);
    memset(much, 'a', sizeof much - 1);
    return r < 0 ? r : aiohttp_web_respond_bytes(request, much, sizeof much,
                                                 .content_type = "text/plain");
}

static int varies(void *data)
{
    static const struct {
        const char *path, *has;
    } all[] = {
        { "/oc", "\r\nVary: Origin, Accept-Encoding\r\n" },
        { "/of", "\r\nVary: Origin, Accept-Encoding\r\n" },
        { "/oe", "\r\nVary: Origin, Accept\r\n" },
        { "/ac", "\r\nVary: *\r\n" },
        { "/af", "\r\nVary: *\r\n" },
        { "/ae", "\r\nVary: *\r\n" },
        { "/sc", "\r\nVary: accept-encoding, ACCEPT\r\n" },
        { "/sf", "\r\nVary: accept-encoding, ACCEPT\r\n" },
        { "/se", "\r\nVary: accept-encoding, ACCEPT\r\n" },
    };
    char answer[8192], request[256];
    struct live live;
    (void)data;
    int r = live_start(&live, vary);
    for (size_t i = 0; i < sizeof all / sizeof *all && r >= 0; i++) {
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n"
                 "Accept-Encoding: gzip\r\n\r\n",
                 all[i].path);
        if ((r = live_ask(&live, request, answer, sizeof answer)) < 0)
            break;
        CHECK_HAS(answer, all[i].has);
        CHECK_IS(count_of(answer, "\r\nVary: "), 1);
    }
    return live_end(&live, r);
}

static void test_varies(void **state)
{
    (void)state;
    run_everywhere(varies);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payload_types),
        cmocka_unit_test(test_failed_payload),
        cmocka_unit_test(test_failed_upgrade),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_replaced_files),
        cmocka_unit_test(test_varies),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
