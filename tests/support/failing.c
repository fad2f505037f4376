/* SPDX-License-Identifier: MIT */
/* Every allocation of every test failed in turn.
 *
 * MODEL      This file stands between the tests and cmocka: its `_cmocka_run_group_tests` and
 *            `_fail` are found before cmocka's own. Each case is first run whole, in a child, to
 *            count what it allocates; then once for each of these, with that one failing.
 * JUDGEMENT  A case may then do two things: pass all the same, with no more memory left than
 *            before, or refuse, which is an assertion that did not expect the error it got: "an
 *            error out". It may not crash, not hang, and not be found out by a sanitizer (whose
 *            exit status is told by the stage's environment to be FOUND).
 * BOUND      A case that takes long or allocates much is sampled: its first allocations one by one,
 *            then ever wider steps. What was left out is told. */
#include "support/failing.h"

#include "base/alloc.h"
#include "base/error.h"
#include "inspect/symbols.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { REFUSED = 77, FOUND = 99, PATIENCE = 300, ONE_BY_ONE = 100 };

/* What a child tells. */
struct told {
    uint64_t asked;   /* allocations */
    uint64_t left;    /* blocks, more than there were */
    uint64_t may_be;  /* told to it: as many as without anything failing */
};

struct sweep {
    CMFixtureFunction setup, teardown;
    struct told *told; /* shared with the child */
    int log;
    double seconds_a_case;
    uint64_t may_be_left;
    unsigned long points, allocations, failures;
};

typedef int group_runner(const char *name, const struct CMUnitTest *cases, size_t count,
                         CMFixtureFunction setup, CMFixtureFunction teardown);

static struct told *child_tells; /* in a child */

bool allocation_is_failing(void)
{
    return child_tells != NULL;
}

/* A case that lets allocations fail itself has its way, and what was due here comes after it. */
static uint64_t due, asked;
void __real_asyncio__alloc_fail_at(uint64_t nth, int sticky);
void __wrap_asyncio__alloc_fail_at(uint64_t nth, int sticky);

void __wrap_asyncio__alloc_fail_at(uint64_t nth, int sticky)
{
    asked += asyncio__alloc_count();
    if (child_tells && nth == 0 && due > asked)
        __real_asyncio__alloc_fail_at(due - asked, 0);
    else
        __real_asyncio__alloc_fail_at(nth, sticky);
}

static _Noreturn void child_ends(int status)
{
    child_tells->asked = asked + asyncio__alloc_count();
    __real_asyncio__alloc_fail_at(0, 0);
    fflush(NULL);
    _exit(status);
}

void _fail(const char *file, const int line)
{
    if (child_tells) {
        fprintf(stderr, "%s:%d: the assertion that refused\n", file, line);
        child_ends(REFUSED);
    }
    void (*fail_of_cmocka)(const char *, int);
    *(void **)&fail_of_cmocka = dlsym(RTLD_NEXT, "_fail");
    fail_of_cmocka(file, line);
    abort();
}

const asyncio_error *record_of(int r)
{
    const asyncio_error *record = asyncio_last_error(r);
    assert_non_null(record);
    return record;
}

static group_runner *runner_of_cmocka(void)
{
    group_runner *runner;
    *(void **)&runner = dlsym(RTLD_NEXT, "_cmocka_run_group_tests");
    return runner;
}

static _Noreturn void run_in_child(struct sweep *sweep, const struct CMUnitTest *one, uint64_t nth)
{
    (void)alarm(PATIENCE);
    (void)dup2(sweep->log, STDOUT_FILENO);
    (void)dup2(sweep->log, STDERR_FILENO);
    child_tells = sweep->told;
    uint64_t before = asyncio__alloc_live();
    due = nth;
    asked = 0;
    __real_asyncio__alloc_fail_at(nth, 0);
    int failed = runner_of_cmocka()(one->name, one, 1, sweep->setup, sweep->teardown);
    asyncio__record_put(NULL); /* a thread keeps its last error's, and inspect what it looked up */
    asyncio__symbols_forget();
    /* threads that nobody waits for may be about to end */
    for (int i = 0; i < 200 && asyncio__alloc_live() - before > child_tells->may_be; i++)
        (void)usleep(1000);
    child_tells->left = asyncio__alloc_live() - before;
    child_ends(failed ? REFUSED : 0);
}

