/* SPDX-License-Identifier: MIT */
/* Fields of a request's head that mean something: its media type, conditions, a range, what proxies
 * have said. Read when somebody asks, by the readers of wire/; nothing is kept but texts. */
#include "web/request.h"

#include "base/bytes.h"
#include "wire/ascii.h"
#include "wire/date.h"
#include "wire/etag.h"
#include "wire/forwarded.h"
#include "wire/media.h"
#include "wire/range.h"

#include <aiohttp/error.h>
#include <errno.h>
#include <time.h>

/* The inside of a quoted string, or a token, as text; NULL without memory. */
static const char *text_of(aiohttp_web_request *request, struct span raw)
{
    char *room = aiohttp__arena_alloc(&request->exchange->arena, raw.size + 1);
    if (!room)
        return NULL;
    struct bytes out = bytes_in(room, raw.size + 1);
    aiohttp__quoted_read(&out, raw);
    bytes_put(&out, '\0');
    return room;
}

const char *aiohttp_web_request_content_type(aiohttp_web_request *request)
{
    struct media_type type;
    struct span field = web_request_field(request, HEADER_CONTENT_TYPE);
    if (request->content_type)
        return request->content_type;
    if (!field.size || aiohttp__media_type_parse(field, &type) < 0)
        return request->content_type = "application/octet-stream";
    size_t size = type.type.size + 1 + type.subtype.size;
    char *text = aiohttp__arena_alloc(&request->exchange->arena, size + 1);
    if (!text)
        return NULL;
    struct bytes out = bytes_in(text, size + 1);
    bytes_add(&out, type.type);
    bytes_put(&out, '/');
    bytes_add(&out, type.subtype);
    for (size_t i = 0; i < out.size; i++)
        text[i] = (char)ascii_lower(text[i]);
    text[out.size] = '\0';
    return request->content_type = text;
}

const char *aiohttp_web_request_charset(aiohttp_web_request *request)
{
    struct media_type type;
    struct parameter charset;
    struct span field = web_request_field(request, HEADER_CONTENT_TYPE);
    if (!request->charset && field.size && aiohttp__media_type_parse(field, &type) >= 0 &&
        aiohttp__media_type_parameter(&type, SPAN("charset"), &charset))
        request->charset = text_of(request, charset.value);
    return request->charset;
}

/* --- conditions and ranges --- */

int aiohttp_web_request_http_range(aiohttp_web_request *request, int64_t *ret_start,
                                   int64_t *ret_stop)
{
    int64_t first, last;
    struct span field = web_request_field(request, HEADER_RANGE);
    int r = field.data ? aiohttp__range_parse(field, &first, &last) : 0;
    if (r <= 0)
        return r < 0 ? -(AIOHTTP_HTTP + 416) : 0;
    *ret_start = first < 0 ? -last : first;
    *ret_stop = first < 0 || last < 0 ? -1 : last == INT64_MAX ? last : last + 1;
    return 1;
}

struct span aiohttp__web_request_list(const aiohttp_web_request *request, enum header_id id)
{
    const struct exchange *exchange = request->exchange;
    const struct head_field *first = head_find(&exchange->head, id, NULL), *at = first;
    if (!first)
        return (struct span){ NULL, 0 };
    struct span list = head_field_value(exchange->text, first);
    if (!head_find(&exchange->head, id, first))
        return list;
    size_t size = list.size;
    while ((at = head_find(&exchange->head, id, at)))
        size += at->value_size + 1;
    char *text = aiohttp__arena_alloc(&request->exchange->arena, size);
    struct bytes out = bytes_in(text, text ? size : 0);
    for (at = first; text && at; at = head_find(&exchange->head, id, at)) {
        if (out.size)
            bytes_put(&out, ',');
        bytes_add(&out, head_field_value(exchange->text, at));
    }
    return text ? bytes_span(&out) : list;
}

/* Where in a field the one who goes through all of that name goes on: *position is a place in the
 * head. SIZE_MAX: it has gone through this one. */
static size_t place_in(const struct head_field *field, size_t position)
{
    if (position >= (size_t)field->value + field->value_size && position)
        return SIZE_MAX;
    return position > field->value ? position - field->value : 0;
}

/* The next tag of all fields of that name; behind one that is broken the next field's. */
static int next_tag(aiohttp_web_request *request, enum header_id id, size_t *position,
                    aiohttp_etag *ret_etag)
{
    struct etag tag;
    const struct exchange *exchange = request->exchange;
    for (const struct head_field *at = NULL; (at = head_find(&exchange->head, id, at));) {
        size_t i = place_in(at, *position);
        if (i == SIZE_MAX ||
            aiohttp__etag_next(head_field_value(exchange->text, at), &i, &tag) <= 0)
            continue;
        const char *value = tag.is_any ? "*"
                                       : aiohttp__arena_text(&request->exchange->arena, tag.value);
        if (!value)
            return -ENOMEM;
        *position = at->value + i;
        *ret_etag = (aiohttp_etag){ value, tag.is_weak, tag.is_any };
        return 1;
    }
    return 0;
}

int aiohttp_web_request_if_match_next(aiohttp_web_request *request, size_t *position,
                                      aiohttp_etag *ret_etag)
{
    return next_tag(request, HEADER_IF_MATCH, position, ret_etag);
}

