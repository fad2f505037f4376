/* SPDX-License-Identifier: MIT */
/* Sessions: see <aiohttp/client.h> and session.h. */
#include "client/session.h"

#include "base/error.h"
#include "client/proxies.h"
#include "message/coding.h"

#include <aiohttp/cookie_jar.h>
#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <asyncio/ssl.h>
#include <asyncio/task.h>
#include <errno.h>

/* --- making one --- */

static int add_fields(aiohttp_headers *headers, const char *const *fields)
{
    int r = 0;
    for (size_t i = 0; fields && r >= 0 && fields[i]; i += 2)
        r = fields[i + 1] ? aiohttp_headers_set(headers, fields[i], fields[i + 1]) : -EINVAL;
    return r == -EINVAL ? asyncio_raise(r, "what is among the fields is no header") : r;
}

static unsigned skips_of(const char *const *names)
{
    unsigned skips = 0;
    for (; names && *names; names++)
        switch (aiohttp__header_id(*names, strlen(*names))) {
        case HEADER_ACCEPT:
            skips |= SKIPS_ACCEPT;
            break;
        case HEADER_ACCEPT_ENCODING:
            skips |= SKIPS_ACCEPT_ENCODING;
            break;
        case HEADER_USER_AGENT:
            skips |= SKIPS_USER_AGENT;
            break;
        case HEADER_CONTENT_TYPE:
            skips |= SKIPS_CONTENT_TYPE;
            break;
        default: /* what has to be said is said */
            break;
        }
    return skips;
}

static int make_usual(aiohttp_client_session *session, const char *agent)
{
    struct bytes out = bytes_up_to(65536);
    size_t ends[2];
    bytes_text(&out, "Accept: */*\r\n");
    ends[0] = out.size;
    bytes_text(&out, "Accept-Encoding: ");
    bytes_add(&out, aiohttp__coding_accept());
    bytes_text(&out, "\r\n");
    ends[1] = out.size;
    bytes_text(&out, "User-Agent: ");
    if (agent)
        bytes_text(&out, agent);
    else {
        bytes_text(&out, "aiohttp/");
        bytes_text(&out, aiohttp_version());
    }
    bytes_text(&out, "\r\n");
    if (out.error) {
        aiohttp__bytes_fini(&out);
        return out.error;
    }
    session->usual = out.data;
    session->accept = (struct span){ out.data, ends[0] };
    session->accept_encoding = (struct span){ out.data + ends[0], ends[1] - ends[0] };
    session->user_agent = (struct span){ out.data + ends[1], out.size - ends[1] };
    return 0;
}

static int copy_texts(aiohttp_client_session *session,
                      const aiohttp_client_session_new_options *options)
{
    int r = 0;
    if (options->authorization && !aiohttp__is_value(span_of(options->authorization)))
        return asyncio_raise(-EINVAL, "the authorization has control characters");
    if (options->user_agent && !aiohttp__is_value(span_of(options->user_agent)))
        return asyncio_raise(-EINVAL, "the user agent has control characters");
    if (options->authorization &&
        !(session->authorization = asyncio_mem_strdup(options->authorization)))
        return -ENOMEM;
    if (options->fallback_charset &&
        !(session->fallback_charset = asyncio_mem_strdup(options->fallback_charset)))
        return -ENOMEM;
    if (options->base_url)
        r = aiohttp_url_new(options->base_url, &session->base);
    if (r >= 0 && session->base &&
        (!aiohttp_url_absolute(session->base) || !aiohttp_url_raw_host(session->base)))
        r = asyncio_raise(-AIOHTTP_INVALID_URL, "the base URL is not absolute");
    if (r >= 0 && options->proxy && *options->proxy)
        r = aiohttp_url_new(options->proxy, &session->proxy);
    if (r >= 0 && session->proxy && !aiohttp__is_proxy(session->proxy))
        r = asyncio_raise(-AIOHTTP_INVALID_URL,
                          "a proxy's URL is http, https, socks5 or socks5h, with a host");
    if (r >= 0)
        r = make_usual(session, options->user_agent);
    return r;
}

