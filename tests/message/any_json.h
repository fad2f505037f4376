/* SPDX-License-Identifier: MIT */
/* Values for tests of JSON, by a seed. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint64_t seed;

static uint32_t any(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}

/* Text of all kinds of characters: a NUL, controls, what is escaped, two to four bytes; now and
 * then what is none. Its size. */
static size_t any_text(char text[128])
{
    static const char *const pieces[] = {
        "\"", "\\", "/", "\x7f", "\b", "\f", "\n", "\r", "\t", "\x01", "\x1f", "\x0b", " ", "a",
        "seven..", "eight...", "\xc2\x80", "\xc3\xa4", "\xdf\xbf", "\xe0\xa0\x80", "\xe2\x82\xac",
        "\xed\x9f\xbf", "\xef\xbf\xbf", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "!", "#", "[", "]",
    };
    static const char *const none[] = { "\xff", "\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80",
                                        "\xe2\x82", "\xf4\x90\x80\x80", "\xf0\x9f\x98" };
    size_t size = 0;
    for (uint32_t count = any(14); count; count--) {
        const char *piece = pieces[any(sizeof pieces / sizeof *pieces)];
        if (any(400) == 0)
            piece = none[any(sizeof none / sizeof *none)];
        memcpy(text + size, piece, strlen(piece));
        size += strlen(piece);
        if (any(50) == 0)
            text[size++] = '\0';
    }
    return size;
}

static json_t *any_number(void)
{
    static const double reals[] = { 0.0, -0.0, 1.0, -1.5, 0.1, 1e17, 1e16, 123456789012345680.0,
                                    1e300, 1e-300, 5e-324, 1.7976931348623157e308, 3.14e-5 };
    static const json_int_t integers[] = { 0, -1, 9, 10, 99, 100, INT64_MAX, INT64_MIN,
                                           INT64_MIN + 1, 4294967296 };
    switch (any(4)) {
    case 0:
        return json_integer(integers[any(sizeof integers / sizeof *integers)]);
    case 1:
        return json_integer((json_int_t)(any(UINT32_MAX) * UINT64_C(0x9e3779b97f4a7c15)) >>
                            any(64));
    case 2:
        return json_real(reals[any(sizeof reals / sizeof *reals)]);
    default:
        return json_real(((double)any(2000000) - 1e6) / (1 + any(1000)));
    }
}

static json_t *any_tree(uint32_t depth)
{
    char text[128];
    uint32_t what = any(depth ? 8 : 5);
    if (what < 2)
        return json_stringn_nocheck(text, any_text(text));
    if (what < 3)
        return any_number();
    if (what < 5)
        return any(2) ? json_boolean(any(2)) : json_null();
    json_t *tree = what < 6 ? json_array() : json_object();
    for (uint32_t count = any(6); count; count--) {
        if (what < 6) {
            json_array_append_new(tree, any_tree(depth - 1));
            continue;
        }
        text[any_text(text)] = '\0';
        json_object_set_new_nocheck(tree, text, any_tree(depth - 1));
    }
    return tree;
}
