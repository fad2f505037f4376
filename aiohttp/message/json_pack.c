/* SPDX-License-Identifier: MIT */
/* JSON as text, straight from C values: see aiohttp_json_pack.
 *
 * MODEL      The format is followed once, and what a letter stands for is written as it is come
 *            to: no value is made of it before, and none given back after. Where names stand in
 *            the text is remembered while their object is open, so that one that comes again is
 *            seen.
 * INVARIANT  What is written is what json_write.c writes of json_pack's value. Everything doubtful
 *            is refused instead (false), and is jansson's from the beginning, as there: a value
 *            that is none, a name that comes again, more names and depth than usual. So there is
 *            one judge of what is an error, and one who gives references back after it: here that
 *            is done when all is written.
 * FORMATS    One that is none never gets to jansson, which goes on behind a fault and reads values
 *            as what they are not. */
#include "message/json.h"

#include <asyncio/error.h>
#include <errno.h>
#include <jansson.h>

enum { NAMES = 64, TAKEN = 32 };

struct packer {
    struct bytes *out;
    const char *format; /* what is left of it */
    size_t names_count, taken_count;
    va_list values;
    struct {
        size_t at, size;
    } names[NAMES];        /* of objects that are open, as they stand in `out` */
    json_t *taken[TAKEN];  /* of `o` */
};

enum packed { DOUBTFUL, WRITTEN, LEFT_OUT };

static inline enum packed packed(bool is_written)
{
    return is_written ? WRITTEN : DOUBTFUL;
}

/* What comes next, and stays; NUL at the end. Letters and brackets are above MARKS, what may stand
 * behind a letter is not. */
enum { MARKS = '?' };

static inline char next(const char **format)
{
    const char *at = *format;
    while (*at <= ':' && (*at == ' ' || *at == ',' || *at == ':' || *at == '\t' || *at == '\n'))
        at++;
    *format = at;
    return *at;
}

static inline bool takes(const char **format, char wanted)
{
    bool is_there = next(format) == wanted;
    *format += is_there;
    return is_there;
}

static enum packed word(struct packer *self, struct span text)
{
    bytes_add(self->out, text);
    return WRITTEN;
}

/* --- strings --- */

/* jansson's versions differ in names that have a NUL, and in what a negative size is. */
static bool pack_piece(struct packer *self)
{
    const char *text = va_arg(self->values, const char *);
    int64_t size;
    if (takes(&self->format, '#'))
        size = va_arg(self->values, int);
    else if (takes(&self->format, '%'))
        size = (int64_t)va_arg(self->values, size_t);
    else
        return text && aiohttp__json_write_string(self->out, text, strlen(text));
    return text && size >= 0 && !memchr(text, '\0', (size_t)size) &&
           aiohttp__json_write_string(self->out, text, (size_t)size);
}

static bool __attribute__((noinline)) pack_pieces(struct packer *self)
{
    struct bytes *out = self->out;
    bool is_written = pack_piece(self);
    while (is_written && takes(&self->format, '+')) {
        size_t at = out->size;
        is_written = pack_piece(self);
        if (is_written) { /* without the two quotes that meet */
            memmove(out->data + at - 1, out->data + at + 1, out->size - at - 1);
            out->size -= 2;
        }
    }
    return is_written;
}

/* `s`, and what belongs to it but `?` and `*`: a name, too. */
static inline bool pack_text(struct packer *self)
{
    if (next(&self->format) <= MARKS)
        return pack_pieces(self);
    const char *text = va_arg(self->values, const char *);
    return text && aiohttp__json_write_string(self->out, text, strlen(text));
}

static enum packed __attribute__((noinline)) pack_marked(struct packer *self)
{
    bool is_null = takes(&self->format, '?'), is_left_out = !is_null && takes(&self->format, '*');
    if (!is_null && !is_left_out)
        return packed(pack_pieces(self));
    const char *text = va_arg(self->values, const char *);
    if (!text)
        return is_null ? word(self, SPAN("null")) : LEFT_OUT;
    return packed(aiohttp__json_write_string(self->out, text, strlen(text)));
}

/* --- values --- */

static bool pack_array(struct packer *self, int depth);
static bool pack_object(struct packer *self, int depth);

static enum packed pack_json(struct packer *self, bool is_taken, int depth)
{
    bool is_null = takes(&self->format, '?'), is_left_out = !is_null && takes(&self->format, '*');
    json_t *json = va_arg(self->values, json_t *);
    if (!json)
        return is_null ? word(self, SPAN("null")) : is_left_out ? LEFT_OUT : DOUBTFUL;
    if (is_taken && self->taken_count == TAKEN)
        return DOUBTFUL;
    if (is_taken)
        self->taken[self->taken_count++] = json;
    return packed(aiohttp__json_write_value(self->out, json, depth));
}

/* Its digits are jansson's: see json_write.c. */
static bool pack_real(struct packer *self)
{
    json_t *real = json_real(va_arg(self->values, double));
    bool is_written = aiohttp__json_write_value(self->out, real, 1);
    json_decref(real);
    return is_written;
}

