/* SPDX-License-Identifier: MIT */
/* The codings of parts: undone however the body comes, refused when they are broken, limited as
 * those of bodies are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "message/coding.h"
#include "message/multipart_reader.h"

#include <aiohttp/error.h>
#include <asyncio/error.h>
#include <errno.h>

#define MIXED "multipart/mixed; boundary=bound"
#define FORM "multipart/form-data; boundary=bound"
#define TRANSFER "Content-Transfer-Encoding: "
#define CONTENT "Content-Encoding: "

/* A body, which is given in pieces; one of them ends at `cut`, one call fails at `fail_at`. */
static struct body {
    char data[1 << 15];
    size_t size, at, piece, cut, fail_at;
    int error;
} body;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int read_body(void *source, void *buffer, size_t size)
{
    (void)source;
    if (body.error && body.at >= body.fail_at) {
        int error = body.error;
        body.error = 0;
        return error;
    }
    size_t now = least(body.size - body.at, size);
    if (body.piece)
        now = least(now, body.piece);
    if (body.cut > body.at)
        now = least(now, body.cut - body.at);
    memcpy(buffer, body.data + body.at, now);
    body.at += now;
    return (int)now;
}

static void body_add(const void *data, size_t size)
{
    assert_true(size <= sizeof body.data - body.size);
    if (size)
        memcpy(body.data + body.size, data, size);
    body.size += size;
}

static void body_text(const char *text)
{
    body_add(text, strlen(text));
}

/* A part with these fields, each with its line's end. */
static void body_part(const char *fields, struct span content)
{
    body_text("\r\n--bound\r\n");
    body_text(fields);
    body_text("\r\n");
    body_add(content.data, content.size);
}

static void body_begin(void)
{
    body = (struct body){ .size = 0 };
}

static void body_end(void)
{
    body_text("\r\n--bound--\r\n");
}

static void one_part(const char *fields, struct span content)
{
    body_begin();
    body_part(fields, content);
    body_end();
}

static aiohttp_multipart_reader *reader_of(const char *type, const aiohttp_limits *limits)
{
    aiohttp_multipart_reader *reader = NULL;
    assert_int_equal(
        aiohttp_multipart_reader_new(type, read_body, &body, &reader, .limits = limits), 0);
    body.at = 0;
    return reader;
}

static char got[1 << 15];
static size_t got_size;

/* All parts, decoded, one behind the other in `got`: 0, or what failed. chunk 0: read at once. */
static int read_parts(const char *type, size_t chunk, const aiohttp_limits *limits)
{
    aiohttp_multipart_reader *reader = reader_of(type, limits);
    aiohttp_body_part_reader *part;
    int r;
    got_size = 0;
    while ((r = aiohttp_multipart_reader_next(reader, &part)) > 0) {
        const char *data = NULL;
        size_t size = 0;
        r = aiohttp_body_part_reader_decode(part);
        if (r >= 0 && !chunk) {
            r = aiohttp_body_part_reader_read(part, &data, &size);
            assert_true(size < sizeof got - got_size);
            if (r >= 0)
                memcpy(got + got_size, data, size);
            got_size += size;
        }
        while (r >= 0 && chunk &&
               (r = aiohttp_body_part_reader_read_chunk(
                    part, got + got_size, least(chunk, sizeof got - got_size))) > 0)
            got_size += (size_t)r;
        if (r < 0)
            break;
        assert_int_equal(aiohttp_body_part_reader_at_eof(part), 1);
    }
    aiohttp_multipart_reader_unref(reader);
    return r;
}

static void gives(const char *type, size_t chunk, int wanted, struct span text)
{
    assert_int_equal(read_parts(type, chunk, NULL), wanted);
    if (wanted == 0) {
        assert_int_equal(got_size, text.size);
        assert_memory_equal(got, text.data, text.size);
    }
}

