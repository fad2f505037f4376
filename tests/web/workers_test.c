/* SPDX-License-Identifier: MIT */
/* Workers: several processes and threads that serve one place; those that die, those that cannot
 * start, reloads and take-overs under a client that lets no request fail.
 *
 * The server is a child of the test, which tells by a pipe what it is told ("at PLACE", "report
 * TEXT", "end CODE TEXT"); the client is blocking sockets in threads of the test. */
/* TEST: backends io_uring epoll; timeout 90; not valgrind aarch64 */
#include "web/web_test.h"
#include "web/workers_client.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
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
static double drain_timeout = 0.5;

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
                               .shutdown_timeout = fails_at ? 2 : PATIENCE,
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

/* ---- the cases ---- */

static void test_processes(void **state)
{
    (void)state;
    start_server(PROCESSES);
    assert_int_equal(count_workers(true), 2);
    stop_server();
}

static void test_threads(void **state)
{
    struct client client = { .descriptor = -1 };
    (void)state;
    start_server(THREADS);
    assert_int_equal(count_workers(true), 1);
    assert_int_equal(count_workers(false), 3);
    assert_int_equal(pid_of(ask(&client, "/")), server.pid);
    hang_up(&client);
    stop_server();

    start_server(BOTH);
    assert_int_equal(count_workers(true), 2);
    assert_int_equal(count_workers(false), 4);
    stop_server();
}

static void test_own_runners(void **state)
{
    (void)state;
    start_server(RUNNERS);
    assert_int_equal(count_workers(true), 2);
    stop_server();
}

static void *ask_slow(void *data)
{
    struct client client = { .descriptor = -1 };
    const char *body = ask(&client, "/slow");
    *(long *)data = pid_of(body);
    hang_up(&client);
    return NULL;
}

/* Requests under way are answered; new connections are refused. */
static void test_shutdown(void **state)
{
    (void)state;
    for (enum how how = PROCESSES; how <= THREADS; how++) {
        long pids[4] = { 0 };
        pthread_t threads[4];
        start_server(how);
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, ask_slow, &pids[i]), 0);
        assert_true(is_told("under way", 4));
        kill(server.pid, SIGTERM);
        struct client late = { .descriptor = -1 };
        for (double until = now() + PATIENCE; dial(&late); hang_up(&late))
            assert_true(now() < until);
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            assert_true(pids[i] > 0);
        }
        assert_int_equal(wait_for(server.pid), 0);
        close(server.pipe);
    }
}

static void test_reload(void **state)
{
    struct client kept = { .descriptor = -1 };
    long old[2];
    pthread_t thread;
    (void)state;
    start_server(PROCESSES);
    old[0] = pid_of(ask(&kept, "/"));
    begin_load();
    usleep(100000);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(pthread_create(&thread, NULL, ask_slow, &old[1]), 0);
        assert_true(is_told("under way", i));
        kill(server.pid, SIGHUP);
        assert_true(is_told("report reloaded: 2 workers", i));
        pthread_join(thread, NULL);
        assert_true(old[1] > 0); /* begun before, answered after */
    }
    end_load();
    assert_true(atomic_load(&load.pids) > LOADERS);
    /* An idle connection has been closed by the worker that has gone; the next has a new one. */
    hang_up(&kept);
    assert_int_not_equal(pid_of(ask(&kept, "/")), old[0]);
    hang_up(&kept);
    for (double until = now() + PATIENCE; kill((pid_t)old[0], 0) == 0; usleep(5000))
        assert_true(now() < until);
    for (double until = now() + PATIENCE; count_workers(true) != 2;) /* without the old ones */
        assert_true(now() < until);
    stop_server();
}

/* An idle connection of a worker that drains has one more answer, and is told it is the last. */
static void test_drain(void **state)
{
    struct client kept = { .descriptor = -1 };
    (void)state;
    drain_timeout = 30;
    start_server(PROCESSES);
    drain_timeout = 0.5;
    long pid = pid_of(ask(&kept, "/"));
    assert_true(kept.descriptor >= 0);
    kill(server.pid, SIGHUP);
    assert_true(is_told("report reloaded", 1));
    /* until it is told */
    for (double until = now() + PATIENCE; kept.descriptor >= 0; usleep(50000)) {
        assert_int_equal(pid_of(ask(&kept, "/")), pid);
        assert_true(now() < until);
    }
    assert_int_not_equal(pid_of(ask(&kept, "/")), pid);
    hang_up(&kept);
    stop_server();
}

