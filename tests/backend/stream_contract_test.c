/* SPDX-License-Identifier: MIT */
/* TEST: backends io_uring epoll sim; timeout 120 */
/* The backend contract over streams: connecting, accepting, bytes, the end of file, errors. */
#include "contract.h"

TEST(echo)
{
    sock client, server;
    pair(world, &client, &server);
    send_text(world, client, "ping", 4);
    expect_text(world, server, "ping");
    send_text(world, server, "pong", 4);
    expect_text(world, client, "pong");
    world_close(world, client);
    world_close(world, server);
}

TEST(recv_waits_for_bytes)
{
    sock client, server;
    char data[64];
    struct probe recv = { 0 };
    pair(world, &client, &server);
    submit_recv(world, &recv, server, data, sizeof data);
    settle(world);
    assert_int_equal(recv.completed, 0);
    send_text(world, client, "x", 1);
    assert_int_equal(await(&recv), 1);
    assert_int_equal(data[0], 'x');
    settle(world);
    assert_int_equal(recv.completed, 1);
    world_close(world, client);
    world_close(world, server);
}

TEST(reads_are_short_and_in_order)
{
    sock client, server;
    char data[100] = { 0 };
    pair(world, &client, &server);
    send_text(world, client, "0123456789", 10);
    int n = recv_some(world, server, data, 3);
    assert_in_range(n, 1, 3);
    size_t done = (size_t)n;
    while (done < 10) {
        n = recv_some(world, server, data + done, sizeof data - done);
        assert_true(n > 0);
        done += (size_t)n;
    }
    assert_string_equal(data, "0123456789");
    world_close(world, client);
    world_close(world, server);
}

TEST(end_of_file_comes_after_the_last_byte_and_stays)
{
    sock client, server;
    char data[8];
    pair(world, &client, &server);
    send_text(world, client, "bye", 3);
    world_close(world, client);
    assert_int_equal(recv_all(world, server, data, sizeof data), 3);
    assert_int_equal(recv_some(world, server, data, sizeof data), 0);
    assert_int_equal(recv_some(world, server, data, sizeof data), 0);
    world_close(world, server);
}

TEST(end_of_file_completes_a_waiting_recv)
{
    sock client, server;
    char data[8];
    struct probe recv = { 0 };
    pair(world, &client, &server);
    submit_recv(world, &recv, server, data, sizeof data);
    settle(world);
    world_close(world, client);
    assert_int_equal(await(&recv), 0);
    world_close(world, server);
}

/* The last bytes and the end in one event: the short read is not the last one. */
TEST(end_of_file_together_with_bytes)
{
    sock client, server;
    char data[8];
    struct probe recv = { 0 };
    pair(world, &client, &server);
    submit_recv(world, &recv, server, data, sizeof data);
    settle(world);
    send_text(world, client, "x", 1);
    world_close(world, client);
    if (!recv.completed)
        settle(world);
    assert_int_equal(await(&recv), 1);
    assert_int_equal(recv_some(world, server, data, sizeof data), 0);
    world_close(world, server);
}

TEST(half_close_leaves_the_other_direction)
{
    sock client, server;
    char data[8];
    pair(world, &client, &server);
    send_text(world, client, "question", 8);
    assert_int_equal(world->type->shutdown(world->it, client, SHUT_WR), 0);
    expect_text(world, server, "question");
    assert_int_equal(recv_some(world, server, data, sizeof data), 0);
    send_text(world, server, "answer", 6);
    world_close(world, server);
    expect_text(world, client, "answer");
    assert_int_equal(recv_some(world, client, data, sizeof data), 0);
    world_close(world, client);
}

static int is_readable(struct world *world, sock socket)
{
    return world->type->is_readable(world->it, socket);
}

