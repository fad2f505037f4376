/* SPDX-License-Identifier: MIT */
/* Servers: handlers, closing in all its ways, limits, errors, and many connections. */
/* TEST: timeout 90 */
#include "net/net_test.h"

#include "net/server.h"

static int local_server(asyncio_client_connected *handler, asyncio_server **ret_server, void *data)
{
    return asyncio_start_server(handler, "127.0.0.1", 0, ret_server, .data = data);
}

static int connect_to(asyncio_server *server, asyncio_stream **ret_stream)
{
    return asyncio_open_connection("127.0.0.1", asyncio_server_port(server), ret_stream);
}

/* Accepting may rest for a while when a seed has it fail; without memory who comes is dropped. */
static int accepted_by(asyncio_server *server, size_t count)
{
    for (int i = 0; i < 10000 && asyncio_server_connections(server) < count; i++)
        CHECK_IS(asyncio_sleep(0.001), 0);
    CHECK(asyncio_server_connections(server) >= count);
    return 0;
}

/* ---- many at once ---- */

static int ask(asyncio_server *server, int number)
{
    asyncio_stream *stream;
    int r = connect_to(server, &stream);
    if (r < 0)
        return r;
    char question[32], answer[32];
    int size = snprintf(question, sizeof question, "question %d", number);
    for (int i = 0; i < 5 && r >= 0; i++) {
        r = asyncio_stream_write(stream, question, (size_t)size);
        if (r >= 0)
            r = asyncio_stream_readexactly(stream, answer, (size_t)size, NULL);
        if (r >= 0 && memcmp(question, answer, (size_t)size) != 0)
            r = -EPROTO;
    }
    asyncio_stream_close(stream);
    if (r >= 0)
        r = asyncio_stream_wait_closed(stream);
    asyncio_stream_unref(stream);
    return r;
}

static int many_connections(void *data)
{
    (void)data;
    enum { CLIENTS = 150 };
    static asyncio_task *clients[CLIENTS];
    asyncio_server *server;
    CHECK_IS(asyncio_start_server(echo, "127.0.0.1", 0, &server, .backlog = CLIENTS), 0);
    CHECK(asyncio_server_port(server) > 0);
    CHECK_IS(asyncio_server_is_serving(server), 1);
    CHECK_IS((long long)asyncio_server_connections(server), 0);
    for (int i = 0; i < CLIENTS; i++)
        START(clients[i], ask, server, i);
    for (int i = 0; i < CLIENTS; i++)
        CHECK_IS(join(clients[i]), 0);
    asyncio_server_close(server);
    CHECK_IS(asyncio_server_is_serving(server), 0);
    CHECK_IS(asyncio_server_port(server), -ASYNCIO_INVALID_STATE);
    CHECK_IS(asyncio_server_wait_closed(server), 0);
    CHECK_IS((long long)asyncio_server_connections(server), 0);
    CHECK_IS(asyncio_server_wait_closed(server), 0);
    asyncio_server_close(server);
    asyncio_server_unref(server);
    return settle();
}

static void test_many(void **state)
{
    (void)state;
    run_everywhere(many_connections);
}

/* ---- handlers ---- */

static char handler_name[80], handler_peer[80], handler_sock[80];

static int look_around(asyncio_stream *stream)
{
    snprintf(handler_name, sizeof handler_name, "%s",
             asyncio_task_get_name(asyncio_current_task()));
    int r = asyncio_stream_peername(stream, handler_peer, sizeof handler_peer);
    if (r >= 0)
        r = asyncio_stream_sockname(stream, handler_sock, sizeof handler_sock);
    return r < 0 ? r : asyncio_stream_write(stream, "x", 1);
}

static int names(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream;
    char mine[80], peer[80], byte, expected[32];
    CHECK_IS(local_server((asyncio_client_connected *)(void *)look_around, &server, NULL), 0);
    snprintf(expected, sizeof expected, "127.0.0.1:%d", asyncio_server_port(server));
    CHECK_IS(connect_to(server, &stream), 0);
    CHECK_IS(asyncio_stream_sockname(stream, mine, sizeof mine), 0);
    CHECK_IS(asyncio_stream_peername(stream, peer, sizeof peer), 0);
    CHECK_IS(asyncio_stream_peername(stream, peer, strlen(expected)), -ENOSPC);
    CHECK_IS(asyncio_stream_peername(stream, peer, strlen(expected) + 1), 0);
    CHECK_IS(asyncio_stream_read(stream, &byte, 1), 1);
    CHECK(strcmp(peer, expected) == 0 && strcmp(handler_sock, expected) == 0);
    CHECK(strcmp(handler_peer, mine) == 0 && strcmp(handler_name, mine) == 0);
    asyncio_stream_unref(stream);
    return end_server(server);
}

