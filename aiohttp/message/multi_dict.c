/* SPDX-License-Identifier: MIT */
/* Names with values in their order: see <aiohttp/multi_dict.h>.
 *
 * MODEL  An array of pairs, each in one piece of memory: the sizes, the name, a NUL, the value, a
 *        NUL. So what is lent stays where it is while the array grows. Looked through from its
 *        beginning: what has many pairs is limited by who reads it from the network. */
#include "message/multi_dict.h"

#include "base/bytes.h"
#include "base/error.h"
#include "wire/query.h"
#include "wire/quote.h"

#include <asyncio/alloc.h>
#include <errno.h>
#include <stdatomic.h>

struct pair {
    size_t name_size, value_size;
    char text[]; /* name, NUL, value, NUL */
};

struct aiohttp_multi_dict {
    atomic_uint references;
    size_t count, capacity;
    struct pair **pairs;
};

static struct span name_of(const struct pair *pair)
{
    return (struct span){ pair->text, pair->name_size };
}

static struct span value_of(const struct pair *pair)
{
    return (struct span){ pair->text + pair->name_size + 1, pair->value_size };
}

aiohttp_multi_dict *aiohttp_multi_dict_new(void)
{
    aiohttp__errors_add();
    aiohttp_multi_dict *dict = asyncio_mem_calloc(1, sizeof *dict);
    if (dict)
        atomic_init(&dict->references, 1);
    return dict;
}

aiohttp_multi_dict *aiohttp_multi_dict_ref(aiohttp_multi_dict *dict)
{
    if (dict)
        atomic_fetch_add_explicit(&dict->references, 1, memory_order_relaxed);
    return dict;
}

static void cut(aiohttp_multi_dict *dict, size_t count)
{
    while (dict->count > count)
        asyncio_mem_free(dict->pairs[--dict->count]);
}

void aiohttp_multi_dict_unref(aiohttp_multi_dict *dict)
{
    if (!dict || atomic_fetch_sub_explicit(&dict->references, 1, memory_order_acq_rel) != 1)
        return;
    cut(dict, 0);
    asyncio_mem_free(dict->pairs);
    asyncio_mem_free(dict);
}

void aiohttp_multi_dict_clear(aiohttp_multi_dict *dict)
{
    cut(dict, 0);
}

size_t aiohttp_multi_dict_count(const aiohttp_multi_dict *dict)
{
    return dict ? dict->count : 0;
}

/* Where the next pair of that name is, from `at`; the count when there is none. */
static size_t find(const aiohttp_multi_dict *dict, size_t at, struct span name)
{
    size_t count = dict ? dict->count : 0;
    while (at < count && !span_is(name_of(dict->pairs[at]), name))
        at++;
    return at;
}

int aiohttp_multi_dict_contains(const aiohttp_multi_dict *dict, const char *name)
{
    return find(dict, 0, span_of(name)) < aiohttp_multi_dict_count(dict);
}

const char *aiohttp_multi_dict_get_view(const aiohttp_multi_dict *dict, const char *name,
                                        size_t *ret_size)
{
    size_t at = find(dict, 0, span_of(name));
    if (at == aiohttp_multi_dict_count(dict))
        return NULL;
    struct span value = value_of(dict->pairs[at]);
    if (ret_size)
        *ret_size = value.size;
    return value.data;
}

const char *aiohttp_multi_dict_get(const aiohttp_multi_dict *dict, const char *name)
{
    return aiohttp_multi_dict_get_view(dict, name, NULL);
}

size_t aiohttp_multi_dict_getall(const aiohttp_multi_dict *dict, const char *name,
                                 const char **ret_values, size_t count)
{
    struct span wanted = span_of(name);
    size_t found = 0, end = aiohttp_multi_dict_count(dict);
    for (size_t at = 0; (at = find(dict, at, wanted)) < end; at++, found++)
        if (found < count)
            ret_values[found] = value_of(dict->pairs[at]).data;
    return found;
}

bool aiohttp__multi_dict_next(const aiohttp_multi_dict *dict, size_t *position,
                              struct span *ret_name, struct span *ret_value)
{
    if (*position >= aiohttp_multi_dict_count(dict))
        return false;
    const struct pair *pair = dict->pairs[(*position)++];
    *ret_name = name_of(pair);
    *ret_value = value_of(pair);
    return true;
}

