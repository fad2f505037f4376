/* SPDX-License-Identifier: MIT */
/* Streams on pipes: one direction each, back-pressure, ends, what is no pipe. */
/* TEST: backends io_uring epoll */
/* The sim's adopted descriptors can only be polled. */
#include "net/net_test.h"

#include "support/sweep.h"

#include <asyncio.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

struct ends {
    asyncio_stream *in, *out; /* what is written to `out` is read from `in` */
};

static int open_ends(struct ends *ends)
{
    int pair[2];
    *ends = (struct ends){ NULL, NULL };
    if (pipe(pair) < 0)
        return -errno;
    int r = asyncio_connect_read_pipe(pair[0], &ends->in);
    if (r < 0)
        close(pair[0]);
    int w = asyncio_connect_write_pipe(pair[1], &ends->out);
    if (w < 0)
        close(pair[1]);
    return r < 0 ? r : w;
}

static int close_ends(struct ends *ends, int result)
{
    asyncio_stream_unref(ends->in);
    asyncio_stream_unref(ends->out);
    return result;
}

static int there_and_over(struct ends *ends)
{
    char text[16];
    CHECK_IS(asyncio_stream_write(ends->out, "one\ntwo", 7), 0);
    CHECK_IS(asyncio_stream_readline(ends->in, text, sizeof text), 4);
    CHECK_IS(asyncio_stream_can_write_eof(ends->out), 1);
    CHECK_IS(asyncio_stream_write_eof(ends->out), 0);
    CHECK_IS(asyncio_stream_wait_closed(ends->out), 0);
    CHECK_IS(asyncio_stream_write(ends->out, "x", 1), -ECONNRESET);
    CHECK_IS(asyncio_stream_readline(ends->in, text, sizeof text), 3);
    CHECK(strcmp(text, "two") == 0);
    CHECK_IS(asyncio_stream_read(ends->in, text, sizeof text), 0);
    CHECK_IS(asyncio_stream_at_eof(ends->in), 1);
    CHECK_IS(asyncio_stream_peername(ends->in, text, sizeof text), -ENOTSOCK);
    return 0;
}

static int wrong_way(struct ends *ends)
{
    char text[16];
    CHECK_IS(asyncio_stream_read(ends->out, text, 1), 0);
    CHECK_IS(asyncio_stream_readexactly(ends->out, text, 1, NULL), -ASYNCIO_INCOMPLETE_READ);
    CHECK_IS(asyncio_stream_write(ends->in, "x", 1), -EPIPE);
    CHECK_IS(asyncio_stream_write_nowait(ends->in, "x", 1), -EPIPE);
    CHECK_IS(asyncio_stream_write_eof(ends->in), 0);
    CHECK_IS(asyncio_stream_write(ends->out, "x", 1), 0); /* no harm done */
    CHECK_IS(asyncio_stream_read(ends->in, text, 1), 1);
    return 0;
}

static int write_block(asyncio_stream *stream, const char *block, size_t size)
{
    int r = asyncio_stream_write(stream, block, size);
    return r < 0 ? r : asyncio_stream_write_eof(stream);
}

static int back_pressure(struct ends *ends)
{
    size_t size = world.is_chopped ? 70000 : 1000000;
    char *block = malloc(size), *back = malloc(size);
    for (size_t i = 0; i < size; i++)
        block[i] = (char)(i % 251);
    asyncio_task *writer;
    CHECK_IS(asyncio_stream_set_write_buffer_limits(ends->out, 1000, 100), 0);
    START(writer, write_block, ends->out, block, size);
    CHECK_IS(settle(), 0);
    if (!world.is_chopped)
        CHECK_IS(asyncio_task_done(writer), 0); /* nobody reads */
    CHECK_IS(read_all(ends->in, back, size), (int)size);
    CHECK(memcmp(block, back, size) == 0);
    CHECK_IS(join(writer), 0);
    CHECK_IS(asyncio_stream_read(ends->in, back, 1), 0);
    free(block);
    free(back);
    return 0;
}

/* EPIPE and no signal: this program does not ignore SIGPIPE. */
static int reader_gone(struct ends *ends)
{
    asyncio_stream_abort(ends->in);
    CHECK_IS(asyncio_stream_write(ends->out, "x", 1), -EPIPE);
    CHECK_IS(asyncio_stream_write(ends->out, "x", 1), -EPIPE);
    CHECK_IS(asyncio_stream_wait_closed(ends->out), -EPIPE);
    return 0;
}

static int wait_closed(asyncio_stream *stream)
{
    return asyncio_stream_wait_closed(stream);
}

