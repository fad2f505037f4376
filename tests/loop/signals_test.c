/* SPDX-License-Identifier: MIT */
/* Signals: a storm of them while bytes flow, who may handle which, what is there again
 * afterwards. */
/* TEST: timeout 60 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/net_test.h"

#include <asyncio/timeout.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

static atomic_bool storms;
static unsigned heard;

static void hear(int number, void *data)
{
    (void)number;
    (void)data;
    heard++;
}

/* A thread that sends signals to the loop's as fast as it can. */
static void *storm(void *loop_thread)
{
    unsigned long sent = 0;
    while (atomic_load(&storms)) {
        pthread_kill(*(pthread_t *)loop_thread, SIGUSR1);
        if (++sent % 64 == 0)
            sched_yield();
    }
    return NULL;
}

/* No call fails with EINTR, no byte is lost, and the handler runs at least once after the last. */
static int in_a_storm(void *data)
{
    (void)data;
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_server *server;
    asyncio_stream *stream;
    pthread_t self = pthread_self(), thread;
    char block[5000], back[5000];
    memset(block, 'x', sizeof block);
    heard = 0;
    CHECK_IS(asyncio_loop_add_signal_handler(loop, SIGUSR1, hear, NULL), 0);
    atomic_store(&storms, true);
    CHECK_IS(pthread_create(&thread, NULL, storm, &self), 0);
    int r = asyncio_start_server(echo, "127.0.0.1", 0, &server);
    if (r >= 0)
        r = asyncio_open_connection("localhost", asyncio_server_port(server), &stream);
    for (int i = 0; r >= 0 && (i < 300 || heard < 100); i++) {
        sched_yield(); /* on a busy machine the storm needs the processor as well */
        r = asyncio_stream_write(stream, block, sizeof block);
        if (r >= 0)
            r = asyncio_stream_readexactly(stream, back, sizeof back, NULL);
        if (r >= 0 && i % 100 == 0)
            r = asyncio_sleep(0.001);
    }
    atomic_store(&storms, false);
    pthread_join(thread, NULL);
    CHECK_IS(r, 0);
    CHECK(memcmp(block, back, sizeof block) == 0);
    CHECK_IS(asyncio_sleep(0.01), 0);
    unsigned before = heard;
    CHECK(before >= 100);
    pthread_kill(self, SIGUSR1);
    CHECK_IS(asyncio_sleep(0.01), 0);
    CHECK_IS(heard, before + 1);
    CHECK_IS(asyncio_loop_remove_signal_handler(loop, SIGUSR1), 1);
    CHECK_IS(asyncio_loop_remove_signal_handler(loop, SIGUSR1), 0);
    asyncio_stream_unref(stream);
    asyncio_server_close(server);
    r = asyncio_server_wait_closed(server);
    asyncio_server_unref(server);
    return r < 0 ? r : settle();
}

static void test_storm(void **state)
{
    (void)state;
    struct sigaction before, after;
    enter_world("plain", false, 0);
    sigaction(SIGUSR1, NULL, &before);
    assert_int_equal(asyncio_run(asyncio_coro(observed, in_a_storm, NULL)), 0);
    sigaction(SIGUSR1, NULL, &after);
    assert_ptr_equal(before.sa_handler, after.sa_handler);
}

static int misuse(void *data)
{
    (void)data;
    asyncio_loop *loop = asyncio_get_running_loop();
    int bad[] = { SIGKILL, SIGSTOP, 0, -1, 1000 };
    for (int i = 0; i < 5; i++) {
        CHECK(asyncio_loop_add_signal_handler(loop, bad[i], hear, NULL) < 0);
        CHECK_IS(asyncio_loop_remove_signal_handler(loop, bad[i]) > 0, 0);
    }
    return 0;
}

/* One that comes while a task runs is not lost with it: TSan keeps it back, in a record that the
 * task's stack has of its own. */
struct sudden {
    pthread_t thread, loop_thread;
    atomic_bool begun;
};

static void *send_suddenly(void *data)
{
    struct sudden *sudden = data;
    while (!atomic_load(&sudden->begun))
        ;
    pthread_kill(sudden->loop_thread, SIGUSR1);
    return NULL;
}

static int be_hit(struct sudden *sudden)
{
    atomic_store(&sudden->begun, true);
    for (volatile long i = 0; i < 100 * 1000 * 1000; i++) /* no atomics: TSan looks there */
        ;
    return 0;
}

static int last_act(void *data)
{
    (void)data;
    struct sudden sudden = { .loop_thread = pthread_self() };
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_task *task;
    heard = 0;
    CHECK_IS(asyncio_loop_add_signal_handler(loop, SIGUSR1, hear, NULL), 0);
    int r = asyncio_create_task(asyncio_coro(be_hit, &sudden), &task);
    if (r < 0)
        return r;
    CHECK_IS(pthread_create(&sudden.thread, NULL, send_suddenly, &sudden), 0);
    r = asyncio_await(task);
    asyncio_task_unref(task);
    for (int i = 0; r >= 0 && i < 100 && !heard; i++)
        r = asyncio_sleep(0.01);
    pthread_join(sudden.thread, NULL);
    asyncio_loop_remove_signal_handler(loop, SIGUSR1);
    CHECK_IS(heard, 1);
    return r;
}

static void test_last_act(void **state)
{
    (void)state;
    assert_int_equal(asyncio_run(asyncio_coro(observed, last_act, NULL)), 0);
}

static void test_misuse(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_int_equal(run_once(misuse, NULL), 0);
}

/* A loop that closes with handlers installed leaves none behind. */
static int left_installed(void *data)
{
    (void)data;
    return asyncio_loop_add_signal_handler(asyncio_get_running_loop(), SIGUSR2, hear, NULL);
}

static void test_left_installed(void **state)
{
    (void)state;
    struct sigaction after;
    enter_world("plain", false, 0);
    assert_int_equal(run_once(left_installed, NULL), 0);
    sigaction(SIGUSR2, NULL, &after);
    assert_ptr_equal(after.sa_handler, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storm),
        cmocka_unit_test(test_last_act),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_left_installed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
