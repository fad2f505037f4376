/* SPDX-License-Identifier: MIT */
/* A request that is cancelled while its upload is being ended, since its answer came first: it is
 * cancelled, whichever turn that is in. A cancellation that got lost would leave a time limit or a
 * group of tasks without its end. */
#include "client/client_test.h"

/* Answers at the head, takes a little more, and stays. */
static int answer_early(asyncio_stream *stream, void *data)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    char text[4096];
    (void)data;
    int r = read_request(stream, text, sizeof text);
    if (r > 0)
        r = asyncio_stream_write(stream, answer, sizeof answer - 1);
    while (r >= 0 && (r = asyncio_stream_read(stream, text, sizeof text)) > 0)
        ;
    return r == -ECANCELED ? r : 0;
}

static int trickle(aiohttp_payload_writer *writer, void *data)
{
    int r = 0;
    (void)data;
    while (r >= 0)
        if ((r = aiohttp_payload_writer_write(writer, "more", 4)) >= 0)
            r = asyncio_sleep(0);
    /* It takes its time to let go. */
    asyncio_task *task = asyncio_current_task();
    asyncio_task_uncancel(task);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : slept;
}

struct asked {
    aiohttp_client_session *session;
    const char *url;
    int is_over;
};

static int ask(struct asked *asked)
{
    aiohttp_client_response *response;
    int r = aiohttp_client_session_post(asked->session, asked->url, &response,
                                        .generator = trickle);
    asked->is_over = 1;
    if (r >= 0) {
        aiohttp_client_response_close(response);
        aiohttp_client_response_unref(response);
    }
    return r;
}

enum { TURNS_MOST = 500 };

static int cancel_after(struct asked *asked, int turns)
{
    asyncio_task *task;
    asked->is_over = 0;
    int r = asyncio_create_task(asyncio_coro(ask, asked), &task);
    if (r < 0)
        return r;
    for (int i = 0; i < turns && r >= 0 && !asked->is_over; i++)
        r = asyncio_sleep(0);
    int was_over = asked->is_over;
    asyncio_task_cancel(task);
    int ended = asyncio_await(task);
    asyncio_task_unref(task);
    if (r >= 0 && !was_over && ended != -ECANCELED && ended != -ENOMEM) {
        print_error("cancelled after %d turns, it ended with %s\n", turns,
                    ended < 0 ? asyncio_error_name(ended) : "an answer");
        check_failed();
        return -EPROTO;
    }
    return r < 0 ? r : ended == -ENOMEM ? ended : was_over;
}

static int cancelled_early(void *data)
{
    struct raw raw = { .server = NULL };
    struct asked asked = { .session = NULL };
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(answer_early, "127.0.0.1", 0, &raw.server);
    if (r >= 0)
        r = aiohttp_client_session_new(&asked.session);
    if (r >= 0)
        asked.url = raw_url(&raw, "/");
    for (int turns = 0; r == 0 && turns < TURNS_MOST; turns++)
        r = cancel_after(&asked, turns);
    aiohttp_connector_stats stats = { .in_use = 0 };
    if (asked.session)
        aiohttp_connector_get_stats(aiohttp_client_session_connector(asked.session), &stats);
    if (r >= 0)
        CHECK_IS((int)stats.in_use, 0);
    return raw_end(&raw, session_end(asked.session, r < 0 ? r : 0));
}

static void cancelled_early_test(void **state)
{
    (void)state;
    run_everywhere(cancelled_early);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(cancelled_early_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
