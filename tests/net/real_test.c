/* SPDX-License-Identifier: MIT */
/* What only real sockets can show: peers that are no loop of ours, a process without descriptors,
 * the last words of a program that has ended. The sim backend is excused: it has no descriptors,
 * and failing accepts of its own. */
/* TEST: backends io_uring epoll; not valgrind */
#include "net/net_test.h"

#include <arpa/inet.h>
#include <asyncio/wait.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int local_server(asyncio_client_connected *handler, asyncio_server **ret_server, void *data)
{
    return asyncio_start_server(handler, "127.0.0.1", 0, ret_server, .data = data);
}

static int count_and_wait(asyncio_stream *stream, void *data)
{
    unsigned *counts = data;
    char byte;
    counts[0]++;
    if (counts[0] > counts[1])
        counts[1] = counts[0];
    counts[2]++;
    int r = asyncio_stream_read(stream, &byte, 1);
    counts[0]--;
    return r;
}

/* ---- no descriptors left: a pause, one report, and on it goes ---- */

static int raw_client(int port)
{
    int number = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(number, (struct sockaddr *)&name, sizeof name) < 0)
        return -errno;
    return number;
}

static int no_descriptors(void *data)
{
    (void)data;
    unsigned counts[3] = { 0 };
    asyncio_server *server;
    struct rlimit limit, tight;
    CHECK_IS(local_server(count_and_wait, &server, counts), 0);
    int client = raw_client(asyncio_server_port(server));
    CHECK(client >= 0);
    CHECK_IS(getrlimit(RLIMIT_NOFILE, &limit), 0);
    tight = limit;
    tight.rlim_cur = (rlim_t)client + 1;
    CHECK_IS(setrlimit(RLIMIT_NOFILE, &tight), 0);
    int r = asyncio_sleep(0.5); /* several attempts */
    CHECK_IS(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_IS(r, 0);
    CHECK_IS(counts[2], 0);
    CHECK_IS(reports.count, 1);
    CHECK_IS(reports.last, -EMFILE);
    for (int i = 0; i < 500 && counts[2] == 0; i++)
        CHECK_IS(asyncio_sleep(0.01), 0);
    CHECK_IS(counts[2], 1);
    close(client);
    return end_server(server);
}

/* All of them are in the kernel's queue before the first is accepted: some backends accept several
 * at once. */
static int crowd_at_the_door(void *data)
{
    (void)data;
    enum { CLIENTS = 9, MOST = 2 };
    unsigned counts[3] = { 0 };
    int clients[CLIENTS];
    asyncio_server *server;
    CHECK_IS(asyncio_start_server(count_and_wait, "127.0.0.1", 0, &server, .data = counts,
                                  .max_connections = MOST),
             0);
    CHECK_IS(asyncio_sleep(0.01), 0);
    for (int round = 0; round < 2; round++) {
        counts[2] = 0;
        for (int i = 0; i < CLIENTS; i++)
            CHECK((clients[i] = raw_client(asyncio_server_port(server))) >= 0);
        for (int i = 0; i < CLIENTS; i++) {
            CHECK_IS(settle(), 0);
            CHECK(asyncio_server_connections(server) <= MOST);
            if (round)
                break;
            close(clients[i]);
        }
        if (!round) {
            while (counts[2] < CLIENTS || counts[0])
                CHECK_IS(asyncio_sleep(0.01), 0);
            CHECK_IS(counts[1], MOST);
            CHECK_IS((long long)asyncio_server_connections(server), 0);
        }
    }
    asyncio_server_close(server); /* now with some who wait at the door */
    asyncio_server_close_clients(server);
    CHECK_IS(asyncio_server_wait_closed(server), 0);
    CHECK_IS(counts[2], MOST);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    asyncio_server_unref(server);
    return settle();
}

/* ---- a port of our own that nobody listens on: the kernel may connect a socket with itself
 * ---- */

static struct backend_type unlucky;  /* a backend whose sockets all get the same local port */
static const struct backend_type *lucky;
static uint16_t unlucky_port;
static int unlucky_left, sockets_made;

static int unlucky_socket(struct backend *backend, int family, int type, int protocol,
                          sock *ret_socket)
{
    int r = lucky->socket(backend, family, type, protocol, ret_socket);
    sockets_made++;
    if (r < 0 || unlucky_left-- <= 0)
        return r;
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(unlucky_port) };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(unlucky_port) };
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    six.sin6_addr = in6addr_loopback;
    r = lucky->setsockopt(backend, *ret_socket, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    return r < 0              ? r
           : family == AF_INET ? lucky->bind(backend, *ret_socket, (struct sockaddr *)&four,
                                             sizeof four)
                               : lucky->bind(backend, *ret_socket, (struct sockaddr *)&six,
                                             sizeof six);
}

