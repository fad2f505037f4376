/* SPDX-License-Identifier: MIT */
/* The rules of a head that are about more than one line's grammar (RFC 9110, 9112): the method and
 * the form of the target, Host, what tells a body's end, Connection, Expect.
 *
 * A field's rule is applied as the field is read, so that the error has its place; the flags and
 * head->seen are all that is kept between two fields. Nothing is ever chosen of two contradicting
 * fields: that is what request smuggling lives on. */
#include "wire/head_rules.h"

#include "wire/scan.h"

#include <aiohttp/error.h>
#include <string.h>

#define SET1(a) ((uint64_t)1 << (HEADER_##a & 63))
#define IN_FIRST(a) (HEADER_##a < 64 ? SET1(a) : 0)
#define IN_SECOND(a) (HEADER_##a < 64 ? 0 : SET1(a))
#define FIRST(a) IN_FIRST(a) |
#define SECOND(a) IN_SECOND(a) |
#define SET_OF(list) { { list(FIRST) 0, list(SECOND) 0 } }

/* Fields that a request cannot have twice: each would be read differently by somebody. */
#define ONCE_IN_REQUESTS(X)                                                                        \
    X(HOST) X(CONTENT_LENGTH) X(TRANSFER_ENCODING) X(CONTENT_TYPE) X(CONTENT_LOCATION)             \
    X(CONTENT_RANGE) X(AUTHORIZATION) X(PROXY_AUTHORIZATION) X(USER_AGENT) X(REFERER) X(FROM)      \
    X(MAX_FORWARDS) X(RANGE) X(IF_RANGE) X(IF_MODIFIED_SINCE) X(IF_UNMODIFIED_SINCE) X(DATE)       \
    X(ORIGIN) X(ETAG) X(SERVER) X(EXPECT) X(SEC_WEBSOCKET_KEY) X(SEC_WEBSOCKET_VERSION)
#define ONCE_IN_RESPONSES(X)                                                                       \
    X(CONTENT_LENGTH) X(TRANSFER_ENCODING) X(CONTENT_RANGE) X(LOCATION) X(SEC_WEBSOCKET_ACCEPT)
#define ONCE_IN_PARTS(X)                                                                           \
    X(CONTENT_DISPOSITION) X(CONTENT_TYPE) X(CONTENT_LENGTH) X(CONTENT_ENCODING)                   \
    X(CONTENT_TRANSFER_ENCODING)
#define WATCHED_IN_REQUESTS(X)                                                                     \
    X(HOST) X(CONTENT_LENGTH) X(TRANSFER_ENCODING) X(CONNECTION) X(EXPECT)
#define WATCHED_IN_RESPONSES(X) X(CONTENT_LENGTH) X(TRANSFER_ENCODING) X(CONNECTION)
/* What no trailer can be (RFC 9110, 6.5.1): it would have to be known before the body. */
#define WATCHED_IN_TRAILERS(X)                                                                     \
    X(HOST) X(CONTENT_LENGTH) X(TRANSFER_ENCODING) X(CONNECTION) X(EXPECT) X(UPGRADE) X(TRAILER)   \
    X(TE) X(CONTENT_TYPE) X(CONTENT_ENCODING) X(CONTENT_RANGE) X(AUTHORIZATION)                    \
    X(PROXY_AUTHORIZATION) X(COOKIE) X(SET_COOKIE) X(CACHE_CONTROL) X(MAX_FORWARDS) X(RANGE)

static const struct header_set once[] = {
    [HEAD_REQUEST] = SET_OF(ONCE_IN_REQUESTS),
    [HEAD_RESPONSE] = SET_OF(ONCE_IN_RESPONSES),
    [HEAD_TRAILERS] = { { 0, 0 } },
    [HEAD_PART] = SET_OF(ONCE_IN_PARTS),
};

static const struct header_set watched[] = {
    [HEAD_REQUEST] = SET_OF(WATCHED_IN_REQUESTS),
    [HEAD_RESPONSE] = SET_OF(WATCHED_IN_RESPONSES),
    [HEAD_TRAILERS] = SET_OF(WATCHED_IN_TRAILERS),
    [HEAD_PART] = { { 0, 0 } },
};

