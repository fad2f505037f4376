/* SPDX-License-Identifier: MIT */
/* JSON in requests and answers. */
#include "web/request.h"

#include "message/json.h"

#include <aiohttp/error.h>
#include <errno.h>
#include <jansson.h>

int aiohttp_web_request_json(aiohttp_web_request *request, struct json_t **ret_json)
{
    const char *data;
    size_t size;
    int r = aiohttp_web_request_read(request, &data, &size);
    if (r >= 0 && !request->json)
        r = aiohttp_json_loads(data, size, &request->json);
    if (r == -EINVAL || r == -E2BIG || r == -EMSGSIZE)
        r = -(AIOHTTP_HTTP + 400);
    if (r < 0)
        return r;
    *ret_json = request->json;
    return 0;
}

void aiohttp__web_json_end(aiohttp_web_request *request)
{
    if (request->json)
        json_decref(request->json);
    request->json = NULL;
}

int(aiohttp_web_respond_json)(aiohttp_web_request *request, const struct json_t *json,
                              const aiohttp_web_response_options *options)
{
    char little[1024];
    struct bytes text = bytes_in(little, sizeof little);
    aiohttp_web_response_options with = { .size = sizeof with, .status = AIOHTTP__DEFAULT_STATUS };
    if (options)
        with = *options;
    with.is_lent = 0;
    if (!with.content_type)
        with.content_type = "application/json; charset=utf-8";
    int r = json ? aiohttp__json_write(&text, json, NULL) : -EINVAL;
    if (r == -EMSGSIZE) {
        text = bytes_up_to(PTRDIFF_MAX);
        r = aiohttp__json_write(&text, json, NULL);
    }
    if (r >= 0)
        r = (aiohttp_web_respond_bytes)(request, text.data, text.size, &with);
    aiohttp__bytes_fini(&text);
    return r;
}
