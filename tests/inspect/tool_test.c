/* SPDX-License-Identifier: MIT */
/* The asyncio command, tools/asyncio: this very program runs itself with --inferior, and the
 * command looks at it: while it waits, while its loop is stuck, while it makes and ends tasks as
 * fast as it can, stopped, and stripped; and at processes that it cannot look at. */
/* TEST: backends epoll; timeout 240; not valgrind aarch64 */
#include <asyncio.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* --- the program looked into --- */

#define KEEP(r) __asm__ volatile("" : "+r"(r)) /* no tail call */

__attribute__((noinline)) static int reads_line(int depth)
{
    int r = depth > 0 ? reads_line(depth - 1) : asyncio_sleep(1000);
    KEEP(r);
    return r;
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

__attribute__((noinline)) static int gathers(asyncio_task *a, asyncio_task *b)
{
    int r = asyncio_gather(a, b);
    KEEP(r);
    return r;
}

static int takes_lock(asyncio_lock *lock)
{
    int r = asyncio_lock_acquire(lock);
    KEEP(r);
    return r;
}

static int groups(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_task_group_create_task(&group, asyncio_coro(serves), NULL, .name = "child");
    return asyncio_task_group_exit(&group, r);
}

static int races(asyncio_task *first)
{
    asyncio_coro all[] = { asyncio_coro(awaits, first) };
    int r = asyncio_staggered_race(all, 1, ASYNCIO_NONE, NULL);
    KEEP(r);
    return r;
}

static int awaits_later(asyncio_task **other)
{
    int r = asyncio_sleep(0);
    return r < 0 ? r : asyncio_await(*other);
}

static void ready(void)
{
    puts("ready");
    fflush(stdout);
}

static void is_stuck(asyncio_loop *loop, void *data)
{
    (void)loop;
    (void)data;
    ready();
    for (;;)
        pause();
}

/* In the kernel, or in a loop of its own. */
__attribute__((noinline)) static int stuck(int spins)
{
    ready();
    for (volatile unsigned long i = 0;; i++)
        if (!spins)
            pause();
    return 0;
}

__attribute__((noinline)) static int culprit(int spins)
{
    int r = stuck(spins);
    KEEP(r);
    return r;
}

static int program(const char *how)
{
    static asyncio_task *server, *other, *both, *ping, *pong;
    static asyncio_lock lock;
    asyncio_lock_init(&lock);
    int r = asyncio_lock_acquire(&lock);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(serves), &server, .name = "the server");
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(awaits, server), &other);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(gathers, server, other), &both, .name = "both");
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(takes_lock, &lock), NULL, .name = "locked out");
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(groups), NULL, .name = "group");
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(awaits_later, &pong), &ping, .name = "ping");
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(awaits, ping), &pong, .name = "pong");
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(races, server), NULL, .name = "race");
    for (int i = 0; i < 5 && r >= 0; i++)
        r = asyncio_sleep(0);
    bool spins = !strcmp(how, "spins");
    if (r >= 0 && (spins || !strcmp(how, "stuck")))
        r = asyncio_create_task(asyncio_coro(culprit, (int)spins), NULL, .name = "the culprit");
    if (r >= 0 && !strcmp(how, "callback"))
        r = asyncio_loop_call_soon(asyncio_get_running_loop(), is_stuck, NULL);
    if (r >= 0 && !strcmp(how, "waits"))
        ready();
    return r < 0 ? r : asyncio_sleep(1000);
}

static int returns(int number)
{
    int r = asyncio_sleep(0);
    return r < 0 ? r : number;
}

/* Lists that change with every instruction. */
static int busy(void)
{
    int r = 0;
    ready();
    while (r >= 0) {
        asyncio_task_group group;
        asyncio_task_group_enter(&group);
        for (int i = 0; i < 20 && r >= 0; i++)
            r = asyncio_task_group_create_task(&group, asyncio_coro(returns, i), NULL,
                                               .name = "one of many");
        r = asyncio_task_group_exit(&group, r);
    }
    return r;
}

static int inferior(const char *how)
{
    asyncio_loop *loop;
    alarm(200);
    if (!strcmp(how, "busy"))
        return asyncio_run(asyncio_coro(busy)) < 0;
    if (asyncio_new_event_loop(&loop) < 0)
        return 1;
    if (asyncio_loop_create_task(loop, asyncio_coro(returns, 1), NULL, .name = "far away") < 0)
        return 1;
    return asyncio_run(asyncio_coro(program, how)) < 0;
}

/* --- the command --- */

static char self[512], tool[600], said[1 << 16];
static char folder[] = "/tmp/asyncio-tool-XXXXXX";
static int status;

static pid_t begin(const char *path, const char *how)
{
    int ends[2];
    char line[16];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execl(path, path, "--inferior", how, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    assert_true(pid > 0);
    ssize_t count = read(ends[0], line, sizeof line);
    close(ends[0]);
    assert_int_equal(count, 6); /* "ready\n" */
    usleep(100 * 1000);
    return pid;
}

static void finish(pid_t pid)
{
    int ended;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &ended, 0), pid);
}

