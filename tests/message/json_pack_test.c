/* SPDX-License-Identifier: MIT */
/* Text straight from C values: the same as of the value that jansson's json_pack makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asyncio.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/any_json.h"
#include "message/json.h"
#include "support/failing.h"
#include "support/sweep.h"

/* 1 when text is made, 0 when it is refused; -1 when we and jansson do not agree. Both take what
 * `o` names: it comes with two references. */
static int agree(const char *format, ...)
{
    static char little[64];
    struct bytes out = bytes_from(little, any(sizeof little), PTRDIFF_MAX);
    va_list values;
    va_start(values, format);
    int r = aiohttp__json_vpack(&out, format, values);
    json_t *json = json_vpack_ex(NULL, 0, format, values);
    va_end(values);
    char *wanted = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(json);
    bool is_same = wanted ? r == 0 && out.size == strlen(wanted) &&
                                memcmp(out.data, wanted, out.size) == 0
                          : r == -EINVAL;
    free(wanted);
    aiohttp__bytes_fini(&out);
    return is_same || (r == -ENOMEM && allocation_is_failing()) ? r == 0 : -1;
}

/* A new value, twice. */
static json_t *both(json_t *json)
{
    return json_incref(json);
}

#define IS(expected, ...)                                                                          \
    do {                                                                                           \
        char *text_ = NULL;                                                                        \
        size_t size_ = 0;                                                                          \
        int r_ = aiohttp_json_pack(&text_, &size_, __VA_ARGS__);                                   \
        bool is_same_ = r_ == 0 && strcmp(text_, expected) == 0 && strlen(text_) == size_;         \
        asyncio_mem_free(text_);                                                                   \
        assert_int_equal(r_, 0);                                                                   \
        assert_true(is_same_);                                                                     \
        assert_int_equal(agree(__VA_ARGS__), 1);                                                   \
    } while (0)

static void letters(void **state)
{
    (void)state;
    const char *none = NULL;
    IS("null", "n");
    IS("true", "b", 7);
    IS("false", "b", 0);
    IS("-12", "i", -12);
    IS("[-9223372036854775808,9223372036854775807]", "[II]", (json_int_t)INT64_MIN,
       (json_int_t)INT64_MAX);
    IS("[0.5,-1000.0]", "[ff]", 0.5, -1e3);
    IS("\"a\\\"\\n\xc3\xa4\"", "s", "a\"\n\xc3\xa4");
    IS("\"\"", "s", "");
    IS("[\"ab\",\"cd\",\"\"]", "[s#s%s#]", "abc", 2, "cde", (size_t)2, "x", 0);
    IS("[\"a\\u0000b\",\"c\"]", "[s#s]", "a\0b", 3, "c");
    IS("\"abcdef\"", "s+#+%+", "abc", "de", 1, "exx", (size_t)1, "f");
    IS("\"\"", "s++", "", "", "");
    IS("\"\xc3\xa4\"", "s#+#", "\xc3", 1, "\xa4", 1);
    IS("{\"abc\":1,\"d\":2}", "{s+#:i,s%:i}", "ab", "cd", 1, 1, "de", (size_t)1, 2);
    IS("[null,\"a\",\"b\"]", "[s?s?s*s*]", none, "a", "b", none);
    IS("{\"a\":null,\"c\":\"x\",\"d\":1}", "{s:s?,s:s*,s:s*,s:i}", "a", none, "b", none, "c", "x",
       "d", 1);
    IS("{}", "{s:s*,s:o*,s:O*}", "a", none, "b", none, "c", none);
    IS("[]", "[s*o*O*]", none, none, none);
    IS("[null,null,1]", "[o?O?i]", none, none, 1);
    IS("{\"a\":{\"a\":[1,{\"b\":null}]},\"b\":[]}", " {s :\n{s,: [i{s:n}]},\ts: [] } ", "a", "a", 1,
       "b", "b");
    IS("{\"id\":7,\"roles\":[\"a\",\"b\"]}", "{s:i, s:[ss]}", "id", 7, "roles", "a", "b");
}

