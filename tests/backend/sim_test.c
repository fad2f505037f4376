/* SPDX-License-Identifier: MIT */
/* What only the simulation has: time that jumps, a seed that repeats itself, ends instead of
 * hangs, thread jobs, names, faults on demand. */
#include "contract.h"

#include <pthread.h>

static struct world sim_world(struct backend_limits limits)
{
    struct world world = { .backend = "sim", .name = "own", .limits = limits };
    assert_true(world_begin(&world));
    return world;
}

static void time_stands_still_and_jumps(void **state)
{
    (void)state;
    struct world world = sim_world((struct backend_limits){ 0 });
    int64_t begin = backend_now(world.it), real = real_now();
    assert_int_equal(world_poll(&world, 0), 0);
    assert_int_equal(backend_now(world.it), begin);
    assert_int_equal(world_poll(&world, (int64_t)3600 * 1000000000), 0);
    assert_int_equal(backend_now(world.it) - begin, (int64_t)3600 * 1000000000);
    assert_true(real_now() - real < 1000000000);
    world_end(&world);
}

/* Who never waits gets to his timers nevertheless. */
static void a_busy_loop_passes_time(void **state)
{
    (void)state;
    struct world world = sim_world((struct backend_limits){ 0 });
    int64_t begin = backend_now(world.it);
    int polls = 0;
    while (backend_now(world.it) - begin < 100000000) {
        world_poll(&world, 0);
        assert_true(++polls < 200000);
    }
    assert_true(polls > 1000);
    world_end(&world);
}

static void a_poll_that_never_returns_is_an_error(void **state)
{
    (void)state;
    struct world world = sim_world((struct backend_limits){ 0 });
    assert_int_equal(world_poll(&world, -1), -EDEADLK);
    sock client, server;
    struct probe recv = { 0 };
    char byte;
    pair(&world, &client, &server);
    submit_recv(&world, &recv, server, &byte, 1);
    int r;
    while ((r = world_poll(&world, -1)) >= 0)
        ;
    assert_int_equal(r, -EDEADLK);
    assert_int_equal(recv.completed, 0);
    world.type->wake(world.it);
    assert_int_equal(world_poll(&world, -1), 0);
    world_end(&world);
}

enum { STEPS = 400 };

/* What happened in one run: results and times, in order. */
struct history {
    int64_t step[STEPS];
    int count;
};

static void note(struct history *history, int64_t what)
{
    if (history->count < STEPS)
        history->step[history->count++] = what;
}

static void live(uint64_t seed, struct history *history)
{
    enum { PAIRS = 4, SIZE = 50 };
    struct world world = sim_world((struct backend_limits){ .seed = seed });
    sock client[PAIRS], server[PAIRS];
    static struct probe recv[PAIRS];
    char data[PAIRS][SIZE];
    for (int i = 0; i < PAIRS; i++)
        pair(&world, &client[i], &server[i]);
    for (int i = 0; i < PAIRS; i++) {
        recv[i] = (struct probe){ 0 };
        submit_recv(&world, &recv[i], server[i], data[i], SIZE);
    }
    for (int i = 0; i < PAIRS; i++)
        send_text(&world, client[i], "0123456789012345678901234567890123456789", 40);
    for (int left = PAIRS; left > 0;) {
        world_poll(&world, 1000000);
        for (int i = 0; i < PAIRS; i++)
            if (recv[i].completed == 1) {
                note(history, i);
                note(history, recv[i].result);
                note(history, backend_now(world.it));
                recv[i].completed = 2;
                left--;
            }
    }
    for (int i = 0; i < PAIRS; i++) {
        world_close(&world, client[i]);
        world_close(&world, server[i]);
    }
    world_end(&world);
}

static void a_seed_repeats_itself(void **state)
{
    (void)state;
    int different = 0;
    struct history plain = { .count = 0 };
    live(0, &plain);
    for (int i = 0; i < 4; i++) /* in order, whole, at once */
        assert_int_equal(plain.step[3 * i], i);
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct history first = { .count = 0 }, second = { .count = 0 };
        live(seed, &first);
        live(seed, &second);
        assert_int_equal(first.count, second.count);
        assert_memory_equal(first.step, second.step, sizeof first.step[0] * (size_t)first.count);
        different +=
            memcmp(first.step, plain.step, sizeof plain.step[0] * (size_t)plain.count) != 0;
    }
    assert_true(different > 40);
}

struct work {
    struct job job;
    int number;
    bool has_run, has_completed;
};

static int run_order[8], runs;

static void work_run(struct job *job)
{
    struct work *work = container_of(job, struct work, job);
    assert_false(work->has_run);
    work->has_run = true;
    run_order[runs++] = work->number;
}

