/* SPDX-License-Identifier: MIT */
/* The end of things while tasks wait for them: loops that are closed without a runner's care,
 * cancellation that is level-triggered, closing while somebody reads. */
#include "net/net_test.h"

#include <sys/mman.h>

/* ---- a loop closed under waiting tasks ---- */

static struct pair left;         /* what the dropped tasks cannot give back */

static int wait_read(void)
{
    char byte;
    return asyncio_stream_read(left.a, &byte, 1);
}

static int wait_line(void)
{
    char line[80];
    return asyncio_stream_readline(left.b, line, sizeof line);
}

static int wait_drain(void)
{
    static char block[1 << 20];
    int r = 0;
    while (r >= 0)
        r = asyncio_stream_write(left.a, block, sizeof block);
    return r;
}

static int wait_stream_closed(void)
{
    return asyncio_stream_wait_closed(left.a);
}

static int wait_server_closed(void)
{
    return asyncio_server_wait_closed(left.server);
}

static int wait_forever(void)
{
    return asyncio_server_serve_forever(left.server);
}

static int wait_connected(int port)
{
    asyncio_stream *stream;
    int r = asyncio_open_connection("127.0.0.1", port, &stream);
    if (r >= 0)
        asyncio_stream_unref(stream);
    return r;
}

static int wait_resolved(void)
{
    asyncio_stream *stream;
    return asyncio_open_connection("no such host", 1, &stream);
}

/* Holds nothing that only it could give back. */
static int handle_left(asyncio_stream *stream)
{
    if (!left.b) {
        left.b = asyncio_stream_ref(stream);
        asyncio_future_set_result(left.accepted, 0);
    }
    return asyncio_sleep(1e6);
}

static int start_all(asyncio_loop *loop)
{
    left = (struct pair){ .server = NULL };
    reports.count = 0;
    int r = asyncio_future_new(&left.accepted);
    if (r >= 0)
        r = asyncio_start_server(handle_left, "127.0.0.1", 0, &left.server);
    if (r >= 0)
        r = asyncio_open_connection("127.0.0.1", asyncio_server_port(left.server), &left.a);
    if (r >= 0)
        r = pair_accepted(&left);
    if (r < 0)
        return r;
    int (*functions[])(void) = { wait_read,          wait_line,    wait_drain,   wait_stream_closed,
                                 wait_server_closed, wait_forever, wait_resolved };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0] && r >= 0; i++)
        r = asyncio_create_task(asyncio_coro(functions[i]), NULL);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(wait_connected, asyncio_server_port(left.server)),
                                NULL);
    (void)loop;
    return r;
}

/* Runs `turns` turns with all that waiting, then closes the loop. */
static int close_after(int turns)
{
    asyncio_loop *loop;
    int r = asyncio_new_event_loop(&loop);
    if (r < 0)
        return r;
    asyncio_loop_set_exception_handler(loop, on_report, NULL);
    r = asyncio_loop_run_until_complete(loop, asyncio_coro(start_all, loop));
    for (int i = 0; i < turns && r >= 0; i++)
        r = asyncio_loop_step(loop);
    int closed = asyncio_loop_close(loop);
    asyncio_future_unref(left.accepted);
    asyncio_stream_unref(left.a);
    asyncio_stream_unref(left.b);
    asyncio_server_unref(left.server);
    asyncio_loop_unref(loop);
    return r < 0 ? r : closed;
}

static void test_loop_closed(void **state)
{
    (void)state;
    const char *backend = getenv("ASYNCIO_BACKEND");
    bool is_sim = backend && strcmp(backend, "sim") == 0;
    for (unsigned long seed = 0; seed < (is_sim ? 40 : 1); seed++) {
        for (int turns = 0; turns < 12; turns++) {
            enter_world(seed ? "seeded" : "plain", false, seed);
            uint64_t live = asyncio__alloc_live();
            int descriptors = count_descriptors();
            assert_return_code(close_after(turns), 0);
            asyncio__record_put(NULL);
            /* a name that is looked up by a thread goes when that is back */
            for (int i = 0; i < 2000 && !is_sim && asyncio__alloc_live() != live; i++)
                nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
            if (asyncio__alloc_live() != live || count_descriptors() != descriptors)
                fail_msg("seed %lu, %d turns: %d blocks, %d descriptors", seed, turns,
                         (int)(asyncio__alloc_live() - live), count_descriptors() - descriptors);
        }
    }
}

/* ---- level-triggered cancellation ---- */

struct refusals {
    struct pair *pair;
    int first, read, line, connected, resolved, closed, drained, written;
};

