/* SPDX-License-Identifier: MIT */
/* Whole exchanges with an application, each with a part of its own: files, TLS, compression, forms
 * with uploads, server-sent events, an upgrade. Each allocation is failed in turn, the peer and
 * whichever task suspends are cancelled at each suspension: it ends, and nothing is left. Files are
 * read by threads: where time is real a sweep would not know what it waits for. */
/* TEST: backends sim; timeout 400; not allocations valgrind aarch64 */
#include "net/tls_test.h"
#include "web/web_test.h"

#include "support/sweep.h"

#include <aiohttp/web_event_source.h>
#include <aiohttp/web_file.h>
#include <aiohttp/web_form.h>

static char folder[] = "/tmp/aiohttp-sweep-XXXXXX";

static int make_files(void **state)
{
    char path[128];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.txt", folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    for (int i = 0; i < 3000; i++)
        assert_true(fputs("0123456789", file) >= 0);
    assert_int_equal(fclose(file), 0);
    return 0;
}

static int remove_files(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/a.txt", folder);
    return unlink(path) == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static int compressed(aiohttp_web_request *request)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    int r = aiohttp_web_response_enable_compression(response);
    if (r >= 0)
        r = aiohttp_web_response_prepare(response);
    for (int i = 0; i < 3 && r >= 0; i++) {
        r = aiohttp_web_response_write(response, "compressed ", 11);
        if (r >= 0)
            r = asyncio_sleep(0);
    }
    return r;
}

static int form(aiohttp_web_request *request)
{
    const aiohttp_multi_dict *fields;
    int r = aiohttp_web_request_post(request, &fields, .file_in_memory = 4);
    const aiohttp_web_file_field *file = r < 0 ? NULL : aiohttp_web_request_file(request, "f");
    char text[8];
    if (file)
        r = aiohttp_web_file_field_read(file, 0, text, sizeof text);
    return r < 0 ? r : aiohttp_web_respondf(request, "%d", r);
}

static int events(aiohttp_web_request *request)
{
    aiohttp_web_response *source = aiohttp_web_request_response(request);
    int r = aiohttp_web_event_source_prepare(source);
    for (int i = 0; i < 3 && r >= 0; i++) {
        r = aiohttp_web_event_source_send(source, "tick", .event = "clock");
        if (r >= 0)
            r = asyncio_sleep(0);
    }
    return r;
}

static int upgraded(aiohttp_web_request *request)
{
    asyncio_stream *stream;
    char text[4];
    size_t got;
    int r = aiohttp_web_response_upgrade(aiohttp_web_request_response(request), "echo", &stream);
    if (r >= 0)
        r = asyncio_stream_readexactly(stream, text, 4, &got);
    return r < 0 ? r : asyncio_stream_write(stream, text, 4);
}

static int around(aiohttp_web_request *request, aiohttp_web_next *next, void *data)
{
    (void)data;
    int r = asyncio_sleep(0);
    return r < 0 ? r : next(request);
}

static aiohttp_web_application *new_app(void)
{
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_middleware(app, around);
    (void)aiohttp_web_application_add_get(app, "/compressed", compressed);
    (void)aiohttp_web_application_add_post(app, "/form", form);
    (void)aiohttp_web_application_add_get(app, "/events", events, .handler_cancellation = 1);
    (void)aiohttp_web_application_add_get(app, "/upgrade", upgraded);
    (void)aiohttp_web_application_add_static(app, "/s", folder, .show_index = 1);
    return app;
}