static void test_names(void **state)
{
    (void)state;
    run_everywhere(names);
}

static int fails_with(asyncio_stream *stream, void *data)
{
    (void)stream;
    int code = *(int *)data;
    return code == -EDOM ? asyncio_raise(-EDOM, "out of my domain") : code;
}

static int handler_errors(void *data)
{
    (void)data;
    int codes[] = { -EDOM, -EPIPE, -ECANCELED, 0, 7 };
    for (int i = 0; i < 5; i++) {
        asyncio_server *server;
        asyncio_stream *stream;
        char byte;
        CHECK_IS(local_server(fails_with, &server, &codes[i]), 0);
        reports.count = 0;
        CHECK_IS(connect_to(server, &stream), 0);
        CHECK_IS(asyncio_stream_read(stream, &byte, 1), 0); /* closed all the same */
        CHECK_IS(settle(), 0);
        asyncio_stream_unref(stream);
        CHECK_IS(end_server(server), 0);
        if (world.is_seeded)
            continue; /* which reports failed accepts, too */
        CHECK_IS(reports.count, i < 2);
        if (i < 2) {
            CHECK_IS(reports.last, codes[i]);
            CHECK(strcmp(reports.message, "Unhandled exception in client_connected_cb") == 0);
        }
    }
    return 0;
}

static void test_handler_errors(void **state)
{
    (void)state;
    run_everywhere(handler_errors);
}

static int write_and_return(asyncio_stream *stream, void *data)
{
    size_t size = *(size_t *)data;
    char *block = malloc(size);
    memset(block, 'w', size);
    int r = asyncio_stream_write_nowait(stream, block, size);
    free(block);
    return r;
}

/* What a handler wrote goes out after its return, however slowly it is read. */
static int handlers_streams_are_flushed(void *data)
{
    (void)data;
    size_t size = world.is_chopped ? 20000 : 8000000;
    asyncio_server *server;
    asyncio_stream *stream;
    char *block = malloc(size + 1);
    CHECK_IS(local_server(write_and_return, &server, &size), 0);
    CHECK_IS(connect_to(server, &stream), 0);
    if (!world.is_chopped)
        CHECK_IS(accepted_by(server, 1), 0);
    char first;
    CHECK_IS(asyncio_stream_read(stream, &first, 1), 1);
    asyncio_server_close(server);
    CHECK_IS(asyncio_server_is_serving(server), 0);
    if (!world.is_chopped)
        CHECK_IS((long long)asyncio_server_connections(server), 1); /* flushing is being open */
    CHECK_IS(read_all(stream, block, size + 1), (int)size - 1);
    for (size_t i = 0; i < size - 1; i++)
        CHECK(block[i] == 'w');
    free(block);
    asyncio_stream_unref(stream);
    return end_server(server);
}

static void test_flush(void **state)
{
    (void)state;
    run_everywhere(handlers_streams_are_flushed);
}

/* ---- data and destroy ---- */

static int destroyed;

static void destroy(void *data)
{
    destroyed += *(int *)data;
}

static int wait_for_end(asyncio_stream *stream, void *data)
{
    (void)data;
    char byte;
    return asyncio_stream_read(stream, &byte, 1);
}

static int destroy_comes_once_and_last(void *data)
{
    (void)data;
    int one = 1;
    asyncio_server *server;
    asyncio_stream *stream;
    destroyed = 0;
    CHECK_IS(asyncio_start_server(wait_for_end, "127.0.0.1", 0, &server, .data = &one,
                                  .destroy = destroy),
             0);
    CHECK_IS(connect_to(server, &stream), 0);
    CHECK_IS(accepted_by(server, 1), 0);
    CHECK(asyncio_server_ref(server) == server);
    asyncio_server_unref(server);
    asyncio_server_unref(server); /* the last: closed, but its connection lives */
    CHECK_IS(settle(), 0);
    CHECK_IS(destroyed, 0);
    asyncio_stream_unref(stream);
    CHECK_IS(settle(), 0);
    for (int i = 0; i < 100 && !destroyed; i++)
        CHECK_IS(settle(), 0);
    CHECK_IS(destroyed, 1);
    CHECK(asyncio_server_ref(NULL) == NULL);
    asyncio_server_unref(NULL);
    return 0;
}

