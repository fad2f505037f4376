/* SPDX-License-Identifier: MIT */
/* Errors are reported where nobody reads any more, or where no more may be written: that is no
 * reason to die. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asyncio.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static volatile sig_atomic_t broken;

static void on_broken(int number)
{
    (void)number;
    broken++;
}

static int fails(void)
{
    return asyncio_raise(-EIO, "nobody awaits this");
}

static int program(void)
{
    asyncio_exception_context context = { .size = sizeof context,
                                          .message = "a line",
                                          .exception = -EPROTO };
    int r = 0;
    for (int i = 0; i < 3 && r >= 0; i++) {
        (asyncio_loop_call_exception_handler)(asyncio_get_running_loop(), &context);
        r = asyncio_create_task(asyncio_coro(fails), NULL);
        if (r >= 0)
            r = asyncio_sleep(0);
    }
    return r < 0 ? r : asyncio_raise(-EIO, "for asyncio_print_exception");
}

/* Reports to `descriptor`, which is closed, and which a write raises `number` at. */
static void report_to(int descriptor, int number)
{
    struct sigaction before, action = { .sa_handler = on_broken };
    sigemptyset(&action.sa_mask);
    sigset_t pending;
    int mine = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    assert_true(mine >= 0);
    assert_int_equal(sigaction(number, &action, &before), 0);
    assert_int_equal(dup2(descriptor, STDERR_FILENO), STDERR_FILENO);
    close(descriptor);
    broken = 0;
    int r = asyncio_run(asyncio_coro(program));
    int status = asyncio_print_exception(r);
    int is_back = dup2(mine, STDERR_FILENO) == STDERR_FILENO;
    close(mine);
    clearerr(stderr);
    assert_true(is_back);
    assert_int_equal(r, -EIO);
    assert_int_equal(status, 1);
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, number), 0);
    assert_int_equal(broken, 0);
    assert_int_equal(sigaction(number, &before, NULL), 0);
}

static void test_reports(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]);
    report_to(ends[1], SIGPIPE);
}

/* A log may be as large as RLIMIT_FSIZE. */
static void test_full_log(void **state)
{
    (void)state;
    enum { LIMIT = 1 << 20 };
    char name[] = "/tmp/asyncio-log-XXXXXX";
    struct rlimit limit, small;
    int file = mkstemp(name);
    assert_true(file >= 0);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(lseek(file, LIMIT, SEEK_SET), LIMIT);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = LIMIT;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    report_to(file, SIGXFSZ);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_full_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
