/* SPDX-License-Identifier: MIT */
/* Multipart bodies: read at every split, refused at every limit; what is written is read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <aiohttp/error.h>
#include <aiohttp/form.h>
#include <asyncio/alloc.h>
#include <errno.h>

/* A body that comes `piece` bytes at a time, and once with an error at `fail_at`. */
struct source {
    const char *data;
    size_t size, at, piece;
    size_t fail_at;
    int error;
    int destroyed;
};

static int read_source(void *p, void *buffer, size_t size)
{
    struct source *source = p;
    if (source->error && source->at >= source->fail_at) {
        int error = source->error;
        source->error = 0;
        return error;
    }
    size_t left = source->size - source->at;
    size_t now = left < size ? left : size;
    if (source->piece > 0 && now > source->piece)
        now = source->piece;
    memcpy(buffer, source->data + source->at, now);
    source->at += now;
    return (int)now;
}

static void destroyed(void *p)
{
    ((struct source *)p)->destroyed++;
}

static struct source source_of(const char *text)
{
    return (struct source){ .data = text, .size = strlen(text) };
}

static aiohttp_multipart_reader *reader_of(struct source *source, const aiohttp_limits *limits)
{
    aiohttp_multipart_reader *reader = NULL;
    assert_int_equal(aiohttp_multipart_reader_new("multipart/form-data; boundary=b", read_source,
                                                  source, &reader, .limits = limits),
                     0);
    return reader;
}

/* Parts as text: name, file's name, body. Reads chunks of `chunk` bytes. */
static int read_all(aiohttp_multipart_reader *reader, size_t chunk, char *text, size_t room)
{
    aiohttp_body_part_reader *part;
    size_t at = 0;
    int r;
    text[0] = '\0';
    while ((r = aiohttp_multipart_reader_next(reader, &part)) > 0) {
        const char *name = aiohttp_body_part_reader_name(part);
        const char *file = aiohttp_body_part_reader_filename(part);
        at += (size_t)snprintf(text + at, room - at, "[%s,%s,", name ? name : "-",
                               file ? file : "-");
        char buffer[64];
        while ((r = aiohttp_body_part_reader_read_chunk(part, buffer, chunk)) > 0) {
            assert_true(at + (size_t)r + 2 < room);
            memcpy(text + at, buffer, (size_t)r);
            at += (size_t)r;
        }
        if (r < 0)
            return r;
        assert_int_equal(aiohttp_body_part_reader_at_eof(part), 1);
        at += (size_t)snprintf(text + at, room - at, "]");
    }
    return r;
}

static void reads(const char *body, size_t piece, const char *wanted)
{
    char text[512];
    struct source source = source_of(body);
    source.piece = piece;
    aiohttp_multipart_reader *reader = reader_of(&source, NULL);
    int r = read_all(reader, piece % 5 + 1, text, sizeof text);
    aiohttp_multipart_reader_unref(reader);
    if (!wanted) {
        assert_int_equal(r, -AIOHTTP_BAD_HTTP_MESSAGE);
        return;
    }
    assert_int_equal(r, 0);
    assert_string_equal(text, wanted);
}

