/* SPDX-License-Identifier: MIT */
/* Set-Cookie: kept as lines until the head is fixed, so that a cookie that is set again replaces
 * the one before. */
#include "web/request.h"

#include "base/bytes.h"
#include "wire/cookie.h"
#include "wire/date.h"

#include <asyncio/error.h>
#include <errno.h>
#include <time.h>

static const aiohttp_web_cookie_options usual = { .size = sizeof usual,
                                                  .max_age = AIOHTTP__DEFAULT_MAX_AGE };

static struct span text_of(const char *text)
{
    return text ? span_of(text) : (struct span){ "", 0 };
}

static int same_site_of(const char *text, enum same_site *ret_same_site)
{
    struct span name = text_of(text);
    *ret_same_site = SAME_SITE_UNSET;
    if (!text)
        return 0;
    if (span_is_case(name, SPAN("Strict")))
        *ret_same_site = SAME_SITE_STRICT;
    else if (span_is_case(name, SPAN("Lax")))
        *ret_same_site = SAME_SITE_LAX;
    else if (span_is_case(name, SPAN("None")))
        *ret_same_site = SAME_SITE_NONE;
    else
        return asyncio_raise(-EINVAL, "samesite is Strict, Lax or None");
    return 0;
}

/* Removes the cookie of that name that was set before. */
static void forget(struct aiohttp_web_response *response, const char *name)
{
    for (struct web_cookie **at = &response->cookies; *at; at = &(*at)->next)
        if (strcmp((*at)->name, name) == 0) {
            *at = (*at)->next;
            return;
        }
}

static int add(struct aiohttp_web_response *response, const struct set_cookie *cookie)
{
    struct arena *arena = &response->request->exchange->arena;
    struct bytes out = bytes_up_to(COOKIE_MAX + 4 * COOKIE_ATTRIBUTE_MAX);
    aiohttp__set_cookie_write(&out, cookie);
    struct web_cookie *made = aiohttp__arena_alloc(arena, sizeof *made);
    const char *line = out.error ? NULL : aiohttp__arena_text(arena, bytes_span(&out));
    const char *name = aiohttp__arena_text(arena, cookie->name);
    int r = out.error ? out.error : made && line && name ? 0 : -ENOMEM;
    if (r >= 0) {
        forget(response, name);
        *made = (struct web_cookie){ NULL, name, { line, out.size } };
        struct web_cookie **end = &response->cookies;
        while (*end)
            end = &(*end)->next;
        *end = made;
    }
    aiohttp__bytes_fini(&out);
    return r;
}

int(aiohttp_web_response_set_cookie)(aiohttp_web_response *response, const char *name,
                                     const char *value, const aiohttp_web_cookie_options *options)
{
    if (!options)
        options = &usual;
    if (response->is_prepared)
        return -ASYNCIO_INVALID_STATE;
    if (!name || !value || options->max_age < -1)
        return asyncio_raise(-EINVAL, "a cookie needs a name and a value");
    struct set_cookie cookie = { .name = span_of(name),
                                 .value = span_of(value),
                                 .domain = text_of(options->domain),
                                 .path = span_of(options->path ? options->path : "/"),
                                 .max_age = options->max_age,
                                 .has_max_age = options->max_age >= 0,
                                 .secure = options->secure,
                                 .httponly = options->httponly,
                                 .partitioned = options->partitioned };
    int r = same_site_of(options->samesite, &cookie.same_site);
    if (r >= 0 && options->expires) {
        r = aiohttp__date_parse(span_of(options->expires), (int64_t)time(NULL), &cookie.expires);
        cookie.has_expires = true;
    }
    return r < 0 ? r : add(response, &cookie);
}

int(aiohttp_web_response_del_cookie)(aiohttp_web_response *response, const char *name,
                                     const aiohttp_web_cookie_options *options)
{
    aiohttp_web_cookie_options gone = options ? *options : usual;
    gone.max_age = 0;
    gone.expires = "Thu, 01 Jan 1970 00:00:00 GMT";
    return (aiohttp_web_response_set_cookie)(response, name, "", &gone);
}
