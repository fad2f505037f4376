/* SPDX-License-Identifier: MIT */
/* One try of a request: a connection, the request, the head of its answer. */
#include "client/session.h"

#include "base/error.h"
#include "client/cookies.h"
#include "client/netrc.h"
#include "client/proxies.h"
#include "client/upload.h"
#include "message/coding.h"
#include "message/multi_dict.h"
#include "wire/basic.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <asyncio/timeout.h>
#include <errno.h>
#include <stdio.h>

/* Text that a head is made of, and its owner. */
struct texts {
    struct bytes authorization, proxy_authorization, cookie, target;
};

/* --- the connection --- */

static int route_of(struct aiohttp_client_request *request, aiohttp_url *proxy,
                    struct route **ret_route)
{
    aiohttp_client_session *session = request->session;
    const aiohttp_client_request_options *options = request->options;
    const char *scheme = aiohttp_url_scheme(request->url);
    bool is_tls = strcmp(scheme, "https") == 0 || strcmp(scheme, "wss") == 0;
    bool is_own = !request->has_left_origin;
    struct route_key key = {
        .host = span_of(aiohttp_url_raw_host(request->url)),
        .port = aiohttp_url_port(request->url),
        .is_tls = is_tls,
        .ssl = !is_tls ? NULL : options->ssl ? options->ssl : session->ssl,
        .proxy = proxy,
        .proxy_headers = proxy ? options->proxy_headers : NULL,
    };
    if (is_tls && is_own && options->server_hostname)
        key.server_hostname = span_of(options->server_hostname);
    /* Everywhere: it is what the server is known by, with a context that verifies nothing. */
    if (is_tls)
        key.fingerprint = options->fingerprint;
    *ret_route = aiohttp__route_get(session->connector, &key);
    return *ret_route ? 0 : -ENOMEM;
}

/* Whether nothing has come on it while it was idle, neither bytes nor the end. What has come over
 * TLS may be none of these: a receive that ends at once, which takes a turn of the loop, tells. 1,
 * 0; -ECANCELED, -ENOMEM. */
static int is_alive(struct connection *connection)
{
    asyncio_timeout limit;
    if (!asyncio_stream_is_readable(connection->stream))
        return 1;
    int r = asyncio_timeout_enter(&limit, 0.0);
    if (r < 0) /* without it the look would last until somebody speaks */
        return r;
    r = asyncio_timeout_exit(&limit, asyncio_stream_fill(connection->stream, 1));
    return r == -ETIMEDOUT ? 1 : r == -ECANCELED ? r : 0;
}

static int describe(struct aiohttp_client_request *request, aiohttp_client_response *response)
{
    const aiohttp_client_timeout *timeout = request->timeout;
    const aiohttp_client_request_options *options = request->options;
    response->url = aiohttp_url_ref(request->url);
    response->method = request->id;
    response->total = request->total;
    response->head_limit = timeout->head;
    response->read_limit = timeout->read;
    response->write_limit = timeout->write;
    response->where = options->where;
    response->progress = options->download_progress;
    response->progress_data = options->data;
    response->max_body = options->max_body ? options->max_body : request->session->limits.body;
    response->decompresses = options->auto_decompress == AIOHTTP__AS_SESSION
                                 ? request->session->decompresses
                                 : options->auto_decompress != 0;
    if (request->id != METHOD_OTHER)
        return 0;
    response->method_text = aiohttp__arena_text(&response->http.exchange.arena, request->method);
    return response->method_text ? 0 : -ENOMEM;
}

