/* SPDX-License-Identifier: MIT */
/* Responses that a client gets. aiohttp's ClientResponse and the StreamReader of its content.
 *
 *     const char *line;
 *     int n;
 *     while ((n = aiohttp_client_response_readline(response, &line)) > 0)
 *         ...
 *     aiohttp_client_response_unref(response);
 *
 * MODEL      The head is there; the body is read when it is asked for, by one of: read, text or
 *            json for all of it (again and again, it is kept), or piece by piece. When its last
 *            byte has been read the connection goes back to the pool, the response stays readable.
 *            Content codings are undone on the way, unless `.auto_decompress` is 0.
 * LENT       Texts and pieces end with NUL where it says so; pieces are lent until the next call
 *            that reads, what read and text give as long as the response lives.
 * LIMITS     What is kept in memory (read, text, json, a line) is at most `.max_body` or the
 *            session's limits.body: -AIOHTTP_BODY_TOO_LARGE. Decompression has the limits of
 *            <aiohttp/limits.h>.
 * ENDS       A body that ends before its length, or without its last chunk, is an error
 *            (-AIOHTTP_PAYLOAD), never a short success.
 * OWNERSHIP  Counted. The last unref of one whose body was not read to its end closes the
 *            connection, unless the rest has come already, and reports it to the loop's exception
 *            handler, with the place of the request ("Unclosed response"):
 *            aiohttp_client_response_close or _release say that it was meant.
 * ERRORS     of all that reads: -ETIMEDOUT (the record says which limit), -ECONNRESET,
 *            -AIOHTTP_PAYLOAD, -AIOHTTP_BAD_HTTP_MESSAGE, -AIOHTTP_CONTENT_ENCODING,
 *            -AIOHTTP_BODY_TOO_LARGE, -EBUSY (another task reads), -ASYNCIO_NO_TASK,
 *            -ASYNCIO_OTHER_LOOP, -ENOMEM, -ECANCELED.
 * THREADS    The session's loop. All but the texts suspend.
 * SOURCE     aiohttp's client_reqrep.py, streams.py. */
#pragma once

#include <aiohttp/client_request.h>

ASYNCIO__BEGIN

struct json_t;

/* The status: 200. Does not suspend, as all up to the next headline. */
AIOHTTP_API int aiohttp_client_response_status(const aiohttp_client_response *response);

/* 1 below 400: Python's ok. */
AIOHTTP_API int aiohttp_client_response_ok(const aiohttp_client_response *response);

/* The reason phrase as it was sent, lent. */
AIOHTTP_API const char *aiohttp_client_response_reason(const aiohttp_client_response *response);

/* 10 or 11: HTTP/1.0, HTTP/1.1. */
AIOHTTP_API int aiohttp_client_response_version(const aiohttp_client_response *response);

/* The method that was answered, lent: a redirect may have made a POST a GET. */
AIOHTTP_API const char *aiohttp_client_response_method(const aiohttp_client_response *response);

/* The URL that was answered, the last of its redirects, lent. */
AIOHTTP_API const aiohttp_url *aiohttp_client_response_url(const aiohttp_client_response *response);

/* The headers, lent, to be read only. NULL without memory. */
AIOHTTP_API const aiohttp_headers *
aiohttp_client_response_headers(const aiohttp_client_response *response);

/* The first field of that name, lent, or NULL. */
AIOHTTP_API const char *aiohttp_client_response_header(const aiohttp_client_response *response,
                                                       const char *name);

/* How many redirects led here, and the response of each, the first is 0: lent; NULL beyond. */
AIOHTTP_API size_t
aiohttp_client_response_history_count(const aiohttp_client_response *response);
AIOHTTP_API const aiohttp_client_response *
aiohttp_client_response_history(const aiohttp_client_response *response, size_t index);

/* The media type, "text/html", lower case; "application/octet-stream" without one. Lent; NULL
 * without memory. */
AIOHTTP_API const char *
aiohttp_client_response_content_type(const aiohttp_client_response *response);

/* The charset of Content-Type, lower case, lent, or NULL. */
AIOHTTP_API const char *aiohttp_client_response_charset(const aiohttp_client_response *response);

