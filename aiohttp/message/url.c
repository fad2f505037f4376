/* SPDX-License-Identifier: MIT */
/* URLs, immutable: see <aiohttp/url.h>. What makes one of another is in url_change.c.
 *
 * MODEL  All forms of all parts are written into one piece of text when the URL is made, each with
 *        a NUL behind it, and never change: so no function that asks can fail, and any thread may.
 *        A form that is the same as another shares its text. */
#include "message/url.h"

#include "base/error.h"
#include "message/idna.h"
#include "message/multi_dict.h"
#include "wire/quote.h"

#include <asyncio/alloc.h>
#include <errno.h>
#include <stdatomic.h>

enum field {
    STR, SCHEME, RAW_AUTHORITY, AUTHORITY, RAW_USER, USER, RAW_PASSWORD, PASSWORD, RAW_HOST, HOST,
    HOST_SUBCOMPONENT, HOST_PORT_SUBCOMPONENT, OWN_PATH, RAW_PATH, PATH, PATH_SAFE, RAW_PATH_QS,
    PATH_QS, RAW_QUERY, QUERY, RAW_FRAGMENT, FRAGMENT, RAW_NAME, NAME, RAW_SUFFIX, SUFFIX,
    RAW_PARTS, PARTS, FIELDS
};

struct aiohttp_url {
    atomic_uint references;
    int port; /* that was given, or -1 */
    enum url_host kind;
    aiohttp_multi_dict *query; /* NULL: none */
    char *text;                /* that the fields lie in */
    struct span fields[FIELDS]; /* data NULL: there is none */
};

/* While it is made the text moves, so places are told from its beginning. */
struct maker {
    struct bytes text;
    struct {
        size_t at, size;
        bool is_there;
    } fields[FIELDS];
};

static void begin(struct maker *maker, enum field field)
{
    maker->fields[field].at = maker->text.size;
}

static void end(struct maker *maker, enum field field)
{
    maker->fields[field].size = maker->text.size - maker->fields[field].at;
    maker->fields[field].is_there = true;
    bytes_put(&maker->text, '\0');
}

static void put(struct maker *maker, enum field field, struct span span)
{
    begin(maker, field);
    bytes_add(&maker->text, span);
    end(maker, field);
}

static void put_decoded(struct maker *maker, enum field field, enum field raw, struct span span,
                        enum unquote_kind kind)
{
    bool is_same = span.size == 0 ||
                   (!memchr(span.data, '%', span.size) &&
                    (kind != UNQUOTE_QUERY || !memchr(span.data, '+', span.size)));
    if (is_same) {
        maker->fields[field] = maker->fields[raw];
        return;
    }
    begin(maker, field);
    aiohttp__unquote(&maker->text, span, kind);
    end(maker, field);
}

static void write_user(struct bytes *out, const struct url_parts *parts, bool is_decoded)
{
    if (is_decoded)
        aiohttp__unquote(out, parts->user, UNQUOTE_ALL);
    else
        bytes_add(out, parts->user);
    if (parts->has_password) {
        bytes_put(out, ':');
        if (is_decoded)
            aiohttp__unquote(out, parts->password, UNQUOTE_ALL);
        else
            bytes_add(out, parts->password);
    }
    if (parts->has_user || parts->has_password)
        bytes_put(out, '@');
}

static void write_host(struct bytes *out, struct span host, enum url_host kind, int port)
{
    if (kind == URL_HOST_IPV6)
        bytes_put(out, '[');
    bytes_add(out, host);
    if (kind == URL_HOST_IPV6)
        bytes_put(out, ']');
    if (port >= 0) {
        bytes_put(out, ':');
        aiohttp__bytes_number(out, (uint64_t)port);
    }
}

static void write_query(struct bytes *out, const struct url_parts *parts)
{
    if (parts->query.size > 0) {
        bytes_put(out, '?');
        bytes_add(out, parts->query);
    }
}

/* The port, unless it is the scheme's own. */
static int other_port(const struct url_parts *parts)
{
    return parts->port == aiohttp__url_default_port(parts->scheme) ? -1 : parts->port;
}

