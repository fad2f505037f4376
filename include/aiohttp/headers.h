/* SPDX-License-Identifier: MIT */
/* Headers: names and values in their order, whatever the case of a name, and a name may have
 * several values. Python's CIMultiDict, and, as `const aiohttp_headers *`, its CIMultiDictProxy.
 *
 *     aiohttp_headers *headers = aiohttp_headers_new();
 *     int r = aiohttp_headers_set(headers, "Cache-Control", "no-store");
 *     const char *type = aiohttp_headers_get(headers, "content-type");
 *
 * MODEL      A list of fields in the order they were added. A name is looked up whatever the case
 *            of its ASCII letters and keeps the spelling it was given with. What came from a peer
 *            is lent by the message it came in and is only looked at when somebody asks.
 * CHECKS     What is put in is checked: a name is a token (RFC 9110, 5.6.2), a value has no
 *            control character but the tab: no CR, LF or NUL can get out (-EINVAL, nothing
 *            changed). Bytes from 128 up are taken as they are.
 * OWNERSHIP  Names and values are copied in. What comes out is lent, ends with NUL, and stays
 *            valid as long as the headers, also when its field was removed or replaced meanwhile.
 * THREADS    One at a time. Nothing here suspends.
 * SOURCE     multidict's CIMultiDict; RFC 9110, section 5. */
#pragma once

#include <aiohttp/macros.h>

ASYNCIO__BEGIN

typedef struct aiohttp_headers aiohttp_headers;

/* Makes headers with nothing in them: new, with one reference, or NULL without memory. Does not
 * suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK aiohttp_headers *aiohttp_headers_new(void);

/* One more reference; returns `headers` (NULL allowed). Headers that belong to a message (those of
 * a request or response) are kept by its reference, not by this one. Does not suspend. */
AIOHTTP_API aiohttp_headers *aiohttp_headers_ref(aiohttp_headers *headers);

/* Gives a reference back (NULL allowed). Does not suspend. */
AIOHTTP_API void aiohttp_headers_unref(aiohttp_headers *headers);

/* Headers with the same fields: new, with one reference, or NULL without memory. Does not
 * suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK aiohttp_headers *
aiohttp_headers_copy(const aiohttp_headers *headers);

/* How many fields there are: Python's len(). Does not suspend. */
AIOHTTP_API size_t aiohttp_headers_count(const aiohttp_headers *headers);

/* 1 when there is a field of that name: Python's `in`. Does not suspend. */
AIOHTTP_API int aiohttp_headers_contains(const aiohttp_headers *headers, const char *name);

/* The first value of that name, lent, or NULL when there is none. Does not suspend. */
AIOHTTP_API const char *aiohttp_headers_get(const aiohttp_headers *headers, const char *name);

/* How many values that name has; the first `count` of them are put into ret_values, lent. Does not
 * suspend. */
AIOHTTP_API size_t aiohttp_headers_getall(const aiohttp_headers *headers, const char *name,
                                          const char **ret_values, size_t count);

/* Iterates: *position is 0 at first and the library's afterwards. 1 and the field, lent (NULL: not
 * wanted), or 0 after the last one. Fields that are added meanwhile are seen; after a removal begin
 * again. Does not suspend. */
AIOHTTP_API int aiohttp_headers_next(const aiohttp_headers *headers, size_t *position,
                                     const char **ret_name, const char **ret_value);

/* Adds a field behind the others. 0, -EINVAL, -ENOMEM. Does not suspend. */
AIOHTTP_API int aiohttp_headers_add(aiohttp_headers *headers, const char *name, const char *value);

/* Makes `value` the only one of that name: Python's headers[name] = value. The first field of that
 * name keeps its place, others go; without one it is added. 0, -EINVAL, -ENOMEM. Does not
 * suspend. */
AIOHTTP_API int aiohttp_headers_set(aiohttp_headers *headers, const char *name, const char *value);

/* As aiohttp_headers_set, unless there is a field of that name. 1 when it was added, 0 when not;
 * -EINVAL, -ENOMEM. Does not suspend. */
AIOHTTP_API int aiohttp_headers_setdefault(aiohttp_headers *headers, const char *name,
                                           const char *value);

/* Removes the first field of that name and returns its value, lent; NULL when there is none. Does
 * not suspend. */
AIOHTTP_API const char *aiohttp_headers_pop(aiohttp_headers *headers, const char *name);

/* Removes all fields of that name and returns how many they were: Python's `del`. Does not
 * suspend. */
AIOHTTP_API size_t aiohttp_headers_remove(aiohttp_headers *headers, const char *name);

/* Adds all fields of `other` (which may be `headers`) behind ours. 0, or -ENOMEM and nothing was
 * added. Does not suspend. */
AIOHTTP_API int aiohttp_headers_extend(aiohttp_headers *headers, const aiohttp_headers *other);

/* Makes the fields of `other` the only ones of their names: the nth of a name takes the place of
 * our nth, the rest of ours go, the rest of theirs come last. 0, or -ENOMEM and nothing changed.
 * Does not suspend. */
AIOHTTP_API int aiohttp_headers_update(aiohttp_headers *headers, const aiohttp_headers *other);

/* Removes all fields. Does not suspend. */
AIOHTTP_API void aiohttp_headers_clear(aiohttp_headers *headers);

ASYNCIO__END
