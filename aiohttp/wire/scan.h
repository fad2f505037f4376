/* SPDX-License-Identifier: MIT */
/* How far bytes of a class go: the one loop that parsing and writing spend their time in.
 *
 * MODEL      A class of bytes is two tables of 16, by a byte's lower and upper half: a byte ends
 *            the scan when its two entries share a bit. Each bit is a row of the ASCII table, or
 *            several rows that look alike. So processors that look up 16 entries at once (pshufb,
 *            tbl) and the loop below use the very same tables.
 * VARIANTS   Everything that scans is compiled once for each kind of vector (lines.h); which one
 *            is used is chosen once, at run time. All give the same results: a test compares
 * them. */
#pragma once

#include "wire/head.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct char_class {
    uint8_t low[16], high[16];
};

extern const struct char_class aiohttp__class_token;  /* tchar */
extern const struct char_class aiohttp__class_value;  /* HTAB, SP, VCHAR, obs-text */
extern const struct char_class aiohttp__class_host;   /* unreserved, sub-delims */
extern const struct char_class aiohttp__class_target; /* VCHAR without " # < > */
extern const struct char_class aiohttp__class_target_lenient; /* VCHAR without #, and obs-text */

static inline bool class_ends(const struct char_class *class, char c)
{
    uint8_t byte = (uint8_t)c;
    return (class->low[byte & 15] & class->high[byte >> 4]) != 0;
}

/* The first byte in [p, end) that is not of the class, or end. */
static inline const char *scan_bytes(const char *p, const char *end, const struct char_class *class)
{
    while (p < end && !class_ends(class, *p))
        p++;
    return p;
}

/* How a line was read. Below 0: an error that is complete in the head. */
enum line_result {
    LINE_MORE, /* its end has not come */
    LINE_DONE, /* all lines of this kind are read */
    LINE_BAD,  /* not one of this grammar: error_at, status, why */
    LINE_LONG, /* beyond a limit */
    LINE_COUNT, /* one field more than allowed */
    LINE_FULL,  /* one field more than there is room for */
};

/* The line readers of one kind of vector. Each begins at head->next and leaves it at the first line
 * that it has not read. */
struct lines {
    const char *name;
    int (*is_there)(void); /* this processor can run it */
    int (*request)(struct head *head, const char *data, size_t size);
    int (*status)(struct head *head, const char *data, size_t size);
    int (*fields)(struct head *head, const char *data, size_t size);
    /* scan_bytes of [p, end); bytes from `from` on may be read */
    const char *(*scan)(const char *from, const char *p, const char *end,
                        const struct char_class *class);
};

/* All that were compiled for this kind of processor, the best last, NULL at the end. */
extern const struct lines *const aiohttp__lines_all[];
extern const struct lines aiohttp__lines_plain;

/* The one in use: NULL until somebody asks. */
extern const struct lines *_Atomic aiohttp__lines_chosen;
const struct lines *aiohttp__lines_choose(void);

static inline const struct lines *lines_now(void)
{
    const struct lines *lines =
        atomic_load_explicit(&aiohttp__lines_chosen, memory_order_relaxed);
    return __builtin_expect(lines != NULL, 1) ? lines : aiohttp__lines_choose();
}

/* --- what the line readers share; head.c and head_rules.c --- */

/* What is wrong with a line, and where. */
void aiohttp__line_bad(struct head *head, const char *data, const char *at, int status,
                      const char *why) __attribute__((cold));

static inline int line_bad(struct head *head, const char *data, const char *at, int status,
                           const char *why)
{
    aiohttp__line_bad(head, data, at, status, why);
    return LINE_BAD;
}

/* "HTTP/1.1": version into the head and *ret_after behind it; LINE_DONE, LINE_MORE or LINE_BAD. */
int aiohttp__line_version(struct head *head, const char *data, const char *at, const char *end,
                          const char **ret_after);

static inline int line_version(struct head *head, const char *data, const char *at, const char *end,
                               const char **ret_after)
{
    if (end - at < 8 || memcmp(at, "HTTP/1.1", 8) != 0)
        return aiohttp__line_version(head, data, at, end, ret_after);
    head->version = 11;
    *ret_after = at + 8;
    return LINE_DONE;
}

/* A field that the head's own rules are about. 0 or a negative error. */
int aiohttp__head_rule(struct head *head, const char *data, const struct head_field *field,
                       bool is_again);
