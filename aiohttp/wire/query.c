/* SPDX-License-Identifier: MIT */
/* Names and values of a query: see query.h. */
#include "wire/query.h"

#include "wire/ascii.h"
#include "wire/quote.h"

bool aiohttp__query_next(struct span query, size_t *position, struct span *ret_name,
                         struct span *ret_value)
{
    size_t at = *position;
    while (at < query.size && query.data[at] == '&')
        at++;
    if (at >= query.size) {
        *position = query.size;
        return false;
    }
    const char *piece = query.data + at;
    const char *end = memchr(piece, '&', query.size - at);
    size_t size = end ? (size_t)(end - piece) : query.size - at;
    const char *equals = memchr(piece, '=', size);
    size_t name = equals ? (size_t)(equals - piece) : size;
    *ret_name = (struct span){ piece, name };
    *ret_value = equals ? (struct span){ equals + 1, size - name - 1 } : (struct span){ piece, 0 };
    *position = at + size;
    return true;
}

void aiohttp__query_write(struct bytes *out, size_t from, struct span name, struct span value)
{
    if (out->size > from)
        bytes_put(out, '&');
    aiohttp__quote(out, name, QUOTE_QUERY_PART);
    bytes_put(out, '=');
    aiohttp__quote(out, value, QUOTE_QUERY_PART);
}

static void form_quote(struct bytes *out, struct span text)
{
    static const struct ascii_set stays = {
        ASCII_DIGITS | ASCII_BIT('*') | ASCII_BIT('-') | ASCII_BIT('.'),
        ASCII_ALPHA | ASCII_BIT('_')
    };
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (ascii_has(stays, text.data[i])) {
            bytes_put(out, text.data[i]);
        } else if (c == ' ') {
            bytes_put(out, '+');
        } else {
            char encoded[3] = { '%', digits[c >> 4], digits[c & 15] };
            aiohttp__bytes_append(out, encoded, sizeof encoded);
        }
    }
}

void aiohttp__form_write(struct bytes *out, size_t from, struct span name, struct span value)
{
    if (out->size > from)
        bytes_put(out, '&');
    form_quote(out, name);
    bytes_put(out, '=');
    form_quote(out, value);
}
