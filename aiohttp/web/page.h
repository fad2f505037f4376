/* SPDX-License-Identifier: MIT */
/* Pages of HTML that the library writes itself: of errors, and of a directory's names. They need
 * nothing but themselves, are readable on any screen and by any light, and escape what is
 * foreign. */
#pragma once

#include "base/bytes.h"
#include "web/request.h"

/* Text in HTML, also in an attribute's quotes. */
void aiohttp__page_text(struct bytes *out, struct span text);

/* From the beginning to <main>, with a title; `style` is added to what all pages have. */
void aiohttp__page_begin(struct bytes *out, struct span title, const char *style);
void aiohttp__page_end(struct bytes *out);

/* A page for a status and its reason. */
void aiohttp__page_status(struct bytes *out, int status, const char *reason);

/* Whether the request would rather have HTML than plain text: a browser does, who takes anything
 * does not. */
bool aiohttp__page_is_wanted(const aiohttp_web_request *request);
