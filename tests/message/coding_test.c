/* SPDX-License-Identifier: MIT */
/* Content codings: what goes in comes out, at every split, and no further than the limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "message/coding.h"

#include "../asyncio/base/alloc.h"

#include <aiohttp/error.h>

enum { MOST = 1 << 20 };
static char plain[MOST], packed[MOST + 4096], back[MOST];

static void fill(size_t size, unsigned seed)
{
    static const char *const words[] = { "header", "body", "chunk", "\r\n", "0123456789", " " };
    size_t at = 0;
    while (at < size) {
        seed = seed * 1103515245u + 12345u;
        const char *word = words[seed >> 16 & 3];
        for (; *word && at < size; word++)
            plain[at++] = *word;
        if (at < size && seed >> 20 & 1)
            plain[at++] = (char)(seed >> 24);
    }
}

/* Encodes `size` bytes of plain, `in` bytes at a time into `out` bytes at a time. */
static int encode(enum coding coding, size_t size, size_t in, size_t out, size_t *ret_size)
{
    struct encoder *encoder;
    int r = aiohttp__encoder_new(coding, -1, &encoder);
    size_t at = 0, used = 0;
    if (r < 0)
        return r;
    do {
        struct span piece = { plain + at, size - at < in ? size - at : in };
        at += piece.size;
        enum encode how = at == size ? ENCODE_FINISH : ENCODE_MORE;
        do {
            size_t room = sizeof packed - used < out ? sizeof packed - used : out;
            r = aiohttp__encoder_step(encoder, &piece, how, packed + used, room);
            used += r > 0 ? (size_t)r : 0;
        } while (r > 0 && ((size_t)r == out || piece.size));
    } while (r >= 0 && at < size);
    if (r >= 0) {
        struct span none = { "", 0 };
        assert_int_equal(aiohttp__encoder_step(encoder, &none, ENCODE_FINISH, packed + used, 1), 0);
    }
    aiohttp__encoder_free(encoder);
    *ret_size = used;
    return r < 0 ? r : 0;
}

/* Decodes `data`, `in` bytes at a time into `out` bytes at a time. The size, or the error. */
static long decode(const char *codings, const aiohttp_limits *limits, struct span data, size_t in,
                   size_t out)
{
    struct decoder *decoder;
    int r = aiohttp__decoder_new(span_of(codings), limits, &decoder);
    size_t used = 0;
    if (r < 0)
        return r;
    assert_non_null(decoder);
    while (r >= 0 && data.size) {
        struct span piece = { data.data, data.size < in ? data.size : in };
        data = (struct span){ data.data + piece.size, data.size - piece.size };
        do {
            size_t room = sizeof back - used < out ? sizeof back - used : out;
            r = aiohttp__decoder_step(decoder, &piece, back + used, room ? room : 1);
            used += r > 0 && room ? (size_t)r : 0;
        } while (r > 0);
        if (r == 0)
            assert_int_equal(piece.size, 0);
    }
    if (r >= 0)
        r = aiohttp__decoder_finish(decoder);
    struct span rest = { "x", 1 };
    if (r < 0 && r != -AIOHTTP_CONTENT_ENCODING)
        assert_int_equal(aiohttp__decoder_step(decoder, &rest, back, 1), r); /* the same again */
    aiohttp__decoder_free(decoder);
    return r < 0 ? r : (long)used;
}

static const enum coding codings[] = { CODING_DEFLATE, CODING_GZIP, CODING_BR, CODING_ZSTD };

static bool is_there(enum coding coding)
{
    return aiohttp__codings() >> coding & 1;
}

static const char *name_of(enum coding coding)
{
    return aiohttp__coding_name(coding).data;
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    static const size_t sizes[] = { 0, 1, 2, 100, 65536, 300000 };
    static const size_t steps[] = { 1, 7, 4096, MOST };
    for (size_t c = 0; c < 4; c++)
        for (size_t s = 0; is_there(codings[c]) && s < 6; s++)
            for (size_t k = sizes[s] > 1000 ? 2 : 0; k < 4; k++) {
                size_t size = 0;
                fill(sizes[s], (unsigned)s);
                int r = encode(codings[c], sizes[s], steps[k], steps[3 - k], &size);
                assert_int_equal(r, 0);
                long got = decode(name_of(codings[c]), &limits, (struct span){ packed, size },
                                  steps[k], steps[3 - k]);
                assert_int_equal(got, (long)sizes[s]);
                assert_memory_equal(back, plain, sizes[s]);
            }
}

