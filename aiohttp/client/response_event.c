/* SPDX-License-Identifier: MIT */
/* Server-sent events, read (WHATWG's HTML, 9.2.6): lines end in CR LF, LF or CR, an empty one ends
 * an event, what has no data is none. */
#include "client/reader.h"

#include <aiohttp/error.h>
#include <errno.h>

/* What of it is kept has become too much. */
static int failed(aiohttp_client_response *response, const struct bytes *kept)
{
    return aiohttp__reader_fail(response,
                                kept->error == -ENOMEM ? -ENOMEM : -AIOHTTP_BODY_TOO_LARGE);
}

/* The next line, without its end, in reader->line: 1; 0: the stream has ended (what has no end is
 * no line). */
static int read_line(aiohttp_client_response *response)
{
    struct reader *reader = response->reader;
    struct bytes *line = &reader->line;
    if (!reader->is_line_partial)
        line->size = 0;
    reader->is_line_partial = true;
    for (;;) {
        int r = aiohttp__reader_fill(response);
        if (r <= 0)
            return r;
        struct span *rest = &reader->rest;
        if (reader->skips_lf && *rest->data == '\n') {
            rest->data++;
            rest->size--;
            reader->skips_lf = false;
            continue;
        }
        reader->skips_lf = false;
        size_t size = 0;
        while (size < rest->size && rest->data[size] != '\n' && rest->data[size] != '\r')
            size++;
        aiohttp__bytes_append(line, rest->data, size);
        if (line->error || line->size > response->max_body)
            return failed(response, line);
        bool has_end = size < rest->size;
        reader->skips_lf = has_end && rest->data[size] == '\r';
        rest->data += size + has_end;
        rest->size -= size + has_end;
        if (has_end) {
            reader->is_line_partial = false;
            return 1;
        }
    }
}

static void take_retry(struct reader *reader, struct span value)
{
    int64_t retry = 0;
    if (value.size == 0 || value.size > 15)
        return;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return;
        retry = retry * 10 + (value.data[i] - '0');
    }
    reader->retry = retry;
}

static void take_line(struct reader *reader, struct span line)
{
    const char *colon = memchr(line.data, ':', line.size);
    struct span name = { line.data, colon ? (size_t)(colon - line.data) : line.size };
    struct span value = { "", 0 };
    if (colon) {
        value = (struct span){ colon + 1, line.size - name.size - 1 };
        if (value.size && *value.data == ' ')
            value = (struct span){ value.data + 1, value.size - 1 };
    }
    if (span_is(name, SPAN("data"))) {
        bytes_add(&reader->data, value);
        bytes_put(&reader->data, '\n');
        reader->has_data = true;
    } else if (span_is(name, SPAN("event"))) {
        reader->event.size = 0;
        bytes_add(&reader->event, value);
    } else if (span_is(name, SPAN("id")) && !memchr(value.data, '\0', value.size)) {
        reader->id.size = 0;
        bytes_add(&reader->id, value);
    } else if (span_is(name, SPAN("retry")))
        take_retry(reader, value);
}

static const char *text_of(struct bytes *bytes)
{
    bytes_put(bytes, '\0');
    if (!bytes->error)
        bytes->size--;
    return bytes->data;
}

static int give(aiohttp_client_response *response, aiohttp_client_event *ret_event)
{
    struct reader *reader = response->reader;
    reader->data.size--; /* the last newline */
    if (!reader->event.size)
        bytes_text(&reader->event, "message");
    aiohttp_client_event event = { .event = text_of(&reader->event),
                                   .data = text_of(&reader->data),
                                   .data_size = reader->data.size,
                                   .id = text_of(&reader->id),
                                   .retry = reader->retry };
    if (reader->event.error || reader->data.error || reader->id.error) /* it cannot be had again */
        return aiohttp__reader_fail(response, -ENOMEM);
    *ret_event = event;
    return 1;
}

int aiohttp_client_response_read_event(aiohttp_client_response *response,
                                       aiohttp_client_event *ret_event)
{
    const char *type = aiohttp_client_response_content_type(response);
    if (!type || strcmp(type, "text/event-stream") != 0)
        return type ? asyncio_raise(-AIOHTTP_CONTENT_TYPE, "the answer is \"%s\", and no "
                                                           "text/event-stream", type)
                    : -ENOMEM;
    int r = aiohttp__reader_need(response);
    if (r < 0)
        return r;
    struct reader *reader = response->reader;
    if (!reader->has_data || !reader->is_line_partial) {
        if (reader->has_data)
            reader->data.size = reader->event.size = 0;
        reader->has_data = false;
    }
    while ((r = read_line(response)) > 0) {
        struct span line = { reader->line.data ? reader->line.data : "", reader->line.size };
        if (!reader->is_behind_bom && line.size >= 3 && memcmp(line.data, "\xef\xbb\xbf", 3) == 0)
            line = (struct span){ line.data + 3, line.size - 3 };
        reader->is_behind_bom = true;
        if (line.size)
            take_line(reader, line);
        else if (reader->has_data)
            return give(response, ret_event);
        else
            reader->event.size = 0;
        if (reader->data.error || reader->data.size > response->max_body)
            return failed(response, &reader->data);
    }
    return r;
}
