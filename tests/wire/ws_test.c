/* SPDX-License-Identifier: MIT */
/* WebSocket frames: every rule of headers, limits before the payload, masks against the
 * obvious way to do it, in every split. (UTF-8: utf8_test.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/ws.h"

#include <stdlib.h>
#include <string.h>

static struct ws_reader reader_of(bool from_client, bool has_deflate)
{
    struct ws_reader reader;
    aiohttp_limits limits = aiohttp_server_limits();
    aiohttp__ws_reader_init(&reader, &limits, from_client, has_deflate);
    return reader;
}

/* Byte by byte, in memory that ends where they end: the result of the whole, and it changes nothing
 * to have asked before. */
static int read_header(struct ws_reader *reader, const void *bytes, size_t size,
                       struct ws_frame *frame)
{
    struct ws_reader whole = *reader;
    struct ws_frame first = { .size = 0 };
    int expected = aiohttp__ws_read_header(&whole, bytes, size, &first), r = 0;
    for (size_t known = 0; known <= size && r == 0; known++) {
        char *copy = malloc(known > 0 ? known : 1);
        memcpy(copy, bytes, known);
        r = aiohttp__ws_read_header(reader, copy, known, frame);
        free(copy);
        assert_true(r <= (int)known);
    }
    assert_int_equal(r, expected);
    assert_memory_equal(reader, &whole, sizeof whole);
    return r;
}

static void headers_come_back(void **state)
{
    (void)state;
    static const uint64_t sizes[] = { 0, 1, 125, 126, 127, 65535, 65536, 65537, 4194304 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int masked = 0; masked < 2; masked++)
            for (unsigned opcode = WS_TEXT; opcode <= WS_PONG; opcode += 1) {
                if ((opcode > WS_BINARY && opcode < WS_CLOSE) || (opcode >= 8 && sizes[i] > 125))
                    continue;
                char header[WS_HEADER_MAX];
                struct ws_frame got, frame = { .size = sizes[i],
                                               .opcode = (uint8_t)opcode,
                                               .is_final = true,
                                               .is_deflated = opcode < 8,
                                               .is_masked = masked,
                                               .mask = { 1, 2, 3, 4 } };
                size_t size = aiohttp__ws_write_header(header, &frame);
                struct ws_reader reader = reader_of(masked, true);
                assert_int_equal(read_header(&reader, header, size, &got), size);
                assert_int_equal(got.size, frame.size);
                assert_int_equal(got.opcode, opcode);
                assert_true(got.is_final && got.is_masked == masked);
                assert_int_equal(got.is_deflated, frame.is_deflated);
                if (masked)
                    assert_memory_equal(got.mask, frame.mask, 4);
            }
}

static void refused(const char *frames, size_t size, bool from_client, bool has_deflate, int code)
{
    struct ws_reader reader = reader_of(from_client, has_deflate);
    struct ws_frame frame;
    int r;
    while ((r = read_header(&reader, frames, size, &frame)) > 0) {
        frames += r; /* frames here have no payload */
        size -= (size_t)r;
    }
    assert_int_equal(r, -code);
}

#define FROM_SERVER(bytes, code) refused(bytes, sizeof(bytes) - 1, false, false, code)
#define FROM_CLIENT(bytes, code) refused(bytes, sizeof(bytes) - 1, true, false, code)

