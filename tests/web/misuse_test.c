/* SPDX-License-Identifier: MIT */
/* Handlers that do what the manual does not tell them to, peers that do what no peer should, and
 * both at the worst moment: nothing of it may harm the server, or whoever comes next on the
 * connection. */
#include "web/web_test.h"

#include <aiohttp/test_utils.h>

typedef int conversation(struct live *live);

/* A server of an application with one route for all paths below "/". */
struct show {
    aiohttp_web_handler *handler;
    const char *path;
    conversation *talk;
    int handler_cancellation;
};

static int run_show(void *data)
{
    const struct show *show = data;
    aiohttp_test_server *server = NULL;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    aiohttp_web_application *app = aiohttp_web_application_new();
    int r = aiohttp_web_application_add_route(app, "*", show->path, show->handler,
                                              .handler_cancellation = show->handler_cancellation);
    if (r < 0) {
        aiohttp_web_application_unref(app);
        return r;
    }
    if ((r = aiohttp_test_server_new(app, &server)) >= 0) {
        struct live live = { .port = aiohttp_test_server_port(server) };
        r = show->talk(&live);
    }
    int closed = server ? aiohttp_test_server_close(server) : 0;
    aiohttp_web_application_unref(app);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : closed < 0 ? closed : slept;
}

static void run_talk(aiohttp_web_handler *handler, const char *path, conversation *talk)
{
    struct show show = { handler, path, talk, 0 };
    run_everywhere_with(run_show, &show);
}

/* Sends the pieces with a pause between, then reads to the end. */
static int send_slowly(struct live *live, const char *const *pieces, char *answer, size_t room)
{
    asyncio_stream *stream;
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    for (; r >= 0 && *pieces; pieces++) {
        r = asyncio_stream_write(stream, *pieces, strlen(*pieces));
        if (r >= 0)
            r = settle();
    }
    if (r >= 0)
        r = asyncio_stream_write_eof(stream);
    if (r >= 0 || r == -EPIPE || r == -ECONNRESET)
        r = read_all(stream, answer, room - 1);
    if (r >= 0)
        answer[r] = '\0';
    asyncio_stream_close(stream);
    asyncio_stream_unref(stream);
    return r;
}

/* --- what was found in the path, after the body has moved the buffer --- */

static int name_later(aiohttp_web_request *request, void *data)
{
    (void)data;
    const char *text;
    int r = aiohttp_web_request_text(request, &text);
    if (r < 0)
        return r;
    const char *name = aiohttp_web_request_match_info(request, "name");
    const char *canonical = aiohttp_web_request_canonical(request);
    return aiohttp_web_respondf(request, "%s %s %s", name ? name : "?", canonical, text);
}

#define HEX32 "0123456789abcdef0123456789abcdef"

static int talk_name(struct live *live, const char *head, const char *wanted)
{
    const char *const pieces[] = { head, HEX32, HEX32, NULL };
    char answer[2048];
    int r = send_slowly(live, pieces, answer, sizeof answer);
    if (r < 0)
        return r;
    CHECK_TEXT(body_of(answer), wanted);
    return 0;
}

static int talk_name_later(struct live *live)
{
    return talk_name(live,
                     "POST /things/some-name-that-is-long/x HTTP/1.1\r\nHost: a\r\n"
                     "Content-Length: 64\r\n\r\n",
                     "some-name-that-is-long /things/{name}/x " HEX32 HEX32);
}

static int talk_last_name_later(struct live *live)
{
    return talk_name(live,
                     "POST /things/some-name-that-is-long HTTP/1.1\r\nHost: a\r\n"
                     "Content-Length: 64\r\n\r\n",
                     "some-name-that-is-long /things/{name} " HEX32 HEX32);
}

static void test_match_info_after_body(void **state)
{
    (void)state;
    run_talk(name_later, "/things/{name}/x", talk_name_later);
    run_talk(name_later, "/things/{name}", talk_last_name_later);
}

/* --- 100 Continue is nothing to say in the middle of an answer --- */

static int read_late(aiohttp_web_request *request, void *data)
{
    (void)data;
    const char *text;
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    int r = aiohttp_web_response_prepare(response);
    if (r >= 0)
        r = aiohttp_web_response_write(response, "before ", 7);
    if (r >= 0)
        r = aiohttp_web_request_continue(request);
    if (r >= 0)
        r = aiohttp_web_request_text(request, &text);
    return r < 0 ? r : aiohttp_web_response_write(response, text, strlen(text));
}

static int talk_read_late(struct live *live)
{
    static const char *const pieces[] = {
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n", "body",
        NULL
    };
    char answer[2048];
    int r = send_slowly(live, pieces, answer, sizeof answer);
    if (r < 0)
        return r;
    CHECK(!strstr(answer, "100 Continue"));
    CHECK_TEXT(body_of(answer), "7\r\nbefore \r\n4\r\nbody\r\n0\r\n\r\n");
    return 0;
}

