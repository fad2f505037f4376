/* SPDX-License-Identifier: MIT */
/* What a server is bound to (several hosts, given and inherited descriptors, ports that are shared)
 * and how it ends: start_serving, shutdown with its stages. */
#include "net/net_test.h"

#include <arpa/inet.h>
#include <asyncio/timeout.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- hosts ---- */

static int hosts(void *data)
{
    (void)data;
    static const char *const three[] = { "127.0.0.1", "::1", "127.0.0.1", "localhost", NULL };
    static const char *const nowhere[] = { "127.0.0.1", "no such host", NULL };
    static const char *const none[] = { NULL };
    asyncio_server *server, *other;
    int numbers[4] = { 7, 7, 7, 7 };
    char text[80], expected[80];
    CHECK_IS(asyncio_start_server(say_hello, NULL, 0, &server, .hosts = three), 0);
    int port = asyncio_server_port(server);
    CHECK_IS(asyncio_server_sockets(server, numbers, 1), 2); /* what comes twice is bound once */
    CHECK(world.is_sim ? numbers[0] < 0 : numbers[0] > 2);
    CHECK_IS(numbers[1], 7);
    CHECK_IS(asyncio_server_sockname(server, 1, text, sizeof text), 0);
    snprintf(expected, sizeof expected, "[::1]:%d", port);
    CHECK(strcmp(text, expected) == 0);
    CHECK_IS(hello_from("127.0.0.1", port, NULL), 0);
    CHECK_IS(hello_from("::1", port, NULL), 0);
    /* all or none: the first is given back */
    CHECK_IS(asyncio_start_server(say_hello, NULL, 0, &other, .hosts = nowhere), -ASYNCIO_RESOLVE);
    CHECK_IS(asyncio_start_server(say_hello, NULL, 0, &other, .hosts = none), -EINVAL);
    CHECK_IS(asyncio_start_server(say_hello, "::1", 0, &other, .hosts = three), -EINVAL);
    CHECK_IS(asyncio_start_server(say_hello, NULL, 1, &other, .sock = 7), -EINVAL);
    CHECK_IS(asyncio_start_server(say_hello, "::1", 0, &other, .listen_fds = ""), -EINVAL);
    CHECK_IS(asyncio_start_server(say_hello, NULL, 0, &other, .listen_fds = ""), -ENOENT);
    CHECK_IS(end_server(server), 0);
    return 0;
}

static void test_hosts(void **state)
{
    (void)state;
    run_everywhere(hosts);
}

/* The second address cannot be had, so the first is free again. */
/* -EAGAIN: somebody else has the port on the other address. */
static int all_or_none_once(void)
{
    static const char *const both[] = { "127.0.0.2", "127.0.0.1", NULL };
    asyncio_server *server, *other;
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", 0, &server), 0);
    int port = asyncio_server_port(server);
    int r = asyncio_start_server(say_hello, NULL, port, &other, .hosts = both);
    CHECK_IS(r, -EADDRINUSE);
    CHECK(asyncio_last_error(r));
    bool is_elsewhere = !strstr(asyncio_last_error(r)->text, "127.0.0.1:");
    r = asyncio_start_server(say_hello, "127.0.0.2", port, &other);
    if (r == -EADDRINUSE) {
        CHECK_IS(end_server(server), 0);
        return -EAGAIN;
    }
    CHECK_IS(r, 0);
    CHECK_IS(end_server(other), 0);
    CHECK_IS(end_server(server), 0);
    return is_elsewhere ? -EAGAIN : 0;
}

static int all_or_none(void *data)
{
    (void)data;
    int r = -EAGAIN;
    for (int i = 0; r == -EAGAIN && i < 20; i++)
        r = all_or_none_once();
    return r;
}

static void test_all_or_none(void **state)
{
    (void)state;
    run_everywhere(all_or_none);
}

/* ---- start_serving ---- */

static int serve_it(asyncio_server *server)
{
    return asyncio_server_serve_forever(server);
}

