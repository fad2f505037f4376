/* SPDX-License-Identifier: MIT */
/* TLS with OpenSSL's own programs at the other end: s_server and s_client. */
/* TEST: backends io_uring epoll; timeout 120; not valgrind aarch64 */
#include "net/tls_test.h"

#include <arpa/inet.h>
#include <asyncio/wait.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a program, with its standard input and output at our end ---- */

struct child {
    pid_t number;
    int to, from;
};

static int start(struct child *child, const char *const *words)
{
    int in[2], out[2];
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    child->number = fork();
    if (child->number == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(open("/dev/null", O_WRONLY), 2);
        execvp(words[0], (char *const *)(uintptr_t)words);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    child->to = in[1];
    child->from = out[0];
    CHECK(child->number > 0);
    return 0;
}

static int stop(struct child *child)
{
    int status;
    close(child->to);
    close(child->from);
    kill(child->number, SIGKILL);
    return waitpid(child->number, &status, 0) == child->number ? 0 : -errno;
}

/* A port that is free for now. */
static int free_port(void)
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    socklen_t size = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int number = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = bind(number, (struct sockaddr *)&name, size);
    if (r == 0)
        r = getsockname(number, (struct sockaddr *)&name, &size);
    close(number);
    return r < 0 ? -errno : ntohs(name.sin_port);
}

/* ---- our client, their server: it sends each line back the other way round ---- */

static int connect_when_up(int port, asyncio_ssl_context *context, asyncio_stream **ret_stream)
{
    int r = -ECONNREFUSED;
    for (int i = 0; i < 200 && r == -ECONNREFUSED; i++) {
        r = asyncio_open_connection("127.0.0.1", port, ret_stream, .ssl = context,
                                    .server_hostname = "localhost");
        int slept = r == -ECONNREFUSED ? asyncio_sleep(0.05) : 0;
        if (slept < 0)
            return slept;
    }
    return r;
}

static int say_and_hear(asyncio_stream *stream)
{
    char line[64];
    CHECK_IS(asyncio_stream_write(stream, "stressed\n", 9), 0);
    CHECK_IS(asyncio_stream_readline(stream, line, sizeof line), 9);
    CHECK(strcmp(line, "desserts\n") == 0);
    return 0;
}

static int their_server(const char *version, const char *said_version)
{
    char accept[32], said[64];
    asyncio_ssl_context *context;
    asyncio_stream *stream;
    struct child child;
    int port = free_port();
    CHECK(port > 0);
    snprintf(accept, sizeof accept, "127.0.0.1:%d", port);
    const char *words[] = { "openssl", "s_server",  "-accept",  accept,    "-cert",
                            certificates()->server, "-key",     certificates()->server,
                            "-rev",    "-quiet",    "-alpn",    "h2,echo", version, NULL };
    static const char *const protocols[] = { "echo" };
    CHECK_IS(client_context(&context), 0);
    CHECK_IS(asyncio_ssl_context_set_alpn_protocols(context, protocols, 1), 0);
    CHECK_IS(start(&child, words), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_IS(connect_when_up(port, context, &stream), 0);
        CHECK_IS(say_and_hear(stream), 0);
        CHECK_IS(asyncio_stream_get_extra_info(stream, "version", said, sizeof said), 7);
        CHECK(strcmp(said, said_version) == 0);
        CHECK_IS(asyncio_stream_get_extra_info(stream, "selected_alpn_protocol", said, sizeof said),
                 4);
        CHECK_IS(asyncio_stream_get_extra_info(stream, "session_reused", said, sizeof said), 1);
        CHECK(said[0] == (i ? '1' : '0'));
        asyncio_stream_close(stream);
        CHECK_IS(asyncio_stream_wait_closed(stream), 0);
        asyncio_stream_unref(stream);
    }
    CHECK_IS(stop(&child), 0);
    asyncio_ssl_context_unref(context);
    return 0;
}

static int both_versions(void *data)
{
    (void)data;
    int r = their_server("-tls1_3", "TLSv1.3");
    return r < 0 ? r : their_server("-tls1_2", "TLSv1.2");
}

static void test_their_server(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_return_code(run_once(both_versions, NULL), 0);
    enter_world("chopped", true, 0);
    assert_return_code(run_once(both_versions, NULL), 0);
    enter_world("plain", false, 0);
}

