/* SPDX-License-Identifier: MIT */
/* JSON as text, the usual form: see message/json.h.
 *
 * MODEL      jansson's dumper hands out its text in pieces of a byte or two, looks for circles
 *            with a hash table, formats numbers by printf and takes strings apart by character.
 *            Here text goes straight into the bytes that it is to be in: strings in runs of what
 *            needs no escape. Reals are left to jansson, one by one, whose digits they are: its
 *            versions differ in how many they write.
 * INVARIANT  What is written is what jansson would write. Everything doubtful is refused instead
 *            (false), and is jansson's from the beginning: values deeper than JSON_DEPTH, among
 *            them those that hold themselves, and text that is no UTF-8. So there is one judge of
 *            what is an error. */
#include "message/json.h"

#include "wire/utf8.h"

#include <jansson.h>

enum { REAL_SIZE = 64 };

/* What stands behind the backslash; 'u': in hexadecimal. 1: a byte above 0x7f. 0: as it is. */
static const char escapes[256] = {
    [0x00 ... 0x07] = 'u', ['\b'] = 'b', ['\t'] = 't',       ['\n'] = 'n',  [0x0b] = 'u',
    ['\f'] = 'f',          ['\r'] = 'r', [0x0e ... 0x1f] = 'u', ['"'] = '"', ['\\'] = '\\',
    [0x80 ... 0xff] = 1,
};

/* Eight bytes at once: whether one of them is in `escapes`. Never no when it is yes. */
static inline bool is_special(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    uint64_t quotes = word ^ ones * '"', slashes = word ^ ones * '\\';
    return ((word | (word - ones * 0x20) | (quotes - ones) | (slashes - ones)) & highs) != 0;
}

/* How many bytes from `at` on are as they are. */
static inline size_t plain_size(const char *text, size_t at, size_t size)
{
    size_t from = at;
    uint64_t word;
    for (; size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if (is_special(word))
            break;
    }
    while (at < size && !escapes[(unsigned char)text[at]])
        at++;
    return at - from;
}

static void put_escape(struct bytes *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    char *at = bytes_room(out, 6);
    if (!at)
        return;
    at[0] = '\\';
    at[1] = escapes[c];
    if (escapes[c] == 'u') {
        at[2] = at[3] = '0';
        at[4] = digits[c >> 4];
        at[5] = digits[c & 15];
    }
    out->size += escapes[c] == 'u' ? 6 : 2;
}

/* What does not fit into one run. `at`: the first that needs a look. */
static bool write_special(struct bytes *out, const char *text, size_t size, size_t at)
{
    size_t bad, from = 0; /* what is before is written */
    while (at < size && !out->error) {
        unsigned char c = (unsigned char)text[at];
        if (c >= 0x80) {
            size_t length = utf8_next((struct span){ text + at, size - at }, &bad);
            if (!length)
                return false;
            at += length;
        } else if (escapes[c]) {
            bytes_add(out, (struct span){ text + from, at - from });
            put_escape(out, c);
            from = ++at;
        }
        at += plain_size(text, at, size);
    }
    bytes_add(out, (struct span){ text + from, size - from });
    bytes_put(out, '"');
    return !out->error;
}

/* Copies text of which every byte is as it is; false: one may be none of those. What is less than
 * eight bytes is looked at as eight, with blanks; what is more ends with its last eight. */
static inline bool copy_plain(char *to, const char *text, size_t size)
{
    uint64_t word, all = 0;
    uint32_t first, last;
    uint16_t one, two;
    if (size >= sizeof word) {
        for (size_t at = 0; at < size; at += sizeof word) {
            size_t from = size - at < sizeof word ? size - sizeof word : at;
            memcpy(&word, text + from, sizeof word);
            if (is_special(word))
                return false;
            memcpy(to + from, &word, sizeof word);
        }
        return true;
    }
    if (size >= sizeof first) {
        memcpy(&first, text, sizeof first);
        memcpy(&last, text + size - sizeof last, sizeof last);
        memcpy(to, &first, sizeof first);
        memcpy(to + size - sizeof last, &last, sizeof last);
        all = (uint64_t)first << 32 | last;
    } else if (size >= sizeof one) {
        memcpy(&one, text, sizeof one);
        memcpy(&two, text + size - sizeof two, sizeof two);
        memcpy(to, &one, sizeof one);
        memcpy(to + size - sizeof two, &two, sizeof two);
        all = UINT64_C(0x2020202000000000) | (uint64_t)one << 16 | two;
    } else if (size) {
        *to = *text;
        all = UINT64_C(0x2020202020202000) | (unsigned char)*text;
    } else
        return true;
    return !is_special(all);
}

