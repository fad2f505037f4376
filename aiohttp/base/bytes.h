/* SPDX-License-Identifier: MIT */
/* Bytes that are appended to: the only thing here that grows, and it has a maximum.
 *
 * MODEL      Either memory of its own, which grows up to `max`, or memory that was lent to it and
 *            does not grow, or the latter until it is full, and then the former. What does not fit,
 *            or finds no memory, is not appended at all; `error` says why, and from then on nothing
 *            is appended. So a writer checks once, at its end.
 * WHY        What is written twice, once to learn its size and once to be copied, disagrees with
 *            itself one day. Everything is written once.
 * INVARIANT  Zeroed memory with a `max` is empty bytes. size <= capacity <= max. */
#pragma once

#include "base/span.h"

#include <stdint.h>

struct bytes {
    char *data;
    size_t size, capacity, max;
    int error;    /* 0, -ENOMEM, or -EMSGSIZE: more than max */
    bool is_lent; /* data is somebody else's */
};

/* Writes into `memory`, which stays the caller's. */
static inline struct bytes bytes_in(char *memory, size_t capacity)
{
    return (struct bytes){ memory, 0, capacity, capacity, 0, true };
}

/* Begins in `memory`, which stays the caller's; what is more goes, with the rest, to memory of its
 * own, up to `max`. To be ended by aiohttp__bytes_fini. */
static inline struct bytes bytes_from(char *memory, size_t capacity, size_t max)
{
    return (struct bytes){ memory, 0, capacity, max, 0, true };
}

/* Grows as needed, up to `max`. To be ended by aiohttp__bytes_fini. */
static inline struct bytes bytes_up_to(size_t max)
{
    return (struct bytes){ NULL, 0, 0, max, 0, false };
}

static inline struct span bytes_span(const struct bytes *bytes)
{
    return (struct span){ bytes->data, bytes->size };
}

/* What was written since `from`. */
static inline struct span bytes_since(const struct bytes *bytes, size_t from)
{
    return bytes->data ? (struct span){ bytes->data + from, bytes->size - from } :
                         (struct span){ "", 0 };
}

void aiohttp__bytes_append(struct bytes *bytes, const void *data, size_t size);
void aiohttp__bytes_number(struct bytes *bytes, uint64_t number);

/* Where `more` bytes can be written, which the caller adds to size then; NULL, and `error` says
 * why, when there is no room. */
char *aiohttp__bytes_room(struct bytes *bytes, size_t more);

static inline char *bytes_room(struct bytes *bytes, size_t more)
{
    if (__builtin_expect(bytes->error == 0 && bytes->capacity - bytes->size > more, 1))
        return bytes->data + bytes->size;
    return aiohttp__bytes_room(bytes, more);
}

/* Gives back what is its own, and is empty again. The maximum stays. */
void aiohttp__bytes_fini(struct bytes *bytes);

static inline void bytes_put(struct bytes *bytes, char c)
{
    if (bytes->size < bytes->capacity && bytes->error == 0)
        bytes->data[bytes->size++] = c;
    else
        aiohttp__bytes_append(bytes, &c, 1);
}

static inline void bytes_add(struct bytes *bytes, struct span span)
{
    aiohttp__bytes_append(bytes, span.data, span.size);
}

static inline void bytes_text(struct bytes *bytes, const char *text)
{
    aiohttp__bytes_append(bytes, text, strlen(text));
}