/* Nobody writes, and yet it is noticed. */
static int gone_meanwhile(struct ends *ends)
{
    asyncio_task *waiter;
    START(waiter, wait_closed, ends->out);
    CHECK_IS(asyncio_stream_write(ends->out, "x", 1), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(waiter), 0);
    asyncio_stream_abort(ends->in);
    CHECK_IS(join(waiter), 0);
    CHECK_IS(asyncio_stream_is_closing(ends->out), 1);
    CHECK_IS(asyncio_stream_write(ends->out, "x", 1), -ECONNRESET);
    return 0;
}

static int write_much(asyncio_stream *stream)
{
    static const char block[1000000];
    return asyncio_stream_write(stream, block, sizeof block);
}

static int gone_with_unsent(struct ends *ends)
{
    asyncio_task *writer, *waiter;
    START(writer, write_much, ends->out);
    START(waiter, wait_closed, ends->out);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(writer), 0);
    asyncio_stream_abort(ends->in);
    CHECK_IS(join(writer), -EPIPE);
    CHECK_IS(join(waiter), -EPIPE);
    return 0;
}

/* Closing waits for a reader that then goes. */
static int gone_while_closing(struct ends *ends)
{
    asyncio_task *waiter;
    static const char block[1000000];
    CHECK_IS(asyncio_stream_write_nowait(ends->out, block, sizeof block), 0);
    asyncio_stream_close(ends->out);
    START(waiter, wait_closed, ends->out);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(waiter), 0);
    asyncio_stream_abort(ends->in);
    CHECK_IS(join(waiter), -EPIPE);
    return 0;
}

static int read_one(asyncio_stream *stream)
{
    char byte;
    int r = asyncio_stream_read(stream, &byte, 1);
    return r == 1 ? byte : r;
}

static int cancelled_read(struct ends *ends)
{
    asyncio_task *reader;
    for (int i = 0; i < 3; i++) {
        START(reader, read_one, ends->in);
        CHECK_IS(settle(), 0);
        CHECK_IS(asyncio_stream_fill(ends->in, 1), -EBUSY);
        CHECK_IS(asyncio_task_cancel(reader), 1);
        CHECK_IS(join(reader), -ECANCELED);
    }
    START(reader, read_one, ends->in);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_stream_write(ends->out, "7", 1), 0);
    CHECK_IS(join(reader), '7');
    START(reader, read_one, ends->in);
    CHECK_IS(settle(), 0);
    asyncio_stream_close(ends->in); /* under the reader */
    CHECK_IS(join(reader), -ECONNRESET);
    return 0;
}

typedef int ends_body(struct ends *ends);

static int run_ends(void *data)
{
    struct ends ends;
    int r = open_ends(&ends);
    if (r >= 0)
        r = (*(ends_body **)data)(&ends);
    return close_ends(&ends, r);
}

static void with_ends(ends_body *body)
{
    run_everywhere_with(run_ends, &body);
}

static void test_pipes(void **state)
{
    (void)state;
    struct sigaction action;
    sigaction(SIGPIPE, NULL, &action);
    assert_true(action.sa_handler == SIG_DFL);
    with_ends(there_and_over);
    with_ends(wrong_way);
    with_ends(back_pressure);
    with_ends(reader_gone);
    with_ends(gone_meanwhile);
    with_ends(gone_with_unsent);
    with_ends(gone_while_closing);
    with_ends(cancelled_read);
}

static int refused(void *data)
{
    (void)data;
    asyncio_stream *stream = NULL;
    CHECK_IS(asyncio_connect_read_pipe(1000, &stream), -EBADF);
    CHECK_IS(asyncio_connect_write_pipe(-1, &stream), -EBADF);
    CHECK_IS(asyncio_connect_read_pipe(0, &stream, .limit = 0), -EINVAL);
    CHECK(stream == NULL);
    return 0;
}

/* Standard input is what the shell made it: here a file. */
static int files(void *data)
{
    (void)data;
    asyncio_stream *stream;
    char text[8], name[] = "/tmp/asyncio-pipe-XXXXXX";
    int file = mkstemp(name);
    CHECK(file >= 0);
    CHECK_IS(asyncio_connect_write_pipe(file, &stream), 0);
    CHECK_IS(asyncio_stream_write(stream, "a\nb\n", 4), 0);
    CHECK_IS(asyncio_stream_write_eof(stream), 0);
    CHECK_IS(asyncio_stream_wait_closed(stream), 0);
    asyncio_stream_unref(stream);
    file = open(name, O_RDONLY | O_CLOEXEC);
    unlink(name);
    CHECK_IS(asyncio_connect_read_pipe(file, &stream), 0);
    CHECK_IS(asyncio_stream_readline(stream, text, sizeof text), 2);
    CHECK_IS(asyncio_stream_readline(stream, text, sizeof text), 2);
    CHECK_IS(asyncio_stream_readline(stream, text, sizeof text), 0);
    asyncio_stream_unref(stream);
    CHECK_IS(asyncio_connect_read_pipe(open("/tmp", O_RDONLY | O_CLOEXEC), &stream), 0);
    CHECK_IS(asyncio_stream_read(stream, text, 1), -EISDIR);
    asyncio_stream_unref(stream);
    return 0;
}

