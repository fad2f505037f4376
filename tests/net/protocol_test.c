/* SPDX-License-Identifier: MIT */
/* Transports and protocols: the order of calls, pausing both ways, the end in all its forms, TLS
 * beneath, and misuse. */
/* TEST: timeout 120 */
#include "net/protocol_test.h"

/* ---- a protocol that writes down what happens to it ---- */

struct peer {
    asyncio_protocol protocol;       /* first */
    asyncio_transport *transport;    /* held */
    char log[512];
    char data[256];
    size_t size, total;
    int error, lost, destroyed, stays_open;
    asyncio_future *gone;            /* done when it is lost */
    asyncio_future *told;            /* done when the log gets the letter `tell_at` */
    char tell_at;
    char room[7];                    /* of a buffered one */
    void (*on_data)(struct peer *peer);
};

static struct peer *peer_of(asyncio_protocol *protocol)
{
    return (struct peer *)(void *)protocol;
}

static void note(struct peer *peer, char what)
{
    size_t length = strlen(peer->log);
    if (length + 1 < sizeof peer->log && (what != 'd' || !length || peer->log[length - 1] != 'd'))
        peer->log[length] = what;
    if (peer->told && what == peer->tell_at && !asyncio_future_done(peer->told))
        asyncio_future_set_result(peer->told, 0);
}

static void made(asyncio_protocol *protocol, asyncio_transport *transport)
{
    struct peer *peer = peer_of(protocol);
    peer->transport = asyncio_transport_ref(transport);
    note(peer, 'm');
}

static void received(asyncio_protocol *protocol, const void *data, size_t size)
{
    struct peer *peer = peer_of(protocol);
    size_t room = sizeof peer->data - 1 - peer->size, n = size < room ? size : room;
    memcpy(peer->data + peer->size, data, n);
    peer->size += n;
    peer->total += size;
    note(peer, 'd');
    if (peer->on_data)
        peer->on_data(peer);
}

static size_t get_buffer(asyncio_protocol *protocol, size_t hint, void **ret_buffer)
{
    struct peer *peer = peer_of(protocol);
    note(peer, 'b');
    *ret_buffer = peer->room;
    return hint ? sizeof peer->room : 0;
}

static void buffer_updated(asyncio_protocol *protocol, size_t size)
{
    received(protocol, peer_of(protocol)->room, size);
}

static int eof_received(asyncio_protocol *protocol)
{
    note(peer_of(protocol), 'e');
    return peer_of(protocol)->stays_open;
}

static void lost(asyncio_protocol *protocol, int error)
{
    struct peer *peer = peer_of(protocol);
    peer->error = error;
    peer->lost++;
    note(peer, 'l');
    if (peer->gone && !asyncio_future_done(peer->gone))
        asyncio_future_set_result(peer->gone, 0);
}

static void pause_writing(asyncio_protocol *protocol)
{
    note(peer_of(protocol), 'p');
}

static void resume_writing(asyncio_protocol *protocol)
{
    note(peer_of(protocol), 'r');
}

static void destroy(asyncio_protocol *protocol)
{
    struct peer *peer = peer_of(protocol);
    peer->destroyed++;
    asyncio_transport_unref(peer->transport);
    peer->transport = NULL;
}

static const asyncio_protocol_methods plain = { .connection_made = made,
                                                .data_received = received,
                                                .eof_received = eof_received,
                                                .connection_lost = lost,
                                                .pause_writing = pause_writing,
                                                .resume_writing = resume_writing,
                                                .destroy = destroy };
static const asyncio_protocol_methods buffered = { .connection_made = made,
                                                   .get_buffer = get_buffer,
                                                   .buffer_updated = buffer_updated,
                                                   .eof_received = eof_received,
                                                   .connection_lost = lost,
                                                   .destroy = destroy };

static asyncio_protocol *give_peer(void *data)
{
    return &((struct peer *)data)->protocol;
}

/* ---- two of them, connected ---- */

struct two {
    asyncio_server *server;
    struct peer a, b;                /* who connected, who was accepted */
    asyncio_ssl_context *server_side, *client_side;
};

static int peer_init(struct peer *peer, const asyncio_protocol_methods *methods)
{
    *peer = (struct peer){ .protocol = { methods } };
    int r = asyncio_future_new(&peer->gone);
    return r < 0 ? r : asyncio_future_new(&peer->told);
}

