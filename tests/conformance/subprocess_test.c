/* SPDX-License-Identifier: MIT */
/* Subprocesses by callbacks, as scenarios_subprocess.py. */
/* TEST: backends io_uring epoll; timeout 120; not valgrind aarch64 one-byte */
/* These emulate a kernel, and know no child that shares its parent's memory. Real processes have no
 * place in a virtual clock. */
#include "support/trace.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

struct overseer {
    asyncio_subprocess_protocol protocol; /* first */
    const char *who;
    unsigned counts[3];
    asyncio_future *heard, *exited, *gone;
};

/* Of the scenario: it ends when both are gone. */
static struct overseer overseers[2];
static asyncio_subprocess_transport *child;

static struct overseer *overseer(asyncio_subprocess_protocol *protocol)
{
    return (struct overseer *)(void *)protocol;
}

static void made(asyncio_subprocess_protocol *protocol, asyncio_subprocess_transport *transport)
{
    child = transport;
    say("%smade", overseer(protocol)->who);
}

static void received(asyncio_subprocess_protocol *protocol, int fd, const void *data, size_t size)
{
    const char *words = data;
    while (size && words[size - 1] == '\n')
        size--;
    say("%sdata %d %.*s", overseer(protocol)->who, fd, (int)size, words);
    if (!asyncio_future_done(overseer(protocol)->heard))
        ok(asyncio_future_set_result(overseer(protocol)->heard, 0));
}

static void pipe_lost(asyncio_subprocess_protocol *protocol, int fd, int error)
{
    (void)error;
    overseer(protocol)->counts[fd]++;
}

static void exited(asyncio_subprocess_protocol *protocol)
{
    int code = 12345;
    ok(asyncio_subprocess_transport_get_returncode(child, &code));
    say("%sexited %d", overseer(protocol)->who, code);
    ok(asyncio_future_set_result(overseer(protocol)->exited, 0));
}

static void lost(asyncio_subprocess_protocol *protocol, int error)
{
    const struct overseer *one = overseer(protocol);
    say("%spipes lost %u %u %u", one->who, one->counts[0], one->counts[1], one->counts[2]);
    say("%slost %s", one->who, name(error));
    ok(asyncio_future_set_result(one->gone, 0));
}

static asyncio_subprocess_protocol *new_overseer(struct overseer *one, const char *who)
{
    static const asyncio_subprocess_protocol_methods methods = { .connection_made = made,
                                                                 .pipe_data_received = received,
                                                                 .pipe_connection_lost = pipe_lost,
                                                                 .process_exited = exited,
                                                                 .connection_lost = lost };
    *one = (struct overseer){ .protocol = { &methods },
                              .who = who,
                              .heard = new_future(),
                              .exited = new_future(),
                              .gone = new_future() };
    return &one->protocol;
}

static asyncio_subprocess_protocol *give(void *data)
{
    return new_overseer(data, "");
}

