/* SPDX-License-Identifier: MIT */
/* Workers: several processes and threads that serve one place; those that die, those that cannot
 * start, reloads and take-overs under a client that lets no request fail. The client is blocking
 * sockets in threads of the test. */
/* TEST: backends io_uring epoll; timeout 90; not valgrind aarch64 */
#include "web/workers_server.h"

/* ---- the cases ---- */

static void test_processes(void **state)
{
    (void)state;
    start_server(PROCESSES);
    assert_int_equal(count_workers(true), 2);
    stop_server();
}

static void test_threads(void **state)
{
    struct client client = { .descriptor = -1 };
    (void)state;
    start_server(THREADS);
    assert_int_equal(count_workers(true), 1);
    assert_int_equal(count_workers(false), 3);
    assert_int_equal(pid_of(ask(&client, "/")), server.pid);
    hang_up(&client);
    stop_server();

    start_server(BOTH);
    assert_int_equal(count_workers(true), 2);
    assert_int_equal(count_workers(false), 4);
    stop_server();
}

static void test_own_runners(void **state)
{
    (void)state;
    start_server(RUNNERS);
    assert_int_equal(count_workers(true), 2);
    stop_server();
}

static void *ask_slow(void *data)
{
    struct client client = { .descriptor = -1 };
    const char *body = ask(&client, "/slow");
    *(long *)data = pid_of(body);
    hang_up(&client);
    return NULL;
}

/* Requests under way are answered; new connections are refused. */
static void test_shutdown(void **state)
{
    (void)state;
    for (enum how how = PROCESSES; how <= THREADS; how++) {
        long pids[4] = { 0 };
        pthread_t threads[4];
        start_server(how);
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, ask_slow, &pids[i]), 0);
        assert_true(is_told("under way", 4));
        kill(server.pid, SIGTERM);
        struct client late = { .descriptor = -1 };
        for (double until = now() + PATIENCE; dial(&late); hang_up(&late))
            assert_true(now() < until);
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            assert_true(pids[i] > 0);
        }
        assert_int_equal(wait_for(server.pid), 0);
        close(server.pipe);
    }
}

static void test_reload(void **state)
{
    struct client kept = { .descriptor = -1 };
    long old[2];
    pthread_t thread;
    (void)state;
    start_server(PROCESSES);
    old[0] = pid_of(ask(&kept, "/"));
    begin_load();
    usleep(100000);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(pthread_create(&thread, NULL, ask_slow, &old[1]), 0);
        assert_true(is_told("under way", i));
        kill(server.pid, SIGHUP);
        assert_true(is_told("report reloaded: 2 workers", i));
        pthread_join(thread, NULL);
        assert_true(old[1] > 0); /* begun before, answered after */
    }
    end_load();
    assert_true(atomic_load(&load.pids) > LOADERS);
    /* An idle connection has been closed by the worker that has gone; the next has a new one. */
    hang_up(&kept);
    assert_int_not_equal(pid_of(ask(&kept, "/")), old[0]);
    hang_up(&kept);
    for (double until = now() + PATIENCE; kill((pid_t)old[0], 0) == 0; usleep(5000))
        assert_true(now() < until);
    for (double until = now() + PATIENCE; count_workers(true) != 2;) /* without the old ones */
        assert_true(now() < until);
    stop_server();
}

/* An idle connection of a worker that drains has one more answer, and is told it is the last. */
static void test_drain(void **state)
{
    struct client kept = { .descriptor = -1 };
    (void)state;
    drain_timeout = 30;
    start_server(PROCESSES);
    drain_timeout = 0.5;
    long pid = pid_of(ask(&kept, "/"));
    assert_true(kept.descriptor >= 0);
    kill(server.pid, SIGHUP);
    assert_true(is_told("report reloaded", 1));
    /* until it is told */
    for (double until = now() + PATIENCE; kept.descriptor >= 0; usleep(50000)) {
        assert_int_equal(pid_of(ask(&kept, "/")), pid);
        assert_true(now() < until);
    }
    assert_int_not_equal(pid_of(ask(&kept, "/")), pid);
    hang_up(&kept);
    stop_server();
}