static int copy_lists(aiohttp_client_session *session,
                      const aiohttp_client_session_new_options *options)
{
    session->headers = options->headers ? aiohttp_headers_copy(options->headers)
                                        : aiohttp_headers_new();
    if (!session->headers)
        return -ENOMEM;
    int r = add_fields(session->headers, options->fields);
    if (r < 0 || !options->middleware_count)
        return r;
    size_t size = options->middleware_count * sizeof *session->middlewares;
    session->middlewares = asyncio_mem_malloc(size);
    if (!session->middlewares)
        return -ENOMEM;
    memcpy(session->middlewares, options->middlewares, size);
    session->middleware_count = options->middleware_count;
    return 0;
}

static aiohttp_client_timeout timeout_of(const aiohttp_limits *limits)
{
    aiohttp_client_timeout timeout = aiohttp_client_timeout_default();
    timeout.total = limits->total_time;
    timeout.connect = limits->connect_time;
    return timeout;
}

static void copy_values(aiohttp_client_session *session,
                        const aiohttp_client_session_new_options *options)
{
    session->where = options->where;
    session->keeps_connector = options->keep_connector && options->connector;
    session->limits = options->limits ? *options->limits : aiohttp_client_limits();
    session->timeout = options->timeout ? *options->timeout : timeout_of(&session->limits);
    if (options->retry)
        session->retry = *options->retry;
    session->has_retry = options->retry != NULL;
    session->raises = options->raise_for_status != 0;
    session->decompresses = !options->no_auto_decompress;
    session->trusts_env = options->trust_env != 0;
    session->skips = (uint8_t)skips_of(options->skip_auto_headers);
    session->trace = options->trace;
    session->ssl = asyncio_ssl_context_ref(options->ssl);
}

static int choose_jar(aiohttp_client_session *session, aiohttp_cookie_jar *given)
{
    session->jar = aiohttp_cookie_jar_ref(given);
    return given ? 0 : aiohttp_cookie_jar_new(&session->jar, .limits = &session->limits);
}

static void clear(aiohttp_client_session *session)
{
    aiohttp__waits_fini(&session->waits);
    while (session->store) {
        aiohttp_client_response *response = session->store;
        session->store = response->next;
        asyncio_mem_free(response);
    }
    for (size_t i = 0; i < URLS_KEPT; i++) {
        asyncio_mem_free(session->urls[i].text);
        aiohttp_url_unref(session->urls[i].url);
    }
    aiohttp_connector_unref(session->connector);
    aiohttp_cookie_jar_unref(session->jar);
    aiohttp_url_unref(session->base);
    aiohttp_url_unref(session->proxy);
    aiohttp_headers_unref(session->headers);
    asyncio_ssl_context_unref(session->ssl);
    asyncio_mem_free(session->authorization);
    asyncio_mem_free(session->fallback_charset);
    asyncio_mem_free(session->middlewares);
    asyncio_mem_free(session->usual);
    asyncio_mem_free(session);
}

int(aiohttp_client_session_new)(aiohttp_client_session **ret_session,
                                const aiohttp_client_session_new_options *given)
{
    static const aiohttp_client_session_new_options defaults;
    const aiohttp_client_session_new_options *options = given ? given : &defaults;
    aiohttp__errors_add();
    aiohttp_client_session *session = asyncio_mem_calloc(1, sizeof *session);
    if (!session)
        return -ENOMEM;
    session->references = session->held = 1;
    session->waits.next_look = NEVER;
    copy_values(session, options);
    int r = copy_texts(session, options);
    if (r >= 0)
        r = copy_lists(session, options);
    if (r >= 0)
        r = choose_jar(session, options->cookie_jar);
    if (r >= 0 && options->connector)
        session->connector = aiohttp_connector_ref(options->connector);
    else if (r >= 0)
        r = aiohttp_tcp_connector_new(&session->connector, .limit = session->limits.pool,
                                      .limit_per_host =
                                          session->limits.pool_per_host == AIOHTTP_UNLIMITED
                                              ? 0
                                              : session->limits.pool_per_host,
                                      .keepalive_timeout = session->limits.pool_idle_time,
                                      .address_timeout = session->limits.address_time);
    if (r < 0) {
        clear(session);
        return r;
    }
    *ret_session = session;
    return 0;
}

