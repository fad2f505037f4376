/* SPDX-License-Identifier: MIT */
/* WebSockets whose user is elsewhere, on the simulated clock: what is read for him in the meantime,
 * pings that come at bad moments, and a WebSocket that nobody has any more. */
/* TEST: backends sim */
#include "conn/ws_pair.h"

static aiohttp_limits limits;

static double seconds(void)
{
    return asyncio_loop_time(asyncio_get_running_loop());
}

/* --- what is read for him --- */

/* While the user has "hello", whose NUL lies in the buffer, more comes than there is room for. */
static int larger(struct pair *pair, bool is_client, size_t size)
{
    struct raw raw;
    static char data[9000];
    aiohttp_ws_message message;
    struct ws_setup setup = setup_of(is_client, &limits);
    memset(data, 'x', sizeof data);
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0)
        r = peer_sends(&raw, 0x81, "hello", 5);
    if (r >= 0)
        r = aiohttp_websocket_receive(raw.ws, &message);
    if (r >= 0)
        r = asyncio_sleep(1.3);
    for (int i = 0; i < 2 && r >= 0; i++)
        r = peer_sends(&raw, 0x82, data, size);
    if (r >= 0)
        r = asyncio_sleep(1);
    if (r < 0)
        return r;
    CHECK(message.size == 5 && strcmp(message.data, "hello") == 0);
    for (int i = 0; i < 2 && r >= 0; i++)
        r = ws_expects(raw.ws, AIOHTTP_WS_BINARY, data, size);
    aiohttp_websocket_unref(raw.ws);
    return r < 0 ? r : settle();
}

static size_t size_now;

static int larger_server(struct pair *pair)
{
    return larger(pair, false, size_now);
}

static int larger_client(struct pair *pair)
{
    return larger(pair, true, size_now);
}

static void test_larger(void **state)
{
    (void)state;
    static const size_t sizes[] = { 500, 1000, 1020, 1030, 3000, 9000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_now = sizes[i];
        with_pair(larger_server);
        with_pair(larger_client);
    }
}

/* --- pings --- */

/* The peer gets the answer to its ping within `most` seconds. */
static int peer_gets_pong(struct raw *raw, const char *text, double most)
{
    char payload[125];
    size_t size;
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 1000);
    double before = seconds();
    int r = asyncio_timeout_exit(&limit, peer_reads(raw, payload, sizeof payload, &size));
    if (r < 0 && r != -ETIMEDOUT)
        return r;
    CHECK_IS(r, 0x8a);
    CHECK(size == strlen(text) && memcmp(payload, text, size) == 0);
    CHECK(seconds() - before < most);
    return 0;
}

static int receive_one(aiohttp_websocket *ws)
{
    aiohttp_ws_message message;
    return aiohttp_websocket_receive(ws, &message);
}

