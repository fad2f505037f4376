/* SPDX-License-Identifier: MIT */
/* Entity tags (RFC 9110, 8.8.3, 13.1): ETag, If-Match, If-None-Match, If-Range. */
#pragma once

#include "base/bytes.h"

struct etag {
    struct span value; /* without its quotes */
    bool is_weak, is_any; /* any: * */
};

enum if_range { IF_RANGE_NEVER, IF_RANGE_ETAG, IF_RANGE_DATE };

/* The next tag of a list: 1, 0 at the end, -EINVAL. */
int aiohttp__etag_next(struct span text, size_t *position, struct etag *ret_etag);

/* Whether one of the list `text` is `tag`: weakly (If-None-Match), or strongly (If-Match), where a
 * weak one is never. `*` is any. A list that is broken has what comes before. */
bool aiohttp__etag_matches(struct span text, const struct etag *tag, bool is_weakly);

/* Appends a tag. -EINVAL in out->error for bytes that it cannot have. */
void aiohttp__etag_write(struct bytes *out, const struct etag *tag);

/* What If-Range holds: a tag, or a date (for wire/date.h). NEVER: neither. */
enum if_range aiohttp__if_range_parse(struct span text, struct etag *ret_etag);
