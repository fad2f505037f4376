/* SPDX-License-Identifier: MIT */
/* Patterns of routes, made: see pattern.h. A recursive descent over
 *
 *     alternatives = sequence { "|" sequence }
 *     sequence     = { atom [ "*" | "+" | "?" | "{m}" | "{m,}" | "{m,n}" ] [ "?" ] }
 *     atom         = byte | "." | class | escape | "(" [ "?:" ] alternatives ")"
 *
 * An atom that is repeated is read again for each time, so that there is one way to make it. */
#include "web/pattern_code.h"

#include <asyncio/error.h>

struct reader {
    struct pattern_maker *maker;
    const char *at, *end;
};

static void alternatives(struct reader *reader);

static void fail(struct pattern_maker *maker, int error, const char *why)
{
    if (!maker->error) {
        maker->error = error;
        maker->why = why;
    }
}

/* Makes room for one more at `at`, and moves what is behind it. */
static struct instruction *insert(struct pattern_maker *maker, size_t at)
{
    if (maker->error)
        return NULL;
    if (maker->count == PATTERN_SIZE) {
        fail(maker, -EINVAL, "the pattern is too long");
        return NULL;
    }
    if (maker->count == maker->capacity) {
        size_t capacity = maker->capacity ? maker->capacity * 2 : 32;
        struct instruction *code =
            aiohttp__arena_alloc(maker->arena, capacity * sizeof *code);
        if (!code) {
            fail(maker, -ENOMEM, "no memory");
            return NULL;
        }
        if (maker->count)
            memcpy(code, maker->code, maker->count * sizeof *code);
        maker->code = code;
        maker->capacity = capacity;
    }
    struct instruction *code = maker->code;
    memmove(&code[at + 1], &code[at], (maker->count - at) * sizeof *code);
    maker->count++;
    /* what jumps behind the place still does: only code from `at` on is moved, which has been
     * complete since, and jumps within it */
    for (size_t i = at + 1; i < maker->count; i++) {
        code[i].x += code[i].x >= at && (code[i].op == JUMP || code[i].op == SPLIT);
        code[i].y += code[i].y >= at && code[i].op == SPLIT;
    }
    code[at] = (struct instruction){ .op = ANY };
    return &code[at];
}

static void emit(struct pattern_maker *maker, struct instruction instruction)
{
    struct instruction *place = insert(maker, maker->count);
    if (place)
        *place = instruction;
}

static void emit_set(struct pattern_maker *maker, const struct byte_set *set)
{
    struct byte_set *copy =
        maker->error ? NULL : aiohttp__arena_alloc(maker->arena, sizeof *copy);
    if (!copy) {
        fail(maker, -ENOMEM, "no memory");
        return;
    }
    *copy = *set;
    emit(maker, (struct instruction){ .op = SET, .set = copy });
}

static void set_add(struct byte_set *set, unsigned from, unsigned to)
{
    for (unsigned c = from; c <= to; c++)
        set->bits[c >> 6] |= UINT64_C(1) << (c & 63);
}

static void set_invert(struct byte_set *set)
{
    for (size_t i = 0; i < 4; i++)
        set->bits[i] = ~set->bits[i];
}

/* \d \w \s and their opposites: whether `c` is one. */
static bool set_add_class(struct byte_set *set, char c)
{
    struct byte_set class = { { 0 } };
    switch (ascii_lower(c)) {
    case 'd': set_add(&class, '0', '9'); break;
    case 'w':
        set_add(&class, '0', '9');
        set_add(&class, 'A', 'Z');
        set_add(&class, 'a', 'z');
        set_add(&class, '_', '_');
        break;
    case 's':
        set_add(&class, '\t', '\r');
        set_add(&class, ' ', ' ');
        break;
    default: return false;
    }
    if (c < 'a')
        set_invert(&class);
    for (size_t i = 0; i < 4; i++)
        set->bits[i] |= class.bits[i];
    return true;
}