static int await_letter(struct peer *peer, char letter)
{
    if (strchr(peer->log, letter))
        return 0;
    asyncio_future_unref(peer->told);
    int r = asyncio_future_new(&peer->told);
    peer->tell_at = letter;
    /* without memory a server drops a connection: then nobody tells */
    return r < 0 ? r : asyncio_wait_for(peer->told, 60.0);
}

static int open_two(struct two *two, const asyncio_protocol_methods *methods, bool is_tls)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    *two = (struct two){ .server = NULL };
    CHECK_IS(peer_init(&two->a, methods), 0);
    CHECK_IS(peer_init(&two->b, methods), 0);
    if (is_tls) {
        CHECK_IS(server_context(certificates()->server, &two->server_side), 0);
        CHECK_IS(client_context(&two->client_side), 0);
    }
    CHECK_IS(asyncio_loop_create_server(loop, give_peer, "127.0.0.1", 0, &two->server,
                                        .data = &two->b, .ssl = two->server_side),
             0);
    CHECK_IS(asyncio_loop_create_connection(loop, give_peer, "127.0.0.1",
                                            asyncio_server_port(two->server), NULL,
                                            .data = &two->a, .ssl = two->client_side),
             0);
    CHECK(strcmp(two->a.log, "m") == 0);
    int r = await_letter(&two->b, 'm');
    CHECK(two->a.transport); /* a server without memory drops it */
    return r;
}

static int close_two(struct two *two)
{
    CHECK_IS(asyncio_await(two->a.gone), 0);
    CHECK_IS(asyncio_await(two->b.gone), 0);
    asyncio_server_close(two->server);
    CHECK_IS(asyncio_server_wait_closed(two->server), 0);
    CHECK_IS(settle(), 0);
    CHECK(asyncio_server_connections(two->server) == 0);
    asyncio_server_unref(two->server);
    struct peer *peers[] = { &two->a, &two->b };
    for (int i = 0; i < 2; i++) {
        CHECK_IS(peers[i]->lost, 1);
        CHECK_IS(peers[i]->destroyed, 1);
        CHECK(peers[i]->log[0] == 'm' && peers[i]->log[strlen(peers[i]->log) - 1] == 'l');
        asyncio_future_unref(peers[i]->gone);
        asyncio_future_unref(peers[i]->told);
    }
    asyncio_ssl_context_unref(two->server_side);
    asyncio_ssl_context_unref(two->client_side);
    return 0;
}

static void echo_back(struct peer *peer)
{
    if (asyncio_transport_write(peer->transport, peer->data, peer->size) < 0)
        asyncio_transport_abort(peer->transport); /* or the other side would wait for it */
    peer->size = 0;
}

static int wait_for_total(struct peer *peer, size_t total)
{
    int r = 0;
    while (r >= 0 && peer->total < total && !peer->lost)
        r = asyncio_sleep(0.001);
    return r;
}

static int conversation(bool is_tls, const asyncio_protocol_methods *methods)
{
    struct two two;
    char text[64];
    CHECK_IS(open_two(&two, methods, is_tls), 0);
    two.b.on_data = echo_back;
    CHECK(asyncio_transport_get_protocol(two.a.transport) == &two.a.protocol);
    CHECK(asyncio_transport_get_extra_info(two.a.transport, "peername", text, sizeof text) > 10);
    CHECK(asyncio_transport_get_extra_info(two.a.transport, "cipher", text, sizeof text) ==
              -ENOENT ||
          is_tls);
    CHECK_IS(asyncio_transport_is_reading(two.a.transport), 1);
    CHECK_IS(asyncio_transport_can_write_eof(two.a.transport), !is_tls);
    struct iovec pieces[] = { { (void *)(uintptr_t)"hello, ", 7 },
                              { (void *)(uintptr_t)"world", 5 } };
    CHECK_IS(asyncio_transport_writelines(two.a.transport, pieces, 2), 0);
    CHECK_IS(wait_for_total(&two.a, 12), 0);
    CHECK(two.a.size == 12 && memcmp(two.a.data, "hello, world", 12) == 0);
    asyncio_transport_close(two.a.transport);
    CHECK_IS(asyncio_transport_is_closing(two.a.transport), 1);
    CHECK_IS(asyncio_transport_is_reading(two.a.transport), 0);
    CHECK_IS(asyncio_transport_write(two.a.transport, "x", 1), -ECONNRESET);
    CHECK_IS(two.a.lost, 0); /* never from inside a call */
    CHECK_IS(asyncio_await(two.a.gone), 0);
    CHECK_IS(asyncio_await(two.b.gone), 0);
    CHECK_IS(two.a.error, 0);
    CHECK_IS(two.b.error, 0);
    CHECK(strchr(two.b.log, 'e'));
    return close_two(&two);
}

