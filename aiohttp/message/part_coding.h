/* SPDX-License-Identifier: MIT */
/* The codings of a part undone, in pieces: its Content-Transfer-Encoding, and below that its
 * Content-Encoding.
 *
 * MODEL      As a decoder's (coding.h): bytes in from a span, which is moved on, bytes out into the
 *            caller's. What the transfer coding gives waits in a piece of memory for the decoder.
 * BOMBS      A decoder has the limits of bodies, for its part alone; what all parts of a body make
 *            of all their bytes together is the reader's to count (multipart_reader.c). */
#pragma once

#include "base/span.h"

#include <aiohttp/limits.h>

struct part_coding;

/* For the values of both fields (data NULL: there is none). *ret_coding is NULL when there is
 * nothing to undo. -(AIOHTTP_HTTP + 415) for a coding that is not known, or too many; -ENOMEM. */
int aiohttp__part_coding_new(struct span transfer, struct span content,
                             const aiohttp_limits *limits, struct part_coding **ret_coding);

/* Undoes some of *in, and moves it on. The bytes that were written to `out`; 0: all of *in was
 * taken, and nothing can be given before more comes. -AIOHTTP_CONTENT_ENCODING,
 * -AIOHTTP_BODY_TOO_LARGE, -ENOMEM; the same again afterwards. */
int aiohttp__part_coding_step(struct part_coding *coding, struct span *in, char *out, size_t size);

/* The part has ended, and step has given 0: 0 when it was whole, else -AIOHTTP_CONTENT_ENCODING. */
int aiohttp__part_coding_finish(const struct part_coding *coding);

/* NULL allowed. */
void aiohttp__part_coding_free(struct part_coding *coding);
