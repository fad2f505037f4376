/* SPDX-License-Identifier: MIT */
/* Which backend is chosen, and the reason given: by name, by the environment, by what the machine
 * allows. A machine that forbids io_uring is made by a filter on that system call, in a child
 * process. */
#include "contract.h"

#include "base/error.h"
#include "support/failing.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int choose(const char *wanted, char *ret_name, char *ret_reason)
{
    struct backend *backend;
    const char *reason = NULL;
    int r = asyncio__backend_new(wanted, NULL, &backend, &reason);
    if (r < 0)
        return r;
    snprintf(ret_name, 100, "%s", backend->type->name);
    snprintf(ret_reason, 100, "%s", reason);
    asyncio__backend_free(backend);
    return 0;
}

static const char *said(int r)
{
    return record_of(r)->text;
}

static void by_name(void **state)
{
    (void)state;
    char name[100], reason[100];
    setenv("ASYNCIO_BACKEND", "sim", 1);
    assert_int_equal(choose("epoll", name, reason), 0);
    assert_string_equal(name, "epoll");
    assert_string_equal(reason, "asked for by name");
    assert_int_equal(choose(NULL, name, reason), 0);
    assert_string_equal(name, "sim");
    assert_string_equal(reason, "asked for by ASYNCIO_BACKEND");
    setenv("ASYNCIO_BACKEND", "no such thing", 1);
    assert_int_equal(choose(NULL, name, reason), -EINVAL);
    assert_non_null(strstr(said(-EINVAL), "ASYNCIO_BACKEND: there is no backend no such thing"));
    assert_int_equal(choose("kqueue", name, reason), -EINVAL);
    assert_non_null(strstr(said(-EINVAL), "there is no backend kqueue: there is "));
    assert_non_null(strstr(said(-EINVAL), "epoll, sim"));
    setenv("ASYNCIO_BACKEND", "", 1);
    assert_int_equal(choose(NULL, name, reason), 0);
    assert_string_not_equal(name, "sim");
    unsetenv("ASYNCIO_BACKEND");
}

/* Has a system call fail with `error` from here on. */
static bool forbid(unsigned call, int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

enum { CANNOT_TRY = 77 };

static int child_without_io_uring(int error)
{
    char name[100] = "", reason[100] = "";
    asyncio__record_put(NULL);
    uint64_t live = asyncio__alloc_live();
    if (!forbid(SYS_io_uring_setup, error))
        return CANNOT_TRY;
    if (choose(NULL, name, reason) != 0 || strcmp(name, "epoll") != 0)
        return 1;
    if (error == ENOSYS && strcmp(reason, "epoll, since this kernel has no io_uring") != 0)
        return 2;
    if (error == EPERM && strcmp(reason, "epoll, since io_uring is forbidden here") != 0)
        return 3;
    if (error == ENOMEM &&
        strcmp(reason, "epoll, since there was not enough memory for io_uring") != 0)
        return 4;
    if (choose("io_uring", name, reason) != -error)
        return 5;
    if (error != ENOMEM && !strstr(said(-error), "no io_uring here: "))
        return 7;
    asyncio__record_put(NULL);
    return asyncio__alloc_live() == live ? 0 : 6;
}

static void falls_back_with_a_reason(void **state)
{
    (void)state;
    const int errors[] = { ENOSYS, EPERM, ENOMEM };
    struct backend *backend;
    const char *reason;
    unsetenv("ASYNCIO_BACKEND");
    if (asyncio__backend_new("io_uring", NULL, &backend, &reason) < 0)
        skip();
    asyncio__backend_free(backend);
    for (size_t i = 0; i < 3; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(child_without_io_uring(errors[i]));
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == CANNOT_TRY)
            skip();
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static int child_without_pwait2(void)
{
    struct backend *backend;
    const char *reason;
    if (!forbid(SYS_epoll_pwait2, ENOSYS))
        return CANNOT_TRY;
    if (asyncio__backend_new("epoll", NULL, &backend, &reason) < 0)
        return 1;
    for (int64_t limit = 1; limit < 30000000; limit *= 13) {
        int64_t before = real_now();
        if (backend->type->poll(backend, limit) != 0 || real_now() - before < limit)
            return 2;
    }
    asyncio__backend_free(backend);
    return 0;
}

static void epoll_without_nanoseconds(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(child_without_pwait2());
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CANNOT_TRY)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Limits that the kernel rounds or cuts are no reason to fail. */
static void odd_limits(void **state)
{
    (void)state;
    const struct backend_limits odd[] = {
        { .ring_entries = 1, .buffers = 1, .buffer_size = 1 },
        { .ring_entries = 3, .buffers = 3, .buffer_size = 333 },
        { .ring_entries = 1000000, .buffers = 5 },
    };
    for (size_t i = 0; i < 3; i++) {
        struct world world = { .backend = "io_uring", .name = "odd limits", .limits = odd[i] };
        if (!world_begin(&world))
            skip();
        sock client, server;
        pair(&world, &client, &server);
        send_text(&world, client, "as ever", 7);
        expect_text(&world, server, "as ever");
        world_end(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(by_name),
        RUN(falls_back_with_a_reason),
        RUN(epoll_without_nanoseconds),
        RUN(odd_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
