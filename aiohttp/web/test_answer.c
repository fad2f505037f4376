/* SPDX-License-Identifier: MIT */
/* What tests send and are given. */
#include "web/test_answer.h"

#include "message/headers.h"
#include "wire/write.h"

#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <errno.h>

void aiohttp__test_answer_fini(struct test_answer *answer)
{
    asyncio_mem_free(answer->reason);
    aiohttp_headers_unref(answer->headers);
    aiohttp__bytes_fini(&answer->body);
    test_answer_init(answer);
}

int aiohttp__test_answer_reason(struct test_answer *answer, const char *text, size_t size)
{
    if (!(answer->reason = asyncio_mem_malloc(size + 1)))
        return -ENOMEM;
    if (size)
        memcpy(answer->reason, text, size);
    answer->reason[size] = '\0';
    return 0;
}

int aiohttp__test_answer_lend(struct test_answer *answer, aiohttp_test_response *ret_response)
{
    bytes_put(&answer->body, '\0');
    if (answer->body.error)
        return answer->body.error;
    answer->body.size--;
    *ret_response = (aiohttp_test_response){ answer->status, answer->reason, answer->headers,
                                             answer->body.data, answer->body.size };
    return 0;
}

static bool has(const char *const *headers, const char *name)
{
    for (; headers && headers[0]; headers += 2)
        if (span_is_case(span_of(headers[0]), span_of(name)))
            return true;
    return false;
}

int aiohttp__test_write_request(struct bytes *out, const char *method, const char *path,
                                const aiohttp_test_request_options *options)
{
    const char *const *headers = options->headers;
    const void *body = options->text ? options->text : options->data;
    size_t size = options->text ? strlen(options->text) : options->data_size;
    if (!method || !path || !aiohttp__is_token(span_of(method)))
        return asyncio_raise(-EINVAL, "a request needs a method and a path");
    bytes_text(out, method);
    bytes_put(out, ' ');
    bytes_text(out, path);
    bytes_text(out, " HTTP/1.1\r\n");
    if (!has(headers, "Host"))
        bytes_text(out, "Host: 127.0.0.1\r\n");
    if (!has(headers, "Connection"))
        bytes_text(out, "Connection: close\r\n");
    if (body && !has(headers, "Content-Length") && !has(headers, "Transfer-Encoding")) {
        bytes_text(out, "Content-Length: ");
        aiohttp__bytes_number(out, size);
        bytes_text(out, "\r\n");
    }
    for (; headers && headers[0]; headers += 2) {
        if (!headers[1] || !aiohttp__headers_is_name(span_of(headers[0])) ||
            !aiohttp__headers_is_value(span_of(headers[1])))
            return asyncio_raise(-EINVAL, "%s is no header", headers[0]);
        bytes_text(out, headers[0]);
        bytes_text(out, ": ");
        bytes_text(out, headers[1]);
        bytes_text(out, "\r\n");
    }
    bytes_text(out, "\r\n");
    if (body)
        bytes_add(out, (struct span){ body, size });
    return out->error;
}