/* Waits for its turn. There is no response yet: many may wait, and each takes little. */
static int take(struct aiohttp_client_request *request, struct route *route,
                struct connection **ret_connection)
{
    aiohttp_client_session *session = request->session;
    int r = aiohttp__pool_take(route, request->is_fresh, ret_connection);
    if (r != 0)
        return r;
    request->phase = AIOHTTP_PHASE_POOL;
    TRACE(request, on_connection_queued_start, .host = route->host);
    double seconds = request->timeout->pool;
    double until = seconds == ASYNCIO_NONE ? NEVER : asyncio_loop_time(session->loop) + seconds;
    struct wait wait;
    aiohttp__wait_add(&session->waits, &wait);
    wait_until(&wait, until < request->total ? until : request->total);
    r = wait_over(&wait, aiohttp__pool_wait(route, ret_connection));
    aiohttp__wait_remove(&wait);
    TRACE(request, on_connection_queued_end, .host = route->host);
    return r == -ETIMEDOUT ? aiohttp__raise_late(session, request->url, request->total,
                                                 request->phase)
                           : r;
}

/* As take, of a connection that lives, at *ret_clock. */
static int acquire(struct aiohttp_client_request *request, struct route *route,
                   double *ret_clock, struct connection **ret_connection)
{
    for (;;) {
        if (route->connector->is_closed)
            return -AIOHTTP_SESSION_CLOSED;
        int r = take(request, route, ret_connection);
        if (r < 0 || r == 2)
            return r;
        *ret_clock = asyncio_loop_time(request->session->loop);
        r = is_alive(*ret_connection);
        if (r > 0)
            return r;
        if (r == 0)
            route->connector->stats.stale++;
        aiohttp__pool_give(*ret_connection, r < 0);
        if (r < 0)
            return r;
    }
}

/* Makes the response and gives it a connection. After an error it may be there, without one. */
static int connect_on(struct aiohttp_client_request *request, struct route *route,
                      aiohttp_client_response **ret_response)
{
    struct connection *connection = NULL;
    double clock = 0;
    int got = acquire(request, route, &clock, &connection);
    if (got < 0)
        return got;
    aiohttp_client_response *response = aiohttp__response_new(request->session);
    int r = response ? describe(request, response) : -ENOMEM;
    *ret_response = response;
    if (r >= 0 && got == 2)
        r = aiohttp__dial(request, response, route, &connection);
    if (r < 0) {
        if (got == 2)
            aiohttp__pool_give_place(route);
        else
            aiohttp__pool_give(connection, true);
        return r;
    }
    request->was_reused = got == 1;
    response->clock = got == 1 ? clock : asyncio_loop_time(request->session->loop);
    if (got == 1)
        TRACE(request, on_connection_reuseconn, .host = route->host);
    response->connection = connection;
    response->http.exchange.stream = connection->stream;
    return 0;
}

/* --- the head --- */

static int write_cookies(struct aiohttp_client_request *request, struct bytes *out)
{
    const char *const *given = request->options->cookies;
    bool has_own = given && !request->has_left_origin;
    if (!has_own && !aiohttp_cookie_jar_count(request->session->jar))
        return 0;
    aiohttp_multi_dict *own = has_own ? aiohttp_multi_dict_new() : NULL;
    if (has_own && !own)
        return -ENOMEM;
    int r = 0;
    for (size_t i = 0; has_own && r >= 0 && given[i]; i += 2)
        r = given[i + 1] ? aiohttp_multi_dict_add(own, given[i], given[i + 1]) : -EINVAL;
    if (r >= 0) {
        aiohttp__cookie_jar_write(request->session->jar, request->url, own, out);
        r = out->error;
    }
    aiohttp_multi_dict_unref(own);
    return r == -EINVAL ? asyncio_raise(r, "what is among the cookies is none") : r;
}

static bool has_authorization(const struct aiohttp_client_request *request)
{
    return request->headers && aiohttp_headers_contains(request->headers, "Authorization");
}

/* A netrc that cannot be used is as good as none, as aiohttp has it; but somebody should know. */
static void report_netrc(aiohttp_client_session *session, int r)
{
    char text[256];
    const asyncio_error *error = asyncio_last_error(r);
    if (session->has_reported_netrc)
        return;
    session->has_reported_netrc = true;
    snprintf(text, sizeof text, "The netrc is not used: %s",
             error ? error->text : asyncio_error_text(r));
    asyncio_loop_call_exception_handler(session->loop, .message = text, .where = session->where);
}