static void values_are_borrowed_or_taken(void **state)
{
    (void)state;
    json_t *kept = json_pack("{s:[i,f]}", "deep", 1, 0.5);
    json_t *a = json_incref(json_pack("[s]", "a")), *b = json_incref(json_integer(2));
    int r = agree("{s:O, s:o, s:[o?, O*]}", "kept", kept, "a", both(a), "more", both(b), kept);
    size_t a_refs = a->refcount, b_refs = b->refcount, kept_refs = kept->refcount;
    json_decref(kept);
    json_decref(a);
    json_decref(b);
    assert_int_equal(r, 1);
    assert_int_equal(a_refs, 1);
    assert_int_equal(b_refs, 1);
    assert_int_equal(kept_refs, 1);
}

/* The last value counts, where the first stands. */
static void names_that_come_again(void **state)
{
    (void)state;
    const char *none = NULL;
    IS("{\"a\":3,\"b\":2}", "{s:i,s:i,s:i}", "a", 1, "b", 2, "a", 3);
    IS("{\"a\":1}", "{s:i,s:s*}", "a", 1, "a", none);
    IS("{\"a\":1}", "{s:s*,s:i}", "a", none, "a", 1);
    IS("{\"ab\":[2],\"a\":1}", "{s:i,s:i,s+:[i]}", "ab", 1, "a", 1, "a", "b", 2);
    IS("{\"a\":{\"a\":1,\"b\":2},\"b\":{\"a\":1}}", "{s:{s:i,s:i},s:{s:i}}", "a", "a", 1, "b", 2,
       "b", "a", 1);
    json_t *first = json_incref(json_integer(1)), *second = json_incref(json_integer(2));
    int r = agree("{s:o,s:o}", "a", both(first), "a", both(second));
    assert_int_equal(first->refcount, 1);
    assert_int_equal(second->refcount, 1);
    json_decref(first);
    json_decref(second);
    assert_int_equal(r, 1);
}

#define REFUSED(...)                                                                               \
    do {                                                                                           \
        char *text_ = NULL;                                                                        \
        int r_ = aiohttp_json_pack(&text_, NULL, __VA_ARGS__);                                     \
        const asyncio_error *record_ = record_of(r_);                                              \
        bool is_told_ = record_ && strstr(record_->text, "format");                                \
        assert_int_equal(r_, -EINVAL);                                                             \
        assert_true(is_told_);                                                                     \
        assert_null(text_);                                                                        \
        assert_int_equal(agree(__VA_ARGS__), 0);                                                   \
    } while (0)

static void what_is_none_is_refused(void **state)
{
    (void)state;
    const char *none = NULL;
    REFUSED("");
    REFUSED(" ");
    REFUSED("x");
    REFUSED("{");
    REFUSED("[[]");
    REFUSED("]");
    REFUSED("[}");
    REFUSED("{s}", "a");
    REFUSED("{s:i", "a", 1);
    REFUSED("{i}", 1);
    REFUSED("{s?:i}", "a", 1);
    REFUSED("ii", 1, 2);
    REFUSED("[i\r]", 1);
    REFUSED("s?+", "a", "b");
    REFUSED("n?");
    REFUSED("\"a\"");
    REFUSED("s", none);
    REFUSED("s*", none);
    REFUSED("s#", none, 0);
    REFUSED("[s+]", "a", none);
    REFUSED("{s:i}", none, 1);
    REFUSED("o", none);
    REFUSED("[O]", none);
    REFUSED("{s:o*,s:o}", "a", none, "b", none);
    REFUSED("s", "\xff");
    REFUSED("[s?]", "\xc3");
    REFUSED("s#", "\xc3\xa4", 1);
    REFUSED("s+#", "\xa4", "\xc3", 1);
    REFUSED("{s:i}", "\xed\xa0\x80", 1);
    REFUSED("[f]", (double)NAN);
    REFUSED("f", (double)-INFINITY);
    char *text = NULL;
    const char *volatile no_format = NULL;
    assert_int_equal(aiohttp_json_pack(&text, NULL, no_format), -EINVAL);
    assert_true(aiohttp_json_pack(&text, NULL, "s#", "a", -1) < 0);
    assert_true(aiohttp_json_pack(&text, NULL, "s%", "a", SIZE_MAX) < 0);
}