static bool is_letter_or_digit(char c)
{
    unsigned char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

/* One byte of a class, or -1 when it was \d and the like, or an error. */
static int class_byte(struct reader *reader, struct byte_set *set)
{
    char c = *reader->at++;
    if (c != '\\')
        return (unsigned char)c;
    if (reader->at == reader->end || (is_letter_or_digit(*reader->at) &&
                                      !set_add_class(set, *reader->at))) {
        fail(reader->maker, -EINVAL, "the pattern has an escape that is not known");
        return -1;
    }
    c = *reader->at++;
    return is_letter_or_digit(c) ? -1 : (unsigned char)c;
}

/* Behind '['. A ']' that comes first is one of its bytes. */
static void class(struct reader *reader)
{
    struct byte_set set = { { 0 } };
    bool is_inverted = reader->at < reader->end && *reader->at == '^';
    reader->at += is_inverted;
    for (bool is_first = true; !reader->maker->error; is_first = false) {
        if (reader->at == reader->end) {
            fail(reader->maker, -EINVAL, "the pattern has a [ without ]");
            return;
        }
        if (*reader->at == ']' && !is_first)
            break;
        int from = class_byte(reader, &set), to = from;
        if (!reader->maker->error && reader->end - reader->at >= 2 && reader->at[0] == '-' &&
            reader->at[1] != ']') {
            reader->at++;
            to = class_byte(reader, &set);
            if (from < 0 || to < from)
                fail(reader->maker, -EINVAL, "the pattern has a range that is none");
        }
        if (from >= 0 && to >= from)
            set_add(&set, (unsigned)from, (unsigned)to);
    }
    if (reader->maker->error)
        return;
    reader->at++;
    if (is_inverted)
        set_invert(&set);
    emit_set(reader->maker, &set);
}

static void group(struct reader *reader)
{
    struct pattern_maker *maker = reader->maker;
    if (reader->end - reader->at >= 2 && reader->at[0] == '?' && reader->at[1] == ':')
        reader->at += 2;
    else if (reader->at < reader->end && *reader->at == '?')
        fail(maker, -EINVAL, "the pattern has a group of a kind that is not known");
    if (++maker->depth > PATTERN_DEPTH)
        fail(maker, -EINVAL, "the pattern has too many groups in one another");
    if (!maker->error)
        alternatives(reader);
    maker->depth--;
    if (reader->at < reader->end && *reader->at == ')')
        reader->at++;
    else
        fail(maker, -EINVAL, "the pattern has a ( without )");
}

static void atom(struct reader *reader)
{
    struct pattern_maker *maker = reader->maker;
    struct byte_set set = { { 0 } };
    char c = *reader->at++;
    if (++maker->atoms > PATTERN_SIZE) /* those that make no code count too */
        return fail(maker, -EINVAL, "the pattern is too long");
    switch (c) {
    case '.': emit(maker, (struct instruction){ .op = ANY }); return;
    case '[': class(reader); return;
    case '(': group(reader); return;
    case '\\':
        if (reader->at == reader->end)
            fail(maker, -EINVAL, "the pattern ends with a \\");
        else if (is_letter_or_digit(c = *reader->at++))
            set_add_class(&set, c) ?
                emit_set(maker, &set) :
                fail(maker, -EINVAL, "the pattern has an escape that is not known");
        else
            emit(maker, (struct instruction){ .op = BYTE, .byte = (unsigned char)c });
        return;
    case '*':
    case '+':
    case '?':
    case '{': fail(maker, -EINVAL, "the pattern repeats nothing"); return;
    case '^':
    case '$': fail(maker, -EINVAL, "a pattern has no ^ or $: it matches from end to end"); return;
    default: emit(maker, (struct instruction){ .op = BYTE, .byte = (unsigned char)c }); return;
    }
}

static bool number(struct reader *reader, unsigned *ret_number)
{
    const char *from = reader->at;
    unsigned value = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' && value < 1000)
        value = value * 10 + (unsigned)(*reader->at++ - '0');
    *ret_number = value;
    return reader->at > from;
}

/* What follows an atom: whether it is repeated, and how often (*ret_max UINT32_MAX: any). */
static bool repeated(struct reader *reader, unsigned *ret_min, unsigned *ret_max)
{
    char c = reader->at < reader->end ? *reader->at : '\0';
    *ret_min = c == '+';
    *ret_max = c == '?' ? 1 : UINT32_MAX;
    if (c == '*' || c == '+' || c == '?') {
        reader->at++;
        return true;
    }
    if (c != '{')
        return false;
    reader->at++;
    bool is_right = number(reader, ret_min);
    *ret_max = *ret_min;
    if (reader->at < reader->end && *reader->at == ',') {
        reader->at++;
        if (!number(reader, ret_max))
            *ret_max = UINT32_MAX;
    }
    is_right &= reader->at < reader->end && *reader->at++ == '}' && *ret_min <= *ret_max;
    if (!is_right || *ret_min > PATTERN_REPEAT ||
        (*ret_max != UINT32_MAX && *ret_max > PATTERN_REPEAT))
        fail(reader->maker, -EINVAL, "the pattern has a {} that is no count, or above 255");
    return true;
}

/* A split in front of what was made from `from` on, which may go past its end. */
static void optional(struct pattern_maker *maker, size_t from, bool is_lazy, bool is_loop)
{
    struct instruction *split = insert(maker, from);
    if (!split)
        return;
    if (is_loop)
        emit(maker, (struct instruction){ .op = JUMP, .x = (uint32_t)from });
    uint32_t in = (uint32_t)from + 1, past = (uint32_t)maker->count;
    if (!maker->error)
        maker->code[from] = (struct instruction){ .op = SPLIT,
                                                  .x = is_lazy ? past : in,
                                                  .y = is_lazy ? in : past };
}

/* x{2,4} is x x (x (x)?)?: the optional ones lie in one another, made from the inside out. */
static void repeat(struct reader *reader, const char *from, size_t code_from)
{
    struct pattern_maker *maker = reader->maker;
    const char *atom_end = reader->at;
    unsigned min, max;
    if (!repeated(reader, &min, &max))
        return;
    bool is_lazy = reader->at < reader->end && *reader->at == '?';
    reader->at += is_lazy;
    if (reader->at < reader->end && strchr("*+?{", *reader->at) && *reader->at)
        fail(maker, -EINVAL, "the pattern repeats what is repeated");
    uint16_t starts[PATTERN_REPEAT + 1] = { (uint16_t)code_from };
    size_t copies = max == UINT32_MAX ? min + 1 : max;
    if (!copies)
        maker->count = code_from;
    for (size_t i = 1; i < copies && !maker->error; i++) {
        struct reader again = { maker, from, atom_end };
        starts[i] = (uint16_t)maker->count;
        atom(&again);
    }
    if (maker->error)
        return;
    if (max == UINT32_MAX)
        return optional(maker, starts[min], is_lazy, true);
    for (size_t i = copies; i-- > min;)
        optional(maker, starts[i], is_lazy, false);
}

static void sequence(struct reader *reader)
{
    struct pattern_maker *maker = reader->maker;
    while (!maker->error && reader->at < reader->end && *reader->at != '|' && *reader->at != ')') {
        const char *from = reader->at;
        size_t code_from = maker->count;
        atom(reader);
        if (!maker->error)
            repeat(reader, from, code_from);
    }
}

/* a|b|c is a split to a and the rest, which is another. Each but the last ends with a jump to the
 * end; until that is known, a jump tells where the one before it is. */
static void alternatives(struct reader *reader)
{
    struct pattern_maker *maker = reader->maker;
    size_t from = maker->count, jump = 0;
    sequence(reader);
    while (!maker->error && reader->at < reader->end && *reader->at == '|') {
        reader->at++;
        (void)insert(maker, from);
        emit(maker, (struct instruction){ .op = JUMP, .x = (uint32_t)jump });
        if (maker->error)
            return;
        maker->code[from] = (struct instruction){ .op = SPLIT,
                                                  .x = (uint32_t)from + 1,
                                                  .y = (uint32_t)maker->count };
        jump = maker->count - 1;
        from = maker->count;
        sequence(reader);
    }
    while (!maker->error && jump) {
        size_t before = maker->code[jump].x;
        maker->code[jump].x = (uint32_t)maker->count;
        jump = before;
    }
}

static bool name_opens(struct pattern_maker *maker)
{
    if (maker->names == PATTERN_NAMES)
        fail(maker, -EINVAL, "a path has more than 16 names");
    emit(maker, (struct instruction){ .op = SAVE, .x = (uint32_t)maker->names * 2 });
    return !maker->error;
}

static void name_closes(struct pattern_maker *maker)
{
    emit(maker, (struct instruction){ .op = SAVE, .x = (uint32_t)maker->names * 2 + 1 });
    maker->names++;
}

void aiohttp__pattern_literal(struct pattern_maker *maker, struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        emit(maker, (struct instruction){ .op = BYTE, .byte = (unsigned char)text.data[i] });
}

void aiohttp__pattern_segment(struct pattern_maker *maker)
{
    if (name_opens(maker))
        aiohttp__pattern_inside(maker, SPAN("[^{}/]+"));
    name_closes(maker);
}

void aiohttp__pattern_inside(struct pattern_maker *maker, struct span text)
{
    struct reader reader = { maker, text.data, text.data + text.size };
    alternatives(&reader);
    if (reader.at < reader.end)
        fail(maker, -EINVAL, "the pattern has a ) without (");
}

void aiohttp__pattern_regex(struct pattern_maker *maker, struct span text)
{
    if (name_opens(maker))
        aiohttp__pattern_inside(maker, text);
    name_closes(maker);
}

int aiohttp__pattern_make(struct pattern_maker *maker, struct pattern **ret_pattern)
{
    emit(maker, (struct instruction){ .op = MATCH });
    struct pattern *pattern =
        maker->error ? NULL : aiohttp__arena_alloc(maker->arena, sizeof *pattern);
    if (!pattern)
        return maker->error ? maker->error : -ENOMEM;
    *pattern = (struct pattern){ .code = maker->code, .count = maker->count,
                                 .slots = maker->names * 2 };
    *ret_pattern = pattern;
    return 0;
}
