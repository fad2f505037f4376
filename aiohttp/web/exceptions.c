/* SPDX-License-Identifier: MIT */
/* HTTP statuses as errors: each sets the answer and returns its code. */
#include "web/page.h"

#include "wire/write.h"

#include <aiohttp/web_exceptions.h>
#include <asyncio/error.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

const char *aiohttp_web_http_reason(int status)
{
    static _Thread_local char text[64];
    struct span reason = aiohttp__reason(status);
    snprintf(text, sizeof text, "%.*s", (int)reason.size, reason.size ? reason.data : "");
    return text;
}

static const aiohttp_web_http_options usual = { .size = sizeof usual };

/* For a browser. Caches keep it apart from the plain text. */
static int respond_page(aiohttp_web_request *request, aiohttp_web_response_options *answer,
                        const char *reason)
{
    char memory[2048];
    struct bytes page = bytes_in(memory, sizeof memory);
    struct aiohttp_web_response *response = &request->response;
    aiohttp__page_status(&page, answer->status, reason);
    answer->content_type = "text/html; charset=utf-8";
    int r = response->is_prepared ? 0 : aiohttp__web_response_vary(response, "Accept");
    if (page.error) { /* a reason as long as a book */
        answer->content_type = NULL;
        r = r < 0 ? r : (aiohttp_web_respond)(request, reason, answer);
    } else if (r >= 0)
        r = (aiohttp_web_respond_bytes)(request, page.data, page.size, answer);
    return r < 0 && r != -ASYNCIO_INVALID_STATE ? r : -(AIOHTTP_HTTP + answer->status);
}

int(aiohttp_web_http_exception)(aiohttp_web_request *request, int status,
                                const aiohttp_web_http_options *options)
{
    char text[128];
    aiohttp_web_response_options answer = { .size = sizeof answer, .status = status };
    if (!options)
        options = &usual;
    if (status < 200 || status > 599)
        return asyncio_raise(-EINVAL, "%d is no status of an answer", status);
    answer.reason = options->reason;
    answer.content_type = options->content_type;
    answer.headers = options->headers;
    const char *body = options->text;
    bool has_none = status == 204 || status == 205 || status == 304;
    if (!body && !has_none) {
        const char *reason = options->reason ? options->reason : aiohttp_web_http_reason(status);
        if (!options->content_type && aiohttp__page_is_wanted(request))
            return respond_page(request, &answer, reason);
        snprintf(text, sizeof text, "%d: %s", status, reason);
        body = text;
    }
    int r = (aiohttp_web_respond)(request, has_none ? NULL : body, &answer);
    return r < 0 && r != -ASYNCIO_INVALID_STATE ? r : -(AIOHTTP_HTTP + status);
}

int aiohttp__http_move(aiohttp_web_request *request, int status, const char *location,
                       const aiohttp_web_http_options *options)
{
    if (!location)
        return asyncio_raise(-EINVAL, "a redirect needs a location");
    int r = aiohttp_web_response_set_header(&request->response, "Location", location);
    return r < 0 && r != -ASYNCIO_INVALID_STATE
               ? r
               : (aiohttp_web_http_exception)(request, status, options);
}

int(aiohttp_web_http_method_not_allowed)(aiohttp_web_request *request, const char *allowed,
                                         const aiohttp_web_http_options *options)
{
    int r = aiohttp_web_response_set_header(&request->response, "Allow", allowed ? allowed : "");
    return r < 0 && r != -ASYNCIO_INVALID_STATE
               ? r
               : (aiohttp_web_http_exception)(request, 405, options);
}

int(aiohttp_web_http_request_entity_too_large)(aiohttp_web_request *request, uint64_t max_size,
                                               uint64_t actual_size,
                                               const aiohttp_web_http_options *options)
{
    char text[128];
    aiohttp_web_http_options with = options ? *options : usual;
    if (!with.text) {
        snprintf(text, sizeof text,
                 "Maximum request body size %" PRIu64 " exceeded, actual body size %" PRIu64,
                 max_size, actual_size);
        with.text = text;
    }
    return (aiohttp_web_http_exception)(request, 413, &with);
}

int(aiohttp_web_http_unavailable_for_legal_reasons)(aiohttp_web_request *request, const char *link,
                                                    const aiohttp_web_http_options *options)
{
    char text[1024];
    int size = link ? snprintf(text, sizeof text, "<%s>; rel=\"blocked-by\"", link) : 0;
    if (size < 0 || (size_t)size >= sizeof text)
        return -EINVAL;
    int r = link ? aiohttp_web_response_set_header(&request->response, "Link", text) : 0;
    return r < 0 && r != -ASYNCIO_INVALID_STATE
               ? r
               : (aiohttp_web_http_exception)(request, 451, options);
}

#define STATUS(name, status)                                                                       \
    int(aiohttp_web_http_##name)(aiohttp_web_request *request,                                     \
                                 const aiohttp_web_http_options *options)                          \
    {                                                                                              \
        return (aiohttp_web_http_exception)(request, status, options);                             \
    }
STATUS(ok, 200)
STATUS(created, 201)
STATUS(accepted, 202)
STATUS(non_authoritative_information, 203)
STATUS(no_content, 204)
STATUS(reset_content, 205)
STATUS(partial_content, 206)
STATUS(not_modified, 304)
STATUS(bad_request, 400)
STATUS(unauthorized, 401)
STATUS(payment_required, 402)
STATUS(forbidden, 403)
STATUS(not_found, 404)
STATUS(not_acceptable, 406)
STATUS(proxy_authentication_required, 407)
STATUS(request_timeout, 408)
STATUS(conflict, 409)
STATUS(gone, 410)
STATUS(length_required, 411)
STATUS(precondition_failed, 412)
STATUS(request_uri_too_long, 414)
STATUS(unsupported_media_type, 415)
STATUS(request_range_not_satisfiable, 416)
STATUS(expectation_failed, 417)
STATUS(misdirected_request, 421)
STATUS(unprocessable_entity, 422)
STATUS(failed_dependency, 424)
STATUS(upgrade_required, 426)
STATUS(precondition_required, 428)
STATUS(too_many_requests, 429)
STATUS(request_header_fields_too_large, 431)
STATUS(internal_server_error, 500)
STATUS(not_implemented, 501)
STATUS(bad_gateway, 502)
STATUS(service_unavailable, 503)
STATUS(gateway_timeout, 504)
STATUS(version_not_supported, 505)
STATUS(variant_also_negotiates, 506)
STATUS(insufficient_storage, 507)
STATUS(not_extended, 510)
STATUS(network_authentication_required, 511)

#define MOVE(name, status)                                                                         \
    int(aiohttp_web_http_##name)(aiohttp_web_request *request, const char *location,               \
                                 const aiohttp_web_http_options *options)                          \
    {                                                                                              \
        return aiohttp__http_move(request, status, location, options);                             \
    }
MOVE(multiple_choices, 300)
MOVE(moved_permanently, 301)
MOVE(found, 302)
MOVE(see_other, 303)
MOVE(use_proxy, 305)
MOVE(temporary_redirect, 307)
MOVE(permanent_redirect, 308)
