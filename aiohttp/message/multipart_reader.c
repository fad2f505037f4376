/* SPDX-License-Identifier: MIT */
/* Multipart bodies, read: see <aiohttp/multipart.h>.
 *
 * MODEL  A buffer in front of the source, large enough for the largest head of a part;
 *        wire/multipart.h says what is at its beginning, wire/head.h reads the heads. What the
 *        grammar refuses is remembered; what the source fails with is not, and nothing is lost by
 *        it.
 * CODED  A part whose codings are undone has a coding (part_coding.h) and memory for what it gives.
 *        Its raw bytes are consumed when the coding has taken them, so it, too, goes on after an
 *        error of the source. What is wrong with the coding is wrong with this part only.
 * NESTED A reader within a part has the part for its source, counts parts and kept bytes where its
 *        outermost parent does, and knows by a number when that part has gone. */
#include "message/multipart_reader.h"

#include "base/error.h"
#include "message/coding.h"
#include "message/headers.h"
#include "message/part_coding.h"
#include "wire/ascii.h"
#include "wire/disposition.h"
#include "wire/head.h"
#include "wire/media.h"
#include "wire/multipart.h"

#include <asyncio/alloc.h>
#include <errno.h>
#include <limits.h>

enum { BUFFER_MORE = 4096, HEAD_MOST = 1 << 20, FIELDS_MOST = 1024, DECODED = 4096 };

struct aiohttp_body_part_reader {
    aiohttp_multipart_reader *reader;
    aiohttp_headers *headers;
    struct bytes texts; /* name, NUL, file's name, NUL */
    struct bytes whole; /* what read keeps */
    bool has_name, has_filename, is_done;
    bool has_begun;  /* a byte of it was asked for */
    bool is_decoded; /* from its beginning on, should there be a coding */
    size_t filename_at;
    uint64_t number; /* of the part, from 1 */
    struct part_coding *coding; /* NULL: it is given as it comes */
    char *decoded;              /* DECODED bytes, with a coding */
    struct span piece;          /* of them: not given yet */
    bool is_raw_done;           /* the coding has had all of it */
    int error;                  /* of the coding, for ever */
};

/* What all readers of one body count together. */
struct counted {
    size_t parts, kept;
    uint64_t encoded, decoded; /* of all coded parts */
};

