/* SPDX-License-Identifier: MIT */
/* What the values of many fields are made of (RFC 9110, 5.6): lists, tokens, quoted strings,
 * parameters, qualities.
 *
 * MODEL    Readers go on from a position, 0 at first; each call consumes a byte at least or ends.
 *          What they give are spans of the text; the inside of a quoted string comes raw, with its
 *          backslashes (aiohttp__quoted_read takes them out). Linear, nothing is allocated. */
#pragma once

#include "base/bytes.h"

struct parameter {
    struct span name, value; /* value: the inside of a quoted string */
    bool is_quoted, has_value;
};

/* The next element of a list divided by commas, without blanks around it. Empty ones are left out,
 * commas in quoted strings divide nothing. */
bool aiohttp__list_next(struct span text, size_t *position, struct span *ret_element);

/* Whether `token`, in whatever case, is an element of it. */
bool aiohttp__list_has(struct span text, struct span token);

/* The next of `; name=value`, or of `name=value` at the beginning; blanks around ; and = are taken,
 * empty ones left out, a name may stand alone. 1, 0 at the end, -EINVAL. */
int aiohttp__parameter_next(struct span text, size_t *position, struct parameter *ret_parameter);

/* Appends the inside of a quoted string without its backslashes. */
void aiohttp__quoted_read(struct bytes *out, struct span raw);

/* Appends `text` as a token when it is one, or else in quotes. Controls but the tab: -EINVAL in
 * out->error. */
void aiohttp__quoted_write(struct bytes *out, struct span text);

/* A weight (RFC 9110, 12.4.2) in thousandths, or -1. */
int aiohttp__quality(struct span text);
