/* SPDX-License-Identifier: MIT */
/* Names and values of a query, or of a body that is application/x-www-form-urlencoded: the same
 * grammar, that of WHATWG's URL standard, 5.1.
 *
 * MODEL    Divided by &, name from value by the first =; an empty piece is none, a piece without =
 *          has an empty value. Order and repetition are kept. A ; divides nothing: caches and
 *          servers that disagreed about it were poisoned.
 * PURE     Spans into the text, still encoded: aiohttp__unquote (text) or aiohttp__unquote_bytes
 *          decode them. Each call consumes a byte at least. */
#pragma once

#include "base/bytes.h"

/* The next pair from *position, which is 0 at first: true and the pair, or false at the end. */
bool aiohttp__query_next(struct span query, size_t *position, struct span *ret_name,
                         struct span *ret_value);

/* Appends name=value, and an & before it when `out` is longer than `from`. */
void aiohttp__query_write(struct bytes *out, size_t from, struct span name, struct span value);

/* As aiohttp__query_write, encoded as forms are: only letters, digits and *-._ stay. */
void aiohttp__form_write(struct bytes *out, size_t from, struct span name, struct span value);
