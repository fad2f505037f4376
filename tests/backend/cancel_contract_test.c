/* SPDX-License-Identifier: MIT */
/* TEST: backends io_uring epoll sim; timeout 120 */
/* The backend contract about ends: cancelling each kind of op at each moment, closing with ops
 * pending, stale handles, running out of descriptors and of memory. What was obtained is never
 * lost. */
#include "contract.h"

#include <sys/resource.h>

/* Everything that is still to be read until the end of file. */
static size_t drain(struct world *world, sock socket)
{
    char data[4096];
    size_t total = 0;
    for (int n; (n = recv_some(world, socket, data, sizeof data)) > 0;)
        total += (size_t)n;
    return total;
}

TEST(cancelled_recv_loses_nothing)
{
    sock client, server;
    char *data = malloc(64);
    struct probe recv = { 0 };
    pair(world, &client, &server);
    submit_recv(world, &recv, server, data, 64);
    settle(world);
    int r = cancel(&recv);
    assert_true(r == 1 || r == -ECANCELED);
    free(data); /* from here on nobody may touch it */
    send_text(world, client, "kept", 4);
    expect_text(world, server, "kept");
    world_close(world, client);
    world_close(world, server);
}

TEST(recv_cancelled_while_bytes_arrive)
{
    for (int polls = 0; polls < 3; polls++) {
        sock client, server;
        char data[64] = { 0 };
        struct probe recv = { 0 };
        pair(world, &client, &server);
        submit_recv(world, &recv, server, data, 4);
        assert_int_equal(recv.completed, 0);
        send_text(world, client, "abcd", 4);
        for (int i = 0; i < polls; i++)
            world_poll(world, 0);
        int n = recv.completed ? recv.result : cancel(&recv);
        if (!recv.completed || n == -ECANCELED)
            n = 0; /* free, or cancelled: nothing was taken */
        assert_in_range(n, 0, 4);
        assert_int_equal(recv_all(world, server, data + n, 4 - (size_t)n), 4 - n);
        assert_string_equal(data, "abcd");
        world_close(world, client);
        world_close(world, server);
    }
}

TEST(cancelling_what_is_not_pending)
{
    sock client, server;
    char data[8];
    struct probe recv = { 0 };
    pair(world, &client, &server);
    send_text(world, client, "x", 1);
    submit_recv(world, &recv, server, data, sizeof data);
    await(&recv);
    assert_int_equal(world->type->cancel(world->it, &recv.op), 1);
    assert_int_equal(world->type->cancel(world->it, &recv.op), 1);
    settle(world);
    assert_int_equal(recv.completed, 1);
    world_close(world, client);
    world_close(world, server);
    assert_int_equal(world->type->cancel(world->it, &recv.op), 1);
}

/* The end of file after a cancelled send: the peer has exactly what `done` says. */
TEST(cancelled_send_says_how_much_went)
{
    enum { SIZE = 8000000 };
    sock client, server;
    char *data = calloc(1, SIZE);
    struct probe send = { 0 };
    struct iovec iov = { data, SIZE };
    pair(world, &client, &server);
    submit_send(world, &send, client, &iov, 1);
    for (int i = 0; i < 10; i++)
        world_poll(world, 1000000);
    if (!send.completed) {
        int r = cancel(&send);
        assert_true(r == 1 || r == -ECANCELED);
    }
    free(data);
    assert_true(send.op.done < SIZE);
    assert_int_equal(world->type->shutdown(world->it, client, SHUT_WR), 0);
    size_t came = (size_t)drain(world, server);
    if (lost_its_ring(world)) /* nobody can ask the kernel how much of it went (-EIO) */
        assert_in_range(came, send.op.done, SIZE);
    else
        assert_int_equal(came, send.op.done);
    world_close(world, client);
    world_close(world, server);
}

TEST(after_a_cancelled_send_comes_another)
{
    if (lost_its_ring(world))
        return;
    enum { SIZE = 8000000 };
    sock client, server;
    char *data = calloc(1, SIZE);
    struct probe send = { 0 }, last = { 0 };
    struct iovec iov = { data, SIZE }, last_iov = { "end", 3 };
    pair(world, &client, &server);
    submit_send(world, &send, client, &iov, 1);
    cancel(&send);
    size_t done = send.op.done;
    free(data);
    submit_send(world, &last, client, &last_iov, 1);
    char *got = malloc(done + 3);
    assert_int_equal(recv_all(world, server, got, done + 3), done + 3);
    assert_memory_equal(got + done, "end", 3);
    assert_int_equal(await(&last), 3);
    free(got);
    world_close(world, client);
    world_close(world, server);
}

