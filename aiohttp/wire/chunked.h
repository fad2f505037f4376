/* SPDX-License-Identifier: MIT */
/* Where the body is in the bytes behind a head: by length, in chunks, or until the end.
 *
 * MODEL      aiohttp__body_begin, then aiohttp__body_next again and again with the bytes that have
 *            come: each call gives one piece of the body, as a span of those bytes, or says that
 *            it has used them all, or that the body has ended. Bytes may come in any split; what
 *            was used is not wanted again. Each call uses at least one byte, or returns BODY_MORE,
 *            _TRAILERS or _END: so a loop over it ends.
 * CHUNKS     Strict: hexadecimal digits (16 at most, the size below 2^63), extensions as the
 *            grammar has them and bounded over the whole body, CR LF, no space that is not in the
 *            grammar. Extensions are checked and thrown away.
 * TRAILERS   Behind the last chunk BODY_TRAILERS comes, once: the bytes from there on are a head
 *            of kind HEAD_TRAILERS (wire/head.h), with its limits, its own fields, and its end;
 *            they are never merged with the headers. Then aiohttp__body_next returns BODY_END.
 * PIECES     Small chunks make small pieces: aiohttp__body_read copies as many as there are into
 *            one buffer, aiohttp__body_compact moves them together where they lie. */
#pragma once

#include "base/span.h"
#include "wire/head.h"

enum body_event {
    BODY_MORE,     /* all bytes were used; more are wanted */
    BODY_DATA,     /* a piece of the body */
    BODY_TRAILERS, /* the trailer section begins: parse it, then go on */
    BODY_END,      /* the body is complete; the bytes that are left are not its */
};

struct body {
    uint64_t left;  /* of the length, or of the chunk that we are in */
    uint64_t total; /* bytes of the body so far: given out, or skipped */
    size_t extensions_left;
    uint16_t status; /* of an error: to answer */
    uint8_t kind;    /* enum body_kind */
    uint8_t state, digits;
    const char *why; /* of an error: a sentence, static */
};

/* The body behind this head, which is complete. */
void aiohttp__body_begin(struct body *body, const struct head *head, const aiohttp_limits *limits);

/* Looks at data[0..size): returns an enum body_event, or -AIOHTTP_BAD_HTTP_MESSAGE.
 * *ret_used: how many bytes are done with, the piece included; *ret_piece: the piece of BODY_DATA,
 * in `data`. After an error *ret_used is the place of the offending byte. */
int aiohttp__body_next(struct body *body, const char *data, size_t size, size_t *ret_used,
                       struct span *ret_piece) ASYNCIO_MUST_CHECK;

/* As body_next, again and again, until `out` is full, the bytes are used, or something else than
 * a piece comes: what it is, is returned (BODY_DATA: `out` is full). *ret_got bytes were copied. An
 * error comes after what was good before it has been given out (*ret_got is 0 then). `out` may be
 * `data` itself: then it compacts in place. */
int aiohttp__body_read(struct body *body, const char *data, size_t size, size_t *ret_used,
                       char *out, size_t room, size_t *ret_got) ASYNCIO_MUST_CHECK;

/* The connection was closed by the peer: 0 if that is a good end, else -AIOHTTP_PAYLOAD. */
int aiohttp__body_eof(struct body *body) ASYNCIO_MUST_CHECK;

/* Nothing more belongs to the body. */
static inline bool body_is_complete(const struct body *body)
{
    return body->kind == BODY_NONE;
}
