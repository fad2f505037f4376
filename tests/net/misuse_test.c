/* SPDX-License-Identifier: MIT */
/* Calls that are mistakes, and say so: from another thread or another loop, with sizes that are
 * none, with a scope left open behind them, of what has outlived its loop. */
#include "net/protocol_test.h"

#include <asyncio/datagram.h>
#include <asyncio/timeout.h>
#include <pthread.h>

static int idle(asyncio_stream *stream)
{
    char byte;
    int r = asyncio_stream_read(stream, &byte, 1);
    return r == -ECONNRESET ? 0 : r;
}

/* ---- another thread ---- */

struct elsewhere {
    struct pair *pair;
    asyncio_server *server;
    int expected, of_waiting; /* what calls that cannot wait say, and those that can */
    int failed_at;            /* the line of the first check that did not hold */
};

#define EXPECT(call, code)                                                                         \
    do {                                                                                           \
        int is_ = (call);                                                                          \
        if (is_ != (code) && !elsewhere->failed_at) {                                              \
            elsewhere->failed_at = __LINE__;                                                       \
            print_error("%s is %s\n", #call, asyncio_error_name(is_));                             \
        }                                                                                          \
    } while (0)

static void call_everything(struct elsewhere *elsewhere)
{
    asyncio_stream *stream = elsewhere->pair->a;
    char text[8];
    const char *view;
    struct iovec piece = { text, 1 };
    int code = elsewhere->of_waiting;
    EXPECT(asyncio_stream_read(stream, text, 1), code);
    EXPECT(asyncio_stream_readexactly(stream, text, 1, NULL), code);
    EXPECT(asyncio_stream_readline(stream, text, sizeof text), code);
    EXPECT(asyncio_stream_readuntil(stream, "x", 1, text, sizeof text), code);
    EXPECT(asyncio_stream_readuntil_view(stream, "x", 1, &view), code);
    EXPECT(asyncio_stream_fill(stream, 1), code);
    EXPECT(asyncio_stream_write(stream, "x", 1), code);
    EXPECT(asyncio_stream_writelines(stream, &piece, 1), code);
    EXPECT(asyncio_stream_writelines(stream, &piece, 0), code);
    EXPECT(asyncio_stream_drain(stream), code);
    if (task_current()) {
        EXPECT(asyncio_stream_wait_closed(stream), code);
        EXPECT(asyncio_server_wait_closed(elsewhere->server), code);
        EXPECT(asyncio_server_serve_forever(elsewhere->server), code);
    }
    if (elsewhere->expected) {
        EXPECT(asyncio_stream_write_nowait(stream, "x", 1), elsewhere->expected);
        EXPECT(asyncio_stream_write_eof(stream), elsewhere->expected);
        EXPECT(asyncio_stream_set_write_buffer_limits(stream, 5, 1), elsewhere->expected);
        asyncio_stream_close(stream);
        asyncio_stream_abort(stream);
        asyncio_server_close(elsewhere->server);
        asyncio_server_close_clients(elsewhere->pair->server);
        asyncio_server_abort_clients(elsewhere->pair->server);
    }
}

static int on_another_loop(void *data)
{
    call_everything(data);
    return 0;
}

static void *without_loop(void *data)
{
    call_everything(data);
    return NULL;
}

static void *with_loop(void *data)
{
    struct elsewhere *elsewhere = data;
    EXPECT(asyncio_run(asyncio_coro(on_another_loop, data)), 0);
    asyncio__record_put(NULL);
    return NULL;
}

static int run_elsewhere(struct elsewhere *elsewhere, void *(*function)(void *), int debug)
{
    pthread_t thread;
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_loop_set_debug(loop, debug);
    CHECK_IS(pthread_create(&thread, NULL, function, elsewhere), 0);
    pthread_join(thread, NULL);
    asyncio_loop_set_debug(loop, 0);
    CHECK_IS(elsewhere->failed_at, 0);
    return 0;
}

static int other_threads(struct pair *p)
{
    struct elsewhere elsewhere = { .pair = p };
    CHECK_IS(asyncio_start_server(idle, "127.0.0.1", 0, &elsewhere.server), 0);
    elsewhere.of_waiting = -ASYNCIO_OTHER_LOOP;
    int r = run_elsewhere(&elsewhere, with_loop, 0);
    elsewhere.of_waiting = -ASYNCIO_NO_TASK;
    if (r >= 0)
        r = run_elsewhere(&elsewhere, without_loop, 0);
    elsewhere.of_waiting = elsewhere.expected = -ASYNCIO_WRONG_THREAD;
    if (r >= 0)
        r = run_elsewhere(&elsewhere, with_loop, 1);
    if (r >= 0)
        r = run_elsewhere(&elsewhere, without_loop, 1);
    CHECK_IS(r, 0);
    CHECK_IS(settle(), 0);
    CHECK(reports.count >= 2 * 5); /* what has no result to tell it by */
    CHECK(world.is_seeded || (reports.count == 2 * 5 && reports.last == -ASYNCIO_WRONG_THREAD));
    CHECK_IS(asyncio_server_is_serving(elsewhere.server), 1);
    asyncio_server_close(elsewhere.server);
    CHECK_IS(asyncio_server_wait_closed(elsewhere.server), 0);
    asyncio_server_unref(elsewhere.server);
    char text[2]; /* nothing has happened to it */
    CHECK_IS(asyncio_stream_is_closing(p->a), 0);
    CHECK_IS(asyncio_stream_write(p->a, "ok", 2), 0);
    CHECK_IS(asyncio_stream_readexactly(p->b, text, 2, NULL), 0);
    return memcmp(text, "ok", 2) == 0 ? 0 : -EPROTO;
}

/* A loop of one's own does not make another's transport one's own. */
struct foreign {
    asyncio_transport *transport;
    asyncio_ssl_context *context;
    int result;
};

static int secure_it(void *data)
{
    struct foreign *foreign = data;
    return asyncio_loop_start_tls(asyncio_get_running_loop(), foreign->transport, foreign->context,
                                  .server_hostname = "localhost");
}

static void *secure_foreign(void *data)
{
    ((struct foreign *)data)->result = asyncio_run(asyncio_coro(secure_it, data));
    asyncio__record_put(NULL);
    return NULL;
}

static int foreign_transport(void *data)
{
    (void)data;
    struct foreign foreign = { .result = 0 };
    asyncio_server *server;
    pthread_t thread;
    asyncio_loop *loop = asyncio_get_running_loop();
    CHECK_IS(client_context(&foreign.context), 0);
    CHECK_IS(asyncio_start_server(idle, "127.0.0.1", 0, &server), 0);
    CHECK_IS(asyncio_loop_create_connection(loop, new_echo, "127.0.0.1",
                                            asyncio_server_port(server), &foreign.transport),
             0);
    CHECK_IS(pthread_create(&thread, NULL, secure_foreign, &foreign), 0);
    pthread_join(thread, NULL);
    CHECK_IS(foreign.result, -ASYNCIO_OTHER_LOOP);
    CHECK_IS(asyncio_transport_is_closing(foreign.transport), 0);
    CHECK_IS(end_swept(server, 0, foreign.transport), 0);
    asyncio_ssl_context_unref(foreign.context);
    return settle();
}

static void test_foreign_transport(void **state)
{
    (void)state;
    run_everywhere(foreign_transport);
}

static void test_threads(void **state)
{
    (void)state;
    with_pair(other_threads);
}

/* ---- sizes ---- */

static int negative_sizes(struct pair *p)
{
    char text[8] = "";
    struct iovec piece = { text, (size_t)-3 };
    size_t none = (size_t)-1;
    CHECK_IS(asyncio_stream_write(p->a, "waiting", 7), 0);
    CHECK_IS(asyncio_stream_fill(p->b, 7), 7);
    for (int round = 0; round < 2; round++) { /* with something buffered, and without */
        CHECK_IS(asyncio_stream_read(p->b, text, none), -EINVAL);
        CHECK_IS(asyncio_stream_readexactly(p->b, text, none, NULL), -EINVAL);
        CHECK_IS(asyncio_stream_fill(p->b, none), -EINVAL);
        if (!round)
            asyncio_stream_consume(p->b, none);
    }
    for (int round = 0; round < 2; round++) { /* with nothing unsent, and with much */
        CHECK_IS(asyncio_stream_write(p->a, text, none), -EINVAL);
        CHECK_IS(asyncio_stream_write_nowait(p->a, text, none), -EINVAL);
        CHECK_IS(asyncio_stream_writelines(p->a, &piece, 1), -EINVAL);
        CHECK_IS(asyncio_stream_writelines(p->a, &piece, none), -EINVAL);
        static char block[1 << 16];
        while (!round && asyncio_stream_get_write_buffer_size(p->a) == 0)
            CHECK_IS(asyncio_stream_write_nowait(p->a, block, sizeof block), 0);
    }
    asyncio_stream_abort(p->a);
    return 0;
}

static void test_sizes(void **state)
{
    (void)state;
    with_pair(negative_sizes);
}

/* ---- a scope left open: found by the next call that may suspend ---- */

static int __attribute__((noinline)) leave_scope_open(void)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 1000.0);
    return 1;
}