TEST(cancelled_accept_loses_no_connection)
{
    struct sockaddr_storage address;
    struct probe accept = { 0 }, connect = { 0 };
    sock listener = world_listen(world, 8, &address), client = world_socket(world);
    submit(world, &accept, OP_ACCEPT, listener);
    settle(world);
    submit_connect(world, &connect, client, &address, sizeof(struct sockaddr_in));
    cancel(&accept);
    assert_int_equal(await(&connect), 0);
    if (accept.accepted_count == 0)
        submit(world, &accept, OP_ACCEPT, listener);
    await_accept(&accept, 1);
    send_text(world, client, "here", 4);
    expect_text(world, accept.accepted[0], "here");
    world_close(world, accept.accepted[0]);
    world_close(world, client);
    close_listener(world, &accept);
}

static void cancel_from_inside(struct probe *probe)
{
    probe->also = NULL;
    int r = probe->world->type->cancel(probe->world->it, &probe->op);
    assert_true(r == 0 || r == 1);
    if (r == 1)
        probe->world->type->close(probe->world->it, probe->op.socket);
}

TEST(accept_cancelled_and_closed_from_inside)
{
    struct sockaddr_storage address;
    struct probe accept = { .also = cancel_from_inside }, connect[3] = { 0 };
    sock listener = world_listen(world, 8, &address), client[3];
    submit(world, &accept, OP_ACCEPT, listener);
    for (int i = 0; i < 3; i++) {
        client[i] = world_socket(world);
        submit_connect(world, &connect[i], client[i], &address, sizeof(struct sockaddr_in));
    }
    for (int i = 0; i < 3; i++)
        await(&connect[i]);
    settle(world);
    assert_int_not_equal(accept.completed, 0);
    int r = world->type->close(world->it, listener);
    assert_true(r == 0 || r == -EBADF);
    for (int i = 0; i < accept.accepted_count; i++)
        world_close(world, accept.accepted[i]);
    for (int i = 0; i < 3; i++)
        world_close(world, client[i]);
}

/* A full backlog keeps the next connect waiting. */
TEST(cancelled_connect)
{
    enum { COUNT = 6 };
    struct sockaddr_storage address;
    struct probe connect[COUNT] = { 0 };
    sock listener = world_listen(world, 0, &address), client[COUNT];
    int waiting = 0;
    for (int i = 0; i < COUNT; i++) {
        client[i] = world_socket(world);
        submit_connect(world, &connect[i], client[i], &address, sizeof(struct sockaddr_in));
    }
    settle(world);
    for (int i = 0; i < COUNT; i++) {
        if (!connect[i].completed) {
            int r = cancel(&connect[i]);
            assert_true(r == 1 || r == -ECANCELED);
            waiting++;
        }
        world_close(world, client[i]);
    }
    assert_true(waiting > 0);
    world_close(world, listener);
}

TEST(cancelled_polls)
{
    int pipes[2];
    sock reader, writer;
    struct probe in = { 0 }, out = { 0 };
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(world->type->adopt(world->it, pipes[0], &reader), 0);
    assert_int_equal(world->type->adopt(world->it, pipes[1], &writer), 0);
    submit(world, &in, OP_POLL_IN, reader);
    submit(world, &out, OP_POLL_OUT, writer);
    assert_int_equal(await(&out), 1);
    assert_int_equal(cancel(&in), 1);
    assert_int_equal(cancel(&out), 1);
    in.completed = out.completed = 0;
    assert_int_equal(write(pipes[1], "x", 1), 1);
    settle(world);
    assert_int_equal(in.completed, 0);
    assert_int_equal(out.completed, 0);
    submit(world, &in, OP_POLL_IN, reader);
    assert_int_equal(await(&in), 1);
    cancel(&in);
    world_close(world, reader);
    world_close(world, writer);
}

