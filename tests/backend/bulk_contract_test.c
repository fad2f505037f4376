/* SPDX-License-Identifier: MIT */
/* TEST: backends io_uring epoll sim; timeout 120 */
/* The backend contract over streams, where much comes: how many system calls it takes, and that
 * the last of it is found. */
#include "contract.h"

#include <netinet/tcp.h>

enum {
    SIZE = 16384,
    BEGIN = 5, /* messages until it is bulk to the backend */
    COUNT = 20,
};

/* What the kernel makes of the question how much is left. */
static enum { TELLS, REFUSES, KEEPS_SILENT } kernel;
static int receives; /* system calls */

/* This program's own, which hide the system's. */
ssize_t recv(int number, void *data, size_t size, int flags)
{
    ssize_t (*system)(int, void *, size_t, int);
    void *found = dlsym(RTLD_NEXT, "recv");
    memcpy(&system, &found, sizeof system);
    receives++;
    return system(number, data, size, flags);
}

ssize_t recvmsg(int number, struct msghdr *header, int flags)
{
    ssize_t (*system)(int, struct msghdr *, int);
    void *found = dlsym(RTLD_NEXT, "recvmsg");
    memcpy(&system, &found, sizeof system);
    receives++;
    if (kernel == KEEPS_SILENT)
        header->msg_controllen = 0;
    return system(number, header, flags);
}

int setsockopt(int number, int level, int name, const void *value, socklen_t size)
{
    int (*system)(int, int, int, const void *, socklen_t);
    void *found = dlsym(RTLD_NEXT, "setsockopt");
    memcpy(&system, &found, sizeof system);
    if (kernel == REFUSES && level == IPPROTO_TCP && name == TCP_INQ) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return system(number, level, name, value, size);
}

static char sent[SIZE], got[SIZE];

/* Bytes of a message; one by one they would take too long. */
static size_t size_in(const struct world *world)
{
    return world->limits.chop ? 100 : SIZE;
}

static void send_all(struct world *world, sock socket, struct probe *send, struct iovec *iov)
{
    static unsigned number;
    number++;
    for (size_t i = 0; i < iov->iov_len; i++)
        sent[i] = (char)(i * 7 + i / 251 + number);
    submit_send(world, send, socket, iov, 1);
}

/* `recv` gets it all, and then waits again. */
static void message(struct world *world, sock socket, struct probe *recv, size_t size)
{
    struct probe send = { 0 };
    struct iovec iov = { sent, size };
    assert_int_equal(recv->completed, 0);
    send_all(world, socket, &send, &iov);
    for (size_t done = 0;;) {
        int n = await(recv);
        assert_true(n > 0);
        done += (size_t)n;
        assert_true(done <= size);
        if (done == size)
            break;
        submit_recv(world, recv, recv->op.socket, got + done, sizeof got - done);
    }
    assert_memory_equal(got, sent, size);
    assert_int_equal(await(&send), size);
    submit_recv(world, recv, recv->op.socket, got, sizeof got);
}

static bool is_counted(const struct world *world)
{
    return world->is_real && world->is_plain && !world->enters && !world->limits.buffers;
}

static void messages(struct world *world, size_t size)
{
    sock client, server;
    struct probe recv = { 0 };
    pair(world, &client, &server);
    submit_recv(world, &recv, server, got, sizeof got);
    for (int i = 0; i < BEGIN; i++)
        message(world, client, &recv, size);
    receives = 0;
    for (int i = 0; i < COUNT && is_counted(world); i++)
        message(world, client, &recv, size);
    if (kernel == TELLS)
        assert_in_range(receives, 0, is_counted(world) ? COUNT : 0);
    cancel(&recv);
    world_close(world, client);
    world_close(world, server);
}

/* Whoever waits for bulk is told, takes it, and does not ask in vain whether there is more: not
 * where it fills his memory, and not where there is room left. */
TEST(bulk_that_is_waited_for_is_one_system_call)
{
    messages(world, size_in(world));
    messages(world, size_in(world) - 1);
}

TEST(a_kernel_that_does_not_tell_is_asked_in_vain)
{
    for (kernel = REFUSES; kernel <= KEEPS_SILENT && world->is_real; kernel++) {
        messages(world, size_in(world));
        messages(world, size_in(world) - 1);
    }
    kernel = TELLS;
}

/* A connection on which much has come, and on which a recv waits. */
static void bulk_pair(struct world *world, sock *ret_client, sock *ret_server, struct probe *recv)
{
    pair(world, ret_client, ret_server);
    submit_recv(world, recv, *ret_server, got, sizeof got);
    for (int i = 0; i < BEGIN; i++)
        message(world, *ret_client, recv, size_in(world));
}

TEST(an_end_behind_bulk_is_found)
{
    for (size_t size = size_in(world) - 1; size <= size_in(world); size++) {
        sock client, server;
        struct probe recv = { 0 }, send = { 0 };
        struct iovec iov = { sent, size };
        bulk_pair(world, &client, &server, &recv);
        send_all(world, client, &send, &iov);
        assert_int_equal(await(&send), size);
        world_close(world, client);
        size_t done = (size_t)await(&recv);
        assert_in_range(done, 1, size);
        done += recv_all(world, server, got + done, sizeof got - done);
        assert_int_equal(done, size);
        assert_memory_equal(got, sent, size);
        assert_int_equal(recv_some(world, server, got, sizeof got), 0);
        assert_int_equal(recv_some(world, server, got, sizeof got), 0);
        world_close(world, server);
    }
}

