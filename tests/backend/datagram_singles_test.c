/* SPDX-License-Identifier: MIT */
/* The contract of OP_RECV_DATAGRAMS where datagrams have come one by one for a while: on io_uring
 * they then come with the completion, through buffers of the ring, and what nobody waits for is
 * kept. */
/* TEST: timeout 120 */
#include "backend/datagrams.h"

enum { SOME = 12, LARGEST = 65507 };

/* One that gets datagrams, one that sends them, and the address of either. */
struct ends {
    struct world *world;
    sock in, out;
    struct sockaddr_storage in_name, out_name;
    struct probe recv;
    asyncio_datagram datagram;
    char text[16];
};

static void ask(struct ends *ends)
{
    ends->datagram = (asyncio_datagram){ .data = ends->text, .size = sizeof ends->text };
    submit_datagrams(ends->world, &ends->recv, OP_RECV_DATAGRAMS, ends->in, &ends->datagram, 1);
}

static void expect(struct ends *ends, const char *text)
{
    assert_int_equal(await(&ends->recv), 1);
    assert_int_equal(ends->datagram.length, strlen(text));
    assert_memory_equal(ends->text, text, strlen(text));
    assert_false(ends->datagram.is_truncated);
    assert_int_equal(ends->datagram.address_size, sizeof(struct sockaddr_in));
    assert_memory_equal(&ends->datagram.address, &ends->out_name, sizeof(struct sockaddr_in));
}

static void send_to(struct ends *ends, const char *text)
{
    assert_int_equal(send_one(ends->world, ends->out, &ends->in_name, (char *)(uintptr_t)text), 1);
}

/* `is_asked`: and the next one is waited for. */
static void come_alone(struct ends *ends, bool is_asked)
{
    for (int i = 0; i <= SOME; i++) {
        ask(ends);
        for (int polls = 0; polls < 2; polls++) /* the kernel has the request */
            assert_true(world_poll(ends->world, 0) >= 0);
        assert_int_equal(ends->recv.completed, 0);
        if (i == SOME)
            break;
        send_to(ends, "alone");
        expect(ends, "alone");
    }
    if (!is_asked)
        assert_int_equal(ends->world->type->cancel(ends->world->it, &ends->recv.op), 1);
}

static struct ends *begin(struct world *world, struct ends *ends)
{
    *ends = (struct ends){ .world = world };
    ends->in = open_bound(world, &ends->in_name);
    ends->out = open_bound(world, &ends->out_name);
    come_alone(ends, true);
    return ends;
}

static void end(struct ends *ends)
{
    (void)ends->world->type->cancel(ends->world->it, &ends->recv.op);
    world_close(ends->world, ends->in);
    world_close(ends->world, ends->out);
}

/* ---- what comes ---- */

TEST(of_every_length)
{
    struct ends ends;
    char *large = calloc(2, LARGEST);
    begin(world, &ends);
    for (int i = 0; i < 3; i++) {
        send_to(&ends, "before");
        expect(&ends, "before");
        ask(&ends);
        send_to(&ends, ""); /* of no length: it ends the kernel's request */
        expect(&ends, "");
        ask(&ends);
        send_to(&ends, "behind");
        expect(&ends, "behind");
        ask(&ends);
    }
    send_to(&ends, "longer than there is room");
    assert_int_equal(await(&ends.recv), 1);
    assert_true(ends.datagram.is_truncated);
    assert_int_equal(ends.datagram.length, sizeof ends.text);
    assert_memory_equal(ends.text, "longer than ther", sizeof ends.text);
    for (int i = 0; i < 8; i++) {
        struct probe send = { 0 };
        asyncio_datagram out = { .data = large, .size = LARGEST, .address = ends.in_name,
                                 .address_size = sizeof(struct sockaddr_in) };
        asyncio_datagram in = { .data = large + LARGEST, .size = LARGEST };
        memset(large, 'a' + i, LARGEST);
        submit_datagrams(world, &ends.recv, OP_RECV_DATAGRAMS, ends.in, &in, 1);
        submit_datagrams(world, &send, OP_SEND_DATAGRAMS, ends.out, &out, 1);
        assert_int_equal(await(&send), 1);
        assert_int_equal(await(&ends.recv), 1);
        assert_int_equal(in.length, LARGEST);
        assert_false(in.is_truncated);
        assert_memory_equal(large, large + LARGEST, LARGEST);
    }
    come_alone(&ends, true); /* and back again */
    free(large);
    end(&ends);
}