static void test_destroy(void **state)
{
    (void)state;
    run_everywhere(destroy_comes_once_and_last);
}

/* ---- serve_forever ---- */

static int serve(asyncio_server *server)
{
    return asyncio_server_serve_forever(server);
}

static int serving(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream;
    asyncio_task *first, *second;
    CHECK_IS(local_server((asyncio_client_connected *)(void *)echo, &server, NULL), 0);
    START(first, serve, server);
    CHECK_IS(asyncio_sleep(0), 0);
    START(second, serve, server);
    CHECK_IS(join(second), -ASYNCIO_INVALID_STATE);
    CHECK_IS(connect_to(server, &stream), 0);
    CHECK_IS(accepted_by(server, 1), 0);
    CHECK_IS(asyncio_task_cancel(first), 1);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(first), 0); /* waits for the connection */
    CHECK_IS(asyncio_server_is_serving(server), 0);
    asyncio_stream_unref(stream);
    CHECK_IS(join(first), -ECANCELED);
    CHECK_IS(asyncio_server_serve_forever(server), -ASYNCIO_INVALID_STATE);
    asyncio_server_unref(server);
    /* closed from elsewhere */
    CHECK_IS(local_server((asyncio_client_connected *)(void *)echo, &server, NULL), 0);
    START(first, serve, server);
    CHECK_IS(asyncio_sleep(0), 0);
    asyncio_server_close(server);
    CHECK_IS(join(first), -ECANCELED);
    asyncio_server_unref(server);
    /* a second cancellation does not wait for the connections */
    CHECK_IS(local_server((asyncio_client_connected *)(void *)echo, &server, NULL), 0);
    CHECK_IS(connect_to(server, &stream), 0);
    CHECK_IS(accepted_by(server, 1), 0);
    START(first, serve, server);
    CHECK_IS(asyncio_sleep(0), 0);
    asyncio_task_cancel(first);
    CHECK_IS(settle(), 0);
    asyncio_task_cancel(first);
    CHECK_IS(join(first), -ECANCELED);
    asyncio_stream_unref(stream);
    return end_server(server);
}

static void test_serve_forever(void **state)
{
    (void)state;
    run_everywhere(serving);
}

/* ---- ending connections ---- */

static int wait_closed(asyncio_server *server)
{
    return asyncio_server_wait_closed(server);
}

static int wait_closed_waits(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream;
    asyncio_task *waiters[2], *cancelled;
    CHECK_IS(local_server((asyncio_client_connected *)(void *)echo, &server, NULL), 0);
    CHECK_IS(connect_to(server, &stream), 0);
    for (int i = 0; i < 2; i++)
        START(waiters[i], wait_closed, server);
    START(cancelled, wait_closed, server);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_cancel(cancelled), 1);
    CHECK_IS(join(cancelled), -ECANCELED);
    CHECK_IS(accepted_by(server, 1), 0);
    asyncio_server_close(server);
    CHECK_IS(settle(), 0);
    for (int i = 0; i < 2; i++)
        CHECK_IS(asyncio_task_done(waiters[i]), 0); /* closed, but not over */
    asyncio_stream_unref(stream);
    for (int i = 0; i < 2; i++)
        CHECK_IS(join(waiters[i]), 0);
    asyncio_server_unref(server);
    return settle();
}

static void test_wait_closed(void **state)
{
    (void)state;
    run_everywhere(wait_closed_waits);
}