static void what_nobody_may_send(void **state)
{
    (void)state;
    FROM_CLIENT("\x81\x05", WS_CLOSE_PROTOCOL);         /* no mask: told by two bytes */
    FROM_SERVER("\x81\x80", WS_CLOSE_PROTOCOL);         /* a mask */
    FROM_SERVER("\xa1\x00", WS_CLOSE_PROTOCOL);         /* RSV2 */
    FROM_SERVER("\x91\x00", WS_CLOSE_PROTOCOL);         /* RSV3 */
    FROM_SERVER("\x80\x00", WS_CLOSE_PROTOCOL);         /* a continuation of nothing */
    FROM_SERVER("\x01\x00\x81\x00", WS_CLOSE_PROTOCOL); /* a message within another */
    FROM_SERVER("\x01\x00\x80\x00\x80\x00", WS_CLOSE_PROTOCOL);
    FROM_SERVER("\x09\x00", WS_CLOSE_PROTOCOL); /* a ping in fragments */
    FROM_SERVER("\x89\x7e", WS_CLOSE_PROTOCOL); /* a ping of more than 125 bytes */
    FROM_SERVER("\x88\x7f", WS_CLOSE_PROTOCOL);
    for (unsigned opcode = 0; opcode < 16; opcode++)
        if ((opcode > 2 && opcode < 8) || opcode > 10) {
            char bytes[2] = { (char)(0x80 | opcode), 0 };
            refused(bytes, 2, false, false, WS_CLOSE_PROTOCOL);
        }
    FROM_SERVER("\x82\x7e\x00\x7d", WS_CLOSE_PROTOCOL); /* not the shortest form */
    FROM_SERVER("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", WS_CLOSE_PROTOCOL);
    FROM_SERVER("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", WS_CLOSE_PROTOCOL); /* 2^63 */
    FROM_SERVER("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", WS_CLOSE_TOO_BIG);
    /* with deflate: RSV1 on the first frame of a message only */
    refused("\x41\x00\xc0\x00", 4, false, true, WS_CLOSE_PROTOCOL);
    refused("\xc9\x00", 2, false, true, WS_CLOSE_PROTOCOL);
    /* a ping between fragments is allowed */
    FROM_SERVER("\x01\x00\x89\x00\x8a\x00\x00\x00\x80\x00\xc1\x00", WS_CLOSE_PROTOCOL);
}

/* RSV1 where compression was not agreed on: of either side, on whatever begins a message, on what
 * goes on with it, and on what may come in between. */
static void CVE_2026_59881_rsv1_without_compression(void **state)
{
    (void)state;
    FROM_SERVER("\xc1\x00", WS_CLOSE_PROTOCOL);
    FROM_SERVER("\xc2\x00", WS_CLOSE_PROTOCOL);
    FROM_SERVER("\x41\x00", WS_CLOSE_PROTOCOL);
    FROM_SERVER("\x01\x00\xc0\x00", WS_CLOSE_PROTOCOL);
    FROM_SERVER("\xc9\x00", WS_CLOSE_PROTOCOL);
    FROM_SERVER("\xc8\x00", WS_CLOSE_PROTOCOL);
    FROM_CLIENT("\xc1\x80\0\0\0\0", WS_CLOSE_PROTOCOL);
    FROM_CLIENT("\xc2\x80\0\0\0\0", WS_CLOSE_PROTOCOL);
    struct ws_frame frame;
    struct ws_reader reader = reader_of(false, true); /* agreed on: it is taken */
    assert_int_equal(read_header(&reader, "\xc1\x00", 2, &frame), 2);
    assert_true(frame.is_deflated);
}

static int after(struct ws_reader *reader, bool is_first, bool is_final, uint64_t size)
{
    char header[WS_HEADER_MAX];
    struct ws_frame got, frame = { .size = size,
                                   .opcode = is_first ? WS_BINARY : WS_CONTINUATION,
                                   .is_final = is_final };
    size_t bytes = aiohttp__ws_write_header(header, &frame);
    return read_header(reader, header, bytes, &got);
}

static void CVE_2026_54274_limits_by_announced_length(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    assert_int_equal(limits.message, 4194304);
    assert_int_equal(limits.frame, 4194304);
    assert_int_equal(limits.fragments, 1024);
    struct ws_reader reader;
    for (int more = -1; more <= 1; more++) {
        int code = more > 0 ? -WS_CLOSE_TOO_BIG : 0;
        limits = aiohttp_server_limits();
        limits.frame = 1000;
        aiohttp__ws_reader_init(&reader, &limits, false, false);
        assert_true(code == 0 ? after(&reader, true, true, (uint64_t)(1000 + more)) == 4
                              : after(&reader, true, true, 1001) == code);
        limits.frame = AIOHTTP_UNLIMITED;
        limits.message = 1000;
        aiohttp__ws_reader_init(&reader, &limits, false, false);
        assert_int_equal(after(&reader, true, false, 600), 4);
        assert_true(code == 0 ? after(&reader, false, true, (uint64_t)(400 + more)) == 4
                              : after(&reader, false, true, 401) == code);
        if (code == 0)
            assert_int_equal(after(&reader, true, true, 1000), 4); /* counted anew */
        limits.fragments = 5;
        aiohttp__ws_reader_init(&reader, &limits, false, false);
        for (int i = 0; i < 4 + more; i++)
            assert_int_equal(after(&reader, i == 0, false, 0), 2);
        assert_int_equal(after(&reader, false, true, 0), more > 0 ? code : 2);
    }
    limits.message = limits.frame = AIOHTTP_UNLIMITED;
    aiohttp__ws_reader_init(&reader, &limits, false, false);
    assert_int_equal(after(&reader, true, false, INT64_MAX), 10);
    assert_int_equal(after(&reader, false, false, INT64_MAX), 10);
    assert_int_equal(after(&reader, false, false, 100), -WS_CLOSE_TOO_BIG); /* 2^64 */
}

