/* SPDX-License-Identifier: MIT */
/* Subprocesses: what they get, what they say, how they end, and that none is ever left: each
 * program here has to leave no child behind, running or not. */
/* TEST: backends io_uring epoll; timeout 120; not valgrind aarch64 */
/* These emulate a kernel, and know no child that shares its parent's memory: what exec says does
 * not come back. Real processes have no place in a virtual clock. */
#include "process/process_test.h"

#include "support/sweep.h"

#include <asyncio.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIPE ASYNCIO_SUBPROCESS_PIPE
#define DEVNULL ASYNCIO_SUBPROCESS_DEVNULL

/* Runs a shell command with these options; its standard output has to be `expected`. */
static int says(const char *command, const char *expected, asyncio_subprocess_options options)
{
    asyncio_process *process;
    asyncio_process_output output;
    options.std_out = PIPE;
    int r = (asyncio_create_subprocess_shell)(command, &process, &options);
    if (r < 0)
        return r;
    r = asyncio_process_communicate(process, &output);
    if (r >= 0 && strcmp(output.std_out, expected) != 0) {
        print_error("%s says %s, not %s\n", command, output.std_out, expected);
        r = -EPROTO;
    }
    asyncio_process_unref(process);
    return r;
}

#define OPTIONS(...)                                                                               \
    ASYNCIO__OPTIONS(asyncio_subprocess_options, ASYNCIO__SUBPROCESS_DEFAULTS, __VA_ARGS__)

/* ---- the end ---- */

static int code_of(const char *command)
{
    asyncio_process *process;
    int code = 12345, r = asyncio_create_subprocess_shell(command, &process);
    if (r < 0)
        return r;
    CHECK_IS(asyncio_process_returncode(process, &code), -ASYNCIO_INVALID_STATE);
    CHECK_IS(code, 12345);
    CHECK(asyncio_process_pid(process) > 0);
    CHECK(!asyncio_process_stdin(process) && !asyncio_process_stdout(process) &&
          !asyncio_process_stderr(process));
    CHECK_IS(asyncio_process_wait(process, &code), 0);
    int again = 0;
    CHECK_IS(asyncio_process_wait(process, &again), 0); /* known by now */
    CHECK_IS(again, code);
    CHECK_IS(asyncio_process_wait(process, NULL), 0);
    CHECK_IS(asyncio_process_returncode(process, &again), 0);
    CHECK_IS(again, code);
    CHECK_IS(asyncio_process_kill(process), -ESRCH);
    asyncio_process_unref(process);
    return code + 1000;
}

static int codes(void *data)
{
    (void)data;
    CHECK_IS(code_of("exit 0"), 1000);
    CHECK_IS(code_of("exit 7"), 1007);
    CHECK_IS(code_of("exit 255"), 1255);
    CHECK_IS(code_of("kill -9 $$"), 1000 - 9);
    CHECK_IS(code_of("kill -TERM $$"), 1000 - SIGTERM);
    return 0;
}

static void test_codes(void **state)
{
    (void)state;
    run_program(codes);
}

static int wait_for_it(asyncio_process *process)
{
    int code = 0, r = asyncio_process_wait(process, &code);
    return r < 0 ? r : code;
}

static int many_wait(void *data)
{
    (void)data;
    asyncio_process *process;
    asyncio_task *tasks[5];
    CHECK_IS(asyncio_create_subprocess_exec(ASYNCIO_ARGS("sleep", "100"), &process), 0);
    for (int i = 0; i < 5; i++)
        START(tasks[i], wait_for_it, process);
    CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(asyncio_task_cancel(tasks[2]), 1); /* of the wait, not of the child */
    CHECK_IS(join(tasks[2]), -ECANCELED);
    CHECK_IS(asyncio_process_send_signal(process, 12345), -EINVAL);
    CHECK_IS(asyncio_process_send_signal(process, 0), 0);
    CHECK_IS(asyncio_process_terminate(process), 0);
    for (int i = 0; i < 5; i++)
        if (i != 2)
            CHECK_IS(join(tasks[i]), -SIGTERM);
    asyncio_process_unref(process);
    asyncio_process_unref(NULL);
    CHECK(asyncio_process_ref(NULL) == NULL);
    return 0;
}

static void test_many_wait(void **state)
{
    (void)state;
    run_program(many_wait);
}

