/* SPDX-License-Identifier: MIT */
/* URLs: immutable, cut into parts, encoded and decoded. Python's yarl.URL, as aiohttp uses it.
 *
 *     aiohttp_url *base, *next;
 *     int r = aiohttp_url_new("http://user:secret@example.com:8080/a/b?x=1#top", &base);
 *     const char *host = aiohttp_url_host(base);                       example.com
 *     r = aiohttp_url_joinpath(base, "c d", &next);                    .../a/b/c%20d
 *
 * MODEL      A part has two forms: as it is sent (raw_..., percent-encoded ASCII, ends with NUL)
 *            and decoded. Everything is worked out when the URL is made; asking costs nothing and
 *            cannot fail.
 * ENCODING   What is not allowed at its place is percent-encoded (as UTF-8), what needs no
 *            encoding is decoded, `.` and `..` segments are taken out where there is a host,
 *            scheme and host are lower case, an internationalised host is punycode (IDNA 2008 and
 *            UTS 46). With `.encoded` nothing of that is done, and what is not encoded is refused.
 * STRICT     One error for whatever is no URL, -AIOHTTP_INVALID_URL, with the place in its
 *            sentence: control characters anywhere; http, https, ws, wss, ftp without a host;
 *            hosts with labels over 63 bytes, over 253 in all, or with other characters than RFC
 *            3986's; ports over 65535; IPv4 addresses in other forms than four decimal numbers
 *            (127.1, 0x7f.1, 2130706433); what is wrong about brackets. Texts over 1 MiB.
 * TEXT       What decodes to no UTF-8, and %00, stays encoded in the decoded forms: nothing is
 *            lost or ends early. (Values of the query have U+FFFD for what is no UTF-8.)
 * OWNERSHIP  A URL has references. What its functions return is lent as long as it lives.
 *            Functions that make one give a new reference in ret_url, untouched on failure.
 * THREADS    Any; nothing here suspends.
 * SOURCE     yarl; RFC 3986; WHATWG's URL standard where users of http expect it. Beside yarl:
 *            leading blanks go, other controls are refused and not dropped; http:path is refused;
 *            hosts are always checked. */
#pragma once

#include <aiohttp/multi_dict.h>

ASYNCIO__BEGIN

/* An immutable URL. */
typedef struct aiohttp_url aiohttp_url;

typedef struct aiohttp_url_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_url_options));
    int encoded ASYNCIO__0; /* the text is as it shall be sent */
} aiohttp_url_options;

/* Makes a URL of `text`, absolute or relative: new. -AIOHTTP_INVALID_URL, -ENOMEM. Does not
 * suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_new(const char *text, aiohttp_url **ret_url,
                                                   const aiohttp_url_options *options);
#define aiohttp_url_new(...) aiohttp__url_new_m(__VA_ARGS__, )
#define aiohttp__url_new_m(text, ret_url, ...)                                                     \
    aiohttp__url_new_v(text, ret_url, ASYNCIO__OPTIONS(aiohttp_url_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int aiohttp__url_new_v(const char *text, aiohttp_url **ret_url,
                                                        aiohttp_url_options options)
{
    return (aiohttp_url_new)(text, ret_url, &options);
}

#define AIOHTTP_NO_PORT (-1)

typedef struct aiohttp_url_build_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_url_build_options));
    const char *scheme ASYNCIO__0;
    const char *authority ASYNCIO__0; /* user:password@host:port; then none of the next four */
    const char *user ASYNCIO__0;
    const char *password ASYNCIO__0;
    const char *host ASYNCIO__0; /* IPv6 without brackets */
    int port ASYNCIO__DEFAULT(AIOHTTP_NO_PORT);
    const char *path ASYNCIO__0;               /* begins with / when there is a host */
    const aiohttp_multi_dict *query ASYNCIO__0; /* or: */
    const char *query_string ASYNCIO__0;
    const char *fragment ASYNCIO__0;
    int encoded ASYNCIO__0; /* the parts are as they shall be sent */
} aiohttp_url_build_options;

/* aiohttp_url_build(&url, .scheme = "http", .host = "example.com", ...): makes a URL of its parts,
 * which are encoded (a % too): new. -AIOHTTP_INVALID_URL, -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_build(aiohttp_url **ret_url,
                                                     const aiohttp_url_build_options *options);
#define aiohttp_url_build(...) aiohttp__url_build_m(__VA_ARGS__, )
#define aiohttp__url_build_m(ret_url, ...)                                                         \
    aiohttp__url_build_v(ret_url, ASYNCIO__OPTIONS(aiohttp_url_build_options,                      \
                                                   (.port = AIOHTTP_NO_PORT, ), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int aiohttp__url_build_v(aiohttp_url **ret_url,
                                                          aiohttp_url_build_options options)
{
    return (aiohttp_url_build)(ret_url, &options);
}

/* One more reference; returns `url` (NULL allowed). Any thread; does not suspend. */
AIOHTTP_API aiohttp_url *aiohttp_url_ref(aiohttp_url *url);