TEST(of_ipv6)
{
    struct sockaddr_storage name = { .ss_family = AF_INET6 }, from = { 0 };
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&name;
    socklen_t size = sizeof *six;
    sock a = SOCK_NONE, b = SOCK_NONE;
    char text[8];
    six->sin6_addr = in6addr_loopback;
    assert_int_equal(world->type->socket(world->it, AF_INET6, SOCK_DGRAM, 0, &a), 0);
    assert_int_equal(world->type->socket(world->it, AF_INET6, SOCK_DGRAM, 0, &b), 0);
    if (world->type->bind(world->it, a, (struct sockaddr *)&name, size) < 0)
        return; /* a host without IPv6 */
    assert_int_equal(world->type->bind(world->it, b, (struct sockaddr *)&name, size), 0);
    assert_int_equal(world->type->getsockname(world->it, a, &name, &size), 0);
    assert_int_equal(world->type->getsockname(world->it, b, &from, &size), 0);
    for (int i = 0; i < 2 * SOME; i++) {
        struct probe recv = { 0 }, send = { 0 };
        asyncio_datagram in = { .data = text, .size = sizeof text };
        asyncio_datagram out = { .data = "six", .size = 3, .address = name, .address_size = size };
        submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, &in, 1);
        submit_datagrams(world, &send, OP_SEND_DATAGRAMS, b, &out, 1);
        assert_int_equal(await(&send), 1);
        assert_int_equal(await(&recv), 1);
        assert_int_equal(in.address_size, size);
        assert_memory_equal(&in.address, &from, size);
    }
    world_close(world, a);
    world_close(world, b);
}

/* Longer than any of UDP: each is had whole, and has the sender's name. */
TEST(of_a_path)
{
    enum { LONG = 100000 };
    if (!world->is_real)
        return;
    struct sockaddr_storage name = { .ss_family = AF_UNIX };
    socklen_t size = sizeof name.ss_family; /* the system makes the name up */
    sock a = SOCK_NONE;
    char *bytes = malloc(2 * LONG);
    memset(bytes, 'x', LONG);
    assert_int_equal(world->type->socket(world->it, AF_UNIX, SOCK_DGRAM, 0, &a), 0);
    assert_int_equal(world->type->bind(world->it, a, (struct sockaddr *)&name, size), 0);
    assert_int_equal(world->type->getsockname(world->it, a, &name, &size), 0);
    for (int i = 0; i < 2 * SOME; i++) {
        struct probe recv = { 0 }, send = { 0 };
        asyncio_datagram in = { .data = bytes + LONG, .size = LONG };
        asyncio_datagram out = { .data = bytes, .size = i < SOME ? 3 : LONG, .address = name,
                                 .address_size = size };
        submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, a, &in, 1);
        submit_datagrams(world, &send, OP_SEND_DATAGRAMS, a, &out, 1);
        assert_int_equal(await(&send), 1);
        assert_int_equal(await(&recv), 1);
        assert_int_equal(in.length, out.size);
        assert_memory_equal(bytes, bytes + LONG, in.length);
        assert_int_equal(in.address_size, size);
        assert_memory_equal(&in.address, &name, size);
    }
    world_close(world, a);
    free(bytes);
}

/* ---- nobody waits, or too many come ---- */

/* What comes meanwhile is not lost, and in its order: a few, more than there are buffers, more
 * bytes than are kept ahead, and more than one poll handles. */
