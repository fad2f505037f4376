/* SPDX-License-Identifier: MIT */
/* Names: what is answered at once, shared, kept and forgotten; a resolver that hangs, fails and
 * comes too late. The resolver of the system is this program's own: it hides libc's. */
/* TEST: timeout 120 */
#include "net/net_test.h"

#include "support/sweep.h"

#include <arpa/inet.h>
#include <asyncio/names.h>
#include <asyncio/timeout.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>

typedef int asks(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static atomic_int asked;         /* look-ups that came to the system, or to the sim backend */
static atomic_bool hangs;        /* those of "hangs" and "reads.back" */
static atomic_int hanging;

static asks *libc(void)
{
    asks *function;
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&function, &found, sizeof function);
    return function;
}

static void hang(void)
{
    atomic_fetch_add(&hanging, 1);
    while (atomic_load(&hangs))
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    atomic_fetch_sub(&hanging, 1);
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **infos)
{
    if (!host || hints->ai_flags & AI_NUMERICHOST)
        return libc()(host, service, hints, infos);
    atomic_fetch_add(&asked, 1);
    if (strncmp(host, "hangs", 5) == 0)
        hang();
    if (strcmp(host, "again") == 0)
        return EAI_AGAIN;
    if (strcmp(host, "fail") == 0)
        return EAI_FAIL;
    if (strcmp(host, "memory") == 0)
        return EAI_MEMORY;
    if (strcmp(host, "system") == 0) {
        errno = EMFILE;
        return EAI_SYSTEM;
    }
    if (strcmp(host, "nobody") == 0)
        return EAI_NONAME;
    if (strcmp(host, "empty") == 0) {
        *infos = NULL;
        return 0;
    }
    return libc()("127.0.0.1", service, hints, infos);
}

/* This program's own strcmp(3), which hides libc's: how often. */
static atomic_size_t compared;

int strcmp(const char *a, const char *b)
{
    atomic_fetch_add_explicit(&compared, 1, memory_order_relaxed);
    for (; *a && *a == *b; a++, b++)
        ;
    return (unsigned char)*a - (unsigned char)*b;
}

/* ---- counting, wherever names are looked up ---- */

static struct backend_type counting;
static const struct backend_type *counted;

static int count_resolve(struct backend *backend, const char *host,
                         struct sockaddr_storage *ret_addresses, size_t capacity)
{
    atomic_fetch_add(&asked, 1);
    return counted->resolve(backend, host, ret_addresses, capacity);
}

static int count_from_here(void)
{
    struct backend *backend = asyncio_get_running_loop()->backend;
    atomic_store(&asked, 0);
    if (!backend->type->resolve)
        return 0;
    counted = backend->type == &counting ? counted : backend->type;
    counting = *counted;
    counting.resolve = count_resolve;
    backend->type = &counting;
    return 0;
}

static int look_up(const char *host, struct addrinfo **ret_infos)
{
    return asyncio_loop_getaddrinfo(asyncio_get_running_loop(), host, "80", ret_infos,
                                    .type = SOCK_STREAM);
}

static int only_look_up(const char *host)
{
    struct addrinfo *infos;
    int r = look_up(host, &infos);
    if (r >= 0)
        asyncio_freeaddrinfo(infos);
    return r;
}

/* ---- at once ---- */

static int literals(void *data)
{
    (void)data;
    asyncio_loop *loop = asyncio_get_running_loop();
    struct addrinfo *infos;
    CHECK_IS(count_from_here(), 0);
    CHECK_IS(look_up("127.0.0.1", &infos), 0);
    CHECK(infos && !infos->ai_next && infos->ai_family == AF_INET);
    CHECK_IS(infos->ai_socktype, SOCK_STREAM);
    CHECK_IS(infos->ai_protocol, IPPROTO_TCP);
    CHECK_IS(ntohs(((struct sockaddr_in *)(void *)infos->ai_addr)->sin_port), 80);
    asyncio_freeaddrinfo(infos);
    CHECK_IS(asyncio_loop_getaddrinfo(loop, "::1", NULL, &infos, .family = AF_INET6), 0);
    CHECK(infos->ai_next); /* of each kind of socket */
    CHECK_IS(infos->ai_addrlen, sizeof(struct sockaddr_in6));
    asyncio_freeaddrinfo(infos);
    CHECK_IS(asyncio_loop_getaddrinfo(loop, NULL, "80", &infos, .type = SOCK_DGRAM,
                                      .flags = AI_PASSIVE),
             0);
    CHECK_IS(infos->ai_socktype, SOCK_DGRAM);
    asyncio_freeaddrinfo(infos);
    CHECK_IS(asyncio_loop_getaddrinfo(loop, "::1", "80", &infos, .family = AF_INET),
             -ASYNCIO_RESOLVE);
    CHECK(asyncio_last_error(-ASYNCIO_RESOLVE));
    CHECK_IS(asyncio_loop_getaddrinfo(loop, NULL, NULL, &infos), -EINVAL);
    CHECK_IS(asyncio_loop_getaddrinfo(loop, "", NULL, &infos), -EINVAL);
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(8080) };
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    asyncio_nameinfo info;
    CHECK_IS(asyncio_loop_getnameinfo(loop, (struct sockaddr *)&four, sizeof four, &info,
                                      .flags = NI_NUMERICHOST | NI_NUMERICSERV),
             0);
    CHECK(strcmp(info.host, "127.0.0.1") == 0 && strcmp(info.port, "8080") == 0);
    CHECK_IS(asyncio_loop_getnameinfo(loop, (struct sockaddr *)&four, 1, &info), -EINVAL);
    CHECK_IS(asyncio_loop_getnameinfo(loop, (struct sockaddr *)&four, 4, &info,
                                      .flags = NI_NUMERICHOST | NI_NUMERICSERV),
             -ASYNCIO_RESOLVE);
    CHECK_IS(asked, 0);
    asyncio_freeaddrinfo(NULL);
    return 0;
}

