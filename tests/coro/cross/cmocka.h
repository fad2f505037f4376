/* SPDX-License-Identifier: MIT */
/* Stands in for cmocka where the tests are cross-compiled and run under an emulator: Debian installs cmocka for the
 * machine it runs on only. Just what tests/coro uses, with the same names; `-I tests/coro/cross` chooses it. */
#pragma once

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*function)(void **state);
};

static jmp_buf cmocka_failed;

static inline void cmocka_check(int holds, const char *what, const char *file, int line)
{
    if (holds)
        return;
    fprintf(stderr, "%s:%d: error: %s\n", file, line, what);
    longjmp(cmocka_failed, 1);
}

#define assert_true(e)               cmocka_check(!!(e), #e, __FILE__, __LINE__)
#define assert_false(e)              cmocka_check(!(e), "not " #e, __FILE__, __LINE__)
#define assert_null(e)               assert_true((e) == NULL)
#define assert_non_null(e)           assert_true((e) != NULL)
#define assert_int_equal(a, b)       assert_true((long long)(a) == (long long)(b))
#define assert_int_not_equal(a, b)   assert_true((long long)(a) != (long long)(b))
#define assert_ptr_equal(a, b)       assert_true((const void *)(a) == (const void *)(b))
#define assert_ptr_not_equal(a, b)   assert_true((const void *)(a) != (const void *)(b))
#define assert_string_equal(a, b)    assert_true(strcmp((a), (b)) == 0)
#define assert_in_range(v, low, top) assert_true((v) >= (low) && (v) <= (top))
#define skip()                       longjmp(cmocka_failed, 2)
#define cmocka_unit_test(f)          { #f, f }

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cmocka_run(tests, sizeof(tests) / sizeof *(tests))

static inline int cmocka_run(const struct CMUnitTest *tests, size_t count)
{
    static int failed;
    for (size_t i = 0; i < count; i++) {
        void *state = NULL;
        int how = setjmp(cmocka_failed);
        if (how == 0)
            tests[i].function(&state);
        failed += how == 1;
        fprintf(stderr, "[ %s ] %s\n", how == 0 ? "     OK" : how == 1 ? " FAILED" : "SKIPPED",
                tests[i].name);
    }
    return failed;
}
