/* SPDX-License-Identifier: MIT */
/* Names of header fields that somebody here asks for, as numbers.
 *
 * MODEL      A name is looked up once, as it is read, by a perfect hash of its length and a few of
 *            its letters, and one comparison; whoever asks compares numbers. Case does not count.
 *            HEADER_OTHER is every name that is not in the list.
 * ORDER      Names that the parser itself looks at stand first (HEADER_PARSED is their number). A
 *            new name is added at the end; tools/names.py then makes names_table.h anew. */
#pragma once

#include "base/span.h"

#include <stdint.h>

/* clang-format off */
#define HEADER_NAMES(X)                                                                            \
    X(HOST, "Host") X(CONTENT_LENGTH, "Content-Length")                                            \
    X(TRANSFER_ENCODING, "Transfer-Encoding") X(CONNECTION, "Connection") X(UPGRADE, "Upgrade")    \
    X(EXPECT, "Expect")                                                                            \
    X(ACCEPT, "Accept") X(ACCEPT_CHARSET, "Accept-Charset") X(ACCEPT_ENCODING, "Accept-Encoding")  \
    X(ACCEPT_LANGUAGE, "Accept-Language") X(ACCEPT_RANGES, "Accept-Ranges")                        \
    X(ACCESS_CONTROL_ALLOW_CREDENTIALS, "Access-Control-Allow-Credentials")                        \
    X(ACCESS_CONTROL_ALLOW_HEADERS, "Access-Control-Allow-Headers")                                \
    X(ACCESS_CONTROL_ALLOW_METHODS, "Access-Control-Allow-Methods")                                \
    X(ACCESS_CONTROL_ALLOW_ORIGIN, "Access-Control-Allow-Origin")                                  \
    X(ACCESS_CONTROL_EXPOSE_HEADERS, "Access-Control-Expose-Headers")                              \
    X(ACCESS_CONTROL_MAX_AGE, "Access-Control-Max-Age")                                            \
    X(ACCESS_CONTROL_REQUEST_HEADERS, "Access-Control-Request-Headers")                            \
    X(ACCESS_CONTROL_REQUEST_METHOD, "Access-Control-Request-Method")                              \
    X(AGE, "Age") X(ALLOW, "Allow") X(ALT_SVC, "Alt-Svc") X(AUTHORIZATION, "Authorization")        \
    X(CACHE_CONTROL, "Cache-Control") X(CONTENT_DISPOSITION, "Content-Disposition")                \
    X(CONTENT_ENCODING, "Content-Encoding") X(CONTENT_LANGUAGE, "Content-Language")                \
    X(CONTENT_LOCATION, "Content-Location") X(CONTENT_RANGE, "Content-Range")                      \
    X(CONTENT_SECURITY_POLICY, "Content-Security-Policy")                                          \
    X(CONTENT_TRANSFER_ENCODING, "Content-Transfer-Encoding") X(CONTENT_TYPE, "Content-Type")      \
    X(COOKIE, "Cookie") X(DATE, "Date") X(DNT, "DNT") X(ETAG, "ETag") X(EXPIRES, "Expires")        \
    X(FORWARDED, "Forwarded") X(FROM, "From") X(IF_MATCH, "If-Match")                              \
    X(IF_MODIFIED_SINCE, "If-Modified-Since") X(IF_NONE_MATCH, "If-None-Match")                    \
    X(IF_RANGE, "If-Range") X(IF_UNMODIFIED_SINCE, "If-Unmodified-Since")                          \
    X(KEEP_ALIVE, "Keep-Alive") X(LAST_EVENT_ID, "Last-Event-ID")                                  \
    X(LAST_MODIFIED, "Last-Modified") X(LINK, "Link") X(LOCATION, "Location")                      \
    X(MAX_FORWARDS, "Max-Forwards") X(ORIGIN, "Origin") X(PRAGMA, "Pragma") X(PRIORITY, "Priority")\
    X(PROXY_AUTHENTICATE, "Proxy-Authenticate") X(PROXY_AUTHORIZATION, "Proxy-Authorization")      \
    X(PROXY_CONNECTION, "Proxy-Connection") X(RANGE, "Range") X(REFERER, "Referer")                \
    X(REFERRER_POLICY, "Referrer-Policy") X(RETRY_AFTER, "Retry-After")                            \
    X(SEC_CH_UA, "Sec-CH-UA") X(SEC_CH_UA_MOBILE, "Sec-CH-UA-Mobile")                              \
    X(SEC_CH_UA_PLATFORM, "Sec-CH-UA-Platform") X(SEC_FETCH_DEST, "Sec-Fetch-Dest")                \
    X(SEC_FETCH_MODE, "Sec-Fetch-Mode") X(SEC_FETCH_SITE, "Sec-Fetch-Site")                        \
    X(SEC_FETCH_USER, "Sec-Fetch-User") X(SEC_WEBSOCKET_ACCEPT, "Sec-WebSocket-Accept")            \
    X(SEC_WEBSOCKET_EXTENSIONS, "Sec-WebSocket-Extensions")                                        \
    X(SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key") X(SEC_WEBSOCKET_PROTOCOL, "Sec-WebSocket-Protocol")  \
    X(SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version") X(SERVER, "Server")                          \
    X(SET_COOKIE, "Set-Cookie") X(STRICT_TRANSPORT_SECURITY, "Strict-Transport-Security")          \
    X(TE, "TE") X(TRAILER, "Trailer") X(TRACEPARENT, "traceparent") X(TRACESTATE, "tracestate")    \
    X(UPGRADE_INSECURE_REQUESTS, "Upgrade-Insecure-Requests") X(USER_AGENT, "User-Agent")          \
    X(VARY, "Vary") X(VIA, "Via") X(WARNING, "Warning") X(WWW_AUTHENTICATE, "WWW-Authenticate")    \
    X(X_CONTENT_TYPE_OPTIONS, "X-Content-Type-Options") X(X_FORWARDED_FOR, "X-Forwarded-For")      \
    X(X_FORWARDED_HOST, "X-Forwarded-Host") X(X_FORWARDED_PROTO, "X-Forwarded-Proto")              \
    X(X_FRAME_OPTIONS, "X-Frame-Options") X(X_REAL_IP, "X-Real-IP")                                \
    X(X_REQUEST_ID, "X-Request-ID") X(X_REQUESTED_WITH, "X-Requested-With")
/* clang-format on */

enum header_id {
    HEADER_OTHER,
#define HEADER_ENUM(name, text) HEADER_##name,
    HEADER_NAMES(HEADER_ENUM)
#undef HEADER_ENUM
    HEADER_COUNT
};

#define HEADER_PARSED (HEADER_EXPECT + 1)

/* A set of known names. */
struct header_set {
    uint64_t bits[2];
};

_Static_assert(HEADER_COUNT <= 128, "a set of names has 128 bits");

static inline bool header_set_has(const struct header_set *set, enum header_id id)
{
    return (set->bits[id >> 6] >> (id & 63) & 1) != 0;
}

/* The number of a name; its bytes are known to be those of a token (tchar). */
enum header_id aiohttp__header_id(const char *name, size_t size);

/* A known name as it is written: static text, with its usual capitals. */
struct span aiohttp__header_text(enum header_id id);
