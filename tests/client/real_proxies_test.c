/* SPDX-License-Identifier: MIT */
/* Real proxies, with configurations of their own and on free ports: squid and tinyproxy by
 * CONNECT, squid over TLS (and TLS inside of that), another squid that wants Digest, dante by
 * SOCKS5. What is not installed is left out, and named. */
/* TEST: backends io_uring epoll; timeout 90; not valgrind aarch64 */
#include "net/tls_test.h"

#include "client/proxies.h"

#include <aiohttp/client.h>
#include <aiohttp/error.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SQUID, DIGEST, TINYPROXY, DANTE, PROXIES };

static char folder[] = "/tmp/aiohttp-proxies-XXXXXX";
static pid_t running[PROXIES]; /* who looks after it; 0: it is not there */
static int pipes[PROXIES];     /* to them */
static int ports[PROXIES], auth_port, tls_port;

/* --- starting and ending --- */

static int free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s >= 0);
    assert_int_equal(bind(s, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(s, (struct sockaddr *)&address, &size), 0);
    close(s);
    return ntohs(address.sin_port);
}

static bool answers(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there = s >= 0 && connect(s, (struct sockaddr *)&address, sizeof address) == 0;
    if (s >= 0)
        close(s);
    return is_there;
}

static const char *put(const char *name, const char *format, ...)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    va_list list;
    va_start(list, format);
    vfprintf(file, format, list);
    va_end(list);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* The process that a proxy belongs to: ends it, and what it has started, when nobody has the other
 * end of the pipe any more. So nothing runs on, however the test has ended. */
static _Noreturn void guard(int end, char *const *words)
{
    struct pollfd over = { .fd = end, .events = POLLIN };
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        setsid();
        execv(words[0], words);
        _exit(127);
    }
    while (child > 0 && poll(&over, 1, 20) == 0)
        if (waitpid(child, NULL, WNOHANG) == child)
            _exit(1);
    kill(-child, SIGTERM);
    for (int i = 0; i < 200 && waitpid(child, NULL, WNOHANG) == 0; i++)
        usleep(10000);
    kill(-child, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0) /* its helpers, too */
        ;
    _exit(0);
}

/* Runs a program until its port answers. */
static void start(int which, char *const *words)
{
    int ends[2];
    if (access(words[0], X_OK) < 0) {
        print_message("%s is not installed: left out\n", words[0]);
        return;
    }
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t guardian = fork();
    assert_true(guardian >= 0);
    if (guardian == 0) {
        setpgid(0, 0); /* what ends the whole group of the test leaves it its work */
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        close(ends[1]);
        for (int i = 0; i < PROXIES; i++)
            if (running[i])
                close(pipes[i]);
        guard(ends[0], words);
    }
    close(ends[0]);
    pipes[which] = ends[1];
    running[which] = guardian;
    for (int i = 0; i < 1500 && !answers(ports[which]); i++) {
        usleep(10000);
        if (waitpid(guardian, NULL, WNOHANG) == guardian) {
            print_message("%s does not run here: left out\n", words[0]);
            close(ends[1]);
            running[which] = 0;
            return;
        }
    }
}

/* What every squid says, and what is its own. */
static void run_squid(int which, const char *name, const char *own)
{
    const char *path = put(
        name,
        "http_port 127.0.0.1:%d\n"
        "pid_filename none\ncache deny all\naccess_log none\ncache_log %s/%s.log\n"
        "coredump_dir %s\nvisible_hostname localhost\nshutdown_lifetime 0 seconds\n"
        "server_persistent_connections off\ncache_mem 1 MB\npinger_enable off\n"
        "netdb_filename none\nmax_filedescriptors 256\n%s",
        ports[which], folder, name, folder, own);
    char *const words[] = { (char[]){ "/usr/sbin/squid" }, (char[]){ "-N" }, (char[]){ "-f" },
                            (char *)(uintptr_t)path, NULL };
    start(which, words);
}

