/* SPDX-License-Identifier: MIT */
/* Names by a real name server: dnsmasq, in a network of this program's own, asked by the system's
 * resolver and by c-ares. Found, not found, an alias, only IPv6, more than a datagram holds, kept
 * as long as they are true, a server that hangs, one that is gone.
 *
 * In a namespace of its own the server has port 53 and /etc/resolv.conf names it, so both
 * resolvers read what they read everywhere. Skipped where namespaces are forbidden or dnsmasq is
 * missing. */
/* TEST: backends io_uring epoll; timeout 120; not valgrind aarch64 */
#include "net/net_test.h"

#include "net/names.h"

#include <arpa/inet.h>
#include <asyncio/timeout.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 60 }; /* addresses: more than 512 bytes of them */

static char folder[] = "/tmp/asyncio-dns-XXXXXX";
static pid_t server;
static int silent; /* a socket that dnsmasq asks and that never answers */
static bool by_cares;

/* ---- a network of our own ---- */

static void in_folder(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%s", folder, name);
}

static bool write_file(const char *path, const char *text)
{
    int number = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = number < 0 ? -1 : write(number, text, strlen(text));
    if (number >= 0)
        close(number);
    return n == (ssize_t)strlen(text);
}

/* Has `path` be a file with this text, for this program and its children. */
static bool replace(const char *path, const char *name, const char *text)
{
    char other[64];
    in_folder(other, sizeof other, name);
    return write_file(other, text) && mount(other, path, NULL, MS_BIND, NULL) == 0;
}

static bool raise_loopback(void)
{
    struct ifreq request = { .ifr_flags = IFF_UP };
    snprintf(request.ifr_name, sizeof request.ifr_name, "lo");
    int number = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int r = ioctl(number, SIOCSIFFLAGS, &request);
    close(number);
    return r == 0;
}

static bool enter_own_network(void)
{
    char map[32];
    unsigned user = getuid();
    snprintf(map, sizeof map, "0 %u 1", user);
    if (unshare(user ? CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS : CLONE_NEWNET | CLONE_NEWNS) < 0)
        return false;
    if (user && !write_file("/proc/self/uid_map", map))
        return false;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && raise_loopback() &&
           replace("/etc/resolv.conf", "resolv.conf",
                   "nameserver 127.0.0.1\nsearch .\noptions timeout:2 attempts:1\n") &&
           replace("/etc/nsswitch.conf", "nsswitch.conf", "hosts: files dns\n");
}

/* ---- dnsmasq ---- */

static void run_server(void)
{
    char log[80], forward[64], many[MANY][40];
    const char *words[40 + MANY] = {
        "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
        "--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file=", "--user=root", "--group=",
        "--log-queries", "--local=/test/", "--cname=alias.test,one.test",
        "--host-record=one.test,127.0.0.7,60", "--host-record=short.test,127.0.0.7,1",
        "--host-record=six.test,::1,60", "--auth-ttl=60", "--local-ttl=60",
    };
    size_t count = 0;
    while (words[count])
        count++;
    snprintf(log, sizeof log, "--log-facility=%s/log", folder);
    struct sockaddr_in name;
    socklen_t size = sizeof name;
    getsockname(silent, (struct sockaddr *)&name, &size);
    snprintf(forward, sizeof forward, "--server=/slow.test/127.0.0.1#%d", ntohs(name.sin_port));
    words[count++] = log;
    words[count++] = forward;
    for (int i = 0; i < MANY; i++) {
        snprintf(many[i], sizeof many[i], "--host-record=many.test,127.0.1.%d,60", i + 1);
        words[count++] = many[i];
    }
    execvp(words[0], (char *const *)(uintptr_t)words);
    execv("/usr/sbin/dnsmasq", (char *const *)(uintptr_t)words);
    _exit(127);
}

/* True when somebody answers at its port for TCP. */
static bool server_answers(void)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(53) };
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int number = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = connect(number, (struct sockaddr *)&name, sizeof name);
    close(number);
    return r == 0;
}

static bool start_server(void)
{
    int status;
    server = fork();
    if (server == 0)
        run_server();
    for (int i = 0; i < 500; i++) {
        if (server_answers())
            return true;
        if (waitpid(server, &status, WNOHANG) == server)
            break;
        nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
    }
    return false;
}

/* How often it has been asked for an IPv4 address of `host`. */
static int asked_for(const char *host)
{
    char path[64], line[512], wanted[80];
    int count = 0;
    in_folder(path, sizeof path, "log");
    snprintf(wanted, sizeof wanted, "query[A] %s from", host);
    FILE *log = fopen(path, "re");
    while (log && fgets(line, sizeof line, log))
        count += strstr(line, wanted) != NULL;
    if (log)
        fclose(log);
    return count;
}

