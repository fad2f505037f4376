/* SPDX-License-Identifier: MIT */
/* Several addresses: their order, happy eyeballs (RFC 8305) by the clock, what is said when all
 * fail, cancelling, and what an attempt that comes too late has got. In the sim backend a list of
 * addresses is a name, nobody answers at 192.0.2.x and 2001:db8::x, and there is no way to
 * 8.8.8.8. */
/* TEST: backends sim */
#include "net/net_test.h"

#include "net/address.h"

#include <asyncio/timeout.h>

struct both {
    asyncio_server *server;
    int port;
};

static int both_open(struct both *both)
{
    static const char *const hosts[] = { "127.0.0.1", "::1", NULL };
    int r = asyncio_start_server(say_hello, NULL, 0, &both->server, .hosts = hosts);
    both->port = r < 0 ? 0 : asyncio_server_port(both->server);
    return r;
}

static int both_close(struct both *both)
{
    asyncio_server_close(both->server);
    int r = asyncio_server_wait_closed(both->server);
    asyncio_server_unref(both->server);
    return r < 0 ? r : settle();
}

/* Seconds that a connection took, and whom it reached. */
static int timed(const char *host, int port, double delay, int interleave, double *seconds,
                 char *peer)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_stream *stream;
    double start = asyncio_loop_time(loop);
    int r = asyncio_open_connection(host, port, &stream, .happy_eyeballs_delay = delay,
                                    .interleave = interleave);
    *seconds = asyncio_loop_time(loop) - start;
    if (r < 0)
        return r;
    r = asyncio_stream_peername(stream, peer, 80);
    asyncio_stream_unref(stream);
    return r;
}

/* A seed lets time pass where nothing is waited for. */
#define CHECK_TOOK(seconds, expected)                                                              \
    CHECK((seconds) >= (expected) && (seconds) < (expected) + 0.02)

static int by_the_clock(void *data)
{
    (void)data;
    struct both both;
    double seconds;
    char peer[80], four[80], six[80];
    CHECK_IS(both_open(&both), 0);
    snprintf(four, sizeof four, "127.0.0.1:%d", both.port);
    snprintf(six, sizeof six, "[::1]:%d", both.port);
    /* the first is as good as any */
    CHECK_IS(timed("::1,127.0.0.1", both.port, 0.25, -1, &seconds, peer), 0);
    CHECK(strcmp(peer, six) == 0);
    CHECK_TOOK(seconds, 0);
    /* one that never answers costs the delay */
    CHECK_IS(timed("2001:db8::1,127.0.0.1", both.port, 0.25, -1, &seconds, peer), 0);
    CHECK(strcmp(peer, four) == 0);
    CHECK_TOOK(seconds, 0.25);
    /* two of one family: the other has its turn between them */
    CHECK_IS(timed("2001:db8::1,2001:db8::2,127.0.0.1", both.port, 0.25, -1, &seconds, peer), 0);
    CHECK_TOOK(seconds, 0.25);
    CHECK_IS(timed("2001:db8::1,2001:db8::2,127.0.0.1", both.port, 0.25, 0, &seconds, peer), 0);
    CHECK_TOOK(seconds, 0.5);
    CHECK_IS(timed("2001:db8::1,2001:db8::2,127.0.0.1", both.port, 0.25, 2, &seconds, peer), 0);
    CHECK_TOOK(seconds, 0.5);
    /* one that is refused at once costs nothing, and the delay begins again with the next */
    CHECK_IS(timed("8.8.8.8,192.0.2.1,127.0.0.1", both.port, 0.25, 0, &seconds, peer), 0);
    CHECK_TOOK(seconds, 0.25);
    /* without a delay the next begins only when the one before has failed */
    CHECK_IS(timed("8.8.8.8,127.0.0.1", both.port, ASYNCIO_NONE, -1, &seconds, peer), 0);
    CHECK_TOOK(seconds, 0);
    CHECK_IS(timed("8.8.8.8,127.0.0.1", both.port, 0, -1, &seconds, peer), 0);
    CHECK_IS(timed("127.0.0.1", both.port, -1.0, -1, &seconds, peer), -EINVAL);
    CHECK_IS(timed("127.0.0.1", both.port, 0.0 / 0.0, -1, &seconds, peer), -EINVAL);
    return both_close(&both);
}

static void test_by_the_clock(void **state)
{
    (void)state;
    run_everywhere(by_the_clock);
}

/* The delay in milliseconds; negative: none. */
static int connect_by(const char *host, int port, int delay)
{
    asyncio_stream *stream;
    int r = asyncio_open_connection(
        host, port, &stream, .happy_eyeballs_delay = delay < 0 ? ASYNCIO_NONE : delay / 1000.0);
    if (r >= 0)
        asyncio_stream_unref(stream);
    return r;
}

static int never_answered(void *data)
{
    (void)data;
    /* nobody answers: only a limit of the caller's ends it */
    int delays[] = { 100, -1 };
    for (int i = 0; i < 2; i++) {
        asyncio_timeout limit;
        asyncio_timeout_enter(&limit, 3.0);
        int r = connect_by("192.0.2.1,2001:db8::1,192.0.2.2", 80, delays[i]);
        CHECK_IS(r, -ECANCELED);
        CHECK_IS(asyncio_timeout_exit(&limit, r), -ETIMEDOUT);
    }
    return 0;
}