static int connect_unluckily(int times, const char *host, asyncio_stream **ret_stream)
{
    struct net *net = asyncio__net(asyncio_get_running_loop());
    if (!net)
        return -ENOMEM;
    lucky = net->backend->type;
    unlucky = *lucky;
    unlucky.socket = unlucky_socket;
    unlucky_left = times;
    sockets_made = 0;
    net->backend->type = &unlucky;
    int r = asyncio_open_connection(host, unlucky_port, ret_stream);
    net->backend->type = lucky;
    return r;
}

static int self_connect(void *data)
{
    (void)data;
    const char *const hosts[] = { "127.0.0.1", "0.0.0.0", "::1" };
    asyncio_stream *stream;
    asyncio_server *server;
    for (int i = 0; i < 3; i++) {
        /* a port that is free now */
        int r = asyncio_start_server(count_and_wait, hosts[i], 0, &server);
        if (i == 2 && r < 0)
            break; /* no IPv6 here */
        CHECK_IS(r, 0);
        unlucky_port = (uint16_t)asyncio_server_port(server);
        CHECK_IS(end_server(server), 0);
        CHECK_IS(connect_unluckily(100, hosts[i], &stream), -ECONNREFUSED);
        CHECK_IS(sockets_made, 3);
        /* a second try is luckier */
        CHECK_IS(connect_unluckily(1, hosts[i], &stream), -ECONNREFUSED);
        CHECK_IS(sockets_made, 2);
    }
    /* who names the port himself gets what he asked for; others may be quicker to take it */
    int r = -EADDRINUSE;
    for (int i = 0; i < 20 && r == -EADDRINUSE; i++) {
        CHECK_IS(asyncio_start_server(count_and_wait, "127.0.0.1", 0, &server), 0);
        unlucky_port = (uint16_t)asyncio_server_port(server);
        CHECK_IS(end_server(server), 0);
        r = asyncio_open_connection("127.0.0.1", unlucky_port, &stream,
                                    .local_addr = { "127.0.0.1", unlucky_port });
    }
    CHECK_IS(r, 0);
    char text[3] = "";
    CHECK_IS(asyncio_stream_write(stream, "me", 2), 0);
    CHECK_IS(asyncio_stream_readexactly(stream, text, 2, NULL), 0);
    CHECK_IS(memcmp(text, "me", 2), 0);
    asyncio_stream_unref(stream);
    return settle();
}

static void test_real_sockets(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_int_equal(run_once(no_descriptors, NULL), 0);
    assert_int_equal(run_once(crowd_at_the_door, NULL), 0);
    assert_int_equal(run_once(self_connect, NULL), 0);
}

/* ---- what was written last gets out, closed or not ---- */

static asyncio_stream *last_stream;

static int write_and_leave(void *data)
{
    int *port = data;
    static char block[1000];
    int r = asyncio_open_connection("127.0.0.1", *port, &last_stream);
    if (r >= 0)
        r = asyncio_stream_write(last_stream, block, sizeof block);
    if (r >= 0 && port[1])
        asyncio_stream_close(last_stream);
    return r;
}

