/* SPDX-License-Identifier: MIT */
/* What a WebSocket's handshake says in its fields (RFC 6455, 4; RFC 7692): keys, and the parameters
 * of permessage-deflate.
 *
 * MODEL      An offer is what a client can do, an answer what both will. A server takes the first
 *            offer that it can keep; one with parameters that it does not know, that come twice or
 *            have a bad value, is declined, and the next is looked at (RFC 7692, 5.1). A client
 *            refuses an answer that its offer did not allow.
 * OWNERSHIP  Pure functions over the caller's memory. */
#pragma once

#include "base/bytes.h"

#include <stdint.h>

enum { WS_ACCEPT_SIZE = 28, WS_KEY_SIZE = 24 };

/* Of permessage-deflate. Bits are 8 to 15: how far back the side may refer. */
struct ws_deflate {
    bool is_on;
    bool server_forgets, client_forgets; /* each message begins anew (no_context_takeover) */
    uint8_t server_bits, client_bits;
    bool says_server_bits;               /* of an answer: also when they are 15 */
};

/* Is it the base64 of 16 bytes? */
bool aiohttp__ws_key_is_valid(struct span key);

/* What a server answers to a key. */
void aiohttp__ws_accept(struct span key, char ret_accept[WS_ACCEPT_SIZE]);

/* A key out of 16 random bytes. */
void aiohttp__ws_key(const uint8_t random[16], char ret_key[WS_KEY_SIZE]);

/* Goes through a field Sec-WebSocket-Extensions of a client. True: *ret_agreed is the first offer
 * that can be kept, with no more than `ours`. Broken fields offer nothing. */
bool aiohttp__ws_agree(struct span field, const struct ws_deflate *ours,
                       struct ws_deflate *ret_agreed);

/* Appends an answer as it stands in the field. */
void aiohttp__ws_write_answer(struct bytes *out, const struct ws_deflate *agreed);

/* Appends an offer: what of `ours` differs from the usual is said. */
void aiohttp__ws_write_offer(struct bytes *out, const struct ws_deflate *ours);

/* Reads a server's answer to that offer (`ours`.is_on: there was one). 0, or -EINVAL: an extension,
 * a parameter or a value that was not offered, or the extension twice. *ret_agreed begins zeroed,
 * and goes through all fields of that name. */
int aiohttp__ws_read_answer(struct span field, const struct ws_deflate *ours,
                            struct ws_deflate *agreed);