static void test_continue_after_begin(void **state)
{
    (void)state;
    run_talk(read_late, "/", talk_read_late);
}

/* --- CONNECT that was answered like any other request --- */

static int say_yes(aiohttp_web_request *request, aiohttp_web_next *next)
{
    (void)next;
    return aiohttp_web_respond(request, "yes");
}

static int connects(void *data)
{
    char answer[2048];
    (void)data;
    aiohttp_test_server *server = NULL;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application_add_middleware(app, say_yes);
    int r = aiohttp_test_server_new(app, &server);
    if (r >= 0) {
        struct live live = { .port = aiohttp_test_server_port(server) };
        r = live_ask(&live,
                     "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"
                     "GET /inside HTTP/1.1\r\nHost: a\r\n\r\n",
                     answer, sizeof answer);
    }
    int closed = server ? aiohttp_test_server_close(server) : 0;
    aiohttp_web_application_unref(app);
    int slept = asyncio_sleep(0);
    if (r < 0 || closed < 0 || slept < 0)
        return r < 0 ? r : closed < 0 ? closed : slept;
    CHECK_IS(count_of(answer, "HTTP/1.1 "), 1);
    return 0;
}

static void test_connect_without_upgrade(void **state)
{
    (void)state;
    run_everywhere(connects);
}

/* --- 101 that is none --- */

static int claims_101(aiohttp_web_request *request, void *data)
{
    (void)data;
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    int r = aiohttp_web_response_set_status(response, 101, NULL);
    if (r == -EINVAL)
        r = aiohttp_web_response_set_status(response, 199, NULL);
    return r == -EINVAL ? aiohttp_web_respond(request, "none") : -EPROTO;
}

