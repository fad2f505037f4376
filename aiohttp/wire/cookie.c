/* SPDX-License-Identifier: MIT */
/* Cookies: see cookie.h. */
#include "wire/cookie.h"

#include "wire/ascii.h"
#include "wire/date.h"
#include "wire/write.h"

#include <errno.h>

/* What a name may have when it is read: aiohttp's lenient set. */
static const struct ascii_set name_bytes = {
    ASCII_DIGITS | ASCII_BIT('!') | ASCII_BIT('#') | ASCII_BIT('$') | ASCII_BIT('%') |
        ASCII_BIT('&') | ASCII_BIT('\'') | ASCII_BIT('(') | ASCII_BIT(')') | ASCII_BIT('*') |
        ASCII_BIT('+') | ASCII_BIT('-') | ASCII_BIT('.') | ASCII_BIT('/') | ASCII_BIT(':') |
        ASCII_BIT('<') | ASCII_BIT('>') | ASCII_BIT('?'),
    ASCII_ALPHA | ASCII_BIT('@') | ASCII_BIT('[') | ASCII_BIT(']') | ASCII_BIT('^') |
        ASCII_BIT('_') | ASCII_BIT('`') | ASCII_BIT('{') | ASCII_BIT('|') | ASCII_BIT('}') |
        ASCII_BIT('~')
};

/* What a value has without quotes when it is written: RFC 6265's cookie-octet but for the comma,
 * which some old readers divide by; Python's _LegalChars are among them. */
static const struct ascii_set plain_bytes = {
    ASCII_DIGITS | ASCII_BIT('!') | ASCII_BIT('#') | ASCII_BIT('$') | ASCII_BIT('%') |
        ASCII_BIT('&') | ASCII_BIT('\'') | ASCII_BIT('(') | ASCII_BIT(')') | ASCII_BIT('*') |
        ASCII_BIT('+') | ASCII_BIT('-') | ASCII_BIT('.') | ASCII_BIT('/') | ASCII_BIT(':') |
        ASCII_BIT('<') | ASCII_BIT('=') | ASCII_BIT('>') | ASCII_BIT('?'),
    ASCII_ALPHA | ASCII_BIT('@') | ASCII_BIT('[') | ASCII_BIT(']') | ASCII_BIT('^') |
        ASCII_BIT('_') | ASCII_BIT('`') | ASCII_BIT('{') | ASCII_BIT('|') | ASCII_BIT('}') |
        ASCII_BIT('~')
};

/* The piece from *position up to the next ;, and behind it. */
static struct span piece(struct span field, size_t *position)
{
    const char *at = field.data + *position;
    size_t left = field.size - *position;
    const char *end = memchr(at, ';', left);
    size_t size = end ? (size_t)(end - at) : left;
    *position += size + (end != NULL);
    return ascii_trim((struct span){ at, size });
}

/* Cuts at the first =; false when there is none. */
static bool cut(struct span text, struct span *ret_name, struct span *ret_value)
{
    const char *equals = text.size > 0 ? memchr(text.data, '=', text.size) : NULL;
    if (!equals) {
        *ret_name = text;
        *ret_value = (struct span){ text.data, 0 };
        return false;
    }
    struct span name = { text.data, (size_t)(equals - text.data) };
    *ret_value = ascii_trim((struct span){ equals + 1, text.size - name.size - 1 });
    *ret_name = ascii_trim(name);
    return true;
}

static bool has_any_control(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (ascii_is_control(text.data[i]))
            return true;
    return false;
}

bool aiohttp__cookie_next(struct span field, size_t *position, struct span *ret_name,
                          struct span *ret_value)
{
    while (*position < field.size) {
        struct span name, value;
        if (cut(piece(field, position), &name, &value) && name.size > 0 &&
            ascii_has_all(name_bytes, name) && !has_any_control(value)) {
            *ret_name = name;
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static int octal(const char *at, size_t left)
{
    if (left < 3 || at[0] < '0' || at[0] > '3' || at[1] < '0' || at[1] > '7' || at[2] < '0' ||
        at[2] > '7')
        return -1;
    return (at[0] - '0') * 64 + (at[1] - '0') * 8 + (at[2] - '0');
}

void aiohttp__cookie_value_read(struct bytes *out, struct span value)
{
    if (value.size < 2 || value.data[0] != '"' || value.data[value.size - 1] != '"') {
        bytes_add(out, value);
        return;
    }
    value = (struct span){ value.data + 1, value.size - 2 };
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] != '\\' || i + 1 == value.size) {
            bytes_put(out, value.data[i]);
            continue;
        }
        int byte = octal(value.data + i + 1, value.size - i - 1);
        bytes_put(out, byte >= 0 ? (char)byte : value.data[i + 1]);
        i += byte >= 0 ? 3 : 1;
    }
}

static void refuse(struct bytes *out)
{
    out->error = out->error ? out->error : -EINVAL;
}

void aiohttp__cookie_write(struct bytes *out, struct span name, struct span value, bool is_raw)
{
    if (name.size == 0 || !ascii_has_all(ascii_token, name)) {
        refuse(out);
        return;
    }
    bool is_plain = true;
    for (size_t i = 0; i < value.size; i++)
        is_plain = is_plain && (ascii_has(plain_bytes, value.data[i]) ||
                                (is_raw && (unsigned char)value.data[i] > ' ' &&
                                 value.data[i] != ';' && value.data[i] != 127));
    bytes_add(out, name);
    bytes_put(out, '=');
    if (is_plain) {
        bytes_add(out, value);
        return;
    }
    if (is_raw) {
        refuse(out);
        return;
    }
    bytes_put(out, '"');
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c == '"' || c == '\\') {
            char escaped[2] = { '\\', value.data[i] };
            aiohttp__bytes_append(out, escaped, 2);
        } else if (c == ' ' || ascii_has(plain_bytes, value.data[i])) {
            bytes_put(out, value.data[i]);
        } else {
            char escaped[4] = { '\\', (char)('0' + (c >> 6)), (char)('0' + (c >> 3 & 7)),
                                (char)('0' + (c & 7)) };
            aiohttp__bytes_append(out, escaped, 4);
        }
    }
    bytes_put(out, '"');
}