static void parts_at_every_size_of_pieces(void **state)
{
    (void)state;
    static const char *const bodies[][2] = {
        { "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x.txt\"\r\n"
          "Content-Type: text/plain\r\n\r\none\r\n--\r\n-\r\n--cad\r\r\n--b \t\r\n\r\ntwo\n\r\n"
          "--b--epilogue",
          "[a,x.txt,one\r\n--\r\n-\r\n--cad\r][-,-,two\n]" },
        { "--b\r\n\r\n\r\n--b--", "[-,-,]" },
        { "--b\r\n\r\n--b--", "[-,-,]" }, /* the CR LF of the empty line is the delimiter's, too */
        { "--b--\r\n", "" },
        { "\r\n--b--", "" },
        { "--b\r\nContent-Disposition: form-data; name=x\r\n\r\n\r\n\r\n--b\r\n\r\n\r\r\n--b--\r\n",
          "[x,-,\r\n][-,-,\r]" },
        { "--b\r\ncontent-disposition: broken; =\r\n\r\n1\r\n--b--", "[-,-,1]" },
        { "x--b\r\n--b\r\n\r\ny--b\r\n--b--", "[-,-,y--b]" },
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        for (size_t piece = 0; piece < 40; piece++)
            reads(bodies[i][0], piece, bodies[i][1]);
}

/* Whatever is wrong ends, and does not turn in circles. */
static void CVE_2024_30251_what_is_wrong_ends(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "x",
        "--",
        "--b",
        "--b\r",
        "--b\r\n",
        "--b\r\nA: b",
        "--b\r\nA: b\r\n",
        "--b\r\n\r\n",
        "--b\r\n\r\nx",
        "--b\r\n\r\nx\r\n",
        "--b\r\n\r\nx\r\n--b",
        "--b\r\n\r\nx\r\n--b-",
        "--b\r\n\r\nx\r\n--b\r",
        "--bx\r\n\r\n",
        "--b x\r\n\r\n",
        "--b\n\n\nx\n--b--",
        "--b\r\n\r\nx--b--",
        "--b\r\nA b\r\n\r\n\r\n--b--",
        "--b\r\nA : b\r\n\r\n\r\n--b--",
        "--b\r\n A: b\r\n\r\n\r\n--b--",
        "--b\r\nA: b\n\r\n\r\n--b--",
        "--b\r\nA: b\rc\r\n\r\n\r\n--b--",
        "--b\r\n: b\r\n\r\n\r\n--b--",
        "--b\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n\r\n\r\n--b--",
        "--B\r\n\r\n\r\n--B--",
        "--b                                                                 \r\n\r\n\r\n--b--",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t piece = 0; piece < 20; piece++)
            reads(rows[i], piece, NULL);
}

static void the_type_says_the_boundary(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "text/plain; boundary=b",
        "multipart/form-data",
        "multipart/form-data; boundary=\"\"",
        "multipart/mixed; boundary=\"b \"",
        "multipart/mixed; boundary=\"b\xc3\xa9\"",
        "multipart/mixed; boundary=b;x y",
        ("multipart/mixed; boundary=a23456789012345678901234567890"
         "1234567890123456789012345678901234567890b"),
    };
    struct source source = source_of("");
    aiohttp_multipart_reader *reader = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(aiohttp_multipart_reader_new(wrong[i], read_source, &source, &reader),
                         -EINVAL);
    assert_null(reader);
    source = source_of("--a b:c\r\n\r\nx\r\n--a b:c--");
    assert_int_equal(aiohttp_multipart_reader_new("Multipart/Mixed ; Boundary=\"a b:\\c\"",
                                                  read_source, &source, &reader),
                     0);
    char text[64];
    assert_int_equal(read_all(reader, 64, text, sizeof text), 0);
    assert_string_equal(text, "[-,-,x]");
    aiohttp_multipart_reader_unref(reader);
}

static void a_part_that_was_not_read_is_left_out(void **state)
{
    (void)state;
    struct source source =
        source_of("--b\r\nX: 1\r\n\r\nfirst\r\n--b\r\nX: 2\r\n\r\nsecond\r\n--b--");
    source.piece = 3;
    aiohttp_multipart_reader *reader = reader_of(&source, NULL);
    aiohttp_body_part_reader *part = NULL;
    assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
    assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
    assert_string_equal(aiohttp_headers_get(aiohttp_body_part_reader_headers(part), "x"), "2");
    const char *data = NULL;
    size_t size = 0;
    assert_int_equal(aiohttp_body_part_reader_read(part, &data, &size), 0);
    assert_int_equal(size, 6);
    assert_string_equal(data, "second");
    assert_int_equal(aiohttp_body_part_reader_read(part, &data, &size), 0);
    assert_string_equal(data, "second");
    assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 0);
    assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 0);
    aiohttp_multipart_reader_unref(reader);
}

static void nothing_is_lost_by_an_error_of_the_source(void **state)
{
    (void)state;
    static const char body[] = "--b\r\nX: 1\r\n\r\nfirst\r\n--b\r\nX: 2\r\n\r\nsecond\r\n--b--";
    for (size_t at = 0; at <= sizeof body - 1; at++) {
        struct source source = source_of(body);
        source.piece = 1;
        source.fail_at = at;
        source.error = -ECANCELED;
        aiohttp_multipart_reader *reader = reader_of(&source, NULL);
        aiohttp_body_part_reader *part = NULL;
        const char *data = NULL;
        int r, parts = 0, failed = 0;
        for (;;) {
            while ((r = aiohttp_multipart_reader_next(reader, &part)) == -ECANCELED)
                failed++;
            assert_true(r >= 0);
            if (r == 0)
                break;
            while ((r = aiohttp_body_part_reader_read(part, &data, NULL)) == -ECANCELED)
                failed++;
            assert_int_equal(r, 0);
            assert_string_equal(data, parts == 0 ? "first" : "second");
            parts++;
        }
        assert_int_equal(parts, 2);
        /* what comes after the last boundary is not asked for */
        assert_int_equal(failed, at < sizeof body - 1 ? 1 : 0);
        aiohttp_multipart_reader_unref(reader);
    }
}

