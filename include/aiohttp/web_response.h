/* SPDX-License-Identifier: MIT */
/* Answers: aiohttp.web.Response, StreamResponse, FileResponse, json_response.
 *
 *     return aiohttp_web_respond(request, "created\n", .status = 201);
 *
 * MODEL      Each request has one answer. aiohttp_web_respond and its kin set it; it is sent when
 *            the outermost middleware has returned, so that middlewares can read and change it. Set
 *            again, the new one counts. Headers and cookies that were set before stay, but for what
 *            a file response has said of its file: that goes with the file.
 * STREAM     After aiohttp_web_response_prepare the head is fixed: write sends parts of the body as
 *            they come, write_eof (or the handler's return) ends it. Without a length it is chunked
 *            by HTTP/1.1, and ends with the connection by HTTP/1.0.
 * FAILURE    A handler that returns 0 or more without an answer: 500. An error of an HTTP status
 *            (web_exceptions.h, or one that reading gave): that status. -ETIMEDOUT: 504. Any other
 *            error: 500 and a report to the loop's exception handler. After prepare there is no
 *            other answer: the connection is closed without the end of the body.
 * NO BODY    Answers to HEAD, and 204 and 304, have no body: what was set or written is dropped.
 * OWNERSHIP  Bodies are copied, unless `.is_lent`. The answer belongs to its request.
 * THREADS    The thread of its loop.
 * SOURCE     aiohttp's web_response.py, web_fileresponse.py. */
#pragma once

#include <aiohttp/web_request.h>

ASYNCIO__BEGIN

#define AIOHTTP__DEFAULT_STATUS 200

typedef struct aiohttp_web_response_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_response_options));
    int status ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_STATUS);
    const char *reason ASYNCIO__0;          /* NULL: the usual one */
    /* NULL: "text/plain; charset=utf-8" for text, "application/octet-stream" for bytes */
    const char *content_type ASYNCIO__0;
    const char *const *headers ASYNCIO__0;  /* name, value, name, value, ..., NULL */
    /* the body is not copied: it stays as it is until the connection has taken it (a literal) */
    int is_lent ASYNCIO__0;
} aiohttp_web_response_options;

/* Sets the answer to `text`. 0; -ENOMEM for NULL, a text that could not be made, but for 204, 205
 * and 304, which have none; -EINVAL for a status that is none (200 to 599), a reason or header
 * with control characters; -ASYNCIO_INVALID_STATE after prepare; -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_respond(aiohttp_web_request *request,
                                                       const char *text,
                                                       const aiohttp_web_response_options *options);

/* Sets the answer to bytes. As aiohttp_web_respond. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_respond_bytes(aiohttp_web_request *request, const void *data, size_t size,
                          const aiohttp_web_response_options *options);

/* Sets the answer to text of printf's form, with status 200. As aiohttp_web_respond. Does not
 * suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_respondf(aiohttp_web_request *request,
                                                        const char *format, ...)
    ASYNCIO_PRINTF(2, 3);

/* As aiohttp_web_respondf, with options: AIOHTTP_WEB_RESPONSE(.status = 201, .content_type =
 * "text/html; charset=utf-8"), where `.is_lent` does not count. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_respondf_with(aiohttp_web_request *request, aiohttp_web_response_options options,
                          const char *format, ...) ASYNCIO_PRINTF(3, 4);

typedef struct aiohttp_payload aiohttp_payload; /* payload.h */

/* Sets the answer to a payload (one more reference): a file, a stream, what a generator writes, a
 * form or multipart body. It is written when the answer is sent, as fast as the peer takes it;
 * with its own content type, unless `.content_type`; of a length that is not known it is chunked.
 * What it fails with cuts the answer off and goes to the loop's exception handler. NULL is
 * -ENOMEM: it could not be made. Else as aiohttp_web_respond. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_respond_payload(aiohttp_web_request *request, aiohttp_payload *payload,
                            const aiohttp_web_response_options *options);

/* Sets the answer to JSON text: Python's json_response. `json` is borrowed. -EINVAL when it is NULL
 * or cannot be written; else as aiohttp_web_respond. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_respond_json(aiohttp_web_request *request, const struct json_t *json,
                         const aiohttp_web_response_options *options);

/* Sets the answer to JSON text straight from C values, with status 200: `return
 * aiohttp_web_respond_json_pack(request, "{s:i, s:s}", "id", id, "name", name)`. Format and values
 * as aiohttp_json_pack (json.h) has them, its errors too: no answer is set then; else as
 * aiohttp_web_respond. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_respond_json_pack(aiohttp_web_request *request,
                                                                 const char *format, ...);

/* As aiohttp_web_respond_json_pack, with options: AIOHTTP_WEB_RESPONSE(.status = 201), where
 * `.is_lent` does not count. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_respond_json_pack_with(aiohttp_web_request *request,
                                   aiohttp_web_response_options options, const char *format, ...);

/* The status, 0 while no answer is set. Does not suspend. */
AIOHTTP_API int aiohttp_web_response_status(const aiohttp_web_response *response);

