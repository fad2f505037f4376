/* SPDX-License-Identifier: MIT */
/* An exchange: one request and its answer, over whatever carries them. What client and server
 * share.
 *
 * MODEL      A message comes in (its head is parsed, its body is read in pieces) and one goes out
 *            (begin fixes its head, write sends parts of its body, end ends it). A server's
 *            exchange receives a request and sends its answer, a client's the other way round; the
 *            contract is one. `type` says what carries it: HTTP/1 (http1.h), or memory (tests).
 * HEAD       What was received lies behind `text`: places of `head` count from there. It stays
 *            where it is until exchange_read has to wait for more; from then on, and after settle,
 *            it is a copy in the arena, which may be written to. So spans are made when they are
 *            needed.
 * OUT        Small parts are held back and go out with the next, at the end, before anything waits
 *            for the peer, and when the loop gets to turn: one write for head and body, and one
 *            for the answers to several requests that were sent ahead.
 * OWNERSHIP  The carrier's. `arena` is the exchange's memory and ends with it.
 * ERRORS     Of reading: -ECONNRESET, -ETIMEDOUT (too slow), -AIOHTTP_BAD_HTTP_MESSAGE (exchange
 *            ->refused is the status to answer), -AIOHTTP_PAYLOAD (it ended too early),
 *            -ECANCELED, -ENOMEM. After one of them the exchange is the last of its connection. */
#pragma once

#include "base/arena.h"
#include "message/headers.h"
#include "wire/head.h"

#include <asyncio/stream.h>

struct exchange;

/* The head of an answer. What carries it adds what it needs: Date, Content-Length,
 * Transfer-Encoding, Connection. */
struct answer {
    int status;
    struct span reason;                    /* no data: the usual one */
    struct span content_type;              /* no data: none, or among `headers` */
    const struct aiohttp_headers *headers; /* NULL: none */
    int64_t length;                        /* of the body; -1: not known */
};

struct exchange_type {
    const char *name;
    /* Lends the next piece of the body, until the next call: its size, 0 at the end. Suspends. */
    int (*read)(struct exchange *exchange, const char **ret_data);
    /* Fixes the head. Does not suspend, unless the answers before it are large. */
    int (*begin)(struct exchange *exchange, const struct answer *answer);
    /* Sends a part of the body, or holds it back if it may and there is room; what it points to is
     * the caller's when it returns. -EMSGSIZE for more than was said. Suspends. */
    int (*write)(struct exchange *exchange, const void *data, size_t size, bool may_hold);
    /* Begin, write and end at once, of an answer that says nothing but its type (static; NULL:
     * none) and has a body that may be held back. False: nothing was done, for it is not as plain
     * as that. May be NULL. Does not suspend. */
    bool (*respond)(struct exchange *exchange, int status, const char *static_type,
                    const void *data, size_t size);
    /* Sends a piece of a regular file, whose place does not matter.
     * -ASYNCIO_SENDFILE_NOT_AVAILABLE: nothing was sent, it has to be read and written.
     * Suspends. */
    int (*send_file)(struct exchange *exchange, int file, int64_t offset, int64_t size);
    /* Ends the body. -EMSGSIZE for less than was said. */
    int (*end)(struct exchange *exchange);
    /* Sends what is held back. Suspends. */
    int (*flush)(struct exchange *exchange);
    /* "100 Continue", if that is waited for. Suspends. */
    int (*go_on)(struct exchange *exchange);
    /* An answer before the answer: 102 to 199. Nothing for a peer that knows none (HTTP/1.0).
     * -EINVAL once the head is fixed. Suspends. */
    int (*inform)(struct exchange *exchange, int status, const struct aiohttp_headers *headers);
    /* After an answer 101 or to CONNECT: gives the stream away, which begins with what followed the
     * request; nothing else is done with it. Suspends. */
    int (*upgrade)(struct exchange *exchange, asyncio_stream **ret_stream);
    /* Cancels the running task when the peer goes. 0, -ENOMEM. */
    int (*watch)(struct exchange *exchange, bool is_on);
    /* From now on the end of the server cancels the running task, and says so in `was_ended`: what
     * goes on for ever ends then. */
    void (*end_with_server)(struct exchange *exchange);
};

/* The fields behind the last chunk, in the arena. */
struct trailers {
    char *text; /* one byte more than they have, so that a NUL fits behind each */
    struct head_field *fields;
    uint32_t count;
};

struct exchange {
    const struct exchange_type *type;
    const aiohttp_limits *limits;
    struct head head;
    const char *text;           /* of the head */
    uint32_t head_size;
    /* what a head says */
    bool is_body_read;          /* to its end */
    bool closes;                /* the connection ends with this exchange */
    bool awaits_continue;       /* the peer waits for 100 Continue */
    /* bits, which begin as 0: cleared, and looked at, together */
    bool is_settled : 1;        /* `text` is in the arena */
    bool is_begun : 1, is_ended : 1; /* the answer */
    bool is_bodyless : 1;       /* the answer has no body, whatever is written */
    bool is_broken : 1;         /* reading or writing has failed: nothing can be sent any more */
    bool is_upgraded : 1;
    bool wants_watch : 1;       /* once the body has been read */
    bool was_ended : 1;         /* by the end of the server: a cancellation of the task is its */
    uint16_t refused;           /* the status to answer after a failed read, or 0 */
    uint16_t status;            /* that was answered, or 0 */
    uint64_t sent;              /* body bytes, before chunking */
    struct trailers *trailers;  /* that came, once the body has been read; NULL: none */
    /* what goes out behind a body in chunks, read when that ends; NULL: nothing */
    const struct aiohttp_headers *trailing;
    const struct aiohttp_headers *answered; /* the answer's, for the log; NULL: none */
    asyncio_stream *stream;     /* for what can be asked of it; NULL: there is none */
    /* told once when the server shuts down, while this is under way; NULL: nothing is */
    void (*on_shutdown)(void *data);
    void *on_shutdown_data;
    struct arena arena;
};

static inline int exchange_read(struct exchange *exchange, const char **ret_data)
{
    return exchange->is_body_read ? 0 : exchange->type->read(exchange, ret_data);
}

/* Copies the head into the arena, to write into it. 0, -ENOMEM. */
int aiohttp__exchange_settle(struct exchange *exchange);

static inline int exchange_settle(struct exchange *exchange)
{
    return exchange->is_settled ? 0 : aiohttp__exchange_settle(exchange);
}

/* Fields that were parsed, lent out of `text`, where NULs are put behind them. In the arena; NULL
 * without memory. */
struct aiohttp_headers *aiohttp__exchange_headers(struct exchange *exchange,
                                                  const struct head_field *fields, uint32_t count,
                                                  char *text);

/* A piece of the head, valid until exchange_read. */
static inline struct span exchange_text(const struct exchange *exchange, struct place place)
{
    return head_text(exchange->text, place);
}

/* The value of the first field of a known name; without one .data is NULL. */
static inline struct span exchange_field(const struct exchange *exchange, enum header_id id)
{
    const struct head_field *field = head_find(&exchange->head, id, NULL);
    return field ? head_field_value(exchange->text, field) : (struct span){ NULL, 0 };
}