int aiohttp_multi_dict_next(const aiohttp_multi_dict *dict, size_t *position,
                            const char **ret_name, const char **ret_value)
{
    struct span name, value;
    if (!aiohttp__multi_dict_next(dict, position, &name, &value))
        return 0;
    if (ret_name)
        *ret_name = name.data;
    if (ret_value)
        *ret_value = value.data;
    return 1;
}

static struct pair *pair_new(struct span name, struct span value)
{
    size_t size;
    if (__builtin_add_overflow(name.size, value.size, &size) ||
        __builtin_add_overflow(size, sizeof(struct pair) + 2, &size))
        return NULL;
    struct pair *pair = asyncio_mem_malloc(size);
    if (!pair)
        return NULL;
    pair->name_size = name.size;
    pair->value_size = value.size;
    char *at = pair->text;
    if (name.size > 0)
        memcpy(at, name.data, name.size);
    at[name.size] = '\0';
    at += name.size + 1;
    if (value.size > 0)
        memcpy(at, value.data, value.size);
    at[value.size] = '\0';
    return pair;
}

int aiohttp__multi_dict_add(aiohttp_multi_dict *dict, struct span name, struct span value)
{
    if (dict->count == dict->capacity) {
        size_t capacity = dict->capacity ? dict->capacity * 2 : 8;
        struct pair **pairs = asyncio_mem_realloc(dict->pairs, capacity * sizeof(*pairs));
        if (!pairs)
            return -ENOMEM;
        dict->pairs = pairs;
        dict->capacity = capacity;
    }
    struct pair *pair = pair_new(name, value);
    if (!pair)
        return -ENOMEM;
    dict->pairs[dict->count++] = pair;
    return 0;
}

int aiohttp_multi_dict_add(aiohttp_multi_dict *dict, const char *name, const char *value)
{
    if (!dict || !name || !value)
        return -EINVAL;
    return aiohttp__multi_dict_add(dict, span_of(name), span_of(value));
}

/* Removes pairs of that name from `at` on; how many. */
static size_t remove_from(aiohttp_multi_dict *dict, size_t at, struct span name)
{
    size_t kept = at, end = dict->count;
    for (; at < end; at++) {
        if (span_is(name_of(dict->pairs[at]), name))
            asyncio_mem_free(dict->pairs[at]);
        else
            dict->pairs[kept++] = dict->pairs[at];
    }
    dict->count = kept;
    return end - kept;
}

size_t aiohttp_multi_dict_remove(aiohttp_multi_dict *dict, const char *name)
{
    return remove_from(dict, 0, span_of(name));
}

int aiohttp_multi_dict_set(aiohttp_multi_dict *dict, const char *name, const char *value)
{
    if (!dict || !name || !value)
        return -EINVAL;
    struct span key = span_of(name);
    size_t at = find(dict, 0, key);
    if (at == dict->count)
        return aiohttp__multi_dict_add(dict, key, span_of(value));
    struct pair *pair = pair_new(key, span_of(value));
    if (!pair)
        return -ENOMEM;
    remove_from(dict, at + 1, key);
    asyncio_mem_free(dict->pairs[at]);
    dict->pairs[at] = pair;
    return 0;
}

int aiohttp_multi_dict_extend(aiohttp_multi_dict *dict, const aiohttp_multi_dict *other)
{
    size_t before = dict->count, position = 0;
    struct span name, value;
    while (aiohttp__multi_dict_next(other, &position, &name, &value)) {
        int r = aiohttp__multi_dict_add(dict, name, value);
        if (r < 0) {
            cut(dict, before);
            return r;
        }
    }
    return 0;
}

int aiohttp__multi_dict_add_query(aiohttp_multi_dict *dict, struct span query)
{
    /* decoding makes nothing longer but what is no UTF-8: 3 bytes for an escape of 3 */
    struct bytes text = bytes_up_to(query.size);
    struct span name, value;
    int r = 0;
    for (size_t position = 0;
         r == 0 && aiohttp__query_next(query, &position, &name, &value);) {
        text.size = 0;
        aiohttp__unquote(&text, name, UNQUOTE_FORM);
        size_t cut_at = text.size;
        aiohttp__unquote(&text, value, UNQUOTE_FORM);
        r = text.error;
        if (r == 0)
            r = aiohttp__multi_dict_add(dict, (struct span){ text.data, cut_at },
                                        bytes_since(&text, cut_at));
    }
    aiohttp__bytes_fini(&text);
    return r;
}
