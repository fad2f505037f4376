/* SPDX-License-Identifier: MIT */
/* Ranges of bytes: see range.h. */
#include "wire/range.h"

#include "wire/ascii.h"
#include "wire/fields.h"

#include <errno.h>

#define MOST ((uint64_t)INT64_MAX)

/* A number; one that is too large to count with is the largest. */
static bool number(struct span text, uint64_t *ret_number)
{
    if (ascii_number(text, MOST, ret_number))
        return true;
    *ret_number = MOST;
    return text.size > 0 && ascii_has_all((struct ascii_set){ ASCII_DIGITS, 0 }, text);
}

/* first-last, first-, -count; -1 for what is not there. */
static int one(struct span text, int64_t *ret_first, int64_t *ret_last)
{
    const char *dash = text.size > 0 ? memchr(text.data, '-', text.size) : NULL;
    if (!dash)
        return -EINVAL;
    struct span before = { text.data, (size_t)(dash - text.data) };
    struct span after = { dash + 1, text.size - before.size - 1 };
    uint64_t first = 0, last = 0;
    if ((before.size > 0 && !number(before, &first)) ||
        (after.size > 0 && !number(after, &last)) || before.size + after.size == 0)
        return -EINVAL;
    if (before.size > 0 && after.size > 0 && last < first)
        return -EINVAL;
    *ret_first = before.size > 0 ? (int64_t)first : -1;
    *ret_last = after.size > 0 ? (int64_t)last : -1;
    return 0;
}

/* The set behind "bytes=": 1, 0 for another unit, -EINVAL. */
static int take_unit(struct span *text)
{
    *text = ascii_trim(*text);
    const char *equals = text->size > 0 ? memchr(text->data, '=', text->size) : NULL;
    if (!equals)
        return -EINVAL;
    struct span unit = { text->data, (size_t)(equals - text->data) };
    if (unit.size == 0 || !ascii_has_all(ascii_token, unit))
        return -EINVAL;
    if (!span_is_case(unit, SPAN("bytes")))
        return 0;
    *text = (struct span){ equals + 1, text->size - unit.size - 1 };
    return 1;
}

/* Puts a range in, or widens the one that it overlaps or touches. */
static size_t put(struct range *ranges, size_t count, struct range range)
{
    size_t kept = 0, place = count;
    for (size_t i = 0; i < count; i++) {
        bool is_apart = range.first > ranges[i].last + 1 || ranges[i].first > range.last + 1;
        if (is_apart) {
            ranges[kept++] = ranges[i];
            continue;
        }
        range.first = range.first < ranges[i].first ? range.first : ranges[i].first;
        range.last = range.last > ranges[i].last ? range.last : ranges[i].last;
        if (place == count)
            place = kept++; /* where the first of them was */
    }
    if (place == count)
        place = kept++;
    ranges[place] = range;
    return kept;
}

int aiohttp__ranges_parse(struct span text, uint64_t size, struct range *ret_ranges,
                          size_t capacity)
{
    int r = take_unit(&text);
    if (r <= 0)
        return r;
    struct span element;
    size_t count = 0, asked = 0;
    for (size_t position = 0; aiohttp__list_next(text, &position, &element);) {
        int64_t first, last;
        if (one(element, &first, &last) < 0)
            return -EINVAL;
        if (++asked > capacity)
            return 0;
        struct range range = { 0, size - 1 };
        if (first < 0) {
            if (last == 0 || size == 0)
                continue;
            range.first = (uint64_t)last < size ? size - (uint64_t)last : 0;
        } else {
            if ((uint64_t)first >= size)
                continue;
            range.first = (uint64_t)first;
            if (last >= 0 && (uint64_t)last < size)
                range.last = (uint64_t)last;
        }
        count = put(ret_ranges, count, range);
    }
    return asked == 0 ? -EINVAL : count == 0 ? -ERANGE : (int)count;
}

int aiohttp__range_parse(struct span text, int64_t *ret_first, int64_t *ret_last)
{
    int r = take_unit(&text);
    if (r <= 0)
        return r;
    struct span element, next;
    size_t position = 0;
    int64_t first, last;
    if (!aiohttp__list_next(text, &position, &element) || one(element, &first, &last) < 0)
        return -EINVAL;
    if (aiohttp__list_next(text, &position, &next))
        return 0;
    *ret_first = first;
    *ret_last = last;
    return 1;
}

int aiohttp__content_range_parse(struct span text, struct content_range *ret_range)
{
    text = ascii_trim(text);
    if (text.size < 6 || !span_is_case((struct span){ text.data, 6 }, SPAN("bytes ")))
        return -EINVAL;
    text = (struct span){ text.data + 6, text.size - 6 };
    const char *slash = text.size > 0 ? memchr(text.data, '/', text.size) : NULL;
    if (!slash)
        return -EINVAL;
    struct span what = { text.data, (size_t)(slash - text.data) };
    struct span size = { slash + 1, text.size - what.size - 1 };
    struct content_range found = { .has_range = !span_is(what, SPAN("*")),
                                   .has_size = !span_is(size, SPAN("*")) };
    int64_t first, last;
    if (found.has_range) {
        if (one(what, &first, &last) < 0 || first < 0 || last < 0 || last == INT64_MAX)
            return -EINVAL;
        found.range = (struct range){ (uint64_t)first, (uint64_t)last };
    }
    if (found.has_size && !ascii_number(size, MOST, &found.size))
        return -EINVAL;
    if ((!found.has_range && !found.has_size) ||
        (found.has_range && found.has_size && found.range.last >= found.size))
        return -EINVAL;
    *ret_range = found;
    return 0;
}

void aiohttp__content_range_write(struct bytes *out, const struct range *range, uint64_t size)
{
    bytes_text(out, "bytes ");
    if (range) {
        aiohttp__bytes_number(out, range->first);
        bytes_put(out, '-');
        aiohttp__bytes_number(out, range->last);
    } else {
        bytes_put(out, '*');
    }
    bytes_put(out, '/');
    aiohttp__bytes_number(out, size);
}
