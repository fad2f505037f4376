/* SPDX-License-Identifier: MIT */
/* Errors: the table, the record of the running code, causes, groups, what is printed, and what is
 * left without memory. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"

#include "support/failing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Without what the test left in the thread's own env nothing may be allocated any more. */
static int nothing_is_left(void **state)
{
    (void)state;
    asyncio__record_put(NULL);
    asyncio__alloc_fail_at(0, 0);
    assert_int_equal(asyncio__alloc_live(), 0);
    return 0;
}

static void expect_printed(int result, const asyncio_error *error, const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    asyncio__print_error(file, result, error);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, expected);
    free(text);
}

static struct error_record *make(int code, const char *text)
{
    (asyncio_raise)(code, "%s", text);
    return asyncio__record_take(code);
}

static void each_code_has_name_class_and_sentence(void **state)
{
    (void)state;
    for (int code = 1; code < 5000; code++) {
        assert_non_null(asyncio_error_name(-code));
        assert_non_null(asyncio_error_class(-code));
        assert_true(strlen(asyncio_error_text(-code)) > 0);
    }
#define EXPECT(name, code, python, sentence)                                                       \
    assert_string_equal(asyncio_error_name(-code), "ASYNCIO_" #name);                              \
    assert_string_equal(asyncio_error_class(-code), python);                                       \
    assert_string_equal(asyncio_error_text(-code), sentence);
    ASYNCIO_ERRORS(EXPECT)
#undef EXPECT
}

static void errno_goes_by_python_s_classes(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *name, *python;
    } expected[] = {
        { ETIMEDOUT, "ETIMEDOUT", "TimeoutError" },
        { ECANCELED, "ECANCELED", "CancelledError" },
        { ECONNREFUSED, "ECONNREFUSED", "ConnectionRefusedError" },
        { ECONNRESET, "ECONNRESET", "ConnectionResetError" },
        { ECONNABORTED, "ECONNABORTED", "ConnectionAbortedError" },
        { EPIPE, "EPIPE", "BrokenPipeError" },
        { ESHUTDOWN, "ESHUTDOWN", "BrokenPipeError" },
        { EAGAIN, "EAGAIN", "BlockingIOError" },
        { EINPROGRESS, "EINPROGRESS", "BlockingIOError" },
        { ECHILD, "ECHILD", "ChildProcessError" },
        { EEXIST, "EEXIST", "FileExistsError" },
        { ENOENT, "ENOENT", "FileNotFoundError" },
        { EISDIR, "EISDIR", "IsADirectoryError" },
        { ENOTDIR, "ENOTDIR", "NotADirectoryError" },
        { EACCES, "EACCES", "PermissionError" },
        { EPERM, "EPERM", "PermissionError" },
        { ESRCH, "ESRCH", "ProcessLookupError" },
        { EINTR, "EINTR", "KeyboardInterrupt" },
        { ENOMEM, "ENOMEM", "MemoryError" },
        { EINVAL, "EINVAL", "ValueError" },
        { EADDRINUSE, "EADDRINUSE", "OSError" },
        { EKEYREVOKED, "EKEYREVOKED", "OSError" },   /* not in our table: libc's */
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_string_equal(asyncio_error_name(-expected[i].code), expected[i].name);
        assert_string_equal(asyncio_error_class(-expected[i].code), expected[i].python);
    }
    assert_string_equal(asyncio_error_text(-EKEYREVOKED), "Key has been revoked");
}

static void numbers_that_mean_nothing(void **state)
{
    (void)state;
    assert_string_equal(asyncio_error_name(0), "0");
    assert_string_equal(asyncio_error_name(17), "0");
    assert_string_equal(asyncio_error_text(0), "success");
    const int unknown[] = { -3999, -5000, INT_MIN, INT_MIN + 1, -4095, -41 };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_string_equal(asyncio_error_name(unknown[i]), "UNKNOWN");
        assert_string_equal(asyncio_error_class(unknown[i]), "OSError");
        assert_string_equal(asyncio_error_text(unknown[i]), "unknown error");
    }
}

static void raise_records_text_and_place(void **state)
{
    (void)state;
    assert_null(asyncio_last_error(-EINVAL));
    int line = __LINE__ + 1;
    assert_int_equal(asyncio_raise(-EINVAL, "port %d is out of range", 70000), -EINVAL);
    const asyncio_error *error = asyncio_last_error(-EINVAL);
    assert_non_null(error);
    assert_int_equal(error->code, -EINVAL);
    assert_string_equal(error->text, "port 70000 is out of range");
    char where[200];
    (void)snprintf(where, sizeof where, "%s:%d (%s)", __FILE__, line, __func__);
    assert_string_equal(error->where, where);
    assert_null(error->cause);
    assert_null(error->errors);
    assert_null(asyncio_last_error(-EPERM));
    assert_null(asyncio_last_error(0));
}

