/* SPDX-License-Identifier: MIT */
/* What belongs to a loop, asked for from where it does not: in a child that has inherited it by
 * fork, and, in debug mode, in another thread. Whatever is asked is refused by one clear error;
 * nothing of that reaches the loop's own program, its peers or its children, who go on. */
/* TEST: backends io_uring epoll; timeout 120; not valgrind aarch64 tsan */
/* The sim has no network but its own memory, which the child has copied. */
#include "net/tls_test.h"

#include <asyncio.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static asyncio_loop *loop(void)
{
    return asyncio_get_running_loop();
}

/* ---- what there is when it forks ---- */

static struct {
    asyncio_loop *loop;
    struct pair plain;
    struct tls_pair tls;
    asyncio_datagram_transport *udp, *teller;
    asyncio_transport *transport, *pipe;
    asyncio_subprocess_transport *child;
    int far_end, far_pipe, file;
} all;

static unsigned told; /* protocols, of anything after the fork */

static void on_data(asyncio_protocol *protocol, const void *data, size_t size)
{
    (void)protocol;
    (void)data;
    told += (unsigned)size;
}

static asyncio_protocol *give(void *data)
{
    static const asyncio_protocol_methods methods = { .data_received = on_data };
    static asyncio_protocol protocol = { &methods };
    (void)data;
    return &protocol;
}

static asyncio_datagram_protocol *give_datagrams(void *data)
{
    static const asyncio_datagram_protocol_methods methods = { NULL };
    static asyncio_datagram_protocol protocol = { &methods };
    (void)data;
    return &protocol;
}

static void on_ready(int descriptor)
{
    (void)descriptor;
}

static asyncio_subprocess_protocol *give_child(void *data)
{
    static const asyncio_subprocess_protocol_methods methods = { NULL };
    static asyncio_subprocess_protocol protocol = { &methods };
    (void)data;
    return &protocol;
}

static int open_all(void)
{
    int ends[2];
    memset(&all, 0, sizeof all);
    told = 0;
    all.loop = loop();
    CHECK_IS(pair_open(&all.plain, 65536), 0);
    CHECK_IS(tls_pair_open(&all.tls, 65536), 0);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &all.udp,
                                                   .local_host = "127.0.0.1"), 0);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), give_datagrams, &all.teller,
                                                   .local_host = "127.0.0.1"), 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    CHECK_IS(asyncio_loop_create_unix_connection(loop(), give, NULL, &all.transport,
                                                 .sock = ends[0]), 0);
    all.far_end = ends[1];
    CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    CHECK_IS(asyncio_loop_connect_write_pipe(loop(), give, ends[1], &all.pipe), 0);
    all.far_pipe = ends[0];
    CHECK_IS(asyncio_loop_subprocess_exec(loop(), give_child, ASYNCIO_ARGS("sleep", "100"),
                                          &all.child), 0);
    all.file = open("/dev/null", O_RDWR | O_CLOEXEC);
    return all.file < 0 ? -errno : 0;
}

static int close_all(void)
{
    CHECK_IS(pair_close(&all.plain, 0), 0);
    CHECK_IS(pair_close(&all.tls.pair, 0), 0);
    asyncio_ssl_context_unref(all.tls.server);
    asyncio_ssl_context_unref(all.tls.client);
    asyncio_datagram_transport_unref(all.udp);
    asyncio_datagram_transport_unref(all.teller);
    asyncio_transport_abort(all.transport);
    asyncio_transport_unref(all.transport);
    asyncio_transport_abort(all.pipe);
    asyncio_transport_unref(all.pipe);
    asyncio_subprocess_transport_close(all.child);
    asyncio_subprocess_transport_unref(all.child);
    close(all.far_end);
    close(all.far_pipe);
    close(all.file);
    return settle();
}

/* ---- elsewhere ---- */

static int line;     /* of a call that was not refused as it should be */
static int expected; /* what refuses */

#define IS(error, ...)                                                                             \
    do {                                                                                           \
        int is_ = (__VA_ARGS__);                                                                   \
        if (is_ != (error)) {                                                                      \
            line = __LINE__;                                                                       \
            print_error("%s:%d: %s is %s\n", __FILE__, __LINE__, #__VA_ARGS__,                     \
                        asyncio_error_name(is_));                                                  \
        }                                                                                          \
    } while (0)
/* Of what belongs to the loop. */
#define REFUSED(...) IS(expected, __VA_ARGS__)
/* Of what belongs to the running task's loop: there is no such task. */
#define NO_TASK(...) IS(-ASYNCIO_NO_TASK, __VA_ARGS__)

