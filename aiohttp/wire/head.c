/* SPDX-License-Identifier: MIT */
/* The head parser: see head.h. The lines themselves are read by scan.h's line readers, what they
 * mean together is in head_rules.c; here is how they follow one another, and when a line is judged.
 *
 * SPLITS  A line reader that meets the end of the bytes, a byte that it does not like, or a limit,
 *         leaves the line unread, and `unfinished` decides, by three questions in this order:
 *         - Is the line beyond a limit? It is judged as its bytes before that limit are: is one of
 *           them bad, that is the error, else the limit is.
 *         - Has it no end yet? Then nothing is said. Next time its end is looked for from where we
 *           stopped, and only then is it read again.
 *         - Else what the reader found is the error.
 *         None of the answers depends on how many bytes have come behind the line, or in what
 *         pieces: at a limit only bytes before it count, else only complete lines do. */
#include "wire/head.h"

#include "wire/head_rules.h"
#include "wire/scan.h"

#include <aiohttp/error.h>
#include <errno.h>
#include <string.h>

enum { STATE_BEGIN, STATE_START_LINE, STATE_FIELDS, STATE_DONE, STATE_FAILED };

/* What a TLS connection begins with. */
enum { TLS_HANDSHAKE = 0x16 };

/* The size of a head is an int, and the ends of lines are compared with limits: so much is left. */
#define LIMIT_MAX ((size_t)INT32_MAX - 64)

static uint32_t limit_of(size_t limit)
{
    return (uint32_t)(limit < LIMIT_MAX ? limit : LIMIT_MAX);
}

static inline void begin_start(struct head *head)
{
    static const struct place nowhere;
    bool has_start = head->kind == HEAD_REQUEST || head->kind == HEAD_RESPONSE;
    head->status_code = 0;
    head->version = head->method = head->target_form = 0;
    head->method_at = head->target = head->path = head->authority = head->reason = nowhere;
    head->error_at = 0;
    head->status = 0;
    head->why = NULL;
    head->state = has_start ? STATE_BEGIN : STATE_FIELDS;
    head->result = 0;
    head->next = head->scanned = 0;
    head->head_max = head->head_most;
    head->empty_lines_left = head->empty_lines_most;
}

static inline void begin_fields(struct head *head)
{
    head->field_count = 0;
    head->seen = (struct header_set){ { 0, 0 } };
    head->content_length = 0;
    head->flags = 0;
    head->body = 0;
}

static inline void begin_again(struct head *head)
{
    begin_start(head);
    begin_fields(head);
}

void aiohttp__head_again(struct head *head)
{
    begin_again(head);
}

void aiohttp__head_begin(struct head *head, enum head_kind kind, const aiohttp_limits *limits,
                         unsigned lenient, struct head_field *fields, uint32_t capacity)
{
    bool is_trailer = kind == HEAD_TRAILERS, is_part = kind == HEAD_PART;
    head->fields = fields;
    head->field_capacity = capacity;
    head->kind = (uint8_t)kind;
    head->lenient = (uint8_t)lenient;
    head->request_method = METHOD_GET;
    head->line_max = limit_of(limits->line);
    head->field_max = limit_of(limits->field);
    head->head_most = limit_of(is_part      ? limits->part_head :
                               is_trailer ? limits->trailer :
                                            limits->head);
    if (is_trailer && head->head_most < 2)
        head->head_most = 2; /* the end of a section without fields */
    head->field_count_max = limit_of(is_part      ? limits->part_headers :
                                     is_trailer ? limits->trailers :
                                                  limits->headers);
    head->empty_lines_most = kind == HEAD_REQUEST ? limit_of(limits->empty_lines) : 0;
    head->once = aiohttp__head_once(kind);
    head->watched = aiohttp__head_watched(kind);
    begin_again(head);
}

void aiohttp__head_answers(struct head *head, enum method method)
{
    head->request_method = (uint8_t)method;
}

int aiohttp__head_fail(struct head *head, int code, uint32_t at, int status, const char *why)
{
    head->result = code;
    head->state = STATE_FAILED;
    head->error_at = at;
    head->status = (uint16_t)(head->kind == HEAD_RESPONSE ? 0 : status);
    head->why = why;
    return code;
}

void aiohttp__line_bad(struct head *head, const char *data, const char *at, int status,
                       const char *why)
{
    head->error_at = (uint32_t)(at - data);
    head->status = (uint16_t)status;
    head->why = why;
}