static void test_literals(void **state)
{
    (void)state;
    run_everywhere(literals);
}

/* ---- looked up ---- */

static int names(void *data)
{
    (void)data;
    asyncio_loop *loop = asyncio_get_running_loop();
    struct addrinfo *infos;
    char longest[400];
    CHECK_IS(count_from_here(), 0);
    CHECK_IS(look_up("localhost", &infos), 0);
    CHECK_IS(infos->ai_family, AF_INET);
    CHECK_IS(ntohs(((struct sockaddr_in *)(void *)infos->ai_addr)->sin_port), 80);
    asyncio_freeaddrinfo(infos);
    CHECK_IS(asyncio_loop_getaddrinfo(loop, "localhost", "http", &infos, .family = AF_INET,
                                      .type = SOCK_STREAM, .flags = AI_CANONNAME),
             0);
    CHECK_IS(ntohs(((struct sockaddr_in *)(void *)infos->ai_addr)->sin_port), 80);
    CHECK(infos->ai_canonname && *infos->ai_canonname);
    asyncio_freeaddrinfo(infos);
    CHECK_IS(asyncio_loop_getaddrinfo(loop, NULL, "http", &infos, .type = SOCK_STREAM), 0);
    asyncio_freeaddrinfo(infos);
    CHECK_IS(only_look_up("nobody"), -ASYNCIO_RESOLVE);
    CHECK(strncmp(record_of(-ASYNCIO_RESOLVE)->text, "nobody: ", 8) == 0);
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    if (world.is_sim)
        CHECK_IS(only_look_up(longest), -ASYNCIO_RESOLVE);
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(80) };
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    asyncio_nameinfo info;
    CHECK_IS(asyncio_loop_getnameinfo(loop, (struct sockaddr *)&four, sizeof four, &info), 0);
    CHECK(*info.host && *info.port);
    return 0;
}

static void test_names(void **state)
{
    (void)state;
    run_everywhere(names);
}

/* Each of the resolver's errors is an error of ours, with its words. */
static int errors(void *data)
{
    (void)data;
    CHECK_IS(only_look_up("again"), -ASYNCIO_RESOLVE);
    CHECK(strstr(record_of(-ASYNCIO_RESOLVE)->text, gai_strerror(EAI_AGAIN)));
    CHECK_IS(only_look_up("fail"), -ASYNCIO_RESOLVE);
    CHECK(strstr(record_of(-ASYNCIO_RESOLVE)->text, gai_strerror(EAI_FAIL)));
    CHECK_IS(only_look_up("memory"), -ENOMEM);
    CHECK_IS(only_look_up("system"), -EMFILE);
    CHECK_IS(only_look_up("empty"), -ASYNCIO_RESOLVE);
    asyncio_stream *stream;
    CHECK_IS(asyncio_open_connection("again", 80, &stream), -ASYNCIO_RESOLVE);
    CHECK_IS(asyncio_open_connection("system", 80, &stream), -EMFILE);
    return 0;
}

static int ask_by_task(void)
{
    return only_look_up("localhost");
}

