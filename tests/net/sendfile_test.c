/* SPDX-License-Identifier: MIT */
/* Files through streams and sockets: every way, slow readers, broken ones, what is no file. */
/* TEST: timeout 60 */
#include "net/tls_test.h"

#include "support/sweep.h"

#include <asyncio.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

static size_t size_of_file;
static char *content;

/* A file of so many bytes, nameless. */
static int make_file(size_t size)
{
    char name[] = "/tmp/asyncio-sendfile-XXXXXX";
    int file = mkstemp(name);
    unlink(name);
    free(content);
    content = malloc(size + 1);
    size_of_file = size;
    for (size_t i = 0; i < size; i++)
        content[i] = (char)('a' + (i * 7 + i / 26) % 26);
    if (write(file, content, size) != (ssize_t)size)
        return -EIO;
    return file;
}

/* More than any socket takes. */
static size_t large(void)
{
    return world.is_chopped ? 100000 : world.is_sim ? 400000 : 20000000;
}

static int send_it(asyncio_stream *stream, int file, asyncio_sendfile_options *options)
{
    int64_t sent = -1;
    int r = (asyncio_loop_sendfile)(asyncio_get_running_loop(), stream, file, &sent, options);
    if (r < 0)
        return r;
    return sent == (options && options->count >= 0 ? options->count : (int64_t)size_of_file) &&
                   lseek(file, 0, SEEK_CUR) == sent + (options ? options->offset : 0)
               ? 0
               : -EPROTO;
}

static int whole(struct pair *p)
{
    size_t size = world.is_chopped || world.is_sim ? 100000 : 3000000;
    int file = make_file(size);
    CHECK(file >= 0);
    char *back = malloc(size + 20);
    asyncio_task *sender;
    CHECK_IS(asyncio_stream_write_nowait(p->a, "before ", 7), 0);
    START(sender, send_it, p->a, file, NULL);
    CHECK_IS(settle(), 0);
    if (!asyncio_task_done(sender)) { /* nobody else writes meanwhile */
        CHECK_IS(asyncio_stream_write(p->a, "x", 1), -EBUSY);
        CHECK_IS(asyncio_stream_write_nowait(p->a, "x", 1), -EBUSY);
        CHECK_IS(asyncio_stream_write_eof(p->a), -EBUSY);
        CHECK_IS(asyncio_loop_sendfile(asyncio_get_running_loop(), p->a, file, NULL), -EBUSY);
    }
    CHECK_IS(read_all(p->b, back, size + 7), (int)size + 7);
    CHECK_IS(join(sender), 0);
    CHECK_IS(asyncio_stream_write(p->a, " after", 6), 0);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    CHECK_IS(read_all(p->b, back + size + 7, 7), 6);
    CHECK(memcmp(back, "before ", 7) == 0 && memcmp(back + 7, content, size) == 0 &&
          memcmp(back + size + 7, " after", 6) == 0);
    CHECK_IS(asyncio_loop_sendfile(asyncio_get_running_loop(), p->a, file, NULL), -EPIPE);
    free(back);
    close(file);
    return 0;
}

/* By TLS the kernel cannot: it is read and encrypted, piece by piece. */
static int by_tls(struct pair *p)
{
    size_t size = world.is_chopped ? 20000 : world.is_sim ? 100000 : 3000000;
    int file = make_file(size);
    CHECK(file >= 0);
    int64_t sent = 7;
    char *back = malloc(size + 20);
    asyncio_task *sender;
    CHECK_IS(asyncio_loop_sendfile(asyncio_get_running_loop(), p->a, file, &sent, .fallback = 0),
             -ASYNCIO_SENDFILE_NOT_AVAILABLE);
    CHECK_IS(lseek(file, 0, SEEK_SET), 0);
    CHECK_IS(asyncio_stream_write_nowait(p->a, "before ", 7), 0);
    START(sender, send_it, p->a, file, NULL);
    CHECK_IS(settle(), 0);
    if (!asyncio_task_done(sender)) { /* nobody else writes meanwhile */
        CHECK_IS(asyncio_stream_write(p->a, "x", 1), -EBUSY);
        CHECK_IS(asyncio_loop_sendfile(asyncio_get_running_loop(), p->a, file, NULL), -EBUSY);
    }
    CHECK_IS(read_all(p->b, back, size + 7), (int)size + 7);
    CHECK_IS(join(sender), 0);
    /* the marks are what they were, down to the socket */
    CHECK(p->a->tcp.base.high == TCP_HIGH && p->a->tcp.base.low == TCP_LOW);
    CHECK_IS(asyncio_stream_write(p->a, " after", 6), 0);
    CHECK_IS(read_all(p->b, back + size + 7, 6), 6);
    CHECK(memcmp(back, "before ", 7) == 0 && memcmp(back + 7, content, size) == 0 &&
          memcmp(back + size + 7, " after", 6) == 0);
    CHECK_IS(asyncio_loop_sendfile(asyncio_get_running_loop(), p->a, file, &sent, .offset = 10,
                                   .count = 5, .before = "head", .before_size = 4), 0);
    CHECK_IS(sent, 5);
    CHECK_IS(asyncio_stream_readexactly(p->b, back, 9, NULL), 0);
    CHECK(memcmp(back, "head", 4) == 0 && memcmp(back + 4, content + 10, 5) == 0);
    free(back);
    close(file);
    return 0;
}

