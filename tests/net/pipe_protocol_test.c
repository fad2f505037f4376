/* SPDX-License-Identifier: MIT */
/* Pipes by callbacks: whose the descriptor is, misuse, a loop that closes, memory that is missing,
 * cancellation. In which order protocols are called is tests/conformance/pipes_test.c. */
/* TEST: backends io_uring epoll */
/* The sim's adopted descriptors can only be polled. */
#include "net/net_test.h"

#include "support/sweep.h"

#include <asyncio.h>
#include <fcntl.h>
#include <unistd.h>

struct side {
    asyncio_protocol protocol; /* first */
    asyncio_future *gone;      /* NULL: nobody waits */
    char got[64];
    size_t size;
    int error;
    unsigned made, ends, losses, destroyed;
};

static struct side *side_of(asyncio_protocol *protocol)
{
    return (struct side *)(void *)protocol;
}

static void made(asyncio_protocol *protocol, asyncio_transport *transport)
{
    (void)transport;
    side_of(protocol)->made++;
}

static void received(asyncio_protocol *protocol, const void *data, size_t size)
{
    struct side *side = side_of(protocol);
    size_t room = sizeof side->got - side->size;
    memcpy(side->got + side->size, data, size < room ? size : room);
    side->size += size < room ? size : room;
}

static int ended(asyncio_protocol *protocol)
{
    side_of(protocol)->ends++;
    return 1;
}

static void lost(asyncio_protocol *protocol, int error)
{
    struct side *side = side_of(protocol);
    side->losses++;
    side->error = error;
    if (side->gone && !asyncio_future_done(side->gone))
        asyncio_future_set_result(side->gone, 0);
}

static void destroy(asyncio_protocol *protocol)
{
    side_of(protocol)->destroyed++;
}

static asyncio_protocol *give(void *data)
{
    static const asyncio_protocol_methods methods = { .connection_made = made,
                                                      .data_received = received,
                                                      .eof_received = ended,
                                                      .connection_lost = lost,
                                                      .destroy = destroy };
    struct side *side = data;
    side->protocol.methods = &methods;
    return &side->protocol;
}

static asyncio_protocol *give_nothing(void *data)
{
    (void)data;
    return NULL;
}

static asyncio_loop *loop(void)
{
    return asyncio_get_running_loop();
}

static bool is_open(int descriptor)
{
    return fcntl(descriptor, F_GETFD) >= 0;
}

/* ---- from one end to the other ---- */

/* Outlives the frames that use it: protocols may go with the loop. */
struct two {
    struct side in, out;
    asyncio_transport *reader, *writer;
};

static int open_two(struct two *two)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    int r = asyncio_loop_connect_read_pipe(loop(), give, ends[0], &two->reader, .data = &two->in);
    if (r < 0 && is_open(ends[0]))
        close(ends[0]);
    if (r >= 0)
        r = asyncio_loop_connect_write_pipe(loop(), give, ends[1], &two->writer, .data = &two->out);
    if (r < 0 && is_open(ends[1]))
        close(ends[1]);
    return r;
}

static int close_two(struct two *two, int r)
{
    if (two->reader)
        asyncio_transport_abort(two->reader);
    if (two->writer)
        asyncio_transport_abort(two->writer);
    asyncio_transport_unref(two->reader);
    asyncio_transport_unref(two->writer);
    asyncio_future_unref(two->in.gone);
    two->in.gone = NULL; /* the protocol is told later */
    return r;
}

static int conversation(void *data)
{
    (void)data;
    static struct two two;
    two = (struct two){ .reader = NULL };
    CHECK_IS(asyncio_future_new(&two.in.gone), 0);
    CHECK_IS(open_two(&two), 0);
    CHECK(two.in.made == 1 && two.out.made == 1);
    CHECK_IS(asyncio_transport_write(two.writer, "hello, pipe", 11), 0);
    CHECK_IS(settle(), 0);
    CHECK(world.is_chopped || two.in.size == 11);
    CHECK_IS(asyncio_transport_is_reading(two.writer), 1); /* as Python's says: it is not paused */
    asyncio_transport_close(two.writer);
    CHECK_IS(asyncio_await(two.in.gone), 0);
    CHECK(two.in.size == 11 && memcmp(two.in.got, "hello, pipe", 11) == 0);
    CHECK(two.in.ends == 1 && two.in.losses == 1 && two.in.error == 0 && two.in.destroyed == 1);
    CHECK(two.out.losses == 1 && two.out.error == 0 && two.out.destroyed == 1);
    CHECK_IS(asyncio_transport_write(two.writer, "x", 1), -ECONNRESET);
    return close_two(&two, 0);
}

