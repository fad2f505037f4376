/* SPDX-License-Identifier: MIT */
/* The contract of OP_RECV_DATAGRAMS and OP_SEND_DATAGRAMS, in every world. */
/* TEST: timeout 60 */
#include "backend/contract.h"

#include <asyncio/datagram.h>

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

static sock open_bound(struct world *world, struct sockaddr_storage *ret_address)
{
    sock made = SOCK_NONE;
    struct sockaddr_storage address = loopback(0);
    socklen_t size = 0;
    assert_int_equal(world->type->socket(world->it, AF_INET, SOCK_DGRAM, 0, &made), 0);
    assert_int_equal(world->type->bind(world->it, made, (struct sockaddr *)&address,
                                       sizeof(struct sockaddr_in)),
                     0);
    assert_int_equal(world->type->getsockname(world->it, made, ret_address, &size), 0);
    assert_int_equal(size, sizeof(struct sockaddr_in));
    return made;
}

static void submit_datagrams(struct world *world, struct probe *probe, enum op_kind kind,
                             sock socket, asyncio_datagram *datagrams, unsigned count)
{
    probe->op.datagrams = datagrams;
    probe->op.datagram_count = count;
    submit(world, probe, kind, socket);
}

static int send_one(struct world *world, sock from, const struct sockaddr_storage *to, char *text)
{
    struct probe send = { 0 };
    asyncio_datagram datagram = { .data = text, .size = strlen(text) };
    if (to) {
        datagram.address = *to;
        datagram.address_size = sizeof(struct sockaddr_in);
    }
    submit_datagrams(world, &send, OP_SEND_DATAGRAMS, from, &datagram, 1);
    return await(&send);
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

/* Who waits is told, takes what there is, and does not ask whether there is more. */
TEST(one_that_is_waited_for_is_one_system_call)
{
    enum { COUNT = 20 };
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
        assert_int_equal(receives, world->is_real ? COUNT : 0);
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
        RUN(a_close_takes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
