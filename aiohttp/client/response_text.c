/* SPDX-License-Identifier: MIT */
/* What a response means: type, charset, text, JSON, cookies, links, status. */
#include "client/session.h"

#include "message/charset.h"
#include "wire/ascii.h"
#include "wire/cookie.h"
#include "wire/fields.h"
#include "wire/media.h"
#include "wire/utf8.h"

#include <aiohttp/error.h>
#include <aiohttp/json.h>
#include <asyncio/alloc.h>
#include <errno.h>

static aiohttp_client_response *changed(const aiohttp_client_response *response)
{
    return (aiohttp_client_response *)(uintptr_t)response;
}

static char *lower_text(aiohttp_client_response *response, struct span text)
{
    char *copy = aiohttp__arena_text(&response->http.exchange.arena, text);
    for (size_t i = 0; copy && i < text.size; i++)
        copy[i] = (char)ascii_lower(copy[i]);
    return copy;
}

const char *aiohttp_client_response_content_type(const aiohttp_client_response *constant)
{
    aiohttp_client_response *response = changed(constant);
    if (response->content_type)
        return response->content_type;
    struct span field = aiohttp__response_field(response, HEADER_CONTENT_TYPE);
    struct media_type type;
    if (!field.data || aiohttp__media_type_parse(field, &type) < 0)
        return "application/octet-stream";
    struct span both = { type.type.data,
                         (size_t)(type.subtype.data + type.subtype.size - type.type.data) };
    return response->content_type = lower_text(response, both);
}

const char *aiohttp_client_response_charset(const aiohttp_client_response *constant)
{
    aiohttp_client_response *response = changed(constant);
    if (response->charset)
        return response->charset;
    struct span field = aiohttp__response_field(response, HEADER_CONTENT_TYPE);
    struct media_type type;
    struct parameter charset;
    if (!field.data || aiohttp__media_type_parse(field, &type) < 0 ||
        !aiohttp__media_type_parameter(&type, SPAN("charset"), &charset) || !charset.value.size)
        return NULL;
    return response->charset = lower_text(response, charset.value);
}

const char *aiohttp_client_response_get_encoding(const aiohttp_client_response *response)
{
    const char *charset = aiohttp_client_response_charset(response);
    const char *fallback = response->session->fallback_charset;
    if (!fallback)
        fallback = "utf-8";
    struct charset_decoder decoder;
    const struct charset *known = charset ? aiohttp__charset_find(span_of(charset)) : NULL;
    if (!known || aiohttp__charset_begin(&decoder, known) < 0)
        return fallback;
    aiohttp__charset_end(&decoder);
    return charset;
}

/* --- text --- */

/* The body, decoded: kept as long as the response, since it is lent. */
struct text {
    struct text *next;
    struct bytes bytes;
    bool is_replaced;
    char encoding[];
};

void aiohttp__texts_free(struct text *first)
{
    while (first) {
        struct text *text = first;
        first = text->next;
        aiohttp__bytes_fini(&text->bytes);
        asyncio_mem_free(text);
    }
}

static bool is_utf8_name(const char *encoding)
{
    struct span name = span_of(encoding);
    return span_is_case(name, SPAN("utf-8")) || span_is_case(name, SPAN("utf8"));
}

static struct text *find_text(const aiohttp_client_response *response, const char *encoding,
                              bool is_replaced)
{
    struct text *at = response->texts;
    while (at && (at->is_replaced != is_replaced || strcmp(at->encoding, encoding) != 0))
        at = at->next;
    return at;
}

static int decode(aiohttp_client_response *response, const char *encoding, bool is_replaced,
                  struct text **ret_text)
{
    struct span body = { response->body.data, response->body.size - 1 };
    struct charset own = { encoding, 1, "" }; /* of the program: a peer's are in the table */
    struct charset_decoder decoder = { NULL, NULL };
    const struct charset *charset = aiohttp__charset_find(span_of(encoding));
    if (!charset && aiohttp__charset_is_name(span_of(encoding)))
        charset = &own;
    int r = charset ? aiohttp__charset_begin(&decoder, charset) : -EINVAL;
    if (r < 0)
        return r == -EINVAL ? asyncio_raise(r, "there is no encoding \"%s\"", encoding) : r;
    size_t size = strlen(encoding) + 1;
    struct text *text = asyncio_mem_malloc(sizeof *text + size);
    if (!text) {
        aiohttp__charset_end(&decoder);
        return -ENOMEM;
    }
    *text = (struct text){ .is_replaced = is_replaced,
                           .bytes = bytes_up_to(body.size < SIZE_MAX / 8 ? body.size * 4 + 16
                                                                         : SIZE_MAX) };
    memcpy(text->encoding, encoding, size);
    r = aiohttp__charset_decode(&decoder, body, is_replaced, &text->bytes);
    aiohttp__charset_end(&decoder);
    bytes_put(&text->bytes, '\0');
    if (r >= 0)
        r = text->bytes.error;
    if (r < 0) {
        aiohttp__texts_free(text);
        return r == -EILSEQ ? asyncio_raise(r, "the body is no text in %s", encoding) : r;
    }
    text->next = response->texts;
    response->texts = *ret_text = text;
    return 0;
}

int(aiohttp_client_response_text)(aiohttp_client_response *response, const char **ret_text,
                                  const aiohttp_client_text_options *options)
{
    const char *body, *encoding = options ? options->encoding : NULL;
    bool is_replaced = options && options->replace;
    size_t size;
    int r = aiohttp_client_response_read(response, &body, &size);
    if (r < 0)
        return r;
    if (!encoding)
        encoding = aiohttp_client_response_get_encoding(response);
    if (!is_utf8_name(encoding) || !aiohttp__is_utf8((struct span){ body, size })) {
        struct text *text = find_text(response, encoding, is_replaced);
        if (!text && (r = decode(response, encoding, is_replaced, &text)) < 0)
            return r;
        body = text->bytes.data;
        size = text->bytes.size - 1;
    }
    if (options && options->ret_size)
        *options->ret_size = size;
    *ret_text = body;
    return 0;
}

