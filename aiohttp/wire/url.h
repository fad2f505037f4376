/* SPDX-License-Identifier: MIT */
/* URLs cut into their parts, as spans of the text.
 *
 * MODEL    RFC 3986, with WHATWG's rules where programs rely on them (http needs a host, hosts and
 *          schemes are lower case, ports go up to 65535) and none of its repairs: what a browser
 *          would mend (a tab, a backslash before the path, http:example.com, 127.1) is refused, as
 *          two parsers that mend differently are how a request reaches another host than the one
 *          that was checked.
 * PURE     Nothing is copied or decoded. Linear. A refusal says where (an offset into the text) and
 *          why.
 * HOSTS    are ASCII here: internationalised ones are made so by message/idna.h before. */
#pragma once

#include "base/bytes.h"

enum url_host { URL_HOST_NONE, URL_HOST_NAME, URL_HOST_IPV4, URL_HOST_IPV6 };

struct url {
    struct span scheme; /* as written */
    struct span authority;
    struct span user, password, host; /* host: without brackets, with its zone */
    struct span path, query, fragment;
    bool has_authority, has_user, has_password; /* else the span is empty for want of one */
    bool is_bracketed;
    enum url_host kind;
    int port; /* -1: none */
};

/* Why and where text was refused. */
struct url_error {
    size_t at;
    const char *why;
};

/* The longest text that is taken. */
enum { URL_MAX = 1 << 20, URL_HOST_MAX = 253, URL_LABEL_MAX = 63 };

/* Cuts `text`. 0 or -AIOHTTP_INVALID_URL. The host has not been looked at (kind is NONE): there may
 * be any bytes of UTF-8 in it. *ret_error (NULL: not wanted) is written on failure only. */
int aiohttp__url_split(struct span text, struct url *ret_url, struct url_error *ret_error);

/* Says what kind of host `host` is. 0 or -AIOHTTP_INVALID_URL; where is counted from the host's
 * beginning. */
int aiohttp__url_check_host(struct span host, bool is_bracketed, enum url_host *ret_kind,
                            struct url_error *ret_error);

/* Both: for text whose host is ASCII. */
int aiohttp__url_parse(struct span text, struct url *ret_url, struct url_error *ret_error);

/* A host that was checked, in its one form: lower case, IPv6 in its shortest; no brackets. */
void aiohttp__url_write_host(struct bytes *out, struct span host, enum url_host kind);

/* Whether the scheme is one whose URLs have a host: http, https, ws, wss, ftp. Any case. */
bool aiohttp__url_needs_host(struct span scheme);

/* The scheme that `text` begins with, before its colon; empty when there is none. */
struct span aiohttp__url_scheme(struct span text);

/* The port of a scheme, or -1. Any case. */
int aiohttp__url_default_port(struct span scheme);

/* 1*DIGIT up to 65535, or -1. */
int aiohttp__url_port(struct span text);

/* `path` without its segments . and .. (RFC 3986, 5.2.4): none climbs above the root. */
void aiohttp__url_remove_dots(struct bytes *out, struct span path);
