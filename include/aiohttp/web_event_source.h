/* SPDX-License-Identifier: MIT */
/* Server-sent events: a stream of messages to a page's EventSource. aiohttp_sse's
 * EventSourceResponse.
 *
 *     aiohttp_web_response *response = aiohttp_web_request_response(request);
 *     int r = aiohttp_web_event_source_prepare(response);
 *     while (r >= 0 && (r = next_news(&news)) >= 0)
 *         r = aiohttp_web_event_source_send(response, news, .event = "news");
 *
 * MODEL   A stream response of type text/event-stream that nobody caches or holds back. Each
 *         message goes out at once. The page comes back by itself when the connection ends, and
 *         says in the header Last-Event-ID which message it had last.
 * END     The handler returns when the peer has gone: send gives -ECONNRESET then. One that waits
 *         long for news asks for handler cancellation, or sends a ping now and then. A shutdown
 *         does not wait for it: behind on_shutdown the handler is cancelled, its -ECANCELED ends
 *         the stream as it should be, and the page comes back to whoever listens then.
 * SOURCE  The HTML standard, 9.2. */
#pragma once

#include <aiohttp/web_response.h>

ASYNCIO__BEGIN

/* Sets type and headers and prepares the response. As aiohttp_web_response_prepare. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_event_source_prepare(aiohttp_web_response *response);

typedef struct aiohttp_web_event_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_event_options));
    const char *event ASYNCIO__0;   /* its type; NULL: "message" */
    const char *id ASYNCIO__0;      /* what Last-Event-ID will be */
    int retry ASYNCIO__0;           /* milliseconds after which the page comes back; 0: not said */
} aiohttp_web_event_options;

/* Sends a message; `data` may have several lines. -EINVAL for an event or id with a line end;
 * -ASYNCIO_INVALID_STATE before prepare; -ENOMEM; as aiohttp_web_response_write. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_event_source_send(aiohttp_web_response *response, const char *data,
                              const aiohttp_web_event_options *options);

/* Sends a comment, which the page does not see: keeps proxies from closing, and notices that the
 * peer has gone. As aiohttp_web_response_write. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_event_source_ping(aiohttp_web_response *response);

ASYNCIO_MUST_CHECK static inline int
aiohttp__event_source_send_v(aiohttp_web_response *response, const char *data,
                             aiohttp_web_event_options options)
{
    return aiohttp_web_event_source_send(response, data, &options);
}

ASYNCIO__END

#define aiohttp_web_event_source_send(...) aiohttp__event_source_send_m(__VA_ARGS__, )
#define aiohttp__event_source_send_m(response, data, ...)                                          \
    aiohttp__event_source_send_v(response, data,                                                   \
                                 ASYNCIO__OPTIONS(aiohttp_web_event_options, (), __VA_ARGS__))
