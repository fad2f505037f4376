/* SPDX-License-Identifier: MIT */
/* A request delivered in every way that its bytes may come: whole, byte by byte, in two pieces at
 * every place; each time on a connection of its own, with a second request behind it that shows
 * whether the connection lives on. Every way has to give the same answer.
 *
 * MODEL      In the sim backend a pause costs nothing, and all ways are tried; elsewhere whole,
 *            byte by byte and at a few places. */
#pragma once

#include "web/web_test.h"

enum { ANSWER_ROOM = 16384, TEXT_ROOM = 70000, EVERY_SPLIT_MAX = 600 };

/* The status line's beginning of every answer but the last request's own. */
struct delivered {
    int status;   /* of the first answer; 0: none */
    bool closes;  /* what followed was not answered */
    char answer[ANSWER_ROOM];
};

struct request_text {
    char data[TEXT_ROOM];
    size_t size;
};

static inline void text_add_bytes(struct request_text *text, const char *part, size_t size)
{
    assert_true(text->size + size < sizeof text->data);
    memcpy(text->data + text->size, part, size);
    text->size += size;
    text->data[text->size] = '\0';
}

static inline void text_add(struct request_text *text, const char *part)
{
    text_add_bytes(text, part, strlen(part));
}

static inline void text_fill(struct request_text *text, char c, size_t count)
{
    assert_true(text->size + count < sizeof text->data);
    memset(text->data + text->size, c, count);
    text->size += count;
    text->data[text->size] = '\0';
}

/* Bytes in steps: as many as `first`, then `step` each. */
static inline int send_in_steps(asyncio_stream *stream, const char *data, size_t size, size_t first,
                                size_t step)
{
    for (size_t at = 0, now = first; at < size; at += now, now = step) {
        now = size - at < now ? size - at : now;
        int r = asyncio_stream_write(stream, data + at, now);
        if (r >= 0 && at + now < size)
            r = asyncio_sleep(world.is_sim ? 0.0001 : 0);
        if (r < 0)
            return r;
    }
    return 0;
}

#define BEHIND "GET /behind HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

/* The text, and behind it a request to /behind, whose answer is "behind". */
static inline int deliver(struct live *live, const struct request_text *text, size_t first,
                          size_t step, struct delivered *ret)
{
    static struct request_text whole;
    asyncio_stream *stream;
    whole = *text;
    text_add(&whole, BEHIND);
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    r = send_in_steps(stream, whole.data, whole.size, first, step);
    /* It may be answered and closed before all of it was sent. */
    if (r >= 0 || r == -EPIPE || r == -ECONNRESET)
        r = read_all(stream, ret->answer, sizeof ret->answer - 1);
    asyncio_stream_close(stream);
    asyncio_stream_unref(stream);
    if (r < 0)
        return r;
    ret->answer[r] = '\0';
    ret->status =
        strncmp(ret->answer, "HTTP/1.1 ", 9) == 0 ? (int)strtol(ret->answer + 9, NULL, 10) : 0;
    ret->closes = strstr(ret->answer, "\r\n\r\nbehind") == NULL;
    return 0;
}

static inline int deliver_and_check(struct live *live, const char *name,
                                    const struct request_text *text, size_t first, size_t step,
                                    int status, bool closes)
{
    static struct delivered got;
    int r = deliver(live, text, first, step, &got);
    if (r < 0) {
        print_error("%s: in pieces of %zu and %zu bytes: %s\n", name, first, step,
                    asyncio_error_name(r));
        return r;
    }
    if (got.status == status && got.closes == closes &&
        (!closes || strstr(got.answer, "\r\nConnection: close\r\n")))
        return 0;
    print_error("%s: in pieces of %zu and %zu bytes: %d, and it %s; should be %d, and %s\n%.300s\n",
                name, first, step, got.status, got.closes ? "closes" : "lives on", status,
                closes ? "close" : "live on", got.answer);
    check_failed();
    return -EPROTO;
}

/* In every way. */
static inline int deliver_every_way(struct live *live, const char *name,
                                    const struct request_text *text, int status, bool closes)
{
    size_t size = text->size + strlen(BEHIND);
    int r = deliver_and_check(live, name, text, size, size, status, closes);
    if (r < 0 || world.is_chopped || world.is_seeded)
        return r;
    if (size < EVERY_SPLIT_MAX)
        r = deliver_and_check(live, name, text, 1, 1, status, closes);
    size_t step = !world.is_sim ? 97 : size < EVERY_SPLIT_MAX ? 1 : size / 50 + 1;
    for (size_t first = 1; first < text->size && r >= 0; first += step)
        r = deliver_and_check(live, name, text, first, size, status, closes);
    return r;
}
