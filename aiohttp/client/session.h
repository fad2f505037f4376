/* SPDX-License-Identifier: MIT */
/* The client inside: a session, a request under way, a response.
 *
 * MODEL      A request is a struct in the frame of the call that makes it. For each try it waits
 *            for its turn to have a connection, and then takes a response out of the session's
 *            store; that has all that a conversation needs (struct http1, the time limit) until
 *            the end of the body.
 *            When the body has been read the connection is given back, and the head lies in the
 *            response's arena. So a plain request allocates nothing.
 * FILES      session.c; request.c: one request, through redirects and repetitions; send.c: one try,
 *            over dial.c (new connections), body.c and upload.c; redirect.c; response*.c.
 * OWNERSHIP  Responses and requests hold the session's memory (`held`). */
#pragma once

#include "base/bytes.h"
#include "client/pool.h"
#include "client/wait.h"
#include "conn/http1_client.h"
#include "message/headers.h"

#include <aiohttp/client.h>

enum { RESPONSES_KEPT = 64, URLS_KEPT = 32 };

/* Fields that are not sent by themselves. */
enum skipped {
    SKIPS_ACCEPT = 1,
    SKIPS_ACCEPT_ENCODING = 2,
    SKIPS_USER_AGENT = 4,
    SKIPS_CONTENT_TYPE = 8,
};

struct known_url {
    char *text;
    aiohttp_url *url;
};

struct aiohttp_client_session {
    unsigned references; /* of users: without any it is closed */
    unsigned held;       /* by them, requests and responses */
    bool is_closed, keeps_connector, has_reported_netrc;
    const char *where;
    aiohttp_connector *connector;
    aiohttp_cookie_jar *jar;
    aiohttp_url *base, *proxy;
    aiohttp_headers *headers;
    char *authorization;
    aiohttp_client_timeout timeout;
    aiohttp_limits limits;
    aiohttp_client_retry retry;
    bool has_retry, raises, decompresses, trusts_env;
    uint8_t skips; /* enum skipped, of each request */
    char *fallback_charset;
    asyncio_ssl_context *ssl;
    aiohttp_client_middleware_entry *middlewares;
    size_t middleware_count;
    const aiohttp_trace_config *trace;
    char *usual; /* "Accept: ...\r\nAccept-Encoding: ...\r\nUser-Agent: ...\r\n" */
    struct span accept, accept_encoding, user_agent; /* in `usual` */
    asyncio_loop *loop;  /* NULL before the first request */
    struct waits waits;
    aiohttp_client_response *store;
    unsigned stored;
    struct known_url urls[URLS_KEPT];
};

/* The body of a request. */
struct ask_body {
    struct span bytes;        /* in memory, when there is no payload */
    bool is_bytes;
    aiohttp_payload *payload; /* a reference, or NULL */
    const char *content_type; /* NULL: none */
    int coding;               /* enum coding, of `.compress` */
    bool was_sent;            /* some of it */
};

struct aiohttp_client_request {
    aiohttp_client_session *session;
    const aiohttp_client_request_options *options;
    struct span method;
    enum method id;
    aiohttp_url *url;         /* a reference */
    aiohttp_url *first;       /* of the first hop: a reference, or NULL while that is `url` */
    aiohttp_headers *headers; /* own, or NULL: there are none */
    const aiohttp_client_timeout *timeout;
    struct ask_body body;
    struct rewritten *rewritten; /* body.c: `body` is a middleware's; or NULL */
    double started, total;    /* moments; total: NEVER: no limit */
    int asked;                /* how often its task had been asked to end when it began */
    aiohttp_client_phase phase;
    size_t next;              /* the middleware that is called next */
    bool has_left_origin;     /* secrets stay behind */
    bool was_reused, has_bytes; /* of the last try */
    bool has_source_failed;   /* of the last try: its body, and not the connection */
    bool is_fresh;            /* of the next try: not on a connection that was used */
    bool is_upgrade;
    uint8_t skips;            /* enum skipped, the session's among them */
};

struct reader; /* response_read.c: what is kept while a body is read in pieces */
struct text;   /* response_text.c: the body in an encoding */

struct aiohttp_client_response {
    struct http1 http;        /* first: exchange.h */
    unsigned references;
    aiohttp_client_session *session;
    aiohttp_client_response *next; /* in the store */
    struct connection *connection; /* NULL once it is given back */
    struct wait wait, upload_wait;
    struct answering answering;
    double total, clock, sent_at; /* moments; clock: it had its connection, and nothing was sent */
    double head_limit, read_limit, write_limit; /* seconds, or ASYNCIO_NONE */
    aiohttp_client_phase phase;
    const char *where;
    void *trace_context;      /* where the session traces */
    aiohttp_url *url;
    enum method method;
    char *method_text;        /* of METHOD_OTHER, in the arena */
    size_t max_body;
    bool decompresses, is_reading, is_ended, was_closed, was_refused, has_headers;
    int failed;               /* what reading has failed with */
    aiohttp_client_response **history;
    size_t history_count;
    struct upload *upload;    /* under way, in a task of its own */
    int64_t output_size, received;
    struct aiohttp_headers *trailers;   /* in the arena; NULL: nobody has asked */
    struct aiohttp_content_disposition *disposition; /* likewise */
    bool upload_complete;
    int (*progress)(int64_t received, int64_t total, void *data); /* NULL: nobody wants to know */
    void *progress_data;
    struct aiohttp_headers headers;
    struct reader *reader;
    char *content_type, *charset;
    struct bytes body;        /* once all of it was read */
    bool has_body;
    struct text *texts;       /* decoded to UTF-8 */
};