static int shared(void *data)
{
    (void)data;
    asyncio_task *tasks[20];
    CHECK_IS(asyncio_loop_set_resolver(asyncio_get_running_loop(), .cache_size = 0), 0);
    CHECK_IS(count_from_here(), 0);
    for (int i = 0; i < 20; i++)
        START(tasks[i], ask_by_task);
    CHECK_IS(asyncio_sleep(0), 0);
    int cancelled = asyncio_task_cancel(tasks[0]) + asyncio_task_cancel(tasks[7]);
    CHECK_IS(cancelled, 2); /* the others still get it */
    for (int i = 0; i < 20; i++)
        CHECK_IS(join(tasks[i]), i == 0 || i == 7 ? -ECANCELED : 0);
    CHECK_IS(asked, 1);
    return 0;
}

static void test_shared(void **state)
{
    (void)state;
    run_everywhere(shared);
}

static int ask_cache(const char *host)
{
    struct addrinfo *infos;
    int r = asyncio_loop_getaddrinfo(asyncio_get_running_loop(), host, "80", &infos,
                                     .type = SOCK_STREAM, .only_cached = 1);
    if (r >= 0)
        asyncio_freeaddrinfo(infos);
    return r;
}

static int cached(void *data)
{
    (void)data;
    asyncio_loop *loop = asyncio_get_running_loop();
    double ttl = world.is_sim ? 10.0 : 0.3;
    CHECK_IS(asyncio_loop_set_resolver(loop, .cache_ttl = ttl, .cache_size = 2), 0);
    CHECK_IS(count_from_here(), 0);
    for (int i = 0; i < 3; i++)
        CHECK_IS(only_look_up("localhost"), 0);
    CHECK_IS(asked, 1);
    CHECK_IS(ask_cache("localhost"), 0);
    CHECK_IS(ask_cache("127.0.0.1"), 0);
    CHECK_IS(ask_cache("nobody"), -EAGAIN);
    CHECK_IS(asked, 1);
    CHECK_IS(only_look_up("nobody"), -ASYNCIO_RESOLVE);
    CHECK_IS(only_look_up("nobody"), -ASYNCIO_RESOLVE);
    CHECK_IS(asked, 3); /* what is not found is not kept */
    CHECK_IS(asyncio_sleep(ttl * 1.1), 0);
    CHECK_IS(ask_cache("localhost"), -EAGAIN); /* no longer true */
    CHECK_IS(only_look_up("localhost"), 0);
    CHECK_IS(asked, 4);
    /* another question is another answer; the one not used for longest goes */
    struct addrinfo *infos;
    for (int i = 0; i < 2; i++) {
        CHECK_IS(asyncio_loop_getaddrinfo(loop, "localhost", "81", &infos, .type = SOCK_STREAM),
                 0);
        asyncio_freeaddrinfo(infos);
    }
    CHECK_IS(asked, 5);
    CHECK_IS(only_look_up("localhost"), 0);
    CHECK_IS(asked, 5);
    CHECK_IS(asyncio_loop_getaddrinfo(loop, "localhost", "82", &infos, .type = SOCK_STREAM), 0);
    asyncio_freeaddrinfo(infos);
    CHECK_IS(only_look_up("localhost"), 0);
    CHECK_IS(asked, 6);
    CHECK_IS(asyncio_loop_getaddrinfo(loop, "localhost", "81", &infos, .type = SOCK_STREAM), 0);
    asyncio_freeaddrinfo(infos);
    CHECK_IS(asked, 7);
    /* off */
    CHECK_IS(asyncio_loop_set_resolver(loop, .cache_size = 0), 0);
    CHECK_IS(only_look_up("localhost"), 0);
    CHECK_IS(only_look_up("localhost"), 0);
    CHECK_IS(asked, 9);
    CHECK_IS(asyncio_loop_set_resolver(loop, .cache_ttl = 0), 0);
    CHECK_IS(only_look_up("localhost"), 0);
    CHECK_IS(only_look_up("localhost"), 0);
    CHECK_IS(asked, 11);
    CHECK_IS(asyncio_loop_set_resolver(loop, .cache_ttl = -1), -EINVAL);
    CHECK_IS(asyncio_loop_set_resolver(loop, .timeout = 0.0 / 0.0), -EINVAL);
    return 0;
}

static void test_cache(void **state)
{
    (void)state;
    run_everywhere(cached);
}

/* ---- a resolver that hangs ---- */

static int hanging_task(int i)
{
    char name[16];
    snprintf(name, sizeof name, "hangs%d", i);
    return only_look_up(name);
}

