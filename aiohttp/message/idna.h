/* SPDX-License-Identifier: MIT */
/* Internationalised hosts (IDNA 2008, UTS 46), by libidn2; without it there are none. */
#pragma once

#include "base/bytes.h"

/* Appends `host`, UTF-8, as ASCII. 0, -ENOMEM, or -AIOHTTP_INVALID_URL: what is none, and what has
 * characters that would vanish, so that people see another name than the one that is asked for. */
int aiohttp__idna_encode(struct bytes *out, struct span host);

/* Appends `host`, ASCII, as people write it; as it is when that cannot be done. */
void aiohttp__idna_decode(struct bytes *out, struct span host);