/* In pieces of each size, and in two at every place. */
static void gives_at_every_split(const char *type, int wanted, struct span text)
{
    for (size_t piece = 0; piece < 24; piece++) {
        body.piece = piece;
        gives(type, piece % 6, wanted, text);
    }
    body.piece = 0;
    for (body.cut = 1; body.cut < body.size; body.cut++)
        gives(type, 64, wanted, text);
    body.cut = 0;
}

/* --- transfer codings --- */

static const struct coded {
    const char *coding, *text, *wanted; /* NULL: it is broken */
} transfers[] = {
    { "base64", "", "" },
    { "base64", "MQ==", "1" },
    { "BASE64", "YWI=", "ab" },
    { "Base64", "YWJj", "abc" },
    { "base64", "YWJjZA==", "abcd" },
    { "base64", "+/+/", "\xfb\xff\xbf" },
    { "base64", " Y\tW\r\nJ\nj \r\n", "abc" },
    { "base64", "M\r\nQ = \r\n= \r\n", "1" },
    { "base64", "Y", NULL },
    { "base64", "YQ", NULL },
    { "base64", "YQ=", NULL },
    { "base64", "YWJ", NULL },
    { "base64", "YWI==", NULL },
    { "base64", "YQ===", NULL },
    { "base64", "YQ==YQ==", NULL },
    { "base64", "YQ=a", NULL },
    { "base64", "YR==", NULL }, /* bits that say nothing */
    { "base64", "YWJ=", NULL },
    { "base64", "=", NULL },
    { "base64", "Y===", NULL },
    { "base64", "YWJj=", NULL },
    { "base64", "YWJj====", NULL },
    { "base64", "YW-_", NULL },
    { "base64", "YWJj\xff", NULL },
    { "base64", "YWJj.", NULL },
    { "quoted-printable", "", "" },
    { "Quoted-Printable", "a b \r\n.", "a b \r\n." },
    { "quoted-printable", "=3D=e9=C3\xa4", "=\xe9\xc3\xa4" },
    { "quoted-printable", "a=\r\nb=\nc", "abc" },
    { "quoted-printable", "a=\r\n", "a" },
    { "quoted-printable", "=", NULL },
    { "quoted-printable", "a=4", NULL },
    { "quoted-printable", "a=g4", NULL },
    { "quoted-printable", "a=4g", NULL },
    { "quoted-printable", "a= \r\n", NULL },
    { "quoted-printable", "a=\r", NULL },
    { "quoted-printable", "a=\rb", NULL },
    { "7bit", "MQ==", "MQ==" },
    { "8BIT", "=41", "=41" },
    { "binary", "=41", "=41" },
};

static void transfer_codings_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof transfers / sizeof *transfers; i++) {
        const struct coded *row = &transfers[i];
        char fields[64];
        snprintf(fields, sizeof fields, TRANSFER "%s\r\n", row->coding);
        one_part(fields, span_of(row->text));
        struct span wanted = span_of(row->wanted ? row->wanted : "");
        gives_at_every_split(FORM, row->wanted ? 0 : -AIOHTTP_CONTENT_ENCODING, wanted);
        gives_at_every_split(MIXED, row->wanted ? 0 : -AIOHTTP_CONTENT_ENCODING, wanted);
    }
}

static void all_bytes_come_back(void **state)
{
    (void)state;
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char all[258];
    char base64[400], quoted[1024];
    size_t used = 0, in_quoted = 0;
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (unsigned char)(i * 7);
        in_quoted += (size_t)snprintf(quoted + in_quoted, sizeof quoted - in_quoted,
                                      i & 1 ? "=%02X" : "=%02x", all[i]);
    }
    for (size_t i = 0; i < sizeof all; i += 3) {
        unsigned three = (unsigned)all[i] << 16 | (unsigned)all[i + 1] << 8 | all[i + 2];
        for (unsigned shift = 24; shift > 0; shift -= 6)
            base64[used++] = letters[three >> (shift - 6) & 63];
    }
    one_part(TRANSFER "base64\r\n", (struct span){ base64, used });
    gives_at_every_split(MIXED, 0, (struct span){ (char *)all, sizeof all });
    one_part(TRANSFER "quoted-printable\r\n", (struct span){ quoted, in_quoted });
    gives_at_every_split(MIXED, 0, (struct span){ (char *)all, sizeof all });
}

