/* SPDX-License-Identifier: MIT */
/* Subprocesses by callbacks: the order of what is told, pipes both ways, every end, misuse; and no
 * child is ever left. */
/* TEST: backends io_uring epoll; timeout 120; not valgrind aarch64 */
/* These emulate a kernel, and know no child that shares its parent's memory. Real processes have no
 * place in a virtual clock. */
#include "process/process_test.h"

#include "support/sweep.h"

#include <asyncio.h>
#include <signal.h>

#define DEVNULL ASYNCIO_SUBPROCESS_DEVNULL

/* ---- a protocol that writes down what happens to it ---- */

/* m made, o and e data of 1 and 2, 0 1 2 a pipe lost, p and r pause and resume, x exited, l lost */
struct overseer {
    asyncio_subprocess_protocol protocol; /* first */
    asyncio_subprocess_transport *transport;
    char log[64];
    char text[64]; /* of standard output */
    size_t size, total;
    int errors[3], error, destroyed, code_at_exit;
    void *seen; /* the variable, in process_exited */
    asyncio_future *told; /* done when the log gets the letter `tell_at` */
    char tell_at;
};

static asyncio_context_var variable = ASYNCIO_CONTEXT_VAR("variable");

static struct overseer *overseer_of(asyncio_subprocess_protocol *protocol)
{
    return (struct overseer *)(void *)protocol;
}

static void note(struct overseer *overseer, char what)
{
    size_t length = strlen(overseer->log);
    if (length + 1 < sizeof overseer->log && (!length || overseer->log[length - 1] != what))
        overseer->log[length] = what;
    if (overseer->told && what == overseer->tell_at && !asyncio_future_done(overseer->told))
        asyncio_future_set_result(overseer->told, 0);
}

static void made(asyncio_subprocess_protocol *protocol, asyncio_subprocess_transport *transport)
{
    overseer_of(protocol)->transport = transport;
    note(overseer_of(protocol), 'm');
}

static void received(asyncio_subprocess_protocol *protocol, int fd, const void *data, size_t size)
{
    struct overseer *overseer = overseer_of(protocol);
    note(overseer, fd == 1 ? 'o' : fd == 2 ? 'e' : '?');
    overseer->total += size;
    if (fd == 1 && size < sizeof overseer->text - overseer->size) {
        memcpy(overseer->text + overseer->size, data, size);
        overseer->size += size;
    }
}

static void pipe_lost(asyncio_subprocess_protocol *protocol, int fd, int error)
{
    overseer_of(protocol)->errors[fd] = error;
    note(overseer_of(protocol), (char)('0' + fd));
}

static void exited(asyncio_subprocess_protocol *protocol)
{
    struct overseer *overseer = overseer_of(protocol);
    overseer->code_at_exit = 12345;
    (void)asyncio_context_var_get(&variable, &overseer->seen);
    (void)asyncio_subprocess_transport_get_returncode(overseer->transport,
                                                      &overseer->code_at_exit);
    note(overseer, 'x');
}

static void lost(asyncio_subprocess_protocol *protocol, int error)
{
    overseer_of(protocol)->error = error;
    note(overseer_of(protocol), 'l');
}

static void pauses(asyncio_subprocess_protocol *protocol)
{
    note(overseer_of(protocol), 'p');
}

static void resumes(asyncio_subprocess_protocol *protocol)
{
    note(overseer_of(protocol), 'r');
}

static void destroy(asyncio_subprocess_protocol *protocol)
{
    overseer_of(protocol)->destroyed++;
}

static const asyncio_subprocess_protocol_methods methods = { .connection_made = made,
                                                             .pipe_data_received = received,
                                                             .pipe_connection_lost = pipe_lost,
                                                             .process_exited = exited,
                                                             .connection_lost = lost,
                                                             .pause_writing = pauses,
                                                             .resume_writing = resumes,
                                                             .destroy = destroy };

static asyncio_subprocess_protocol *give(void *data)
{
    struct overseer *overseer = data;
    overseer->protocol.methods = &methods;
    return &overseer->protocol;
}

static asyncio_subprocess_protocol *give_nothing(void *data)
{
    (void)data;
    return NULL;
}

static asyncio_loop *loop(void)
{
    return asyncio_get_running_loop();
}

