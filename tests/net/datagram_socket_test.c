/* SPDX-License-Identifier: MIT */
/* Datagrams that are no UDP, and sockets of the caller's: AF_UNIX by path and by abstract name, a
 * full peer, closing beside it, what an endpoint tells of its socket. */
/* TEST: backends io_uring epoll */
/* Real sockets: the sim's datagrams are UDP's alone. */
#include "net/net_test.h"

#include "support/sweep.h"

#include <arpa/inet.h>
#include <asyncio.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

typedef asyncio_datagram_transport endpoint;

static asyncio_loop *loop(void)
{
    return asyncio_get_running_loop();
}

static const char *path(int number)
{
    static char text[2][64];
    snprintf(text[number], sizeof text[number], "/tmp/asyncio-datagram-%d-%d", (int)getpid(),
             number);
    return text[number];
}

static int open_path(const char *local, const char *remote, endpoint **ret_endpoint)
{
    return asyncio_loop_create_datagram_endpoint(loop(), NULL, ret_endpoint, .family = AF_UNIX,
                                                 .local_host = local, .remote_host = remote);
}

static int send_text(endpoint *it, const char *text)
{
    asyncio_datagram datagram = { .data = (void *)(uintptr_t)text, .size = strlen(text) };
    return asyncio_datagram_transport_send(it, &datagram, 1);
}

static int receive_text(endpoint *it, char *text, size_t size)
{
    asyncio_datagram datagram = { .data = text, .size = size - 1 };
    int r = asyncio_datagram_transport_receive(it, &datagram, 1);
    if (r < 0)
        return r;
    text[datagram.length] = '\0';
    return (int)datagram.length;
}

static int there_and_back(endpoint *a, endpoint *b)
{
    char text[16] = "";
    CHECK_IS(send_text(b, "hello"), 1);
    asyncio_datagram datagram = { .data = text, .size = 4 };
    CHECK_IS(asyncio_datagram_transport_receive(a, &datagram, 1), 1);
    CHECK(datagram.length == 4 && memcmp(text, "hell", 4) == 0 && datagram.is_truncated);
    datagram.size = 2; /* back to where it came from */
    CHECK_IS(asyncio_datagram_transport_send(a, &datagram, 1), 1);
    CHECK_IS(receive_text(b, text, sizeof text), 2);
    CHECK(strcmp(text, "he") == 0);
    CHECK_IS(send_text(b, ""), 1);
    CHECK_IS(receive_text(a, text, sizeof text), 0);
    return 0;
}

static int by_path(void *data)
{
    (void)data;
    endpoint *a, *b;
    char text[64];
    struct stat first, second;
    CHECK_IS(open_path(path(0), NULL, &a), 0);
    CHECK_IS(open_path(path(1), path(0), &b), 0);
    CHECK_IS(there_and_back(a, b), 0);
    CHECK_IS(asyncio_datagram_transport_get_extra_info(a, "sockname", text, sizeof text),
             (int)strlen(path(0)));
    CHECK(strcmp(text, path(0)) == 0);
    CHECK_IS(asyncio_datagram_transport_get_extra_info(b, "peername", text, sizeof text),
             (int)strlen(path(0)));
    CHECK_IS(asyncio_datagram_transport_get_extra_info(a, "peername", text, sizeof text),
             -ENOTCONN);
    CHECK_IS(asyncio_datagram_transport_get_extra_info(a, "sockname", text, 5), -ENOSPC);
    CHECK_IS(asyncio_datagram_transport_get_extra_info(a, "cipher", text, sizeof text), -ENOENT);
    asyncio_datagram_transport_unref(b);
    asyncio_datagram_transport_unref(a);
    /* the file stays, and is in nobody's way */
    CHECK_IS(stat(path(0), &first), 0);
    CHECK_IS(open_path(NULL, path(0), &b), -ECONNREFUSED);
    CHECK_IS(open_path(path(0), NULL, &a), 0);
    CHECK_IS(stat(path(0), &second), 0);
    CHECK_IS(open_path(NULL, path(0), &b), 0); /* without a name of its own */
    CHECK_IS(send_text(b, "anonymous"), 1);
    CHECK_IS(receive_text(a, text, sizeof text), 9);
    asyncio_datagram_transport_unref(b);
    asyncio_datagram_transport_unref(a);
    unlink(path(0));
    unlink(path(1));
    return asyncio_sleep(0);
}

