/* SPDX-License-Identifier: MIT */
/* Which error becomes the cause of another: one that is still being handled, as far as C can know,
 * and none that was dealt with long ago. */
/* TEST: timeout 30 */
#include "base/error.h"

#include "support/failing.h"

#include <asyncio.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int fails(void)
{
    return asyncio_raise(-EIO, "the disk is gone");
}

static const asyncio_error *cause_of_another(void)
{
    int r = asyncio_raise(-EPERM, "no");
    return record_of(r)->cause;
}

/* Without memory there is none. */
static const asyncio_error *there(const asyncio_error *cause)
{
    assert_non_null(cause);
    return cause;
}

static int at_once(void)
{
    assert_int_equal(fails(), -EIO);
    assert_string_equal(there(cause_of_another())->text, "the disk is gone");
    asyncio_task *task;
    assert_return_code(asyncio_create_task(asyncio_coro(fails), &task), 0);
    assert_int_equal(asyncio_await(task), -EIO); /* it came of what it awaited */
    assert_string_equal(there(cause_of_another())->text, "the disk is gone");
    asyncio_task_unref(task);
    return 0;
}

static int long_ago(void)
{
    assert_int_equal(fails(), -EIO);
    assert_return_code(asyncio_sleep(0), 0);
    assert_null(cause_of_another());
    return 0;
}

/* The error itself is not forgotten: who cleans up may await. */
static int returned_after_cleanup(void)
{
    int r = fails();
    assert_return_code(asyncio_sleep(0), 0);
    return r;
}

static int cleaned_up(void)
{
    assert_int_equal(asyncio_await(asyncio_coro(returned_after_cleanup)), -EIO);
    assert_string_equal(record_of(-EIO)->text, "the disk is gone");
    return 0;
}

static int printed(void)
{
    int before = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    assert_true(before >= 0 && dup2(nowhere, STDERR_FILENO) >= 0);
    int status = asyncio_print_exception(fails());
    dup2(before, STDERR_FILENO);
    close(before);
    close(nowhere);
    assert_int_equal(status, 1);
    assert_null(cause_of_another());
    return 0;
}

/* Another task's error in between, by an eager one, does not mix with it. */
static int in_another_task(void)
{
    asyncio_task *task;
    assert_return_code(asyncio_create_task(asyncio_coro(fails), &task, .eager_start = 1), 0);
    assert_null(cause_of_another());
    assert_int_equal(asyncio_task_exception(task, &(int){ 0 }), 0);
    asyncio_task_unref(task);
    return 0;
}

static void a_fresh_error(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(at_once)), 0);
    assert_int_equal(asyncio_run(asyncio_coro(fails)), -EIO); /* what main reports came of it */
    assert_string_equal(there(cause_of_another())->text, "the disk is gone");
}

static void an_error_of_long_ago(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(long_ago)), 0);
    assert_return_code(asyncio_run(asyncio_coro(cleaned_up)), 0);
}

static void an_error_of_another_task(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(in_another_task)), 0);
}

static void an_error_that_was_printed(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(printed)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_error),
        cmocka_unit_test(an_error_of_long_ago),
        cmocka_unit_test(an_error_of_another_task),
        cmocka_unit_test(an_error_that_was_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
