/* SPDX-License-Identifier: MIT */
/* What comes before an answer, or in place of one: 1xx, and the stream itself. */
#include "web/request.h"

#include "wire/fields.h"

#include <asyncio/error.h>
#include <errno.h>

int aiohttp_web_response_informational(aiohttp_web_response *response, int status,
                                       const char *const *headers)
{
    struct exchange *exchange = response->request->exchange;
    struct aiohttp_headers fields;
    aiohttp__headers_init(&fields, &exchange->arena);
    if (response->is_prepared)
        return -ASYNCIO_INVALID_STATE;
    if (status < 102 || status > 199)
        return asyncio_raise(-EINVAL, "%d is no status before an answer", status);
    for (; headers && headers[0]; headers += 2) {
        struct span name = span_of(headers[0]);
        /* It has no body, whatever is said of one. */
        bool is_bad = !headers[1] || span_is_case(name, SPAN("Content-Length")) ||
                      span_is_case(name, SPAN("Transfer-Encoding"));
        int r = is_bad ? -EINVAL : aiohttp_headers_add(&fields, headers[0], headers[1]);
        if (r < 0)
            return r;
    }
    return exchange->type->inform(exchange, status, &fields);
}

/* Whether the request wants that protocol. */
static bool is_wanted(const aiohttp_web_request *request, struct span protocol)
{
    struct span field = aiohttp__web_request_list(request, HEADER_UPGRADE);
    return request->exchange->head.flags & HEAD_UPGRADE && field.data &&
           aiohttp__list_has(field, protocol);
}

int aiohttp_web_response_upgrade(aiohttp_web_response *response, const char *protocol,
                                 asyncio_stream **ret_stream)
{
    struct exchange *exchange = response->request->exchange;
    bool is_connect = exchange->head.method == METHOD_CONNECT;
    if (response->is_prepared || !exchange->is_body_read)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "%s", response->is_prepared
                                                               ? "the answer has begun"
                                                               : "the body has to be read first");
    if (protocol ? !is_wanted(response->request, span_of(protocol)) : !is_connect)
        return asyncio_raise(-EINVAL, "the request asks for no such thing");
    /* From now on the handler reads the stream. */
    int r = exchange->type->watch(exchange, false);
    if (r < 0)
        return r;
    int was = response->status;
    response->status = protocol ? 101 : 200;
    response->reason = NULL;
    if (protocol)
        r = aiohttp_web_response_set_header(response, "Upgrade", protocol);
    if (r >= 0 && protocol)
        r = aiohttp_web_response_set_header(response, "Connection", "Upgrade");
    if (r >= 0)
        r = aiohttp__web_response_begin(response, -1);
    if (r < 0) { /* half an upgrade is none */
        response->status = was;
        if (response->headers) {
            aiohttp_headers_remove(response->headers, "Upgrade");
            aiohttp_headers_remove(response->headers, "Connection");
        }
        return r;
    }
    response->is_ended = true;
    return exchange->type->upgrade(exchange, ret_stream);
}
