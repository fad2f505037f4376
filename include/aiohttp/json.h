/* SPDX-License-Identifier: MIT */
/* JSON: jansson's values, read and written with limits; text straight from C values.
 *
 *     struct json_t *value;
 *     int r = aiohttp_json_loads(text, size, &value);
 *     ...
 *     json_decref(value);
 *
 *     r = aiohttp_json_pack(&text, NULL, "{s:i, s:s, s:[ff]}", "id", 7, "name", name, "at", x, y);
 *
 * MODEL      The values are jansson's json_t: include <jansson.h> to make and look at them. Here
 *            they only come out of text and go into it; Python's json.loads and dumps. Any value
 *            is a text's whole, as there. A text is UTF-8 without a byte order mark; of two
 *            members with one name the last counts; what C cannot hold is refused: "\u0000",
 *            integers beyond 64 bits.
 * PACK       A format is that of jansson's json_pack, and so is what it gives; but no json_t is
 *            made. Blanks, ',' and ':' say nothing. Each letter takes its values from the call:
 *            s: a string of UTF-8 with NUL behind it, const char *;
 *            s#, s%: one of so many bytes, const char * and int, or size_t;
 *            +, +#, +%: behind those, the string goes on with another;
 *            n: null, and no value; b: true or false, int; f: double;
 *            i: int; I: json_int_t, which is long long;
 *            o: json_t *, whose reference is taken; O: json_t *, borrowed;
 *            s?, o?, O?: null for NULL;
 *            s*, o*, O*: nothing for NULL, in an object without the name;
 *            [...]: an array of values; {...}: an object, of a name (s, s#, s% or with +) and a
 *            value each. A name that comes again gives the first its value.
 *            The compiler does not hold values to the format.
 * LIMITS     Depth is counted before jansson sees the text, or a format: it recurses, and a task's
 *            stack is small.
 * OWNERSHIP  json_t are counted, by json_incref and json_decref: each function here says whose a
 *            reference is. jansson's own memory comes from malloc.
 * THREADS    Any, one at a time for each value. Nothing suspends.
 * SOURCE     RFC 8259; Python's json; jansson 2.13 or later. */
#pragma once

#include <aiohttp/macros.h>

ASYNCIO__BEGIN

struct json_t;

#define AIOHTTP__DEFAULT_JSON_DEPTH 100

typedef struct aiohttp_json_loads_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_json_loads_options));
    size_t max_depth ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_JSON_DEPTH); /* of [ and { in one another */
    size_t max_size ASYNCIO__0;        /* bytes; 0: any */
    int reject_duplicates ASYNCIO__0;  /* 1: two members with one name are -EINVAL */
} aiohttp_json_loads_options;

/* Reads `size` bytes of text: *ret_json is a new reference, the caller's. -EINVAL for what is no
 * JSON (the record says where), -EMSGSIZE above .max_size, -E2BIG above .max_depth, -ENOMEM. Does
 * not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_json_loads(const char *text, size_t size,
                                                      struct json_t **ret_json,
                                                      const aiohttp_json_loads_options *options);

typedef struct aiohttp_json_dumps_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_json_dumps_options));
    /* blanks for each depth, up to 31; 0: all in one line, no blanks */
    int indent ASYNCIO__0;
    int sort_keys ASYNCIO__0;
    int ensure_ascii ASYNCIO__0;  /* 1: what is not ASCII becomes \uXXXX; Python's default */
} aiohttp_json_dumps_options;

/* Writes `json`, which is borrowed: *ret_text ends with NUL, which *ret_size (NULL: not wanted)
 * does not count, and is the caller's, to be freed by asyncio_mem_free. -EINVAL for NULL and for
 * what cannot be written (a circle, text that is not UTF-8), -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_json_dumps(const struct json_t *json, char **ret_text,
                                                      size_t *ret_size,
                                                      const aiohttp_json_dumps_options *options);

/* Writes text of the values behind `format`, in the usual form: what aiohttp_json_dumps writes of
 * json_pack's value, and *ret_text as there. -EINVAL, and the record says where in the format, for
 * one that is none or deeper than 100, NULL where it may not be, text that is not UTF-8, a real
 * that is not finite, an `o` that cannot be written; -ENOMEM. What `o` names is taken also when it
 * fails, but for a format that is none: then nothing is. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_json_pack(char **ret_text, size_t *ret_size,
                                                     const char *format, ...);

ASYNCIO_MUST_CHECK static inline int aiohttp__json_loads_v(const char *text, size_t size,
                                                           struct json_t **ret_json,
                                                           aiohttp_json_loads_options options)
{
    return aiohttp_json_loads(text, size, ret_json, &options);
}
ASYNCIO_MUST_CHECK static inline int aiohttp__json_dumps_v(const struct json_t *json,
                                                           char **ret_text, size_t *ret_size,
                                                           aiohttp_json_dumps_options options)
{
    return aiohttp_json_dumps(json, ret_text, ret_size, &options);
}

ASYNCIO__END

#define aiohttp_json_loads(...) aiohttp__json_loads_m(__VA_ARGS__, )
#define aiohttp__json_loads_m(text, text_size, ret_json, ...)                                      \
    aiohttp__json_loads_v(text, text_size, ret_json,                                               \
                          ASYNCIO__OPTIONS(aiohttp_json_loads_options,                             \
                                           (.max_depth = AIOHTTP__DEFAULT_JSON_DEPTH, ),           \
                                           __VA_ARGS__))
#define aiohttp_json_dumps(...) aiohttp__json_dumps_m(__VA_ARGS__, )
#define aiohttp__json_dumps_m(json, ret_text, ret_size, ...)                                       \
    aiohttp__json_dumps_v(json, ret_text, ret_size,                                                \
                          ASYNCIO__OPTIONS(aiohttp_json_dumps_options, (), __VA_ARGS__))
