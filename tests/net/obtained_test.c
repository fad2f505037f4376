/* SPDX-License-Identifier: MIT */
/* A cancellation in the very turn in which a call obtains something, and in the turns around it:
 * for each call that does. What was obtained is handed out, and the cancellation waits for the next
 * suspension; or it is there for whoever comes next; or it was given back. Never is it lost, and
 * never both. */
/* TEST: timeout 120 */
#include "net/net_test.h"

#include "files/files.h"

#include <arpa/inet.h>
#include <asyncio.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TURNS = 9 };

/* What the call of a kind works on. */
static struct {
    int ends[2], number;
    struct sockaddr_in name;
    struct pair pair;
    asyncio_datagram_transport *to, *from;
    asyncio_queue queue;
    asyncio_thread_queue *between;
    asyncio_lock lock;
    asyncio_semaphore semaphore;
    asyncio_server *server;
    asyncio_stream *stream;
    asyncio_process *process;
    struct addrinfo *infos;
    int item, told;
} its;

struct kind {
    const char *name;
    bool in_sim;
    int (*begin)(void);
    int (*take)(void);               /* the call, in a task */
    int (*give)(void);               /* makes it obtain something; NULL: it does so by itself */
    int (*left)(void);               /* 1: it is there for whoever comes next; NULL: given back */
    int (*end)(void);
};

static asyncio_loop *loop(void)
{
    return asyncio_get_running_loop();
}

static struct sockaddr *name(void)
{
    return (struct sockaddr *)&its.name;
}

/* ---- plain sockets ---- */

static int open_ends(void)
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, its.ends) < 0 ? -errno : 0;
}

static int close_ends(void)
{
    close(its.ends[0]);
    close(its.ends[1]);
    return 0;
}

static int give_byte(void)
{
    return write(its.ends[1], "x", 1) == 1 ? 0 : -errno;
}

static int byte_left(void)
{
    struct pollfd ready = { .fd = its.ends[0], .events = POLLIN };
    return poll(&ready, 1, 0);
}

static int sock_recv(void)
{
    char byte;
    return asyncio_loop_sock_recv(loop(), its.ends[0], &byte, 1);
}

static int sock_recvfrom(void)
{
    char byte;
    return asyncio_loop_sock_recvfrom(loop(), its.ends[0], &byte, 1, NULL, NULL);
}

static int open_listener(void)
{
    socklen_t size = sizeof its.name;
    its.name = (struct sockaddr_in){ .sin_family = AF_INET };
    its.name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    its.ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    its.ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    its.number = -1;
    CHECK_IS(bind(its.ends[0], name(), size), 0);
    CHECK_IS(listen(its.ends[0], 4), 0);
    CHECK_IS(getsockname(its.ends[0], name(), &size), 0);
    return 0;
}

static int close_listener(void)
{
    if (its.number >= 0)
        close(its.number);
    return close_ends();
}

static int sock_accept(void)
{
    its.number = asyncio_loop_sock_accept(loop(), its.ends[0], NULL, NULL);
    return its.number;
}

static int give_connection(void)
{
    return connect(its.ends[1], name(), sizeof its.name) < 0 ? -errno : 0;
}

static int sock_connect(void)
{
    return asyncio_loop_sock_connect(loop(), its.ends[1], name(), sizeof its.name);
}

/* ---- streams and datagrams ---- */

static int open_streams(void)
{
    return pair_open(&its.pair, 65536);
}

static int close_streams(void)
{
    return pair_close(&its.pair, 0);
}

static int give_line(void)
{
    return asyncio_stream_write_nowait(its.pair.b, "x\n", 2);
}

static int give_newline(void)
{
    return asyncio_stream_write_nowait(its.pair.b, "\n", 1);
}

static int stream_read(void)
{
    char text[2];
    return asyncio_stream_read(its.pair.a, text, sizeof text);
}

static int stream_line(void)
{
    char line[8];
    return asyncio_stream_readline(its.pair.a, line, sizeof line);
}

