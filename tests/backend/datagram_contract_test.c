/* SPDX-License-Identifier: MIT */
/* The contract of OP_RECV_DATAGRAMS and OP_SEND_DATAGRAMS, in every world. */
/* TEST: timeout 60 */
#include "backend/datagrams.h"

static int receives; /* system calls */

/* This program's own, which hides the system's. */
int recvmmsg(int number, struct mmsghdr *headers, unsigned count, int flags, struct timespec *limit)
{
    int (*system)(int, struct mmsghdr *, unsigned, int, struct timespec *);
    void *found = dlsym(RTLD_NEXT, "recvmmsg");
    memcpy(&system, &found, sizeof system);
    receives++;
    return system(number, headers, count, flags, limit);
}

/* However many come at a time: all are had, and who waits for the next ones gets them. */
TEST(bursts_of_any_length)
{
    enum { MOST = 40 };
    static const int bursts[] = { 1, 3, 1, 2, MOST, 5, 1, 1, 33, 1 };
    struct sockaddr_storage address;
    sock a = open_bound(world, &address), b = SOCK_NONE;
    assert_int_equal(world->type->socket(world->it, AF_INET, SOCK_DGRAM, 0, &b), 0);
    asyncio_datagram in[MOST];
    char got[MOST], next = 0;
    for (int i = 0; i < MOST; i++)
        in[i] = (asyncio_datagram){ .data = &got[i], .size = 1 };
    for (size_t i = 0; i < sizeof bursts / sizeof bursts[0]; i++) {
        struct probe recv = { 0 };
        if (i % 2) { /* who waits before, and who comes later */
            submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, in, MOST);
            assert_int_equal(recv.completed, 0);
        }
        for (int k = 0; k < bursts[i]; k++) {
            char text[2] = { (char)('a' + (next + k) % 26), 0 };
            assert_int_equal(send_one(world, b, &address, text), 1);
        }
        for (int count = 0; count < bursts[i];) {
            if (count || i % 2 == 0)
                submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, in, MOST);
            int n = await(&recv);
            assert_in_range(n, 1, bursts[i] - count);
            for (int k = 0; k < n; k++, next = (char)((next + 1) % 26))
                assert_int_equal(got[k], 'a' + next);
            count += n;
        }
    }
    world_close(world, a);
    world_close(world, b);
}

TEST(many_go_and_come)
{
    enum { MANY = 75 }; /* more than a system call takes */
    struct sockaddr_storage address;
    sock a = open_bound(world, &address), b = SOCK_NONE;
    assert_int_equal(world->type->socket(world->it, AF_INET, SOCK_DGRAM, 0, &b), 0);
    asyncio_datagram out[MANY], in[MANY];
    int numbers[MANY], got[MANY], count = 0;
    for (int i = 0; i < MANY; i++) {
        numbers[i] = i;
        out[i] = (asyncio_datagram){ .data = &numbers[i], .size = sizeof numbers[i],
                                     .address = address,
                                     .address_size = sizeof(struct sockaddr_in) };
        in[i] = (asyncio_datagram){ .data = &got[i], .size = sizeof got[i] };
    }
    struct probe recv = { 0 }, second = { 0 }, send = { 0 };
    submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, in, MANY);
    assert_int_equal(recv.completed, 0);
    submit_datagrams(world, &second, OP_RECV_DATAGRAMS, a, in, 1);
    assert_int_equal(second.result, -EBUSY); /* one of each kind */
    submit_datagrams(world, &send, OP_SEND_DATAGRAMS, b, out, MANY);
    assert_int_equal(await(&send), MANY);
    assert_int_equal(send.op.done, MANY);
    while (count < MANY) {
        if (count)
            submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, in + count,
                             (unsigned)(MANY - count));
        int n = await(&recv);
        assert_true(n > 0);
        count += n;
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(in[i].length, sizeof(int));
        assert_int_equal(in[i].address_size, sizeof(struct sockaddr_in));
        assert_int_equal(got[i], i);
    }
    world_close(world, a);
    world_close(world, b);
}

TEST(a_cancel_is_done_at_once)
{
    struct sockaddr_storage address;
    char text[8] = "";
    sock a = open_bound(world, &address);
    for (int i = 0; i < 3; i++) {
        struct probe recv = { 0 };
        asyncio_datagram in = { .data = text, .size = sizeof text };
        submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, &in, 1);
        assert_int_equal(recv.completed, 0);
        if (i)
            settle(world);
        assert_int_equal(world->type->cancel(world->it, &recv.op), 1);
        settle(world);
        assert_int_equal(recv.completed, 0);
        assert_int_equal(send_one(world, a, &address, (char[]){ "mine" }), 1);
        submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, &in, 1);
        assert_int_equal(await(&recv), 1); /* it took nothing with it */
        assert_int_equal(in.length, 4);
    }
    world_close(world, a);
}

