/* SPDX-License-Identifier: MIT */
/* Plain sockets: sock_recv and its like, several waiters for one descriptor, what cannot be polled,
 * cancelling. */
/* TEST: backends io_uring epoll */
/* Real sockets, which the sim can only poll. */
#include "net/net_test.h"

#include "support/sweep.h"

#include <arpa/inet.h>
#include <asyncio.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

static asyncio_loop *loop(void)
{
    return asyncio_get_running_loop();
}

static int make_pair(int type, int ends[2])
{
    return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
}

static int receive(int socket)
{
    char byte;
    int r = asyncio_loop_sock_recv(loop(), socket, &byte, 1);
    return r == 1 ? byte : r;
}

static int send_all(int socket, const char *data, size_t size)
{
    return asyncio_loop_sock_sendall(loop(), socket, data, size);
}

/* Both directions of one descriptor at once, more than it holds; it stays blocking. */
static int both_ways(void *data)
{
    (void)data;
    enum { SIZE = 1000000 };
    int ends[2];
    CHECK_IS(make_pair(SOCK_STREAM, ends), 0);
    char *block = malloc(SIZE), *back = malloc(SIZE);
    memset(block, 'x', SIZE);
    asyncio_task *writer, *reader;
    START(writer, send_all, ends[0], block, SIZE);
    START(reader, receive, ends[0]);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(writer), 0);
    CHECK_IS(asyncio_task_done(reader), 0);
    CHECK_IS(asyncio_loop_sock_sendall(loop(), ends[1], "7", 1), 0);
    CHECK_IS(join(reader), '7');
    size_t got = 0;
    while (got < SIZE) {
        int n = asyncio_loop_sock_recv(loop(), ends[1], back + got, SIZE - got);
        CHECK(n > 0);
        got += (size_t)n;
    }
    CHECK_IS(join(writer), 0);
    CHECK(memcmp(block, back, SIZE) == 0);
    CHECK_IS(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    CHECK_IS(asyncio_loop_sock_sendall(loop(), ends[0], "", 0), 0);
    close(ends[0]);
    CHECK_IS(receive(ends[1]), 0); /* the end */
    CHECK_IS(asyncio_loop_sock_sendall(loop(), ends[1], "x", 1), -EPIPE);
    close(ends[1]);
    free(block);
    free(back);
    return 0;
}

static void on_readable(int descriptor, void *data)
{
    (void)descriptor;
    ++*(int *)data;
}

/* Several wait for one socket, with a reader beside them: each byte goes to one of them. */
static int many_wait(void *data)
{
    (void)data;
    int ends[2], called = 0;
    CHECK_IS(make_pair(SOCK_STREAM, ends), 0);
    asyncio_task *tasks[5];
    for (int i = 0; i < 5; i++)
        START(tasks[i], receive, ends[0]);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_loop_add_reader(loop(), ends[0], on_readable, .data = &called), 0);
    CHECK_IS(asyncio_task_cancel(tasks[1]), 1);
    CHECK_IS(join(tasks[1]), -ECANCELED);
    CHECK_IS(write(ends[1], "abcd", 4), 4);
    int sum = 0;
    for (int i = 0; i < 5; i++)
        if (i != 1)
            sum += join(tasks[i]);
    CHECK_IS(sum, 'a' + 'b' + 'c' + 'd');
    CHECK_IS(settle(), 0);
    CHECK(called > 0);
    int before = called;
    CHECK_IS(write(ends[1], "e", 1), 1); /* the callback outlives the waiting tasks */
    CHECK_IS(settle(), 0);
    CHECK(called > before);
    CHECK_IS(receive(ends[0]), 'e');
    START(tasks[0], receive, ends[0]);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_loop_remove_reader(loop(), ends[0]), 1); /* and they outlive it */
    before = called;
    CHECK_IS(write(ends[1], "f", 1), 1);
    CHECK_IS(join(tasks[0]), 'f');
    CHECK_IS(called, before);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static int accept_one(int listener)
{
    struct sockaddr_storage address;
    socklen_t size;
    int r = asyncio_loop_sock_accept(loop(), listener, &address, &size);
    if (r >= 0 && (address.ss_family != AF_INET || size != sizeof(struct sockaddr_in)))
        return -EPROTO;
    return r;
}

static int connections(void *data)
{
    (void)data;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    struct sockaddr *name = (struct sockaddr *)&address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_IS(bind(listener, name, size), 0);
    CHECK_IS(listen(listener, 10), 0);
    CHECK_IS(getsockname(listener, name, &size), 0);
    asyncio_task *acceptor;
    START(acceptor, accept_one, listener);
    CHECK_IS(settle(), 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_IS(asyncio_loop_sock_connect(loop(), client, name, size), 0);
    int server = join(acceptor);
    CHECK(server > 2);
    CHECK_IS(fcntl(server, F_GETFD), FD_CLOEXEC);
    CHECK(fcntl(server, F_GETFL) & O_NONBLOCK);
    CHECK_IS(asyncio_loop_sock_sendall(loop(), client, "hello", 5), 0);
    CHECK_IS(receive(server), 'h');
    START(acceptor, accept_one, listener);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_cancel(acceptor), 1);
    CHECK_IS(join(acceptor), -ECANCELED);
    close(listener);
    close(client);
    close(server);
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_IS(asyncio_loop_sock_connect(loop(), client, name, size), -ECONNREFUSED);
    close(client);
    return 0;
}