static int ends_clients(bool abort)
{
    enum { CLIENTS = 5 };
    asyncio_server *server;
    asyncio_stream *streams[CLIENTS];
    char byte;
    CHECK_IS(local_server((asyncio_client_connected *)(void *)echo, &server, NULL), 0);
    for (int i = 0; i < CLIENTS; i++)
        CHECK_IS(connect_to(server, &streams[i]), 0);
    CHECK_IS(accepted_by(server, CLIENTS), 0);
    CHECK_IS(settle(), 0);
    if (abort)
        asyncio_server_abort_clients(server);
    else
        asyncio_server_close_clients(server);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_IS(asyncio_stream_read(streams[i], &byte, 1), abort ? -ECONNRESET : 0);
        asyncio_stream_unref(streams[i]);
    }
    CHECK_IS(asyncio_server_is_serving(server), 1);
    CHECK_IS(end_server(server), 0);
    return 0;
}

static int close_and_abort_clients(void *data)
{
    (void)data;
    int r = ends_clients(false);
    return r < 0 ? r : ends_clients(true);
}

static int writes_into_the_void(asyncio_stream *stream, void *data)
{
    static char block[1 << 20];
    int r = 0;
    while (r >= 0)
        r = asyncio_stream_write(stream, block, sizeof block);
    ++*(int *)data;
    return r == -ECONNRESET || r == -EPIPE ? 0 : r;
}

