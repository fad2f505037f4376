/* SPDX-License-Identifier: MIT */
/* TEST: backends io_uring epoll sim; timeout 120 */
/* The backend contract about waiting: time, wake-ups, level-triggered readiness of any descriptor,
 * descriptors that are no sockets, foreign loops. */
#include "contract.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

static bool is_first_seed(const struct world *world)
{
    return world->limits.seed <= 1; /* for tests in real time, in which a seed changes nothing */
}

TEST(timeouts_are_kept)
{
    for (int64_t limit = 1; limit <= 20000000; limit *= 27) {
        int64_t before = backend_now(world->it);
        assert_int_equal(world_poll(world, limit), 0);
        int64_t passed = backend_now(world->it) - before;
        assert_true(passed >= limit);
        if (world->is_real)
            assert_true(passed < limit + 20000000000);
        else
            assert_int_equal(passed, limit);
    }
    int64_t before = backend_now(world->it);
    for (int i = 0; i < 100; i++)
        assert_int_equal(world_poll(world, 0), 0);
    if (world->is_real)
        assert_true(backend_now(world->it) - before < 20000000000);
    else
        assert_int_equal(backend_now(world->it), before);
}

TEST(a_wake_ends_the_next_poll)
{
    int64_t before = real_now();
    world->type->wake(world->it);
    world->type->wake(world->it);
    assert_int_equal(world_poll(world, (int64_t)60 * 1000000000), 0);
    for (int i = 0; i < 1000; i++) {
        world->type->wake(world->it);
        assert_int_equal(world_poll(world, -1), 0);
    }
    assert_true(real_now() - before < (int64_t)20 * 1000000000);
    settle(world);
    before = backend_now(world->it); /* and only one poll */
    assert_int_equal(world_poll(world, 3000000), 0);
    assert_true(backend_now(world->it) - before >= 3000000);
}

static void *wake_later(void *data)
{
    struct world *world = data;
    nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
    world->type->wake(world->it);
    return NULL;
}

TEST(a_wake_from_another_thread)
{
    if (!is_first_seed(world))
        return;
    pthread_t thread;
    int64_t before = real_now();
    assert_int_equal(pthread_create(&thread, NULL, wake_later, world), 0);
    assert_int_equal(world_poll(world, -1), 0);
    assert_true(real_now() - before >= 15000000);
    assert_true(real_now() - before < (int64_t)20 * 1000000000);
    pthread_join(thread, NULL);
}

enum { WAKES = 20000 };

struct storm {
    struct world *world;
    _Atomic int asked;
};

static void *wake_often(void *data)
{
    struct storm *storm = data;
    for (int i = 0; i < WAKES; i++) {
        storm->asked++;
        storm->world->type->wake(storm->world->it);
    }
    return NULL;
}

/* No wake-up is lost: whoever polls without limit sees the last one. */
TEST(wakes_are_never_lost)
{
    if (!is_first_seed(world))
        return;
    struct storm storm = { .world = world };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_often, &storm), 0);
    while (storm.asked < WAKES)
        assert_int_equal(world_poll(world, -1), 0);
    pthread_join(thread, NULL);
}

static struct world *signalled;

static void on_signal(int number)
{
    (void)number;
    signalled->type->wake(signalled->it);
}

