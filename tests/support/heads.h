/* SPDX-License-Identifier: MIT */
/* Parses one head in every way that its bytes may come (whole, byte by byte, in two pieces at every
 * place, each time in memory of its own that ends where the bytes end) with every kind of vector
 * that this processor has, and demands the same result of all. */
#pragma once

#include "wire/head.h"
#include "wire/scan.h"

#include <stdlib.h>
#include <string.h>

#define HEADS_FIELDS 160

struct outcome {
    int result;      /* of the last call of parse */
    size_t bytes;    /* how many bytes had come then */
    const char *after; /* the head before, as long as nothing has come of this one */
    struct head head;
    struct head_field fields[HEADS_FIELDS];
};

struct heads {
    enum head_kind kind;
    const aiohttp_limits *limits;
    unsigned lenient;
    enum method answers; /* METHOD_OTHER: nothing is said */
    const char *after;   /* NULL: it is the first one; else the head before, which is good */
};

static inline void heads_begin(const struct heads *how, struct outcome *at)
{
    memset(at, 0, sizeof *at);
    aiohttp__head_begin(&at->head, how->kind, how->limits, how->lenient, at->fields, HEADS_FIELDS);
    if (how->answers != METHOD_OTHER)
        aiohttp__head_answers(&at->head, how->answers);
    at->after = how->after;
    if (how->after)
        assert_true(aiohttp__head_parse(&at->head, how->after, strlen(how->after)) > 0);
}

#define HEADS_LARGE 2000

static inline int heads_more(struct outcome *at, const char *text, size_t size)
{
    const char *after = at->after;
    at->after = NULL;
    return after ? aiohttp__head_parse_after(&at->head, after, text, size)
                 : aiohttp__head_parse(&at->head, text, size);
}

static inline int heads_give(struct outcome *at, const char *text, size_t size)
{
    at->bytes = size;
    if (size > HEADS_LARGE) /* copying each would be quadratic */
        return at->result = heads_more(at, text, size);
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    at->result = heads_more(at, copy, size);
    free(copy);
    return at->result;
}

static inline void heads_same(const struct outcome *a, const struct outcome *b)
{
    assert_int_equal(a->result, b->result);
    if (a->result < 0) {
        assert_int_equal(a->head.error_at, b->head.error_at);
        assert_int_equal(a->head.status, b->head.status);
        assert_string_equal(a->head.why, b->head.why);
        return;
    }
    assert_int_equal(a->head.field_count, b->head.field_count);
    assert_memory_equal(a->fields, b->fields, sizeof *a->fields * a->head.field_count);
    if (a->result == 0)
        return;
    assert_memory_equal(&a->head.seen, &b->head.seen, sizeof a->head.seen);
    assert_memory_equal(&a->head.content_length, &b->head.content_length, sizeof(uint64_t));
    assert_int_equal(a->head.flags, b->head.flags);
    assert_int_equal(a->head.status_code, b->head.status_code);
    assert_int_equal(a->head.version, b->head.version);
    assert_int_equal(a->head.method, b->head.method);
    assert_int_equal(a->head.target_form, b->head.target_form);
    assert_int_equal(a->head.body, b->head.body);
    assert_memory_equal(&a->head.method_at, &b->head.method_at, sizeof(struct place));
    assert_memory_equal(&a->head.target, &b->head.target, sizeof(struct place));
    assert_memory_equal(&a->head.path, &b->head.path, sizeof(struct place));
    assert_memory_equal(&a->head.authority, &b->head.authority, sizeof(struct place));
    assert_memory_equal(&a->head.reason, &b->head.reason, sizeof(struct place));
}

/* Large heads are split at some places only: all of the first and last, and every 211th. */
static inline size_t heads_next_split(size_t at, size_t size)
{
    return size <= HEADS_LARGE || at < 100 || size - at < 100 ? at + 1 : at + 211;
}

static inline void heads_every_way(const struct heads *how, const char *text, size_t size,
                                   const struct outcome *whole)
{
    struct outcome at;
    size_t decided = size;
    heads_begin(how, &at);
    for (size_t known = 0; known <= size; known++)
        if (heads_give(&at, text, known) != 0)
            break;
    heads_same(&at, whole);
    if (at.result != 0)
        decided = at.bytes;
    for (size_t split = 0; split < size; split = heads_next_split(split, size)) {
        heads_begin(how, &at);
        if (heads_give(&at, text, split) == 0) {
            assert_true(split < decided);
            heads_give(&at, text, size);
        } else {
            assert_true(split >= decided); /* the same bytes decide, however they come */
        }
        heads_same(&at, whole);
    }
}

static inline void heads_parse(const struct heads *how, const char *text, size_t size,
                               struct outcome *ret)
{
    const struct lines *best = lines_now();
    heads_begin(how, ret);
    heads_give(ret, text, size);
    for (const struct lines *const *lines = aiohttp__lines_all; *lines != NULL; lines++) {
        if (!(*lines)->is_there())
            continue;
        aiohttp__lines_chosen = *lines;
        heads_every_way(how, text, size, ret);
    }
    aiohttp__lines_chosen = best;
}