/* --- its end --- */

aiohttp_client_session *aiohttp_client_session_ref(aiohttp_client_session *session)
{
    if (session)
        session->references++;
    return session;
}

void aiohttp__session_hold(aiohttp_client_session *session)
{
    session->held++;
}

void aiohttp__session_drop(aiohttp_client_session *session)
{
    if (--session->held)
        return;
    if (!session->keeps_connector && !session->connector->is_closed)
        aiohttp__pool_end(session->connector); /* others may have references, but it is ours */
    clear(session);
}

void aiohttp_client_session_unref(aiohttp_client_session *session)
{
    if (!session || --session->references)
        return;
    asyncio_loop *loop = asyncio_get_running_loop();
    if (!session->is_closed && session->loop) {
        session->is_closed = true;
        if (loop)
            asyncio_loop_call_exception_handler(loop, .message = "Unclosed client session",
                                                .where = session->where);
    }
    aiohttp__session_drop(session);
}

int aiohttp_client_session_close(aiohttp_client_session *session)
{
    if (session->is_closed)
        return 0;
    session->is_closed = true;
    return session->keeps_connector ? 0 : aiohttp_connector_close(session->connector);
}

int aiohttp_client_session_closed(const aiohttp_client_session *session)
{
    return session->is_closed;
}

aiohttp_connector *aiohttp_client_session_connector(const aiohttp_client_session *session)
{
    return session->connector;
}

aiohttp_cookie_jar *aiohttp_client_session_cookie_jar(const aiohttp_client_session *session)
{
    return session->jar;
}

aiohttp_headers *aiohttp_client_session_headers(aiohttp_client_session *session)
{
    return session->headers;
}

/* --- requests --- */

void aiohttp__trace(const struct aiohttp_client_request *request, aiohttp_trace_callback *callback,
                    const aiohttp_trace *more)
{
    aiohttp_trace trace = *more;
    trace.size = sizeof trace;
    trace.context = request->options->trace_context;
    trace.method = request->method.data;
    trace.url = request->url;
    trace.headers = request->headers;
    trace.seconds = asyncio_loop_time(request->session->loop) - request->started;
    callback(&trace, request->session->trace->data);
}

static int join(aiohttp_client_session *session, const char *text, aiohttp_url **ret_url)
{
    aiohttp_url *url;
    int r = aiohttp_url_new(text, &url);
    if (r < 0 || !session->base) {
        if (r >= 0)
            *ret_url = url;
        return r;
    }
    r = aiohttp_url_join(session->base, url, ret_url);
    aiohttp_url_unref(url);
    return r;
}

/* The URL of a text; programs ask for the same ones again and again. */
static int url_of(aiohttp_client_session *session, const char *text, aiohttp_url **ret_url)
{
    uint32_t hash = 2166136261u;
    size_t size = 0;
    for (; text[size]; size++)
        hash = (hash ^ (unsigned char)text[size]) * 16777619u;
    struct known_url *known = &session->urls[(hash ^ hash >> 15) % URLS_KEPT];
    if (known->text && strcmp(known->text, text) == 0) {
        *ret_url = aiohttp_url_ref(known->url);
        return 0;
    }
    aiohttp_url *url;
    int r = join(session, text, &url);
    if (r < 0)
        return r;
    char *copy = size < 1024 ? asyncio_mem_strdup(text) : NULL;
    if (copy) {
        asyncio_mem_free(known->text);
        aiohttp_url_unref(known->url);
        known->text = copy;
        known->url = aiohttp_url_ref(url);
    }
    *ret_url = url;
    return 0;
}