/* ---- our server, their client ---- */

struct served {
    char line[64], name[64];
    int result;
    asyncio_future *done;
};

static int serve(asyncio_stream *stream, void *data)
{
    struct served *served = data;
    int n = asyncio_stream_readline(stream, served->line, sizeof served->line);
    if (n > 0)
        n = asyncio_stream_get_extra_info(stream, "server_hostname", served->name,
                                          sizeof served->name);
    if (n >= 0)
        n = asyncio_stream_write(stream, "welcome\n", 8);
    char byte;
    if (n >= 0)
        n = asyncio_stream_read(stream, &byte, 1); /* its goodbye */
    served->result = n;
    asyncio_future_set_result(served->done, 0);
    return 0;
}

/* Reads from it while the loop runs. */
static int hear(struct child *child, char *text, size_t size)
{
    size_t got = 0;
    CHECK(fcntl(child->from, F_SETFL, O_NONBLOCK) == 0);
    while (got < size) {
        ssize_t n = read(child->from, text + got, size - got);
        CHECK(n > 0 || (n < 0 && errno == EAGAIN));
        got += n > 0 ? (size_t)n : 0;
        CHECK_IS(asyncio_sleep(0.01), 0);
    }
    return 0;
}

/* Both ends of a conversation. */
struct conversation {
    asyncio_ssl_context *context;
    asyncio_server *server;
    struct served served;
    char address[32];
};

static int converse(struct conversation *ends)
{
    ends->served.result = 1;
    CHECK_IS(server_context(certificates()->server, &ends->context), 0);
    CHECK_IS(asyncio_future_new(&ends->served.done), 0);
    CHECK_IS(asyncio_start_server(serve, "127.0.0.1", 0, &ends->server, .ssl = ends->context,
                                  .data = &ends->served),
             0);
    snprintf(ends->address, sizeof ends->address, "127.0.0.1:%d",
             asyncio_server_port(ends->server));
    return 0;
}

static int end_conversation(struct conversation *ends, struct child *child)
{
    CHECK_IS(stop(child), 0);
    CHECK_IS(end_server(ends->server), 0);
    asyncio_future_unref(ends->served.done);
    asyncio_ssl_context_unref(ends->context);
    return 0;
}

static int their_client(void *data)
{
    const char *version = data;
    char heard[64] = "";
    struct child child;
    struct conversation ends = { .server = NULL };
    CHECK_IS(converse(&ends), 0);
    const char *words[] = { "openssl",      "s_client",         "-connect", ends.address,
                            "-CAfile",      certificates()->ca, "-quiet",   "-verify_return_error",
                            "-servername",  "localhost",        version,    "-no_ign_eof",
                            NULL };
    CHECK_IS(start(&child, words), 0);
    CHECK(write(child.to, "good day\n", 9) == 9);
    CHECK_IS(hear(&child, heard, 8), 0);
    CHECK(write(child.to, "Q\n", 2) == 2); /* quit */
    CHECK_IS(asyncio_await(ends.served.done), 0);
    CHECK_IS(ends.served.result, 0);
    CHECK(strcmp(ends.served.line, "good day\n") == 0 && strcmp(heard, "welcome\n") == 0);
    CHECK(strcmp(ends.served.name, "localhost") == 0);
    return end_conversation(&ends, &child);
}

static void test_their_client(void **state)
{
    (void)state;
    const char *versions[] = { "-tls1_3", "-tls1_2" };
    for (int i = 0; i < 2; i++) {
        enter_world("plain", false, 0);
        assert_return_code(run_once(their_client, (void *)(uintptr_t)versions[i]), 0);
        enter_world("chopped", true, 0);
        assert_return_code(run_once(their_client, (void *)(uintptr_t)versions[i]), 0);
    }
    enter_world("plain", false, 0);
}

/* TLS 1.1, which their programs speak with each other when they are told to: neither our server nor
 * our client does. */