static void start_squid(void)
{
    char own[1024];
    ports[SQUID] = free_port();
    auth_port = free_port();
    tls_port = free_port();
    const char *users = put("users", "me:$1$abcdefgh$%s\n", "cHJi5PXp/ki/ktXzqlk6I1");
    snprintf(own, sizeof own,
             "http_port 127.0.0.1:%d name=auth\n"
             "https_port 127.0.0.1:%d tls-cert=%s\n"
             "auth_param basic program /usr/lib/squid/basic_ncsa_auth %s\n"
             "auth_param basic children 1 startup=1 idle=1\n"
             "acl known proxy_auth REQUIRED\nacl asks myportname auth\n"
             "http_access deny asks !known\nhttp_access allow all\n",
             auth_port, tls_port, certificates()->server, users);
    run_squid(SQUID, "squid.conf", own);
}

/* A nonce is good for so few requests that it is stale within the test. */
static void start_squid_with_digest(void)
{
    char own[512];
    ports[DIGEST] = free_port();
    const char *users = put("digests", "me:secret\n");
    snprintf(own, sizeof own,
             "auth_param digest program /usr/lib/squid/digest_file_auth %s\n"
             "auth_param digest children 1 startup=1 idle=1\n"
             "auth_param digest realm the proxy\nauth_param digest nonce_max_count 3\n"
             "acl known proxy_auth REQUIRED\nhttp_access deny !known\nhttp_access allow all\n",
             users);
    run_squid(DIGEST, "digest.conf", own);
}

static void start_tinyproxy(void)
{
    ports[TINYPROXY] = free_port();
    const char *path = put("tinyproxy.conf",
                           "Port %d\nListen 127.0.0.1\nTimeout 30\nMaxClients 20\n"
                           "LogLevel Critical\nBasicAuth me secret\n",
                           ports[TINYPROXY]);
    char *const words[] = { (char[]){ "/usr/bin/tinyproxy" }, (char[]){ "-d" }, (char[]){ "-c" },
                            (char *)(uintptr_t)path, NULL };
    start(TINYPROXY, words);
}

static void start_dante(void)
{
    ports[DANTE] = free_port();
    const char *path = put("danted.conf",
                           "logoutput: /dev/null\ninternal: 127.0.0.1 port = %d\n"
                           "external: 127.0.0.1\nsocksmethod: none\nclientmethod: none\n%s"
                           "client pass { from: 127.0.0.0/8 to: 127.0.0.0/8 }\n"
                           "socks block { from: 127.0.0.0/8 to: 127.0.0.9/32 }\n"
                           "socks pass { from: 127.0.0.0/8 to: 127.0.0.0/8 }\n",
                           ports[DANTE], geteuid() == 0 ? "user.notprivileged: nobody\n" : "");
    char *const words[] = { (char[]){ "/usr/sbin/danted" }, (char[]){ "-f" },
                            (char *)(uintptr_t)path, (char[]){ "-N" }, (char[]){ "1" }, NULL };
    start(DANTE, words);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0777), 0);
    /* Each failing allocation would have proxies of its own: proxies_test.c and
     * session_proxy_test.c are swept. */
    if (getenv("ASYNCIO_TEST_ALLOCATIONS"))
        return 0;
    start_squid();
    start_squid_with_digest();
    start_tinyproxy();
    start_dante();
    return 0;
}

static int tear_down(void **state)
{
    char command[160];
    (void)state;
    for (int i = 0; i < PROXIES; i++)
        if (running[i]) {
            close(pipes[i]);
            (void)waitpid(running[i], NULL, 0);
        }
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? 0 : -1;
}

/* --- the targets, of ours --- */

struct targets {
    asyncio_server *plain, *tls;
    asyncio_ssl_context *server, *client;
    aiohttp_limits limits;
};

static int targets_open(struct targets *targets)
{
    *targets = (struct targets){ .limits = aiohttp_client_limits() };
    int r = server_context(certificates()->server, &targets->server);
    if (r >= 0)
        r = client_context(&targets->client);
    if (r >= 0)
        r = asyncio_start_server(say_hello, "127.0.0.1", 0, &targets->plain);
    if (r >= 0)
        r = asyncio_start_server(say_hello, "127.0.0.1", 0, &targets->tls, .ssl = targets->server);
    return r;
}

