/* SPDX-License-Identifier: MIT */
/* What the environment says of a loop: taken, or refused with a sentence, never passed over. */
#include "loop/loop.h"

#include "support/failing.h"

#include <asyncio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void refused(const char *name, const char *value)
{
    asyncio_loop *loop = NULL;
    setenv(name, value, 1);
    assert_int_equal(asyncio_loop_new(&loop), -EINVAL);
    const char *text = record_of(-EINVAL)->text;
    assert_null(loop);
    assert_non_null(strstr(text, name));
    assert_non_null(strstr(text, value));
    unsetenv(name);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const names[] = { "ASYNCIO_STACK_SIZE", "ASYNCIO_MAX_IO_BYTES",
                                         "ASYNCIO_SIM_SEED" };
    static const char *const values[] = { "64k", "-1", " 5", "0x10", "99999999999999999999" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t j = 0; j < sizeof values / sizeof *values; j++)
            refused(names[i], values[j]);
    refused("ASYNCIO_STACK_SIZE", "1073741825");
    refused("ASYNCIO_MAX_IO_BYTES", "4294967296");
}

static size_t stack_size_by(const char *value, size_t option)
{
    asyncio_loop *loop;
    setenv("ASYNCIO_STACK_SIZE", value, 1);
    int r = asyncio_loop_new(&loop, .stack_size = option);
    unsetenv("ASYNCIO_STACK_SIZE");
    if (r < 0)
        return 0;
    size_t size = loop->stack_size;
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
    return size;
}

static void test_taken(void **state)
{
    (void)state;
    assert_int_equal(stack_size_by("", 0), 65536);
    assert_int_equal(stack_size_by("0", 0), 65536);
    assert_int_equal(stack_size_by("131072", 0), 131072);
    assert_int_equal(stack_size_by("131072", 32768), 32768);
    assert_int_equal(stack_size_by("1073741824", 0), 1073741824);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_refused),
                                        cmocka_unit_test(test_taken) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
