/* SPDX-License-Identifier: MIT */
/* What a client asks for: the options of a request, middlewares around it, when it is repeated.
 *
 *     r = aiohttp_client_session_post(session, "/upload", &response, .file = "photo.jpg",
 *                                     .progress = show, .data = bar);
 *
 * BODY       One of `.body .text .file .form .multipart .json .generator .payload`; two are
 *            -EINVAL. All is borrowed until the call returns, and none of it is used up by a
 *            redirect or a repetition: the body is begun anew where its kind can (a generator with
 *            `.rewind`); where it cannot, and has to be, the request fails: -AIOHTTP_BODY_SENT. So
 *            it does before anything is sent when a form, a multipart or a payload that an earlier
 *            request has sent has a source without `.rewind`.
 *            With a length that is known it is sent with Content-Length, else in chunks. An answer
 *            that comes before all was sent ends the sending; its connection is not used again.
 * HEADERS    Host, Accept, Accept-Encoding, User-Agent, Content-Type and what tells the length of
 *            the body are sent without being asked for; `.headers`, then `.fields`, take the place
 *            of the session's of the same name, and of the first five of these; the second to the
 *            fifth are left out by `.skip_auto_headers`. Content-Length and Transfer-Encoding are
 *            the library's: -EINVAL.
 * SECRETS    What is sent to one origin (scheme, host, port) is not sent to another by a redirect,
 *            nor back again from there: Authorization, Cookie, Proxy-Authorization, `.cookies`,
 *            `.authorization`, the URL's user. A body is sent where 307 and 308 lead to. A client's
 *            certificate belongs to its context, and every server that a request comes to may ask
 *            for it. `.fingerprint` counts wherever the request goes; `.server_hostname` where it
 *            begins.
 * MIDDLEWARE A function around each hop of a request, which can look at it and change it, go on
 *            (once, again, or not at all) and look at the answer. The first is the outermost. What
 *            it puts into headers and body is there until the outermost has returned: for this hop,
 *            with its repetitions. The next begins with what was asked for, and they are called
 *            again: so 307 and 308 send what a middleware made of the body, too. Who signs a body,
 *            or hashes it (a digest with auth-int), comes after who changes it.
 * THREADS    The session's loop, in a task.
 * SOURCE     aiohttp's client.py (request), client_reqrep.py, client_middlewares.py. */
#pragma once

#include <aiohttp/client_timeout.h>
#include <aiohttp/fingerprint.h>
#include <aiohttp/form.h>
#include <aiohttp/headers.h>
#include <aiohttp/payload.h>
#include <aiohttp/tracing.h>
#include <aiohttp/url.h>

ASYNCIO__BEGIN

typedef struct aiohttp_client_session aiohttp_client_session;
typedef struct aiohttp_client_request aiohttp_client_request;

/* --- middlewares --- */

/* Goes on to the next middleware, or sends the request: ret_response returns new. */
typedef int aiohttp_client_next(aiohttp_client_request *request,
                                aiohttp_client_response **ret_response);

/* 0 or more, and *ret_response new; or an error. What it got by `next` and does not give on, it
 * ends by aiohttp_client_response_unref. It may keep a response and give it again, with one more
 * reference each time: its history is then that of the last request it was given to. */
typedef int aiohttp_client_middleware(aiohttp_client_request *request, aiohttp_client_next *next,
                                      aiohttp_client_response **ret_response, void *data);

typedef struct aiohttp_client_middleware_entry {
    aiohttp_client_middleware *middleware;
    void *data;
} aiohttp_client_middleware_entry;

/* The method, lent; the URL of this hop, lent; the headers that were asked for (session's and
 * request's, none of the library's own), to be changed. Does not suspend. */
AIOHTTP_API const char *aiohttp_client_request_method(const aiohttp_client_request *request);
AIOHTTP_API const aiohttp_url *aiohttp_client_request_url(const aiohttp_client_request *request);
AIOHTTP_API aiohttp_headers *aiohttp_client_request_headers(aiohttp_client_request *request);
AIOHTTP_API aiohttp_client_session *
aiohttp_client_request_session(const aiohttp_client_request *request);

/* Asks another URL instead (one more reference): absolute, http or https. Secrets are the
 * middleware's to look after. -EINVAL. Does not suspend. */
AIOHTTP_API int aiohttp_client_request_set_url(aiohttp_client_request *request, aiohttp_url *url);

/* The body where it is in memory: lent until it is changed, and its size; NULL when there is none,
 * or it is not known before it is sent (*ret_size is 1 then). Does not suspend. */
AIOHTTP_API const void *aiohttp_client_request_body(const aiohttp_client_request *request,
                                                    size_t *ret_size);

