/* SPDX-License-Identifier: MIT */
/* An error on paper, in the shape of Python's traceback.TracebackException.format: what it came of
 * first, a group's members indented behind bars. Deep and wide groups are cut where Python cuts
 * them. */
#include "base/error.h"
#include "base/quiet.h"
#include "base/thread.h"

#include <stdbool.h>
#include <string.h>

enum { GROUP_DEPTH_MAX = 10, GROUP_WIDTH_MAX = 15, CHAIN_MAX = 2 * RECORD_CAUSES_MAX };

struct printer {
    FILE *file;
    unsigned depth;      /* of groups */
    bool inside_line;
    bool need_close;     /* the closing bar of the innermost group is still to be drawn */
};

static void indent(struct printer *printer)
{
    (void)fprintf(printer->file, "%*s", (int)(2 * printer->depth), "");
}

/* Text that may have several lines, each behind the bars of the groups around it. */
static void put_margin(struct printer *printer, const char *text, char margin)
{
    while (*text) {
        if (!printer->inside_line && printer->depth) {
            indent(printer);
            (void)fprintf(printer->file, "%c ", margin);
        }
        size_t length = strcspn(text, "\n");
        printer->inside_line = text[length] != '\n';
        length += !printer->inside_line;
        (void)fwrite(text, 1, length, printer->file);
        text += length;
    }
}

static void put(struct printer *printer, const char *text)
{
    put_margin(printer, text, '|');
}

static void put_last_line(struct printer *printer, const asyncio_error *error)
{
    if (error->code == -EINTR) {
        put(printer, "KeyboardInterrupt\n");
        return;
    }
    put(printer, error->error_count ? "ExceptionGroup" : asyncio_error_class(error->code));
    if (error->text && *error->text) {
        put(printer, ": ");
        put(printer, error->text);
    }
    char rest[96] = "";
    if (error->error_count)
        (void)snprintf(rest, sizeof rest, " (%zu sub-exception%s)", error->error_count,
                       error->error_count == 1 ? "" : "s");
    put(printer, rest);
    (void)snprintf(rest, sizeof rest, " [%s]\n", asyncio_error_name(error->code));
    put(printer, rest);
}

static void put_traceback(struct printer *printer, const asyncio_error *error, const char *title,
                          char margin)
{
    if (!error->where)
        return;
    put_margin(printer, title, margin);
    put(printer, "  ");
    put(printer, error->where);
    put(printer, "\n");
}

static void put_chain(struct printer *printer, const asyncio_error *error);

static void put_members(struct printer *printer, const asyncio_error *group)
{
    size_t shown = group->error_count;
    if (shown > GROUP_WIDTH_MAX)
        shown = GROUP_WIDTH_MAX + 1;
    printer->need_close = false;
    for (size_t i = 0; i < shown; i++) {
        bool cut = i >= GROUP_WIDTH_MAX, last = i + 1 == shown;
        char title[32] = "...";
        if (last)
            printer->need_close = true;
        if (!cut)
            (void)snprintf(title, sizeof title, "%zu", i + 1);
        indent(printer);
        (void)fprintf(printer->file, "%s+---------------- %s ----------------\n",
                      i == 0 ? "+-" : "  ", title);
        printer->depth++;
        if (!cut) {
            put_chain(printer, group->errors[i]);
        } else {
            size_t rest = group->error_count - GROUP_WIDTH_MAX;
            char text[64];
            (void)snprintf(text, sizeof text, "and %zu more exception%s\n", rest,
                           rest > 1 ? "s" : "");
            put(printer, text);
        }
        if (last && printer->need_close) {
            indent(printer);
            (void)fputs("+------------------------------------\n", printer->file);
            printer->need_close = false;
        }
        printer->depth--;
    }
}

static void put_one(struct printer *printer, const asyncio_error *error)
{
    if (!error->error_count) {
        put_traceback(printer, error, "Traceback (most recent call last):\n", '|');
        put_last_line(printer, error);
        return;
    }
    if (printer->depth > GROUP_DEPTH_MAX) {
        put(printer, "... (max_group_depth is 10)\n");
        return;
    }
    bool top = printer->depth == 0;
    if (top)
        printer->depth = 1;
    put_traceback(printer, error, "Exception Group Traceback (most recent call last):\n",
                  top ? '+' : '|');
    put_last_line(printer, error);
    put_members(printer, error);
    if (top)
        printer->depth = 0;
}

static void put_chain(struct printer *printer, const asyncio_error *error)
{
    const asyncio_error *chain[CHAIN_MAX];
    size_t count = 0;
    for (; error && count < CHAIN_MAX; error = error->cause)
        chain[count++] = error;
    while (count-- > 0) {
        put_one(printer, chain[count]);
        if (count)
            put(printer, "\nThe above exception was the direct cause of the following exception:"
                         "\n\n");
    }
}

void asyncio__print_error(FILE *file, int result, const asyncio_error *error)
{
    if (result >= 0)
        return;
    asyncio_error bare = { .code = result, .text = asyncio_error_text(result) };
    struct printer printer = { .file = file };
    flockfile(file);
    put_chain(&printer, error ? error : &bare);
    funlockfile(file);
}

int asyncio_print_exception(int result)
{
    if (result >= 0)
        return 0;
    struct quiet quiet;
    asyncio__quiet_begin(&quiet);
    asyncio__print_error(stderr, result, asyncio_last_error(result));
    asyncio__quiet_end(&quiet, true);
    asyncio__thread.fresh = NULL; /* it has been handled */
    return result == -EINTR ? 130 : 1;
}
