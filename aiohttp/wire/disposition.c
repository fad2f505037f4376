/* SPDX-License-Identifier: MIT */
/* Content-Disposition: see disposition.h. */
#include "wire/disposition.h"

#include "wire/ascii.h"
#include "wire/utf8.h"

#include <errno.h>

/* RFC 8187's attr-char: a token's bytes without * ' %. */
static const struct ascii_set extended_bytes = {
    ASCII_DIGITS | ASCII_BIT('!') | ASCII_BIT('#') | ASCII_BIT('$') | ASCII_BIT('&') |
        ASCII_BIT('+') | ASCII_BIT('-') | ASCII_BIT('.'),
    ASCII_ALPHA | ASCII_BIT('^') | ASCII_BIT('_') | ASCII_BIT('`') | ASCII_BIT('|') |
        ASCII_BIT('~')
};

int aiohttp__disposition_parse(struct span text, struct disposition *ret_disposition)
{
    struct disposition found = { .type = { "", 0 } };
    struct parameter parameter;
    size_t at = 0;
    text = ascii_trim(text);
    while (at < text.size && ascii_has(ascii_token, text.data[at]))
        at++;
    found.type = (struct span){ text.data, at };
    text = ascii_trim((struct span){ text.data + at, text.size - at });
    if (at == 0 || (text.size > 0 && text.data[0] != ';'))
        return -EINVAL;
    int r;
    for (size_t position = 0; (r = aiohttp__parameter_next(text, &position, &parameter)) > 0;) {
        struct parameter *known = span_is_case(parameter.name, SPAN("name")) ? &found.name :
                                  span_is_case(parameter.name, SPAN("filename")) ? &found.filename :
                                                                                   NULL;
        if (known && known->has_value)
            return -EINVAL;
        if (known)
            *known = parameter;
        if (span_is_case(parameter.name, SPAN("filename*"))) {
            if (found.extended.data)
                return -EINVAL;
            found.extended = parameter.value;
        }
    }
    if (r == 0)
        *ret_disposition = found;
    return r;
}

/* Browsers send C:\x as it is and a quote as \" : so only \" and \\ are taken for pairs. */
static void unescape(struct bytes *out, struct parameter parameter)
{
    struct span raw = parameter.value;
    for (size_t i = 0; i < raw.size; i++) {
        if (parameter.is_quoted && raw.data[i] == '\\' && i + 1 < raw.size &&
            (raw.data[i + 1] == '"' || raw.data[i + 1] == '\\'))
            i++;
        bytes_put(out, raw.data[i]);
    }
}

/* %22, %0D and %0A, which a form's writer makes of what a name cannot have, stay as they are: they
 * cannot be told from the same three characters in a name. */
bool aiohttp__disposition_name(struct bytes *out, const struct disposition *disposition)
{
    if (disposition->name.has_value)
        unescape(out, disposition->name);
    return disposition->name.has_value;
}

/* charset'language'text: of UTF-8 or ISO-8859-1. */
static bool read_extended(struct bytes *out, struct span text)
{
    const char *end = text.data + text.size;
    const char *first = text.size > 0 ? memchr(text.data, '\'', text.size) : NULL;
    const char *second = first ? memchr(first + 1, '\'', (size_t)(end - first - 1)) : NULL;
    if (!second)
        return false;
    struct span charset = { text.data, (size_t)(first - text.data) };
    bool is_utf8 = span_is_case(charset, SPAN("UTF-8"));
    size_t from = out->size;
    if (!is_utf8 && !span_is_case(charset, SPAN("ISO-8859-1")))
        return false;
    for (const char *at = second + 1; at != end;) {
        int byte = *at == '%' ? ascii_hex_pair(at + 1, end) : -1;
        if (byte < 0 && !ascii_has(extended_bytes, *at))
            goto wrong;
        unsigned char c = (unsigned char)(byte < 0 ? *at : byte);
        at += byte < 0 ? 1 : 3;
        if (c < 32 || c == 127)
            goto wrong;
        if (!is_utf8 && c >= 0x80) {
            bytes_put(out, (char)(0xc0 | c >> 6));
            c = 0x80 | (c & 0x3f);
        }
        bytes_put(out, (char)c);
    }
    for (struct span rest = bytes_since(out, from); is_utf8 && out->error == 0 && rest.size > 0;) {
        size_t bad, size = utf8_next(rest, &bad);
        if (size == 0)
            goto wrong;
        rest = (struct span){ rest.data + size, rest.size - size };
    }
    return true;
wrong:
    out->size = from;
    return false;
}

bool aiohttp__disposition_filename(struct bytes *out, const struct disposition *disposition)
{
    if (disposition->extended.data && read_extended(out, disposition->extended))
        return true;
    if (disposition->filename.has_value)
        unescape(out, disposition->filename);
    return disposition->filename.has_value;
}

struct span aiohttp__disposition_base(struct span filename)
{
    size_t at = filename.size;
    while (at > 0 && filename.data[at - 1] != '/' && filename.data[at - 1] != '\\')
        at--;
    return (struct span){ filename.data + at, filename.size - at };
}

static void write_form_value(struct bytes *out, const char *name, struct span value)
{
    bytes_text(out, "; ");
    bytes_text(out, name);
    bytes_text(out, "=\"");
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if (c == '\0')
            out->error = out->error ? out->error : -EINVAL;
        else if (c == '"')
            bytes_text(out, "%22");
        else if (c == '\r')
            bytes_text(out, "%0D");
        else if (c == '\n')
            bytes_text(out, "%0A");
        else
            bytes_put(out, c);
    }
    bytes_put(out, '"');
}

void aiohttp__disposition_write_form(struct bytes *out, struct span name,
                                     const struct span *filename)
{
    bytes_text(out, "form-data");
    write_form_value(out, "name", name);
    if (filename)
        write_form_value(out, "filename", *filename);
}

void aiohttp__disposition_write(struct bytes *out, struct span type, const struct span *filename)
{
    static const char digits[] = "0123456789ABCDEF";
    if (type.size == 0 || !ascii_has_all(ascii_token, type))
        out->error = out->error ? out->error : -EINVAL;
    bytes_add(out, type);
    if (!filename)
        return;
    bool is_ascii = true;
    bytes_text(out, "; filename=\"");
    for (size_t i = 0; i < filename->size; i++) {
        char c = filename->data[i];
        bool is_plain = !ascii_is_control(c) && (unsigned char)c < 0x80;
        is_ascii = is_ascii && (unsigned char)c < 0x80;
        if (c == '"' || c == '\\')
            bytes_put(out, '\\');
        bytes_put(out, is_plain ? c : '_');
    }
    bytes_put(out, '"');
    if (is_ascii)
        return;
    bytes_text(out, "; filename*=UTF-8''");
    for (size_t i = 0; i < filename->size; i++) {
        unsigned char c = (unsigned char)filename->data[i];
        if (ascii_is_control(filename->data[i])) {
            bytes_put(out, '_');
        } else if (ascii_has(extended_bytes, filename->data[i])) {
            bytes_put(out, (char)c);
        } else {
            char encoded[3] = { '%', digits[c >> 4], digits[c & 15] };
            aiohttp__bytes_append(out, encoded, sizeof encoded);
        }
    }
}