TEST(errors_are_told)
{
    struct sockaddr_storage address;
    sock a = open_bound(world, &address), b = SOCK_NONE;
    struct probe connect = { 0 }, recv = { 0 };
    char text[8];
    asyncio_datagram in = { .data = text, .size = sizeof text };
    assert_int_equal(send_one(world, a, NULL, (char[]){ "x" }), -EDESTADDRREQ);
    assert_int_equal(world->type->socket(world->it, AF_INET, SOCK_DGRAM, 0, &b), 0);
    submit_connect(world, &connect, b, &address, sizeof(struct sockaddr_in));
    assert_int_equal(await(&connect), 0);
    assert_int_equal(send_one(world, b, NULL, (char[]){ "x" }), 1);
    submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, &in, 1);
    assert_int_equal(await(&recv), 1);
    world_close(world, a);
    settle(world);
    submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, b, &in, 1);
    assert_int_equal(send_one(world, b, NULL, (char[]){ "y" }), 1);
    assert_int_equal(await(&recv), -ECONNREFUSED);
    world_close(world, b);
    submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, b, &in, 1);
    assert_int_equal(recv.result, -EBADF);
}

/* Who waits is told, takes what there is, and does not ask whether there is more. On io_uring
 * datagrams that go on coming one by one come with the completion. */
TEST(one_that_is_waited_for_is_one_system_call)
{
    enum { COUNT = 100, SINGLES = 8 };
    struct sockaddr_storage address;
    struct probe recv = { 0 };
    char text[2][8];
    asyncio_datagram in[2] = { { .data = text[0], .size = 8 }, { .data = text[1], .size = 8 } };
    sock a = open_bound(world, &address), b = open_bound(world, &(struct sockaddr_storage){ 0 });
    submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, in, 2);
    receives = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(recv.completed, 0);
        assert_int_equal(send_one(world, b, &address, (char[]){ "x" }), 1);
        assert_int_equal(await(&recv), 1);
        submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, in, 2);
    }
    if (world->is_plain && !world->enters)
        assert_int_equal(receives, !world->is_real                              ? 0
                                   : strcmp(world->backend, "io_uring") == 0 ? SINGLES
                                                                                : COUNT);
    world_close(world, a);
    world_close(world, b);
}

/* Also where they have come one by one before. */
TEST(bursts_are_few_system_calls)
{
    enum { SINGLES = 20, BURSTS = 20, LENGTH = 10 };
    struct sockaddr_storage address;
    struct probe recv = { 0 };
    char text[LENGTH][8];
    asyncio_datagram in[LENGTH];
    sock a = open_bound(world, &address), b = open_bound(world, &(struct sockaddr_storage){ 0 });
    for (int i = 0; i < LENGTH; i++)
        in[i] = (asyncio_datagram){ .data = text[i], .size = sizeof text[i] };
    for (int i = 0; i < SINGLES + BURSTS; i++) {
        int length = i < SINGLES ? 1 : LENGTH;
        submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, in, LENGTH);
        assert_int_equal(recv.completed, 0);
        if (i == SINGLES)
            receives = 0;
        for (int k = 0; k < length; k++)
            assert_int_equal(send_one(world, b, &address, (char[]){ "x" }), 1);
        int count = await(&recv);
        while (count < length) {
            submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, in, LENGTH);
            count += await(&recv);
        }
        assert_int_equal(count, length);
    }
    if (world->is_plain && world->is_real && !world->enters)
        assert_in_range(receives, BURSTS / 2, BURSTS * LENGTH / 3);
    world_close(world, a);
    world_close(world, b);
}

TEST(a_close_takes_back)
{
    struct sockaddr_storage address;
    struct probe recv = { 0 };
    char text[8];
    asyncio_datagram in = { .data = text, .size = sizeof text };
    sock a = open_bound(world, &address), b = open_bound(world, &(struct sockaddr_storage){ 0 });
    submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, &in, 1);
    assert_int_equal(world->type->cancel(world->it, &recv.op), 1);
    world_close(world, a);
    assert_int_equal(send_one(world, b, &address, (char[]){ "x" }), 1);
    settle(world);
    assert_int_equal(recv.completed, 0);
    world_close(world, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(bursts_of_any_length),
        RUN(many_go_and_come),
        RUN(a_cancel_is_done_at_once),
        RUN(errors_are_told),
        RUN(one_that_is_waited_for_is_one_system_call),
        RUN(bursts_are_few_system_calls),
        RUN(a_close_takes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
