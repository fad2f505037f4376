/* SPDX-License-Identifier: MIT */
/* Base64 (RFC 4648, 4), strict: padding, no blanks, no bits that say nothing. */
#pragma once

#include "base/bytes.h"
#include "wire/ascii.h"

/* The six bits of a letter, or -1. */
static inline int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

void aiohttp__base64_write(struct bytes *out, struct span bytes);

/* Appends what `text` stands for; -EINVAL when it is no base64 (then some is appended). */
int aiohttp__base64_read(struct bytes *out, struct span text);