static int later(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_task *task;
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", 0, &server, .start_serving = 0), 0);
    int port = asyncio_server_port(server);
    CHECK(port > 0);
    CHECK_IS(asyncio_server_is_serving(server), 0);
    CHECK_IS(hello_from("127.0.0.1", port, NULL), -ECONNREFUSED);
    CHECK_IS(asyncio_server_start_serving(server), 0);
    CHECK_IS(asyncio_server_start_serving(server), 0);
    CHECK_IS(asyncio_server_is_serving(server), 1);
    CHECK_IS(hello_from("127.0.0.1", port, NULL), 0);
    asyncio_server_close(server);
    CHECK_IS(asyncio_server_is_serving(server), 0);
    CHECK_IS(asyncio_server_start_serving(server), -ASYNCIO_INVALID_STATE);
    CHECK_IS(asyncio_server_sockets(server, NULL, 0), 0);
    CHECK_IS(end_server(server), 0);
    /* serve_forever starts it as well */
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", 0, &server, .start_serving = 0), 0);
    port = asyncio_server_port(server);
    START(task, serve_it, server);
    CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(hello_from("127.0.0.1", port, NULL), 0);
    CHECK_IS(asyncio_task_cancel(task), 1);
    CHECK_IS(join(task), -ECANCELED);
    CHECK_IS(asyncio_server_is_serving(server), 0);
    asyncio_server_unref(server);
    /* one that never served is closed like any other */
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", 0, &server, .start_serving = 0), 0);
    return end_server(server);
}

static void test_later(void **state)
{
    (void)state;
    run_everywhere(later);
}

/* Who connects while accepting rests waits, and none is lost on the way. */
static int rests(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_task *tasks[6];
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", 0, &server), 0);
    int port = asyncio_server_port(server);
    asyncio_server_stop_serving(server);
    asyncio_server_stop_serving(server);
    CHECK_IS(asyncio_server_is_serving(server), 0);
    /* What the kernel had accepted for it by then is still handled. */
    CHECK_IS(asyncio_sleep(0.05), 0);
    START(tasks[0], hello_from, "127.0.0.1", port, NULL);
    CHECK_IS(asyncio_sleep(0.1), 0);
    CHECK_IS(asyncio_task_done(tasks[0]), 0);
    CHECK_IS(asyncio_server_start_serving(server), 0);
    CHECK_IS(join(tasks[0]), 0);
    for (int turn = 0; turn < 5; turn++) {
        for (int i = 0; i < 6; i++)
            START(tasks[i], hello_from, "127.0.0.1", port, NULL);
        for (int i = 0; i < turn; i++)
            CHECK_IS(asyncio_sleep(0), 0);
        asyncio_server_stop_serving(server);
        if (turn % 2)
            CHECK_IS(asyncio_sleep(0.01), 0);
        CHECK_IS(asyncio_server_start_serving(server), 0);
        for (int i = 0; i < 6; i++)
            CHECK_IS(join(tasks[i]), 0);
    }
    asyncio_server_stop_serving(server);
    asyncio_server_close(server);
    asyncio_server_stop_serving(server);
    CHECK_IS(asyncio_server_start_serving(server), -ASYNCIO_INVALID_STATE);
    return end_server(server);
}

static void test_rests(void **state)
{
    (void)state;
    run_everywhere(rests);
}

/* ---- shutdown ---- */

static int reads_on(asyncio_stream *stream, void *data)
{
    char byte;
    int r = asyncio_stream_read(stream, &byte, 1);
    *(int *)data += 1;
    return r < 0 ? r : asyncio_stream_write(stream, "bye", 3);
}

static int send_later(asyncio_stream *stream)
{
    int r = asyncio_sleep(0.5);
    return r < 0 ? r : asyncio_stream_write(stream, "x", 1);
}

/* Accepting may rest for a while when a seed has it fail. */
static int accepted_by(asyncio_server *server)
{
    for (int i = 0; i < 1000 && !asyncio_server_connections(server); i++)
        CHECK_IS(asyncio_sleep(0.001), 0);
    CHECK(asyncio_server_connections(server) == 1);
    return settle();
}

static double now(void)
{
    return asyncio_loop_time(asyncio_get_running_loop());
}

/* A handler that ends in time is waited for, and what it writes last arrives. */
static int patient(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream;
    asyncio_task *sender;
    int ended = 0;
    char text[8];
    CHECK_IS(asyncio_start_server(reads_on, "127.0.0.1", 0, &server, .data = &ended), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream), 0);
    CHECK_IS(accepted_by(server), 0);
    START(sender, send_later, stream);
    double start = now();
    CHECK_IS(asyncio_server_shutdown(server, 10.0), 0);
    CHECK(now() - start >= 0.4 && now() - start < 5);
    CHECK_IS(ended, 1);
    CHECK_IS(join(sender), 0);
    CHECK_IS(asyncio_stream_readexactly(stream, text, 3, NULL), 0);
    asyncio_stream_unref(stream);
    asyncio_server_unref(server);
    CHECK(reports.count == 0 || (world.is_seeded && reports.last == -EMFILE));
    return settle();
}