static int targets_close(struct targets *targets, int result)
{
    int r = targets->plain ? end_server(targets->plain) : 0;
    result = result < 0 ? result : r;
    r = targets->tls ? end_server(targets->tls) : 0;
    asyncio_ssl_context_unref(targets->server);
    asyncio_ssl_context_unref(targets->client);
    return result < 0 ? result : r;
}

static int hears_hello(asyncio_stream *stream)
{
    char text[8];
    int r = asyncio_stream_readexactly(stream, text, 5, NULL);
    if (r >= 0)
        CHECK(memcmp(text, "hello", 5) == 0);
    return r;
}

/* What is asked of a proxy, and how. */
struct way {
    int proxy_port, target_port;
    const char *host, *authorization;
    bool tls_to_proxy, tls_to_target, socks;
    int status; /* that it answered */
};

static int go(struct targets *targets, struct way *way, asyncio_stream *stream)
{
    struct proxy_connect connect = { .host = way->host,
                                     .port = way->target_port,
                                     .authorization = way->authorization,
                                     .limits = &targets->limits };
    int r = 0;
    if (way->tls_to_proxy)
        r = asyncio_stream_start_tls(stream, targets->client, .server_hostname = "localhost");
    if (r >= 0)
        r = way->socks
                ? aiohttp__socks5_connect(stream, way->host, way->target_port, NULL, NULL)
                : aiohttp__proxy_connect(stream, &connect, &way->status);
    if (r >= 0 && way->tls_to_target)
        r = asyncio_stream_start_tls(stream, targets->client, .server_hostname = "localhost");
    return r < 0 ? r : hears_hello(stream);
}

static int take(struct targets *targets, struct way *way)
{
    asyncio_stream *stream;
    int r = asyncio_open_connection("127.0.0.1", way->proxy_port, &stream);
    if (r < 0)
        return r;
    r = go(targets, way, stream);
    asyncio_stream_abort(stream);
    asyncio_stream_unref(stream);
    return r;
}

typedef int uses(struct targets *targets);

static int with_targets(void *data)
{
    struct targets targets;
    uses *const *use = data;
    int r = targets_open(&targets);
    if (r >= 0)
        r = (*use)(&targets);
    return targets_close(&targets, r);
}

static void through(int which, uses *use)
{
    if (!running[which]) {
        print_message("left out\n");
        skip();
    }
    warm_up();
    run_everywhere_with(with_targets, &use);
}

/* --- the tests --- */

static int by_squid(struct targets *targets)
{
    int plain = asyncio_server_port(targets->plain), tls = asyncio_server_port(targets->tls);
    struct way ways[] = {
        { .proxy_port = ports[SQUID], .target_port = plain, .host = "127.0.0.1" },
        { .proxy_port = ports[SQUID], .target_port = tls, .host = "127.0.0.1",
          .tls_to_target = true },
        { .proxy_port = tls_port, .target_port = plain, .host = "127.0.0.1", .tls_to_proxy = true },
        { .proxy_port = tls_port, .target_port = tls, .host = "127.0.0.1", .tls_to_proxy = true,
          .tls_to_target = true },
        /* me:secret */
        { .proxy_port = auth_port, .target_port = plain, .host = "127.0.0.1",
          .authorization = "Basic bWU6c2VjcmV0" },
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int r = take(targets, &ways[i]);
        if (r < 0)
            print_error("way %zu\n", i);
        if (r < 0)
            return r;
        CHECK_IS(ways[i].status, 200);
    }
    struct way refused = { .proxy_port = auth_port, .target_port = plain, .host = "127.0.0.1" };
    CHECK_IS(take(targets, &refused), -AIOHTTP_PROXY);
    CHECK_IS(refused.status, 407);
    refused.authorization = "Basic bWU6d3Jvbmc=";
    CHECK_IS(take(targets, &refused), -AIOHTTP_PROXY);
    CHECK_IS(refused.status, 407);
    struct way nobody = { .proxy_port = ports[SQUID], .target_port = 1, .host = "127.0.0.1" };
    CHECK_IS(take(targets, &nobody), -AIOHTTP_PROXY);
    CHECK_IS(nobody.status, 503);
    /* a server that speaks TLS, asked without */
    struct way wrong = { .proxy_port = tls_port, .target_port = plain, .host = "127.0.0.1" };
    int r = take(targets, &wrong);
    CHECK(r == -AIOHTTP_PROXY || r == -AIOHTTP_PROXY_CLOSED || r == -AIOHTTP_BAD_HTTP_MESSAGE);
    return 0;
}

