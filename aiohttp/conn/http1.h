/* SPDX-License-Identifier: MIT */
/* HTTP/1 over a stream: what carries an exchange.
 *
 * MODEL      One struct http1 is worked on a message after the other: read_head gets the next one,
 *            the functions of exchange.h go through it, finish ends it and what was read of the
 *            stream. It holds memory for heads and for what is sent, and is only needed while
 *            there is a message: an idle connection has a stream and no http1.
 * IN         The head is parsed where it lies, in the stream's buffer, and nothing of it is
 *            consumed before finish, unless the body has to be waited for: then it is copied
 *            first. `used` bytes of the buffer belong to this message.
 * OUT        `out` is a fixed room. Parts that fit are appended; others go out with it in one
 *            write, uncopied. finish leaves it as it is while more requests are in the buffer.
 * AGAIN      Who keeps a connection often sends the same head again, byte by byte. What it means
 *            depends on its bytes alone, so a copy of them tells whether that is still right. Then
 *            the copy is the head, which lies there until the next one is read, and what came is
 *            consumed: mostly before it was even buffered, since the stream is told to expect it.
 *            With another first line it is the fields that are compared: aiohttp__head_parse_after.
 * WAITS      Before it may suspend, and after, `on_wait` is told: deadlines are the owner's.
 * LEFTOVERS  After a close or an error nothing more is parsed. */
#pragma once

#include "conn/exchange.h"
#include "conn/http1_plain.h"
#include "wire/chunked.h"
#include "wire/write.h"

#include <aiohttp/limits.h>

enum http1_wait {
    WAIT_NONE,  /* it goes on: what it has written is on its way */
    WAIT_OVER,  /* it goes on: what it reads is there, or will never be */
    WAIT_HEAD,  /* for (more of) a head */
    WAIT_BODY,
    WAIT_WRITE,
};

enum http1_body {
    SENDS_NOTHING, /* no body, whatever is written */
    SENDS_LENGTH,
    SENDS_CHUNKS,
    SENDS_UNTIL_CLOSE,
};

enum {
    HTTP1_FIELDS = 32,
    HTTP1_OUT = 4096,
    HTTP1_HELD = 3072,
    HTTP1_ARENA = 2048,
    HTTP1_KEPT = 1024,
};

struct http1 {
    struct exchange exchange;
    const aiohttp_limits *limits;
    void (*on_wait)(struct http1 *http, enum http1_wait what);
    int (*on_watch)(struct http1 *http, bool is_on);
    void (*on_end_with_server)(struct http1 *http);
    void *owner;
    struct date_line *date;     /* of the owner */
    struct plain_head *plain;   /* of the owner, who has set date too; NULL: none */
    struct span server;         /* the field "Server: ...\r\n", or nothing */
    size_t used;                /* of what is buffered */
    struct body body;
    uint8_t sends;              /* enum http1_body */
    bool is_eof;                /* the peer sends no more */
    bool is_flush_due;          /* the loop will call */
    uint32_t held;              /* answers in `out` */
    uint64_t left;              /* of the length that was said */
    int64_t file_sent;          /* of the file that is being sent, or was */
    asyncio_handle *flush;
    struct out out;
    struct head_field *more_fields; /* allocated: there were many */
    char *kept;                     /* of the owner: HTTP1_KEPT bytes; NULL: none (a client's) */
    uint32_t kept_size;             /* of `kept`, which exchange.head is the meaning of; 0: none */
    bool is_again;                  /* what is in `kept` has come once more, and is consumed */
    struct head_field fields[HTTP1_FIELDS];
    _Alignas(ARENA_ALIGN) char arena[HTTP1_ARENA];
    char room[HTTP1_OUT];
};

/* Prepares *http for a stream (borrowed). The owner's fields are filled in afterwards. */
void aiohttp__http1_init(struct http1 *http, asyncio_stream *stream, const aiohttp_limits *limits);

/* Gives all memory back. What is held back is lost. */
void aiohttp__http1_fini(struct http1 *http);

/* Waits for the first byte of the next request: more than 0; 0 at the end. Suspends. */
int aiohttp__http1_await_request(struct http1 *http);

/* Gets the next request: its head is in http->exchange. 1; 0 when the peer has sent all it wanted;
 * an error of exchange.h, after which http->exchange.refused says what to answer (0: nothing).
 * Suspends. */
int aiohttp__http1_read_request(struct http1 *http);

/* Ends the message: what it has used of the stream is consumed, and its memory is given back. */
void aiohttp__http1_finish(struct http1 *http);

/* Reads and drops what is left of the body, as much as limits.lingering. 0: the next message can be
 * read; -EMSGSIZE: it is too much; or an error. Suspends. */
int aiohttp__http1_drop_body(struct http1 *http);

/* 1 when bytes of a next message are there already. */
bool aiohttp__http1_is_ahead(const struct http1 *http);

/* What the files of http1 give to one another. */
int aiohttp__http1_grow_fields(struct http1 *http);               /* more than most heads have */
int aiohttp__http1_grow(struct out *out, size_t wanted);          /* of a head beyond the room */
int aiohttp__http1_read(struct exchange *exchange, const char **ret_data);
int aiohttp__http1_upgrade(struct exchange *exchange, asyncio_stream **ret_stream);
int aiohttp__http1_flush(struct exchange *exchange);
int aiohttp__http1_go_on(struct exchange *exchange);
bool aiohttp__http1_respond(struct exchange *exchange, int status, const char *static_type,
                            const void *data, size_t size);
extern const struct exchange_type aiohttp__http1_type;

static inline struct http1 *http1_of(struct exchange *exchange)
{
    return (struct http1 *)(void *)exchange;
}