static inline __attribute__((always_inline)) enum packed pack_value(struct packer *self, int depth)
{
    char letter = next(&self->format);
    if (!letter)
        return DOUBTFUL;
    self->format++;
    switch (letter) {
    case '{':
        return packed(depth && pack_object(self, depth - 1));
    case '[':
        return packed(depth && pack_array(self, depth - 1));
    case 's':
        return next(&self->format) > MARKS ? packed(pack_text(self)) : pack_marked(self);
    case 'n':
        return word(self, SPAN("null"));
    case 'b':
        return word(self, va_arg(self->values, int) ? SPAN("true") : SPAN("false"));
    case 'i':
        return packed(aiohttp__json_write_integer(self->out, va_arg(self->values, int)));
    case 'I':
        return packed(aiohttp__json_write_integer(self->out, va_arg(self->values, json_int_t)));
    case 'f':
        return packed(pack_real(self));
    case 'o':
    case 'O':
        return pack_json(self, letter == 'o', depth);
    default:
        return DOUBTFUL;
    }
}

static bool __attribute__((noinline)) pack_array(struct packer *self, int depth)
{
    struct bytes *out = self->out;
    bytes_put(out, '[');
    const size_t first = out->size;
    while (!takes(&self->format, ']')) {
        const size_t before = out->size;
        if (before != first)
            bytes_put(out, ',');
        enum packed value = pack_value(self, depth);
        if (value == DOUBTFUL)
            return false;
        if (value == LEFT_OUT)
            out->size = before;
    }
    bytes_put(out, ']');
    return true;
}

/* Whether the name that stands at `at` is new in its object, whose first one is names[first]. */
static bool add_name(struct packer *self, size_t first, size_t at)
{
    const char *text = self->out->data;
    const size_t size = self->out->size - at, count = self->names_count;
    if (count == NAMES)
        return false;
    for (size_t i = first; i < count; i++)
        if (self->names[i].size == size && memcmp(text + self->names[i].at, text + at, size) == 0)
            return false;
    self->names[count].at = at;
    self->names[count].size = size;
    self->names_count++;
    return true;
}

static bool __attribute__((noinline)) pack_object(struct packer *self, int depth)
{
    struct bytes *out = self->out;
    bytes_put(out, '{');
    const size_t first = out->size, first_name = self->names_count;
    while (takes(&self->format, 's')) {
        const size_t before = out->size;
        if (before != first)
            bytes_put(out, ',');
        const size_t name = out->size;
        if (!pack_text(self) || !add_name(self, first_name, name))
            return false;
        bytes_put(out, ':');
        enum packed value = pack_value(self, depth);
        if (value == DOUBTFUL)
            return false;
        if (value == LEFT_OUT) {
            out->size = before;
            self->names_count--;
        }
    }
    self->names_count = first_name;
    bytes_put(out, '}');
    return takes(&self->format, '}');
}

/* False, with something written, and nothing taken: it is jansson's. */
static bool pack_fast(struct bytes *out, const char *format, va_list values)
{
    struct packer self;
    self.out = out;
    self.format = format;
    self.names_count = self.taken_count = 0;
    va_copy(self.values, values);
    bool is_written =
        pack_value(&self, JSON_DEPTH) == WRITTEN && !next(&self.format) && !out->error;
    va_end(self.values);
    for (size_t i = 0; is_written && i < self.taken_count; i++)
        json_decref(self.taken[i]);
    return is_written;
}

/* --- what is doubtful --- */

static void pass_pieces(const char **format)
{
    do
        (void)(takes(format, '#') || takes(format, '%'));
    while (takes(format, '+'));
}

/* Whether there is a value, up to `depth` deep. *format is left behind it, or at the fault. */
static bool is_value(const char **format, int depth)
{
    if (depth && takes(format, '{')) {
        while (takes(format, 's')) {
            pass_pieces(format);
            if (!is_value(format, depth - 1))
                return false;
        }
        return takes(format, '}');
    }
    if (depth && takes(format, '[')) {
        while (!takes(format, ']'))
            if (!is_value(format, depth - 1))
                return false;
        return true;
    }
    const char letter = next(format);
    if (!letter || !strchr("snbiIfoO", letter))
        return false;
    ++*format;
    bool is_marked = strchr("soO", letter) && (takes(format, '?') || takes(format, '*'));
    if (letter == 's' && !is_marked)
        pass_pieces(format);
    return true;
}

static int pack_by_jansson(struct bytes *out, const char *format, va_list values)
{
    json_error_t error;
    json_t *json = json_vpack_ex(&error, 0, format, values);
    if (!json)
        return json_error_code(&error) == json_error_out_of_memory ?
                   -ENOMEM :
                   asyncio_raise(-EINVAL, "line %d, column %d of the format: %s", error.line,
                                 error.column, *error.text ? error.text : "there is no value");
    int r = aiohttp__json_write(out, json, NULL);
    json_decref(json);
    return r;
}

int aiohttp__json_vpack(struct bytes *out, const char *format, va_list values)
{
    const size_t before = out->size;
    const char *at = format;
    if (!format)
        return asyncio_raise(-EINVAL, "there is no format: NULL");
    if (pack_fast(out, format, values))
        return 0;
    out->size = before;
    if (!is_value(&at, AIOHTTP__DEFAULT_JSON_DEPTH) || next(&at))
        return asyncio_raise(-EINVAL, "\"%s\" is no format from its character %td on", format,
                             at - format + 1);
    return pack_by_jansson(out, format, values);
}