static void work_complete(struct job *job)
{
    struct work *work = container_of(job, struct work, job);
    assert_true(work->has_run);
    assert_false(work->has_completed);
    work->has_completed = true;
}

static bool jobs_in_order(uint64_t seed)
{
    struct world world = sim_world((struct backend_limits){ .seed = seed });
    struct work work[8] = { 0 };
    bool in_order = true;
    runs = 0;
    for (int i = 0; i < 8; i++) {
        work[i].job.run = work_run;
        work[i].job.complete = work_complete;
        work[i].number = i;
        assert_int_equal(world.type->job(world.it, &work[i].job), 0);
        assert_false(work[i].has_run); /* only a poll runs it */
    }
    int done = 0;
    while (done < 8) {
        int n = world_poll(&world, -1);
        assert_true(n >= 0);
        done += n;
    }
    for (int i = 0; i < 8; i++) {
        assert_true(work[i].has_completed);
        in_order = in_order && run_order[i] == i;
    }
    assert_int_equal(world_poll(&world, -1), -EDEADLK);
    world_end(&world);
    return in_order;
}

static void jobs_run_in_seeded_order(void **state)
{
    (void)state;
    int ordered = 0;
    assert_true(jobs_in_order(0));
    for (uint64_t seed = 1; seed <= 50; seed++)
        ordered += jobs_in_order(seed);
    assert_true(ordered < 10);
}

static void expect_name(struct world *world, const char *host, const char *addresses)
{
    struct sockaddr_storage storage[4];
    char text[4][64] = { { 0 } }, all[256];
    int count = world->type->resolve(world->it, host, storage, 4);
    assert_in_range(count, 1, 4);
    for (int i = 0; i < count; i++) {
        struct sockaddr_in *four = (struct sockaddr_in *)&storage[i];
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)&storage[i];
        bool is_four = storage[i].ss_family == AF_INET;
        assert_int_equal(ntohs(is_four ? four->sin_port : six->sin6_port), 0);
        inet_ntop(storage[i].ss_family,
                  is_four ? (const void *)&four->sin_addr : (const void *)&six->sin6_addr, text[i],
                  sizeof text[i]);
    }
    snprintf(all, sizeof all, "%s %s %s %s", text[0], text[1], text[2], text[3]);
    assert_int_equal(strncmp(all, addresses, strlen(addresses)), 0);
}

static void names(void **state)
{
    (void)state;
    struct world world = sim_world((struct backend_limits){ 0 });
    struct sockaddr_storage storage[2];
    expect_name(&world, "localhost", "127.0.0.1   ");
    expect_name(&world, "127.0.0.5", "127.0.0.5   ");
    expect_name(&world, "::1", "::1   ");
    expect_name(&world, "192.0.2.1,::1,127.0.0.2", "192.0.2.1 ::1 127.0.0.2 ");
    assert_int_equal(world.type->resolve(world.it, "no.such.host", storage, 2), -ENOENT);
    assert_int_equal(world.type->resolve(world.it, "", storage, 2), -ENOENT);
    assert_int_equal(world.type->resolve(world.it, "127.0.0.1,", storage, 2), -ENOENT);
    assert_int_equal(world.type->resolve(world.it, "::1,::1,::1", storage, 2), -ENOBUFS);
    world_end(&world);
}

/* Connections break only where that was asked for. */
static void faults_on_demand(void **state)
{
    (void)state;
    int broken = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world world =
            sim_world((struct backend_limits){ .seed = seed, .faults = FAULT_RESET });
        sock client, server;
        char byte;
        pair(&world, &client, &server);
        for (int i = 0; i < 20; i++) {
            struct probe send = { 0 };
            struct iovec iov = { "x", 1 };
            submit_send(&world, &send, client, &iov, 1);
            int r = await(&send);
            if (r == 1)
                r = recv_some(&world, server, &byte, 1);
            if (r != 1) {
                assert_true(r == -ECONNRESET || r == -EPIPE);
                broken++;
                break;
            }
        }
        world_close(&world, client);
        world_close(&world, server);
        world_end(&world);
    }
    assert_in_range(broken, 5, 95);
}

static void failed_accepts_can_be_repeated(void **state)
{
    (void)state;
    int failed = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world world = sim_world((struct backend_limits){ .seed = seed });
        struct sockaddr_storage address;
        struct probe accept = { 0 }, connect[5] = { 0 };
        sock listener = world_listen(&world, 8, &address);
        submit(&world, &accept, OP_ACCEPT, listener);
        for (int i = 0; i < 5; i++)
            submit_connect(&world, &connect[i], world_socket(&world), &address,
                           sizeof(struct sockaddr_in));
        while (accept.accepted_count < 5) {
            if (accept.completed && accept.result < 0) {
                assert_int_equal(accept.result, -EMFILE);
                failed++;
                submit(&world, &accept, OP_ACCEPT, listener);
            }
            assert_true(world_poll(&world, 1000000) >= 0);
            for (int i = 0; i < 5; i++)
                assert_true(!connect[i].completed || connect[i].result == 0);
        }
        world_end(&world); /* which closes what is open */
    }
    assert_in_range(failed, 1, 100);
}