/* One that does not is closed when the time is over, which is no news to the exception handler. */
static int impatient(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream;
    int ended = 0;
    char text[8];
    CHECK_IS(asyncio_start_server(reads_on, "127.0.0.1", 0, &server, .data = &ended), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream), 0);
    CHECK_IS(accepted_by(server), 0);
    double start = now();
    CHECK_IS(asyncio_server_shutdown(server, 0.3), -ETIMEDOUT);
    CHECK(now() - start >= 0.25 && now() - start < 1.0);
    CHECK_IS(ended, 1);
    CHECK_IS(asyncio_stream_read(stream, text, 1), 0);
    asyncio_stream_unref(stream);
    CHECK_IS(asyncio_server_shutdown(server, 0.3), 0); /* there is nothing left */
    asyncio_server_unref(server);
    CHECK(reports.count == 0 || (world.is_seeded && reports.last == -EMFILE));
    return settle();
}

static int floods(asyncio_stream *stream, void *data)
{
    char block[4096] = { 0 };
    int r = 0;
    while (r >= 0)
        r = asyncio_stream_write(stream, block, sizeof block);
    *(int *)data += 1;
    return r;
}

/* A peer that reads nothing cannot be flushed: it is cut off. A handler that never ends is left. */
static int stubborn(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream;
    int ended = 0;
    CHECK_IS(asyncio_start_server(floods, "127.0.0.1", 0, &server, .data = &ended), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream), 0);
    CHECK_IS(accepted_by(server), 0);
    double start = now();
    CHECK_IS(asyncio_server_shutdown(server, 0.2), -ETIMEDOUT);
    CHECK(now() - start >= (world.is_chopped ? 0.15 : 0.35) && now() - start < 2.0);
    CHECK_IS(ended, 1);
    asyncio_stream_unref(stream);
    asyncio_server_unref(server);
    CHECK(reports.count == 0 || (world.is_seeded && reports.last == -EMFILE));
    return settle();
}

static int shut_down(asyncio_server *server)
{
    return asyncio_server_shutdown(server, ASYNCIO_NONE);
}

static int cut_short(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream;
    asyncio_task *task;
    int ended = 0;
    char text[8];
    CHECK_IS(asyncio_start_server(reads_on, "127.0.0.1", 0, &server, .data = &ended), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream), 0);
    CHECK_IS(accepted_by(server), 0);
    CHECK_IS(asyncio_server_shutdown(server, 0.0 / 0.0), -EINVAL);
    CHECK_IS(asyncio_server_is_serving(server), 1);
    START(task, shut_down, server);
    CHECK_IS(asyncio_sleep(0.1), 0);
    CHECK_IS(asyncio_server_is_serving(server), 0);
    CHECK_IS(asyncio_task_done(task), 0);
    CHECK_IS(ended, 0);
    CHECK_IS(asyncio_task_cancel(task), 1);
    CHECK_IS(join(task), -ECANCELED);
    CHECK_IS(settle(), 0);
    CHECK_IS(ended, 1);
    CHECK_IS(asyncio_stream_read(stream, text, 1), -ECONNRESET);
    asyncio_stream_unref(stream);
    asyncio_server_unref(server);
    return settle();
}

/* The allocation of a shutdown that fails, alone or with all behind it. */
static unsigned failing;
static bool is_for_good;

static int shut_down_briefly(asyncio_server *server)
{
    asyncio__alloc_fail_at(failing, is_for_good);
    int r = asyncio_server_shutdown(server, 0.05);
    asyncio__alloc_fail_at(0, 0);
    return r;
}

/* A limit that there is no memory for has passed: nobody waits without one. */
static int without_memory(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream;
    asyncio_task *task;
    int ended = 0;
    CHECK_IS(asyncio_start_server(reads_on, "127.0.0.1", 0, &server, .data = &ended), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream), 0);
    CHECK_IS(accepted_by(server), 0);
    START(task, shut_down_briefly, server);
    for (int i = 0; i < 500 && !asyncio_task_done(task); i++)
        CHECK_IS(asyncio_sleep(0.01), 0);
    asyncio__alloc_fail_at(0, 0);
    CHECK(asyncio_task_done(task));
    int r = join(task);
    CHECK(r == -ETIMEDOUT || r == -ENOMEM);
    CHECK_IS((long long)asyncio_server_connections(server), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(ended, 1);
    asyncio_stream_unref(stream);
    asyncio_server_unref(server);
    return settle();
}