/* jansson goes on behind a fault, and would read 1 as a text. */
static void behind_a_fault_nothing_is_read(void **state)
{
    (void)state;
    char *text = NULL;
    json_t *json = json_integer(5);
    int r = aiohttp_json_pack(&text, NULL, "[{i s} s o]", 1, "a", "b", json);
    size_t refs = json->refcount;
    const asyncio_error *record = record_of(r);
    bool is_told = record && strstr(record->text, "character 3 ");
    json_decref(json);
    assert_int_equal(r, -EINVAL);
    assert_int_equal(refs, 1);
    assert_true(is_told);
}

static void values_that_cannot_be_written(void **state)
{
    (void)state;
    char *text = NULL;
    json_t *list = json_array(), *inner = json_array(), *bad = json_string_nocheck("\xff");
    assert_int_equal(json_array_append(list, inner), 0);
    assert_int_equal(json_array_append(inner, list), 0);
    assert_int_equal(aiohttp_json_pack(&text, NULL, "[iO]", 1, list), -EINVAL);
    assert_int_equal(aiohttp_json_pack(&text, NULL, "{s:o}", "a", json_incref(list)), -EINVAL);
    assert_int_equal(aiohttp_json_pack(&text, NULL, "[oi]", json_incref(bad), 1), -EINVAL);
    /* what was taken is given back, on either side of what is wrong */
    assert_int_equal(aiohttp_json_pack(&text, NULL, "[oso]", json_incref(bad), "\xff",
                                       json_incref(bad)),
                     -EINVAL);
    assert_int_equal(bad->refcount, 1);
    assert_int_equal(list->refcount, 2);
    json_array_clear(inner);
    json_decref(inner);
    json_decref(list);
    json_decref(bad);
}

/* --- formats of all kinds --- */

/* Each letter takes text, so that jansson may be asked also about those that are none. Of those it
 * lets one pass: in a list it takes "{*" for nothing. */
static void every_short_format(void **state)
{
    (void)state;
    static const char letters_of[] = "{}[]s?*+n";
    enum { COUNT = sizeof letters_of - 1, LONGEST = 5 };
    unsigned made = 0, refused = 0, end = 1;
    for (size_t size = 1; size <= LONGEST; size++) {
        end *= COUNT;
        for (unsigned number = 0; number < end; number++) {
            char format[LONGEST + 1] = "";
            unsigned rest = number;
            for (size_t i = 0; i < size; i++, rest /= COUNT)
                format[i] = letters_of[rest % COUNT];
            const char *odd = any(3) ? "odd" : NULL, *again = any(3) ? "again" : "a";
            int r = agree(format, "a", odd, again, odd, "e");
            if (r < 0 && !strstr(format, "{*"))
                fail_msg("\"%s\" is judged otherwise", format);
            made += r == 1;
            refused += r == 0;
        }
    }
    assert_in_range(made, 40, 1000);
    assert_in_range(refused, 20000, 80000);
}

/* What the values of a random format are, in this order: text, text with its size, int, json_int_t,
 * double, json_t. A format is made for them, letter by letter. */
static const char kinds[] = "stsisjtssdstsjssIstsdssjtisssst";

struct made {
    char format[512];
    size_t size, next; /* the next of `kinds` */
};

static void add(struct made *self, const char *letters)
{
    self->size += (size_t)snprintf(self->format + self->size, sizeof self->format - self->size,
                                   "%s%.*s", letters, (int)any(3), &", :\n"[any(3)]);
}

static bool is_text(const struct made *self)
{
    return kinds[self->next] == 's' || kinds[self->next] == 't';
}

static void add_text(struct made *self)
{
    add(self, kinds[self->next++] == 't' ? "s%" : "s");
    while (is_text(self) && any(4) == 0)
        add(self, kinds[self->next++] == 't' ? "+%" : "+");
}

