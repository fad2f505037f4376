/* SPDX-License-Identifier: MIT */
/* Hashes that HTTP is in need of, by libcrypto. */
#pragma once

#include "base/span.h"

#include <stdint.h>

enum hash { HASH_MD5, HASH_SHA256, HASH_SHA512_256, HASH_COUNT };

enum { HASH_MOST = 32 };

/* The hash of the pieces one after the other, and how many bytes it is. -ENOTSUP: this libcrypto
 * does not have it, or may not use it (FIPS); -ENOMEM. */
int aiohttp__hash(enum hash hash, const struct span *pieces, size_t count,
                  unsigned char ret_hash[HASH_MOST]);

/* `size` random bytes. 0, -EIO. */
int aiohttp__random(void *memory, size_t size);

/* Two lower case digits for each byte; no NUL. */
void aiohttp__hex(char *text, const unsigned char *bytes, size_t size);