/* Asks over TCP or TLS; what comes is of no matter, that it ends is. */
static int asked(const char *text, asyncio_ssl_context *server, asyncio_ssl_context *client)
{
    static char answer[100000];
    aiohttp_web_runner *runner = NULL;
    aiohttp_web_site *site = NULL;
    asyncio_stream *stream = NULL;
    aiohttp_web_application *app = new_app();
    int r = aiohttp_web_app_runner_new(app, &runner, .shutdown_timeout = 1.0);
    aiohttp_web_application_unref(app);
    if (r >= 0)
        r = aiohttp_web_runner_setup(runner);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(runner, "127.0.0.1", 0, &site, .ssl_context = server);
    if (r >= 0)
        r = aiohttp_web_site_start(site);
    if (r >= 0)
        r = asyncio_open_connection("127.0.0.1", aiohttp_web_site_port(site), &stream,
                                    .ssl = client, .server_hostname = client ? "localhost" : NULL);
    if (r >= 0)
        r = asyncio_stream_write(stream, text, strlen(text));
    if (r >= 0)
        r = read_all(stream, answer, sizeof answer);
    if (stream)
        asyncio_stream_close(stream);
    asyncio_stream_unref(stream);
    int ended = runner ? aiohttp_web_runner_cleanup(runner) : 0;
    aiohttp_web_site_unref(site);
    aiohttp_web_runner_unref(runner);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : ended < 0 && ended != -ETIMEDOUT ? ended : slept;
}

#define HOST " HTTP/1.1\r\nHost: a\r\n"
#define LAST HOST "Connection: close\r\n"
#define FORM                                                                                       \
    "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n"                               \
    "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n\"\r\n\r\nuploaded\r\n--b--\r\n"

static int plain_file(void)
{
    return asked("GET /s/a.txt" HOST "\r\nGET /s/a.txt" HOST "Range: bytes=1-2,5-6\r\n\r\n"
                 "GET /s/" LAST "\r\n",
                 NULL, NULL);
}

/* What is not in the kernel's memory is opened by a thread: names that nobody has asked for. */
static int cold_file(void)
{
    static int count;
    char text[200];
    snprintf(text, sizeof text, "GET /s/none-%d" HOST "\r\nGET /s/none-%d/" LAST "\r\n", count,
             count + 1);
    count += 2;
    return asked(text, NULL, NULL);
}

static int plain_compressed(void)
{
    return asked("GET /compressed" LAST "Accept-Encoding: gzip\r\n\r\n", NULL, NULL);
}

static int plain_form(void)
{
    char text[600];
    snprintf(text, sizeof text,
             "POST /form" LAST "Content-Type: multipart/form-data; boundary=b\r\n"
             "Content-Length: %zu\r\n\r\n" FORM,
             sizeof FORM - 1);
    return asked(text, NULL, NULL);
}

static int plain_events(void)
{
    return asked("GET /events" LAST "\r\n", NULL, NULL);
}

static int plain_upgrade(void)
{
    return asked("GET /upgrade" HOST "Connection: Upgrade\r\nUpgrade: echo\r\n\r\nping", NULL,
                 NULL);
}

/* A context keeps sessions: each run has its own. */
static int file_by_tls(void)
{
    asyncio_ssl_context *server = NULL, *client = NULL;
    int r = server_context(certificates()->server, &server);
    if (r >= 0)
        r = client_context(&client);
    if (r >= 0)
        r = asked("GET /s/a.txt" HOST "\r\nGET /compressed" LAST "Accept-Encoding: br\r\n\r\n",
                  server, client);
    asyncio_ssl_context_unref(server);
    asyncio_ssl_context_unref(client);
    return r;
}

static const struct sweep sweeps[] = {
    { "files", plain_file }, { "cold", cold_file },      { "compressed", plain_compressed },
    { "form", plain_form },  { "events", plain_events }, { "upgrade", plain_upgrade },
};
enum { SWEEPS = sizeof sweeps / sizeof *sweeps };

static void test_allocations(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_true(sweep_all(sweeps, SWEEPS, sweep_allocations) > 200);
}

static void test_cancellations(void **state)
{
    (void)state;
    assert_true(sweep_all(sweeps, SWEEPS, sweep_cancellations) > 50);
}

static void test_suspensions(void **state)
{
    (void)state;
    assert_true(sweep_all(sweeps, SWEEPS, sweep_suspensions) > 100);
}

static void test_tls(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    warm_up();
    assert_true(sweep_cancellations("TLS", file_by_tls) > 10);
    assert_true(sweep_suspensions("TLS", file_by_tls) > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_cancellations),
        cmocka_unit_test(test_suspensions),
        cmocka_unit_test(test_tls),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
