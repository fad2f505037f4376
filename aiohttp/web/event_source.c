/* SPDX-License-Identifier: MIT */
/* Server-sent events. */
#include "web/request.h"

#include "base/bytes.h"

#include <aiohttp/web_event_source.h>
#include <asyncio/error.h>
#include <errno.h>

enum { MESSAGE_MAX = 16 << 20 };

int aiohttp_web_event_source_prepare(aiohttp_web_response *response)
{
    int r = response->is_prepared
                ? 0
                : aiohttp_web_response_set_content_type(response, "text/event-stream");
    if (r >= 0 && !response->is_prepared)
        r = aiohttp_web_response_set_header(response, "Cache-Control", "no-cache");
    /* nginx holds back what it proxies, unless told otherwise */
    if (r >= 0 && !response->is_prepared)
        r = aiohttp_web_response_set_header(response, "X-Accel-Buffering", "no");
    if (r >= 0)
        r = aiohttp_web_response_prepare(response);
    if (r >= 0 && response->request->exchange->type->end_with_server)
        response->request->exchange->type->end_with_server(response->request->exchange);
    return r < 0 ? r : aiohttp_web_response_flush(response);
}

static bool has_line_end(const char *text)
{
    return text && strpbrk(text, "\r\n");
}

/* "data: " before each line, whatever it ends with. */
static void add_data(struct bytes *out, const char *data)
{
    for (;;) {
        size_t size = strcspn(data, "\r\n");
        bytes_text(out, "data: ");
        bytes_add(out, (struct span){ data, size });
        bytes_put(out, '\n');
        data += size;
        if (!*data)
            return;
        data += data[0] == '\r' && data[1] == '\n' ? 2 : 1;
    }
}

static int send_message(aiohttp_web_response *response, const struct bytes *message)
{
    int r = message->error ? message->error
                           : aiohttp_web_response_write(response, message->data, message->size);
    return r < 0 ? r : aiohttp_web_response_flush(response);
}

int(aiohttp_web_event_source_send)(aiohttp_web_response *response, const char *data,
                                   const aiohttp_web_event_options *options)
{
    static const aiohttp_web_event_options usual = { .size = sizeof usual };
    if (!options)
        options = &usual;
    if (!data || has_line_end(options->event) || has_line_end(options->id))
        return asyncio_raise(-EINVAL, "an event's type and id are one line each");
    struct bytes message = bytes_up_to(MESSAGE_MAX);
    if (options->event) {
        bytes_text(&message, "event: ");
        bytes_text(&message, options->event);
        bytes_put(&message, '\n');
    }
    if (options->id) {
        bytes_text(&message, "id: ");
        bytes_text(&message, options->id);
        bytes_put(&message, '\n');
    }
    if (options->retry > 0) {
        bytes_text(&message, "retry: ");
        aiohttp__bytes_number(&message, (uint64_t)options->retry);
        bytes_put(&message, '\n');
    }
    add_data(&message, data);
    bytes_put(&message, '\n');
    int r = send_message(response, &message);
    aiohttp__bytes_fini(&message);
    return r;
}

int aiohttp_web_event_source_ping(aiohttp_web_response *response)
{
    int r = aiohttp_web_response_write(response, ": ping\n\n", 8);
    return r < 0 ? r : aiohttp_web_response_flush(response);
}
