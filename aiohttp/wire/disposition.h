/* SPDX-License-Identifier: MIT */
/* Content-Disposition: of responses (RFC 6266, with RFC 8187's names in other alphabets) and of
 * the parts of a form (RFC 7578).
 *
 * MODEL    Read as browsers and mail programs write it. A filename* is preferred to a filename,
 *          when it can be decoded. What a peer calls a file is data: aiohttp__disposition_base
 *          gives what is behind its last / or \, and who makes a path of it checks that again. */
#pragma once

#include "wire/fields.h"

struct disposition {
    struct span type;
    struct parameter name, filename; /* as they were sent; has_value says whether */
    struct span extended;            /* filename*: "UTF-8''..." */
};

/* 0 or -EINVAL. Of a parameter that is there twice: -EINVAL. */
int aiohttp__disposition_parse(struct span text, struct disposition *ret_disposition);

/* Appends the name, or the file's name, decoded to text. false when there is none. */
bool aiohttp__disposition_name(struct bytes *out, const struct disposition *disposition);
bool aiohttp__disposition_filename(struct bytes *out, const struct disposition *disposition);

/* Without folders: what is behind the last / or \. */
struct span aiohttp__disposition_base(struct span filename);

/* Appends the disposition of a form's part, as browsers write it (WHATWG: %22, %0D, %0A).
 * `filename` NULL: none. NUL: -EINVAL in out->error. */
void aiohttp__disposition_write_form(struct bytes *out, struct span name,
                                     const struct span *filename);

/* Appends a disposition with a file's name: in ASCII, and as filename* when it is more than that.
 * -EINVAL in out->error for a type that is no token. Controls become _. */
void aiohttp__disposition_write(struct bytes *out, struct span type, const struct span *filename);
