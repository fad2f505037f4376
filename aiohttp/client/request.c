/* SPDX-License-Identifier: MIT */
/* A request, from the call to the head of its last answer: middlewares around each hop, repetitions
 * within one, redirects from one to the next. */
#include "client/session.h"

#include "client/cookies.h"
#include "wire/date.h"
#include "wire/fields.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <errno.h>
#include <time.h>

/* --- what middlewares see --- */

const char *aiohttp_client_request_method(const aiohttp_client_request *request)
{
    return request->method.data;
}

const aiohttp_url *aiohttp_client_request_url(const aiohttp_client_request *request)
{
    return request->url;
}

aiohttp_headers *aiohttp_client_request_headers(aiohttp_client_request *request)
{
    return request->headers;
}

aiohttp_client_session *aiohttp_client_request_session(const aiohttp_client_request *request)
{
    return request->session;
}

int aiohttp_client_request_set_url(aiohttp_client_request *request, aiohttp_url *url)
{
    const char *scheme = url ? aiohttp_url_scheme(url) : "";
    if ((strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) || !aiohttp_url_raw_host(url))
        return asyncio_raise(-EINVAL, "a request needs an absolute URL of http or https");
    aiohttp_url_ref(url);
    aiohttp_url_unref(request->url);
    request->url = url;
    return 0;
}

const void *aiohttp_client_request_body(const aiohttp_client_request *request, size_t *ret_size)
{
    const struct ask_body *body = &request->body;
    bool is_known = body->is_bytes && body->coding == 0;
    if (ret_size)
        *ret_size = is_known ? body->bytes.size : body->payload || body->is_bytes ? 1 : 0;
    return is_known ? body->bytes.data : NULL;
}

/* --- repetitions --- */

static bool is_idempotent(const struct aiohttp_client_request *request)
{
    switch (request->id) {
    case METHOD_GET:
    case METHOD_HEAD:
    case METHOD_OPTIONS:
    case METHOD_TRACE:
    case METHOD_PUT:
    case METHOD_DELETE:
        return true;
    default:
        return span_is(request->method, SPAN("QUERY"));
    }
}

static bool is_lost(int r)
{
    return r == -ECONNRESET || r == -EPIPE || r == -AIOHTTP_SERVER_DISCONNECTED ||
           r == -ASYNCIO_SSL_EOF;
}

/* The connection had been closed before we asked, and nobody has seen the request. */
static bool was_stale(const struct aiohttp_client_request *request, int r)
{
    return is_lost(r) && !request->has_source_failed && request->was_reused &&
           !request->has_bytes && !request->is_fresh && is_idempotent(request);
}

