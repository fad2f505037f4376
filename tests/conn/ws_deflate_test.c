/* SPDX-License-Identifier: MIT */
/* permessage-deflate: what RFC 7692 shows, all parameters with all sizes, bombs, limits, and a
 * compressor whose message was not sent. */
/* TEST: timeout 120 */
#include "conn/ws_pair.h"

#include <asyncio/alloc.h>
#include <zlib.h>

static aiohttp_limits limits;

/* --- RFC 7692, 7.2.3 --- */

static int examples(struct pair *pair)
{
    struct raw raw;
    struct ws_setup setup = setup_of(true, &limits);
    setup.deflate = (struct ws_deflate){ true, false, false, 15, 15 };
    int r = raw_open(&raw, pair, &setup);
    static const struct {
        uint8_t first;
        const char *bytes;
        size_t size;
    } frames[] = {
        { 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7 },               /* one frame */
        { 0x41, "\xf2\x48\xcd", 3 }, { 0x80, "\xc9\xc9\x07\x00", 4 }, /* two */
        { 0xc1, "\xf2\x00\x11\x00\x00", 5 },                        /* the window of the first */
        { 0xc1, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11 }, /* not compressed */
        { 0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8 },            /* BFINAL */
        { 0xc1, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13 }, /* two blocks */
        { 0xc1, "\xf2\x00\x11\x00\x00", 5 },
        { 0x81, "Hello", 5 },                                       /* it need not be */
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames && r >= 0; i++) {
        r = peer_sends(&raw, frames[i].first, frames[i].bytes, frames[i].size);
        if (r >= 0 && frames[i].first & 0x80)
            r = ws_expects(raw.ws, AIOHTTP_WS_TEXT, "Hello", 5);
    }
    aiohttp_websocket_unref(raw.ws);
    return r;
}

static void test_examples(void **state)
{
    (void)state;
    with_pair(examples);
}

/* --- all parameters --- */

static struct ws_deflate agreed;

static int all_sizes(aiohttp_websocket *ws, bool is_random)
{
    static const size_t sizes[] = { 0, 1, 31, 32, 33, 300, 1000, 5000, 70000, 200000 };
    static char data[200000];
    uint32_t random = 7;
    int r = 0;
    for (size_t i = 0; i < sizeof data; i++) {
        random = random * 1664525 + 1013904223;
        data[i] = (char)(is_random ? random >> 24 : 'a' + i % 13 + (random >> 30));
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && r >= 0; i++) {
        if ((world.is_chopped && sizes[i] > 400) ||
            ((world.is_seeded || allocation_is_failing()) && sizes[i] > 5000))
            break;
        r = aiohttp_websocket_send_bytes(ws, data + sizes[i] / 2, sizes[i] - sizes[i] / 2);
        if (r >= 0)
            r = ws_expects(ws, AIOHTTP_WS_BINARY, data + sizes[i] / 2, sizes[i] - sizes[i] / 2);
        if (r >= 0)
            r = aiohttp_websocket_send_bytes(ws, data, sizes[i], .compress = (int)i % 3 - 1);
        if (r >= 0)
            r = ws_expects(ws, AIOHTTP_WS_BINARY, data, sizes[i]);
    }
    return r;
}

static int parameters(struct pair *pair)
{
    struct both both;
    asyncio_task *task;
    struct ws_setup client = setup_of(true, &limits), server = setup_of(false, &limits);
    client.deflate = server.deflate = agreed;
    int r = both_open(&both, pair, &client, &server);
    if (r < 0 || (r = asyncio_create_task(asyncio_coro(ws_echo, both.server), &task)) < 0)
        return both_end(&both, r);
    CHECK_IS(aiohttp_websocket_compress(both.client), agreed.client_bits);
    CHECK_IS(aiohttp_websocket_compress(both.server), agreed.server_bits);
    r = all_sizes(both.client, false);
    if (r >= 0)
        r = all_sizes(both.client, true);
    int closed = aiohttp_websocket_close(both.client);
    int echoed = join(task);
    return both_end(&both, r < 0 ? r : closed < 0 ? closed : echoed);
}