/* The end comes when the bulk has been taken. */
TEST(an_end_after_bulk_is_found)
{
    sock client, server;
    struct probe recv = { 0 };
    bulk_pair(world, &client, &server, &recv);
    settle(world);
    assert_int_equal(recv.completed, 0);
    world_close(world, client);
    assert_int_equal(await(&recv), 0);
    world_close(world, server);
}

TEST(a_reset_behind_bulk_is_found)
{
    for (size_t size = size_in(world) - 1; size <= size_in(world); size++) {
        sock client, server;
        struct probe recv = { 0 }, send = { 0 };
        struct iovec iov = { sent, size };
        struct linger linger = { 1, 0 };
        bulk_pair(world, &client, &server, &recv);
        send_all(world, client, &send, &iov);
        assert_int_equal(await(&send), size);
        if (world->is_real)
            settle(world);
        assert_int_equal(world->type->setsockopt(world->it, client, SOL_SOCKET, SO_LINGER, &linger,
                                                 sizeof linger), 0);
        world_close(world, client);
        int n = await(&recv);
        while (n > 0)
            n = recv_some(world, server, got, sizeof got);
        assert_int_equal(n, -ECONNRESET);
        world_close(world, server);
    }
}

/* A receive ends before urgent data, though more is behind it: that is found, urgent or not. */
static void urgent(struct world *world, bool is_bulk)
{
    sock client, server;
    struct probe recv = { 0 };
    char text[8] = { 0 };
    if (is_bulk) {
        bulk_pair(world, &client, &server, &recv);
        recv.op.data = text;
        recv.op.size = sizeof text;
    } else {
        pair(world, &client, &server);
        submit_recv(world, &recv, server, text, sizeof text);
    }
    settle(world);
    int number = world->type->descriptor(world->it, client);
    assert_int_equal(send(number, "ab", 2, 0), 2);
    assert_int_equal(send(number, "!", 1, MSG_OOB), 1);
    assert_int_equal(send(number, "cd", 2, 0), 2);
    size_t done = (size_t)await(&recv);
    while (done < 4) {
        submit_recv(world, &recv, server, text + done, sizeof text - done);
        int n = await(&recv);
        assert_true(n > 0);
        done += (size_t)n;
    }
    assert_string_equal(text, "abcd");
    world_close(world, client);
    world_close(world, server);
}

TEST(bytes_behind_urgent_ones_are_found)
{
    if (!world->is_real)
        return;
    for (kernel = TELLS; kernel <= KEEPS_SILENT; kernel++) {
        urgent(world, false);
        urgent(world, true);
    }
    kernel = TELLS;
}

/* ---- waiting without memory ---- */

static void await_readable(struct world *world, sock socket)
{
    struct probe readable = { 0 };
    submit(world, &readable, OP_READABLE, socket);
    assert_int_equal(await(&readable), 1);
}

/* Bytes, few and many, are told and not touched. */
TEST(who_waits_without_memory_is_told)
{
    static const size_t sizes[] = { 1, 100, SIZE, SIZE, SIZE, 1, 100 };
    sock client, server;
    struct probe recv = { 0 };
    pair(world, &client, &server);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct probe readable = { 0 }, send = { 0 };
        struct iovec iov = { sent, world->limits.chop ? 20 : sizes[i] };
        size_t size = iov.iov_len;
        submit(world, &readable, OP_READABLE, server); /* the first time perhaps falsely */
        if (!readable.completed) {
            submit_recv(world, &recv, server, got, sizeof got);
            assert_int_equal(recv.result, -EBUSY);
        }
        if (i % 2)
            settle(world);
        send_all(world, client, &send, &iov);
        if (!readable.completed)
            assert_int_equal(await(&readable), 1);
        assert_int_equal(recv_all(world, server, got, size), size);
        assert_memory_equal(got, sent, size);
        assert_int_equal(await(&send), size);
    }
    world_close(world, client);
    world_close(world, server);
}

TEST(an_end_is_told_without_memory)
{
    for (int is_reset = 0; is_reset < 2; is_reset++) {
        sock client, server;
        struct probe readable = { 0 };
        struct linger linger = { is_reset, 0 };
        pair(world, &client, &server);
        submit(world, &readable, OP_READABLE, server);
        if (!readable.completed)
            settle(world);
        assert_int_equal(world->type->setsockopt(world->it, client, SOL_SOCKET, SO_LINGER, &linger,
                                                 sizeof linger),
                         0);
        world_close(world, client);
        assert_int_equal(await(&readable), 1);
        await_readable(world, server);
        assert_int_equal(recv_some(world, server, got, sizeof got), is_reset ? -ECONNRESET : 0);
        world_close(world, server);
    }
}

TEST(a_wait_without_memory_ends_at_once)
{
    sock client, server;
    struct probe recv = { 0 };
    bulk_pair(world, &client, &server, &recv);
    cancel(&recv);
    for (int i = 0; i < 4; i++) {
        struct probe readable = { 0 };
        submit(world, &readable, OP_READABLE, server);
        if (i % 2 && !readable.completed)
            settle(world);
        if (!readable.completed)
            assert_int_equal(world->type->cancel(world->it, &readable.op), 1);
        settle(world);
    }
    send_text(world, client, "x", 1);
    await_readable(world, server);
    expect_text(world, server, "x");
    world_close(world, client);
    world_close(world, server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(bulk_that_is_waited_for_is_one_system_call),
        RUN(a_kernel_that_does_not_tell_is_asked_in_vain),
        RUN(an_end_behind_bulk_is_found),
        RUN(an_end_after_bulk_is_found),
        RUN(a_reset_behind_bulk_is_found),
        RUN(bytes_behind_urgent_ones_are_found),
        RUN(who_waits_without_memory_is_told),
        RUN(an_end_is_told_without_memory),
        RUN(a_wait_without_memory_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