struct aiohttp_multipart_reader {
    unsigned references;
    aiohttp_multipart_source *read;
    void *source;
    aiohttp_multipart_reader *parent; /* whose part `parent_part` is the source; NULL: none */
    uint64_t parent_part;
    size_t depth;
    struct counted own, *counted;
    struct multipart scan;
    aiohttp_limits limits;
    struct head_field *fields;
    char *buffer;
    size_t first, end, capacity; /* of the buffer: what is not consumed */
    bool is_end;                 /* the source has */
    bool answers;                /* errors are HTTP statuses */
    bool is_form;                /* multipart/form-data */
    int error;                   /* of the grammar, for ever */
    struct aiohttp_body_part_reader part;
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void part_fini(struct aiohttp_body_part_reader *part)
{
    aiohttp_headers_unref(part->headers);
    part->headers = NULL;
    aiohttp__bytes_fini(&part->texts);
    aiohttp__bytes_fini(&part->whole);
    aiohttp__part_coding_free(part->coding);
    asyncio_mem_free(part->decoded);
    part->coding = NULL;
    part->decoded = NULL;
    part->piece = (struct span){ NULL, 0 };
    part->has_begun = part->is_decoded = part->is_raw_done = false;
    part->error = 0;
    part->has_name = part->has_filename = false;
    part->is_done = true;
}

void aiohttp_multipart_reader_unref(aiohttp_multipart_reader *reader)
{
    /* a chain as long as part_depth allows, and no recursion */
    while (reader && --reader->references == 0) {
        aiohttp_multipart_reader *parent = reader->parent;
        part_fini(&reader->part);
        asyncio_mem_free(reader->fields);
        asyncio_mem_free(reader->buffer);
        asyncio_mem_free(reader);
        reader = parent;
    }
}

/* The boundary that a Content-Type tells, and whether it is a form's. */
static int boundary_of(struct span content_type, struct bytes *out, bool *ret_is_form)
{
    struct media_type type;
    struct parameter boundary;
    if (aiohttp__media_type_parse(content_type, &type) < 0 ||
        !span_is_case(type.type, SPAN("multipart")) ||
        !aiohttp__media_type_parameter(&type, SPAN("boundary"), &boundary))
        return -EINVAL;
    aiohttp__quoted_read(out, boundary.value);
    *ret_is_form = span_is_case(type.subtype, SPAN("form-data"));
    return out->error ? -EINVAL : 0;
}

int(aiohttp_multipart_reader_new)(const char *content_type, aiohttp_multipart_source *read,
                                  void *source, aiohttp_multipart_reader **ret_reader,
                                  const aiohttp_multipart_reader_options *options)
{
    char text[BOUNDARY_MAX];
    struct bytes boundary = bytes_in(text, sizeof text);
    struct multipart scan;
    aiohttp__errors_add();
    aiohttp_limits limits =
        options && options->limits ? *options->limits : aiohttp_server_limits();
    size_t head = least(limits.part_head, HEAD_MOST);
    bool is_form = false;
    int r = boundary_of(span_of(content_type), &boundary, &is_form);
    if (r == 0)
        r = aiohttp__multipart_begin(&scan, bytes_span(&boundary), head);
    if (r < 0)
        return r;
    aiohttp_multipart_reader *reader = asyncio_mem_calloc(1, sizeof *reader);
    if (!reader)
        return -ENOMEM;
    limits.part_head = head;
    limits.part_headers = least(limits.part_headers, FIELDS_MOST);
    reader->references = 1;
    reader->read = read;
    reader->source = source;
    reader->depth = 1;
    reader->counted = &reader->own;
    reader->is_form = is_form;
    reader->scan = scan;
    reader->limits = limits;
    reader->part.reader = reader;
    reader->part.is_done = true;
    reader->capacity = head + BUFFER_MORE;
    reader->buffer = asyncio_mem_malloc(reader->capacity);
    reader->fields = asyncio_mem_malloc((limits.part_headers + 1) * sizeof *reader->fields);
    if (!reader->buffer || !reader->fields) {
        aiohttp_multipart_reader_unref(reader);
        return -ENOMEM;
    }
    *ret_reader = reader;
    return 0;
}

void aiohttp__multipart_reader_answers(aiohttp_multipart_reader *reader)
{
    reader->answers = true;
}

static int refuse(aiohttp_multipart_reader *reader, int code, const char *why)
{
    if (reader->answers)
        code = -(AIOHTTP_HTTP + (code == -AIOHTTP_BODY_TOO_LARGE ? 413 : 400));
    reader->error = code;
    return asyncio_raise(code, "multipart: %s", why);
}

/* Reads more into the buffer, which has room: a head that does not fit was refused before. */
static int fill(aiohttp_multipart_reader *reader)
{
    if (reader->first > 0) {
        memmove(reader->buffer, reader->buffer + reader->first, reader->end - reader->first);
        reader->end -= reader->first;
        reader->first = 0;
    }
    if (reader->parent && reader->parent->part.number != reader->parent_part)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "multipart: the part it is in has gone");
    size_t room = reader->capacity - reader->end;
    if (room == 0)
        return refuse(reader, -AIOHTTP_HEADERS_TOO_LARGE, "the head of a part is too large");
    int r = reader->read(reader->source, reader->buffer + reader->end, room);
    if (r > 0)
        reader->end += least((size_t)r, room);
    reader->is_end = r == 0;
    return r < 0 ? r : 0;
}

