/* SPDX-License-Identifier: MIT */
/* URLs made of other URLs: <aiohttp/url.h>, from origin to join.
 *
 * MODEL  Each takes the parts of the URL, replaces some (those it encodes lie in `bytes` of its own
 *        meanwhile), and makes a new one. */
#include "message/url.h"

#include "message/multi_dict.h"
#include "wire/ascii.h"
#include "wire/query.h"
#include "wire/quote.h"

#include <errno.h>

/* Makes the URL, unless what it is made of could not be written. */
static int make(struct bytes *text, const struct url_parts *parts, aiohttp_url **ret_url)
{
    int r = text->error == -EMSGSIZE ? aiohttp__url_raise("too long", URL_MAX) : text->error;
    if (r == 0)
        r = aiohttp__url_make(parts, ret_url);
    aiohttp__bytes_fini(text);
    return r;
}

static struct bytes scratch(void)
{
    return bytes_up_to((size_t)URL_MAX * 4);
}

static int needs_host(const aiohttp_url *url)
{
    return aiohttp_url_absolute(url) ? 0 : aiohttp__url_raise("it is relative", 0);
}

int aiohttp_url_origin(const aiohttp_url *url, aiohttp_url **ret_url)
{
    struct url_parts own = aiohttp__url_parts(url);
    if (own.host.size == 0 || own.scheme.size == 0)
        return aiohttp__url_raise("without scheme or host it has no origin", 0);
    struct url_parts parts = {
        .scheme = own.scheme, .host = own.host, .kind = own.kind, .port = own.port
    };
    return aiohttp__url_make(&parts, ret_url);
}

int aiohttp_url_relative(const aiohttp_url *url, aiohttp_url **ret_url)
{
    int r = needs_host(url);
    if (r < 0)
        return r;
    struct url_parts own = aiohttp__url_parts(url);
    struct url_parts parts = {
        .path = own.path, .query = own.query, .fragment = own.fragment, .port = -1
    };
    return aiohttp__url_make(&parts, ret_url);
}

int aiohttp_url_parent(const aiohttp_url *url, aiohttp_url **ret_url)
{
    struct url_parts parts = aiohttp__url_parts(url);
    parts.query = parts.fragment = (struct span){ NULL, 0 };
    if (parts.path.size > 0 && !span_is(parts.path, SPAN("/"))) {
        while (parts.path.size > 0 && parts.path.data[parts.path.size - 1] != '/')
            parts.path.size--;
        if (parts.path.size > 0)
            parts.path.size--;
    }
    return aiohttp__url_make(&parts, ret_url);
}

int aiohttp_url_with_scheme(const aiohttp_url *url, const char *scheme, aiohttp_url **ret_url)
{
    static const struct ascii_set set = {
        ASCII_DIGITS | ASCII_BIT('+') | ASCII_BIT('-') | ASCII_BIT('.'), ASCII_ALPHA
    };
    struct url_parts parts = aiohttp__url_parts(url);
    struct span name = span_of(scheme);
    if (name.size > 0 && (!ascii_is_alpha(scheme[0]) || !ascii_has_all(set, name)))
        return aiohttp__url_raise("not a scheme", 0);
    if (parts.host.size == 0 && aiohttp__url_needs_host(name))
        return aiohttp__url_raise("there is no host", 0);
    struct bytes text = scratch();
    for (size_t i = 0; i < name.size; i++)
        bytes_put(&text, (char)ascii_lower(scheme[i]));
    parts.scheme = bytes_span(&text);
    return make(&text, &parts, ret_url);
}

int aiohttp_url_with_user(const aiohttp_url *url, const char *user, aiohttp_url **ret_url)
{
    int r = needs_host(url);
    if (r < 0)
        return r;
    struct url_parts parts = aiohttp__url_parts(url);
    struct bytes text = scratch();
    if (user)
        aiohttp__quote(&text, span_of(user), QUOTE_USER);
    parts.user = bytes_span(&text);
    parts.has_user = text.size > 0;
    if (!user) {
        parts.has_password = false;
        parts.password = (struct span){ NULL, 0 };
    }
    return make(&text, &parts, ret_url);
}

int aiohttp_url_with_password(const aiohttp_url *url, const char *password, aiohttp_url **ret_url)
{
    int r = needs_host(url);
    if (r < 0)
        return r;
    struct url_parts parts = aiohttp__url_parts(url);
    struct bytes text = scratch();
    if (password)
        aiohttp__quote(&text, span_of(password), QUOTE_USER);
    parts.password = bytes_span(&text);
    parts.has_password = password != NULL;
    return make(&text, &parts, ret_url);
}