/* A grandchild keeps the pipe open: wait is over with the child all the same. */
static int exit_alone(void *data)
{
    (void)data;
    asyncio_process *process;
    int code;
    char text[8];
    CHECK_IS(asyncio_create_subprocess_shell("sleep 100 & echo $!", &process, .std_out = PIPE), 0);
    CHECK(asyncio_stream_readline(asyncio_process_stdout(process), text, sizeof text) > 1);
    CHECK_IS(asyncio_process_wait(process, &code), 0);
    CHECK_IS(code, 0);
    CHECK_IS(kill(atoi(text), SIGKILL), 0);
    asyncio_process_unref(process);
    return 0;
}

static void test_exit_alone(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_int_equal(run_once(exit_alone, NULL), 0);
    no_child_is_left();
}

/* ---- what cannot be run ---- */

static int refused(const char *const *arguments, const char *words,
                   asyncio_subprocess_options options)
{
    asyncio_process *process = NULL;
    int r = (asyncio_create_subprocess_exec)(arguments, &process, &options);
    CHECK(process == NULL);
    if (r < 0 && words)
        CHECK(asyncio_last_error(r) && strstr(asyncio_last_error(r)->text, words));
    return r;
}

static int refusals(void *data)
{
    (void)data;
    static const char *const names[] = { "no-such-program", "/no/such/program", "/etc/passwd",
                                         "/etc", NULL };
    const int errors[] = { -ENOENT, -ENOENT, -EACCES, -EACCES };
    for (int i = 0; names[i]; i++) {
        const char *const arguments[] = { names[i], NULL };
        CHECK_IS(refused(arguments, names[i], OPTIONS(.std_out = PIPE)), errors[i]);
        CHECK_IS(refused(arguments, names[i], OPTIONS(.std_in = PIPE, .std_err = PIPE)),
                 errors[i]);
    }
    const char *const yes[] = { "true", NULL }, *const none[] = { NULL };
    const char *const empty_path[] = { "PATH=/no/such/folder", NULL };
    CHECK_IS(refused(yes, "/no/such/folder", OPTIONS(.cwd = "/no/such/folder")), -ENOENT);
    CHECK_IS(refused(yes, "true", OPTIONS(.env = empty_path)), -ENOENT);
    /* of several errors the first: no program, and a folder whose name is too long */
    char long_path[320] = "PATH=/no/such:/etc:/";
    size_t length = strlen(long_path);
    memset(long_path + length, 'x', 290);
    const char *const both[] = { long_path, NULL }, *const passwd[] = { "passwd", NULL };
    CHECK_IS(refused(passwd, "passwd", OPTIONS(.env = both)), -EACCES);
    CHECK_IS(refused(yes, NULL, OPTIONS(.std_in = ASYNCIO_SUBPROCESS_STDOUT)), -EINVAL);
    CHECK_IS(refused(yes, NULL, OPTIONS(.std_out = ASYNCIO_SUBPROCESS_STDOUT)), -EINVAL);
    CHECK_IS(refused(yes, NULL, OPTIONS(.std_out = -77)), -EINVAL);
    CHECK_IS(refused(yes, NULL, OPTIONS(.std_out = 1000)), -EBADF);
    CHECK_IS(refused(yes, NULL, OPTIONS(.limit = 0)), -EINVAL);
    CHECK_IS(refused(yes, "setpgid", OPTIONS(.process_group = 999999999)), -EPERM);
    CHECK_IS(refused(yes, "pass_fds", OPTIONS(.pass_fds = (const int[]){ 1000 },
                                              .pass_fd_count = 1)),
             -EBADF);
    CHECK_IS(refused(none, NULL, OPTIONS()), -EINVAL);
    CHECK_IS(refused(NULL, NULL, OPTIONS()), -EINVAL);
    asyncio_process *process;
    CHECK_IS(asyncio_create_subprocess_shell(NULL, &process), -EINVAL);
    return 0;
}

static void test_refusals(void **state)
{
    (void)state;
    run_program(refusals);
    asyncio_process *process;
    assert_int_equal(asyncio_create_subprocess_shell("true", &process), -ASYNCIO_NO_TASK);
}

/* ---- what a child gets ---- */