/* --- content codings --- */

static char packed[4][4096];

/* `text` in that coding, in packed[place]; size 0: it is not built in. */
static struct span pack(size_t place, enum coding coding, struct span text)
{
    struct encoder *encoder;
    struct span none = { packed[place], 0 };
    int r = aiohttp__encoder_new(coding, -1, &encoder);
    if (r == -ENOTSUP)
        return none;
    assert_int_equal(r, 0);
    r = aiohttp__encoder_step(encoder, &text, ENCODE_FINISH, packed[place], sizeof packed[place]);
    aiohttp__encoder_free(encoder);
    assert_true(r > 0 && (size_t)r < sizeof packed[place]);
    return (struct span){ packed[place], (size_t)r };
}

static struct span to_base64(size_t place, struct span data)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = packed[place];
    size_t used = 0;
    for (size_t i = 0; i < data.size; i += 3) {
        unsigned char three[3] = { 0, 0, 0 };
        size_t have = least(3, data.size - i);
        memcpy(three, data.data + i, have);
        unsigned all = (unsigned)three[0] << 16 | (unsigned)three[1] << 8 | three[2];
        for (size_t j = 0; j < 4; j++)
            out[used++] = j <= have ? letters[all >> (18 - 6 * j) & 63] : '=';
    }
    return (struct span){ out, used };
}

static struct span sentence(void)
{
    return SPAN("one two three, one two three, one two three, one two three four");
}

static void content_codings_at_every_split(void **state)
{
    (void)state;
    static const char *const names[] = { [CODING_DEFLATE] = CONTENT "deflate\r\n",
                                         [CODING_GZIP] = CONTENT "x-GZIP\r\n",
                                         [CODING_BR] = CONTENT "br\r\n",
                                         [CODING_ZSTD] = CONTENT "zstd\r\n" };
    aiohttp_limits limits = aiohttp_server_limits();
    limits.inflate_step = 1;
    for (enum coding coding = CODING_DEFLATE; coding < CODING_COUNT; coding++) {
        struct span data = pack(0, coding, sentence());
        if (!data.size)
            continue;
        one_part(names[coding], data);
        gives_at_every_split(MIXED, 0, sentence());
        assert_int_equal(read_parts(MIXED, 0, &limits), 0);
        assert_int_equal(got_size, sentence().size);
        for (size_t size = 1; size < data.size; size++) {
            one_part(names[coding], (struct span){ data.data, size });
            for (body.piece = 0; body.piece < 3; body.piece++)
                gives(MIXED, 7, -AIOHTTP_CONTENT_ENCODING, data);
        }
        one_part(names[coding], (struct span){ data.data, 0 }); /* nothing at all */
        gives_at_every_split(MIXED, 0, SPAN(""));
    }
    one_part(CONTENT "identity\r\n", SPAN("as it is"));
    gives_at_every_split(MIXED, 0, SPAN("as it is"));
}

static void one_coding_over_the_other(void **state)
{
    (void)state;
    struct span gzip = pack(1, CODING_GZIP, pack(0, CODING_DEFLATE, sentence()));
    one_part(CONTENT "deflate, gzip\r\n", gzip);
    gives_at_every_split(MIXED, 0, sentence());
    one_part(TRANSFER "base64\r\n" CONTENT "deflate, gzip\r\n", to_base64(2, gzip));
    gives_at_every_split(MIXED, 0, sentence());
    /* what is broken in either is found */
    one_part(TRANSFER "base64\r\n" CONTENT "deflate, gzip\r\n", to_base64(2, sentence()));
    gives_at_every_split(MIXED, -AIOHTTP_CONTENT_ENCODING, sentence());
    one_part(TRANSFER "base64\r\n" CONTENT "deflate, gzip\r\n", gzip);
    gives_at_every_split(MIXED, -AIOHTTP_CONTENT_ENCODING, sentence());
    struct span text = to_base64(2, gzip);
    for (size_t size = 1; size < text.size; size++) {
        one_part(TRANSFER "base64\r\n" CONTENT "deflate, gzip\r\n",
                 (struct span){ text.data, size });
        gives(MIXED, 9, -AIOHTTP_CONTENT_ENCODING, text);
    }
}