static int by_name(void *data)
{
    (void)data;
    endpoint *a, *b;
    char name[80], other[sizeof name + 2], text[80];
    snprintf(name, sizeof name, "%s", abstract("datagram"));
    snprintf(other, sizeof other, "%s-b", name);
    CHECK_IS(open_path(name, NULL, &a), 0);
    CHECK_IS(open_path(name, NULL, &b), -EADDRINUSE); /* has no file that could be removed */
    CHECK_IS(open_path(other, name, &b), 0);
    CHECK_IS(there_and_back(a, b), 0);
    CHECK_IS(asyncio_datagram_transport_get_extra_info(b, "peername", text, sizeof text),
             (int)strlen(name));
    CHECK(strcmp(text, name) == 0);
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    return asyncio_sleep(0);
}

/* Only who asks for it may send to everybody, and share a port. */
static int allowed(void *data)
{
    (void)data;
    endpoint *a, *b;
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    struct sockaddr_in all = { .sin_family = AF_INET, .sin_port = htons(9) };
    inet_pton(AF_INET, "127.255.255.255", &all.sin_addr);
    asyncio_datagram datagram = { .data = (char[]){ "x" }, .size = 1,
                                  .address_size = sizeof all };
    memcpy(&datagram.address, &all, sizeof all);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &a, .local_host = "127.0.0.1"), 0);
    CHECK_IS(asyncio_datagram_transport_send(a, &datagram, 1), -EACCES);
    asyncio_datagram_transport_unref(a);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &a, .local_host = "127.0.0.1",
                                                   .reuse_port = 1, .allow_broadcast = 1),
             0);
    CHECK_IS(asyncio_datagram_transport_send(a, &datagram, 1), 1);
    CHECK_IS(asyncio_datagram_transport_sockname(a, &name, &size), 0);
    int port = ntohs(((struct sockaddr_in *)(void *)&name)->sin_port);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &b, .local_host = "127.0.0.1",
                                                   .local_port = port),
             -EADDRINUSE);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &b, .local_host = "127.0.0.1",
                                                   .local_port = port, .reuse_port = 1),
             0);
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    return asyncio_sleep(0);
}

static int misuse(void *data)
{
    (void)data;
    endpoint *a = NULL;
    char text[200];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    int file = open(path(0), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(file >= 0);
    close(file);
    CHECK_IS(open_path(path(0), NULL, &a), -EADDRINUSE); /* no socket: it is not removed */
    CHECK_IS(access(path(0), F_OK), 0);
    unlink(path(0));
    CHECK_IS(open_path(NULL, path(0), &a), -ENOENT);
    CHECK_IS(open_path(text, NULL, &a), -ENAMETOOLONG);
    CHECK_IS(open_path("", NULL, &a), -EINVAL);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &a, .family = AF_UNIX,
                                                   .local_host = path(0), .local_port = 1),
             -EINVAL);
    CHECK(a == NULL && access(path(0), F_OK) < 0);
    return asyncio_sleep(0);
}

/* ---- sockets of the caller's ---- */

static int bound_socket(int type, struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    int number = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    *address = (struct sockaddr_in){ .sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    CHECK(number >= 0 && bind(number, (struct sockaddr *)address, size) == 0);
    CHECK_IS(getsockname(number, (struct sockaddr *)address, &size), 0);
    return number;
}

static int adopt(int number, endpoint **ret_endpoint)
{
    return asyncio_loop_create_datagram_endpoint(loop(), NULL, ret_endpoint, .sock = number);
}

static int of_the_caller(void *data)
{
    (void)data;
    struct sockaddr_in address, other;
    endpoint *a, *b, *c;
    char text[64], wanted[16];
    int first = bound_socket(SOCK_DGRAM, &address), second = bound_socket(SOCK_DGRAM, &other);
    CHECK_IS(connect(second, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_IS(adopt(first, &a), 0);
    CHECK_IS(adopt(second, &b), 0);
    CHECK_IS(adopt(second, &c), -EBUSY);
    CHECK_IS(there_and_back(a, b), 0);
    snprintf(wanted, sizeof wanted, "%d", first);
    CHECK_IS(asyncio_datagram_transport_get_extra_info(a, "socket", text, sizeof text),
             (int)strlen(wanted));
    CHECK(strcmp(text, wanted) == 0);
    CHECK(fcntl(first, F_GETFD) & FD_CLOEXEC);
    asyncio_datagram_transport_close(a);
    CHECK_IS(asyncio_datagram_transport_get_extra_info(a, "socket", text, sizeof text),
             -ECONNRESET);
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    CHECK_IS(asyncio_sleep(0), 0);
    CHECK(fcntl(first, F_GETFD) < 0 && fcntl(second, F_GETFD) < 0);
    int ends[2];
    CHECK_IS(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_IS(adopt(ends[0], &a), 0);
    CHECK_IS(adopt(ends[1], &b), 0);
    CHECK_IS(send_text(a, "pair"), 1);
    CHECK_IS(receive_text(b, text, sizeof text), 4);
    asyncio_datagram_transport_unref(a);
    CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(send_text(b, "gone"), -ECONNREFUSED);
    asyncio_datagram_transport_unref(b);
    return asyncio_sleep(0);
}

static asyncio_datagram_protocol *give_nothing(void *data)
{
    (void)data;
    return NULL;
}

/* What is refused stays the caller's. */
static int refused(void *data)
{
    (void)data;
    struct sockaddr_in address;
    endpoint *a = NULL;
    int stream = bound_socket(SOCK_STREAM, &address), it = bound_socket(SOCK_DGRAM, &address);
    int r = adopt(stream, &a);
    CHECK_IS(r, -EINVAL);
    CHECK(asyncio_last_error(r) &&
          strcmp(asyncio_last_error(r)->text, "A datagram socket was expected") == 0);
    CHECK_IS(adopt(1 << 20, &a), -EBADF);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &a, .sock = it,
                                                   .local_host = "127.0.0.1"), -EINVAL);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &a, .sock = it,
                                                   .remote_port = 9), -EINVAL);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &a, .sock = it,
                                                   .reuse_port = 1), -EINVAL);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), give_nothing, &a, .sock = it), -ENOMEM);
    CHECK(a == NULL && fcntl(it, F_GETFD) >= 0 && fcntl(stream, F_GETFD) >= 0);
    CHECK_IS(adopt(it, &a), 0);
    asyncio_datagram_transport_unref(a);
    close(stream);
    return asyncio_sleep(0);
}