/* The next event. What it consumes is consumed, but for the piece of MULTIPART_DATA. */
static int step(aiohttp_multipart_reader *reader, struct span *ret_data)
{
    for (;;) {
        size_t consumed;
        const char *why = NULL;
        if (reader->error)
            return reader->error;
        int event = aiohttp__multipart_next(&reader->scan, reader->buffer + reader->first,
                                            reader->end - reader->first, reader->is_end,
                                            &consumed, ret_data, &why);
        if (event < 0)
            return refuse(reader, event, why);
        if (event != MULTIPART_DATA)
            reader->first += consumed;
        if (event != MULTIPART_MORE)
            return event;
        int r = consumed == 0 ? fill(reader) : 0;
        if (r < 0)
            return r;
    }
}

/* Name and file's name, out of Content-Disposition; one that is broken says neither. */
static int read_names(struct aiohttp_body_part_reader *part)
{
    struct disposition disposition;
    const char *value = aiohttp_headers_get(part->headers, "Content-Disposition");
    if (!value || aiohttp__disposition_parse(span_of(value), &disposition) < 0)
        return 0;
    part->texts = bytes_up_to(HEAD_MOST * 2);
    part->has_name = aiohttp__disposition_name(&part->texts, &disposition);
    bytes_put(&part->texts, '\0');
    part->filename_at = part->texts.size;
    part->has_filename = aiohttp__disposition_filename(&part->texts, &disposition);
    bytes_put(&part->texts, '\0');
    return part->texts.error;
}

static int keep_headers(aiohttp_multipart_reader *reader, const struct head *head)
{
    struct aiohttp_body_part_reader *part = &reader->part;
    const char *data = reader->buffer + reader->first;
    int r = 0;
    part->headers = aiohttp_headers_new();
    if (!part->headers)
        return -ENOMEM;
    for (uint32_t i = 0; r >= 0 && i < head->field_count; i++)
        r = aiohttp__headers_add(part->headers, head_field_name(data, &head->fields[i]),
                                 head_field_value(data, &head->fields[i]));
    return r < 0 ? r : read_names(part);
}

static int read_head(aiohttp_multipart_reader *reader)
{
    struct head head;
    aiohttp__head_begin(&head, HEAD_PART, &reader->limits, 0, reader->fields,
                        (uint32_t)reader->limits.part_headers + 1);
    int size;
    while ((size = aiohttp__head_parse(&head, reader->buffer + reader->first,
                                       reader->end - reader->first)) == 0) {
        if (reader->is_end)
            return refuse(reader, -AIOHTTP_BAD_HTTP_MESSAGE, "the body ended in a part's head");
        int r = fill(reader);
        if (r < 0)
            return r;
    }
    if (size < 0)
        return refuse(reader, size == -ENOBUFS ? -AIOHTTP_HEADERS_TOO_LARGE : size,
                      head.why ? head.why : "too many fields");
    if (reader->counted->parts >= reader->limits.parts)
        return refuse(reader, -AIOHTTP_BAD_HTTP_MESSAGE, "too many parts");
    int r = keep_headers(reader, &head);
    if (r < 0) {
        part_fini(&reader->part);
        return r;
    }
    reader->counted->parts++;
    reader->first += (size_t)size;
    reader->part.is_done = false;
    aiohttp__multipart_head_done(&reader->scan);
    return 1;
}

int aiohttp_multipart_reader_next(aiohttp_multipart_reader *reader,
                                  aiohttp_body_part_reader **ret_part)
{
    struct span data;
    int r = aiohttp_body_part_reader_release(&reader->part);
    if (r < 0)
        return r;
    part_fini(&reader->part);
    reader->part.number++;
    int event = step(reader, &data);
    if (event != MULTIPART_HEAD)
        return event < 0 ? event : 0;
    r = read_head(reader);
    if (r > 0)
        *ret_part = &reader->part;
    return r;
}

/* --- codings --- */

