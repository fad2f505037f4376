/* SPDX-License-Identifier: MIT */
/* URLs cut into their parts: see url.h. */
#include "wire/url.h"

#include "wire/ascii.h"
#include "wire/ip.h"

#include <aiohttp/error.h>

static const struct ascii_set scheme_bytes = {
    ASCII_DIGITS | ASCII_BIT('+') | ASCII_BIT('-') | ASCII_BIT('.'), ASCII_ALPHA
};

/* RFC 3986's reg-name, without escapes: unreserved and sub-delims. */
static const struct ascii_set name_bytes = {
    ASCII_DIGITS | ASCII_BIT('-') | ASCII_BIT('.') | ASCII_BIT('!') | ASCII_BIT('$') |
        ASCII_BIT('&') | ASCII_BIT('\'') | ASCII_BIT('(') | ASCII_BIT(')') | ASCII_BIT('*') |
        ASCII_BIT('+') | ASCII_BIT(',') | ASCII_BIT(';') | ASCII_BIT('='),
    ASCII_ALPHA | ASCII_BIT('_') | ASCII_BIT('~')
};

static const struct ascii_set zone_bytes = {
    ASCII_DIGITS | ASCII_BIT('-') | ASCII_BIT('.'), ASCII_ALPHA | ASCII_BIT('_') | ASCII_BIT('~')
};

static const struct {
    struct span scheme;
    int port;
} schemes[] = {
    { { "http", 4 }, 80 }, { { "https", 5 }, 443 }, { { "ws", 2 }, 80 },
    { { "wss", 3 }, 443 }, { { "ftp", 3 }, 21 },
};

static int refuse(struct url_error *ret_error, size_t at, const char *why)
{
    if (ret_error)
        *ret_error = (struct url_error){ at, why };
    return -AIOHTTP_INVALID_URL;
}

int aiohttp__url_default_port(struct span scheme)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (span_is_case(scheme, schemes[i].scheme))
            return schemes[i].port;
    return -1;
}

bool aiohttp__url_needs_host(struct span scheme)
{
    return aiohttp__url_default_port(scheme) >= 0;
}

int aiohttp__url_port(struct span text)
{
    uint64_t port;
    return ascii_number(text, 65535, &port) ? (int)port : -1;
}

static struct span from_to(const char *from, const char *to)
{
    return (struct span){ from, (size_t)(to - from) };
}

/* The first of the bytes in `any` (at most three) from `at`, or `end`. */
static const char *find(const char *at, const char *end, const char *any)
{
    while (at != end && (*at == '\0' || !strchr(any, *at)))
        at++;
    return at;
}

static int split_port(struct span text, struct span port, struct url *url, struct url_error *error)
{
    url->port = -1;
    if (port.size > 0 && (url->port = aiohttp__url_port(port)) < 0)
        return refuse(error, (size_t)(port.data - text.data), "a port is a number up to 65535");
    return 0;
}

/* user:password@host:port; of several @ the last one ends the user. */
static int split_authority(struct span text, struct url *url, struct url_error *error)
{
    const char *at = url->authority.data, *end = at + url->authority.size;
    const char *sign = end;
    while (sign != at && sign[-1] != '@')
        sign--;
    if (sign != at) {
        const char *colon = find(at, sign - 1, ":");
        url->has_user = colon != at;
        url->user = from_to(at, colon);
        if (colon != sign - 1) {
            url->has_password = true;
            url->password = from_to(colon + 1, sign - 1);
        }
    }
    for (const char *c = at; c != sign; c++)
        if (*c == '[' || *c == ']' || *c == '\\')
            return refuse(error, (size_t)(c - text.data), "not allowed before the host");
    const char *colon;
    if (sign != end && *sign == '[') {
        const char *close = find(sign, end, "]");
        if (close == end)
            return refuse(error, (size_t)(sign - text.data), "a bracket is not closed");
        url->is_bracketed = true;
        url->host = from_to(sign + 1, close);
        colon = close + 1;
        if (colon != end && *colon != ':')
            return refuse(error, (size_t)(colon - text.data), "only a port follows a bracket");
    } else {
        colon = find(sign, end, ":");
        url->host = from_to(sign, colon);
    }
    return split_port(text, from_to(colon == end ? end : colon + 1, end), url, error);
}

struct span aiohttp__url_scheme(struct span text)
{
    size_t i = 0;
    while (i < text.size && ascii_has(scheme_bytes, text.data[i]))
        i++;
    bool is_there = i > 0 && i < text.size && text.data[i] == ':' && ascii_is_alpha(text.data[0]);
    return (struct span){ text.data, is_there ? i : 0 };
}

