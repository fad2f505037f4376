/* SPDX-License-Identifier: MIT */
/* What a peer may not send, and the close code that RFC 6455 and 7692 ask for, in both roles;
 * limits one below, at and one above. The chopped world brings each of them byte by byte. */
/* TEST: timeout 120 */
#include "conn/ws_pair.h"

static aiohttp_limits limits;

struct frame {
    uint8_t first;
    const char *payload;
    size_t size;
};

#define FRAME(first, text) { first, text, sizeof(text) - 1 }

static char long_one[126];

/* Each is the last frame of its line that is bad. */
static const struct bad {
    const char *name;
    int code;
    struct frame frames[3];
    bool is_deflated; /* it was negotiated */
} bad[] = {
    { "RSV1 without an extension", 1002, { FRAME(0xc1, "x") } },
    { "RSV2", 1002, { FRAME(0xa1, "x") } },
    { "RSV3", 1002, { FRAME(0x91, "x") } },
    { "RSV1 on a continuation", 1002, { FRAME(0x01, "x"), FRAME(0xc0, "y") }, true },
    { "RSV1 on a ping", 1002, { FRAME(0xc9, "") }, true },
    { "opcode 3", 1002, { FRAME(0x83, "x") } },
    { "opcode 7", 1002, { FRAME(0x87, "") } },
    { "opcode 11", 1002, { FRAME(0x8b, "") } },
    { "opcode 15", 1002, { FRAME(0x8f, "") } },
    { "a ping of 126 bytes", 1002, { { 0x89, long_one, 126 } } },
    { "a close of 126 bytes", 1002, { { 0x88, long_one, 126 } } },
    { "a ping in fragments", 1002, { FRAME(0x09, "x") } },
    { "a close in fragments", 1002, { FRAME(0x08, "\x03\xe8") } },
    { "a continuation of nothing", 1002, { FRAME(0x80, "x") } },
    { "a continuation behind a whole message", 1002, { FRAME(0x02, "x"), FRAME(0x80, "y"),
                                                       FRAME(0x80, "z") } },
    { "a message within a message", 1002, { FRAME(0x01, "x"), FRAME(0x82, "y") } },
    { "text within text", 1002, { FRAME(0x01, "x"), FRAME(0x89, ""), FRAME(0x81, "y") } },
    { "a close of one byte", 1002, { FRAME(0x88, "\x03") } },
    { "close 0", 1002, { FRAME(0x88, "\0\0") } },
    { "close 999", 1002, { FRAME(0x88, "\x03\xe7") } },
    { "close 1004", 1002, { FRAME(0x88, "\x03\xec") } },
    { "close 1005", 1002, { FRAME(0x88, "\x03\xed") } },
    { "close 1006", 1002, { FRAME(0x88, "\x03\xee") } },
    { "close 1015", 1002, { FRAME(0x88, "\x03\xf7") } },
    { "close 2999", 1002, { FRAME(0x88, "\x0b\xb7") } },
    { "close 5000", 1002, { FRAME(0x88, "\x13\x88") } },
    { "a reason that is no UTF-8", 1007, { FRAME(0x88, "\x03\xe8\xff") } },
    { "a reason that is cut", 1007, { FRAME(0x88, "\x03\xe8\xe2\x82") } },
    { "text: a lone continuation byte", 1007, { FRAME(0x81, "a\x80") } },
    { "text: overlong", 1007, { FRAME(0x81, "\xc0\xaf") } },
    { "text: a surrogate", 1007, { FRAME(0x81, "\xed\xa0\x80") } },
    { "text: beyond U+10FFFF", 1007, { FRAME(0x81, "\xf4\x90\x80\x80") } },
    { "text: cut at its end", 1007, { FRAME(0x81, "abc\xe2\x82") } },
    { "text: bad across fragments", 1007, { FRAME(0x01, "\xe2"), FRAME(0x80, "\x82x") } },
    { "text: bad in a first fragment", 1007, { FRAME(0x01, "\xff") } },
    { "text: cut in the last fragment", 1007, { FRAME(0x01, "a\xf0\x9f"), FRAME(0x80, "\x98") } },
    { "deflate: a bad block", 1007, { FRAME(0xc1, "\xff\xff\xff\xff") }, true },
    { "deflate: too far back", 1007, { FRAME(0xc2, "\x2b\x01\x32\x00") }, true },
    { "deflate: text that is no UTF-8", 1007, { FRAME(0xc1, "\x01\x02\x00\xfd\xff\xc3\x28\x00") },
      true },
};