static int datagrams(void *data)
{
    (void)data;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    struct sockaddr *name = (struct sockaddr *)&address;
    int a = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int b = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK_IS(bind(a, name, size), 0);
    CHECK_IS(getsockname(a, name, &size), 0);
    char text[16];
    struct sockaddr_storage from;
    socklen_t from_size = 0;
    CHECK_IS(asyncio_loop_sock_sendto(loop(), b, "one", 3, name, size), 3);
    CHECK_IS(asyncio_loop_sock_recvfrom(loop(), a, text, sizeof text, &from, &from_size), 3);
    CHECK_IS(from_size, sizeof(struct sockaddr_in));
    /* and back to where it came from, of no length */
    CHECK_IS(asyncio_loop_sock_sendto(loop(), a, "", 0, (struct sockaddr *)&from, from_size), 0);
    CHECK_IS(asyncio_loop_sock_recvfrom(loop(), b, text, sizeof text, NULL, NULL), 0);
    CHECK_IS(asyncio_loop_sock_sendto(loop(), b, "none", 4, NULL, 0), -EDESTADDRREQ);
    close(a);
    close(b);
    return 0;
}

/* Also where it would not have to wait: what has come for a stream is the stream's, and who has
 * come for a server the server's. */
static int takes_nothing(asyncio_stream *stream, const int ends[2])
{
    char byte = 0;
    int file = memfd_create("asyncio", MFD_CLOEXEC), listener;
    asyncio_server *server;
    asyncio_stream *client;
    CHECK_IS(write(file, "file", 4), 4);
    CHECK_IS(send(ends[1], "7", 1, 0), 1);
    CHECK_IS(asyncio_loop_sock_recv(loop(), ends[0], &byte, 1), -EBUSY);
    CHECK_IS(asyncio_loop_sock_recvfrom(loop(), ends[0], &byte, 1, NULL, NULL), -EBUSY);
    CHECK_IS(asyncio_loop_sock_sendall(loop(), ends[0], "no", 2), -EBUSY);
    CHECK_IS(asyncio_loop_sock_sendto(loop(), ends[0], "no", 2, NULL, 0), -EBUSY);
    CHECK_IS(asyncio_loop_sock_sendfile(loop(), ends[0], file, NULL), -EBUSY);
    CHECK_IS(asyncio_stream_read(stream, &byte, 1), 1);
    CHECK_IS(byte, '7');
    CHECK_IS(recv(ends[1], &byte, 1, MSG_DONTWAIT) < 0 ? -errno : 1, -EAGAIN);
    close(file);
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", 0, &server), 0);
    CHECK_IS(asyncio_server_sockets(server, &listener, 1), 1);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &client), 0);
    CHECK_IS(asyncio_loop_sock_accept(loop(), listener, NULL, NULL), -EBUSY);
    CHECK_IS(asyncio_stream_read(client, &byte, 1), 1);
    asyncio_stream_unref(client);
    return end_server(server);
}

static int refused(void *data)
{
    (void)data;
    char byte, name[] = "/tmp/asyncio-plain-XXXXXX";
    int called = 0, file = mkstemp(name), ends[2];
    unlink(name);
    CHECK_IS(asyncio_loop_sock_recv(loop(), file, &byte, 1), -ENOTSOCK);
    CHECK_IS(asyncio_loop_sock_recv(loop(), 1000, &byte, 1), -EBADF);
    CHECK_IS(asyncio_loop_sock_recv(loop(), -1, &byte, 1), -EBADF);
    int r = asyncio_loop_add_reader(loop(), file, on_readable, .data = &called);
    CHECK_IS(r, -EPERM);
    CHECK(asyncio_last_error(r) && strstr(asyncio_last_error(r)->text, "asyncio_read"));
    CHECK_IS(asyncio_loop_add_writer(loop(), file, on_readable, .data = &called), -EPERM);
    CHECK_IS(asyncio_loop_add_writer(loop(), 1000, on_readable), -EBADF);
    CHECK_IS(asyncio_loop_add_reader(loop(), -1, on_readable), -EBADF);
    CHECK_IS(asyncio_loop_remove_reader(loop(), 1 << 30), 0);
    close(file);
    asyncio_stream *stream, *second;
    asyncio_task *task;
    CHECK_IS(make_pair(SOCK_STREAM, ends), 0);
    CHECK_IS(asyncio_connect_read_pipe(ends[0], &stream), 0);
    START(task, asyncio_stream_fill, stream, 1);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_loop_sock_recv(loop(), ends[0], &byte, 1), -EBUSY);
    asyncio_stream_close(stream);
    CHECK_IS(join(task), -ECONNRESET);
    asyncio_stream_unref(stream);
    close(ends[1]);
    /* whether it reads just then or not; and a stream's is no other stream's */
    CHECK_IS(make_pair(SOCK_STREAM, ends), 0);
    CHECK_IS(asyncio_connect_accepted_socket(ends[0], &stream), 0);
    r = asyncio_loop_add_reader(loop(), ends[0], on_readable, .data = &called);
    CHECK_IS(r, -EBUSY);
    CHECK(asyncio_last_error(r) && strstr(asyncio_last_error(r)->text, "stream or server"));
    CHECK_IS(asyncio_loop_add_writer(loop(), ends[0], on_readable, .data = &called), -EBUSY);
    CHECK_IS(asyncio_connect_accepted_socket(ends[0], &second), -EBUSY);
    CHECK_IS(takes_nothing(stream, ends), 0);
    CHECK_IS(asyncio_loop_add_reader(loop(), ends[1], on_readable, .data = &called), 0);
    CHECK_IS(asyncio_connect_accepted_socket(ends[1], &second), -EBUSY);
    CHECK_IS(asyncio_loop_remove_reader(loop(), ends[1]), 1);
    CHECK_IS(asyncio_connect_accepted_socket(ends[1], &second), 0);
    asyncio_stream_unref(stream);
    asyncio_stream_unref(second);
    CHECK_IS(settle(), 0);
    for (int i = 0; i < 2; i++) /* nobody's: the numbers can be had again */
        CHECK(fcntl(ends[i], F_GETFD) < 0);
    CHECK_IS(called, 0);
    return 0;
}

