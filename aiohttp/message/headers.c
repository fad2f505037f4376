/* SPDX-License-Identifier: MIT */
/* Headers: see headers.h and <aiohttp/headers.h>. */
#include "message/headers.h"

#include "base/error.h"
#include "wire/write.h"

#include <asyncio/alloc.h>

/* Headers of their own: they and their first text in one block. */
struct own {
    struct aiohttp_headers headers;
    struct arena arena;
    _Alignas(ARENA_ALIGN) char text[512];
};

/* The grammar is wire's, where it is checked once more when it is written. */
bool aiohttp__headers_is_name(struct span name)
{
    return name.size <= UINT16_MAX && aiohttp__is_token(name);
}

bool aiohttp__headers_is_value(struct span value)
{
    return value.size < INT32_MAX && aiohttp__is_value(value);
}

aiohttp_headers *aiohttp_headers_new(void)
{
    aiohttp__errors_add();
    struct own *own = asyncio_mem_malloc(sizeof *own);
    if (!own)
        return NULL;
    aiohttp__arena_init(&own->arena, own->text, sizeof own->text);
    aiohttp__headers_init(&own->headers, &own->arena);
    own->headers.references = 1;
    return &own->headers;
}

aiohttp_headers *aiohttp_headers_ref(aiohttp_headers *headers)
{
    if (headers && headers->references)
        headers->references++;
    return headers;
}

void aiohttp_headers_unref(aiohttp_headers *headers)
{
    if (!headers || !headers->references || --headers->references)
        return;
    struct own *own = (struct own *)headers;
    aiohttp__arena_fini(&own->arena);
    asyncio_mem_free(own);
}

aiohttp_headers *aiohttp_headers_copy(const aiohttp_headers *headers)
{
    aiohttp_headers *copy = aiohttp_headers_new();
    if (copy && aiohttp_headers_extend(copy, headers) < 0) {
        aiohttp_headers_unref(copy);
        return NULL;
    }
    return copy;
}

int aiohttp__headers_reserve(struct aiohttp_headers *headers, size_t count)
{
    if (count <= headers->capacity)
        return 0;
    size_t capacity = (size_t)headers->capacity * 2 > count ? (size_t)headers->capacity * 2 : count;
    if (capacity > INT32_MAX)
        return -ENOMEM;
    struct headers_field *fields =
        aiohttp__arena_alloc(headers->arena, capacity * sizeof *fields);
    if (!fields)
        return -ENOMEM;
    memcpy(fields, headers->fields, headers->count * sizeof *fields);
    headers->fields = fields;
    headers->capacity = (uint32_t)capacity;
    return 0;
}

const struct headers_field *aiohttp__headers_find(const struct aiohttp_headers *headers,
                                                  struct span name, size_t *position)
{
    aiohttp__headers_look(headers);
    for (size_t i = *position; i < headers->count; i++) {
        const struct headers_field *field = &headers->fields[i];
        if (field->name_size == name.size &&
            span_is_case((struct span){ field->name, field->name_size }, name)) {
            *position = i + 1;
            return field;
        }
    }
    *position = headers->count;
    return NULL;
}

struct span aiohttp__headers_value(const struct aiohttp_headers *headers, struct span name)
{
    size_t position = 0;
    const struct headers_field *field = aiohttp__headers_find(headers, name, &position);
    return field ? (struct span){ field->value, field->value_size } : (struct span){ NULL, 0 };
}

int aiohttp__headers_add_lent(struct aiohttp_headers *headers, struct span name, struct span value)
{
    aiohttp__headers_look(headers);
    int r = aiohttp__headers_reserve(headers, (size_t)headers->count + 1);
    if (r < 0)
        return r;
    headers->fields[headers->count++] = (struct headers_field){
        .name = name.data,
        .value = value.data,
        .name_size = (uint32_t)name.size,
        .value_size = (uint32_t)value.size,
    };
    return 0;
}

/* Removes the fields of that name from `from` on, and returns how many. `name` may be one of
 * theirs. */
static size_t remove_from(struct aiohttp_headers *headers, struct span name, size_t from)
{
    size_t kept = from, count = headers->count;
    for (size_t i = from; i < count; i++) {
        struct headers_field field = headers->fields[i];
        if (!span_is_case((struct span){ field.name, field.name_size }, name))
            headers->fields[kept++] = field;
    }
    headers->count = (uint32_t)kept;
    return count - kept;
}

int aiohttp__headers_set_lent(struct aiohttp_headers *headers, struct span name, struct span value)
{
    size_t position = 0;
    if (!aiohttp__headers_find(headers, name, &position))
        return aiohttp__headers_add_lent(headers, name, value);
    headers->fields[position - 1] = (struct headers_field){
        .name = name.data,
        .value = value.data,
        .name_size = (uint32_t)name.size,
        .value_size = (uint32_t)value.size,
    };
    (void)remove_from(headers, name, position);
    return 0;
}

/* Checks both and copies them into the arena. */
static int copy_in(struct aiohttp_headers *headers, struct span *name, struct span *value)
{
    if (!aiohttp__headers_is_name(*name) || !aiohttp__headers_is_value(*value))
        return -EINVAL;
    char *text = aiohttp__arena_text(headers->arena, *name);
    char *more = text ? aiohttp__arena_text(headers->arena, *value) : NULL;
    if (!more)
        return -ENOMEM;
    name->data = text;
    value->data = more;
    return 0;
}

int aiohttp__headers_add(struct aiohttp_headers *headers, struct span name, struct span value)
{
    int r = copy_in(headers, &name, &value);
    return r < 0 ? r : aiohttp__headers_add_lent(headers, name, value);
}

