/* SPDX-License-Identifier: MIT */
/* Each system call of each part fails in each way it can, at its first call, its second, and so on:
 * the program gets through unharmed, or ends with an error that says why. Nothing hangs, spins or
 * is left.
 *
 * The calls are this program's own functions, which hide libc's and liburing's (2A and 2D of
 * tests/faults.md). A call fails instead of being made, or, for what has happened nevertheless
 * (close, shutdown, and connect when it is interrupted), after it was made. */
/* TEST: backends io_uring epoll; timeout 300; not allocations valgrind */
#include "net/net_test.h"

#include "files/files.h"

#include <asyncio.h>
#include <asyncio/timeout.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the calls ---- */

#define CALLS(X)                                                                                   \
    X(socket) X(bind) X(listen) X(connect) X(accept4) X(recv) X(send) X(sendmsg) X(shutdown)       \
    X(getsockopt) X(setsockopt) X(getsockname) X(getpeername) X(close) X(read) X(write) X(writev)  \
    X(epoll_create1) X(epoll_ctl) X(epoll_wait) X(eventfd) X(pipe2) X(pthread_create) X(waitid)    \
    X(recvmmsg) X(sendmmsg) X(fstat) X(io_uring_queue_init_params) X(io_uring_register_buf_ring)   \
    X(io_uring_enter2)

#define NUMBER(name) CALL_##name,
#define NAME(name) [CALL_##name] = #name,
enum call_number { CALLS(NUMBER) CALL_COUNT };
static const char *const call_names[] = { CALLS(NAME) };

static struct {
    enum call_number call;
    int error;               /* 0: only counts */
    unsigned nth, times;     /* from the nth on, so many of them */
    atomic_bool is_armed;
    atomic_uint counts[CALL_COUNT];
} plan;

static int fault_of(enum call_number call)
{
    if (!atomic_load(&plan.is_armed))
        return 0;
    unsigned n = atomic_fetch_add(&plan.counts[call], 1) + 1;
    return call == plan.call && n >= plan.nth && n < plan.nth + plan.times ? plan.error : 0;
}

static void find(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, sizeof found);
}

