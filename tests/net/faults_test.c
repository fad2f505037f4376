/* SPDX-License-Identifier: MIT */
/* What the network and the system do to a program, each with what it must lead to: no descriptors
 * left, resets at every byte, peers that are half closed or say nothing, numbers of descriptors
 * that come again, a cancellation in the very turn in which something is obtained. */
/* TEST: timeout 60 */
#include "net/net_test.h"

#include "coro/sanitizer.h"

#include <asyncio/timeout.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- EMFILE while accepting: no spinning, told once, and it goes on ---- */

static double cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static int count_client(asyncio_stream *stream, void *data)
{
    *(int *)data += 1;
    char byte;
    return asyncio_stream_read(stream, &byte, 1);
}

static int emfile_accepting(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *client;
    int accepted = 0;
    struct rlimit limit, tight;
    CHECK_IS(asyncio_start_server(count_client, "127.0.0.1", 0, &server, .data = &accepted), 0);
    CHECK_IS(getrlimit(RLIMIT_NOFILE, &limit), 0);
    /* io_uring goes by the limit of the moment in which accepting begins: the next poll */
    int fillers[64], filled = 0;
    tight = limit;
    tight.rlim_cur = 60;
    CHECK_IS(setrlimit(RLIMIT_NOFILE, &tight), 0);
    while (filled < 64 && (fillers[filled] = dup(2)) >= 0)
        filled++;
    CHECK(filled > 0 && filled < 64);
    close(fillers[--filled]); /* for the client's socket: the last there is */
    int r = asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &client);
    double cpu = cpu_seconds();
    int slept = asyncio_sleep(0.5);
    cpu = cpu_seconds() - cpu;
    setrlimit(RLIMIT_NOFILE, &limit);
    while (filled)
        close(fillers[--filled]);
    CHECK_IS(r, 0);
    CHECK_IS(slept, 0);
    CHECK_IS(accepted, 0);
    CHECK_IS(reports.count, 1);
    CHECK_IS(reports.last, -EMFILE);
    CHECK(cpu < 0.1); /* of half a second; under sanitizers too */
    asyncio_loop *loop = asyncio_get_running_loop();
    double start = asyncio_loop_time(loop);
    while (accepted < 1 && asyncio_loop_time(loop) - start < 5)
        CHECK_IS(asyncio_sleep(0.005), 0);
    CHECK_IS(accepted, 1);
    CHECK(asyncio_loop_time(loop) - start < 1);
    asyncio_stream_unref(client);
    return end_server(server);
}

static void test_emfile_accepting(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    /* sim fails accepts by seed, in every test; valgrind accepts and then closes what is too
     * many */
    if (world.is_sim || sanitizer_is_valgrind())
        skip();
    assert_int_equal(run_once(emfile_accepting, NULL), 0);
}

/* ---- resets at every byte ---- */

enum { REQUEST = 24, ANSWER = 40 };

struct exchange {
    int reset_after;                 /* bytes, of those that the client sends and receives */
    int result;                      /* the server's */
    bool has_ended;
};

static int answer(asyncio_stream *stream, void *data)
{
    struct exchange *exchange = data;
    char request[REQUEST], text[ANSWER];
    memset(text, 'b', sizeof text);
    int r = asyncio_stream_readexactly(stream, request, sizeof request, NULL);
    for (int i = 0; r >= 0 && i < REQUEST; i++)
        if (request[i] != (char)('A' + i))
            r = -EPROTO;
    for (int i = 0; r >= 0 && i < ANSWER; i += 5)
        r = asyncio_stream_write(stream, text + i, 5);
    if (r >= 0) /* and on, until it is told */
        for (int i = 0; r >= 0 && i < 1000; i++)
            if ((r = asyncio_stream_write(stream, text, sizeof text)) >= 0)
                r = asyncio_sleep(0.0001);
    exchange->result = r;
    exchange->has_ended = true;
    return 0;
}

