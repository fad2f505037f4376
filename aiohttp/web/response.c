/* SPDX-License-Identifier: MIT */
/* What an answer is: set, looked at, changed. How it is sent is in send.c. */
#include "web/file.h"

#include "wire/write.h"

#include <aiohttp/payload.h>
#include <aiohttp/web_exceptions.h>
#include <asyncio/error.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#define TEXT_PLAIN "text/plain; charset=utf-8"

static struct arena *arena_of(struct aiohttp_web_response *response)
{
    return &response->request->exchange->arena;
}

static const char *copied(struct aiohttp_web_response *response, const char *text)
{
    return aiohttp__arena_text(arena_of(response), span_of(text));
}

int aiohttp_web_response_status(const aiohttp_web_response *response)
{
    return response->status;
}

const char *aiohttp_web_response_reason(const aiohttp_web_response *response)
{
    return response->reason ? response->reason : aiohttp_web_http_reason(response->status);
}

int aiohttp_web_response_set_status(aiohttp_web_response *response, int status, const char *reason)
{
    if (response->is_prepared)
        return -ASYNCIO_INVALID_STATE;
    if (status < 200 || status > 599)
        return asyncio_raise(-EINVAL, "%d is no status of an answer", status);
    if (reason && !aiohttp__is_value(span_of(reason)))
        return asyncio_raise(-EINVAL, "the reason has control characters");
    const char *copy = reason ? copied(response, reason) : NULL;
    if (reason && !copy)
        return -ENOMEM;
    response->status = status;
    response->reason = copy;
    return 0;
}

const void *aiohttp_web_response_body(const aiohttp_web_response *response, size_t *ret_size)
{
    if (ret_size)
        *ret_size = response->has_body ? response->body_size : 0;
    return response->has_body ? response->body : NULL;
}

void aiohttp__web_response_drop_file(struct aiohttp_web_response *response)
{
    if (response->file >= 0)
        aiohttp__web_close(response->file);
    aiohttp__web_file_forget(response);
    response->file = -1;
    response->parts = NULL;
    aiohttp_payload_unref(response->payload);
    response->payload = NULL;
}

static inline int set_body(struct aiohttp_web_response *response, const void *data, size_t size,
                           bool is_lent)
{
    if (response->is_prepared || response->is_preparing)
        return -ASYNCIO_INVALID_STATE;
    if (size > PTRDIFF_MAX)
        return -EINVAL;
    const char *body = data;
    if (!is_lent && size && !(body = arena_text(arena_of(response), (struct span){ data, size })))
        return -ENOMEM;
    response->body = size ? body : "";
    response->body_size = size;
    response->has_body = true;
    web_response_drop_file(response);
    return 0;
}

int aiohttp_web_response_set_body(aiohttp_web_response *response, const void *data, size_t size)
{
    return set_body(response, data, size, false);
}

aiohttp_headers *aiohttp_web_response_headers(aiohttp_web_response *response)
{
    if (!response->headers) {
        struct aiohttp_headers *headers =
            aiohttp__arena_alloc(arena_of(response), sizeof *headers);
        if (!headers)
            return NULL;
        aiohttp__headers_init(headers, arena_of(response));
        response->headers = headers;
    }
    return response->headers;
}

int aiohttp_web_response_set_header(aiohttp_web_response *response, const char *name,
                                    const char *value)
{
    if (!name || !value)
        return -EINVAL;
    if (response->is_prepared)
        return -ASYNCIO_INVALID_STATE;
    aiohttp_headers *headers = aiohttp_web_response_headers(response);
    return headers ? aiohttp_headers_set(headers, name, value) : -ENOMEM;
}

int aiohttp__web_response_add_headers(struct aiohttp_web_response *response,
                                      const char *const *headers)
{
    int r = 0;
    for (; headers && headers[0] && r >= 0; headers += 2)
        r = headers[1] ? aiohttp_web_response_set_header(response, headers[0], headers[1])
                       : asyncio_raise(-EINVAL, "the header %s has no value", headers[0]);
    return r;
}

int aiohttp_web_response_set_content_type(aiohttp_web_response *response, const char *content_type)
{
    if (response->is_prepared)
        return -ASYNCIO_INVALID_STATE;
    if (!content_type || !aiohttp__is_value(span_of(content_type)))
        return asyncio_raise(-EINVAL, "this is no content type");
    if (response->headers)
        aiohttp_headers_remove(response->headers, "Content-Type");
    const char *copy = copied(response, content_type);
    if (!copy)
        return -ENOMEM;
    response->content_type = copy;
    response->has_static_type = false;
    return 0;
}

int aiohttp_web_response_set_content_length(aiohttp_web_response *response, int64_t size)
{
    if (response->is_prepared)
        return -ASYNCIO_INVALID_STATE;
    if (size < -1)
        return -EINVAL;
    response->length = size;
    return 0;
}

