/* SPDX-License-Identifier: MIT */
/* Connecting and names: addresses in turn, what is said when none will do, cancelling at each
 * point, closing. */
#include "net/net_test.h"

#include "net/resolve.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

static int hosts(void *data)
{
    (void)data;
    asyncio_server *server;
    CHECK_IS(asyncio_start_server(say_hello, NULL, 0, &server, .backlog = 16), 0);
    int port = asyncio_server_port(server);
    CHECK_IS(hello_from("127.0.0.1", port, NULL), 0);
    CHECK_IS(hello_from("localhost", port, NULL), 0);
    CHECK_IS(hello_from(NULL, port, NULL), 0);
    CHECK_IS(hello_from("", port, NULL), 0);
    asyncio_open_connection_options four = { .size = sizeof four, .limit = 100, .family = AF_INET,
                                             .sock = -1, .happy_eyeballs_delay = ASYNCIO_NONE };
    CHECK_IS(hello_from("localhost", port, &four), 0);
    CHECK_IS(hello_from("::1", port, &four), -ASYNCIO_RESOLVE);
    asyncio_open_connection_options bound = { .size = sizeof bound,
                                              .limit = 100,
                                              .sock = -1,
                                              .happy_eyeballs_delay = ASYNCIO_NONE,
                                              .local_addr = { "127.0.0.1", 0 } };
    CHECK_IS(hello_from("127.0.0.1", port, &bound), 0);
    return end_server(server);
}

static void test_hosts(void **state)
{
    (void)state;
    run_everywhere(hosts);
}

static int local_port(void *data)
{
    (void)data;
    asyncio_server *server, *other;
    asyncio_stream *stream;
    char name[80], expected[80];
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", 0, &server), 0);
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", 0, &other), 0);
    int free_port = asyncio_server_port(other);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream,
                                     .local_addr = { NULL, free_port }),
             -EADDRINUSE);
    CHECK_IS(end_server(other), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream,
                                     .local_addr = { "127.0.0.1", free_port }),
             0);
    CHECK_IS(asyncio_stream_sockname(stream, name, sizeof name), 0);
    snprintf(expected, sizeof expected, "127.0.0.1:%d", free_port);
    CHECK(strcmp(name, expected) == 0);
    asyncio_stream_unref(stream);
    return end_server(server);
}

static void test_local_port(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_int_equal(run_once(local_port, NULL), 0);
}

static int refused(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream = NULL;
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", 0, &server), 0);
    int port = asyncio_server_port(server);
    CHECK_IS(end_server(server), 0);
    int r = asyncio_open_connection("127.0.0.1", port, &stream);
    CHECK_IS(r, -ECONNREFUSED);
    CHECK(stream == NULL);
    const asyncio_error *error = asyncio_last_error(r);
    char expected[80];
    snprintf(expected, sizeof expected, "127.0.0.1:%d: ", port);
    CHECK(error && strstr(error->text, expected));
    r = asyncio_open_connection(NULL, port, &stream);
    CHECK_IS(r, -ECONNREFUSED);
    error = asyncio_last_error(r);
    /* both attempts */
    CHECK(error && strstr(error->text, expected) && strstr(error->text, "[::1]:"));
    CHECK_IS(asyncio_open_connection("127.0.0.1", 70000, &stream), -EINVAL);
    CHECK_IS(asyncio_open_connection("127.0.0.1", -1, &stream), -EINVAL);
    CHECK_IS(asyncio_open_connection("127.0.0.1", port, &stream, .limit = 0), -EINVAL);
    CHECK_IS(asyncio_open_connection("127.0.0.1", port, &stream, .family = 77), -EINVAL);
    CHECK_IS(asyncio_open_connection("127.0.0.1", port, &stream, .local_addr = { "192.0.2.1", 0 }),
             -EADDRNOTAVAIL);
    CHECK_IS(asyncio_open_connection("::1", port, &stream, .local_addr = { "127.0.0.1", 0 }),
             -EADDRNOTAVAIL);
    return 0;
}

static void test_refused(void **state)
{
    (void)state;
    run_everywhere(refused);
}

static int unknown_names(void *data)
{
    (void)data;
    asyncio_stream *stream;
    asyncio_server *server;
    int r = asyncio_open_connection("no such host", 1, &stream);
    CHECK_IS(r, -ASYNCIO_RESOLVE);
    CHECK(asyncio_last_error(r) && strncmp(record_of(r)->text, "no such host: ", 14) == 0);
    CHECK_IS(asyncio_start_server(say_hello, "no such host", 0, &server), -ASYNCIO_RESOLVE);
    CHECK_IS(asyncio_open_connection("127.0.0.1", 1, &stream, .local_addr = { "no such host", 0 }),
             -ASYNCIO_RESOLVE);
    return 0;
}

