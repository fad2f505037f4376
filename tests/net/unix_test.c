/* SPDX-License-Identifier: MIT */
/* AF_UNIX: streams over paths and abstract names; files that are left over, that are ours and that
 * are not; a listener that is full; descriptors that are taken over. */
#include "net/net_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/unix_test.XXXXXX";
static char path[64];

static int talk(asyncio_stream *stream)
{
    char text[8];
    CHECK_IS(asyncio_stream_write(stream, "hello\n", 6), 0);
    CHECK_IS(asyncio_stream_readline(stream, text, sizeof text), 6);
    CHECK_IS(asyncio_stream_write_eof(stream), 0);
    CHECK_IS(asyncio_stream_read(stream, text, sizeof text), 0);
    return 0;
}

static int talk_to(const char *name)
{
    asyncio_stream *stream;
    int r = asyncio_open_unix_connection(name, &stream);
    if (r < 0)
        return r;
    r = talk(stream);
    asyncio_stream_unref(stream);
    return r;
}

static bool is_socket(const char *name)
{
    struct stat status;
    return stat(name, &status) == 0 && S_ISSOCK(status.st_mode);
}

static int names_of(const char *name)
{
    asyncio_server *server;
    asyncio_stream *stream;
    char text[120];
    CHECK_IS(asyncio_start_unix_server(echo, name, &server), 0);
    CHECK_IS(asyncio_server_is_serving(server), 1);
    CHECK_IS(asyncio_server_port(server), -EAFNOSUPPORT);
    CHECK_IS(asyncio_server_sockname(server, 0, text, sizeof text), 0);
    CHECK(strcmp(text, name) == 0);
    CHECK_IS(asyncio_server_sockname(server, 1, text, sizeof text), -EINVAL);
    CHECK_IS(asyncio_server_sockname(server, 0, text, strlen(name)), -ENOSPC);
    CHECK_IS(talk_to(name), 0);
    CHECK_IS(asyncio_open_unix_connection(name, &stream, .limit = 100), 0);
    CHECK_IS(asyncio_stream_peername(stream, text, sizeof text), 0);
    CHECK(strcmp(text, name) == 0);
    CHECK_IS(asyncio_stream_sockname(stream, text, sizeof text), 0);
    CHECK(strcmp(text, "") == 0);
    asyncio_stream_unref(stream);
    CHECK_IS(end_server(server), 0);
    int r = talk_to(name);
    CHECK_IS(r, *name == '@' ? -ECONNREFUSED : -ENOENT);
    CHECK(asyncio_last_error(r) && strstr(asyncio_last_error(r)->text, name));
    return 0;
}

static int streams(void *data)
{
    (void)data;
    CHECK_IS(names_of(path), 0);
    CHECK_IS(is_socket(path), 0);
    CHECK_IS(names_of(abstract("asyncio unix_test")), 0);
    return 0;
}

static void test_streams(void **state)
{
    (void)state;
    run_everywhere(streams);
}

static int misuse(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream;
    char longest[200] = "/tmp/";
    memset(longest + 5, 'x', 190);
    CHECK_IS(asyncio_start_unix_server(echo, longest, &server), -ENAMETOOLONG);
    CHECK_IS(asyncio_open_unix_connection(longest, &stream), -ENAMETOOLONG);
    CHECK_IS(asyncio_start_unix_server(echo, "", &server), -EINVAL);
    CHECK_IS(asyncio_open_unix_connection("@", &stream), -EINVAL);
    CHECK_IS(asyncio_start_unix_server(echo, NULL, &server), -EINVAL);
    CHECK_IS(asyncio_open_unix_connection(NULL, &stream), -EINVAL);
    CHECK_IS(asyncio_open_unix_connection(path, &stream, .sock = 7), -EINVAL);
    CHECK_IS(asyncio_start_unix_server(echo, path, &server, .sock = 7), -EINVAL);
    CHECK_IS(asyncio_start_unix_server(echo, path, &server, .limit = 0), -EINVAL);
    asyncio_client_connected *nobody = NULL;
    CHECK_IS(asyncio_start_unix_server(nobody, path, &server), -EINVAL);
    CHECK_IS(asyncio_open_unix_connection(path, &stream, .limit = 0), -EINVAL);
    return 0;
}

static void test_misuse(void **state)
{
    (void)state;
    run_everywhere(misuse);
}

/* CPython's rule: a socket that is in the way goes, whoever's it is; what took our place stays. */
static int in_the_way(void *data)
{
    (void)data;
    asyncio_server *first, *second;
    CHECK_IS(asyncio_start_unix_server(echo, path, &first), 0);
    CHECK_IS(asyncio_start_unix_server(echo, path, &second), 0);
    CHECK_IS(end_server(first), 0);
    CHECK_IS(talk_to(path), 0);
    CHECK_IS(end_server(second), 0);
    CHECK_IS(talk_to(path), -ENOENT);
    return 0;
}

static void test_in_the_way(void **state)
{
    (void)state;
    run_everywhere(in_the_way);
}

/* ---- files: not in the simulation ---- */