static int await_letter(struct overseer *overseer, char letter)
{
    if (strchr(overseer->log, letter))
        return 0;
    int r = asyncio_future_new(&overseer->told);
    if (r < 0)
        return r;
    overseer->tell_at = letter;
    r = asyncio_await(overseer->told);
    asyncio_future_unref(overseer->told);
    overseer->told = NULL;
    return r;
}

static const char *at(const struct overseer *overseer, char letter)
{
    return strchr(overseer->log, letter);
}

/* What always holds in the end. */
static int check_end(struct overseer *overseer, const char *pipes)
{
    CHECK_IS(await_letter(overseer, 'l'), 0);
    size_t length = strlen(overseer->log);
    CHECK(overseer->log[0] == 'm' && overseer->log[length - 1] == 'l');
    for (const char *each = "mx012l"; *each; each++) {
        bool is_wanted = strchr("mxl", *each) || strchr(pipes, *each);
        CHECK((at(overseer, *each) != NULL) == is_wanted);
        CHECK(!is_wanted || strrchr(overseer->log, *each) == at(overseer, *each));
    }
    CHECK(!at(overseer, 'o') || strrchr(overseer->log, 'o') < at(overseer, '1'));
    CHECK(!at(overseer, 'e') || strrchr(overseer->log, 'e') < at(overseer, '2'));
    CHECK_IS(overseer->error, 0);
    CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(overseer->destroyed, 1);
    return 0;
}

/* overseer, command, ret_transport, options */
#define SHELL(overseer, command, ...)                                                              \
    asyncio_loop_subprocess_shell(loop(), give, command, __VA_ARGS__, .data = (overseer))

/* ---- conversations ---- */

static int conversation(void *data)
{
    (void)data;
    struct overseer overseer = { .size = 0 };
    asyncio_subprocess_transport *transport;
    int code = 12345;
    CHECK_IS(asyncio_loop_subprocess_exec(loop(), give,
                                          ASYNCIO_ARGS("sh", "-c", "cat; echo err >&2; exit 7"),
                                          &transport, .data = &overseer),
             0);
    CHECK(strcmp(overseer.log, "m") == 0 && overseer.transport == transport);
    CHECK(asyncio_subprocess_transport_get_pid(transport) > 0);
    CHECK_IS(asyncio_subprocess_transport_get_returncode(transport, &code),
             -ASYNCIO_INVALID_STATE);
    CHECK_IS(asyncio_subprocess_transport_is_closing(transport), 0);
    asyncio_transport *in = asyncio_subprocess_transport_get_pipe_transport(transport, 0);
    asyncio_transport *out = asyncio_subprocess_transport_get_pipe_transport(transport, 1);
    CHECK(in && out && asyncio_subprocess_transport_get_pipe_transport(transport, 2));
    CHECK(!asyncio_subprocess_transport_get_pipe_transport(transport, 3) &&
          !asyncio_subprocess_transport_get_pipe_transport(transport, -1));
    CHECK_IS(asyncio_transport_write(out, "x", 1), -EPIPE);
    asyncio_protocol own = { NULL };
    CHECK(asyncio_transport_set_protocol(in, &own) == NULL);
    CHECK_IS(asyncio_transport_write(in, "hello", 5), 0);
    CHECK_IS(await_letter(&overseer, 'o'), 0);
    CHECK_IS(asyncio_transport_write_eof(in), 0);
    CHECK_IS(check_end(&overseer, "012"), 0);
    CHECK(strcmp(overseer.text, "hello") == 0 && at(&overseer, 'e'));
    CHECK_IS(overseer.code_at_exit, 7);
    CHECK_IS(asyncio_subprocess_transport_get_returncode(transport, &code), 0);
    CHECK_IS(code, 7);
    CHECK_IS(asyncio_subprocess_transport_kill(transport), -ESRCH);
    CHECK_IS(asyncio_subprocess_transport_is_closing(transport), 1);
    CHECK_IS(asyncio_transport_write(in, "x", 1), -ECONNRESET);
    asyncio_subprocess_transport_close(transport);
    asyncio_subprocess_transport_unref(transport);
    return 0;
}