static bool __attribute__((noinline)) write_slowly(struct bytes *out, const char *text, size_t size)
{
    if (!text || size > PTRDIFF_MAX - 2)
        return false;
    if (!bytes_room(out, size + 2))
        return false;
    bytes_put(out, '"');
    return write_special(out, text, size, plain_size(text, 0, size));
}

bool aiohttp__json_write_string(struct bytes *out, const char *text, size_t size)
{
    char *at = out->data + out->size;
    if (!text || out->error || out->capacity - out->size < 2 ||
        size > out->capacity - out->size - 2 || !copy_plain(at + 1, text, size))
        return write_slowly(out, text, size);
    at[0] = '"';
    at[size + 1] = '"';
    out->size += size + 2;
    return true;
}

bool aiohttp__json_write_integer(struct bytes *out, long long value)
{
    if (value < 0)
        bytes_put(out, '-');
    aiohttp__bytes_number(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    return !out->error;
}

static bool write_real(struct bytes *out, const json_t *json)
{
    char text[REAL_SIZE];
    size_t size = json_dumpb(json, text, sizeof text, JSON_ENCODE_ANY | JSON_COMPACT);
    if (size == 0 || size > sizeof text)
        return false;
    bytes_add(out, (struct span){ text, size });
    return !out->error;
}

static bool write_array(struct bytes *out, const json_t *json, int depth)
{
    size_t count = json_array_size(json);
    bytes_put(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            bytes_put(out, ',');
        if (!aiohttp__json_write_value(out, json_array_get(json, i), depth))
            return false;
    }
    bytes_put(out, ']');
    return !out->error;
}

static size_t key_size(void *member, const char *key)
{
#if JANSSON_VERSION_HEX >= 0x020e00
    (void)key;
    return json_object_iter_key_len(member);
#else
    (void)member;
    return strlen(key);
#endif
}

static bool write_object(struct bytes *out, const json_t *json, int depth)
{
    json_t *object = (json_t *)(uintptr_t)json; /* it is only looked at */
    bytes_put(out, '{');
    for (void *at = json_object_iter(object); at;) {
        const char *key = json_object_iter_key(at);
        if (!aiohttp__json_write_string(out, key, key_size(at, key)))
            return false;
        bytes_put(out, ':');
        if (!aiohttp__json_write_value(out, json_object_iter_value(at), depth))
            return false;
        at = json_object_iter_next(object, at);
        if (at)
            bytes_put(out, ',');
    }
    bytes_put(out, '}');
    return !out->error;
}

bool aiohttp__json_write_value(struct bytes *out, const json_t *json, int depth)
{
    if (!json || depth == 0)
        return false;
    switch (json_typeof(json)) {
    case JSON_NULL:
        bytes_add(out, SPAN("null"));
        break;
    case JSON_TRUE:
        bytes_add(out, SPAN("true"));
        break;
    case JSON_FALSE:
        bytes_add(out, SPAN("false"));
        break;
    case JSON_INTEGER:
        return aiohttp__json_write_integer(out, json_integer_value(json));
    case JSON_REAL:
        return write_real(out, json);
    case JSON_STRING:
        return aiohttp__json_write_string(out, json_string_value(json), json_string_length(json));
    case JSON_ARRAY:
        return write_array(out, json, depth - 1);
    case JSON_OBJECT:
        return write_object(out, json, depth - 1);
    default:
        return false;
    }
    return !out->error;
}
