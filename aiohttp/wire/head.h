/* SPDX-License-Identifier: MIT */
/* The head of an HTTP/1 message: request line or status line, fields, empty line. One strict parser
 * for requests, responses and trailer sections (RFC 9110, 9112).
 *
 * MODEL      aiohttp__head_begin, then aiohttp__head_parse with everything that has come so far,
 *            from the head's first byte on, until it returns other than 0. Bytes may come in any
 *            split and may move between two calls: what is kept are offsets from the first byte.
 *            A complete line is parsed once; of an incomplete one each byte is looked at twice at
 *            most. So time is linear, however the bytes come.
 * SPLITS     The result is a function of the bytes alone. A line is judged when its end is there,
 *            or as soon as it is too long for its limit; the first byte of a request line that no
 *            method can begin with is refused at once (TLS on a plain port).
 * ERRORS     The negative code; head->status what a server should answer (0 in responses),
 *            head->error_at the offending byte, head->why a sentence, static. After an error nobody
 *            knows where the next message would begin: the connection is closed.
 * STRICT     Lines end in CR LF. CR, LF, NUL and other controls but HTAB are nowhere; no folded
 *            lines; no space before a colon or between field lines' begin and name; one SP between
 *            the parts of a request line; HTTP/1.0 and 1.1 only. Content-Length is digits, once,
 *            and never beside Transfer-Encoding; the only transfer coding is chunked, once. Host is
 *            there in 1.1, once, and valid. Fields that can be there once are there once. Each
 *            leniency has a name (enum lenient) and is off unless asked for.
 * AGAIN      Who keeps a connection sends nearly the same head again. What fields mean depends on
 *            their bytes, and on the first line only by its version and by whether the target has a
 *            host of its own. Are they as before, they are compared (aiohttp__head_parse_after).
 * MEMORY     The fields go into an array of the caller's. Is it full while the limit allows more,
 *            parse returns -ENOBUFS: put a larger one, with the old ones copied, into head->fields
 *            and head->field_capacity, and go on. Nothing is allocated here.
 * OWNERSHIP  Everything belongs to the caller. `limits` is only read by begin. */
#pragma once

#include "base/span.h"
#include "wire/names.h"

#include <aiohttp/limits.h>
#include <stdbool.h>
#include <stdint.h>

/* HEAD_PART: of a part of a multipart body. */
enum head_kind { HEAD_REQUEST, HEAD_RESPONSE, HEAD_TRAILERS, HEAD_PART };

/* Case counts in methods: `get` is METHOD_OTHER. */
#define METHODS(X)                                                                                 \
    X(GET) X(HEAD) X(POST) X(PUT) X(DELETE) X(CONNECT) X(OPTIONS) X(TRACE) X(PATCH)

enum method {
    METHOD_OTHER,
#define METHOD_ENUM(name) METHOD_##name,
    METHODS(METHOD_ENUM)
#undef METHOD_ENUM
    METHOD_COUNT
};

enum target_form {
    TARGET_ORIGIN,    /* /path?query */
    TARGET_ABSOLUTE,  /* http://authority/path?query */
    TARGET_AUTHORITY, /* host:port, of CONNECT */
    TARGET_ASTERISK,  /* *, of OPTIONS */
};

/* How the end of the body is told. */
enum body_kind {
    BODY_NONE,    /* there is none */
    BODY_LENGTH,  /* head->content_length */
    BODY_CHUNKED, /* chunked.h */
    BODY_CLOSE,   /* a response's, until the connection is closed */
};

enum lenient {
    LENIENT_BARE_LF = 1,            /* lines may end in LF alone (never chunks) */
    LENIENT_NO_REASON = 2,          /* a status line may end after the status, without a SP */
    LENIENT_SPACE_BEFORE_COLON = 4, /* responses: "Name : value" */
    LENIENT_TARGET = 8,             /* bytes from 0x80 on and " < > in a target */
    LENIENT_SAME_LENGTH = 16,       /* Content-Length again, with the same value */
    LENIENT_LENGTH_AND_CODING = 32, /* responses: Content-Length is ignored beside chunked */
};

enum head_flag {
    HEAD_KEEP_ALIVE = 1,       /* another message may follow on this connection, says the peer */
    HEAD_CLOSE = 2,            /* Connection: close was said */
    HEAD_UPGRADE = 4,          /* a 1.1 message with Upgrade, and named in Connection */
    HEAD_EXPECT_CONTINUE = 8,  /* Expect: 100-continue, of a 1.1 request */
    HEAD_EXPECT_OTHER = 16,    /* something else is expected: 417 */
    HEAD_CONTENT_LENGTH = 32,  /* content_length was given, whether there is a body or not */
    HEAD_CHUNKED = 64,         /* Transfer-Encoding: chunked, likewise */
    HEAD_SAID_KEEP_ALIVE = 128, /* Connection: keep-alive: a 1.0 peer wants it said back */
};