static void test_last_words(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    for (int closes = 0; closes < 2; closes++) {
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in name = { .sin_family = AF_INET };
        socklen_t size = sizeof name;
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &size), 0);
        int arguments[] = { ntohs(name.sin_port), closes };
        assert_int_equal(asyncio_run(asyncio_coro(write_and_leave, arguments)), 0);
        asyncio_stream_unref(last_stream);
        int accepted = accept(listener, NULL, NULL);
        assert_true(accepted >= 0);
        char block[2000];
        /* until the end of the stream */
        ssize_t n = recv(accepted, block, sizeof block, MSG_WAITALL);
        assert_int_equal(n, 1000);
        close(accepted);
        close(listener);
    }
}

/* ---- a child that clears up what it has inherited does no harm to its parent ---- */

static struct {
    asyncio_server *server;
    asyncio_stream *idle, *busy;
} inherited;

static int set_up(void)
{
    CHECK_IS(asyncio_start_server(echo, "127.0.0.1", 0, &inherited.server), 0);
    int port = asyncio_server_port(inherited.server);
    CHECK_IS(asyncio_open_connection("127.0.0.1", port, &inherited.idle), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", port, &inherited.busy), 0);
    CHECK_IS(settle(), 0);
    /* an operation under way while it forks */
    static char block[1 << 20];
    while (asyncio_stream_get_write_buffer_size(inherited.busy) == 0)
        CHECK_IS(asyncio_stream_write_nowait(inherited.busy, block, sizeof block), 0);
    return 0;
}

static int still_works(asyncio_stream *stream)
{
    char text[4];
    CHECK_IS(asyncio_stream_write(stream, "ping", 4), 0);
    CHECK_IS(asyncio_stream_readexactly(stream, text, 4, NULL), 0);
    return memcmp(text, "ping", 4) == 0 ? 0 : -EPROTO;
}

static int go_on(void)
{
    asyncio_stream *stream;
    CHECK_IS(asyncio_wait_for(asyncio_coro(still_works, inherited.idle), 5.0), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(inherited.server), &stream),
             0);
    CHECK_IS(asyncio_wait_for(asyncio_coro(still_works, stream), 5.0), 0);
    char text[4096];
    CHECK(asyncio_stream_read(inherited.busy, text, sizeof text) > 0);
    asyncio_stream_unref(stream);
    asyncio_stream_unref(inherited.idle);
    asyncio_stream_abort(inherited.busy);
    asyncio_stream_unref(inherited.busy);
    return end_server(inherited.server);
}

static void clear_up(asyncio_loop *loop, bool closes_loop)
{
    if (closes_loop) {
        if (asyncio_loop_close(loop) < 0)
            _exit(1);
        return;
    }
    asyncio_stream_unref(inherited.idle);
    asyncio_stream_abort(inherited.busy);
    asyncio_stream_unref(inherited.busy);
    asyncio_server_close(inherited.server);
    asyncio_server_abort_clients(inherited.server);
    asyncio_server_unref(inherited.server);
}

static void test_forked(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    for (int closes_loop = 0; closes_loop < 2; closes_loop++) {
        asyncio_loop *loop;
        uint64_t live = asyncio__alloc_live();
        assert_int_equal(asyncio_loop_new(&loop), 0);
        asyncio_loop_set_exception_handler(loop, on_report, NULL);
        assert_int_equal(asyncio_loop_run_until_complete(loop, asyncio_coro(set_up)), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            int before = count_descriptors();
            alarm(10);
            clear_up(loop, closes_loop);
            _exit(closes_loop &&
                  (before - count_descriptors() < 5 || asyncio__alloc_live() > live + 8));
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(asyncio_loop_run_until_complete(loop, asyncio_coro(go_on)), 0);
        assert_int_equal(asyncio_loop_close(loop), 0);
        asyncio_loop_unref(loop);
        assert_int_equal(asyncio__alloc_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_sockets),
        cmocka_unit_test(test_last_words),
        cmocka_unit_test(test_forked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