int aiohttp_body_part_reader_decode(aiohttp_body_part_reader *part)
{
    aiohttp_multipart_reader *reader = part->reader;
    if (part->is_decoded)
        return 0;
    if (part->has_begun || !part->headers)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "multipart: the part was read already");
    const char *transfer = aiohttp_headers_get(part->headers, "Content-Transfer-Encoding");
    const char *content = aiohttp_headers_get(part->headers, "Content-Encoding");
    struct span none = { NULL, 0 };
    struct part_coding *coding;
    int r = aiohttp__part_coding_new(transfer ? span_of(transfer) : none,
                                     content && !reader->is_form ? span_of(content) : none,
                                     &reader->limits, &coding);
    if (r == -(AIOHTTP_HTTP + 415))
        return asyncio_raise(reader->answers ? r : -AIOHTTP_CONTENT_ENCODING,
                             "multipart: a part has a coding that is not known");
    if (r < 0)
        return r;
    if (coding && !(part->decoded = asyncio_mem_malloc(DECODED))) {
        aiohttp__part_coding_free(coding);
        return -ENOMEM;
    }
    part->coding = coding;
    part->is_decoded = true;
    return 0;
}

static int coding_failed(aiohttp_body_part_reader *part, int code)
{
    bool is_large = code == -AIOHTTP_BODY_TOO_LARGE;
    if (part->reader->answers)
        code = -(AIOHTTP_HTTP + (is_large ? 413 : 400));
    part->error = code;
    return asyncio_raise(code, is_large ? "multipart: a part becomes too large" :
                                          "multipart: a part's coding is broken");
}

/* As decoder.c counts for one body: here for all parts of one. */
static bool is_bomb(const aiohttp_multipart_reader *reader)
{
    const struct counted *counted = reader->counted;
    const aiohttp_limits *limits = &reader->limits;
    return coding_is_bomb(counted->decoded, counted->encoded, limits->inflate_ratio,
                          limits->inflate_ratio_from);
}

/* What the coding makes of the next raw bytes: part->piece, empty at the end. */
static int decode_more(aiohttp_body_part_reader *part)
{
    aiohttp_multipart_reader *reader = part->reader;
    int r = 0;
    while (r == 0) {
        struct span raw = { "", 0 };
        int event = part->is_raw_done ? MULTIPART_PART_END : step(reader, &raw);
        if (event < 0)
            return event;
        part->is_raw_done = event != MULTIPART_DATA;
        raw.size = part->is_raw_done ? 0 : raw.size;
        size_t before = raw.size;
        r = aiohttp__part_coding_step(part->coding, &raw, part->decoded, DECODED);
        reader->first += before - raw.size;
        reader->counted->encoded += before - raw.size;
        if (r == 0 && part->is_raw_done) {
            r = aiohttp__part_coding_finish(part->coding);
            break;
        }
    }
    if (r == -ENOMEM)
        return r;
    if (r > 0) {
        reader->counted->decoded += (size_t)r;
        r = is_bomb(reader) ? -AIOHTTP_BODY_TOO_LARGE : r;
    }
    if (r < 0)
        return coding_failed(part, r);
    part->piece = (struct span){ part->decoded, (size_t)r };
    return 0;
}

/* 1 and bytes of the part, to be consumed; 0: it has ended. */
static int next_piece(aiohttp_body_part_reader *part, struct span *ret_data)
{
    part->has_begun = true;
    if (part->is_done)
        return 0;
    if (!part->coding) {
        int event = step(part->reader, ret_data);
        part->is_done = event >= 0 && event != MULTIPART_DATA;
        return event < 0 ? event : !part->is_done;
    }
    int r = part->error;
    if (r == 0 && !part->piece.size)
        r = decode_more(part);
    if (r < 0)
        return r;
    part->is_done = !part->piece.size;
    *ret_data = part->piece;
    return !part->is_done;
}

static void consume(aiohttp_body_part_reader *part, size_t size)
{
    if (part->coding)
        part->piece = (struct span){ part->piece.data + size, part->piece.size - size };
    else
        part->reader->first += size;
}