static int part(struct pair *p)
{
    char back[16];
    int64_t sent = 7;
    asyncio_loop *loop = asyncio_get_running_loop();
    int file = make_file(1000);
    CHECK_IS(asyncio_loop_sendfile(loop, p->a, file, &sent, .offset = 10, .count = 5), 0);
    CHECK_IS(sent, 5);
    CHECK_IS(lseek(file, 0, SEEK_CUR), 15);
    CHECK_IS(asyncio_stream_readexactly(p->b, back, 5, NULL), 0);
    CHECK(memcmp(back, content + 10, 5) == 0);
    CHECK_IS(asyncio_loop_sendfile(loop, p->a, file, &sent, .offset = 998, .count = 50), 0);
    CHECK_IS(sent, 2); /* the file ends there */
    CHECK_IS(asyncio_loop_sendfile(loop, p->a, file, &sent, .count = 0), 0);
    CHECK_IS(sent, 0);
    CHECK_IS(asyncio_loop_sendfile(loop, p->a, file, &sent, .offset = 5000), 0);
    CHECK_IS(sent, 0);
    CHECK_IS(asyncio_stream_readexactly(p->b, back, 2, NULL), 0);
    CHECK_IS(asyncio_loop_sendfile(loop, p->a, file, &sent, .offset = 20, .count = 4,
                                   .before = "head", .before_size = 4), 0);
    CHECK_IS(sent, 4);
    CHECK_IS(asyncio_stream_readexactly(p->b, back, 8, NULL), 0);
    CHECK(memcmp(back, "head", 4) == 0 && memcmp(back + 4, content + 20, 4) == 0);
    CHECK_IS(lseek(file, 3, SEEK_SET), 3);
    CHECK_IS(asyncio_loop_sendfile(loop, p->a, file, &sent, .offset = 30, .count = 6,
                                   .leaves_place = 1), 0);
    CHECK_IS(sent, 6);
    CHECK_IS(lseek(file, 0, SEEK_CUR), 3);
    CHECK_IS(asyncio_stream_readexactly(p->b, back, 6, NULL), 0);
    CHECK(memcmp(back, content + 30, 6) == 0);
    CHECK_IS(asyncio_loop_sendfile(loop, p->a, file, &sent, .count = 0, .before = "alone",
                                   .before_size = 5), 0);
    CHECK_IS(sent, 0);
    CHECK_IS(asyncio_stream_write(p->a, "x", 1), 0);
    CHECK_IS(asyncio_stream_readexactly(p->b, back, 6, NULL), 0);
    CHECK(memcmp(back, "alonex", 6) == 0);
    CHECK_IS(asyncio_loop_sendfile(loop, p->a, file, &sent, .offset = -1), -EINVAL);
    close(file);
    CHECK_IS(asyncio_loop_sendfile(loop, p->a, file, &sent), -EBADF);
    file = open("/tmp", O_RDONLY | O_CLOEXEC);
    CHECK_IS(asyncio_loop_sendfile(loop, p->a, file, &sent), -EINVAL);
    close(file);
    if (world.is_sim) {
        file = make_file(10);
        CHECK_IS(asyncio_loop_sendfile(loop, p->a, file, &sent, .fallback = 0, .before = "no",
                                       .before_size = 2),
                 -ASYNCIO_SENDFILE_NOT_AVAILABLE);
        close(file);
        CHECK_IS(asyncio_stream_write(p->a, "yes", 3), 0);
        CHECK_IS(asyncio_stream_readexactly(p->b, back, 3, NULL), 0);
        CHECK(memcmp(back, "yes", 3) == 0);
    }
    return 0;
}

