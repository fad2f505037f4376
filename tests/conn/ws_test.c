/* SPDX-License-Identifier: MIT */
/* WebSockets over a pair of streams: what RFC 6455 shows, messages of all sizes in both directions,
 * fragments, pings, several senders, a slow peer. */
#include "conn/ws_pair.h"

static aiohttp_limits limits;

/* --- RFC 6455, 5.7 --- */

static int reads_rfc(struct raw *raw)
{
    static const char server_hello[] = { (char)0x81, 0x05, 'H', 'e', 'l', 'l', 'o' };
    static const char client_hello[] = { (char)0x81, (char)0x85, 0x37, (char)0xfa, 0x21, 0x3d,
                                         0x7f, (char)0x9f, 0x4d, 0x51, 0x58 };
    int r = raw->is_client
                ? asyncio_stream_write(raw->peer, server_hello, sizeof server_hello)
                : asyncio_stream_write(raw->peer, client_hello, sizeof client_hello);
    if (r >= 0)
        r = ws_expects(raw->ws, AIOHTTP_WS_TEXT, "Hello", 5);
    if (r >= 0)
        r = peer_sends(raw, 0x01, "Hel", 3);
    if (r >= 0)
        r = peer_sends(raw, 0x89, "Hello", 5); /* within the message */
    if (r >= 0)
        r = peer_sends(raw, 0x80, "lo", 2);
    if (r >= 0)
        r = ws_expects(raw->ws, AIOHTTP_WS_TEXT, "Hello", 5);
    if (r < 0)
        return r;
    char pong[125];
    size_t size;
    CHECK_IS(peer_reads(raw, pong, sizeof pong, &size), 0x8a);
    CHECK(size == 5 && memcmp(pong, "Hello", 5) == 0);
    return 0;
}

static int reads_sizes(struct raw *raw)
{
    static const size_t sizes[] = { 0, 1, 125, 126, 127, 256, 1024, 65535, 65536, 100000 };
    static char data[100000];
    int r = 0;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * i >> 3);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && r >= 0; i++) {
        if (world.is_chopped && sizes[i] > 2000)
            break;
        asyncio_task *task;
        START(task, peer_sends, raw, 0x82, data, sizes[i]);
        r = ws_expects(raw->ws, AIOHTTP_WS_BINARY, data, sizes[i]);
        int sent = join(task);
        r = r < 0 ? r : sent;
    }
    return r;
}

static int close_from_peer(struct raw *raw)
{
    aiohttp_ws_message message;
    int r = peer_sends(raw, 0x88, "\x03\xe8" "bye", 5);
    if (r >= 0)
        r = aiohttp_websocket_receive(raw->ws, &message);
    if (r < 0)
        return r;
    CHECK_IS(r, 0);
    CHECK_IS(message.type, AIOHTTP_WS_CLOSE);
    CHECK_IS(message.code, 1000);
    CHECK(message.size == 3 && strcmp(message.data, "bye") == 0);
    CHECK_IS(aiohttp_websocket_close_code(raw->ws), 1000);
    CHECK_IS(aiohttp_websocket_closed(raw->ws), 1);
    CHECK_IS(aiohttp_websocket_exception(raw->ws), 0);
    CHECK_IS(aiohttp_websocket_send_str(raw->ws, "x"), -ECONNRESET);
    CHECK_IS(aiohttp_websocket_close(raw->ws), 0);
    if ((r = peer_reads_close(raw, 1000)) < 0)
        return r;
    for (int i = 0; i < 4; i++) {
        CHECK_IS(aiohttp_websocket_receive(raw->ws, &message), 0);
        CHECK_IS(message.type, AIOHTTP_WS_CLOSED);
    }
    CHECK_IS(aiohttp_websocket_receive(raw->ws, &message), -ASYNCIO_INVALID_STATE);
    char rest;
    CHECK_IS(asyncio_stream_read(raw->peer, &rest, 1), 0);
    return 0;
}

typedef int raw_body(struct raw *raw);