/* What the child says after the change, and its end, is the new one's. */
static int another_protocol(void *data)
{
    (void)data;
    struct overseer first = { .size = 0 }, second = { .size = 0 };
    asyncio_subprocess_transport *transport;
    CHECK_IS(SHELL(&first, "read line; echo one; read line; echo two", &transport), 0);
    CHECK(asyncio_subprocess_transport_get_protocol(transport) == &first.protocol);
    asyncio_transport *in = asyncio_subprocess_transport_get_pipe_transport(transport, 0);
    CHECK_IS(asyncio_transport_write(in, "\n", 1), 0);
    CHECK_IS(await_letter(&first, 'o'), 0);
    CHECK(asyncio_subprocess_transport_set_protocol(transport, NULL) == NULL);
    second.transport = transport;
    CHECK(asyncio_subprocess_transport_set_protocol(transport, give(&second)) == &first.protocol);
    CHECK(asyncio_subprocess_transport_get_protocol(transport) == &second.protocol);
    CHECK_IS(asyncio_transport_write(in, "\n", 1), 0);
    CHECK_IS(await_letter(&second, 'l'), 0);
    CHECK_IS(asyncio_sleep(0), 0);
    CHECK(first.total + second.total == 8 && first.total >= 1 && second.total >= 4);
    CHECK(strpbrk(first.log, "012xl") == NULL && first.destroyed == 0);
    CHECK(!at(&second, 'm') && at(&second, '0') && at(&second, '1') && at(&second, '2'));
    CHECK(at(&second, 'x') && second.destroyed == 1);
    CHECK(asyncio_subprocess_transport_set_protocol(transport, &first.protocol) == NULL);
    CHECK(asyncio_subprocess_transport_get_protocol(transport) == NULL);
    asyncio_subprocess_transport_unref(transport);
    return 0;
}

static int without_pipes(void *data)
{
    (void)data;
    struct overseer overseer = { .size = 0 };
    int value, other;
    CHECK_IS(asyncio_context_var_set(&variable, &value, NULL), 0);
    CHECK_IS(SHELL(&overseer, "exit 3", NULL, .std_in = DEVNULL, .std_out = DEVNULL,
                   .std_err = ASYNCIO_SUBPROCESS_STDOUT),
             0);
    CHECK_IS(asyncio_context_var_set(&variable, &other, NULL), 0);
    CHECK(!asyncio_subprocess_transport_get_pipe_transport(overseer.transport, 1));
    CHECK_IS(check_end(&overseer, ""), 0);
    CHECK(strcmp(overseer.log, "mxl") == 0);
    CHECK_IS(overseer.code_at_exit, 3);
    CHECK(overseer.seen == &value); /* of when the child was made */
    return 0;
}

/* What it has left behind holds its pipe: exited, but not over. */
static int grandchild(void *data)
{
    (void)data;
    struct overseer overseer = { .size = 0 };
    CHECK_IS(SHELL(&overseer, "(sleep 0.2; echo late) & exit 0", NULL, .std_in = DEVNULL,
                   .std_err = DEVNULL),
             0);
    CHECK_IS(check_end(&overseer, "1"), 0);
    CHECK(strcmp(overseer.log, "mxo1l") == 0);
    CHECK(strcmp(overseer.text, "late\n") == 0);
    return 0;
}

static void test_conversations(void **state)
{
    (void)state;
    run_program(conversation);
    run_program(another_protocol);
    run_program(without_pipes);
    run_program(grandchild);
}

/* ---- flow ---- */

static char block[1000000];

static int flow(void *data)
{
    (void)data;
    struct overseer overseer = { .size = 0 };
    /* it begins to read when all is written that there is room for */
    CHECK_IS(SHELL(&overseer, "sleep 0.3; cat >/dev/null", NULL, .std_out = DEVNULL,
                   .std_err = DEVNULL),
             0);
    asyncio_transport *in = asyncio_subprocess_transport_get_pipe_transport(overseer.transport, 0);
    size_t size = world.is_chopped ? 150000 : sizeof block;
    CHECK_IS(asyncio_transport_write(in, block, size), 0);
    CHECK(strcmp(overseer.log, "mp") == 0); /* from inside of write */
    CHECK_IS(await_letter(&overseer, 'r'), 0);
    asyncio_transport_close(in);
    CHECK_IS(check_end(&overseer, "0"), 0);
    CHECK_IS(overseer.errors[0], 0);
    return 0;
}

