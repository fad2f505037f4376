/* SPDX-License-Identifier: MIT */
/* Writing HTTP/1: see write.h. */
#include "wire/write.h"

#include "wire/scan.h"

#include <errno.h>

static int fail(struct out *out, int r)
{
    if (out->result == 0)
        out->result = r;
    return r;
}

char *aiohttp__out_room(struct out *out, size_t more)
{
    size_t wanted;
    if (out->result != 0)
        return NULL;
    if (__builtin_add_overflow(out->size, more, &wanted)) {
        fail(out, -ENOBUFS);
        return NULL;
    }
    if (out->capacity < wanted) {
        int r = out->grow != NULL ? out->grow(out, wanted) : -ENOBUFS;
        if (r < 0 || out->capacity < wanted) {
            fail(out, r < 0 ? r : -ENOBUFS);
            return NULL;
        }
    }
    return out->data + out->size;
}

static char *put(char *at, struct span span)
{
    if (span.size > 0)
        memcpy(at, span.data, span.size);
    return at + span.size;
}

static bool is_all(struct span span, const struct char_class *class)
{
    const char *end = span.data + span.size;
    return span.size == 0 || lines_now()->scan(span.data, span.data, end, class) == end;
}

bool aiohttp__is_value(struct span value)
{
    return is_all(value, &aiohttp__class_value);
}

bool aiohttp__is_token(struct span text)
{
    return text.size > 0 && is_all(text, &aiohttp__class_token);
}

/* --- numbers --- */

/* Digits of `number` up to `end`; where they begin. */
static char *digits(char *end, uint64_t number)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    for (; number >= 100; number /= 100) {
        end -= 2;
        memcpy(end, &pairs[number % 100 * 2], 2);
    }
    if (number < 10) {
        *--end = (char)('0' + number);
        return end;
    }
    end -= 2;
    memcpy(end, &pairs[number * 2], 2);
    return end;
}

#define DIGITS_MAX 20

void aiohttp__out_number(struct out *out, uint64_t number)
{
    char text[DIGITS_MAX];
    const char *at = digits(text + DIGITS_MAX, number);
    out_add(out, (struct span){ at, (size_t)(text + DIGITS_MAX - at) });
}

/* --- first lines --- */

static bool is_version(int version)
{
    return version == 10 || version == 11;
}

static struct span version_text(int version)
{
    return version == 11 ? SPAN("HTTP/1.1") : SPAN("HTTP/1.0");
}

void aiohttp__write_request_line(struct out *out, struct span method, struct span target,
                                 int version)
{
    if (!aiohttp__is_token(method) || target.size == 0 ||
        !is_all(target, &aiohttp__class_target_lenient) || !is_version(version)) {
        fail(out, -EINVAL);
        return;
    }
    if (target.size > SIZE_MAX / 2) {
        fail(out, -ENOBUFS);
        return;
    }
    char *begin = out_room(out, method.size + target.size + sizeof "  HTTP/1.1\r\n" - 1);
    if (begin == NULL)
        return;
    char *at = put(put(put(begin, method), SPAN(" ")), target);
    at = put(put(put(at, SPAN(" ")), version_text(version)), SPAN("\r\n"));
    out->size += (size_t)(at - begin);
}

/* clang-format off */
#define STATUSES(X)                                                                                \
    X(100, "Continue") X(101, "Switching Protocols") X(102, "Processing") X(103, "Early Hints")    \
    X(200, "OK") X(201, "Created") X(202, "Accepted") X(203, "Non-Authoritative Information")      \
    X(204, "No Content") X(205, "Reset Content") X(206, "Partial Content") X(207, "Multi-Status")  \
    X(208, "Already Reported") X(226, "IM Used")                                                   \
    X(300, "Multiple Choices") X(301, "Moved Permanently") X(302, "Found") X(303, "See Other")     \
    X(304, "Not Modified") X(305, "Use Proxy") X(307, "Temporary Redirect")                        \
    X(308, "Permanent Redirect")                                                                   \
    X(400, "Bad Request") X(401, "Unauthorized") X(402, "Payment Required") X(403, "Forbidden")    \
    X(404, "Not Found") X(405, "Method Not Allowed") X(406, "Not Acceptable")                      \
    X(407, "Proxy Authentication Required") X(408, "Request Timeout") X(409, "Conflict")           \
    X(410, "Gone") X(411, "Length Required") X(412, "Precondition Failed")                         \
    X(413, "Content Too Large") X(414, "URI Too Long") X(415, "Unsupported Media Type")            \
    X(416, "Range Not Satisfiable") X(417, "Expectation Failed") X(418, "I'm a Teapot")            \
    X(421, "Misdirected Request") X(422, "Unprocessable Content") X(423, "Locked")                 \
    X(424, "Failed Dependency") X(425, "Too Early") X(426, "Upgrade Required")                     \
    X(428, "Precondition Required") X(429, "Too Many Requests")                                    \
    X(431, "Request Header Fields Too Large") X(451, "Unavailable For Legal Reasons")              \
    X(500, "Internal Server Error") X(501, "Not Implemented") X(502, "Bad Gateway")                \
    X(503, "Service Unavailable") X(504, "Gateway Timeout") X(505, "HTTP Version Not Supported")   \
    X(506, "Variant Also Negotiates") X(507, "Insufficient Storage") X(508, "Loop Detected")       \
    X(510, "Not Extended") X(511, "Network Authentication Required")
