/* SPDX-License-Identifier: MIT */
/* HTTP/1 as a client speaks it: a request goes out, its answer comes in.
 *
 * MODEL      On a struct http1 (http1.h): begin_request fixes the head, the exchange's write and
 *            end send the body, read_response gets the head of the answer, exchange_read its body.
 *            What is small goes out in one write: the head is held back until then.
 * 1XX        Answers before the answer are read and dropped, up to limits.response_headers of
 *            their fields and lines; "100 Continue" is told when it is waited for; 101 is an
 *            answer.
 * TWO TASKS  One may send the body while another waits for the answer, when nothing is held back
 *            by then: no write of the first may be held, and reading sends nothing. */
#pragma once

#include "conn/http1.h"

/* Its length of a body: */
enum { ASKS_CHUNKS = -1, ASKS_NOTHING = -2 /* there is none, and nothing is said of it */ };

/* The head of a request. Empty spans are left out. */
struct asking {
    struct span method, target, host;
    const struct aiohttp_headers *headers; /* or NULL; they take the place of what follows */
    /* whole lines, "Accept: x\r\n", in one text; or none */
    struct span accept, accept_encoding, user_agent;
    struct span content_type, content_encoding, authorization, proxy_authorization, cookie;
    int64_t length;
    bool expects;  /* Expect: 100-continue */
    bool closes;   /* Connection: close */
    bool upgrades; /* Connection: Upgrade */
};

/* Fixes the head. -EINVAL for what cannot be in it, -ENOMEM: nothing is held back then. Does not
 * suspend. */
int aiohttp__http1_begin_request(struct http1 *http, const struct asking *asking);

/* How far the answer's head is: zeroed at first. */
struct answering {
    bool is_begun;
    bool has_bytes;      /* something has come */
    bool wants_continue; /* the caller's: "100 Continue" is returned */
    bool was_continued;
    size_t spent;        /* of limits.response_headers */
};

/* Gets the head of the answer to `method`: 1, and it is in http->exchange. 0: "100 Continue", call
 * it again. -AIOHTTP_SERVER_DISCONNECTED: the server has closed before it was complete;
 * -AIOHTTP_BAD_HTTP_MESSAGE, _LINE_TOO_LONG, _HEADERS_TOO_LARGE: exchange.head says why and where;
 * and what reading fails with. After -ECANCELED it goes on where it was. Suspends. */
int aiohttp__http1_read_response(struct http1 *http, enum method method,
                                 struct answering *answering);