static void write_flag(const char *what)
{
    FILE *file = fopen(flag, "w");
    assert_non_null(file);
    fputs(what, file);
    fclose(file);
}

static void test_unstartable(void **state)
{
    (void)state;
    write_flag("fail");
    for (enum how how = PROCESSES; how <= THREADS; how++) {
        begin_server(how);
        assert_int_equal(wait_for(server.pid), 1);
        assert_true(is_told("the database does not answer (ENOTCONN)", 1));
        assert_true(is_told("end -107 worker ", 1));
        close(server.pipe);
    }
    write_flag("exit");
    begin_server(PROCESSES);
    assert_int_equal(wait_for(server.pid), 1);
    assert_true(is_told("ended with exit status 7", 1));
    assert_null(strstr(server.text, "at http"));
    close(server.pipe);
    unlink(flag);

    /* At a reload: told, and who was there stays. */
    start_server(PROCESSES);
    write_flag("fail");
    begin_load();
    kill(server.pid, SIGHUP);
    assert_true(is_told("the reload is given up", 1));
    assert_true(is_told("exit status 1", 1));
    end_load();
    unlink(flag);
    kill(server.pid, SIGHUP);
    assert_true(is_told("report reloaded", 1));
    for (double until = now() + PATIENCE; count_workers(true) != 2;) /* without the old ones */
        assert_true(now() < until);
    stop_server();
}

/* A worker that dies is replaced; what waits in its queue is served by its successor. */
static void test_killed(void **state)
{
    (void)state;
    start_server(PROCESSES);
    for (int i = 1; i <= 3; i++) {
        struct client client = { .descriptor = -1 };
        long pid = pid_of(ask(&client, "/"));
        assert_true(pid > 1);
        kill((pid_t)pid, SIGKILL);
        char text[64];
        snprintf(text, sizeof text, "(process %ld) was ended by signal 9", pid);
        assert_true(is_told(text, 1));
        hang_up(&client);
        for (int k = 0; k < 20; k++) {
            struct client after = { .descriptor = -1 };
            long other = pid_of(ask(&after, "/"));
            assert_true(other > 0 && other != pid);
            hang_up(&after);
        }
    }
    struct client client = { .descriptor = -1 };
    assert_null(ask(&client, "/dies"));
    hang_up(&client);
    assert_true(is_told("ended with exit status 3", 1));
    stop_server();
    /* Two slots, four deaths: at least two were soon after another. */
    if (count_of(server.text, ", and is replaced in 0.") < 2)
        fail_msg("%s", server.text);
}

static struct client kept_client;

/* The body goes where the answer was. */
static void *ask_kept(void *data)
{
    (void)data;
    const char *body = ask(&kept_client, "/slow");
    memmove(kept_client.answer, body ? body : "", body ? strlen(body) + 1 : 1);
    hang_up(&kept_client);
    return NULL;
}

static void kill_worker(int times)
{
    for (int i = 1; i <= times; i++) {
        struct client client = { .descriptor = -1 };
        assert_null(ask(&client, "/dies"));
        hang_up(&client);
        assert_true(is_told("ended with exit status 3", i));
    }
}

/* The processes that the server has. */
static int count_children(void)
{
    char path[64], text[256] = "";
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)server.pid, (int)server.pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    if (fgets(text, sizeof text, file))
        for (const char *at = text; (at = strchr(at, ' ')); at++)
            count++;
    fclose(file);
    return count;
}

/* A worker that waits to be replaced is, whatever becomes of a reload in the meantime. */
static void test_replaced_later(void **state)
{
    struct client client = { .descriptor = -1 };
    (void)state;
    /* The reload is given up. */
    start_server(ONE);
    kill_worker(5);
    write_flag("fail");
    kill(server.pid, SIGHUP);
    assert_true(is_told("the reload is given up", 1));
    unlink(flag);
    assert_true(pid_of(ask(&client, "/")) > 0);
    hang_up(&client);
    stop_server();
    /* It is done before: then nobody is missing. */
    start_server(ONE);
    kill_worker(4);
    assert_true(pid_of(ask(&client, "/")) > 0); /* there is one again */
    hang_up(&client);
    write_flag("slow");
    kill(server.pid, SIGHUP);
    for (double until = now() + PATIENCE; count_children() != 2; usleep(10000))
        assert_true(now() < until);
    assert_null(ask(&client, "/dies"));
    hang_up(&client);
    assert_true(is_told("reloaded: 1 workers", 1));
    unlink(flag);
    usleep(1200000);
    for (double until = now() + PATIENCE; count_children() != 1; usleep(10000))
        assert_true(now() < until);
    stop_server();
}

