/* SPDX-License-Identifier: MIT */
/* WebSockets whose peer reads nothing any more, on the simulated clock: senders, closes and the
 * connection itself come to an end all the same. */
/* TEST: backends sim */
#include "conn/ws_pair.h"

static aiohttp_limits limits;

enum { BIG = 1 << 20 };

static double seconds(void)
{
    return asyncio_loop_time(asyncio_get_running_loop());
}

static int sender(aiohttp_websocket *ws)
{
    static char big[BIG];
    uint32_t random = 7;
    for (size_t i = 0; i < sizeof big; i++) {
        random = random * 1664525 + 1013904223;
        big[i] = (char)(random >> 24);
    }
    return aiohttp_websocket_send_bytes(ws, big, sizeof big);
}

static int pinger(aiohttp_websocket *ws)
{
    return aiohttp_websocket_ping(ws, "p", 1);
}

/* --- a sender has a reference --- */

static int dropped(struct pair *pair, bool is_client, bool is_deflated)
{
    struct raw raw;
    asyncio_task *first, *second, *third;
    if (world.is_chopped)
        return 0;
    struct ws_setup setup = setup_of(is_client, &limits);
    if (is_deflated)
        setup.deflate = (struct ws_deflate){ true, false, false, 15, 15 };
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    START(first, sender, raw.ws);  /* waits behind what it has sent */
    START(second, sender, raw.ws); /* and this before it sends */
    START(third, pinger, raw.ws);
    if ((r = asyncio_sleep(0.1)) < 0)
        return r;
    CHECK_IS(raw.ws->refs, 4);
    aiohttp_websocket_unref(raw.ws);
    if ((r = asyncio_sleep(0.1)) < 0)
        return r;
    asyncio_stream_abort(raw.peer);
    r = join(first);
    CHECK(r == -ECONNRESET || r == -EPIPE);
    r = join(second);
    CHECK(r == -ECONNRESET || r == -EPIPE);
    r = join(third);
    CHECK(r == -ECONNRESET || r == -EPIPE);
    return settle();
}

static int dropped_plain(struct pair *pair)
{
    return dropped(pair, false, false);
}

static int dropped_client(struct pair *pair)
{
    return dropped(pair, true, false);
}

static int dropped_deflated(struct pair *pair)
{
    return dropped(pair, false, true);
}

static void test_dropped(void **state)
{
    (void)state;
    with_pair(dropped_plain);
    with_pair(dropped_client);
    with_pair(dropped_deflated);
}

/* --- a peer that reads nothing --- */