static void test_unstartable(void **state)
{
    (void)state;
    write_flag("fail");
    for (enum how how = PROCESSES; how <= THREADS; how++) {
        begin_server(how);
        assert_int_equal(wait_for(server.pid), 1);
        assert_true(is_told("the database does not answer (ENOTCONN)", 1));
        assert_true(is_told("end -107 worker ", 1));
        close(server.pipe);
    }
    write_flag("exit");
    begin_server(PROCESSES);
    assert_int_equal(wait_for(server.pid), 1);
    assert_true(is_told("ended with exit status 7", 1));
    assert_null(strstr(server.text, "at http"));
    close(server.pipe);
    unlink(flag);

    /* At a reload: told, and who was there stays. */
    start_server(PROCESSES);
    write_flag("fail");
    begin_load();
    kill(server.pid, SIGHUP);
    assert_true(is_told("the reload is given up", 1));
    assert_true(is_told("exit status 1", 1));
    end_load();
    unlink(flag);
    kill(server.pid, SIGHUP);
    assert_true(is_told("report reloaded", 1));
    for (double until = now() + PATIENCE; count_workers(true) != 2;) /* without the old ones */
        assert_true(now() < until);
    stop_server();
}

/* A worker that dies is replaced; what waits in its queue is served by its successor. */
static void test_killed(void **state)
{
    (void)state;
    start_server(PROCESSES);
    for (int i = 1; i <= 3; i++) {
        struct client client = { .descriptor = -1 };
        long pid = pid_of(ask(&client, "/"));
        assert_true(pid > 1);
        kill((pid_t)pid, SIGKILL);
        char text[64];
        snprintf(text, sizeof text, "(process %ld) was ended by signal 9", pid);
        assert_true(is_told(text, 1));
        hang_up(&client);
        for (int k = 0; k < 20; k++) {
            struct client after = { .descriptor = -1 };
            long other = pid_of(ask(&after, "/"));
            assert_true(other > 0 && other != pid);
            hang_up(&after);
        }
    }
    struct client client = { .descriptor = -1 };
    assert_null(ask(&client, "/dies"));
    hang_up(&client);
    assert_true(is_told("ended with exit status 3", 1));
    stop_server();
    /* Two slots, four deaths: at least two were soon after another. */
    if (count_of(server.text, ", and is replaced in 0.") < 2)
        fail_msg("%s", server.text);
}

static struct client kept_client;

/* The body goes where the answer was. */
static void *ask_kept(void *data)
{
    (void)data;
    const char *body = ask(&kept_client, "/slow");
    memmove(kept_client.answer, body ? body : "", body ? strlen(body) + 1 : 1);
    hang_up(&kept_client);
    return NULL;
}

static void kill_worker(int times)
{
    for (int i = 1; i <= times; i++) {
        struct client client = { .descriptor = -1 };
        assert_null(ask(&client, "/dies"));
        hang_up(&client);
        assert_true(is_told("ended with exit status 3", i));
    }
}

/* A worker that waits to be replaced is, whatever becomes of a reload in the meantime. */
static void test_replaced_later(void **state)
{
    struct client client = { .descriptor = -1 };
    (void)state;
    /* The reload is given up. */
    start_server(ONE);
    kill_worker(5);
    write_flag("fail");
    kill(server.pid, SIGHUP);
    assert_true(is_told("the reload is given up", 1));
    unlink(flag);
    assert_true(pid_of(ask(&client, "/")) > 0);
    hang_up(&client);
    stop_server();
    /* It is done before: then nobody is missing. */
    start_server(ONE);
    kill_worker(4);
    assert_true(pid_of(ask(&client, "/")) > 0); /* there is one again */
    hang_up(&client);
    write_flag("slow");
    kill(server.pid, SIGHUP);
    wait_for_children(2);
    assert_null(ask(&client, "/dies"));
    hang_up(&client);
    assert_true(is_told("reloaded: 1 workers", 1));
    unlink(flag);
    usleep(1200000);
    wait_for_children(1);
    stop_server();
}