static void test_parameters(void **state)
{
    (void)state;
    for (unsigned bits = 8; bits <= 15; bits += bits == 9 ? 2 : bits == 11 ? 4 : 1)
        for (unsigned forgets = 0; forgets < 4; forgets++) {
            if (allocation_is_failing() && (bits != 15 || forgets != 3))
                continue; /* they allocate alike */
            agreed = (struct ws_deflate){ true, forgets & 1, forgets & 2, (uint8_t)bits,
                                          (uint8_t)(23 - bits) };
            with_pair(parameters);
        }
}

/* --- the limits --- */

/* A raw deflate stream of `size` zeros, or of noise, without its end. */
static size_t deflated(size_t size, bool is_random, char *out, size_t room)
{
    char *data = calloc(1, size + 1);
    z_stream stream = { .next_in = (Bytef *)data, .avail_in = (uInt)size };
    if (!data || deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    for (size_t i = 0; is_random && i < size; i++)
        data[i] = (char)(rand() >> 8);
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)room;
    deflate(&stream, Z_SYNC_FLUSH);
    size = room - stream.avail_out - 4;
    deflateEnd(&stream);
    free(data);
    return size;
}

static size_t size_now;
static bool is_random_now;
static int expected_now;

static int at_limit(struct pair *pair)
{
    struct raw raw;
    static char wire[20000];
    aiohttp_ws_message message;
    aiohttp_limits small = limits;
    small.message = 10000;
    struct ws_setup setup = setup_of(false, &small);
    setup.deflate = (struct ws_deflate){ true, false, false, 15, 15 };
    if (world.is_chopped && is_random_now)
        return 0;
    int r = raw_open(&raw, pair, &setup);
    size_t size = deflated(size_now, is_random_now, wire, sizeof wire);
    if (r >= 0)
        r = peer_sends(&raw, 0xc2, wire, size);
    if (r >= 0)
        r = aiohttp_websocket_receive(raw.ws, &message);
    CHECK_IS(r, expected_now);
    if (r == 1)
        CHECK(message.size == size_now);
    if (r == -AIOHTTP_WEBSOCKET) {
        CHECK_IS(aiohttp_websocket_close_code(raw.ws), 1009);
        CHECK(raw.ws->message_capacity <= 10000 + 2);
        if ((r = peer_reads_close(&raw, 1009)) < 0)
            return r;
    }
    aiohttp_websocket_unref(raw.ws);
    return 0;
}

static void check_limit(size_t size, bool is_random, int expected)
{
    size_now = size;
    is_random_now = is_random;
    expected_now = expected;
    with_pair(at_limit);
}

static void test_limits(void **state)
{
    (void)state;
    for (int is_random = 0; is_random < 2; is_random++) {
        check_limit(9999, is_random, 1);
        check_limit(10000, is_random, 1);
        check_limit(10001, is_random, -AIOHTTP_WEBSOCKET);
    }
    check_limit(10000000, false, -AIOHTTP_WEBSOCKET);
}

/* Below the message's limit, but more than the ratio allows; 0 allows none. */
static size_t ratio_now;

static int ratio(struct pair *pair)
{
    struct raw raw;
    static char wire[20000];
    aiohttp_ws_message message;
    aiohttp_limits own = limits;
    own.inflate_ratio = ratio_now;
    struct ws_setup setup = setup_of(false, &own);
    setup.deflate = (struct ws_deflate){ true, false, false, 15, 15 };
    if (world.is_chopped)
        return 0;
    int r = raw_open(&raw, pair, &setup);
    size_t size = deflated(3000000, false, wire, sizeof wire);
    if (r >= 0)
        r = peer_sends(&raw, 0xc2, wire, size);
    if (r >= 0)
        r = aiohttp_websocket_receive(raw.ws, &message);
    CHECK_IS(r, -AIOHTTP_WEBSOCKET);
    CHECK_IS(aiohttp_websocket_close_code(raw.ws), 1009);
    aiohttp_websocket_unref(raw.ws);
    return 0;
}

