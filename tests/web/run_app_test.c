/* SPDX-License-Identifier: MIT */
/* aiohttp_web_run_app in a process of its own: what ends it, what it prints, and what it returns
 * when it cannot begin. */
/* TEST: backends io_uring epoll; not allocations valgrind aarch64 */
#include "web/web_test.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char printed[256];
static int cleaned;

static void print(const char *site, void *data)
{
    snprintf(printed, sizeof printed, "%s%s", (const char *)data, site);
}

static void end_me(asyncio_loop *loop, void *data)
{
    (void)loop;
    kill(getpid(), *(int *)data);
}

static int ends_soon(aiohttp_web_application *app, void *data)
{
    (void)app;
    return asyncio_loop_call_later(asyncio_get_running_loop(), 0.05, end_me, NULL, .data = data);
}

static int note_cleanup(aiohttp_web_application *app)
{
    (void)app;
    cleaned = 1;
    return 0;
}

/* The status of a process that serves and is sent a signal. 0: it was ended gracefully. */
static int ended_by(int number, int handles)
{
    static int sent;
    static char prefix[] = "at ";
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sent = number;
        aiohttp_web_application *app = aiohttp_web_application_new();
        (void)aiohttp_web_application_on_startup(app, ends_soon, .data = &sent);
        (void)aiohttp_web_application_on_cleanup(app, note_cleanup);
        int r = aiohttp_web_run_app(app, .host = "127.0.0.1", .port = 0, .print = print,
                                    .print_data = prefix, .handle_signals = handles);
        _exit(r != 0                                                ? 1
              : strncmp(printed, "at http://127.0.0.1:", 20) != 0 ? 2
              : !cleaned                                            ? 3
                                                                    : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void signals(void **state)
{
    (void)state;
    assert_int_equal(ended_by(SIGTERM, 1), 0);
    assert_int_equal(ended_by(SIGINT, 1), 0);
    /* then they are the program's: what they usually do */
    int status = ended_by(SIGTERM, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static int nothing(aiohttp_web_request *request)
{
    return aiohttp_web_respond(request, "");
}

static void what_keeps_it_from_beginning(void **state)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    (void)state;
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(taken >= 0);
    assert_return_code(bind(taken, (struct sockaddr *)&address, size), 0);
    assert_return_code(listen(taken, 1), 0);
    assert_return_code(getsockname(taken, (struct sockaddr *)&address, &size), 0);
    cleaned = 0;
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_on_cleanup(app, note_cleanup);
    assert_int_equal(
        aiohttp_web_run_app(app, .host = "127.0.0.1", .port = ntohs(address.sin_port)),
        -EADDRINUSE);
    assert_int_equal(cleaned, 1); /* it had started */
    close(taken);
    assert_int_equal(aiohttp_web_run_app(NULL, .host = "127.0.0.1", .port = 0), -ENOMEM);
    app = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_get(app, "no slash", nothing);
    assert_int_equal(aiohttp_web_run_app(app, .host = "127.0.0.1", .port = 0), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals),
        cmocka_unit_test(what_keeps_it_from_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