#define FINDS_SCOPE(call)                                                                          \
    do {                                                                                           \
        unsigned before_ = reports.count;                                                          \
        CHECK_IS(leave_scope_open(), 1);                                                           \
        CHECK_IS(call, 0);                                                                         \
        CHECK(reports.count > before_); /* a seeded world reports accidents of its own */          \
        CHECK(world.is_seeded || reports.count == before_ + 1);                                    \
        CHECK(world.is_seeded || reports.last == -ASYNCIO_SCOPE_OPEN);                             \
    } while (0)

static int positive(int n)
{
    return n < 0 ? n : 0;
}

static int open_scopes(struct pair *p)
{
    char text[16];
    const char *view;
    struct iovec piece = { text, 1 };
    asyncio_server *server;
    asyncio_stream *stream;
    CHECK_IS(asyncio_stream_write(p->a, "line\nuntil-view-abcdefgh", 23), 0);
    FINDS_SCOPE(positive(asyncio_stream_readline(p->b, text, sizeof text)));
    FINDS_SCOPE(positive(asyncio_stream_readuntil(p->b, "-", 1, text, sizeof text)));
    FINDS_SCOPE(positive(asyncio_stream_readuntil_view(p->b, "-", 1, &view)));
    FINDS_SCOPE(positive(asyncio_stream_fill(p->b, 2)));
    FINDS_SCOPE(asyncio_stream_readexactly(p->b, text, 2, NULL));
    FINDS_SCOPE(positive(asyncio_stream_read(p->b, text, 1)));
    FINDS_SCOPE(asyncio_stream_write(p->b, text, 1));
    FINDS_SCOPE(asyncio_stream_writelines(p->b, &piece, 1));
    FINDS_SCOPE(asyncio_stream_drain(p->b));
    FINDS_SCOPE(asyncio_start_server(idle, "127.0.0.1", 0, &server));
    FINDS_SCOPE(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream));
    asyncio_stream_close(stream);
    FINDS_SCOPE(asyncio_stream_wait_closed(stream));
    asyncio_stream_unref(stream);
    asyncio_server_close(server);
    FINDS_SCOPE(asyncio_server_wait_closed(server));
    FINDS_SCOPE(asyncio_server_serve_forever(server) == -ASYNCIO_INVALID_STATE ? 0 : -EPROTO);
    asyncio_server_unref(server);
    /* one that is open around the call is left alone */
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 1000.0);
    unsigned before = reports.count;
    int r = asyncio_stream_write(p->a, "x", 1);
    if (r >= 0)
        r = asyncio_stream_readexactly(p->b, text, 1, NULL);
    r = asyncio_timeout_exit(&limit, r);
    CHECK_IS(r, 0);
    CHECK_IS(reports.count, before);
    return 0;
}