/* While it drains, to be asked to end for the first time ends requests under way no sooner. */
static void test_drain_ended(void **state)
{
    (void)state;
    for (int takes_over = 0; takes_over < 2; takes_over++) {
        struct client client = { .descriptor = -1 };
        start_server(PROCESSES);
        long pid = pid_of(ask(&client, "/"));
        assert_true(pid > 0 && client.descriptor >= 0);
        kill(server.pid, takes_over ? SIGUSR2 : SIGHUP);
        assert_true(is_told(takes_over ? "has taken over" : "reloaded", 1));
        pthread_t thread;
        kept_client = client;
        assert_int_equal(pthread_create(&thread, NULL, ask_kept, NULL), 0);
        assert_true(is_told("under way", 1));
        kill(server.pid, SIGTERM);
        pthread_join(thread, NULL);
        assert_int_equal(pid_of(kept_client.answer), pid);
        assert_int_equal(wait_for(server.pid), 0);
        const char *told = strstr(server.text, "successor ");
        if (takes_over) {
            assert_non_null(told);
            kill((pid_t)strtol(told + 10, NULL, 10), SIGTERM);
            assert_true(is_told("end 0", 2));
        }
        close(server.pipe);
    }
}

/* A program that is run in place of this one serves the same sockets. */
static void test_take_over(void **state)
{
    struct client client = { .descriptor = -1 };
    (void)state;
    start_server(PROCESSES);
    long pid = pid_of(ask(&client, "/"));
    hang_up(&client);
    begin_load();
    usleep(100000);
    kill(server.pid, SIGUSR2);
    assert_true(is_told("has taken over", 1));
    assert_int_equal(wait_for(server.pid), 0);
    usleep(100000);
    end_load();
    assert_true(is_told("end 0", 1));
    const char *told = strstr(server.text, "successor ");
    assert_non_null(told);
    pid_t successor = (pid_t)strtol(told + 10, NULL, 10);
    assert_int_not_equal(pid_of(ask(&client, "/")), pid);
    hang_up(&client);
    assert_int_equal(count_workers(true), 2);
    kill(successor, SIGTERM);
    assert_true(is_told("end 0", 2));
    close(server.pipe);
}

/* One that cannot be run, or dies, changes nothing. */
static void test_failed_take_over(void **state)
{
    (void)state;
    write_flag("fail");
    unlink(flag);
    start_server(PROCESSES);
    write_flag("exit");
    kill(server.pid, SIGUSR2);
    assert_true(is_told("that was to take over has ended", 1));
    unlink(flag);
    assert_int_equal(count_workers(true), 2);
    stop_server();
}

static void test_unix(void **state)
{
    struct stat status;
    (void)state;
    begin_server(UNIX);
    assert_true(is_told("at http://unix:", 1));
    struct client client = { .descriptor = -1 };
    long pid = pid_of(ask(&client, "/"));
    assert_true(pid > 1);
    hang_up(&client);
    kill(server.pid, SIGHUP);
    assert_true(is_told("report reloaded", 1));
    bool is_new = false; /* once the old one has been told to accept no more */
    for (double until = now() + PATIENCE; !is_new && now() < until; hang_up(&client))
        is_new = pid_of(ask(&client, "/")) != pid;
    assert_true(is_new);
    stop_server();
    assert_int_equal(stat(flag, &status), -1);
}

/* Both sockets of the name are served, and the other one is left alone. */
static void test_inherited(void **state)
{
    (void)state;
    for (enum how how = INHERITED_ALONE; how <= INHERITED; how++) {
        int ports[3] = { 0 };
        struct client client = { .descriptor = -1 };
        start_server(how);
        for (int i = 0; i < 3; i++) {
            char text[32];
            snprintf(text, sizeof text, "port %d ", i);
            assert_non_null(strstr(server.text, text));
            place.port = ports[i] = (int)strtol(strstr(server.text, text) + 7, NULL, 10);
            assert_int_equal(pid_of(ask(&client, "/")) > 0, i != 1);
            hang_up(&client);
        }
        if (how == INHERITED) {
            kill(server.pid, SIGHUP);
            assert_true(is_told("report reloaded", 1));
            place.port = ports[2];
            assert_true(pid_of(ask(&client, "/")) > 0);
            hang_up(&client);
        }
        stop_server();
    }
}