static int with_parts(size_t count, const aiohttp_limits *limits)
{
    static char body[1 << 16];
    char text[1 << 15];
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(body + at, sizeof body - at, "--b\r\n\r\n\r\n");
    snprintf(body + at, sizeof body - at, "--b--");
    struct source source = source_of(body);
    aiohttp_multipart_reader *reader = reader_of(&source, limits);
    int r = read_all(reader, 64, text, sizeof text);
    aiohttp_multipart_reader_unref(reader);
    return r;
}

static int with_head(size_t fields, size_t size, const aiohttp_limits *limits, size_t piece)
{
    static char body[1 << 16];
    char text[512];
    size_t at = (size_t)snprintf(body, sizeof body, "--b\r\n"), from = at;
    for (size_t i = 0; i < fields; i++)
        at += (size_t)snprintf(body + at, sizeof body - at, "X: y\r\n");
    if (size > at - from + 2 + 5) {
        at += (size_t)snprintf(body + at, sizeof body - at, "P: ");
        while (at - from + 4 < size)
            body[at++] = 'p';
        at += (size_t)snprintf(body + at, sizeof body - at, "\r\n");
    }
    snprintf(body + at, sizeof body - at, "\r\n\r\n--b--");
    struct source source = source_of(body);
    source.piece = piece;
    aiohttp_multipart_reader *reader = reader_of(&source, limits);
    int r = read_all(reader, 64, text, sizeof text);
    aiohttp_multipart_reader_unref(reader);
    return r;
}

/* The heads of parts have limits, too. */
static void CVE_2026_34516_limits_of_heads(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    limits.parts = 3;
    assert_int_equal(with_parts(2, &limits), 0);
    assert_int_equal(with_parts(3, &limits), 0);
    assert_int_equal(with_parts(4, &limits), -AIOHTTP_BAD_HTTP_MESSAGE);
    assert_int_equal(with_parts(1000, NULL), 0);
    assert_int_equal(with_parts(1001, NULL), -AIOHTTP_BAD_HTTP_MESSAGE);
    for (size_t piece = 0; piece < 3; piece++) {
        assert_int_equal(with_head(31, 0, NULL, piece), 0);
        assert_int_equal(with_head(32, 0, NULL, piece), 0);
        assert_int_equal(with_head(33, 0, NULL, piece), -AIOHTTP_HEADERS_TOO_LARGE);
        limits.part_head = 199;
        assert_int_equal(with_head(1, 199, &limits, piece), 0);
        assert_int_equal(with_head(1, 198, &limits, piece), 0);
        assert_int_equal(with_head(1, 200, &limits, piece), -AIOHTTP_HEADERS_TOO_LARGE);
    }
}

static int kept(size_t first, size_t second, size_t limit, size_t piece)
{
    char body[512];
    snprintf(body, sizeof body, "--b\r\n\r\n%.*s\r\n--b\r\n\r\n%.*s\r\n--b--", (int)first,
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", (int)second, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    aiohttp_limits limits = aiohttp_server_limits();
    limits.body = limit;
    struct source source = source_of(body);
    source.piece = piece;
    aiohttp_multipart_reader *reader = reader_of(&source, &limits);
    aiohttp_body_part_reader *part;
    const char *data;
    size_t size;
    int r;
    while ((r = aiohttp_multipart_reader_next(reader, &part)) > 0 &&
           (r = aiohttp_body_part_reader_read(part, &data, &size)) >= 0)
        assert_int_equal(strlen(data), size);
    aiohttp_multipart_reader_unref(reader);
    return r;
}

/* One count for all parts, not one for each. */
static void CVE_2025_69228_kept_bytes_are_counted_over_all_parts(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 4; piece++) {
        assert_int_equal(kept(10, 9, 20, piece), 0);
        assert_int_equal(kept(10, 10, 20, piece), 0);
        assert_int_equal(kept(10, 11, 20, piece), -AIOHTTP_BODY_TOO_LARGE);
        assert_int_equal(kept(21, 0, 20, piece), -AIOHTTP_BODY_TOO_LARGE);
        assert_int_equal(kept(0, 0, 0, piece), 0);
        assert_int_equal(kept(0, 1, 0, piece), -AIOHTTP_BODY_TOO_LARGE);
    }
}

