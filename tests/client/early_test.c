/* SPDX-License-Identifier: MIT */
/* An answer that comes before the body was sent, from a server that takes no more of it and closes:
 * all of the answer is given, though sending meets the reset, and wherever it lies by then. */
#include "client/client_test.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

enum { UPLOAD = 3 << 20, LONG_ANSWER = 20000, TIMES = 4 };

struct early {
    asyncio_server *server;
    size_t size; /* of the answer's body */
};

static char upload[UPLOAD], answer[LONG_ANSWER + 200];

/* What the client's kernel does not have yet: closing would take it back. */
static int on_the_way(asyncio_stream *stream)
{
    char text[16];
    int left = 0;
    if (!world.is_sim && asyncio_stream_get_extra_info(stream, "socket", text, sizeof text) > 0)
        (void)ioctl(atoi(text), SIOCOUTQ, &left);
    return left + (int)asyncio_stream_get_write_buffer_size(stream);
}

/* Refuses what it has not read: its end is a reset. */
static int refuse(asyncio_stream *stream, void *data)
{
    struct early *early = data;
    char text[4096];
    int r = read_request(stream, text, sizeof text);
    if (r > 0)
        r = settle(); /* more comes, and is not read */
    size_t size = (size_t)snprintf(answer, sizeof answer,
                                   "HTTP/1.1 413 Large\r\nConnection: close\r\n"
                                   "Content-Length: %zu\r\n\r\n",
                                   early->size);
    memset(answer + size, 'x', early->size);
    if (r >= 0)
        r = asyncio_stream_write(stream, answer, size + early->size);
    for (int i = 0; i < 1000 && r >= 0 && on_the_way(stream); i++)
        r = settle();
    asyncio_stream_close(stream);
    return r == -ECANCELED ? r : 0;
}

static int flood(aiohttp_payload_writer *writer, void *data)
{
    int r = 0;
    (void)data;
    while (r >= 0)
        r = aiohttp_payload_writer_write(writer, upload, 65536);
    return r;
}

static int ask(aiohttp_client_session *session, const char *url, size_t size, bool has_length)
{
    aiohttp_client_response *response;
    const char *text;
    int r = has_length ? aiohttp_client_session_post(session, url, &response, .body = upload,
                                                     .body_size = UPLOAD)
                       : aiohttp_client_session_post(session, url, &response, .generator = flood);
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_client_response_status(response), 413);
    CHECK(has_length || !aiohttp_client_response_upload_complete(response));
    r = aiohttp_client_response_text(response, &text);
    if (r >= 0)
        CHECK_IS((long long)strlen(text), (long long)size);
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    return r;
}

static int refused(void *data)
{
    struct early early = { .size = *(size_t *)data };
    aiohttp_client_session *session = NULL;
    int times = world.is_chopped ? 2 : TIMES;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(refuse, "127.0.0.1", 0, &early.server, .data = &early);
    if (r >= 0)
        r = aiohttp_client_session_new(&session);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/",
             r < 0 ? 0 : asyncio_server_port(early.server));
    for (int i = 0; i < times && r >= 0; i++)
        r = ask(session, url, early.size, i % 2);
    struct raw raw = { .server = early.server };
    return raw_end(&raw, session_end(session, r));
}

static void short_answer_test(void **state)
{
    (void)state;
    run_everywhere_with(refused, &(size_t){ 5 });
}

/* The rest of its body is read after the sending has failed. */
static void long_answer_test(void **state)
{
    (void)state;
    run_everywhere_with(refused, &(size_t){ LONG_ANSWER });
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(short_answer_test),
                                        cmocka_unit_test(long_answer_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