static void masks_are_bytes_by_bytes(void **state)
{
    (void)state;
    static const uint8_t mask[4] = { 0x12, 0xff, 0x00, 0xa5 };
    for (size_t size = 0; size < 70; size++)
        for (uint64_t at = 0; at < 5; at++)
            for (size_t offset = 0; offset < 3; offset++) {
                char *text = malloc(size + offset + 1);
                for (size_t i = 0; i < size + offset; i++)
                    text[i] = (char)(i * 7);
                aiohttp__ws_mask(text + offset, size, mask, at);
                for (size_t i = 0; i < offset; i++)
                    assert_int_equal(text[i], (char)(i * 7));
                for (size_t i = 0; i < size; i++)
                    assert_int_equal((uint8_t)text[i + offset],
                                     (uint8_t)((i + offset) * 7) ^ mask[(at + i) % 4]);
                free(text);
            }
}

/* What does it for short messages: as above, and the byte behind them stays. */
static void short_masks(void **state)
{
    (void)state;
    static const uint8_t mask[4] = { 0x12, 0xff, 0x01, 0xa5 };
    for (size_t size = 0; size <= 130; size++)
        for (size_t offset = 0; offset < 3; offset++) {
            char *text = malloc(size + offset + 1), *at = text + offset;
            assert_non_null(text);
            for (size_t i = 0; i <= size; i++)
                at[i] = (char)(i * 7);
            ws_mask_short(at, size, mask);
            for (size_t i = 0; i < size; i++)
                assert_int_equal((uint8_t)at[i], (uint8_t)(i * 7) ^ mask[i % 4]);
            assert_int_equal(at[size], (char)(size * 7));
            free(text);
        }
}

static void close_frames(void **state)
{
    (void)state;
    struct span reason;
    assert_int_equal(aiohttp__ws_read_close("", 0, &reason), WS_CLOSE_NO_CODE);
    assert_int_equal(aiohttp__ws_read_close("\x03", 1, &reason), -WS_CLOSE_PROTOCOL);
    assert_int_equal(aiohttp__ws_read_close("\x03\xe8", 2, &reason), WS_CLOSE_OK);
    assert_int_equal(reason.size, 0);
    assert_int_equal(aiohttp__ws_read_close("\x03\xe9gone", 6, &reason), 1001);
    assert_true(span_is(reason, SPAN("gone")));
    assert_int_equal(aiohttp__ws_read_close("\x03\xe8\xff", 3, &reason), -WS_CLOSE_INVALID);
    assert_int_equal(aiohttp__ws_read_close("\x03\xe8\xc3", 3, &reason), -WS_CLOSE_INVALID);
    for (unsigned code = 0; code < 65536; code++) {
        char text[2] = { (char)(code >> 8), (char)code };
        bool good = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                    (code >= 3000 && code <= 4999);
        assert_int_equal(aiohttp__ws_read_close(text, 2, &reason),
                         good ? (int)code : -WS_CLOSE_PROTOCOL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_come_back),
        cmocka_unit_test(what_nobody_may_send),
        cmocka_unit_test(CVE_2026_59881_rsv1_without_compression),
        cmocka_unit_test(CVE_2026_54274_limits_by_announced_length),
        cmocka_unit_test(masks_are_bytes_by_bytes),
        cmocka_unit_test(short_masks),
        cmocka_unit_test(close_frames),
    };
    return cmocka_run_group_tests_name("wire_ws", tests, NULL, NULL);
}