int aiohttp_url_with_host(const aiohttp_url *url, const char *host, aiohttp_url **ret_url)
{
    int r = needs_host(url);
    if (r < 0)
        return r;
    struct url_parts parts = aiohttp__url_parts(url);
    struct bytes text = scratch();
    struct url_error error = { 0, "not a host" };
    r = aiohttp__url_encode_host(&text, span_of(host), strchr(host, ':') != NULL, &parts.kind,
                                 &error);
    if (r < 0) {
        aiohttp__bytes_fini(&text);
        return r == -ENOMEM ? r : aiohttp__url_raise(error.why, error.at);
    }
    parts.host = bytes_span(&text);
    return make(&text, &parts, ret_url);
}

int aiohttp_url_with_port(const aiohttp_url *url, int port, aiohttp_url **ret_url)
{
    int r = needs_host(url);
    if (r < 0)
        return r;
    if (port < -1 || port > 65535)
        return aiohttp__url_raise("a port is a number up to 65535", 0);
    struct url_parts parts = aiohttp__url_parts(url);
    parts.port = port;
    return aiohttp__url_make(&parts, ret_url);
}

static bool is_encoded(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return true;
}

/* The path that `from` is to become: encoded, and without dots where there is a host. */
static struct span write_path(struct bytes *text, struct span path, bool has_host)
{
    size_t from = text->size;
    aiohttp__quote(text, path, QUOTE_PATH);
    if (!has_host || path.size == 0 || !memchr(path.data, '.', path.size) || text->error != 0)
        return bytes_since(text, from);
    struct bytes plain = scratch();
    aiohttp__url_remove_dots(&plain, bytes_since(text, from));
    text->size = from;
    bytes_add(text, bytes_span(&plain));
    if (plain.error != 0)
        text->error = plain.error;
    aiohttp__bytes_fini(&plain);
    return bytes_since(text, from);
}

int(aiohttp_url_with_path)(const aiohttp_url *url, const char *path, aiohttp_url **ret_url,
                           const aiohttp_url_with_path_options *options)
{
    static const aiohttp_url_with_path_options defaults;
    const aiohttp_url_with_path_options *o = options ? options : &defaults;
    struct url_parts parts = aiohttp__url_parts(url);
    struct span given = span_of(path);
    for (size_t i = 0; o->encoded && i < given.size; i++)
        if (!is_encoded((struct span){ path + i, 1 }) || path[i] == '?' || path[i] == '#')
            return aiohttp__url_raise("not encoded", i);
    struct bytes text = scratch();
    if (given.size > 0 && given.data[0] != '/')
        bytes_put(&text, '/');
    if (o->encoded)
        bytes_add(&text, given);
    else
        write_path(&text, given, parts.host.size > 0);
    parts.path = bytes_span(&text);
    if (!o->keep_query)
        parts.query = (struct span){ NULL, 0 };
    if (!o->keep_fragment)
        parts.fragment = (struct span){ NULL, 0 };
    return make(&text, &parts, ret_url);
}

static void write_pairs(struct bytes *text, const aiohttp_multi_dict *pairs)
{
    struct span name, value;
    for (size_t position = 0, from = text->size;
         aiohttp__multi_dict_next(pairs, &position, &name, &value);)
        aiohttp__query_write(text, from, name, value);
}

static int with_query(const aiohttp_url *url, struct bytes *text, aiohttp_url **ret_url)
{
    struct url_parts parts = aiohttp__url_parts(url);
    parts.query = bytes_span(text);
    return make(text, &parts, ret_url);
}

int aiohttp_url_with_query(const aiohttp_url *url, const char *query, aiohttp_url **ret_url)
{
    struct bytes text = scratch();
    if (query)
        aiohttp__quote(&text, span_of(query), QUOTE_QUERY);
    return with_query(url, &text, ret_url);
}

int aiohttp_url_with_query_all(const aiohttp_url *url, const aiohttp_multi_dict *query,
                               aiohttp_url **ret_url)
{
    struct bytes text = scratch();
    write_pairs(&text, query);
    return with_query(url, &text, ret_url);
}

static int extend(const aiohttp_url *url, struct bytes *more, aiohttp_url **ret_url)
{
    struct url_parts parts = aiohttp__url_parts(url);
    struct bytes text = scratch();
    bytes_add(&text, parts.query);
    if (more->size > 0 && text.size > 0 && parts.query.data[parts.query.size - 1] != '&')
        bytes_put(&text, '&');
    bytes_add(&text, bytes_span(more));
    if (more->error != 0)
        text.error = more->error;
    aiohttp__bytes_fini(more);
    return with_query(url, &text, ret_url);
}