/* Counted before they are kept: of a part without an end no more is taken than a buffer of it. */
static void CVE_2026_34517_what_is_too_much_is_not_kept(void **state)
{
    (void)state;
    enum { LIMIT = 100, LARGE = 1 << 20 };
    static char body[LARGE + 64];
    memcpy(body, "--b\r\n\r\n", 7);
    memset(body + 7, 'a', LARGE);
    memcpy(body + 7 + LARGE, "\r\n--b--", 8);
    for (size_t piece = 1; piece <= 4096; piece *= 8) {
        aiohttp_limits limits = aiohttp_server_limits();
        limits.body = LIMIT;
        struct source source = { .data = body, .size = LARGE + 14, .piece = piece };
        aiohttp_multipart_reader *reader = reader_of(&source, &limits);
        aiohttp_body_part_reader *part;
        const char *data;
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
        assert_int_equal(aiohttp_body_part_reader_read(part, &data, NULL),
                         -AIOHTTP_BODY_TOO_LARGE);
        /* pieces of one byte: the limit, one more, and the bytes that could begin a boundary */
        assert_true(source.at <= LIMIT + 32 + 2 * piece);
        assert_int_equal(aiohttp_body_part_reader_read(part, &data, NULL),
                         -AIOHTTP_BODY_TOO_LARGE);
        assert_true(source.at <= LIMIT + 32 + 2 * piece);
        aiohttp_multipart_reader_unref(reader);
    }
}

static const char nested[] =
    "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
    "--c\r\n\r\n1\r\n--c\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n"
    "--d--\r\n--c--\r\n--b\r\n\r\n2\r\n--b--";

static void multiparts_within_multiparts(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    for (size_t piece = 0; piece < 30; piece++) {
        struct source source = source_of(nested);
        source.piece = piece;
        limits.part_depth = 2;
        aiohttp_multipart_reader *reader = reader_of(&source, &limits), *inner = NULL,
                                 *third = NULL;
        aiohttp_body_part_reader *part, *of_inner;
        const char *data;
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
        assert_int_equal(aiohttp_body_part_reader_multipart(part, &inner), 0);
        assert_int_equal(aiohttp_multipart_reader_next(inner, &of_inner), 1);
        assert_int_equal(aiohttp_body_part_reader_read(of_inner, &data, NULL), 0);
        assert_string_equal(data, "1");
        assert_int_equal(aiohttp_body_part_reader_multipart(of_inner, &third), -EINVAL);
        assert_int_equal(aiohttp_multipart_reader_next(inner, &of_inner), 1);
        assert_int_equal(aiohttp_body_part_reader_multipart(of_inner, &third),
                         -AIOHTTP_BAD_HTTP_MESSAGE);
        assert_int_equal(aiohttp_multipart_reader_next(inner, &of_inner), 0);
        assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
        assert_int_equal(aiohttp_body_part_reader_read(part, &data, NULL), 0);
        assert_string_equal(data, "2");
        aiohttp_multipart_reader_unref(reader);
        aiohttp_multipart_reader_unref(inner);
    }
}

static void a_nested_reader_knows_that_its_part_has_gone(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_server_limits();
    limits.part_depth = 2;
    limits.parts = 2;
    struct source source = source_of(nested);
    source.piece = 1;
    aiohttp_multipart_reader *reader = reader_of(&source, &limits), *inner = NULL;
    aiohttp_body_part_reader *part, *of_inner;
    assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
    assert_int_equal(aiohttp_body_part_reader_multipart(part, &inner), 0);
    assert_int_equal(aiohttp_multipart_reader_next(inner, &of_inner), 1);
    /* the third part of all is one too many */
    assert_int_equal(aiohttp_multipart_reader_next(inner, &of_inner), -AIOHTTP_BAD_HTTP_MESSAGE);
    aiohttp_multipart_reader_unref(inner);
    source = source_of(nested);
    source.piece = 1;
    aiohttp_multipart_reader_unref(reader);
    limits.parts = 9;
    reader = reader_of(&source, &limits);
    assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
    assert_int_equal(aiohttp_body_part_reader_multipart(part, &inner), 0);
    assert_int_equal(aiohttp_multipart_reader_next(reader, &part), 1);
    assert_int_equal(aiohttp_multipart_reader_next(inner, &of_inner), -ASYNCIO_INVALID_STATE);
    aiohttp_multipart_reader_unref(inner);
    aiohttp_multipart_reader_unref(reader);
}

