/* SPDX-License-Identifier: MIT */
/* Workers that crash, that hang, that are killed while they start; a server that is told to end, or
 * to reload, while it reloads. A client lets no request fail but those that were the bad worker's
 * own. */
/* TEST: backends io_uring epoll; timeout 90; not valgrind aarch64 */
#include "web/workers_server.h"

/* By a signal: it is told which, and replaced. */
static void test_crash(void **state)
{
    struct client client = { .descriptor = -1 };
    char text[64];
    (void)state;
    start_server(PROCESSES);
    for (int i = 1; i <= 3; i++) {
        assert_null(ask(&client, "/aborts"));
        hang_up(&client);
        snprintf(text, sizeof text, "was ended by signal %d (Aborted)", SIGABRT);
        assert_true(is_told(text, i));
        assert_true(pid_of(ask(&client, "/")) > 0);
        hang_up(&client);
    }
    wait_for_children(2);
    assert_int_equal(count_workers(true), 2);
    stop_server();
}

static void *ask_hangs(void *data)
{
    assert_null(ask(data, "/hangs"));
    hang_up(data);
    return NULL;
}

static void hang_worker(struct client *client, pthread_t *thread)
{
    client->descriptor = -1;
    assert_int_equal(pthread_create(thread, NULL, ask_hangs, client), 0);
    assert_true(is_told("hung up", 1));
}

/* One that hangs does not end by itself: at a reload it is killed when its time is over. */
static void test_hung(void **state)
{
    struct client client;
    pthread_t thread;
    (void)state;
    shutdown_timeout = drain_timeout = 0.1;
    start_server(PROCESSES);
    shutdown_timeout = PATIENCE;
    drain_timeout = 0.5;
    hang_worker(&client, &thread);
    kill(server.pid, SIGHUP);
    assert_true(is_told("report reloaded: 2 workers", 1));
    begin_load();
    assert_true(is_told("was ended by signal 9 (Killed) while it was to end", 1));
    pthread_join(thread, NULL);
    end_load();
    wait_for_children(2);
    stop_server();
}

/* Asked to end more than once: one that hangs is killed at once. */
static void test_impatient(void **state)
{
    struct client client;
    pthread_t thread;
    (void)state;
    start_server(ONE);
    hang_worker(&client, &thread);
    double began = now();
    for (int i = 0; i < 10; i++) { /* two that come together are one */
        kill(server.pid, SIGTERM);
        usleep(20000);
    }
    assert_int_equal(wait_for(server.pid), 0);
    assert_true(now() - began < shutdown_timeout / 2);
    pthread_join(thread, NULL);
    assert_true(is_told("end 0", 1));
    close(server.pipe);
}

/* Told to end while the new workers start: both generations do. */
static void test_ended_in_reload(void **state)
{
    (void)state;
    start_server(PROCESSES);
    write_flag("slow");
    kill(server.pid, SIGHUP);
    wait_for_children(4);
    kill(server.pid, SIGTERM);
    assert_int_equal(wait_for(server.pid), 0);
    assert_true(is_told("end 0 -", 1));
    assert_null(strstr(server.text, "reloaded"));
    close(server.pipe);
}

/* Told to reload while it reloads: it does so once more, behind the first. */
static void test_reload_in_reload(void **state)
{
    (void)state;
    start_server(PROCESSES);
    begin_load();
    write_flag("slow");
    kill(server.pid, SIGHUP);
    wait_for_children(4);
    kill(server.pid, SIGHUP);
    usleep(100000);
    kill(server.pid, SIGHUP);
    unlink(flag);
    assert_true(is_told("report reloaded: 2 workers", 2));
    wait_for_children(2);
    end_load();
    stop_server();
}

/* A new worker is killed while it starts, an old one crashes meanwhile: the reload is given up, and
 * the next one is not. */
static void test_killed_in_reload(void **state)
{
    struct client client = { .descriptor = -1 };
    (void)state;
    start_server(PROCESSES);
    write_flag("slow");
    kill(server.pid, SIGHUP);
    pid_t last = wait_for_children(4);
    assert_null(ask(&client, "/aborts"));
    hang_up(&client);
    kill(last, SIGKILL);
    assert_true(is_told("(Aborted), and is replaced", 1));
    assert_true(is_told("was ended by signal 9 (Killed): the reload is given up", 1));
    unlink(flag);
    wait_for_children(2);
    begin_load();
    kill(server.pid, SIGHUP);
    assert_true(is_told("report reloaded: 2 workers", 1));
    wait_for_children(2);
    end_load();
    assert_int_equal(count_workers(true), 2);
    stop_server();
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        CASE(test_crash),           CASE(test_hung),             CASE(test_impatient),
        CASE(test_ended_in_reload), CASE(test_reload_in_reload), CASE(test_killed_in_reload),
    };
    int r = find_self(count, arguments);
    if (r >= 0)
        return r;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