static bool is_json(const char *type, const char *wanted)
{
    if (wanted)
        return span_is_case(span_of(type), span_of(wanted));
    size_t size = strlen(type);
    return strcmp(type, "application/json") == 0 ||
           (size > 5 && strcmp(type + size - 5, "+json") == 0);
}

int(aiohttp_client_response_json)(aiohttp_client_response *response, struct json_t **ret_json,
                                  const aiohttp_client_json_options *options)
{
    const char *text, *type = aiohttp_client_response_content_type(response);
    size_t size;
    if (!type)
        return -ENOMEM;
    if (!(options && options->any_content_type) &&
        !is_json(type, options ? options->content_type : NULL))
        return asyncio_raise(-AIOHTTP_CONTENT_TYPE, "the answer is \"%s\", and not JSON", type);
    int r = (aiohttp_client_response_text)(response, &text,
                                           &(aiohttp_client_text_options){
                                               .size = sizeof(aiohttp_client_text_options),
                                               .ret_size = &size });
    return r < 0 ? r : aiohttp_json_loads(text, size, ret_json);
}

/* --- cookies, links --- */

int aiohttp_client_response_cookies(const aiohttp_client_response *constant, size_t *position,
                                    aiohttp_client_cookie *ret_cookie)
{
    aiohttp_client_response *response = changed(constant);
    const struct exchange *exchange = &response->http.exchange;
    while (*position < exchange->head.field_count) {
        const struct head_field *field = &exchange->head.fields[(*position)++];
        struct set_cookie cookie;
        if (field->id != HEADER_SET_COOKIE ||
            aiohttp__set_cookie_parse(head_field_value(exchange->text, field), &cookie) < 0)
            continue;
        struct bytes value = bytes_up_to(COOKIE_MAX + 1);
        aiohttp__cookie_value_read(&value, cookie.value);
        struct arena *arena = &response->http.exchange.arena;
        ret_cookie->name = aiohttp__arena_text(arena, cookie.name);
        ret_cookie->value = value.error ? NULL : aiohttp__arena_text(arena, bytes_since(&value, 0));
        aiohttp__bytes_fini(&value);
        return ret_cookie->name && ret_cookie->value ? 1 : -ENOMEM;
    }
    return 0;
}

/* The end of a link: the comma that is not within quotes. */
static size_t end_of_link(struct span text, size_t at)
{
    bool is_quoted = false;
    for (; at < text.size; at++) {
        if (is_quoted && text.data[at] == '\\')
            at++;
        else if (text.data[at] == '"')
            is_quoted = !is_quoted;
        else if (text.data[at] == ',' && !is_quoted)
            break;
    }
    return at < text.size ? at : text.size;
}

static bool has_relation(struct span relations, struct span relation)
{
    for (size_t at = 0; at < relations.size;) {
        size_t begin = at;
        while (at < relations.size && relations.data[at] != ' ')
            at++;
        struct span one = { relations.data + begin, at - begin };
        if (span_is_case(one, relation))
            return true;
        at++;
    }
    return false;
}

/* The target of that relation in one field: empty when there is none. */
static struct span find_link(struct span text, struct span relation)
{
    for (size_t at = 0; at < text.size;) {
        const char *begin = memchr(text.data + at, '<', text.size - at);
        const char *end = begin ? memchr(begin, '>', text.size - (size_t)(begin - text.data))
                                : NULL;
        if (!end)
            break;
        at = (size_t)(end - text.data) + 1;
        size_t stop = end_of_link(text, at), position = 0;
        struct span rest = { text.data + at, stop - at };
        struct parameter parameter;
        while (aiohttp__parameter_next(rest, &position, &parameter) > 0)
            if (span_is_case(parameter.name, SPAN("rel")) &&
                has_relation(parameter.value, relation))
                return (struct span){ begin + 1, (size_t)(end - begin) - 1 };
        at = stop + 1;
    }
    return (struct span){ NULL, 0 };
}

int aiohttp_client_response_link(const aiohttp_client_response *response, const char *relation,
                                 aiohttp_url **ret_url)
{
    const struct exchange *exchange = &response->http.exchange;
    const struct head_field *field = NULL;
    struct span target = { NULL, 0 };
    while (!target.data && (field = head_find(&exchange->head, HEADER_LINK, field)))
        target = find_link(head_field_value(exchange->text, field), span_of(relation));
    if (!target.data)
        return -ENOENT;
    struct bytes text = bytes_up_to(exchange->head_size + 1);
    bytes_add(&text, target);
    bytes_put(&text, '\0');
    aiohttp_url *url = NULL;
    int r = text.error ? text.error : aiohttp_url_new(text.data, &url);
    aiohttp__bytes_fini(&text);
    if (r >= 0)
        r = aiohttp_url_join(response->url, url, ret_url);
    aiohttp_url_unref(url);
    return r;
}

int aiohttp_client_response_raise_for_status(aiohttp_client_response *response)
{
    int status = aiohttp_client_response_status(response);
    if (status < 400)
        return 0;
    const aiohttp_url *url = response->url; /* without user and password */
    int r = asyncio_raise(-(AIOHTTP_HTTP + status), "%s %s://%s%s: %d %s",
                          aiohttp_client_response_method(response), aiohttp_url_scheme(url),
                          aiohttp_url_host_port_subcomponent(url), aiohttp_url_raw_path_qs(url),
                          status, aiohttp_client_response_reason(response));
    aiohttp_client_response_close(response);
    return r;
}