static bool is_temporary(int status, int error)
{
    if (error < 0)
        return is_lost(error) || error == -ECONNREFUSED || error == -ETIMEDOUT ||
               error == -ASYNCIO_RESOLVE || error == -EHOSTUNREACH || error == -ENETUNREACH ||
               error == -ECONNABORTED;
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/* Seconds that Retry-After asks for, or -1. */
static double retry_after(const aiohttp_client_response *response)
{
    if (!response)
        return -1;
    struct span field = aiohttp__response_field(response, HEADER_RETRY_AFTER);
    double seconds = 0;
    size_t i = 0;
    for (; i < field.size && field.data[i] >= '0' && field.data[i] <= '9'; i++)
        seconds = i < 9 ? seconds * 10 + (field.data[i] - '0') : 1e9; /* late is late */
    if (field.size && i == field.size)
        return seconds;
    int64_t now = (int64_t)time(NULL), when;
    if (!field.size || aiohttp__date_parse(field, now, &when) < 0)
        return -1;
    return when > now ? (double)(when - now) : 0;
}

/* Whether there is a next attempt, and after how many seconds. */
static bool is_repeated(struct aiohttp_client_request *request, const aiohttp_client_retry *retry,
                        int attempt, const aiohttp_client_response *response, int error,
                        double *ret_delay)
{
    int attempts = retry->attempts ? retry->attempts : AIOHTTP__DEFAULT_RETRY_ATTEMPTS;
    int status = response ? aiohttp_client_response_status(response) : 0;
    double most = retry->max_backoff > 0 ? retry->max_backoff : 30.0, delay = retry->backoff;
    if (attempt >= attempts || error == -ECANCELED ||
        (!retry->any_method && !is_idempotent(request)))
        return false;
    if (retry->retry ? !retry->retry(status, error, attempt, retry->data)
                     : request->has_source_failed || !is_temporary(status, error))
        return false;
    for (int i = 1; i < attempt && delay < most; i++)
        delay *= 2;
    delay = delay < most ? delay : most;
    double wanted = retry_after(response);
    if (wanted > most || !aiohttp__body_rewind(request))
        return false;
    *ret_delay = wanted > delay ? wanted : delay;
    return request->total == NEVER ||
           asyncio_loop_time(request->session->loop) + *ret_delay < request->total;
}

/* One hop without middlewares: as many attempts as the policy allows. */
static int send_hop(struct aiohttp_client_request *request, aiohttp_client_response **ret_response)
{
    aiohttp_client_session *session = request->session;
    const aiohttp_client_retry *retry = request->options->retry  ? request->options->retry
                                        : session->has_retry ? &session->retry
                                                             : NULL;
    request->is_fresh = false;
    for (int attempt = 1;; attempt++) {
        aiohttp_client_response *response = NULL;
        int r = aiohttp__send(request, &response);
        if (r < 0 && !(retry && retry->no_stale) && was_stale(request, r) &&
            aiohttp__body_rewind(request)) {
            request->is_fresh = true;
            r = aiohttp__send(request, &response);
        }
        double delay;
        if (!retry || request->is_upgrade ||
            !is_repeated(request, retry, attempt, response, r, &delay)) {
            if (r >= 0)
                *ret_response = response;
            return r;
        }
        if (response) { /* before the wait: its connection is of use to others */
            aiohttp_client_response_close(response);
            aiohttp_client_response_unref(response);
        }
        if ((r = asyncio_sleep(delay)) < 0)
            return r;
    }
}

/* --- middlewares --- */

static int next(struct aiohttp_client_request *request, aiohttp_client_response **ret_response)
{
    const aiohttp_client_request_options *options = request->options;
    const aiohttp_client_middleware_entry *entries =
        options->middlewares ? options->middlewares : request->session->middlewares;
    size_t count =
        options->middlewares ? options->middleware_count : request->session->middleware_count;
    if (request->next >= count) {
        int can = aiohttp__body_rewind(request);
        return can ? send_hop(request, ret_response)
                   : asyncio_raise(-AIOHTTP_BODY_SENT, "the body was sent, and cannot be again");
    }
    const aiohttp_client_middleware_entry *entry = &entries[request->next++];
    aiohttp_client_response *response = NULL;
    int r = entry->middleware(request, next, &response, entry->data);
    request->next--;
    if (r >= 0 && !response)
        return asyncio_raise(-EINVAL, "a middleware gave neither an answer nor an error");
    if (r >= 0)
        *ret_response = response;
    return r;
}

/* --- the whole --- */

static void keep_cookies(struct aiohttp_client_request *request, aiohttp_client_response *response)
{
    aiohttp_client_session *session = request->session;
    const struct exchange *exchange = &response->http.exchange;
    const struct head_field *field = NULL;
    size_t left = session->limits.cookies;
    while (left-- && (field = head_find(&exchange->head, HEADER_SET_COOKIE, field)))
        aiohttp__cookie_jar_receive(session->jar, head_field_value(exchange->text, field),
                                    response->url);
}

static int keep_history(aiohttp_client_response ***history, size_t count,
                        aiohttp_client_response *response)
{
    aiohttp_client_response **more =
        asyncio_mem_realloc(*history, (count + 1) * sizeof(aiohttp_client_response *));
    if (!more)
        return -ENOMEM;
    more[count] = response;
    *history = more;
    return 0;
}

static bool follows(const struct aiohttp_client_request *request)
{
    int said = request->options->allow_redirects;
    return said == AIOHTTP__AS_SESSION ? request->id != METHOD_HEAD && !request->is_upgrade
                                       : said != 0;
}

/* Through all middlewares. What they put into headers and body is this hop's: the next one may lead
 * elsewhere, and they are asked again. */
static int send_through(struct aiohttp_client_request *request, bool is_followed,
                        aiohttp_client_response **ret_response)
{
    aiohttp_headers *asked = request->headers;
    const aiohttp_client_request_options *options = request->options;
    size_t count =
        options->middlewares ? options->middleware_count : request->session->middleware_count;
    bool is_copied = is_followed && count > 0 && asked;
    if (is_copied && !(request->headers = aiohttp_headers_copy(asked))) {
        request->headers = asked;
        return -ENOMEM;
    }
    request->next = 0;
    int r = next(request, ret_response);
    if (is_copied) {
        aiohttp_headers_unref(request->headers);
        request->headers = asked;
    }
    if (count > 0)
        aiohttp__body_restore(request);
    return r;
}

static size_t redirects_of(const struct aiohttp_client_request *request)
{
    int said = request->options->max_redirects;
    return said == AIOHTTP__AS_SESSION ? request->session->limits.redirects
                                       : (size_t)(said > 0 ? said : 0);
}

/* Tells of an answer, whose body is told of by its own. */
static void trace_answer(const struct aiohttp_client_request *request,
                         aiohttp_client_response *response, aiohttp_trace_callback *callback)
{
    response->trace_context = request->options->trace_context;
    if (callback)
        aiohttp__trace(request, callback, &(aiohttp_trace){ .response = response });
}

static int run(struct aiohttp_client_request *request, aiohttp_client_response **ret_response,
               aiohttp_client_response ***history, size_t *count)
{
    bool is_followed = follows(request);
    for (;;) {
        aiohttp_client_response *response = NULL;
        int r = send_through(request, is_followed, &response);
        if (r < 0)
            return r;
        keep_cookies(request, response);
        r = is_followed ? aiohttp__redirect(request, response) : 0;
        if (r > 0 && *count >= redirects_of(request))
            r = asyncio_raise(-AIOHTTP_TOO_MANY_REDIRECTS,
                              "more than %zu redirects, the last to %s://%s%s",
                              redirects_of(request), aiohttp_url_scheme(request->url),
                              aiohttp_url_host_port_subcomponent(request->url),
                              aiohttp_url_raw_path_qs(request->url));
        if (r == 0) {
            *ret_response = response;
            return 0;
        }
        if (r > 0) {
            if (__builtin_expect(request->session->trace != NULL, 0))
                trace_answer(request, response, request->session->trace->on_request_redirect);
            r = aiohttp_client_response_release(response);
        } else
            aiohttp_client_response_close(response);
        if (r >= 0)
            r = keep_history(history, *count, response);
        if (r < 0) {
            aiohttp_client_response_unref(response);
            return r;
        }
        ++*count;
    }
}

int aiohttp__request(struct aiohttp_client_request *request,
                     aiohttp_client_response **ret_response)
{
    aiohttp_client_response *response = NULL, **history = NULL;
    size_t count = 0;
    const aiohttp_client_request_options *options = request->options;
    TRACE(request, on_request_start, .bytes = 0);
    int r = run(request, &response, &history, &count);
    if (r >= 0) {
        aiohttp__response_set_history(response, history, count);
        if (options->raise_for_status == AIOHTTP__AS_SESSION ? request->session->raises
                                                             : options->raise_for_status != 0) {
            r = aiohttp_client_response_raise_for_status(response);
            if (r < 0) {
                request->phase = AIOHTTP_PHASE_NONE;
                aiohttp_client_response_unref(response);
            }
        }
    } else {
        while (count)
            aiohttp_client_response_unref(history[--count]);
        asyncio_mem_free(history);
    }
    if (r < 0) {
        if (options->ret_phase)
            *options->ret_phase = request->phase;
        TRACE(request, on_request_exception, .error = r, .phase = request->phase);
        return r;
    }
    if (__builtin_expect(request->session->trace != NULL, 0))
        trace_answer(request, response, request->session->trace->on_request_end);
    *ret_response = response;
    return 0;
}
