/* SPDX-License-Identifier: MIT */
/* URLs made of text, and of parts: aiohttp_url_new and _build of <aiohttp/url.h>; and text made of
 * URLs for people. */
#include "message/url.h"

#include "message/idna.h"
#include "message/multi_dict.h"
#include "wire/ascii.h"
#include "wire/query.h"
#include "wire/quote.h"
#include "wire/utf8.h"

#include <asyncio/alloc.h>
#include <errno.h>

/* Parts as they are written, one behind the other: where they are is known when none moves. */
struct draft {
    struct bytes text;
    struct {
        size_t at, size;
    } scheme, user, password, host, path, query, fragment;
    bool has_user, has_password;
    enum url_host kind;
    int port;
};

#define WRITE(draft, part, call)                                                                   \
    do {                                                                                           \
        (draft)->part.at = (draft)->text.size;                                                     \
        call;                                                                                      \
        (draft)->part.size = (draft)->text.size - (draft)->part.at;                                \
    } while (0)

int aiohttp__url_raise(const char *why, size_t at)
{
    return asyncio_raise(-AIOHTTP_INVALID_URL, "this is no URL: %s (at byte %zu)", why, at);
}

int aiohttp__url_encode_host(struct bytes *out, struct span host, bool is_bracketed,
                             enum url_host *ret_kind, struct url_error *ret_error)
{
    size_t at = 0, from = out->size;
    while (at < host.size && (unsigned char)host.data[at] < 0x80)
        at++;
    if (at == host.size) {
        int r = aiohttp__url_check_host(host, is_bracketed, ret_kind, ret_error);
        if (r == 0)
            aiohttp__url_write_host(out, host, *ret_kind);
        return r;
    }
    *ret_error = (struct url_error){ at, "not an internationalised host" };
    int r = is_bracketed ? -AIOHTTP_INVALID_URL : aiohttp__idna_encode(out, host);
    enum url_host kind = URL_HOST_NONE;
    if (r == 0)
        r = aiohttp__url_check_host(bytes_since(out, from), false, &kind, NULL);
    /* digits of other alphabets are no way to write an address */
    if (r == 0 && kind != URL_HOST_NAME)
        r = -AIOHTTP_INVALID_URL;
    if (r == 0)
        *ret_kind = kind;
    return r;
}

/* Makes the URL and ends the draft. `r` is what went wrong before. */
static int finish(struct draft *draft, int r, const struct url_error *error, aiohttp_url **ret_url)
{
    if (r == 0)
        r = draft->text.error;
    if (r == 0) {
        const char *text = draft->text.data ? draft->text.data : "";
#define PART(name) { text + draft->name.at, draft->name.size }
        struct url_parts parts = {
            PART(scheme), PART(user), PART(password), PART(host), PART(path), PART(query),
            PART(fragment), draft->has_user, draft->has_password, draft->kind, draft->port
        };
#undef PART
        r = aiohttp__url_make(&parts, ret_url);
    } else if (r != -ENOMEM) {
        r = aiohttp__url_raise(r == -EMSGSIZE ? "too long" : error->why, error->at);
    }
    aiohttp__bytes_fini(&draft->text);
    return r;
}

/* Encodes the path from `path` on, without its dots where there is a host. */
static int write_path(struct draft *draft, struct span path, bool is_quoted)
{
    struct bytes encoded = bytes_up_to(draft->text.max);
    if (is_quoted)
        aiohttp__requote(&encoded, path, QUOTE_PATH);
    else
        aiohttp__quote(&encoded, path, QUOTE_PATH);
    if (draft->host.size > 0 && encoded.size > 0 && memchr(encoded.data, '.', encoded.size))
        aiohttp__url_remove_dots(&draft->text, bytes_span(&encoded));
    else
        bytes_add(&draft->text, bytes_span(&encoded));
    int r = encoded.error;
    aiohttp__bytes_fini(&encoded);
    return r;
}

static void write_lower(struct bytes *out, struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        bytes_put(out, (char)ascii_lower(text.data[i]));
}

static struct draft new_draft(void)
{
    return (struct draft){ .text = bytes_up_to((size_t)URL_MAX * 4), .port = -1 };
}

