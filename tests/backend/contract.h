/* SPDX-License-Identifier: MIT */
/* What the tests of the backend contract share. Each test's body runs in several worlds: the
 * backend that ASYNCIO_BACKEND names (all of them without it), each with the limits that make its
 * life hard. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/backend.h"
#include "base/alloc.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct world {
    const char *backend, *name;
    struct backend_limits limits;
    struct backend *it;
    const struct backend_type *type;
    bool is_real;            /* has descriptors and real time */
    bool is_plain;           /* nothing is put off or chopped */
    bool is_polling;
    unsigned enters;         /* of the ring, then io_uring is forbidden. 0: never */
};

/* An op, and what became of it. */
struct probe {
    struct op op;
    struct world *world;
    int result;
    int completed;           /* times that `complete` was called, or submit returned a result */
    sock accepted[256];
    int accepted_count;
    void (*also)(struct probe *probe);
};

/* This program's own call into the ring, which hides liburing's: see `enters`. */
static unsigned enters_left = UINT_MAX;

int io_uring_enter2(unsigned number, unsigned submitted, unsigned completed, unsigned flags,
                    sigset_t *argument, size_t size);
int io_uring_enter2(unsigned number, unsigned submitted, unsigned completed, unsigned flags,
                    sigset_t *argument, size_t size)
{
    static int (*liburing)(unsigned, unsigned, unsigned, unsigned, sigset_t *, size_t);
    if (!liburing) {
        void *found = dlsym(RTLD_NEXT, "io_uring_enter2");
        memcpy(&liburing, &found, sizeof found);
    }
    if (enters_left == 0)
        return -EPERM;
    enters_left -= enters_left != UINT_MAX;
    return liburing(number, submitted, completed, flags, argument, size);
}

/* The world under test, for messages about failures. */
static struct world current_world;

/* The ring was given up while the kernel had requests: how much of a send has gone is not known,
 * and it lets go of a listener a moment later. */
static inline bool lost_its_ring(const struct world *world)
{
    return world->enters > 1;
}

static inline int64_t real_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int world_poll(struct world *world, int64_t timeout_ns)
{
    assert_false(world->is_polling);
    world->is_polling = true;
    int r = world->type->poll(world->it, timeout_ns);
    world->is_polling = false;
    return r;
}

static inline void on_complete(struct op *op, int result)
{
    struct probe *probe = container_of(op, struct probe, op);
    assert_true(probe->world->is_polling);   /* and never from submit, cancel or close */
    probe->result = result;
    probe->completed++;
    if (op->kind == OP_ACCEPT && result == 0) {
        assert_true(probe->accepted_count < 256);
        probe->accepted[probe->accepted_count++] = op->accepted;
    }
    if (probe->also)
        probe->also(probe);
}

static inline void submit(struct world *world, struct probe *probe, enum op_kind kind, sock socket)
{
    probe->world = world;
    probe->op.kind = (uint8_t)kind;
    probe->op.socket = socket;
    probe->op.complete = on_complete;
    probe->completed = 0;
    probe->result = OP_PENDING;
    int r = world->type->submit(world->it, &probe->op);
    if (r != OP_PENDING) {
        assert_int_equal(probe->completed, 0);
        probe->result = r;
        probe->completed = 1;
    }
}

static inline void submit_recv(struct world *world, struct probe *probe, sock socket, void *data,
                               size_t size)
{
    probe->op.data = data;
    probe->op.size = size;
    submit(world, probe, OP_RECV, socket);
}

static inline void submit_send(struct world *world, struct probe *probe, sock socket,
                               struct iovec *iov, unsigned count)
{
    probe->op.iov = iov;
    probe->op.iov_count = count;
    submit(world, probe, OP_SEND, socket);
}

static inline void submit_connect(struct world *world, struct probe *probe, sock socket,
                                  struct sockaddr_storage *address, socklen_t size)
{
    probe->op.address = address;
    probe->op.address_size = size;
    submit(world, probe, OP_CONNECT, socket);
}

/* Polls until `probe` has completed; 20 seconds are for ever, and on sim a million polls. */
static inline int await(struct probe *probe)
{
    int64_t limit = real_now() + (int64_t)20 * 1000000000;
    for (int polls = 0; !probe->completed; polls++) {
        assert_true(polls < 1000000 && real_now() < limit);
        assert_true(world_poll(probe->world, 1000000000) >= 0);
    }
    return probe->result;
}