static void add_value(struct made *self, uint32_t depth)
{
    const char kind = kinds[self->next];
    if (depth && any(3) == 0) {
        const bool is_object = any(2);
        add(self, is_object ? "{" : "[");
        for (uint32_t count = any(7); count && (!is_object || is_text(self)); count--) {
            if (is_object)
                add_text(self);
            add_value(self, depth - 1);
        }
        add(self, is_object ? "}" : "]");
        return;
    }
    if (!kind || any(8) == 0) {
        add(self, "n");
        return;
    }
    if (kind == 't' || (kind == 's' && any(3))) {
        add_text(self);
        return;
    }
    static const char letters_of[] = "siIdj";
    static const char *const said[][4] = {
        { "s", "s?", "s*", "s?" }, { "i", "b", "i", "i" },      { "I", "I", "I", "I" },
        { "f", "f", "f", "f" },    { "o?", "o*", "O?", "O*" },
    };
    add(self, said[strchr(letters_of, kind) - letters_of][any(4)]);
    self->next++;
}

/* The values, of which names are often the same, and some NULL or no UTF-8. */
static struct value {
    char memory[128];
    const char *text;
    size_t size;
    json_t *json;
    json_int_t whole;
    double real;
} drawn[sizeof kinds];

static void draw(struct value *value)
{
    static const char *const names[] = { "id", "name", "at", "roles" };
    json_t *whole = any_number(), *real = any_number();
    value->size = any_text(value->memory);
    value->memory[value->size] = '\0';
    value->text = any(3) == 0 ? names[any(4)] : any(60) ? value->memory : NULL;
    if (value->text != value->memory)
        value->size = 2;
    value->whole = json_integer_value(whole);
    value->real = any(100) ? json_number_value(real) : (double)INFINITY;
    value->json = any(6) ? any_tree(any(3)) : NULL;
    json_decref(whole);
    json_decref(real);
}

/* As it says in `kinds`. */
#define S(i) drawn[i].text
#define T(i) drawn[i].text, drawn[i].size
#define I(i) (int)drawn[i].whole
#define L(i) drawn[i].whole
#define D(i) drawn[i].real
#define J(i) drawn[i].json
static int agree_on(const char *format)
{
    return agree(format, S(0), T(1), S(2), I(3), S(4), J(5), T(6), S(7), S(8), D(9), S(10), T(11),
                 S(12), J(13), S(14), S(15), L(16), S(17), T(18), S(19), D(20), S(21), S(22),
                 J(23), T(24), I(25), S(26), S(27), S(28), S(29), T(30));
}

/* Gives back what is left of three references each. False: one was taken by one of the two only. */
static bool release(void)
{
    bool is_even = false;
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++) {
        json_t *json = drawn[i].json;
        if (!json || json->refcount == SIZE_MAX) /* null and its like, which are not counted */
            continue;
        is_even |= json->refcount % 2 == 0;
        for (size_t refs = json->refcount; refs; refs--)
            json_decref(json);
    }
    return !is_even;
}

static void random_formats(void **state)
{
    (void)state;
    unsigned made = 0, refused = 0;
    for (uint32_t i = 0; i < 4000; i++) {
        seed = i * UINT64_C(77);
        struct made format = { .size = 0 };
        for (size_t k = 0; k < sizeof drawn / sizeof *drawn; k++) {
            draw(&drawn[k]);
            for (int refs = 0; drawn[k].json && refs < 2; refs++)
                json_incref(drawn[k].json);
        }
        add(&format, "[");
        while (kinds[format.next])
            add_value(&format, 4);
        const bool is_whole = any(10) != 0;
        add(&format, is_whole ? "]" : "");
        int r = agree_on(format.format);
        if ((!release() && is_whole) || r < 0)
            fail_msg("the format of seed %u is written otherwise: %s", i, format.format);
        made += r == 1;
        refused += r == 0;
    }
    assert_in_range(made, 500, 3900);
    assert_in_range(refused, 100, 3000);
}

/* --- much of everything --- */

/* As deep as is allowed, in a task whose stack is the usual one. */
static int in_a_task(void)
{
    for (size_t depth = 62; depth < 103; depth++) {
        char format[512], *text = NULL;
        memset(format, '[', depth);
        memset(format + depth, ']', depth);
        format[2 * depth] = '\0';
        int r = aiohttp_json_pack(&text, NULL, format);
        bool is_right = depth > 100 ? r == -EINVAL : r == 0 && strcmp(text, format) == 0;
        asyncio_mem_free(text);
        if (!is_right)
            return r == -ENOMEM ? r : -EPROTO;
    }
    return 0;
}

