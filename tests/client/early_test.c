/* SPDX-License-Identifier: MIT */
/* An answer that comes before the body was sent, from a server that takes no more of it and closes:
 * what has come of it is given, though sending fails. */
#include "client/client_test.h"

struct early {
    asyncio_server *server;
    int answered;
};

/* Refuses what it has not read: its end is a reset. */
static int refuse(asyncio_stream *stream, void *data)
{
    struct early *early = data;
    static const char answer[] = "HTTP/1.1 413 Large\r\nContent-Length: 5\r\n\r\nlarge";
    char text[4096];
    int r = read_request(stream, text, sizeof text);
    if (r > 0)
        r = settle(); /* more comes, and is not read */
    if (r >= 0)
        r = asyncio_stream_write(stream, answer, sizeof answer - 1);
    if (r >= 0)
        early->answered++;
    asyncio_stream_close(stream);
    return r == -ECANCELED ? r : 0;
}

static int flood(aiohttp_payload_writer *writer, void *data)
{
    static char much[65536];
    int r = 0;
    (void)data;
    while (r >= 0)
        r = aiohttp_payload_writer_write(writer, much, sizeof much);
    return r;
}

static int ask(aiohttp_client_session *session, const char *url)
{
    aiohttp_client_response *response;
    const char *text;
    int r = aiohttp_client_session_post(session, url, &response, .generator = flood);
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_client_response_status(response), 413);
    CHECK(!aiohttp_client_response_upload_complete(response));
    r = aiohttp_client_response_text(response, &text);
    if (r >= 0)
        CHECK_TEXT(text, "large");
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    return r;
}

enum { TIMES = 10 };

static int refused(void *data)
{
    struct early early = { .answered = 0 };
    aiohttp_client_session *session = NULL;
    (void)data;
    if (world.is_chopped) /* a byte at a time the rest of the answer may come behind the reset */
        return 0;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(refuse, "127.0.0.1", 0, &early.server, .data = &early);
    if (r >= 0)
        r = aiohttp_client_session_new(&session);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/",
             r < 0 ? 0 : asyncio_server_port(early.server));
    int given = 0;
    for (int i = 0; i < TIMES && r >= 0; i++) {
        r = ask(session, url);
        given += r >= 0;
        if (r == -ECONNRESET || r == -EPIPE) /* a write found out before the answer was looked at */
            r = 0;
    }
    if (r >= 0)
        CHECK(given > 0 || world.is_seeded);
    struct raw raw = { .server = early.server };
    return raw_end(&raw, session_end(session, r));
}

static void refused_test(void **state)
{
    (void)state;
    run_everywhere(refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(refused_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