/* Nothing has been taken for write_time: the connection is cut, and all who wait are told. */
static int never_read(struct pair *pair)
{
    struct raw raw;
    asyncio_task *first, *second;
    aiohttp_ws_message message;
    if (world.is_chopped)
        return 0;
    struct ws_setup setup = setup_of(false, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    double before = seconds();
    START(first, sender, raw.ws);
    START(second, sender, raw.ws);
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 1000);
    r = asyncio_timeout_exit(&limit, aiohttp_websocket_receive(raw.ws, &message));
    CHECK_IS(r, -ETIMEDOUT);
    CHECK_IS(aiohttp_websocket_exception(raw.ws), -ETIMEDOUT);
    CHECK_IS(aiohttp_websocket_close_code(raw.ws), 1006);
    CHECK(seconds() - before >= limits.write_time);
    CHECK(seconds() - before < limits.write_time * 1.3);
    CHECK_IS(join(first), -ECONNRESET);
    CHECK_IS(join(second), -ECONNRESET);
    CHECK_IS(aiohttp_websocket_send_str(raw.ws, "x"), -ECONNRESET);
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

/* Slowly is not never: a message takes ten times as long. */
static int slowly_read(struct pair *pair)
{
    struct raw raw;
    asyncio_task *task;
    if (world.is_chopped || allocation_is_failing())
        return 0;
    struct ws_setup setup = setup_of(false, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    char *piece = malloc(BIG / 16);
    CHECK(piece);
    double before = seconds();
    START(task, sender, raw.ws);
    for (size_t left = BIG + 10; left > 0 && r >= 0;) {
        size_t size = left < BIG / 16 ? left : BIG / 16;
        r = asyncio_sleep(limits.write_time * 0.7);
        if (r >= 0)
            r = asyncio_stream_readexactly(raw.peer, piece, size, NULL);
        left -= size;
    }
    free(piece);
    if (r < 0)
        return r;
    CHECK(seconds() - before > limits.write_time * 10);
    CHECK_IS(join(task), 0);
    /* Idle, with nothing to send, it is not looked at. */
    if ((r = asyncio_sleep(limits.write_time * 10)) < 0)
        return r;
    CHECK_IS(aiohttp_websocket_closed(raw.ws), 0);
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

/* The second message waits behind the first one. Just before it has its turn the timer finds
 * nothing unsent, and looks no more: it looks again for the second. */
static int read_once(struct pair *pair)
{
    struct raw raw;
    asyncio_task *first, *second;
    size_t size;
    if (world.is_chopped || allocation_is_failing())
        return 0;
    struct ws_setup setup = setup_of(false, &limits);
    char *all = malloc(BIG);
    CHECK(all);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    START(first, sender, raw.ws);
    START(second, sender, raw.ws);
    if ((r = asyncio_sleep(1)) < 0)
        return r;
    raw.ws->is_unwatched = true;
    r = peer_reads(&raw, all, BIG, &size);
    free(all);
    CHECK_IS(r, 0x82);
    CHECK_IS(join(first), 0);
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 1000);
    r = asyncio_timeout_exit(&limit, join(second));
    CHECK_IS(r, -ECONNRESET);
    CHECK_IS(aiohttp_websocket_exception(raw.ws), -ETIMEDOUT);
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

static void test_never_read(void **state)
{
    (void)state;
    with_pair(never_read);
    with_pair(read_once);
    with_pair(slowly_read);
}

/* --- closed, with bytes that are never taken --- */

enum how { BY_CLOSE, BY_UNREF };

/* That allocation behind the close; 0: none. With ASan a time limit is one, too. */
static unsigned failing;

/* Both sides have said so. */
static int closed(struct pair *pair, bool is_client, enum how how)
{
    struct raw raw;
    asyncio_task *task;
    aiohttp_ws_message message;
    if (world.is_chopped)
        return 0;
    struct ws_setup setup = setup_of(is_client, &limits);
    setup.heartbeat = 5;
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    asyncio_stream *stream = asyncio_stream_ref(is_client ? pair->a : pair->b);
    START(task, sender, raw.ws);
    r = asyncio_sleep(0.1);
    if (r >= 0)
        r = peer_sends(&raw, 0x88, "\x03\xe8", 2);
    if (r >= 0)
        r = aiohttp_websocket_receive(raw.ws, &message);
    CHECK_IS(r, 0);
    CHECK_IS(message.type, AIOHTTP_WS_CLOSE);
    double before = seconds();
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 1000);
    if (failing)
        asyncio__alloc_fail_at(failing, 0);
    if (how == BY_CLOSE)
        r = aiohttp_websocket_close(raw.ws);
    else
        aiohttp_websocket_unref(raw.ws);
    int waited = asyncio_stream_wait_closed(stream);
    if (failing)
        asyncio__alloc_fail_at(0, 0);
    waited = asyncio_timeout_exit(&limit, waited);
    asyncio_stream_unref(stream);
    CHECK(waited != -ETIMEDOUT);
    CHECK_IS(r, 0);
    CHECK(seconds() - before <= limits.close_time + 0.2);
    r = join(task);
    CHECK(r == -ECONNRESET || r == -ECONNABORTED || r == -EPIPE);
    if (how == BY_CLOSE)
        aiohttp_websocket_unref(raw.ws);
    return settle();
}

static int closed_server(struct pair *pair)
{
    return closed(pair, false, BY_CLOSE);
}

static int closed_client(struct pair *pair)
{
    return closed(pair, true, BY_CLOSE);
}

static int closed_unref(struct pair *pair)
{
    return closed(pair, true, BY_UNREF);
}

/* A peer that does read gets all of it, and the close behind it. */
static int closed_read(struct pair *pair)
{
    struct raw raw;
    asyncio_task *task;
    size_t size;
    aiohttp_ws_message message;
    if (world.is_chopped)
        return 0;
    struct ws_setup setup = setup_of(false, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    START(task, sender, raw.ws);
    r = asyncio_sleep(0.1);
    if (r >= 0)
        r = peer_sends(&raw, 0x88, "\x03\xe8", 2);
    if (r >= 0)
        r = aiohttp_websocket_receive(raw.ws, &message);
    CHECK_IS(r, 0);
    aiohttp_websocket_unref(raw.ws);
    char *all = malloc(BIG);
    CHECK(all);
    r = peer_reads(&raw, all, BIG, &size);
    free(all);
    CHECK_IS(r, 0x82);
    CHECK_IS((long long)size, BIG);
    if ((r = peer_reads_close(&raw, 1000)) < 0)
        return r;
    char rest;
    CHECK_IS(asyncio_stream_read(raw.peer, &rest, 1), 0);
    (void)!join(task);
    return settle();
}

static void test_closed(void **state)
{
    (void)state;
    with_pair(closed_server);
    with_pair(closed_client);
    with_pair(closed_unref);
    with_pair(closed_read);
    for (failing = 1; failing < 8 && !allocation_is_failing(); failing++)
        with_pair(closed_unref);
    failing = 0;
}

int main(void)
{
    limits = aiohttp_server_limits();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_never_read),
        cmocka_unit_test(test_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
