/* SPDX-License-Identifier: MIT */
/* tools/gdb/asyncio-gdb.py: gdb, in batch mode, runs this very program with --inferior, and looks
 * at its loops and tasks: alive, in a core file, and when it was stripped. */
/* TEST: backends epoll; timeout 240; not valgrind aarch64 */
#include <asyncio.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "coro/coro.h"

/* --- the program looked into --- */

#define KEEP(r) __asm__ volatile("" : "+r"(r)) /* no tail call */

__attribute__((noinline)) void stop_here(void);
__attribute__((noinline)) void stop_here(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) static int reads_line(int depth)
{
    volatile int secret = 4711 + depth;
    int r = depth > 0 ? reads_line(depth - 1) : asyncio_sleep(1000);
    KEEP(r);
    return secret > 0 ? r : secret;
}

__attribute__((noinline)) static int serves(void)
{
    int r = reads_line(2);
    KEEP(r);
    return r;
}

__attribute__((noinline)) static int awaits(asyncio_task *other)
{
    int r = asyncio_await(other);
    KEEP(r);
    return r;
}

static int returns(void)
{
    return 0;
}

static int foreign_resume(void *state, int sent, asyncio_future **ret_awaits)
{
    asyncio_future *future;
    (void)state;
    if (sent < 0 || asyncio_future_new(&future) < 0)
        return sent;
    *ret_awaits = future;
    return INT32_MIN;
}

/* As asyncio/task/task.h has it. */
static const struct {
    size_t size;
    const char *name;
    int (*resume)(void *state, int sent, asyncio_future **ret_awaits);
    void *rest[4];
} foreign = { sizeof foreign, "script", foreign_resume, { NULL } };

static int program(void)
{
    asyncio_task *server, *other;
    int r = asyncio_create_task(asyncio_coro(serves), &server, .name = "the server");
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(awaits, server), &other);
    if (r >= 0)
        r = asyncio_create_task((asyncio_coro){ .type = (const void *)&foreign }, NULL,
                                .name = "foreign");
    if (r >= 0)
        r = asyncio_sleep(0);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(returns), NULL, .name = "newcomer");
    stop_here();
    return r;
}

/* A second loop, which does not run. */
static int inferior(void)
{
    asyncio_loop *loop;
    const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
    (void)setrlimit(RLIMIT_CORE, &unlimited);
    if (asyncio_new_event_loop(&loop) < 0)
        return 1;
    if (asyncio_loop_create_task(loop, asyncio_coro(returns), NULL, .name = "far away") < 0)
        return 1;
    return asyncio_run(asyncio_coro(program)) < 0;
}

/* --- the debugger --- */

static char said[1 << 18];
static char self[512], folder[] = "/tmp/asyncio-gdb-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[8][600];
    static unsigned next;
    snprintf(path[++next % 8], sizeof path[0], "%s/%s", folder, name);
    return path[next % 8];
}

/* Runs gdb on `program` and, if it is not NULL, a core file, with `commands`, one per line; its
 * output is in `said`. */
static void debug(const char *program_path, const char *core, const char *commands)
{
    char command[3000];
    FILE *script = fopen(in_folder("script"), "we");
    assert_non_null(script);
    assert_true(fputs(commands, script) >= 0);
    fclose(script);
    snprintf(
        command, sizeof command,
        "LC_ALL=C ASYNCIO_BACKEND=epoll timeout 100 gdb -nx -batch "
             "-iex 'set debuginfod enabled off' "
        "-ex 'set pagination off' -ex 'set width 0' -ex 'source %s/tools/gdb/asyncio-gdb.py' "
        "-x %s %s %s %s 2>&1 </dev/null",
        getenv("SOURCE_ROOT") ? getenv("SOURCE_ROOT") : ".", in_folder("script"),
        core ? program_path : "--args", core ? core : program_path, core ? "" : "--inferior");
    FILE *gdb = popen(command, "re");
    assert_non_null(gdb);
    said[fread(said, 1, sizeof said - 1, gdb)] = 0;
    pclose(gdb);
}

#define COMMANDS                                                                                   \
    "echo <tasks>\\n\nasyncio tasks\necho <server>\\n\nasyncio bt the server\n"                    \
    "echo <other>\\n\nasyncio bt Task-2\necho <all>\\n\nasyncio bt all\n"                          \
    "echo <thread>\\n\nbt\necho <end>\\n\n"
#define RUN "break stop_here\nrun\n"

/* The part of `said` behind a mark, up to the next one, as a text of its own. */
static const char *part(const char *mark)
{
    static char copy[1 << 16];
    const char *begin = strstr(said, mark);
    assert_non_null(begin);
    begin += strlen(mark);
    const char *end = strstr(begin, "\n<");
    size_t length = end ? (size_t)(end - begin) : strlen(begin);
    assert_true(length < sizeof copy);
    memcpy(copy, begin, length);
    copy[length] = 0;
    return copy;
}

static void expect_at(const char *text, const char *wanted)
{
    if (!strstr(text, wanted)) {
        fprintf(stderr, "not there: %s\n%s\n", wanted, said);
        fail();
    }
}

/* The words in this order, each behind the one before. */
static void expect_in_order(const char *text, const char *const *words)
{
    const char *at = text;
    for (; *words; words++) {
        expect_at(at, *words);
        at = strstr(at, *words) + 1;
    }
}

