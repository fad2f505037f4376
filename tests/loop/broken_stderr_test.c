/* SPDX-License-Identifier: MIT */
/* Errors are reported where nobody reads any more: that is no reason to die. */
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

static void test_reports(void **state)
{
    (void)state;
    struct sigaction before, action = { .sa_handler = on_broken };
    sigemptyset(&action.sa_mask);
    sigset_t pending;
    int ends[2], mine = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    assert_true(mine >= 0);
    assert_int_equal(sigaction(SIGPIPE, &action, &before), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    int r = asyncio_run(asyncio_coro(program));
    int status = asyncio_print_exception(r);
    int is_back = dup2(mine, STDERR_FILENO) == STDERR_FILENO;
    close(mine);
    clearerr(stderr);
    assert_true(is_back);
    assert_int_equal(r, -EIO);
    assert_int_equal(status, 1);
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
    assert_int_equal(broken, 0);
    assert_int_equal(sigaction(SIGPIPE, &before, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