static int surroundings(void *data)
{
    (void)data;
    const char *const environment[] = { "COLOUR=blue", "PATH=/usr/bin:/bin", NULL };
    CHECK_IS(says("pwd", "/usr\n", OPTIONS(.cwd = "/usr")), 0);
    CHECK_IS(says("echo $COLOUR$HOME", "blue\n", OPTIONS(.env = environment)), 0);
    CHECK_IS(says("umask", "0027\n", OPTIONS(.umask = 027)), 0);
    CHECK_IS(says("cat", "", OPTIONS(.std_in = DEVNULL)), 0);
    CHECK_IS(says("echo a; echo b >&2", "a\nb\n",
                  OPTIONS(.std_err = ASYNCIO_SUBPROCESS_STDOUT)), 0);
    CHECK_IS(says("echo a; echo b >&2", "a\n", OPTIONS(.std_err = DEVNULL)), 0);
    CHECK_IS(says("ps -o sid= -p $$ | grep -qw $$ && echo leads", "leads\n",
                  OPTIONS(.start_new_session = 1)), 0);
    CHECK_IS(says("ps -o pgid= -p $$ | grep -qw $$ && echo leads", "leads\n",
                  OPTIONS(.process_group = 0)), 0);
    CHECK_IS(says("words", "-c words\n", OPTIONS(.executable = "/bin/echo")), 0);
    return 0;
}

/* Signals: none blocked, none ignored. Descriptors: three, and those that were passed. */
static int clean(void *data)
{
    (void)data;
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN + 3);
    CHECK_IS(sigprocmask(SIG_BLOCK, &set, &before), 0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGRTMIN + 2, SIG_IGN);
    int open_one = open("/dev/null", O_RDONLY);             /* not close-on-exec */
    int passed = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(open_one >= 0 && passed >= 0);
    char expected[64], other[64];
    snprintf(expected, sizeof expected, "0\n1\n2\n%d\n", passed);
    /* ls opens one itself: the lowest that is free */
    snprintf(other, sizeof other, "0\n1\n2\n3\n%d\n", passed);
    const char *list = "exec ls /proc/self/fd";
    int r = says(list, passed == 3 ? "0\n1\n2\n3\n4\n" : other,
                 OPTIONS(.pass_fds = &passed, .pass_fd_count = 1));
    CHECK_IS(r, 0);
    CHECK_IS(says(list, "0\n1\n2\n3\n", OPTIONS()), 0);
    CHECK_IS(fcntl(passed, F_GETFD), FD_CLOEXEC); /* of ours nothing has changed */
    /* one that libc keeps to itself, and that a parent may have left ignored */
    const unsigned long ignored[8] = { 1 /* SIG_IGN */ }, by_default[8] = { 0 };
    CHECK_IS(syscall(SYS_rt_sigaction, 32, ignored, NULL, NSIG / 8), 0);
    CHECK_IS(says("grep -E '^Sig(Blk|Ign)' /proc/self/status",
                  "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", OPTIONS()), 0);
    CHECK_IS(syscall(SYS_rt_sigaction, 32, by_default, NULL, NSIG / 8), 0);
    close(open_one);
    close(passed);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGRTMIN + 2, SIG_DFL);
    return sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Descriptors of the caller's, crossed: each way round, and one for two. */
static int redirections(void *data)
{
    (void)data;
    char name[] = "/tmp/asyncio-process-XXXXXX";
    int file = mkstemp(name);
    CHECK(file >= 0);
    unlink(name);
    asyncio_process *process;
    CHECK_IS(asyncio_create_subprocess_shell("echo out; echo err >&2", &process, .std_out = file,
                                             .std_err = file), 0);
    CHECK_IS(asyncio_process_wait(process, NULL), 0);
    asyncio_process_unref(process);
    char text[32] = "";
    CHECK_IS(pread(file, text, sizeof text - 1, 0), 8);
    CHECK(strcmp(text, "out\nerr\n") == 0);
    int out = dup(1), err = dup(2);
    CHECK_IS(dup2(file, 1), 1); /* our own output is that file for a moment */
    int r = asyncio_create_subprocess_shell("echo crossed >&2", &process, .std_out = 2,
                                            .std_err = 1);
    if (r >= 0)
        r = asyncio_process_wait(process, NULL);
    dup2(out, 1);
    close(out);
    close(err);
    CHECK_IS(r, 0);
    asyncio_process_unref(process);
    CHECK_IS(pread(file, text, sizeof text - 1, 8), 8);
    CHECK(strncmp(text, "crossed\n", 8) == 0);
    close(file);
    return 0;
}

