/* SPDX-License-Identifier: MIT */
/* Multipart bodies, read and written in pieces: Python's MultipartReader, BodyPartReader and
 * MultipartWriter.
 *
 *     aiohttp_multipart_reader *reader;
 *     aiohttp_body_part_reader *part;
 *     int r = aiohttp_multipart_reader_new(content_type, read_body, body, &reader);
 *     while (r >= 0 && (r = aiohttp_multipart_reader_next(reader, &part)) > 0)
 *         while ((r = aiohttp_body_part_reader_read_chunk(part, chunk, sizeof chunk)) > 0)
 *             ...
 *     aiohttp_multipart_reader_unref(reader);
 *
 * SOURCE     Bytes come from a function of the caller's and may come in any pieces; what it
 *            suspends for, these functions suspend for. What it fails with (-ECANCELED too) they
 *            return, and can be called again. So a writer can be read by a reader, and a part be
 *            the source of another reader.
 * MODEL      One part after the other: next leaves out what was not read of the last. A part is
 *            lent until then.
 * LIMITS     Those of aiohttp_limits: parts (of nested ones too), part_headers and part_head,
 *            depth (part_depth 1: none within another), and body: of all that
 *            aiohttp_body_part_reader_read keeps in memory together. What comes as chunks has none
 *            but the body's own.
 * STRICT     The head of a part is read by the parser of messages; nested ones, too. A body that
 *            ends before its last boundary is an error: -AIOHTTP_BAD_HTTP_MESSAGE, for which a
 *            server answers 400, as for all else that is wrong; the sentence says what.
 * CODINGS    Content-Transfer-Encoding and Content-Encoding of a part are undone when
 *            aiohttp_body_part_reader_decode was called, else it is given as it came. What comes
 *            out is limited as a body's (inflate_step, inflate_ratio, codings, gzip_members), the
 *            ratio over all parts together. A part of multipart/form-data has no
 *            Content-Encoding: the field is passed over, as RFC 7578 (4.8) and aiohttp have it.
 * THREADS    One task at a time.
 * STANDARDS  RFC 2046, 5.1; RFC 7578. */
#pragma once

#include <aiohttp/headers.h>
#include <aiohttp/limits.h>
#include <stdint.h>

ASYNCIO__BEGIN

typedef struct aiohttp_multipart_reader aiohttp_multipart_reader;
typedef struct aiohttp_body_part_reader aiohttp_body_part_reader;
typedef struct aiohttp_multipart_writer aiohttp_multipart_writer;

/* Where bytes come from: puts 1 to `size` of them into `buffer` and says how many; 0 at the end;
 * else a negative error. It may suspend. */
typedef int aiohttp_multipart_source(void *source, void *buffer, size_t size);

typedef struct aiohttp_multipart_reader_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_multipart_reader_options));
    const aiohttp_limits *limits ASYNCIO__0; /* copied; NULL: those of a server */
} aiohttp_multipart_reader_options;

/* Makes a reader of a body with that Content-Type: new, with one reference. Borrows `source`, which
 * `read` is called with. -EINVAL: the type is not multipart, or has no boundary that is one.
 * -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_multipart_reader_new(const char *content_type, aiohttp_multipart_source *read, void *source,
                             aiohttp_multipart_reader **ret_reader,
                             const aiohttp_multipart_reader_options *options);
#define aiohttp_multipart_reader_new(...) aiohttp__multipart_reader_new_m(__VA_ARGS__, )
#define aiohttp__multipart_reader_new_m(type, read, source, ret_reader, ...)                       \
    aiohttp__multipart_reader_new_v(                                                               \
        type, read, source, ret_reader,                                                            \
        ASYNCIO__OPTIONS(aiohttp_multipart_reader_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int
aiohttp__multipart_reader_new_v(const char *content_type, aiohttp_multipart_source *read,
                                void *source, aiohttp_multipart_reader **ret_reader,
                                aiohttp_multipart_reader_options options)
{
    return (aiohttp_multipart_reader_new)(content_type, read, source, ret_reader, &options);
}

/* Gives the reference back (NULL allowed), and the part with it. Nothing more is read. Does not
 * suspend. */
