/* SPDX-License-Identifier: MIT */
/* The cookie jar: which cookies it takes. See <aiohttp/cookie_jar.h>.
 *
 * MODEL  A field becomes facts (cookie_store.h) in the order of RFC 6265bis, 5.7, each step of
 *        which may end in "ignore". Nothing of it is an error: a server may send what it likes. */
#include "client/cookie_jar.h"

#include "base/error.h"
#include "message/url.h"
#include "wire/ascii.h"

#include <asyncio/alloc.h>
#include <errno.h>
#include <time.h>

enum { LONGEST = 400 * 24 * 3600 }; /* RFC 6265bis, 5.5 */

static int64_t system_now(void)
{
    return (int64_t)time(NULL);
}

void aiohttp__cookie_jar_clock(aiohttp_cookie_jar *jar, int64_t (*now)(void))
{
    jar->now = now ? now : system_now;
}

/* --- making --- */

static void free_jar(aiohttp_cookie_jar *jar)
{
    for (aiohttp_url **at = jar->secure_origins; at && *at; at++)
        aiohttp_url_unref(*at);
    asyncio_mem_free(jar->secure_origins);
    aiohttp__cookie_store_fini(&jar->store);
    asyncio_mem_free(jar);
}

static int add_origins(aiohttp_cookie_jar *jar, const char *const *origins)
{
    size_t count = 0;
    while (origins[count])
        count++;
    jar->secure_origins = asyncio_mem_calloc(count + 1, sizeof(aiohttp_url *));
    if (!jar->secure_origins)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        aiohttp_url *url;
        int r = aiohttp_url_new(origins[i], &url);
        if (r < 0)
            return r;
        r = aiohttp_url_origin(url, &jar->secure_origins[i]);
        aiohttp_url_unref(url);
        if (r < 0)
            return r;
    }
    return 0;
}

int(aiohttp_cookie_jar_new)(aiohttp_cookie_jar **ret_jar, const aiohttp_cookie_jar_options *options)
{
    aiohttp__errors_add();
    aiohttp_cookie_jar *jar = asyncio_mem_calloc(1, sizeof *jar);
    if (!jar)
        return -ENOMEM;
    jar->references = 1;
    jar->now = system_now;
    jar->is_unsafe = options && options->unsafe;
    jar->quotes = options ? options->quote_cookie : AIOHTTP__DEFAULT_QUOTE_COOKIE;
    jar->limits = options && options->limits ? *options->limits : aiohttp_client_limits();
    if (options && options->treat_as_secure_origin) {
        int r = add_origins(jar, options->treat_as_secure_origin);
        if (r < 0) {
            free_jar(jar);
            return r;
        }
    }
    *ret_jar = jar;
    return 0;
}

aiohttp_cookie_jar *aiohttp_dummy_cookie_jar_new(void)
{
    aiohttp_cookie_jar *jar;
    if (aiohttp_cookie_jar_new(&jar) < 0)
        return NULL;
    jar->is_dummy = true;
    return jar;
}

aiohttp_cookie_jar *aiohttp_cookie_jar_ref(aiohttp_cookie_jar *jar)
{
    if (jar)
        jar->references++;
    return jar;
}

void aiohttp_cookie_jar_unref(aiohttp_cookie_jar *jar)
{
    if (jar && --jar->references == 0)
        free_jar(jar);
}

/* --- the rules --- */

bool aiohttp__cookie_domain_matches(struct span host, struct span domain, bool is_address)
{
    if (host.size <= domain.size || is_address || domain.size == 0)
        return span_is(host, domain);
    size_t before = host.size - domain.size;
    return host.data[before - 1] == '.' &&
           span_is((struct span){ host.data + before, domain.size }, domain);
}

bool aiohttp__cookie_path_matches(struct span path, struct span folder)
{
    if (path.size < folder.size || memcmp(path.data, folder.data, folder.size) != 0)
        return false;
    return path.size == folder.size || folder.data[folder.size - 1] == '/' ||
           path.data[folder.size] == '/';
}

static bool is_secure(const aiohttp_cookie_jar *jar, const aiohttp_url *url)
{
    const char *scheme = aiohttp_url_scheme(url);
    if (strcmp(scheme, "https") == 0 || strcmp(scheme, "wss") == 0)
        return true;
    for (aiohttp_url **at = jar->secure_origins; at && *at; at++)
        if (strcmp(aiohttp_url_scheme(*at), scheme) == 0 &&
            strcmp(aiohttp_url_raw_host(*at), aiohttp_url_raw_host(url)) == 0 &&
            aiohttp_url_port(*at) == aiohttp_url_port(url))
            return true;
    return false;
}

