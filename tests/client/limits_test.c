/* SPDX-License-Identifier: MIT */
/* Where time limits begin and end: that of the head when the request is out, that of writing when
 * the peer takes nothing; what a middleware, a generator or "100 Continue" took is not theirs. A
 * connection that went stale meanwhile is not used. What has to be in time is asked of simulated
 * time only. */
#include "client/client_test.h"

struct timed {
    asyncio_server *server;
    aiohttp_client_session *session;
    int connections, ended;
};

static int say(asyncio_stream *stream, const char *text)
{
    return asyncio_stream_write(stream, text, strlen(text));
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* To the end of a body in chunks. */
static int take_chunks(asyncio_stream *stream, bool is_slow)
{
    static char text[262144];
    char last[5] = "";
    int r;
    while ((r = asyncio_stream_read(stream, text, sizeof text)) > 0) {
        size_t keep = r < 5 ? 5 - (size_t)r : 0;
        memmove(last, last + 5 - keep, keep);
        memcpy(last + keep, text + (size_t)r - (5 - keep), 5 - keep);
        if (memcmp(last, "0\r\n\r\n", 5) == 0)
            return 1;
        if (is_slow && (r = asyncio_sleep(0.02)) < 0)
            break;
    }
    return r;
}

static int answer(asyncio_stream *stream, const char *request)
{
    char text[8];
    const char *path = strchr(request, ' ') + 1;
    int r = 0;
    if (strncmp(path, "/deaf", 5) == 0) { /* takes all, and is silent behind half a head */
        r = take_chunks(stream, false);
        if (r >= 0)
            r = asyncio_sleep(0.05);
        if (r >= 0)
            r = say(stream, "HTTP/1.1 2");
        return r < 0 ? r : take_chunks(stream, false);
    }
    if (strncmp(path, "/moved", 6) == 0) {
        r = asyncio_sleep(0.2);
        return r < 0 ? r
                     : say(stream, "HTTP/1.1 302 F\r\nLocation: /late\r\n"
                                   "Content-Length: 0\r\n\r\n");
    }
    if (strncmp(path, "/late", 5) == 0)
        r = asyncio_sleep(0.2);
    else if (strncmp(path, "/chunks", 7) == 0)
        r = take_chunks(stream, false);
    else if (strncmp(path, "/slow", 5) == 0)
        r = take_chunks(stream, true);
    else if (strncmp(path, "/expect", 7) == 0) {
        r = asyncio_stream_readexactly(stream, text, 2, NULL);
        if (r >= 0)
            r = asyncio_sleep(0.2);
    }
    if (r >= 0)
        r = say(stream, OK);
    if (r >= 0 && strncmp(path, "/bye", 4) == 0 && (r = asyncio_sleep(0.05)) >= 0)
        return -ECONNRESET; /* the end of the connection */
    return r;
}

static int serve(asyncio_stream *stream, void *data)
{
    struct timed *timed = data;
    char text[4096];
    int r;
    timed->connections++;
    while ((r = read_request(stream, text, sizeof text)) > 0)
        if ((r = answer(stream, text)) < 0)
            break;
    asyncio_stream_close(stream);
    if (asyncio_stream_wait_closed(stream) != -ECANCELED)
        timed->ended++;
    return r == -ECANCELED ? r : 0;
}

/* What a request waits for on its way out. */
static int think(aiohttp_client_request *request, aiohttp_client_next *next,
                 aiohttp_client_response **ret_response, void *data)
{
    const struct timed *const *timed = data;
    int r = 0;
    if (strcmp(aiohttp_client_request_method(request), "POST") == 0)
        r = asyncio_sleep(0.4);
    if (strcmp(aiohttp_client_request_method(request), "PATCH") == 0) {
        while (r >= 0 && !(*timed)->ended)
            r = asyncio_sleep(0.01);
        if (r >= 0)
            r = asyncio_sleep(0.1); /* the kernel closes it in its own time */
    }
    return r < 0 ? r : next(request, ret_response);
}

static int timed_start(struct timed *timed)
{
    static struct timed *now;
    static const aiohttp_client_middleware_entry entries[] = { { think, &now } };
    now = timed;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(serve, "127.0.0.1", 0, &timed->server, .data = timed);
    return r < 0 ? r
                 : aiohttp_client_session_new(&timed->session, .middlewares = entries,
                                              .middleware_count = 1);
}

static int timed_end(struct timed *timed, int r)
{
    struct raw raw = { .server = timed->server };
    return raw_end(&raw, session_end(timed->session, r));
}

static const char *url_of(struct timed *timed, const char *path)
{
    static char text[128];
    snprintf(text, sizeof text, "http://127.0.0.1:%d%s", asyncio_server_port(timed->server), path);
    return text;
}

static int get(struct timed *timed, const char *path, const aiohttp_client_timeout *timeout)
{
    aiohttp_client_response *response;
    const char *text;
    int r = aiohttp_client_session_get(timed->session, url_of(timed, path), &response,
                                       .timeout = timeout);
    if (r < 0)
        return r;
    r = aiohttp_client_response_text(response, &text);
    aiohttp_client_response_unref(response);
    return r;
}

static aiohttp_client_timeout limits(double write, double head)
{
    aiohttp_client_timeout timeout = aiohttp_client_timeout_default();
    timeout.write = write;
    timeout.head = head;
    return timeout;
}

static int one_piece(aiohttp_payload_writer *writer, void *data)
{
    (void)data;
    return aiohttp_payload_writer_write(writer, "aa", 2);
}

/* Of a body that a task sends: from its end, also when half a head comes. */
static int head_of_upload(void *data)
{
    struct timed timed = { .connections = 0 };
    aiohttp_client_response *response;
    (void)data;
    int r = timed_start(&timed);
    for (int i = 0; i < 3 && r >= 0; i++) {
        aiohttp_client_timeout timeout = limits(i == 1 ? ASYNCIO_NONE : 60.0, 0.2);
        aiohttp_client_phase phase = AIOHTTP_PHASE_NONE;
        timeout.total = i ? ASYNCIO_NONE : 5.0;
        if (i == 2 && (r = get(&timed, "/", NULL)) < 0) /* a connection that was used */
            break;
        double began = asyncio_loop_time(asyncio_get_running_loop());
        r = aiohttp_client_session_put(timed.session, url_of(&timed, "/deaf"), &response,
                                       .generator = one_piece, .timeout = &timeout,
                                       .ret_phase = &phase);
        double took = asyncio_loop_time(asyncio_get_running_loop()) - began;
        if (r >= 0)
            aiohttp_client_response_unref(response);
        if (r == -ENOMEM)
            break;
        CHECK_IS(r, -ETIMEDOUT);
        CHECK_IS((int)phase, AIOHTTP_PHASE_HEAD);
        CHECK(took > 0.19);
        CHECK(took < 0.4 || !world.is_sim);
        r = 0;
    }
    return timed_end(&timed, r);
}

/* Nothing that comes before the request is out counts: a middleware, another hop. */
static int head_of_reused(void *data)
{
    struct timed timed = { .connections = 0 };
    aiohttp_client_response *response = NULL;
    aiohttp_client_timeout timeout = limits(0.3, 0.35);
    (void)data;
    if (!world.is_sim)
        return 0;
    int r = timed_start(&timed);
    if (r >= 0)
        r = get(&timed, "/", NULL);
    if (r >= 0)
        r = get(&timed, "/moved", &timeout);
    if (r >= 0)
        r = aiohttp_client_session_post(timed.session, url_of(&timed, "/late"), &response,
                                        .timeout = &timeout);
    aiohttp_client_response_unref(response);
    if (r >= 0)
        CHECK_IS(timed.connections, 1);
    return timed_end(&timed, r);
}

static int slow_piece(aiohttp_payload_writer *writer, void *data)
{
    int r = aiohttp_payload_writer_write(writer, "aa", 2);
    if (r >= 0)
        r = asyncio_sleep(0.4);
    return r < 0 ? r : one_piece(writer, data);
}

static int write_of_thinker(void *data)
{
    struct timed timed = { .connections = 0 };
    aiohttp_client_response *response = NULL;
    aiohttp_client_timeout timeout = limits(0.2, 0.2);
    (void)data;
    if (!world.is_sim)
        return 0;
    int r = timed_start(&timed);
    if (r >= 0)
        r = aiohttp_client_session_put(timed.session, url_of(&timed, "/chunks"), &response,
                                       .generator = slow_piece, .timeout = &timeout);
    if (r >= 0)
        CHECK(aiohttp_client_response_upload_complete(response));
    aiohttp_client_response_unref(response);
    return timed_end(&timed, r);
}

enum { LARGE = 8 << 20 };

/* A peer that is slow, but takes something all the while. */
static int write_of_much(void *data)
{
    struct timed timed = { .connections = 0 };
    aiohttp_client_response *response = NULL;
    aiohttp_client_timeout timeout = limits(0.25, ASYNCIO_NONE);
    (void)data;
    if (!world.is_sim || world.is_chopped || allocation_is_failing())
        return 0;
    char *body = calloc(1, LARGE);
    int r = body ? timed_start(&timed) : -ENOMEM;
    if (r >= 0)
        r = aiohttp_client_session_put(timed.session, url_of(&timed, "/slow"), &response,
                                       .body = body, .body_size = LARGE, .chunked = 1,
                                       .timeout = &timeout);
    aiohttp_client_response_unref(response);
    free(body);
    return timed_end(&timed, r);
}

static int head_behind_expect(void *data)
{
    struct timed timed = { .connections = 0 };
    aiohttp_client_response *response = NULL;
    aiohttp_client_timeout timeout = limits(60.0, 0.35);
    (void)data;
    if (!world.is_sim)
        return 0;
    timeout.expect = 0.3;
    int r = timed_start(&timed);
    if (r >= 0)
        r = aiohttp_client_session_put(timed.session, url_of(&timed, "/expect"), &response,
                                       .body = "ab", .body_size = 2, .expect100 = 1,
                                       .timeout = &timeout);
    aiohttp_client_response_unref(response);
    return timed_end(&timed, r);
}

/* The server closes while the middleware thinks: a PATCH, which is not repeated. */
static int stale(void *data)
{
    struct timed timed = { .connections = 0 };
    aiohttp_client_response *response = NULL;
    (void)data;
    if (world.is_seeded) /* what has come may be told of later there */
        return 0;
    int r = timed_start(&timed);
    if (r >= 0)
        r = get(&timed, "/bye", NULL);
    if (r >= 0)
        r = aiohttp_client_session_patch(timed.session, url_of(&timed, "/"), &response);
    aiohttp_client_response_unref(response);
    if (r >= 0)
        CHECK_IS(timed.connections, 2);
    return timed_end(&timed, r);
}

static int resolve_late(const char *host, int port, int family, aiohttp_resolved *ret_addresses,
                        size_t capacity, void *data)
{
    (void)host, (void)port, (void)family, (void)ret_addresses, (void)capacity, (void)data;
    return -ETIMEDOUT;
}

/* What somebody else calls too late is not told as a limit of ours. */
static int not_ours(void *data)
{
    const aiohttp_resolver resolver = { .size = sizeof resolver, .resolve = resolve_late };
    aiohttp_connector *connector = NULL;
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    (void)data;
    int r = aiohttp_tcp_connector_new(&connector, .resolver = &resolver);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .connector = connector);
    aiohttp_connector_unref(connector);
    if (r >= 0) {
        r = aiohttp_client_session_get(session, "http://name.test/", &response);
        if (r != -ENOMEM && !allocation_is_failing()) {
            CHECK_IS(r, -ETIMEDOUT);
            const asyncio_error *error = asyncio_last_error(r);
            CHECK(error && !strstr(error->text, "limit"));
            CHECK_HAS(error->text, "(dns)");
        }
        r = r == -ETIMEDOUT ? 0 : r;
    }
    return session_end(session, r);
}

#define CASE(name)                                                                                 \
    static void name##_test(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(head_of_upload)
CASE(head_of_reused)
CASE(write_of_thinker)
CASE(write_of_much)
CASE(head_behind_expect)
CASE(stale)
CASE(not_ours)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_of_upload_test),   cmocka_unit_test(head_of_reused_test),
        cmocka_unit_test(write_of_thinker_test), cmocka_unit_test(write_of_much_test),
        cmocka_unit_test(head_behind_expect_test), cmocka_unit_test(stale_test),
        cmocka_unit_test(not_ours_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
