/* SPDX-License-Identifier: MIT */
/* The cookie jar: which cookies a request gets. See <aiohttp/cookie_jar.h>. */
#include "client/cookie_jar.h"

#include "message/multi_dict.h"

#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <errno.h>
#include <stdlib.h>

/* Of a jar's cookies in a request, with what is between them: the rest is left out, as curl has it.
 * Whoever may set cookies for a domain could else make every request to all of it fail. */
enum { SENT_MOST = 49152 };

/* The cookies that a request gets; the array's memory is asyncio_mem's. */
struct chosen {
    struct cookie **cookies;
    size_t count, capacity;
    int error;
};

static void choose(struct chosen *chosen, struct cookie *cookie)
{
    if (chosen->count == chosen->capacity) {
        size_t capacity = chosen->capacity ? 2 * chosen->capacity : 16;
        struct cookie **more =
            asyncio_mem_realloc(chosen->cookies, capacity * sizeof(struct cookie *));
        if (!more) {
            chosen->error = -ENOMEM;
            return;
        }
        chosen->cookies = more;
        chosen->capacity = capacity;
    }
    chosen->cookies[chosen->count++] = cookie;
}

static void choose_of(struct chosen *chosen, const aiohttp_cookie_jar *jar, struct span name,
                      bool is_host, const struct cookie_place *place)
{
    struct cookie_domain *domain = aiohttp__cookie_store_domain(&jar->store, name);
    for (struct cookie *cookie = domain ? domain->first : NULL; cookie; cookie = cookie->next) {
        struct span folder = { cookie->shown.path, cookie->path_size };
        if ((is_host || !cookie->shown.host_only) && (place->is_secure || !cookie->shown.secure) &&
            aiohttp__cookie_path_matches(place->path, folder))
            choose(chosen, cookie);
    }
}

static int by_path_and_age(const void *left, const void *right)
{
    const struct cookie *a = *(struct cookie *const *)left, *b = *(struct cookie *const *)right;
    if (a->path_size != b->path_size)
        return a->path_size > b->path_size ? -1 : 1;
    return (a->born > b->born) - (a->born < b->born);
}

/* 0 or -ENOMEM; nothing is to be freed then. */
static int choose_all(aiohttp_cookie_jar *jar, const aiohttp_url *url, struct chosen *chosen)
{
    struct cookie_place place;
    *chosen = (struct chosen){ .count = 0 };
    if (!jar || !aiohttp__cookie_place(jar, url, &place))
        return 0;
    aiohttp__cookie_store_expire(&jar->store, jar->now());
    if (jar->store.count == 0)
        return 0;
    choose_of(chosen, jar, (struct span){ "", 0 }, true, &place);
    struct span name = place.host;
    if (!place.is_address || jar->is_unsafe)
        choose_of(chosen, jar, name, true, &place);
    while (!place.is_address) {
        const char *dot = memchr(name.data, '.', name.size);
        if (!dot || (size_t)(dot - name.data) + 1 == name.size)
            break;
        name = (struct span){ dot + 1, name.size - (size_t)(dot + 1 - name.data) };
        choose_of(chosen, jar, name, false, &place);
    }
    if (chosen->error) {
        asyncio_mem_free(chosen->cookies);
        return chosen->error;
    }
    if (chosen->count > 1)
        qsort(chosen->cookies, chosen->count, sizeof(struct cookie *), by_path_and_age);
    for (size_t i = 0; i < chosen->count; i++)
        aiohttp__cookie_store_touch(&jar->store, chosen->cookies[i]);
    return 0;
}

void aiohttp__cookie_jar_write(aiohttp_cookie_jar *jar, const aiohttp_url *url,
                               const aiohttp_multi_dict *own, struct bytes *out)
{
    struct chosen chosen;
    size_t from = out->size, left = SENT_MOST;
    int r = choose_all(jar, url, &chosen);
    if (r < 0) {
        out->error = out->error ? out->error : r;
        return;
    }
    for (size_t i = 0; i < chosen.count; i++) {
        const aiohttp_cookie *cookie = &chosen.cookies[i]->shown;
        size_t size = strlen(cookie->name) + strlen(cookie->coded_value) + 3;
        if ((own && aiohttp_multi_dict_contains(own, cookie->name)) || size > left)
            continue;
        left -= size;
        if (out->size > from)
            bytes_text(out, "; ");
        bytes_text(out, cookie->name);
        bytes_put(out, '=');
        bytes_text(out, cookie->coded_value);
    }
    if (chosen.cookies)
        asyncio_mem_free(chosen.cookies);
    struct span name, value;
    for (size_t at = 0; own && aiohttp__multi_dict_next(own, &at, &name, &value);) {
        if (out->size > from)
            bytes_text(out, "; ");
        aiohttp__cookie_write(out, name, value, jar && !jar->quotes);
    }
}

int aiohttp_cookie_jar_filter_cookies(aiohttp_cookie_jar *jar, const aiohttp_url *request_url,
                                      aiohttp_multi_dict **ret_cookies)
{
    struct chosen chosen;
    aiohttp_multi_dict *cookies = aiohttp_multi_dict_new();
    int r = cookies ? choose_all(jar, request_url, &chosen) : -ENOMEM;
    if (r < 0) {
        aiohttp_multi_dict_unref(cookies);
        return r;
    }
    for (size_t i = 0; r == 0 && i < chosen.count; i++)
        r = aiohttp_multi_dict_add(cookies, chosen.cookies[i]->shown.name,
                                   chosen.cookies[i]->shown.value);
    asyncio_mem_free(chosen.cookies);
    if (r < 0)
        aiohttp_multi_dict_unref(cookies);
    else
        *ret_cookies = cookies;
    return r;
}