static int go_on_and_on(struct refusals *refusals)
{
    struct pair *p = refusals->pair;
    char byte, line[16];
    asyncio_stream *stream;
    refusals->first = asyncio_sleep(1000);
    refusals->read = asyncio_stream_read(p->b, &byte, 1);
    refusals->line = asyncio_stream_readline(p->b, line, sizeof line);
    refusals->connected =
        asyncio_open_connection("127.0.0.1", asyncio_server_port(p->server), &stream);
    refusals->resolved = asyncio_open_connection("no such host", 1, &stream);
    refusals->closed = asyncio_stream_wait_closed(p->b);
    refusals->drained = asyncio_stream_drain(p->b); /* nothing to wait for */
    refusals->written = asyncio_stream_write(p->b, "!", 1);
    return 0;
}

static int cancellation_sticks(struct pair *p)
{
    struct refusals refusals = { .pair = p };
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(go_on_and_on, &refusals), &task, .sticky_cancel = 1);
    CHECK_IS(r, 0);
    CHECK_IS(asyncio_sleep(0), 0);
    asyncio_task_cancel(task);
    CHECK_IS(join(task), 0);
    CHECK_IS(refusals.first, -ECANCELED);
    CHECK_IS(refusals.read, -ECANCELED);
    CHECK_IS(refusals.line, -ECANCELED);
    CHECK_IS(refusals.connected, -ECANCELED);
    CHECK_IS(refusals.resolved, -ECANCELED);
    CHECK_IS(refusals.closed, -ECANCELED);
    CHECK_IS(refusals.drained, 0);
    CHECK_IS(refusals.written, 0);
    char byte;
    CHECK_IS(asyncio_stream_read(p->a, &byte, 1), 1); /* the write was no suspension */
    CHECK_IS(asyncio_stream_write(p->a, "?", 1), 0);
    CHECK_IS(asyncio_stream_read(p->b, &byte, 1), 1); /* and the refused reads left no trace */
    return 0;
}

static void test_sticky(void **state)
{
    (void)state;
    with_pair(cancellation_sticks);
}

/* ---- a second cancellation, and one that comes after the end ---- */

static int wait_closed_of(asyncio_stream *stream)
{
    return asyncio_stream_wait_closed(stream);
}

static int late_cancellations(struct pair *p)
{
    asyncio_task *waiter;
    START(waiter, wait_closed_of, p->a);
    CHECK_IS(settle(), 0);
    asyncio_task_cancel(waiter, .message = "first");
    asyncio_task_cancel(waiter, .message = "second");
    int r = asyncio_await(waiter);
    CHECK_IS(r, -ECANCELED);
    CHECK(asyncio_last_error(r) && strcmp(record_of(r)->text, "first") == 0);
    asyncio_task_unref(waiter);
    START(waiter, wait_closed_of, p->a);
    CHECK_IS(settle(), 0);
    asyncio_stream_abort(p->a); /* wakes it, unless the kernel keeps something */
    asyncio_task_cancel(waiter);
    CHECK_IS(join(waiter), -ECANCELED);
    return 0;
}

static int wait_and_sleep(asyncio_stream *stream)
{
    int r = asyncio_stream_wait_closed(stream);
    return r < 0 ? r : asyncio_sleep(1000);
}

/* What a task waits in here leaves no trace in its next sleep. */
static int sleep_after_a_wait(struct pair *p)
{
    asyncio_task *waiter;
    START(waiter, wait_and_sleep, p->a);
    CHECK_IS(settle(), 0);
    asyncio_stream_abort(p->a);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(waiter), 0);
    asyncio_task_cancel(waiter);
    CHECK_IS(join(waiter), -ECANCELED);
    CHECK_IS((long long)asyncio_get_running_loop()->timers.count, 0);
    return 0;
}

static void test_late_cancel(void **state)
{
    (void)state;
    with_pair(late_cancellations);
    with_pair(sleep_after_a_wait);
}

/* ---- closing while somebody reads, with bytes still to go ---- */

static int read_byte(asyncio_stream *stream)
{
    char byte;
    return asyncio_stream_read(stream, &byte, 1);
}

static int flush_without_reader(struct pair *p)
{
    size_t size = world.is_chopped ? 10000 : 6000000;
    char *block = calloc(1, size);
    asyncio_task *reader;
    START(reader, read_byte, p->a);
    CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(asyncio_stream_write_nowait(p->a, block, size), 0);
    asyncio_stream_close(p->a);
    CHECK_IS(join(reader), -ECONNRESET);
    CHECK_IS(read_all(p->b, block, size), (int)size);
    free(block);
    CHECK_IS(asyncio_stream_wait_closed(p->a), 0);
    return 0;
}

static int read_much(asyncio_stream *stream)
{
    static char block[20000];
    return asyncio_stream_readexactly(stream, block, sizeof block, NULL);
}

static int read_a_line(asyncio_stream *stream)
{
    char line[100];
    return asyncio_stream_readline(stream, line, sizeof line);
}

/* Cancelled first, and its stream closed before it runs: that does not take the cancellation
 * away. */
