/* SPDX-License-Identifier: MIT */
/* FIFOs at whose other end nobody is: who opens one waits, as open(2) does, on each backend alike;
 * and can stop waiting. So can who reads from a pipe where nothing comes. */
/* TEST: backends io_uring epoll; timeout 60 */
/* Real files: the jobs of sim run on the loop's thread, which would wait itself. */
#include "net/net_test.h"

#include "files/files.h"
#include "offload/executor.h"

#include <asyncio.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char path[64];

static int make_fifo(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/asyncio-fifo-%d", (int)getpid());
    return mkfifo(path, 0600);
}

static int remove_fifo(void **state)
{
    (void)state;
    return unlink(path);
}

static int open_to_read(void)
{
    return asyncio_open(path, O_RDONLY);
}

static int open_to_write(void)
{
    return asyncio_open(path, O_WRONLY);
}

static int read_all_of_it(void)
{
    char *text;
    return asyncio_read_file(path, &text, NULL);
}

static int (*const ways[])(void) = { open_to_read, open_to_write, read_all_of_it };
enum { WAYS = sizeof ways / sizeof ways[0] };

enum { ROUNDS_MAX = 2000 };

/* For a thread that is left waiting in the system: an other end, for a moment. */
static void let_go(void)
{
    int other = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    close(other);
}

/* Until the last thread has come back, and what it has opened is closed. */
static int let_all_go(void)
{
    const struct offload_floor *floor = asyncio__offload_floor(asyncio_get_running_loop());
    for (int i = 0; i < ROUNDS_MAX && floor && !list_empty(&floor->calls); i++) {
        let_go();
        CHECK_IS(asyncio_sleep(0.001), 0);
    }
    return 0;
}

static int cancelled(void *data)
{
    (void)data;
    for (int i = 0; i < WAYS; i++) {
        asyncio_task *task;
        START(task, ways[i]);
        CHECK_IS(settle(), 0);
        CHECK_IS(asyncio_task_done(task), 0);
        CHECK_IS(asyncio_task_cancel(task), 1);
        for (int k = 0; k < ROUNDS_MAX && !asyncio_task_done(task); k++)
            CHECK_IS(asyncio_sleep(0.001), 0);
        CHECK_IS(asyncio_task_done(task), 1);
        CHECK_IS(join(task), -ECANCELED);
        CHECK_IS(let_all_go(), 0);
    }
    return 0;
}

/* Nobody waits for the thread that is left waiting, neither who needs one, of which there are a
 * few, nor the end of the program. */
static int all_cancelled(void *data)
{
    (void)data;
    enum { TASKS = 64 };
    asyncio_task *tasks[TASKS];
    struct stat status;
    for (int i = 0; i < TASKS; i++)
        START(tasks[i], open_to_read);
    CHECK_IS(settle(), 0);
    for (int i = TASKS - 1; i >= 0; i--) /* those that wait for a thread first: they need none */
        CHECK_IS(asyncio_task_cancel(tasks[i]), 1);
    for (int i = 0; i < TASKS; i++)
        CHECK_IS(join(tasks[i]), -ECANCELED);
    return asyncio_stat(path, &status);
}

static void test_left(void **state)
{
    (void)state;
    asyncio__record_put(NULL);
    uint64_t live = asyncio__alloc_live();
    int descriptors = count_descriptors();
    enter_world("plain", false, 0);
    reports.count = 0;
    assert_int_equal(asyncio_run(asyncio_coro(observed, all_cancelled, NULL),
                                 .shutdown_timeout = 20.0), 0);
    assert_int_equal(reports.count, 0); /* that the executor's threads have not ended */
    asyncio__record_put(NULL);
    for (int i = 0; i < ROUNDS_MAX && asyncio__alloc_live() != live; i++)
        let_go();
    assert_int_equal(asyncio__alloc_live(), live);
    assert_int_equal(count_descriptors(), descriptors);
}

/* ---- open, and nothing comes ---- */

static int open_ends(int kind, int ret_ends[2])
{
    if (kind == 0)
        return pipe2(ret_ends, O_CLOEXEC) < 0 ? -errno : 0;
    if (kind == 1)
        return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_ends) < 0 ? -errno : 0;
    ret_ends[1] = open(path, O_RDWR | O_CLOEXEC);
    ret_ends[0] = open(path, O_RDONLY | O_CLOEXEC);
    return ret_ends[0] < 0 || ret_ends[1] < 0 ? -errno : 0;
}

static int read_byte(int descriptor)
{
    char byte;
    int n = asyncio_read(descriptor, &byte, 1);
    return n == 1 ? byte : n;
}

static char much[1 << 20];

static int write_much(int descriptor)
{
    int n = 1;
    for (size_t sent = 0; n > 0 && sent < sizeof much; sent += (size_t)n)
        n = asyncio_write(descriptor, much + sent, sizeof much - sent);
    return n < 0 ? n : 0;
}

static bool has_room(int descriptor)
{
    struct pollfd one = { .fd = descriptor, .events = POLLOUT };
    return poll(&one, 1, 0) != 0;
}