static void test_surroundings(void **state)
{
    (void)state;
    run_program(clean);
    run_program(redirections);
    run_program(surroundings);
}

/* ---- streams ---- */

static int conversation(void *data)
{
    (void)data;
    asyncio_process *process;
    char line[32];
    int code;
    CHECK_IS(asyncio_create_subprocess_exec(ASYNCIO_ARGS("cat"), &process, .std_in = PIPE,
                                            .std_out = PIPE), 0);
    asyncio_stream *in = asyncio_process_stdin(process), *out = asyncio_process_stdout(process);
    for (int i = 0; i < 20; i++) {
        CHECK_IS(asyncio_stream_write(in, "hello\n", 6), 0);
        CHECK_IS(asyncio_stream_readline(out, line, sizeof line), 6);
        CHECK(strcmp(line, "hello\n") == 0);
    }
    CHECK_IS(asyncio_stream_read(in, line, 1), 0);   /* over from the beginning */
    CHECK_IS(asyncio_stream_write(out, line, 1), -EPIPE);
    CHECK_IS(asyncio_stream_readexactly(out, line, 0, NULL), 0); /* and no harm done */
    CHECK_IS(asyncio_stream_write_eof(in), 0);
    CHECK_IS(asyncio_stream_wait_closed(in), 0);
    CHECK_IS(asyncio_stream_read(out, line, sizeof line), 0);
    CHECK_IS(asyncio_process_wait(process, &code), 0);
    CHECK_IS(code, 0);
    asyncio_process_unref(process);
    return 0;
}

/* More than any pipe holds, both ways at once. */
static int bulk(void *data)
{
    (void)data;
    size_t size = world.is_chopped ? 20000 : 3000000;
    char *input = malloc(size);
    for (size_t i = 0; i < size; i++)
        input[i] = (char)('a' + i % 26);
    asyncio_process *process;
    asyncio_process_output output = { .std_err_size = 1 };
    CHECK_IS(asyncio_create_subprocess_shell("tee /dev/stderr", &process, .std_in = PIPE,
                                             .std_out = PIPE, .std_err = PIPE), 0);
    CHECK_IS(asyncio_process_communicate(process, &output, .input = input, .input_size = size), 0);
    CHECK(output.std_out_size == size && output.std_err_size == size);
    CHECK(memcmp(output.std_out, input, size) == 0 && memcmp(output.std_err, input, size) == 0);
    CHECK(output.std_out[size] == '\0');
    CHECK_IS(asyncio_process_communicate(process, &output), 0); /* the same once more */
    CHECK(output.std_out_size == size);
    asyncio_process_unref(process);
    free(input);
    return 0;
}

static int odd_talks(void *data)
{
    (void)data;
    asyncio_process *process;
    asyncio_process_output output;
    static char large[500000];
    int code;
    /* one that does not read */
    CHECK_IS(asyncio_create_subprocess_exec(ASYNCIO_ARGS("true"), &process, .std_in = PIPE), 0);
    CHECK_IS(asyncio_process_communicate(process, &output, .input = large,
                                         .input_size = world.is_chopped ? 10 : sizeof large), 0);
    CHECK(output.std_out == NULL && output.std_err == NULL);
    CHECK_IS(asyncio_process_returncode(process, &code), 0);
    CHECK_IS(code, 0);
    asyncio_process_unref(process);
    /* without input its end is told nevertheless */
    CHECK_IS(asyncio_create_subprocess_exec(ASYNCIO_ARGS("cat"), &process, .std_in = PIPE), 0);
    CHECK_IS(asyncio_process_communicate(process, NULL), 0);
    asyncio_process_unref(process);
    CHECK_IS(asyncio_create_subprocess_exec(ASYNCIO_ARGS("true"), &process), 0);
    CHECK_IS(asyncio_process_communicate(process, &output, .input = "x", .input_size = 1),
             -EINVAL);
    CHECK_IS(asyncio_process_communicate(process, &output), 0);
    CHECK(output.std_out == NULL && output.std_out_size == 0);
    asyncio_process_unref(process);
    CHECK_IS(asyncio_create_subprocess_exec(ASYNCIO_ARGS("yes"), &process, .std_out = PIPE), 0);
    CHECK_IS(asyncio_process_communicate(process, &output, .max_output = 5000),
             -ASYNCIO_LIMIT_OVERRUN);
    asyncio_process_unref(process);
    return 0;
}