/* Between receives as in the middle of them, before the loop has looked and after that. */
TEST(what_has_come_is_known_without_taking_it)
{
    sock client, server;
    char data[8];
    struct probe recv = { 0 };
    pair(world, &client, &server);
    for (int i = 0; i < 12; i++) { /* long enough for a backend to have made up its mind */
        bool has_looked = i % 2;
        assert_int_equal(is_readable(world, server), 0);
        if (i % 3 == 0) {
            submit_recv(world, &recv, server, data, sizeof data);
            settle(world);
            send_text(world, client, "a", 1);
            assert_int_equal(await(&recv), 1);
            assert_int_equal(is_readable(world, server), 0);
        }
        send_text(world, client, "x", 1);
        if (has_looked)
            settle(world);
        assert_int_equal(is_readable(world, server), 1);
        expect_text(world, server, "x");
    }
    assert_int_equal(is_readable(world, server), 0);
    world_close(world, client);
    assert_int_equal(is_readable(world, server), 1);
    assert_int_equal(recv_some(world, server, data, sizeof data), 0);
    assert_int_equal(is_readable(world, server), 1);
    world_close(world, server);
    assert_true(is_readable(world, server) < 0);
    assert_true(is_readable(world, SOCK_NONE) < 0);
}

TEST(a_reset_is_known_without_taking_it)
{
    for (int i = 0; i < 2; i++) {
        sock client, server;
        char data[8];
        struct linger linger = { 1, 0 };
        pair(world, &client, &server);
        assert_int_equal(world->type->setsockopt(world->it, client, SOL_SOCKET, SO_LINGER, &linger,
                                                 sizeof linger),
                         0);
        assert_int_equal(is_readable(world, server), 0);
        world_close(world, client);
        settle(world);
        for (int again = 0; again < 3; again++)
            assert_int_equal(is_readable(world, server), 1);
        assert_int_equal(recv_some(world, server, data, sizeof data), -ECONNRESET);
        world_close(world, server);
    }
}

TEST(send_after_shutdown_is_a_broken_pipe_without_a_signal)
{
    sock client, server;
    struct probe send = { 0 };
    struct iovec iov = { "x", 1 };
    pair(world, &client, &server);
    assert_int_equal(world->type->shutdown(world->it, client, SHUT_WR), 0);
    submit_send(world, &send, client, &iov, 1);
    assert_int_equal(await(&send), -EPIPE);
    assert_int_equal(send.op.done, 0);
    world_close(world, client);
    world_close(world, server);
}

TEST(a_reset_is_told_once)
{
    sock client, server;
    char data[8];
    struct linger linger = { 1, 0 };
    struct probe send = { 0 };
    struct iovec iov = { "x", 1 };
    pair(world, &client, &server);
    assert_int_equal(
        world->type->setsockopt(world->it, client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger),
        0);
    world_close(world, client);
    assert_int_equal(recv_some(world, server, data, sizeof data), -ECONNRESET);
    assert_int_equal(recv_some(world, server, data, sizeof data), 0);
    submit_send(world, &send, server, &iov, 1);
    assert_int_equal(await(&send), -EPIPE);
    world_close(world, server);
}

TEST(closing_with_unread_bytes_resets)
{
    sock client, server;
    char data[8];
    pair(world, &client, &server);
    send_text(world, client, "never read", 10);
    settle(world);
    world_close(world, server);
    assert_int_equal(recv_some(world, client, data, sizeof data), -ECONNRESET);
    world_close(world, client);
}

/* Also when a recv that was cancelled has had them fetched already. */
TEST(closing_with_fetched_bytes_resets)
{
    sock client, server;
    char data[8];
    struct probe recv = { 0 };
    pair(world, &client, &server);
    submit_recv(world, &recv, server, data, 1);
    settle(world);
    send_text(world, client, "never read", 10);
    if (!recv.completed)
        settle(world);
    await(&recv);
    settle(world);
    world_close(world, server);
    assert_int_equal(recv_some(world, client, data, sizeof data), -ECONNRESET);
    world_close(world, client);
}

TEST(a_reset_completes_a_waiting_recv)
{
    sock client, server;
    char data[8];
    struct linger linger = { 1, 0 };
    struct probe recv = { 0 };
    pair(world, &client, &server);
    submit_recv(world, &recv, server, data, sizeof data);
    settle(world);
    assert_int_equal(
        world->type->setsockopt(world->it, client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger),
        0);
    world_close(world, client);
    assert_int_equal(await(&recv), -ECONNRESET);
    world_close(world, server);
}

static size_t large_size(const struct world *world)
{
    return !world->is_real || world->limits.chop || world->limits.buffers ? 400000 : 12000000;
}