static int paused(void *data)
{
    (void)data;
    struct overseer overseer = { .size = 0 };
    CHECK_IS(SHELL(&overseer, "cat; echo err >&2", NULL), 0);
    asyncio_transport *in = asyncio_subprocess_transport_get_pipe_transport(overseer.transport, 0);
    asyncio_transport *out = asyncio_subprocess_transport_get_pipe_transport(overseer.transport, 1);
    asyncio_transport_pause_reading(out);
    CHECK_IS(asyncio_transport_write(in, "hello", 5), 0);
    CHECK_IS(asyncio_transport_write_eof(in), 0);
    CHECK_IS(await_letter(&overseer, 'e'), 0);
    CHECK_IS(await_letter(&overseer, 'x'), 0);
    CHECK(!at(&overseer, 'o') && !at(&overseer, 'l'));
    asyncio_transport_resume_reading(out);
    CHECK_IS(check_end(&overseer, "012"), 0);
    CHECK(strcmp(overseer.text, "hello") == 0);
    return 0;
}

/* It closes its standard input and runs on: that is told at once, though nobody writes. */
static int reader_gone(void *data)
{
    (void)data;
    struct overseer overseer = { .size = 0 };
    CHECK_IS(SHELL(&overseer, "exec 0<&-; exec sleep 100", NULL, .std_out = DEVNULL,
                   .std_err = DEVNULL),
             0);
    CHECK_IS(await_letter(&overseer, '0'), 0);
    CHECK_IS(overseer.errors[0], 0);
    CHECK(strcmp(overseer.log, "m0") == 0);
    CHECK_IS(asyncio_subprocess_transport_terminate(overseer.transport), 0);
    CHECK_IS(check_end(&overseer, "0"), 0);
    CHECK_IS(overseer.code_at_exit, -SIGTERM);
    return 0;
}

static int gone_with_unsent(void *data)
{
    (void)data;
    struct overseer overseer = { .size = 0 };
    CHECK_IS(SHELL(&overseer, "exec sleep 100", NULL, .std_out = DEVNULL, .std_err = DEVNULL), 0);
    asyncio_transport *in = asyncio_subprocess_transport_get_pipe_transport(overseer.transport, 0);
    CHECK_IS(asyncio_transport_write(in, block, sizeof block), 0);
    CHECK_IS(asyncio_subprocess_transport_send_signal(overseer.transport, 1234), -EINVAL);
    CHECK_IS(asyncio_subprocess_transport_kill(overseer.transport), 0);
    CHECK_IS(check_end(&overseer, "0"), 0);
    CHECK_IS(overseer.errors[0], -EPIPE);
    CHECK_IS(overseer.code_at_exit, -SIGKILL);
    return 0;
}

static void test_flow(void **state)
{
    (void)state;
    run_program(flow);
    run_program(paused);
    run_program(reader_gone);
    run_program(gone_with_unsent);
}

/* ---- other ends ---- */

static int closed(void *data)
{
    (void)data;
    struct overseer overseer = { .size = 0 };
    asyncio_subprocess_transport *transport;
    CHECK_IS(SHELL(&overseer, "exec sleep 100", &transport), 0);
    asyncio_subprocess_transport_close(transport);
    asyncio_subprocess_transport_close(transport);
    CHECK_IS(asyncio_subprocess_transport_is_closing(transport), 1);
    CHECK(strcmp(overseer.log, "m") == 0); /* never from inside a call */
    asyncio_subprocess_transport_unref(transport);
    CHECK_IS(check_end(&overseer, "012"), 0);
    CHECK_IS(overseer.code_at_exit, -SIGKILL);
    return 0;
}