/* Behind a receive that ended without a message. */
static int after_nothing(struct pair *pair, bool is_cancelled)
{
    struct raw raw;
    asyncio_task *task;
    aiohttp_ws_message message;
    struct ws_setup setup = setup_of(false, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    if (is_cancelled) {
        START(task, receive_one, raw.ws);
        if ((r = asyncio_sleep(1.2)) < 0)
            return r;
        asyncio_task_cancel(task);
        CHECK_IS(join(task), -ECANCELED);
    } else
        CHECK_IS(aiohttp_websocket_receive(raw.ws, &message, .timeout = 1.2), -ETIMEDOUT);
    r = asyncio_sleep(5);
    for (int i = 0; i < 3 && r >= 0; i++) {
        r = peer_sends(&raw, 0x89, "there?", 6);
        if (r >= 0)
            r = peer_gets_pong(&raw, "there?", 1);
    }
    aiohttp_websocket_unref(raw.ws);
    return r < 0 ? r : settle();
}

static int after_timeout(struct pair *pair)
{
    return after_nothing(pair, false);
}

static int after_cancel(struct pair *pair)
{
    return after_nothing(pair, true);
}

static void test_after_nothing(void **state)
{
    (void)state;
    with_pair(after_timeout);
    with_pair(after_cancel);
}

enum { BIG = 1 << 20 };

static int send_big(aiohttp_websocket *ws)
{
    static char big[BIG];
    return aiohttp_websocket_send_bytes(ws, big, sizeof big);
}

/* A ping comes while so much is unsent that no pong is added: it is answered when the peer has read
 * that, whether or not anybody sends still. */
static int held_back(struct pair *pair, bool is_cancelled)
{
    struct raw raw;
    size_t size;
    asyncio_task *task, *receiver;
    if (world.is_chopped)
        return 0;
    struct ws_setup setup = setup_of(false, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    char *all = malloc(BIG);
    CHECK(all);
    START(task, send_big, raw.ws);
    START(receiver, ws_echo, raw.ws);
    r = asyncio_sleep(0.1);
    if (r >= 0)
        r = peer_sends(&raw, 0x89, "first", 5);
    if (r >= 0)
        r = peer_sends(&raw, 0x89, "last", 4);
    if (r >= 0)
        r = asyncio_sleep(0.1);
    if (is_cancelled) {
        asyncio_task_cancel(task);
        int sent = join(task);
        CHECK_IS(sent, -ECANCELED);
    }
    if (r >= 0)
        r = peer_reads(&raw, all, BIG, &size);
    free(all);
    if (r < 0)
        return r;
    CHECK_IS(r, 0x82);
    CHECK(size == BIG);
    if ((r = peer_gets_pong(&raw, "last", 1)) < 0)
        return r;
    if (!is_cancelled)
        CHECK_IS(join(task), 0);
    asyncio_task_cancel(receiver);
    CHECK_IS(join(receiver), -ECANCELED);
    aiohttp_websocket_unref(raw.ws);
    return settle();
}

static int held_back_sending(struct pair *pair)
{
    return held_back(pair, false);
}

static int held_back_alone(struct pair *pair)
{
    return held_back(pair, true);
}

static void test_held_back(void **state)
{
    (void)state;
    with_pair(held_back_sending);
    with_pair(held_back_alone);
}

/* --- heartbeats --- */

static int answers_pings(struct raw *raw)
{
    char payload[125];
    size_t size;
    int r;
    while ((r = peer_reads(raw, payload, sizeof payload, &size)) >= 0)
        if (r == 0x89 && ((r = asyncio_sleep(0.06)) < 0 ||
                          (r = peer_sends(raw, 0x8a, payload, size)) < 0))
            break;
    return r == -ECANCELED ? r : 0;
}

/* Who receives for a moment only may not have read the pong that came behind. */
static int between(struct pair *pair)
{
    struct raw raw;
    asyncio_task *peer;
    aiohttp_ws_message message;
    struct ws_setup setup = setup_of(false, &limits);
    setup.heartbeat = 0.2;
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    START(peer, answers_pings, &raw);
    /* Before half a second is over nobody reads in the user's place. */
    CHECK_IS(aiohttp_websocket_receive(raw.ws, &message, .timeout = 0.24), -ETIMEDOUT);
    if ((r = asyncio_sleep(3)) < 0)
        return r;
    CHECK_IS(aiohttp_websocket_exception(raw.ws), 0);
    CHECK_IS(aiohttp_websocket_closed(raw.ws), 0);
    asyncio_task_cancel(peer);
    CHECK_IS(join(peer), -ECANCELED);
    aiohttp_websocket_unref(raw.ws);
    return r < 0 ? r : settle();
}

/* The peer has closed, and nobody answers yet: it is not pinged any more, and its code stays. */
static int half_closed(struct pair *pair)
{
    struct raw raw;
    aiohttp_ws_message message;
    struct ws_setup setup = setup_of(false, &limits);
    setup.heartbeat = 2;
    setup.autoclose = false;
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0)
        r = peer_sends(&raw, 0x88, "\x0f\xa0", 2);
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_websocket_receive(raw.ws, &message), 0);
    CHECK_IS(message.code, 4000);
    if ((r = asyncio_sleep(30)) < 0)
        return r;
    CHECK_IS(aiohttp_websocket_exception(raw.ws), 0);
    CHECK_IS(aiohttp_websocket_close_code(raw.ws), 4000);
    CHECK_IS(aiohttp_websocket_close(raw.ws), 0);
    CHECK_IS(aiohttp_websocket_close_code(raw.ws), 4000);
    aiohttp_websocket_unref(raw.ws);
    if ((r = peer_reads_close(&raw, 4000)) < 0)
        return r;
    return settle();
}

static void test_heartbeats(void **state)
{
    (void)state;
    with_pair(between);
    with_pair(half_closed);
}

/* --- nobody has it any more --- */

static int forgotten(struct pair *pair, bool is_client)
{
    struct raw raw;
    char rest;
    struct ws_setup setup = setup_of(is_client, &limits);
    setup.heartbeat = 5;
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0)
        r = asyncio_sleep(2);
    if (r < 0)
        return r;
    CHECK(raw.ws->has_keeper);
    double before = seconds();
    aiohttp_websocket_unref(raw.ws);
    r = asyncio_stream_read(raw.peer, &rest, 1);
    CHECK(r == 0 || r == -ECONNRESET);
    CHECK(seconds() - before < 0.1);
    return settle();
}

static int forgotten_server(struct pair *pair)
{
    return forgotten(pair, false);
}

static int forgotten_client(struct pair *pair)
{
    return forgotten(pair, true);
}

static void test_forgotten(void **state)
{
    (void)state;
    with_pair(forgotten_server);
    with_pair(forgotten_client);
}

int main(void)
{
    limits = aiohttp_server_limits();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_larger),    cmocka_unit_test(test_after_nothing),
        cmocka_unit_test(test_held_back), cmocka_unit_test(test_heartbeats),
        cmocka_unit_test(test_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