static int abort_frees_a_stuck_handler(void *data)
{
    (void)data;
    int ended = 0;
    asyncio_server *server;
    asyncio_stream *stream;
    if (world.is_chopped)
        return 0;
    CHECK_IS(local_server(writes_into_the_void, &server, &ended), 0);
    CHECK_IS(connect_to(server, &stream), 0);
    CHECK_IS(accepted_by(server, 1), 0);
    CHECK_IS(settle(), 0);
    asyncio_server_close(server);
    asyncio_server_close_clients(server); /* flushes for ever: nobody reads */
    CHECK_IS(settle(), 0);
    CHECK_IS((long long)asyncio_server_connections(server), 1);
    asyncio_server_abort_clients(server);
    CHECK_IS(asyncio_server_wait_closed(server), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(ended, 1);
    asyncio_stream_unref(stream);
    asyncio_server_unref(server);
    return 0;
}

static void test_end_clients(void **state)
{
    (void)state;
    run_everywhere(close_and_abort_clients);
    run_everywhere(abort_frees_a_stuck_handler);
}

/* ---- limits ---- */

static int count_and_wait(asyncio_stream *stream, void *data)
{
    unsigned *counts = data;
    char byte;
    counts[0]++;
    if (counts[0] > counts[1])
        counts[1] = counts[0];
    counts[2]++;
    int r = asyncio_stream_read(stream, &byte, 1);
    counts[0]--;
    return r;
}

static int max_connections(void *data)
{
    (void)data;
    enum { CLIENTS = 9, MOST = 3 };
    unsigned counts[3] = { 0 };
    asyncio_server *server;
    asyncio_stream *streams[CLIENTS];
    CHECK_IS(asyncio_start_server(count_and_wait, "127.0.0.1", 0, &server, .data = counts,
                                  .max_connections = MOST), 0);
    for (int i = 0; i < CLIENTS; i++)
        CHECK_IS(connect_to(server, &streams[i]), 0);
    int sleeps = 0;
    while (counts[2] < MOST)
        CHECK(++sleeps < 1000 && asyncio_sleep(0.01) == 0);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_IS(settle(), 0);
        CHECK(asyncio_server_connections(server) <= MOST);
        asyncio_stream_close(streams[i]);
        while (counts[2] < CLIENTS && counts[2] < MOST + 1 + (unsigned)i)
            CHECK(++sleeps < 1000 && asyncio_sleep(0.01) == 0); /* the next one gets its turn */
    }
    CHECK_IS(counts[1], MOST);
    CHECK_IS(counts[2], CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        asyncio_stream_unref(streams[i]);
    return end_server(server);
}

/* Closed while it is full: who waits in the queue is let go. */
static int close_when_full(void *data)
{
    (void)data;
    unsigned counts[3] = { 0 };
    asyncio_server *server;
    asyncio_stream *streams[4];
    CHECK_IS(asyncio_start_server(count_and_wait, "127.0.0.1", 0, &server, .data = counts,
                                  .max_connections = 1), 0);
    for (int i = 0; i < 4; i++)
        CHECK_IS(connect_to(server, &streams[i]), 0);
    CHECK_IS(accepted_by(server, 1), 0);
    CHECK_IS(settle(), 0);
    asyncio_server_close(server);
    asyncio_server_abort_clients(server);
    CHECK_IS(asyncio_server_wait_closed(server), 0);
    CHECK_IS(counts[2], 1);
    for (int i = 0; i < 4; i++) {
        char byte;
        CHECK(asyncio_stream_read(streams[i], &byte, 1) <= 0);
        asyncio_stream_unref(streams[i]);
    }
    asyncio_server_unref(server);
    return settle();
}

static void test_max_connections(void **state)
{
    (void)state;
    run_everywhere(max_connections);
    run_everywhere(close_when_full);
}

/* ---- listening ---- */

static int bad_arguments(void *data)
{
    (void)data;
    asyncio_server *server, *other;
    CHECK_IS(asyncio_start_server(echo, "127.0.0.1", 65536, &server), -EINVAL);
    CHECK_IS(asyncio_start_server(echo, "127.0.0.1", -1, &server), -EINVAL);
    CHECK_IS(asyncio_start_server(echo, "127.0.0.1", 0, &server, .limit = 0), -EINVAL);
    CHECK_IS(asyncio_start_server(echo, "127.0.0.1", 0, &server, .family = 99), -EINVAL);
    CHECK_IS(asyncio_start_server(echo, "127.0.0.1", 0, &server, .family = AF_INET6),
             -ASYNCIO_RESOLVE);
    CHECK_IS((asyncio_start_server)(NULL, "127.0.0.1", 0, &server, NULL), -EINVAL);
    CHECK_IS((asyncio_start_server)((asyncio_client_connected *)(void *)echo, "127.0.0.1", 0,
                                    &server, NULL),
             0);
    int r = asyncio_start_server(echo, "127.0.0.1", asyncio_server_port(server), &other);
    CHECK_IS(r, -EADDRINUSE);
    CHECK(asyncio_last_error(r) && strstr(asyncio_last_error(r)->text, "127.0.0.1:"));
    r = asyncio_start_server(echo, "192.0.2.1", 0, &other);
    CHECK_IS(r, -EADDRNOTAVAIL);
    CHECK(asyncio_last_error(r) && strstr(asyncio_last_error(r)->text, "192.0.2.1:0"));
    return end_server(server);
}

static int all_interfaces(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *stream;
    const char *hosts[] = { NULL, "" };
    for (int i = 0; i < 2; i++) {
        CHECK_IS(asyncio_start_server(echo, hosts[i], 0, &server), 0);
        CHECK_IS(connect_to(server, &stream), 0);
        asyncio_stream_unref(stream);
        if (server->listener_count == 2) { /* and the same port on IPv6 */
            CHECK_IS(asyncio_open_connection("::1", asyncio_server_port(server), &stream), 0);
            char name[80];
            CHECK_IS(asyncio_stream_peername(stream, name, sizeof name), 0);
            CHECK(strncmp(name, "[::1]:", 6) == 0);
            asyncio_stream_unref(stream);
        }
        CHECK_IS(end_server(server), 0);
    }
    CHECK_IS(asyncio_start_server(echo, NULL, 0, &server, .family = AF_INET), 0);
    CHECK_IS(server->listener_count, 1);
    return end_server(server);
}

static void test_listening(void **state)
{
    (void)state;
    run_everywhere(bad_arguments);
    run_everywhere(all_interfaces);
}

/* ---- context ---- */

static asyncio_context_var variable = ASYNCIO_CONTEXT_VAR("variable");
static void *seen;

static int look_at_context(asyncio_stream *stream)
{
    (void)stream;
    seen = NULL;
    return asyncio_context_var_get(&variable, &seen);
}

static int handlers_inherit_the_context(void *data)
{
    (void)data;
    int value;
    char byte;
    asyncio_server *server;
    asyncio_stream *stream;
    CHECK_IS(asyncio_context_var_set(&variable, &value, NULL), 0);
    CHECK_IS(asyncio_start_server(look_at_context, "127.0.0.1", 0, &server), 0);
    CHECK_IS(asyncio_context_var_set(&variable, NULL, NULL), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_IS(connect_to(server, &stream), 0);
        CHECK_IS(asyncio_stream_read(stream, &byte, 1), 0);
        CHECK(seen == &value);
        asyncio_stream_unref(stream);
    }
    return end_server(server);
}

static void test_context(void **state)
{
    (void)state;
    run_everywhere(handlers_inherit_the_context);
}

/* ---- left open: the loop's end ends it ---- */

static int leaves_all_open(void *data)
{
    (void)data;
    static char block[1 << 20];
    asyncio_server *server;
    asyncio_stream *stream, *writer;
    CHECK_IS(local_server((asyncio_client_connected *)(void *)echo, &server, NULL), 0);
    CHECK_IS(connect_to(server, &stream), 0);
    CHECK_IS(connect_to(server, &writer), 0);
    CHECK_IS(asyncio_stream_write_nowait(writer, block, world.is_chopped ? 1000 : sizeof block), 0);
    /* flushes in the background, to who is cancelled before he has read it */
    asyncio_stream_unref(writer);
    CHECK_IS(asyncio_sleep(0), 0);
    asyncio_stream_unref(stream);
    asyncio_server_unref(server);
    return 0;
}

static asyncio_stream *survivor;
static asyncio_server *surviving_server;

static int objects_outlive_the_loop(void *data)
{
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_report, NULL);
    CHECK_IS(local_server((asyncio_client_connected *)(void *)echo, &surviving_server, NULL), 0);
    CHECK_IS(connect_to(surviving_server, &survivor), 0);
    CHECK_IS(asyncio_stream_write(survivor, "abc", 3), 0);
    return settle();
}