/* Lets everything happen that is going to. */
static inline void settle(struct world *world)
{
    int quiet = 0;
    for (int i = 0; i < 200 && quiet < 3; i++)
        quiet = world_poll(world, 5000000) > 0 ? 0 : quiet + 1;
}

/* Cancels, and waits for what still comes. 1: it is free without having completed. */
static inline int cancel(struct probe *probe)
{
    int completed = probe->completed;
    int r = probe->world->type->cancel(probe->world->it, &probe->op);
    assert_int_equal(probe->completed, completed);
    if (r == 1)
        return 1;
    assert_int_equal(r, 0);
    probe->completed = 0;
    if (probe->op.kind == OP_ACCEPT || probe->op.kind == OP_POLL_IN ||
        probe->op.kind == OP_POLL_OUT)
        do {   /* what came before the end counts too */
            probe->completed = 0;
            await(probe);
        } while (probe->result >= 0);
    return await(probe);
}

static inline void world_close(struct world *world, sock socket)
{
    assert_int_equal(world->type->close(world->it, socket), 0);
}

static inline sock world_socket(struct world *world)
{
    sock made = SOCK_NONE;
    assert_int_equal(world->type->socket(world->it, AF_INET, SOCK_STREAM, 0, &made), 0);
    return made;
}

static inline struct sockaddr_storage loopback(uint16_t port)
{
    struct sockaddr_storage storage = { 0 };
    struct sockaddr_in *address = (struct sockaddr_in *)&storage;
    address->sin_family = AF_INET;
    address->sin_port = htons(port);
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return storage;
}

static inline sock world_listen(struct world *world, int backlog,
                                struct sockaddr_storage *ret_address)
{
    sock listener = world_socket(world);
    struct sockaddr_storage address = loopback(0);
    socklen_t size = 0;
    assert_int_equal(world->type->bind(world->it, listener, (struct sockaddr *)&address,
                                       sizeof(struct sockaddr_in)),
                     0);
    assert_int_equal(world->type->listen(world->it, listener, backlog), 0);
    assert_int_equal(world->type->getsockname(world->it, listener, ret_address, &size), 0);
    assert_int_equal(size, sizeof(struct sockaddr_in));
    assert_int_not_equal(((struct sockaddr_in *)ret_address)->sin_port, 0);
    return listener;
}

/* Waits for the listener's next connection; an attempt that failed for want of descriptors is
 * repeated. */
static inline sock await_accept(struct probe *accept, int count)
{
    while (accept->accepted_count < count) {
        if (accept->completed && accept->result < 0) {
            assert_int_equal(accept->result, -EMFILE);
            submit(accept->world, accept, OP_ACCEPT, accept->op.socket);
        }
        if (accept->result >= 0)
            accept->completed = 0;
        await(accept);
    }
    return accept->accepted[count - 1];
}

static inline void close_listener(struct world *world, struct probe *accept)
{
    cancel(accept);
    world_close(world, accept->op.socket);
}

/* Two connected sockets. */
static inline void pair(struct world *world, sock *ret_client, sock *ret_server)
{
    struct sockaddr_storage address;
    struct probe accept = { 0 }, connect = { 0 };
    sock listener = world_listen(world, 8, &address);
    submit(world, &accept, OP_ACCEPT, listener);
    assert_int_equal(accept.completed, 0);
    *ret_client = world_socket(world);
    submit_connect(world, &connect, *ret_client, &address, sizeof(struct sockaddr_in));
    assert_int_equal(await(&connect), 0);
    *ret_server = await_accept(&accept, 1);
    assert_int_equal(accept.accepted_count, 1);
    close_listener(world, &accept);
}

static inline void send_text(struct world *world, sock socket, const char *text, size_t size)
{
    struct probe send = { 0 };
    char copy[4096];
    assert_true(size <= sizeof copy);
    memcpy(copy, text, size);
    struct iovec iov = { copy, size };
    submit_send(world, &send, socket, &iov, 1);
    assert_int_equal(await(&send), size);
    assert_int_equal(send.op.done, size);
}

static inline int recv_some(struct world *world, sock socket, void *data, size_t size)
{
    struct probe recv = { 0 };
    submit_recv(world, &recv, socket, data, size);
    int n = await(&recv);
    if (world->limits.chop && n > 0)
        assert_true((unsigned)n <= world->limits.chop);
    return n;
}