static void check_tasks(void)
{
    const char *text = part("<tasks>");
    static const char *const lines[] = {
        "not running, 1 task\n", "far away", "not started", "returns",
        "running in thread 1, 5 tasks\n", "Task-1", "running", "program",
        "the server", "waits for sleep", "serves",
        "Task-2", "waits for task 'the server'", "awaits",
        "foreign", "waits for Future 0x", "script",
        "newcomer", "not started", "returns", NULL,
    };
    expect_in_order(text, lines);
}

static void check_stacks(void)
{
    static const char *const server[] = { "Task 'the server', waits for sleep\n",
                                          "#0 ", "asyncio_sleep", "reads_line", "reads_line",
                                          "reads_line", "serves", "asyncio__task_entry",
                                          "coro_entry", NULL };
    expect_in_order(part("<server>"), server);
    assert_null(strstr(part("<server>"), "stop_here"));
    assert_null(strstr(part("<server>"), "corrupt"));
    static const char *const other[] = { "Task 'Task-2', waits for task 'the server'\n", "#0 ",
                                         "awaits", "coro_entry", NULL };
    expect_in_order(part("<other>"), other);
    static const char *const all[] = { "'far away', not started", "'Task-1', running", "thread",
                                       "'the server'", "reads_line", "'Task-2'", "awaits",
                                       "'foreign'", "script", "'newcomer', not started", NULL };
    expect_in_order(part("<all>"), all);
    /* Nothing has changed for the thread. */
    static const char *const thread[] = { "#0 ", "stop_here", "program", "coro_entry", NULL };
    expect_in_order(part("<thread>"), thread);
}

static void test_a_program_that_runs(void **state)
{
    (void)state;
    debug(self, NULL, RUN COMMANDS "kill\n");
    if (!strstr(said, "Breakpoint 1, ")) {
        fprintf(stderr, "gdb does not run here: %.300s\n", said);
        skip();
    }
    check_tasks();
    check_stacks();
}

/* The kernel's: gdb's own generate-core-file leaves out what lies around a guard. */
static void test_a_core_file(void **state)
{
    (void)state;
    char commands[1000];
    glob_t found;
    snprintf(commands, sizeof commands, "set cwd %s\n" RUN "signal SIGABRT\n", folder);
    debug(self, NULL, commands);
    if (glob(in_folder("core*"), 0, NULL, &found) != 0) {
        fprintf(stderr, "cores do not come into the working directory here\n");
        skip();
    }
    debug(self, found.gl_pathv[0], COMMANDS);
    unlink(found.gl_pathv[0]);
    globfree(&found);
    check_tasks();
    check_stacks();
}

/* The inferior as the user sees it who stands in a task. */
static void test_switching_to_a_task(void **state)
{
    (void)state;
    debug(self, NULL,
          RUN "asyncio switch the server\necho <stack>\\n\nbt\nframe function serves\ndown\n"
              "echo <locals>\\n\ninfo locals\necho <back>\\n\nasyncio switch\nbt\necho <end>\\n\n"
              "kill\n");
    if (!strstr(said, "Breakpoint 1, "))
        skip();
    static const char *const stack[] = { "#0 ", "stop_here", "#1 ", "asyncio_sleep", "serves",
                                         "coro_entry", NULL };
    expect_in_order(part("<stack>"), stack);
    assert_null(strstr(part("<stack>"), "program"));
#if !defined(ASYNCIO__SANITIZE_ADDRESS) /* which hides locals from gdb */
    expect_at(part("<locals>"), "secret = 4713");
#endif
    assert_null(strstr(part("<back>"), "serves"));
    expect_at(part("<back>"), "stop_here");
}

static void test_a_task_that_cannot_be_shown(void **state)
{
    (void)state;
    debug(self, NULL, RUN "asyncio switch Task-1\nkill\n");
    if (!strstr(said, "Breakpoint 1, "))
        skip();
    expect_at(said, "task 'Task-1': running; it is not suspended");
    debug(self, NULL, RUN "asyncio bt nobody\nkill\n");
    expect_at(said, "no task 'nobody'");
    debug("/bin/true", NULL, "starti\nasyncio tasks\nkill\n");
    expect_at(said, "no libasyncio in this program");
}

/* Without any symbol but those a shared library must show; here the program keeps one of them. */
static void test_a_stripped_program(void **state)
{
    (void)state;
    char command[2000];
    snprintf(command, sizeof command,
             "strip -s -K asyncio__debug -K stop_here -o %s %s", in_folder("stripped"), self);
    if (system(command) != 0)
        skip();
    debug(in_folder("stripped"), NULL, RUN COMMANDS "kill\n");
    if (!strstr(said, "Breakpoint 1, "))
        skip();
    static const char *const lines[] = { "not running, 1 task\n", "far away",
                                         "running in thread 1, 5 tasks\n", "the server",
                                         "waits for sleep", "Task-2", "waits for task 'the server'",
                                         NULL };
    expect_in_order(part("<tasks>"), lines);
    static const char *const server[] = { "#0 ", "#1 ", "#4 ", NULL };
    expect_in_order(part("<server>"), server);
    assert_null(strstr(part("<server>"), "corrupt"));
}

static int make_folder(void **state)
{
    (void)state;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    return n > 0 && mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = { "script", "stripped" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(in_folder(names[i]));
    return rmdir(folder);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--inferior") == 0)
        return inferior();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_program_that_runs),
        cmocka_unit_test(test_a_core_file),
        cmocka_unit_test(test_switching_to_a_task),
        cmocka_unit_test(test_a_task_that_cannot_be_shown),
        cmocka_unit_test(test_a_stripped_program),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