static int plain_conversation(void *data)
{
    (void)data;
    return conversation(false, &plain);
}

static int buffered_conversation(void *data)
{
    (void)data;
    return conversation(false, &buffered);
}

static int tls_conversation(void *data)
{
    (void)data;
    return conversation(true, &plain);
}

static void test_conversation(void **state)
{
    (void)state;
    run_everywhere(plain_conversation);
}

static void test_buffered(void **state)
{
    (void)state;
    run_everywhere(buffered_conversation);
}

static void test_tls(void **state)
{
    (void)state;
    run_everywhere(tls_conversation);
}

/* ---- flow control ---- */

static int flow(bool is_tls)
{
    struct two two;
    static char block[16 << 20];
    CHECK_IS(open_two(&two, &plain, is_tls), 0);
    size_t low, high, size = world.is_chopped ? 100000 : sizeof block;
    asyncio_transport_get_write_buffer_limits(two.a.transport, &low, &high);
    CHECK(high == 65536 && low == 16384);
    CHECK_IS(asyncio_transport_set_write_buffer_limits(two.a.transport, 1, 2), -EINVAL);
    CHECK_IS(asyncio_transport_set_write_buffer_limits(two.a.transport, 30000, 10000), 0);
    asyncio_transport_pause_reading(two.b.transport);
    asyncio_transport_pause_reading(two.b.transport);
    CHECK_IS(asyncio_transport_is_reading(two.b.transport), 0);
    CHECK_IS(asyncio_transport_write(two.a.transport, block, size), 0);
    CHECK(strcmp(two.a.log, "mp") == 0); /* from inside of write */
    CHECK_IS(asyncio_transport_write(two.a.transport, "x", 1), 0);
    CHECK(strcmp(two.a.log, "mp") == 0); /* not twice */
    CHECK_IS(settle(), 0);
    CHECK(two.b.total == 0); /* it reads nothing that is not wanted */
    CHECK(asyncio_transport_get_write_buffer_size(two.a.transport) > 30000 || world.is_chopped);
    asyncio_transport_resume_reading(two.b.transport);
    asyncio_transport_resume_reading(two.b.transport);
    CHECK_IS(await_letter(&two.a, 'r'), 0);
    CHECK(strcmp(two.a.log, "mpr") == 0);
    CHECK(asyncio_transport_get_write_buffer_size(two.a.transport) <= 10000);
    asyncio_transport_close(two.a.transport);
    CHECK_IS(asyncio_await(two.b.gone), 0);
    CHECK(two.b.total == size + 1);
    CHECK(strcmp(two.b.log, "mdel") == 0);
    return close_two(&two);
}

static int plain_flow(void *data)
{
    (void)data;
    return flow(false);
}

static int tls_flow(void *data)
{
    (void)data;
    return flow(true);
}

static void test_flow(void **state)
{
    (void)state;
    run_everywhere(plain_flow);
}

static void test_tls_flow(void **state)
{
    (void)state;
    run_everywhere(tls_flow);
}

/* Marks of 0: every stored byte pauses; marks that come down under what is stored pause at once. */
static int marks(void *data)
{
    (void)data;
    struct two two;
    static char block[16 << 20];
    if (world.is_chopped)
        return 0; /* byte by byte it is all on its way at once, or never done */
    size_t size = sizeof block;
    CHECK_IS(open_two(&two, &plain, false), 0);
    CHECK_IS(asyncio_transport_set_write_buffer_limits(two.a.transport, SIZE_MAX, 0), 0);
    asyncio_transport_pause_reading(two.b.transport);
    CHECK_IS(asyncio_transport_write(two.a.transport, block, size), 0);
    CHECK(strcmp(two.a.log, "m") == 0);
    CHECK_IS(asyncio_transport_set_write_buffer_limits(two.a.transport, 0, 0), 0);
    CHECK(strcmp(two.a.log, "mp") == 0);
    asyncio_transport_resume_reading(two.b.transport);
    CHECK_IS(await_letter(&two.a, 'r'), 0);
    CHECK(asyncio_transport_get_write_buffer_size(two.a.transport) == 0);
    asyncio_transport_abort(two.a.transport);
    CHECK_IS(asyncio_await(two.a.gone), 0);
    CHECK_IS(two.a.error, 0);
    return close_two(&two);
}

