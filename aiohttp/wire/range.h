/* SPDX-License-Identifier: MIT */
/* Ranges of bytes (RFC 9110, 14): Range, Content-Range. Numbers are digits of ASCII up to 2^63-1,
 * checked as they grow; sums cannot overflow. */
#pragma once

#include "base/bytes.h"

struct range {
    uint64_t first, last; /* both in it */
};

struct content_range {
    struct range range;
    uint64_t size;
    bool has_range, has_size; /* not: * */
};

/* The ranges of a resource of `size` bytes that `text`, a field Range, asks for, in its order,
 * those that overlap or touch taken together: how many, 1 to `capacity`. 0: the field is to be
 * ignored, for another unit than bytes, or more ranges than `capacity`. -EINVAL: no Range at all;
 * -ERANGE: none of them is in the resource (bytes=-0 neither): 416. */
int aiohttp__ranges_parse(struct span text, uint64_t size, struct range *ret_ranges,
                          size_t capacity);

/* One range without a size: *ret_first -1 and *ret_last how many of the last ones, or *ret_last -1
 * for up to the end. 1, 0 for another unit or several ranges, -EINVAL. */
int aiohttp__range_parse(struct span text, int64_t *ret_first, int64_t *ret_last);

/* 0 or -EINVAL. */
int aiohttp__content_range_parse(struct span text, struct content_range *ret_range);

/* "bytes first-last/size", or "bytes * /size" (no blank) without a range. */
void aiohttp__content_range_write(struct bytes *out, const struct range *range, uint64_t size);