static int files(void *data)
{
    (void)data;
    asyncio_server *server;
    /* one that is left over: its server was killed */
    CHECK_IS(asyncio_start_unix_server(echo, path, &server, .cleanup_socket = 0), 0);
    CHECK_IS(end_server(server), 0);
    CHECK_IS(is_socket(path), 1);
    CHECK_IS(talk_to(path), -ECONNREFUSED);
    CHECK_IS(asyncio_start_unix_server(echo, path, &server), 0);
    CHECK_IS(talk_to(path), 0);
    /* somebody removed it, and another kind of file stands there */
    CHECK_IS(unlink(path), 0);
    int number = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(number >= 0);
    close(number);
    CHECK_IS(end_server(server), 0);
    CHECK_IS(access(path, F_OK), 0);
    /* and is not removed for a server either */
    CHECK_IS(asyncio_start_unix_server(echo, path, &server), -EADDRINUSE);
    CHECK_IS(unlink(path), 0);
    CHECK_IS(asyncio_start_unix_server(echo, "/nowhere at all/x", &server), -ENOENT);
    /* bound, and not serving yet */
    CHECK_IS(asyncio_start_unix_server(echo, path, &server, .start_serving = 0), 0);
    CHECK_IS(is_socket(path), 1);
    CHECK_IS(talk_to(path), -ECONNREFUSED);
    CHECK_IS(asyncio_server_start_serving(server), 0);
    CHECK_IS(talk_to(path), 0);
    CHECK_IS(end_server(server), 0);
    CHECK_IS(is_socket(path), 0);
    return 0;
}

static int forked(void *data)
{
    (void)data;
    asyncio_server *server;
    CHECK_IS(asyncio_start_unix_server(echo, path, &server), 0);
    pid_t child = fork();
    if (child == 0) {
        asyncio_server_close(server);
        _exit(is_socket(path) ? 0 : 1);
    }
    int status = -1;
    CHECK_IS(waitpid(child, &status, 0), child);
    CHECK_IS(status, 0);
    CHECK_IS(talk_to(path), 0);
    return end_server(server);
}

/* Connects to a listener whose backlog is full, which tells nobody when that is over. */
static int late(asyncio_stream **ret_stream)
{
    return asyncio_open_unix_connection(path, ret_stream);
}

static int full(void *data)
{
    (void)data;
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    memcpy(name.sun_path, path, strlen(path));
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(listener >= 0);
    CHECK_IS(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
    CHECK_IS(listen(listener, 0), 0);
    asyncio_stream *first, *second = NULL;
    asyncio_task *task, *cancelled;
    asyncio_stream *never = NULL;
    CHECK_IS(asyncio_open_unix_connection(path, &first), 0);
    START(task, late, &second);
    START(cancelled, late, &never);
    CHECK_IS(asyncio_sleep(0.05), 0);
    CHECK_IS(asyncio_task_done(task), 0);
    CHECK_IS(asyncio_task_cancel(cancelled), 1);
    CHECK_IS(join(cancelled), -ECANCELED);
    int accepted = accept(listener, NULL, NULL);
    CHECK(accepted >= 0);
    CHECK_IS(join(task), 0);
    asyncio_stream_unref(first);
    asyncio_stream_unref(second);
    close(accepted);
    close(listener);
    return unlink(path);
}

/* The two ends of a pair that somebody else has made. */
static int adopted(void *data)
{
    (void)data;
    int ends[2], both[2];
    asyncio_stream *a, *b, *none;
    char text[8];
    CHECK_IS(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_IS(asyncio_open_connection(NULL, 0, &none, .sock = ends[0]), -EINVAL);
    CHECK_IS(asyncio_open_unix_connection(NULL, &a, .sock = ends[0]), 0);
    CHECK_IS(asyncio_connect_accepted_socket(ends[1], &b), 0);
    CHECK_IS(asyncio_stream_write(a, "over\n", 5), 0);
    CHECK_IS(asyncio_stream_readline(b, text, sizeof text), 5);
    CHECK(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(ends[0], F_GETFD) & FD_CLOEXEC);
    asyncio_stream_unref(a);
    CHECK_IS(asyncio_stream_readline(b, text, sizeof text), 0);
    asyncio_stream_unref(b);
    CHECK_IS(settle(), 0);
    CHECK_IS(fcntl(ends[0], F_GETFD), -1); /* they were taken */
    CHECK_IS(fcntl(ends[1], F_GETFD), -1);
    /* none of these is, and they stay the caller's */
    CHECK_IS(socketpair(AF_UNIX, SOCK_DGRAM, 0, both), 0);
    CHECK_IS(asyncio_open_unix_connection(NULL, &none, .sock = both[0]), -EINVAL);
    CHECK_IS(asyncio_connect_accepted_socket(both[0], &none), -EINVAL);
    close(both[0]);
    CHECK_IS(asyncio_connect_accepted_socket(both[0], &none), -EBADF);
    close(both[1]);
    int lone = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_IS(asyncio_connect_accepted_socket(lone, &none), -ENOTCONN);
    CHECK_IS(close(lone), 0);
    int pipes[2];
    CHECK_IS(pipe(pipes), 0);
    CHECK_IS(asyncio_connect_accepted_socket(pipes[0], &none), -ENOTSOCK);
    CHECK_IS(close(pipes[0]), 0);
    CHECK_IS(close(pipes[1]), 0);
    return 0;
}

static int on_paper(void *data)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    asyncio_server *server;
    (void)data;
    memcpy(name.sun_path, path, strlen(path));
    int number = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_IS(bind(number, (struct sockaddr *)&name, sizeof name), 0);
    CHECK_IS(asyncio_start_unix_server(echo, NULL, &server, .sock = number), 0);
    CHECK_IS(talk_to(path), 0);
    CHECK_IS(end_server(server), 0);
    CHECK_IS(is_socket(path), 0);
    return 0;
}

static void test_real(void **state)
{
    (void)state;
    static program *const programs[] = { files, forked, full, adopted, on_paper };
    enter_world("plain", false, 0);
    if (world.is_sim)
        skip();
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        assert_int_equal(run_once(programs[i], NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_in_the_way),
        cmocka_unit_test(test_real),
    };
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/socket", folder);
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return rmdir(folder) < 0 ? 1 : r;
}