/* --- what is in a part --- */

int aiohttp_body_part_reader_read_chunk(aiohttp_body_part_reader *part, void *buffer, size_t size)
{
    struct span data;
    int r = size == 0 ? 0 : next_piece(part, &data);
    if (r <= 0)
        return r;
    size_t given = least(least(data.size, size), INT_MAX);
    memcpy(buffer, data.data, given);
    consume(part, given);
    return (int)given;
}

int aiohttp_body_part_reader_release(aiohttp_body_part_reader *part)
{
    struct span data;
    part->is_done |= part->is_raw_done;
    while (!part->is_done) {
        int event = step(part->reader, &data);
        if (event < 0)
            return event;
        if (event == MULTIPART_DATA)
            part->reader->first += data.size;
        else
            part->is_done = true;
    }
    return 0;
}

int aiohttp_body_part_reader_read(aiohttp_body_part_reader *part, const char **ret_data,
                                  size_t *ret_size)
{
    aiohttp_multipart_reader *reader = part->reader;
    struct span data;
    if (part->whole.max == 0)
        part->whole = bytes_up_to(SIZE_MAX / 2);
    for (;;) {
        int r = next_piece(part, &data);
        if (r < 0)
            return r;
        if (r == 0)
            break;
        if (data.size > reader->limits.body - reader->counted->kept)
            return refuse(reader, -AIOHTTP_BODY_TOO_LARGE, "more than is kept in memory");
        bytes_add(&part->whole, data);
        if (part->whole.error) {
            /* nothing was appended, nothing consumed: it can be tried again */
            part->whole.error = 0;
            return -ENOMEM;
        }
        reader->counted->kept += data.size;
        consume(part, data.size);
    }
    size_t size = part->whole.size;
    bytes_put(&part->whole, '\0');
    if (part->whole.error) {
        part->whole.error = 0;
        return -ENOMEM;
    }
    part->whole.size = size;
    if (ret_data)
        *ret_data = part->whole.data;
    if (ret_size)
        *ret_size = size;
    return 0;
}

const aiohttp_headers *aiohttp_body_part_reader_headers(const aiohttp_body_part_reader *part)
{
    return part->headers;
}

const char *aiohttp_body_part_reader_name(const aiohttp_body_part_reader *part)
{
    return part->has_name ? part->texts.data : NULL;
}

const char *aiohttp_body_part_reader_filename(const aiohttp_body_part_reader *part)
{
    return part->has_filename ? part->texts.data + part->filename_at : NULL;
}

int aiohttp_body_part_reader_at_eof(const aiohttp_body_part_reader *part)
{
    return part->is_done;
}

static int read_part(void *source, void *buffer, size_t size)
{
    return aiohttp_body_part_reader_read_chunk(source, buffer, size);
}

int aiohttp_body_part_reader_multipart(aiohttp_body_part_reader *part,
                                       aiohttp_multipart_reader **ret_reader)
{
    aiohttp_multipart_reader *parent = part->reader, *reader;
    const char *type = part->headers ? aiohttp_headers_get(part->headers, "Content-Type") : NULL;
    if (!type)
        return -EINVAL;
    int r = aiohttp_multipart_reader_new(type, read_part, part, &reader,
                                         .limits = &parent->limits);
    if (r < 0)
        return r;
    if (parent->depth >= parent->limits.part_depth) {
        aiohttp_multipart_reader_unref(reader);
        return asyncio_raise(parent->answers ? -(AIOHTTP_HTTP + 400) : -AIOHTTP_BAD_HTTP_MESSAGE,
                             "multipart: too deep");
    }
    parent->references++;
    reader->parent = parent;
    reader->parent_part = part->number;
    reader->depth = parent->depth + 1;
    reader->counted = parent->counted;
    reader->answers = parent->answers;
    *ret_reader = reader;
    return 0;
}