TEST(a_wake_from_a_signal_handler)
{
    struct sigaction action = { .sa_handler = on_signal }, before;
    signalled = world;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    raise(SIGUSR1);
    assert_int_equal(world_poll(world, -1), 0);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

TEST(readiness_is_level_triggered)
{
    int pipes[2];
    char byte;
    sock reader;
    struct probe in = { 0 };
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(world->type->adopt(world->it, pipes[0], &reader), 0);
    /* only polled: as its owner had it */
    assert_int_equal(fcntl(pipes[0], F_GETFL) & O_NONBLOCK, 0);
    submit(world, &in, OP_POLL_IN, reader);
    settle(world);
    assert_int_equal(in.completed, 0);
    assert_int_equal(write(pipes[1], "ab", 2), 2);
    for (int i = 0; i < 5; i++) {
        in.completed = 0;
        assert_int_equal(await(&in), 1);
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    in.completed = 0;
    assert_int_equal(await(&in), 1);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    world_poll(world, 0); /* what was on its way */
    settle(world);
    in.completed = 0;
    settle(world);
    assert_int_equal(in.completed, 0);
    close(pipes[1]);
    assert_int_equal(await(&in), 1); /* hung up: a read would not block */
    cancel(&in);
    world_close(world, reader);
}

TEST(both_directions_of_one_descriptor)
{
    int pair_of[2];
    sock socket;
    struct probe in = { 0 }, out = { 0 }, second = { 0 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair_of), 0);
    assert_int_equal(world->type->adopt(world->it, pair_of[0], &socket), 0);
    submit(world, &in, OP_POLL_IN, socket);
    submit(world, &out, OP_POLL_OUT, socket);
    submit(world, &second, OP_POLL_IN, socket);
    assert_int_equal(second.result, -EBUSY);
    assert_int_equal(await(&out), 1);
    assert_int_equal(in.completed, 0);
    assert_int_equal(write(pair_of[1], "x", 1), 1);
    assert_int_equal(await(&in), 1);
    cancel(&out);
    in.completed = out.completed = 0;
    assert_int_equal(await(&in), 1);
    settle(world);
    assert_int_equal(out.completed, 0);
    cancel(&in);
    submit(world, &out, OP_POLL_OUT, socket);
    assert_int_equal(await(&out), 1);
    cancel(&out);
    close(pair_of[1]);
    world_close(world, socket);
}

enum { CROWD = 60 };

/* More of them than a small ring holds: nobody is passed over, poll after poll. */
TEST(many_descriptors_ready_at_once)
{
    int pipes[CROWD][2];
    static struct probe in[CROWD];
    if (world->limits.seed > 20)
        return;
    for (int i = 0; i < CROWD; i++) {
        sock reader;
        assert_int_equal(pipe(pipes[i]), 0);
        assert_int_equal(write(pipes[i][1], "x", 1), 1);
        assert_int_equal(world->type->adopt(world->it, pipes[i][0], &reader), 0);
        in[i] = (struct probe){ 0 };
        submit(world, &in[i], OP_POLL_IN, reader);
    }
    for (int round = 0; round < 3; round++) {
        world->type->wake(world->it); /* one more that finds no room */
        for (int i = 0; i < CROWD; i++)
            assert_int_equal(await(&in[i]), 1);
        for (int i = 0; i < CROWD; i++)
            in[i].completed = 0;
    }
    for (int i = 0; i < CROWD; i++) {
        cancel(&in[i]);
        world_close(world, in[i].op.socket);
        close(pipes[i][1]);
    }
    settle(world);
    world->type->wake(world->it);
    assert_int_equal(world_poll(world, -1), 0);
}

enum { BULKS = 8, BULK = 200000 };

/* Connections that always have more than one poll receives do not keep a level from its turn. */
TEST(a_level_is_not_starved_by_bulk)
{
    int pipes[2];
    sock client[BULKS], server[BULKS], reader;
    static struct probe recv[BULKS], in;
    char *data = calloc(1, BULK);
    if (world->limits.seed > 5 || world->limits.chop)
        return free(data);
    for (int i = 0; i < BULKS; i++) {
        pair(world, &client[i], &server[i]);
        recv[i] = (struct probe){ .completed = 1 };
    }
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(world->type->adopt(world->it, pipes[0], &reader), 0);
    in = (struct probe){ 0 };
    submit(world, &in, OP_POLL_IN, reader);
    settle(world);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    int64_t received = 0;
    int rounds = 0;
    for (; rounds < 200 && in.completed < 10; rounds++) {
        for (int i = 0; i < BULKS; i++) {
            struct iovec iov = { data, BULK };
            world->type->send_now(world->it, client[i], &iov, 1);
            while (recv[i].completed) {
                received += recv[i].result > 0 ? recv[i].result : 0;
                submit_recv(world, &recv[i], server[i], data, 65536);
                if (recv[i].completed && received > (int64_t)rounds * BULKS * 65536)
                    break;
            }
        }
        assert_true(world_poll(world, 0) >= 0);
    }
    assert_true(in.completed >= 10);
    assert_true(rounds < 100);
    cancel(&in);
    for (int i = 0; i < BULKS; i++) {
        if (!recv[i].completed)
            cancel(&recv[i]);
        world_close(world, client[i]);
        world_close(world, server[i]);
    }
    world_close(world, reader);
    close(pipes[1]);
    free(data);
}

/* What was so in an earlier poll is not told in a later one: a callback may read without
 * waiting. */
TEST(a_level_is_never_told_late)
{
    int pipes[2];
    sock client[BULKS], server[BULKS], reader;
    static struct probe recv[BULKS], in;
    static char data[BULKS][65536];
    if (world->limits.seed || world->limits.chop)
        return;
    for (int i = 0; i < BULKS; i++) {
        pair(world, &client[i], &server[i]);
        recv[i] = (struct probe){ .completed = 1 };
    }
    assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
    assert_int_equal(world->type->adopt(world->it, pipes[0], &reader), 0);
    in = (struct probe){ 0 };
    submit(world, &in, OP_POLL_IN, reader);
    settle(world);
    for (int round = 0; round < 50; round++) {
        char byte;
        for (int i = 0; i < BULKS; i++) {
            if (recv[i].completed)
                submit_recv(world, &recv[i], server[i], data[i], sizeof data[i]);
            struct iovec iov = { data[i], sizeof data[i] };
            world->type->send_now(world->it, client[i], &iov, 1);
        }
        assert_int_equal(write(pipes[1], "x", 1), 1);
        assert_true(world_poll(world, 0) >= 0);
        assert_int_equal(read(pipes[0], &byte, 1), 1);
        in.completed = 0;
        for (int i = 0; i < 5; i++)
            assert_true(world_poll(world, 0) >= 0);
        assert_int_equal(in.completed, 0);
    }
    cancel(&in);
    for (int i = 0; i < BULKS; i++) {
        if (!recv[i].completed)
            cancel(&recv[i]);
        world_close(world, client[i]);
        world_close(world, server[i]);
    }
    world_close(world, reader);
    close(pipes[1]);
}

/* Somebody else has the same file open, as a child may. After closing, it is his alone. */
TEST(a_duplicate_does_not_wake_us)
{
    int ends[2];
    sock socket;
    struct probe recv = { 0 };
    char byte;
    if (!world->is_real)
        return;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    int duplicate = dup(ends[0]);
    assert_int_equal(world->type->adopt(world->it, ends[0], &socket), 0);
    submit_recv(world, &recv, socket, &byte, 1);
    settle(world);
    cancel(&recv);
    world_close(world, socket);
    settle(world);
    assert_int_equal(write(ends[1], "x", 1), 1);
    int64_t before = real_now();
    assert_int_equal(world_poll(world, 30000000), 0);
    assert_true(real_now() - before >= 30000000);
    assert_int_equal(read(duplicate, &byte, 1), 1);
    close(duplicate);
    close(ends[1]);
}

TEST(a_regular_file_cannot_be_polled)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    sock socket;
    struct probe in = { 0 };
    int number = dup(fileno(file));
    assert_int_equal(world->type->adopt(world->it, number, &socket), 0);
    submit(world, &in, OP_POLL_IN, socket);
    assert_int_equal(await(&in), -EPERM);
    world_close(world, socket);
    fclose(file);
}