TEST(nobody_asks)
{
    static const struct {
        int count;
        size_t size;
        bool is_sudden;
    } bursts[] = { { 3, 4, 0 }, { 60, 5, 0 }, { 45, 1600, 0 }, { 40, 2500, 1 }, { 2, 7, 1 } };
    static char bytes[2500];
    struct ends ends;
    begin(world, &ends);
    for (size_t i = 0; i < sizeof bursts / sizeof bursts[0]; i++) {
        assert_int_equal(world->type->cancel(world->it, &ends.recv.op), 1);
        for (int k = 0; k < bursts[i].count; k++) {
            struct probe send = { 0 };
            asyncio_datagram out = { .data = bytes, .size = bursts[i].size,
                                     .address = ends.in_name,
                                     .address_size = sizeof(struct sockaddr_in) };
            memcpy(bytes, &k, sizeof k);
            submit_datagrams(world, &send, OP_SEND_DATAGRAMS, ends.out, &out, 1);
            assert_int_equal(await(&send), 1);
            if (k % 7 == 2 && !bursts[i].is_sudden)
                assert_true(world_poll(world, 0) >= 0);
        }
        if (bursts[i].is_sudden)
            assert_true(world_poll(world, 0) >= 0);
        else
            settle(world);
        for (int k = 0; k < bursts[i].count; k++) {
            ask(&ends);
            assert_int_equal(await(&ends.recv), 1);
            assert_int_equal(ends.datagram.is_truncated, bursts[i].size > sizeof ends.text);
            assert_memory_equal(ends.text, &k, sizeof k);
        }
        come_alone(&ends, true);
    }
    end(&ends);
}

/* Each gets one at the same time: more than there are buffers. */
TEST(many_endpoints)
{
    enum { ENDS = 40 };
    static struct ends ends[ENDS];
    int count = world->limits.seed ? 3 : ENDS;
    for (int i = 0; i < count; i++)
        begin(world, &ends[i]);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < count; i++)
            send_to(&ends[i], "all");
        for (int i = 0; i < count; i++) {
            expect(&ends[i], "all");
            ask(&ends[i]);
        }
    }
    for (int i = 0; i < count; i++)
        end(&ends[i]);
}

/* ---- cancelling and closing ---- */

TEST(a_cancel_takes_nothing)
{
    struct ends ends;
    begin(world, &ends);
    for (int i = 0; i < 4; i++) {
        send_to(&ends, "first"); /* perhaps the completion is there, and nobody has looked */
        if (i % 2)
            send_to(&ends, "second");
        if (!ends.recv.completed) { /* a poll for who sends may have come before */
            assert_int_equal(world->type->cancel(world->it, &ends.recv.op), 1);
            settle(world);
            assert_int_equal(ends.recv.completed, 0);
            ask(&ends);
        }
        expect(&ends, "first");
        ask(&ends);
        if (i % 2) {
            expect(&ends, "second");
            ask(&ends);
        }
    }
    end(&ends);
}

static void ask_and_cancel(struct probe *probe)
{
    struct ends *ends = container_of(probe, struct ends, recv);
    probe->also = NULL;
    ask(ends);
    if (!probe->completed)
        assert_int_equal(ends->world->type->cancel(ends->world->it, &probe->op), 1);
    else
        assert_memory_equal(ends->text, "second", 6);
}

/* In the very turn of a completion, with another behind it. */
TEST(a_cancel_in_the_completion)
{
    for (int i = 0; i < 3; i++) {
        struct ends ends;
        begin(world, &ends);
        ends.recv.also = ask_and_cancel;
        send_to(&ends, "first");
        send_to(&ends, "second");
        for (int polls = 0; polls < 1000 && ends.recv.also; polls++)
            assert_true(world_poll(world, 1000000) >= 0);
        assert_null(ends.recv.also);
        settle(world);
        if (!ends.recv.completed) {
            ask(&ends);
            expect(&ends, "second");
        }
        end(&ends);
    }
}

static void close_in_completion(struct probe *probe)
{
    struct ends *ends = container_of(probe, struct ends, recv);
    world_close(ends->world, ends->in);
}