TEST(closing_with_a_cancelled_op_pending)
{
    sock client, server;
    char *data = malloc(64), byte;
    struct probe recv = { 0 };
    pair(world, &client, &server);
    submit_recv(world, &recv, server, data, 64);
    settle(world);
    int r = world->type->cancel(world->it, &recv.op);
    world_close(world, server);
    assert_int_equal(recv.completed, 0);
    if (r == 0) {
        r = await(&recv);
        assert_true(r == -ECANCELED || r >= 0);
        settle(world);
        assert_int_equal(recv.completed, 1);
    }
    free(data);
    assert_int_equal(recv_some(world, client, &byte, 1), 0); /* closed it is, in the end */
    world_close(world, client);
}

TEST(closing_with_a_cancelled_send_pending)
{
    enum { SIZE = 8000000 };
    sock client, server;
    char *data = calloc(1, SIZE);
    struct probe send = { 0 };
    struct iovec iov = { data, SIZE };
    pair(world, &client, &server);
    submit_send(world, &send, client, &iov, 1);
    int r = world->type->cancel(world->it, &send.op);
    world_close(world, client);
    if (r == 0)
        await(&send);
    free(data);
    assert_int_equal(drain(world, server), send.op.done);
    world_close(world, server);
}

/* A server that is closed and started again finds its port free, without a turn between. */
TEST(a_closed_listener_frees_its_port_at_once)
{
    if (lost_its_ring(world))
        return;
    struct sockaddr_storage address;
    struct probe accept = { 0 }, again = { 0 }, connect = { 0 };
    sock listener = world_listen(world, 8, &address), second = world_socket(world);
    submit(world, &accept, OP_ACCEPT, listener);
    settle(world);
    int r = world->type->cancel(world->it, &accept.op);
    world_close(world, listener);
    assert_int_equal(world->type->bind(world->it, second, (struct sockaddr *)&address,
                                       sizeof(struct sockaddr_in)),
                     0);
    assert_int_equal(world->type->listen(world->it, second, 8), 0);
    submit(world, &again, OP_ACCEPT, second);
    sock client = world_socket(world);
    submit_connect(world, &connect, client, &address, sizeof(struct sockaddr_in));
    assert_int_equal(await(&connect), 0);
    world_close(world, await_accept(&again, 1));
    if (r == 0) {
        await(&accept);
        assert_int_equal(accept.result, -ECANCELED);
    }
    assert_int_equal(accept.accepted_count, 0);
    world_close(world, client);
    close_listener(world, &again);
}

static void expect_stale(struct world *world, sock socket)
{
    struct sockaddr_storage address = loopback(0);
    socklen_t size = sizeof address;
    char byte;
    int number = 0;
    struct iovec iov = { &byte, 1 };
    const struct backend_type *type = world->type;
    assert_int_equal(type->close(world->it, socket), -EBADF);
    assert_int_equal(type->descriptor(world->it, socket), -EBADF);
    assert_int_equal(type->detach(world->it, socket, &number), -EBADF);
    assert_int_equal(
        type->bind(world->it, socket, (struct sockaddr *)&address, sizeof(struct sockaddr_in)),
        -EBADF);
    assert_int_equal(type->listen(world->it, socket, 1), -EBADF);
    assert_int_equal(type->getsockname(world->it, socket, &address, &size), -EBADF);
    assert_int_equal(type->getpeername(world->it, socket, &address, &size), -EBADF);
    assert_int_equal(type->shutdown(world->it, socket, SHUT_RDWR), -EBADF);
    assert_int_equal(
        type->setsockopt(world->it, socket, SOL_SOCKET, SO_KEEPALIVE, &number, sizeof number),
        -EBADF);
    size = sizeof number;
    assert_int_equal(type->getsockopt(world->it, socket, SOL_SOCKET, SO_KEEPALIVE, &number, &size),
                     -EBADF);
    for (int kind = OP_RECV; kind <= OP_POLL_OUT; kind++) {
        struct op op = { .kind = (uint8_t)kind, .socket = socket, .complete = on_complete };
        if (kind == OP_RECV) {
            op.data = &byte;
            op.size = 1;
        } else if (kind == OP_SEND) {
            op.iov = &iov;
            op.iov_count = 1;
        } else if (kind == OP_CONNECT) {
            op.address = &address;
            op.address_size = sizeof(struct sockaddr_in);
        }
        assert_int_equal(type->submit(world->it, &op), -EBADF);
        assert_int_equal(type->cancel(world->it, &op), 1);
    }
}