/* ---- asking ---- */

/* How many addresses it has. */
static int look_up(const char *host)
{
    struct addrinfo *infos;
    int count = 0;
    int r = asyncio_loop_getaddrinfo(asyncio_get_running_loop(), host, "80", &infos,
                                     .type = SOCK_STREAM);
    if (r < 0)
        return r;
    for (const struct addrinfo *info = infos; info; info = info->ai_next)
        count++;
    asyncio_freeaddrinfo(infos);
    return count;
}

static int greet(asyncio_stream *stream)
{
    return asyncio_stream_write(stream, "hello", 5);
}

static int found(void *data)
{
    (void)data;
    asyncio_loop *loop = asyncio_get_running_loop();
    struct addrinfo *infos;
    asyncio_server *greeter;
    asyncio_stream *stream;
    asyncio_nameinfo info;
    char text[5];
    CHECK_IS(asyncio_loop_getaddrinfo(loop, "one.test", "80", &infos, .type = SOCK_STREAM), 0);
    CHECK(((struct net *)loop->net_floor)->names.cares ? by_cares : !by_cares);
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)infos->ai_addr;
    CHECK(!infos->ai_next && infos->ai_family == AF_INET && ntohs(four->sin_port) == 80);
    CHECK_IS(ntohl(four->sin_addr.s_addr), 0x7f000007);
    CHECK_IS(asyncio_loop_getnameinfo(loop, infos->ai_addr, infos->ai_addrlen, &info), 0);
    CHECK(strcmp(info.host, "one.test") == 0);
    asyncio_freeaddrinfo(infos);
    CHECK_IS(look_up("alias.test"), 1);
    CHECK_IS(asyncio_loop_getaddrinfo(loop, "six.test", "80", &infos, .type = SOCK_STREAM), 0);
    CHECK(!infos->ai_next && infos->ai_family == AF_INET6);
    asyncio_freeaddrinfo(infos);
    CHECK_IS(look_up("many.test"), MANY); /* by TCP: no datagram holds them */
    CHECK_IS(look_up("nobody.test"), -ASYNCIO_RESOLVE);
    CHECK(strncmp(record_of(-ASYNCIO_RESOLVE)->text, "nobody.test: ", 13) == 0);
    CHECK_IS(asyncio_start_server(greet, "127.0.0.7", 0, &greeter), 0);
    CHECK_IS(asyncio_open_connection("alias.test", asyncio_server_port(greeter), &stream), 0);
    CHECK_IS(asyncio_stream_readexactly(stream, text, 5, NULL), 0);
    asyncio_stream_unref(stream);
    CHECK_IS(asyncio_open_connection("nobody.test", 1, &stream), -ASYNCIO_RESOLVE);
    asyncio_server_close(greeter);
    CHECK_IS(asyncio_server_wait_closed(greeter), 0);
    asyncio_server_unref(greeter);
    return settle();
}

/* c-ares tells how long an answer is true: no longer is it kept. The system does not tell. */
static int kept(void *data)
{
    (void)data;
    asyncio_loop *loop = asyncio_get_running_loop();
    int before = asked_for("short.test"), before_long = asked_for("one.test");
    for (int i = 0; i < 4; i++) {
        CHECK_IS(look_up("short.test"), 1);
        CHECK_IS(look_up("one.test"), 1);
    }
    CHECK_IS(asked_for("short.test"), before + 1);
    CHECK_IS(asked_for("one.test"), before_long + 1);
    CHECK_IS(asyncio_sleep(1.1), 0);
    CHECK_IS(look_up("short.test"), 1);
    CHECK_IS(look_up("one.test"), 1);
    CHECK_IS(asked_for("short.test"), before + 1 + by_cares);
    CHECK_IS(asked_for("one.test"), before_long + 1);
    /* and no longer than the loop's setting */
    CHECK_IS(asyncio_loop_set_resolver(loop, .cache_ttl = 0.2), 0);
    CHECK_IS(asyncio_sleep(0.3), 0);
    CHECK_IS(look_up("one.test"), 1);
    CHECK_IS(asked_for("one.test"), before_long + 2);
    CHECK_IS(asyncio_loop_set_resolver(loop, .cache_size = 0), 0);
    CHECK_IS(look_up("one.test"), 1);
    CHECK_IS(look_up("one.test"), 1);
    CHECK_IS(asked_for("one.test"), before_long + 4);
    return 0;
}