static void test_ratio(void **state)
{
    (void)state;
    ratio_now = limits.inflate_ratio;
    with_pair(ratio);
    ratio_now = 0;
    with_pair(ratio);
}

/* Blocks that say they are the last one, and have nothing: two bytes each. A peer may send some;
 * endless ones make work, and no message. What was before stays in the window. */
static int last_blocks(struct pair *pair, size_t count, int expected)
{
    struct raw raw;
    char wire[5000];
    aiohttp_ws_message message;
    struct ws_setup setup = setup_of(false, &limits);
    setup.deflate = (struct ws_deflate){ true, false, false, 15, 15 };
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0)
        r = peer_sends(&raw, 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    if (r >= 0)
        r = ws_expects(raw.ws, AIOHTTP_WS_TEXT, "Hello", 5);
    for (size_t i = 0; i < count; i++)
        memcpy(wire + 2 * i, "\x03", 2);
    memcpy(wire + 2 * count, "\xf2\x00\x11\x00\x00", 5); /* the window's */
    if (r >= 0)
        r = peer_sends(&raw, 0xc1, wire, 2 * count + 5);
    if (r >= 0 && expected > 0)
        r = ws_expects(raw.ws, AIOHTTP_WS_TEXT, "Hello", 5);
    else if (r >= 0) {
        CHECK_IS(aiohttp_websocket_receive(raw.ws, &message), expected);
        CHECK_IS(aiohttp_websocket_close_code(raw.ws), 1009);
        r = peer_reads_close(&raw, 1009);
    }
    aiohttp_websocket_unref(raw.ws);
    return r;
}

static int some_last_blocks(struct pair *pair)
{
    int r = last_blocks(pair, 1000, 1);
    return r < 0 ? r : 0;
}

static int endless_last_blocks(struct pair *pair)
{
    return last_blocks(pair, 2000, -AIOHTTP_WEBSOCKET);
}

static void test_last_blocks(void **state)
{
    (void)state;
    with_pair(some_last_blocks);
    with_pair(endless_last_blocks);
}

/* --- a message that was compressed and not sent --- */

static int not_sent(struct pair *pair)
{
    static const char text[] = "the same text, which the window knows; the same text, again";
    struct both both;
    struct ws_setup client = setup_of(true, &limits), server = setup_of(false, &limits);
    client.deflate = server.deflate = (struct ws_deflate){ true, false, false, 15, 15 };
    int r = both_open(&both, pair, &client, &server);
    if (r >= 0)
        r = aiohttp_websocket_send_str(both.server, text);
    if (r >= 0)
        r = ws_expects(both.client, AIOHTTP_WS_TEXT, text, sizeof text - 1);
    if (r < 0)
        return both_end(&both, r);
    if (allocation_is_failing())
        return both_end(&both, 0);
    char *room;
    int64_t size = aiohttp__ws_deflate(both.server, SPAN("something that never arrives: never"),
                                       &room);
    CHECK(size > 0);
    asyncio_mem_free(room);
    aiohttp__ws_deflate_again(both.server);
    for (uint64_t nth = 1; nth < 5; nth++) {
        asyncio__alloc_fail_at(nth, 0);
        r = aiohttp_websocket_send_str(both.server, "something that never arrives: never");
        asyncio__alloc_fail_at(0, 0);
        if (r == -ENOMEM)
            continue;
        if (r < 0 || (r = ws_expects(both.client, AIOHTTP_WS_TEXT,
                                     "something that never arrives: never", 35)) < 0)
            return both_end(&both, r);
    }
    r = aiohttp_websocket_send_str(both.server, text);
    if (r >= 0)
        r = ws_expects(both.client, AIOHTTP_WS_TEXT, text, sizeof text - 1);
    return both_end(&both, r);
}

static void test_not_sent(void **state)
{
    (void)state;
    with_pair(not_sent);
}

int main(void)
{
    limits = aiohttp_server_limits();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples), cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_last_blocks), cmocka_unit_test(test_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
