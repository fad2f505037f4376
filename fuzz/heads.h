/* SPDX-License-Identifier: MIT */
/* A head, parsed whole and in pieces, by the best vectors and by the plain loop: one result. What
 * follows a request is one behind it, which is the same as alone. */
#pragma once

#include "split.h"

#include "wire/head.h"
#include "wire/scan.h"

#define FUZZ_FIELDS 200

struct parsed {
    struct head head;
    struct head_field fields[FUZZ_FIELDS];
    int result;
};

static inline void places_hold(const struct parsed *at, size_t size)
{
    const struct place places[] = { at->head.method_at, at->head.target, at->head.path,
                                    at->head.authority, at->head.reason };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        HOLDS(places[i].at <= size && places[i].size <= size - places[i].at);
    for (uint32_t i = 0; i < at->head.field_count; i++) {
        const struct head_field *field = &at->fields[i];
        HOLDS(field->name < size && field->name_size > 0 && field->name_size < size - field->name);
        HOLDS(field->value <= size && field->value_size <= size - field->value);
        HOLDS(field->id < HEADER_COUNT);
    }
    HOLDS(at->result <= (int)size);
    if (at->result < 0)
        HOLDS(at->head.error_at <= size && at->head.why != NULL);
}

static inline void parse_pieces(struct parsed *at, enum head_kind kind,
                                const aiohttp_limits *limits, unsigned lenient, uint32_t seed,
                                const uint8_t *data, size_t size)
{
    memset(at, 0, sizeof *at);
    aiohttp__head_begin(&at->head, kind, limits, lenient, at->fields, FUZZ_FIELDS);
    for (size_t known = seed == 0 ? size : 0;; known = next_split(&seed, known, size)) {
        char *copy = exact_copy(data, known);
        at->result = aiohttp__head_parse(&at->head, copy, known);
        free(copy);
        if (at->result != 0 || known == size)
            break;
    }
    places_hold(at, size);
}

static inline int same_result(const struct parsed *a, const struct parsed *b)
{
    if (a->result != b->result)
        return 0;
    if (a->result < 0)
        return a->head.error_at == b->head.error_at && a->head.status == b->head.status &&
               strcmp(a->head.why, b->head.why) == 0;
    if (a->head.field_count != b->head.field_count ||
        memcmp(a->fields, b->fields, a->head.field_count * sizeof *a->fields) != 0)
        return 0;
    return a->result == 0 || (a->head.version == b->head.version &&
                              a->head.method == b->head.method &&
                              a->head.target_form == b->head.target_form &&
                              memcmp(&a->head.seen, &b->head.seen, sizeof a->head.seen) == 0 &&
                              memcmp(&a->head.path, &b->head.path, 8) == 0 &&
                              a->head.flags == b->head.flags && a->head.body == b->head.body &&
                              a->head.content_length == b->head.content_length &&
                              a->head.status_code == b->head.status_code &&
                              memcmp(&a->head.authority, &b->head.authority, 8) == 0 &&
                              memcmp(&a->head.target, &b->head.target, 8) == 0);
}

/* What must be true of every head that was accepted, whatever it says. */
static inline void strict_holds(const struct parsed *at, const uint8_t *data, unsigned lenient)
{
    const struct head *head = &at->head;
    HOLDS(head->version == 10 || head->version == 11 || head->kind == HEAD_TRAILERS);
    HOLDS(head->body != BODY_CHUNKED || (head->flags & HEAD_CONTENT_LENGTH) == 0);
    HOLDS(head->content_length <= INT64_MAX);
    for (uint32_t i = 0; i < head->field_count; i++)
        for (uint32_t k = 0; k < at->fields[i].value_size; k++) {
            uint8_t c = data[at->fields[i].value + k];
            HOLDS((c >= 0x20 || c == '\t') && c != 0x7f);
        }
    if (lenient == 0) /* a line ends in CR LF */
        for (int i = 0; i < at->result; i++)
            HOLDS(data[i] == '\n' ? i > 0 && data[i - 1] == '\r'
                                  : data[i] != '\r' || data[i + 1] == '\n');
}

/* The request in data, of `size` bytes, behind the one at `before`, with which *at was parsed. */
static inline void parse_behind(struct parsed *at, const uint8_t *before, uint32_t seed,
                                const uint8_t *data, size_t size)
{
    size_t known = seed % 2 ? next_split(&seed, 0, size) : size;
    char *head = exact_copy(before, (size_t)at->result), *copy = exact_copy(data, known);
    at->result = aiohttp__head_parse_after(&at->head, head, copy, known);
    free(head);
    free(copy);
    if (at->result == 0 && known < size)
        at->result = aiohttp__head_parse(&at->head, (const char *)data, size);
    places_hold(at, size);
}

static inline int fuzz_head(enum head_kind kind, const uint8_t *data, size_t size)
{
    static struct parsed whole, pieces, alone;
    aiohttp_limits limits = aiohttp_server_limits();
    if (size < 2 || size > 65536)
        return 0;
    unsigned lenient = (data[0] & 1) != 0 ? data[1] & 63 : 0;
    if ((data[0] & 2) != 0) {
        limits.line = 64, limits.field = 48, limits.head = 200, limits.headers = 6;
        limits.trailer = 100, limits.trailers = 4, limits.empty_lines = data[1] >> 6;
    }
    uint32_t seed = (uint32_t)data[0] << 8 | data[1] | 0x10000u;
    data += 2;
    size -= 2;
    aiohttp__lines_choose();
    parse_pieces(&whole, kind, &limits, lenient, 0, data, size);
    if (whole.result > 0)
        strict_holds(&whole, data, lenient);
    for (const struct lines *const *at = aiohttp__lines_all; *at != NULL; at++) {
        if (!(*at)->is_there())
            continue;
        aiohttp__lines_chosen = *at;
        parse_pieces(&pieces, kind, &limits, lenient, seed, data, size);
        HOLDS(same_result(&whole, &pieces));
        if (kind != HEAD_REQUEST || pieces.result <= 0)
            continue;
        size_t used = (size_t)pieces.result;
        parse_behind(&pieces, data, seed, data + used, size - used);
        parse_pieces(&alone, kind, &limits, lenient, 0, data + used, size - used);
        HOLDS(same_result(&alone, &pieces));
    }
    return 0;
}