static void test_unknown(void **state)
{
    (void)state;
    run_everywhere(unknown_names);
}

/* ---- cancelled ---- */

static int connect_by(const char *host, int port)
{
    asyncio_stream *stream;
    int r = asyncio_open_connection(host, port, &stream);
    if (r >= 0)
        asyncio_stream_unref(stream);
    return r;
}

static int cancelled_anywhere(void *data)
{
    (void)data;
    static const char *names[] = { "127.0.0.1", "localhost", "no such host" };
    asyncio_server *server;
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", 0, &server), 0);
    for (int i = 0; i < 3; i++) {
        for (int turns = 0; turns < 12; turns++) {
            asyncio_task *task;
            START(task, connect_by, names[i], asyncio_server_port(server));
            for (int k = 0; k < turns; k++)
                CHECK_IS(asyncio_sleep(0), 0);
            bool was_asked = asyncio_task_cancel(task) == 1;
            int r = join(task);
            if (was_asked)
                CHECK_IS(r, -ECANCELED);
            else
                CHECK_IS(r, i == 2 ? -ASYNCIO_RESOLVE : 0);
        }
    }
    return end_server(server);
}

static int left_behind(void *data)
{
    (void)data;
    asyncio_task *task;
    START(task, connect_by, "localhost", 1); /* the runner cancels it */
    asyncio_task_unref(task);
    return asyncio_sleep(0);
}

static void test_cancel(void **state)
{
    (void)state;
    /* A late answer comes on a thread, so what it holds may go a moment after the loop. */
    const char *backend = getenv("ASYNCIO_BACKEND");
    bool has_threads = !backend || strcmp(backend, "sim") != 0;
    for (int i = 0; i < 3; i++) {
        uint64_t live = asyncio__alloc_live();
        enter_world("plain", i == 1, 0);
        asyncio__record_put(NULL);
        assert_int_equal(
            asyncio_run(asyncio_coro(observed, i < 2 ? cancelled_anywhere : left_behind, NULL)), 0);
        asyncio__record_put(NULL);
        for (int k = 0; k < 2000 && has_threads && asyncio__alloc_live() != live; k++)
            nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
        assert_int_equal(asyncio__alloc_live(), live);
    }
    if (!has_threads) {
        run_everywhere(cancelled_anywhere);
        run_everywhere(left_behind);
    }
}

/* ---- options of the socket ---- */

