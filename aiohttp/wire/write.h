/* SPDX-License-Identifier: MIT */
/* Writing HTTP/1: a bounded appender, and what is appended to it.
 *
 * MODEL      Text grows in a struct out. Nobody counts first and copies then: each function writes
 *            at the end, in a room that it has made sure of, or not at all. The first failure stays
 *            (out->result) and everything after it is nothing, so a whole head is written without a
 *            look and judged once at its end.
 * ROOM       A fixed piece of the caller's memory, or one that grows: `grow` is called when there
 *            is too little. Full is -ENOBUFS; what grow returns is kept likewise.
 * REFUSED    A method or name that is no token, a target with a control or a space, a value or
 *            reason with CR, LF, NUL or another control but HTAB: -EINVAL, and nothing of it is
 *            written. That is checked here, at the last moment, whoever checked before.
 * OWNERSHIP  All memory is the caller's. */
#pragma once

#include "base/span.h"
#include "wire/head.h"

#include <stdint.h>
#include <string.h>

struct out {
    char *data;
    size_t size, capacity;
    int result; /* 0, or the first failure */
    /* Makes capacity >= `wanted` (data may move), or returns a negative error. NULL: it is
     * fixed. */
    int (*grow)(struct out *out, size_t wanted);
};

static inline struct out out_of(char *data, size_t capacity)
{
    return (struct out){ .data = data, .capacity = capacity };
}

/* Makes room for that many more bytes and returns where they go, NULL when out has failed. What was
 * written is added to out->size by the caller. */
char *aiohttp__out_room(struct out *out, size_t more);

static inline char *out_room(struct out *out, size_t more)
{
    if (__builtin_expect(out->result == 0 && out->capacity - out->size >= more, 1))
        return out->data + out->size;
    return aiohttp__out_room(out, more);
}

/* Bytes as they are. */
static inline void out_add(struct out *out, struct span span)
{
    char *at = out_room(out, span.size);
    if (at != NULL && span.size > 0) {
        memcpy(at, span.data, span.size);
        out->size += span.size;
    }
}

/* A number in decimal digits. */
void aiohttp__out_number(struct out *out, uint64_t number);

/* "GET /path HTTP/1.1\r\n". Version is 10 or 11; anything else is -EINVAL. */
void aiohttp__write_request_line(struct out *out, struct span method, struct span target,
                                 int version);

/* "HTTP/1.1 200 OK\r\n". A reason without data is the status's own. Status is 100 to 999. */
void aiohttp__write_status_line(struct out *out, int version, int status, struct span reason);

/* "Name: value\r\n" */
void aiohttp__write_field(struct out *out, struct span name, struct span value);
void aiohttp__write_known(struct out *out, enum header_id id, struct span value);
void aiohttp__write_known_number(struct out *out, enum header_id id, uint64_t value);

/* The empty line at a head's end, or a trailer section's. */
void aiohttp__write_end(struct out *out);

/* The line before a chunk of `size` bytes, above 0; behind the chunk comes "\r\n". */
void aiohttp__write_chunk_head(struct out *out, uint64_t size);

/* "0\r\n": behind it come trailers, if any, and aiohttp__write_end. */
void aiohttp__write_last_chunk(struct out *out);

/* The reason phrase of a status, empty if it has none. Static. */
struct span aiohttp__reason(int status);

/* True if nothing but what may be in a field's value (or a reason phrase) is there. */
bool aiohttp__is_value(struct span value);

/* True for a token that is not empty. */
bool aiohttp__is_token(struct span text);

/* --- Date --- */

#define DATE_SIZE 29 /* Sun, 06 Nov 1994 08:49:37 GMT */

/* IMF-fixdate of seconds since 1970, from year 0 to 9999 (others are clamped); no NUL at its
 * end. */
void aiohttp__date_text(int64_t seconds, char text[DATE_SIZE]);

/* "Date: ...\r\n" of one second, formatted when the second changes. Zero it first; one a thread. */
struct date_line {
    int64_t seconds;
    bool is_valid;
    char text[6 + DATE_SIZE + 2];
};

static inline void out_date(struct out *out, struct date_line *line, int64_t now);
void aiohttp__date_line_set(struct date_line *line, int64_t now);

static inline void out_date(struct out *out, struct date_line *line, int64_t now)
{
    if (!line->is_valid || line->seconds != now)
        aiohttp__date_line_set(line, now);
    out_add(out, (struct span){ line->text, sizeof line->text });
}