/* While it drains, to be asked to end for the first time ends requests under way no sooner. */
static void test_drain_ended(void **state)
{
    (void)state;
    for (int takes_over = 0; takes_over < 2; takes_over++) {
        struct client client = { .descriptor = -1 };
        start_server(PROCESSES);
        long pid = pid_of(ask(&client, "/"));
        assert_true(pid > 0 && client.descriptor >= 0);
        kill(server.pid, takes_over ? SIGUSR2 : SIGHUP);
        assert_true(is_told(takes_over ? "has taken over" : "reloaded", 1));
        pthread_t thread;
        kept_client = client;
        assert_int_equal(pthread_create(&thread, NULL, ask_kept, NULL), 0);
        assert_true(is_told("under way", 1));
        kill(server.pid, SIGTERM);
        pthread_join(thread, NULL);
        assert_int_equal(pid_of(kept_client.answer), pid);
        assert_int_equal(wait_for(server.pid), 0);
        const char *told = strstr(server.text, "successor ");
        if (takes_over) {
            assert_non_null(told);
            kill((pid_t)strtol(told + 10, NULL, 10), SIGTERM);
            assert_true(is_told("end 0", 2));
        }
        close(server.pipe);
    }
}

/* A program that is run in place of this one serves the same sockets. */
static void test_take_over(void **state)
{
    struct client client = { .descriptor = -1 };
    (void)state;
    start_server(PROCESSES);
    long pid = pid_of(ask(&client, "/"));
    hang_up(&client);
    begin_load();
    usleep(100000);
    kill(server.pid, SIGUSR2);
    assert_true(is_told("has taken over", 1));
    assert_int_equal(wait_for(server.pid), 0);
    usleep(100000);
    end_load();
    assert_true(is_told("end 0", 1));
    const char *told = strstr(server.text, "successor ");
    assert_non_null(told);
    pid_t successor = (pid_t)strtol(told + 10, NULL, 10);
    assert_int_not_equal(pid_of(ask(&client, "/")), pid);
    hang_up(&client);
    assert_int_equal(count_workers(true), 2);
    kill(successor, SIGTERM);
    assert_true(is_told("end 0", 2));
    close(server.pipe);
}

/* One that cannot be run, or dies, changes nothing. */
static void test_failed_take_over(void **state)
{
    (void)state;
    write_flag("fail");
    unlink(flag);
    start_server(PROCESSES);
    write_flag("exit");
    kill(server.pid, SIGUSR2);
    assert_true(is_told("that was to take over has ended", 1));
    unlink(flag);
    assert_int_equal(count_workers(true), 2);
    stop_server();
}

static void test_unix(void **state)
{
    struct stat status;
    (void)state;
    begin_server(UNIX);
    assert_true(is_told("at http://unix:", 1));
    struct client client = { .descriptor = -1 };
    long pid = pid_of(ask(&client, "/"));
    assert_true(pid > 1);
    hang_up(&client);
    kill(server.pid, SIGHUP);
    assert_true(is_told("report reloaded", 1));
    bool is_new = false; /* once the old one has been told to accept no more */
    for (double until = now() + PATIENCE; !is_new && now() < until; hang_up(&client))
        is_new = pid_of(ask(&client, "/")) != pid;
    assert_true(is_new);
    stop_server();
    assert_int_equal(stat(flag, &status), -1);
}

/* Both sockets of the name are served, and the other one is left alone. */
static void test_inherited(void **state)
{
    (void)state;
    for (enum how how = INHERITED_ALONE; how <= INHERITED; how++) {
        int ports[3] = { 0 };
        struct client client = { .descriptor = -1 };
        start_server(how);
        for (int i = 0; i < 3; i++) {
            char text[32];
            snprintf(text, sizeof text, "port %d ", i);
            assert_non_null(strstr(server.text, text));
            place.port = ports[i] = (int)strtol(strstr(server.text, text) + 7, NULL, 10);
            assert_int_equal(pid_of(ask(&client, "/")) > 0, i != 1);
            hang_up(&client);
        }
        if (how == INHERITED) {
            kill(server.pid, SIGHUP);
            assert_true(is_told("report reloaded", 1));
            place.port = ports[2];
            assert_true(pid_of(ask(&client, "/")) > 0);
            hang_up(&client);
        }
        stop_server();
    }
}

