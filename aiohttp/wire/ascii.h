/* SPDX-License-Identifier: MIT */
/* Which bytes are what. Tables, as two words of bits, and never <ctype.h>: no locale changes them,
 * no sign of a char reaches beyond them, and no digit but 0 to 9 is one. */
#pragma once

#include "base/span.h"

#include <stdint.h>

/* Of the 128 bytes of ASCII; no other byte is in any set. */
struct ascii_set {
    uint64_t low, high;
};

#define ASCII_BIT(c) (UINT64_C(1) << ((c) & 63))
#define ASCII_DIGITS UINT64_C(0x03ff000000000000) /* low */
#define ASCII_ALPHA UINT64_C(0x07fffffe07fffffe)  /* high */

static inline bool ascii_has(struct ascii_set set, char c)
{
    unsigned char u = (unsigned char)c;
    return u < 128 && ((u < 64 ? set.low : set.high) >> (u & 63) & 1) != 0;
}

static inline bool ascii_has_all(struct ascii_set set, struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!ascii_has(set, text.data[i]))
            return false;
    return true;
}

/* RFC 9110, 5.6.2: ALPHA DIGIT ! # $ % & ' * + - . ^ _ ` | ~ */
static const struct ascii_set ascii_token = {
    ASCII_DIGITS | ASCII_BIT('!') | ASCII_BIT('#') | ASCII_BIT('$') | ASCII_BIT('%') |
        ASCII_BIT('&') | ASCII_BIT('\'') | ASCII_BIT('*') | ASCII_BIT('+') | ASCII_BIT('-') |
        ASCII_BIT('.'),
    ASCII_ALPHA | ASCII_BIT('^') | ASCII_BIT('_') | ASCII_BIT('`') | ASCII_BIT('|') |
        ASCII_BIT('~'),
};

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
    unsigned char l = ascii_lower(c);
    return l >= 'a' && l <= 'z';
}

/* A control character: 0 to 31 and 127. */
static inline bool ascii_is_control(char c)
{
    unsigned char u = (unsigned char)c;
    return u < 32 || u == 127;
}

static inline bool ascii_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The value of a hexadecimal digit, or -1. */
static inline int ascii_hex(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    unsigned char l = ascii_lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/* The byte that the two hexadecimal digits at `at` are, or -1 when they are none or not before
 * `end`. */
static inline int ascii_hex_pair(const char *at, const char *end)
{
    if (end - at < 2)
        return -1;
    int high = ascii_hex(at[0]), low = ascii_hex(at[1]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* 1*DIGIT up to `max`: true, and the number. No sign, no blank, no other digits than ASCII's. */
static inline bool ascii_number(struct span text, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (!ascii_is_digit(text.data[i]))
            return false;
        unsigned digit = (unsigned)(text.data[i] - '0');
        if (number > (max - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    if (text.size == 0)
        return false;
    *ret_number = number;
    return true;
}

/* Without the blanks at both ends. */
static inline struct span ascii_trim(struct span text)
{
    while (text.size > 0 && ascii_is_blank(text.data[0]))
        text = (struct span){ text.data + 1, text.size - 1 };
    while (text.size > 0 && ascii_is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* A control character other than the tab: what may be in no value of a field. */
static inline bool ascii_has_control(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (ascii_is_control(text.data[i]) && text.data[i] != '\t')
            return true;
    return false;
}
