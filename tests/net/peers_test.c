/* SPDX-License-Identifier: MIT */
/* A server that gives one address no more than some connections: how addresses are told apart and
 * counted, and what becomes of who has enough. */
#include "net/net_test.h"

#include "net/peers.h"
#include "net/server.h"

#include <arpa/inet.h>

/* ---- counting ---- */

static struct sockaddr_storage named(const char *text)
{
    struct sockaddr_storage name = { .ss_family = strchr(text, ':') ? AF_INET6 : AF_INET };
    void *bytes = name.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&name)->sin_addr
                                            : (void *)&((struct sockaddr_in6 *)&name)->sin6_addr;
    assert_int_equal(inet_pton(name.ss_family, text, bytes), 1);
    return name;
}

static int add(struct peers *peers, const char *text, unsigned most, struct peer **ret_peer)
{
    struct sockaddr_storage name = named(text);
    return asyncio__peers_add(peers, &name, most, ret_peer);
}

static void test_who_is_one(void **state)
{
    static const struct {
        const char *one, *other;
        bool is_same;
    } pairs[] = {
        { "192.0.2.1", "192.0.2.1", true },
        { "192.0.2.1", "192.0.2.2", false },
        { "192.0.2.1", "::ffff:192.0.2.1", true },
        { "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
        { "2001:db8::1", "2001:db8::ffff:1:2:3", true },
        { "2001:db8:0:1::1", "2001:db8:0:2::1", false },
        { "fe80::1", "fe80::1", true },
        { "fe80::1", "fe80::2", false },
        { "::1", "::1", true },
        { "::1", "0.0.0.1", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct peers peers = { .count = 0 };
        struct peer *one, *other;
        assert_int_equal(add(&peers, pairs[i].one, 1, &one), 1);
        assert_non_null(one);
        assert_int_equal(add(&peers, pairs[i].other, 1, &other), !pairs[i].is_same);
        assert_int_equal(other == NULL, pairs[i].is_same);
        asyncio__peers_remove(&peers, one);
        asyncio__peers_remove(&peers, other);
        assert_int_equal(peers.count, 0);
        asyncio__peers_fini(&peers);
    }
}

static void test_limit(void **state)
{
    (void)state;
    struct peers peers = { .count = 0 };
    struct peer *entries[3], *none;
    for (int i = 0; i < 3; i++)
        assert_int_equal(add(&peers, "192.0.2.1", 3, &entries[i]), 1);
    assert_int_equal(add(&peers, "192.0.2.1", 3, &none), 0);
    assert_null(none);
    assert_int_equal(add(&peers, "192.0.2.1", 4, &none), 1);
    asyncio__peers_remove(&peers, none);
    asyncio__peers_remove(&peers, entries[0]);
    assert_int_equal(add(&peers, "192.0.2.1", 3, &entries[0]), 1);
    assert_int_equal(peers.count, 1);
    struct sockaddr_storage local = { .ss_family = AF_UNIX };
    assert_int_equal(asyncio__peers_add(&peers, &local, 1, &none), 1);
    assert_null(none);
    asyncio__peers_remove(&peers, none);
    for (int i = 0; i < 3; i++)
        asyncio__peers_remove(&peers, entries[i]);
    assert_int_equal(peers.count, 0);
    asyncio__peers_fini(&peers);
}

/* Rows grow; each entry is found again, and nothing is left. */
static void test_many(void **state)
{
    enum { MANY = 5000 };
    static struct peer *entries[MANY];
    (void)state;
    uint64_t live = asyncio__alloc_live();
    struct peers peers = { .count = 0 };
    struct peer *again;
    char text[48];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, i % 2 ? "10.%u.%u.1" : "2001:db8:%x:%x::1", i / 256, i % 256);
        assert_int_equal(add(&peers, text, 1, &entries[i]), 1);
    }
    assert_int_equal(peers.count, MANY);
    assert_true(peers.row_count >= MANY);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, i % 2 ? "10.%u.%u.1" : "2001:db8:%x:%x::1", i / 256, i % 256);
        assert_int_equal(add(&peers, text, 1, &again), 0);
        if (i % 3)
            continue;
        asyncio__peers_remove(&peers, entries[i]);
        assert_int_equal(add(&peers, text, 1, &entries[i]), 1);
    }
    for (unsigned i = 0; i < MANY; i++)
        asyncio__peers_remove(&peers, entries[i]);
    assert_int_equal(peers.count, 0);
    asyncio__peers_fini(&peers);
    assert_int_equal(asyncio__alloc_live(), live);
}