static void write_str(struct bytes *out, const struct url_parts *parts)
{
    struct span path = parts->path;
    bytes_add(out, parts->scheme);
    if (parts->scheme.size > 0)
        bytes_put(out, ':');
    /* a path that begins with // would be read as a host, and one of no / behind file:// */
    bool is_rooted = path.size == 0 || path.data[0] == '/';
    if (parts->host.size > 0 || (span_is(parts->scheme, SPAN("file")) && is_rooted) ||
        (path.size >= 2 && path.data[0] == '/' && path.data[1] == '/'))
        bytes_text(out, "//");
    if (parts->host.size > 0) {
        write_user(out, parts, false);
        write_host(out, parts->host, parts->kind, other_port(parts));
        if (path.size == 0 && (parts->query.size > 0 || parts->fragment.size > 0))
            path = SPAN("/");
    } else if (parts->scheme.size == 0 && aiohttp__url_scheme(path).size > 0) {
        bytes_text(out, "./"); /* so would a first segment with a colon as a scheme */
    }
    bytes_add(out, path);
    write_query(out, parts);
    if (parts->fragment.size > 0) {
        bytes_put(out, '#');
        bytes_add(out, parts->fragment);
    }
}

static void make_authority(struct maker *maker, const struct url_parts *parts)
{
    struct bytes *out = &maker->text;
    if (parts->has_user) {
        put(maker, RAW_USER, parts->user);
        put_decoded(maker, USER, RAW_USER, parts->user, UNQUOTE_ALL);
    }
    if (parts->has_password) {
        put(maker, RAW_PASSWORD, parts->password);
        put_decoded(maker, PASSWORD, RAW_PASSWORD, parts->password, UNQUOTE_ALL);
    }
    begin(maker, RAW_AUTHORITY);
    if (parts->host.size > 0) {
        write_user(out, parts, false);
        write_host(out, parts->host, parts->kind, parts->port);
    }
    end(maker, RAW_AUTHORITY);
    if (parts->host.size == 0) {
        maker->fields[AUTHORITY] = maker->fields[RAW_AUTHORITY];
        return;
    }
    int port = parts->port >= 0 ? parts->port : aiohttp__url_default_port(parts->scheme);
    put(maker, RAW_HOST, parts->host);
    maker->fields[HOST] = maker->fields[RAW_HOST];
    char decoded[URL_HOST_MAX * 4 + 2];
    struct bytes host = bytes_in(decoded, sizeof decoded);
    if (parts->kind == URL_HOST_NAME)
        aiohttp__idna_decode(&host, parts->host);
    else
        aiohttp__unquote(&host, parts->host, UNQUOTE_ALL); /* of a zone */
    if (host.error == 0 && !span_is(bytes_span(&host), parts->host))
        put(maker, HOST, bytes_span(&host));
    bool is_decoded = maker->fields[HOST].at != maker->fields[RAW_HOST].at;
    begin(maker, AUTHORITY);
    write_user(out, parts, true);
    write_host(out, is_decoded ? bytes_span(&host) : parts->host, parts->kind, port);
    end(maker, AUTHORITY);
    begin(maker, HOST_SUBCOMPONENT);
    write_host(out, parts->host, parts->kind, -1);
    end(maker, HOST_SUBCOMPONENT);
    struct span name = parts->host;
    while (name.size > 0 && name.data[name.size - 1] == '.')
        name.size--;
    begin(maker, HOST_PORT_SUBCOMPONENT);
    write_host(out, name, parts->kind, other_port(parts));
    end(maker, HOST_PORT_SUBCOMPONENT);
}

/* The parts one behind the other, each with a NUL behind it. */
static void write_parts(struct maker *maker, enum field field, struct span path, bool is_absolute)
{
    struct bytes *out = &maker->text;
    begin(maker, field);
    size_t at = 0;
    bool is_rooted = path.size > 0 ? path.data[0] == '/' : is_absolute;
    if (is_rooted) {
        bytes_put(out, '/');
        at = 1;
    }
    if (!is_rooted || path.size > 0) {
        if (is_rooted)
            bytes_put(out, '\0');
        for (size_t from = at;; at++) {
            if (at < path.size && path.data[at] != '/')
                continue;
            struct span part = { path.data + from, at - from };
            if (field == PARTS)
                aiohttp__unquote(out, part, UNQUOTE_ALL);
            else
                bytes_add(out, part);
            if (at >= path.size)
                break;
            bytes_put(out, '\0');
            from = at + 1;
        }
    }
    end(maker, field);
}