static void ask_stream(asyncio_stream *stream)
{
    char text[8];
    int64_t sent;
    REFUSED(asyncio_stream_read(stream, text, 1));
    REFUSED(asyncio_stream_readexactly(stream, text, 1, NULL));
    REFUSED(asyncio_stream_readline(stream, text, sizeof text));
    REFUSED(asyncio_stream_readuntil(stream, "x", 1, text, sizeof text));
    REFUSED(asyncio_stream_fill(stream, 1));
    REFUSED(asyncio_stream_write(stream, "x", 1));
    REFUSED(asyncio_stream_write_nowait(stream, "x", 1));
    REFUSED(asyncio_stream_drain(stream));
    REFUSED(asyncio_stream_write_eof(stream));
    REFUSED(asyncio_stream_wait_closed(stream));
    REFUSED(asyncio_stream_start_tls(stream, all.tls.client));
    REFUSED(asyncio_loop_sendfile(all.loop, stream, all.file, &sent));
}

static void ask_for_connections(void)
{
    asyncio_stream *stream;
    asyncio_server *server;
    asyncio_transport *transport;
    asyncio_datagram_transport *udp;
    NO_TASK(asyncio_open_connection("127.0.0.1", 9, &stream));
    NO_TASK(asyncio_open_connection("127.0.0.1", 9, &stream, .ssl = all.tls.client));
    NO_TASK(asyncio_open_unix_connection(abstract("nobody"), &stream));
    NO_TASK(asyncio_connect_accepted_socket(all.far_end, &stream));
    NO_TASK(asyncio_connect_read_pipe(all.far_pipe, &stream));
    NO_TASK(asyncio_start_server(pair_handler, "127.0.0.1", 0, &server));
    NO_TASK(asyncio_start_unix_server(pair_handler, abstract("fork_test"), &server));
    REFUSED(asyncio_loop_create_connection(all.loop, give, "127.0.0.1", 9, &transport));
    REFUSED(asyncio_loop_create_server(all.loop, give, "127.0.0.1", 0, &server));
    REFUSED(asyncio_loop_connect_read_pipe(all.loop, give, all.far_pipe, &transport));
    REFUSED(asyncio_loop_connect_accepted_socket(all.loop, give, all.far_end, &transport));
    REFUSED(asyncio_loop_create_datagram_endpoint(all.loop, NULL, &udp,
                                                  .local_host = "127.0.0.1"));
    REFUSED(asyncio_loop_start_tls(all.loop, all.transport, all.tls.client));
    REFUSED(asyncio_loop_sendfile(all.loop, all.transport, all.file, NULL));
    REFUSED(asyncio_server_start_serving(all.plain.server));
    REFUSED(asyncio_server_serve_forever(all.plain.server));
    REFUSED(asyncio_server_wait_closed(all.plain.server));
}

static void ask_transports(void)
{
    char text[8];
    asyncio_datagram datagram = { .data = text, .size = sizeof text };
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    asyncio_transport *transports[] = { all.transport, all.pipe };
    for (int i = 0; i < 2; i++) {
        REFUSED(asyncio_transport_write(transports[i], "x", 1));
        REFUSED(asyncio_transport_write_eof(transports[i]));
        REFUSED(asyncio_transport_set_write_buffer_limits(transports[i], 1, 0));
    }
    REFUSED(asyncio_datagram_transport_receive(all.udp, &datagram, 1));
    memcpy(&datagram.address, &address, sizeof address);
    datagram.address_size = sizeof address;
    REFUSED(asyncio_datagram_transport_send(all.udp, &datagram, 1));
    REFUSED(asyncio_datagram_transport_sendto(all.udp, "x", 1, (struct sockaddr *)&address,
                                              sizeof address));
    REFUSED(asyncio_datagram_transport_sendto(all.teller, "x", 1, (struct sockaddr *)&address,
                                              sizeof address));
    REFUSED(asyncio_datagram_transport_set_multicast(all.udp, 1, 1));
}

