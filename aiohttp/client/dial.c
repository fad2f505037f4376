/* SPDX-License-Identifier: MIT */
/* New connections: names, addresses, proxies, TLS; each phase with its own time limit. */
#include "client/session.h"

#include "base/error.h"
#include "client/addresses.h"
#include "client/proxies.h"
#include "wire/ip.h"

#include <aiohttp/error.h>
#include <asyncio/connect.h>
#include <asyncio/names.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>

enum { STREAM_LIMIT = 135168, STREAM_MORE = 4096 };

struct dial {
    struct aiohttp_client_request *request;
    aiohttp_client_response *response;
    struct route *route;
    struct making making;
};

/* A head that is as large as it may be has to fit: a stream holds twice its limit. */
static size_t stream_limit(const struct dial *dial)
{
    size_t head = dial->request->session->limits.head;
    size_t needed = (head < PTRDIFF_MAX / 2 ? head : PTRDIFF_MAX / 2) / 2 + STREAM_MORE;
    return needed > STREAM_LIMIT ? needed : STREAM_LIMIT;
}

static void phase_begin(struct dial *dial, aiohttp_client_phase phase, double seconds)
{
    aiohttp_client_response *response = dial->response;
    double now = asyncio_loop_time(response->session->loop);
    response->phase = phase;
    aiohttp__wait_until(&response->wait, aiohttp__response_until(response, now, seconds));
}

/* Names what went wrong, and keeps the words of who has said it. */
static int phase_end(struct dial *dial, int r, const char *host, int port)
{
    aiohttp_client_response *response = dial->response;
    r = wait_over(&response->wait, r);
    if (r >= 0 && dial->route->connector->is_closed)
        r = -AIOHTTP_SESSION_CLOSED;
    if (r >= 0 || r == -ECANCELED || r == -ENOMEM)
        return r;
    if (r == -ETIMEDOUT && response->wait.is_late)
        return aiohttp__response_raise(response, r);
    const asyncio_error *error = asyncio_last_error(r);
    char words[256];
    snprintf(words, sizeof words, "%s", error ? error->text : asyncio_error_text(r));
    return asyncio_raise(r, "cannot connect to %s:%d (%s): %s", host, port,
                         aiohttp_client_phase_name(response->phase), words);
}

static bool is_literal(const char *host)
{
    return strchr(host, ':') != NULL || aiohttp__looks_like_ipv4(span_of(host));
}

static int connect_to(struct dial *dial, const char *host, int port)
{
    const aiohttp_connector_options *options = &dial->route->connector->options;
    return asyncio_open_connection(host, port, &dial->making.stream, .limit = stream_limit(dial),
                                   .family = options->family, .local_addr = options->local_addr);
}

static int ask_loop(const aiohttp_connector_options *options, const char *host, int port,
                    int only_cached, aiohttp_resolved *ret_addresses)
{
    struct addrinfo *infos;
    char service[8];
    int takes_turns = options->happy_eyeballs_delay != ASYNCIO_NONE;
    snprintf(service, sizeof service, "%d", port);
    int r = asyncio_loop_getaddrinfo(asyncio_get_running_loop(), host, service, &infos,
                                     .family = options->family, .type = SOCK_STREAM,
                                     .only_cached = only_cached);
    if (r < 0)
        return r;
    r = aiohttp__addresses_of(infos, options->interleave < 0 ? takes_turns : options->interleave,
                              ret_addresses);
    asyncio_freeaddrinfo(infos);
    return r;
}

