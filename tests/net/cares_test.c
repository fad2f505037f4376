/* SPDX-License-Identifier: MIT */
/* Names by c-ares, asked of a small DNS server in a thread of this program: found, not found, never
 * answered, cancelled, left behind. Skipped where c-ares is not built in. */
/* TEST: backends io_uring epoll; timeout 60 */
#include "net/net_test.h"

#include "net/names.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the server ---- */

static int server_socket;
static atomic_bool server_ends;
static atomic_int questions;

/* The name of the question, with dots; where it ends, or 0. */
static size_t read_name(const unsigned char *packet, size_t size, char *name)
{
    size_t at = 12, length = 0;
    while (at < size && packet[at] && at + 1 + packet[at] < size && length + packet[at] < 60) {
        memcpy(name + length, packet + at + 1, packet[at]);
        length += packet[at];
        name[length++] = '.';
        at += 1U + packet[at];
    }
    name[length ? length - 1 : 0] = '\0';
    return at + 5 <= size ? at + 5 : 0;
}

/* Writes the answer over the question; how long, or 0 for none. */
static size_t answer(unsigned char *packet, size_t size)
{
    static const unsigned char four[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 7 };
    char name[64];
    size_t end = size > 12 ? read_name(packet, size, name) : 0;
    atomic_fetch_add(&questions, 1);
    if (!end || strcmp(name, "slow.test") == 0)
        return 0;
    bool is_known = strcmp(name, "one.test") == 0, is_four = packet[end - 3] == 1;
    packet[2] = 0x81;
    packet[3] = is_known ? 0x80 : 0x83;
    memset(packet + 6, 0, 6);
    if (!is_known || !is_four)
        return end;
    packet[7] = 1;
    memcpy(packet + end, four, sizeof four);
    return end + sizeof four;
}

static void *serve(void *data)
{
    (void)data;
    while (!atomic_load(&server_ends)) {
        unsigned char packet[600];
        struct sockaddr_storage peer;
        socklen_t length = sizeof peer;
        struct pollfd ready = { server_socket, POLLIN, 0 };
        if (poll(&ready, 1, 20) <= 0)
            continue;
        ssize_t n = recvfrom(server_socket, packet, 512, 0, (struct sockaddr *)&peer, &length);
        size_t size = n > 0 ? answer(packet, (size_t)n) : 0;
        if (size)
            (void)sendto(server_socket, packet, size, 0, (struct sockaddr *)&peer, length);
    }
    return NULL;
}

/* ---- asking it ---- */

static int look_up(const char *host)
{
    struct addrinfo *infos;
    int r = asyncio_loop_getaddrinfo(asyncio_get_running_loop(), host, "80", &infos,
                                     .type = SOCK_STREAM);
    if (r < 0)
        return r;
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)infos->ai_addr;
    CHECK_IS(infos->ai_family, AF_INET);
    CHECK_IS(ntohs(four->sin_port), 80);
    CHECK_IS(ntohl(four->sin_addr.s_addr), 0x7f000007);
    asyncio_freeaddrinfo(infos);
    return 0;
}

static int found_and_not(void *data)
{
    (void)data;
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_stream *stream;
    atomic_store(&questions, 0);
    CHECK_IS(look_up("one.test"), 0);
    CHECK(((struct net *)loop->net_floor)->names.cares != NULL);
    int asked = questions;
    CHECK(asked > 0);
    CHECK_IS(look_up("one.test"), 0); /* kept */
    CHECK_IS(questions, asked);
    CHECK_IS(look_up("none.test"), -ASYNCIO_RESOLVE);
    CHECK(strncmp(record_of(-ASYNCIO_RESOLVE)->text, "none.test: ", 11) == 0);
    CHECK_IS(asyncio_open_connection("one.test", 1, &stream), -ECONNREFUSED);
    CHECK_IS(asyncio_open_connection("none.test", 1, &stream), -ASYNCIO_RESOLVE);
    return 0;
}

static int never_answered(void *data)
{
    (void)data;
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_task *tasks[5];
    CHECK_IS(asyncio_loop_set_resolver(loop, .timeout = 0.2, .cache_size = 0), 0);
    for (int i = 0; i < 5; i++)
        START(tasks[i], look_up, i == 3 ? "one.test" : "slow.test");
    CHECK_IS(asyncio_sleep(0.02), 0);
    CHECK_IS(asyncio_task_cancel(tasks[0]), 1);
    for (int i = 0; i < 5; i++)
        CHECK_IS(join(tasks[i]), i == 0 ? -ECANCELED : i == 3 ? 0 : -ETIMEDOUT);
    /* at every turn */
    for (int turns = 0; turns < 8; turns++) {
        asyncio_task *task;
        START(task, look_up, "one.test");
        for (int k = 0; k < turns; k++)
            CHECK_IS(asyncio_sleep(0), 0);
        bool was_asked = asyncio_task_cancel(task) == 1;
        CHECK_IS(join(task), was_asked ? -ECANCELED : 0);
    }
    return 0;
}

static int left_behind(void *data)
{
    (void)data;
    asyncio_task *task;
    START(task, look_up, "slow.test");
    asyncio_task_unref(task);
    return asyncio_sleep(0.02);
}

static void test_cares(void **state)
{
    (void)state;
    static program *const programs[] = { found_and_not, never_answered, left_behind };
    struct sockaddr_in name = { .sin_family = AF_INET };
    socklen_t size = sizeof name;
    char servers[64];
    pthread_t thread;
    if (!asyncio__have_cares)
        skip();
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_return_code(bind(server_socket, (struct sockaddr *)&name, size), 0);
    assert_return_code(getsockname(server_socket, (struct sockaddr *)&name, &size), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
    snprintf(servers, sizeof servers, "127.0.0.1:%d", ntohs(name.sin_port));
    asyncio__cares_servers = servers;
    setenv("ASYNCIO_RESOLVER", "c-ares", 1);
    enter_world("plain", false, 0);
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        assert_int_equal(run_once(programs[i], NULL), 0);
    unsetenv("ASYNCIO_RESOLVER");
    atomic_store(&server_ends, true);
    pthread_join(thread, NULL);
    close(server_socket);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cares) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