int aiohttp__url_split(struct span text, struct url *ret_url, struct url_error *ret_error)
{
    if (text.size > URL_MAX)
        return refuse(ret_error, URL_MAX, "too long");
    for (size_t i = 0; i < text.size; i++)
        if (ascii_is_control(text.data[i]))
            return refuse(ret_error, i, "a control character");
    struct span rest = text.data ? text : SPAN("");
    while (rest.size > 0 && rest.data[0] == ' ')
        rest = (struct span){ rest.data + 1, rest.size - 1 };
    struct url url = { .port = -1 };
    url.scheme = aiohttp__url_scheme(rest);
    if (url.scheme.size > 0)
        rest = (struct span){ rest.data + url.scheme.size + 1, rest.size - url.scheme.size - 1 };
    const char *at = rest.data, *end = at + rest.size;
    if (rest.size >= 2 && at[0] == '/' && at[1] == '/') {
        url.has_authority = true;
        const char *authority = at + 2;
        at = find(authority, end, "/?#");
        url.authority = from_to(authority, at);
        int r = split_authority(text, &url, ret_error);
        if (r < 0)
            return r;
        if (url.host.size == 0 && (url.authority.size > 0 || aiohttp__url_needs_host(url.scheme)))
            return refuse(ret_error, (size_t)(authority - text.data), "there is no host");
        url.has_authority = url.authority.size > 0;
    } else if (aiohttp__url_needs_host(url.scheme)) {
        return refuse(ret_error, (size_t)(at - text.data), "there is no host");
    }
    const char *query = find(at, end, "?#");
    const char *fragment = query != end && *query == '?' ? find(query, end, "#") : query;
    url.path = from_to(at, query);
    url.query = from_to(query == fragment ? query : query + 1, fragment);
    url.fragment = from_to(fragment == end ? end : fragment + 1, end);
    *ret_url = url;
    return 0;
}

static int check_ipv6(struct span host, enum url_host *ret_kind, struct url_error *error)
{
    uint16_t address[8];
    size_t size = 0;
    while (size < host.size && host.data[size] != '%')
        size++;
    if (!aiohttp__ipv6_parse((struct span){ host.data, size }, address))
        return refuse(error, 0, "not an IPv6 address");
    if (size < host.size) {
        struct span zone = { host.data + size + 1, host.size - size - 1 };
        if (zone.size > 2 && zone.data[0] == '2' && zone.data[1] == '5')
            zone = (struct span){ zone.data + 2, zone.size - 2 };
        if (zone.size == 0 || zone.size > URL_LABEL_MAX || !ascii_has_all(zone_bytes, zone))
            return refuse(error, size, "not the zone of an address");
    }
    *ret_kind = URL_HOST_IPV6;
    return 0;
}

int aiohttp__url_check_host(struct span host, bool is_bracketed, enum url_host *ret_kind,
                            struct url_error *ret_error)
{
    if (is_bracketed)
        return check_ipv6(host, ret_kind, ret_error);
    size_t label = 0, dots = host.size > 0 && host.data[host.size - 1] == '.';
    if (host.size - dots > URL_HOST_MAX)
        return refuse(ret_error, URL_HOST_MAX, "the host is too long");
    for (size_t i = 0; i < host.size - dots; i++) {
        if (!ascii_has(name_bytes, host.data[i]))
            return refuse(ret_error, i, "not a character of a host");
        if (host.data[i] == '.') {
            if (i == label)
                return refuse(ret_error, i, "a label of the host is empty");
            label = i + 1;
        } else if (i - label >= URL_LABEL_MAX) {
            return refuse(ret_error, i, "a label of the host is too long");
        }
    }
    if (host.size - dots == label)
        return refuse(ret_error, label, "a label of the host is empty");
    unsigned char address[4];
    bool is_address = aiohttp__ipv4_parse(host, address);
    if (!is_address && aiohttp__looks_like_ipv4(host))
        return refuse(ret_error, label, "ends in a number, and is not an IPv4 address");
    *ret_kind = is_address ? URL_HOST_IPV4 : URL_HOST_NAME;
    return 0;
}

int aiohttp__url_parse(struct span text, struct url *ret_url, struct url_error *ret_error)
{
    struct url url;
    int r = aiohttp__url_split(text, &url, ret_error);
    if (r >= 0 && url.has_authority) {
        r = aiohttp__url_check_host(url.host, url.is_bracketed, &url.kind, ret_error);
        if (r < 0 && ret_error)
            ret_error->at += (size_t)(url.host.data - text.data);
    }
    if (r >= 0)
        *ret_url = url;
    return r;
}

void aiohttp__url_write_host(struct bytes *out, struct span host, enum url_host kind)
{
    uint16_t address[8];
    size_t at = 0;
    if (kind == URL_HOST_IPV6) {
        while (at < host.size && host.data[at] != '%')
            at++;
        if (aiohttp__ipv6_parse((struct span){ host.data, at }, address))
            aiohttp__ipv6_write(out, address);
    }
    for (; at < host.size; at++)
        bytes_put(out, kind == URL_HOST_IPV6 ? host.data[at] : (char)ascii_lower(host.data[at]));
}

void aiohttp__url_remove_dots(struct bytes *out, struct span path)
{
    if (path.size == 0)
        return;
    const char *at = path.data, *end = at + path.size;
    if (at != end && *at == '/')
        bytes_put(out, *at++);
    /* each segment that stays is written with a / behind it, and the last one loses it */
    size_t base = out->size;
    for (;;) {
        const char *slash = find(at, end, "/");
        struct span segment = from_to(at, slash);
        bool is_up = span_is(segment, SPAN("..")), is_here = span_is(segment, SPAN("."));
        if (is_up && out->size > base) {
            out->size--;
            while (out->size > base && out->data[out->size - 1] != '/')
                out->size--;
        } else if (!is_up && !is_here) {
            bytes_add(out, segment);
            bytes_put(out, '/');
        }
        if (slash == end) {
            if (!is_up && !is_here && out->error == 0)
                out->size--;
            return;
        }
        at = slash + 1;
    }
}