/* ---- a peer that is full ---- */

enum { MANY = 3000 };

static int flood(endpoint *it)
{
    for (int i = 0; i < MANY; i++) {
        asyncio_datagram datagram = { .data = &i, .size = sizeof i };
        int r = asyncio_datagram_transport_send(it, &datagram, 1);
        if (r != 1)
            return r < 0 ? r : -EPROTO;
    }
    return 0;
}

static int full(void *data)
{
    (void)data;
    char name[80];
    endpoint *a, *b, *c;
    asyncio_task *task;
    snprintf(name, sizeof name, "%s", abstract("full"));
    CHECK_IS(open_path(name, NULL, &a), 0);
    CHECK_IS(open_path(NULL, name, &b), 0);
    CHECK_IS(open_path(NULL, NULL, &c), 0);
    START(task, flood, b);
    CHECK_IS(settle(), 0);
    CHECK(!asyncio_task_done(task)); /* who is connected waits */
    struct sockaddr_storage address;
    socklen_t size;
    CHECK_IS(asyncio_datagram_transport_sockname(a, &address, &size), 0);
    asyncio_datagram datagram = { .data = name, .size = 1, .address_size = size };
    datagram.address = address;
    int r = 1;
    for (int i = 0; i < MANY && r == 1; i++) /* who is not is told: nobody would wake him */
        r = asyncio_datagram_transport_send(c, &datagram, 1);
    CHECK_IS(r, -EAGAIN);
    CHECK_IS(asyncio_datagram_transport_sendto(c, name, 1, (struct sockaddr *)&address, size),
             -EAGAIN);
    for (int i = 0; i < MANY;) {
        int number[2];
        asyncio_datagram in = { .data = number, .size = sizeof number };
        CHECK_IS(asyncio_datagram_transport_receive(a, &in, 1), 1);
        if (in.length == sizeof number[0]) /* not of c */
            CHECK_IS(number[0], i++);
    }
    CHECK_IS(join(task), 0);
    CHECK_IS(asyncio_datagram_transport_send(c, &datagram, 1), 1);
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    asyncio_datagram_transport_unref(c);
    return asyncio_sleep(0);
}

/* ---- closing while something is unsent ---- */

struct counted {
    asyncio_datagram_protocol protocol; /* first */
    endpoint *transport;
    int received, lost;
    bool closes;
};

static void on_made(asyncio_datagram_protocol *protocol, endpoint *transport)
{
    ((struct counted *)(void *)protocol)->transport = transport;
}

static void on_received(asyncio_datagram_protocol *protocol, const asyncio_datagram *datagram)
{
    struct counted *counted = (struct counted *)(void *)protocol;
    (void)datagram;
    counted->received++;
    if (counted->closes)
        asyncio_datagram_transport_close(counted->transport);
}

static void on_lost(asyncio_datagram_protocol *protocol, int error)
{
    (void)error;
    ((struct counted *)(void *)protocol)->lost++;
}