/* A body: one of the first eight, as in a request; none of them: there is none from now on. */
typedef struct aiohttp_client_update_body_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_client_update_body_options));
    const void *body ASYNCIO__0;                /* copied */
    size_t body_size ASYNCIO__0;
    const char *text ASYNCIO__0;                /* copied */
    const char *file ASYNCIO__0;                /* a path: opened at once */
    aiohttp_form_data *form ASYNCIO__0;         /* one more reference; and the two that follow */
    aiohttp_multipart_writer *multipart ASYNCIO__0;
    aiohttp_payload *payload ASYNCIO__0;
    const struct json_t *json ASYNCIO__0;       /* written at once */
    /* `.data` is borrowed until the request has returned. Where it does not live as long:
     * `.payload`, of aiohttp_generator_payload_new with its .destroy */
    aiohttp_payload_generator *generator ASYNCIO__0;
    int (*rewind)(void *data) ASYNCIO__0;       /* of the generator: it can begin anew */
    void *data ASYNCIO__0;                      /* the last argument of both */
    /* copied; NULL: that of the body which was there, whose place it takes; without one, and of a
     * form and multipart always, its own */
    const char *content_type ASYNCIO__0;
    const char *compress ASYNCIO__0;            /* NULL: as the one before; "identity": not */
} aiohttp_client_update_body_options;

/* Gives the request another body, for this hop (see MIDDLEWARE): what tells its length, how it is
 * sent and what is hashed follow it, but a Content-Type among the headers goes before. Nothing that
 * is handed over is used after the call, but `.data`: what aiohttp_client_request_body has lent may
 * be. aiohttp's update_body. What opening a file says; -EINVAL for two bodies and as in a request;
 * -AIOHTTP_BODY_SENT, -ENOMEM, -ECANCELED: the body is then what it was. Only before, between and
 * after calls of `next`. Suspends, with `.file`. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_client_request_update_body(aiohttp_client_request *request,
                                   const aiohttp_client_update_body_options *options);
#define aiohttp_client_request_update_body(...)                                                    \
    aiohttp__client_request_update_body_m(__VA_ARGS__, )
#define aiohttp__client_request_update_body_m(request, ...)                                        \
    aiohttp__client_request_update_body_v(                                                         \
        request, ASYNCIO__OPTIONS(aiohttp_client_update_body_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int
aiohttp__client_request_update_body_v(aiohttp_client_request *request,
                                      aiohttp_client_update_body_options options)
{
    return (aiohttp_client_request_update_body)(request, &options);
}

/* --- repetitions --- */

#define AIOHTTP__DEFAULT_RETRY_ATTEMPTS 3

/* When a request is repeated that has failed, or was answered 429, 502, 503 or 504. Only those
 * whose method is idempotent (GET, HEAD, OPTIONS, TRACE, PUT, DELETE, QUERY), unless `any_method`,
 * and whose body can be sent again. Retry-After (seconds or a date) is kept to. Without a policy
 * there is one repetition only: of such a request that was sent on a connection which had been
 * used before and turns out to have been closed, without a byte of an answer. */
typedef struct aiohttp_client_retry {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_client_retry));
    int attempts ASYNCIO__0;       /* in all; 0: 3 */
    double backoff ASYNCIO__0;     /* seconds before the first repetition; then twice as long */
    double max_backoff ASYNCIO__0; /* 0: 30; a longer Retry-After ends the attempts */
    int any_method ASYNCIO__0;
    int no_stale ASYNCIO__0;       /* 1: not even the one above */
    /* asked instead of the rule above, when not NULL: whether the outcome (status, or 0 and an
     * error) of `attempt`, from 1 on, is tried again */
    int (*retry)(int status, int error, int attempt, void *data) ASYNCIO__0;
    void *data ASYNCIO__0;
} aiohttp_client_retry;

/* --- options --- */

#define AIOHTTP__AS_SESSION (-1)
#define AIOHTTP__DEFAULT_MAX_REDIRECTS AIOHTTP__AS_SESSION

#define AIOHTTP__PLACE_(line) #line
#define AIOHTTP__PLACE(line) AIOHTTP__PLACE_(line)
#define AIOHTTP__HERE __FILE__ ":" AIOHTTP__PLACE(__LINE__)