/* The addresses of a name, by the user's resolver or the loop: how many. */
static int look_up(struct dial *dial, const char *host, int port, aiohttp_resolved *ret_addresses)
{
    struct aiohttp_connector *connector = dial->route->connector;
    const aiohttp_connector_options *options = &connector->options;
    int r = -ENOENT;
    if (!connector->resolver.resolve)
        r = ask_loop(options, host, port, 1, ret_addresses);
    if (r > 0)
        TRACE(dial->request, on_dns_cache_hit, .host = host);
    if (r > 0 || r == -ENOMEM)
        return r;
    if (r == -EAGAIN)
        TRACE(dial->request, on_dns_cache_miss, .host = host);
    TRACE(dial->request, on_dns_resolvehost_start, .host = host);
    phase_begin(dial, AIOHTTP_PHASE_DNS, dial->request->timeout->dns);
    if (connector->resolver.resolve) {
        r = connector->resolver.resolve(host, port, options->family, ret_addresses,
                                        AIOHTTP_RESOLVED_MAX, connector->resolver.data);
        r = r > AIOHTTP_RESOLVED_MAX ? AIOHTTP_RESOLVED_MAX : r;
    } else {
        r = ask_loop(options, host, port, 0, ret_addresses);
    }
    r = phase_end(dial, r == 0 ? -ASYNCIO_RESOLVE : r, host, port);
    TRACE(dial->request, on_dns_resolvehost_end, .host = host);
    return r;
}

/* TCP to a host. */
static int dial_host(struct dial *dial, const char *host, int port)
{
    const aiohttp_client_timeout *timeout = dial->request->timeout;
    if (is_literal(host)) {
        phase_begin(dial, AIOHTTP_PHASE_CONNECT, timeout->connect);
        return phase_end(dial, connect_to(dial, host, port), host, port);
    }
    aiohttp_resolved found[AIOHTTP_RESOLVED_MAX];
    int count = look_up(dial, host, port, found);
    if (count < 0)
        return count;
    phase_begin(dial, AIOHTTP_PHASE_CONNECT, timeout->connect);
    int r = aiohttp__addresses_connect(&dial->route->connector->options, stream_limit(dial), found,
                                       count, port, &dial->making.stream);
    return phase_end(dial, r, host, port);
}

static int dial_path(struct dial *dial)
{
    const char *path = dial->route->connector->path;
    phase_begin(dial, AIOHTTP_PHASE_CONNECT, dial->request->timeout->connect);
    int r = asyncio_open_unix_connection(path, &dial->making.stream, .limit = stream_limit(dial));
    return phase_end(dial, r, path, 0);
}

static int start_tls(struct dial *dial, const char *hostname, bool is_proxy)
{
    const struct route *route = dial->route;
    asyncio_ssl_context *context = route->ssl;
    bool is_pinned = route->has_fingerprint && !is_proxy;
    int r = context && !is_proxy ? 0
                                 : aiohttp__connector_ssl(route->connector, is_pinned, &context);
    if (r < 0)
        return r;
    phase_begin(dial, AIOHTTP_PHASE_TLS, dial->request->timeout->tls);
    TRACE(dial->request, on_connection_tls_start, .host = hostname);
    r = asyncio_stream_start_tls(dial->making.stream, context, .server_hostname = hostname);
    if (r >= 0)
        TRACE(dial->request, on_connection_tls_end, .host = hostname);
    if (r >= 0 && is_pinned)
        r = aiohttp_fingerprint_check(&route->fingerprint, dial->making.stream);
    return phase_end(dial, r, hostname, route->port);
}

/* TCP to a proxy, and TLS where it speaks that. */
static int dial_to_proxy(struct dial *dial, const char *host, int port)
{
    int r = dial_host(dial, host, port);
    return r >= 0 && aiohttp__proxy_kind(dial->route->proxy) == PROXY_HTTPS
               ? start_tls(dial, host, true)
               : r;
}

/* One CONNECT. */
static int ask_proxy(struct dial *dial, aiohttp_headers *challenges, int *ret_status)
{
    const struct route *route = dial->route;
    struct bytes authorization = bytes_up_to(16384), target = bytes_up_to(512);
    aiohttp__proxy_target(&target, route->host, route->port);
    bytes_put(&target, '\0');
    int r = target.error;
    if (r >= 0)
        r = aiohttp__proxy_authorize(route->connector, route->proxy, "CONNECT", target.data,
                                     SPAN(""), &authorization);
    aiohttp__bytes_fini(&target);
    bytes_put(&authorization, '\0');
    if (r >= 0)
        r = authorization.error;
    if (r >= 0)
        r = aiohttp__proxy_connect(
            dial->making.stream,
            &(struct proxy_connect){
                .host = route->host,
                .port = route->port,
                .authorization = authorization.size > 1 ? authorization.data : NULL,
                .headers = route->proxy_headers,
                .limits = &dial->request->session->limits,
                .challenges = challenges },
            ret_status);
    aiohttp__bytes_fini(&authorization);
    return r;
}