const struct header_set *aiohttp__head_once(enum head_kind kind)
{
    return &once[kind];
}

bool aiohttp__may_trail(enum header_id id)
{
    return !header_set_has(&watched[HEAD_TRAILERS], id);
}

const struct header_set *aiohttp__head_watched(enum head_kind kind)
{
    return &watched[kind];
}

static int bad(struct head *head, size_t at, int status, const char *why)
{
    return aiohttp__head_fail(head, -AIOHTTP_BAD_HTTP_MESSAGE, (uint32_t)at, status, why);
}

/* --- methods, hosts, targets --- */

enum method aiohttp__method_of(const char *text, size_t size)
{
#define CASE(name)                                                                                 \
    if (size == sizeof(#name) - 1 && memcmp(text, #name, sizeof(#name) - 1) == 0)                  \
        return METHOD_##name;
    METHODS(CASE)
#undef CASE
    return METHOD_OTHER;
}

struct span aiohttp__method_text(enum method method)
{
    static const struct span texts[] = {
#define TEXT(name) [METHOD_##name] = { #name, sizeof(#name) - 1 },
        METHODS(TEXT)
#undef TEXT
    };
    return (unsigned)method < METHOD_COUNT ? texts[method] : (struct span){ "", 0 };
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    unsigned char low = ascii_lower(c);
    return is_digit(c) || (low >= 'a' && low <= 'f');
}

int64_t aiohttp__host_fault(const char *from, struct span host, bool must_have_host,
                            bool must_have_port)
{
    const char *text = host.data;
    const char *(*scan)(const char *, const char *, const char *, const struct char_class *) =
        lines_now()->scan;
    size_t at = 0, size = host.size;
    if (size > 0 && text[0] == '[') {
        for (at = 1; at < size && (is_hex(text[at]) || text[at] == ':' || text[at] == '.');)
            at++;
        if (at == size || text[at] != ']' || at < 3)
            return (int64_t)(at < size ? at : size - 1);
        at++;
    } else {
        for (;; at += 3) {
            at = (size_t)(scan(from, text + at, text + size, &aiohttp__class_host) - text);
            if (at == size || text[at] != '%')
                break;
            if (size - at < 3 || !is_hex(text[at + 1]) || !is_hex(text[at + 2]))
                return (int64_t)at;
        }
    }
    bool has_host = at > 0;
    size_t digits = 0;
    if (at < size && text[at] == ':') {
        unsigned port = 0;
        for (at++; at < size && is_digit(text[at]); at++, digits++)
            if ((port = port * 10 + (unsigned)(text[at] - '0')) > 65535)
                return (int64_t)at;
    }
    if (at < size)
        return (int64_t)at;
    return (must_have_host && !has_host) || (must_have_port && digits == 0) ? (int64_t)size : -1;
}

static int set_authority(struct head *head, const char *data, size_t at, size_t size, bool has_host,
                         bool has_port, const char *why)
{
    int64_t fault =
        aiohttp__host_fault(data, (struct span){ data + at, size }, has_host, has_port);
    if (fault >= 0)
        return bad(head, at + (size_t)fault, 400, why);
    head->authority = (struct place){ (uint32_t)at, (uint32_t)size };
    return 0;
}

static int rule_absolute(struct head *head, const char *data)
{
    static const char secure[] = "https://", plain[] = "http://";
    size_t at = head->target.at, end = at + head->target.size, skip = 0;
    struct span target = head_text(data, head->target);
    if (target.size >= 8 && span_is_case((struct span){ target.data, 8 }, SPAN(secure)))
        skip = 8;
    else if (target.size >= 7 && span_is_case((struct span){ target.data, 7 }, SPAN(plain)))
        skip = 7;
    if (skip == 0)
        return bad(head, at, 400, "a target is a path, or an http URL");
    size_t path = at + skip;
    while (path < end && data[path] != '/' && data[path] != '?')
        path++;
    head->target_form = TARGET_ABSOLUTE;
    head->path = (struct place){ (uint32_t)path, (uint32_t)(end - path) };
    return set_authority(head, data, at + skip, path - at - skip, true, false,
                         "the target's host is none");
}

int aiohttp__head_rule_target(struct head *head, const char *data)
{
    const char *target = data + head->target.at;
    head->method = (uint8_t)aiohttp__method_of(data + head->method_at.at, head->method_at.size);
    if (head->method == METHOD_CONNECT) {
        head->target_form = TARGET_AUTHORITY;
        return set_authority(head, data, head->target.at, head->target.size, true, true,
                             "CONNECT wants a host and a port");
    }
    head->path = head->target;
    if (*target == '/') {
        head->target_form = TARGET_ORIGIN;
        return 0;
    }
    if (head->target.size == 1 && *target == '*' && head->method == METHOD_OPTIONS) {
        head->target_form = TARGET_ASTERISK;
        return 0;
    }
    return rule_absolute(head, data);
}

/* --- fields --- */

static int rule_host(struct head *head, const char *data, const struct head_field *field)
{
    struct place own = head->authority;
    int r = set_authority(head, data, field->value, field->value_size, false, false,
                          "Host is no host");
    if (r == 0 && head->target_form != TARGET_ORIGIN && head->target_form != TARGET_ASTERISK)
        head->authority = own; /* the target's counts (RFC 9112, 3.2.2) */
    return r;
}

static int rule_content_length(struct head *head, const char *data, const struct head_field *field,
                               bool is_again)
{
    uint64_t length = 0;
    if (field->value_size == 0)
        return bad(head, field->value, 400, "Content-Length is empty");
    for (uint32_t i = 0; i < field->value_size; i++) {
        char c = data[field->value + i];
        if (!is_digit(c))
            return bad(head, field->value + i, 400, "Content-Length is digits only");
        if (length > ((uint64_t)INT64_MAX - (uint64_t)(c - '0')) / 10)
            return bad(head, field->value + i, 400, "Content-Length is beyond 2^63-1");
        length = length * 10 + (uint64_t)(c - '0');
    }
    if (is_again &&
        ((head->lenient & LENIENT_SAME_LENGTH) == 0 || length != head->content_length))
        return bad(head, field->name, 400, "Content-Length twice");
    if ((head->flags & HEAD_CHUNKED) != 0 && (head->kind == HEAD_REQUEST ||
                                              !(head->lenient & LENIENT_LENGTH_AND_CODING)))
        return bad(head, field->name, 400, "Content-Length beside Transfer-Encoding");
    head->content_length = length;
    head->flags |= HEAD_CONTENT_LENGTH;
    return 0;
}

/* The next element of a list, without blanks around it; false at its end. */
static bool next_element(struct span *rest, struct span *ret_element)
{
    if (rest->data == NULL)
        return false;
    const char *end = rest->data + rest->size, *from = rest->data;
    const char *comma = rest->size > 0 ? memchr(from, ',', rest->size) : NULL;
    const char *to = comma != NULL ? comma : end;
    *rest = comma != NULL ? (struct span){ comma + 1, (size_t)(end - comma - 1) }
                          : (struct span){ NULL, 0 };
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (from < to && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    *ret_element = (struct span){ from, (size_t)(to - from) };
    return true;
}

static int rule_transfer_encoding(struct head *head, const char *data,
                                  const struct head_field *field)
{
    struct span rest = head_field_value(data, field), element = { NULL, 0 };
    unsigned codings = 0, chunked = 0;
    bool is_last = false;
    while (next_element(&rest, &element)) {
        if (element.size == 0)
            return bad(head, field->value, 400, "Transfer-Encoding has an empty element");
        is_last = span_is_case(element, SPAN("chunked"));
        codings++;
        chunked += is_last;
    }
    if (chunked > 1 || (chunked == 1 && !is_last))
        return bad(head, field->value, 400, "chunked is the last transfer coding, and once");
    if (codings != 1 || chunked != 1)
        return bad(head, field->value, 501, "a transfer coding other than chunked");
    if (head->version == 10)
        return bad(head, field->name, 400, "Transfer-Encoding in HTTP/1.0");
    if ((head->flags & HEAD_CONTENT_LENGTH) != 0 &&
        (head->kind == HEAD_REQUEST || !(head->lenient & LENIENT_LENGTH_AND_CODING)))
        return bad(head, field->name, 400, "Transfer-Encoding beside Content-Length");
    head->flags |= HEAD_CHUNKED;
    return 0;
}

static int rule_connection(struct head *head, const char *data, const struct head_field *field)
{
    struct span rest = head_field_value(data, field), element = { NULL, 0 };
    while (next_element(&rest, &element)) {
        const char *end = element.data + element.size;
        const char *fault = scan_bytes(element.data, end, &aiohttp__class_token);
        if (fault != end)
            return bad(head, (size_t)(fault - data), 400, "Connection is a list of tokens");
        if (span_is_case(element, SPAN("close")))
            head->flags |= HEAD_CLOSE;
        else if (span_is_case(element, SPAN("keep-alive")))
            head->flags |= HEAD_SAID_KEEP_ALIVE;
        else if (span_is_case(element, SPAN("upgrade")))
            head->flags |= HEAD_UPGRADE;
    }
    return 0;
}

int aiohttp__head_rule(struct head *head, const char *data, const struct head_field *field,
                       bool is_again)
{
    if (head->kind == HEAD_TRAILERS)
        return bad(head, field->name, 400, "this field cannot be a trailer");
    if (head->kind == HEAD_PART)
        return bad(head, field->name, 400, "a field twice that can be there once");
    if (field->id == HEADER_CONTENT_LENGTH)
        return rule_content_length(head, data, field, is_again);
    if (is_again)
        return bad(head, field->name, 400, "a field twice that can be there once");
    if (field->id == HEADER_HOST)
        return rule_host(head, data, field);
    if (field->id == HEADER_TRANSFER_ENCODING)
        return rule_transfer_encoding(head, data, field);
    if (field->id == HEADER_CONNECTION)
        return rule_connection(head, data, field);
    if (head->version == 11) /* Expect; a 1.0 client's is ignored (RFC 9110, 10.1.1) */
        head->flags |= span_is_case(head_field_value(data, field), SPAN("100-continue"))
                           ? HEAD_EXPECT_CONTINUE
                           : HEAD_EXPECT_OTHER;
    return 0;
}

/* --- the end --- */

static enum body_kind body_of_response(const struct head *head)
{
    int status = head->status_code;
    bool has_none = status < 200 || status == 204 || status == 304 ||
                    head->request_method == METHOD_HEAD ||
                    (head->request_method == METHOD_CONNECT && status < 300);
    if (has_none)
        return BODY_NONE;
    if ((head->flags & (HEAD_CHUNKED | HEAD_CONTENT_LENGTH)) == 0)
        return BODY_CLOSE;
    if ((head->flags & HEAD_CHUNKED) != 0)
        return BODY_CHUNKED;
    return head->content_length > 0 ? BODY_LENGTH : BODY_NONE;
}

static enum body_kind body_of_request(const struct head *head)
{
    if ((head->flags & HEAD_CHUNKED) != 0)
        return BODY_CHUNKED;
    return head->content_length > 0 ? BODY_LENGTH : BODY_NONE;
}

int aiohttp__head_rule_end(struct head *head)
{
    if (head->kind == HEAD_TRAILERS || head->kind == HEAD_PART)
        return 0;
    bool is_request = head->kind == HEAD_REQUEST;
    if (is_request && head->version == 11 && !head_has(head, HEADER_HOST))
        return bad(head, head->next, 400, "no Host");
    if ((head->flags & HEAD_CHUNKED) != 0) /* with a leniency: the length is not to be used */
        head->content_length = 0, head->flags &= ~(uint32_t)HEAD_CONTENT_LENGTH;
    head->body = (uint8_t)(is_request ? body_of_request(head) : body_of_response(head));
    if ((head->flags & HEAD_UPGRADE) != 0 &&
        (head->version == 10 || !head_has(head, HEADER_UPGRADE)))
        head->flags &= ~(uint32_t)HEAD_UPGRADE;
    bool stays = head->version == 11 || (head->flags & HEAD_SAID_KEEP_ALIVE) != 0;
    if (stays && (head->flags & HEAD_CLOSE) == 0 && head->body != BODY_CLOSE)
        head->flags |= HEAD_KEEP_ALIVE;
    return 0;
}
