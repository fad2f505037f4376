/* SPDX-License-Identifier: MIT */
/* SHA-1 (RFC 3174) of a few bytes: what a WebSocket handshake is answered with, which proves
 * nothing but that it was read. Not for secrets. */
#pragma once

#include "base/span.h"

#include <stdint.h>

enum { SHA1_SIZE = 20 };

void aiohttp__sha1(struct span bytes, uint8_t ret_hash[SHA1_SIZE]);
