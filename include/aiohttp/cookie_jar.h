/* SPDX-License-Identifier: MIT */
/* Cookies of a client: aiohttp's CookieJar.
 *
 *     aiohttp_cookie_jar *jar;
 *     int r = aiohttp_cookie_jar_new(&jar);
 *     r = aiohttp_cookie_jar_load(jar, "cookies.json");
 *     ... requests of a session with .cookie_jar = jar ...
 *     r = aiohttp_cookie_jar_save(jar, "cookies.json");
 *     aiohttp_cookie_jar_unref(jar);
 *
 * MODEL      A jar takes the cookies of responses and gives each request those that are for it, by
 *            RFC 6265 and its successor, 6265bis. A cookie belongs to the host that set it alone
 *            (host-only), or, with Domain, to that domain and all below it; to the folder of the
 *            page that set it, or Path; and, with Secure, to https and wss. It ends with Max-Age,
 *            or else Expires, at the latest after 400 days; without either it is kept as long as
 *            the jar.
 * REFUSED    A Domain that the response's host is not in, or that is a public suffix (co.uk: with
 *            libpsl; without it only names without a dot); Secure from http, and any cookie from
 *            there that would hide a Secure one; the prefixes __Secure- and __Host- without what
 *            they promise; hosts that are IP addresses, but with `.unsafe`. A Domain with a dot at
 *            its end is ignored.
 * ORDER      Longer paths first, of equals the older ones; what would make more than 48 KiB is left
 *            out of a request.
 * LIMITS     cookie, cookies_jar and cookies_domain of `.limits`: above them goes first what has
 *            expired, then what is not Secure of a domain with too many, then any of that domain,
 *            then of the jar; of equals what was not used for longest.
 * VALUES     What a server sent goes back byte by byte. aiohttp_cookie has it as it was sent and
 *            decoded.
 * THREADS    One at a time. Only save and load suspend.
 * SOURCE     aiohttp's cookiejar.py. */
#pragma once

#include <aiohttp/headers.h>
#include <aiohttp/limits.h>
#include <aiohttp/multi_dict.h>
#include <aiohttp/url.h>

ASYNCIO__BEGIN

typedef struct aiohttp_cookie_jar aiohttp_cookie_jar;

/* A cookie that a jar has. All of it is lent. */
typedef struct aiohttp_cookie {
    const char *name;
    const char *value;       /* decoded: without quotes; coded is how it is sent */
    const char *coded_value;
    const char *domain;      /* "": for all hosts (aiohttp_cookie_jar_update_cookies without URL) */
    const char *path;
    const char *samesite;    /* "Strict", "Lax", "None" or "" */
    double expires;          /* seconds since 1970; ASYNCIO_NONE: with the jar */
    int host_only;           /* not for what is below `domain` */
    int secure, httponly, partitioned;
} aiohttp_cookie;

#define AIOHTTP__DEFAULT_QUOTE_COOKIE 1

typedef struct aiohttp_cookie_jar_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_cookie_jar_options));
    int unsafe ASYNCIO__0;   /* 1: hosts that are IP addresses too */
    /* 0: values given to update_cookies are not quoted, those that would have to be are -EINVAL */
    int quote_cookie ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_QUOTE_COOKIE);
    /* origins ("http://localhost:8080"), NULL behind the last, that Secure cookies go to although
     * they are http; copied */
    const char *const *treat_as_secure_origin ASYNCIO__0;
    const aiohttp_limits *limits ASYNCIO__0; /* copied; NULL: a client's */
} aiohttp_cookie_jar_options;