static int cancelled_then_closed(struct pair *p, int (*body)(asyncio_stream *), bool aborts)
{
    asyncio_task *reader;
    START(reader, body, p->a);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_cancel(reader), 1);
    if (aborts)
        asyncio_stream_abort(p->a);
    else
        asyncio_stream_close(p->a);
    CHECK_IS(join(reader), -ECANCELED);
    CHECK_IS(asyncio_stream_read(p->a, (char[1]){ 0 }, 1), -ECONNRESET);
    return 0;
}

static int cancelled_byte(struct pair *p)
{
    return cancelled_then_closed(p, read_byte, false);
}

static int cancelled_much(struct pair *p)
{
    return cancelled_then_closed(p, read_much, true);
}

static int cancelled_line(struct pair *p)
{
    return cancelled_then_closed(p, read_a_line, true);
}

static void test_close_with_reader(void **state)
{
    with_pair(cancelled_byte);
    with_pair(cancelled_much);
    with_pair(cancelled_line);
    (void)state;
    with_pair(flush_without_reader);
}

/* ---- large exact reads that do not come to their end ---- */

struct exact {
    asyncio_stream *stream;
    size_t size, got;
};

static int read_exactly(struct exact *exact)
{
    char *block = malloc(exact->size);
    int r = asyncio_stream_readexactly(exact->stream, block, exact->size, &exact->got);
    free(block);
    return r;
}

static int exact_read_is_cut_off(struct pair *p)
{
    struct exact exact = { p->b, 50000, 0 };
    static char block[20000];
    asyncio_task *reader;
    START(reader, read_exactly, &exact);
    CHECK_IS(asyncio_stream_write(p->a, block, sizeof block), 0);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    CHECK_IS(join(reader), -ASYNCIO_INCOMPLETE_READ);
    CHECK_IS((long long)exact.got, sizeof block);
    CHECK_IS(asyncio_stream_at_eof(p->b), 1);
    return 0;
}

static int exact_read_is_reset(struct pair *p)
{
    struct exact exact = { p->b, 50000, 77 };
    asyncio_task *reader;
    START(reader, read_exactly, &exact);
    CHECK_IS(asyncio_stream_write(p->a, "some", 4), 0);
    CHECK_IS(settle(), 0);
    asyncio_stream_abort(p->a);
    CHECK_IS(join(reader), -ECONNRESET);
    CHECK_IS((long long)exact.got, 77);
    return 0;
}

/* Without memory to put back what a cancelled read had taken there would be a hole: the stream
 * ends instead. */
static int exact_read_without_memory(struct pair *p)
{
    struct exact exact = { p->b, 200000, 0 };
    static char block[100000];
    asyncio_task *reader;
    char byte;
    START(reader, read_exactly, &exact);
    CHECK_IS(asyncio_stream_write(p->a, block, world.is_chopped ? 2000 : sizeof block), 0);
    CHECK_IS(settle(), 0);
    asyncio_task_cancel(reader);
    asyncio__alloc_fail_at(1, 1);
    int r = asyncio_await(reader);
    asyncio__alloc_fail_at(0, 0);
    asyncio_task_unref(reader);
    CHECK_IS(r, -ECANCELED);
    r = asyncio_stream_read(p->b, &byte, 1);
    CHECK(r == -ENOMEM || r == 1); /* a block that was kept may have been large enough */
    CHECK_IS(asyncio_stream_is_closing(p->b), r == -ENOMEM);
    return 0;
}

static int empty_buffer_is_no_matter(struct pair *p)
{
    const char *view;
    char text[8];
    CHECK_IS(asyncio_stream_write(p->a, "one;two", 7), 0);
    CHECK_IS(asyncio_stream_fill(p->b, 7), 7);
    CHECK_IS(asyncio_stream_readuntil_view(p->b, ";", 1, &view), 4);
    CHECK_IS(asyncio_stream_readuntil_view(p->b, "o", 1, &view), 3);
    CHECK(p->b->in.data && !p->b->in.count); /* lent still */
    CHECK_IS(asyncio_stream_write(p->a, "three", 5), 0);
    CHECK_IS(read_all(p->b, text, 5), 5);
    CHECK(memcmp(text, "three", 5) == 0 && !p->b->in.data);
    CHECK_IS(asyncio_stream_write(p->a, "x", 1), 0);
    /* As much as an int can tell. All of the room is there: the kernel looks at where it ends. */
    size_t size = (size_t)INT32_MAX + 1;
    char *room = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(room != MAP_FAILED);
    CHECK_IS(asyncio_stream_read(p->b, room, size), 1);
    CHECK_IS(munmap(room, size), 0);
    return 0;
}

static void test_exact(void **state)
{
    (void)state;
    with_pair(exact_read_is_cut_off);
    with_pair(exact_read_is_reset);
    with_pair(exact_read_without_memory);
    with_pair(empty_buffer_is_no_matter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_closed), cmocka_unit_test(test_sticky),
        cmocka_unit_test(test_late_cancel), cmocka_unit_test(test_close_with_reader),
        cmocka_unit_test(test_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
