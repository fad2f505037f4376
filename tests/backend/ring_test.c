/* SPDX-License-Identifier: MIT */
/* A kernel whose io_uring lacks something: operations on sockets, operations on files, buffers for
 * what comes. */
/* TEST: backends io_uring */
#include "contract.h"

#include "backend/file.h"
#include "base/error.h"

#include <fcntl.h>
#include <linux/io_uring.h>

static int missing = -1; /* an operation that the kernel does not have */

/* This program's own look at what there is, which hides liburing's. */
struct io_uring;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(without_an_operation),
        RUN(without_one_of_files),
        RUN(without_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