static int communicate(asyncio_process *process)
{
    return asyncio_process_communicate(process, NULL);
}

/* Cancelled in the middle, nothing is lost. */
static int goes_on(void *data)
{
    (void)data;
    asyncio_process *process;
    asyncio_process_output output;
    asyncio_task *task;
    CHECK_IS(asyncio_create_subprocess_shell("echo one; sleep 0.3; echo two; echo three >&2",
                                             &process, .std_in = PIPE, .std_out = PIPE,
                                             .std_err = PIPE),
             0);
    asyncio_stream *in = asyncio_stream_ref(asyncio_process_stdin(process));
    START(task, communicate, process);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_process_communicate(process, &output), -EBUSY);
    asyncio_task_cancel(task);
    CHECK_IS(join(task), -ECANCELED);
    CHECK_IS(asyncio_process_communicate(process, &output), 0);
    CHECK(strcmp(output.std_out, "one\ntwo\n") == 0 && strcmp(output.std_err, "three\n") == 0);
    asyncio_stream_unref(in);
    asyncio_process_unref(process);
    return 0;
}

static void test_streams(void **state)
{
    (void)state;
    run_program(conversation);
    run_program(bulk);
    run_program(odd_talks);
    run_program(goes_on);
}

/* ---- no child is left ---- */

static int late(const char *how)
{
    asyncio_process *process;
    int r = asyncio_create_subprocess_shell("trap '' TERM; echo ready; while :; do sleep 100; done",
                                            &process, .std_in = PIPE, .std_out = PIPE,
                                            .std_err = PIPE,
                                            .process_group = 0); /* with what it starts */
    if (r < 0)
        return r;
    char line[16];
    asyncio_process_output output;
    static const char large[300000];
    if (*how == 'r')
        r = asyncio_stream_readuntil(asyncio_process_stdout(process), "never", 5, line, 16);
    else if (*how == 'w')
        r = asyncio_stream_write(asyncio_process_stdin(process), large, sizeof large);
    else if (*how == 'c')
        r = asyncio_process_communicate(process, &output, .input = large,
                                        .input_size = sizeof large);
    if (r >= 0)
        r = asyncio_process_wait(process, NULL);
    asyncio_process_unref(process); /* kills it */
    return r;
}

/* Gone, or a zombie that its new parent has yet to reap. */
static bool has_ended(int pid)
{
    char name[64], line[64] = "";
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    FILE *file = fopen(name, "r");
    size_t n = file ? fread(line, 1, sizeof line - 1, file) : 0;
    if (file)
        fclose(file);
    return n == 0 || strstr(line, ") Z ");
}

static int cancelled_anywhere(void *data)
{
    (void)data;
    static const char *const ways[] = { "read", "write", "communicate", "plain wait" };
    for (int way = 0; way < 4; way++) {
        for (int turns = 0; turns < 6; turns++) {
            asyncio_task *task;
            START(task, late, ways[way]);
            for (int k = 0; k < turns; k++)
                CHECK_IS(asyncio_sleep(0), 0);
            if (turns == 5)
                CHECK_IS(asyncio_sleep(0.02), 0);
            CHECK_IS(asyncio_task_cancel(task), 1);
            CHECK_IS(join(task), -ECANCELED);
        }
    }
    return 0;
}

/* A leader goes with those that it has started. */
static int whole_group(void *data)
{
    (void)data;
    asyncio_process *process;
    char text[16];
    CHECK_IS(asyncio_create_subprocess_shell("sleep 100 & echo $!; wait", &process, .std_out = PIPE,
                                             .process_group = 0), 0);
    CHECK(asyncio_stream_readline(asyncio_process_stdout(process), text, sizeof text) > 1);
    int grandchild = atoi(text);
    CHECK_IS(kill(grandchild, 0), 0);
    asyncio_process_unref(process);
    for (int i = 0; i < 500 && !has_ended(grandchild); i++)
        CHECK_IS(asyncio_sleep(0.01), 0);
    CHECK(has_ended(grandchild));
    return 0;
}

