/* SPDX-License-Identifier: MIT */
/* Plain answers, at once: see http1_plain.h. */
#include "conn/http1.h"

#include <time.h>

/* For a body of no size whatever the method, and not at the end of a connection: those are seldom.
 * 20 digits. */
enum { HEAD_ROOM = PLAIN_BEFORE + 20 + PLAIN_BEHIND };

static inline bool is_plain(const struct http1 *http, const struct answer *answer)
{
    const struct exchange *exchange = &http->exchange;
    bool is_other = exchange->is_begun | exchange->is_broken | exchange->closes |
                    !exchange->is_body_read | (answer->headers != NULL) |
                    (answer->reason.data != NULL) | !answer->has_static_type |
                    (exchange->head.method == METHOD_HEAD) |
                    (exchange->head.method == METHOD_CONNECT) | (exchange->head.version != 11) |
                    (http->out.result != 0);
    return !is_other;
}

static char *put(char *at, struct span text)
{
    memcpy(at, text.data, text.size);
    return at + text.size;
}

/* False when it does not fit. */
static bool make_before(struct plain_head *plain, const struct answer *answer)
{
    struct span type = { answer->content_type.data, 0 };
    struct out out = out_of(plain->before, sizeof plain->before);
    plain->status = 0;
    if (answer->status < 200 || answer->status == 204 || answer->status == 205 ||
        answer->status == 304)
        return false;
    aiohttp__write_status_line(&out, 11, answer->status, answer->reason);
    if (type.data) {
        type = span_of(type.data);
        out_add(&out, SPAN("Content-Type: "));
        out_add(&out, type);
        out_add(&out, SPAN("\r\n"));
    }
    out_add(&out, SPAN("Content-Length: "));
    if (out.result < 0)
        return false;
    plain->before_size = (uint32_t)out.size;
    plain->type = type.data;
    plain->status = answer->status;
    return true;
}

static void make_behind(struct http1 *http, int64_t now)
{
    struct plain_head *plain = http->plain;
    aiohttp__date_line_set(http->date, now);
    char *at = put(plain->behind, SPAN("\r\n"));
    at = put(at, (struct span){ http->date->text, sizeof http->date->text });
    if (http->server.size)
        at = put(at, http->server);
    at = put(at, SPAN("\r\n"));
    plain->behind_size = (uint32_t)(at - plain->behind);
    plain->seconds = now;
}

static inline char *put_kept(char *at, const char *text, size_t size)
{
    memcpy(at, text, PLAIN_MOST); /* of constant size: a few instructions, and no call */
    if (__builtin_expect(size > PLAIN_MOST, 0))
        memcpy(at + PLAIN_MOST, text + PLAIN_MOST, PLAIN_BEFORE - PLAIN_MOST);
    if (__builtin_expect(size > PLAIN_BEFORE, 0))
        memcpy(at + PLAIN_BEFORE, text + PLAIN_BEFORE, PLAIN_BEHIND - PLAIN_BEFORE);
    return at + size;
}

static inline char *put_number(char *at, uint64_t number)
{
    char digits[20], *begin = digits + sizeof digits;
    if (number < 100) {
        if (number >= 10)
            *at++ = (char)('0' + number / 10);
        *at++ = (char)('0' + number % 10);
        return at;
    }
    do
        *--begin = (char)('0' + number % 10);
    while (number /= 10);
    return put(at, (struct span){ begin, (size_t)(digits + sizeof digits - begin) });
}

bool aiohttp__http1_respond(struct exchange *exchange, const struct answer *answer,
                            const void *data)
{
    struct http1 *http = http1_of(exchange);
    struct plain_head *plain = http->plain;
    struct out *out = &http->out;
    size_t size = (size_t)answer->length;
    if (__builtin_expect(!plain || !is_plain(http, answer) ||
                             size > out->capacity - HEAD_ROOM ||
                             out->capacity - out->size < HEAD_ROOM + size, 0))
        return false;
    if (__builtin_expect(plain->type != answer->content_type.data ||
                             plain->status != answer->status, 0) &&
        !make_before(plain, answer))
        return false;
    int64_t now = (int64_t)time(NULL);
    if (__builtin_expect(plain->seconds != now || !plain->behind_size, 0))
        make_behind(http, now);
    char *at = out->data + out->size;
    at = put_kept(at, plain->before, plain->before_size);
    at = put_number(at, size);
    at = put_kept(at, plain->behind, plain->behind_size);
    if (size)
        memcpy(at, data, size);
    out->size = (size_t)(at + size - out->data);
    http->sends = SENDS_LENGTH;
    http->left = 0;
    exchange->is_bodyless = false;
    exchange->is_begun = exchange->is_ended = true;
    exchange->status = (uint16_t)answer->status;
    exchange->sent = size;
    return true;
}
