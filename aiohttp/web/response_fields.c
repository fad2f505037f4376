/* SPDX-License-Identifier: MIT */
/* Fields of an answer that mean something: its tag and date, and what the request's conditions make
 * of them; how its body is sent. */
#include "web/request.h"

#include "message/coding.h"
#include "wire/date.h"
#include "wire/etag.h"
#include "wire/fields.h"
#include "wire/write.h"

#include <aiohttp/web_exceptions.h>
#include <asyncio/error.h>
#include <errno.h>
#include <time.h>

int aiohttp_web_response_set_etag(aiohttp_web_response *response, const char *value, int is_weak)
{
    char text[256];
    if (!value || strlen(value) > sizeof text - 8)
        return asyncio_raise(-EINVAL, "this is no entity tag");
    struct etag tag = { .value = span_of(value), .is_weak = is_weak != 0 };
    struct bytes out = bytes_in(text, sizeof text - 1);
    aiohttp__etag_write(&out, &tag);
    if (out.error)
        return asyncio_raise(-EINVAL, "this is no entity tag");
    text[out.size] = '\0';
    return aiohttp_web_response_set_header(response, "ETag", text);
}

int aiohttp_web_response_set_last_modified(aiohttp_web_response *response, double seconds)
{
    char text[DATE_SIZE + 1];
    if (!(seconds >= 0 && seconds < 253402300800.0)) /* of the year 10000 */
        return asyncio_raise(-EINVAL, "this is no time of a change");
    /* Dates have no fractions: what was changed within a second was changed at its end. */
    int64_t whole = (int64_t)seconds;
    aiohttp__date_text(whole + (seconds > (double)whole), text);
    text[DATE_SIZE] = '\0';
    return aiohttp_web_response_set_header(response, "Last-Modified", text);
}

int aiohttp_web_response_check_conditions(aiohttp_web_response *response)
{
    struct etag tag;
    int64_t modified;
    size_t position = 0;
    aiohttp_web_request *request = response->request;
    const aiohttp_headers *headers = response->headers;
    const char *text = headers ? aiohttp_headers_get(headers, "ETag") : NULL;
    const char *date = headers ? aiohttp_headers_get(headers, "Last-Modified") : NULL;
    if (response->is_prepared)
        return -ASYNCIO_INVALID_STATE;
    bool has_tag = text && aiohttp__etag_next(span_of(text), &position, &tag) > 0;
    bool has_date = date && aiohttp__date_parse(span_of(date), (int64_t)time(NULL),
                                                &modified) >= 0;
    switch (aiohttp__web_condition(request, has_tag ? &tag : NULL,
                                   has_date ? &modified : NULL)) {
    case WEB_NOT_MODIFIED:
        return aiohttp_web_http_not_modified(request);
    case WEB_FAILED:
        return aiohttp_web_http_precondition_failed(request);
    default:
        return 0;
    }
}

int aiohttp_web_response_enable_chunked_encoding(aiohttp_web_response *response)
{
    if (response->is_prepared)
        return -ASYNCIO_INVALID_STATE;
    if (response->length >= 0)
        return asyncio_raise(-EINVAL, "the length has been said already");
    response->chunks = true;
    return 0;
}

/* Said beforehand, so that the peer may look out for them (RFC 9110, 6.6.2). */
static int announce(struct aiohttp_web_response *response)
{
    const char *name, *value;
    aiohttp_headers *headers = aiohttp_web_response_headers(response);
    struct bytes list = bytes_up_to(65536);
    for (size_t at = 0; aiohttp_headers_next(response->trailers, &at, &name, &value) > 0;) {
        if (list.size)
            bytes_text(&list, ", ");
        bytes_text(&list, name);
    }
    bytes_put(&list, '\0');
    int r = headers ? list.error : -ENOMEM;
    if (r >= 0)
        r = aiohttp_headers_set(headers, "Trailer", list.data);
    aiohttp__bytes_fini(&list);
    return r;
}

int aiohttp_web_response_set_trailer(aiohttp_web_response *response, const char *name,
                                     const char *value)
{
    struct exchange *exchange = response->request->exchange;
    if (!name || !value || !aiohttp__may_trail(aiohttp__header_id(name, strlen(name))))
        return asyncio_raise(-EINVAL, "\"%s\" cannot stand behind a body", name ? name : "");
    if (response->is_ended)
        return -ASYNCIO_INVALID_STATE;
    if (!response->is_prepared && response->length >= 0)
        return asyncio_raise(-EINVAL, "the length has been said: there is nothing behind it");
    if (!response->trailers) {
        aiohttp_headers *trailers = aiohttp__arena_alloc(&exchange->arena, sizeof *trailers);
        if (!trailers)
            return -ENOMEM;
        aiohttp__headers_init(trailers, &exchange->arena);
        response->trailers = trailers;
    }
    int r = aiohttp_headers_set(response->trailers, name, value);
    if (r >= 0 && !response->is_prepared)
        r = announce(response);
    if (r < 0)
        return r;
    response->chunks |= !response->is_prepared;
    exchange->trailing = response->trailers;
    return 0;
}

int(aiohttp_web_response_enable_compression)(aiohttp_web_response *response,
                                             const aiohttp_web_compression_options *options)
{
    if (response->is_prepared)
        return -ASYNCIO_INVALID_STATE;
    int level = options ? options->level : -1;
    int coding = options && options->force ? aiohttp__coding_of(span_of(options->force)) : 0;
    if (coding < 0 || (coding && !(aiohttp__codings() >> coding & 1)) || level < -1 || level > 22)
        return asyncio_raise(-EINVAL, "there is no such compression");
    response->compresses = true;
    response->level = (uint8_t)(level + 1);
    response->forces_coding = coding != 0;
    response->coding = (uint8_t)coding;
    return 0;
}

int aiohttp__web_response_vary(struct aiohttp_web_response *response, const char *name)
{
    struct aiohttp_headers *headers = aiohttp_web_response_headers(response);
    const struct headers_field *field;
    size_t first = 0;
    if (!headers)
        return -ENOMEM;
    for (size_t i = 0; (field = aiohttp__headers_find(headers, SPAN("Vary"), &i));) {
        struct span value = { field->value, field->value_size };
        first = first ? first : i;
        if (aiohttp__list_has(value, span_of(name)) || aiohttp__list_has(value, SPAN("*")))
            return 0;
    }
    if (!first)
        return aiohttp__headers_add_lent(headers, SPAN("Vary"), span_of(name));
    struct headers_field *said = &headers->fields[first - 1];
    const char *value = aiohttp__arena_printf(&response->request->exchange->arena, "%.*s, %s",
                                              (int)said->value_size, said->value, name);
    if (!value)
        return -ENOMEM;
    said->value = value;
    said->value_size = (uint32_t)strlen(value);
    return 0;
}
