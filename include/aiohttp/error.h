/* SPDX-License-Identifier: MIT */
/* Errors of libaiohttp.
 *
 * MODEL   Results are ints, as in <asyncio/error.h>; the codes here begin at 8192 and are known to
 *         asyncio_error_name, _class and _text and to asyncio_print_exception.
 * HTTP    A status as an error is AIOHTTP_HTTP + status: -(AIOHTTP_HTTP + 404). It is what
 *         aiohttp_web_http_not_found and its kin return. */
#pragma once

#include <aiohttp/macros.h>
#include <asyncio/error.h>

ASYNCIO__BEGIN

/* Of HTTP statuses as errors: AIOHTTP_HTTP + 404. */
#define AIOHTTP_HTTP 16384

/* code, aiohttp's name, sentence */
#define AIOHTTP_ERRORS(X)                                                                          \
    X(BAD_HTTP_MESSAGE, 8192, "BadHttpMessage", "the peer sent what is no HTTP")                   \
    X(LINE_TOO_LONG, 8193, "LineTooLong", "a line of the message is longer than allowed")          \
    X(HEADERS_TOO_LARGE, 8194, "BadHttpMessage", "the header section is larger than allowed")      \
    X(BODY_TOO_LARGE, 8195, "HTTPRequestEntityTooLarge", "the body is larger than allowed")        \
    X(PAYLOAD, 8196, "ClientPayloadError", "the body ended before it was complete")                \
    X(INVALID_URL, 8197, "InvalidURL", "this is no URL")                                           \
    X(CONTENT_ENCODING, 8198, "ContentEncodingError", "the body could not be decompressed")        \
    X(PROXY, 8240, "ClientHttpProxyError", "the proxy did not connect us to the target")           \
    X(PROXY_CLOSED, 8241, "ClientProxyConnectionError",                                            \
      "the proxy hung up before it had answered")                                                  \
    X(SOCKS_PROTOCOL, 8242, "ClientProxyConnectionError", "the proxy does not speak SOCKS5")       \
    X(SOCKS_NO_METHOD, 8243, "ClientProxyConnectionError",                                         \
      "the proxy wants another way to log in")                                                     \
    X(SOCKS_AUTH, 8244, "ClientProxyConnectionError", "the proxy refused user and password")       \
    X(SOCKS_FAILURE, 8245, "ClientProxyConnectionError", "the proxy failed")                       \
    X(SOCKS_NOT_ALLOWED, 8246, "ClientProxyConnectionError",                                       \
      "the proxy's rules do not allow the target")                                                 \
    X(SOCKS_NETWORK_UNREACHABLE, 8247, "ClientProxyConnectionError",                               \
      "the proxy cannot reach the network")                                                        \
    X(SOCKS_HOST_UNREACHABLE, 8248, "ClientProxyConnectionError",                                  \
      "the proxy cannot reach the target")                                                         \
    X(SOCKS_REFUSED, 8249, "ClientProxyConnectionError",                                           \
      "the target refused the proxy's connection")                                                 \
    X(SOCKS_TTL_EXPIRED, 8250, "ClientProxyConnectionError",                                       \
      "the target did not answer the proxy")                                                       \
    X(SOCKS_COMMAND, 8251, "ClientProxyConnectionError", "the proxy does not connect")             \
    X(SOCKS_ADDRESS, 8252, "ClientProxyConnectionError",                                           \
      "the proxy does not know this kind of address")                                              \
    X(FINGERPRINT, 8253, "ServerFingerprintMismatch", "the server has another certificate")    \
    X(SERVER_DISCONNECTED, 8210, "ServerDisconnectedError",                                        \
      "the server closed the connection without an answer")                                        \
    X(NON_HTTP_URL, 8211, "NonHttpUrlClientError", "the URL is neither http nor https")            \
    X(NON_HTTP_URL_REDIRECT, 8212, "NonHttpUrlRedirectClientError",                                \
      "the server redirects to a URL that is neither http nor https")                              \
    X(INVALID_URL_REDIRECT, 8213, "InvalidUrlRedirectClientError",                                 \
      "the server redirects to what is no URL")                                                    \
    X(TOO_MANY_REDIRECTS, 8214, "TooManyRedirects", "the server redirects too often")              \
    X(BODY_SENT, 8215, "ClientPayloadError",                                                       \
      "the body of the request cannot be sent a second time")                                      \
    X(CONTENT_TYPE, 8216, "ContentTypeError", "the answer is of another type")                     \
    X(SESSION_CLOSED, 8217, "RuntimeError", "the session is closed")                               \
    X(WS_HANDSHAKE, 8220, "WSServerHandshakeError", "the server did not agree to a WebSocket") \
    X(WEBSOCKET, 8221, "WebSocketError", "the peer of a WebSocket broke its rules")

enum aiohttp_error_code {
#define AIOHTTP__CODE(name, code, python, sentence) AIOHTTP_##name = code,
    AIOHTTP_ERRORS(AIOHTTP__CODE)
#undef AIOHTTP__CODE
};

ASYNCIO__END
