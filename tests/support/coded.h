/* SPDX-License-Identifier: MIT */
/* Bodies in content codings with a certain amount of something: what comes out of them, members of
 * gzip, codings one over the other. For the limits of servers and clients. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

enum { CODED_ROOM = 30000, CODED_PLAIN = 60000, CODED_GZIP = 15 + 16, CODED_BARE = -15 };

struct coded {
    char names[64]; /* the value of Content-Encoding */
    char data[CODED_ROOM];
    size_t size;
    char plain[CODED_PLAIN]; /* what comes out of it */
    size_t plain_size;
};

/* One stream of zlib behind `out`: its size. */
static inline size_t coded_pack(char *out, size_t room, const char *plain, size_t size, int window)
{
    z_stream z = { .avail_in = (unsigned)size, .avail_out = (unsigned)room };
    z.next_in = (unsigned char *)(uintptr_t)plain;
    z.next_out = (unsigned char *)out;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static inline void coded_begin(struct coded *coded, const char *names)
{
    memset(coded, 0, sizeof *coded);
    snprintf(coded->names, sizeof coded->names, "%s", names);
}

/* So many bytes come out of it, zeros. */
static inline void coded_zeros(struct coded *coded, size_t amount)
{
    coded_begin(coded, "gzip");
    assert_true(amount <= sizeof coded->plain);
    coded->plain_size = amount;
    coded->size = coded_pack(coded->data, sizeof coded->data, coded->plain, amount, CODED_GZIP);
}

/* So many members, each of a byte. */
static inline void coded_members(struct coded *coded, size_t amount)
{
    coded_begin(coded, "gzip");
    coded->plain_size = amount;
    for (size_t i = 0; i < amount; i++)
        coded->size += coded_pack(coded->data + coded->size, sizeof coded->data - coded->size,
                                  coded->plain, 1, CODED_GZIP);
}

/* So many codings, one over the other. */
static inline void coded_layers(struct coded *coded, size_t amount)
{
    static char below[CODED_ROOM];
    coded_begin(coded, amount > 0 ? "gzip" : "identity");
    coded->plain_size = coded->size = 3;
    memcpy(coded->plain, "abc", 3);
    memcpy(coded->data, "abc", 3);
    for (size_t i = 0; i < amount; i++) {
        memcpy(below, coded->data, coded->size);
        coded->size = coded_pack(coded->data, sizeof coded->data, below, coded->size, CODED_GZIP);
        if (i > 0)
            snprintf(coded->names + strlen(coded->names),
                     sizeof coded->names - strlen(coded->names), ", gzip");
    }
}

/* Whether wherever it is cut no more than `ratio` times what went in has come out. */
static inline int coded_is_within(const struct coded *coded, size_t ratio)
{
    static unsigned char out[CODED_PLAIN];
    z_stream z = { .avail_out = sizeof out, .next_out = out };
    int is_within = 1;
    assert_int_equal(inflateInit2(&z, CODED_BARE), Z_OK);
    for (size_t i = 0; i < coded->size && is_within; i++) {
        z.next_in = (unsigned char *)(uintptr_t)coded->data + i;
        z.avail_in = 1;
        assert_true(inflate(&z, Z_NO_FLUSH) >= Z_OK);
        is_within = (sizeof out - z.avail_out) / ratio <= i + 1;
    }
    inflateEnd(&z);
    return is_within;
}

/* Noise whose ratio, wherever it is cut, is not above what it is at its very end: a limit is met
 * there or nowhere, in whatever pieces it comes. The least limit that it keeps. */
static inline size_t coded_ratio(struct coded *coded)
{
    unsigned random = 1;
    /* the bare one: no trailer, which gives nothing for what goes in */
    coded_begin(coded, "deflate");
    coded->plain_size = 1500;
    for (size_t i = 0; i < coded->plain_size; i++) {
        random = random * 1103515245 + 12345;
        coded->plain[i] = "abcd"[random >> 16 & 3];
    }
    coded->size = coded_pack(coded->data, sizeof coded->data, coded->plain, coded->plain_size,
                             CODED_BARE);
    size_t least = coded->plain_size / (coded->size + 1) + 1;
    assert_true(coded_is_within(coded, least));
    assert_false(coded_is_within(coded, least - 1));
    return least;
}