/* What ~/.netrc says of the host: asked anew for each hop. */
static int write_netrc(struct aiohttp_client_request *request, struct bytes *out)
{
    char *user, *password;
    int r = aiohttp__netrc_find(aiohttp_url_raw_host(request->url), &user, &password);
    if (r < 0 && r != -ENOMEM && r != -ECANCELED) {
        report_netrc(request->session, r);
        r = 0;
    }
    if (r <= 0)
        return r;
    aiohttp__basic_write(out, span_of(user ? user : ""), span_of(password ? password : ""));
    asyncio_mem_free(user);
    asyncio_mem_free(password);
    return out->error;
}

static int write_authorization(struct aiohttp_client_request *request, struct bytes *out)
{
    const aiohttp_client_request_options *options = request->options;
    const aiohttp_client_session *session = request->session;
    if (aiohttp_url_raw_user(request->url) || aiohttp_url_raw_password(request->url))
        aiohttp__url_authorization(out, request->url);
    else if (options->authorization && !request->has_left_origin)
        bytes_text(out, options->authorization);
    else if (session->authorization &&
             (session->base ? aiohttp__is_same_origin(session->base, request->url)
                            : !request->has_left_origin))
        bytes_text(out, session->authorization);
    else if (session->trusts_env && !has_authorization(request))
        return write_netrc(request, out);
    return out->error;
}

/* Whether the proxy is asked for the URL, without a tunnel. */
static bool is_by_proxy(const struct route *route)
{
    enum proxy_kind kind =
        route->proxy && !route->is_tls ? aiohttp__proxy_kind(route->proxy) : PROXY_NONE;
    return kind == PROXY_HTTP || kind == PROXY_HTTPS;
}

/* What it is asked for, and who asks. */
static int write_for_proxy(struct aiohttp_client_request *request, const struct route *route,
                           struct texts *texts)
{
    const struct ask_body *body = &request->body;
    struct bytes *target = &texts->target;
    bytes_text(target, "http://");
    bytes_text(target, aiohttp_url_host_port_subcomponent(request->url));
    bytes_text(target, aiohttp_url_raw_path_qs(request->url));
    bytes_put(target, '\0');
    if (target->error)
        return target->error;
    target->size--;
    struct span known = { NULL, 0 };
    if (body->is_bytes && body->coding == CODING_IDENTITY)
        known = body->bytes.size ? body->bytes : SPAN("");
    else if (!body->is_bytes && !body->payload)
        known = SPAN("");
    int r = aiohttp__proxy_authorize(route->connector, route->proxy, request->method.data,
                                     target->data, known, &texts->proxy_authorization);
    return r == -ENOTSUP ? 0 : r; /* it will say so itself */
}