static size_t write_all(aiohttp_multipart_writer *writer, size_t piece, char *text, size_t room)
{
    size_t at = 0;
    int r;
    while ((r = aiohttp_multipart_writer_read(writer, text + at,
                                              piece < room - at ? piece : room - at)) > 0)
        at += (size_t)r;
    assert_int_equal(r, 0);
    text[at] = '\0';
    return at;
}

static void written_in_any_pieces(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 100; piece += 7) {
        struct source source = source_of("streamed");
        source.piece = piece % 3;
        aiohttp_multipart_writer *writer = NULL, *inner = NULL;
        assert_int_equal(aiohttp_multipart_writer_new("mixed", &writer, .boundary = "x y"), 0);
        assert_int_equal(aiohttp_multipart_writer_new("related", &inner, .boundary = "in"), 0);
        aiohttp_headers *headers = aiohttp_headers_new();
        assert_non_null(headers);
        assert_int_equal(aiohttp_headers_add(headers, "Content-Type", "text/plain"), 0);
        assert_int_equal(aiohttp_multipart_writer_append(inner, "z", 1, NULL), 0);
        assert_int_equal(aiohttp_multipart_writer_append(writer, "a\0b", 3, headers), 0);
        assert_int_equal(aiohttp_multipart_writer_append_stream(writer, read_source, &source, NULL,
                                                                .length = 8, .destroy = destroyed),
                         0);
        int r = aiohttp_multipart_writer_append_multipart(writer, inner);
        assert_int_equal(r, 0);
        aiohttp_headers_unref(headers);
        assert_string_equal(aiohttp_multipart_writer_content_type(writer),
                            "multipart/mixed; boundary=\"x y\"");
        static const char wanted[] = "--x y\r\nContent-Type: text/plain\r\n\r\na\0b\r\n"
                                     "--x y\r\n\r\nstreamed\r\n--x y\r\n"
                                     "Content-Type: multipart/related; boundary=in\r\n\r\n"
                                     "--in\r\n\r\nz\r\n--in--\r\n\r\n--x y--\r\n";
        char text[512];
        assert_int_equal(aiohttp_multipart_writer_length(writer), sizeof wanted - 1);
        assert_int_equal(write_all(writer, piece, text, sizeof text - 1), sizeof wanted - 1);
        assert_memory_equal(text, wanted, sizeof wanted - 1);
        assert_int_equal(source.destroyed, 1);
        assert_int_equal(aiohttp_multipart_writer_append(writer, "", 0, NULL), -EINVAL);
        aiohttp_multipart_writer_unref(writer);
        assert_int_equal(source.destroyed, 1);
    }
}

static void sources_that_fail(void **state)
{
    (void)state;
    char text[256];
    struct source source = source_of("12345");
    aiohttp_multipart_writer *writer = NULL;
    assert_int_equal(aiohttp_multipart_writer_new("mixed", &writer), 0);
    assert_int_equal(aiohttp_multipart_writer_append_stream(writer, read_source, &source, NULL,
                                                            .length = 6, .destroy = destroyed),
                     0);
    int r;
    while ((r = aiohttp_multipart_writer_read(writer, text, sizeof text)) > 0)
        ;
    assert_int_equal(r, -AIOHTTP_PAYLOAD);
    aiohttp_multipart_writer_unref(writer);
    assert_int_equal(source.destroyed, 1);

    source = source_of("12345");
    source.error = -ECANCELED;
    source.piece = 2;
    source.fail_at = 2;
    assert_int_equal(aiohttp_multipart_writer_new("mixed", &writer, .boundary = "b"), 0);
    assert_int_equal(aiohttp_multipart_writer_append_stream(writer, read_source, &source, NULL), 0);
    assert_int_equal(aiohttp_multipart_writer_length(writer), -1);
    size_t at = 0, failed = 0;
    while ((r = aiohttp_multipart_writer_read(writer, text + at, sizeof text - at)) != 0) {
        failed += r == -ECANCELED;
        at += r > 0 ? (size_t)r : 0;
    }
    text[at] = '\0';
    assert_string_equal(text, "--b\r\n\r\n12345\r\n--b--\r\n");
    assert_int_equal(failed, 1);
    aiohttp_multipart_writer_unref(writer);
}