static int in_role(struct pair *pair, bool is_client, raw_body *body)
{
    struct raw raw;
    struct ws_setup setup = setup_of(is_client, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    r = body(&raw);
    aiohttp_websocket_unref(raw.ws);
    return r;
}

static int rfc(struct raw *raw)
{
    int r = reads_rfc(raw);
    if (r >= 0)
        r = reads_sizes(raw);
    return r < 0 ? r : close_from_peer(raw);
}

static int rfc_server(struct pair *pair)
{
    return in_role(pair, false, rfc);
}

static int rfc_client(struct pair *pair)
{
    return in_role(pair, true, rfc);
}

static void test_rfc(void **state)
{
    (void)state;
    with_pair(rfc_server);
    with_pair(rfc_client);
}

/* --- fragments, and characters cut by them --- */

static int fragments(struct raw *raw)
{
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    const size_t size = sizeof text - 1;
    int r = 0;
    for (size_t a = 0; a <= size && r >= 0; a++)
        for (size_t b = a; b <= size && r >= 0; b += 3) {
            char wire[128];
            size_t end = frame_of(raw, 0x01, text, a, wire);
            end += frame_of(raw, 0x00, text + a, b - a, wire + end);
            end += frame_of(raw, 0x8a, "", 0, wire + end);
            end += frame_of(raw, 0x80, text + b, size - b, wire + end);
            r = asyncio_stream_write(raw->peer, wire, end);
            if (r >= 0)
                r = ws_expects(raw->ws, AIOHTTP_WS_TEXT, text, size);
        }
    return r;
}

static int fragments_server(struct pair *pair)
{
    return in_role(pair, false, fragments);
}

static int fragments_client(struct pair *pair)
{
    return in_role(pair, true, fragments);
}

static void test_fragments(void **state)
{
    (void)state;
    with_pair(fragments_server);
    with_pair(fragments_client);
}

/* --- both ends ours --- */

static int exchange_all(aiohttp_websocket *ws)
{
    static const size_t sizes[] = { 0, 5, 125, 126, 2048, 2049, 65535, 65536, 300000 };
    static char data[300000];
    int r = 0;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)('a' + i % 23 + i % 3);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && r >= 0; i++)
        for (int type = AIOHTTP_WS_TEXT; type <= AIOHTTP_WS_BINARY && r >= 0; type++) {
            if (world.is_chopped && sizes[i] > 3000)
                return 0;
            r = aiohttp_websocket_send_frame(ws, data, sizes[i], type);
            if (r >= 0)
                r = ws_expects(ws, type, data, sizes[i]);
        }
    return r;
}

static int both_ways(struct pair *pair)
{
    struct both both;
    asyncio_task *task;
    struct ws_setup client = setup_of(true, &limits), server = setup_of(false, &limits);
    int r = both_open(&both, pair, &client, &server);
    if (r < 0)
        return both_end(&both, r);
    if ((r = asyncio_create_task(asyncio_coro(ws_echo, both.server), &task)) < 0)
        return both_end(&both, r);
    r = exchange_all(both.client);
    int closed = aiohttp_websocket_close(both.client, .code = 3001, .message = "done");
    int echoed = join(task);
    r = r < 0 ? r : closed < 0 ? closed : echoed;
    if (r >= 0) {
        CHECK_IS(aiohttp_websocket_close_code(both.server), 3001);
        CHECK_IS(aiohttp_websocket_close_code(both.client), 3001);
    }
    return both_end(&both, r);
}

static void test_both(void **state)
{
    (void)state;
    with_pair(both_ways);
}

/* --- several senders --- */

enum { SENDERS = 8, EACH = 20, LONG = 3000 };

static int sender(aiohttp_websocket *ws, int number)
{
    char text[LONG];
    int r = 0;
    memset(text, 'A' + number, sizeof text);
    for (int i = 0; i < EACH && r >= 0; i++)
        r = aiohttp_websocket_send_bytes(ws, text, (size_t)(LONG - i * 100));
    return came_to(r);
}

static int receives_all(aiohttp_websocket *ws)
{
    int next[SENDERS] = { 0 };
    aiohttp_ws_message message;
    for (int i = 0; i < SENDERS * EACH; i++) {
        int r = aiohttp_websocket_receive(ws, &message);
        if (r < 0)
            return r;
        CHECK_IS(r, 1);
        int who = message.data[0] - 'A';
        CHECK(who >= 0 && who < SENDERS);
        CHECK_IS((int)message.size, LONG - next[who]++ * 100);
        for (size_t k = 0; k < message.size; k++)
            CHECK(message.data[k] == 'A' + who);
    }
    return 0;
}

static int many_senders(struct pair *pair)
{
    struct both both;
    asyncio_task *tasks[SENDERS] = { NULL };
    if (world.is_chopped)
        return 0;
    struct ws_setup client = setup_of(true, &limits), server = setup_of(false, &limits);
    client.deflate = server.deflate = (struct ws_deflate){ true, false, false, 15, 15 };
    int r = both_open(&both, pair, &client, &server);
    for (int i = 0; i < SENDERS && r >= 0; i++)
        r = asyncio_create_task(asyncio_coro(sender, i % 2 ? both.client : both.client, i),
                                &tasks[i]);
    if (r >= 0)
        r = receives_all(both.server);
    for (int i = 0; i < SENDERS; i++)
        if (tasks[i]) {
            int sent = join(tasks[i]);
            r = r < 0 ? r : sent;
        }
    return both_end(&both, r);
}

