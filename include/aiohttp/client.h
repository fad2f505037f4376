/* SPDX-License-Identifier: MIT */
/* The HTTP client: sessions. aiohttp's ClientSession.
 *
 *     aiohttp_client_session *session;
 *     aiohttp_client_response *response;
 *     int r = aiohttp_client_session_new(&session, .base_url = "https://example.com/api/");
 *     if (r >= 0) {
 *         r = aiohttp_client_session_get(session, "users", &response, .params = "page=2");
 *         if (r >= 0) {
 *             const char *text;
 *             r = aiohttp_client_response_text(response, &text);
 *             ...
 *             aiohttp_client_response_unref(response);
 *         }
 *         aiohttp_client_session_close(session);
 *         aiohttp_client_session_unref(session);
 *     }
 *
 * MODEL      A session has what its requests share: a connector with its connections, a cookie
 *            jar, headers, limits. A request returns when the head of its answer is there, after
 *            redirects; the body is read from the response (<aiohttp/client_response.h>). Options
 *            of a request are in <aiohttp/client_request.h>.
 * URLS       A relative URL is joined with `.base_url` (RFC 3986: "users" stays below a base that
 *            ends with '/', "/users" does not); http and https. A user and password in a URL
 *            become Authorization and are not sent otherwise, nor are they in any record of an
 *            error. A redirect to the same origin keeps them.
 * AUTHORITY  A session's `.authorization` goes to the origin of `.base_url`. Without one it goes to
 *            the origin that a request begins at: not where a redirect leads to, and not back
 *            again from there. (aiohttp's goes on to every host then.) Of several the first one
 *            counts: the URL's user, the request's, the session's, ~/.netrc.
 * REDIRECTS  301, 302, 303, 307 and 308, up to `.max_redirects` of them; one more is
 *            -AIOHTTP_TOO_MANY_REDIRECTS. 303, and 301 and 302 of a POST, go on as GET without
 *            body. Each is in the response's history.
 * ERRORS     An answer is no error, whatever its status, but with `.raise_for_status`:
 *            -(AIOHTTP_HTTP + status). No answer is: -AIOHTTP_INVALID_URL, -AIOHTTP_NON_HTTP_URL;
 *            -ASYNCIO_RESOLVE, -ECONNREFUSED and what else connecting fails with, -ASYNCIO_SSL,
 *            -ASYNCIO_SSL_CERT_VERIFICATION, -AIOHTTP_PROXY; -AIOHTTP_SERVER_DISCONNECTED,
 *            -ECONNRESET; -AIOHTTP_BAD_HTTP_MESSAGE, -AIOHTTP_LINE_TOO_LONG,
 *            -AIOHTTP_HEADERS_TOO_LARGE; -ETIMEDOUT; -AIOHTTP_TOO_MANY_REDIRECTS and the like;
 *            -AIOHTTP_SESSION_CLOSED; -EINVAL for options that exclude one another; -ECANCELED,
 *            -ENOMEM. The record names method, URL and phase; for what is no HTTP, the place in
 *            it.
 * OWNERSHIP  Counted. The last unref of a session that was not closed closes it at once, and
 *            reports it to the loop's exception handler, with the place where it was made
 *            ("Unclosed client session").
 * THREADS    The loop of its first request; requests in any number of its tasks.
 * SOURCE     aiohttp's client.py. */
#pragma once

#include <aiohttp/client_request.h>
#include <aiohttp/client_response.h>
#include <aiohttp/connector.h>
#include <aiohttp/limits.h>

ASYNCIO__BEGIN

/* Cookies that are kept: <aiohttp/cookie_jar.h>. */
typedef struct aiohttp_cookie_jar aiohttp_cookie_jar;

