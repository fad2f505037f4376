/* SPDX-License-Identifier: MIT */
/* JSON inside the library: see <aiohttp/json.h>. */
#pragma once

#include "base/bytes.h"

#include <aiohttp/json.h>

/* Appends `json` (borrowed) as text. 0, -EINVAL for what cannot be written; out->error says when
 * there was no room, and is returned then. NULL options: the defaults. */
int aiohttp__json_write(struct bytes *out, const struct json_t *json,
                        const aiohttp_json_dumps_options *options);