AIOHTTP_API void aiohttp_multipart_reader_unref(aiohttp_multipart_reader *reader);

/* The next part: 1, and the part, lent until the next call; 0 after the last one. Reads what is
 * left of the part before. -AIOHTTP_BAD_HTTP_MESSAGE and, for a head over its limits,
 * -AIOHTTP_HEADERS_TOO_LARGE or -AIOHTTP_LINE_TOO_LONG: then for ever; -ENOMEM, and what the
 * source returns. Suspends as the source does. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_multipart_reader_next(
    aiohttp_multipart_reader *reader, aiohttp_body_part_reader **ret_part);

/* The part's headers, lent as the part is. Does not suspend. */
AIOHTTP_API const aiohttp_headers *
aiohttp_body_part_reader_headers(const aiohttp_body_part_reader *part);

/* What Content-Disposition calls the part, and its file; NULL when it does not. A file's name is
 * whatever the peer said: ../x too. Lent as the part is. Do not suspend. */
AIOHTTP_API const char *aiohttp_body_part_reader_name(const aiohttp_body_part_reader *part);
AIOHTTP_API const char *aiohttp_body_part_reader_filename(const aiohttp_body_part_reader *part);

/* From now on the part is given decoded: read_chunk and read undo its Content-Transfer-Encoding
 * (base64, quoted-printable; nothing is to be undone of 7bit, 8bit and binary) and its
 * Content-Encoding (gzip, deflate, br, zstd, as built in). Before the first byte of it is read;
 * called again it changes nothing. What is broken there, or ends in its middle, is
 * -AIOHTTP_CONTENT_ENCODING when it is read, what becomes too large -AIOHTTP_BODY_TOO_LARGE: for
 * this part, the next one can be read. In a handler, -(AIOHTTP_HTTP + 400) and + 413. 0; for a
 * coding that is not known -AIOHTTP_CONTENT_ENCODING, in a handler -(AIOHTTP_HTTP + 415);
 * -ASYNCIO_INVALID_STATE, -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_body_part_reader_decode(aiohttp_body_part_reader *part);

/* Puts 1 to `size` of the part's bytes into `buffer`: how many; 0 at its end. Errors as
 * aiohttp_multipart_reader_next. Suspends as the source does. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_body_part_reader_read_chunk(aiohttp_body_part_reader *part, void *buffer, size_t size);

/* All that is left of the part, with a NUL behind it, lent as the part is. -AIOHTTP_BODY_TOO_LARGE
 * once all that was read so, of all parts, is over limits.body. Else as read_chunk; after an error
 * of the source it goes on where it was. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_body_part_reader_read(aiohttp_body_part_reader *part,
                                                                 const char **ret_data,
                                                                 size_t *ret_size);

/* Reads what is left of the part and throws it away. 0, or as read_chunk. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_body_part_reader_release(aiohttp_body_part_reader *part);

/* 1 once the part's end was read. Does not suspend. */
AIOHTTP_API int aiohttp_body_part_reader_at_eof(const aiohttp_body_part_reader *part);

/* A reader of the multipart body that the part is: new. It counts by its parent's limits and holds
 * a reference to it; once the parent went on it gives -ASYNCIO_INVALID_STATE. -EINVAL: the part is
 * no multipart; -AIOHTTP_BAD_HTTP_MESSAGE: deeper than limits.part_depth; -ENOMEM. Does not
 * suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_body_part_reader_multipart(aiohttp_body_part_reader *part,
                                   aiohttp_multipart_reader **ret_reader);

typedef struct aiohttp_multipart_writer_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_multipart_writer_options));
    const char *boundary ASYNCIO__0; /* NULL: 128 bits of the system's randomness */
} aiohttp_multipart_writer_options;