/* A member more than once, and one that is cut at each of its bytes, or changed in it. */
static void what_is_damaged_is_refused(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    fill(300, 1);
    for (size_t c = 0; c < 4; c++) {
        size_t size = 0;
        if (!is_there(codings[c]))
            continue;
        assert_int_equal(encode(codings[c], 300, 300, MOST, &size), 0);
        for (size_t cut = 1; cut < size; cut++)
            assert_int_equal(
                decode(name_of(codings[c]), &limits, (struct span){ packed, cut }, 1000, 1000),
                -AIOHTTP_CONTENT_ENCODING);
        packed[size] = 'x';
        assert_int_equal(decode(name_of(codings[c]), &limits, (struct span){ packed, size + 1 },
                                1000, 1000),
                         -AIOHTTP_CONTENT_ENCODING);
        assert_int_equal(decode(name_of(codings[c]), &limits, SPAN("not compressed at all"), 3, 9),
                         -AIOHTTP_CONTENT_ENCODING);
        assert_int_equal(decode(name_of(codings[c]), &limits, SPAN(""), 3, 9), 0);
        for (size_t i = 0; codings[c] == CODING_GZIP && i < size; i++) {
            packed[i] = (char)(packed[i] ^ 0x10);
            long got = decode("gzip", &limits, (struct span){ packed, size }, 1000, 1000);
            packed[i] = (char)(packed[i] ^ 0x10);
            /* time and system in the header, and bits behind the last block, change nothing */
            assert_true(got == -AIOHTTP_CONTENT_ENCODING ||
                        (got == 300 && memcmp(back, plain, 300) == 0));
        }
    }
}

/* However it is cut: what stands before the damage is given, then the error. */
static void what_stands_before_is_given(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    fill(300, 1);
    for (size_t c = 0; c < 4; c++)
        for (int is_checksum = 0; is_checksum < 2; is_checksum++) {
            struct decoder *decoder;
            size_t size = 0;
            bool has_checksum = codings[c] == CODING_GZIP || codings[c] == CODING_DEFLATE;
            if (!is_there(codings[c]) || (is_checksum && !has_checksum))
                continue;
            assert_int_equal(encode(codings[c], 300, 300, MOST, &size), 0);
            if (is_checksum)
                packed[size - 1] = (char)~packed[size - 1];
            else {
                memset(packed + size, 'x', 8);
                size += 8;
            }
            struct span in = { packed, size };
            int r = aiohttp__decoder_new(aiohttp__coding_name(codings[c]), &limits, &decoder);
            assert_int_equal(r, 0);
            assert_int_equal(aiohttp__decoder_step(decoder, &in, back, sizeof back), 300);
            assert_memory_equal(back, plain, 300);
            for (int i = 0; i < 2; i++) {
                r = aiohttp__decoder_step(decoder, &in, back, sizeof back);
                assert_int_equal(r, -AIOHTTP_CONTENT_ENCODING);
            }
            assert_int_equal((long)aiohttp__decoder_given(decoder), 300);
            aiohttp__decoder_free(decoder);
        }
}

static void bare_deflate_is_taken(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    z_stream stream = { .zalloc = NULL };
    fill(5000, 3);
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)plain;
    stream.avail_in = 5000;
    stream.next_out = (Bytef *)packed;
    stream.avail_out = sizeof packed;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    struct span data = { packed, stream.total_out };
    deflateEnd(&stream);
    for (size_t step = 1; step < 4; step++) {
        assert_int_equal(decode("deflate", &limits, data, step, step), 5000);
        assert_memory_equal(back, plain, 5000);
    }
    /* an empty one, and what is too short to be any */
    assert_int_equal(decode("deflate", &limits, SPAN("\x03\x00"), 1, 1), 0);
    assert_int_equal(decode("deflate", &limits, SPAN("\x03"), 1, 1), -AIOHTTP_CONTENT_ENCODING);
    assert_int_equal(decode("deflate", &limits, SPAN("\x03\x00x"), 1, 1),
                     -AIOHTTP_CONTENT_ENCODING);
}