/* Its output and errors are in `said`, how it ended in `status`. */
static void ask(const char *words)
{
    char command[1000];
    snprintf(command, sizeof command, "LC_ALL=C timeout 60 %s %s 2>&1 </dev/null", tool, words);
    FILE *asked = popen(command, "re");
    assert_non_null(asked);
    said[fread(said, 1, sizeof said - 1, asked)] = 0;
    int ended = pclose(asked);
    status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 1000;
}

static void ask_of(const char *command, pid_t pid)
{
    char words[40];
    snprintf(words, sizeof words, "%s %d", command, (int)pid);
    ask(words);
}

static void expect(const char *text)
{
    if (!strstr(said, text))
        fail_msg("'%s' is not in:\n%s", text, said);
}

/* The line that has the text, without what follows it. */
static const char *line_with(const char *text)
{
    static char line[2000];
    const char *at = strstr(said, text);
    if (!at)
        fail_msg("'%s' is not in:\n%s", text, said);
    while (at > said && at[-1] != '\n')
        at--;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
    return line;
}

static void expect_in(const char *line, const char *text)
{
    if (!strstr(line, text))
        fail_msg("'%s' is not in the line:\n%s", text, line);
}

static bool has_libdw(void)
{
    return !strstr(said, "without libdw");
}

/* --- tests --- */

static void check_table(void)
{
    assert_int_equal(status, 0);
    expect(", running, 12 tasks\n");
    expect(", not running, 1 task\n");
    expect_in(line_with("far away"), "not started");
    expect_in(line_with("  the server "), "waits for sleep");
    expect_in(line_with("  the server "), "  Task-2, both, Task-"); /* of the race */
    expect_in(line_with("  Task-2 "), "waits for task 'the server'");
    expect_in(line_with("  both "), "waits for gather 0x");
    expect_in(line_with("  race "), "waits for staggered_race");
    expect_in(line_with("  locked out "), "waits for lock 0x");
    expect_in(line_with("  group "), "waits for task group");
    expect_in(line_with("  child "), "  group");
    expect_in(line_with("  ping "), "waits for task 'pong'");
    if (!has_libdw())
        return;
    expect_in(line_with("  the server "),
              "asyncio_sleep <- reads_line <- reads_line <- reads_line <- serves");
    expect_in(line_with("  both "), "asyncio_gather_all <- gathers");
    expect_in(line_with("  locked out "), "takes_lock");
    expect_in(line_with("  ping "), "awaits_later");
}

static void check_tree(void)
{
    assert_int_equal(status, 0);
    expect("├── (T) both: waits for gather");
    expect("├── (T) group: waits for task group");
    expect("└── (T) race: waits for staggered_race");
    expect("These tasks await one another, so none of them goes on: p");
    expect(", shown above\n");
    expect_in(line_with("(T) child: waits for sleep"), "    ");
    if (has_libdw())
        expect("reads_line");
}

static void test_a_program_that_waits(void **state)
{
    (void)state;
    pid_t pid = begin(self, "waits");
    ask_of("ps", pid);
    check_table();
    if (has_libdw()) {
        ask_of("pstree", pid);
        expect("tool_test.c:");
        assert_null(strstr(said, "sleep.c")); /* the library's own lines */
    }
    ask_of("pstree", pid);
    check_tree();
    kill(pid, SIGSTOP); /* it need not even run */
    ask_of("ps", pid);
    check_table();
    finish(pid);
}

static void look_at_culprit(pid_t pid)
{
    ask_of("ps --stop", pid);
    assert_int_equal(status, 0);
    if (has_libdw())
        expect_in(line_with("  the culprit "), "stuck <- culprit");
    ask_of("pstree --stop", pid);
    expect("(T) the culprit: running");
    ask_of("ps", pid); /* it goes on being stuck, as before */
    expect_in(line_with("  the culprit "), "running");
}

static void test_a_stuck_loop(void **state)
{
    (void)state;
    pid_t pid = begin(self, "stuck");
    ask_of("ps", pid);
    assert_int_equal(status, 0);
    expect_in(line_with("  the culprit "), "running");
    if (has_libdw())
        expect_in(line_with("  the culprit "), "  culprit");
    expect_in(line_with("  the server "), "waits for sleep");
    look_at_culprit(pid);
    finish(pid);
    pid = begin(self, "spins");
    look_at_culprit(pid);
    finish(pid);
    pid = begin(self, "callback");
    ask_of("ps", pid);
    check_table();
    assert_null(strstr(said, "  running"));
    finish(pid);
}

