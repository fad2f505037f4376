/* SPDX-License-Identifier: MIT */
/* Compression of answers: a body as a whole, or a stream as it goes. */
#pragma once

#include "web/request.h"

/* Before the head is fixed: decides, for a body of `size` bytes (-1: a stream), and sets the
 * headers. 1: it will be compressed; 0: not; -ENOMEM. */
int aiohttp__web_compress_begin(struct aiohttp_web_response *response, int64_t size);

/* Compresses the body that is set, if that makes it smaller. 0, -ENOMEM. Suspends when it is
 * large. */
int aiohttp__web_compress_body(struct aiohttp_web_response *response);

/* A part of a stream; `how` is of enum encode. Suspends. */
int aiohttp__web_compress_write(struct aiohttp_web_response *response, const void *data,
                                size_t size, int how);

/* The head was not fixed: what begin has set of a stream is taken back. */
void aiohttp__web_compress_undo(struct aiohttp_web_response *response);

void aiohttp__web_compress_end(struct aiohttp_web_response *response);
