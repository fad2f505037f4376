/* SPDX-License-Identifier: MIT */
/* The path of a resource: see path.h. */
#include "web/path.h"

#include "wire/quote.h"

#include <asyncio/error.h>

struct maker {
    struct arena *arena;
    struct route_path *path;
    const char *why;
    size_t capacity;
    struct span patterns[PATTERN_NAMES]; /* .data NULL: {name} */
};

static int bad(struct maker *maker, const char *why)
{
    maker->why = why;
    return -EINVAL;
}

static struct path_part *add_part(struct maker *maker)
{
    struct route_path *path = maker->path;
    if (path->count == maker->capacity) {
        size_t capacity = maker->capacity ? maker->capacity * 2 : 4;
        struct path_part *parts = aiohttp__arena_alloc(maker->arena, capacity * sizeof *parts);
        if (!parts)
            return NULL;
        if (path->count)
            memcpy(parts, path->parts, path->count * sizeof *parts);
        path->parts = parts;
        maker->capacity = capacity;
    }
    struct path_part *part = &path->parts[path->count++];
    *part = (struct path_part){ .name = NULL };
    return part;
}

/* As a request's path would be compared. */
static int add_literal(struct maker *maker, struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < ' ' || c == 0x7f || c == '?' || c == '#' || c == '}')
            return bad(maker, "a path has no '?', '#', '}' or control character");
    }
    if (!text.size)
        return 0;
    struct path_part *part = add_part(maker);
    size_t most = text.size * 3;
    char *quoted = part ? aiohttp__arena_alloc(maker->arena, most * 2) : NULL;
    if (!quoted)
        return -ENOMEM;
    struct bytes once = bytes_in(quoted, most), literal = bytes_in(quoted + most, most);
    aiohttp__requote(&once, text, QUOTE_PATH);
    aiohttp__unquote(&literal, bytes_span(&once), UNQUOTE_PATH_SAFE);
    if (once.error || literal.error)
        return -ENOMEM;
    part->literal = bytes_span(&literal);
    return 0;
}

static bool is_name(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char lower = ascii_lower(text.data[i]);
        if (!(lower >= 'a' && lower <= 'z') && lower != '_' &&
            !(i && lower >= '0' && lower <= '9'))
            return false;
    }
    return text.size != 0;
}

/* What stands between { and }. */
static int add_name(struct maker *maker, struct span text)
{
    struct route_path *path = maker->path;
    const char *colon = memchr(text.data, ':', text.size);
    size_t size = colon ? (size_t)(colon - text.data) : text.size;
    struct span pattern = { NULL, 0 };
    if (colon)
        pattern = (struct span){ colon + 1, text.size - size - 1 };
    if (!is_name((struct span){ text.data, size }))
        return bad(maker, "a name is letters, digits and '_', and no digit first");
    if (colon && !pattern.size)
        return bad(maker, "there is no pattern behind ':'");
    if (path->names == PATTERN_NAMES)
        return bad(maker, "a path has at most 16 names");
    char *name = aiohttp__arena_text(maker->arena, (struct span){ text.data, size });
    if (!name)
        return -ENOMEM;
    if (aiohttp__path_name(path, name) >= 0)
        return bad(maker, "a name is there twice");
    struct path_part *part = add_part(maker);
    if (!part)
        return -ENOMEM;
    part->name = name;
    part->has_pattern = colon != NULL;
    maker->patterns[path->names++] = pattern;
    return 0;
}

/* Where the '}' is that belongs to a '{' at text[0]; 0: there is none. A pattern may have braces,
 * in pairs, and others behind a '\'. */
static size_t end_of_name(struct span text)
{
    size_t depth = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\\')
            i++;
        else if (text.data[i] == '{')
            depth++;
        else if (text.data[i] == '}' && --depth == 0)
            return i;
    }
    return 0;
}

/* A name that ends neither at a '/' nor at the end, or has a pattern, needs the machine. */
static bool is_plain(const struct route_path *path)
{
    for (size_t i = 0; i < path->count; i++) {
        if (!path->parts[i].name)
            continue;
        if (path->parts[i].has_pattern)
            return false;
        if (i + 1 < path->count &&
            (path->parts[i + 1].name || path->parts[i + 1].literal.data[0] != '/'))
            return false;
    }
    return true;
}

static int make_pattern(struct maker *maker)
{
    struct pattern_maker pattern = { .arena = maker->arena };
    size_t names = 0;
    for (size_t i = 0; i < maker->path->count; i++) {
        const struct path_part *part = &maker->path->parts[i];
        if (!part->name && !i)
            continue; /* is compared before the machine runs */
        if (!part->name)
            aiohttp__pattern_literal(&pattern, part->literal);
        else if (!part->has_pattern && ++names)
            aiohttp__pattern_segment(&pattern);
        else
            aiohttp__pattern_regex(&pattern, maker->patterns[names++]);
    }
    struct pattern *made;
    int r = aiohttp__pattern_make(&pattern, &made);
    if (r == -EINVAL)
        return bad(maker, pattern.why);
    if (r >= 0)
        maker->path->pattern = made;
    return r;
}

/* What it is found by: the path up to the '/' before its first name. */
static void make_key(struct route_path *path)
{
    struct span key = path->count && !path->parts[0].name ? path->parts[0].literal :
                                                             (struct span){ "", 0 };
    if (path->names)
        while (key.size && key.data[key.size - 1] != '/')
            key.size--;
    while (key.size && key.data[key.size - 1] == '/')
        key.size--;
    path->is_key = !path->names && path->count && path->parts[0].literal.size == key.size;
    path->key = key.size ? key : SPAN("/");
    if (!key.size)
        path->is_key = !path->names && path->count && span_is(path->parts[0].literal, path->key);
}