/* A tunnel to the target, by a connection to the proxy that is there. A proxy that asks who we are
 * is answered on another one: what follows its 407 is of no use, and may be long. */
static int connect_through(struct dial *dial, const char *host, int port)
{
    struct aiohttp_connector *connector = dial->route->connector;
    int r, again = 0, answers = 0, status;
    do {
        aiohttp_headers *challenges = aiohttp_headers_new();
        status = 0;
        phase_begin(dial, AIOHTTP_PHASE_PROXY, dial->request->timeout->proxy);
        r = challenges ? ask_proxy(dial, challenges, &status) : -ENOMEM;
        r = phase_end(dial, r, host, port);
        again = r == -AIOHTTP_PROXY && status == 407
                    ? aiohttp__proxy_challenged(connector, dial->route->proxy, challenges,
                                                answers++)
                    : 0;
        aiohttp_headers_unref(challenges);
        if (again > 0) {
            asyncio_stream *old = dial->making.stream;
            dial->making.stream = NULL;
            asyncio_stream_abort(old);
            asyncio_stream_unref(old);
            r = dial_to_proxy(dial, host, port);
        }
    } while (again > 0 && r >= 0);
    if (again < 0)
        return again;
    return r == -AIOHTTP_PROXY && status
               ? asyncio_raise(r, "the proxy %s:%d answered %d", host, port, status)
               : r;
}

/* Through a proxy to the target: a tunnel for TLS, and for everything through SOCKS. */
static int dial_proxy(struct dial *dial)
{
    const struct route *route = dial->route;
    const aiohttp_url *proxy = route->proxy;
    enum proxy_kind kind = aiohttp__proxy_kind(proxy);
    const char *host = aiohttp_url_raw_host(proxy);
    int port = aiohttp__proxy_port(proxy);
    int r = dial_to_proxy(dial, host, port);
    if (r < 0)
        return r;
    if (kind == PROXY_HTTP || kind == PROXY_HTTPS)
        return route->is_tls ? connect_through(dial, host, port)
                             : 0; /* the request's target says where it goes */
    aiohttp_resolved found[AIOHTTP_RESOLVED_MAX];
    const char *address = route->host;
    if (kind == PROXY_SOCKS5 && !is_literal(route->host)) { /* socks5h: the proxy looks it up */
        if ((r = look_up(dial, route->host, route->port, found)) < 0)
            return r;
        found[0].address[sizeof found[0].address - 1] = '\0';
        address = found[0].address;
    }
    phase_begin(dial, AIOHTTP_PHASE_PROXY, dial->request->timeout->proxy);
    r = aiohttp__socks5_connect(dial->making.stream, address, route->port, aiohttp_url_user(proxy),
                                aiohttp_url_password(proxy));
    return phase_end(dial, r, host, port);
}

int aiohttp__dial(struct aiohttp_client_request *request, aiohttp_client_response *response,
                  struct route *route, struct connection **ret_connection)
{
    struct dial dial = { .request = request, .response = response, .route = route };
    aiohttp__making_begin(route->connector, &dial.making, &response->wait);
    TRACE(request, on_connection_create_start, .host = route->host);
    int r = route->connector->is_closed ? -AIOHTTP_SESSION_CLOSED /* by the callback */
            : route->connector->path    ? dial_path(&dial)
            : route->proxy              ? dial_proxy(&dial)
                                        : dial_host(&dial, route->host, route->port);
    if (r >= 0 && route->is_tls)
        r = start_tls(&dial, route->server_hostname ? route->server_hostname : route->host, false);
    if (r >= 0 && !(*ret_connection = aiohttp__pool_add(route, dial.making.stream)))
        r = -ENOMEM;
    if (r < 0 && dial.making.stream) {
        asyncio_stream_abort(dial.making.stream);
        asyncio_stream_unref(dial.making.stream);
    }
    aiohttp__making_end(route->connector, &dial.making);
    if (r >= 0)
        TRACE(request, on_connection_create_end, .host = route->host);
    return r < 0 ? r : 0;
}
