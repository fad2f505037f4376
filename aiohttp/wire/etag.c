/* SPDX-License-Identifier: MIT */
/* Entity tags: see etag.h. */
#include "wire/etag.h"

#include "wire/ascii.h"

#include <errno.h>

static bool is_etag_byte(char c)
{
    unsigned char u = (unsigned char)c;
    return u > ' ' && u != '"' && u != 127;
}

int aiohttp__etag_next(struct span text, size_t *position, struct etag *ret_etag)
{
    size_t at = *position;
    while (at < text.size && (ascii_is_blank(text.data[at]) || text.data[at] == ','))
        at++;
    struct etag tag = { .is_any = at < text.size && text.data[at] == '*' };
    if (at == text.size) {
        *position = at;
        return 0;
    }
    if (tag.is_any) {
        at++;
    } else {
        tag.is_weak = text.size - at >= 2 && text.data[at] == 'W' && text.data[at + 1] == '/';
        at += tag.is_weak ? 2 : 0;
        if (at >= text.size || text.data[at++] != '"')
            return -EINVAL;
        size_t first = at;
        while (at < text.size && is_etag_byte(text.data[at]))
            at++;
        tag.value = (struct span){ text.data + first, at - first };
        if (at >= text.size || text.data[at++] != '"')
            return -EINVAL;
    }
    while (at < text.size && ascii_is_blank(text.data[at]))
        at++;
    if (at < text.size && text.data[at] != ',')
        return -EINVAL;
    *position = at;
    *ret_etag = tag;
    return 1;
}

bool aiohttp__etag_matches(struct span text, const struct etag *tag, bool is_weakly)
{
    struct etag listed;
    for (size_t position = 0; aiohttp__etag_next(text, &position, &listed) > 0;)
        if (listed.is_any || ((is_weakly || (!listed.is_weak && !tag->is_weak)) &&
                              span_is(listed.value, tag->value)))
            return true;
    return false;
}

void aiohttp__etag_write(struct bytes *out, const struct etag *tag)
{
    for (size_t i = 0; i < tag->value.size; i++)
        if (!is_etag_byte(tag->value.data[i])) {
            out->error = out->error ? out->error : -EINVAL;
            return;
        }
    if (tag->is_any) {
        bytes_put(out, '*');
        return;
    }
    bytes_text(out, tag->is_weak ? "W/\"" : "\"");
    bytes_add(out, tag->value);
    bytes_put(out, '"');
}

enum if_range aiohttp__if_range_parse(struct span text, struct etag *ret_etag)
{
    text = ascii_trim(text);
    if (text.size == 0)
        return IF_RANGE_NEVER;
    if (text.data[0] != '"' && !(text.size > 1 && text.data[0] == 'W' && text.data[1] == '/'))
        return IF_RANGE_DATE;
    size_t position = 0;
    struct etag tag;
    if (aiohttp__etag_next(text, &position, &tag) <= 0 || position != text.size)
        return IF_RANGE_NEVER;
    *ret_etag = tag;
    return IF_RANGE_ETAG;
}