/* Makes an empty jar: new, with one reference. -AIOHTTP_INVALID_URL for an origin that is none,
 * -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_cookie_jar_new(
    aiohttp_cookie_jar **ret_jar, const aiohttp_cookie_jar_options *options);
#define aiohttp_cookie_jar_new(...) aiohttp__cookie_jar_new_m(__VA_ARGS__, )
#define aiohttp__cookie_jar_new_m(ret_jar, ...)                                                    \
    aiohttp__cookie_jar_new_v(                                                                     \
        ret_jar, ASYNCIO__OPTIONS(aiohttp_cookie_jar_options,                                      \
                                  (.quote_cookie = AIOHTTP__DEFAULT_QUOTE_COOKIE, ), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int aiohttp__cookie_jar_new_v(aiohttp_cookie_jar **ret_jar,
                                                               aiohttp_cookie_jar_options options)
{
    return (aiohttp_cookie_jar_new)(ret_jar, &options);
}

/* Makes a jar that takes nothing and has nothing: Python's DummyCookieJar. New, or NULL without
 * memory. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK aiohttp_cookie_jar *aiohttp_dummy_cookie_jar_new(void);

/* One more reference; returns `jar` (NULL allowed). Does not suspend. */
AIOHTTP_API aiohttp_cookie_jar *aiohttp_cookie_jar_ref(aiohttp_cookie_jar *jar);

/* Gives a reference back (NULL allowed). Does not suspend. */
AIOHTTP_API void aiohttp_cookie_jar_unref(aiohttp_cookie_jar *jar);

/* How many cookies there are: Python's len(). Expired ones may be among them until they are met.
 * Does not suspend. */
AIOHTTP_API size_t aiohttp_cookie_jar_count(const aiohttp_cookie_jar *jar);

/* Iterates: *position is 0 at first and the library's afterwards. 1 and a cookie, lent until the
 * jar changes, or 0 after the last one; in no order. After a removal begin again. Does not
 * suspend. */
AIOHTTP_API int aiohttp_cookie_jar_next(const aiohttp_cookie_jar *jar, size_t *position,
                                        const aiohttp_cookie **ret_cookie);

/* Takes names and values (copied) as if a response to `response_url` had set them without any
 * attribute; NULL: they are for all hosts. 0, -EINVAL for what cannot be sent, -ENOMEM; those
 * before it have been taken. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_cookie_jar_update_cookies(aiohttp_cookie_jar *jar, const aiohttp_multi_dict *cookies,
                                  const aiohttp_url *response_url);

/* Takes what the fields Set-Cookie of `headers`, of a response to `response_url`, set: at most
 * limits.cookies of them. Broken ones and those that are refused are ignored. How many were taken;
 * -EINVAL without a host in the URL, -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_cookie_jar_update_cookies_from_headers(aiohttp_cookie_jar *jar,
                                               const aiohttp_headers *headers,
                                               const aiohttp_url *response_url);

/* Names and (decoded) values of the cookies that a request to `request_url` has, in their order:
 * new, empty for none. -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_cookie_jar_filter_cookies(aiohttp_cookie_jar *jar, const aiohttp_url *request_url,
                                  aiohttp_multi_dict **ret_cookies);

/* Whether a cookie shall go: other than 0. The jar may not be changed meanwhile. */
typedef int aiohttp_cookie_predicate(const aiohttp_cookie *cookie, void *data);

/* Removes the cookies that `predicate(cookie, data)` wants removed, or all with NULL.
 * Does not suspend. */
AIOHTTP_API void aiohttp_cookie_jar_clear(aiohttp_cookie_jar *jar,
                                          aiohttp_cookie_predicate *predicate, void *data);

/* Removes the cookies of a domain and of all below it. Does not suspend. */
AIOHTTP_API void aiohttp_cookie_jar_clear_domain(aiohttp_cookie_jar *jar, const char *domain);

/* Writes all cookies, also those without an end, as JSON into the file `path`, which only its owner
 * can read (0600), and which is replaced at once or not at all. -EACCES, -ENOSPC and so on,
 * -ENOMEM, -ECANCELED. Suspends; what changes meanwhile is not written. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_cookie_jar_save(aiohttp_cookie_jar *jar,
                                                           const char *path);

/* Makes what aiohttp_cookie_jar_save has written the jar's only cookies, but for what has expired.
 * -ENOENT and so on; -EINVAL for what it cannot have written, -EFBIG, -ENOMEM, -ECANCELED, and
 * nothing has changed. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_cookie_jar_load(aiohttp_cookie_jar *jar,
                                                           const char *path);

ASYNCIO__END
