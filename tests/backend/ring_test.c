/* SPDX-License-Identifier: MIT */
/* A kernel whose io_uring lacks something: operations on sockets, operations on files, buffers for
 * what comes. */
/* TEST: backends io_uring */
#include "datagrams.h"

#include "backend/file.h"
#include "backend/io_uring_ring.h"
#include "base/error.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

static int missing = -1; /* an operation that the kernel does not have */

/* This program's own look at what there is, which hides liburing's. */
int io_uring_register_probe(struct io_uring *ring, struct io_uring_probe *probe, unsigned count);
int io_uring_register_probe(struct io_uring *ring, struct io_uring_probe *probe, unsigned count)
{
    int (*liburing)(struct io_uring *, struct io_uring_probe *, unsigned);
    void *found = dlsym(RTLD_NEXT, "io_uring_register_probe");
    memcpy(&liburing, &found, sizeof liburing);
    int r = liburing(ring, probe, count);
    for (unsigned i = 0; r >= 0 && i < probe->ops_len; i++)
        if (probe->ops[i].op == missing)
            probe->ops[i].flags = 0;
    return r;
}

static bool refuses_buffers; /* those of datagrams */

int io_uring_register_buf_ring(struct io_uring *ring, struct io_uring_buf_reg *registration,
                               unsigned flags);
int io_uring_register_buf_ring(struct io_uring *ring, struct io_uring_buf_reg *registration,
                               unsigned flags)
{
    int (*liburing)(struct io_uring *, struct io_uring_buf_reg *, unsigned);
    void *found = dlsym(RTLD_NEXT, "io_uring_register_buf_ring");
    memcpy(&liburing, &found, sizeof liburing);
    return refuses_buffers && registration->bgid == RING_DATAGRAM_GROUP
               ? -ENOMEM
               : liburing(ring, registration, flags);
}

/* Sockets need all of theirs: without one it is epoll, and it says why. */
static void without_an_operation(void **state)
{
    (void)state;
    static const int needed[] = { IORING_OP_POLL_ADD, IORING_OP_SENDMSG, IORING_OP_ACCEPT,
                                  IORING_OP_CONNECT,  IORING_OP_SEND,    IORING_OP_RECV,
                                  IORING_OP_ASYNC_CANCEL };
    const char *wanted = getenv("ASYNCIO_BACKEND"), *reason = NULL;
    asyncio__record_put(NULL);
    uint64_t live = asyncio__alloc_live();
    int descriptor = dup(0);
    close(descriptor);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        struct backend *backend;
        missing = needed[i];
        assert_int_equal(asyncio__backend_new("io_uring", NULL, &backend, &reason), -EINVAL);
        unsetenv("ASYNCIO_BACKEND");
        assert_int_equal(asyncio__backend_new(NULL, NULL, &backend, &reason), 0);
        if (wanted)
            setenv("ASYNCIO_BACKEND", wanted, 1);
        assert_string_equal(backend->type->name, "epoll");
        assert_string_equal(reason, "epoll, since this kernel's io_uring is too old");
        asyncio__backend_free(backend);
    }
    missing = -1;
    asyncio__record_put(NULL);
    assert_int_equal(asyncio__alloc_live(), live);
    assert_int_equal(dup(0), descriptor); /* none is left */
    close(descriptor);
}

static void file_done(struct file_op *op, int result)
{
    op->descriptor = result;
}

/* An operation on files is left to threads, and the others are not. */
static void without_one_of_files(void **state)
{
    (void)state;
    static const struct {
        int opcode;
        enum file_kind kind;
    } files[] = {
        { IORING_OP_OPENAT, FILE_OPEN },     { IORING_OP_CLOSE, FILE_CLOSE },
        { IORING_OP_READ, FILE_READ },       { IORING_OP_WRITE, FILE_WRITE },
        { IORING_OP_FSYNC, FILE_FSYNC },     { IORING_OP_STATX, FILE_STAT },
        { IORING_OP_RENAMEAT, FILE_RENAME }, { IORING_OP_UNLINKAT, FILE_UNLINK },
        { IORING_OP_MKDIRAT, FILE_MKDIR },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct world world = { .backend = "io_uring", .name = "an operation is missing" };
        struct file_op refused = { .kind = (uint8_t)files[i].kind, .path = "/nowhere" };
        struct file_op open = { .kind = FILE_OPEN,
                                .path = "/dev/null",
                                .complete = file_done,
                                .descriptor = -EAGAIN };
        list_init(&open.link);
        list_init(&refused.link);
        missing = files[i].opcode;
        if (!world_begin(&world))
            skip();
        assert_int_equal(world.type->file(world.it, &refused), -EOPNOTSUPP);
        if (files[i].kind != FILE_OPEN) {
            assert_int_equal(world.type->file(world.it, &open), 0);
            while (open.descriptor == -EAGAIN)
                assert_true(world_poll(&world, 1000000) >= 0);
            assert_true(open.descriptor >= 0);
            close(open.descriptor);
        }
        world_end(&world);
    }
    missing = -1;
}