static void test_marks(void **state)
{
    (void)state;
    run_everywhere(marks);
}

static void pause_after_data(struct peer *peer)
{
    asyncio_transport_pause_reading(peer->transport);
}

/* Paused from inside of data_received, and what came meanwhile is not lost. */
static int pause_inside(const asyncio_protocol_methods *methods)
{
    struct two two;
    CHECK_IS(open_two(&two, methods, false), 0);
    two.b.on_data = pause_after_data;
    CHECK_IS(asyncio_transport_write(two.a.transport, "one two three", 13), 0);
    while (two.b.total < 13) {
        CHECK_IS(wait_for_total(&two.b, 1), 0);
        size_t before = two.b.total;
        CHECK_IS(settle(), 0);
        CHECK(two.b.total == before);
        asyncio_transport_resume_reading(two.b.transport);
        if (before < 13)
            CHECK_IS(wait_for_total(&two.b, before + 1), 0);
    }
    CHECK(memcmp(two.b.data, "one two three", 13) == 0);
    asyncio_transport_resume_reading(two.b.transport);
    asyncio_transport_abort(two.a.transport);
    return close_two(&two);
}

static int plain_pause(void *data)
{
    (void)data;
    return pause_inside(&plain);
}

static int buffered_pause(void *data)
{
    (void)data;
    return pause_inside(&buffered);
}

static void test_pause_inside(void **state)
{
    (void)state;
    run_everywhere(plain_pause);
    run_everywhere(buffered_pause);
}

/* ---- the end ---- */

static int half_close(void *data)
{
    (void)data;
    struct two two;
    CHECK_IS(open_two(&two, &plain, false), 0);
    two.b.stays_open = 1;
    CHECK_IS(asyncio_transport_write(two.a.transport, "question", 8), 0);
    CHECK_IS(asyncio_transport_write_eof(two.a.transport), 0);
    CHECK_IS(asyncio_transport_write_eof(two.a.transport), 0);
    CHECK_IS(asyncio_transport_write(two.a.transport, "x", 1), -EPIPE);
    CHECK_IS(await_letter(&two.b, 'e'), 0);
    CHECK(two.b.total == 8);
    CHECK_IS(asyncio_transport_is_closing(two.b.transport), 0);
    CHECK_IS(asyncio_transport_write(two.b.transport, "answer", 6), 0);
    asyncio_transport_close(two.b.transport);
    CHECK_IS(asyncio_await(two.a.gone), 0);
    CHECK(two.a.total == 6 && strcmp(two.a.log, "mdel") == 0);
    CHECK(strcmp(two.b.log, "mdel") == 0);
    return close_two(&two);
}

static void test_half_close(void **state)
{
    (void)state;
    run_everywhere(half_close);
}

static int reset(void *data)
{
    (void)data;
    struct two two;
    CHECK_IS(open_two(&two, &plain, false), 0);
    asyncio_transport_abort(two.a.transport);
    asyncio_transport_abort(two.a.transport);
    asyncio_transport_close(two.a.transport);
    CHECK_IS(two.a.lost, 0);
    CHECK_IS(asyncio_await(two.b.gone), 0);
    CHECK_IS(two.a.error, 0);
    CHECK_IS(two.b.error, -ECONNRESET);
    return close_two(&two);
}

static void test_reset(void **state)
{
    (void)state;
    run_everywhere(reset);
}

static int by_server(void *data)
{
    (void)data;
    struct two two;
    CHECK_IS(open_two(&two, &plain, false), 0);
    asyncio_server_close(two.server);
    asyncio_server_close_clients(two.server);
    CHECK_IS(asyncio_server_wait_closed(two.server), 0);
    CHECK_IS(two.b.lost, 1);
    return close_two(&two);
}

static void test_by_server(void **state)
{
    (void)state;
    run_everywhere(by_server);
}