TEST(stale_handles_are_harmless)
{
    sock client, server, again[8];
    expect_stale(world, SOCK_NONE);
    expect_stale(world, (sock){ 77777777, 1 });
    pair(world, &client, &server);
    world_close(world, client);
    expect_stale(world, client);
    for (int i = 0; i < 8; i++) { /* its place in the table and its number are taken again */
        again[i] = world_socket(world);
        expect_stale(world, client);
    }
    for (int i = 0; i < 8; i++)
        world_close(world, again[i]);
    world_close(world, server);
}

TEST(one_of_a_kind_at_a_time)
{
    sock client, server;
    char data[8];
    struct probe first = { 0 }, second = { 0 };
    pair(world, &client, &server);
    submit_recv(world, &first, server, data, sizeof data);
    assert_int_equal(first.completed, 0);
    submit_recv(world, &second, server, data, sizeof data);
    assert_int_equal(second.result, -EBUSY);
    send_text(world, client, "x", 1);
    assert_int_equal(await(&first), 1);
    world_close(world, client);
    world_close(world, server);
}

enum { FLOCK = 20 };

struct flock {
    struct probe recv[FLOCK];
    sock client[FLOCK], server[FLOCK];
    char byte[FLOCK];
    int woken;
};

static struct flock *flock;

/* The first that is woken closes all the others, whose events may be in the same batch. */
static void close_the_others(struct probe *probe)
{
    flock->woken++;
    for (int i = 0; i < FLOCK; i++) {
        struct probe *other = &flock->recv[i];
        if (other == probe || other->completed)
            continue;
        if (probe->world->type->cancel(probe->world->it, &other->op) == 1)
            other->completed = -1;
        other->also = NULL;
        probe->world->type->close(probe->world->it, flock->server[i]);
    }
}

TEST(closing_others_in_the_same_batch)
{
    struct flock here = { 0 };
    flock = &here;
    for (int i = 0; i < FLOCK; i++) {
        pair(world, &here.client[i], &here.server[i]);
        here.recv[i].also = close_the_others;
        submit_recv(world, &here.recv[i], here.server[i], &here.byte[i], 1);
        assert_int_equal(here.recv[i].completed, 0);
    }
    for (int i = 0; i < FLOCK; i++)
        send_text(world, here.client[i], "x", 1);
    for (int i = 0; i < FLOCK; i++)
        if (here.recv[i].completed == 0)
            await(&here.recv[i]);
    settle(world);
    assert_int_equal(here.woken >= 1, 1);
    for (int i = 0; i < FLOCK; i++) {
        assert_true(here.recv[i].completed == 1 || here.recv[i].completed == -1);
        world_close(world, here.client[i]);
        world->type->close(world->it, here.server[i]);
    }
}

/* Ends the backend while the kernel still holds ops: nothing completes, nothing leaks, no buffer
 * is written later. */
TEST(ending_with_ops_pending)
{
    sock client, server;
    char *data = malloc(64);
    struct probe recv = { 0 }, accept = { 0 };
    struct sockaddr_storage address;
    pair(world, &client, &server);
    submit_recv(world, &recv, server, data, 64);
    sock listener = world_listen(world, 8, &address);
    submit(world, &accept, OP_ACCEPT, listener);
    settle(world);
    asyncio__backend_free(world->it);
    free(data);
    assert_int_equal(recv.completed, 0);
    assert_int_equal(accept.completed, 0);
    const char *reason;
    assert_int_equal(asyncio__backend_new(world->backend, &world->limits, &world->it, &reason), 0);
}

TEST(no_descriptor_for_a_connection)
{
    const char *preload = getenv("LD_PRELOAD");
    if (!world->is_real || (preload && strstr(preload, "vgpreload")) || lost_its_ring(world))
        return; /* the seeds do it there; valgrind has limits of its own; a ring is a descriptor */
    struct sockaddr_storage address;
    struct probe accept = { 0 }, connect = { 0 };
    sock listener = world_listen(world, 8, &address), client = world_socket(world);
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    settle(world);
    int lowest = dup(0);
    close(lowest);
    none.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    /* io_uring looks at the limit now, epoll later */
    submit(world, &accept, OP_ACCEPT, listener);
    submit_connect(world, &connect, client, &address, sizeof(struct sockaddr_in));
    int r = await(&accept);
    int connected = await(&connect);
    accept.completed = 0;
    for (int i = 0; i < 5; i++) /* no longer armed, and it does not spin */
        world_poll(world, 1000000);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(r, -EMFILE);
    assert_int_equal(connected, 0);
    assert_int_equal(accept.completed, 0);
    submit(world, &accept, OP_ACCEPT, listener);
    await_accept(&accept, 1);
    send_text(world, client, "in", 2);
    expect_text(world, accept.accepted[0], "in");
    world_close(world, accept.accepted[0]);
    world_close(world, client);
    close_listener(world, &accept);
}