static void squid(void **state)
{
    (void)state;
    through(SQUID, by_squid);
}

static int by_tinyproxy(struct targets *targets)
{
    int plain = asyncio_server_port(targets->plain), tls = asyncio_server_port(targets->tls);
    const char *me = "Basic bWU6c2VjcmV0";
    struct way ways[] = {
        { .proxy_port = ports[TINYPROXY], .target_port = plain, .host = "127.0.0.1",
          .authorization = me },
        { .proxy_port = ports[TINYPROXY], .target_port = tls, .host = "localhost",
          .authorization = me, .tls_to_target = true },
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int r = take(targets, &ways[i]);
        if (r < 0)
            return r;
        CHECK_IS(ways[i].status, 200);
    }
    struct way refused = { .proxy_port = ports[TINYPROXY], .target_port = plain,
                           .host = "127.0.0.1" };
    CHECK_IS(take(targets, &refused), -AIOHTTP_PROXY);
    CHECK_IS(refused.status, 407);
    return 0;
}

static void tinyproxy(void **state)
{
    (void)state;
    through(TINYPROXY, by_tinyproxy);
}

static int by_dante(struct targets *targets)
{
    int plain = asyncio_server_port(targets->plain), tls = asyncio_server_port(targets->tls);
    struct way ways[] = {
        { .proxy_port = ports[DANTE], .target_port = plain, .host = "127.0.0.1", .socks = true },
        { .proxy_port = ports[DANTE], .target_port = plain, .host = "localhost", .socks = true },
        { .proxy_port = ports[DANTE], .target_port = tls, .host = "127.0.0.1", .socks = true,
          .tls_to_target = true },
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int r = take(targets, &ways[i]);
        if (r < 0)
            return r;
    }
    struct way refused = { .proxy_port = ports[DANTE], .target_port = 1, .host = "127.0.0.1",
                           .socks = true };
    CHECK_IS(take(targets, &refused), -AIOHTTP_SOCKS_REFUSED);
    refused.host = "127.0.0.9";
    CHECK_IS(take(targets, &refused), -AIOHTTP_SOCKS_NOT_ALLOWED);
    return 0;
}

static void dante(void **state)
{
    (void)state;
    through(DANTE, by_dante);
}

/* --- a session through them --- */

static int get(aiohttp_client_session *session, const char *url, const char *proxy)
{
    aiohttp_client_response *response;
    const char *text;
    int r = aiohttp_client_session_get(session, url, &response, .proxy = proxy);
    if (r < 0)
        return r;
    r = aiohttp_client_response_text(response, &text);
    if (r >= 0)
        CHECK(strcmp(text, "ok") == 0);
    aiohttp_client_response_unref(response);
    return r;
}

static int answer_http(asyncio_stream *stream)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    char head[4096];
    int r;
    while ((r = asyncio_stream_readuntil(stream, "\r\n\r\n", 4, head, sizeof head)) > 0)
        if ((r = asyncio_stream_write(stream, text, sizeof text - 1)) < 0)
            break;
    return 0;
}