/* ---- whole files ---- */

enum { SLOTS = 64, WHOLE_SIZE = 1024 };

struct whole {
    struct file_op op;
    int result, completed;
    char bytes[WHOLE_SIZE];
};

static void whole_done(struct file_op *op, int result)
{
    struct whole *whole = (struct whole *)(void *)op;
    whole->result = result;
    whole->completed++;
}

static int begin_whole(struct world *world, struct whole *whole, const char *path)
{
    *whole = (struct whole){ .op = { .kind = FILE_WHOLE,
                                     .path = path,
                                     .data = whole->bytes,
                                     .size = WHOLE_SIZE,
                                     .complete = whole_done } };
    list_init(&whole->op.link);
    return world->type->file(world->it, &whole->op);
}

static void end_whole(struct world *world, struct whole *whole)
{
    for (int i = 0; i < 100 && !whole->completed; i++)
        assert_true(world_poll(world, 100000000) >= 0);
    assert_int_equal(whole->completed, 1);
}

/* False: this kernel has it not. */
static bool has_wholes(struct world *world)
{
    static struct whole whole;
    if (!world_begin(world))
        return false;
    assert_int_equal(begin_whole(world, &whole, "/dev/null"), -EOPNOTSUPP); /* not enabled yet */
    assert_true(world_poll(world, 0) >= 0);
    if (begin_whole(world, &whole, "/dev/null") < 0) {
        world_end(world);
        return false;
    }
    end_whole(world, &whole);
    assert_int_equal(whole.result, 0);
    assert_int_equal(whole.op.descriptor, -1);
    return true;
}

/* A slot each, and none for one more; given back, they serve again. */
static void slots(void **state)
{
    (void)state;
    static struct whole wholes[SLOTS + 1];
    struct world world = { .backend = "io_uring", .name = "slots" };
    if (!has_wholes(&world))
        skip();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SLOTS; i++)
            assert_int_equal(begin_whole(&world, &wholes[i],
                                         i % 3 == 0   ? "/nowhere"
                                         : i % 3 == 1 ? "/dev/zero"
                                                      : "/dev/null"),
                             0);
        assert_int_equal(begin_whole(&world, &wholes[SLOTS], "/dev/null"), -EOPNOTSUPP);
        for (int i = 0; i < SLOTS; i++) {
            struct whole *whole = &wholes[i];
            end_whole(&world, whole);
            assert_int_equal(whole->result, i % 3 == 0 ? -ENOENT : i % 3 == 1 ? WHOLE_SIZE : 0);
            assert_int_equal(whole->op.descriptor >= 0, i % 3 == 1);
            if (i % 3 != 1)
                continue;
            assert_int_equal(fcntl(whole->op.descriptor, F_GETFD), FD_CLOEXEC);
            close(whole->op.descriptor);
        }
    }
    world_end(&world);
    world = (struct world){ .backend = "io_uring", .name = "few", .limits = { .ring_entries = 2 } };
    assert_true(world_begin(&world));
    assert_true(world_poll(&world, 0) >= 0);
    assert_int_equal(begin_whole(&world, &wholes[0], "/dev/null"), -EOPNOTSUPP);
    world_end(&world);
    missing = RING_OP_FIXED_FD_INSTALL;
    world = (struct world){ .backend = "io_uring", .name = "an older kernel" };
    assert_false(has_wholes(&world));
    missing = -1;
}

/* Short reads, an end that comes late, more than the buffer holds, cancelled in each step: by what
 * is in a pipe that somebody could still write to. */
