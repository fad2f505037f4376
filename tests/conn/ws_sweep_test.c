/* SPDX-License-Identifier: MIT */
/* Two WebSockets of ours with each other, with compression and without: each allocation failed in
 * turn, a cancellation at every turn and at every suspension. */
/* TEST: timeout 300; not allocations */
#include "conn/ws_pair.h"

#include "support/sweep.h"

static aiohttp_limits limits;

static int talk(aiohttp_websocket *ws)
{
    static char data[5000];
    aiohttp_ws_message message;
    int r = aiohttp_websocket_send_str(ws, "hello");
    if (r >= 0)
        r = aiohttp_websocket_receive(ws, &message);
    if (r > 0)
        r = aiohttp_websocket_ping(ws, "x", 1);
    if (r >= 0)
        r = aiohttp_websocket_send_bytes(ws, data, sizeof data);
    if (r >= 0)
        r = aiohttp_websocket_receive(ws, &message, .timeout = 5);
    if (r > 0)
        r = aiohttp_websocket_send_bytes(ws, data, 100);
    if (r >= 0)
        r = aiohttp_websocket_receive(ws, &message);
    if (r > 0 && message.size != 100)
        return -EPROTO;
    return r;
}

static const struct ws_deflate some = { true, false, true, 12, 9 };

static int serve(asyncio_stream *stream, void *data)
{
    aiohttp_websocket *ws;
    struct ws_setup setup = setup_of(false, &limits);
    setup.heartbeat = 5;
    if (data)
        setup.deflate = some;
    int r = aiohttp__ws_new(&setup, stream, &ws);
    if (r < 0)
        return r;
    r = ws_echo(ws);
    int closed = r < 0 ? 0 : aiohttp_websocket_close(ws);
    aiohttp_websocket_unref(ws);
    return r < 0 ? r : closed;
}

static int connect_to(int port, bool is_deflated)
{
    asyncio_stream *stream;
    aiohttp_websocket *ws;
    struct ws_setup setup = setup_of(true, &limits);
    if (is_deflated)
        setup.deflate = some;
    int r = asyncio_open_connection("127.0.0.1", port, &stream);
    if (r < 0)
        return r;
    r = aiohttp__ws_new(&setup, stream, &ws);
    asyncio_stream_unref(stream);
    if (r < 0)
        return r;
    r = talk(ws);
    int closed = r < 0 ? 0 : aiohttp_websocket_close(ws);
    aiohttp_websocket_unref(ws);
    return r < 0 ? r : closed;
}

static int with_streams(bool is_deflated)
{
    asyncio_server *server;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_report, NULL);
    int r = asyncio_start_server(serve, "127.0.0.1", 0, &server,
                                 .data = is_deflated ? &limits : NULL);
    if (r < 0)
        return r;
    r = connect_to(asyncio_server_port(server), is_deflated);
    asyncio_server_close(server);
    int waited = asyncio_server_wait_closed(server);
    asyncio_server_unref(server);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : waited < 0 ? waited : slept;
}

static int plain(void)
{
    return with_streams(false);
}

static int deflated(void)
{
    return with_streams(true);
}

static const struct sweep sweeps[] = { { "plain", plain }, { "deflated", deflated } };

static void test_allocations(void **state)
{
    (void)state;
    SWEEP_ALL(sweeps, sweep_allocations);
}

static void test_cancellations(void **state)
{
    (void)state;
    SWEEP_ALL(sweeps, sweep_cancellations);
}

static void test_suspensions(void **state)
{
    (void)state;
    SWEEP_ALL(sweeps, sweep_suspensions);
}

int main(void)
{
    limits = aiohttp_server_limits();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_cancellations),
        cmocka_unit_test(test_suspensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