static int resets_at(struct exchange *exchange)
{
    asyncio_server *server;
    asyncio_stream *client;
    char request[REQUEST], byte;
    for (int i = 0; i < REQUEST; i++)
        request[i] = (char)('A' + i);
    CHECK_IS(asyncio_start_server(answer, "127.0.0.1", 0, &server, .data = exchange), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &client), 0);
    int first = exchange->reset_after < REQUEST ? exchange->reset_after : REQUEST;
    if (first)
        CHECK_IS(asyncio_stream_write(client, request, first), 0);
    for (int i = REQUEST; i < exchange->reset_after; i++) {
        CHECK_IS(asyncio_stream_read(client, &byte, 1), 1);
        CHECK_IS(byte, 'b');
    }
    if (exchange->reset_after % 2) /* before the server has looked, or after */
        CHECK_IS(settle(), 0);
    asyncio_stream_abort(client);
    asyncio_stream_unref(client);
    for (int i = 0; i < 3000 && asyncio_server_connections(server); i++)
        CHECK_IS(asyncio_sleep(0.001), 0);
    CHECK_IS(end_server(server), 0);
    if (!exchange->has_ended) /* reset in the backlog: the server never saw it */
        return 0;
    CHECK(exchange->result == -ECONNRESET || exchange->result == -EPIPE);
    return 0;
}

static int resets(void *data)
{
    (void)data;
    for (int at = 0; at <= REQUEST + ANSWER; at++) {
        struct exchange exchange = { .reset_after = at };
        CHECK_IS(resets_at(&exchange), 0);
    }
    print_message("sweep: reset at %d points\n", REQUEST + ANSWER + 1);
    return 0;
}

static void test_resets_at_every_byte(void **state)
{
    (void)state;
    run_everywhere(resets); /* and no SIGPIPE, which would end this program */
}

/* ---- peers that are half closed, and peers that say nothing ---- */

static int half_closed(struct pair *p)
{
    char text[8];
    /* it says no more, and still listens */
    CHECK_IS(asyncio_stream_write(p->a, "ask", 3), 0);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    CHECK_IS(asyncio_stream_write(p->a, "more", 4), -EPIPE);
    CHECK_IS(asyncio_stream_readexactly(p->b, text, 3, NULL), 0);
    CHECK_IS(asyncio_stream_read(p->b, text, 1), 0);
    CHECK_IS(asyncio_stream_at_eof(p->b), 1);
    CHECK_IS(asyncio_stream_write(p->b, "told", 4), 0);
    CHECK_IS(asyncio_stream_readexactly(p->a, text, 4, NULL), 0);
    CHECK_IS(asyncio_stream_write_eof(p->b), 0);
    CHECK_IS(asyncio_stream_read(p->a, text, 1), 0);
    return 0;
}

static int silent(struct pair *p)
{
    char text[8];
    asyncio_timeout limit;
    /* only a limit ends the wait for it, and the stream is none the worse */
    for (int i = 0; i < 3; i++) {
        CHECK_IS(asyncio_timeout_enter(&limit, 0.05), 0);
        int r = i == 0   ? asyncio_stream_read(p->b, text, 1)
                : i == 1 ? asyncio_stream_readexactly(p->b, text, 4, NULL)
                         : asyncio_stream_readline(p->b, text, sizeof text);
        CHECK_IS(asyncio_timeout_exit(&limit, r), -ETIMEDOUT);
        if (i == 1) /* half of a line is no line */
            CHECK_IS(asyncio_stream_write(p->a, "la", 2), 0);
    }
    CHECK_IS(asyncio_stream_write(p->a, "st\n", 3), 0);
    CHECK_IS(asyncio_stream_readline(p->b, text, sizeof text), 5);
    CHECK(strcmp(text, "last\n") == 0);
    return 0;
}

/* It reads nothing: what is kept for it is bounded by the high mark and one write. */
static int slow_reader(struct pair *p)
{
    static char block[10000];
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 0.2);
    int r = 0;
    size_t most = 0;
    while (r >= 0) {
        r = asyncio_stream_write(p->a, block, sizeof block);
        size_t kept = asyncio_stream_get_write_buffer_size(p->a);
        most = kept > most ? kept : most;
    }
    CHECK_IS(asyncio_timeout_exit(&limit, r), -ETIMEDOUT);
    CHECK(most > 0 && most <= TCP_HIGH + sizeof block);
    return 0;
}

static void test_half_closed(void **state)
{
    (void)state;
    with_pair(half_closed);
}

static void test_silent(void **state)
{
    (void)state;
    with_pair(silent);
}

