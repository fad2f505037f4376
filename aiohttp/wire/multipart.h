/* SPDX-License-Identifier: MIT */
/* Where the parts of a multipart body begin and end (RFC 2046, 5.1).
 *
 * MODEL    The owner has a buffer of what came and was not consumed. aiohttp__multipart_next looks
 *          at it and says what is at its beginning; what it consumed goes, and it is asked again.
 *          Of a part's body it gives what cannot be the beginning of a delimiter, so that it works
 *          with any split, down to one byte; a buffer of MULTIPART_LEAST bytes is enough.
 * PROGRESS Each call consumes, or changes the state, or wants more; with is_end it never wants
 * more.
 *          So no input makes a loop (CVE-2024-30251).
 * STRICT   A line that begins with the delimiter is one: what follows is --, or blanks and CR LF,
 *          or it is an error. Lines end in CR LF. */
#pragma once

#include "base/span.h"

#include <stdbool.h>

enum { BOUNDARY_MAX = 70, MULTIPART_PADDING = 64, MULTIPART_LEAST = 256 };

enum multipart_event {
    MULTIPART_MORE,     /* more bytes are wanted */
    MULTIPART_HEAD,     /* a part's head begins here: read it, then aiohttp__multipart_head_done */
    MULTIPART_DATA,     /* ret_data, at the beginning: a piece of the part's body */
    MULTIPART_PART_END, /* the part's body has ended */
    MULTIPART_END,      /* there are no more parts; what follows means nothing */
};

struct multipart {
    char delimiter[4 + BOUNDARY_MAX]; /* CR LF - - boundary */
    size_t size;                      /* of it */
    size_t before;                    /* bytes before the first delimiter */
    size_t before_max;
    int state;
};

/* 0, or -EINVAL for a boundary that is none: 1 to 70 characters of RFC 2046's. */
int aiohttp__multipart_begin(struct multipart *multipart, struct span boundary, size_t before_max);

/* The next event, 0 or more, or -AIOHTTP_BAD_HTTP_MESSAGE and why. `is_end`: nothing comes after
 * `size` bytes. *ret_consumed: how many bytes at the beginning are done with; of MULTIPART_DATA,
 * the owner may consume fewer than ret_data has. */
int aiohttp__multipart_next(struct multipart *multipart, const char *data, size_t size,
                            bool is_end, size_t *ret_consumed, struct span *ret_data,
                            const char **ret_why);

/* The head was read and consumed. */
void aiohttp__multipart_head_done(struct multipart *multipart);