bool aiohttp__cookie_place(const aiohttp_cookie_jar *jar, const aiohttp_url *url,
                           struct cookie_place *ret_place)
{
    const char *host = url ? aiohttp_url_raw_host(url) : NULL;
    if (!host || !*host)
        return false;
    enum url_host kind = aiohttp__url_parts(url).kind;
    *ret_place = (struct cookie_place){ .host = span_of(host),
                                        .path = span_of(aiohttp_url_raw_path(url)),
                                        .is_address = kind == URL_HOST_IPV4 ||
                                                      kind == URL_HOST_IPV6,
                                        .is_secure = is_secure(jar, url) };
    return true;
}

/* RFC 6265, 5.1.4: up to the last /, without it. */
static struct span folder_of(struct span path)
{
    while (path.size > 0 && path.data[path.size - 1] != '/')
        path.size--;
    return path.size > 1 ? (struct span){ path.data, path.size - 1 } : SPAN("/");
}

/* Domain, into the facts. 1; 0: to be ignored; -ENOMEM. `out` keeps what is not the URL's own. */
static int take_domain(struct span domain, const struct cookie_place *place, struct bytes *out,
                       struct cookie_facts *facts)
{
    enum url_host kind;
    struct url_error error;
    facts->domain = place->host;
    facts->is_host_only = true;
    if (domain.size == 0 || domain.data[domain.size - 1] == '.')
        return 1;
    int r = aiohttp__url_encode_host(out, domain, false, &kind, &error);
    bytes_put(out, '\0');
    if (r == -ENOMEM || out->error == -ENOMEM)
        return -ENOMEM;
    if (r < 0 || out->error)
        return 0;
    domain = (struct span){ out->data, out->size - 1 };
    if (span_is(domain, place->host))
        facts->is_host_only = place->is_address || aiohttp__is_public_suffix(out->data);
    else if (!aiohttp__cookie_domain_matches(place->host, domain, place->is_address) ||
             aiohttp__is_public_suffix(out->data))
        return 0;
    else
        facts->is_host_only = false;
    facts->domain = domain;
    return 1;
}

/* Whether it would hide, from a request to a secure place, a Secure cookie (RFC 6265bis, 5.7,
 * 15). */
static bool hides_secure(const aiohttp_cookie_jar *jar, const struct cookie_facts *facts)
{
    for (size_t i = 0; i < jar->store.count; i++) {
        const struct cookie *cookie = jar->store.all[i];
        struct span domain = span_of(cookie->shown.domain);
        if (cookie->shown.secure && span_is(span_of(cookie->shown.name), facts->name) &&
            (aiohttp__cookie_domain_matches(domain, facts->domain, false) ||
             aiohttp__cookie_domain_matches(facts->domain, domain, false)) &&
            aiohttp__cookie_path_matches(facts->path,
                                         (struct span){ cookie->shown.path, cookie->path_size }))
            return true;
    }
    return false;
}

static void take_end(const struct set_cookie *cookie, int64_t now, struct cookie_facts *facts)
{
    facts->has_end = cookie->has_max_age || cookie->has_expires;
    facts->expires = cookie->has_max_age ? now + cookie->max_age : cookie->expires;
    if (facts->expires > now + LONGEST)
        facts->expires = now + LONGEST;
    if (cookie->has_max_age && cookie->max_age <= 0)
        facts->expires = now;
}

/* Puts it in, or, when it has ended, what it would replace out. 1: changed; 0; -ENOMEM. */
static int keep(aiohttp_cookie_jar *jar, const struct cookie_facts *facts, int64_t now)
{
    if (!facts->has_end || facts->expires > now) {
        int r = aiohttp__cookie_store_put(&jar->store, &jar->limits, facts);
        return r < 0 ? r : 1;
    }
    struct cookie *old = aiohttp__cookie_store_find(&jar->store, facts);
    if (old)
        aiohttp__cookie_store_remove(&jar->store, old);
    return old != NULL;
}

int aiohttp__cookie_jar_receive(aiohttp_cookie_jar *jar, struct span set_cookie,
                                const aiohttp_url *url)
{
    struct set_cookie cookie;
    struct cookie_place place;
    if (!jar || jar->is_dummy || aiohttp__set_cookie_parse(set_cookie, &cookie) < 0 ||
        !aiohttp__cookie_place(jar, url, &place) ||
        cookie.name.size + cookie.value.size > jar->limits.cookie ||
        (place.is_address && !jar->is_unsafe) || (cookie.secure && !place.is_secure) ||
        !aiohttp__set_cookie_keeps_prefix(&cookie))
        return 0;
    int64_t now = jar->now();
    aiohttp__cookie_store_expire(&jar->store, now);
    struct cookie_facts facts = { .name = cookie.name,
                                  .value = cookie.value,
                                  .path = cookie.path.size ? cookie.path : folder_of(place.path),
                                  .is_secure = cookie.secure,
                                  .is_httponly = cookie.httponly,
                                  .is_partitioned = cookie.partitioned,
                                  .same_site = cookie.same_site };
    struct bytes canonical = bytes_up_to(4 * COOKIE_ATTRIBUTE_MAX);
    int r = take_domain(cookie.domain, &place, &canonical, &facts);
    take_end(&cookie, now, &facts);
    if (r > 0 && !place.is_secure && hides_secure(jar, &facts))
        r = 0;
    if (r > 0)
        r = keep(jar, &facts, now);
    aiohttp__bytes_fini(&canonical);
    return r;
}