/* RFC 7578, 4.8; and without being asked for, nothing is undone. */
static void what_is_not_to_be_undone_is_given_as_it_came(void **state)
{
    (void)state;
    one_part(CONTENT "gzip\r\n", SPAN("no gzip"));
    gives_at_every_split(FORM, 0, SPAN("no gzip"));
    one_part(CONTENT "gzip\r\n" TRANSFER "base64\r\n", SPAN("MQ=="));
    gives_at_every_split(FORM, 0, SPAN("1"));

    one_part(CONTENT "gzip\r\n" TRANSFER "base64\r\n", SPAN("MQ=="));
    aiohttp_multipart_reader *reader = reader_of(MIXED, NULL);
    aiohttp_body_part_reader *part = NULL;
    const char *data = NULL;
    assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
    assert_int_equal(aiohttp_body_part_reader_read(part, &data, NULL), 0);
    assert_string_equal(data, "MQ==");
    aiohttp_multipart_reader_unref(reader);
}

static void what_is_not_known_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = { TRANSFER "x-uuencode\r\n", TRANSFER "base64, 7bit\r\n",
                                        TRANSFER "\r\n", CONTENT "compress\r\n",
                                        CONTENT "gzip, lzma\r\n" };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        aiohttp_body_part_reader *part = NULL;
        const char *data = NULL;
        one_part(rows[i], SPAN("MQ=="));
        aiohttp_multipart_reader *reader = reader_of(MIXED, NULL);
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
        assert_int_equal(aiohttp_body_part_reader_decode(part), -AIOHTTP_CONTENT_ENCODING);
        aiohttp__multipart_reader_answers(reader);
        assert_int_equal(aiohttp_body_part_reader_decode(part), -(AIOHTTP_HTTP + 415));
        /* it can be taken as it is */
        assert_int_equal(aiohttp_body_part_reader_read(part, &data, NULL), 0);
        assert_string_equal(data, "MQ==");
        aiohttp_multipart_reader_unref(reader);
    }
}

/* --- errors --- */

static void a_broken_part_is_the_only_one(void **state)
{
    (void)state;
    struct span gzip = pack(0, CODING_GZIP, sentence());
    for (int how = 0; how < 6; how++) {
        char broken[256], piece[16];
        memcpy(broken, gzip.data, gzip.size);
        broken[gzip.size - 6] ^= 1; /* the sum */
        body_begin();
        body_part(CONTENT "gzip\r\n", (struct span){ broken, gzip.size });
        body_part(TRANSFER "base64\r\n", SPAN("YWJjZGVmZw=="));
        body_end();
        body.piece = how & 1;
        aiohttp_multipart_reader *reader = reader_of(MIXED, NULL);
        aiohttp_body_part_reader *part = NULL;
        const char *data = NULL;
        int r = 0, wanted = how < 2 ? -AIOHTTP_CONTENT_ENCODING : -(AIOHTTP_HTTP + 400);
        if (how >= 2)
            aiohttp__multipart_reader_answers(reader);
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
        assert_int_equal(aiohttp_body_part_reader_decode(part), 0);
        size_t size = 0;
        while (how < 4 &&
               (r = aiohttp_body_part_reader_read_chunk(part, piece, sizeof piece)) > 0)
            size += (size_t)r;
        if (how < 4) { /* all that stands before the damage, then the error, for ever */
            assert_int_equal(size, sentence().size);
            assert_int_equal(r, wanted);
            assert_int_equal(aiohttp_body_part_reader_read_chunk(part, piece, 1), wanted);
            assert_int_equal(aiohttp_body_part_reader_read(part, &data, NULL), wanted);
            assert_int_equal(aiohttp_body_part_reader_at_eof(part), 0);
        }
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
        assert_int_equal(aiohttp_body_part_reader_decode(part), 0);
        assert_int_equal(aiohttp_body_part_reader_read(part, &data, NULL), 0);
        assert_string_equal(data, "abcdefg");
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 0);
        aiohttp_multipart_reader_unref(reader);
    }
}

