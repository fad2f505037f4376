/* SPDX-License-Identifier: MIT */
/* Bodies: see chunked.h. Chunk lines are read byte by byte by a small machine, which is why they
 * may come in any split: its state is all there is to remember. A body's own bytes are never
 * looked at. */
#include "wire/chunked.h"

#include "wire/ascii.h"
#include "wire/scan.h"

#include <aiohttp/error.h>
#include <string.h>

enum chunk_state {
    CHUNK_SIZE,      /* digits; none yet or some */
    CHUNK_BLANKS,    /* behind the size or an extension, before ';' */
    CHUNK_NAME,      /* behind ';', before an extension's name */
    CHUNK_IN_NAME,
    CHUNK_EQUALS,    /* blanks behind a name, before '=' or ';' */
    CHUNK_VALUE,     /* behind '=' */
    CHUNK_IN_VALUE,
    CHUNK_QUOTED,    /* within quotes */
    CHUNK_ESCAPED,   /* behind a backslash in there */
    CHUNK_UNQUOTED,  /* behind the closing quote */
    CHUNK_LF,        /* of the chunk's line */
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILERS,  /* told, and the caller reads them */
};

void aiohttp__body_begin(struct body *body, const struct head *head, const aiohttp_limits *limits)
{
    *body = (struct body){
        .left = head->body == BODY_LENGTH ? head->content_length : 0,
        .extensions_left = limits->chunk_extensions,
        .kind = head->body,
        .state = CHUNK_SIZE,
    };
}

static int bad(struct body *body, int status, const char *why)
{
    body->status = (uint16_t)status;
    body->why = why;
    return -AIOHTTP_BAD_HTTP_MESSAGE;
}

/* The state behind a separator that may follow an extension's parts, or -1. */
static int separator(char c)
{
    switch (c) {
    case ';': return CHUNK_NAME;
    case '\r': return CHUNK_LF;
    case ' ':
    case '\t': return CHUNK_BLANKS;
    default: return -1;
    }
}

/* The state behind `c` within an extension, or -1. */
static int extension(int state, char c)
{
    bool is_blank = c == ' ' || c == '\t';
    bool is_token = !class_ends(&aiohttp__class_token, c);
    switch (state) {
    case CHUNK_BLANKS: return is_blank ? state : c == ';' ? CHUNK_NAME : -1;
    case CHUNK_NAME: return is_blank ? state : is_token ? CHUNK_IN_NAME : -1;
    case CHUNK_IN_NAME:
        return is_token ? state : c == '=' ? CHUNK_VALUE : is_blank ? CHUNK_EQUALS : separator(c);
    case CHUNK_EQUALS:
        return is_blank ? state : c == '=' ? CHUNK_VALUE : c == ';' ? CHUNK_NAME : -1;
    case CHUNK_VALUE:
        return is_blank ? state : c == '"' ? CHUNK_QUOTED : is_token ? CHUNK_IN_VALUE : -1;
    case CHUNK_IN_VALUE: return is_token ? state : separator(c);
    case CHUNK_QUOTED:
        if (c == '"')
            return CHUNK_UNQUOTED;
        return c == '\\' ? CHUNK_ESCAPED : class_ends(&aiohttp__class_value, c) ? -1 : state;
    case CHUNK_ESCAPED: return class_ends(&aiohttp__class_value, c) ? -1 : CHUNK_QUOTED;
    default: return separator(c); /* CHUNK_UNQUOTED */
    }
}

static int size_digit(struct body *body, char c)
{
    int digit = ascii_hex(c);
    if (digit >= 0) {
        if (body->digits == 16 || body->left > (uint64_t)INT64_MAX >> 4)
            return bad(body, 400, "a chunk's size is below 2^63, in 16 digits at most");
        body->left = body->left << 4 | (unsigned)digit;
        body->digits++;
        return 0;
    }
    int next = body->digits > 0 ? separator(c) : -1;
    if (next < 0)
        return bad(body, 400, "a chunk's size is hexadecimal digits");
    body->state = (uint8_t)next;
    return 0;
}