static void ask_for_the_rest(void)
{
    char text[8];
    struct addrinfo *list;
    asyncio_nameinfo names;
    struct sockaddr_in address = { .sin_family = AF_INET };
    asyncio_process *process;
    asyncio_subprocess_transport *child;
    struct stat status;
    REFUSED(asyncio_loop_getaddrinfo(all.loop, "localhost", NULL, &list));
    REFUSED(asyncio_loop_getnameinfo(all.loop, (struct sockaddr *)&address, sizeof address,
                                     &names));
    REFUSED(asyncio_loop_sock_recv(all.loop, all.far_end, text, sizeof text));
    REFUSED(asyncio_loop_sock_sendall(all.loop, all.far_end, "x", 1));
    NO_TASK(asyncio_create_subprocess_exec(ASYNCIO_ARGS("true"), &process));
    REFUSED(asyncio_subprocess_transport_kill(all.child));
    REFUSED(asyncio_subprocess_transport_send_signal(all.child, SIGTERM));
    REFUSED(asyncio_transport_write(asyncio_subprocess_transport_get_pipe_transport(all.child, 0),
                                    "x", 1));
    REFUSED(asyncio_loop_set_resolver(all.loop));
    REFUSED(asyncio_loop_add_reader(all.loop, all.far_end, on_ready));
    REFUSED(asyncio_loop_subprocess_shell(all.loop, give_child, "true", &child));
    NO_TASK(asyncio_read(all.file, text, 1));
    NO_TASK(asyncio_stat("/", &status));
    NO_TASK(asyncio_sleep(0));
}

enum { ENDS = 12 };

/* What returns nothing, and so refuses in silence. */
static void end_all(void)
{
    asyncio_transport_pause_reading(all.transport);
    asyncio_subprocess_transport_close(all.child);
    asyncio_stream_close(all.plain.a);
    asyncio_stream_abort(all.plain.b);
    asyncio_stream_close(all.tls.pair.a);
    asyncio_stream_abort(all.tls.pair.b);
    asyncio_transport_close(all.transport);
    asyncio_transport_abort(all.pipe);
    asyncio_datagram_transport_close(all.udp);
    asyncio_datagram_transport_abort(all.teller);
    asyncio_server_close(all.plain.server);
    asyncio_server_abort_clients(all.plain.server);
}

static void end_everything(void)
{
    end_all();
    asyncio_stream_unref(all.plain.a);
    asyncio_datagram_transport_unref(all.udp);
}

static int in_the_child(void (*body)(void))
{
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        line = 0;
        expected = -ASYNCIO_FORKED;
        body();
        _exit(line ? 1 : 0);
    }
    CHECK(child > 0);
    CHECK_IS(waitpid(child, &status, 0), child);
    CHECK_IS(status, 0);
    return 0;
}

/* ---- in another thread ---- */

static void *call_body(void *body)
{
    (*(void (**)(void))body)();
    asyncio__record_put(NULL);
    return NULL;
}