static void decode_is_said_before_it_is_read(void **state)
{
    (void)state;
    for (int coded = 0; coded < 2; coded++) {
        aiohttp_body_part_reader *part = NULL;
        char byte;
        one_part(coded ? TRANSFER "base64\r\n" : "", SPAN("YWJj"));
        aiohttp_multipart_reader *reader = reader_of(MIXED, NULL);
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
        assert_int_equal(aiohttp_body_part_reader_read_chunk(part, &byte, 1), 1);
        assert_int_equal(byte, 'Y');
        assert_int_equal(aiohttp_body_part_reader_decode(part), -ASYNCIO_INVALID_STATE);
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 0);
        assert_int_equal(aiohttp_body_part_reader_decode(part), -ASYNCIO_INVALID_STATE);
        aiohttp_multipart_reader_unref(reader);

        reader = reader_of(MIXED, NULL);
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
        assert_int_equal(aiohttp_body_part_reader_decode(part), 0);
        assert_int_equal(aiohttp_body_part_reader_decode(part), 0);
        assert_int_equal(aiohttp_body_part_reader_read_chunk(part, &byte, 1), 1);
        assert_int_equal(byte, coded ? 'a' : 'Y');
        assert_int_equal(aiohttp_body_part_reader_decode(part), 0);
        assert_int_equal(aiohttp_body_part_reader_release(part), 0);
        assert_int_equal(aiohttp_body_part_reader_at_eof(part), 1);
        assert_int_equal(aiohttp_body_part_reader_read_chunk(part, &byte, 1), 0);
        aiohttp_multipart_reader_unref(reader);
    }
}

static void nothing_is_lost_by_an_error_of_the_source(void **state)
{
    (void)state;
    struct span gzip = pack(0, CODING_GZIP, sentence());
    body_begin();
    body_part(TRANSFER "base64\r\n" CONTENT "gzip\r\n", to_base64(1, gzip));
    body_part(TRANSFER "quoted-printable\r\n", SPAN("=41=\r\nb"));
    size_t last = body.size + 2 + 7; /* what follows "--bound" is asked for, too */
    body_end();
    for (size_t at = 0; at < last; at++) {
        char text[128];
        size_t size = 0;
        aiohttp_body_part_reader *part = NULL;
        aiohttp_multipart_reader *reader = reader_of(MIXED, NULL);
        body.piece = 1;
        body.fail_at = at;
        body.error = -ECANCELED;
        int r, parts = 0, failed = 0;
        for (;;) {
            while ((r = aiohttp_multipart_reader_next(reader, &part)) == -ECANCELED)
                failed++;
            if (r == 0)
                break;
            assert_int_equal(r, 1);
            assert_int_equal(aiohttp_body_part_reader_decode(part), 0);
            while ((r = aiohttp_body_part_reader_read_chunk(part, text + size, 5)) != 0) {
                assert_true(r > 0 || r == -ECANCELED);
                failed += r < 0;
                size += r > 0 ? (size_t)r : 0;
                assert_true(size < sizeof text - 5);
            }
            parts++;
        }
        assert_int_equal(parts, 2);
        assert_int_equal(failed, 1);
        assert_int_equal(size, sentence().size + 2);
        assert_memory_equal(text, sentence().data, sentence().size);
        assert_memory_equal(text + sentence().size, "Ab", 2);
        aiohttp_multipart_reader_unref(reader);
    }
}

