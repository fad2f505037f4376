/* SPDX-License-Identifier: MIT */
/* What the tests of workers share: a server with workers, which is a child of the test and tells by
 * a pipe what it is told ("at PLACE", "report TEXT", "end CODE TEXT"). The client is in
 * workers_client.h. */
#pragma once

#include "web/web_test.h"
#include "web/workers_client.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* ---- the server ---- */

static struct {
    pid_t pid;
    int pipe;
    char text[16384]; /* all that it has told */
    size_t size;
} server;

static int teller;             /* in the child */
static unsigned long fails_at; /* which allocation of it; 0: none */
static char own_path[4096], flag[64];
static double drain_timeout = 0.5, shutdown_timeout = PATIENCE;

static void tell(const char *what, const char *text)
{
    char line[1024];
    int size = snprintf(line, sizeof line, "%s %s\n", what, text);
    if (write(teller, line, (size_t)size) != size)
        _exit(99);
}

static void on_place(const char *site, void *data)
{
    (void)data;
    tell("at", site);
}

static void on_event(const char *text, void *data)
{
    (void)data;
    tell("report", text);
}

static int who(aiohttp_web_request *request)
{
    return aiohttp_web_respondf(request, "%d %lu\n", (int)getpid(),
                                (unsigned long)pthread_self() % 1000003);
}

static int slow(aiohttp_web_request *request)
{
    tell("under", "way");
    int r = asyncio_sleep(0.4);
    return r < 0 ? r : aiohttp_web_respondf(request, "%d slow\n", (int)getpid());
}

static int dies(aiohttp_web_request *request)
{
    (void)request;
    _exit(3);
}

static int aborts(aiohttp_web_request *request)
{
    (void)request;
    const struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    abort();
}

/* Blocks its thread for ever. */
static int hangs(aiohttp_web_request *request)
{
    (void)request;
    tell("hung", "up");
    int r = 0;
    while (r <= 0)
        r = usleep(100000);
    return r;
}

/* Fails when the flag's file says so. */
static int on_startup(aiohttp_web_application *app)
{
    (void)app;
    char what[16] = "";
    int file = open(flag, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    if (read(file, what, sizeof what - 1) < 0)
        what[0] = '\0';
    close(file);
    if (strcmp(what, "exit") == 0)
        _exit(7);
    if (strcmp(what, "slow") == 0)
        return asyncio_sleep(1.5);
    return *what ? asyncio_raise(-ENOTCONN, "the database does not answer") : 0;
}

static int new_app(aiohttp_web_application **ret_app, void *data)
{
    (void)data;
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application_add_get(app, "/", who);
    aiohttp_web_application_add_get(app, "/slow", slow);
    aiohttp_web_application_add_get(app, "/dies", dies);
    aiohttp_web_application_add_get(app, "/aborts", aborts);
    aiohttp_web_application_add_get(app, "/hangs", hangs);
    aiohttp_web_application_on_startup(app, on_startup);
    *ret_app = app;
    return app ? 0 : -ENOMEM;
}

enum how { ONE, PROCESSES, THREADS, BOTH, UNIX, RUNNERS, INHERITED_ALONE, INHERITED };

static int own_handler(aiohttp_web_request *request, void *data)
{
    (void)data;
    return who(request);
}

/* A worker with a runner of its own. */
static int own_worker(aiohttp_web_worker *worker, void *data)
{
    aiohttp_web_server *low = NULL;
    aiohttp_web_runner *runner = NULL;
    if (aiohttp_web_worker_index(worker) < 0 || aiohttp_web_worker_index(worker) > 1 ||
        data != flag)
        return -EPROTO;
    int r = aiohttp_web_server_new(own_handler, &low);
    if (r >= 0)
        r = aiohttp_web_server_runner_new(low, &runner);
    if (r >= 0)
        r = aiohttp_web_runner_setup(runner);
    if (r >= 0)
        r = aiohttp_web_worker_serve(worker, runner);
    if (r >= 0 && aiohttp_web_worker_serve(worker, runner) != -ASYNCIO_INVALID_STATE)
        r = -EPROTO;
    int ended = runner ? aiohttp_web_runner_cleanup(runner) : 0;
    aiohttp_web_runner_unref(runner);
    aiohttp_web_server_unref(low);
    return r < 0 ? r : ended;
}

/* As systemd does it: three sockets, of which two are ours by name. Never below 3 + 3: the pipe is
 * elsewhere. The ports are told. */
static void inherit_sockets(void)
{
    char text[32];
    for (int i = 0; i < 3; i++) {
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof address;
        int descriptor = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(descriptor, (struct sockaddr *)&address, size) < 0 ||
            getsockname(descriptor, (struct sockaddr *)&address, &size) < 0)
            _exit(98);
        int high = fcntl(descriptor, F_DUPFD, 50);
        close(descriptor);
        dup2(high, 3 + i);
        close(high);
        snprintf(text, sizeof text, "%d %d", i, ntohs(address.sin_port));
        tell("port", text);
    }
    snprintf(text, sizeof text, "%d", (int)getpid());
    setenv("LISTEN_PID", text, 1);
    setenv("LISTEN_FDS", "3", 1);
    setenv("LISTEN_FDNAMES", "web:other:web", 1);
}

