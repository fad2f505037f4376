/* SPDX-License-Identifier: MIT */
/* Text that goes into a page: Python's html.escape.
 *
 *     const char *name = aiohttp_html_escape(aiohttp_web_request_query(request, "name"));
 *     return name ? aiohttp_web_respondf_with(request, html, "<p>Hello, %s", name) : -ENOMEM;
 *
 * MODEL   What came from somebody else and is put into HTML as it is becomes part of the page, with
 *         its scripts. Escaped it is text, also between an attribute's quotes (not as the name of
 *         one, and not inside of a script or style).
 * SOURCE  Python's html module. */
#pragma once

#include <aiohttp/macros.h>

ASYNCIO__BEGIN

/* `text` with & < > " and ' written as HTML has it, in the innermost scope's memory, as what
 * asyncio_alloc gives; NULL for NULL, and without memory or a task. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK const char *aiohttp_html_escape(const char *text);

ASYNCIO__END