static int add_query(struct aiohttp_client_request *request)
{
    const aiohttp_client_request_options *options = request->options;
    aiohttp_url *next = NULL;
    int r = 0;
    if (options->params && options->query)
        return asyncio_raise(-EINVAL, "a request has one query: .params or .query");
    if (options->params)
        r = aiohttp_url_extend_query(request->url, options->params, &next);
    else if (options->query)
        r = aiohttp_url_extend_query_all(request->url, options->query, &next);
    if (r >= 0 && next) {
        aiohttp_url_unref(request->url);
        request->url = next;
    }
    return r;
}

static int make_headers(struct aiohttp_client_request *request)
{
    aiohttp_client_session *session = request->session;
    const aiohttp_client_request_options *options = request->options;
    bool has_middlewares =
        options->middlewares ? options->middleware_count > 0 : session->middleware_count > 0;
    if (!aiohttp_headers_count(session->headers) && !options->headers && !options->fields &&
        !has_middlewares)
        return 0;
    request->headers = aiohttp_headers_copy(session->headers);
    if (!request->headers)
        return -ENOMEM;
    int r = options->headers ? aiohttp_headers_update(request->headers, options->headers) : 0;
    return r >= 0 ? add_fields(request->headers, options->fields) : r;
}

static int prepare(struct aiohttp_client_request *request)
{
    const aiohttp_client_request_options *options = request->options;
    int r = add_query(request);
    if (r < 0)
        return r;
    const char *scheme = aiohttp_url_scheme(request->url);
    bool is_http = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
    if (request->is_upgrade)
        is_http |= strcmp(scheme, "ws") == 0 || strcmp(scheme, "wss") == 0;
    if (!*scheme)
        return asyncio_raise(-AIOHTTP_INVALID_URL,
                             "the URL \"%s\" is relative, and there is no "
                             "base URL",
                             aiohttp_url_raw_path_qs(request->url));
    if (!is_http)
        return asyncio_raise(-AIOHTTP_NON_HTTP_URL,
                             "the URL's scheme is \"%s\", neither http nor https", scheme);
    if (!aiohttp_url_raw_host(request->url))
        return asyncio_raise(-AIOHTTP_INVALID_URL, "the URL has no host: %s:%s", scheme,
                             aiohttp_url_raw_path_qs(request->url));
    if (options->authorization && !aiohttp__is_value(span_of(options->authorization)))
        return asyncio_raise(-EINVAL, "the authorization has control characters");
    if (!aiohttp__is_token(request->method))
        return asyncio_raise(-EINVAL, "the method is no token");
    if ((r = make_headers(request)) < 0)
        return r;
    bool has_user = aiohttp_url_raw_user(request->url) || aiohttp_url_raw_password(request->url);
    if ((has_user && options->authorization) ||
        (request->headers && aiohttp_headers_contains(request->headers, "Authorization") &&
         (has_user || options->authorization)))
        return asyncio_raise(-EINVAL, "there are two Authorizations");
    return aiohttp__body_begin_of(request);
}

int aiohttp__session_check(const aiohttp_client_session *session)
{
    if (!asyncio_current_task())
        return -ASYNCIO_NO_TASK;
    return session->loop && session->loop != asyncio_get_running_loop() ? -ASYNCIO_OTHER_LOOP : 0;
}

static const aiohttp_client_request_options *defaults_of(void)
{
    static const aiohttp_client_request_options defaults = {
        .size = sizeof defaults,
        .allow_redirects = AIOHTTP__AS_SESSION,
        .max_redirects = AIOHTTP__DEFAULT_MAX_REDIRECTS,
        .raise_for_status = AIOHTTP__AS_SESSION,
        .auto_decompress = AIOHTTP__AS_SESSION,
    };
    return &defaults;
}

/* The method in capitals, as aiohttp has it: HEAD's rules are head's too. 0; -ENOMEM; *ret_made is
 * new, or NULL when it was so already. */