/* A piece of the head, by where it is. */
struct place {
    uint32_t at, size;
};

struct head_field {
    uint32_t name;
    uint32_t value; /* without white space around it */
    uint32_t value_size;
    uint16_t name_size;
    uint16_t id; /* enum header_id */
};

struct head {
    /* --- the caller's --- */
    struct head_field *fields;
    uint32_t field_capacity;

    /* --- what was found; valid once parse returned the size --- */
    uint32_t field_count;
    struct header_set seen;   /* which known names are among the fields */
    uint64_t content_length;  /* 0 without one */
    uint32_t flags;           /* enum head_flag */
    uint16_t status_code;     /* of a response */
    uint8_t version;          /* 10 or 11 */
    uint8_t method;           /* enum method */
    uint8_t target_form;      /* enum target_form */
    uint8_t body;             /* enum body_kind */
    struct place method_at;   /* the method's text */
    struct place target;      /* as it came */
    struct place path;        /* of the target: path and query; empty: none was given */
    struct place authority;   /* host and port: the target's, else the Host field's; may be empty */
    struct place reason;      /* of a response; may be empty */

    /* --- of an error --- */
    uint32_t error_at;
    uint16_t status;          /* to answer */
    const char *why;

    /* --- private --- */
    uint8_t kind, state, lenient;
    uint8_t request_method;
    int result;       /* of the error */
    uint32_t next;    /* where the first line that is not yet parsed begins */
    uint32_t scanned; /* no LF between next and this */
    uint32_t begin;   /* of the first field's line */
    uint32_t line_max, head_max, field_max, field_count_max, empty_lines_left;
    uint32_t head_most, empty_lines_most; /* what these two begin with */
    const struct header_set *once, *watched; /* names that come once; that have rules */
};

/* Begins a head of that kind; the array of fields may have no room yet. `lenient` is of enum
 * lenient, 0 for the server. */
void aiohttp__head_begin(struct head *head, enum head_kind kind, const aiohttp_limits *limits,
                         unsigned lenient, struct head_field *fields, uint32_t capacity);

/* Begins the next head of the same kind and limits, with the same array of fields. */
void aiohttp__head_again(struct head *head);

/* Which method a response answers: those to HEAD, and the 2xx to CONNECT, have no body. Between
 * begin and parse; without it, a GET's. */
void aiohttp__head_answers(struct head *head, enum method method);

/* `size` bytes have come so far, from the head's first one on (earlier ones may not have changed
 * since the last call). The head's size, above 0, when it is complete; 0: more is wanted; -ENOBUFS:
 * see MEMORY; else -AIOHTTP_BAD_HTTP_MESSAGE, -AIOHTTP_LINE_TOO_LONG (a line or field),
 * -AIOHTTP_HEADERS_TOO_LARGE (all of them, or too many). */
int aiohttp__head_parse(struct head *head, const char *data, size_t size) ASYNCIO_MUST_CHECK;

/* As aiohttp__head_again and aiohttp__head_parse, of a request behind one that was accepted:
 * `before` is its head, byte for byte as it was parsed. */
int aiohttp__head_parse_after(struct head *head, const char *before, const char *data,
                              size_t size) ASYNCIO_MUST_CHECK;

/* The enum of a method's text. */
enum method aiohttp__method_of(const char *text, size_t size);

/* The text of a method; of METHOD_OTHER it is empty. */
struct span aiohttp__method_text(enum method method);

static inline struct span head_text(const char *data, struct place place)
{
    return (struct span){ data + place.at, place.size };
}

static inline struct span head_field_name(const char *data, const struct head_field *field)
{
    return (struct span){ data + field->name, field->name_size };
}

static inline struct span head_field_value(const char *data, const struct head_field *field)
{
    return (struct span){ data + field->value, field->value_size };
}

static inline bool head_has(const struct head *head, enum header_id id)
{
    return header_set_has(&head->seen, id);
}

/* Whether a field may stand behind a body: it does not have to be known before. */
bool aiohttp__may_trail(enum header_id id);

/* The first field of a known name, NULL without one; `after` goes on behind an earlier one. */
static inline const struct head_field *head_find(const struct head *head, enum header_id id,
                                                 const struct head_field *after)
{
    if (!head_has(head, id))
        return NULL;
    const struct head_field *end = head->fields + head->field_count;
    for (const struct head_field *at = after ? after + 1 : head->fields; at < end; at++)
        if (at->id == id)
            return at;
    return NULL;
}
