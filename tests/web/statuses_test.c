/* SPDX-License-Identifier: MIT */
/* The wrong thing gets its right answer, in every way that its bytes may come; and the connection
 * closes where what follows could be mistaken for a request, and lives on where it could not. */
/* TEST: timeout 120; not allocations */
#include "server/delivered.h"

#include <aiohttp/web_form.h>

static int plain(aiohttp_web_request *request)
{
    return aiohttp_web_respond(request, "plain");
}

static int behind(aiohttp_web_request *request)
{
    return aiohttp_web_respond(request, "behind");
}

static int reads(aiohttp_web_request *request)
{
    const char *body;
    size_t size;
    int r = aiohttp_web_request_read(request, &body, &size);
    return r < 0 ? r : aiohttp_web_respond_bytes(request, body, size);
}

static int reads_form(aiohttp_web_request *request)
{
    const aiohttp_multi_dict *form;
    int r = aiohttp_web_request_post(request, &form);
    return r < 0 ? r : aiohttp_web_respond(request, "form");
}

/* What only an application can say. */
static int wants_length(aiohttp_web_request *request)
{
    if (aiohttp_web_request_content_length(request) < 0)
        return aiohttp_web_http_length_required(request);
    return reads(request);
}

static int wants_upgrade(aiohttp_web_request *request)
{
    static const char *const headers[] = { "Upgrade", "websocket", NULL };
    return aiohttp_web_http_upgrade_required(request, .headers = headers);
}

static aiohttp_web_application *new_app(void)
{
    aiohttp_web_application *app = aiohttp_web_application_new(.client_max_size = 10);
    (void)aiohttp_web_application_add_get(app, "/", plain);
    (void)aiohttp_web_application_add_get(app, "/behind", behind);
    (void)aiohttp_web_application_add_post(app, "/", reads);
    (void)aiohttp_web_application_add_post(app, "/form", reads_form);
    (void)aiohttp_web_application_add_put(app, "/length", wants_length);
    (void)aiohttp_web_application_add_route(app, "*", "/sized", reads, .length_required = 1);
    (void)aiohttp_web_application_add_get(app, "/upgrade", wants_upgrade);
    return app;
}

#define HOST " HTTP/1.1\r\nHost: a\r\n"
#define END "\r\n\r\n"

static const struct row {
    int status;
    bool closes;
    const char *text, *has;
} rows[] = {
    { 200, false, "GET /" HOST "\r\n", "plain" },
    { 200, false, "POST /" HOST "Content-Length: 2" END "hi", "hi" },
    /* of the head: nobody knows where the next request begins */
    { 400, true, "GET /" HOST "A : b" END, "" },
    { 400, true, "GET / HTTP/1.1" END, "" },
    { 400, true, "GET" END, "" },
    { 400, true, "POST /" HOST "Content-Length: x" END, "" },
    { 414, true, NULL, "" },
    { 431, true, "", "" },
    { 501, true, "POST /" HOST "Transfer-Encoding: gzip, chunked" END, "" },
    { 505, true, "GET / HTTP/2.0\r\nHost: a" END, "" },
    { 505, true, "GET / HTTP/3.7\r\nHost: a" END, "" },
    /* of a body's frame: likewise */
    { 400, true, "POST /" HOST "Transfer-Encoding: chunked" END "x" END, "" },
    /* of what was asked for: the next one is found */
    { 404, false, "GET /nothing" HOST "\r\n", "404: Not Found" },
    { 404, false, "POST /nothing" HOST "Content-Length: 2" END "hi", "404: Not Found" },
    { 405, false, "PUT /" HOST "Content-Length: 2" END "hi", "\r\nAllow: GET, HEAD, POST\r\n" },
    { 405, false, "DELETE /length" HOST "\r\n", "\r\nAllow: PUT\r\n" },
    { 411, false, "PUT /length" HOST "Transfer-Encoding: chunked" END "0" END, "" },
    { 411, false, "PUT /sized" HOST "Transfer-Encoding: chunked" END "2\r\nhi\r\n0" END, "" },
    { 411, false, "DELETE /sized" HOST "Transfer-Encoding: chunked" END "0" END, "" },
    { 411, false, "POST /sized" HOST "\r\n", "411: Length Required" },
    { 411, true, "POST /sized" HOST "Expect: 100-continue\r\nTransfer-Encoding: chunked" END, "" },
    { 200, false, "POST /sized" HOST "Content-Length: 0" END, "" },
    { 200, false, "POST /sized" HOST "Content-Length: 2" END "hi", "hi" },
    { 200, false, "GET /sized" HOST "\r\n", "" },
    { 413, false, "POST /" HOST "Content-Length: 11" END "12345678901", "" },
    { 413, false, "POST /" HOST "Transfer-Encoding: chunked" END "b\r\n12345678901\r\n0" END, "" },
    { 413, true, "POST /" HOST "Content-Length: 99999999" END, "" },
    { 415, false, "POST /" HOST "Content-Encoding: rot13\r\nContent-Length: 2" END "hi", "" },
    { 415, false,
      "POST /form" HOST "Content-Type: application/x-www-form-urlencoded; charset=x\r\n"
      "Content-Length: 3" END "a=b", "" },
    { 400, false, "POST /" HOST "Content-Encoding: gzip\r\nContent-Length: 2" END "hi", "" },
    { 417, false, "POST /" HOST "Expect: wonders\r\nContent-Length: 2" END "hi", "" },
    { 426, false, "GET /upgrade" HOST "\r\n", "\r\nUpgrade: websocket\r\n" },
};

/* Those that are long. */
static void write_text(struct request_text *text, const struct row *row)
{
    text->size = 0;
    if (row->status == 414) {
        text_add(text, "GET /");
        text_fill(text, 'x', 8200);
        text_add(text, HOST "\r\n");
    } else if (row->status == 431) {
        text_add(text, "GET /" HOST "A: ");
        text_fill(text, 'x', 8200);
        text_add(text, END);
    } else
        text_add(text, row->text);
}

static int start(struct live *live)
{
    *live = (struct live){ .port = 0 };
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    aiohttp_web_application *app = new_app();
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

static int statuses(void *data)
{
    static struct request_text text;
    static struct delivered got;
    struct live live;
    (void)data;
    int r = start(&live);
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof *rows && r >= 0; row++) {
        char name[32];
        snprintf(name, sizeof name, "row %d", (int)(row - rows));
        write_text(&text, row);
        r = deliver_every_way(&live, name, &text, row->status, row->closes);
        if (r >= 0 && (r = deliver(&live, &text, text.size + 100, 1, &got)) >= 0)
            CHECK_HAS(got.answer, row->has);
    }
    return live_end(&live, r);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(statuses)

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_statuses) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
