/* SPDX-License-Identifier: MIT */
/* UTF-8 in pieces and whole: every character, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/utf8.h"

static bool is_utf8(const char *text, size_t size)
{
    uint32_t whole = 0;
    bool good = aiohttp__utf8_step(&whole, text, size) && whole == 0;
    assert_int_equal(aiohttp__is_utf8((struct span){ text, size }), good);
    for (size_t split = 0; split <= size; split++) {
        uint32_t now = 0;
        bool again = aiohttp__utf8_step(&now, text, split) &&
                     aiohttp__utf8_step(&now, text + split, size - split) && now == 0;
        assert_int_equal(again, good);
    }
    return good;
}

static size_t encode(uint32_t code, char text[4])
{
    if (code < 0x80)
        return text[0] = (char)code, 1;
    if (code < 0x800)
        return text[0] = (char)(0xc0 | code >> 6), text[1] = (char)(0x80 | (code & 63)), 2;
    if (code < 0x10000) {
        text[0] = (char)(0xe0 | code >> 12);
        text[1] = (char)(0x80 | (code >> 6 & 63));
        text[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    text[0] = (char)(0xf0 | code >> 18);
    text[1] = (char)(0x80 | (code >> 12 & 63));
    text[2] = (char)(0x80 | (code >> 6 & 63));
    text[3] = (char)(0x80 | (code & 63));
    return 4;
}

static void every_character_is_utf8(void **state)
{
    (void)state;
    char text[24];
    for (uint32_t code = 0; code < 0x120000; code++) {
        size_t size = encode(code, text);
        bool good = code < 0xd800 || (code > 0xdfff && code < 0x110000);
        assert_int_equal(is_utf8(text, size), good);
        if (size > 1)
            assert_false(is_utf8(text, size - 1));
        if (code % 977 == 0) { /* within ASCII, behind and before eight of it */
            char long_text[24] = "12345678";
            memcpy(long_text + 8, text, size);
            memcpy(long_text + 8 + size, "12345678", 8);
            assert_int_equal(is_utf8(long_text, 16 + size), good);
        }
    }
}

static void what_is_no_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xc3(",
        "\xe2\x82(",
        "\xc3",
        "a\xe2\x82",
        "12345678\xf0\x9f\x98",
        "\xf8\x88\x80\x80\x80",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(is_utf8(bad[i], strlen(bad[i])));
    assert_true(is_utf8("", 0));
    /* three bytes of any kind, against the list of what may be */
    for (unsigned a = 0xc0; a < 0x100; a++)
        for (unsigned b = 0x70; b < 0x100; b++) {
            char text[2] = { (char)a, (char)b };
            assert_int_equal(is_utf8(text, 2), a >= 0xc2 && a < 0xe0 && b >= 0x80 && b < 0xc0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_utf8),
        cmocka_unit_test(what_is_no_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
