/* SPDX-License-Identifier: MIT */
/* Names with values, in their order, where a name may have several: Python's MultiDict. A URL's
 * query is one, and so are the fields of a form.
 *
 *     aiohttp_multi_dict *query = aiohttp_multi_dict_new();
 *     int r = aiohttp_multi_dict_add(query, "tag", "a b");
 *     const char *tag = aiohttp_multi_dict_get(query, "tag");
 *
 * MODEL      A list of pairs in the order they were added. Names are compared byte by byte: their
 *            case counts (headers, where it does not, are aiohttp_headers).
 * VALUES     are bytes: what a form sent may have a NUL in it. aiohttp_multi_dict_get_view tells
 *            the size; a NUL follows each value in any case.
 * OWNERSHIP  Names and values are copied in. What comes out is lent until its pair is removed or
 *            replaced, or the dict goes.
 * THREADS    One at a time; a `const` one that nobody changes: any. Nothing here suspends.
 * SOURCE     multidict's MultiDict and MultiDictProxy. */
#pragma once

#include <aiohttp/error.h>

ASYNCIO__BEGIN

typedef struct aiohttp_multi_dict aiohttp_multi_dict;

/* Makes an empty one: new, with one reference, or NULL without memory. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK aiohttp_multi_dict *aiohttp_multi_dict_new(void);

/* One more reference; returns `dict` (NULL allowed). Any thread; does not suspend. */
AIOHTTP_API aiohttp_multi_dict *aiohttp_multi_dict_ref(aiohttp_multi_dict *dict);

/* Gives a reference back (NULL allowed). Any thread; does not suspend. */
AIOHTTP_API void aiohttp_multi_dict_unref(aiohttp_multi_dict *dict);

/* How many pairs there are (NULL: none): Python's len(). Does not suspend. */
AIOHTTP_API size_t aiohttp_multi_dict_count(const aiohttp_multi_dict *dict);

/* 1 when there is a pair of that name: Python's `in`. Does not suspend. */
AIOHTTP_API int aiohttp_multi_dict_contains(const aiohttp_multi_dict *dict, const char *name);

/* The first value of that name, lent, or NULL when there is none (or no dict). Does not suspend. */
AIOHTTP_API const char *aiohttp_multi_dict_get(const aiohttp_multi_dict *dict, const char *name);

/* As aiohttp_multi_dict_get, with the size of the value, which may have NULs in it. Does not
 * suspend. */
AIOHTTP_API const char *aiohttp_multi_dict_get_view(const aiohttp_multi_dict *dict,
                                                    const char *name, size_t *ret_size);

/* How many values that name has; the first `count` of them are put into ret_values, lent. Does not
 * suspend. */
AIOHTTP_API size_t aiohttp_multi_dict_getall(const aiohttp_multi_dict *dict, const char *name,
                                             const char **ret_values, size_t count);

/* Iterates: *position is 0 at first and the library's afterwards. 1 and the pair, lent (NULL: not
 * wanted), or 0 after the last one. Does not suspend. */
AIOHTTP_API int aiohttp_multi_dict_next(const aiohttp_multi_dict *dict, size_t *position,
                                        const char **ret_name, const char **ret_value);

/* Adds a pair behind the others. 0, -EINVAL for a NULL, -ENOMEM. Does not suspend. */
AIOHTTP_API int aiohttp_multi_dict_add(aiohttp_multi_dict *dict, const char *name,
                                       const char *value);

/* Makes `value` the only one of that name: Python's dict[name] = value. The first pair of that name
 * keeps its place, others go; without one it is added. 0, -EINVAL for a NULL, -ENOMEM. Does not
 * suspend. */
AIOHTTP_API int aiohttp_multi_dict_set(aiohttp_multi_dict *dict, const char *name,
                                       const char *value);

/* Removes all pairs of that name and returns how many they were: Python's `del`. Does not
 * suspend. */
AIOHTTP_API size_t aiohttp_multi_dict_remove(aiohttp_multi_dict *dict, const char *name);

/* Adds all pairs of `other`, which is another, behind ours. 0, or -ENOMEM and nothing was added.
 * Does not suspend. */
AIOHTTP_API int aiohttp_multi_dict_extend(aiohttp_multi_dict *dict,
                                          const aiohttp_multi_dict *other);

/* Removes all pairs. Does not suspend. */
AIOHTTP_API void aiohttp_multi_dict_clear(aiohttp_multi_dict *dict);

ASYNCIO__END