static int run_server(enum how how)
{
    if (how == INHERITED || how == INHERITED_ALONE) {
        inherit_sockets();
        return aiohttp_web_run_app(NULL, .factory = new_app, .listen_fds = "web",
                                   .workers = how == INHERITED ? 2 : 0, .print = on_place,
                                   .report = on_event, .shutdown_timeout = PATIENCE);
    }
    const char *const successor[] = { own_path, "successor", flag, NULL };
    if (how == RUNNERS)
        return aiohttp_web_run_workers(own_worker, .host = "127.0.0.1", .port = 0, .workers = 2,
                                       .data = flag, .print = on_place, .report = on_event);
    return aiohttp_web_run_app(NULL, .factory = new_app, .host = how == UNIX ? NULL : "127.0.0.1",
                               .port = 0, .path = how == UNIX ? flag : NULL,
                               .workers = how == THREADS ? 0 : how == ONE ? 1 : 2,
                               .threads = how == THREADS ? 3 : how == BOTH ? 2 : 0,
                               .print = on_place, .report = on_event, .exec = successor,
                               .shutdown_timeout = fails_at ? 2 : shutdown_timeout,
                               .drain_timeout = drain_timeout);
}

static _Noreturn void be_server(enum how how)
{
    char text[512];
    if (fails_at)
        asyncio__alloc_fail_at(fails_at, 0);
    int r = run_server(how);
    const asyncio_error *error = asyncio_last_error(r);
    snprintf(text, sizeof text, "%d %s", r, error ? error->text : "-");
    tell("end", text);
    _exit(r < 0 ? 1 : 0);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Waits until the server has told `count` lines with `part`. */
static bool is_told(const char *part, int count)
{
    double until = now() + PATIENCE;
    while (count_of(server.text, part) < count) {
        struct pollfd ready = { .fd = server.pipe, .events = POLLIN };
        if (now() > until || server.size + 1 >= sizeof server.text) {
            print_error("not told %d times \"%s\", but: %s\n", count, part, server.text);
            return false;
        }
        if (poll(&ready, 1, 200) <= 0)
            continue;
        ssize_t n = read(server.pipe, server.text + server.size,
                         sizeof server.text - 1 - server.size);
        if (n <= 0) {
            print_error("it has ended without \"%s\": %s\n", part, server.text);
            return false;
        }
        server.size += (size_t)n;
        server.text[server.size] = '\0';
    }
    return true;
}

static void begin_server(enum how how)
{
    int ends[2];
    memset(&server, 0, sizeof server);
    place.port = 0;
    place.path = flag;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    server.pid = fork();
    if (server.pid == 0) {
        close(ends[0]);
        teller = fcntl(ends[1], F_DUPFD, 100); /* a successor has sockets from 3 on */
        close(ends[1]);
        char number[16];
        snprintf(number, sizeof number, "%d", teller);
        setenv("TELLER", number, 1); /* of a successor */
        be_server(how);
    }
    close(ends[1]);
    server.pipe = ends[0];
}

static void start_server(enum how how)
{
    begin_server(how);
    assert_true(is_told("at http://", 1));
    const char *colon = strrchr(strstr(server.text, "at "), ':');
    place.port = (int)strtol(colon + 1, NULL, 10);
}

/* Behind a case that has failed. */
static int end_leftovers(void **state)
{
    (void)state;
    if (server.pid > 0)
        kill(server.pid, SIGKILL); /* its workers go with it */
    server.pid = 0;
    const char *successor = strstr(server.text, "successor ");
    if (successor && !strstr(successor, "\nend "))
        kill((pid_t)strtol(successor + 10, NULL, 10), SIGKILL);
    fails_at = 0;
    unlink(flag);
    return 0;
}

static int wait_for(pid_t pid)
{
    int status = -1;
    double until = now() + PATIENCE;
    while (waitpid(pid, &status, WNOHANG) != pid) {
        if (now() > until) {
            kill(pid, SIGKILL);
            fail_msg("process %d has not ended: %s", (int)pid, server.text);
        }
        usleep(5000);
    }
    server.pid = pid == server.pid ? 0 : server.pid;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void stop_server(void)
{
    kill(server.pid, SIGTERM);
    assert_int_equal(wait_for(server.pid), 0);
    assert_true(is_told("end 0 -", 1));
    close(server.pipe);
}

/* ---- what the cases share ---- */

/* How many different processes (or, of threads, loops) answer new connections. */
static int count_workers(bool by_process)
{
    char seen[16][64];
    int count = 0;
    for (int i = 0; i < 200; i++) {
        struct client client = { .descriptor = -1 };
        const char *body = ask(&client, "/");
        int at = 0;
        assert_non_null(body);
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(body, by_process ? " " : "\n"), body);
        while (at < count && strcmp(seen[at], word) != 0)
            at++;
        if (at == count && count < 16)
            memcpy(seen[count++], word, sizeof word);
        hang_up(&client);
    }
    return count;
}

static void write_flag(const char *what)
{
    FILE *file = fopen(flag, "w");
    assert_non_null(file);
    fputs(what, file);
    fclose(file);
}

/* The processes that the server has, and the one that it forked last. */
static int count_children(pid_t *ret_last)
{
    char path[64], text[256] = "";
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)server.pid, (int)server.pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    if (fgets(text, sizeof text, file))
        for (char *at = text; strtol(at, NULL, 10) > 0; count++)
            *ret_last = (pid_t)strtol(at, &at, 10);
    fclose(file);
    return count;
}

static pid_t wait_for_children(int count)
{
    pid_t last = 0;
    for (double until = now() + PATIENCE; count_children(&last) != count; usleep(5000))
        assert_true(now() < until);
    return last;
}

/* What is run as a successor: the same server again, with the pipe of the first. */
static int be_successor(char **arguments)
{
    char text[32];
    teller = (int)strtol(getenv("TELLER"), NULL, 10);
    snprintf(flag, sizeof flag, "%s", arguments[2]);
    snprintf(own_path, sizeof own_path, "%s", arguments[0]);
    snprintf(text, sizeof text, "%d", (int)getpid());
    tell("successor", text);
    be_server(PROCESSES);
}

/* In main: what a successor returns, or -1 where the tests are to be run. */
static int find_self(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "successor") == 0)
        return be_successor(arguments);
    ssize_t size = readlink("/proc/self/exe", own_path, sizeof own_path - 1);
    own_path[size > 0 ? size : 0] = '\0';
    snprintf(flag, sizeof flag, "/tmp/aiohttp-workers-%d", (int)getpid());
    return -1;
}

#define CASE(name) cmocka_unit_test_teardown(name, end_leftovers)
