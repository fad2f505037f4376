/* SPDX-License-Identifier: MIT */
/* Plain answers, at once: see http1_plain.h. */
#include "conn/http1.h"

#include <time.h>

/* For a body of no size whatever the method, and not at the end of a connection: those are
 * seldom. */
enum { HEAD_ROOM = PLAIN_BEFORE + PLAIN_BEHIND, DIGITS = 20 };

static inline bool is_plain(const struct http1 *http)
{
    const struct exchange *exchange = &http->exchange;
    return !exchange->is_begun && !exchange->is_broken && !exchange->closes &&
           exchange->is_body_read && exchange->head.method != METHOD_HEAD &&
           exchange->head.method != METHOD_CONNECT && exchange->head.version == 11 &&
           http->out.result == 0;
}

static char *put(char *at, struct span text)
{
    memcpy(at, text.data, text.size);
    return at + text.size;
}

/* False when it does not fit. */
static bool __attribute__((noinline)) make_before(struct plain_head *plain, int status,
                                                  const char *type)
{
    struct out out = out_of(plain->before, sizeof plain->before - DIGITS);
    plain->status = 0;
    if (status < 200 || status == 204 || status == 205 || status == 304)
        return false;
    aiohttp__write_status_line(&out, 11, status, (struct span){ NULL, 0 });
    if (type) {
        out_add(&out, SPAN("Content-Type: "));
        out_add(&out, span_of(type));
        out_add(&out, SPAN("\r\n"));
    }
    out_add(&out, SPAN("Content-Length: "));
    if (out.result < 0)
        return false;
    plain->begin_size = (uint32_t)out.size;
    plain->length = SIZE_MAX;
    plain->type = type;
    plain->status = status;
    return true;
}

/* There is room for all digits. */
static void __attribute__((noinline)) set_length(struct plain_head *plain, size_t length)
{
    struct out out = { .data = plain->before,
                       .size = plain->begin_size,
                       .capacity = sizeof plain->before };
    aiohttp__out_number(&out, length);
    plain->before_size = (uint32_t)out.size;
    plain->length = length;
}

static void __attribute__((noinline)) make_behind(struct http1 *http, int64_t now)
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

bool aiohttp__http1_respond(struct exchange *exchange, int status, const char *static_type,
                            const void *data, size_t size)
{
    struct http1 *http = http1_of(exchange);
    struct plain_head *plain = http->plain;
    struct out *out = &http->out;
    if (__builtin_expect(!plain || !is_plain(http) ||
                             size > out->capacity - HEAD_ROOM ||
                             out->capacity - out->size < HEAD_ROOM + size, 0))
        return false;
    if (__builtin_expect(plain->type != static_type || plain->status != status, 0) &&
        !make_before(plain, status, static_type))
        return false;
    if (__builtin_expect(plain->length != size, 0))
        set_length(plain, size);
    int64_t now = (int64_t)time(NULL);
    if (__builtin_expect(plain->seconds != now || !plain->behind_size, 0))
        make_behind(http, now);
    char *at = out->data + out->size;
    at = put_kept(at, plain->before, plain->before_size);
    at = put_kept(at, plain->behind, plain->behind_size);
    if (size)
        memcpy(at, data, size);
    out->size = (size_t)(at + size - out->data);
    http->sends = SENDS_LENGTH;
    http->left = 0;
    exchange->is_bodyless = false;
    exchange->is_begun = exchange->is_ended = true;
    exchange->status = (uint16_t)status;
    exchange->sent = size;
    return true;
}