static void test_shutdown(void **state)
{
    (void)state;
    run_everywhere(patient);
    run_everywhere(impatient);
    run_everywhere(stubborn);
    run_everywhere(cut_short);
    for (unsigned i = 0; i < 12 && !allocation_is_failing(); i++) {
        failing = 1 + i / 2;
        is_for_good = i % 2;
        run_everywhere(without_memory);
    }
}

/* ---- descriptors: not in the simulation ---- */

static int bound_socket(int *ret_port)
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    socklen_t size = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int number = socket(AF_INET, SOCK_STREAM, 0);
    if (number < 0 || bind(number, (struct sockaddr *)&name, size) < 0 ||
        getsockname(number, (struct sockaddr *)&name, &size) < 0)
        return -1;
    *ret_port = ntohs(name.sin_port);
    return number;
}

static int given(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream;
    int port, one = 0;
    socklen_t size = sizeof one;
    int number = bound_socket(&port);
    CHECK(number >= 0);
    CHECK_IS(asyncio_start_server(say_hello, NULL, 0, &server, .sock = number), 0);
    CHECK_IS(asyncio_server_port(server), port);
    CHECK_IS(hello_from("127.0.0.1", port, NULL), 0);
    CHECK_IS(end_server(server), 0);
    CHECK_IS(fcntl(number, F_GETFD), -1);
    /* one that is not bound gets its port when it listens */
    number = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_IS(asyncio_start_server(say_hello, NULL, 0, &server, .sock = number, .start_serving = 0),
             0);
    CHECK_IS(asyncio_server_port(server), -EAFNOSUPPORT);
    CHECK_IS(asyncio_server_start_serving(server), 0);
    CHECK(asyncio_server_port(server) > 0);
    CHECK_IS(hello_from("127.0.0.1", asyncio_server_port(server), NULL), 0);
    CHECK_IS(end_server(server), 0);
    /* no stream socket, and none at all: they stay the caller's */
    number = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_IS(asyncio_start_server(say_hello, NULL, 0, &server, .sock = number), -EINVAL);
    CHECK_IS(asyncio_start_unix_server(say_hello, NULL, &server, .sock = number), -EINVAL);
    CHECK_IS(close(number), 0);
    CHECK_IS(asyncio_start_server(say_hello, NULL, 0, &server, .sock = number), -EBADF);
    /* a client's, connected by somebody else; keep-alive is asked for on both sides */
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", 0, &server, .keep_alive = 1), 0);
    struct sockaddr_in name = { .sin_family = AF_INET };
    name.sin_port = htons((uint16_t)asyncio_server_port(server));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    number = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_IS(asyncio_open_connection(NULL, 0, &stream, .sock = number), -ENOTCONN);
    CHECK_IS(connect(number, (struct sockaddr *)&name, sizeof name), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", 0, &stream, .sock = number), -EINVAL);
    CHECK_IS(asyncio_open_connection(NULL, 0, &stream, .sock = number), 0);
    char text[8];
    CHECK_IS(asyncio_stream_readexactly(stream, text, 5, NULL), 0);
    CHECK_IS(getsockopt(number, IPPROTO_TCP, TCP_NODELAY, &one, &size), 0);
    CHECK_IS(one, 1);
    asyncio_stream_unref(stream);
    CHECK_IS(settle(), 0);
    CHECK_IS(fcntl(number, F_GETFD), -1);
    return end_server(server);
}

static int keeps_alive(asyncio_stream *stream, void *data)
{
    struct backend *backend = stream->tcp.net->backend;
    socklen_t size = sizeof(int);
    return backend->type->getsockopt(backend, stream->tcp.in.socket, SOL_SOCKET, SO_KEEPALIVE, data,
                                     &size);
}

static int kept_alive(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream;
    int is_kept = 0, ours = 0;
    char byte;
    CHECK_IS(asyncio_start_server(keeps_alive, "127.0.0.1", 0, &server, .keep_alive = 1,
                                  .data = &is_kept), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream,
                                     .keep_alive = 1), 0);
    CHECK_IS(asyncio_stream_read(stream, &byte, 1), 0);
    CHECK_IS(is_kept, 1);
    CHECK_IS(keeps_alive(stream, &ours), 0);
    CHECK_IS(ours, 1);
    asyncio_stream_unref(stream);
    return end_server(server);
}