typedef struct aiohttp_client_request_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_client_request_options));
    const char *where ASYNCIO__0; /* the library's: the place of the call */

    /* --- the query --- */
    const char *params ASYNCIO__0;              /* text: "a=1&b=2", behind the URL's own query */
    const aiohttp_multi_dict *query ASYNCIO__0; /* or names and values */

    /* --- headers --- */
    const aiohttp_headers *headers ASYNCIO__0;
    const char *const *fields ASYNCIO__0;    /* or: name, value, name, value, ..., NULL */
    const char *const *cookies ASYNCIO__0;   /* name, value, ..., NULL: beside the jar's */
    const char *authorization ASYNCIO__0;    /* the value of Authorization */
    /* names, then NULL: of Accept, Accept-Encoding, User-Agent and Content-Type those that are not
     * sent by themselves, beside the session's; other names do nothing */
    const char *const *skip_auto_headers ASYNCIO__0;

    /* --- the body: one of these --- */
    const void *body ASYNCIO__0;
    size_t body_size ASYNCIO__0;
    const char *text ASYNCIO__0;             /* text/plain; charset=utf-8 */
    const char *file ASYNCIO__0;             /* a path */
    aiohttp_form_data *form ASYNCIO__0;
    aiohttp_multipart_writer *multipart ASYNCIO__0;
    const struct json_t *json ASYNCIO__0;
    aiohttp_payload_generator *generator ASYNCIO__0;
    aiohttp_payload *payload ASYNCIO__0;

    const char *content_type ASYNCIO__0;     /* NULL: the body's own */
    int (*rewind)(void *data) ASYNCIO__0;    /* of the generator: it can begin anew */
    const char *compress ASYNCIO__0;         /* "gzip", "deflate", ...: the body is compressed */
    int chunked ASYNCIO__0;                  /* 1: in chunks also when its length is known */
    /* fields behind the body, which goes in chunks then; read when that has been sent, so that what
     * makes the body can set them */
    const aiohttp_headers *trailers ASYNCIO__0;
    int expect100 ASYNCIO__0;                /* 1: the body is sent once the server wants it */

    /* --- what is done --- */
    int allow_redirects ASYNCIO__DEFAULT(AIOHTTP__AS_SESSION); /* -1: 1, but of HEAD 0 */
    /* hops that are followed; -1: as the session's limits: 10 */
    int max_redirects ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_MAX_REDIRECTS);
    int raise_for_status ASYNCIO__DEFAULT(AIOHTTP__AS_SESSION); /* 1: from 400 on it is an error */
    int auto_decompress ASYNCIO__DEFAULT(AIOHTTP__AS_SESSION);
    size_t max_body ASYNCIO__0; /* bytes of an answer kept in memory; 0: as the session's limits */
    const aiohttp_client_timeout *timeout ASYNCIO__0;  /* NULL: the session's */
    const aiohttp_client_retry *retry ASYNCIO__0;      /* NULL: the session's */
    asyncio_ssl_context *ssl ASYNCIO__0;               /* NULL: the session's, or the connector's */
    const char *server_hostname ASYNCIO__0;            /* of the certificate; NULL: the host */
    /* of the certificate: instead of its usual verification, or, with an ssl context of the
     * request, session or connector, beside that of the context */
    const aiohttp_fingerprint *fingerprint ASYNCIO__0;
    const char *proxy ASYNCIO__0;        /* a URL; NULL: the session's; "": none */
    const aiohttp_headers *proxy_headers ASYNCIO__0;   /* sent to the proxy only */
    /* these, instead of the session's */
    const aiohttp_client_middleware_entry *middlewares ASYNCIO__0;
    size_t middleware_count ASYNCIO__0;

    /* --- what is told --- */
    /* called as the body is sent: bytes so far, and in all (-1: not known). Below 0 ends it with
     * that error. Must not suspend. */
    int (*progress)(int64_t sent, int64_t total, void *data) ASYNCIO__0;
    /* called as the body of the answer is read: bytes that came so far, before they are decoded,
     * and Content-Length (-1: not known). Below 0 ends the reading with that error, and the
     * connection. What redirects and repetitions drop is not told. Must not suspend; `.data` has
     * to be there as long as the response is read. */
    int (*download_progress)(int64_t received, int64_t total, void *data) ASYNCIO__0;
    aiohttp_client_phase *ret_phase ASYNCIO__0;        /* where it failed */
    void *trace_context ASYNCIO__0;
    void *data ASYNCIO__0; /* the last argument of generator, rewind, progress, download_progress */
} aiohttp_client_request_options;

ASYNCIO__END

#define AIOHTTP__REQUEST_OPTIONS(...)                                                              \
    ASYNCIO__OPTIONS(aiohttp_client_request_options,                                               \
                     (.where = AIOHTTP__HERE, .allow_redirects = AIOHTTP__AS_SESSION,              \
                      .max_redirects = AIOHTTP__DEFAULT_MAX_REDIRECTS,                             \
                      .raise_for_status = AIOHTTP__AS_SESSION,                                     \
                      .auto_decompress = AIOHTTP__AS_SESSION, ),                                   \
                     __VA_ARGS__)
