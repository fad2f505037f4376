/* SPDX-License-Identifier: MIT */
/* Redirects: what an answer makes of a request (RFC 9110, 15.4; Fetch, 4.4, where servers rely on
 * it). */
#include "client/session.h"

#include <aiohttp/error.h>
#include <errno.h>

/* ws is http, wss https: the same server. */
static bool is_secure(const aiohttp_url *url)
{
    const char *scheme = aiohttp_url_scheme(url);
    return strcmp(scheme, "https") == 0 || strcmp(scheme, "wss") == 0;
}

bool aiohttp__is_same_origin(const aiohttp_url *one, const aiohttp_url *other)
{
    return aiohttp_url_port(one) == aiohttp_url_port(other) && is_secure(one) == is_secure(other) &&
           strcmp(aiohttp_url_raw_host(one), aiohttp_url_raw_host(other)) == 0;
}

static bool is_scheme(const struct aiohttp_client_request *request, const char *scheme)
{
    if (request->is_upgrade && (strcmp(scheme, "ws") == 0 || strcmp(scheme, "wss") == 0))
        return true;
    return strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
}

/* The user and password of a URL are for its origin: they stay with an absolute URL of that, as
 * they do with a relative one. */
static int keep_user(const aiohttp_url *from, aiohttp_url **url)
{
    aiohttp_url *with = NULL, *next = NULL;
    const char *user = aiohttp_url_user(from), *password = aiohttp_url_password(from);
    if (!user || aiohttp_url_raw_user(*url) || aiohttp_url_raw_password(*url) ||
        !aiohttp__is_same_origin(from, *url))
        return 0;
    int r = aiohttp_url_with_user(*url, user, &with);
    if (r >= 0 && password)
        r = aiohttp_url_with_password(with, password, &next);
    if (r < 0) {
        aiohttp_url_unref(with);
        return r;
    }
    if (next)
        aiohttp_url_unref(with);
    aiohttp_url_unref(*url);
    *url = next ? next : with;
    return 0;
}

/* Where it leads to: 1, 0 nowhere, or an error. */
static int target_of(struct aiohttp_client_request *request, aiohttp_client_response *response,
                     aiohttp_url **ret_url)
{
    const struct aiohttp_headers *headers = aiohttp__response_headers(response);
    if (!headers)
        return -ENOMEM;
    const char *location = aiohttp_headers_get(headers, "Location");
    aiohttp_url *given = NULL, *joined = NULL;
    if (!location)
        location = aiohttp_headers_get(headers, "URI");
    if (!location)
        return 0;
    int r = aiohttp_url_new(location, &given);
    if (r >= 0)
        r = aiohttp_url_join(request->url, given, &joined);
    aiohttp_url_unref(given);
    if (r == -AIOHTTP_INVALID_URL)
        return asyncio_raise(-AIOHTTP_INVALID_URL_REDIRECT, "%s redirects to what is no URL",
                             aiohttp_url_host_port_subcomponent(request->url));
    if (r < 0)
        return r;
    const char *scheme = aiohttp_url_scheme(joined);
    if (!is_scheme(request, scheme) || !aiohttp_url_raw_host(joined)) {
        r = asyncio_raise(-AIOHTTP_NON_HTTP_URL_REDIRECT, "%s redirects to a URL of scheme \"%s\"",
                          aiohttp_url_host_port_subcomponent(request->url), scheme);
        aiohttp_url_unref(joined);
        return r;
    }
    if ((r = keep_user(request->url, &joined)) < 0) {
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
                             aiohttp_url_host_port_subcomponent(request->url), status);
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