static char *pattern_new(size_t size)
{
    char *data = malloc(size);
    assert_non_null(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(i * 7 + i / 251);
    return data;
}

/* Small buffers, so that back-pressure comes early on a real machine too. */
static void shrink(struct world *world, sock socket, int name)
{
    int size = 4096;
    assert_int_equal(
        world->type->setsockopt(world->it, socket, SOL_SOCKET, name, &size, sizeof size), 0);
}

TEST(a_large_send_waits_for_a_slow_reader)
{
    if (lost_its_ring(world))
        return;
    sock client, server;
    size_t size = large_size(world), done = 0;
    char *data = pattern_new(size), *got = malloc(size);
    struct probe send = { 0 };
    struct iovec iov[2] = { { data, size / 3 }, { data + size / 3, size - size / 3 } };
    pair(world, &client, &server);
    if (world->limits.chop || world->limits.buffers)
        shrink(world, client, SO_SNDBUF);
    submit_send(world, &send, client, iov, 2);
    for (int i = 0; i < 20; i++)
        world_poll(world, 1000000);
    if (!world->limits.chop && !world->limits.buffers)
        assert_int_equal(send.completed, 0);
    while (done < size) {
        size_t part = size - done < 60000 ? size - done : 60000;
        assert_int_equal(recv_all(world, server, got + done, part), part);
        done += part;
    }
    assert_int_equal(await(&send), size);
    assert_int_equal(send.op.done, size);
    assert_memory_equal(data, got, size);
    world_close(world, client);
    world_close(world, server);
    free(data);
    free(got);
}

/* Also one who has begun to read: what comes then without being asked for has an end. */
TEST(a_reader_who_stops_stops_the_sender)
{
    if (lost_its_ring(world))
        return;
    sock client, server;
    size_t size = large_size(world);
    char *data = pattern_new(size), *got = malloc(size);
    struct probe send = { 0 };
    struct iovec iov = { data, size };
    pair(world, &client, &server);
    submit_send(world, &send, client, &iov, 1);
    assert_int_equal(recv_all(world, server, got, 10), 10);
    for (int i = 0; i < 100; i++)
        world_poll(world, 1000000);
    if (!world->limits.chop && !world->limits.buffers)
        assert_int_equal(send.completed, 0);
    assert_int_equal(recv_all(world, server, got + 10, size - 10), size - 10);
    assert_int_equal(await(&send), size);
    assert_memory_equal(data, got, size);
    world_close(world, client);
    world_close(world, server);
    free(data);
    free(got);
}

TEST(small_messages_nobody_reads_come_to_an_end)
{
    sock client, server;
    static char data[1000];
    char byte;
    size_t total = 0;
    int n = 0;
    pair(world, &client, &server);
    shrink(world, client, SO_SNDBUF);
    shrink(world, server, SO_RCVBUF);
    send_text(world, client, "xy", 2);
    assert_int_equal(recv_some(world, server, &byte, 1), 1);
    for (int i = 0, full = 0; i < 20000 && full < 50; i++) {
        struct iovec iov = { data, sizeof data };
        n = world->type->send_now(world->it, client, &iov, 1);
        total += n > 0 ? (size_t)n : 0;
        full = n == -EAGAIN ? full + 1 : 0;
        assert_true(world_poll(world, n == -EAGAIN ? 100000 : 0) >= 0);
    }
    assert_true(total < 1000000);
    if (!world->limits.chop)
        assert_int_equal(n, -EAGAIN);
    world_close(world, client);
    world_close(world, server);
}

TEST(bytes_flow_both_ways_at_once)
{
    sock socket[2];
    size_t size = large_size(world) / 4;
    char *data = pattern_new(size), *got[2] = { malloc(size), malloc(size) };
    struct probe send[2] = { 0 }, recv[2] = { 0 };
    struct iovec iov[2] = { { data, size }, { data, size } };
    size_t done[2] = { 0, 0 };
    pair(world, &socket[0], &socket[1]);
    for (int i = 0; i < 2; i++) {
        submit_send(world, &send[i], socket[i], &iov[i], 1);
        submit_recv(world, &recv[i], socket[i], got[i], size);
    }
    while (done[0] < size || done[1] < size) {
        for (int i = 0; i < 2; i++) {
            while (recv[i].completed && done[i] < size) {
                assert_true(recv[i].result > 0);
                done[i] += (size_t)recv[i].result;
                if (done[i] < size)
                    submit_recv(world, &recv[i], socket[i], got[i] + done[i], size - done[i]);
            }
        }
        if (done[0] < size || done[1] < size)
            assert_true(world_poll(world, 1000000000) >= 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(await(&send[i]), size);
        assert_memory_equal(data, got[i], size);
        free(got[i]);
    }
    world_close(world, socket[0]);
    world_close(world, socket[1]);
    free(data);
}

TEST(many_iovecs_empty_ones_too)
{
    enum { COUNT = 2500 };
    sock client, server;
    static char data[COUNT];
    static struct iovec iov[COUNT];
    char got[COUNT];
    struct probe send = { 0 };
    size_t total = 0;
    for (size_t i = 0; i < COUNT; i++) {
        data[i] = (char)i;
        iov[i] = (struct iovec){ data + total, i % 3 ? 1 : 0 };
        total += iov[i].iov_len;
    }
    pair(world, &client, &server);
    submit_send(world, &send, client, iov, COUNT);
    assert_int_equal(recv_all(world, server, got, total), total);
    assert_int_equal(await(&send), total);
    assert_memory_equal(data, got, total);
    world_close(world, client);
    world_close(world, server);
}

TEST(a_send_of_nothing_is_done)
{
    sock client, server;
    struct probe send = { 0 };
    struct iovec iov[2] = { { NULL, 0 }, { "", 0 } };
    pair(world, &client, &server);
    submit_send(world, &send, client, iov, 2);
    assert_int_equal(await(&send), 0);
    submit_send(world, &send, client, NULL, 0);
    assert_int_equal(await(&send), 0);
    world_close(world, client);
    world_close(world, server);
}

/* Sends `size` bytes as the floors above do: at once what goes, the rest by an op. */
static void send_both_ways(struct world *world, sock socket, char *data, size_t size)
{
    struct iovec iov[2] = { { data, size / 2 }, { data + size / 2, size - size / 2 } };
    struct probe send = { 0 };
    int n = world->type->send_now(world->it, socket, iov, 2);
    assert_true(n >= 0 || n == -EAGAIN);
    size_t done = n > 0 ? (size_t)n : 0;
    assert_true(done <= size);
    assert_ptr_equal(iov[0].iov_base, data);
    assert_int_equal(iov[0].iov_len, size / 2);
    iov[0] = (struct iovec){ data + done, size - done };
    submit_send(world, &send, socket, iov, 1);
    assert_int_equal(await(&send), size - done);
}

TEST(sending_at_once_and_the_rest_later)
{
    sock client, server;
    char *data = pattern_new(50000), *got = malloc(50000);
    pair(world, &client, &server);
    for (size_t size = 1; size <= 50000; size *= 7) {
        send_both_ways(world, client, data, size);
        assert_int_equal(recv_all(world, server, got, size), size);
        assert_memory_equal(data, got, size);
    }
    assert_int_equal(world->type->send_now(world->it, client, NULL, 0), 0);
    assert_int_equal(world->type->send_now(world->it, SOCK_NONE, NULL, 0), -EBADF);
    world_close(world, client);
    world_close(world, server);
    free(data);
    free(got);
}

/* When nobody reads, sending at once ends with -EAGAIN, and never waits. */
TEST(sending_at_once_until_full)
{
    enum { SIZE = 20000 };
    sock client, server;
    char *data = pattern_new(SIZE);
    struct iovec iov = { data, SIZE };
    size_t total = 0;
    int n;
    pair(world, &client, &server);
    shrink(world, client, SO_SNDBUF);
    for (;;) {
        n = world->type->send_now(world->it, client, &iov, 1);
        if (n < 0)
            break;
        total += (size_t)n;
        if (world->limits.chop && total > 100)
            break;
    }
    assert_true(n == -EAGAIN || world->limits.chop);
    struct probe send = { 0 };
    iov = (struct iovec){ data, SIZE };
    submit_send(world, &send, client, &iov, 1);
    if (!send.completed)
        assert_int_equal(world->type->send_now(world->it, client, &iov, 1), -EBUSY);
    char *got = malloc(total + SIZE);
    assert_int_equal(recv_all(world, server, got, total + SIZE), total + SIZE);
    assert_int_equal(await(&send), SIZE);
    assert_memory_equal(got + total, data, SIZE);
    free(got);
    free(data);
    world_close(world, client);
    world_close(world, server);
}

/* The memory of a pending recv is looked at only when bytes are there. */
TEST(a_pending_recv_can_be_redirected)
{
    sock client, server;
    char wrong[8] = { 0 }, right[8] = { 0 };
    struct probe recv = { 0 };
    pair(world, &client, &server);
    submit_recv(world, &recv, server, wrong, sizeof wrong);
    settle(world);
    recv.op.data = right;
    recv.op.size = 1;
    send_text(world, client, "ab", 2);
    assert_int_equal(await(&recv), 1);
    assert_string_equal(right, "a");
    assert_string_equal(wrong, "");
    expect_text(world, server, "b");
    world_close(world, client);
    world_close(world, server);
}

TEST(sending_to_who_is_gone_fails_in_the_end)
{
    sock client, server;
    pair(world, &client, &server);
    world_close(world, server);
    int r = 0;
    for (int i = 0; i < 100 && r >= 0; i++) {
        struct probe send = { 0 };
        struct iovec iov = { "x", 1 };
        submit_send(world, &send, client, &iov, 1);
        r = await(&send);
        settle(world);
    }
    assert_true(r == -EPIPE || r == -ECONNRESET);
    world_close(world, client);
}

TEST(connection_refused)
{
    sock bound = world_socket(world), client = world_socket(world);
    struct sockaddr_storage address = loopback(0);
    socklen_t size;
    struct probe connect = { 0 };
    assert_int_equal(world->type->bind(world->it, bound, (struct sockaddr *)&address,
                                       sizeof(struct sockaddr_in)),
                     0);
    assert_int_equal(world->type->getsockname(world->it, bound, &address, &size), 0);
    submit_connect(world, &connect, client, &address, size);
    assert_int_equal(await(&connect), -ECONNREFUSED);
    /* the socket lives on: the address now listens, and the next attempt succeeds */
    assert_int_equal(world->type->listen(world->it, bound, 5), 0);
    submit_connect(world, &connect, client, &address, size);
    assert_int_equal(await(&connect), 0);
    world_close(world, bound);
    world_close(world, client);
}

TEST(addresses_of_both_ends)
{
    sock client, server;
    struct sockaddr_storage a, b;
    socklen_t size_a, size_b;
    pair(world, &client, &server);
    assert_int_equal(world->type->getpeername(world->it, client, &a, &size_a), 0);
    assert_int_equal(world->type->getsockname(world->it, server, &b, &size_b), 0);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(&a, &b, size_a);
    assert_int_equal(world->type->getsockname(world->it, client, &a, &size_a), 0);
    assert_int_equal(world->type->getpeername(world->it, server, &b, &size_b), 0);
    assert_memory_equal(&a, &b, size_a);
    sock alone = world_socket(world);
    assert_int_equal(world->type->getpeername(world->it, alone, &a, &size_a), -ENOTCONN);
    world_close(world, alone);
    world_close(world, client);
    world_close(world, server);
}

TEST(an_address_in_use)
{
    struct sockaddr_storage address;
    sock listener = world_listen(world, 1, &address), other = world_socket(world);
    int r = world->type->bind(world->it, other, (struct sockaddr *)&address,
                              sizeof(struct sockaddr_in));
    assert_int_equal(r, -EADDRINUSE);
    world_close(world, listener);
    r = world->type->bind(world->it, other, (struct sockaddr *)&address,
                          sizeof(struct sockaddr_in));
    assert_int_equal(r, 0);
    world_close(world, other);
}

TEST(one_accept_takes_many)
{
    enum { COUNT = 100 };
    struct sockaddr_storage address;
    sock listener = world_listen(world, COUNT, &address), client[COUNT];
    struct probe accept = { 0 };
    static struct probe connect[COUNT];
    for (int i = 0; i < COUNT; i++) { /* half of them before anybody accepts */
        if (i == COUNT / 2)
            submit(world, &accept, OP_ACCEPT, listener);
        client[i] = world_socket(world);
        connect[i] = (struct probe){ 0 };
        submit_connect(world, &connect[i], client[i], &address, sizeof(struct sockaddr_in));
    }
    await_accept(&accept, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(await(&connect[i]), 0);
        char byte = (char)i;
        send_text(world, client[i], &byte, 1);
        world_close(world, client[i]);
    }
    bool seen[COUNT] = { false };
    for (int i = 0; i < COUNT; i++) {
        char byte;
        assert_int_equal(recv_some(world, accept.accepted[i], &byte, 1), 1);
        assert_false(seen[(int)byte]);
        seen[(int)byte] = true;
        world_close(world, accept.accepted[i]);
    }
    close_listener(world, &accept);
}

TEST(accept_on_what_does_not_listen)
{
    sock socket = world_socket(world);
    struct probe accept = { 0 };
    submit(world, &accept, OP_ACCEPT, socket);
    assert_int_equal(await(&accept), -EINVAL);
    world_close(world, socket);
}

enum { ROUNDS = 200 };

struct player {
    struct probe recv, send;
    struct iovec iov;
    sock socket;
    char byte, expected;
    int rounds;
};

static void player_recv(struct world *world, struct player *player);

static void player_sent(struct probe *probe)
{
    struct player *player = container_of(probe, struct player, send);
    assert_int_equal(probe->result, 1);
    if (player->rounds < ROUNDS)
        player_recv(probe->world, player);
}

static void player_send(struct world *world, struct player *player)
{
    player->iov = (struct iovec){ &player->byte, 1 };
    submit_send(world, &player->send, player->socket, &player->iov, 1);
    if (player->send.completed)
        player_sent(&player->send);
}

static void player_received(struct probe *probe)
{
    struct player *player = container_of(probe, struct player, recv);
    assert_int_equal(probe->result, 1);
    assert_int_equal(player->byte, player->expected);
    player->expected = (char)(player->expected + 2);
    player->rounds++;
    player->byte++;
    player_send(probe->world, player);
}

static void player_recv(struct world *world, struct player *player)
{
    submit_recv(world, &player->recv, player->socket, &player->byte, 1);
    if (player->recv.completed)
        player_received(&player->recv);
}

/* The first sends 0, the second answers with 1, the first with 2: each op is submitted from inside
 * `complete`. */
TEST(ping_pong_from_callbacks)
{
    struct player first = { .recv.also = player_received, .send.also = player_sent };
    struct player second = first;
    pair(world, &first.socket, &second.socket);
    first.expected = 1;
    player_recv(world, &second);
    player_send(world, &first);
    int64_t limit = real_now() + (int64_t)20 * 1000000000;
    while (second.rounds < ROUNDS || first.rounds < ROUNDS - 1) {
        assert_true(real_now() < limit);
        assert_true(world_poll(world, 1000000000) >= 0);
    }
    first.recv.also = first.send.also = second.recv.also = second.send.also = NULL;
    cancel(&first.recv);
    cancel(&first.send);
    cancel(&second.recv);
    cancel(&second.send);
    world_close(world, first.socket);
    world_close(world, second.socket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(echo),
        RUN(recv_waits_for_bytes),
        RUN(reads_are_short_and_in_order),
        RUN(end_of_file_comes_after_the_last_byte_and_stays),
        RUN(end_of_file_completes_a_waiting_recv),
        RUN(end_of_file_together_with_bytes),
        RUN(half_close_leaves_the_other_direction),
        RUN(what_has_come_is_known_without_taking_it),
        RUN(a_reset_is_known_without_taking_it),
        RUN(send_after_shutdown_is_a_broken_pipe_without_a_signal),
        RUN(a_reset_is_told_once),
        RUN(closing_with_unread_bytes_resets),
        RUN(closing_with_fetched_bytes_resets),
        RUN(a_reset_completes_a_waiting_recv),
        RUN(a_large_send_waits_for_a_slow_reader),
        RUN(a_reader_who_stops_stops_the_sender),
        RUN(small_messages_nobody_reads_come_to_an_end),
        RUN(bytes_flow_both_ways_at_once),
        RUN(many_iovecs_empty_ones_too),
        RUN(a_send_of_nothing_is_done),
        RUN(sending_at_once_and_the_rest_later),
        RUN(sending_at_once_until_full),
        RUN(a_pending_recv_can_be_redirected),
        RUN(sending_to_who_is_gone_fails_in_the_end),
        RUN(connection_refused),
        RUN(addresses_of_both_ends),
        RUN(an_address_in_use),
        RUN(one_accept_takes_many),
        RUN(accept_on_what_does_not_listen),
        RUN(ping_pong_from_callbacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