static int stream_exactly(void)
{
    char text[2];
    return asyncio_stream_readexactly(its.pair.a, text, sizeof text, NULL);
}

static int line_left(void)
{
    char line[8];
    int r = asyncio_wait_for(asyncio_coro(asyncio_stream_readline, its.pair.a, line, sizeof line),
                             0.05);
    return r == -ETIMEDOUT ? 0 : r > 0 && r <= 2 ? 1 : -EPROTO;
}

static int open_endpoints(void)
{
    struct sockaddr_storage address;
    int r = asyncio_loop_create_datagram_endpoint(loop(), NULL, &its.to, .local_host = "127.0.0.1");
    if (r < 0)
        return r;
    CHECK_IS(asyncio_datagram_transport_sockname(its.to, &address, NULL), 0);
    return asyncio_loop_create_datagram_endpoint(
        loop(), NULL, &its.from, .remote_host = "127.0.0.1",
        .remote_port = ntohs(((struct sockaddr_in *)&address)->sin_port));
}

static int close_endpoints(void)
{
    asyncio_datagram_transport_unref(its.to);
    asyncio_datagram_transport_unref(its.from);
    return asyncio_sleep(0);
}

static int receive_datagram(void)
{
    char text[8];
    asyncio_datagram datagram = { .data = text, .size = sizeof text };
    return asyncio_datagram_transport_receive(its.to, &datagram, 1);
}

static int give_datagram(void)
{
    return asyncio_datagram_transport_sendto(its.from, "x", 1, NULL, 0);
}

static int datagram_left(void)
{
    int r = asyncio_wait_for(asyncio_coro(receive_datagram), 0.05);
    return r == -ETIMEDOUT ? 0 : r;
}

static int open_server(void)
{
    its.stream = NULL;
    return asyncio_start_server(say_hello, "127.0.0.1", 0, &its.server);
}

static int open_connection(void)
{
    return asyncio_open_connection("localhost", asyncio_server_port(its.server), &its.stream);
}

static int close_server(void)
{
    asyncio_stream_unref(its.stream);
    return end_server(its.server);
}

static int look_up(void)
{
    return asyncio_loop_getaddrinfo(loop(), "localhost", "80", &its.infos, .type = SOCK_STREAM);
}

static int open_names(void)
{
    its.infos = NULL;
    return asyncio_loop_set_resolver(loop(), .cache_size = 0);
}

static int close_names(void)
{
    asyncio_freeaddrinfo(its.infos);
    return settle();
}

/* ---- files and processes ---- */

static int open_pipe(void)
{
    return pipe2(its.ends, O_CLOEXEC) < 0 ? -errno : 0;
}

static int file_read(void)
{
    char byte;
    return asyncio_read(its.ends[0], &byte, 1);
}

static int nothing(void)
{
    its.number = -1;
    its.process = NULL;
    return 0;
}

static int file_open(void)
{
    its.number = asyncio_open("/dev/null", O_RDONLY);
    return its.number;
}

static int close_file(void)
{
    if (its.number >= 0)
        close(its.number);
    return 0;
}

static int create_process(void)
{
    return asyncio_create_subprocess_shell("exec sleep 60", &its.process,
                                           .std_in = ASYNCIO_SUBPROCESS_PIPE,
                                           .std_out = ASYNCIO_SUBPROCESS_PIPE);
}

static int end_process(void)
{
    int code, r = 0;
    if (its.process) {
        asyncio_process_kill(its.process);
        r = asyncio_process_wait(its.process, &code);
    }
    asyncio_process_unref(its.process);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD); /* no child, no zombie */
    return r < 0 ? r : settle();
}

/* ---- what tasks and threads share ---- */

static int open_queue(void)
{
    return asyncio_queue_init(&its.queue, sizeof(int));
}

static int queue_get(void)
{
    return asyncio_queue_get(&its.queue, &its.item);
}