static int survive(void)
{
    int r = asyncio_run(asyncio_coro(objects_outlive_the_loop, NULL));
    char text[8];
    const char *view = NULL;
    CHECK_IS(r, 0);
    CHECK_IS(asyncio_stream_is_closing(survivor), 1);
    CHECK_IS(asyncio_stream_read(survivor, text, 8), -ECONNRESET);
    CHECK_IS(asyncio_stream_write_nowait(survivor, text, 8), -ECONNRESET);
    CHECK_IS((long long)asyncio_stream_peek(survivor, &view), 0);
    CHECK(view && !*view);
    asyncio_stream_consume(survivor, 1);
    asyncio_stream_close(survivor);
    asyncio_stream_abort(survivor);
    CHECK_IS(asyncio_stream_set_write_buffer_limits(survivor, 2, 1), 0);
    asyncio_stream_unref(survivor);
    CHECK_IS(asyncio_server_is_serving(surviving_server), 0);
    asyncio_server_close(surviving_server);
    asyncio_server_close_clients(surviving_server);
    asyncio_server_abort_clients(surviving_server);
    CHECK_IS((long long)asyncio_server_connections(surviving_server), 0);
    asyncio_server_unref(surviving_server);
    return 0;
}

static void test_left_open(void **state)
{
    (void)state;
    run_everywhere(leaves_all_open);
    for (unsigned long seed = 0; seed < SEEDS; seed++) {
        enter_world("seeded", false, seed);
        uint64_t live = asyncio__alloc_live();
        int descriptors = count_descriptors();
        assert_int_equal(survive(), 0);
        assert_int_equal(asyncio__alloc_live(), live);
        assert_int_equal(count_descriptors(), descriptors);
    }
}

/* ---- a peer that never reads does not keep the program ---- */

static int write_much_and_close(void *data)
{
    (void)data;
    static char block[1 << 20];
    asyncio_server *server;
    asyncio_stream *stream;
    CHECK_IS(local_server(wait_for_end, &server, NULL), 0);
    CHECK_IS(connect_to(server, &stream), 0);
    for (int i = 0; i < 8; i++)
        CHECK_IS(asyncio_stream_write_nowait(stream, block, sizeof block), 0);
    asyncio_stream_unref(stream);
    asyncio_server_unref(server);
    return 0;
}

static void test_deaf_peer(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(run_once(write_much_and_close, NULL), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(after.tv_sec - before.tv_sec < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),          cmocka_unit_test(test_names),
        cmocka_unit_test(test_handler_errors), cmocka_unit_test(test_flush),
        cmocka_unit_test(test_destroy),       cmocka_unit_test(test_serve_forever),
        cmocka_unit_test(test_wait_closed),   cmocka_unit_test(test_end_clients),
        cmocka_unit_test(test_max_connections), cmocka_unit_test(test_listening),
        cmocka_unit_test(test_context),       cmocka_unit_test(test_left_open),
        cmocka_unit_test(test_deaf_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
