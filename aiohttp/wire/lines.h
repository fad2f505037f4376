/* SPDX-License-Identifier: MIT */
/* The line readers, compiled once for each kind of vector: scan.c and lines_CPU.c include this with
 *
 *     LINES(name)                      the function's name in this variant
 *     LINES_TARGET                     what the compiler may use
 *     LINES_CLASS(name, class)         declares `name`, a class of bytes as the variant likes it
 *     LINES_SCAN(data, p, end, name)   scan_bytes of that class; bytes from `data` on may be read
 *     LINES_SCAN_LONG(...)             the same, where many bytes are likely
 *     LINES_WINDOW(name)               declares what LINES_FIND keeps from one line to the next
 *     LINES_FIND(name, data, p, end, token, value, at, stop)
 *                                      both scans of a field line: its name's end, and its own
 *     LINES_HOST(data, value, size, end)  true for a plain host, with or without a port; false:
 *                                      it has to be looked at
 *     LINES_DIFFER(name, text, size)   names_differ; NAMES_LONGEST bytes may be read of both
 *     LINES_LEAVE()                    before a call of what was compiled without such vectors
 *
 * There is one text, so there is one grammar. */
#include "wire/names_find.h"
#include "wire/scan.h"

#ifndef LINES_FIND
#define LINES_WINDOW(name) (void)0
#define LINES_FIND(name, data, p, end, token, value, at, stop)                                     \
    (stop = LINES_SCAN_LONG(data, p, end, value), at = LINES_SCAN(data, p, end, token))
#define LINES_HOST(data, value, size, end) false
#endif

/* The end of a line at `at`, where a byte stands that its text cannot have. */
static inline __attribute__((always_inline)) LINES_TARGET int LINES(line_end)(
    struct head *head, const char *data, const char *at, const char *end, const char **ret_next)
{
    if (__builtin_expect(*at == '\r', 1)) {
        if (at + 1 == end)
            return LINE_MORE;
        if (at[1] != '\n')
            return line_bad(head, data, at, 400, "CR without LF");
        *ret_next = at + 2;
        return LINE_DONE;
    }
    if (*at != '\n')
        return line_bad(head, data, at, 400, "a byte that no line may have");
    if ((head->lenient & LENIENT_BARE_LF) == 0)
        return line_bad(head, data, at, 400, "LF without CR");
    *ret_next = at + 1;
    return LINE_DONE;
}

static inline __attribute__((always_inline)) LINES_TARGET int LINES(line_taken)(struct head *head,
                                                                                const char *data,
                                                                                const char *at,
                                                                                const char *next)
{
    if (at - (data + head->next) > (ptrdiff_t)head->line_max ||
        next - data > (ptrdiff_t)head->head_max)
        return LINE_LONG;
    head->next = (uint32_t)(next - data);
    return LINE_DONE;
}

/* METHOD SP target SP version */
static LINES_TARGET int LINES(request)(struct head *head, const char *data, size_t size)
{
    LINES_CLASS(target_class, head->lenient & LENIENT_TARGET ? &aiohttp__class_target_lenient
                                                             : &aiohttp__class_target);
    const char *begin = data + head->next, *end = data + size, *at = begin + 3;
    if (end - begin < 4 || memcmp(begin, "GET ", 4) != 0) {
        LINES_CLASS(token, &aiohttp__class_token);
        at = LINES_SCAN(data, begin, end, token);
    }
    if (at == end)
        return LINE_MORE;
    if (*at != ' ' || at == begin)
        return line_bad(head, data, at, 400, "a method is a token with one space behind");
    const char *target = at + 1;
    head->method_at = (struct place){ (uint32_t)(begin - data), (uint32_t)(at - begin) };
    at = LINES_SCAN(data, target, end, target_class);
    if (at == end)
        return LINE_MORE;
    if (*at != ' ' || at == target)
        return line_bad(head, data, at, 400, "no target with one space behind");
    head->target = (struct place){ (uint32_t)(target - data), (uint32_t)(at - target) };
    const char *next;
    int r = line_version(head, data, at + 1, end, &at);
    if (r != LINE_DONE)
        return r;
    if (at == end)
        return LINE_MORE;
    r = LINES(line_end)(head, data, at, end, &next);
    return r == LINE_DONE ? LINES(line_taken)(head, data, at, next) : r;
}

