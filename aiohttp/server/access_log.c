/* SPDX-License-Identifier: MIT */
/* The access log: a format, compiled once to a list of items, and a line for each answer.
 *
 *     %%  a percent sign               %a  the peer's address
 *     %t  when, "[22/Nov/2026:20:00:00 +0000]"     %P  the process
 *     %r  the request line             %s  the status
 *     %b  bytes of the body            %T %Tf %D  seconds, with fraction, microseconds
 *     %{Name}i  a header of the request       %{Name}o  one of the answer
 *
 * A byte that would let a peer write lines of its own (a control, a quote, a backslash) is written
 * as \xHH, and so is what is not ASCII: terminals know controls of 8 bits, and readers know ends of
 * lines in Unicode. A line is cut at LINE_MAX. */
#include "server/server.h"

#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = 4096 };

struct item {
    char kind;        /* 0: text */
    struct span text; /* or the header's name */
};

struct access_log {
    access_logger *logger;
    void *data;
    size_t count;
    char *format;
    struct item items[];
};

struct line {
    char text[LINE_MAX_SIZE];
    size_t size;
};

static void add(struct line *line, struct span text)
{
    size_t room = sizeof line->text - line->size;
    size_t size = text.size < room ? text.size : room;
    memcpy(line->text + line->size, text.data, size);
    line->size += size;
}

static void add_foreign(struct line *line, struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        char escaped[5];
        if (c >= ' ' && c < 0x7f && c != '"' && c != '\\')
            add(line, (struct span){ text.data + i, 1 });
        else {
            snprintf(escaped, sizeof escaped, "\\x%02x", c);
            add(line, (struct span){ escaped, 4 });
        }
    }
}

/* One item of a format behind its '%'; how long it is, or -EINVAL. */
static int parse_item(const char *at, struct item *item)
{
    item->text = (struct span){ "", 0 };
    if (*at == '{') {
        const char *end = strchr(at, '}');
        if (!end || (end[1] != 'i' && end[1] != 'o') || end == at + 1)
            return -EINVAL;
        item->kind = end[1];
        item->text = (struct span){ at + 1, (size_t)(end - at - 1) };
        return (int)(end - at + 2);
    }
    if (at[0] == 'T' && at[1] == 'f') {
        item->kind = 'f';
        return 2;
    }
    item->kind = *at;
    return *at && strchr("%atPrsbTD", *at) ? 1 : -EINVAL;
}

int aiohttp__access_log_new(const char *format, access_logger *logger, void *data,
                            struct access_log **ret_log)
{
    size_t size = strlen(format), most = 1;
    for (const char *at = format; *at; at++)
        most += *at == '%' ? 2 : 0;
    struct access_log *log =
        asyncio_mem_malloc(sizeof *log + most * sizeof *log->items + size + 1);
    if (!log)
        return -ENOMEM;
    *log = (struct access_log){ logger, data, 0, (char *)&log->items[most] };
    memcpy(log->format, format, size + 1);
    for (const char *at = log->format; *at;) {
        const char *end = strchr(at, '%');
        size_t plain = end ? (size_t)(end - at) : strlen(at);
        if (plain)
            log->items[log->count++] = (struct item){ 0, { at, plain } };
        at += plain;
        if (!*at)
            break;
        int r = parse_item(at + 1, &log->items[log->count]);
        if (r < 0) {
            asyncio_mem_free(log);
            return asyncio_raise(-EINVAL, "the access log's format has an item that is none: %s",
                                 format);
        }
        log->count++;
        at += r + 1;
    }
    *ret_log = log;
    return 0;
}

void aiohttp__access_log_free(struct access_log *log)
{
    asyncio_mem_free(log);
}

static void add_peer(struct line *line, struct exchange *exchange)
{
    char text[128];
    if (!exchange->stream || asyncio_stream_peername(exchange->stream, text, sizeof text) < 0)
        snprintf(text, sizeof text, "-");
    char *colon = strrchr(text, ':');
    if (colon)
        *colon = '\0';
    add_foreign(line, span_of(text));
}

static void add_now(struct line *line)
{
    char text[64];
    struct tm parts;
    time_t now = time(NULL);
    gmtime_r(&now, &parts);
    size_t size = strftime(text, sizeof text, "[%d/%b/%Y:%H:%M:%S +0000]", &parts);
    add(line, (struct span){ text, size });
}

static void add_header(struct line *line, const struct exchange *exchange, struct span name)
{
    const struct head *head = &exchange->head;
    for (uint32_t i = 0; i < head->field_count; i++)
        if (span_is_case(head_field_name(exchange->text, &head->fields[i]), name)) {
            add_foreign(line, head_field_value(exchange->text, &head->fields[i]));
            return;
        }
    add(line, SPAN("-"));
}

/* Of those that the handler has set. */
static void add_answered(struct line *line, const struct exchange *exchange, struct span name)
{
    struct span value = { NULL, 0 };
    if (exchange->answered)
        value = aiohttp__headers_value(exchange->answered, name);
    add_foreign(line, value.data ? value : SPAN("-"));
}

static void add_item(struct line *line, const struct item *item, struct exchange *exchange,
                     int status, double seconds)
{
    char text[64];
    int size = 0;
    switch (item->kind) {
    case 0:
        add(line, item->text);
        break;
    case '%':
        add(line, SPAN("%"));
        break;
    case 'a':
        add_peer(line, exchange);
        break;
    case 't':
        add_now(line);
        break;
    case 'r':
        add_foreign(line, exchange_text(exchange, exchange->head.method_at));
        add(line, SPAN(" "));
        add_foreign(line, exchange_text(exchange, exchange->head.target));
        add(line, exchange->head.version == 10 ? SPAN(" HTTP/1.0") : SPAN(" HTTP/1.1"));
        break;
    case 'i':
        add_header(line, exchange, item->text);
        break;
    case 'o':
        add_answered(line, exchange, item->text);
        break;
    case 'P':
        size = snprintf(text, sizeof text, "<%d>", (int)getpid());
        break;
    case 's':
        size = snprintf(text, sizeof text, "%d", status);
        break;
    case 'b':
        size = snprintf(text, sizeof text, "%" PRIu64, exchange->sent);
        break;
    case 'T':
        size = snprintf(text, sizeof text, "%.0f", seconds);
        break;
    case 'f':
        size = snprintf(text, sizeof text, "%.6f", seconds);
        break;
    default:
        size = snprintf(text, sizeof text, "%.0f", seconds * 1e6);
        break;
    }
    if (size > 0)
        add(line, (struct span){ text, (size_t)size });
}

void aiohttp__access_log_write(struct access_log *log, struct exchange *exchange, int status,
                               double seconds)
{
    struct line line;
    line.size = 0;
    for (size_t i = 0; i < log->count; i++)
        add_item(&line, &log->items[i], exchange, status, seconds);
    log->logger(line.text, line.size, log->data);
}