/* A connection made, used and ended: the first error, or 0. Whatever happens, everything is given
 * back. */
static int try_everything(struct world *world)
{
    const struct backend_type *type = world->type;
    struct sockaddr_storage address = loopback(0);
    socklen_t size = 0;
    struct probe accept = { 0 }, connect = { 0 }, recv = { 0 };
    char byte;
    sock listener, client;
    int r = type->socket(world->it, AF_INET, SOCK_STREAM, 0, &listener);
    if (r < 0)
        return r;
    r = type->socket(world->it, AF_INET, SOCK_STREAM, 0, &client);
    if (r < 0) {
        world_close(world, listener);
        return r;
    }
    assert_int_equal(
        type->bind(world->it, listener, (struct sockaddr *)&address, sizeof(struct sockaddr_in)),
        0);
    assert_int_equal(type->listen(world->it, listener, 1), 0);
    assert_int_equal(type->getsockname(world->it, listener, &address, &size), 0);
    submit(world, &accept, OP_ACCEPT, listener);
    submit_connect(world, &connect, client, &address, size);
    r = await(&connect);
    if (r == 0) {
        await(&accept);
        if (accept.accepted_count == 0)
            r = accept.result;
    }
    if (r == 0) {
        submit_recv(world, &recv, accept.accepted[0], &byte, 1);
        if (!recv.completed)
            cancel(&recv);
        else
            r = recv.result;
    }
    cancel(&accept);
    for (int i = 0; i < accept.accepted_count; i++)
        world_close(world, accept.accepted[i]);
    world_close(world, listener);
    world_close(world, client);
    return r;
}

TEST(every_allocation_fails_in_turn)
{
    if (world->limits.seed > 5)
        return;
    asyncio__backend_free(world->it);
    int r = -ENOMEM;
    int points = -1; /* the last one has all it asks for */
    for (uint64_t nth = 1; r == -ENOMEM; nth++, points++) {
        assert_true(nth < 100);
        uint64_t live = asyncio__alloc_live();
        asyncio__alloc_fail_at(nth, 0);
        struct world other = { .backend = world->backend, .limits = world->limits };
        const char *reason;
        r = asyncio__backend_new(other.backend, &other.limits, &other.it, &reason);
        if (r >= 0) {
            other.type = other.it->type;
            r = try_everything(&other);
            asyncio__backend_free(other.it);
        }
        asyncio__alloc_fail_at(0, 0);
        assert_true(r == 0 || r == -ENOMEM || (r == -EMFILE && world->limits.seed));
        assert_int_equal(asyncio__alloc_live(), live);
    }
    print_message("sweep: %d allocations failed in turn\n", points);
    const char *reason;
    assert_int_equal(asyncio__backend_new(world->backend, &world->limits, &world->it, &reason), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(cancelled_recv_loses_nothing),
        RUN(recv_cancelled_while_bytes_arrive),
        RUN(cancelling_what_is_not_pending),
        RUN(cancelled_send_says_how_much_went),
        RUN(after_a_cancelled_send_comes_another),
        RUN(cancelled_accept_loses_no_connection),
        RUN(accept_cancelled_and_closed_from_inside),
        RUN(cancelled_connect),
        RUN(cancelled_polls),
        RUN(closing_with_a_cancelled_op_pending),
        RUN(closing_with_a_cancelled_send_pending),
        RUN(a_closed_listener_frees_its_port_at_once),
        RUN(stale_handles_are_harmless),
        RUN(one_of_a_kind_at_a_time),
        RUN(closing_others_in_the_same_batch),
        RUN(ending_with_ops_pending),
        RUN(no_descriptor_for_a_connection),
        RUN(every_allocation_fails_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