static int write_head(struct aiohttp_client_request *request, aiohttp_client_response *response,
                      const struct route *route, struct texts *texts)
{
    aiohttp_client_session *session = request->session;
    const struct ask_body *body = &request->body;
    bool has_host = request->headers && aiohttp_headers_contains(request->headers, "Host");
    struct asking asking = {
        .method = request->method,
        .target = span_of(aiohttp_url_raw_path_qs(request->url)),
        .headers = request->headers,
        .length = aiohttp__body_length(request),
        .closes = session->connector->options.force_close,
        .upgrades = request->is_upgrade,
    };
    if (!(request->skips & SKIPS_ACCEPT))
        asking.accept = session->accept;
    if (!(request->skips & SKIPS_ACCEPT_ENCODING))
        asking.accept_encoding = session->accept_encoding;
    if (!(request->skips & SKIPS_USER_AGENT))
        asking.user_agent = session->user_agent;
    if (!has_host)
        asking.host = span_of(aiohttp_url_host_port_subcomponent(request->url));
    int r = write_authorization(request, &texts->authorization);
    if (r == -EINVAL)
        return asyncio_raise(r, "the URL's user or password cannot be sent as Basic");
    if (r >= 0)
        r = write_cookies(request, &texts->cookie);
    if (r >= 0 && is_by_proxy(route)) {
        r = write_for_proxy(request, route, texts);
        asking.target = bytes_span(&texts->target);
    }
    if (r < 0)
        return r;
    asking.authorization = bytes_span(&texts->authorization);
    asking.proxy_authorization = bytes_span(&texts->proxy_authorization);
    asking.cookie = bytes_span(&texts->cookie);
    if (body->content_type && !(request->skips & SKIPS_CONTENT_TYPE))
        asking.content_type = span_of(body->content_type);
    if (body->coding != CODING_IDENTITY)
        asking.content_encoding = aiohttp__coding_name((enum coding)body->coding);
    response->http.exchange.trailing = request->options->trailers;
    asking.expects = request->options->expect100 && (body->is_bytes || body->payload);
    r = aiohttp__http1_begin_request(&response->http, &asking);
    return r == -EINVAL ? asyncio_raise(r, "the method or a header cannot be sent, or is the "
                                           "library's own (Content-Length, Transfer-Encoding)")
                        : r;
}

static int head_of(struct aiohttp_client_request *request, aiohttp_client_response *response,
                   const struct route *route)
{
    struct texts texts = { bytes_up_to(16384), bytes_up_to(16384), bytes_up_to(65536),
                           bytes_up_to(1 << 21) };
    int r = write_head(request, response, route, &texts);
    aiohttp__bytes_fini(&texts.authorization);
    aiohttp__bytes_fini(&texts.proxy_authorization);
    aiohttp__bytes_fini(&texts.cookie);
    aiohttp__bytes_fini(&texts.target);
    return r;
}

/* --- the conversation --- */

/* Waits for "100 Continue": 1: the answer has come instead. */
static int expect(struct aiohttp_client_request *request, aiohttp_client_response *response)
{
    double head_limit = response->head_limit;
    int r = response->http.exchange.type->flush(&response->http.exchange);
    if (r < 0)
        return wait_over(&response->wait, r);
    TRACE(request, on_request_headers_sent, .bytes = 0);
    response->answering.wants_continue = true;
    response->sent_at = asyncio_loop_time(request->session->loop);
    response->head_limit = request->timeout->expect;
    r = wait_over(&response->wait, aiohttp__http1_read_response(&response->http, request->id,
                                                                &response->answering));
    response->head_limit = head_limit;
    response->clock = asyncio_loop_time(request->session->loop);
    if (r == -ETIMEDOUT && response->wait.is_late && response->clock < response->total) {
        response->wait.is_late = false;
        return 0; /* servers may not know it: RFC 9110, 10.1.1 */
    }
    if (r == 1) /* it will never get what it was promised */
        response->http.exchange.closes = true;
    return r;
}

static int converse(struct aiohttp_client_request *request, aiohttp_client_response *response)
{
    bool expects = request->options->expect100 && (request->body.is_bytes || request->body.payload);
    int r = 0;
    if (expects)
        r = expect(request, response);
    else
        TRACE(request, on_request_headers_sent, .bytes = 0); /* with the body, or before it */
    if (r != 0)
        return r < 0 ? r : 0;
    r = wait_over(&response->wait, aiohttp__upload_begin(request, response));
    if (r < 0)
        return r;
    do
        r = aiohttp__http1_read_response(&response->http, request->id, &response->answering);
    while (r == 0);
    r = wait_over(&response->wait, r);
    if (response->upload) {
        int failed, ended = aiohttp__upload_end(response, &failed);
        if (ended < 0)
            r = ended;
        else if (r < 0 && r != -ECANCELED && failed < 0) {
            if (failed == -ETIMEDOUT || request->has_source_failed)
                response->phase = AIOHTTP_PHASE_WRITE;
            r = failed;
        }
    }
    return r;
}