static int limited(void *data)
{
    (void)data;
    CHECK_IS(asyncio_wait_for(asyncio_coro(late, "communicate"), 0.05), -ETIMEDOUT);
    return 0;
}

/* Killed at once, also when the task that makes it is cancelled in that very moment: before
 * create's only suspension is over nobody else has it. Twice, while it waits for the end. */
static int create_one(int *ret_pid)
{
    asyncio_process *process;
    (void)ret_pid;
    int r = asyncio_create_subprocess_exec(ASYNCIO_ARGS("sleep", "100"), &process);
    if (r >= 0)
        asyncio_process_unref(process);
    siginfo_t info = { .si_pid = 0 };
    if (r == -ECANCELED && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        return -EPROTO; /* gone before it is told */
    return r;
}

static int cancelled_in_create(void *data)
{
    (void)data;
    asyncio_task *task;
    for (int times = 1; times <= 3; times++) {
        START(task, create_one, NULL);
        CHECK_IS(asyncio_sleep(0), 0);
        for (int i = 0; i < times; i++) {
            CHECK_IS(asyncio_task_cancel(task), 1);
            CHECK_IS(asyncio_sleep(0), 0);
        }
        CHECK_IS(join(task), -ECANCELED);
    }
    START(task, create_one, NULL);
    CHECK_IS(asyncio_task_cancel(task), 1); /* before it has begun */
    CHECK_IS(join(task), -ECANCELED);
    return 0;
}

/* The loop closes with children: of a task that was left behind, held, and nobody's. */
static asyncio_process *kept;

static int left_running(void *data)
{
    (void)data;
    asyncio_task *task;
    START(task, late, "communicate");
    asyncio_task_unref(task);
    CHECK_IS(asyncio_create_subprocess_exec(ASYNCIO_ARGS("sleep", "100"), &kept, .std_out = PIPE),
             0);
    return asyncio_create_subprocess_exec(ASYNCIO_ARGS("sleep", "100"), NULL);
}

static int nobodys(void *data)
{
    (void)data;
    char name[] = "/tmp/asyncio-process-XXXXXX", command[64];
    close(mkstemp(name));
    snprintf(command, sizeof command, "sleep 0.05; rm %s", name);
    CHECK_IS(asyncio_create_subprocess_shell(command, NULL, .std_out = PIPE), 0);
    for (int i = 0; i < 500 && access(name, F_OK) == 0; i++)
        CHECK_IS(asyncio_sleep(0.01), 0);
    CHECK(access(name, F_OK) < 0); /* it ran on */
    siginfo_t info;
    for (int i = 0; i < 500 && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0; i++)
        CHECK_IS(asyncio_sleep(0.01), 0);
    no_child_is_left(); /* and is reaped without anybody's doing */
    return 0;
}

static void test_none_left(void **state)
{
    (void)state;
    run_program(cancelled_anywhere);
    run_program(limited);
    run_program(whole_group);
    run_program(cancelled_in_create);
    run_program(nobodys);
    for (int i = 0; i < 3; i++) {
        asyncio__record_put(NULL);
        uint64_t live = asyncio__alloc_live();
        assert_int_equal(asyncio_run(asyncio_coro(observed, left_running, NULL)), 0);
        no_child_is_left();
        int code = 0;
        assert_int_equal(asyncio_process_returncode(kept, &code), 0);
        assert_int_equal(code, -SIGKILL);
        assert_int_equal(asyncio_process_kill(kept), -ESRCH);
        asyncio_process_unref(kept);
        assert_int_equal(asyncio__alloc_live(), live);
    }
}

/* Without a run's end: the loop is closed with a task in the middle of create. */
static void test_dropped(void **state)
{
    (void)state;
    for (int turns = 1; turns < 5; turns++) {
        asyncio__record_put(NULL);
        uint64_t live = asyncio__alloc_live();
        asyncio_loop *loop;
        asyncio_task *task;
        assert_int_equal(asyncio_loop_new(&loop), 0);
        asyncio_loop_set_exception_handler(loop, on_report, NULL);
        assert_int_equal(asyncio_loop_create_task(loop, asyncio_coro(create_one, NULL), &task), 0);
        for (int i = 0; i < turns && i < 2; i++) {
            asyncio_loop_stop(loop);
            assert_int_equal(asyncio_loop_run_forever(loop), 0);
            if (i == 0 && turns > 2)
                asyncio_task_cancel(task);
        }
        assert_int_equal(asyncio_loop_close(loop), 0);
        no_child_is_left();
        asyncio_task_unref(task);
        asyncio_loop_unref(loop);
        assert_int_equal(asyncio__alloc_live(), live);
    }
}

/* ---- others' reaping, forks, threads ---- */

static int stolen(void *data)
{
    (void)data;
    asyncio_process *process;
    int code = 0, status;
    CHECK_IS(asyncio_create_subprocess_exec(ASYNCIO_ARGS("true"), &process), 0);
    CHECK_IS(waitpid(asyncio_process_pid(process), &status, 0), asyncio_process_pid(process));
    CHECK_IS(asyncio_process_wait(process, &code), 0);
    CHECK_IS(code, 255);
    CHECK_IS(reports.count, 1);
    CHECK_IS(reports.last, -ECHILD);
    asyncio_process_unref(process);
    return 0;
}

static int ignored(void *data)
{
    (void)data;
    asyncio_process *process;
    int code = 0;
    signal(SIGCHLD, SIG_IGN); /* the kernel reaps by itself */
    int r = asyncio_create_subprocess_shell("exit 3", &process);
    if (r >= 0)
        r = asyncio_process_wait(process, &code);
    signal(SIGCHLD, SIG_DFL);
    CHECK_IS(r, 0);
    CHECK_IS(code, 255);
    asyncio_process_unref(process);
    return 0;
}

static int forked(void *data)
{
    (void)data;
    asyncio_process *process;
    asyncio_loop *loop = asyncio_get_running_loop();
    int code, status;
    CHECK_IS(asyncio_create_subprocess_exec(ASYNCIO_ARGS("sleep", "100"), &process), 0);
    pid_t copy = fork();
    if (copy == 0) {
        int r = asyncio_process_kill(process);
        asyncio_process_unref(process);
        (void)loop;
        _exit(r == -ASYNCIO_FORKED ? 0 : 1);
    }
    CHECK_IS(waitpid(copy, &status, 0), copy);
    CHECK_IS(status, 0);
    CHECK_IS(asyncio_process_returncode(process, &code), -ASYNCIO_INVALID_STATE);
    CHECK_IS(asyncio_process_terminate(process), 0);
    CHECK_IS(asyncio_process_wait(process, &code), 0);
    CHECK_IS(code, -SIGTERM);
    asyncio_process_unref(process);
    return 0;
}

static void *in_a_thread(void *data)
{
    *(int *)data = asyncio_run(asyncio_coro(codes, NULL));
    return NULL;
}

static void test_others(void **state)
{
    (void)state;
    run_program(stolen);
    run_program(ignored);
    run_program(forked);
    pthread_t threads[3];
    int results[3] = { 1, 1, 1 };
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, in_a_thread, &results[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(results[i], 0);
    }
    no_child_is_left();
}

/* ---- everything that can be refused, refused in turn ---- */

static int all_of_it(void)
{
    asyncio_process *process;
    asyncio_process_output output;
    int r = asyncio_create_subprocess_shell("cat; echo err >&2", &process, .std_in = PIPE,
                                            .std_out = PIPE, .std_err = PIPE);
    if (r < 0)
        return r;
    r = asyncio_process_communicate(process, &output, .input = "words", .input_size = 5);
    if (r >= 0 && (strcmp(output.std_out, "words") != 0 || strcmp(output.std_err, "err\n") != 0))
        r = -EPROTO;
    asyncio_process_unref(process);
    return r;
}

static int cancelled_at_each(void *data)
{
    (void)data;
    return sweep_moments("subprocess", all_of_it, 5, 0.0002, false);
}

static void test_sweep(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_true(sweep_allocations("subprocess", all_of_it) > 5);
    no_child_is_left();
    run_program(cancelled_at_each);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),        cmocka_unit_test(test_many_wait),
        cmocka_unit_test(test_exit_alone),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_surroundings), cmocka_unit_test(test_streams),
        cmocka_unit_test(test_none_left),    cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_others),       cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
