/* SPDX-License-Identifier: MIT */
/* Proxies: which one the environment names, and how a stream to a proxy becomes one to the target.
 *
 * MODEL      The connector opens a stream to the proxy (TLS for https://), and one of the
 *            functions here makes a tunnel of it; behind it follow TLS with the target
 *            (asyncio_stream_start_tls, which runs inside the proxy's own TLS where there is one)
 *            or plain HTTP. What the target sends first may be in the stream's buffer already.
 * SCHEMES    http, https: CONNECT. socks5: the client looks the name up and asks for an address;
 *            socks5h: the proxy does.
 * WHO        User and password are the proxy's URL's. A proxy gets them as Basic, until it asks for
 *            Digest (RFC 7616) by a 407; from then on the connector answers it so, and never by
 *            Basic. Where the connector's `.proxy_digest` is set it gets nothing before it has
 *            asked. A connector keeps what it was asked of so many proxies: AUTHS_MOST.
 * LIMITS     The answer of an HTTP proxy is a response like any other: line, field, headers, head
 *            of the limits; of its body nothing is read. SOCKS answers are at most 262 bytes. How
 *            long it may take is the caller's (asyncio_timeout).
 * ERRORS     -AIOHTTP_PROXY: it answered with a status that is not 2xx; the status is told.
 *            -AIOHTTP_BAD_HTTP_MESSAGE and its kin: it does not speak HTTP. -AIOHTTP_SOCKS_...:
 *            see <aiohttp/error.h>. -AIOHTTP_PROXY_CLOSED: it hung up before it had answered.
 *            -ECANCELED... After any of them the stream is good for nothing: the caller aborts
 *            it. */
#pragma once

#include "base/bytes.h"
#include "client/digest.h"
#include "wire/proxy.h"

#include <aiohttp/headers.h>
#include <aiohttp/limits.h>
#include <aiohttp/url.h>
#include <asyncio/stream.h>

enum proxy_kind { PROXY_NONE, PROXY_HTTP, PROXY_HTTPS, PROXY_SOCKS5, PROXY_SOCKS5H };

/* What kind of proxy a URL is; PROXY_NONE: none that we know. */
enum proxy_kind aiohttp__proxy_kind(const aiohttp_url *proxy);

/* Whether it is of such a kind, and says where it is. */
bool aiohttp__is_proxy(const aiohttp_url *proxy);

/* The port of a proxy's URL, or its scheme's: 80, 443, 1080. */
int aiohttp__proxy_port(const aiohttp_url *proxy);

/* The proxy that the environment (http_proxy, https_proxy, ws_proxy, wss_proxy, all_proxy,
 * no_proxy; capitals too, but HTTP_PROXY not in a CGI program) names for a request to `url`: 1 and
 * *ret_proxy, new; 0: none. -AIOHTTP_INVALID_URL for a value that is no URL of a proxy, -ENOMEM.
 * To be asked anew for each hop. */
int aiohttp__proxy_of_environment(const aiohttp_url *url, aiohttp_url **ret_proxy)
    ASYNCIO_MUST_CHECK;

/* Appends "Basic ..." of a URL's user and password: what goes into Proxy-Authorization, or
 * Authorization. Nothing when it has none. -EINVAL in out->error: see wire/basic.h. */
void aiohttp__url_authorization(struct bytes *out, const aiohttp_url *url);

/* Whether reading or writing failed because the proxy closed the connection. */
bool aiohttp__proxy_hung_up(int error);

struct proxy_connect {
    const char *host;              /* of the target: ASCII, IPv6 without brackets */
    int port;
    const char *authorization;     /* value of Proxy-Authorization; NULL: none */
    const aiohttp_headers *headers; /* more fields for the proxy alone; NULL: none */
    const aiohttp_limits *limits;
    aiohttp_headers *challenges;   /* gets the fields Proxy-Authenticate of a 407; NULL: nobody */
};

/* Appends what CONNECT asks for: "host:port", an IPv6 address in brackets. */
void aiohttp__proxy_target(struct bytes *out, const char *host, int port);

/* CONNECT. 0: from here on the stream is the target's. *ret_status (NULL: not wanted) is what the
 * proxy answered, 0 when it did not come to that; set on errors too. Suspends. */
int aiohttp__proxy_connect(asyncio_stream *stream, const struct proxy_connect *connect,
                           int *ret_status) ASYNCIO_MUST_CHECK;

/* SOCKS5 (RFC 1928, 1929): to `host`, an IPv4 or IPv6 address or a name of up to 255 bytes, which
 * the proxy looks up. `user` NULL: without authentication. 0, -EINVAL for what cannot be asked
 * for. Suspends. */
int aiohttp__socks5_connect(asyncio_stream *stream, const char *host, int port, const char *user,
                            const char *password) ASYNCIO_MUST_CHECK;

/* --- proxy_auth.c --- */

enum { AUTHS_MOST = 16, PROXY_ANSWERS_MOST = 2 };

struct aiohttp_connector;
struct proxy_auth;

/* Appends the value of Proxy-Authorization for a request of `target` (as its request line has it):
 * nothing when the URL has no user, or none is known to be wanted. `body`: data NULL when it is not
 * known. 0, -EINVAL (a user that cannot be sent so), -ENOTSUP (auth-int, and the body is not
 * known), -ENOMEM, -EIO. */
int aiohttp__proxy_authorize(struct aiohttp_connector *connector, const aiohttp_url *proxy,
                             const char *method, const char *target, struct span body,
                             struct bytes *out) ASYNCIO_MUST_CHECK;

/* The proxy has answered 407, with these fields: 1 when it is worth asking again; 0; -ENOMEM.
 * `answers`: how often that was done for this request. */
int aiohttp__proxy_challenged(struct aiohttp_connector *connector, const aiohttp_url *proxy,
                              const aiohttp_headers *headers, int answers) ASYNCIO_MUST_CHECK;

void aiohttp__proxy_auths_free(struct proxy_auth *first);