/* What Content-Length says, before decoding; -1: nothing. */
AIOHTTP_API int64_t
aiohttp_client_response_content_length(const aiohttp_client_response *response);

/* The charset that text decodes by: the charset of Content-Type where it is known, else the
 * session's `.fallback_charset`, "utf-8". Python's get_encoding. Lent. Known are the labels of
 * WHATWG's Encoding standard and Python's names of them (koi8-r, windows-1252, shift_jis, gbk,
 * utf-16, ...), as Python has them: iso-8859-1 is not windows-1252; shift_jis is windows-31j.
 * Neither utf-7 nor what else hides ASCII, nor names of iconv's own. */
AIOHTTP_API const char *
aiohttp_client_response_get_encoding(const aiohttp_client_response *response);

/* The fields that came behind a chunked body, lent, to be read only: once it has been read; NULL
 * without any, and without memory. Nothing that a header means is meant by them. */
AIOHTTP_API const aiohttp_headers *
aiohttp_client_response_trailers(const aiohttp_client_response *response);

/* What Content-Disposition says. Lent texts, UTF-8; NULL where nothing is said. */
typedef struct aiohttp_content_disposition {
    const char *type;     /* "attachment", "inline", lower case */
    const char *filename; /* decoded (RFC 8187); without folders: what is behind the last / or \ */
    const char *name;     /* of a form's part */
} aiohttp_content_disposition;

/* The Content-Disposition, lent; NULL without one, when it is none, and without memory. What the
 * server calls a file is data: who makes a path of it looks at it first. */
AIOHTTP_API const aiohttp_content_disposition *
aiohttp_client_response_content_disposition(const aiohttp_client_response *response);

/* A cookie that this response sets. Lent texts. */
typedef struct aiohttp_client_cookie {
    const char *name, *value;
} aiohttp_client_cookie;

/* The cookies of Set-Cookie, one after the other: *position is 0 at first. 1, 0 after the last;
 * -ENOMEM. */
AIOHTTP_API int aiohttp_client_response_cookies(const aiohttp_client_response *response,
                                                size_t *position,
                                                aiohttp_client_cookie *ret_cookie);

/* The target of the Link (RFC 8288) with that relation, "next": joined with the response's URL.
 * ret_url returns new. -ENOENT, -AIOHTTP_INVALID_URL, -ENOMEM. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_response_link(const aiohttp_client_response *response, const char *relation,
                             aiohttp_url **ret_url);

/* 0 below 400; else -(AIOHTTP_HTTP + status), recorded with method, URL and reason. The response
 * is released as by close. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_response_raise_for_status(aiohttp_client_response *response);

/* Bytes of the request's body that were sent, and whether that was all: Python's output_size,
 * upload_complete. */
AIOHTTP_API int64_t
aiohttp_client_response_output_size(const aiohttp_client_response *response);
AIOHTTP_API int
aiohttp_client_response_upload_complete(const aiohttp_client_response *response);

/* --- the whole body --- */

/* Reads all of it: *ret_body is lent, with a NUL behind it; ret_size NULL: not wanted. 0 or an
 * error. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_response_read(aiohttp_client_response *response, const char **ret_body,
                             size_t *ret_size);

typedef struct aiohttp_client_text_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_client_text_options));
    /* NULL: aiohttp_client_response_get_encoding; else a charset, any that iconv has */
    const char *encoding ASYNCIO__0;
    int replace ASYNCIO__0;          /* 1: what cannot be decoded becomes U+FFFD; else -EILSEQ */
    size_t *ret_size ASYNCIO__0;     /* NULL: not wanted */
} aiohttp_client_text_options;

/* As read, as UTF-8 text with a NUL behind it. -EILSEQ, -EINVAL (no such encoding). Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_response_text(aiohttp_client_response *response, const char **ret_text,
                             const aiohttp_client_text_options *options);

typedef struct aiohttp_client_json_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_client_json_options));
    const char *content_type ASYNCIO__0; /* has to be; NULL: application/json or ...+json */
    int any_content_type ASYNCIO__0;     /* 1: it is not looked at: Python's content_type=None */
} aiohttp_client_json_options;