static void boundaries_are_random(void **state)
{
    (void)state;
    aiohttp_multipart_writer *a = NULL, *b = NULL;
    assert_int_equal(aiohttp_multipart_writer_new("mixed", &a), 0);
    assert_int_equal(aiohttp_multipart_writer_new("mixed", &b), 0);
    assert_int_equal(strlen(aiohttp_multipart_writer_content_type(a)),
                     strlen("multipart/mixed; boundary=") + 32);
    assert_string_not_equal(aiohttp_multipart_writer_content_type(a),
                            aiohttp_multipart_writer_content_type(b));
    aiohttp_multipart_writer_unref(a);
    aiohttp_multipart_writer_unref(b);
    a = NULL;
    assert_int_equal(aiohttp_multipart_writer_new("a\r\nb", &a), -EINVAL);
    assert_int_equal(aiohttp_multipart_writer_new("mixed", &a, .boundary = "a\r\nb"), -EINVAL);
    assert_int_equal(aiohttp_multipart_writer_new("mixed", &a, .boundary = ""), -EINVAL);
    assert_null(a);
}

static size_t form_text(aiohttp_form_data *form, char *text, size_t room)
{
    size_t at = 0;
    int r;
    while ((r = aiohttp_form_data_read(form, text + at, room - 1 - at)) > 0)
        at += (size_t)r;
    assert_int_equal(r, 0);
    text[at] = '\0';
    return at;
}

static void forms_are_encoded_until_a_file_comes(void **state)
{
    (void)state;
    char text[1024];
    aiohttp_form_data *form = aiohttp_form_data_new();
    assert_non_null(form);
    assert_int_equal(aiohttp_form_data_add_field(form, "a b", "c&d"), 0);
    assert_int_equal(aiohttp_form_data_add_field(form, "n", "x\0y", .length = 3), 0);
    assert_int_equal(aiohttp_form_data_is_multipart(form), 0);
    assert_string_equal(aiohttp_form_data_content_type(form), "application/x-www-form-urlencoded");
    assert_int_equal(aiohttp_form_data_length(form), 17);
    assert_int_equal(form_text(form, text, sizeof text), 17);
    assert_string_equal(text, "a+b=c%26d&n=x%00y");
    assert_int_equal(aiohttp_form_data_add_field(form, "late", ""), -EINVAL);
    aiohttp_form_data_unref(form);

    form = aiohttp_form_data_new();
    assert_non_null(form);
    struct source source = source_of("stream");
    assert_int_equal(aiohttp_form_data_add_field(form, "a\"b", "c"), 0);
    assert_int_equal(aiohttp_form_data_add_field(form, "f", "data", .filename = "\xc3\xa9.txt"), 0);
    assert_int_equal(aiohttp_form_data_add_field(form, "s", NULL, .read = read_source,
                                                 .source = &source, .destroy = destroyed),
                     0);
    assert_int_equal(aiohttp_form_data_is_multipart(form), 1);
    assert_int_equal(aiohttp_form_data_length(form), -1);
    size_t size = form_text(form, text, sizeof text);
    struct source body = { .data = text, .size = size, .piece = 5 };
    aiohttp_multipart_reader *reader = NULL;
    assert_int_equal(aiohttp_multipart_reader_new(aiohttp_form_data_content_type(form), read_source,
                                                  &body, &reader),
                     0);
    char back[512];
    assert_int_equal(read_all(reader, 7, back, sizeof back), 0);
    assert_string_equal(back, "[a%22b,-,c][f,\xc3\xa9.txt,data][s,-,stream]");
    aiohttp_multipart_reader_unref(reader);
    aiohttp_form_data_unref(form);
    assert_int_equal(source.destroyed, 1);
}