static void close_on_data(struct peer *peer)
{
    asyncio_transport_close(peer->transport);
}

static int close_inside(void *data)
{
    (void)data;
    struct two two;
    CHECK_IS(open_two(&two, &plain, false), 0);
    two.b.on_data = close_on_data;
    CHECK_IS(asyncio_transport_write(two.a.transport, "bye", 3), 0);
    CHECK_IS(asyncio_await(two.b.gone), 0);
    CHECK(strcmp(two.b.log, "mdl") == 0);
    return close_two(&two);
}

static void test_close_inside(void **state)
{
    (void)state;
    run_everywhere(close_inside);
}

/* A reference that outlives it all; the loop closes while it is open. */
static int leave_open(struct two *two, bool is_tls)
{
    CHECK_IS(open_two(two, &plain, is_tls), 0);
    asyncio_server_unref(two->server);
    asyncio_ssl_context_unref(two->server_side);
    asyncio_ssl_context_unref(two->client_side);
    struct peer *peers[] = { &two->a, &two->b };
    for (int i = 0; i < 2; i++) {
        asyncio_future_unref(peers[i]->gone);
        asyncio_future_unref(peers[i]->told);
        peers[i]->gone = peers[i]->told = NULL;
    }
    return 0;
}

static int left_open(void *data)
{
    return leave_open(data, false);
}

static int left_open_tls(void *data)
{
    return leave_open(data, true);
}

static void test_left_open(void **state)
{
    (void)state;
    struct two two;
    program *programs[] = { left_open, left_open_tls };
    for (int i = 0; i < 2; i++) {
        run_everywhere_with(programs[i], &two);
        assert_int_equal(two.a.destroyed, 1);
        assert_int_equal(two.b.destroyed, 1);
        assert_int_equal(two.a.lost, 0);
    }
}

/* ---- another protocol ---- */

static int replaced(void *data)
{
    (void)data;
    struct two two;
    struct peer other;
    CHECK_IS(open_two(&two, &plain, false), 0);
    CHECK_IS(peer_init(&other, &buffered), 0);
    CHECK_IS(asyncio_transport_write(two.a.transport, "first", 5), 0);
    CHECK_IS(wait_for_total(&two.b, 5), 0);
    asyncio_transport *transport = two.b.transport;
    CHECK(transport); /* without memory it is lost */
    CHECK(asyncio_transport_set_protocol(transport, &other.protocol) == &two.b.protocol);
    CHECK(asyncio_transport_get_protocol(transport) == &other.protocol);
    CHECK_IS(asyncio_transport_write(two.a.transport, "second", 6), 0);
    CHECK_IS(wait_for_total(&other, 6), 0);
    CHECK(two.b.total == 5 && memcmp(other.data, "second", 6) == 0);
    CHECK(asyncio_transport_set_protocol(transport, &two.b.protocol) == &other.protocol);
    asyncio_future_unref(other.gone);
    asyncio_future_unref(other.told);
    asyncio_transport_abort(two.a.transport);
    return close_two(&two);
}

static void test_replaced(void **state)
{
    (void)state;
    run_everywhere(replaced);
}

/* ---- TLS from some point on ---- */

static int secure_side(struct two *two, asyncio_ssl_context *context)
{
    return asyncio_loop_start_tls(asyncio_get_running_loop(), two->b.transport, context,
                                  .server_side = 1);
}