static void raise_without_the_macro_has_no_place(void **state)
{
    (void)state;
    assert_int_equal((asyncio_raise)(-EPERM, "no"), -EPERM);
    assert_null(record_of(-EPERM)->where);
    const char *none = NULL;
    assert_int_equal((asyncio_raise)(-ENOENT, none, 0), -ENOENT);
    assert_string_equal(record_of(-ENOENT)->text, "no such file or directory");
}

static void raising_success_records_nothing(void **state)
{
    (void)state;
    assert_int_equal(asyncio_raise(3, "three"), 3);
    assert_int_equal(asyncio_raise(0, "zero"), 0);
    assert_null(asyncio__env()->record);
}

static void text_may_quote_the_record_it_replaces(void **state)
{
    (void)state;
    asyncio_raise(-ENOENT, "no %s", "config.ini");
    asyncio_raise(-ENOENT, "start: %s", record_of(-ENOENT)->text);
    assert_string_equal(record_of(-ENOENT)->text, "start: no config.ini");
    char *big = malloc(100000);
    memset(big, 'x', 99999);
    big[99999] = '\0';
    asyncio_raise(-EIO, "%s", big);
    assert_string_equal(record_of(-EIO)->text, big);
    free(big);
}

static void cause_is_the_error_before_of_another_code(void **state)
{
    (void)state;
    asyncio_raise(-ENOENT, "first");
    asyncio_raise(-EINVAL, "second");
    const asyncio_error *error = record_of(-EINVAL);
    assert_non_null(error->cause);
    assert_string_equal(error->cause->text, "first");
    asyncio_raise(-EINVAL, "tried again");
    assert_null(record_of(-EINVAL)->cause);
}

static void chain_of_causes_is_bounded(void **state)
{
    (void)state;
    uint64_t most = 0;
    for (int i = 0; i < 1000; i++) {
        int code = i % 2 ? -EIO : -EPERM;
        asyncio_raise(code, "attempt %d", i);
        int length = 0;
        for (const asyncio_error *e = asyncio_last_error(code); e; e = e->cause)
            length++;
        assert_in_range(length, 1, RECORD_CAUSES_MAX + 1);
        if (asyncio__alloc_live() > most)
            most = asyncio__alloc_live();
    }
    assert_int_equal(most, RECORD_CAUSES_MAX + 1);
}

static void record_travels(void **state)
{
    (void)state;
    struct env other = { NULL, NULL };
    asyncio_raise(-EIO, "disk");
    assert_null(asyncio__record_take(-EPERM));
    assert_non_null(asyncio_last_error(-EIO));
    struct error_record *record = asyncio__record_take(-EIO);
    assert_null(asyncio_last_error(-EIO));

    asyncio__thread.env = &other;
    asyncio__record_put(asyncio__record_ref(record));
    assert_string_equal(record_of(-EIO)->text, "disk");
    asyncio__record_put(NULL);
    asyncio__thread.env = NULL;

    assert_string_equal(asyncio__record_view(record)->text, "disk");
    asyncio__record_unref(record);
    asyncio__record_unref(NULL);
    assert_null(asyncio__record_ref(NULL));
    assert_null(asyncio__record_view(NULL));
}

static void long_chain_is_freed_without_recursion(void **state)
{
    (void)state;
    struct error_record *nest = make(-EIO, "innermost");
    for (int i = 0; i < 200000; i++) {
        int code = -EIO;
        struct error_record *outer = asyncio__record_group(-EIO, "group", &nest, &code, 1);
        asyncio__record_unref(nest);
        nest = outer;
    }
    asyncio__record_unref(nest);
}