static int queue_put(void)
{
    return asyncio_queue_put_nowait(&its.queue, &(int){ 7 });
}

static int queue_left(void)
{
    int item = 0, r = asyncio_queue_get_nowait(&its.queue, &item);
    return r == -ASYNCIO_QUEUE_EMPTY ? 0 : r == 0 && item == 7 ? 1 : -EPROTO;
}

static int close_queue(void)
{
    return asyncio_queue_fini(&its.queue);
}

static int open_between(void)
{
    return asyncio_thread_queue_new(sizeof(int), &its.between);
}

static int between_get(void)
{
    return asyncio_thread_queue_get(its.between, &its.item);
}

static int between_put(void)
{
    return asyncio_thread_queue_put_nowait(its.between, &(int){ 7 });
}

static int between_left(void)
{
    int item = 0, r = asyncio_thread_queue_get_nowait(its.between, &item);
    return r == -ASYNCIO_QUEUE_EMPTY ? 0 : r == 0 && item == 7 ? 1 : -EPROTO;
}

static int close_between(void)
{
    asyncio_thread_queue_unref(its.between);
    return 0;
}

static int open_lock(void)
{
    asyncio_lock_init(&its.lock);
    return asyncio_lock_acquire(&its.lock);
}

static int lock_acquire(void)
{
    return asyncio_lock_acquire(&its.lock);
}

static int lock_release(void)
{
    return asyncio_lock_release(&its.lock);
}

static int lock_left(void)
{
    return !asyncio_lock_locked(&its.lock);
}

static int close_lock(void)
{
    if (asyncio_lock_locked(&its.lock))
        asyncio_lock_release(&its.lock);
    return asyncio_lock_fini(&its.lock);
}

static int open_semaphore(void)
{
    return asyncio_semaphore_init(&its.semaphore, 0);
}

static int semaphore_acquire(void)
{
    return asyncio_semaphore_acquire(&its.semaphore);
}

static int semaphore_release(void)
{
    return asyncio_semaphore_release(&its.semaphore);
}

static int semaphore_left(void)
{
    return !asyncio_semaphore_locked(&its.semaphore);
}

static int close_semaphore(void)
{
    return asyncio_semaphore_fini(&its.semaphore);
}

/* ---- all of them ---- */

static const struct kind kinds[] = {
    { "sock_recv", false, open_ends, sock_recv, give_byte, byte_left, close_ends },
    { "sock_recvfrom", false, open_ends, sock_recvfrom, give_byte, byte_left, close_ends },
    { "sock_accept", false, open_listener, sock_accept, give_connection, NULL, close_listener },
    { "sock_connect", false, open_listener, sock_connect, NULL, NULL, close_listener },
    { "stream read", true, open_streams, stream_read, give_newline, line_left, close_streams },
    { "readline", true, open_streams, stream_line, give_line, line_left, close_streams },
    { "readexactly", true, open_streams, stream_exactly, give_line, line_left, close_streams },
    { "datagram receive", true, open_endpoints, receive_datagram, give_datagram, datagram_left,
      close_endpoints },
    { "open_connection", true, open_server, open_connection, NULL, NULL, close_server },
    { "getaddrinfo", true, open_names, look_up, NULL, NULL, close_names },
    { "file read", false, open_pipe, file_read, give_byte, byte_left, close_ends },
    { "file open", true, nothing, file_open, NULL, NULL, close_file },
    { "subprocess", false, nothing, create_process, NULL, NULL, end_process },
    { "queue get", true, open_queue, queue_get, queue_put, queue_left, close_queue },
    { "thread queue get", true, open_between, between_get, between_put, between_left,
      close_between },
    { "lock", true, open_lock, lock_acquire, lock_release, lock_left, close_lock },
    { "semaphore", true, open_semaphore, semaphore_acquire, semaphore_release, semaphore_left,
      close_semaphore },
};

static int take(const struct kind *kind)
{
    int r = kind->take();
    if (r >= 0)
        its.told = asyncio_sleep(0);
    return r;
}

