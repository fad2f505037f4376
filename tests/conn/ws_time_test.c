/* SPDX-License-Identifier: MIT */
/* WebSockets and time, on the simulated clock: heartbeats, pings that nobody receives, time limits
 * of receive and close; ends in every state. */
/* TEST: backends sim */
#include "conn/ws_pair.h"

static aiohttp_limits limits;

static double seconds(void)
{
    return asyncio_loop_time(asyncio_get_running_loop());
}

/* The next frame is that one, and comes after about so many seconds. */
static int peer_gets(struct raw *raw, int first, double after)
{
    char payload[125];
    size_t size;
    double before = seconds();
    int r = peer_reads(raw, payload, sizeof payload, &size);
    if (r < 0)
        return r;
    CHECK_IS(r, first);
    double took = seconds() - before;
    CHECK(took > after - 0.2 && took < after + 0.7);
    return 0;
}

static int receive_one(aiohttp_websocket *ws)
{
    aiohttp_ws_message message;
    return aiohttp_websocket_receive(ws, &message);
}

/* --- heartbeats --- */

static int heartbeat(struct pair *pair, bool receives)
{
    struct raw raw;
    asyncio_task *task = NULL;
    struct ws_setup setup = setup_of(false, &limits);
    setup.heartbeat = 10;
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0 && receives)
        r = asyncio_create_task(asyncio_coro(receive_one, raw.ws), &task);
    /* Answered, it goes on for ever; any byte counts. */
    for (int i = 0; i < 5 && r >= 0; i++) {
        r = peer_gets(&raw, 0x89, 10);
        if (r >= 0)
            r = peer_sends(&raw, i % 2 ? 0x8a : 0x89, "", 0);
        if (r >= 0 && i % 2 == 0)
            r = peer_gets(&raw, 0x8a, 0);
    }
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_websocket_closed(raw.ws), 0);
    /* Not answered, it is cut. */
    if ((r = peer_gets(&raw, 0x89, 10)) < 0)
        return r;
    double before = seconds();
    char rest;
    r = asyncio_stream_read(raw.peer, &rest, 1);
    CHECK(r == 0 || r == -ECONNRESET);
    CHECK(seconds() - before > 4.8 && seconds() - before < 5.8);
    if (receives)
        CHECK_IS(join(task), -ETIMEDOUT);
    CHECK_IS(aiohttp_websocket_close_code(raw.ws), 1006);
    CHECK_IS(aiohttp_websocket_exception(raw.ws), -ETIMEDOUT);
    CHECK_IS(receive_one(raw.ws), 0);
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

static int heartbeat_received(struct pair *pair)
{
    return heartbeat(pair, true);
}

static int heartbeat_alone(struct pair *pair)
{
    return heartbeat(pair, false);
}

static void test_heartbeat(void **state)
{
    (void)state;
    with_pair(heartbeat_received);
    with_pair(heartbeat_alone);
}

/* While nobody takes what the peer sends, its silence is ours: no 1006. */
static int no_room(struct pair *pair)
{
    struct raw raw;
    static char data[60000];
    if (world.is_chopped)
        return 0;
    struct ws_setup setup = setup_of(false, &limits);
    setup.heartbeat = 2;
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0)
        r = peer_sends(&raw, 0x82, data, sizeof data);
    if (r >= 0)
        r = peer_sends(&raw, 0x82, data, sizeof data);
    if (r >= 0)
        r = asyncio_sleep(30);
    for (int i = 0; i < 2 && r >= 0; i++)
        r = ws_expects(raw.ws, AIOHTTP_WS_BINARY, data, sizeof data);
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_websocket_closed(raw.ws), 0);
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

static void test_no_room(void **state)
{
    (void)state;
    with_pair(no_room);
}

/* --- pings while nobody receives --- */