/* Nobody reads the answer meanwhile, so all of it is buffered. */
static int one(struct pair *pair, const struct bad *what, bool is_client)
{
    struct raw raw;
    struct ws_setup setup = setup_of(is_client, &limits);
    if (what->is_deflated)
        setup.deflate = (struct ws_deflate){ true, false, false, 15, 15 };
    int r = raw_open(&raw, pair, &setup);
    for (size_t i = 0; i < 3 && what->frames[i].first && r >= 0; i++)
        r = peer_sends(&raw, what->frames[i].first, what->frames[i].payload,
                       what->frames[i].size);
    aiohttp_ws_message message;
    do /* good ones come first */
        r = r < 0 ? r : aiohttp_websocket_receive(raw.ws, &message);
    while (r == 1);
    if (r != -AIOHTTP_WEBSOCKET && !allocation_is_failing())
        print_error("%s: %d\n", what->name, r);
    CHECK_IS(r, -AIOHTTP_WEBSOCKET);
    CHECK_IS(aiohttp_websocket_close_code(raw.ws), what->code);
    CHECK_IS(aiohttp_websocket_exception(raw.ws), -AIOHTTP_WEBSOCKET);
    CHECK_IS(aiohttp_websocket_send_str(raw.ws, "x"), -ECONNRESET);
    r = peer_reads_close(&raw, what->code);
    asyncio_stream_close(raw.peer);
    int closed = aiohttp_websocket_close(raw.ws);
    aiohttp_websocket_unref(raw.ws);
    return r < 0 ? r : closed;
}

static const struct bad *now;

static int as_server(struct pair *pair)
{
    return one(pair, now, false);
}

static int as_client(struct pair *pair)
{
    return one(pair, now, true);
}

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        now = &bad[i];
        with_pair(as_server);
        with_pair(as_client);
    }
}

/* --- bytes as they come --- */

static struct bytes_case {
    const char *name;
    bool is_client;
    int code;
    const char *bytes;
    size_t size;
} bytes_cases[] = {
#define BYTES(text) text, sizeof(text) - 1
    { "a client's frame without a mask", false, 1002, BYTES("\x81\x01x") },
    { "a server's frame with a mask", true, 1002, BYTES("\x81\x81\1\2\3\4x") },
    { "126 for 125 bytes", true, 1002, BYTES("\x81\x7e\x00\x7d") },
    { "127 for 65535 bytes", true, 1002, BYTES("\x82\x7f\0\0\0\0\0\0\xff\xff") },
    { "a length from 2^63 on", true, 1002, BYTES("\x82\x7f\x80\0\0\0\0\0\0\0") },
    { "a length of 2^62", true, 1009, BYTES("\x82\x7f\x40\0\0\0\0\0\0\0") },
    { "HTTP", false, 1002, BYTES("GET / HTTP/1.1\r\n\r\n") },
};

static const struct bytes_case *bytes_now;

static int come(struct pair *pair)
{
    struct raw raw;
    aiohttp_ws_message message;
    struct ws_setup setup = setup_of(bytes_now->is_client, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0)
        r = asyncio_stream_write(raw.peer, bytes_now->bytes, bytes_now->size);
    if (r >= 0)
        r = aiohttp_websocket_receive(raw.ws, &message);
    CHECK_IS(r, -AIOHTTP_WEBSOCKET);
    CHECK_IS(aiohttp_websocket_close_code(raw.ws), bytes_now->code);
    r = peer_reads_close(&raw, bytes_now->code);
    aiohttp_websocket_unref(raw.ws);
    return r;
}

static void test_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bytes_cases / sizeof *bytes_cases; i++) {
        bytes_now = &bytes_cases[i];
        with_pair(come);
    }
}

/* --- limits --- */

enum { MOST = 1000, FRAGMENTS = 4 };

static size_t fragments_now = FRAGMENTS;

/* Sends `size` bytes in `pieces` frames: 1 or the error. */
static int of_size(struct pair *pair, size_t size, size_t pieces)
{
    struct raw raw;
    static char data[2 * MOST];
    aiohttp_ws_message message;
    aiohttp_limits small = limits;
    small.message = MOST;
    small.frame = MOST;
    small.fragments = fragments_now;
    struct ws_setup setup = setup_of(false, &small);
    int r = raw_open(&raw, pair, &setup);
    for (size_t i = 0, at = 0; i < pieces && r >= 0; i++) {
        size_t piece = i + 1 < pieces ? size / pieces : size - at;
        r = peer_sends(&raw, (i ? 0 : 2) | (i + 1 < pieces ? 0 : 0x80), data + at, piece);
        at += piece;
    }
    if (r >= 0)
        r = aiohttp_websocket_receive(raw.ws, &message);
    if (r == 1)
        CHECK(message.size == size);
    if (r == -AIOHTTP_WEBSOCKET) {
        CHECK_IS(aiohttp_websocket_close_code(raw.ws), 1009);
        int closed = peer_reads_close(&raw, 1009);
        r = closed < 0 ? closed : r;
    }
    aiohttp_websocket_unref(raw.ws);
    return r;
}

static size_t size_now, pieces_now;
static int expected_now;

static int at_limit(struct pair *pair)
{
    CHECK_IS(of_size(pair, size_now, pieces_now), expected_now);
    return 0;
}

static void check_limit(size_t size, size_t pieces, int expected)
{
    size_now = size;
    pieces_now = pieces;
    expected_now = expected;
    with_pair(at_limit);
}