int aiohttp_url_extend_query(const aiohttp_url *url, const char *query, aiohttp_url **ret_url)
{
    struct bytes more = scratch();
    if (query)
        aiohttp__quote(&more, span_of(query), QUOTE_QUERY);
    return extend(url, &more, ret_url);
}

int aiohttp_url_extend_query_all(const aiohttp_url *url, const aiohttp_multi_dict *query,
                                 aiohttp_url **ret_url)
{
    struct bytes more = scratch();
    write_pairs(&more, query);
    return extend(url, &more, ret_url);
}

/* The value of the nth pair of that name: true, or false when there are fewer. */
static bool nth(const aiohttp_multi_dict *dict, struct span wanted, size_t n, struct span *ret)
{
    struct span name;
    for (size_t position = 0; aiohttp__multi_dict_next(dict, &position, &name, ret);)
        if (span_is(name, wanted) && n-- == 0)
            return true;
    return false;
}

/* How many pairs of that name are before the place `end`. */
static size_t count_before(const aiohttp_multi_dict *dict, struct span wanted, size_t end)
{
    struct span name, value;
    size_t count = 0;
    for (size_t position = 0;
         position < end && aiohttp__multi_dict_next(dict, &position, &name, &value);)
        count += span_is(name, wanted);
    return count;
}

/* The nth old value of a name gives way to its nth new one, or goes; new ones that are left come
 * last. */
int aiohttp_url_update_query_all(const aiohttp_url *url, const aiohttp_multi_dict *query,
                                 aiohttp_url **ret_url)
{
    const aiohttp_multi_dict *old = aiohttp_url_query(url);
    struct bytes text = scratch();
    struct span name, value, other;
    for (size_t at = 0, next = 0; query && aiohttp__multi_dict_next(old, &next, &name, &value);
         at = next) {
        if (nth(query, name, count_before(old, name, at), &other))
            aiohttp__query_write(&text, 0, name, other);
        else if (!nth(query, name, 0, &other))
            aiohttp__query_write(&text, 0, name, value);
    }
    size_t old_count = aiohttp_multi_dict_count(old);
    for (size_t at = 0, next = 0; aiohttp__multi_dict_next(query, &next, &name, &value); at = next)
        if (count_before(query, name, at) >= count_before(old, name, old_count))
            aiohttp__query_write(&text, 0, name, value);
    return with_query(url, &text, ret_url);
}

int aiohttp_url_update_query(const aiohttp_url *url, const char *query, aiohttp_url **ret_url)
{
    if (!query)
        return aiohttp_url_update_query_all(url, NULL, ret_url);
    aiohttp_multi_dict *pairs = aiohttp_multi_dict_new();
    if (!pairs)
        return -ENOMEM;
    int r = aiohttp__multi_dict_add_query(pairs, span_of(query));
    if (r == 0)
        r = aiohttp_url_update_query_all(url, pairs, ret_url);
    aiohttp_multi_dict_unref(pairs);
    return r;
}

int aiohttp_url_without_query_params(const aiohttp_url *url, const char *const *names,
                                     size_t count, aiohttp_url **ret_url)
{
    const aiohttp_multi_dict *old = aiohttp_url_query(url);
    struct bytes text = scratch();
    struct span name, value;
    bool has_removed = false;
    for (size_t position = 0; aiohttp__multi_dict_next(old, &position, &name, &value);) {
        bool goes = false;
        for (size_t i = 0; i < count; i++)
            goes = goes || span_is(name, span_of(names[i]));
        if (!goes)
            aiohttp__query_write(&text, 0, name, value);
        has_removed = has_removed || goes;
    }
    if (has_removed)
        return with_query(url, &text, ret_url);
    aiohttp__bytes_fini(&text);
    *ret_url = aiohttp_url_ref((aiohttp_url *)url);
    return 0;
}

int aiohttp_url_with_fragment(const aiohttp_url *url, const char *fragment, aiohttp_url **ret_url)
{
    struct url_parts parts = aiohttp__url_parts(url);
    struct bytes text = scratch();
    if (fragment)
        aiohttp__quote(&text, span_of(fragment), QUOTE_FRAGMENT);
    parts.fragment = bytes_span(&text);
    return make(&text, &parts, ret_url);
}