/* Each allocation of the supervisor fails in turn, and the same one in its workers, which have its
 * memory: it serves all the same, or says why not. Who has none to be told to end is killed. */
static void test_no_memory(void **state)
{
    unsigned served = 0;
    (void)state;
    for (fails_at = 1; served < 5 && fails_at < 2000; fails_at += fails_at < 40 ? 1 : 7) {
        begin_server(fails_at % 2 ? PROCESSES : BOTH);
        double until = now() + PATIENCE;
        while (!strstr(server.text, "at http://") && !strstr(server.text, "end ")) {
            char data[512];
            ssize_t n = read(server.pipe, data, sizeof data - 1);
            assert_true(n > 0 && now() < until);
            memcpy(server.text + server.size, data, (size_t)n);
            server.size += (size_t)n;
        }
        if (strstr(server.text, "at http://")) {
            served++;
            kill(server.pid, SIGTERM);
            assert_int_equal(wait_for(server.pid), 0);
        } else {
            if (!strstr(server.text, "end -12 "))
                fail_msg("allocation %lu: %s", fails_at, server.text);
            assert_int_equal(wait_for(server.pid), 1);
        }
        close(server.pipe);
    }
    fails_at = 0;
    assert_int_equal(served, 5);
}

/* Workers end when their supervisor is gone, however it went. */
static void test_orphans(void **state)
{
    struct client client = { .descriptor = -1 };
    (void)state;
    start_server(PROCESSES);
    pid_t pid = (pid_t)pid_of(ask(&client, "/"));
    hang_up(&client);
    kill(server.pid, SIGKILL);
    assert_int_equal(wait_for(server.pid), 128 + SIGKILL);
    for (int i = 0; i < PATIENCE * 100 && kill(pid, 0) == 0; i++)
        usleep(10000);
    assert_int_equal(kill(pid, 0), -1);
    close(server.pipe);
}

static int in_a_loop(void *data)
{
    (void)data;
    return aiohttp_web_run_app(NULL, .factory = new_app, .workers = 2);
}

static void test_misuse(void **state)
{
    (void)state;
    aiohttp_web_application *app = aiohttp_web_application_new();
    assert_int_equal(aiohttp_web_run_app(app, .threads = 2), -EINVAL);
    app = aiohttp_web_application_new();
    assert_non_null(app);
    assert_int_equal(aiohttp_web_run_app(app, .factory = new_app), -EINVAL);
    assert_int_equal(aiohttp_web_run_app(NULL, .factory = new_app, .workers = -1), -EINVAL);
    assert_int_equal(aiohttp_web_run_app(NULL, .factory = new_app, .workers = 100000), -EINVAL);
    assert_int_equal(aiohttp_web_run_app(NULL, .factory = new_app, .workers = 1,
                                         .drain_timeout = -1), -EINVAL);
    assert_int_equal((aiohttp_web_run_workers)(NULL, NULL), -EINVAL);
    assert_int_equal(aiohttp_web_run_app(NULL, .factory = new_app, .workers = 1,
                                         .listen_fds = "none"), -ENOENT);
    enter_world("plain", false, 0);
    assert_int_equal(run_once(in_a_loop, NULL), -ASYNCIO_LOOP_RUNNING);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        CASE(test_processes),      CASE(test_threads),
        CASE(test_own_runners),    CASE(test_shutdown),
        CASE(test_reload),         CASE(test_drain),
        CASE(test_unstartable),    CASE(test_killed),
        CASE(test_take_over),      CASE(test_failed_take_over),
        CASE(test_unix), CASE(test_inherited), CASE(test_no_memory),           CASE(test_orphans),
        CASE(test_replaced_later), CASE(test_drain_ended), CASE(test_misuse),
    };
    int r = find_self(count, arguments);
    if (r >= 0)
        return r;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
