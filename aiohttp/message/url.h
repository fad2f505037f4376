/* SPDX-License-Identifier: MIT */
/* URLs inside the library: how one is made of parts that are encoded already. */
#pragma once

#include "base/bytes.h"
#include "wire/url.h"

#include <aiohttp/url.h>

/* The parts of a URL as they are sent. */
struct url_parts {
    struct span scheme, user, password, host; /* host: no brackets; empty: the URL is relative */
    struct span path, query, fragment;
    bool has_user, has_password;
    enum url_host kind;
    int port; /* -1: none */
};

/* Makes a URL of parts, which are copied. 0, -ENOMEM, -AIOHTTP_INVALID_URL (too long). */
int aiohttp__url_make(const struct url_parts *parts, aiohttp_url **ret_url);

/* The parts of a URL, lent by it. */
struct url_parts aiohttp__url_parts(const aiohttp_url *url);

/* As aiohttp_url_new, of text with a size. */
int aiohttp__url_from(struct span text, bool is_encoded, aiohttp_url **ret_url);

/* Writes `host` in its one form: internationalised names as ASCII. 0 and its kind, -ENOMEM, or
 * -AIOHTTP_INVALID_URL with the place in it. */
int aiohttp__url_encode_host(struct bytes *out, struct span host, bool is_bracketed,
                             enum url_host *ret_kind, struct url_error *ret_error);

/* Records why and where, and returns -AIOHTTP_INVALID_URL. */
int aiohttp__url_raise(const char *why, size_t at);