#define WRAP(type, name, parameters, ...)                                                          \
    type name parameters;                                                                          \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*libc) parameters;                                                             \
        if (!libc)                                                                                 \
            find((void *)&libc, #name);                                                            \
        int error = fault_of(CALL_##name);                                                         \
        if (error)                                                                                 \
            return errno = error, -1;                                                              \
        return libc(__VA_ARGS__);                                                                  \
    }

/* What returns the error itself. */
#define WRAP_RESULT(name, sign, parameters, ...)                                                   \
    int name parameters;                                                                           \
    int name parameters                                                                            \
    {                                                                                              \
        static int(*libc) parameters;                                                              \
        if (!libc)                                                                                 \
            find((void *)&libc, #name);                                                            \
        int error = fault_of(CALL_##name);                                                         \
        return error ? (sign)*error : libc(__VA_ARGS__);                                           \
    }

/* What has happened nevertheless. */
#define WRAP_AFTER(name, parameters, is_after, ...)                                                \
    int name parameters;                                                                           \
    int name parameters                                                                            \
    {                                                                                              \
        static int(*libc) parameters;                                                              \
        if (!libc)                                                                                 \
            find((void *)&libc, #name);                                                            \
        int error = fault_of(CALL_##name);                                                         \
        int r = error && !(is_after) ? -1 : libc(__VA_ARGS__);                                     \
        if (error)                                                                                 \
            return errno = error, -1;                                                              \
        return r;                                                                                  \
    }

struct io_uring;
struct io_uring_params;
struct io_uring_buf_reg;

WRAP(int, socket, (int family, int type, int protocol), family, type, protocol)
WRAP(int, bind, (int number, const struct sockaddr *name, socklen_t size), number, name, size)
WRAP(int, listen, (int number, int backlog), number, backlog)
WRAP(int, accept4, (int number, struct sockaddr *name, socklen_t *size, int flags), number, name,
     size, flags)
WRAP(ssize_t, recv, (int number, void *data, size_t size, int flags), number, data, size, flags)
WRAP(ssize_t, send, (int number, const void *data, size_t size, int flags), number, data, size,
     flags)
WRAP(ssize_t, sendmsg, (int number, const struct msghdr *header, int flags), number, header, flags)
WRAP(int, getsockopt, (int number, int level, int name, void *value, socklen_t *size), number,
     level, name, value, size)
WRAP(int, setsockopt, (int number, int level, int name, const void *value, socklen_t size), number,
     level, name, value, size)
WRAP(int, getsockname, (int number, struct sockaddr *name, socklen_t *size), number, name, size)
WRAP(int, getpeername, (int number, struct sockaddr *name, socklen_t *size), number, name, size)
WRAP(ssize_t, read, (int number, void *data, size_t size), number, data, size)
WRAP(ssize_t, writev, (int number, const struct iovec *pieces, int count), number, pieces, count)
WRAP(int, epoll_create1, (int flags), flags)
WRAP(int, epoll_ctl, (int set, int what, int number, struct epoll_event *event), set, what, number,
     event)
WRAP(int, epoll_wait, (int set, struct epoll_event *events, int count, int limit), set, events,
     count, limit)
WRAP(int, eventfd, (unsigned value, int flags), value, flags)
WRAP(int, pipe2, (int ends[2], int flags), ends, flags)
WRAP(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int flags), type, id, info, flags)
WRAP(int, recvmmsg,
     (int number, struct mmsghdr *headers, unsigned count, int flags, struct timespec *limit),
     number, headers, count, flags, limit)
WRAP(int, sendmmsg, (int number, struct mmsghdr *headers, unsigned count, int flags), number,
     headers, count, flags)
WRAP(int, fstat, (int number, struct stat *status), number, status)
WRAP_RESULT(pthread_create, +1,
            (pthread_t * thread, const pthread_attr_t *attributes, void *(*function)(void *),
             void *data),
            thread, attributes, function, data)
WRAP_RESULT(io_uring_queue_init_params, -1,
            (unsigned entries, struct io_uring *ring, struct io_uring_params *parameters), entries,
            ring, parameters)
WRAP_RESULT(io_uring_register_buf_ring, -1,
            (struct io_uring * ring, struct io_uring_buf_reg *registration, unsigned flags), ring,
            registration, flags)
WRAP_RESULT(io_uring_enter2, -1,
            (unsigned number, unsigned submit, unsigned complete, unsigned flags, void *argument,
             size_t size),
            number, submit, complete, flags, argument, size)
WRAP_AFTER(close, (int number), true, number)
WRAP_AFTER(shutdown, (int number, int how), true, number, how)
WRAP_AFTER(connect, (int number, const struct sockaddr *name, socklen_t size), error == EINTR,
           number, name, size)

/* But of an eventfd, which never waits: nothing interrupts it. */
ssize_t write(int number, const void *data, size_t size)
{
    static ssize_t (*libc)(int, const void *, size_t);
    if (!libc)
        find((void *)&libc, "write");
    int error = size == sizeof(uint64_t) ? 0 : fault_of(CALL_write);
    if (error)
        return errno = error, -1;
    return libc(number, data, size);
}

/* The other way to wait. */
long syscall(long number, ...);
long syscall(long number, ...)
{
    static long (*libc)(long, ...);
    long words[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++)
        words[i] = va_arg(rest, long);
    va_end(rest);
    if (!libc)
        find((void *)&libc, "syscall");
    int error = number == SYS_epoll_pwait2 ? fault_of(CALL_epoll_wait) : 0;
    if (error)
        return errno = error, -1;
    return libc(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

/* ---- what fails how; true: nobody must notice ---- */

enum { FOR_EVER = 1000000 };

struct fault {
    enum call_number call;
    int error;
    bool is_harmless;
    unsigned times;          /* in a row; 0: once */
};

static const struct fault faults[] = {
    { CALL_socket, EMFILE, false, 0 },
    { CALL_socket, ENFILE, false, 0 },
    { CALL_socket, ENOBUFS, false, 0 },
    { CALL_socket, EAFNOSUPPORT, false, 0 },
    { CALL_bind, EADDRINUSE, false, 0 },
    { CALL_bind, EACCES, false, 0 },
    { CALL_bind, EADDRNOTAVAIL, false, 0 },
    { CALL_listen, EADDRINUSE, false, 0 },
    { CALL_connect, ECONNREFUSED, false, 0 },
    { CALL_connect, ENETUNREACH, false, 0 },
    { CALL_connect, ETIMEDOUT, false, 0 },
    { CALL_connect, EADDRNOTAVAIL, false, 0 },
    { CALL_connect, EINTR, true, 0 },
    { CALL_accept4, EMFILE, true, 0 },
    { CALL_accept4, ENFILE, true, 3 },
    { CALL_accept4, ENOMEM, true, 0 },
    { CALL_accept4, ENOBUFS, true, 0 },
    { CALL_accept4, EINTR, true, 3 },
    { CALL_accept4, ECONNABORTED, true, 3 },
    { CALL_accept4, EPROTO, true, 0 },
    { CALL_accept4, ENETDOWN, true, 0 },
    { CALL_accept4, EHOSTUNREACH, true, 0 },
    { CALL_accept4, ENOPROTOOPT, true, 0 },
    { CALL_accept4, EPERM, true, 0 },
    { CALL_recv, EINTR, true, 3 },
    { CALL_recv, ECONNRESET, false, 0 },
    { CALL_recv, ETIMEDOUT, false, 0 },
    { CALL_recv, ENOMEM, false, 0 },
    { CALL_send, EINTR, true, 3 },
    { CALL_send, EPIPE, false, 0 },
    { CALL_send, ECONNRESET, false, 0 },
    { CALL_send, ENOBUFS, false, 0 },
    { CALL_send, EHOSTUNREACH, false, 0 },
    { CALL_sendmsg, EINTR, true, 3 },
    { CALL_sendmsg, EPIPE, false, 0 },
    { CALL_sendmsg, ENOMEM, false, 0 },
    { CALL_shutdown, ENOTCONN, false, 0 },
    { CALL_getsockopt, ENOBUFS, false, 0 },
    { CALL_setsockopt, ENOMEM, false, 0 },
    { CALL_setsockopt, ENOPROTOOPT, false, 0 },
    { CALL_getsockname, ENOBUFS, false, 0 },
    { CALL_getpeername, ENOBUFS, false, 0 },
    { CALL_close, EINTR, true, 0 },
    { CALL_close, EIO, false, 0 },
    { CALL_read, EINTR, true, 3 },
    { CALL_read, EIO, false, 0 },
    { CALL_write, EINTR, true, 3 },
    { CALL_write, ENOSPC, false, 0 },
    { CALL_write, EIO, false, 0 },
    { CALL_writev, EINTR, true, 3 },
    { CALL_writev, EPIPE, false, 0 },
    { CALL_epoll_create1, EMFILE, false, 0 },
    { CALL_epoll_create1, ENOMEM, false, 0 },
    { CALL_eventfd, EMFILE, false, 0 },
    { CALL_eventfd, ENFILE, false, 0 },
    { CALL_epoll_ctl, ENOMEM, false, 0 },
    { CALL_epoll_ctl, ENOSPC, false, 0 },
    { CALL_epoll_wait, EINTR, true, 3 },
    { CALL_epoll_wait, EBADF, false, FOR_EVER },
    { CALL_epoll_wait, EINVAL, false, FOR_EVER },
    { CALL_pipe2, EMFILE, false, 0 },
    { CALL_pthread_create, EAGAIN, false, 0 },
    { CALL_waitid, EINTR, true, 3 },
    { CALL_waitid, ECHILD, true, 0 },
    { CALL_recvmmsg, EINTR, true, 3 },
    { CALL_recvmmsg, ENOMEM, false, 0 },
    { CALL_recvmmsg, ECONNREFUSED, false, 0 },
    { CALL_sendmmsg, EINTR, true, 3 },
    { CALL_sendmmsg, ENOBUFS, false, 0 },
    { CALL_sendmmsg, EPERM, false, 0 },
    { CALL_fstat, EIO, false, 0 },
    { CALL_io_uring_queue_init_params, ENOSYS, false, 0 },
    { CALL_io_uring_queue_init_params, EPERM, false, 0 },
    { CALL_io_uring_queue_init_params, ENOMEM, false, 0 },
    { CALL_io_uring_queue_init_params, EMFILE, false, 0 },
    { CALL_io_uring_register_buf_ring, EINVAL, true, 0 }, /* then the older kind of buffers */
    { CALL_io_uring_register_buf_ring, ENOMEM, false, 2 },
    { CALL_io_uring_enter2, EINTR, true, 3 },
    { CALL_io_uring_enter2, EAGAIN, true, 3 },
    { CALL_io_uring_enter2, EBUSY, true, 3 },
    { CALL_io_uring_enter2, EBADR, false, 1 },
    { CALL_io_uring_enter2, EPERM, false, FOR_EVER }, /* it goes on without a ring */
    { CALL_io_uring_enter2, ENOSYS, false, FOR_EVER },
};

/* ---- the parts ---- */

static int echo_much(asyncio_stream *stream)
{
    static char block[20000];
    int n;
    while ((n = asyncio_stream_read(stream, block, sizeof block)) > 0)
        if ((n = asyncio_stream_write(stream, block, (size_t)n)) < 0)
            break;
    return n;
}

static int send_much(asyncio_stream *stream, const char *block, size_t size)
{
    int r = asyncio_stream_write(stream, block, size);
    return r < 0 ? r : asyncio_stream_write_eof(stream);
}

static int talk(asyncio_stream *stream)
{
    enum { SIZE = 300000 };
    static char block[SIZE], back[SIZE + 1];
    char line[32];
    asyncio_task *sender;
    for (int i = 0; i < SIZE; i++)
        block[i] = (char)('a' + i % 23);
    int r = asyncio_stream_write(stream, "hello\n", 6);
    if (r >= 0)
        r = asyncio_stream_readline(stream, line, sizeof line);
    if (r >= 0 && strncmp(line, "hello\n", (size_t)r) != 0)
        return -EPROTO;
    if (r >= 0 && r < 6) /* the end came before that */
        r = -ECONNRESET;
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(send_much, stream, block, SIZE), &sender);
    if (r < 0)
        return r;
    size_t got = 0;
    while ((r = asyncio_stream_read(stream, back + got, SIZE + 1 - got)) > 0)
        got += (size_t)r;
    if (r < 0)
        asyncio_task_cancel(sender);
    int sent = asyncio_await(sender);
    asyncio_task_unref(sender);
    r = r < 0 ? r : sent;
    if (memcmp(block, back, got < SIZE ? got : SIZE) != 0)
        return -EPROTO; /* whatever happens: what comes is right */
    return r < 0 ? r : got == SIZE ? 0 : -ECONNRESET;
}

static int shut_server(asyncio_server *server, int r)
{
    int ended = asyncio_server_shutdown(server, r < 0 ? 0.0 : 2.0);
    asyncio_server_unref(server);
    return r < 0 || ended == -ETIMEDOUT ? r : ended;
}

static int by_tcp(void)
{
    asyncio_server *server;
    asyncio_stream *stream;
    int r = asyncio_start_server(echo_much, "127.0.0.1", 0, &server);
    if (r < 0)
        return r;
    r = asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream);
    if (r >= 0) {
        r = talk(stream);
        asyncio_stream_close(stream);
        int closed = asyncio_stream_wait_closed(stream);
        asyncio_stream_unref(stream);
        r = r < 0 ? r : closed;
    }
    return shut_server(server, r);
}

static int by_unix(void)
{
    static unsigned times; /* without a ring the kernel lets go of a listener a moment later */
    asyncio_server *server;
    asyncio_stream *stream;
    char name[100];
    snprintf(name, sizeof name, "%s-%u", abstract("calls"), times++);
    int r = asyncio_start_unix_server(echo_much, name, &server);
    if (r < 0)
        return r;
    r = asyncio_open_unix_connection(name, &stream);
    if (r >= 0) {
        r = talk(stream);
        asyncio_stream_unref(stream);
    }
    return shut_server(server, r);
}

static int by_udp(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_datagram_transport *a, *b;
    struct sockaddr_storage name;
    char text[3][16];
    asyncio_datagram out[3], in[3];
    int r = asyncio_loop_create_datagram_endpoint(loop, NULL, &a, .local_host = "127.0.0.1");
    if (r < 0)
        return r;
    r = asyncio_datagram_transport_sockname(a, &name, NULL);
    if (r >= 0)
        r = asyncio_loop_create_datagram_endpoint(
            loop, NULL, &b, .remote_host = "127.0.0.1",
            .remote_port = ntohs(((struct sockaddr_in *)&name)->sin_port));
    if (r >= 0) {
        for (int i = 0; i < 3; i++) {
            out[i] = (asyncio_datagram){ .data = (void *)(uintptr_t)"datagram", .size = 8 };
            in[i] = (asyncio_datagram){ .data = text[i], .size = sizeof text[i] };
        }
        r = asyncio_datagram_transport_send(b, out, 3);
        for (int got = 0; r >= 0 && got < 3; got += r)
            r = asyncio_datagram_transport_receive(a, in, 3);
        if (r >= 0 && (in[0].length != 8 || memcmp(text[0], "datagram", 8) != 0))
            r = -EPROTO;
        asyncio_datagram_transport_unref(b);
    }
    asyncio_datagram_transport_unref(a);
    return r < 0 ? r : asyncio_sleep(0);
}

static int by_file(void)
{
    char path[] = "/tmp/asyncio-calls-XXXXXX", text[32];
    atomic_store(&plan.is_armed, false);
    close(mkstemp(path));
    atomic_store(&plan.is_armed, true);
    int file = asyncio_open(path, O_RDWR | O_TRUNC), r = file;
    if (file >= 0) {
        r = asyncio_write(file, "what is in it", 13);
        if (r == 13)
            r = asyncio_pread(file, text, sizeof text, 0);
        if (r >= 0 && (r != 13 || memcmp(text, "what is in it", 13) != 0))
            r = -EPROTO;
        if (r >= 0)
            r = lseek(file, 0, SEEK_SET) < 0 ? -errno : asyncio_read(file, text, 4);
        if (r >= 0)
            r = asyncio_fsync(file);
        int closed = asyncio_close(file);
        r = r < 0 ? r : closed;
    }
    unlink(path);
    return r;
}

static int by_process(void)
{
    asyncio_process *process;
    asyncio_process_output output;
    int code = -1;
    int r = asyncio_create_subprocess_shell("cat", &process, .std_in = ASYNCIO_SUBPROCESS_PIPE,
                                            .std_out = ASYNCIO_SUBPROCESS_PIPE);
    if (r < 0)
        return r;
    r = asyncio_process_communicate(process, &output, .input = "words", .input_size = 5);
    if (r >= 0 && strncmp(output.std_out, "words", output.std_out_size) != 0)
        r = -EPROTO;
    if (r >= 0 && output.std_out_size < 5) /* as in Python, that it took no input is no error */
        r = -EPIPE;
    if (r < 0)
        asyncio_process_kill(process);
    int waited = asyncio_process_wait(process, &code);
    asyncio_process_unref(process);
    return r < 0 ? r : waited;
}

struct part {
    const char *name;
    int (*run)(void);
};
static const struct part parts[] = {
    { "a TCP connection", by_tcp }, { "an AF_UNIX connection", by_unix },
    { "datagrams", by_udp },        { "a file", by_file },
    { "a subprocess", by_process },
};

/* ---- the sweep ---- */

static double cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void close_highest(void)
{
    int highest = 1000;
    while (highest > 2 && close(highest) < 0)
        highest--;
}

static int limited(const struct part *part)
{
    asyncio_timeout limit;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_report, NULL);
    asyncio_timeout_enter(&limit, 10.0);
    int r = asyncio_timeout_exit(&limit, part->run());
    return r == -ETIMEDOUT && plan.error != ETIMEDOUT ? -EDEADLK : r;
}

/* The error itself, or what one end's error means for the other. */
static bool is_expected(const struct fault *fault, int r)
{
    if (r == 0 || fault->is_harmless)
        return r == 0;
    return r == -fault->error || r == -ECONNRESET || r == -EPIPE || r == -EIO ||
           r == -ASYNCIO_INCOMPLETE_READ || (fault->call == CALL_epoll_wait && r == -ECANCELED) ||
           (fault->call == CALL_io_uring_enter2 && r == -ECANCELED);
}

static int play(const struct part *part, const struct fault *fault, unsigned nth)
{
    plan.call = fault ? fault->call : CALL_socket;
    plan.error = fault ? fault->error : 0;
    plan.nth = nth;
    plan.times = fault && fault->times ? fault->times : 1;
    for (int i = 0; i < CALL_COUNT; i++)
        atomic_store(&plan.counts[i], 0);
    reports.count = 0;
    asyncio__record_put(NULL);
    uint64_t live = asyncio__alloc_live();
    int descriptors = count_descriptors();
    double cpu = cpu_seconds();
    atomic_store(&plan.is_armed, true);
    int r = asyncio_run(asyncio_coro(limited, part), .shutdown_timeout = 5.0);
    atomic_store(&plan.is_armed, false);
    asyncio__record_put(NULL);
    for (int i = 0; i < 2000 && asyncio__alloc_live() != live; i++)
        nanosleep(&(struct timespec){ 0, FOR_EVER }, NULL);
    int left = count_descriptors() - descriptors;
    bool is_stolen = fault && fault->call == CALL_waitid; /* it was told that somebody has it */
    if (waitpid(-1, NULL, is_stolen ? 0 : WNOHANG) > 0 && !is_stolen)
        fail_msg("%s, %s() number %u: a child is left", part->name, call_names[plan.call], nth);
    if (left == 1 && part->run == by_file && plan.times == FOR_EVER) {
        close_highest(); /* the loop has ended beneath a task that had a file open */
        left = 0;
    }
    if (asyncio__alloc_live() != live || left || (fault && !is_expected(fault, r)) ||
        cpu_seconds() - cpu > 3)
        fail_msg("%s, %s() number %u: %s: the end was %s; %d blocks, %d descriptors left, %.1f s",
                 part->name, call_names[plan.call], nth,
                 plan.error ? strerrorname_np(plan.error) : "-", asyncio_error_name(r),
                 (int)(asyncio__alloc_live() - live), left, cpu_seconds() - cpu);
    return r;
}

enum { NTH_MAX = 24 };

static void test_calls(void **state)
{
    (void)state;
    unsigned runs = 0, reached = 0;
    enter_world("plain", false, 0);
    asyncio__file_tries_nothing = true;
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        unsigned counts[CALL_COUNT];
        assert_int_equal(play(&parts[p], NULL, 0), 0);
        for (int i = 0; i < CALL_COUNT; i++)
            counts[i] = atomic_load(&plan.counts[i]);
        for (size_t f = 0; f < sizeof faults / sizeof *faults; f++) {
            unsigned most = counts[faults[f].call];
            most = most < NTH_MAX ? most : NTH_MAX;
            for (unsigned nth = 1; nth <= most; nth++, runs++)
                (void)play(&parts[p], &faults[f], nth);
            reached += most != 0;
        }
    }
    print_message("sweep: %u system calls failed in turn, in %u ways\n", runs, reached);
    assert_true(runs > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_calls) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
