/* SPDX-License-Identifier: MIT */
/* FIFOs at whose other end nobody is: who opens one waits, as open(2) does, on each backend alike;
 * and can stop waiting. */
/* TEST: backends io_uring epoll; timeout 60 */
/* Real files: the jobs of sim run on the loop's thread, which would wait itself. */
#include "net/net_test.h"

#include "files/files.h"
#include "offload/executor.h"

#include <asyncio.h>
#include <fcntl.h>
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
    };
    return cmocka_run_group_tests(tests, make_fifo, remove_fifo);
}