static int unreceived(struct pair *pair)
{
    struct raw raw;
    struct ws_setup setup = setup_of(false, &limits);
    aiohttp_ws_message message;
    char payload[125];
    size_t size;
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0)
        r = peer_sends(&raw, 0x81, "first", 5);
    if (r >= 0)
        r = aiohttp_websocket_receive(raw.ws, &message);
    if (r >= 0)
        r = peer_sends(&raw, 0x82, "second", 6);
    if (r >= 0)
        r = peer_sends(&raw, 0x89, "there?", 6);
    if (r >= 0)
        r = peer_sends(&raw, 0x01, "thi", 3);
    if (r >= 0)
        r = peer_reads(&raw, payload, sizeof payload, &size);
    if (r < 0)
        return r;
    CHECK_IS(r, 0x8a);
    CHECK(size == 6 && memcmp(payload, "there?", 6) == 0);
    /* What is lent has not moved. */
    CHECK(message.size == 5 && strcmp(message.data, "first") == 0);
    if ((r = peer_sends(&raw, 0x89, "still?", 6)) < 0 || (r = peer_sends(&raw, 0x80, "rd", 2)) < 0)
        return r;
    CHECK_IS(peer_reads(&raw, payload, sizeof payload, &size), 0x8a);
    CHECK(strcmp(message.data, "first") == 0);
    r = ws_expects(raw.ws, AIOHTTP_WS_BINARY, "second", 6);
    if (r >= 0)
        r = ws_expects(raw.ws, AIOHTTP_WS_TEXT, "third", 5);
    if (r >= 0)
        r = peer_sends(&raw, 0x89, "again", 5);
    double before = seconds();
    if (r >= 0)
        r = peer_reads(&raw, payload, sizeof payload, &size);
    CHECK_IS(r, 0x8a);
    CHECK(seconds() - before < 1.5);
    if (r >= 0)
        r = peer_sends(&raw, 0x81, "last", 4);
    if (r >= 0)
        r = ws_expects(raw.ws, AIOHTTP_WS_TEXT, "last", 4);
    aiohttp_websocket_unref(raw.ws);
    return r < 0 ? r : settle();
}

/* What came before the peer went is received all the same. */
static int unreceived_end(struct pair *pair)
{
    struct raw raw;
    struct ws_setup setup = setup_of(false, &limits);
    aiohttp_ws_message message;
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0)
        r = peer_sends(&raw, 0x81, "one", 3);
    if (r >= 0)
        r = peer_sends(&raw, 0x81, "two", 3);
    if (r >= 0)
        r = asyncio_sleep(3);
    asyncio_stream_close(raw.peer);
    if (r >= 0)
        r = asyncio_sleep(3);
    CHECK_IS(aiohttp_websocket_closed(raw.ws), 1);
    if (r >= 0)
        r = ws_expects(raw.ws, AIOHTTP_WS_TEXT, "one", 3);
    if (r >= 0)
        r = ws_expects(raw.ws, AIOHTTP_WS_TEXT, "two", 3);
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_websocket_receive(raw.ws, &message), 0);
    CHECK_IS(message.type, AIOHTTP_WS_CLOSED);
    CHECK_IS(message.code, 1006);
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

static void test_unreceived(void **state)
{
    (void)state;
    with_pair(unreceived);
    with_pair(unreceived_end);
}

/* --- receive's time limit, cancellation --- */

static int limited(struct pair *pair)
{
    struct raw raw;
    struct ws_setup setup = setup_of(false, &limits);
    aiohttp_ws_message message;
    setup.receive_timeout = 4;
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0)
        r = peer_sends(&raw, 0x01, "ab\xc3", 3);
    if (r < 0)
        return r;
    double before = seconds();
    CHECK_IS(aiohttp_websocket_receive(raw.ws, &message), -ETIMEDOUT);
    CHECK(seconds() - before > 3.9 && seconds() - before < 4.1);
    CHECK_IS(aiohttp_websocket_receive(raw.ws, &message, .timeout = 1), -ETIMEDOUT);
    asyncio_task *task;
    START(task, receive_one, raw.ws);
    if ((r = asyncio_sleep(1)) < 0)
        return r;
    CHECK_IS(aiohttp_websocket_receive(raw.ws, &message), -EBUSY);
    asyncio_task_cancel(task);
    CHECK_IS(join(task), -ECANCELED);
    /* Nothing is lost by all that. */
    r = peer_sends(&raw, 0x80, "\xa9" "c", 2);
    if (r >= 0)
        r = ws_expects(raw.ws, AIOHTTP_WS_TEXT, "ab\xc3\xa9" "c", 5);
    aiohttp_websocket_unref(raw.ws);
    return r < 0 ? r : settle();
}