/* A coded part is read by a reader of its own. */
static void a_multipart_within_a_coding(void **state)
{
    (void)state;
    static const char inner[] = "--in\r\n" TRANSFER "base64\r\n\r\nYWJj\r\n--in\r\n\r\nd\r\n--in--";
    aiohttp_limits limits = aiohttp_server_limits();
    limits.part_depth = 2;
    one_part("Content-Type: multipart/mixed; boundary=in\r\n" CONTENT "gzip\r\n",
             pack(0, CODING_GZIP, span_of(inner)));
    for (body.piece = 0; body.piece < 9; body.piece++) {
        static const char *const wanted[] = { "abc", "d" };
        aiohttp_multipart_reader *reader = reader_of(MIXED, &limits), *nested = NULL;
        aiohttp_body_part_reader *part = NULL, *within = NULL;
        const char *data = NULL;
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
        assert_int_equal(aiohttp_body_part_reader_decode(part), 0);
        assert_int_equal(aiohttp_body_part_reader_multipart(part, &nested), 0);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(aiohttp_multipart_reader_next(nested, &within), 1);
            assert_int_equal(aiohttp_body_part_reader_decode(within), 0);
            assert_int_equal(aiohttp_body_part_reader_read(within, &data, NULL), 0);
            assert_string_equal(data, wanted[i]);
        }
        assert_int_equal(aiohttp_multipart_reader_next(nested, &within), 0);
        aiohttp_multipart_reader_unref(nested);
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 0);
        aiohttp_multipart_reader_unref(reader);
    }
}

/* --- limits --- */

enum { ZEROS = 10000 };

static struct span zeros(void)
{
    static char data[ZEROS];
    return (struct span){ data, sizeof data };
}

/* Two parts of ZEROS each, of 40 bytes or so, however they come. */
static void bombs(const aiohttp_limits *limits, int wanted, size_t given)
{
    struct span gzip = pack(0, CODING_GZIP, zeros());
    assert_true(gzip.size < 100);
    body_begin();
    body_part(CONTENT "gzip\r\n", gzip);
    body_part(TRANSFER "base64\r\n" CONTENT "gzip\r\n", to_base64(1, gzip));
    body_end();
    for (body.piece = 0; body.piece < 40; body.piece++) {
        assert_int_equal(read_parts(MIXED, body.piece % 2 ? 1000 : 4096, limits), wanted);
        assert_true(wanted == 0 ? got_size == 2 * ZEROS :
                                  got_size >= given && got_size < given + ZEROS);
    }
}