TEST(a_close_in_the_completion)
{
    struct ends ends;
    begin(world, &ends);
    ends.recv.also = close_in_completion;
    send_to(&ends, "first");
    send_to(&ends, "second");
    assert_int_equal(await(&ends.recv), 1);
    settle(world);
    assert_int_equal(ends.recv.completed, 1);
    world_close(world, ends.out);
}

/* Completions are there when it is closed, and so is what was kept: both go with it. */
TEST(a_close_with_some_under_way)
{
    for (int i = 0; i < 3; i++) {
        struct ends ends;
        begin(world, &ends);
        assert_int_equal(world->type->cancel(world->it, &ends.recv.op), 1);
        for (int k = 0; k < 6; k++) {
            send_to(&ends, "lost");
            if (k == i)
                settle(world);
        }
        world_close(world, ends.in);
        settle(world);
        assert_int_equal(ends.recv.completed, 0);
        world_close(world, ends.out);
    }
}

/* ---- errors ---- */

/* Nobody is there any more: it is told once, to who waits or who asks next, and it goes on. Also
 * where the socket keeps errors in a queue of their own, which nobody here reads. */
TEST(the_peer_is_gone)
{
    for (int i = 0; i < (world->is_real ? 8 : 4); i++) {
        struct probe connect = { 0 };
        struct ends ends;
        begin(world, &ends);
        if (i >= 4)
            assert_int_equal(world->type->setsockopt(world->it, ends.in, IPPROTO_IP, IP_RECVERR,
                                                     &(int){ 1 }, sizeof(int)),
                             0);
        submit_connect(world, &connect, ends.in, &ends.out_name, sizeof(struct sockaddr_in));
        assert_int_equal(await(&connect), 0);
        world_close(world, ends.out);
        settle(world);
        if (i % 2)
            assert_int_equal(world->type->cancel(world->it, &ends.recv.op), 1);
        assert_int_equal(send_one(world, ends.in, NULL, (char[]){ "x" }), 1);
        if (i % 2) {
            settle(world);
            ask(&ends);
        }
        assert_int_equal(await(&ends.recv), -ECONNREFUSED);
        ask(&ends);
        settle(world);
        assert_int_equal(ends.recv.completed, 0);
        assert_int_equal(world->type->socket(world->it, AF_INET, SOCK_DGRAM, 0, &ends.out), 0);
        int r = world->type->bind(world->it, ends.out, (struct sockaddr *)&ends.out_name,
                                  sizeof(struct sockaddr_in));
        if (r == 0) {
            send_to(&ends, "back");
            expect(&ends, "back");
            ask(&ends);
        } else { /* another program has the port meanwhile */
            assert_int_equal(r, -EADDRINUSE);
            assert_true(world->is_real);
        }
        end(&ends);
    }
}

/* ---- all of it, where the ring is given up in the midst ---- */

static void forbidden_later(void **state)
{
    (void)state;
    enum { ENTERS_MIN = 5, ENTERS_MAX = 40, STEP = 11 };
    static void (*const bodies[])(struct world *world) = {
        of_every_length_body,
        of_ipv6_body,
        of_a_path_body,
        nobody_asks_body,
        a_cancel_takes_nothing_body,
        a_cancel_in_the_completion_body,
        a_close_in_the_completion_body,
        a_close_with_some_under_way_body,
        the_peer_is_gone_body,
    };
    const char *wanted = getenv("ASYNCIO_BACKEND");
    if (wanted && strcmp(wanted, "io_uring") != 0)
        return;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        for (unsigned enters = ENTERS_MIN; enters < ENTERS_MAX; enters += STEP)
            in_world((struct world){ .backend = "io_uring",
                                     .name = "forbidden later",
                                     .enters = enters },
                     bodies[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(of_every_length),
        RUN(of_ipv6),
        RUN(of_a_path),
        RUN(nobody_asks),
        RUN(many_endpoints),
        RUN(a_cancel_takes_nothing),
        RUN(a_cancel_in_the_completion),
        RUN(a_close_in_the_completion),
        RUN(a_close_with_some_under_way),
        RUN(the_peer_is_gone),
        RUN(forbidden_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