typedef struct aiohttp_client_session_new_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_client_session_new_options));
    const char *where ASYNCIO__0;              /* the library's: the place of the call */
    const char *base_url ASYNCIO__0;           /* copied, as all that is text here */
    const aiohttp_headers *headers ASYNCIO__0; /* of each request; copied */
    const char *const *fields ASYNCIO__0;      /* or: name, value, ..., NULL; copied */
    const char *const *skip_auto_headers ASYNCIO__0; /* see <aiohttp/client_request.h>; copied */
    const char *authorization ASYNCIO__0;      /* see AUTHORITY */
    aiohttp_connector *connector ASYNCIO__0;   /* one more reference; NULL: one of its own */
    int keep_connector ASYNCIO__0;             /* 1: close leaves it open; connector_owner=False */
    /* one more reference; NULL: one of its own. To keep none: aiohttp_dummy_cookie_jar_new */
    aiohttp_cookie_jar *cookie_jar ASYNCIO__0;
    /* copied; NULL: the defaults, with total_time and connect_time of the limits */
    const aiohttp_client_timeout *timeout ASYNCIO__0;
    const aiohttp_limits *limits ASYNCIO__0;          /* copied; NULL: aiohttp_client_limits() */
    const aiohttp_client_retry *retry ASYNCIO__0;     /* copied */
    int raise_for_status ASYNCIO__0;
    int no_auto_decompress ASYNCIO__0;
    /* 1: proxies and ~/.netrc as the environment says. A netrc that is broken, or that others may
     * read, is not used, and that is told to the loop's exception handler, once. */
    int trust_env ASYNCIO__0;
    const char *proxy ASYNCIO__0;                     /* a URL; NULL, "": none */
    asyncio_ssl_context *ssl ASYNCIO__0;              /* one more reference */
    const aiohttp_client_middleware_entry *middlewares ASYNCIO__0; /* copied */
    size_t middleware_count ASYNCIO__0;
    const aiohttp_trace_config *trace ASYNCIO__0;     /* borrowed for good */
    const char *user_agent ASYNCIO__0;                /* NULL: "aiohttp/" and the version */
    /* the charset of texts whose Content-Type says none, or one that is not known; copied. NULL:
     * "utf-8" */
    const char *fallback_charset ASYNCIO__0;
} aiohttp_client_session_new_options;

/* Makes a session. ret_session returns new. -AIOHTTP_INVALID_URL (base_url, proxy), -EINVAL
 * (headers), -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_session_new(aiohttp_client_session **ret_session,
                           const aiohttp_client_session_new_options *options);

/* Ends it: requests under way fail, connections are closed, unless `.keep_connector`. Returns when
 * that is done: 0, -ECANCELED. A second call does nothing. Suspends. */
AIOHTTP_API int aiohttp_client_session_close(aiohttp_client_session *session);

/* 1 once it is closed. Does not suspend. */
AIOHTTP_API int aiohttp_client_session_closed(const aiohttp_client_session *session);

/* Its connector and cookie jar, lent; the headers of all its requests, lent, to be
 * changed. Does not suspend. */
AIOHTTP_API aiohttp_connector *
aiohttp_client_session_connector(const aiohttp_client_session *session);
AIOHTTP_API aiohttp_cookie_jar *
aiohttp_client_session_cookie_jar(const aiohttp_client_session *session);
AIOHTTP_API aiohttp_headers *aiohttp_client_session_headers(aiohttp_client_session *session);

/* One more reference; returns it. NULL allowed. Does not suspend. */
AIOHTTP_API aiohttp_client_session *aiohttp_client_session_ref(aiohttp_client_session *session);

/* Gives a reference back, see OWNERSHIP. NULL allowed. Does not suspend. */
AIOHTTP_API void aiohttp_client_session_unref(aiohttp_client_session *session);