static int talk_101(struct live *live)
{
    char answer[4096];
    int r = live_ask(live, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
                     answer, sizeof answer);
    if (r < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 200 ");
    return 0;
}

static void test_101(void **state)
{
    (void)state;
    run_talk(claims_101, "/", talk_101);
}

/* --- an upgrade of a request that is watched --- */

static int upgraded;

static int upgrade_watched(aiohttp_web_request *request, void *data)
{
    (void)data;
    char line[64];
    asyncio_stream *stream;
    int r = aiohttp_web_response_upgrade(aiohttp_web_request_response(request), "shout", &stream);
    if (r >= 0)
        r = settle();
    while (r >= 0 && (r = asyncio_stream_readline(stream, line, sizeof line)) > 0)
        r = asyncio_stream_write(stream, line, (size_t)r);
    upgraded = r;
    return r;
}

static int talk_upgrade_watched(struct live *live)
{
    static const char *const pieces[] = {
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n", "one\n",
        "two\n", NULL
    };
    char answer[2048];
    upgraded = -1;
    int r = send_slowly(live, pieces, answer, sizeof answer);
    if (r < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 101 ");
    CHECK_TEXT(body_of(answer), "one\ntwo\n");
    CHECK_IS(upgraded, 0);
    return 0;
}

static void test_upgrade_watched(void **state)
{
    (void)state;
    struct show show = { upgrade_watched, "/", talk_upgrade_watched, 1 };
    run_everywhere_with(run_show, &show);
}

/* --- a file, although chunks were asked for --- */

static char file_name[64];

static int file_in_chunks(aiohttp_web_request *request, void *data)
{
    (void)data;
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    int r = aiohttp_web_response_enable_chunked_encoding(response);
    return r < 0 ? r : aiohttp_web_file_response(request, file_name);
}

static int talk_file_in_chunks(struct live *live)
{
    char answer[2048];
    int r = live_ask(live, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
    if (r < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 200 ");
    CHECK_TEXT(body_of(answer), "8\r\ncontent\n\r\n0\r\n\r\n");
    return 0;
}

static void test_file_in_chunks(void **state)
{
    (void)state;
    snprintf(file_name, sizeof file_name, "/tmp/asyncio-misuse-%d", (int)getpid());
    FILE *file = fopen(file_name, "w");
    assert_non_null(file);
    fputs("content\n", file);
    fclose(file);
    run_talk(file_in_chunks, "/", talk_file_in_chunks);
    unlink(file_name);
}

/* --- a signal that prepares the answer that is being prepared --- */

static int prepares_again(aiohttp_web_request *request)
{
    return aiohttp_web_response_prepare(aiohttp_web_request_response(request));
}

static int hello(aiohttp_web_request *request)
{
    return aiohttp_web_respond(request, "hello");
}

static int prepare_in_signal(void *data)
{
    char answer[2048];
    (void)data;
    aiohttp_test_server *server = NULL;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application_add_get(app, "/", hello);
    aiohttp_web_application_on_response_prepare(app, prepares_again);
    int r = aiohttp_test_server_new(app, &server);
    if (r >= 0) {
        struct live live = { .port = aiohttp_test_server_port(server) };
        r = live_ask(&live, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
    }
    int closed = server ? aiohttp_test_server_close(server) : 0;
    aiohttp_web_application_unref(app);
    int slept = asyncio_sleep(0);
    if (r < 0 || closed < 0 || slept < 0)
        return r < 0 ? r : closed < 0 ? closed : slept;
    CHECK_BEGINS(answer, "HTTP/1.1 500 ");
    return 0;
}

static void test_prepare_in_signal(void **state)
{
    (void)state;
    run_everywhere(prepare_in_signal);
}

/* --- what a request keeps is given back, also when its answer could not be sent --- */

static AIOHTTP_WEB_APP_KEY(key, int);
static int destroyed;

static void on_destroy(void *value)
{
    (void)value;
    destroyed++;
}

static int keeps(aiohttp_web_request *request, void *data)
{
    (void)data;
    static int value;
    int r = aiohttp_web_request_set(request, &key, &value, on_destroy);
    if (r >= 0)
        r = aiohttp_web_response_set_header(aiohttp_web_request_response(request),
                                            "Content-Length", "5");
    return r < 0 ? r : aiohttp_web_respond(request, "hello");
}

static int talk_keeps(struct live *live)
{
    char answer[2048];
    destroyed = 0;
    int r = live_ask(live, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
    if (r < 0)
        return r;
    CHECK_BEGINS(answer, "HTTP/1.1 500 ");
    CHECK_IS(destroyed, 1);
    return 0;
}

static void test_kept_values(void **state)
{
    (void)state;
    run_talk(keeps, "/", talk_keeps);
}

/* --- two tasks, one answer that is compressed --- */

static char noise[200000];

static int write_noise(aiohttp_web_response *response)
{
    int r = 0;
    for (int i = 0; i < 500 && r >= 0; i++)
        r = aiohttp_web_response_write(response, noise, sizeof noise);
    return r;
}

static int noisy_result;

static int ends_meanwhile(aiohttp_web_request *request, void *data)
{
    (void)data;
    asyncio_task *task;
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    int r = aiohttp_web_response_set_content_type(response, "text/plain");
    if (r >= 0)
        r = aiohttp_web_response_enable_compression(response);
    if (r >= 0)
        r = aiohttp_web_response_prepare(response);
    if (r < 0)
        return r;
    START(task, write_noise, response);
    r = settle();
    if (r >= 0)
        r = aiohttp_web_response_write_eof(response);
    noisy_result = join(task);
    return r;
}

static int talk_ends_meanwhile(struct live *live)
{
    static char answer[1 << 20];
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
    asyncio_stream *stream;
    if (world.is_chopped)
        return 0;
    int r = live_open(live, &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, request, sizeof request - 1);
    for (int i = 0; i < 5 && r >= 0; i++)
        r = settle();
    while (r >= 0 && (r = asyncio_stream_read(stream, answer, sizeof answer)) > 0)
        ;
    asyncio_stream_close(stream);
    asyncio_stream_unref(stream);
    if (r >= 0)
        CHECK_IS(noisy_result, -ASYNCIO_INVALID_STATE);
    return r < 0 && r != -ECONNRESET ? r : 0;
}

static void test_two_tasks_one_answer(void **state)
{
    (void)state;
    unsigned long state_ = 1;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)((state_ = state_ * 6364136223846793005u + 1442695040888963407u) >> 56);
    run_talk(ends_meanwhile, "/", talk_ends_meanwhile);
}

/* --- on_shutdown that hangs --- */

static int shut_down;
static unsigned failing; /* that allocation of the end, and all behind it; 0: none */

static int hangs(aiohttp_web_application *app)
{
    (void)app;
    shut_down++;
    return asyncio_sleep(world.is_sim ? 1000.0 : 5.0);
}

static int shuts(aiohttp_web_application *app)
{
    (void)app;
    shut_down += 10;
    return 0;
}

static int hanging_shutdown(void *data)
{
    (void)data;
    aiohttp_web_runner *runner = NULL;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application_on_shutdown(app, hangs);
    aiohttp_web_application_on_shutdown(app, hangs);
    aiohttp_web_application_on_shutdown(app, shuts);
    aiohttp_web_application_on_cleanup(app, shuts);
    shut_down = 0;
    int r = aiohttp_web_app_runner_new(app, &runner, .shutdown_timeout = 0.1);
    if (r >= 0)
        r = aiohttp_web_runner_setup(runner);
    double began = asyncio_loop_time(asyncio_get_running_loop());
    if (failing)
        asyncio__alloc_fail_at(failing, 1);
    if (r >= 0)
        r = aiohttp_web_runner_cleanup(runner);
    if (failing)
        asyncio__alloc_fail_at(0, 0);
    double took = asyncio_loop_time(asyncio_get_running_loop()) - began;
    aiohttp_web_runner_unref(runner);
    aiohttp_web_application_unref(app);
    CHECK(r == -ETIMEDOUT || (failing && r == -ENOMEM));
    CHECK_IS(shut_down, 22);
    CHECK(took < (world.is_sim ? 100.0 : 4.0));
    return 0;
}

static void test_hanging_shutdown(void **state)
{
    (void)state;
    run_everywhere(hanging_shutdown);
    /* Who cannot have his time is called all the same, and his time is over. */
    for (failing = 1; failing < 5 && !allocation_is_failing(); failing++)
        run_everywhere(hanging_shutdown);
    failing = 0;
}

/* --- what says that there is no file is not compressed as the file would be --- */

static int compressed_file(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_file_response(request, file_name, .precompressed = 1);
}

static int talk_compressed_file(struct live *live)
{
    static const char *const fields[] = { "Range: bytes=1000-", "If-Match: \"x\"" };
    static const char *const lines[] = { "HTTP/1.1 416 ", "HTTP/1.1 412 " };
    char request[256], answer[2048];
    for (size_t i = 0; i < 2; i++) {
        snprintf(request, sizeof request,
                 "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n%s\r\n\r\n", fields[i]);
        int r = live_ask(live, request, answer, sizeof answer);
        if (r < 0)
            return r;
        CHECK_BEGINS(answer, lines[i]);
        CHECK(!strstr(answer, "Content-Encoding"));
    }
    int r = live_ask(live, "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n", answer,
                     sizeof answer);
    if (r >= 0)
        CHECK_HAS(answer, "\r\nContent-Encoding: gzip\r\n");
    return r < 0 ? r : 0;
}

static void test_no_coding_of_errors(void **state)
{
    (void)state;
    char beside[80];
    snprintf(file_name, sizeof file_name, "/tmp/asyncio-misuse-%d", (int)getpid());
    snprintf(beside, sizeof beside, "%s.gz", file_name);
    FILE *file = fopen(beside, "w");
    assert_non_null(file);
    fputs("not really\n", file);
    fclose(file);
    run_talk(compressed_file, "/", talk_compressed_file);
    unlink(beside);
}

/* --- a body that could not be decoded for want of memory, and is asked for again --- */

static int reads_again(aiohttp_web_request *request, void *data)
{
    (void)data;
    const char *text;
    int r = aiohttp_web_request_text(request, &text);
    asyncio__alloc_fail_at(0, 0);
    if (r == -ENOMEM)
        r = aiohttp_web_request_text(request, &text);
    return r < 0 ? r : aiohttp_web_respond(request, text);
}

static int coded_without_memory(void *data)
{
    static const char gzipped[] = "\x1f\x8b\x08\0\0\0\0\0\x02\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86"
                                  "\xa6\x10\x36\x05\0\0\0";
    static const char *const headers[] = { "Content-Encoding", "gzip", NULL };
    (void)data;
    for (unsigned nth = 1; nth < 12; nth++) {
        aiohttp_mocked_request *mocked;
        aiohttp_test_response response;
        int r = aiohttp_make_mocked_request("POST", "/", &mocked, .headers = headers,
                                            .data = gzipped, .data_size = sizeof gzipped - 1);
        if (r < 0)
            return r;
        asyncio__alloc_fail_at(nth, 0);
        r = aiohttp_mocked_request_run(mocked, reads_again, NULL, &response);
        asyncio__alloc_fail_at(0, 0);
        if (r >= 0 && response.status == 200)
            CHECK_TEXT(response.body, "hello");
        else
            CHECK(r == -ENOMEM || response.status == 500);
        aiohttp_mocked_request_free(mocked);
    }
    return 0;
}

static void test_coded_without_memory(void **state)
{
    (void)state;
    if (allocation_is_failing())
        return; /* it is its own sweep */
    run_everywhere(coded_without_memory);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match_info_after_body),
        cmocka_unit_test(test_continue_after_begin),
        cmocka_unit_test(test_connect_without_upgrade),
        cmocka_unit_test(test_101),
        cmocka_unit_test(test_upgrade_watched),
        cmocka_unit_test(test_file_in_chunks),
        cmocka_unit_test(test_prepare_in_signal),
        cmocka_unit_test(test_kept_values),
        cmocka_unit_test(test_two_tasks_one_answer),
        cmocka_unit_test(test_hanging_shutdown),
        cmocka_unit_test(test_coded_without_memory),
        cmocka_unit_test(test_no_coding_of_errors),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