void aiohttp_web_response_force_close(aiohttp_web_response *response)
{
    response->forces_close = true;
    response->request->exchange->closes = true;
}

int aiohttp_web_response_prepared(const aiohttp_web_response *response)
{
    return response->is_prepared;
}

uint64_t aiohttp_web_response_body_length(const aiohttp_web_response *response)
{
    return response->request->exchange->sent;
}

static const aiohttp_web_response_options usual = { .size = sizeof usual, .status = 200 };

int aiohttp__web_response_set_head(struct aiohttp_web_response *response,
                                   const aiohttp_web_response_options *options,
                                   const char *usual_type)
{
    if (!options)
        options = &usual;
    int status = response->status;
    const char *reason = response->reason, *type = response->content_type;
    bool is_static = response->has_static_type;
    if (response->is_preparing)
        return -ASYNCIO_INVALID_STATE;
    int r = aiohttp_web_response_set_status(response, options->status, options->reason);
    if (r < 0)
        return r;
    response->content_type = usual_type;
    response->has_static_type = true;
    if (options->content_type)
        r = aiohttp_web_response_set_content_type(response, options->content_type);
    if (r >= 0 && options->headers)
        r = aiohttp__web_response_add_headers(response, options->headers);
    if (r < 0) { /* half an answer is none */
        response->status = status;
        response->reason = reason;
        response->content_type = type;
        response->has_static_type = is_static;
    }
    return r;
}

static int __attribute__((noinline)) respond_with(struct aiohttp_web_response *response,
                                                  const void *data, size_t size,
                                                  const aiohttp_web_response_options *options,
                                                  const char *usual_type)
{
    int was = response->status;
    int r = aiohttp__web_response_set_head(response, options, usual_type);
    if (r >= 0)
        r = set_body(response, data, size, options->is_lent);
    if (r < 0 && !response->is_prepared)
        response->status = was; /* half an answer is none */
    return r;
}

/* Mostly there is a status and a body, so nothing is set before all that can fail is done. */
static inline int respond_as(struct aiohttp_web_response *response, const void *data, size_t size,
                             const aiohttp_web_response_options *options, const char *usual_type)
{
    if (options->reason || options->content_type || options->headers || options->status < 200 ||
        options->status > 599)
        return respond_with(response, data, size, options, usual_type);
    int r = set_body(response, data, size, options->is_lent);
    if (r < 0)
        return r;
    response->status = options->status;
    response->reason = NULL;
    response->content_type = usual_type;
    response->has_static_type = true;
    return 0;
}

int aiohttp__web_respond_as(aiohttp_web_request *request, const void *data, size_t size,
                            const aiohttp_web_response_options *options, const char *usual_type)
{
    return respond_as(&request->response, data, size, options ? options : &usual, usual_type);
}

int(aiohttp_web_respond)(aiohttp_web_request *request, const char *text,
                         const aiohttp_web_response_options *options)
{
    if (!options)
        options = &usual;
    if (text)
        return respond_as(&request->response, text, strlen(text), options, TEXT_PLAIN);
    /* A text that could not be made is no empty answer. */
    int status = options->status;
    if (status != 204 && status != 205 && status != 304)
        return asyncio_raise(-ENOMEM, "there is no text to respond with");
    return respond_with(&request->response, text, 0, options, NULL);
}

int(aiohttp_web_respond_bytes)(aiohttp_web_request *request, const void *data, size_t size,
                               const aiohttp_web_response_options *options)
{
    return aiohttp__web_respond_as(request, data, size, options, "application/octet-stream");
}

static int respond_v(aiohttp_web_request *request, const aiohttp_web_response_options *options,
                     const char *format, va_list arguments)
{
    char little[512];
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(little, sizeof little, format, again);
    va_end(again);
    if (size < 0)
        return -EINVAL;
    aiohttp_web_response_options with = options ? *options : usual;
    with.is_lent = 0;
    if ((size_t)size < sizeof little)
        return aiohttp__web_respond_as(request, little, (size_t)size, &with, TEXT_PLAIN);
    char *text = aiohttp__arena_alloc(&request->exchange->arena, (size_t)size + 1);
    if (!text)
        return -ENOMEM;
    vsnprintf(text, (size_t)size + 1, format, arguments);
    with.is_lent = 1;
    return aiohttp__web_respond_as(request, text, (size_t)size, &with, TEXT_PLAIN);
}

int aiohttp_web_respondf(aiohttp_web_request *request, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int r = respond_v(request, NULL, format, arguments);
    va_end(arguments);
    return r;
}

int aiohttp_web_respondf_with(aiohttp_web_request *request, aiohttp_web_response_options options,
                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int r = respond_v(request, &options, format, arguments);
    va_end(arguments);
    return r;
}
