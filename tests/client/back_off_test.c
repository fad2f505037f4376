/* SPDX-License-Identifier: MIT */
/* A request that waits before it is repeated has no connection meanwhile: others get its place. */
#include "client/client_test.h"

#include <asyncio/wait.h>

struct busy {
    asyncio_server *server;
    aiohttp_client_session *session;
    bool was_refused, is_other_done;
};

static int serve(asyncio_stream *stream, void *data)
{
    struct busy *busy = data;
    char text[4096];
    const char *answer;
    int r;
    while ((r = read_request(stream, text, sizeof text)) > 0) {
        answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        if (strncmp(text, "GET /busy", 9) == 0 && !busy->was_refused) {
            /* Its body does not end: the connection is of no further use. */
            answer = "HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nabc";
            busy->was_refused = true;
        }
        if ((r = asyncio_stream_write(stream, answer, strlen(answer))) < 0)
            break;
    }
    return r == -ECANCELED ? r : 0;
}

static int get(struct busy *busy, const char *path, const aiohttp_client_retry *retry)
{
    aiohttp_client_response *response;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", asyncio_server_port(busy->server), path);
    int r = aiohttp_client_session_get(busy->session, url, &response, .retry = retry);
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_client_response_status(response), 200);
    aiohttp_client_response_unref(response);
    return 0;
}

static int other(struct busy *busy)
{
    int r = get(busy, "/", NULL);
    busy->is_other_done = r >= 0;
    return r;
}

static int place_is_free(void *data)
{
    const aiohttp_client_retry retry = { .size = sizeof retry, .attempts = 2, .backoff = 25.0 };
    struct busy busy = { .server = NULL };
    aiohttp_connector *connector = NULL;
    asyncio_task *first = NULL, *second = NULL;
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(serve, "127.0.0.1", 0, &busy.server, .data = &busy);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .limit = 1);
    if (r >= 0)
        r = aiohttp_client_session_new(&busy.session, .connector = connector);
    aiohttp_connector_unref(connector);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(get, &busy, "/busy", &retry), &first);
    if (r >= 0)
        r = asyncio_sleep(0.0);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(other, &busy), &second);
    if (second) {
        int ended = asyncio_wait_for(second, 20.0);
        asyncio_task_unref(second);
        r = r < 0 ? r : ended;
    }
    bool is_over = first && asyncio_task_done(first);
    if (first) {
        asyncio_task_cancel(first);
        int ended = join(first);
        r = r < 0 || ended == -ECANCELED ? r : ended;
    }
    struct raw raw = { .server = busy.server };
    r = raw_end(&raw, session_end(busy.session, r));
    if (r >= 0) {
        CHECK(busy.was_refused && busy.is_other_done);
        CHECK(!is_over);
    }
    return r;
}

static void place_is_free_test(void **state)
{
    (void)state;
    run_everywhere(place_is_free);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(place_is_free_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
