/* SPDX-License-Identifier: MIT */
/* Multi-dicts as the library fills them: with spans. */
#pragma once

#include "base/span.h"

#include <aiohttp/multi_dict.h>

/* As aiohttp_multi_dict_add. */
int aiohttp__multi_dict_add(aiohttp_multi_dict *dict, struct span name, struct span value);

/* The pair at *position, which goes on: as aiohttp_multi_dict_next, with sizes. */
bool aiohttp__multi_dict_next(const aiohttp_multi_dict *dict, size_t *position,
                              struct span *ret_name, struct span *ret_value);

/* Adds the pairs of a query, or of a body that is application/x-www-form-urlencoded: decoded, as
 * text. 0 or -ENOMEM: then some are in. */
int aiohttp__multi_dict_add_query(aiohttp_multi_dict *dict, struct span query);