/* CVE-2025-69223: ten million zeros in ten thousand bytes. */
static void a_bomb_is_found_out(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    limits.inflate_ratio_from = 100000;
    memset(plain, 0, sizeof plain);
    for (size_t c = 0; c < 4; c++) {
        size_t size = 0;
        if (!is_there(codings[c]))
            continue;
        assert_int_equal(encode(codings[c], MOST, MOST, MOST, &size), 0);
        assert_true(size < MOST / 100);
        struct span data = { packed, size };
        assert_int_equal(decode(name_of(codings[c]), &limits, data, MOST, 4096),
                         -AIOHTTP_BODY_TOO_LARGE);
        limits.inflate_ratio = AIOHTTP_UNLIMITED;
        assert_int_equal(decode(name_of(codings[c]), &limits, data, MOST, MOST), MOST);
        limits.inflate_ratio = 100;
        limits.inflate_ratio_from = MOST;
        assert_int_equal(decode(name_of(codings[c]), &limits, data, MOST, MOST), MOST);
        limits.inflate_ratio_from = MOST - 1;
        assert_int_equal(decode(name_of(codings[c]), &limits, data, MOST, MOST),
                         -AIOHTTP_BODY_TOO_LARGE);
        limits.inflate_ratio_from = 100000;
    }
}

/* Of all that came to all that went in, at one below, at, and one above it. */
static void a_ratio_is_counted_exactly(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    size_t size = 0;
    memset(plain, 0, sizeof plain);
    assert_int_equal(encode(CODING_GZIP, 50000, MOST, MOST, &size), 0);
    struct span data = { packed, size };
    limits.inflate_ratio_from = 0;
    for (size_t more = 0; more < 3; more++) {
        limits.inflate_ratio = 50000 / (size + 1) + more;
        bool is_within = 50000 / limits.inflate_ratio <= size;
        assert_int_equal(is_within, more > 0);
        assert_int_equal(decode("gzip", &limits, data, MOST, MOST),
                         is_within ? 50000 : -AIOHTTP_BODY_TOO_LARGE);
    }
}

static void a_step_gives_no_more_than_it_may(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    struct decoder *decoder;
    size_t size = 0;
    memset(plain, 0, sizeof plain);
    assert_int_equal(encode(CODING_GZIP, 500000, MOST, MOST, &size), 0);
    struct span data = { packed, size };
    limits.inflate_step = 1000;
    assert_int_equal(aiohttp__decoder_new(SPAN("gzip"), &limits, &decoder), 0);
    int r = aiohttp__decoder_step(decoder, &data, back, sizeof back);
    aiohttp__decoder_free(decoder);
    assert_int_equal(r, 1000);
}

static void members_are_counted(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    limits.inflate_ratio_from = MOST;
    limits.gzip_members = 5;
    static const enum coding with_members[] = { CODING_GZIP, CODING_ZSTD };
    for (size_t c = 0; c < 2; c++) {
        size_t size = 0;
        if (!is_there(with_members[c]))
            continue;
        fill(10, 1);
        assert_int_equal(encode(with_members[c], 10, 10, MOST, &size), 0);
        for (size_t i = 1; i < 7; i++)
            memcpy(packed + i * size, packed, size);
        for (size_t step = 1; step < 200; step += 99)
            for (size_t i = 4; i < 7; i++)
                assert_int_equal(decode(name_of(with_members[c]), &limits,
                                        (struct span){ packed, i * size }, step, MOST),
                                 i > 5 ? -AIOHTTP_CONTENT_ENCODING : (long)i * 10);
    }
    /* those of deflate and br are one */
    size_t size = 0;
    assert_int_equal(encode(CODING_DEFLATE, 10, 10, MOST, &size), 0);
    memcpy(packed + size, packed, size);
    assert_int_equal(decode("deflate", &limits, (struct span){ packed, size * 2 }, 99, 99),
                     -AIOHTTP_CONTENT_ENCODING);
}

static void one_over_the_other(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    static char first[MOST];
    for (size_t a = 0; a < 4; a++)
        for (size_t b = 0; b < 4; b++) {
            char both[40];
            size_t size = 0;
            if (!is_there(codings[a]) || !is_there(codings[b]))
                continue;
            fill(20000, 7);
            assert_int_equal(encode(codings[a], 20000, MOST, MOST, &size), 0);
            memcpy(first, plain, 20000);
            memcpy(plain, packed, size);
            assert_int_equal(encode(codings[b], size, MOST, MOST, &size), 0);
            snprintf(both, sizeof both, "%s , identity,,%s", name_of(codings[a]),
                     name_of(codings[b]));
            assert_int_equal(decode(both, &limits, (struct span){ packed, size }, 13, 17), 20000);
            assert_memory_equal(back, first, 20000);
            assert_int_equal(decode(both, &limits, (struct span){ packed, size - 1 }, MOST, MOST),
                             -AIOHTTP_CONTENT_ENCODING);
        }
    struct decoder *decoder;
    assert_int_equal(aiohttp__decoder_new(SPAN("gzip, gzip, gzip"), &limits, &decoder),
                     -(AIOHTTP_HTTP + 415));
    assert_int_equal(aiohttp__decoder_new(SPAN("gzip, compress"), &limits, &decoder),
                     -(AIOHTTP_HTTP + 415));
    limits.codings = 0;
    assert_int_equal(aiohttp__decoder_new(SPAN("gzip"), &limits, &decoder), -(AIOHTTP_HTTP + 415));
    assert_int_equal(aiohttp__decoder_new(SPAN("identity"), &limits, &decoder), 0);
    assert_null(decoder);
    assert_int_equal(aiohttp__decoder_new((struct span){ NULL, 0 }, &limits, &decoder), 0);
    assert_null(decoder);
    aiohttp__decoder_free(decoder);
}