/* Asks `url` by `method` (a token; in capitals, whatever it was). ret_response returns new; NULL:
 * the answer is not wanted, and released. See ERRORS. Suspends, as all that follow. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_session_request(aiohttp_client_session *session, const char *method,
                               const char *url, aiohttp_client_response **ret_response,
                               const aiohttp_client_request_options *options);

/* As request, of a URL that is one already. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_session_request_url(aiohttp_client_session *session, const char *method,
                                   const aiohttp_url *url, aiohttp_client_response **ret_response,
                                   const aiohttp_client_request_options *options);

/* As request, by GET. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_session_get(aiohttp_client_session *session, const char *url,
                           aiohttp_client_response **ret_response,
                           const aiohttp_client_request_options *options);
/* As request, by HEAD. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_session_head(aiohttp_client_session *session, const char *url,
                            aiohttp_client_response **ret_response,
                            const aiohttp_client_request_options *options);
/* As request, by OPTIONS. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_session_options(aiohttp_client_session *session, const char *url,
                               aiohttp_client_response **ret_response,
                               const aiohttp_client_request_options *options);
/* As request, by POST. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_session_post(aiohttp_client_session *session, const char *url,
                            aiohttp_client_response **ret_response,
                            const aiohttp_client_request_options *options);
/* As request, by PUT. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_session_put(aiohttp_client_session *session, const char *url,
                           aiohttp_client_response **ret_response,
                           const aiohttp_client_request_options *options);
/* As request, by PATCH. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_session_patch(aiohttp_client_session *session, const char *url,
                             aiohttp_client_response **ret_response,
                             const aiohttp_client_request_options *options);
/* As request, by DELETE. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_session_delete(aiohttp_client_session *session, const char *url,
                              aiohttp_client_response **ret_response,
                              const aiohttp_client_request_options *options);

ASYNCIO_MUST_CHECK static inline int
aiohttp__client_session_new_v(aiohttp_client_session **ret_session,
                              aiohttp_client_session_new_options options)
{
    return aiohttp_client_session_new(ret_session, &options);
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__client_session_request_v(aiohttp_client_session *session, const char *method,
                                  const char *url, aiohttp_client_response **ret_response,
                                  aiohttp_client_request_options options)
{
    return aiohttp_client_session_request(session, method, url, ret_response, &options);
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__client_session_request_url_v(aiohttp_client_session *session, const char *method,
                                      const aiohttp_url *url,
                                      aiohttp_client_response **ret_response,
                                      aiohttp_client_request_options options)
{
    return aiohttp_client_session_request_url(session, method, url, ret_response, &options);
}

ASYNCIO__END

#define aiohttp_client_session_new(...) aiohttp__client_session_new_m(__VA_ARGS__, )
#define aiohttp__client_session_new_m(ret_session, ...)                                            \
    aiohttp__client_session_new_v(ret_session,                                                     \
                                  ASYNCIO__OPTIONS(aiohttp_client_session_new_options,             \
                                                   (.where = AIOHTTP__HERE, ), __VA_ARGS__))
#define aiohttp_client_session_request(...) aiohttp__client_session_request_m(__VA_ARGS__, )
#define aiohttp__client_session_request_m(session, method, url, ret_response, ...)                 \
    aiohttp__client_session_request_v(session, method, url, ret_response,                          \
                                      AIOHTTP__REQUEST_OPTIONS(__VA_ARGS__))
#define aiohttp_client_session_request_url(...) aiohttp__client_session_request_url_m(__VA_ARGS__, )
#define aiohttp__client_session_request_url_m(session, method, url, ret_response, ...)             \
    aiohttp__client_session_request_url_v(session, method, url, ret_response,                      \
                                          AIOHTTP__REQUEST_OPTIONS(__VA_ARGS__))
#define aiohttp__client_session_verb_m(method, session, url, ret_response, ...)                    \
    aiohttp__client_session_request_v(session, method, url, ret_response,                          \
                                      AIOHTTP__REQUEST_OPTIONS(__VA_ARGS__))
#define aiohttp_client_session_get(...) aiohttp__client_session_verb_m("GET", __VA_ARGS__, )
#define aiohttp_client_session_head(...) aiohttp__client_session_verb_m("HEAD", __VA_ARGS__, )
#define aiohttp_client_session_options(...)                                                        \
    aiohttp__client_session_verb_m("OPTIONS", __VA_ARGS__, )
#define aiohttp_client_session_post(...) aiohttp__client_session_verb_m("POST", __VA_ARGS__, )
#define aiohttp_client_session_put(...) aiohttp__client_session_verb_m("PUT", __VA_ARGS__, )
#define aiohttp_client_session_patch(...) aiohttp__client_session_verb_m("PATCH", __VA_ARGS__, )
#define aiohttp_client_session_delete(...) aiohttp__client_session_verb_m("DELETE", __VA_ARGS__, )