/* Gives a reference back (NULL allowed). Any thread; does not suspend. */
AIOHTTP_API void aiohttp_url_unref(aiohttp_url *url);

/* The whole URL as it is sent, without the scheme's default port: Python's str(url). Lent. Does not
 * suspend. */
AIOHTTP_API const char *aiohttp_url_str(const aiohttp_url *url);

/* The URL for people, decoded as far as it can be read back: new memory (asyncio_mem_free), or NULL
 * without any. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK char *aiohttp_url_human_repr(const aiohttp_url *url);

/* 1 when both are the same, without regard to whether a default port was written: Python's ==. Does
 * not suspend. */
AIOHTTP_API int aiohttp_url_eq(const aiohttp_url *url, const aiohttp_url *other);

/* 1 when it has a host. Does not suspend. */
AIOHTTP_API int aiohttp_url_absolute(const aiohttp_url *url);

/* 1 when its port is the scheme's own, given or not; 0 for relative ones. Does not suspend. */
AIOHTTP_API int aiohttp_url_is_default_port(const aiohttp_url *url);

/* The scheme, lower case; "" when there is none. Lent. Does not suspend. */
AIOHTTP_API const char *aiohttp_url_scheme(const aiohttp_url *url);

/* user:password@host:port, as it is sent and decoded; "" for relative URLs. Lent. Does not
 * suspend. */