static void test_scopes(void **state)
{
    (void)state;
    with_pair(open_scopes);
}

/* ---- what has outlived its loop ---- */

static struct outliving {
    asyncio_server *server;
    asyncio_stream *stream;
    asyncio_datagram_transport *endpoint;
    asyncio_transport *transport;
    asyncio_ssl_context *context;
} outliving;

static int make_outliving(void)
{
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_report, NULL);
    int r = asyncio_start_server(idle, "127.0.0.1", 0, &outliving.server);
    if (r >= 0)
        r = asyncio_open_connection("127.0.0.1", asyncio_server_port(outliving.server),
                                    &outliving.stream);
    if (r >= 0)
        r = asyncio_loop_create_datagram_endpoint(asyncio_get_running_loop(), NULL,
                                                  &outliving.endpoint,
                                                  .local_host = "127.0.0.1");
    if (r >= 0)
        r = client_context(&outliving.context);
    if (r >= 0)
        r = asyncio_loop_create_connection(asyncio_get_running_loop(), new_echo, "127.0.0.1",
                                           asyncio_server_port(outliving.server),
                                           &outliving.transport);
    return r;
}

static int call_outliving_transport(void)
{
    asyncio_transport *transport = outliving.transport;
    asyncio_loop *loop = asyncio_get_running_loop();
    struct echo echo = { .protocol.methods = &echo_methods };
    char text[80];
    size_t low, high;
    if (loop)
        CHECK_IS(asyncio_loop_start_tls(loop, transport, outliving.context), -ECONNRESET);
    CHECK_IS(asyncio_transport_write(transport, "x", 1), -ECONNRESET);
    CHECK_IS(asyncio_transport_write_eof(transport), -ECONNRESET);
    CHECK_IS(asyncio_transport_can_write_eof(transport), 1);
    CHECK_IS(asyncio_transport_is_closing(transport), 1);
    CHECK_IS(asyncio_transport_is_reading(transport), 0);
    asyncio_transport_pause_reading(transport);
    asyncio_transport_resume_reading(transport);
    asyncio_transport_close(transport);
    asyncio_transport_abort(transport);
    CHECK(asyncio_transport_get_write_buffer_size(transport) == 0);
    CHECK_IS(asyncio_transport_set_write_buffer_limits(transport, 5, 1), 0);
    asyncio_transport_get_write_buffer_limits(transport, &low, &high);
    CHECK(!asyncio_transport_set_protocol(transport, &echo.protocol));
    CHECK(!asyncio_transport_get_protocol(transport));
    CHECK_IS(asyncio_transport_get_extra_info(transport, "socket", text, sizeof text), -ENOENT);
    CHECK_IS(asyncio_transport_get_extra_info(transport, "peername", text, sizeof text), -ENOTCONN);
    return 0;
}