/* The reason: the usual one, unless another was set. Does not suspend. */
AIOHTTP_API const char *aiohttp_web_response_reason(const aiohttp_web_response *response);

/* Sets status and reason (NULL: the usual one; copied). -EINVAL for a status that is none (200 to
 * 599), -ENOMEM; -ASYNCIO_INVALID_STATE after prepare. Does not suspend. */
AIOHTTP_API int aiohttp_web_response_set_status(aiohttp_web_response *response, int status,
                                                const char *reason);

/* The body that was set, lent, and *ret_size; NULL without one. Does not suspend. */
AIOHTTP_API const void *aiohttp_web_response_body(const aiohttp_web_response *response,
                                                  size_t *ret_size);

/* Replaces the body, and nothing else. Copied. -ENOMEM, -ASYNCIO_INVALID_STATE after prepare. Does
 * not suspend. */
AIOHTTP_API int aiohttp_web_response_set_body(aiohttp_web_response *response, const void *data,
                                              size_t size);

/* The headers to change them, lent; NULL without memory. What the library adds (Date, Server,
 * Content-Length, Content-Type, Connection) is added when it is sent, where it is not there. Does
 * not suspend. */
AIOHTTP_API aiohttp_headers *aiohttp_web_response_headers(aiohttp_web_response *response);

/* Sets a header. -EINVAL for one with control characters, -ENOMEM. Does not suspend. */
AIOHTTP_API int aiohttp_web_response_set_header(aiohttp_web_response *response, const char *name,
                                                const char *value);

/* Sets the media type: "text/html; charset=utf-8". -EINVAL, -ENOMEM. Does not suspend. */
AIOHTTP_API int aiohttp_web_response_set_content_type(aiohttp_web_response *response,
                                                      const char *content_type);

/* Says beforehand how large the body of a stream will be; writing more or less is an error. -1: not
 * known. -EINVAL, -ASYNCIO_INVALID_STATE after prepare. Does not suspend. */
AIOHTTP_API int aiohttp_web_response_set_content_length(aiohttp_web_response *response,
                                                        int64_t size);

/* Sends the body in chunks, also when its length is known. -EINVAL when a length was said;
 * -ASYNCIO_INVALID_STATE after prepare. HTTP/1.0 has no chunks: the body ends with the connection
 * there, where Python's is an error. Does not suspend. */
AIOHTTP_API int aiohttp_web_response_enable_chunked_encoding(aiohttp_web_response *response);

/* Sets a field that goes out behind the body: what is known only then, a checksum or a signature.
 * Before prepare it makes the body one in chunks, and is announced by Trailer; it can be set, or
 * set anew, until the body has ended. Nothing is sent where there are no chunks: HTTP/1.0, answers
 * without a body, after prepare with a length. -EINVAL for what has to be known before (Host,
 * Content-Type, Set-Cookie, ...: RFC 9110, 6.5.1), and when a length was said; -ENOMEM;
 * -ASYNCIO_INVALID_STATE after write_eof. Does not suspend. */
AIOHTTP_API int aiohttp_web_response_set_trailer(aiohttp_web_response *response, const char *name,
                                                 const char *value);

/* Set ETag (`value` without quotes) and Last-Modified (seconds since 1970, rounded up as HTTP has
 * no fractions). -EINVAL, -ENOMEM, -ASYNCIO_INVALID_STATE after prepare. They do not suspend. */
AIOHTTP_API int aiohttp_web_response_set_etag(aiohttp_web_response *response, const char *value,
                                              int is_weak);
AIOHTTP_API int aiohttp_web_response_set_last_modified(aiohttp_web_response *response,
                                                       double seconds);

