/* SPDX-License-Identifier: MIT */
/* Cookies (RFC 6265 and its successor, 6265bis): the field Cookie of a request, Set-Cookie of a
 * response.
 *
 * MODEL    Read leniently where servers and browsers are lenient (any name but controls, blanks
 *          and what divides; values raw), and safely: a ; always divides, also inside quotes; what
 *          has a control character is left out. Written strictly: what cannot be read back the
 *          same is refused, so that nothing gets into a head that was not meant to.
 * PREFIX   A name that begins with __Secure- or __Host-, in any case, promises attributes
 *          (aiohttp__set_cookie_keeps_prefix). */
#pragma once

#include "base/bytes.h"

enum same_site { SAME_SITE_UNSET, SAME_SITE_STRICT, SAME_SITE_LAX, SAME_SITE_NONE };

struct set_cookie {
    struct span name, value; /* value: as it was sent */
    struct span domain, path; /* size 0: none; domain without its leading dot */
    int64_t max_age, expires; /* seconds; expires since 1970 */
    bool has_max_age, has_expires;
    bool secure, httponly, partitioned;
    enum same_site same_site;
};

enum { COOKIE_MAX = 4096, COOKIE_ATTRIBUTE_MAX = 1024 };

/* The next cookie of a field Cookie: true, its name and its value as it was sent, with its quotes.
 * What is no cookie is left out. */
bool aiohttp__cookie_next(struct span field, size_t *position, struct span *ret_name,
                          struct span *ret_value);

/* Appends what a value stands for: without quotes, with \" and \ooo (octal) decoded, as Python's
 * http.cookies does. */
void aiohttp__cookie_value_read(struct bytes *out, struct span value);

/* Appends name=value; a value that needs it in quotes. -EINVAL in out->error for a name that is no
 * token; with `is_raw`, for a value that would need quotes. */
void aiohttp__cookie_write(struct bytes *out, struct span name, struct span value, bool is_raw);

/* Reads a field Set-Cookie. 0 or -EINVAL: to be ignored. Over COOKIE_MAX bytes of name and value,
 * or without both: to be ignored; over COOKIE_ATTRIBUTE_MAX: that attribute is. */
int aiohttp__set_cookie_parse(struct span field, struct set_cookie *ret_cookie);

/* Appends a value of Set-Cookie. -EINVAL in out->error: as aiohttp__cookie_write, for a path or
 * domain with a ; or a control, for a prefix that is not kept, for what is over its size. */
void aiohttp__set_cookie_write(struct bytes *out, const struct set_cookie *cookie);

/* Whether its attributes are what the prefix of its name promises. */
bool aiohttp__set_cookie_keeps_prefix(const struct set_cookie *cookie);
