/* SPDX-License-Identifier: MIT */
/* What more a response says when it is asked: the fields behind its body, what it would be called
 * as a file. Worked out once, in the response's arena. */
#include "client/session.h"

#include "wire/disposition.h"

#include <errno.h>

static aiohttp_client_response *changed(const aiohttp_client_response *response)
{
    return (aiohttp_client_response *)(uintptr_t)response;
}

const aiohttp_headers *aiohttp_client_response_trailers(const aiohttp_client_response *constant)
{
    aiohttp_client_response *response = changed(constant);
    const struct trailers *trailers = response->http.exchange.trailers;
    if (trailers && !response->trailers)
        response->trailers = aiohttp__exchange_headers(&response->http.exchange, trailers->fields,
                                                       trailers->count, trailers->text);
    return response->trailers;
}

static int read_disposition(struct arena *arena, const struct disposition *found,
                            aiohttp_content_disposition *ret)
{
    struct bytes text = bytes_up_to(1 << 20);
    char *type = aiohttp__arena_text(arena, found->type);
    for (char *at = type; at && *at; at++)
        *at = (char)ascii_lower(*at);
    ret->type = type;
    int r = type ? 0 : -ENOMEM;
    if (r >= 0 && aiohttp__disposition_filename(&text, found)) {
        struct span base = aiohttp__disposition_base(bytes_span(&text));
        r = text.error;
        if (r >= 0 && !(ret->filename = aiohttp__arena_text(arena, base)))
            r = -ENOMEM;
    }
    text.size = 0;
    if (r >= 0 && aiohttp__disposition_name(&text, found)) {
        r = text.error;
        if (r >= 0 && !(ret->name = aiohttp__arena_text(arena, bytes_span(&text))))
            r = -ENOMEM;
    }
    aiohttp__bytes_fini(&text);
    return r;
}

const aiohttp_content_disposition *
aiohttp_client_response_content_disposition(const aiohttp_client_response *constant)
{
    aiohttp_client_response *response = changed(constant);
    struct arena *arena = &response->http.exchange.arena;
    struct span field = aiohttp__response_field(response, HEADER_CONTENT_DISPOSITION);
    struct disposition found;
    if (response->disposition || !field.data || aiohttp__disposition_parse(field, &found) < 0)
        return response->disposition;
    aiohttp_content_disposition *made = aiohttp__arena_alloc(arena, sizeof *made);
    if (!made)
        return NULL;
    *made = (aiohttp_content_disposition){ .type = NULL };
    if (read_disposition(arena, &found, made) < 0)
        return NULL;
    return response->disposition = made;
}