static int old_client(void *data)
{
    (void)data;
    struct child child;
    struct conversation ends = { .server = NULL };
    siginfo_t info = { .si_pid = 0 };
    CHECK_IS(converse(&ends), 0);
    const char *words[] = { "openssl", "s_client", "-connect",        ends.address, "-tls1_1",
                            "-cipher", "ALL:@SECLEVEL=0", NULL };
    CHECK_IS(start(&child, words), 0);
    while (!info.si_pid) { /* it ends by itself */
        CHECK_IS(asyncio_sleep(0.01), 0);
        CHECK(waitid(P_PID, (id_t)child.number, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
    }
    CHECK(info.si_code == CLD_EXITED && info.si_status == 1);
    CHECK(!asyncio_future_done(ends.served.done));
    return end_conversation(&ends, &child);
}

static int old_server(void *data)
{
    (void)data;
    asyncio_ssl_context *context;
    asyncio_stream *stream = NULL;
    struct child child;
    char port[8];
    int number = free_port();
    snprintf(port, sizeof port, "%d", number);
    CHECK_IS(client_context(&context), 0);
    const char *words[] = { "openssl", "s_server",        "-accept", port,
                            "-cert",   certificates()->server, "-key", certificates()->server,
                            "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", NULL };
    CHECK_IS(start(&child, words), 0);
    CHECK_IS(connect_when_up(number, context, &stream), -ASYNCIO_SSL);
    CHECK(!stream && strstr(asyncio_last_error(-ASYNCIO_SSL)->text, "protocol"));
    CHECK_IS(stop(&child), 0);
    asyncio_ssl_context_unref(context);
    return 0;
}

static void test_old_versions(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_return_code(run_once(old_client, NULL), 0);
    assert_return_code(run_once(old_server, NULL), 0);
}

/* Renegotiation: their client asks for it ("R"), and does not get it. */
static int renegotiation(void *data)
{
    (void)data;
    struct child child;
    struct conversation ends = { .server = NULL };
    CHECK_IS(converse(&ends), 0);
    const char *words[] = { "openssl", "s_client",           "-connect", ends.address, "-CAfile",
                            certificates()->ca, "-tls1_2",   "-legacy_renegotiation", NULL };
    CHECK_IS(start(&child, words), 0);
    CHECK(write(child.to, "R\n", 2) == 2);
    CHECK_IS(asyncio_sleep(0.3), 0);
    signal(SIGPIPE, SIG_IGN); /* of this write of the test's own: the library causes none */
    if (write(child.to, "Q\n", 2) != 2)
        CHECK(errno == EPIPE); /* it has taken offence already */
    signal(SIGPIPE, SIG_DFL);
    CHECK_IS(asyncio_await(ends.served.done), 0);
    CHECK(ends.served.result <= 0 && !ends.served.line[0]);
    return end_conversation(&ends, &child);
}

static int read_line(asyncio_stream *stream)
{
    char line[64];
    return asyncio_stream_readline(stream, line, sizeof line);
}

/* Their server wants another handshake in the middle: ours says no, and it gives up. */
static int renegotiating_server(void *data)
{
    (void)data;
    char accept[32], line[64];
    asyncio_ssl_context *context;
    asyncio_stream *stream;
    struct child child;
    int port = free_port();
    CHECK(port > 0);
    snprintf(accept, sizeof accept, "127.0.0.1:%d", port);
    const char *words[] = { "openssl", "s_server", "-accept", accept, "-tls1_2", "-cert",
                            certificates()->server, "-key", certificates()->server, NULL };
    CHECK_IS(client_context(&context), 0);
    CHECK_IS(start(&child, words), 0);
    CHECK_IS(connect_when_up(port, context, &stream), 0);
    CHECK(write(child.to, "before\n", 7) == 7);
    CHECK_IS(asyncio_stream_readline(stream, line, sizeof line), 7);
    asyncio_task *reader;
    START(reader, read_line, stream);
    CHECK(write(child.to, "r\n", 2) == 2);
    int r = asyncio_wait_for(reader, 30.0);
    asyncio_task_unref(reader);
    CHECK(r <= 0 && r != -ETIMEDOUT);
    asyncio_stream_unref(stream);
    CHECK_IS(stop(&child), 0);
    asyncio_ssl_context_unref(context);
    return settle();
}

static void test_renegotiation(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_return_code(run_once(renegotiation, NULL), 0);
    assert_return_code(run_once(renegotiating_server, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_their_server),
        cmocka_unit_test(test_their_client),
        cmocka_unit_test(test_renegotiation),
        cmocka_unit_test(test_old_versions),
    };
    warm_up();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
