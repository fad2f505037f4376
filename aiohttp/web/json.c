/* SPDX-License-Identifier: MIT */
/* JSON in requests and answers. */
#include "message/json.h"
#include "web/request.h"

#include <aiohttp/error.h>
#include <errno.h>
#include <jansson.h>

int aiohttp_web_request_json(aiohttp_web_request *request, struct json_t **ret_json)
{
    if (!request->json) {
        const char *text;
        int r = aiohttp_web_request_text(request, &text);
        if (r >= 0)
            r = (aiohttp_json_loads)(text, strlen(text), &request->json, NULL);
        if (r < 0)
            return r == -EINVAL || r == -E2BIG ? -(AIOHTTP_HTTP + 400) : r;
    }
    *ret_json = request->json;
    return 0;
}

void aiohttp__web_json_end(aiohttp_web_request *request)
{
    json_decref(request->json);
    request->json = NULL;
}

int(aiohttp_web_respond_json)(aiohttp_web_request *request, const struct json_t *json,
                              const aiohttp_web_response_options *options)
{
    aiohttp_web_response_options own = { .size = sizeof own, .status = 200 };
    char little[2048];
    struct bytes text = bytes_in(little, sizeof little), large = bytes_up_to(PTRDIFF_MAX);
    struct bytes *out = &text;
    int r = aiohttp__json_write(out, json, NULL);
    if (r < 0 && text.error)
        r = aiohttp__json_write(out = &large, json, NULL);
    if (options)
        own = *options;
    if (!own.content_type)
        own.content_type = "application/json; charset=utf-8";
    own.is_lent = 0;
    if (r >= 0)
        r = (aiohttp_web_respond_bytes)(request, out->data, out->size, &own);
    aiohttp__bytes_fini(&large);
    return r;
}
