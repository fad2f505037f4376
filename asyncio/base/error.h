/* SPDX-License-Identifier: MIT */
/* Error records from the inside: see <asyncio/error.h> for what they are for.
 *
 * MODEL      A record is made once and then only read; it can be the cause of another, or a member
 *            of a group. The env of whatever runs (base/thread.h) holds the last one, which
 *            asyncio_last_error lends.
 * OWNERSHIP  Counted references. The count is atomic: a task's result, and the record with it, may
 *            be awaited in another thread.
 * MEMORY     A chain of causes ends at RECORD_CAUSES_MAX, so code that fails and goes on for ever
 *            holds a bounded amount. */
#pragma once

#include <asyncio/error.h>
#include <stdarg.h>
#include <stdio.h>

struct error_record;

enum { RECORD_CAUSES_MAX = 8 };

/* Returns new, or NULL without memory. `file` NULL: no place. `format` NULL: the sentence of the
 * code. */
struct error_record *asyncio__record_new(int code, const char *file, int line, const char *function,
                                         const char *format, va_list arguments)
    __attribute__((__format__(__printf__, 5, 0)));

struct error_record *asyncio__record_ref(struct error_record *record);   /* NULL allowed */
void asyncio__record_unref(struct error_record *record);                 /* NULL allowed */
const asyncio_error *asyncio__record_view(const struct error_record *record);

/* Takes the current env's record out of it when it is of `code`; else NULL, and the env keeps
 * it. */
struct error_record *asyncio__record_take(int code);

/* Takes `record`, which becomes the current env's; the one before goes. NULL: the env has none any
 * more. */
void asyncio__record_put(struct error_record *record);

/* Set by the loop floor: the number of the step that runs in this thread; it changes whenever a
 * task suspends. NULL: there are none. */
extern unsigned long (*asyncio__step_number)(void);

/* Returns a new group of `count` records, or NULL without memory. The members are borrowed; one
 * that is NULL (or all, when `members` is) is made from its code. `text` NULL: the sentence of
 * `code`. */
struct error_record *asyncio__record_group(int code, const char *text,
                                           struct error_record *const *members, const int *codes,
                                           size_t count);

/* As asyncio_print_exception, to `file`. `error` NULL: only the code is known. */
void asyncio__print_error(FILE *file, int result, const asyncio_error *error);