int aiohttp__headers_set(struct aiohttp_headers *headers, struct span name, struct span value)
{
    int r = copy_in(headers, &name, &value);
    return r < 0 ? r : aiohttp__headers_set_lent(headers, name, value);
}

size_t aiohttp_headers_count(const aiohttp_headers *headers)
{
    aiohttp__headers_look(headers);
    return headers->count;
}

int aiohttp_headers_contains(const aiohttp_headers *headers, const char *name)
{
    size_t position = 0;
    return aiohttp__headers_find(headers, span_of(name), &position) != NULL;
}

const char *aiohttp_headers_get(const aiohttp_headers *headers, const char *name)
{
    return aiohttp__headers_value(headers, span_of(name)).data;
}

size_t aiohttp_headers_getall(const aiohttp_headers *headers, const char *name,
                              const char **ret_values, size_t count)
{
    struct span wanted = span_of(name);
    const struct headers_field *field;
    size_t found = 0;
    for (size_t i = 0; (field = aiohttp__headers_find(headers, wanted, &i)) != NULL; found++)
        if (found < count)
            ret_values[found] = field->value;
    return found;
}

int aiohttp_headers_next(const aiohttp_headers *headers, size_t *position, const char **ret_name,
                         const char **ret_value)
{
    aiohttp__headers_look(headers);
    if (*position >= headers->count)
        return 0;
    const struct headers_field *field = &headers->fields[(*position)++];
    if (ret_name)
        *ret_name = field->name;
    if (ret_value)
        *ret_value = field->value;
    return 1;
}

int aiohttp_headers_add(aiohttp_headers *headers, const char *name, const char *value)
{
    return aiohttp__headers_add(headers, span_of(name), span_of(value));
}

int aiohttp_headers_set(aiohttp_headers *headers, const char *name, const char *value)
{
    return aiohttp__headers_set(headers, span_of(name), span_of(value));
}

int aiohttp_headers_setdefault(aiohttp_headers *headers, const char *name, const char *value)
{
    if (aiohttp_headers_contains(headers, name))
        return 0;
    int r = aiohttp_headers_add(headers, name, value);
    return r < 0 ? r : 1;
}

const char *aiohttp_headers_pop(aiohttp_headers *headers, const char *name)
{
    size_t position = 0;
    const struct headers_field *field =
        aiohttp__headers_find(headers, span_of(name), &position);
    if (!field)
        return NULL;
    const char *value = field->value;
    size_t behind = headers->count - position;
    memmove(&headers->fields[position - 1], &headers->fields[position],
            behind * sizeof *headers->fields);
    headers->count--;
    return value;
}

size_t aiohttp_headers_remove(aiohttp_headers *headers, const char *name)
{
    aiohttp__headers_look(headers);
    return remove_from(headers, span_of(name), 0);
}

int aiohttp_headers_extend(aiohttp_headers *headers, const aiohttp_headers *other)
{
    aiohttp__headers_look(headers);
    aiohttp__headers_look(other);
    uint32_t before = headers->count, count = other->count;
    int r = aiohttp__headers_reserve(headers, (size_t)before + count);
    for (uint32_t i = 0; r >= 0 && i < count; i++) {
        struct headers_field field = other->fields[i];
        r = aiohttp__headers_add(headers, (struct span){ field.name, field.name_size },
                                 (struct span){ field.value, field.value_size });
    }
    if (r < 0)
        headers->count = before;
    return r < 0 ? r : 0;
}

/* How many of the first `count` fields have the name of `field`. */
static size_t same_names(const struct headers_field *fields, size_t count,
                         const struct headers_field *field)
{
    size_t same = 0;
    for (size_t i = 0; i < count; i++)
        same += span_is_case((struct span){ fields[i].name, fields[i].name_size },
                             (struct span){ field->name, field->name_size });
    return same;
}

/* The place of the field of that name which has `before` others in front of it, or count. */
static size_t place_of(const struct aiohttp_headers *headers, const struct headers_field *field,
                       size_t before)
{
    size_t position = 0;
    struct span name = { field->name, field->name_size };
    for (size_t i = 0; i <= before; i++)
        if (!aiohttp__headers_find(headers, name, &position))
            return headers->count;
    return position - 1;
}

/* As multidict does it: the nth field of a name in `other` takes the place of our nth one. */
static void replace(struct aiohttp_headers *headers, const struct headers_field *with, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t place = place_of(headers, &with[i], same_names(with, i, &with[i]));
        headers->fields[place] = with[i];
        headers->count += place == headers->count;
    }
    for (size_t i = 0; i < count; i++) {
        size_t place = place_of(headers, &with[i], same_names(with, count, &with[i]));
        (void)remove_from(headers, (struct span){ with[i].name, with[i].name_size }, place);
    }
}

int aiohttp_headers_update(aiohttp_headers *headers, const aiohttp_headers *other)
{
    size_t count = aiohttp_headers_count(other);
    if (headers == other || !count)
        return 0;
    int r = aiohttp__headers_reserve(headers, aiohttp_headers_count(headers) + count);
    struct headers_field *with =
        r < 0 ? NULL : aiohttp__arena_alloc(headers->arena, count * sizeof *with);
    if (!with)
        return -ENOMEM;
    memcpy(with, other->fields, count * sizeof *with);
    for (size_t i = 0; i < count; i++) {
        struct span name = { with[i].name, with[i].name_size };
        struct span value = { with[i].value, with[i].value_size };
        r = copy_in(headers, &name, &value);
        if (r < 0)
            return r;
        with[i].name = name.data;
        with[i].value = value.data;
    }
    replace(headers, with, count);
    return 0;
}

void aiohttp_headers_clear(aiohttp_headers *headers)
{
    headers->fill = NULL;
    headers->count = 0;
}
