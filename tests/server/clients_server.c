/* SPDX-License-Identifier: MIT */
/* The server that clients.py asks with others' clients: what they send comes back, or its size and
 * Adler-32. Prints "port N", and ends with SIGTERM.
 *
 *     clients_server FOLDER        FOLDER: of the files below /static/ */
#include <aiohttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE = 3000000 };
static char large[LARGE];

static int hello(aiohttp_web_request *request)
{
    return aiohttp_web_respondf(request, "Hello, %s\n",
                                aiohttp_web_request_match_info(request, "name"));
}

/* What comes goes back, as it comes: in chunks. */
static int echo(aiohttp_web_request *request)
{
    const char *data;
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    int n, r = aiohttp_web_response_prepare(response);
    while (r >= 0 && (n = aiohttp_web_request_content_read_view(request, &data)) != 0)
        r = n < 0 ? n : aiohttp_web_response_write(response, data, (size_t)n);
    return r;
}

/* All of it, then all of it back, with its length. */
static int echo_whole(aiohttp_web_request *request)
{
    const char *data;
    size_t size;
    int r = aiohttp_web_request_read(request, &data, &size);
    return r < 0 ? r : aiohttp_web_respond_bytes(request, data, size);
}

static int sum(aiohttp_web_request *request)
{
    const char *data;
    unsigned a = 1, b = 0;
    size_t total = 0;
    int n;
    while ((n = aiohttp_web_request_content_read_view(request, &data)) > 0) {
        total += (size_t)n;
        for (int i = 0; i < n; i++) {
            a = (a + (unsigned char)data[i]) % 65521;
            b = (b + a) % 65521;
        }
    }
    return n < 0 ? n : aiohttp_web_respondf(request, "%zu %u\n", total, b << 16 | a);
}

static int send_large(aiohttp_web_request *request)
{
    return aiohttp_web_respond_bytes(request, large, sizeof large, .is_lent = 1);
}

static int in_pieces(aiohttp_web_request *request)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    int r = aiohttp_web_response_prepare(response);
    for (size_t at = 0; r >= 0 && at < LARGE; at += 10000)
        r = aiohttp_web_response_write(response, large + at, 10000);
    return r;
}

/* Whose connection it is: its task has the peer's name. */
static int peer(aiohttp_web_request *request)
{
    return aiohttp_web_respondf(request, "%s\n", asyncio_task_get_name(asyncio_current_task()));
}

/* A protocol of its own: what comes goes back, until the peer ends it. */
static int upgrade(aiohttp_web_request *request)
{
    char data[4096];
    asyncio_stream *stream;
    int n, r = aiohttp_web_response_upgrade(aiohttp_web_request_response(request), "echo", &stream);
    while (r >= 0 && (n = asyncio_stream_read(stream, data, sizeof data)) != 0)
        r = n < 0 ? n : asyncio_stream_write(stream, data, (size_t)n);
    return r;
}

static int slow(aiohttp_web_request *request)
{
    int r = asyncio_sleep(0.3);
    return r < 0 ? r : aiohttp_web_respond(request, "slow\n");
}

static aiohttp_web_application *new_app(const char *folder)
{
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application_add_get(app, "/hello/{name}", hello);
    aiohttp_web_application_add_post(app, "/echo", echo);
    aiohttp_web_application_add_put(app, "/echo", echo);
    aiohttp_web_application_add_post(app, "/whole", echo_whole);
    aiohttp_web_application_add_post(app, "/sum", sum);
    aiohttp_web_application_add_put(app, "/sum", sum);
    aiohttp_web_application_add_get(app, "/large", send_large);
    aiohttp_web_application_add_get(app, "/pieces", in_pieces);
    aiohttp_web_application_add_get(app, "/peer", peer);
    aiohttp_web_application_add_get(app, "/slow", slow);
    aiohttp_web_application_add_get(app, "/upgrade", upgrade);
    aiohttp_web_application_add_static(app, "/static/", folder);
    return app;
}

static void on_place(const char *site)
{
    const char *colon = strrchr(site, ':');
    printf("port %s\n", colon ? colon + 1 : "?");
    fflush(stdout);
}

static void told(const char *site, void *data)
{
    (void)data;
    on_place(site);
}

int main(int count, char **arguments)
{
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)('a' + i % 26);
    return asyncio_print_exception(
        aiohttp_web_run_app(new_app(count > 1 ? arguments[1] : "."), .host = "127.0.0.1",
                            .port = 0, .print = told, .shutdown_timeout = 5.0));
}
