/* SPDX-License-Identifier: MIT */
/* What the values of many fields are made of: see fields.h. */
#include "wire/fields.h"

#include "wire/ascii.h"

#include <errno.h>

/* Behind the quoted string that begins at `at`; the text's end when it is not closed. */
static size_t skip_quoted(struct span text, size_t at)
{
    for (at++; at < text.size && text.data[at] != '"'; at++)
        if (text.data[at] == '\\' && at + 1 < text.size)
            at++;
    return at < text.size ? at + 1 : at;
}

bool aiohttp__list_next(struct span text, size_t *position, struct span *ret_element)
{
    size_t at = *position;
    while (at < text.size) {
        size_t first = at;
        while (at < text.size && text.data[at] != ',')
            at = text.data[at] == '"' ? skip_quoted(text, at) : at + 1;
        struct span element = ascii_trim((struct span){ text.data + first, at - first });
        at += at < text.size;
        if (element.size > 0) {
            *position = at;
            *ret_element = element;
            return true;
        }
    }
    *position = text.size;
    return false;
}

bool aiohttp__list_has(struct span text, struct span token)
{
    struct span element;
    for (size_t at = 0; aiohttp__list_next(text, &at, &element);)
        if (span_is_case(element, token))
            return true;
    return false;
}

static size_t skip_blanks(struct span text, size_t at)
{
    while (at < text.size && ascii_is_blank(text.data[at]))
        at++;
    return at;
}

static struct span take_token(struct span text, size_t *at)
{
    size_t first = *at;
    while (*at < text.size && ascii_has(ascii_token, text.data[*at]))
        ++*at;
    return (struct span){ text.data + first, *at - first };
}

int aiohttp__parameter_next(struct span text, size_t *position, struct parameter *ret_parameter)
{
    size_t at = skip_blanks(text, *position);
    bool is_divided = at == 0 || *position == 0;
    while (at < text.size && text.data[at] == ';') {
        is_divided = true;
        at = skip_blanks(text, at + 1);
    }
    if (at == text.size) {
        *position = at;
        return 0;
    }
    struct parameter parameter = { .name = take_token(text, &at) };
    if (parameter.name.size == 0 || !is_divided)
        return -EINVAL;
    size_t equals = skip_blanks(text, at);
    if (equals < text.size && text.data[equals] == '=') {
        parameter.has_value = true;
        at = skip_blanks(text, equals + 1);
        if (at < text.size && text.data[at] == '"') {
            size_t end = skip_quoted(text, at);
            parameter.is_quoted = true;
            parameter.value = (struct span){ text.data + at + 1, end - at - 2 };
            if (end < at + 2 || text.data[end - 1] != '"' || ascii_has_control(parameter.value))
                return -EINVAL;
            /* a closing quote with a backslash before it closes nothing */
            size_t slashes = 0;
            while (slashes < parameter.value.size &&
                   parameter.value.data[parameter.value.size - 1 - slashes] == '\\')
                slashes++;
            if (slashes % 2 != 0)
                return -EINVAL;
            at = end;
        } else {
            parameter.value = take_token(text, &at);
            if (parameter.value.size == 0)
                return -EINVAL;
        }
    }
    at = skip_blanks(text, at);
    if (at < text.size && text.data[at] != ';')
        return -EINVAL;
    *position = at;
    *ret_parameter = parameter;
    return 1;
}

void aiohttp__quoted_read(struct bytes *out, struct span raw)
{
    for (size_t i = 0; i < raw.size; i++) {
        if (raw.data[i] == '\\' && i + 1 < raw.size)
            i++;
        bytes_put(out, raw.data[i]);
    }
}

void aiohttp__quoted_write(struct bytes *out, struct span text)
{
    if (text.size > 0 && ascii_has_all(ascii_token, text)) {
        bytes_add(out, text);
        return;
    }
    if (ascii_has_control(text)) {
        out->error = out->error ? out->error : -EINVAL;
        return;
    }
    bytes_put(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            bytes_put(out, '\\');
        bytes_put(out, text.data[i]);
    }
    bytes_put(out, '"');
}

int aiohttp__quality(struct span text)
{
    if (text.size == 0 || text.size > 5 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.size > 1 && text.data[1] != '.'))
        return -1;
    int value = (text.data[0] - '0') * 1000, unit = 100;
    for (size_t i = 2; i < text.size; i++, unit /= 10) {
        if (!ascii_is_digit(text.data[i]))
            return -1;
        value += (text.data[i] - '0') * unit;
    }
    return value > 1000 ? -1 : value;
}
