/* SPDX-License-Identifier: MIT */
/* Text in other charsets than UTF-8, made UTF-8 by iconv.
 *
 * MODEL      A label is what a Content-Type or a program says; a charset is what it means. Only
 *            labels of a table are known: iconv would load a module by whatever name a peer thinks
 *            of, and takes orders behind it ("//IGNORE"). The table has the labels of WHATWG's
 *            Encoding standard and Python's names, with Python's meaning where the two differ:
 *            iso-8859-1 is that, and not windows-1252. Not among them: what hides ASCII in ASCII
 *            (UTF-7, HZ, ISO-2022-CN and -KR).
 * THREADS    Any; a decoder is one's.
 * PURE       Bytes in, bytes out; a text that is no text in its charset is -EILSEQ. */
#pragma once

#include "base/bytes.h"

struct charset {
    const char *name;   /* iconv's */
    unsigned unit;      /* bytes that a character has at least */
    const char *labels; /* lower case, - for _, divided by spaces */
};

/* What a label means, in any case, with _ for -. NULL: it is not known. */
const struct charset *aiohttp__charset_find(struct span label);

/* Whether its texts are UTF-8 as they are. */
bool aiohttp__charset_is_utf8(const struct charset *charset);

/* Whether iconv may be asked for what a program, and no peer, has called so: it is a name, and
 * nothing else. */
bool aiohttp__charset_is_name(struct span label);

/* Decodes texts of one charset. */
struct charset_decoder {
    const struct charset *charset; /* borrowed */
    void *iconv;                   /* NULL: it needs none */
};

/* 0; -EINVAL: what is in the table is not installed; -ENOMEM. Does not suspend; the
 * first one of a charset reads a module from the disk. */
int aiohttp__charset_begin(struct charset_decoder *decoder, const struct charset *charset);

/* Appends a whole text as UTF-8, at most 4 times as long: 0; -EILSEQ for what is malformed, or cut
 * off at its end, unless `is_replaced`: that is U+FFFD then; the bytes' error. */
int aiohttp__charset_decode(struct charset_decoder *decoder, struct span text, bool is_replaced,
                            struct bytes *out);

/* Also of one that has not begun, zeroed. */
void aiohttp__charset_end(struct charset_decoder *decoder);
