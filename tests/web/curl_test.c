/* SPDX-License-Identifier: MIT */
/* A real client, and real places: TCP, TLS, AF_UNIX, an inherited socket, a program that is told to
 * end. */
/* TEST: backends io_uring epoll; timeout 60; not valgrind aarch64 */
#include "net/tls_test.h"
#include "web/web_test.h"

#include <arpa/inet.h>
#include <asyncio/threads.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[] = "/tmp/aiohttp-curl-XXXXXX";

/* A command and what it has printed: run by a thread. */
struct command {
    char line[1024], out[8192];
};

static int run_command(struct command *command)
{
    FILE *pipe = popen(command->line, "r");
    if (!pipe)
        return -errno;
    size_t size = fread(command->out, 1, sizeof command->out - 1, pipe);
    command->out[size] = '\0';
    return pclose(pipe) == 0 ? 0 : -EPROTO;
}

static int hello(aiohttp_web_request *request)
{
    return aiohttp_web_respondf(request, "%s %s\n", aiohttp_web_request_scheme(request),
                                aiohttp_web_request_path(request));
}

static int size_of_body(aiohttp_web_request *request)
{
    const char *data;
    size_t total = 0;
    int n;
    while ((n = aiohttp_web_request_content_read_view(request, &data)) > 0)
        total += (size_t)n;
    return n < 0 ? n : aiohttp_web_respondf(request, "%zu\n", total);
}

static int too_much(aiohttp_web_request *request)
{
    const char *data;
    size_t size;
    int r = aiohttp_web_request_read(request, &data, &size);
    return r < 0 ? r : aiohttp_web_respond(request, "read");
}

static aiohttp_web_application *new_app(void)
{
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application_add_get(app, "/{tail:.*}", hello);
    aiohttp_web_application_add_post(app, "/size", size_of_body);
    aiohttp_web_application_add_put(app, "/size", size_of_body);
    aiohttp_web_application_add_post(app, "/much", too_much);
    return app;
}

struct place {
    int port, tls_port, sock_port;
    char path[128];
};

static const struct {
    const char *arguments, *out;
} commands[] = {
    { "http://127.0.0.1:%1$d/a", "http /a\n" },
    { "http://127.0.0.1:%1$d/a http://127.0.0.1:%1$d/b -w '%%{num_connects}\\n'",
      "http /a\n1\nhttp /b\n0\n" },
    { "-I http://127.0.0.1:%1$d/a -o /dev/null -w '%%{http_code} %%{size_download}\\n'",
      "200 0\n" },
    { "--http1.0 http://127.0.0.1:%1$d/a", "http /a\n" },
    { "--unix-socket %4$s http://any/a", "http /a\n" },
    { "--cacert %5$s https://localhost:%2$d/a https://localhost:%2$d/b", "https /a\nhttps /b\n" },
    { "http://127.0.0.1:%3$d/a", "http /a\n" },
    { "--data-binary @%6$s/large http://127.0.0.1:%1$d/size", "3000000\n" },
    { "--data-binary @%6$s/large -H 'Transfer-Encoding: chunked' http://127.0.0.1:%1$d/size",
      "3000000\n" },
    { "--cacert %5$s --data-binary @%6$s/large https://localhost:%2$d/size", "3000000\n" },
    { "-T %6$s/large -H 'Expect: 100-continue' http://127.0.0.1:%1$d/size", "3000000\n" },
    { "--data-binary @%6$s/large -H 'Expect: 100-continue' http://127.0.0.1:%1$d/much -o /dev/null "
      "-w '%%{http_code}\\n'",
      "413\n" },
    { "--data-binary @%6$s/large -H 'Expect:' http://127.0.0.1:%1$d/much -o /dev/null "
      "-w '%%{http_code}\\n'",
      "413\n" },
};

static int run_commands(const struct place *place)
{
    struct command command;
    char arguments[512];
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(arguments, sizeof arguments, commands[i].arguments, place->port, place->tls_port,
                 place->sock_port, place->path, certificates()->ca, folder);
#pragma GCC diagnostic pop
        snprintf(command.line, sizeof command.line, "curl -s --noproxy '*' -m 20 %s", arguments);
        int r = asyncio_to_thread(asyncio_coro(run_command, &command));
        if (r < 0)
            print_error("%s\n", command.line);
        if (r < 0)
            return r;
        CHECK_TEXT(command.out, commands[i].out);
    }
    return 0;
}

/* A bound socket, as from somebody else. */
static int bound_socket(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0)
        return descriptor;
    close(descriptor);
    return -1;
}