/* As read, as JSON: *ret_json is a new reference. -AIOHTTP_CONTENT_TYPE, -EINVAL as
 * aiohttp_json_loads. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_response_json(aiohttp_client_response *response, struct json_t **ret_json,
                             const aiohttp_client_json_options *options);

/* --- piece by piece --- */

/* The next piece, as large as it came: *ret_data is lent. Its size; 0 at the end. Python's
 * readany. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_response_readany(aiohttp_client_response *response, const char **ret_data);

/* Up to `size` bytes into `buffer`, as soon as there are some: how many; 0 at the end. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_response_read_into(aiohttp_client_response *response, void *buffer, size_t size);

/* A line with its newline, NUL behind it: its size; 0 at the end; a last line may lack the newline.
 * It may be as long as `.max_body`. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_response_readline(aiohttp_client_response *response, const char **ret_line);

/* As readline, up to and with a separator of the caller's. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_response_readuntil(aiohttp_client_response *response, const void *separator,
                                  size_t separator_size, const char **ret_data);

/* Exactly `size` bytes: 0; -ASYNCIO_INCOMPLETE_READ when the body ends before, and *ret_got (NULL:
 * not wanted) were stored. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_response_readexactly(aiohttp_client_response *response, void *buffer, size_t size,
                                    size_t *ret_got);

/* 1 when the body has been read to its end. Does not suspend. */
AIOHTTP_API int aiohttp_client_response_at_eof(const aiohttp_client_response *response);

/* --- server-sent events --- */

/* Lent until the next event is read; texts end with NUL. */
typedef struct aiohttp_client_event {
    const char *event; /* "message" when it has no name */
    const char *data;
    size_t data_size;
    const char *id;    /* the last one that was sent, or "" */
    int64_t retry;     /* milliseconds that were last asked for, or -1 */
} aiohttp_client_event;

/* The next event of a text/event-stream: 1; 0 at the end. -AIOHTTP_CONTENT_TYPE for another type.
 * Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_response_read_event(aiohttp_client_response *response,
                                   aiohttp_client_event *ret_event);

/* --- the end --- */

/* Ends it: the connection goes back to the pool when the body was read, or the rest of it has come
 * already; else it is closed. Python's close. Does not suspend. */
AIOHTTP_API void aiohttp_client_response_close(aiohttp_client_response *response);

/* As close, but reads and drops up to limits.lingering bytes first, for up to lingering_time, so
 * that the connection can be used again. 0 or -ECANCELED. Suspends. */
AIOHTTP_API int aiohttp_client_response_release(aiohttp_client_response *response);

/* One more reference; returns it. NULL allowed. Does not suspend. */
AIOHTTP_API aiohttp_client_response *
aiohttp_client_response_ref(aiohttp_client_response *response);

/* Gives a reference back, see OWNERSHIP. NULL allowed. Does not suspend. */
AIOHTTP_API void aiohttp_client_response_unref(aiohttp_client_response *response);

ASYNCIO_MUST_CHECK static inline int
aiohttp__client_response_text_v(aiohttp_client_response *response, const char **ret_text,
                                aiohttp_client_text_options options)
{
    return aiohttp_client_response_text(response, ret_text, &options);
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__client_response_json_v(aiohttp_client_response *response, struct json_t **ret_json,
                                aiohttp_client_json_options options)
{
    return aiohttp_client_response_json(response, ret_json, &options);
}

ASYNCIO__END

#define aiohttp_client_response_text(...) aiohttp__client_response_text_m(__VA_ARGS__, )
#define aiohttp__client_response_text_m(response, ret_text, ...)                                   \
    aiohttp__client_response_text_v(                                                               \
        response, ret_text, ASYNCIO__OPTIONS(aiohttp_client_text_options, (), __VA_ARGS__))
#define aiohttp_client_response_json(...) aiohttp__client_response_json_m(__VA_ARGS__, )
#define aiohttp__client_response_json_m(response, ret_json, ...)                                   \
    aiohttp__client_response_json_v(                                                               \
        response, ret_json, ASYNCIO__OPTIONS(aiohttp_client_json_options, (), __VA_ARGS__))