static int send_behind(asyncio_stream *stream, int file, size_t size)
{
    return asyncio_loop_sendfile(asyncio_get_running_loop(), stream, file, NULL, .count = 100,
                                 .before = content, .before_size = size);
}

/* What is before it is more than any socket takes at once. */
static int long_before(struct pair *p)
{
    size_t size = large();
    int file = make_file(size);
    char *back = malloc(size + 101);
    asyncio_task *sender;
    CHECK(file >= 0 && back);
    START(sender, send_behind, p->a, file, size);
    CHECK_IS(asyncio_stream_readexactly(p->b, back, size + 100, NULL), 0);
    CHECK_IS(join(sender), 0);
    CHECK(memcmp(back, content, size) == 0 && memcmp(back + size, content, 100) == 0);
    free(back);
    close(file);
    return 0;
}

static int count_sent(asyncio_stream *stream, int file, int64_t *ret_sent)
{
    int r = asyncio_loop_sendfile(asyncio_get_running_loop(), stream, file, ret_sent);
    return r < 0 ? r : asyncio_stream_write_eof(stream);
}

/* The file becomes shorter while it is on its way: no byte is made up, and it is told how many
 * went. */
static int cut_meanwhile(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    int file = make_file(large());
    int64_t sent = -1;
    char *back = malloc(large() + 1);
    asyncio_task *sender;
    START(sender, count_sent, p->a, file, &sent);
    CHECK_IS(settle(), 0); /* the socket is full by now */
    CHECK_IS(asyncio_task_done(sender), 0);
    CHECK_IS(ftruncate(file, 1000), 0);
    int got = read_all(p->b, back, large() + 1);
    CHECK_IS(join(sender), 0);
    CHECK_IS(got, sent);
    CHECK(got >= 1000 && (size_t)got < large());
    /* the kernel keeps no copies: of the last page it clears the rest */
    for (int i = 0; i < got; i++)
        CHECK(back[i] == content[i] || (back[i] == 0 && i >= 1000));
    free(back);
    close(file);
    return 0;
}

/* Marks that are set while what was written before goes out do not let the file out before it, and
 * hold afterwards. */
static int marks_meanwhile(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    size_t size = large();
    int file = make_file(size);
    char *back = malloc(2 * size);
    asyncio_task *sender;
    CHECK(file >= 0 && back);
    CHECK_IS(asyncio_stream_write_nowait(p->a, content, size / 2), 0);
    CHECK_IS(asyncio_stream_write_nowait(p->a, content + size / 2, size - size / 2), 0);
    START(sender, send_it, p->a, file, NULL);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_stream_set_write_buffer_limits(p->a, size, size / 2), 0);
    CHECK_IS(read_all(p->b, back, 2 * size), (long long)(2 * size));
    CHECK_IS(join(sender), 0);
    CHECK(memcmp(back, content, size) == 0 && memcmp(back + size, content, size) == 0);
    CHECK(p->a->tcp.base.high == size && p->a->tcp.base.low == size / 2);
    free(back);
    close(file);
    return 0;
}

/* Also where asking the file suspends, one has the stream alone. */
static int two_at_once(struct pair *p)
{
    size_t size = large();
    int file = make_file(size);
    char *back = malloc(size);
    asyncio_task *senders[2];
    CHECK(file >= 0 && back);
    START(senders[0], send_it, p->a, file, NULL);
    START(senders[1], send_it, p->a, file, NULL);
    CHECK_IS(read_all(p->b, back, size), (long long)size);
    CHECK_IS(join(senders[0]), 0);
    CHECK_IS(join(senders[1]), -EBUSY);
    CHECK(memcmp(back, content, size) == 0);
    free(back);
    close(file);
    return 0;
}