static void whole_pipes(void **state)
{
    (void)state;
    static struct whole whole;
    static const char bytes[WHOLE_SIZE + 1];
    struct world world = { .backend = "io_uring", .name = "pipes" };
    char path[] = "/tmp/asyncio-fifo-XXXXXX";
    if (!has_wholes(&world))
        skip();
    close(mkstemp(path));
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int ours = open(path, O_RDWR | O_CLOEXEC);
    int descriptor = dup(0);
    close(descriptor);
    for (size_t size = 0; size < sizeof bytes; size += 341) {
        for (int polls = 0; polls < 4; polls++) {
            if (size)
                assert_int_equal(write(ours, bytes, size), size);
            assert_int_equal(begin_whole(&world, &whole, path), 0);
            for (int i = 0; i < polls; i++)
                assert_true(world_poll(&world, 1000000) >= 0);
            if (world.type->file_cancel(world.it, &whole.op) == 0) {
                assert_int_equal(world.type->file_cancel(world.it, &whole.op), 0);
                end_whole(&world, &whole);
                assert_int_equal(whole.result, -ECANCELED);
            } else if (whole.completed && whole.result >= 0) {
                assert_true(size == 1023 && polls);
                close(whole.op.descriptor);
            }
            assert_int_equal(dup(0), descriptor); /* none is left */
            close(descriptor);
            char rest[2048];
            if (poll(&(struct pollfd){ .fd = ours, .events = POLLIN }, 1, 0) > 0)
                assert_true(read(ours, rest, sizeof rest) > 0);
        }
    }
    close(ours);
    unlink(path);
    world_end(&world);
}

/* One buffer for many connections, all of which are sent more than it holds before anybody
 * looks. */
static void without_buffers(void **state)
{
    (void)state;
    enum { PAIRS = 12 };
    struct world world = { .backend = "io_uring",
                           .name = "one buffer",
                           .limits = { .buffers = 1, .buffer_size = 16 } };
    struct probe recv[PAIRS] = { 0 };
    sock client[PAIRS], server[PAIRS];
    char data[PAIRS][64];
    if (!world_begin(&world))
        skip();
    for (int i = 0; i < PAIRS; i++) {
        pair(&world, &client[i], &server[i]);
        submit_recv(&world, &recv[i], server[i], data[i], sizeof data[i]);
    }
    settle(&world); /* the kernel has the receives */
    for (int i = 0; i < PAIRS; i++)
        send_text(&world, client[i], "a text of more bytes than there are in the buffer", 49);
    for (int i = 0; i < PAIRS; i++) {
        int n = await(&recv[i]);
        assert_true(n > 0 && n <= 49);
        assert_int_equal(recv_all(&world, server[i], data[i] + n, (size_t)(49 - n)), 49 - n);
        assert_memory_equal(data[i], "a text of more bytes than there are in the buffer", 49);
    }
    world_end(&world);
}

/* One by one until the kernel has the request, if it can. */
static sock come_alone(struct world *world, struct sockaddr_storage *ret_address)
{
    sock socket = open_bound(world, ret_address);
    struct probe recv = { 0 };
    char text[8];
    asyncio_datagram in = { .data = text, .size = sizeof text };
    for (int i = 0; i < 20; i++) {
        submit_datagrams(world, &recv, OP_RECV_DATAGRAMS, socket, &in, 1);
        assert_true(world_poll(world, 0) >= 0);
        assert_int_equal(send_one(world, socket, ret_address, (char[]){ "x" }), 1);
        assert_int_equal(await(&recv), 1);
    }
    return socket;
}

/* Then they are received as before, and that is all. */
static void without_buffers_of_datagrams(void **state)
{
    (void)state;
    struct world world = { .backend = "io_uring", .name = "no buffers of datagrams" };
    struct sockaddr_storage address;
    int detached[2];
    for (int i = 0; i < 2; i++) {
        if (!world_begin(&world))
            skip();
        refuses_buffers = i;
        sock socket = come_alone(&world, &address);
        detached[i] = world.type->detach(world.it, socket, &(int){ 0 });
        world_end(&world);
        refuses_buffers = false;
    }
    assert_int_equal(detached[0], -EBUSY); /* the kernel has the request */
    assert_int_equal(detached[1], 0);
}

/* What nobody waits for is lost then, and no more than that. */
static void without_memory_for_datagrams(void **state)
{
    (void)state;
    struct world world = { .backend = "io_uring", .name = "no memory" };
    struct sockaddr_storage address;
    struct probe recv = { 0 };
    char text[8];
    asyncio_datagram in = { .data = text, .size = sizeof text };
    if (!world_begin(&world))
        skip();
    sock socket = come_alone(&world, &address);
    assert_int_equal(send_one(&world, socket, &address, (char[]){ "lost" }), 1);
    asyncio__alloc_fail_at(1, 1);
    settle(&world);
    asyncio__alloc_fail_at(0, 0);
    assert_int_equal(send_one(&world, socket, &address, (char[]){ "kept" }), 1);
    submit_datagrams(&world, &recv, OP_RECV_DATAGRAMS, socket, &in, 1);
    assert_int_equal(await(&recv), 1);
    assert_memory_equal(text, "kept", 4);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(without_an_operation),
        RUN(without_one_of_files),
        RUN(without_buffers),        RUN(slots),
        RUN(whole_pipes),            RUN(without_buffers_of_datagrams),
        RUN(without_memory_for_datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