static int in_a_thread(void (*body)(void))
{
    pthread_t thread;
    line = 0;
    expected = -ASYNCIO_WRONG_THREAD;
    asyncio_loop_set_debug(loop(), 1);
    CHECK(pthread_create(&thread, NULL, call_body, &body) == 0);
    pthread_join(thread, NULL);
    asyncio_loop_set_debug(loop(), 0);
    CHECK_IS(line, 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(reports.count, body == end_all ? ENDS : 0);
    CHECK(!reports.count || reports.last == -ASYNCIO_WRONG_THREAD);
    return 0;
}

static void ask_streams(void)
{
    ask_stream(all.plain.a);
    ask_stream(all.tls.pair.a);
}

/* ---- in the loop's own ---- */

static int exchange(asyncio_stream *from, asyncio_stream *to)
{
    char text[4] = "";
    CHECK_IS(asyncio_stream_write(from, "yes", 3), 0);
    CHECK_IS(asyncio_stream_readexactly(to, text, 3, NULL), 0);
    CHECK(strcmp(text, "yes") == 0);
    return 0;
}

/* Nothing has come that was not sent here, and everything works. */
static int goes_on(void)
{
    char text[8];
    struct tls_pair more;
    asyncio_process *process;
    struct sockaddr_storage address;
    socklen_t size;
    CHECK_IS(settle(), 0);
    CHECK_IS(exchange(all.plain.a, all.plain.b), 0);
    CHECK_IS(exchange(all.plain.b, all.plain.a), 0);
    CHECK_IS(exchange(all.tls.pair.a, all.tls.pair.b), 0);
    CHECK_IS(exchange(all.tls.pair.b, all.tls.pair.a), 0);
    CHECK(recv(all.far_end, text, sizeof text, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    CHECK(read(all.far_pipe, text, sizeof text) < 0 && errno == EAGAIN);
    CHECK_IS(asyncio_transport_write(all.transport, "1", 1), 0);
    CHECK_IS(asyncio_transport_write(all.pipe, "2", 1), 0);
    CHECK_IS(send(all.far_end, "345", 3, MSG_NOSIGNAL), 3);
    CHECK_IS(settle(), 0);
    CHECK_IS(recv(all.far_end, text, sizeof text, MSG_DONTWAIT), 1);
    CHECK_IS(read(all.far_pipe, text, sizeof text), 1);
    CHECK_IS(told, 3);
    told = 0;
    CHECK_IS(asyncio_datagram_transport_sockname(all.udp, &address, &size), 0);
    CHECK_IS(asyncio_datagram_transport_sendto(all.teller, "6", 1, (struct sockaddr *)&address,
                                               size), 0);
    asyncio_datagram datagram = { .data = text, .size = sizeof text };
    CHECK_IS(asyncio_datagram_transport_receive(all.udp, &datagram, 1), 1);
    CHECK(datagram.length == 1 && text[0] == '6');
    int code;
    CHECK_IS(asyncio_subprocess_transport_get_returncode(all.child, &code),
             -ASYNCIO_INVALID_STATE);
    CHECK_IS(asyncio_transport_is_reading(all.transport), 1);
    CHECK_IS(asyncio_server_is_serving(all.plain.server), 1);
    CHECK_IS(tls_pair_open(&more, 65536), 0);
    CHECK_IS(exchange(more.pair.a, more.pair.b), 0);
    CHECK_IS(pair_close(&more.pair, 0), 0);
    asyncio_ssl_context_unref(more.server);
    asyncio_ssl_context_unref(more.client);
    CHECK_IS(asyncio_create_subprocess_exec(ASYNCIO_ARGS("true"), &process), 0);
    CHECK_IS(asyncio_process_wait(process, NULL), 0);
    asyncio_process_unref(process);
    return 0;
}

static int after(void (*body)(void))
{
    CHECK_IS(open_all(), 0);
    CHECK_IS(in_the_child(body), 0);
    CHECK_IS(goes_on(), 0);
    return close_all();
}

static int threaded(void *body)
{
    CHECK_IS(open_all(), 0);
    CHECK_IS(in_a_thread(*(void (**)(void))body), 0);
    CHECK_IS(goes_on(), 0);
    return close_all();
}

static int streams(void *data)
{
    (void)data;
    return after(ask_streams);
}

static int connections(void *data)
{
    (void)data;
    return after(ask_for_connections);
}

static int transports(void *data)
{
    (void)data;
    return after(ask_transports);
}

static int the_rest(void *data)
{
    (void)data;
    return after(ask_for_the_rest);
}

/* What has come, and nobody has read, is the parent's. */
static int ends(void *data)
{
    char text[4] = "";
    (void)data;
    CHECK_IS(open_all(), 0);
    CHECK_IS(asyncio_stream_write(all.plain.b, "has", 3), 0);
    CHECK_IS(asyncio_stream_write(all.tls.pair.b, "its", 3), 0);
    CHECK_IS(settle(), 0); /* and the loop knows of it */
    CHECK_IS(in_the_child(end_everything), 0);
    CHECK_IS(asyncio_stream_readexactly(all.plain.a, text, 3, NULL), 0);
    CHECK(strcmp(text, "has") == 0);
    CHECK_IS(asyncio_stream_readexactly(all.tls.pair.a, text, 3, NULL), 0);
    CHECK(strcmp(text, "its") == 0);
    CHECK_IS(goes_on(), 0);
    return close_all();
}

/* A loop of its own is as good as in any program. */
static int own_program(void)
{
    struct pair pair;
    int r = pair_open(&pair, 65536);
    if (r >= 0)
        r = exchange(pair.a, pair.b);
    return pair_close(&pair, r);
}

static void run_own(void)
{
    line = asyncio_run(asyncio_coro(own_program)) < 0 ? __LINE__ : 0;
}

static int own_loop(void *data)
{
    (void)data;
    return after(run_own);
}

static void run_all(program *body)
{
    warm_up();
    enter_world("plain", false, 0);
    assert_return_code(run_once(body, NULL), 0);
}

static void test_threads(void **state)
{
    static void (*const bodies[])(void) = { ask_streams, ask_for_connections, ask_transports,
                                            ask_for_the_rest, end_all };
    (void)state;
    warm_up();
    enter_world("plain", false, 0);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        void (*body)(void) = bodies[i];
        assert_return_code(run_once(threaded, &body), 0);
    }
}

#define TEST(body)                                                                                 \
    static void test_##body(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_all(body);                                                                             \
    }
TEST(streams)
TEST(connections)
TEST(transports)
TEST(the_rest)
TEST(ends)
TEST(own_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),    cmocka_unit_test(test_connections),
        cmocka_unit_test(test_transports), cmocka_unit_test(test_the_rest),
        cmocka_unit_test(test_ends),       cmocka_unit_test(test_own_loop),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