static void test_no_memory(void **state)
{
    (void)state;
    if (allocation_is_failing())
        return;
    struct peers peers = { .count = 0 };
    struct peer *entries[65], *none;
    char text[24];
    asyncio__alloc_fail_at(1, 0); /* no rows */
    assert_int_equal(add(&peers, "192.0.2.1", 1, &none), -ENOMEM);
    asyncio__alloc_fail_at(2, 0); /* no entry */
    assert_int_equal(add(&peers, "192.0.2.1", 1, &none), -ENOMEM);
    assert_null(none);
    asyncio__alloc_fail_at(0, 0);
    for (int i = 0; i < 65; i++) {
        if (i == 64)
            asyncio__alloc_fail_at(1, 0); /* no more rows: it goes on with those that are there */
        snprintf(text, sizeof text, "192.0.2.%d", i);
        assert_int_equal(add(&peers, text, 1, &entries[i]), 1);
    }
    asyncio__alloc_fail_at(0, 0);
    assert_int_equal(peers.row_count, 64);
    for (int i = 0; i < 65; i++)
        asyncio__peers_remove(&peers, entries[i]);
    asyncio__peers_fini(&peers);
}

/* ---- a server ---- */

enum { MOST = 2 };

static struct {
    unsigned now[3], all[3]; /* connections of 127.0.0.1 and 127.0.0.2, that a handler has */
    bool is_exceeded;
} handled;

static int stay(asyncio_stream *stream)
{
    char peer[64], byte;
    if (asyncio_stream_peername(stream, peer, sizeof peer) < 0 || strncmp(peer, "127.0.0.", 8) != 0)
        return 0;
    int who = peer[8] - '0';
    handled.all[who]++;
    handled.is_exceeded |= ++handled.now[who] > MOST;
    int r = asyncio_stream_write(stream, "!", 1);
    if (r >= 0)
        r = asyncio_stream_read(stream, &byte, 1);
    handled.now[who]--;
    return r == -ECONNRESET ? 0 : r;
}

/* 1: it was let in; 0: it was closed at once. */
static int visit(asyncio_server *server, const char *from, asyncio_stream **ret_stream)
{
    char byte;
    int r = asyncio_open_connection("127.0.0.1", asyncio_server_port(server), ret_stream,
                                    .local_addr = { from, 0 });
    if (r < 0)
        return r;
    r = asyncio_stream_read(*ret_stream, &byte, 1);
    if (r > 0)
        return 1;
    asyncio_stream_unref(*ret_stream);
    *ret_stream = NULL;
    return r == -ECONNRESET ? 0 : r;
}

static int served(void *data)
{
    asyncio_server *server;
    asyncio_stream *one[MOST + 1], *other[MOST + 1];
    (void)data;
    memset(&handled, 0, sizeof handled);
    CHECK_IS(asyncio_start_server(stay, "127.0.0.1", 0, &server,
                                  .max_connections_per_address = MOST), 0);
    for (int i = 0; i <= MOST; i++) {
        CHECK_IS(visit(server, "127.0.0.1", &one[i]), i < MOST);
        CHECK_IS(visit(server, "127.0.0.2", &other[i]), i < MOST);
    }
    CHECK_IS((long long)asyncio_server_connections(server), 2 * MOST);
    asyncio_stream_unref(one[0]); /* one goes: the next is let in */
    while (handled.now[1] == MOST)
        CHECK_IS(asyncio_sleep(0.001), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(visit(server, "127.0.0.1", &one[0]), 1);
    CHECK_IS(visit(server, "127.0.0.1", &one[MOST]), 0);
    CHECK_IS(handled.all[1], MOST + 1);
    CHECK_IS(handled.all[2], MOST);
    for (int i = 0; i < MOST; i++) {
        asyncio_stream_unref(one[i]);
        asyncio_stream_unref(other[i]);
    }
    CHECK(!handled.is_exceeded);
    CHECK_IS(reports.count, 0);
    return end_server(server);
}

/* Whatever fails meanwhile, nobody gets more, and who was counted is no longer when he has gone. */
static int seeded(void *data)
{
    enum { VISITS = 40 };
    asyncio_server *server;
    asyncio_stream *stream;
    (void)data;
    memset(&handled, 0, sizeof handled);
    int r = asyncio_start_server(stay, "127.0.0.1", 0, &server,
                                 .max_connections_per_address = MOST);
    if (r < 0)
        return world.is_seeded ? 0 : r;
    for (int i = 0, let_in = 0; i < VISITS || !let_in; i++) {
        CHECK(i < 50 * VISITS);
        let_in = visit(server, i % 2 ? "127.0.0.1" : "127.0.0.2", &stream) == 1;
        if (let_in)
            asyncio_stream_unref(stream);
        CHECK_IS(asyncio_sleep(i % 3 ? 0 : 0.05), 0);
    }
    CHECK(!handled.is_exceeded);
    return end_server(server);
}

static void test_server(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_int_equal(run_once(served, NULL), 0);
    enter_world("chopped", true, 0);
    assert_int_equal(run_once(served, NULL), 0);
    enter_world("plain", false, 0);
}

static void test_seeds(void **state)
{
    (void)state;
    run_everywhere(seeded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_one), cmocka_unit_test(test_limit),
        cmocka_unit_test(test_many),       cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_server),     cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