int aiohttp_cookie_jar_update_cookies_from_headers(aiohttp_cookie_jar *jar,
                                                   const aiohttp_headers *headers,
                                                   const aiohttp_url *response_url)
{
    const char *name, *value;
    size_t seen = 0;
    int taken = 0;
    if (!jar || !headers || !response_url || !aiohttp_url_raw_host(response_url))
        return asyncio_raise(-EINVAL, "cookies come from a URL with a host");
    for (size_t at = 0; aiohttp_headers_next(headers, &at, &name, &value);) {
        if (!span_is_case(span_of(name), SPAN("Set-Cookie")))
            continue;
        if (seen++ == jar->limits.cookies)
            break;
        int r = aiohttp__cookie_jar_receive(jar, span_of(value), response_url);
        if (r < 0)
            return r;
        taken += r;
    }
    return taken;
}

/* --- what the user gives --- */

static int take_given(aiohttp_cookie_jar *jar, struct span name, struct span value,
                      const struct cookie_facts *of_place)
{
    struct cookie_facts facts = *of_place;
    struct bytes coded = bytes_up_to(8 * (size_t)COOKIE_MAX);
    aiohttp__cookie_write(&coded, name, value, !jar->quotes);
    int r = coded.error == -EMSGSIZE ? -EINVAL : coded.error;
    if (r == 0 && coded.size - 1 > jar->limits.cookie)
        r = -EINVAL;
    if (r < 0)
        r = r == -ENOMEM ? r : asyncio_raise(r, "a cookie that cannot be sent");
    if (r == 0) {
        facts.name = name;
        facts.value = (struct span){ coded.data + name.size + 1, coded.size - name.size - 1 };
        r = aiohttp__cookie_store_put(&jar->store, &jar->limits, &facts);
    }
    aiohttp__bytes_fini(&coded);
    return r;
}

int aiohttp_cookie_jar_update_cookies(aiohttp_cookie_jar *jar, const aiohttp_multi_dict *cookies,
                                      const aiohttp_url *response_url)
{
    struct cookie_place place = { .host = { "", 0 }, .path = { "/", 1 } };
    if (!jar)
        return asyncio_raise(-EINVAL, "there is no cookie jar: NULL");
    if (response_url && !aiohttp__cookie_place(jar, response_url, &place))
        return asyncio_raise(-EINVAL, "cookies come from a URL with a host");
    if (jar->is_dummy || (place.is_address && !jar->is_unsafe))
        return 0;
    struct cookie_facts facts = { .domain = place.host,
                                  .path = folder_of(place.path),
                                  .is_host_only = response_url != NULL };
    const char *name, *value;
    int r = 0;
    aiohttp__cookie_store_expire(&jar->store, jar->now());
    for (size_t at = 0; r == 0 && aiohttp_multi_dict_next(cookies, &at, &name, &value);)
        r = take_given(jar, span_of(name), span_of(value), &facts);
    return r;
}

/* --- looking and clearing --- */

size_t aiohttp_cookie_jar_count(const aiohttp_cookie_jar *jar)
{
    return jar ? jar->store.count : 0;
}

int aiohttp_cookie_jar_next(const aiohttp_cookie_jar *jar, size_t *position,
                            const aiohttp_cookie **ret_cookie)
{
    if (!jar || *position >= jar->store.count)
        return 0;
    *ret_cookie = &jar->store.all[(*position)++]->shown;
    return 1;
}

void aiohttp_cookie_jar_clear(aiohttp_cookie_jar *jar, aiohttp_cookie_predicate *predicate,
                               void *data)
{
    if (!jar)
        return;
    aiohttp__cookie_store_expire(&jar->store, jar->now());
    for (size_t i = jar->store.count; i-- > 0;)
        if (!predicate || predicate(&jar->store.all[i]->shown, data))
            aiohttp__cookie_store_remove(&jar->store, jar->store.all[i]);
}

static int is_below(const aiohttp_cookie *cookie, void *data)
{
    const struct span *domain = data;
    return aiohttp__cookie_domain_matches(span_of(cookie->domain), *domain, false);
}

void aiohttp_cookie_jar_clear_domain(aiohttp_cookie_jar *jar, const char *domain)
{
    struct span name = span_of(domain);
    aiohttp_cookie_jar_clear(jar, is_below, &name);
}