/* Server-sent events: after a flush the peer has all of it. */
static void a_flush_lets_all_out(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    for (size_t c = 0; c < 4; c++) {
        struct encoder *encoder;
        struct decoder *decoder;
        if (!is_there(codings[c]))
            continue;
        int r = aiohttp__encoder_new(codings[c], 1, &encoder);
        assert_int_equal(r, 0);
        r = aiohttp__decoder_new(aiohttp__coding_name(codings[c]), &limits, &decoder);
        if (r < 0)
            aiohttp__encoder_free(encoder);
        assert_int_equal(r, 0);
        bool is_right = true;
        for (int i = 0; i < 5 && is_right && r >= 0; i++) {
            struct span event = SPAN("data: x\n\n"), none = { "", 0 };
            r = aiohttp__encoder_step(encoder, &event, ENCODE_FLUSH, packed, 100);
            struct span sent = { packed, r > 0 ? (size_t)r : 0 };
            /* nothing new: nothing to send */
            int again = aiohttp__encoder_step(encoder, &none, ENCODE_FLUSH, packed + 100, 100);
            is_right = r > 0 && again == 0 &&
                       aiohttp__decoder_step(decoder, &sent, back, sizeof back) == 9;
        }
        aiohttp__encoder_free(encoder);
        aiohttp__decoder_free(decoder);
        assert_true(r != -ENOMEM && is_right);
    }
}

/* All of an encoder's life, with each way to call it: 0, or what it has failed with. */
static int encode_once(enum coding coding)
{
    struct encoder *encoder;
    size_t used = 0;
    int r = aiohttp__encoder_new(coding, -1, &encoder);
    if (r < 0)
        return r;
    for (int i = 0; i < 4 && r >= 0; i++) {
        struct span piece = { plain + (size_t)i * 50000, 50000 };
        enum encode how = i == 1 ? ENCODE_FLUSH : i == 3 ? ENCODE_FINISH : ENCODE_MORE;
        r = aiohttp__encoder_step(encoder, &piece, how, packed + used, sizeof packed - used);
        used += r > 0 ? (size_t)r : 0;
    }
    if (r < 0) { /* it stays as it is, and the process does, too */
        struct span none = { NULL, 0 };
        int again = aiohttp__encoder_step(encoder, &none, ENCODE_FINISH, packed, sizeof packed);
        assert_true(again >= 0 || again == -ENOMEM);
    }
    aiohttp__encoder_free(encoder);
    return r < 0 ? r : 0;
}

static void without_memory_it_is_an_error(void **state)
{
    (void)state;
    fill(200000, 5);
    for (size_t c = 0; c < sizeof codings / sizeof *codings; c++) {
        uint64_t nth = 0, live = asyncio__alloc_live();
        int r = -ENOMEM;
        while (is_there(codings[c]) && r < 0) {
            asyncio__alloc_fail_at(++nth, 0);
            r = encode_once(codings[c]);
            asyncio__alloc_fail_at(0, 0);
            assert_true(r == 0 || r == -ENOMEM);
            assert_int_equal(asyncio__alloc_live(), live);
        }
        assert_true(nth != 1);
    }
}

static void encoders_refuse(void **state)
{
    (void)state;
    struct encoder *encoder;
    assert_int_equal(aiohttp__encoder_new(CODING_IDENTITY, -1, &encoder), -ENOTSUP);
    assert_int_equal(aiohttp__encoder_new(CODING_COUNT, -1, &encoder), -ENOTSUP);
    /* zlib would mark the end of the flush again and again: found by fuzz/coding_fuzz.c */
    struct span in = SPAN("x");
    assert_int_equal(aiohttp__encoder_new(CODING_GZIP, -1, &encoder), 0);
    assert_int_equal(aiohttp__encoder_step(encoder, &in, ENCODE_FLUSH, packed, 63), -EINVAL);
    int given = aiohttp__encoder_step(encoder, &in, ENCODE_FLUSH, packed, ENCODE_FLUSH_ROOM);
    aiohttp__encoder_free(encoder);
    assert_in_range(given, 1, ENCODE_FLUSH_ROOM - 1);
    for (size_t c = 0; c < 4; c++)
        if (is_there(codings[c])) {
            assert_int_equal(aiohttp__encoder_new(codings[c], 99, &encoder), -EINVAL);
            assert_int_equal(aiohttp__encoder_new(codings[c], -2, &encoder), -EINVAL);
        }
    aiohttp__encoder_free(NULL);
}