static int nodelay_is_on(struct pair *p)
{
    struct backend *backend = p->a->tcp.net->backend;
    for (int i = 0; i < 2; i++) {
        int value = 0;
        socklen_t size = sizeof value;
        sock socket = (i ? p->b : p->a)->tcp.in.socket;
        CHECK_IS(
            backend->type->getsockopt(backend, socket, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
        CHECK(value != 0 || (i == 1 && world.is_sim)); /* sim has no options that are inherited */
    }
    return 0;
}

static void test_nodelay(void **state)
{
    (void)state;
    with_pair(nodelay_is_on);
}

/* ---- closing ---- */

static int wait_for_close(asyncio_stream *stream)
{
    return asyncio_stream_wait_closed(stream);
}

static int close_flushes(struct pair *p)
{
    size_t size = world.is_chopped ? 10000 : 6000000;
    char *block = calloc(1, size);
    asyncio_task *waiter, *other, *cancelled;
    START(waiter, wait_for_close, p->a);
    START(other, wait_for_close, p->a);
    START(cancelled, wait_for_close, p->a);
    CHECK_IS(asyncio_stream_write_nowait(p->a, block, size), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_cancel(cancelled), 1);
    CHECK_IS(join(cancelled), -ECANCELED);
    CHECK_IS(asyncio_task_done(waiter), 0); /* nobody has closed yet */
    asyncio_stream_close(p->a);
    CHECK_IS(settle(), 0);
    if (!world.is_chopped)
        CHECK_IS(asyncio_task_done(waiter), 0); /* and nobody has read */
    CHECK_IS(read_all(p->b, block, size), (int)size);
    CHECK_IS(asyncio_stream_read(p->b, block, 1), 0);
    free(block);
    CHECK_IS(join(waiter), 0);
    CHECK_IS(join(other), 0);
    CHECK_IS(asyncio_stream_wait_closed(p->a), 0);
    return 0;
}

static int unref_flushes(struct pair *p)
{
    size_t size = world.is_chopped ? 10000 : 6000000;
    char *block = calloc(1, size);
    CHECK_IS(asyncio_stream_write_nowait(p->a, block, size), 0);
    asyncio_stream_unref(p->a);
    p->a = NULL;
    CHECK_IS(read_all(p->b, block, size), (int)size);
    CHECK_IS(asyncio_stream_read(p->b, block, 1), 0);
    free(block);
    return 0;
}

static int abort_drops(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    size_t size = 6000000;
    char *block = calloc(1, size);
    CHECK_IS(asyncio_stream_write_nowait(p->a, block, size), 0);
    CHECK(asyncio_stream_get_write_buffer_size(p->a) > 0);
    asyncio_stream_abort(p->a);
    CHECK_IS(asyncio_stream_wait_closed(p->a), 0);
    CHECK_IS((long long)asyncio_stream_get_write_buffer_size(p->a), 0);
    int r = read_all(p->b, block, size);
    free(block);
    CHECK_IS(r, -ECONNRESET); /* no end that looks proper */
    return 0;
}

static int abort_while_closing(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    size_t size = 6000000;
    char *block = calloc(1, size);
    asyncio_task *waiter;
    CHECK_IS(asyncio_stream_write_nowait(p->a, block, size), 0);
    free(block);
    asyncio_stream_close(p->a);
    START(waiter, wait_for_close, p->a);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(waiter), 0);
    asyncio_stream_abort(p->a);
    CHECK_IS(join(waiter), 0);
    return 0;
}

static int reset_while_closing(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    size_t size = 6000000;
    char *block = calloc(1, size);
    CHECK_IS(asyncio_stream_write_nowait(p->a, block, size), 0);
    free(block);
    asyncio_stream_close(p->a);
    CHECK_IS(settle(), 0);
    asyncio_stream_abort(p->b);
    int r = asyncio_stream_wait_closed(p->a);
    CHECK(r == -ECONNRESET || r == -EPIPE);
    return 0;
}

static void test_close(void **state)
{
    (void)state;
    with_pair(close_flushes);
    with_pair(unref_flushes);
    with_pair(abort_drops);
    with_pair(abort_while_closing);
    with_pair(reset_while_closing);
}

/* ---- addresses ---- */

static void test_addresses(void **state)
{
    (void)state;
    struct address address;
    bool is_literal;
    char text[ADDRESS_TEXT_SIZE];
    static const char *good[][2] = {
        { "127.0.0.1", "127.0.0.1:80" },
        { "255.255.255.255", "255.255.255.255:80" },
        { "::", "[::]:80" },
        { "::1", "[::1]:80" },
        { "2001:db8::1", "[2001:db8::1]:80" },
        { "::1%1", "[::1%1]:80" },
        { "1111:2222:3333:4444:5555:6666:7777:8888",
          "[1111:2222:3333:4444:5555:6666:7777:8888]:80" },
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!asyncio__address_parse(good[i][0], 80, 0, &address, &is_literal))
            fail_msg("%s", good[i][0]);
        assert_true(is_literal);
        assert_int_equal(asyncio__address_port(&address.name), 80);
        assert_int_equal(asyncio__address_format(&address, text, sizeof text), 0);
        if (!strchr(good[i][0], '%') || address.size == sizeof(struct sockaddr_in6))
            assert_true(strcmp(text, good[i][1]) == 0 || strchr(good[i][0], '%'));
        assert_int_equal(asyncio__address_format(&address, text, strlen(text)), -ENOSPC);
        assert_int_equal(asyncio__address_format(&address, text, strlen(text) + 1), 0);
    }
    static const char *bad[] = { "localhost", "1.2.3",   "1.2.3.4.5", "256.1.1.1",
                                 ":::",       "1::2::3", "::1%",      "x" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(asyncio__address_parse(bad[i], 80, 0, &address, &is_literal));
        assert_false(is_literal);
    }
    assert_false(asyncio__address_parse("::1", 80, AF_INET, &address, &is_literal));
    assert_true(is_literal);
    struct address other = { .name.ss_family = AF_NETLINK, .size = sizeof(struct sockaddr_in) };
    assert_int_equal(asyncio__address_format(&other, text, sizeof text), -EAFNOSUPPORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),      cmocka_unit_test(test_local_port),
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_cancel),     cmocka_unit_test(test_nodelay),
        cmocka_unit_test(test_close),      cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