static int start_tls(void *data)
{
    (void)data;
    struct two two;
    char text[32];
    asyncio_task *other;
    asyncio_loop *loop = asyncio_get_running_loop();
    CHECK_IS(open_two(&two, &plain, false), 0);
    CHECK_IS(server_context(certificates()->server, &two.server_side), 0);
    CHECK_IS(client_context(&two.client_side), 0);
    CHECK_IS(asyncio_transport_write(two.a.transport, "open", 4), 0);
    CHECK_IS(wait_for_total(&two.b, 4), 0);
    CHECK_IS(asyncio_loop_start_tls(loop, two.a.transport, NULL), -EINVAL);
    CHECK_IS(asyncio_loop_start_tls(loop, two.a.transport, two.server_side), -EINVAL);
    START(other, secure_side, &two, two.server_side);
    CHECK_IS(asyncio_loop_start_tls(loop, two.a.transport, two.client_side,
                                    .server_hostname = "localhost"),
             0);
    CHECK_IS(join(other), 0);
    CHECK_IS(asyncio_transport_get_extra_info(two.b.transport, "version", text, sizeof text), 7);
    CHECK_IS(asyncio_transport_write(two.a.transport, "private", 7), 0);
    CHECK_IS(asyncio_transport_write(two.b.transport, "indeed", 6), 0);
    CHECK_IS(wait_for_total(&two.b, 11), 0);
    CHECK_IS(wait_for_total(&two.a, 6), 0);
    CHECK(memcmp(two.b.data, "openprivate", 11) == 0 && memcmp(two.a.data, "indeed", 6) == 0);
    asyncio_transport_close(two.a.transport);
    CHECK_IS(asyncio_await(two.b.gone), 0);
    CHECK_IS(asyncio_await(two.a.gone), 0);
    CHECK(strcmp(two.a.log, "mdl") == 0 && strcmp(two.b.log, "mdel") == 0);
    return close_two(&two);
}

static void test_start_tls(void **state)
{
    (void)state;
    run_everywhere(start_tls);
}

/* ---- much at a time: by TLS the first few connections receive into blocks of their own ---- */

enum { BULK_PAIRS = 10, BULK = 300000 };
#define BYTE_AT(offset) ((char)((offset) * 7 % 251))
static void check_bytes(asyncio_protocol *protocol, const void *data, size_t size)
{
    struct peer *peer = peer_of(protocol);
    for (size_t i = 0; i < size; i++)
        if (((const char *)data)[i] != BYTE_AT(peer->total + i)) {
            asyncio_transport_abort(peer->transport);
            size = 0; /* so the total is never reached */
        }
    peer->total += size;
    note(peer, 'd');
}

static const asyncio_protocol_methods checking = { .connection_made = made,
                                                   .data_received = check_bytes,
                                                   .connection_lost = lost,
                                                   .destroy = destroy };
static int send_to_all(struct two *pairs, size_t *from, size_t size)
{
    static char bytes[BULK];
    for (size_t i = 0; i < size; i++)
        bytes[i] = BYTE_AT(*from + i);
    for (int i = 0; i < BULK_PAIRS; i++)
        CHECK_IS(asyncio_transport_write(pairs[i].a.transport, bytes, size), 0);
    *from += size;
    for (int i = 0; i < BULK_PAIRS; i++)
        CHECK(wait_for_total(&pairs[i].b, *from) == 0 && pairs[i].b.total == *from);
    return 0;
}

static int bulk(void *data)
{
    static struct two pairs[BULK_PAIRS];
    (void)data;
    for (int i = 0; i < BULK_PAIRS; i++)
        CHECK_IS(open_two(&pairs[i], &checking, false), 0);
    size_t from = 0, much = world.is_chopped ? 2000 : BULK;
    CHECK_IS(send_to_all(pairs, &from, much), 0);
    CHECK_IS(send_to_all(pairs, &from, 10), 0);
    CHECK_IS(send_to_all(pairs, &from, much), 0);
    struct two *first = pairs;
    CHECK_IS(server_context(certificates()->server, &first->server_side), 0);
    CHECK_IS(client_context(&first->client_side), 0);
    asyncio_task *other;
    START(other, secure_side, first, first->server_side);
    CHECK_IS(asyncio_loop_start_tls(asyncio_get_running_loop(), first->a.transport,
                                    first->client_side, .server_hostname = "localhost"),
             0);
    CHECK_IS(join(other), 0);
    CHECK_IS(send_to_all(pairs, &from, much), 0);
    for (int i = 0; i < BULK_PAIRS; i++) {
        (i % 2 ? asyncio_transport_abort : asyncio_transport_close)(pairs[i].b.transport);
        CHECK_IS(close_two(&pairs[i]), 0);
    }
    return 0;
}

static void test_bulk(void **state)
{
    (void)state;
    run_everywhere(bulk);
}

/* ---- misuse, memory, cancellation ---- */

static asyncio_protocol *no_protocol(void *data)
{
    (void)data;
    return NULL;
}