static void test_senders(void **state)
{
    (void)state;
    with_pair(many_senders);
}

/* --- the order of calls --- */

enum { ORDERED_SIZE = 65536, ORDERED_MOST = 2000 };

static char ordered_data[ORDERED_SIZE];

/* Until it has to wait: how many, in all; the last of them is still under way. */
static int fill(aiohttp_websocket *ws, int *sent)
{
    for (int r; *sent < ORDERED_MOST; ) {
        ++*sent;
        if ((r = aiohttp_websocket_send_bytes(ws, ordered_data, sizeof ordered_data)) < 0)
            return r;
    }
    return 0;
}

static int wait_until_stuck(const int *sent)
{
    int before = -1, r = 0;
    for (int same = 0; same < 20 && r >= 0; before = *sent) {
        r = asyncio_sleep(0);
        same = *sent == before ? same + 1 : 0;
    }
    return r;
}

static int send_text(aiohttp_websocket *ws, const char *text)
{
    return aiohttp_websocket_send_str(ws, text);
}

/* As soon as there is room, and before who has waited for it runs. */
static int barge_in(aiohttp_websocket *ws)
{
    size_t full = asyncio_stream_get_write_buffer_size(ws->stream);
    int r = 0;
    while (r >= 0 && asyncio_stream_get_write_buffer_size(ws->stream) > full / 8)
        r = asyncio_sleep(0);
    return r < 0 ? r : aiohttp_websocket_send_str(ws, "second");
}

static int receive_all(aiohttp_websocket *ws, int count)
{
    aiohttp_ws_message message;
    int r = 1;
    for (int i = 0; i < count && r > 0; i++)
        if ((r = aiohttp_websocket_receive(ws, &message)) > 0)
            CHECK(message.size == ORDERED_SIZE);
    if (r > 0)
        r = ws_expects(ws, AIOHTTP_WS_TEXT, "first", 5);
    return r < 0 ? r : ws_expects(ws, AIOHTTP_WS_TEXT, "second", 6);
}

/* Who waits for room is not overtaken by who comes when there is some. */
static int ordered(struct pair *pair, bool is_client)
{
    struct both both;
    asyncio_task *filler, *first, *second;
    int sent = 0;
    if (world.is_chopped)
        return 0;
    struct ws_setup client = setup_of(true, &limits), server = setup_of(false, &limits);
    int r = both_open(&both, pair, &client, &server);
    if (r < 0)
        return both_end(&both, r);
    aiohttp_websocket *from = is_client ? both.client : both.server;
    START(filler, fill, from, &sent);
    if ((r = wait_until_stuck(&sent)) < 0)
        return r;
    CHECK(sent < ORDERED_MOST);
    asyncio_task_cancel(filler); /* the message is sent all the same */
    CHECK_IS(join(filler), -ECANCELED);
    START(first, send_text, from, "first");
    START(second, barge_in, from);
    r = receive_all(is_client ? both.server : both.client, sent);
    CHECK_IS(join(first), 0);
    CHECK_IS(join(second), 0);
    return both_end(&both, r);
}

static int ordered_client(struct pair *pair)
{
    return ordered(pair, true);
}

static int ordered_server(struct pair *pair)
{
    return ordered(pair, false);
}

static void test_order(void **state)
{
    (void)state;
    with_pair(ordered_client);
    with_pair(ordered_server);
}

/* --- a peer that does not read --- */

