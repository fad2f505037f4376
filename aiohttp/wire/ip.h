/* SPDX-License-Identifier: MIT */
/* Addresses as text: IPv4 in its one form, IPv6 of RFC 4291, written as RFC 5952 says. The forms
 * that inet_aton still takes (127.1, 0x7f000001, 2130706433, octal) are refused: filters that look
 * for 127.0.0.1 do not see them. */
#pragma once

#include "base/bytes.h"

/* Four numbers of up to three digits, no leading zeros. */
bool aiohttp__ipv4_parse(struct span text, unsigned char ret_address[4]);

/* Without brackets and without a zone. */
bool aiohttp__ipv6_parse(struct span text, uint16_t ret_address[8]);

void aiohttp__ipv6_write(struct bytes *out, const uint16_t address[8]);

/* Whether a resolver might take it for a number: the last label is one, or begins with 0x. */
bool aiohttp__looks_like_ipv4(struct span host);
