/* SPDX-License-Identifier: MIT */
/* Pages of HTML: see page.h. */
#include "web/page.h"

#include "wire/media.h"

#include <aiohttp/html.h>
#include <asyncio/exit_stack.h>

void aiohttp__page_text(struct bytes *out, struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        switch (text.data[i]) {
        case '&':
            bytes_text(out, "&amp;");
            break;
        case '<':
            bytes_text(out, "&lt;");
            break;
        case '>':
            bytes_text(out, "&gt;");
            break;
        case '"':
            bytes_text(out, "&quot;");
            break;
        case '\'':
            bytes_text(out, "&#x27;");
            break;
        default:
            bytes_put(out, text.data[i]);
        }
}

const char *aiohttp_html_escape(const char *text)
{
    size_t size = text ? strlen(text) : 0;
    /* Six bytes for one are the most. */
    char *room = text && size < SIZE_MAX / 8 ? asyncio_alloc(size * 6 + 1) : NULL;
    if (!room)
        return NULL;
    struct bytes out = bytes_in(room, size * 6 + 1);
    aiohttp__page_text(&out, (struct span){ text, size });
    bytes_put(&out, '\0');
    return room;
}

void aiohttp__page_begin(struct bytes *out, struct span title, const char *style)
{
    bytes_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<title>");
    aiohttp__page_text(out, title);
    bytes_text(out,
               "</title>\n<style>\n"
               ":root { color-scheme: light dark; }\n"
               "body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 2rem 1rem; "
               "max-width: 50rem; }\n");
    bytes_text(out, style);
    bytes_text(out, "</style>\n</head>\n<body>\n<main>\n");
}

void aiohttp__page_end(struct bytes *out)
{
    bytes_text(out, "</main>\n</body>\n</html>\n");
}

void aiohttp__page_status(struct bytes *out, int status, const char *reason)
{
    char title[128];
    struct bytes text = bytes_in(title, sizeof title);
    aiohttp__bytes_number(&text, (uint64_t)status);
    bytes_put(&text, ' ');
    bytes_text(&text, reason); /* all of it, or nothing */
    aiohttp__page_begin(out, bytes_span(&text),
                        "main { padding-top: 18vh; text-align: center; }\n"
                        "h1 { font-size: 4.5rem; line-height: 1; margin: 0; }\n"
                        "p { font-size: 1.25rem; margin: .75rem 0; opacity: .75; }\n");
    bytes_text(out, "<h1>");
    aiohttp__bytes_number(out, (uint64_t)status);
    bytes_text(out, "</h1>\n<p>");
    aiohttp__page_text(out, span_of(reason));
    bytes_text(out, "</p>\n");
    aiohttp__page_end(out);
}

bool aiohttp__page_is_wanted(const aiohttp_web_request *request)
{
    static const struct span types[] = { { "text/plain", 10 }, { "text/html", 9 } };
    struct span accept = aiohttp__web_request_list(request, HEADER_ACCEPT);
    return accept.size && aiohttp__accept_best(accept, types, 2) == 1;
}