static int make_canonical(struct maker *maker, const char *text)
{
    char *canonical = aiohttp__arena_text(maker->arena, span_of(text));
    if (!canonical)
        return -ENOMEM;
    size_t size = 0;
    while (*text) {
        const char *end = text + 1;
        if (*text == '{') {
            end = text + end_of_name(span_of(text)) + 1;
            size_t named = strcspn(text, ":}");
            memcpy(canonical + size, text, named);
            canonical[size + named] = '}';
            size += named + 1;
        } else {
            canonical[size++] = *text;
        }
        text = end;
    }
    canonical[size] = '\0';
    maker->path->canonical = canonical;
    return 0;
}

int aiohttp__path_make(struct arena *arena, const char *text, struct route_path *ret_path,
                       const char **ret_why)
{
    struct route_path path = { .canonical = NULL };
    struct maker maker = { .arena = arena, .path = &path, .why = "no memory" };
    int r = *text && *text != '/' ? bad(&maker, "a path begins with '/', or is empty") : 0;
    for (struct span rest = span_of(text); r >= 0 && rest.size;) {
        const char *brace = memchr(rest.data, '{', rest.size);
        size_t size = brace ? (size_t)(brace - rest.data) : rest.size;
        size_t end = size ? 0 : end_of_name(rest);
        if (size)
            r = add_literal(&maker, (struct span){ rest.data, size });
        else if (!end)
            r = bad(&maker, "there is a '{' without '}'");
        else
            r = add_name(&maker, (struct span){ rest.data + 1, end - 1 });
        size += size ? 0 : end + 1;
        rest = (struct span){ rest.data + size, rest.size - size };
    }
    path.is_rest = r >= 0 && path.count == 2 && !path.parts[0].name && path.parts[1].has_pattern &&
                   span_is(maker.patterns[0], SPAN(".*"));
    if (r >= 0 && !path.is_rest && !is_plain(&path))
        r = make_pattern(&maker);
    if (r >= 0)
        r = make_canonical(&maker, text);
    if (r < 0) {
        *ret_why = maker.why;
        return r;
    }
    make_key(&path);
    *ret_path = path;
    return 0;
}

int aiohttp__path_match(const struct route_path *self, struct span path, struct arena *arena,
                        struct span *values)
{
    if (self->is_rest) {
        struct span first = self->parts[0].literal;
        if (path.size < first.size || memcmp(path.data, first.data, first.size) != 0)
            return 0;
        *values = (struct span){ path.data + first.size, path.size - first.size };
        return !memchr(values->data, '\n', values->size); /* '.' is all but this */
    }
    if (self->pattern) {
        struct span first = self->parts[0].literal;
        if (path.size < first.size ||
            (first.size && memcmp(path.data, first.data, first.size) != 0))
            return 0;
        path = (struct span){ path.data + first.size, path.size - first.size };
        return aiohttp__pattern_match(self->pattern, path, arena, values);
    }
    size_t at = 0;
    for (size_t i = 0; i < self->count; i++) {
        const struct path_part *part = &self->parts[i];
        size_t size = part->literal.size, from = at;
        if (!part->name) {
            if (path.size - at < size || memcmp(path.data + at, part->literal.data, size) != 0)
                return 0;
            at += size;
            continue;
        }
        while (at < path.size && path.data[at] != '/' && path.data[at] != '{' &&
               path.data[at] != '}')
            at++;
        if (at == from)
            return 0;
        *values++ = (struct span){ path.data + from, at - from };
    }
    return at == path.size;
}

int aiohttp__path_name(const struct route_path *self, const char *name)
{
    int found = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (!self->parts[i].name)
            continue;
        if (strcmp(self->parts[i].name, name) == 0)
            return found;
        found++;
    }
    return -1;
}

static const char *value_of(const char *const *values, const char *name)
{
    for (; values && values[0] && values[1]; values += 2)
        if (strcmp(values[0], name) == 0)
            return values[1];
    return NULL;
}

int aiohttp__path_build(const struct route_path *self, const char *const *values,
                        struct bytes *out)
{
    size_t from = out->size;
    for (size_t i = 0; i < self->count; i++) {
        const struct path_part *part = &self->parts[i];
        const char *value = part->name ? value_of(values, part->name) : NULL;
        if (part->name && !value)
            return -EINVAL;
        if (!part->name)
            aiohttp__requote(out, part->literal, QUOTE_PATH);
        else
            aiohttp__quote(out, span_of(value), part->has_pattern ? QUOTE_PATH : QUOTE_SEGMENT);
    }
    /* would it be found again? */
    struct arena arena = { .at = NULL };
    struct span found[PATTERN_NAMES], built = bytes_since(out, from);
    struct bytes path = bytes_up_to(built.size + 1);
    aiohttp__unquote(&path, built, UNQUOTE_PATH_SAFE);
    int r = out->error ? out->error : path.error;
    if (!r)
        r = aiohttp__path_match(self, bytes_since(&path, 0), &arena, found);
    aiohttp__bytes_fini(&path);
    aiohttp__arena_fini(&arena);
    return r < 0 ? r : r ? 0 : -EINVAL;
}