TEST(readiness_of_a_stream_of_ours)
{
    sock client, server;
    struct probe in = { 0 }, out = { 0 };
    char byte;
    pair(world, &client, &server);
    submit(world, &in, OP_POLL_IN, server);
    settle(world);
    assert_int_equal(in.completed, 0);
    send_text(world, client, "x", 1);
    assert_int_equal(await(&in), 1);
    submit(world, &out, OP_POLL_OUT, server);
    assert_int_equal(await(&out), 1);
    /* mixed with an op that moves bytes */
    assert_int_equal(recv_some(world, server, &byte, 1), 1);
    cancel(&in);
    cancel(&out);
    send_text(world, client, "y", 1);
    assert_int_equal(recv_some(world, server, &byte, 1), 1);
    assert_int_equal(byte, 'y');
    world_close(world, client);
    world_close(world, server);
}

TEST(adopt_and_detach)
{
    int pipes[2], number = -1;
    sock reader;
    assert_int_equal(world->type->adopt(world->it, 987654, &reader), -EBADF);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(world->type->adopt(world->it, pipes[0], &reader), 0);
    assert_int_equal(world->type->descriptor(world->it, reader), pipes[0]);
    struct probe in = { 0 };
    submit(world, &in, OP_POLL_IN, reader);
    settle(world);
    cancel(&in);
    assert_int_equal(world->type->detach(world->it, reader, &number), 0);
    assert_int_equal(number, pipes[0]);
    assert_int_equal(world->type->close(world->it, reader), -EBADF);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    char byte;
    assert_int_equal(read(number, &byte, 1), 1); /* open, and free for the next */
    assert_int_equal(world->type->adopt(world->it, number, &reader), 0);
    world_close(world, reader);
    close(pipes[1]);
}

