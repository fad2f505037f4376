/* SPDX-License-Identifier: MIT */
/* What aiohttp_headers are inside: messages embed them.
 *
 * MODEL      An array of fields, in order. The first HEADERS_FEW lie in the struct, more in the
 *            arena; names and values in the arena too, which is the message's or their own.
 * LENT       A parsed head lends its fields: aiohttp__headers_lend gives a field for each, whose
 *            name and value point into the head, where a NUL is put behind each (over the colon,
 *            and over the CR or blank that followed). So the head is a writable copy that lives as
 *            long as the headers: message->arena is the place for it. With HEADERS_FEW fields or
 *            fewer nothing is allocated. Who does that only when the handler asks for headers pays
 *            nothing on the plain path: it sets `fill`, called once, before the first look.
 * OWNERSHIP  The arena's owner ends the memory; after aiohttp__arena_reset the headers are
 *            initialised again.
 * INVARIANT  Names and values end with NUL and hold none. */
#pragma once

#include "base/arena.h"

#include <aiohttp/headers.h>

enum { HEADERS_FEW = 12 };

struct headers_field {
    const char *name, *value;
    uint32_t name_size, value_size;
};

struct aiohttp_headers {
    struct headers_field *fields; /* few, or in the arena */
    uint32_t count, capacity;
    struct arena *arena;
    int references; /* of aiohttp_headers_new; 0: embedded in a message */
    /* NULL, or fills the fields in when somebody first looks. It cannot fail: what it needs was
     * allocated before. */
    void (*fill)(struct aiohttp_headers *headers, void *data);
    void *fill_data;
    struct headers_field few[HEADERS_FEW];
};

/* Makes empty headers whose text lies in `arena`. */
static inline void aiohttp__headers_init(struct aiohttp_headers *headers, struct arena *arena)
{
    headers->fields = headers->few;
    headers->count = 0;
    headers->capacity = HEADERS_FEW;
    headers->arena = arena;
    headers->references = 0;
    headers->fill = NULL;
    headers->fill_data = NULL;
}

/* Makes room for `count` fields in all. 0 or -ENOMEM. */
int aiohttp__headers_reserve(struct aiohttp_headers *headers, size_t count);

/* Adds a field out of a head, where there is room for it (aiohttp__headers_reserve): puts a NUL
 * behind both. Nothing is checked: the parser has. */
static inline void aiohttp__headers_lend(struct aiohttp_headers *headers, char *name,
                                         size_t name_size, char *value, size_t value_size)
{
    struct headers_field *field = &headers->fields[headers->count++];
    field->name = name;
    field->value = value;
    field->name_size = (uint32_t)name_size;
    field->value_size = (uint32_t)value_size;
    name[name_size] = '\0';
    value[value_size] = '\0';
}

static inline void aiohttp__headers_look(const struct aiohttp_headers *headers)
{
    if (__builtin_expect(headers->fill != NULL, 0)) {
        struct aiohttp_headers *self = (struct aiohttp_headers *)(uintptr_t)headers;
        void (*fill)(struct aiohttp_headers *, void *) = self->fill;
        self->fill = NULL;
        fill(self, self->fill_data);
    }
}

/* The first field of that name at or after *position, which is moved behind it; NULL: none. */
const struct headers_field *aiohttp__headers_find(const struct aiohttp_headers *headers,
                                                  struct span name, size_t *position);

/* As the public ones, for spans: copied into the arena. -EINVAL, -ENOMEM. */
int aiohttp__headers_add(struct aiohttp_headers *headers, struct span name, struct span value);
int aiohttp__headers_set(struct aiohttp_headers *headers, struct span name, struct span value);

/* As these, for text that is static or lies in the arena already and is known to be right: it is
 * lent, and ends with NUL. -ENOMEM. */
int aiohttp__headers_add_lent(struct aiohttp_headers *headers, struct span name,
                              struct span value);
int aiohttp__headers_set_lent(struct aiohttp_headers *headers, struct span name,
                              struct span value);

/* Takes back what was added behind the first `count`. */
static inline void aiohttp__headers_truncate(struct aiohttp_headers *headers, size_t count)
{
    if (count < headers->count)
        headers->count = (uint32_t)count;
}

/* The first value of that name; .data is NULL when there is none. */
struct span aiohttp__headers_value(const struct aiohttp_headers *headers, struct span name);

/* What is sent as a name or value. */
bool aiohttp__headers_is_name(struct span name);
bool aiohttp__headers_is_value(struct span value);