static int one_waits(int ends[2])
{
    asyncio_task *task, *other;
    START(task, read_byte, ends[0]);
    CHECK_IS(asyncio_sleep(0.01), 0);
    CHECK_IS(asyncio_task_done(task), 0);
    CHECK_IS(asyncio_task_cancel(task), 1);
    CHECK_IS(join(task), -ECANCELED);
    START(task, read_byte, ends[0]);
    START(other, read_byte, ends[0]);
    CHECK_IS(asyncio_sleep(0.01), 0);
    CHECK_IS(asyncio_write(ends[1], "7", 1), 1);
    while (!asyncio_task_done(task) && !asyncio_task_done(other))
        CHECK_IS(asyncio_sleep(0.001), 0);
    CHECK_IS(asyncio_task_done(task) + asyncio_task_done(other), 1);
    CHECK_IS(asyncio_write(ends[1], "7", 1), 1);
    CHECK_IS(join(task), '7');
    CHECK_IS(join(other), '7');
    START(task, write_much, ends[1]);
    while (has_room(ends[1]))
        CHECK_IS(asyncio_sleep(0.001), 0);
    CHECK_IS(asyncio_task_done(task), 0);
    CHECK_IS(asyncio_task_cancel(task), 1);
    CHECK_IS(join(task), -ECANCELED);
    CHECK_IS(read_byte(ends[0]), 0);
    return 0;
}

/* Who reads from what is empty, or writes to what is full, can stop waiting, too. */
static int nothing_comes(void *data)
{
    (void)data;
    for (int i = 0; i < 3; i++) {
        int ends[2];
        CHECK_IS(open_ends(i, ends), 0);
        CHECK_IS(one_waits(ends), 0);
        close(ends[0]);
        close(ends[1]);
    }
    return 0;
}

static void test_empty(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        asyncio__file_tries_nothing = i;
        run_everywhere(nothing_comes);
    }
    asyncio__file_tries_nothing = false;
}

/* The program ends, and its loop closes, while somebody waits. */
static int left_reading(int *ends)
{
    asyncio_task *reader, *writer;
    START(reader, read_byte, ends[0]);
    START(writer, write_much, ends[3]);
    asyncio_task_unref(reader);
    asyncio_task_unref(writer);
    return asyncio_sleep(0.01);
}

static void test_left_reading(void **state)
{
    (void)state;
    int ends[4], descriptors = count_descriptors();
    asyncio__record_put(NULL);
    uint64_t live = asyncio__alloc_live();
    asyncio_loop *loop;
    asyncio_task *task;
    assert_int_equal(open_ends(0, ends), 0);
    assert_int_equal(open_ends(0, ends + 2), 0);
    assert_int_equal(asyncio_run(asyncio_coro(left_reading, ends), .shutdown_timeout = 20.0), 0);
    assert_int_equal(asyncio_loop_new(&loop), 0);
    asyncio_loop_set_exception_handler(loop, on_report, NULL);
    assert_int_equal(asyncio_loop_create_task(loop, asyncio_coro(read_byte, ends[0]), &task), 0);
    for (int i = 0; i < 3; i++) {
        asyncio_loop_stop(loop);
        assert_int_equal(asyncio_loop_run_forever(loop), 0);
    }
    assert_int_equal(asyncio_loop_close(loop), 0);
    asyncio_task_unref(task);
    asyncio_loop_unref(loop);
    for (int i = 0; i < 4; i++)
        close(ends[i]);
    asyncio__record_put(NULL);
    assert_int_equal(asyncio__alloc_live(), live);
    assert_int_equal(count_descriptors(), descriptors);
}

/* ---- both ends ---- */

/* Both ends of it, by two tasks. */
static int met(void *data)
{
    (void)data;
    asyncio_task *reader, *writer;
    char byte = 0;
    START(reader, open_to_read);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(reader), 0);
    START(writer, open_to_write);
    int in = join(reader), out = join(writer);
    CHECK(in >= 0 && out >= 0);
    CHECK_IS(asyncio_write(out, "x", 1), 1);
    CHECK_IS(asyncio_read(in, &byte, 1), 1);
    CHECK_IS(byte, 'x');
    CHECK_IS(asyncio_close(out), 0);
    CHECK_IS(asyncio_read(in, &byte, 1), 0);
    return asyncio_close(in);
}

static void test_alone(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        asyncio__file_tries_nothing = i;
        run_everywhere(met);
        run_everywhere(cancelled);
    }
    asyncio__file_tries_nothing = false;
}

/* The loop closes under who waits, and does not wait itself. What a thread opens later is
 * closed. */
static void test_closed(void **state)
{
    (void)state;
    asyncio__record_put(NULL);
    uint64_t live = asyncio__alloc_live();
    int descriptors = count_descriptors();
    asyncio_loop *loop;
    asyncio_task *tasks[WAYS]; /* none is at another's other end */
    assert_int_equal(asyncio_loop_new(&loop), 0);
    asyncio_loop_set_exception_handler(loop, on_report, NULL);
    for (int i = 0; i < WAYS; i++)
        assert_int_equal(asyncio_loop_create_task(loop,
                                                  i ? asyncio_coro(read_all_of_it)
                                                    : asyncio_coro(open_to_read), &tasks[i]), 0);
    for (int i = 0; i < 4; i++) {
        asyncio_loop_stop(loop);
        assert_int_equal(asyncio_loop_run_forever(loop), 0);
        nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
    }
    /* the one is cancelled, and still on its way there */
    assert_int_equal(asyncio_task_cancel(tasks[0]), 1);
    asyncio_loop_stop(loop);
    assert_int_equal(asyncio_loop_run_forever(loop), 0);
    assert_int_equal(asyncio_loop_close(loop), 0);
    for (int i = 0; i < WAYS; i++)
        asyncio_task_unref(tasks[i]);
    asyncio_loop_unref(loop);
    asyncio__record_put(NULL);
    for (int i = 0; i < ROUNDS_MAX && asyncio__alloc_live() != live; i++)
        let_go();
    assert_int_equal(asyncio__alloc_live(), live);
    assert_int_equal(count_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_left),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_left_reading),
    };
    return cmocka_run_group_tests(tests, make_fifo, remove_fifo);
}