/* What the request's conditions (If-Match, If-None-Match and the dates) make of the answer's ETag
 * and Last-Modified, which were set before: 0: go on; -(AIOHTTP_HTTP + 304) or + 412, with the
 * answer set, to be returned. So nothing has to be made that the peer has. -ENOMEM,
 * -ASYNCIO_INVALID_STATE after prepare. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_response_check_conditions(aiohttp_web_response *response);

/* Sends an answer before the answer: 103 (Early Hints) with Link headers lets a page's parts be
 * fetched while it is made, 102 says that it takes time. `headers` are name, value, name, value,
 * ..., NULL. HTTP/1.0 knows none: nothing is sent. -EINVAL for a status that is not 102 to 199,
 * and for headers that are none; -ASYNCIO_INVALID_STATE after prepare; as
 * aiohttp_web_response_write. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_response_informational(aiohttp_web_response *response, int status,
                                   const char *const *headers);

/* Answers 101 to a request to upgrade to `protocol`, or, with NULL, 200 to CONNECT, and lends the
 * stream: what follows is the handler's, up to its return, which closes it. Headers that were set
 * are sent; deadlines and keep-alive end here. -EINVAL when the request asks for no such thing;
 * -ASYNCIO_INVALID_STATE after prepare, or while there is a body to read; -ENOMEM, -ECONNRESET;
 * -ENOTSUP of a mocked request. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_response_upgrade(aiohttp_web_response *response,
                                                                const char *protocol,
                                                                asyncio_stream **ret_stream);

/* Closes the connection after this answer. Does not suspend. */
AIOHTTP_API void aiohttp_web_response_force_close(aiohttp_web_response *response);

/* 1 once its head was sent, or is fixed. Does not suspend. */
AIOHTTP_API int aiohttp_web_response_prepared(const aiohttp_web_response *response);

/* Body bytes that were sent, before chunking. Does not suspend. */
AIOHTTP_API uint64_t aiohttp_web_response_body_length(const aiohttp_web_response *response);

#define AIOHTTP__DEFAULT_MAX_AGE (-1)

typedef struct aiohttp_web_cookie_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_cookie_options));
    int64_t max_age ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_MAX_AGE); /* seconds; -1: not said */
    const char *path ASYNCIO__0;        /* NULL: "/" */
    const char *domain ASYNCIO__0;
    const char *expires ASYNCIO__0;     /* an HTTP date */
    const char *samesite ASYNCIO__0;    /* "Strict", "Lax", "None" */
    int secure ASYNCIO__0;
    int httponly ASYNCIO__0;
    int partitioned ASYNCIO__0;
} aiohttp_web_cookie_options;

/* Adds a Set-Cookie of that name, in place of one that was set before. -EINVAL for a name or value
 * that is none, -ENOMEM, -ASYNCIO_INVALID_STATE after prepare. Does not suspend. */
AIOHTTP_API int aiohttp_web_response_set_cookie(aiohttp_web_response *response, const char *name,
                                                const char *value,
                                                const aiohttp_web_cookie_options *options);

/* Has the browser forget a cookie (`.path` and `.domain` as it was set). As set_cookie. Does not
 * suspend. */
AIOHTTP_API int aiohttp_web_response_del_cookie(aiohttp_web_response *response, const char *name,
                                                const aiohttp_web_cookie_options *options);

typedef struct aiohttp_web_compression_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_compression_options));
    /* "gzip", "deflate", "br", "zstd": that one, whatever the request accepts and however small */
    const char *force ASYNCIO__0;
    int level ASYNCIO__DEFAULT(-1); /* as the coding counts them; -1: the usual one */
} aiohttp_web_compression_options;

/* Compresses the body by what the request accepts (zstd, br, gzip, deflate; by q-values), unless
 * it has a Content-Encoding, is a range, or too small to gain. -EINVAL for a coding or level that
 * there is not; -ASYNCIO_INVALID_STATE after prepare. Does not suspend. */
AIOHTTP_API int
aiohttp_web_response_enable_compression(aiohttp_web_response *response,
                                        const aiohttp_web_compression_options *options);