static int session_by(aiohttp_client_session *session, int plain, int tls)
{
    static const struct {
        const char *proxy;
        int which;
        const int *port;
        bool is_tls;
    } ways[] = { { "http://127.0.0.1", SQUID, &ports[SQUID], false },
                 { "http://127.0.0.1", SQUID, &ports[SQUID], true },
                 { "https://localhost", SQUID, &tls_port, false },
                 { "https://localhost", SQUID, &tls_port, true },
                 { "http://me:secret@127.0.0.1", SQUID, &auth_port, false },
                 { "http://me:secret@127.0.0.1", SQUID, &auth_port, true },
                 { "http://me:secret@localhost", TINYPROXY, &ports[TINYPROXY], false },
                 { "http://me:secret@localhost", TINYPROXY, &ports[TINYPROXY], true },
                 { "socks5://127.0.0.1", DANTE, &ports[DANTE], false },
                 { "socks5h://127.0.0.1", DANTE, &ports[DANTE], false },
                 { "socks5h://127.0.0.1", DANTE, &ports[DANTE], true } };
    int r = 0;
    for (size_t i = 0; r >= 0 && i < 2 * sizeof ways / sizeof *ways; i++) {
        size_t way = i / 2; /* each twice: the second time on the same connection */
        char url[64], proxy[96];
        if (!running[ways[way].which])
            continue;
        snprintf(url, sizeof url, "http%s://%s:%d/", ways[way].is_tls ? "s" : "",
                 i % 4 < 2 ? "127.0.0.1" : "localhost", ways[way].is_tls ? tls : plain);
        snprintf(proxy, sizeof proxy, "%s:%d", ways[way].proxy, *ways[way].port);
        r = get(session, url, proxy);
        if (r < 0)
            print_error("%s by %s\n", url, proxy);
    }
    return r;
}

typedef int talks(aiohttp_client_session *session, int plain, int tls);

static int with_session(struct targets *targets, int proxy_digest, talks *talk)
{
    aiohttp_client_session *session = NULL;
    aiohttp_connector *connector = NULL;
    asyncio_server *plain = NULL, *tls = NULL;
    int r = asyncio_start_server(answer_http, "127.0.0.1", 0, &plain);
    if (r >= 0)
        r = asyncio_start_server(answer_http, "127.0.0.1", 0, &tls, .ssl = targets->server);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .ssl = targets->client,
                                      .proxy_digest = proxy_digest);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .connector = connector);
    aiohttp_connector_unref(connector);
    if (r >= 0)
        r = talk(session, asyncio_server_port(plain), asyncio_server_port(tls));
    int closed = session ? aiohttp_client_session_close(session) : 0;
    aiohttp_client_session_unref(session);
    int ended = plain ? end_server(plain) : 0;
    int tls_ended = tls ? end_server(tls) : 0;
    return r < 0 ? r : closed < 0 ? closed : ended < 0 ? ended : tls_ended;
}

static int by_session(struct targets *targets)
{
    return with_session(targets, 0, session_by);
}

static void a_session(void **state)
{
    (void)state;
    through(running[SQUID] ? SQUID : running[TINYPROXY] ? TINYPROXY : DANTE, by_session);
}

/* More requests than a nonce is good for, and then a password that is wrong. */
static int digest_by(aiohttp_client_session *session, int plain, int tls)
{
    aiohttp_client_response *response;
    char urls[2][64], me[64], wrong[64];
    snprintf(urls[0], sizeof urls[0], "http://127.0.0.1:%d/", plain);
    snprintf(urls[1], sizeof urls[1], "https://localhost:%d/", tls);
    snprintf(me, sizeof me, "http://me:secret@127.0.0.1:%d", ports[DIGEST]);
    snprintf(wrong, sizeof wrong, "http://me:wrong@127.0.0.1:%d", ports[DIGEST]);
    for (int i = 0; i < 16; i++) {
        int r = get(session, urls[i / 2 % 2], me);
        if (r < 0)
            print_error("request %d\n", i);
        if (r < 0)
            return r;
    }
    int r = aiohttp_client_session_get(session, urls[0], &response, .proxy = wrong);
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_client_response_status(response), 407);
    aiohttp_client_response_unref(response);
    snprintf(urls[1], sizeof urls[1], "https://127.0.0.1:%d/", tls); /* no tunnel is there yet */
    CHECK_IS(get(session, urls[1], wrong), -AIOHTTP_PROXY);
    return 0;
}

static int with_digest(struct targets *targets)
{
    int r = with_session(targets, 0, digest_by);
    return r < 0 ? r : with_session(targets, 1, digest_by);
}

static void squid_with_digest(void **state)
{
    (void)state;
    through(DIGEST, with_digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(squid),
        cmocka_unit_test(squid_with_digest),
        cmocka_unit_test(tinyproxy),
        cmocka_unit_test(dante),
        cmocka_unit_test(a_session),
    };
    return cmocka_run_group_tests_name("real_proxies", tests, set_up, tear_down);
}