/* Two loops of one thread, one after the other or both at once, share its network; another thread
 * has its own. */
static void *look_for_listener(void *data)
{
    struct sockaddr_storage *address = data;
    struct world world = { .backend = "sim", .name = "other thread" };
    const char *reason;
    if (asyncio__backend_new("sim", &world.limits, &world.it, &reason) < 0)
        return "no backend";
    world.type = world.it->type;
    struct probe connect = { 0 };
    submit_connect(&world, &connect, world_socket(&world), address, sizeof(struct sockaddr_in));
    while (!connect.completed)
        if (world_poll(&world, 1000000) < 0)
            break;
    world_end(&world);
    return connect.result == -ECONNREFUSED ? NULL : "found what it should not see";
}

static void a_network_for_each_thread(void **state)
{
    (void)state;
    struct world here = sim_world((struct backend_limits){ 0 });
    struct world there = sim_world((struct backend_limits){ 0 });
    struct sockaddr_storage address;
    struct probe accept = { 0 }, connect = { 0 };
    sock listener = world_listen(&here, 8, &address), client = world_socket(&there);
    submit(&here, &accept, OP_ACCEPT, listener);
    submit_connect(&there, &connect, client, &address, sizeof(struct sockaddr_in));
    assert_int_equal(await(&connect), 0);
    await_accept(&accept, 1);
    send_text(&there, client, "across", 6);
    expect_text(&here, accept.accepted[0], "across");
    pthread_t thread;
    void *wrong = NULL;
    assert_int_equal(pthread_create(&thread, NULL, look_for_listener, &address), 0);
    pthread_join(thread, &wrong);
    assert_null(wrong);
    world_end(&there);
    char byte;
    assert_int_equal(recv_some(&here, accept.accepted[0], &byte, 1), 0);
    world_end(&here);
}

/* Who finds the backlog full is let in when there is room, whatever became of those before him. */
static void a_full_backlog_empties(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed <= 50; seed++) {
        enum { COUNT = 8 };
        struct world world = sim_world((struct backend_limits){ .seed = seed });
        struct sockaddr_storage address;
        struct probe accept = { 0 }, connect[COUNT] = { 0 };
        sock listener = world_listen(&world, 0, &address), client[COUNT];
        for (int i = 0; i < COUNT; i++) {
            client[i] = world_socket(&world);
            submit_connect(&world, &connect[i], client[i], &address, sizeof(struct sockaddr_in));
        }
        settle(&world);
        int waiting = 0;
        for (int i = 0; i < COUNT; i++)
            waiting += !connect[i].completed;
        assert_int_equal(waiting, COUNT - 1);
        for (int i = 0; i < COUNT; i++)
            if (!connect[i].completed) {
                cancel(&connect[i]); /* the first that waits gives up */
                world_close(&world, client[i]);
                break;
            }
        submit(&world, &accept, OP_ACCEPT, listener);
        await_accept(&accept, COUNT - 1);
        world_end(&world);
    }
}

static void no_road_leads_elsewhere(void **state)
{
    (void)state;
    struct world world = sim_world((struct backend_limits){ 0 });
    struct sockaddr_storage address = loopback(80);
    struct probe connect = { 0 };
    sock client = world_socket(&world), other;
    ((struct sockaddr_in *)&address)->sin_addr.s_addr = inet_addr("8.8.8.8");
    submit_connect(&world, &connect, client, &address, sizeof(struct sockaddr_in));
    assert_int_equal(await(&connect), -ENETUNREACH);
    int r =
        world.type->bind(world.it, client, (struct sockaddr *)&address, sizeof(struct sockaddr_in));
    assert_int_equal(r, -EADDRNOTAVAIL);
    assert_int_equal(world.type->socket(world.it, AF_NETLINK, SOCK_RAW, 0, &other),
                     -EAFNOSUPPORT);
    assert_int_equal(world.type->socket(world.it, AF_INET, SOCK_RAW, 0, &other),
                     -EPROTONOSUPPORT);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(time_stands_still_and_jumps),
        RUN(a_busy_loop_passes_time),
        RUN(a_poll_that_never_returns_is_an_error),
        RUN(a_seed_repeats_itself),
        RUN(jobs_run_in_seeded_order),
        RUN(names),
        RUN(faults_on_demand),
        RUN(failed_accepts_can_be_repeated),
        RUN(a_network_for_each_thread),
        RUN(a_full_backlog_empties),
        RUN(no_road_leads_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