/* One byte of what is around the chunks. 0 or an error. */
static int chunk_byte(struct body *body, char c)
{
    if (body->state == CHUNK_SIZE) {
        int r = size_digit(body, c);
        if (r < 0 || body->state == CHUNK_SIZE || body->state == CHUNK_LF)
            return r;
    } else if (body->state < CHUNK_LF) {
        int next = extension(body->state, c);
        if (next < 0)
            return bad(body, 400, "a chunk's extension is not one");
        body->state = (uint8_t)next;
        if (next == CHUNK_LF)
            return 0;
    } else {
        if (c != (body->state == CHUNK_DATA_CR ? '\r' : '\n'))
            return bad(body, 400, "no CR LF behind a chunk or its size");
        if (body->state == CHUNK_LF) {
            body->state = body->left > 0 ? CHUNK_DATA : CHUNK_TRAILERS;
        } else if (body->state == CHUNK_DATA_CR) {
            body->state = CHUNK_DATA_LF;
        } else {
            body->state = CHUNK_SIZE;
            body->digits = 0;
        }
        return 0;
    }
    if (body->extensions_left == 0)
        return bad(body, 400, "too many bytes of chunk extensions");
    if (body->extensions_left != AIOHTTP_UNLIMITED)
        body->extensions_left--;
    return 0;
}

/* A piece at data[at...], not larger than `room`. */
static int piece_at(struct body *body, const char *data, size_t at, size_t size, size_t room,
                    size_t *ret_used, struct span *ret_piece)
{
    size_t piece = size - at < room ? size - at : room;
    if (body->kind != BODY_CLOSE) {
        piece = piece < body->left ? piece : (size_t)body->left;
        body->left -= piece;
        if (body->left == 0 && body->kind == BODY_CHUNKED)
            body->state = CHUNK_DATA_CR;
        else if (body->left == 0)
            body->kind = BODY_NONE;
    }
    body->total += piece;
    *ret_used = at + piece;
    *ret_piece = (struct span){ data + at, piece };
    return BODY_DATA;
}

static int next(struct body *body, const char *data, size_t size, size_t room, size_t *ret_used,
                struct span *ret_piece)
{
    size_t at = 0;
    *ret_used = 0;
    if (body->kind == BODY_NONE)
        return BODY_END;
    if (body->kind != BODY_CHUNKED)
        return size > 0 ? piece_at(body, data, 0, size, room, ret_used, ret_piece) : BODY_MORE;
    for (; at < size; at++) {
        if (body->state == CHUNK_DATA)
            return piece_at(body, data, at, size, room, ret_used, ret_piece);
        int r = chunk_byte(body, data[at]);
        if (r < 0) {
            *ret_used = at;
            return r;
        }
        if (body->state == CHUNK_TRAILERS) {
            body->kind = BODY_NONE;
            *ret_used = at + 1;
            return BODY_TRAILERS;
        }
    }
    *ret_used = size;
    return BODY_MORE;
}

int aiohttp__body_next(struct body *body, const char *data, size_t size, size_t *ret_used,
                       struct span *ret_piece)
{
    return next(body, data, size, SIZE_MAX, ret_used, ret_piece);
}

int aiohttp__body_read(struct body *body, const char *data, size_t size, size_t *ret_used,
                       char *out, size_t room, size_t *ret_got)
{
    size_t used = 0, got = 0, step;
    int event = BODY_DATA;
    while (got < room) {
        struct span piece = { NULL, 0 };
        struct body before = *body;
        event = next(body, data + used, size - used, room - got, &step, &piece);
        if (event < 0 && got > 0) {
            *body = before;
            event = BODY_DATA;
            break;
        }
        used += step;
        if (event != BODY_DATA)
            break;
        memmove(out + got, piece.data, piece.size);
        got += piece.size;
    }
    *ret_used = used;
    *ret_got = got;
    return event;
}

int aiohttp__body_eof(struct body *body)
{
    if (body->kind == BODY_CLOSE)
        body->kind = BODY_NONE;
    return body->kind == BODY_NONE ? 0 : -AIOHTTP_PAYLOAD;
}