static void deep_formats(void **state)
{
    (void)state;
    assert_int_equal(asyncio_run(asyncio_coro(in_a_task)), 0);
    for (size_t depth = 60; depth < 68; depth++) {
        json_t *tree = json_integer(1);
        for (size_t i = 0; i < depth; i++)
            tree = i % 2 ? json_pack("{so}", "k", tree) : json_pack("[io]", 7, tree);
        int r = agree("{s:[O]}", "a", tree);
        json_decref(tree);
        assert_int_equal(r, 1);
    }
}

#define EACH10(m, i)                                                                               \
    m((i) + 0), m((i) + 1), m((i) + 2), m((i) + 3), m((i) + 4), m((i) + 5), m((i) + 6),            \
        m((i) + 7), m((i) + 8), m((i) + 9)
#define EACH70(m)                                                                                  \
    EACH10(m, 0), EACH10(m, 10), EACH10(m, 20), EACH10(m, 30), EACH10(m, 40), EACH10(m, 50),       \
        EACH10(m, 60)

static void number_text(char text[16], int number)
{
    snprintf(text, 16, "n%d", number);
}

/* One piece again and again, in a pair of brackets. */
static const char *repeated(char format[512], const char *pair, const char *piece, size_t count)
{
    size_t size = (size_t)snprintf(format, 512, "%c", pair[0]);
    while (count--)
        size += (size_t)snprintf(format + size, 512 - size, "%s", piece);
    snprintf(format + size, 512 - size, "%c", pair[1]);
    return format;
}

#define MEMBER(i) names[i], i
#define ELEMENT(i) ((void)(i), json)

static void many_members(void **state)
{
    (void)state;
    char format[512], names[70][16];
    json_t *json = json_string("x");
    for (int i = 0; i < 70; i++)
        number_text(names[i], i);
    for (size_t count = 60; count <= 70; count++) {
        repeated(format, "{}", "s:i,", count);
        int apart = agree(format, EACH70(MEMBER));
        number_text(names[count - 1], 0); /* the last one is the first again */
        int again = agree(format, EACH70(MEMBER));
        number_text(names[count - 1], (int)count - 1);
        assert_int_equal(apart, 1);
        assert_int_equal(again, 1);
    }
    for (size_t count = 30; count <= 40; count++) {
        for (size_t i = 0; i < 2 * count; i++)
            json_incref(json);
        assert_int_equal(agree(repeated(format, "[]", "o,", count), EACH70(ELEMENT)), 1);
        assert_int_equal(json->refcount, 1);
    }
    json_decref(json);
}

static void huge_texts(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    char *text = malloc(SIZE + 1);
    assert_non_null(text);
    memset(text, 'h', SIZE);
    for (size_t at = 0; at < SIZE; at += 4099)
        text[at] = at % 3 ? '\n' : '"';
    text[SIZE] = '\0';
    int whole = agree("s", text);
    int several = agree("{s:[s#,s%,i],s#:i,s+#:[s?]}", "a", text, SIZE / 2, text, (size_t)SIZE, 1,
                        text, SIZE / 3, 2, "b", text, SIZE / 3, text);
    text[SIZE - 1] = '\xff';
    int wrong = agree("[s#ss]", text, SIZE - 1, "good", text);
    free(text);
    assert_int_equal(whole, 1);
    assert_int_equal(several, 1);
    assert_int_equal(wrong, 0);
}

static int pack_into(struct bytes *out, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int r = aiohttp__json_vpack(out, format, values);
    va_end(values);
    return r;
}

