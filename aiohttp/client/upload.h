/* SPDX-License-Identifier: MIT */
/* Sending a body while the answer may come: see upload.c. */
#pragma once

#include "client/session.h"
#include "message/payload.h"

struct upload {
    struct aiohttp_payload_writer writer; /* first */
    struct aiohttp_client_request *request;
    aiohttp_client_response *response;
    struct encoder *encoder;
    asyncio_task *task;
    int64_t sent, length; /* before compression; length: -1: not known */
    int result;
    bool is_done;
    bool is_lost;         /* what it failed with came of a write, and not of its source */
    bool is_ending;       /* its request has its answer, or gives up */
    bool is_awaited;      /* its request waits for the answer */
};
