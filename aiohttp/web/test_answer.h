/* SPDX-License-Identifier: MIT */
/* What a test is given of an answer: headers and body of their own. */
#pragma once

#include "base/bytes.h"

#include <aiohttp/headers.h>
#include <aiohttp/test_utils.h>

enum { TEST_BODY_MAX = 256 << 20 };

struct test_answer {
    int status;
    char *reason;
    aiohttp_headers *headers;
    struct bytes body;
};

static inline void test_answer_init(struct test_answer *answer)
{
    *answer = (struct test_answer){ .body = bytes_up_to(TEST_BODY_MAX) };
}

/* Its memory is given back; it may be filled again. */
void aiohttp__test_answer_fini(struct test_answer *answer);

/* Copies a reason. 0 or -ENOMEM. */
int aiohttp__test_answer_reason(struct test_answer *answer, const char *text, size_t size);

/* Ends the body with a NUL and lends all of it. 0 or -ENOMEM. */
int aiohttp__test_answer_lend(struct test_answer *answer, aiohttp_test_response *ret_response);

/* What a request is on the wire, appended. -EINVAL. */
int aiohttp__test_write_request(struct bytes *out, const char *method, const char *path,
                                const aiohttp_test_request_options *options);
