/* SPDX-License-Identifier: MIT */
/* Where the parts of a multipart body begin and end: see multipart.h. */
#include "wire/multipart.h"

#include "wire/ascii.h"

#include <aiohttp/error.h>
#include <errno.h>

enum state {
    AT_START,     /* the first delimiter needs no CR LF before it */
    BEFORE,       /* the preamble */
    AT_DELIMITER, /* behind the boundary */
    IN_HEAD,
    AT_BODY, /* an empty body may have no CR LF of its own */
    IN_BODY,
    AFTER,
};

static const struct ascii_set boundary_bytes = {
    ASCII_DIGITS | ASCII_BIT('\'') | ASCII_BIT('(') | ASCII_BIT(')') | ASCII_BIT('+') |
        ASCII_BIT(',') | ASCII_BIT('-') | ASCII_BIT('.') | ASCII_BIT('/') | ASCII_BIT(':') |
        ASCII_BIT('=') | ASCII_BIT('?') | ASCII_BIT(' '),
    ASCII_ALPHA | ASCII_BIT('_')
};

int aiohttp__multipart_begin(struct multipart *multipart, struct span boundary, size_t before_max)
{
    if (boundary.size == 0 || boundary.size > BOUNDARY_MAX ||
        boundary.data[boundary.size - 1] == ' ' || !ascii_has_all(boundary_bytes, boundary))
        return -EINVAL;
    *multipart = (struct multipart){ .size = boundary.size + 4, .before_max = before_max };
    memcpy(multipart->delimiter, "\r\n--", 4);
    memcpy(multipart->delimiter + 4, boundary.data, boundary.size);
    return 0;
}

void aiohttp__multipart_head_done(struct multipart *multipart)
{
    multipart->state = AT_BODY;
}

/* Where the delimiter is, or its beginning at the very end of the data; `size` when it is not.
 * A delimiter has one CR, so two attempts never look at the same bytes: linear. */
static size_t find(const struct multipart *multipart, const char *data, size_t size)
{
    size_t at = 0;
    while (at < size) {
        const char *cr = memchr(data + at, '\r', size - at);
        if (!cr)
            return size;
        at = (size_t)(cr - data);
        size_t left = size - at < multipart->size ? size - at : multipart->size;
        if (memcmp(cr, multipart->delimiter, left) == 0)
            return at;
        at++;
    }
    return size;
}

/* Whether the data begins with the delimiter without its CR LF: 1, 0, or -1 for not known yet. */
static int begins_with_dashes(const struct multipart *multipart, const char *data, size_t size)
{
    size_t wanted = multipart->size - 2, left = size < wanted ? size : wanted;
    if (left > 0 && memcmp(data, multipart->delimiter + 2, left) != 0)
        return 0;
    return left == wanted ? 1 : -1;
}

static int wrong(const char **ret_why, const char *why)
{
    *ret_why = why;
    return -AIOHTTP_BAD_HTTP_MESSAGE;
}

/* Behind a boundary: the end of all, or of the line. */
static int delimiter(struct multipart *multipart, const char *data, size_t size, bool is_end,
                     size_t *ret_consumed, const char **ret_why)
{
    size_t at = 0;
    if (size >= 2 && data[0] == '-' && data[1] == '-') {
        *ret_consumed = 2;
        multipart->state = AFTER;
        return MULTIPART_END;
    }
    while (at < size && ascii_is_blank(data[at]))
        at++;
    if (at > MULTIPART_PADDING)
        return wrong(ret_why, "blanks behind a boundary");
    bool can_be = at == size || (at == 0 && size == 1 && data[0] == '-') ||
                  (data[at] == '\r' && (at + 1 == size || data[at + 1] == '\n'));
    if (!can_be)
        return wrong(ret_why, "the line of a boundary goes on");
    if (size - at >= 2) {
        *ret_consumed = at + 2;
        multipart->state = IN_HEAD;
        return MULTIPART_HEAD;
    }
    return is_end ? wrong(ret_why, "the multipart body ended early") : MULTIPART_MORE;
}

/* Bytes before the first delimiter. 1: go on in another state; else what to return. */
static int before(struct multipart *multipart, const char *data, size_t size, bool is_end,
                  size_t *ret_consumed, const char **ret_why)
{
    size_t at = find(multipart, data, size);
    bool is_found = at < size && size - at >= multipart->size;
    multipart->before += at;
    if (multipart->before > multipart->before_max)
        return wrong(ret_why, "too much before the first boundary");
    *ret_consumed = at + (is_found ? multipart->size : 0);
    if (is_found)
        multipart->state = AT_DELIMITER;
    else if (is_end)
        return wrong(ret_why, "the multipart body has no boundary");
    return MULTIPART_MORE;
}

static int body(struct multipart *multipart, const char *data, size_t size, bool is_end,
                size_t *ret_consumed, struct span *ret_data, const char **ret_why)
{
    size_t at = find(multipart, data, size);
    if (at > 0) {
        *ret_data = (struct span){ data, at };
        *ret_consumed = at;
        return MULTIPART_DATA;
    }
    if (size >= multipart->size) {
        *ret_consumed = multipart->size;
        multipart->state = AT_DELIMITER;
        return MULTIPART_PART_END;
    }
    return is_end ? wrong(ret_why, "the multipart body ended early") : MULTIPART_MORE;
}

int aiohttp__multipart_next(struct multipart *multipart, const char *data, size_t size,
                            bool is_end, size_t *ret_consumed, struct span *ret_data,
                            const char **ret_why)
{
    *ret_consumed = 0;
    if (multipart->state == AT_START || multipart->state == AT_BODY) {
        bool is_body = multipart->state == AT_BODY;
        int r = begins_with_dashes(multipart, data, size);
        if (r < 0 && !is_end)
            return MULTIPART_MORE;
        if (r > 0) {
            *ret_consumed = multipart->size - 2;
            multipart->state = AT_DELIMITER;
            return is_body ? MULTIPART_PART_END : MULTIPART_MORE;
        }
        multipart->state = is_body ? IN_BODY : BEFORE;
    }
    switch (multipart->state) {
    case BEFORE: return before(multipart, data, size, is_end, ret_consumed, ret_why);
    case AT_DELIMITER: return delimiter(multipart, data, size, is_end, ret_consumed, ret_why);
    case IN_HEAD: return MULTIPART_HEAD;
    case IN_BODY: return body(multipart, data, size, is_end, ret_consumed, ret_data, ret_why);
    default: return MULTIPART_END;
    }
}