/* Standard input as it is, by its number. */
static int standard_input(void *data)
{
    (void)data;
    asyncio_stream *stream;
    char text[8];
    int ends[2], saved = fcntl(0, F_DUPFD_CLOEXEC, 3);
    CHECK(saved >= 0 && pipe2(ends, O_CLOEXEC) == 0);
    CHECK(dup2(ends[0], 0) == 0 && close(ends[0]) == 0);
    CHECK_IS(write(ends[1], "typed\n", 6), 6);
    CHECK_IS(asyncio_connect_read_pipe(0, &stream), 0);
    CHECK_IS(asyncio_stream_readline(stream, text, sizeof text), 6);
    close(ends[1]);
    CHECK_IS(asyncio_stream_readline(stream, text, sizeof text), 0);
    asyncio_stream_unref(stream);
    CHECK_IS(settle(), 0);
    CHECK(fcntl(0, F_GETFD) < 0); /* it was taken, and is closed */
    CHECK(dup2(saved, 0) == 0 && close(saved) == 0);
    return 0;
}

/* Who has opened both ends of a FIFO is its reader, too: what he writes is no sign that none is. */
static int both_ends(void *data)
{
    (void)data;
    asyncio_stream *stream;
    char path[64], text[8];
    snprintf(path, sizeof path, "/tmp/asyncio-pipe-test-%d", (int)getpid());
    CHECK_IS(mkfifo(path, 0600), 0);
    int both = open(path, O_RDWR | O_CLOEXEC), reader = open(path, O_RDONLY | O_CLOEXEC);
    unlink(path);
    CHECK(both >= 0 && reader >= 0);
    CHECK_IS(asyncio_connect_write_pipe(both, &stream), 0);
    CHECK_IS(asyncio_stream_write(stream, "hello", 5), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_stream_is_closing(stream), 0);
    CHECK_IS(asyncio_stream_write(stream, "!", 1), 0);
    CHECK_IS(read(reader, text, sizeof text), 6);
    close(reader);
    asyncio_stream_unref(stream);
    return settle();
}

static int devices(void *data)
{
    (void)data;
    asyncio_stream *stream;
    char text[100];
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    int user = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(user >= 0);
    CHECK_IS(asyncio_connect_read_pipe(user, &stream), 0);
    CHECK_IS(write(terminal, "typed\n", 6), 6);
    CHECK_IS(asyncio_stream_readline(stream, text, sizeof text), 6);
    CHECK_IS(write(terminal, "\4", 1), 1); /* ^D */
    CHECK_IS(asyncio_stream_readline(stream, text, sizeof text), 0);
    asyncio_stream_unref(stream);
    close(terminal);
    CHECK_IS(asyncio_connect_read_pipe(open("/dev/zero", O_RDONLY | O_CLOEXEC), &stream),
             0);
    CHECK_IS(asyncio_stream_readexactly(stream, text, sizeof text, NULL), 0);
    asyncio_stream_unref(stream);
    return 0;
}

static void test_others(void **state)
{
    (void)state;
    run_everywhere(refused);
    run_everywhere(files);
    run_everywhere(both_ends);
    run_everywhere(devices);
    run_everywhere(standard_input);
}

static int talk(void)
{
    struct ends ends;
    char text[8];
    int r = open_ends(&ends);
    if (r >= 0)
        r = asyncio_stream_write(ends.out, "hello\n", 6);
    if (r >= 0)
        r = asyncio_stream_readline(ends.in, text, sizeof text);
    if (r >= 0)
        r = asyncio_stream_write_eof(ends.out);
    if (r >= 0)
        r = asyncio_stream_read(ends.in, text, 1);
    return close_ends(&ends, r);
}

static void test_sweep(void **state)
{
    (void)state;
    int descriptors = count_descriptors();
    assert_true(sweep_allocations("pipes", talk) > 3);
    (void)sweep_cancellations("pipes", talk);
    assert_int_equal(count_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipes),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
