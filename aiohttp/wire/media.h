/* SPDX-License-Identifier: MIT */
/* Media types, and which of several a peer would rather have (RFC 9110, 8.3.1, 12.5). Spans of the
 * text; linear. */
#pragma once

#include "wire/fields.h"

struct media_type {
    struct span type, subtype; /* "text", "html"; either may be * in Accept */
    struct span parameters;    /* the rest, for aiohttp__parameter_next */
};

/* 0 or -EINVAL: no type and subtype, or what follows are no parameters. */
int aiohttp__media_type_parse(struct span text, struct media_type *ret_type);

/* The first parameter of that name, any case: true, and it. */
bool aiohttp__media_type_parameter(const struct media_type *type, struct span name,
                                   struct parameter *ret_parameter);

/* How much Accept wants that media type: thousandths. The most specific element that fits counts;
 * one that is broken is none. 1000 without a field (size 0). */
int aiohttp__accept_quality(struct span accept, const struct media_type *type);

/* The one of `count` media types that Accept wants most, the first of equals: its index, or -1 when
 * none is acceptable. */
int aiohttp__accept_best(struct span accept, const struct span *types, size_t count);

/* How much Accept-Encoding, -Charset or -Language wants `name`: thousandths. What is not listed and
 * has no * is 0, but "identity", which is 1 (a little). Without a field (size 0): "identity" 1000,
 * others 0. */
int aiohttp__accept_coding_quality(struct span accept, struct span name);

/* The coding that Accept-Encoding wants most, as aiohttp__accept_best. */
int aiohttp__accept_coding_best(struct span accept, const struct span *names, size_t count);