#define RUN_SHELL(command, ...)                                                                    \
    asyncio_loop_subprocess_shell(running(), give, command, &child, .data = &overseers[0],         \
                                  ##__VA_ARGS__)

static int run_shell(const char *command)
{
    return RUN_SHELL(command);
}

static asyncio_transport *input(void)
{
    return asyncio_subprocess_transport_get_pipe_transport(child, 0);
}

static void write_line(const char *line)
{
    ok(asyncio_transport_write(input(), line, strlen(line)));
}

static int heard(void)
{
    return asyncio_await(overseers[0].heard);
}

/* The end of the scenario. */
static int over(int result)
{
    if (result >= 0)
        result = asyncio_await(overseers[0].gone);
    asyncio_subprocess_transport_close(child);
    asyncio_subprocess_transport_unref(child);
    return result;
}

static int returncode(void)
{
    int code = 12345;
    (void)asyncio_subprocess_transport_get_returncode(child, &code);
    return code;
}

SCENARIO(made_data_exited_lost)
{
    int code, r = run_shell("read line; echo got $line; read line; exit 3");
    if (r < 0)
        return r;
    say("running");
    if (asyncio_subprocess_transport_get_returncode(child, &code) == -ASYNCIO_INVALID_STATE)
        say("runs");
    write_line("one\n");
    r = heard();
    if (r >= 0) {
        write_line("two\n");
        r = asyncio_await(overseers[0].gone);
    }
    say("%d", returncode());
    return over(r);
}

SCENARIO(standard_error)
{
    int r = run_shell("echo wrong >&2; read line");
    if (r < 0)
        return r;
    r = heard();
    asyncio_transport_close(input());
    return over(r);
}

SCENARIO(no_pipes)
{
    int r = RUN_SHELL("exit 5", .std_in = ASYNCIO_SUBPROCESS_DEVNULL,
                      .std_out = ASYNCIO_SUBPROCESS_DEVNULL, .std_err = ASYNCIO_SUBPROCESS_DEVNULL);
    if (r < 0)
        return r;
    r = asyncio_await(overseers[0].gone);
    say("%s", yes(!input() && !asyncio_subprocess_transport_get_pipe_transport(child, 1)));
    return over(r);
}

SCENARIO(eof_of_its_standard_input)
{
    int r = run_shell("while read line; do echo $line; done; exit 4");
    if (r < 0)
        return r;
    write_line("last words\n");
    ok(asyncio_transport_write_eof(input()));
    return over(0);
}

SCENARIO(terminate)
{
    int r = run_shell("echo ready; read line");
    if (r < 0)
        return r;
    r = heard();
    if (r >= 0)
        ok(asyncio_subprocess_transport_terminate(child));
    return over(r);
}

SCENARIO(a_signal)
{
    int r = run_shell("trap 'exit 9' USR1; echo ready; read line; exit 1");
    if (r < 0)
        return r;
    r = heard();
    if (r >= 0)
        ok(asyncio_subprocess_transport_send_signal(child, SIGUSR1));
    return over(r);
}

SCENARIO(close_kills)
{
    int r = run_shell("echo ready; read line");
    if (r < 0)
        return r;
    r = heard();
    asyncio_subprocess_transport_close(child);
    say("%s", yes(asyncio_subprocess_transport_is_closing(child)));
    asyncio_subprocess_transport_close(child);
    if (r >= 0)
        r = asyncio_await(overseers[0].gone);
    say("%d", returncode());
    return over(r);
}

/* -ESRCH, Python's ProcessLookupError, which has no number when asyncio raises it. */
static const char *lookup_error(int result)
{
    return result == -ESRCH ? "ProcessLookupError" : name(result);
}

SCENARIO(signals_after_the_end)
{
    int r = run_shell("exit 0");
    if (r < 0)
        return r;
    r = asyncio_await(overseers[0].gone);
    say("%s", lookup_error(asyncio_subprocess_transport_kill(child)));
    say("%s", lookup_error(asyncio_subprocess_transport_terminate(child)));
    return over(r);
}

SCENARIO(lost_waits_for_who_holds_a_pipe)
{
    int r = run_shell("exec 3<&0; (read line; echo late) <&3 & exit 6");
    if (r < 0)
        return r;
    r = asyncio_await(overseers[0].exited);
    say("still open");
    if (r >= 0)
        write_line("\n");
    return over(r);
}

SCENARIO(another_protocol)
{
    int r = run_shell("read line; echo got $line; read line; echo got $line");
    if (r < 0)
        return r;
    asyncio_subprocess_protocol *other = new_overseer(&overseers[1], "other ");
    write_line("one\n");
    r = heard();
    (void)asyncio_subprocess_transport_set_protocol(child, other);
    say("%s", yes(asyncio_subprocess_transport_get_protocol(child) == other));
    if (r >= 0) {
        write_line("two\n");
        r = asyncio_await(overseers[1].gone);
    }
    asyncio_subprocess_transport_close(child);
    asyncio_subprocess_transport_unref(child);
    return r;
}

SCENARIO(connection_made_comes_before_who_asked_goes_on)
{
    say_soon("a turn later");
    int r = run_shell("read line");
    if (r < 0)
        return r;
    say("running");
    asyncio_transport_close(input());
    return over(0);
}

CONFORMANCE("subprocess")