static int slow_peer(struct pair *pair)
{
    struct raw raw;
    static char data[65536];
    if (world.is_chopped)
        return 0;
    struct ws_setup setup = setup_of(false, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    /* Each send gives up after a while, and the next one is tried: nothing piles up. */
    size_t most = 0;
    for (int i = 0; i < 200 && r != -EPROTO; i++) {
        asyncio_timeout limit;
        asyncio_timeout_enter(&limit, 0.001);
        r = asyncio_timeout_exit(&limit,
                                 aiohttp_websocket_send_bytes(raw.ws, data, sizeof data));
        size_t unsent = asyncio_stream_get_write_buffer_size(pair->b);
        most = unsent > most ? unsent : most;
        if (r < 0 && r != -ETIMEDOUT)
            return r;
    }
    CHECK_IS(r, -ETIMEDOUT);
    CHECK(most < 4 * sizeof data);
    /* Pings are answered by one pong, when there is room. */
    for (int i = 0; i < 100; i++)
        if ((r = peer_sends(&raw, 0x89, &(char){ (char)i }, 1)) < 0)
            return r;
    if ((r = peer_sends(&raw, 0x81, "x", 1)) < 0 ||
        (r = ws_expects(raw.ws, AIOHTTP_WS_TEXT, "x", 1)) < 0)
        return r;
    CHECK(asyncio_stream_get_write_buffer_size(pair->b) < 4 * sizeof data);
    aiohttp_websocket_unref(raw.ws);
    return 0;
}

static void test_slow_peer(void **state)
{
    (void)state;
    with_pair(slow_peer);
}

/* --- calls that make no sense --- */

static int misuse(struct raw *raw)
{
    char long_one[130] = { 0 };
    aiohttp_websocket *ws = raw->ws;
    CHECK_IS(aiohttp_websocket_send_str(ws, "a\xff"), -EINVAL);
    CHECK_IS(aiohttp_websocket_send_str(ws, "cut \xe2\x82"), -EINVAL);
    CHECK_IS(aiohttp_websocket_send_frame(ws, "", 0, AIOHTTP_WS_PING), -EINVAL);
    CHECK_IS(aiohttp_websocket_ping(ws, long_one, 126), -EMSGSIZE);
    CHECK_IS(aiohttp_websocket_close(ws, .code = 1005), -EINVAL);
    CHECK_IS(aiohttp_websocket_close(ws, .code = 999), -EINVAL);
    CHECK_IS(aiohttp_websocket_close(ws, .code = -1), -EINVAL);
    CHECK_IS(aiohttp_websocket_close(ws, .message = "\xc3"), -EINVAL);
    memset(long_one, 'x', sizeof long_one - 1);
    CHECK_IS(aiohttp_websocket_close(ws, .message = long_one), -EINVAL);
    CHECK_IS(aiohttp_websocket_closed(ws), 0);
    CHECK_IS(aiohttp_websocket_close_code(ws), 0);
    CHECK_IS(aiohttp_websocket_compress(ws), 0);
    CHECK(!aiohttp_websocket_protocol(ws));
    CHECK_IS(aiohttp_websocket_ping(ws, "p", 1), 0);
    CHECK_IS(aiohttp_websocket_pong(ws, NULL, 0), 0);
    char payload[8];
    size_t size;
    CHECK_IS(peer_reads(raw, payload, sizeof payload, &size), 0x89);
    CHECK_IS(peer_reads(raw, payload, sizeof payload, &size), 0x8a);
    CHECK(size == 0);
    return 0;
}

static int misuse_client(struct pair *pair)
{
    return in_role(pair, true, misuse);
}

struct outside {
    aiohttp_websocket *ws;
    int received, sent, closed;
};

static void call_outside(asyncio_loop *loop, void *data)
{
    struct outside *outside = data;
    aiohttp_ws_message message;
    (void)loop;
    outside->received = aiohttp_websocket_receive(outside->ws, &message);
    outside->sent = aiohttp_websocket_send_str(outside->ws, "x");
    outside->closed = aiohttp_websocket_close(outside->ws);
}

/* A callback cannot wait: it is told so, and the WebSocket is as it was, also when it is the keeper
 * that reads. */
static int from_callback(struct raw *raw)
{
    struct outside outside = { .ws = raw->ws };
    for (int i = 0; i < (world.is_sim ? 2 : 1); i++) {
        int r = asyncio_sleep(i * 2 * WS_KEEP_SECONDS);
        if (r >= 0)
            r = asyncio_loop_call_soon(asyncio_get_running_loop(), call_outside, NULL,
                                       .data = &outside);
        if (r >= 0)
            r = asyncio_sleep(0.001);
        if (r < 0)
            return r;
        CHECK_IS(outside.received, -ASYNCIO_NO_TASK);
        CHECK_IS(outside.sent, -ASYNCIO_NO_TASK);
        CHECK_IS(outside.closed, -ASYNCIO_NO_TASK);
        CHECK_IS(aiohttp_websocket_closed(raw->ws), 0);
        CHECK_IS(aiohttp_websocket_exception(raw->ws), 0);
    }
    int r = peer_sends(raw, 0x81, "there", 5);
    return r < 0 ? r : ws_expects(raw->ws, AIOHTTP_WS_TEXT, "there", 5);
}

static int outside_client(struct pair *pair)
{
    return in_role(pair, true, from_callback);
}

static void test_misuse(void **state)
{
    (void)state;
    with_pair(misuse_client);
    with_pair(outside_client);
}

int main(void)
{
    limits = aiohttp_server_limits();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc),       cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_both),      cmocka_unit_test(test_senders),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_slow_peer), cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