static int fail_as_read(struct head *head)
{
    return aiohttp__head_fail(head, -AIOHTTP_BAD_HTTP_MESSAGE, head->error_at, head->status,
                              head->why);
}

int aiohttp__line_version(struct head *head, const char *data, const char *at, const char *end,
                          const char **ret_after)
{
    static const char text[] = "HTTP/1.1";
    for (int i = 0; i < 8; i++, at++) {
        if (at == end)
            return LINE_MORE;
        bool is_other = (i == 5 || i == 7) && *at >= '0' && *at <= '9';
        if (*at != text[i] && !(i == 7 && *at == '0'))
            return line_bad(head, data, at, is_other ? 505 : 400,
                                     is_other ? "neither HTTP/1.1 nor 1.0" : "no HTTP version");
    }
    head->version = at[-1] == '1' ? 11 : 10;
    *ret_after = at;
    return LINE_DONE;
}

/* Reads the lines of the state that we are in. */
static int read_lines(struct head *head, const struct lines *lines, const char *data, size_t size)
{
    if (head->state == STATE_FIELDS)
        return lines->fields(head, data, size);
    return head->kind == HEAD_REQUEST ? lines->request(head, data, size)
                                      : lines->status(head, data, size);
}

/* Where the line at head->next, of which the bytes before `known` are there, exceeds a limit: the
 * first byte that is too much; `known` if none is. */
static size_t excess(const struct head *head, const char *data, size_t known, bool *ret_is_line)
{
    size_t max = head->state == STATE_FIELDS ? head->field_max : head->line_max;
    size_t line_at = head->next + max, line_seen = SIZE_MAX, head_seen = SIZE_MAX;
    if (known > line_at && data[line_at] != '\r' && data[line_at] != '\n')
        line_seen = line_at + 1;
    else if (known > line_at + 1 && data[line_at] == '\r' && data[line_at + 1] != '\n')
        line_seen = line_at + 2;
    if (known > head->head_max)
        head_seen = (size_t)head->head_max + 1;
    *ret_is_line = line_seen <= head_seen;
    if (line_seen == SIZE_MAX && head_seen == SIZE_MAX)
        return known;
    return *ret_is_line ? line_at : head->head_max;
}

static int fail_excess(struct head *head, const char *data, size_t at, bool is_line)
{
    if (!is_line)
        return aiohttp__head_fail(head, -AIOHTTP_HEADERS_TOO_LARGE, (uint32_t)at, 431,
                                  "the head is too large");
    if (head->state == STATE_FIELDS)
        return aiohttp__head_fail(head, -AIOHTTP_LINE_TOO_LONG, (uint32_t)at, 431,
                                  "a field is too long");
    bool has_method = memchr(data + head->next, ' ', at - head->next) != NULL;
    return aiohttp__head_fail(head, -AIOHTTP_LINE_TOO_LONG, (uint32_t)at, has_method ? 414 : 400,
                              "the first line is too long");
}

/* A line reader left the line at head->next with `r`, which is not LINE_DONE: see SPLITS. */
static int unfinished(struct head *head, const struct lines *lines, const char *data, size_t size,
                      int r)
{
    size_t from = head->scanned > head->next ? head->scanned : head->next;
    const char *lf = from < size ? memchr(data + from, '\n', size - from) : NULL;
    size_t known = lf != NULL ? (size_t)(lf + 1 - data) : size;
    bool is_line;
    size_t at = excess(head, data, known, &is_line);
    if (at < known) {
        if (at > head->next && read_lines(head, lines, data, at) == LINE_BAD)
            return fail_as_read(head);
        return fail_excess(head, data, at, is_line);
    }
    if (lf == NULL) {
        head->scanned = (uint32_t)size;
        return 0;
    }
    if (r == LINE_COUNT)
        return aiohttp__head_fail(head, -AIOHTTP_HEADERS_TOO_LARGE, head->next, 431,
                                  "too many fields");
    if (r == LINE_FULL)
        return -ENOBUFS;
    if (r == LINE_BAD)
        return fail_as_read(head);
    return aiohttp__head_fail(head, -AIOHTTP_LINE_TOO_LONG, head->next, 431, "a name is too long");
}