static int capitals(const char *method, char **ret_made)
{
    size_t size = strlen(method), i = 0;
    while (i < size && !(method[i] >= 'a' && method[i] <= 'z'))
        i++;
    *ret_made = i < size ? asyncio_mem_malloc(size + 1) : NULL;
    if (i == size || !*ret_made)
        return i == size ? 0 : -ENOMEM;
    for (i = 0; i <= size; i++)
        (*ret_made)[i] = (char)(method[i] >= 'a' && method[i] <= 'z' ? method[i] - 32 : method[i]);
    return 0;
}

int aiohttp__session_request(aiohttp_client_session *session, const char *method,
                             const char *text, const aiohttp_url *url, bool is_upgrade,
                             aiohttp_client_response **ret_response,
                             const aiohttp_client_request_options *options)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    if (session->is_closed)
        return asyncio_raise(-AIOHTTP_SESSION_CLOSED, "the session is closed");
    if (!method || (!text && !url))
        return asyncio_raise(-EINVAL, "a request needs a method and a URL");
    int can = aiohttp__session_check(session);
    if (can < 0)
        return can;
    if (session->connector->loop && session->connector->loop != loop)
        return -ASYNCIO_OTHER_LOOP;
    session->loop = session->waits.loop = session->connector->loop = loop;
    char *made = NULL;
    aiohttp_client_response *response = NULL;
    if (capitals(method, &made) < 0)
        return -ENOMEM;
    struct aiohttp_client_request request = {
        .session = session,
        .options = options ? options : defaults_of(),
        .method = span_of(made ? made : method),
        .started = asyncio_loop_time(loop),
        .asked = asyncio_task_cancelling(asyncio_current_task()),
        .is_upgrade = is_upgrade,
    };
    request.skips = (uint8_t)(session->skips | skips_of(request.options->skip_auto_headers));
    request.id = aiohttp__method_of(request.method.data, request.method.size);
    request.timeout = request.options->timeout ? request.options->timeout : &session->timeout;
    request.total = request.timeout->total == ASYNCIO_NONE
                        ? NEVER
                        : request.started + request.timeout->total;
    aiohttp__session_hold(session);
    int r = 0;
    if (text)
        r = url_of(session, text, &request.url);
    else
        request.url = aiohttp_url_ref((aiohttp_url *)(uintptr_t)url);
    if (r >= 0)
        r = prepare(&request);
    if (r >= 0)
        r = aiohttp__request(&request, &response);
    if (response && !ret_response) {
        r = aiohttp_client_response_release(response);
        aiohttp_client_response_unref(response);
    } else if (response)
        *ret_response = response;
    aiohttp__body_end_of(&request);
    aiohttp_headers_unref(request.headers);
    aiohttp_url_unref(request.url);
    aiohttp_url_unref(request.first);
    asyncio_mem_free(made);
    aiohttp__session_drop(session);
    return r;
}

int(aiohttp_client_session_request)(aiohttp_client_session *session, const char *method,
                                    const char *url, aiohttp_client_response **ret_response,
                                    const aiohttp_client_request_options *options)
{
    return aiohttp__session_request(session, method, url, NULL, false, ret_response, options);
}

int(aiohttp_client_session_request_url)(aiohttp_client_session *session, const char *method,
                                        const aiohttp_url *url,
                                        aiohttp_client_response **ret_response,
                                        const aiohttp_client_request_options *options)
{
    return aiohttp__session_request(session, method, NULL, url, false, ret_response, options);
}

#define VERB(name, method)                                                                         \
    int(aiohttp_client_session_##name)(aiohttp_client_session *session, const char *url,           \
                                       aiohttp_client_response **ret_response,                     \
                                       const aiohttp_client_request_options *options)              \
    {                                                                                              \
        return aiohttp__session_request(session, method, url, NULL, false, ret_response, options); \
    }
VERB(get, "GET")
VERB(head, "HEAD")
VERB(options, "OPTIONS")
VERB(post, "POST")
VERB(put, "PUT")
VERB(patch, "PATCH")
VERB(delete, "DELETE")