/* Each allocation of the supervisor fails in turn, and the same one in its workers, which have its
 * memory: it serves all the same, or says why not. Who has none to be told to end is killed. */
static void test_no_memory(void **state)
{
    unsigned served = 0;
    (void)state;
    for (fails_at = 1; served < 5 && fails_at < 2000; fails_at += fails_at < 40 ? 1 : 7) {
        begin_server(fails_at % 2 ? PROCESSES : BOTH);
        double until = now() + PATIENCE;
        while (!strstr(server.text, "at http://") && !strstr(server.text, "end ")) {
            char data[512];
            ssize_t n = read(server.pipe, data, sizeof data - 1);
            assert_true(n > 0 && now() < until);
            memcpy(server.text + server.size, data, (size_t)n);
            server.size += (size_t)n;
        }
        if (strstr(server.text, "at http://")) {
            served++;
            kill(server.pid, SIGTERM);
            assert_int_equal(wait_for(server.pid), 0);
        } else {
            if (!strstr(server.text, "end -12 "))
                fail_msg("allocation %lu: %s", fails_at, server.text);
            assert_int_equal(wait_for(server.pid), 1);
        }
        close(server.pipe);
    }
    fails_at = 0;
    assert_int_equal(served, 5);
}

/* Workers end when their supervisor is gone, however it went. */
static void test_orphans(void **state)
{
    struct client client = { .descriptor = -1 };
    (void)state;
    start_server(PROCESSES);
    pid_t pid = (pid_t)pid_of(ask(&client, "/"));
    hang_up(&client);
    kill(server.pid, SIGKILL);
    assert_int_equal(wait_for(server.pid), 128 + SIGKILL);
    for (int i = 0; i < PATIENCE * 100 && kill(pid, 0) == 0; i++)
        usleep(10000);
    assert_int_equal(kill(pid, 0), -1);
    close(server.pipe);
}

static int in_a_loop(void *data)
{
    (void)data;
    return aiohttp_web_run_app(NULL, .factory = new_app, .workers = 2);
}

static void test_misuse(void **state)
{
    (void)state;
    aiohttp_web_application *app = aiohttp_web_application_new();
    assert_int_equal(aiohttp_web_run_app(app, .threads = 2), -EINVAL);
    app = aiohttp_web_application_new();
    assert_non_null(app);
    assert_int_equal(aiohttp_web_run_app(app, .factory = new_app), -EINVAL);
    assert_int_equal(aiohttp_web_run_app(NULL, .factory = new_app, .workers = -1), -EINVAL);
    assert_int_equal(aiohttp_web_run_app(NULL, .factory = new_app, .workers = 100000), -EINVAL);
    assert_int_equal(aiohttp_web_run_app(NULL, .factory = new_app, .workers = 1,
                                         .drain_timeout = -1), -EINVAL);
    assert_int_equal((aiohttp_web_run_workers)(NULL, NULL), -EINVAL);
    assert_int_equal(aiohttp_web_run_app(NULL, .factory = new_app, .workers = 1,
                                         .listen_fds = "none"), -ENOENT);
    enter_world("plain", false, 0);
    assert_int_equal(run_once(in_a_loop, NULL), -ASYNCIO_LOOP_RUNNING);
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

#define CASE(name) cmocka_unit_test_teardown(name, end_leftovers)

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        CASE(test_processes),      CASE(test_threads),
        CASE(test_own_runners),    CASE(test_shutdown),
        CASE(test_reload),         CASE(test_drain),
        CASE(test_unstartable),    CASE(test_killed),
        CASE(test_take_over),      CASE(test_failed_take_over),
        CASE(test_unix), CASE(test_inherited), CASE(test_no_memory),           CASE(test_orphans),
        CASE(test_replaced_later), CASE(test_drain_ended), CASE(test_misuse),
    };
    if (count == 3 && strcmp(arguments[1], "successor") == 0)
        return be_successor(arguments);
    ssize_t size = readlink("/proc/self/exe", own_path, sizeof own_path - 1);
    own_path[size > 0 ? size : 0] = '\0';
    snprintf(flag, sizeof flag, "/tmp/aiohttp-workers-%d", (int)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