/* clang-format on */

/* The whole line; the reason begins behind "HTTP/1.1 200 ". */
#define REASON_AT 13

static struct span status_line(int status)
{
    switch (status) {
#define CASE(number, reason)                                                                       \
    case number: return SPAN("HTTP/1.1 " #number " " reason "\r\n");
        STATUSES(CASE)
#undef CASE
    default: return (struct span){ NULL, 0 };
    }
}

struct span aiohttp__reason(int status)
{
    struct span line = status_line(status);
    return line.size == 0 ? SPAN("")
                          : (struct span){ line.data + REASON_AT, line.size - REASON_AT - 2 };
}

void aiohttp__write_status_line(struct out *out, int version, int status, struct span reason)
{
    struct span line = status_line(status);
    if (version == 11 && reason.data == NULL && line.size > 0) {
        out_add(out, line);
        return;
    }
    if (!is_version(version) || status < 100 || status > 999 || !aiohttp__is_value(reason)) {
        fail(out, -EINVAL);
        return;
    }
    if (reason.data == NULL)
        reason = aiohttp__reason(status);
    char *begin = out_room(out, reason.size + REASON_AT + 2);
    if (begin == NULL)
        return;
    char number[DIGITS_MAX];
    char *at = put(put(begin, version_text(version)), SPAN(" "));
    at = put(put(at, (struct span){ digits(number + DIGITS_MAX, (uint64_t)status), 3 }), SPAN(" "));
    at = put(put(at, reason), SPAN("\r\n"));
    out->size += (size_t)(at - begin);
}

/* --- fields --- */

static void field(struct out *out, struct span name, struct span value)
{
    char *begin = name.size < SIZE_MAX / 4 && value.size < SIZE_MAX / 4
                      ? out_room(out, name.size + value.size + 4)
                      : (fail(out, -ENOBUFS), NULL);
    if (begin == NULL)
        return;
    char *at = put(put(put(begin, name), SPAN(": ")), value);
    out->size += (size_t)(put(at, SPAN("\r\n")) - begin);
}

void aiohttp__write_field(struct out *out, struct span name, struct span value)
{
    if (aiohttp__is_token(name) && aiohttp__is_value(value))
        field(out, name, value);
    else
        fail(out, -EINVAL);
}

void aiohttp__write_known(struct out *out, enum header_id id, struct span value)
{
    if (id != HEADER_OTHER && id < HEADER_COUNT && aiohttp__is_value(value))
        field(out, aiohttp__header_text(id), value);
    else
        fail(out, -EINVAL);
}

void aiohttp__write_known_number(struct out *out, enum header_id id, uint64_t value)
{
    char text[DIGITS_MAX];
    const char *at = digits(text + DIGITS_MAX, value);
    aiohttp__write_known(out, id, (struct span){ at, (size_t)(text + DIGITS_MAX - at) });
}

void aiohttp__write_end(struct out *out)
{
    out_add(out, SPAN("\r\n"));
}

/* --- chunks --- */

void aiohttp__write_chunk_head(struct out *out, uint64_t size)
{
    char text[18], *at = text + sizeof text;
    if (size == 0) { /* it would end the body */
        fail(out, -EINVAL);
        return;
    }
    *--at = '\n';
    *--at = '\r';
    for (; size > 0; size >>= 4)
        *--at = "0123456789abcdef"[size & 15];
    out_add(out, (struct span){ at, (size_t)(text + sizeof text - at) });
}

void aiohttp__write_last_chunk(struct out *out)
{
    out_add(out, SPAN("0\r\n"));
}

/* --- Date --- */

static void two(char *at, int64_t number)
{
    at[0] = (char)('0' + number / 10);
    at[1] = (char)('0' + number % 10);
}

void aiohttp__date_text(int64_t seconds, char text[DATE_SIZE])
{
    static const char days[] = "ThuFriSatSunMonTueWed";
    static const char months[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
    const int64_t first = -62167219200, last = 253402300799; /* years 0 and 9999 */
    seconds = seconds < first ? first : seconds > last ? last : seconds;
    int64_t day = seconds / 86400, second = seconds % 86400;
    if (second < 0) {
        second += 86400;
        day--;
    }
    int64_t weekday = (day % 7 + 7) % 7;
    /* Years begin in March, so that a leap day is a year's last; 146097 days are 400 years. */
    int64_t since = day + 719468, era = (since >= 0 ? since : since - 146096) / 146097;
    int64_t in_era = since - era * 146097;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * in_year + 2) / 153;
    year += era * 400 + (month >= 10);
    memcpy(text, "Thu, 01 Jan 1970 00:00:00 GMT", DATE_SIZE);
    memcpy(text, &days[weekday * 3], 3);
    two(text + 5, in_year - (153 * month + 2) / 5 + 1);
    memcpy(text + 8, &months[month * 3], 3);
    two(text + 12, year / 100);
    two(text + 14, year % 100);
    two(text + 17, second / 3600);
    two(text + 20, second / 60 % 60);
    two(text + 23, second % 60);
}

void aiohttp__date_line_set(struct date_line *line, int64_t now)
{
    memcpy(line->text, "Date: ", 6);
    aiohttp__date_text(now, line->text + 6);
    memcpy(line->text + 6 + DATE_SIZE, "\r\n", 2);
    line->seconds = now;
    line->is_valid = true;
}
