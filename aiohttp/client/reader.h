/* SPDX-License-Identifier: MIT */
/* What is kept while a body is read in pieces: made when it is first needed.
 *
 * MODEL      `rest` is what was not given out of the last piece: it lies in the stream's buffer,
 *            or in `decoded`, until the next piece is asked for. `line` grows until it is whole; a
 *            read that was cancelled finds it as it left it. */
#pragma once

#include "client/session.h"
#include "message/coding.h"

struct reader {
    struct decoder *decoder; /* NULL: there is nothing to decode */
    struct span coded;       /* not yet decoded: lent by the stream */
    bool is_coded_end;
    char *decoded;           /* of the decoder: INFLATE_ROOM */
    struct span rest;
    struct bytes line;
    bool is_line_partial;
    /* --- server-sent events --- */
    struct bytes event, data, id;
    int64_t retry;
    bool has_data, skips_lf, is_behind_bom;
};

enum { INFLATE_ROOM = 16384 };

/* 0 or -ENOMEM. */
int aiohttp__reader_need(aiohttp_client_response *response);

/* What has come cannot be kept: reading ends with `r`, which is returned, and the connection. */
int aiohttp__reader_fail(aiohttp_client_response *response, int r);

/* As aiohttp__response_next, but what is left of the last piece comes first. It is taken out of
 * `rest` by who uses it. 1: rest is not empty; 0 at the end. */
int aiohttp__reader_fill(aiohttp_client_response *response);
