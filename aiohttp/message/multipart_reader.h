/* SPDX-License-Identifier: MIT */
/* Readers of multipart bodies inside the library: see <aiohttp/multipart.h>. */
#pragma once

#include <aiohttp/multipart.h>

/* From now on what is wrong with the body is a status that a handler may return:
 * -(AIOHTTP_HTTP + 400), or + 413 for what is too large. Readers within inherit it. */
void aiohttp__multipart_reader_answers(aiohttp_multipart_reader *reader);