/* --- session.c --- */
/* A request of `text`, or else of `url`. */
int aiohttp__session_request(aiohttp_client_session *session, const char *method,
                             const char *text, const aiohttp_url *url, bool is_upgrade,
                             aiohttp_client_response **ret_response,
                             const aiohttp_client_request_options *options);
/* Whether what is the session's may suspend here: 0; -ASYNCIO_NO_TASK, -ASYNCIO_OTHER_LOOP. */
int aiohttp__session_check(const aiohttp_client_session *session);
void aiohttp__session_hold(aiohttp_client_session *session);
void aiohttp__session_drop(aiohttp_client_session *session);
void aiohttp__trace(const struct aiohttp_client_request *request, aiohttp_trace_callback *callback,
                    const aiohttp_trace *more);

/* Tells a trace callback; the fields of aiohttp_trace that are more than the request's follow. */
#define TRACE(request, what, ...)                                                                  \
    do {                                                                                           \
        const aiohttp_trace_config *trace_ = (request)->session->trace;                            \
        if (__builtin_expect(trace_ != NULL, 0) && trace_->what)                                   \
            aiohttp__trace(request, trace_->what, &(aiohttp_trace){ __VA_ARGS__ });                \
    } while (0)

/* --- response.c --- */
/* A response of the session, with one reference: NULL without memory. */
aiohttp_client_response *aiohttp__response_new(aiohttp_client_session *session);
/* Its connection has done what it was wanted for, or not: it goes back to the pool, or ends. */
void aiohttp__response_finish(aiohttp_client_response *response, bool is_reusable);
/* What can be seen of the body without waiting is dropped: 1 when that was all of it. */
bool aiohttp__response_drop_seen(aiohttp_client_response *response);
/* The moment until which may be waited, of a limit in seconds from now. */
double aiohttp__response_until(const aiohttp_client_response *response, double now, double seconds);
void aiohttp__response_on_wait(struct http1 *http, enum http1_wait what);
/* Says that a time limit has passed: the total, or the phase's. -ETIMEDOUT. */
int aiohttp__raise_late(const aiohttp_client_session *session, const aiohttp_url *url,
                        double total, aiohttp_client_phase phase);
/* Names a failed wait or message: returns `r`, recorded. */
int aiohttp__response_raise(aiohttp_client_response *response, int r);
/* The redirects that led to it (takes them): of the last request, where a middleware gives it to
 * several. */
void aiohttp__response_set_history(aiohttp_client_response *response,
                                   aiohttp_client_response **history, size_t count);
/* The headers, filled in; NULL without memory. */
struct aiohttp_headers *aiohttp__response_headers(aiohttp_client_response *response);
struct span aiohttp__response_field(const aiohttp_client_response *response, enum header_id id);

/* --- response_read.c --- */
/* The next decoded piece: its size, 0 at the end, an error. */
int aiohttp__response_next(aiohttp_client_response *response, const char **ret_data);
void aiohttp__reader_free(struct reader *reader);

/* --- response_text.c --- */
void aiohttp__texts_free(struct text *first);

/* --- dial.c --- */
/* Makes a connection on a route whose place is the caller's; on failure the place still is. */
int aiohttp__dial(struct aiohttp_client_request *request, aiohttp_client_response *response,
                  struct route *route, struct connection **ret_connection);

/* --- body.c --- */
/* What the options say is the body. -EINVAL for two; what opening a file says. Suspends. */
int aiohttp__body_begin_of(struct aiohttp_client_request *request);
void aiohttp__body_end_of(struct aiohttp_client_request *request);
/* Without a body from now on: a redirect. */
void aiohttp__body_drop(struct aiohttp_client_request *request);
/* The hop is over: a middleware's body gives way to what was asked for. */
void aiohttp__body_restore(struct aiohttp_client_request *request);
/* 1 when it may be sent (again): a payload is begun anew. */
int aiohttp__body_rewind(struct aiohttp_client_request *request);
/* Its length as http1_client.h has it. */
int64_t aiohttp__body_length(const struct aiohttp_client_request *request);

/* --- upload.c --- */
/* Sends what is behind the head. `is_small`: it is done when this returns; else a task does it, and
 * response->upload is there. */
int aiohttp__upload_begin(struct aiohttp_client_request *request,
                          aiohttp_client_response *response);
/* The answer has come, or nobody wants it any more: ends the task, which is there. *ret_failed:
 * what the sending had failed with before, with its record, or 0. 0, or -ECANCELED when the running
 * task was cancelled meanwhile. Suspends. */
int aiohttp__upload_end(aiohttp_client_response *response, int *ret_failed);

/* --- send.c --- */
/* One try: sends the request and waits for the head of its answer. */
int aiohttp__send(struct aiohttp_client_request *request, aiohttp_client_response **ret_response);

/* --- redirect.c --- */
/* Looks at an answer: 1 when it redirects, and the request has become the next hop's; 0; an
 * error. */
int aiohttp__redirect(struct aiohttp_client_request *request, aiohttp_client_response *response);
bool aiohttp__is_same_origin(const aiohttp_url *one, const aiohttp_url *other);

/* --- request.c --- */
int aiohttp__request(struct aiohttp_client_request *request,
                     aiohttp_client_response **ret_response);