static asyncio_datagram_protocol *give_counted(void *data)
{
    static const asyncio_datagram_protocol_methods methods = { .connection_made = on_made,
                                                               .datagram_received = on_received,
                                                               .connection_lost = on_lost };
    struct counted *counted = data;
    counted->protocol.methods = &methods;
    return &counted->protocol;
}

static int receive_one(endpoint *it)
{
    char text[16];
    return receive_text(it, text, sizeof text);
}

enum { KEPT = 100 };

/* Its peer takes nothing yet; `factory` as of the endpoint. */
static int open_full(asyncio_datagram_protocol_factory *factory, void *data, int *ret_peer,
                     endpoint **ret_endpoint)
{
    int ends[2], size = 4096;
    static char block[1000];
    CHECK_IS(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_IS(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    *ret_peer = ends[1];
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), factory, ret_endpoint, .sock = ends[0],
                                                   .data = data), 0);
    for (int i = 0; i < KEPT; i++)
        CHECK_IS(asyncio_datagram_transport_sendto(*ret_endpoint, block, sizeof block, NULL, 0),
                 0);
    CHECK(asyncio_datagram_transport_get_write_buffer_size(*ret_endpoint) > 0);
    return 0;
}

/* All that was kept still goes out, and then it is over. */
static int take_all(int peer)
{
    char block[1000];
    for (int i = 0; i < KEPT; i++)
        CHECK_IS(asyncio_loop_sock_recv(loop(), peer, block, sizeof block), sizeof block);
    close(peer);
    return settle();
}

static int nothing_after_close(bool closes_inside)
{
    struct counted counted = { .closes = closes_inside };
    endpoint *it;
    int peer;
    CHECK_IS(open_full(give_counted, &counted, &peer, &it), 0);
    if (!closes_inside)
        asyncio_datagram_transport_close(it);
    for (int i = 0; i < 3; i++)
        CHECK_IS(send(peer, "late", 4, 0), 4);
    CHECK_IS(settle(), 0);
    CHECK_IS(counted.received, closes_inside);
    CHECK_IS(counted.lost, 0);
    CHECK_IS(take_all(peer), 0);
    CHECK_IS(counted.received, closes_inside);
    CHECK_IS(counted.lost, 1);
    asyncio_datagram_transport_unref(it);
    return asyncio_sleep(0);
}

/* As the reader of a stream, who waits hears of it at once. */
static int closed_under_reader(void)
{
    endpoint *it;
    asyncio_task *reader;
    int peer;
    CHECK_IS(open_full(NULL, NULL, &peer, &it), 0);
    START(reader, receive_one, it);
    CHECK_IS(asyncio_sleep(0), 0);
    asyncio_datagram_transport_close(it);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(reader), 1);
    CHECK_IS(join(reader), -ECONNRESET);
    CHECK(asyncio_datagram_transport_get_write_buffer_size(it) > 0);
    CHECK_IS(take_all(peer), 0);
    asyncio_datagram_transport_unref(it);
    return asyncio_sleep(0);
}

static int closing(void *data)
{
    (void)data;
    int r = nothing_after_close(false);
    if (r >= 0)
        r = nothing_after_close(true);
    return r < 0 ? r : closed_under_reader();
}

static void test_sockets(void **state)
{
    (void)state;
    run_everywhere(by_path);
    run_everywhere(by_name);
    run_everywhere(allowed);
    run_everywhere(misuse);
    run_everywhere(of_the_caller);
    run_everywhere(refused);
    run_everywhere(full);
    run_everywhere(closing);
}

/* ---- sweeps ---- */

static int talk(void)
{
    endpoint *a = NULL, *b = NULL, *c = NULL;
    char text[8];
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    int r = open_path(path(0), NULL, &a);
    if (r >= 0)
        r = open_path(NULL, path(0), &b);
    if (r >= 0)
        r = send_text(b, "one");
    if (r >= 0)
        r = receive_text(a, text, sizeof text);
    if (r >= 0 && (r = adopt(ends[0], &c)) >= 0)
        ends[0] = -1;
    if (r >= 0)
        r = send_text(c, "two");
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    asyncio_datagram_transport_unref(c);
    if (ends[0] >= 0)
        close(ends[0]);
    close(ends[1]);
    return r < 0 ? r : 0;
}

static void test_sweep(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    int descriptors = count_descriptors();
    assert_true(sweep_allocations("datagram sockets", talk) > 3);
    (void)sweep_cancellations("datagram sockets", talk);
    assert_int_equal(count_descriptors(), descriptors);
    unlink(path(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