static void make_path(struct maker *maker, const struct url_parts *parts)
{
    struct bytes *out = &maker->text;
    bool is_absolute = parts->host.size > 0;
    struct span own = parts->path.size > 0 ? parts->path : SPAN("");
    struct span path = is_absolute && own.size == 0 ? SPAN("/") : own;
    put(maker, OWN_PATH, own);
    put(maker, RAW_PATH, path);
    put_decoded(maker, PATH, RAW_PATH, path, UNQUOTE_ALL);
    put_decoded(maker, PATH_SAFE, RAW_PATH, path, UNQUOTE_PATH_SAFE);
    put(maker, RAW_QUERY, parts->query);
    put_decoded(maker, QUERY, RAW_QUERY, parts->query, UNQUOTE_QUERY);
    begin(maker, RAW_PATH_QS);
    bytes_add(out, path);
    write_query(out, parts);
    end(maker, RAW_PATH_QS);
    begin(maker, PATH_QS);
    aiohttp__unquote(out, path, UNQUOTE_ALL);
    if (parts->query.size > 0) {
        bytes_put(out, '?');
        aiohttp__unquote(out, parts->query, UNQUOTE_QUERY);
    }
    end(maker, PATH_QS);
    size_t name = own.size;
    while (name > 0 && own.data[name - 1] != '/')
        name--;
    struct span raw_name = { own.data + name, own.size - name };
    size_t dot = raw_name.size;
    while (dot > 0 && raw_name.data[dot - 1] != '.')
        dot--;
    bool has_suffix = dot > 1 && dot < raw_name.size;
    struct span suffix = { raw_name.data + dot - (dot > 0),
                           has_suffix ? raw_name.size - dot + 1 : 0 };
    put(maker, RAW_NAME, raw_name);
    put_decoded(maker, NAME, RAW_NAME, raw_name, UNQUOTE_ALL);
    put(maker, RAW_SUFFIX, suffix);
    put_decoded(maker, SUFFIX, RAW_SUFFIX, suffix, UNQUOTE_ALL);
    write_parts(maker, RAW_PARTS, own, is_absolute);
    write_parts(maker, PARTS, own, is_absolute);
}

int aiohttp__url_make(const struct url_parts *parts, aiohttp_url **ret_url)
{
    struct maker maker = { .text = bytes_up_to((size_t)URL_MAX * 32) };
    aiohttp__errors_add();
    begin(&maker, STR);
    write_str(&maker.text, parts);
    end(&maker, STR);
    if (maker.fields[STR].size > URL_MAX) {
        aiohttp__bytes_fini(&maker.text);
        return aiohttp__url_raise("too long", URL_MAX);
    }
    put(&maker, SCHEME, parts->scheme);
    make_authority(&maker, parts);
    make_path(&maker, parts);
    put(&maker, RAW_FRAGMENT, parts->fragment);
    put_decoded(&maker, FRAGMENT, RAW_FRAGMENT, parts->fragment, UNQUOTE_ALL);

    aiohttp_url *url = asyncio_mem_calloc(1, sizeof *url);
    aiohttp_multi_dict *query = parts->query.size > 0 ? aiohttp_multi_dict_new() : NULL;
    int r = !url || (!query && parts->query.size > 0) ? -ENOMEM : maker.text.error;
    if (r == 0 && query)
        r = aiohttp__multi_dict_add_query(query, parts->query);
    if (r < 0) {
        aiohttp_multi_dict_unref(query);
        asyncio_mem_free(url);
        aiohttp__bytes_fini(&maker.text);
        return r;
    }
    atomic_init(&url->references, 1);
    url->port = parts->port;
    url->kind = parts->kind;
    url->query = query;
    url->text = maker.text.data;
    for (size_t i = 0; i < FIELDS; i++)
        if (maker.fields[i].is_there)
            url->fields[i] = (struct span){ url->text + maker.fields[i].at, maker.fields[i].size };
    *ret_url = url;
    return 0;
}

