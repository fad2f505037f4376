/* SPDX-License-Identifier: MIT */
/* Digest authentication as a middleware, and Basic as a field: see <aiohttp/digest_auth.h>. The
 * rules are in digest.c. */
#include <aiohttp/digest_auth.h>

#include "base/error.h"
#include "client/digest.h"
#include "wire/ascii.h"
#include "wire/basic.h"

#include <aiohttp/client.h>
#include <asyncio/alloc.h>
#include <errno.h>

enum { FIELD_MOST = 1 << 16, UNAUTHORIZED = 401, ANSWERS_MOST = 2 };

struct aiohttp_digest_auth_middleware {
    unsigned references;
    bool is_preemptive;
    struct digest digest;
    char *password;
    char login[];
};

int(aiohttp_digest_auth_middleware_new)(const char *login, const char *password,
                                        aiohttp_digest_auth_middleware **ret_middleware,
                                        const aiohttp_digest_auth_middleware_options *options)
{
    aiohttp__errors_add();
    if (!login || !password || strchr(login, ':') || ascii_has_control(span_of(login)))
        return asyncio_raise(-EINVAL, "a user without a colon or control characters is needed");
    size_t size = strlen(login) + 1;
    aiohttp_digest_auth_middleware *made =
        asyncio_mem_calloc(1, sizeof *made + size + strlen(password) + 1);
    if (!made)
        return -ENOMEM;
    made->references = 1;
    made->is_preemptive = options ? options->preemptive : AIOHTTP__DEFAULT_PREEMPTIVE;
    made->password = made->login + size;
    memcpy(made->login, login, size);
    memcpy(made->password, password, strlen(password) + 1);
    *ret_middleware = made;
    return 0;
}

aiohttp_digest_auth_middleware *
aiohttp_digest_auth_middleware_ref(aiohttp_digest_auth_middleware *middleware)
{
    if (middleware)
        middleware->references++;
    return middleware;
}

void aiohttp_digest_auth_middleware_unref(aiohttp_digest_auth_middleware *middleware)
{
    if (!middleware || --middleware->references > 0)
        return;
    aiohttp__digest_fini(&middleware->digest);
    asyncio_mem_free(middleware);
}

static int authorize(aiohttp_digest_auth_middleware *middleware, aiohttp_client_request *request)
{
    size_t size = 0;
    const void *body = aiohttp_client_request_body(request, &size);
    struct digest_request ask = { .user = middleware->login,
                                  .password = middleware->password,
                                  .method = aiohttp_client_request_method(request),
                                  .url = aiohttp_client_request_url(request) };
    if (body)
        ask.body = (struct span){ body, size };
    else if (size == 0)
        ask.body = SPAN("");
    aiohttp_headers *headers = aiohttp_client_request_headers(request);
    struct bytes out = bytes_up_to(FIELD_MOST);
    int r = headers ? aiohttp__digest_write(&middleware->digest, &ask, &out) : -ENOMEM;
    bytes_put(&out, '\0');
    if (r >= 0)
        r = out.error;
    if (r >= 0)
        r = aiohttp_headers_set(headers, "Authorization", out.data);
    aiohttp__bytes_fini(&out);
    return r;
}

/* The answer was 401: 1 when it is worth asking again, and nobody needs the answer any more. */
static int learn(aiohttp_digest_auth_middleware *middleware, aiohttp_client_response *response,
                 bool was_sent)
{
    const aiohttp_headers *headers = aiohttp_client_response_headers(response);
    if (!headers)
        return -ENOMEM;
    int r = aiohttp__digest_learn(&middleware->digest, headers, "WWW-Authenticate",
                                  aiohttp_client_response_url(response), was_sent);
    return r == -EACCES || r == -ENOTSUP || r == -EINVAL ? 0 : r;
}

int aiohttp_digest_auth_middleware_call(aiohttp_client_request *request, aiohttp_client_next *next,
                                        aiohttp_client_response **ret_response, void *data)
{
    aiohttp_digest_auth_middleware *middleware = data;
    struct digest *digest = &middleware->digest;
    const aiohttp_url *url = aiohttp_client_request_url(request);
    if (!digest->origin) { /* whom it belongs to, from the first request on */
        int r = aiohttp_url_origin(url, &digest->origin);
        if (r < 0)
            return r;
    }
    if (!aiohttp__digest_is_ours(digest, url))
        return next(request, ret_response);
    if (middleware->is_preemptive && aiohttp__digest_covers(digest, url)) {
        int r = authorize(middleware, request);
        if (r < 0 && r != -ENOTSUP)
            return r;
    }
    for (int answers = 0;; answers++) {
        aiohttp_client_response *response;
        int r = next(request, &response);
        if (r < 0)
            return r;
        if (aiohttp_client_response_status(response) == UNAUTHORIZED && answers < ANSWERS_MOST)
            r = learn(middleware, response, answers > 0);
        else
            r = 0;
        if (r > 0) {
            r = authorize(middleware, request);
            r = r == -ENOTSUP ? 0 : r < 0 ? r : 1;
        }
        if (r == 0) {
            *ret_response = response;
            return 0;
        }
        int released = aiohttp_client_response_release(response);
        aiohttp_client_response_unref(response);
        if (r < 0 || released < 0)
            return r < 0 ? r : released;
    }
}

int aiohttp_encode_basic_auth(const char *login, const char *password, char **ret_value)
{
    struct bytes out = bytes_up_to(FIELD_MOST);
    aiohttp__errors_add();
    if (!login || !password)
        return asyncio_raise(-EINVAL, "Basic is of a user and a password");
    aiohttp__basic_write(&out, span_of(login), span_of(password));
    bytes_put(&out, '\0');
    if (out.error) {
        int r = out.error == -ENOMEM ? -ENOMEM : -EINVAL;
        aiohttp__bytes_fini(&out);
        return r == -ENOMEM ? r : asyncio_raise(r, "no user or password for Basic");
    }
    *ret_value = out.data; /* of asyncio_mem, as all bytes that grow */
    return 0;
}