static int start_sites(aiohttp_web_runner *runner, asyncio_ssl_context *context,
                       struct place *place)
{
    aiohttp_web_site *site;
    int r = aiohttp_web_tcp_site_new(runner, "127.0.0.1", 0, &site);
    if (r >= 0 && (r = aiohttp_web_site_start(site)) >= 0) {
        place->port = aiohttp_web_site_port(site);
        CHECK_BEGINS(aiohttp_web_site_name(site), "http://127.0.0.1:");
    }
    aiohttp_web_site_unref(site);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(runner, "127.0.0.1", 0, &site, .ssl_context = context);
    if (r >= 0 && (r = aiohttp_web_site_start(site)) >= 0) {
        place->tls_port = aiohttp_web_site_port(site);
        CHECK_BEGINS(aiohttp_web_site_name(site), "https://127.0.0.1:");
    }
    aiohttp_web_site_unref(site);
    snprintf(place->path, sizeof place->path, "%s/site", folder);
    if (r >= 0)
        r = aiohttp_web_unix_site_new(runner, place->path, &site);
    if (r >= 0)
        r = aiohttp_web_site_start(site);
    aiohttp_web_site_unref(site);
    if (r >= 0)
        r = aiohttp_web_sock_site_new(runner, bound_socket(), &site);
    if (r >= 0 && (r = aiohttp_web_site_start(site)) >= 0)
        place->sock_port = aiohttp_web_site_port(site);
    aiohttp_web_site_unref(site);
    CHECK_IS((int)aiohttp_web_runner_sites(runner, NULL, 0), r >= 0 ? 4 : 0);
    return r;
}

static int sites(void *data)
{
    struct place place;
    asyncio_ssl_context *context = NULL;
    aiohttp_web_runner *runner = NULL;
    (void)data;
    aiohttp_web_application *app = new_app();
    int r = server_context(certificates()->server, &context);
    if (r >= 0)
        r = aiohttp_web_app_runner_new(app, &runner);
    if (r >= 0)
        r = aiohttp_web_runner_setup(runner);
    if (r >= 0)
        r = start_sites(runner, context, &place);
    if (r >= 0)
        r = run_commands(&place);
    int ended = aiohttp_web_runner_cleanup(runner);
    if (r >= 0)
        CHECK_IS(access(place.path, F_OK), -1); /* the socket's file went with it */
    aiohttp_web_runner_unref(runner);
    aiohttp_web_application_unref(app);
    asyncio_ssl_context_unref(context);
    return r < 0 ? r : ended;
}

static void test_sites(void **state)
{
    (void)state;
    warm_up();
    enter_world("plain", false, 0);
    assert_int_equal(run_once(sites, NULL), 0);
}

/* ---- run_app ---- */

static struct command asked;

static void *ask_and_end(void *site)
{
    snprintf(asked.line, sizeof asked.line, "curl -s --noproxy '*' -m 20 %s/x", (char *)site);
    run_command(&asked);
    kill(getpid(), SIGTERM);
    free(site);
    return NULL;
}

static void on_site(const char *site, void *data)
{
    assert_int_equal(pthread_create(data, NULL, ask_and_end, strdup(site)), 0);
}

static void test_run_app(void **state)
{
    pthread_t thread;
    (void)state;
    enter_world("plain", false, 0);
    assert_int_equal(aiohttp_web_run_app(new_app(), .host = "127.0.0.1", .port = 0,
                                         .print = on_site, .print_data = &thread),
                     0);
    pthread_join(thread, NULL);
    assert_string_equal(asked.out, "http /x\n");

    /* What was wrong when it was put together. */
    aiohttp_web_application *app = new_app();
    assert_int_equal(aiohttp_web_application_add_get(app, "no slash", hello), -EINVAL);
    assert_int_equal(aiohttp_web_run_app(app, .host = "127.0.0.1", .port = 0), -EINVAL);
    assert_int_equal(aiohttp_web_run_app(NULL, .host = "127.0.0.1", .port = 0), -ENOMEM);
}

static int prepare(void **state)
{
    char line[256];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(line, sizeof line, "head -c 3000000 /dev/zero > %s/large", folder);
    return system(line);
}

static int clean_up(void **state)
{
    char line[256];
    (void)state;
    snprintf(line, sizeof line, "rm -rf %s", folder);
    return system(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sites),
        cmocka_unit_test(test_run_app),
    };
    if (system("curl --version > /dev/null 2>&1") != 0)
        return 77; /* skipped */
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