static void what_comes_out_is_limited(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    limits.inflate_ratio = 1;
    const struct {
        size_t from;
        int wanted;
        size_t given;
    } rows[] = {
        { ZEROS - 1, -AIOHTTP_BODY_TOO_LARGE, 0 },
        { ZEROS, -AIOHTTP_BODY_TOO_LARGE, ZEROS },
        { 2 * ZEROS - 1, -AIOHTTP_BODY_TOO_LARGE, ZEROS },
        { 2 * ZEROS, 0, 0 },
        { 2 * ZEROS + 1, 0, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        limits.inflate_ratio_from = rows[i].from;
        bombs(&limits, rows[i].wanted, rows[i].given);
    }
    limits.inflate_ratio_from = 2 * ZEROS - 1;
    limits.inflate_ratio = 0; /* none is allowed */
    bombs(&limits, -AIOHTTP_BODY_TOO_LARGE, ZEROS);
    limits.inflate_ratio = ZEROS;
    bombs(&limits, 0, 0);
    limits.inflate_ratio = AIOHTTP_UNLIMITED;
    bombs(&limits, 0, 0);
}

static void what_is_kept_is_counted_decoded(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    body_begin();
    body_part(CONTENT "gzip\r\n", pack(0, CODING_GZIP, zeros()));
    body_part(TRANSFER "base64\r\n", SPAN("YWJj"));
    body_end();
    for (body.piece = 0; body.piece < 40; body.piece++) {
        limits.body = ZEROS + 2;
        assert_int_equal(read_parts(MIXED, 0, &limits), -AIOHTTP_BODY_TOO_LARGE);
        limits.body = ZEROS + 3;
        assert_int_equal(read_parts(MIXED, 0, &limits), 0);
        limits.body = ZEROS + 4;
        assert_int_equal(read_parts(MIXED, 0, &limits), 0);
    }
}

static void codings_and_members_are_counted(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    struct span gzip = pack(1, CODING_GZIP, pack(0, CODING_DEFLATE, sentence()));
    one_part(CONTENT "deflate, gzip\r\n", gzip);
    for (body.piece = 0; body.piece < 9; body.piece++)
        for (limits.codings = 1; limits.codings <= 3; limits.codings++)
            assert_int_equal(read_parts(MIXED, 50, &limits),
                             limits.codings == 1 ? -AIOHTTP_CONTENT_ENCODING : 0);
    limits = aiohttp_server_limits();
    gzip = pack(0, CODING_GZIP, sentence());
    char twice[512];
    memcpy(twice, gzip.data, gzip.size);
    memcpy(twice + gzip.size, gzip.data, gzip.size);
    one_part(CONTENT "gzip\r\n", (struct span){ twice, 2 * gzip.size });
    for (body.piece = 0; body.piece < 9; body.piece++)
        for (limits.gzip_members = 1; limits.gzip_members <= 3; limits.gzip_members++)
            assert_int_equal(read_parts(MIXED, 50, &limits),
                             limits.gzip_members == 1 ? -AIOHTTP_CONTENT_ENCODING : 0);
}

/* In a handler each is a status. */
static void errors_are_statuses_in_a_handler(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    limits.inflate_ratio = 1;
    for (int large = 0; large < 2; large++) {
        char piece[1000];
        aiohttp_body_part_reader *part = NULL;
        int r;
        limits.inflate_ratio_from = large ? ZEROS - 1 : ZEROS;
        struct span gzip = pack(0, CODING_GZIP, zeros());
        one_part(CONTENT "gzip\r\n", (struct span){ gzip.data, gzip.size - !large });
        aiohttp_multipart_reader *reader = reader_of(MIXED, &limits);
        aiohttp__multipart_reader_answers(reader);
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
        assert_int_equal(aiohttp_body_part_reader_decode(part), 0);
        while ((r = aiohttp_body_part_reader_read_chunk(part, piece, sizeof piece)) > 0)
            ;
        assert_int_equal(r, -(AIOHTTP_HTTP + (large ? 413 : 400)));
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 0);
        aiohttp_multipart_reader_unref(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transfer_codings_at_every_split),
        cmocka_unit_test(all_bytes_come_back),
        cmocka_unit_test(content_codings_at_every_split),
        cmocka_unit_test(one_coding_over_the_other),
        cmocka_unit_test(what_is_not_to_be_undone_is_given_as_it_came),
        cmocka_unit_test(what_is_not_known_is_refused),
        cmocka_unit_test(a_broken_part_is_the_only_one),
        cmocka_unit_test(decode_is_said_before_it_is_read),
        cmocka_unit_test(nothing_is_lost_by_an_error_of_the_source),
        cmocka_unit_test(a_multipart_within_a_coding),
        cmocka_unit_test(what_comes_out_is_limited),
        cmocka_unit_test(what_is_kept_is_counted_decoded),
        cmocka_unit_test(codings_and_members_are_counted),
        cmocka_unit_test(errors_are_statuses_in_a_handler),
    };
    return cmocka_run_group_tests_name("part_coding", tests, NULL, NULL);
}
