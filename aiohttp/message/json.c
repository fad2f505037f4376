/* SPDX-License-Identifier: MIT */
/* JSON by jansson: see <aiohttp/json.h>. */
#include "message/json.h"

#include "base/error.h"

#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <jansson.h>

enum { INDENT_MOST = 31 };

/* How deep [ and { stand in one another, before they are known to be right. */
static bool is_deeper(const char *text, size_t size, size_t most)
{
    size_t depth = 0;
    bool is_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (is_string) {
            i += c == '\\';
            is_string = c != '"';
        } else if (c == '"') {
            is_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > most)
                return true;
        } else if ((c == ']' || c == '}') && depth) {
            depth--;
        }
    }
    return false;
}

int(aiohttp_json_loads)(const char *text, size_t size, struct json_t **ret_json,
                        const aiohttp_json_loads_options *options)
{
    size_t depth = options ? options->max_depth : AIOHTTP__DEFAULT_JSON_DEPTH;
    size_t flags = JSON_DECODE_ANY;
    aiohttp__errors_add();
    if (options && options->max_size && size > options->max_size)
        return asyncio_raise(-EMSGSIZE, "%zu bytes of JSON, where %zu are allowed", size,
                             options->max_size);
    if (is_deeper(text, size, depth))
        return asyncio_raise(-E2BIG, "the JSON is deeper than %zu", depth);
    if (options && options->reject_duplicates)
        flags |= JSON_REJECT_DUPLICATES;
    json_error_t error;
    json_t *json = json_loadb(text, size, flags, &error);
    if (!json)
        return json_error_code(&error) == json_error_out_of_memory ?
                   -ENOMEM :
                   asyncio_raise(-EINVAL, "line %d, column %d: %s", error.line, error.column,
                                 error.text);
    *ret_json = json;
    return 0;
}

static int append(const char *text, size_t size, void *data)
{
    struct bytes *out = data;
    aiohttp__bytes_append(out, text, size);
    return out->error ? -1 : 0;
}

int aiohttp__json_write(struct bytes *out, const struct json_t *json,
                        const aiohttp_json_dumps_options *options)
{
    size_t flags = JSON_ENCODE_ANY | JSON_COMPACT;
    if (options && options->indent > 0)
        flags = JSON_ENCODE_ANY |
                JSON_INDENT((size_t)(options->indent < INDENT_MOST ? options->indent :
                                                                     INDENT_MOST));
    if (options && options->sort_keys)
        flags |= JSON_SORT_KEYS;
    if (options && options->ensure_ascii)
        flags |= JSON_ENSURE_ASCII;
    if (!json)
        return asyncio_raise(-EINVAL, "there is no JSON value: NULL");
    size_t before = out->size;
    if (flags == (JSON_ENCODE_ANY | JSON_COMPACT)) {
        bool is_written = aiohttp__json_write_value(out, json, JSON_DEPTH);
        if (is_written || out->error)
            return out->error;
        out->size = before;
    }
    if (json_dump_callback(json, append, out, flags) == 0)
        return 0;
    return out->error ? out->error :
                        asyncio_raise(-EINVAL, "the JSON value cannot be written as text");
}

/* What was written with the result `r`, ended. */
static int hand_out(struct bytes *out, int r, char **ret_text, size_t *ret_size)
{
    bytes_put(out, '\0');
    if (r >= 0 && out->error)
        r = out->error;
    if (r < 0) {
        aiohttp__bytes_fini(out);
        return r;
    }
    *ret_text = out->data; /* of asyncio_mem, as all bytes that grow */
    if (ret_size)
        *ret_size = out->size - 1;
    return 0;
}

int(aiohttp_json_dumps)(const struct json_t *json, char **ret_text, size_t *ret_size,
                        const aiohttp_json_dumps_options *options)
{
    struct bytes out = bytes_up_to(PTRDIFF_MAX);
    int r = aiohttp__json_write(&out, json, options);
    return hand_out(&out, r, ret_text, ret_size);
}

int aiohttp_json_pack(char **ret_text, size_t *ret_size, const char *format, ...)
{
    struct bytes out = bytes_up_to(PTRDIFF_MAX);
    va_list values;
    va_start(values, format);
    int r = aiohttp__json_vpack(&out, format, values);
    va_end(values);
    return hand_out(&out, r, ret_text, ret_size);
}
