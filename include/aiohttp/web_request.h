/* SPDX-License-Identifier: MIT */
/* Requests, as a handler sees them: aiohttp.web.Request.
 *
 *     static int hello(aiohttp_web_request *request)
 *     {
 *         const char *name = aiohttp_web_request_query(request, "name");
 *         return aiohttp_web_respondf(request, "Hello, %s\n", name ? name : "you");
 *     }
 *
 * MODEL      A handler is called in the task of its connection, with one request at a time. What it
 *            can ask for is worked out when it asks: a request nobody asks costs nothing.
 * OWNERSHIP  A request is lent to its handler and the middlewares around it, until the outermost of
 *            them has returned. All texts that it hands out are lent as long, and end with NUL.
 *            asyncio_alloc, asyncio_printf and asyncio_defer belong to the request while it is
 *            handled.
 * BODY       It is not read before somebody reads it. One of read, text, json and post takes all of
 *            it, up to `client_max_size` (1 MiB; above it -(AIOHTTP_HTTP + 413), which may simply
 *            be returned), and gives the same again when asked again; content_read and its kin take
 *            it in pieces of any number. A body that nobody read is dropped afterwards.
 * ERRORS     Of all that read: -(AIOHTTP_HTTP + 400) for a body that is no HTTP, + 408 for a peer
 *            that is too slow, + 413 too large, + 415 a coding or charset that is not known;
 *            -ECONNRESET: the peer has gone; -ECANCELED, -ENOMEM.
 * THREADS    The thread of its loop.
 * SOURCE     aiohttp's web_request.py. */
#pragma once

#include <aiohttp/macros.h>
#include <asyncio/stream.h>

ASYNCIO__BEGIN

typedef struct aiohttp_web_request aiohttp_web_request;
typedef struct aiohttp_web_response aiohttp_web_response;
typedef struct aiohttp_headers aiohttp_headers; /* headers.h */

struct json_t;

/* "GET" and so on, as it was sent: methods are case-sensitive. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_method(aiohttp_web_request *request);

/* 11 for HTTP/1.1, 10 for HTTP/1.0. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_version(const aiohttp_web_request *request);

/* The path, decoded; "%2F" and "%25" stay as they are, and a lone '%' is "%25", so that no name
 * becomes two. NULL without memory. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_path(aiohttp_web_request *request);

/* The path as it was sent. NULL without memory. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_raw_path(aiohttp_web_request *request);

/* The path as it was sent, with its query. NULL without memory. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_path_qs(aiohttp_web_request *request);

/* What follows '?', as it was sent; "" without. NULL without memory. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_query_string(aiohttp_web_request *request);

/* The first value of `name` in the query, decoded: Python's request.query.get(name). NULL when
 * there is none, or no memory. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_query(aiohttp_web_request *request, const char *name);

/* Goes through the query: *position is 0 at first and the library's afterwards. 1 and a name with
 * its value; 0 after the last one; -ENOMEM. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_query_next(aiohttp_web_request *request, size_t *position,
                                               const char **ret_name, const char **ret_value);

/* The headers, lent. Does not suspend. */
AIOHTTP_API const aiohttp_headers *aiohttp_web_request_headers(aiohttp_web_request *request);

/* The first value of the header `name`, or NULL. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_header(aiohttp_web_request *request, const char *name);

/* The value of a cookie, or NULL. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_cookie(aiohttp_web_request *request, const char *name);

/* Goes through the cookies, as aiohttp_web_request_query_next. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_cookie_next(aiohttp_web_request *request, size_t *position,
                                                const char **ret_name, const char **ret_value);

/* What stands in the path where the route has {name}, decoded, once: "%252e" is "%2e", and "%2F" is
 * a '/'. NULL when it has no such part, or without memory. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_match_info(aiohttp_web_request *request,
                                                       const char *name);

/* What was asked for: the Host header, else this end's address and port. NULL without memory. Does
 * not suspend. */
AIOHTTP_API const char *aiohttp_web_request_host(aiohttp_web_request *request);

/* The peer's address, without its port; "" when it has none. NULL without memory. Does not
 * suspend. */
AIOHTTP_API const char *aiohttp_web_request_remote(aiohttp_web_request *request);

/* "https" when the connection is TLS, else "http". Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_scheme(const aiohttp_web_request *request);

/* 1 when the connection is TLS. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_secure(const aiohttp_web_request *request);

/* 1 when the connection may live on after the answer. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_keep_alive(const aiohttp_web_request *request);

/* The media type of the body, in lower case and without parameters; "application/octet-stream" when
 * nothing is said. NULL without memory. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_content_type(aiohttp_web_request *request);

/* The charset of the body, or NULL when nothing is said. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_charset(aiohttp_web_request *request);

/* --- conditions and ranges --- */

/* Of ETag, If-Match and so on; `value` is "*" when is_any. Lent. */
typedef struct aiohttp_etag {
    const char *value; /* without its quotes */
    int is_weak, is_any;
} aiohttp_etag;

/* The one range of bytes that is asked for: 1; 0 when none is, or several, or of another unit;
 * -(AIOHTTP_HTTP + 416) for what is no range. *ret_start is the first byte, or below 0 how many of
 * the last ones; *ret_stop the one behind the last, or -1 for all up to the end: the slice that
 * Python's http_range is. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_http_range(aiohttp_web_request *request, int64_t *ret_start,
                                               int64_t *ret_stop);

/* Go through the tags of If-Match and If-None-Match, as aiohttp_web_request_query_next. They do not
 * suspend. */
AIOHTTP_API int aiohttp_web_request_if_match_next(aiohttp_web_request *request, size_t *position,
                                                  aiohttp_etag *ret_etag);