/* A descriptor that was closed, and whose number is another's: nothing is left of the first. */
static int reused(void *data)
{
    (void)data;
    int first = -1;
    for (int i = 0; i < 50; i++) {
        int ends[2];
        asyncio_task *task;
        CHECK_IS(make_pair(SOCK_STREAM, ends), 0);
        first = first < 0 ? ends[0] : first;
        CHECK_IS(ends[0], first);
        START(task, receive, ends[0]);
        CHECK_IS(asyncio_sleep(0), 0);
        if (i % 2)
            CHECK_IS(asyncio_task_cancel(task), 1);
        else
            CHECK_IS(write(ends[1], "x", 1), 1);
        CHECK_IS(join(task), i % 2 ? -ECANCELED : 'x');
        close(ends[0]);
        close(ends[1]);
    }
    return 0;
}

static int left_behind(void *data)
{
    int *ends = data;
    asyncio_task *task;
    CHECK_IS(make_pair(SOCK_STREAM, ends), 0);
    START(task, receive, ends[0]);
    asyncio_task_unref(task);
    return asyncio_sleep(0);
}

static void test_plain(void **state)
{
    (void)state;
    char byte;
    run_everywhere(both_ways);
    run_everywhere(many_wait);
    run_everywhere(connections);
    run_everywhere(datagrams);
    run_everywhere(refused);
    run_everywhere(reused);
    int ends[2];
    assert_int_equal(asyncio_run(asyncio_coro(left_behind, ends)), 0);
    close(ends[0]);
    close(ends[1]);
    asyncio_loop *other;
    assert_int_equal(asyncio_loop_new(&other), 0);
    assert_int_equal(asyncio_loop_sock_recv(other, 0, &byte, 1), -ASYNCIO_NO_TASK);
    /* closed with somebody who waits */
    asyncio_task *task;
    assert_int_equal(make_pair(SOCK_STREAM, ends), 0);
    asyncio_loop_set_exception_handler(other, on_report, NULL);
    assert_int_equal(asyncio_loop_create_task(other, asyncio_coro(receive, ends[0]), &task), 0);
    asyncio_loop_stop(other);
    assert_int_equal(asyncio_loop_run_forever(other), 0);
    assert_int_equal(asyncio_loop_close(other), 0);
    asyncio_task_unref(task);
    asyncio_loop_unref(other);
    close(ends[0]);
    close(ends[1]);
}

static int talk(void)
{
    int ends[2];
    char byte;
    int r = make_pair(SOCK_STREAM, ends);
    if (r < 0)
        return r;
    asyncio_task *task = NULL;
    r = asyncio_create_task(asyncio_coro(receive, ends[0]), &task);
    if (r >= 0)
        r = asyncio_sleep(0);
    if (r >= 0)
        r = asyncio_loop_sock_sendall(loop(), ends[1], "ab", 2);
    if (r >= 0)
        r = asyncio_await(task);
    if (r >= 0)
        r = asyncio_loop_sock_recv(loop(), ends[0], &byte, 1);
    if (task) {
        asyncio_task_cancel(task);
        int ended = asyncio_await(task);
        (void)ended;
        asyncio_task_unref(task);
    }
    close(ends[0]);
    close(ends[1]);
    return r < 0 ? r : 0;
}

static void test_sweep(void **state)
{
    (void)state;
    int descriptors = count_descriptors();
    assert_true(sweep_allocations("plain sockets", talk) > 2);
    (void)sweep_cancellations("plain sockets", talk);
    assert_int_equal(count_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
