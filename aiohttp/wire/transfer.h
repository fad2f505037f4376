/* SPDX-License-Identifier: MIT */
/* Content-Transfer-Encoding of a part, undone in pieces (RFC 2045, 6).
 *
 * MODEL      A struct transfer steps through bytes that come in any split: what it has of the last
 *            piece is in the struct. Each byte gives one at most, so nothing ever grows.
 * BASE64     Letters, padding at the end, and blanks and line ends, which say nothing, anywhere.
 *            Nothing else, and no bits that say nothing.
 * QUOTED     "=4f" in either case; "=" at a line's end (CR LF, or LF alone, which Python writes)
 *            takes the line's end away; a "=" with anything else behind it is an error. All other
 *            bytes are what they are: blanks at a line's end, too, which no mail server has put
 *            there. */
#pragma once

#include "base/span.h"

#include <stdint.h>

enum transfer_kind {
    TRANSFER_NONE, /* 7bit, 8bit, binary: nothing is to be undone */
    TRANSFER_BASE64,
    TRANSFER_QUOTED,
};

struct transfer {
    uint8_t kind, state, held;
};

/* The encoding of that name, or -1. */
int aiohttp__transfer_of(struct span name);

/* What is to be undone: a kind but TRANSFER_NONE. */
struct transfer aiohttp__transfer_begin(enum transfer_kind kind);

/* Decodes some of *in, and moves it on: up to the bytes that were written to `out`, as many as it
 * has room for at most. 0 with room left: all of *in was taken. -EINVAL, which stays, at a byte
 * that may not be there; what stands before it has been given. */
int aiohttp__transfer_step(struct transfer *transfer, struct span *in, char *out, size_t size);

/* That was all: 0 when it may end there, else -EINVAL. */
int aiohttp__transfer_finish(const struct transfer *transfer);