static void group_lists_members_in_order(void **state)
{
    (void)state;
    struct error_record *members[3] = { make(-EIO, "disk"), NULL, make(-EPERM, "door") };
    int codes[3] = { -EIO, -ETIMEDOUT, -EPERM };
    struct error_record *group = asyncio__record_group(-EIO, "three", members, codes, 3);
    assert_non_null(group);
    asyncio__record_unref(members[0]);
    asyncio__record_unref(members[2]);
    const asyncio_error *view = asyncio__record_view(group);
    assert_int_equal(view->code, -EIO);
    assert_string_equal(view->text, "three");
    assert_int_equal(view->error_count, 3);
    assert_non_null(view->errors);
    assert_string_equal(view->errors[0]->text, "disk");
    assert_int_equal(view->errors[1]->code, -ETIMEDOUT);
    assert_string_equal(view->errors[1]->text, asyncio_error_text(-ETIMEDOUT));
    assert_string_equal(view->errors[2]->text, "door");
    asyncio__record_unref(group);

    group = asyncio__record_group(-EIO, NULL, NULL, codes, 2);
    assert_non_null(group);
    assert_string_equal(asyncio__record_view(group)->text, asyncio_error_text(-EIO));
    assert_int_equal(asyncio__record_view(group)->errors[1]->code, -ETIMEDOUT);
    asyncio__record_unref(group);

    group = asyncio__record_group(-EIO, "none", NULL, NULL, 0);
    assert_non_null(group);
    assert_null(asyncio__record_view(group)->errors);
    asyncio__record_unref(group);
}

static void prints_code_alone(void **state)
{
    (void)state;
    expect_printed(0, NULL, "");
    expect_printed(5, NULL, "");
    expect_printed(-ETIMEDOUT, NULL, "TimeoutError: the operation timed out [ETIMEDOUT]\n");
    expect_printed(-ASYNCIO_QUEUE_FULL, NULL,
                   "QueueFull: the queue is full [ASYNCIO_QUEUE_FULL]\n");
    expect_printed(-EINTR, NULL, "KeyboardInterrupt\n");
}

static void prints_place_and_causes_first(void **state)
{
    (void)state;
    asyncio__raise("disk.c", 7, "load", -ENOENT, "no %s", "config.ini");
    asyncio__raise("app.c", 12, "start", -EINVAL, "cannot start\nat all");
    expect_printed(-EINVAL, asyncio_last_error(-EINVAL),
                   "Traceback (most recent call last):\n"
                   "  disk.c:7 (load)\n"
                   "FileNotFoundError: no config.ini [ENOENT]\n"
                   "\n"
                   "The above exception was the direct cause of the following exception:\n"
                   "\n"
                   "Traceback (most recent call last):\n"
                   "  app.c:12 (start)\n"
                   "ValueError: cannot start\nat all [EINVAL]\n");
}

/* The expected text is what CPython 3.11 prints for the same groups, but for our places and
 * names. */
static void prints_groups_as_python_does(void **state)
{
    (void)state;
    asyncio__raise("a.c", 1, "f", -ENOENT, "root");
    asyncio__raise("a.c", 2, "g", -EINVAL, "two\nlines");
    struct error_record *inner[2] = { asyncio__record_take(-EINVAL), NULL };
    int codes[2] = { -EINVAL, -ETIMEDOUT };
    struct error_record *middle = asyncio__record_group(-EINVAL, "inner", inner, codes, 2);
    struct error_record *outer_members[2] = { NULL, middle };
    int outer_codes[2] = { -EPERM, -EINVAL };
    struct error_record *outer = asyncio__record_group(-EPERM, "unhandled errors in a TaskGroup",
                                                       outer_members, outer_codes, 2);
    expect_printed(
        -EPERM, asyncio__record_view(outer),
        "  | ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions) [EPERM]\n"
        "  +-+---------------- 1 ----------------\n"
        "    | PermissionError: operation not permitted [EPERM]\n"
        "    +---------------- 2 ----------------\n"
        "    | ExceptionGroup: inner (2 sub-exceptions) [EINVAL]\n"
        "    +-+---------------- 1 ----------------\n"
        "      | Traceback (most recent call last):\n"
        "      |   a.c:1 (f)\n"
        "      | FileNotFoundError: root [ENOENT]\n"
        "      | \n"
        "      | The above exception was the direct cause of the following exception:\n"
        "      | \n"
        "      | Traceback (most recent call last):\n"
        "      |   a.c:2 (g)\n"
        "      | ValueError: two\n"
        "      | lines [EINVAL]\n"
        "      +---------------- 2 ----------------\n"
        "      | TimeoutError: the operation timed out [ETIMEDOUT]\n"
        "      +------------------------------------\n");
    asyncio__record_unref(inner[0]);
    asyncio__record_unref(middle);
    asyncio__record_unref(outer);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

static void wide_and_deep_groups_are_cut(void **state)
{
    (void)state;
    int codes[20];
    for (int i = 0; i < 20; i++)
        codes[i] = -EIO;
    struct error_record *group = asyncio__record_group(-EIO, "wide", NULL, codes, 20);
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    asyncio__print_error(file, -EIO, asyncio__record_view(group));
    (void)fclose(file);
    assert_int_equal(count_of(text, "input/output error"), 15);
    assert_non_null(strstr(text, "    | and 5 more exceptions\n    +---------------------"));
    free(text);

    for (int i = 0; i < 30; i++) {
        struct error_record *outer = asyncio__record_group(-EIO, "deep", &group, codes, 1);
        asyncio__record_unref(group);
        group = outer;
    }
    file = open_memstream(&text, &size);
    asyncio__print_error(file, -EIO, asyncio__record_view(group));
    (void)fclose(file);
    assert_int_equal(count_of(text, "deep"), 10);
    assert_non_null(strstr(text, "| ... (max_group_depth is 10)\n"));
    free(text);
    asyncio__record_unref(group);
}

/* What asyncio_print_exception writes to standard error, and its status. */
static int printed_status(int result, char *text, size_t size)
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    int status = asyncio_print_exception(result);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    (void)fclose(file);
    return status;
}