/* Makes a writer of multipart/`subtype`: new, with one reference. -EINVAL: the subtype is no token,
 * or the boundary none. -ENOMEM; what getrandom fails with. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_multipart_writer_new(const char *subtype, aiohttp_multipart_writer **ret_writer,
                             const aiohttp_multipart_writer_options *options);
#define aiohttp_multipart_writer_new(...) aiohttp__multipart_writer_new_m(__VA_ARGS__, )
#define aiohttp__multipart_writer_new_m(subtype, ret_writer, ...)                                  \
    aiohttp__multipart_writer_new_v(                                                               \
        subtype, ret_writer, ASYNCIO__OPTIONS(aiohttp_multipart_writer_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int
aiohttp__multipart_writer_new_v(const char *subtype, aiohttp_multipart_writer **ret_writer,
                                aiohttp_multipart_writer_options options)
{
    return (aiohttp_multipart_writer_new)(subtype, ret_writer, &options);
}

/* Gives the reference back (NULL allowed); `.destroy` of each stream is called, if it was not. Does
 * not suspend. */
AIOHTTP_API void aiohttp_multipart_writer_unref(aiohttp_multipart_writer *writer);

/* Adds a part of `size` bytes, which are copied, with these headers (NULL: none), which are copied
 * too. -EINVAL once reading began; -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_multipart_writer_append(aiohttp_multipart_writer *writer, const void *data, size_t size,
                                const aiohttp_headers *headers);

#define AIOHTTP_UNKNOWN_LENGTH (-1)

typedef struct aiohttp_multipart_stream_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_multipart_stream_options));
    int64_t length ASYNCIO__DEFAULT(AIOHTTP_UNKNOWN_LENGTH); /* how much `read` will give */
    void (*destroy)(void *source) ASYNCIO__0;                /* called once, with the source */
    /* begins anew, for a body that has to be sent again: 0 or an error. NULL: it cannot */
    int (*rewind)(void *source) ASYNCIO__0;
} aiohttp_multipart_stream_options;

/* Adds a part that is read when it is its turn. Takes `source`: `.destroy` is called when it has
 * been read, or, with `.rewind`, at the writer's end; when this fails, not. A source that ends
 * before the length it promised is an error of reading: -AIOHTTP_PAYLOAD; more is not asked of it.
 * -EINVAL once reading began; -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_multipart_writer_append_stream(aiohttp_multipart_writer *writer,
                                       aiohttp_multipart_source *read, void *source,
                                       const aiohttp_headers *headers,
                                       const aiohttp_multipart_stream_options *options);
#define aiohttp_multipart_writer_append_stream(...)                                                \
    aiohttp__multipart_append_stream_m(__VA_ARGS__, )
#define aiohttp__multipart_append_stream_m(writer, read, source, headers, ...)                     \
    aiohttp__multipart_append_stream_v(                                                            \
        writer, read, source, headers,                                                             \
        ASYNCIO__OPTIONS(aiohttp_multipart_stream_options, (.length = AIOHTTP_UNKNOWN_LENGTH, ),   \
                         __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int
aiohttp__multipart_append_stream_v(aiohttp_multipart_writer *writer, aiohttp_multipart_source *read,
                                   void *source, const aiohttp_headers *headers,
                                   aiohttp_multipart_stream_options options)
{
    return (aiohttp_multipart_writer_append_stream)(writer, read, source, headers, &options);
}

/* Adds a part that is itself multipart, with its Content-Type. Takes the reference when it
 * succeeds. -EINVAL, -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_multipart_writer_append_multipart(aiohttp_multipart_writer *writer,
                                          aiohttp_multipart_writer *inner);

/* multipart/...; boundary=...: lent as long as the writer. Does not suspend. */
AIOHTTP_API const char *
aiohttp_multipart_writer_content_type(const aiohttp_multipart_writer *writer);

/* How many bytes reading will give in all; -1 when a stream did not tell. Does not suspend. */
AIOHTTP_API int64_t aiohttp_multipart_writer_length(const aiohttp_multipart_writer *writer);

/* Puts the next 1 to `size` bytes of the body into `buffer`: how many; 0 at its end. What a stream
 * fails with, and goes on when it is called again; -AIOHTTP_PAYLOAD. Suspends as the streams do. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_multipart_writer_read(aiohttp_multipart_writer *writer,
                                                                 void *buffer, size_t size);

ASYNCIO__END