TEST(bytes_through_a_pipe)
{
    if (!world->is_real)
        return; /* nothing but polling there, and it says so: see below */
    int pipes[2];
    sock reader, writer;
    struct probe recv = { 0 }, send = { 0 };
    static char data[300000], got[300000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 3);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(world->type->adopt(world->it, pipes[0], &reader), 0);
    assert_int_equal(world->type->adopt(world->it, pipes[1], &writer), 0);
    submit_recv(world, &recv, reader, got, 4);
    settle(world);
    assert_int_equal(recv.completed, 0);
    assert_true(fcntl(pipes[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(pipes[0], F_GETFD) & FD_CLOEXEC);
    struct iovec iov = { data, sizeof data };
    size_t size = world->limits.chop == 1 ? 5000 : sizeof data;
    iov.iov_len = size;
    submit_send(world, &send, writer, &iov, 1);
    int n = await(&recv);
    assert_in_range(n, 1, 4);
    size_t done = (size_t)n;
    done += recv_all(world, reader, got + done, size - done);
    assert_int_equal(done, size);
    assert_int_equal(await(&send), size);
    assert_memory_equal(data, got, size);
    world_close(world, writer);
    assert_int_equal(recv_some(world, reader, got, 1), 0);
    world_close(world, reader);
}

TEST(a_broken_pipe_raises_no_signal)
{
    int pipes[2];
    sock writer;
    struct probe send = { 0 };
    struct iovec iov = { "x", 1 };
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(world->type->adopt(world->it, pipes[1], &writer), 0);
    close(pipes[0]);
    submit_send(world, &send, writer, &iov, 1);
    assert_int_equal(await(&send), world->is_real ? -EPIPE : -ENOTSUP);
    world_close(world, writer);
}

TEST(descriptors_are_not_inherited)
{
    if (!world->is_real)
        return;
    sock client, server;
    pair(world, &client, &server);
    sock both[2] = { client, server };
    for (int i = 0; i < 2; i++) {
        int number = world->type->descriptor(world->it, both[i]);
        assert_true(number > 2);
        assert_true(fcntl(number, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(number, F_GETFD) & FD_CLOEXEC);
        world_close(world, both[i]);
    }
}

/* The descriptor for foreign loops is readable exactly when poll(0) has something to do. */
TEST(a_foreign_loop_can_wait_for_us)
{
    if (world->enters)
        return; /* what it would wait for is gone with the ring */
    if (!world->type->fileno)
        return;
    sock client, server;
    char data[8];
    struct probe recv = { 0 };
    struct pollfd outside = { .fd = world->type->fileno(world->it), .events = POLLIN };
    assert_true(outside.fd >= 0);
    pair(world, &client, &server);
    submit_recv(world, &recv, server, data, sizeof data);
    settle(world);
    assert_int_equal(poll(&outside, 1, 0), 0);
    send_text(world, client, "x", 1);
    for (int i = 0; i < 20 && !recv.completed; i++) {
        assert_int_equal(poll(&outside, 1, 1000), 1);
        assert_true(world_poll(world, 0) >= 0);
    }
    assert_int_equal(recv.completed, 1);
    settle(world);
    assert_int_equal(poll(&outside, 1, 0), 0);
    world->type->wake(world->it);
    assert_int_equal(poll(&outside, 1, 1000), 1);
    world_poll(world, 0);
    world_close(world, client);
    world_close(world, server);
}

/* `ready` says yes only when poll(0) finds something, and is asked without a system call. */
TEST(ready_is_no_promise_broken)
{
    if (!world->type->ready || !world->is_plain || !world->is_real)
        return;
    sock client, server;
    char data[8];
    struct probe recv = { 0 };
    pair(world, &client, &server);
    settle(world);
    assert_false(world->type->ready(world->it));
    submit_recv(world, &recv, server, data, sizeof data);
    settle(world);
    assert_false(world->type->ready(world->it));
    send_text(world, client, "x", 1);
    nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    if (world->type->ready(world->it))
        assert_true(world_poll(world, 0) > 0);
    assert_int_equal(await(&recv), 1);
    world_close(world, client);
    world_close(world, server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(timeouts_are_kept),
        RUN(a_wake_ends_the_next_poll),
        RUN(a_wake_from_another_thread),
        RUN(wakes_are_never_lost),
        RUN(a_wake_from_a_signal_handler),
        RUN(readiness_is_level_triggered),
        RUN(both_directions_of_one_descriptor),
        RUN(many_descriptors_ready_at_once),
        RUN(a_level_is_not_starved_by_bulk),
        RUN(a_level_is_never_told_late),
        RUN(a_duplicate_does_not_wake_us),
        RUN(a_regular_file_cannot_be_polled),
        RUN(readiness_of_a_stream_of_ours),
        RUN(adopt_and_detach),
        RUN(bytes_through_a_pipe),
        RUN(a_broken_pipe_raises_no_signal),
        RUN(descriptors_are_not_inherited),
        RUN(a_foreign_loop_can_wait_for_us),
        RUN(ready_is_no_promise_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