static void chosen_by_weight(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        unsigned allowed;
        enum coding coding;
    } rows[] = {
        { "gzip", CODING_ALL, CODING_GZIP },
        { "GZIP", CODING_ALL, CODING_GZIP },
        { "x-gzip", CODING_ALL, CODING_GZIP },
        { "gzip, deflate", CODING_ALL, CODING_GZIP },
        { "gzip;q=0.5, deflate;q=0.6", CODING_ALL, CODING_DEFLATE },
        { "gzip ; q=0.5 ,deflate; Q=0.501", CODING_ALL, CODING_DEFLATE },
        { "gzip;q=0", CODING_ALL, CODING_IDENTITY },
        { "gzip;q=0.000", CODING_ALL, CODING_IDENTITY },
        { "gzip;q=0.001", CODING_ALL, CODING_GZIP },
        { "gzip;q=1.000", CODING_ALL, CODING_GZIP },
        { "gzip;q=1.001", CODING_ALL, CODING_IDENTITY },
        { "gzip;q=0.0001", CODING_ALL, CODING_IDENTITY },
        { "gzip;q=x", CODING_ALL, CODING_IDENTITY },
        { "gzip;q=", CODING_ALL, CODING_IDENTITY },
        { "gzip;", CODING_ALL, CODING_GZIP }, /* empty parameters are none */
        { "gzip;q=-1", CODING_ALL, CODING_IDENTITY },
        { "*", 1u << CODING_GZIP, CODING_GZIP },
        { "*;q=0", CODING_ALL, CODING_IDENTITY },
        { "*;q=0, gzip", CODING_ALL, CODING_GZIP },
        { "gzip;q=0, *", 1u << CODING_GZIP, CODING_IDENTITY },
        { "gzip;q=0.5, identity", CODING_ALL, CODING_IDENTITY },
        { "identity;q=0, gzip;q=0.1", CODING_ALL, CODING_GZIP },
        { "identity;q=0", CODING_ALL, CODING_IDENTITY },
        { "", CODING_ALL, CODING_IDENTITY },
        { ",,", CODING_ALL, CODING_IDENTITY },
        { "compress, sdch", CODING_ALL, CODING_IDENTITY },
        { "gzip, deflate", 1u << CODING_DEFLATE, CODING_DEFLATE },
        { "gzip", 0, CODING_IDENTITY },
        { "not gzip", CODING_ALL, CODING_IDENTITY },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (aiohttp__coding_choose(span_of(rows[i].accept), rows[i].allowed) != rows[i].coding)
            fail_msg("%s: %s", rows[i].accept,
                     name_of(aiohttp__coding_choose(span_of(rows[i].accept), rows[i].allowed)));
    assert_int_equal(aiohttp__coding_choose((struct span){ NULL, 0 }, CODING_ALL), CODING_IDENTITY);
    enum coding best = is_there(CODING_ZSTD) ? CODING_ZSTD :
                       is_there(CODING_BR)   ? CODING_BR :
                                               CODING_GZIP;
    assert_int_equal(aiohttp__coding_choose(SPAN("gzip, deflate, br, zstd"), CODING_ALL), best);
    assert_int_equal(aiohttp__coding_choose(aiohttp__coding_accept(), CODING_ALL), best);
    assert_int_equal(aiohttp__coding_of(SPAN("brotli")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(what_is_damaged_is_refused),
        cmocka_unit_test(what_stands_before_is_given),
        cmocka_unit_test(bare_deflate_is_taken),
        cmocka_unit_test(a_bomb_is_found_out),
        cmocka_unit_test(a_ratio_is_counted_exactly),
        cmocka_unit_test(a_step_gives_no_more_than_it_may),
        cmocka_unit_test(members_are_counted),
        cmocka_unit_test(one_over_the_other),
        cmocka_unit_test(a_flush_lets_all_out),
        cmocka_unit_test(without_memory_it_is_an_error),
        cmocka_unit_test(encoders_refuse),
        cmocka_unit_test(chosen_by_weight),
    };
    return cmocka_run_group_tests_name("coding", tests, NULL, NULL);
}