static int misuse(void *data)
{
    (void)data;
    struct two two;
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_transport *transport = NULL;
    asyncio_server *server = NULL;
    CHECK_IS(open_two(&two, &plain, false), 0);
    int port = asyncio_server_port(two.server);
    CHECK_IS(asyncio_loop_create_connection(loop, NULL, "127.0.0.1", port, &transport), -EINVAL);
    CHECK_IS(asyncio_loop_create_server(loop, NULL, "127.0.0.1", 0, &server), -EINVAL);
    CHECK_IS(asyncio_loop_create_connection(loop, give_peer, "127.0.0.1", port, &transport,
                                            .server_hostname = "x"),
             -EINVAL);
    CHECK_IS(asyncio_loop_create_connection(loop, give_peer, "127.0.0.1", 1, &transport),
             -ECONNREFUSED);
    CHECK(!transport && !server);
    struct iovec piece = { NULL, SIZE_MAX };
    CHECK_IS(asyncio_transport_writelines(two.a.transport, &piece, 1), -EINVAL);
    CHECK_IS(asyncio_transport_writelines(two.a.transport, NULL, 0), 0);
    CHECK(!asyncio_transport_set_protocol(two.a.transport, NULL));
    asyncio_transport_unref(NULL);
    CHECK(!asyncio_transport_ref(NULL));
    asyncio_server *other;
    CHECK_IS(asyncio_loop_create_server(loop, no_protocol, "127.0.0.1", 0, &other), 0);
    CHECK_IS(asyncio_loop_create_connection(loop, no_protocol, "127.0.0.1",
                                            asyncio_server_port(other), &transport),
             -ENOMEM);
    CHECK_IS(settle(), 0);
    asyncio_server_unref(other);
    asyncio_transport *kept = asyncio_transport_ref(two.a.transport);
    asyncio_transport_abort(kept);
    CHECK_IS(close_two(&two), 0);
    char text[64];
    CHECK_IS(asyncio_transport_write(kept, "x", 1), -ECONNRESET); /* all of it is legal */
    CHECK_IS(asyncio_transport_write_eof(kept), -ECONNRESET);
    CHECK(asyncio_transport_get_write_buffer_size(kept) == 0);
    CHECK_IS(asyncio_transport_get_extra_info(kept, "peername", text, sizeof text), -ENOTCONN);
    CHECK_IS(asyncio_transport_set_write_buffer_limits(kept, 2, 1), 0);
    asyncio_transport_pause_reading(kept);
    asyncio_transport_resume_reading(kept);
    asyncio_transport_close(kept);
    asyncio_transport_abort(kept);
    CHECK(!asyncio_transport_get_protocol(kept));
    asyncio_transport_unref(kept);
    return 0;
}

static void test_misuse(void **state)
{
    (void)state;
    run_everywhere(misuse);
}

/* A stream asks, a protocol answers. */
static int ask_echo(int port)
{
    asyncio_stream *stream;
    char text[16];
    int r = asyncio_open_connection("127.0.0.1", port, &stream);
    if (r < 0)
        return r;
    r = asyncio_stream_write(stream, "echo", 4);
    if (r >= 0)
        r = asyncio_stream_readexactly(stream, text, 4, NULL);
    asyncio_stream_unref(stream);
    return r;
}

static int swept(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_server *server;
    asyncio_transport *transport = NULL;
    int r = asyncio_loop_create_server(loop, new_echo, "127.0.0.1", 0, &server);
    if (r < 0)
        return r;
    r = ask_echo(asyncio_server_port(server));
    if (r >= 0)
        r = asyncio_loop_create_connection(loop, new_echo, "127.0.0.1", asyncio_server_port(server),
                                           &transport);
    return end_swept(server, r, transport);
}

static void test_sweep(void **state)
{
    (void)state;
    assert_true(sweep_allocations("protocols", swept) > 10);
    assert_true(sweep_cancellations("protocols", swept) > 5);
}

int main(int count, char **words)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversation), cmocka_unit_test(test_buffered),
        cmocka_unit_test(test_tls),          cmocka_unit_test(test_flow),
        cmocka_unit_test(test_tls_flow),     cmocka_unit_test(test_marks),
        cmocka_unit_test(test_pause_inside), cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_reset),        cmocka_unit_test(test_by_server),
        cmocka_unit_test(test_close_inside), cmocka_unit_test(test_left_open),
        cmocka_unit_test(test_replaced),     cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_start_tls),    cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_sweep),
    };
    warm_up();
    if (count > 1)
        cmocka_set_test_filter(words[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
