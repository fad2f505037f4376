/* SPDX-License-Identifier: MIT */
/* JSON inside the library: see <aiohttp/json.h>. */
#pragma once

#include "base/bytes.h"

#include <aiohttp/json.h>
#include <stdarg.h>

/* Of the recursion: a frame is some 100 bytes. */
enum { JSON_DEPTH = 64 };

/* Appends `json` (borrowed) as text. 0, -EINVAL for what cannot be written; out->error says when
 * there was no room, and is returned then. NULL options: the defaults. */
int aiohttp__json_write(struct bytes *out, const struct json_t *json,
                        const aiohttp_json_dumps_options *options);

/* Appends what aiohttp_json_pack makes of `values`, which stay where they were. As it; out->error
 * as above. */
int aiohttp__json_vpack(struct bytes *out, const char *format, va_list values);

/* json_write.c: the same bytes as jansson's for the usual form (compact, in the order of insertion,
 * UTF-8 as it is), in one pass; only reals allocate (jansson does). False, with something written,
 * when it is nothing for it: deeper than `depth`, going round in a circle, no UTF-8; then jansson
 * decides. out->error as ever. */
bool aiohttp__json_write_value(struct bytes *out, const struct json_t *json, int depth);
bool aiohttp__json_write_string(struct bytes *out, const char *text, size_t size);
bool aiohttp__json_write_integer(struct bytes *out, long long value);
