/* SPDX-License-Identifier: MIT */
/* The little HTTP/1.1 that serving a folder takes: reading a request's head, writing an answer's.
 * No request bodies: who sends one gets his answer, and then the connection is closed. */
#pragma once

#include <asyncio.h>
#include <stdbool.h>

enum {
    HTTP_HEAD_MAX = 8192,        /* bytes of a request's head; more is answered by 431 */
    HTTP_PATH_MAX = 1024,        /* bytes of a path, decoded; more is answered by 414 */
};

#if !defined(HTTP_HEAD_SECONDS)  /* the tests are less patient */
#define HTTP_HEAD_SECONDS 15.0   /* for a head to arrive, waiting on an idle connection included */
#endif

struct http_request {
    bool is_head;                /* HEAD: the answer without its body */
    bool keep_alive;
    char path[HTTP_PATH_MAX];    /* decoded; begins with '/', has neither query nor NUL */
};

struct http_answer {
    int status;
    const char *type;            /* of the body */
    const char *location;        /* or NULL */
    long long length;            /* of the body */
    bool keep_alive;
};

/* Reads the next request. 0: here it is; 1: there is none, the connection is at its end; 400 and
 * more: the status to answer, after which the connection is closed. Negative: an error. */
int http_read_request(asyncio_stream *stream, struct http_request *request);

/* Writes an answer's head and the first `size` bytes of its body. */
int http_write_head(asyncio_stream *stream, const struct http_answer *answer, const void *body,
                    size_t size);

/* The words for a status: "Not Found". */
const char *http_reason(int status);

/* Writes `path` as it stands in a URL, NUL included; false when `size` does not suffice. */
bool http_quote(const char *path, char *text, size_t size);