static int wrong_way(void *data)
{
    (void)data;
    static struct two two;
    char text[8];
    two = (struct two){ .reader = NULL };
    CHECK_IS(open_two(&two), 0);
    CHECK_IS(asyncio_transport_write(two.reader, "x", 1), -EPIPE);
    CHECK_IS(asyncio_transport_write_eof(two.reader), 0); /* it never began */
    CHECK_IS(asyncio_transport_is_closing(two.reader), 0);
    asyncio_transport_pause_reading(two.writer);
    asyncio_transport_resume_reading(two.writer); /* there is nothing to read */
    CHECK_IS(settle(), 0);
    CHECK(two.out.size == 0 && two.out.ends == 0 && two.out.losses == 0);
    CHECK_IS(asyncio_transport_get_extra_info(two.reader, "peername", text, sizeof text),
             -ENOTSOCK);
    CHECK(asyncio_transport_get_extra_info(two.reader, "socket", text, sizeof text) > 0);
    return close_two(&two, 0);
}

/* ---- whose the descriptor is ---- */

static int refused(void *data)
{
    (void)data;
    struct side side = { .size = 0 };
    asyncio_transport *transport = NULL;
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    CHECK_IS(asyncio_loop_connect_read_pipe(loop(), NULL, ends[0], &transport), -EINVAL);
    CHECK_IS(asyncio_loop_connect_read_pipe(loop(), give_nothing, ends[0], &transport), -ENOMEM);
    CHECK_IS(asyncio_loop_connect_write_pipe(loop(), give_nothing, ends[1], &transport), -ENOMEM);
    CHECK_IS(asyncio_loop_connect_write_pipe(loop(), give, 1000, &transport, .data = &side),
             -EBADF);
    CHECK_IS(asyncio_loop_connect_read_pipe(loop(), give, -1, &transport, .data = &side), -EBADF);
    asyncio_loop *other;
    CHECK_IS(asyncio_loop_new(&other), 0);
    CHECK_IS(asyncio_loop_connect_read_pipe(other, give, ends[0], &transport, .data = &side),
             -ASYNCIO_OTHER_LOOP);
    asyncio_loop_close(other);
    asyncio_loop_unref(other);
    CHECK(!transport && side.made == 0 && side.destroyed == 0);
    CHECK(is_open(ends[0]) && is_open(ends[1]));
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static int connect_only(int descriptor, struct side *side)
{
    return asyncio_loop_connect_read_pipe(loop(), give, descriptor, NULL, .data = side);
}

/* Cancelled while it waits for its own beginning: closed, and the protocol has been told. */
static int cancelled(void *data)
{
    (void)data;
    struct side side = { .size = 0 };
    asyncio_task *task;
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    START(task, connect_only, ends[0], &side);
    CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(asyncio_task_cancel(task), 1);
    CHECK_IS(join(task), -ECANCELED);
    CHECK_IS(settle(), 0);
    CHECK(!is_open(ends[0]) && side.destroyed == 1 && side.losses == side.made);
    close(ends[1]);
    return 0;
}

/* Nobody holds it but the loop: what the loop closes goes. */
static struct side left;

static int leave_open(void *data)
{
    int ends[2];
    (void)data;
    left = (struct side){ .size = 0 };
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    CHECK_IS(connect_only(ends[0], &left), 0);
    close(ends[1]);
    return 0;
}

/* Standard input may be a file, which is always ready. */
static int files(void *data)
{
    (void)data;
    struct side side = { .size = 0 };
    asyncio_transport *transport;
    char name[] = "/tmp/asyncio-pipe-XXXXXX";
    int file = mkstemp(name);
    CHECK(file >= 0 && write(file, "from a file", 11) == 11 && lseek(file, 0, SEEK_SET) == 0);
    unlink(name);
    CHECK_IS(asyncio_future_new(&side.gone), 0);
    CHECK_IS(asyncio_loop_connect_read_pipe(loop(), give, file, &transport, .data = &side), 0);
    CHECK_IS(asyncio_await(side.gone), 0);
    CHECK(side.size == 11 && memcmp(side.got, "from a file", 11) == 0 && side.ends == 1);
    asyncio_transport_unref(transport);
    asyncio_future_unref(side.gone);
    return 0;
}

static void test_pipes(void **state)
{
    (void)state;
    run_everywhere(conversation);
    run_everywhere(wrong_way);
    run_everywhere(files);
}

static void test_ownership(void **state)
{
    (void)state;
    run_everywhere(refused);
    run_everywhere(cancelled);
    run_everywhere(leave_open);
    assert_int_equal(left.destroyed, 1);
}

/* ---- memory and cancellation ---- */

static int talk(void)
{
    static struct two two;
    two = (struct two){ .reader = NULL };
    int r = asyncio_future_new(&two.in.gone);
    if (r >= 0)
        r = open_two(&two);
    if (r >= 0)
        r = asyncio_transport_write(two.writer, "hello", 5);
    if (r >= 0) {
        asyncio_transport_close(two.writer);
        r = asyncio_await(two.in.gone);
    }
    if (r >= 0 && two.in.size != 5)
        r = two.in.error ? two.in.error : -EPROTO;
    return close_two(&two, r);
}

static void test_sweep(void **state)
{
    (void)state;
    int descriptors = count_descriptors();
    assert_true(sweep_allocations("pipe protocols", talk) > 3);
    (void)sweep_cancellations("pipe protocols", talk);
    assert_int_equal(count_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipes),
        cmocka_unit_test(test_ownership),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