/* Before the start line: empty lines, of a request, and whether it can be one at all. */
static int begin_line(struct head *head, const char *data, size_t size)
{
    for (; head->next < size; head->empty_lines_left--) {
        size_t end = head->next;
        if (data[end] == '\r' && ++end == size)
            return 0;
        bool is_empty = data[end] == '\n' && (end > head->next || head->lenient & LENIENT_BARE_LF);
        if (!is_empty) {
            bool can_be = head->kind == HEAD_REQUEST
                              ? !class_ends(&aiohttp__class_token, data[head->next])
                              : data[head->next] == 'H';
            if (!can_be)
                return aiohttp__head_fail(head, -AIOHTTP_BAD_HTTP_MESSAGE, head->next, 400,
                                          data[head->next] == TLS_HANDSHAKE
                                              ? "this is TLS, where HTTP was expected"
                                              : "no message begins so");
            head->state = STATE_START_LINE;
            return 1;
        }
        if (head->empty_lines_left == 0)
            return aiohttp__head_fail(head, -AIOHTTP_BAD_HTTP_MESSAGE, head->next, 400,
                                      "an empty line before the message");
        end++;
        head->head_max += (uint32_t)(end - head->next);
        head->next = (uint32_t)end;
        if (head->head_max > LIMIT_MAX)
            head->head_max = LIMIT_MAX;
    }
    return 0;
}

/* Is the end of the line that we wait for there? */
static bool is_line_there(struct head *head, const char *data, size_t size)
{
    return head->scanned <= head->next ||
           memchr(data + head->scanned, '\n', size - head->scanned) != NULL;
}

/* Up to the first field. Above 0: it is read; 0: more is wanted; or an error. */
static inline int parse_start(struct head *head, const struct lines *lines, const char *data,
                              size_t size)
{
    int r = LINE_MORE;
    if (head->state == STATE_BEGIN && (r = begin_line(head, data, size)) <= 0)
        return r;
    if (!is_line_there(head, data, size))
        return unfinished(head, lines, data, size, LINE_MORE);
    if (head->state == STATE_START_LINE) {
        r = read_lines(head, lines, data, size);
        if (r != LINE_DONE)
            return unfinished(head, lines, data, size, r);
        head->state = STATE_FIELDS;
        head->begin = head->next;
        if (head->kind == HEAD_REQUEST && (r = aiohttp__head_rule_target(head, data)) < 0)
            return r;
    }
    return 1;
}

/* From there to the end. */
static inline int parse_fields(struct head *head, const struct lines *lines, const char *data,
                               size_t size)
{
    int r = lines->fields(head, data, size);
    if (r < 0)
        return r;
    if (r != LINE_DONE)
        return unfinished(head, lines, data, size, r);
    if ((r = aiohttp__head_rule_end(head)) < 0)
        return r;
    head->state = STATE_DONE;
    return (int)head->next;
}

static inline size_t size_of(size_t size)
{
    return size < (size_t)INT32_MAX ? size : (size_t)INT32_MAX;
}

int aiohttp__head_parse(struct head *head, const char *data, size_t size)
{
    size = size_of(size);
    if (head->state >= STATE_DONE)
        return head->state == STATE_DONE ? (int)head->next : head->result;
    const struct lines *lines = lines_now();
    int r = parse_start(head, lines, data, size);
    return r > 0 ? parse_fields(head, lines, data, size) : r;
}

/* The fields are those of the head before and mean the same, which is still there: they only lie
 * `more` bytes further on, modulo 2^32. */
static inline int take_fields(struct head *head, uint32_t more, uint32_t size,
                              struct place authority)
{
    for (uint32_t i = 0; i < head->field_count; i++) {
        head->fields[i].name += more;
        head->fields[i].value += more;
    }
    if (head_has(head, HEADER_HOST))
        head->authority = (struct place){ authority.at + more, authority.size };
    head->next = head->begin + size;
    head->state = STATE_DONE;
    return (int)head->next;
}

/* The limits of a field, and of their number, the fields of the head before have kept to; that of
 * the whole head is looked at anew. */
int aiohttp__head_parse_after(struct head *head, const char *before, const char *data, size_t size)
{
    const struct lines *lines = lines_now();
    const uint32_t begin = head->begin, fields_size = head->next - begin;
    const struct place authority = head->authority;
    const uint8_t version = head->version, target_form = head->target_form;
    size = size_of(size);
    begin_start(head);
    int r = parse_start(head, lines, data, size);
    if (r > 0 && head->version == version && head->target_form == TARGET_ORIGIN &&
        target_form == TARGET_ORIGIN && size - head->begin >= fields_size &&
        (size_t)head->begin + fields_size <= head->head_max &&
        memcmp(data + head->begin, before + begin, fields_size) == 0)
        return take_fields(head, head->begin - begin, fields_size, authority);
    begin_fields(head);
    return r > 0 ? parse_fields(head, lines, data, size) : r;
}