static void test_a_busy_program(void **state)
{
    (void)state;
    int good = 0, tries = 20;
    pid_t pid = begin(self, "busy");
    for (int i = 0; i < tries; i++) {
        ask_of(i % 4 == 3 ? "ps --stop" : i % 2 ? "ps" : "pstree", pid);
        assert_true(status == 0 || status == 1); /* 1: it says so */
        if (status == 1)
            expect("changes faster than it can be read");
        else
            expect("Task-");
        good += status == 0;
    }
    print_message("a busy program: %d of %d looks were whole\n", good, tries);
    assert_true(good > 0);
    finish(pid);
}

static void test_a_stripped_program(void **state)
{
    (void)state;
    char command[1400], path[600];
    snprintf(path, sizeof path, "%s/stripped", folder);
    snprintf(command, sizeof command, "strip -s -o %s %s", path, self);
    assert_int_equal(system(command), 0);
    pid_t pid = begin(path, "waits");
    unlink(path); /* nor has it a file any more */
    ask_of("ps", pid);
    assert_int_equal(status, 0);
    expect(", running, 12 tasks\n");
    expect_in(line_with("  ping "), "waits for task 'pong'");
    finish(pid);
}

static void refuses(const char *words, int with, const char *why)
{
    ask(words);
    if (status != with)
        fail_msg("asyncio %s: %d instead of %d:\n%s", words, status, with, said);
    expect(why);
}

static void test_what_cannot_be_looked_at(void **state)
{
    (void)state;
    char words[40];
    refuses("", 2, "usage: asyncio ps [--stop] PID");
    refuses("ps", 2, "usage: ");
    refuses("ps 1 2", 2, "usage: ");
    refuses("ps --stop", 2, "usage: ");
    refuses("ps --stop 1 2", 2, "usage: ");
    refuses("look 1", 2, "'look' is no command");
    refuses("ps twelve", 2, "'twelve' is no process id");
    refuses("ps -1", 2, "'-1' is no process id");
    refuses("ps 99999999999", 2, "is no process id");
    refuses("ps 4194305", 3, "there is no process 4194305"); /* PID_MAX_LIMIT + 1 */
    pid_t ended = fork();
    if (ended == 0)
        _exit(0);
    assert_true(ended > 0);
    siginfo_t gone;
    assert_int_equal(waitid(P_PID, (id_t)ended, &gone, WEXITED | WNOWAIT), 0);
    snprintf(words, sizeof words, "pstree %d", (int)ended);
    refuses(words, 3, "has ended");
    assert_int_equal(waitpid(ended, NULL, 0), ended);
    pid_t sleeping = fork();
    if (sleeping == 0) {
        execlp("sleep", "sleep", "100", (char *)NULL);
        _exit(127);
    }
    char path[40], name[20] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)sleeping);
    for (int i = 0; i < 2000 && strcmp(name, "sleep\n") != 0; i++) {
        usleep(10 * 1000);
        FILE *comm = fopen(path, "re");
        assert_non_null(comm);
        assert_non_null(fgets(name, sizeof name, comm));
        fclose(comm);
    }
    snprintf(words, sizeof words, "ps %d", (int)sleeping);
    refuses(words, 5, "does not use libasyncio");
    finish(sleeping);
    refuses("--version", 0, "asyncio (libasyncio) ");
    refuses("--help", 0, "usage: ");
}

/* As a user who may not look: only root can become one. */
static void test_another_users_process(void **state)
{
    (void)state;
    char before[sizeof tool];
    if (geteuid() != 0 || system("command -v setpriv >/dev/null 2>&1") != 0) {
        print_message("skipped: not root, or no setpriv\n");
        return;
    }
    pid_t pid = begin(self, "waits");
    memcpy(before, tool, sizeof tool);
    char copy[100], command[1400];
    snprintf(copy, sizeof copy, "%s/asyncio", folder);
    snprintf(command, sizeof command, "chmod 755 %s && cp %s %s && chmod 755 %s", folder, tool,
             copy, copy);
    assert_int_equal(system(command), 0);
    snprintf(tool, sizeof tool, "setpriv --reuid 65534 --regid 65534 --clear-groups %s/asyncio",
             folder);
    ask_of("ps", pid);
    memcpy(tool, before, sizeof tool);
    unlink(copy);
    finish(pid);
    assert_int_equal(status, 4);
    expect("not allowed to look into process");
}

static int set_up(void **state)
{
    (void)state;
    const char *root = getenv("BUILD_ROOT");
    snprintf(tool, sizeof tool, "%s/tools/asyncio/asyncio", root ? root : "build");
    return access(tool, X_OK) == 0 && mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(int argc, char **argv)
{
    if (argc > 2 && !strcmp(argv[1], "--inferior"))
        return inferior(argv[2]);
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_program_that_waits),  cmocka_unit_test(test_a_stuck_loop),
        cmocka_unit_test(test_a_busy_program),        cmocka_unit_test(test_a_stripped_program),
        cmocka_unit_test(test_what_cannot_be_looked_at),
        cmocka_unit_test(test_another_users_process),
    };
    return cmocka_run_group_tests_name("tool", tests, set_up, tear_down);
}
