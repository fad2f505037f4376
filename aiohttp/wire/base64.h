/* SPDX-License-Identifier: MIT */
/* Base64 (RFC 4648, 4), strict: padding, no blanks, no bits that say nothing. */
#pragma once

#include "base/bytes.h"

void aiohttp__base64_write(struct bytes *out, struct span bytes);

/* Appends what `text` stands for; -EINVAL when it is no base64 (then some is appended). */
int aiohttp__base64_read(struct bytes *out, struct span text);
