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

/* The next tag of all fields of that name: *position counts over all of them. */
static int next_tag(aiohttp_web_request *request, enum header_id id, size_t *position,
                    aiohttp_etag *ret_etag)
{
    struct etag tag;
    struct span field = web_request_field(request, id);
    if (!field.data || aiohttp__etag_next(field, position, &tag) <= 0)
        return 0;
    const char *value = tag.is_any ? "*"
                                   : aiohttp__arena_text(&request->exchange->arena, tag.value);
    if (!value)
        return -ENOMEM;
    *ret_etag = (aiohttp_etag){ value, tag.is_weak, tag.is_any };
    return 1;
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
static bool matches(struct span field, const struct etag *tag, bool is_weakly)
{
    struct etag first;
    size_t position = 0;
    return tag ? aiohttp__etag_matches(field, tag, is_weakly)
               : aiohttp__etag_next(field, &position, &first) > 0 && first.is_any;
}

enum web_condition aiohttp__web_condition(const aiohttp_web_request *request,
                                          const struct etag *tag, const int64_t *modified)
{
    int64_t since;
    struct span match = web_request_field(request, HEADER_IF_MATCH);
    struct span none = web_request_field(request, HEADER_IF_NONE_MATCH);
    uint8_t method = request->exchange->head.method;
    bool is_read = method == METHOD_GET || method == METHOD_HEAD;
    if (match.data) {
        if (!matches(match, tag, false))
            return WEB_FAILED;
    } else if (modified && date_of(web_request_field(request, HEADER_IF_UNMODIFIED_SINCE),
                                   &since) &&
               *modified > since)
        return WEB_FAILED;
    if (none.data) {
        if (matches(none, tag, true))
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
    /* `position` counts elements: a request may have several fields. */
    size_t skip = *position;
    for (const struct head_field *at = NULL;
         (at = head_find(&request->exchange->head, HEADER_FORWARDED, at));) {
        struct span field = head_field_value(request->exchange->text, at);
        int r;
        for (size_t i = 0; (r = aiohttp__forwarded_next(field, &i, &element)) != 0;) {
            if (skip-- > 0)
                continue;
            ++*position;
            memset(ret_forwarded, 0, sizeof *ret_forwarded);
            if (r < 0)
                return 1; /* it is there, and says nothing */
            struct {
                const struct parameter *from;
                const char **to;
            } all[] = { { &element.by, &ret_forwarded->by },
                        { &element.for_, &ret_forwarded->for_ },
                        { &element.host, &ret_forwarded->host },
                        { &element.proto, &ret_forwarded->proto } };
            for (size_t n = 0; n < sizeof all / sizeof *all; n++)
                if (all[n].from->has_value &&
                    !(*all[n].to = text_of(request, all[n].from->value)))
                    return -ENOMEM;
            return 1;
        }
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