int aiohttp_web_request_if_none_match_next(aiohttp_web_request *request, size_t *position,
                                           aiohttp_etag *ret_etag)
{
    return next_tag(request, HEADER_IF_NONE_MATCH, position, ret_etag);
}

static int date_of(struct span field, int64_t *ret_seconds)
{
    return field.data && aiohttp__date_parse(field, (int64_t)time(NULL), ret_seconds) >= 0;
}

int aiohttp_web_request_if_modified_since(aiohttp_web_request *request, int64_t *ret_seconds)
{
    return date_of(web_request_field(request, HEADER_IF_MODIFIED_SINCE), ret_seconds);
}

int aiohttp_web_request_if_unmodified_since(aiohttp_web_request *request, int64_t *ret_seconds)
{
    return date_of(web_request_field(request, HEADER_IF_UNMODIFIED_SINCE), ret_seconds);
}

int aiohttp_web_request_if_range(aiohttp_web_request *request, int64_t *ret_seconds,
                                 aiohttp_etag *ret_etag)
{
    struct etag tag;
    struct span field = web_request_field(request, HEADER_IF_RANGE);
    enum if_range kind = field.data ? aiohttp__if_range_parse(field, &tag) : IF_RANGE_NEVER;
    ret_etag->value = NULL;
    if (kind == IF_RANGE_DATE)
        return date_of(field, ret_seconds);
    if (kind == IF_RANGE_NEVER)
        return 0;
    const char *value = aiohttp__arena_text(&request->exchange->arena, tag.value);
    if (!value)
        return -ENOMEM;
    *ret_etag = (aiohttp_etag){ value, tag.is_weak, 0 };
    return 1;
}

/* Without a tag of its own it is only what `*` means. */
static bool matches(const aiohttp_web_request *request, enum header_id id, const struct etag *tag,
                    bool is_weakly)
{
    struct etag first;
    const struct exchange *exchange = request->exchange;
    for (const struct head_field *at = NULL; (at = head_find(&exchange->head, id, at));) {
        size_t position = 0;
        struct span field = head_field_value(exchange->text, at);
        if (tag ? aiohttp__etag_matches(field, tag, is_weakly)
                : aiohttp__etag_next(field, &position, &first) > 0 && first.is_any)
            return true;
    }
    return false;
}

enum web_condition aiohttp__web_condition(const aiohttp_web_request *request,
                                          const struct etag *tag, const int64_t *modified)
{
    int64_t since;
    const struct head *head = &request->exchange->head;
    bool is_read = head->method == METHOD_GET || head->method == METHOD_HEAD;
    if (head_has(head, HEADER_IF_MATCH)) {
        if (!matches(request, HEADER_IF_MATCH, tag, false))
            return WEB_FAILED;
    } else if (modified && date_of(web_request_field(request, HEADER_IF_UNMODIFIED_SINCE),
                                   &since) &&
               *modified > since)
        return WEB_FAILED;
    if (head_has(head, HEADER_IF_NONE_MATCH)) {
        if (matches(request, HEADER_IF_NONE_MATCH, tag, true))
            return is_read ? WEB_NOT_MODIFIED : WEB_FAILED;
    } else if (is_read && modified &&
               date_of(web_request_field(request, HEADER_IF_MODIFIED_SINCE), &since) &&
               *modified <= since)
        return WEB_NOT_MODIFIED;
    return WEB_GOES_ON;
}

/* --- what proxies have said --- */

int aiohttp_web_request_forwarded_next(aiohttp_web_request *request, size_t *position,
                                       aiohttp_web_forwarded *ret_forwarded)
{
    struct forwarded element;
    for (const struct head_field *at = NULL;
         (at = head_find(&request->exchange->head, HEADER_FORWARDED, at));) {
        struct span field = head_field_value(request->exchange->text, at);
        size_t i = place_in(at, *position);
        int r = i == SIZE_MAX ? 0 : aiohttp__forwarded_next(field, &i, &element);
        if (r == 0)
            continue;
        memset(ret_forwarded, 0, sizeof *ret_forwarded);
        struct {
            const struct parameter *from;
            const char **to;
        } all[] = { { &element.by, &ret_forwarded->by },
                    { &element.for_, &ret_forwarded->for_ },
                    { &element.host, &ret_forwarded->host },
                    { &element.proto, &ret_forwarded->proto } };
        /* one that is broken is there, and says nothing */
        for (size_t n = 0; r > 0 && n < sizeof all / sizeof *all; n++)
            if (all[n].from->has_value &&
                !(*all[n].to = text_of(request, all[n].from->value)))
                return -ENOMEM;
        *position = at->value + i;
        return 1;
    }
    return 0;
}

const char *aiohttp_web_request_url(aiohttp_web_request *request)
{
    const char *host = aiohttp_web_request_host(request);
    const char *path = aiohttp_web_request_path_qs(request);
    if (!host || !path)
        return NULL;
    return aiohttp__arena_printf(&request->exchange->arena, "%s://%s%s",
                                 aiohttp_web_request_scheme(request), host,
                                 path[0] == '/' ? path : "/");
}