static int broken(struct pair *p)
{
    int file = make_file(large());
    asyncio_task *sender;
    START(sender, send_it, p->a, file, NULL);
    CHECK_IS(settle(), 0);
    asyncio_stream_abort(p->b);
    int r = join(sender);
    CHECK(r == -EPIPE || r == -ECONNRESET || (r == 0 && world.is_chopped));
    close(file);
    return 0;
}

static int closed(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    int file = make_file(large());
    asyncio_task *sender;
    START(sender, send_it, p->a, file, NULL);
    CHECK_IS(settle(), 0);
    asyncio_stream_abort(p->a);
    CHECK_IS(join(sender), -ECONNRESET);
    close(file);
    return 0;
}

static int cancelled(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    for (int turns = 0; turns < 8; turns++) {
        int file = make_file(large());
        asyncio_task *sender;
        START(sender, send_it, p->a, file, NULL);
        for (int i = 0; i < turns; i++)
            CHECK_IS(asyncio_sleep(0), 0);
        CHECK_IS(asyncio_task_cancel(sender), 1);
        CHECK_IS(join(sender), -ECANCELED);
        close(file);
    }
    asyncio_stream_abort(p->b);
    CHECK_IS(settle(), 0);
    return 0;
}

static void test_streams(void **state)
{
    (void)state;
    with_pair(whole);
    with_pair(part);
    with_pair(long_before);
    with_pair(cut_meanwhile);
    with_pair(marks_meanwhile);
    with_pair(two_at_once);
    with_pair(broken);
    with_pair(closed);
    with_pair(cancelled);
}

static void test_tls(void **state)
{
    (void)state;
    warm_up();
    with_tls_pair(by_tls);
    with_tls_pair(broken);
    with_tls_pair(closed);
    with_tls_pair(cancelled);
}

static int to_socket(int socket, int file)
{
    int64_t sent;
    int r = asyncio_loop_sock_sendfile(asyncio_get_running_loop(), socket, file, &sent);
    return r < 0 ? r : (int)sent;
}

static int by_sockets(int flags)
{
    enum { SIZE = 2000000 };
    int ends[2], file = make_file(SIZE);
    asyncio_loop *loop = asyncio_get_running_loop();
    char *back = malloc(SIZE);
    CHECK_IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, ends), 0);
    asyncio_task *sender;
    START(sender, to_socket, ends[0], file);
    CHECK_IS(settle(), 0);
    size_t got = 0;
    while (got < SIZE) {
        int n = asyncio_loop_sock_recv(loop, ends[1], back + got, SIZE - got);
        CHECK(n > 0);
        got += (size_t)n;
    }
    CHECK_IS(join(sender), SIZE);
    CHECK(memcmp(back, content, SIZE) == 0);
    free(back);
    close(ends[1]);
    CHECK_IS(to_socket(ends[0], file), -EPIPE); /* and no signal */
    close(ends[0]);
    close(file);
    CHECK_IS(to_socket(ends[0], file), -EBADF);
    return 0;
}

/* The system waits in sendfile where the socket is a blocking one: the loop must not. */
static int sockets(void *data)
{
    (void)data;
    int r = by_sockets(SOCK_NONBLOCK);
    return r < 0 ? r : by_sockets(0);
}

static int take_pipe(int descriptor, asyncio_stream **ret_stream)
{
    return asyncio_connect_write_pipe(descriptor, ret_stream);
}

static int take_socket(int descriptor, asyncio_stream **ret_stream)
{
    return asyncio_connect_accepted_socket(descriptor, ret_stream);
}

/* What was made blocking by somebody else, and is used by nothing but the file. */
static int first_used(int (*take)(int descriptor, asyncio_stream **ret_stream), const int ends[2])
{
    size_t size = large();
    int file = make_file(size);
    char *back = malloc(size);
    asyncio_stream *in, *out;
    asyncio_task *sender;
    CHECK(file >= 0 && back);
    CHECK_IS(take(ends[1], &out), 0);
    CHECK_IS(asyncio_connect_read_pipe(ends[0], &in), 0);
    START(sender, send_it, out, file, NULL);
    CHECK_IS(asyncio_stream_readexactly(in, back, size, NULL), 0);
    CHECK_IS(join(sender), 0);
    CHECK(memcmp(back, content, size) == 0);
    asyncio_stream_unref(out);
    asyncio_stream_unref(in);
    free(back);
    close(file);
    return 0;
}