static int with_name(const aiohttp_url *url, struct span name, bool is_raw, aiohttp_url **ret_url)
{
    struct url_parts parts = aiohttp__url_parts(url);
    if (span_is(name, SPAN(".")) || span_is(name, SPAN("..")) ||
        (name.size > 0 && memchr(name.data, '/', name.size)))
        return aiohttp__url_raise("not the name of a path's part", 0);
    struct bytes text = scratch();
    size_t kept = parts.path.size;
    while (kept > 0 && parts.path.data[kept - 1] != '/')
        kept--;
    bytes_add(&text, (struct span){ parts.path.data, kept });
    if (kept == 0 && parts.host.size > 0)
        bytes_put(&text, '/');
    if (is_raw)
        bytes_add(&text, name);
    else
        aiohttp__quote(&text, name, QUOTE_PATH);
    parts.path = bytes_span(&text);
    parts.query = parts.fragment = (struct span){ NULL, 0 };
    return make(&text, &parts, ret_url);
}

int aiohttp_url_with_name(const aiohttp_url *url, const char *name, aiohttp_url **ret_url)
{
    return with_name(url, span_of(name), false, ret_url);
}

int aiohttp_url_with_suffix(const aiohttp_url *url, const char *suffix, aiohttp_url **ret_url)
{
    if ((suffix[0] != '\0' && suffix[0] != '.') || strcmp(suffix, ".") == 0 || strchr(suffix, '/'))
        return aiohttp__url_raise("not a suffix", 0);
    struct span name = span_of(aiohttp_url_raw_name(url));
    if (name.size == 0)
        return aiohttp__url_raise("its path has no name", 0);
    struct bytes text = scratch();
    name.size -= strlen(aiohttp_url_raw_suffix(url));
    bytes_add(&text, name);
    aiohttp__quote(&text, span_of(suffix), QUOTE_PATH);
    int r = text.error == -EMSGSIZE ? aiohttp__url_raise("too long", URL_MAX) : text.error;
    if (r == 0)
        r = with_name(url, bytes_span(&text), true, ret_url);
    aiohttp__bytes_fini(&text);
    return r;
}

int aiohttp_url_joinpath(const aiohttp_url *url, const char *path, aiohttp_url **ret_url)
{
    if (path[0] == '/')
        return aiohttp__url_raise("what is appended begins with a slash", 0);
    struct url_parts parts = aiohttp__url_parts(url);
    struct bytes text = scratch(), plain = scratch();
    bytes_add(&text, parts.path);
    if (parts.path.size > 0 ? parts.path.data[parts.path.size - 1] != '/' : parts.host.size > 0)
        bytes_put(&text, '/');
    aiohttp__quote(&text, span_of(path), QUOTE_PATH);
    parts.path = bytes_span(&text);
    if (parts.host.size > 0 && strchr(path, '.') && text.error == 0) {
        aiohttp__url_remove_dots(&plain, parts.path);
        parts.path = bytes_span(&plain);
    }
    if (plain.error != 0)
        text.error = plain.error;
    parts.query = parts.fragment = (struct span){ NULL, 0 };
    int r = make(&text, &parts, ret_url);
    aiohttp__bytes_fini(&plain);
    return r;
}

/* RFC 3986, 5.2.3: all of the base's path up to its last slash, then the other's. */
static void merge(struct bytes *out, struct span base, struct span path)
{
    size_t kept = base.size;
    while (kept > 0 && base.data[kept - 1] != '/')
        kept--;
    bytes_add(out, (struct span){ base.data, kept });
    if (base.size == 0)
        bytes_put(out, '/');
    bytes_add(out, path);
}

int aiohttp_url_join(const aiohttp_url *url, const aiohttp_url *other, aiohttp_url **ret_url)
{
    struct url_parts base = aiohttp__url_parts(url), next = aiohttp__url_parts(other);
    if (next.scheme.size > 0 && !span_is(next.scheme, base.scheme)) {
        *ret_url = aiohttp_url_ref((aiohttp_url *)other);
        return 0;
    }
    struct bytes text = scratch(), merged = scratch();
    next.scheme = base.scheme;
    if (next.host.size > 0)
        return make(&text, &next, ret_url);
    if (next.path.size == 0) {
        struct span query = next.query.size > 0 ? next.query : base.query;
        base.fragment = next.fragment.size > 0 || next.query.size > 0 ? next.fragment :
                                                                        base.fragment;
        base.query = query;
        return make(&text, &base, ret_url);
    }
    if (next.path.data[0] == '/')
        bytes_add(&merged, next.path);
    else
        merge(&merged, base.path, next.path);
    aiohttp__url_remove_dots(&text, bytes_span(&merged));
    if (merged.error != 0)
        text.error = merged.error;
    aiohttp__bytes_fini(&merged);
    base.path = bytes_span(&text);
    base.query = next.query;
    base.fragment = next.fragment;
    return make(&text, &base, ret_url);
}