/* version SP three digits SP reason */
static LINES_TARGET int LINES(status)(struct head *head, const char *data, size_t size)
{
    LINES_CLASS(value_class, &aiohttp__class_value);
    const char *end = data + size, *at, *next;
    int r = line_version(head, data, data + head->next, end, &at);
    if (r != LINE_DONE)
        return r;
    int code = 0;
    for (int i = 0; i < 4; i++, at++) {
        if (at == end)
            return LINE_MORE;
        if (i == 0 ? *at != ' ' : *at < (i == 1 ? '1' : '0') || *at > '9')
            return line_bad(head, data, at, 400, "a status has three digits");
        if (i > 0)
            code = code * 10 + (*at - '0');
    }
    if (at == end)
        return LINE_MORE;
    const char *reason = at;
    if (*at == ' ') {
        reason = at + 1;
        at = LINES_SCAN(data, reason, end, value_class);
        if (at == end)
            return LINE_MORE;
    } else if ((head->lenient & LENIENT_NO_REASON) == 0 || (*at != '\r' && *at != '\n')) {
        return line_bad(head, data, at, 400, "no space behind the status");
    }
    r = LINES(line_end)(head, data, at, end, &next);
    if (r != LINE_DONE)
        return r;
    head->status_code = (uint16_t)code;
    head->reason = (struct place){ (uint32_t)(reason - data), (uint32_t)(at - reason) };
    return LINES(line_taken)(head, data, at, next);
}