static int blocking(void *data)
{
    (void)data;
    int ends[2];
    CHECK_IS(pipe2(ends, O_CLOEXEC), 0);
    int r = first_used(take_pipe, ends);
    if (r < 0)
        return r;
    CHECK_IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    return first_used(take_socket, ends);
}

static int unix_pair(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0 ? -errno
                                                                                        : 0;
}

static int tcp_pair(int ends[2])
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_IS(bind(listener, (struct sockaddr *)&address, size), 0);
    CHECK_IS(listen(listener, 1), 0);
    CHECK_IS(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    CHECK_IS(connect(ends[1], (struct sockaddr *)&address, size), 0);
    ends[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    close(listener);
    return ends[0] < 0 ? -errno : 0;
}

/* The caller's own way with the signal. */
enum hold { NOT_HELD, HELD, HELD_AND_PENDING };

/* A peer that has gone is an error and no signal, and the mask stays: also where the kernel has
 * taken a part before it noticed, and says how much that was. Where the caller holds SIGPIPE back,
 * one of his own that is pending stays too. */
static int no_signal(int (*connect_pair)(int ends[2]), size_t size, enum hold held)
{
    sigset_t pipe, before, after, pending;
    int ends[2], file = make_file(size);
    CHECK(file >= 0);
    CHECK_IS(connect_pair(ends), 0);
    close(ends[1]);
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    if (held != NOT_HELD)
        pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    if (held == HELD_AND_PENDING)
        pthread_kill(pthread_self(), SIGPIPE);
    int r = asyncio_loop_sock_sendfile(asyncio_get_running_loop(), ends[0], file, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    sigpending(&pending);
    if (held != NOT_HELD) {
        sigtimedwait(&pipe, NULL, &(struct timespec){ 0, 0 });
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    close(ends[0]);
    close(file);
    CHECK_IS(r, -EPIPE);
    CHECK_IS(sigismember(&after, SIGPIPE), held != NOT_HELD);
    CHECK_IS(sigismember(&pending, SIGPIPE), held == HELD_AND_PENDING);
    return 0;
}

static int signals(void *data)
{
    int r = 0;
    (void)data;
    for (enum hold held = NOT_HELD; held <= HELD_AND_PENDING && r >= 0; held++) {
        r = no_signal(unix_pair, 64, held);
        if (r >= 0)
            r = no_signal(tcp_pair, 1000000, held);
    }
    return r;
}

static void test_signals(void **state)
{
    (void)state;
    const char *backend = getenv("ASYNCIO_BACKEND");
    if (backend && strcmp(backend, "sim") == 0)
        return; /* it has no real sockets */
    run_everywhere(signals);
}

static void test_sockets(void **state)
{
    (void)state;
    const char *backend = getenv("ASYNCIO_BACKEND");
    if (backend && strcmp(backend, "sim") == 0)
        return; /* it has no real sockets, and no time for them */
    run_everywhere(sockets);
    run_everywhere(blocking);
}

/* A stream on a socket, with nobody behind it whose failures would be others'. */
static int talk(void)
{
    int ends[2], file = make_file(64);
    char back[64];
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_stream *stream = NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    int r = asyncio_connect_write_pipe(ends[0], &stream);
    if (r >= 0)
        r = asyncio_loop_sendfile(loop, stream, file, NULL);
    if (r >= 0)
        r = asyncio_loop_sock_recv(loop, ends[1], back, sizeof back) == 64 ? 0 : -EPROTO;
    if (stream)
        asyncio_stream_unref(stream);
    else
        close(ends[0]);
    close(ends[1]);
    close(file);
    return r;
}

static void test_sweep(void **state)
{
    (void)state;
    const char *backend = getenv("ASYNCIO_BACKEND");
    if (backend && strcmp(backend, "sim") == 0)
        return;
    enter_world("plain", false, 0);
    int descriptors = count_descriptors();
    assert_true(sweep_allocations("sendfile", talk) > 2);
    (void)sweep_cancellations("sendfile", talk);
    assert_int_equal(count_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_sweep),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(content);
    return failed;
}
