/* SPDX-License-Identifier: MIT */
/* Content codings: gzip, deflate, br, zstd, both ways.
 *
 * MODEL      Each is a stream that is stepped: bytes in from a span, which is moved on, and bytes
 *            out into a piece of the caller's, as many as fit. So nothing is ever larger than the
 *            caller's buffer, whatever comes in (CVE-2025-69223). Steps are a computation and do
 *            not suspend.
 * DECODING   Up to limits->codings, one over the other, the last one named is undone first.
 *            Counted are: what came out so far against what went in so far
 *            (limits->inflate_ratio, from inflate_ratio_from bytes on: -AIOHTTP_BODY_TOO_LARGE)
 *            and the members of gzip or frames of zstd (limits->gzip_members). The size of the
 *            whole is the reader's to count. "deflate" is zlib's format, or the bare one that some
 *            send. A body that ends in its middle, or goes on behind its end, is none:
 *            -AIOHTTP_CONTENT_ENCODING.
 * DISCARDING A body that nobody wants is dropped as it came: never decode to throw away
 *            (CVE-2026-54278).
 * MEMORY     From asyncio_mem, but for zstd's, which lets nobody choose. A decoder: 48 KiB (gzip),
 *            up to 16 MiB when the peer of br asks for it, 8 MiB of zstd (RFC 9659). An encoder:
 *            260 KiB (gzip), about 1 MiB (br, zstd).
 * PARTS      zlib; libbrotli and libzstd where built in. */
#pragma once

#include "base/span.h"

#include <aiohttp/limits.h>
#include <stdint.h>

/* In the order in which a server likes them, the least first. */
enum coding { CODING_IDENTITY, CODING_DEFLATE, CODING_GZIP, CODING_BR, CODING_ZSTD, CODING_COUNT };

#define CODING_ALL ((1u << CODING_COUNT) - 1)

/* The coding of that name ("gzip", "x-gzip", "deflate", "br", "zstd", "identity"), or -1. */
int aiohttp__coding_of(struct span name);

/* Its name; static. */
struct span aiohttp__coding_name(enum coding coding);

/* The codings that are built in, as bits. */
unsigned aiohttp__codings(void);

/* The one to answer with, of those in `allowed` (bits) and built in, by the values of
 * Accept-Encoding (RFC 9110, 12.5.3; data NULL: there was none, so identity). The highest q
 * counts, among equals our order. Identity also when nothing is acceptable: it is better than
 * 406. */
enum coding aiohttp__coding_choose(struct span accept, unsigned allowed);

/* What is to be sent as Accept-Encoding: "zstd, br, gzip, deflate", as built in. Static. */
struct span aiohttp__coding_accept(void);

/* --- encoding --- */

struct encoder;

enum encode {
    ENCODE_MORE,   /* more will come */
    ENCODE_FLUSH,  /* all so far can be decoded by the peer: server-sent events */
    ENCODE_FINISH, /* this was all */
};

/* ret_encoder: to be ended by aiohttp__encoder_free. `level` -1: the coding's own for answers made
 * on the fly. -ENOTSUP for one that is not built in, -EINVAL, -ENOMEM. */
int aiohttp__encoder_new(enum coding coding, int level, struct encoder **ret_encoder);

/* The least room for a flush. */
#define ENCODE_FLUSH_ROOM 64

/* Encodes what is in *in, and moves it on. The bytes that were written to `out`; as many as `size`:
 * call it again with the same `how`. -EINVAL for a flush into less than ENCODE_FLUSH_ROOM;
 * -ENOMEM. */
int aiohttp__encoder_step(struct encoder *encoder, struct span *in, enum encode how, char *out,
                          size_t size);

/* NULL allowed. */
void aiohttp__encoder_free(struct encoder *encoder);

/* --- decoding --- */

/* Is what came out too much for what went in? From `from` bytes on; with `ratio` 0 any is. */
static inline bool coding_is_bomb(uint64_t given, uint64_t taken, size_t ratio, size_t from)
{
    return given > from && (!ratio || given / ratio > taken);
}

struct decoder;

/* A decoder for the values of Content-Encoding ("gzip", "deflate, br"); *ret_decoder is NULL when
 * there is nothing to decode. -(AIOHTTP_HTTP + 415) for a coding that is not known, or too many;
 * -ENOMEM. */
int aiohttp__decoder_new(struct span content_encoding, const aiohttp_limits *limits,
                         struct decoder **ret_decoder);

/* Decodes some of *in, and moves it on. The bytes that were written to `out` (limits->inflate_step
 * at most); 0: all of *in was taken, and nothing can be given before more comes.
 * -AIOHTTP_CONTENT_ENCODING, -AIOHTTP_BODY_TOO_LARGE, -ENOMEM; the same again afterwards. What
 * stands before a damage is given first (br keeps the last of it to itself). */
int aiohttp__decoder_step(struct decoder *decoder, struct span *in, char *out, size_t size);

/* The body has ended, and step has given 0: 0 when it was whole (nothing at all is, too), else
 * -AIOHTTP_CONTENT_ENCODING. */
int aiohttp__decoder_finish(const struct decoder *decoder);

/* How many bytes came out so far. */
uint64_t aiohttp__decoder_given(const struct decoder *decoder);

/* NULL allowed. */
void aiohttp__decoder_free(struct decoder *decoder);
