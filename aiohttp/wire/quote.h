/* SPDX-License-Identifier: MIT */
/* Percent-encoding (RFC 3986, 2.1), with yarl's rules for what is encoded where.
 *
 * MODEL    Quoting encodes every byte that the part of a URL may not have. Requoting takes text
 *          that is encoded already, as well as it is: what needs no encoding is decoded, digits
 *          become upper case, a lone % becomes %25; it does nothing to its own result
 *          (QUOTE_QUERY_PART is not for it). Unquoting decodes what is UTF-8 and leaves the rest
 *          encoded, %00 too: the result is text and has no NUL, so nothing ends early in it.
 * QUERIES  In the query a blank is a +. */
#pragma once

#include "base/bytes.h"

enum quote_part {
    QUOTE_USER,       /* user, password, and anything else */
    QUOTE_PATH,       /* %2F and %2B stay what they are */
    QUOTE_SEGMENT,    /* one segment: a / is encoded */
    QUOTE_QUERY,      /* all of a query: = + & ; stay what they are */
    QUOTE_QUERY_PART, /* a name or value in it: they are encoded */
    QUOTE_FRAGMENT,
};

enum unquote_kind {
    UNQUOTE_ALL,
    UNQUOTE_PATH_SAFE, /* %2F and %25 stay, and a lone % becomes %25: the path can still be cut into
                        * segments, and no two paths become one */
    UNQUOTE_REST,      /* of a piece of that: the / and % that have stayed, and nothing else */
    UNQUOTE_QUERY,     /* + is a blank; %2B %3D %26 %3B stay: the query can still be cut */
    UNQUOTE_FORM,      /* + is a blank, and what is no UTF-8 becomes U+FFFD */
};

void aiohttp__quote(struct bytes *out, struct span text, enum quote_part part);
void aiohttp__requote(struct bytes *out, struct span text, enum quote_part part);
void aiohttp__unquote(struct bytes *out, struct span text, enum unquote_kind kind);

/* + and %XX decoded to bytes, whatever they are: what forms send. %00 gives NUL. */
void aiohttp__unquote_bytes(struct bytes *out, struct span text);