int aiohttp__url_from(struct span text, bool is_encoded, aiohttp_url **ret_url)
{
    struct url url;
    struct url_error error = { 0, "" };
    struct draft draft = new_draft();
    int r = aiohttp__url_split(text, &url, &error);
    for (size_t i = 0; r == 0 && is_encoded && i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~') {
            error = (struct url_error){ i, "not encoded" };
            r = -AIOHTTP_INVALID_URL;
        }
    if (r < 0)
        return finish(&draft, r, &error, ret_url);
    struct bytes *out = &draft.text;
    WRITE(&draft, scheme, write_lower(out, url.scheme));
    draft.port = url.port;
    draft.has_user = url.has_user;
    draft.has_password = url.has_password;
    if (url.has_authority) {
        WRITE(&draft, host,
              r = aiohttp__url_encode_host(out, url.host, url.is_bracketed, &draft.kind, &error));
        if (r < 0) {
            error.at += (size_t)(url.host.data - text.data);
            return finish(&draft, r, &error, ret_url);
        }
    }
    if (is_encoded) {
        WRITE(&draft, user, bytes_add(out, url.user));
        WRITE(&draft, password, bytes_add(out, url.password));
        WRITE(&draft, path, bytes_add(out, url.path));
        WRITE(&draft, query, bytes_add(out, url.query));
        WRITE(&draft, fragment, bytes_add(out, url.fragment));
    } else {
        WRITE(&draft, user, aiohttp__requote(out, url.user, QUOTE_USER));
        WRITE(&draft, password, aiohttp__requote(out, url.password, QUOTE_USER));
        WRITE(&draft, path, r = write_path(&draft, url.path, true));
        WRITE(&draft, query, aiohttp__requote(out, url.query, QUOTE_QUERY));
        WRITE(&draft, fragment, aiohttp__requote(out, url.fragment, QUOTE_FRAGMENT));
    }
    return finish(&draft, r, &error, ret_url);
}

int(aiohttp_url_new)(const char *text, aiohttp_url **ret_url, const aiohttp_url_options *options)
{
    return aiohttp__url_from(span_of(text), options && options->encoded, ret_url);
}

static struct span text_or_empty(const char *text)
{
    return text ? span_of(text) : (struct span){ "", 0 };
}

static const char *build_refuses(const aiohttp_url_build_options *o)
{
    bool has_host = o->host && *o->host;
    if (o->authority && (o->user || o->password || has_host || o->port != AIOHTTP_NO_PORT))
        return "authority comes without user, password, host and port";
    if (o->port != AIOHTTP_NO_PORT && !has_host)
        return "a port needs a host";
    if (o->port < AIOHTTP_NO_PORT || o->port > 65535)
        return "a port is a number up to 65535";
    if (o->query && o->query_string)
        return "query comes without query_string";
    if ((o->user || o->password) && !has_host)
        return "a user needs a host";
    return NULL;
}

/* User, password, host, port, of what was given. */
static int build_authority(struct draft *draft, const aiohttp_url_build_options *o,
                           struct url_error *error)
{
    struct bytes *out = &draft->text, text = bytes_up_to(URL_MAX);
    struct url url = { .user = text_or_empty(o->user), .password = text_or_empty(o->password),
                       .host = text_or_empty(o->host), .port = o->port };
    int r = 0;
    url.has_user = url.user.size > 0;
    url.has_password = o->password != NULL;
    url.is_bracketed = url.host.size > 0 && memchr(url.host.data, ':', url.host.size);
    if (o->authority && *o->authority) {
        bytes_text(&text, "//");
        bytes_text(&text, o->authority);
        r = text.error ? text.error : aiohttp__url_split(bytes_span(&text), &url, error);
        if (r == 0 && (url.path.size > 0 || url.query.size > 0 || url.fragment.size > 0 ||
                       url.authority.size != strlen(o->authority))) {
            *error = (struct url_error){ url.authority.size, "not an authority" };
            r = -AIOHTTP_INVALID_URL;
        }
    }
    if (r == 0 && url.host.size > 0)
        WRITE(draft, host,
              r = aiohttp__url_encode_host(out, url.host, url.is_bracketed, &draft->kind, error));
    bool again = o->encoded != 0;
    WRITE(draft, user,
          again ? bytes_add(out, url.user) : aiohttp__quote(out, url.user, QUOTE_USER));
    WRITE(draft, password,
          again ? bytes_add(out, url.password) : aiohttp__quote(out, url.password, QUOTE_USER));
    draft->has_user = url.has_user;
    draft->has_password = url.has_password;
    draft->port = url.port == aiohttp__url_default_port(text_or_empty(o->scheme)) ? -1 : url.port;
    aiohttp__bytes_fini(&text);
    return r;
}

/* Path, query, fragment. */
static int build_rest(struct draft *draft, const aiohttp_url_build_options *o)
{
    struct bytes *out = &draft->text;
    struct span path = text_or_empty(o->path), query = text_or_empty(o->query_string);
    struct span fragment = text_or_empty(o->fragment), name, value;
    int r = 0;
    if (o->encoded) {
        WRITE(draft, path, bytes_add(out, path));
        WRITE(draft, query, bytes_add(out, query));
        WRITE(draft, fragment, bytes_add(out, fragment));
    } else {
        WRITE(draft, path, r = write_path(draft, path, false));
        WRITE(draft, query, aiohttp__quote(out, query, QUOTE_QUERY));
        WRITE(draft, fragment, aiohttp__quote(out, fragment, QUOTE_FRAGMENT));
    }
    if (o->query) {
        draft->query.at = out->size;
        for (size_t position = 0;
             aiohttp__multi_dict_next(o->query, &position, &name, &value);)
            aiohttp__query_write(out, draft->query.at, name, value);
        draft->query.size = out->size - draft->query.at;
    }
    return r;
}