/* Nothing of the loop is there any more, so ASan watches. */
static int call_outliving(void)
{
    int number, waiting = task_current() ? 0 : -ASYNCIO_NO_TASK;
    char text[80];
    struct sockaddr_storage address;
    asyncio_server *server = outliving.server;
    CHECK_IS(asyncio_server_start_serving(server), -ASYNCIO_INVALID_STATE);
    asyncio_server_stop_serving(server);
    CHECK_IS(asyncio_server_serve_forever(server),
             waiting ? waiting : -ASYNCIO_INVALID_STATE);
    CHECK_IS(asyncio_server_wait_closed(server), waiting);
    CHECK_IS(asyncio_server_shutdown(server, 1), waiting);
    asyncio_server_close(server);
    asyncio_server_close_clients(server);
    asyncio_server_abort_clients(server);
    CHECK_IS(asyncio_server_is_serving(server), 0);
    CHECK_IS(asyncio_server_port(server), -ASYNCIO_INVALID_STATE);
    CHECK_IS(asyncio_server_sockets(server, &number, 1), 0);
    CHECK_IS(asyncio_server_sockname(server, 0, text, sizeof text), -ASYNCIO_INVALID_STATE);
    CHECK(asyncio_server_connections(server) == 0);
    CHECK_IS(asyncio_stream_read(outliving.stream, text, 1), -ECONNRESET);
    CHECK_IS(asyncio_stream_write(outliving.stream, "x", 1), -ECONNRESET);
    CHECK_IS(asyncio_stream_set_write_buffer_limits(outliving.stream, 1, 0), 0);
    CHECK_IS(asyncio_stream_wait_closed(outliving.stream), waiting);
    CHECK_IS(asyncio_stream_get_extra_info(outliving.stream, "socket", text, sizeof text), -ENOENT);
    asyncio_datagram_transport *endpoint = outliving.endpoint;
    CHECK_IS(asyncio_datagram_transport_sendto(endpoint, "x", 1, NULL, 0), -ECONNRESET);
    CHECK_IS(asyncio_datagram_transport_join_group(endpoint, "224.0.0.1", NULL), -ECONNRESET);
    CHECK_IS(asyncio_datagram_transport_leave_group(endpoint, "224.0.0.1", NULL), -ECONNRESET);
    CHECK_IS(asyncio_datagram_transport_set_multicast(endpoint, 1, 1), -ECONNRESET);
    CHECK_IS(asyncio_datagram_transport_sockname(endpoint, &address, NULL), -ECONNRESET);
    CHECK_IS(asyncio_datagram_transport_get_extra_info(endpoint, "socket", text, sizeof text),
             -ECONNRESET);
    asyncio_datagram_transport_close(endpoint);
    asyncio_datagram_transport_abort(endpoint);
    return call_outliving_transport();
}

static void test_outliving(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    outliving = (struct outliving){ .server = NULL };
    reports.count = 0;
    int r = asyncio_run(asyncio_coro(make_outliving));
    assert_int_equal(reports.count, 0); /* whoever has just connected is dropped without a word */
    if (r >= 0)
        r = call_outliving();
    if (r >= 0)
        r = asyncio_run(asyncio_coro(call_outliving));
    asyncio_server_unref(outliving.server);
    asyncio_stream_unref(outliving.stream);
    asyncio_datagram_transport_unref(outliving.endpoint);
    asyncio_transport_unref(outliving.transport);
    asyncio_ssl_context_unref(outliving.context);
    assert_int_equal(r, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_foreign_transport),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_outliving),
    };
    warm_up();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
