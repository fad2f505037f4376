/* SPDX-License-Identifier: MIT */
/* Every allocation failed in turn, a cancellation at every turn and at every suspension, and in the
 * sim backend a hundred seeds, through everything the net floor offers. */
/* TEST: timeout 300; not allocations */
#include "net/net_test.h"

#include "support/sweep.h"

static int serve(asyncio_stream *stream)
{
    char line[256];
    int n;
    while ((n = asyncio_stream_readline(stream, line, sizeof line)) > 0)
        if ((n = asyncio_stream_write(stream, line, (size_t)n)) < 0)
            break;
    return n;
}

static int talk(asyncio_stream *stream)
{
    char line[256];
    const char *view;
    int r = asyncio_stream_write(stream, "first\nsecond\n", 13);
    if (r >= 0)
        r = asyncio_stream_readline(stream, line, sizeof line);
    if (r >= 0)
        r = asyncio_stream_readuntil_view(stream, "\n", 1, &view);
    if (r >= 0)
        r = asyncio_stream_write_nowait(stream, "third\n", 6);
    if (r >= 0)
        r = asyncio_stream_drain(stream);
    if (r >= 0)
        r = asyncio_stream_readexactly(stream, line, 6, NULL);
    if (r >= 0)
        r = asyncio_stream_write(stream, "four\nfive\n", 10);
    if (r >= 0)
        r = asyncio_stream_fill(stream, 5);
    if (r >= 0)
        asyncio_stream_consume(stream, 2);
    if (r >= 0)
        r = asyncio_stream_readuntil(stream, "ve\n", 3, line, sizeof line);
    if (r >= 0)
        r = asyncio_stream_write_eof(stream);
    if (r >= 0)
        r = asyncio_stream_read(stream, line, sizeof line);
    return r;
}

static int talk_to(const char *host, int port)
{
    asyncio_stream *stream;
    int r = asyncio_open_connection(host, port, &stream);
    if (r < 0)
        return r;
    r = talk(stream);
    asyncio_stream_close(stream);
    int closed = asyncio_stream_wait_closed(stream);
    asyncio_stream_unref(stream);
    return r < 0 ? r : closed;
}

/* What came in between ends by itself: nothing waits for it here, so that a failed allocation
 * anywhere is an error and no hang. */
static int conversation(const char *host)
{
    asyncio_server *server;
    int r = asyncio_start_server(serve, "127.0.0.1", 0, &server);
    if (r < 0)
        return r;
    r = talk_to(host, asyncio_server_port(server));
    asyncio_server_close(server);
    if (r < 0)
        asyncio_server_abort_clients(server);
    int closed = asyncio_server_wait_closed(server);
    asyncio_server_unref(server);
    return r < 0 ? r : closed;
}

static int literal(void)
{
    return conversation("127.0.0.1");
}

static int named(void)
{
    return conversation("localhost");
}

static int large_writer(asyncio_stream *stream)
{
    enum { SIZE = 3 << 20 };
    char *block = asyncio__calloc(1, SIZE);
    if (!block)
        return -ENOMEM;
    int r = asyncio_stream_write_nowait(stream, block, SIZE);
    if (r >= 0)
        r = asyncio_stream_write(stream, block, SIZE / 2);
    asyncio__free(block);
    return r;
}

static int read_everything(asyncio_stream *stream, size_t *total)
{
    char block[8192];
    int n;
    if ((n = asyncio_stream_fill(stream, 5000)) < 0)
        return n;
    while ((n = asyncio_stream_read(stream, block, sizeof block)) > 0)
        *total += (size_t)n;
    return n;
}

static int large(void)
{
    asyncio_server *server;
    asyncio_stream *stream;
    size_t total = 0;
    int r = asyncio_start_server(large_writer, "127.0.0.1", 0, &server, .max_connections = 1);
    if (r < 0)
        return r;
    r = asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream);
    if (r >= 0) {
        r = read_everything(stream, &total);
        asyncio_stream_unref(stream);
    }
    asyncio_server_close(server);
    asyncio_server_abort_clients(server);
    int closed = asyncio_server_wait_closed(server);
    asyncio_server_unref(server);
    if (r >= 0 && total != (3 << 20) + (3 << 19))
        r = -EIO; /* the handler found no memory */
    return r < 0 ? r : closed;
}

static void test_allocations(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_true(sweep_allocations("a conversation", literal) > 10);
    assert_true(sweep_allocations("much to write", large) > 10);
    if (world.is_sim) /* elsewhere threads of libc take part, and no two runs count alike */
        assert_true(sweep_allocations("a name", named) > 10);
}

static void test_cancellations(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_true(sweep_cancellations("a conversation", literal) > 10);
    if (!world.is_sim)
        return;
    assert_true(sweep_cancellations("a name", named) > 10);
    enter_world("chopped", true, 0);
    assert_true(sweep_cancellations("a conversation, chopped", literal) > 10);
    for (unsigned long seed = 1; seed <= 5; seed++) {
        enter_world("seeded", false, seed);
        assert_true(sweep_cancellations("a conversation, seeded", literal) > 10);
    }
}

static void test_suspensions(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_true(sweep_suspensions("a conversation", literal) > 20);
    if (!world.is_sim)
        return;
    assert_true(sweep_suspensions("a name", named) > 20);
    enter_world("chopped", true, 0);
    assert_true(sweep_suspensions("a conversation, chopped", literal) > 20);
    for (unsigned long seed = 1; seed <= 20; seed++) {
        enter_world("seeded", false, seed);
        assert_true(sweep_suspensions("a conversation, seeded", literal) > 20);
    }
}

/* ---- a hundred seeds ---- */

static int crowd(void *data)
{
    (void)data;
    enum { CLIENTS = 12 };
    asyncio_server *server;
    asyncio_task *clients[CLIENTS];
    CHECK_IS(asyncio_start_server(serve, "127.0.0.1", 0, &server, .max_connections = 5), 0);
    for (int i = 0; i < CLIENTS; i++)
        START(clients[i], talk_to, i % 2 ? "localhost" : "127.0.0.1", asyncio_server_port(server));
    for (int i = 0; i < CLIENTS; i++)
        CHECK_IS(join(clients[i]), 0);
    asyncio_server_close(server);
    CHECK_IS(asyncio_server_wait_closed(server), 0);
    asyncio_server_unref(server);
    return settle();
}

static int flood(void *data)
{
    (void)data;
    return large();
}

static void test_seeds(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    if (!world.is_sim)
        return;
    for (unsigned long seed = 1; seed <= 100; seed++) {
        enter_world("seeded", false, seed);
        assert_int_equal(run_once(crowd, NULL), 0);
        assert_int_equal(run_once(flood, NULL), 0);
    }
    print_message("sweep: 100 seeds\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_cancellations),
        cmocka_unit_test(test_suspensions),
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
