/* SPDX-License-Identifier: MIT */
/* A body whose source fails, with the very errors that a lost connection has: a program that
 * passes on what it reads from elsewhere returns them. The request fails with that error and its
 * record, at once, and is not repeated: the server never gets what it waits for. */
#include "client/client_test.h"

/* Reads what is asked, and never answers. */
static int listen_only(asyncio_stream *stream, void *data)
{
    char text[4096];
    int r;
    ++*(int *)data;
    do
        r = asyncio_stream_read(stream, text, sizeof text);
    while (r > 0);
    return r == -ECANCELED ? r : 0;
}

struct source {
    int error, calls;
    bool is_progress;
};

static int give_a_little(aiohttp_payload_writer *writer, void *data)
{
    struct source *source = data;
    int r = aiohttp_payload_writer_write(writer, "begin", 5);
    source->calls++;
    if (r >= 0)
        r = asyncio_sleep(0);
    return r < 0 || source->is_progress ? r
                                        : asyncio_raise(source->error, "the source has run dry");
}

static int again(void *data)
{
    (void)data;
    return 0;
}

static int stop(int64_t sent, int64_t total, void *data)
{
    struct source *source = data;
    (void)total;
    return source->is_progress && sent > 0
               ? asyncio_raise(source->error, "the source has run dry")
               : 0;
}

static int ask(aiohttp_client_session *session, const char *url, struct source *source)
{
    aiohttp_client_response *response = NULL;
    aiohttp_client_phase phase;
    int r = aiohttp_client_session_put(session, url, &response, .generator = give_a_little,
                                       .rewind = again, .progress = stop, .data = source,
                                       .ret_phase = &phase);
    aiohttp_client_response_unref(response);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, source->error);
    const asyncio_error *record = asyncio_last_error(r);
    CHECK(record != NULL);
    CHECK_TEXT(record->text, "the source has run dry");
    CHECK_IS(source->calls, 1);
    return 0;
}

static int run_dry(void *data)
{
    static const int errors[] = { -ECONNRESET, -EPIPE, -ETIMEDOUT, -AIOHTTP_SERVER_DISCONNECTED,
                                  -AIOHTTP_PAYLOAD, -EILSEQ, -AIOHTTP_BAD_HTTP_MESSAGE };
    int connections = 0, expected = 0;
    struct raw raw = { .server = NULL };
    aiohttp_client_session *session = NULL;
    aiohttp_client_retry retry = { .size = sizeof retry };
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(listen_only, "127.0.0.1", 0, &raw.server, .data = &connections);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .retry = &retry);
    for (size_t i = 0; i < 2 * sizeof errors / sizeof *errors && r >= 0; i++) {
        struct source source = { .error = errors[i / 2], .is_progress = i % 2 };
        r = ask(session, raw_url(&raw, "/"), &source);
        expected++;
    }
    if (r >= 0 && !world.is_seeded)
        CHECK(connections <= expected);
    return raw_end(&raw, session_end(session, r));
}

static void run_dry_test(void **state)
{
    (void)state;
    run_everywhere(run_dry);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(run_dry_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