static int proxy_of(struct aiohttp_client_request *request, aiohttp_url **ret_proxy)
{
    const char *given = request->options->proxy;
    aiohttp_client_session *session = request->session;
    *ret_proxy = NULL;
    if (session->connector->path || (given && !*given))
        return 0;
    if (given) {
        int r = aiohttp_url_new(given, ret_proxy);
        if (r < 0)
            return r;
    } else if (session->proxy)
        *ret_proxy = aiohttp_url_ref(session->proxy);
    else if (session->trusts_env) {
        int r = aiohttp__proxy_of_environment(request->url, ret_proxy);
        if (r < 0)
            return r;
    }
    if (*ret_proxy && !aiohttp__is_proxy(*ret_proxy)) {
        aiohttp_url_unref(*ret_proxy);
        *ret_proxy = NULL;
        return asyncio_raise(-EINVAL,
                             "a proxy's URL is http, https, socks5 or socks5h, with a host");
    }
    return 0;
}

/* On a connection of the route. */
static int send_on(struct aiohttp_client_request *request, struct route *route,
                   aiohttp_client_response **ret_response)
{
    aiohttp_client_response *response = NULL;
    request->has_bytes = request->was_reused = request->has_source_failed = false;
    request->phase = AIOHTTP_PHASE_NONE;
    int r = connect_on(request, route, &response);
    if (r >= 0) {
        r = head_of(request, response, route);
        if (r >= 0)
            r = converse(request, response);
        if (r < 0 && r != -ECANCELED && r != -ENOMEM && r != -EINVAL &&
            !request->has_source_failed)
            r = aiohttp__response_raise(response, r);
    }
    if (response) {
        request->has_bytes = response->answering.has_bytes;
        request->phase = response->phase;
    }
    if (r < 0) {
        if (response)
            aiohttp__response_finish(response, false);
        aiohttp_client_response_unref(response);
        return r;
    }
    /* Nothing more belongs to it: the connection is free before anybody looks at the answer. */
    bool is_upgraded = request->is_upgrade && response->http.exchange.status == 101;
    if (response->http.exchange.is_body_read && !is_upgraded) {
        response->is_ended = true;
        aiohttp__response_finish(response, true);
    }
    *ret_response = response;
    return 0;
}

/* Whether a proxy's answer asks who we are, and can be told: 1, and the answer is gone. */
static int is_asked_who(struct aiohttp_client_request *request, const struct route *route,
                        aiohttp_client_response *response, int answers)
{
    const struct aiohttp_headers *headers = aiohttp__response_headers(response);
    int r = headers ? aiohttp__proxy_challenged(route->connector, route->proxy, headers, answers)
                    : -ENOMEM;
    if (r > 0 && !aiohttp__body_rewind(request))
        return 0;
    if (r != 0) {
        int released = r > 0 ? aiohttp_client_response_release(response) : 0;
        aiohttp_client_response_unref(response);
        r = released < 0 ? released : r;
    }
    return r;
}

int aiohttp__send(struct aiohttp_client_request *request, aiohttp_client_response **ret_response)
{
    struct route *route = NULL;
    aiohttp_url *proxy = NULL;
    aiohttp_client_response *response = NULL;
    request->has_bytes = request->was_reused = request->has_source_failed = false;
    request->phase = AIOHTTP_PHASE_NONE;
    int r = proxy_of(request, &proxy);
    if (r >= 0)
        r = route_of(request, proxy, &route);
    for (int again = r >= 0, answers = 0; again > 0; answers++) {
        again = 0;
        r = send_on(request, route, &response);
        if (r >= 0 && is_by_proxy(route) && response->http.exchange.status == 407)
            again = is_asked_who(request, route, response, answers);
        r = again < 0 ? again : r;
    }
    aiohttp__route_unref(route);
    aiohttp_url_unref(proxy);
    if (r < 0)
        return r;
    *ret_response = response;
    return 0;
}