/* Room is short by any number of bytes: that is said, and nothing is written behind it. */
static void room_is_never_exceeded(void **state)
{
    (void)state;
    static const char wanted[] =
        "{\"a\\nb\":[-12,1.5,null,true,\"\\u0001\xc3\xa4 more\"],\"c\":[]}";
    char room[256];
    json_t *json = json_array();
    for (size_t capacity = 0; capacity <= sizeof wanted; capacity++) {
        memset(room, '~', sizeof room);
        struct bytes out = bytes_in(room, capacity);
        int r = pack_into(&out, "{s:[ifnbs+],s:o}", "a\nb", -12, 1.5, 1, "\x01\xc3\xa4", " more",
                          "c", json_incref(json));
        assert_int_equal(r, capacity < sizeof wanted - 1 ? -EMSGSIZE : 0);
        assert_int_equal(json->refcount, 1);
        assert_int_equal(room[capacity], '~');
        assert_true(r < 0 ||
                    (out.size == sizeof wanted - 1 && memcmp(room, wanted, out.size) == 0));
    }
    json_decref(json);
}

/* --- memory --- */

static unsigned asked_count;

static void *counting(size_t size)
{
    asked_count++;
    return malloc(size);
}

/* jansson is asked for nothing, where nothing is odd. */
static void nothing_is_built(void **state)
{
    (void)state;
    char room[256];
    struct bytes out = bytes_in(room, sizeof room);
    json_t *roles = json_pack("[ss]", "admin", "reader");
    json_set_alloc_funcs(counting, free);
    asked_count = 0;
    int r = pack_into(&out, "{s:i,s:s+,s:{s:b,s:O},s:[s?s*nIs#],s:o}", "id", 7, "name", "\xc3\xa4",
                      "b\n", "inner", "id", 1, "roles", roles, "more", NULL, NULL, (json_int_t)1,
                      "abc", 2, "last", json_incref(roles));
    unsigned usual = asked_count;
    int again = pack_into(&out, "{s:i,s:i}", "a", 1, "a", 2);
    unsigned odd = asked_count;
    json_set_alloc_funcs(malloc, free);
    json_decref(roles);
    assert_int_equal(r, 0);
    assert_int_equal(usual, 0);
    assert_int_equal(again, 0);
    assert_true(odd > 0);
}

static int every_way(void)
{
    char *text = NULL, *long_text = NULL, *again = NULL, *wrong = NULL;
    char large[3000];
    memset(large, 'l', sizeof large);
    json_t *json = json_pack("[iis]", 1, 2, "three");
    json_t *taken[4] = { json_incref(json), json_incref(json), json_incref(json),
                         json_incref(json) };
    int r = aiohttp_json_pack(&text, NULL, "{s:o,s:f}", "a", taken[0], "b", 0.5);
    int other = aiohttp_json_pack(&long_text, NULL, "{s:s#,s:o}", "a", large, (int)sizeof large,
                                  "b", taken[1]);
    r = r < 0 ? r : other;
    other = aiohttp_json_pack(&again, NULL, "{s:i,s:o}", "a", 1, "a", taken[2]);
    r = r < 0 ? r : other;
    other = aiohttp_json_pack(&wrong, NULL, "[s,o]", "\xff", taken[3]);
    r = r < 0 ? r : other == -EINVAL ? 0 : other;
    bool is_right = json->refcount == 1 && !wrong;
    is_right &= r < 0 || (strcmp(text, "{\"a\":[1,2,\"three\"],\"b\":0.5}") == 0 &&
                          strlen(long_text) == sizeof large + 26 &&
                          strcmp(again, "{\"a\":[1,2,\"three\"]}") == 0);
    json_decref(json);
    asyncio_mem_free(text);
    asyncio_mem_free(long_text);
    asyncio_mem_free(again);
    return is_right ? r : -EPROTO;
}

static void each_allocation_fails(void **state)
{
    (void)state;
    (void)sweep_allocations("json_pack", every_way);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters),
        cmocka_unit_test(values_are_borrowed_or_taken),
        cmocka_unit_test(names_that_come_again),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(behind_a_fault_nothing_is_read),
        cmocka_unit_test(values_that_cannot_be_written),
        cmocka_unit_test(every_short_format),
        cmocka_unit_test(random_formats),
        cmocka_unit_test(deep_formats),
        cmocka_unit_test(many_members),
        cmocka_unit_test(huge_texts),
        cmocka_unit_test(room_is_never_exceeded),
        cmocka_unit_test(nothing_is_built),
        cmocka_unit_test(each_allocation_fails),
    };
    return cmocka_run_group_tests_name("json_pack", tests, NULL, NULL);
}