static void test_slow_reader(void **state)
{
    (void)state;
    with_pair(slow_reader);
}

/* ---- the same descriptor again ---- */

static int read_one(asyncio_stream *stream, char *ret_byte)
{
    return asyncio_stream_read(stream, ret_byte, 1);
}

/* A connection ends while a read of it is under way, and the next one gets its number: what comes
 * there is not taken for the old one's. */
static int descriptor_reuse(void *data)
{
    (void)data;
    for (int i = 0; i < 60; i++) {
        struct pair old, new;
        asyncio_task *reader;
        char of_old = '-', of_new = '-';
        CHECK_IS(pair_open(&old, 65536), 0);
        START(reader, read_one, old.a, &of_old);
        CHECK_IS(asyncio_sleep(0), 0);
        if (i % 3 == 0)
            asyncio_task_cancel(reader);
        if (i % 3 == 1)
            CHECK_IS(asyncio_stream_write(old.b, "o", 1), 0);
        asyncio_stream_abort(old.a);
        asyncio_stream_abort(old.b);
        CHECK_IS(pair_open(&new, 65536), 0); /* with completions of the old ones to come */
        CHECK_IS(asyncio_stream_write(new.b, "n", 1), 0);
        CHECK_IS(asyncio_stream_read(new.a, &of_new, 1), 1);
        CHECK_IS(of_new, 'n');
        int r = join(reader);
        CHECK(r == -ECANCELED || r == -ECONNRESET || (r == 1 && of_old == 'o'));
        CHECK_IS(asyncio_stream_read(old.a, &of_old, 1), -ECONNRESET);
        CHECK_IS(pair_close(&old, 0), 0);
        CHECK_IS(pair_close(&new, 0), 0);
    }
    return 0;
}

static void test_descriptor_reuse(void **state)
{
    (void)state;
    run_everywhere(descriptor_reuse);
}

/* ---- a cancellation in the very turn of a completion ---- */

static int nobody(asyncio_stream *stream)
{
    (void)stream;
    return 0;
}

static int obtain_server(asyncio_server **ret_server)
{
    return asyncio_start_server(nobody, "localhost", 0, ret_server);
}

static int obtain_unix(asyncio_stream **ret_stream)
{
    return asyncio_open_unix_connection(abstract("faults"), ret_stream);
}

static int obtain_tcp(asyncio_stream **ret_stream, int port)
{
    return asyncio_open_connection("127.0.0.1", port, ret_stream, .happy_eyeballs_delay = 0.25);
}

/* What is obtained in the turn in which the task is cancelled is given back, and not handed out:
 * run_once counts descriptors and memory. */
static int cancelled_at_completion(void *data)
{
    (void)data;
    asyncio_server *server, *local;
    CHECK_IS(asyncio_start_server(nobody, "127.0.0.1", 0, &server), 0);
    CHECK_IS(asyncio_start_unix_server(nobody, abstract("faults"), &local), 0);
    for (int kind = 0; kind < 3; kind++) {
        for (int turns = 0; turns < 14; turns++) {
            asyncio_server *got_server = NULL;
            asyncio_stream *got = NULL;
            asyncio_task *task;
            if (kind == 0)
                START(task, obtain_server, &got_server);
            else if (kind == 1)
                START(task, obtain_unix, &got);
            else
                START(task, obtain_tcp, &got, asyncio_server_port(server));
            for (int k = 0; k < turns; k++)
                CHECK_IS(asyncio_sleep(0), 0);
            bool was_asked = asyncio_task_cancel(task) == 1;
            int r = join(task);
            CHECK_IS(r, was_asked ? -ECANCELED : 0);
            CHECK((got || got_server) == !was_asked);
            asyncio_stream_unref(got);
            asyncio_server_unref(got_server);
        }
    }
    CHECK_IS(end_server(local), 0);
    return end_server(server);
}

static void test_cancelled_at_completion(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    if (world.is_sim)
        run_everywhere(cancelled_at_completion);
    else /* a look-up's memory may go a moment after the loop */
        assert_int_equal(asyncio_run(asyncio_coro(observed, cancelled_at_completion, NULL)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_emfile_accepting),
        cmocka_unit_test(test_resets_at_every_byte),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_descriptor_reuse),
        cmocka_unit_test(test_cancelled_at_completion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