int(aiohttp_url_build)(aiohttp_url **ret_url, const aiohttp_url_build_options *options)
{
    static const aiohttp_url_build_options defaults = { .port = AIOHTTP_NO_PORT };
    const aiohttp_url_build_options *o = options ? options : &defaults;
    struct url_error error = { 0, build_refuses(o) };
    struct draft draft = new_draft();
    if (error.why)
        return finish(&draft, -AIOHTTP_INVALID_URL, &error, ret_url);
    static const struct ascii_set scheme = {
        ASCII_DIGITS | ASCII_BIT('+') | ASCII_BIT('-') | ASCII_BIT('.'), ASCII_ALPHA
    };
    struct span name = text_or_empty(o->scheme);
    error.why = "not a scheme";
    if (name.size > 0 && (!ascii_is_alpha(name.data[0]) || !ascii_has_all(scheme, name)))
        return finish(&draft, -AIOHTTP_INVALID_URL, &error, ret_url);
    WRITE(&draft, scheme, write_lower(&draft.text, name));
    int r = build_authority(&draft, o, &error);
    if (r == 0)
        r = build_rest(&draft, o);
    if (r == 0 && draft.host.size > 0 && draft.path.size > 0 && draft.text.error == 0 &&
        draft.text.data[draft.path.at] != '/') {
        error = (struct url_error){ 0, "a path behind a host begins with a slash" };
        r = -AIOHTTP_INVALID_URL;
    }
    for (size_t i = 0; r == 0 && o->encoded && i < draft.text.size; i++)
        if (draft.text.data[i] <= ' ' || draft.text.data[i] > '~') {
            error = (struct url_error){ i, "not encoded" };
            r = -AIOHTTP_INVALID_URL;
        }
    return finish(&draft, r, &error, ret_url);
}

/* Text for people: only what would be read as something else is encoded, and controls. */
static void human(struct bytes *out, struct span text, const char *unsafe)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '%' || ascii_is_control(text.data[i]) || (c != '\0' && strchr(unsafe, c))) {
            char encoded[3] = { '%', digits[c >> 4], digits[c & 15] };
            aiohttp__bytes_append(out, encoded, sizeof encoded);
        } else {
            bytes_put(out, text.data[i]);
        }
    }
}

static void human_authority(struct bytes *out, const aiohttp_url *url)
{
    static const char unsafe[] = "#/:?@[]\\";
    const char *user = aiohttp_url_user(url), *password = aiohttp_url_password(url);
    const char *host = aiohttp_url_host(url);
    human(out, text_or_empty(user), unsafe);
    if (password) {
        bytes_put(out, ':');
        human(out, span_of(password), unsafe);
    }
    if (user || password)
        bytes_put(out, '@');
    bool is_ipv6 = strchr(host, ':') != NULL;
    bytes_text(out, is_ipv6 ? "[" : "");
    bytes_text(out, host);
    bytes_text(out, is_ipv6 ? "]" : "");
    if (aiohttp_url_explicit_port(url) >= 0) {
        bytes_put(out, ':');
        aiohttp__bytes_number(out, (uint64_t)aiohttp_url_explicit_port(url));
    }
}

char *aiohttp_url_human_repr(const aiohttp_url *url)
{
    struct bytes out = bytes_up_to((size_t)URL_MAX * 4);
    struct span path = span_of(aiohttp_url_path(url)), name, value;
    bytes_text(&out, aiohttp_url_scheme(url));
    if (out.size > 0)
        bytes_put(&out, ':');
    if (aiohttp_url_absolute(url)) {
        bytes_text(&out, "//");
        human_authority(&out, url);
    } else if ((strcmp(aiohttp_url_scheme(url), "file") == 0 && strchr("/", *path.data)) ||
               strncmp(path.data, "//", 2) == 0) {
        bytes_text(&out, "//");
    }
    human(&out, path, "#?");
    const aiohttp_multi_dict *query = aiohttp_url_query(url);
    for (size_t position = 0, first = 1;
         aiohttp__multi_dict_next(query, &position, &name, &value); first = 0) {
        bytes_put(&out, first ? '?' : '&');
        human(&out, name, "#&+;=");
        bytes_put(&out, '=');
        human(&out, value, "#&+;=");
    }
    if (*aiohttp_url_fragment(url)) {
        bytes_put(&out, '#');
        human(&out, span_of(aiohttp_url_fragment(url)), "");
    }
    bytes_put(&out, '\0');
    if (out.error != 0)
        aiohttp__bytes_fini(&out);
    return out.data;
}