/* The allocation that fails, and whether there was none any more that could. */
static unsigned failing;
static bool is_beyond;

static int receive_briefly(aiohttp_websocket *ws)
{
    aiohttp_ws_message message;
    asyncio__alloc_fail_at(failing, 0);
    return aiohttp_websocket_receive(ws, &message, .timeout = 1);
}

/* Who cannot have his time limit does not wait without one. */
static int limited_without_memory(struct pair *pair)
{
    struct raw raw;
    asyncio_task *task;
    struct ws_setup setup = setup_of(false, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    START(task, receive_briefly, raw.ws);
    r = asyncio_sleep(5);
    is_beyond = is_beyond && asyncio__alloc_count() < failing;
    asyncio__alloc_fail_at(0, 0);
    CHECK_IS(r, 0);
    CHECK(asyncio_task_done(task));
    r = join(task);
    CHECK(r == -ETIMEDOUT || r == -ENOMEM);
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

static void test_limited(void **state)
{
    (void)state;
    with_pair(limited);
    if (allocation_is_failing())
        return;
    is_beyond = false;
    for (failing = 1; !is_beyond && failing < 100; failing++) {
        is_beyond = true;
        with_pair(limited_without_memory);
    }
    assert_true(is_beyond);
}

/* --- close --- */

static int close_it(aiohttp_websocket *ws)
{
    return aiohttp_websocket_close(ws, .code = 1001, .message = "away");
}

/* The peer never answers. */
static int unanswered(struct pair *pair)
{
    struct raw raw;
    struct ws_setup setup = setup_of(false, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    double before = seconds();
    CHECK_IS(close_it(raw.ws), 0);
    CHECK(seconds() - before > 9.8 && seconds() - before < 10.2);
    CHECK_IS(aiohttp_websocket_close_code(raw.ws), 1006);
    r = peer_reads_close(&raw, 1001);
    aiohttp_websocket_unref(raw.ws);
    return r == -ECONNRESET ? 0 : r;
}

/* Another task receives meanwhile; messages that still come are dropped. */
static int while_receiving(struct pair *pair)
{
    struct raw raw;
    asyncio_task *receiver, *closer;
    struct ws_setup setup = setup_of(true, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    START(receiver, receive_one, raw.ws);
    if ((r = asyncio_sleep(1)) < 0)
        return r;
    START(closer, close_it, raw.ws);
    r = peer_sends(&raw, 0x81, "late", 4);
    if (r >= 0)
        r = asyncio_sleep(1);
    if (r >= 0)
        r = peer_reads_close(&raw, 1001);
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_websocket_send_str(raw.ws, "x"), -ECONNRESET);
    CHECK(!asyncio_task_done(receiver) && !asyncio_task_done(closer));
    if ((r = peer_sends(&raw, 0x88, "\x03\xe9", 2)) < 0)
        return r;
    CHECK_IS(join(receiver), 0);
    CHECK_IS(join(closer), 0);
    CHECK_IS(aiohttp_websocket_close_code(raw.ws), 1001);
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

/* Who asks for a message while another closes is told that there is none. */
static int receive_while_closing(struct pair *pair)
{
    struct raw raw;
    asyncio_task *closer;
    aiohttp_ws_message message;
    struct ws_setup setup = setup_of(true, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    START(closer, close_it, raw.ws);
    if ((r = asyncio_sleep(1)) < 0)
        return r;
    for (int i = 0; i < 4; i++) {
        CHECK_IS(aiohttp_websocket_receive(raw.ws, &message), 0);
        CHECK_IS(message.type, AIOHTTP_WS_CLOSING);
    }
    CHECK_IS(aiohttp_websocket_receive(raw.ws, &message), -ASYNCIO_INVALID_STATE);
    CHECK(!asyncio_task_done(closer));
    if ((r = peer_sends(&raw, 0x88, "\x03\xe9", 2)) < 0)
        return r;
    CHECK_IS(join(closer), 0);
    CHECK_IS(aiohttp_websocket_close_code(raw.ws), 1001);
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

/* Several tasks close; one is cancelled, which cuts it for all. */
static int closed_twice(struct pair *pair)
{
    struct raw raw;
    asyncio_task *one, *two;
    struct ws_setup setup = setup_of(false, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    START(one, close_it, raw.ws);
    START(two, close_it, raw.ws);
    if ((r = asyncio_sleep(1)) < 0)
        return r;
    asyncio_task_cancel(one);
    CHECK_IS(join(one), -ECANCELED);
    CHECK_IS(join(two), 0);
    CHECK_IS(aiohttp_websocket_close(raw.ws), 0);
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

/* Without autoclose the answer is the user's. */
static int by_hand(struct pair *pair)
{
    struct raw raw;
    aiohttp_ws_message message;
    struct ws_setup setup = setup_of(false, &limits);
    setup.autoclose = setup.autoping = false;
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0)
        r = peer_sends(&raw, 0x89, "ping", 4);
    if (r >= 0)
        r = ws_expects(raw.ws, AIOHTTP_WS_PING, "ping", 4);
    if (r >= 0)
        r = peer_sends(&raw, 0x8a, "", 0);
    if (r >= 0)
        r = ws_expects(raw.ws, AIOHTTP_WS_PONG, "", 0);
    if (r >= 0)
        r = peer_sends(&raw, 0x88, "", 0);
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_websocket_receive(raw.ws, &message), 0);
    CHECK_IS(message.type, AIOHTTP_WS_CLOSE);
    CHECK_IS(message.code, 1005);
    CHECK_IS(aiohttp_websocket_close(raw.ws, .code = 4001, .message = "bye"), 0);
    char payload[8];
    size_t size;
    CHECK_IS(peer_reads(&raw, payload, sizeof payload, &size), 0x88);
    CHECK_IS((int)size, 5);
    CHECK(memcmp(payload, "\x0f\xa1" "bye", 5) == 0);
    CHECK_IS(aiohttp_websocket_close_code(raw.ws), 1005); /* still the peer's */
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

/* The connection ends without a close frame. */
static int torn(struct pair *pair)
{
    struct raw raw;
    aiohttp_ws_message message;
    struct ws_setup setup = setup_of(false, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0)
        r = asyncio_stream_write(raw.peer, "\x81", 1);
    if (r >= 0)
        asyncio_stream_close(raw.peer);
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_websocket_receive(raw.ws, &message), 0);
    CHECK_IS(message.type, AIOHTTP_WS_CLOSED);
    CHECK_IS(message.code, 1006);
    CHECK_IS(aiohttp_websocket_exception(raw.ws), -ECONNRESET);
    CHECK_IS(aiohttp_websocket_close(raw.ws), 0);
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

/* It ends while we wait for the peer's close frame: that is no close that both agreed on (RFC 6455,
 * 7.1.5). */
static int torn_while_closing(struct pair *pair)
{
    struct raw raw;
    asyncio_task *closer;
    struct ws_setup setup = setup_of(false, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    START(closer, close_it, raw.ws);
    r = asyncio_sleep(1);
    if (r >= 0)
        r = peer_reads_close(&raw, 1001);
    asyncio_stream_close(raw.peer);
    if (r < 0)
        return r;
    CHECK_IS(join(closer), 0);
    CHECK_IS(aiohttp_websocket_close_code(raw.ws), 1006);
    CHECK_IS(aiohttp_websocket_exception(raw.ws), -ECONNRESET);
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

/* The last reference goes while it is open. */
static int forgotten(struct pair *pair)
{
    struct raw raw;
    char rest;
    struct ws_setup setup = setup_of(false, &limits);
    setup.heartbeat = 5;
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0)
        r = asyncio_sleep(2); /* there is a keeper, which has a reference, too */
    if (r < 0)
        return r;
    aiohttp_websocket_unref(raw.ws);
    asyncio_stream_abort(pair->b);
    r = asyncio_stream_read(raw.peer, &rest, 1);
    CHECK(r == 0 || r == -ECONNRESET);
    return settle();
}

static void test_close(void **state)
{
    (void)state;
    with_pair(unanswered);
    with_pair(while_receiving);
    with_pair(receive_while_closing);
    with_pair(closed_twice);
    with_pair(by_hand);
    with_pair(torn);
    with_pair(torn_while_closing);
    with_pair(forgotten);
}

int main(void)
{
    limits = aiohttp_server_limits();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heartbeat), cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_unreceived), cmocka_unit_test(test_limited),
        cmocka_unit_test(test_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