AIOHTTP_API int aiohttp_web_request_if_none_match_next(aiohttp_web_request *request,
                                                       size_t *position, aiohttp_etag *ret_etag);

/* 1 and the date of that header in seconds since 1970; 0 when there is none, or no date. They do
 * not suspend. */
AIOHTTP_API int aiohttp_web_request_if_modified_since(aiohttp_web_request *request,
                                                      int64_t *ret_seconds);
AIOHTTP_API int aiohttp_web_request_if_unmodified_since(aiohttp_web_request *request,
                                                        int64_t *ret_seconds);

/* If-Range: 1 and a date in *ret_seconds (ret_etag->value is NULL), or a tag in *ret_etag; 0 when
 * there is none; -ENOMEM. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_if_range(aiohttp_web_request *request, int64_t *ret_seconds,
                                             aiohttp_etag *ret_etag);

/* --- what proxies have said --- */

/* An element of Forwarded (RFC 7239); NULL for what it does not say. Lent. */
typedef struct aiohttp_web_forwarded {
    const char *by, *for_, *host, *proto;
} aiohttp_web_forwarded;

/* Goes through the elements of all Forwarded fields, the first proxy's first, as
 * aiohttp_web_request_query_next. One that is broken says nothing. Anybody can send them: believe
 * those that your own proxies have added. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_forwarded_next(aiohttp_web_request *request, size_t *position,
                                                   aiohttp_web_forwarded *ret_forwarded);

typedef struct aiohttp_web_override_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_override_options));
    const char *scheme ASYNCIO__0; /* "https"; NULL: as it is, as of the others */
    const char *host ASYNCIO__0;   /* "example.com:8443" */
    const char *remote ASYNCIO__0; /* "192.0.2.1" */
} aiohttp_web_override_options;

/* What a middleware behind a proxy knows better: what scheme, host and remote (and secure and url)
 * say from now on. Copied. Python's middlewares give a clone() of the request to the handler; here
 * there is one request. Routes by domain were looked for before. 0, -ENOMEM. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_override(aiohttp_web_request *request,
                                             const aiohttp_web_override_options *options);

/* "http://host/path?query": what was asked for as a whole, by scheme, host and path_qs. NULL
 * without memory. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_request_url(aiohttp_web_request *request);

/* --- the body --- */

/* The size of the body in bytes, or -1 when it is not known beforehand. Does not suspend. */
AIOHTTP_API int64_t aiohttp_web_request_content_length(const aiohttp_web_request *request);

/* 1 when the request has a body. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_body_exists(const aiohttp_web_request *request);

/* 1 until a read has come to the end of the body, which it tells by 0. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_can_read_body(const aiohttp_web_request *request);

/* What is known of the connection: see asyncio_stream_get_extra_info. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_get_extra_info(const aiohttp_web_request *request,
                                                   const char *name, char *data, size_t size);

/* Sets the largest body that read and its kin take, in bytes; AIOHTTP_UNLIMITED: any. Before the
 * body is read. -EINVAL for 0. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_set_client_max_size(aiohttp_web_request *request, size_t size);

/* Reads the whole body: *ret_data (with a NUL behind it) and *ret_size, lent. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_request_read(aiohttp_web_request *request,
                                                            const char **ret_data,
                                                            size_t *ret_size);

/* Reads the whole body as UTF-8 text, lent: *ret_text, converted from the charset of its
 * Content-Type: those of aiohttp_client_response_get_encoding. + 415 for another one, + 400 for
 * bytes that are malformed in it, and for a NUL. It may be 3 times as long as the body.
 * Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_request_text(aiohttp_web_request *request,
                                                            const char **ret_text);

/* Reads the whole body as JSON: *ret_json is lent (json_incref keeps it). + 400 for what is none.
 * The content type is not looked at, as in Python. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_request_json(aiohttp_web_request *request,
                                                            struct json_t **ret_json);

/* Reads some of the body into `buffer`: as soon as there is a byte; how many, 0 at its end.
 * Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_request_content_read(aiohttp_web_request *request,
                                                                    void *buffer, size_t size);

/* As content_read, but lends the bytes until the next call that reads: Python's readany(). How
 * many, 0 at the end of the body. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_request_content_read_view(aiohttp_web_request *request, const char **ret_data);

/* The fields that came behind a chunked body, lent: once it has been read; NULL without any, and
 * without memory. They are the peer's to choose: nothing that a header means is meant by them. Does
 * not suspend. */
AIOHTTP_API const aiohttp_headers *aiohttp_web_request_trailers(aiohttp_web_request *request);

/* Says 100 Continue now, if the peer waits for it; otherwise the first read does. An expect handler
 * that wants no body answers instead. 0, -ECONNRESET, -ECANCELED. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_request_continue(aiohttp_web_request *request);

/* 1: from now on the handler is cancelled (-ECANCELED) when the peer goes, and not only told so
 * when it writes. 0: not. Body bytes that are still to come are not waited for: the peer counts as
 * there until they are read. -ENOMEM. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_set_handler_cancellation(aiohttp_web_request *request,
                                                             int enabled);

/* The request's answer, lent, never NULL; its status is 0 until one was set. Does not suspend. */
AIOHTTP_API aiohttp_web_response *aiohttp_web_request_response(aiohttp_web_request *request);

static inline int aiohttp__web_override_v(aiohttp_web_request *request,
                                          aiohttp_web_override_options options)
{
    return aiohttp_web_request_override(request, &options);
}

ASYNCIO__END

#define aiohttp_web_request_override(...) aiohttp__web_override_m(__VA_ARGS__, )
#define aiohttp__web_override_m(request, ...)                                                      \
    aiohttp__web_override_v(request,                                                               \
                            ASYNCIO__OPTIONS(aiohttp_web_override_options, (), __VA_ARGS__))