/* Two servers on one port: the kernel deals connections out between them. */
static int count(asyncio_stream *stream, void *data)
{
    *(int *)data += 1;
    return asyncio_stream_write(stream, "hello", 5);
}

static int shared_port(void *data)
{
    (void)data;
    asyncio_server *a, *b;
    int of_a = 0, of_b = 0;
    CHECK_IS(asyncio_start_server(count, "127.0.0.1", 0, &a, .reuse_port = 1, .data = &of_a), 0);
    int port = asyncio_server_port(a);
    CHECK_IS(asyncio_start_server(count, "127.0.0.1", port, &b), -EADDRINUSE);
    CHECK_IS(asyncio_start_server(count, "127.0.0.1", port, &b, .reuse_port = 1, .data = &of_b), 0);
    for (int i = 0; i < 100 && !(of_a && of_b); i++)
        CHECK_IS(hello_from("127.0.0.1", port, NULL), 0);
    CHECK(of_a && of_b);
    CHECK_IS(end_server(a), 0);
    CHECK_IS(hello_from("127.0.0.1", port, NULL), 0);
    return end_server(b);
}

/* With reuse_address a port is free again although connections of before linger in TIME_WAIT. */
static int again(void *data)
{
    (void)data;
    asyncio_server *server;
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", 0, &server), 0);
    int port = asyncio_server_port(server);
    CHECK_IS(hello_from("127.0.0.1", port, NULL), 0); /* the server's side closes first */
    CHECK_IS(end_server(server), 0);
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", port, &server), 0);
    return end_server(server);
}

/* ---- what systemd passes: in a process of its own, since descriptor 3 and the environment are
 * ---- */

static int inherits(void *data)
{
    const int *ports = data;
    asyncio_server *first, *rest, *none;
    CHECK_IS(asyncio_start_server(say_hello, NULL, 0, &none, .listen_fds = "other"), -ENOENT);
    CHECK_IS(asyncio_start_server(say_hello, NULL, 0, &first, .listen_fds = "http"), 0);
    CHECK_IS(asyncio_server_port(first), ports[1]);
    CHECK_IS(asyncio_start_server(say_hello, NULL, 0, &none, .listen_fds = "http"), -ENOENT);
    CHECK_IS(asyncio_start_server(say_hello, NULL, 0, &rest, .listen_fds = ""), 0);
    CHECK_IS(asyncio_server_sockets(rest, NULL, 0), 2);
    for (int i = 0; i < 3; i++)
        CHECK_IS(hello_from("127.0.0.1", ports[i], NULL), 0);
    for (int i = 3; i < 6; i++)
        CHECK(fcntl(i, F_GETFD) & FD_CLOEXEC);
    CHECK_IS(end_server(first), 0);
    return end_server(rest);
}

static int in_a_child(void)
{
    int numbers[3], ports[3];
    char text[16];
    for (int i = 0; i < 3; i++) {
        int number = bound_socket(&ports[i]);
        numbers[i] = number < 0 ? -1 : fcntl(number, F_DUPFD, 20);
    }
    for (int i = 0; i < 3; i++)
        if (listen(numbers[i], 10) < 0 || dup2(numbers[i], 3 + i) < 0 || close(numbers[i]) < 0)
            return 1;
    setenv("LISTEN_FDS", "3", 1);
    setenv("LISTEN_FDNAMES", "a:http:a", 1);
    snprintf(text, sizeof text, "%d", (int)getpid());
    setenv("LISTEN_PID", text, 1);
    int r = asyncio_run(asyncio_coro(observed, inherits, (void *)ports));
    return r < 0 ? 2 : 0;
}

static void test_real(void **state)
{
    (void)state;
    static program *const programs[] = { given, kept_alive, shared_port, again };
    enter_world("plain", false, 0);
    if (world.is_sim)
        skip();
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        assert_int_equal(run_once(programs[i], NULL), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(in_a_child());
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),    cmocka_unit_test(test_all_or_none),
        cmocka_unit_test(test_later),    cmocka_unit_test(test_rests),
        cmocka_unit_test(test_shutdown),
        cmocka_unit_test(test_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