/* It answers nothing for a name of which it asks another server; then it answers nothing at all. */
static int hangs(void *data)
{
    (void)data;
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_task *tasks[3];
    asyncio_timeout limit;
    CHECK_IS(asyncio_loop_set_resolver(loop, .timeout = 0.3, .cache_size = 0), 0);
    START(tasks[0], look_up, "slow.test");
    START(tasks[1], look_up, "a.slow.test");
    START(tasks[2], look_up, "one.test");
    CHECK_IS(asyncio_sleep(0.05), 0);
    double before = asyncio_loop_time(loop);
    CHECK_IS(asyncio_task_cancel(tasks[0]), 1);
    CHECK_IS(join(tasks[0]), -ECANCELED);
    CHECK(asyncio_loop_time(loop) - before < 0.15); /* at once: its limit is later */
    CHECK_IS(join(tasks[2]), 1);                    /* not held up by the others */
    CHECK_IS(join(tasks[1]), -ETIMEDOUT);
    CHECK_IS(kill(server, SIGSTOP), 0);
    CHECK_IS(look_up("one.test"), -ETIMEDOUT);
    asyncio_timeout_enter(&limit, 0.1);
    CHECK_IS(asyncio_timeout_exit(&limit, look_up("one.test")), -ETIMEDOUT);
    CHECK_IS(kill(server, SIGCONT), 0);
    CHECK_IS(asyncio_loop_set_resolver(loop, .cache_size = 0), 0);
    CHECK_IS(look_up("one.test"), 1);
    return 0;
}

static int left_behind(void *data)
{
    (void)data;
    asyncio_task *task;
    START(task, look_up, "slow.test");
    asyncio_task_unref(task);
    return asyncio_sleep(0.02);
}

/* Nobody there: told at once, not after the limit. */
static int gone(void *data)
{
    (void)data;
    double before = asyncio_loop_time(asyncio_get_running_loop());
    CHECK_IS(look_up("one.test"), -ASYNCIO_RESOLVE);
    CHECK(asyncio_loop_time(asyncio_get_running_loop()) - before < 5);
    return 0;
}

/* ---- the runs ---- */

/* A look-up's memory may go a moment after the loop, when the system lets its thread come back. */
static void play(const char *name, program *body)
{
    asyncio__record_put(NULL);
    uint64_t live = asyncio__alloc_live();
    int r = asyncio_run(asyncio_coro(observed, body, NULL), .shutdown_timeout = 5.0);
    if (r != 0)
        fail_msg("%s by %s: %s", name, by_cares ? "c-ares" : "the system", asyncio_error_name(r));
    asyncio__record_put(NULL);
    for (int i = 0; i < 6000 && asyncio__alloc_live() != live; i++)
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    assert_int_equal(asyncio__alloc_live(), live);
}

static bool has_server(void)
{
    if (server <= 0)
        print_message("skipped: no dnsmasq (Debian's dnsmasq-base), or no namespaces here\n");
    return server > 0;
}

static void test_system(void **state)
{
    (void)state;
    if (!has_server())
        skip();
    play("found", found);
    play("kept", kept);
    play("hangs", hangs);
    play("left behind", left_behind);
}

static void test_cares(void **state)
{
    (void)state;
    if (!has_server())
        skip();
    if (!asyncio__have_cares) {
        print_message("skipped: built without c-ares\n");
        skip();
    }
    by_cares = true;
    setenv("ASYNCIO_RESOLVER", "c-ares", 1);
    play("found", found);
    play("kept", kept);
    play("hangs", hangs);
    play("left behind", left_behind);
}

static void test_gone(void **state)
{
    (void)state;
    int status;
    if (!has_server())
        skip();
    kill(server, SIGKILL);
    assert_int_equal(waitpid(server, &status, 0), server);
    server = 0;
    unsetenv("ASYNCIO_RESOLVER");
    by_cares = false;
    play("gone", gone);
    if (!asyncio__have_cares)
        return;
    by_cares = true;
    setenv("ASYNCIO_RESOLVER", "c-ares", 1);
    play("gone", gone);
}

static int begin(void **state)
{
    (void)state;
    struct sockaddr_in name = { .sin_family = AF_INET };
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    unsetenv("ASYNCIO_RESOLVER");
    enter_world("plain", false, 0);
    if (!mkdtemp(folder) || !enter_own_network())
        return 0;
    silent = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(silent, (struct sockaddr *)&name, sizeof name) < 0 || !start_server())
        server = 0;
    return 0;
}

static int finish(void **state)
{
    (void)state;
    static const char *const names[] = { "log", "resolv.conf", "nsswitch.conf" };
    char path[64];
    int status;
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, &status, 0);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        in_folder(path, sizeof path, names[i]);
        unlink(path);
    }
    rmdir(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_cares),
        cmocka_unit_test(test_gone),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