struct url_parts aiohttp__url_parts(const aiohttp_url *url)
{
    const struct span *fields = url->fields;
    return (struct url_parts){ fields[SCHEME], fields[RAW_USER], fields[RAW_PASSWORD],
                               fields[RAW_HOST], fields[OWN_PATH], fields[RAW_QUERY],
                               fields[RAW_FRAGMENT], fields[RAW_USER].data != NULL,
                               fields[RAW_PASSWORD].data != NULL, url->kind, url->port };
}

aiohttp_url *aiohttp_url_ref(aiohttp_url *url)
{
    if (url)
        atomic_fetch_add_explicit(&url->references, 1, memory_order_relaxed);
    return url;
}

void aiohttp_url_unref(aiohttp_url *url)
{
    if (!url || atomic_fetch_sub_explicit(&url->references, 1, memory_order_acq_rel) != 1)
        return;
    aiohttp_multi_dict_unref(url->query);
    asyncio_mem_free(url->text);
    asyncio_mem_free(url);
}

#define GETTER(name, field)                                                                        \
    const char *aiohttp_url_##name(const aiohttp_url *url)                                         \
    {                                                                                              \
        return url->fields[field].data;                                                            \
    }
GETTER(str, STR)
GETTER(scheme, SCHEME)
GETTER(raw_authority, RAW_AUTHORITY)
GETTER(authority, AUTHORITY)
GETTER(raw_user, RAW_USER)
GETTER(user, USER)
GETTER(raw_password, RAW_PASSWORD)
GETTER(password, PASSWORD)
GETTER(raw_host, RAW_HOST)
GETTER(host, HOST)
GETTER(host_subcomponent, HOST_SUBCOMPONENT)
GETTER(host_port_subcomponent, HOST_PORT_SUBCOMPONENT)
GETTER(raw_path, RAW_PATH)
GETTER(path, PATH)
GETTER(path_safe, PATH_SAFE)
GETTER(raw_path_qs, RAW_PATH_QS)
GETTER(path_qs, PATH_QS)
GETTER(raw_query_string, RAW_QUERY)
GETTER(query_string, QUERY)
GETTER(raw_fragment, RAW_FRAGMENT)
GETTER(fragment, FRAGMENT)
GETTER(raw_name, RAW_NAME)
GETTER(name, NAME)
GETTER(raw_suffix, RAW_SUFFIX)
GETTER(suffix, SUFFIX)

const aiohttp_multi_dict *aiohttp_url_query(const aiohttp_url *url)
{
    return url->query;
}

int aiohttp_url_absolute(const aiohttp_url *url)
{
    return url->fields[RAW_HOST].data != NULL;
}

int aiohttp_url_explicit_port(const aiohttp_url *url)
{
    return url->port;
}

int aiohttp_url_port(const aiohttp_url *url)
{
    return url->port >= 0 ? url->port : aiohttp__url_default_port(url->fields[SCHEME]);
}

int aiohttp_url_is_default_port(const aiohttp_url *url)
{
    return aiohttp_url_absolute(url) &&
           (url->port < 0 || url->port == aiohttp__url_default_port(url->fields[SCHEME]));
}

int aiohttp_url_eq(const aiohttp_url *url, const aiohttp_url *other)
{
    static const enum field compared[] = { SCHEME, RAW_USER, RAW_PASSWORD, RAW_HOST,
                                           RAW_PATH, RAW_QUERY, RAW_FRAGMENT };
    for (size_t i = 0; i < sizeof compared / sizeof *compared; i++) {
        struct span a = url->fields[compared[i]], b = other->fields[compared[i]];
        if (!span_is(a, b) || !a.data != !b.data)
            return 0;
    }
    return aiohttp_url_port(url) == aiohttp_url_port(other);
}

static size_t list(const aiohttp_url *url, enum field field, const char **ret_parts, size_t count)
{
    const char *at = url->fields[field].data, *last = at + url->fields[field].size;
    size_t found = 0;
    for (; at <= last; at += strlen(at) + 1, found++)
        if (found < count)
            ret_parts[found] = at;
    return found;
}

size_t aiohttp_url_raw_parts(const aiohttp_url *url, const char **ret_parts, size_t count)
{
    return list(url, RAW_PARTS, ret_parts, count);
}

size_t aiohttp_url_parts(const aiohttp_url *url, const char **ret_parts, size_t count)
{
    return list(url, PARTS, ret_parts, count);
}