/* No field of a head gets in by a type, a name, or the name of a file. */
static void CVE_2026_34514_nothing_gets_in_by_a_type(void **state)
{
    (void)state;
    aiohttp_form_data *form = aiohttp_form_data_new();
    assert_non_null(form);
    assert_int_equal(aiohttp_form_data_add_field(form, "a\r\nX: y", "v"), -EINVAL);
    assert_int_equal(aiohttp_form_data_add_field(form, "a\nb", "v"), -EINVAL);
    assert_int_equal(aiohttp_form_data_add_field(form, "a", "v", .filename = "b\r\nX: y"), -EINVAL);
    assert_int_equal(aiohttp_form_data_add_field(form, "a", "v", .content_type = "t/x\r\nX: y"),
                     -EINVAL);
    assert_int_equal(aiohttp_form_data_add_field(form, "a", "v", .content_type = "t/x\x01"),
                     -EINVAL);
    assert_int_equal(aiohttp_form_data_add_field(form, "a", NULL), -EINVAL);
    assert_int_equal(aiohttp_form_data_add_field(form, NULL, "v"), -EINVAL);
    assert_int_equal(aiohttp_form_data_length(form), 0);
    assert_int_equal(aiohttp_form_data_is_multipart(form), 0);
    aiohttp_form_data_unref(form);
    aiohttp_form_data_unref(NULL);
}

/* Nor by the headers that a part is given: what a value may not have is not taken into them, and
 * what is written of those that were taken is read back as they were. */
static void CVE_2026_50269_nothing_gets_in_by_headers(void **state)
{
    (void)state;
    aiohttp_headers *headers = aiohttp_headers_new();
    assert_non_null(headers);
    for (int c = 0; c < 256; c++) {
        char value[] = "a?b", name[] = "A?b";
        value[1] = name[1] = (char)c;
        bool is_control = (c < 0x20 && c != '\t') || c == 0x7f;
        if (c == 0)
            continue; /* ends the text */
        assert_int_equal(aiohttp_headers_add(headers, "X-Value", value), is_control ? -EINVAL : 0);
        if (is_control || strchr(" \t:", c))
            assert_int_equal(aiohttp_headers_add(headers, name, "v"), -EINVAL);
    }
    assert_int_equal(aiohttp_headers_set(headers, "X-Value", "a\r\nX-Evil: b"), -EINVAL);
    assert_int_equal(aiohttp_headers_set(headers, "X\r\nX-Evil: b\r\nX", "a"), -EINVAL);
    assert_int_equal(aiohttp_headers_set(headers, "X-Value", "a"), 0);
    aiohttp_multipart_writer *writer = NULL;
    char text[512];
    assert_int_equal(aiohttp_multipart_writer_new("mixed", &writer, .boundary = "b"), 0);
    assert_int_equal(aiohttp_multipart_writer_append(writer, "z", 1, headers), 0);
    write_all(writer, 100, text, sizeof text - 1);
    assert_string_equal(text, "--b\r\nX-Value: a\r\n\r\nz\r\n--b--\r\n");
    aiohttp_multipart_writer_unref(writer);
    aiohttp_headers_unref(headers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_at_every_size_of_pieces),
        cmocka_unit_test(CVE_2024_30251_what_is_wrong_ends),
        cmocka_unit_test(the_type_says_the_boundary),
        cmocka_unit_test(a_part_that_was_not_read_is_left_out),
        cmocka_unit_test(nothing_is_lost_by_an_error_of_the_source),
        cmocka_unit_test(CVE_2026_34516_limits_of_heads),
        cmocka_unit_test(CVE_2025_69228_kept_bytes_are_counted_over_all_parts),
        cmocka_unit_test(CVE_2026_34517_what_is_too_much_is_not_kept),
        cmocka_unit_test(multiparts_within_multiparts),
        cmocka_unit_test(a_nested_reader_knows_that_its_part_has_gone),
        cmocka_unit_test(written_in_any_pieces),
        cmocka_unit_test(sources_that_fail),
        cmocka_unit_test(boundaries_are_random),
        cmocka_unit_test(forms_are_encoded_until_a_file_comes),
        cmocka_unit_test(CVE_2026_34514_nothing_gets_in_by_a_type),
        cmocka_unit_test(CVE_2026_50269_nothing_gets_in_by_headers),
    };
    return cmocka_run_group_tests_name("multipart", tests, NULL, NULL);
}
