/* SPDX-License-Identifier: MIT */
/* Payloads as answers: a file, a stream, a generator, a multipart body, written as the peer takes
 * them. */
#include "message/payload.h"
#include "message/coding.h"
#include "web/compress.h"

#include <asyncio/error.h>
#include <errno.h>

struct writer {
    struct aiohttp_payload_writer base; /* first: one is the other */
    struct aiohttp_web_response *response;
};

static int write_piece(struct aiohttp_payload_writer *base, const void *data, size_t size)
{
    struct aiohttp_web_response *response = ((struct writer *)(void *)base)->response;
    return aiohttp_web_response_write(response, data, size);
}

int aiohttp__web_send_payload(struct aiohttp_web_response *response)
{
    struct aiohttp_payload *payload = response->payload;
    struct exchange *exchange = response->request->exchange;
    struct writer writer = { .base = { .write = write_piece }, .response = response };
    int64_t length = aiohttp_payload_length(payload);
    int r = aiohttp__payload_rewind(payload);
    if (r >= 0 && response->compresses)
        r = aiohttp__web_compress_begin(response, -1);
    if (r >= 0)
        r = aiohttp__web_response_begin(response, r > 0 ? -1 : length);
    /* To HEAD nothing of it is asked for. */
    if (r >= 0 && !exchange->is_bodyless)
        r = aiohttp__payload_write(payload, &writer.base);
    return r < 0 ? r : aiohttp_web_response_write_eof(response);
}

int(aiohttp_web_respond_payload)(aiohttp_web_request *request, aiohttp_payload *payload,
                                 const aiohttp_web_response_options *options)
{
    struct aiohttp_web_response *response = &request->response;
    if (!payload)
        return -ENOMEM;
    /* A middleware may replace the payload, and then the type is still there. */
    const char *type = aiohttp__arena_text(&request->exchange->arena,
                                           span_of(aiohttp_payload_content_type(payload)));
    int r = type ? aiohttp__web_response_set_head(response, options, NULL) : -ENOMEM;
    if (r < 0)
        return r;
    if (!response->content_type) {
        response->content_type = type;
        response->has_static_type = false; /* it ends with the request */
    }
    response->has_body = false;
    response->body_size = 0;
    aiohttp_payload_ref(payload);
    aiohttp__web_response_drop_file(response);
    response->payload = payload;
    return 0;
}