/* Reads until `size` bytes are there or the end: how many. */
static inline size_t recv_all(struct world *world, sock socket, void *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        int n = recv_some(world, socket, (char *)data + done, size - done);
        assert_true(n >= 0);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return done;
}

static inline void expect_text(struct world *world, sock socket, const char *text)
{
    char data[4096] = { 0 };
    assert_int_equal(recv_all(world, socket, data, strlen(text)), strlen(text));
    assert_string_equal(data, text);
}

/* ---- worlds ---- */

static inline bool world_begin(struct world *world)
{
    const char *reason = NULL;
    int r = asyncio__backend_new(world->backend, &world->limits, &world->it, &reason);
    if (r < 0) {
        print_message("%s is not to be had here: %s\n", world->backend, strerror(-r));
        return false;
    }
    assert_non_null(reason);
    world->type = world->it->type;
    assert_string_equal(world->type->name, world->backend);
    enters_left = world->enters ? world->enters - 1 : UINT_MAX;
    world->is_real = strcmp(world->backend, "sim") != 0;
    world->is_plain = !world->limits.seed && !world->limits.chop;
    current_world = *world;
    return true;
}

static inline void world_end(struct world *world)
{
    asyncio__backend_free(world->it);
    current_world.backend = NULL;
}

static inline int world_failed(void **state)
{
    (void)state;
    if (current_world.backend)
        print_error("in this world: %s, %s, seed %llu\n", current_world.backend, current_world.name,
                    (unsigned long long)current_world.limits.seed);
    current_world.backend = NULL;
    return 0;
}

static inline void in_world(struct world world, void (*body)(struct world *world))
{
    uint64_t live = asyncio__alloc_live();
    if (!world_begin(&world))
        return;
    body(&world);
    asyncio__backend_free(world.it);
    assert_int_equal(asyncio__alloc_live(), live);
    current_world.backend = NULL;
}

enum { SEEDS = 200 };

static inline void in_all_worlds(void (*body)(struct world *world))
{
    static const struct world worlds[] = {
        { .backend = "epoll", .name = "plain" },
        { .backend = "epoll", .name = "chop 1", .limits = { .chop = 1 } },
        { .backend = "epoll", .name = "chop 7", .limits = { .chop = 7 } },
        { .backend = "io_uring", .name = "plain" },
        { .backend = "io_uring", .name = "chop 1", .limits = { .chop = 1 } },
        { .backend = "io_uring",
          .name = "4 entries, 2 buffers of 16 bytes",
          .limits = { .ring_entries = 4, .buffers = 2, .buffer_size = 16 } },
        { .backend = "io_uring",
          .name = "4 entries, 2 buffers, chop 5",
          .limits = { .ring_entries = 4, .buffers = 2, .buffer_size = 4096, .chop = 5 } },
        { .backend = "io_uring", .name = "forbidden", .enters = 1 },
        { .backend = "io_uring",
          .name = "forbidden, chop 99",
          .enters = 1,
          .limits = { .chop = 99 } },
        { .backend = "io_uring", .name = "forbidden after one", .enters = 2 },
        { .backend = "io_uring", .name = "forbidden after two", .enters = 3 },
        { .backend = "io_uring", .name = "forbidden after three", .enters = 4 },
        { .backend = "io_uring", .name = "forbidden after five", .enters = 6 },
        { .backend = "sim", .name = "plain" },
        { .backend = "sim", .name = "chop 1", .limits = { .chop = 1 } },
    };
    const char *wanted = getenv("ASYNCIO_BACKEND");
    for (size_t i = 0; i < sizeof worlds / sizeof *worlds; i++)
        if (!wanted || strcmp(wanted, worlds[i].backend) == 0)
            in_world(worlds[i], body);
    if (!wanted || strcmp(wanted, "sim") == 0)
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            in_world(
                (struct world){ .backend = "sim", .name = "seeded", .limits = { .seed = seed } },
                body);
}

/* A test of the contract: TEST(name) { ... world ... } */
#define TEST(name) \
    static void name##_body(struct world *world); \
    static void name(void **state) \
    { \
        (void)state; \
        in_all_worlds(name##_body); \
    } \
    static void name##_body(struct world *world)

#define RUN(name) cmocka_unit_test_teardown(name, world_failed)
