/* SPDX-License-Identifier: MIT */
/* A storm of sleep(0) does not starve I/O on the same loop, and an idle loop uses no processor
 * time. */
/* TEST: backends io_uring epoll; timeout 60; not valgrind */
#include <asyncio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { ROUNDS = 1000, STORM = 10, ATTEMPTS = 3 };

static int echo(asyncio_stream *stream)
{
    char bytes[64];
    int n;
    while ((n = asyncio_stream_read(stream, bytes, sizeof bytes)) > 0)
        if ((n = asyncio_stream_write(stream, bytes, n)) < 0)
            break;
    return n;
}

static int storm(void)
{
    int r;
    do {
        r = asyncio_sleep(0);
    } while (r >= 0);
    return r;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The loop's thread never waits in a storm, so its processor time is the time that passes; but for
 * what other processes take, which is not its own. */
static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Seconds that 99 of 100 round trips stay below. */
static int round_trips(int port, double *ret_p99)
{
    static double times[ROUNDS];
    asyncio_stream *stream;
    int r = asyncio_open_connection("127.0.0.1", port, &stream);
    if (r < 0)
        return r;
    for (int i = 0; i < ROUNDS && r >= 0; i++) {
        char bytes[64] = { 0 };
        double start = seconds();
        r = asyncio_stream_write(stream, bytes, sizeof bytes);
        if (r >= 0)
            r = asyncio_stream_readexactly(stream, bytes, sizeof bytes, NULL);
        times[i] = seconds() - start;
    }
    asyncio_stream_close(stream);
    asyncio_stream_unref(stream);
    if (r < 0)
        return r;
    qsort(times, ROUNDS, sizeof *times, by_value);
    *ret_p99 = times[ROUNDS * 99 / 100];
    return 0;
}

static int in_a_storm(double *ret_p99)
{
    asyncio_server *server;
    int r = asyncio_start_server(echo, "127.0.0.1", 0, &server);
    if (r < 0)
        return r;
    asyncio_task *storms[STORM];
    for (int i = 0; i < STORM; i++)
        assert_return_code(asyncio_create_task(asyncio_coro(storm), &storms[i]), 0);
    r = round_trips(asyncio_server_port(server), ret_p99);
    for (int i = 0; i < STORM; i++) {
        asyncio_task_cancel(storms[i]);
        asyncio_task_unref(storms[i]);
    }
    asyncio_server_close(server);
    asyncio_server_unref(server);
    return r;
}

/* Other processes cool the caches: the best of a few attempts is the loop's own. */
static void a_storm_of_yields_leaves_io_its_turn(void **state)
{
    (void)state;
    double best = 1;
    for (int i = 0; i < ATTEMPTS && best >= 0.001; i++) {
        double p99 = 1;
        assert_return_code(asyncio_run(asyncio_coro(in_a_storm, &p99)), 0);
        best = p99 < best ? p99 : best;
    }
    print_message("p99 of an echo under %d yielding tasks: %.0f us\n", STORM, best * 1e6);
    assert_true(best < 0.001);
}

static void an_idle_loop_uses_no_processor(void **state)
{
    (void)state;
    clock_t before = clock();
    assert_return_code(asyncio_run(asyncio_coro(asyncio_sleep, 0.5)), 0);
    double used = (double)(clock() - before) / CLOCKS_PER_SEC;
    print_message("half a second of waiting used %.1f ms\n", used * 1e3);
    assert_true(used < 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_storm_of_yields_leaves_io_its_turn),
        cmocka_unit_test(an_idle_loop_uses_no_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