static void test_limits(void **state)
{
    (void)state;
    for (size_t pieces = 1; pieces <= 3; pieces++) {
        check_limit(MOST - 1, pieces, 1);
        check_limit(MOST, pieces, 1);
        check_limit(MOST + 1, pieces, -AIOHTTP_WEBSOCKET);
    }
    check_limit(10, FRAGMENTS - 1, 1);
    check_limit(10, FRAGMENTS, 1);
    check_limit(10, FRAGMENTS + 1, -AIOHTTP_WEBSOCKET);
    fragments_now = 0; /* allows none */
    check_limit(0, 1, -AIOHTTP_WEBSOCKET);
    check_limit(1, 1, -AIOHTTP_WEBSOCKET);
}

/* --- limits, cut everywhere --- */

static const struct small_case {
    size_t frame, message, fragments;
    size_t size, pieces; /* that is at the limit */
    bool is_count;       /* of fragments: one more, and one less */
} small_cases[] = {
    { 5, AIOHTTP_UNLIMITED, 9, 5, 1, false },
    { AIOHTTP_UNLIMITED, 5, 9, 5, 3, false },
    { 9, 9, 4, 8, 4, true },
};

static struct {
    const struct small_case *limit;
    bool is_client;
    int more; /* than the limit */
    size_t cut, size, count;
} small_now;

/* The frames of the message, one behind the other: how many bytes. */
static size_t small_frames(const struct raw *raw, char *out)
{
    static const char data[16];
    size_t size = small_now.limit->size, pieces = small_now.limit->pieces, end = 0;
    *(small_now.limit->is_count ? &pieces : &size) += (size_t)small_now.more;
    for (size_t i = 0, at = 0; i < pieces; i++) {
        size_t piece = i + 1 < pieces ? size / pieces : size - at;
        end += frame_of(raw, (uint8_t)((i ? 0 : 2) | (i + 1 < pieces ? 0 : 0x80)), data, piece,
                        out + end);
        at += piece;
    }
    return end;
}

struct rest {
    asyncio_stream *stream;
    const char *data;
    size_t size;
};

static int comes_later(struct rest *rest)
{
    int r = asyncio_sleep(0.001);
    return r < 0 ? r : asyncio_stream_write(rest->stream, rest->data, rest->size);
}

static int in_two(struct pair *pair)
{
    char bytes[128];
    struct raw raw;
    aiohttp_ws_message message;
    asyncio_task *later;
    aiohttp_limits small = limits;
    if (!world.is_sim || world.is_chopped || world.is_seeded || allocation_is_failing())
        return 0;
    small.frame = small_now.limit->frame;
    small.message = small_now.limit->message;
    small.fragments = small_now.limit->fragments;
    struct ws_setup setup = setup_of(small_now.is_client, &small);
    int r = raw_open(&raw, pair, &setup);
    if (r < 0)
        return r;
    small_now.size = small_frames(&raw, bytes);
    struct rest rest = { raw.peer, bytes + small_now.cut, small_now.size - small_now.cut };
    r = asyncio_stream_write(raw.peer, bytes, small_now.cut);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(comes_later, &rest), &later);
    if (r < 0)
        return r;
    r = aiohttp_websocket_receive(raw.ws, &message);
    CHECK_IS(r, small_now.more > 0 ? -AIOHTTP_WEBSOCKET : 1);
    if (r < 0)
        CHECK_IS(aiohttp_websocket_close_code(raw.ws), 1009);
    r = asyncio_await(later);
    asyncio_task_unref(later);
    aiohttp_websocket_unref(raw.ws);
    small_now.count++;
    return r;
}

/* One below, at and one above, in both roles. */
static void test_limits_cut_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof small_cases / sizeof *small_cases; i++)
        for (int more = -1; more <= 1; more++) {
            small_now.limit = &small_cases[i / 2];
            small_now.is_client = i % 2;
            small_now.more = more;
            small_now.size = 2;
            for (small_now.cut = 1; small_now.cut < small_now.size; small_now.cut++)
                with_pair(in_two);
        }
    if (world.is_sim && !allocation_is_failing())
        assert_true(small_now.count > 250);
}

/* A frame that is announced and does not come costs no memory. */
static int announced(struct pair *pair)
{
    struct raw raw;
    aiohttp_ws_message message;
    struct ws_setup setup = setup_of(true, &limits);
    int r = raw_open(&raw, pair, &setup);
    if (r >= 0)
        r = asyncio_stream_write(raw.peer, "\x82\x7f\0\0\0\0\0\x40\0\0x", 11);
    asyncio_timeout limit;
    CHECK_IS(asyncio_timeout_enter(&limit, 0.01), 0);
    r = asyncio_timeout_exit(&limit, r < 0 ? r : aiohttp_websocket_receive(raw.ws, &message));
    CHECK_IS(r, -ETIMEDOUT);
    CHECK(raw.ws->capacity <= 4096);
    CHECK_IS(aiohttp_websocket_closed(raw.ws), 0);
    aiohttp_websocket_unref(raw.ws);
    return 0;
}

static void test_announced(void **state)
{
    (void)state;
    with_pair(announced);
}

int main(void)
{
    limits = aiohttp_server_limits();
    memset(long_one, 'x', sizeof long_one);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limits_cut_everywhere),
        cmocka_unit_test(test_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