/* Begins the answer: fixes the head, which goes out with the first part of the body. The status is
 * 200 when none was set. 0, also when it was begun before; -ENOMEM, -ECONNRESET, and what a signal
 * on_response_prepare returned. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_response_prepare(aiohttp_web_response *response);

/* Sends a part of the body, and waits while too much is unsent. 0; -ASYNCIO_INVALID_STATE before
 * prepare or after write_eof; -EMSGSIZE, and nothing was sent, for more than the length that was
 * said; -ECONNRESET, -ECANCELED, -ENOMEM. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_response_write(aiohttp_web_response *response,
                                                              const void *data, size_t size);

/* Ends the body. -EMSGSIZE for less than the length that was said: the connection is closed.
 * Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_response_write_eof(aiohttp_web_response *response);

/* Sends at once what was fixed or written and is held back to go out with more. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_response_flush(aiohttp_web_response *response);

ASYNCIO_MUST_CHECK static inline int aiohttp__web_respond_v(aiohttp_web_request *request,
                                                            const char *text,
                                                            aiohttp_web_response_options options)
{
    return aiohttp_web_respond(request, text, &options);
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__web_respond_bytes_v(aiohttp_web_request *request, const void *data, size_t size,
                             aiohttp_web_response_options options)
{
    return aiohttp_web_respond_bytes(request, data, size, &options);
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__web_respond_json_v(aiohttp_web_request *request, const struct json_t *json,
                            aiohttp_web_response_options options)
{
    return aiohttp_web_respond_json(request, json, &options);
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__web_respond_payload_v(aiohttp_web_request *request, aiohttp_payload *payload,
                               aiohttp_web_response_options options)
{
    return aiohttp_web_respond_payload(request, payload, &options);
}
static inline int
aiohttp__web_enable_compression_v(aiohttp_web_response *response,
                                  aiohttp_web_compression_options options)
{
    return aiohttp_web_response_enable_compression(response, &options);
}
static inline int aiohttp__web_set_cookie_v(aiohttp_web_response *response, const char *name,
                                            const char *value, aiohttp_web_cookie_options options)
{
    return aiohttp_web_response_set_cookie(response, name, value, &options);
}
static inline int aiohttp__web_del_cookie_v(aiohttp_web_response *response, const char *name,
                                            aiohttp_web_cookie_options options)
{
    return aiohttp_web_response_del_cookie(response, name, &options);
}

ASYNCIO__END

#define AIOHTTP__RESPONSE_OPTIONS(...)                                                             \
    ASYNCIO__OPTIONS(aiohttp_web_response_options, (.status = AIOHTTP__DEFAULT_STATUS, ),          \
                     __VA_ARGS__)
#define AIOHTTP_WEB_RESPONSE(...) AIOHTTP__RESPONSE_OPTIONS(__VA_ARGS__)
#define aiohttp_web_respond(...) aiohttp__web_respond_m(__VA_ARGS__, )
#define aiohttp__web_respond_m(request, text, ...)                                                 \
    aiohttp__web_respond_v(request, text, AIOHTTP__RESPONSE_OPTIONS(__VA_ARGS__))
#define aiohttp_web_respond_bytes(...) aiohttp__web_respond_bytes_m(__VA_ARGS__, )
#define aiohttp__web_respond_bytes_m(request, data, size, ...)                                     \
    aiohttp__web_respond_bytes_v(request, data, size, AIOHTTP__RESPONSE_OPTIONS(__VA_ARGS__))
#define aiohttp_web_respond_json(...) aiohttp__web_respond_json_m(__VA_ARGS__, )
#define aiohttp__web_respond_json_m(request, json, ...)                                            \
    aiohttp__web_respond_json_v(request, json, AIOHTTP__RESPONSE_OPTIONS(__VA_ARGS__))

#define aiohttp_web_respond_payload(...) aiohttp__web_respond_payload_m(__VA_ARGS__, )
#define aiohttp__web_respond_payload_m(request, payload, ...)                                      \
    aiohttp__web_respond_payload_v(request, payload, AIOHTTP__RESPONSE_OPTIONS(__VA_ARGS__))
#define aiohttp_web_response_enable_compression(...)                                               \
    aiohttp__web_enable_compression_m(__VA_ARGS__, )
#define aiohttp__web_enable_compression_m(response, ...)                                           \
    aiohttp__web_enable_compression_v(                                                             \
        response,                                                                                  \
        ASYNCIO__OPTIONS(aiohttp_web_compression_options, (.level = -1, ), __VA_ARGS__))

#define AIOHTTP__COOKIE_OPTIONS(...)                                                               \
    ASYNCIO__OPTIONS(aiohttp_web_cookie_options, (.max_age = AIOHTTP__DEFAULT_MAX_AGE, ),          \
                     __VA_ARGS__)
#define aiohttp_web_response_set_cookie(...) aiohttp__web_set_cookie_m(__VA_ARGS__, )
#define aiohttp__web_set_cookie_m(response, name, value, ...)                                      \
    aiohttp__web_set_cookie_v(response, name, value, AIOHTTP__COOKIE_OPTIONS(__VA_ARGS__))
#define aiohttp_web_response_del_cookie(...) aiohttp__web_del_cookie_m(__VA_ARGS__, )
#define aiohttp__web_del_cookie_m(response, name, ...)                                             \
    aiohttp__web_del_cookie_v(response, name, AIOHTTP__COOKIE_OPTIONS(__VA_ARGS__))