static void status_for_main(void **state)
{
    (void)state;
    char text[400];
    assert_int_equal(printed_status(0, text, sizeof text), 0);
    assert_string_equal(text, "");
    assert_int_equal(printed_status(9, text, sizeof text), 0);
    assert_string_equal(text, "");
    assert_int_equal(printed_status(-EINTR, text, sizeof text), 130);
    assert_string_equal(text, "KeyboardInterrupt\n");
    assert_int_equal(printed_status(-ECANCELED, text, sizeof text), 1);
    assert_string_equal(text, "CancelledError: cancelled [ECANCELED]\n");
    (asyncio_raise)(-EIO, "the %s broke", "disk");
    assert_int_equal(printed_status(-EPERM, text, sizeof text), 1);
    assert_string_equal(text, "PermissionError: operation not permitted [EPERM]\n");
    assert_int_equal(printed_status(-EIO, text, sizeof text), 1);
    assert_string_equal(text, "OSError: the disk broke [EIO]\n");
}

/* Whatever fails, the number remains, and no record of another error is taken for this one's. */
static void each_allocation_fails_in_turn(void **state)
{
    (void)state;
    int points = 0;
    for (uint64_t nth = 1;; nth++, points++) {
        int codes[3] = { -EIO, -EPERM, -ENOENT };
        asyncio_raise(-ENOENT, "stale");
        asyncio__alloc_fail_at(nth, 0);
        assert_int_equal(asyncio_raise(-EIO, "new"), -EIO);
        assert_null(asyncio_last_error(-ENOENT));
        struct error_record *member = asyncio__record_take(-EIO);
        struct error_record *members[3] = { member, NULL, NULL };
        struct error_record *group = asyncio__record_group(-EIO, "all", members, codes, 3);
        bool failed = asyncio__alloc_count() >= nth;
        asyncio__alloc_fail_at(0, 0);
        assert_true((member && group) == !failed);
        asyncio__record_unref(member);
        asyncio__record_unref(group);
        asyncio__record_put(NULL);
        assert_int_equal(asyncio__alloc_live(), 0);
        if (!failed)
            break;
    }
    print_message("sweep: %d points\n", points);
    assert_int_equal(points, 4);
}

#define TEST(name) cmocka_unit_test_teardown(name, nothing_is_left)

static void *raises_and_ends(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)asyncio_raise(-EIO, "nobody asks for this one");
}

static void a_record_goes_with_its_thread(void **state)
{
    (void)state;
    pthread_t thread;
    void *value;
    size_t before = asyncio__alloc_live();
    assert_int_equal(pthread_create(&thread, NULL, raises_and_ends, NULL), 0);
    assert_int_equal(pthread_join(thread, &value), 0);
    assert_int_equal((intptr_t)value, -EIO);
    assert_int_equal(asyncio__alloc_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_code_has_name_class_and_sentence),
        TEST(errno_goes_by_python_s_classes),
        TEST(numbers_that_mean_nothing),
        TEST(raise_records_text_and_place),
        TEST(raise_without_the_macro_has_no_place),
        TEST(raising_success_records_nothing),
        TEST(text_may_quote_the_record_it_replaces),
        TEST(cause_is_the_error_before_of_another_code),
        TEST(chain_of_causes_is_bounded),
        TEST(record_travels),
        TEST(a_record_goes_with_its_thread),
        TEST(long_chain_is_freed_without_recursion),
        TEST(group_lists_members_in_order),
        TEST(prints_code_alone),
        TEST(prints_place_and_causes_first),
        TEST(prints_groups_as_python_does),
        TEST(wide_and_deep_groups_are_cut),
        TEST(status_for_main),
        TEST(each_allocation_fails_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
