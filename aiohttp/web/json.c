/* SPDX-License-Identifier: MIT */
/* JSON in requests and answers. */
#include "web/request.h"

#include "message/json.h"

#include <aiohttp/error.h>
#include <errno.h>
#include <jansson.h>

#define JSON_TYPE "application/json; charset=utf-8"

enum { LITTLE = 1024 }; /* what is not longer needs no memory of its own until it is the answer's */

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

/* The text of the answer, with the result `r`, is written, and ended here. */
static int respond(aiohttp_web_request *request, const aiohttp_web_response_options *options,
                   struct bytes *text, int r)
{
    aiohttp_web_response_options with = { .size = sizeof with, .status = AIOHTTP__DEFAULT_STATUS };
    if (options)
        with = *options;
    with.is_lent = 0;
    /* A content type among headers, set before or given here, does not stand beside this one. */
    if (!with.content_type && (request->response.headers || with.headers))
        with.content_type = JSON_TYPE;
    if (r >= 0)
        r = aiohttp__web_respond_as(request, text->data, text->size, &with, JSON_TYPE);
    aiohttp__bytes_fini(text);
    return r;
}

int(aiohttp_web_respond_json)(aiohttp_web_request *request, const struct json_t *json,
                              const aiohttp_web_response_options *options)
{
    char little[LITTLE];
    struct bytes text = bytes_from(little, sizeof little, PTRDIFF_MAX);
    int r = json ? aiohttp__json_write(&text, json, NULL) : -EINVAL;
    return respond(request, options, &text, r);
}

static int respond_packed(aiohttp_web_request *request,
                          const aiohttp_web_response_options *options, const char *format,
                          va_list values)
{
    char little[LITTLE];
    struct bytes text = bytes_from(little, sizeof little, PTRDIFF_MAX);
    int r = aiohttp__json_vpack(&text, format, values);
    return respond(request, options, &text, r);
}

int aiohttp_web_respond_json_pack(aiohttp_web_request *request, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int r = respond_packed(request, NULL, format, values);
    va_end(values);
    return r;
}

int aiohttp_web_respond_json_pack_with(aiohttp_web_request *request,
                                       aiohttp_web_response_options options, const char *format,
                                       ...)
{
    va_list values;
    va_start(values, format);
    int r = respond_packed(request, &options, format, values);
    va_end(values);
    return r;
}
