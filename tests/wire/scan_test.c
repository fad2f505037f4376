/* SPDX-License-Identifier: MIT */
/* Classes of bytes are what the RFCs say, every kind of vector scans as the plain loop does, and
 * the hash of header names is perfect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/names_find.h"
#include "wire/scan.h"

#include <stdlib.h>
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static void is_class(const struct char_class *class, const char *also, bool has_high)
{
    for (int c = 0; c < 256; c++) {
        bool is_in = c >= 128 ? has_high : c != 0 && strchr(also, c) != NULL;
        assert_int_equal(!class_ends(class, (char)c), is_in);
    }
}

static void classes_are_those_of_the_rfcs(void **state)
{
    (void)state;
    is_class(&aiohttp__class_token, LETTERS DIGITS "!#$%&'*+-.^_`|~", false);
    is_class(&aiohttp__class_value, LETTERS DIGITS "\t !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", true);
    is_class(&aiohttp__class_host, LETTERS DIGITS "-._~!$&'()*+,;=", false);
    is_class(&aiohttp__class_target, LETTERS DIGITS "!$%&'()*+,-./:;=?@[\\]^_`{|}~", false);
    is_class(&aiohttp__class_target_lenient, LETTERS DIGITS "!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
             true);
}

static uint32_t chance(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Text of one class with now and then another byte, at every alignment, in memory that ends where
 * it ends. */
static void vectors_scan_as_the_plain_loop(void **state)
{
    (void)state;
    static const struct char_class *const classes[] = {
        &aiohttp__class_token,  &aiohttp__class_value,          &aiohttp__class_host,
        &aiohttp__class_target, &aiohttp__class_target_lenient,
    };
    uint32_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        const struct char_class *class = classes[chance(&seed) % 5];
        size_t size = chance(&seed) % 140, from = size > 0 ? chance(&seed) % size : 0;
        char *text = malloc(size + 1);
        for (size_t i = 0; i < size; i++)
            text[i] = chance(&seed) % 40 == 0 ? (char)chance(&seed) : (char)('a' + i % 26);
        char *exact = malloc(size > 0 ? size : 1);
        memcpy(exact, text, size);
        const char *expected = scan_bytes(exact + from, exact + size, class);
        for (const struct lines *const *lines = aiohttp__lines_all; *lines != NULL; lines++)
            if ((*lines)->is_there()) {
                assert_ptr_equal((*lines)->scan(exact, exact + from, exact + size, class),
                                 expected);
                assert_ptr_equal((*lines)->scan(exact + from, exact + from, exact + size, class),
                                 expected);
            }
        free(exact);
        free(text);
    }
}

static void vectors_stop_at_each_byte(void **state)
{
    (void)state;
    for (const struct lines *const *lines = aiohttp__lines_all; *lines != NULL; lines++)
        for (int c = 0; c < 256 && (*lines)->is_there(); c++)
            for (size_t at = 0; at < 70; at++) {
                char text[70];
                memset(text, 'x', sizeof text);
                text[at] = (char)c;
                const char *stop =
                    class_ends(&aiohttp__class_value, (char)c) ? text + at : text + 70;
                assert_ptr_equal((*lines)->scan(text, text, text + 70, &aiohttp__class_value),
                                 stop);
            }
}

static void the_best_there_is_is_chosen(void **state)
{
    (void)state;
    const struct lines *best = NULL;
    for (const struct lines *const *lines = aiohttp__lines_all; *lines != NULL; lines++)
        best = (*lines)->is_there() ? *lines : best;
    assert_ptr_equal(lines_now(), best);
}

static void every_name_is_found(void **state)
{
    (void)state;
    for (unsigned id = HEADER_OTHER + 1; id < HEADER_COUNT; id++) {
        struct span text = aiohttp__header_text((enum header_id)id);
        char other[NAMES_LONGEST];
        assert_true(text.size > 1 && text.size <= NAMES_LONGEST);
        assert_int_equal(aiohttp__header_id(text.data, text.size), id);
        for (size_t i = 0; i < text.size; i++)
            other[i] = (char)(i % 2 ? ascii_lower(text.data[i]) : text.data[i] & ~0x20);
        for (size_t i = 0; i < text.size; i++)
            if (ascii_lower(text.data[i]) < 'a')
                other[i] = text.data[i];
        assert_int_equal(aiohttp__header_id(other, text.size), id);
        for (size_t i = 0; i < text.size; i++) { /* one letter wrong is another name */
            char kept = other[i];
            other[i] = kept == '!' ? '#' : '!';
            assert_int_equal(aiohttp__header_id(other, text.size), HEADER_OTHER);
            other[i] = kept;
        }
        assert_int_equal(aiohttp__header_id(text.data, text.size - 1), HEADER_OTHER);
    }
    assert_int_equal(aiohttp__header_id("X-Unknown", 9), HEADER_OTHER);
    assert_int_equal(aiohttp__header_id("", 0), HEADER_OTHER);
    assert_int_equal(aiohttp__header_id("a", 1), HEADER_OTHER);
    assert_int_equal(aiohttp__header_text(HEADER_OTHER).size, 0);
}

static void letters_and_numbers_do_not_run_into_one_another(void **state)
{
    (void)state;
    /* bytes that bit 5 makes into those of a known name, were they allowed in tokens */
    assert_int_equal(aiohttp__header_id("content_length", 14), HEADER_OTHER);
    assert_int_equal(aiohttp__header_id("Content-Length", 14), HEADER_CONTENT_LENGTH);
    assert_int_equal(aiohttp__header_id("x-real-ip", 9), HEADER_X_REAL_IP);
    assert_int_equal(aiohttp__header_id("x~real~ip", 9), HEADER_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_there_is_is_chosen),
        cmocka_unit_test(classes_are_those_of_the_rfcs),
        cmocka_unit_test(vectors_scan_as_the_plain_loop),
        cmocka_unit_test(vectors_stop_at_each_byte),
        cmocka_unit_test(every_name_is_found),
        cmocka_unit_test(letters_and_numbers_do_not_run_into_one_another),
    };
    return cmocka_run_group_tests_name("wire_scan", tests, NULL, NULL);
}
