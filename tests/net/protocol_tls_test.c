/* SPDX-License-Identifier: MIT */
/* TLS on a protocol's transport from some point on: what the peer had sent of it by then belongs to
 * the handshake, and is not lost. */
/* TEST: timeout 60 */
#include "net/protocol_test.h"

#include "net/callback.h"

struct side {
    asyncio_protocol protocol; /* first */
    asyncio_transport *transport;
    asyncio_future *gone;
    char data[64];
    size_t size;
};

static struct side *side_of(asyncio_protocol *protocol)
{
    return (struct side *)(void *)protocol;
}

static void made(asyncio_protocol *protocol, asyncio_transport *transport)
{
    side_of(protocol)->transport = asyncio_transport_ref(transport);
}

static void received(asyncio_protocol *protocol, const void *data, size_t size)
{
    struct side *side = side_of(protocol);
    size_t room = sizeof side->data - side->size;
    memcpy(side->data + side->size, data, size < room ? size : room);
    side->size += size < room ? size : room;
}

static void lost(asyncio_protocol *protocol, int error)
{
    (void)error;
    asyncio_future_set_result(side_of(protocol)->gone, 0);
}

static const asyncio_protocol_methods methods = { .connection_made = made,
                                                  .data_received = received,
                                                  .connection_lost = lost };

static asyncio_protocol *give_side(void *data)
{
    return data;
}

static int wait_for_size(const struct side *side, size_t size)
{
    int r = 0;
    while (r >= 0 && side->size < size && !asyncio_future_done(side->gone))
        r = asyncio_sleep(0.001);
    return r < 0 ? r : side->size == size ? 0 : -EPROTO;
}

/* The peer did not wait for an answer: its greeting is there before anybody wants it. */
static int wait_for_greeting(const struct side *side)
{
    int r = 0;
    while (r >= 0 && !side->transport->in.count && !asyncio_future_done(side->gone))
        r = asyncio_sleep(0.001);
    return r < 0 ? r : side->transport->in.count ? 0 : -EPROTO;
}

static int secure_client(asyncio_stream *stream, asyncio_ssl_context *context)
{
    return asyncio_stream_start_tls(stream, context, .server_hostname = "localhost");
}

static int greeted(void *data)
{
    (void)data;
    asyncio_loop *loop = asyncio_get_running_loop();
    struct side side = { .protocol = { &methods } };
    asyncio_ssl_context *server_side, *client_side;
    asyncio_server *server;
    asyncio_stream *stream;
    asyncio_task *client;
    CHECK_IS(asyncio_future_new(&side.gone), 0);
    CHECK_IS(server_context(certificates()->server, &server_side), 0);
    CHECK_IS(client_context(&client_side), 0);
    CHECK_IS(asyncio_loop_create_server(loop, give_side, "127.0.0.1", 0, &server, .data = &side),
             0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream), 0);
    CHECK_IS(asyncio_stream_write(stream, "go\n", 3), 0);
    CHECK_IS(wait_for_size(&side, 3), 0);
    CHECK_IS(asyncio_sleep(0.01), 0); /* it waits for more */
    asyncio_transport_pause_reading(side.transport);
    START(client, secure_client, stream, client_side);
    CHECK_IS(wait_for_greeting(&side), 0);
    CHECK_IS(asyncio_loop_start_tls(loop, side.transport, server_side, .server_side = 1), 0);
    CHECK_IS(join(client), 0);
    asyncio_transport_resume_reading(side.transport);
    CHECK_IS(asyncio_stream_write(stream, "private\n", 8), 0);
    CHECK_IS(wait_for_size(&side, 11), 0);
    CHECK(memcmp(side.data, "go\nprivate\n", 11) == 0);
    asyncio_stream_close(stream);
    CHECK_IS(asyncio_stream_wait_closed(stream), 0);
    CHECK_IS(asyncio_await(side.gone), 0);
    asyncio_stream_unref(stream);
    asyncio_transport_unref(side.transport);
    asyncio_server_close(server);
    CHECK_IS(asyncio_server_wait_closed(server), 0);
    asyncio_server_unref(server);
    asyncio_future_unref(side.gone);
    asyncio_ssl_context_unref(server_side);
    asyncio_ssl_context_unref(client_side);
    return settle();
}

static void test_greeted(void **state)
{
    (void)state;
    run_everywhere(greeted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greeted),
    };
    warm_up();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
