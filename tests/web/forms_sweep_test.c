/* SPDX-License-Identifier: MIT */
/* Forms, payloads, upgrades and events, with each suspension of each task cancelled in turn, and
 * each allocation failed. */
/* TEST: timeout 240; not allocations */
#include "web/web_test.h"

#include "support/sweep.h"

#include <aiohttp/payload.h>
#include <aiohttp/web_form.h>

static int write_some(aiohttp_payload_writer *writer)
{
    int r = aiohttp_payload_writer_write(writer, "one", 3);
    if (r >= 0)
        r = asyncio_sleep(0);
    return r < 0 ? r : aiohttp_payload_writer_write(writer, "two", 3);
}

static int send_payload(aiohttp_web_request *request)
{
    aiohttp_payload *payload;
    int r = aiohttp_generator_payload_new(write_some, &payload);
    if (r < 0)
        return r;
    r = aiohttp_web_respond_payload(request, payload);
    aiohttp_payload_unref(payload);
    return r;
}

static int send_events(aiohttp_web_response *response)
{
    int r = aiohttp_web_event_source_prepare(response);
    for (int i = 0; i < 2 && r >= 0; i++)
        if ((r = aiohttp_web_event_source_send(response, "x")) >= 0)
            r = asyncio_sleep(0);
    return r;
}

/* Gives back one line. */
static int take_over(aiohttp_web_response *response)
{
    char line[16];
    asyncio_stream *stream;
    int r = aiohttp_web_response_upgrade(response, "echo", &stream);
    if (r >= 0)
        r = asyncio_stream_readline(stream, line, sizeof line);
    return r < 0 ? r : asyncio_stream_write(stream, line, (size_t)r);
}

static int handler(aiohttp_web_request *request, void *data)
{
    static const char *const links[] = { "Link", "</x>", NULL };
    const char *path = aiohttp_web_request_path(request);
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    (void)data;
    if (!path)
        return -ENOMEM;
    if (strcmp(path, "/payload") == 0)
        return send_payload(request);
    if (strcmp(path, "/events") == 0)
        return send_events(response);
    if (strcmp(path, "/echo") == 0)
        return take_over(response);
    int r = aiohttp_web_response_informational(response, 103, links);
    if (r >= 0)
        r = aiohttp_web_request_post(request, NULL, .file_in_memory = 4);
    const aiohttp_web_file_field *file = r < 0 ? NULL : aiohttp_web_request_file(request, "f");
    char piece[16];
    if (file)
        r = aiohttp_web_file_field_read(file, 2, piece, sizeof piece);
    return r < 0 ? r : aiohttp_web_respond_bytes(request, piece, file ? (size_t)r : 0);
}

static const char koi[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n"
                          "Content-Type: application/x-www-form-urlencoded; charset=koi8-r\r\n"
                          "\r\n%C1=%C2&a=b+";

#define FORM                                                                                       \
    "--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ntext\r\n"                           \
    "--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n0123456789\r\n"     \
    "--xx--\r\n"

/* Whatever is cancelled or fails: it ends, and nothing is left. */
static int talk(void)
{
    char request[2048], answer[4096];
    struct live live;
    snprintf(request, sizeof request,
             "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=xx\r\n"
             "Content-Length: %zu\r\n\r\n" FORM "%sGET /payload HTTP/1.1\r\nHost: a\r\n\r\n"
             "GET /events HTTP/1.1\r\nHost: a\r\n\r\n"
             "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nline\n",
             sizeof FORM - 1, koi);
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_ask(&live, request, answer, sizeof answer);
    r = live_end(&live, r);
    return r > 0 ? 0 : r;
}

static void test_allocations(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_true(sweep_allocations("talk", talk) > 20);
}

static void test_cancellations(void **state)
{
    (void)state;
    assert_true(sweep_cancellations("talk", talk) > 5);
}

static void test_suspensions(void **state)
{
    (void)state;
    assert_true(sweep_suspensions("talk", talk) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_cancellations),
        cmocka_unit_test(test_suspensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