static int hung(void *data)
{
    (void)data;
    enum { TASKS = 40 };
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_task *tasks[TASKS];
    atomic_store(&hangs, true);
    double start = asyncio_loop_time(loop);
    /* cancelled at once */
    START(tasks[0], hanging_task, 0);
    while (!atomic_load(&hanging))
        CHECK_IS(asyncio_sleep(0.001), 0);
    CHECK_IS(asyncio_task_cancel(tasks[0]), 1);
    CHECK_IS(join(tasks[0]), -ECANCELED);
    /* more than there are threads: each has its time and no more, those that got no thread too */
    CHECK_IS(asyncio_loop_set_resolver(loop, .timeout = 0.2), 0);
    int last = 0;
    for (int round = 0; round < 20 && last == 0; round++) {
        for (int i = 0; i < TASKS; i++)
            START(tasks[i], hanging_task, i);
        for (int i = 0; i < TASKS; i++)
            CHECK_IS(join(tasks[i]), -ETIMEDOUT);
        CHECK(asyncio_loop_time(loop) - start < 5 * (round + 1));
        CHECK(hanging < TASKS); /* the pool is small */
        /* on a slow machine a thread begins when the time of all is up: then it is free */
        last = only_look_up("localhost");
    }
    CHECK_IS(last, -ETIMEDOUT);
    CHECK_IS(only_look_up("127.0.0.1"), 0); /* who needs no thread is not held up */
    atomic_store(&hangs, false);
    CHECK_IS(asyncio_loop_set_resolver(loop), 0);
    CHECK_IS(only_look_up("localhost"), 0);
    while (atomic_load(&hanging))
        CHECK_IS(asyncio_sleep(0.001), 0);
    return settle();
}

/* Each asks whether another one is asked for the same: not every one there is. */
static int many_at_once(void *data)
{
    (void)data;
    enum { MANY = 500 };
    static asyncio_task *tasks[MANY];
    atomic_store(&hangs, true);
    atomic_store(&compared, 0);
    for (int i = 0; i < MANY; i++)
        START(tasks[i], hanging_task, i);
    CHECK_IS(asyncio_sleep(0), 0);
    CHECK(atomic_load(&compared) < MANY * MANY / 8);
    for (int i = 0; i < MANY; i++)
        asyncio_task_cancel(tasks[i]);
    for (int i = 0; i < MANY; i++)
        CHECK_IS(join(tasks[i]), -ECANCELED);
    atomic_store(&hangs, false);
    while (atomic_load(&hanging))
        CHECK_IS(asyncio_sleep(0.001), 0);
    return settle();
}

static int left_hanging(void *data)
{
    (void)data;
    asyncio_task *task;
    atomic_store(&hangs, true);
    START(task, hanging_task, 1);
    asyncio_task_unref(task);
    while (!atomic_load(&hanging))
        CHECK_IS(asyncio_sleep(0.001), 0);
    return 0;
}

static void test_hangs(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    if (world.is_sim)
        skip();
    assert_int_equal(run_once(errors, NULL), 0);
    program *const bodies[] = { hung, many_at_once, left_hanging };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        uint64_t live = asyncio__alloc_live();
        asyncio__record_put(NULL);
        assert_int_equal(asyncio_run(asyncio_coro(observed, bodies[i], NULL)), 0);
        atomic_store(&hangs, false);
        asyncio__record_put(NULL);
        for (int k = 0; k < 5000 && asyncio__alloc_live() != live; k++)
            nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
        assert_int_equal(asyncio__alloc_live(), live);
    }
}

/* ---- cancelled at every turn, without memory ---- */

static int cancelled_anywhere(void *data)
{
    (void)data;
    CHECK_IS(asyncio_loop_set_resolver(asyncio_get_running_loop(), .cache_size = 0), 0);
    for (int turns = 0; turns < 12; turns++) {
        asyncio_task *task;
        START(task, ask_by_task);
        for (int k = 0; k < turns; k++)
            CHECK_IS(asyncio_sleep(0), 0);
        bool was_asked = asyncio_task_cancel(task) == 1;
        int r = join(task);
        CHECK_IS(r, was_asked ? -ECANCELED : 0);
    }
    return settle();
}

static int ask_everything(void)
{
    struct sockaddr_in four = { .sin_family = AF_INET };
    asyncio_nameinfo info;
    int r = only_look_up("localhost");
    if (r >= 0)
        r = only_look_up("127.0.0.1");
    if (r >= 0)
        r = asyncio_loop_getnameinfo(asyncio_get_running_loop(), (struct sockaddr *)&four,
                                     sizeof four, &info);
    return r;
}

static void test_sweeps(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    if (!world.is_sim)
        skip(); /* where nothing goes after the loop */
    run_everywhere(cancelled_anywhere);
    assert_true(sweep_allocations("names", ask_everything) > 10);
    assert_true(sweep_cancellations("names", ask_everything) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals), cmocka_unit_test(test_names),
        cmocka_unit_test(test_shared),   cmocka_unit_test(test_cache),
        cmocka_unit_test(test_hangs),    cmocka_unit_test(test_sweeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