struct play {
    const struct kind *kind;
    unsigned obtained, cancelled;    /* of the plays */
};

static void cancel_it(asyncio_loop *its_loop, void *task)
{
    (void)its_loop;
    asyncio_task_cancel(task);
}

/* `turns` after it was given; by the task beside it, or from a callback within that turn. */
static int play_once(struct play *play, int turns, bool by_callback)
{
    const struct kind *kind = play->kind;
    asyncio_task *task;
    its.told = 0;
    its.item = 0;
    CHECK_IS(kind->begin(), 0);
    START(task, take, kind);
    for (int i = 0; kind->give && i < 3; i++)
        CHECK_IS(asyncio_sleep(0), 0);
    if (kind->give)
        CHECK_IS(kind->give(), 0);
    for (int i = 0; i < turns; i++)
        CHECK_IS(asyncio_sleep(i % 3 ? 0 : 0.0002), 0);
    bool is_last = turns == TURNS - 1; /* however slow threads are */
    for (int i = 0; is_last && i < 5000 && !asyncio_task_done(task); i++)
        CHECK_IS(asyncio_sleep(0.001), 0);
    bool was_asked = false;
    if (by_callback) {
        was_asked = !asyncio_task_done(task);
        CHECK_IS(asyncio_loop_call_soon(loop(), cancel_it, NULL, .data = task), 0);
        CHECK_IS(asyncio_sleep(0), 0);
    } else {
        was_asked = asyncio_task_cancel(task) == 1;
    }
    int r = join(task);
    if (r < 0)
        CHECK_IS(r, -ECANCELED);
    CHECK(r >= 0 || was_asked);
    if (!by_callback && r >= 0) /* it was told later */
        CHECK_IS(its.told, was_asked ? -ECANCELED : 0);
    CHECK(r < 0 || kind->take != queue_get || its.item == 7);
    if (kind->left) {
        if (kind->take == file_read || kind->take == sock_recv) /* it is there, or it was taken */
            CHECK_IS(settle(), 0);
        CHECK_IS(kind->left(), r < 0);
    }
    play->obtained += r >= 0;
    play->cancelled += r < 0;
    return kind->end();
}

static int play(void *data)
{
    struct play *play = data;
    for (int turns = 0; turns < TURNS; turns++)
        for (int i = 0; i < 2; i++)
            CHECK_IS(play_once(play, turns, i), 0);
    return settle();
}

static void test_obtained(void **state)
{
    (void)state;
    asyncio__file_tries_nothing = true;
    setenv("ASYNCIO_POLL_EVERY_TURN", "1", 1);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct play one = { .kind = &kinds[i] };
        enter_world("plain", false, 0);
        if (world.is_sim && !one.kind->in_sim)
            continue;
        uint64_t live = asyncio__alloc_live();
        int descriptors = count_descriptors();
        for (unsigned long seed = 0; seed < (world.is_sim ? 1 + SEEDS : 1); seed++) {
            enter_world(one.kind->name, false, seed);
            asyncio__record_put(NULL);
            int r = asyncio_run(asyncio_coro(observed, play, &one));
            asyncio__record_put(NULL);
            for (int k = 0; k < 2000 && asyncio__alloc_live() != live; k++)
                nanosleep(&(struct timespec){ 0, 1000000 }, NULL); /* a thread's look-up */
            if (r != 0 || asyncio__alloc_live() != live || count_descriptors() != descriptors)
                fail_msg("%s, seed %lu: %s; %d blocks, %d descriptors left", one.kind->name, seed,
                         asyncio_error_name(r), (int)(asyncio__alloc_live() - live),
                         count_descriptors() - descriptors);
        }
        print_message("%s: cancelled %u times, obtained %u times\n", one.kind->name, one.cancelled,
                      one.obtained);
        assert_true(one.cancelled > 0 && one.obtained > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_obtained) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