static void test_never_answered(void **state)
{
    (void)state;
    run_everywhere(never_answered);
}

static int all_errors(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream;
    char expected[200];
    double delays[] = { ASYNCIO_NONE, 0.25, 0 };
    CHECK_IS(asyncio_start_server(say_hello, "127.0.0.1", 0, &server), 0);
    int port = asyncio_server_port(server);
    asyncio_server_close(server);
    CHECK_IS(asyncio_server_wait_closed(server), 0);
    asyncio_server_unref(server);
    for (int i = 0; i < 3; i++) {
        int r = asyncio_open_connection("127.0.0.1,8.8.8.8,::1", port, &stream,
                                        .happy_eyeballs_delay = delays[i], .interleave = 0);
        CHECK_IS(r, -ECONNREFUSED);
        const asyncio_error *error = asyncio_last_error(r);
        CHECK(error && error->error_count == 3);
        CHECK_IS(error->errors[0]->code, -ECONNREFUSED);
        CHECK_IS(error->errors[1]->code, -ENETUNREACH);
        CHECK_IS(error->errors[2]->code, -ECONNREFUSED);
        snprintf(expected, sizeof expected, "8.8.8.8:%d: %s", port,
                 asyncio_error_text(-ENETUNREACH));
        CHECK(strcmp(error->errors[1]->text, expected) == 0);
        CHECK(strstr(error->text, expected) && strstr(error->text, "127.0.0.1:"));
        r = asyncio_open_connection("127.0.0.1,8.8.8.8", port, &stream,
                                    .happy_eyeballs_delay = delays[i]);
        CHECK_IS(r, -ENETUNREACH); /* the last one's */
    }
    int r = asyncio_open_connection("8.8.8.8", port, &stream);
    CHECK_IS(r, -ENETUNREACH);
    CHECK(record_of(r)->error_count == 0); /* one error is itself */
    r = asyncio_open_connection("127.0.0.1,::1", port, &stream, .local_addr = { "127.0.0.2", 0 });
    CHECK_IS(r, -EADDRNOTAVAIL); /* of the second, whose family it is not */
    CHECK(record_of(r)->errors); /* not so without memory */
    CHECK_IS(record_of(r)->errors[0]->code, -ECONNREFUSED);
    return 0;
}

static void test_all_errors(void **state)
{
    (void)state;
    run_everywhere(all_errors);
}

/* At every turn, also in that in which it comes true: nothing is left, and what was asked to be
 * cancelled is. */
static int cancelled_anywhere(void *data)
{
    (void)data;
    static const char *names[] = { "::1,127.0.0.1", "192.0.2.1,::1,127.0.0.1", "8.8.8.8,::1" };
    struct both both;
    CHECK_IS(both_open(&both), 0);
    for (int i = 0; i < 3; i++) {
        for (int turns = 0; turns < 16; turns++) {
            asyncio_task *task;
            START(task, connect_by, names[i], both.port, 0);
            for (int k = 0; k < turns; k++)
                CHECK_IS(asyncio_sleep(0), 0);
            bool was_asked = asyncio_task_cancel(task) == 1;
            int r = join(task);
            CHECK_IS(r, was_asked ? -ECANCELED : 0);
        }
    }
    return both_close(&both);
}

static int by_pointer(struct both *both, const char *name)
{
    return connect_by(name, both->port, 0);
}

static int cancelled_with(void *data)
{
    (void)data;
    return cancelled_anywhere(NULL);
}

static void test_cancel(void **state)
{
    (void)state;
    run_everywhere(cancelled_with);
}

/* The loop ends with attempts under way. */
static int left_behind(void *data)
{
    (void)data;
    static struct both nobody = { NULL, 80 };
    asyncio_task *task;
    START(task, by_pointer, &nobody, "192.0.2.1,2001:db8::1,192.0.2.3");
    asyncio_task_unref(task);
    return asyncio_sleep(0.1);
}

static void test_left_behind(void **state)
{
    (void)state;
    run_everywhere(left_behind);
}

/* ---- the order ---- */

static void expect_order(const char *from, size_t first, const char *expected)
{
    struct addresses list = { asyncio__calloc(8, sizeof *list.items), strlen(from) };
    char got[16] = "";
    assert_non_null(list.items);
    for (size_t i = 0; i < list.count; i++) {
        bool is_six = from[i] < 'a';
        asyncio__address_of_none(is_six ? AF_INET6 : AF_INET, true, (uint16_t)from[i],
                                 &list.items[i]);
    }
    assert_int_equal(asyncio__addresses_interleave(&list, first), 0);
    for (size_t i = 0; i < list.count; i++)
        got[i] = (char)asyncio__address_port(&list.items[i].name);
    assert_string_equal(got, expected);
    asyncio__free(list.items);
}

/* Capitals are IPv6. What CPython's _interleave_addrinfos gives. */
static void test_order(void **state)
{
    (void)state;
    expect_order("ABCab", 1, "AaBbC");
    expect_order("ABCab", 2, "ABaCb");
    expect_order("ABCab", 3, "ABCab");
    expect_order("ABCab", 9, "ABCab");
    expect_order("AabB", 1, "AaBb");
    expect_order("abcA", 1, "aAbc");
    expect_order("a", 1, "a");
    expect_order("ABC", 2, "ABC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_the_clock),   cmocka_unit_test(test_never_answered),
        cmocka_unit_test(test_all_errors),     cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_left_behind),    cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