static int misuse(void *data)
{
    (void)data;
    struct overseer overseer = { .size = 0 };
    asyncio_subprocess_transport *transport = NULL;
    asyncio_loop *other;
    CHECK_IS(asyncio_loop_subprocess_exec(loop(), give, ASYNCIO_ARGS("/does/not/exist"), &transport,
                                          .data = &overseer),
             -ENOENT);
    CHECK(!transport && !*overseer.log && overseer.destroyed == 1);
    CHECK_IS(SHELL(&overseer, "exit", &transport, .std_in = ASYNCIO_SUBPROCESS_STDOUT), -EINVAL);
    CHECK_IS(SHELL(&overseer, "exit", &transport, .cwd = "/does/not/exist"), -ENOENT);
    CHECK(!transport && !*overseer.log && overseer.destroyed == 3);
    CHECK_IS(asyncio_loop_subprocess_shell(loop(), NULL, "exit", NULL), -EINVAL);
    CHECK_IS(asyncio_loop_subprocess_shell(loop(), give, NULL, NULL, .data = &overseer), -EINVAL);
    CHECK_IS(asyncio_loop_subprocess_shell(loop(), give_nothing, "exit", NULL), -ENOMEM);
    const char *const nothing[] = { NULL };
    CHECK_IS(asyncio_loop_subprocess_exec(loop(), give, nothing, NULL, .data = &overseer), -EINVAL);
    CHECK_IS(asyncio_loop_new(&other), 0);
    CHECK_IS(asyncio_loop_subprocess_shell(other, give, "exit", NULL, .data = &overseer),
             -ASYNCIO_OTHER_LOOP);
    CHECK_IS(asyncio_loop_close(other), 0);
    asyncio_loop_unref(other);
    return settle();
}

static struct overseer left;
static asyncio_subprocess_transport *left_transport;

static int left_open(void *data)
{
    (void)data;
    left = (struct overseer){ .size = 0 };
    CHECK_IS(SHELL(&left, "exec sleep 100", &left_transport), 0);
    return 0;
}

static void test_ends(void **state)
{
    (void)state;
    run_program(closed);
    run_program(misuse);
    asyncio__record_put(NULL);
    uint64_t live = asyncio__alloc_live();
    assert_int_equal(asyncio_run(asyncio_coro(left_open, NULL)), 0);
    no_child_is_left();
    int code = 0;
    assert_string_equal(left.log, "m");
    assert_int_equal(left.destroyed, 1);
    assert_int_equal(asyncio_subprocess_transport_is_closing(left_transport), 1);
    assert_int_equal(asyncio_subprocess_transport_kill(left_transport), -ESRCH);
    assert_int_equal(asyncio_subprocess_transport_get_returncode(left_transport, &code), 0);
    assert_int_equal(code, -SIGKILL);
    asyncio_subprocess_transport_close(left_transport);
    asyncio_subprocess_transport_unref(left_transport);
    asyncio__record_put(NULL);
    assert_int_equal(asyncio__alloc_live(), live);
}

/* ---- sweeps ---- */

static int all_of_it(void)
{
    struct overseer *overseer = asyncio__calloc(1, sizeof *overseer);
    asyncio_subprocess_transport *transport = NULL;
    if (!overseer)
        return -ENOMEM;
    int r = SHELL(overseer, "cat; echo err >&2", &transport);
    if (r >= 0) {
        asyncio_transport *in = asyncio_subprocess_transport_get_pipe_transport(transport, 0);
        r = asyncio_transport_write(in, "words", 5);
        if (r >= 0)
            r = asyncio_transport_write_eof(in);
        if (r >= 0)
            r = await_letter(overseer, 'l');
        asyncio_subprocess_transport_close(transport);
    }
    asyncio_future_unref(overseer->told);
    overseer->told = NULL;
    while (*overseer->log && !overseer->destroyed) /* it is told in here */
        if (asyncio_sleep(0.001) < 0)
            continue;
    if (r >= 0 && strcmp(overseer->text, "words") != 0)
        r = -EPROTO;
    asyncio_subprocess_transport_unref(transport);
    asyncio__free(overseer);
    return r;
}

static int cancelled_at_each(void *data)
{
    (void)data;
    return sweep_moments("subprocess protocol", all_of_it, 8, 0.0002, false);
}

static void test_sweep(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_true(sweep_allocations("subprocess protocol", all_of_it) > 5);
    no_child_is_left();
    run_program(cancelled_at_each);
}

int main(int count, char **words)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversations),
        cmocka_unit_test(test_flow),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_sweep),
    };
    if (count > 1)
        cmocka_set_test_filter(words[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
