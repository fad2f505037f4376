/* SPDX-License-Identifier: MIT */
/* Redirects: what an answer makes of a request (RFC 9110, 15.4; Fetch, 4.4, where servers rely on
 * it). */
#include "client/session.h"

#include <aiohttp/error.h>
#include <errno.h>

bool aiohttp__is_same_origin(const aiohttp_url *one, const aiohttp_url *other)
{
    return aiohttp_url_port(one) == aiohttp_url_port(other) &&
           strcmp(aiohttp_url_scheme(one), aiohttp_url_scheme(other)) == 0 &&
           strcmp(aiohttp_url_raw_host(one), aiohttp_url_raw_host(other)) == 0;
}

/* Where it leads to: 1, 0 nowhere, or an error. */
static int target_of(struct aiohttp_client_request *request, aiohttp_client_response *response,
                     aiohttp_url **ret_url)
{
    const char *location = aiohttp_client_response_header(response, "Location");
    aiohttp_url *given = NULL, *joined = NULL;
    if (!location)
        location = aiohttp_client_response_header(response, "URI");
    if (!location)
        return 0;
    int r = aiohttp_url_new(location, &given);
    if (r >= 0)
        r = aiohttp_url_join(request->url, given, &joined);
    aiohttp_url_unref(given);
    if (r == -AIOHTTP_INVALID_URL)
        return asyncio_raise(-AIOHTTP_INVALID_URL_REDIRECT, "%s redirects to what is no URL",
                             aiohttp_url_raw_authority(request->url));
    if (r < 0)
        return r;
    const char *scheme = aiohttp_url_scheme(joined);
    if ((strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) ||
        !aiohttp_url_raw_host(joined)) {
        r = asyncio_raise(-AIOHTTP_NON_HTTP_URL_REDIRECT, "%s redirects to a URL of scheme \"%s\"",
                          aiohttp_url_raw_authority(request->url), scheme);
        aiohttp_url_unref(joined);
        return r;
    }
    *ret_url = joined;
    return 1;
}

/* What was meant for one server only. */
static int leave_origin(struct aiohttp_client_request *request)
{
    request->has_left_origin = true;
    if (!request->headers)
        return 0;
    aiohttp_headers_remove(request->headers, "Authorization");
    aiohttp_headers_remove(request->headers, "Cookie");
    aiohttp_headers_remove(request->headers, "Proxy-Authorization");
    aiohttp_headers_remove(request->headers, "Host");
    return 0;
}

static void become_get(struct aiohttp_client_request *request)
{
    request->method = SPAN("GET");
    request->id = METHOD_GET;
    aiohttp__body_drop(request);
    if (request->headers) {
        aiohttp_headers_remove(request->headers, "Content-Type");
        aiohttp_headers_remove(request->headers, "Content-Encoding");
        aiohttp_headers_remove(request->headers, "Expect");
    }
}

int aiohttp__redirect(struct aiohttp_client_request *request, aiohttp_client_response *response)
{
    int status = aiohttp_client_response_status(response);
    if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)
        return 0;
    aiohttp_url *next = NULL;
    int r = target_of(request, response, &next);
    if (r <= 0)
        return r;
    if ((status == 303 && request->id != METHOD_HEAD) ||
        ((status == 301 || status == 302) && request->id == METHOD_POST))
        become_get(request);
    else if (!aiohttp__body_rewind(request)) {
        aiohttp_url_unref(next);
        return asyncio_raise(-AIOHTTP_BODY_SENT, "%s redirects with %d, and the body was sent",
                             aiohttp_url_raw_authority(request->url), status);
    }
    if (!aiohttp__is_same_origin(request->url, next) ||
        (request->first && !aiohttp__is_same_origin(request->first, next)))
        r = leave_origin(request);
    if (!request->first)
        request->first = aiohttp_url_ref(request->url);
    aiohttp_url_unref(request->url);
    request->url = next;
    return r < 0 ? r : 1;
}