/* -?DIGITS, clamped; false when it is none. */
static bool max_age(struct span text, int64_t *ret_seconds)
{
    bool is_negative = text.size > 0 && text.data[0] == '-';
    if (is_negative)
        text = (struct span){ text.data + 1, text.size - 1 };
    if (text.size == 0 || !ascii_has_all((struct ascii_set){ ASCII_DIGITS, 0 }, text))
        return false;
    uint64_t seconds;
    if (!ascii_number(text, (uint64_t)INT32_MAX * 2, &seconds))
        seconds = (uint64_t)INT32_MAX * 2;
    *ret_seconds = is_negative ? 0 : (int64_t)seconds;
    return true;
}

static void attribute(struct set_cookie *cookie, struct span name, struct span value)
{
    if (span_is_case(name, SPAN("expires"))) {
        if (aiohttp__date_parse_cookie(value, &cookie->expires) == 0)
            cookie->has_expires = true;
    } else if (span_is_case(name, SPAN("max-age"))) {
        if (max_age(value, &cookie->max_age))
            cookie->has_max_age = true;
    } else if (span_is_case(name, SPAN("domain"))) {
        size_t dot = value.size > 0 && value.data[0] == '.';
        cookie->domain = (struct span){ value.data + dot, value.size - dot };
    } else if (span_is_case(name, SPAN("path"))) {
        bool is_path = value.size > 0 && value.data[0] == '/';
        cookie->path = is_path ? value : (struct span){ value.data, 0 };
    } else if (span_is_case(name, SPAN("secure"))) {
        cookie->secure = true;
    } else if (span_is_case(name, SPAN("httponly"))) {
        cookie->httponly = true;
    } else if (span_is_case(name, SPAN("partitioned"))) {
        cookie->partitioned = true;
    } else if (span_is_case(name, SPAN("samesite"))) {
        cookie->same_site = span_is_case(value, SPAN("strict")) ? SAME_SITE_STRICT :
                            span_is_case(value, SPAN("lax"))    ? SAME_SITE_LAX :
                            span_is_case(value, SPAN("none"))   ? SAME_SITE_NONE :
                                                                  SAME_SITE_UNSET;
    }
}

int aiohttp__set_cookie_parse(struct span field, struct set_cookie *ret_cookie)
{
    struct set_cookie cookie = { .name = { "", 0 } };
    struct span name, value;
    size_t position = 0;
    if (ascii_has_control(field) || field.size == 0)
        return -EINVAL;
    if (!cut(piece(field, &position), &cookie.name, &cookie.value) || cookie.name.size == 0 ||
        cookie.name.size + cookie.value.size > COOKIE_MAX ||
        !ascii_has_all(name_bytes, cookie.name) || has_any_control(cookie.value))
        return -EINVAL;
    while (position < field.size) {
        cut(piece(field, &position), &name, &value);
        if (value.size <= COOKIE_ATTRIBUTE_MAX)
            attribute(&cookie, name, value);
    }
    *ret_cookie = cookie;
    return 0;
}

static bool begins_with(struct span name, struct span prefix)
{
    return name.size >= prefix.size &&
           span_is_case((struct span){ name.data, prefix.size }, prefix);
}

bool aiohttp__set_cookie_keeps_prefix(const struct set_cookie *cookie)
{
    if (begins_with(cookie->name, SPAN("__Secure-")))
        return cookie->secure;
    if (begins_with(cookie->name, SPAN("__Host-")))
        return cookie->secure && cookie->domain.size == 0 && span_is(cookie->path, SPAN("/"));
    return true;
}

static void write_attribute(struct bytes *out, const char *name, struct span value)
{
    if (value.size == 0)
        return;
    if (has_any_control(value) || memchr(value.data, ';', value.size) ||
        value.size > COOKIE_ATTRIBUTE_MAX) {
        refuse(out);
        return;
    }
    bytes_text(out, name);
    bytes_add(out, value);
}

void aiohttp__set_cookie_write(struct bytes *out, const struct set_cookie *cookie)
{
    static const char *const sites[] = { "", "; SameSite=Strict", "; SameSite=Lax",
                                         "; SameSite=None" };
    size_t from = out->size;
    if (!aiohttp__set_cookie_keeps_prefix(cookie)) {
        refuse(out);
        return;
    }
    aiohttp__cookie_write(out, cookie->name, cookie->value, false);
    if (out->size - from > COOKIE_MAX + 1) {
        refuse(out);
        return;
    }
    write_attribute(out, "; Domain=", cookie->domain);
    if (cookie->has_expires) {
        char date[DATE_SIZE];
        aiohttp__date_text(cookie->expires, date);
        bytes_text(out, "; Expires=");
        aiohttp__bytes_append(out, date, sizeof date);
    }
    if (cookie->httponly)
        bytes_text(out, "; HttpOnly");
    if (cookie->has_max_age) {
        bytes_text(out, "; Max-Age=");
        aiohttp__bytes_number(out, cookie->max_age > 0 ? (uint64_t)cookie->max_age : 0);
    }
    if (cookie->partitioned)
        bytes_text(out, "; Partitioned");
    write_attribute(out, "; Path=", cookie->path);
    bytes_text(out, sites[cookie->same_site]);
    if (cookie->secure)
        bytes_text(out, "; Secure");
}