static inline LINES_TARGET const char *LINES(skip_blanks)(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

/* Behind a name, where no colon stands: is it blanks and then one, and allowed? The colon, or NULL
 * with *ret_result. */
static inline LINES_TARGET const char *LINES(late_colon)(struct head *head, const char *data,
                                                         const char *name, const char *at,
                                                         const char *end, int *ret_result)
{
    const char *colon = at;
    if (at > name && head->kind == HEAD_RESPONSE && (head->lenient & LENIENT_SPACE_BEFORE_COLON)) {
        colon = LINES(skip_blanks)(at, end);
        if (colon == end) {
            *ret_result = LINE_MORE;
            return NULL;
        }
        if (*colon == ':')
            return colon;
    }
    *ret_result =
        line_bad(head, data, colon, 400,
                          at > name                    ? "a name is a token with a colon behind"
                          : *at == ' ' || *at == '\t' ? "a folded line"
                                                      : "a field has a name");
    return NULL;
}

/* The field is in its place: what the rules say about it. */
static inline __attribute__((always_inline)) LINES_TARGET int
LINES(field_known)(struct head *head, const char *data, struct head_field *field, const char *end)
{
    (void)end;
    unsigned id = field->id, word = id >> 6;
    uint64_t bit = (uint64_t)1 << (id & 63), seen = head->seen.bits[word];
    head->seen.bits[word] = seen | bit;
    if (__builtin_expect((((seen & head->once->bits[word]) | head->watched->bits[word]) & bit) == 0,
                         1))
        return 0;
    if (id == HEADER_HOST && (seen & bit) == 0 && head->kind == HEAD_REQUEST &&
        head->target_form == TARGET_ORIGIN &&
        LINES_HOST(data, data + field->value, field->value_size, end)) {
        head->authority = (struct place){ field->value, field->value_size };
        return 0;
    }
    LINES_LEAVE();
    return aiohttp__head_rule(head, data, field, (seen & head->once->bits[word] & bit) != 0);
}

static inline __attribute__((always_inline)) LINES_TARGET unsigned
LINES(name_of)(const char *name, size_t size, const char *end)
{
    unsigned id = names_guess(name, size);
    if (id == HEADER_OTHER)
        return id;
    const char *text = aiohttp__names.text[id];
    bool differs = end - name >= NAMES_LONGEST ? LINES_DIFFER(name, text, size)
                                               : names_differ(name, text, size);
    return differs ? HEADER_OTHER : id;
}

/* The bytes end within a field: more are wanted, unless it is bad already. */
static inline LINES_TARGET int LINES(field_cut)(struct head *head, const char *data,
                                                const char *line, const char *at, const char *end)
{
    int r = LINE_MORE;
    if (at < end && (*at != ':' || at == line))
        LINES(late_colon)(head, data, line, at, end, &r);
    return r;
}

/* The empty line, which ends at `at`, or what looks like one. */
static inline LINES_TARGET int LINES(fields_end)(struct head *head, const char *data,
                                                 const char *at, const char *end,
                                                 const char **ret_next)
{
    int r = LINES(line_end)(head, data, at, end, ret_next);
    return r == LINE_DONE && *ret_next - data > (ptrdiff_t)head->head_max ? LINE_LONG : r;
}

/* name ":" OWS value OWS, again and again, and the empty line. A line's end is looked for from its
 * begin, since a name has no byte that ends one: so where the next line begins is known without
 * waiting for this one's colon, and the processor works on both at once. */
static LINES_TARGET int LINES(fields)(struct head *head, const char *data, size_t size)
{
    LINES_CLASS(token, &aiohttp__class_token);
    LINES_CLASS(value_class, &aiohttp__class_value);
    const char *end = data + size, *line = data + head->next, *next;
    const char *head_end = data + head->head_max;
    const ptrdiff_t field_max = head->field_max < UINT16_MAX ? head->field_max : UINT16_MAX;
    uint32_t count = head->field_count;
    const uint32_t room =
        head->field_capacity < head->field_count_max ? head->field_capacity : head->field_count_max;
    int r = LINE_MORE;
    LINES_WINDOW(window);
    for (; line < end; line = next) {
        const char *stop, *at;
        LINES_FIND(window, data, line, end, token, value_class, at, stop);
        const char *colon = at;
        if (__builtin_expect(stop == end, 0)) {
            r = LINES(field_cut)(head, data, line, at, end);
            break;
        }
        if (__builtin_expect(*at != ':' || at == line, 0)) {
            if (stop == line) {
                r = LINES(fields_end)(head, data, stop, end, &next);
                line = r == LINE_DONE ? next : line;
                break;
            }
            colon = LINES(late_colon)(head, data, line, at, end, &r);
            if (colon == NULL)
                break;
        }
        r = LINES(line_end)(head, data, stop, end, &next);
        if (r != LINE_DONE)
            break;
        if (__builtin_expect(stop - line > field_max || next > head_end, 0) &&
            (stop - line > (ptrdiff_t)head->field_max || next > head_end ||
             at - line > UINT16_MAX)) {
            r = LINE_LONG;
            break;
        }
        if (__builtin_expect(count == room, 0)) {
            r = count < head->field_count_max ? LINE_FULL : LINE_COUNT;
            break;
        }
        const char *value = colon + 1, *tail = stop;
        while (value < tail && (*value == ' ' || *value == '\t'))
            value++;
        while (value < tail && (tail[-1] == ' ' || tail[-1] == '\t'))
            tail--;
        unsigned id = LINES(name_of)(line, (size_t)(at - line), end);
        struct head_field *field = &head->fields[count];
        *field = (struct head_field){ (uint32_t)(line - data), (uint32_t)(value - data),
                                      (uint32_t)(tail - value), (uint16_t)(at - line),
                                      (uint16_t)id };
        if (id != HEADER_OTHER && (r = LINES(field_known)(head, data, field, end)) < 0)
            break;
        count++;
        r = LINE_MORE;
    }
    head->field_count = count;
    head->next = (uint32_t)(line - data);
    return r;
}

static LINES_TARGET const char *LINES(scan)(const char *from, const char *p, const char *end,
                                            const struct char_class *class)
{
    (void)from;
    LINES_CLASS(any, class);
    return LINES_SCAN(from, p, end, any);
}