/* NULL, or what is wrong; *ret_passed: the case did. */
static const char *run_case(struct sweep *sweep, const struct CMUnitTest *one, uint64_t nth,
                            bool *ret_passed)
{
    static char wrong[100];
    (void)ftruncate(sweep->log, 0);
    (void)lseek(sweep->log, 0, SEEK_SET);
    *sweep->told = (struct told){ .may_be = sweep->may_be_left };
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        run_in_child(sweep, one, nth);
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return "no process for it";
    *ret_passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (WIFSIGNALED(status))
        snprintf(wrong, sizeof wrong, "%s",
                 WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == FOUND)
        snprintf(wrong, sizeof wrong, "a sanitizer's report");
    else
        return NULL;
    return wrong;
}

static void show(struct sweep *sweep, const struct CMUnitTest *one, uint64_t nth, const char *wrong)
{
    printf("---- %s: allocation %llu failed: %s\n", one->name, (unsigned long long)nth, wrong);
    char text[4096];
    (void)lseek(sweep->log, 0, SEEK_SET);
    for (ssize_t size; (size = read(sweep->log, text, sizeof text)) > 0;)
        fwrite(text, 1, (size_t)size, stdout);
    sweep->failures++;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static uint64_t next_point(uint64_t nth, uint64_t count, double spent, double limit)
{
    if (nth < ONE_BY_ONE && spent < limit)
        return nth + 1;
    /* as many more as the rest of the time allows */
    double left = limit - spent, each = spent / (double)nth;
    double points = left > each ? left / each : 1;
    double step = (double)(count - nth) / points;
    return nth + (step > 1 ? (uint64_t)step + 1 : 1);
}

static bool sweep_case(struct sweep *sweep, const struct CMUnitTest *one)
{
    bool passed = false;
    sweep->may_be_left = 0;
    const char *wrong = run_case(sweep, one, 0, &passed);
    if (wrong || !passed) {
        show(sweep, one, 0, wrong ? wrong : "without anything failing");
        return false;
    }
    struct told clean = *sweep->told;
    sweep->may_be_left = clean.left;
    double began = now();
    unsigned long points = 0;
    for (uint64_t nth = 1; nth <= clean.asked;
         nth = next_point(nth, clean.asked, now() - began, sweep->seconds_a_case)) {
        wrong = run_case(sweep, one, nth, &passed);
        points++;
        if (!wrong && passed && sweep->told->left > clean.left)
            wrong = "memory is left";
        if (wrong) {
            show(sweep, one, nth, wrong);
            break; /* the next ones are mostly the same */
        }
    }
    sweep->points += points;
    sweep->allocations += clean.asked;
    return !wrong;
}

static int sweep_group(const struct CMUnitTest *cases, size_t count, struct sweep *sweep)
{
    for (size_t i = 0; i < count; i++)
        printf("[%s] %s\n", sweep_case(sweep, &cases[i]) ? "       OK " : "  FAILED  ",
               cases[i].name);
    printf("sweep: %lu of %lu allocations of %zu cases failed in turn\n", sweep->points,
           sweep->allocations, count);
    return (int)sweep->failures;
}

int _cmocka_run_group_tests(const char *name, const struct CMUnitTest *const cases, size_t count,
                            CMFixtureFunction setup, CMFixtureFunction teardown)
{
    const char *seconds = getenv("ASYNCIO_TEST_ALLOCATIONS");
    if (!seconds || child_tells)
        return runner_of_cmocka()(name, cases, count, setup, teardown);
    struct sweep sweep = {
        .setup = setup,
        .teardown = teardown,
        .told = mmap(NULL, sizeof *sweep.told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                     -1, 0),
        .log = memfd_create("log", MFD_CLOEXEC),
        .seconds_a_case = strtod(seconds, NULL),
    };
    if (sweep.told == MAP_FAILED || sweep.log < 0)
        return 1;
    return sweep_group(cases, count, &sweep);
}
