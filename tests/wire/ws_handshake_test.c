/* SPDX-License-Identifier: MIT */
/* Keys, and the parameters of permessage-deflate: offers, answers, what is declined. */
#include "wire/ws_handshake.h"
#include "wire/fields.h"
#include "wire/sha1.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void sha1_is(const char *text, size_t times, const char *expected)
{
    char room[41] = "", *all = malloc(strlen(text) * times + 1);
    size_t size = strlen(text);
    uint8_t hash[SHA1_SIZE];
    assert_non_null(all);
    for (size_t i = 0; i < times; i++)
        memcpy(all + i * size, text, size);
    aiohttp__sha1((struct span){ all, size * times }, hash);
    for (int i = 0; i < SHA1_SIZE; i++) {
        room[2 * i] = "0123456789abcdef"[hash[i] >> 4];
        room[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
    }
    assert_string_equal(room, expected);
    free(all);
}

static void test_sha1(void **state)
{
    (void)state;
    sha1_is("", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    sha1_is("abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d");
    sha1_is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    sha1_is("a", 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    sha1_is("01234567", 80, "dea356a2cddd90c7a7ecedc5ebb563934f460452");
    sha1_is("a", 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a");
    sha1_is("a", 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699");
    sha1_is("a", 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d");
}

static void test_keys(void **state)
{
    (void)state;
    char accept[WS_ACCEPT_SIZE], key[WS_KEY_SIZE];
    aiohttp__ws_accept(SPAN("dGhlIHNhbXBsZSBub25jZQ=="), accept);
    assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", WS_ACCEPT_SIZE);
    aiohttp__ws_key((const uint8_t *)"the sample nonce", key);
    assert_memory_equal(key, "dGhlIHNhbXBsZSBub25jZQ==", WS_KEY_SIZE);
    assert_true(aiohttp__ws_key_is_valid((struct span){ key, sizeof key }));
    assert_false(aiohttp__ws_key_is_valid(SPAN("dGhlIHNhbXBsZSBub25jZQ=")));
    assert_false(aiohttp__ws_key_is_valid(SPAN("dGhlIHNhbXBsZSBub25j")));
    assert_false(aiohttp__ws_key_is_valid(SPAN("dGhlIHNhbXBsZSBub25jZSEh")));
    assert_false(aiohttp__ws_key_is_valid(SPAN("dGhl!HNhbXBsZSBub25jZQ==")));
    assert_false(aiohttp__ws_key_is_valid(SPAN("")));
    assert_true(aiohttp__list_has(SPAN("h2c, WebSocket"), SPAN("websocket")));
    assert_false(aiohttp__list_has(SPAN("h2c, websocket/13"), SPAN("websocket")));
}

static void agrees(const char *field, unsigned bits, const char *answer)
{
    char room[160];
    struct ws_deflate ours = { true, false, false, (uint8_t)bits, (uint8_t)bits }, agreed;
    struct bytes out = bytes_in(room, sizeof room);
    bool is_agreed = aiohttp__ws_agree(span_of(field), &ours, &agreed);
    if (!answer) {
        assert_false(is_agreed);
        return;
    }
    assert_true(is_agreed);
    aiohttp__ws_write_answer(&out, &agreed);
    assert_int_equal(out.error, 0);
    assert_int_equal(out.size, strlen(answer));
    assert_memory_equal(room, answer, out.size);
}

static void test_offers(void **state)
{
    (void)state;
    agrees("permessage-deflate", 15, "permessage-deflate");
    agrees("Permessage-Deflate", 15, "permessage-deflate");
    agrees("permessage-deflate; client_max_window_bits", 15, "permessage-deflate");
    agrees("permessage-deflate; client_max_window_bits", 10,
           "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10");
    agrees("permessage-deflate", 10, "permessage-deflate; server_max_window_bits=10");
    agrees("permessage-deflate; client_max_window_bits=9", 15,
           "permessage-deflate; client_max_window_bits=9");
    agrees("permessage-deflate; server_max_window_bits=\"8\"", 15,
           "permessage-deflate; server_max_window_bits=8");
    agrees("permessage-deflate;server_no_context_takeover ; client_no_context_takeover", 15,
           "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    /* who asks for it is told so, whatever it is (RFC 7692, 7.1.2.1) */
    agrees("permessage-deflate; server_max_window_bits=15", 15,
           "permessage-deflate; server_max_window_bits=15");
    /* the first that can be kept */
    agrees("x-other; a=1, permessage-deflate; unknown, permessage-deflate; "
           "server_max_window_bits=12, permessage-deflate", 15,
           "permessage-deflate; server_max_window_bits=12");
    static const char *const declined[] = {
        "",
        ",",
        "x-webkit-deflate-frame",
        "permessage-deflate; unknown",
        "permessage-deflate=1",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; client_max_window_bits=1",
        "permessage-deflate; client_max_window_bits=-9",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=\"",
        "permessage-deflate client_max_window_bits",
    };
    for (size_t i = 0; i < sizeof declined / sizeof *declined; i++)
        agrees(declined[i], 15, NULL);
}

static int answered(const char *field, struct ws_deflate ours, struct ws_deflate *ret_agreed)
{
    *ret_agreed = (struct ws_deflate){ .is_on = false };
    return aiohttp__ws_read_answer(span_of(field), &ours, ret_agreed);
}

static void test_answers(void **state)
{
    (void)state;
    struct ws_deflate agreed, off = { .is_on = false };
    struct ws_deflate any = { true, false, false, 15, 15 }, ten = { true, true, false, 10, 12 };
    assert_int_equal(answered("permessage-deflate", any, &agreed), 0);
    assert_true(agreed.is_on && agreed.server_bits == 15 && agreed.client_bits == 15);
    assert_int_equal(answered("permessage-deflate; client_max_window_bits=8; "
                              "server_max_window_bits=9; client_no_context_takeover",
                              any, &agreed), 0);
    assert_true(agreed.client_forgets && !agreed.server_forgets);
    assert_int_equal(agreed.client_bits, 8);
    assert_int_equal(agreed.server_bits, 9);
    assert_int_equal(answered("", any, &agreed), 0);
    assert_false(agreed.is_on);
    assert_int_equal(answered("permessage-deflate", off, &agreed), -EINVAL);
    assert_int_equal(answered("x-other", any, &agreed), -EINVAL);
    assert_int_equal(answered("permessage-deflate, permessage-deflate", any, &agreed), -EINVAL);
    assert_int_equal(answered("permessage-deflate; client_max_window_bits", any, &agreed), -EINVAL);
    assert_int_equal(answered("permessage-deflate; unknown=1", any, &agreed), -EINVAL);
    assert_int_equal(answered("permessage-deflate; server_no_context_takeover; "
                              "server_max_window_bits=10", ten, &agreed), 0);
    assert_int_equal(agreed.client_bits, 12);
    assert_int_equal(answered("permessage-deflate; server_no_context_takeover", ten, &agreed),
                     -EINVAL);
    assert_int_equal(answered("permessage-deflate; server_max_window_bits=10", ten, &agreed),
                     -EINVAL);
    assert_int_equal(answered("permessage-deflate; server_no_context_takeover; "
                              "server_max_window_bits=11", ten, &agreed), -EINVAL);
    /* no more than was offered (RFC 7692, 7.1.2.2) */
    assert_int_equal(answered("permessage-deflate; server_no_context_takeover; "
                              "server_max_window_bits=10; client_max_window_bits=12",
                              ten, &agreed), 0);
    assert_int_equal(answered("permessage-deflate; server_no_context_takeover; "
                              "server_max_window_bits=10; client_max_window_bits=13",
                              ten, &agreed), -EINVAL);
    char room[200];
    struct bytes out = bytes_in(room, sizeof room);
    aiohttp__ws_write_offer(&out, &ten);
    bytes_put(&out, '\0');
    assert_string_equal(room, "permessage-deflate; server_no_context_takeover; "
                              "server_max_window_bits=10; client_max_window_bits=12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha1),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_offers),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
