/* SPDX-License-Identifier: MIT */
/* Percent-encoding: see quote.h. */
#include "wire/quote.h"

#include "wire/ascii.h"
#include "wire/utf8.h"

#include <string.h>

/* unreserved, and ! $ ' ( ) * , */
#define LOW                                                                                        \
    (ASCII_DIGITS | ASCII_BIT('-') | ASCII_BIT('.') | ASCII_BIT('!') | ASCII_BIT('$') |            \
     ASCII_BIT('\'') | ASCII_BIT('(') | ASCII_BIT(')') | ASCII_BIT('*') | ASCII_BIT(','))
#define HIGH (ASCII_ALPHA | ASCII_BIT('_') | ASCII_BIT('~'))
/* + & = ; : what divides a query */
#define DIVIDES (ASCII_BIT('+') | ASCII_BIT('&') | ASCII_BIT('=') | ASCII_BIT(';'))

struct rule {
    struct ascii_set safe, kept; /* not encoded; neither encoded nor decoded */
    bool is_query;
};

static const struct rule rules[] = {
    [QUOTE_USER] = { { LOW | DIVIDES, HIGH }, { 0, 0 }, false },
    [QUOTE_PATH] = { { LOW | DIVIDES | ASCII_BIT(':') | ASCII_BIT('/'), HIGH | ASCII_BIT('@') },
                     { ASCII_BIT('/') | ASCII_BIT('+'), 0 },
                     false },
    [QUOTE_SEGMENT] = { { LOW | DIVIDES | ASCII_BIT(':'), HIGH | ASCII_BIT('@') },
                        { ASCII_BIT('/') | ASCII_BIT('+'), 0 },
                        false },
    [QUOTE_QUERY] = { { LOW | DIVIDES | ASCII_BIT('?') | ASCII_BIT('/') | ASCII_BIT(':'),
                        HIGH | ASCII_BIT('@') },
                      { DIVIDES, 0 },
                      true },
    [QUOTE_QUERY_PART] = { { LOW | ASCII_BIT('?') | ASCII_BIT('/') | ASCII_BIT(':'),
                             HIGH | ASCII_BIT('@') },
                           { 0, 0 },
                           true },
    [QUOTE_FRAGMENT] = { { LOW | DIVIDES | ASCII_BIT('?') | ASCII_BIT('/') | ASCII_BIT(':'),
                           HIGH | ASCII_BIT('@') },
                         { 0, 0 },
                         false },
};

static void put_encoded(struct bytes *out, unsigned char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[3] = { '%', digits[byte >> 4], digits[byte & 15] };
    aiohttp__bytes_append(out, text, sizeof text);
}

static void quote(struct bytes *out, struct span text, const struct rule *rule, bool again)
{
    if (text.size == 0)
        return;
    const char *end = text.data + text.size;
    for (const char *at = text.data; at != end;) {
        const char *run = at;
        while (at != end && ascii_has(rule->safe, *at))
            at++;
        aiohttp__bytes_append(out, run, (size_t)(at - run));
        if (at == end)
            break;
        int byte = again && *at == '%' ? ascii_hex_pair(at + 1, end) : -1;
        if (byte >= 0) {
            if (byte < 128 && ascii_has(rule->safe, (char)byte) &&
                !ascii_has(rule->kept, (char)byte))
                bytes_put(out, (char)byte);
            else
                put_encoded(out, (unsigned char)byte);
            at += 3;
        } else {
            if (rule->is_query && *at == ' ')
                bytes_put(out, '+');
            else
                put_encoded(out, (unsigned char)*at);
            at++;
        }
    }
}

void aiohttp__quote(struct bytes *out, struct span text, enum quote_part part)
{
    quote(out, text, &rules[part], false);
}

void aiohttp__requote(struct bytes *out, struct span text, enum quote_part part)
{
    quote(out, text, &rules[part], true);
}

/* Whether a decoded byte of ASCII stays encoded. */
static bool stays(char c, enum unquote_kind kind)
{
    if (c == '\0')
        return true;
    if (kind == UNQUOTE_PATH_SAFE)
        return c == '/' || c == '%';
    if (kind == UNQUOTE_REST)
        return c != '/' && c != '%';
    return kind == UNQUOTE_QUERY && ascii_has((struct ascii_set){ DIVIDES, 0 }, c);
}

/* What the escapes at `at` stand for: up to four bytes. */
static size_t decode_escapes(const char *at, const char *end, char decoded[4])
{
    size_t count = 0;
    while (count < 4 && end - at >= 3 && *at == '%') {
        int byte = ascii_hex_pair(at + 1, end);
        if (byte < 0)
            break;
        decoded[count++] = (char)byte;
        at += 3;
    }
    return count;
}

void aiohttp__unquote(struct bytes *out, struct span text, enum unquote_kind kind)
{
    bool plus = kind == UNQUOTE_QUERY || kind == UNQUOTE_FORM;
    if (text.size == 0)
        return;
    const char *end = text.data + text.size;
    for (const char *at = text.data; at != end;) {
        const char *run = at;
        if (!plus && !(at = memchr(at, '%', (size_t)(end - at))))
            at = end;
        while (at != end && *at != '%' && *at != '+')
            at++;
        aiohttp__bytes_append(out, run, (size_t)(at - run));
        if (at == end)
            break;
        if (*at == '+') {
            bytes_put(out, ' ');
            at++;
            continue;
        }
        char decoded[4];
        size_t count = decode_escapes(at, end, decoded), bad;
        if (count == 0) {
            bytes_text(out, kind == UNQUOTE_PATH_SAFE ? "%25" : "%");
            at++;
            continue;
        }
        size_t size = utf8_next((struct span){ decoded, count }, &bad);
        if (size == 0 && kind == UNQUOTE_FORM)
            bytes_text(out, "\xef\xbf\xbd");
        else if (size == 0 || (size == 1 && stays(decoded[0], kind)) ||
                 (size > 1 && kind == UNQUOTE_REST))
            for (size_t i = 0; i < (size ? size : bad); i++)
                aiohttp__bytes_append(out, at + 3 * i, 3);
        else
            aiohttp__bytes_append(out, decoded, size);
        at += 3 * (size ? size : bad);
    }
}

void aiohttp__unquote_bytes(struct bytes *out, struct span text)
{
    if (text.size == 0)
        return;
    const char *end = text.data + text.size;
    for (const char *at = text.data; at != end;) {
        int byte = *at == '%' ? ascii_hex_pair(at + 1, end) : -1;
        if (byte >= 0) {
            bytes_put(out, (char)byte);
            at += 3;
        } else {
            bytes_put(out, *at == '+' ? ' ' : *at);
            at++;
        }
    }
}