AIOHTTP_API const char *aiohttp_url_raw_authority(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_authority(const aiohttp_url *url);

/* The user and password, as they are sent and decoded; NULL when there is none. Lent. Does not
 * suspend. */
AIOHTTP_API const char *aiohttp_url_raw_user(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_user(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_raw_password(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_password(const aiohttp_url *url);

/* The host, punycode and as people write it, IPv6 without brackets; NULL for relative URLs. Lent.
 * Does not suspend. */
AIOHTTP_API const char *aiohttp_url_raw_host(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_host(const aiohttp_url *url);

/* The raw host with brackets around IPv6; and what the field Host says: with the port unless it is
 * the scheme's own, without a dot at the host's end. NULL for relative URLs. Lent. Does not
 * suspend. */
AIOHTTP_API const char *aiohttp_url_host_subcomponent(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_host_port_subcomponent(const aiohttp_url *url);

/* The port, or the scheme's own, or -1. Does not suspend. */
AIOHTTP_API int aiohttp_url_port(const aiohttp_url *url);

/* The port that is in the URL, or -1. Does not suspend. */
AIOHTTP_API int aiohttp_url_explicit_port(const aiohttp_url *url);

/* The path, as it is sent and decoded; in path_safe %2F and %25 stay, so that it can still be cut
 * into segments. "/" for an absolute URL without one. Lent. Does not suspend. */
AIOHTTP_API const char *aiohttp_url_raw_path(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_path(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_path_safe(const aiohttp_url *url);

/* The path with the query, as it is sent (a request's target) and decoded. Lent. Does not
 * suspend. */
AIOHTTP_API const char *aiohttp_url_raw_path_qs(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_path_qs(const aiohttp_url *url);

/* The query without its ?, as it is sent and decoded (where %2B %3D %26 %3B stay); "" when there is
 * none. Lent. Does not suspend. */
AIOHTTP_API const char *aiohttp_url_raw_query_string(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_query_string(const aiohttp_url *url);

/* The names and values of the query, decoded. Lent, to be read only. Does not suspend. */
AIOHTTP_API const aiohttp_multi_dict *aiohttp_url_query(const aiohttp_url *url);

/* The fragment without its #, as it was given and decoded; "" when there is none. Lent. Does not
 * suspend. */
AIOHTTP_API const char *aiohttp_url_raw_fragment(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_fragment(const aiohttp_url *url);

/* How many parts the path has, divided by /: a leading / is one. The first `count` of them are put
 * into ret_parts, lent. Does not suspend. */
AIOHTTP_API size_t aiohttp_url_raw_parts(const aiohttp_url *url, const char **ret_parts,
                                         size_t count);
AIOHTTP_API size_t aiohttp_url_parts(const aiohttp_url *url, const char **ret_parts, size_t count);

/* The last part of the path; and of that what comes with and after its last dot, unless it begins
 * or ends with it. "" when there is none. Lent. Does not suspend. */
AIOHTTP_API const char *aiohttp_url_raw_name(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_name(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_raw_suffix(const aiohttp_url *url);
AIOHTTP_API const char *aiohttp_url_suffix(const aiohttp_url *url);

/* Scheme, host and port alone; -AIOHTTP_INVALID_URL when there is no scheme or host. New. Does not
 * suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_origin(const aiohttp_url *url,
                                                      aiohttp_url **ret_url);

/* Path, query and fragment alone; -AIOHTTP_INVALID_URL when it is relative already. New. Does not
 * suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_relative(const aiohttp_url *url,
                                                        aiohttp_url **ret_url);

/* Without the last part of the path, query and fragment. New. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_parent(const aiohttp_url *url,
                                                      aiohttp_url **ret_url);

/* With another scheme. -AIOHTTP_INVALID_URL when it is none, or needs a host and there is none.
 * New. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_with_scheme(const aiohttp_url *url,
                                                           const char *scheme,
                                                           aiohttp_url **ret_url);

/* With another user; NULL: without user and password. Encoded. -AIOHTTP_INVALID_URL for a relative
 * URL. New. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_with_user(const aiohttp_url *url, const char *user,
                                                         aiohttp_url **ret_url);

/* With another password; NULL: without. Encoded. -AIOHTTP_INVALID_URL for a relative URL. New. Does
 * not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_with_password(const aiohttp_url *url,
                                                             const char *password,
                                                             aiohttp_url **ret_url);

/* With another host, IPv6 without brackets. -AIOHTTP_INVALID_URL for a relative URL, or what is no
 * host. New. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_with_host(const aiohttp_url *url, const char *host,
                                                         aiohttp_url **ret_url);

/* With another port; -1: without. -AIOHTTP_INVALID_URL for a relative URL, or no port. New. Does
 * not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_with_port(const aiohttp_url *url, int port,
                                                         aiohttp_url **ret_url);

typedef struct aiohttp_url_with_path_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_url_with_path_options));
    int encoded ASYNCIO__0;       /* the path is as it shall be sent */
    int keep_query ASYNCIO__0;    /* the query stays */
    int keep_fragment ASYNCIO__0; /* the fragment stays */
} aiohttp_url_with_path_options;

/* With another path, which is encoded (a % too); without query and fragment. New. Does not
 * suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_url_with_path(const aiohttp_url *url, const char *path, aiohttp_url **ret_url,
                      const aiohttp_url_with_path_options *options);
#define aiohttp_url_with_path(...) aiohttp__url_with_path_m(__VA_ARGS__, )
#define aiohttp__url_with_path_m(url, path, ret_url, ...)                                          \
    aiohttp__url_with_path_v(url, path, ret_url,                                                   \
                             ASYNCIO__OPTIONS(aiohttp_url_with_path_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int
aiohttp__url_with_path_v(const aiohttp_url *url, const char *path, aiohttp_url **ret_url,
                         aiohttp_url_with_path_options options)
{
    return (aiohttp_url_with_path)(url, path, ret_url, &options);
}

/* With another query, text in which = + & ; divide and the rest is encoded; NULL or "": without.
 * New. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_with_query(const aiohttp_url *url,
                                                          const char *query,
                                                          aiohttp_url **ret_url);

/* With another query, of names and values; NULL: without. New. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_with_query_all(const aiohttp_url *url,
                                                              const aiohttp_multi_dict *query,
                                                              aiohttp_url **ret_url);

/* With more behind its query. New. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_extend_query(const aiohttp_url *url,
                                                            const char *query,
                                                            aiohttp_url **ret_url);
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_extend_query_all(const aiohttp_url *url,
                                                                const aiohttp_multi_dict *query,
                                                                aiohttp_url **ret_url);

/* With the values of these names replaced, or added; NULL: without a query. New. Does not
 * suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_update_query(const aiohttp_url *url,
                                                            const char *query,
                                                            aiohttp_url **ret_url);
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_update_query_all(const aiohttp_url *url,
                                                                const aiohttp_multi_dict *query,
                                                                aiohttp_url **ret_url);

/* Without the values of `count` names in the query. New. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_without_query_params(const aiohttp_url *url,
                                                                    const char *const *names,
                                                                    size_t count,
                                                                    aiohttp_url **ret_url);

/* With another fragment, which is encoded; NULL: without. New. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_with_fragment(const aiohttp_url *url,
                                                             const char *fragment,
                                                             aiohttp_url **ret_url);

/* With another last part of the path, which is encoded; without query and fragment.
 * -AIOHTTP_INVALID_URL for a name with a /, or that is . or .. New. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_with_name(const aiohttp_url *url, const char *name,
                                                         aiohttp_url **ret_url);

/* With another suffix, ".html", or none, "". -AIOHTTP_INVALID_URL when it does not begin with a
 * dot, or there is no name. New. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_with_suffix(const aiohttp_url *url,
                                                           const char *suffix,
                                                           aiohttp_url **ret_url);

/* With `path`, which is encoded, behind its path; without query and fragment: Python's url / path.
 * -AIOHTTP_INVALID_URL when `path` begins with a /. New. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_joinpath(const aiohttp_url *url, const char *path,
                                                        aiohttp_url **ret_url);

/* What `other`, seen from `url`, is: RFC 3986, 5.2. New. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_url_join(const aiohttp_url *url,
                                                    const aiohttp_url *other,
                                                    aiohttp_url **ret_url);

ASYNCIO__END
